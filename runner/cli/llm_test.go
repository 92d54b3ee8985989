package cli_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/llm/llmtest"
	"github.com/ehrlab/ehrlab/plugins/llm/simulated"
	"github.com/ehrlab/ehrlab/plugins/llm/wire"
	"github.com/ehrlab/ehrlab/runner/cache"
)

// askedExperiment asks one model by all strategies. BASE is where the model is.
const askedExperiment = `name: "asked"
datasets: icu: {
	use: "simulated-icu"
	with: {rows: 1200, hospitals: 4}
	split: {train: 0.5, validation: 0.1, test: 0.2, reference: 0.2, by: "subject", stratify: "death", seed: 7}
}
features: few: {use: "list", with: columns: ["age", "heartrate_last", "sodium_last_early"]}
llms: m: {
	use: "openai"
	with: {model: "gpt-4o-2024-08-06", base_url: "BASE", max_tokens: 3000, limits: {concurrency: 4, retries: 2, timeout: "20s"}}
	price: {input: 2, output: 8}
}
let common = {llm: "m", rows: 10, examples: 5, rounds: 3}
strategies: {
	naive: {use: "llm-naive", with: {common, freshExamples: true}}
	schema: {use: "llm-schema", with: {common}}
	conditional: {use: "llm-conditional", with: {common, block: 2, label: mode: "conditioned"}}
	group: {use: "llm-group", with: {common, by: ["is_female"], label: mode: "conditioned"}}
	floor: use: "independent"
}
metrics: ks: use: "ks"
matrix: [{strategy: ["naive", "schema", "conditional", "group", "floor"], features: ["few"], n: [40], seed: [1, 2]}]
tables: fidelity: {rows: ["strategy"], columns: [{score: "ks.mean"}, {score: "generation.delivered"}, {score: "generation.calls"}], over: "seed"}
`

// study is an experiment in a folder of its own.
type study struct {
	t    *testing.T
	dir  string
	text string
	env  []string // besides that of every command
}

// newStudy writes an experiment whose model is on a server.
func newStudy(t *testing.T, text string, s *llmtest.Server) *study {
	t.Helper()
	x := &study{t: t, dir: t.TempDir()}
	x.write(strings.ReplaceAll(text, "BASE", s.BaseURL()))
	return x
}

func (x *study) write(text string) {
	x.t.Helper()
	x.text = text
	if err := os.WriteFile(filepath.Join(x.dir, "x.cue"), []byte(text), 0o600); err != nil {
		x.t.Fatal(err)
	}
}

// edit replaces texts of the experiment: old, new, old, new …
func (x *study) edit(pairs ...string) {
	x.t.Helper()
	x.write(edited(x.t, x.text, pairs...))
}

func edited(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("the experiment has no %q", pair[0])
		}
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

// command is the command as a process of its own, in the folder of the study.
func (x *study) command(args ...string) *exec.Cmd {
	cmd := process(x.dir, args...)
	cmd.Env = append(cmd.Env, x.env...)
	return cmd
}

// ended is what a command came to.
type ended struct {
	code      int
	out, errs string
}

func (x *study) exec(args ...string) ended {
	x.t.Helper()
	cmd := x.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		x.t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// exits runs a command that must end with a code.
func (x *study) exits(code int, args ...string) ended {
	x.t.Helper()
	end := x.exec(args...)
	if end.code != code {
		x.t.Fatalf("ehrlab %s: exit %d, want %d\n%s%s", strings.Join(args, " "), end.code, code, tail([]byte(end.out)), end.errs)
	}
	return end
}

// runEnded is the last line of run --json.
type runEnded struct {
	Version     string
	New         bool
	Complete    bool
	Cells       int
	StepsRun    int `json:"steps_run"`
	StepsCached int `json:"steps_cached"`
	Failed      int
	Budget      bool
}

// run runs the experiment to an exit code.
func (x *study) run(code int, args ...string) runEnded {
	x.t.Helper()
	lines := strings.Split(strings.TrimSpace(x.exits(code, append([]string{"run", "--json", "x.cue"}, args...)...).out), "\n")
	var end runEnded
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil {
		x.t.Fatalf("last line %q: %v", lines[len(lines)-1], err)
	}
	return end
}

// usage is a line of llm usage --json.
type usage struct {
	Model, Cell                                                 string
	Sends, Calls, Refused, Retries, Rejected, Orphaned, Damaged int
	InFlight                                                    int      `json:"in_flight"`
	Input                                                       int      `json:"input_tokens"`
	Cached                                                      int      `json:"cached_tokens"`
	Output                                                      int      `json:"output_tokens"`
	Reasoning                                                   int      `json:"reasoning_tokens"`
	Cost                                                        *float64 `json:"cost_usd"`
}

func (x *study) usage(args ...string) []usage {
	x.t.Helper()
	var read struct{ Usage []usage }
	out := x.exits(0, append([]string{"llm", "usage", "--json", "x.cue"}, args...)...).out
	if err := json.Unmarshal([]byte(out), &read); err != nil {
		x.t.Fatalf("%v\n%s", err, out)
	}
	return read.Usage
}

// total is what llm usage says of the only model of a study.
func (x *study) total() usage {
	x.t.Helper()
	lines := x.usage()
	if len(lines) != 1 {
		x.t.Fatalf("llm usage has %d lines, want 1", len(lines))
	}
	return lines[0]
}

// file reads a file of the study.
func (x *study) file(parts ...string) string {
	x.t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{x.dir}, parts...)...))
	if err != nil {
		x.t.Fatal(err)
	}
	return string(b)
}

// counted adds up a count of the accounts of a version, over all cells that ask models.
func (x *study) counted(version, name string) int {
	x.t.Helper()
	lines := strings.Split(strings.TrimSpace(x.file("results", "asked", version, "counts.csv")), "\n")
	column := func(name string) int { return slices.Index(strings.Split(lines[0], ","), name) }
	sum := 0
	for _, line := range lines[1:] {
		fields := strings.Split(line, ",")
		if fields[column("count")] != name {
			continue
		}
		n, err := strconv.Atoi(fields[column("value")])
		if err != nil {
			x.t.Fatalf("%q: %v", line, err)
		}
		sum += n
	}
	return sum
}

// generated returns what every generate step in a cache has made, by its key: its rows, which rows of train it has shown and
// which answers it comes from. When it was answered is left out.
func (x *study) generated() map[cache.Key]string {
	x.t.Helper()
	c, err := cache.Open(filepath.Join(x.dir, ".ehrlab", "cache"), cache.Options{ReadOnly: true})
	if err != nil {
		x.t.Fatal(err)
	}
	defer c.Close()
	made := map[cache.Key]string{}
	for e := range c.Entries() {
		if e.Stage != "generate" {
			continue
		}
		out, _, err := c.Get(e.Key)
		if err != nil {
			x.t.Fatal(err)
		}
		head := int(binary.LittleEndian.Uint32(out)) // as the engine stores it: the length of the facts, the facts, the rows
		var facts struct{ Generated json.RawMessage }
		if err := json.Unmarshal(out[4:4+head], &facts); err != nil {
			x.t.Fatal(err)
		}
		rows, err := frame.ReadParquet(out[4+head:])
		if err != nil {
			x.t.Fatal(err)
		}
		made[e.Key] = rows.Digest() + string(facts.Generated)
	}
	return made
}

// invented returns a function that answers as a model would. Equal requests have equal answers.
func invented(t *testing.T) func(llmtest.Request) string {
	t.Helper()
	limits := wire.Defaults().Limits
	provider, err := simulated.New(simulated.Config{Context: 0, MaxTokens: 1 << 20, Structured: true, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return func(r llmtest.Request) string {
		text, err := invent(provider.(plugins.Server), r)
		if err != nil {
			t.Errorf("the model of the test: %v", err)
		}
		return text
	}
}

// invent passes a request of any format on to the simulated model.
func invent(model plugins.Server, r llmtest.Request) (string, error) {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	body := map[string]any{"model": simulated.Model}
	var messages []message
	for _, m := range r.Messages {
		messages = append(messages, message{m.Role, m.Text})
	}
	body["messages"] = messages
	if r.Schema != nil {
		body["response_format"] = map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "answer", "strict": true, "schema": r.Schema}}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(http.MethodPost, "http://localhost/v1/chat/completions", bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	req.Header.Set(plugins.ReplicateHeader, "0/0/0")
	answer, err := model.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	var read struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(text, &read); err != nil || len(read.Choices) != 1 {
		return "", errors.New(string(text))
	}
	return read.Choices[0].Message.Content, nil
}

// sameResults holds the results of two studies to the same bytes.
func sameResults(t *testing.T, a, b *study, version string) {
	t.Helper()
	sameScores(t, filepath.Join(a.dir, "results", "asked", version), filepath.Join(b.dir, "results", "asked", version))
}

// holding lists the files under a folder that hold a text, also where it is compressed.
func holding(t *testing.T, dir, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(readable(t, b), []byte(text)) {
			name, _ := filepath.Rel(dir, path)
			found = append(found, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// readable returns some bytes and what the zstd frames in them hold.
func readable(t *testing.T, b []byte) []byte {
	t.Helper()
	out := slices.Clone(b)
	magic := []byte{0x28, 0xb5, 0x2f, 0xfd}
	for rest := b; ; rest = rest[1:] {
		at := bytes.Index(rest, magic)
		if at < 0 {
			return out
		}
		rest = rest[at:]
		d, err := zstd.NewReader(bytes.NewReader(rest), zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		held, _ := io.ReadAll(d) // what comes after the frame is none
		d.Close()
		out = append(out, held...)
	}
}
