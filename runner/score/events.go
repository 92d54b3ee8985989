package score

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Events names the columns of files whose rows are events of patients: those of package events unless they are set.
type Events struct {
	Subject string `json:"subject"`
	Visit   string `json:"visit"` // the number of the visit
	Time    string `json:"time"`  // a number of days; may be lacking
	Code    string `json:"code"`
	Value   string `json:"value"` // a number that goes with the code; may be lacking
}

// eventColumn is a column of the shape of events.
type eventColumn struct {
	name     string // in the file
	shape    string // in the shape
	what     string
	kind     frame.Kind // empty: either
	optional bool
}

// list lists the columns in the order of the shape.
func (e *Events) list() []eventColumn {
	name := func(said, otherwise string) string {
		if said != "" {
			return said
		}
		return otherwise
	}
	return []eventColumn{
		{name(e.Subject, events.Subject), events.Subject, "subject", "", false},
		{name(e.Time, events.Time), events.Time, "time", frame.Number, e.Time == ""},
		{name(e.Code, events.Code), events.Code, "code", frame.Category, false},
		{name(e.Value, events.Value), events.Value, "value", frame.Number, e.Value == ""},
		{name(e.Visit, events.Visit), events.Visit, "visit", frame.Number, false},
	}
}

// ParseEvents reads a list such as "subject=patient_id,visit=visit,time=time_days,code=code"; what it leaves out has the name
// of the shape.
func ParseEvents(text string) (*Events, error) {
	e := &Events{}
	fields := map[string]*string{"subject": &e.Subject, "visit": &e.Visit, "time": &e.Time, "code": &e.Code, "value": &e.Value}
	known := []string{"subject", "visit", "time", "code", "value"}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		what, name, found := strings.Cut(part, "=")
		field := fields[what]
		switch {
		case !found || name == "":
			return nil, fmt.Errorf("%q names no column; want a list such as subject=patient_id,visit=visit,time=day,code=code", part)
		case field == nil:
			return nil, fmt.Errorf("events have no %q%s", what, spelling.Hint(what, "they have", known))
		}
		*field = name
	}
	return e, nil
}

// eventsOf returns the columns of events that a columns.json tells of: those that it names or, where it lists an id, a number
// "visit" and a category "code" without saying more, these. It is nil when rows are no events.
func (c *Columns) eventsOf() *Events {
	if c.Events != nil {
		return c.Events
	}
	if c.column("visit").Kind != kindNumber || c.column("code").Kind != kindCategory || c.Label != "" {
		return nil
	}
	e := &Events{Visit: "visit", Code: "code"}
	for _, column := range c.Columns {
		switch {
		case column.Kind == kindID && e.Subject != "":
			return nil // two ids: no telling which is the patient
		case column.Kind == kindID:
			e.Subject = column.Name
		case column.Kind == kindNumber && strings.HasPrefix(column.Name, "time") && e.Time == "":
			e.Time = column.Name
		}
	}
	if e.Subject == "" {
		return nil
	}
	return e
}

// asRead returns what has to be known to read the columns of events: their kinds, and that no other is read.
func (e *Events) asRead(c *Columns) (*Columns, error) {
	for _, said := range c.named() {
		if said[0] != "subject" {
			return nil, fmt.Errorf("rows are events, and %q is said to be in %s; a column of events has no such role", said[1], said[0])
		}
	}
	out := &Columns{MissingToken: c.MissingToken, Events: e}
	for _, column := range e.list() {
		if slices.ContainsFunc(out.Columns, func(x Column) bool { return x.Name == column.name }) {
			return nil, fmt.Errorf("column %q is said to be two columns of events", column.name)
		}
		said := c.column(column.name)
		said.Name = column.name
		switch column.kind {
		case frame.Number:
			said.Kind = kindNumber
		case frame.Category:
			said.Kind = kindCategory
		default:
			said.Kind = ""
		}
		out.Columns = append(out.Columns, said)
	}
	return out, nil
}

// in gives the columns of a frame the names of the shape.
func (e *Events) in(f *frame.Frame) (*frame.Frame, error) {
	var columns []*frame.Column
	for _, want := range e.list() {
		column := f.Column(want.name)
		if column == nil {
			continue // an optional one: reading has seen to the others
		}
		renamed := *column
		renamed.Name = want.shape
		columns = append(columns, &renamed)
	}
	out, err := frame.New(columns...)
	if err != nil {
		return nil, err
	}
	return out, events.Check(out)
}

// optional reports whether a file may lack a column.
func (e *Events) optional(name string) bool {
	return e != nil && slices.ContainsFunc(e.list(), func(c eventColumn) bool { return c.name == name && c.optional })
}

var errNoPatient = errors.New("no event has a subject and a visit")
