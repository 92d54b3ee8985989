package report

import (
	"math"
	"slices"
)

// setDecimals gives columns of counts one decimal where some number in them is not whole, as a mean over seeds may be, and none else.
// Columns of one score that stand across the table have the same.
func (t *Table) setDecimals() {
	for c := range t.Columns {
		column := &t.Columns[c]
		if !column.count {
			continue
		}
		column.Digits = 0
		for k := range t.Columns {
			if like := &t.Columns[k]; like.Score == column.Score && like.Minus == column.Minus && like.derived == column.derived {
				for i := range t.Lines {
					column.addDecimals(t.Lines[i].Values[k : k+1])
				}
			}
		}
	}
}

// addDecimals gives a column of counts one decimal where a value that it shows is not whole.
func (c *Column) addDecimals(values []Value) {
	if !c.count {
		return
	}
	for i := range values {
		if slices.ContainsFunc(values[i].numbers(c.derived), fractional) {
			c.Digits = 1
		}
	}
}

// fractional reports whether a number is not whole, but for the rounding of a mean.
func fractional(v float64) bool { return math.Abs(v-math.Round(v)) > 1e-9*math.Max(1, math.Abs(v)) }

// numbers are those that a column shows of a value.
func (v *Value) numbers(what derived) []float64 {
	s := v.Sample
	switch {
	case v.Status != OK:
	case what == ownScore && v.Interval != nil:
		return []float64{v.Value, v.Interval.Low, v.Interval.High}
	case what == ownScore || what == theirDifference:
		return []float64{v.Value}
	case what == theirs && v.Printed != nil && v.Printed.Low != nil:
		return []float64{*v.Printed.Value, *v.Printed.Low, *v.Printed.High}
	case what == theirs && v.Printed != nil && v.Printed.Value != nil:
		return []float64{*v.Printed.Value}
	case what == spreadSD && v.Spread != nil:
		return []float64{v.Spread.SD}
	case what == spreadNext && v.Spread != nil && v.Spread.Next != nil:
		return []float64{v.Spread.Next.Low, v.Spread.Next.High}
	case s == nil:
	case what == sampleMedian:
		return []float64{s.Median}
	case what == sampleSD:
		return []float64{s.SD}
	case what == sampleRange:
		return []float64{s.Min, s.Max}
	case what == sampleNext && s.Prediction != nil:
		return []float64{s.Prediction.Low, s.Prediction.High}
	}
	return nil
}
