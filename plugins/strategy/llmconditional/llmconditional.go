// Package llmconditional has a language model write rows a few columns at a time, each block given all columns before it: the
// chain rule, P(x) = ∏ P(x_i | x_1 … x_(i-1)).
//
// The rows so far are attached to each request, and answers are tied to them by a number. A row whose values of a block are not
// valid after as many requests as there are rounds is dropped, and another is begun in the next round.
package llmconditional

import (
	_ "embed"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/elicit"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// Config is the strategy's "with" block.
type Config struct {
	elicit.Config
	Block int      `json:"block"` // columns that are written at once
	Order []string `json:"order"` // features, the first first; those it does not name follow, as in train
}

var (
	//go:embed system.txt
	system string
	//go:embed user.txt
	user string
)

const schema = `
// columns that one request adds to the rows: 10 unless set; 1: column by column
block?: int & >=1
// features in the order in which they are written; those that are not named follow in the order of the data
order?: [...string] @column()`

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, elicit.Info(plugins.Info{
		Name:    "llm-conditional",
		Version: 1,
		Summary: "a language model writes rows block by block of columns, each given all columns before it",
		Schema:  elicit.Schema(elicit.LimitsTrain, elicit.AggregatesNone, prompt.CSV) + schema,
	}), Config{Config: elicit.Defaults(system, user), Block: 10, Order: []string{}}, New)
}

// New returns the strategy. The prompt must show the rows that are to be continued.
func New(c Config) (plugins.Strategy, error) {
	if c.Block < 1 {
		return nil, fmt.Errorf("block is %d; want at least 1", c.Block)
	}
	return elicit.New(c.Config, elicit.Design{Block: c.Block, Order: c.Order})
}
