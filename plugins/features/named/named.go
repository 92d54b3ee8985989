// Package named is what features have in common whose settings name the columns that they choose from.
package named

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/features/ladder"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Schema is the CUE of an optional setting that names the columns.
const Schema = `columns?: [string, ...string] @column()`

// Check returns an error when no column is named, or one twice, or when a subset would have more than there are.
func Check(columns []string, sizes ladder.Ladder) error {
	if len(columns) == 0 {
		return fmt.Errorf("columns is empty; name at least one")
	}
	for i, name := range columns {
		if slices.Contains(columns[:i], name) {
			return fmt.Errorf("columns names %q twice", name)
		}
	}
	if len(sizes) > 0 && sizes[len(sizes)-1] > len(columns) {
		return fmt.Errorf("ladder asks for %d columns; columns names %d", sizes[len(sizes)-1], len(columns))
	}
	return nil
}

// Candidates returns an error when a named column is the target or no candidate.
func Candidates(columns []string, in plugins.Candidates) error {
	for _, name := range columns {
		if name == in.Target {
			return fmt.Errorf("column %q is the target; it cannot be a feature", name)
		}
		if in.Train.Column(name) == nil {
			return fmt.Errorf("column %q is no candidate: the data do not have it, it was dropped, or its role forbids it without allow: leakage", name)
		}
	}
	return nil
}

// Among returns train with the named columns and the target alone, in the order of train: how columns are named does not
// move a ranking. Without names it is train. The errors are those of Candidates.
func Among(columns []string, in plugins.Candidates) (*frame.Frame, error) {
	if columns == nil {
		return in.Train, nil
	}
	if err := Candidates(columns, in); err != nil {
		return nil, err
	}
	return in.Train.Select(slices.DeleteFunc(in.Train.Names(), func(name string) bool {
		return name != in.Target && !slices.Contains(columns, name)
	})...)
}
