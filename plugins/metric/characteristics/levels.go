package characteristics

import (
	"cmp"
	"fmt"
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
	subjects map[int32]bool // real ones
	counts   map[string]int
	hidden   bool // told with others
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
		k := &class{name: l, missing: l == "", subjects: map[int32]bool{}, counts: map[string]int{}}
		byName[l], classes = k, append(classes, k)
	}
	of, _ := d.Subjects()
	for row, l := range real {
		k := byName[l]
		k.counts[plugins.RealSide]++
		k.subjects[of[row]] = true
	}
	for _, l := range synthetic {
		byName[l].counts[plugins.SynthSide]++
	}
	slices.SortStableFunc(classes[:len(levels)], func(a, b *class) int {
		return cmp.Compare(b.counts[plugins.RealSide], a.counts[plugins.RealSide])
	})
	hide(classes)
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

// hide marks the classes that are told together: those of too few real subjects, those that no real row has, and those beyond mostLevels;
// and, where the rows of these would tell of too few subjects, or of one class alone, the smallest of the others, too.
func hide(classes []*class) {
	hidden, subjects := 0, map[int32]bool{} // a patient may be in several
	mark := func(k *class) {
		k.hidden = true
		hidden++
		maps.Copy(subjects, k.subjects)
	}
	some := false // a class that must not be told has patients
	for i, k := range classes {
		few := len(k.subjects) > 0 && len(k.subjects) < plugins.FewestTold
		if some = some || few; few || !k.missing && (len(k.subjects) == 0 || i >= mostLevels || k.name == OtherLevels) {
			mark(k)
		}
	}
	for some && (hidden < 2 || len(subjects) < plugins.FewestTold) {
		var next *class
		for _, k := range classes {
			if !k.hidden && len(k.subjects) > 0 && (next == nil || len(k.subjects) < len(next.subjects)) {
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
			if k.hidden {
				together, some = together+k.counts[side], true
				maps.Copy(subjects, k.subjects)
			}
		}
		if side == plugins.SynthSide && d.fewIn(classes) {
			d.lacks(side, Missing, dims, withheldColumn)
			for _, k := range classes {
				if !k.missing && !k.hidden {
					d.untold(column, k.name)
				}
			}
			if some {
				d.untold(column, OtherLevels)
			}
			continue
		}
		if missing.hidden {
			d.lacks(side, Missing, dims, withheld+"; it is told with other levels")
		} else {
			d.add(side, Missing, dims, float64(missing.counts[side]), rows)
		}
		valued := rows
		if !missing.hidden {
			valued -= missing.counts[side]
		}
		for _, k := range classes {
			if !k.missing && !k.hidden {
				d.level(side, column, k.name, k.counts[side], valued)
			}
		}
		switch real := side == plugins.RealSide; {
		case !some:
		case real && len(subjects) > 0 && len(subjects) < plugins.FewestTold:
			dims := map[string]string{plugins.ColumnDim: column, levelDim: OtherLevels}
			d.lacks(side, Count, dims, withheld)
			d.lacks(side, Share, dims, withheld)
		default:
			d.level(side, column, OtherLevels, together, valued)
		}
	}
}

func (d *described) level(side, column, level string, count, valued int) {
	dims := map[string]string{plugins.ColumnDim: column, levelDim: level}
	if valued == 0 {
		d.lacks(side, Count, dims, "no row has a value in this column")
		d.lacks(side, Share, dims, "no row has a value in this column")
		return
	}
	d.add(side, Count, dims, float64(count), valued)
	d.add(side, Share, dims, float64(count)/float64(valued), valued)
}

// withheldColumn is why nothing is said of a column whose counts would tell of few.
var withheldColumn = fmt.Sprintf("withheld: a count of this column would stand for fewer than %d patients", plugins.FewestTold)

// fewIn reports whether a count that would be told of the synthetic rows is of too few.
func (d *described) fewIn(classes []*class) bool {
	together := 0
	for _, k := range classes {
		switch n := k.counts[plugins.SynthSide]; {
		case k.hidden:
			together += n
		case d.few(plugins.SynthSide, n):
			return true
		}
	}
	return d.few(plugins.SynthSide, together)
}

// untold adds the count and share of a level of the synthetic rows without a value.
func (d *described) untold(column, level string) {
	dims := map[string]string{plugins.ColumnDim: column, levelDim: level}
	d.lacks(plugins.SynthSide, Count, dims, withheldColumn)
	d.lacks(plugins.SynthSide, Share, dims, withheldColumn)
}
