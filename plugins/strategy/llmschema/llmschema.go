// Package llmschema has a language model write rows to a description of the table: types, units, limits, levels, what the
// columns mean, and free constraints. Where the model can be held to a schema, it is.
package llmschema

import (
	_ "embed"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/elicit"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// Config is the strategy's "with" block.
type Config struct{ elicit.Config }

var (
	//go:embed system.txt
	system string
	//go:embed user.txt
	user string
)

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	defaults := elicit.Defaults(system, user)
	defaults.Format, defaults.Aggregates = prompt.JSON, elicit.AggregatesColumns
	plugins.Add(&r.Strategies, elicit.Info(plugins.Info{
		Name:    "llm-schema",
		Version: 1,
		Summary: "a language model writes rows to a description of each column and of how they go together",
		Schema:  elicit.Schema(elicit.LimitsTrain, elicit.AggregatesColumns, prompt.JSON),
	}), Config{defaults}, New)
}

// New returns the strategy.
func New(c Config) (plugins.Strategy, error) { return elicit.New(c.Config, elicit.Design{}) }
