// Package cohort keeps the rows that a study is about, and accounts for what each step leaves out.
package cohort

// Version is raised when equal inputs may keep other rows, or count them otherwise.
const Version = 4

// Condition is a test of one column; a row meets it when it meets each of its parts.
//
// A row without a value meets no condition but Missing: true. So NotIn asks for a value, too; the rows that are
// not known to have one of some values are those of the filter Not with In.
type Condition struct {
	Column  string   `json:"column"`
	Min     *float64 `json:"min,omitempty"`     // value ≥ min
	Max     *float64 `json:"max,omitempty"`     // value ≤ max
	In      []string `json:"in,omitempty"`      // value is one of these; numbers are compared as numbers
	NotIn   []string `json:"notIn,omitempty"`   // value is none of these
	Missing *bool    `json:"missing,omitempty"` // true: there is no value; false: there is one
}

// Filter is one step of a cohort, in one of four forms:
//
//   - the fields of a Condition keep the rows that meet it;
//   - First, with By, keeps one row of each value of a column;
//   - Any keeps the rows that meet at least one of the conditions;
//   - Not keeps the rows that do not meet the condition: the exact complement, so that a row without a value stays
//     where the condition asks for one.
//
// First works on the rows that the filters before it have left: the first adult stay of a patient and the first stay
// of a patient, if it was an adult's, are the same two filters in another order. Of the rows that share a value of the
// column the one with the least By stays: the columns are compared in order, numbers as numbers, categories by bytes,
// and a row without a value comes last. Rows that are still tied are an error, since their order in the file
// is nobody's decision. Without By, the first row in the order of the data stays. A row without a value of the
// column is one of its own and stays.
type Filter struct {
	Title   string      `json:"title,omitempty"` // how the account of the cohort names the step; the rule in words unless set
	Column  string      `json:"column,omitempty"`
	Min     *float64    `json:"min,omitempty"`
	Max     *float64    `json:"max,omitempty"`
	In      []string    `json:"in,omitempty"`
	NotIn   []string    `json:"notIn,omitempty"`
	Missing *bool       `json:"missing,omitempty"`
	First   string      `json:"first,omitempty"` // e.g. the patient
	By      []string    `json:"by,omitempty"`    // of First, e.g. the day of admission
	Any     []Condition `json:"any,omitempty"`
	Not     *Condition  `json:"not,omitempty"`
}

// condition returns the filter's own fields of a condition.
func (f Filter) condition() Condition {
	return Condition{Column: f.Column, Min: f.Min, Max: f.Max, In: f.In, NotIn: f.NotIn, Missing: f.Missing}
}
