package table

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// folder makes a folder of the given files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// at puts a folder before the paths of settings, those of joined tables too.
func at(dir string, with map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range with {
		switch v := v.(type) {
		case string:
			if out[k] = v; k == "path" {
				out[k] = dir + "/" + v
			}
		case []any:
			if out[k] = v; k == "path" {
				paths := make([]any, len(v))
				for i, p := range v {
					paths[i] = dir + "/" + p.(string)
				}
				out[k] = paths
			}
		case map[string]any:
			if out[k] = v; k == "join" {
				joins := map[string]any{}
				for name, j := range v {
					joins[name] = at(dir, j.(map[string]any))
				}
				out[k] = joins
			}
		default:
			out[k] = v
		}
	}
	return out
}

type object = map[string]any

// read reads a data set with one thread and with four, and its header, which must announce what was read.
func read(t *testing.T, with map[string]any) *plugins.Data {
	t.Helper()
	d, _ := build(t, with)
	data, err := d.Read(context.Background(), plugins.Env{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Read(context.Background(), plugins.Env{Threads: 4})
	if err != nil || again.Frame.Digest() != data.Frame.Digest() {
		t.Fatalf("threads change what is read (error: %v)", err)
	}
	h, err := d.Header(context.Background(), plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range data.Frame.Columns() {
		i := slices.IndexFunc(h.Columns, func(i plugins.ColumnInfo) bool { return i.Name == c.Name })
		if i < 0 {
			t.Errorf("column %q is not in the header", c.Name)
		} else if kind := h.Columns[i].Kind; kind != c.Kind && kind != "" || h.Columns[i].Unit != c.Unit { // no kind: no value in the sample
			t.Errorf("column %q: header and table differ in kind or unit: %+v", c.Name, h.Columns[i])
		}
	}
	return data
}

// fails demands one error of Read, and the same of Header unless it needs all rows.
func fails(t *testing.T, with map[string]any, want string) {
	t.Helper()
	d, _ := build(t, with)
	_, readErr := d.Read(context.Background(), plugins.Env{Threads: 2})
	_, headerErr := d.Header(context.Background(), plugins.Env{})
	for _, err := range []error{readErr, headerErr} {
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	var fault *frame.FileError
	if readErr != nil && !errors.As(readErr, &fault) {
		t.Errorf("%T is no fault of a file", readErr)
	}
}

// number and category make the columns that tests want.
func number(name, unit string, values ...float64) *frame.Column {
	c := frame.NewNumber(name, values)
	c.Unit, c.Integer = unit, whole(values)
	return c
}

func category(name string, values ...string) *frame.Column {
	absent := make([]bool, len(values))
	for i, v := range values {
		absent[i] = v == ""
	}
	return frame.NewCategoryFromStrings(name, values, absent)
}

// same compares a frame with the columns wanted.
func same(t *testing.T, f *frame.Frame, want ...*frame.Column) {
	t.Helper()
	nan := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
	if diff := cmp.Diff(want, f.Columns(), nan); diff != "" {
		t.Error(diff)
	}
}

// counted returns the counts with the given name, by the value of one dimension; "" without dimensions.
func counted(d *plugins.Data, name, dim string) map[string]int {
	out := map[string]int{}
	for _, c := range d.Counts {
		if c.Name == name {
			out[c.Dims[dim]] += c.Value
		}
	}
	return out
}

var env = plugins.Env{Threads: 1}

func jsonObject(t *testing.T, text string) (out object) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
