// Package rule reads rules that say what has to hold for every record, and asks them of records: those that an experiment writes, and
// those of packs that ship.
//
// A rule is a condition on columns (parse.go), asked of the records that have what it hangs on (evaluate.go), for one column or
// a family of columns (family.go).
package rule

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A condition says something of one record:
//
//	condition = condition "or" condition | condition "and" condition | "not" condition | "(" condition ")"
//	          | value op value {op value}       op is one of < <= > >= == !=; a <= b <= c is a <= b and b <= c
//	          | value ["not"] "in" "[" constant {"," constant} "]"
//	          | column "matches" text           a regular expression (RE2) that is found in the text
//	          | "missing" "(" column ")" | "present" "(" column ")"
//	value     = number | text | column | "-" value | value ("+" | "-" | "*" | "/") value | "(" value ")"
//	          | "abs" "(" value ")" | "log10" "(" value ")" | "pow" "(" value "," value ")"
//	          | "min" "(" value {"," value} ")" | "max" "(" value {"," value} ")"
//
// "not" binds before "and", "and" before "or"; arithmetic binds as usual. Texts stand in ' or ", names of columns as they are
// or, where they hold other characters than letters, digits and "_", in backquotes. A name may hold variables in braces: it
// stands for a family of columns.

// operation is what a node of a condition does.
type operation int

const (
	opNumber operation = iota
	opText
	opColumn
	opAdd
	opSubtract
	opMultiply
	opDivide
	opNegate
	opAbs
	opLog10
	opPow
	opMin
	opMax
	opLess
	opAtMost
	opMore
	opAtLeast
	opEqual
	opDiffer
	opIn
	opMatches
	opMissing
	opPresent
	opAnd
	opOr
	opNot
)

// sort is what a node comes to.
type sort int

const (
	numberSort sort = iota
	textSort
	truthSort
	columnSort // a number or a text, as the column has it
)

var sortWords = map[sort]string{numberSort: "a number", textSort: "a text", truthSort: "a condition", columnSort: "a column"}

// node is a part of a condition.
type node struct {
	op      operation
	sort    sort
	at      int
	args    []*node
	number  float64
	texts   []string // of opText one, of opIn those that are looked for
	numbers []float64
	pattern *regexp.Regexp
	column  *template
}

// functions are those of values, with the least and the greatest number of arguments; -1: any.
var functions = map[string]struct {
	op          operation
	least, most int
}{
	"abs": {opAbs, 1, 1}, "log10": {opLog10, 1, 1}, "pow": {opPow, 2, 2}, "min": {opMin, 2, -1}, "max": {opMax, 2, -1},
}

var comparisons = map[string]operation{"<": opLess, "<=": opAtMost, ">": opMore, ">=": opAtLeast, "==": opEqual, "!=": opDiffer}

// reserved are the words that are no names of columns unless in backquotes.
var reserved = []string{"and", "or", "not", "in", "matches", "missing", "present"}

const maxDepth = 200 // of brackets and signs: a condition is written by people

// parser reads the tokens of a condition. The first mistake ends it.
type parser struct {
	tokens []token
	depth  int
}

// parse reads a condition.
func parse(source string) (*node, *mistake) {
	tokens, fault := lex(source)
	if fault != nil {
		return nil, fault
	}
	p := &parser{tokens: tokens}
	n, fault := p.or()
	if fault != nil {
		return nil, fault
	}
	if t := p.peek(); t.kind != endToken {
		return nil, wrong(t.at, "%s is too much here", t.shown())
	}
	return n, need(n, truthSort)
}

func (t token) shown() string {
	switch t.kind {
	case endToken:
		return "the end of the condition"
	case textToken:
		return "the text " + strconv.Quote(t.text)
	}
	return strconv.Quote(t.text)
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != endToken {
		p.tokens = p.tokens[1:]
	}
	return t
}

// is reports whether the next token is a given sign or word.
func (p *parser) is(text string) bool {
	t := p.peek()
	return (t.kind == signToken || t.kind == wordToken) && t.text == text
}

// skip takes a given sign or word when it comes next.
func (p *parser) skip(text string) bool {
	if p.is(text) {
		p.take()
		return true
	}
	return false
}

func (p *parser) expect(text string) *mistake {
	if p.skip(text) {
		return nil
	}
	return wrong(p.peek().at, "%q expected, not %s", text, p.peek().shown())
}

// need returns what is wrong with a node that has to be of a sort.
func need(n *node, s sort) *mistake {
	if n.sort == s || n.sort == columnSort && s != truthSort {
		return nil
	}
	return wrong(n.at, "%s expected, not %s", sortWords[s], sortWords[n.sort])
}

func (p *parser) or() (*node, *mistake) { return p.joined("or", opOr, p.and) }

func (p *parser) and() (*node, *mistake) { return p.joined("and", opAnd, p.not) }

// joined reads conditions joined by a word.
func (p *parser) joined(word string, op operation, read func() (*node, *mistake)) (*node, *mistake) {
	left, fault := read()
	for fault == nil && p.is(word) {
		at := p.take().at
		var right *node
		if fault = need(left, truthSort); fault != nil {
			break
		}
		if right, fault = read(); fault != nil {
			break
		}
		if fault = need(right, truthSort); fault == nil {
			left = &node{op: op, sort: truthSort, at: at, args: []*node{left, right}}
		}
	}
	return left, fault
}

func (p *parser) not() (*node, *mistake) {
	if !p.is("not") {
		return p.comparison()
	}
	at := p.take().at
	if fault := p.deeper(at); fault != nil {
		return nil, fault
	}
	n, fault := p.not()
	p.depth--
	if fault == nil {
		fault = need(n, truthSort)
	}
	return &node{op: opNot, sort: truthSort, at: at, args: []*node{n}}, fault
}

func (p *parser) deeper(at int) *mistake {
	if p.depth++; p.depth > maxDepth {
		return wrong(at, "nested more than %d times", maxDepth)
	}
	return nil
}

// comparison reads values and what is said of them; a value alone is left to whoever needs it.
func (p *parser) comparison() (*node, *mistake) {
	left, fault := p.sum()
	if fault != nil {
		return nil, fault
	}
	switch {
	case p.is("in") || p.is("not"):
		return p.in(left)
	case p.is("matches"):
		return p.matches(left)
	}
	var all *node
	for {
		op, ok := comparisons[p.peek().text]
		if !ok || p.peek().kind != signToken {
			break
		}
		at := p.take().at
		right, fault := p.sum()
		if fault != nil {
			return nil, fault
		}
		one, fault := compare(op, at, left, right)
		if fault != nil {
			return nil, fault
		}
		if all == nil {
			all = one
		} else {
			all = &node{op: opAnd, sort: truthSort, at: at, args: []*node{all, one}}
		}
		left = right
	}
	if all == nil {
		return left, nil
	}
	return all, nil
}

// compare checks that two values can be compared.
func compare(op operation, at int, left, right *node) (*node, *mistake) {
	for _, n := range []*node{left, right} {
		if n.sort == truthSort {
			return nil, wrong(n.at, "a number, a text or a column expected, not a condition")
		}
	}
	texts := left.sort == textSort || right.sort == textSort
	ordered := op != opEqual && op != opDiffer
	switch {
	case texts && ordered:
		return nil, wrong(at, "texts have no order; compare them by == or !=, or use in")
	case texts && (left.sort == numberSort || right.sort == numberSort):
		return nil, wrong(at, "a number is never equal to a text")
	case left.sort == textSort && right.sort == textSort:
		return nil, wrong(at, "two texts are compared, and no column")
	}
	return &node{op: op, sort: truthSort, at: at, args: []*node{left, right}}, nil
}

// in reads a list of constants.
func (p *parser) in(value *node) (*node, *mistake) {
	at := p.peek().at
	negated := p.skip("not")
	for _, sign := range []string{"in", "["} {
		if fault := p.expect(sign); fault != nil {
			return nil, fault
		}
	}
	n := &node{op: opIn, sort: truthSort, at: at, args: []*node{value}}
	for {
		constant, fault := p.sum()
		if fault != nil {
			return nil, fault
		}
		switch constant.op {
		case opNumber:
			n.numbers = append(n.numbers, constant.number)
		case opText:
			n.texts = append(n.texts, constant.texts[0])
		default:
			return nil, wrong(constant.at, "a list holds numbers or texts")
		}
		if len(n.numbers) > 0 && len(n.texts) > 0 {
			return nil, wrong(constant.at, "a list holds numbers or texts, not both")
		}
		if !p.skip(",") {
			break
		}
	}
	wanted := numberSort
	if len(n.texts) > 0 {
		wanted = textSort
	}
	fault := need(value, wanted)
	if fault == nil {
		fault = p.expect("]")
	}
	if negated {
		n = &node{op: opNot, sort: truthSort, at: at, args: []*node{n}}
	}
	return n, fault
}

// folded is the number that a negated number is.
func (n *node) folded() *node {
	if n.args[0] != nil && n.args[0].op == opNumber {
		return &node{op: opNumber, sort: numberSort, at: n.at, number: -n.args[0].number}
	}
	return n
}

// matches reads a regular expression.
func (p *parser) matches(value *node) (*node, *mistake) {
	at := p.take().at
	if value.op != opColumn {
		return nil, wrong(value.at, "a column expected before matches")
	}
	t := p.take()
	if t.kind != textToken {
		return nil, wrong(t.at, "a regular expression in quotes expected, not %s", t.shown())
	}
	pattern, err := regexp.Compile(t.text)
	if err != nil {
		return nil, wrong(t.at, "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return &node{op: opMatches, sort: truthSort, at: at, args: []*node{value}, pattern: pattern}, nil
}

func (p *parser) sum() (*node, *mistake) {
	return p.arithmetic(map[string]operation{"+": opAdd, "-": opSubtract}, p.product)
}

func (p *parser) product() (*node, *mistake) {
	return p.arithmetic(map[string]operation{"*": opMultiply, "/": opDivide}, p.negation)
}

// arithmetic reads values joined by signs, from left to right.
func (p *parser) arithmetic(ops map[string]operation, read func() (*node, *mistake)) (*node, *mistake) {
	left, fault := read()
	for fault == nil {
		op, ok := ops[p.peek().text]
		if !ok || p.peek().kind != signToken {
			break
		}
		at := p.take().at
		var right *node
		if fault = need(left, numberSort); fault != nil {
			break
		}
		if right, fault = read(); fault != nil {
			break
		}
		if fault = need(right, numberSort); fault == nil {
			left = &node{op: op, sort: numberSort, at: at, args: []*node{left, right}}
		}
	}
	return left, fault
}

func (p *parser) negation() (*node, *mistake) {
	if !p.is("-") {
		return p.atom()
	}
	at := p.take().at
	if fault := p.deeper(at); fault != nil {
		return nil, fault
	}
	n, fault := p.negation()
	p.depth--
	if fault == nil {
		fault = need(n, numberSort)
	}
	return (&node{op: opNegate, sort: numberSort, at: at, args: []*node{n}}).folded(), fault
}

// atom reads a constant, a column, a call or something in brackets.
func (p *parser) atom() (*node, *mistake) {
	t := p.take()
	switch {
	case t.kind == numberToken:
		value, _ := strconv.ParseFloat(t.text, 64) // lex has checked it
		return &node{op: opNumber, sort: numberSort, at: t.at, number: value}, nil
	case t.kind == textToken:
		return &node{op: opText, sort: textSort, at: t.at, texts: []string{t.text}}, nil
	case t.kind == signToken && t.text == "(":
		if fault := p.deeper(t.at); fault != nil {
			return nil, fault
		}
		n, fault := p.or()
		p.depth--
		if fault == nil {
			fault = p.expect(")")
		}
		return n, fault
	case t.kind == wordToken && (t.text == "missing" || t.text == "present"):
		return p.presence(t)
	case t.kind == wordToken && p.is("("):
		return p.call(t)
	case t.kind == columnToken, t.kind == wordToken && !slices.Contains(reserved, t.text):
		return column(t)
	}
	return nil, wrong(t.at, "a number, a text, a column or a bracket expected, not %s", t.shown())
}

func column(t token) (*node, *mistake) {
	of, fault := newTemplate(t.text)
	if fault != "" {
		return nil, wrong(t.at, "%s", fault)
	}
	return &node{op: opColumn, sort: columnSort, at: t.at, column: of}, nil
}

func (p *parser) presence(t token) (*node, *mistake) {
	if fault := p.expect("("); fault != nil {
		return nil, fault
	}
	n, fault := p.atom()
	if fault != nil {
		return nil, fault
	}
	if n.op != opColumn {
		return nil, wrong(n.at, "a column expected")
	}
	op := opMissing
	if t.text == "present" {
		op = opPresent
	}
	return &node{op: op, sort: truthSort, at: t.at, args: []*node{n}}, p.expect(")")
}

// call reads the arguments of a function.
func (p *parser) call(t token) (*node, *mistake) {
	f, ok := functions[t.text]
	if !ok {
		return nil, wrong(t.at, "no function named %q; there are abs, log10, max, min, missing, pow and present", t.text)
	}
	if fault := p.deeper(t.at); fault != nil {
		return nil, fault
	}
	p.take()
	n := &node{op: f.op, sort: numberSort, at: t.at}
	for {
		arg, fault := p.sum()
		if fault == nil {
			fault = need(arg, numberSort)
		}
		if fault != nil {
			return nil, fault
		}
		n.args = append(n.args, arg)
		if !p.skip(",") {
			break
		}
	}
	p.depth--
	if len(n.args) < f.least || f.most >= 0 && len(n.args) > f.most {
		return nil, wrong(t.at, "%s takes %s, not %d", t.text, argumentWords[f.op], len(n.args))
	}
	return n, p.expect(")")
}

var argumentWords = map[operation]string{
	opAbs: "1 value", opLog10: "1 value", opPow: "2 values", opMin: "2 values or more", opMax: "2 values or more",
}

// columns lists the columns of a condition, each once, in the order in which they are written.
func (n *node) columns(to []*node) []*node {
	if n == nil {
		return to
	}
	if n.op == opColumn && !slices.ContainsFunc(to, func(m *node) bool { return m.column.source == n.column.source }) {
		to = append(to, n)
	}
	for _, a := range n.args {
		to = a.columns(to)
	}
	return to
}
