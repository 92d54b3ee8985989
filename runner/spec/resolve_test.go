package spec

import (
	"strings"
	"testing"
)

// What a file says of its data without changing a number is no part of what results record.
func TestTextsOfDataAreNotResolved(t *testing.T) {
	const plain = "base matrix\n-- x.cue --\n"
	_, want := mustLoad(t, plain).Resolved()
	for _, text := range []string{`licence: "CC0"`, `citation: "A. Author"`, `note: "one table only"`} {
		e := mustLoad(t, plain+"datasets: icu: "+text+"\n")
		raw, hash := e.Resolved()
		if field, _, _ := strings.Cut(text, ":"); hash != want || strings.Contains(string(raw), field) {
			t.Errorf("%s: %s", text, raw)
		}
		if d := e.Datasets[0]; d.Licence+d.Citation+d.Note == "" {
			t.Errorf("%s: Resolved changed the experiment", text)
		}
	}
}

const approved = `base
-- x.cue --
datasets: icu: governance: "restricted"
llms: o1: {
	use: "fake", with: {model: "m", key_env: "MY_KEY", limits: concurrency: 3}
	approval: {basis: "DUA 3", by: "the board", date: "2026-02-28", retention: "none", reveals: "rows"}
}
strategies: naive: {use: "llm-naive", with: llm: "o1"}
matrix: [{strategy: ["naive"], n: [1], seed: [1]}]
budget: tokens: 5
`

// What belongs to a machine, an account or a run is no part of what results record; what was approved is.
func TestResolvedModels(t *testing.T) {
	raw, want := mustLoad(t, approved).Resolved()
	for _, gone := range []string{"key_env", "KEY", "limits", "concurrency", "budget"} {
		if strings.Contains(string(raw), gone) {
			t.Errorf("%q is in %s", gone, raw)
		}
	}
	for _, kept := range []string{`"base_url":"https://api.openai.com/v1"`, `"basis":"DUA 3","by":"the board","date":"2026-02-28","retention":"none","reveals":"rows"`} {
		if !strings.Contains(string(raw), kept) {
			t.Errorf("%s is not in %s", kept, raw)
		}
	}
	for _, c := range []struct {
		from, to string
		same     bool
	}{
		{`"MY_KEY"`, `"OTHER"`, true},
		{`key_env: "MY_KEY", limits: concurrency: 3`, ``, true},
		{`budget: tokens: 5`, `budget: usd: 5, llms: o1: price: {input: 1, output: 1}`, false},
		{`budget: tokens: 5`, `budget: calls: 9`, true},
		{`"the board"`, `"the dean"`, false},
		{`model: "m"`, `model: "n"`, false},
	} {
		if _, got := mustLoad(t, strings.Replace(approved, c.from, c.to, 1)).Resolved(); (got == want) != c.same {
			t.Errorf("%s for %s: same is %v", c.to, c.from, got == want)
		}
	}
}
