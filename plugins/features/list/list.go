// Package list offers the columns that the experiment names: all of them as one feature subset, or the first ones as a
// ladder of nested subsets, where their order is a ranking.
package list

import (
	"context"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/features/ladder"
	"github.com/ehrlab/ehrlab/plugins/features/named"
)

// Config is the features' "with" block.
type Config struct {
	Columns []string `json:"columns"`          // in the order that strategies see them; at least one, none twice
	Ladder  []int    `json:"ladder,omitempty"` // sizes of nested subsets: ascending, each from 1 to the number of columns; nil: one subset of all
}

// Register adds the plugin to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Features, plugins.Info{
		Name:    "list",
		Version: 1,
		Summary: "the named columns, in that order",
		Schema: `// the columns, in order
columns!: [string, ...string] @column()
// sizes of nested subsets, ascending: the first 5 columns, the first 10 …, as of a published ranking. Unless set, one subset of all columns
` + ladder.OptionalSchema,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Train},
	}, Config{}, New)
}

// Features is the plugin.
type Features struct {
	columns []string
	ladder  ladder.Ladder // nil: one subset of all columns
}

// New returns the plugin. It is an error when no column is named, or one twice, and when the ladder does not ascend from at
// least 1 to at most the number of columns.
func New(c Config) (plugins.Features, error) {
	f := &Features{columns: slices.Clone(c.Columns)}
	if c.Ladder != nil {
		var err error
		if f.ladder, err = ladder.New(c.Ladder); err != nil {
			return nil, err
		}
	}
	if err := named.Check(c.Columns, f.ladder); err != nil {
		return nil, err
	}
	return f, nil
}

// Subsets returns the sizes of the ladder; without one, the one subset, which needs no suffix.
func (f *Features) Subsets() []string {
	if f.ladder != nil {
		return f.ladder.Subsets()
	}
	return []string{""}
}

// Names returns the columns, in order.
func (f *Features) Names() []string { return slices.Clone(f.columns) }

// Ranking is the list itself; the ladder is no part of it.
func (f *Features) Ranking() any { return Config{Columns: f.columns} }

// Rank returns the named columns. It is an error when one is the target or no candidate.
func (f *Features) Rank(ctx context.Context, _ plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := named.Candidates(f.columns, in); err != nil {
		return nil, err
	}
	ranking := &plugins.Ranking{}
	for _, name := range f.columns {
		ranking.Columns = append(ranking.Columns, plugins.RankedColumn{Name: name})
	}
	return ranking, nil
}

// Cut returns the first columns, as many as the suffix says; for the empty one, all of them.
func (f *Features) Cut(ranked []plugins.RankedColumn, suffix string) ([]string, error) {
	if suffix == "" {
		return plugins.Names(ranked), nil
	}
	return ladder.Cut(ranked, suffix)
}
