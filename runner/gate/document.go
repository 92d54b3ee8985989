package gate

import (
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Document is a report for programs. A number that is not known is null.
type Document struct {
	Format      string         `json:"format"` // "ehrlab check 1"
	Experiment  string         `json:"experiment"`
	Version     string         `json:"version"`   // that was checked
	Passes      bool           `json:"passes"`    // whether the build does
	ExitCode    int            `json:"exit_code"` // 0, 3, 4 or 6
	Verdicts    map[string]int `json:"verdicts"`  // how many comparisons came to each
	Level       float64        `json:"level"`     // simultaneous coverage of all intervals
	Family      int            `json:"family"`    // comparisons that share it
	Simulated   bool           `json:"simulated"`
	Notes       []string       `json:"notes"`
	Comparisons []DocumentItem `json:"comparisons"`
}

// DocumentItem is one comparison of a Document.
type DocumentItem struct {
	Check      string            `json:"check"`
	Score      string            `json:"score"`  // "metric.score"
	Labels     []Label           `json:"labels"` // axes and dimensions that tell it from the other comparisons of the check
	Better     plugins.Direction `json:"better"` // "higher" or "lower"
	Verdict    Verdict           `json:"verdict"`
	Passes     bool              `json:"passes"`
	ExitCode   int               `json:"exit_code"` // that this comparison asks for
	Accepted   bool              `json:"accepted"`  // it passes, but for a limit, as the version has just become the baseline
	Baseline   string            `json:"baseline"`  // e.g. "v3"; empty: there is none
	Why        string            `json:"baseline_why"`
	Old        *float64          `json:"old"`   // mean over the pairs
	New        *float64          `json:"new"`   // likewise; without a baseline over all replicates
	Delta      *float64          `json:"delta"` // new less old in the direction that is better: a loss is negative
	Low        *float64          `json:"low"`   // interval of delta
	High       *float64          `json:"high"`
	Level      *float64          `json:"level"`      // its coverage, after the correction for the family
	Unit       string            `json:"unit"`       // what it is over, e.g. "seeds × test subjects"
	Method     string            `json:"method"`     // how it was made
	Margin     *float64          `json:"margin"`     // the loss that passes
	Detectable *float64          `json:"detectable"` // smallest difference that would be found with a probability of 0.8
	Identical  bool              `json:"identical"`  // the scores of all pairs are equal
	Pairs      int               `json:"pairs"`      // that were compared
	Planned    int               `json:"planned"`
	Limit      *spec.Range       `json:"limit,omitempty"`
	Breach     string            `json:"breach,omitempty"` // how the new value is beyond the limit
	Reasons    []string          `json:"reasons"`          // what differs or is missing, what was left out
	Advice     string            `json:"advice"`
	File       string            `json:"file,omitempty"` // where the check is written
	Line       int               `json:"line,omitempty"`
	Column     int               `json:"column,omitempty"`
}

const documentFormat = "ehrlab check 1"

// Document returns the report for programs.
func (r *Report) Document() Document {
	d := Document{
		Format: documentFormat, Experiment: r.Experiment, Version: r.Checked.Name, ExitCode: r.Code(), Passes: r.Code() == CodePass,
		Verdicts: map[string]int{}, Level: r.Level, Family: r.Family, Simulated: r.Simulated, Notes: append([]string{}, r.Notes...),
		Comparisons: []DocumentItem{},
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		d.Verdicts[string(c.Verdict)]++
		d.Comparisons = append(d.Comparisons, c.item())
	}
	return d
}

func (c *Comparison) item() DocumentItem {
	out := DocumentItem{
		Check: c.Check.Name, Score: c.Score, Labels: append([]Label{}, c.Labels...), Better: c.Direction, Verdict: c.Verdict, Passes: c.Passes(),
		ExitCode: c.Code(), Accepted: c.Accepted, Why: c.Baseline.Why, Unit: c.Unit, Method: c.Method, Identical: c.Identical, Pairs: c.N, Planned: c.Of,
		Limit: c.Check.Limit, Breach: c.Breach, Reasons: append([]string{}, c.Why...), Advice: c.Advice,
		File: c.Check.File, Line: c.Check.Line, Column: c.Check.Column,
	}
	if c.Baseline.Version != nil {
		out.Baseline = c.Baseline.Name
	}
	if c.Compared {
		out.Old = known(c.Old)
	}
	if c.Compared || c.Measured {
		out.New = known(c.New)
	}
	if c.estimated() {
		out.Delta, out.Low, out.High, out.Level, out.Margin = known(c.Delta), known(c.Low), known(c.High), known(c.Level), known(c.Margin)
		if c.Identical {
			out.Level = nil
		}
		if c.Detectable > 0 {
			out.Detectable = known(c.Detectable)
		}
	}
	return out
}

// known is a finite number; nil for any other.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
