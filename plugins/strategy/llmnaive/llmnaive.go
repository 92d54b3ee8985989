// Package llmnaive shows a language model rows of train and has it write more like them. Names of columns and the container
// of the reply are all that is prescribed.
package llmnaive

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
	defaults.Limits = elicit.LimitsNone
	plugins.Add(&r.Strategies, elicit.Info(plugins.Info{
		Name:    "llm-naive",
		Version: 1,
		Summary: "a language model imitates example rows of train; only names of columns are prescribed",
		Schema:  elicit.Schema(elicit.LimitsNone, elicit.AggregatesNone, prompt.CSV),
	}), Config{defaults}, New)
}

// New returns the strategy.
func New(c Config) (plugins.Strategy, error) { return elicit.New(c.Config, elicit.Design{}) }
