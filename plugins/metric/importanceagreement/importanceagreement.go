// Package importanceagreement asks whether a model of synthetic rows uses the columns that a model of real rows uses.
package importanceagreement

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
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/permutation"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// What importances are made of, and which columns are compared.
const (
	byModel       = "model"
	byPermutation = "permutation"

	allColumns = "all"
	numbers    = "numbers"
)

// splits are the importances of boosted trees.
var splits = []gbdt.By{gbdt.TotalGain, gbdt.Gain, gbdt.Weight, gbdt.Cover, gbdt.TotalCover}

// Config is the metric's "with" block.
type Config struct {
	classifier.Config
	Part    plugins.Part `json:"part"`    // real rows that the real model is trained on: "test" or "train"
	By      string       `json:"by"`      // "model": what the model itself says of its columns; a gbdt.By, of boosted trees; "permutation": the fall of AUROC
	Repeats int          `json:"repeats"` // of permutation: shuffles of each column, ≥ 1
	Over    string       `json:"over"`    // the columns that are compared: "all", or "numbers"
	Top     int          `json:"top"`     // the number of most important columns whose overlap is counted, ≥ 1
	// Share divides the importances of a model by their sum over the columns that are compared; not of permutation, which knows values below 0.
	Share bool `json:"share,omitempty"`
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "importance-agreement",
		Version: 2,
		Summary: "agreement of the importances of the columns in two models of the target, of which one is trained on real and one on synthetic rows",
		Source:  "S. Menard (2004), The American Statistician 58(3), 218-223 (standardised coefficients); L. Breiman (2001), Machine Learning 45, 5-32 (permutation); M. G. Kendall (1945), Biometrika 33(3), 239-251 (tau-b)",
		Schema: classifier.Schema + `
// real rows that the real model is trained on: "test" unless set, as "train" rewards copies
part?: "test" | "train"
// what an importance is. "model" unless set: the |coefficient| of a standardised number and the SD of a category's part of the log-odds in a logistic regression, the gain of boosted trees, the decrease of impurity in a forest; "permutation": what the AUROC on the other real part falls by when the column is shuffled.
// Of gbdt, as XGBoost names them: "total_gain", as "model", the gains of all splits by the column; "gain", "cover": gain, or rows parted, of one on average;
// "total_cover": rows parted by all; "weight": how many splits. XGBoost's feature_importances_, of which Lin 2025 (arXiv 2504.14657, figure 5) does not say the kind,
// are by: "gain" with share: true
by?: "model" | "permutation" | "total_gain" | "gain" | "weight" | "cover" | "total_cover"
// importances as shares of their sum over the columns that are compared; false unless set
share?: bool
// of permutation: shuffles of each column; 5 unless set
repeats?: int & >=1 & <=1000
// the columns that are compared: "all" unless set
over?: "all" | "numbers"
// the number of most important columns whose overlap is counted: 5 unless set
top?: int & >=1`,
		Family: plugins.Utility,
		Cost:   plugins.PerModel,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Random: []plugins.Purpose{plugins.ForModel},
		Uses:   append(classifier.Uses(), plugins.Use{Name: "permutation", Version: permutation.Version}),
		Scores: plugins.Agree(otherTrees, []plugins.ScoreInfo{
			{Name: "spearman", Summary: "rank correlation of the importances in the two models", Min: -1, Max: 1, Better: plugins.Higher},
			{Name: "kendall_tau_b", Summary: "Kendall's correlation of the importances in the two models, with the correction for ties", Min: -1, Max: 1, Better: plugins.Higher},
			{Name: "top_k_overlap", Summary: "share of the k most important columns of one model that are among those of the other; of equal ones the earlier column counts", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "top_k_jaccard", Summary: "size of the intersection of the k most important columns of both models divided by that of their union", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "importance_real", Summary: "importance in the model of the real rows; with share: true, its share of that of all columns compared", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: []string{"column"}},
			{Name: "importance_synthetic", Summary: "importance in the model of the synthetic rows; with share: true, its share of that of all columns compared", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: []string{"column"}},
		}),
		Need: classifier.Need,
	}, defaults, New)
}

// otherTrees is the tolerance of importances, which go by the splits themselves: with gains changed as plugins.Trees has it, they moved by up
// to 0.13 of themselves, and two of seven columns changed places, which is 0.095 of Kendall's correlation; of few columns it is more.
var otherTrees = plugins.Tolerance{Absolute: 0.2, Relative: 0.2, Why: "of splits that gain equally much a tree may take another, of another column"}

var defaults = Config{Config: classifier.Defaults(), Part: plugins.Test, By: byModel, Repeats: 5, Over: allColumns, Top: 5}

// agreement is the scores that have no dimension: the first four.
var agreement = []string{"spearman", "kendall_tau_b", "top_k_overlap", "top_k_jaccard"}

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if r.Label == "" {
		return nil, plugins.LacksLabel
	}
	return c, ""
}

type metric struct{ config Config }

// Reads implements plugins.Selective. Columns are shuffled in the part that the real model is not trained on; and of two label classes the
// first part that has both, train before test, says which is the event.
func (m metric) Reads() []plugins.Part {
	if m.config.Part == plugins.Train && m.config.By != byPermutation {
		return []plugins.Part{plugins.Train}
	}
	return []plugins.Part{plugins.Train, plugins.Test}
}

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := c.Config.Check(); err != nil {
		return nil, err
	}
	if err := compare.CheckPart(c.Part); err != nil {
		return nil, err
	}
	switch {
	case c.By != byModel && c.By != byPermutation && !slices.Contains(splits, gbdt.By(c.By)):
		return nil, fmt.Errorf("by is %q; want %q, %q or, of boosted trees, one of %q", c.By, byModel, byPermutation, splits)
	case slices.Contains(splits, gbdt.By(c.By)) && c.Model != classifier.Boosted:
		return nil, fmt.Errorf("by is %q, which only model: %q has", c.By, classifier.Boosted)
	case c.Share && c.By == byPermutation:
		return nil, fmt.Errorf("share with by: %q; what AUROC falls by may be below 0, and has no shares", byPermutation)
	case c.Over != allColumns && c.Over != numbers:
		return nil, fmt.Errorf("over is %q; want %q or %q", c.Over, allColumns, numbers)
	case c.Repeats < 1:
		return nil, fmt.Errorf("repeats is %d; want at least 1", c.Repeats)
	case c.Top < 1:
		return nil, fmt.Errorf("top is %d; want at least 1", c.Top)
	}
	return metric{c}, nil
}

// Measure trains both models, each on its own encoding, and compares the importances of their columns.
//
// What a generator can do wrong to the label leaves the scores undefined with the reason; what is wrong with the real label is an error.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	out, err := m.measure(ctx, env, pair)
	var no classifier.Undefined
	if errors.As(err, &no) {
		out = &plugins.Measurement{}
		for _, name := range agreement {
			out.Scores = append(out.Scores, compare.Undefined(name, string(no)))
		}
		return out, nil
	}
	return out, err
}

func (m metric) measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if _, err := compare.New(pair, m.config.Part); err != nil { // importances are looked up by column
		return nil, err
	}
	labels, err := classifier.NewLabels(pair, m.Reads()...)
	if err != nil {
		return nil, err
	}
	synthetic, _, err := labels.Synthetic(pair.Synthetic)
	if err != nil {
		return nil, err
	}
	real := labels.Rows(pair.Parts.Get(m.config.Part).Frame)
	var rated classifier.Rows
	if m.config.By == byPermutation {
		if pair.Alike(plugins.Train, plugins.Test) {
			return nil, classifier.Undefined("there are no real rows to shuffle columns in besides those that the model is trained on")
		}
		rated = labels.Rows(pair.Parts.Get(m.other()).Frame)
	}
	names := m.columns(real.Frame, pair.Target)
	ofReal, err := m.importances(ctx, env, real, rated, names, pair.Target, string(m.config.Part)+" rows")
	if err != nil {
		return nil, err
	}
	ofSynthetic, err := m.importances(ctx, env, synthetic, rated, names, pair.Target, "synthetic rows")
	if err != nil {
		return nil, err
	}
	result := &plugins.Measurement{
		Scores: m.agreement(ofReal, ofSynthetic),
		Counts: []plugins.Count{
			{Name: "real training rows", Value: len(real.Y)},
			{Name: "synthetic training rows", Value: len(synthetic.Y)},
			{Name: "columns compared", Value: len(names)},
			{Name: "most important columns (k)", Value: m.config.Top},
		},
	}
	for i, name := range names {
		dims := map[string]string{"column": name}
		result.Scores = append(
			result.Scores,
			plugins.Score{Name: "importance_real", Dims: dims, Value: ofReal[i], N: len(real.Y), Status: plugins.OK},
			plugins.Score{Name: "importance_synthetic", Dims: dims, Value: ofSynthetic[i], N: len(synthetic.Y), Status: plugins.OK},
		)
	}
	return result, nil
}

// other is the real part that the real model is not trained on.
func (m metric) other() plugins.Part {
	if m.config.Part == plugins.Train {
		return plugins.Test
	}
	return plugins.Train
}

// columns names the columns whose importances are compared.
func (m metric) columns(f *frame.Frame, target string) []string {
	var names []string
	for _, c := range f.Columns() {
		if c.Name != target && (m.config.Over == allColumns || c.Kind == frame.Number) {
			names = append(names, c.Name)
		}
	}
	return names
}

// importances trains a model and returns the importance of each of the named columns.
func (m metric) importances(ctx context.Context, env plugins.Env, train, rated classifier.Rows, names []string, target, which string) ([]float64, error) {
	switch events := train.Events(); {
	case len(train.Y) == 0:
		return nil, classifier.Undefined("there are no " + which)
	case events == 0 || events == len(train.Y):
		return nil, classifier.Undefined("the " + which + " have one label class")
	}
	model, err := m.config.Fit(ctx, train, []string{target}, env.Threads, func(labels ...string) *rand.Rand {
		return env.Rand.For(plugins.ForModel, append([]string{"importance-agreement"}, labels...)...)
	})
	if err != nil {
		return nil, err
	}
	if m.config.By == byPermutation {
		return m.permuted(ctx, env, model, rated, names)
	}
	all := model.Importances()
	if m.config.By != byModel {
		if all, err = classifier.ImportancesBy(model, gbdt.By(m.config.By)); err != nil {
			return nil, err
		}
	}
	at := map[string]int{}
	for i, name := range model.Variables() {
		at[name] = i
	}
	out := make([]float64, len(names))
	sum := 0.0
	for i, name := range names {
		out[i] = all[at[name]]
		sum += out[i]
	}
	if m.config.Share && sum > 0 {
		for i := range out {
			out[i] /= sum
		}
	}
	return out, nil
}

// permuted returns what the AUROC of the model falls by when a column is shuffled. Both models see the same shuffles.
func (m metric) permuted(ctx context.Context, env plugins.Env, model classifier.Model, rated classifier.Rows, names []string) ([]float64, error) {
	if events := rated.Events(); events == 0 || events == len(rated.Y) {
		return nil, classifier.Undefined("the real rows to shuffle columns in have one label class, or there are none")
	}
	falls, err := permutation.Importances(ctx, rated.Frame, names, func(ctx context.Context, f *frame.Frame) (float64, error) {
		p, err := model.Predict(ctx, f, 1)
		if err != nil {
			return 0, err
		}
		s, err := stats.NewPredictions(rated.Y, p)
		if err != nil {
			return 0, err
		}
		return s.AUROC()
	}, permutation.Config{Repeats: m.config.Repeats, Threads: env.Threads, Rand: func(column string, repeat int) *rand.Rand {
		return env.Rand.For(plugins.ForModel, "importance-agreement", "permutation", column, strconv.Itoa(repeat))
	}})
	out := make([]float64, len(falls))
	for i, f := range falls {
		out[i] = f.Mean
	}
	return out, err
}

// agreement compares the importances of the same columns in two models.
func (m metric) agreement(real, synthetic []float64) []plugins.Score {
	set := func(name string, value float64, err error) plugins.Score {
		if err != nil {
			reason := err.Error()
			switch {
			case errors.Is(err, stats.ErrOneRow):
				reason = "there are fewer than two columns"
			case errors.Is(err, stats.ErrConstant):
				reason = "all columns have the same importance in a model"
			}
			return compare.Undefined(name, reason)
		}
		return plugins.Score{Name: name, Value: value, N: len(real), Status: plugins.OK}
	}
	rho, err := stats.Spearman(real, synthetic)
	out := []plugins.Score{set(agreement[0], rho, err)}
	tau, err := KendallTauB(real, synthetic)
	out = append(out, set(agreement[1], tau, err))
	both, err := common(real, synthetic, m.config.Top)
	k := float64(m.config.Top)
	return append(out, set(agreement[2], float64(both)/k, err), set(agreement[3], float64(both)/(2*k-float64(both)), err))
}

// common counts the columns that are among the k most important ones of both models.
func common(a, b []float64, k int) (int, error) {
	if len(a) < k {
		return 0, fmt.Errorf("there are %d columns, and the %d most important ones are wanted", len(a), k)
	}
	of := top(b, k)
	both := 0
	for _, i := range top(a, k) {
		if slices.Contains(of, i) {
			both++
		}
	}
	return both, nil
}

// top returns the indices of the k greatest values; of equal ones the first.
func top(values []float64, k int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return 0
	})
	return order[:k]
}

// KendallTauB returns (P - Q)/√((P+Q+X)(P+Q+Y)), in [-1,1], over all pairs of entries: P that x and y order alike, Q that they order
// the other way, X and Y that are tied in y alone and in x alone.
//
// It returns the errors of stats.Spearman.
//
// Source: M. G. Kendall (1945), Biometrika 33(3), 239–251.
func KendallTauB(x, y []float64) (float64, error) {
	if len(x) != len(y) {
		return 0, stats.ErrLengths
	}
	if len(x) < 2 {
		return 0, stats.ErrOneRow
	}
	order := func(a, b float64) int64 {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	var agree, orderedX, orderedY int64
	for i := range x {
		for j := range i {
			dx, dy := order(x[i], x[j]), order(y[i], y[j])
			agree += dx * dy
			orderedX += dx * dx
			orderedY += dy * dy
		}
	}
	return stats.Quotient(float64(orderedX), float64(orderedY), float64(agree))
}
