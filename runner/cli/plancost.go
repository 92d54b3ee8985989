package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/llm/client"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/responses"
)

// span is an estimate: the least, what is likely, and the most.
type span [3]float64

func (s *span) add(o span) {
	for i := range s {
		s[i] += o[i]
	}
}

// times multiplies spans of calls with one of what each takes.
func (s span) times(o span) span { return span{s[0] * o[0], s[1] * o[1], s[2] * o[2]} }

// askSummary is what the cells that are to run would ask of one model. The least is the first round alone, with the shortest answers
// that are plausible; the most is every round, with every answer as long as it may be.
type askSummary struct {
	Model   string        `json:"model"` // the experiment's name
	Calls   span          `json:"calls"`
	Input   span          `json:"input_tokens"`
	Output  span          `json:"output_tokens"`
	Cost    *span         `json:"cost_usd"` // null where the price is unknown
	Cells   int           `json:"cells"`
	Known   int           `json:"answered"` // calls that the store answers: they cost nothing
	Groups  []groupRows   `json:"groups,omitempty"`
	Refused []contextOver `json:"over_context,omitempty"`
}

// groupRows is the rows that are asked for in one group by some cells of one strategy.
type groupRows struct {
	Strategy string       `json:"strategy"`
	Cells    int          `json:"cells"`
	First    string       `json:"first"` // of these cells
	Groups   []groupCount `json:"groups"`
}

// groupCount is the rows of one group in each of the cells.
type groupCount struct {
	Dims map[string]string `json:"dims"`
	Rows int               `json:"rows"`
}

// contextOver is a request that does not fit into the context of its model.
type contextOver struct {
	Cell    string `json:"cell"`
	Tokens  int    `json:"tokens"`
	Context int    `json:"context"`
}

// asking is what a plan would ask of language models, and what the budget has for it.
type asking struct {
	models []*askSummary // by name
	purses []*purse
	failed []*outlineError // by their first cells

	standIns []standIn // that prompts were counted on; none where the data are there
	untold   string    // why nothing is told of what models would be asked; else empty
}

// outlineError is why it is unknown what some cells would ask.
type outlineError struct {
	cells  int
	first  string // of the cells
	reason string
}

// planAsking estimates what a plan that has keys would ask of language models.
func (a *app) planAsking(ctx context.Context, p *plan.Plan, c *cache.Cache) (*asking, error) {
	m, err := a.openModels(p.Experiment, "", true)
	if m == nil || err != nil {
		return &asking{}, err
	}
	m.invented = len(p.Experiment.StandIns) > 0
	asked, err := a.askingWhatever(ctx, p, c, m)
	return asked, errors.Join(err, m.close())
}

// askingWhatever estimates what a plan would ask, whatever its searches choose.
func (a *app) askingWhatever(ctx context.Context, p *plan.Plan, c *cache.Cache, m *models) (*asking, error) {
	o := &outlines{Outliner: engine.NewOutliner(p, c, a.askingOptions(m)), m: m, known: map[cache.Key]*outlined{}}
	in := plan.Inputs{Registry: a.registry, Hash: c.HashFile, Facts: c.Facts}
	p, err := o.grown(ctx, p, &in)
	if err != nil {
		return nil, err
	}
	may := supposed(p)
	if len(may) == 0 {
		return o.asking(ctx, p, c)
	}
	var all []*asking
	for some := range slices.Chunk(may, runtime.GOMAXPROCS(0)) { // few plans at a time: with many hospitals they are large
		plans := make([]*plan.Plan, len(some))
		if err := parallel.For(ctx, len(some), len(some), func(i int) (err error) {
			supposing := in
			supposing.Suppose = some[i]
			plans[i], err = plan.New(p.Experiment, supposing)
			return err
		}); err != nil {
			return nil, err
		}
		for _, one := range plans {
			o.Take(one)
			asked, err := o.asking(ctx, one, c)
			if err != nil {
				return nil, err
			}
			all = append(all, asked)
		}
	}
	return together(all), nil
}

// outlines are what steps of the plans of an experiment would ask. Of steps that make rows they are worked out once for all plans.
type outlines struct {
	*engine.Outliner
	m     *models
	known map[cache.Key]*outlined
}

// grown is a plan with the cells that wait for the data alone, such as those by hospital, which it makes in memory as far as that takes.
// It adds what these say to the facts that plans grow by.
func (o *outlines) grown(ctx context.Context, p *plan.Plan, in *plan.Inputs) (*plan.Plan, error) {
	made, stored := map[cache.Key]json.RawMessage{}, in.Facts
	in.Facts = func(k cache.Key) (json.RawMessage, bool) {
		if facts, ok := made[k]; ok {
			return facts, true
		}
		return stored(k)
	}
	for {
		before := len(made)
		for _, node := range p.Pending {
			if node.Search != "" {
				continue
			}
			for _, s := range node.Waits {
				if _, known := in.Facts(s.Key); known {
					continue
				}
				if facts, err := o.Facts(ctx, s); err == nil { // else what the cells ask fails alike, and is told
					made[s.Key] = facts
				}
			}
		}
		if err := ctx.Err(); err != nil || len(made) == before {
			return p, err
		}
		var err error
		if p, err = plan.New(p.Experiment, *in); err != nil {
			return nil, err
		}
		o.Take(p)
	}
}

// outlined is what a step would ask.
type outlined struct {
	*plugins.Outline
	seen [][]client.Peeked // the responses that can be looked up, by call
	err  error             // why it is unknown what it would ask
}

// ahead works out what the steps that make rows would ask, several at once. What the judging of records would ask hangs on the steps
// before.
func (o *outlines) ahead(ctx context.Context, p *plan.Plan, c *cache.Cache) error {
	var todo []plan.AskingStep
	for _, asks := range p.Asking() {
		if asks.Step.Stage == plan.StageGenerate && o.known[asks.Step.Key] == nil && !hit(p, c, asks.Step) {
			todo = append(todo, asks)
		}
	}
	found := make([]*outlined, len(todo))
	err := parallel.For(ctx, runtime.GOMAXPROCS(0), len(todo), func(i int) (err error) {
		found[i], err = o.outline(ctx, todo[i])
		return err
	})
	if err != nil {
		return err
	}
	for i, asks := range todo {
		o.known[asks.Step.Key] = found[i]
	}
	return nil
}

// of is what a step would ask.
func (o *outlines) of(ctx context.Context, asks plan.AskingStep) (*outlined, error) {
	if known := o.known[asks.Step.Key]; known != nil {
		return known, nil
	}
	return o.outline(ctx, asks)
}

// outline works out what a step would ask, and which of it is answered.
func (o *outlines) outline(ctx context.Context, asks plan.AskingStep) (*outlined, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &outlined{}
	out.Outline, out.err = o.Requests(ctx, asks.Step)
	if err := ctx.Err(); err != nil || out.err != nil {
		return out, err
	}
	var err error
	if out.seen, err = o.m.lookUp(ctx, asks.Asking, out.Calls); err != nil {
		return nil, fmt.Errorf("cell %s: %w", asks.Cell.ID, err)
	}
	for i := range out.Calls { // the rest is long, and of no more use
		out.Calls[i].Request = plugins.Request{MaxTokens: out.Calls[i].Request.MaxTokens}
	}
	return out, nil
}

// asking estimates what the cells of a plan that are not in the cache would ask.
func (o *outlines) asking(ctx context.Context, p *plan.Plan, c *cache.Cache) (*asking, error) {
	m, by := o.m, map[string]*askSummary{}
	purses := pursesOf(p.Experiment.Budget)
	sent, err := m.sent(p.Experiment.Name)
	if err != nil {
		return nil, err
	}
	answered := map[string]int{} // by step
	for i := range sent {
		answered[sent[i].Step] += sent[i].Answered + sent[i].Refused
	}
	if err := o.ahead(ctx, p, c); err != nil {
		return nil, err
	}
	var failed []*outlineError
	counted := map[string]bool{} // responses that some cell asks for: equal ones are asked for once
	type cellOf struct{ model, cell string }
	cells := map[cellOf]bool{} // several steps of a cell may ask one model
	for _, asks := range p.Asking() {
		cell := asks.Cell
		if hit(p, c, asks.Step) {
			continue
		}
		outline, err := o.of(ctx, asks)
		if err != nil {
			return nil, err
		}
		if outline.err != nil {
			failed = noteFailed(failed, cell.ID, outline.err.Error())
			continue
		}
		kinds := m.missing(asks.Asking, outline, answered[string(asks.Step.Key)], counted)
		need := map[string]*expense{} // by model
		for _, k := range kinds {
			if by[k.call.Model] == nil {
				by[k.call.Model] = &askSummary{Model: k.call.Model, Cost: &span{}}
			}
			s := by[k.call.Model]
			if need[k.call.Model] == nil {
				need[k.call.Model] = &expense{}
				if of := (cellOf{k.call.Model, cell.ID}); !cells[of] {
					cells[of] = true
					s.Cells++
				}
			}
			need[k.call.Model].add(s.add(cell, k, m))
		}
		for model := range need {
			by[model].group(p.Text(cell, "strategy"), cell.ID, outline.Cells)
		}
		purses = purses.need(asks, need)
	}
	purses.spend(m, sent)
	models := slices.SortedFunc(maps.Values(by), func(x, y *askSummary) int { return strings.Compare(x.Model, y.Model) })
	return &asking{models: models, purses: purses, failed: failed}, nil
}

// sent is what was sent before; nothing where the rows are invented, as it is unknown which of what is missing that has answered.
func (m *models) sent(experiment string) ([]responses.Line, error) {
	if m.invented {
		return nil, nil
	}
	return responses.Usage(m.store, experiment)
}

// noteFailed adds a cell to those that fail for the same reason.
func noteFailed(failed []*outlineError, cell, reason string) []*outlineError {
	for _, f := range failed {
		if f.reason == reason {
			f.cells++
			return failed
		}
	}
	return append(failed, &outlineError{cells: 1, first: cell, reason: reason})
}

// kind is a kind of call, with those of it that have no answer yet.
type kind struct {
	call  *plugins.OutlinedCall
	info  plugins.ModelInfo
	asked span
	known int // that are answered
}

// missing looks up which calls of a step are answered. Only those that repeat its first request can be looked up; of the others
// the journal knows how many the step got answers to. counted are the responses that cells before ask for.
func (m *models) missing(asks plan.Asking, outline *outlined, answered int, counted map[string]bool) []*kind {
	open, _ := m.client.Open(asks.Caller)
	_, judging := asks.Step.Work.(plan.JudgeWork)
	kinds := make([]*kind, len(outline.Calls))
	for i := range outline.Calls {
		call := &outline.Calls[i]
		k := &kind{call: call, info: open[call.Model].Info(), asked: span{float64(call.Low), float64(call.Expected), float64(call.High)}}
		kinds[i] = k
		for _, response := range outline.seen[i] {
			switch {
			case response.Stored:
				k.answer()
				answered--
			case counted[response.Key]:
				k.less()
			}
			counted[response.Key] = true
		}
	}
	for _, k := range kinds {
		if judging && !k.call.Likeness {
			continue // every one of them was looked up
		}
		for ; answered > 0 && k.asked[0] > 0; answered-- {
			k.answer()
		}
	}
	return kinds
}

// lookUp looks up the responses to calls that repeat a known request: those of the first round, as others are not known before that is
// answered.
func (m *models) lookUp(ctx context.Context, asks plan.Asking, calls []plugins.OutlinedCall) ([][]client.Peeked, error) {
	seen := make([][]client.Peeked, len(calls))
	err := parallel.For(ctx, runtime.GOMAXPROCS(0), len(calls), func(i int) error {
		call := &calls[i]
		if call.Likeness || call.Low == 0 {
			return nil
		}
		var err error
		seen[i], err = m.client.Peek(ctx, asks.Caller, call.Model, call.Request, call.Low)
		return err
	})
	return seen, err
}

func (k *kind) answer() {
	k.known++
	k.less()
}

// less takes one call from what is asked.
func (k *kind) less() {
	for i := range k.asked {
		k.asked[i] = max(k.asked[i]-1, 0)
	}
}

// add counts the calls of one kind, and returns what they take.
func (s *askSummary) add(cell *plan.Cell, k *kind, m *models) *expense {
	call, asked := k.call, k.asked
	most := cmp.Or(call.Request.MaxTokens, k.info.MaxTokens)
	if k.info.Context > 0 && call.InputHigh+most > k.info.Context {
		s.Refused = append(s.Refused, contextOver{Cell: cell.ID, Tokens: call.InputHigh + most, Context: k.info.Context})
	}
	s.Known += k.known
	input := asked.times(span{float64(call.InputLow), float64(call.InputLow+call.InputHigh) / 2, float64(call.InputHigh)})
	output := asked.times(span{float64(call.OutputLow), float64(call.OutputTokens), float64(max(most, call.OutputTokens))})
	if m.invented {
		input, output = input.times(ofInvented), output.times(span{ofInvented[0], 1, 1}) // no answer is longer than it may be
	}
	s.Calls.add(asked)
	s.Input.add(input)
	s.Output.add(output)
	took := &expense{calls: asked, tokens: input}
	took.tokens.add(output)
	for i := range input {
		usd, known := m.cost(plugins.Usage{Model: k.info.Identity, Simulated: k.info.Simulated, Input: int(input[i]), Output: int(output[i])})
		took.usd[i] = usd
		took.unknown = took.unknown || !known
	}
	if took.unknown {
		s.Cost = nil
	}
	if s.Cost != nil {
		s.Cost.add(took.usd)
	}
	return took
}

// group notes the rows by group and label of one cell. Cells of a strategy that ask for the same ones are told together.
func (s *askSummary) group(strategy, cell string, cells []plugins.OutlinedCell) {
	g := groupRows{Strategy: strategy, Cells: 1, First: cell}
	for _, c := range cells {
		if len(c.Dims) > 0 {
			g.Groups = append(g.Groups, groupCount{c.Dims, c.Rows})
		}
	}
	if len(g.Groups) == 0 {
		return
	}
	for i := range s.Groups {
		if s.Groups[i].Strategy == strategy && reflect.DeepEqual(s.Groups[i].Groups, g.Groups) {
			s.Groups[i].Cells++
			return
		}
	}
	s.Groups = append(s.Groups, g)
}

// printAsking prints the estimates.
func (a *app) printAsking(asked []*askSummary) {
	for _, s := range asked {
		a.printf("\nasks %s for %s: low, expected, high\n", s.Model, plural(s.Cells, "cell"))
		a.printf("  calls          %s\n", s.Calls.text(0))
		if s.Known > 0 {
			a.printf("                 %s answered already: they cost nothing\n", plural(s.Known, "further call"))
		}
		a.printf("  input tokens   %s\n", s.Input.text(0))
		a.printf("  output tokens  %s\n", s.Output.text(0))
		if s.Cost == nil {
			a.printf("  cost           unknown: give llms.%s a price\n", s.Model)
		} else {
			a.printf("  cost, USD      %s\n", s.Cost.text(2))
		}
		for _, g := range s.Groups {
			if g.Cells == 1 {
				a.printf("  %s asks for\n", g.First)
			} else {
				a.printf("  %s and %s like it ask each for\n", g.First, plural(g.Cells-1, "cell"))
			}
			for _, c := range g.Groups {
				a.printf("    %s with %s\n", plural(c.Rows, "row"), axesText(c.Dims))
			}
		}
	}
}

// text writes the three numbers, with thousands separators.
func (s span) text(digits int) string {
	parts := make([]string, len(s))
	for i, x := range s {
		parts[i] = humanize.CommafWithDigits(x, digits)
	}
	return strings.Join(parts, ", ")
}
