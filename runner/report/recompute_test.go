package report

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// The quantiles 0.975 of Student's t with 1 and 2 degrees of freedom, in closed form.
var studentsT = []float64{math.Tan(0.475 * math.Pi), math.Sqrt2 * 0.95 / math.Sqrt(1-0.95*0.95)}

// recomputed is a mean over seeds, as anybody would make it of scores.csv and cells.csv.
type recomputed struct {
	values, below, above []float64 // of the cells with a value: it, and how far its interval reaches down and up
	planned              int
}

func (r *recomputed) mean() float64 {
	sum := 0.
	for _, v := range r.values {
		sum += v
	}
	return sum / float64(len(r.values))
}

// reach is how far the interval of the mean reaches to one side: Student's t over seeds, to which the sampling of the test rows is added
// where the values have intervals, which reach so far.
func (r *recomputed) reach(side []float64) float64 {
	n, mean, squares, rows := float64(len(r.values)), r.mean(), 0., 0.
	for _, v := range r.values {
		squares += (v - mean) * (v - mean)
	}
	for _, h := range side {
		rows += h * h / n
	}
	return math.Hypot(studentsT[len(r.values)-2]*math.Sqrt(squares/(n-1)/n), math.Sqrt(rows))
}

// readCSV reads a file as rows by the names of its columns, with encoding/csv and no code of ours.
func readCSV(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// recompute makes the means over seeds of scores.csv, by strategy, features, scope and score.
func recompute(t *testing.T, dir string) map[string]*recomputed {
	t.Helper()
	excluded := map[string]bool{}
	for _, cell := range readCSV(t, filepath.Join(dir, "cells.csv")) {
		excluded[cell["cell"]] = cell["status"] == "excluded"
	}
	out := map[string]*recomputed{}
	for _, s := range readCSV(t, filepath.Join(dir, "scores.csv")) {
		if excluded[s["cell"]] {
			continue
		}
		key := strings.Join([]string{s["strategy"], s["features"], s["scope"], s["metric"] + "." + s["score"]}, "|")
		r := out[key]
		if r == nil {
			r = &recomputed{}
			out[key] = r
		}
		r.planned++
		if s["status"] != "ok" {
			continue
		}
		number := func(column string) float64 {
			v, err := strconv.ParseFloat(s[column], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		r.values = append(r.values, number("value"))
		if s["low"] != "" {
			r.below = append(r.below, number("value")-number("low"))
			r.above = append(r.above, number("high")-number("value"))
		}
	}
	return out
}

// A number in a table is the one that anybody makes of scores.csv: value, interval and n/N, in every file of the table. Cells that failed
// leave dashes, notes and n/N.
func TestATableIsWhatScoresCSVSays(t *testing.T) {
	root := t.TempDir()
	core := study()
	declared := spec.Table{
		Name: "t", Rows: []string{"strategy", "features", "scope"}, Over: []string{"seed"},
		Columns: []spec.TableColumn{{Score: "kl.mean"}, {Score: "across.auroc"}, {Score: "within.auroc"}},
	}
	w, err := record.Write(root, core, record.Views{Tables: []spec.Table{declared}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := record.Open(root, "study", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := Render(v.Core, v.Views, registry(), w.Dir); err != nil {
		t.Fatal(err)
	}
	want := recompute(t, w.Dir)
	compared, partial, missing := 0, 0, 0
	close := func(a string, b float64) bool {
		x, err := strconv.ParseFloat(a, 64)
		return err == nil && math.Abs(x-b) <= 1e-12
	}
	page := string(read(t, filepath.Join(w.Dir, "tables", "t.md")))
	for _, row := range readCSV(t, filepath.Join(w.Dir, "tables", "t.csv")) {
		r := want[strings.Join([]string{row["strategy"], row["features"], row["scope"], row["score"]}, "|")]
		if r == nil || len(r.values) == 0 {
			if row["value"] != "" || row["status"] == "ok" || row["note"] == "" {
				t.Errorf("%v has a value, or no reason", row)
			}
			missing++
			continue
		}
		compared++
		if row["measured"] != strconv.Itoa(len(r.values)) || row["planned"] != strconv.Itoa(r.planned) {
			t.Errorf("%s/%s, want %d/%d: %v", row["measured"], row["planned"], len(r.values), r.planned, row)
		}
		if !close(row["value"], r.mean()) || !strings.Contains(page, strconv.FormatFloat(r.mean(), 'f', 3, 64)) {
			t.Errorf("value %s, want %v: %v", row["value"], r.mean(), row)
		}
		if len(r.values) < r.planned {
			partial++
			if !strings.Contains(row["note"], "failed at generate: timed out") && !strings.Contains(row["note"], "one class") {
				t.Errorf("no reason for %s of %s: %v", row["measured"], row["planned"], row)
			}
		}
		if len(r.values) == 1 {
			if !close(row["low"], r.mean()-0.03) || !close(row["high"], r.mean()+0.02) {
				t.Errorf("a single value has an interval of its own: %v", row)
			}
			continue
		}
		low, high := r.mean()-r.reach(r.below), r.mean()+r.reach(r.above)
		if !close(row["low"], low) && !(low < 0 && row["low"] == "0") || !close(row["high"], high) && !(high > 1 && row["high"] == "1") {
			t.Errorf("interval [%s, %s], want [%v, %v]: %v", row["low"], row["high"], low, high, row)
		}
	}
	if compared < 12 || partial < 4 || missing < 4 {
		t.Errorf("compared %d numbers, %d of them means of some cells, and %d dashes: the test sees too little", compared, partial, missing)
	}
	if !strings.Contains(page, "(2/3)") && !strings.Contains(page, "| 2/3") || !strings.Contains(page, dash) {
		t.Errorf("no n/N or dash:\n%s", page)
	}
}
