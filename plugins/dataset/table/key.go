package table

import (
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// coded is the keys of a table as numbers below n; -1 is a row that lacks a part of its key.
type coded struct {
	codes []int32
	n     int
}

// keys returns the keys of both tables by the codes of the right one; on the left, -1 is a key too that the right one
// has not. It is an error when a key occurs more often than the cardinality allows.
func (j *joined) keys(t, right *sheet) (left []int32, known coded, err error) {
	mine, theirs := make([]*frame.Column, len(j.On.Left)), make([]*frame.Column, len(j.On.Left))
	for i, name := range j.On.Left {
		mine[i] = t.column(name)
		if theirs[i] = right.column(j.On.Right[i]); theirs[i] == nil {
			return nil, known, right.fault("", "no column named %q, as %q has it for a key", j.On.Right[i], j.source.setting+"on")
		}
		a, b := mine[i], theirs[i]
		if a.Kind != b.Kind && hasValue(a) && hasValue(b) {
			return nil, known, right.fault(b.Name, "holds %s, and column %q that it is joined to holds %s; set %q", plural(b.Kind), a.Name, plural(a.Kind),
				j.source.setting+columnSetting(b.Name)+".kind")
		}
	}
	left, known = encode(mine, theirs)
	if err := j.unique(right, known, j.On.Right); err != nil {
		return nil, known, err
	}
	if j.Cardinality == oneToOne {
		_, own := encode(theirs, mine)
		if err := j.unique(t, own, j.On.Left); err != nil {
			return nil, known, err
		}
	}
	return left, known, nil
}

// unique demands that no two rows of a table have the same key.
func (j *joined) unique(t *sheet, keys coded, names []string) error {
	first := make([]int, keys.n) // row, from 1
	var again []int
	for row, key := range keys.codes {
		switch {
		case key < 0:
		case first[key] == 0:
			first[key] = row + 1
		default:
			again = append(again, row)
		}
	}
	if again == nil {
		return nil
	}
	earlier := first[keys.codes[again[0]]] - 1
	file, number := t.at(earlier)
	if here, _ := t.at(again[0]); here == file {
		file = ""
	} else {
		file = " of " + file
	}
	key := "the same key"
	if len(names) > 1 {
		key += " (" + strings.Join(names, ", ") + ")"
	}
	return place(t.at).fault(names[0], again, "%s as row %d%s; the %s join %q wants each key once in this table", key, number, file, j.Cardinality, j.name)
}

// encode gives the keys of two tables numbers: equal keys have equal ones.
func encode(left, right []*frame.Column) (l []int32, r coded) {
	for i := range right {
		a, b := encodeColumn(left[i], right[i])
		if i == 0 {
			l, r = a, b
		} else {
			l, r = pairUp(l, a, r, b)
		}
	}
	return l, r
}

func encodeColumn(left, right *frame.Column) (l []int32, r coded) {
	l, r.codes = make([]int32, left.Len()), make([]int32, right.Len())
	if right.Kind == frame.Category {
		copy(r.codes, right.Codes)
		r.n = len(right.Levels)
		at := make(map[string]int32, r.n)
		for code, level := range right.Levels {
			at[level] = int32(code)
		}
		for row := range l {
			l[row] = -1
			if left.Kind == frame.Category && left.Codes[row] != frame.Missing {
				if code, ok := at[left.Levels[left.Codes[row]]]; ok {
					l[row] = code
				}
			}
		}
		return l, r
	}
	at := map[float64]int32{}
	for row, v := range right.Numbers {
		if r.codes[row] = -1; math.IsNaN(v) {
			continue
		}
		code, ok := at[v]
		if !ok {
			code = int32(len(at))
			at[v] = code
		}
		r.codes[row] = code
	}
	r.n = len(at)
	for row := range l {
		l[row] = -1
		if left.Kind == frame.Number {
			if code, ok := at[left.Numbers[row]]; ok { // NaN is never found
				l[row] = code
			}
		}
	}
	return l, r
}

// pairUp joins the codes of two parts of a key.
func pairUp(l, l2 []int32, r, r2 coded) ([]int32, coded) {
	at := map[[2]int32]int32{}
	out := coded{codes: make([]int32, len(r.codes))}
	for row := range r.codes {
		pair := [2]int32{r.codes[row], r2.codes[row]}
		if out.codes[row] = -1; pair[0] < 0 || pair[1] < 0 {
			continue
		}
		code, ok := at[pair]
		if !ok {
			code = int32(len(at))
			at[pair] = code
		}
		out.codes[row] = code
	}
	out.n = len(at)
	pairs := make([]int32, len(l))
	for row := range l {
		code, ok := at[[2]int32{l[row], l2[row]}]
		if pairs[row] = code; !ok {
			pairs[row] = -1
		}
	}
	return pairs, out
}
