package rate_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

// A curve with a point that stands for too few subjects is withheld whole, whoever the data may be shown to, and counted.
func TestCurvesOfFewSubjectsAreWithheld(t *testing.T) {
	line := func(column string, n ...int) plugins.Curve {
		points := make([]float64, len(n))
		return plugins.Curve{Name: "line", Dims: map[string]string{"column": column}, X: points, Y: points, N: n}
	}
	j := job(func(*plugins.Pair) *plugins.Measurement {
		return &plugins.Measurement{Curves: []plugins.Curve{line("a", 11, 30), line("b", 30, 10), line("c", 0), line("d"), line("e", 11)}}
	})
	out, err := j.Measure(t.Context(), sliced(synthetic()...))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, c := range out.Curves {
		told = append(told, c.Dims["column"])
	}
	if !slices.Equal(told, []string{"a", "d", "e"}) {
		t.Errorf("%q are told", told)
	}
	want := []plugins.Count{{Name: plugins.CurvesWithheld, Dims: map[string]string{"curve": "line"}, Value: 2}}
	if d := cmp.Diff(want, out.Counts); d != "" {
		t.Error(d)
	}
}
