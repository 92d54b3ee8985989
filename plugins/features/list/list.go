// Package list offers the columns that the experiment names as one feature subset.
package list

import (
	"context"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// Config is the features' "with" block.
type Config struct {
	Columns []string `json:"columns"` // in the order that strategies see them; at least one, none twice
}

// Register adds the plugin to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Features, plugins.Info{
		Name:    "list",
		Version: 1,
		Summary: "the named columns, in that order",
		Schema: `// the columns, in order
columns!: [string, ...string] @column()`,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Train},
	}, Config{}, New)
}

// Features is the plugin.
type Features struct{ columns []string }

// New returns the plugin. It is an error when no column is named, or one twice.
func New(c Config) (plugins.Features, error) {
	if len(c.Columns) == 0 {
		return nil, fmt.Errorf("columns is empty; name at least one")
	}
	for i, name := range c.Columns {
		if slices.Contains(c.Columns[:i], name) {
			return nil, fmt.Errorf("columns names %q twice", name)
		}
	}
	return &Features{columns: slices.Clone(c.Columns)}, nil
}

// Subsets returns the one subset, which needs no suffix.
func (f *Features) Subsets() []string { return []string{""} }

// Ranking is the list itself.
func (f *Features) Ranking() any { return Config{Columns: f.columns} }

// Rank returns the named columns. It is an error when one is the target or no candidate.
func (f *Features) Rank(ctx context.Context, _ plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ranking := &plugins.Ranking{}
	for _, name := range f.columns {
		if name == in.Target {
			return nil, fmt.Errorf("column %q is the target; it cannot be a feature", name)
		}
		if in.Train.Column(name) == nil {
			return nil, fmt.Errorf("column %q is no candidate: the data do not have it, it was dropped, or its role forbids it without allow: leakage", name)
		}
		ranking.Columns = append(ranking.Columns, plugins.RankedColumn{Name: name})
	}
	return ranking, nil
}

// Cut returns the whole list.
func (f *Features) Cut(ranked []plugins.RankedColumn, _ string) ([]string, error) {
	return plugins.Names(ranked), nil
}
