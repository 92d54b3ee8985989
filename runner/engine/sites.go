package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// splitRows loads the data set and the rows of each part that a step reads.
func (r *run) splitRows(ctx context.Context, s *plan.Step) (*frame.Frame, map[plugins.Part][]int, error) {
	data, err := r.store.load(ctx, s.Inputs[0])
	if err != nil {
		return nil, nil, err
	}
	shares, err := r.store.load(ctx, s.Inputs[1])
	if err != nil {
		return nil, nil, err
	}
	return data.table, partRows(shares.table), nil
}

// hospitals is the site column of a data set.
func hospitals(data *frame.Frame, site string) (*frame.Column, error) {
	if c := data.Column(site); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("no column %q of hospitals; a column with one value only is dropped when the data are read", site)
}

// sites accounts for what each hospital has of each part. The plan grows by it.
func (r *run) sites(ctx context.Context, s *plan.Step, w plan.SitesWork) (*artifact, error) {
	data, parts, err := r.splitRows(ctx, s)
	if err != nil {
		return nil, err
	}
	site, err := hospitals(data, w.Site)
	if err != nil {
		return nil, err
	}
	groups := map[string]string{}
	if w.By != "" {
		by := data.Column(w.By)
		if by == nil {
			return nil, fmt.Errorf("no column %q to group hospitals by; a column with one value only is dropped when the data are read", w.By)
		}
		if groups, err = split.SiteGroups(site, by); err != nil {
			return nil, err
		}
	}
	tally, err := split.Tally(parts, site, data.Column(w.Target))
	labelled := err == nil && data.Column(w.Target) != nil
	if err != nil { // a label of many values has no events; its rows still count
		if tally, err = split.Tally(parts, site, nil); err != nil {
			return nil, err
		}
	}
	facts := siteFacts(tally, groups, shared(data, site, data.Column(w.Subject), parts[plugins.Train]), labelled)
	if len(facts) > w.Max {
		return nil, fmt.Errorf("column %q has %d values, more than the %d hospitals that there may be", w.Site, len(facts), w.Max)
	}
	notes := []string{siteNote(facts)}
	if w.By != "" {
		notes = append(notes, ungroupedNotes(facts, w.By)...)
	}
	return &artifact{meta: meta{Facts: Facts{Sites: facts, Counts: siteCounts(facts), Notes: notes}}}, nil
}

// ungroupedNotes says how many hospitals belong to no group: nothing is tested at them.
func ungroupedNotes(facts []plan.SiteFact, by string) []string {
	hospitals, rows := 0, 0
	for _, f := range facts {
		if f.Group == "" {
			hospitals++
			for _, p := range f.Parts {
				rows += p.Rows
			}
		}
	}
	if hospitals == 0 {
		return nil
	}
	amount := fmt.Sprint(rows)
	if few(rows) {
		amount = fmt.Sprintf("fewer than %d", plugins.FewestTold)
	}
	return []string{fmt.Sprintf("%d of %d hospitals (%s rows) have no value of %q: they are in no group, so that they are tested nowhere, "+
		"and train only where all other hospitals do", hospitals, len(facts), amount, by)}
}

// siteFacts gathers the parts of each hospital. Rows without a hospital belong to none.
func siteFacts(tally []split.SiteTally, groups map[string]string, shared map[string][]plan.SharedRows, labelled bool) []plan.SiteFact {
	var facts []plan.SiteFact
	for _, t := range tally {
		if t.Site == "" {
			continue
		}
		if n := len(facts); n == 0 || facts[n-1].Site != t.Site {
			facts = append(facts, plan.SiteFact{
				Site: t.Site, Group: groups[t.Site], Shared: shared[t.Site], Parts: map[plugins.Part]plan.PartSize{},
			})
		}
		facts[len(facts)-1].Parts[t.Part] = plan.PartSize{Rows: t.Rows, Events: t.Events, NonEvents: t.NonEvents, Labelled: labelled}
	}
	return facts
}

// shared counts, for each hospital, the given rows whose subjects have rows at others, by which ones.
func shared(data *frame.Frame, site, subject *frame.Column, rows []int) map[string][]plan.SharedRows {
	out := map[string][]plan.SharedRows{}
	if subject == nil {
		return out
	}
	at, who := texts(site), texts(subject)
	homes := map[string][]string{}
	for row := range data.Rows() {
		if who[row] != "" && at[row] != "" && !slices.Contains(homes[who[row]], at[row]) {
			homes[who[row]] = append(homes[who[row]], at[row])
		}
	}
	place := map[string]int{} // in the list of a hospital
	for _, row := range rows {
		home := homes[who[row]]
		if at[row] == "" || len(home) < 2 {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(home), func(s string) bool { return s == at[row] })
		slices.Sort(others)
		key := strings.Join(append([]string{at[row]}, others...), "\x00")
		i, known := place[key]
		if !known {
			i = len(out[at[row]])
			place[key] = i
			out[at[row]] = append(out[at[row]], plan.SharedRows{At: others})
		}
		out[at[row]][i].Rows++
	}
	return out
}

// texts are the values of a column as text, as split names hospitals and subjects; "" where there is none.
func texts(c *frame.Column) []string {
	of, names := split.Indexed(c)
	out := make([]string, len(of))
	for row, at := range of {
		if at != frame.Missing {
			out[row] = names[at]
		}
	}
	return out
}

// siteCounts is the account of hospitals: rows of each part, and of each class of the label.
func siteCounts(facts []plan.SiteFact) []plugins.Count {
	var counts []plugins.Count
	for _, f := range facts {
		for _, p := range plugins.AllParts() {
			size := f.Parts[p]
			add := func(name string, value int) {
				counts = append(counts, plugins.Count{Name: name, Dims: map[string]string{"hospital": f.Site, "part": string(p)}, Value: value})
			}
			add("rows of the hospital", size.Rows)
			if size.Labelled {
				add("events of the hospital", size.Events)
			}
		}
	}
	return counts
}

// siteNote says how many hospitals there are, and how many of them say nothing of the label.
func siteNote(facts []plan.SiteFact) string {
	one, labelled := 0, false
	for _, f := range facts {
		var all plan.PartSize
		for _, p := range f.Parts {
			all.Add(p)
		}
		labelled = all.Labelled
		if all.Labelled && (all.Events == 0 || all.NonEvents == 0) {
			one++
		}
	}
	if !labelled || one == 0 {
		return fmt.Sprintf("%d hospitals", len(facts))
	}
	return fmt.Sprintf("%d hospitals, %d of them with one class of the label only", len(facts), one)
}

// restrict keeps the rows of the train hospitals of a cell; its output stands in the place of the split.
func (r *run) restrict(ctx context.Context, s *plan.Step, w plan.RestrictWork) (*artifact, error) {
	data, parts, err := r.splitRows(ctx, s)
	if err != nil {
		return nil, err
	}
	site, err := hospitals(data, w.Site)
	if err != nil {
		return nil, err
	}
	a, err := split.Restrict(parts, site, data.Column(w.Subject), w.Train, w.Barred, w.Match, w.Rand.For(plugins.ForSplit, "restrict"))
	if err != nil {
		return nil, err
	}
	every := make([]int, data.Rows())
	for row := range every {
		every[row] = row
	}
	return shares(a, every), nil
}

// atSites returns the rows of a part that are at the given hospitals.
func atSites(part *frame.Frame, site string, wanted []string) (*frame.Frame, error) {
	c, err := hospitals(part, site)
	if err != nil {
		return nil, err
	}
	set := split.SiteSet{Sites: wanted}
	var rows []int
	for row, at := range texts(c) {
		if set.Has(at) {
			rows = append(rows, row)
		}
	}
	return part.Take(rows), nil
}

// tooFew says why the test rows of a hospital cannot be scored once preparation has left some out; "" when they can. The
// numbers are not told: which rows are left out hangs on single values of them.
func tooFew(pair *plugins.Pair, w plan.MeasureWork) string {
	if w.Minimum == nil {
		return ""
	}
	test := pair.Parts.Get(plugins.Test).Frame
	if w.Shape == plugins.Events {
		return tooFewPatients(pair.Parts.Get(plugins.Test), cmp.Or(w.On, plugins.Test), w.Minimum.Rows)
	}
	short := test.Rows() < w.Minimum.Rows
	if y, err := label.Binary(test.Column(w.Target), ""); err == nil {
		events := 0
		for _, v := range y {
			events += int(v)
		}
		short = short || events < w.Minimum.Events || test.Rows()-events < w.Minimum.NonEvents
	} else {
		short = short || oneValue(test.Column(w.Target))
	}
	if !short {
		return ""
	}
	return fmt.Sprintf("not estimable: the %s rows that are left are fewer than the minimum of %d, %d with the event and %d without",
		cmp.Or(w.On, plugins.Test), w.Minimum.Rows, w.Minimum.Events, w.Minimum.NonEvents)
}

// oneValue reports whether a label has one class only.
func oneValue(c *frame.Column) bool {
	values := map[string]bool{}
	for _, v := range texts(c) {
		values[v] = true
	}
	return len(values) < 2
}
