package singlingout

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Query is a conjunction of terms, each about another column.
type Query []Term

// Op is what a term says of a value.
type Op byte

// What a term says of a value. Only Missing is true of a missing one, and so is Present of no missing one.
const (
	Missing Op = iota
	Present
	Equal
	Unequal
	AtMost
	AtLeast
	Less
	Greater
)

// Term is what a query says of one column.
type Term struct {
	Column string
	Op     Op
	Number float64 // of a number column
	Level  string  // of a category column
}

// matcher is a term bound to a column of a frame.
type matcher struct {
	column *frame.Column
	op     Op
	number float64
	code   int32 // of the level; noLevel when the frame does not have it
}

const noLevel int32 = -2

func (q Query) bind(f *frame.Frame) []matcher {
	out := make([]matcher, len(q))
	for i, t := range q {
		c := f.Column(t.Column)
		out[i] = matcher{column: c, op: t.Op, number: t.Number, code: noLevel}
		if at, ok := slices.BinarySearch(c.Levels, t.Level); ok {
			out[i].code = int32(at)
		}
	}
	return out
}

func (m *matcher) match(row int) bool {
	if m.column.IsMissing(row) {
		return m.op == Missing
	}
	if m.column.Kind == frame.Category {
		switch m.op {
		case Equal:
			return m.column.Codes[row] == m.code
		case Unequal:
			return m.column.Codes[row] != m.code
		}
		return m.op == Present
	}
	v := m.column.Numbers[row]
	switch m.op {
	case Present:
		return true
	case Equal:
		return v == m.number
	case Unequal:
		return v != m.number
	case AtMost:
		return v <= m.number
	case AtLeast:
		return v >= m.number
	case Less:
		return v < m.number
	case Greater:
		return v > m.number
	}
	return false
}

// alone reports whether the query is true of exactly one row of a frame that has its columns.
func (q Query) alone(f *frame.Frame) bool {
	terms, found := q.bind(f), 0
rows:
	for i := range f.Rows() {
		for k := range terms {
			if !terms[k].match(i) {
				continue rows
			}
		}
		if found++; found > 1 {
			return false
		}
	}
	return found == 1
}

// Alone counts the queries that are true of exactly one row of a frame.
func Alone(ctx context.Context, threads int, f *frame.Frame, queries []Query) (int, error) {
	tallies := make([]*tally, len(f.Columns()))
	at := map[string]*tally{}
	err := parallel.For(ctx, threads, len(tallies), func(j int) error {
		tallies[j] = newTally(f.Columns()[j])
		return nil
	})
	if err != nil {
		return 0, err
	}
	for j, c := range f.Columns() {
		at[c.Name] = tallies[j]
	}
	yes := make([]bool, len(queries))
	err = parallel.For(ctx, threads, (len(queries)+255)/256, func(b int) error {
		for i := b * 256; i < min(len(queries), (b+1)*256); i++ {
			if q := queries[i]; len(q) == 1 {
				yes[i] = at[q[0].Column].rows(q[0]) == 1
			} else {
				yes[i] = q.alone(f)
			}
		}
		return nil
	})
	n := 0
	for _, y := range yes {
		if y {
			n++
		}
	}
	return n, err
}

// tally counts the rows of a column that a term is true of, without going through them: there is a univariate query for
// almost every value of a number column.
type tally struct {
	column  *frame.Column
	missing int
	sorted  []float64 // of a number column
	levels  []int     // rows of each level
}

func newTally(c *frame.Column) *tally {
	t := &tally{column: c, missing: c.MissingCount(), levels: make([]int, len(c.Levels))}
	t.sorted = slices.DeleteFunc(slices.Clone(c.Numbers), math.IsNaN)
	slices.Sort(t.sorted)
	for _, code := range c.Codes {
		if code != frame.Missing {
			t.levels[code]++
		}
	}
	return t
}

func (t *tally) rows(q Term) int {
	present := t.column.Len() - t.missing
	switch {
	case q.Op == Missing:
		return t.missing
	case q.Op == Present:
		return present
	}
	below, equal := 0, 0
	if t.column.Kind == frame.Category {
		if at, ok := slices.BinarySearch(t.column.Levels, q.Level); ok {
			equal = t.levels[at]
		}
	} else {
		below = sort.SearchFloat64s(t.sorted, q.Number)
		equal = sort.SearchFloat64s(t.sorted, math.Nextafter(q.Number, math.Inf(1))) - below
	}
	switch q.Op {
	case Equal:
		return equal
	case Unequal:
		return present - equal
	case AtMost:
		return below + equal
	case AtLeast:
		return present - below
	case Less:
		return below
	}
	return present - below - equal // Greater
}

// UnivariateQueries returns the predicates over one column that are true of exactly one row: that it misses the value, that
// it is at most the least or at least the greatest number, and that it equals a value that occurs once.
func UnivariateQueries(f *frame.Frame) []Query {
	var out []Query
	for _, c := range f.Columns() {
		if c.MissingCount() == 1 {
			out = append(out, Query{{Column: c.Name, Op: Missing}})
		}
		if c.Kind == frame.Category {
			counts := make([]int, len(c.Levels))
			for _, code := range c.Codes {
				if code != frame.Missing {
					counts[code]++
				}
			}
			for code, n := range counts {
				if n == 1 {
					out = append(out, Query{{Column: c.Name, Op: Equal, Level: c.Levels[code]}})
				}
			}
			continue
		}
		values := slices.DeleteFunc(slices.Clone(c.Numbers), math.IsNaN)
		slices.Sort(values)
		single := func(i int) bool {
			return (i == 0 || values[i-1] != values[i]) && (i == len(values)-1 || values[i+1] != values[i])
		}
		if n := len(values); n > 0 {
			if single(0) {
				out = append(out, Query{{Column: c.Name, Op: AtMost, Number: values[0]}})
			}
			if single(n - 1) {
				out = append(out, Query{{Column: c.Name, Op: AtLeast, Number: values[n-1]}})
			}
		}
		for i, v := range values {
			if single(i) {
				out = append(out, Query{{Column: c.Name, Op: Equal, Number: v}})
			}
		}
	}
	return out
}

// attempts is how many predicates are drawn for each one that is wanted, before the search ends.
const attempts = 100

// MultivariateQueries draws up to n different predicates over width columns that are true of exactly one row: those of a random
// row in random columns. They say that a category equals the row's, and that a number is at least the row's where that is
// above the median of the column, else at most. After a hundred draws for each predicate that is wanted the search ends.
func MultivariateQueries(ctx context.Context, source *rand.Rand, f *frame.Frame, n, width int) ([]Query, error) {
	columns := f.Columns()
	if width = min(width, len(columns)); width == 0 || f.Rows() == 0 {
		return nil, nil
	}
	middle := make([]float64, len(columns))
	for j, c := range columns {
		middle[j] = median(c.Numbers)
	}
	var out []Query
	seen := map[string]bool{}
	for draw := 0; draw < attempts*n && len(out) < n; draw++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		row := source.IntN(f.Rows())
		q := make(Query, 0, width)
		for _, j := range choose(source, len(columns), width) {
			q = append(q, about(columns[j], row, middle[j]))
		}
		key := q.key()
		if seen[key] || !q.alone(f) {
			continue
		}
		seen[key] = true
		out = append(out, q)
	}
	return out, nil
}

// about says of a column what is true of a row of it.
func about(c *frame.Column, row int, median float64) Term {
	t := Term{Column: c.Name}
	switch {
	case c.IsMissing(row):
		t.Op = Missing
	case c.Kind == frame.Category:
		t.Op, t.Level = Equal, c.Levels[c.Codes[row]]
	default:
		if t.Op, t.Number = AtMost, c.Numbers[row]; t.Number > median {
			t.Op = AtLeast
		}
	}
	return t
}

func (q Query) key() string {
	var b strings.Builder
	for _, t := range q {
		fmt.Fprintf(&b, "%q %d %v %q;", t.Column, t.Op, t.Number, t.Level)
	}
	return b.String()
}

// choose draws k of n places, ascending.
func choose(source *rand.Rand, n, k int) []int {
	out := source.Perm(n)[:k]
	slices.Sort(out)
	return out
}

// guesses draws predicates without looking for one that is true of a single row: random values of the columns and random comparisons.
func guesses(source *rand.Rand, f *frame.Frame, n, width int) []Query {
	columns := f.Columns()
	values := make([][]Term, len(columns)) // the distinct ones of each column
	for j, c := range columns {
		values[j] = distinct(c)
	}
	out := make([]Query, n)
	for i := range out {
		for _, j := range choose(source, len(columns), min(width, len(columns))) {
			t := values[j][source.IntN(len(values[j]))]
			switch {
			case t.Op == Missing:
				t.Op += Op(source.IntN(2)) // or Present
			case columns[j].Kind == frame.Category:
				t.Op = Equal + Op(source.IntN(2)) // or Unequal
			default:
				t.Op = Equal + Op(source.IntN(6)) // up to Greater
			}
			out[i] = append(out[i], t)
		}
	}
	return out
}

// distinct lists the values of a column, a missing one among them.
func distinct(c *frame.Column) []Term {
	var out []Term
	if c.MissingCount() > 0 {
		out = append(out, Term{Column: c.Name, Op: Missing})
	}
	for _, level := range c.Levels {
		out = append(out, Term{Column: c.Name, Op: Equal, Level: level})
	}
	numbers := slices.DeleteFunc(slices.Clone(c.Numbers), math.IsNaN)
	slices.Sort(numbers)
	for _, v := range slices.Compact(numbers) {
		out = append(out, Term{Column: c.Name, Op: Equal, Number: v})
	}
	return out
}

// median returns the middle of the values that are not missing, or NaN, which nothing is above.
func median(values []float64) float64 {
	kept := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(kept) == 0 {
		return math.NaN()
	}
	slices.Sort(kept)
	n := len(kept)
	return kept[(n-1)/2]/2 + kept[n/2]/2
}
