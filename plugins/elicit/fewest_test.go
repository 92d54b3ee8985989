package elicit

import (
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// How many rows are asked for tells how many patients a group has, whoever declared its levels.
func TestRealSharesTellNoSmallGroup(t *testing.T) {
	levels := map[string]plugins.Limit{"sex": {Min: ptr(0.0), Max: ptr(1.0)}, "race": {Levels: []string{"a", "b", "c"}}}
	for _, shares := range []string{SharesReal, SharesEqual} {
		s, err := setupOf(t, Defaults("", ""), Design{By: []string{"sex", "race"}, Shares: shares}, people(), 200, levels, nil)
		if err != nil {
			t.Fatal(err)
		}
		few := slices.ContainsFunc(s.grouped, func(g group) bool { return g.patients < plugins.FewestTold })
		if few != (shares == SharesEqual) {
			t.Errorf("shares %q: the cells are %s", shares, summary(s))
		}
	}
}
