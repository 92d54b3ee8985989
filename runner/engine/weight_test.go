package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
)

func TestSizesOfGroupsAtRealShares(t *testing.T) {
	cases := []struct {
		name   string
		rows   []int // of each group
		shares []float64
		want   []int
	}{
		{"as they are", []int{30, 70}, []float64{0.3, 0.7}, []int{30, 70}},
		{"equal groups, one rare in truth", []int{50, 50}, []float64{0.1, 0.9}, []int{6, 49}}, // 50/0.9 is 55.6: 55 rows are 5.5 and 49.5, a tie
		{"a share that no division meets exactly", []int{30, 100}, []float64{0.3, 0.7}, []int{30, 70}},
		{"a group that is not real", []int{10, 10, 10}, []float64{0.5, 0.5, 0}, []int{10, 10, 0}},
		{"a real group without rows", []int{10, 0}, []float64{0.5, 0.5}, []int{0, 0}},
		{"thirds", []int{10, 10, 10}, []float64{1. / 3, 1. / 3, 1. / 3}, []int{10, 10, 10}},
		{"the largest remainder gets what is left", []int{3, 3, 2}, []float64{0.45, 0.35, 0.2}, []int{3, 2, 1}}, // 6 rows are 2.7, 2.1 and 1.2
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			members := make([][]int, len(c.rows))
			for g, n := range c.rows {
				members[g] = make([]int, n)
			}
			if got := sizes(members, c.shares); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// No group is larger than it is, none is a row or more off its share, one row more would not fit, and the draw repeats itself.
func TestRowsDrawnToRealShares(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		groups := 1 + rng.IntN(5)
		s := &plugins.Strata{Name: "g", Levels: make([]string, groups), Shares: make([]float64, groups), Codes: make([]int32, 1+rng.IntN(200))}
		total := 0.0
		for g := range s.Shares {
			s.Shares[g] = 0.01 + rng.Float64()
			total += s.Shares[g]
		}
		for g := range s.Shares {
			s.Shares[g] /= total
		}
		for i := range s.Codes {
			s.Codes[i] = int32(rng.IntN(groups))
		}
		rows := postStratified(s, &cache.Recipe{})
		have, of := make([]int, groups), make([]int, groups)
		for _, code := range s.Codes {
			of[code]++
		}
		for i, row := range rows {
			if i > 0 && row <= rows[i-1] {
				t.Fatalf("rows %v are not ascending", rows)
			}
			have[s.Codes[row]]++
		}
		fits := true
		for g, share := range s.Shares {
			if math.Abs(float64(have[g])-share*float64(len(rows))) >= 1 {
				t.Fatalf("group %d: %d of %d rows at a share of %g", g, have[g], len(rows), share)
			}
			fits = fits && share*float64(len(rows)+1) <= float64(of[g])
		}
		if fits {
			t.Fatalf("%d rows, and one more would fit: %v at %v", len(rows), of, s.Shares)
		}
		if !slices.Equal(rows, postStratified(s, &cache.Recipe{})) {
			t.Fatal("another draw of the same rows")
		}
	}
}

// Replayed answers give the same rows on every numeric class, and other seeds other ones.
func TestDrawHangsOnSeedAndData(t *testing.T) {
	s := &plugins.Strata{Name: "g", Levels: []string{"a", "b"}, Codes: make([]int32, 100), Shares: []float64{0.2, 0.8}}
	for i := range s.Codes {
		s.Codes[i] = int32(i % 2)
	}
	draw := func(seed uint64, data, numeric string) []int {
		return postStratified(s, &cache.Recipe{Seed: &seed, Data: data, Numeric: numeric, Plugin: "any " + numeric})
	}
	first := draw(1, "d", "amd64")
	if !slices.Equal(first, draw(1, "d", "arm64")) {
		t.Error("another numeric class draws other rows")
	}
	if slices.Equal(first, draw(2, "d", "amd64")) || slices.Equal(first, draw(1, "e", "amd64")) {
		t.Error("another seed, or other data, draw the same rows")
	}
}

func TestGroupsKeepTheirContract(t *testing.T) {
	good := plugins.Strata{Name: "g", Levels: []string{"a", "b"}, Codes: []int32{0, 1, 1}, Shares: []float64{0.25, 0.75}}
	if err := checkStrata(&good, 3); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*plugins.Strata){
		"rows":     func(s *plugins.Strata) { s.Codes = s.Codes[:2] },
		"code":     func(s *plugins.Strata) { s.Codes = []int32{0, 1, 2} },
		"missing":  func(s *plugins.Strata) { s.Codes = []int32{0, 1, -1} },
		"shares":   func(s *plugins.Strata) { s.Shares = []float64{1} },
		"sum":      func(s *plugins.Strata) { s.Shares = []float64{0.5, 0.75} },
		"negative": func(s *plugins.Strata) { s.Shares = []float64{-0.5, 1.5} },
		"nan":      func(s *plugins.Strata) { s.Shares = []float64{math.NaN(), 1} },
	} {
		s := good
		if change(&s); checkStrata(&s, 3) == nil {
			t.Errorf("%s: no error for %+v", name, s)
		}
	}
}

func TestWeightedScoresSayHowManyRowsTheyRestOn(t *testing.T) {
	m := &plugins.Measurement{Scores: []plugins.Score{{Name: "mean", Status: plugins.OK}}}
	weighted := &plugins.Measurement{Scores: []plugins.Score{
		{Name: "mean", Status: plugins.OK, Warnings: []string{"few"}}, {Name: "max", Status: plugins.Undefined, Reason: "none"},
	}}
	addWeighted(m, weighted, 28, 100)
	want := []string{"few", "rests on 28 of 100 synthetic rows, drawn to the real shares of groups"}
	if got := m.Scores[1].Warnings; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(m.Scores[0].Warnings) > 0 || len(m.Scores[2].Warnings) > 0 {
		t.Error("a raw score, or one without a value, has the warning")
	}
}
