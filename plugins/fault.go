package plugins

import "strings"

// Fault is a mistake in the settings of a plugin that its schema cannot tell.
type Fault struct {
	Field   []string // where it is written, from the with block on
	Message string   // what is wrong and what would be right
	// Name is the name that is none of Known, where that is the mistake: the runner adds the one that may be meant.
	Name  string
	Known []string
}

// Faults are the mistakes of one block of settings. A constructor may return them as its error, so that each is told where it is
// written.
type Faults []Fault

// Error lists the faults.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		if lines[i] = one.Message; len(one.Field) > 0 {
			lines[i] = strings.Join(one.Field, ".") + ": " + one.Message
		}
	}
	return strings.Join(lines, "; ")
}

// Vetting is what an Auditor or a Metric implements whose settings say more of columns than a schema can, as conditions do.
type Vetting interface {
	// Vet returns what is wrong with the settings for records that have these columns, whichever of them a cell has as features.
	// The kind of a column may be unknown.
	Vet(columns []ColumnInfo) Faults
}

// Citing is what a Metric implements whose settings name audits of the experiment.
type Citing interface {
	// VetAudits returns what is wrong with the settings where cells have these audits and no others.
	VetAudits(audits []string) Faults
}
