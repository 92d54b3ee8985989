package reference_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/metric/reference"
)

func TestCompare(t *testing.T) {
	object := func(fields ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(fields); i += 2 {
			out[fields[i].(string)] = fields[i+1]
		}
		return out
	}
	n := func(text string) json.Number { return json.Number(text) }
	for _, c := range []struct {
		want, got any
		equal     bool
	}{
		{n("1.0"), 1.15, true},
		{n("1.0"), 1.25, false},
		{n("-10.0"), -10.9, true}, // the relative part
		{n("1"), 1, true},
		{n("1"), 1.05, false}, // written as an integer
		{n("1.0"), nil, false},
		{n("1.0"), math.NaN(), false},
		{n("1.0"), math.Inf(1), false},
		{n("1.0"), "1.0", false},
		{nil, nil, true},
		{nil, 0.0, false},
		{nil, object("a", nil, "b", []any{nil}), true},
		{object("a", nil), nil, true},
		{object("a", nil, "b", n("1.0")), nil, false},
		{object("a", nil, "b", n("1.0")), object("a", nil, "b", 1.0), true},
		{object("a", n("1.0")), object("a", 1.0, "b", 1.0), false},
		{object("a", n("1.0")), object("b", 1.0), false},
		{[]any{n("1.0"), n("2.0")}, []any{1.0, 2.0}, true},
		{[]any{n("1.0"), n("2.0")}, []any{1.0}, false},
		{[]any{n("1.0"), nil}, []any{1.0, 1.0}, false},
		{true, true, true},
		{true, false, false},
		{"a", "b", false},
	} {
		e := reference.Entry{Value: c.want, Tolerance: reference.Tolerance{Abs: 0.1, Rel: 0.1}}
		if wrong := e.Compare(c.got); (wrong == "") != c.equal {
			t.Errorf("%v against %v: %q", c.got, c.want, wrong)
		}
	}
}
