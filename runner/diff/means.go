package diff

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Mean is a score's mean over replicates that differs between the versions, over the pairs that have both values.
type Mean struct {
	Metric string            `json:"metric"`
	Name   string            `json:"score"`
	Dims   map[string]string `json:"dims,omitempty"`
	Axes   map[string]string `json:"axes"`
	Was    float64           `json:"was"`
	Is     float64           `json:"is"`
	N      int               `json:"n"`  // pairs that have both values
	Of     int               `json:"of"` // pairs that one version has at least

	// Low and High are the interval of the difference, not adjusted for how many there are; nil where there is none, and Why says why.
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
	Unit string   `json:"unit,omitempty"` // of the interval, e.g. "seeds × test subjects"
	Why  string   `json:"why,omitempty"`
}

// Change is by how much the mean differs.
func (m *Mean) Change() float64 { return m.Is - m.Was }

// Clear reports whether the interval excludes 0.
func (m *Mean) Clear() bool { return m.Low != nil && (*m.Low > 0 || *m.High < 0) }

// group is the pairs of one mean.
type group struct {
	mean    Mean
	dataset string
	pairs   []contrast.Pair
}

// means lists the means that differ. why says what is no pair, as comparable does.
func (p *paired) means(why map[string]string, level float64) ([]Mean, error) {
	replicates := contrast.Replicates(&p.b.Manifest)
	uses, plugin := usesOf(p.b), map[string]string{}
	for _, d := range p.b.Manifest.Data {
		plugin[d.Name] = d.Plugin
	}
	out := []Mean{}
	for _, g := range p.groups(replicates) {
		g.mean.Of = len(g.pairs)
		var was, is []float64
		for _, pr := range g.pairs {
			if pr.Why == "" {
				was, is = append(was, pr.B.Value), append(is, pr.A.Value)
			}
		}
		if g.mean.N = len(was); g.mean.N == 0 || slices.Equal(was, is) {
			continue
		}
		g.mean.Was, g.mean.Is = average(was), average(is)
		for _, key := range []string{"", "data " + g.dataset, "plugin " + plugin[g.dataset], "metric " + g.mean.Metric, "use " + uses[g.mean.Metric]} {
			if g.mean.Why == "" {
				g.mean.Why = why[key]
			}
		}
		if g.mean.Why == "" {
			if err := g.interval(level); err != nil {
				return nil, err
			}
		}
		out = append(out, g.mean)
	}
	return out, nil
}

func average(values []float64) float64 {
	sum := 0.
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// interval adds the interval of the difference.
func (g *group) interval(level float64) error {
	e, err := contrast.Estimate(g.pairs, level)
	switch {
	case errors.Is(err, contrast.ErrTestRows):
		g.mean.Why = err.Error()
		return nil
	case err != nil:
		return err
	case e.Unsure != "":
		g.mean.Why = e.Unsure
		return nil
	}
	if !math.IsInf(e.Low, 0) && !math.IsInf(e.High, 0) {
		g.mean.Low, g.mean.High, g.mean.Unit = &e.Low, &e.High, e.Unit
	}
	return nil
}

// groups collects the scores of matched cells that differ by replicates alone.
func (p *paired) groups(replicates map[string]bool) []*group {
	var list []*group
	byKey := map[string]*group{}
	for _, at := range p.pairs {
		was, is := &p.a.Cells[at[0]], &p.b.Cells[at[1]]
		if was.Status != record.CellOK && is.Status != record.CellOK {
			continue
		}
		axes := maps.Clone(is.Axes)
		var unit []string
		for _, axis := range p.b.Manifest.Axes {
			if _, ok := replicates[axis]; ok {
				if v, has := axes[axis]; has {
					unit = append(unit, axis+" "+v)
				}
				delete(axes, axis)
			}
		}
		place, label := textOf(axes), strings.Join(unit, ", ")
		keys := p.orderB[is.ID]
		for _, key := range p.orderA[was.ID] {
			if p.scoresB[is.ID][key] == nil {
				keys = append(keys[:len(keys):len(keys)], key)
			}
		}
		for _, key := range keys {
			g := byKey[place+"\x01"+key]
			before, after := p.scoresA[was.ID][key], p.scoresB[is.ID][key]
			if g == nil {
				some := after
				if some == nil {
					some = before
				}
				g = &group{mean: Mean{Metric: some.Metric, Name: some.Name, Dims: some.Dims, Axes: axes}, dataset: axes["dataset"]}
				byKey[place+"\x01"+key] = g
				list = append(list, g)
			}
			g.pairs = append(g.pairs, contrast.Pair{
				A: after, B: before, CellA: is.ID, CellB: was.ID, Label: label, Unit: label, Why: noPair(before, after),
			})
		}
	}
	return list
}

// noPair says why two scores are no pair; "" where both have a value.
func noPair(before, after *record.Score) string {
	switch {
	case before == nil || after == nil:
		return "only one version measures it"
	case before.Status != plugins.OK || after.Status != plugins.OK:
		return "one of the two has no value"
	}
	return ""
}

// usesOf are the plugins of metrics, by the experiment's names.
func usesOf(c *record.Core) map[string]string {
	var resolved struct {
		Metrics []struct{ Name, Use string } `json:"metrics"`
	}
	out := map[string]string{}
	if json.Unmarshal(c.Manifest.Resolved, &resolved) != nil { // a record without it has no plugin to compare either
		return out
	}
	for _, m := range resolved.Metrics {
		out[m.Name] = m.Use
	}
	return out
}
