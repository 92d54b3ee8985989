package engine

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
)

// audited adds the counts, notes and scores of the audit of a cell, and returns what its other scores are to be warned of. The rows
// of an arm beside an audit were judged by nobody: what was judged is told with the audited ones.
func (g *collector) audited(c *plan.Cell) (warnings []string, err error) {
	if c.Audit.Arm != "" {
		return nil, g.tell(c, c.Audit.Decide, c.Audit.Audit.Name, 0)
	}
	for i, round := range c.Audit.Rounds {
		if i > 0 {
			if err := g.refilled(c, round.Generate, i); err != nil {
				return nil, err
			}
		}
		for k, auditor := range c.Audit.Auditors {
			if err := g.tell(c, round.Lineups[k], auditor.Audit.Name, i); err != nil {
				return nil, err
			}
			if err := g.tell(c, round.Judges[k], auditor.Audit.Name, i); err != nil {
				return nil, err
			}
		}
	}
	if err := g.tell(c, c.Audit.Decide, c.Audit.Audit.Name, 0); err != nil {
		return nil, err
	}
	for k, auditor := range c.Audit.Auditors {
		if auditor.Models == nil {
			continue
		}
		w, err := g.judging(c, auditor, func(r plan.Round) *plan.Step { return r.Judges[k] })
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, w...)
	}
	return warnings, nil
}

// tell adds the counts and notes of a step of a round of an audit.
func (g *collector) tell(c *plan.Cell, s *plan.Step, audit string, round int) error {
	f, err := g.facts(s)
	if err != nil {
		return err
	}
	if failure, failed := g.res.Failures[s]; failed && failure.Root == s {
		f.Counts = failure.Counts
	}
	counts := slices.Clone(f.Counts) // those of a failure are of all cells that share the step
	for i := range counts {
		counts[i].Dims = withDim(counts[i].Dims, plugins.AuditDim, audit)
	}
	if s.Stage == plan.StageJudge {
		if counts, err = g.tellable(c, s, counts); err != nil {
			return err
		}
	}
	ofRound(counts, round)
	g.counts(c, s.Stage, counts)
	for _, n := range f.Notes {
		g.note(c, c.Dataset.Dataset.Name+": audit "+audit+": "+n)
	}
	return nil
}

// refilled adds the counts and the usage of rows that were made in the place of those dropped before.
func (g *collector) refilled(c *plan.Cell, s *plan.Step, round int) error {
	usage, responses, counts, err := g.usage(s)
	if err != nil {
		return err
	}
	counts, _ = answered(counts, c.Models, usage)
	ofRound(counts, round)
	g.counts(c, plan.StageGenerate, counts)
	g.tally(s, c.Models, usage, responses)
	return nil
}

// ofRound gives counts of a round after the first its number, from 2.
func ofRound(counts []plugins.Count, round int) {
	for i := range counts {
		if round > 0 {
			counts[i].Dims = withDim(counts[i].Dims, "round", fmt.Sprint(round+1))
		}
	}
}

// made adds up what all rounds of a cell took of the models that make rows, and the rows that they came to. What the first took is given.
func (g *collector) made(c *plan.Cell, usage []plugins.Usage, rows int) ([]plugins.Usage, int, error) {
	if c.Audit == nil || c.Audit.Arm != "" {
		return usage, rows, nil
	}
	for _, round := range c.Audit.Rounds[1:] {
		more, _, _, err := g.usage(round.Generate)
		if err != nil {
			return nil, 0, err
		}
		f, err := g.facts(round.Generate)
		if err != nil {
			return nil, 0, err
		}
		usage = slices.Concat(usage, more)
		if f.Label != nil {
			rows += f.Label.Rows
		}
	}
	return usage, rows, nil
}

// usage is what a step took of language models, with the keys of the answers, and its account of rows; of one that failed, until then.
func (g *collector) usage(s *plan.Step) (usage []plugins.Usage, responses [][]string, counts []plugins.Count, err error) {
	if f, failed := g.res.Failures[s]; failed {
		if f.Root == s {
			return f.Usage, answers(f.Usage), f.Counts, nil
		}
		return nil, nil, nil, nil
	}
	f, err := g.facts(s)
	if err != nil || len(f.Usage) == 0 {
		return nil, nil, f.Counts, err
	}
	a, err := g.run.store.read(g.ctx, s)
	if err != nil {
		return nil, nil, nil, err
	}
	return f.Usage, a.meta.Generated.Responses, f.Counts, nil
}

// judging adds the scores of what one auditor took of its models in all rounds of a cell.
func (g *collector) judging(c *plan.Cell, auditor plan.Auditor, of func(plan.Round) *plan.Step) (warnings []string, err error) {
	var all []plugins.Usage
	records, failure := 0, (*Failure)(nil)
	for i, round := range c.Audit.Rounds {
		s := of(round)
		usage, responses, _, err := g.usage(s)
		if err != nil {
			return nil, err
		}
		all = append(all, usage...)
		g.tally(s, auditor.Models, usage, responses)
		counts, served := answered(nil, auditor.Models, usage)
		for k := range counts {
			counts[k].Dims = withDim(counts[k].Dims, plugins.AuditDim, auditor.Audit.Name)
		}
		if counts, err = g.tellable(c, s, counts); err != nil {
			return nil, err
		}
		ofRound(counts, i)
		g.counts(c, plan.StageJudge, counts)
		for _, w := range served {
			if !slices.Contains(warnings, w) {
				warnings = append(warnings, w)
			}
		}
		if f, failed := g.res.Failures[s]; failed {
			failure = f
			continue
		}
		lineup, err := g.facts(s)
		if err != nil {
			return nil, err
		}
		records += lineup.Records
	}
	scores := append(g.callScores(all, records), g.costsOfJudges(auditor, all)...)
	for i := range scores {
		s := &scores[i]
		if s.Name == plugins.ScoreCostPerRow {
			s.Name = plugins.ScoreCostPerRecord
		}
		s.Dims = withDim(s.Dims, plugins.AuditDim, auditor.Audit.Name)
		switch {
		case failure != nil && len(all) == 0:
			s.Status, s.Reason, s.Value = plugins.Failed, failureText(failure), 0
		case failure != nil && s.Status == plugins.OK:
			s.Warnings = []string{"the cell failed: this is what it came to until then"}
		}
		g.core.Scores = append(g.core.Scores, record.Score{Cell: c.ID, Metric: plugins.JudgingMetric, Score: *s})
	}
	return warnings, nil
}

// costsOfJudges are what the answers of each model of an auditor cost.
func (g *collector) costsOfJudges(auditor plan.Auditor, all []plugins.Usage) []plugins.Score {
	var out []plugins.Score
	for _, m := range auditor.Models {
		own := slices.DeleteFunc(slices.Clone(all), func(u plugins.Usage) bool { return !same(u.Model, m.Identity) })
		for _, s := range g.callScores(own, 0) {
			if s.Name == plugins.ScoreCost {
				s.Name, s.Dims = plugins.ScoreCostOfJudge, map[string]string{plugins.JudgeDim: m.Name}
				out = append(out, s)
			}
		}
	}
	return out
}

// note adds a note of a cell, once.
func (g *collector) note(c *plan.Cell, text string) {
	all := g.core.Manifest.CellNotes
	at, known := g.noted[text]
	if !known {
		at = len(all)
		g.noted[text], all = at, append(all, record.CellNote{Text: text})
	}
	if of := &all[at]; len(of.Cells) == 0 || of.Cells[len(of.Cells)-1] != c.ID {
		of.Cells = append(of.Cells, c.ID)
	}
	g.core.Manifest.CellNotes = all
}
