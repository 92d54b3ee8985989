package plan

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// SiteFact is what a sites step leaves of one hospital.
type SiteFact struct {
	Site   string                    `json:"site"`
	Group  string                    `json:"group,omitempty"`  // its group, where hospitals are grouped
	Parts  map[plugins.Part]PartSize `json:"parts"`            // what the hospital has of each part
	Shared []SharedRows              `json:"shared,omitempty"` // its train rows of subjects that are at other hospitals too
}

// SharedRows counts train rows of a hospital whose subjects have rows at the same other ones.
type SharedRows struct {
	At   []string `json:"at"` // the other hospitals, sorted
	Rows int      `json:"rows"`
}

// train counts the train rows of the hospital but for those of subjects that are at a hospital which is unseen.
func (f *SiteFact) train(unseen func(site string) bool) int {
	n := f.Parts[plugins.Train].Rows
	for _, s := range f.Shared {
		if slices.ContainsFunc(s.At, unseen) {
			n -= s.Rows
		}
	}
	return n
}

// PartSize is what a hospital has of one part.
type PartSize struct {
	Rows      int  `json:"rows"`
	Events    int  `json:"events"` // rows with the label
	NonEvents int  `json:"nonevents"`
	Labelled  bool `json:"labelled"` // the label has two classes, so that events can be told
}

// Add adds what another hospital has.
func (p *PartSize) Add(other PartSize) {
	p.Rows, p.Events, p.NonEvents, p.Labelled = p.Rows+other.Rows, p.Events+other.Events, p.NonEvents+other.NonEvents, other.Labelled
}

// maxSites bounds the hospitals of a data set: a column with more values is hardly one of hospitals.
const maxSites = 5000

// SitesWork accounts for the hospitals of the parts. Its inputs are the data set and the split.
type SitesWork struct {
	Dataset *spec.Dataset
	Site    string
	Subject string
	Target  string
	By      string // column of the groups; "" where hospitals stand by themselves, or go by rows
	Max     int    // hospitals that there may be
}

// RestrictWork keeps the rows of some hospitals for training. Its inputs are the data set and the split; its output
// stands in the place of the split.
type RestrictWork struct {
	Site    string
	Subject string
	Train   split.SiteSet // where train, validation and reference rows come from
	Barred  split.SiteSet // hospitals whose subjects are left out of them
	Match   int           // train rows; 0: all
	Rand    plugins.Rand
}

// MistakeError is a mistake of the experiment that only the data could show.
type MistakeError struct{ What string }

func (e *MistakeError) Error() string { return e.What }

// arranged is where the rows of a cell come from: one train and one test hospital, or group, of an arrangement.
type arranged struct {
	train, barred split.SiteSet
	match         int
	test          []string // hospitals whose test rows are scored
	reason        string   // why the cell is not estimable; "" when it is
}

// unit is a hospital, or a group of hospitals.
type unit struct {
	name  string
	size  int // of groups by rows: which
	sites []string
	test  PartSize
	train int // rows; but for each, subjects that are at a hospital outside the unit left out
	away  int // train rows of all others, subjects that are at a hospital of the unit left out
}

// awaitSites adds a point to the node that waits for the hospitals of its data set.
func (b *builder) awaitSites(pt point, arrangement spec.Sites) error {
	v, err := b.variant(pt.values)
	if err != nil {
		return err
	}
	c, err := b.base(v, b.text(pt.values, "dataset"))
	if err != nil {
		return err
	}
	step := b.sites(c, arrangement)
	name := strings.Join([]string{string(step.Key), c.Dataset.Name, arrangement.Name}, "\x00") // data sets of equal rows may differ in minimum and governance
	node, ok := b.pending[name]
	if !ok {
		node = &Pending{Axis: "site", Wants: fmt.Sprintf("hospitals of %s (%s)", c.Dataset.Name, arrangement.Name), Waits: []*Step{step}, Each: true}
		var units []unit // of the facts, which all points of the node have in common
		node.resolve = func(pt point, facts []json.RawMessage) ([]point, error) {
			if units == nil {
				var f struct{ Sites []SiteFact }
				err := json.Unmarshal(facts[0], &f)
				if err != nil {
					return nil, err
				}
				if len(f.Sites) == 0 {
					return nil, errNoFacts
				}
				if units, err = unitsOf(c, arrangement, f.Sites); err != nil {
					return nil, err
				}
			}
			return b.arrange(pt, c, arrangement, units)
		}
		b.pending[name] = node
	}
	node.points = append(node.points, pt)
	return nil
}

// sites adds the step that accounts for the hospitals of a data set.
func (b *builder) sites(c *Chain, a spec.Sites) *Step {
	settings := marshal(map[string]any{"by": a.By, "max": maxSites, "shared": true})
	step := b.step(StageSites, "hospitals of "+c.Dataset.Name, cache.Recipe{
		Plugin: "sites", Version: split.Version, Settings: settings,
		Roles:  marshal(map[string]string{"site": c.Site, "subject": c.Subject, "target": c.Target}),
		Inputs: []cache.Input{{Role: "dataset", Key: c.Read.Key}, {Role: "split", Key: c.Split.Key}},
	}, SitesWork{Dataset: c.Dataset, Site: c.Site, Subject: c.Subject, Target: c.Target, By: a.By, Max: maxSites}, c.Read, c.Split)
	if !slices.Contains(c.Sites, step) {
		c.Sites = append(c.Sites, step)
	}
	return step
}

// restrict adds the step that keeps the train hospitals of a cell.
func (b *builder) restrict(c *Chain, a *arranged, label string) *Step {
	seed := c.Dataset.Split.Seed
	r := cache.Recipe{
		Plugin: "restrict", Version: split.Version,
		Settings: marshal(map[string]any{"train": a.train, "barred": a.barred, "match": a.match}),
		Roles:    marshal(map[string]string{"site": c.Site, "subject": c.Subject}),
		Inputs:   []cache.Input{{Role: "dataset", Key: c.Read.Key}, {Role: "split", Key: c.Split.Key}},
	}
	if a.match > 0 {
		r.Seed, r.Data = &seed, c.Identity
	}
	return b.step(StageRestrict, label, r, RestrictWork{
		Site: c.Site, Subject: c.Subject, Train: a.train, Barred: a.barred, Match: a.match,
		Rand: plugins.NewRand(seed, c.Identity, plugins.ForSplit),
	}, c.Read, c.Split)
}

// arrange turns a point into one for each train and test hospital of an arrangement, in the order of their names.
func (b *builder) arrange(pt point, c *Chain, a spec.Sites, units []unit) ([]point, error) {
	var out []point
	add := func(train string, test unit, where arranged) {
		where.test = test.sites
		if where.reason == "" {
			where.reason = tooFew(c, test.test)
		}
		p := pt
		p.values = slices.Clone(pt.values)
		p.values[b.axis[spec.TrainSite]] = spec.Value{Text: train}
		p.values[b.axis[spec.TestSite]] = spec.Value{Text: test.name}
		p.sites = &where
		p.order.sub = append(slices.Clone(pt.order.sub), len(out))
		out = append(out, p)
	}
	match, err := matching(c, a, units)
	if err != nil {
		return nil, err
	}
	for _, u := range units {
		here, others := split.SiteSet{Sites: u.sites}, split.SiteSet{Sites: u.sites, Except: true}
		switch a.Use {
		case spec.EachSite:
			rows, reason := match(u)
			add(u.name, u, arranged{train: here, match: rows, reason: reason})
		case spec.LeaveOneOut:
			rows, reason := match(u)
			add(spec.OtherSites, u, arranged{train: others, barred: here, match: rows, reason: reason})
		case spec.Grid:
			rows, reason := match(u)
			for _, test := range units {
				add(u.name, test, arranged{train: here, barred: others, match: rows, reason: reason})
			}
		}
	}
	return out, nil
}

// unitsOf lists the hospitals or groups of an arrangement, by name.
func unitsOf(c *Chain, a spec.Sites, facts []SiteFact) ([]unit, error) {
	byName := map[string]*unit{}
	var names []string
	for _, f := range facts {
		name := groupOf(a, f)
		if name == "" {
			continue // a hospital without a group: it trains with the others, and is tested nowhere
		}
		u := byName[name]
		if u == nil {
			u = &unit{name: name, size: position(a.Size, rowsAt(f))}
			byName[name], names = u, append(names, name)
		}
		u.sites = append(u.sites, f.Site)
		u.test.Add(f.Parts[plugins.Test])
	}
	for _, u := range byName {
		here := split.SiteSet{Sites: u.sites}
		outside := split.SiteSet{Sites: u.sites, Except: true}
		for i := range facts {
			switch f := &facts[i]; {
			case !here.Has(f.Site):
				u.away += f.train(here.Has)
			case a.Use == spec.EachSite:
				u.train += f.Parts[plugins.Train].Rows
			default:
				u.train += f.train(outside.Has)
			}
		}
	}
	for _, want := range a.Only {
		if !slices.Contains(names, want) {
			return nil, &MistakeError{fmt.Sprintf("sites.%s.only: data set %s has no hospital or group %q with rows; it has %s", a.Name, c.Dataset.Name, want, someOf(names))}
		}
	}
	var units []unit
	for _, name := range names {
		if len(a.Only) == 0 || slices.Contains(a.Only, name) {
			units = append(units, *byName[name])
		}
	}
	slices.SortFunc(units, func(x, y unit) int {
		if len(a.Size) > 0 {
			return x.size - y.size
		}
		return compareNames(x.name, y.name)
	})
	switch {
	case len(names) < 2:
		return nil, &MistakeError{fmt.Sprintf("data set %s has %s; the arrangement %q needs two or more",
			c.Dataset.Name, plural(len(names), "hospital or group of hospitals", "hospitals or groups of hospitals"), a.Name)}
	case len(units) == 0:
		return nil, &MistakeError{fmt.Sprintf("sites.%s: no hospital is left", a.Name)}
	}
	return units, nil
}

// groupOf is the name of the unit that a hospital belongs to; "" for none.
func groupOf(a spec.Sites, f SiteFact) string {
	switch {
	case a.By != "":
		return f.Group
	case len(a.Size) > 0:
		return a.Label(position(a.Size, rowsAt(f)))
	}
	return f.Site
}

// rowsAt is the rows of a hospital in all parts.
func rowsAt(f SiteFact) int {
	rows := 0
	for _, p := range f.Parts {
		rows += p.Rows
	}
	return rows
}

// position is the last of the ascending bounds that rows reach; -1 when they reach none.
func position(bounds []int, rows int) int {
	at := -1
	for i, b := range bounds {
		if rows >= b {
			at = i
		}
	}
	return at
}

// matching returns how many train rows a unit's cells are drawn down to, and why they cannot be.
func matching(c *Chain, a spec.Sites, units []unit) (func(unit) (int, string), error) {
	left := func(u unit) int { // train rows that the unit's cells have
		if a.Use == spec.LeaveOneOut {
			return u.away
		}
		return u.train
	}
	if a.Match == "" {
		return func(u unit) (int, string) {
			if left(u) == 0 {
				return 0, "not estimable: there are no train rows"
			}
			return 0, ""
		}, nil
	}
	enough := func(u unit, rows int) (int, string) {
		if n := left(u); n < rows {
			return 0, fmt.Sprintf("not estimable: %s train rows, fewer than the %s of match", c.amount(n), c.amount(rows))
		}
		return rows, ""
	}
	if a.Match == "own" {
		return func(u unit) (int, string) {
			if u.train == 0 {
				return 0, "not estimable: the hospital has no train rows to match"
			}
			return enough(u, u.train)
		}, nil
	}
	rows, given := a.MatchRows()
	if !given {
		for _, u := range units {
			if tooFew(c, u.test) == "" && u.train > 0 && (rows == 0 || u.train < rows) {
				rows = u.train
			}
		}
		if rows == 0 {
			return func(unit) (int, string) {
				return 0, "not estimable: no hospital meets the minimum, so that there is none to match"
			}, nil
		}
	}
	return func(u unit) (int, string) { return enough(u, rows) }, nil
}

// minimum is what the test part of a hospital must have. Fewer rows of restricted data are not scored, as their scores
// would tell of them.
func (c *Chain) minimum() spec.Minimum {
	m := c.Dataset.Minimum
	if c.Governance() == plugins.Restricted {
		m.Rows, m.Events, m.NonEvents = max(m.Rows, plugins.FewestTold), max(m.Events, plugins.FewestTold), max(m.NonEvents, plugins.FewestTold)
	}
	if c.StandIn != nil {
		of := func(n int) int { return int(math.Ceil(float64(n) * c.StandIn.Share)) }
		m = spec.Minimum{Rows: of(m.Rows), Events: of(m.Events), NonEvents: of(m.NonEvents)}
	}
	return m
}

// tooFew says why the test part of a unit cannot be scored; "" when it can.
func tooFew(c *Chain, test PartSize) string {
	m := c.minimum()
	if test.Rows >= m.Rows && (!test.Labelled || test.Events >= m.Events && test.NonEvents >= m.NonEvents) {
		return ""
	}
	if !test.Labelled {
		return fmt.Sprintf("not estimable: %s test rows; the minimum is %d", c.amount(test.Rows), m.Rows)
	}
	if few := func(n int) bool { return n > 0 && n < plugins.FewestTold }; c.Governance() == plugins.Restricted && (few(test.Events) || few(test.NonEvents)) {
		// rows and the larger class would give away the smaller one
		return fmt.Sprintf("not estimable: %s test rows, fewer than %d of them of one class of the label; the minimum is %d rows, %d with the event and %d without",
			c.amount(test.Rows), plugins.FewestTold, m.Rows, m.Events, m.NonEvents)
	}
	return fmt.Sprintf("not estimable: %s test rows, %s with the event, %s without; the minimum is %d, %d and %d",
		c.amount(test.Rows), c.amount(test.Events), c.amount(test.NonEvents), m.Rows, m.Events, m.NonEvents)
}

// amount writes a number of rows; few rows of restricted data are not told.
func (c *Chain) amount(n int) string {
	if n > 0 && n < plugins.FewestTold && c.Governance() == plugins.Restricted {
		return fmt.Sprintf("fewer than %d", plugins.FewestTold)
	}
	return fmt.Sprint(n)
}

// Governance is what the experiment says of the rows of a data set, else the data set itself.
func (c *Chain) Governance() plugins.Governance {
	if c.Dataset.Governance != "" || c.Header == nil {
		return c.Dataset.Governance
	}
	return c.Header.Governance
}

// place says which hospitals a chain belongs to, for counts and labels.
func (b *builder) place(values []spec.Value) map[string]string {
	out := map[string]string{}
	for _, axis := range []string{"site", spec.TrainSite, spec.TestSite} {
		out[axis] = b.text(values, axis)
	}
	return out
}

func someOf(names []string) string {
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
