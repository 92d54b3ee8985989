package plugins_test

import (
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestToleranceOfAScore(t *testing.T) {
	share := plugins.ScoreInfo{Name: "share", Max: 1}
	size := plugins.ScoreInfo{Name: "size", Max: math.Inf(1)}
	of := func(tolerance plugins.Tolerance, s plugins.ScoreInfo) plugins.Tolerance {
		return plugins.Agree(tolerance, []plugins.ScoreInfo{s})[0].Agreement()
	}
	for _, c := range []struct {
		says plugins.Tolerance
		a, b float64
		n    int
		want float64
	}{
		{share.Agreement(), 0.5, 0.5, 100, 1e-9},
		{plugins.ScoreInfo{Min: -2, Max: 2}.Agreement(), 0, 1, 0, 4e-9},
		{size.Agreement(), -2000, 1000, 100, 2e-6},
		{size.Agreement(), 0, 1e-17, 100, 1e-12},
		{of(plugins.Ties(), share), 0.5, 0.5, 100, 0.02},
		{of(plugins.Ties(), share), 0.5, 0.5, 0, 1e-9}, // of nothing no row changes sides
		{of(plugins.Trees(), share), 0.5, 0.5, 10_000, 0.01},
		{of(plugins.Tolerance{Relative: 0.1}, size), 3, 5, 0, 0.5},
		{of(plugins.Tolerance{Absolute: 1e-15, Why: "less than rounding"}, share), 0.5, 0.5, 0, 1e-9},
	} {
		if got := c.says.Allows(c.a, c.b, c.n); math.Abs(got-c.want) > 1e-15*c.want {
			t.Errorf("%s: %v and %v of %d may lie %v apart, want %v", c.says, c.a, c.b, c.n, got, c.want)
		}
	}
	if got := of(plugins.Trees(), share).String(); got != "0.01, or 2 rows of n" {
		t.Errorf("in words: %s", got)
	}
}

func TestAgreeLeavesWhatIsStated(t *testing.T) {
	scores := []plugins.ScoreInfo{{Name: "a"}, {Name: "b", NoInterval: plugins.Description}, {Name: "c"}}
	some := plugins.Agree(plugins.TreesDecide(), scores, "b", "c")
	all := plugins.Agree(plugins.Trees(), some)
	for i, want := range []float64{0.01, 0.05, 0.05} {
		if all[i].Tolerance.Absolute != want {
			t.Errorf("%s: %v, want %v", all[i].Name, all[i].Tolerance, want)
		}
	}
	if plugins.Agree(plugins.Trees(), scores)[1].Tolerance != nil {
		t.Error("a description has the tolerance of what is estimated")
	}
	if scores[0].Tolerance != nil || some[0].Tolerance != nil {
		t.Error("the scores that were given are changed")
	}
}
