package record

import (
	"fmt"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Choice is what a search of an experiment came to: the values of its axes that are best by a score.
type Choice struct {
	Search    string              `json:"search"` // the experiment's name of it: "best.NAME" stood for what it chose
	Of        []string            `json:"of"`     // axes
	Score     string              `json:"score"`  // "metric.score"
	Direction plugins.Direction   `json:"direction"`
	Part      plugins.Part        `json:"part"`            // whose rows the score was measured on
	Where     map[string][]string `json:"where,omitempty"` // the values that cells had to have to compete, those of other searches put in
	Over      []string            `json:"over,omitempty"`  // axes that scores were averaged over besides replicates

	// Candidates are in the order of their first mention; a search that could not be decided has those that are known.
	Candidates []Candidate `json:"candidates"`
	Best       int         `json:"best"`                // index of the choice; -1: not decided
	RunnerUp   int         `json:"runner_up"`           // index; -1: there is none
	Tie        bool        `json:"tie,omitempty"`       // the runner-up is as good: the choice is the first of them by mention
	Undecided  string      `json:"undecided,omitempty"` // why there is no choice
	// OwnColumns: the candidates have different columns, and the score is of those that each has, so that it rates different things.
	OwnColumns bool `json:"own_columns,omitempty"`

	// Cells are those that rest on the choice: those of the best candidate, and those that were written with "best.NAME".
	Cells []string `json:"cells,omitempty"`
}

// Candidate is one of what competed.
type Candidate struct {
	Values []string `json:"values"` // by Choice.Of
	Mean   *float64 `json:"mean"`   // of the score, over its cells; nil: not known
	N      int      `json:"n"`      // cells
	// Low and High are an interval of the mean over its cells, of coverage Level; nil where there is none, as of one cell.
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
	Level float64  `json:"level,omitempty"`
}

// Value returns what a search chose of an axis, and whether it has.
func (c *Choice) Value(axis string) (string, bool) {
	if c.Best < 0 {
		return "", false
	}
	for i, a := range c.Of {
		if a == axis {
			return c.Candidates[c.Best].Values[i], true
		}
	}
	return "", false
}

// Text is what was chosen and how, as a sentence for people without its full stop.
func (c *Choice) Text() string {
	if c.Best < 0 {
		return strings.TrimSuffix(c.Undecided, ".")
	}
	best := &c.Candidates[c.Best]
	text := "best." + c.Search + " is " + best.name() + ", with the " + extreme(c) + " " + c.Score + " on " + string(c.Part) + " rows: " + best.told()
	switch {
	case c.RunnerUp < 0:
		text += "; nothing else competed"
	case c.Tie:
		text += "; " + c.Candidates[c.RunnerUp].name() + " is as good, and mentioned later"
	default:
		text += "; runner-up " + c.Candidates[c.RunnerUp].name() + ", " + c.Candidates[c.RunnerUp].told()
	}
	return text
}

// name is the values of a candidate, for people.
func (c *Candidate) name() string { return strings.Join(c.Values, ", ") }

// told is the mean of a candidate, and of how many cells it is.
func (c *Candidate) told() string {
	cells := "1 cell"
	if c.N != 1 {
		cells = fmt.Sprintf("%d cells", c.N)
	}
	return fmt.Sprintf("%#.3g (%s)", *c.Mean, cells)
}

// extreme is which mean is best.
func extreme(c *Choice) string {
	if c.Direction == plugins.Lower {
		return "lowest mean"
	}
	return "highest mean"
}
