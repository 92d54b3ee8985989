package cohort

import (
	"cmp"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// disclosure decides which of the counts of a description are withheld. The number of rows is told beside them. Withheld are
//
//   - counts that stand for some patients, but for fewer than plugins.FewestTold;
//   - of each whole, which is a column or a one-hot set, the smallest other counts, until what is hidden of it is of two classes at least
//     and of so many rows that each of them may be any number from 1 to plugins.FewestTold - 1, and stands for that many patients;
//   - one of two counts of different columns where one has no row that the other lacks, or the two no row in common, or all rows are in one
//     of them, and their difference to each other or to all rows stands for few patients: who knows of the first learns of the second;
//   - counts of the same rows as one that is withheld.
//
// These are the primary and the complementary suppression of the literature: L. Willenborg, T. de Waal (2001), Elements of Statistical
// Disclosure Control, chapter 4.
type disclosure struct {
	columns []*parted
	wholes  [][]*class // each has every row in one of its classes
	sets    []oneHot
	alike   []pair
	whose   []float64 // patient of each row
}

// oneHot is a set of columns of 0 and 1: a whole of the rows with a 1 in each, those with none, and those without a value.
type oneHot struct{ members []*parted }

// pair is two classes of different columns.
type pair struct {
	a, b *class
	same bool // of the same rows, or one of all that the other has not; else few patients tell them apart
}

func newDisclosure(f *frame.Frame, patient func(int) float64, rows []int, sets [][]string) *disclosure {
	d := &disclosure{whose: make([]float64, len(rows))}
	for i, row := range rows {
		d.whose[i] = patient(row)
	}
	inSet := map[string]bool{}
	for _, set := range sets {
		for _, name := range set {
			inSet[name] = true
		}
	}
	for _, c := range f.Columns() {
		d.columns = append(d.columns, part(c, rows, patient, c.Kind == frame.Category || c.Integer || inSet[c.Name]))
	}
	for _, set := range sets {
		d.addSet(set)
	}
	for _, c := range d.columns {
		if !inSet[c.name] {
			d.wholes = append(d.wholes, c.classes)
		}
	}
	d.findPairs()
	return d
}

// addSet makes a whole of the columns of a one-hot set. Where they are no such set, which preparation refuses, nothing is told of them but
// how many values each has.
func (d *disclosure) addSet(names []string) {
	var set oneHot
	for _, c := range d.columns {
		if slices.Contains(names, c.name) {
			set.members = append(set.members, c)
		}
	}
	if len(set.members) == 0 {
		return
	}
	whole, proper := d.wholeOf(set)
	if !proper {
		for _, c := range set.members {
			for _, k := range c.classes {
				k.hidden = true
			}
		}
		return
	}
	d.sets = append(d.sets, set)
	d.wholes = append(d.wholes, whole)
}

// wholeOf are the classes of a one-hot set: those with a 1, those with none, and those without a value.
func (d *disclosure) wholeOf(set oneHot) (whole []*class, proper bool) {
	none := &class{unshown: true}
	for row := range d.whose {
		ones, missing := 0, 0
		for _, c := range set.members {
			switch k := c.classes[c.of[row]]; {
			case k.missing:
				missing++
			case k.name == "1" && !k.unshown:
				ones++
			case k.name != "0":
				return nil, false
			}
		}
		switch {
		case ones > 1, missing > 0 && missing < len(set.members):
			return nil, false
		case ones == 0 && missing == 0:
			none.add(d.whose[row])
		}
	}
	for _, c := range set.members {
		if one := c.level("1"); one != nil {
			whole = append(whole, one)
		}
	}
	return append(whole, none, set.members[0].missing()), true
}

// level is a class by its name; nil where no row has it.
func (c *parted) level(name string) *class {
	if i := slices.IndexFunc(c.levels(), func(k *class) bool { return k.name == name && !k.unshown }); i >= 0 {
		return c.classes[i]
	}
	return nil
}

// findPairs finds the classes of different columns of which one tells of another.
func (d *disclosure) findPairs() {
	most := d.mostRows()
	for i, a := range d.columns {
		for _, b := range d.columns[:i] {
			if d.mayTell(a, b, most) {
				d.comparePairs(a, b, most)
			}
		}
	}
}

// mostRows is how many rows fewer than plugins.FewestTold patients may have.
func (d *disclosure) mostRows() int {
	of := map[float64]int{}
	for _, p := range d.whose {
		of[p]++
	}
	var rows []int
	for _, n := range of {
		rows = append(rows, n)
	}
	slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(b, a) })
	most := 0
	for _, n := range rows[:min(len(rows), plugins.FewestTold-1)] {
		most += n
	}
	return most
}

// mayTell reports whether two columns have classes whose sizes, or the size of one and of all others, differ by few rows.
func (d *disclosure) mayTell(a, b *parted, most int) bool {
	n := len(d.whose)
	for _, k := range a.classes {
		for _, l := range b.classes {
			near := max(k.rows-l.rows, l.rows-k.rows) <= most || max(k.rows+l.rows-n, n-k.rows-l.rows) <= most
			if k.comparable(n) && l.comparable(n) && near {
				return true
			}
		}
	}
	return false
}

// comparable reports whether a class has some rows, but not all, and a count.
func (k *class) comparable(all int) bool { return !k.unshown && k.rows > 0 && k.rows < all }

// comparePairs looks at the rows that classes of two columns have in common.
func (d *disclosure) comparePairs(a, b *parted, most int) {
	n := len(d.whose)
	both := make([]int, len(a.classes)*len(b.classes))
	for row := range d.whose {
		both[int(a.of[row])*len(b.classes)+int(b.of[row])]++
	}
	for i, k := range a.classes {
		for j, l := range b.classes {
			if !k.comparable(n) || !l.comparable(n) {
				continue
			}
			x := both[i*len(b.classes)+j]
			cells := [4]int{x, k.rows - x, l.rows - x, n - k.rows - l.rows + x} // of both, of the first alone, of the second alone, of none
			if !slices.Contains(cells[:], 0) {
				continue
			}
			if cells[0] == 0 && cells[3] == 0 || cells[1] == 0 && cells[2] == 0 {
				d.alike = append(d.alike, pair{a: k, b: l, same: true})
				continue
			}
			for c, size := range cells {
				if size > 0 && size <= most && d.fewIn(a.of, b.of, uint8(i), uint8(j), c) {
					d.alike = append(d.alike, pair{a: k, b: l})
					break
				}
			}
		}
	}
}

// fewIn reports whether the rows of a cell of two classes are of few patients.
func (d *disclosure) fewIn(a, b []uint8, i, j uint8, cell int) bool {
	var in class
	for row, patient := range d.whose {
		at := 0
		if a[row] != i {
			at += 2
		}
		if b[row] != j {
			at++
		}
		if at == cell {
			in.add(patient)
		}
	}
	return len(in.patients) < plugins.FewestTold
}

// withhold marks what is not told.
func (d *disclosure) withhold() {
	for _, whole := range d.wholes {
		for _, k := range whole {
			if n := len(k.patients); n > 0 && n < plugins.FewestTold {
				k.hidden = true
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for _, whole := range d.wholes {
			changed = guard(whole) || changed
		}
		for _, set := range d.sets {
			changed = set.guard() || changed
		}
		for i := range d.alike {
			changed = d.alike[i].guard() || changed
		}
		if !changed {
			changed = d.joinMissing()
		}
	}
}

// guard hides the smallest classes of a whole until those that are hidden tell nothing of each other: first those that have no count anyway,
// the rows without a value last, as these are told of other columns and of all rows before the cohort, too.
func guard(whole []*class) (changed bool) {
	for {
		var hidden []*class
		var next *class
		for _, k := range whole {
			switch {
			case k.rows == 0:
			case k.hidden:
				hidden = append(hidden, k)
			case next == nil || cmp.Or(order(next.unshown, k.unshown), order(k.missing, next.missing), cmp.Compare(k.rows, next.rows)) < 0:
				next = k
			}
		}
		if len(hidden) == 0 || next == nil || veiled(hidden) {
			return changed
		}
		next.hidden, changed = true, true
	}
}

// order puts what is not so first.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// veiled reports whether the sum of the rows of some classes, none of which is empty, leaves each of them any number from 1 to
// plugins.FewestTold - 1, and stands for as many patients.
func veiled(hidden []*class) bool {
	rows := 0
	var all class
	for _, k := range hidden {
		rows += k.rows
		for _, p := range k.patients {
			all.add(p)
		}
	}
	return len(hidden) > 1 && rows-(len(hidden)-1) >= plugins.FewestTold-1 && len(all.patients) >= plugins.FewestTold
}

// guard hides what the columns of a one-hot set tell besides the whole: the rows with a 0, who are all others.
func (s *oneHot) guard() (changed bool) {
	for _, c := range s.members {
		zero, one := c.level("0"), c.level("1")
		if zero == nil {
			continue
		}
		others := c.missing().hidden || one != nil && one.hidden
		switch {
		case others && !zero.hidden:
			zero.hidden, changed = true, true
		case !others && zero.hidden && one != nil:
			one.hidden, changed = true, true
		}
	}
	return changed
}

// guard hides one of two classes that tell of few patients, and both of two that tell the same.
func (p *pair) guard() (changed bool) {
	switch {
	case p.same && p.a.hidden != p.b.hidden:
		p.a.hidden, p.b.hidden = true, true
	case !p.same && !p.a.hidden && !p.b.hidden:
		if p.b.rows < p.a.rows {
			p.b.hidden = true
		} else {
			p.a.hidden = true
		}
	default:
		return false
	}
	return true
}

// untold are the columns whose missing values are hidden, and the sum of these.
func (d *disclosure) untold() (columns []*parted, sum int) {
	for _, c := range d.columns {
		if k := c.missing(); k.hidden && k.rows > 0 {
			columns, sum = append(columns, c), sum+k.rows
		}
	}
	return columns, sum
}

// together is the sum of the missing values that are hidden; 0 where there are none, or it would tell of them.
func (d *disclosure) together() int {
	if columns, sum := d.untold(); d.joined(columns, sum) {
		return sum
	}
	return 0
}

// joined reports whether the sum of the missing values of columns tells of none of them: should all be missing in the same rows, each has
// enough; the rows are not the same in all; what some lack, others may have in their place; and where few rows have a value, it may be any few.
func (d *disclosure) joined(columns []*parted, sum int) bool {
	if sum < plugins.FewestTold*len(columns) {
		return false
	}
	for _, c := range columns {
		same, others := 0, 0 // columns that lack a value in the same rows, and what all others may lack
		for _, other := range columns {
			if d.same(c, other) {
				same++
			} else {
				most, _ := other.mostMissing(len(d.whose))
				others += most
			}
		}
		most, fewValues := c.mostMissing(len(d.whose))
		if others < sum-same || fewValues && sum-(len(columns)-same) < same*most {
			return false
		}
	}
	return true
}

// mostMissing is how many of the rows may lack a value by what is told of the column, and whether what is hidden besides is one class of few
// patients.
func (c *parted) mostMissing(rows int) (most int, few bool) {
	hidden := 0
	for _, k := range c.levels() {
		switch {
		case !k.hidden:
			rows -= k.rows
		case k.rows > 0:
			hidden++
			few = len(k.patients) < plugins.FewestTold
		}
	}
	return rows - hidden, few && hidden == 1
}

// same reports whether two columns lack a value in the same rows.
func (d *disclosure) same(a, b *parted) bool {
	return a == b || slices.ContainsFunc(d.alike, func(p pair) bool {
		return p.same && (p.a == a.missing() && p.b == b.missing() || p.a == b.missing() && p.b == a.missing())
	}) && a.missing().rows == b.missing().rows
}

// joinMissing hides the fewest missing values of a further column where the sum of those that are hidden would tell of them. Of columns whose
// values are counted, these would have to be hidden with them.
func (d *disclosure) joinMissing() bool {
	columns, sum := d.untold()
	if len(columns) == 0 || d.joined(columns, sum) {
		return false
	}
	least, rows := (*class)(nil), math.MaxInt
	for _, c := range d.columns {
		if k := c.missing(); !c.shown() && !k.hidden && k.rows > 0 && k.rows < rows {
			least, rows = k, k.rows
		}
	}
	if least == nil {
		return false
	}
	least.hidden = true
	return true
}
