// Package diff says how two recorded versions differ: in the experiment, in what went into it, and in the numbers.
//
// It reads records alone. What it finds is for people to judge: whether a difference is a loss is the business of package gate.
package diff

import (
	"slices"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/runner/record"
)

// Diff is all that differs between two versions; A came before B.
type Diff struct {
	A          Side     `json:"a"`
	B          Side     `json:"b"`
	Same       bool     `json:"same"`              // experiment, choices and numbers are equal, and what went in
	Experiment []Change `json:"experiment"`        // fields of the resolved experiment, and of what is made of its scores
	Inputs     []Change `json:"inputs"`            // data, files, plugins, models, numeric class and tool
	Choices    []Change `json:"choices,omitempty"` // what searches came to
	Cells      Cells    `json:"cells"`
	Scores     []Scores `json:"scores"` // by score, in the order of B's manifest
	Means      []Mean   `json:"means"`  // over replicates, those that changed, in the order of B's cells and scores
	Level      float64  `json:"level"`  // coverage of the intervals of Means
}

// Side is one of the two versions.
type Side struct {
	Experiment string    `json:"experiment"`
	Version    string    `json:"version"`
	Complete   bool      `json:"complete"`
	Finished   time.Time `json:"finished"`
}

// Change is a field that has another value. An empty value is a field that is not there.
type Change struct {
	Field string `json:"field"` // as in the experiment file, e.g. "datasets.icu.split.seed", or e.g. "data set icu: file stays"
	Was   string `json:"was,omitempty"`
	Is    string `json:"is,omitempty"`
}

// Level is the coverage of intervals where none is asked for.
const Level = 0.95

// Compare finds what differs. The names say which versions these are, e.g. "v1".
func Compare(a, b *record.Version) (*Diff, error) {
	d := &Diff{A: sideOf(a), B: sideOf(b), Level: Level}
	var err error
	if d.Experiment, err = Experiment(a.Core.Manifest.Resolved, b.Core.Manifest.Resolved); err != nil {
		return nil, err
	}
	shown, err := Declared(&a.Views, &b.Views)
	if err != nil {
		return nil, err
	}
	d.Experiment = append(append([]Change{}, d.Experiment...), shown...) // a list, in JSON
	d.Inputs = append([]Change{}, Inputs(&a.Core.Manifest, &b.Core.Manifest)...)
	d.Choices = choices(a.Core.Manifest.Choices, b.Core.Manifest.Choices)
	p := pair(a.Core, b.Core)
	d.Cells = p.cells()
	d.Scores = p.scores()
	if d.Means, err = p.means(comparable(d), d.Level); err != nil {
		return nil, err
	}
	d.Same = len(d.Experiment)+len(d.Inputs)+len(d.Choices) == 0 && d.equalNumbers()
	return d, nil
}

// notDecided is what a search came to that could not be decided. One that a version does not have came to nothing.
const notDecided = "not decided"

// choices are what searches came to otherwise in the second version, by "best.NAME".
func choices(a, b []record.Choice) []Change {
	var out []Change
	chosen := func(list []record.Choice, search string) string {
		for i := range list {
			switch c := &list[i]; {
			case c.Search != search:
			case c.Best < 0:
				return notDecided
			default:
				return strings.Join(c.Candidates[c.Best].Values, ", ")
			}
		}
		return ""
	}
	seen := map[string]bool{}
	for _, c := range slices.Concat(b, a) {
		if was, is := chosen(a, c.Search), chosen(b, c.Search); was != is && !seen[c.Search] {
			out = append(out, Change{Field: "best." + c.Search, Was: was, Is: is})
		}
		seen[c.Search] = true
	}
	return out
}

func sideOf(v *record.Version) Side {
	m := &v.Core.Manifest
	return Side{Experiment: m.Experiment, Version: v.Name, Complete: m.Complete, Finished: m.Finished}
}

// equalNumbers reports whether all cells and scores of one version are in the other, with equal values.
func (d *Diff) equalNumbers() bool {
	if len(d.Cells.Added)+len(d.Cells.Missing)+len(d.Cells.Status) > 0 {
		return false
	}
	for i := range d.Scores {
		if s := &d.Scores[i]; s.Added+s.Missing+s.Changed+s.Status+s.Else > 0 {
			return false
		}
	}
	return true
}
