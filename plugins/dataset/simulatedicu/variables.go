package simulatedicu

import "math"

// Every number of this file is rounded from the open eICU-CRD Demo v2.0 (Johnson et al., doi:10.13026/4mxk-na84), from the
// table that is named, or is said to be invented. marginals.md compares what comes out with the demo.

// system is an organ system: a factor that its measurements share beyond the severity of the stay.
type system int

const (
	circulation system = iota // high: fast and hypotensive
	lungs                     // high: poor gas exchange
	kidneys                   // high: poor filtration
	liver                     // high: poor function
	infection                 // high: inflammation
	blood                     // high: anaemia
	acid                      // high: metabolic acidosis
	systems                   // their number
)

// panel is what is charted or ordered together.
type panel int

const (
	monitor panel = iota
	pressure
	breathing
	temperature
	oximetry
	chemistry
	count
	liverPanel
	coagulation
	lactatePanel
	differential
	bloodGas
	urine
	panels // their number
)

// panelTable says in which share of the stays a panel is charted within the window, and how often only once.
//
// Shares of laboratory panels are those of table lab (163 stays), of pressure and urine those of vitalAperiodic and
// intakeOutput (cells named urine), each within a random window as in package icu (marginals_test.go); the share of pressure is raised for
// invasive readings, which the demo lacks. Breathing and temperature: apacheApsVar. Oximetry, and how often temperature is
// charted once within four hours, are invented. The heart rate is always there: the cohort asks for one.
var panelTable = [panels]struct {
	share, single float64
	ordered       bool // by someone, more often for the sick, and by habits that differ between hospitals
}{
	monitor:      {1, 0.02, false},
	pressure:     {0.97, 0.05, false},
	breathing:    {0.97, 0.03, false},
	temperature:  {0.90, 0.50, false},
	oximetry:     {0.97, 0.03, false},
	chemistry:    {0.828, 0.55, true},
	count:        {0.798, 0.65, true},
	liverPanel:   {0.46, 0.80, true},
	coagulation:  {0.325, 0.83, true},
	lactatePanel: {0.196, 0.68, true},
	differential: {0.067, 0.88, true},
	bloodGas:     {0.294, 0.54, true},
	urine:        {0.392, 1, true},
}

// form is how a value follows from a normal score.
type form int

const (
	linear      form = iota // median + spread·z
	logarithmic             // median·exp(spread·z)
	deficit                 // saturated - median·exp(spread·z): the lower, the larger z
)

// saturated is what the lowest oxygen saturations are counted down from, half a unit above the highest that is charted.
const saturated = 100.5

// measurement is a vital sign, a laboratory value or a blood gas: one entry of icu.VitalSigns, LabValues or BloodGases,
// or the urine output, or the inspired fraction of oxygen, which is not a column itself.
//
// The normal score of a reading is z = severity·(of the stay) + own·(of its system) + the rest of the variance as noise;
// noise of the first and the last reading is correlated so that their scores are by again, where there are two. The value
// is value(z), with z standardised where it is measured (margins.go), cut to what a chart accepts and rounded as charted.
//
// Medians, spreads (quartiles, as SDs), limits and correlations of the first and last reading: lab for laboratory values and blood gases,
// with apacheApsVar where that has more stays; vitalAperiodic for pressures; apacheApsVar for temperature; intakeOutput for
// urine; for the other vital signs invented, as are all loadings, with the signs of textbooks, and gaps but those of pressure.
type measurement struct {
	name           string
	panel          panel
	share          float64 // of the stays with the panel in which it is there too
	system         system
	severity, own  float64
	again          float64
	form           form
	median, spread float64
	low, high      float64
	decimals       int
	gap            float64 // vital signs: by how much the extremes of the window exceed its ends, on average, where they do
}

// rest is the share of the variance of the normal score that is noise.
func (m *measurement) rest() float64 { return 1 - m.severity*m.severity - m.own*m.own }

// twin is the correlation of the noise of the first and the last reading.
func (m *measurement) twin() float64 {
	return max(0, (m.again-m.severity*m.severity-m.own*m.own)/m.rest())
}

// value is that of a standard normal score, before it is charted.
func (m *measurement) value(z float64) float64 {
	switch m.form {
	case logarithmic:
		return m.median * math.Exp(m.spread*z)
	case deficit:
		return saturated - m.median*math.Exp(m.spread*z)
	default:
		return m.median + m.spread*z
	}
}

// score is the inverse of value.
func (m *measurement) score(v float64) float64 {
	switch m.form {
	case logarithmic:
		return math.Log(v/m.median) / m.spread
	case deficit:
		return math.Log((saturated-v)/m.median) / m.spread
	default:
		return (v - m.median) / m.spread
	}
}

// chart is the value of a standard normal score as charted.
func (m *measurement) chart(z float64) float64 {
	return round(min(m.high, max(m.low, m.value(z))), m.decimals)
}

// measurements is in the order in which they are simulated. Diastolic pressure follows systolic: it is kept below.
var measurements = []measurement{
	{"heartrate", monitor, 1, circulation, 0.30, 0.40, 0.75, linear, 87, 18, 20, 240, 0, 7},
	{"sysbp", pressure, 1, circulation, -0.20, -0.70, 0.68, linear, 120, 22, 40, 260, 0, 10},
	{"diasbp", pressure, 1, circulation, -0.10, -0.68, 0.53, linear, 66, 14.5, 15, 160, 0, 7},
	{"resprate", breathing, 1, lungs, 0.25, 0.50, 0.60, logarithmic, 19.5, 0.27, 4, 60, 0, 4},
	{"tempc", temperature, 1, infection, -0.10, 0.50, 0.70, linear, 36.7, 0.5, 30, 42, 1, 0.3},
	{"spo2", oximetry, 1, lungs, 0.30, 0.50, 0.60, deficit, 3, 0.7, 40, 100, 0, 2},

	{"albumin", liverPanel, 1, liver, -0.40, -0.25, 0.82, linear, 3.05, 0.8, 0.8, 5.5, 1, 0},
	{"bands", differential, 1, infection, 0.30, 0.40, 0.90, logarithmic, 8, 0.7, 1, 60, 0, 0},
	{"bicarbonate", chemistry, 0.934, acid, -0.30, -0.55, 0.75, linear, 24.5, 4.0, 3, 50, 0, 0},
	{"bilirubin", liverPanel, 0.933, liver, 0.25, 0.70, 0.90, logarithmic, 0.6, 0.75, 0.1, 50, 1, 0},
	{"bun", chemistry, 0.985, kidneys, 0.35, 0.70, 0.95, logarithmic, 18, 0.6, 2, 200, 0, 0},
	{"calcium", chemistry, 0.926, kidneys, -0.20, -0.20, 0.54, linear, 8.4, 0.75, 4, 14, 1, 0},
	{"creatinine", chemistry, 0.993, kidneys, 0.25, 0.85, 0.96, logarithmic, 1.0, 0.55, 0.2, 20, 2, 0},
	{"glucose", chemistry, 0.993, infection, 0.15, 0.15, 0.46, logarithmic, 129, 0.40, 20, 900, 0, 0},
	{"hematocrit", count, 1, blood, -0.10, -0.88, 0.87, linear, 34.5, 7.5, 10, 65, 1, 0},
	{"hemoglobin", count, 0.976, blood, -0.10, -0.88, 0.90, linear, 11.4, 2.6, 3, 22, 1, 0},
	{"inr", coagulation, 1, liver, 0.25, 0.50, 0.84, logarithmic, 1.2, 0.32, 0.8, 15, 1, 0},
	{"lactate", lactatePanel, 1, acid, 0.50, 0.40, 0.65, logarithmic, 1.55, 0.60, 0.3, 30, 1, 0},
	{"platelet", count, 0.961, liver, -0.20, -0.20, 0.90, logarithmic, 210, 0.40, 5, 1200, 0, 0},
	{"potassium", chemistry, 0.993, kidneys, 0.10, 0.35, 0.38, logarithmic, 4.05, 0.14, 2, 9, 1, 0},
	{"sodium", chemistry, 1, kidneys, 0, 0.10, 0.68, linear, 138, 4.5, 100, 180, 0, 0},
	{"wbc", count, 0.985, infection, 0.20, 0.55, 0.80, logarithmic, 10, 0.47, 0.1, 150, 1, 0},

	{"bg_pao2", bloodGas, 1, lungs, -0.10, -0.40, 0.76, logarithmic, 97, 0.53, 25, 600, 0, 0},
	{"bg_paco2", bloodGas, 0.99, lungs, 0.10, 0.50, 0.67, logarithmic, 39.5, 0.26, 10, 130, 0, 0},
	{"bg_ph", bloodGas, 1, acid, -0.35, -0.50, 0.74, linear, 7.36, 0.085, 6.8, 7.7, 2, 0},
	{"fio2", bloodGas, 0.95, lungs, 0.30, 0.60, 0.91, logarithmic, 41, 0.60, 21, 100, 0, 0},

	{"urineoutput", urine, 1, kidneys, -0.30, -0.35, 1, logarithmic, 350, 0.87, 5, 4000, 0, 0},
}

// Base excess is charted with a gas in this share of the stays (lab).
const baseExcessShare = 0.84

// diagnosis is a level of apacheadmissiondx. Weights are the numbers of stays in table patient, those under 10 invented,
// and those of operations raised so that about 14 % of the stays are elective, as in apachePredVar (305 of 2,205), where
// the listed ones are few of many; elective is the share in apachePredVar. Acuity (severity, SDs) and shifts (SDs of each system) are invented.
type diagnosis struct {
	name     string
	weight   float64
	elective float64 // share that is elective surgery
	acuity   float64
	shift    [systems]float64
}

var diagnoses = []diagnosis{
	{"Sepsis, pulmonary", 121, 0, 0.5, [systems]float64{circulation: 0.5, lungs: 0.8, infection: 1.0, acid: 0.3}},
	{"Diabetic ketoacidosis", 105, 0, -0.6, [systems]float64{circulation: 0.3, kidneys: 0.4, infection: 0.4, acid: 1.3}},
	{"CHF, congestive heart failure", 102, 0, 0.1, [systems]float64{lungs: 0.6, kidneys: 0.5}},
	{"Rhythm disturbance (atrial, supraventricular)", 79, 0, -0.3, [systems]float64{circulation: 0.9}},
	{"Pneumonia, bacterial", 68, 0, 0.2, [systems]float64{lungs: 0.9, infection: 0.7}},
	{"Emphysema/bronchitis", 65, 0, 0, [systems]float64{lungs: 1.0, acid: -0.5}},
	{"Infarction, acute myocardial (MI)", 63, 0, -0.1, [systems]float64{circulation: 0.3}},
	{"Sepsis, renal/UTI (including bladder)", 62, 0, 0.3, [systems]float64{circulation: 0.5, kidneys: 0.7, infection: 1.0, acid: 0.3}},
	{"CVA, cerebrovascular accident/stroke", 56, 0, 0.2, [systems]float64{circulation: -0.4}},
	{"Cardiac arrest (with or without respiratory arrest)", 51, 0, 1.6, [systems]float64{circulation: 0.6, lungs: 0.6, liver: 0.4, acid: 0.9}},
	{"Bleeding, upper GI", 48, 0, 0, [systems]float64{circulation: 0.4, kidneys: 0.3, liver: 0.5, blood: 1.2}},
	{"Sepsis, GI", 43, 0, 0.5, [systems]float64{circulation: 0.6, liver: 0.5, infection: 1.0, acid: 0.4}},
	{"CABG alone, coronary artery bypass grafting", 66, 0.97, -0.4, [systems]float64{circulation: -0.1, infection: 0.2, blood: 0.5}},
	{"Bleeding, lower GI", 38, 0, -0.2, [systems]float64{circulation: 0.3, blood: 1.0}},
	{"Coma/change in level of consciousness", 34, 0, 0.2, [systems]float64{liver: 0.3}},
	{"Renal failure, acute", 33, 0, 0.3, [systems]float64{kidneys: 1.8, acid: 0.5}},
	{"Hypertension, uncontrolled", 32, 0, -0.5, [systems]float64{circulation: -1.0, kidneys: 0.4}},
	{"Overdose, sedatives, hypnotics, antipsychotics, benzodiazepines", 28, 0, -0.6, [systems]float64{lungs: 0.2}},
	{"Endarterectomy, carotid", 44, 0.92, -0.8, [systems]float64{circulation: -0.4}},
	{"GI obstruction, surgery for (including lysis of adhesions)", 35, 0.82, 0.1, [systems]float64{infection: 0.4, kidneys: 0.2}},
	{"Aortic valve replacement (isolated)", 28, 1, -0.2, [systems]float64{infection: 0.2, blood: 0.5}},
	{"Thoracotomy for lung cancer", 23, 1, -0.3, [systems]float64{lungs: 0.5}},
	{"Pancreatitis", 8, 0, 0.1, [systems]float64{liver: 0.8, infection: 0.8}},
	{"Hepatic failure, acute", 5, 0, 1.0, [systems]float64{kidneys: 0.6, liver: 2.2, acid: 0.4}},
	{"Anaphylaxis", 3, 0, -0.5, [systems]float64{circulation: 0.8, lungs: 0.6}},
	{"Hypothermia", 2, 0, 0.4, [systems]float64{circulation: 0.3, infection: -2.5}},
}

// share is a level with its frequency.
type share struct {
	name   string // empty: missing
	weight float64
}

// ethnicities are the counts of table patient; regions and beds those of table hospital.
var (
	ethnicities = []share{
		{"Caucasian", 2010},
		{"African American", 231},
		{"Hispanic", 115},
		{"Other/Unknown", 83},
		{"Asian", 30},
		{"Native American", 12},
		{"", 39},
	}
	regions = []share{
		{"Midwest", 62},
		{"South", 54},
		{"West", 39},
		{"Northeast", 13},
		{"", 18},
	}
	beds = []share{ // by size
		{"<100", 39},
		{"100 - 249", 61},
		{"250 - 499", 35},
		{">= 500", 23},
	}
)

const (
	bedsUnknown   = 28.0 / 186               // table hospital
	femaleShare   = 40459.0 / 88857          // of the eICU table of Lin, Yu, Lee (CHIL 2025), table 6
	ageMean       = 65                       // table patient: median 66, quartiles 53 and 77
	ageSD         = 17                       // years
	year2015Share = 1316.0 / (1316.0 + 1204) // table patient, hospitaldischargeyear; the others left in 2014
	firstYear     = 2014
)

// teachingShare is that of the hospitals of each number of beds (table hospital).
var teachingShare = []float64{0, 2.0 / 61, 3.0 / 35, 12.0 / 23}

func round(x float64, decimals int) float64 {
	scale := 1.0
	for range decimals {
		scale *= 10
	}
	return math.Round(x*scale)/scale + 0 // no negative zero
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logit(p float64) float64 { return math.Log(p / (1 - p)) }
