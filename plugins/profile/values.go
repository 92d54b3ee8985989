package profile

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// values are the numbers of a column: the different ones, ascending, each with its rows.
type values struct {
	distinct []float64
	rows     []int
	n        int // rows in all
}

// numbersOf collects the numbers of a Number column.
func numbersOf(c *frame.Column) *values {
	all := slices.DeleteFunc(slices.Clone(c.Numbers), math.IsNaN)
	slices.Sort(all)
	v := &values{n: len(all)}
	for i, x := range all {
		if i == 0 || x != all[i-1] {
			v.distinct, v.rows = append(v.distinct, x), append(v.rows, 0)
		}
		v.rows[len(v.rows)-1]++
	}
	return v
}

// numbersOfLevels collects the levels that are numbers; several texts may be one number.
func numbersOfLevels(numbers []float64, rows []int) *values {
	order := make([]int, 0, len(numbers))
	for i, x := range numbers {
		if !math.IsNaN(x) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case numbers[i] < numbers[j]:
			return -1
		case numbers[i] > numbers[j]:
			return 1
		}
		return 0
	})
	v := &values{}
	for _, i := range order {
		if k := len(v.distinct); k == 0 || v.distinct[k-1] != numbers[i] {
			v.distinct, v.rows = append(v.distinct, numbers[i]), append(v.rows, 0)
		}
		v.rows[len(v.rows)-1] += rows[i]
		v.n += rows[i]
	}
	return v
}

// rowsOf is how many rows hold a number.
func (v *values) rowsOf(x float64) int {
	if i, found := slices.BinarySearch(v.distinct, x); found {
		return v.rows[i]
	}
	return 0
}

// without returns the values but for some numbers.
func (v *values) without(numbers []float64) *values {
	out := &values{}
	for i, x := range v.distinct {
		if !slices.Contains(numbers, x) {
			out.distinct, out.rows = append(out.distinct, x), append(out.rows, v.rows[i])
			out.n += v.rows[i]
		}
	}
	return out
}

// whole reports whether all numbers are whole.
func (v *values) whole() bool {
	return v.n > 0 && !slices.ContainsFunc(v.distinct, func(x float64) bool { return x != math.Trunc(x) })
}

// rank is the r-th smallest number, from 1.
func (v *values) rank(r int) float64 {
	for i, rows := range v.rows {
		if r -= rows; r <= 0 {
			return v.distinct[i]
		}
	}
	return v.distinct[len(v.distinct)-1]
}

// around is the mean of the Least numbers around the r-th smallest.
func (v *values) around(r int) float64 {
	sum, from, to := 0.0, r-Least/2, r+Least/2
	at := 0 // rows before the number
	for i, x := range v.distinct {
		first, last := max(at+1, from), min(at+v.rows[i], to)
		if last >= first {
			sum += x * float64(last-first+1)
		}
		at += v.rows[i]
	}
	return sum / Least
}

// tail is the share of the values beyond each end of a range: it runs from the 5th to the 95th percentile.
const tail = 0.05

// span is the range of the numbers, rounded to three digits; ok is false when there are too few of them. Both ends
// are means of Least neighbouring values, none of which is among the Least/2 smallest or largest.
func (v *values) span() (low, high float64, ok bool) {
	if v.n < 2*Least {
		return 0, 0, false
	}
	r := max(int(math.Ceil(tail*float64(v.n))), Least)
	whole := v.whole()
	return rounded(v.around(r), whole), rounded(v.around(v.n+1-r), whole), true
}

// rounded keeps three digits, and no decimals of what is whole.
func rounded(x float64, whole bool) float64 {
	if whole && math.Abs(x) < 10000 { // years keep their last digit
		return math.Round(x)
	}
	out, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil {
		return x
	}
	return out
}

// number reads a text as tables are read: a finite decimal number without blanks.
func number(text string) (float64, bool) {
	if text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil
}

// leadingZero reports whether a number is rather a code, as 007 is.
func leadingZero(text string) bool {
	text = strings.TrimLeft(text, "+-")
	return len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9'
}
