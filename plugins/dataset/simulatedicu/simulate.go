package simulatedicu

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

// Effects on patients and death, invented. The log-odds of death per SD of severity is large enough for a logistic
// regression on all features to reach an area under the ROC curve of about 0.85, as published ICU mortality models do.
const (
	femaleShare    = 0.455 // 40,459 of 88,857 stays in the eICU table of Lin, Yu, Lee (CHIL 2025)
	ageMean, ageSD = 65, 17
	frailty        = 0.5  // loading of the patient on the severity of each stay
	returns        = 0.12 // share of survivors whose next stay is in the cohort too
	perSeverity    = 0.9
	perDecade      = 0.30
	elective       = -0.8
	perFever       = 0.08 // per squared SD of tempc_last: fever and hypothermia are both bad
	unknownCase    = 0.05 // share without an admission diagnosis
)

// patient is what the stays of one patient share.
type patient struct {
	hospital  int
	age       float64
	female    bool
	ethnicity int
	frailty   float64
	returns   bool // has a second stay if the first is survived
}

func (w *world) newPatient(rng *rand.Rand) patient {
	p := patient{hospital: pick(w.volume, rng.Float64()), female: rng.Float64() < femaleShare}
	p.age = min(90, max(18, math.Round(ageMean+w.hospitals[p.hospital].age+ageSD*rng.NormFloat64())))
	p.ethnicity = pick(w.ethnicity, rng.Float64())
	p.frailty = rng.NormFloat64()
	p.returns = rng.Float64() < returns
	return p
}

// stay is one stay, before anything is left unmeasured.
type stay struct {
	severity  float64
	diagnosis int
	elective  bool
	organ     [systems]float64
	z         []float64 // normal score of each measurement
	logit     float64   // log-odds of death, without the intercept
}

func (w *world) newStay(p patient, rng *rand.Rand, s *stay) {
	h := &w.hospitals[p.hospital]
	s.diagnosis = pick(h.cases, rng.Float64())
	d := &diagnoses[s.diagnosis]
	s.elective = rng.Float64() < d.elective
	s.severity = h.severity + frailty*p.frailty + math.Sqrt(1-frailty*frailty)*rng.NormFloat64()
	for o := range s.organ {
		s.organ[o] = d.shift[o] + rng.NormFloat64()
	}
	s.logit = h.risk + d.risk + perSeverity*s.severity + perDecade*(p.age-ageMean)/10
	if s.elective {
		s.logit += elective
	}
	noise := 0.0
	for i, m := range measurements {
		noise = m.twin*noise + math.Sqrt(1-m.twin*m.twin)*rng.NormFloat64()
		s.z[i] = m.severity*s.severity + m.own*s.organ[m.system] + math.Sqrt(m.rest())*noise
		s.logit += m.risk * s.z[i]
		if m.name == "tempc_last" {
			s.logit += perFever * s.z[i] * s.z[i]
		}
	}
}

// solveIntercept sets the intercept that makes the expected share of deaths the wanted one, on a sample of patients
// of its own: labels of the cohort's rows must not depend on how many rows there are.
//
// A patient's second stay counts with the probability that the first is survived.
func (w *world) solveIntercept(random plugins.Rand) {
	const sample = 20_000 // leaves a standard error of about 0.001 at a prevalence of 0.09
	rng := random.For(plugins.ForSimulation, "intercept")
	first, second := make([]float64, sample), make([]float64, sample)
	s := stay{z: make([]float64, len(measurements))}
	for i := range first {
		p := w.newPatient(rng)
		w.newStay(p, rng, &s)
		first[i], second[i] = s.logit, math.NaN()
		if p.returns {
			w.newStay(p, rng, &s)
			second[i] = s.logit
		}
	}
	low, high := -60.0, 60.0
	for range 60 { // halves 120 below the spacing of floating-point numbers near 1
		w.intercept = (low + high) / 2
		if expectedShare(first, second, w.intercept) < w.config.Prevalence {
			low = w.intercept
		} else {
			high = w.intercept
		}
	}
}

// expectedShare is the expected share of deaths among stays with these log-odds; second is NaN where there is none.
func expectedShare(first, second []float64, intercept float64) float64 {
	deaths, stays := 0.0, 0.0
	for i, logit := range first {
		risk := 1 / (1 + math.Exp(-intercept-logit))
		deaths += risk
		stays++
		if !math.IsNaN(second[i]) {
			deaths += (1 - risk) / (1 + math.Exp(-intercept-second[i]))
			stays += 1 - risk
		}
	}
	return deaths / stays
}

// simulate fills the rows from up to to, which are one block.
func (w *world) simulate(t *table, from, to int, random plugins.Rand) {
	rng := random.For(plugins.ForSimulation, "stays", strconv.Itoa(from))
	s := stay{z: make([]float64, len(measurements))}
	var p patient
	owner, again := 0, false
	for row := from; row < to; row++ {
		if !again {
			p, owner = w.newPatient(rng), row
		}
		w.newStay(p, rng, &s)
		died := rng.Float64() < 1/(1+math.Exp(-w.intercept-s.logit))
		w.write(t, row, owner, p, &s, died, rng)
		again = !again && p.returns && !died
	}
}

// write puts a stay into its row, with what is measured of it, and what becomes known later.
func (w *world) write(t *table, row, owner int, p patient, s *stay, died bool, rng *rand.Rand) {
	h := &w.hospitals[p.hospital]
	t.owner[row], t.hospital[row], t.ethnicity[row] = owner, int32(p.hospital), int32(p.ethnicity)
	t.age[row], t.female[row], t.elective[row], t.death[row] = p.age, truth(p.female), truth(s.elective), truth(died)
	t.diagnosis[row] = int32(s.diagnosis)
	if rng.Float64() < unknownCase {
		t.diagnosis[row] = int32(len(diagnoses))
	}
	value := 0.0
	for i, m := range measurements {
		value = m.chart((s.z[i]+h.assay[i]-w.margins[i].mean)/w.margins[i].sd, value)
		drive := rng.NormFloat64()
		if m.lab {
			drive += w.config.Informative * s.severity
		}
		if drive < h.threshold[i] {
			t.measured[i][row] = math.NaN()
			continue
		}
		t.measured[i][row] = value
	}
	t.los[row], t.ventilated[row] = courses(s, died, rng)
}

// chart is the value of a standard normal score z as charted; before is that of the measurement before it.
func (m *measurement) chart(z, before float64) float64 {
	v := m.value(z)
	switch m.extreme {
	case 1:
		v = max(v, before)
	case -1:
		v = min(v, before)
	}
	return round(min(m.high, max(m.low, v)), m.decimals)
}

// courses returns the length of stay and the days on a ventilator. Medians and spreads are rounded from the
// eICU-CRD Demo v2.0 (stay: 4.4 days, log SD 1.0; ventilation: 28 % of stays, 2 days, log SD 0.8), effects invented.
func courses(s *stay, died bool, rng *rand.Rand) (los, ventilated float64) {
	los = 4.55 * math.Exp(0.18*s.severity+0.98*rng.NormFloat64())
	if died {
		los *= 0.7
	}
	los = round(min(200, max(0.1, los)), 2)
	need, days := rng.Float64(), math.Ceil(1.8*math.Exp(0.8*rng.NormFloat64()))
	if need < 1/(1+math.Exp(1.22-0.6*s.severity-0.5*s.organ[lungs])) {
		ventilated = min(days, math.Ceil(los))
	}
	return los, ventilated
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func round(x float64, decimals int) float64 {
	scale := 1.0
	for range decimals {
		scale *= 10
	}
	return math.Round(x*scale) / scale
}
