package simulatedicu

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"gonum.org/v1/gonum/stat/distuv"
)

// Spreads between hospitals, invented; the baseline risk has a setting of its own.
const (
	volumeSpread   = 0.6  // SD of the log of the number of stays
	severitySpread = 0.25 // SD of the mean severity: case mix
	ageSpread      = 2.0  // years
	casesSpread    = 0.4  // SD of the log of each diagnosis' weight
	habitSpread    = 0.5  // SD, in probits, of how readily each lab is ordered
	assaySpread    = 0.05 // SD, in units of z, of the calibration of each lab
	teachingShare  = 0.2
)

// hospital is what the stays of one hospital share.
type hospital struct {
	id        int
	region    int // index into regions
	teaching  bool
	risk      float64 // log-odds of death
	severity  float64
	age       float64
	cases     []float64 // cumulative weights of the diagnoses
	threshold []float64 // of each measurement: it is taken when a normal draw lies above
	assay     []float64 // added to the normal score of each measurement
}

// world is everything that is fixed before the first stay.
type world struct {
	config    Config
	hospitals []hospital
	volume    []float64 // cumulative
	regions   []float64 // cumulative
	ethnicity []float64 // cumulative
	margins   []margin  // of the measurements
	intercept float64
}

func newWorld(c Config, random plugins.Rand) *world {
	w := &world{config: c, regions: cumulate(weights(regions)), ethnicity: cumulate(weights(ethnicities)), margins: c.margins()}
	volumes := make([]float64, c.Hospitals)
	for h := range c.Hospitals {
		rng := random.For(plugins.ForSimulation, "hospital", strconv.Itoa(h))
		volumes[h] = math.Exp(volumeSpread * rng.NormFloat64())
		w.hospitals = append(w.hospitals, w.hospital(h, rng))
	}
	w.volume = cumulate(volumes)
	return w
}

func (w *world) hospital(h int, rng *rand.Rand) hospital {
	out := hospital{
		id:        56 + 2*h + rng.IntN(2), // distinct, and not consecutive
		region:    pick(w.regions, rng.Float64()),
		teaching:  rng.Float64() < teachingShare,
		risk:      w.config.SiteSD * rng.NormFloat64(),
		severity:  severitySpread * rng.NormFloat64(),
		age:       ageSpread * rng.NormFloat64(),
		threshold: make([]float64, len(measurements)),
		assay:     make([]float64, len(measurements)),
	}
	cases := make([]float64, len(diagnoses))
	for i, d := range diagnoses {
		cases[i] = d.weight * math.Exp(casesSpread*rng.NormFloat64())
	}
	out.cases = cumulate(cases)
	for i, m := range measurements {
		habit, assay := habitSpread*rng.NormFloat64(), assaySpread*rng.NormFloat64()
		if m.lab {
			out.assay[i] = assay
		}
		// with this factor the share measured, over all hospitals and severities, is the one of the table
		out.threshold[i] = -distuv.UnitNormal.Quantile(m.measured)*w.config.driveSD(&m) - habit
	}
	return out
}

func weights(s []share) []float64 {
	out := make([]float64, len(s))
	for i := range s {
		out[i] = s[i].weight
	}
	return out
}

// cumulate returns the running sums of w, scaled to end at 1.
func cumulate(w []float64) []float64 {
	out := make([]float64, len(w))
	sum := 0.0
	for i, v := range w {
		sum += v
		out[i] = sum
	}
	for i := range out {
		out[i] /= sum
	}
	out[len(out)-1] = 1
	return out
}

// pick returns the first index whose cumulative weight exceeds u, which lies in [0,1).
func pick(cumulative []float64, u float64) int {
	low, high := 0, len(cumulative)-1
	for low < high {
		if mid := (low + high) / 2; cumulative[mid] > u {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}
