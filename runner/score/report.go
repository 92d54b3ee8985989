package score

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// Report is a pair of files with everything that was measured of it, for programs.
type Report struct {
	Shape     plugins.Shape `json:"shape"`
	Files     []File        `json:"files"`
	Columns   []Variable    `json:"columns"`
	Label     string        `json:"label,omitempty"`
	Seed      uint64        `json:"seed"`
	Notes     []string      `json:"notes,omitempty"`
	Yardstick Yardstick     `json:"yardstick"` // behind Score.Real
	Metrics   []Metric      `json:"metrics"`
}

// The states of a metric.
const (
	Measured    = "measured"
	NotMeasured = "not measured" // something is lacking
	Failed      = "failed"
)

// Metric is one metric of a report.
type Metric struct {
	Name     string          `json:"name"`
	Use      string          `json:"use"` // the plugin
	Version  int             `json:"version"`
	Uses     []plugins.Use   `json:"uses,omitempty"`
	Family   plugins.Family  `json:"family"`
	Summary  string          `json:"summary"`
	Source   string          `json:"source,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
	Status   string          `json:"status"`
	Reason   string          `json:"reason,omitempty"` // what it needs, or why it failed
	Scores   []Score         `json:"scores,omitempty"`
	Curves   []plugins.Curve `json:"curves,omitempty"`
	Counts   []plugins.Count `json:"counts,omitempty"`
	Less     *Difference     `json:"less,omitempty"`        // what it is less another metric on the same test rows
	RealLack string          `json:"real_reason,omitempty"` // why the yardstick could not be measured

	Info  *plugins.Info   `json:"-"`
	With  json.RawMessage `json:"-"` // settings of the preset; may be nil
	Stack []byte          `json:"-"` // where it panicked, when it did
}

// Score is a measured value; Value is nil unless the status is OK.
type Score struct {
	plugins.Score
	Value *float64 `json:"value"`
	Real  *Real    `json:"real,omitempty"`
}

// Real is the value of a score with real rows in the place of the synthetic ones.
type Real struct {
	Value    float64           `json:"value"`
	N        int               `json:"n"`
	Interval *plugins.Interval `json:"interval,omitempty"` // where the metric itself gives one
}

// Difference is what the scores of a metric are less those of another: on the same test rows, with intervals by the same resamples.
type Difference struct {
	Minus  string  `json:"minus"` // the name of the other
	Scores []Score `json:"scores"`
}

// Report puts together what became of metrics.
func (p *Pair) Report(rated *Rating) *Report {
	r := &Report{
		Shape: p.Shape, Files: p.Files, Columns: p.Columns, Label: p.Label, Seed: rated.Seed, Notes: p.Notes, Yardstick: rated.Yardstick, Metrics: []Metric{},
	}
	for i := range rated.Metrics {
		m := &rated.Metrics[i]
		out := Metric{
			Name: m.Preset.Name, Use: m.Info.Name, Version: m.Info.Version, Uses: m.Info.Uses, Family: m.Info.Family,
			Summary: cmp.Or(m.Preset.Summary, m.Info.Summary), Source: m.Info.Source,
			Settings: m.Settings, Status: Measured, Info: m.Info, With: m.Preset.With, Stack: m.Stack,
		}
		switch {
		case m.Err != nil:
			out.Status, out.Reason = Failed, m.Err.Error()
		case m.Lacks != "":
			out.Status, out.Reason = NotMeasured, m.Lacks
		default:
			out.Curves, out.Counts = m.Measurement.Curves, m.Measurement.Counts
			out.Scores, out.Less = m.scores(), rated.less(m)
		}
		if m.RealErr != nil {
			out.RealLack = m.RealErr.Error()
		}
		r.Metrics = append(r.Metrics, out)
	}
	return r
}

// scores are the scores of a metric, each beside its yardstick.
func (m *Rated) scores() []Score {
	real := map[string]*Real{}
	if m.Real != nil {
		for _, s := range m.Real.Scores {
			if s.Status == plugins.OK {
				real[rate.Identity(s)] = &Real{Value: s.Value, N: s.N, Interval: s.Interval}
			}
		}
	}
	var out []Score
	for _, s := range m.Measurement.Scores {
		shown := Score{Score: s}
		if s.Status == plugins.OK {
			shown.Value, shown.Real = &s.Value, real[rate.Identity(s)]
		}
		out = append(out, shown)
	}
	return out
}

// less sets a metric against the one that its preset names; nil where it names none, or that one has no scores.
func (r *Rating) less(m *Rated) *Difference {
	at := slices.IndexFunc(r.Metrics, func(o Rated) bool { return o.Preset.Name == m.Preset.Minus && o.Measurement != nil })
	if m.Preset.Minus == "" || at < 0 {
		return nil
	}
	d := &Difference{Minus: m.Preset.Minus}
	for _, s := range rate.Less(m.Measurement, r.Metrics[at].Measurement) {
		d.Scores = append(d.Scores, Score{Score: s, Value: &s.Value})
	}
	if len(d.Scores) == 0 {
		return nil
	}
	return d
}

// Failed counts the metrics that failed.
func (r *Report) Failed() int {
	n := 0
	for _, m := range r.Metrics {
		if m.Status == Failed {
			n++
		}
	}
	return n
}
