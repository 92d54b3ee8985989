package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/rate"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// recipeFormat is raised when the meaning of a recipe's fields changes: all caches miss once.
const recipeFormat = 1

// Inputs is what a plan needs to know of the world.
type Inputs struct {
	Registry *plugins.Registry
	// Hash returns the content hash and the size in bytes of a data file.
	Hash func(path string) (cache.Hash, int64, error)
	// Facts returns the small facts that a finished step left, and whether the step is finished; nil: no step is.
	Facts func(cache.Key) (json.RawMessage, bool)
	// Suppose is what searches are taken to have chosen, whatever the scores say: it is how cells are counted before there are any.
	Suppose spec.Chosen
}

// New expands an experiment. Data files that are absent make the plan static: its cells and steps are
// known, its keys are not.
func New(e *spec.Experiment, in Inputs) (*Plan, error) {
	p := &Plan{Experiment: e, Axes: axes(e)}
	points, err := expand(p.Axes, e.Matrix)
	if err != nil {
		return nil, err
	}
	p.builder = newBuilder(p, in)
	p.builder.newSearches()
	for _, pt := range p.withArms(points) {
		if err := p.add(pt); err != nil {
			return nil, err
		}
	}
	if err := p.growKnown(in.Facts); err != nil {
		return nil, err
	}
	if len(p.Cells) == 0 && len(p.Pending) == 0 {
		return nil, errors.New("the matrix leaves no cell: every one is excluded")
	}
	return p, nil
}

// axes lists the axes of the matrix in a fixed order, so that ids do not depend on the order of a block's
// fields: the standard ones, then the declared ones as declared.
func axes(e *spec.Experiment) []string {
	order := []string{"dataset", "site", spec.TrainSite, spec.TestSite, "features", "strategy", "llm", "audit", "n", "seed"}
	for _, a := range e.Axes {
		order = append(order, a.Name)
	}
	used := e.AllAxes()
	return slices.DeleteFunc(order, func(name string) bool {
		if name == spec.TrainSite || name == spec.TestSite {
			name = "site" // whose values say what they are
		}
		return !slices.ContainsFunc(used, func(a spec.AxisValues) bool { return a.Axis == name })
	})
}

// builder makes steps, each once.
type builder struct {
	plan     *Plan
	in       Inputs
	steps    map[cache.Key]*Step
	cells    map[string]*Cell // by id
	excluded map[string]*Excluded
	variants map[string]*variant
	axis     map[string]int
	varied   []int // positions of the axes that are put into settings: llm and the declared ones
	pending  map[string]*Pending
	roles    map[promptedChain]json.RawMessage // of generate steps that ask models, each made once
	searches []*searching                      // those first that others rest on
	chains   []*Chain                          // in the order they were first needed
}

// variant is the experiment with the values of some axes put into its settings, and what has been built from it.
type variant struct {
	experiment *spec.Experiment
	assigned   map[string]string  // the values of the declared axes that set something of data sets or features
	models     map[string]*Model  // by name
	bases      map[string]*Chain  // by data set: read, cohort and split, and prepared parts where all hospitals train
	chains     map[string]*Chain  // by data set and restriction of its hospitals
	subsets    map[string]*subset // by prepared parts, data set and subset name
	strategies map[string]*builtStrategy
	audits     map[string]*builtAudit
	metrics    []*builtMetric // by position in experiment.Metrics
}

// builtStrategy is a strategy with its settings as they enter keys; asks is nil where it asks no models.
type builtStrategy struct {
	built[plugins.Strategy]
	asks *prompted
}

// builtMetric is a metric with the files that it reads besides the rows.
type builtMetric struct {
	built[plugins.Metric]
	files []File
	roles map[*Chain]json.RawMessage // as they enter recipes of steps that rate rows of a chain
}

// built is a plugin with its settings after defaults.
type built[P any] struct {
	plugin   P
	info     *plugins.Info
	settings json.RawMessage
	label    string // of its steps
}

// subset is a feature subset: the step that ranks the columns, and how the subset is cut from them.
type subset struct {
	step   *Step
	suffix string
	plugin plugins.Features
}

func newBuilder(p *Plan, in Inputs) *builder {
	b := &builder{
		plan: p, in: in,
		steps: map[cache.Key]*Step{}, cells: map[string]*Cell{}, excluded: map[string]*Excluded{},
		variants: map[string]*variant{}, pending: map[string]*Pending{}, roles: map[promptedChain]json.RawMessage{},
		axis: map[string]int{},
	}
	for i, a := range p.Axes {
		b.axis[a] = i
		if a == "llm" || p.Declared(a) {
			b.varied = append(b.varied, i)
		}
	}
	return b
}

// add turns a point into a cell, an exclusion, or a part of a pending node.
func (p *Plan) add(pt point) error {
	if taken, err := p.decide(&pt); taken || err != nil {
		return err
	}
	b := p.builder
	block := &p.Experiment.Matrix[pt.block]
	b.settle(&pt)
	id := cellID(p.Axes, pt.values)
	reason, out := excluded(p.Axes, block, pt.values, pt.written)
	if i, ok := b.axis["audit"]; ok && !out && pt.audited != "" {
		values := slices.Clone(pt.values)
		values[i] = spec.Value{Text: pt.audited}
		reason, out = excluded(p.Axes, block, values, pt.written)
	}
	if out {
		if e, twice := b.excluded[id]; !twice || pt.order.before(e.order) {
			b.excluded[id] = &Excluded{ID: id, Values: pt.values, Reason: reason, order: pt.order}
		}
		return nil
	}
	if name := b.text(pt.values, "site"); name != "" && pt.sites == nil {
		a := p.Experiment.ArrangementOf(name)
		if !a.Whole() {
			return b.awaitSites(pt, a)
		}
		for _, axis := range []string{spec.TrainSite, spec.TestSite} {
			pt.values[b.axis[axis]] = spec.Value{Text: spec.AllSites}
		}
		id = cellID(p.Axes, pt.values)
	}
	if i, ok := b.axis["n"]; ok && pt.values[i].Kind == spec.PartValue {
		return b.postpone(pt, i)
	}
	v, err := b.variant(pt.values)
	if err != nil {
		return err
	}
	cell, seen := b.cells[id]
	if !seen {
		if cell, err = b.cell(v, id, pt); err != nil {
			return fmt.Errorf("cell %s: %w", id, err)
		}
		b.cells[id] = cell
	}
	if pt.order.before(cell.order) {
		cell.order = pt.order
	}
	if len(b.searches) > 0 {
		cell.origins = append(cell.origins, origin{pt.searches, pt.block})
	}
	if err := b.measure(v, cell, pt.sites, block.Metrics); err != nil {
		return fmt.Errorf("cell %s: %w", id, err)
	}
	return nil
}

// settle takes from a point the values of the axes that have no bearing on its cell, so that the cell comes once.
func (b *builder) settle(pt *point) {
	block := &b.plan.Experiment.Matrix[pt.block]
	for _, i := range b.varied { // llm first: which models are asked may depend on it
		at := func(axis string) spec.Value {
			if k, ok := b.axis[axis]; ok {
				return pt.values[k]
			}
			return spec.Value{}
		}
		if pt.values[i].Kind == spec.NoValue || b.plan.Experiment.Concerns(b.plan.Axes[i], at, block.Metrics) {
			continue
		}
		pt.values = slices.Clone(pt.values)
		pt.values[i] = spec.Value{Kind: spec.NoValue}
	}
}

// finish puts cells and exclusions in the order of the file, whatever order they were found in.
func (p *Plan) finish() {
	b := p.builder
	p.Cells = slices.SortedFunc(maps.Values(b.cells), func(x, y *Cell) int { return x.order.compare(y.order) })
	p.Excluded = p.Excluded[:0]
	for id, e := range b.excluded {
		if _, wanted := b.cells[id]; !wanted { // another block includes it
			p.Excluded = append(p.Excluded, *e)
		}
	}
	slices.SortFunc(p.Excluded, func(x, y Excluded) int { return x.order.compare(y.order) })
	slices.SortStableFunc(b.chains, func(x, y *Chain) int {
		switch {
		case x.Restrict == nil && y.Restrict == nil:
			return 0
		case x.Restrict == nil:
			return -1
		case y.Restrict == nil:
			return 1
		}
		return x.order.compare(y.order)
	})
	p.Pending = slices.SortedFunc(maps.Values(b.pending), func(x, y *Pending) int { return x.points[0].order.compare(y.points[0].order) })
	b.settleSearches()
	for _, x := range b.searches {
		if _, supposed := b.in.Suppose[x.search.Name]; !supposed && x.choice.Best < 0 {
			p.Pending = append(p.Pending, x.node)
		}
	}
}

// text returns the value of a text axis.
func (b *builder) text(values []spec.Value, axis string) string {
	if i, ok := b.axis[axis]; ok {
		return values[i].Text
	}
	return ""
}

// number returns the value of a number axis.
func (b *builder) number(values []spec.Value, axis string) float64 {
	if i, ok := b.axis[axis]; ok {
		return values[i].Number
	}
	return 0
}

// variant returns the experiment with the values of the axes that are put into settings.
func (b *builder) variant(values []spec.Value) (*variant, error) {
	name := ""
	assign := map[string]spec.Value{}
	for _, i := range b.varied {
		name += exact(values[i]) + "\x00"
		assign[b.plan.Axes[i]] = values[i]
	}
	if v, ok := b.variants[name]; ok {
		return v, nil
	}
	e := b.plan.Experiment
	if len(assign) > 0 {
		var err error
		if e, err = e.Vary(assign); err != nil {
			return nil, err
		}
	}
	assigned := map[string]string{}
	for _, a := range e.Axes {
		value, given := assign[a.Name]
		section, _, _ := strings.Cut(a.Sets, ".")
		if given && value.Kind != spec.NoValue && (section == "datasets" || section == "features") {
			assigned[a.Name] = value.String()
		}
	}
	v := &variant{
		experiment: e, assigned: assigned, bases: map[string]*Chain{}, chains: map[string]*Chain{}, subsets: map[string]*subset{},
		models: map[string]*Model{}, strategies: map[string]*builtStrategy{}, audits: map[string]*builtAudit{},
		metrics: make([]*builtMetric, len(e.Metrics)),
	}
	b.variants[name] = v
	return v, nil
}

// cell makes a cell with the steps up to its synthetic rows.
func (b *builder) cell(v *variant, id string, pt point) (*Cell, error) {
	chain, err := b.chain(v, pt)
	if err != nil {
		return nil, err
	}
	if pt.sites != nil && pt.sites.reason != "" {
		return &Cell{ID: id, Values: pt.values, Dataset: chain, NotEstimable: pt.sites.reason, order: pt.order}, nil
	}
	columns, err := b.subset(v, chain, b.text(pt.values, "features"))
	if err != nil {
		return nil, err
	}
	strategy, err := b.strategy(v, b.text(pt.values, "strategy"))
	if err != nil {
		return nil, err
	}
	cell := &Cell{ID: id, Values: pt.values, Dataset: chain, Generate: b.generate(strategy, chain, columns, pt, further{}), order: pt.order}
	cell.shadow = func(s *Shadow) *Step { return b.generate(strategy, chain, columns, pt, further{shadow: s}) }
	if strategy.asks != nil {
		cell.Models = strategy.asks.models
	}
	err = b.audit(v, cell, pt, b.text(pt.values, "audit"), func(refill *Step, round int) *Step {
		return b.generate(strategy, chain, columns, pt, further{refill: refill, round: round})
	})
	return cell, err
}

// step returns the step with the recipe, making it when it is new.
func (b *builder) step(stage Stage, label string, r cache.Recipe, work any, inputs ...*Step) *Step {
	r.Format, r.Stage = recipeFormat, string(stage)
	key := r.Key()
	if s, ok := b.steps[key]; ok {
		return s
	}
	s := &Step{Index: len(b.plan.Steps), Stage: stage, Label: label, Key: key, Recipe: r, Inputs: inputs, Work: work}
	b.steps[key] = s
	b.plan.Steps = append(b.plan.Steps, s)
	return s
}

// recipe fills in what a plugin and its settings contribute.
func recipe(info *plugins.Info, settings json.RawMessage) cache.Recipe {
	return cache.Recipe{Plugin: info.Name, Version: info.Version, Uses: info.Uses, Settings: settings}
}

// using adds what a step uses besides its plugin.
func using(uses []plugins.Use, more plugins.Use) []plugins.Use {
	if slices.Contains(uses, more) {
		return uses
	}
	return append(slices.Clip(uses), more)
}

// seeded adds the seed, and the identity of the rows, when the plugin draws random numbers.
func seeded(r cache.Recipe, info *plugins.Info, seed uint64, data string) cache.Recipe {
	if len(info.Random) > 0 {
		r.Seed, r.Data = &seed, data
	}
	return r
}

// base returns the steps of a data set up to its split.
func (b *builder) base(v *variant, name string) (*Chain, error) {
	if c, ok := v.bases[name]; ok {
		return c, nil
	}
	i := slices.IndexFunc(v.experiment.Datasets, func(d spec.Dataset) bool { return d.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no data set named %q", name)
	}
	ds := &v.experiment.Datasets[i]
	c := &Chain{Dataset: ds, Header: v.experiment.Headers[name], Variant: v.assigned}
	c.setRoles(ds.Roles())
	c.setTold()
	if err := b.read(c); err != nil {
		return nil, fmt.Errorf("data set %s: %w", name, err)
	}
	sets := ds.Prepare.Sets()
	c.Cohort = b.step(StageCohort, fmt.Sprintf("cohort of %s", name), cache.Recipe{
		Plugin: "cohort", Version: cohort.Version, Settings: cohortSettings(ds.Cohort, sets), Roles: marshal(map[string]string{"subject": c.Subject}),
		Inputs: []cache.Input{{Role: "dataset", Key: c.Read.Key}},
	}, CohortWork{Dataset: ds, Subject: c.Subject, Sets: sets}, c.Read)
	b.split(c)
	v.bases[name] = c
	b.chains = append(b.chains, c)
	return c, nil
}

// cohortSettings are what a cohort depends on: its steps and, as counts are withheld by these, the one-hot sets of the data.
func cohortSettings(steps []cohort.Filter, sets [][]string) json.RawMessage {
	if len(sets) == 0 {
		return marshal(steps)
	}
	return marshal(struct {
		Steps []cohort.Filter `json:"steps"`
		Sets  [][]string      `json:"oneHot"`
	}{steps, sets})
}

// chain returns the steps of a data set up to its prepared parts, with the hospitals of the point.
//
// Not estimable cells have the base alone: nothing is prepared for them.
func (b *builder) chain(v *variant, pt point) (*Chain, error) {
	base, err := b.base(v, b.text(pt.values, "dataset"))
	if err != nil {
		return nil, err
	}
	if pt.sites != nil && pt.sites.reason != "" {
		return base, nil
	}
	if pt.sites == nil {
		if base.Prepare == nil {
			base.Prepare = b.prepare(v, base, base.Split)
		}
		return base, nil
	}
	where := b.place(pt.values)
	label := fmt.Sprintf("%s, train at %s", base.Dataset.Name, where[spec.TrainSite])
	if where[spec.TrainSite] == spec.OtherSites {
		label += " than " + where[spec.TestSite]
	} else {
		delete(where, spec.TestSite) // train rows are the same for all of them
	}
	restrict := b.restrict(base, pt.sites, label)
	name := base.Dataset.Name + "\x00" + string(restrict.Key)
	variant := maps.Clone(v.assigned)
	maps.Copy(variant, where)
	if c, ok := v.chains[name]; ok {
		if pt.order.before(c.order) { // arrangements may have the same train rows: the first of the file names them, whichever was resolved first
			c.Variant, c.order = variant, pt.order
		}
		return c, nil
	}
	c := *base
	c.Restrict, c.Variant, c.order = restrict, variant, pt.order
	c.Prepare = b.prepare(v, &c, restrict)
	v.chains[name] = &c
	b.chains = append(b.chains, &c)
	return &c, nil
}

// prepare adds the preparation, fitted on the train rows that a split or a restriction of it names.
func (b *builder) prepare(v *variant, c *Chain, shares *Step) *Step {
	// dropping rows for a missing outcome would change the rows of the feature sets that have none
	leakage := allowsLeakage(v.experiment) && c.Dataset.Prepare.Missing != prepare.Drop
	skip := skipped(c.Roles, leakage)
	late := knownLater(c.Roles, skip)
	row := c.column(plugins.RoleRow)
	r := cache.Recipe{
		Plugin: "prepare", Version: prepare.Version, Uses: prepare.Uses(), Settings: marshal(c.Dataset.Prepare), Numeric: plugins.Numeric(),
		Roles:  marshal(map[string]any{"skip": skip}),
		Inputs: []cache.Input{{Role: "dataset", Key: c.Read.Key}, {Role: "split", Key: shares.Key}},
	}
	if c.Dataset.Prepare.Missing == prepare.Model { // its draws hang on the row and the seed
		roles := map[string]any{"skip": skip, "row": row}
		if late != nil {
			roles["late"] = late
		}
		r.Roles, r.Seed = marshal(roles), &c.Dataset.Split.Seed
	}
	return b.step(StagePrepare, fmt.Sprintf("prepare %s", c.Dataset.Name), r,
		PrepareWork{Dataset: c.Dataset, Shape: c.Shape(), Subject: c.Subject, Target: c.Target, Row: row, Skip: skip, Late: late}, c.Read, shares)
}

// read adds the step that reads the data set. Its settings enter the key with null for every path;
// the files enter by what they are for and what they hold.
func (b *builder) read(c *Chain) error {
	use, with, paths := c.Dataset.Use.Use, c.Dataset.With, c.Dataset.Paths
	if c.StandIn = b.plan.Experiment.StandIns[c.Dataset.Name]; c.StandIn != nil {
		use, with, paths = c.StandIn.Use, c.StandIn.With, nil
	}
	entry := b.in.Registry.Datasets.Get(use)
	plugin, settings, err := entry.Build(with)
	if err != nil {
		return err
	}
	if settings, err = withoutPaths(settings, paths); err != nil {
		return err
	}
	c.Info = &entry.Info
	files, err := plugin.Files()
	if err != nil {
		return err
	}
	c.Files = b.hash("data set "+c.Dataset.Name, files)
	r := recipe(c.Info, settings)
	r.Numeric, r.Files = plugins.Numeric(), hashes(c.Files)
	c.Read = b.step(StageDataset, "read "+c.Dataset.Name, r, DatasetWork{Plugin: plugin, Info: c.Info})
	return nil
}

// hash looks at the files that a plugin reads. The plan is static where one of them is absent; whose says what reads it.
func (b *builder) hash(whose string, files []plugins.File) []File {
	var out []File
	for _, f := range files {
		h, bytes, err := b.in.Hash(f.Path)
		if err != nil {
			reason := fmt.Sprintf("%s: %v", whose, err)
			if !slices.Contains(b.plan.Static, reason) {
				b.plan.Static = append(b.plan.Static, reason)
			}
		}
		out = append(out, File{Role: f.Role, Bytes: bytes, Hash: h})
	}
	return out
}

// hashes are files as they enter recipes.
func hashes(files []File) []cache.FileHash {
	var out []cache.FileHash
	for _, f := range files {
		out = append(out, cache.FileHash{Role: f.Role, Hash: f.Hash})
	}
	return out
}

// split adds the split. Its random source, and those of all later steps, derive from what the rows are,
// not from the machine, so that seeds mean the same everywhere.
func (b *builder) split(c *Chain) {
	ds := c.Dataset
	read := c.Read.Recipe
	read.Numeric = ""
	rows := digest(read.Canonical(), marshal(untitled(ds.Cohort)))
	seed := ds.Split.Seed
	unit := ""
	switch ds.Split.By {
	case "subject", "time":
		unit = c.Subject
	case "site":
		unit = c.Site + "\x00" + c.Subject
	}
	settings := marshal(ds.Split)
	c.Identity = digest([]byte(rows), settings, []byte(unit))
	row := c.column(plugins.RoleRow)
	c.Split = b.step(StageSplit, fmt.Sprintf("split %s", ds.Name), cache.Recipe{
		Plugin: "split", Version: split.Version, Settings: settings, Roles: marshal(map[string]string{"row": row, "subject": c.Subject, "site": c.Site}),
		Seed: &seed, Data: rows,
		Inputs: []cache.Input{{Role: "dataset", Key: c.Read.Key}, {Role: "cohort", Key: c.Cohort.Key}},
	}, SplitWork{Dataset: ds, Row: row, Subject: c.Subject, Site: c.Site, Rand: plugins.NewRand(seed, rows, plugins.ForSplit)}, c.Read, c.Cohort)
}

// untitled are filters without their titles, which are for people: another title draws no other rows.
func untitled(filters []cohort.Filter) []cohort.Filter {
	out := slices.Clone(filters)
	for i := range out {
		out[i].Title = ""
	}
	return out
}

// subset returns the step that ranks the columns for a feature subset. Subsets cut from one ranking share it.
func (b *builder) subset(v *variant, c *Chain, name string) (*subset, error) {
	key := string(c.Prepare.Key) + "\x00" + c.Dataset.Name + "\x00" + name
	if s, ok := v.subsets[key]; ok {
		return s, nil
	}
	for i := range v.experiment.Features {
		set := &v.experiment.Features[i]
		if !strings.HasPrefix(name, set.Name) {
			continue
		}
		entry := b.in.Registry.Features.Get(set.Use.Use)
		plugin, _, err := entry.Build(set.With)
		if err != nil {
			return nil, fmt.Errorf("features %s: %w", set.Name, err)
		}
		suffix := strings.TrimPrefix(name, set.Name)
		if !slices.Contains(plugin.Subsets(), suffix) {
			continue
		}
		barred := barred(c, set)
		r := seeded(recipe(&entry.Info, marshal(plugin.Ranking())), &entry.Info, c.Dataset.Split.Seed, c.Identity)
		r.Numeric = plugins.Numeric()
		r.Roles = marshal(map[string]any{"target": c.Target, "subject": c.Subject, "barred": barred, "groups": c.told.groups})
		r.Inputs = []cache.Input{{Role: "parts", Key: c.Prepare.Key}}
		step := b.step(StageFeatures, fmt.Sprintf("features %s of %s", set.Name, c.Dataset.Name), r, FeaturesWork{
			Shape: c.Shape(), Plugin: plugin, Info: &entry.Info, Target: c.Target, Subject: c.Subject, Groups: c.told.groups, Barred: barred,
			Rand: plugins.NewRand(c.Dataset.Split.Seed, c.Identity, entry.Info.Random...),
		}, c.Prepare)
		s := &subset{step: step, suffix: suffix, plugin: plugin}
		v.subsets[key] = s
		return s, nil
	}
	return nil, fmt.Errorf("no feature subset named %q", name)
}

// strategy returns a strategy of a variant by its name.
func (b *builder) strategy(v *variant, name string) (*builtStrategy, error) {
	if s, ok := v.strategies[name]; ok {
		return s, nil
	}
	i := slices.IndexFunc(v.experiment.Strategies, func(u spec.Use) bool { return u.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no strategy named %q", name)
	}
	entry := b.in.Registry.Strategies.Get(v.experiment.Strategies[i].Use)
	plugin, settings, err := entry.Build(v.experiment.Strategies[i].With)
	if err != nil {
		return nil, fmt.Errorf("strategy %s: %w", name, err)
	}
	asks, settings, err := b.prompting(v, entry, plugin, settings)
	if err != nil {
		return nil, fmt.Errorf("strategy %s: %w", name, err)
	}
	s := &builtStrategy{built[plugins.Strategy]{plugin: plugin, info: &entry.Info, settings: settings, label: "generate " + name}, asks}
	v.strategies[name] = s
	return s, nil
}

// further is what a generate step is that does not make the first rows of a cell.
type further struct {
	shadow *Shadow // of a shadow model of its strategy
	refill *Step   // the decision that rows are made again after
	round  int
}

// generate adds the step that makes the synthetic rows of a cell, or further ones.
func (b *builder) generate(s *builtStrategy, c *Chain, columns *subset, pt point, more further) *Step {
	shadow := more.shadow
	n, seed := int(b.number(pt.values, "n")), uint64(b.number(pt.values, "seed"))
	r := seeded(recipe(s.info, s.settings), s.info, seed, c.Identity)
	r.Uses = using(r.Uses, plugins.Use{Name: "label", Version: label.Version}) // its events are counted
	r.N, r.Numeric, r.Roles = n, plugins.Numeric(), c.generateRoles
	r.Inputs = []cache.Input{{Role: "parts", Key: c.Prepare.Key}, {Role: "features", Key: columns.step.Key, Piece: columns.suffix}}
	name := s.label + ", n " + strconv.Itoa(n) + ", seed " + strconv.FormatUint(seed, 10)
	w := GenerateWork{
		Shape: c.Shape(), Plugin: s.plugin, Info: s.info, Features: columns.plugin, Suffix: columns.suffix, Target: c.Target, Subject: c.Subject, N: n,
		Rand: plugins.NewRand(seed, c.Identity, s.info.Random...), Shadow: shadow, Round: more.round,
	}
	inputs := []*Step{c.Prepare, columns.step}
	if more.refill != nil { // other draws, and other calls, than those of the rounds before
		name += ", round " + strconv.Itoa(more.round+1)
		w.Rand = plugins.NewRand(seed, c.Identity+"\x00round "+strconv.Itoa(more.round), s.info.Random...)
		r.Inputs = append(r.Inputs, cache.Input{Role: "refill", Key: more.refill.Key, Piece: strconv.Itoa(more.round)})
		inputs = append(inputs, more.refill)
	}
	if shadow != nil {
		name += ", shadow model " + strconv.Itoa(shadow.Index+1)
	}
	if s.asks != nil {
		b.ask(s.asks, c, pt, seed, name, &r, &w)
		w.Caller.Seed += uint64(more.round) << roundBits
	}
	if shadow != nil {
		r.Data = c.Identity // its rows are drawn by it
		r.Roles = marshal(map[string]any{"roles": r.Roles, "subject": c.Subject, "shadow": shadow})
	}
	return b.step(StageGenerate, name, r, w, inputs...)
}

// roundBits keeps the calls of further rounds apart from those of other seeds: a seed of the experiment has at most 53 bits, and there
// are at most 20 rounds.
const roundBits = 53

// metric makes a metric. Its settings enter keys with null for every path; its files by what they are for and what they hold.
func (b *builder) metric(m *spec.Metric) (*builtMetric, error) {
	entry := b.in.Registry.Metrics.Get(m.Use.Use)
	plugin, settings, err := entry.Build(m.With)
	if err != nil {
		return nil, err
	}
	if settings, err = withoutPaths(settings, m.Paths); err != nil {
		return nil, err
	}
	out := &builtMetric{built: built[plugins.Metric]{plugin: plugin, info: &entry.Info, settings: settings, label: "measure " + m.Name}, roles: map[*Chain]json.RawMessage{}}
	if filed, ok := plugin.(plugins.Filed); ok {
		files, err := filed.Files()
		if err != nil {
			return nil, err
		}
		out.files = b.hash("metric "+m.Name, files)
	}
	return out, nil
}

// measure adds the metrics of a block to a cell; no names means all metrics. The order is the experiment's.
func (b *builder) measure(v *variant, cell *Cell, where *arranged, names []string) error {
	seed := uint64(b.number(cell.Values, "seed"))
	c := cell.Dataset
	for i := range v.experiment.Metrics {
		metric := &v.experiment.Metrics[i]
		if len(names) > 0 && !slices.Contains(names, metric.Name) {
			continue
		}
		if slices.ContainsFunc(cell.Measures, func(m Measure) bool { return m.Metric.Name == metric.Name }) {
			continue
		}
		m := v.metrics[i]
		if m == nil {
			var err error
			if m, err = b.metric(metric); err != nil {
				return fmt.Errorf("metric %s: %w", metric.Name, err)
			}
			v.metrics[i] = m
		}
		if cell.NotEstimable != "" {
			cell.Measures = append(cell.Measures, Measure{Metric: metric, Info: m.info})
			continue
		}
		w := MeasureWork{
			Shape: c.Shape(), Plugin: m.plugin, Info: m.info, Target: c.Target, Subject: c.Subject, Site: c.Site,
			Rand: plugins.NewRand(seed, c.Identity, m.info.Random...),
		}
		piece := w.rated(metric, c, where)
		w.around(metric, c)
		r := seeded(recipe(m.info, m.settings), m.info, seed, c.Identity)
		r.Numeric, r.Roles, r.Files = plugins.Numeric(), m.rolesOf(c, &w), hashes(m.files)
		r.Uses = using(r.Uses, plugins.Use{Name: "rate", Version: rate.Version})
		if cell.Models != nil && !m.info.Audited {
			r.Uses = using(r.Uses, postStratify)
		}
		r.Inputs = []cache.Input{{Role: "parts", Key: c.Prepare.Key, Piece: piece}, {Role: "synthetic", Key: cell.Rows().Key}}
		inputs := []*Step{c.Prepare, cell.Rows()}
		for _, s := range cell.shadows(m.plugin) {
			r.Inputs = append(r.Inputs, cache.Input{Role: "shadow", Key: s.Key})
			inputs = append(inputs, s)
			w.Shadows++
		}
		if m.info.Audited && cell.Audit != nil && cell.Audit.Arm == "" {
			w.Audit = cell.Audit
			r.Inputs = append(r.Inputs, cell.Audit.inputs()...)
			inputs = append(inputs, cell.Generate)
			inputs = append(inputs, cell.Audit.Steps()...)
		}
		step := b.step(StageMeasure, m.label, r, w, inputs...)
		cell.Measures = append(cell.Measures, Measure{Metric: metric, Info: m.info, Files: m.files, Step: step})
	}
	order := func(m Measure) int {
		return slices.IndexFunc(v.experiment.Metrics, func(x spec.Metric) bool { return x.Name == m.Metric.Name })
	}
	slices.SortFunc(cell.Measures, func(x, y Measure) int { return order(x) - order(y) })
	return nil
}

// setRoles notes the roles, and what steps need of them.
func (c *Chain) setRoles(roles map[string]plugins.Role) {
	c.Roles = roles
	c.Target, c.Subject, c.Site = c.column(plugins.RoleTarget), c.column(plugins.RoleSubject), c.column(plugins.RoleSite)
	c.generateRoles = marshal(map[string]string{"target": c.Target})
}

// column returns the first column with the role, in name order, or "".
func (c *Chain) column(role plugins.Role) string {
	name := ""
	for column, r := range c.Roles {
		if r == role && (name == "" || column < name) {
			name = column
		}
	}
	return name
}

// skipped lists the columns that preparation leaves as they are: identifiers and the label, and what may be no
// feature of any subset, so that a value missing there drops no row.
func skipped(roles map[string]plugins.Role, leakage bool) []string {
	var names []string
	for column, role := range roles {
		switch role {
		case plugins.RoleRow, plugins.RoleSubject, plugins.RoleSite, plugins.RoleID, plugins.RoleContext, plugins.RoleTarget:
			names = append(names, column)
		case plugins.RoleOutcome, plugins.RoleScore:
			if !leakage {
				names = append(names, column)
			}
		}
	}
	slices.Sort(names)
	return names
}

// knownLater lists the outcomes and scores that are prepared all the same, for the feature sets that may hold them.
func knownLater(roles map[string]plugins.Role, skip []string) []string {
	var names []string
	for column, role := range roles {
		if (role == plugins.RoleOutcome || role == plugins.RoleScore) && !slices.Contains(skip, column) {
			names = append(names, column)
		}
	}
	slices.Sort(names)
	return names
}

// allowsLeakage reports whether any feature set may hold outcomes and scores.
func allowsLeakage(e *spec.Experiment) bool {
	return slices.ContainsFunc(e.Features, func(f spec.FeatureSet) bool { return slices.Contains(f.Allow, "leakage") })
}

// barred lists the columns that may be no feature. A subject and what describes hospitals are none even as published.
func barred(c *Chain, set *spec.FeatureSet) []string {
	var names []string
	allowed := slices.Contains(set.Allow, "leakage")
	for column, role := range c.Roles {
		never := role == plugins.RoleTarget || role == plugins.RoleSubject || role == plugins.RoleContext
		if never || role.Leaks() && !allowed {
			names = append(names, column)
		}
	}
	slices.Sort(names)
	return names
}

// withoutPaths puts null in place of the path fields of settings.
func withoutPaths(settings json.RawMessage, paths [][]string) (json.RawMessage, error) {
	if len(paths) == 0 {
		return settings, nil
	}
	var tree any
	if err := json.Unmarshal(settings, &tree); err != nil {
		return nil, err
	}
	for _, path := range paths {
		if err := spec.SetAt(tree, path, nil); err != nil {
			return nil, err
		}
	}
	return json.Marshal(tree)
}

// marshal is JSON of our own plain structs, which cannot fail.
func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// digest hashes texts with their lengths.
func digest(texts ...[]byte) string {
	h := sha256.New()
	for _, t := range texts {
		fmt.Fprintf(h, "%d:", len(t))
		h.Write(t)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var errNoFacts = errors.New("the step left no such fact")
