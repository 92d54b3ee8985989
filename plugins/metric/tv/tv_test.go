package tv_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/tv"
)

func measure(t *testing.T, real, synthetic []string) metrictest.Result {
	t.Helper()
	pair := metrictest.Pair(frame.Must(metrictest.Category("c", real...)), frame.Must(metrictest.Category("c", synthetic...)), "")
	return metrictest.Measure(t, tv.Register, "tv", "", pair)
}

func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		real, synthetic []string
		want            float64
	}{
		{"equal", []string{"a", "b"}, []string{"b", "a"}, 1},
		{"equal shares", []string{"a", "b"}, []string{"b", "a", "a", "b"}, 1},
		{"apart", []string{"a"}, []string{"b", "c"}, 0},
		{"unseen level", []string{"a", "b"}, []string{"a", "c"}, 0.5},
		{"missing values left out", []string{"a", "", "b"}, []string{"", "a"}, 0.5},
		{"case and spaces tell levels apart", []string{"a"}, []string{"A", " a"}, 0},
		{"shares", []string{"a", "a", "a", "b"}, []string{"a", "b", "b"}, 1 - (0.75 - 1.0/3)},
	} {
		if v := measure(t, c.real, c.synthetic).Value("tv_complement", "column", "c"); math.Abs(v-c.want) > 1e-15 {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
}

func TestUndefined(t *testing.T) {
	for _, c := range [][2][]string{{nil, {"a"}}, {{"a"}, nil}, {{""}, {"a"}}, {{"a"}, {"", ""}}} {
		got := measure(t, c[0], c[1])
		if got.Score("tv_complement", "column", "c").Status != plugins.Undefined || got.Score("mean").Status != plugins.Undefined {
			t.Errorf("%q: %+v", c, got.Scores)
		}
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func() []string {
		x := make([]string, 1+rng.IntN(12))
		for i := range x {
			x[i] = string(rune('a' + rng.IntN(4)))
		}
		return x
	}
	for range 200 {
		a, b := draw(), draw()
		value := func(a, b []string) float64 { return measure(t, a, b).Value("mean") }
		if value(a, b) != value(b, a) || value(a, a) != 1 {
			t.Fatalf("a=%v b=%v: %v and %v, identity %v", a, b, value(a, b), value(b, a), value(a, a))
		}
	}
	real, synthetic := metrictest.Frames(rng, 200, 150)
	metrictest.Invariant(t, tv.Register, "tv", "", metrictest.Pair(real, synthetic, ""))
}
