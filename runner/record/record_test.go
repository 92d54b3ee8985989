package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// study is a small core with every kind of content: an undefined score, a failed and an excluded cell, warnings,
// names that collide with columns, a curve without points.
func study() *Core {
	half := 0.5
	return &Core{
		Manifest: Manifest{
			Experiment: "study", Complete: false, Resolved: json.RawMessage(`{"name":"study","n":[10,20],"op":"<"}`),
			ResolvedHash: strings.Repeat("a", 64), Plan: strings.Repeat("b", 64),
			Axes: []string{"strategy", "n", "value"}, AxisValues: map[string][]string{"strategy": {"naive", "copula"}, "n": {"10", "20"}, "value": {"x"}},
			Scores: []ScoreInfo{
				{Metric: "within", Name: "auroc", Better: plugins.Higher, Min: &half},
				{Metric: "kl", Name: "mean", Better: plugins.Lower},
			},
			Started:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Finished: time.Date(2026, 1, 2, 3, 5, 5, 6, time.UTC),
		},
		Cells: []Cell{
			{ID: "copula-10", Axes: map[string]string{"strategy": "copula", "n": "10", "value": "x"}, Status: CellOK},
			{ID: "naive-10", Axes: map[string]string{"strategy": "naive", "n": "10", "value": "x"}, Status: CellFailed, Stage: "generate", Reason: "timed out, \"twice\""},
			{ID: "naive-20", Axes: map[string]string{"strategy": "naive", "n": "20"}, Status: CellExcluded, Reason: "budget"},
		},
		Scores: []Score{
			{Cell: "naive-10", Metric: "kl", Score: plugins.Score{Name: "mean", Status: plugins.Failed, Reason: "timed out"}},
			{Cell: "copula-10", Metric: "kl", Score: plugins.Score{Name: "mean", Value: 0.30000000000000004, N: 7, Status: plugins.OK, Warnings: []string{"few; rows", "b"}}},
			{Cell: "copula-10", Metric: "within", Score: plugins.Score{
				Name: "auroc", Dims: map[string]string{"scope": "within", "n": "dim", "dim.n": "odd", "strategy": ""},
				Value: 0.75, N: 9, Status: plugins.OK,
				Interval: &plugins.Interval{Low: 0.7, High: 0.8, Level: 0.95, Unit: "subjects", Method: "bootstrap"},
			}, Draws: &Draws{Unit: "subjects", Of: "rows", Values: []float32{0.75, 0.5}}},
			{Cell: "copula-10", Metric: "within", Score: plugins.Score{Name: "auprc", N: 0, Status: plugins.Undefined, Reason: "one class"}},
		},
		Curves: []Curve{
			{Cell: "copula-10", Metric: "within", Curve: plugins.Curve{Name: "roc", Dims: map[string]string{"x": "1"}, X: []float64{0, 0.5, 1}, Y: []float64{0, 0.9, 1}}},
			{Cell: "copula-10", Metric: "within", Curve: plugins.Curve{Name: "empty"}},
			{Cell: "copula-10", Metric: "within", Curve: plugins.Curve{Name: "pr", X: []float64{1}, Y: []float64{2}, Low: []float64{1}, High: []float64{3}}},
		},
		Counts: []Count{
			{Dataset: "icu", Stage: "dataset", Count: plugins.Count{Name: "rows read", Value: 100}},
			{Dataset: "icu", Cell: "copula-10", Stage: "generate", Count: plugins.Count{Name: "dropped", Dims: map[string]string{"value": "z"}, Value: 3}},
		},
	}
}

func views() Views {
	return Views{Title: "Study", Tables: []spec.Table{{Name: "main", Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "auroc"}}}}}
}

func mustWrite(t *testing.T, root string, c *Core) Written {
	t.Helper()
	w, err := Write(root, c, views())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAVersionReadsBackAsWritten(t *testing.T) {
	root := t.TempDir()
	w := mustWrite(t, root, study())
	if w.Name != "v1" || !w.New || len(w.Notes) > 0 {
		t.Fatalf("%+v", w)
	}
	v, err := Open(root, "study", "")
	if err != nil {
		t.Fatal(err)
	}
	want := study()
	want.Scores = sortScores(want)
	want.Manifest.Version, want.Manifest.Format, want.Manifest.Files = 1, 1, v.Core.Manifest.Files
	if d := cmp.Diff(want, v.Core); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(views(), v.Views); d != "" {
		t.Error(d)
	}
	if len(v.Core.Manifest.Files) != 6 {
		t.Errorf("files: %v", v.Core.Manifest.Files)
	}
	if first := v.Core.Scores[0]; first.Name != "auroc" || first.Cell != "copula-10" {
		t.Errorf("the first score is %v: cells come as planned, metrics as declared", first)
	}
}

func TestScoresCSV(t *testing.T) {
	c := study()
	got, err := encodeScoresCSV(c, sortScores(c))
	if err != nil {
		t.Fatal(err)
	}
	want := `cell,strategy,n,axis.value,metric,score,dim.dim.n,dim.n,scope,dim.strategy,value,support,low,high,level,unit,method,status,reason,warnings
copula-10,copula,10,x,within,auroc,odd,dim,within,,0.75,9,0.7,0.8,0.95,subjects,bootstrap,ok,,
copula-10,copula,10,x,within,auprc,,,,,,0,,,,,,undefined,one class,
copula-10,copula,10,x,kl,mean,,,,,0.30000000000000004,7,,,,,,ok,,few; rows; b
naive-10,naive,10,x,kl,mean,,,,,,0,,,,,,failed,timed out,
`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
}

func TestEqualResultsMakeNoNewVersion(t *testing.T) {
	same := map[string]func(*Core){
		"nothing":                 func(*Core) {},
		"times":                   func(c *Core) { c.Manifest.Finished = c.Manifest.Finished.Add(time.Hour) },
		"plan":                    func(c *Core) { c.Manifest.Plan = strings.Repeat("c", 64) },
		"order":                   func(c *Core) { slices.Reverse(c.Scores[:2]) },
		"value of a failed score": func(c *Core) { c.Scores[0].Value = 3 },
	}
	for name, change := range same {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			mustWrite(t, root, study())
			before := tree(t, root)
			c := study()
			change(c)
			if w := mustWrite(t, root, c); w.New || w.Name != "v1" {
				t.Errorf("%+v", w)
			}
			if d := cmp.Diff(before, tree(t, root)); d != "" {
				t.Error(d)
			}
		})
	}
	other := map[string]func(*Core){
		"score":    func(c *Core) { c.Scores[1].Value += 1e-15 },
		"interval": func(c *Core) { c.Scores[2].Interval.High = 0.81 },
		"status":   func(c *Core) { c.Cells[2].Status = CellFailed },
		"resolved": func(c *Core) { c.Manifest.ResolvedHash = strings.Repeat("d", 64) },
		"curve":    func(c *Core) { c.Curves[0].Y[1] = 0.91 },
		"count":    func(c *Core) { c.Counts[0].Value++ },
	}
	for name, change := range other {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			mustWrite(t, root, study())
			c := study()
			change(c)
			if w := mustWrite(t, root, c); !w.New || w.Name != "v2" {
				t.Errorf("%+v", w)
			}
		})
	}
}

func TestViewsAreReplacedWithoutANewVersion(t *testing.T) {
	root := t.TempDir()
	mustWrite(t, root, study())
	other := Views{Title: "Other", Data: map[string]DataText{"icu": {Licence: "CC0", Citation: "A. Author", Notes: []string{"one table"}}}}
	if w, err := Write(root, study(), other); err != nil || w.New {
		t.Fatal(w, err)
	}
	v, err := Open(root, "study", "latest")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(other, v.Views); d != "" {
		t.Error(d)
	}
	if ViewsHash(other) == ViewsHash(Views{Title: "Other"}) {
		t.Error("a changed licence is no change of the views")
	}
}

func TestTraceReadsBack(t *testing.T) {
	root := t.TempDir()
	w := mustWrite(t, root, study())
	if got, err := ReadTrace(w.Dir); err != nil || !cmp.Equal(got, Trace{}) {
		t.Errorf("a version without a trace: %v %v", got, err)
	}
	want := Trace{Plan: "p", Views: ViewsHash(views()), Cells: []CellTrace{{Cell: "copula-10", Generate: "g", Measures: map[string]string{"kl": "m"}}}}
	if err := WriteTrace(w.Dir, want); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadTrace(w.Dir); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
	if keys, err := Keys(root); err != nil || !cmp.Equal(keys, map[string]bool{"g": true, "m": true}) {
		t.Errorf("%v %v", keys, err)
	}
	if err := os.WriteFile(filepath.Join(w.Dir, traceFile), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Keys(root); err == nil || !strings.Contains(err.Error(), traceFile) {
		t.Errorf("damaged: %v", err)
	}
	if ViewsHash(views()) == ViewsHash(Views{}) {
		t.Error("different views have one hash")
	}
}

func TestOpenChoosesAVersion(t *testing.T) {
	root := t.TempDir()
	if _, err := Open(root, "study", ""); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	for i := range 3 {
		c := study()
		c.Scores[1].Value = float64(i)
		c.Manifest.Complete = i == 1
		mustWrite(t, root, c)
	}
	for version, want := range map[string]string{"": "v2", "latest": "v2", "v1": "v1", "v3": "v3"} {
		v, err := Open(root, "study", version)
		if err != nil || v.Name != want || v.Core.Manifest.Version != versionNumber(want) {
			t.Errorf("%q: %+v %v", version, v, err)
		}
	}
	for _, version := range []string{"v4", "3", "v03", "v-1", "v+1", "../v1"} {
		if _, err := Open(root, "study", version); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", version, err)
		}
	}
	if _, err := Open(root, "../study", ""); err == nil {
		t.Error("a name with a path was taken")
	}
	if v, err := OpenDir(filepath.Join(root, "study", "v3")); err != nil || v.Name != "v3" {
		t.Error(v, err)
	}
}

// TestAWriteThatIsStoppedAnywhereLosesNothing stops a write at each durable operation in turn, as a crash or a
// full disk would. What was there stays readable, nothing half-written shows, and the next write finishes the job.
func TestAWriteThatIsStoppedAnywhereLosesNothing(t *testing.T) {
	full := errors.New("no space left on device")
	next := study()
	next.Scores[1].Value = 42
	for stop := 0; ; stop++ {
		root := t.TempDir()
		mustWrite(t, root, study())
		n := 0
		d := disk{before: func(string, string) error {
			if n++; n > stop {
				return full
			}
			return nil
		}}
		_, err := d.record(root, next, views())
		if err == nil {
			if stop < 15 {
				t.Fatalf("only %d operations were stopped", stop)
			}
			return
		}
		if !errors.Is(err, full) {
			t.Fatalf("stop %d: %v", stop, err)
		}
		if v, err := Open(root, "study", "v1"); err != nil || v.Core.Scores[2].Value == 42 {
			t.Fatalf("stop %d: v1: %v", stop, err)
		}
		w, err := Write(root, next, views())
		if err != nil || w.Name != "v2" {
			t.Fatalf("stop %d: %+v %v", stop, w, err)
		}
		if v, err := Open(root, "study", "v2"); err != nil || v.Core.Scores[2].Value != 42 {
			t.Fatalf("stop %d: v2: %v", stop, err)
		}
		if left, _ := filepath.Glob(filepath.Join(root, "study", temporaryPrefix+"*")); len(left) > 0 {
			t.Fatalf("stop %d: left %v", stop, left)
		}
		if w, err := Write(root, next, views()); err != nil || w.New || len(w.Notes) > 0 {
			t.Fatalf("stop %d: a third write: %+v %v", stop, w, err)
		}
	}
}

func TestAVersionThatTheIndexLacksIsAdopted(t *testing.T) {
	root := t.TempDir()
	mustWrite(t, root, study())
	index := filepath.Join(root, "study", indexFile)
	before, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(index); err != nil {
		t.Fatal(err)
	}
	if v, err := Open(root, "study", ""); err != nil || v.Name != "v1" {
		t.Errorf("without an index: %v", err)
	}
	w := mustWrite(t, root, study())
	if w.New || len(w.Notes) != 1 || !strings.Contains(w.Notes[0], "adopted") {
		t.Errorf("%+v", w)
	}
	if after, _ := os.ReadFile(index); string(after) != string(before) {
		t.Errorf("index is\n%s\nwant\n%s", after, before)
	}
}

func TestDamageIsReportedWithTheFile(t *testing.T) {
	for _, name := range []string{cellsFile, scoresFile, scoresTable, curvesFile, countsFile, manifestFile} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			mustWrite(t, root, study())
			path := filepath.Join(root, "study", "v1", name)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			at := strings.LastIndex(string(raw), "5")
			if at < 0 {
				at = len(raw) / 2
			}
			raw[at] ^= 1
			if err := os.WriteFile(path, raw, 0o666); err != nil {
				t.Fatal(err)
			}
			_, err = Open(root, "study", "")
			var damaged *Damaged
			if !errors.As(err, &damaged) || damaged.Path != path {
				t.Errorf("%v", err)
			}
			// the results are not lost to a damaged copy: they are written again
			if w := mustWrite(t, root, study()); !w.New || w.Name != "v2" || len(w.Notes) == 0 {
				t.Errorf("%+v", w)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(root, "study", "v1"); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("missing: %v", err)
			}
		})
	}
}

func TestADamagedIndexIsAnError(t *testing.T) {
	hash := strings.Repeat("0", 64)
	entry := func(n int) string { return fmt.Sprintf(`{"version":%d,"scores":%q,"manifest":%q}`, n, hash, hash) }
	for name, raw := range map[string]string{
		"empty":         "",
		"cut":           `{"format":1,"experiment":"study","versions":[`,
		"two values":    `{"format":1,"experiment":"study"}{}`,
		"a bracket":     `{"format":1,"experiment":"study"}]`,
		"unknown field": `{"format":1,"experiment":"study","more":1}`,
		"format":        `{"format":2,"experiment":"study"}`,
		"experiment":    `{"format":1,"experiment":"other"}`,
		"order":         `{"format":1,"experiment":"study","versions":[` + entry(2) + "," + entry(1) + `]}`,
		"twice":         `{"format":1,"experiment":"study","versions":[` + entry(1) + "," + entry(1) + `]}`,
		"zero":          `{"format":1,"experiment":"study","versions":[` + entry(0) + `]}`,
		"hash":          `{"format":1,"experiment":"study","versions":[{"version":1,"scores":"x","manifest":"y"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			mustWrite(t, root, study())
			path := filepath.Join(root, "study", indexFile)
			if err := os.WriteFile(path, []byte(raw), 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(root, "study", ""); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("open: %v", err)
			}
			if _, err := Write(root, study(), Views{}); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("write: %v", err)
			}
		})
	}
}

func TestWhatMustNotBeRecorded(t *testing.T) {
	zero := 0.0
	for name, change := range map[string]func(*Core){
		"name":              func(c *Core) { c.Manifest.Experiment = "../x" },
		"cell twice":        func(c *Core) { c.Cells[1].ID = c.Cells[0].ID },
		"cell status":       func(c *Core) { c.Cells[1].Status = "" },
		"unknown cell":      func(c *Core) { c.Scores[0].Cell = "none" },
		"NaN":               func(c *Core) { c.Scores[1].Value = zero / zero },
		"infinite":          func(c *Core) { c.Scores[1].Value = 1 / zero },
		"status":            func(c *Core) { c.Scores[1].Status = "fine" },
		"no reason":         func(c *Core) { c.Scores[0].Reason = "" },
		"interval order":    func(c *Core) { c.Scores[2].Interval.Low = 0.9 },
		"interval NaN":      func(c *Core) { c.Scores[2].Interval.Low = zero / zero },
		"curve lengths":     func(c *Core) { c.Curves[0].Y = c.Curves[0].Y[1:] },
		"curve bounds":      func(c *Core) { c.Curves[2].Low = nil },
		"infinite in curve": func(c *Core) { c.Curves[0].X[0] = 1 / zero },
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			c := study()
			change(c)
			if _, err := Write(root, c, Views{}); err == nil {
				t.Error("it was recorded")
			}
			if entries, _ := os.ReadDir(root); len(entries) > 0 {
				t.Errorf("left %v", entries)
			}
		})
	}
}

// TestWritersTakeTurns runs writers in several goroutines and in several processes at once.
func TestWritersTakeTurns(t *testing.T) {
	if root := os.Getenv("RECORD_TEST_ROOT"); root != "" {
		for i := range 4 {
			c := study()
			id, _ := strconv.Atoi(os.Getenv("RECORD_TEST_ID"))
			c.Scores[1].Value = float64(100*id + i)
			mustWrite(t, root, c)
		}
		return
	}
	root := t.TempDir()
	var all sync.WaitGroup
	for id := range 3 {
		all.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWritersTakeTurns$")
			cmd.Env = append(os.Environ(), "RECORD_TEST_ROOT="+root, "RECORD_TEST_ID="+strconv.Itoa(id))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		all.Go(func() {
			for i := range 4 {
				c := study()
				c.Scores[1].Value = float64(-100*id - i - 1)
				if _, err := Write(root, c, Views{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	versions, notes, err := List(root, "study")
	if err != nil || len(notes) > 0 || len(versions) != 24 {
		t.Fatalf("%d versions, %v, %v", len(versions), notes, err)
	}
	seen := map[float64]bool{}
	for _, e := range versions {
		v, err := Open(root, "study", e.Name())
		if err != nil {
			t.Fatal(err)
		}
		seen[v.Core.Scores[2].Value] = true
	}
	if len(seen) != 24 {
		t.Errorf("%d distinct results survived of 24", len(seen))
	}
}

// TestATakenNumberIsPassedOver is for file systems on which the lock does nothing.
func TestATakenNumberIsPassedOver(t *testing.T) {
	root := t.TempDir()
	mustWrite(t, root, study())
	d := disk{before: func(operation, path string) error {
		if operation == "rename" && filepath.Base(path) == "v2" {
			if err := os.MkdirAll(filepath.Join(path, "other"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	}}
	c := study()
	c.Scores[1].Value = 5
	w, err := d.record(root, c, views())
	if err != nil || w.Name != "v3" {
		t.Fatal(w, err)
	}
	if v, err := Open(root, "study", "v3"); err != nil || v.Core.Manifest.Version != 3 {
		t.Error(err)
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"format":1,"experiment":"study","versions":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ix, err := parseIndex(raw, "study")
		if err != nil {
			return
		}
		again, err := ix.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseIndex(again, "study")
		if err != nil || !cmp.Equal(ix.Versions, back.Versions) && len(ix.Versions)+len(back.Versions) > 0 {
			t.Fatalf("%v: %v became %v", err, ix, back)
		}
	})
}

func large(cells, scores int) *Core {
	c := study()
	c.Cells, c.Scores = nil, nil
	for i := range cells {
		id := fmt.Sprintf("cell-%06d", i)
		c.Cells = append(c.Cells, Cell{ID: id, Axes: map[string]string{"strategy": "s" + strconv.Itoa(i%7), "n": strconv.Itoa(i % 11)}, Status: CellOK})
		for j := range scores {
			c.Scores = append(c.Scores, Score{Cell: id, Metric: "kl", Score: plugins.Score{
				Name: "s" + strconv.Itoa(j), Dims: map[string]string{"column": strconv.Itoa(j)}, Value: float64(i*j) / 7, N: 100, Status: plugins.OK,
				Interval: &plugins.Interval{Low: float64(i*j)/7 - 1, High: float64(i*j)/7 + 1, Level: 0.95, Unit: "rows", Method: "bootstrap"},
			}})
		}
	}
	return c
}

func BenchmarkWrite100000Scores(b *testing.B) {
	c := large(10_000, 10)
	for b.Loop() {
		if _, err := Write(b.TempDir(), c, Views{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen100000Scores(b *testing.B) {
	root := b.TempDir()
	if _, err := Write(root, large(10_000, 10), Views{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(root, "study", ""); err != nil {
			b.Fatal(err)
		}
	}
}

// tree returns the contents of all files under root.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		files[path] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestAnEarlierVersionWithEqualResultsIsFound: going back to an experiment makes no third version.
func TestAnEarlierVersionWithEqualResultsIsFound(t *testing.T) {
	root := t.TempDir()
	first, second := study(), study()
	second.Manifest.ResolvedHash = strings.Repeat("b", 64)
	for i, step := range []struct {
		core *Core
		want string
		new  bool
	}{{first, "v1", true}, {second, "v2", true}, {first, "v1", false}, {second, "v2", false}} {
		w, err := Write(root, step.core, Views{})
		if err != nil || w.Name != step.want || w.New != step.new {
			t.Errorf("write %d: %+v, %v", i, w, err)
		}
	}
}
