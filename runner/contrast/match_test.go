package contrast_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// builder makes a core, cell by cell.
type builder struct{ *record.Core }

func newCore(axes ...string) builder {
	return builder{&record.Core{Manifest: record.Manifest{Axes: axes}}}
}

// cell adds a cell with the given values of the axes; its id is they.
func (b builder) cell(values ...string) *record.Cell {
	c := record.Cell{ID: strings.Join(values, "."), Status: record.CellOK, Axes: map[string]string{}}
	for i, v := range values {
		c.Axes[b.Manifest.Axes[i]] = v
	}
	b.Cells = append(b.Cells, c)
	return &b.Cells[len(b.Cells)-1]
}

// score adds a score of the last cell.
func (b builder) score(metric, name string, v float64, dims ...string) *record.Score {
	s := record.Score{Cell: b.Cells[len(b.Cells)-1].ID, Metric: metric, Score: plugins.Score{Name: name, Value: v, Status: plugins.OK}}
	for i := 0; i < len(dims); i += 2 {
		if s.Dims == nil {
			s.Dims = map[string]string{}
		}
		s.Dims[dims[i]] = dims[i+1]
	}
	b.Scores = append(b.Scores, s)
	return &b.Scores[len(b.Scores)-1]
}

func values(pairs ...string) map[string]spec.Value {
	out := map[string]spec.Value{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = spec.Value{Text: pairs[i+1]}
	}
	return out
}

func where(pairs ...string) map[string][]spec.Value {
	out := map[string][]spec.Value{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = append(out[pairs[i]], spec.Value{Text: pairs[i+1]})
	}
	return out
}

// told is the groups of a match in words, a line for each pair.
func told(groups []*contrast.Group) []string {
	var out []string
	for _, g := range groups {
		var dims []string
		for _, d := range slices.Sorted(maps.Keys(g.Dims)) {
			dims = append(dims, " "+d+" "+g.Dims[d])
		}
		out = append(out, fmt.Sprintf("%s.%s%s over %s", g.Metric, g.Name, strings.Join(dims, ""), g.Unit))
		for _, p := range g.Pairs {
			line := fmt.Sprintf("%s: %s − %s", p.Label, p.CellA, p.CellB)
			if p.Why != "" {
				line += ": " + p.Why
			}
			out = append(out, line)
		}
	}
	return out
}

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestMatchPairsSeeds(t *testing.T) {
	b := newCore("strategy", "n", "seed")
	for _, strategy := range []string{"group", "naive", "floor"} {
		for _, n := range []string{"100", "200"} {
			for _, seed := range []string{"1", "2"} {
				b.cell(strategy, n, seed)
				b.score("across", "auroc", 0.8)
				b.score("kl", "mean", 0.1)
			}
		}
	}
	ix := contrast.NewIndex(b.Core)
	q := contrast.Question{Score: "across.auroc", A: values("strategy", "group"), B: values("strategy", "naive"), Where: where("n", "200")}
	check(t, told(contrast.Match(ix, q)), "across.auroc over seeds", "seed 1: group.200.1 − naive.200.1", "seed 2: group.200.2 − naive.200.2")
	q.Where = nil
	if groups := contrast.Match(ix, q); len(groups) != 2 || groups[0].Axes["n"] != "100" || groups[1].Axes["n"] != "200" {
		t.Errorf("%q: want a group for each n", told(groups))
	}
	q.Over = []string{"n"}
	groups := contrast.Match(ix, q)
	check(t, told(groups), "across.auroc over seeds", "n 100, seed 1: group.100.1 − naive.100.1", "n 100, seed 2: group.100.2 − naive.100.2",
		"n 200, seed 1: group.200.1 − naive.200.1", "n 200, seed 2: group.200.2 − naive.200.2")
	if p := groups[0].Pairs[2]; p.Unit != "seed 1" || p.Part != "n 200" {
		t.Errorf("%+v", p)
	}
	// arms that differ in several axes
	q = contrast.Question{Score: "auroc", A: values("strategy", "group", "n", "100"), B: values("strategy", "floor", "n", "200")}
	check(t, told(contrast.Match(ix, q)), "across.auroc over seeds", "seed 1: group.100.1 − floor.200.1", "seed 2: group.100.2 − floor.200.2")
	if groups := contrast.Match(ix, contrast.Question{Score: "none", A: q.A, B: q.B}); len(groups) != 0 {
		t.Errorf("a score that is not measured: %q", told(groups))
	}
}

func TestMatchSaysWhatIsMissing(t *testing.T) {
	b := newCore("strategy", "seed")
	for _, strategy := range []string{"group", "naive"} {
		for seed := range 6 {
			if strategy == "naive" && seed == 1 {
				continue // there is no such cell
			}
			c := b.cell(strategy, fmt.Sprint(seed))
			switch {
			case seed == 2 && strategy == "group":
				c.Status, c.Stage, c.Reason = record.CellFailed, "generate", "timed out"
				s := b.score("across", "auroc", 0)
				s.Status, s.Reason = plugins.Failed, "timed out"
			case seed == 3 && strategy == "naive": // leaves no score
				c.Status, c.Reason = record.CellFailed, "no rows"
			case seed == 4:
				c.Status, c.Reason = record.CellExcluded, "budget"
			case seed == 5 && strategy == "naive":
				s := b.score("across", "auroc", 0)
				s.Status, s.Reason = plugins.Undefined, "one class"
			default:
				b.score("across", "auroc", 0.8)
			}
		}
	}
	b.cell("naive", "7")
	b.score("across", "auroc", 0.8)
	b.cell("group", "8")
	b.score("across", "auroc", 0.8)
	c := b.cell("naive", "8")
	c.Status, c.Reason = record.CellExcluded, "budget"
	groups := contrast.Match(contrast.NewIndex(b.Core), contrast.Question{Score: "across.auroc", A: values("strategy", "group"), B: values("strategy", "naive")})
	check(t, told(groups), "across.auroc over seeds",
		"seed 0: group.0 − naive.0",
		"seed 1: group.1 − : strategy naive: there is no such cell",
		"seed 2: group.2 − naive.2: strategy group: failed at generate: timed out",
		"seed 3: group.3 − naive.3: strategy naive: failed: no rows",
		"seed 5: group.5 − naive.5: strategy naive: undefined: one class",
		"seed 8: group.8 − naive.8: strategy naive: excluded: budget",
		"seed 7:  − naive.7: strategy group: there is no such cell")
	e, err := groups[0].Effect(0.95)
	if err != nil || e.N != 1 || e.Of != 7 || len(e.Left) != 6 {
		t.Errorf("%+v, %v", e, err)
	}
}

// An axis that has no bearing on an arm is alike whatever the other arm has of it.
func TestMatchOfAnAxisWithoutBearing(t *testing.T) {
	b := newCore("strategy", "llm", "seed")
	for _, seed := range []string{"1", "2"} {
		b.cell("group", "o1", seed)
		b.score("across", "auroc", 0.8)
		b.cell("copula", "-", seed)
		b.score("across", "auroc", 0.7)
	}
	want := []string{"across.auroc over seeds", "seed 1: group.o1.1 − copula.-.1", "seed 2: group.o1.2 − copula.-.2"}
	q := contrast.Question{Score: "across.auroc", A: values("strategy", "group"), B: values("strategy", "copula")}
	check(t, told(contrast.Match(contrast.NewIndex(b.Core), q)), want...)
	q.A = values("strategy", "group", "llm", "o1")
	check(t, told(contrast.Match(contrast.NewIndex(b.Core), q)), want...)
	// of two models, none is the partner
	for _, seed := range []string{"1", "2"} {
		b.cell("group", "o3", seed)
		b.score("across", "auroc", 0.9)
	}
	q.A, q.B = values("strategy", "copula"), values("strategy", "group")
	for _, g := range contrast.Match(contrast.NewIndex(b.Core), q) {
		for _, p := range g.Pairs {
			if p.A != nil && p.B != nil {
				t.Errorf("%s is paired with %s", p.CellA, p.CellB)
			}
		}
	}
}

// A failed metric does not know its dimensions: it stands for all that it might have had.
func TestMatchOfScoresWithDimensions(t *testing.T) {
	b := newCore("strategy", "seed")
	b.Manifest.Resolved = json.RawMessage(`{"metrics": [{"name": "fair", "by": ["sex"]}]}`)
	for _, strategy := range []string{"group", "naive"} {
		for _, seed := range []string{"1", "2"} {
			b.cell(strategy, seed)
			if strategy == "naive" && seed == "2" {
				s := b.score("ks", "complement", 0)
				s.Status, s.Reason = plugins.Failed, "timed out"
				continue
			}
			for _, column := range []string{"age", "lactate"} {
				b.score("ks", "complement", 0.9, "column", column)
			}
			b.score("fair", "auroc", 0.8)
			b.score("fair", "auroc", 0.7, "sex", "female")
			b.score("fair", "auroc", 0.6, plugins.Weighting, plugins.PostStratified)
		}
	}
	ix := contrast.NewIndex(b.Core)
	q := contrast.Question{Score: "ks.complement", A: values("strategy", "group"), B: values("strategy", "naive")}
	failed := "seed 2: group.2 − naive.2: strategy naive: failed: timed out"
	check(t, told(contrast.Match(ix, q)), "ks.complement column age over seeds", "seed 1: group.1 − naive.1", failed,
		"ks.complement column lactate over seeds", "seed 1: group.1 − naive.1", failed)
	q.Where = where("column", "age")
	check(t, told(contrast.Match(ix, q)), "ks.complement column age over seeds", "seed 1: group.1 − naive.1", failed)
	q.Score, q.Where = "fair.auroc", nil // of everyone, unweighted
	check(t, told(contrast.Match(ix, q)), "fair.auroc over seeds", "seed 1: group.1 − naive.1", "seed 2: group.2 − naive.2: strategy naive: not measured")
	q.Where = where("sex", "female")
	check(t, told(contrast.Match(ix, q))[:2], "fair.auroc sex female over seeds", "seed 1: group.1 − naive.1")
	q.Where = where("sex", plugins.Everyone)
	check(t, told(contrast.Match(ix, q))[:2], "fair.auroc over seeds", "seed 1: group.1 − naive.1")
}

// Where test hospitals vary they are the unit; train hospitals and sample sizes follow the arrangement.
func TestMatchOfHospitals(t *testing.T) {
	b := newCore("site", "train_site", "test_site", "n", "seed")
	for i, site := range []string{"north", "south", "west"} {
		for _, seed := range []string{"1", "2"} {
			b.cell("each", site, site, "100", seed)
			b.score("across", "auroc", 0.8+float64(i)/100)
			b.cell("all", "all", site, "300", seed)
			b.score("across", "auroc", 0.7)
		}
	}
	q := contrast.Question{Score: "across.auroc", A: values("site", "each"), B: values("site", "all"), Over: []string{"test_site", "train_site", "n"}}
	groups := contrast.Match(contrast.NewIndex(b.Core), q)
	if len(groups) != 1 || len(groups[0].Pairs) != 6 || groups[0].Unit != "test sites" {
		t.Fatalf("%q", told(groups))
	}
	e, err := groups[0].Effect(0.95)
	if err != nil || e.Units != 3 || e.N != 6 || e.Unit != "test sites" {
		t.Errorf("%+v, %v", e, err)
	}
}

// Splits of the data are the unit before seeds: seeds of one split share its test rows.
func TestMatchOfSplits(t *testing.T) {
	b := newCore("strategy", "split", "seed")
	b.Manifest.Resolved = json.RawMessage(`{"axes": [{"name": "split", "sets": "datasets.icu.split.seed"}]}`)
	for _, strategy := range []string{"group", "naive"} {
		for _, split := range []string{"7", "8", "9"} {
			for _, seed := range []string{"1", "2"} {
				b.cell(strategy, split, seed)
				b.score("across", "auroc", 0.8)
			}
		}
	}
	groups := contrast.Match(contrast.NewIndex(b.Core), contrast.Question{Score: "auroc", A: values("strategy", "group"), B: values("strategy", "naive")})
	if len(groups) != 1 || groups[0].Unit != "splits" || !slices.Equal(groups[0].UnitAxes, []string{"split"}) || !slices.Equal(groups[0].Varying, []string{"split", "seed"}) {
		t.Fatalf("%q", told(groups))
	}
	if e, err := groups[0].Effect(0.95); err != nil || e.Units != 3 || e.N != 6 || !e.Same {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestSpreadOfAnArm(t *testing.T) {
	b := newCore("strategy", "seed")
	for i, v := range []float64{1, 2, 3} {
		b.cell("group", fmt.Sprint(i))
		b.score("across", "auroc", v)
	}
	b.cell("naive", "1")
	b.score("across", "auroc", 5)
	groups := contrast.Match(contrast.NewIndex(b.Core), contrast.Question{Score: "across.auroc"})
	if len(groups) != 2 {
		t.Fatalf("%q", told(groups))
	}
	if sd, err := groups[0].Spread(); err != nil || sd != 1 {
		t.Errorf("%v, %v", sd, err)
	}
	if _, err := groups[1].Spread(); err == nil {
		t.Error("one value has a spread")
	}
}
