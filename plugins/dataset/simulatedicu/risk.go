package simulatedicu

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// The label is drawn last, from what is recorded of the stay and its hospital and from nothing else: so the true risk of a
// row is known exactly, missing cells included. Log-odds are invented, with the signs of textbooks, and large enough that
// the area under the ROC curve is about 0.85, as published models of ICU mortality reach.
//
//	log-odds = intercept + site effect + neutral term of the hospital
//	         + Σ over effects of (coefficient + deviation of the hospital)·x, where it was measured
//	         + Σ over signs of coefficient·(1 if it was charted)
//
// x is the recorded value as a normal score of its table, centred at about 0. The neutral term takes out what the hospital's
// habits of measuring and the calibration of its lab add on average, so that they do not change how many of its patients die.
var effects = []struct {
	column      string
	square      bool
	coefficient float64 // log-odds per SD
}{
	{"age", false, 0.40},
	{"electivesurgery", false, -0.30}, // per SD: 0.35; so -0.86 for yes against no
	{"heartrate_max", false, 0.25},
	{"sysbp_min", false, -0.30},
	{"resprate_last", false, 0.25},
	{"tempc_last", true, 0.10}, // fever and hypothermia are both bad
	{"tempc_min", false, -0.20},
	{"spo2_min", false, 0.25}, // the score of a deficit
	{"albumin_first_early", false, -0.30},
	{"bicarbonate_last_early", false, -0.20},
	{"bilirubin_last_early", false, 0.25},
	{"bun_last_early", false, 0.40},
	{"creatinine_last_early", false, 0.10},
	{"lactate_last_early", false, 0.60},
	{"platelet_first_early", false, -0.20},
	{"wbc_last_early", false, 0.15},
	{"bg_pao2fio2ratio_last_early", false, -0.35},
	{"bg_ph_last_early", false, -0.25},
	{"urineoutput_sum", false, -0.30},
}

// attention lists what is ordered for those whom the bedside fears for: that it was ordered is a sign by itself.
var attention = []struct {
	column      string
	panel       panel
	coefficient float64 // log-odds of charted against not
}{
	{"lactate_last_early", lactatePanel, 0.50},
	{"bg_pao2_last_early", bloodGas, 0.40},
}

// term is an effect, ready to be worked out.
type term struct {
	column      int
	measurement int // whose table gives the score, or -1
	square      bool
	log         bool    // of the value, where there is no measurement
	centre, sd  float64 // of the score
	coefficient float64
}

// sign is an entry of attention, ready to be worked out.
type sign struct {
	column      int
	panel       panel
	coefficient float64
}

// setTerms prepares effects and attention.
func (m *model) setTerms() {
	for _, e := range effects {
		t := m.scoreOf(e.column)
		t.column, t.square, t.coefficient = slices.Index(m.layout.names, e.column), e.square, e.coefficient
		m.terms = append(m.terms, t)
	}
	for _, s := range attention {
		m.signs = append(m.signs, sign{slices.Index(m.layout.names, s.column), s.panel, s.coefficient})
	}
}

// scoreOf says how the score of a column is worked out: by the table of its measurement, or, where it has none, by centre and SD.
// The oxygenation ratio is of two measurements. The extremes of a window lie beyond what its ends are by their gap and by half
// the distance of the ends, on average 0.56·√(1-ρ) SDs for normal readings of correlation ρ.
func (m *model) scoreOf(column string) term {
	switch column {
	case "age":
		return term{measurement: -1, centre: ageMean, sd: ageSD}
	case "electivesurgery":
		return term{measurement: -1, centre: 0.14, sd: 0.35} // share and SD of apachePredVar
	case "bg_pao2fio2ratio_last_early":
		oxygen, gas := &measurements[m.oxygen], &measurements[indexOf("bg_pao2")]
		return term{measurement: -1, log: true, centre: math.Log(gas.median / (oxygen.median / 100)), sd: math.Hypot(gas.spread, oxygen.spread)}
	}
	name, suffix := column, ""
	for indexOf(name) < 0 {
		at := strings.LastIndex(name, "_")
		name, suffix = name[:at], name[at:]
	}
	t := term{measurement: indexOf(name), sd: 1}
	x := &measurements[t.measurement]
	if x.form == linear && (suffix == "_min" || suffix == "_max") {
		t.centre = (1-noGap)*x.gap/x.spread + 0.56*math.Sqrt(1-x.again)
		if suffix == "_min" {
			t.centre = -t.centre
		}
	}
	return t
}

// x is the score of a recorded value.
func (t *term) x(v float64) float64 {
	switch {
	case t.measurement >= 0:
		v = measurements[t.measurement].score(v)
	case t.log:
		v = math.Log(v)
	}
	return (v - t.centre) / t.sd
}

// risk returns the log-odds of death of a recorded row, without the intercept: in its hospital, and by the model of the
// average hospital, which is a function of the row alone.
func (w *world) risk(row []float64, h *hospital) (own, average float64) {
	own, average = h.risk+h.neutral, w.neutral
	for k := range w.terms {
		t := &w.terms[k]
		v := row[t.column]
		if math.IsNaN(v) {
			continue
		}
		x := t.x(v)
		if t.square {
			x = x*x - 1
		}
		own += h.slope[k] * x
		average += t.coefficient * x
	}
	for k := range w.signs {
		if s := &w.signs[k]; !math.IsNaN(row[s.column]) {
			own += s.coefficient
			average += s.coefficient
		}
	}
	return own, average
}

// course is how the columns that are known only afterwards depend on the outcome: length of stay and days on a ventilator.
//
// The log of the days beyond the first six hours is normal. Medians and spreads: table patient (alive 4.4 days, log SD 0.98,
// 2,280 stays; expired 4.6 and 1.27, 212 stays). Ventilated, and days where so: table apachePatientResult (alive 25.7 %,
// median 2, log SD 0.81; expired 57.4 %, median 3, log SD 0.68). How both grow with the risk is invented, and taken out of
// the constants again.
type course struct {
	logDays, logDaysSD       float64
	ventilated               float64 // log-odds
	logVentDays, ventDaysSD  float64
	perLogitDays, perLogitVt float64
}

const (
	leastStay    = 0.25 // days
	mostVentDays = 30.0 // that are counted: apachePatientResult
)

func courseOf(died bool) course {
	if died {
		return course{1.22, 1.27, -0.75, math.Log(3.1), 0.72, 0.10, 0.50}
	}
	return course{1.43, 0.98, -1.05, math.Log(1.7), 0.80, 0.10, 0.50}
}

// draw returns the length of stay, a whole number of minutes as days, and the days on a ventilator, missing for none, as in eICU.
func (c course) draw(logit float64, rng *rand.Rand) (los, ventilated float64) {
	days := leastStay + math.Exp(c.logDays+c.perLogitDays*logit+c.logDaysSD*rng.NormFloat64())
	los = math.Round(days*1440) / 1440
	need, vent := rng.Float64(), math.Ceil(math.Exp(c.logVentDays+c.ventDaysSD*rng.NormFloat64()))
	ventilated = math.NaN()
	if need < c.ventilatedShare(logit) {
		ventilated = min(vent, mostDays(los))
	}
	return los, ventilated
}

// ventilatedShare is the probability of a ventilator.
func (c course) ventilatedShare(logit float64) float64 {
	return sigmoid(c.ventilated + c.perLogitVt*logit)
}

// mostDays is how many days on a ventilator a stay can have.
func mostDays(los float64) float64 { return min(mostVentDays, math.Ceil(los)) }

// unventilated is the expected share of stays without a ventilator. Log-odds of death are taken for normal; in samples of the
// population their SD is about 1.5 where hospitals do not differ, and grows by about 3.7 per unit of transport. So worked out, the
// share is off by less than 0.07, and the share of missing cells by less than 0.001.
func (m *model) unventilated() float64 {
	sd := math.Hypot(math.Hypot(1.5, m.config.SiteSD), 3.7*m.config.Transport)
	intercept := offset(m.config.Prevalence, sd)
	return 1 - overNormal(func(z float64) float64 {
		r := sigmoid(intercept + sd*z)
		return r*courseOf(true).ventilatedShare(sd*z) + (1-r)*courseOf(false).ventilatedShare(sd*z)
	})
}

// logLikelihood is the log density of what draw returned, given the risk; that the length of stay is whole minutes is disregarded.
func (c course) logLikelihood(logit, los, ventilated float64) float64 {
	z := (math.Log(max(los-leastStay, 0.5/1440)) - c.logDays - c.perLogitDays*logit) / c.logDaysSD
	out := -z*z/2 - math.Log(c.logDaysSD)
	p := c.ventilatedShare(logit)
	if math.IsNaN(ventilated) {
		return out + math.Log(1-p)
	}
	upTo := func(k float64) float64 { // P(exp(normal) ≤ k)
		if k <= 0 {
			return 0
		}
		return math.Erfc((c.logVentDays-math.Log(k))/(c.ventDaysSD*math.Sqrt2)) / 2
	}
	above := 1.0
	if ventilated < mostDays(los) { // otherwise that cut it short
		above = upTo(ventilated)
	}
	return out + math.Log(p) + math.Log(above-upTo(ventilated-1))
}

// posterior is the log-odds of death once the course is known too, with log-odds before that.
func posterior(before, logit, los, ventilated float64) float64 {
	return before + courseOf(true).logLikelihood(logit, los, ventilated) - courseOf(false).logLikelihood(logit, los, ventilated)
}
