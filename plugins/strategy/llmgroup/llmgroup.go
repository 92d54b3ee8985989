// Package llmgroup has a language model write rows group by group, such as by sex and race: first the group is settled, then
// the rows given it, P(x | G = g). Every group has as many rows, unless the real shares are asked for.
package llmgroup

import (
	_ "embed"
	"errors"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/elicit"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// Config is the strategy's "with" block.
type Config struct {
	elicit.Config
	By     []string `json:"by"`     // columns whose levels, crossed where there are several, are the groups
	Shares string   `json:"shares"` // elicit.SharesEqual or elicit.SharesReal
}

var (
	//go:embed system.txt
	system string
	//go:embed user.txt
	user string
)

const schema = `
// columns whose levels are the groups, crossed where there are several; they need be no features. A one-hot set goes by its name.
// A group that fewer than 11 patients of train are in is left out, unless its levels are declared and shares are "equal"
by!: [string, ...string] @column()
// "equal" unless set: as many rows of each group; "real": as in train
shares?: "equal" | "real"`

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, elicit.Info(plugins.Info{
		Name:    "llm-group",
		Version: 2,
		Summary: "a language model writes rows group by group, as many for each",
		Schema:  elicit.Schema(elicit.LimitsTrain, elicit.AggregatesNone, prompt.CSV) + schema,
	}), Config{Config: elicit.Defaults(system, user), By: []string{}, Shares: elicit.SharesEqual}, New)
}

// New returns the strategy.
func New(c Config) (plugins.Strategy, error) {
	if len(c.By) == 0 {
		return nil, errors.New("by is empty; name the columns that groups are formed by")
	}
	return elicit.New(c.Config, elicit.Design{By: c.By, Shares: c.Shares})
}
