package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// absentExperiment is of data that are not there, with arrangements of hospitals and a search, whose cells are not known before they are.
const absentExperiment = `name: "absent"
datasets: eicu: {
	use: "eicu", with: {root: "${NOWHERE}", matrix: "johnson2018"}
	governance: "restricted"
	split: {train: 0.6, validation: 0.1, test: 0.15, reference: 0.15, by: "subject", stratify: "death", seed: 7}
}
features: few: {use: "list", with: columns: ["age", "heartrate_last", "sodium_last_early"]}
sites: regions: {use: "leave-one-out", by: "region"}
llms: gpt: {
	use: "openai", with: model: "gpt-4o-2024-08-06"
	approval: {basis: "DUA", by: "x", date: "2026-01-01", retention: "none", reveals: "rows"}
	price: {input: 2, output: 8}
}
strategies: {
	naive: {use: "llm-naive", with: rows: 50}
	schema: {use: "llm-schema", with: rows: 25}
}
metrics: tuning: {use: "downstream", with: model: "logistic", on: "validation"}
best: strategy: {of: "strategy", score: "tuning.auroc", where: n: 100}
matrix: [
	{strategy: ["naive", "schema"], features: ["few"], n: [100], seed: [1]},
	{strategy: ["best.strategy"], features: ["few"], n: [200], seed: [2]},
` + siteCells + `]
`

const siteCells = `	{strategy: ["naive"], features: ["few"], n: [150], seed: [1], site: ["regions"]},
`

// planned is what plan --json says of one model.
type planned struct {
	Depth    string
	Cells    int
	StandIns []map[string]string `json:"stand_ins"`
	Untold   string
	Asks     []struct {
		Cells  int
		Calls  [3]float64
		Input  [3]float64  `json:"input_tokens"`
		Output [3]float64  `json:"output_tokens"`
		Cost   *[3]float64 `json:"cost_usd"`
	}
}

func (x *study) plan() planned {
	x.t.Helper()
	var p planned
	if err := json.Unmarshal([]byte(x.exits(0, "plan", "--json", "x.cue").out), &p); err != nil {
		x.t.Fatal(err)
	}
	return p
}

// A plan without data, keys or a network tells calls, tokens and cost: those of rows that stand in for the absent ones, with a wider
// range of tokens. Nothing is written.
func TestPlanWithoutData(t *testing.T) {
	absent := &study{t: t, dir: t.TempDir()}
	absent.write(edited(t, absentExperiment, siteCells, ""))
	there := &study{t: t, dir: t.TempDir()}
	there.write(edited(t, absent.text, `use: "eicu", with: {root: "${NOWHERE}", matrix: "johnson2018"}`,
		`use: "simulated-icu", with: {rows: 5000, hospitals: 186}`))
	got, want := absent.plan(), there.plan()
	if got.Depth != "static" || want.Depth != "full" || len(got.StandIns) != 1 || got.StandIns[0]["use"] != "simulated-icu" || len(want.StandIns) > 0 {
		t.Fatalf("%+v\n%+v", got, want)
	}
	if len(got.Asks) != 1 || len(want.Asks) != 1 {
		t.Fatalf("%+v\n%+v", got, want)
	}
	g, w := got.Asks[0], want.Asks[0]
	// 100 rows by 50 and by 25, and 200 rows by one of them
	if got.Cells != 2 || g.Cells != 3 || g.Calls[0] != 2+4+4 || g.Calls != w.Calls || g.Cells != w.Cells {
		t.Errorf("%d cells beside %d listed, calls %v; with the rows there %d, calls %v", g.Cells, got.Cells, g.Calls, w.Cells, w.Calls)
	}
	for i, wider := range []float64{0.75, 1, 1.25} {
		near(t, "input tokens", g.Input[i], w.Input[i]*wider)
		near(t, "output tokens", g.Output[i], w.Output[i]*min(wider, 1)) // the most is what a model may write
	}
	for _, i := range []int{0, 2} {
		near(t, "cost", g.Cost[i], (2*g.Input[i]+8*g.Output[i])/1e6)
	}
	if entries, err := os.ReadDir(absent.dir); err != nil || len(entries) != 1 {
		t.Errorf("%v: %v", entries, err)
	}
	// 150 rows by 50 with each of four regions left out: though the test rows of a stand-in are few, there are as many as would be needed of it
	absent.write(absentExperiment)
	if s := absent.plan().Asks[0]; s.Cells != g.Cells+4 || s.Calls[0] != g.Calls[0]+4*3 {
		t.Errorf("with regions %d cells, calls %v", s.Cells, s.Calls)
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got < want*0.999 || got > want*1.001 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// A budget is held against the estimate as if the data were there, and a plan that can tell nothing of cost says why.
func TestPlanWithoutDataAgainstABudget(t *testing.T) {
	x := &study{t: t, dir: t.TempDir()}
	x.write(absentExperiment + "budget: usd: 0.001\n")
	if end := x.exits(2, "plan", "x.cue"); !strings.Contains(end.errs, "budget.usd is 0.001, and what is missing takes 0.") {
		t.Error(end.errs)
	}
	x.edit("usd: 0.001", "usd: 1")
	end := x.exits(0, "plan", "x.cue")
	if !strings.Contains(end.errs, "warning: budget.usd is 1, and what is missing may take up to") ||
		!strings.Contains(end.out, "counted on invented rows of simulated-icu, as the data of eicu are absent") {
		t.Error(end.out, end.errs)
	}
	x.edit(`matrix: "johnson2018"`, `matrix: "apache"`, `, "heartrate_last", "sodium_last_early"`, `, "heartrate"`)
	end = x.exits(0, "plan", "x.cue")
	if !strings.Contains(end.out, "what language models would be asked is not told: the data of eicu are absent, and no other data set stands in for them\n") ||
		strings.Contains(end.out, "asks gpt") {
		t.Error(end.out)
	}
	if _, err := os.Stat(filepath.Join(x.dir, ".ehrlab")); err == nil {
		t.Error("something was written")
	}
}
