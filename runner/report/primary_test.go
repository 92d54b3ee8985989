package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// arms has a cell for each strategy and seed, with one AUROC and one KL divergence, which is one less that; NaN is a cell that failed.
func arms(values map[string][]float64) *record.Core {
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "arms", Version: 2, Axes: []string{"strategy", "seed"},
		Scores: []record.ScoreInfo{
			{Metric: "across", Name: "auroc", Better: plugins.Higher},
			{Metric: "kl", Name: "mean", Better: plugins.Lower},
			{Metric: "kl", Name: "size", Better: plugins.Neutral},
		},
	}}
	for _, strategy := range []string{"group", "naive", "floor"} {
		for i, v := range values[strategy] {
			c := record.Cell{ID: fmt.Sprintf("%s.%d", strategy, i+1), Status: record.CellOK, Axes: map[string]string{"strategy": strategy, "seed": fmt.Sprint(i + 1)}}
			score := func(metric, name string, v float64) {
				core.Scores = append(core.Scores, record.Score{Cell: c.ID, Metric: metric, Score: plugins.Score{Name: name, Value: v, N: 50, Status: plugins.OK}})
			}
			if math.IsNaN(v) {
				c.Status, c.Stage, c.Reason = record.CellFailed, "generate", "timed out"
			} else {
				score("across", "auroc", v)
				score("kl", "mean", 1-v)
				score("kl", "size", v)
			}
			core.Cells = append(core.Cells, c)
		}
	}
	return core
}

func strategy(name string) map[string]spec.Value {
	return map[string]spec.Value{"strategy": {Text: name}}
}

// against is a contrast of two strategies.
func against(name, score, a, b string) spec.Contrast {
	return spec.Contrast{Name: name, Score: score, A: strategy(a), B: strategy(b)}
}

// filled is the tables of a version, without their files.
func filled(core *record.Core, views record.Views) []*Table {
	return newSource(core, views.Data).tables(views)
}

func primaryOf(t *testing.T, core *record.Core, contrasts ...spec.Contrast) *Table {
	t.Helper()
	for _, table := range filled(core, record.Views{Primary: contrasts}) {
		if table.Name == spec.PrimaryTable {
			return table
		}
	}
	t.Fatal("there is no table of primary contrasts")
	return nil
}

// column is the values of a column of the table.
func column(t *testing.T, table *Table, score string) []Value {
	t.Helper()
	c := slices.IndexFunc(table.Columns, func(c Column) bool { return c.Score == score })
	if c < 0 {
		t.Fatalf("no column %q", score)
	}
	var out []Value
	for i := range table.Lines {
		out = append(out, table.Lines[i].Values[c])
	}
	return out
}

func findings(table *Table) []string {
	var out []string
	for _, l := range table.Lines {
		out = append(out, l.Labels[4])
	}
	return out
}

var (
	byGroup = []float64{0.85, 0.86, 0.84, 0.87, 0.85, 0.86}
	byNaive = []float64{0.80, 0.82, 0.78, 0.81, 0.81, 0.80}
	byFloor = []float64{0.80, 0.82, 0.79, 0.81, 0.80, 0.81}
)

func TestPrimaryByHand(t *testing.T) {
	core := arms(map[string][]float64{"group": byGroup, "naive": byNaive, "floor": byFloor})
	table := primaryOf(t, core,
		against("holds", "across.auroc", "group", "naive"), against("turned", "kl.mean", "naive", "group"),
		against("neutral", "kl.size", "naive", "group"), against("none", "across.auroc", "naive", "floor"))
	// the numbers again, from the values alone
	p := make([]float64, 4)
	for i, pair := range [][2][]float64{{byGroup, byNaive}, {byNaive, byGroup}, {byNaive, byGroup}, {byNaive, byFloor}} {
		test, err := stats.PairedT(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		low, high, _ := test.Interval(0.95)
		difference := test.Difference
		if i == 1 { // 1 less the values
			difference, low, high = -difference, -high, -low
		}
		p[i] = test.P
		v := column(t, table, "difference")[i]
		near(t, "difference", v.Value, difference)
		near(t, "low", v.Interval.Low, low)
		near(t, "high", v.Interval.High, high)
		near(t, "p", column(t, table, "p")[i].Value, test.P)
	}
	holm, err := stats.Holm(p)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range column(t, table, "adjusted p") {
		near(t, "adjusted p", v.Value, holm[i])
	}
	smallest := column(t, table, "detectable")[3].Value
	spread, _ := stats.SD([]float64{0, 0, -0.01, 0, 0.01, -0.01})
	want, err := stats.Planned(spread, 0, 6, 1-0.05/4, 0.8)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "detectable", smallest, want)
	found := []string{"group better *", "group better *", "group higher *", "no detectable difference"}
	if diff := cmp.Diff(found, findings(table)); diff != "" {
		t.Error(diff)
	}
	for _, l := range table.Lines {
		if l.N != 6 || l.Of != 6 {
			t.Errorf("%s: %d of %d", l.Labels[0], l.N, l.Of)
		}
	}
	remarks := strings.Join(table.Remarks, "\n")
	for _, want := range []string{"Holm, one family over the 4 contrasts. * adjusted p < 0.05.", "95 %, of each contrast by itself: paired Student t, over seeds."} {
		if !strings.Contains(remarks, want) {
			t.Errorf("no %q in\n%s", want, remarks)
		}
	}
}

func TestPrimaryFamilies(t *testing.T) {
	core := arms(map[string][]float64{"group": byGroup, "naive": byNaive, "floor": byFloor})
	views := record.Views{
		Primary:   []spec.Contrast{against("a", "across.auroc", "group", "naive"), against("b", "across.auroc", "naive", "floor"), against("c", "across.auroc", "group", "floor")},
		Inference: spec.Inference{Correction: spec.BenjaminiHochberg, Level: 0.99},
	}
	table := filled(core, views)[0]
	var p []float64
	for _, v := range column(t, table, "p") {
		p = append(p, v.Value)
	}
	want, err := stats.BenjaminiHochberg(p)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range column(t, table, "adjusted p") {
		near(t, "adjusted p", v.Value, want[i])
	}
	if iv := column(t, table, "difference")[0].Interval; iv.Level != 0.99 {
		t.Errorf("%+v", iv)
	}
	if !strings.Contains(strings.Join(table.Remarks, "\n"), "Benjamini–Hochberg, one family over the 3 contrasts. * adjusted p < 0.01.") {
		t.Errorf("%q", table.Remarks)
	}
}

func TestPrimaryWithFailedCells(t *testing.T) {
	nan := math.NaN()
	core := arms(map[string][]float64{
		"group": {0.85, nan, 0.84, 0.87, 0.85, 0.86}, "naive": {0.80, 0.82, nan, 0.81, 0.81, 0.80}, "floor": {nan, nan, nan, nan, nan, nan},
	})
	table := primaryOf(t, core, against("some", "across.auroc", "group", "naive"), against("all", "across.auroc", "group", "floor"))
	if l := table.Lines[0]; l.N != 4 || l.Of != 6 || len(l.Marks) != 2 {
		t.Errorf("some: %d of %d, marks %v", l.N, l.Of, l.Marks)
	}
	near(t, "of the rest", column(t, table, "difference")[0].Value, (0.05+0.06+0.04+0.06)/4)
	if l := table.Lines[1]; l.N != 0 || l.Of != 6 || l.Labels[4] != "no result" || slices.ContainsFunc(l.Values, func(v Value) bool { return v.Status == OK }) {
		t.Errorf("all: %+v", l)
	}
	// what has no result was named all the same
	near(t, "adjusted", column(t, table, "adjusted p")[0].Value, 2*column(t, table, "p")[0].Value)
	notes := strings.Join(table.Notes, "\n")
	for _, want := range []string{
		"seed 2: strategy group: failed at generate: timed out", "seed 3: strategy naive: failed at generate: timed out", "no pair has both values",
		"strategy floor: failed at generate: timed out",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
	if text := Text(table, 200, false); !strings.Contains(text, "4/6") || !strings.Contains(text, "0/6") {
		t.Errorf("n/N is missing:\n%s", text)
	}
}

func TestEquivalence(t *testing.T) {
	core := arms(map[string][]float64{"group": byGroup, "naive": byNaive, "floor": byFloor})
	within, narrow, wide := against("within", "across.auroc", "naive", "floor"), against("narrow", "across.auroc", "naive", "floor"), against("wide", "across.auroc", "group", "naive")
	m1, m2, m3 := 0.03, 0.005, 0.2
	within.Margin, narrow.Margin, wide.Margin = &m1, &m2, &m3
	table := primaryOf(t, core, within, narrow, wide)
	got := findings(table)
	if got[0] != "equivalent within ±0.03 *" || got[1] != "no detectable difference" || got[2] != "group better *, equivalent within ±0.2 *" {
		t.Errorf("%q", got)
	}
	test, err := stats.PairedT(byNaive, byFloor)
	if err != nil {
		t.Fatal(err)
	}
	eq, _ := test.Equivalent(m2)
	if v := column(t, table, "equivalence p")[1].Value; v < eq.P {
		t.Errorf("adjusted %v, unadjusted %v", v, eq.P)
	}
	// without a margin there is no such column
	if slices.ContainsFunc(primaryOf(t, core, against("x", "across.auroc", "naive", "floor")).Columns, func(c Column) bool { return c.Score == "equivalence p" }) {
		t.Error("a column of equivalence without a margin")
	}
}

func TestPrimaryClaimsNothingOfOnePair(t *testing.T) {
	core := arms(map[string][]float64{"group": {0.85}, "naive": {0.80}, "floor": {0.80}})
	table := primaryOf(t, core, against("one", "across.auroc", "group", "naive"), against("same", "across.auroc", "naive", "floor"))
	if diff := cmp.Diff([]string{"not tested", "equal in all pairs"}, findings(table)); diff != "" {
		t.Error(diff)
	}
	if v := column(t, table, "difference")[0]; v.Status != OK || v.Interval != nil || len(v.Marks) != 1 {
		t.Errorf("%+v", v)
	}
	if v := column(t, table, "p")[0]; v.Status == OK || len(v.Marks) != 1 {
		t.Errorf("%+v", v)
	}
}

// Equal differences have a p-value, of their signs, where they are too few for an interval.
func TestPrimaryOfEqualDifferences(t *testing.T) {
	table := primaryOf(t, arms(map[string][]float64{"group": {0.5, 0.75, 0.625}, "naive": {0.25, 0.5, 0.375}}), against("x", "across.auroc", "group", "naive"))
	v, p := column(t, table, "difference")[0], column(t, table, "p")[0]
	if v.Value != 0.25 || v.Interval != nil || len(v.Marks) != 1 || p.Value != 0.25 || findings(table)[0] != "no detectable difference" {
		t.Errorf("%+v, p %+v, %q", v, p, findings(table))
	}
}

// What the values behind a contrast suffer from is one footnote for each kind.
func TestPrimaryKeepsWarnings(t *testing.T) {
	core := arms(map[string][]float64{"group": byGroup, "naive": byNaive})
	core.Scores[0].Warnings = []string{"2 columns of 5 are constant"}
	core.Scores[3].Warnings = []string{"3 columns of 5 are constant"}
	core.Scores[1].Warnings = []string{"of another score"}
	table := primaryOf(t, core, against("holds", "across.auroc", "group", "naive"))
	if diff := cmp.Diff([]string{"2 to 3 columns of 5 are constant"}, table.Notes); diff != "" || len(table.Lines[0].Marks) != 1 {
		t.Errorf("%s, marks %v", diff, table.Lines[0].Marks)
	}
}

// Stars stand in the table of contrasts alone; others say that they test nothing.
func TestOnlyPrimaryContrastsAreTested(t *testing.T) {
	core := arms(map[string][]float64{"group": byGroup, "naive": byNaive})
	views := record.Views{
		Primary: []spec.Contrast{against("holds", "across.auroc", "group", "naive")},
		Tables: []spec.Table{
			{Name: "means", Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "across.auroc"}}, Over: []string{"seed"}},
			{Name: "single", Rows: []string{"strategy", "seed"}, Columns: []spec.TableColumn{{Score: "kl.size"}}},
		},
	}
	tables, err := Tables(core, views)
	if err != nil {
		t.Fatal(err)
	}
	exploratory := func(t *Table) bool {
		return slices.ContainsFunc(t.Remarks, func(r string) bool { return strings.HasPrefix(r, "Exploratory: ") })
	}
	for _, table := range tables {
		if want := table.Name == "means"; exploratory(table.Table) != want { // single shows no interval
			t.Errorf("%s: %q", table.Name, table.Remarks)
		}
		if star := strings.Contains(string(table.Markdown), `\*`); star != (table.Name == spec.PrimaryTable) {
			t.Errorf("%s:\n%s", table.Name, table.Markdown)
		}
	}
	named := views.Primary
	views.Primary = nil
	for _, table := range filled(core, views) {
		if table.Name == spec.PrimaryTable || exploratory(table) {
			t.Errorf("without contrasts: %s, %q", table.Name, table.Remarks)
		}
	}
	views.Registered = []record.Registration{{Time: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Contrasts: named}, {Time: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), After: 4}}
	removed := `on 2026-01-03, after v4: "holds" removed`
	for _, table := range filled(core, views) {
		if said := strings.Contains(strings.Join(table.Remarks, " "), removed); said != (table.Name == "means") {
			t.Errorf("contrasts that were taken away: %s, %q", table.Name, table.Remarks)
		}
	}
}

func TestRegisteredRemark(t *testing.T) {
	at := func(day, after int, contrasts ...spec.Contrast) record.Registration {
		return record.Registration{
			Time: time.Date(2026, 3, day, 9, 0, 0, 0, time.UTC), After: after, Resolved: "0123456789abcdef", Contrasts: contrasts,
			Inference: spec.Inference{Correction: spec.Holm, Level: 0.95},
		}
	}
	one, other := against("holds", "across.auroc", "group", "naive"), against("holds", "across.auroc", "group", "floor")
	second := against("also", "kl.mean", "group", "naive")
	for _, c := range []struct {
		name  string
		named []record.Registration
		want  string
	}{
		{"unknown", nil, "It is not known whether the contrasts were named before the first result."},
		{"before", []record.Registration{at(1, 0, one)}, "Named on 2026-03-01, before the first result (experiment 0123456789ab)."},
		{"twice before", []record.Registration{at(1, 0, one), at(2, 0, other)}, "Named on 2026-03-02, before the first result (experiment 0123456789ab)."},
		{
			"changed",
			[]record.Registration{at(1, 0, one), at(3, 2, other, second), at(4, 2, one)},
			`Named on 2026-03-01, before the first result (experiment 0123456789ab); changed after results were seen: on 2026-03-03, after v2: "holds" changed, "also" added; on 2026-03-04, after v2: "holds" changed, "also" removed.`,
		},
		{"late", []record.Registration{at(1, 0), at(5, 1, one)}, `Named after results were seen: on 2026-03-05, after v1: "holds" added.`},
		{"late from the start", []record.Registration{at(5, 3, one)}, `Named after results were seen: on 2026-03-05, after v3: "holds" added.`},
	} {
		if got := registeredRemark(c.named); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestSamples(t *testing.T) {
	s := sampleOf([]float64{3, 1, 2}, nil, []string{"seed"})
	low, high, _ := stats.Prediction([]float64{3, 1, 2}, 0.95)
	if s.N != 3 || s.Median != 2 || s.SD != 1 || s.Min != 1 || s.Max != 3 || s.Few != "" || s.Prediction == nil || s.Prediction.Low != low || s.Prediction.High != high || s.Prediction.Unit != "seeds" {
		t.Errorf("%+v", s)
	}
	if s := sampleOf([]float64{4}, nil, nil); s.Few == "" || s.Unpredicted == "" || s.Prediction != nil || s.Min != 4 || s.Max != 4 {
		t.Errorf("one value: %+v", s)
	}
	if s := sampleOf([]float64{1, 2}, []string{"n"}, []string{"n"}); s.Prediction != nil || s.Unpredicted != "sample sizes are no replicates, so that no further one is like them" {
		t.Errorf("no replicates: %+v", s)
	}
	if s := sampleOf([]float64{2, 2}, nil, []string{"seed"}); s.Prediction != nil || s.SD != 0 || s.Unpredicted != "the values do not differ" {
		t.Errorf("no spread: %+v", s)
	}
	// in a table, over seeds; cut at the range of the score
	one := 1.0
	core := arms(map[string][]float64{"group": {0.9, 0.99, 0.95}})
	core.Manifest.Scores[0].Max = &one
	v := filled(core, record.Views{Tables: []spec.Table{{
		Name: "t", Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "across.auroc"}}, Over: []string{"seed"},
	}}})[0].Lines[0].Values[0]
	if v.Sample == nil || v.Sample.N != 3 || v.Sample.Median != 0.95 || v.Sample.Prediction.High != 1 || v.Sample.Prediction.Low >= v.Interval.Low {
		t.Errorf("%+v", v.Sample)
	}
}
