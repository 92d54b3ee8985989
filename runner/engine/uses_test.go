package engine

import (
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// What a metric is made with hangs on no order of cells.
func TestLibrariesOfAllCells(t *testing.T) {
	one, two := []plugins.Use{{Name: "rate", Version: 3}}, []plugins.Use{{Name: "rate", Version: 3}, {Name: plugins.PostStratify, Version: 2}}
	a, b := withUses(withUses(nil, one), two), withUses(withUses(nil, two), one)
	if len(a) != 2 || !slices.Equal(a, b) {
		t.Errorf("%v, and %v in another order", a, b)
	}
}
