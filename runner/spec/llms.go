package spec

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins"
)

// LLM is a language model with what an experiment says of it.
type LLM struct {
	Use
	Price    *Price    `json:"price,omitempty"` // nil: the list price, where there is one
	Approval *Approval `json:"approval,omitempty"`
}

// Approval is what allows restricted data to go to a model. One of a model that is not local has all texts.
type Approval struct {
	Basis     string         `json:"basis,omitempty"`
	By        string         `json:"by,omitempty"`
	Date      string         `json:"date,omitempty"` // e.g. "2026-01-31"
	Retention string         `json:"retention,omitempty"`
	Local     bool           `json:"local,omitempty"` // the model runs on this machine
	Reveals   plugins.Egress `json:"reveals"`         // the most that may leave
	Datasets  []string       `json:"datasets,omitempty"`
}

// Covers reports whether the approval is one for a data set. It may be called on nil.
func (a *Approval) Covers(dataset string) bool {
	return a != nil && (len(a.Datasets) == 0 || slices.Contains(a.Datasets, dataset))
}

// llm decodes an entry of llms.
func (l *loader) llm(n *node) LLM {
	m := LLM{Use: l.decodeUse(n)}
	if p := n.field("price"); p.is(cue.StructKind) && p.whole() {
		m.Price = &Price{Input: number(p.field("input")), Output: number(p.field("output")), Cached: optional(p.field("cached"))}
	}
	if a := n.field("approval"); a.is(cue.StructKind) {
		m.Approval = &Approval{
			Basis: text(a.field("basis")), By: text(a.field("by")), Date: text(a.field("date")), Retention: text(a.field("retention")),
			Local: a.field("local").is(cue.BoolKind) && a.field("local").truth, Reveals: plugins.Egress(text(a.field("reveals"))),
			Datasets: texts(a.field("datasets")),
		}
		if m.Approval.Local && m.Approval.Reveals == "" {
			m.Approval.Reveals = plugins.EgressRows
		}
	}
	return m
}

// settingsRule returns the rule of the settings of an entry; nil when its plugin is not known.
func (l *loader) settingsRule(n *node) *rule {
	block := l.schemas.top.child(n.path[0]).other
	for _, f := range block.fields {
		kind := f.settings()
		if use := n.field("use"); kind != "" && use.is(cue.StringKind) && l.schemas.plugin(kind, use.text) != nil {
			return l.schemas.rule(kind, use.text)
		}
	}
	return nil
}

// localFields lists the fields of settings that are those of a machine or account. It may be called on nil.
func (r *rule) localFields() [][]string {
	if r == nil {
		return nil
	}
	var out [][]string
	for _, f := range r.fields {
		if _, ok := f.marked("local"); ok {
			out = append(out, []string{f.key})
			continue
		}
		for _, below := range f.localFields() {
			out = append(out, append([]string{f.key}, below...))
		}
	}
	return out
}

func hasPrefix(path, start []string) bool {
	return len(path) >= len(start) && slices.Equal(path[:len(start)], start)
}

// model is a language model as one variant of an entry of llms has it.
type model struct {
	plugins.ModelInfo
	node *node // what names it: a field of the entry, or a value of an axis
}

// noteModel describes the model that a provider is set to, and passes on what the provider warns of.
func (l *loader) noteModel(entry, at *node, p any) {
	provider, ok := p.(plugins.Provider)
	if !ok {
		return
	}
	l.rep.guard(entry.field("use"), func() {
		info := provider.Info()
		l.models[entry.name()] = append(l.models[entry.name()], model{info, at})
		for _, w := range info.Warnings {
			l.rep.warn(joinPath(at.path), at.at, "%s", w)
		}
	})
}

// checkModels looks at the models that llms name as they stand there.
func (l *loader) checkModels() {
	for _, n := range l.entries("llms") {
		b := l.found.built[indexKey(n.path)]
		if b == nil {
			continue
		}
		at := n.field("with").field("model")
		if !at.ok() {
			at = n.field("use")
		}
		l.noteModel(n, at, b.plugin)
	}
}

// checkApprovals checks what is said of the approval of models.
func (l *loader) checkApprovals() {
	for i, n := range l.entries("llms") {
		if a := n.field("approval"); a.is(cue.StructKind) {
			l.checkApproval(a, &l.exp.LLMs[i])
		}
	}
}

func (l *loader) checkApproval(n *node, m *LLM) {
	for _, f := range n.fields {
		if f.is(cue.StringKind) && strings.TrimSpace(f.text) == "" {
			l.wrong(f, f.at, "must not be empty")
		}
	}
	if d := n.field("date"); d.is(cue.StringKind) {
		if _, err := time.Parse(time.DateOnly, d.text); err != nil {
			l.wrong(d, d.at, "there is no such day")
		}
	}
	datasets := l.sectionNames("datasets")
	for _, e := range oneOrMore(n.field("datasets")) {
		if e.is(cue.StringKind) && !datasets.may(e.text) {
			l.wrong(e, e.at, "no data set named %q%s", e.text, hint(e.text, "known:", datasets.names))
		}
	}
	if list := n.field("datasets"); list.is(cue.ListKind) && len(list.items) == 0 && !list.part {
		l.wrong(list, list.at, "must have at least one data set; leave it out for all of them")
	}
	if m.Approval.Local {
		l.checkLocal(n.field("local"), m.Name)
		return
	}
	var lacking []string
	for _, name := range []string{"basis", "by", "date", "retention", "reveals"} {
		if !n.written(name) {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) > 0 && !n.part {
		l.wrong(n, n.label, "lacks %s; an approval has basis, by, date, retention and reveals, or local: true for a model on this machine", andList(lacking))
	}
}

// checkLocal demands that a model that is said to run on this machine is asked there.
func (l *loader) checkLocal(n *node, name string) {
	for _, m := range l.models[name] {
		if !m.InProcess && !loopback(m.Endpoint) {
			l.wrong(n, n.at, "%s is not on this machine (127.0.0.1, [::1] or localhost); approve it with basis, by, date, retention and reveals", hostOf(m.Endpoint))
			return
		}
	}
}

// loopback reports whether an endpoint is on this machine by its address. A name other than localhost may lead anywhere.
func loopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// hostOf names an endpoint without what else an address may hold.
func hostOf(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.Host != "" {
		return fmt.Sprintf("the endpoint %q", u.Host)
	}
	return "the endpoint"
}

// andList joins words: "a", "a and b", "a, b and c".
func andList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
