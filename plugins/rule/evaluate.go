package rule

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// A condition is true, false or unknown. It is unknown where it hangs on a value that is missing, or that is not defined, such as
// a quotient by 0. "a and b" is false where either is, "a or b" true where either is, whatever the other (Kleene's logic): so
// a missing value neither makes a rule hold nor breaks it.
//
// Source: S. C. Kleene (1952), Introduction to Metamathematics, § 64.
const (
	no      uint8 = 0
	unknown uint8 = 1
	yes     uint8 = 2
)

// BlockRows is the number of records that are evaluated at a time: values in between stay in the cache of a processor. It is a multiple of
// 8, so that no two blocks share a byte of plugins.Bits.
const BlockRows = 2048

// scratch holds the values in between of one block, by depth in a condition.
type scratch struct {
	numbers [][]float64
	truths  [][]uint8
}

func (s *scratch) numberAt(depth, rows int) []float64 {
	for len(s.numbers) <= depth {
		s.numbers = append(s.numbers, make([]float64, BlockRows))
	}
	return s.numbers[depth][:rows]
}

func (s *scratch) truthAt(depth, rows int) []uint8 {
	for len(s.truths) <= depth {
		s.truths = append(s.truths, make([]uint8, BlockRows))
	}
	return s.truths[depth][:rows]
}

// value returns what a program comes to for the records from, inclusive, to to; NaN where it is missing or not defined. The slice is
// valid until the depth is used again, and must not be changed.
func (p *program) value(s *scratch, depth, from, to int) []float64 {
	if p.op == opColumn {
		return p.column.Numbers[from:to]
	}
	out := s.numberAt(depth, to-from)
	if p.op == opNumber {
		for i := range out {
			out[i] = p.number
		}
		return out
	}
	x := p.args[0].value(s, depth, from, to)
	switch p.op {
	case opNegate, opAbs, opLog10:
		apply(p.op, out, x)
		return out
	}
	for _, a := range p.args[1:] {
		combine(p.op, out, x, a.value(s, depth+1, from, to))
		x = out
	}
	return out
}

// apply puts a function of one value into out, which may be x itself.
func apply(op operation, out, x []float64) {
	for i, v := range x {
		switch op {
		case opNegate:
			out[i] = -v
		case opAbs:
			out[i] = math.Abs(v)
		case opLog10:
			out[i] = defined(math.Log10(v))
		}
	}
}

// defined is a value, or NaN where it is infinite.
func defined(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// combine puts an operation of two values into out, which may be x itself.
func combine(op operation, out, x, y []float64) {
	y = y[:len(x)]
	switch op {
	case opAdd:
		for i, v := range x {
			out[i] = defined(v + y[i])
		}
	case opSubtract:
		for i, v := range x {
			out[i] = defined(v - y[i])
		}
	case opMultiply:
		for i, v := range x {
			out[i] = defined(v * y[i])
		}
	case opDivide:
		for i, v := range x {
			out[i] = defined(v / y[i])
		}
	case opPow:
		for i, v := range x {
			out[i] = math.NaN()
			if !math.IsNaN(v) && !math.IsNaN(y[i]) { // a power of 0 is 1 even of what is not there
				out[i] = defined(math.Pow(v, y[i]))
			}
		}
	case opMin:
		for i, v := range x {
			out[i] = min(v, y[i])
		}
	case opMax:
		for i, v := range x {
			out[i] = max(v, y[i])
		}
	}
}

// truth returns whether a condition holds; the slice is valid until the depth is used again.
func (p *program) truth(s *scratch, depth, from, to int) []uint8 {
	out := s.truthAt(depth, to-from)
	switch p.op {
	case opAnd, opOr:
		left, right := p.args[0].truth(s, depth, from, to), p.args[1].truth(s, depth+1, from, to)
		if p.op == opAnd {
			for i, v := range left {
				out[i] = min(v, right[i])
			}
		} else {
			for i, v := range left {
				out[i] = max(v, right[i])
			}
		}
	case opNot:
		for i, v := range p.args[0].truth(s, depth, from, to) {
			out[i] = yes - v
		}
	case opMissing, opPresent:
		p.presence(out, from)
	case opMatches:
		p.lookUp(out, from, yes)
	case opIn:
		if p.table != nil {
			p.lookUp(out, from, yes)
		} else {
			p.among(out, p.args[0].value(s, depth, from, to))
		}
	case opDiffer, opEqual:
		p.equality(s, depth, out, from, to)
	default:
		p.order(s, depth, out, from, to)
	}
	return out
}

func (p *program) presence(out []uint8, from int) {
	for i := range out {
		out[i] = no
		if p.args[0].column.IsMissing(from+i) == (p.op == opMissing) {
			out[i] = yes
		}
	}
}

// lookUp says for each record what the table says of its level: met where it is true, and the opposite where it is not.
func (p *program) lookUp(out []uint8, from int, met uint8) {
	codes := p.args[0].column.Codes[from : from+len(out)]
	for i, code := range codes {
		switch {
		case code == frame.Missing:
			out[i] = unknown
		case p.table[code]:
			out[i] = met
		default:
			out[i] = yes - met
		}
	}
}

func (p *program) among(out []uint8, x []float64) {
	for i, v := range x {
		out[i] = no
		if math.IsNaN(v) {
			out[i] = unknown
		}
		for _, c := range p.in {
			if v == c {
				out[i] = yes
			}
		}
	}
}

func (p *program) equality(s *scratch, depth int, out []uint8, from, to int) {
	met := yes
	if p.op == opDiffer {
		met = no
	}
	switch {
	case p.table != nil:
		p.lookUp(out, from, met)
	case p.codes != nil || p.args[0].op == opColumn && p.args[0].column.Kind == frame.Category:
		left, right := p.args[0].column.Codes[from:to], p.args[1].column.Codes[from:to]
		for i, code := range left {
			switch {
			case code == frame.Missing || right[i] == frame.Missing:
				out[i] = unknown
			case p.codes[code] == right[i]:
				out[i] = met
			default:
				out[i] = yes - met
			}
		}
	default:
		x, y := p.args[0].value(s, depth, from, to), p.args[1].value(s, depth+1, from, to)
		for i, v := range x {
			switch {
			case v == y[i]:
				out[i] = met
			case math.IsNaN(v) || math.IsNaN(y[i]):
				out[i] = unknown
			default:
				out[i] = yes - met
			}
		}
	}
}

// order compares by size: a > b is b < a, and a <= b is not b < a.
func (p *program) order(s *scratch, depth int, out []uint8, from, to int) {
	left, right := p.args[0], p.args[1]
	if p.op == opMore || p.op == opAtMost {
		left, right = right, left
	}
	met := yes
	if p.op == opAtMost || p.op == opAtLeast {
		met = no
	}
	switch {
	case right.op == opNumber:
		c := right.number
		for i, v := range left.value(s, depth, from, to) {
			out[i] = unknown
			if v < c {
				out[i] = met
			} else if v >= c {
				out[i] = yes - met
			}
		}
	case left.op == opNumber:
		c := left.number
		for i, v := range right.value(s, depth, from, to) {
			out[i] = unknown
			if c < v {
				out[i] = met
			} else if c >= v {
				out[i] = yes - met
			}
		}
	default:
		x, y := left.value(s, depth, from, to), right.value(s, depth+1, from, to)
		for i, v := range x {
			out[i] = unknown
			if v < y[i] {
				out[i] = met
			} else if v >= y[i] {
				out[i] = yes - met
			}
		}
	}
}
