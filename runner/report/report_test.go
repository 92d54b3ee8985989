package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// study has three strategies, two feature sets and three seeds: a cell that failed, one that was left out, a feature
// set that was left out altogether, an undefined score, warnings, scores with a scope, without one, and by column.
func study() *record.Core {
	zero, one := 0.0, 1.0
	core := &record.Core{Scores: make([]record.Score, 0, 200), Manifest: record.Manifest{ // roomy: addCell keeps pointers into it
		Experiment: "study", Version: 3, Simulated: true,
		Axes:       []string{"dataset", "strategy", "features", "seed"},
		AxisValues: map[string][]string{"dataset": {"icu"}, "strategy": {"naive", "copula", "ceiling"}, "features": {"top5", "all"}, "seed": {"1", "2", "3"}},
		Scores: []record.ScoreInfo{
			{Metric: "kl", Name: "mean", Better: plugins.Lower, Min: &zero},
			{Metric: "ks", Name: "complement", Better: plugins.Higher, Min: &zero, Max: &one},
			{Metric: "within", Name: "auroc", Better: plugins.Higher, Min: &zero, Max: &one},
			{Metric: "across", Name: "auroc", Better: plugins.Higher, Min: &zero, Max: &one},
		},
		Data: []record.DataInfo{
			{Name: "icu", Plugin: "simulated-icu", Governance: plugins.Simulated, Licence: "CC0", Notes: []string{"dropped 1 constant column: region."}},
			{Name: "other", Plugin: "table", Governance: plugins.Open},
		},
	}}
	for s, strategy := range []string{"copula", "naive", "ceiling"} { // not the order of mention
		for f, features := range []string{"top5", "all"} {
			for seed := 1; seed <= 3; seed++ {
				addCell(core, strategy, features, seed, 0.6+float64(s)/10+float64(f)/20+float64(seed)/100)
			}
		}
	}
	return core
}

func addCell(core *record.Core, strategy, features string, seed int, base float64) {
	id := fmt.Sprintf("%s-%s-%d", strategy, features, seed)
	cell := record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{
		"dataset": "icu", "strategy": strategy, "features": features, "seed": strconv.Itoa(seed),
	}}
	score := func(metric, name string, dims map[string]string, value float64) *plugins.Score {
		core.Scores = append(core.Scores, record.Score{Cell: id, Metric: metric, Score: plugins.Score{
			Name: name, Dims: dims, Value: value, N: 100, Status: plugins.OK,
			Interval: &plugins.Interval{Low: value - 0.03, High: value + 0.02, Level: 0.95, Unit: "test subjects", Method: "percentile bootstrap, 1000 resamples"},
		}})
		return &core.Scores[len(core.Scores)-1].Score
	}
	fail := func(s *plugins.Score) { s.Status, s.Reason, s.Interval = plugins.Failed, "timed out | twice", nil }
	defer func() { core.Cells = append(core.Cells, cell) }()
	switch {
	case strategy == "ceiling" && features == "top5":
		cell.Status, cell.Reason = record.CellExcluded, "of no interest"
		return
	case strategy == "copula" && features == "all" && seed == 3:
		cell.Status, cell.Reason = record.CellExcluded, "budget"
		return
	}
	kl := score("kl", "mean", map[string]string{"scope": "across"}, 1-base)
	within := score("within", "auroc", map[string]string{"scope": "within"}, base+0.1)
	across := score("across", "auroc", map[string]string{"scope": "across"}, base)
	kl.Interval = nil
	if strategy != "copula" || seed > 1 {
		kl.Warnings = []string{"2 columns of 5 are constant"}
	}
	if strategy == "naive" && features == "all" && seed == 2 {
		cell.Status, cell.Stage, cell.Reason = record.CellFailed, "generate", "timed out | twice"
		fail(kl)
		fail(within)
		fail(across)
		fail(score("ks", "complement", nil, 0)) // a failed metric does not know its columns
		return
	}
	if strategy == "copula" && features == "top5" && seed > 1 {
		within.Status, within.Reason, within.Interval = plugins.Undefined, "one class", nil
	}
	columns := []string{"age", "lactate_mmol"}
	if features == "top5" {
		columns = columns[:1]
	}
	for i, column := range columns {
		score("ks", "complement", map[string]string{"column": column}, base-float64(i)/10).Interval = nil
	}
}

func texts(s ...string) []spec.Value {
	var values []spec.Value
	for _, v := range s {
		values = append(values, spec.Value{Text: v})
	}
	return values
}

func views() record.Views {
	digits := 1
	return record.Views{
		Title: "Study",
		Tables: []spec.Table{
			{
				Name: "means", Title: "Strategies <all> features", Caption: "A | B.", Rows: []string{"strategy", "features", "scope"}, Over: []string{"seed"},
				Columns: []spec.TableColumn{{Score: "kl.mean"}, {Score: "auroc", Title: "AUROC"}},
			},
			{
				Name: "one_seed", Rows: []string{"strategy", "scope"}, Where: map[string][]spec.Value{"seed": {{Kind: spec.NumberValue, Number: 2}}, "features": texts("all")},
				Columns: []spec.TableColumn{{Score: "auroc", Digits: &digits}, {Score: "kl.mean"}},
			},
			{
				Name: "columns", Rows: []string{"column", "strategy"}, Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")},
				Columns: []spec.TableColumn{{Score: "ks.complement"}, {Score: "within.auroc"}},
			},
			{
				Name: "across", Rows: []string{"strategy"}, Over: []string{"seed", "features"}, Where: map[string][]spec.Value{"scope": texts("across")},
				Columns: []spec.TableColumn{{Score: "auroc"}},
			},
		},
		Plots: []spec.Plot{
			{Name: "strategies", Kind: "fake", Title: "AUROC", X: "strategy", Y: "auroc", Series: "scope", Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")}},
			{Name: "columns", Kind: "fake", X: "column", Y: "ks.complement", YLabel: "KS", Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all"), "strategy": texts("naive")}},
		},
	}
}

var update = os.Getenv("UPDATE") != ""

// golden compares with testdata/NAME; UPDATE=1 rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}

func TestTables(t *testing.T) {
	tables, err := Tables(study(), views())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tables {
		golden(t, r.Name+".md", r.Markdown)
		golden(t, r.Name+".csv", r.CSV)
		for _, width := range []int{0, 70, 30} {
			golden(t, fmt.Sprintf("%s.%d.txt", r.Name, width), []byte(Text(r.Table, width, false)))
		}
	}
}

func TestFigures(t *testing.T) {
	src := newSource(study(), nil)
	declared := views().Plots
	for i := range declared {
		p := src.plot(&declared[i], plugins.PointForm)
		golden(t, p.name+".figure.txt", figureText(p.figure))
	}
}

func figureText(f plugins.Figure) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "title %s\nx %s\ny %s\ncategories %q\n", f.Title, f.XLabel, f.YLabel, f.Categories)
	for _, s := range f.Series {
		fmt.Fprintf(&b, "series %q\n  x %.4g\n  y %.4g\n  low %.4g\n  high %.4g\n", s.Name, s.X, s.Y, s.Low, s.High)
	}
	for _, n := range f.Notes {
		b.WriteString("note " + n + "\n")
	}
	return []byte(b.String())
}

func TestColumnsAreWrappedBeforeATableIsTakenApart(t *testing.T) {
	tables, err := Tables(study(), views())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tables {
		for width := 24; width < 160; width += 7 {
			for line := range strings.Lines(Text(r.Table, width, false)) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
					t.Errorf("%s at %d: a line of %d: %q", r.Name, width, n, line)
				}
			}
		}
		plain := Text(r.Table, 80, false)
		coloured := Text(r.Table, 80, true)
		if !strings.Contains(coloured, "\x1b[1m") || strings.Contains(plain, "\x1b") {
			t.Error("colour is on where it should be off, or off where it should be on")
		}
		for _, code := range []string{"\x1b[1m", "\x1b[2m", "\x1b[0m"} {
			coloured = strings.ReplaceAll(coloured, code, "")
		}
		trim := func(s string) string {
			lines := strings.Split(s, "\n")
			for i := range lines {
				lines[i] = strings.TrimRight(lines[i], " ")
			}
			return strings.Join(lines, "\n")
		}
		if d := cmp.Diff(trim(plain), trim(coloured)); d != "" {
			t.Errorf("colour changes more than colour: %s", d)
		}
	}
}

func TestWhatMayNotMeet(t *testing.T) {
	for name, c := range map[string]struct {
		table spec.Table
		want  string
	}{
		"metrics":    {spec.Table{Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "auroc"}}}, `"within" and "across" meet`},
		"dimensions": {spec.Table{Rows: []string{"strategy", "features"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "ks.complement"}}}, "add to rows: column"},
		"axes":       {spec.Table{Rows: []string{"strategy", "features"}, Columns: []spec.TableColumn{{Score: "kl.mean"}}}, `add "seed" to rows, over or where`},
		"over":       {spec.Table{Rows: []string{"strategy", "features"}, Over: []string{"scope"}, Columns: []spec.TableColumn{{Score: "kl.mean"}}}, `"scope" is no axis`},
	} {
		c.table.Name = "main"
		good := views().Tables[0]
		v := record.Views{Tables: []spec.Table{c.table, good}}
		tables, err := Tables(study(), v)
		if err != nil || len(tables) != 2 || tables[1].Problem != "" || len(tables[1].Lines) == 0 {
			t.Fatalf("%s: the other table was not made: %v", name, err)
		}
		bad := tables[0]
		if !strings.HasPrefix(bad.Problem, "No value: ") || !strings.Contains(bad.Problem, c.want) || len(bad.Lines) > 0 {
			t.Errorf("%s: %q", name, bad.Problem)
		}
		for place, text := range map[string]string{"page": string(bad.Markdown), "terminal": Text(bad.Table, 0, false), "csv": string(bad.CSV)} {
			if !strings.Contains(text, "No value: ") {
				t.Errorf("%s: the %s does not say so: %s", name, place, text)
			}
		}
		raw, err := json.Marshal(bad.Table)
		if err != nil || !strings.Contains(string(raw), `"problem":"No value: `) {
			t.Errorf("%s: %s %v", name, raw, err)
		}
		dir := t.TempDir()
		if err := Render(study(), v, registry(), dir); err != nil || !Exists(dir, v) {
			t.Errorf("%s: a table that cannot be filled is no error of the run: %v", name, err)
		}
	}
}

// averaged is cells with the given values of a score, over a declared axis and another one.
func averaged(sets string, values ...float64) (*record.Core, record.Views) {
	core := &record.Core{Manifest: record.Manifest{
		Axes: []string{"strategy", "draw"}, AxisValues: map[string][]string{},
		Resolved: json.RawMessage(`{"axes": [{"name": "draw", "sets": "` + sets + `"}]}`),
	}}
	for i, v := range values {
		id := strconv.Itoa(i)
		core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{"strategy": "s", "draw": id}})
		core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "m", Score: plugins.Score{Name: "s", Value: v, Status: plugins.OK}})
	}
	return core, record.Views{Tables: []spec.Table{{Name: "t", Rows: []string{"strategy"}, Over: []string{"draw"}, Columns: []spec.TableColumn{{Score: "m.s"}}}}}
}

func tableOf(t *testing.T, core *record.Core, views record.Views) *Table {
	t.Helper()
	tables, err := Tables(core, views)
	if err != nil || tables[0].Problem != "" {
		t.Fatal(err, tables[0].Problem)
	}
	return tables[0].Table
}

// The interval of a mean, by hand: 1, 2, 6 have mean 3 and variance 7; t(0.975, 2) = 4.302653.
func TestOnlyReplicatesHaveAnInterval(t *testing.T) {
	half := 4.302652729911275 * math.Sqrt(7.0/3)
	const fixed = "The test rows are the same for all draws; their sampling is not in the interval (generator variability, data fixed)."
	for sets, want := range map[string]struct{ interval, fixed bool }{
		"strategies.*.with.seed":        {true, true},
		"datasets.icu.split.seed":       {true, false},
		"strategies.*.with.temperature": {false, false},
	} {
		core, views := averaged(sets, 1, 2, 6)
		table := tableOf(t, core, views)
		v := table.Lines[0].Values[0]
		if v.Value != 3 || v.N != 3 || (v.Interval != nil) != want.interval {
			t.Errorf("%s: %+v", sets, v)
		}
		if v.Interval != nil && (math.Abs(v.Interval.Low-(3-half)) > 1e-9 || math.Abs(v.Interval.High-(3+half)) > 1e-9 ||
			v.Interval.Level != 0.95 || v.Interval.Unit != "draws" || v.Interval.Method != "Student t") {
			t.Errorf("%s: %+v", sets, v.Interval)
		}
		remarks := strings.Join(table.Remarks, "\n")
		if strings.Contains(remarks, fixed) != want.fixed {
			t.Errorf("%s: %s", sets, remarks)
		}
		if strings.Contains(remarks, "means over draws: draws are no replicates, so a mean has no interval") == want.interval {
			t.Errorf("%s: %s", sets, remarks)
		}
		figure := newSource(core, nil).plot(&spec.Plot{X: "strategy", Y: "m.s", Over: []string{"draw"}}, plugins.PointForm).figure
		if notes := strings.Join(figure.Notes, "\n"); strings.Contains(notes, fixed) != want.fixed || (figure.Series[0].Low != nil) != want.interval {
			t.Errorf("%s: %s", sets, notes)
		}
	}
}

func TestMeans(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
		status Status
	}{
		{[]float64{0.1, 0.1, 0.1}, 0.1, OK},
		{[]float64{0.3, 0.3, 0.6}, 0.39999999999999997, OK}, // summed first: 0.1 + 0.1 + 0.2 would be 0.4
		{[]float64{1.5e308, 1.6e308}, 0, Undefined},
	} {
		core, views := averaged("strategies.*.with.seed", c.values...)
		table := tableOf(t, core, views)
		v := table.Lines[0].Values[0]
		if v.Status != c.status || v.Value != c.want || c.values[0] == c.values[1] && c.want == 0.1 && v.Interval != nil {
			t.Errorf("%v: %+v", c.values, v)
		}
		if c.status == Undefined && len(v.Marks) == 0 {
			t.Errorf("%v: no reason", c.values)
		}
		if _, err := json.Marshal(table); err != nil {
			t.Error(err)
		}
	}
	iv := &plugins.Interval{Low: -1, High: 7}
	low, high := 0.0, 4.0
	if !clip(iv, &low, &high) || iv.Low != 0 || iv.High != 4 || clip(iv, &low, &high) {
		t.Errorf("clipped: %+v", iv)
	}
}

// sizes is two strategies at two sizes and three seeds.
func sizes(change func(cell *record.Cell, s *plugins.Score)) (*record.Core, record.Views) {
	core := &record.Core{Manifest: record.Manifest{Axes: []string{"strategy", "n", "seed"}, AxisValues: map[string][]string{"n": {"100", "500"}}}}
	for _, strategy := range []string{"a", "b"} {
		for _, n := range []string{"100", "500"} {
			for _, seed := range []string{"1", "2", "3"} {
				cell := record.Cell{ID: strategy + n + seed, Status: record.CellOK, Axes: map[string]string{"strategy": strategy, "n": n, "seed": seed}}
				value, _ := strconv.ParseFloat(n+"."+seed, 64)
				score := plugins.Score{Name: "s", Value: value, Status: plugins.OK}
				if strategy == "b" {
					change(&cell, &score)
				}
				if cell.Status == "" {
					continue // never planned
				}
				core.Cells = append(core.Cells, cell)
				if cell.Status == record.CellOK {
					core.Scores = append(core.Scores, record.Score{Cell: cell.ID, Metric: "m", Score: score})
				}
			}
		}
	}
	return core, record.Views{Tables: []spec.Table{{Name: "t", Rows: []string{"strategy"}, Over: []string{"n", "seed"}, Columns: []spec.TableColumn{{Score: "m.s"}}}}}
}

// A mean over fewer sizes than its neighbours' says which it lacks, whatever became of them.
func TestAMeanSaysWhichValuesItLacks(t *testing.T) {
	at := func(c *record.Cell, n string) bool { return c.Axes["n"] == n }
	for name, c := range map[string]struct {
		change func(*record.Cell, *plugins.Score)
		want   []string
	}{
		"never planned": {func(c *record.Cell, _ *plugins.Score) {
			if at(c, "500") {
				c.Status = ""
			}
		}, []string{"no value for n = 500"}},
		"excluded": {func(c *record.Cell, _ *plugins.Score) {
			if at(c, "500") {
				c.Status, c.Reason = record.CellExcluded, "too dear"
			}
		}, []string{"no value for n = 500: excluded: too dear"}},
		"failed": {func(c *record.Cell, _ *plugins.Score) {
			if at(c, "500") {
				c.Status, c.Stage, c.Reason = record.CellFailed, "generate", "timed out"
			}
		}, []string{"no value for n = 500: failed at generate: timed out"}},
		"failed in several ways": {func(c *record.Cell, _ *plugins.Score) {
			if at(c, "500") {
				c.Status, c.Stage, c.Reason = record.CellFailed, "generate", "reason "+c.Axes["seed"]
			}
		}, []string{
			"n/seed 500/1: failed at generate: reason 1", "n/seed 500/2: failed at generate: reason 2",
			"n/seed 500/3: failed at generate: reason 3", "no value for n = 500",
		}},
		"one cell": {func(c *record.Cell, s *plugins.Score) {
			if at(c, "500") && c.Axes["seed"] == "2" {
				s.Status, s.Reason = plugins.Undefined, "one class"
			}
		}, []string{"n/seed 500/2: undefined: one class"}},
		"a warning at one size": {func(c *record.Cell, s *plugins.Score) {
			if at(c, "100") {
				s.Warnings = []string{"few rows"}
			}
		}, []string{"n = 100: few rows"}},
		"a size of all": {func(c *record.Cell, _ *plugins.Score) { delete(c.Axes, "n") }, nil}, // the strategy has no such axis
	} {
		core, views := sizes(c.change)
		table := tableOf(t, core, views)
		if d := cmp.Diff(c.want, table.Notes); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		for i, l := range table.Lines {
			if l.Values[0].Interval != nil || len(l.Values[0].Marks)+len(l.Marks) != i*len(c.want) {
				t.Errorf("%s: line %v: %+v", name, l.Labels, l)
			}
		}
		if !strings.Contains(strings.Join(table.Remarks, "\n"), "means over sample sizes and seeds: sample sizes are no replicates") {
			t.Errorf("%s: %q", name, table.Remarks)
		}
	}
}

// Warnings that differ only in numbers are one footnote, which says the range; a footnote names the cells it is about.
func TestWarningsOfOneKindAreOneFootnote(t *testing.T) {
	core, views := sizes(func(c *record.Cell, s *plugins.Score) {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%.0f of 595 pairs left out", s.Value/10), `column "x 7" is rare`)
		if c.Axes["seed"] == "2" {
			s.Warnings = append(s.Warnings, "8 of 36 pairs left out", "9 of 36 pairs left out")
		}
	})
	views.Tables[0].Rows, views.Tables[0].Over = []string{"strategy", "n"}, []string{"seed"}
	core.Scores[len(core.Scores)-1].Warnings = nil // seed 3 of n 500
	table := tableOf(t, core, views)
	want := []string{"some or all seeds: 10 to 50 of 595 pairs left out", `some or all seeds: column "x 7" is rare`, "seed 2: 8 to 9 of 36 pairs left out"}
	if d := cmp.Diff(want, table.Notes); d != "" {
		t.Error(d)
	}
	for i, want := range [][]int{nil, nil, {0, 1, 2}, {0, 1, 2}} {
		if d := cmp.Diff(want, table.Lines[i].Values[0].Marks); d != "" {
			t.Errorf("line %d: %s", i, d)
		}
	}
	// what is made for programs says it of each value
	want = []string{"seed 1, 2: 50 of 595 pairs left out", `seed 1, 2: column "x 7" is rare`, "seed 2: 8 to 9 of 36 pairs left out"}
	if d := cmp.Diff(want, table.data().Lines[3].Values[0].Notes); d != "" {
		t.Error(d)
	}
	if raw, err := table.csv(); err != nil || !strings.Contains(string(raw), "seed 1, 2: 50 of 595 pairs left out; seed") {
		t.Errorf("%s %v", raw, err)
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  string
	}{
		{[]string{"its AUROC is 0.509 (0.481 to 0.536)", "its AUROC is 0.521 (0.492 to 0.550)"}, "its AUROC is 0.509 to 0.521 (0.481 to 0.550)"},
		{[]string{"9 rows of 100", "10 rows of 100"}, "9 to 10 rows of 100"},
		{[]string{"share 0.25, 3 rows.", "share 0.5, 3 rows."}, "share 0.25 to 0.5, 3 rows."},
		{[]string{"column apache_2 is empty"}, "column apache_2 is empty"},
	} {
		for _, text := range c.texts {
			if kindOf(text) != kindOf(c.texts[0]) {
				t.Errorf("%q and %q are of two kinds", text, c.texts[0])
			}
		}
		if got := ranged(c.texts); got != c.want {
			t.Errorf("%q: %q, want %q", c.texts, got, c.want)
		}
	}
	for _, c := range [][2]string{
		{"column apache_2 is empty", "column apache_3 is empty"},
		{`"a 2" is empty`, `"a 3" is empty`},
		{"5 of 36 pairs", "5 of 37 pairs"},
		{"fewer than 30 rows", "fewer than 50 rows"},
	} {
		if kindOf(c[0]) == kindOf(c[1]) {
			t.Errorf("%q and %q are of one kind", c[0], c[1])
		}
	}
}

// Notes that differ in their numbers alone are one note, and the cells that they hold for are added up.
func TestAlikeNotesAddTheirCells(t *testing.T) {
	got := alike([]string{"17 values outside (cells: 1)", "a note", "15 values outside (cells: 2)", "23 values outside (cells: 1)"})
	if d := cmp.Diff([]string{"15 to 23 values outside (cells: 4)", "a note"}, got); d != "" {
		t.Error(d)
	}
}

// The texts of a data set are those of the views; a version whose views have none says what its manifest has.
func TestDataTexts(t *testing.T) {
	core := study()
	core.Manifest.Notes = []string{"icu: kept 90 rows", "other: of another table", "counts are rounded"}
	before := tableOf(t, core, views())
	v := views()
	v.Data = map[string]record.DataText{"icu": {Citation: "A. Author, Title?", Notes: []string{"dropped 1 constant column: region", "mixedCase says it"}}}
	after := tableOf(t, core, v)
	for _, c := range []struct {
		table *Table
		want  []string
	}{
		{before, []string{"Data: icu (simulated-icu, simulated). Licence CC0. Dropped 1 constant column: region. Kept 90 rows.", "Counts are rounded."}},
		{after, []string{"Data: icu (simulated-icu, simulated). A. Author, Title? Dropped 1 constant column: region. mixedCase says it. Kept 90 rows.", "Counts are rounded."}},
	} {
		if d := cmp.Diff(c.want, c.table.Data); d != "" {
			t.Error(d)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		v      float64
		digits int
		want   string
	}{
		{0.8125, 3, "0.812"},
		{-0.0001, 3, "0.000"},
		{math.Copysign(0, -1), 2, "0.00"},
		{-0.5, 0, "0"},
		{-1.5, 1, "-1.5"},
		{12345678, 2, "1.23e+07"},
		{1e6, 0, "1000000"},
		{100, 0, "100"},
	} {
		if got := number(c.v, c.digits); got != c.want {
			t.Errorf("%v with %d: %s, want %s", c.v, c.digits, got, c.want)
		}
	}
	for i, want := range map[int]string{0: "a", 25: "z", 26: "aa", 27: "ab", 701: "zz", 702: "aaa"} {
		if got := letters(i); got != want {
			t.Errorf("letter %d: %s, want %s", i, got, want)
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"a|b": `a\|b`, "<b>": "&lt;b&gt;", "mean_age": "mean_age", "_x_": `\_x\_`, "a\nb  c": "a b c", "*": `\*`, `\`: `\\`, "[a](b)": `[a]\(b)`,
	} {
		if got := escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// A missing number is never 0 or NaN: a table for programs has null, a CSV an empty field, a page a dash with a reason.
func TestMissingNumbers(t *testing.T) {
	core := study()
	for i := range core.Scores {
		s := &core.Scores[i]
		if s.Status == plugins.OK {
			s.Status, s.Reason, s.Interval = plugins.Undefined, "nothing to measure", nil
		}
	}
	tables, err := Tables(core, views())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tables {
		raw, err := json.Marshal(r.Table)
		if err != nil {
			t.Fatal(err)
		}
		var data TableData
		if err := json.Unmarshal(raw, &data); err != nil {
			t.Fatal(err)
		}
		for _, l := range data.Lines {
			for _, v := range l.Values {
				if v.Value != nil || v.Status == OK || len(v.Notes) == 0 {
					t.Errorf("%s: %v: %+v", r.Name, l.Rows, v)
				}
			}
		}
		rows, err := csv.NewReader(strings.NewReader(string(r.CSV))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		value, note := slices.Index(rows[0], "value"), slices.Index(rows[0], "note")
		for _, row := range rows[1:] {
			if row[value] != "" || row[note] == "" {
				t.Errorf("%s: %q", r.Name, row)
			}
		}
		if strings.Contains(string(r.Markdown), "NaN") {
			t.Errorf("%s: NaN", r.Name)
		}
	}
	none := spec.Plot{X: "strategy", Y: "auroc", Where: map[string][]spec.Value{"strategy": texts("unknown")}}
	for _, c := range []struct {
		plot spec.Plot
		want string
	}{
		{views().Plots[0], "No value: seed 1, 3: undefined: nothing to measure; seed 2: failed at generate: timed out | twice; undefined: nothing to measure; seed 3: excluded: budget."},
		{none, "No value: no cell of the experiment belongs to this plot."},
	} {
		if notes := newSource(core, nil).plot(&c.plot, plugins.PointForm).figure.Notes; len(notes) != 3 || notes[1] != c.want {
			t.Errorf("%q", notes)
		}
	}
}

// An axis of numbers gives positions, names and ids give categories in their order.
func TestPositions(t *testing.T) {
	core := &record.Core{Manifest: record.Manifest{
		Axes:       []string{"strategy", "site", "n"},
		AxisValues: map[string][]string{"strategy": {"b", "a"}, "site": {"73", "9"}, "n": {"1000", "200"}},
	}}
	for _, strategy := range []string{"a", "b"} {
		for i, n := range []string{"200", "1000"} {
			id := strategy + n
			core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{"strategy": strategy, "n": n, "site": []string{"9", "73"}[i]}})
			if id != "b200" {
				core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "m", Score: plugins.Score{Name: "s", Value: float64(i), Status: plugins.OK}})
			}
		}
	}
	src := newSource(core, nil)
	p := src.plot(&spec.Plot{X: "n", Y: "s", Series: "strategy", Over: []string{"site"}}, plugins.PointForm)
	nan := math.NaN()
	want := []plugins.Series{{Name: "b", X: []float64{200, 1000}, Y: []float64{nan, 1}}, {Name: "a", X: []float64{200, 1000}, Y: []float64{0, 1}}}
	same := cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })
	if d := cmp.Diff(want, p.figure.Series, same); d != "" || p.figure.Categories != nil {
		t.Errorf("%s %q", d, p.figure.Categories)
	}
	p = src.plot(&spec.Plot{X: "site", Y: "s", Series: "strategy", Over: []string{"n"}}, plugins.PointForm)
	if d := cmp.Diff([]string{"73", "9"}, p.figure.Categories); d != "" {
		t.Error(d)
	}
}

// fake writes what it was given.
type fake struct{ Fail bool }

func (fake) Form() plugins.Form { return plugins.PointForm }

func (f fake) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	if f.Fail {
		return nil, fmt.Errorf("out of ink")
	}
	return &plugins.Drawing{SVG: figureText(fig), PNG: []byte("png")}, nil
}

func registry() *plugins.Registry {
	r := &plugins.Registry{}
	plugins.Add(&r.Views, plugins.Info{Name: "fake", Version: 1, Summary: "writes its figure"}, fake{}, func(f fake) (plugins.View, error) { return f, nil })
	return r
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRender(t *testing.T) {
	dir := t.TempDir()
	v := views()
	if Exists(dir, v) {
		t.Error("nothing is there yet")
	}
	if err := Render(study(), v, registry(), dir); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"plots/columns.csv", "plots/columns.pdf", "plots/columns.png", "plots/columns.svg", "plots/strategies.csv", "plots/strategies.pdf", "plots/strategies.png", "plots/strategies.svg",
		"report.html",
	}
	for _, name := range []string{"across", "columns", "means", "one_seed"} {
		for _, ending := range []string{".csv", ".html", ".md", ".parquet", ".tex"} {
			want = append(want, "tables/"+name+ending)
		}
	}
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Error(d)
	}
	if !Exists(dir, v) {
		t.Error("all is there")
	}
	golden(t, "strategies.plot.csv", read(t, filepath.Join(dir, "plots", "strategies.csv")))

	note := filepath.Join(dir, "tables", "README")
	if err := os.WriteFile(note, []byte("not ours"), 0o666); err != nil {
		t.Fatal(err)
	}
	v.Tables, v.Plots = v.Tables[:1], v.Plots[:1]
	v.Plots[0].With = json.RawMessage(`{"Fail": true}`)
	if err := Render(study(), v, registry(), dir); err != nil || !Exists(dir, v) {
		t.Errorf("a plot that cannot be drawn is no error of the run: %v", err)
	}
	svg := string(read(t, filepath.Join(dir, "plots", "strategies.svg")))
	if !strings.Contains(svg, "No value: out of ink") || !strings.Contains(svg, "SIMULATED") || strings.Contains(svg, "series") {
		t.Errorf("the plot does not say why it is empty: %s", svg)
	}
	v.Plots[0].Kind = "pie"
	if err := Render(study(), v, registry(), dir); err == nil || !strings.Contains(err.Error(), `no view named "pie"`) {
		t.Errorf("%v", err)
	}
	left := []string{"report.html", "tables/README", "tables/means.csv", "tables/means.html", "tables/means.md", "tables/means.parquet", "tables/means.tex"}
	if d := cmp.Diff(left, files(t, dir)); d != "" {
		t.Errorf("stale files stay, or good ones go: %s", d)
	}
	v.Tables[0].Name = "../escape"
	if err := Render(study(), v, registry(), dir); err == nil {
		t.Error("a name with a path was taken")
	}
}

func TestAnEmptyExperiment(t *testing.T) {
	dir := t.TempDir()
	if err := Render(&record.Core{}, views(), registry(), dir); err != nil || !Exists(dir, views()) {
		t.Errorf("%v", err)
	}
	if got := string(read(t, filepath.Join(dir, "plots", "columns.svg"))); !strings.Contains(got, `note No value: over: "seed" is no axis`) {
		t.Errorf("over names an axis that there is not: %s", got)
	}
	v := record.Views{Tables: []spec.Table{{Name: "main", Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "a.b"}}}}}
	tables, err := Tables(&record.Core{Manifest: record.Manifest{Axes: []string{"strategy"}}}, v)
	if err != nil || !strings.Contains(string(tables[0].Markdown), "No cell") {
		t.Errorf("%v", err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// large is cells × metrics scores by column.
func large(cells int) *record.Core {
	core := &record.Core{Manifest: record.Manifest{Axes: []string{"strategy", "seed"}}}
	for i := range cells {
		id := strconv.Itoa(i)
		core.Cells = append(core.Cells, record.Cell{ID: id, Status: record.CellOK, Axes: map[string]string{"strategy": "s" + strconv.Itoa(i/5), "seed": strconv.Itoa(i % 5)}})
		for j := range 83 {
			core.Scores = append(core.Scores, record.Score{Cell: id, Metric: "ks", Score: plugins.Score{
				Name: "complement", Dims: map[string]string{"column": strconv.Itoa(j)}, Value: float64(i*j%97) / 97, Status: plugins.OK,
				Warnings: []string{"few rows in column " + strconv.Itoa(j)},
			}})
		}
	}
	return core
}

func BenchmarkTables1000Cells(b *testing.B) {
	core := large(1000)
	v := record.Views{Tables: []spec.Table{{Name: "main", Rows: []string{"strategy", "column"}, Over: []string{"seed"}, Columns: []spec.TableColumn{{Score: "ks.complement"}}}}}
	for b.Loop() {
		if _, err := Tables(core, v); err != nil {
			b.Fatal(err)
		}
	}
}

// rated is replicates of two strategies on the same test rows: 1, 2, 6 and 0, 2, 4, each with draws about them.
func rated(of ...string) (*record.Core, record.Views) {
	core, views := averaged("strategies.*.with.seed", 1, 2, 6)
	other, _ := averaged("strategies.*.with.seed", 0, 2, 4)
	for i := range other.Cells {
		other.Cells[i].ID, other.Cells[i].Axes["strategy"] = "b"+other.Cells[i].ID, "b"
		other.Scores[i].Cell = other.Cells[i].ID
	}
	core.Cells, core.Scores = append(core.Cells, other.Cells...), append(core.Scores, other.Scores...)
	for i := range core.Scores {
		s, shift := &core.Scores[i], float32(i%3)
		s.Draws = &record.Draws{Unit: "test subjects", Of: of[i%len(of)], Values: []float32{float32(s.Value) - 1 - shift, float32(s.Value) + 1, float32(s.Value) + shift}}
	}
	return core, views
}

// By hand: the means of the draws over the replicates are 3 + (-2, 1, 1), of variance 3, beside 7/3 over the replicates.
func TestTwoLevelIntervals(t *testing.T) {
	core, views := rated("rows")
	v := tableOf(t, core, views).Lines[0].Values[0]
	half := 4.302652729911275 * math.Sqrt(7.0/3+3) // of two degrees of freedom each
	if v.Value != 3 || math.Abs(v.Interval.High-(3+half)) > 1e-6 || math.Abs(v.Interval.Low-(3-half)) > 1e-6 ||
		v.Interval.Unit != "draws × test subjects" || v.Interval.Method != "two-level: Student t, 3 joint resamples" {
		t.Errorf("%+v, want ±%v", v.Interval, half)
	}
	remarks := strings.Join(tableOf(t, core, views).Remarks, "\n")
	if strings.Contains(remarks, "data fixed") || !strings.Contains(remarks, "two-level") {
		t.Error(remarks)
	}
	// what was rated on other rows is no pair
	core, views = rated("rows", "rows", "other rows")
	if v := tableOf(t, core, views).Lines[0].Values[0]; v.Interval.Method != studentT {
		t.Errorf("%+v", v.Interval)
	}
	// replicates that do not differ have the sampling of their test rows all the same
	core, views = rated("rows")
	for i := range core.Scores {
		core.Scores[i].Value = 3
	}
	if v := tableOf(t, core, views).Lines[0].Values[0]; v.Value != 3 || v.Interval == nil {
		t.Errorf("%+v", v)
	}
}

// By hand: the differences 1, 0, 2 have the draws 0, 0, 0 about them, so that the test rows, which are shared, cancel.
func TestDifferencesArePaired(t *testing.T) {
	core, views := rated("rows")
	views.Tables[0].Columns[0].Minus = map[string]spec.Value{"strategy": {Text: "b"}}
	v := tableOf(t, core, views).Lines[0].Values[0]
	half := 4.302652729911275 * math.Sqrt(1.0/3)
	if v.Value != 1 || v.Interval == nil || math.Abs(v.Interval.High-(1+half)) > 1e-6 || v.Interval.Unit != "draws × test subjects" {
		t.Errorf("%+v %+v, want ±%v", v, v.Interval, half)
	}
	core, views = rated("rows")
	views.Tables[0].Columns[0].Minus = map[string]spec.Value{"strategy": {Text: "b"}}
	views.Tables[0].Rows, views.Tables[0].Over = []string{"strategy", "draw"}, nil
	if v := tableOf(t, core, views).Lines[2].Values[0]; v.Value != 2 || v.Interval == nil || v.Interval.Unit != "test subjects" || v.Interval.Low != 2 {
		t.Errorf("%+v %+v", v, v.Interval)
	}
}

// Scores of other test rows, as of subsets of features that complete cases leave other rows of, are not subtracted.
func TestScoresOfOtherTestRowsAreNotSubtracted(t *testing.T) {
	core, views := rated("rows")
	for i := range core.Scores {
		if strings.HasPrefix(core.Scores[i].Cell, "b") {
			core.Scores[i].Draws.Of = "other rows"
		}
	}
	views.Tables[0].Columns[0].Minus = map[string]spec.Value{"strategy": {Text: "b"}}
	table := tableOf(t, core, views)
	if v := table.Lines[0].Values[0]; v.Status != Undefined || !strings.Contains(fmt.Sprintf("%+v", table), "not rated on the same test rows") {
		t.Errorf("%+v", table)
	}
}

// Scores by groups of patients stand in tables that name the column, and in no other.
func TestGroupsStandWhereTheyAreAskedFor(t *testing.T) {
	core, views := averaged("strategies.*.with.seed", 1, 3)
	core.Manifest.Resolved = json.RawMessage(`{"axes": [{"name": "draw", "sets": "strategies.*.with.seed"}], "metrics": [{"name": "m", "by": ["sex"]}]}`)
	for _, s := range core.Scores {
		for _, sex := range []string{"f", "m"} {
			s.Dims = map[string]string{"sex": sex}
			s.Value += 10
			core.Scores = append(core.Scores, s)
		}
	}
	if v := tableOf(t, core, views).Lines; len(v) != 1 || v[0].Values[0].Value != 2 || v[0].Values[0].Of != 2 {
		t.Errorf("%+v", v)
	}
	views.Tables[0].Rows = append(views.Tables[0].Rows, "sex")
	var got []string
	for _, l := range tableOf(t, core, views).Lines {
		got = append(got, fmt.Sprint(l.Labels, l.Values[0].Value))
	}
	if want := []string{"[s all] 2", "[s f] 12", "[s m] 22"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Replicates that are rated alike on the same rows are no more certain than one of them.
func TestEqualValuesKeepTheIntervalOfTheirRows(t *testing.T) {
	for unit, both := range map[string]bool{"test subjects": true, "synthetic rows": false} {
		core, views := averaged("strategies.*.with.seed", 2, 2, 2)
		for i := range core.Scores {
			core.Scores[i].Interval = &plugins.Interval{Low: 1, High: 5, Level: 0.95, Unit: unit}
		}
		table := tableOf(t, core, views)
		v := table.Lines[0].Values[0]
		switch {
		case v.Value != 2 || (v.Interval != nil) != both:
			t.Errorf("%s: %+v", unit, v)
		case both && (math.Abs(v.Interval.Low-1) > 1e-9 || math.Abs(v.Interval.High-5) > 1e-9):
			t.Errorf("%s: %+v, want 1 to 5", unit, v.Interval)
		}
		if said := slices.Contains(table.Notes, "no interval: all replicates are equal"); said == both {
			t.Errorf("%s: %q", unit, table.Notes)
		}
	}
	core, views := averaged("strategies.*.with.seed", 2, 2, 2)
	if table := tableOf(t, core, views); len(table.Notes) > 0 {
		t.Errorf("values without intervals of their own: %q", table.Notes)
	}
}

// By hand: 1, 2, 6 have the half width 4.30·√(7/3) over the replicates; each reaches 1 down and 3 up over its rows, which are the same ones.
func TestIntervalsHoldTheRowsThatValuesShare(t *testing.T) {
	for unit, both := range map[string]bool{"test subjects": true, "real subjects and synthetic rows": false} {
		core, views := averaged("strategies.*.with.seed", 1, 2, 6)
		for i := range core.Scores {
			v := core.Scores[i].Value
			core.Scores[i].Interval = &plugins.Interval{Low: v - 1, High: v + 3, Level: 0.95, Unit: unit}
		}
		down := 4.302652729911275 * math.Sqrt(7.0/3)
		up := down
		if both {
			down, up = math.Hypot(down, 1), math.Hypot(up, 3)
		}
		table := tableOf(t, core, views)
		v := table.Lines[0].Values[0]
		if v.Value != 3 || math.Abs(v.Interval.High-(3+up)) > 1e-9 || math.Abs(v.Interval.Low-(3-down)) > 1e-9 || strings.Contains(v.Interval.Unit, unit) != both {
			t.Errorf("%s: %+v, want -%v and +%v", unit, v.Interval, down, up)
		}
		if strings.Contains(strings.Join(table.Remarks, " "), "data fixed") == both {
			t.Errorf("%s: %q", unit, table.Remarks)
		}
	}
}
