package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Vary returns the experiment with values of declared axes put into the settings that they set. Other axes in
// assign are ignored, and so is NoValue. Entries that no axis touches are shared with e, which stays as it is.
func (e *Experiment) Vary(assign map[string]Value) (*Experiment, error) {
	out := *e
	var err error
	for i := range e.Datasets {
		var d *Dataset
		if d, err = e.DatasetAt(e.Datasets[i].Name, assign); err != nil {
			return nil, err
		}
		replaceAt(&out.Datasets, e.Datasets, i, d)
	}
	for i := range e.Features {
		var f *FeatureSet
		if f, err = e.FeaturesAt(e.Features[i].Name, assign); err != nil {
			return nil, err
		}
		replaceAt(&out.Features, e.Features, i, f)
	}
	for i := range e.LLMs {
		var m *LLM
		if m, err = e.LLMAt(e.LLMs[i].Name, assign); err != nil {
			return nil, err
		}
		replaceAt(&out.LLMs, e.LLMs, i, m)
	}
	for i := range e.Strategies {
		var u *Use
		if u, err = e.StrategyAt(e.Strategies[i].Name, assign); err != nil {
			return nil, err
		}
		replaceAt(&out.Strategies, e.Strategies, i, u)
	}
	for i := range e.Audits {
		var a *Audit
		if a, err = e.AuditAt(e.Audits[i].Name, assign); err != nil {
			return nil, err
		}
		replaceAt(&out.Audits, e.Audits, i, a)
	}
	for i := range e.Metrics {
		var m *Metric
		if m, err = e.MetricAt(e.Metrics[i].Name, assign); err != nil {
			return nil, err
		}
		replaceAt(&out.Metrics, e.Metrics, i, m)
	}
	return &out, nil
}

// replaceAt stores an entry that is not the original, copying the list before the first change.
func replaceAt[T any](list *[]T, original []T, i int, entry *T) {
	if entry == &original[i] {
		return
	}
	if &(*list)[0] == &original[0] {
		*list = slices.Clone(original)
	}
	(*list)[i] = *entry
}

// DatasetAt returns the data set of a name with the values of declared axes put in; the experiment's own
// entry when no axis touches it.
func (e *Experiment) DatasetAt(name string, assign map[string]Value) (*Dataset, error) {
	d, err := entry(e.Datasets, name, func(d *Dataset) string { return d.Name })
	if err != nil {
		return nil, fmt.Errorf("data set: %w", err)
	}
	return vary(e, "datasets", name, assign, d, setDataset)
}

// FeaturesAt is DatasetAt for a feature set.
func (e *Experiment) FeaturesAt(name string, assign map[string]Value) (*FeatureSet, error) {
	f, err := entry(e.Features, name, func(f *FeatureSet) string { return f.Name })
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	return vary(e, "features", name, assign, f, func(f *FeatureSet, field []string, v Value) error { return f.Use.set(field, v) })
}

// LLMAt is DatasetAt for a language model.
func (e *Experiment) LLMAt(name string, assign map[string]Value) (*LLM, error) {
	m, err := entry(e.LLMs, name, func(m *LLM) string { return m.Name })
	if err != nil {
		return nil, fmt.Errorf("llm: %w", err)
	}
	return vary(e, "llms", name, assign, m, func(m *LLM, field []string, v Value) error { return m.Use.set(field, v) })
}

// StrategyAt is DatasetAt for a strategy; the llm axis names its model where the strategy leaves that open.
func (e *Experiment) StrategyAt(name string, assign map[string]Value) (*Use, error) {
	u, err := entry(e.Strategies, name, func(u *Use) string { return u.Name })
	if err != nil {
		return nil, fmt.Errorf("strategy: %w", err)
	}
	if model, ok := assign["llm"]; ok && u.LLM != "" && model.Kind != NoValue {
		copied := *u
		if err := copied.set([]string{"with", u.LLM}, model); err != nil {
			return nil, fmt.Errorf("strategy %s: %w", name, err)
		}
		u = &copied
	}
	return vary(e, "strategies", name, assign, u, (*Use).set)
}

// MetricAt is DatasetAt for a metric.
func (e *Experiment) MetricAt(name string, assign map[string]Value) (*Metric, error) {
	m, err := entry(e.Metrics, name, func(m *Metric) string { return m.Name })
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	return vary(e, "metrics", name, assign, m, func(m *Metric, field []string, v Value) error { return m.Use.set(field, v) })
}

func entry[T any](list []T, name string, nameOf func(*T) string) (*T, error) {
	for i := range list {
		if nameOf(&list[i]) == name {
			return &list[i], nil
		}
	}
	return nil, fmt.Errorf("none is named %q", name)
}

// vary applies the axes that touch an entry to a copy of it.
func vary[T any](e *Experiment, section, name string, assign map[string]Value, original *T, set func(*T, []string, Value) error) (*T, error) {
	out := original
	for _, a := range e.Axes {
		v, given := assign[a.Name]
		if !given || v.Kind == NoValue {
			continue
		}
		s, ok := a.setting()
		if !ok {
			return nil, fmt.Errorf("axis %s sets %q, which is no setting", a.Name, a.Sets)
		}
		if !s.touches(section, name) || a.without[name] {
			continue
		}
		if out == original {
			copied := *original
			out = &copied
		}
		if err := set(out, s.field, v); err != nil {
			return nil, fmt.Errorf("axis %s: %s: %w", a.Name, name, err)
		}
	}
	return out, nil
}

// set puts a value into a field of With.
func (u *Use) set(field []string, v Value) error {
	if field[0] != "with" {
		return fmt.Errorf("cannot set %q", joinPath(field))
	}
	with, err := setIn(u.With, field[1:], v)
	if err != nil {
		return err
	}
	u.With, u.settings = with, nil
	return nil
}

// setDataset puts a value into a field of With, the split, the preparation or the cohort.
func setDataset(d *Dataset, field []string, v Value) error {
	switch field[0] {
	case "split":
		return setStruct(&d.Split, field[1:], v)
	case "prepare":
		if d.Prepare.Levels != nil {
			levels := *d.Prepare.Levels
			d.Prepare.Levels = &levels
		}
		return setStruct(&d.Prepare, field[1:], v)
	case "cohort":
		d.Cohort = slices.Clone(d.Cohort)
		return setStruct(&d.Cohort, field[1:], v)
	}
	return d.Use.set(field, v)
}

// setStruct puts a value into a field of a struct, by the names of its JSON.
func setStruct[T any](to *T, field []string, v Value) error {
	before, err := json.Marshal(to)
	if err != nil {
		return err
	}
	after, err := setIn(before, field, v)
	if err != nil {
		return err
	}
	var fresh T
	if err := json.Unmarshal(after, &fresh); err != nil {
		return err
	}
	*to = fresh
	return nil
}

// setIn puts a value into a JSON object; objects on the way are made when missing.
func setIn(object json.RawMessage, field []string, v Value) (json.RawMessage, error) {
	var tree any = map[string]any{}
	if len(object) > 0 {
		d := json.NewDecoder(bytes.NewReader(object))
		d.UseNumber() // whole numbers stay exact
		if err := d.Decode(&tree); err != nil {
			return nil, err
		}
	}
	if err := SetAt(tree, field, v); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// SetAt puts v into a decoded JSON value, following object keys and list indices. Objects on the way are made
// when missing; lists are not.
func SetAt(tree any, path []string, v any) error {
	if len(path) == 0 {
		return fmt.Errorf("the path is empty")
	}
	switch t := tree.(type) {
	case map[string]any:
		if len(path) == 1 {
			t[path[0]] = v
			return nil
		}
		if t[path[0]] == nil {
			t[path[0]] = map[string]any{}
		}
		return SetAt(t[path[0]], path[1:], v)
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(t) {
			return fmt.Errorf("no element %q in a list of %d", path[0], len(t))
		}
		if len(path) == 1 {
			t[i] = v
			return nil
		}
		return SetAt(t[i], path[1:], v)
	}
	return fmt.Errorf("no field %q in a single value", path[0])
}
