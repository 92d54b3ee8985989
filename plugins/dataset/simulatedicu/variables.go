package simulatedicu

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// system is an organ system: a factor that its measurements share beyond the severity of the stay.
type system int

const (
	circulation system = iota
	lungs
	kidneys
	liver
	infection
	systems // their number
)

// measurement is a vital sign or a laboratory value.
//
// Its normal score is z = severity·(of the stay) + own·(of its system) + the rest of the variance as noise, of which the share
// twin² is the noise of the measurement before it: two readings of one quantity. The value is value(z), with z standardised
// where it is measured (margins.go), cut to what a chart accepts and rounded as charted; an extreme of the window is no less
// extreme than the last reading before it in the table.
//
// Medians, spreads, limits and shares measured are rounded from tables apacheApsVar and lab of the eICU-CRD Demo v2.0. Over
// many hospitals the charted values keep median and spread to a tenth of an SD and half a last digit;
// loadings, twins and risks are invented, with the signs of textbooks.
type measurement struct {
	name, unit, summary string
	lab                 bool // ordered by someone, and more often for the sick
	system              system
	severity, own, twin float64
	value               func(z float64) float64
	low, high           float64
	decimals            int
	measured            float64 // share of stays in which it is measured, in an average hospital
	risk                float64 // log-odds of death per unit of z, beyond what severity explains
	extreme             int     // 1, -1: the highest, the lowest of the window that the measurement before it ends
}

// rest is the share of the variance of the normal score that is noise.
func (m *measurement) rest() float64 { return 1 - m.severity*m.severity - m.own*m.own }

func normal(mean, sd float64) func(float64) float64 {
	return func(z float64) float64 { return mean + sd*z }
}

func logNormal(median, sigma float64) func(float64) float64 {
	return func(z float64) float64 { return median * math.Exp(sigma*z) }
}

// below is a quantity that lies under its top, the more so the larger z: oxygen saturation.
func below(top, median, sigma float64) func(float64) float64 {
	return func(z float64) float64 { return top - median*math.Exp(sigma*z) }
}

// measurements is in the order of the columns. A new one is one line.
var measurements = []measurement{
	{"heartrate_last", "beats/min", "last heart rate of the window", false, circulation, 0.25, 0.45, 0, normal(86, 17), 20, 220, 0, 0.99, 0, 0},
	{"heartrate_max", "beats/min", "highest heart rate of the window", false, circulation, 0.30, 0.45, 0.75, normal(102, 20), 20, 250, 0, 0.99, 0.10, 1},
	{"sysbp_last", "mmHg", "last systolic pressure of the window", false, circulation, -0.25, -0.45, 0, normal(122, 22), 40, 260, 0, 0.98, 0, 0},
	{"sysbp_min", "mmHg", "lowest systolic pressure of the window", false, circulation, -0.35, -0.45, 0.75, normal(101, 20), 30, 250, 0, 0.98, -0.15, -1},
	{"resprate_last", "breaths/min", "last respiratory rate of the window", false, lungs, 0.25, 0.50, 0, logNormal(19.5, 0.27), 4, 60, 0, 0.97, 0.10, 0},
	{"tempc_last", "°C", "last temperature of the window", false, infection, 0, 0.50, 0, normal(36.9, 0.5), 30, 42, 1, 0.94, 0, 0},
	{"tempc_min", "°C", "lowest temperature of the window", false, infection, -0.25, 0.30, 0.70, normal(36.5, 0.6), 28, 41, 1, 0.94, -0.15, -1},
	{"spo2_min", "%", "lowest oxygen saturation of the window", false, lungs, 0.30, 0.50, 0, below(100.5, 7, 0.65), 40, 100, 0, 0.98, 0.15, 0},
	{"lactate_last_early", "mmol/L", "last lactate before and in the window", true, circulation, 0.50, 0.40, 0, logNormal(1.6, 0.65), 0.3, 30, 1, 0.35, 0.40, 0},
	{"creatinine_last_early", "mg/dL", "last creatinine before and in the window", true, kidneys, 0.25, 0.75, 0, logNormal(1.05, 0.62), 0.2, 20, 2, 0.93, 0, 0},
	{"bun_last_early", "mg/dL", "last urea nitrogen before and in the window", true, kidneys, 0.35, 0.65, 0, logNormal(19, 0.65), 2, 200, 0, 0.93, 0.20, 0},
	{"albumin_first_early", "g/dL", "first albumin before and in the window", true, liver, -0.40, -0.25, 0, normal(3.0, 0.65), 0.8, 5.5, 1, 0.60, -0.20, 0},
	{"wbc_last_early", "10^3/uL", "last white cell count before and in the window", true, infection, 0.20, 0.55, 0, logNormal(9.8, 0.55), 0.1, 150, 1, 0.92, 0, 0},
	{"bilirubin_last_early", "mg/dL", "last total bilirubin before and in the window", true, liver, 0.25, 0.70, 0, logNormal(0.6, 0.8), 0.1, 50, 1, 0.55, 0.10, 0},
}

// diagnosis is a level of apacheadmissiondx. Weights are the numbers of stays in table patient of the eICU-CRD Demo v2.0,
// those under 10 invented; risk (log-odds of death) and shifts (SDs of each system) are invented.
type diagnosis struct {
	name     string
	weight   float64
	elective float64 // share that is elective surgery
	risk     float64
	shift    [systems]float64
}

var diagnoses = []diagnosis{
	{"Sepsis, pulmonary", 121, 0, 0.7, [systems]float64{circulation: 0.5, lungs: 0.8, infection: 1.0}},
	{"Diabetic ketoacidosis", 105, 0, -1.5, [systems]float64{circulation: 0.3, kidneys: 0.5, infection: 0.4}},
	{"CHF, congestive heart failure", 102, 0, 0.1, [systems]float64{lungs: 0.6, kidneys: 0.5}},
	{"Rhythm disturbance (atrial, supraventricular)", 79, 0, -0.4, [systems]float64{circulation: 0.9}},
	{"Pneumonia, bacterial", 68, 0, 0.3, [systems]float64{lungs: 0.9, infection: 0.7}},
	{"Emphysema/bronchitis", 65, 0, 0, [systems]float64{lungs: 1.0}},
	{"Infarction, acute myocardial (MI)", 63, 0.02, -0.1, [systems]float64{circulation: 0.3}},
	{"Sepsis, renal/UTI (including bladder)", 62, 0, 0.3, [systems]float64{circulation: 0.5, kidneys: 0.7, infection: 1.0}},
	{"CVA, cerebrovascular accident/stroke", 56, 0, 0.5, [systems]float64{circulation: -0.4}},
	{"Cardiac arrest (with or without respiratory arrest)", 51, 0, 1.9, [systems]float64{circulation: 0.6, lungs: 0.6, liver: 0.4}},
	{"Bleeding, upper GI", 48, 0, 0, [systems]float64{circulation: 0.4, kidneys: 0.3, liver: 0.5}},
	{"Sepsis, GI", 43, 0.03, 0.6, [systems]float64{circulation: 0.6, liver: 0.5, infection: 1.0}},
	{"CABG alone, coronary artery bypass grafting", 41, 0.75, -0.9, [systems]float64{circulation: -0.1, infection: 0.2}},
	{"Bleeding, lower GI", 38, 0, -0.4, [systems]float64{circulation: 0.3}},
	{"Coma/change in level of consciousness", 34, 0, 0.3, [systems]float64{liver: 0.3}},
	{"Renal failure, acute", 33, 0, 0.4, [systems]float64{kidneys: 1.8}},
	{"Hypertension, uncontrolled", 32, 0, -1.0, [systems]float64{circulation: -1.0, kidneys: 0.4}},
	{"Overdose, sedatives, hypnotics, antipsychotics, benzodiazepines", 28, 0, -1.4, [systems]float64{lungs: 0.2}},
	{"Endarterectomy, carotid", 27, 0.9, -1.8, [systems]float64{circulation: -0.4}},
	{"Pancreatitis", 8, 0, 0.1, [systems]float64{liver: 0.8, infection: 0.8}},
	{"Thoracotomy for lung cancer", 7, 0.9, -0.7, [systems]float64{lungs: 0.5}},
	{"Hepatic failure, acute", 5, 0, 1.2, [systems]float64{kidneys: 0.6, liver: 2.2}},
	{"Anaphylaxis", 3, 0, -1.5, [systems]float64{circulation: 0.8, lungs: 0.6}},
	{"Hypothermia", 2, 0, 0.5, [systems]float64{circulation: 0.3, infection: -2.5}},
}

// share is a level with its frequency.
type share struct {
	name   string // empty: missing
	weight float64
}

// ethnicities and regions are the counts of tables patient and hospital of the eICU-CRD Demo v2.0.
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
)

// columns describes the columns in order.
func columns() []plugins.ColumnInfo {
	number, category := frame.Number, frame.Category
	out := []plugins.ColumnInfo{
		{Name: "patientunitstayid", Kind: number, Role: plugins.RoleRow, Summary: "the stay"},
		{Name: "uniquepid", Kind: category, Role: plugins.RoleSubject, Summary: "the patient; some have two stays"},
		{Name: "hospitalid", Kind: number, Role: plugins.RoleSite, Summary: "the hospital"},
		{Name: "region", Kind: category, Summary: "region of the hospital, if known"},
		{Name: "teachingstatus", Kind: category, Summary: "t: a teaching hospital"},
		{Name: "age", Kind: number, Unit: "years", Summary: "age at admission; 90 means 90 or more"},
		{Name: "is_female", Kind: number, Role: plugins.RoleGroup, Summary: "1: female"},
		{Name: "ethnicity", Kind: category, Role: plugins.RoleGroup, Summary: "ethnicity as charted; it has no effect on anything here"},
		{Name: "apacheadmissiondx", Kind: category, Summary: "admission diagnosis; some are rare"},
		{Name: "electivesurgery", Kind: number, Summary: "1: admitted from elective surgery"},
	}
	for _, m := range measurements {
		out = append(out, plugins.ColumnInfo{Name: m.name, Kind: number, Unit: m.unit, Summary: m.summary})
	}
	return append(
		out,
		plugins.ColumnInfo{Name: "ventdays", Kind: number, Unit: "days", Role: plugins.RoleOutcome, Summary: "days on a ventilator, 0 for none"},
		plugins.ColumnInfo{Name: "hosp_los", Kind: number, Unit: "days", Role: plugins.RoleOutcome, Summary: "length of the hospital stay"},
		plugins.ColumnInfo{Name: "death", Kind: number, Role: plugins.RoleTarget, Summary: "1: died in hospital"},
	)
}
