// Package plant plants known errors in real records, and mixes these with untouched real records and with synthetic ones, so that
// an auditor can be rated by what it finds: of an error that was planted it is known where it is.
package plant

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when equal inputs may give other lineups.
const Version = 2

// Config says which real records stand beside the synthetic ones in the lineups of an audit.
type Config struct {
	Rows     int              `json:"rows"`              // of test, drawn by subject; 0: all
	Share    float64          `json:"share"`             // of these, those in which an error is planted, in [0,1]
	Kinds    []string         `json:"kinds,omitempty"`   // of errors; nil: all that the columns allow
	Combine  []map[string]any `json:"combine,omitempty"` // further impossible combinations of values, by column
	Shuffled int              `json:"shuffled"`          // column-shuffled records, at most as many as test has
}

// Known is what is known of columns besides the rows.
type Known struct {
	Target string
	About  map[string]plugins.ColumnInfo
	Limits map[string]plugins.Limit
}

// Mixed is a lineup with what only the one who rates the auditor is to know.
type Mixed struct {
	Frame   *frame.Frame
	Records []Record // of each row of Frame
	Counts  []plugins.Count
	Notes   []string // e.g. kinds that no column allows
}

// Record says where a row of a lineup comes from.
type Record struct {
	Source  plugins.Source   `json:"source"`
	Origin  int              `json:"origin"`            // row of the synthetic rows, or of test, that it is or was made of; of FromShuffled -1
	Second  bool             `json:"second,omitempty"`  // of real and planted rows: a threshold is rated on it, and not chosen on it
	Planted *plugins.Planted `json:"planted,omitempty"` // of FromPlanted
}

// Mix returns a lineup of synthetic rows and, with a Config, of rows of the test part: some untouched, some with an error planted in each,
// some with their columns shuffled. subject holds the subject of each row of test and may be nil, which makes each row a subject. rand
// has to have plugins.ForAudit declared.
//
// Each real record comes once, untouched or with an error. The order is random, and so is the half of the subjects whose records are
// Second; both halves have as many subjects with a planted record, up to one, whatever its kind. Which records are drawn, what is done to
// them and how they stand to each other hangs on test, its subjects and c alone, not on the synthetic rows.
//
// Without a Config (nil) the lineup is the synthetic rows in their order. Errors name settings and columns, and never a value of a row.
func Mix(synthetic, test *frame.Frame, subject *frame.Column, c *Config, known Known, rand plugins.Rand) (*Mixed, error) {
	m := &mixer{synthetic: synthetic}
	if c == nil {
		return m.alone(), nil
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	test, err := alike(synthetic, test)
	if err != nil {
		return nil, err
	}
	if subject != nil && subject.Len() != test.Rows() {
		return nil, fmt.Errorf("test has %d rows, and their subjects are %d", test.Rows(), subject.Len())
	}
	if err := checkCombine(c.Combine, test); err != nil {
		return nil, err
	}
	m.test, m.config, m.known, m.rand = test, c, known, rand
	m.subjects(subject)
	m.draw()
	if err := m.plantAll(); err != nil {
		return nil, err
	}
	m.halve()
	return m.mix()
}

// alike returns the columns of test that synthetic rows have, in their order. Units are those of the synthetic rows, which are given
// those of the data anyway.
func alike(synthetic, test *frame.Frame) (*frame.Frame, error) {
	columns := make([]*frame.Column, 0, len(synthetic.Columns()))
	for _, c := range synthetic.Columns() {
		real := test.Column(c.Name)
		switch {
		case real == nil:
			return nil, fmt.Errorf("the test rows have no column %q, which the synthetic ones have", c.Name)
		case real.Kind != c.Kind:
			return nil, fmt.Errorf("column %q is a %s of the test rows and a %s of the synthetic ones", c.Name, real.Kind, c.Kind)
		}
		same := *real
		same.Unit = c.Unit
		columns = append(columns, &same)
	}
	if len(columns) == 0 {
		return test.Select()
	}
	return frame.New(columns...)
}
