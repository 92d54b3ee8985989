// Package split shares rows among the parts of a data set: by subject, stratified, seeded.
package split

// Version is raised when equal inputs may give another split.
const Version = 1

// Config is the split block of a data set. The shares are ≥ 0 and sum to 1.
type Config struct {
	Train      float64 `json:"train"`
	Validation float64 `json:"validation"`
	Test       float64 `json:"test"`
	Reference  float64 `json:"reference"`
	By         string  `json:"by"`                 // "row" or "subject"
	Stratify   string  `json:"stratify,omitempty"` // column whose shares are kept in every part
	Seed       uint64  `json:"seed"`
}
