// Package icu describes the design matrix of Johnson, Pollard and Naumann (2018) for mortality of intensive-care stays:
// its 83 columns, and the random window that they are taken from. The eICU extract and the simulated cohort share it.
//
// Source: A. E. W. Johnson, T. J. Pollard, T. Naumann (2018), Generalizability of predictive models for intensive care
// unit patients, arXiv 1812.02275; names of columns as in Lin, Yu, Lee (2025), arXiv 2504.14657, Figure 5.
package icu

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Version is raised when the matrix, or the window of a stay, changes.
const Version = 1

// The groups of columns.
const (
	Identifiers  = "identifiers"
	Outcomes     = "outcomes"
	Admission    = "admission"
	Demographics = "demographics"
	Vitals       = "vitals"
	Labs         = "labs"
	BloodGas     = "blood gas"
	Output       = "output"
)

// Quantity is something that is measured repeatedly: a vital sign, a laboratory value or a blood gas.
type Quantity struct {
	Name, Unit, Group, Summary string
}

// VitalSigns lists the vital signs. Each has the columns NAME_first, NAME_last, NAME_min and NAME_max.
func VitalSigns() []Quantity {
	return []Quantity{
		{"heartrate", "bpm", Vitals, "heart rate"},
		{"sysbp", "mmHg", Vitals, "systolic blood pressure"},
		{"diasbp", "mmHg", Vitals, "diastolic blood pressure"},
		{"meanbp", "mmHg", Vitals, "mean blood pressure"},
		{"resprate", "breaths/min", Vitals, "respiratory rate"},
		{"tempc", "°C", Vitals, "body temperature"},
		{"spo2", "%", Vitals, "oxygen saturation by pulse oximetry"},
	}
}

// LabValues lists the laboratory values. Each has the columns NAME_first_early and NAME_last_early.
func LabValues() []Quantity {
	return []Quantity{
		{"albumin", "g/dL", Labs, "albumin"},
		{"bands", "%", Labs, "immature neutrophils (bands)"},
		{"bicarbonate", "mmol/L", Labs, "bicarbonate"},
		{"bilirubin", "mg/dL", Labs, "total bilirubin"},
		{"bun", "mg/dL", Labs, "blood urea nitrogen"},
		{"calcium", "mg/dL", Labs, "calcium"},
		{"creatinine", "mg/dL", Labs, "creatinine"},
		{"glucose", "mg/dL", Labs, "glucose"},
		{"hematocrit", "%", Labs, "hematocrit"},
		{"hemoglobin", "g/dL", Labs, "hemoglobin"},
		{"inr", "", Labs, "international normalised ratio of the prothrombin time"},
		{"lactate", "mmol/L", Labs, "lactate"},
		{"platelet", "K/mcL", Labs, "platelet count"},
		{"potassium", "mmol/L", Labs, "potassium"},
		{"sodium", "mmol/L", Labs, "sodium"},
		{"wbc", "K/mcL", Labs, "white blood cell count"},
	}
}

// BloodGases lists the blood gas values. Each has the columns NAME_first_early and NAME_last_early.
func BloodGases() []Quantity {
	return []Quantity{
		{"bg_pao2", "mmHg", BloodGas, "arterial partial pressure of oxygen"},
		{"bg_paco2", "mmHg", BloodGas, "arterial partial pressure of carbon dioxide"},
		{"bg_pao2fio2ratio", "mmHg", BloodGas, "PaO2 divided by the inspired fraction of oxygen"},
		{"bg_ph", "", BloodGas, "arterial pH"},
		{"bg_baseexcess", "mmol/L", BloodGas, "base excess"},
	}
}

// apache are the names that the first-day variables of APACHE have in eICU, where they are others than those here.
var apache = map[string]string{"temperature": "tempc", "respiratoryrate": "resprate", "ph": "bg_ph", "pco2": "bg_paco2", "pao2": "bg_pao2"}

// Named returns the quantity of a name, which is its own or that of a first-day variable of APACHE; false where it is none of these.
func Named(name string) (Quantity, bool) {
	if own, ok := apache[name]; ok {
		name = own
	}
	for _, list := range [][]Quantity{VitalSigns(), LabValues(), BloodGases()} {
		if i := slices.IndexFunc(list, func(q Quantity) bool { return q.Name == name }); i >= 0 {
			return list[i], true
		}
	}
	return Quantity{}, false
}

// In reports whether a unit is that of the quantity, spelled alike but for blanks, case and what is customary for 1 and mmol/L.
func (q Quantity) In(unit string) bool { return plainUnit(unit) == plainUnit(q.Unit) }

func plainUnit(unit string) string { return spellings.Replace(strings.ToLower(unit)) }

var spellings = strings.NewReplacer(" ", "", "meq/l", "mmol/l", "10^9/l", "k/mcl", "10*3/ul", "k/mcl", "k/ul", "k/mcl", "k/µl", "k/mcl", "degc", "°c")

// limits are what a quantity can hold in its unit: the least value that is not removed as an outlier, and the greatest that counts
// as valid, of MIMIC-Extract's table of ranges (resources/variable_ranges.csv); shares of cells are 0 to 100 % by what they are.
//
// Source: S. Wang, M. B. A. McDermott, G. Chauhan, M. Ghassemi, M. C. Hughes, T. Naumann (2020), MIMIC-Extract, Proc. ACM CHIL,
// 222–235; the ranges come from H. Harutyunyan, H. Khachatrian, D. C. Kale, G. Ver Steeg, A. Galstyan (2019), Sci. Data 6, 96.
var limits = map[string][2]float64{
	"heartrate": {0, 350}, "sysbp": {0, 375}, "diasbp": {0, 375}, "meanbp": {0, 330}, "resprate": {0, 300},
	"tempc": {14.2, 45}, "spo2": {0, 100},
	"albumin": {0, 6}, "bands": {0, 100}, "bicarbonate": {0, 60}, "bilirubin": {0, 60}, "bun": {0, 250}, "creatinine": {0, 60},
	"glucose": {0, 2000}, "hematocrit": {0, 75}, "hemoglobin": {0, 25}, "lactate": {0, 30}, "platelet": {0, 2000},
	"potassium": {0, 12}, "sodium": {0, 225}, "wbc": {0, 1000},
	"bg_pao2": {0, 700}, "bg_paco2": {0, 200}, "bg_ph": {6.3, 8.4},
}

// Limits returns the least and the greatest value of a quantity, in its unit, and false where none are published.
func Limits(quantity string) (low, high float64, ok bool) {
	l, ok := limits[quantity]
	return l[0], l[1], ok
}

// Columns lists the 83 columns in order: identifiers, label and outcomes, admission, demographics, vital signs,
// laboratory values, blood gases, urine output.
func Columns() []plugins.ColumnInfo {
	number := func(name, unit, group string, role plugins.Role, summary string) plugins.ColumnInfo {
		return plugins.ColumnInfo{Name: name, Kind: frame.Number, Unit: unit, Group: group, Role: role, Summary: summary}
	}
	out := []plugins.ColumnInfo{
		number("patientunitstayid", "", Identifiers, plugins.RoleRow, "identifier of the stay"),
		number("hospitalid", "", Identifiers, plugins.RoleSite, "identifier of the hospital"),
		number("death", "", Outcomes, plugins.RoleTarget, "1 if the patient died in hospital"),
		number("hosp_los", "days", Outcomes, plugins.RoleOutcome, "length of the hospital stay"),
		number("ventdays", "days", Outcomes, plugins.RoleOutcome, "days on a ventilator"),
		number("electivesurgery", "", Admission, "", "1 if admitted after elective surgery"),
		number("age", "years", Demographics, "", "age; above 89 is 90"),
		number("is_female", "", Demographics, "", "1 if female"),
		number("race_black", "", Demographics, "", "1 if Black"),
		number("race_hispanic", "", Demographics, "", "1 if Hispanic"),
		number("race_asian", "", Demographics, "", "1 if Asian"),
		number("race_other", "", Demographics, "", "1 if none of the other three: White patients too"),
	}
	for _, q := range VitalSigns() {
		for _, suffix := range []string{"first", "last", "min", "max"} {
			out = append(out, number(q.Name+"_"+suffix, q.Unit, q.Group, "", q.Summary+", "+windowWords[suffix]))
		}
	}
	for _, q := range slices.Concat(LabValues(), BloodGases()) {
		for _, suffix := range []string{"first", "last"} {
			out = append(out, number(q.Name+"_"+suffix+"_early", q.Unit, q.Group, "", q.Summary+", "+windowWords[suffix]))
		}
	}
	return append(out, number("urineoutput_sum", "mL", Output, "", "urine output, sum over the window"))
}

var windowWords = map[string]string{
	"first": "first of the window", "last": "last of the window", "min": "lowest of the window", "max": "highest of the window",
}

// The lengths of the windows, in hours before their end.
const (
	VitalHours = 4               // vital signs and urine
	LabHours   = VitalHours + 24 // laboratory values and blood gases
	margin     = 2               // between the end of the window and that of the stay
	earliest   = 4               // the least end
)

// WindowEnd returns the end of the window of a stay, in hours after its first heart rate.
//
// limit is when the stay can tell no more: its discharge, death or first limit of care, in the same hours. The end is
// max(floor(u·(limit − 2)), 4), with u uniform on [0, 1) by a hash of seed and stay, so that it depends on no other
// stay. It may lie beyond limit, or, for a short stay, so far; such stays have no window and are left out.
func WindowEnd(seed uint64, stay int64, limit float64) float64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(stay))
	sum := sha256.Sum256(append([]byte("ehrlab window "), b[:]...))
	u := float64(binary.LittleEndian.Uint64(sum[:])>>11) / (1 << 53)
	return math.Max(math.Floor(u*(limit-margin)), earliest)
}
