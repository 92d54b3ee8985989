package copies

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// What rows are equal by.
const (
	Whole   = true  // the values of all columns
	Pattern = false // the values of categories, and which numbers are missing
)

// Keys numbers the rows of frames with the columns of the first so that equal rows, also of different frames, have equal
// numbers. A missing value equals another, and no value.
func Keys(whole bool, frames ...*frame.Frame) [][]int32 {
	known := map[string]int32{}
	out := make([][]int32, len(frames))
	columns := frames[0].Columns()
	codes := make([][][]int32, len(frames)) // frame, column, level: its code in all frames
	for k := range frames {
		codes[k] = make([][]int32, len(columns))
	}
	for j, c := range columns {
		levels := map[string]int32{}
		for k, f := range frames {
			for _, level := range f.Column(c.Name).Levels {
				if _, ok := levels[level]; !ok {
					levels[level] = int32(len(levels))
				}
				codes[k][j] = append(codes[k][j], levels[level])
			}
		}
	}
	for k, f := range frames {
		own := make([]*frame.Column, len(columns))
		for j, c := range columns {
			own[j] = f.Column(c.Name)
		}
		var key bytes.Buffer
		out[k] = make([]int32, f.Rows())
		for i := range out[k] {
			key.Reset()
			for j, c := range own {
				writeKey(&key, c, codes[k][j], i, whole)
			}
			n, ok := known[string(key.Bytes())]
			if !ok {
				n = int32(len(known))
				known[key.String()] = n
			}
			out[k][i] = n
		}
	}
	return out
}

// writeKey appends as many bytes for each value of a column: no two lists of values have one key.
func writeKey(key *bytes.Buffer, c *frame.Column, codes []int32, row int, whole bool) {
	var word [8]byte
	switch {
	case c.Kind == frame.Category:
		code := frame.Missing
		if own := c.Codes[row]; own != frame.Missing {
			code = codes[own]
		}
		key.Write(binary.LittleEndian.AppendUint32(word[:0], uint32(code)))
	case whole:
		x := c.Numbers[row] + 0 // -0 + 0 is 0
		if math.IsNaN(x) {
			x = math.NaN() // of all its forms, one
		}
		key.Write(binary.LittleEndian.AppendUint64(word[:0], math.Float64bits(x)))
	case math.IsNaN(c.Numbers[row]):
		key.WriteByte(1)
	default:
		key.WriteByte(0)
	}
}

// Allowed is by how much the numbers of a column may differ from a value for rows to match, ≥ 0.
type Allowed func(column string, value float64) float64

// Find marks the rows of a frame that some row of base matches: categories are equal, values are missing in the same
// places, and numbers differ by no more than is allowed for the value in rows. Both frames have the columns of base.
func Find(ctx context.Context, threads int, base, rows *frame.Frame, allowed Allowed) ([]bool, error) {
	m := &matcher{groups: map[int32]*group{}}
	for _, c := range base.Columns() {
		if c.Kind == frame.Number {
			m.names = append(m.names, c.Name)
		}
	}
	m.base, m.rows = rowMajor(base, m.names), rowMajor(rows, m.names)
	keys := Keys(Pattern, base, rows)
	if err := m.group(ctx, threads, keys[0]); err != nil {
		return nil, err
	}
	out := make([]bool, rows.Rows())
	const tile = 64
	err := parallel.For(ctx, threads, (len(out)+tile-1)/tile, func(t int) error {
		limits := make([]float64, len(m.names))
		for i := t * tile; i < min((t+1)*tile, len(out)); i++ {
			g := m.groups[keys[1][i]]
			if g == nil {
				continue
			}
			row := m.rows[i*len(m.names) : (i+1)*len(m.names)]
			for j, name := range m.names {
				limits[j] = allowed(name, row[j])
			}
			out[i] = m.any(g, row, limits)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Matched marks the synthetic rows that some row of real matches: numbers differ by no more than tolerance times the synthetic one.
func Matched(ctx context.Context, threads int, real, synthetic *frame.Frame, tolerance float64) ([]bool, error) {
	return Find(ctx, threads, real, synthetic, func(_ string, value float64) float64 { return math.Abs(tolerance * value) })
}

// matcher has the numbers of two frames, row by row, and the rows of base by their pattern.
type matcher struct {
	names      []string // of the number columns
	base, rows []float64
	groups     map[int32]*group
}

// group is the rows of one pattern, in order of the values of one column.
type group struct {
	pivot  int // a number column that all of the rows have, or -1
	rows   []int32
	sorted []float64 // values of the pivot
}

func (m *matcher) group(ctx context.Context, threads int, patterns []int32) error {
	var groups []*group
	for i, pattern := range patterns {
		g := m.groups[pattern]
		if g == nil {
			g = &group{}
			m.groups[pattern], groups = g, append(groups, g)
		}
		g.rows = append(g.rows, int32(i))
	}
	return parallel.For(ctx, threads, len(groups), func(k int) error {
		m.sort(groups[k])
		return nil
	})
}

func rowMajor(f *frame.Frame, names []string) []float64 {
	out := make([]float64, f.Rows()*len(names))
	for j, name := range names {
		for i, x := range f.Column(name).Numbers {
			out[i*len(names)+j] = x
		}
	}
	return out
}

// sort puts the rows of a group in order of the column in which they have the most different values.
func (m *matcher) sort(g *group) {
	g.pivot = -1
	most := 0
	values := make([]float64, len(g.rows))
	for j := range m.names {
		for k, i := range g.rows {
			values[k] = m.base[int(i)*len(m.names)+j]
		}
		if math.IsNaN(values[0]) { // and all others: they have one pattern
			continue
		}
		slices.Sort(values)
		if n := len(slices.Compact(values)); n > most {
			most, g.pivot = n, j
		}
	}
	if g.pivot < 0 {
		return
	}
	at := func(i int32) float64 { return m.base[int(i)*len(m.names)+g.pivot] }
	slices.SortFunc(g.rows, func(a, b int32) int { return cmp.Or(cmp.Compare(at(a), at(b)), cmp.Compare(a, b)) })
	g.sorted = make([]float64, len(g.rows))
	for k, i := range g.rows {
		g.sorted[k] = at(i)
	}
}

// any reports whether a row of the group matches.
func (m *matcher) any(g *group, query, limits []float64) bool {
	if g.pivot < 0 {
		return true
	}
	at, limit := query[g.pivot], limits[g.pivot]
	slack := 1e-15 * (math.Abs(at) + limit) // a difference is rounded, and may be allowed where it is a little more than that
	low, high := at-limit-slack, at+limit+slack
	for k := sort.SearchFloat64s(g.sorted, low); k < len(g.rows) && g.sorted[k] <= high; k++ {
		if alike(query, m.base[int(g.rows[k])*len(m.names):], limits) {
			return true
		}
	}
	return false
}

// alike compares rows of one pattern: numbers that are missing are so in both.
func alike(query, row, limits []float64) bool {
	row, limits = row[:len(query)], limits[:len(query)]
	for j, x := range query {
		if math.Abs(x-row[j]) > limits[j] { // false for missing values
			return false
		}
	}
	return true
}
