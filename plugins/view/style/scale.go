package style

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// scale maps values to [0,1] along an axis.
type scale struct {
	min, max float64
	log      bool
}

// at is the share of the axis at which v lies; outside [0,1] beyond its ends.
func (s scale) at(v float64) float64 {
	if s.log {
		return (math.Log(v) - math.Log(s.min)) / (math.Log(s.max) - math.Log(s.min))
	}
	return (v - s.min) / (s.max - s.min)
}

// padded widens the scale by a share of its length at both ends.
func (s scale) padded(share float64) scale {
	if s.log {
		f := math.Pow(s.max/s.min, share)
		return scale{s.min / f, s.max * f, true}
	}
	d := (s.max - s.min) * share
	return scale{s.min - d, s.max + d, false}
}

// opened gives a scale of a single value some length.
func (s scale) opened() scale {
	if s.max > s.min {
		return s
	}
	if s.log {
		return scale{s.min / 2, s.max * 2, true}
	}
	d := math.Abs(s.min) / 10
	if d == 0 {
		d = 0.5
	}
	return scale{s.min - d, s.max + d, false}
}

type tick struct {
	value float64
	label string
}

// ticks returns about want round values within the scale.
func (s scale) ticks(want int) []tick {
	if s.log {
		if t := s.logTicks(want); len(t) >= 2 {
			return t
		}
	}
	step := roundStep((s.max - s.min) / float64(max(1, want)))
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var out []tick
	for k := math.Ceil(s.min/step - 1e-9); k*step <= s.max+step*1e-9; k++ {
		out = append(out, tick{k * step, formatTick(k*step, decimals)})
	}
	return out
}

// roundStep is the least of 1, 2, 5 times a power of ten that is no less than step.
func roundStep(step float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= step*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logTicks are 1, 2, 5 times the powers of ten, or the powers alone where those are too many.
func (s scale) logTicks(want int) []tick {
	var out []tick
	for _, factors := range [][]float64{{1, 2, 5}, {1}} {
		out = out[:0]
		for e := math.Floor(math.Log10(s.min)); e <= math.Log10(s.max)+1; e++ {
			for _, f := range factors {
				if v := f * math.Pow(10, e); v >= s.min*(1-1e-9) && v <= s.max*(1+1e-9) {
					out = append(out, tick{v, FormatValue(v)})
				}
			}
		}
		if len(out) <= want+2 {
			break
		}
	}
	return out
}

func formatTick(v float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	if math.Abs(v) >= 1e7 || decimals > 6 {
		s = strconv.FormatFloat(math.Abs(v), 'g', 4, 64)
	}
	return signed(v < 0 && strings.Trim(s, "0.") != "", s)
}

// FormatValue is the shortest text of a value, e.g. "10,000".
func FormatValue(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', -1, 64)
	if math.Abs(v) >= 1e9 || len(s) > 8 {
		s = strconv.FormatFloat(math.Abs(v), 'g', 4, 64)
	}
	return signed(v < 0, s)
}

// signed puts a minus sign, not a hyphen, before a number.
func signed(negative bool, s string) string {
	if !strings.Contains(s, "e") {
		s = grouped(s)
	}
	if negative {
		return "−" + s
	}
	return s
}

// grouped puts commas between thousands.
func grouped(s string) string {
	whole, fraction, point := strings.Cut(s, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if point {
		return whole + "." + fraction
	}
	return whole
}

// distinct returns the finite values, sorted, without repeats.
func distinct(values []float64) []float64 {
	var out []float64
	for _, v := range values {
		if Finite(v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Finite reports whether v can be drawn.
func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
