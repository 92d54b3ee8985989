package correlation

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var (
	nan    = math.NaN()
	number = metrictest.Number
)

func measure(t *testing.T, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, Register, "correlation", with, metrictest.Pair(real, synthetic, ""))
}

// matrices makes both matrices of columns of numbers.
func matrices(t *testing.T, columns ...*frame.Column) map[string]*Matrix {
	t.Helper()
	p, err := pearsonMatrix(t.Context(), 2, columns)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spearmanMatrix(t.Context(), 2, columns)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*Matrix{Pearson: p, Spearman: s}
}

func TestByHand(t *testing.T) {
	real := frame.Must(number("a", 1, 2, 3), number("b", 1, 2, 3), number("c", 3, 1, 2)) // r: ab 1, ac -½, bc -½
	synthetic := frame.Must(number("a", 1, 2, 3), number("b", 3, 2, 1), number("c", 3, 1, 2))
	// r: ab -1, ac -½, bc ½; differences 2, 0, 1
	for _, coefficient := range []string{Pearson, Spearman} {
		got := measure(t, `{"pairs": true, "coefficient": "`+coefficient+`"}`, real, synthetic)
		for score, want := range map[string]float64{
			"correlation_matrix_difference": 1,
			"frobenius":                     math.Sqrt(2 * (4 + 1)),
			"mean_similarity":               0.5,
		} {
			if s := got.Score(score); math.Abs(s.Value-want) > 1e-12 || s.N != 3 {
				t.Errorf("%s %s: %+v, want %v", coefficient, score, s, want)
			}
		}
		for pair, want := range map[[2]string]float64{{"a", "b"}: 0, {"a", "c"}: 1, {"b", "c"}: 0.5} {
			s := got.Score("correlation_similarity", "column", pair[0], "other", pair[1])
			if math.Abs(s.Value-want) > 1e-12 || s.N != 6 {
				t.Errorf("%s %v: %+v, want %v", coefficient, pair, s, want)
			}
		}
	}
}

func TestUndefinedPairsAreLeftOut(t *testing.T) {
	// c and d are constant in the real rows, b and d in the synthetic ones: ae alone is defined on both sides
	real := frame.Must(number("a", 1, 2, 3), number("b", 1, 2, 4), number("c", 2, 2, 2), number("d", 2, 2, 2), number("e", 1, 5, 3))
	synthetic := frame.Must(number("a", 1, 2, 3), number("b", 0.1, 0.1, 0.1), number("c", 1, 5, 3), number("d", 3, 3, 3), number("e", 1, 5, 3))
	got := measure(t, `{"pairs": true}`, real, synthetic)
	warnings := []string{
		"7 of 10 pairs of columns left out: undefined in the test rows",
		"2 of 10 pairs of columns left out: undefined in the synthetic rows only, where they are constant or missing",
		"some pairs of columns have fewer than 30 complete rows",
	}
	for _, name := range []string{"correlation_matrix_difference", "frobenius", "mean_similarity"} {
		if s := got.Score(name); s.N != 1 || !slices.Equal(s.Warnings, warnings) {
			t.Errorf("%+v", s)
		}
	}
	if v := got.Value("mean_similarity"); v != 1 {
		t.Errorf("%v", v)
	}
	counts := []plugins.Count{
		{Name: "pairs of columns compared", Value: 1},
		{Name: "pairs of columns undefined in the real rows", Value: 7},
		{Name: "pairs of columns undefined in the synthetic rows only", Value: 2},
	}
	if !reflect.DeepEqual(got.Counts, counts) {
		t.Errorf("%+v, want %+v", got.Counts, counts)
	}
	if s := got.Score("correlation_similarity", "column", "a", "other", "b"); s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "the synthetic rows") {
		t.Errorf("%+v", s)
	}
	other := measure(t, `{"pairs": true}`, synthetic, real)
	if s := other.Score("correlation_similarity", "column", "a", "other", "b"); s.Status != plugins.Undefined || !strings.HasPrefix(s.Reason, "the real rows") {
		t.Errorf("%+v", s)
	}
}

func TestUndefined(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic *frame.Frame
		reason          string
	}{
		{"one column", frame.Must(number("a", 1, 2)), frame.Must(number("a", 1, 2)), "there are fewer than two number columns"},
		{"no rows", frame.Must(number("a"), number("b")), frame.Must(number("a"), number("b")), "no pair of number columns has a correlation on both sides"},
		{"one row", frame.Must(number("a", 1), number("b", 1)), frame.Must(number("a", 1, 2), number("b", 1, 2)), "no pair of number columns has a correlation on both sides"},
		{
			"no complete row", frame.Must(number("a", 1, 2, nan, nan), number("b", nan, nan, 1, 2)),
			frame.Must(number("a", 1, 2), number("b", 1, 2)), "no pair of number columns has a correlation on both sides",
		},
		{"no column", frame.Must(metrictest.Category("c", "a")), frame.Must(metrictest.Category("c", "a")), "there are fewer than two number columns"},
	} {
		for _, coefficient := range []string{Pearson, Spearman} {
			for _, s := range measure(t, `{"coefficient": "`+coefficient+`"}`, c.real, c.synthetic).Scores {
				if s.Status != plugins.Undefined || s.Reason != c.reason {
					t.Errorf("%s, %s: %+v", c.name, coefficient, s)
				}
			}
		}
	}
}

// TestMatricesAgreeWithPairByPair compares the matrix products and the counted ranks with the plain formulas, on columns
// whose missing values, outliers and constant stretches a sum of products handles badly.
func TestMatricesAgreeWithPairByPair(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		n := 1 + rng.IntN(80)
		x := make([][]float64, 8)
		for i := range x {
			x[i] = make([]float64, n)
		}
		for r := range n {
			v := rng.NormFloat64()
			x[0][r] = v
			x[1][r] = v + rng.NormFloat64()
			x[2][r] = math.Round(2 * v)
			x[3][r] = 1e9 + v          // far from 0
			x[4][r] = v                // an outlier where column 5 is missing
			x[5][r] = -v + 0.1         // missing at the outlier
			x[6][r] = 0.1              // constant but for one row, where column 5 is missing
			x[7][r] = 1e-200 * (v - 1) // tiny
			if rng.IntN(3) == 0 {
				x[rng.IntN(4)][r] = nan
			}
		}
		x[4][0], x[5][0], x[6][0] = 1e13, nan, 3
		columns := make([]*frame.Column, len(x))
		for i, values := range x {
			columns[i] = number(string(rune('a'+i)), values...)
		}
		got := matrices(t, columns...)
		for i := range x {
			for j := range i {
				a, b := complete(x[i], x[j])
				for coefficient, formula := range map[string]func(x, y []float64) (float64, error){Pearson: stats.Pearson, Spearman: stats.Spearman} {
					want, err := formula(a, b)
					r, ok := got[coefficient].At(i, j)
					if ok != (err == nil) || (ok && math.Abs(r-want) > 1e-10) || got[coefficient].Rows(j, i) != len(a) {
						t.Fatalf("%s of columns %d and %d, %d rows: %v (%v); pair by pair %v (%v)", coefficient, i, j, len(a), r, ok, want, err)
					}
				}
			}
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, coefficient := range []string{Pearson, Spearman} {
		with := `{"pairs": true, "coefficient": "` + coefficient + `"}`
		for range 10 {
			real, synthetic := metrictest.Frames(rng, 2+rng.IntN(60), 2+rng.IntN(60))
			there, back := measure(t, with, real, synthetic), measure(t, with, synthetic, real)
			for i, s := range there.Scores {
				if s.Name == "correlation" {
					continue // of one side
				}
				if s.Value != back.Scores[i].Value || s.Status != back.Scores[i].Status {
					t.Errorf("%s: %+v one way, %+v the other", coefficient, s, back.Scores[i])
				}
			}
			if same := measure(t, with, real, real); same.Score("frobenius").Value != 0 {
				t.Errorf("%s: a frame against itself: %+v", coefficient, same.Score("frobenius"))
			}
		}
		real, synthetic := metrictest.Frames(rng, 200, 150)
		metrictest.Invariant(t, Register, "correlation", with, metrictest.Pair(real, synthetic, ""))
	}
}

func TestSparsePairsAreWarnedOf(t *testing.T) {
	x := frame.Must(number("a", 1, 2, 3), number("b", 1, 3, 2))
	if s := measure(t, "", x, x).Score("frobenius"); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "fewer than 30 complete rows") {
		t.Errorf("%+v", s)
	}
}

func TestNewChecksItsSettings(t *testing.T) {
	for _, c := range []Config{{Part: plugins.Test, Coefficient: "kendall"}, {Part: plugins.Reference, Coefficient: Pearson}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
