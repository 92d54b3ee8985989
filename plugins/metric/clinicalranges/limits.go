package clinicalranges

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// limit is what a column can hold.
type limit struct {
	column   string
	low      float64  // of a number; -Inf for none
	high     float64  // +Inf for none
	levels   []string // of a category
	standard bool     // it is one of Standard
	fault    string   // why the column cannot be measured
}

// limits returns what limits each column that anything limits: those of the rows in their order, then those that the settings
// name and the rows lack, in byte order.
func (c Config) limits(s *compare.Sides, declared map[string]plugins.Limit) []limit {
	var out []limit
	for _, column := range s.Real.Columns() {
		if l, ok := c.limitOf(column, declared); ok {
			out = append(out, l)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Ranges)) {
		if s.Real.Column(name) == nil {
			out = append(out, limit{column: name, fault: "the rows have no such column"})
		}
	}
	return out
}

func (c Config) limitOf(column *frame.Column, declared map[string]plugins.Limit) (limit, bool) {
	out := limit{column: column.Name, low: math.Inf(-1), high: math.Inf(1)}
	if r, ok := c.Ranges[column.Name]; ok {
		if out.bound(r.Min, r.Max); column.Kind != frame.Number {
			out.fault = "the column is a category: it has no min and max"
		}
		return out, true
	}
	if l, ok := declared[column.Name]; ok {
		out.bound(l.Min, l.Max)
		bounded := l.Min != nil || l.Max != nil
		switch out.levels = l.Levels; {
		case bounded && column.Kind != frame.Number:
			out.fault = "the column is a category: it has no min and max"
		case len(l.Levels) > 0 && column.Kind != frame.Category:
			out.fault = "the column is a number: it has no levels"
		}
		return out, bounded || len(l.Levels) > 0
	}
	if !c.Standard || column.Kind != frame.Number {
		return out, false
	}
	r, ok := Standard(column.Name, column.Unit)
	if ok {
		out.bound(r.Min, r.Max)
		out.standard = true
	}
	return out, ok
}

func (l *limit) bound(low, high *float64) {
	if low != nil {
		l.low = *low
	}
	if high != nil {
		l.high = *high
	}
}

// note says which limits a column was given that nobody declared.
func (l *limit) note() string {
	return fmt.Sprintf("standard limits: %v to %v", l.low, l.high)
}

// standard are limits of quantities in the unit that plugins/icu has them in: the least value that is not removed as an
// outlier, and the greatest that counts as valid, of MIMIC-Extract's table of ranges (resources/variable_ranges.csv); shares of
// cells are 0 to 100 % by what they are. Quantities without such a range have none here.
//
// Source: S. Wang, M. B. A. McDermott, G. Chauhan, M. Ghassemi, M. C. Hughes, T. Naumann (2020), MIMIC-Extract, Proc. ACM CHIL,
// 222–235; the ranges come from H. Harutyunyan, H. Khachatrian, D. C. Kale, G. Ver Steeg, A. Galstyan (2019), Sci. Data 6, 96.
var standard = map[string][2]float64{
	"heartrate": {0, 350}, "sysbp": {0, 375}, "diasbp": {0, 375}, "meanbp": {0, 330}, "resprate": {0, 300},
	"tempc": {14.2, 45}, "spo2": {0, 100},
	"albumin": {0, 6}, "bands": {0, 100}, "bicarbonate": {0, 60}, "bilirubin": {0, 60}, "bun": {0, 250}, "creatinine": {0, 60},
	"glucose": {0, 2000}, "hematocrit": {0, 75}, "hemoglobin": {0, 25}, "lactate": {0, 30}, "platelet": {0, 2000},
	"potassium": {0, 12}, "sodium": {0, 225}, "wbc": {0, 1000},
	"bg_pao2": {0, 700}, "bg_paco2": {0, 200}, "bg_ph": {6.3, 8.4},
}

// Standard returns the limits of a column by its name and unit: that of a quantity of plugins/icu, or of a statistic of one, such
// as heartrate_first. unit has to be the one that plugins/icu gives, or empty.
func Standard(name, unit string) (Range, bool) {
	for _, q := range slices.Concat(icu.VitalSigns(), icu.LabValues(), icu.BloodGases()) {
		limits, ok := standard[q.Name]
		if ok && (name == q.Name || strings.HasPrefix(name, q.Name+"_")) && (unit == "" || unit == q.Unit) {
			return Range{Min: &limits[0], Max: &limits[1]}, true
		}
	}
	return Range{}, false
}
