package elicit_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// What calls have in common changes no request, whichever strategy, settings and seed looked at the columns first.
func TestAMemoChangesNoRequest(t *testing.T) {
	train, memo := cohort(), plugins.NewMemo()
	outline := func(name, with string, seed uint64, n int, memo *plugins.Memo) *plugins.Outline {
		e := env(nil, seed)
		e.Memo = memo
		out, err := build(t, name, with).Outline(context.Background(), e, taskOf(train, n))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, with := range []string{
		`"aggregates": "label"`, `"aggregates": "columns"`, `"aggregates": "none", "limits": "train"`, `"limits": "none"`,
		`"label": {"mode": "conditioned", "prevalence": 0.2}`,
	} {
		for _, name := range []string{"llm-schema", "llm-naive", "llm-conditional", "llm-group"} {
			for seed := range uint64(2) {
				got, want := outline(name, with, seed, 100, memo), outline(name, with, seed, 100, nil)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s with %s, seed %d:\ngot  %+v\nwant %+v", name, with, seed, got, want)
				}
			}
		}
	}
}

// With a memo, what the columns hold is looked at for the first call alone.
func TestAMemoLooksAtColumnsOnce(t *testing.T) {
	train := cohort()
	e := env(nil, 1)
	e.Memo = plugins.NewMemo()
	s := build(t, "llm-schema", `"examples": 0, "aggregates": "label", "limits": "train"`)
	outline := func() *plugins.Outline {
		out, err := s.Outline(context.Background(), e, taskOf(train, 100))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := outline().Calls[0].Request
	for _, c := range train.Columns() {
		if c.Kind == frame.Number && c.Name != "death" {
			clear(c.Numbers)
		}
	}
	if !reflect.DeepEqual(outline().Calls[0].Request, before) {
		t.Error("columns were looked at again")
	}
	if e.Memo = nil; reflect.DeepEqual(outline().Calls[0].Request, before) {
		t.Error("without a memo the columns were not looked at")
	}
}
