package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// reasons are why scores cannot be compared, each once.
type reasons struct {
	list []string
	seen map[string]bool // what was looked at
}

func (r *reasons) add(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.list, text) {
		r.list = append(r.list, text)
	}
}

// first reports whether something is looked at for the first time.
func (r *reasons) first(parts ...string) bool {
	if r.seen == nil {
		r.seen = map[string]bool{}
	}
	key := joined(parts...)
	if r.seen[key] {
		return false
	}
	r.seen[key] = true
	return true
}

// of looks for what differs between the two cells of a place besides what is to be compared, which is how the rows were made: the data, their
// preparation, the columns, the metric, the models that were asked, the test rows.
func (r *reasons) of(now, old *side, at place, g *group) {
	a, b := &now.core.Cells[at.now.cell], &old.core.Cells[at.old.cell]
	if !now.resolved.known || !old.resolved.known {
		r.add("a manifest does not say how its version was made")
		return
	}
	dataset, features := a.Axes["dataset"], a.Axes["features"]
	if r.first("data", dataset) {
		r.data(now, old, dataset)
	}
	if r.first("features", dataset, features) {
		r.features(now, old, subset{dataset, features})
	}
	if r.first("metric", g.metric) {
		r.metric(now, old, g.metric)
	}
	r.models(now, old, a.ID, b.ID)
	if s, t := at.now.score, at.old.score; s != nil && t != nil && s.Draws != nil && t.Draws != nil && s.Draws.Of != t.Draws.Of {
		r.add("the two were not rated on the same test rows")
	}
}

// data compares a data set: its files, its settings and how it was prepared.
func (r *reasons) data(now, old *side, name string) {
	a, b := dataOf(now.core, name), dataOf(old.core, name)
	if a == nil || b == nil {
		r.add("a manifest does not name the data set %s", name)
		return
	}
	if a.Plugin != b.Plugin {
		r.add("data set %s is read by %s, not by %s", name, a.Plugin, b.Plugin)
		return
	}
	if !sameFiles(a.Files, b.Files) {
		r.add("the files of data set %s are other ones", name)
	}
	if d := settings(named(now.resolved.Datasets, name), named(old.resolved.Datasets, name), "governance"); d != "" {
		r.add("data set %s: %s", name, d)
	}
	for _, stage := range []string{"dataset", "cohort", "split", "prepare"} {
		plugin := ""
		if stage == "dataset" {
			plugin = a.Plugin
		}
		if d := versions(now.core, old.core, stage, plugin); d != "" {
			r.add("data set %s: %s", name, d)
		}
	}
}

func dataOf(core *record.Core, name string) *record.DataInfo {
	for i := range core.Manifest.Data {
		if core.Manifest.Data[i].Name == name {
			return &core.Manifest.Data[i]
		}
	}
	return nil
}

// sameFiles reports whether files have the same contents for the same roles, in whatever order.
func sameFiles(a, b []record.FileInfo) bool {
	keys := func(files []record.FileInfo) []string {
		var out []string
		for _, f := range files {
			out = append(out, joined(f.Role, f.SHA256))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(keys(a), keys(b))
}

// versions compares the versions of the plugins of a stage, or of one of them.
func versions(now, old *record.Core, stage, plugin string) string {
	of := func(core *record.Core) map[string]int {
		out := map[string]int{}
		for _, p := range core.Manifest.Plugins {
			if p.Stage == stage && (plugin == "" || p.Name == plugin) {
				out[p.Name] = p.Version
			}
		}
		return out
	}
	a, b := of(now), of(old)
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if was, has := b[name]; has && was != a[name] {
			return fmt.Sprintf("%s is version %d, was %d", name, a[name], was)
		}
	}
	if !maps.Equal(a, b) {
		return fmt.Sprintf("the step %q is made by %s, was by %s", stage, list(slices.Sorted(maps.Keys(a))), list(slices.Sorted(maps.Keys(b))))
	}
	return ""
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " and ")
}

// features compares the columns of a subset; where a version does not list them, how they were chosen.
func (r *reasons) features(now, old *side, key subset) {
	a, b := now.columns[key], old.columns[key]
	if a == nil || b == nil {
		if d := settings(owner(now.resolved.Features, key.features), owner(old.resolved.Features, key.features)); d != "" {
			r.add("features %s: %s", key.features, d)
		}
		return
	}
	more := slices.DeleteFunc(slices.Clone(a), func(c string) bool { return slices.Contains(b, c) })
	gone := slices.DeleteFunc(slices.Clone(b), func(c string) bool { return slices.Contains(a, c) })
	if len(more) == 0 && len(gone) == 0 {
		return
	}
	var parts []string
	for _, p := range []struct {
		columns []string
		words   string
	}{{more, "has "}, {gone, "lacks "}} {
		if len(p.columns) > 0 {
			parts = append(parts, p.words+few(p.columns))
		}
	}
	r.add("features %s %s: other columns are rated", key.features, strings.Join(parts, " and "))
}

// few lists the first of some names, and how many more there are.
func few(names []string) string {
	const shown = 3
	if len(names) <= shown+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// metric compares a metric: its version, its settings, and the files that it reads besides the rows.
func (r *reasons) metric(now, old *side, name string) {
	a, b := metricOf(now, name), metricOf(old, name)
	if a == nil && b == nil { // of the runner itself
		return
	}
	if a == nil || b == nil {
		r.add("a manifest does not name the metric %s", name)
		return
	}
	if d := settings(a, b, "subsamples"); d != "" {
		r.add("metric %s: %s", name, d)
	}
	var use struct{ Use string }
	if json.Unmarshal(a, &use) == nil {
		if d := versions(now.core, old.core, "measure", use.Use); d != "" {
			r.add("metric %s: %s", name, d)
		}
	}
	uses, before := now.core.Manifest.MetricUses[name], old.core.Manifest.MetricUses[name]
	if uses != nil && before != nil { // versions of before this was recorded have none
		if d := libraries(uses, before); d != "" {
			r.add("metric %s: %s", name, d)
		}
	}
	files := func(core *record.Core) []record.FileInfo {
		for _, m := range core.Manifest.MetricFiles {
			if m.Metric == name {
				return m.Files
			}
		}
		return nil
	}
	if !sameFiles(files(now.core), files(old.core)) {
		r.add("metric %s reads other files", name)
	}
}

// libraries says how two lists of libraries differ; "" when they do not. That of drawing rows to the real shares is no difference where
// one version alone has cells of such rows.
func libraries(now, old []plugins.Use) string {
	for _, u := range now {
		for _, was := range old {
			if u.Name == was.Name && u.Version != was.Version {
				return fmt.Sprintf("%s is version %d, was %d", u.Name, u.Version, was.Version)
			}
		}
	}
	common := func(uses []plugins.Use) []plugins.Use {
		uses = slices.DeleteFunc(slices.Clone(uses), func(u plugins.Use) bool { return u.Name == plugins.PostStratify })
		slices.SortFunc(uses, func(a, b plugins.Use) int { return strings.Compare(a.Name, b.Name) })
		return uses
	}
	if slices.Equal(common(now), common(old)) {
		return ""
	}
	return "it is made with other libraries"
}

// metricOf is what the resolved experiment says of a metric; nil where it does not name it.
func metricOf(s *side, name string) json.RawMessage {
	for i := range s.resolved.Metrics {
		if s.resolved.Metrics[i].Name == name {
			raw, err := json.Marshal(&s.resolved.Metrics[i])
			if err != nil {
				return nil
			}
			return raw
		}
	}
	return nil
}

// models compares the language models that two cells asked: which, and what their providers served.
func (r *reasons) models(now, old *side, a, b string) {
	asked, before := now.models(a), old.models(b)
	if !r.first(slices.Concat([]string{"models"}, asked, []string{"|"}, before)...) {
		return
	}
	if !slices.Equal(asked, before) {
		r.add("language models: %s asked, was %s", list(asked), list(before))
		return
	}
	for _, name := range asked {
		x, y := modelOf(now.core, name), modelOf(old.core, name)
		if x == nil || y == nil {
			r.add("a manifest does not name the model %s", name)
			continue
		}
		if !slices.Equal(x.Served, y.Served) {
			r.add("model %s: the provider served %s, was %s", name, list(x.Served), list(y.Served))
		}
		if d := settings(identity(x), identity(y)); d != "" {
			r.add("model %s: %s", name, d)
		}
	}
}

func modelOf(core *record.Core, name string) *record.ModelInfo {
	for i := range core.Manifest.LLMs {
		if core.Manifest.LLMs[i].Name == name {
			return &core.Manifest.LLMs[i]
		}
	}
	return nil
}

func identity(m *record.ModelInfo) json.RawMessage {
	raw, err := json.Marshal(m.Identity)
	if err != nil {
		return nil
	}
	return raw
}

// named is the entry of a section with a name; nil where there is none.
func named(section []json.RawMessage, name string) json.RawMessage {
	for _, raw := range section {
		var entry struct{ Name string }
		if json.Unmarshal(raw, &entry) == nil && entry.Name == name {
			return raw
		}
	}
	return nil
}

// owner is the feature set that a subset is of: that with the longest name that the subset's begins with.
func owner(section []json.RawMessage, subset string) json.RawMessage {
	var best json.RawMessage
	longest := -1
	for _, raw := range section {
		var entry struct{ Name string }
		if json.Unmarshal(raw, &entry) == nil && strings.HasPrefix(subset, entry.Name) && len(entry.Name) > longest {
			best, longest = raw, len(entry.Name)
		}
	}
	return best
}

// settings says how two entries of the resolved experiment differ, the named fields aside; "" where they do not.
func settings(now, old json.RawMessage, aside ...string) string {
	var a, b map[string]any
	if json.Unmarshal(now, &a) != nil || json.Unmarshal(old, &b) != nil {
		return "its settings are not recorded"
	}
	for _, field := range aside {
		delete(a, field)
		delete(b, field)
	}
	var out []string
	differences(nil, a, b, &out)
	return few(out)
}

// differences lists the fields by which two JSON values differ, e.g. "split.seed is 8, was 7".
func differences(path []string, a, b any, out *[]string) {
	x, isX := a.(map[string]any)
	y, isY := b.(map[string]any)
	if isX && isY {
		keys := slices.Concat(slices.Collect(maps.Keys(x)), slices.Collect(maps.Keys(y)))
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			differences(append(path[:len(path):len(path)], k), x[k], y[k], out)
		}
		return
	}
	now, old := brief(a), brief(b)
	if raw(a) != raw(b) {
		if now == old {
			now, old = "another", "not this one"
		}
		*out = append(*out, fmt.Sprintf("%s is %s, was %s", strings.Join(path, "."), now, old))
	}
}

func raw(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// brief shows a value of a setting on less than a line.
func brief(v any) string {
	const most = 40
	switch v := v.(type) {
	case nil:
		return "not set"
	case string:
		if r := []rune(v); len(r) > most {
			return strconv.Quote(string(r[:most]) + "…")
		}
		return strconv.Quote(v)
	}
	if text := raw(v); len(text) <= most {
		return text
	}
	return "another one"
}
