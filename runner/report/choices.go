package report

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
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

// onValidation says which of some scores are of validation rows; "" where none is.
func (src *source) onValidation(columns []Column) string {
	var on []string
	for i := range columns {
		if address := columns[i].Score; src.ofValidation(address) && !slices.Contains(on, columns[i].header()) {
			on = append(on, columns[i].header())
		}
	}
	if len(on) == 0 {
		return ""
	}
	return "Rated on validation rows, in the place of the test rows: " + strings.Join(on, ", ") + "."
}

// ofValidation reports whether the score of an address is measured on validation rows.
func (src *source) ofValidation(address string) bool {
	metric, _, named := strings.Cut(address, ".")
	return slices.ContainsFunc(src.metricsOn(), func(m spec.Metric) bool {
		if named {
			return m.Name == metric
		}
		return slices.ContainsFunc(src.core.Manifest.Scores, func(s record.ScoreInfo) bool { return s.Metric == m.Name && s.Name == address })
	})
}

// metricsOn are the metrics that are measured on validation rows.
func (src *source) metricsOn() []spec.Metric {
	var resolved struct{ Metrics []spec.Metric }
	if json.Unmarshal(src.core.Manifest.Resolved, &resolved) != nil {
		return nil // a record without it
	}
	return slices.DeleteFunc(resolved.Metrics, func(m spec.Metric) bool { return m.On != plugins.Validation })
}
