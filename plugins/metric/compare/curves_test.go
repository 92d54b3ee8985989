package compare_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// curvesOf returns the curves of all columns. perSubject rows next to each other are of one subject; 0: nothing says whose they are.
func curvesOf(t *testing.T, real, synthetic *frame.Frame, perSubject int) []plugins.Curve {
	t.Helper()
	sample := plugins.Sample{Frame: real}
	if perSubject > 0 {
		ids := make([]float64, real.Rows())
		for i := range ids {
			ids[i] = float64(i / perSubject)
		}
		sample.Subject = frame.NewNumber("subject", ids)
	}
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: sample}), synthetic, "")
	s, err := compare.New(pair, plugins.Test)
	if err != nil {
		t.Fatal(err)
	}
	curves, err := s.Curves(t.Context(), 2, real.Names())
	if err != nil {
		t.Fatal(err)
	}
	return curves
}

func repeated(times int, values ...float64) []float64 {
	var out []float64
	for range times {
		out = append(out, values...)
	}
	return out
}

func TestCurvesOfNumbersByHand(t *testing.T) {
	// 0, 1, 2 and 4 stand for 11 rows each, 3 for one, which joins its neighbour
	real := slices.Concat(repeated(11, 0, 1, 2, 4), []float64{3, nan})
	got := curvesOf(t, frame.Must(number("x", real...)), frame.Must(number("x", 0, 0, 2, 9)), 0)
	dims := func(side string) map[string]string { return map[string]string{"column": "x", "side": side} }
	cuts := []float64{0.5, 1.5, 2.5}
	want := []plugins.Curve{
		{Name: "ecdf", Dims: dims("real"), X: cuts, Y: []float64{11. / 45, 22. / 45, 33. / 45}, N: []int{11, 11, 11}},
		{Name: "ecdf", Dims: dims("synthetic"), X: cuts, Y: []float64{0.5, 0.5, 0.75}, N: []int{11, 11, 11}},
	}
	for _, side := range []string{"real", "synthetic"} {
		for i, name := range []string{"0", "1", "2", "3 or more"} {
			of := dims(side)
			of["level"] = name
			share, n := []float64{11. / 45, 11. / 45, 11. / 45, 12. / 45}[i], []int{11, 11, 11, 12}[i]
			if side == "synthetic" {
				share = []float64{0.5, 0, 0.25, 0.25}[i]
			}
			want = append(want, plugins.Curve{Name: "density", Dims: of, X: []float64{float64(i)}, Y: []float64{share}, N: []int{n}})
		}
	}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
}

func TestCurvesOfCategoriesByHand(t *testing.T) {
	level := func(n int, name string) []string { return slices.Repeat([]string{name}, n) }
	real := slices.Concat(level(12, "a"), level(30, "b"), level(8, "c"), level(2, "d"), level(15, "e"), []string{""})
	made := []string{"a", "b", "b", "f"}
	got := curvesOf(t, frame.Must(category("x", real...)), frame.Must(category("x", made...)), 0)
	// c and d have 10 rows together: too few, so that the rarest of the others joins them
	var text []string
	for _, c := range got {
		text = append(text, fmt.Sprintf("%s %s: %g at %g of %d", c.Dims["side"], c.Dims["level"], c.Y[0]*67, c.X[0], c.N[0]))
	}
	want := []string{
		"real b: 30 at 0 of 30", "real e: 15 at 1 of 15", "real others (4): 22 at 2 of 22",
		"synthetic b: 33.5 at 0 of 30", "synthetic e: 0 at 1 of 15", "synthetic others (4): 33.5 at 2 of 22",
	}
	if d := cmp.Diff(want, text); d != "" {
		t.Error(d)
	}
}

// A bin of one whole number has that number alone, be it the least or the greatest of the real ones.
func TestEndsOfWholeNumbers(t *testing.T) {
	shares := map[string]float64{}
	for _, c := range curvesOf(t, frame.Must(number("x", repeated(11, 3, 4, 5, 5)...)), frame.Must(number("x", -7, 3, 5, 20)), 0) {
		if c.Name == "density" && c.Dims["side"] == "synthetic" {
			shares[c.Dims["level"]] = c.Y[0]
		}
	}
	if d := cmp.Diff(map[string]float64{"3": 0.25, "4": 0, "5": 0.25}, shares); d != "" {
		t.Error(d)
	}
}

// A level that is called like the group of rare ones is another one.
func TestLevelsHaveNamesOfTheirOwn(t *testing.T) {
	real := slices.Concat(slices.Repeat([]string{"others (1)"}, 20), slices.Repeat([]string{"b"}, 20), slices.Repeat([]string{"c"}, 11), []string{"d"})
	seen := map[string]bool{}
	for _, c := range curvesOf(t, frame.Must(category("x", real...)), frame.Must(category("x", "b")), 0) {
		key := c.Dims["side"] + c.Dims["level"]
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
	}
	if len(seen) != 6 {
		t.Errorf("%v", seen)
	}
}

// Whatever the data are, each point stands for eleven subjects, curves are short, shares are shares,
// and both sides have the same places.
func TestNoPointShowsAPatient(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 120 {
		rows, perSubject := 1+rng.IntN(900), rng.IntN(4)
		draw := map[int]func() float64{
			0: rng.NormFloat64, 1: rng.ExpFloat64, 2: func() float64 { return float64(rng.IntN(3)) }, 3: func() float64 { return float64(rng.IntN(500)) },
			4: func() float64 { return math.Round(rng.NormFloat64()*5) / 10 }, 5: func() float64 { return 7 },
		}[rng.IntN(6)]
		values, names := make([]float64, rows), make([]string, rows)
		for i := range values {
			if values[i] = draw(); rng.IntN(20) == 0 {
				values[i] = nan
			}
			names[i] = fmt.Sprint("l", rng.IntN(1+rng.IntN(40)))
		}
		made := []float64{0, 1, 2, draw()}
		curves := curvesOf(t, frame.Must(number("x", values...), category("c", names...)), frame.Must(number("x", made...), category("c", "l1", "l2", "new", "l1")), perSubject)
		for i, c := range curves {
			if slices.Min(c.N) < plugins.FewestTold || len(c.N) != len(c.X) || len(c.X) > 50 {
				t.Fatalf("round %d: %+v", round, c)
			}
			if slices.Min(c.Y) < 0 || c.Name == "ecdf" && (slices.Max(c.Y) > 1 || !slices.IsSorted(c.Y)) || !slices.IsSorted(c.X) {
				t.Fatalf("round %d: %+v", round, c)
			}
			if c.Name == "ecdf" && c.Dims["side"] == "synthetic" && !slices.Equal(c.X, curves[i-1].X) {
				t.Fatalf("round %d: the sides have other places", round)
			}
		}
		if subjects := rows / max(perSubject, 1); subjects < plugins.FewestTold && len(curves) > 0 {
			t.Fatalf("round %d: %d subjects have curves", round, subjects)
		}
	}
}

// Bins hold all rows but the outermost hundredths, so that a density is one.
func TestDensitiesIntegrate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{"continuous": rng.NormFloat64, "whole": func() float64 { return float64(rng.IntN(30)) }} {
		values := make([]float64, 5000)
		for i := range values {
			values[i] = draw()
		}
		f := frame.Must(number("x", values...))
		for _, c := range curvesOf(t, f, f, 0) {
			if c.Name != "density" {
				continue
			}
			area := 0.0 // by the trapezium rule
			for i := 1; i < len(c.X); i++ {
				area += (c.X[i] - c.X[i-1]) * (c.Y[i] + c.Y[i-1]) / 2
			}
			want, slack := 0.98, 0.01
			if name == "whole" { // half a bin at each end is beyond the outermost middles
				want, slack = 14./15, 0.01 // fifteen of them
			}
			if math.Abs(area-want) > slack {
				t.Errorf("%s, %s: area %v, want %v", name, c.Dims["side"], area, want)
			}
		}
	}
}

func TestSubjects(t *testing.T) {
	ids := frame.Must(category("s", "b", "a", "", "b", "", "a")).Column("s")
	real := frame.Must(number("x", 1, 2, 3, 4, 5, 6))
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: {Frame: real, Subject: ids}}), real, "")
	s, err := compare.New(pair, plugins.Test)
	if err != nil {
		t.Fatal(err)
	}
	of, n := s.Subjects()
	if !slices.Equal(of, []int32{0, 1, 2, 0, 3, 1}) || n != 4 {
		t.Errorf("%v of %d", of, n)
	}
	fewest := s.FewestSubjects() // two subjects have two rows each
	for rows, want := range []int{0, 1, 1, 2, 2, 3, 4} {
		if got := fewest(rows); got != want {
			t.Errorf("%d rows are of %d subjects at least, want %d", rows, got, want)
		}
	}
}
