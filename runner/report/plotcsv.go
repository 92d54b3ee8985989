package report

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"strings"
)

// tidy is plotted data as CSV: one row a point, at full precision.
type tidy struct {
	head   []string
	rows   [][]string
	banner string
}

// add appends a row; the last cells are status and note. The banner of simulated results goes before every note.
func (t *tidy) add(cells ...string) {
	last := len(cells) - 1
	if t.banner != "" {
		cells[last] = strings.TrimSuffix(t.banner+"; "+cells[last], "; ")
	}
	t.rows = append(t.rows, cells)
}

func (t *tidy) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(append([][]string{t.head}, t.rows...)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// problem is the only row of a plot that could not be filled.
func (t *tidy) problem(why string) {
	row := make([]string, len(t.head))
	row[len(row)-2], row[len(row)-1] = string(Failed), why
	t.rows = nil
	t.add(row...)
}

// full is a number at full precision; a gap is empty.
func full(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// axisNamed keeps names of axes and dimensions apart from those of the columns beside them.
func axisNamed(names []string, beside []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n
		for _, b := range beside {
			if n == b {
				out[i] = "axis." + n
			}
		}
	}
	return out
}
