package compare_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

func sides(t *testing.T, real, synthetic *frame.Frame) *compare.Sides {
	t.Helper()
	s, err := compare.New(metrictest.Pair(real, synthetic, ""), plugins.Test)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSidesHaveEqualColumns(t *testing.T) {
	real := frame.Must(number("x", 1), category("c", "a"))
	for _, c := range []struct {
		synthetic *frame.Frame
		want      string
	}{
		{frame.Must(number("x", 1)), `the synthetic rows have no column "c"`},
		{frame.Must(number("x", 1), number("c", 1)), `column "c" is a category in the test part and a number in the synthetic rows`},
		{frame.Must(number("x", 1), category("c", "a"), number("y", 1)), `the synthetic rows have a column "y" that the test part lacks`},
	} {
		_, err := compare.New(metrictest.Pair(real, c.synthetic, ""), plugins.Test)
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	s := sides(t, real, frame.Must(category("c", "b"), number("x", 1))) // another order is no difference
	if got := s.Names(frame.Number, frame.Category); !slices.Equal(got, []string{"x", "c"}) {
		t.Errorf("names %v", got)
	}
	if got := s.Names(frame.Category); !slices.Equal(got, []string{"c"}) {
		t.Errorf("categories %v", got)
	}
}

func TestCheckPart(t *testing.T) {
	for _, part := range []plugins.Part{plugins.Test, plugins.Train} {
		if err := compare.CheckPart(part); err != nil {
			t.Errorf("%s: %v", part, err)
		}
	}
	for _, part := range []plugins.Part{plugins.Reference, plugins.Validation, ""} {
		if err := compare.CheckPart(part); err == nil || !strings.Contains(err.Error(), `want "test" or "train"`) {
			t.Errorf("%s: %v", part, err)
		}
	}
}

func TestContinuousColumns(t *testing.T) {
	if err := compare.CheckColumns("some"); err == nil || !strings.Contains(err.Error(), `want "all" or "continuous"`) {
		t.Error(err)
	}
	real := frame.Must(number("flag", 0, 1, 1), number("three", 2, 1, 3), number("two", 1, 1, 2), number("few", nan, 2, 1), number("none", nan, nan, nan), category("c", "a", "b", "c"))
	synthetic := frame.Must(number("flag", 0, 1, 2), number("three", 1, 1, 1), number("two", 1, 2, 3), number("few", 1, 2, 3), number("none", 1, 2, 3), category("c", "a", "b", "c"))
	if got := sides(t, real, synthetic).Continuous(); !slices.Equal(got, []string{"three"}) {
		t.Errorf("%v; the real rows alone decide", got)
	}
}

func TestSharedBinsSpanBothSides(t *testing.T) {
	for _, c := range []struct {
		real, synthetic         []float64
		wantReal, wantSynthetic []int
		reals, synthetics       int
	}{
		{[]float64{0, 1, nan}, []float64{4, 3}, []int{2, 0}, []int{0, 2}, 2, 2}, // [0, 2) and [2, 4]
		{[]float64{0, 4}, []float64{1}, []int{1, 1}, []int{1, 0}, 2, 1},
		{nil, []float64{1, 3}, []int{0, 0}, []int{1, 1}, 0, 2},
		{[]float64{nan}, []float64{nan}, nil, nil, 0, 0},
	} {
		got := sides(t, frame.Must(number("x", c.real...)), frame.Must(number("x", c.synthetic...))).SharedBins("x", 2)
		if !slices.Equal(got.Real, c.wantReal) || !slices.Equal(got.Synthetic, c.wantSynthetic) || got.RealN != c.reals || got.SyntheticN != c.synthetics {
			t.Errorf("%v, %v: %+v", c.real, c.synthetic, got)
		}
	}
}

func TestSortedLeavesMissingValuesOut(t *testing.T) {
	s := sides(t, frame.Must(number("x", 3, nan, 1, 2)), frame.Must(number("x", nan)))
	if got := s.Sorted(plugins.Test, "x"); !slices.Equal(got, []float64{1, 2, 3}) {
		t.Errorf("real %v", got)
	}
	if got := s.Sorted(compare.Synthetic, "x"); len(got) != 0 {
		t.Errorf("synthetic %v", got)
	}
}

func TestLevelsCountsTheUnion(t *testing.T) {
	table := sides(t, frame.Must(category("c", "b", "a", "", "b")), frame.Must(category("c", "c", "", "b"))).Levels("c")
	if !slices.Equal(table.Real, []int{1, 2, 0}) || !slices.Equal(table.Synthetic, []int{0, 1, 1}) || table.RealN != 3 || table.SyntheticN != 2 {
		t.Errorf("%+v", table)
	}
}

func TestBins(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic []float64
		wantReal        []int
		wantSynthetic   []int
	}{
		// edges 0, 1, 2 … 10, the outer ones open: below the range counts in the first bin, above it in the last
		{"range", []float64{0, 0.5, 1, 10, nan}, []float64{-9, 0.99, 9, 99}, []int{2, 1, 0, 0, 0, 0, 0, 0, 0, 1}, []int{2, 0, 0, 0, 0, 0, 0, 0, 0, 2}},
		// range [4.5, 5.5]: 5 is edge 5, the lower end of bin 5
		{"constant", []float64{5, 5}, []float64{4.55, 5, 5.45}, []int{0, 0, 0, 0, 0, 2, 0, 0, 0, 0}, []int{1, 0, 0, 0, 0, 1, 0, 0, 0, 1}},
		{"no real value", []float64{nan}, []float64{1}, nil, nil},
		{"range beyond the greatest float", []float64{-1e308, 1e308}, []float64{0}, []int{1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, []int{0, 0, 0, 0, 0, 1, 0, 0, 0, 0}},
	} {
		table := sides(t, frame.Must(number("x", c.real...)), frame.Must(number("x", c.synthetic...))).Bins("x", 10)
		if !slices.Equal(table.Real, c.wantReal) || !slices.Equal(table.Synthetic, c.wantSynthetic) {
			t.Errorf("%s: %+v, want %v and %v", c.name, table, c.wantReal, c.wantSynthetic)
		}
	}
}

func TestColumnsReportsWhatIsUndefinedAndLeftOut(t *testing.T) {
	real := frame.Must(number("good", 1, 2), number("empty", nan, nan), number("thin", 1, nan), number("blanked", 1, 2), category("filled", "", "a"))
	s := sides(t, real, frame.Must(number("good", 1), number("empty", nan), number("thin", 1), number("blanked", nan), category("filled", "a")))
	out, err := s.Columns(t.Context(), plugins.Env{Threads: 2}, "score", "a variant", s.Names(frame.Number), func(column string) float64 {
		return map[string]float64{"good": 0.5, "thin": 1}[column]
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []plugins.Score{
		{Name: "score", Value: 0.5, N: 3, Status: plugins.OK, Warnings: []string{"a variant"}},
		{
			Name: "score", Status: plugins.Undefined, Reason: "no test row has a value in this column",
			Warnings: []string{"a variant", "missing values left out: 100.0 % of the test rows, 100.0 % of the synthetic rows"},
		},
		{
			Name: "score", Value: 1, N: 2, Status: plugins.OK,
			Warnings: []string{"a variant", "missing values left out: 50.0 % of the test rows, 0.0 % of the synthetic rows"},
		},
		{
			Name: "score", N: 2, Status: plugins.Undefined, Reason: "no synthetic row has a value in this column",
			Warnings: []string{"a variant", "missing values left out: 0.0 % of the test rows, 100.0 % of the synthetic rows"},
		},
		{Name: "mean", Value: 0.75, N: 2, Status: plugins.OK, Warnings: []string{
			"a variant",
			"1 of 4 columns left out: undefined in the test rows",
			"1 of 4 columns left out: undefined in the synthetic rows only, where they are constant or missing",
			`missing values do not count here: their share differs most in column "blanked", 0.0 % of the test rows and 100.0 % of the synthetic rows`,
		}},
	} {
		got := out.Scores[i]
		if got.Name != want.Name || got.Value != want.Value || got.N != want.N || got.Status != want.Status || got.Reason != want.Reason || !slices.Equal(got.Warnings, want.Warnings) {
			t.Errorf("score %d: %+v, want %+v", i, got, want)
		}
	}
	// values compared and missing, real, then synthetic; columns compared, undefined in the real rows, in the synthetic only
	for i, want := range []int{5, 3, 2, 2, 2, 1, 1} {
		if out.Counts[i].Value != want {
			t.Errorf("count %d: %+v, want %d", i, out.Counts[i], want)
		}
	}
}

func TestMeansWarnOfMissingValuesThatDiffer(t *testing.T) {
	// missing returns a column of 40 values, of which the first ones are missing
	missing := func(name string, lost int) *frame.Column {
		values := make([]float64, 40)
		for i := range lost {
			values[i] = nan
		}
		return number(name, values...)
	}
	for _, c := range []struct {
		real, synthetic [2]int // of columns a and b
		want            string // the column named
	}{
		{[2]int{0, 20}, [2]int{0, 20}, ""},
		{[2]int{0, 20}, [2]int{1, 19}, ""}, // 2.5 points
		{[2]int{0, 20}, [2]int{1, 22}, `"b", 50.0 % of the test rows and 55.0 % of the synthetic rows`},
		{[2]int{30, 0}, [2]int{0, 10}, `"a", 75.0 % of the test rows and 0.0 % of the synthetic rows`},
		{[2]int{4, 4}, [2]int{0, 8}, `"a", 10.0 % of the test rows and 0.0 % of the synthetic rows`},
	} {
		s := sides(t, frame.Must(missing("a", c.real[0]), missing("b", c.real[1])), frame.Must(missing("a", c.synthetic[0]), missing("b", c.synthetic[1])))
		got := s.Caveats(compare.LeftOut{}, []string{"a", "b"})
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasSuffix(got[0], c.want)) {
			t.Errorf("%v and %v missing: %q, want %q", c.real, c.synthetic, got, c.want)
		}
	}
	if got := sides(t, frame.Must(number("a")), frame.Must(missing("a", 40))).Caveats(compare.LeftOut{}, []string{"a"}); got != nil {
		t.Errorf("no rows to compare with: %q", got)
	}
}
