package cli_test

import (
	"testing"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// TestWhatReusesAnswers changes one thing at a time after a run. What decides nothing about an answer reuses every one, what
// enters a request reuses none.
func TestWhatReusesAnswers(t *testing.T) {
	t.Parallel()
	const (
		nothing = iota // not a step runs
		steps          // steps run, and all their answers are kept ones
		fresh          // all answers are fresh
	)
	model := `model: "gpt-4o-2024-08-06"`
	cases := []struct {
		name   string
		pairs  []string
		args   []string
		reuses int
		only   string // the strategy whose cells are asked for; all when empty
	}{
		{"concurrency", []string{"concurrency: 4", "concurrency: 2"}, nil, nothing, ""},
		{"retries", []string{"retries: 2", "retries: 5"}, nil, nothing, ""},
		{"time-out", []string{`timeout: "20s"`, `timeout: "30s"`}, nil, nothing, ""},
		{"requests a minute", []string{"limits: {", "limits: {requests: 1000, "}, nil, nothing, ""},
		{"price", []string{"price: {input: 2", "price: {input: 3"}, nil, nothing, ""},
		{"source of the key", []string{model, model + `, key_env: "NO_SUCH_VARIABLE"`}, nil, nothing, ""},
		{"approval", []string{"	price: {", "	approval: local: true\n	price: {"}, nil, nothing, ""},
		{"budget", []string{`name: "asked"`, "name: \"asked\"\nbudget: usd: 100"}, nil, nothing, ""},
		{"names", []string{"llms: m:", "llms: other:", `llm: "m"`, `llm: "other"`, "naive", "plain", `"llm-plain"`, `"llm-naive"`}, nil, nothing, ""},
		{"workers", nil, []string{"--workers", "1"}, nothing, ""},
		{"rounds", []string{"rounds: 3", "rounds: 4"}, nil, steps, ""},

		{"date of the model", []string{"2024-08-06", "2024-11-20"}, nil, fresh, ""},
		{"endpoint", []string{"127.0.0.1", "localhost"}, nil, fresh, ""},
		{"temperature of the model", []string{"max_tokens: 3000", "max_tokens: 3000, temperature: 0.5"}, nil, fresh, ""},
		{"temperature of the strategy", []string{"rounds: 3", "rounds: 3, temperature: 0.7"}, nil, fresh, ""},
		{"cap on tokens", []string{"max_tokens: 3000", "max_tokens: 2999"}, nil, fresh, ""},
		{"seed", []string{"seed: [1]", "seed: [2]"}, nil, fresh, ""},
		{"text of the prompt", []string{"rounds: 3", `rounds: 3, constraints: "Be careful."`}, nil, fresh, ""},
		{"examples", []string{"examples: 5", "examples: 6"}, nil, fresh, ""},
		{"rows of train", []string{"seed: 7", "seed: 8"}, nil, fresh, ""},
		{"a declared range, sent by llm-schema", []string{"	split:", "	limits: age: {min: 16, max: 89}\n	split:"}, nil, fresh, "schema"},
		{"a declared range, not sent by llm-naive", []string{"	split:", "	limits: age: {min: 16, max: 89}\n	split:"}, nil, steps, "naive"},
	}
	answer := invented(t)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(answer))
	base := newStudy(t, edited(t, askedExperiment, "seed: [1, 2]", "seed: [1]", "n: [40]", "n: [10]"), server)
	base.run(0)
	original := base.text
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && i%3 > 0 {
				t.Skip("short mode takes every third")
			}
			x := &study{t: t, dir: base.dir}
			x.write(original)
			if c.only != "" {
				x.edit(`strategy: ["naive", "schema", "conditional", "group", "floor"]`, `strategy: ["`+c.only+`"]`)
				x.run(0)
			}
			before, known := len(server.Log()), bodies(server.Log())
			x.edit(c.pairs...)
			end := x.run(0, c.args...)
			after := server.Log()
			sent := len(after) - before
			switch c.reuses {
			case nothing:
				if sent > 0 || end.StepsRun > 0 {
					t.Errorf("%d requests were sent and %d steps run, want none", sent, end.StepsRun)
				}
			case steps:
				if sent > 0 || end.StepsRun == 0 {
					t.Errorf("%d requests were sent, want none; %d steps were run, want some", sent, end.StepsRun)
				}
			case fresh:
				if calls := x.counted(end.Version, "calls"); calls == 0 || sent != calls {
					t.Errorf("%d requests were sent for %d answers", sent, calls)
				}
				for body := range bodies(after[before:]) {
					if known[body] > 0 && c.name != "endpoint" { // which is in no body
						t.Error("a request was sent that was answered before")
					}
				}
			}
		})
	}
}

// TestReplicatesAndSizes shows that seeds never share an answer, not even to equal requests, and that fewer rows are the
// beginning of more.
func TestReplicatesAndSizes(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)))
	x := newStudy(t, edited(t, askedExperiment,
		"examples: 5", "examples: 0", ", freshExamples: true}", `, limits: "declared"}`, // without rows of train the requests of all seeds are equal
		`strategy: ["naive", "schema", "conditional", "group", "floor"]`, `strategy: ["naive"]`,
		"n: [40], seed: [1, 2]", "n: [20], seed: [1]", `rows: ["strategy"]`, `rows: ["strategy", "n"]`), server)
	sent := 0
	for _, step := range []struct {
		name         string
		pairs        []string
		calls, fresh int
	}{
		{"20 rows", nil, 2, 2},
		{"a second seed", []string{"seed: [1]", "seed: [1, 2]"}, 4, 2},
		{"more rows", []string{"n: [20]", "n: [50]"}, 10, 6},
		{"all of them", []string{"n: [50]", "n: [20, 50, 35]"}, 4 + 10 + 8, 2}, // the last call for 35 asks for 5
		{"a third seed", []string{"seed: [1, 2]", "seed: [1, 2, 3]"}, 33, 6},   // 5 for 50, and the last for 35
	} {
		x.edit(step.pairs...)
		end := x.run(0)
		log := server.Log()
		if calls := x.counted(end.Version, "calls"); calls != step.calls || len(log)-sent != step.fresh {
			t.Errorf("%s: %d requests for %d answers, want %d for %d", step.name, len(log)-sent, calls, step.fresh, step.calls)
		}
		sent = len(log)
	}
	if n := len(bodies(server.Log())); n != 2 {
		t.Errorf("%d different requests were sent, want those for 10 and for 5 rows", n)
	}
}
