package neighbour

import (
	"cmp"
	"math"
	"slices"
)

// turn places rows for bounds of the Euclidean distance, on axes of which the first runs along the direction in which rows differ
// most. Columns of patients hang together, so that it may tell as much of a distance as twenty columns.
//
// Numbers are cut off at a window, which brings no two rows farther apart, and then mirrored, which leaves distances as they are. So
// what some axes add to a distance is no more than what all columns do, whatever the direction is; the better it is, the more
// pairs are ruled out at once.
type turn struct {
	lows   []float64 // by number column: where its window starts
	mirror mirror    // puts the direction on axis 0
	axes   []axis    // the others, those that tell more first
	step   float64   // one step of a coarse number, in SDs
	weight int64     // what a difference of fields adds, in squares of steps, rounded down
}

// axis is one whose numbers are stored in 7 bits.
type axis struct {
	place    int
	low      float64 // where its window starts
	variance float64
}

// window is the width, in SDs, of what is told apart on a column and, in SDs of a usual axis, on an axis.
const window = 7.0

// newTurn finds the axes for a sample of rows of numbers, width of each. It changes the rows.
func newTurn(rows [][]float64, width int) *turn {
	t := &turn{lows: make([]float64, width)}
	for c := range t.lows {
		t.lows[c] = window / -2
		if len(rows) > 0 { // skewed to the right: the room on the left is of no use
			t.lows[c] = max(t.lows[c], least(rows, c))
		}
	}
	for _, x := range rows {
		t.cut(x)
	}
	t.mirror = newMirror(rows, width)
	for _, x := range rows {
		t.mirror.reflect(x)
	}
	t.arrange(rows)
	return t
}

// place cuts a row of encoded numbers off at the windows, and mirrors it.
func (t *turn) place(x []float64) {
	t.cut(x)
	t.mirror.reflect(x)
}

func (t *turn) cut(x []float64) {
	for c, low := range t.lows {
		x[c] = min(max(x[c]-low, 0), window)
	}
}

// arrange orders all axes but the first, and settles their windows.
func (t *turn) arrange(rows [][]float64) {
	total := 0.0
	for c := 1; c < len(t.lows); c++ {
		mean, variance := moments(rows, c)
		total += variance
		t.axes = append(t.axes, axis{c, mean, variance})
	}
	slices.SortStableFunc(t.axes, func(a, b axis) int { return cmp.Compare(b.variance, a.variance) })
	const narrow = 0.01 // of a window: numbers of steps stay small even where the sample has hardly any variance
	span := window * min(1, max(narrow, math.Sqrt(total/max(1, float64(len(t.axes))))))
	for i := range t.axes {
		a := &t.axes[i]
		a.low -= span / 2
		if len(rows) > 0 {
			a.low = max(a.low, least(rows, a.place))
		}
	}
	t.step = span / steps
	t.weight = int64(1 / (t.step * t.step))
}

// least is the least number of a column.
func least(rows [][]float64, c int) float64 {
	out := math.Inf(1)
	for _, x := range rows {
		out = min(out, x[c])
	}
	return out
}

// moments are the mean and variance of a column; both are 0 without rows.
func moments(rows [][]float64, c int) (mean, variance float64) {
	n := float64(len(rows))
	for _, x := range rows {
		mean += x[c] / n
	}
	for _, x := range rows {
		variance += (x[c] - mean) * (x[c] - mean) / n
	}
	return mean, variance
}

// mirror reflects a row: x - 2v(v·x), with v of length 1.
type mirror []float64

func (m mirror) reflect(x []float64) {
	twice := 2 * dot(m, x)
	for i, v := range m {
		x[i] -= twice * v
	}
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	sum := 0.0
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// newMirror returns the mirror that puts the direction in which rows vary most on axis 0. The direction is found by the power
// method, from the column of the greatest variance: one that is not quite the best serves as well.
func newMirror(rows [][]float64, width int) mirror {
	if width == 0 {
		return nil
	}
	means, widest, most := make([]float64, width), 0, 0.0
	for c := range means {
		mean, variance := moments(rows, c)
		if means[c] = mean; variance > most {
			most, widest = variance, c
		}
	}
	way := mirror(make([]float64, width))
	way[widest] = 1
	const rounds = 12
	for range rounds {
		next, shift := make([]float64, width), dot(way, means)
		for _, x := range rows {
			along := dot(way, x) - shift
			for c := range next {
				next[c] += along * (x[c] - means[c])
			}
		}
		length := math.Sqrt(dot(next, next))
		if !(length > 0) { // rows do not vary
			break
		}
		for c := range next {
			way[c] = next[c] / length
		}
	}
	// of the two mirrors that swap the direction and axis 0, that without cancellation
	way[0] += math.Copysign(1, way[0])
	length := math.Sqrt(dot(way, way))
	for c := range way {
		way[c] /= length
	}
	return way
}
