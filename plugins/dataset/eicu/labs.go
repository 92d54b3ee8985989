package eicu

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

var labTable = &table{
	name: "lab", purpose: "laboratory values and blood gases",
	columns: []frame.ScanColumn{
		number("patientunitstayid"), number("labresultoffset"), text("labname"), lenient("labresult"), text("labmeasurenamesystem"),
		number("labresultrevisedoffset"),
	},
}

// test is a name of the table lab and what it measures.
type test struct {
	labname, quantity string
	factor            float64            // on the result: -1 for a deficit
	units             map[string]float64 // what a result in a unit is multiplied by; units as unitKey writes them
}

// Units with their factors to the unit of package icu. The molar masses are rounded as clinics do: creatinine 88.4 µmol/L a mg/dL,
// bilirubin 17.1 µmol/L, urea nitrogen 0.357 mmol/L, calcium 0.2495 mmol/L, glucose 0.0555 mmol/L, lactate 9.01 mg/dL a mmol/L,
// haemoglobin 1.611 g/dL a mmol/L, 7.5006 mmHg a kPa.
var (
	perDecilitre = map[string]float64{"g/dl": 1, "gm/dl": 1, "g/l": 0.1}
	haemoglobin  = map[string]float64{"g/dl": 1, "gm/dl": 1, "g/l": 0.1, "mmol/l": 1.611}
	percent      = map[string]float64{"%": 1}
	haematocrit  = map[string]float64{"%": 1, "l/l": 100}
	ions         = map[string]float64{"mmol/l": 1, "meq/l": 1}
	lactate      = map[string]float64{"mmol/l": 1, "meq/l": 1, "mg/dl": 1 / 9.01}
	bilirubin    = map[string]float64{"mg/dl": 1, "umol/l": 1 / 17.1}
	creatinine   = map[string]float64{"mg/dl": 1, "umol/l": 1 / 88.4}
	urea         = map[string]float64{"mg/dl": 1, "mmol/l": 1 / 0.357}
	calcium      = map[string]float64{"mg/dl": 1, "mmol/l": 1 / 0.2495, "meq/l": 0.5 / 0.2495}
	glucose      = map[string]float64{"mg/dl": 1, "mmol/l": 1 / 0.0555}
	cells        = map[string]float64{
		"k/mcl": 1, "k/ul": 1, "k/mm3": 1, "k/cmm": 1, "10*3/ul": 1, "10^3/ul": 1, "10*9/l": 1, "10^9/l": 1,
		"/mcl": 1e-3, "/ul": 1e-3, "/mm3": 1e-3, "cells/mcl": 1e-3, "cells/ul": 1e-3,
	}
	pressure = map[string]float64{"mmhg": 1, "torr": 1, "kpa": 7.5006}
	pure     = map[string]float64{"": 1, "ratio": 1, "units": 1}
)

// fio2 is the inspired fraction of oxygen in %, which only ratios are made of.
const fio2 = "fio2"

// tests lists the names of the table lab that are read. The choice is ours. Bicarbonate is the measured one, not that computed from a
// blood gas (HCO3, Total CO2); glucose that of the laboratory, not that of bedside meters. A base deficit is a base excess
// with the other sign: in the open demo no blood gas has both.
var tests = []test{
	{"albumin", "albumin", 1, perDecilitre},
	{"-bands", "bands", 1, percent},
	{"bicarbonate", "bicarbonate", 1, ions},
	{"total bilirubin", "bilirubin", 1, bilirubin},
	{"bun", "bun", 1, urea},
	{"calcium", "calcium", 1, calcium},
	{"creatinine", "creatinine", 1, creatinine},
	{"glucose", "glucose", 1, glucose},
	{"hct", "hematocrit", 1, haematocrit},
	{"hgb", "hemoglobin", 1, haemoglobin},
	{"pt - inr", "inr", 1, pure},
	{"lactate", "lactate", 1, lactate},
	{"platelets x 1000", "platelet", 1, cells},
	{"potassium", "potassium", 1, ions},
	{"sodium", "sodium", 1, ions},
	{"wbc x 1000", "wbc", 1, cells},
	{"pao2", "bg_pao2", 1, pressure},
	{"paco2", "bg_paco2", 1, pressure},
	{"ph", "bg_ph", 1, pure},
	{"base excess", "bg_baseexcess", 1, ions},
	{"base deficit", "bg_baseexcess", -1, ions},
	{"fio2", fio2, 1, percent},
}

// labLimits are those of laboratory values, in the units of package icu.
var labLimits = map[string]limits{
	"albumin":       {0.3, 10},
	"bands":         {0, 100},
	"bicarbonate":   {1, 80},
	"bilirubin":     {0, 100},
	"bun":           {0.5, 350},
	"calcium":       {1, 30},
	"creatinine":    {0.05, 50},
	"glucose":       {5, 3000},
	"hematocrit":    {5, 80},
	"hemoglobin":    {1, 27},
	"inr":           {0.3, 50},
	"lactate":       {0.05, 60},
	"platelet":      {0, 5000},
	"potassium":     {0.5, 15},
	"sodium":        {80, 220},
	"wbc":           {0, 1000},
	"bg_pao2":       {10, 800},
	"bg_paco2":      {2, 250},
	"bg_ph":         {6.3, 8.2},
	"bg_baseexcess": {-60, 60},
	fio2:            {20, 100},
}

// ratio is what paO2 and FiO2 of one time are divided to.
const ratio = "bg_pao2fio2ratio"

// unitKey is a unit without spaces, in lower case, with u for µ.
func unitKey(unit string) string {
	return strings.NewReplacer(" ", "", "µ", "u", "μ", "u").Replace(strings.ToLower(unit))
}

// reading is a result: when the sample was taken, when the result was last changed, and what it is.
type reading struct {
	at, revised int32
	value       float64
}

// firstLast are the first and last result of a window. Of results of one time the one that was changed last counts, of these
// the one that came last.
type firstLast struct {
	any         bool
	first, last reading
}

func (f *firstLast) add(r reading) {
	if !f.any {
		*f = firstLast{true, r, r}
		return
	}
	if r.at < f.first.at || r.at == f.first.at && r.revised >= f.first.revised {
		f.first = r
	}
	if r.at > f.last.at || r.at == f.last.at && r.revised >= f.last.revised {
		f.last = r
	}
}

// labs are what is taken from the table lab.
type labs struct {
	quantities []string // FiO2 last
	of         []int    // test → quantity
	seen       []firstLast
	oxygen     []oxygen // by stay
	rejected   rejected
	rows       []int64 // by test: rows with a result
	unknown    []int64 // of them in a unit that is not known
}

// oxygen is the readings of a window that ratios are made of: some a day, kept until all are there.
type oxygen struct{ pao2, fio2 []reading }

func newLabs(stays int) *labs {
	l := &labs{}
	for _, q := range slices.Concat(icu.LabValues(), icu.BloodGases()) {
		if q.Name != ratio {
			l.quantities = append(l.quantities, q.Name)
		}
	}
	l.quantities = append(l.quantities, fio2)
	for _, t := range tests {
		l.of = append(l.of, slices.Index(l.quantities, t.quantity))
	}
	l.seen, l.oxygen = make([]firstLast, stays*len(l.quantities)), make([]oxygen, stays)
	l.rejected = make(rejected, len(l.quantities))
	l.rows, l.unknown = make([]int64, len(tests)), make([]int64, len(tests))
	return l
}

// read reads the table.
func (l *labs) read(ctx context.Context, in *input, c *cohort) (*account, error) {
	names := newMatcher(func(s string) int {
		return slices.IndexFunc(tests, func(t test) bool { return strings.EqualFold(t.labname, s) })
	})
	units := newUnits()
	a, err := in.events(ctx, labTable, c.index, func(b *frame.ScanBatch, row int, stay, at int32) {
		test, result := names.of(&b.Columns[2], row), b.Columns[3].Numbers[row]
		if test < 0 || math.IsNaN(result) {
			return
		}
		l.rows[test]++
		factor, known := units.factor(test, &b.Columns[4], row)
		if !known {
			l.unknown[test]++
			return
		}
		if w := c.window[stay]; c.slot[stay] < 0 || at < w.labs || at >= w.end {
			return
		}
		r := reading{at: at, revised: noTime, value: result*factor*tests[test].factor + 0} // + 0: no negative zero
		if revised := b.Columns[5].Numbers[row]; math.Abs(revised) <= farthest {
			r.revised = int32(math.Floor(revised))
		}
		l.keep(int(c.slot[stay]), l.of[test], r)
	})
	if err != nil {
		return nil, err
	}
	return a, l.checkUnits(in)
}

// keep notes a result of a window.
func (l *labs) keep(slot, quantity int, r reading) {
	name := l.quantities[quantity]
	if name == fio2 && r.value >= 0.2 && r.value <= 1 {
		r.value *= 100 // a fraction, in spite of its unit
	}
	if !labLimits[name].has(r.value) {
		l.rejected[quantity]++
		return
	}
	switch name {
	case fio2:
		l.oxygen[slot].fio2 = append(l.oxygen[slot].fio2, r)
	case "bg_pao2":
		l.oxygen[slot].pao2 = append(l.oxygen[slot].pao2, r)
	}
	l.seen[slot*len(l.quantities)+quantity].add(r)
}

// units knows the factors of the units of a scan, by code.
type units struct{ known [][]float64 } // by test, then code + 1: the factor, 0 where the unit is not known

func newUnits() *units { return &units{known: make([][]float64, len(tests))} }

// factor returns what a result of a test is multiplied by; ok is false when the unit is not known. No unit is one of its own.
func (u *units) factor(test int, v *frame.ScanValues, row int) (factor float64, ok bool) {
	code := int(v.Codes[row]) + 1 // Missing is -1
	for len(u.known[test]) <= code {
		unit := ""
		if n := len(u.known[test]); n > 0 {
			unit = unitKey(v.Levels[n-1])
		}
		u.known[test] = append(u.known[test], tests[test].units[unit])
	}
	factor = u.known[test][code]
	return factor, factor > 0
}

// fewResults is how many results a test must have before its units can be an error of the table, not of some rows.
const fewResults = 10

// checkUnits refuses a test most of whose results are in a unit that is not known: leaving them out would empty the column in silence.
func (l *labs) checkUnits(in *input) error {
	for i, t := range tests {
		if l.rows[i] >= fewResults && 2*l.unknown[i] > l.rows[i] {
			var known []string
			for u := range t.units {
				if u != "" {
					known = append(known, u)
				}
			}
			slices.Sort(known)
			return in.fault(labTable, "labmeasurenamesystem", "%d of %d results of the test %q are in a unit that is not known; want one of %s",
				l.unknown[i], l.rows[i], t.labname, strings.Join(known, ", "))
		}
	}
	return nil
}

// values adds the columns to out, by name.
func (l *labs) values(out map[string][]float64) {
	for k, name := range l.quantities {
		if name == fio2 {
			continue
		}
		first, last := missing(len(l.oxygen)), missing(len(l.oxygen))
		for i := range l.oxygen {
			if s := l.seen[i*len(l.quantities)+k]; s.any {
				first[i], last[i] = s.first.value, s.last.value
			}
		}
		out[name+"_first_early"], out[name+"_last_early"] = first, last
	}
	first, last := missing(len(l.oxygen)), missing(len(l.oxygen))
	for i := range l.oxygen {
		if r := l.oxygen[i].ratios(); r.any {
			first[i], last[i] = r.first.value, r.last.value
		}
	}
	out[ratio+"_first_early"], out[ratio+"_last_early"] = first, last
}

// ratios returns the first and last PaO2 divided by the fraction of inspired oxygen of the same time.
func (o *oxygen) ratios() (r firstLast) {
	breathed := byTime(o.fio2)
	for _, p := range byTime(o.pao2) {
		at, found := slices.BinarySearchFunc(breathed, p.at, func(f reading, at int32) int { return cmp.Compare(f.at, at) })
		if found {
			r.add(reading{at: p.at, value: p.value / (breathed[at].value / 100)})
		}
	}
	return r
}

// byTime sorts readings by time and keeps one of each time: that changed last, of these the one that came last.
func byTime(readings []reading) []reading {
	slices.SortStableFunc(readings, func(a, b reading) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.revised, b.revised))
	})
	var out []reading
	for i, r := range readings {
		if i+1 == len(readings) || readings[i+1].at != r.at {
			out = append(out, r)
		}
	}
	return out
}

func (l *labs) counts() (counts []plugins.Count) {
	for i, t := range tests {
		if l.unknown[i] > 0 {
			counts = append(counts, plugins.Count{
				Name: "results in a unit that is not known, left out", Dims: map[string]string{"test": t.labname}, Value: int(l.unknown[i]),
			})
		}
	}
	return append(counts, l.rejected.counts(l.quantities)...)
}
