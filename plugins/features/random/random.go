// Package random offers columns drawn at random, as a ladder of nested subsets: what a ranking has to beat.
package random

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/features/ladder"
	"github.com/ehrlab/ehrlab/plugins/features/named"
)

// Config is the features' "with" block.
type Config struct {
	Ladder []int `json:"ladder"` // sizes of the subsets: at least one, ascending, each above 0
	Draw   int   `json:"draw"`   // which draw, from 1: feature sets with different draws have different columns
	// Columns are those that are drawn from, in any order: at least one, none twice; nil: every candidate.
	Columns []string `json:"columns,omitempty"`
}

// Register adds the plugin to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Features, plugins.Info{
		Name:    "random",
		Version: 1,
		Summary: "columns drawn at random, in nested subsets; each draw is another order",
		Schema: `// sizes of the subsets, ascending: each holds the ones before it
` + ladder.Schema + `
// which draw; 1 unless set. Another number is another order of the columns
draw?: int & >=1
// the columns that are drawn from; unless set, every candidate
` + named.Schema,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Train},
		Random: []plugins.Purpose{plugins.ForModel},
	}, Config{Draw: 1}, New)
}

// Features is the plugin.
type Features struct {
	ladder.Ladder
	draw    int
	columns []string // sorted; nil: every candidate
}

// New returns the plugin. It is an error when the ladder is empty or does not ascend from at least 1, when columns are
// named and are none, fewer than the ladder wants, or one twice, and when draw is below 1.
func New(c Config) (plugins.Features, error) {
	sizes, err := ladder.New(c.Ladder)
	if err != nil {
		return nil, err
	}
	if c.Draw < 1 {
		return nil, fmt.Errorf("draw is %d; want at least 1", c.Draw)
	}
	f := &Features{Ladder: sizes, draw: c.Draw}
	if c.Columns != nil {
		if err := named.Check(c.Columns, sizes); err != nil {
			return nil, err
		}
		f.columns = slices.Sorted(slices.Values(c.Columns))
	}
	return f, nil
}

// Names returns the columns that are drawn from; nil when every candidate is.
func (f *Features) Names() []string { return slices.Clone(f.columns) }

// Ranking is the draw, and the columns, whose order is no part of it.
func (f *Features) Ranking() any {
	return struct {
		Draw    int      `json:"draw"`
		Columns []string `json:"columns,omitempty"`
	}{f.draw, f.columns}
}

// Rank returns the columns of in.Train but the target, or those of them that are named, in random order. The order depends on
// their names, the seed and the draw, and not on their order in train. It is an error when there is no column, and when a
// named one is the target or no candidate.
func (f *Features) Rank(ctx context.Context, env plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	train, err := named.Among(f.columns, in)
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(train.Names(), func(name string) bool { return name == in.Target })
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no candidate column besides the target %q", in.Target)
	}
	slices.Sort(names)
	r := env.Rand.For(plugins.ForModel, "random columns", strconv.Itoa(f.draw))
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	ranking := &plugins.Ranking{Columns: make([]plugins.RankedColumn, len(names))}
	for i, name := range names {
		ranking.Columns[i].Name = name
	}
	return ranking, nil
}

// Cut returns the first columns, as many as the suffix says. It is an error when there are fewer.
func (f *Features) Cut(ranked []plugins.RankedColumn, suffix string) ([]string, error) {
	return ladder.Cut(ranked, suffix)
}
