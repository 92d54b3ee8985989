package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
)

// generationScores lists scores that the runner records itself, as a manifest has them.
func generationScores(metric string, scores []plugins.ScoreInfo) []record.ScoreInfo {
	var out []record.ScoreInfo
	for _, s := range scores {
		out = append(out, record.ScoreInfo{
			Metric: metric, Name: s.Name, Summary: s.Summary, Better: s.Better, Count: s.Count, Min: bounded(s.Min), Max: bounded(s.Max),
			NoInterval: s.NoInterval,
		})
	}
	return out
}

// shadows adds what the shadow models of a cell took of language models.
func (g *collector) shadows(c *plan.Cell) error {
	for _, shadow := range c.ShadowCells() {
		if f, failed := g.res.Failures[shadow.Generate]; failed {
			if f.Root == shadow.Generate {
				g.tally(shadow.Generate, c.Models, f.Usage, answers(f.Usage))
			}
			continue
		}
		f, err := g.facts(shadow.Generate)
		if err != nil {
			return err
		}
		if len(f.Usage) == 0 {
			continue
		}
		a, err := g.run.store.read(g.ctx, shadow.Generate)
		if err != nil {
			return err
		}
		g.tally(shadow.Generate, c.Models, f.Usage, a.meta.Generated.Responses)
	}
	return nil
}

// generated adds the counts, notes and scores of the rows of a cell, and returns what its other scores are to be warned of.
func (g *collector) generated(c *plan.Cell) (warnings []string, err error) {
	if f, failed := g.res.Failures[c.Generate]; failed {
		g.failed(c, f)
		return nil, nil
	}
	f, err := g.facts(c.Generate)
	if err != nil {
		return nil, err
	}
	g.counts(c, plan.StageGenerate, f.Counts)
	if f.Dependent != "" {
		g.dependent(c, f.Dependent)
	}
	for _, n := range f.Notes {
		if c.Dataset.Governance() == plugins.Restricted {
			n, _, _ = strings.Cut(n, labelMoves)
		}
		g.note(c, c.Dataset.Dataset.Name+": "+g.plan.Text(c, "strategy")+": "+n)
	}
	if len(f.Usage) > 0 {
		a, err := g.run.store.read(g.ctx, c.Generate)
		if err != nil {
			return nil, err
		}
		g.tally(c.Generate, c.Models, f.Usage, a.meta.Generated.Responses)
	}
	warnings = g.asked(c, f.Usage)
	for _, s := range g.rowScores(c, f.Label) {
		g.generationScore(c, s)
	}
	if c.Models != nil {
		usage, rows, err := g.made(c, f.Usage, f.Label.Rows)
		if err != nil {
			return nil, err
		}
		for _, s := range g.callScores(usage, rows) {
			g.generationScore(c, s)
		}
	}
	return warnings, nil
}

// dependent lists a cell whose rows are not independent of those of other seeds, by what is said of that.
func (g *collector) dependent(c *plan.Cell, why string) {
	all := g.core.Manifest.Dependent
	at := slices.IndexFunc(all, func(d record.Dependent) bool { return d.Why == why })
	if at < 0 {
		at, all = len(all), append(all, record.Dependent{Why: why})
	}
	all[at].Cells = append(all[at].Cells, c.ID)
	g.core.Manifest.Dependent = all
}

func (g *collector) generationScore(c *plan.Cell, s plugins.Score) {
	g.core.Scores = append(g.core.Scores, record.Score{Cell: c.ID, Metric: plugins.GenerationMetric, Score: s})
}

// failed adds the account and the scores of a cell whose rows could not be made. Those of a cell that had answers until its own generate
// step failed keep what these came to, and that no row was delivered, each with a warning: a mean over replicates that left them out would
// be one of the survivors. Of a cell that had no answer nothing is known: its scores failed.
func (g *collector) failed(c *plan.Cell, f *Failure) {
	var usage []plugins.Usage
	if f.Root == c.Generate {
		g.counts(c, plan.StageGenerate, f.Counts)
		usage = f.Usage
	}
	g.asked(c, usage)
	g.tally(c.Generate, c.Models, usage, answers(usage))
	if c.Models == nil || !slices.ContainsFunc(usage, func(u plugins.Usage) bool { return u.Calls > 0 }) {
		g.withoutRows(c, plugins.Failed, failureText(f))
		return
	}
	known := append(g.callScores(usage, 0),
		plugins.Score{Name: plugins.ScoreRequested, Value: float64(c.Generate.Recipe.N), Status: plugins.OK},
		plugins.Score{Name: plugins.ScoreDelivered, Status: plugins.OK})
	for _, info := range plugins.GenerationScores() {
		at := slices.IndexFunc(known, func(s plugins.Score) bool { return s.Name == info.Name })
		s := plugins.Score{Name: info.Name, Status: plugins.Failed, Reason: failureText(f)}
		if at >= 0 {
			s = known[at]
		}
		if s.Status == plugins.OK && s.Name != plugins.ScoreRequested {
			s.Warnings = []string{"the cell failed: this is what it came to until then"}
		}
		g.generationScore(c, s)
	}
}

// ofCalls are the scores that only cells have whose strategy asks models.
var ofCalls = []string{plugins.ScoreCalls, plugins.ScoreInputTokens, plugins.ScoreOutputTokens, plugins.ScoreCost, plugins.ScoreCostPerRow}

// withoutRows adds the scores of a cell that has no rows.
func (g *collector) withoutRows(c *plan.Cell, status plugins.Status, why string) {
	for _, s := range plugins.GenerationScores() {
		if c.Models != nil || !slices.Contains(ofCalls, s.Name) {
			g.generationScore(c, plugins.Score{Name: s.Name, Status: status, Reason: why})
		}
	}
}

// rowScores are those of the rows and their label.
func (g *collector) rowScores(c *plan.Cell, l *LabelFacts) []plugins.Score {
	score := func(name string, value float64, of int) plugins.Score {
		return plugins.Score{Name: name, Value: value, N: of, Status: plugins.OK}
	}
	events := score(plugins.ScoreEvents, float64(l.Events), l.Rows)
	prevalence := score(plugins.ScorePrevalence, 0, l.Labelled)
	classes := score(plugins.ScoreClasses, float64(l.Classes), l.Rows)
	switch {
	case l.None:
		why := "events have no label"
		for _, s := range []*plugins.Score{&prevalence, &events, &classes} {
			s.Status, s.Reason, s.Value, s.N = plugins.Undefined, why, 0, 0
		}
	case !l.Binary:
		why := fmt.Sprintf("the label %q has not two classes in the data", c.Dataset.Target)
		events.Status, events.Reason, prevalence.Status, prevalence.Reason = plugins.Undefined, why, plugins.Undefined, why
	case c.Models == nil && c.Dataset.Governance() == plugins.Restricted && (few(l.Events) || few(l.Labelled-l.Events)):
		// the rows may be real ones, as those of a holdout are
		why := fmt.Sprintf("fewer than %d rows have the event, or lack it, which is not told of restricted data", plugins.FewestTold)
		events.Status, events.Reason, prevalence.Status, prevalence.Reason = plugins.Undefined, why, plugins.Undefined, why
	case l.Labelled == 0:
		prevalence.Status, prevalence.Reason = plugins.Undefined, "no synthetic row has a label"
	default:
		prevalence.Value = float64(l.Events) / float64(l.Labelled)
	}
	return []plugins.Score{
		prevalence, events, classes,
		score(plugins.ScoreRequested, float64(c.Generate.Recipe.N), l.Rows), score(plugins.ScoreDelivered, float64(l.Rows), l.Rows),
	}
}

// callScores are those of the answers that so many rows come from.
func (g *collector) callScores(usage []plugins.Usage, rows int) []plugins.Score {
	calls, input, output, usd, unknown := 0, 0, 0, 0.0, ""
	for _, u := range usage {
		calls += u.Calls
		input += u.Input
		output += u.Output
		if cost, known := g.cost(u); known {
			usd += cost
		} else if unknown == "" {
			unknown = u.Model.Model
		}
	}
	score := func(name string, value float64) plugins.Score {
		return plugins.Score{Name: name, Value: value, N: calls, Status: plugins.OK}
	}
	cost, perRow := score(plugins.ScoreCost, usd), score(plugins.ScoreCostPerRow, 0)
	switch {
	case unknown != "":
		why := "no price known for " + unknown
		cost.Status, cost.Reason, perRow.Status, perRow.Reason = plugins.Undefined, why, plugins.Undefined, why
	case rows == 0:
		perRow.Status, perRow.Reason = plugins.Undefined, "no row was delivered"
	default:
		perRow.Value = usd / float64(rows)
	}
	return []plugins.Score{
		score(plugins.ScoreCalls, float64(calls)), score(plugins.ScoreInputTokens, float64(input)), score(plugins.ScoreOutputTokens, float64(output)),
		cost, perRow,
	}
}

func (g *collector) cost(u plugins.Usage) (float64, bool) {
	if g.run.opt.Cost == nil {
		return 0, false
	}
	return g.run.opt.Cost(u)
}

// asked counts the answers of each model that makes the rows of a cell, and returns what is to be said of those that served them.
func (g *collector) asked(c *plan.Cell, usage []plugins.Usage) (warnings []string) {
	counts, warnings := answered(nil, c.Models, usage)
	g.counts(c, plan.StageGenerate, counts)
	return warnings
}

// answered adds to counts those of the answers of each model that a step asks, and returns what is to be said of those that served them.
func answered(counts []plugins.Count, models []plan.Model, usage []plugins.Usage) (_ []plugins.Count, warnings []string) {
	for _, m := range models {
		u := usageOf(m, usage)
		for _, n := range []struct {
			name  string
			value int
		}{
			{record.CountAnswers, u.Calls},
			{record.CountAnswersRefused, u.Refused},
			{record.CountAnswersCut, u.Truncated},
			{record.CountTokensIn, u.Input},
			{record.CountTokensOut, u.Output},
		} {
			counts = append(counts, plugins.Count{Name: n.name, Dims: map[string]string{record.ModelDim: m.Name}, Value: n.value})
		}
		if len(u.Served) > 1 {
			warnings = append(warnings, fmt.Sprintf("llm %q was served by several models: %s", m.Name, strings.Join(u.Served, ", ")))
		}
	}
	return counts, warnings
}

// usageOf is what the answers of a model came to; none where it gave none.
func usageOf(m plan.Model, usage []plugins.Usage) plugins.Usage {
	for _, u := range usage {
		if same(u.Model, m.Identity) {
			return u
		}
	}
	return plugins.Usage{}
}

func same(a, b plugins.Identity) bool { return identityKey(a) == identityKey(b) }

func identityKey(i plugins.Identity) string {
	b, err := json.Marshal(i)
	if err != nil { // settings that are no JSON are like no others
		return fmt.Sprintf("%+v", i)
	}
	return string(b)
}

// modelLedger adds up the usage of the models of all cells.
type modelLedger struct {
	order   []*ledgerEntry
	entry   map[string]*ledgerEntry // by name and identity
	counted map[countedStep]bool
}

// countedStep is a model by the name that a cell has for it, in a step that cells may share.
type countedStep struct {
	step *plan.Step
	key  string
}

type ledgerEntry struct {
	record.ModelInfo
	responses map[string]bool
	unpriced  bool // the price of some of it is unknown
}

func newModelLedger() *modelLedger {
	return &modelLedger{entry: map[string]*ledgerEntry{}, counted: map[countedStep]bool{}}
}

// answers are the keys of the answers of each usage.
func answers(usage []plugins.Usage) [][]string {
	out := make([][]string, len(usage))
	for i, u := range usage {
		out[i] = u.Responses
	}
	return out
}

// tally adds the usage of a step to that of the models that it asks, once for each step and name of a model. responses are the keys
// of the answers of each usage.
func (g *collector) tally(s *plan.Step, models []plan.Model, usage []plugins.Usage, responses [][]string) {
	l := g.models
	for _, m := range models {
		key := m.Name + "\x00" + identityKey(m.Identity)
		at := slices.IndexFunc(usage, func(u plugins.Usage) bool { return same(u.Model, m.Identity) })
		if at < 0 || l.counted[countedStep{s, key}] { // it was not needed, or another cell shares the step
			continue
		}
		l.counted[countedStep{s, key}] = true
		u := &usage[at]
		e := l.entry[key]
		if e == nil {
			e = &ledgerEntry{responses: map[string]bool{}, ModelInfo: record.ModelInfo{
				Name: m.Name, Identity: m.Identity, Family: u.Family, Simulated: u.Simulated, First: u.First, Last: u.Last,
			}}
			l.entry[key] = e
			l.order = append(l.order, e)
		}
		e.add(u, responses[at])
		if usd, known := g.cost(*u); known && !e.unpriced {
			usd += deref(e.USD)
			e.USD = &usd
		} else {
			e.USD, e.unpriced = nil, true
		}
		g.core.Manifest.Simulated = g.core.Manifest.Simulated || u.Simulated
	}
}

func deref(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}

func (e *ledgerEntry) add(u *plugins.Usage, responses []string) {
	e.Steps++
	e.Calls += u.Calls
	e.Refused += u.Refused
	e.Truncated += u.Truncated
	e.Input += u.Input
	e.Cached += u.Cached
	e.Output += u.Output
	e.Reasoning += u.Reasoning
	e.Served, e.Fingerprints = union(e.Served, u.Served), union(e.Fingerprints, u.Fingerprints)
	if u.First.Before(e.First) {
		e.First = u.First
	}
	if u.Last.After(e.Last) {
		e.Last = u.Last
	}
	for _, r := range responses {
		e.responses[r] = true
	}
	e.Distinct = len(e.responses)
}

// union returns the texts of both lists, sorted.
func union(a, b []string) []string {
	set := map[string]bool{}
	for _, s := range slices.Concat(a, b) {
		set[s] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// entries are the models in the order of the cells.
func (l *modelLedger) entries() []record.ModelInfo {
	var out []record.ModelInfo
	for _, e := range l.order {
		out = append(out, e.ModelInfo)
	}
	return out
}
