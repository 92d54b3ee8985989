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
	holds    bool // its count is approximate, as that of the rows without a value is withheld
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

// hide marks the levels that are told together: those of too few real subjects, those that no real row has, and those beyond mostLevels; and,
// where the rows of these would tell of too few subjects, or of one level alone, the smallest of the others, too. Where too few subjects
// have rows without a value, a count is marked that these could as well belong to.
func hide(classes []*class) {
	levels, missing := classes[:len(classes)-1], classes[len(classes)-1]
	hidden, subjects := 0, map[int32]bool{} // a patient may be in several
	mark := func(k *class) {
		k.hidden = true
		hidden++
		maps.Copy(subjects, k.subjects)
	}
	more := func() bool { // marks the smallest of the others
		var next *class
		for _, k := range levels {
			if !k.hidden && len(k.subjects) > 0 && (next == nil || len(k.subjects) < len(next.subjects)) {
				next = k
			}
		}
		if next != nil {
			mark(next)
		}
		return next != nil
	}
	some := false // a level that must not be told has patients
	for i, k := range levels {
		few := few(k)
		if some = some || few; few || len(k.subjects) == 0 || i >= mostLevels || k.name == OtherLevels {
			mark(k)
		}
	}
	for some && (hidden < 2 || len(subjects) < plugins.FewestTold) {
		if !more() {
			return
		}
	}
	if !few(missing) {
		return
	}
	// Besides its own rows, those without a value are all that is not told, so that it must be large enough for any number of them.
	enough := func(k map[int32]bool) bool { return len(k)+len(missing.subjects) >= leastHolding }
	if len(subjects) == 0 {
		k := holder(levels)
		if k == nil {
			return
		}
		if enough(k.subjects) {
			k.holds = true
			return
		}
		mark(k)
	}
	for !enough(subjects) && more() {
	}
}

// leastHolding is the least size of a count that rows without a value might belong to: what is left when as many of them as may be withheld
// are taken away may be told.
const leastHolding = 2*plugins.FewestTold - 1

func few(k *class) bool { return len(k.subjects) > 0 && len(k.subjects) < plugins.FewestTold }

// holder is the level whose count is told as an approximation, the first by name: a choice by counts would tell of them. It is nil where
// all levels are hidden.
func holder(levels []*class) *class {
	var first *class
	for _, k := range levels {
		if !k.hidden && !k.missing && (first == nil || k.name < first.name) {
			first = k
		}
	}
	return first
}

// levels describes a column of levels.
func (d *described) levels(column string, classes []*class) {
	for _, side := range sides {
		t := d.tell(side, classes)
		dims := map[string]string{plugins.ColumnDim: column}
		if why := t.why; why != "" {
			d.lacks(side, Missing, dims, why)
			for _, name := range t.names {
				d.lacks(side, Count, levelDims(column, name), why)
				d.lacks(side, Share, levelDims(column, name), why)
			}
			continue
		}
		if t.taken > 0 {
			d.lacks(side, Missing, dims, plugins.WithheldFew)
		} else {
			d.add(side, Missing, dims, float64(t.missing), d.frame(side).Rows())
		}
		valued := d.frame(side).Rows() - t.missing
		for _, name := range t.names {
			d.level(side, column, name, t.counts[name], valued)
			if t.taken > 0 {
				scores := d.scores[len(d.scores)-2:]
				scores[1].Warnings = []string{approximate(t.taken)}
				if name == t.holder {
					scores[0].Warnings = scores[1].Warnings
				}
			}
		}
	}
}

// told is what is said of a column of levels on one side.
type told struct {
	why     string         // why that is nothing
	names   []string       // of the levels
	counts  map[string]int // of rows
	missing int            // rows without a value
	taken   int            // what is taken for their number, which is withheld; 0: it is told
	holder  string         // of the levels, the one whose count rests on that
}

// tell counts the rows of one side. Where the number of those without a value must not be told, a number that everyone knows stands for it.
func (d *described) tell(side string, classes []*class) told {
	levels, missing := classes[:len(classes)-1], classes[len(classes)-1]
	t := told{counts: map[string]int{}, missing: missing.counts[side]}
	others, some := map[int32]bool{}, false
	for _, k := range levels {
		switch {
		case k.hidden:
			t.counts[OtherLevels] += k.counts[side]
			maps.Copy(others, k.subjects)
			some = true
			continue
		case !k.holds:
			t.names = append(t.names, k.name)
		}
		t.counts[k.name] = k.counts[side]
	}
	holds := holder(levels)
	if at := slices.IndexFunc(levels, func(k *class) bool { return k.holds }); at >= 0 { // last, as its place would tell of its count
		t.names = append(t.names, levels[at].name)
	}
	if some {
		t.names = append(t.names, OtherLevels)
	}
	untold := few(missing)
	if side == plugins.SynthSide {
		untold = d.few(side, t.missing)
		for _, name := range t.names {
			if d.few(side, t.counts[name]) {
				t.why = withheldColumn
				return t
			}
		}
	} else if len(others) > 0 && len(others) < plugins.FewestTold { // they are all that have a value
		t.why = withheldColumn
		return t
	}
	if !untold {
		return t
	}
	if t.counts[OtherLevels] > 0 {
		t.holder = OtherLevels
	} else if holds != nil {
		t.holder = holds.name
	}
	all := t.counts[t.holder] + t.missing
	if t.holder == "" || all < leastHolding {
		t.why = withheldColumn
		return t
	}
	t.taken = min(d.standing(side), all/2)
	t.missing, t.counts[t.holder] = t.taken, all-t.taken
	return t
}

// standing is the number that stands for that of rows of too few patients: those of half as many as must be told, by the mean.
func (d *described) standing(side string) int {
	const patients = plugins.FewestTold / 2
	if side == plugins.SynthSide {
		return patients
	}
	_, subjects := d.Subjects()
	return max(patients, patients*d.Real.Rows()/max(subjects, 1))
}

// approximate is said of what rests on the number that stands for that of the rows without a value.
func approximate(taken int) string {
	return fmt.Sprintf("approximate: the number of rows without a value is withheld, and taken to be %d", taken)
}

func levelDims(column, level string) map[string]string {
	return map[string]string{plugins.ColumnDim: column, levelDim: level}
}

// level adds the count and the share of a level.
func (d *described) level(side, column, level string, count, valued int) {
	dims := levelDims(column, level)
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
