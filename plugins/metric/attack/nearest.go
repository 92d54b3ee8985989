package attack

import (
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Scanner finds the synthetic rows that are closest to a real one in some columns, all of them where several are
// equally close: an attacker cannot tell these apart, and an answer must not hang on the order of rows.
//
// The distance is the sum over the columns: |x - y| over the range of the column in both frames for numbers, 0 or 1 for
// categories; a missing value is at 1 from any value, and at 0 from another missing one. A column without range adds 0.
//
// Source: J. C. Gower (1971), Biometrics 27(4), 857–871, without weights; M. Giomi et al. (2023), Proc. Priv. Enhancing Technol. 2023(2), 312–328.
type Scanner struct {
	numbers       int // columns of numbers
	levels        int // columns of categories
	base, targets side
	masked        bool // a number is missing somewhere
}

// side is the rows of one frame, row by row.
type side struct {
	rows    int
	numbers []float64 // over the range of the column; 0 for a missing one
	present []float64 // 1, or 0 for a missing number
	codes   []int32   // of levels, alike in both frames; frame.Missing for a missing one
}

// NewScanner returns a scanner of the base rows for the target rows. The error is Undefined when a frame lacks a column.
func NewScanner(base, targets *frame.Frame, columns []string) (*Scanner, error) {
	names := slices.Clone(columns) // the order of sums must not hang on that of the columns
	slices.SortFunc(names, func(a, b string) int {
		kinds := func(n string) int {
			if c := targets.Column(n); c != nil && c.Kind == frame.Number {
				return 0
			}
			return 1
		}
		if ka, kb := kinds(a), kinds(b); ka != kb {
			return ka - kb
		}
		return strings.Compare(a, b)
	})
	b, err := Select(base, names)
	if err != nil {
		return nil, err
	}
	t, err := Select(targets, names)
	if err != nil {
		return nil, err
	}
	s := &Scanner{}
	for _, c := range t.Columns() {
		if c.Kind == frame.Number {
			s.numbers++
		} else {
			s.levels++
		}
	}
	s.base, s.targets = newSide(b.Rows(), s.numbers, s.levels), newSide(t.Rows(), s.numbers, s.levels)
	for j := range names {
		x, y := b.Columns()[j], t.Columns()[j]
		if j >= s.numbers {
			codes := map[string]int32{}
			s.base.code(x, j-s.numbers, s.levels, codes)
			s.targets.code(y, j-s.numbers, s.levels, codes)
			continue
		}
		reach := reach(x.Numbers, y.Numbers)
		s.base.number(x, j, s.numbers, reach)
		s.targets.number(y, j, s.numbers, reach)
		s.masked = s.masked || x.MissingCount()+y.MissingCount() > 0
	}
	return s, nil
}

func newSide(rows, numbers, levels int) side {
	return side{rows: rows, numbers: make([]float64, rows*numbers), present: make([]float64, rows*numbers), codes: make([]int32, rows*levels)}
}

// number stores a column, one of so many.
func (s *side) number(c *frame.Column, at, columns int, reach float64) {
	for i, v := range c.Numbers {
		if !math.IsNaN(v) {
			s.numbers[i*columns+at], s.present[i*columns+at] = v/reach, 1
		}
	}
}

func (s *side) code(c *frame.Column, at, columns int, codes map[string]int32) {
	own := make([]int32, len(c.Levels))
	for i, level := range c.Levels {
		code, ok := codes[level]
		if !ok {
			code = int32(len(codes))
			codes[level] = code
		}
		own[i] = code
	}
	for i, code := range c.Codes {
		if code != frame.Missing {
			code = own[code]
		}
		s.codes[i*columns+at] = code
	}
}

// reach is the range of the values of both sides; 1 where there is none.
func reach(x, y []float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, values := range [][]float64{x, y} {
		for _, v := range values {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if !(high > low) {
		return 1
	}
	return high - low
}

// Nearest returns the base rows at the least distance from a target row, ascending; into is overwritten and may be nil.
func (s *Scanner) Nearest(target int, into []int32) []int32 {
	into = into[:0]
	best := math.Inf(1)
	for row := range s.base.rows {
		d := s.distance(target, row, best)
		if d < best {
			best, into = d, into[:0]
		}
		if d == best {
			into = append(into, int32(row))
		}
	}
	return into
}

// run is the number of columns after which a sum is compared with the best one.
const run = 8

// distance stops, with a greater value than best, where the sum has passed it.
func (s *Scanner) distance(target, row int, best float64) float64 {
	d, n := 0.0, s.numbers
	x, y := s.targets.numbers[target*n:(target+1)*n], s.base.numbers[row*n:(row+1)*n]
	p, q := s.targets.present[target*n:(target+1)*n], s.base.present[row*n:(row+1)*n]
	for from := 0; from < n && d <= best; from += run {
		to := min(from+run, n)
		if s.masked {
			for j := from; j < to; j++ {
				d += p[j]*q[j]*math.Abs(x[j]-y[j]) + math.Abs(p[j]-q[j]) // one of the two is 0
			}
			continue
		}
		for j := from; j < to; j++ {
			d += math.Abs(x[j] - y[j])
		}
	}
	n = s.levels
	a, b := s.targets.codes[target*n:(target+1)*n], s.base.codes[row*n:(row+1)*n]
	for j := 0; j < n && d <= best; j++ {
		if a[j] != b[j] {
			d++
		}
	}
	return d
}
