// Package events is the shape of data in which a row is one event of a patient: a code at a time, in a visit.
//
// The columns are those of MEDS (Medical Event Data Standard: subject_id, time, code, numeric_value) and the number of the
// visit. A frame of events becomes Trajectories once: patients in order of id, their visits in order of number, and the
// codes of each visit. Visits that the data do not number are numbered by ByGap or ByLabel.
package events

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when equal events may give other trajectories.
const Version = 1

// Use is what a metric that builds on this package lists in Info.Uses.
func Use() plugins.Use { return plugins.Use{Name: "events", Version: Version} }

// The columns of a frame of events.
const (
	Subject = "subject_id"    // the patient
	Time    = "time"          // a number of days since any origin that is one patient's own or everybody's; may be missing
	Code    = "code"          // a category: what happened
	Value   = "numeric_value" // a number that goes with the code; may be missing
	Visit   = "visit"         // a number: 1 for the patient's first visit
)

// Columns lists the columns in their order.
func Columns() []string { return []string{Subject, Time, Code, Value, Visit} }

// Check returns an error unless a frame has the columns of events, each of its kind. The subject may be of either kind; Time
// and Value may be lacking.
func Check(f *frame.Frame) error {
	for _, want := range []struct {
		name     string
		kind     frame.Kind // empty: either
		optional bool
	}{{name: Subject}, {Time, frame.Number, true}, {name: Code, kind: frame.Category}, {Value, frame.Number, true}, {name: Visit, kind: frame.Number}} {
		c := f.Column(want.name)
		switch {
		case c == nil && want.optional:
		case c == nil:
			return fmt.Errorf("events have no column %q", want.name)
		case want.kind != "" && c.Kind != want.kind && c.MissingCount() < c.Len(): // a column without values is of any kind
			return fmt.Errorf("column %q of events is a %s; want a %s", want.name, c.Kind, want.kind)
		}
	}
	return nil
}
