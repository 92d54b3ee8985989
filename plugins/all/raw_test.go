package all

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The simulated cohort, written as the raw tables of eICU and extracted from them again, is the same to the last digit.
// Its writer and the extraction were written apart.
func TestSimulatedTablesAreExtractedAgain(t *testing.T) {
	r := Registry()
	env := plugins.Env{Threads: 2, Log: slog.New(slog.DiscardHandler), Progress: func(int, int) {}}
	build := func(name, with string) plugins.Dataset {
		d, _, err := r.Datasets.Get(name).Build(json.RawMessage(with))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, with := range []string{`{"rows": 1500, "vitalsEvery": 10}`, `{"rows": 800, "hospitals": 24, "seed": 3, "vitalsEvery": 48, "repeats": 0.3}`} {
		folder := t.TempDir()
		simulated := build("simulated-icu", with)
		if err := simulated.(plugins.RawWriter).WriteRaw(context.Background(), env, folder); err != nil {
			t.Fatal(err)
		}
		made, err := simulated.Read(context.Background(), env)
		if err != nil {
			t.Fatal(err)
		}
		root, _ := json.Marshal(folder)
		read, err := build("eicu", `{"matrix": "johnson2018", "root": `+string(root)+`}`).Read(context.Background(), env)
		if err != nil {
			t.Fatal(err)
		}
		want := firstStays(made.Frame)
		if got := read.Frame; got.Rows() != want.Rows() || got.Digest() != want.Digest() {
			t.Errorf("%s: %d rows and %d columns were extracted, %d and %d simulated", with, got.Rows(), len(got.Columns()), want.Rows(), len(want.Columns()))
			for i, c := range got.Columns() {
				if w := want.Columns()[i]; frame.Must(c).Digest() != frame.Must(w).Digest() {
					t.Errorf("column %s differs", w.Name)
				}
			}
		}
		left := 0
		for _, c := range read.Counts {
			if c.Name == "stays excluded" && c.Value > 0 {
				left++
			}
		}
		if left < 5 {
			t.Errorf("%s: %d steps of the cohort leave a stay out, want 5 or more: the tables hold stays of every kind", with, left)
		}
	}
}

// firstStays keeps the first stay of each patient, as the cohort of the matrix does; later ones follow it.
func firstStays(f *frame.Frame) *frame.Frame {
	who := f.Column("uniquepid").Codes
	var rows []int
	for row := range who {
		if row == 0 || who[row] != who[row-1] {
			rows = append(rows, row)
		}
	}
	return f.Take(rows)
}
