// Package label reads a two-class target column as zeros and ones.
//
// One rule for every plugin that trains or tests a classifier, so that none takes the other class for the positive one.
package label

import (
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when equal columns may be read otherwise.
const Version = 1

// ErrOneClass is wrapped by the error of Binary for a column whose rows are all of one class:
// a metric may report it as undefined.
var ErrOneClass = errors.New("has one class only; two are needed")

// Positive returns the positive class of a target column by the rule of this package: "1" for a Number column,
// the last level in byte order ("yes" after "no", "Expired" after "Alive") for a Category column.
//
// A frame with fewer rows may lack the positive level: ask the train part, and hand the answer to Binary for the others.
func Positive(col *frame.Column) (string, error) {
	if col.Kind == frame.Number {
		return "1", nil
	}
	switch n := len(col.Levels); {
	case n == 0:
		return "", fmt.Errorf("target %q has no labels", col.Name)
	case n == 1:
		return "", fmt.Errorf("target %q %w", col.Name, ErrOneClass)
	case n > 2:
		return "", fmt.Errorf("target %q has %d levels; two are needed", col.Name, n)
	}
	return col.Levels[1], nil
}

// Binary returns 1 for the rows of the positive class and 0 for the others.
//
// A Number column may hold 0 and 1 only; positive is "1", "0" or "" (which means "1"). A Category column may hold
// two levels; positive is one of them, or "" for the choice of Positive.
//
// The error says which: no rows, missing labels (with their number), another value than 0 and 1, more than two levels,
// or ErrOneClass. A Category column that lacks the positive level is of one class.
func Binary(col *frame.Column, positive string) ([]float64, error) {
	if col.Len() == 0 {
		return nil, fmt.Errorf("target %q has no rows", col.Name)
	}
	if n := col.MissingCount(); n > 0 {
		return nil, fmt.Errorf("target %q is missing in %d of %d rows; leave them out by a cohort filter", col.Name, n, col.Len())
	}
	y, err := values(col, positive)
	if err != nil {
		return nil, err
	}
	ones := 0
	for _, v := range y {
		ones += int(v)
	}
	if ones == 0 || ones == len(y) {
		return nil, fmt.Errorf("target %q %w", col.Name, ErrOneClass)
	}
	return y, nil
}

func values(col *frame.Column, positive string) ([]float64, error) {
	if col.Kind == frame.Category {
		return levels(col, positive)
	}
	if positive != "" && positive != "0" && positive != "1" {
		return nil, fmt.Errorf("target %q is a number: its positive class is 0 or 1, not %q", col.Name, positive)
	}
	others := 0
	for _, v := range col.Numbers {
		if v != 0 && v != 1 {
			others++
		}
	}
	if others > 0 {
		return nil, fmt.Errorf("target %q is a number that is neither 0 nor 1 in %d of %d rows; code it as 0 and 1, or declare it a category of two levels", col.Name, others, col.Len())
	}
	y := make([]float64, col.Len())
	for i, v := range col.Numbers {
		if (v == 1) == (positive != "0") {
			y[i] = 1
		}
	}
	return y, nil
}

func levels(col *frame.Column, positive string) ([]float64, error) {
	if len(col.Levels) > 2 {
		return nil, fmt.Errorf("target %q has %d levels; two are needed", col.Name, len(col.Levels))
	}
	if positive == "" {
		var err error
		if positive, err = Positive(col); err != nil {
			return nil, err
		}
	}
	y := make([]float64, col.Len())
	for i, c := range col.Codes {
		if col.Levels[c] == positive {
			y[i] = 1
		}
	}
	return y, nil
}
