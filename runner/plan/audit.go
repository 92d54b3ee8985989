package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/plant"
	"github.com/ehrlab/ehrlab/plugins/sheet"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Audit is the steps of an audited cell between its synthetic rows and its metrics.
type Audit struct {
	Audit    *spec.Audit
	Arm      string // "" of the audited rows; else spec.BesideRandom or spec.BesideByLabel
	Auditors []Auditor
	Rounds   []Round // at least one; further ones make rows in the place of those that were dropped
	Decide   *Step   // that the metrics read the rows of
}

// Auditor is one of the auditors of a cell, with the models that it asks; none where it asks none.
type Auditor struct {
	Audit  *spec.Audit
	Info   *plugins.Info
	Models []Model
}

// Round is rows that were made, and what becomes of them.
type Round struct {
	Generate *Step
	Lineups  []*Step // by auditor
	Judges   []*Step // by auditor
	Decide   *Step
}

type (
	// LineupWork mixes synthetic rows with real ones. Its inputs are the prepared parts and the synthetic rows.
	LineupWork struct {
		Config    *plant.Config // nil: synthetic rows alone; Shuffled below 0: as many as Rows
		Known     plant.Known
		Subject   string // "" where there is none
		Site      string
		TestSites []string // as MeasureWork.TestSites
		Rand      plugins.Rand
	}
	// JudgeWork judges records. Its inputs are the lineup and the prepared parts, whose train rows tell how values are written.
	JudgeWork struct {
		Plugin plugins.Auditor
		Info   *plugins.Info
		Rand   plugins.Rand
		Target string
		About  map[string]plugins.ColumnInfo
		Limits map[string]plugins.Limit

		Consulting plugins.Consulting // Plugin, where it asks language models; else nil, and the rest is empty
		Models     []Model
		Caller     plugins.Caller // of the first cell; its Step is the step's own key
		Columns    *Step          // the ranked columns, for rows like those that it will judge
		Features   plugins.Features
		Suffix     string
	}
	// DecideWork keeps or drops synthetic rows. Its inputs are the prepared parts, the rows, the decision of the round before where
	// there was one, and the lineup and the judgement of each auditor.
	DecideWork struct {
		Policies []Policy // by auditor
		Unscored string
		Action   string
		Round    int  // from 0
		Last     bool // no further round makes up for what is dropped
		N        int  // rows that were asked for
	}
	// BesideWork draws rows that nobody judged in the place of those that were kept. Its inputs are the prepared parts, the rows of
	// the first round, and the decision.
	BesideWork struct {
		Target  string
		ByLabel bool
		Rand    plugins.Rand
	}
)

// Policy is what decides whether an auditor would keep a record.
type Policy struct {
	Audit     string        `json:"-"` // the experiment's name
	Scale     plugins.Scale `json:"scale"`
	Threshold *float64      `json:"threshold,omitempty"` // nil: as Choose says, else as the scale has it
	Choose    *spec.Choose  `json:"choose,omitempty"`
	Unscored  string        `json:"unscored"`
}

// builtAudit is an auditor with its settings as they enter keys.
type builtAudit struct {
	built[plugins.Auditor]
	consults plugins.Consulting // nil where it asks no models
	models   []Model
}

// auditor returns an auditor of a variant by the name of its audit.
func (b *builder) auditor(v *variant, a *spec.Audit) (*builtAudit, error) {
	if x, ok := v.audits[a.Name]; ok {
		return x, nil
	}
	entry := b.in.Registry.Audits.Get(a.Use.Use)
	if entry == nil {
		return nil, fmt.Errorf("audit %s: no audit plugin named %q", a.Name, a.Use.Use)
	}
	plugin, settings, err := entry.Build(a.With)
	if err != nil {
		return nil, fmt.Errorf("audit %s: %w", a.Name, err)
	}
	x := &builtAudit{built: built[plugins.Auditor]{plugin: plugin, info: &entry.Info, settings: settings, label: "judge by " + a.Name}}
	if consults, ok := plugin.(plugins.Consulting); ok {
		x.consults = consults
		if x.models, err = b.models(v, consults.Models()); err != nil {
			return nil, fmt.Errorf("audit %s: %w", a.Name, err)
		}
		if x.settings, err = withIdentities(func(with json.RawMessage) []string {
			other, _, err := entry.Build(with)
			if asks, ok := other.(plugins.Consulting); ok && err == nil {
				return asks.Models()
			}
			return nil
		}, settings, x.models); err != nil {
			return nil, fmt.Errorf("audit %s: %w", a.Name, err)
		}
	}
	v.audits[a.Name] = x
	return x, nil
}

// audit adds the steps of an audit to a cell whose rows are generated; generate makes the rows of a further round.
func (b *builder) audit(v *variant, cell *Cell, pt point, value string, generate func(refill *Step, round int) *Step) error {
	a, arm := v.experiment.Audit(value)
	if a == nil {
		return nil
	}
	out := &Audit{Audit: a, Arm: arm}
	var auditors []*builtAudit
	for _, x := range v.experiment.Auditors(a) {
		auditor, err := b.auditor(v, x)
		if err != nil {
			return err
		}
		auditors = append(auditors, auditor)
		out.Auditors = append(out.Auditors, Auditor{Audit: x, Info: auditor.info, Models: auditor.models})
	}
	rounds := 1
	if a.Decide.Action == spec.ActionRegenerate {
		rounds += a.Decide.Rounds
	}
	for i := range rounds {
		round := Round{Generate: cell.Generate}
		if i > 0 {
			round.Generate = generate(out.Rounds[i-1].Decide, i)
		}
		for k, auditor := range auditors {
			lineup := b.lineup(cell, pt, round.Generate, out.Auditors[k], i)
			round.Lineups = append(round.Lineups, lineup)
			round.Judges = append(round.Judges, b.judge(cell, pt, auditor, lineup, out.Auditors[k]))
		}
		round.Decide = b.decide(cell, out, round, i, i == rounds-1)
		out.Rounds = append(out.Rounds, round)
	}
	out.Decide = out.Rounds[rounds-1].Decide
	if arm != "" {
		out.Decide = b.beside(cell, out, pt)
	}
	cell.Audit = out
	return nil
}

// lineup adds the step that mixes the synthetic rows with real ones; those of a further round stand alone.
func (b *builder) lineup(cell *Cell, pt point, rows *Step, auditor Auditor, round int) *Step {
	c := cell.Dataset
	about, limits := c.Told()
	w := LineupWork{
		Known: plant.Known{Target: c.Target, About: c.withRoles(about), Limits: limits}, Subject: c.Subject, Site: c.Site,
		Rand: plugins.NewRand(0, c.Identity, plugins.ForAudit),
	}
	r := cache.Recipe{Plugin: "lineup", Version: plant.Version, Numeric: plugins.Numeric(), Inputs: []cache.Input{{Role: "synthetic", Key: rows.Key}}}
	inputs := []*Step{c.Prepare, rows}
	if round == 0 && (auditor.Audit.Calibrate.Given || auditor.Models == nil) {
		config := auditor.Audit.Calibrate.Config
		if config.Shuffled < 0 && auditor.Models != nil {
			config.Shuffled = 0
		}
		w.Config = &config
		r.Settings, r.Data, r.Uses = marshal(config), c.Identity, plant.Uses()
		r.Roles = marshal(map[string]any{
			"target": c.Target, "subject": c.Subject, "about": c.told.key, "limits": limits, "roles": c.Roles, // no error is planted in some
		})
		piece := ""
		if pt.sites != nil {
			w.TestSites = pt.sites.test
			piece = "test at " + string(marshal(w.TestSites))
		}
		r.Inputs = append(r.Inputs, cache.Input{Role: "parts", Key: c.Prepare.Key, Piece: piece})
	}
	return b.step(StageLineup, "lineup of "+rows.Label, r, w, inputs...)
}

// withRoles returns what is known of columns with their roles in the experiment.
func (c *Chain) withRoles(about map[string]plugins.ColumnInfo) map[string]plugins.ColumnInfo {
	out := maps.Clone(about)
	for name, role := range c.Roles {
		column := out[name]
		column.Name, column.Role = name, role
		out[name] = column
	}
	return out
}

// judge adds the step of one auditor. Its key has neither threshold nor policy, and no seed: a record that was judged for one cell
// is not judged again for another.
func (b *builder) judge(cell *Cell, pt point, auditor *builtAudit, lineup *Step, of Auditor) *Step {
	c := cell.Dataset
	about, limits := c.Told()
	r := seeded(recipe(auditor.info, auditor.settings), auditor.info, 0, c.Identity)
	r.Numeric = plugins.Numeric()
	roles := map[string]any{"target": c.Target, "about": c.told.key, "limits": limits}
	w := JudgeWork{
		Plugin: auditor.plugin, Info: auditor.info, Rand: plugins.NewRand(0, c.Identity, auditor.info.Random...),
		Target: c.Target, About: about, Limits: limits,
	}
	label := auditor.label + ": " + lineup.Inputs[1].Label
	if auditor.consults != nil {
		roles["restricted"] = c.Governance() == plugins.Restricted
		w.Consulting, w.Models = auditor.consults, auditor.models
		w.Caller = b.caller(auditor.models, c, pt, 0, label)
		generate := lineup.Inputs[1].Work.(GenerateWork)
		w.Columns, w.Features, w.Suffix = cell.Generate.Inputs[1], generate.Features, generate.Suffix
	}
	r.Roles = marshal(roles)
	r.Uses = using(r.Uses, plugins.Use{Name: "sheet", Version: sheet.Version})
	r.Inputs = []cache.Input{{Role: "lineup", Key: lineup.Key}, {Role: "parts", Key: c.Prepare.Key}}
	return b.step(StageJudge, label, r, w, lineup, c.Prepare)
}

// policyVersion is raised when equal judgements may be decided otherwise.
const policyVersion = 2

// decide adds the step that keeps or drops the rows of a round.
func (b *builder) decide(cell *Cell, a *Audit, round Round, number int, last bool) *Step {
	c := cell.Dataset
	w := DecideWork{
		Unscored: a.Audit.Decide.Unscored, Action: a.Audit.Decide.Action, Round: number, Last: last, N: cell.Generate.Recipe.N,
	}
	inputs := []*Step{c.Prepare, round.Generate}
	r := cache.Recipe{
		Plugin: "decide", Version: policyVersion, N: w.N, Numeric: plugins.Numeric(),
		Inputs: []cache.Input{{Role: "parts", Key: c.Prepare.Key}, {Role: "synthetic", Key: round.Generate.Key}},
	}
	if number > 0 {
		before := a.Rounds[number-1].Decide
		inputs = append(inputs, before)
		r.Inputs = append(r.Inputs, cache.Input{Role: "round", Key: before.Key})
	}
	for k, x := range a.Auditors {
		w.Policies = append(w.Policies, Policy{
			Audit: x.Audit.Name, Scale: *x.Info.Scale, Threshold: x.Audit.Decide.Threshold, Choose: x.Audit.Decide.Choose, Unscored: x.Audit.Decide.Unscored,
		})
		inputs = append(inputs, round.Lineups[k], round.Judges[k])
		r.Inputs = append(r.Inputs, cache.Input{Role: "lineup", Key: round.Lineups[k].Key}, cache.Input{Role: "judged", Key: round.Judges[k].Key})
	}
	r.Settings = marshal(map[string]any{"policies": w.Policies, "action": w.Action, "round": number, "last": last})
	name := "decide by " + a.Audit.Name + ": " + cell.Generate.Label
	if number > 0 {
		name += ", round " + strconv.Itoa(number+1)
	}
	return b.step(StageDecide, name, r, w, inputs...)
}

// beside adds the step that draws the rows of an arm beside an audited one.
func (b *builder) beside(cell *Cell, a *Audit, pt point) *Step {
	c := cell.Dataset
	seed := uint64(b.number(pt.values, "seed"))
	w := BesideWork{Target: c.Target, ByLabel: a.Arm == spec.BesideByLabel, Rand: plugins.NewRand(seed, c.Identity, plugins.ForAudit)}
	r := cache.Recipe{
		Plugin: a.Arm, Version: policyVersion, N: cell.Generate.Recipe.N,
		Numeric: plugins.Numeric(), Seed: &seed, Data: c.Identity, Roles: c.generateRoles,
		Inputs: []cache.Input{
			{Role: "parts", Key: c.Prepare.Key},
			{Role: "synthetic", Key: cell.Generate.Key},
			{Role: "decided", Key: a.Decide.Key},
		},
	}
	return b.step(StageDecide, a.Arm+" beside "+a.Audit.Name+": "+cell.Generate.Label, r, w, c.Prepare, cell.Generate, a.Decide)
}

// Rows is the step whose rows the metrics of a cell read.
func (c *Cell) Rows() *Step {
	if c.Audit != nil {
		return c.Audit.Decide
	}
	return c.Generate
}

// Asks reports whether any auditor asks language models.
func (a *Audit) Asks() bool {
	return slices.ContainsFunc(a.Auditors, func(x Auditor) bool { return x.Models != nil })
}

// Steps lists the steps of an audit in order.
func (a *Audit) Steps() []*Step {
	var steps []*Step
	for i, r := range a.Rounds {
		if i > 0 {
			steps = append(steps, r.Generate)
		}
		for k := range r.Lineups {
			steps = append(steps, r.Lineups[k], r.Judges[k])
		}
		steps = append(steps, r.Decide)
	}
	if !slices.Contains(steps, a.Decide) {
		steps = append(steps, a.Decide)
	}
	return steps
}

// Asking is a step that asks language models.
type Asking struct {
	Step   *Step
	Models []Model
	Caller plugins.Caller
}

// asking returns what a step asks of models; false where it asks none.
func asking(s *Step) (Asking, bool) {
	switch w := s.Work.(type) {
	case GenerateWork:
		return Asking{s, w.Models, w.Caller}, w.Prompting != nil
	case JudgeWork:
		return Asking{s, w.Models, w.Caller}, w.Consulting != nil
	}
	return Asking{}, false
}

// Asks reports whether a step asks language models.
func Asks(s *Step) bool {
	_, ok := asking(s)
	return ok
}

// Origin is the step that made the rows of one that metrics read: of an audited cell, that of the last round.
func Origin(rows *Step) *Step {
	for rows.Stage != StageGenerate {
		rows = rows.Inputs[1]
	}
	return rows
}

// Asking lists the steps of a cell that ask language models, in order, those of shadow models among them.
func (c *Cell) Asking() []Asking {
	var out []Asking
	for _, s := range c.Steps() {
		if a, ok := asking(s); ok {
			out = append(out, a)
		}
	}
	return out
}

// AskingStep is a step that asks language models, for a cell.
type AskingStep struct {
	Asking
	Cell *Cell // the first that needs it
}

// Asking lists the steps of the plan that ask language models, each once, in the order of the cells: of each the rows, what is asked
// of them, and those of shadow models.
func (p *Plan) Asking() []AskingStep {
	var out []AskingStep
	seen := map[*Step]bool{}
	for _, c := range p.Cells {
		for _, a := range c.Asking() {
			if !seen[a.Step] {
				seen[a.Step] = true
				out = append(out, AskingStep{a, c})
			}
		}
	}
	return out
}

// inputs are the steps of an audit as the metrics that rate it have them in their keys, with the names by which they tell auditors.
func (a *Audit) inputs() []cache.Input {
	var out []cache.Input
	for _, r := range a.Rounds {
		for k := range r.Lineups {
			out = append(out, cache.Input{Role: "judged", Key: r.Judges[k].Key, Piece: a.Auditors[k].Audit.Name})
		}
		out = append(out, cache.Input{Role: "decided", Key: r.Decide.Key})
	}
	return out
}

// withArms adds to points with an audit those of the arms beside it.
func (p *Plan) withArms(points []point) []point {
	at := slices.Index(p.Axes, "audit")
	if at < 0 {
		return points
	}
	var out []point
	for _, pt := range points {
		out = append(out, pt)
		for i, arm := range p.Experiment.Arms(pt.values[at].Text) {
			beside := pt
			beside.values = slices.Clone(pt.values)
			beside.values[at] = spec.Value{Text: arm}
			beside.audited = pt.values[at].Text
			beside.order.sub = append(slices.Clone(pt.order.sub), i+1)
			out = append(out, beside)
		}
	}
	return out
}
