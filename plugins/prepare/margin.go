package prepare

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// margin returns the margin of a column that has a value.
func margin(c *frame.Column) Variable {
	v := Variable{Name: c.Name}
	if c.Kind == frame.Number {
		v.Values, v.Rows = representatives(present(c.Numbers))
		return v
	}
	rows := levelRows(c)
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rows[b], rows[a]) })
	for _, i := range order {
		v.Levels = append(v.Levels, c.Levels[i])
		v.Rows = append(v.Rows, rows[i])
	}
	return v
}

// representatives returns the distinct values when there are up to knots of them; of more, the middle ones of as many
// runs of about as many rows. rows are the rows of each run.
func representatives(sorted []float64) (values []float64, rows []int) {
	all, counts := distinct(sorted)
	if len(all) <= knots {
		return all, counts
	}
	start, done := 0, 0
	for i := 0; i < len(all); i++ {
		done += counts[i]
		if i < len(all)-1 && done*knots < (len(values)+1)*len(sorted) {
			continue
		}
		values = append(values, sorted[(start+done)/2]+0) // −0 is 0
		rows = append(rows, done-start)
		start = done
	}
	return values, rows
}

// scale turns the values of a variable into scores and back.
type scale struct {
	variable *Variable
	scores   []float64 // a number: of each value, with mean 0 and variance 1 over the rows of train
	cuts     []float64 // a number: between the values, for scores that are drawn
	share    []float64 // a category: of the rows of train, for each mark
	sd       []float64 // a category: of each mark
	codes    map[string]int
}

func newScale(v *Variable) *scale {
	s := &scale{variable: v}
	if v.Levels != nil {
		s.setMarks()
		return s
	}
	n := 0
	for _, r := range v.Rows {
		n += r
	}
	s.scores, s.cuts = make([]float64, len(v.Values)), make([]float64, len(v.Values)-1)
	below, mean, square := 0, 0.0, 0.0
	for i, r := range v.Rows {
		s.scores[i] = normalQuantile((float64(below) + float64(r)/2) / float64(n))
		mean += s.scores[i] * float64(r) / float64(n)
		if below += r; i < len(s.cuts) {
			s.cuts[i] = normalQuantile(float64(below) / float64(n))
		}
	}
	for i, r := range v.Rows {
		d := s.scores[i] - mean
		square += d * d * float64(r) / float64(n)
	}
	for i := range s.scores {
		if square > 0 {
			s.scores[i] = (s.scores[i] - mean) / math.Sqrt(square)
		}
	}
	return s
}

// setMarks sets share and sd of the marks, and the codes of the levels.
func (s *scale) setMarks() {
	v := s.variable
	s.share, s.sd, s.codes = make([]float64, v.scores()), make([]float64, v.scores()), make(map[string]int, len(v.Levels))
	n := 0
	for i, r := range v.Rows {
		s.codes[v.Levels[i]] = i
		n += r
	}
	for i, r := range v.Rows {
		if i > 0 {
			s.share[mark(i)] += float64(r) / float64(n)
		}
	}
	for i, p := range s.share {
		s.sd[i] = math.Sqrt(p * (1 - p))
	}
}

// mark is the index of the mark of a level, given by its index; -1 for the most frequent one.
func mark(level int) int { return min(level, maxMarks) - 1 }

// score is the score of a number. Between two values it lies on the line, beyond the last it is that of the last.
func (s *scale) score(x float64) float64 {
	values := s.variable.Values
	switch i := sort.SearchFloat64s(values, x); {
	case math.IsNaN(x):
		return x
	case i == len(values):
		return s.scores[i-1]
	case i == 0 || values[i] == x:
		return s.scores[i]
	default:
		return s.scores[i-1] + (x-values[i-1])/(values[i]-values[i-1])*(s.scores[i]-s.scores[i-1])
	}
}

// value is the index of the value that a drawn score stands for.
func (s *scale) value(score float64) int { return sort.SearchFloat64s(s.cuts, score) }

// probability is that of the second of two values, given the expected score; false for a number of more values. A
// threshold for a drawn score would do as well where the second is not rare, but the tail of a normal is a poor guide to it.
func (s *scale) probability(mean float64) (float64, bool) {
	if len(s.scores) != 2 {
		return 0, false
	}
	return (mean - s.scores[0]) / (s.scores[1] - s.scores[0]), true
}

// marked is the score of a mark where it is set, or not.
func (s *scale) marked(mark int, set bool) float64 {
	if set {
		return (1 - s.share[mark]) / s.sd[mark]
	}
	return -s.share[mark] / s.sd[mark]
}

// columns returns the scores of a column, one slice for each; NaN where there is no value. A level that train does not
// have has no mark set, like the most frequent one.
func (s *scale) columns(c *frame.Column) [][]float64 {
	out := make([][]float64, s.variable.scores())
	for i := range out {
		out[i] = make([]float64, c.Len())
	}
	switch {
	case len(out) == 0:
	case c.Kind == frame.Number:
		for row, x := range c.Numbers {
			out[0][row] = s.score(x)
		}
	default:
		s.mark(out, c)
	}
	return out
}

// mark fills out with the scores of the marks of a category.
func (s *scale) mark(out [][]float64, c *frame.Column) {
	marks := make([]int, len(c.Levels))
	for i, l := range c.Levels {
		marks[i] = -1
		if code, known := s.codes[l]; known {
			marks[i] = mark(code)
		}
	}
	for m := range out {
		set, unset := s.marked(m, true), s.marked(m, false)
		for row, code := range c.Codes {
			switch {
			case code == frame.Missing:
				out[m][row] = missingNumber
			case marks[code] == m:
				out[m][row] = set
			default:
				out[m][row] = unset
			}
		}
	}
}
