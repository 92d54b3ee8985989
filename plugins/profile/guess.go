package profile

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// The forms of a column that say more than its kind.
const (
	FormDate = "date"
	FormText = "free text"
	FormCode = "code"
)

// judge says what the values of a column are, whatever it stands for.
func (c *Column) judge() {
	texts := c.texts()
	if c.value != nil {
		texts = nil
	}
	c.direct = c.name.direct()
	if c.direct == "" {
		c.direct = person(texts)
	}
	switch {
	case c.present() == 0:
	case c.value != nil && c.isCode():
		c.Form, c.Kind, c.declare = FormCode, frame.Category, true
	case c.value == nil && len(texts) > 0 && mostly(texts, isDate):
		c.Form, c.drop = FormDate, "dates as texts"
	case c.value == nil && isFreeText(texts, c.present()):
		c.Form, c.drop = FormText, "free text"
	}
	if c.direct != "" {
		c.drop = c.direct
	}
}

// isCode reports whether whole numbers are codes, not amounts: a few different ones, above zero, under a name that
// says so. Two of them are a flag as well.
func (c *Column) isCode() bool {
	const most = 60
	if !c.value.whole() || c.Distinct <= 2 || c.Distinct > most || c.Distinct*5 > c.present() {
		return false
	}
	return c.name.isCode() || c.name.identifies() && !c.name.isSite() && !c.name.isSubject() && c.name.stay() == 0
}

// guessRoles guesses what columns stand for that nothing is declared of.
func (p *Profile) guessRoles(known Known) {
	give := func(c *Column, r plugins.Role, guess bool) {
		if c != nil {
			c.Role, c.RoleGuess, c.RoleDeclared = r, guess, false
		}
	}
	p.takeRole(plugins.RoleSite, known.Site, plugins.RoleID)
	p.takeRole(plugins.RoleTarget, known.Target, plugins.RoleOutcome)
	if len(known.Columns) > 0 {
		return // the data set knows its columns
	}
	find := func(role plugins.Role, best func(*Column) int) {
		if p.role(role) == nil {
			give(p.best(best), role, true)
		}
	}
	find(plugins.RoleSite, (*Column).asSite)
	find(plugins.RoleRow, (*Column).asRow)
	find(plugins.RoleSubject, (*Column).asSubject)
	if p.role(plugins.RoleSubject) == nil {
		give(p.best((*Column).asRepeatedStay), plugins.RoleSubject, true)
	}
	find(plugins.RoleTarget, (*Column).asTarget)
	if c := p.role(plugins.RoleTarget); c != nil && c.value != nil && c.binary() && !c.plainFlag() {
		c.Kind, c.declare = frame.Category, true // a label in numbers is 0 or 1; 1 and 2 are levels
	}
	for _, c := range p.Columns {
		if c.Role == "" && c.drop == "" {
			c.Role = c.otherRole()
			c.RoleGuess = c.Role != ""
		}
	}
}

// takeRole gives a role to the named column; the column that had it so far gets another.
func (p *Profile) takeRole(r plugins.Role, column string, other plugins.Role) {
	c, before := p.Column(column), p.role(r)
	if c == nil || c == before {
		return
	}
	if before != nil {
		before.Role, before.RoleGuess, before.RoleDeclared = other, true, false
	}
	c.Role, c.RoleGuess, c.RoleDeclared, c.drop = r, false, false, ""
}

// best returns the column without a role that scores highest, the first of equals; nil when none scores above 0.
func (p *Profile) best(score func(*Column) int) *Column {
	var best *Column
	most := 0
	for _, c := range p.Columns {
		if c.Role != "" || c.drop != "" {
			continue
		}
		if s := score(c); s > most {
			best, most = c, s
		}
	}
	return best
}

func (c *Column) asSite() int {
	if !c.name.isSite() || c.Distinct < 2 || c.unique() || !c.isWhole() {
		return 0
	}
	if c.name.identifies() {
		return 2
	}
	return 1
}

// asRow scores the columns that tell every row from every other: identifiers by name, the finer the better, then
// whatever is first.
func (c *Column) asRow() int {
	const enough = 100 // so many different whole numbers are no coincidence
	switch {
	case !c.unique() || !c.isWhole() || c.Form != "":
		return 0
	case c.name.stay() > 0:
		return 100 + c.name.stay()
	case c.name.isSubject():
		return 50
	case c.name.identifies():
		return 60
	case c.Distinct >= enough:
		return 1
	}
	return 0
}

func (c *Column) asSubject() int {
	if c.name.isSubject() && c.Distinct > 1 && c.isWhole() {
		return 1
	}
	return 0
}

// asRepeatedStay scores identifiers of stays that several rows share: these rows must not be split either.
func (c *Column) asRepeatedStay() int {
	if c.Missing.Rows > 0 || c.Distinct < 2 || c.Distinct == c.present() || !c.isWhole() || c.Form != "" || !c.name.identifies() {
		return 0
	}
	const coarsest = 20
	if s := c.name.stay(); s > 0 {
		return coarsest - s
	}
	return 0
}

// asTarget scores columns with two values by their names.
func (c *Column) asTarget() int {
	const last = 100
	if r := c.name.label(); r > 0 && c.binary() && !c.name.isScore() && c.Form == "" {
		return last - r
	}
	return 0
}

// otherRole is the role of a column that is none of those that one column has.
func (c *Column) otherRole() plugins.Role {
	role := c.name.roleByName()
	switch {
	case c.name.isSite(), c.name.isSubject(), c.name.identifies() && c.Form != FormCode && c.isWhole():
		return plugins.RoleID
	case role == plugins.RoleGroup && c.Distinct > most:
		return ""
	case role == "" && c.value == nil && c.unique() && c.Missing.Of >= Least:
		return plugins.RoleID
	}
	return role
}

// most is how many levels of a category are named, and how many groups are formed.
const most = 12
