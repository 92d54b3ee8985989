package table

import (
	"math"
	"strconv"
	"strings"
)

// parseNumber reads a whole text as a finite decimal number, as frame.ReadCSV does.
func parseNumber(text string) (float64, bool) {
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}

// shortest is a number as its shortest text.
func shortest(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// whole reports whether there is a value and every value is a whole number that a float64 holds exactly.
func whole(values []float64) bool {
	const most = 1 << 53
	found := false
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if v != math.Trunc(v) || math.Abs(v) > most {
			return false
		}
		found = true
	}
	return found
}
