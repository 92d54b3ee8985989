package characteristics

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// class is rows that have one level of a column, or no value of it.
type class struct {
	name     string
	missing  bool
	subjects map[string]map[int32]bool // by side; each synthetic row is one
	counts   map[string]int
	hidden   map[string]bool // by side: told with others
}

// classesOf counts the rows of each level, the most frequent in the real rows first, and those without a value last; nil for
// columns of numbers. Columns of no number but 0 and 1 have these two levels.
func (d *described) classesOf(c *frame.Column) []*class {
	real, levels := texts(c, d.Real.Rows())
	if levels == nil {
		return nil
	}
	synthetic, more := texts(d.Frame(compare.Synthetic).Column(c.Name), d.Frame(compare.Synthetic).Rows())
	if more == nil {
		return nil // a binary column that synthetic rows have other numbers of
	}
	for _, l := range more {
		if !slices.Contains(levels, l) {
			levels = append(levels, l)
		}
	}
	byName := map[string]*class{}
	classes := make([]*class, 0, len(levels)+1)
	for _, l := range append(slices.Clone(levels), "") {
		k := &class{name: l, missing: l == "", counts: map[string]int{}, hidden: map[string]bool{}}
		k.subjects = map[string]map[int32]bool{plugins.RealSide: {}, plugins.SynthSide: {}}
		byName[l], classes = k, append(classes, k)
	}
	of, _ := d.Subjects()
	for row, l := range real {
		k := byName[l]
		k.counts[plugins.RealSide]++
		k.subjects[plugins.RealSide][of[row]] = true
	}
	for row, l := range synthetic {
		k := byName[l]
		k.counts[plugins.SynthSide]++
		k.subjects[plugins.SynthSide][int32(row)] = true
	}
	slices.SortStableFunc(classes[:len(levels)], func(a, b *class) int {
		return cmp.Compare(b.counts[plugins.RealSide], a.counts[plugins.RealSide])
	})
	for i, k := range classes {
		known := len(k.subjects[plugins.RealSide]) > 0
		if !k.missing && (!known || i >= mostLevels || k.name == OtherLevels) {
			k.hidden[plugins.RealSide] = true
		}
	}
	hide(classes, plugins.RealSide)
	for _, k := range classes {
		k.hidden[plugins.SynthSide] = k.hidden[plugins.RealSide]
	}
	hide(classes, plugins.SynthSide)
	return classes
}

// texts is the level of each row, "" where it has no value, and the levels that occur; nil for a column of numbers other than 0 and 1.
func texts(c *frame.Column, rows int) (of, levels []string) {
	of, levels = make([]string, rows), []string{}
	if c.Kind == frame.Category {
		used := make([]bool, len(c.Levels))
		for row := range of {
			if code := c.Codes[row]; code != frame.Missing {
				of[row], used[code] = c.Levels[code], true
			}
		}
		for i, l := range c.Levels {
			if used[i] {
				levels = append(levels, l)
			}
		}
		return of, levels
	}
	for row := range of {
		switch v := c.Numbers[row]; {
		case c.IsMissing(row):
		case v == 0 || v == 1:
			of[row] = strconv.Itoa(int(v))
		default:
			return nil, nil
		}
	}
	for _, l := range []string{"0", "1"} {
		if slices.Contains(of, l) {
			levels = append(levels, l)
		}
	}
	return of, levels
}

// hide adds to the classes that are told together on a side those of too few subjects; and, where the rows of all these would tell of
// too few subjects, or of one class alone, the smallest of the others, too.
func hide(classes []*class, side string) {
	hidden, subjects := 0, map[int32]bool{} // a patient may be in several
	mark := func(k *class) {
		k.hidden[side] = true
		hidden++
		maps.Copy(subjects, k.subjects[side])
	}
	some := false // a class that must not be told has patients
	for _, k := range classes {
		n := len(k.subjects[side])
		few := n > 0 && n < plugins.FewestTold
		if some = some || few; few || k.hidden[side] {
			mark(k)
		}
	}
	for some && (hidden < 2 || len(subjects) < plugins.FewestTold) {
		var next *class
		for _, k := range classes {
			if n := len(k.subjects[side]); !k.hidden[side] && n > 0 && (next == nil || n < len(next.subjects[side])) {
				next = k
			}
		}
		if next == nil {
			return
		}
		mark(next)
	}
}

// levels describes a column of levels.
func (d *described) levels(column string, classes []*class) {
	for _, side := range sides {
		dims := map[string]string{plugins.ColumnDim: column}
		rows, together, missing := d.frame(side).Rows(), 0, classes[len(classes)-1]
		subjects, some := map[int32]bool{}, false
		for _, k := range classes {
			if k.hidden[side] {
				together, some = together+k.counts[side], true
				maps.Copy(subjects, k.subjects[side])
			}
		}
		if missing.hidden[side] {
			d.lacks(side, Missing, dims, withheld+"; it is told with other levels")
		} else {
			d.add(side, Missing, dims, float64(missing.counts[side]), rows)
		}
		valued := rows
		if !missing.hidden[side] {
			valued -= missing.counts[side]
		}
		for _, k := range classes {
			switch {
			case k.missing || k.hidden[plugins.RealSide]: // of levels that are told together on both sides nothing is said one by one
			case k.hidden[side]:
				d.untold(side, column, k.name, withheld+"; it is told with other levels")
			default:
				d.level(side, column, k.name, k.counts[side], valued)
			}
		}
		switch {
		case !some:
		case len(subjects) > 0 && len(subjects) < plugins.FewestTold:
			d.untold(side, column, OtherLevels, withheld)
		default:
			d.level(side, column, OtherLevels, together, valued)
		}
	}
}

func (d *described) level(side, column, level string, count, valued int) {
	if valued == 0 {
		d.untold(side, column, level, "no row has a value in this column")
		return
	}
	dims := map[string]string{plugins.ColumnDim: column, levelDim: level}
	d.add(side, Count, dims, float64(count), valued)
	d.add(side, Share, dims, float64(count)/float64(valued), valued)
}

func (d *described) untold(side, column, level, why string) {
	dims := map[string]string{plugins.ColumnDim: column, levelDim: level}
	d.lacks(side, Count, dims, why)
	d.lacks(side, Share, dims, why)
}
