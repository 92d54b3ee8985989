package gate

import (
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// A version that has cells whose rows are drawn to the real shares, too, is made with the same libraries where both have cells.
func TestLibrariesOfOtherCellsDoNotCount(t *testing.T) {
	old, now := flat(1, "copula", 0.8, 0.9), flat(2, "copula", 0.8, 0.9)
	now.Manifest.MetricUses = map[string][]plugins.Use{"across": append(slices.Clone(old.Manifest.MetricUses["across"]), plugins.Use{Name: plugins.PostStratify, Version: 2})}
	for _, sides := range [][2]*record.Core{{now, old}, {old, now}} {
		if r := against(t, holds(0.02), sides[0], sides[1]); r.Code() != CodePass {
			t.Errorf("code %d: %+v", r.Code(), r.Comparisons)
		}
	}
}
