package spec

import (
	"strings"
	"testing"
)

const guarded = `base
-- x.cue --
datasets: secret: {use: "icu", governance: "restricted", prepare: oneHot: gas: ["ph", "bun"]}
llms: o1: {
	use: "fake", with: {model: "m"}
	approval: {basis: "b", by: "b", date: "2026-02-28", retention: "r", reveals: "schema", datasets: ["secret"]}
}
strategies: naive: {use: "llm-naive", with: {llm: "o1", examples: 0}}
matrix: [{dataset: ["secret", "icu"], strategy: ["naive", "copula"], n: [1], seed: [1]}]
`

// What is approved, or does not leave, is no mistake.
func TestEgressThatIsAllowed(t *testing.T) {
	for name, c := range map[string]struct{ from, to string }{
		"schema":              {},
		"all data sets":       {`, datasets: ["secret"]`, ``},
		"in process":          {`o1: {`, `o2: {use: "in-process"}` + "\nstrategies: more: {use: \"llm-naive\", with: llm: \"o2\"}\nllms: o1: {"},
		"rows of an open one": {`strategy: ["naive", "copula"], n`, `strategy: ["copula"], n: [1], seed: [1]}, {dataset: ["icu"], strategy: ["big"], n`},
		"rows left out":       {`strategy: ["naive", "copula"], n: [1], seed: [1]`, `strategy: ["big", "copula"], n: [1], seed: [1], exclude: [{strategy: "big", dataset: "secret", reason: "r"}]`},
		"rows by axis left out": {
			`strategy: ["naive", "copula"], n: [1], seed: [1]}]`,
			`strategy: ["naive", "copula"], n: [1], seed: [1], ex: [0, 9], exclude: [{ex: 9, dataset: "secret", reason: "r"}]}]` + "\naxes: ex: sets: \"strategies.*.with.examples\"",
		},
		"a group made by preparation": {`examples: 0}`, `examples: 0, by: ["gas"]}`},
	} {
		if !strings.Contains(guarded, c.from) {
			t.Fatalf("%s: nothing to replace", name)
		}
		src := strings.Replace(guarded, c.from, c.to, 1) + `strategies: big: {use: "llm-naive", with: llm: "o1"}` + "\n"
		if name == "a group made by preparation" {
			src = strings.Replace(src, `dataset: ["secret", "icu"]`, `dataset: ["secret"]`, 1)
		}
		if _, err := loadText(t, src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What runs nothing may ask what a study would cost before it is approved.
func TestAPlanNeedsNoApproval(t *testing.T) {
	src := strings.Replace(guarded, `examples: 0`, `examples: 9`, 1)
	dir := onDisk(t, base, strings.TrimPrefix(src, "base\n-- x.cue --\n"))
	opts := Options{Registry: fakeRegistry(), WorkDir: dir, Data: IfPresent}
	e, err := Load(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Warnings) != 1 || !strings.HasPrefix(e.Warnings[0].Message, "a run is refused: \"naive\" sends rows") {
		t.Errorf("warnings: %v", e.Warnings)
	}
	opts.Data = Require
	if _, err := Load(dir, opts); err == nil || !strings.Contains(err.Error(), "\"naive\" sends rows") {
		t.Errorf("a run: %v", err)
	}
}
