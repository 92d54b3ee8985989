package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// postStratify is part of the keys of what is measured on rows whose strategy may set the shares of groups.
var postStratify = plugins.Use{Name: plugins.PostStratify, Version: 2}

// Model is a language model that a cell asks.
type Model struct {
	Name     string // of the experiment
	Provider plugins.Provider
	Identity plugins.Identity
}

// prompted is what a strategy that asks models has besides its settings.
type prompted struct {
	plugin plugins.Prompting
	models []Model // each once, in the order of its own list
}

// prompting returns what a strategy asks of models, and its settings as they enter keys: with the identity of each model in the
// place of the name that the experiment gives it. A strategy that asks none has nil.
func (b *builder) prompting(v *variant, entry *plugins.Entry[plugins.Strategy], plugin plugins.Strategy, settings json.RawMessage) (*prompted, json.RawMessage, error) {
	asks, ok := plugin.(plugins.Prompting)
	if !ok {
		return nil, settings, nil
	}
	models, err := b.models(v, asks.Models())
	if err != nil {
		return nil, nil, err
	}
	settings, err = withIdentities(func(with json.RawMessage) []string {
		other, _, err := entry.Build(with)
		if asks, ok := other.(plugins.Prompting); ok && err == nil {
			return asks.Models()
		}
		return nil
	}, settings, models)
	return &prompted{plugin: asks, models: models}, settings, err
}

// models returns models of the experiment by their names, each once.
func (b *builder) models(v *variant, names []string) ([]Model, error) {
	var out []Model
	for _, name := range names {
		if slices.ContainsFunc(out, func(m Model) bool { return m.Name == name }) {
			continue
		}
		m, err := b.model(v, name)
		if err != nil {
			return nil, err
		}
		out = append(out, *m)
	}
	return out, nil
}

// model returns a model of the experiment by its name.
func (b *builder) model(v *variant, name string) (*Model, error) {
	if m, ok := v.models[name]; ok {
		return m, nil
	}
	i := slices.IndexFunc(v.experiment.LLMs, func(m spec.LLM) bool { return m.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no llm named %q", name)
	}
	use := &v.experiment.LLMs[i].Use
	entry := b.in.Registry.LLMs.Get(use.Use)
	if entry == nil {
		return nil, fmt.Errorf("llm %s: no llm plugin named %q", name, use.Use)
	}
	provider, _, err := entry.Build(use.With)
	if err != nil {
		return nil, fmt.Errorf("llm %s: %w", name, err)
	}
	m := &Model{Name: name, Provider: provider, Identity: provider.Info().Identity}
	v.models[name] = m
	return m, nil
}

// withIdentities puts the identities of models in the place of their names in settings. Which texts of the settings name a model,
// the plugin itself tells: with another text there, it asks another model. asked returns the models that it asks with some settings.
func withIdentities(asked func(with json.RawMessage) []string, settings json.RawMessage, models []Model) (json.RawMessage, error) {
	var tree any
	if err := json.Unmarshal(settings, &tree); err != nil {
		return nil, err
	}
	for _, path := range textsAt(tree, nil) {
		name, _ := at(tree, path).(string)
		i := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
		if i < 0 || !names(asked, settings, path, models[i].Name) {
			continue
		}
		if err := spec.SetAt(tree, path, models[i].Identity); err != nil {
			return nil, err
		}
	}
	return json.Marshal(tree)
}

// names reports whether the text at a place of settings is the name of a model that is asked.
func names(asked func(with json.RawMessage) []string, settings json.RawMessage, path []string, name string) bool {
	other := name + "-other"
	var tree any
	if json.Unmarshal(settings, &tree) != nil || spec.SetAt(tree, path, other) != nil {
		return false
	}
	return slices.Contains(asked(marshal(tree)), other)
}

// textsAt lists the places of all texts in a decoded JSON value, those of objects by sorted key.
func textsAt(tree any, path []string) [][]string {
	var out [][]string
	switch t := tree.(type) {
	case string:
		return [][]string{slices.Clone(path)}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(t)) {
			out = append(out, textsAt(t[key], append(path, key))...)
		}
	case []any:
		for i := range t {
			out = append(out, textsAt(t[i], append(path, strconv.Itoa(i)))...)
		}
	}
	return out
}

// at returns what stands at a place of a decoded JSON value.
func at(tree any, path []string) any {
	for _, step := range path {
		switch t := tree.(type) {
		case map[string]any:
			tree = t[step]
		case []any:
			i, _ := strconv.Atoi(step) // textsAt made it
			tree = t[i]
		}
	}
	return tree
}

// told is what the header of a data set tells of its columns.
type told struct {
	about  map[string]plugins.ColumnInfo // what prompts may tell
	key    json.RawMessage               // about, as it enters keys
	groups map[string]string             // of the columns that are in one
}

// setTold notes what the data set says of its columns. What only the runner goes by is left out.
func (c *Chain) setTold() {
	c.told.about, c.told.groups = map[string]plugins.ColumnInfo{}, map[string]string{}
	key := map[string]map[string]string{}
	if c.Header != nil {
		for _, column := range c.Header.Columns {
			c.told.about[column.Name] = plugins.ColumnInfo{
				Name: column.Name, Kind: column.Kind, Unit: column.Unit, Group: column.Group, Summary: column.Summary,
			}
			key[column.Name] = map[string]string{"kind": string(column.Kind), "unit": column.Unit, "group": column.Group, "summary": column.Summary}
			if column.Group != "" {
				c.told.groups[column.Name] = column.Group
			}
		}
	}
	c.told.key = marshal(key)
}

// Told returns what the data set and the experiment say of its columns, which no one may change: what each is, and what it can hold.
func (c *Chain) Told() (about map[string]plugins.ColumnInfo, limits map[string]plugins.Limit) {
	return c.told.about, c.Dataset.Limits
}

// promptingRoles is the roles of a generate step whose strategy asks models: the label, and all that its prompts may hold
// besides the rows and the settings. Data sets of equal rows do not share the step when only one of them is restricted: what may
// leave is decided for the step.
func (b *builder) promptingRoles(c *Chain, p *prompted) json.RawMessage {
	of := promptedChain{c, p}
	if roles := b.roles[of]; roles != nil {
		return roles
	}
	b.roles[of] = marshal(map[string]any{
		"target": c.Target, "subject": c.Subject, "beside": p.plugin.Beside(), "about": c.told.key, "limits": c.Dataset.Limits,
		"restricted": c.Governance() == plugins.Restricted,
	})
	return b.roles[of]
}

// promptedChain is a strategy that asks models of the rows of a chain.
type promptedChain struct {
	*Chain
	*prompted
}

// ask completes the recipe and the work of a generate step whose strategy asks models. Equal requests of other seeds are other
// calls, whatever the strategy itself draws.
func (b *builder) ask(p *prompted, c *Chain, pt point, seed uint64, label string, r *cache.Recipe, w *GenerateWork) {
	r.Seed, r.Data, r.Roles = &seed, c.Identity, b.promptingRoles(c, p)
	w.Prompting, w.Models, w.Beside = p.plugin, p.models, p.plugin.Beside()
	w.About, w.Limits = c.Told()
	w.Caller = b.caller(p.models, c, pt, seed, label)
}

// caller is the step of a point on whose behalf models are asked.
func (b *builder) caller(models []Model, c *Chain, pt point, seed uint64, label string) plugins.Caller {
	out := plugins.Caller{
		Label: label, Seed: seed, Axes: map[string]string{}, Dataset: c.Dataset.Name, Governance: c.Governance(),
		Providers: map[string]plugins.Provider{},
	}
	for _, m := range models {
		out.Providers[m.Name] = m.Provider
	}
	for i, v := range pt.values {
		if text := v.String(); text != "" && v.Kind != spec.NoValue {
			out.Axes[b.plan.Axes[i]] = text
		}
	}
	return out
}
