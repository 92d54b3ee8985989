package rate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// A score without an interval says why, once, and is not measured anew for one that it cannot have.
func TestScoresSayWhyTheyHaveNoInterval(t *testing.T) {
	x, _ := normal(rand.New(rand.NewPCG(1, 1)), 100, 1)
	few, _ := normal(rand.New(rand.NewPCG(1, 1)), 19, 1)
	shared := make([]string, 1, 4) // room for more, which two scores must not write into
	shared[0] = "a warning of both"
	for _, c := range []struct {
		name  string
		score func(call int) plugins.Score
		few   bool
		calls int
		want  string
	}{
		{"flat", func(int) plugins.Score { return plugins.Score{Value: 1} }, false, 21, "it is the same on all of 20 subsamples, which tells nothing of its spread"},
		{"seldom", func(call int) plugins.Score {
			if call > 5 {
				return plugins.Score{Status: plugins.Undefined, Reason: "one class"}
			}
			return plugins.Score{Value: float64(call) / 100}
		}, false, 21, "it has a value on 5 of 20 subsamples; 8 are needed"},
		{"few", func(int) plugins.Score { return plugins.Score{Value: 0.5} }, true, 1, "on one side there are fewer than 20 rows"},
		{"told", func(int) plugins.Score {
			return plugins.Score{Value: 0.5, Warnings: []string{plugins.WithoutInterval + "of its own"}}
		}, false, 1, "of its own"},
	} {
		calls := 0
		j := job(func(*plugins.Pair) *plugins.Measurement {
			var out plugins.Measurement
			for _, column := range []string{"a", "b"} {
				s := c.score(calls)
				s.Name, s.Dims = "share", map[string]string{"column": column}
				if s.Status == "" {
					s.Status = plugins.OK
				}
				if s.Warnings == nil {
					s.Warnings = shared
				}
				out.Scores = append(out.Scores, s)
			}
			calls++
			return &out
		})
		j.Subsamples = 20
		pair := pairOf(x, nil, x)
		if c.few {
			pair = pairOf(few, nil, x)
		}
		out, err := j.Measure(t.Context(), pair)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Scores {
			var said []string
			for _, w := range s.Warnings {
				if why, ok := strings.CutPrefix(w, plugins.WithoutInterval); ok {
					said = append(said, why)
				}
			}
			if s.Interval != nil || !slices.Equal(said, []string{c.want}) {
				t.Errorf("%s: %+v says %q, want %q", c.name, s.Interval, said, c.want)
			}
		}
		if calls != c.calls {
			t.Errorf("%s: measured %d times, want %d", c.name, calls, c.calls)
		}
	}
	if fmt.Sprint(shared[:cap(shared)]) != "[a warning of both   ]" {
		t.Errorf("what scores share was written into: %q", shared[:cap(shared)])
	}
}

// What a metric declares to be without a sampling interval gets none, and costs nothing.
func TestDeclaredWithoutInterval(t *testing.T) {
	x, _ := normal(rand.New(rand.NewPCG(1, 1)), 100, 1)
	calls := 0
	j := job(func(pair *plugins.Pair) *plugins.Measurement {
		calls++
		return apart(pair)
	})
	count := *j.Info
	count.Scores = slices.Clone(count.Scores)
	count.Scores[0].NoInterval = plugins.Description
	j.Info, j.Subsamples = &count, 20
	out, err := j.Measure(t.Context(), pairOf(x, nil, x))
	if err != nil || out.Scores[0].Interval != nil || out.Scores[0].Warnings != nil || calls != 1 {
		t.Errorf("%v, %+v after %d calls", err, out.Scores[0], calls)
	}
}
