package gate

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// side is one of the two versions, as far as checks look at it.
type side struct {
	core     *record.Core
	resolved resolved
	cells    map[string]int  // by id
	scored   map[string]bool // cells that have a score at all, by id
	asked    map[string][]string
	unasked  []string            // models that no cell is known to have asked
	by       map[string][]string // the columns that a metric measures by, too
	columns  map[subset][]string // of feature subsets, sorted
}

// subset is a feature subset of a data set.
type subset struct{ dataset, features string }

// resolved is what a comparison looks at in the resolved experiment of a manifest.
type resolved struct {
	known    bool
	Datasets []json.RawMessage `json:"datasets"`
	Features []json.RawMessage `json:"features"`
	Metrics  []spec.Metric     `json:"metrics"`
}

func newSide(core *record.Core) *side {
	s := &side{
		core: core, cells: map[string]int{}, scored: map[string]bool{}, asked: map[string][]string{}, by: map[string][]string{},
		columns: map[subset][]string{},
	}
	s.resolved.known = json.Unmarshal(core.Manifest.Resolved, &s.resolved) == nil
	for _, m := range s.resolved.Metrics {
		s.by[m.Name] = m.Apart()
	}
	for i := range core.Cells {
		s.cells[core.Cells[i].ID] = i
	}
	for i := range core.Scores {
		s.scored[core.Scores[i].Cell] = true
	}
	for i := range core.Counts {
		s.count(&core.Counts[i])
	}
	for _, columns := range s.columns {
		slices.Sort(columns)
	}
	for _, m := range core.Manifest.LLMs {
		if !slices.ContainsFunc(slices.Collect(maps.Values(s.asked)), func(names []string) bool { return slices.Contains(names, m.Name) }) {
			s.unasked = append(s.unasked, m.Name)
		}
	}
	return s
}

// count files what counts tell of the models that cells ask, and of the columns of feature subsets.
func (s *side) count(c *record.Count) {
	switch {
	case c.Name == record.CountAnswers && c.OfModels():
		if name := c.Dims[record.ModelDim]; !slices.Contains(s.asked[c.Cell], name) {
			s.asked[c.Cell] = append(s.asked[c.Cell], name)
		}
	case c.Name == placeOfFeature:
		key := subset{c.Dataset, c.Dims["features"]}
		if column := c.Dims["column"]; !slices.Contains(s.columns[key], column) {
			s.columns[key] = append(s.columns[key], column)
		}
	}
}

// placeOfFeature is the count that lists the columns of feature subsets.
const placeOfFeature = "place of the feature"

// models are those that a cell asks, sorted.
func (s *side) models(cell string) []string {
	all := slices.Concat(s.asked[cell], s.unasked)
	slices.Sort(all)
	return slices.Compact(all)
}

// dims are the dimensions of a score, with those that the runner adds where they are asked for: one without a weighting is raw, and
// one without a group is of everyone; but for a failed one, which might have had any.
func (s *side) dims(score *record.Score, asked func(string) bool) map[string]string {
	dims := map[string]string{}
	maps.Copy(dims, score.Dims)
	if score.Status == plugins.Failed {
		return dims
	}
	fill := func(name, value string) {
		if _, has := dims[name]; !has && asked(name) {
			dims[name] = value
		}
	}
	fill(plugins.Weighting, plugins.Raw)
	for _, name := range s.by[score.Metric] {
		fill(name, plugins.Everyone)
	}
	return dims
}

// aside reports whether a score is of a weighting or a group of patients that is not asked for.
func (s *side) aside(score *record.Score, asked func(string) bool) bool {
	for _, name := range append([]string{plugins.Weighting}, s.by[score.Metric]...) {
		if _, has := score.Dims[name]; has && !asked(name) {
			return true
		}
	}
	return false
}

// selects reports whether an address is that of a score.
func selects(address string, metric, name string) bool {
	return address == name || address == metric+"."+name
}

func among(v string, values []spec.Value) bool {
	return slices.ContainsFunc(values, func(w spec.Value) bool { return w.String() == v })
}

// joined is a text that differs where the parts do.
func joined(parts ...string) string { return strings.Join(parts, "\x00") }
