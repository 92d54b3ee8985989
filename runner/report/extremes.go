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
	sign, word := 1., "best"
	if declared.Kind == spec.WorstTable {
		sign, word = -1, "worst"
	}
	if t.Columns[0].Better == plugins.Higher {
		sign = -sign
	}
	fewest, most, without := 0, 0, 0
	var kept []Line
	for _, lines := range t.parted(len(declared.Rows)) {
		slices.SortStableFunc(lines, func(a, b Line) int { return byValue(&a.Values[0], &b.Values[0], sign) })
		ranked := len(lines)
		if end := slices.IndexFunc(lines, func(l Line) bool { return l.Values[0].Status != OK }); end > 0 {
			ranked = end
		} else if end == 0 { // nothing to rank: one line says why
			ranked = 0
			lines = lines[:1]
			lines[0].Labels[len(lines[0].Labels)-1] = ""
		}
		if fewest == 0 || ranked < fewest {
			fewest = ranked
		}
		most, without = max(most, ranked), max(without, len(lines)-ranked)
		kept = append(kept, lines[:min(declared.K, max(ranked, 1))]...)
	}
	t.Lines = kept
	t.addStatistics(declared.Columns)
	t.Remarks = append(t.Remarks, rankedRemark(word, of, declared, fewest, most, without))
	src.finish(t, sel)
	return nil
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

// rankedRemark says what was ranked, and that the ends of a ranking look more extreme than they are.
func rankedRemark(word, of string, declared *spec.Table, fewest, most, without int) string {
	among := fmt.Sprint(most)
	if fewest != most {
		among = fmt.Sprintf("%d to %d", fewest, most)
	}
	text := fmt.Sprintf("The %d %s of %s values of %s by %s", declared.K, word, among, of, declared.Columns[0].Score)
	if without > 0 {
		text += fmt.Sprintf("; up to %d without a value are left out", without)
	}
	return text + ". The ends of a ranking are partly chance: measured again, they lie nearer to the middle."
}
