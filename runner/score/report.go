package score

import (
	"encoding/json"

	"github.com/ehrlab/ehrlab/plugins"
)

// Report is a pair of files with everything that was measured of it, for programs.
type Report struct {
	Shape   plugins.Shape `json:"shape"`
	Files   []File        `json:"files"`
	Columns []Variable    `json:"columns"`
	Label   string        `json:"label,omitempty"`
	Seed    uint64        `json:"seed"`
	Notes   []string      `json:"notes,omitempty"`
	Metrics []Metric      `json:"metrics"`
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

	Info  *plugins.Info   `json:"-"`
	With  json.RawMessage `json:"-"` // settings of the preset; may be nil
	Stack []byte          `json:"-"` // where it panicked, when it did
}

// Score is a measured value; Value is nil unless the status is OK.
type Score struct {
	plugins.Score
	Value *float64 `json:"value"`
}

// Report puts together what became of metrics.
func (p *Pair) Report(rated []Rated, seed uint64) *Report {
	r := &Report{Shape: p.Shape, Files: p.Files, Columns: p.Columns, Label: p.Label, Seed: seed, Notes: p.Notes, Metrics: []Metric{}}
	for _, m := range rated {
		out := Metric{
			Name: m.Name, Use: m.Info.Name, Version: m.Info.Version, Uses: m.Info.Uses, Family: m.Info.Family, Summary: m.Info.Summary,
			Source: m.Info.Source, Settings: m.Settings, Status: Measured, Info: m.Info, With: m.With, Stack: m.Stack,
		}
		switch {
		case m.Err != nil:
			out.Status, out.Reason = Failed, m.Err.Error()
		case m.Lacks != "":
			out.Status, out.Reason = NotMeasured, m.Lacks
		default:
			out.Curves, out.Counts = m.Measurement.Curves, m.Measurement.Counts
			for _, s := range m.Measurement.Scores {
				shown := Score{Score: s}
				if s.Status == plugins.OK {
					shown.Value = &s.Value
				}
				out.Scores = append(out.Scores, shown)
			}
		}
		r.Metrics = append(r.Metrics, out)
	}
	return r
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
