package cli_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/runner/responses"
)

// TestRecordAndReplay makes the results of a run elsewhere from its recording, without the server, and shows that what was not
// recorded fails and is not sent.
func TestRecordAndReplay(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)), llmtest.Key("right"),
		llmtest.Choose(func(body []byte) llmtest.Fault {
			if strings.Contains(string(body), `"temperature"`) {
				return llmtest.Refuse // conditional, below
			}
			return llmtest.None
		}))
	text := edited(t, askedExperiment, `model: "gpt-4o-2024-08-06"`, `model: "gpt-4o-2024-08-06", key_env: "MODEL_KEY"`,
		`block: 2, `, `block: 2, temperature: 0.3, `)
	x := newStudy(t, text, server)
	x.env = []string{"MODEL_KEY=right"}
	x.run(3)
	asked := len(server.Log())
	end := x.exits(0, "llm", "record", "x.cue", "x.recording")
	if !strings.Contains(end.out, "x.recording: ") || !strings.Contains(end.out, "2 cells not finished") {
		t.Error(end.out)
	}

	elsewhere := newStudy(t, text, server)
	recording := filepath.Join(x.dir, "x.recording")
	for range 2 { // the second replays over what the first has made
		elsewhere.run(3, "--replay", recording)
	}
	if a, b := x.generated(), elsewhere.generated(); len(a) != 8 || !maps.Equal(a, b) {
		t.Errorf("the rows differ: %d and %d", len(a), len(b))
	}
	same(t, x, elsewhere, "v1", "scores.csv")

	finished := edited(t, text, `"conditional", `, "")
	again := newStudy(t, finished, server)
	again.run(0, "--replay", recording)
	x.write(strings.ReplaceAll(finished, "BASE", server.BaseURL()))
	x.run(0)
	sameScores(t, filepath.Join(x.dir, "results", "asked", "v2"), filepath.Join(again.dir, "results", "asked", "v1"))

	again.edit("seed: [1, 2]", "seed: [1, 2, 3]")
	missed := again.exits(3, "run", "--replay", recording, "x.cue")
	if strings.Count(missed.errs, "the recording has no such answer") != 3 || !strings.Contains(missed.errs, "seed 3") {
		t.Errorf("it does not say what the recording lacks:\n%s", missed.errs)
	}
	if n := len(server.Log()); n != asked {
		t.Errorf("%d requests were sent by replays", n-asked)
	}
	if _, err := os.Stat(filepath.Join(again.dir, ".ehrlab", "cache", "responses")); err == nil {
		t.Error("a replay has made a store of responses")
	}
	if err := os.WriteFile(filepath.Join(x.dir, "damaged"), []byte(x.file("x.recording")[:3000]), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"damaged", "x.cue", "nowhere"} {
		if end := x.exits(2, "run", "--replay", file, "x.cue"); !strings.Contains(end.errs, "open recording") {
			t.Errorf("%s: %s", file, end.errs)
		}
	}
}

func same(t *testing.T, a, b *study, version, file string) {
	t.Helper()
	if a.file("results", "asked", version, file) != b.file("results", "asked", version, file) {
		t.Errorf("%s differs", file)
	}
}

// TestPromptPrintsWhatIsSent compares what llm prompt shows with what the server then receives.
func TestPromptPrintsWhatIsSent(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	x := newStudy(t, edited(t, askedExperiment, "seed: [1, 2]", "seed: [1]"), server)
	type call struct {
		Label   string
		Request struct {
			Messages []struct{ Role, Text string }
			Schema   json.RawMessage
		}
	}
	prompts := map[string][]call{}
	for _, strategy := range []string{"naive", "schema", "conditional", "group"} {
		var o struct{ Outline struct{ Calls []call } }
		cell := "icu.few." + strategy + ".n40.seed1"
		if err := json.Unmarshal([]byte(x.exits(0, "llm", "prompt", "--json", "x.cue", cell).out), &o); err != nil {
			t.Fatal(err)
		}
		prompts[strategy] = o.Outline.Calls
		shown := x.exits(0, "llm", "prompt", "x.cue", cell).out
		for _, m := range o.Outline.Calls[0].Request.Messages {
			if !strings.Contains(shown, m.Text) {
				t.Errorf("%s: the text and the JSON differ", strategy)
			}
		}
	}
	if end := x.exits(2, "llm", "prompt", "x.cue", "icu.few.floor.n40.seed1"); !strings.Contains(end.errs, "asks no language model") {
		t.Error(end.errs)
	}
	if end := x.exits(2, "llm", "prompt", "x.cue", "icu"); !strings.Contains(end.errs, "5 cells match") {
		t.Error(end.errs)
	}
	if end := x.exits(2, "llm", "prompt", "x.cue", "nothing"); !strings.Contains(end.errs, "plan --cells") {
		t.Error(end.errs)
	}
	if n := len(server.Log()); n > 0 {
		t.Fatalf("llm prompt has sent %d requests", n)
	}
	if files := holding(t, x.dir, ""); !slices.Equal(files, []string{"x.cue"}) {
		t.Errorf("llm prompt has written %q", files)
	}
	x.run(0)
	sent := map[string]bool{}
	for _, e := range server.Log() {
		sent[said(e)] = true
	}
	for strategy, calls := range prompts {
		calls = slices.DeleteFunc(calls, func(c call) bool { // what continues rows is sent with these in the place of …
			return strategy == "conditional" && strings.Contains(c.Request.Messages[1].Text, "…")
		})
		if len(calls) == 0 {
			t.Errorf("%s: no prompts", strategy)
		}
		for _, c := range calls {
			text := ""
			for _, m := range c.Request.Messages {
				text += m.Role + "\n" + m.Text + "\n"
			}
			if !sent[text+canonicalJSON(t, c.Request.Schema)] {
				t.Errorf("%s, %s: the prompt was not sent as it was shown", strategy, c.Label)
			}
		}
	}
}

// said is what a request said.
func said(e llmtest.Exchange) string {
	text := ""
	for _, m := range e.Messages {
		text += m.Role + "\n" + m.Text + "\n"
	}
	return text + canonicalJSON(nil, e.Schema)
}

func canonicalJSON(t *testing.T, raw json.RawMessage) string {
	var v any
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if err := json.Unmarshal(raw, &v); err != nil && t != nil {
		t.Error(err)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// TestDrift asks prompts again: on the same day once, and shows when another model answers.
func TestDrift(t *testing.T) {
	t.Parallel()
	if now := time.Now().UTC(); now.Hour() == 23 && now.Minute() == 59 {
		t.Skip("the day is about to end")
	}
	var drifted atomic.Bool
	answer := invented(t)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(answer), llmtest.Choose(func([]byte) llmtest.Fault {
		if drifted.Load() {
			return llmtest.OtherModel
		}
		return llmtest.None
	}))
	x := newStudy(t, askedExperiment, server)
	if end := x.exits(2, "llm", "drift", "x.cue"); !strings.Contains(end.errs, "'ehrlab run' first") {
		t.Error(end.errs)
	}
	x.run(0)
	before := len(server.Log())
	first := x.exits(0, "llm", "drift", "--calls", "3", "x.cue").out
	if n := len(server.Log()) - before; n != 3 {
		t.Errorf("%d requests were sent, want 3", n)
	}
	if strings.Contains(first, "→") || strings.Count(first, "same") != 3 {
		t.Errorf("nothing has drifted:\n%s", first)
	}
	if again := x.exits(0, "llm", "drift", "--calls", "3", "x.cue").out; again != first || len(server.Log()) != before+3 {
		t.Errorf("asking again on the same day is not free, or says something else:\n%s", again)
	}
	drifted.Store(true)
	other := x.exits(0, "llm", "drift", "--calls", "5", "x.cue").out
	if n := len(server.Log()) - before; n != 5 {
		t.Errorf("%d requests were sent, want 5", n)
	}
	if strings.Count(other, "gpt-4o-2024-08-06 → gpt-4o-2024-08-06-other") != 2 || !strings.Contains(other, "2 answers of 5 came from another model") {
		t.Errorf("the other model is not shown:\n%s", other)
	}
	if u := x.usage("--cells"); u[0].Cell != "drift" || u[0].Calls != 5 {
		t.Errorf("the account of drift: %+v", u[0])
	}
	// Each day stands for a step of its own, as the budget of a cell is that of one step.
	store, err := responses.Open(filepath.Join(x.dir, ".ehrlab", "cache", "responses"), responses.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lines, err := responses.Usage(store, "asked")
	if today := "drift " + time.Now().UTC().Format(time.DateOnly); err != nil || !slices.ContainsFunc(lines, func(l responses.Line) bool { return l.Step == today }) {
		t.Errorf("no step %q: %v", today, err)
	}
	if end := x.run(0); end.StepsRun > 0 {
		t.Errorf("drift has changed the experiment: %+v", end)
	}
}
