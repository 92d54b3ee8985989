package spec

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ehrlab/ehrlab/plugins/plant"
)

const audited = `base
-- x.cue --
llms: {judge: {use: "fake", with: {model: "m", family: "a"}}, writer: {use: "fake", with: {model: "w", family: "b"}}}
strategies: {drawn: use: "drawn", naive: use: "llm-naive"}
audits: {
	judge7: {use: "llm-judge", with: llms: ["judge"], decide: {threshold: 7, unscored: "keep"}, beside: ["random"]}
	rules: {use: "rules", decide: {threshold: choose: specificity: 0.95, action: "regenerate"}, calibrate: {rows: 400, kinds: ["swap", "impossible"], combine: [{is_female: "0", age: 120}], shuffled: 3}}
	plain: use: "rules"
	flags: {use: "rules", decide: action: "flag"}
	both: all: ["judge7", "rules"]
}
`

func TestAudits(t *testing.T) {
	e := mustLoad(t, audited+`matrix: [{strategy: ["drawn"], audit: ["judge7", "rules", "plain", "flags", "both"], n: [1], seed: [1]}]`)
	all := plant.Config{Share: 0.05, Shuffled: -1}
	want := []Audit{
		{
			Use:    Use{Name: "judge7", Use: "llm-judge", With: raw(`{"llms":["judge"]}`)},
			Decide: Decide{Threshold: ptr(7.), Unscored: UnscoredKeep, Action: ActionDrop}, Calibrate: Calibrate{Config: all}, Beside: []string{BesideRandom},
		},
		{
			Use:    Use{Name: "rules", Use: "rules"},
			Decide: Decide{Choose: &Choose{Specificity: ptr(0.95)}, Unscored: UnscoredDrop, Action: ActionRegenerate, Rounds: 3},
			Calibrate: Calibrate{Given: true, Config: plant.Config{
				Rows: 400, Share: 0.05, Kinds: []string{"swap", "impossible"}, Combine: []map[string]any{{"is_female": "0", "age": 120.}}, Shuffled: 3,
			}},
			Beside: []string{BesideRandom, BesideByLabel},
		},
		{
			Use:    Use{Name: "plain", Use: "rules"},
			Decide: Decide{Threshold: ptr(1.), Unscored: UnscoredDrop, Action: ActionDrop}, Calibrate: Calibrate{Config: all}, Beside: []string{BesideRandom, BesideByLabel},
		},
		{
			Use:    Use{Name: "flags", Use: "rules"},
			Decide: Decide{Threshold: ptr(1.), Unscored: UnscoredDrop, Action: ActionFlag}, Calibrate: Calibrate{Config: all},
		},
		{
			Use: Use{Name: "both"}, All: []string{"judge7", "rules"},
			Decide: Decide{Unscored: UnscoredDrop, Action: ActionDrop}, Calibrate: Calibrate{Config: all}, Beside: []string{BesideRandom, BesideByLabel},
		},
	}
	if diff := cmp.Diff(want, e.Audits, exported); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var arms []string
	for _, a := range e.AllAxes() {
		for _, v := range a.Values {
			if a.Axis == "audit" {
				arms = append(arms, v.Text)
			}
		}
	}
	if got, want := strings.Join(arms, " "), "judge7 judge7.random rules rules.random rules.random-by-label plain plain.random plain.random-by-label flags both both.random both.random-by-label"; got != want {
		t.Errorf("axis audit has %s\nwant %s", got, want)
	}
	for _, c := range e.Audits[1].Calibrate.Combine { // as plant reads them
		if err := (&plant.Config{Combine: []map[string]any{c}}).Check(); err != nil {
			t.Error(err)
		}
	}
}

// cells are those of an experiment as views know them, by some axes.
func cells(e *Experiment, axes ...string) []string {
	var out []string
	for i := range e.Matrix {
		e.eachIn(&e.Matrix[i], nil, nil, func(at func(axis string) (Value, bool)) {
			var values []string
			for _, axis := range axes {
				v, _ := at(axis)
				values = append(values, v.String())
			}
			if cell := strings.Join(values, " "); !slices.Contains(out, cell) {
				out = append(out, cell)
			}
		})
	}
	return out
}

func TestThresholdSweep(t *testing.T) {
	e := mustLoad(t, audited+`axes: threshold: sets: "audits.judge7.decide.threshold"
matrix: [{strategy: ["drawn"], audit: ["off", "plain", "judge7", "both"], n: [1], seed: [1], threshold: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}]
`)
	number := map[string]int{}
	for _, cell := range cells(e, "audit", "threshold") {
		audit, _, _ := strings.Cut(cell, " ")
		number[audit]++
	}
	want := map[string]int{
		"off": 1, "plain": 1, "plain.random": 1, "plain.random-by-label": 1, "judge7": 10, "judge7.random": 10,
		"both": 10, "both.random": 10, "both.random-by-label": 10,
	}
	if diff := cmp.Diff(want, number); diff != "" {
		t.Errorf("cells: -want +got\n%s", diff)
	}
	varied, err := e.Vary(map[string]Value{"threshold": numbers(3)[0]})
	if err != nil {
		t.Fatal(err)
	}
	if a := varied.Audits[0].Decide; *a.Threshold != 3 || a.Unscored != UnscoredKeep || *e.Audits[0].Decide.Threshold != 7 || &varied.Audits[0] == &e.Audits[0] {
		t.Errorf("varied: %+v", a)
	}
	if &varied.Strategies[0] != &e.Strategies[0] {
		t.Error("strategies are copied")
	}
}

func TestAuditsVary(t *testing.T) {
	e := mustLoad(t, audited+`axes: {
	threshold: sets: "audits.rules.decide.threshold"
	chosen: sets: "audits.judge7.decide.threshold.choose.specificity"
	other: sets: "audits.rules.decide.threshold.choose.sensitivity"
	rounds: sets: "audits.plain.decide.rounds"
	action: sets: "audits.plain.decide.action"
	stop: sets: "audits.rules.decide.action"
	share: sets: "audits.rules.calibrate.share"
	who: sets: "audits.judge7.with.llms.0"
	heat: sets: "llms.judge.with.temperature"
}
matrix: [{strategy: ["drawn"], audit: ["rules", "plain"], n: [1], seed: [1], threshold: [0], stop: ["drop"], action: ["drop", "regenerate"]}]
`)
	vary := func(assign map[string]Value) []Audit {
		t.Helper()
		v, err := e.Vary(assign)
		if err != nil {
			t.Fatal(err)
		}
		return v.Audits
	}
	if d := vary(map[string]Value{"threshold": numbers(0.5)[0]})[1].Decide; d.Choose != nil || *d.Threshold != 0.5 || d.Rounds != 3 {
		t.Errorf("threshold: %+v", d)
	}
	if d := vary(map[string]Value{"chosen": numbers(0.9)[0]})[0].Decide; d.Threshold != nil || *d.Choose.Specificity != 0.9 || d.Choose.Sensitivity != nil {
		t.Errorf("chosen: %+v", d)
	}
	if d := vary(map[string]Value{"other": numbers(0.8)[0]})[1].Decide; d.Choose.Specificity != nil || *d.Choose.Sensitivity != 0.8 || *e.Audits[1].Decide.Choose.Specificity != 0.95 {
		t.Errorf("chosen by the other: %+v", d)
	}
	if d := vary(map[string]Value{"rounds": numbers(5)[0], "action": words("regenerate")[0]})[2].Decide; d.Rounds != 5 {
		t.Errorf("rounds, then the action: %+v", d)
	}
	if d := vary(map[string]Value{"rounds": numbers(5)[0], "action": words("drop")[0]})[2].Decide; d.Rounds != 0 {
		t.Errorf("rounds of what is dropped: %+v", d)
	}
	if d := vary(map[string]Value{"action": words("regenerate")[0]})[2].Decide; d.Rounds != 3 {
		t.Errorf("the action alone: %+v", d)
	}
	if d := vary(map[string]Value{"stop": words("drop")[0]})[1].Decide; d.Rounds != 0 {
		t.Errorf("an action without rounds: %+v", d)
	}
	if c := vary(map[string]Value{"share": numbers(0.5)[0]})[1].Calibrate; c.Share != 0.5 || c.Rows != 400 || c.Combine[0]["age"] != 120. || !c.Given || e.Audits[1].Calibrate.Share != 0.05 {
		t.Errorf("share: %+v", c)
	}
	if with := string(vary(map[string]Value{"who": words("writer")[0]})[0].With); with != `{"llms":["writer"]}` {
		t.Errorf("judge: %s", with)
	}
}

func TestAuditsAreConcerned(t *testing.T) {
	e := mustLoad(t, audited+`axes: {
	cut: sets: "audits.judge7.decide.threshold"
	every: sets: "audits.*.decide.unscored"
	action: sets: "audits.both.decide.action"
	heat: sets: "llms.judge.with.temperature"
	who: sets: "audits.plain.with.note"
}
matrix: [{strategy: ["drawn"], audit: ["off"], n: [1], seed: [1]}]
`)
	for _, c := range []struct {
		axis, audit string
		want        bool
	}{
		{"cut", "off", false},
		{"cut", "", false},
		{"cut", "judge7", true},
		{"cut", "judge7.random", true},
		{"cut", "both", true},
		{"cut", "both.random-by-label", true},
		{"cut", "rules", false},
		{"every", "plain.random", true},
		{"every", "off", false},
		{"action", "both.random", true},
		{"action", "judge7", false},
		{"heat", "judge7", true},
		{"heat", "both.random", true},
		{"heat", "rules", false},
		{"heat", "off", false},
		{"llm", "judge7", false},
		{"who", "plain", true},
	} {
		values := map[string]string{"strategy": "drawn", "audit": c.audit, "llm": "judge"}
		if got := e.Concerns(c.axis, func(axis string) Value { return Value{Text: values[axis]} }, nil); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A rule for an audit takes the arms beside it along; one for an arm leaves the others.
func TestArmsAreExcluded(t *testing.T) {
	e := mustLoad(t, audited+`matrix: [
	{
		strategy: ["drawn", "copula"], audit: ["off", "judge7", "plain"], n: [1], seed: [1]
		exclude: [
			{audit: "judge7", strategy: "copula", reason: "dear"},
			{audit: "plain.random", reason: "one arm is enough"},
			{audit: ["off", "judge7.random"], strategy: "drawn", reason: "known"},
		]
	},
	{strategy: ["drawn"], n: [2], seed: [1], include: [{audit: "judge7"}]},
]
`)
	want := []string{
		"drawn judge7 1", "drawn plain 1", "drawn plain.random-by-label 1", "copula off 1", "copula plain 1", "copula plain.random-by-label 1",
		"drawn off 2", "drawn judge7 2", "drawn judge7.random 2",
	}
	if diff := cmp.Diff(want, cells(e, "strategy", "audit", "n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, w := range e.Warnings {
		if strings.Contains(w.Path, "exclude") {
			t.Error(w)
		}
	}
}

// An audit that advances with another axis has its arms beside each value.
func TestArmsOfZippedAudits(t *testing.T) {
	e := mustLoad(t, audited+`matrix: [{strategy: ["drawn"], audit: ["off", "judge7", "plain"], n: [1, 2, 3], seed: [1], zip: [["audit", "n"]]}]`)
	want := []string{"off 1", "judge7 2", "judge7.random 2", "plain 3", "plain.random 3", "plain.random-by-label 3"}
	if diff := cmp.Diff(want, cells(e, "audit", "n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := e.size(&e.Matrix[0]); got != 6 {
		t.Errorf("%v cells", got)
	}
}

func TestAuditsAreResolved(t *testing.T) {
	const matrix = `matrix: [{strategy: ["drawn"], audit: ["judge7", "rules", "plain", "both"], n: [1], seed: [1]}]
-- r.md --
Ten is best.
`
	src := strings.Replace(audited, `with: llms: ["judge"],`, `with: {llms: ["judge"], rubric: file: "r.md"},`, 1) + matrix
	text, hash := mustLoad(t, src).Resolved()
	for _, want := range []string{`"threshold":7`, `"unscored":"keep"`, `"choose":{"specificity":0.95}`, `"rounds":3`, `"all":["judge7","rules"]`, `"rubric":"Ten is best.\n"`, `"packs":["icu"]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("it has no %s: %s", want, text)
		}
	}
	for _, c := range []struct {
		name, from, to string
		same           bool
	}{
		{"threshold", "threshold: 7", "threshold: 8", false},
		{"the threshold of the scale spelt out", "plain: use: \"rules\"", `plain: {use: "rules", decide: {threshold: 1, action: "drop", unscored: "drop"}, beside: ["random", "random-by-label"]}`, true},
		{"settings after defaults", "plain: use: \"rules\"", `plain: {use: "rules", with: packs: ["icu"]}`, true},
		{"rounds spelt out", `action: "regenerate"`, `action: "regenerate", rounds: 3`, true},
		{"rounds", `action: "regenerate"`, `action: "regenerate", rounds: 4`, false},
		{"unscored", `unscored: "keep"`, `unscored: "drop"`, false},
		{"specificity", "specificity: 0.95", "specificity: 0.9", false},
		{"calibration", "rows: 400", "rows: 401", false},
		{"text in a file", "Ten is best.", "Ten is worst.", false},
		{"arms", `beside: ["random"]`, `beside: []`, false},
		{"members", `all: ["judge7", "rules"]`, `all: ["judge7", "plain"]`, false},
	} {
		other := strings.Replace(src, c.from, c.to, 1)
		if other == src {
			t.Fatalf("%s: there is no %q", c.name, c.from)
		}
		if _, h := mustLoad(t, other).Resolved(); (h == hash) != c.same {
			t.Errorf("%s: same hash is %v, want %v", c.name, h == hash, c.same)
		}
	}
}

func TestPortableTakesTextsOfAuditsAlong(t *testing.T) {
	text := strings.Replace(portableText, "%SPLIT%", `{train: 0.4, validation: 0.1, test: 0.3, reference: 0.2, by: "row", seed: 1}`, -1) +
		"llms: sim: use: \"in-process\"\naudits: j: {use: \"llm-judge\", with: {llms: [\"sim\"], rubric: file: \"rubric.md\", prompt: user: file: \"../own/user.md\"}}\n"
	dir := unpack(t, &txtar.Archive{Files: []txtar.File{
		{Name: "study/x.cue", Data: []byte(text)}, {Name: "study/rubric.md", Data: []byte("Ten is best.")}, {Name: "own/user.md", Data: []byte("Judge it.")},
	}})
	e, err := Load(filepath.Join(dir, "study", "x.cue"), portableOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Portable()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range p.Files[1:] {
		got[f.Name] = f.Text
	}
	if diff := cmp.Diff(map[string]string{"rubric.md": "Ten is best.", "texts/2.md": "Judge it."}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(p.Files[0].Text, `user: file: "texts/2.md"`) {
		t.Errorf("the text still names the file: %s", p.Files[0].Text)
	}
}
