package split

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Assignment says which part each row belongs to.
type Assignment struct {
	Rows    map[plugins.Part][]int `json:"rows"`              // every part has an entry, ascending; no row is in two
	Dropped []int                  `json:"dropped,omitempty"` // the rows that belong to no part, ascending
	Counts  []plugins.Count        `json:"counts"`
	Notes   []string               `json:"notes,omitempty"`
}

// Assign shares the rows of f among the parts.
//
// By row and by subject, the units that are shared are rows or subjects: by subject all rows of a subject go to one
// part, and a row without a subject is a subject of its own. Every row gets a part. By row the subject decides nothing
// but is counted with. A part gets its share of the units, up to one; with many rows a subject, its share of the rows
// may differ. By site and by time are described at bySite and byTime; they may drop rows, with their counts.
//
// With cfg.Stratify, units with equal values of those columns form a stratum, and each part gets its share of
// each stratum, rounded down or up. What rounding takes from a part in one stratum, the next ones give back,
// so that the sizes of the parts stay close to their shares too. Units without a value form a stratum of
// their own. A subject whose rows differ belongs to the stratum of its rarest values, counted over all rows:
// with a rare label, every subject that ever had it counts as having it.
//
// Within a stratum chance decides. r is drawn from in an order that is fixed by the sorted subjects, so that
// the order of the rows in the file changes nothing; by row, or for rows without a subject, it does.
//
// Counts are, for each part, "rows", unless it is by row "subjects" where they are known, and, for each stratum, "rows
// by stratum" with dims "part", "column" and "value"; of several columns, names and values are joined by commas. By
// row, with subjects known, each part but train also has "rows whose subject is in train", and a note says so
// when there are any: a model may know those patients.
func Assign(f *frame.Frame, c Columns, cfg Config, r *rand.Rand) (*Assignment, error) {
	shares, err := cfg.shares()
	if err != nil {
		return nil, err
	}
	if err := c.check(f.Rows()); err != nil {
		return nil, err
	}
	strata, err := stratifyColumns(f, cfg.Stratify, c.Site)
	if err != nil {
		return nil, err
	}
	switch cfg.By {
	case BySite:
		return bySite(c, cfg, shares, r)
	case ByTime:
		return byTime(c, cfg, shares, strata, r)
	}
	u, err := unitsOf(f.Rows(), c.Subject, cfg.By)
	if err != nil {
		return nil, err
	}
	a := &Assignment{Rows: map[plugins.Part][]int{}}
	if u.missing > 0 {
		a.note("%d of %d rows have no subject: each is a subject of its own", u.missing, f.Rows())
	}
	partOf, levels, err := a.deal(u, strata, shares, r)
	if err != nil {
		return nil, err
	}
	a.fill(partOf)
	a.count(u, levels)
	if c.Subject != nil && !u.bySubject {
		a.countShared(c.Subject)
	}
	return a, nil
}

// check refuses columns of other rows.
func (c Columns) check(rows int) error {
	for _, of := range []struct {
		role   string
		column *frame.Column
	}{{"subject", c.Subject}, {"site", c.Site}, {"time", c.Time}} {
		if of.column != nil && of.column.Len() != rows {
			return fmt.Errorf("%s column %q has %d rows, the data set has %d", of.role, of.column.Name, of.column.Len(), rows)
		}
	}
	return nil
}

// tolerance is how far the shares may be from summing to 1: decimal shares such as 0.6 + 0.1 + 0.15 + 0.15 are not exact.
const tolerance = 1e-9

// The parts as indices into plugins.AllParts, and into shares; none is a row without a part.
const (
	train int8 = iota
	validation
	test
	reference
	none int8 = -1
)

// shares returns the checked shares in the order of plugins.AllParts.
func (cfg Config) shares() ([]float64, error) {
	shares := []float64{cfg.Train, cfg.Validation, cfg.Test, cfg.Reference}
	sum := 0.0
	for i, s := range shares {
		if !(s >= 0 && s <= 1) { // catches NaN too
			return nil, fmt.Errorf("the share of part %q is %v: want a number from 0 to 1", plugins.AllParts()[i], s)
		}
		sum += s
	}
	if math.Abs(sum-1) > tolerance {
		return nil, fmt.Errorf("the shares of train, validation, test and reference sum to %.6g: want 1", sum)
	}
	return shares, nil
}

func (a *Assignment) note(format string, args ...any) {
	a.Notes = append(a.Notes, "split: "+fmt.Sprintf(format, args...))
}

// deal shares units out at random and returns the part of each row, and the strata when there are columns to stratify by.
func (a *Assignment) deal(u *units, columns []*frame.Column, shares []float64, r *rand.Rand) ([]int8, *stratification, error) {
	var levels *stratification
	strata := [][]int{u.all()}
	if len(columns) > 0 {
		var err error
		if levels, err = stratify(columns); err != nil {
			return nil, nil, err
		}
		strata = levels.strata(u)
		if err := a.check(levels, strata, u, shares); err != nil {
			return nil, nil, err
		}
	}
	partOfUnit := deal(strata, u.count, shares, r)
	if err := checkNotEmpty(partOfUnit, shares, u); err != nil {
		return nil, nil, err
	}
	partOf := make([]int8, len(u.of))
	for row, unit := range u.of {
		partOf[row] = int8(partOfUnit[unit])
	}
	return partOf, levels, nil
}

// check refuses strata that are too many to be shared, and notes those that cannot be shared well.
func (a *Assignment) check(s *stratification, strata [][]int, u *units, shares []float64) error {
	if 2*len(strata) > u.count {
		return fmt.Errorf("stratify: %s %d distinct values for %d %s, too many to share them: stratify by a column with fewer",
			s.have(), len(strata), u.count, u.name)
	}
	parts := wanted(shares)
	small, missing := 0, 0
	for i, stratum := range strata {
		if len(stratum) > 0 && len(stratum) < parts {
			small++
		}
		if s.missing[i] {
			missing += len(stratum)
		}
	}
	if missing > 0 {
		form := "they form a stratum of their own"
		if len(s.columns) > 1 {
			form = "they form strata of their own"
		}
		a.note("%d of %d %s have no value of %q: %s", missing, u.count, u.name, s.column(), form)
	}
	if small > 0 {
		a.note("%d of %d strata of %q hold fewer %s than there are parts: some parts have none of them", small, len(strata), s.column(), u.name)
	}
	return nil
}

// wanted is the number of parts with a share.
func wanted(shares []float64) int {
	n := 0
	for _, share := range shares {
		if share > 0 {
			n++
		}
	}
	return n
}

func checkNotEmpty(partOf []uint8, shares []float64, u *units) error {
	sizes := make([]int, len(shares))
	for _, p := range partOf {
		sizes[p]++
	}
	for i, share := range shares {
		if share > 0 && sizes[i] == 0 {
			return fmt.Errorf("part %q with share %v gets none of the %d %s: raise its share, or set it to 0",
				plugins.AllParts()[i], share, u.count, u.name)
		}
	}
	return nil
}

// fill lists the rows of each part.
func (a *Assignment) fill(partOf []int8) {
	parts := plugins.AllParts()
	for _, p := range parts {
		a.Rows[p] = []int{}
	}
	for row, p := range partOf {
		if p == none {
			a.Dropped = append(a.Dropped, row)
			continue
		}
		a.Rows[parts[p]] = append(a.Rows[parts[p]], row)
	}
}

// count fills in the account of rows, subjects and strata.
func (a *Assignment) count(u *units, s *stratification) {
	for _, part := range plugins.AllParts() {
		rows := a.Rows[part]
		a.add("rows", len(rows), "part", string(part))
		if u.bySubject {
			a.add("subjects", distinct(u.of, rows), "part", string(part))
		}
		if s == nil {
			continue
		}
		n := make([]int, len(s.names))
		for _, row := range rows {
			n[s.of[row]]++
		}
		for i, name := range s.names {
			a.add("rows by stratum", n[i], "part", string(part), "column", s.column(), "value", name)
		}
	}
}

// distinct counts the different values that rows have; of holds the number of each row's value.
func distinct(of []int32, rows []int) int {
	seen := make(map[int32]bool)
	for _, row := range rows {
		seen[of[row]] = true
	}
	return len(seen)
}

// countShared counts the rows of the other parts whose subject has rows in train too.
func (a *Assignment) countShared(subject *frame.Column) {
	of, names := Indexed(subject)
	inTrain := make([]bool, len(names))
	for _, row := range a.Rows[plugins.Train] {
		if i := of[row]; i != frame.Missing {
			inTrain[i] = true
		}
	}
	shared, rows := 0, 0
	for _, part := range plugins.AllParts() {
		if part == plugins.Train {
			continue
		}
		n := 0
		for _, row := range a.Rows[part] {
			if i := of[row]; i != frame.Missing && inTrain[i] {
				n++
			}
		}
		a.add("rows whose subject is in train", n, "part", string(part))
		shared += n
		rows += len(a.Rows[part])
	}
	if shared > 0 {
		a.note(`by row: %d of the %d rows outside train belong to subjects of train; by: "subject" keeps them apart`, shared, rows)
	}
}

// add appends a count; dims are names and values in turn.
func (a *Assignment) add(name string, value int, dims ...string) {
	c := plugins.Count{Name: name, Dims: map[string]string{}, Value: value}
	for i := 0; i < len(dims); i += 2 {
		c.Dims[dims[i]] = dims[i+1]
	}
	a.Counts = append(a.Counts, c)
}
