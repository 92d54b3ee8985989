package permutation

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

func table() *frame.Frame {
	return frame.Must(
		frame.NewNumber("x", []float64{1, 2, 3, 4, 5, math.NaN()}),
		frame.NewCategoryFromStrings("level", []string{"a", "b", "c", "a", "b", "c"}, nil),
		frame.NewNumber("unused", []float64{6, 5, 4, 3, 2, 1}),
	)
}

func config(repeats int) Config {
	return Config{Repeats: repeats, Rand: func(column string, repeat int) *rand.Rand {
		return rand.New(rand.NewPCG(uint64(len(column)), uint64(repeat)))
	}}
}

// inPlace rates a frame by the share of rows in which x and level are what they are in table.
func inPlace(_ context.Context, f *frame.Frame) (float64, error) {
	whole, right := table(), 0.0
	for i := range f.Rows() {
		x, want := f.Column("x").Numbers[i], whole.Column("x").Numbers[i]
		same := x == want || math.IsNaN(x) && math.IsNaN(want)
		level := f.Column("level")
		if same && level.Levels[level.Codes[i]] == []string{"a", "b", "c"}[i%3] {
			right++
		}
	}
	return right / float64(f.Rows()), nil
}

// What a rating falls by is the share of rows that a shuffle moved.
func TestImportanceIsTheFall(t *testing.T) {
	const repeats = 5
	f := table()
	names := []string{"unused", "x", "level"}
	got, err := Importances(t.Context(), f, names, inPlace, config(repeats))
	if err != nil {
		t.Fatal(err)
	}
	for j, name := range names {
		if got[j].Column != name {
			t.Fatalf("place %d has column %q", j, got[j].Column)
		}
	}
	if got[0].Mean != 0 || got[0].SD != 0 {
		t.Errorf("the rating does not look at a column of importance %v ± %v", got[0].Mean, got[0].SD)
	}
	falls := make([]float64, repeats)
	for repeat := range falls {
		for i, from := range config(1).Rand("x", repeat).Perm(6) {
			if i != from {
				falls[repeat] += 1. / 6
			}
		}
	}
	if want := summary("x", falls); math.Abs(got[1].Mean-want.Mean) > 1e-12 || math.Abs(got[1].SD-want.SD) > 1e-12 || want.Mean == 0 {
		t.Errorf("got %+v, want %+v", got[1], want)
	}
	if got[2].Mean <= 0 {
		t.Errorf("importance of a category is %v", got[2].Mean)
	}
	if !slices.Equal(f.Column("x").Numbers[:5], []float64{1, 2, 3, 4, 5}) {
		t.Error("the frame itself was shuffled")
	}
}

func TestSummaryByHand(t *testing.T) {
	if got := summary("x", []float64{1, 2, 6}); got.Mean != 3 || math.Abs(got.SD-math.Sqrt(7)) > 1e-15 {
		t.Errorf("mean %v, SD %v; want 3 and √7", got.Mean, got.SD)
	}
	if got := summary("x", []float64{2}); got.Mean != 2 || got.SD != 0 {
		t.Errorf("mean %v, SD %v; want 2 and 0", got.Mean, got.SD)
	}
}

func TestThreadsChangeNothing(t *testing.T) {
	one, err := Importances(t.Context(), table(), []string{"x", "level"}, inPlace, config(7))
	if err != nil {
		t.Fatal(err)
	}
	c := config(7)
	c.Threads = 3
	three, err := Importances(t.Context(), table(), []string{"x", "level"}, inPlace, c)
	if err != nil || !slices.Equal(one, three) {
		t.Errorf("1 thread: %v; 3 threads: %v, %v", one, three, err)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		names  []string
		rate   func(context.Context, *frame.Frame) (float64, error)
		config Config
		want   string
	}{
		{[]string{"y"}, inPlace, config(1), `no column named "y"`},
		{[]string{"x"}, inPlace, config(0), "0 repeats; want at least 1"},
		{[]string{"x"}, inPlace, Config{Repeats: 1}, "no random source"},
		{[]string{"x"}, func(context.Context, *frame.Frame) (float64, error) { return 0, broken }, config(1), "broken"},
		{[]string{"x"}, func(context.Context, *frame.Frame) (float64, error) { return math.NaN(), nil }, config(1), "the rating is NaN"},
	} {
		if _, err := Importances(t.Context(), table(), c.names, c.rate, c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Importances(ended, table(), []string{"x"}, inPlace, config(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}
