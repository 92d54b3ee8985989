package clinicalranges_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/clinicalranges"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func at(x float64) *float64 { return &x }

// measure measures with limits that the data set declares; both sides are checked with one and with three threads.
func measure(t *testing.T, with string, limits map[string]plugins.Limit, real, synthetic *frame.Frame) *plugins.Measurement {
	t.Helper()
	m, info := metrictest.Build(t, clinicalranges.Register, "clinical-ranges", with)
	pair := metrictest.Pair(real, synthetic, "")
	pair.Limits = limits
	out, err := m.Measure(t.Context(), metrictest.Env(info, 2, 1), pair)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func score(t *testing.T, m *plugins.Measurement, name, column string) plugins.Score {
	t.Helper()
	for _, s := range m.Scores {
		if s.Name == name && s.Dims["column"] == column {
			return s
		}
	}
	t.Fatalf("no score %s %s", name, column)
	return plugins.Score{}
}

func value(t *testing.T, m *plugins.Measurement, name, column string, want float64, n int) {
	t.Helper()
	if s := score(t, m, name, column); s.Status != plugins.OK || math.Abs(s.Value-want) > 1e-15 || s.N != n {
		t.Errorf("%s %s is %+v, want %v of %d", name, column, s, want, n)
	}
}

func TestShares(t *testing.T) {
	real := frame.Must(number("age", 18, 50, 120, nan), number("ph", 7.1, 7.3, 7.4, 7.9), category("sex", "f", "m", "f", ""), number("free", 1, 2, 3, 4))
	synthetic := frame.Must(number("age", 17.9, 130, 20, nan, nan), number("ph", 7, 14, nan, nan, 7), category("sex", "f", "x", "m", "", "F"), number("free", -9, 9, 9, 9, 9))
	limits := map[string]plugins.Limit{
		"age": {Min: at(0)}, // the setting comes before it
		"ph":  {Max: at(8)},
		"sex": {Levels: []string{"f", "m"}},
	}
	got := measure(t, `{"ranges": {"age": {"min": 18, "max": 120}}}`, limits, real, synthetic)
	value(t, got, "outside_limits", "age", 2.0/3, 3)
	value(t, got, "outside_limits_real", "age", 0, 3) // the ends are inside
	value(t, got, "outside_limits", "ph", 1.0/3, 3)
	value(t, got, "outside_limits_real", "ph", 0, 4)
	value(t, got, "outside_limits", "sex", 0.5, 4)
	value(t, got, "outside_limits_real", "sex", 0, 3)
	value(t, got, "overall_outside_limits", "", 5.0/10, 10)
	value(t, got, "overall_outside_limits_real", "", 0, 10)
	value(t, got, "rows_outside_limits", "", 3.0/5, 5) // rows 1, 2 (twice) and 5
	value(t, got, "rows_outside_limits_real", "", 0, 4)
	if len(got.Scores) != 3*2+4 {
		t.Errorf("%d scores: %+v", len(got.Scores), got.Scores)
	}
}

func TestRealValuesOutsideCastDoubt(t *testing.T) {
	const n = 1000
	values := make([]float64, n)
	for outside, doubt := range map[int]bool{10: false, 11: true} {
		for i := range values {
			if values[i] = 0; i < outside {
				values[i] = 1
			}
		}
		f := frame.Must(number("x", values...))
		got := measure(t, `{"ranges": {"x": {"max": 0.5}}}`, nil, f, f)
		for _, name := range []string{"outside_limits", "outside_limits_real"} {
			warned := slices.Equal(score(t, got, name, "x").Warnings, []string{"1.1 % of the values of the test rows lie outside the limits: the limits, or the unit of the column, may be wrong"})
			if warned != doubt {
				t.Errorf("%d of %d outside: %s warns %q", outside, n, name, score(t, got, name, "x").Warnings)
			}
		}
		if warned := len(score(t, got, "overall_outside_limits", "").Warnings) > 0; warned != doubt {
			t.Errorf("%d of %d outside: overall warns %v", outside, n, warned)
		}
	}
}

func TestStandardLimits(t *testing.T) {
	for _, c := range []struct {
		name, unit string
		low, high  float64 // 0, 0: none
	}{
		{"heartrate_first", "bpm", 0, 350},
		{"heartrate_max", "", 0, 350},
		{"heartrate", "bpm", 0, 350},
		{"bg_ph_last_early", "", 6.3, 8.4},
		{"glucose_first_early", "mg/dL", 0, 2000},
		{"glucose_first_early", "mmol/L", 0, 0}, // another unit
		{"heartrated", "bpm", 0, 0},
		{"inr_first_early", "", 0, 0},
		{"age", "years", 0, 0},
	} {
		r, ok := clinicalranges.Standard(c.name, c.unit)
		if want := c.high > 0; ok != want || ok && (*r.Min != c.low || *r.Max != c.high) {
			t.Errorf("%s in %q: %v %v", c.name, c.unit, r, ok)
		}
	}
	f := frame.Must(number("heartrate_first", 80, 500))
	got := measure(t, "", nil, f, f)
	value(t, got, "outside_limits", "heartrate_first", 0.5, 2)
	if w := score(t, got, "outside_limits", "heartrate_first").Warnings; w[0] != "standard limits: 0 to 350" {
		t.Errorf("warnings %q", w)
	}
	value(t, measure(t, "", map[string]plugins.Limit{"heartrate_first": {Max: at(600)}}, f, f), "outside_limits", "heartrate_first", 0, 2)
	for _, s := range measure(t, `{"standard": false}`, nil, f, f).Scores {
		if s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "no column has limits") {
			t.Errorf("%+v", s)
		}
	}
}

func TestUndefined(t *testing.T) {
	real := frame.Must(number("x", 1), category("c", "a"), number("empty", nan))
	with := `{"ranges": {"c": {"max": 1}, "lost": {"min": 0}, "empty": {"min": 0}}}`
	limits := map[string]plugins.Limit{"x": {Levels: []string{"1"}}, "elsewhere": {Min: at(0)}}
	got := measure(t, with, limits, real, real)
	for column, reason := range map[string]string{
		"c":     "the column is a category: it has no min and max",
		"lost":  "the rows have no such column",
		"x":     "the column is a number: it has no levels",
		"empty": "no synthetic row has a value in this column",
	} {
		if s := score(t, got, "outside_limits", column); s.Status != plugins.Undefined || s.Reason != reason {
			t.Errorf("%s: %+v", column, s)
		}
	}
	if s := score(t, got, "overall_outside_limits", ""); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
	none := frame.Must(number("x"))
	for _, s := range measure(t, `{"ranges": {"x": {"min": 0}}}`, nil, none, none).Scores {
		if s.Status != plugins.Undefined {
			t.Errorf("no rows: %+v", s)
		}
	}
}

func TestNewChecksItsSettings(t *testing.T) {
	for want, c := range map[string]clinicalranges.Config{
		`ranges of column "x" says nothing`:                     {Part: plugins.Test, Ranges: map[string]clinicalranges.Range{"x": {}}},
		`ranges of column "x": min is 2 and max is 1; min must`: {Part: plugins.Test, Ranges: map[string]clinicalranges.Range{"x": {Min: at(2), Max: at(1)}}},
		`part is "reference"`:                                   {Part: plugins.Reference},
	} {
		if _, err := clinicalranges.New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Pieces of rows are counted apart: what they add up to does not hang on where they are cut, nor on the order of rows.
func TestManyRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float64, 9001), make([]float64, 9001)
	outside, either := 0, 0
	for i := range x {
		x[i], y[i] = rng.Float64(), rng.Float64()
		if x[i] > 0.9 {
			outside++
		}
		if x[i] > 0.9 || y[i] > 0.9 {
			either++
		}
	}
	f := frame.Must(number("x", x...), number("y", y...))
	for _, f := range []*frame.Frame{f, f.Take(rng.Perm(9001))} {
		r := metrictest.Measure(t, clinicalranges.Register, "clinical-ranges", `{"ranges": {"x": {"max": 0.9}, "y": {"max": 0.9}}}`, metrictest.Pair(f, f, ""))
		if got, want := r.Value("outside_limits", "column", "x"), float64(outside)/9001; got != want {
			t.Errorf("column: %v, want %v", got, want)
		}
		if got, want := r.Value("rows_outside_limits"), float64(either)/9001; got != want {
			t.Errorf("rows: %v, want %v", got, want)
		}
	}
}
