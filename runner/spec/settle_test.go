package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const settling = `base
-- x.cue --
datasets: other: use: "icu"
features: top: {use: "importance", with: ladder: [5]}
metrics: tvd: use: "tvd"
llms: {o1: {use: "fake", with: model: "m"}, o2: {use: "fake", with: model: "m"}}
strategies: {
	naive: {use: "llm-naive"}
	named: {use: "llm-naive", with: llm: "o2"}
}
axes: {
	mode: sets: "strategies.*.with.label.mode"
	one:  sets: "strategies.copula.with.kind"
	heat: sets: "llms.o2.with.temperature"
	deal: sets: "datasets.other.split.seed"
	rank: sets: "features.top.with.ladder.0"
	bins: sets: "metrics.kl.with.bins"
	asks: sets: "strategies.named.with.llm"
}
`

func TestConcerns(t *testing.T) {
	e := mustLoad(t, settling+`matrix: [{dataset: ["icu"], features: ["all"], strategy: ["copula"], n: [1], seed: [1]}]`)
	for _, c := range []struct {
		axis, dataset, features, strategy, llm, asks string
		metrics                                      []string
		want                                         bool
	}{
		{axis: "llm", strategy: "naive", want: true},
		{axis: "llm", strategy: "named"},
		{axis: "llm", strategy: "copula"},
		{axis: "mode", strategy: "naive", want: true},
		{axis: "mode", strategy: "named", want: true},
		{axis: "mode", strategy: "copula"},
		{axis: "one", strategy: "copula", want: true},
		{axis: "one", strategy: "naive"},
		{axis: "heat", strategy: "naive", llm: "o2", want: true},
		{axis: "heat", strategy: "naive", llm: "o1"},
		{axis: "heat", strategy: "named", want: true},
		{axis: "heat", strategy: "copula", llm: "o2"},
		{axis: "deal", strategy: "copula", dataset: "other", want: true},
		{axis: "deal", strategy: "copula", dataset: "icu"},
		{axis: "rank", strategy: "copula", features: "top5", want: true},
		{axis: "rank", strategy: "copula", features: "all"},
		{axis: "bins", strategy: "copula", want: true},
		{axis: "bins", strategy: "copula", metrics: []string{"tvd"}},
		{axis: "bins", strategy: "copula", metrics: []string{"tvd", "kl"}, want: true},
		{axis: "n", strategy: "copula", want: true},
	} {
		values := map[string]string{"dataset": c.dataset, "features": c.features, "strategy": c.strategy, "llm": c.llm, "asks": c.asks}
		at := func(axis string) Value { return Value{Text: values[axis]} }
		if got := e.Concerns(c.axis, at, c.metrics); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A strategy without the setting has one cell, whatever values the axis has.
func TestSettledCells(t *testing.T) {
	e := mustLoad(t, settling+`matrix: [
	{
		dataset: ["icu"], features: ["all"], strategy: ["naive", "copula"], llm: ["o1", "o2"], mode: ["generated", "conditioned"], n: [1], seed: [1]
		exclude: [{llm: "o2", mode: "generated", reason: "too dear"}]
	},
	{dataset: ["icu"], features: ["all"], strategy: ["named"], n: [1], seed: [1]},
]
tables: t: {rows: ["strategy", "llm", "mode"], columns: [{score: "kl.mean"}]}
plots: p: {kind: "line", x: "strategy", y: "kl.mean", where: {mode: ["conditioned", "-"], llm: ["o1", "-"]}}
`)
	var got []string
	seen := map[string]bool{}
	for i := range e.Matrix {
		e.eachIn(&e.Matrix[i], nil, nil, func(at func(axis string) (Value, bool)) {
			cell := ""
			for _, axis := range []string{"strategy", "llm", "mode"} {
				v, _ := at(axis)
				cell += v.String() + " "
			}
			if !seen[cell] {
				seen[cell] = true
				got = append(got, cell)
			}
		})
	}
	want := []string{"naive o1 generated ", "naive o1 conditioned ", "naive o2 conditioned ", "copula - - ", "named - - "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestVaryIgnoresNoValue(t *testing.T) {
	e := mustLoad(t, settling+`matrix: [{dataset: ["icu"], features: ["all"], strategy: ["copula"], n: [1], seed: [1]}]`)
	v, err := e.Vary(map[string]Value{"mode": {Kind: NoValue}, "llm": {Kind: NoValue}, "one": {Text: "fast"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := &v.Strategies[0]; string(s.With) != "" || s.LLM != "llm" || s.Name != "naive" {
		t.Errorf("%+v", s)
	}
	if got := string(v.Strategies[2].With); got != `{"kind":"fast"}` {
		t.Error(got)
	}
}
