package spec

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// asking is how a strategy, or an auditor, asks models in some cells.
type asking struct {
	models  []string
	reveals plugins.Egress
	beside  []string
}

// egress is what goes from a restricted data set to a model.
type egress struct {
	reveals plugins.Egress
	senders []*node // strategies and audits that send as much
}

// checkEgress looks at what strategies and auditors tell models: what leaves a restricted data set is approved.
func (l *loader) checkEgress() {
	sent := map[[2]string]*egress{} // by model and data set
	known := map[string]*asking{}
	for i := range l.exp.Matrix {
		b := &l.exp.Matrix[i]
		for _, n := range slices.Concat(l.entries("strategies"), l.entries("audits")) {
			if !l.asksModels(n) {
				continue
			}
			for _, cell := range l.askingCells(b, n) {
				a := l.asking(n, cell, known)
				l.checkBeside(n, cell["dataset"].Text, a.beside)
				l.noteSent(n, cell["dataset"].Text, a, sent)
			}
		}
	}
	for _, n := range l.entries("llms") {
		for i := range l.exp.Datasets {
			if e := sent[[2]string{n.name(), l.exp.Datasets[i].Name}]; e != nil {
				l.checkSent(n, l.exp.Datasets[i].Name, e)
			}
		}
	}
}

// asksModels reports whether a strategy or an audit is of a plugin that asks models.
func (l *loader) asksModels(n *node) bool {
	b := l.found.built[indexKey(n.path)]
	if b == nil {
		return false
	}
	switch b.plugin.(type) {
	case plugins.Prompting, plugins.Consulting:
		return true
	}
	return false
}

// askingCells are the cells of a block with a strategy, or an audit, as far as they decide what it asks: one of those that
// differ in nothing else.
func (l *loader) askingCells(b *Block, n *node) []Assignment {
	axes := l.axesOf(n)
	if n.path[0] == "strategies" {
		may := func(written Assignment) bool {
			v := written["strategy"]
			return v.Text == n.name() || l.exp.SearchOf(v) != nil
		}
		return l.cellsBy(b, append(axes, "dataset", "llm"), may, func(at func(axis string) (Value, bool)) bool {
			s, _ := at("strategy")
			return s.Text == n.name()
		})
	}
	return l.cellsBy(b, append(axes, "dataset"), nil, func(at func(axis string) (Value, bool)) bool {
		a, _ := at("audit")
		return l.exp.restsOn(a.Text, n.name())
	})
}

// axesOf are the declared axes that set something of an entry.
func (l *loader) axesOf(n *node) []string {
	var axes []string
	for i := range l.exp.Axes {
		if a := &l.exp.Axes[i]; a.reaches(n.path[0], n.name()) {
			axes = append(axes, a.Name)
		}
	}
	return axes
}

// cellsBy are the values of some axes that wanted cells of a block have, each combination once. may says of a cell as it is written
// whether it may be wanted; nil: always.
func (l *loader) cellsBy(b *Block, axes []string, may func(written Assignment) bool, wanted func(at func(axis string) (Value, bool)) bool) []Assignment {
	var cells []Assignment
	seen := map[string]bool{}
	l.exp.eachIn(b, nil, may, func(at func(axis string) (Value, bool)) {
		if !wanted(at) {
			return
		}
		cell, key := Assignment{}, ""
		for _, axis := range axes {
			if v, ok := at(axis); ok {
				cell[axis] = v
				key += axis + "\x00" + v.quoted() + "\x00"
			}
		}
		if !seen[key] {
			seen[key] = true
			cells = append(cells, cell)
		}
	})
	return cells
}

// asking returns how a strategy or an audit asks in a cell; an empty one when it cannot be made, as is reported elsewhere.
func (l *loader) asking(n *node, cell Assignment, known map[string]*asking) *asking {
	a := &asking{}
	use, kind, err := (*Use)(nil), "strategy", error(nil)
	if n.path[0] == "audits" {
		var audit *Audit
		if audit, err = l.exp.AuditAt(n.name(), cell); err == nil {
			use, kind = &audit.Use, "audit"
		}
	} else {
		use, err = l.exp.StrategyAt(n.name(), cell)
	}
	if err != nil {
		return a
	}
	key := kind + "\x00" + n.name() + "\x00" + string(use.With)
	if a := known[key]; a != nil {
		return a
	}
	known[key] = a
	b, err := l.build(n.field("use"), l.schemas.plugin(kind, use.Use), use.With)
	if err != nil || b == nil {
		return a
	}
	l.rep.guard(n.field("use"), func() {
		switch p := b.plugin.(type) {
		case plugins.Prompting:
			a.models, a.reveals, a.beside = p.Models(), p.Reveals(), p.Beside()
		case plugins.Consulting:
			a.models, a.reveals = p.Models(), p.Reveals()
		}
	})
	return a
}

// untold are the roles of columns that tell rows and people apart: no model has any use for them.
var untold = []plugins.Role{plugins.RoleRow, plugins.RoleSubject, plugins.RoleID}

// checkBeside checks the columns that a strategy reads besides the features.
func (l *loader) checkBeside(n *node, dataset string, columns []string) {
	i := slices.IndexFunc(l.exp.Datasets, func(d Dataset) bool { return d.Name == dataset })
	if i < 0 {
		return
	}
	roles := l.exp.Datasets[i].Roles()
	for _, column := range columns {
		if !slices.Contains(untold, roles[column]) {
			continue
		}
		at := n
		for _, c := range l.found.columns {
			if hasPrefix(c.path, n.path) && c.text == column {
				at = c
			}
		}
		place := at.at
		if at == n {
			place = n.label
		}
		l.rep.add(joinPath(at.path), place, "column %q of data set %q is %s; it is not for models", column, dataset, leakWords[roles[column]])
	}
}

// noteSent notes the models that are asked, and what they are sent of a restricted data set.
func (l *loader) noteSent(n *node, dataset string, a *asking, sent map[[2]string]*egress) {
	i := slices.IndexFunc(l.exp.Datasets, func(d Dataset) bool { return d.Name == dataset })
	for _, m := range a.models {
		l.asked[m] = true
		if i < 0 || l.exp.governance(&l.exp.Datasets[i]) != plugins.Restricted || a.reveals == "" {
			continue
		}
		key := [2]string{m, dataset}
		e := sent[key]
		if e == nil {
			e = &egress{reveals: a.reveals}
			sent[key] = e
		}
		if a.reveals.Beyond(e.reveals) {
			e.reveals, e.senders = a.reveals, nil
		}
		if e.reveals == a.reveals && !slices.Contains(e.senders, n) {
			e.senders = append(e.senders, n)
		}
	}
}

// governance says who the rows of a data set may be shown to: as the experiment declares, else as its header says.
func (e *Experiment) governance(d *Dataset) plugins.Governance {
	if h := e.Headers[d.Name]; d.Governance == "" && h != nil {
		return h.Governance
	}
	return d.Governance
}

// checkSent demands that what a model is sent of a restricted data set is approved.
func (l *loader) checkSent(n *node, dataset string, e *egress) {
	made := l.models[n.name()]
	approval := n.field("approval")
	if len(made) == 0 || made[0].InProcess || n.part || n.field("approval") == nil && n.written("approval") || approval != nil && (!approval.whole() || approval.part) {
		return // wrong already, not known, or nothing leaves
	}
	m := &l.exp.LLMs[slices.IndexFunc(l.exp.LLMs, func(m LLM) bool { return m.Name == n.name() })]
	refuse := l.wrong
	if l.opts.Data == IfPresent {
		refuse = func(n *node, at where, format string, args ...any) {
			l.rep.warn(joinPath(n.path), at, "a run is refused: "+format, args...)
		}
	}
	what := fmt.Sprintf("%s %s of the restricted data set %q there", sends(e.senders), revealWords[e.reveals], dataset)
	switch {
	case approval == nil:
		refuse(n, n.label, "%s, and no approval says that %s may leave; add approval: %s", what, pronoun[e.reveals], approvalFor(made, e.reveals))
	case !m.Approval.Covers(dataset):
		list := approval.field("datasets")
		refuse(list, list.at, "%s, and the approval does not name that data set", what)
	case e.reveals.Beyond(m.Approval.Reveals):
		at := approval.field("reveals")
		refuse(at, at.at, "%s, and the approval ends at %q; approve %q%s", what, m.Approval.Reveals, e.reveals, l.fewer(e))
	}
}

var (
	revealWords = map[plugins.Egress]string{
		plugins.EgressSchema: "the schema", plugins.EgressAggregates: "aggregates", plugins.EgressRows: "rows",
	}
	pronoun = map[plugins.Egress]string{plugins.EgressSchema: "it", plugins.EgressAggregates: "they", plugins.EgressRows: "they"}
)

// sends says which strategies and audits send something.
func sends(senders []*node) string {
	names := andList(quotedNames(senders))
	if len(senders) == 1 {
		return names + " sends"
	}
	return names + " send"
}

// approvalFor is what an approval of models has.
func approvalFor(made []model, reveals plugins.Egress) string {
	if !slices.ContainsFunc(made, func(m model) bool { return !loopback(m.Endpoint) }) {
		return "{local: true}, as the model is on this machine"
	}
	return fmt.Sprintf("{basis, by, date, retention, reveals: %q}", reveals)
}

// fewer suggests to send no rows, where that would do.
func (l *loader) fewer(e *egress) string {
	if e.reveals != plugins.EgressRows || slices.ContainsFunc(e.senders, func(n *node) bool { return !l.tellsLess(n) }) {
		return ""
	}
	return fmt.Sprintf(", or set examples of %s to 0", andList(quotedNames(e.senders)))
}

// tellsLess reports whether a strategy would send no rows if it had no examples. An auditor is there to read rows.
func (l *loader) tellsLess(n *node) bool {
	if n.path[0] != "strategies" {
		return false
	}
	b, p, r := l.found.built[indexKey(n.path)], l.schemas.plugin("strategy", n.field("use").text), l.settingsRule(n)
	if b == nil || p == nil || r == nil || !slices.Contains(r.names(), "examples") {
		return false
	}
	with, err := setIn(b.settings, []string{"examples"}, Value{Kind: NumberValue})
	if err != nil {
		return false
	}
	made, _, err := p.build(with)
	if err != nil {
		return false
	}
	asks, ok := made.(plugins.Prompting)
	return ok && plugins.EgressRows.Beyond(asks.Reveals())
}

func quotedNames(nodes []*node) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = fmt.Sprintf("%q", n.name())
	}
	return names
}
