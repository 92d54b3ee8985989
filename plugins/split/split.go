// Package split shares rows among the parts of a data set: by row, subject, site or time, stratified, seeded. It also
// restricts the parts to the hospitals of an arrangement, and counts what each hospital has of them.
package split

import "github.com/ehrlab/ehrlab/plugins/frame"

// Version is raised when equal inputs may give another split.
const Version = 1

// What the rows are shared by.
const (
	ByRow     = "row"
	BySubject = "subject"
	BySite    = "site"
	ByTime    = "time"
)

// Config is the split block of a data set. The shares are ≥ 0 and sum to 1.
type Config struct {
	Train      float64  `json:"train"`
	Validation float64  `json:"validation"`
	Test       float64  `json:"test"`
	Reference  float64  `json:"reference"`
	By         string   `json:"by"`                 // "row", "subject", "site" or "time"
	Time       string   `json:"time,omitempty"`     // the column that by "time" goes by
	Stratify   []string `json:"stratify,omitempty"` // columns; the shares of their combinations are kept in every part
	Seed       uint64   `json:"seed"`
}

// Columns are what a split goes by, with one value a row; nil where the data set has none.
type Columns struct {
	Subject *frame.Column
	Site    *frame.Column // read by "site" alone
	Time    *frame.Column // read by "time" alone
}
