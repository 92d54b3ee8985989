package metrictest

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Reference is a folder of reference values: expected.json, and pairs of frames with columns.json. Its README defines
// the metrics.
type Reference struct {
	dir     string
	entries []Entry
}

// Entry is one reference value. Value is a number, a list or an object; nil where the metric is undefined.
type Entry struct {
	ID        string   `json:"id"`
	Pair      string   `json:"pair"`
	Metric    string   `json:"metric"`
	Columns   []string `json:"columns"`
	Value     any      `json:"value"`
	Tolerance struct {
		Abs float64 `json:"abs"`
		Rel float64 `json:"rel"`
	} `json:"tolerance"`
}

// OpenReference reads the folder that EHRLAB_REFERENCE_DIR names or, without it, shared/metrics beside a folder above
// the package under test. The test is skipped when there is none.
func OpenReference(t testing.TB) *Reference {
	t.Helper()
	dir := os.Getenv("EHRLAB_REFERENCE_DIR")
	if dir == "" {
		dir = search(t, filepath.Join("shared", "metrics"))
	}
	if dir == "" {
		t.Skip("no reference values: EHRLAB_REFERENCE_DIR is not set, and no folder above has shared/metrics")
	}
	content, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Entries []Entry }
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatalf("expected.json: %v", err)
	}
	return &Reference{dir: dir, entries: file.Entries}
}

func search(t testing.TB, path string) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(at, path)); err == nil {
			return filepath.Join(at, path)
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if filepath.Dir(at) == at {
			return ""
		}
		at = filepath.Dir(at)
	}
}

// Entries returns the entries of a metric on a pair, of which there has to be one at least.
func (r *Reference) Entries(t testing.TB, pair, metric string) []Entry {
	t.Helper()
	var out []Entry
	for _, e := range r.entries {
		if e.Pair == pair && e.Metric == metric {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		t.Fatalf("expected.json has no entry of %s on %s", metric, pair)
	}
	return out
}

// Columns is the columns.json of a pair.
type Columns struct {
	Columns []struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	} `json:"columns"`
	Label    string   `json:"label"`
	Features []string `json:"features"`
}

// Columns describes the columns of a pair.
func (r *Reference) Columns(t testing.TB, pair string) Columns {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, "pair"+pair, "columns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c Columns
	if err := json.Unmarshal(content, &c); err != nil {
		t.Fatalf("pair %s: columns.json: %v", pair, err)
	}
	return c
}

// Frame returns a frame of a pair: "real", "synth" or "holdout". The empty field is missing.
func (r *Reference) Frame(t testing.TB, pair, name string) *frame.Frame {
	t.Helper()
	file, err := os.Open(filepath.Join(r.dir, "pair"+pair, name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var columns []*frame.Column
	for i, c := range r.Columns(t, pair).Columns {
		if lines[0][i] != c.Name {
			t.Fatalf("pair %s, %s: column %d is %q; columns.json says %q", pair, name, i+1, lines[0][i], c.Name)
		}
		column, err := parse(c.Name, c.Kind, lines[1:], i)
		if err != nil {
			t.Fatalf("pair %s, %s: %v", pair, name, err)
		}
		columns = append(columns, column)
	}
	return frame.Must(columns...)
}

func parse(name, kind string, lines [][]string, at int) (*frame.Column, error) {
	texts, numbers := make([]string, len(lines)), make([]float64, len(lines))
	for i, line := range lines {
		texts[i], numbers[i] = line[at], math.NaN()
		if kind != "numeric" || line[at] == "" {
			continue
		}
		v, err := strconv.ParseFloat(line[at], 64)
		if err != nil {
			return nil, fmt.Errorf("column %q, row %d: not a number", name, i+1)
		}
		numbers[i] = v
	}
	if kind == "numeric" {
		return frame.NewNumber(name, numbers), nil
	}
	return Category(name, texts...), nil
}

// Open opens a file of the folder, such as "pairB/predictions.csv".
func (r *Reference) Open(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join(r.dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Fields returns the names of the fields of an entry whose value is an object, sorted; none for a number.
func (e Entry) Fields() []string {
	object, _ := e.Value.(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

// Check compares a value with a leaf of the entry: its whole value, or the named field of it.
func (e Entry) Check(t testing.TB, field string, got float64) {
	t.Helper()
	want := e.Value
	if field != "" {
		object, ok := e.Value.(map[string]any)
		if !ok {
			t.Fatalf("%s has no fields", e.ID)
		}
		want = object[field]
	}
	number, ok := want.(float64)
	if !ok {
		t.Fatalf("%s %s: the reference is %v, no number", e.ID, field, want)
	}
	// written so that NaN fails
	if !(math.Abs(got-number) <= e.Tolerance.Abs+e.Tolerance.Rel*math.Abs(number)) {
		t.Errorf("%s %s: got %v, want %v (tolerance %v + %v·|want|)", e.ID, field, got, number, e.Tolerance.Abs, e.Tolerance.Rel)
	}
}
