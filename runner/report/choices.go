package report

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// choices says what was chosen by scores, and how, of the searches that some cells rest on; shown is the text that stands for a value of
// an axis. What was chosen by test rows is marked: its scores on these rows are the best of several, and so look better than they are.
func (src *source) choices(cells []int, shown func(axis, value string) string) []string {
	var out []string
	for i := range src.core.Manifest.Choices {
		c := &src.core.Manifest.Choices[i]
		if c.Best < 0 || !slices.ContainsFunc(cells, func(cell int) bool { return slices.Contains(c.Cells, src.core.Cells[cell].ID) }) {
			continue
		}
		text := labelledChoice(c, shown).Text() + "."
		if c.Part == plugins.Test {
			text += " The choice of " + strings.Join(c.Of, " and ") + " was made on the rows that it is rated on: optimistic."
		}
		if c.OwnColumns {
			text += " The " + ownColumns(c) + "."
		}
		out = append(out, text)
	}
	return out
}

// ownColumns says of a search whose candidates have different columns what that means for its score.
func ownColumns(c *record.Choice) string {
	return "candidates have different columns, and " + c.Score + " is of those that each has: it compares unlike things"
}

// labelledChoice is a choice with the texts that stand for values of its axes.
func labelledChoice(c *record.Choice, shown func(axis, value string) string) *record.Choice {
	out := *c
	out.Candidates = slices.Clone(c.Candidates)
	for i := range out.Candidates {
		values := slices.Clone(c.Candidates[i].Values)
		for k, axis := range c.Of {
			values[k] = shown(axis, values[k])
		}
		out.Candidates[i].Values = values
	}
	return &out
}

// onValidation says which columns of a table have scores of validation rows; "" where none has.
func (src *source) onValidation(t *Table) string {
	var on []string
	metrics := src.metricsOn()
	of := func(h hit) bool {
		return slices.ContainsFunc(metrics, func(m spec.Metric) bool { return m.Name == h.score.Metric })
	}
	for c := range t.Columns {
		any := slices.ContainsFunc(t.Lines, func(l Line) bool { return slices.ContainsFunc(l.Values[c].hits, of) })
		if header := t.Columns[c].header(); any && !slices.Contains(on, header) {
			on = append(on, header)
		}
	}
	if len(on) == 0 {
		return ""
	}
	return "Rated on validation rows, in the place of the test rows: " + strings.Join(on, ", ") + "."
}

// metricsOn are the metrics that are measured on validation rows.
func (src *source) metricsOn() []spec.Metric {
	var resolved struct{ Metrics []spec.Metric }
	if json.Unmarshal(src.core.Manifest.Resolved, &resolved) != nil {
		return nil // a record without it
	}
	return slices.DeleteFunc(resolved.Metrics, func(m spec.Metric) bool { return m.On != plugins.Validation })
}
