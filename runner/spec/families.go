package spec

import (
	"fmt"
	"slices"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// sameFamily is a judge with the models whose rows it judges though they are of its family.
type sameFamily struct {
	judge, family string
	writers       []string // as messages have them, such as `"o1" for strategy "naive"`
}

// families looks for judges that meet rows of their own family. What cells have in common is made once.
type families struct {
	*loader
	asks map[string]*asking
	made map[string]*model
	told map[string]bool // models whose family is not known, as was reported
}

// checkFamilies refuses judges that judge what models of their own family wrote, unless the audit allows it.
func (l *loader) checkFamilies() {
	m := &families{l, map[string]*asking{}, map[string]*model{}, map[string]bool{}}
	for _, n := range l.entries("audits") {
		if !l.asksModels(n) || slices.Contains(texts(n.field("allow")), OwnFamily) {
			continue
		}
		for _, f := range m.of(n) {
			at := l.judgeNode(n, f.judge)
			l.rep.add(joinPath(at.path), at.at, "%q is of the family %q, and so is what writes rows that it judges: %s; a model may find its own kind plausible: let one of another family judge, or say allow: [%q] in audits.%s",
				f.judge, f.family, andList(f.writers), OwnFamily, n.name())
		}
	}
}

// of lists the judges of an audit that meet rows of their own family, in the order of the cells.
func (m *families) of(n *node) []*sameFamily {
	var found []*sameFamily
	for i := range m.exp.Matrix {
		for _, cell := range m.judgedCells(&m.exp.Matrix[i], n) {
			s := m.root.find("strategies", cell["strategy"].Text)
			for _, judge := range m.asking(n, cell, m.asks).models {
				for _, writer := range m.asking(s, cell, m.asks).models {
					if family := m.common(judge, writer, cell); family != "" {
						found = noteFamily(found, judge, family, fmt.Sprintf("%q for strategy %q", writer, s.name()))
					}
				}
			}
		}
	}
	return found
}

// noteFamily adds a model that writes what a judge of its family judges.
func noteFamily(found []*sameFamily, judge, family, writer string) []*sameFamily {
	i := slices.IndexFunc(found, func(f *sameFamily) bool { return f.judge == judge && f.family == family })
	if i < 0 {
		i = len(found)
		found = append(found, &sameFamily{judge: judge, family: family})
	}
	found[i].writers = added(found[i].writers, writer)
	return found
}

// common is the family that two models have in common in a cell, or "". One that is not known is told once a model.
func (m *families) common(judge, writer string, cell Assignment) string {
	a, b := m.modelAt(judge, cell), m.modelAt(writer, cell)
	if a == nil || b == nil {
		return ""
	}
	for _, x := range []*model{a, b} {
		if name := x.node.name(); x.Family == "" && !m.told[name] {
			m.told[name] = true
			m.rep.warn(joinPath(x.node.path), x.node.label, "the family of %q is not known, so that nothing tells whether %q judges rows of its own family, those that %q writes",
				x.Model, judge, writer)
		}
	}
	if a.Family != b.Family {
		return ""
	}
	return a.Family
}

// judgedCells are the cells of a block with an audit and a strategy that asks models, as far as they decide which models meet.
func (l *loader) judgedCells(b *Block, n *node) []Assignment {
	asks := map[string]bool{}
	axes := append([]string{"strategy", "llm"}, l.axesOf(n)...)
	for _, s := range l.entries("strategies") {
		if asks[s.name()] = l.asksModels(s); asks[s.name()] {
			axes = added(axes, l.axesOf(s)...)
		}
	}
	for _, m := range l.entries("llms") {
		axes = added(axes, l.axesOf(m)...)
	}
	return l.cellsBy(b, axes, nil, func(at func(axis string) (Value, bool)) bool {
		audit, _ := at("audit")
		s, _ := at("strategy")
		return asks[s.Text] && l.exp.restsOn(audit.Text, n.name())
	})
}

// modelAt describes an entry of llms as it is in a cell; nil when it cannot be made, as is reported elsewhere.
func (m *families) modelAt(name string, cell Assignment) *model {
	n := m.root.find("llms", name)
	entry, err := m.exp.LLMAt(name, cell)
	if n == nil || err != nil || m.found.built[indexKey(n.path)] == nil {
		return nil
	}
	key := name + "\x00" + string(entry.With)
	if known, ok := m.made[key]; ok {
		return known
	}
	m.made[key] = nil
	b, err := m.build(n.field("use"), m.schemas.plugin("llm", entry.Use.Use), entry.With)
	if err != nil || b == nil {
		return nil
	}
	m.rep.guard(n.field("use"), func() {
		if p, ok := b.plugin.(plugins.Provider); ok {
			m.made[key] = &model{p.Info(), n}
		}
	})
	return m.made[key]
}

// judgeNode is where an audit, or an axis that sets its models, names a judge.
func (l *loader) judgeNode(n *node, judge string) *node {
	for _, m := range l.found.llms {
		if hasPrefix(m.path, n.path) && m.text == judge {
			return m
		}
	}
	for i := range l.exp.Axes {
		for block := range l.exp.Matrix {
			at := l.valueNode(block, l.exp.Axes[i].Name, Value{Text: judge})
			if l.exp.Axes[i].llm && l.exp.Axes[i].reaches("audits", n.name()) && at.is(cue.StringKind) {
				return at
			}
		}
	}
	return &node{path: n.path, at: n.label}
}
