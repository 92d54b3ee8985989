package events

import (
	"cmp"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// ByGap numbers visits by time: a new visit begins when a patient has had no event for more than gap days. An event without a
// time belongs to no visit: its number is NaN.
func ByGap(subject, time *frame.Column, gap float64) []float64 {
	numbers := make([]float64, subject.Len())
	for i := range numbers {
		numbers[i] = math.NaN()
	}
	for _, rows := range rowsBySubject(subject, func(row int) bool { return !math.IsNaN(time.Numbers[row]) }) {
		slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(time.Numbers[a], time.Numbers[b]) })
		visit := 1.0
		for i, row := range rows {
			if i > 0 && time.Numbers[row]-time.Numbers[rows[i-1]] > gap {
				visit++
			}
			numbers[row] = visit
		}
	}
	return numbers
}

// ByLabel numbers visits by a column that names them, such as an identifier of the admission: in the order of the earliest time
// of each and, where times are equal or there are none, of the labels. Those without a time come last. An event without a label
// belongs to no visit: its number is NaN.
func ByLabel(subject, time, label *frame.Column) []float64 {
	numbers := make([]float64, subject.Len())
	for i := range numbers {
		numbers[i] = math.NaN()
	}
	ranks, _ := subjects(label)
	for _, rows := range rowsBySubject(subject, func(row int) bool { return ranks[row] >= 0 }) {
		begin := map[int32]float64{} // of each label; +Inf where there is no time
		for _, row := range rows {
			at := math.Inf(1)
			if time != nil && time.Kind == frame.Number && !math.IsNaN(time.Numbers[row]) {
				at = time.Numbers[row]
			}
			if before, known := begin[ranks[row]]; !known || at < before {
				begin[ranks[row]] = at
			}
		}
		order := make([]int32, 0, len(begin))
		for rank := range begin {
			order = append(order, rank)
		}
		slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(begin[a], begin[b]), cmp.Compare(a, b)) })
		number := make(map[int32]float64, len(order))
		for i, rank := range order {
			number[rank] = float64(i + 1)
		}
		for _, row := range rows {
			numbers[row] = number[ranks[row]]
		}
	}
	return numbers
}

// rowsBySubject lists the rows of each subject that are wanted.
func rowsBySubject(subject *frame.Column, wanted func(row int) bool) [][]int {
	ranks, n := subjects(subject)
	rows := make([][]int, n)
	for row, rank := range ranks {
		if rank >= 0 && wanted(row) {
			rows[rank] = append(rows[rank], row)
		}
	}
	return rows
}
