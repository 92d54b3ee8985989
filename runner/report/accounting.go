package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// accountingTable is the name of the table that every version has whose cells ask language models.
const accountingTable = "accounting"

// accountingColumns are the counts of the table with their titles. Rejected rows are told by reason.
var accountingColumns = []struct{ count, title string }{
	{record.CountRequested, "requested"},
	{record.CountReturned, "returned"},
	{record.CountParsed, "parsed"},
	{record.CountRepaired, "repaired"},
	{record.CountRejected, "rejected"},
	{record.CountOutOfRange, "out of range"},
	{record.CountDuplicate, "duplicate"},
	{record.CountCopied, "copied"},
	{record.CountSurplus, "surplus"},
	{record.CountDelivered, "delivered"},
	{record.CountAnswers, "calls"},
	{record.CountAnswersRefused, "refused"},
	{record.CountAnswersCut, "truncated"},
}

// account is a line of a table of what models were asked for: the cells with one value for each of its rows, and the sums of their counts.
type account struct {
	labels        []string
	cells, failed int
	sums          map[string]int             // by name of the count; of rejected rows by reason too, see rejected
	counts        map[string][]*record.Count // behind each sum
}

// rejected names the rows that were rejected for a reason.
func rejected(reason string) string { return record.CountRejected + ": " + reason }

// accountingTitle is the title of a table of rows that has none.
const accountingTitle = "What language models were asked for, and what became of the rows"

// fillRows fills a declared table of what language models were asked for.
func (src *source) fillRows(t *Table, declared *spec.Table) error {
	made := src.accounting(declared.Where)
	if made == nil {
		return errors.New("no cell of this table asks a language model for rows")
	}
	t.become(made)
	return nil
}

// become fills a declared table with one that was made; it keeps its own texts.
func (t *Table) become(made *Table) {
	made.Name, made.Caption, made.Label = t.Name, t.Caption, t.Label
	if t.Title != "" {
		made.Title = t.Title
	}
	*t = *made
}

// accounting is the table of what language models were asked for and what became of the rows, summed over replicates, of the selected
// cells; nil where none of them asks any.
func (src *source) accounting(where map[string][]spec.Value) *Table {
	cells := src.asking(src.asked, where)
	if len(cells) == 0 {
		return nil
	}
	axes := src.accountingAxes(cells)
	t := &Table{
		Name: accountingTable, Title: accountingTitle, Label: src.label(&spec.Table{Name: accountingTable}),
		Rows: append([]string{record.ModelDim}, axes...), Banner: src.banner(cells),
	}
	lines, reasons := src.accounts(cells, axes)
	t.Columns = append(t.Columns, Column{Score: "cells", Title: "cells", Better: plugins.Neutral, count: true})
	for _, c := range accountingColumns {
		t.Columns = append(t.Columns, Column{Score: c.count, Title: c.title, Better: plugins.Neutral, count: true})
		if c.count != record.CountRejected {
			continue
		}
		for _, reason := range reasons {
			t.Columns = append(t.Columns, Column{Score: rejected(reason), Title: "rejected: " + reason, Better: plugins.Neutral, count: true})
		}
	}
	for _, a := range lines {
		t.Lines = append(t.Lines, a.line(t.Columns))
	}
	t.number()
	t.Remarks = []string{src.accountingRemark(), accountingWords}
	if slices.Contains(axes, "audit") {
		t.Remarks = append(t.Remarks, "Rows that stand in several lines of a strategy, with and without an audit, were asked for once.")
	}
	t.Sources = src.sources(t, cells)
	return t
}

// asking are the selected cells that ask models, by those that they ask. The rows and judgements of arms beside an audit are told with the
// audited ones.
func (src *source) asking(models [][]string, where map[string][]spec.Value) []int {
	var cells []int
	for i := range src.core.Cells {
		if len(models[i]) > 0 && !spec.IsArm(src.core.Cells[i].Axes["audit"]) && src.cellIn(i, where) {
			cells = append(cells, i)
		}
	}
	return cells
}

const accountingWords = "A row that was asked for again counts again as requested. Returned = rejected + surplus + delivered. " +
	"Rows out of range, duplicate or copied from the prompt are among the rejected or the delivered ones, as the strategy is set. " +
	"Calls are answers, refusals among them; truncated ones end at the cap on tokens."

// accountingRemark says what is summed.
func (src *source) accountingRemark() string {
	var over []string
	for _, axis := range src.core.Manifest.Axes {
		if _, replicate := src.replicates[axis]; replicate {
			over = append(over, axis)
		}
	}
	if len(over) == 0 {
		return "Numbers are sums over cells."
	}
	return fmt.Sprintf("Numbers are sums over %s.", unitOf(over))
}

// accountingAxes are strategy, features, and the other axes that tell the cells apart, replicates aside. The llm axis is told by the
// names of the models.
func (src *source) accountingAxes(cells []int) []string {
	var axes []string
	for _, axis := range src.core.Manifest.Axes {
		if _, replicate := src.replicates[axis]; replicate || axis == "llm" {
			continue
		}
		first := src.core.Cells[cells[0]].Axes[axis]
		varies := slices.ContainsFunc(cells, func(cell int) bool { return src.core.Cells[cell].Axes[axis] != first })
		if varies || axis == "strategy" || axis == "features" {
			axes = append(axes, axis)
		}
	}
	slices.SortStableFunc(axes, func(a, b string) int { return accountingRank(a) - accountingRank(b) })
	return axes
}

func accountingRank(axis string) int {
	switch axis {
	case "strategy":
		return 0
	case "features":
		return 1
	}
	return 2
}

// accounts gathers the lines, in the order of their first cells, and the reasons for which rows were rejected, by name.
func (src *source) accounts(cells []int, axes []string) (lines []*account, reasons []string) {
	byKey, of := map[string]*account{}, map[string]*account{}
	for _, i := range cells {
		cell := &src.core.Cells[i]
		labels := []string{strings.Join(src.asked[i], ", ")}
		for _, axis := range axes {
			labels = append(labels, cell.Axes[axis])
		}
		a := byKey[keyOf(labels)]
		if a == nil {
			a = newAccount(labels)
			byKey[keyOf(labels)] = a
			lines = append(lines, a)
		}
		a.cells++
		if cell.Status == record.CellFailed && cell.Stage != "measure" { // one that failed later has its rows
			a.failed++
		}
		of[cell.ID] = a
	}
	for i := range src.core.Counts {
		c := &src.core.Counts[i]
		a := of[c.Cell]
		if a == nil || !c.OfModels() || c.Judges() {
			continue
		}
		a.add(c.Name, c)
		if reason := c.Dims[record.ReasonDim]; c.Name == record.CountRejected && reason != "" {
			a.add(rejected(reason), c)
			if !slices.Contains(reasons, reason) {
				reasons = append(reasons, reason)
			}
		}
	}
	slices.Sort(reasons)
	return lines, reasons
}

func newAccount(labels []string) *account {
	return &account{labels: labels, sums: map[string]int{}, counts: map[string][]*record.Count{}}
}

// add adds a count to a sum.
func (a *account) add(sum string, c *record.Count) {
	a.sums[sum] += c.Value
	a.counts[sum] = append(a.counts[sum], c)
}

// line writes an account. A strategy that does not account for its rows has dashes.
func (a *account) line(columns []Column) Line {
	line := Line{Labels: a.labels, N: a.cells, Of: a.cells}
	_, accounted := a.sums[record.CountRequested]
	for _, c := range columns {
		v := Value{Status: OK, Value: float64(a.sums[c.Score]), N: a.cells, Of: a.cells, counts: a.counts[c.Score]}
		switch {
		case c.Score == "cells":
			v.Value = float64(a.cells)
		case !accounted && strings.HasPrefix(c.Score, "rows "):
			v = Value{Status: Absent, notes: []note{plainNote("there is no account of rows")}}
		}
		line.Values = append(line.Values, v)
	}
	if a.failed > 0 {
		line.notes = []note{plainNote(fmt.Sprintf("%d of %d cells failed: rows delivered there are in no result", a.failed, a.cells))}
	}
	return line
}
