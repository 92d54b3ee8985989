package characteristics_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/characteristics"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

func measure(t *testing.T, pair *plugins.Pair, with string) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, characteristics.Register, "characteristics", with, pair)
}

// counted is a category column with so many rows of each level; "" is no value.
func counted(name string, of ...any) *frame.Column {
	var values []string
	for i := 0; i < len(of); i += 2 {
		for range of[i+1].(int) {
			values = append(values, of[i].(string))
		}
	}
	return metrictest.Category(name, values...)
}

// rising is a number column of 1 to n, and so many rows without a value.
func rising(name string, n, missing int) *frame.Column {
	values := make([]float64, 0, n+missing)
	for i := range n {
		values = append(values, float64(i+1))
	}
	for range missing {
		values = append(values, math.NaN())
	}
	return metrictest.Number(name, values...)
}

func TestNumbers(t *testing.T) {
	got := measure(t, metrictest.Pair(frame.Must(rising("x", 101, 20)), frame.Must(rising("x", 5, 2)), ""), "")
	for _, c := range []struct {
		name, side string
		want       float64
	}{
		{"missing", "real", 20},
		{"lower_quartile", "real", 26},
		{"median", "real", 51},
		{"upper_quartile", "real", 76},
		{"mean", "real", 51},
		{"standard_deviation", "real", math.Sqrt(101 * 102 / 12.)},
		{"missing", "synthetic", 2},
		{"lower_quartile", "synthetic", 2},
		{"median", "synthetic", 3},
		{"upper_quartile", "synthetic", 4},
		{"standard_deviation", "synthetic", math.Sqrt(2.5)},
	} {
		if v := got.Value(c.name, "side", c.side, "column", "x"); math.Abs(v-c.want) > 1e-12 {
			t.Errorf("%s of the %s rows is %v, want %v", c.name, c.side, v, c.want)
		}
	}
	if got.Value("rows", "side", "real") != 121 || got.Value("rows", "side", "synthetic") != 7 {
		t.Error("rows")
	}
}

func TestLevels(t *testing.T) {
	real := frame.Must(counted("ward", "a", 30, "b", 60, "", 10), metrictest.Number("f", slices.Concat(slices.Repeat([]float64{0}, 75), slices.Repeat([]float64{1}, 25))...))
	synthetic := frame.Must(counted("ward", "b", 3, "new", 1), metrictest.Number("f", 0, 1, 1, math.NaN()))
	got := measure(t, metrictest.Pair(real, synthetic, ""), "")
	// 10 rows miss the ward: 5 stand for them, and the others are told with the first level
	if s := got.Score("missing", "side", "real", "column", "ward"); s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "withheld") {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct {
		column, level, side string
		count, share        float64
	}{
		{"ward", "b", "real", 60, 60. / 95},
		{"ward", "a", "real", 35, 35. / 95},
		{"ward", "other levels", "real", 0, 0},
		{"ward", "a", "synthetic", 0, 0},
		{"ward", "b", "synthetic", 3, 0.75},
		{"ward", "other levels", "synthetic", 1, 0.25},
		{"f", "0", "real", 75, 0.75},
		{"f", "1", "real", 25, 0.25},
		{"f", "1", "synthetic", 2, 2 / 3.},
	} {
		dims := []string{"side", c.side, "column", c.column, "level", c.level}
		if n, share := got.Value("count", dims...), got.Value("share", dims...); n != c.count || math.Abs(share-c.share) > 1e-12 {
			t.Errorf("%v: %v, %v", c, n, share)
		}
	}
	if v := got.Value("missing", "side", "synthetic", "column", "f"); v != 1 {
		t.Errorf("%v rows miss f", v)
	}
	for name, warned := range map[string]bool{"count a": true, "share a": true, "count b": false, "share b": true} {
		score, level, _ := strings.Cut(name, " ")
		s := got.Score(score, "side", "real", "column", "ward", "level", level)
		if len(s.Warnings) > 0 != warned || s.N != 95 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// What is said of a column is the same for every number of rows without a value that must not be told: these may as well have the level
// whose count is approximate.
func TestFewMissingValuesChangeNothing(t *testing.T) {
	synthetic := counted("w", "a", 5, "b", 1, "z", 1, "", 2)
	for name, of := range map[string]func(k int) []any{ // k rows without a value
		"two levels":           func(k int) []any { return []any{"a", 40 - k, "b", 60, "", k} },
		"first by name":        func(k int) []any { return []any{"z", 70, "b", 60 - k, "q", 55, "", k} },
		"a rare level":         func(k int) []any { return []any{"z", 70, "rare", 3, "b", 60, "q", 55 - k, "", k} },
		"one level":            func(k int) []any { return []any{"a", 50 - k, "", k} },
		"the smallest holding": func(k int) []any { return []any{"a", 21 - k, "b", 50, "", k} },
	} {
		var before []plugins.Score
		for k := 1; k < plugins.FewestTold; k++ {
			checkAlike(t, name, k, frame.Must(counted("w", of(k)...)), synthetic, &before)
		}
	}
}

func checkAlike(t *testing.T, name string, k int, real *frame.Frame, synthetic *frame.Column, before *[]plugins.Score) {
	t.Helper()
	got := measure(t, metrictest.Pair(real, frame.Must(synthetic), ""), "")
	counts := 0
	for _, s := range got.Scores {
		if s.Name == "count" && s.Dims["side"] == "real" && s.Status == plugins.OK && s.Value > 0 {
			counts++
		}
	}
	if counts == 0 {
		t.Errorf("%s: nothing is told: %+v", name, got.Scores)
	}
	if *before != nil {
		if d := cmp.Diff(*before, got.Scores); d != "" {
			t.Errorf("%s: %d rows without a value differ from %d by\n%s", name, k, k-1, d)
		}
	}
	*before = got.Scores
}

// A binary column that synthetic rows have other numbers of is a column of numbers.
func TestNoLevels(t *testing.T) {
	real := frame.Must(metrictest.Number("f", slices.Repeat([]float64{0, 1}, 50)...))
	got := measure(t, metrictest.Pair(real, frame.Must(metrictest.Number("f", 0, 1, 0.5)), ""), "")
	if v := got.Value("median", "side", "synthetic", "column", "f"); v != 0.5 {
		t.Errorf("%v", v)
	}
}

// Nothing is told of fewer than eleven patients, be it by a level, by rows without a value, by subtraction, or by a quartile; rows of
// one patient are no patients.
func TestFewPatientsAreNotTold(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 300 {
		n := 5 + rng.IntN(120)
		subjects, wards := make([]string, n), make([]string, n)
		numbers := make([]float64, n)
		for i := range n {
			subjects[i] = fmt.Sprint("s", rng.IntN(n))
			wards[i] = []string{"", "a", "a", "a", "b", "c", "d"}[rng.IntN(2+rng.IntN(6))]
			if numbers[i] = rng.Float64(); rng.IntN(5) == 0 {
				numbers[i] = math.NaN()
			}
		}
		real := frame.Must(metrictest.Category("w", wards...), metrictest.Number("x", numbers...))
		sample := plugins.Sample{Frame: real, Subject: metrictest.Category("s", subjects...)}
		pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: sample, plugins.Test: sample}),
			frame.Must(metrictest.Category("w", "a", "b", "c", "rare", ""), metrictest.Number("x", 1, 2, 3, 4, 5)), "")
		got := measure(t, pair, "")
		check(t, trial, got, real, subjects)
	}
}

func check(t *testing.T, trial int, got metrictest.Result, real *frame.Frame, subjects []string) {
	t.Helper()
	patients := func(in func(row int) bool) int {
		seen := map[string]bool{}
		for row := range real.Rows() {
			if in(row) {
				seen[subjects[row]] = true
			}
		}
		return len(seen)
	}
	few := func(n int) bool { return n > 0 && n < plugins.FewestTold }
	wards := real.Column("w")
	level := func(row int) string {
		if wards.IsMissing(row) {
			return ""
		}
		return wards.Levels[wards.Codes[row]]
	}
	told := map[string]bool{}
	all := 0
	for _, s := range got.Scores {
		if s.Status != plugins.OK || s.Dims["side"] != "real" {
			continue
		}
		switch {
		case len(s.Warnings) > 0: // not what it was counted to be
		case s.Name == "count" && s.Dims["level"] != characteristics.OtherLevels:
			told[s.Dims["level"]] = true
			if few(patients(func(row int) bool { return level(row) == s.Dims["level"] })) {
				t.Errorf("trial %d: level %q is told", trial, s.Dims["level"])
			}
		case s.Name == "missing" && s.Dims["column"] == "w":
			told[""] = true
			if few(patients(wards.IsMissing)) {
				t.Errorf("trial %d: rows without a ward are told", trial)
			}
		case s.Name == "missing":
			x := real.Column("x")
			if few(patients(x.IsMissing)) || few(patients(func(row int) bool { return !x.IsMissing(row) })) {
				t.Errorf("trial %d: rows without a number are told", trial)
			}
		case s.Name == "median":
			all++
			if x := real.Column("x"); patients(func(row int) bool { return !x.IsMissing(row) }) < 4*plugins.FewestTold {
				t.Errorf("trial %d: quartiles of few are told", trial)
			}
		}
	}
	rest := patients(func(row int) bool { return !told[level(row)] }) // by subtraction from all rows
	if few(rest) && len(told) > 0 {
		t.Errorf("trial %d: the rest has %d patients; told are %v", trial, rest, told)
	}
}

func TestParts(t *testing.T) {
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: frame.Must(rising("x", 100, 0))}, plugins.Test: {Frame: frame.Must(rising("x", 200, 0))},
	}), frame.Must(rising("x", 5, 0)), "")
	for with, want := range map[string]float64{"": 100, `{"part": "test"}`: 200} {
		if got := measure(t, pair, with).Value("rows", "side", "real"); got != want {
			t.Errorf("%s: %v rows", with, got)
		}
	}
	if _, err := characteristics.New(characteristics.Config{Part: plugins.Reference}); err == nil {
		t.Error("the reference part was taken")
	}
}

// A strategy may hand out rows of the data as synthetic ones: of a column with a count of few of them nothing is told, and no quartile
// that stands for few.
func TestRowsThatAreHandedOut(t *testing.T) {
	real := frame.Must(counted("ward", "a", 40, "b", 60, "c", 20), counted("sex", "f", 60, "m", 60), rising("x", 120, 0),
		counted("unit", "i", 60, "j", 60))
	synthetic := frame.Must(counted("ward", "a", 3, "b", 30, "c", 12), counted("sex", "f", 25, "m", 20), rising("x", 40, 5),
		counted("unit", "i", 24, "j", 15, "", 6))
	for _, handed := range []bool{false, true} {
		pair := metrictest.Pair(real, synthetic, "")
		pair.Handed = handed
		got := measure(t, pair, "")
		for _, dims := range [][]string{
			{"count", "column", "ward", "level", "a"},
			{"share", "column", "ward", "level", "a"},
			{"count", "column", "ward", "level", "b"},
			{"count", "column", "ward", "level", "c"},
			{"missing", "column", "ward"},
			{"missing", "column", "x"},
			{"missing", "column", "unit"},
			{"median", "column", "x"},
		} {
			s := got.Score(dims[0], append(dims[1:], "side", "synthetic")...)
			if told := s.Status == plugins.OK; told == handed || handed && !strings.HasPrefix(s.Reason, "withheld") {
				t.Errorf("handed out %v: %v is %+v", handed, dims, s)
			}
		}
		if n := got.Value("count", "side", "synthetic", "column", "sex", "level", "m"); n != 20 {
			t.Errorf("%v rows are of m, want 20", n)
		}
		unit := map[bool][2]float64{false: {24, 24. / 39}, true: {25, 25. / 40}}[handed] // 5 stands for 6 without a value
		n, share := got.Value("count", "side", "synthetic", "column", "unit", "level", "i"), got.Value("share", "side", "synthetic", "column", "unit", "level", "i")
		if n != unit[0] || math.Abs(share-unit[1]) > 1e-12 || got.Value("count", "side", "synthetic", "column", "unit", "level", "j") != 15 {
			t.Errorf("handed out %v: %v rows are of unit i, %v of all", handed, n, share)
		}
		if n := got.Value("count", "side", "real", "column", "ward", "level", "a"); n != 40 {
			t.Errorf("%v real rows are of ward a, want 40", n)
		}
	}
}
