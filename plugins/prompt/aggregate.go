package prompt

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// quantiles are the quantiles that are told, ascending.
var quantiles = [...]float64{0.05, 0.25, 0.5, 0.75, 0.95}

const (
	// fewValues is the number of different values up to which a column of whole numbers is told by its shares: quantiles
	// say little of flags and small scores.
	fewValues = 10
	// digits is how many significant digits of a quantile are told, and places how many decimal places of a share.
	digits, places = 4, 3
)

// Compute returns the aggregates of the rows of f, by label too where label names a column. subject, which may be nil,
// tells whose row each is; without it each row is a patient of its own.
//
// With k = plugins.FewestTold patients, nothing is told that stands for fewer than k, nor what follows by subtraction:
//
//   - n and the share of missing values of a column are told where k or more patients have a value, and k or more, or no row,
//     have none. Of a column with a value in fewer than k patients nothing is told.
//   - A quantile (definition 7 of Hyndman and Fan 1996, in 4 digits) is told where k or more patients have a value at or
//     below it, and k or more at or above it. So no extreme is told, unless k patients share it; p5 takes some 200 patients.
//   - The share of a level is told where k or more patients have it. Levels that are not told stand together for k patients
//     or more: where they would not, the rarest of the others is withheld with them.
//   - By label, the same holds for every label at once: counts, shares and levels are told for all labels or for none,
//     and nothing is told by label where one of them has fewer than k patients or where a row has no label.
//
// memo, which may be nil, keeps what is told of each column for other frames that have it.
func Compute(memo *plugins.Memo, f *frame.Frame, subject *frame.Column, label string) (*Aggregates, error) {
	if subject != nil && subject.Len() != f.Rows() {
		return nil, fmt.Errorf("%d subjects for %d rows", subject.Len(), f.Rows())
	}
	all := make([]int, f.Rows())
	for i := range all {
		all[i] = i
	}
	out := &Aggregates{Rows: f.Rows()}
	who, err := patientsOf(memo, subject, f.Rows())
	if err != nil {
		return nil, err
	}
	if !who.enough(all, nil) {
		return nil, fmt.Errorf("%d rows stand for fewer than %d patients: nothing may be told of them", f.Rows(), plugins.FewestTold)
	}
	var classes []class
	var by *frame.Column
	if label != "" {
		if by = f.Column(label); by == nil {
			return nil, fmt.Errorf("no column named %q", label)
		}
		out.Label = label
		if classes = classesOf(by, who); classes != nil {
			out.By = make([]Class, len(classes))
			for i, c := range classes {
				out.By[i] = Class{Value: c.value, Rows: len(c.rows), Columns: []Aggregate{}}
			}
		}
	}
	out.Columns = make([]Aggregate, 0, len(f.Columns()))
	rows := make([][]int, len(classes))
	for i := range classes {
		rows[i] = classes[i].rows
	}
	for _, c := range f.Columns() {
		whole, err := plugins.Remember(memo, told{c, subject, nil}, func() ([]Aggregate, error) {
			return tell(c, who, [][]int{all}, nil), nil
		})
		if err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, whole[0])
		if classes == nil || c.Name == label {
			continue
		}
		byLabel, err := plugins.Remember(memo, told{c, subject, by}, func() ([]Aggregate, error) {
			return tell(c, who, rows, &whole[0]), nil
		})
		if err != nil {
			return nil, err
		}
		for i, a := range byLabel {
			out.By[i].Columns = append(out.By[i].Columns, a)
		}
	}
	return out, nil
}

// told names what is told of a column: subject tells whose row each is, label, if not nil, by what classes it is told.
type told struct{ column, subject, label *frame.Column }

// patients counts patients among rows. ids is nil where each row is one.
type patients struct {
	ids  []int32
	seen []int32 // by patient: the last count that saw it
	at   int32
}

func patientsOf(memo *plugins.Memo, subject *frame.Column, rows int) (*patients, error) {
	if subject == nil {
		return &patients{}, nil
	}
	type key struct{ subject *frame.Column }
	ids, err := plugins.Remember(memo, key{subject}, func() ([]int32, error) {
		ids := make([]int32, rows)
		index := map[string]int32{}
		for i := range ids {
			text := Cell(subject, i)
			if subject.IsMissing(i) {
				text = "\x00" // nobody knows whose: all of them count as one patient
			}
			id, ok := index[text]
			if !ok {
				id = int32(len(index))
				index[text] = id
			}
			ids[i] = id
		}
		return ids, nil
	})
	return &patients{ids: ids, seen: make([]int32, rows)}, err
}

// enough reports whether plugins.FewestTold patients or more are among those of the rows that is holds for; nil holds for all.
func (p *patients) enough(rows []int, is func(row int) bool) bool {
	p.at++
	n := 0
	for _, r := range rows {
		if is != nil && !is(r) {
			continue
		}
		if p.ids != nil {
			if p.seen[p.ids[r]] == p.at {
				continue
			}
			p.seen[p.ids[r]] = p.at
		}
		if n++; n == plugins.FewestTold {
			return true
		}
	}
	return false
}

// class is the rows with one label.
type class struct {
	value string
	rows  []int
}

// maxClasses is the number of labels beyond which a column is no label of classes.
const maxClasses = fewValues

// classesOf returns the rows of each label, sorted by label, or nil where they must not, or cannot, be told apart.
func classesOf(c *frame.Column, who *patients) []class {
	rows, order := rowsByValue(c, nil)
	if c.MissingCount() > 0 || len(order) < 2 || len(order) > maxClasses {
		return nil
	}
	out := make([]class, len(order))
	for i, v := range order {
		if !who.enough(rows[v], nil) {
			return nil
		}
		out[i] = class{v, rows[v]}
	}
	return out
}

// rowsByValue groups rows, all of them where rows is nil, by value; order lists the values, numbers ascending and levels by
// their bytes.
func rowsByValue(c *frame.Column, rows []int) (byValue map[string][]int, order []string) {
	if rows == nil {
		rows = make([]int, c.Len())
		for i := range rows {
			rows[i] = i
		}
	}
	byValue = map[string][]int{}
	for _, r := range rows {
		if c.IsMissing(r) {
			continue
		}
		text := Cell(c, r)
		if byValue[text] == nil {
			order = append(order, text)
		}
		byValue[text] = append(byValue[text], r)
	}
	slices.SortFunc(order, func(a, b string) int {
		if c.Kind == frame.Number {
			return cmp.Compare(c.Numbers[byValue[a][0]], c.Numbers[byValue[b][0]])
		}
		return strings.Compare(a, b)
	})
	return byValue, order
}

// tell returns what is told of a column in each of some groups of rows. whole is what is told of all of them together, or
// nil when the only group is all rows.
func tell(c *frame.Column, who *patients, groups [][]int, whole *Aggregate) []Aggregate {
	out := make([]Aggregate, len(groups))
	present := make([][]int, len(groups))
	tellable, counts := true, true
	for i, rows := range groups {
		out[i].Name = c.Name
		var absent []int
		present[i] = make([]int, 0, len(rows))
		for _, r := range rows {
			if c.IsMissing(r) {
				absent = append(absent, r)
			} else {
				present[i] = append(present[i], r)
			}
		}
		tellable = tellable && who.enough(present[i], nil)
		counts = counts && (len(absent) == 0 || who.enough(absent, nil))
	}
	if !tellable || whole != nil && whole.N == 0 && whole.silent() {
		return out
	}
	if counts && (whole == nil || whole.N > 0) {
		for i, rows := range groups {
			out[i].N = len(present[i])
			out[i].Missing = rounded(1-float64(len(present[i]))/float64(len(rows)), places)
		}
	}
	if byShares(c) {
		tellLevels(c, who, present, whole, out)
		return out
	}
	for i := range groups {
		tellQuantiles(c, who, present[i], &out[i])
	}
	return out
}

// silent reports whether nothing is told of a column.
func (a *Aggregate) silent() bool { return len(a.Levels) == 0 && len(a.Quantiles()) == 0 }

// byShares reports whether a column is told by the shares of its values.
func byShares(c *frame.Column) bool {
	if c.Kind == frame.Category {
		return true
	}
	seen := make(map[float64]bool, fewValues+1)
	for _, v := range c.Numbers {
		if v != v {
			continue
		}
		if v != math.Trunc(v) {
			return false
		}
		seen[v] = true
		if len(seen) > fewValues {
			return false
		}
	}
	return true
}

// tellLevels sets the shares of levels that may be told in every group at once.
func tellLevels(c *frame.Column, who *patients, present [][]int, whole *Aggregate, out []Aggregate) {
	byValue := make([]map[string][]int, len(present))
	total := map[string]int{}
	for i, rows := range present {
		byValue[i], _ = rowsByValue(c, rows)
		for v, rows := range byValue[i] {
			total[v] += len(rows)
		}
	}
	levels := make([]string, 0, len(total))
	for v := range total {
		levels = append(levels, v)
	}
	slices.SortFunc(levels, func(a, b string) int { // the most frequent first
		if d := total[b] - total[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	told, withheld := levels[:0:0], levels[:0:0]
	for _, v := range levels {
		if whole != nil && !slices.ContainsFunc(whole.Levels, func(l Level) bool { return l.Level == v }) || !enoughOf(who, byValue, v) {
			withheld = append(withheld, v)
		} else {
			told = append(told, v)
		}
	}
	for len(withheld) > 0 && len(told) > 0 && !enoughOf(who, byValue, withheld...) {
		withheld = append(withheld, told[len(told)-1])
		told = told[:len(told)-1]
	}
	if len(told) == 0 {
		return
	}
	for i, rows := range present {
		rest := len(rows)
		for _, v := range told {
			n := len(byValue[i][v])
			rest -= n
			out[i].Levels = append(out[i].Levels, Level{v, *rounded(float64(n)/float64(len(rows)), places)})
		}
		if len(withheld) > 0 {
			out[i].Others = rounded(float64(rest)/float64(len(rows)), places)
		}
	}
}

// enoughOf reports whether in every group enough patients have one of the values.
func enoughOf(who *patients, byValue []map[string][]int, values ...string) bool {
	for _, rows := range byValue {
		var with []int
		for _, v := range values {
			with = append(with, rows[v]...)
		}
		if !who.enough(with, nil) {
			return false
		}
	}
	return true
}

// tellQuantiles sets the quantiles of the values at rows that may be told.
func tellQuantiles(c *frame.Column, who *patients, rows []int, out *Aggregate) {
	sorted := make([]float64, len(rows))
	for i, r := range rows {
		sorted[i] = c.Numbers[r]
	}
	slices.Sort(sorted)
	for i, into := range []**float64{&out.P5, &out.P25, &out.P50, &out.P75, &out.P95} {
		v, err := stats.Percentile(sorted, quantiles[i])
		if err != nil {
			return
		}
		below := func(r int) bool { return c.Numbers[r] <= v }
		above := func(r int) bool { return c.Numbers[r] >= v }
		if who.enough(rows, below) && who.enough(rows, above) {
			*into = significant(v)
		}
	}
}

// significant returns v in few digits.
func significant(v float64) *float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil {
		return nil // rounding up the greatest numbers overflows
	}
	return &v
}

func rounded(v float64, places int) *float64 {
	scale := math.Pow10(places)
	v = math.Round(v*scale) / scale
	return &v
}
