package spec

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
)

// ofEvents reports whether a data set has events: several rows a patient, with the columns of package events.
func (l *loader) ofEvents(n *node) bool {
	b := l.found.built[indexKey(n.path)]
	return b != nil && slices.Contains(b.info.Shapes, plugins.Events)
}

// notOfEvents says why a field of a data set does not apply to events.
var notOfEvents = []struct{ field, reason string }{
	{"row", "a row is one event of many, which nothing identifies"},
	{"site", "they have no column of the hospital"},
	{"target", "they have no label"},
	{"group", "a column of theirs forms no groups of patients"},
	{"outcome", "none of their columns is a feature"},
	{"score", "none of their columns is a feature"},
	{"id", "none of their columns is a feature"},
	{"context", "none of their columns is a feature"},
	{"prepare", "they stay as they are"},
	{"limits", "they have codes, and not a column for each variable"},
	{"minimum", "there are no hospitals or groups of them"},
}

// checkEvents checks what an experiment says of a data set of events, and settles who their patients are.
func (l *loader) checkEvents(n *node, d *Dataset) {
	for _, no := range notOfEvents {
		if f := n.field(no.field); f != nil {
			l.wrong(f, f.label, "does not apply to events: %s", no.reason)
		}
	}
	subject := n.field("subject")
	if subject.ok() && subject.text != events.Subject {
		l.wrong(subject, subject.at, "events have their patients in the column %q; say under \"with\" what it is called in the file", events.Subject)
	}
	d.Subject = events.Subject
	if by := n.find("split", "by"); by.ok() && by.text != "subject" {
		l.wrong(by, by.at, `events of one patient stay together: by: "subject"`)
	}
	if s := n.find("split", "stratify"); s != nil {
		l.wrong(s, s.label, "does not apply to events: the rows of one patient differ in every column")
	}
}

// noMetricsOfEvents reports, once a data set, that the metrics of an experiment which names none are for records.
func (l *loader) noMetricsOfEvents(d *node) {
	var known []string
	for _, name := range l.opts.Registry.Metrics.Names() {
		if slices.Contains(l.opts.Registry.Metrics.Get(name).Info.Shapes, plugins.Events) {
			known = append(known, name)
		}
	}
	use := d.field("use")
	l.rep.add(joinPath(use.path), use.at, "has events, and the core metrics, which an experiment has that names none, take records; name metrics that take events: %s", someOf(known))
}
