package plan

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// around settles what is done around the calls of a metric: intervals by subsampling, groups of patients, and what it is handed
// besides the rows.
func (w *MeasureWork) around(m *spec.Metric, c *Chain) {
	if m.Subsamples != nil {
		w.Subsamples = *m.Subsamples
	}
	w.Resample = plugins.NewRand(0, c.Identity, plugins.ForResample)
	w.By, w.Groups = m.By, m.Groups
	if len(m.Apart()) > 0 {
		w.Least = c.minimum()
	}
	if (len(m.Apart()) > 0 || w.Info.Audited) && c.Governance() == plugins.Restricted {
		w.Fewest = plugins.FewestTold
	}
	w.Beside = slices.Clone(w.By)
	for _, g := range w.Groups {
		for _, column := range slices.Sorted(maps.Keys(g.Columns)) {
			if !slices.Contains(w.Beside, column) {
				w.Beside = append(w.Beside, column)
			}
		}
	}
	if g, ok := w.Plugin.(plugins.Grouping); ok {
		for _, column := range g.Beside() {
			if !slices.Contains(w.Beside, column) {
				w.Beside = append(w.Beside, column)
			}
		}
	}
	if w.Info.Limits {
		w.Limits = c.Dataset.Limits
	}
}

// rated settles which rows of the parts the metric is handed as test rows, and what they must have. It returns how that enters the
// recipe.
func (w *MeasureWork) rated(m *spec.Metric, c *Chain, where *arranged) (piece string) {
	least := c.minimum()
	switch {
	case m.On == plugins.Validation: // of the train hospitals: nothing of the test hospital is seen before it is tested at
		w.On, piece = m.On, "on validation"
		if where == nil && c.Governance() != plugins.Restricted {
			return piece
		}
		if where == nil {
			least = fewestTold
		}
	case where != nil:
		w.TestSites = where.test
		piece = "test at " + string(marshal(where.test))
		if c.Dataset.Prepare.Missing != prepare.Drop && c.Dataset.Prepare.Missing != prepare.DropBySubset {
			return piece
		}
	case c.Governance() == plugins.Restricted:
		least = fewestTold
	default:
		return ""
	}
	w.Minimum = &least
	if piece != "" {
		piece += ", "
	}
	return piece + "at least " + string(marshal(least))
}

// fewestTold is what rows of restricted data must have: scores of few rows tell of them, be they of one hospital or of all.
var fewestTold = spec.Minimum{Rows: plugins.FewestTold, Events: plugins.FewestTold, NonEvents: plugins.FewestTold}

// rolesOf is the roles of the work of a metric at the rows of a chain, made once.
func (m *builtMetric) rolesOf(c *Chain, w *MeasureWork) json.RawMessage {
	if m.roles[c] == nil {
		m.roles[c] = w.roles(c)
	}
	return m.roles[c]
}

// roles is what the recipe of a measure step has of the roles of columns, and of what is done around the calls of the metric.
func (w *MeasureWork) roles(c *Chain) json.RawMessage {
	r := struct {
		Target     string                   `json:"target"`
		Subject    string                   `json:"subject"`
		Site       string                   `json:"site"`
		Subsamples int                      `json:"subsamples,omitempty"`
		Data       string                   `json:"data,omitempty"` // what subsamples are drawn by
		By         []string                 `json:"by,omitempty"`
		Groups     []spec.Group             `json:"groups,omitempty"`
		Joint      bool                     `json:"joint,omitempty"` // several columns, or groups, are withheld as one tells of another
		Least      *spec.Minimum            `json:"least,omitempty"`
		Fewest     int                      `json:"fewest,omitempty"`
		Beside     []string                 `json:"beside,omitempty"`
		Limits     map[string]plugins.Limit `json:"limits,omitempty"`
		Needs      []plugins.Part           `json:"needs,omitempty"` // the parts that groups and subsamples are of, where not all that Info declares
	}{Target: w.Target, Subject: w.Subject, Site: w.Site, Subsamples: w.Subsamples, By: w.By, Groups: w.Groups, Fewest: w.Fewest, Beside: w.Beside, Limits: w.Limits}
	if w.Subsamples > 0 {
		r.Data = c.Identity
	}
	r.Joint = w.Fewest > 0 && len(w.By)+len(w.Groups) > 1
	if len(w.By)+len(w.Groups) > 0 {
		r.Least = &w.Least
	}
	if needs := plugins.Needs(w.Plugin, w.Info); len(needs) < len(w.Info.Reads) && len(w.By)+len(w.Groups)+w.Subsamples > 0 {
		r.Needs = needs
	}
	return marshal(r)
}

// ShadowCells lists copies of the cell whose Generate is the step of a shadow model that its metrics asked for, each once.
func (c *Cell) ShadowCells() []*Cell {
	var cells []*Cell
	var seen []*Step
	for _, m := range c.Measures {
		if m.Step == nil {
			continue
		}
		for _, s := range m.Step.Inputs[2:][:m.Step.Work.(MeasureWork).Shadows] { // the parts and the synthetic rows come first
			if slices.Contains(seen, s) {
				continue
			}
			seen = append(seen, s)
			shadow := *c
			shadow.Generate, shadow.Audit, shadow.Measures = s, nil, nil
			cells = append(cells, &shadow)
		}
	}
	return cells
}

// shadows lists the steps of the shadow models that a metric asks for: none where they would be paid for and it does not want that,
// and none of a strategy that does not read train, which has no members to be found.
func (c *Cell) shadows(m plugins.Metric) []*Step {
	asks, ok := m.(plugins.Shadowing)
	if !ok {
		return nil
	}
	wanted := asks.Shadows()
	if !slices.Contains(c.Generate.Work.(GenerateWork).Info.Reads, plugins.Train) || c.Models != nil && !wanted.Paid {
		return nil
	}
	var steps []*Step
	for i := range wanted.Models {
		steps = append(steps, c.shadow(&Shadow{Index: i, Share: wanted.Share, Data: c.Dataset.Identity}))
	}
	return steps
}
