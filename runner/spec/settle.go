package spec

import (
	"maps"
	"slices"
)

// Concerns reports whether an axis that is put into settings has any bearing on a cell: whether something that the cell
// uses has the setting. at returns the cell's values of other axes; metrics are those of its block, none meaning all.
//
// Values of an axis without bearing would make equal cells several times over; the cell has NoValue in their place.
func (e *Experiment) Concerns(axis string, at func(axis string) Value, metrics []string) bool {
	strategy, err := entry(e.Strategies, at("strategy").Text, func(u *Use) string { return u.Name })
	if err != nil {
		return true
	}
	if axis == "llm" {
		return strategy.LLM != ""
	}
	i := slices.IndexFunc(e.Axes, func(a Axis) bool { return a.Name == axis })
	if i < 0 {
		return true
	}
	a := &e.Axes[i]
	s, _ := a.setting()
	switch s.section {
	case "datasets":
		return a.reaches(s.section, at("dataset").Text)
	case "features":
		set := e.featureSet(at("features").Text)
		return set == "" || a.reaches(s.section, set)
	case "strategies":
		return a.reaches(s.section, strategy.Name)
	case "audits":
		return slices.ContainsFunc(e.within(at("audit").Text), func(x *Audit) bool { return a.reaches(s.section, x.Name) })
	case "llms":
		return slices.ContainsFunc(e.asks(strategy, at), func(model string) bool { return a.reaches(s.section, model) })
	}
	return slices.ContainsFunc(e.Metrics, func(m Metric) bool {
		return (len(metrics) == 0 || slices.Contains(metrics, m.Name)) && a.reaches(s.section, m.Name)
	})
}

// asks are the models that a cell asks: those of its strategy, then those of its auditors.
func (e *Experiment) asks(strategy *Use, at func(axis string) Value) []string {
	models := slices.Clone(strategy.models)
	if strategy.LLM != "" {
		models = append(models, at("llm").Text)
	}
	byAxes := func(section, name string) {
		for i := range e.Axes {
			if a := &e.Axes[i]; a.llm && a.reaches(section, name) {
				models = append(models, at(a.Name).Text)
			}
		}
	}
	byAxes("strategies", strategy.Name)
	for _, a := range e.within(at("audit").Text) {
		models = append(models, a.models...)
		byAxes("audits", a.Name)
	}
	return models
}

// reaches reports whether the axis sets something of an entry.
func (a *Axis) reaches(section, name string) bool {
	s, ok := a.setting()
	return ok && s.touches(section, name) && !a.without[name]
}

// settled is a cell of a block with NoValue for each axis that has no bearing on it, or that the block leaves out.
func (e *Experiment) settled(b *Block, cell Assignment) Assignment {
	_, llm := cell["llm"]
	if !llm && len(e.Axes) == 0 {
		return cell
	}
	out := maps.Clone(cell)
	at := func(axis string) Value { return out[axis] }
	settle := func(axis string) {
		if _, has := out[axis]; !has || !e.Concerns(axis, at, b.Metrics) {
			out[axis] = Value{Kind: NoValue}
		}
	}
	settle("llm") // first: which models are asked may depend on it
	for _, a := range e.Axes {
		settle(a.Name)
	}
	return out
}
