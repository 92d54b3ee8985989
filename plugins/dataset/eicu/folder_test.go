package eicu

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// tables are tables as text; the first row of each names the columns.
type tables map[string][][]string

// handMade are the tables of testdata/folder, invented stays that each show one rule.
func handMade(t testing.TB) tables {
	t.Helper()
	out := tables{}
	files, err := filepath.Glob("testdata/folder/*.csv")
	if err != nil || len(files) != 10 {
		t.Fatalf("%d tables in testdata/folder, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".csv")] = rows
	}
	return out
}

// column is the place of a column of a table.
func (x tables) column(table, name string) int {
	i := slices.Index(x[table][0], name)
	if i < 0 {
		panic(table + " has no column " + name)
	}
	return i
}

// set changes a field in all rows of a stay.
func (x tables) set(table, stay, column, value string) tables {
	id, at := x.column(table, "patientunitstayid"), x.column(table, column)
	for _, row := range x[table][1:] {
		if row[id] == stay {
			row[at] = value
		}
	}
	return x
}

// add adds a row with the given fields, others empty.
func (x tables) add(table string, fields map[string]string) tables {
	row := make([]string, len(x[table][0]))
	for name, value := range fields {
		row[x.column(table, name)] = value
	}
	x[table] = append(x[table], row)
	return x
}

// shuffle changes the order of the rows of all tables.
func (x tables) shuffle(rng *rand.Rand) tables {
	for _, rows := range x {
		rng.Shuffle(len(rows)-1, func(i, j int) { rows[i+1], rows[j+1] = rows[j+1], rows[i+1] })
	}
	return x
}

// write writes the tables into a folder.
func (x tables) write(t testing.TB, dir string) {
	t.Helper()
	for name, rows := range x {
		writeFile(t, filepath.Join(dir, name+".csv"), csvText(t, rows))
	}
}

func csvText(t testing.TB, rows [][]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func zip(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// settings returns those of the given matrix and window.
func settings(root, matrix, window string) Config {
	c := defaults
	c.Root, c.Matrix, c.Window = root, matrix, window
	return c
}

func tryRead(t testing.TB, c Config, threads int) (*plugins.Data, error) {
	t.Helper()
	d, err := New(c)
	if err != nil {
		return nil, err
	}
	return d.Read(context.Background(), plugins.Env{Threads: threads})
}

func read(t testing.TB, c Config) *plugins.Data {
	t.Helper()
	data, err := tryRead(t, c, 2)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// folder writes the tables into a new folder.
func (x tables) folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	x.write(t, dir)
	return dir
}

// value is a value of a frame, NaN where it is missing.
func value(t testing.TB, f *frame.Frame, column string, row int) float64 {
	t.Helper()
	c := f.Column(column)
	if c == nil {
		t.Fatalf("no column %q", column)
	}
	return c.Numbers[row]
}

// level is a text of a frame, "" where it is missing.
func level(t testing.TB, f *frame.Frame, column string, row int) string {
	t.Helper()
	c := f.Column(column)
	if c == nil {
		t.Fatalf("no column %q", column)
	}
	if c.IsMissing(row) {
		return ""
	}
	return c.Levels[c.Codes[row]]
}

// counted is the value of a count whose name and dimensions hold all of the words; -1 when there is none.
func counted(d *plugins.Data, words ...string) int {
	for _, c := range d.Counts {
		all := c.Name
		for _, v := range c.Dims {
			all += " | " + v
		}
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(all, w) }) {
			return c.Value
		}
	}
	return -1
}

var nan = math.NaN()

// same reports whether two numbers agree up to rounding; missing agrees with missing.
func same(a, b float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*math.Max(1, math.Abs(b))
}
