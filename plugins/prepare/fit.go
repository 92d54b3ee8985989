package prepare

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The ways to treat missing values, as Config.Missing names them.
const (
	Keep   = "keep"
	Median = "median"
	Drop   = "drop"
)

// Fitted is a preparation: what Fit learnt from train. Its JSON has the same bytes for the same fit.
type Fitted struct {
	Missing string   `json:"missing"`         // Keep, Median or Drop
	Other   string   `json:"other,omitempty"` // the level that rare and unseen ones are merged into
	Columns []Column `json:"columns"`         // the prepared columns, in order of train
}

// Column is what Fit learnt of one column.
type Column struct {
	Name       string     `json:"name"`
	Kind       frame.Kind `json:"kind"`
	FillNumber *float64   `json:"fill_number,omitempty"` // for missing values of a number; nil: they stay
	FillLevel  *string    `json:"fill_level,omitempty"`  // for missing values of a category; nil: they stay
	Merge      *Merge     `json:"merge,omitempty"`       // nil: levels are not merged
}

// Merge shares the levels of train into those that stay and those that are too rare; both sorted.
// A level in neither was not seen in train, and is merged like a rare one.
type Merge struct {
	Kept []string `json:"kept"`
	Rare []string `json:"rare"`
}

// Fit learns a preparation from the train part, and from no other row.
//
// Columns for which skip returns true (identifiers, the target …) are left as they are; a nil skip skips none.
//
//   - Missing "keep", or nothing, keeps missing values. "drop" drops every row with a missing value in a prepared
//     column. "median" fills them: a number with the median of train (between the middle two, half way; rounded
//     half to even when the column is whole), a category with the most frequent level of train (of equally
//     frequent ones, the first by bytes), which is then merged as any level is.
//   - Levels merges every level of a category with fewer than Min rows in train, and every level that train
//     has not, into Other. Other itself always stays. With "drop", the rows that stay are counted.
//
// It is an error when "median" meets a column without any value in train, and when "drop" would leave no row of train.
func Fit(train *frame.Frame, cfg Config, skip func(column string) bool) (*Fitted, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	fitted := &Fitted{Missing: cfg.Missing, Columns: []Column{}}
	if fitted.Missing == "" {
		fitted.Missing = Keep
	}
	if cfg.Levels != nil {
		fitted.Other = cfg.Levels.Other
	}
	var chosen []*frame.Column
	for _, c := range train.Columns() {
		if skip == nil || !skip(c.Name) {
			chosen = append(chosen, c)
		}
	}
	if fitted.Missing == Drop {
		kept, err := complete(chosen, train.Rows())
		if err != nil {
			return nil, err
		}
		for i, c := range chosen { // levels are counted over the rows that stay
			chosen[i] = c.Take(kept)
		}
	}
	for _, c := range chosen {
		column, err := fitColumn(c, fitted.Missing, cfg.Levels)
		if err != nil {
			return nil, err
		}
		fitted.Columns = append(fitted.Columns, column)
	}
	return fitted, nil
}

func (cfg Config) check() error {
	switch cfg.Missing {
	case "", Keep, Median, Drop:
	default:
		return fmt.Errorf(`missing is %q: want "keep", "median" or "drop"`, cfg.Missing)
	}
	switch l := cfg.Levels; {
	case l == nil:
		return nil
	case l.Min < 0:
		return fmt.Errorf("levels.min is %d: want a number of rows, 0 or more", l.Min)
	case l.Other == "":
		return fmt.Errorf("levels.other is empty: name the level that rare ones are merged into")
	}
	return nil
}

func fitColumn(c *frame.Column, missing string, levels *Levels) (Column, error) {
	out := Column{Name: c.Name, Kind: c.Kind}
	if c.MissingCount() == c.Len() && missing == Median {
		return out, fmt.Errorf(`missing "median": column %q has no value in train; leave it out of the data set, or use "keep"`, c.Name)
	}
	if c.Kind == frame.Number {
		if missing == Median {
			m := median(c.Numbers, c.Integer)
			out.FillNumber = &m
		}
		return out, nil
	}
	rows := make([]int, len(c.Levels))
	for _, code := range c.Codes {
		if code != frame.Missing {
			rows[code]++
		}
	}
	if levels != nil {
		out.Merge = merge(c.Levels, rows, *levels)
	}
	if missing == Median {
		level := c.Levels[mostFrequent(rows)]
		if out.Merge != nil && !out.Merge.keeps(level) {
			level = levels.Other
		}
		out.FillLevel = &level
	}
	return out, nil
}

// merge decides which levels stay, by the number of rows of each.
func merge(levels []string, rows []int, cfg Levels) *Merge {
	m := &Merge{Kept: []string{}, Rare: []string{}}
	for i, level := range levels {
		if rows[i] >= cfg.Min || level == cfg.Other {
			m.Kept = append(m.Kept, level)
		} else {
			m.Rare = append(m.Rare, level)
		}
	}
	return m
}

// keeps reports whether a level stays as it is.
func (m *Merge) keeps(level string) bool {
	_, kept := slices.BinarySearch(m.Kept, level)
	return kept
}

// mostFrequent returns the first index of the greatest number.
func mostFrequent(rows []int) int {
	best := 0
	for i, n := range rows {
		if n > rows[best] {
			best = i
		}
	}
	return best
}

// median returns the median of the values that are there, of which there must be one, rounded half to even
// when whole is set.
func median(values []float64, whole bool) float64 {
	present := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			present = append(present, v)
		}
	}
	slices.Sort(present)
	n := len(present)
	m := present[n/2]
	if n%2 == 0 {
		m = middle(present[n/2-1], m)
	}
	if whole {
		m = math.RoundToEven(m)
	}
	return m + 0 // −0 is 0: equal data, equal bytes
}

// middle is half way from a to b. Halves are added only where the sum overflows: half of a tiny number is inexact.
func middle(a, b float64) float64 {
	if sum := a + b; !math.IsInf(sum, 0) {
		return sum / 2
	}
	return a/2 + b/2
}

// complete returns the rows that have a value in every column, ascending; with none, though there are rows, an error.
func complete(columns []*frame.Column, rows int) ([]int, error) {
	incomplete := make([]bool, rows)
	var worst *frame.Column
	most := 0
	for _, c := range columns {
		missing := 0
		for row := range incomplete {
			if c.IsMissing(row) {
				incomplete[row] = true
				missing++
			}
		}
		if missing > most {
			worst, most = c, missing
		}
	}
	kept := []int{}
	for row, no := range incomplete {
		if !no {
			kept = append(kept, row)
		}
	}
	if len(kept) == 0 && rows > 0 {
		return nil, fmt.Errorf(`missing "drop" leaves none of %d rows: column %q has no value in %d of them; leave it out, or use "keep" or "median"`,
			rows, worst.Name, most)
	}
	return kept, nil
}
