package cohort

import (
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
// has; and, of at most mostLevels of these, the rows with each.
//
// What stands for some patients, but for fewer than plugins.FewestTold, is left out, whatever the governance of the data, and with it what
// would tell it by subtraction: of one column the smallest other count, so that two at least are not told and stand for as many rows. The
// missing values that are left out are told together, with the fewest others where they are of one column alone or of too few rows.
func Describe(f *frame.Frame, subject *frame.Column, rows []int) []plugins.Count {
	var counts []plugins.Count
	untold, together := 0, 0 // columns, and their missing values
	whose := patientOf(subject)
	for _, c := range f.Columns() {
		classes, distinct := classesOf(c, rows, whose)
		missing := classes[len(classes)-1]
		for i, k := range classes {
			switch {
			case i == len(classes)-1 && k.hidden:
				untold, together = untold+1, together+k.rows
			case i == len(classes)-1:
				counts = append(counts, plugins.Count{Name: CountMissing, Dims: map[string]string{plugins.ColumnDim: c.Name}, Value: missing.rows})
			case !k.hidden:
				counts = append(counts, plugins.Count{Name: CountLevel, Dims: map[string]string{plugins.ColumnDim: c.Name, levelDim: k.name}, Value: k.rows})
			}
		}
		if distinct > 0 {
			counts = append(counts, plugins.Count{Name: CountDistinct, Dims: map[string]string{plugins.ColumnDim: c.Name}, Value: distinct})
		}
	}
	for untold > 0 && (untold < 2 || together < plugins.FewestTold) {
		least := -1
		for i, c := range counts {
			if c.Name == CountMissing && c.Value > 0 && (least < 0 || c.Value < counts[least].Value) {
				least = i
			}
		}
		if least < 0 {
			return counts
		}
		untold, together = untold+1, together+counts[least].Value
		counts = slices.Delete(counts, least, least+1)
	}
	if untold > 0 {
		counts = append(counts, plugins.Count{Name: CountMissingTogether, Value: together})
	}
	return counts
}

// patientOf returns whose row each is; a row without a subject is of a patient of its own.
func patientOf(subject *frame.Column) func(row int) float64 {
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
}

func (k *class) add(patient float64) {
	k.rows++
	if len(k.patients) < plugins.FewestTold && !slices.Contains(k.patients, patient) {
		k.patients = append(k.patients, patient)
	}
}

// classesOf parts rows by the values of a column, in their order; last come those without a value. A column with many values, or of
// fractions, has the last class alone. distinct is the number of values, 0 where it is not counted.
func classesOf(c *frame.Column, rows []int, whose func(int) float64) (classes []class, distinct int) {
	var missing class
	of := map[float64]*class{}
	counted := c.Kind == frame.Category || c.Integer
	for _, row := range rows {
		switch {
		case c.IsMissing(row):
			missing.add(whose(row))
		case counted:
			v := valueOf(c, row)
			k, known := of[v]
			if !known {
				if len(of) < mostLevels {
					k = &class{}
				}
				of[v] = k
			}
			if k != nil {
				k.add(whose(row))
			}
		}
	}
	if len(of) <= mostLevels {
		values := make([]float64, 0, len(of))
		for v := range of {
			values = append(values, v)
		}
		slices.Sort(values)
		for _, v := range values {
			k := of[v]
			k.name = strconv.FormatFloat(v, 'g', -1, 64)
			if c.Kind == frame.Category {
				k.name = c.Levels[int(v)]
			}
			classes = append(classes, *k)
		}
	}
	classes = append(classes, missing)
	hide(classes)
	return classes, len(of)
}

// valueOf is the value of a row, of a category the number of its level.
func valueOf(c *frame.Column, row int) float64 {
	if c.Kind == frame.Category {
		return float64(c.Codes[row])
	}
	return c.Numbers[row]
}

// hide marks the classes that are not told. All rows are told, so that one alone would follow from the others.
func hide(classes []class) {
	hidden, rows := 0, 0
	mark := func(i int) {
		classes[i].hidden = true
		hidden, rows = hidden+1, rows+classes[i].rows
	}
	for i := range classes {
		if n := len(classes[i].patients); n > 0 && n < plugins.FewestTold {
			mark(i)
		}
	}
	if len(classes) == 1 { // how many have a value is not told
		return
	}
	for hidden > 0 && (hidden < 2 || rows < plugins.FewestTold) {
		least := -1
		for i, k := range classes {
			if !k.hidden && k.rows > 0 && (least < 0 || k.rows < classes[least].rows) {
				least = i
			}
		}
		if least < 0 {
			return
		}
		mark(least)
	}
}
