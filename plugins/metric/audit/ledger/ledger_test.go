package ledger_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/ledger"
)

func few(n int) bool { return n > 0 && n < plugins.FewestTold }

func TestWhatIsToldTogether(t *testing.T) {
	l := ledger.New(100)
	below := func(k int) func(int) bool { return func(row int) bool { return row < k } }
	for _, c := range []struct {
		k    int
		told bool
	}{{0, true}, {100, true}, {10, false}, {11, true}, {90, false}, {89, true}, {15, false}, {11, true}, {22, true}, {30, false}, {78, true}} {
		if told := l.Tell(below(c.k)); told != c.told {
			t.Errorf("the first %d of 100 rows: told %t", c.k, told)
		}
	}
	if !(*ledger.Ledger)(nil).Tell(below(3)) {
		t.Error("no ledger withholds nothing")
	}
}

// No intersection of told sets and complements is small, and what is told is told again.
func TestNoDifferenceIsSmall(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 20 + rng.IntN(150)
		l := ledger.New(n)
		var told [][]bool
		for range 12 {
			set, share := make([]bool, n), rng.Float64()
			for row := range set {
				set[row] = rng.Float64() < share
			}
			if l.Tell(func(row int) bool { return set[row] }) {
				told = append(told, set)
			}
		}
		groups := map[string]int{}
		for row := range n {
			key := ""
			for _, set := range told {
				key += map[bool]string{true: "1", false: "0"}[set[row]]
			}
			groups[key]++
		}
		for key, size := range groups {
			if few(size) {
				t.Fatalf("seed %d: %d rows are told apart as %s", seed, size, key)
			}
		}
		for _, set := range told {
			if !l.Tell(func(row int) bool { return !set[row] }) {
				t.Fatalf("seed %d: the rest of a set that is told is not", seed)
			}
		}
	}
}
