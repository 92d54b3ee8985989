package spec

import (
	"fmt"
	"slices"
	"strconv"

	"cuelang.org/go/cue"
)

// Sites is an arrangement of train and test hospitals: what a value of the site axis stands for.
//
// Each, leave-one-out and grid give a cell for every hospital, or group of hospitals, whose test part is large enough:
// which there are is known when the data have been split. In place of the axis site alone, cells then have train_site
// and test_site too.
type Sites struct {
	Name  string   `json:"name"`
	Use   string   `json:"use"`             // "all", "each", "leave-one-out" or "grid"
	By    string   `json:"by,omitempty"`    // column whose values group the hospitals
	Size  []int    `json:"size,omitempty"`  // groups by rows: the least of each group but the first, ascending
	Match string   `json:"match,omitempty"` // "smallest", "own" or a number: train rows are drawn down to as many
	Only  []string `json:"only,omitempty"`  // the hospitals or groups to look at; none: all
}

// The arrangements that need no declaration.
const (
	AllSites    = "all"           // all hospitals together, as without the axis
	EachSite    = "each"          // train and test at the same hospital
	LeaveOneOut = "leave-one-out" // train at all others
	Grid        = "grid"          // train at each, test at each
)

func builtInSites() []string { return []string{AllSites, EachSite, LeaveOneOut, Grid} }

// The axes that hospitals give values of, where the axis site is used.
const (
	TrainSite = "train_site"
	TestSite  = "test_site"
)

// NoSize is the sample size of a cell that is not estimable and would have had as many rows as a part of its data.
const NoSize = "-"

// OtherSites is the value of train_site where a model is trained at all hospitals but the test hospital.
const OtherSites = "others"

// ArrangementOf returns the arrangement of a value of the site axis.
func (e *Experiment) ArrangementOf(name string) Sites {
	for _, s := range e.Sites {
		if s.Name == name {
			return s
		}
	}
	return Sites{Name: name, Use: name}
}

// Whole reports whether the arrangement is all hospitals together: there is nothing to wait for.
func (s Sites) Whole() bool { return s.Use == AllSites }

// Minimum is what the test part of a hospital or group must have for its scores to be estimated.
type Minimum struct {
	Rows      int `json:"rows"`
	Events    int `json:"events"` // rows with the label
	NonEvents int `json:"nonevents"`
}

// defaultMinimum: with fewer than ten events, or ten others, an AUROC says next to nothing (an interval of 0.3 or more).
var defaultMinimum = Minimum{Rows: 50, Events: 10, NonEvents: 10}

func minimum(n *node) Minimum {
	m := defaultMinimum
	for name, to := range map[string]*int{"rows": &m.Rows, "events": &m.Events, "nonevents": &m.NonEvents} {
		if f := n.field(name); f.is(cue.IntKind) {
			*to = int(number(f))
		}
	}
	return m
}

func sites(n *node) Sites {
	s := Sites{Name: n.name(), Use: text(n.field("use")), By: text(n.field("by")), Only: values(n.field("only"))}
	if f := n.field("size"); f.is(cue.ListKind) {
		for _, v := range f.items {
			s.Size = append(s.Size, int(number(v)))
		}
	}
	if f := n.field("match"); f.is(cue.StringKind | cue.IntKind) {
		s.Match = value(f).String()
	}
	return s
}

// values are the values of a list, as texts.
func values(n *node) []string {
	if !n.is(cue.ListKind) {
		return nil
	}
	out := make([]string, len(n.items))
	for i, v := range n.items {
		out[i] = value(v).String()
	}
	return out
}

// checkSites checks the declared arrangements.
func (l *loader) checkSites() {
	for i, n := range l.entries("sites") {
		if slices.Contains(builtInSites(), n.name()) {
			l.wrong(n, n.label, "%q has a meaning of its own; an arrangement needs another name", n.name())
			continue
		}
		s := &l.exp.Sites[i]
		by, size, match := n.field("by"), n.field("size"), n.field("match")
		switch {
		case s.Use == AllSites && (by != nil || size != nil || match != nil || n.field("only") != nil):
			l.wrong(n, n.field("use").at, `"all" takes all hospitals together; by, size, match and only go with "each", "leave-one-out" and "grid"`)
		case by != nil && size != nil:
			l.wrong(size, size.label, "by and size both form groups of hospitals; give one of them")
		case s.Match == "own" && s.Use == Grid:
			l.wrong(match, match.at, `"own" is as many train rows as the test hospital has, which differs along a row of a grid; use "smallest" or a number`)
		}
		if size.is(cue.ListKind) {
			if len(s.Size) == 0 {
				l.wrong(size, size.at, "must have at least one value")
			}
			for k := 1; k < len(s.Size); k++ {
				if s.Size[k] <= s.Size[k-1] {
					l.wrong(size, size.items[k].at, "must ascend: %d follows %d", s.Size[k], s.Size[k-1])
				}
			}
		}
		if only := n.field("only"); only.is(cue.ListKind) && len(only.items) == 0 {
			l.wrong(only, only.at, "must have at least one value; leave it out for all hospitals")
		}
	}
}

// checkSiteAxis demands hospitals of every data set that a block combines with an arrangement of them.
func (l *loader) checkSiteAxis() {
	if !l.usesAxis("site") {
		return
	}
	list := l.root.field("matrix")
	for i := range l.exp.Matrix {
		b, n := &l.exp.Matrix[i], list.items[i]
		arranged := slices.ContainsFunc(b.allValues("site"), func(v Value) bool { return !l.exp.ArrangementOf(v.Text).Whole() })
		if !arranged {
			continue
		}
		for _, v := range l.exp.mayBe("dataset", b.allValues("dataset")) {
			d := l.datasetNamed(v.Text)
			node := l.root.find("datasets", v.Text)
			known := l.opts.NoHeaders || l.exp.Headers[d.Name] != nil
			if d.Site == "" && node.field("site") == nil && known && !node.part {
				at := n.field("site")
				if at == nil {
					at = n
				}
				l.wrong(at, at.label, "data set %q names no site column", d.Name)
			}
			if d.Split.By == "site" {
				l.rep.warn(joinPath(n.below("site")), n.field("site").label,
					`data set %q is split by site, so that a hospital is in one part only: an arrangement of hospitals finds few with both train and test rows; by: "subject" keeps all of them`, d.Name)
			}
		}
	}
}

// allValues are the values of an axis in the product and the further cells of a block.
func (b *Block) allValues(axis string) []Value {
	out := slices.Clone(b.values(axis))
	for _, cell := range b.Include {
		if v, ok := cell[axis]; ok && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// siteOne and siteTwo stand for hospitals that are not known yet; no hospital has such a name.
const siteOne, siteTwo = "\x00one", "\x00two"

// siteCells are stand-ins for what an arrangement gives: two hospitals for each axis that has several.
func siteCells(s Sites) [][2]string {
	switch s.Use {
	case EachSite:
		return [][2]string{{siteOne, siteOne}, {siteTwo, siteTwo}}
	case LeaveOneOut:
		return [][2]string{{OtherSites, siteOne}, {OtherSites, siteTwo}}
	case Grid:
		return [][2]string{{siteOne, siteOne}, {siteOne, siteTwo}, {siteTwo, siteOne}, {siteTwo, siteTwo}}
	}
	return [][2]string{{AllSites, AllSites}}
}

// MatchRows returns the number that Match gives; ok is false when it is none.
func (s Sites) MatchRows() (rows int, ok bool) {
	rows, err := strconv.Atoi(s.Match)
	return rows, err == nil
}

// Label is the name of a group of hospitals by rows, given the position of its least in Size; -1 is the first group.
func (s Sites) Label(group int) string {
	switch {
	case group < 0:
		return fmt.Sprintf("below %d rows", s.Size[0])
	case group == len(s.Size)-1:
		return fmt.Sprintf("%d rows or more", s.Size[group])
	}
	return fmt.Sprintf("%d to %d rows", s.Size[group], s.Size[group+1]-1)
}
