// Package detection tests whether a classifier tells synthetic rows from real ones that it was not fitted on.
package detection

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The models.
const (
	logisticModel = "logistic"
	treesModel    = "gbdt"
)

// What becomes of rows that have equals, on the same side or on the other.
const (
	split    = "split"
	together = "together"
)

// folds is the number of folds: row i is in fold i mod 5 of its side, real rows of one subject all in that of the first of them.
const folds = 5

// Config is the metric's "with" block.
type Config struct {
	Part  plugins.Part `json:"part"`  // the real rows to compare with: test, or train, which rewards copying
	Model string       `json:"model"` // "logistic": ridge-penalised, C = 1; "gbdt": 100 boosted trees of depth 3, learning rate 0.1
	// Copies says what becomes of equal rows: "split" leaves each in the fold of its number, as published values do; "together"
	// puts them in the fold of the first of them, real rows before synthetic ones, so that no model is asked for a row whose equal it has seen.
	Copies string `json:"copies"`
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "detection",
		Version: 2,
		Summary: "classifier two-sample test: out-of-fold AUROC and accuracy of telling synthetic rows from real ones",
		Source:  "D. Lopez-Paz, M. Oquab (2017), Revisiting classifier two-sample tests, ICLR",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// "logistic" unless set: ridge-penalised, C = 1; "gbdt": 100 boosted trees of depth 3
model?: "logistic" | "gbdt"
// of equal rows. "split" unless set: each is in the fold of its number; "together": in one fold, so that no model is asked for a row whose equal it has seen
copies?: "split" | "together"`,
		Family: plugins.Joint,
		Cost:   plugins.PerModel,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses: []plugins.Use{
			compare.Use(),
			{Name: "encode", Version: encode.Version},
			{Name: "gbdt", Version: gbdt.Version},
			{Name: "logistic", Version: logistic.Version},
			{Name: "stats", Version: stats.Version},
		},
		Scores: plugins.Agree(plugins.Trees(), []plugins.ScoreInfo{
			{Name: "detection_auroc", Summary: "AUROC of the out-of-fold probabilities of all rows; 0.5 when the sides cannot be told apart, 1 when they always can", Min: 0, Max: 1, Better: plugins.Lower, Ideal: new(0.5)},
			{Name: "detection_auroc_fold_mean", Summary: "mean of the AUROCs within the five folds", Min: 0, Max: 1, Better: plugins.Lower, Ideal: new(0.5)},
			{Name: "detection_accuracy", Summary: "share of rows whose side is told at a probability of 0.5; unlike the AUROC it depends on the sizes of the sides", Min: 0, Max: 1, Better: plugins.Neutral},
		}),
		Need: compare.Need(6), // the encoding has about two columns for one, kept thrice: itself, a fold's, and that weighted
	}, Config{Part: plugins.Test, Model: logisticModel, Copies: split}, New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	switch {
	case c.Model != logisticModel && c.Model != treesModel:
		return nil, fmt.Errorf("model is %q; want %q or %q", c.Model, logisticModel, treesModel)
	case c.Copies != split && c.Copies != together:
		return nil, fmt.Errorf("copies is %q; want %q or %q", c.Copies, split, together)
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure fits the model five times, each time without one fold of both sides, and rates its predictions for that fold. All columns are
// features, the target included, in the standard encoding of both sides. N is the number of rows.
//
// Real rows of one subject are in one fold: a model that has seen the other stays of a patient knows his weight, height and hospital, and
// tells his rows to be real however good the synthetic ones are.
//
// An AUROC clearly below 0.5 is no success: it comes from rows with a copy on the other side in another fold. The model has seen the copy
// under the other label and takes the row for what its copy was. A setting of Copies tells whether equal rows are the cause.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	reason := s.Lacks(1)
	var encoded *compare.Encoded
	if reason == "" {
		if encoded, err = s.Encoded(); err != nil {
			return nil, err
		}
		reason = encoded.Unusable()
	}
	if reason != "" {
		return undefined(reason), nil
	}
	real, synthetic := byNumber(s.Real.Rows()), byNumber(s.Synthetic.Rows())
	if m.config.Copies == together {
		real, synthetic = byValue(s)
	}
	if subject := pair.Parts.Get(m.config.Part).Subject; subject != nil {
		keepSubjects(real, subject)
	}
	all, err := m.predict(ctx, env, encoded, real, synthetic)
	var no noFold
	if errors.As(err, &no) {
		return undefined(string(no)), nil
	}
	if err != nil {
		return nil, err
	}
	return rate(all)
}

func undefined(reason string) *plugins.Measurement {
	out := &plugins.Measurement{}
	for _, name := range []string{"detection_auroc", "detection_auroc_fold_mean", "detection_accuracy"} {
		out.Scores = append(out.Scores, compare.Undefined(name, reason))
	}
	return out
}

// noFold is why a model cannot be fitted.
type noFold string

// Error returns why there is no fold.
func (n noFold) Error() string { return string(n) }

// fold is the rows of one fold with the probability of being synthetic that a model of the others gives them.
type fold struct {
	synthetic []bool
	p         []float64
}

// predict returns the out-of-fold probabilities; real and synthetic hold the fold of each row.
func (m metric) predict(ctx context.Context, env plugins.Env, e *compare.Encoded, real, synthetic []int) ([]fold, error) {
	var out []fold
	for f := range folds {
		train, y := e.Some(outside(real, f), outside(synthetic, f))
		test, labels := e.Some(inside(real, f), inside(synthetic, f))
		if len(labels) == 0 {
			continue
		}
		if !mixed(y) {
			return nil, noFold("some fold leaves the rows of one side alone to fit a model to: there are too few rows")
		}
		p, err := m.fit(ctx, env, train, y, test)
		if err != nil {
			return nil, err
		}
		next := fold{p: p, synthetic: make([]bool, len(labels))}
		for i, v := range labels {
			next.synthetic[i] = v == 1
		}
		out = append(out, next)
	}
	return out, nil
}

func mixed(y []float64) bool {
	ones := 0.0
	for _, v := range y {
		ones += v
	}
	return ones > 0 && ones < float64(len(y))
}

func outside(of []int, fold int) []int { return rows(of, func(f int) bool { return f != fold }) }
func inside(of []int, fold int) []int  { return rows(of, func(f int) bool { return f == fold }) }

func rows(of []int, want func(fold int) bool) []int {
	var out []int
	for i, f := range of {
		if want(f) {
			out = append(out, i)
		}
	}
	return out
}

// fit returns the probability that the rows of test are synthetic, by a model of those of train.
func (m metric) fit(ctx context.Context, env plugins.Env, train *encode.Design, y []float64, test *encode.Design) ([]float64, error) {
	if m.config.Model == logisticModel {
		model, err := logistic.Fit(ctx, train, y, logistic.Config{Threads: env.Threads})
		if err != nil {
			return nil, err
		}
		return model.Predict(test), nil
	}
	seen := dense(train)
	encoding := gbdt.NewEncoding(seen)
	x, err := encoding.Matrix(seen)
	if err != nil {
		return nil, err
	}
	config := gbdt.Defaults()
	config.MaxDepth, config.Threads = 3, env.Threads
	model, err := gbdt.Fit(ctx, x, y, config)
	if err != nil {
		return nil, err
	}
	if x, err = encoding.Matrix(dense(test)); err != nil {
		return nil, err
	}
	return model.Predict(ctx, x, env.Threads)
}

// rate returns the scores of out-of-fold predictions.
func rate(all []fold) (*plugins.Measurement, error) {
	var y []bool
	var p []float64
	sum, defined, right := 0.0, 0, 0
	for _, f := range all {
		y, p = append(y, f.synthetic...), append(p, f.p...)
		if a, ok, err := auroc(f.synthetic, f.p); err != nil {
			return nil, err
		} else if ok {
			sum += a
			defined++
		}
		for i, v := range f.p {
			if (v >= 0.5) == f.synthetic[i] {
				right++
			}
		}
	}
	pooled, _, err := auroc(y, p)
	if err != nil {
		return nil, err
	}
	first := plugins.Score{Name: "detection_auroc", Value: pooled, N: len(y), Status: plugins.OK}
	mean := compare.Undefined("detection_auroc_fold_mean", "no fold has rows of both sides")
	if defined > 0 {
		mean = plugins.Score{Name: "detection_auroc_fold_mean", Value: sum / float64(defined), N: len(y), Status: plugins.OK}
		if defined < folds {
			mean.Warnings = []string{fmt.Sprintf("%d of %d folds left out: they have no rows of one side", folds-defined, folds)}
		}
	}
	if pooled < below {
		first.Warnings = []string{fmt.Sprintf("below %g: some rows have a copy on the other side in another fold, and the model takes them for what the copy was", below)}
	}
	return &plugins.Measurement{Scores: []plugins.Score{
		first, mean, {Name: "detection_accuracy", Value: float64(right) / float64(len(y)), N: len(y), Status: plugins.OK},
	}}, nil
}

// below is an AUROC that chance hardly gives on a few hundred rows or more, whose standard error is below 0.02.
const below = 0.47

func auroc(y []bool, p []float64) (value float64, ok bool, err error) {
	predictions, err := stats.NewPredictions(y, p)
	if err != nil {
		return 0, false, err
	}
	value, err = predictions.AUROC()
	if errors.Is(err, stats.ErrOneClass) {
		return 0, false, nil
	}
	return value, err == nil, err
}
