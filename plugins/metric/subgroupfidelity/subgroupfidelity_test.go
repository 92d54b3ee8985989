package subgroupfidelity_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/subgroupfidelity"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func measure(t *testing.T, with string, pair *plugins.Pair) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, subgroupfidelity.Register, "subgroup-fidelity", with, pair)
}

const anySize = `{"by": ["sex"], "minimum": 1}`

func TestByHand(t *testing.T) {
	real := frame.Must(
		number("x", 1, 2, 3, 4, 5, nan), number("y", 1, 1, 2, 2, nan, nan),
		category("sex", "f", "f", "m", "m", "", "m"))
	synthetic := frame.Must(
		number("x", 1, 9, 3, 4, 7), number("y", 1, 1, nan, nan, 2),
		category("sex", "f", "f", "m", "m", "other"))
	m := measure(t, anySize, metrictest.Pair(real, synthetic, ""))
	// women: x 1, 2 beside 1, 9 is ½, y is 1; men: x is 1, and y has no synthetic value
	f, men := m.Score("subgroup_fidelity", "by", "sex", "group", "f"), m.Score("subgroup_fidelity", "by", "sex", "group", "m")
	if f.Value != 0.75 || f.N != 4 || men.Value != 1 || men.N != 5 || len(men.Warnings) != 1 {
		t.Errorf("%+v, %+v", f, men)
	}
	if s := m.Score("subgroup_fidelity", "by", "sex", "group", "other"); s.Reason != "no test row is of this group" {
		t.Errorf("%+v", s)
	}
	if gap, least := m.Score("gap", "by", "sex"), m.Score("least", "by", "sex"); gap.Value != 0.25 || gap.N != 2 || least.Value != 0.75 || len(gap.Warnings) != 1 {
		t.Errorf("%+v, %+v", gap, least)
	}
}

// A column of numbers that forms the groups is constant within them: it says nothing of them.
func TestColumnsOfGroupsAreLeftOut(t *testing.T) {
	real := frame.Must(number("x", 1, 2, 3, 4), number("sex", 0, 0, 1, 1))
	synthetic := frame.Must(number("x", 7, 8, 9, 10), number("sex", 0, 0, 1, 1))
	if v := measure(t, anySize, metrictest.Pair(real, synthetic, "")).Value("subgroup_fidelity", "by", "sex", "group", "0"); v != 0 {
		t.Errorf("%v", v)
	}
}

func TestUndefined(t *testing.T) {
	whole := frame.Must(number("x", 1, 2), category("sex", "f", "m"))
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Frame
		with            string
		gap, least      string
	}{
		{"no such column", whole, whole, `{"by": ["race"]}`, `the test part has no column "race"`, `the test part has no column "race"`},
		{"small groups", whole, whole, `{"by": ["sex"]}`, "no group has a defined value", "no group has a defined value"},
		{"no rows", whole.Take(nil), whole.Take(nil), anySize, "no group has a defined value", "no group has a defined value"},
		{"one group", whole, whole.Take([]int{0}), anySize, "one group alone has a defined value: there is nothing to compare it with", ""},
		{"no numbers", frame.Must(category("sex", "f")), frame.Must(category("sex", "f")), anySize, "no group has a defined value", "no group has a defined value"},
	} {
		by := "sex"
		if c.name == "no such column" {
			by = "race"
		}
		m := measure(t, c.with, metrictest.Pair(c.real, c.synthetic, ""))
		if gap, least := m.Score("gap", "by", by), m.Score("least", "by", by); gap.Reason != c.gap || least.Reason != c.least {
			t.Errorf("%s: gap %+v, least %+v", c.name, gap, least)
		}
	}
}

// A group that is made from the other's values fares worse, though the whole may look right; a copy scores best.
func TestAMistakenGroupIsFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	draw := func(swap float64) *frame.Frame {
		x, sex := make([]float64, 1000), make([]string, 1000)
		for i := range x {
			sex[i] = "f"
			x[i] = rng.NormFloat64()
			if i%2 == 0 {
				sex[i] = "m"
				x[i] += 2 * swap
			}
		}
		return frame.Must(number("x", x...), category("sex", sex...))
	}
	real := draw(1)
	good := measure(t, `{"by": ["sex"]}`, metrictest.Pair(real, draw(1), ""))
	bad := measure(t, `{"by": ["sex"]}`, metrictest.Pair(real, draw(0), ""))
	if g, b := good.Value("gap", "by", "sex"), bad.Value("gap", "by", "sex"); g > 0.1 || b < 0.4 || bad.Value("least", "by", "sex") > 0.5 {
		t.Errorf("gap %v where the groups are right, %v where one is wrong", g, b)
	}
	copied := measure(t, `{"by": ["sex"]}`, metrictest.Pair(real, real, ""))
	if copied.Value("least", "by", "sex") != 1 || copied.Value("gap", "by", "sex") != 0 {
		t.Error("a copy is not perfect")
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(2, 1)), 300, 200)
	metrictest.Invariant(t, subgroupfidelity.Register, "subgroup-fidelity", `{"by": ["sex", "unit"], "crossed": true, "minimum": 10}`, metrictest.Pair(real, synthetic, ""))
}

func TestSettingsAreChecked(t *testing.T) {
	good := subgroupfidelity.Config{Part: plugins.Test, Minimum: 1}
	good.By = []string{"sex"}
	if _, err := subgroupfidelity.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*subgroupfidelity.Config){
		"part": func(c *subgroupfidelity.Config) { c.Part = plugins.Reference }, "minimum": func(c *subgroupfidelity.Config) { c.Minimum = 0 },
		"by": func(c *subgroupfidelity.Config) { c.By = nil },
	} {
		c := good
		change(&c)
		if _, err := subgroupfidelity.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 1))
	draw := func() *frame.Frame {
		const rows = 10_000
		var columns []*frame.Column
		for j := range 82 {
			x := make([]float64, rows)
			for i := range x {
				if x[i] = rng.NormFloat64(); rng.IntN(4) == 0 {
					x[i] = nan
				}
			}
			columns = append(columns, number(string(rune('A'+j/26))+string(rune('A'+j%26)), x...))
		}
		unit := make([]string, rows)
		for i := range unit {
			unit[i] = string(rune('a' + rng.IntN(6)))
		}
		return frame.Must(append(columns, category("unit", unit...))...)
	}
	p := metrictest.Pair(draw(), draw(), "")
	m, info := metrictest.Build(b, subgroupfidelity.Register, "subgroup-fidelity", `{"by": ["unit"]}`)
	for b.Loop() {
		if _, err := m.Measure(b.Context(), metrictest.Env(info, 2, 1), p.Only(info.Reads...)); err != nil {
			b.Fatal(err)
		}
	}
}

// A group of few rows fares worse than one of many under any generator: that is told, unless the gap is far greater.
func TestAGapOfSizesIsTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	draw := func(wrong float64) *frame.Frame {
		x, race := make([]float64, 1500), make([]string, 1500)
		for i := range x {
			if race[i], x[i] = "white", rng.NormFloat64(); i%20 == 0 {
				race[i] = "black"
				x[i] += wrong
			}
		}
		return frame.Must(number("x", x...), category("race", race...))
	}
	real := draw(0)
	faultless := measure(t, `{"by": ["race"]}`, metrictest.Pair(real, draw(0), "")).Score("gap", "by", "race")
	if faultless.Value < 0.03 || len(faultless.Warnings) != 1 {
		t.Errorf("a generator without fault: %+v", faultless)
	}
	if s := measure(t, `{"by": ["race"]}`, metrictest.Pair(real, draw(2), "")).Score("gap", "by", "race"); len(s.Warnings) != 0 {
		t.Errorf("one that is wrong about a group: %+v", s)
	}
}
