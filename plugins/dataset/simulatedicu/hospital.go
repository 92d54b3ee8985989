package simulatedicu

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

// Spreads between hospitals that follow from the settings, invented.
const (
	volumeSpread   = 0.6 // SD of the log of the number of stays, where sizes are skewed
	bedsWithVolume = 0.8 // correlation of the number of beds and the log of the number of stays
	agePerCaseMix  = 8   // years per unit of caseMixSD
	diagPerCaseMix = 1.6 // SD of the log of each diagnosis' weight per unit of caseMixSD
	electPerMix    = 2   // SD of the log-odds of elective surgery per unit of caseMixSD
	assayPerHabit  = 0.1 // SD, in units of z, of the calibration of each lab per unit of practiceSD
)

// hospital is what the stays of one hospital share.
type hospital struct {
	id       int
	region   int // index into regions
	beds     int // index into beds, or len(beds): unknown
	teaching bool

	// case mix
	severity float64
	age      float64
	cases    []float64 // cumulative weights of the diagnoses
	elective []float64 // share of each diagnosis that is elective surgery

	// practice
	panels [panels]float64 // log-odds that a panel is charted for a stay of severity 0
	assay  []float64       // added to the normal score of each measurement

	// risk
	risk    float64   // log-odds of death beyond the average hospital, at equal case mix: the site effect
	slope   []float64 // log-odds of death per unit of each term
	neutral float64   // takes out of the log-odds what practice adds to them on average
}

// world is a model with the hospitals that were drawn for it: everything that is fixed before the first stay.
type world struct {
	*model
	hospitals []hospital
	volume    []float64       // share of each hospital in the patients
	toVolume  []float64       // cumulative
	shares    [panels]float64 // of the stays in which each panel is charted
	neutral   float64         // the same for the average hospital
	intercept float64
}

// newWorld draws the hospitals and settles how often panels are charted in them.
func newWorld(m *model, random plugins.Rand) *world {
	w := drawWorld(m, random)
	w.settle()
	return w
}

// drawWorld draws the hospitals, each independently of the others.
func drawWorld(m *model, random plugins.Rand) *world {
	w := &world{model: m, volume: make([]float64, m.config.Hospitals)}
	for h := range m.config.Hospitals {
		rng := random.For(plugins.ForSimulation, "hospital", strconv.Itoa(h))
		size := rng.NormFloat64()
		w.volume[h] = 1
		if m.config.HospitalSizes == skewed {
			w.volume[h] = math.Exp(volumeSpread * size)
		}
		w.hospitals = append(w.hospitals, m.hospital(h, size, rng))
	}
	w.toVolume = cumulate(w.volume)
	sum := 0.0
	for _, v := range w.volume {
		sum += v
	}
	for h := range w.volume {
		w.volume[h] /= sum
	}
	return w
}

// settle moves the log-odds of all panels that are ordered, in all hospitals, by one amount, so that the wanted share of
// cells is missing in these hospitals, and not only over all that could be drawn; then it notes the share of each panel.
func (w *world) settle() {
	low, high, by := -20.0, 20.0, 0.0
	for range 40 {
		slope := 0.0
		shares, slopes := w.charted(by)
		missing := w.unasked
		for _, c := range w.layout.cells {
			missing += 1 - shares[c.panel]*c.share
			slope -= slopes[c.panel] * c.share
		}
		width := float64(w.layout.width)
		miss := missing/width - w.config.Missing
		if math.Abs(miss) < 1e-9 {
			break
		}
		if miss > 0 {
			low = by
		} else {
			high = by
		}
		if by -= miss * width / slope; !(by > low && by < high) {
			by = (low + high) / 2
		}
	}
	w.shares, _ = w.charted(by)
	for h := range w.hospitals {
		for p := range panels {
			if panelTable[p].ordered {
				w.hospitals[h].panels[p] += by
			}
		}
		w.setNeutral(&w.hospitals[h])
	}
	for _, s := range w.signs {
		w.neutral -= s.coefficient * w.shares[s.panel]
	}
}

// charted is the share of the stays of all hospitals in which each panel is charted, when log-odds are moved by an amount,
// and how fast it grows with that.
func (w *world) charted(by float64) (shares, slopes [panels]float64) {
	sd := w.config.Informative * math.Sqrt(w.severityVariance-w.config.CaseMixSD*w.config.CaseMixSD)
	for h := range w.hospitals {
		for p := range panels {
			a := w.hospitals[h].panels[p]
			if !panelTable[p].ordered {
				shares[p] += w.volume[h] * sigmoid(a)
				continue
			}
			a += by + w.config.Informative*w.hospitals[h].severity
			shares[p] += w.volume[h] * overNormal(func(z float64) float64 { return sigmoid(a + sd*z) })
			slopes[p] += w.volume[h] * overNormal(func(z float64) float64 { s := sigmoid(a + sd*z); return s * (1 - s) })
		}
	}
	return shares, slopes
}

func (m *model) hospital(h int, size float64, rng *rand.Rand) hospital {
	out := hospital{
		id:     56 + 2*h + rng.IntN(2), // distinct, and not consecutive
		region: pick(m.regions, rng.Float64()),
		assay:  make([]float64, len(measurements)),
	}
	rank := bedsWithVolume*size + math.Sqrt(1-bedsWithVolume*bedsWithVolume)*rng.NormFloat64()
	out.beds = pick(m.beds, math.Erfc(-rank/math.Sqrt2)/2)
	out.teaching = rng.Float64() < teachingShare[out.beds]
	if rng.Float64() < bedsUnknown {
		out.beds = len(beds)
	}
	m.drawCaseMix(&out, rng)
	m.drawPractice(&out, rng)
	m.drawRisk(&out, rng)
	m.setNeutral(&out)
	return out
}

func (m *model) drawCaseMix(h *hospital, rng *rand.Rand) {
	spread := m.config.CaseMixSD
	h.severity = spread * rng.NormFloat64()
	h.age = agePerCaseMix * spread * rng.NormFloat64()
	elective := electPerMix * spread * rng.NormFloat64()
	more := math.Exp(elective - electPerMix*spread*electPerMix*spread/2) // of elective cases: 1 on average
	weights := make([]float64, len(diagnoses))
	h.elective = make([]float64, len(diagnoses))
	for i := range diagnoses {
		d := &diagnoses[i]
		weights[i] = d.weight * math.Exp(diagPerCaseMix*spread*rng.NormFloat64())
		h.elective[i] = d.elective
		if d.elective > 0 && d.elective < 1 {
			h.elective[i] = sigmoid(logit(d.elective) + elective)
		}
		if d.elective > 0 {
			weights[i] *= more
		}
	}
	h.cases = cumulate(weights)
}

func (m *model) drawPractice(h *hospital, rng *rand.Rand) {
	for p := range panels {
		h.panels[p] = m.panels[p].offset
		if panelTable[p].ordered {
			h.panels[p] += m.config.PracticeSD * rng.NormFloat64()
		}
	}
	for i := range measurements {
		if x := &measurements[i]; panelTable[x.panel].ordered && x.panel != urine {
			h.assay[i] = m.assaySD() * rng.NormFloat64()
		}
	}
}

func (m *model) drawRisk(h *hospital, rng *rand.Rand) {
	h.risk = m.config.SiteSD * rng.NormFloat64()
	h.slope = make([]float64, len(m.terms))
	for k := range m.terms {
		h.slope[k] = m.terms[k].coefficient + m.config.Transport*rng.NormFloat64()
	}
}

// setNeutral works out what practice adds to the log-odds of death, on average over stays of average case mix.
func (m *model) setNeutral(h *hospital) {
	var charted [panels]float64
	sd := m.config.Informative * math.Sqrt(m.severityVariance)
	for p := range panels {
		if panelTable[p].ordered {
			charted[p] = overNormal(func(z float64) float64 { return sigmoid(h.panels[p] + sd*z) })
		}
	}
	h.neutral = 0
	for _, s := range m.signs {
		h.neutral -= s.coefficient * charted[s.panel]
	}
	for k := range m.terms {
		if t := &m.terms[k]; t.measurement >= 0 { // none is a square of what has a calibration
			x := &measurements[t.measurement]
			h.neutral -= t.coefficient * charted[x.panel] * x.share * h.assay[t.measurement] / m.margins[t.measurement].sd
		}
	}
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
