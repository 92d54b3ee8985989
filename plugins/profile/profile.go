package profile

import (
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Profile is what can be said of a table.
type Profile struct {
	Rows       int       `json:"rows"`
	Columns    []*Column `json:"columns"`
	Duplicates Rows      `json:"duplicate_rows"` // rows that equal an earlier one in every column
	Label      *Label    `json:"label,omitempty"`
	Subjects   *Subjects `json:"subjects,omitempty"`
	Sites      *Sites    `json:"sites,omitempty"`
	Warnings   []Warning `json:"warnings"`
}

// Warning is something that a person had better look at.
type Warning struct {
	Columns []string `json:"columns,omitempty"` // none: of the whole table
	Text    string   `json:"text"`
}

// Known is what is known of a table besides its rows.
type Known struct {
	Columns []plugins.ColumnInfo // units and roles that a data set declares; they are no guesses
	Target  string               // the label's column; "" to be guessed
	Site    string               // the hospital's column; "" to be guessed
}

// Of looks at a table. It is an error when Known names a column that the table lacks.
func Of(f *frame.Frame, known Known) (*Profile, error) {
	for _, name := range []string{known.Target, known.Site} {
		if name != "" && f.Column(name) == nil {
			return nil, fmt.Errorf("no column named %q; the columns are %s", name, listed(f.Names()))
		}
	}
	p := &Profile{Rows: f.Rows(), Warnings: []Warning{}}
	for _, c := range f.Columns() {
		p.Columns = append(p.Columns, newColumn(c))
	}
	p.Duplicates = Rows(duplicates(f))
	for _, c := range p.Columns {
		c.judge()
	}
	p.declared(known)
	p.guessRoles(known)
	p.guessUnits()
	p.weigh()
	p.describe()
	p.warn()
	return p, nil
}

// listed lists names, the first of them where they are many.
func listed(names []string) string {
	const many = 30
	if len(names) <= many {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:many], ", "), len(names)-many)
}

// Column returns the named column, or nil.
func (p *Profile) Column(name string) *Column {
	for _, c := range p.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// role returns the column of a role that one column can have, or nil.
func (p *Profile) role(r plugins.Role) *Column {
	for _, c := range p.Columns {
		if c.Role == r {
			return c
		}
	}
	return nil
}

// Roles lists the columns of a role, in the order of the table.
func (p *Profile) Roles(r plugins.Role) []*Column {
	var out []*Column
	for _, c := range p.Columns {
		if c.Role == r {
			out = append(out, c)
		}
	}
	return out
}

// declared takes over what a data set says of its columns.
func (p *Profile) declared(known Known) {
	for _, info := range known.Columns {
		if c := p.Column(info.Name); c != nil {
			if info.Unit != "" {
				c.Unit = info.Unit
			}
			c.Role, c.RoleDeclared = info.Role, info.Role != ""
			c.settle()
		}
	}
}

// settle takes back guesses about values of a column that is declared.
func (c *Column) settle() {
	c.drop, c.direct = "", ""
}

// guessUnits guesses the units of columns of numbers that declare none.
func (p *Profile) guessUnits() {
	for _, c := range p.Columns {
		if c.value == nil || c.Unit != "" || c.Form != "" || c.Distinct <= 2 || c.Role == plugins.RoleRow || c.Role == plugins.RoleID || c.Role == plugins.RoleSite || c.Role == plugins.RoleSubject {
			continue
		}
		if mixedUnits(c.name, c.value) == nil {
			c.Unit = guessUnit(c.name, c.value)
		}
		c.UnitGuess = c.Unit != ""
	}
}

// duplicates counts the rows that equal an earlier row. Rows are compared by a hash of 64 bits: among a million
// rows, the chance that it counts one that differs is 3 in a hundred million.
func duplicates(f *frame.Frame) int {
	if len(f.Columns()) == 0 {
		return 0
	}
	seed := maphash.MakeSeed()
	seen := make(map[uint64]struct{}, f.Rows())
	type cell struct {
		code  int32
		value float64
	}
	for i := range f.Rows() {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, c := range f.Columns() {
			switch {
			case c.IsMissing(i):
				maphash.WriteComparable(&h, cell{code: -1})
			case c.Kind == frame.Category:
				maphash.WriteComparable(&h, cell{code: c.Codes[i]})
			default:
				maphash.WriteComparable(&h, cell{value: c.Numbers[i]})
			}
		}
		seen[h.Sum64()] = struct{}{}
	}
	return f.Rows() - len(seen)
}
