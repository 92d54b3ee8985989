package elicit

import (
	"math"
	"testing"
)

// A prevalence holds over many small groups, none of which has a whole number of events.
func TestPrevalenceHoldsOverSmallGroups(t *testing.T) {
	train := people()
	for _, p := range []Prevalence{0.012, 0.05, 0.0867, 0.5, 0.97} {
		for _, n := range []int{20, 80, 101, 1000} {
			c := Defaults("", "")
			c.Label = Label{Mode: Conditioned, Prevalence: p, Order: Last}
			s, err := setupOf(t, c, Design{By: []string{"sex", "race"}, Shares: SharesEqual}, train, n, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			events, rows := 0, 0
			for _, c := range s.all {
				if rows += c.rows; c.dims["death"] == "1" {
					events += c.rows
				}
			}
			if want := float64(p) * float64(n); math.Abs(float64(events)-want) > 0.5+1e-9 || rows != n {
				t.Errorf("prevalence %v of %d rows: %d events of %d, want %v", p, n, events, rows, want)
			}
		}
	}
}
