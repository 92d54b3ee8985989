package eicu

import (
	"context"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Vital signs come from vitalPeriodic, where monitors write every five minutes, and blood pressures by cuff from vitalAperiodic.
// Invasive pressures and those by cuff are pooled; of both at one time the invasive one is first and last.

var vitalPeriodic = &table{
	name: "vitalPeriodic", purpose: "hour 0 of a stay and its vital signs",
	columns: []frame.ScanColumn{
		number("patientunitstayid"), number("observationoffset"), lenient("heartrate"), lenient("systemicsystolic"),
		lenient("systemicdiastolic"), lenient("systemicmean"), lenient("respiration"), lenient("temperature"), lenient("sao2"),
	},
}

var vitalAperiodic = &table{
	name: "vitalAperiodic", purpose: "blood pressures by cuff",
	columns: []frame.ScanColumn{
		number("patientunitstayid"), number("observationoffset"),
		lenient("noninvasivesystolic"), lenient("noninvasivediastolic"), lenient("noninvasivemean"),
	},
}

// sign is a vital sign and the column of a table that it is read from.
type sign struct{ name, column string }

var periodicSigns = []sign{
	{"heartrate", "heartrate"},
	{"sysbp", "systemicsystolic"},
	{"diasbp", "systemicdiastolic"},
	{"meanbp", "systemicmean"},
	{"resprate", "respiration"},
	{"tempc", "temperature"},
	{"spo2", "sao2"},
}

var aperiodicSigns = []sign{
	{"sysbp", "noninvasivesystolic"},
	{"diasbp", "noninvasivediastolic"},
	{"meanbp", "noninvasivemean"},
}

// vitalLimits are those of vital signs, in the units of package icu.
var vitalLimits = map[string]limits{
	"heartrate": {20, 300},
	"sysbp":     {20, 300},
	"diasbp":    {5, 225},
	"meanbp":    {10, 250},
	"resprate":  {1, 100},
	"tempc":     {25, 45},
	"spo2":      {10, 100},
}

// celsius returns a temperature in °C. Some hospitals write °F: what is plausible as such (77 to 113, as 25 to 45 °C) cannot be °C.
func celsius(v float64) float64 {
	if v >= 77 && v <= 113 {
		return (v - 32) * 5 / 9
	}
	return v
}

// extremes are the first, last, lowest and highest of the values of a window. Of values with one time the one that came last counts.
type extremes struct {
	firstAt, lastAt        int32
	any                    bool
	first, last, low, high float64
}

func (e *extremes) add(at int32, v float64) {
	if !e.any {
		*e = extremes{at, at, true, v, v, v, v}
		return
	}
	if at <= e.firstAt {
		e.firstAt, e.first = at, v
	}
	if at >= e.lastAt {
		e.lastAt, e.last = at, v
	}
	e.low, e.high = min(e.low, v), max(e.high, v)
}

// merge adds what another source has; at equal times e's own value stays.
func (e *extremes) merge(o extremes) {
	switch {
	case !o.any:
	case !e.any:
		*e = o
	default:
		if o.firstAt < e.firstAt {
			e.firstAt, e.first = o.firstAt, o.first
		}
		if o.lastAt > e.lastAt {
			e.lastAt, e.last = o.lastAt, o.last
		}
		e.low, e.high = min(e.low, o.low), max(e.high, o.high)
	}
}

// vitals are what is taken from one table of vital signs.
type vitals struct {
	table    *table
	signs    []sign
	limits   []limits
	seen     []extremes // by stay, then sign
	rejected rejected
}

func newVitals(t *table, signs []sign, stays int) *vitals {
	v := &vitals{table: t, signs: signs, seen: make([]extremes, stays*len(signs)), rejected: make(rejected, len(signs))}
	for _, s := range signs {
		v.limits = append(v.limits, vitalLimits[s.name])
	}
	return v
}

// read reads the table.
func (v *vitals) read(ctx context.Context, in *input, c *cohort) (*account, error) {
	from := make([]int, len(v.signs))
	for k, s := range v.signs {
		from[k] = v.table.at(s.column)
	}
	return in.events(ctx, v.table, c.index, func(b *frame.ScanBatch, row int, stay, at int32) {
		slot := c.slot[stay]
		if slot < 0 {
			return
		}
		if w := c.window[stay]; at < w.vitals || at >= w.end {
			return
		}
		seen := v.seen[int(slot)*len(v.signs):][:len(v.signs)]
		for k := range v.signs {
			value := b.Columns[from[k]].Numbers[row]
			if math.IsNaN(value) {
				continue
			}
			if v.signs[k].name == "tempc" {
				value = celsius(value)
			}
			if !v.limits[k].has(value) {
				v.rejected[k]++
				continue
			}
			seen[k].add(at, value)
		}
	})
}

func (v *vitals) counts() []plugins.Count {
	names := make([]string, len(v.signs))
	for i, s := range v.signs {
		names[i] = v.table.name + "." + s.column
	}
	return v.rejected.counts(names)
}

// vitalValues adds the columns of vital signs to out, by name.
func vitalValues(periodic, aperiodic *vitals, out map[string][]float64) {
	stays := len(periodic.seen) / len(periodic.signs)
	for k, s := range periodic.signs {
		cuff := slices.IndexFunc(aperiodic.signs, func(a sign) bool { return a.name == s.name })
		first, last, low, high := missing(stays), missing(stays), missing(stays), missing(stays)
		for i := range stays {
			e := periodic.seen[i*len(periodic.signs)+k]
			if cuff >= 0 {
				e.merge(aperiodic.seen[i*len(aperiodic.signs)+cuff])
			}
			if e.any {
				first[i], last[i], low[i], high[i] = e.first, e.last, e.low, e.high
			}
		}
		out[s.name+"_first"], out[s.name+"_last"], out[s.name+"_min"], out[s.name+"_max"] = first, last, low, high
	}
}

// missing returns n missing values.
func missing(n int) []float64 { return slices.Repeat([]float64{math.NaN()}, n) }

// heartRates is vitalPeriodic as far as hour 0 needs it.
var heartRates = &table{name: vitalPeriodic.name, purpose: vitalPeriodic.purpose, columns: vitalPeriodic.columns[:3]}

// firstHeartRate returns when each stay has its first heart rate within the limits, or noTime.
func (in *input) firstHeartRate(ctx context.Context, stays index) ([]int32, *account, error) {
	first := slices.Repeat([]int32{noTime}, len(stays))
	l := vitalLimits["heartrate"]
	a, err := in.events(ctx, heartRates, stays, func(b *frame.ScanBatch, row int, stay, at int32) {
		if l.has(b.Columns[2].Numbers[row]) && (first[stay] == noTime || at < first[stay]) {
			first[stay] = at
		}
	})
	return first, a, err
}
