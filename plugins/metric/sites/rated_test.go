package sites

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Whatever is measured of a site or over sites has an interval that holds its value, of a unit that is named.
func TestEveryScoreHasAnInterval(t *testing.T) {
	law := []hospital{{"a", 150, 2}, {"b", 150, 1}, {"c", 150, 0.5}, {"d", 150, 1.5}}
	train, test := patients(1, law...), patients(2, law...)
	got := measure(t, `{"site": "hospital", "resamples": 200, "grid": true}`, pair(train, test, patients(3, law...).Frame))
	units := map[string]int{}
	for _, s := range got.Scores {
		if s.Status != plugins.OK || s.Interval == nil || !(s.Interval.Low <= s.Value && s.Value <= s.Interval.High) {
			t.Errorf("%s %v: %s %v, %+v", s.Name, s.Dims, s.Status, s.Value, s.Interval)
			continue
		}
		units[s.Interval.Unit]++
	}
	want := map[string]int{"rows of the site in the test part": 6*4 + 2*16, "sites": 6, "rows of the test part, at these sites": 4}
	for unit, n := range want {
		if units[unit] != n {
			t.Errorf("%d intervals are over %s, want %d", units[unit], unit, n)
		}
	}
	var values []float64
	for _, h := range law {
		values = append(values, got.Value(tstr, "site", h.name))
	}
	_, low, high, err := stats.MeanInterval(values, 0.95)
	if i := got.Score(tstr + "_mean").Interval; err != nil || i.Low != max(0, low) || i.High != min(1, high) {
		t.Errorf("the mean has the interval %+v, want %v to %v", i, low, high)
	}
}

// Of two sites their spread says too little: the interval is that of their patients.
func TestFewSitesAreTakenAsTheyAre(t *testing.T) {
	law := []hospital{{"a", 200, 2}, {"b", 200, 2}}
	train, test := patients(1, law...), patients(2, law...)
	got := measure(t, `{"site": "hospital", "resamples": 200}`, pair(train, test, train.Frame))
	mean, one := got.Score(tstr+"_mean"), got.Score(tstr, "site", "a").Interval
	if i := mean.Interval; i.Unit != "rows of the test part, at these sites" || i.High-i.Low >= one.High-one.Low {
		t.Errorf("of two sites %+v, of one %+v", i, one)
	}
	if !slices.ContainsFunc(mean.Warnings, func(w string) bool { return strings.HasPrefix(w, "fewer than 3 sites") }) {
		t.Errorf("warnings %q", mean.Warnings)
	}
	none := measure(t, `{"site": "hospital", "resamples": 0, "grid": true}`, pair(train, test, train.Frame))
	for _, s := range none.Scores {
		if s.Interval != nil {
			t.Errorf("%s has an interval that was not asked for", s.Name)
		}
	}
}

// A difference of models at one site is resampled as one: what makes a resample easy is the same for both.
func TestGapsArePaired(t *testing.T) {
	w := &work{Config: Config{Resamples: 3, Level: 0.5}, who: "rows"}
	own := []rated{{value: 0.9, n: 5, draws: []float64{0.8, 0.9, 1}}, without("none"), {value: 0.5, n: 5, draws: []float64{0.5, 0.5, 0.5}}}
	left := []rated{{value: 0.7, n: 5, draws: []float64{0.6, 0.7, 0.8}}, {}, without("no model")}
	got, err := w.gaps(own, left)
	if err != nil {
		t.Fatal(err)
	}
	if i := got[0].interval; math.Abs(i.Low-0.2) > 1e-12 || math.Abs(i.High-0.2) > 1e-12 {
		t.Errorf("%+v, want 0.2 on every resample", i)
	}
	if got[1].reason != "none" || got[2].reason != "no model" {
		t.Errorf("%+v", got[1:])
	}
}

// The least true value lies in the interval of the worst site at least as often as it says, though the least measured one lies below it.
func TestTheWorstIsCovered(t *testing.T) {
	const trials, sites, rows = 300, 8, 60
	const apart = 1.0 // between the means of the classes, in SD
	truth := (1 + math.Erf(apart/2)) / 2
	w := &work{Config: Config{Resamples: 1, Level: 0.95}, who: "rows"}
	covered, below := 0, 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 5))
		var values []rated
		for range sites {
			y, p, unit := make([]bool, rows), make([]float64, rows), make([]int32, rows)
			for i := range y {
				y[i], unit[i] = i%2 == 0, int32(i)
				if p[i] = rng.NormFloat64(); y[i] {
					p[i] += apart
				}
			}
			r, err := w.bare(&site{unit: unit}, y, p)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, r)
		}
		worst, err := w.worst(values)
		if err != nil {
			t.Fatal(err)
		}
		if worst.interval.Low <= truth && truth <= worst.interval.High {
			covered++
		}
		if worst.value < truth {
			below++
		}
	}
	if share := float64(covered) / trials; share < 0.93 {
		t.Errorf("covered %.3f, want 0.95 or more", share)
	}
	if below < trials*9/10 {
		t.Errorf("%d of %d least values lie below the truth: the test tries nothing", below, trials)
	}
}
