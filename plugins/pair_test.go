package plugins_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

type key struct{ name string }

func pair() *plugins.Pair {
	return plugins.NewPair(plugins.NewParts(nil), frame.Must(), "")
}

func TestPrepareMakesEachKeyOnce(t *testing.T) {
	p, made := pair(), 0
	counted := func() (int, error) { made++; return made, nil }
	for _, want := range []struct {
		key   key
		value int
	}{{key{"a"}, 1}, {key{"a"}, 1}, {key{"b"}, 2}, {key{"a"}, 1}} {
		if got, err := plugins.Prepare(p.Only(), want.key, counted); got != want.value || err != nil {
			t.Errorf("%v: %v, %v; want %v", want.key, got, err, want.value)
		}
	}
}

func TestPrepareRemembersAnErrorOfThePair(t *testing.T) {
	p, made := pair(), 0
	broken := errors.New("broken")
	for range 2 {
		_, err := plugins.Prepare(p, key{"a"}, func() (int, error) { made++; return 0, broken })
		if !errors.Is(err, broken) || made != 1 {
			t.Errorf("%v after %d calls; want %v after one", err, made, broken)
		}
	}
}

func TestPrepareForgetsThatOneCallerWasCancelledOrPanicked(t *testing.T) {
	p := pair()
	if _, err := plugins.Prepare(p, key{"a"}, func() (int, error) { return 0, context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = plugins.Prepare(p, key{"a"}, func() (int, error) { panic("bug") })
	}()
	if got, err := plugins.Prepare(p, key{"a"}, func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("%v, %v; want 7", got, err)
	}
}

func TestAlike(t *testing.T) {
	f := frame.Must(frame.NewNumber("x", []float64{1}))
	p := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: f}, plugins.Test: {Frame: f}, plugins.Validation: {Frame: f.Take([]int{0})},
	}), f, "")
	if !p.Alike(plugins.Train, plugins.Test) || p.Alike(plugins.Train, plugins.Validation) {
		t.Error("parts of the same rows are not told from parts of equal ones")
	}
}
