package spec

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/plant"
)

// reservedAudits are names that an audit cannot have, with what they stand for.
var reservedAudits = map[string]string{
	AuditOff:            "the value of the axis audit where rows are as they were made",
	plugins.NoAuditor:   "the auditor of scores of rows without an audit",
	plugins.AllAuditors: "the auditor of scores of all auditors together",
}

// checkAudits checks what each audit says by itself.
func (l *loader) checkAudits() {
	for i, n := range l.entries("audits") {
		if what := reservedAudits[n.name()]; what != "" {
			l.rep.add(joinPath(n.path), n.label, "%q is %s; an audit needs another name", n.name(), what)
		}
		if !n.is(cue.StructKind) {
			continue
		}
		use, all := n.field("use"), n.field("all")
		switch {
		case use == nil && all == nil && !n.part:
			n.lacks = true
			l.rep.add(joinPath(n.path), n.label, "names no auditor; it must have use: the name of an audit plugin, or all: the names of other audits, each of which has to keep a record")
		case use != nil && all != nil:
			l.wrong(all, all.label, "goes in place of use, which the audit has, too: declare the auditor as an audit of its own, and name it here")
		case all != nil:
			l.checkAll(n, all)
		}
		l.checkPolicy(n)
		for _, f := range l.auditFaults(n, &l.exp.Audits[i]) {
			if at := n.find(f.Field...); at == nil || at.whole() { // else it is wrong by itself
				l.fault(n, f)
			}
		}
	}
}

// checkAll checks an audit that is made of others.
func (l *loader) checkAll(n, all *node) {
	known := l.sectionNames("audits")
	known.names = slices.DeleteFunc(known.names, func(name string) bool { return name == n.name() || l.root.find("audits", name, "all") != nil })
	for i, e := range all.items {
		others := l.root.find("audits", text(e), "all")
		switch {
		case !e.ok():
		case e.text == n.name():
			l.wrong(e, e.at, "is the audit itself%s", hint("", "it may have", known.names))
		case names(all.items[:i], e.text):
			l.wrong(e, e.at, "%q is given twice", e.text)
		case others != nil:
			l.wrong(e, e.at, "%q is made of others itself: name these, %s", e.text, quoteAll(texts(others)))
		case !known.may(e.text):
			l.wrong(e, e.at, "no audit named %q%s", e.text, hint(e.text, "known:", known.names))
		}
	}
	if all.whole() && !all.part && len(all.items) < 2 {
		l.wrong(all, all.at, "must have at least 2 audits, not %d", len(all.items))
	}
	for _, path := range [][]string{{"with"}, {"calibrate"}, {"allow"}, {"decide", "threshold"}, {"decide", "unscored"}} {
		if f := n.find(path...); f != nil {
			l.wrong(f, f.label, "has no meaning beside all: each of its audits has its own")
		}
	}
}

// ofAll reports whether an audit that is made of others has a field of its own.
func ofAll(field []string) bool {
	return slices.Equal(field, []string{"decide", "action"}) || slices.Equal(field, []string{"decide", "rounds"})
}

// checkPolicy checks what of an audit is written, and has no meaning with what else is.
func (l *loader) checkPolicy(n *node) {
	decide := n.field("decide")
	action, rounds := decide.field("action"), decide.field("rounds")
	if rounds.ok() && (action == nil && !decide.part || action.ok() && action.text != ActionRegenerate) {
		l.wrong(rounds, rounds.label, "goes with action: %q, of which it says how often rows are made again", ActionRegenerate)
	}
	for _, name := range []string{"beside", "allow"} {
		list := oneOrMore(n.field(name))
		for i, e := range list {
			if e.ok() && names(list[:i], e.text) {
				l.wrong(e, e.at, "%q is given twice", e.text)
			}
		}
	}
	b, allow := l.found.built[indexKey(n.path)], n.field("allow")
	if allow.ok() && len(allow.items) > 0 && b != nil && !l.asksModels(n) {
		l.wrong(allow, allow.label, "the audit asks no models, so that there is no family to allow")
	}
	for _, name := range []string{"kinds", "combine"} {
		if list := n.find("calibrate", name); list.is(cue.ListKind) && len(list.items) == 0 && !list.part {
			l.wrong(list, list.at, "must have at least one value; leave it out for %s", map[string]string{"kinds": "all kinds of errors", "combine": "none"}[name])
		}
	}
}

// auditFaults are what is wrong with the values of an audit, as it is written or as axes make it. n is its entry.
func (l *loader) auditFaults(n *node, a *Audit) []plugins.Fault {
	var out []plugins.Fault
	fault := func(path, format string, args ...any) {
		out = append(out, plugins.Fault{Field: strings.Split(path, "."), Message: fmt.Sprintf(format, args...)})
	}
	b := l.found.built[indexKey(n.path)]
	if t := a.Decide.Threshold; t != nil && b != nil && b.info.Scale != nil && !(*t >= b.info.Scale.Min && *t <= b.info.Scale.Max) {
		fault("decide.threshold", "must be on the scale of %q, from %v to %v, not %v", b.info.Name, b.info.Scale.Min, b.info.Scale.Max, *t)
	}
	if a.Decide.Action == ActionFlag && len(a.Beside) > 0 {
		fault("beside", "%q keeps every record, so that random rows in the same number would be the rows that are not audited: leave beside out, or empty", ActionFlag)
	}
	if c := a.Decide.Choose; c != nil {
		l.chooseFaults(c, &a.Calibrate, l.asksModels(n), fault)
	}
	return append(out, plantFaults(&a.Calibrate.Config)...)
}

// chooseFaults are what keeps a threshold from being chosen.
func (l *loader) chooseFaults(c *Choose, on *Calibrate, asks bool, fault func(path, format string, args ...any)) {
	const at = "decide.threshold.choose"
	switch {
	case (c.Specificity == nil) == (c.Sensitivity == nil):
		fault(at, "must have one of specificity and sensitivity, such as specificity: 0.95")
	case asks && !on.Given:
		fault(at, "needs real records to choose on, and an audit that asks models is given none unless it says so; add calibrate, such as calibrate: {rows: 400}")
	case c.Specificity != nil && on.Share == 1:
		fault("calibrate.share", "leaves no untouched record to choose the threshold on by its specificity; must be < 1")
	case c.Sensitivity != nil && on.Share == 0:
		fault("calibrate.share", "leaves no record with an error to choose the threshold on by its sensitivity; must be > 0")
	}
}

// plantFaults are what is wrong with which errors are planted.
func plantFaults(c *plant.Config) []plugins.Fault {
	var out []plugins.Fault
	var known []string
	for _, k := range plant.Kinds() {
		known = append(known, k.Name)
	}
	for i, kind := range c.Kinds {
		at := []string{"calibrate", "kinds", fmt.Sprint(i)}
		if !slices.Contains(known, kind) {
			out = append(out, plugins.Fault{Field: at, Message: fmt.Sprintf("no kind of error named %q", kind), Name: kind, Known: known})
		} else if slices.Contains(c.Kinds[:i], kind) {
			out = append(out, plugins.Fault{Field: at, Message: fmt.Sprintf("%q is given twice", kind)})
		}
	}
	for i, values := range c.Combine {
		if len(values) < 2 {
			out = append(out, plugins.Fault{Field: []string{"calibrate", "combine", fmt.Sprint(i)}, Message: fmt.Sprintf("must have the values of at least 2 columns, not %d", len(values))})
		}
	}
	if len(c.Combine) > 0 && len(c.Kinds) > 0 && !slices.Contains(c.Kinds, plant.Impossible) {
		out = append(out, plugins.Fault{
			Field: []string{"calibrate", "combine"}, Message: fmt.Sprintf("declares what is impossible, which kinds leaves out; add %q to kinds", plant.Impossible),
		})
	}
	return out
}

// fault reports a mistake in settings at the place that it names, or at the nearest that is written.
func (c *checker) fault(n *node, f plugins.Fault) {
	at, place := n, n.label
	for _, name := range f.Field {
		next := at.find(name)
		if next == nil {
			break
		}
		at, place = next, next.at
	}
	path := append(slices.Clone(n.path), f.Field...)
	if at.ok() {
		at.state = bad
	}
	c.rep.add(joinPath(path), place, "%s", withHint(f))
}

// checkVaried checks an audit or a metric with a value of an axis put in, for what it has to do with the rest of it and with the data.
func (l *loader) checkVaried(entry *node, s setting, v *node, of valuesOf) {
	if !v.ok() || s.section == "metrics" && s.field[0] != "with" {
		return
	}
	var known, faults []plugins.Fault
	var before, after *Use
	var err error
	switch s.section {
	case "audits":
		i := slices.IndexFunc(l.exp.Audits, func(a Audit) bool { return a.Name == entry.name() })
		audit := l.exp.Audits[i]
		if err = setAudit(&audit, s.field, value(v)); err == nil {
			audit.Decide.settle()
			known, faults = l.auditFaults(entry, &l.exp.Audits[i]), l.auditFaults(entry, &audit)
		}
		before, after = &l.exp.Audits[i].Use, &audit.Use
	case "metrics":
		i := slices.IndexFunc(l.exp.Metrics, func(m Metric) bool { return m.Name == entry.name() })
		metric := l.exp.Metrics[i]
		err = metric.Use.set(s.field, value(v))
		before, after = &l.exp.Metrics[i].Use, &metric.Use
	default:
		return
	}
	if err != nil && s.field[0] == "with" {
		return // as checkBuild tells
	} else if err != nil {
		l.rep.add(joinPath(v.path), v.at, "%s has no %s to set: lists have elements to set where they are written", joinPath(entry.path), strings.Join(s.field, "."))
		return
	}
	for _, d := range of("dataset") {
		if s.field[0] == "with" {
			known = append(known, l.vetFaults(entry, before, d.Text)...)
			faults = append(faults, l.vetFaults(entry, after, d.Text)...)
		}
		if slices.Equal(s.field, []string{"calibrate", "rows"}) {
			l.warnRows(v, d.Text)
		}
	}
	l.reportVaried(entry, s, v, known, faults)
}

// reportVaried reports the faults that a value of an axis makes, at the value.
func (l *loader) reportVaried(entry *node, s setting, v *node, known, faults []plugins.Fault) {
	for _, f := range faults {
		if slices.ContainsFunc(known, func(k plugins.Fault) bool { return k.Message == f.Message }) {
			continue
		}
		message := withHint(f)
		if !slices.Equal(f.Field, s.field) {
			message = joinPath(append(slices.Clone(entry.path), f.Field...)) + ": " + message
		}
		l.rep.add(joinPath(v.path), v.at, "%s", message)
	}
}

// withHint is what a fault says, with the name that may be meant.
func withHint(f plugins.Fault) string {
	if f.Name == "" {
		return f.Message
	}
	return f.Message + hint(f.Name, "known:", f.Known)
}

// checkRoundsAxis refuses an axis that sets the rounds of an audit which makes no rows again.
func (l *loader) checkRoundsAxis(sets *node, s setting) {
	if s.section != "audits" || !slices.Equal(s.field, []string{"decide", "rounds"}) {
		return
	}
	regenerates := func(a *Audit) bool {
		return a.Decide.Action == ActionRegenerate || slices.ContainsFunc(l.exp.Axes, func(x Axis) bool {
			other, ok := x.setting()
			return ok && other.touches("audits", a.Name) && slices.Equal(other.field, []string{"decide", "action"})
		})
	}
	for i := range l.exp.Audits {
		if a := &l.exp.Audits[i]; s.touches("audits", a.Name) && !regenerates(a) {
			l.wrong(sets, sets.at, "audits.%s makes no rows again: rounds go with action: %q", a.Name, ActionRegenerate)
			return
		}
	}
}
