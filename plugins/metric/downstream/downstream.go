// Package downstream scores synthetic rows by the prediction task that they are made for: a model is trained on
// one kind of rows and tested on another, and both are said in the settings.
package downstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The kinds of rows.
const (
	realRows      = "real"
	syntheticRows = "synthetic"
)

// Config is the metric's "with" block.
type Config struct {
	Model string `json:"model"` // "logistic": ridge-penalised, C = 1, on the standard encoding of the training rows
	Train string `json:"train"` // rows to train on: all "synthetic" ones, or the "real" train part
	Test  string `json:"test"`  // rows to test on: the "real" test part, or "synthetic" ones
	// Holdout is the share of the synthetic rows that are kept from training when both Train and Test are
	// "synthetic", in (0,1), with the shares of the label. Rows of equal features stay on one side, unless so few
	// patterns of features recur that whole ones are too coarse to divide by.
	Holdout   float64 `json:"holdout"`
	Resamples int     `json:"resamples"` // bootstrap resamples behind the intervals; 0 for no intervals
	Level     float64 `json:"level"`     // coverage of the intervals, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "downstream",
		Version: 1,
		Summary: "a classifier of the target, trained on synthetic or real rows and tested on real or held-out synthetic ones",
		Source:  "C. Esteban, S. L. Hyland, G. Rätsch (2017), arXiv 1706.02633",
		Schema: `model?: "logistic"
train?: "synthetic" | "real"
test?: "real" | "synthetic"
holdout?: number & >0 & <1
resamples?: int & >=0 & <=100000
level?: number & >0 & <1`,
		Family: plugins.Utility,
		Cost:   plugins.PerModel,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Random: []plugins.Purpose{plugins.ForModel, plugins.ForResample},
		Uses: []plugins.Use{
			{Name: "encode", Version: encode.Version},
			{Name: "label", Version: label.Version},
			{Name: "logistic", Version: logistic.Version},
			{Name: "stats", Version: stats.Version},
		},
		Scores: scores,
		Need:   compare.Need(3), // both encoded frames, and the weighted copy that a step of the fit makes
	}, Config{Model: "logistic", Train: syntheticRows, Test: realRows, Holdout: 0.3, Resamples: 1000, Level: 0.95}, New)
}

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	kinds := fmt.Sprintf("want %q or %q", realRows, syntheticRows)
	switch {
	case c.Model != "logistic":
		return nil, fmt.Errorf(`model is %q; want "logistic"`, c.Model)
	case c.Train != realRows && c.Train != syntheticRows:
		return nil, fmt.Errorf("train is %q; %s", c.Train, kinds)
	case c.Test != realRows && c.Test != syntheticRows:
		return nil, fmt.Errorf("test is %q; %s", c.Test, kinds)
	case !(c.Holdout > 0 && c.Holdout < 1):
		return nil, fmt.Errorf("holdout is %v; want a share between 0 and 1", c.Holdout)
	case c.Resamples < 0:
		return nil, fmt.Errorf("resamples is %d; want at least 0", c.Resamples)
	case !(c.Level > 0 && c.Level < 1):
		return nil, fmt.Errorf("level is %v; want a coverage between 0 and 1", c.Level)
	}
	return metric{c}, nil
}

// Measure trains the model and rates its predictions of the target. Tested on synthetic rows and trained on real
// ones, it tests on all synthetic rows. Synthetic test rows with the features of a training row are counted and warned of:
// if they are copies of it, the scores are too good.
//
// What a generator can do wrong to the label (one class, values that the real label has not, none at all) leaves scores
// undefined with the reason; what is wrong with the real label is an error.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	task, err := m.config.task(env, pair)
	var no undefined
	if errors.As(err, &no) {
		return &plugins.Measurement{Scores: allUndefined(string(no))}, nil
	}
	if err != nil {
		return nil, err
	}
	result := &plugins.Measurement{Counts: task.counts}
	if reason := task.untrainable(); reason != "" {
		result.Scores = task.describe(modelUndefined(reason))
		return result, nil
	}
	p, err := m.config.predict(ctx, env, task, pair.Target)
	if err != nil {
		return nil, err
	}
	predictions, err := stats.NewPredictions(task.test.y, p)
	if err != nil {
		return nil, err
	}
	rated, err := m.config.rate(ctx, env, task, predictions)
	if err != nil {
		return nil, err
	}
	result.Scores, result.Curves = task.describe(rated), curves(predictions, p, task.test)
	return result, nil
}

// predict returns the probability of the positive class of each test row.
func (c Config) predict(ctx context.Context, env plugins.Env, t *task, target string) ([]float64, error) {
	encoder := encode.Fit(t.train.frame, target)
	train, err := encoder.Transform(t.train.frame)
	if err != nil {
		return nil, err
	}
	test, err := encoder.Transform(t.test.frame)
	if err != nil {
		return nil, err
	}
	y := make([]float64, len(t.train.y))
	for i, positive := range t.train.y {
		if positive {
			y[i] = 1
		}
	}
	model, err := logistic.Fit(ctx, train, y, logistic.Config{Threads: env.Threads})
	if err != nil {
		return nil, err
	}
	return model.Predict(test), nil
}

// rows are labelled rows to train or test on.
type rows struct {
	name  string // in reasons: "training rows", "test rows"
	frame *frame.Frame
	y     []bool
	unit  []int32 // what is resampled, for each row: from 0 to units-1
	units int
	of    string // what a unit is, e.g. "test subjects"
}

func (r *rows) events() int {
	n := 0
	for _, y := range r.y {
		if y {
			n++
		}
	}
	return n
}

// lacks says why a classifier cannot be trained on the rows, or its ranking be rated; empty when it can.
func (r *rows) lacks() string {
	switch events := r.events(); {
	case len(r.y) == 0:
		return "there are no " + r.name
	case events == 0, events == len(r.y):
		return "the " + r.name + " have one label class"
	}
	return ""
}
