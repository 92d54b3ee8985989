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

func TestANilMemoKeepsNothing(t *testing.T) {
	made := 0
	for range 2 {
		_, _ = plugins.Remember(nil, key{"a"}, func() (int, error) { made++; return made, nil })
	}
	if made != 2 {
		t.Errorf("made %d times, want 2", made)
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

func TestRowsAreIdentifiedByWhatTheyHold(t *testing.T) {
	levels := func(of ...string) *frame.Frame {
		return frame.Must(frame.NewCategoryFromStrings("sex", of, make([]bool, len(of))), frame.NewNumber("age", make([]float64, len(of))))
	}
	rows := levels("f", "m", "f")
	same := levels("m", "f", "m", "f").Take([]int{1, 2, 3}) // levels in another order
	if id := plugins.RowsID(rows); len(id) != 20 || id != plugins.RowsID(same) {
		t.Errorf("%q and %q", id, plugins.RowsID(same))
	}
	for name, other := range map[string]*frame.Frame{"another order": rows.Take([]int{1, 0, 2}), "fewer": rows.Take([]int{0, 1}), "another value": levels("f", "m", "m")} {
		if plugins.RowsID(other) == plugins.RowsID(rows) {
			t.Errorf("%s has the identity", name)
		}
	}
	if id := plugins.RowsID(frame.Must()); id != "" {
		t.Errorf("no columns are %q", id)
	}
}

// The scores of synthetic rows identify a report, wherever they stand in it and whatever stands beside them.
func TestScoresAreIdentifiedByRow(t *testing.T) {
	type record struct {
		source plugins.Source
		row    int
		score  float64
	}
	id := func(records ...record) string {
		r := &plugins.AuditReport{Judged: &plugins.Judged{}}
		for _, x := range records {
			r.Sources, r.Origin = append(r.Sources, x.source), append(r.Origin, x.row)
			r.Judged.Verdicts = append(r.Judged.Verdicts, plugins.Verdict{Status: plugins.Scored, Score: x.score})
		}
		return r.ScoresID()
	}
	a, b := record{plugins.FromSynthetic, 0, 1}, record{plugins.FromSynthetic, 1, 2}
	if id(a, b) != id(b, record{plugins.FromReal, 0, 9}, a) {
		t.Error("the identity hangs on the lineup")
	}
	if id(a, b) == id(a, record{plugins.FromSynthetic, 1, 3}) || id(a, b) == id(a) || id(a, b) == id(record{plugins.FromSynthetic, 0, 2}, record{plugins.FromSynthetic, 1, 1}) {
		t.Error("other scores have the identity")
	}
}
