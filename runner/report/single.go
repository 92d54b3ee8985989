package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// singles says which columns have values of one cell without an interval, and what would give them one. A value whose own notes say
// why it has none is left to them.
func (src *source) singles(t *Table) []string {
	var lacking, differences, reasons []string
	titles := map[string][]string{} // by why an interval would mean nothing
	for c := range t.Columns {
		column := &t.Columns[c]
		if column.derived != ownScore { // it says the same of the column that it stands beside
			continue
		}
		if !slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Values[c].isBare() }) {
			continue
		}
		why := src.noInterval(column.Score)
		switch {
		case column.Minus != "":
			differences = append(differences, column.Title)
		case why == "":
			lacking = append(lacking, column.Title)
		default:
			if titles[why] == nil {
				reasons = append(reasons, why)
			}
			titles[why] = append(titles[why], column.Title)
		}
	}
	var out []string
	if len(lacking) > 0 {
		out = append(out, fmt.Sprintf("%s: values of one cell have no interval; what another generation, or other patients, would give is unknown. Add seeds, or set subsamples of the metric (subsamples: 20).",
			strings.Join(lacking, ", ")))
	}
	if len(differences) > 0 {
		out = append(out, strings.Join(differences, ", ")+": differences of two cells without joint draws of test rows have no interval. Add seeds.")
	}
	for _, why := range reasons {
		out = append(out, fmt.Sprintf("%s: %s%s.", strings.Join(titles[why], ", "), plugins.WithoutInterval, why))
	}
	return out
}

// isBare reports whether a value rests on one cell and has neither an interval nor a note that says why.
func (v *Value) isBare() bool {
	return v.Status == OK && v.N == 1 && v.Interval == nil && !slices.ContainsFunc(v.notes, func(n note) bool {
		return slices.ContainsFunc(n.texts, func(text string) bool { return strings.HasPrefix(text, plugins.WithoutInterval) })
	})
}

// noInterval is why an interval of a score would mean nothing, where all metrics that have it say the same.
func (src *source) noInterval(address string) string {
	why, first := "", true
	for _, s := range src.core.Manifest.Scores {
		if address != s.Name && address != s.Metric+"."+s.Name {
			continue
		}
		if !first && s.NoInterval != why {
			return ""
		}
		why, first = s.NoInterval, false
	}
	return why
}
