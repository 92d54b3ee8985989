package reply

import (
	"maps"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// Reason says why a record is rejected.
type Reason string

// The reasons. A record is rejected for the first that holds: those of its form, then those of its values in the order of the
// columns, then those of the record as a whole, in the order given here.
const (
	CutOff      Reason = "cut off"                // the reply ends inside it
	Unreadable  Reason = "unreadable"             // it is neither CSV nor JSON, or a value is no single value
	WrongFields Reason = "wrong number of fields" // of a line of CSV
	WrongNames  Reason = "wrong columns"          // one lacks or is there twice

	UnknownKey   Reason = "unknown key"                   // no row of the table was asked for by it
	AnotherRow   Reason = "another row than its key says" // it repeats a column of the table with another value
	MissingValue Reason = "missing value"
	NotNumber    Reason = "not a number"
	NotWhole     Reason = "not whole"
	UnknownLevel Reason = "unknown level"
	WrongFixed   Reason = "wrong fixed value"

	OutOfRange  Reason = "out of range"  // where Policy.OutOfRange is Drop
	RepeatedKey Reason = "duplicate key" // a record of the same reply was accepted for the row
	Copied      Reason = "copied from the prompt"
	Duplicate   Reason = "duplicate"
)

var reasons = []Reason{
	CutOff, Unreadable, WrongFields, WrongNames, UnknownKey, AnotherRow, MissingValue, NotNumber, NotWhole, UnknownLevel, WrongFixed,
	OutOfRange, RepeatedKey, Copied, Duplicate,
}

// Repair says what had to be done to read a record. None changes a value.
type Repair string

// The repairs.
const (
	OtherContainer Repair = "other container"          // JSON where CSV was asked for, or CSV where JSON was
	OtherShape     Repair = "not in a list of records" // JSON objects that are not in {"records": […]}
	NoHeader       Repair = "no header"                // CSV in the order in which the columns were asked for
	OtherSeparator Repair = "other separator"          // semicolons, tabs, or a table of bars
	OtherNames     Repair = "column names"             // blanks around them, or another case
	ExtraColumns   Repair = "column left out"          // one that was not asked for
	LastSeparator  Repair = "separator at the end"     // after the last value
	Blanks         Repair = "blanks around a value"
	Quotes         Repair = "quotes" // JSON text for a number or the reverse, or other quotes than JSON has
	OtherCase      Repair = "case of a level"
	OtherMissing   Repair = "missing value in words"    // NaN, NA, N/A, null; "" in JSON
	Fraction       Repair = "whole number with a point" // 3.0, or 3e2
	TrueFalse      Repair = "true or false for 1 or 0"  // in a column of whole numbers from 0 to 1
)

var repairs = []Repair{
	OtherContainer, OtherShape, NoHeader, OtherSeparator, OtherNames, ExtraColumns, LastSeparator, Blanks, Quotes, OtherCase, OtherMissing,
	Fraction, TrueFalse,
}

// Account says what became of the records of one or more replies. The zero value is that of none.
//
// Every record that a reply holds has one end: Returned = the sum of Rejected + Surplus + Delivered, once Intake has
// dealt with those that Parse accepted; what Parse returns has Surplus and Delivered 0, and
// Returned = the sum of Rejected + the number of its records.
type Account struct {
	Calls     int // answers, refusals among them
	Refused   int // calls that were refused
	Truncated int // calls whose answer ended at the cap on tokens
	Prose     int // calls whose answer has text or fences around the records
	Empty     int // calls, refusals apart, whose answer holds no record

	Requested int            // rows asked for, in all calls; a row that is asked for again counts again
	Returned  int            // records in the replies: lines and objects, whole or not, that are no text around them
	Parsed    int            // of Returned: those with one value for each column, whatever it is
	Rejected  map[Reason]int // who puts records together may reject some for reasons of its own
	ByLabel   map[string]int // of the rejected ones: those whose label could be read, by label, where Contract.Label names one
	Repaired  int            // of those that Parse accepted: with one repair or more
	Repairs   map[Repair]int // a record counts once for each kind of repair
	Outside   int            // otherwise valid, with a value out of range: accepted or rejected, as Policy.OutOfRange says
	Duplicate int            // equal to one delivered before: delivered or rejected, as Policy.Duplicates says
	Copied    int            // equal to a row that was shown: delivered or rejected, as Policy.Copies says
	Surplus   int            // accepted, but no longer wanted
	Delivered int
}

// Refusal is the account of a call for rows that was refused.
func Refusal(rows int) Account { return Account{Calls: 1, Refused: 1, Requested: rows} }

// Add adds the account of other replies.
func (a *Account) Add(b Account) {
	a.Calls += b.Calls
	a.Refused += b.Refused
	a.Truncated += b.Truncated
	a.Prose += b.Prose
	a.Empty += b.Empty
	a.Requested += b.Requested
	a.Returned += b.Returned
	a.Parsed += b.Parsed
	a.Repaired += b.Repaired
	a.Outside += b.Outside
	a.Duplicate += b.Duplicate
	a.Copied += b.Copied
	a.Surplus += b.Surplus
	a.Delivered += b.Delivered
	for reason, n := range b.Rejected {
		a.reject(reason, n)
	}
	for label, n := range b.ByLabel {
		a.rejectLabel(label, n)
	}
	for repair, n := range b.Repairs {
		if a.Repairs == nil {
			a.Repairs = map[Repair]int{}
		}
		a.Repairs[repair] += n
	}
}

func (a *Account) reject(reason Reason, n int) {
	if a.Rejected == nil {
		a.Rejected = map[Reason]int{}
	}
	a.Rejected[reason] += n
}

func (a *Account) rejectLabel(label string, n int) {
	if a.ByLabel == nil {
		a.ByLabel = map[string]int{}
	}
	a.ByLabel[label] += n
}

// RejectedRows is the number of records that were rejected, for whatever reason.
func (a *Account) RejectedRows() int {
	n := 0
	for _, k := range a.Rejected {
		n += k
	}
	return n
}

// Counts returns the account in a fixed order, each count with the given dimensions. Reasons, repairs and labels that did not
// occur are left out; the other counts are always there.
func (a *Account) Counts(dims map[string]string) []plugins.Count {
	var out []plugins.Count
	add := func(name string, value int, more ...string) {
		c := plugins.Count{Name: name, Value: value, Dims: maps.Clone(dims)}
		if len(more) == 2 {
			if c.Dims == nil {
				c.Dims = map[string]string{}
			}
			c.Dims[more[0]] = more[1]
		}
		out = append(out, c)
	}
	add("calls", a.Calls)
	add("calls refused", a.Refused)
	add("calls truncated", a.Truncated)
	add("calls with text around rows", a.Prose)
	add("calls without rows", a.Empty)
	add("rows requested", a.Requested)
	add("rows returned", a.Returned)
	add("rows parsed", a.Parsed)
	add("rows repaired", a.Repaired)
	for _, repair := range repairs {
		if n := a.Repairs[repair]; n > 0 {
			add("rows repaired by kind", n, "repair", string(repair))
		}
	}
	for _, reason := range a.inOrder() {
		if n := a.Rejected[reason]; n > 0 {
			add("rows rejected", n, "reason", string(reason))
		}
	}
	for _, label := range slices.Sorted(maps.Keys(a.ByLabel)) {
		add("rows rejected by label", a.ByLabel[label], "label", label)
	}
	add("rows out of range", a.Outside)
	add("rows duplicate", a.Duplicate)
	add("rows copied from the prompt", a.Copied)
	add("rows surplus", a.Surplus)
	add("rows delivered", a.Delivered)
	return out
}

// inOrder returns the reasons, those of this package first, then others that a caller has put in.
func (a *Account) inOrder() []Reason {
	out := slices.Clone(reasons)
	for _, reason := range slices.Sorted(maps.Keys(a.Rejected)) {
		if !slices.Contains(reasons, reason) {
			out = append(out, reason)
		}
	}
	return out
}
