package missingness

import (
	"math"
	"math/bits"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// rows is a set of rows, one bit each.
type rows []uint64

func newRows(n int) rows { return make(rows, (n+63)/64) }

func (r rows) add(i int) { r[i/64] |= 1 << (i % 64) }

// both is the number of rows that two sets of the same frame share.
func (r rows) both(o rows) int {
	n := 0
	for i, w := range r {
		n += bits.OnesCount64(w & o[i])
	}
	return n
}

// marks are the rows that miss a value, by column.
type marks struct {
	names  []string
	n      int // rows of the frame
	sets   []rows
	counts []int // of sets
}

// marksOf marks the missing values of the named columns on one side.
func marksOf(s *compare.Sides, side plugins.Part, names []string) *marks {
	f := s.Frame(side)
	m := &marks{names: names, n: f.Rows()}
	for _, name := range names {
		set := newRows(m.n)
		if s.Missing(side, name) > 0 {
			c := f.Column(name)
			for i := range m.n {
				if c.IsMissing(i) {
					set.add(i)
				}
			}
		}
		m.sets, m.counts = append(m.sets, set), append(m.counts, s.Missing(side, name))
	}
	return m
}

// varies reports whether some rows, but not all, miss a value in column i.
func (m *marks) varies(i int) bool { return m.counts[i] > 0 && m.counts[i] < m.n }

// phi returns the correlation of being missing of two columns that vary, in [-1,1].
//
// The covariance is in units of 1/n², as are the variances: whole numbers, so exact.
func (m *marks) phi(i, j int) float64 {
	a, b := m.counts[i], m.counts[j]
	covariance := m.sets[i].both(m.sets[j])*m.n - a*b
	va, vb := float64(a*(m.n-a)), float64(b*(m.n-b))
	return max(-1, min(1, float64(covariance)/math.Sqrt(va)/math.Sqrt(vb)))
}
