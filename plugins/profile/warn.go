package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// plainText is the shortest text of a number.
func plainText(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// warn says what a person had better look at: of the whole table first, then column by column.
func (p *Profile) warn() {
	add := func(column, format string, args ...any) {
		w := Warning{Text: fmt.Sprintf(format, args...)}
		if column != "" {
			w.Columns = []string{column}
		}
		for i := range p.Warnings { // what is so of many columns is said once
			if same := &p.Warnings[i]; same.Text == w.Text {
				same.Columns = append(same.Columns, w.Columns...)
				return
			}
		}
		p.Warnings = append(p.Warnings, w)
	}
	if p.Duplicates > 0 {
		add("", "%s rows equal an earlier row in every column", p.Duplicates)
	}
	p.warnOfLabel(add)
	p.warnOfPeople(add)
	for _, c := range p.Columns {
		c.warn(add)
	}
}

// warner takes a warning of a column, "" for the whole table.
type warner func(column, format string, args ...any)

func (p *Profile) warnOfLabel(add warner) {
	l := p.Label
	if l == nil {
		for _, c := range p.Columns {
			if c.Role == plugins.RoleOutcome && c.name.label() > 0 && c.Distinct > 2 && c.Distinct <= most {
				add(c.Name, "may be the label, but has %d values where a label has two", c.Distinct)
			}
		}
		return
	}
	c := p.Column(l.Column)
	switch {
	case l.Classes < 2:
		add(l.Column, "the label has one value: there is nothing to predict")
	case l.Classes > 2:
		add(l.Column, "the label has %d values where two are wanted", l.Classes)
	case c.value == nil && parse(c.positive()).is("alive", "survived", "survivor", "no", "false", "discharged", "home"):
		add(l.Column, "the last of the two levels in the alphabet counts as the event, and here that is the good outcome: rename them, or write 0 and 1")
	}
	if l.Missing > 0 {
		add(l.Column, "%s rows lack the label; a cohort filter leaves them out", l.Missing)
	}
}

func (p *Profile) warnOfPeople(add warner) {
	if s := p.Subjects; s != nil {
		if s.Missing > 0 {
			add(s.Column, "%s rows lack the patient", s.Missing)
		}
		if s.Sites > 0 {
			add(s.Column, "%s patients have rows at more than one site; a split by site drops them from train", s.Sites)
		}
	}
	if s := p.Sites; s != nil && s.Missing > 0 {
		add(s.Column, "%s rows lack the site", s.Missing)
	}
}

// warn says what is noticed of one column.
func (c *Column) warn(add warner) {
	const sparse = 0.95
	switch {
	case c.present() == 0:
		add(c.Name, "no value in any row")
		return
	case c.Distinct == 1 && c.Missing.Rows == 0:
		add(c.Name, "the same value in every row")
	case float64(c.Missing.Rows) > sparse*float64(c.Missing.Of):
		add(c.Name, "missing in more than 95 %% of the rows")
	}
	if c.direct != "" {
		add(c.Name, "looks like %s: take them out of the file, they must not lie beside what an experiment reads", c.direct)
	}
	for _, code := range c.Codes {
		add(c.Name, "%s looks like a code for a missing value", shownCode(code.Code))
	}
	c.warnOfTexts(add)
	switch {
	case c.direct != "":
	case c.Form == FormDate:
		add(c.Name, "dates or times written as texts: as they are, each is a level of its own, and dates of patients identify them")
	case c.Form == FormText:
		add(c.Name, "free text, which may name people")
	}
	if c.value != nil {
		if units := mixedUnits(c.name, c.value); units != nil {
			add(c.Name, "some values look like %s and others like %s: bring them to one unit", units[0], units[1])
		} else {
			c.warnOfRange(add)
		}
	}
}

// shownCode is a code as it stands in a file; one that is blank is quoted.
func shownCode(code string) string {
	if _, ok := number(code); ok {
		return code
	}
	return strconv.Quote(code)
}

// warnOfTexts says which texts stand among numbers, or that numbers are stored as texts.
func (c *Column) warnOfTexts(add warner) {
	if !c.mixed {
		return
	}
	var kinds []string
	for _, f := range []form{formPadded, formComma, formBound, formWithUnit, formOther} {
		if rows := c.forms[f]; rows > 0 {
			kinds = append(kinds, fmt.Sprintf("%s in %s rows", f, Rows(rows)))
		}
	}
	add(c.Name, "not all values are plain numbers (%s): read as a category unless they become numbers or missing codes", strings.Join(kinds, ", "))
}

// warnOfRange counts the values that no unit of the quantity allows, once a unit is settled on.
func (c *Column) warnOfRange(add warner) {
	q := c.name.quantity()
	if q == nil || c.Unit == "" {
		return
	}
	i := slices.IndexFunc(q.units, func(u unit) bool { return u.name == c.Unit })
	if i < 0 {
		return
	}
	beyond := 0
	for k, x := range c.value.distinct {
		if x < q.units[i].least || x > q.units[i].most {
			beyond += c.value.rows[k]
		}
	}
	if beyond > 0 {
		add(c.Name, "%s rows lie outside %v to %v %s, which is hardly possible", Rows(beyond), q.units[i].least, q.units[i].most, c.Unit)
	}
}
