// Package fairness compares what a model of the target does to groups of patients: how often it calls them positive, how often rightly,
// and how well it ranks them. The model is that of a downstream task: trained on synthetic or real rows, and tested on real ones.
package fairness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/metric/fairness/subgroup"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The rows that a model is trained on.
const (
	realRows      = "real"
	syntheticRows = "synthetic"
)

// Config is the metric's "with" block.
type Config struct {
	subgroup.Config
	Train string `json:"train"` // all "synthetic" rows, or the "real" train part
	Model
	Tuning
	Minimum   Minimum `json:"minimum"`
	Resamples int     `json:"resamples"` // bootstrap resamples behind the intervals; 0 for no intervals
	Level     float64 `json:"level"`     // coverage of the intervals, in (0,1)
}

// Model and Tuning are the settings of the model, as in a downstream task; fields of the two stand in the with block.
type (
	Model  = classifier.Config
	Tuning = classifier.Tuning
)

// Defaults is the settings that a with block leaves unset; By has none. It calls as many rows positive as have the label among the training
// rows: at 0.5 a model of a rare event calls nobody.
func Defaults() Config {
	tuning := classifier.DefaultTuning()
	tuning.Threshold = classifier.Threshold{By: classifier.Prevalence}
	return Config{
		Train: syntheticRows, Model: classifier.Defaults(), Tuning: tuning,
		Minimum: Minimum{Rows: 50, Events: 10, NonEvents: 10}, Resamples: 1000, Level: 0.95,
	}
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "fairness",
		Version: 2,
		Summary: "gaps between groups of patients in what a classifier of the target does: demographic parity, equalized odds, AUROC",
		Source:  "M. Hardt, E. Price, N. Srebro (2016), Adv. Neural Inf. Process. Syst. 29",
		Schema: subgroup.Schema + `
// rows that the classifier is trained on: "synthetic" unless set; "real": the train part
train?: "synthetic" | "real"
` + classifier.Schema + `
` + classifier.TuningSchema + `
// test rows that a group must have: 50, 10 of them with the label and 10 without, unless set
minimum?: {rows?: int & >=1, events?: int & >=1, nonevents?: int & >=1}
// bootstrap resamples behind the intervals: 1000 unless set; 0: no intervals
resamples?: int & >=0 & <=100000
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1`,
		Family:     plugins.Fairness,
		AnyColumns: true,
		Cost:       plugins.PerModel,
		Shapes:     []plugins.Shape{plugins.Records},
		Reads:      []plugins.Part{plugins.Test, plugins.Train, plugins.Validation},
		Spare:      []plugins.Part{plugins.Validation},
		Random:     []plugins.Purpose{plugins.ForModel, plugins.ForResample},
		Uses:       append(classifier.Uses(), subgroup.Use()),
		Scores:     plugins.Agree(plugins.TreesDecide(), plugins.Agree(plugins.TreesDecide(), scores), "threshold"),
		Need:       classifier.Need,
	}, Defaults(), New)
}

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if r.Label == "" {
		return nil, plugins.LacksLabel
	}
	if len(r.Groups) == 0 {
		return nil, plugins.LacksGroups
	}
	c.By = r.Groups
	return c, ""
}

type metric struct{ config Config }

// Reads implements plugins.Selective: the validation part is there to tune on.
func (m metric) Reads() []plugins.Part { return m.config.Tuning.Reads() }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := c.Config.Check(); err != nil {
		return nil, err
	}
	if err := c.Model.Check(); err != nil {
		return nil, err
	}
	if err := c.Tuning.Check(c.Model); err != nil {
		return nil, err
	}
	switch {
	case c.Train != realRows && c.Train != syntheticRows:
		return nil, fmt.Errorf("train is %q; want %q or %q", c.Train, realRows, syntheticRows)
	case c.Minimum.Rows < 1 || c.Minimum.Events < 1 || c.Minimum.NonEvents < 1:
		return nil, fmt.Errorf("minimum is %d, %d and %d rows; want at least 1 of each", c.Minimum.Rows, c.Minimum.Events, c.Minimum.NonEvents)
	case c.Resamples < 0:
		return nil, fmt.Errorf("resamples is %d; want at least 0", c.Resamples)
	case !(c.Level > 0 && c.Level < 1):
		return nil, fmt.Errorf("level is %v; want a coverage between 0 and 1", c.Level)
	}
	return metric{c}, nil
}

// Beside lists the columns that groups are formed by.
func (m metric) Beside() []string { return m.config.By }

// Measure trains the model, predicts the test rows and compares the groups among them. A column that the test rows lack, or that has
// too many values, leaves the scores of its groups undefined.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	p, err := m.config.predict(ctx, env, pair)
	var no classifier.Undefined
	if errors.As(err, &no) {
		return &plugins.Measurement{Scores: m.config.allUndefined(string(no))}, nil
	}
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{Counts: p.counts}
	if p.reason == "" {
		out.Scores = append(out.Scores, plugins.Score{Name: "threshold", Value: p.threshold, N: p.trained, Status: plugins.OK})
	} else {
		out.Scores = append(out.Scores, plugins.Score{Name: "threshold", Status: plugins.Undefined, Reason: p.reason})
	}
	for _, set := range m.config.Sets() {
		of, err := m.config.compare(ctx, env, pair, p, set)
		if err != nil {
			return nil, err
		}
		out.Scores = append(out.Scores, of.Scores...)
		out.Counts = append(out.Counts, of.Counts...)
		out.Draws = append(out.Draws, of.Draws...)
	}
	for i := range out.Scores {
		out.Scores[i].Warnings = append(out.Scores[i].Warnings, p.warnings...)
	}
	return out, nil
}

// predicted is the test rows with what the model says of them.
type predicted struct {
	y         []bool
	p         []float64
	threshold float64
	reason    string // why there is no threshold; empty when there is one
	trained   int    // training rows
	unit      []int32
	units     int
	of        string // what a unit is
	rows      string // identifies the test rows
	counts    []plugins.Count
	warnings  []string
}

// predict trains the model and predicts the test rows.
func (c Config) predict(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*predicted, error) {
	parts := []plugins.Part{plugins.Train, plugins.Test}
	if c.Tuning.On == classifier.OnValidation {
		parts = append(parts, plugins.Validation)
	}
	labels, err := classifier.NewLabels(pair, parts...)
	if err != nil {
		return nil, err
	}
	if c.Train == realRows && pair.Alike(plugins.Train, plugins.Test) {
		return nil, classifier.Undefined("a model of real rows would be tested on the rows that it is trained on: train and test are the same")
	}
	out := &predicted{}
	train, groups, err := c.training(labels, pair, out)
	if err != nil {
		return nil, err
	}
	sample := pair.Parts.Get(plugins.Test)
	test := labels.Rows(sample.Frame)
	switch events := train.Events(); {
	case len(train.Y) == 0:
		return nil, classifier.Undefined("there are no training rows")
	case events == 0 || events == len(train.Y):
		return nil, classifier.Undefined("the training rows have one label class")
	case len(test.Y) == 0:
		return nil, classifier.Undefined("there are no test rows")
	}
	var validation classifier.Rows
	if c.Tuning.On == classifier.OnValidation {
		validation = labels.Rows(pair.Parts.Get(plugins.Validation).Frame)
	}
	learner := classifier.Learner{
		Config: c.Model, Tuning: c.Tuning, Skip: []string{pair.Target}, Threads: env.Threads,
		Source: func(of ...string) *rand.Rand {
			return env.Rand.For(plugins.ForModel, append([]string{"downstream"}, of...)...)
		},
	}
	model, err := learner.Train(ctx, train, groups, validation)
	if err != nil {
		return nil, err
	}
	if out.p, err = model.Predict(ctx, sample.Frame, env.Threads); err != nil {
		return nil, err
	}
	out.y, out.threshold, out.reason, out.trained = test.Y, model.Threshold, model.Untuned, len(train.Y)
	out.warnings = append(out.warnings, model.Warnings...)
	out.rows = pair.TestRows()
	out.resampledBy(sample.Subject)
	return out, nil
}

// training returns the rows to train on, and what a fold of them must not divide.
func (c Config) training(labels *classifier.Labels, pair *plugins.Pair, out *predicted) (classifier.Rows, func() (classifier.Groups, error), error) {
	if c.Train == realRows {
		sample := pair.Parts.Get(plugins.Train)
		rows := labels.Rows(sample.Frame)
		return rows, func() (classifier.Groups, error) { return classifier.BySubject(sample.Subject, len(rows.Y)), nil }, nil
	}
	rows, _, err := labels.Synthetic(pair.Synthetic)
	if err != nil {
		return rows, nil, err
	}
	if lost := pair.Synthetic.Rows() - len(rows.Y); lost > 0 {
		out.counts = append(out.counts, plugins.Count{Name: "synthetic rows left out: label missing", Value: lost})
		out.warnings = append(out.warnings, fmt.Sprintf("%d of %d synthetic rows left out: label missing", lost, pair.Synthetic.Rows()))
	}
	return rows, func() (classifier.Groups, error) { return c.tuningGroups(rows, pair.Target), nil }, nil
}

// tuningGroups keeps equal synthetic rows together, unless so many are alike that folds would differ in size.
func (c Config) tuningGroups(rows classifier.Rows, target string) classifier.Groups {
	if equal := classifier.Equal(rows.Frame, target); equal.Largest() <= len(rows.Y)/(2*c.Folds) {
		return equal
	}
	return classifier.Single(len(rows.Y))
}

// resampledBy makes the subjects the units of the test rows; without subjects each row is one.
func (p *predicted) resampledBy(subject *frame.Column) {
	groups := classifier.BySubject(subject, len(p.y))
	p.unit, p.units, p.of = groups.Of(len(p.y)), len(groups), "test subjects"
	if subject == nil {
		p.of = "test rows"
	}
}

// group is the test rows of one group.
type group struct {
	name  string
	rater *stats.Rater
}

// compare measures the groups that a set of columns forms.
func (c Config) compare(ctx context.Context, env plugins.Env, pair *plugins.Pair, p *predicted, set []string) (*plugins.Measurement, error) {
	by := subgroup.Name(set)
	if p.reason != "" {
		return &plugins.Measurement{Scores: undefinedGaps(by, p.reason)}, nil
	}
	columns, err := subgroup.Columns(pair.Parts.Get(plugins.Test), plugins.Test, set)
	if err != nil {
		return &plugins.Measurement{Scores: undefinedGaps(by, err.Error())}, nil
	}
	formed, err := subgroup.Form(columns)
	if err != nil {
		return &plugins.Measurement{Scores: undefinedGaps(by, err.Error())}, nil
	}
	groups, rates, err := p.groups(formed)
	if err != nil {
		return nil, err
	}
	compared := &comparison{Comparison: Compare(rates, c.Minimum), config: c, by: by, groups: groups, rates: rates, p: p}
	out := &plugins.Measurement{Scores: compared.scores()}
	if outside := formed.Outside(0); outside > 0 {
		out.Counts = append(out.Counts, plugins.Count{Name: "test rows in no group", Dims: map[string]string{"by": by}, Value: outside})
	}
	if c.Resamples == 0 || len(compared.selection) == 0 {
		return out, nil
	}
	return out, compared.addIntervals(ctx, env, out)
}

func (p *predicted) groups(formed *subgroup.Groups) ([]group, []stats.Rates, error) {
	var groups []group
	var rates []stats.Rates
	for i, name := range formed.Levels {
		rows := formed.Rows(0, i)
		y, probabilities, unit := make([]bool, len(rows)), make([]float64, len(rows)), make([]int32, len(rows))
		for k, row := range rows {
			y[k], probabilities[k], unit[k] = p.y[row], p.p[row], p.unit[row]
		}
		predictions, err := stats.NewPredictions(y, probabilities)
		if err != nil {
			return nil, nil, err
		}
		g := group{name: name, rater: predictions.Rater(p.threshold, unit)}
		r, _ := g.rater.Rates(nil)
		groups, rates = append(groups, g), append(rates, r)
	}
	return groups, rates, nil
}

// addIntervals resamples the units of the test rows and adds the intervals of all scores that are defined, and their first draws.
func (c *comparison) addIntervals(ctx context.Context, env plugins.Env, out *plugins.Measurement) error {
	width := len(out.Scores) + gapCount // the scores, and by how much the gaps move
	draws, err := stats.Bootstrap{
		Units: c.p.units, Resamples: c.config.Resamples, Threads: env.Threads,
		Source: func(i int) *rand.Rand { return env.Rand.For(plugins.ForResample, strconv.Itoa(i)) },
	}.Run(ctx, width, func(counts []int32, values []float64) bool { return c.resample(counts, out.Scores, values) })
	if errors.Is(err, stats.ErrRedraws) {
		for i := range out.Scores {
			out.Scores[i].Warnings = append(out.Scores[i].Warnings, "no interval: resamples of the test subjects keep lacking a label class in a group")
		}
		return nil
	}
	if err != nil {
		return err
	}
	for i := range out.Scores {
		s := &out.Scores[i]
		if s.Status != plugins.OK || isCount(s.Name) {
			continue
		}
		low, high, err := draws.Interval(i, c.config.Level)
		if err != nil {
			return err
		}
		method := "percentile"
		if i < gapCount {
			method = "simultaneous"
			if low, high, err = band(i, s.Value, draws.Values(len(out.Scores)+i), c.config.Level); err != nil {
				return err
			}
		}
		s.Interval = &plugins.Interval{
			Low: low, High: high, Level: c.config.Level, Unit: c.p.of,
			Method: fmt.Sprintf("%s bootstrap, %d resamples", method, c.config.Resamples),
		}
		if draws.Redrawn > 0 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%d bootstrap resamples lacked a label class in a group and were drawn again", draws.Redrawn))
		}
		out.Draws = append(out.Draws, drawsOf(s, c.p, draws.Values(i)))
	}
	return nil
}

// band returns the interval of a gap from the shifts of its resamples. Percentiles of the resampled gaps will not do: a gap is the
// greatest of several differences, resampling adds to it as much as sampling has, and no resample of it is ever 0 (or,
// of a ratio, 1), which the gap of a fair model is. It covers at least as often as it says.
func band(gap int, value float64, shifts []float64, level float64) (low, high float64, err error) {
	shifts = slices.Clone(shifts)
	slices.Sort(shifts)
	by := 0.0
	if math.IsInf(shifts[len(shifts)-1], 1) { // interpolation would make NaN of it
		by = shifts[min(len(shifts)-1, int(math.Ceil(level*float64(len(shifts)))))]
	} else if by, err = stats.Percentile(shifts, level); err != nil {
		return 0, 0, err
	}
	if gap == demographicParityRatio || gap == equalizedOddsRatio {
		if value == 0 {
			return 0, 1, nil // a rate of 0 has no logarithm that could move
		}
		return value * math.Exp(-by), min(1, value*math.Exp(by)), nil
	}
	return max(0, value-by), min(1, value+by), nil
}

func drawsOf(s *plugins.Score, p *predicted, values []float64) plugins.Draws {
	d := plugins.Draws{Score: s.Name, Dims: s.Dims, Unit: p.of, Of: p.rows}
	for _, v := range values[:min(len(values), plugins.MaxDraws)] {
		d.Values = append(d.Values, float32(v))
	}
	return d
}

// resample measures the scores on a resample; false when one that is defined on the rows is not.
func (c *comparison) resample(counts []int32, scores []plugins.Score, values []float64) bool {
	rates := make([]stats.Rates, len(c.groups))
	for _, i := range c.selection {
		var ok bool
		if rates[i], ok = c.groups[i].rater.Rates(counts); !ok {
			return false
		}
	}
	c.fill(rates, values)
	for gap, shift := range c.Shifts(c.rates, rates) {
		if values[len(scores)+gap] = shift; math.IsNaN(shift) {
			values[len(scores)+gap] = 0 // of a gap that is undefined
		}
	}
	for i, s := range scores {
		if s.Status != plugins.OK {
			values[i] = 0
		} else if math.IsNaN(values[i]) {
			return false
		}
	}
	return true
}
