package frame

import (
	"errors"
	"fmt"
	"strings"
)

// Faults are two or more faults that do not depend on each other, such as those of several columns of a file.
type Faults []error

// mostFaults are told on one line.
const mostFaults = 10

// Error is one line: the faults, the first ten of them and how many more there are.
func (f Faults) Error() string {
	texts := make([]string, 0, mostFaults+1)
	for i, err := range f {
		if i == mostFaults {
			texts = append(texts, fmt.Sprintf("and %d more", len(f)-mostFaults))
			break
		}
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the faults.
func (f Faults) Unwrap() []error { return f }

// Together is the error of faults, of which some may be nil or several themselves: nil when there is none, the fault
// itself when there is one, else Faults.
func Together(faults ...error) error {
	var all Faults
	for _, err := range faults {
		all = append(all, Apart(err)...)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// Apart lists the faults that an error stands for: those of Faults, or the error itself; none of nil.
func Apart(err error) []error {
	switch several := err.(type) { // not errors.As: what wraps Faults says more than they do
	case nil:
		return nil
	case Faults:
		return several
	}
	return []error{err}
}

// ofColumn reports whether a fault is that of the values or the declaration of one column, so that others can be read all the same.
func ofColumn(err error) bool {
	var known *FileError
	return errors.As(err, &known) && known.ColumnName != "" && known.Err == nil
}
