package spec

import (
	"slices"

	"cuelang.org/go/cue"
)

// Budget is what the language models of an experiment may cost: in all, for each cell, and for the cells with a value of
// an axis.
type Budget struct {
	Allowance
	Cell *Allowance                      `json:"cell,omitempty"`
	By   map[string]map[string]Allowance `json:"by,omitempty"` // by axis and value, as Value.String writes it
}

// Allowance is a limit of each kind; nil is none.
type Allowance struct {
	USD    *float64 `json:"usd,omitempty"`
	Tokens *int     `json:"tokens,omitempty"` // of input and output
	Calls  *int     `json:"calls,omitempty"`
}

func budget(n *node) *Budget {
	if !n.is(cue.StructKind) {
		return nil
	}
	b := &Budget{Allowance: allowance(n)}
	if c := n.field("cell"); c.is(cue.StructKind) {
		a := allowance(c)
		b.Cell = &a
	}
	for _, axis := range fieldsOf(n.field("by")) {
		for _, v := range fieldsOf(axis) {
			if b.By == nil {
				b.By = map[string]map[string]Allowance{}
			}
			if b.By[axis.name()] == nil {
				b.By[axis.name()] = map[string]Allowance{}
			}
			b.By[axis.name()][v.name()] = allowance(v)
		}
	}
	return b
}

func allowance(n *node) Allowance {
	whole := func(n *node) *int {
		if !n.is(cue.IntKind) {
			return nil
		}
		x := int(n.number())
		return &x
	}
	return Allowance{USD: optional(n.field("usd")), Tokens: whole(n.field("tokens")), Calls: whole(n.field("calls"))}
}

// checkBudget checks that a budget limits something, and names axes and values that cells have.
func (l *loader) checkBudget() {
	n := l.root.field("budget")
	if !n.is(cue.StructKind) {
		return
	}
	l.checkAllowance(n)
	if c := n.field("cell"); c.is(cue.StructKind) {
		l.checkAllowance(c)
	}
	for _, axis := range fieldsOf(n.field("by")) {
		l.checkBudgetAxis(axis)
	}
	l.checkPrices(n)
}

// checkAllowance demands that something is limited, and that whole numbers are ones that can be counted exactly.
func (l *loader) checkAllowance(n *node) {
	for _, name := range []string{"tokens", "calls"} {
		if f := n.field(name); f.is(cue.IntKind) && !exact(f.text) {
			l.wrong(f, f.at, "must be ≤ %d, not %s", int64(maxExact), f.text)
		}
	}
	if len(n.fields) == 0 && !n.part {
		l.wrong(n, n.at, "limits nothing; give usd, tokens or calls")
	}
}

// checkBudgetAxis checks the limits of the values of one axis.
func (l *loader) checkBudgetAxis(n *node) {
	if !n.is(cue.StructKind) {
		return
	}
	all := l.axes()
	known := append(axisNames(all), TrainSite, TestSite)
	if !slices.Contains(known, n.name()) {
		if l.listed("axes") {
			l.wrong(n, n.label, "no axis named %q%s", n.name(), hint(n.name(), "known:", known))
		}
		return
	}
	if len(n.fields) == 0 && !n.part {
		l.wrong(n, n.at, "must have at least one value with its limits")
	}
	values := l.budgetValues(n.name(), findAxis(all, n.name()))
	for _, v := range n.fields {
		if !v.is(cue.StructKind) {
			continue
		}
		if !values.may(v.name()) {
			l.wrong(v, v.label, "axis %q has no value %q%s", n.name(), v.name(), hint(v.name(), "it has", values.names))
			continue
		}
		l.checkAllowance(v)
	}
}

// budgetValues are the values of an axis as a budget names them: entries of a section, or what the matrix gives.
func (l *loader) budgetValues(name string, a *axis) known {
	if decidedByData(name) {
		return known{}
	}
	if a.kind == namesAxis {
		return a.names
	}
	k := known{all: l.root.field("matrix").whole()}
	for _, x := range l.exp.AllAxes() {
		if x.Axis != name {
			continue
		}
		for _, v := range x.Values {
			k.names = append(k.names, v.String())
			k.all = k.all && v.Kind != PartValue // the rows of a part are counted later
		}
	}
	return k
}

// inUSD reports whether any limit is one of money.
func (b *Budget) inUSD() bool {
	if b.USD != nil || b.Cell != nil && b.Cell.USD != nil {
		return true
	}
	for _, values := range b.By {
		for _, a := range values {
			if a.USD != nil {
				return true
			}
		}
	}
	return false
}

// limitsTokens reports whether what a model may cost is limited by tokens.
func (b *Budget) limitsTokens(model string) bool {
	return b.Tokens != nil || b.By["llm"][model].Tokens != nil
}

// checkPrices demands that models cost what is known, or have a limit of tokens, where the budget is one of money.
func (l *loader) checkPrices(n *node) {
	if !l.exp.Budget.inUSD() || !n.whole() {
		return
	}
	list, err := Prices()
	if err != nil {
		panic(err) // the list is our own
	}
	for i, entry := range l.entries("llms") {
		m := &l.exp.LLMs[i]
		if !l.asked[m.Name] || l.exp.Budget.limitsTokens(m.Name) || entry.field("price") != nil {
			continue
		}
		for _, x := range l.models[m.Name] {
			if m.PriceOf(x.ModelInfo, list) == nil {
				l.wrong(entry, entry.label, "the price of %q at %s is not known, so that it cannot be held to the budget in USD; add price: {input, output} in USD per million tokens, or limit budget.tokens", x.Model, hostOf(x.Endpoint))
				break
			}
		}
	}
}
