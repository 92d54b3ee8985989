package record

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// dimPrefix sets a dimension or axis apart from a column of the same name.
const (
	dimPrefix  = "dim."
	axisPrefix = "axis."
)

// scoreColumns are the columns of the scores table besides axes and dimensions. "support" is Score.N:
// the axis of sample sizes is named n.
var scoreColumns = []string{
	"cell", "metric", "score", "value", "support", "low", "high", "level", "unit", "method", "status", "reason", "warnings",
}

// axisColumn is the column of an axis among the fixed columns of a table.
func axisColumn(axis string, fixed []string) string {
	if slices.Contains(fixed, axis) || strings.HasPrefix(axis, axisPrefix) || strings.HasPrefix(axis, dimPrefix) {
		return axisPrefix + axis
	}
	return axis
}

// dimColumn is the column of a dimension; dimOf is its inverse.
func dimColumn(dim string, taken []string) string {
	if slices.Contains(taken, dim) || strings.HasPrefix(dim, dimPrefix) || strings.HasPrefix(dim, axisPrefix) {
		return dimPrefix + dim
	}
	return dim
}

func dimOf(column string) string { return strings.TrimPrefix(column, dimPrefix) }

// dimKeys returns the keys of all dims, sorted.
func dimKeys[T any](items []T, dims func(*T) map[string]string) []string {
	seen := map[string]bool{}
	for i := range items {
		for k := range dims(&items[i]) {
			seen[k] = true
		}
	}
	keys := make([]string, 0, len(seen))
	for k := range seen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// texts gathers a Category column row by row.
type texts struct {
	values  []string
	missing []bool
}

func newTexts(rows int) *texts {
	return &texts{values: make([]string, 0, rows), missing: make([]bool, 0, rows)}
}

func (t *texts) add(v string, present bool) {
	t.values = append(t.values, v)
	t.missing = append(t.missing, !present)
}

func (t *texts) column(name string) *frame.Column {
	return frame.NewCategoryFromStrings(name, t.values, t.missing)
}

func wholeColumn(name string, values []float64) *frame.Column {
	c := frame.NewNumber(name, values)
	c.Integer = true
	return c
}

// reader hands out the columns of a frame by name and keeps the first error.
type reader struct {
	f   *frame.Frame
	err error
}

func (r *reader) text(name string) *frame.Column { return r.column(name, frame.Category) }

func (r *reader) number(name string) *frame.Column { return r.column(name, frame.Number) }

func (r *reader) column(name string, kind frame.Kind) *frame.Column {
	c := r.f.Column(name)
	switch {
	case c == nil:
		r.fail(fmt.Errorf("no column %q", name))
	case c.Kind != kind:
		r.fail(fmt.Errorf("column %q is a %s, not a %s", name, c.Kind, kind))
		c = nil
	}
	if c == nil {
		c = emptyColumn(name, kind, r.f.Rows())
	}
	return c
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func emptyColumn(name string, kind frame.Kind, rows int) *frame.Column {
	if kind == frame.Category {
		codes := make([]int32, rows)
		for i := range codes {
			codes[i] = frame.Missing
		}
		return frame.NewCategory(name, nil, codes)
	}
	values := make([]float64, rows)
	for i := range values {
		values[i] = math.NaN()
	}
	return frame.NewNumber(name, values)
}

// textAt is the text of a row, "" when missing.
func textAt(c *frame.Column, row int) string {
	if c.Codes[row] == frame.Missing {
		return ""
	}
	return c.Levels[c.Codes[row]]
}

// dimsAt gathers the dims of a row; nil when there is none.
func dimsAt(keys []string, columns []*frame.Column, row int) map[string]string {
	var dims map[string]string
	for i, k := range keys {
		if columns[i].Codes[row] == frame.Missing {
			continue
		}
		if dims == nil {
			dims = make(map[string]string, len(keys))
		}
		dims[k] = columns[i].Levels[columns[i].Codes[row]]
	}
	return dims
}

// between returns the names after the column `after` and before the column `before`.
func between(names []string, after, before string) []string {
	from, to := slices.Index(names, after), slices.Index(names, before)
	if from < 0 || to < from {
		return nil
	}
	return names[from+1 : to]
}

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
