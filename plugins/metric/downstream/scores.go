package downstream

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// scores lists what Measure returns, in order. Those before threshold rate the model, in the order of the quantities of
// stats.Predictions.Rate; the others describe the rows, so that AUPRC never stands without the prevalence that a random
// ranking would reach.
var scores = slices.Concat(plugins.Agree(plugins.Trees(), []plugins.ScoreInfo{
	{Name: "auroc", Summary: "area under the ROC curve on the test rows, ties counting half", Min: 0, Max: 1, Better: plugins.Higher},
	{Name: "auprc", Summary: "average precision on the test rows; a random ranking reaches about prevalence_test", Min: 0, Max: 1, Better: plugins.Higher},
	{Name: "brier", Summary: "mean squared error of the predicted probabilities on the test rows", Min: 0, Max: 1, Better: plugins.Lower},
	{Name: "log_loss", Summary: "mean -ln of the probability given to the true label on the test rows, clipped to [1e-15, 1 - 1e-15], in nats; at most 34.54", Min: 0, Max: stats.MaxLogLoss, Better: plugins.Lower},
	{Name: "ece_10", Summary: "expected calibration error: mean |share of events - mean probability| over ten equal bins of the probability", Min: 0, Max: 1, Better: plugins.Lower},
	{Name: "calibration_intercept", Summary: "intercept of the logistic regression of the label on the logit of the probability; 0 is ideal", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0)},
	{Name: "calibration_slope", Summary: "slope of the logistic regression of the label on the logit of the probability; 1 is ideal, below it predictions are too extreme", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(1.0)},
	{Name: "calibration_in_the_large", Summary: "what has to be added to the logit of the probabilities so that their mean is the share of events; 0 is ideal", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0)},
}), decided("_at_0.5", "of rows with a probability of at least 0.5"), decided("", "of rows with a probability of at least the threshold"), plugins.Agree(plugins.TreesDecide(), []plugins.ScoreInfo{
	{Name: "threshold", Summary: "probability from which a row is called positive, as chosen on the tuning rows; with folds, the mean over them", Min: 0, Max: 1, Better: plugins.Neutral, NoInterval: plugins.Description},
	{Name: "prevalence_test", Summary: "share of positive labels in the test rows", Min: 0, Max: 1, Better: plugins.Neutral, NoInterval: plugins.Description},
	{Name: "events_test", Summary: "test rows with a positive label", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Neutral, NoInterval: plugins.Description},
	{Name: "prevalence_train", Summary: "share of positive labels in the training rows", Min: 0, Max: 1, Better: plugins.Neutral, NoInterval: plugins.Description},
}, "threshold"))

// decided lists the scores of a decision, in the order of the quantities from stats.DrawF1 on.
func decided(suffix, called string) []plugins.ScoreInfo {
	called = ", for calls " + called
	return plugins.Agree(plugins.TreesDecide(), []plugins.ScoreInfo{
		{Name: "f1" + suffix, Summary: "harmonic mean of precision and recall" + called + "; 0/0 is 0", Min: 0, Max: 1, Better: plugins.Higher},
		{Name: "precision" + suffix, Summary: "share of events among the rows called positive" + called + "; 0/0 is 0", Min: 0, Max: 1, Better: plugins.Higher},
		{Name: "recall" + suffix, Summary: "share of the events that are called positive" + called + "; 0/0 is 0", Min: 0, Max: 1, Better: plugins.Higher},
		{Name: "specificity" + suffix, Summary: "share of the other rows that are not called positive" + called + "; 0/0 is 0", Min: 0, Max: 1, Better: plugins.Higher},
		{Name: "balanced_accuracy" + suffix, Summary: "mean of recall and specificity" + called, Min: 0, Max: 1, Better: plugins.Higher},
		{Name: "mcc" + suffix, Summary: "Matthews' correlation of label and call" + called + "; 0/0 is 0", Min: -1, Max: 1, Better: plugins.Higher},
	})
}

// fixed is the threshold that decisions are rated at besides the chosen one.
const fixed = 0.5

// The decisions, in order: at fixed, and at the chosen threshold.
var (
	chosen = stats.DrawAt(stats.DrawF1, 1) // the first quantity of the second
	rating = stats.DrawAt(stats.DrawF1, 2) // the number of quantities, and of scores that rate the model
)

func allUndefined(reason string) []plugins.Score {
	out := make([]plugins.Score, len(scores))
	for i, s := range scores {
		out[i] = plugins.Score{Name: s.Name, Status: plugins.Undefined, Reason: reason}
	}
	return out
}

// modelUndefined returns the scores of the model, and its threshold, when there is none.
func modelUndefined(reason string) []plugins.Score { return allUndefined(reason)[:rating+1] }

// describe adds to the scores of the model those of the rows, and to all of them the warnings of the task.
func (t *task) describe(rated []plugins.Score) []plugins.Score {
	share := func(r *rows) float64 { return float64(r.Events()) / float64(len(r.Y)) }
	out := append(rated,
		about("prevalence_test", t.test, share),
		about("events_test", t.test, func(r *rows) float64 { return float64(r.Events()) }),
		about("prevalence_train", t.train, share))
	for i := range out {
		out[i].Warnings = append(out[i].Warnings, t.warnings...)
	}
	return out
}

func about(name string, r *rows, value func(*rows) float64) plugins.Score {
	if len(r.Y) == 0 {
		return plugins.Score{Name: name, Status: plugins.Undefined, Reason: r.lacks()}
	}
	return plugins.Score{Name: name, Value: value(r), N: len(r.Y), Status: plugins.OK}
}

// few is the number of rows of a class below which a percentile interval tends to be too short.
const few = 20

// rate returns the scores that rate the model, and its threshold, with their intervals, and the draws behind these. On test rows of
// one class the ranking and the calibration line are undefined; what is defined has no interval: no resample would have two classes.
func (c Config) rate(ctx context.Context, env plugins.Env, t *task, p *stats.Predictions, predicted *prediction) ([]plugins.Score, []plugins.Draws, error) {
	half := make([]bool, len(predicted.p))
	for i, v := range predicted.p {
		half[i] = v >= fixed
	}
	rated := p.Rate(half, predicted.called)
	out := make([]plugins.Score, rating+1)
	for i := range out {
		out[i] = plugins.Score{Name: scores[i].Name, N: p.Rows(), Status: plugins.OK, Value: predicted.threshold}
		reason := ""
		if i < rating {
			out[i].Value = rated.Values[i]
			if err := rated.Reasons[i]; err != nil {
				reason = err.Error()
			}
		}
		if lacks := t.test.lacks(); reason != "" && lacks != "" {
			reason = lacks
		}
		if i >= chosen && predicted.untuned != "" {
			reason = predicted.untuned
		}
		if reason != "" {
			out[i] = plugins.Score{Name: scores[i].Name, N: p.Rows(), Status: plugins.Undefined, Reason: reason}
		}
		out[i].Warnings = append(out[i].Warnings, predicted.warnings...)
	}
	lacks := t.test.lacks()
	if lacks != "" && c.Resamples > 0 {
		for i := range out[:rating] {
			if out[i].Status == plugins.OK {
				out[i].Warnings = append(out[i].Warnings, plugins.WithoutInterval+lacks)
			}
		}
	}
	if lacks != "" || c.Resamples == 0 {
		return out, nil, c.delong(t, predicted.p, out)
	}
	resampled, err := p.Bootstrap(ctx, stats.Bootstrap{
		Units: t.test.units, Resamples: c.Resamples, Threads: env.Threads,
		Source: func(i int) *rand.Rand { return env.Rand.For(plugins.ForResample, strconv.Itoa(i)) },
	}, t.test.unit, half, predicted.called)
	if err != nil {
		return nil, nil, err
	}
	if err := c.addIntervals(t, p, resampled, out); err != nil {
		return nil, nil, err
	}
	return out, c.draws(t, resampled, out), c.delong(t, predicted.p, out)
}

// fewestDefined is the share of the resamples that have to have a value for an interval to mean something.
const fewestDefined = 0.95

// addIntervals adds percentile intervals. Resampling adds to a calibration error, which is a mean of absolute values, as
// much as sampling has: its interval is reflected at the value instead.
//
// Source: B. Efron (1981), Can. J. Stat. 9(2), 139–158; A. C. Davison, D. V. Hinkley (1997), Bootstrap Methods and their
// Application, section 5.2 (the basic interval).
func (c Config) addIntervals(t *task, p *stats.Predictions, resampled *stats.Draws, out []plugins.Score) error {
	warnings := c.caveats(p, resampled)
	for i := range out[:rating] {
		s := &out[i]
		if s.Status != plugins.OK {
			continue
		}
		values := defined(resampled.Values(i))
		if float64(len(values)) < fewestDefined*float64(c.Resamples) {
			s.Warnings = append(s.Warnings, fmt.Sprintf(plugins.WithoutInterval+"undefined in %d of %d bootstrap resamples", c.Resamples-len(values), c.Resamples))
			continue
		}
		slices.Sort(values)
		low, err := stats.Percentile(values, (1-c.Level)/2)
		if err != nil {
			return err
		}
		high, err := stats.Percentile(values, (1+c.Level)/2)
		if err != nil {
			return err
		}
		method := "percentile"
		if i == stats.DrawECE {
			method = "basic"
			low, high = max(0, 2*s.Value-high), min(1, max(0, 2*s.Value-low))
		}
		s.Interval = &plugins.Interval{
			Low: low, High: high, Level: c.Level, Unit: t.test.of,
			Method: fmt.Sprintf("%s bootstrap, %d resamples", method, c.Resamples),
		}
		s.Warnings = append(s.Warnings, warnings...)
	}
	return nil
}

func (c Config) caveats(p *stats.Predictions, resampled *stats.Draws) []string {
	var warnings []string
	if events := p.Events(); min(events, p.Rows()-events) < few {
		warnings = append(warnings, fmt.Sprintf("fewer than %d test rows of one class: the intervals are rough", few))
	}
	if resampled.Redrawn > 0 {
		warnings = append(warnings, fmt.Sprintf("%d bootstrap resamples had one label class and were drawn again", resampled.Redrawn))
	}
	return warnings
}

func defined(values []float64) []float64 {
	out := make([]float64, 0, len(values))
	for _, v := range values {
		if !math.IsNaN(v) {
			out = append(out, v)
		}
	}
	return out
}

// draws returns the first values of each score on the resamples. Those of synthetic test rows are left out: other cells have
// other rows, so that their resamples do not belong together. So are those of a score that some of them leave undefined.
func (c Config) draws(t *task, resampled *stats.Draws, out []plugins.Score) []plugins.Draws {
	if t.of == "" {
		return nil
	}
	var draws []plugins.Draws
	for i := range out[:rating] {
		first := resampled.Values(i)[:min(c.Resamples, plugins.MaxDraws)]
		if out[i].Status != plugins.OK || len(defined(first)) < len(first) {
			continue
		}
		values := make([]float32, len(first))
		for k, v := range first {
			values[k] = float32(v)
		}
		draws = append(draws, plugins.Draws{Score: out[i].Name, Unit: t.test.of, Of: t.of, Values: values})
	}
	return draws
}

// checkInterval refuses DeLong's interval for rows that are not independent.
func (c Config) checkInterval(test *rows) error {
	if c.Interval == byDeLong && test.units < len(test.Y) {
		return fmt.Errorf("interval is %q, which takes test rows as independent, and %d rows are of %d subjects; want %q, which resamples subjects",
			byDeLong, len(test.Y), test.units, byBootstrap)
	}
	return nil
}

// delong sets the interval of AUROC, where the settings say so.
func (c Config) delong(t *task, p []float64, out []plugins.Score) error {
	s := &out[stats.DrawAUROC]
	if c.Interval != byDeLong || s.Status != plugins.OK {
		return nil
	}
	d, err := stats.NewDeLong(t.test.Y, p)
	if err != nil {
		return err
	}
	low, high, err := d.Interval(0, c.Level)
	if err != nil { // too few rows of a class for a variance
		s.Interval = nil
		s.Warnings = append(s.Warnings, plugins.WithoutInterval+err.Error())
		return nil
	}
	s.Interval = &plugins.Interval{
		Low: max(0, low), High: min(1, high), Level: c.Level, Unit: t.test.of, Method: "Wald, with DeLong's variance",
	}
	return nil
}
