// Package rate calls a metric on a pair and holds it to its contract. Around the call it does what every metric has in
// common: intervals by subsampling for scores that have none of their own, and the same scores within each group of patients.
//
// It knows the contracts of plugins and no runner: experiments and single pairs of files are rated alike.
package rate

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
)

// Version is raised when equal pairs may be rated otherwise.
const Version = 3

// Job is one metric, and how it is to be called.
type Job struct {
	Metric plugins.Metric
	Info   *plugins.Info
	Env    plugins.Env  // of the metric: its random sources are those that Info declares
	Rand   plugins.Rand // of what is done here: draws from plugins.ForResample

	Subsamples int      // behind the interval of a score that has none of its own; 0 for no such interval
	By         []string // columns whose levels are measured apart, besides all rows together
	Groups     []Group  // likewise, of the dimension plugins.GroupDim
	Minimum    Minimum  // what the test rows of a level must have
	Fewest     int      // rows of restricted data that may be told: no level has fewer, and no fewer are left of all others; 0: any
}

// Minimum is the least number of test rows, and of those with and without the event, that a level is measured on. Of a label
// that has not two classes, only the rows count.
type Minimum struct {
	Rows      int `json:"rows"`
	Events    int `json:"events"`
	NonEvents int `json:"nonevents"`
}

// DefaultSubsamples is the number of subsamples where nothing is replicated: fewer where models are fitted or all pairs of rows
// compared. A metric whose scores have intervals by themselves is not measured on any.
func DefaultSubsamples(info *plugins.Info) int {
	if info.Cost == plugins.PerColumn || info.Cost == plugins.PerColumnPair {
		return 20
	}
	return fewest
}

// Measure returns what the metric measures on all rows, and then on each level of Job.By and each of Job.Groups, marked by a
// dimension with the name of the column, or plugins.GroupDim. The metric is handed no part but those that it reads with its settings. An
// output that breaks the contract is a *Breach.
func (j Job) Measure(ctx context.Context, pair *plugins.Pair) (*plugins.Measurement, error) {
	pair = pair.Only(j.needs()...)
	out, err := j.whole(ctx, pair)
	if err != nil {
		return nil, err
	}
	families, err := j.families(pair)
	if err != nil {
		return nil, err
	}
	for i, lacks := range j.lacks(pair, families) {
		if err := j.slices(ctx, families[i], lacks, out); err != nil {
			return nil, fmt.Errorf("by %s: %w", families[i].dim, err)
		}
	}
	return out, nil
}

// needs lists the parts that are divided into groups and drawn from.
func (j Job) needs() []plugins.Part { return plugins.Needs(j.Metric, j.Info) }

// whole measures all rows of a pair.
func (j Job) whole(ctx context.Context, pair *plugins.Pair) (*plugins.Measurement, error) {
	out, err := j.call(ctx, pair)
	if err != nil || j.Subsamples == 0 || len(j.Info.Reads) == 0 {
		return out, err
	}
	return out, j.addIntervals(ctx, pair, out)
}

// call calls the metric once.
func (j Job) call(ctx context.Context, pair *plugins.Pair) (*plugins.Measurement, error) {
	out, err := j.Metric.Measure(ctx, j.Env, pair.Only(plugins.Reads(j.Metric, j.Info)...))
	if err != nil {
		return nil, err
	}
	if what := breach(out, j.Info); what != "" {
		return nil, &Breach{What: what}
	}
	withhold(out)
	return out, nil
}

// Undefined is every score of a metric without a value, for one reason.
func Undefined(info *plugins.Info, why string) []plugins.Score {
	var scores []plugins.Score
	for _, s := range info.Scores {
		scores = append(scores, plugins.Score{Name: s.Name, Status: plugins.Undefined, Reason: why})
	}
	return scores
}
