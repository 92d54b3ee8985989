package report

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// fillRanked fills a table of the best or worst values of a dimension: of the lines that have the rows' values in common, those with the
// best, or worst, scores, in that order.
func (src *source) fillRanked(t *Table, declared *spec.Table) error {
	of := declared.Of[0]
	wide := *declared
	wide.Rows = append(slices.Clone(declared.Rows), of)
	t.Rows = wide.Rows
	for _, c := range declared.Columns {
		t.Columns = append(t.Columns, src.column(c))
	}
	sel, err := src.fillLines(t, &wide)
	if err != nil {
		return err
	}
	var r ranking
	switch declared.Kind {
	case spec.BestTable:
		t.Lines, r = t.ranked(declared, spec.BestRanking)
	case spec.WorstTable:
		t.Lines, r = t.ranked(declared, spec.WorstRanking)
	case spec.EndsTable:
		var both []Line
		for _, end := range []string{spec.BestRanking, spec.WorstRanking} {
			var lines []Line
			lines, r = t.ranked(declared, end)
			for _, l := range lines {
				l.Labels, l.Values = append([]string{end}, l.Labels...), slices.Clone(l.Values)
				both = append(both, l)
			}
		}
		t.Rows, t.Lines = append([]string{spec.RankingRow}, t.Rows...), both
	}
	t.addStatistics(declared.Columns)
	src.addPublished(t, declared)
	t.Remarks = append(t.Remarks, r.remark(of, declared))
	src.finish(t, sel)
	return nil
}

// ranking is how many values were ranked, of the fewest and the most among lines that share the rows' values; and of how many at most there
// is none to rank.
type ranking struct{ fewest, most, without int }

// ranked are the lines at one end of the ranking by the first column, of each part of the table as many as it shows.
func (t *Table) ranked(declared *spec.Table, end string) (kept []Line, r ranking) {
	sign := 1.
	if end == spec.WorstRanking {
		sign = -1
	}
	if t.Columns[0].Better == plugins.Higher {
		sign = -sign
	}
	for _, lines := range t.parted(len(declared.Rows)) {
		slices.SortStableFunc(lines, func(a, b Line) int { return byValue(&a.Values[0], &b.Values[0], sign) })
		ranked := len(lines)
		if end := slices.IndexFunc(lines, func(l Line) bool { return l.Values[0].Status != OK }); end > 0 {
			ranked = end
		} else if end == 0 { // nothing to rank: one line says why
			ranked = 0
			lines = lines[:1]
			lines[0].Labels = slices.Clone(lines[0].Labels)
			lines[0].Labels[len(lines[0].Labels)-1] = ""
		}
		if r.fewest == 0 || ranked < r.fewest {
			r.fewest = ranked
		}
		r.most, r.without = max(r.most, ranked), max(r.without, len(lines)-ranked)
		kept = append(kept, lines[:min(declared.K, max(ranked, 1))]...)
	}
	return kept, r
}

// parted parts the lines by their first labels, in the order in which these first occur.
func (t *Table) parted(labels int) [][]Line {
	var out [][]Line
	at := map[string]int{}
	for _, l := range t.Lines {
		key := keyOf(l.Labels[:labels])
		if !has(at, key) {
			at[key] = len(out)
			out = append(out, nil)
		}
		out[at[key]] = append(out[at[key]], l)
	}
	return out
}

// remark says what was ranked, and that the ends of a ranking look more extreme than they are.
func (r ranking) remark(of string, declared *spec.Table) string {
	among := fmt.Sprint(r.most)
	if r.fewest != r.most {
		among = fmt.Sprintf("%d to %d", r.fewest, r.most)
	}
	number := fmt.Sprintf("%d ", declared.K)
	if declared.K == 1 {
		number = ""
	}
	which := number + "best"
	switch declared.Kind {
	case spec.WorstTable:
		which = number + "worst"
	case spec.EndsTable:
		which += " and " + number + "worst"
	}
	text := fmt.Sprintf("The %s of %s values of %s by %s", which, among, of, declared.Columns[0].Score)
	if r.without > 0 {
		text += fmt.Sprintf("; up to %d without a value are left out", r.without)
	}
	if declared.Kind == spec.EndsTable && 0 < r.fewest && r.fewest < 2*declared.K {
		text += "; where there are fewer than twice as many, some stand at both ends"
	}
	return text + ". The ends of a ranking are partly chance: measured again, they lie nearer to the middle."
}
