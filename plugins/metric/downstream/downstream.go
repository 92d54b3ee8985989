// Package downstream scores synthetic rows by the prediction task that they are made for: a model is trained on
// one kind of rows and tested on another, and both are said in the settings.
package downstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The kinds of rows.
const (
	realRows      = "real"
	realAtN       = "real@n"
	syntheticRows = "synthetic"
	bothRows      = "both"
)

// The methods of intervals.
const (
	byBootstrap = "bootstrap"
	byDeLong    = "delong"
)

// Config is the metric's "with" block.
type Config struct {
	classifier.Config
	classifier.Tuning
	// Train says which rows the model is trained on: all "synthetic" ones; the "real" train part; "real@n", as many of its rows as
	// there are synthetic ones, drawn with the shares of the label; or "both", the train part and the synthetic rows.
	Train string `json:"train"`
	Test  string `json:"test"` // rows to test on: the "real" test part, or "synthetic" ones
	// TestPrevalence is the share of the test rows that have the label, in (0,1): so many rows are drawn, without replacement, as there can
	// be with that share. 0: the rows as they are.
	TestPrevalence float64 `json:"test_prevalence,omitempty"`
	// TestRows is how many test rows are drawn, with the share of the label of TestPrevalence, or else with their own. 0: all that can be.
	TestRows int `json:"test_rows,omitempty"`
	// Folds, for a model of real rows tested on real rows: each fold of the rows of train and test, by subject, is tested by a model
	// that is trained and tuned on the others. 0: the parts as they are.
	Folds int `json:"folds"`
	// Holdout is the share of the synthetic rows that are kept from training when both have synthetic rows, in (0,1), with the
	// shares of the label. Near-duplicates stay on one side, unless so many rows are alike that this leaves too
	// few to divide by: then rows of equal features do, or else every row is divided on its own.
	Holdout float64 `json:"holdout"`
	// Near is the mean distance of ranks up to which rows are near-duplicates: see classifier.Near. 0: equal features.
	Near      float64 `json:"near"`
	Resamples int     `json:"resamples"` // bootstrap resamples behind the intervals; 0 for no intervals
	Level     float64 `json:"level"`     // coverage of the intervals, in (0,1)
	Interval  string  `json:"interval"`  // "bootstrap", or "delong" for the interval of AUROC, with one row a subject
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "downstream",
		Version: 6,
		Summary: "a classifier of the target, trained on synthetic rows, real ones or both, and tested on real or held-out synthetic ones",
		Source:  "C. Esteban, S. L. Hyland, G. Rätsch (2017), arXiv 1706.02633; B. Van Calster et al. (2019), BMC Medicine 17, 230 (calibration)",
		Schema: classifier.Schema + `
// rows to train on. "synthetic" unless set; "real": the train part; "real@n": as many of its rows as there are synthetic ones; "both": the train part and the synthetic rows
train?: "synthetic" | "real" | "real@n" | "both"
// rows to test on. "real" unless set: the test part; "synthetic": those that are not trained on
test?: "real" | "synthetic"
// share of the test rows with the label: as it is unless set; else as many are drawn, without replacement, as there can be with this share. A
// study that balances its test rows says so, or its AUPRC does (Lin 2025, arXiv 2504.14657: about half, where 8.67 % of its patients die). Real rows are
// drawn alike for every strategy, subset of features and seed; scores that hang on prevalence are then not those of patients, and say so
test_prevalence?: number & >0 & <1
// test rows that are drawn: as many as there can be unless set; with fewer, nothing is defined
test_rows?: int & >=2
// of train "real" or "real@n" and test "real": folds of the rows of train and test, by subject, each tested by a model of the others; 0 unless set: the parts as they are
folds?: int & >=0 & <=100
` + classifier.TuningSchema + `
// of test "synthetic": share of the synthetic rows that are not trained on
holdout?: number & >0 & <1
// mean distance over the columns, in shares of the ranks, up to which synthetic rows are near-duplicates, which stay on one side: 0.02 unless set; 0: equal rows alone do
near?: number & >=0 & <1
// bootstrap resamples behind the intervals: 1000 unless set; 0: no intervals
resamples?: int & >=0 & <=100000
// coverage of the intervals
level?: number & >0 & <1
// of AUROC. "bootstrap" unless set; "delong": a Wald interval with DeLong's variance, which needs one test row a subject
interval?: "bootstrap" | "delong"`,
		Family:     plugins.Utility,
		AnyColumns: true,
		Cost:       plugins.PerModel,
		Shapes:     []plugins.Shape{plugins.Records},
		Reads:      []plugins.Part{plugins.Test, plugins.Train, plugins.Validation},
		Spare:      []plugins.Part{plugins.Validation},
		Random:     []plugins.Purpose{plugins.ForModel, plugins.ForResample},
		Uses:       classifier.Uses(),
		Scores:     scores,
		Curves:     curveInfos(),
		Need:       classifier.Need,
	}, Defaults(), New)
}

// Defaults is the settings of an empty with block.
func Defaults() Config {
	return Config{
		Config: classifier.Defaults(), Tuning: classifier.DefaultTuning(),
		Train: syntheticRows, Test: realRows, Holdout: 0.3, Near: 0.02, Resamples: 1000, Level: 0.95, Interval: byBootstrap,
	}
}

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if r.Label == "" {
		return nil, plugins.LacksLabel
	}
	return c, ""
}

type metric struct{ config Config }

// Reads implements plugins.Selective: the validation part is there to tune on, and a model that is tested on synthetic rows needs no test part.
func (m metric) Reads() []plugins.Part {
	return slices.DeleteFunc(m.config.Tuning.Reads(), func(part plugins.Part) bool { return part == plugins.Test && m.config.Test == syntheticRows })
}

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := c.Config.Check(); err != nil {
		return nil, err
	}
	if err := c.Tuning.Check(c.Config); err != nil {
		return nil, err
	}
	switch {
	case c.Train != realRows && c.Train != realAtN && c.Train != syntheticRows && c.Train != bothRows:
		return nil, fmt.Errorf("train is %q; want %q, %q, %q or %q", c.Train, syntheticRows, realRows, realAtN, bothRows)
	case c.Test != realRows && c.Test != syntheticRows:
		return nil, fmt.Errorf("test is %q; want %q or %q", c.Test, realRows, syntheticRows)
	case c.Folds < 0 || c.Folds == 1:
		return nil, fmt.Errorf("folds is %d; want at least 2, or 0 for none", c.Folds)
	case c.Folds > 0 && (c.Train != realRows && c.Train != realAtN || c.Test != realRows):
		return nil, fmt.Errorf("folds is %d with train %q and test %q; only a model of real rows that is tested on real rows can be tested in folds: synthetic rows are made of the train part, which would be tested too", c.Folds, c.Train, c.Test)
	case c.Folds > 0 && (c.TestPrevalence != 0 || c.TestRows != 0):
		return nil, fmt.Errorf("folds is %d with test_prevalence or test_rows; in folds, all rows are tested", c.Folds)
	case c.Folds > 0 && c.On == classifier.OnValidation:
		return nil, fmt.Errorf("folds is %d and tune_on %q; in folds, a model is tuned on the rows that it is trained on", c.Folds, c.On)
	case c.TestPrevalence != 0 && !(c.TestPrevalence > 0 && c.TestPrevalence < 1):
		return nil, fmt.Errorf("test_prevalence is %v; want a share between 0 and 1, or 0 for the rows as they are", c.TestPrevalence)
	case c.TestRows < 0 || c.TestRows == 1:
		return nil, fmt.Errorf("test_rows is %d; want at least 2, or 0 for all that there can be", c.TestRows)
	case !(c.Holdout > 0 && c.Holdout < 1):
		return nil, fmt.Errorf("holdout is %v; want a share between 0 and 1", c.Holdout)
	case !(c.Near >= 0 && c.Near < 1):
		return nil, fmt.Errorf("near is %v; want at least 0 and below 1", c.Near)
	case c.Resamples < 0:
		return nil, fmt.Errorf("resamples is %d; want at least 0", c.Resamples)
	case !(c.Level > 0 && c.Level < 1):
		return nil, fmt.Errorf("level is %v; want a coverage between 0 and 1", c.Level)
	case c.Interval != byBootstrap && c.Interval != byDeLong:
		return nil, fmt.Errorf("interval is %q; want %q or %q", c.Interval, byBootstrap, byDeLong)
	case c.Interval == byDeLong && c.Test != realRows:
		return nil, fmt.Errorf("interval is %q with test %q; it is for rows that are independent, which synthetic ones are not known to be", c.Interval, c.Test)
	}
	return metric{c}, nil
}

// Measure trains the model and rates its predictions of the target. Tested on synthetic rows and trained on real
// ones, it tests on all synthetic rows. Synthetic test rows with the features of a training row are counted and warned of:
// if they are copies of it, the scores are too good.
//
// What a generator can do wrong to the label (one class, values that the real label has not, none at all) leaves scores
// undefined with the reason; what is wrong with the real label is an error, and so is the interval "delong" for test rows of
// which several are of one subject.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	out, err := m.measure(ctx, env, pair)
	var no classifier.Undefined
	if errors.As(err, &no) {
		return &plugins.Measurement{Scores: allUndefined(string(no))}, nil
	}
	return out, err
}

func (m metric) measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	t, err := m.config.task(ctx, env, pair)
	if err != nil {
		return nil, err
	}
	result := &plugins.Measurement{Counts: t.counts}
	if reason := t.untrainable(); reason != "" {
		result.Scores = t.describe(modelUndefined(reason))
		return result, nil
	}
	if err := m.config.checkInterval(t.test); err != nil {
		return nil, err
	}
	predicted, err := m.config.predict(ctx, env, t, pair.Target)
	if err != nil {
		return nil, err
	}
	rated, err := stats.NewPredictions(t.test.Y, predicted.p)
	if err != nil {
		return nil, err
	}
	scores, draws, err := m.config.rate(ctx, env, t, rated, predicted)
	if err != nil {
		return nil, err
	}
	result.Scores, result.Draws, result.Counts = t.describe(scores), draws, t.counts
	result.Curves = curves(rated, predicted.p, t.test)
	return result, nil
}

// prediction is what is predicted of the test rows.
type prediction struct {
	p         []float64
	called    []bool  // positive, at the chosen threshold
	threshold float64 // the mean over folds, where there are any
	untuned   string  // why there is no threshold
	warnings  []string
}

// learner returns what trains the model; labels tell its random sources from those of other models of the same measurement.
func (c Config) learner(env plugins.Env, target string, labels ...string) *classifier.Learner {
	return &classifier.Learner{
		Config: c.Config, Tuning: c.Tuning, Skip: []string{target}, Threads: env.Threads,
		Source: func(more ...string) *rand.Rand {
			return env.Rand.For(plugins.ForModel, append(append([]string{"downstream"}, labels...), more...)...)
		},
	}
}

// predict trains the model and predicts the test rows.
func (c Config) predict(ctx context.Context, env plugins.Env, t *task, target string) (*prediction, error) {
	if c.Folds > 0 {
		return c.crossPredict(ctx, env, t, target)
	}
	trained, err := c.learner(env, target).Train(ctx, t.train.Rows, t.groups, t.validation)
	if err != nil {
		return nil, err
	}
	out := &prediction{threshold: trained.Threshold, untuned: trained.Untuned, warnings: trained.Warnings}
	if trained.Entry > 0 {
		t.counts = append(t.counts, plugins.Count{Name: "entry of the grid that was chosen", Value: trained.Entry})
	}
	if trained.Trees > 0 {
		t.counts = append(t.counts, plugins.Count{Name: "trees at which boosting stopped", Value: trained.Trees})
	}
	out.p, err = trained.Predict(ctx, t.test.Frame, env.Threads)
	out.call(trained.Threshold)
	return out, err
}

// call decides on all rows.
func (p *prediction) call(threshold float64) {
	p.called = make([]bool, len(p.p))
	for i, v := range p.p {
		p.called[i] = v >= threshold
	}
}
