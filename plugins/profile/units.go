package profile

import "strings"

// unit is one unit that a quantity is given in: where the middle of its values lies, and where nearly all of them do.
//
// The bounds are rough ones for adults in hospital, wide enough for the sick: they tell units from each other and
// judge no value. A quantity is known by the first entry whose names match.
type unit struct {
	name        string
	low, high   float64 // the median of a column
	least, most float64 // single values
}

// quantity is something that is measured, by the names it goes by.
type quantity struct {
	names []string // parts of the name; those with "=" are the whole of it, but for a suffix such as "_first"
	units []unit
}

// The units are spelt as in package icu.
var quantities = []quantity{
	{[]string{"temperature", "tempc", "tempf", "=temp", "bodytemp"}, []unit{{"°C", 34, 40, 28, 44}, {"°F", 93, 104, 82, 112}}},
	{[]string{"heartrate", "pulserate", "=hr", "=pulse"}, []unit{{"bpm", 40, 160, 10, 300}}},
	{[]string{"sysbp", "systolic", "=sbp", "=nisysabp", "=sysabp"}, []unit{{"mmHg", 60, 220, 20, 320}}},
	{[]string{"diasbp", "diastolic", "=dbp", "=nidiasabp", "=diasabp"}, []unit{{"mmHg", 30, 130, 5, 250}}},
	{[]string{"meanbp", "meanarterial", "=map", "=mbp", "noninvasivemean"}, []unit{{"mmHg", 30, 160, 10, 280}}},
	{[]string{"trestbps", "bloodpressure"}, []unit{{"mmHg", 30, 220, 5, 320}}},
	{[]string{"resprate", "respiratoryrate", "=rr", "breathrate"}, []unit{{"breaths/min", 6, 50, 1, 90}}},
	{[]string{"spo2", "sao2", "o2sat", "oxygensaturation"}, []unit{{"%", 70, 100, 20, 100}, {"fraction", 0.7, 1, 0.2, 1}}},
	{[]string{"fio2"}, []unit{{"%", 20, 100, 15, 100}, {"fraction", 0.2, 1, 0.15, 1}}},
	{[]string{"pao2fio2"}, []unit{{"mmHg", 50, 600, 20, 900}}},
	{[]string{"pao2", "=po2"}, []unit{{"mmHg", 40, 400, 20, 700}, {"kPa", 5, 20, 2, 19}}},
	{[]string{"paco2", "=pco2"}, []unit{{"mmHg", 20, 90, 10, 200}, {"kPa", 3, 11, 1, 9}}},
	{[]string{"creatinine", "=creat"}, []unit{{"mg/dL", 0.3, 8, 0.05, 20}, {"µmol/L", 30, 800, 25, 2500}}},
	{[]string{"bloodureanitrogen", "=bun"}, []unit{{"mg/dL", 4, 120, 1, 300}}},
	{[]string{"=urea"}, []unit{{"mmol/L", 2, 40, 0.5, 100}}},
	{[]string{"glucose"}, []unit{{"mg/dL", 60, 400, 30, 2000}, {"mmol/L", 3, 25, 1, 29}}},
	{[]string{"sodium"}, []unit{{"mmol/L", 120, 160, 90, 200}}},
	{[]string{"potassium"}, []unit{{"mmol/L", 2.5, 7, 1, 12}}},
	{[]string{"bicarbonate", "hco3"}, []unit{{"mmol/L", 10, 40, 2, 60}}},
	{[]string{"baseexcess"}, []unit{{"mmol/L", -20, 20, -40, 40}}},
	{[]string{"calcium"}, []unit{{"mg/dL", 5, 13, 4.1, 20}, {"mmol/L", 0.8, 3.5, 0.3, 4}}},
	{[]string{"lactate", "lacticacid"}, []unit{{"mmol/L", 0.3, 15, 0.1, 40}}},
	{[]string{"albumin"}, []unit{{"g/dL", 1, 6, 0.5, 7}, {"g/L", 10, 60, 8, 70}}},
	{[]string{"bilirubin"}, []unit{{"mg/dL", 0.1, 4, 0.05, 60}, {"µmol/L", 5, 70, 1, 1000}}},
	{[]string{"hematocrit", "haematocrit", "=hct"}, []unit{{"%", 15, 60, 5, 80}, {"fraction", 0.15, 0.6, 0.05, 0.8}}},
	{[]string{"hemoglobin", "haemoglobin", "=hgb", "=hb"}, []unit{{"g/dL", 5, 20, 2, 25}, {"g/L", 50, 200, 26, 250}}},
	{[]string{"platelet"}, []unit{{"K/mcL", 20, 700, 1, 2500}}},
	{[]string{"=wbc", "whitebloodcell", "leukocyte"}, []unit{{"K/mcL", 1, 60, 0.01, 500}}},
	{[]string{"urineoutput", "=urine"}, []unit{{"mL", 20, 6000, 0, 50000}}},
	{[]string{"cholesterol", "=chol"}, []unit{{"mg/dL", 80, 400, 50, 1000}, {"mmol/L", 2, 10, 1, 20}}},
	{[]string{"weight"}, []unit{{"kg", 40, 130, 20, 400}}},
	{[]string{"height"}, []unit{{"cm", 140, 200, 100, 250}, {"in", 55, 79, 39, 99}, {"m", 1.4, 2, 1, 2.5}}},
	{[]string{"=bmi", "bodymassindex"}, []unit{{"kg/m²", 15, 50, 8, 120}}},
	{[]string{"=age", "ageyears", "anchorage", "ageatadmission"}, []unit{{"years", 1, 110, 0, 120}}},
}

// namedUnits are words at the end of a name that say the unit.
var namedUnits = map[string]string{
	"kg": "kg", "lbs": "lb", "cm": "cm", "mmhg": "mmHg", "bpm": "bpm", "days": "days", "hours": "hours", "hrs": "hours", "minutes": "minutes", "mins": "minutes",
	"years": "years", "yrs": "years", "mgdl": "mg/dL", "mmoll": "mmol/L", "umoll": "µmol/L", "percent": "%", "pct": "%", "ml": "mL", "degc": "°C", "degf": "°F",
	"celsius": "°C", "fahrenheit": "°F", "gdl": "g/dL",
}

// statistics are words that say which of several values of a quantity a column holds.
var statistics = map[string]bool{
	"first": true, "last": true, "min": true, "max": true, "mean": true, "avg": true, "median": true, "early": true, "lowest": true, "highest": true, "day1": true, "apache": true,
	"admission": true, "discharge": true, "baseline": true, "value": true, "result": true, "mid": true, "low": true, "high": true,
}

// quantity returns what is measured in a column, by its name, or nil.
func (n name) quantity() *quantity {
	core := ""
	for _, w := range n.words {
		if !statistics[w] {
			core += w
		}
	}
	for i := range quantities {
		for _, q := range quantities[i].names {
			if whole, ok := strings.CutPrefix(q, "="); ok && core == whole || !ok && strings.Contains(n.whole, q) {
				return &quantities[i]
			}
		}
	}
	return nil
}

// guessUnit returns the unit that the name of a column of numbers and the middle of its values suggest; "" for none.
func guessUnit(n name, v *values) string {
	if u, ok := namedUnits[n.lastWord()]; ok && len(n.words) > 1 {
		return u
	}
	if k := len(n.words); k > 2 {
		if u, ok := namedUnits[n.words[k-2]+n.words[k-1]]; ok {
			return u
		}
	}
	q := n.quantity()
	if q == nil || v.n == 0 || n.word("count", "slope", "change", "delta", "flag") {
		return ""
	}
	median := v.rank((v.n + 1) / 2)
	for _, u := range q.units {
		if median >= u.low && median <= u.high {
			return u.name
		}
	}
	return ""
}

// mixedShare is the least share of the values that must speak for each of two units, besides Least rows.
const mixedShare = 0.03

// mixedUnits returns the two units that the values of a column seem to be given in; none when they do not.
// A value speaks for a unit when no other unit of the quantity allows it.
func mixedUnits(n name, v *values) []string {
	q := n.quantity()
	if q == nil || len(q.units) < 2 {
		return nil
	}
	votes := make([]int, len(q.units))
	for i, x := range v.distinct {
		only := -1
		for j, u := range q.units {
			if x >= u.least && x <= u.most {
				if only >= 0 {
					only = -1
					break
				}
				only = j
			}
		}
		if only >= 0 {
			votes[only] += v.rows[i]
		}
	}
	var mixed []string
	for j, votes := range votes {
		if votes >= Least && float64(votes) >= mixedShare*float64(v.n) {
			mixed = append(mixed, q.units[j].name)
		}
	}
	if len(mixed) < 2 {
		return nil
	}
	return mixed
}
