package record

import (
	"reflect"
	"testing"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// What searches chose stands wherever a view or a check selects cells, once, and what was declared stays as it was.
func TestDecided(t *testing.T) {
	choices := []Choice{
		{Search: "s", Of: []string{"strategy", "n"}, Candidates: []Candidate{{Values: []string{"a", "10"}}, {Values: []string{"b", "20"}}}, Best: 1},
		{Search: "open", Of: []string{"features"}, Best: -1},
	}
	where := func(strategy string, more ...string) map[string][]spec.Value {
		out := map[string][]spec.Value{"strategy": {{Text: strategy}}, "features": {{Text: "best.open"}}}
		for _, m := range more {
			out["strategy"] = append(out["strategy"], spec.Value{Text: m})
		}
		return out
	}
	views := func(strategy, n string, more ...string) Views {
		return Views{
			Tables: []spec.Table{{
				Where:   where(strategy, more...),
				Columns: []spec.TableColumn{{Score: "m.s", Where: where(strategy), Minus: map[string]spec.Value{"n": {Text: n}}}},
				Except:  where(strategy),
			}},
			Plots:   []spec.Plot{{Where: where(strategy), XWhere: where(strategy)}},
			Checks:  []spec.Check{{Where: where(strategy)}},
			Primary: []spec.Contrast{{A: map[string]spec.Value{"strategy": {Text: strategy}}, B: map[string]spec.Value{"n": {Text: n}}}},
		}
	}
	declared := views("best.s", "best.s", "b", "c")
	got, want := Decided(declared, choices), views("b", "20", "c")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if !reflect.DeepEqual(declared, views("best.s", "best.s", "b", "c")) {
		t.Error("what was declared has changed")
	}
	if !reflect.DeepEqual(Decided(declared, nil), declared) {
		t.Error("without searches something changed")
	}
}
