package report

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// choices says what was chosen by scores, and how, of the searches that some cells rest on. What was chosen by test rows is marked: its
// scores on these rows are the best of several, and so look better than they are.
func (src *source) choices(cells []int) []string {
	var out []string
	for i := range src.core.Manifest.Choices {
		c := &src.core.Manifest.Choices[i]
		if c.Best < 0 || !slices.ContainsFunc(cells, func(cell int) bool { return slices.Contains(c.Cells, src.core.Cells[cell].ID) }) {
			continue
		}
		text := c.Text() + "."
		if c.Part == plugins.Test {
			text += " " + strings.ToUpper(c.Of[0][:1]) + c.Of[0][1:]
			if len(c.Of) > 1 {
				text += " and " + strings.Join(c.Of[1:], " and ")
			}
			text += " was chosen on the rows that it is rated on: optimistic."
		}
		out = append(out, text)
	}
	return out
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
