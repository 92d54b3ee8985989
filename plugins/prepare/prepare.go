// Package prepare fits a preparation on the train part and applies it to all parts.
package prepare

// Version is raised when equal inputs may be prepared otherwise.
const Version = 1

// Config is the prepare block of a data set.
type Config struct {
	Missing string  `json:"missing"` // "keep", "median" (the most frequent level for categories) or "drop"
	Levels  *Levels `json:"levels,omitempty"`
}

// Levels merges the levels of categorical columns that are rare in train.
type Levels struct {
	Min   int    `json:"min"`   // a level with fewer rows in train is merged
	Other string `json:"other"` // the level that takes them
}
