package simulatedicu

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

// Properties of patients and their stays, invented where no table is named.
const (
	frailty       = 0.5  // loading of the patient on the severity of each stay
	elsewhere     = 0.1  // share of second stays that are in another hospital
	unknownCase   = 0.05 // share without an admission diagnosis
	noGap         = 0.35 // share of windows that an extreme ends or begins: vitalAperiodic, systolic pressure
	pulseShare    = 0.29 // of the pulse pressure, by which the mean lies above the diastolic pressure: vitalAperiodic
	pulseShareSD  = 0.07
	leastPressure = 8 // mmHg between diastolic and systolic pressure
)

// patient is what the stays of one patient share.
type patient struct {
	hospital  int
	age       float64
	female    bool
	ethnicity int
	frailty   float64
	year      float64
	returns   bool // has a second stay if the first is survived
}

func (w *world) newPatient(hospital int, rng *rand.Rand) patient {
	p := patient{hospital: hospital, female: rng.Float64() < femaleShare, year: firstYear}
	p.age = min(90, max(16, math.Round(ageMean+w.hospitals[hospital].age+ageSD*rng.NormFloat64())))
	p.ethnicity = pick(w.ethnicity, rng.Float64())
	p.frailty = rng.NormFloat64()
	if rng.Float64() < year2015Share {
		p.year++
	}
	p.returns = rng.Float64() < w.config.Repeats
	return p
}

// again returns the patient at the second stay, which for a tenth of them is in another hospital.
func (w *world) again(p patient, rng *rand.Rand) patient {
	p.returns = false
	if p.year == firstYear && rng.Float64() < 0.5 {
		p.year++
	}
	if n := len(w.hospitals); n > 1 && rng.Float64() < elsewhere {
		if h := pick(w.toVolume, rng.Float64()); h != p.hospital {
			p.hospital = h
		} else {
			p.hospital = (h + 1) % n
		}
	}
	return p
}

// stay is one stay: its record, and what is known of how it came about.
type stay struct {
	row       []float64 // the columns of package icu; identifiers and outcomes are filled in last
	severity  float64
	diagnosis int // of diagnoses, or their number: unknown
	organ     [systems]float64
	single    [panels]bool
	fio2      [2]float64 // %, where there is a ratio
	logit     float64    // log-odds of death given the record and the hospital, without the intercept
	average   float64    // the same in an average hospital: without its baseline risk and its slopes
	died      bool
}

func (m *model) newStay() *stay { return &stay{row: make([]float64, m.layout.width)} }

// simulate draws a stay of p up to its risk; the label and what follows from it are left to finish.
func (w *world) simulate(p *patient, rng *rand.Rand, s *stay) {
	h := &w.hospitals[p.hospital]
	at := &w.layout
	for i := range s.row {
		s.row[i] = math.NaN()
	}
	s.fio2 = [2]float64{}
	s.diagnosis = pick(h.cases, rng.Float64())
	d := &diagnoses[s.diagnosis]
	s.row[at.elective] = truth(rng.Float64() < h.elective[s.diagnosis])
	s.severity = h.severity + d.acuity - w.acuity + frailty*p.frailty + math.Sqrt(1-frailty*frailty)*rng.NormFloat64()
	for o := range s.organ {
		s.organ[o] = d.shift[o] + rng.NormFloat64()
	}
	if rng.Float64() < unknownCase {
		s.diagnosis = len(diagnoses)
	}
	s.row[at.site] = float64(h.id)
	s.row[at.age] = p.age
	s.row[at.female] = truth(p.female)
	if ethnicities[p.ethnicity].name != "" {
		for i, column := range at.races {
			s.row[column] = truth(raceOf(p.ethnicity) == i)
		}
	}
	var charted [panels]bool
	for q := range panels {
		logOdds := h.panels[q]
		if panelTable[q].ordered {
			logOdds += w.config.Informative * s.severity
		}
		charted[q] = rng.Float64() < sigmoid(logOdds)
		s.single[q] = rng.Float64() < panelTable[q].single
	}
	for i := range measurements {
		if m := &measurements[i]; charted[m.panel] && (m.share >= 1 || rng.Float64() < m.share) {
			w.measure(i, h, s, rng)
		}
	}
	w.derive(s, rng)
	s.logit, s.average = w.risk(s.row, h)
}

// raceOf is the index of the race column that an ethnicity sets: the last is for all others.
func raceOf(ethnicity int) int {
	switch ethnicities[ethnicity].name {
	case "African American":
		return 0
	case "Hispanic":
		return 1
	case "Asian":
		return 2
	default:
		return 3
	}
}

// measure charts the first and the last reading of a measurement, and the extremes of vital signs.
func (w *world) measure(i int, h *hospital, s *stay, rng *rand.Rand) {
	m, margin := &measurements[i], w.margins[i]
	fixed := m.severity*s.severity + m.own*s.organ[m.system] + h.assay[i] - margin.mean
	noise, twin, sd := rng.NormFloat64(), w.noise[i].twin, w.noise[i].sd
	first := m.chart((fixed + sd*noise) / margin.sd)
	last := first
	if !s.single[m.panel] {
		noise = twin*noise + w.noise[i].fresh*rng.NormFloat64()
		last = m.chart((fixed + sd*noise) / margin.sd)
	}
	switch place := w.layout.of[i]; {
	case i == w.oxygen:
		s.fio2 = [2]float64{first, last}
	case m.panel == urine:
		s.row[place] = first
	case m.gap > 0:
		cells := s.row[place : place+4]
		vital(cells, m, first, last, s.single[m.panel], rng)
		if i == w.diastolic {
			systolic := w.layout.of[w.systolic]
			for j := range cells {
				cells[j] = min(cells[j], s.row[systolic+j]-leastPressure)
			}
		}
	default:
		s.row[place], s.row[place+1] = first, last
	}
}

// vital puts first, last, least and greatest reading of a window into four cells.
func vital(cells []float64, m *measurement, first, last float64, single bool, rng *rand.Rand) {
	low, high := min(first, last), max(first, last)
	if !single {
		if rng.Float64() >= noGap {
			low = max(m.low, round(low-m.gap*rng.ExpFloat64(), m.decimals))
		}
		if rng.Float64() >= noGap {
			high = min(m.high, round(high+m.gap*rng.ExpFloat64(), m.decimals))
		}
	}
	cells[0], cells[1], cells[2], cells[3] = first, last, low, high
}

// derive fills in what follows from other readings: mean pressure, the oxygenation ratio and base excess.
func (w *world) derive(s *stay, rng *rand.Rand) {
	at := &w.layout
	if sys, dia, mean := at.of[w.systolic], at.of[w.diastolic], at.meanbp; !math.IsNaN(s.row[sys]) {
		k := pulseShare + pulseShareSD*rng.NormFloat64()
		k = min(0.6, max(0.15, k))
		for j := range 4 {
			s.row[mean+j] = math.Round(s.row[dia+j] + k*(s.row[sys+j]-s.row[dia+j]))
		}
	}
	gas := !math.IsNaN(s.row[at.pao2])
	if gas && s.fio2[0] > 0 {
		for j := range 2 {
			s.row[at.ratio+j] = s.row[at.pao2+j] / (s.fio2[j] / 100)
		}
	}
	if gas && !math.IsNaN(s.row[at.paco2]) && rng.Float64() < baseExcessShare {
		for j := range 2 {
			s.row[at.excess+j] = baseExcess(s.row[at.ph+j], s.row[at.paco2+j])
		}
	}
}

// baseExcess is that of a pH and a partial pressure of carbon dioxide (mmHg), in mmol/L, one decimal.
//
// Source: the Henderson-Hasselbalch equation with pK 6.1 and solubility 0.0307, and the Van Slyke equation without its term
// in haemoglobin: O. Siggaard-Andersen (1977), Scand. J. Clin. Lab. Invest. 37, suppl. 146, 15–20.
func baseExcess(ph, paco2 float64) float64 {
	bicarbonate := 0.0307 * paco2 * math.Pow(10, ph-6.1)
	return round(0.93*(bicarbonate-24.4+14.8*(ph-7.4)), 1)
}

// finish draws the label and what becomes known after it.
func (w *world) finish(p *patient, s *stay, rng *rand.Rand) {
	at := &w.layout
	s.died = rng.Float64() < sigmoid(w.intercept+s.logit)
	s.row[at.death] = truth(s.died)
	s.row[at.los], s.row[at.ventilated] = courseOf(s.died).draw(s.logit, rng)
}

// stays draws the stays from up to to, which are one block, and hands over each of them; the stay is used again.
// owner is the row of the patient's first stay.
func (w *world) stays(from, to int, random plugins.Rand, use func(row, owner int, p *patient, s *stay) error) error {
	rng := random.For(plugins.ForSimulation, "stays", strconv.Itoa(from))
	s := w.newStay()
	var p patient
	owner, again := 0, false
	for row := from; row < to; row++ {
		if again {
			p = w.again(p, rng)
		} else {
			p, owner = w.newPatient(pick(w.toVolume, rng.Float64()), rng), row
		}
		w.simulate(&p, rng, s)
		w.finish(&p, s, rng)
		s.row[w.layout.stay] = float64(firstStay + row)
		if err := use(row, owner, &p, s); err != nil {
			return err
		}
		again = p.returns && !s.died
	}
	return nil
}

// firstStay is the least identifier of the eICU-CRD Demo.
const firstStay = 141_764
