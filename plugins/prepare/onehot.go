package prepare

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Set is a one-hot set: number columns that hold 1 in one column a row and 0 in the others, or are all missing.
// In the model space it is one category with the names of the columns as levels.
type Set struct {
	Name    string   `json:"name"`
	None    string   `json:"none,omitempty"` // the level of rows that are 0 in all columns; "": there may be none
	Columns []Member `json:"columns"`        // in order of train
}

// Member is a column of a Set.
type Member struct {
	Name    string `json:"name"`
	Integer bool   `json:"integer,omitempty"`
	Unit    string `json:"unit,omitempty"`
}

// fitSets returns the declared sets as they are in train, by name. prepared are the columns that may be in one.
func fitSets(train *frame.Frame, prepared []*frame.Column, declared map[string]OneHot) ([]Set, error) {
	var sets []Set
	for _, name := range sorted(declared) {
		if train.Column(name) != nil {
			return nil, fmt.Errorf("oneHot.%s has the name of a column of the data: name the variable otherwise", name)
		}
		set := Set{Name: name, None: declared[name].None}
		for _, c := range declared[name].Columns {
			if !slices.ContainsFunc(prepared, func(p *frame.Column) bool { return p.Name == c }) {
				return nil, unprepared(train, "oneHot."+name, c)
			}
		}
		for _, c := range prepared {
			if slices.Contains(declared[name].Columns, c.Name) {
				set.Columns = append(set.Columns, Member{Name: c.Name, Integer: c.Integer, Unit: c.Unit})
			}
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// unprepared says why a column that the settings name cannot be prepared.
func unprepared(train *frame.Frame, where, column string) error {
	if train.Column(column) == nil {
		return fmt.Errorf("%s: no column named %q; one that holds one value only is dropped when the data are read", where, column)
	}
	return fmt.Errorf("%s: column %q is not prepared: the target, identifiers and what else is no variable are left as they are", where, column)
}

// columns returns those columns of the set that f has.
func (s *Set) columns(f *frame.Frame) []*frame.Column {
	var out []*frame.Column
	for _, m := range s.Columns {
		if c := f.Column(m.Name); c != nil {
			out = append(out, c)
		}
	}
	return out
}

// fold returns the category that the columns of the set stand for, or says which rows are no such set.
func (s *Set) fold(f *frame.Frame) (*frame.Column, error) {
	columns := s.columns(f)
	if len(columns) < len(s.Columns) {
		for _, m := range s.Columns {
			if f.Column(m.Name) == nil {
				return nil, fmt.Errorf("one-hot set %q: no column named %q beside the others of the set", s.Name, m.Name)
			}
		}
	}
	for _, c := range columns {
		if c.Kind != frame.Number {
			return nil, fmt.Errorf("one-hot set %q: column %q is a %s: want a number, 0 or 1", s.Name, c.Name, c.Kind)
		}
	}
	var bad faults
	codes := make([]int32, f.Rows())
	for row := range codes {
		codes[row] = s.code(columns, row, &bad)
	}
	if err := bad.err(s.Name); err != nil {
		return nil, err
	}
	return frame.NewCategory(s.Name, s.levels(), codes), nil
}

// levels are the names of the columns, and after them None where there is one.
func (s *Set) levels() []string {
	levels := make([]string, 0, len(s.Columns)+1)
	for _, m := range s.Columns {
		levels = append(levels, m.Name)
	}
	if s.None != "" {
		levels = append(levels, s.None)
	}
	return levels
}

// code returns the level of a row, as an index into levels, and notes what is wrong with it.
func (s *Set) code(columns []*frame.Column, row int, bad *faults) int32 {
	at, ones, missing := int32(len(columns)), 0, 0
	for i, c := range columns {
		switch v := c.Numbers[row]; {
		case c.IsMissing(row):
			missing++
		case v == 1:
			at = int32(i)
			ones++
		case v != 0:
			bad.note(otherValue, row)
			return frame.Missing
		}
	}
	switch {
	case missing == len(columns):
		return frame.Missing
	case missing > 0:
		bad.note(partMissing, row)
	case ones > 1:
		bad.note(manyOnes, row)
	case ones == 0 && s.None == "":
		bad.note(noOne, row)
	default:
		return at
	}
	return frame.Missing
}

// fault is a way in which a row is no one-hot set.
type fault int

const (
	otherValue fault = iota
	partMissing
	manyOnes
	noOne
	faultKinds // their number
)

// faults counts the rows of each fault, and keeps the first of them.
type faults struct{ rows, first [faultKinds]int }

func (f *faults) note(what fault, row int) {
	if f.rows[what] == 0 {
		f.first[what] = row
	}
	f.rows[what]++
}

func (f *faults) err(set string) error {
	texts := [faultKinds]string{
		otherValue:  "have a value other than 0 and 1",
		partMissing: "miss some columns of the set, but not all",
		manyOnes:    "have a 1 in more than one column",
		noOne:       `have 0 in all columns: name their level as "none", or leave the set out`,
	}
	for what, n := range f.rows {
		if n > 0 {
			return fmt.Errorf("one-hot set %q: rows that %s: %d, the first is row %d", set, texts[what], n, f.first[what]+1)
		}
	}
	return nil
}

// unfold returns the columns of the set. A level that is none of the set's becomes missing, and is counted.
func (s *Set) unfold(c *frame.Column, counts *account) ([]*frame.Column, error) {
	if c.Kind != frame.Category {
		return nil, fmt.Errorf("column %q is a %s: want the category that the one-hot set was folded into", c.Name, c.Kind)
	}
	to := make([]int, len(c.Levels)) // index of the column that is 1; len(s.Columns) for none, -1 for an unknown level
	levels := s.levels()
	for i, l := range c.Levels {
		to[i] = slices.Index(levels, l)
	}
	out := make([]*frame.Column, len(s.Columns))
	for i, m := range s.Columns {
		out[i] = &frame.Column{Name: m.Name, Kind: frame.Number, Integer: m.Integer, Unit: m.Unit, Numbers: make([]float64, len(c.Codes))}
	}
	unknown := 0
	for row, code := range c.Codes {
		at := -1
		if code != frame.Missing {
			if at = to[code]; at < 0 {
				unknown++
			}
		}
		for i := range out {
			switch {
			case at < 0:
				out[i].Numbers[row] = missingNumber
			case at == i:
				out[i].Numbers[row] = 1
			}
		}
	}
	counts.add("generated levels outside the one-hot set, made missing", c.Name, unknown)
	return out, nil
}

// setOf maps the names of columns to the sets that they are in.
func setOf(sets []Set) map[string]*Set {
	of := map[string]*Set{}
	for i := range sets {
		for _, m := range sets[i].Columns {
			of[m.Name] = &sets[i]
		}
	}
	return of
}
