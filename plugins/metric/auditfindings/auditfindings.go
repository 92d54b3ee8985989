// Package auditfindings tells what auditors found: by which criteria records are faulted, how often real ones are faulted by the same,
// and how many records have any fault.
package auditfindings

import (
	"context"
	"fmt"
	"math"
	"path"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Criteria  []string `json:"criteria,omitempty"` // patterns of their names; nil: all
	Describe  bool     `json:"describe"`           // criteria are called by name, message and severity, not by name alone
	Least     int      `json:"least"`              // records that break a criterion that is told
	Resamples int      `json:"resamples"`          // of the bootstrap over records; 0 for none
}

const schema = `
// the criteria to look at, in all scores: names, in which * stands for any characters; all unless set
criteria?: [string & !="", ...string & !=""]
// false unless set; true: criteria are called "NAME: MESSAGE (SEVERITY)" in tables and in where, and not by name alone
describe?: bool
// tell only criteria that so many records of a cell break, at least: 0 unless set. With more, a criterion may be told in one cell and
// not in another, and a mean over cells is then of those with findings
least?: int & >=0
// of the bootstrap of findings_per_record: 1000 unless set; 0 for none
resamples?: int & >=0 & <=100000
`

// Names of dimensions.
const (
	criterionDim = "criterion"
	sourceDim    = "source"
)

// every is the value of dimensions of a score that is of nothing in particular, as there is nothing to tell.
const every = "all"

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "audit-findings",
		Version: 1,
		Summary: "what auditors found: the share of records that break each criterion, among real, synthetic, column-shuffled and planted ones",
		Source: "E. B. Wilson (1927), J. Am. Stat. Assoc. 22(158), 209–212; L. Kish (1965), Survey Sampling, section 8.2; " +
			"R. G. Newcombe (1998), Stat. Med. 17(8), 873–890, method 10",
		Schema:  schema,
		Family:  plugins.Audit,
		Cost:    plugins.PerColumn,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test},
		Random:  []plugins.Purpose{plugins.ForResample},
		Uses:    []plugins.Use{compare.Use(), {Name: "stats", Version: stats.Version}},
		Audited: true,
		Need:    func(plugins.Size) plugins.Need { return plugins.Need{Threads: 2, Bytes: 64 << 20} },
		Scores:  scores,
	}, Config{Resamples: 1000}, New)
}

var scores = []plugins.ScoreInfo{
	{
		Name: "rate", Summary: "share of the records of a source that break a criterion, among those that it could be asked of",
		Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{plugins.AuditDim, criterionDim, sourceDim},
	},
	{
		Name: "difference", Summary: "rate of the synthetic records less that of the untouched real ones",
		Min: -1, Max: 1, Better: plugins.Neutral, Ideal: new(0.0), Dims: []string{plugins.AuditDim, criterionDim},
	},
	{
		Name: "error_share", Summary: "share of the scored records of a source that break a criterion whose severity is error",
		Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{plugins.AuditDim, sourceDim},
	},
	{
		Name: "warning_share", Summary: "share of the scored records of a source that break a criterion whose severity is warning",
		Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{plugins.AuditDim, sourceDim},
	},
	{
		Name: "findings_per_record", Summary: "criteria that a scored record of a source breaks, on average",
		Min: 0, Max: math.Inf(1), Better: plugins.Neutral, Dims: []string{plugins.AuditDim, sourceDim},
	},
}

// Suit implements plugins.Suited: a pair of files had no audit.
func (c Config) Suit(plugins.Roles) (config any, lacks string) { return nil, plugins.LacksAudit }

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	for _, pattern := range c.Criteria {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return nil, fmt.Errorf(`"criteria" has %q; want a name, or one with * such as "range-*"`, pattern)
		}
	}
	switch {
	case c.Least < 0:
		return nil, fmt.Errorf(`"least" is %d; want 0 or more`, c.Least)
	case c.Resamples < 0:
		return nil, fmt.Errorf(`"resamples" is %d; want 0 or more`, c.Resamples)
	}
	return metric{c}, nil
}

// wants reports whether a criterion is to be looked at.
func (c *Config) wants(name string) bool {
	for _, pattern := range c.Criteria {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return len(c.Criteria) == 0
}

// Measure tells what each auditor of a cell found, in the records of all rounds.
//
// A record breaks a criterion when it has a finding of it, or several; a rate is of the records that the criterion could be asked of, and
// shares of records are of those with a score. Rates of fewer than plugins.FewestTold subjects of untouched real records are withheld. Of
// data that are restricted, or handed out as synthetic rows, so is what tells that fewer of their rows than may be told of break a
// criterion, or do not.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	if pair.Audit == nil {
		for _, info := range scores {
			out.Scores = append(out.Scores, nothing(info, plugins.NoAuditor, plugins.NoAudit))
		}
		return out, nil
	}
	people := units.New(pair.Parts.Get(plugins.Test))
	for i := range pair.Audit.Reports {
		t := newTally(&pair.Audit.Reports[i], people, m.config, pair, out)
		t.criteria()
		if err := t.records(ctx, env); err != nil {
			return nil, err
		}
		env.Progress(i+1, len(pair.Audit.Reports))
	}
	return out, nil
}

// nothing is a score of an auditor of which there is nothing to tell.
func nothing(info plugins.ScoreInfo, auditor, reason string) plugins.Score {
	s := compare.Undefined(info.Name, reason)
	s.Dims = map[string]string{plugins.AuditDim: auditor}
	for _, d := range info.Dims[1:] {
		s.Dims[d] = every
	}
	return s
}
