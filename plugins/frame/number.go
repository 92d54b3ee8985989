package frame

import (
	"math"
	"strconv"
	"unsafe"
)

// exactPow10 holds the powers of ten that a float64 represents exactly.
var exactPow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// scanShortNumber reads a plain decimal number of at most 15 digits at the start of b.
//
// n is the number of bytes read; ok is false when there is no such number there, or one that only
// parseNumber can read. The caller checks that the number ends where its field ends.
// With at most 15 digits the digits are a whole number below 2^53 and the power of ten is exact, so that
// one division rounds correctly (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990).
func scanShortNumber(b []byte) (v float64, n int, ok bool) {
	i := 0
	negative := false
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		negative = b[i] == '-'
		i++
	}
	first := i
	mantissa := uint64(0)
	for i < len(b) && b[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits, fraction := i-first, 0
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for i < len(b) && b[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
		fraction = i - point
		digits += fraction
	}
	if digits == 0 || digits > 15 {
		return 0, i, false
	}
	v = float64(mantissa)
	if fraction > 0 {
		v /= exactPow10[fraction]
	}
	if negative {
		v = -v
	}
	return v, i, true
}

// parseNumber reads a whole field as a finite decimal number: an optional sign, digits with at most one
// point among them, and an optional exponent. Hexadecimal, "_", "inf", "nan" and spaces are no numbers.
// The result is that of strconv.ParseFloat.
func parseNumber(b []byte) (float64, bool) {
	if v, n, ok := scanShortNumber(b); ok && n == len(b) {
		return v, true
	}
	if !isDecimal(b) {
		return 0, false
	}
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return v, err == nil
}

// isCode reports whether a number is rather a code, so that a column of undecided kind is a category: it has a
// zero before another digit, as 007 has, or is whole and beyond what a float64 holds exactly, as long identifiers
// are. Read as numbers, 01 and 001 would be one value, and so would neighbouring identifiers.
func isCode(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	if len(b) < 2 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return b[0] == '0' && b[1] >= '0' && b[1] <= '9'
		}
	}
	const most = "9007199254740992" // 2^53
	return b[0] == '0' || len(b) > len(most) || len(b) == len(most) && string(b) > most
}

// isDecimal reports whether b has the form that parseNumber reads.
func isDecimal(b []byte) bool {
	i, digits := 0, 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		digits++
	}
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && b[i]-'0' <= 9; i++ {
			digits++
		}
	}
	if digits == 0 {
		return false
	}
	if i == len(b) {
		return true
	}
	if b[i] != 'e' && b[i] != 'E' {
		return false
	}
	i++
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	first := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i > first && i == len(b)
}

// largestWhole is the greatest magnitude below which every whole number is a float64.
const largestWhole = 1 << 53

// allWhole reports whether there is a value and every value is a whole number that a float64 holds exactly.
func allWhole(values []float64) bool {
	found := false
	for _, v := range values {
		if v != v {
			continue
		}
		if v != math.Trunc(v) || v > largestWhole || v < -largestWhole {
			return false
		}
		found = true
	}
	return found
}

// Rewritten counts the numbers that levels write in more than one way, as 4 and 4.0 do: as texts they are different levels.
// Codes with a zero in front, such as 007, stand for themselves.
func Rewritten(levels []string) int {
	ways := map[float64]int{}
	twice := 0
	for _, level := range levels {
		v, ok := parseNumber([]byte(level))
		if !ok || isCode([]byte(level)) {
			continue
		}
		if ways[v]++; ways[v] == 2 {
			twice++
		}
	}
	return twice
}
