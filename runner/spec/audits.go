package spec

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/plugins/plant"
)

// Audit judges synthetic records one by one and says what becomes of those that it finds wanting.
type Audit struct {
	Use                 // of the auditor; empty where All is set
	All       []string  `json:"all,omitempty"` // audits, each of which has to keep a record
	Decide    Decide    `json:"decide"`
	Calibrate Calibrate `json:"calibrate"`
	Beside    []string  `json:"beside,omitempty"` // BesideRandom, BesideByLabel
	Allow     []string  `json:"allow,omitempty"`
}

// AuditOff is the value of the audit axis of a cell whose rows are as they were generated.
const AuditOff = "off"

// The arms beside an audited one: their names are that of the audit, a dot, and one of these.
const (
	BesideRandom  = "random"          // as many random rows as the audit keeps
	BesideByLabel = "random-by-label" // as many of each label
)

// OwnFamily is what Audit.Allow has where a judge may be of the generator's family.
const OwnFamily = "own-family"

// Decide is the policy of an audit.
type Decide struct {
	Threshold *float64 `json:"threshold,omitempty"` // least score that is kept; nil: as Choose says. Load fills it in from the scale of the auditor
	Choose    *Choose  `json:"choose,omitempty"`
	Unscored  string   `json:"unscored"`         // UnscoredDrop or UnscoredKeep
	Action    string   `json:"action"`           // ActionDrop, ActionFlag or ActionRegenerate
	Rounds    int      `json:"rounds,omitempty"` // of ActionRegenerate: further ones, at most
}

// Choose is how a threshold is chosen; one of the two is set.
type Choose struct {
	Specificity *float64 `json:"specificity,omitempty"`
	Sensitivity *float64 `json:"sensitivity,omitempty"`
}

// Values of Decide.
const (
	UnscoredDrop = "drop"
	UnscoredKeep = "keep"

	ActionDrop       = "drop"
	ActionFlag       = "flag"
	ActionRegenerate = "regenerate"

	defaultRounds = 3
)

// Calibrate is which real records are judged beside the synthetic ones.
type Calibrate struct {
	Given bool `json:"given"` // whether the experiment has the block
	plant.Config
}

const defaultPlanted = 0.05

// Audit returns the audit of a value of the audit axis, and which arm it is: "" of the audited one, else BesideRandom or
// BesideByLabel. It is nil of AuditOff and of what no audit is named.
func (e *Experiment) Audit(value string) (a *Audit, beside string) {
	for i := range e.Audits {
		name := e.Audits[i].Name
		if value == name {
			return &e.Audits[i], ""
		}
		if arm, ok := strings.CutPrefix(value, name+"."); ok && (arm == BesideRandom || arm == BesideByLabel) {
			return &e.Audits[i], arm
		}
	}
	return nil, ""
}

// IsArm reports whether a value of the audit axis is an arm beside an audit: no audit has a dot in its name.
func IsArm(value string) bool { return strings.Contains(value, ".") }

// Arms lists the values of the audit axis that come with one of them: the arms beside an audited one.
func (e *Experiment) Arms(value string) []string {
	a, beside := e.Audit(value)
	if a == nil || beside != "" {
		return nil
	}
	var arms []string
	for _, arm := range a.Beside {
		arms = append(arms, a.Name+"."+arm)
	}
	return arms
}

// Auditors lists the audits that judge for an audit: those of All, else itself.
func (e *Experiment) Auditors(a *Audit) []*Audit {
	if len(a.All) == 0 {
		return []*Audit{a}
	}
	var out []*Audit
	for _, name := range a.All {
		if i := slices.IndexFunc(e.Audits, func(x Audit) bool { return x.Name == name }); i >= 0 {
			out = append(out, &e.Audits[i])
		}
	}
	return out
}

// within are the audits whose verdicts a value of the audit axis rests on: the audit itself, and those of All.
func (e *Experiment) within(value string) []*Audit {
	a, _ := e.Audit(value)
	if a == nil {
		return nil
	}
	if len(a.All) == 0 {
		return []*Audit{a}
	}
	return append([]*Audit{a}, e.Auditors(a)...)
}

// restsOn reports whether a value of the audit axis rests on the verdicts of an audit.
func (e *Experiment) restsOn(value, audit string) bool {
	return slices.ContainsFunc(e.within(value), func(a *Audit) bool { return a.Name == audit })
}

func (l *loader) audit(n *node) Audit {
	a := Audit{
		Use: l.decodeUse(n), All: texts(n.field("all")), Decide: decide(n.field("decide")), Calibrate: calibrate(n.field("calibrate")),
		Beside: texts(n.field("beside")), Allow: texts(n.field("allow")),
	}
	if n.field("beside") == nil && a.Decide.Action != ActionFlag { // which keeps all, so that there is nothing to draw
		a.Beside = []string{BesideRandom, BesideByLabel}
	}
	if b := l.found.built[indexKey(n.path)]; b != nil && b.info.Scale != nil && a.Decide.Threshold == nil && a.Decide.Choose == nil {
		keep := b.info.Scale.Keep
		a.Decide.Threshold = &keep
	}
	a.Decide.settle()
	return a
}

func decide(n *node) Decide {
	d := Decide{Unscored: UnscoredDrop, Action: ActionDrop}
	if t := n.field("threshold"); t.is(cue.NumberKind) {
		d.Threshold = optional(t)
	} else if c := t.field("choose"); c.is(cue.StructKind) {
		d.Choose = &Choose{Specificity: optional(c.field("specificity")), Sensitivity: optional(c.field("sensitivity"))}
	}
	if u := text(n.field("unscored")); u != "" {
		d.Unscored = u
	}
	if a := text(n.field("action")); a != "" {
		d.Action = a
	}
	if r := n.field("rounds"); r.is(cue.IntKind) {
		d.Rounds = int(r.number())
	}
	return d
}

// settle gives rounds to the one action that has them.
func (d *Decide) settle() {
	switch {
	case d.Action != ActionRegenerate:
		d.Rounds = 0
	case d.Rounds == 0:
		d.Rounds = defaultRounds
	}
}

func calibrate(n *node) Calibrate {
	c := Calibrate{Given: n != nil, Config: plant.Config{Share: defaultPlanted}}
	if x := n.field("rows"); x.is(cue.IntKind) {
		c.Rows = int(x.number())
	}
	if x := n.field("share"); x.is(cue.NumberKind) {
		c.Share = x.number()
	}
	c.Kinds = texts(n.field("kinds"))
	if list := n.field("combine"); list.is(cue.ListKind) {
		for _, x := range list.items {
			values := map[string]any{}
			for _, f := range fieldsOf(x) {
				switch {
				case f.is(cue.NumberKind):
					values[f.name()] = f.number()
				case f.is(cue.StringKind):
					values[f.name()] = f.text
				}
			}
			c.Combine = append(c.Combine, values)
		}
	}
	c.Shuffled = -1 // as the auditor has it
	if x := n.field("shuffled"); x.is(cue.IntKind) {
		c.Shuffled = int(x.number())
	}
	return c
}

// setAudit puts a value into a field of With, the policy or the calibration.
func setAudit(a *Audit, field []string, v Value) error {
	switch field[0] {
	case "decide":
		if len(field) > 1 && field[1] == "threshold" { // which stands for either: each takes the place of the other
			a.Decide.Threshold, a.Decide.Choose = nil, nil
			if len(field) > 2 {
				field = append([]string{"decide"}, field[2:]...)
			}
		}
		return setStruct(&a.Decide, field[1:], v)
	case "calibrate":
		a.Calibrate.Given = true
		return setStruct(&a.Calibrate, field[1:], v)
	}
	return a.Use.set(field, v)
}

// AuditAt is DatasetAt for an audit.
func (e *Experiment) AuditAt(name string, assign map[string]Value) (*Audit, error) {
	a, err := entry(e.Audits, name, func(a *Audit) string { return a.Name })
	if err != nil {
		return nil, err
	}
	out, err := vary(e, "audits", name, assign, a, setAudit)
	if err == nil && out != a {
		out.Decide.settle() // once all is set: an axis may set the action, and another the rounds
	}
	return out, err
}

// auditNames are the values of the audit axis that a block may have; those of the arms beside come by themselves.
func (l *loader) auditNames() known {
	k := l.sectionNames("audits")
	k.names = added([]string{AuditOff}, k.names...) // an entry of that name is a mistake of its own
	return k
}

// armNames are auditNames with those of the arms.
func (l *loader) armNames() known {
	k := l.auditNames()
	var names []string
	for _, name := range k.names {
		names = append(append(names, name), l.exp.Arms(name)...)
	}
	k.names = names
	return k
}

// withArms adds to the values of the audit axis, in groups of axes that advance together, those of the arms that come beside each.
func (e *Experiment) withArms(groups [][]AxisValues) [][]AxisValues {
	out := slices.Clone(groups)
	for g, group := range groups {
		at := slices.IndexFunc(group, func(a AxisValues) bool { return a.Axis == "audit" })
		if at < 0 {
			continue
		}
		fresh := make([]AxisValues, len(group))
		for k, a := range group {
			fresh[k].Axis = a.Axis
			for i, v := range a.Values {
				fresh[k].Values = append(fresh[k].Values, v)
				for _, arm := range e.Arms(group[at].Values[i].Text) {
					if k == at {
						v = Value{Text: arm}
					}
					fresh[k].Values = append(fresh[k].Values, v)
				}
			}
		}
		out[g] = fresh
	}
	return out
}

// leftOut reports whether a rule of a block leaves out a settled cell. A rule for an audit takes the arms beside it along. written is the
// cell as the file gives it.
func (e *Experiment) leftOut(b *Block, cell, written Assignment) bool {
	if len(b.Exclude) == 0 {
		return false
	}
	if b.excludes(cell, written) {
		return true
	}
	a, arm := e.Audit(cell["audit"].Text)
	if arm == "" {
		return false
	}
	beside := maps.Clone(cell)
	beside["audit"] = Value{Text: a.Name}
	return b.excludes(beside, written)
}
