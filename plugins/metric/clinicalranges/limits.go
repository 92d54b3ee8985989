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

// Standard returns the limits of a column by its name and unit: icu.Limits of a quantity of plugins/icu, or of a statistic of one,
// such as heartrate_first. unit has to be the one that plugins/icu gives, or empty.
func Standard(name, unit string) (Range, bool) {
	for _, q := range slices.Concat(icu.VitalSigns(), icu.LabValues(), icu.BloodGases()) {
		low, high, ok := icu.Limits(q.Name)
		if ok && (name == q.Name || strings.HasPrefix(name, q.Name+"_")) && (unit == "" || unit == q.Unit) {
			return Range{Min: &low, Max: &high}, true
		}
	}
	return Range{}, false
}
