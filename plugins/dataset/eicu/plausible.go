package eicu

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins"
)

// plausible is which values a column can have: those within limits and, where they are codes, whole ones. Others become
// missing and are counted, as those of a window are.
type plausible struct {
	limits
	whole bool
}

func (p plausible) has(v float64) bool { return p.limits.has(v) && (!p.whole || v == math.Trunc(v)) }

func codes(low, high float64) plausible { return plausible{limits{low, high}, true} }

func between(low, high float64) plausible { return plausible{limits{low, high}, false} }

var (
	yesNo       = codes(0, 1)
	probability = between(0, 1)
	stayDays    = between(0, 3653) // ten years
)

// plausibles are those of the numbers that tables have once a stay. What both matrices hold has the limits of the windows, but
// for the temperature: APACHE has lower ones, and 13.7 °C has been survived (Gilbert et al. 2000, Lancet 355, 375–376). The
// scales and scores are those of APACHE (Knaus et al. 1991, Chest 100(6), 1619–1636), its ventilator days end at 30; the rest
// is ours, and wide: heights and weights from those of a newborn to those of the tallest and heaviest of people. Some come to the
// unit before their stay in hospital is entered, so the hours before the unit may be negative.
var plausibles = map[string]plausible{
	"bedcount":                   codes(1, 10000),
	"hosp_los":                   stayDays,
	"unit_los":                   stayDays,
	"diedinhospital":             yesNo,
	"actualventdays":             between(0, 30),
	"ventdays":                   between(0, 30),
	"acutephysiologyscore":       codes(0, 252),
	"apachescore":                codes(0, 299),
	"predictedicumortality":      probability,
	"predictedhospitalmortality": probability,
	"predictediculos":            stayDays,
	"predictedhospitallos":       stayDays,
	"predventdays":               stayDays,

	"admissionheight": between(30, 275),
	"admissionweight": between(1, 650),
	"unitvisitnumber": codes(1, 1000),
	"pre_icu_hours":   between(-31*24, 3653*24),
	"electivesurgery": yesNo,
	"readmit":         yesNo,
	"ima":             yesNo,
	"midur":           yesNo,
	"preopmi":         yesNo, "preopcardiaccath": yesNo, "ptcawithin24h": yesNo,

	"aids": yesNo, "hepaticfailure": yesNo, "lymphoma": yesNo, "metastaticcancer": yesNo, "leukemia": yesNo,
	"immunosuppression": yesNo, "cirrhosis": yesNo, "diabetes": yesNo,
	"ejectfx":  between(1, 100),
	"activetx": yesNo, "thrombolytics": yesNo, "oobventday1": yesNo, "oobintubday1": yesNo,

	"intubated": yesNo, "vent": yesNo, "dialysis": yesNo,
	"eyes": codes(1, 4), "motor": codes(1, 6), "verbal": codes(1, 5), "meds": yesNo,
	"urine":           between(0, 50000), // of a day; that of one entry ends at a fifth
	"wbc":             {labLimits["wbc"], false},
	"temperature":     between(13, 45),
	"respiratoryrate": {vitalLimits["resprate"], false},
	"sodium":          {labLimits["sodium"], false},
	"heartrate":       {vitalLimits["heartrate"], false},
	"meanbp":          {vitalLimits["meanbp"], false},
	"ph":              {labLimits["bg_ph"], false},
	"hematocrit":      {labLimits["hematocrit"], false},
	"creatinine":      {labLimits["creatinine"], false},
	"albumin":         {labLimits["albumin"], false},
	"pao2":            {labLimits["bg_pao2"], false},
	"pco2":            {labLimits["bg_paco2"], false},
	"bun":             {labLimits["bun"], false},
	"glucose":         {labLimits["glucose"], false},
	"bilirubin":       {labLimits["bilirubin"], false},
	"fio2":            {labLimits[fio2], false},
}

// dropImplausible makes values of a column missing that it cannot have, and adds their count where there are any. A column of
// which nothing is said is left as it is.
func dropImplausible(column string, values []float64, counts []plugins.Count) []plugins.Count {
	can, said := plausibles[column]
	if !said {
		return counts
	}
	n := 0
	for i, v := range values {
		if !math.IsNaN(v) && !can.has(v) {
			values[i] = math.NaN()
			n++
		}
	}
	if n == 0 {
		return counts
	}
	return append(counts, plugins.Count{Name: "values outside the plausible range", Dims: map[string]string{"column": column}, Value: n})
}
