package membership_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// trials is the number of samples of TestFalseAlarms; 2,000 tell its rates within a percentage point.
var trials = flag.Int("trials", 200, "samples of TestFalseAlarms")

// world draws the rows of a part.
type world func(rng *rand.Rand, rows int) plugins.Sample

// alone has one row of each subject.
func alone(rng *rand.Rand, rows int) plugins.Sample {
	return plugins.Sample{Frame: patients(rng, rows)}
}

// ofSites has rows of forty hospitals, which differ in a number and in their wards.
func ofSites(rng *rand.Rand, rows int) plugins.Sample {
	x, sites := make([]float64, rows), make([]string, rows)
	for i := range x {
		k := rng.IntN(40)
		x[i], sites[i] = float64(2*k)+rng.NormFloat64(), "hospital "+strconv.Itoa(k)
	}
	return plugins.Sample{
		Frame: frame.Must(metrictest.Number("lab", x...), metrictest.Category("ward", sites...)), Site: metrictest.Category("site", sites...),
	}
}

// ofSubjects has one to seven alike rows of each subject.
func ofSubjects(rng *rand.Rand, rows int) plugins.Sample {
	x, y, subjects := make([]float64, rows), make([]float64, rows), make([]string, rows)
	for i := 0; i < rows; {
		own, id := rng.NormFloat64(), strconv.FormatUint(rng.Uint64(), 36)
		for range min(1+rng.IntN(7), rows-i) {
			x[i], y[i], subjects[i] = own+0.3*rng.NormFloat64(), rng.NormFloat64(), id
			i++
		}
	}
	return plugins.Sample{Frame: frame.Must(metrictest.Number("x", x...), metrictest.Number("y", y...)), Subject: metrictest.Category("id", subjects...)}
}

// TestFalseAlarms draws both sides from one population: the blind attack warns in about 5 % of samples.
func TestFalseAlarms(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	for _, c := range []struct {
		name, blind, members string
		draw                 world
		rows                 []int
		low                  float64
	}{
		{"rows", "logistic", "train", alone, []int{50, 200, 1000}, 0.02},
		{"rows", "gbdt", "train", alone, []int{50, 200}, 0.02},
		{"subjects", "logistic", "train", ofSubjects, []int{200}, 0.02},
		{"sites", "logistic", "exposed", ofSites, []int{200}, 0}, // matched sides are more alike than chance makes them
	} {
		for _, rows := range c.rows {
			t.Run(fmt.Sprintf("%s/%s/%d", c.name, c.blind, rows), func(t *testing.T) {
				t.Parallel()
				warned := 0
				with := `{"attacks": ["distance"], "resamples": 0, "members": ["` + c.members + `"], "blind": "` + c.blind + `"}`
				for i := range uint64(*trials) {
					rng := rand.New(rand.NewPCG(i, uint64(rows)))
					train, test := c.draw(rng, rows), c.draw(rng, rows)
					pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: train, plugins.Test: test}), train.Frame.Take(upTo(10)), "")
					m := measure(t, with, pair, i)
					if speaksUp(score(t, m, "attack_auroc", "distance", c.members, "none").Warnings) {
						warned++
					}
				}
				rate := float64(warned) / float64(*trials)
				t.Logf("%d of %d samples warn: %.1f %%", warned, *trials, 100*rate)
				if rate < c.low || rate > 0.08 {
					t.Errorf("%d of %d samples warn", warned, *trials)
				}
			})
		}
	}
}

// speaksUp reports whether the blind attack warns.
func speaksUp(warnings []string) bool {
	all := strings.Join(warnings, "; ")
	return strings.Contains(all, "differ by themselves: without") || strings.Contains(all, "are not independent")
}

// TestAShiftIsNoticed plants one: patients of the test part are ten years, or 2/3 SD, older.
func TestAShiftIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const samples = 40
	for _, c := range []struct{ rows, least int }{{50, 12}, {200, 36}, {1000, samples}} {
		noticed := 0
		for i := range uint64(samples) {
			rng := rand.New(rand.NewPCG(i, 99))
			m := measure(t, `{"attacks": ["distance"], "resamples": 0, "members": ["train"]}`, pairOf(patients(rng, c.rows), older(patients(rng, c.rows), 10), patients(rng, 20)), i)
			if speaksUp(score(t, m, "attack_auroc", "distance", "train", "none").Warnings) {
				noticed++
			}
		}
		if noticed < c.least {
			t.Errorf("%d rows a side: %d of %d shifts are noticed, want %d", c.rows, noticed, samples, c.least)
		}
	}
}

// TestMatchedSitesLeaveChanceAlone: an attack that learns from one half of the non-members is right by chance in half of the cases, on
// average, though the rows that it learns from tell which sites are rare in the other half.
func TestMatchedSitesLeaveChanceAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const samples = 60
	sum := 0.0
	for i := range uint64(samples) {
		rng := rand.New(rand.NewPCG(i, 98))
		train, test := ofSites(rng, 200), ofSites(rng, 200)
		pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: train, plugins.Test: test}), ofSites(rng, 200).Frame, "")
		sum += score(t, measure(t, `{"attacks": ["logistic"], "resamples": 0, "members": ["exposed"]}`, pair, i), "attack_auroc", "logistic", "exposed", "none").Value
	}
	if mean := sum / samples; math.Abs(mean-0.5) > 0.02 {
		t.Errorf("the mean AUROC is %v", mean)
	}
}
