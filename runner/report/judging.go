package report

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// judgingTable is the name of the table that every version has whose audits ask language models.
const judgingTable = "judging"

const judgingTitle = "What judges were asked, and what became of it"

// unscored are judgements without a score, and cost is what the answers of a judge cost.
const (
	unscored = "judgements without a score"
	cost     = plugins.JudgingMetric + "." + plugins.ScoreCostOfJudge
)

// judgingColumns are the sums of the table with their titles, the cost aside.
var judgingColumns = []struct{ count, title string }{
	{record.CountJudgements, "judgements"},
	{record.CountScored, "scored"},
	{unscored, "no score"},
	{record.CountUnparsable, "unparsable"},
	{record.CountDeclined, "refused"},
	{record.CountAnswers, "calls"},
	{record.CountAnswersRefused, "calls refused"},
	{record.CountAnswersCut, "truncated"},
	{record.CountTokensIn, "tokens in"},
	{record.CountTokensOut, "tokens out"},
}

const judgingWords = "A judgement is one answer on one record: judgements = records × repeats = scored + no score. No score: unparsable, " +
	"refused, and not answered. Calls are answers, refusals and those asked for again among them; truncated ones end at the cap on tokens. " +
	"USD: price of the answers, whichever run and cell paid for them."

// judgement is a line of the table: a judge of an auditor, and the cells with one value for each of its axes.
type judgement struct {
	account
	secret bool            // of restricted data, whose small counts are withheld
	gaps   map[string]bool // sums that lack a count of some cell
	costs  []hit
}

// fillJudgements fills a declared table of what judges were asked.
func (src *source) fillJudgements(t *Table, declared *spec.Table) error {
	made := src.judging(declared.Where)
	if made == nil {
		return errors.New("no audit of a cell of this table asks a language model")
	}
	t.become(made)
	return nil
}

// judging is the table of what judges were asked and what became of it, summed over replicates and repeats, of the selected cells; nil
// where no audit of them asks a model.
func (src *source) judging(where map[string][]spec.Value) *Table {
	cells := src.asking(src.judges, where)
	if len(cells) == 0 {
		return nil
	}
	axes := src.accountingAxes(cells)
	t := &Table{
		Name: judgingTable, Title: judgingTitle, Label: src.label(&spec.Table{Name: judgingTable}),
		Rows: append([]string{plugins.JudgeDim, plugins.AuditDim}, axes...), Banner: src.banner(cells),
	}
	t.Columns = append(t.Columns, Column{Score: "cells", Title: "cells", Better: plugins.Neutral, count: true})
	for _, c := range judgingColumns {
		t.Columns = append(t.Columns, Column{Score: c.count, Title: c.title, Better: plugins.Neutral, count: true})
	}
	t.Columns = append(t.Columns, Column{Score: cost, Title: "USD", Better: plugins.Neutral, Digits: 3, Format: significantFormat})
	for _, j := range src.judgements(cells, axes) {
		t.Lines = append(t.Lines, j.line(t.Columns))
	}
	t.number()
	t.Remarks = []string{src.accountingRemark(), judgingWords}
	if slices.Contains(axes, "audit") || len(axes) > 2 {
		t.Remarks = append(t.Remarks, "Judgements of the same records that stand in several lines of a judge, as with several audits or thresholds, were asked for once.")
	}
	t.Sources = src.sources(t, cells)
	return t
}

// judged tells judges of cells apart; round is that of an audit that makes rows again.
type judged struct{ cell, auditor, judge, round string }

// whole is the judge of all rounds.
func (j judged) whole() judged {
	j.round = ""
	return j
}

// judgedBy is what a count of judges is of.
func judgedBy(c *record.Count) judged {
	return judged{c.Cell, c.Dims[plugins.AuditDim], c.Dims[plugins.JudgeDim] + c.Dims[record.ModelDim], c.Dims["round"]}
}

// judgements gathers the lines, in the order in which cells have judges.
func (src *source) judgements(cells []int, axes []string) []*judgement {
	wanted := map[string]bool{}
	for _, i := range cells {
		wanted[src.core.Cells[i].ID] = true
	}
	var lines []*judgement
	byKey, of := map[string]*judgement{}, map[judged]*judgement{}
	for i := range src.core.Counts {
		c := &src.core.Counts[i]
		at := judgedBy(c).whole()
		if !wanted[c.Cell] || !c.Judges() || c.Name != record.CountAnswers || of[at] != nil {
			continue
		}
		cell := &src.core.Cells[src.cells[c.Cell]]
		labels := []string{at.judge, at.auditor}
		for _, axis := range axes {
			labels = append(labels, cell.Axes[axis])
		}
		j := byKey[keyOf(labels)]
		if j == nil {
			j = &judgement{account: *newAccount(labels), gaps: map[string]bool{}}
			byKey[keyOf(labels)] = j
			lines = append(lines, j)
		}
		of[at] = j
		j.cells++
		if cell.Status == record.CellFailed && cell.Stage != "measure" {
			j.failed++
		}
		j.secret = j.secret || src.restricted(c.Dataset)
	}
	src.sumJudgements(of)
	src.priceJudgements(of)
	return lines
}

// sumJudgements adds up the counts of the judges of cells, and notes which sums lack one.
func (src *source) sumJudgements(of map[judged]*judgement) {
	type repeat struct {
		judged
		repeat string
	}
	asked := map[judged]bool{} // whether there was an answer
	told := map[string]map[judged]bool{record.CountJudgements: {}, record.CountAnswersRefused: {}, record.CountAnswersCut: {}}
	parts := map[repeat]bool{} // whether the parts of the judgements of one repeat are told, too
	for i := range src.core.Counts {
		c := &src.core.Counts[i]
		at := judgedBy(c)
		j := of[at.whole()]
		if j == nil || !c.Judges() {
			continue
		}
		once := repeat{at, c.Dims["repeat"]}
		switch c.Name {
		case record.CountAnswers:
			asked[at] = c.Value > 0
		case record.CountJudgements:
			if !parts[once] {
				parts[once] = false
			}
		case record.CountScored:
			parts[once] = true
		case record.CountUnparsable, record.CountDeclined, record.CountNotAnswered:
			j.add(unscored, c)
		default:
			if !c.OfModels() {
				continue
			}
		}
		if told[c.Name] != nil {
			told[c.Name][at] = true
		}
		j.add(c.Name, c)
	}
	for at, answered := range asked {
		for name := range told {
			if !told[name][at] && (answered || name != record.CountJudgements) {
				of[at.whole()].gaps[name] = true
			}
		}
	}
	for once, all := range parts {
		if !all {
			of[once.whole()].gaps[record.CountScored] = true
		}
	}
}

// priceJudgements files what the answers of the judges of cells cost.
func (src *source) priceJudgements(of map[judged]*judgement) {
	for i := range src.core.Scores {
		s := &src.core.Scores[i]
		if s.Metric != plugins.JudgingMetric || s.Name != plugins.ScoreCostOfJudge {
			continue
		}
		if j := of[judged{cell: s.Cell, auditor: s.Dims[plugins.AuditDim], judge: s.Dims[plugins.JudgeDim]}]; j != nil {
			j.costs = append(j.costs, hit{score: s, cell: src.cells[s.Cell]})
		}
	}
}

// restricted reports whether small counts of a data set are withheld.
func (src *source) restricted(dataset string) bool {
	return slices.ContainsFunc(src.core.Manifest.Data, func(d record.DataInfo) bool {
		return d.Name == dataset && d.Governance == plugins.Restricted
	})
}

// line writes what became of the judgements of a judge.
func (j *judgement) line(columns []Column) Line {
	line := Line{Labels: j.labels, N: j.cells, Of: j.cells}
	for _, c := range columns {
		v := Value{Status: OK, Value: float64(j.sums[c.Score]), N: j.cells, Of: j.cells, counts: j.counts[c.Score]}
		switch c.Score {
		case "cells":
			v.Value = float64(j.cells)
		case cost:
			v = j.price()
		default:
			if j.lacks(c.Score) {
				v = j.untold()
			}
		}
		line.Values = append(line.Values, v)
	}
	if j.failed > 0 {
		line.notes = []note{plainNote(fmt.Sprintf("%d of %d cells failed: what was judged there until then is in no result", j.failed, j.cells))}
	}
	return line
}

// lacks reports whether a sum lacks a count of some cell. The parts of judgements are told together or not at all.
func (j *judgement) lacks(sum string) bool {
	switch sum {
	case record.CountScored, record.CountUnparsable, record.CountDeclined, unscored:
		return j.gaps[record.CountJudgements] || j.gaps[record.CountScored]
	}
	return j.gaps[sum]
}

// untold is a sum that some cell has no count of.
func (j *judgement) untold() Value {
	if j.secret {
		return Value{Status: Withheld, notes: []note{plainNote(fmt.Sprintf(
			"withheld, as a part stands for fewer than %d patients or would tell such a count by subtraction", plugins.FewestTold))}}
	}
	return Value{Status: Absent, notes: []note{plainNote("some cell has no count of it")}}
}

// price is the sum of the costs; cells that failed before they had an answer have none. One that is not known leaves the sum unknown.
func (j *judgement) price() Value {
	v := Value{Status: OK, Of: j.cells, hits: j.costs, summed: true}
	for _, h := range j.costs {
		switch h.score.Status {
		case plugins.OK:
			v.Value += h.score.Value
			v.N++
		case plugins.Undefined:
			return Value{Status: Undefined, Of: j.cells, hits: j.costs, notes: []note{plainNote("undefined: " + h.score.Reason)}}
		}
	}
	if v.N == 0 {
		return Value{Status: Absent, Of: j.cells, hits: j.costs, notes: []note{plainNote("no cost is recorded")}}
	}
	return v
}
