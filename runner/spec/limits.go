package spec

import (
	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// limits decodes what columns can hold.
func limits(n *node) map[string]plugins.Limit {
	if !n.is(cue.StructKind) || len(n.fields) == 0 {
		return nil
	}
	out := map[string]plugins.Limit{}
	for _, f := range n.fields {
		out[f.name()] = plugins.Limit{Min: optional(f.field("min")), Max: optional(f.field("max")), Levels: texts(f.field("levels"))}
	}
	return out
}

// checkLimits checks that limits are of columns that there are, and allow something.
func (l *loader) checkLimits(n *node, d *Dataset) {
	for _, f := range fieldsOf(n.field("limits")) {
		if !f.whole() || f.part {
			continue
		}
		if h := l.exp.Headers[d.Name]; h != nil && l.column(d.Name, f.name()) == nil && !l.prepared(d.Name, f.name()) {
			l.wrong(f, f.label, "%s", noColumn(d.Name, h, f.name()))
			continue
		}
		l.checkLimit(f, l.column(d.Name, f.name()))
	}
}

func (l *loader) checkLimit(n *node, c *plugins.ColumnInfo) {
	low, high, levels := n.field("min"), n.field("max"), n.field("levels")
	bounded := low != nil || high != nil
	switch {
	case !bounded && levels == nil:
		l.wrong(n, n.at, "says nothing; give min, max or levels")
	case bounded && levels != nil:
		l.wrong(n, levels.label, "a column has bounds or levels, not both")
	case low != nil && high != nil && low.number() >= high.number():
		l.wrong(n, low.at, "min is %s and max is %s: min must be less", low.text, high.text)
	case c == nil:
	case bounded && c.Kind == frame.Category:
		l.wrong(n, n.label, "column %q is a text; it has levels, not min and max", c.Name)
	case levels != nil && c.Kind == frame.Number:
		l.wrong(levels, levels.label, "column %q is a number; it has min and max, not levels", c.Name)
	}
	if levels == nil {
		return
	}
	if len(levels.items) == 0 && !levels.part {
		l.wrong(levels, levels.at, "must have at least one level")
	}
	seen := map[string]bool{}
	for _, e := range levels.items {
		if seen[e.text] {
			l.wrong(e, e.at, "%q is given twice", e.text)
		}
		seen[e.text] = true
	}
}
