package rate

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/label"
)

// lacks says for each family what keeps each of its groups from being measured, "" for nothing. What is measured on a group tells how many
// rows it has; sums and differences of groups, all rows among them, tell how many others have: of restricted data none of these may be few.
func (j Job) lacks(pair *plugins.Pair, families []*groups) []map[string]string {
	var out []map[string]string
	var told []told
	for _, g := range families {
		why := map[string]string{}
		for _, level := range g.levels {
			why[level] = j.Minimum.lacks(g.take(level), j.needs())
		}
		if j.Fewest > 0 {
			told = j.withhold(pair, g, why, told)
		}
		out = append(out, why)
	}
	return out
}

// told is a group that something is told of: its rows by part.
type told struct {
	level string
	rows  map[plugins.Part][]int
}

// withhold says in why which groups of a family are not told besides those of others that are, and returns all that are.
func (j Job) withhold(pair *plugins.Pair, g *groups, why map[string]string, before []told) []told {
	known := slices.Clip(before)
	for _, level := range g.levels {
		if why[level] == "" {
			t := told{level: level, rows: map[plugins.Part][]int{}}
			for part, rows := range g.parts {
				t.rows[part] = rows[level]
			}
			known = append(known, t)
		}
	}
	for {
		hide := -1
		for _, rows := range classes(pair, g.parts) {
			if hide = rows.reveal(known, len(before), j.Fewest); hide >= 0 {
				break
			}
		}
		if hide < 0 {
			return known
		}
		why[known[hide].level] = fmt.Sprintf("withheld: it would tell of fewer than %d rows of restricted data, in this group or, by subtraction, in the others", j.Fewest)
		known = slices.Delete(known, hide, hide+1)
	}
}

// class is rows of one part that scores tell the number of.
type class struct {
	part plugins.Part
	in   []bool
}

// classes are the test and train rows that are read, and of a label of two classes those of each.
func classes(pair *plugins.Pair, read map[plugins.Part]map[string][]int) []class {
	var out []class
	for _, part := range []plugins.Part{plugins.Test, plugins.Train} {
		if _, ok := read[part]; !ok {
			continue
		}
		f := pair.Parts.Get(part).Frame
		out = append(out, class{part, slices.Repeat([]bool{true}, f.Rows())})
		if target := f.Column(pair.Target); target != nil {
			if y, err := label.Binary(target, ""); err == nil {
				events, others := make([]bool, len(y)), make([]bool, len(y))
				for i, v := range y {
					events[i], others[i] = v == 1, v == 0
				}
				out = append(out, class{part, events}, class{part, others})
			}
		}
	}
	return out
}

func few(n, fewest int) bool { return n > 0 && n < fewest }

// reveal returns which of the groups, from a number on, is not to be told so that no few rows are; -1 where all can be.
func (c class) reveal(known []told, from, fewest int) int {
	sizes := make([]int, len(known))
	hide := -1
	for k, t := range known {
		for _, row := range t.rows[c.part] {
			if c.in[row] {
				sizes[k]++
			}
		}
		if k >= from && few(sizes[k], fewest) {
			hide = k
		}
	}
	if hide >= 0 {
		return hide
	}
	for _, k := range c.combined(known, fewest) {
		if k >= from && (hide < 0 || sizes[k] < sizes[hide]) {
			hide = k
		}
	}
	return hide
}

// combined lists the groups of a sum or difference of groups, and of all rows, that is zero on all rows but few; nil where there is none.
//
// Rows that are in the same groups are counted together. Counts are told of every combination of groups that is not zero somewhere, so
// none may be zero on all sets of enough rows and not on one of few.
func (c class) combined(known []told, fewest int) []int {
	sets := c.sets(known)
	var enough, small [][]float64
	for _, s := range sets {
		if few(s.rows, fewest) {
			small = append(small, s.of)
		} else {
			enough = append(enough, s.of)
		}
	}
	if len(small) == 0 {
		return nil
	}
	for _, x := range kernel(enough, len(known)+1) {
		for _, s := range small {
			if math.Abs(dot(x, s)) < tiny {
				continue
			}
			var involved []int
			for k := range known {
				if math.Abs(x[k+1]) > tiny {
					involved = append(involved, k)
				}
			}
			return involved
		}
	}
	return nil
}

// set is rows that are in the same groups: 1 for all rows and for each group that they are in.
type set struct {
	of   []float64
	rows int
}

// sets divides the rows of a class by the groups that they are in.
func (c class) sets(known []told) []set {
	out := []set{{of: make([]float64, len(known)+1)}}
	out[0].of[0] = 1
	at := make([]int, len(c.in)) // the set of each row
	for k, t := range known {
		moved := map[int]int{}
		for _, row := range t.rows[c.part] {
			to, seen := moved[at[row]]
			if !seen {
				to = len(out)
				moved[at[row]] = to
				s := set{of: slices.Clone(out[at[row]].of)}
				s.of[k+1] = 1
				out = append(out, s)
			}
			at[row] = to
		}
	}
	for row, in := range c.in {
		if in {
			out[at[row]].rows++
		}
	}
	return slices.DeleteFunc(out, func(s set) bool { return s.rows == 0 })
}

const tiny = 1e-9 // of combinations of zeros and ones

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// kernel returns a basis of what the rows of a matrix with so many columns map to zero, by Gauss-Jordan elimination.
func kernel(matrix [][]float64, columns int) [][]float64 {
	m := make([][]float64, len(matrix))
	for i := range m {
		m[i] = slices.Clone(matrix[i])
	}
	pivots := make([]int, 0, columns) // the column of each reduced row
	free := make([]int, 0, columns)
	for col := range columns {
		row := len(pivots)
		best := row
		for i := row; i < len(m); i++ {
			if math.Abs(m[i][col]) > math.Abs(m[best][col]) {
				best = i
			}
		}
		if row == len(m) || math.Abs(m[best][col]) < tiny {
			free = append(free, col)
			continue
		}
		m[row], m[best] = m[best], m[row]
		eliminate(m, row, col)
		pivots = append(pivots, col)
	}
	var out [][]float64
	for _, col := range free {
		x := make([]float64, columns)
		x[col] = 1
		for row, pivot := range pivots {
			x[pivot] = -m[row][col]
		}
		out = append(out, x)
	}
	return out
}

// eliminate makes a column zero in all rows but one, and one there.
func eliminate(m [][]float64, row, col int) {
	scale := m[row][col]
	for k := range m[row] {
		m[row][k] /= scale
	}
	for i := range m {
		if factor := m[i][col]; i != row && factor != 0 {
			for k := range m[i] {
				m[i][k] -= factor * m[row][k]
			}
		}
	}
}
