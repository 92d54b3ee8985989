package plugintest

import (
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

// checkMeasurement checks every score against its declaration, and the shape of curves and counts.
func checkMeasurement(t *testing.T, info plugins.Info, m *plugins.Measurement) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range m.Scores {
		checkScore(t, info, s)
		if id := digest(t, []any{s.Name, s.Dims}); seen[id] {
			t.Errorf("score %q with dimensions %v is there twice", s.Name, s.Dims)
		} else {
			seen[id] = true
		}
	}
	for _, c := range m.Curves {
		checkCurve(t, c)
	}
	for _, c := range m.Counts {
		if c.Name == "" || c.Value < 0 {
			t.Errorf("count %q is %d", c.Name, c.Value)
		}
	}
}

func checkScore(t *testing.T, info plugins.Info, s plugins.Score) {
	t.Helper()
	at := slices.IndexFunc(info.Scores, func(d plugins.ScoreInfo) bool { return d.Name == s.Name })
	if at < 0 {
		t.Errorf("score %q is not declared", s.Name)
		return
	}
	declared := info.Scores[at]
	names := make([]string, 0, len(s.Dims))
	for name := range s.Dims {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(declared.Dims)); !slices.Equal(names, want) {
		t.Errorf("score %q has dimensions %v, declared are %v", s.Name, names, want)
	}
	if s.N < 0 {
		t.Errorf("score %q rests on %d", s.Name, s.N)
	}
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		t.Errorf("score %q is %v; an undefined value has a status, not a NaN", s.Name, s.Value)
	}
	const rounding = 1e-12
	switch s.Status {
	case plugins.OK:
		if s.Value < declared.Min-rounding || s.Value > declared.Max+rounding {
			t.Errorf("score %q is %v, outside [%v, %v]", s.Name, s.Value, declared.Min, declared.Max)
		}
	case plugins.Undefined:
		if s.Reason == "" {
			t.Errorf("score %q is undefined without a reason", s.Name)
		}
	default:
		t.Errorf("score %q has the status %q", s.Name, s.Status)
	}
	if i := s.Interval; i != nil {
		finite := !math.IsNaN(i.Low+i.High) && !math.IsInf(i.Low, 0) && !math.IsInf(i.High, 0)
		if !finite || i.Low > i.High || !(i.Level > 0 && i.Level < 1) || i.Unit == "" || i.Method == "" {
			t.Errorf("score %q has the interval %+v", s.Name, *i)
		}
	}
}

func checkCurve(t *testing.T, c plugins.Curve) {
	t.Helper()
	if c.Name == "" || len(c.X) != len(c.Y) || (c.Low != nil && len(c.Low) != len(c.X)) || (c.High != nil && len(c.High) != len(c.X)) {
		t.Errorf("curve %q has %d x, %d y, %d low, %d high", c.Name, len(c.X), len(c.Y), len(c.Low), len(c.High))
	}
	for _, values := range [][]float64{c.X, c.Y, c.Low, c.High} {
		for i, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("curve %q, point %d is not finite", c.Name, i)
			}
		}
	}
}
