package compare

import (
	"math"
	"slices"
)

const (
	digitBits = 11
	digits    = 6 // of 11 bits in 64
	few       = 1024
)

// ascending returns the values of a column that are not missing, sorted; -0 comes before 0.
//
// Sorting is what most metrics of single columns spend their time on. Numbers of 64 bits in some thousands of rows are
// sorted twice as fast by their digits (H. H. Seward 1954, MIT Digital Computer Laboratory report R-232) as by comparisons.
func ascending(column []float64) []float64 {
	values := make([]float64, 0, len(column))
	for _, v := range column {
		if v == v {
			values = append(values, v)
		}
	}
	if len(values) < few {
		slices.SortFunc(values, func(a, b float64) int {
			switch x, y := ordered(a), ordered(b); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		return values
	}
	sortDigits(values)
	return values
}

// ordered returns bits that stand in the order of the numbers.
func ordered(v float64) uint64 {
	b := math.Float64bits(v)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

// unordered is the inverse of ordered.
func unordered(b uint64) float64 {
	if b>>63 == 1 {
		return math.Float64frombits(b &^ (1 << 63))
	}
	return math.Float64frombits(^b)
}

// sortDigits sorts by each digit in turn, the least significant first; digits that all values share take no pass.
func sortDigits(values []float64) {
	n := len(values)
	from, to := make([]uint64, n), make([]uint64, n)
	var counts [digits][1 << digitBits]int32
	for i, v := range values {
		key := ordered(v)
		from[i] = key
		for d := range digits {
			counts[d][key>>(d*digitBits)&(1<<digitBits-1)]++
		}
	}
	for d := range digits {
		starts := &counts[d]
		if starts[from[0]>>(d*digitBits)&(1<<digitBits-1)] == int32(n) {
			continue
		}
		sum := int32(0)
		for i, c := range starts {
			starts[i] = sum
			sum += c
		}
		for _, key := range from {
			at := &starts[key>>(d*digitBits)&(1<<digitBits-1)]
			to[*at] = key
			*at++
		}
		from, to = to, from
	}
	for i, key := range from {
		values[i] = unordered(key)
	}
}
