// Package cohort keeps the rows that a study is about, and counts what each step leaves out.
package cohort

// Version is raised when equal inputs may keep other rows.
const Version = 1

// Filter keeps the rows that satisfy all of its conditions. A missing value satisfies none but Missing: true.
type Filter struct {
	Column  string   `json:"column"`
	Min     *float64 `json:"min,omitempty"`     // value ≥ min
	Max     *float64 `json:"max,omitempty"`     // value ≤ max
	In      []string `json:"in,omitempty"`      // value is one of these; numbers in shortest form
	Missing *bool    `json:"missing,omitempty"` // true: keep only missing; false: keep only present
}
