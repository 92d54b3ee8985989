package rule

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// member is a rule with the columns of one member of its family.
type member struct {
	columns    []string // in the order in which the rule reads them
	when, then *program
}

// misfit says why a rule cannot be asked of some columns.
type misfit struct {
	lacks   string // a column that there is not
	message string // what else is wrong
	at      *mistake
	where   *node
}

// known is what is known of a column.
type known struct {
	kind frame.Kind // empty: unknown
	unit string
}

// fit checks that the columns of a member are there, and of the kind and unit that the rule is about.
func (r *Parsed) fit(values map[string]string, about func(name string) (known, bool)) *misfit {
	for _, c := range r.reads {
		name := c.column.name(values)
		k, ok := about(name)
		if !ok {
			return &misfit{lacks: name, where: c}
		}
		if units := r.Units[c.column.source]; len(units) > 0 && k.unit != "" && !slices.Contains(units, k.unit) {
			return &misfit{message: fmt.Sprintf("column %q is in %q, and the rule is about %q", name, k.unit, units[0]), where: c}
		}
	}
	kindOf := func(n *node) frame.Kind {
		k, _ := about(n.column.name(values))
		return k.kind
	}
	for _, n := range []*node{r.when, r.then} {
		if m := checkKinds(n, values, kindOf); m != nil {
			return &misfit{message: m.message, at: m, where: n}
		}
	}
	return nil
}

// checkKinds returns the first use of a column that its kind does not allow.
func checkKinds(n *node, values map[string]string, kindOf func(*node) frame.Kind) *mistake {
	if n == nil {
		return nil
	}
	want := func(c *node, kind frame.Kind) *mistake {
		if c.op != opColumn || kindOf(c) == "" || kindOf(c) == kind {
			return nil
		}
		if kind == frame.Number {
			return wrong(c.at, "column %q is a text, where a number is needed", c.column.name(values))
		}
		return wrong(c.at, "column %q is a number, where a text is needed", c.column.name(values))
	}
	all := func(kind frame.Kind) *mistake {
		for _, a := range n.args {
			if m := want(a, kind); m != nil {
				return m
			}
		}
		return nil
	}
	var m *mistake
	switch n.op {
	case opAdd, opSubtract, opMultiply, opDivide, opNegate, opAbs, opLog10, opPow, opMin, opMax, opLess, opAtMost, opMore, opAtLeast:
		m = all(frame.Number)
	case opMatches:
		m = all(frame.Category)
	case opIn:
		if m = all(frame.Number); len(n.texts) > 0 {
			m = all(frame.Category)
		}
	case opEqual, opDiffer:
		kind := frame.Number
		switch left, right := n.args[0], n.args[1]; {
		case left.op == opText || right.op == opText:
			kind = frame.Category
		case left.op == opColumn && right.op == opColumn:
			kind = kindOf(left)
		}
		m = all(kind)
	}
	for _, a := range n.args {
		if m == nil {
			m = checkKinds(a, values, kindOf)
		}
	}
	return m
}

// bind makes the programs of a member whose columns fit.
func (r *Parsed) bind(values map[string]string, f *frame.Frame) member {
	out := member{then: compile(r.then, values, f)}
	if r.when != nil {
		out.when = compile(r.when, values, f)
	}
	for _, c := range r.reads {
		out.columns = append(out.columns, c.column.name(values))
	}
	return out
}

// program is a node with its columns.
type program struct {
	op     operation
	args   []*program
	number float64
	column *frame.Column
	in     []float64
	table  []bool  // of opIn, opMatches, opEqual and opDiffer of a text: by code of the column
	codes  []int32 // of opEqual and opDiffer of two texts: by code of the first column, that of the second, or -2
}

func compile(n *node, values map[string]string, f *frame.Frame) *program {
	p := &program{op: n.op, number: n.number, in: n.numbers}
	if n.op == opColumn {
		p.column = valued(f.Column(n.column.name(values)))
		return p
	}
	for _, a := range n.args {
		p.args = append(p.args, compile(a, values, f))
	}
	switch n.op {
	case opIn:
		if len(n.texts) > 0 {
			p.table = levels(p.args[0].column, func(level string) bool { return slices.Contains(n.texts, level) })
		}
	case opMatches:
		p.table = levels(p.args[0].column, n.pattern.MatchString)
	case opEqual, opDiffer:
		p.texts(n)
	}
	return p
}

// valued is a column of which no value says the kind as one of either kind.
func valued(c *frame.Column) *frame.Column {
	if c.Kind == frame.Number || len(c.Levels) > 0 {
		return c
	}
	both := *c
	both.Numbers = slices.Repeat([]float64{math.NaN()}, len(c.Codes))
	return &both
}

// texts prepares the comparison of a text column with a text, or with another column.
func (p *program) texts(n *node) {
	left, right := p.args[0], p.args[1]
	if left.op == opText {
		left, right = right, left
		n = &node{args: []*node{n.args[1], n.args[0]}}
	}
	switch {
	case right.op == opText:
		p.args = []*program{left}
		p.table = levels(left.column, func(level string) bool { return level == n.args[1].texts[0] })
	case left.column != nil && left.column.Kind == frame.Category && right.column != nil:
		p.codes = make([]int32, len(left.column.Levels))
		for code, level := range left.column.Levels {
			p.codes[code] = -2 // no code, and not that of a missing value
			if at, ok := slices.BinarySearch(right.column.Levels, level); ok {
				p.codes[code] = int32(at)
			}
		}
	}
}

func levels(c *frame.Column, holds func(string) bool) []bool {
	out := make([]bool, len(c.Levels))
	for code, level := range c.Levels {
		out[code] = holds(level)
	}
	return out
}
