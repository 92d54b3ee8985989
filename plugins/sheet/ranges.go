package sheet

import (
	"errors"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/icu"
)

// Range is what is normal of a quantity, both ends included.
type Range struct {
	Min *float64 `json:"min,omitempty"` // nil: no least value
	Max *float64 `json:"max,omitempty"` // nil: no greatest value
}

// String is the range for people, empty where it has no end: "60–100", "-3 to 3", "≥ 96".
func (r Range) String() string {
	text := func(v *float64) string { return strconv.FormatFloat(*v, 'f', -1, 64) }
	switch {
	case r.Min == nil && r.Max == nil:
		return ""
	case r.Max == nil:
		return "≥ " + text(r.Min)
	case r.Min == nil:
		return "≤ " + text(r.Max)
	case *r.Min < 0:
		return text(r.Min) + " to " + text(r.Max)
	}
	return text(r.Min) + "–" + text(r.Max)
}

func (r Range) check() error {
	switch {
	case r.Min == nil && r.Max == nil:
		return errors.New("want min, max or both")
	case r.Min != nil && r.Max != nil && *r.Min > *r.Max:
		return errors.New("min is greater than max")
	}
	return nil
}

// StandardSource says where the ranges of Standard are published.
const StandardSource = "adults: American Board of Internal Medicine, Laboratory Test Reference Ranges (2024), of both sexes together (chemistry, counts, " +
	"arterial gases); A. Kratz et al. (2004), N. Engl. J. Med. 351, 1548–1563 (lactate, bands); Royal College of Physicians (2017), National Early Warning " +
	"Score (NEWS) 2, what scores 0 (heart rate, respiratory rate, temperature, oxygen saturation); B. Williams et al. (2018), Eur. Heart J. 39, 3021–3104 " +
	"(upper limits of blood pressure; mean pressure by diastolic + a third of the pulse pressure); ARDS Definition Task Force (2012), JAMA 307, 2526–2533 (PaO2/FiO2)"

// standard are normal ranges of the quantities of plugins/icu, in their units. Of the INR, of base excess and of the least blood
// pressures there is no one publication: they are those that hospital laboratories and charts print.
var standard = map[string]Range{
	"heartrate": between(51, 90),
	"sysbp":     between(90, 139),
	"diasbp":    between(60, 89),
	"meanbp":    between(70, 105),
	"resprate":  between(12, 20),
	"tempc":     between(36.1, 38),
	"spo2":      atLeast(96),

	"albumin":     between(3.5, 5.5),
	"bands":       between(0, 10),
	"bicarbonate": between(23, 28),
	"bilirubin":   between(0.3, 1),
	"bun":         between(8, 20),
	"calcium":     between(8.6, 10.2),
	"creatinine":  between(0.5, 1.3),
	"glucose":     between(70, 99),
	"hematocrit":  between(37, 50),
	"hemoglobin":  between(12, 18),
	"inr":         between(0.9, 1.1),
	"lactate":     between(0.5, 2.2),
	"platelet":    between(150, 450),
	"potassium":   between(3.5, 5),
	"sodium":      between(136, 145),
	"wbc":         between(4, 11),

	"bg_pao2":          between(75, 100),
	"bg_paco2":         between(38, 42),
	"bg_pao2fio2ratio": atLeast(300),
	"bg_ph":            between(7.38, 7.44),
	"bg_baseexcess":    between(-3, 3),
}

// Standard returns what is normal of the quantities that plugins/icu names, by their names and in its units: of adults at rest,
// most of them fasting and breathing room air. Patients in intensive care are often outside; see StandardSource.
func Standard() map[string]Range {
	out := make(map[string]Range, len(standard))
	for name, r := range standard {
		out[name] = r
	}
	return out
}

// standardOf returns what is normal of a quantity, which may have a name of APACHE, if it is known in this unit.
func standardOf(name, unit string) (Range, bool) {
	quantity, ok := icu.Named(name)
	r, known := standard[quantity.Name]
	return r, ok && known && quantity.In(unit)
}

func between(low, high float64) Range { return Range{Min: &low, Max: &high} }

func atLeast(low float64) Range { return Range{Min: &low} }
