package plugintest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// checkFrame checks what frame.Column promises of its values.
func checkFrame(t *testing.T, f *frame.Frame) {
	t.Helper()
	for _, c := range f.Columns() {
		if c.Len() != f.Rows() {
			t.Errorf("column %q has %d rows, the frame %d", c.Name, c.Len(), f.Rows())
		}
		for i, v := range c.Numbers {
			if math.IsInf(v, 0) || (c.Integer && v != math.Trunc(v) && !math.IsNaN(v)) {
				t.Errorf("column %q, row %d: infinite, or not whole in a column of whole numbers", c.Name, i)
				break
			}
		}
		used := make([]bool, len(c.Levels))
		for _, code := range c.Codes {
			if code != frame.Missing {
				used[code] = true
			}
		}
		if slices.Contains(used, false) || !slices.IsSorted(c.Levels) {
			t.Errorf("column %q has unused or unsorted levels", c.Name)
		}
	}
}

// checkMeasurement checks every score against its declaration, and the shape of curves, counts and draws.
func checkMeasurement(t *testing.T, info plugins.Info, m *plugins.Measurement) {
	t.Helper()
	for _, fault := range Faults(info, m) {
		t.Error(fault)
	}
}

// Faults says what is wrong with a measurement, whatever the input was: scores that are not as they are declared, out of their
// range, not finite, or undefined without a reason; curves, counts and draws that are not well formed.
func Faults(info plugins.Info, m *plugins.Measurement) []string {
	var out faults
	status := map[string]plugins.Status{}
	for _, s := range m.Scores {
		out.score(info, s)
		id := fmt.Sprint(s.Name, s.Dims) // maps are printed in the order of their keys
		if status[id] != "" {
			out.add("score %q with dimensions %v is there twice", s.Name, s.Dims)
		}
		status[id] = s.Status
	}
	for _, c := range m.Curves {
		out.curve(info, c)
	}
	for _, c := range m.Counts {
		if c.Name == "" || c.Value < 0 {
			out.add("count %q is %d", c.Name, c.Value)
		}
	}
	for _, d := range m.Draws {
		if status[fmt.Sprint(d.Score, d.Dims)] != plugins.OK {
			out.add("draws of %q %v, and no such score with a value", d.Score, d.Dims)
		}
		if d.Unit == "" || d.Of == "" || len(d.Values) > plugins.MaxDraws {
			out.add("%d draws of %q %v, of the unit %q of %q: at most %d, with a unit and its rows, are kept", len(d.Values), d.Score, d.Dims, d.Unit, d.Of, plugins.MaxDraws)
		}
		if slices.ContainsFunc(d.Values, func(v float32) bool { return !finite(float64(v)) }) {
			out.add("draws of %q %v are not finite", d.Score, d.Dims)
		}
	}
	return out
}

type faults []string

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (f *faults) score(info plugins.Info, s plugins.Score) {
	at := slices.IndexFunc(info.Scores, func(d plugins.ScoreInfo) bool { return d.Name == s.Name })
	if at < 0 {
		f.add("score %q is not declared", s.Name)
		return
	}
	declared := info.Scores[at]
	names := slices.Sorted(maps.Keys(s.Dims))
	if want := slices.Sorted(slices.Values(declared.Dims)); !slices.Equal(names, want) {
		f.add("score %q has dimensions %v, declared are %v", s.Name, names, want)
	}
	if s.N < 0 {
		f.add("score %q %v rests on %d", s.Name, s.Dims, s.N)
	}
	if !finite(s.Value) {
		f.add("score %q %v is %v; an undefined value has a status, not a NaN", s.Name, s.Dims, s.Value)
	}
	const rounding = 1e-12
	switch s.Status {
	case plugins.OK:
		if s.Value < declared.Min-rounding || s.Value > declared.Max+rounding {
			f.add("score %q %v is %v, outside [%v, %v]", s.Name, s.Dims, s.Value, declared.Min, declared.Max)
		}
		if declared.Count && s.Value != math.Trunc(s.Value) {
			f.add("score %q %v is %v, and no whole number, as a count is", s.Name, s.Dims, s.Value)
		}
	case plugins.Undefined:
		if s.Reason == "" {
			f.add("score %q %v is undefined without a reason", s.Name, s.Dims)
		}
	default:
		f.add("score %q %v has the status %q", s.Name, s.Dims, s.Status)
	}
	if i := s.Interval; i != nil && (!finite(i.Low) || !finite(i.High) || i.Low > i.High || !(i.Level > 0 && i.Level < 1) || i.Unit == "" || i.Method == "") {
		f.add("score %q %v has the interval %+v", s.Name, s.Dims, *i)
	}
}

func (f *faults) curve(info plugins.Info, c plugins.Curve) {
	at := slices.IndexFunc(info.Curves, func(d plugins.CurveInfo) bool { return d.Name == c.Name })
	if at < 0 {
		f.add("curve %q is not declared", c.Name)
		return
	}
	declared := &info.Curves[at]
	names := slices.Sorted(maps.Keys(c.Dims))
	if names = slices.DeleteFunc(names, func(d string) bool { return d == declared.Level }); !slices.Equal(names, slices.Sorted(slices.Values(declared.Dims))) {
		f.add("curve %q has dimensions %v, declared are %v", c.Name, names, declared.Dims)
	}
	if len(c.N) != len(c.X) {
		f.add("curve %q says of %d of %d points how many subjects they stand for", c.Name, len(c.N), len(c.X))
	}
	if (c.Low != nil || c.High != nil) && declared.Band == "" {
		f.add("curve %q has a band, and does not declare what it is", c.Name)
	}
	if c.Name == "" || len(c.X) != len(c.Y) || (c.Low != nil && len(c.Low) != len(c.X)) || (c.High != nil && len(c.High) != len(c.X)) {
		f.add("curve %q has %d x, %d y, %d low, %d high", c.Name, len(c.X), len(c.Y), len(c.Low), len(c.High))
	}
	for _, values := range [][]float64{c.X, c.Y, c.Low, c.High} {
		if i := slices.IndexFunc(values, func(v float64) bool { return !finite(v) }); i >= 0 {
			f.add("curve %q, point %d is not finite", c.Name, i)
		}
	}
}
