package table

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

var statistics = []string{"once", "first", "last", "min", "max", "mean", "sum", "count"}

// series is the measurements of one variable, in the order of the file.
type series struct {
	*frame.Column
	rows  int       // of the result
	group []int32   // the row of the result that each belongs to
	order []float64 // tells first from last; nil: the order of the file
	place place
}

// take returns one statistic of each row: missing where the row has no value, but for count, which is 0.
//
// Of values at the same time, the first in the file is the first, and the last the last.
func (s *series) take(stat string) (*frame.Column, error) {
	switch stat {
	case "count":
		return s.count(), nil
	case "once":
		return s.once()
	case "first", "last":
		return s.ends(stat)
	}
	if s.Kind == frame.Category {
		for i := range s.Codes {
			if s.Codes[i] != frame.Missing {
				return nil, s.place.fault(s.Name, []int{i}, "a text, of which there is no %s; take first, last, once or count of it", stat)
			}
		}
	}
	switch stat {
	case "min":
		return s.pick(func(a, b int) bool { return s.Numbers[b] < s.Numbers[a] }), nil
	case "max":
		return s.pick(func(a, b int) bool { return s.Numbers[b] > s.Numbers[a] }), nil
	}
	return s.sum(stat)
}

// pick chooses one value of each row: the first, until better says that a later one is.
func (s *series) pick(better func(chosen, other int) bool) *frame.Column {
	chosen := make([]int, s.rows)
	for g := range chosen {
		chosen[g] = -1
	}
	for i, g := range s.group {
		if !s.IsMissing(i) && (chosen[g] < 0 || better(chosen[g], i)) {
			chosen[g] = i
		}
	}
	c := rowsAt(s.Column, chosen)
	c.Integer = whole(c.Numbers)
	return c
}

// ends returns the first or the last value of each row.
func (s *series) ends(stat string) (*frame.Column, error) {
	if s.order == nil {
		return s.pick(func(int, int) bool { return stat == "last" }), nil
	}
	for i, at := range s.order {
		if at != at && !s.IsMissing(i) {
			return nil, s.place.fault(s.Name, []int{i}, "a value without a place in the order, of which first and last cannot be told")
		}
	}
	if stat == "first" {
		return s.pick(func(a, b int) bool { return s.order[b] < s.order[a] }), nil
	}
	return s.pick(func(a, b int) bool { return s.order[b] >= s.order[a] }), nil
}

// once returns the one value of each row.
func (s *series) once() (*frame.Column, error) {
	var rows []int
	c := s.pick(func(chosen, other int) bool {
		if !equalAt(s.Column, chosen, other) {
			rows = append(rows, other)
		}
		return false
	})
	if rows != nil {
		return nil, s.place.fault(s.Name, rows, `differs from an earlier value of the same row, where there is to be one; take first or last of it, say`)
	}
	return c, nil
}

// count returns how many values each row has.
func (s *series) count() *frame.Column {
	c := frame.NewNumber(s.Name, make([]float64, s.rows))
	for i, g := range s.group {
		if !s.IsMissing(i) {
			c.Numbers[g]++
		}
	}
	c.Integer = true
	return c
}

// sum returns the sum or the mean of each row. Values are added in the order of the file.
func (s *series) sum(stat string) (*frame.Column, error) {
	c, n := frame.NewNumber(s.Name, make([]float64, s.rows)), s.count().Numbers
	for i, g := range s.group {
		if s.IsMissing(i) {
			continue
		}
		if c.Numbers[g] += s.Numbers[i]; math.IsInf(c.Numbers[g], 0) {
			return nil, s.place.fault(s.Name, []int{i}, "a value that is too large for a sum")
		}
	}
	for g := range c.Numbers {
		switch {
		case n[g] == 0:
			c.Numbers[g] = math.NaN()
		case stat == "mean":
			c.Numbers[g] /= n[g]
		}
	}
	c.Unit = s.Unit
	c.Integer = stat == "sum" && whole(c.Numbers)
	return c, nil
}
