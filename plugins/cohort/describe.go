package cohort

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The counts of Describe.
const (
	CountMissing         = "missing values"          // of a column
	CountMissingTogether = "missing values not told" // of all columns whose number is not told by itself
	CountDistinct        = "distinct values"         // of a column, those without a value aside
	CountLevel           = "rows with the level"     // of a column
	levelDim             = "level"
)

// mostLevels is how many values a column may have whose rows are counted by value.
const mostLevels = 20

// Describe counts what rows of a data set hold: the missing values of each column; the values that a category or a column of whole numbers
// has; and, of at most mostLevels of these, the rows with each. sets are the columns of one-hot sets: numbers 0 and 1, of which a row has a 1
// in one at most.
//
// What stands for some patients, but for fewer than plugins.FewestTold, is left out, whatever the governance of the data, and so is what
// would tell it: see disclosure. Missing values that are left out are told together, where their sum tells of none of them.
func Describe(f *frame.Frame, subject *frame.Column, rows []int, sets [][]string) []plugins.Count {
	d := newDisclosure(f, PatientOf(subject), rows, sets)
	d.withhold()
	var counts []plugins.Count
	for _, c := range d.columns {
		of := func(name string, value int) {
			counts = append(counts, plugins.Count{Name: name, Dims: map[string]string{plugins.ColumnDim: c.name}, Value: value})
		}
		for _, k := range c.levels() {
			if !k.hidden && !k.unshown {
				of(CountLevel, k.rows)
				counts[len(counts)-1].Dims[levelDim] = k.name
			}
		}
		if missing := c.missing(); !missing.hidden {
			of(CountMissing, missing.rows)
		}
		if c.distinct > 0 {
			of(CountDistinct, c.distinct)
		}
	}
	if sum := d.together(); sum > 0 {
		counts = append(counts, plugins.Count{Name: CountMissingTogether, Value: sum})
	}
	return counts
}

// PatientOf returns whose row each is; a row without a subject is of a patient of its own.
func PatientOf(subject *frame.Column) func(row int) float64 {
	own := func(row int) float64 { return -1 - float64(row) }
	switch {
	case subject == nil:
		return own
	case subject.Kind == frame.Category:
		return func(row int) float64 {
			if code := subject.Codes[row]; code != frame.Missing {
				return float64(code)
			}
			return own(row)
		}
	}
	ids := map[float64]int{}
	for _, v := range subject.Numbers {
		if _, known := ids[v]; !known && !math.IsNaN(v) {
			ids[v] = len(ids)
		}
	}
	return func(row int) float64 {
		if v := subject.Numbers[row]; !math.IsNaN(v) {
			return float64(ids[v])
		}
		return own(row)
	}
}

// class is the rows that have one value of a column, or none.
type class struct {
	name     string
	rows     int
	patients []float64 // the first of them, no more than need be known
	hidden   bool
	unshown  bool // it has no count of its own; that the others are told tells it
	missing  bool // rows without a value
}

func (k *class) add(patient float64) {
	k.rows++
	if len(k.patients) < plugins.FewestTold && !slices.Contains(k.patients, patient) {
		k.patients = append(k.patients, patient)
	}
}

// parted is a column by its classes.
type parted struct {
	name     string
	classes  []*class // in the order of their values; last those without a value
	of       []uint8  // the class of each row
	distinct int      // number of values, 0 where it is not counted
}

func (c *parted) levels() []*class { return c.classes[:len(c.classes)-1] }
func (c *parted) missing() *class  { return c.classes[len(c.classes)-1] }

// shown reports whether the rows with each value are counted.
func (c *parted) shown() bool { return !c.classes[0].unshown }

// part parts rows by the values of a column. One with many values, or whose values are not counted, has one class of the rows with a value.
func part(c *frame.Column, rows []int, whose func(int) float64, counted bool) *parted {
	p := &parted{name: c.Name, of: make([]uint8, len(rows))}
	var values []float64
	if counted {
		values = p.values(c, rows)
	}
	for _, v := range values {
		name := strconv.FormatFloat(v, 'g', -1, 64)
		if c.Kind == frame.Category {
			name = c.Levels[int(v)]
		}
		p.classes = append(p.classes, &class{name: name})
	}
	if len(values) == 0 {
		p.classes = append(p.classes, &class{unshown: true})
	}
	p.classes = append(p.classes, &class{missing: true})
	at := make(map[float64]int, len(values))
	for i, v := range values {
		at[v] = i
	}
	for i, row := range rows {
		k := len(p.classes) - 1
		if !c.IsMissing(row) {
			k = 0
			if len(values) > 0 {
				k = at[valueOf(c, row)]
			}
		}
		p.of[i] = uint8(k)
		p.classes[k].add(whose(row))
	}
	return p
}

// values are those of a column in their order where there are at most mostLevels of them, and notes how many there are.
func (p *parted) values(c *frame.Column, rows []int) []float64 {
	seen := map[float64]bool{}
	for _, row := range rows {
		if !c.IsMissing(row) {
			seen[valueOf(c, row)] = true
		}
	}
	if p.distinct = len(seen); p.distinct > mostLevels {
		return nil
	}
	return slices.Sorted(maps.Keys(seen))
}

// valueOf is the value of a row, of a category the number of its level.
func valueOf(c *frame.Column, row int) float64 {
	if c.Kind == frame.Category {
		return float64(c.Codes[row])
	}
	return c.Numbers[row]
}
