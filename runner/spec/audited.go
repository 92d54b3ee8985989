package spec

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prepare"
)

// whyNoArm says why a block cannot list an arm beside an audit.
func whyNoArm(a *Audit, arm string) string {
	if slices.Contains(a.Beside, arm) {
		return fmt.Sprintf("comes by itself wherever a block has %q; list that alone", a.Name)
	}
	if a.Decide.Action == ActionFlag {
		return fmt.Sprintf("is no arm: %q flags records and keeps them all", a.Name)
	}
	return fmt.Sprintf("is no arm, as beside of %q leaves it out; add %q there, and list %q alone", a.Name, arm, a.Name)
}

// checkAudited checks what audits, and metrics that vet their settings, have to do with the cells that they are used in.
func (l *loader) checkAudited() {
	for i := range l.exp.Matrix {
		l.auditsOfEvents(i)
		l.checkRegenerating(i)
	}
	for _, n := range l.entries("metrics") {
		l.checkRecords(n, l.datasetsWith("metrics", n.name()))
		l.checkCited(n)
	}
	matrix := l.root.field("matrix").whole()
	for _, n := range l.entries("audits") {
		used := l.datasetsWith("audits", n.name())
		if len(used) == 0 && matrix && !slices.ContainsFunc(l.exp.Matrix, func(b Block) bool { return l.usesAudit(&b, n.name()) }) {
			l.rep.warn(joinPath(n.path), n.label, "no block of the matrix uses this audit")
		}
		l.checkRecords(n, used)
		l.warnCalibrated(n, used)
	}
	l.warnUnaudited()
}

// usesAudit reports whether any part of a block uses an audit.
func (l *loader) usesAudit(b *Block, name string) bool {
	return slices.ContainsFunc(l.exp.parts(b), func(of valuesOf) bool { return l.uses(b, of, "audits", name) })
}

// audits are the values of the audit axis in a block and its further cells, AuditOff aside.
func (e *Experiment) audits(b *Block) []Value {
	var out []Value
	for _, of := range e.parts(b) {
		for _, v := range of("audit") {
			if v.Text != AuditOff && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// auditsOfEvents reports the audits of a block that would have to judge events.
func (l *loader) auditsOfEvents(block int) {
	b := &l.exp.Matrix[block]
	for _, v := range l.exp.audits(b) {
		for _, d := range l.entries("datasets") {
			if l.ofEvents(d) && l.leavesCellWith(b, Assignment{"dataset": {Text: d.name()}, "audit": v}) {
				at := l.valueNode(block, "audit", v)
				l.rep.add(joinPath(at.path), at.at, "audits judge records, and data set %q has events; give it a block of its own, without the axis audit", d.name())
			}
		}
	}
}

// checkRegenerating demands strategies that can make other rows in the place of those that an audit drops.
func (l *loader) checkRegenerating(block int) {
	b := &l.exp.Matrix[block]
	for _, v := range l.exp.audits(b) {
		a, _ := l.exp.Audit(v.Text)
		if a == nil || !l.regenerates(b, a) {
			continue
		}
		for _, s := range l.entries("strategies") {
			p := l.found.built[indexKey(s.path)]
			if p == nil || !l.leavesCellWith(b, Assignment{"strategy": {Text: s.name()}, "audit": v}) {
				continue
			}
			at := l.valueNode(block, "audit", v)
			lender, lends := p.plugin.(plugins.Lender)
			_, asks := p.plugin.(plugins.Prompting)
			switch {
			case lends && lender.Lends() != "":
				l.rep.add(joinPath(at.path), at.at, "%q makes rows again, and strategy %q hands out rows of the %s part, none of them twice; exclude the two together, or use another action", a.Name, s.name(), lender.Lends())
			case p.info.Hands:
				l.rep.warn(joinPath(at.path), at.at, "%q makes rows again, and strategy %q hands out rows of the data: in the place of those that are dropped come other real rows", a.Name, s.name())
			case len(p.info.Random) == 0 && !asks:
				l.rep.add(joinPath(at.path), at.at, "%q makes rows again, and strategy %q draws nothing at random: it would make the same rows; exclude the two together, or use another action", a.Name, s.name())
			}
		}
	}
}

// regenerates reports whether an audit makes rows again in some cells of a block, be it that an axis says so.
func (l *loader) regenerates(b *Block, a *Audit) bool {
	if a.Decide.Action == ActionRegenerate {
		return true
	}
	return slices.ContainsFunc(l.exp.Axes, func(x Axis) bool {
		s, ok := x.setting()
		return ok && s.touches("audits", a.Name) && slices.Equal(s.field, []string{"decide", "action"}) &&
			slices.Contains(l.exp.mayBe(x.Name, b.values(x.Name)), Value{Text: ActionRegenerate})
	})
}

// checkRecords checks what an audit or a metric says of columns against the records that it is given: of each data set that it is
// combined with or, where there is none, of all.
func (l *loader) checkRecords(n *node, used []string) {
	if len(used) > 0 {
		for _, dataset := range used {
			for _, f := range l.recordFaults(n, dataset) {
				l.fault(n, f)
			}
		}
		return
	}
	var first []plugins.Fault
	for i := range l.exp.Datasets {
		faults := l.recordFaults(n, l.exp.Datasets[i].Name)
		if len(faults) == 0 {
			return
		}
		if first == nil {
			first = faults
		}
	}
	for _, f := range first {
		l.fault(n, f)
	}
}

// recordFaults are what an audit or a metric says of columns that records of a data set do not have, where nothing else is wrong there.
func (l *loader) recordFaults(n *node, dataset string) []plugins.Fault {
	h := l.exp.Headers[dataset]
	if h == nil || !n.is(cue.StructKind) || l.ofEvents(l.root.find("datasets", dataset)) {
		return nil
	}
	var faults []plugins.Fault
	if n.path[0] == "metrics" {
		i := slices.IndexFunc(l.exp.Metrics, func(m Metric) bool { return m.Name == n.name() })
		faults = l.vetFaults(n, &l.exp.Metrics[i].Use, dataset)
	} else {
		i := slices.IndexFunc(l.exp.Audits, func(a Audit) bool { return a.Name == n.name() })
		for _, f := range l.combineFaults(n, l.recordColumns(h, l.datasetNamed(dataset))) {
			faults = append(faults, l.unrecorded(f, h, dataset))
		}
		faults = append(faults, l.vetFaults(n, &l.exp.Audits[i].Use, dataset)...)
	}
	return slices.DeleteFunc(faults, func(f plugins.Fault) bool {
		at := n.find(f.Field...)
		return at != nil && !at.whole()
	})
}

// vetFaults are what an auditor or a metric, as it is written or as axes make it, finds wrong with its settings for records of a data set.
func (l *loader) vetFaults(n *node, u *Use, dataset string) []plugins.Fault {
	h := l.exp.Headers[dataset]
	if h == nil || l.found.built[indexKey(n.path)] == nil {
		return nil
	}
	kind, columns := "audit", l.recordColumns(h, l.datasetNamed(dataset))
	if n.path[0] == "metrics" {
		kind, columns = "metric", l.measuredColumns(n.name(), h, l.datasetNamed(dataset))
	}
	b, err := l.build(n.field("use"), l.schemas.plugin(kind, u.Use), u.With)
	if err != nil || b == nil {
		return nil // as is reported elsewhere
	}
	vets, ok := b.plugin.(plugins.Vetting)
	if !ok {
		return nil
	}
	var faults []plugins.Fault
	l.rep.guard(n.field("use"), func() {
		for _, f := range vets.Vet(columns) {
			f.Field = append([]string{"with"}, f.Field...)
			faults = append(faults, l.unrecorded(f, h, dataset))
		}
	})
	return faults
}

// recordColumns are the columns that records of a data set can have: those that some feature set may choose, the marks of missing
// values beside them, and the target.
func (l *loader) recordColumns(h *plugins.Header, d *Dataset) []plugins.ColumnInfo {
	var names []string
	for i := range l.exp.Features {
		names = added(names, candidates(h, d, &l.exp.Features[i])...)
	}
	return infos(h, d, added(names, d.Target))
}

// measuredColumns are the columns that records of a data set can have in the cells of a metric: those that a feature set of such a cell
// names or, where it names none, may choose from, the marks of missing values beside them, and the target.
func (l *loader) measuredColumns(metric string, h *plugins.Header, d *Dataset) []plugins.ColumnInfo {
	var names []string
	for _, n := range l.entries("features") {
		if !l.measuredWith(metric, n.name(), d.Name) {
			continue
		}
		i := slices.IndexFunc(l.exp.Features, func(f FeatureSet) bool { return f.Name == n.name() })
		may := candidates(h, d, &l.exp.Features[i])
		if b := l.found.built[indexKey(n.path)]; b != nil {
			if f, ok := b.plugin.(plugins.Naming); ok {
				if names := f.Names(); names != nil {
					may = names
				}
			}
		}
		names = added(names, may...)
	}
	return infos(h, d, added(names, d.Target))
}

// measuredWith reports whether a block measures a metric on a feature set of a data set; where none measures it on any, each may be meant.
func (l *loader) measuredWith(metric, features, dataset string) bool {
	any := false
	for i := range l.exp.Matrix {
		b := &l.exp.Matrix[i]
		for _, of := range l.exp.parts(b) {
			if !l.uses(b, of, "metrics", metric) || !slices.Contains(of("dataset"), Value{Text: dataset}) {
				continue
			}
			any = true
			if l.uses(b, of, "features", features) {
				return true
			}
		}
	}
	return !any
}

// infos are what a header knows of columns, in its order, each with the mark of its missing values where preparation makes one.
func infos(h *plugins.Header, d *Dataset, names []string) []plugins.ColumnInfo {
	var out []plugins.ColumnInfo
	for i := range h.Columns {
		if c := h.Columns[i]; slices.Contains(names, c.Name) {
			out = append(out, c)
			if d.Prepare.Indicator {
				out = append(out, plugins.ColumnInfo{Name: prepare.IndicatorName(c.Name), Kind: frame.Number})
			}
		}
	}
	return out
}

// unrecorded says of a fault about a column that the data have, and their records not, why that is so.
func (l *loader) unrecorded(f plugins.Fault, h *plugins.Header, dataset string) plugins.Fault {
	i := slices.IndexFunc(h.Columns, func(c plugins.ColumnInfo) bool { return c.Name == f.Name })
	if i < 0 {
		return f
	}
	why := droppedAs(&h.Columns[i])
	if why == "" {
		why = "is in no feature set of its cells"
		if what, _, _ := strings.Cut(leakWords[l.datasetNamed(dataset).Roles()[f.Name]], ":"); what != "" {
			why = "is " + what
		}
	}
	return plugins.Fault{Field: f.Field, Message: fmt.Sprintf("no record has the column %q of data set %q, as it %s", f.Name, dataset, why)}
}

// warnCalibrated warns of an audit that wants more real records than the test part of a data set has. An axis may set their number.
func (l *loader) warnCalibrated(n *node, used []string) {
	rows := n.find("calibrate", "rows")
	if !rows.is(cue.IntKind) || l.varies("audits", n.name(), "calibrate", "rows") {
		return
	}
	for _, dataset := range used {
		l.warnRows(rows, dataset)
	}
}

// warnRows warns of a number of rows of test that the part of a data set will not have, where its size can be known.
func (l *loader) warnRows(at *node, dataset string) {
	h, d := l.exp.Headers[dataset], l.datasetNamed(dataset)
	if h == nil || h.Rows == 0 || d.Split.Test == 0 || l.changes(dataset) {
		return
	}
	if has := int(math.Ceil(d.Split.Test * float64(h.Rows))); at.number() > float64(has) {
		l.rep.warn(joinPath(at.path), at.at, "%s rows are more than the about %d that the test part of data set %q will have (%v of %d), all of which are judged; "+
			"lower rows, leave it out for all rows, or raise the share of test", at.text, has, dataset, d.Split.Test, h.Rows)
	}
}

// varies reports whether an axis sets a field of an entry.
func (l *loader) varies(section, name string, field ...string) bool {
	return slices.ContainsFunc(l.exp.Axes, func(a Axis) bool {
		s, ok := a.setting()
		return ok && s.touches(section, name) && slices.Equal(s.field, field)
	})
}

// combineFaults are combinations that no record can be given.
func (l *loader) combineFaults(n *node, columns []plugins.ColumnInfo) []plugins.Fault {
	var out []plugins.Fault
	var known []string
	for _, c := range columns {
		known = append(known, c.Name)
	}
	for i, values := range oneOrMore(n.find("calibrate", "combine")) {
		for _, f := range fieldsOf(values) {
			fault := plugins.Fault{Field: []string{"calibrate", "combine", fmt.Sprint(i), f.name()}}
			at := slices.Index(known, f.name())
			switch {
			case at < 0:
				fault.Message, fault.Name, fault.Known = fmt.Sprintf("there is no column named %q", f.name()), f.name(), known
			case columns[at].Kind == frame.Category && f.is(cue.NumberKind):
				fault.Message = fmt.Sprintf("column %q has levels; want one of them, in quotes", f.name())
			case columns[at].Kind == frame.Number && f.is(cue.StringKind):
				fault.Message = fmt.Sprintf("column %q has numbers; want one without quotes", f.name())
			default:
				continue
			}
			out = append(out, fault)
		}
	}
	return out
}

// warnUnaudited warns of metrics that rate audits where nothing that they measure has one.
func (l *loader) warnUnaudited() {
	if !l.root.field("matrix").whole() {
		return
	}
	for _, n := range l.entries("metrics") {
		p := l.found.built[indexKey(n.path)]
		if p == nil || !p.info.Audited {
			continue
		}
		if !slices.ContainsFunc(l.exp.Matrix, func(b Block) bool { return b.measures(n.name()) && len(l.exp.audits(&b)) > 0 }) {
			l.rep.warn(joinPath(n.path), n.label, "rates audits, and no block that it measures has one: its scores will be undefined; give a block the axis audit")
		}
	}
}

// checkCited checks the audits that the settings of a metric name: its blocks have to have them.
func (l *loader) checkCited(n *node) {
	b := l.found.built[indexKey(n.path)]
	if b == nil || !n.ok() || !l.root.field("matrix").whole() || !l.root.field("audits").whole() {
		return
	}
	cites, ok := b.plugin.(plugins.Citing)
	if !ok {
		return
	}
	var names []string
	for i := range l.exp.Matrix {
		if block := &l.exp.Matrix[i]; block.measures(n.name()) {
			for _, v := range l.exp.audits(block) {
				for _, a := range l.exp.within(v.Text) {
					if len(a.All) == 0 {
						names = added(names, a.Name)
					}
				}
			}
		}
	}
	if len(names) == 0 {
		return // there is a warning of that
	}
	for _, f := range cites.VetAudits(names) {
		f.Field = append([]string{"with"}, f.Field...)
		l.fault(n, f)
	}
}

// consults reports whether any audit asks models.
func (l *loader) consults() bool { return slices.ContainsFunc(l.entries("audits"), l.asksModels) }

// judges reports whether a part of a block has an audit that may ask a model.
func (l *loader) judges(of valuesOf, model string) bool {
	for _, v := range of("audit") {
		for _, a := range l.exp.within(v.Text) {
			byAxis := slices.ContainsFunc(l.exp.Axes, func(x Axis) bool { return x.llm && x.reaches("audits", a.Name) })
			if byAxis || slices.Contains(a.models, model) {
				return true
			}
		}
	}
	return false
}

// auditors are the values that scores have of the dimension of auditors.
func (w *yield) auditors() []string {
	var out []string
	for i := range w.exp.Audits {
		if a := &w.exp.Audits[i]; len(a.All) == 0 {
			out = append(out, a.Name)
		}
	}
	return added(append(out, plugins.NoAuditor, plugins.AllAuditors), w.declared[plugins.AuditDim]...)
}
