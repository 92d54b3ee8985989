package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
)

// TestUsageIsTheServersAccount runs against a server that misbehaves at random, and compares the account with its log: what was
// served whole is accounted for to the token, what was cut is orphaned.
func TestUsageIsTheServersAccount(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(invented(t)), llmtest.Cached(100), llmtest.Reasoning(7), llmtest.RetryAfter("0.01"),
		llmtest.Latency(0, 4*time.Millisecond), llmtest.Random(3, map[llmtest.Fault]float64{
			llmtest.TooManyRetryAfter: 0.15, llmtest.Unavailable: 0.1, llmtest.CutMiddle: 0.03, llmtest.CutBefore: 0.02, llmtest.HalfJSON: 0.03,
			llmtest.SlowStream: 0.02, llmtest.WrongRows: 0.1, llmtest.Prose: 0.1, llmtest.Refuse: 0.1, llmtest.OtherModel: 0.05, llmtest.ShortAnswer: 0.05,
			llmtest.TrailingWhitespace: 0.05, llmtest.EmptyText: 0.02,
		}), llmtest.Pause(100*time.Microsecond))
	text := edited(t, askedExperiment, "retries: 2", "retries: 20", "rounds: 3", "rounds: 30", "price: {input: 2, output: 8}", "price: {input: 2, output: 8, cached: 1}")
	x := newStudy(t, text, server)
	end := x.run(0)
	log := server.Log()
	whole, charged := server.Whole(), server.Charged()
	u := x.total()
	if u.Sends != len(log) || u.Calls != whole.Answers || u.Input != whole.Input || u.Cached != whole.Cached || u.Output != whole.Output || u.Reasoning != whole.Reasoning {
		t.Errorf("accounted: %+v; %d requests, served whole %+v", u, len(log), whole)
	}
	if u.Orphaned != charged.Answers-whole.Answers || u.Orphaned == 0 {
		t.Errorf("%d are accounted as orphaned; %d answers were charged and did not arrive", u.Orphaned, charged.Answers-whole.Answers)
	}
	refused, statuses := 0, 0
	for _, e := range log {
		if e.Whole && e.Stop == "refusal" {
			refused++
		}
		if !e.Charged {
			statuses++
		}
	}
	if u.Refused != refused || u.Rejected != statuses || u.Retries != u.Orphaned+u.Rejected || u.Damaged+u.InFlight != 0 {
		t.Errorf("accounted: %+v; %d refusals, %d rejected", u, refused, statuses)
	}
	if want := (2*float64(whole.Input-whole.Cached) + float64(whole.Cached) + 8*float64(whole.Output)) / 1e6; u.Cost == nil || math.Abs(*u.Cost-want) > 1e-9 {
		t.Errorf("cost %v, want %v", u.Cost, want)
	}
	var sum usage
	cells := x.usage("--cells")
	for _, c := range cells {
		sum.Sends += c.Sends
		sum.Calls += c.Calls
		sum.Input += c.Input
		sum.Output += c.Output
		sum.Orphaned += c.Orphaned
		if !strings.HasPrefix(c.Cell, "icu.few.") {
			t.Errorf("a line for %q", c.Cell)
		}
	}
	if len(cells) != 8 || sum.Sends != u.Sends || sum.Calls != u.Calls || sum.Input != u.Input || sum.Output != u.Output || sum.Orphaned != u.Orphaned {
		t.Errorf("%d cells come to %+v, all to %+v", len(cells), sum, u)
	}
	x.accounted(end.Version)
	for name, want := range map[string]int{"answers": u.Calls, "answers refused": u.Refused, "tokens of requests": u.Input, "tokens of answers": u.Output} {
		if n := x.counted(end.Version, name); n != want {
			t.Errorf("the results count %d %s, the account %d", n, name, want)
		}
	}
	var manifest struct {
		Models []json.RawMessage `json:"models"`
	}
	text = x.file("results", "asked", "v1", "manifest.json")
	if err := json.Unmarshal([]byte(text), &manifest); err != nil || !strings.Contains(text, "gpt-4o-2024-08-06-other") {
		t.Errorf("the manifest does not name the other model that was served: %v", err)
	}
	if tables := x.exits(0, "show", "asked").out; !strings.Contains(tables, "gpt-4o-2024-08-06-other") {
		t.Errorf("the tables do not warn of cells that two models have answered:\n%s", tables)
	}
}

// accounted holds the account of the rows of every cell to what it must come to.
func (x *study) accounted(version string) {
	x.t.Helper()
	returned := x.counted(version, "rows returned")
	if sum := x.counted(version, "rows rejected") + x.counted(version, "rows surplus") + x.counted(version, "rows delivered"); returned != sum || returned == 0 {
		x.t.Errorf("%d rows were returned, and the account of them comes to %d", returned, sum)
	}
}

// TestTooFewRows shows that a cell whose model delivers too little fails with that reason, its account kept, and no other cell.
func TestTooFewRows(t *testing.T) {
	t.Parallel()
	answer := invented(t)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Answer(func(r llmtest.Request) string {
		text := answer(r)
		lines := strings.SplitAfter(text, "\n")
		switch user := r.Messages[1].Text; {
		case strings.Contains(user, "extract of a hospital's table"): // naive: two rows, and one that is none
			return strings.Join(lines[:3], "") + "once upon a time\n"
		case strings.Contains(user, "is_female is 1"): // group: the first feature is a text
			for i := range lines[1:] {
				lines[i+1] = "unknown" + lines[i+1]
			}
			return strings.Join(lines, "")
		}
		return text
	}))
	x := newStudy(t, askedExperiment, server)
	end := x.exits(3, "run", "x.cue")
	for _, want := range []string{
		"generate naive, n 40, seed 1 and 1 more: ", "of 40 rows after 3 rounds: ", "generate group, n 40, seed ", "4 failed", "raise rounds",
	} {
		if !strings.Contains(end.errs+end.out, want) {
			t.Errorf("it does not say %q:\n%s", want, end.errs)
		}
	}
	x.accounted("v1")
	cells := x.file("results", "asked", "v1", "cells.csv")
	if n := strings.Count(cells, "failed"); n != 4 {
		t.Errorf("%d cells failed, want 4:\n%s", n, cells)
	}
	if delivered := x.counted("v1", "rows delivered"); delivered <= 4*40 {
		t.Errorf("%d rows delivered: those of failed cells are not counted", delivered)
	}
	if accounting := x.file("results", "asked", "v1", "tables", "accounting.md"); !strings.Contains(accounting, "not a number") && !strings.Contains(accounting, "rejected") {
		t.Errorf("the table does not say what became of the rows:\n%s", accounting)
	}
	before := len(server.Log())
	if again := x.run(3); again.New || again.Failed != 4 || len(server.Log()) != before {
		t.Errorf("once more: %+v after %d requests", again, len(server.Log())-before)
	}
	x.edit("rounds: 3", "rounds: 12")
	if end := x.run(3); end.Failed != 2 {
		t.Errorf("with more rounds: %+v; want the rows of naive, and none of group", end)
	}
}

// TestOtherFormats asks models over the other wire formats.
func TestOtherFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format llmtest.Format
		use    string
		model  string
	}{
		{llmtest.Anthropic, "anthropic", "claude-3-5-sonnet-20241022"},
		{llmtest.Google, "googleai", "gemini-2.0-flash-001"},
	} {
		t.Run(c.use, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, c.format, llmtest.Answer(invented(t)), llmtest.Key("right"), llmtest.Random(1, map[llmtest.Fault]float64{llmtest.Refuse: 0.1}))
			x := newStudy(t, edited(t, askedExperiment, `"openai"`, `"`+c.use+`"`, `model: "gpt-4o-2024-08-06"`, `key_env: "MODEL_KEY", model: "`+c.model+`"`,
				"n: [40]", "n: [20]", "rounds: 3", "rounds: 6"), server)
			x.env = []string{"MODEL_KEY=right"}
			end := x.run(0)
			whole := server.Whole()
			if u := x.total(); u.Model != c.model || u.Calls != whole.Answers || u.Input != whole.Input || u.Output != whole.Output || u.Orphaned > 0 || u.Refused == 0 {
				t.Errorf("accounted: %+v; served %+v", u, whole)
			}
			x.accounted(end.Version)
			if again := x.run(0); again.StepsRun > 0 || len(server.Log()) != whole.Answers {
				t.Errorf("once more: %+v", again)
			}
			x.env = []string{"MODEL_KEY=wrong"}
			x.edit("seed: [1, 2]", "seed: [3]")
			if end := x.exits(3, "run", "x.cue"); strings.Count(end.errs, "the provider refuses the key from environment variable MODEL_KEY") != 1 {
				t.Error(end.errs)
			}
		})
	}
}

// TestKeysAreWrittenNowhere plants a key, has the server repeat it, and looks for it in all that is written and printed.
func TestKeysAreWrittenNowhere(t *testing.T) {
	t.Parallel()
	const key = "sk-planted-93f1c07b5e2d4a68"
	answer := invented(t)
	server := llmtest.NewServer(t, llmtest.OpenAI, llmtest.Key(key), llmtest.RetryAfter("0.01"),
		llmtest.Random(2, map[llmtest.Fault]float64{llmtest.TooManyRetryAfter: 0.1, llmtest.CutMiddle: 0.02}),
		llmtest.Answer(func(r llmtest.Request) string {
			if r.Schema != nil {
				return answer(r)
			}
			return "You have asked with " + r.Header.Get("Authorization") + ".\n\n" + answer(r)
		}))
	scold := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, fmt.Sprintf(`{"error": {"message": "Incorrect API key provided: %s", "type": "invalid_request_error"}}`,
			strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	}))
	t.Cleanup(scold.Close)
	outside := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(outside, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, setting, base string
		code                int
	}{
		{"of the environment", `key_env: "MODEL_KEY"`, server.BaseURL(), 0},
		{"of a command", fmt.Sprintf("key_command: %q", "cat "+outside), server.BaseURL(), 0},
		{"in an error", `key_env: "MODEL_KEY"`, scold.URL + "/v1", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.code == 0 && strings.HasPrefix(c.setting, "key_command") {
				t.Skip("as that of the environment")
			}
			x := newStudy(t, edited(t, askedExperiment, "BASE", c.base, `model: "gpt-4o-2024-08-06"`, `model: "gpt-4o-2024-08-06", `+c.setting,
				"seed: [1, 2]", "seed: [1]", "n: [40]", "n: [20]", "retries: 2", "retries: 10"), server)
			x.env = []string{"MODEL_KEY=" + key}
			printed := map[string]ended{"run": x.exits(c.code, "run", "--log-level", "debug", "x.cue")}
			if c.code == 0 {
				printed["run --json"] = x.exits(0, "run", "--json", "--log-level", "debug", "--log-format", "json", "x.cue")
				printed["llm usage"] = x.exits(0, "llm", "usage", "--cells", "x.cue")
				printed["llm record"] = x.exits(0, "llm", "record", "x.cue", "x.recording")
				printed["llm drift"] = x.exits(0, "llm", "drift", "--log-level", "debug", "x.cue")
				printed["llm prompt"] = x.exits(0, "llm", "prompt", "x.cue", "icu.few.naive")
				if len(server.Log()) == 0 {
					t.Fatal("nothing was asked")
				}
			}
			for _, secret := range []string{key, key[:20], key[11:]} {
				for _, name := range slices.Sorted(maps.Keys(printed)) {
					if strings.Contains(printed[name].out+printed[name].errs, secret) {
						t.Errorf("%s prints the key", name)
					}
				}
				if files := holding(t, x.dir, secret); len(files) > 0 {
					t.Errorf("the key is in %q", files)
				}
			}
			if !strings.Contains(printed["run"].errs, "llm call") {
				t.Error("the log tells of no call: the test shows nothing")
			}
		})
	}
}
