package style

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// scale maps values to [0,1] along an axis. Where categories run down the page, min is above max.
type scale struct {
	min, max float64
	log      bool
	rows     []float64 // of categories of different heights: the lower edge of each, as a share of all from the top
}

// at is the share of the axis at which v lies; outside [0,1] beyond its ends.
func (s scale) at(v float64) float64 {
	if s.log {
		return (math.Log(v) - math.Log(s.min)) / (math.Log(s.max) - math.Log(s.min))
	}
	if len(s.rows) > 0 {
		return 1 - s.inRow(v)
	}
	return (v - s.min) / (s.max - s.min)
}

// inRow is how far down a value lies among categories of different heights.
func (s scale) inRow(v float64) float64 {
	r := min(max(int(math.Floor(v+0.5)), 0), len(s.rows)-1)
	top := 0.0
	if r > 0 {
		top = s.rows[r-1]
	}
	return top + (v+0.5-float64(r))*(s.rows[r]-top)
}

// padded widens the scale by a share of its length at both ends.
func (s scale) padded(share float64) scale {
	if s.log {
		f := math.Exp((math.Log(s.max) - math.Log(s.min)) * share)
		return scale{min: max(s.min/f, math.SmallestNonzeroFloat64), max: min(s.max*f, largest), log: true}
	}
	d := (s.max - s.min) * share
	return scale{min: s.min - d, max: s.max + d}
}

// narrow reports whether the values of a scale differ by no more than rounding does.
func (s scale) narrow() bool {
	return s.max-s.min <= max(1e-10*max(math.Abs(s.min), math.Abs(s.max)), 1e-290)
}

// opened gives a scale of a single value some length.
func (s scale) opened() scale {
	if !s.narrow() || s.log && s.max/s.min > 1+1e-9 {
		return s
	}
	if s.log {
		return scale{min: s.min / 2, max: s.max * 2, log: true}
	}
	d := math.Abs(s.min) / 10
	if d < 1e-280 {
		d = 0.5
	}
	return scale{min: s.min - d, max: s.max + d}
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
	var out []tick
	for k := math.Ceil(s.min/step - 1e-9); k*step <= s.max+step*1e-9; k++ {
		out = append(out, tick{k * step, formatTick(k*step, step)})
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

// logTicks are 1, 2, 5 times the powers of ten, or the powers alone, or some of them, where those are too many.
func (s scale) logTicks(want int) []tick {
	first, last := math.Floor(math.Log10(s.min)), math.Ceil(math.Log10(s.max))
	for _, factors := range [][]float64{{1, 2, 5}, {1}} {
		if out := s.powers(first, last, 1, factors); len(out) <= want+2 {
			return out
		}
	}
	every := math.Ceil((last - first) / float64(max(1, want)))
	return s.powers(math.Ceil(first/every)*every, last, every, []float64{1})
}

func (s scale) powers(first, last, every float64, factors []float64) []tick {
	var out []tick
	for e := first; e <= last; e += every {
		for _, f := range factors {
			if v := f * math.Pow(10, e); v >= s.min*(1-1e-9) && v <= s.max*(1+1e-9) {
				out = append(out, tick{v, FormatValue(v)})
			}
		}
	}
	return out
}

// formatTick writes a multiple of step with the digits that tell it from its neighbours.
func formatTick(v, step float64) string {
	places := -int(math.Floor(math.Log10(step) + 1e-9))
	s := strconv.FormatFloat(math.Abs(v), 'f', max(0, places), 64)
	if math.Abs(v) >= 1e7 || places > 6 {
		digits := int(math.Floor(math.Log10(max(math.Abs(v), step))+1e-9)) + places
		s = strconv.FormatFloat(math.Abs(v), 'e', max(0, digits), 64)
		if whole, power, _ := strings.Cut(s, "e"); strings.Contains(whole, ".") {
			s = strings.TrimRight(strings.TrimRight(whole, "0"), ".") + "e" + power
		}
	}
	if v == 0 && (places > 6 || places < -6) {
		s = "0"
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

// FormatBeside is a value to print beside others on an axis of the given length: with digits that tell hundredths of it
// apart, but for huge and tiny ones.
func FormatBeside(v, length float64) string {
	if !(length > 1e-290) || !Finite(v) {
		return FormatValue(v)
	}
	if math.Abs(v) >= 1e5 || length < 1e-5 {
		return signed(v < 0, strconv.FormatFloat(math.Abs(v), 'g', 3, 64))
	}
	return formatTick(v, math.Pow(10, math.Floor(math.Log10(length/100)+1e-9)))
}

// Fixed is a value with so many decimals, or with digits of its own where it is huge.
func Fixed(v float64, decimals int) string {
	if math.Abs(v) >= 1e6 {
		return FormatValue(v)
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	return signed(v < 0 && strings.Trim(s, "0.") != "", s)
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

// largest is the end of what can be drawn: the length of an axis has to be a number, too.
const largest = 1e300

// Finite reports whether v can be drawn.
func Finite(v float64) bool { return math.Abs(v) <= largest }
