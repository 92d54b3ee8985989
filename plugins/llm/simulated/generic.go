package simulated

import (
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// generic is what a column holds of which nothing is known but its name.
type generic struct {
	words  string // any of which, or of which a part up to "_", the name has
	mean   float64
	sd     float64
	low    float64
	high   float64
	places int
}

// generics are round values of adults in intensive care, the first that fits counts. They make rows look plausible and
// are no reference values. Names are compared in lower case, parts by "_", "-", " " or ".".
var generics = []generic{
	{"age", 62, 16, 18, 90, 0},
	{"heartrate hr pulse", 88, 18, 30, 200, 0},
	{"sysbp sbp systolic", 120, 20, 50, 250, 0},
	{"diasbp dbp diastolic", 62, 13, 20, 150, 0},
	{"meanbp mbp map", 80, 15, 30, 180, 0},
	{"resprate rr respiration", 20, 5, 4, 60, 0},
	{"tempc temp temperature", 37, 0.7, 32, 42, 1},
	{"spo2 sao2 saturation", 97, 2.5, 60, 100, 0},
	{"gcs", 12, 3, 3, 15, 0},
	{"weight", 82, 22, 35, 200, 1},
	{"height", 169, 11, 130, 210, 0},
	{"bmi", 28, 6, 14, 60, 1},
	{"albumin", 3, 0.6, 1, 5, 1},
	{"bands", 8, 7, 0, 50, 0},
	{"bicarbonate hco3 bg_bicarbonate", 24, 5, 5, 45, 0},
	{"bilirubin", 1.2, 1, 0.1, 20, 1},
	{"bun urea", 25, 16, 3, 150, 0},
	{"calcium", 8.4, 0.8, 5, 13, 1},
	{"creatinine", 1.4, 0.9, 0.2, 15, 2},
	{"glucose", 145, 50, 30, 800, 0},
	{"hematocrit", 33, 6, 12, 60, 1},
	{"hemoglobin", 11, 2, 4, 20, 1},
	{"inr", 1.4, 0.5, 0.8, 10, 1},
	{"lactate", 2.2, 1.4, 0.3, 20, 1},
	{"platelet platelets", 200, 90, 5, 900, 0},
	{"potassium", 4.2, 0.6, 2, 8, 1},
	{"sodium", 138, 5, 110, 170, 0},
	{"wbc", 12, 6, 0.5, 80, 1},
	{"pao2", 120, 60, 30, 500, 0},
	{"paco2", 41, 9, 15, 110, 0},
	{"pao2fio2ratio", 260, 110, 40, 600, 0},
	{"ph", 7.37, 0.08, 6.8, 7.7, 2},
	{"baseexcess", -1, 5, -25, 25, 0},
	{"urineoutput", 1500, 900, 0, 8000, 0},
	{"los", 6, 5, 0, 60, 1},
	{"ventdays", 1, 2, 0, 40, 1},
	{"id patientid hospitalid subjectid stayid siteid patientunitstayid uniquepid", 500000, 150000, 1, 999999, 0},
}

// unknown is a number of which not even the name tells anything.
var unknown = generic{mean: 50, sd: 15, low: 0, high: 100, places: 1}

// flags are words of names of columns that hold 0 or 1, with how often they hold 1.
var flags = []struct {
	words string
	share float64
}{
	{"death died dead mortality mort expired label outcome event target", 0.1},
	{"is has had was female male electivesurgery race sex gender flag any", 0.3},
}

// parts splits a name into lower-case words.
func parts(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("_- .", r) })
}

// hasAny reports whether a word is one of the words of a list.
func hasAny(name []string, list string) bool {
	for _, w := range strings.Fields(list) {
		for _, p := range name {
			if p == w {
				return true
			}
		}
	}
	return false
}

// setGeneric makes the margin of a column that nothing but its declaration is known of.
//
// A category has its declared levels, each as often, or "A", "B" and "C"; sex and gender "F" and "M". A flag is 0 or 1. A
// number with both limits lies between them: normal around their middle, with a sixth of their distance as SD; one with
// fewer has a generic value moved into its limits.
func (m *margin) setGeneric(c prompt.Column) {
	name := parts(c.Name)
	switch {
	case len(c.Levels) > 0:
		m.setLevels(sharesOf(evidence{column: c}))
		return
	case c.Type == prompt.Category && hasAny(name, "sex gender"), c.Type == "" && len(name) == 1 && hasAny(name, "sex gender"):
		m.setLevels([]string{"F", "M"}, []float64{0.45, 0.55})
		return
	case c.Type == prompt.Category:
		m.setLevels([]string{"A", "B", "C"}, []float64{0.5, 0.3, 0.2})
		return
	}
	m.number = true
	for _, f := range flags {
		if c.Type != prompt.Real && m.low <= 0 && m.high >= 1 && (math.IsInf(m.high, 0) || m.high == 1) && hasAny(name, f.words) {
			m.setLevels([]string{"0", "1"}, []float64{1 - f.share, f.share})
			return
		}
	}
	if c.Type == prompt.Integer && m.low == 0 && m.high == 1 {
		m.setLevels([]string{"0", "1"}, []float64{0.7, 0.3})
		return
	}
	m.setNormal(m.genericOf(c, name))
}

// genericOf returns the generic value of a column within its limits.
func (m *margin) genericOf(c prompt.Column, name []string) generic {
	g, known := unknown, false
	for _, one := range generics {
		if hasAny(name, one.words) {
			g, known = one, true
			break
		}
	}
	if bounded := !math.IsInf(m.low, 0) && !math.IsInf(m.high, 0); bounded && (!known || g.mean < m.low || g.mean > m.high) {
		width := m.high - m.low
		g = generic{mean: m.low + width/2, sd: width / 6, low: m.low, high: m.high, places: 2}
		switch {
		case width > 100:
			g.places = 0
		case width > 10:
			g.places = 1
		}
	}
	switch { // a generic value on the wrong side of a limit
	case g.mean < m.low:
		g.mean = m.low + 2*g.sd
	case g.mean > m.high:
		g.mean = m.high - 2*g.sd
	}
	g.low, g.high = max(g.low, m.low), min(g.high, m.high)
	if g.low > g.high { // of a limit beyond all generic values
		g.low, g.high = g.mean-3*g.sd, g.mean+3*g.sd
	}
	if c.Type == prompt.Integer {
		g.places = 0
	}
	return g
}

// setNormal makes it the margin of a normal value, cut at its limits.
func (m *margin) setNormal(g generic) {
	const knots = 24 // a quarter of an SD apart
	m.places = g.places
	for i := range knots + 1 {
		z := float64(i-knots/2) / 4
		m.at = append(m.at, cumulative(z))
		m.values = append(m.values, max(g.low, min(g.high, g.mean+z*g.sd)))
	}
	m.at[0], m.at[knots] = 0, 1
}
