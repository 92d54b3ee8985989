package table

import (
	"context"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The cardinalities of joins.
const (
	oneToOne  = "one-to-one"
	manyToOne = "many-to-one"
)

// joined is a table whose columns are added to another's.
type joined struct {
	*source
	JoinConfig
	name string
}

// joinAll joins the tables in the order of their names, each as soon as the columns of its key are there.
func (d *dataset) joinAll(ctx context.Context, t *sheet, threads int, sample bool) error {
	waiting := slices.Clone(d.joins)
	for len(waiting) > 0 {
		at := slices.IndexFunc(waiting, func(j *joined) bool { return j.missingKey(t) == "" })
		if at < 0 {
			j := waiting[0]
			return t.fault("", "no column named %q, as %q has it for a key; columns that \"keep\" does not list are not read", j.missingKey(t), j.source.setting+"on")
		}
		right, err := waiting[at].read(ctx, threads, sample)
		if err != nil {
			return err
		}
		if err := waiting[at].join(t, right); err != nil {
			return err
		}
		waiting = slices.Delete(waiting, at, at+1)
	}
	return nil
}

// missingKey is the first column of the key that the table joined to has not, or "".
func (j *joined) missingKey(t *sheet) string {
	for _, name := range j.On.Left {
		if t.column(name) == nil {
			return name
		}
	}
	return ""
}

// join adds the columns of right to the rows of t with the same key.
func (j *joined) join(t, right *sheet) error {
	left, known, err := j.keys(t, right)
	if err != nil {
		return err
	}
	of := make([]int, known.n) // row of right that has the key, from 1
	for row, key := range known.codes {
		if key >= 0 {
			of[key] = row + 1
		}
	}
	match := make([]int, t.rows)
	used, matched := make([]bool, right.rows), 0
	for row, key := range left {
		if match[row] = -1; key >= 0 && of[key] > 0 {
			match[row] = of[key] - 1
			used[match[row]] = true
			matched++
		}
	}
	complete := t.complete && right.complete
	if matched == 0 && complete {
		return right.fault("", "no row of %s has a match by the key of %q; do the keys mean the same, and are they written alike?", t.parts[0].file, j.source.setting+"on")
	}
	j.count(t, right, matched, used)
	if err := j.add(t, right, match); err != nil {
		return err
	}
	t.complete = complete
	if j.How == "inner" && complete {
		var rows []int
		for row, m := range match {
			if m >= 0 {
				rows = append(rows, row)
			}
		}
		t.take(rows)
	}
	return nil
}

// count accounts for the rows of both sides.
func (j *joined) count(t, right *sheet, matched int, used []bool) {
	unused := 0
	for _, u := range used {
		if !u {
			unused++
		}
	}
	for _, c := range right.counts {
		dims := map[string]string{"join": j.name}
		for k, v := range c.Dims {
			dims[k] = v
		}
		t.counts = append(t.counts, plugins.Count{Name: c.Name, Dims: dims, Value: c.Value})
	}
	without := "rows without a match: kept"
	if j.How == "inner" {
		without = "rows without a match: left out"
	}
	for _, c := range []plugins.Count{
		{Name: "rows with a match", Value: matched},
		{Name: without, Value: t.rows - matched},
		{Name: "rows of the joined table without a match", Value: unused},
	} {
		c.Dims = map[string]string{"join": j.name}
		t.counts = append(t.counts, c)
	}
}

// add adds the columns of right, but for its key, in the rows that match says; -1 has none.
func (j *joined) add(t, right *sheet, match []int) error {
	taken := setOf(t.names())
	for _, c := range right.columns {
		if slices.Contains(j.On.Right, c.Name) {
			continue
		}
		name := j.Prefix + c.Name
		if taken[name] {
			return right.fault(c.Name, "the table joined to has a column %q already; set %q, or name it in %q", name, j.source.setting+"prefix", j.source.setting+"drop")
		}
		taken[name] = true
		made := rowsAt(c, match)
		made.Name = name
		t.columns = append(t.columns, made)
		if g := right.groups[c.Name]; g != "" {
			t.groups[name] = g
		}
		if right.leave[c.Name] {
			t.leave[name] = true
		}
		if d, ok := right.dates[c.Name]; ok {
			if _, own := right.dates[d.since]; own {
				d.since = j.Prefix + d.since
			}
			d.place = t.at
			t.dates[name] = d
		}
	}
	return nil
}

// rowsAt makes a column of the given rows, with no value where the row is -1.
func rowsAt(c *frame.Column, rows []int) *frame.Column {
	if c.Kind == frame.Category {
		codes := make([]int32, len(rows))
		for i, row := range rows {
			if codes[i] = frame.Missing; row >= 0 {
				codes[i] = c.Codes[row]
			}
		}
		out := frame.NewCategory(c.Name, c.Levels, codes)
		out.Unit = c.Unit
		return out
	}
	out := &frame.Column{Name: c.Name, Kind: c.Kind, Integer: c.Integer, Unit: c.Unit, Numbers: make([]float64, len(rows))}
	for i, row := range rows {
		if out.Numbers[i] = math.NaN(); row >= 0 {
			out.Numbers[i] = c.Numbers[row]
		}
	}
	return out
}
