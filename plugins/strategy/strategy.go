// Package strategy holds what the statistical strategies have in common: the check of their task.
package strategy

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Source returns the rows of the part that a strategy generates from.
//
// It is an error when the task asks for fewer than one row, or the part has none.
func Source(task plugins.Task, part plugins.Part) (*frame.Frame, error) {
	if task.N < 1 {
		return nil, fmt.Errorf("n is %d; want at least 1", task.N)
	}
	f := task.Parts.Get(part).Frame
	if f.Rows() == 0 {
		return nil, fmt.Errorf("the %s part has no rows", part)
	}
	return f, nil
}
