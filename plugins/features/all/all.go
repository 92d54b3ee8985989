// Package all offers every candidate column as one feature subset.
package all

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
)

// Config is the features' "with" block: there are no settings.
type Config struct{}

// Register adds the plugin to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Features, plugins.Info{
		Name:    "all",
		Version: 1,
		Summary: "every candidate column but the target, in the order of the table",
		Shapes:  []plugins.Shape{plugins.Records, plugins.Events},
		Reads:   []plugins.Part{plugins.Train},
	}, Config{}, New)
}

// Features is the plugin.
type Features struct{}

// New returns the plugin.
func New(Config) (plugins.Features, error) { return Features{}, nil }

// Subsets returns the one subset, which needs no suffix.
func (Features) Subsets() []string { return []string{""} }

// Ranking is nothing: there are no settings.
func (Features) Ranking() any { return Config{} }

// Rank returns all columns of in.Train but the target. It is an error when none is left.
func (Features) Rank(ctx context.Context, _ plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ranking := &plugins.Ranking{}
	for _, name := range in.Train.Names() {
		if name != in.Target {
			ranking.Columns = append(ranking.Columns, plugins.RankedColumn{Name: name})
		}
	}
	if len(ranking.Columns) == 0 {
		return nil, fmt.Errorf("there is no candidate column besides the target %q", in.Target)
	}
	return ranking, nil
}

// Cut returns all columns.
func (Features) Cut(ranked []plugins.RankedColumn, _ string) ([]string, error) {
	return plugins.Names(ranked), nil
}
