package engine

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/plant"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
)

// ofVerdicts are the counts of a judge that say what became of the records of a whole lineup.
var ofVerdicts = []string{
	record.CountScored, record.CountUnparsable, record.CountDeclined, record.CountNotAnswered, record.CountAnswersRefused, record.CountAnswersCut,
}

// tellable leaves out, of the counts of a judge of restricted data, those that say what became of the whole lineup where few rows of the
// data share a fate: with what metrics tell of the other records, the counts would tell how many.
func (g *collector) tellable(c *plan.Cell, judge *plan.Step, counts []plugins.Count) ([]plugins.Count, error) {
	if c.Dataset.Governance() != plugins.Restricted {
		return counts, nil
	}
	few := false
	if _, failed := g.res.Failures[judge]; failed {
		few = true // nobody knows what became of which
	} else {
		lineup, err := g.run.store.read(g.ctx, judge.Inputs[0])
		if err != nil {
			return nil, err
		}
		judged, err := g.run.store.read(g.ctx, judge)
		if err != nil {
			return nil, err
		}
		sources := []plugins.Source{plugins.FromReal}
		if c.Generate.Work.(plan.GenerateWork).Info.Hands {
			sources = append(sources, plugins.FromSynthetic)
		}
		few = fewShareAFate(lineup.records(), judged.meta.Judged, sources)
	}
	if !few {
		return counts, nil
	}
	return slices.DeleteFunc(slices.Clone(counts), func(n plugins.Count) bool { return slices.Contains(ofVerdicts, n.Name) }), nil
}

// fewShareAFate reports whether, by the auditor or any opinion that it asked for, some records of one of the sources but fewer than
// plugins.FewestTold have a score, an answer that cannot be read, or none.
func fewShareAFate(records []plant.Record, judged *plugins.Judged, sources []plugins.Source) bool {
	all := [][]plugins.Verdict{judged.Verdicts}
	for _, o := range judged.Opinions {
		all = append(all, o.Verdict)
	}
	for _, verdicts := range all {
		type fate struct {
			source plugins.Source
			status plugins.VerdictStatus
		}
		fates := map[fate]int{}
		for i, v := range verdicts {
			if source := records[i].Source; slices.Contains(sources, source) {
				fates[fate{source, v.Status}]++
			}
		}
		for _, n := range fates {
			if few(n) {
				return true
			}
		}
	}
	return false
}
