package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// judgedExperiment has rows that a model or a statistic makes judged by another model, on the same server. BASE is where they are.
const judgedExperiment = `name: "asked"
datasets: icu: {
	use: "simulated-icu"
	with: {rows: 1200, hospitals: 4}
	split: {train: 0.5, validation: 0.1, test: 0.2, reference: 0.2, by: "subject", stratify: "death", seed: 7}
}
features: few: {use: "list", with: columns: ["age", "heartrate_min", "heartrate_max", "heartrate_first", "heartrate_last", "sodium_last_early"]}
let server = {base_url: "BASE", max_tokens: 3000, limits: {concurrency: 4, retries: 2, timeout: "20s"}}
llms: {
	m: {use: "openai", with: {server, model: "gpt-4o-2024-08-06"}, price: {input: 2, output: 8}}
	j: {use: "openai", with: {server, model: "judge-2025-01-01", family: "judges"}, price: {input: 2, output: 8}}
}
strategies: {
	naive: {use: "llm-naive", with: {llm: "m", rows: 10, examples: 5, freshExamples: true, rounds: 3}}
	floor: use: "independent"
}
audits: judge: {use: "llm-judge", with: {llms: ["j"]}, calibrate: {rows: 30, share: 0.2, shuffled: 5}}
metrics: {ks: use: "ks", kept: use: "audit", caught: use: "audit-calibration"}
matrix: [{strategy: ["naive", "floor"], audit: ["off", "judge"], features: ["few"], n: [20], seed: [1, 2]}]
tables: fidelity: {rows: ["strategy", "audit"], columns: [{score: "ks.mean"}, {score: "generation.prevalence"}], over: "seed"}
`

// What judgedExperiment has judged: 20 synthetic rows in each of 4 cells, and 30 real and 5 shuffled records, which stand in all of them.
const (
	judgedCells = 4
	judgedRows  = 20
	calibrating = 35
	judgedOnce  = judgedCells*judgedRows + calibrating // requests
	judgedEach  = judgedRows + calibrating             // judgements of a cell
)

// ofJudge are the requests that were put to the judge.
func ofJudge(log []llmtest.Exchange) []llmtest.Exchange {
	return slices.DeleteFunc(slices.Clone(log), func(e llmtest.Exchange) bool { return !strings.HasPrefix(e.Model, "judge-") })
}

// of is what llm usage says of one model of a study.
func (x *study) of(model string) usage {
	x.t.Helper()
	lines := slices.DeleteFunc(x.usage(), func(u usage) bool { return u.Model != model })
	if len(lines) != 1 {
		x.t.Fatalf("llm usage has %d lines for %s, want 1", len(lines), model)
	}
	return lines[0]
}

// TestKilledWhileJudging kills a run three times while all its calls are to the judge, and finishes it: what is asked again is what the
// accounts call orphaned, and results are those of an undisturbed run, to the byte. A third run sends nothing.
func TestKilledWhileJudging(t *testing.T) {
	t.Parallel()
	answer := invented(t)
	var gate atomic.Pointer[valve]
	gate.Store(newValve(1 << 30))
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(func(r llmtest.Request) string {
		if r.Model == "judge-2025-01-01" {
			gate.Load().pass()
		}
		return answer(r)
	}))
	whole := newStudy(t, judgedExperiment, server)
	if end := whole.run(0); end.Failed != 0 || end.Cells != 4*4 { // off, judge and two arms beside it
		t.Fatalf("the undisturbed run ended with %+v", end)
	}
	first := server.Log()
	needed := bodies(first)
	if n := len(ofJudge(first)); n != judgedOnce || len(needed) != len(first) {
		t.Errorf("%d judgements were asked for, want %d; %d of %d requests differ", n, judgedOnce, len(needed), len(first))
	}

	killed := newStudy(t, judgedExperiment, server)
	const slots = 4 // limits.concurrency
	killed.killWhileAsking(&gate, slots, 7, 30, 50)
	missing, before := killed.planned("j"), len(server.Log())
	killed.run(0)
	if n := len(ofJudge(server.Log()[before:])); missing.Calls != [3]float64{float64(n), float64(n), float64(n)} || missing.Answered == 0 {
		t.Errorf("%d judgements were asked for after the kills; the plan said %v, with %d answered", n, missing.Calls, missing.Answered)
	}
	log := server.Log()[len(first):]
	again, _, _ := repeated(t, needed, log)
	got, undisturbed := killed.of("judge-2025-01-01"), whole.of("judge-2025-01-01")
	if again != 3*slots || got.Orphaned != again {
		t.Errorf("%d requests were repeated and %d are accounted as orphaned, want %d of both", again, got.Orphaned, 3*slots)
	}
	if n := len(ofJudge(log)); got.Sends != n || got.Calls != judgedOnce || n != got.Calls+got.Orphaned {
		t.Errorf("%d requests were put to the judge; accounted: %+v", n, got)
	}
	if got.Input != undisturbed.Input || got.Output != undisturbed.Output {
		t.Errorf("accounted: %+v; undisturbed: %+v", got, undisturbed)
	}
	sameResults(t, whole, killed, "v1")
	before = len(server.Log())
	if end := killed.run(0); end.StepsRun > 0 || end.New || len(server.Log()) != before {
		t.Errorf("a third run: %+v, and %d requests", end, len(server.Log())-before)
	}
}

// TestWhatReusesJudgements changes one thing at a time after a run. What decides nothing about a judgement asks for none; nothing about
// judging has rows made again.
func TestWhatReusesJudgements(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	const audit = `calibrate: {rows: 30, share: 0.2, shuffled: 5}`
	const all = judgedOnce
	cases := []struct {
		name        string
		pairs       []string
		least, most int // requests to the judge
		idle        bool
	}{
		{"a threshold", []string{audit, audit + `, decide: threshold: 9`}, 0, 0, false},
		{"the threshold of the scale", []string{audit, audit + `, decide: threshold: 7`}, 0, 0, true},
		{"a threshold that is chosen", []string{audit, audit + `, decide: threshold: choose: specificity: 0.9`}, 0, 0, false},
		{"unscored", []string{audit, audit + `, decide: unscored: "keep"`}, 0, 0, false},
		{"flag", []string{audit, audit + `, decide: action: "flag"`}, 0, 0, false},
		{"arms", []string{audit, audit + `, beside: ["random"]`}, 0, 0, true},
		{"names", []string{"audits: judge:", "audits: other:", `"off", "judge"`, `"off", "other"`}, 0, 0, false},
		{"price", []string{`family: "judges"}, price: {input: 2`, `family: "judges"}, price: {input: 3`}, 0, 0, true},
		{"concurrency", []string{"concurrency: 4", "concurrency: 2"}, 0, 0, true},
		{"share", []string{"share: 0.2", "share: 0.3"}, 3, 3, false},
		{"records", []string{"rows: 30", "rows: 36"}, 1, 36, false},
		{"no calibration", []string{audit, `decide: threshold: 9`}, 0, 0, false},
		{"a further seed", []string{"seed: [1, 2]", "seed: [1, 2, 3]"}, 2 * judgedRows, 2 * judgedRows, false},

		{"rubric", []string{`llms: ["j"]`, `llms: ["j"], rubric: "Give a score from 1 to 10."`}, all, all, false},
		{"a word of the prompt", []string{`llms: ["j"]`, `llms: ["j"], prompt: system: "You check the records of hospital patients."`}, all, all, false},
		{"temperature", []string{`llms: ["j"]`, `llms: ["j"], temperature: 0.5`}, all, all, false},
		{"a normal range", []string{`llms: ["j"]`, `llms: ["j"], ranges: age: {min: 18, max: 90}`}, all, all, false},
		{"repeats", []string{`llms: ["j"]`, `llms: ["j"], repeats: 2`}, all, all, false},
		{"date of the judge", []string{"judge-2025-01-01", "judge-2025-01-01-b"}, all, all, false},
	}
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	base := newStudy(t, judgedExperiment, server)
	base.run(0)
	original := base.text
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && i%3 > 0 {
				t.Skip("short mode takes every third")
			}
			x := &study{t: t, dir: base.dir, text: original}
			before, known, generated := len(server.Log()), bodies(server.Log()), x.generated()
			x.edit(c.pairs...)
			planned := x.planned("j")
			end := x.run(0)
			log := server.Log()[before:]
			sent := ofJudge(log)
			if n := len(sent); n < c.least || n > c.most {
				t.Errorf("%d judgements were asked for, want %d to %d", n, c.least, c.most)
			}
			if low, high := int(planned.Calls[0]), int(planned.Calls[2]); len(sent) < low || len(sent) > high {
				t.Errorf("%d judgements were asked for; the plan said %d to %d", len(sent), low, high)
			}
			if n := len(log) - len(sent); n > 0 && c.name != "a further seed" {
				t.Errorf("%d requests for rows were sent", n)
			}
			if (end.StepsRun == 0) != c.idle {
				t.Errorf("%d steps run", end.StepsRun)
			}
			for body := range bodies(sent) {
				if known[body] > 0 && c.name != "repeats" { // of which only the client knows the number
					t.Error("a request was sent that was answered before")
				}
			}
			if made := x.generated(); c.name != "a further seed" && !maps.Equal(made, generated) {
				t.Error("other rows were made")
			}
		})
	}
}

// asks is what plan says would be asked of a model: low, expected, high.
type asks struct {
	Model           string
	Calls           [3]float64
	Input           [3]float64  `json:"input_tokens"`
	Output          [3]float64  `json:"output_tokens"`
	Cost            *[3]float64 `json:"cost_usd"`
	Cells, Answered int
}

// planned is what plan says of a model; nothing where it says nothing of it.
func (x *study) planned(model string) asks {
	x.t.Helper()
	var read struct{ Asks []asks }
	out := x.exits(0, "plan", "--json", "x.cue").out
	if err := json.Unmarshal([]byte(out), &read); err != nil {
		x.t.Fatalf("%v\n%s", err, out)
	}
	for _, a := range read.Asks {
		if a.Model == model {
			return a
		}
	}
	return asks{}
}

// TestJudgementsAddUp has a judge that refuses, answers without a score, too little, too late, or with much around it: each record is
// accounted for, and what has no score goes by the policy.
func TestJudgementsAddUp(t *testing.T) {
	t.Parallel()
	answer := invented(t)
	share := func(body []byte) byte { return sha256.Sum256(body)[3] }
	fault := func(body []byte) llmtest.Fault {
		switch s := share(body); {
		case !bytes.Contains(body, []byte(`"judge-`)) || s >= 150:
			return llmtest.None
		case s < 40:
			return llmtest.Refuse
		case s < 70:
			return llmtest.ShortAnswer
		case s < 90:
			return llmtest.EmptyText
		case s < 120:
			return llmtest.Prose
		default:
			return llmtest.TrailingWhitespace
		}
	}
	var late sync.Map // bodies that were answered too late once
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Choose(fault), llmtest.Answer(func(r llmtest.Request) string {
		switch s := share(r.Body); {
		case s >= 240:
			if _, again := late.LoadOrStore(string(r.Body), true); !again {
				time.Sleep(1500 * time.Millisecond)
			}
		case s >= 230:
			return `{"findings": [], "reason": "too good to be true", "score": 11}`
		case s >= 220:
			return "Score: 8"
		}
		return answer(r)
	}))
	text := edited(t, judgedExperiment, `["naive", "floor"]`, `["floor"]`, "seed: [1, 2]", "seed: [1]", "n: [20]", "n: [60]", `timeout: "20s"`, `timeout: "1s"`)
	x := newStudy(t, text, server)
	end := x.run(0)
	refused, unparsable, answers, tooLate := 0, 0, 0, 0
	log := server.Log()
	for body := range bodies(log) {
		switch s := share([]byte(body)); {
		case fault([]byte(body)) == llmtest.Refuse:
			refused++
			answers += 3 // as often as it is asked
			continue
		case s < 90, s >= 230 && s < 240:
			unparsable++
		case s >= 240:
			tooLate++
		}
		answers++
	}
	const records = 60 + calibrating
	u := x.of("judge-2025-01-01")
	if refused == 0 || unparsable == 0 || tooLate == 0 {
		t.Fatalf("%d refused, %d unparsable, %d late: the test shows nothing", refused, unparsable, tooLate)
	}
	if u.Orphaned != tooLate || u.Calls != answers || len(log) != answers+tooLate {
		t.Errorf("%d requests; accounted: %+v; want %d answers and %d orphaned", len(log), u, answers, tooLate)
	}
	for name, want := range map[string]int{
		"judgements": records, "judgements scored": records - refused - unparsable, "judgements unparsable": unparsable, "judgements refused": refused,
		"answers": answers, "answers refused": 3 * refused, "tokens of requests": u.Input, "tokens of answers": u.Output, "rows judged": 60, "rows flagged": 0,
	} {
		if n := x.counted(end.Version, name); n != want {
			t.Errorf("%d %s, want %d", n, name, want)
		}
	}
	if kept, dropped := x.counted(end.Version, "rows kept"), x.counted(end.Version, "rows dropped"); kept+dropped != 60 || kept == 0 {
		t.Errorf("%d rows were kept and %d dropped, of 60", kept, dropped)
	}
	scored := func(metric, score string) float64 {
		return x.scored(end.Version, ".judge.", metric, score, "judge", "", "")
	}
	unscored, none := scored("kept", "unscored_share"), scored("kept", "unparsable_share")+scored("kept", "refused_share")
	if math.Abs(unscored-none) > 1e-12 || unscored == 0 || scored("kept", "judged") != records {
		t.Errorf("%v of the rows have no score, %v for a known reason; %v records judged, want %d", unscored, none, scored("kept", "judged"), records)
	}
	if calls, input, output := scored("judging", "calls"), scored("judging", "input_tokens"), scored("judging", "output_tokens"); int(calls) != answers || int(input) != u.Input || int(output) != u.Output {
		t.Errorf("judging came to %v calls, %v and %v tokens; accounted: %+v", calls, input, output, u)
	}
	if cost := scored("judging", "cost"); u.Cost == nil || math.Abs(cost-*u.Cost) > 1e-9 || math.Abs(scored("judging", "cost_per_record")-cost/records) > 1e-12 {
		t.Errorf("judging cost %v; accounted: %+v", cost, u)
	}

	kept := x.counted(end.Version, "rows kept")
	x.edit("shuffled: 5}", `shuffled: 5}, decide: unscored: "keep"`)
	if end = x.run(0); len(server.Log()) != len(log) {
		t.Error("rows without a score were judged again")
	}
	if now := x.counted(end.Version, "rows kept"); now != kept+int(math.Round(60*unscored)) {
		t.Errorf("%d rows are kept, %d of these for a score of theirs, %v of 60 have none", now, kept, unscored)
	}
	x.edit(`unscored: "keep"`, `action: "flag"`)
	end = x.run(0)
	if n, flagged := x.counted(end.Version, "rows kept"), x.counted(end.Version, "rows flagged"); n != kept || flagged != 60-kept || len(server.Log()) != len(log) {
		t.Errorf("%d rows are kept and %d flagged, want %d and %d", n, flagged, kept, 60-kept)
	}
}

// scored is the value of the only score with these names in the cells whose ids have a part; auditor, by and source may be empty.
func (x *study) scored(version, cell, metric, score, auditor, by, source string) float64 {
	x.t.Helper()
	rows, err := csv.NewReader(strings.NewReader(x.file("results", "asked", version, "scores.csv"))).ReadAll()
	if err != nil {
		x.t.Fatal(err)
	}
	at := func(row []string, column string) string {
		if i := slices.Index(rows[0], column); i >= 0 {
			return row[i]
		}
		return ""
	}
	var found []string
	for _, row := range rows[1:] {
		if strings.Contains(at(row, "cell"), cell) && at(row, "metric") == metric && at(row, "score") == score &&
			at(row, "auditor") == auditor && at(row, "by") == by && at(row, "source") == source {
			found = append(found, at(row, "value"))
		}
	}
	if len(found) != 1 {
		x.t.Fatalf("%d scores %s.%s of %s, want 1", len(found), metric, score, cell)
	}
	value, err := strconv.ParseFloat(found[0], 64)
	if err != nil {
		x.t.Fatal(err)
	}
	return value
}

// TestTheBudgetEndsJudging shows that a run stops at a limit while it judges, keeps the answers, and goes on with the others after a raise.
func TestTheBudgetEndsJudging(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	whole := newStudy(t, judgedExperiment, server)
	whole.run(0)
	needed := bodies(server.Log())
	for i, c := range []struct {
		name, budget, raised string
		plan                 string
		most                 int // requests
	}{
		{"calls", "calls: 40", "calls: 119", "budget.calls is 40, and what is missing takes 119 calls at least", 40},
		{"of the judge", "by: llm: j: calls: 50", "by: llm: j: calls: 115", "budget.by.llm.j.calls is 50, and what is missing takes 115 calls at least", 54},
		{"of an audit", "by: audit: judge: calls: 60", "by: audit: judge: calls: 119", "budget.by.audit.judge.calls is 60, and what is missing takes 115 calls at least", 64},
		{"money", "usd: 0.1", "usd: 2", "budget.usd is 0.1, and what is missing takes 0.", 110},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("short mode takes the first")
			}
			before := len(server.Log())
			sent := func() []llmtest.Exchange { return server.Log()[before:] }
			x := newStudy(t, edited(t, judgedExperiment, `name: "asked"`, "name: \"asked\"\nbudget: "+c.budget), server)
			x.says(c.plan, true)
			if end := x.run(5); !end.Budget || end.Complete || end.Failed == 0 {
				t.Errorf("%+v", end)
			}
			first := len(sent())
			if judged := len(ofJudge(sent())); first > c.most || judged < 10 {
				t.Errorf("%d requests, %d to the judge; want at most %d", first, judged, c.most)
			}
			again := x.exits(5, "run", "x.cue")
			if !strings.Contains(again.errs, "the budget ended the run: what was paid for is kept") {
				t.Errorf("it does not say that the budget ended:\n%s", again.errs)
			}
			if n := len(sent()) - first; n != 0 {
				t.Errorf("a run without a budget left has sent %d requests", n)
			}
			x.edit(c.budget, c.raised)
			left := int(x.planned("j").Calls[1])
			if end := x.run(0); end.Failed > 0 {
				t.Errorf("raised: %+v", end)
			}
			if n := len(ofJudge(sent()[first:])); n != left {
				t.Errorf("%d judgements were asked for after the raise; the plan said %d", n, left)
			}
			if n, _, _ := repeated(t, needed, sent()); n > 0 || len(sent()) != len(needed) {
				t.Errorf("%d requests in all, %d of them repeated", len(sent()), n)
			}
			last := x.run(0)
			sameScores(t, filepath.Join(whole.dir, "results", "asked", "v1"), filepath.Join(x.dir, "results", "asked", last.Version))
		})
	}
}

// TestReplayOfJudgements makes the results of a run elsewhere from its recording.
func TestReplayOfJudgements(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)), llmtest.Choose(func(body []byte) llmtest.Fault {
		if bytes.Contains(body, []byte(`"judge-`)) && sha256.Sum256(body)[0] < 40 {
			return llmtest.Refuse
		}
		return llmtest.None
	}))
	text := edited(t, judgedExperiment, "share: 0.2, shuffled: 5}", `share: 0.2, shuffled: 5}, decide: {action: "regenerate", rounds: 2}`)
	x := newStudy(t, text, server)
	x.run(0)
	asked := len(server.Log())
	x.exits(0, "llm", "record", "x.cue", "x.recording")
	elsewhere := newStudy(t, text, server)
	elsewhere.run(0, "--replay", filepath.Join(x.dir, "x.recording"))
	sameResults(t, x, elsewhere, "v1")
	elsewhere.edit("n: [20]", "n: [21]")
	missed := elsewhere.exits(3, "run", "--replay", filepath.Join(x.dir, "x.recording"), "x.cue")
	if !strings.Contains(missed.errs, "the recording has no such answer") {
		t.Errorf("it does not say what the recording lacks:\n%s", missed.errs)
	}
	if n := len(server.Log()); n != asked {
		t.Errorf("%d requests were sent by replays", n-asked)
	}
}

// TestWhatIsToldOfJudging looks at the account of a judge by cells, at its prompts, and at answers asked for again.
func TestWhatIsToldOfJudging(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	x := newStudy(t, judgedExperiment, server)
	judged := x.exits(0, "llm", "prompt", "x.cue", "icu.few.floor.judge.n20.seed1").out
	for _, want := range []string{"request 1 of 1, a record; to j, 55 to 55 times, tells rows of patients", "```record\n", "| variable |", "--- schema of the answer"} {
		if strings.Count(judged, want) != 1 {
			t.Errorf("the prompt of the judge does not have %q once:\n%s", want, judged)
		}
	}
	if both := x.exits(0, "llm", "prompt", "x.cue", "icu.few.naive.judge.n20.seed1").out; !strings.Contains(both, "request 1 of 2") || !strings.Contains(both, "request 2 of 2, a record; to j") {
		t.Errorf("the prompts of the generator and the judge are not both shown:\n%s", both)
	}
	if end := x.exits(2, "llm", "prompt", "x.cue", "icu.few.floor.off.n20.seed1"); !strings.Contains(end.errs, "asks no language model") {
		t.Error(end.errs)
	}
	if len(server.Log()) > 0 {
		t.Fatal("llm prompt has sent something")
	}
	x.run(0)
	var sum usage
	cells := map[string]int{}
	for _, u := range x.usage("--cells") {
		if u.Model != "judge-2025-01-01" {
			continue
		}
		sum.Calls, sum.Input, sum.Output = sum.Calls+u.Calls, sum.Input+u.Input, sum.Output+u.Output
		cells[u.Cell] = u.Calls
		if !strings.Contains(u.Cell, ".judge.n20.seed") {
			t.Errorf("a line for %q", u.Cell)
		}
	}
	all := x.of("judge-2025-01-01")
	if len(cells) != judgedCells || sum.Calls != judgedOnce || all.Calls != judgedOnce || sum.Input != all.Input || sum.Output != all.Output {
		t.Errorf("%d cells come to %+v, all to %+v", len(cells), sum, all)
	}
	type llm struct {
		Name            string
		Calls, Distinct int
	}
	var manifest struct{ LLMs []llm }
	if err := json.Unmarshal([]byte(x.file("results", "asked", "v1", "manifest.json")), &manifest); err != nil || len(manifest.LLMs) != 2 {
		t.Fatalf("%v: %+v", err, manifest)
	}
	if of := manifest.LLMs[slices.IndexFunc(manifest.LLMs, func(m llm) bool { return m.Name == "j" })]; of.Calls != judgedCells*judgedEach || of.Distinct != judgedOnce {
		t.Errorf("the manifest says %+v, want %d answers, %d of them distinct", of, judgedCells*judgedEach, judgedOnce)
	}
	before := len(server.Log())
	drift := x.exits(0, "llm", "drift", "--calls", "2", "x.cue").out
	if n := len(ofJudge(server.Log()[before:])); n != 2 || strings.Count(drift, ".judge.n20.") != 2 {
		t.Errorf("%d judgements were asked for again, want 2:\n%s", n, drift)
	}
}

// TestPlanOfJudging compares what plan says of judging with what a run then takes, also where rows are made again in place of those dropped.
func TestPlanOfJudging(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	for _, c := range []struct {
		name    string
		pairs   []string
		certain bool // the number of calls is known beforehand
	}{
		{"once", nil, true},
		{"two judges", []string{`llms: ["j"]`, `llms: ["j", "k"], repeats: 2`, "\tj: {", "\tk: {use: \"openai\", with: {server, model: \"judge-2\", family: \"judges\"}}\n\tj: {"}, true},
		{"rows that are handed out", []string{`use: "independent"`, `use: "resample"`, "n: [20]", "n: [700]", `"naive", `, ""}, true},
		{"rounds", []string{"shuffled: 5}", `shuffled: 5}, decide: {action: "regenerate", rounds: 2}`}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
			x := newStudy(t, edited(t, judgedExperiment, c.pairs...), server)
			planned := x.planned("j")
			x.run(0)
			u := x.of("judge-2025-01-01")
			t.Logf("planned %+v, cost %v; took %+v, cost %v", planned, *planned.Cost, u, *u.Cost)
			for _, of := range []struct {
				what    string
				planned [3]float64
				took    float64
			}{
				{"calls", planned.Calls, float64(u.Calls)},
				{"input tokens", planned.Input, float64(u.Input)},
				{"output tokens", planned.Output, float64(u.Output)},
				{"cost", *planned.Cost, *u.Cost},
			} {
				if of.took < of.planned[0] || of.took > of.planned[2] || of.planned[1] < of.planned[0] || of.planned[1] > of.planned[2] {
					t.Errorf("%s: %v, planned %v", of.what, of.took, of.planned)
				}
			}
			if c.certain != (planned.Calls[0] == planned.Calls[2]) {
				t.Errorf("planned calls: %v", planned.Calls)
			}
			if again := x.planned("j"); again.Calls != [3]float64{} || again.Cells > 0 {
				t.Errorf("after the run, plan says %+v", again)
			}
		})
	}
}

// TestJudgesOfRestrictedData holds judges to what is approved. Of records and of what judges say of them, nothing is in the results or in
// what is printed.
func TestJudgesOfRestrictedData(t *testing.T) {
	t.Parallel()
	var held sync.Map // rows of records that the judge was shown
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(func(r llmtest.Request) string {
		blocks, err := prompt.Find(r.Messages)
		if err != nil || blocks.Record == nil {
			t.Errorf("a request without a record: %v", err)
			return ""
		}
		line := regexp.MustCompile(`(?m)^\| weight \| ([0-9.]+)`).FindStringSubmatch(*blocks.Record)
		if line == nil {
			t.Errorf("the record has no weight:\n%s", *blocks.Record)
			return ""
		}
		held.Store(line[1], true)
		answer, _ := json.Marshal(map[string]any{
			"findings": []any{map[string]any{"kind": "value", "columns": []string{"weight"}, "text": "QUOTED " + line[0]}}, "reason": "QUOTED " + line[0], "score": 8,
		})
		return string(answer)
	}))
	const approval = "	approval: {basis: \"agreement 4.2\", by: \"A. Person\", date: \"2026-01-31\", retention: \"none\", reveals: \"LEVEL\"}\n"
	study := func(approval string) *study {
		x := restricted(t, server, "floor", approval)
		x.edit("strategies: {", "audits: judge: {use: \"llm-judge\", with: llms: [\"m\"], calibrate: {rows: 60, share: 0.3, shuffled: 10}}\nstrategies: {\n\tfloor: use: \"independent\"",
			`strategy: ["floor"]`, `strategy: ["floor"], audit: ["off", "judge"]`,
			`metrics: tv: use: "tv"`, `metrics: {tv: use: "tv", kept: use: "audit", caught: use: "audit-calibration"}`, `rows: ["strategy"]`, `rows: ["strategy", "audit"]`)
		return x
	}
	for reveals, want := range map[string]string{"": "and no approval says that they may leave", "aggregates": `the approval ends at "aggregates"`} {
		text := ""
		if reveals != "" {
			text = strings.Replace(approval, "LEVEL", reveals, 1)
		}
		x := study(text)
		for _, command := range []string{"vet", "run"} {
			if end := x.exits(2, command, "x.cue"); !strings.Contains(end.errs, `"judge" sends rows of the restricted data set "mine" there`) || !strings.Contains(end.errs, want) {
				t.Errorf("%s does not say %q:\n%s", command, want, end.errs)
			}
		}
	}
	if n := len(server.Log()); n > 0 {
		t.Fatalf("the server has received %d requests", n)
	}
	x := study(strings.Replace(approval, "LEVEL", "rows", 1))
	printed := x.exits(0, "run", "--log-level", "debug", "x.cue")
	if n := len(server.Log()); n != 90 {
		t.Errorf("the server has received %d requests, want those for 20 synthetic, 60 real and 10 shuffled records", n)
	}
	for name, text := range map[string]string{"standard output": printed.out, "messages": printed.errs, "trace": x.exits(0, "trace", "asked", "t", "strategy=floor, audit=judge", "tv.mean").out} {
		if strings.Contains(text, "QUOTED") {
			t.Errorf("what the judge says is in the %s", name)
		}
	}
	if files := holding(t, filepath.Join(x.dir, "results"), "QUOTED"); len(files) > 0 {
		t.Errorf("what the judge says is in %q", files)
	}
	weights := 0
	for row := range strings.Lines(x.file("rows.csv")) {
		weight := strings.Split(row, ",")[4]
		if _, err := strconv.ParseFloat(weight, 64); err != nil || weights >= 10 {
			continue
		}
		weights++
		if files := holding(t, filepath.Join(x.dir, "results"), weight); len(files) > 0 || strings.Contains(printed.out+printed.errs, weight) {
			t.Errorf("a value of a row is in %q", files)
		}
	}
	shown := 0
	held.Range(func(any, any) bool { shown++; return true })
	if shown < 50 || weights < 10 {
		t.Errorf("%d weights were shown, and %d looked for: the test shows nothing", shown, weights)
	}
}

// TestCalibrationAtTheTestHospital shows that auditors of every hospital's rows are calibrated by all its test rows, and by those alone,
// wherever the rows that are judged come from.
func TestCalibrationAtTheTestHospital(t *testing.T) {
	t.Parallel()
	x := &study{t: t, dir: t.TempDir()}
	x.write(`name: "asked"
datasets: icu: {
	use: "simulated-icu", with: {rows: 1500, hospitals: 4, missing: 0.1}
	split: {train: 0.5, validation: 0, test: 0.4, reference: 0.1, by: "subject", stratify: ["hospitalid", "death"], seed: 7}
	minimum: {rows: 20, events: 1, nonevents: 3}
}
features: few: {use: "list", with: columns: ["age", "heartrate_min", "heartrate_max", "heartrate_first", "heartrate_last"]}
strategies: floor: use: "independent"
audits: rules: {use: "rules", calibrate: share: 0.1}
metrics: {ks: use: "ks", caught: use: "audit-calibration"}
matrix: [{site: ["all", "each", "leave-one-out"], audit: ["rules"], n: [60], seed: [1]}]
tables: t: {rows: ["site", "audit"], columns: [{score: "ks.mean"}], over: ["train_site", "test_site"]}
`)
	x.run(0)
	rows, err := csv.NewReader(strings.NewReader(x.file("results", "asked", "v1", "counts.csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	real := map[string]int{} // by cell
	for _, row := range rows[1:] {
		if source := column(row, "source"); column(row, "count") == "records to judge" && (source == "real" || source == "planted") {
			n, _ := strconv.Atoi(column(row, "value"))
			real[column(row, "cell")] += n
		}
	}
	total, hospitals := 0, map[string]int{}
	for cell, n := range real {
		switch {
		case strings.Contains(cell, "icu.all."):
			total = n
		default:
			site := strings.Split(cell, ".")[3] // data set, site, train site, test site
			if known, ok := hospitals[site]; ok && known != n {
				t.Errorf("hospital %s is calibrated on %d and %d records", site, known, n)
			}
			hospitals[site] = n
		}
	}
	sum := 0
	for _, n := range hospitals {
		sum += n
	}
	if len(hospitals) != 4 || len(real) != 9 || sum != total || total < 400 {
		t.Errorf("%d hospitals with %d records in %d cells; all have %d", len(hospitals), sum, len(real), total)
	}
}

// TestRealJudge has a dozen records judged over HTTP by a model on a server that holds answers to a schema. The weights are random: any
// verdict will do, and each record has one.
func TestRealJudge(t *testing.T) {
	server := os.Getenv("EHRLAB_OLLAMA")
	if server == "" {
		t.Skip("no model server in EHRLAB_OLLAMA; make ollama builds and starts one")
	}
	createModel(t, server, "tiny")
	x := &study{t: t, dir: t.TempDir()}
	x.write(fmt.Sprintf(`name: "asked"
datasets: icu: {use: "simulated-icu", with: {rows: 800, hospitals: 4}}
features: few: {use: "list", with: columns: ["age", "heartrate_min", "heartrate_max", "sodium_last_early"]}
llms: tiny: {use: "openai", with: {model: "tiny", base_url: "%s/v1", family: "llama", max_tokens: 400, limits: {concurrency: 2, timeout: "60s"}}}
strategies: floor: use: "independent"
let common = {llms: ["tiny"], temperature: 1}
audits: {
	whole: {use: "llm-judge", with: common, calibrate: {rows: 6, share: 0.5}}
	score: {use: "llm-judge", with: {common, findings: false, reasons: false, prompt: {system: "", user: "{{record}}\n{{answer}}"}}, calibrate: {rows: 6, share: 0.5}}
}
metrics: {ks: use: "ks", kept: use: "audit"}
matrix: [{strategy: ["floor"], audit: ["off", "whole", "score"], features: ["few"], n: [6], seed: [1]}]
tables: t: {rows: ["audit"], columns: [{score: "ks.mean"}]}
`, server))
	end := x.run(0)
	const records = 2 * 12
	scored, unparsable := x.counted(end.Version, "judgements scored"), x.counted(end.Version, "judgements unparsable")
	t.Logf("%d records scored, %d answers without a verdict; %+v", scored, unparsable, x.total())
	if n := x.counted(end.Version, "judgements"); n != records || scored+unparsable+x.counted(end.Version, "judgements refused") != n {
		t.Errorf("%d judgements, want %d; %d scored and %d unparsable", n, records, scored, unparsable)
	}
	if scored < records/2 { // of a schema that is a number alone, nothing can be left out
		t.Errorf("%d of %d records have a score", scored, records)
	}
	if again := x.run(0); again.StepsRun > 0 || x.total().Calls != records {
		t.Errorf("a second run: %+v; accounted: %+v", again, x.total())
	}
}

// TestAccountOfRounds shows that what rows take that are made again, and their judging, is in the account of the cell, and who fails at
// judging keeps what it came to.
func TestAccountOfRounds(t *testing.T) {
	t.Parallel()
	answer := invented(t)
	var fails atomic.Bool
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(answer), llmtest.Choose(func(body []byte) llmtest.Fault {
		if fails.Load() && bytes.Contains(body, []byte(`"judge-`)) && sha256.Sum256(body)[0] < 10 {
			return llmtest.BadRequest
		}
		return llmtest.None
	}))
	x := newStudy(t, edited(t, judgedExperiment, "shuffled: 5}", `shuffled: 5}, decide: {action: "regenerate", rounds: 3}`,
		`["naive", "floor"]`, `["naive"]`, "seed: [1, 2]", "seed: [1]"), server)
	fails.Store(true)
	failed := x.exits(3, "run", "x.cue")
	if n := strings.Count(failed.errs, "judge by judge: generate naive, n 20, seed 1"); n != 1 || !strings.Contains(failed.errs, "3 cells without this result") {
		t.Errorf("it does not say once what failed:\n%s", failed.errs)
	}
	if answered, without := x.counted("v1", "judgements scored"), x.counted("v1", "judgements without an answer"); answered+without != judgedEach || without == 0 {
		t.Errorf("%d judgements and %d records without one, of %d", answered, without, judgedEach)
	}
	fails.Store(false)
	end := x.run(0)
	for _, c := range []struct{ model, metric, auditor string }{{"gpt-4o-2024-08-06", "generation", ""}, {"judge-2025-01-01", "judging", "judge"}} {
		u := x.of(c.model)
		calls, input := x.scored(end.Version, ".judge.n20", c.metric, "calls", c.auditor, "", ""), x.scored(end.Version, ".judge.n20", c.metric, "input_tokens", c.auditor, "", "")
		if int(calls) != u.Calls || int(input) != u.Input {
			t.Errorf("%s: %v calls with %v tokens; accounted: %+v", c.metric, calls, input, u)
		}
	}
	first := x.scored(end.Version, ".off.n20", "generation", "calls", "", "", "")
	if all := x.of("gpt-4o-2024-08-06").Calls; all <= int(first) {
		t.Fatalf("%d calls for rows, %v of them in the first round: the test shows nothing", all, first)
	}
	account := x.file("results", "asked", end.Version, "tables", "judging.csv")
	if want := fmt.Sprintf("\nj,judge,naive,few,calls,answers,,%d,", x.of("judge-2025-01-01").Calls); !strings.Contains(account, want) {
		t.Errorf("the account does not have %q:\n%s", want, account)
	}
}
