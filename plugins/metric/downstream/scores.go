package downstream

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// scores lists what Measure returns, in order. The first four rate the model; the others describe the rows, so
// that AUPRC never stands without the prevalence that a random ranking would reach.
var scores = []plugins.ScoreInfo{
	{Name: "auroc", Summary: "area under the ROC curve on the test rows, ties counting half", Min: 0, Max: 1, Better: plugins.Higher},
	{Name: "auprc", Summary: "average precision on the test rows; a random ranking reaches about prevalence_test", Min: 0, Max: 1, Better: plugins.Higher},
	{Name: "brier", Summary: "mean squared error of the predicted probabilities on the test rows", Min: 0, Max: 1, Better: plugins.Lower},
	{Name: "log_loss", Summary: "mean -ln of the probability given to the true label on the test rows, clipped to [1e-15, 1 - 1e-15], in nats; at most 34.54", Min: 0, Max: stats.MaxLogLoss, Better: plugins.Lower},
	{Name: "prevalence_test", Summary: "share of positive labels in the test rows", Min: 0, Max: 1, Better: plugins.Neutral},
	{Name: "events_test", Summary: "test rows with a positive label", Min: 0, Max: math.Inf(1), Better: plugins.Neutral},
	{Name: "prevalence_train", Summary: "share of positive labels in the training rows", Min: 0, Max: 1, Better: plugins.Neutral},
}

// rating is the scores that rate the model: the first four.
const rating = 4

func allUndefined(reason string) []plugins.Score {
	out := make([]plugins.Score, len(scores))
	for i, s := range scores {
		out[i] = plugins.Score{Name: s.Name, Status: plugins.Undefined, Reason: reason}
	}
	return out
}

// modelUndefined returns the scores that rate the model when there is none.
func modelUndefined(reason string) []plugins.Score { return allUndefined(reason)[:rating] }

// describe adds to the scores of the model those of the rows, and to all of them the warnings of the task.
func (t *task) describe(rated []plugins.Score) []plugins.Score {
	share := func(r *rows) float64 { return float64(r.events()) / float64(len(r.y)) }
	out := append(rated,
		about("prevalence_test", t.test, share),
		about("events_test", t.test, func(r *rows) float64 { return float64(r.events()) }),
		about("prevalence_train", t.train, share))
	for i := range out {
		out[i].Warnings = append(out[i].Warnings, t.warnings...)
	}
	return out
}

func about(name string, r *rows, value func(*rows) float64) plugins.Score {
	if len(r.y) == 0 {
		return plugins.Score{Name: name, Status: plugins.Undefined, Reason: r.lacks()}
	}
	return plugins.Score{Name: name, Value: value(r), N: len(r.y), Status: plugins.OK}
}

// few is the number of rows of a class below which a percentile interval tends to be too short.
const few = 20

// rate returns the scores that rate the model, with their intervals. On test rows of one class the ranking
// measures are undefined; Brier score and log loss are not, but have no interval: no resample would have two classes.
func (c Config) rate(ctx context.Context, env plugins.Env, t *task, p *stats.Predictions) ([]plugins.Score, error) {
	out := modelUndefined(t.test.lacks())
	out[stats.DrawBrier] = plugins.Score{Name: "brier", Value: p.Brier(), Status: plugins.OK}
	out[stats.DrawLogLoss] = plugins.Score{Name: "log_loss", Value: p.LogLoss(), Status: plugins.OK}
	auroc, err := p.AUROC()
	if err == nil {
		auprc, _ := p.AUPRC() // defined whenever AUROC is
		out[stats.DrawAUROC] = plugins.Score{Name: "auroc", Value: auroc, Status: plugins.OK}
		out[stats.DrawAUPRC] = plugins.Score{Name: "auprc", Value: auprc, Status: plugins.OK}
	}
	for i := range out {
		out[i].N = p.Rows()
	}
	if err != nil || c.Resamples == 0 {
		return out, nil
	}
	return out, c.addIntervals(ctx, env, t.test, p, out)
}

func (c Config) addIntervals(ctx context.Context, env plugins.Env, test *rows, p *stats.Predictions, rated []plugins.Score) error {
	draws, err := p.Bootstrap(ctx, stats.Bootstrap{
		Units: test.units, Resamples: c.Resamples, Threads: env.Threads,
		Source: func(i int) *rand.Rand { return env.Rand.For(plugins.ForResample, strconv.Itoa(i)) },
	}, test.unit)
	if err != nil {
		return err
	}
	var warnings []string
	if events := p.Events(); min(events, p.Rows()-events) < few {
		warnings = append(warnings, fmt.Sprintf("fewer than %d test rows of one class: the intervals are rough", few))
	}
	if draws.Redrawn > 0 {
		warnings = append(warnings, fmt.Sprintf("%d bootstrap resamples had one label class and were drawn again", draws.Redrawn))
	}
	for i := range rated {
		low, high, err := draws.Interval(i, c.Level)
		if err != nil {
			return err
		}
		rated[i].Interval = &plugins.Interval{
			Low: low, High: high, Level: c.Level, Unit: test.of,
			Method: fmt.Sprintf("percentile bootstrap, %d resamples", c.Resamples),
		}
		rated[i].Warnings = append(rated[i].Warnings, warnings...)
	}
	return nil
}
