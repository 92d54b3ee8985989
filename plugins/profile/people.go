package profile

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Label is the balance of a label of two classes.
type Label struct {
	Column   string `json:"column"`
	Positive string `json:"positive"` // the class that counts as the event
	Events   Share  `json:"events"`
	Missing  Rows   `json:"missing"` // rows without a label
	Classes  int    `json:"classes"` // 2 unless the label is unfit
}

// Subjects says how rows share patients.
type Subjects struct {
	Column   string `json:"column"`
	Number   Rows   `json:"number"`
	Repeated Rows   `json:"repeated"`                   // patients with more than one row
	Missing  Rows   `json:"missing"`                    // rows without a patient
	Sites    Rows   `json:"several_sites"`              // patients with rows at more than one hospital
	Differ   *Rows  `json:"differing_labels,omitempty"` // patients whose rows differ in their label; nil unless it has two classes
	Mean     string `json:"rows_a_subject,omitempty"`   // the mean
}

// Sites says how rows are shared among hospitals.
type Sites struct {
	Column   string `json:"column"`
	Number   int    `json:"number"`
	Least    Rows   `json:"rows_min"`
	Median   Rows   `json:"rows_median"`
	Most     Rows   `json:"rows_max"`
	Missing  Rows   `json:"missing"`   // rows without a hospital
	OneClass int    `json:"one_class"` // hospitals whose labels are all of one class
	Below    int    `json:"below_minimum"`
}

// The least rows, events and non-events of a hospital at which scores are estimated, unless an experiment says otherwise.
const (
	MinRows      = 50
	MinEvents    = 10
	MinNonEvents = 10
)

// weigh counts labels, patients and hospitals.
func (p *Profile) weigh() {
	label := p.weighLabel()
	site := p.weighSites(label)
	p.weighSubjects(label, site)
}

// weighLabel counts the classes of the label. events is 1, 0 or -1 for each row; nil when there are not two classes.
func (p *Profile) weighLabel() (events []int8) {
	c := p.role(plugins.RoleTarget)
	if c == nil {
		return nil
	}
	classes, n := c.classes()
	l := &Label{Column: c.Name, Missing: Rows(c.Missing.Rows), Classes: n, Events: Share{Of: c.present()}}
	if l.Missing < Least {
		l.Events.Of = p.Rows // what is said must not tell how many rows have no label
	}
	p.Label = l
	if n != 2 {
		return nil
	}
	events = make([]int8, len(classes))
	for row, class := range classes { // the greater of two values is the event: 1 after 0, "yes" after "no"
		events[row] = int8(class)
		l.Events.Rows += max(0, int(class))
	}
	if l.Events.Rows >= Least || c.plainFlag() {
		l.Positive = c.positive()
	}
	return events
}

// plainFlag reports whether the values are 0 and 1.
func (c *Column) plainFlag() bool {
	return c.value != nil && slices.Equal(c.value.distinct, []float64{0, 1})
}

// positive is the greater of two values.
func (c *Column) positive() string {
	if c.value != nil {
		return plainText(c.value.distinct[1])
	}
	return slices.Max(c.texts())
}

// weighSites counts the rows of hospitals. It returns the hospital of each row, nil when there is no such column.
func (p *Profile) weighSites(events []int8) (site []int32) {
	c := p.role(plugins.RoleSite)
	if c == nil {
		return nil
	}
	site, n := c.classes()
	rows, class := make([]int, n), make([][2]int, n)
	for row, s := range site {
		if s < 0 {
			continue
		}
		rows[s]++
		if events != nil && events[row] >= 0 {
			class[s][events[row]]++
		}
	}
	s := &Sites{Column: c.Name, Number: n, Missing: Rows(c.Missing.Rows)}
	p.Sites = s
	for i := range n {
		if events == nil {
			if rows[i] < MinRows {
				s.Below++
			}
			continue
		}
		if class[i][0] == 0 || class[i][1] == 0 {
			s.OneClass++
		}
		if class[i][0]+class[i][1] < MinRows || class[i][0] < MinNonEvents || class[i][1] < MinEvents {
			s.Below++
		}
	}
	if n > 0 {
		slices.Sort(rows)
		s.Least, s.Median, s.Most = Rows(rows[0]), Rows(rows[(n-1)/2]), Rows(rows[n-1])
	}
	return site
}

// weighSubjects counts the rows of patients.
func (p *Profile) weighSubjects(events []int8, site []int32) {
	c := p.role(plugins.RoleSubject)
	if c == nil {
		return
	}
	subject, n := c.classes()
	s := &Subjects{Column: c.Name, Number: Rows(n), Missing: Rows(c.Missing.Rows)}
	p.Subjects = s
	rows := make([]int, n)
	first := make([]int, n) // a row of each
	moved, differ, event := make([]bool, n), make([]bool, n), make([]bool, n)
	for row, who := range subject {
		if who < 0 {
			continue
		}
		event[who] = event[who] || events != nil && events[row] == 1
		if rows[who]++; rows[who] == 1 {
			first[who] = row
			continue
		}
		moved[who] = moved[who] || site != nil && site[row] != site[first[who]]
		differ[who] = differ[who] || events != nil && events[row] != events[first[who]]
	}
	for _, n := range rows {
		if n > 1 {
			s.Repeated++
		}
	}
	s.Sites = Rows(trues(moved))
	if events != nil {
		n := Rows(trues(differ))
		s.Differ = &n
	}
	if events != nil && p.Label.Events.Rows >= Least {
		if n := trues(event); n < Least {
			p.Label.Events.Rows, p.Label.Positive = n, "" // many rows, but of few patients: told as those
		}
	}
	if n >= Least {
		s.Mean = percent(float64(c.present()) / float64(n))
	}
}

func trues(of []bool) int {
	n := 0
	for _, yes := range of {
		if yes {
			n++
		}
	}
	return n
}

// describe measures ranges, and names the levels of categories that at least Least rows and, where patients are known, as
// many patients have.
func (p *Profile) describe() {
	var subject []int32
	if s := p.Subjects; s != nil && int(s.Number) < p.Rows {
		subject, _ = p.Column(s.Column).classes()
	}
	for _, c := range p.Columns {
		c.measure(subject)
		amounts := c.Kind == frame.Number && !c.binary()
		if amounts || c.drop != "" || c.Distinct == 0 || c.Distinct > most || c.identity() {
			continue
		}
		classes, n := c.classes()
		rows, people := tally(classes, n, subject)
		c.nameEnough(rows, people)
	}
}

// nameEnough names the levels that enough rows and patients have, the most frequent first. Where the others together, or
// the missing values, are of fewer than Least, it withholds the rows of each level: their sum would tell how many there are.
func (c *Column) nameEnough(rows, people []int) {
	others := 0
	for class, name := range c.classNames(len(rows)) {
		if rows[class] >= Least && people[class] >= Least {
			c.Levels = append(c.Levels, Level{name, Rows(rows[class])})
		} else {
			others += min(rows[class], people[class])
			c.Withheld++
		}
	}
	slices.SortStableFunc(c.Levels, func(a, b Level) int { return int(b.Rows - a.Rows) })
	if few(others) || few(c.Missing.Rows) {
		for i := range c.Levels {
			c.Levels[i].Rows = 0
		}
	}
}

// identity reports whether a column tells rows, patients or hospitals apart.
func (c *Column) identity() bool {
	switch c.Role {
	case plugins.RoleRow, plugins.RoleSubject, plugins.RoleID, plugins.RoleSite:
		return true
	}
	return false
}

// tally counts the rows of each class, and the patients that they are of, up to Least; where no patients are known, each
// row is one.
func tally(classes []int32, n int, subject []int32) (rows, people []int) {
	rows, people = make([]int, n), make([]int, n)
	seen := make([]map[int32]bool, n)
	for row, class := range classes {
		if class < 0 {
			continue
		}
		rows[class]++
		switch {
		case subject == nil:
			people[class]++
		case people[class] < Least:
			if seen[class] == nil {
				seen[class] = map[int32]bool{}
			}
			seen[class][subject[row]] = true
			people[class] = len(seen[class])
		}
	}
	return rows, people
}

// classNames names the classes as classes numbers them.
func (c *Column) classNames(n int) []string {
	if c.value == nil {
		return c.texts()
	}
	names := make([]string, n)
	for i, x := range c.value.distinct {
		names[i] = plainText(x)
	}
	return names
}
