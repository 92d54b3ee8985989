package prepare

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Fitted is a preparation: what Fit learnt from train. Its JSON has the same bytes for the same fit.
//
// It holds values of train, in the Imputer many of them: it must go no further than train may. The Space in it
// is all that Encode and Decode need.
type Fitted struct {
	Missing string   `json:"missing"`         // how missing values are treated, as in Config
	Other   string   `json:"other,omitempty"` // the level that rare and unseen ones are merged into
	Columns []Column `json:"columns"`         // the prepared columns, in order of train
	Imputer *Imputer `json:"imputer,omitempty"`
	Notes   []string `json:"notes,omitempty"` // on the fit, for whoever reads the results
	Space
}

// Column is what Fit learnt of one column.
type Column struct {
	Name       string     `json:"name"`
	Kind       frame.Kind `json:"kind"`
	Winsor     *Limits    `json:"winsor,omitempty"`      // nil: numbers are left as they are
	FillNumber *float64   `json:"fill_number,omitempty"` // for missing values of a number; nil: they stay, or are imputed
	FillLevel  *string    `json:"fill_level,omitempty"`  // for missing values of a category; nil: they stay, or are imputed
	Merge      *Merge     `json:"merge,omitempty"`       // nil: levels are not merged
	Indicator  string     `json:"indicator,omitempty"`   // the 0/1 column that follows and marks missing values; "": none does
}

// Limits are the least and the greatest value that stay.
type Limits struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Merge shares the levels of train into those that stay and those that are too rare; both sorted.
// A level in neither was not seen in train, and is merged like a rare one.
type Merge struct {
	Kept []string `json:"kept"`
	Rare []string `json:"rare"`
}

// Options is what Fit is told besides the settings.
type Options struct {
	Skip    func(column string) bool // columns that are left as they are: identifiers, the target …; nil skips none
	Late    func(column string) bool // columns known only later, features only where leakage is allowed: Model does not read them; nil: none
	Row     string                   // the column that identifies a row; "" when there is none. Only Model reads it
	Seed    uint64                   // of the draws of Model
	Threads int                      // goroutines to keep busy; changes no result
}

// Fit learns a preparation from the train part, and from no other row.
//
// Columns that Options.Skip skips are left as they are, and nothing is learnt from them.
//
//   - Missing "keep", or nothing, keeps missing values. "drop" drops every row with a missing value in a prepared
//     column; all else is fitted on the rows that stay. "drop-by-subset" keeps them until Complete is asked.
//     "median" fills them: a number with the median of train (between the middle two, half way; rounded half to even
//     when the column is whole), a category or a one-hot set with the most frequent level of train (of equally
//     frequent ones, the first by bytes; of a set, its columns in order and then none). "model" imputes them: see
//     Imputer. Columns that Options.Late names are filled as by "median": no value is imputed from them.
//   - Indicator adds, behind each column with a missing value in train, a column of 1 where the value was missing
//     and 0 where it was not; behind the last column of a one-hot set, one for the set.
//   - Winsorise pulls numbers outside two quantiles of train (definition 7 of R. J. Hyndman, Y. Fan (1996), The
//     American Statistician 50(4), 361–365; the nearest whole number when the column is whole) in to them. Without
//     Columns it spares one-hot sets, and columns that would keep one value only, such as a rare 0/1 mark.
//   - Levels merges every level of a category with fewer than Min rows in train, and every level that train
//     has not, into Other. Other itself always stays. Rows without a value, filled or not, do not count.
//   - Transform and OneHot are fitted on the prepared rows of train: see Space.
//
// A column without any value in train, as one of a small hospital may be, has nothing to be filled from: "median" and
// "model" leave it as it is, and a note names it.
//
// It is an error when "median" or "model" meets a train without rows, when "drop" would leave no row of train, when a
// column that the settings name is not there, is not prepared or is of the wrong kind, when train cannot be
// transformed, when rows of train are no one-hot set, and when a new column has the name of another.
func Fit(ctx context.Context, train *frame.Frame, cfg Config, opt Options) (*Fitted, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	fitted := &Fitted{Missing: cmp.Or(cfg.Missing, Keep), Columns: []Column{}}
	if cfg.Levels != nil {
		fitted.Other = cfg.Levels.Other
	}
	var chosen []*frame.Column
	for _, c := range train.Columns() {
		if opt.Skip == nil || !opt.Skip(c.Name) {
			chosen = append(chosen, c)
		}
	}
	var err error
	if fitted.Sets, err = fitSets(train, chosen, cfg.OneHot); err != nil {
		return nil, err
	}
	if err := fitted.validSets(train); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if err := fitted.clean(ctx, train, chosen, cfg, opt); err != nil {
		return nil, err
	}
	return fitted, fitted.fitSpace(ctx, train, cfg, opt)
}

// clean learns what Apply does. chosen are the columns to prepare.
func (p *Fitted) clean(ctx context.Context, train *frame.Frame, chosen []*frame.Column, cfg Config, opt Options) error {
	if p.Missing == Drop {
		kept, err := complete(chosen, train.Rows(), Drop)
		if err != nil {
			return err
		}
		for i, c := range chosen {
			chosen[i] = c.Take(kept)
		}
	}
	winsors, err := p.winsors(train, chosen, cfg.Winsorise)
	if err != nil {
		return err
	}
	for i, c := range chosen {
		chosen[i], _, _ = winsors[i].apply(c)
	}
	late := p.late(opt)
	for i, c := range chosen {
		missing := p.Missing
		if missing == Model && late(c.Name) {
			missing = Median
		}
		column := fitColumn(c, missing, cfg.Levels)
		column.Winsor = winsors[i]
		p.Columns = append(p.Columns, column)
	}
	if err := p.noteEmpty(chosen, train.Rows()); err != nil {
		return err
	}
	rows, err := frame.New(chosen...)
	if err != nil {
		return err
	}
	switch p.Missing {
	case Median:
		err = p.fillSets(rows, func(string) bool { return true })
	case Model:
		if err = p.fillSets(rows, late); err != nil {
			return err
		}
		known := slices.DeleteFunc(rows.Names(), late)
		if rows, err = rows.Select(known...); err != nil {
			return err
		}
		p.Imputer, err = fitImputer(ctx, rows, p.Sets, opt)
		rows = frame.Must(chosen...)
	}
	if err != nil || !cfg.Indicator {
		return err
	}
	return p.addIndicators(train, rows)
}

// late reports whether a column, or another of its set, is known only later.
func (p *Fitted) late(opt Options) func(column string) bool {
	sets := setOf(p.Sets)
	return func(column string) bool {
		switch set := sets[column]; {
		case opt.Late == nil:
			return false
		case set != nil:
			return slices.ContainsFunc(set.Columns, func(m Member) bool { return opt.Late(m.Name) })
		}
		return opt.Late(column)
	}
}

// fillSets makes the missing rows of each set whose columns are chosen the most frequent level of it, in place of the
// median of each column.
func (p *Fitted) fillSets(train *frame.Frame, chosen func(column string) bool) error {
	for i := range p.Sets {
		set := &p.Sets[i]
		if !chosen(set.Columns[0].Name) {
			continue
		}
		folded, err := set.fold(train)
		if err != nil {
			return err
		}
		rows := map[string]int{}
		for _, code := range folded.Codes {
			if code != frame.Missing {
				rows[folded.Levels[code]]++
			}
		}
		if len(rows) == 0 {
			continue
		}
		levels := set.levels()
		counts := make([]int, len(levels))
		for j, l := range levels {
			counts[j] = rows[l]
		}
		most := levels[mostFrequent(counts)]
		for j := range p.Columns {
			if c := &p.Columns[j]; slices.ContainsFunc(set.Columns, func(m Member) bool { return m.Name == c.Name }) {
				fill := 0.0
				if c.Name == most {
					fill = 1
				}
				c.FillNumber = &fill
			}
		}
	}
	return nil
}

// addIndicators gives a mark to each column, and to each set, with a missing value in train.
func (p *Fitted) addIndicators(train, rows *frame.Frame) error {
	sets := setOf(p.Sets)
	for i := range p.Columns {
		c := &p.Columns[i]
		name := c.Name
		if set := sets[c.Name]; set != nil {
			if set.Columns[len(set.Columns)-1].Name != c.Name {
				continue
			}
			name = set.Name
		}
		if rows.Column(c.Name).MissingCount() == 0 {
			continue
		}
		c.Indicator = IndicatorName(name)
		if train.Column(c.Indicator) != nil || slices.ContainsFunc(p.Sets, func(s Set) bool { return s.Name == c.Indicator }) {
			return fmt.Errorf("indicator: the mark of %q would be named %q, which is there already", name, c.Indicator)
		}
	}
	return nil
}

// empty reports whether a column has no value at all.
func empty(c *frame.Column) bool { return c.MissingCount() == c.Len() }

// noteEmpty notes the columns that cannot be filled; that all are, for want of rows, is an error.
func (p *Fitted) noteEmpty(columns []*frame.Column, rows int) error {
	switch {
	case p.Missing != Median && p.Missing != Model:
		return nil
	case rows == 0:
		return fmt.Errorf("missing %q: train has no rows", p.Missing)
	}
	var names []string
	for _, c := range columns {
		if empty(c) {
			names = append(names, strconv.Quote(c.Name))
		}
	}
	if names != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("prepare: missing values stay, as train has no value to fill them from: %s", strings.Join(names, ", ")))
	}
	return nil
}

func fitColumn(c *frame.Column, missing string, levels *Levels) Column {
	out := Column{Name: c.Name, Kind: c.Kind}
	fill := missing == Median && !empty(c)
	if c.Kind == frame.Number {
		if fill {
			m := median(c.Numbers, c.Integer)
			out.FillNumber = &m
		}
		return out
	}
	rows := levelRows(c)
	if levels != nil {
		out.Merge = merge(c.Levels, rows, *levels)
	}
	if fill {
		level := c.Levels[mostFrequent(rows)]
		if out.Merge != nil && !out.Merge.keeps(level) {
			level = levels.Other
		}
		out.FillLevel = &level
	}
	return out
}

// levelRows counts the rows of each level.
func levelRows(c *frame.Column) []int {
	rows := make([]int, len(c.Levels))
	for _, code := range c.Codes {
		if code != frame.Missing {
			rows[code]++
		}
	}
	return rows
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
	sorted := present(values)
	n := len(sorted)
	m := sorted[n/2]
	if n%2 == 0 {
		m = middle(sorted[n/2-1], m)
	}
	if whole {
		m = math.RoundToEven(m)
	}
	return m + 0 // −0 is 0: equal data, equal bytes
}

// present returns the values that are not missing, sorted.
func present(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// middle is half way from a to b. Halves are added only where the sum overflows: half of a tiny number is inexact.
func middle(a, b float64) float64 {
	if sum := a + b; !math.IsInf(sum, 0) {
		return sum / 2
	}
	return a/2 + b/2
}

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
