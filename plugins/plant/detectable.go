package plant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/ehrlab/ehrlab/plugins/rule"
)

// packs are the rules that tell which errors can be told. All that ship count, whatever an auditor asks.
var packs = []string{"icu"}

// Uses lists what decides, besides Version, which errors are planted and called detectable.
func Uses() []plugins.Use {
	return []plugins.Use{{Name: "icu", Version: icu.Version}, {Name: "pack icu", Version: rule.ICUVersion}}
}

// detectable reports whether a changed record breaks a check about a changed column that it did not break before.
func (k *knowledge) detectable(before, after record, changed []int) bool {
	return slices.ContainsFunc(k.checks, func(c check) bool {
		about := slices.ContainsFunc(c.columns, func(i int) bool { return slices.Contains(changed, i) })
		return about && c.broken(after) && !c.broken(before)
	})
}

// askRules marks as detectable, too, the errors by which a record breaks a rule of a pack, or a declared limit, that it did not break before.
// Rules of severity "error" count: what only warns does occur in patients.
func (m *mixer) askRules(k *knowledge) error {
	rows := slices.Sorted(maps.Keys(m.planted))
	rules, faults := rule.Packed(packs)
	if len(faults) > 0 {
		return faults
	}
	set := rule.Set{
		Rules:  slices.DeleteFunc(rules, func(r *rule.Parsed) bool { return r.Severity != plugins.SeverityError }),
		Limits: string(plugins.SeverityError), Weights: rule.Weights{Error: 1},
	}
	before, err := k.broken(&set, m.test.Take(rows), m.known)
	if err != nil {
		return err
	}
	after, err := k.broken(&set, m.withErrors(rows), m.known)
	if err != nil {
		return err
	}
	for broken, columns := range after {
		e := m.planted[rows[broken.record]]
		e.Detectable = e.Detectable || slices.ContainsFunc(columns, func(name string) bool {
			return slices.Contains(e.Columns, name) && !slices.Contains(before[broken], name)
		})
	}
	return nil
}

// finding is a rule that a record breaks.
type finding struct {
	record int
	rule   string
}

// broken returns the columns that records break each rule with.
func (k *knowledge) broken(set *rule.Set, f *frame.Frame, known Known) (map[finding][]string, error) {
	f, original, err := k.translated(f)
	if err != nil {
		return nil, err
	}
	judged, err := set.Judge(context.Background(), 1, plugins.Lineup{Frame: f, Shape: plugins.Records, About: known.About, Limits: known.Limits})
	if err != nil {
		return nil, fmt.Errorf("which planted errors can be told: %w", err)
	}
	out := map[finding][]string{}
	for _, found := range judged.Findings {
		criterion := judged.Criteria[found.Criterion]
		columns := found.Columns
		if columns == nil {
			columns = criterion.Columns
		}
		at := finding{found.Record, criterion.Name}
		for _, name := range columns {
			if of, ok := original[name]; ok {
				name = of
			}
			out[at] = append(out[at], name)
		}
	}
	return out, nil
}

// translated adds, to columns that are known for a quantity, their values under its name and in its first unit, as packs have them: what can
// be told of a column does not hang on how a data set calls it. original has the column behind each name that is added.
func (k *knowledge) translated(f *frame.Frame) (out *frame.Frame, original map[string]string, err error) {
	columns, original := slices.Clone(f.Columns()), map[string]string{}
	for i, c := range f.Columns() {
		name, ok := k.packName(i)
		if !ok || original[name] != "" || f.Column(name) != nil {
			continue
		}
		values := make([]float64, c.Len())
		for row, v := range c.Numbers {
			values[row] = k.as[i].form.read(v)
		}
		same := frame.NewNumber(name, values)
		same.Unit = k.as[i].quantity.forms[0].unit
		columns, original[name] = append(columns, same), c.Name
	}
	out, err = frame.New(columns...)
	return out, original, err
}

// packName is what a pack calls a column that has nothing in its name but a quantity and a statistic.
func (k *knowledge) packName(i int) (string, bool) {
	if k.as[i] == nil {
		return "", false
	}
	from, to, _ := k.words[i].find(k.as[i].quantity.words)
	switch left := slices.Delete(slices.Clone(k.words[i]), from, to); len(left) {
	case 0:
		return k.as[i].quantity.name, true
	case 1:
		if statistic, _ := k.words[i].split(); slices.Contains(statistics, left[0]) && statistic != "" {
			return strings.Join([]string{k.as[i].quantity.name, statistic}, "_"), true
		}
	}
	return "", false
}
