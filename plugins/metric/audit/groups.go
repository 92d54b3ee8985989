package audit

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// grouping is the groups of the synthetic rows by one variable.
type grouping struct {
	by     string
	groups []string
	of     []int // of each row, an index into groups
	err    error // why there are none
}

// missing is the group of rows without a value.
const missing = "(missing)"

// groupings are those of the settings, or by the label.
func (c Config) groupings(pair *plugins.Pair) (out []grouping) {
	rows := pair.Audit.Before
	by := c.By
	if len(by) == 0 && len(c.Sets) == 0 && c.Severity == "" && pair.Target != "" {
		by = []string{pair.Target}
	}
	for _, name := range by {
		out = append(out, byLevels(name, rows))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sets)) {
		out = append(out, bySet(name, c.Sets[name], rows))
	}
	if c.Severity != "" {
		out = append(out, byThirds(c.Severity, rows, pair.Parts.Get(plugins.Test)))
	}
	return out
}

// byLevels are the levels of a column.
func byLevels(name string, rows *frame.Frame) grouping {
	g := grouping{by: name}
	columns, err := subgroup.Synthetic(rows, []string{name})
	if err != nil {
		g.err = err
		return g
	}
	formed, err := subgroup.Form(columns)
	if err != nil {
		g.err = err
		return g
	}
	g.groups = formed.Levels
	for _, of := range formed.Of[0] {
		g.of = append(g.of, int(of))
	}
	g.addMissing()
	return g
}

// addMissing makes a group of the rows that have none.
func (g *grouping) addMissing() {
	if !slices.Contains(g.of, int(frame.Missing)) {
		return
	}
	g.groups = append(g.groups, missing)
	for row, of := range g.of {
		if of == int(frame.Missing) {
			g.of[row] = len(g.groups) - 1
		}
	}
}

// Groups of rows in which not one column of a set is 1.
const (
	noneOf    = "none of them"
	severalOf = "several of them"
)

// bySet are the columns of a set of which one is 1.
func bySet(name string, set []string, rows *frame.Frame) grouping {
	g := grouping{by: name}
	columns, err := subgroup.Synthetic(rows, set)
	if err != nil {
		g.err = err
		return g
	}
	for _, c := range columns {
		if c.Kind != frame.Number || slices.ContainsFunc(c.Numbers, func(v float64) bool { return v != 0 && v != 1 && !math.IsNaN(v) }) {
			g.err = fmt.Errorf("column %q of the set has other values than 0 and 1", c.Name)
			return g
		}
	}
	names := append(slices.Clone(set), noneOf, severalOf, missing)
	all := make([]int, rows.Rows())
	for row := range all {
		all[row] = inSet(columns, row)
	}
	at := map[int]int{}
	for i, name := range names {
		if i < len(set) || slices.Contains(all, i) {
			at[i] = len(g.groups)
			g.groups = append(g.groups, name)
		}
	}
	for _, i := range all {
		g.of = append(g.of, at[i])
	}
	return g
}

// inSet is the place of the column of a row that is 1; after these come none, several and missing.
func inSet(columns []*frame.Column, row int) int {
	n := len(columns)
	found, lacks := n, false
	for i, c := range columns {
		switch {
		case c.IsMissing(row):
			lacks = true
		case c.Numbers[row] == 1 && found < n:
			return n + 1
		case c.Numbers[row] == 1:
			found = i
		}
	}
	if found == n && lacks {
		return n + 2
	}
	return found
}

// byThirds are the thirds of the test rows, into which synthetic ones fall.
func byThirds(name string, rows *frame.Frame, test plugins.Sample) grouping {
	g := grouping{by: name + " in thirds", groups: []string{"lowest third", "middle third", "highest third"}}
	synthetic, err := subgroup.Synthetic(rows, []string{name})
	if err == nil {
		var real []*frame.Column
		if real, err = subgroup.Columns(test, plugins.Test, []string{name}); err == nil {
			g.err = g.cut(synthetic[0], real[0])
			return g
		}
	}
	g.err = err
	return g
}

// cut puts rows into the thirds of real values.
func (g *grouping) cut(synthetic, real *frame.Column) error {
	if synthetic.Kind != frame.Number || real.Kind != frame.Number {
		return fmt.Errorf("column %q has levels and no numbers: name it in \"by\"", synthetic.Name)
	}
	values := slices.DeleteFunc(slices.Clone(real.Numbers), math.IsNaN)
	if len(values) < 3*plugins.FewestTold {
		return fmt.Errorf("a third of the test rows would stand for fewer than %d patients", plugins.FewestTold)
	}
	slices.Sort(values)
	low, err := stats.Percentile(values, 1.0/3)
	if err != nil {
		return err
	}
	high, err := stats.Percentile(values, 2.0/3)
	if err != nil {
		return err
	}
	for _, v := range synthetic.Numbers {
		at := 1
		switch {
		case math.IsNaN(v):
			at = int(frame.Missing)
		case v <= low:
			at = 0
		case v > high:
			at = 2
		}
		g.of = append(g.of, at)
	}
	g.addMissing()
	return nil
}
