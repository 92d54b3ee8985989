package sheet

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

const (
	// usual is the share of a column's values that its style has to suit: a few odd ones decide nothing.
	usual = 0.95
	// figures is how many digits from the first that is not 0 a typical value has at most: clinical values are read with three.
	figures = 3
	// mostLevels bounds the levels of a column that are words; those of texts are their own.
	mostLevels = 500
)

// Styles returns how the columns of a frame are written. Its rows should be real ones of one part of the data.
//
// A number has the fewest digits after the point that 95 % of its values need, and no more than a value of median size needs for three
// figures. It is a flag when every value is 0 or 1. Three flags or more whose names begin alike up to their last underscore are a
// set when exactly one of them is 1 in 95 % of the rows or more. A category has its levels, unless there are more than 500; of
// spellings that differ in large letters or blanks only, the most common one.
func Styles(f *frame.Frame) map[string]plugins.Style {
	out := make(map[string]plugins.Style, len(f.Columns()))
	sets := map[string][]*frame.Column{}
	for _, c := range f.Columns() {
		var s plugins.Style
		if c.Kind == frame.Number {
			if s.Flag = isFlag(c.Numbers); !s.Flag {
				s.Decimals = decimals(c.Numbers)
			} else if at := strings.LastIndexByte(c.Name, '_'); at > 0 {
				sets[c.Name[:at]] = append(sets[c.Name[:at]], c)
			}
		} else {
			s.Levels = spellings(c)
		}
		out[c.Name] = s
	}
	for name, columns := range sets {
		if len(columns) < 3 || f.Column(name) != nil || !exclusive(columns) {
			continue
		}
		for _, c := range columns {
			out[c.Name] = plugins.Style{Flag: true, Set: name}
		}
	}
	return out
}

// spellings returns the levels of a category, of those that are folded alike the most common one.
func spellings(c *frame.Column) []string {
	rows := make([]int, len(c.Levels))
	for _, code := range c.Codes {
		if code != frame.Missing {
			rows[code]++
		}
	}
	best := map[string]int{}
	for i, level := range c.Levels {
		if at, ok := best[folded(level)]; !ok || rows[i] > rows[at] {
			best[folded(level)] = i
		}
	}
	if len(best) > mostLevels {
		return nil
	}
	out := make([]string, 0, len(best))
	for _, i := range slices.Sorted(maps.Values(best)) {
		out = append(out, c.Levels[i])
	}
	return out
}

// isFlag reports whether every value is 0 or 1, and there is one.
func isFlag(values []float64) bool {
	some := false
	for _, v := range values {
		if v != 0 && v != 1 && !math.IsNaN(v) {
			return false
		}
		some = some || !math.IsNaN(v)
	}
	return some
}

// exclusive reports whether exactly one of the columns is 1 in nearly all rows.
func exclusive(columns []*frame.Column) bool {
	one, rows := 0, 0
	for i := range columns[0].Numbers {
		sum := 0.0
		for _, c := range columns {
			sum += c.Numbers[i]
		}
		if !math.IsNaN(sum) {
			rows++
		}
		if sum == 1 {
			one++
		}
	}
	return rows > 0 && float64(one) >= usual*float64(rows)
}

// decimals returns the digits after the point of a number column.
func decimals(values []float64) int {
	needs := [mostDecimals + 1]int{}
	var sizes []float64
	n := 0
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		n++
		needs[digits(v)]++
		if v != 0 {
			sizes = append(sizes, math.Abs(v))
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	slices.Sort(sizes)
	most := figures - 1 - int(math.Floor(math.Log10(sizes[len(sizes)/2])))
	most = min(max(most, 0), mostDecimals)
	suited := 0
	for d := range most {
		if suited += needs[d]; float64(suited) >= usual*float64(n) {
			return d
		}
	}
	return most
}

// digits returns how many digits after the point a value needs, at most mostDecimals.
func digits(v float64) int {
	scale := 1.0
	for d := range mostDecimals {
		// values that were converted or averaged have an error in their last places
		if x := v * scale; math.Abs(x-math.Round(x)) <= 1e-9*math.Max(1, math.Abs(x)) {
			return d
		}
		scale *= 10
	}
	return mostDecimals
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
