package plugintest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// answerer is a language model that fills the schema of a prompt with what else the prompt tells: levels, quantiles, cells of
// examples. Equal requests of one seed have equal answers, and any change of a request another one.
type answerer struct {
	seed uint64

	mu   sync.Mutex
	seen []plugins.Request
}

// Info describes a model in process.
func (*answerer) Info() plugins.ModelInfo {
	return plugins.ModelInfo{Identity: plugins.Identity{API: "test", Model: "answerer"}, Family: "test", Structured: true, InProcess: true}
}

// Complete answers with as many rows as are asked for.
func (a *answerer) Complete(ctx context.Context, r plugins.Request) (*plugins.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.seen = append(a.seen, r)
	a.mu.Unlock()
	blocks, err := prompt.Find(r.Messages)
	if err != nil {
		return nil, &plugins.LLMError{Fault: plugins.FaultRequest, Message: err.Error()}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewChaCha8(sha256.Sum256(binary.LittleEndian.AppendUint64(text, a.seed))))
	for range rand.IntN(4) { // answers come in another order each time
		runtime.Gosched()
	}
	return &plugins.Response{Text: fill(rng, blocks), Stop: plugins.StopEnd, Model: "answerer"}, nil
}

// fill writes the reply that the schema of a prompt asks for.
func fill(rng *rand.Rand, b prompt.Blocks) string {
	table := prompt.Table{Names: b.Schema.Names()}
	for row := range b.Schema.Rows {
		var cells []string
		if b.Schema.Key != "" {
			cells = append(cells, b.Table.Rows[row][b.Table.Column(b.Schema.Key)])
		}
		for _, c := range b.Schema.Columns {
			cells = append(cells, value(rng, c, b))
		}
		table.Rows = append(table.Rows, cells)
	}
	if b.Schema.Format == prompt.CSV {
		return table.CSV()
	}
	return objects(&table, b.Schema)
}

// objects is a table as JSON has it.
func objects(t *prompt.Table, s *prompt.Schema) string {
	numbers := map[string]bool{s.Key: true}
	for _, c := range s.Columns {
		numbers[c.Name] = c.IsNumber()
	}
	records := make([]map[string]any, len(t.Rows))
	for i, row := range t.Rows {
		records[i] = map[string]any{}
		for j, name := range t.Names {
			v, err := strconv.ParseFloat(row[j], 64)
			switch {
			case row[j] == "":
				records[i][name] = nil
			case numbers[name] && err == nil:
				records[i][name] = v
			default:
				records[i][name] = row[j]
			}
		}
	}
	text, err := json.Marshal(map[string]any{"records": records})
	if err != nil {
		panic(err) // texts and finite numbers
	}
	return string(text)
}

// value makes up a value by the first thing that the prompt tells of it.
func value(rng *rand.Rand, c prompt.Column, b prompt.Blocks) string {
	if c.Value != nil {
		return *c.Value
	}
	if len(c.Levels) > 0 {
		return c.Levels[rng.IntN(len(c.Levels))]
	}
	var told *prompt.Aggregate
	if b.Aggregates != nil {
		told = b.Aggregates.Column(c.Name)
	}
	low, high := c.Min, c.Max
	if told != nil && len(told.Levels) > 0 {
		return told.Levels[rng.IntN(len(told.Levels))].Level
	}
	if told != nil && told.P5 != nil && told.P95 != nil {
		low, high = told.P5, told.P95
	}
	if low != nil && high != nil {
		v := *low + rng.Float64()*(*high-*low)
		if c.Type == prompt.Integer {
			v = math.Round(v)
		}
		return prompt.Number(v)
	}
	if b.Examples != nil {
		if at := b.Examples.Column(c.Name); at >= 0 {
			return b.Examples.Rows[rng.IntN(len(b.Examples.Rows))][at]
		}
	}
	return strconv.Itoa(rng.IntN(2))
}

// asks gives an environment the models that a strategy asks.
func asks(s plugins.Strategy, e plugins.Env, seed uint64) (plugins.Env, *answerer) {
	a := &answerer{seed: seed}
	p, ok := s.(plugins.Prompting)
	if !ok {
		return e, nil
	}
	e.LLM = map[string]plugins.LLM{}
	for _, name := range p.Models() {
		e.LLM[name] = a
	}
	return e, a
}

// prompting checks what a strategy promises that asks language models, given what it asked for a task and what it made of the answers.
func prompting(t *testing.T, p plugins.Prompting, info plugins.Info, e plugins.Env, task plugins.Task, asked *answerer, g *plugins.Generated) {
	t.Helper()
	if !info.Remote {
		t.Error("asks models, and Info.Remote is not set: it would keep a thread waiting")
	}
	if len(p.Models()) == 0 {
		t.Error("names no model that it asks")
	}
	if len(asked.seen) == 0 {
		t.Error("asks nothing")
	}
	said := map[string]bool{} // the messages of requests
	told := map[string]bool{} // requests with their ordinal
	for _, r := range asked.seen {
		if r.Reveals == "" || r.Reveals.Beyond(p.Reveals()) {
			t.Errorf("a request tells %q, and Reveals says %q", r.Reveals, p.Reveals())
		}
		id := digest(t, r)
		if told[id] {
			t.Errorf("two requests are equal, and so is their ordinal, %d", r.Ordinal)
		}
		told[id], said[digest(t, r.Messages)] = true, true
	}
	checkExposed(t, g.Exposed, task.Parts.Get(plugins.Train).Frame.Rows())
	checkStrata(t, g.Strata, task.N)
	out, err := p.Outline(context.Background(), e, task)
	if err != nil {
		t.Fatalf("outline: %v", err)
	}
	if again, err := p.Outline(context.Background(), e, task); err != nil || digest(t, out) != digest(t, again) {
		t.Errorf("a second outline is another (error: %v)", err)
	}
	checkOutline(t, p, out, said, len(asked.seen), task.N)
	stops(t, func(ctx context.Context) error {
		_, err := p.Outline(ctx, e, task)
		return err
	})
}

func checkExposed(t *testing.T, exposed []int, train int) {
	t.Helper()
	if exposed == nil {
		return // all of train
	}
	if !slices.IsSorted(exposed) || len(slices.Compact(slices.Clone(exposed))) != len(exposed) {
		t.Error("the rows exposed are not sorted, or one is there twice")
	}
	if n := len(exposed); n > 0 && (exposed[0] < 0 || exposed[n-1] >= train) {
		t.Errorf("a row is exposed that is not among the %d of train", train)
	}
}

func checkStrata(t *testing.T, s *plugins.Strata, n int) {
	t.Helper()
	if s == nil {
		return
	}
	if s.Name == "" || len(s.Codes) != n || len(s.Shares) != len(s.Levels) {
		t.Errorf("strata %q: %d codes for %d rows, %d shares of %d levels", s.Name, len(s.Codes), n, len(s.Shares), len(s.Levels))
	}
	sum := 0.0
	for _, share := range s.Shares {
		sum += share
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("the shares of strata sum to %v", sum)
	}
	for _, c := range s.Codes {
		if c < 0 || int(c) >= len(s.Levels) {
			t.Fatalf("code %d of %d strata", c, len(s.Levels))
		}
	}
}

// checkOutline compares what was foretold with what was asked.
func checkOutline(t *testing.T, p plugins.Prompting, out *plugins.Outline, said map[string]bool, asked, n int) {
	t.Helper()
	low, high, first := 0, 0, false
	for _, c := range out.Calls {
		low, high = low+c.Low, high+c.High
		if c.Low < 1 || c.Expected < c.Low || c.High < c.Expected || c.InputLow < 1 || c.InputHigh < c.InputLow ||
			c.OutputLow < 1 || c.OutputTokens < c.OutputLow || c.Label == "" {
			t.Errorf("outlined: %d, %d, %d calls labelled %q, with %d to %d tokens of input and %d or %d of output",
				c.Low, c.Expected, c.High, c.Label, c.InputLow, c.InputHigh, c.OutputLow, c.OutputTokens)
		}
		if !slices.Contains(p.Models(), c.Model) {
			t.Errorf("outlines calls of %q, which it does not ask", c.Model)
		}
		first = first || said[digest(t, c.Request.Messages)]
	}
	if !first {
		t.Error("no outlined request is one that is asked")
	}
	if asked < low || asked > high {
		t.Errorf("%d requests; %d to %d were outlined", asked, low, high)
	}
	rows := 0
	for _, c := range out.Cells {
		rows += c.Rows
	}
	if rows != n {
		t.Errorf("the cells outlined have %d rows, want %d", rows, n)
	}
}
