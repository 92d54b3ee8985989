// Package pmse scores how well a logistic regression tells synthetic rows from real ones by the rows that it was fitted on:
// the propensity score mean squared error.
package pmse

import (
	"context"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "pmse",
		Version: 1,
		Summary: "propensity score mean squared error of a logistic regression of real against synthetic, and what it would be by chance",
		Source: "M.-J. Woo et al. (2009), J. Priv. Confid. 1(1), 111–124; J. Snoke et al. (2018), J. R. Stat. Soc. A 181(3), 663–688 " +
			"(expectation and standard deviation under the null)",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"`,
		Family: plugins.Joint,
		Cost:   plugins.PerModel,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses: []plugins.Use{
			compare.Use(),
			{Name: "encode", Version: encode.Version},
			{Name: "gram", Version: gram.Version},
			{Name: "logistic", Version: logistic.Version},
		},
		Scores: plugins.Agree(ended, []plugins.ScoreInfo{
			{Name: "pmse_logistic_l2", Summary: "mean (p - c)², p of a ridge-penalised logistic regression (C = 1), c the share of synthetic rows", Min: 0, Max: 0.25, Better: plugins.Lower},
			{Name: "pmse_logistic_unpenalised", Summary: "the same of a logistic regression without penalty", Min: 0, Max: 0.25, Better: plugins.Lower},
			{Name: "null_expectation", Summary: "pmse_logistic_unpenalised to be expected when both sides have one distribution", Min: 0, Max: math.Inf(1), Better: plugins.Neutral, NoInterval: plugins.OfATest},
			{Name: "ratio", Summary: "pmse_logistic_unpenalised by its null expectation; 1 when both sides have one distribution", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Ideal: new(1.0), NoInterval: plugins.OfATest},
			{Name: "standardised", Summary: "pmse_logistic_unpenalised less its null expectation, in null standard deviations; 0 when both sides have one distribution", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Lower, Ideal: new(0.0), NoInterval: plugins.OfATest},
			{Name: "parameters", Summary: "parameters of the regression without penalty: the intercept and the encoded columns that raise the rank", Min: 1, Max: math.Inf(1), Count: true, Better: plugins.Neutral, NoInterval: plugins.Description},
		}, unpenalised[0], "pmse_logistic_l2", "ratio", "standardised"),
		Need: compare.Need(8), // the encoding has about two columns for one, kept thrice: itself, its basis, and that weighted
	}, Config{Part: plugins.Test}, New)
}

// ended is plugins.Fitted, without rows to be counted, and relative, too: the null standard deviation that standardised is in may be
// far below 1.
var ended = plugins.Tolerance{Absolute: plugins.Fitted().Absolute, Relative: 1e-4, Why: plugins.Fitted().Why}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// the scores of the fit without penalty.
var unpenalised = []string{"pmse_logistic_unpenalised", "null_expectation", "ratio", "standardised"}

// Measure fits both regressions to all rows of both sides in the standard encoding, the target included. N is the number of rows.
//
// Without penalty a fit may not exist: when some synthetic (or real) rows can be told apart for certain, as by a level
// that the other side lacks. The scores that rest on it are then undefined.
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
		return &plugins.Measurement{Scores: undefined(reason, append([]string{"pmse_logistic_l2", "parameters"}, unpenalised...)...)}, nil
	}
	x, y := encoded.Pooled()
	model, err := logistic.Fit(ctx, x, y, logistic.Config{Threads: env.Threads})
	if err != nil {
		return nil, err
	}
	c := float64(s.Synthetic.Rows()) / float64(x.Rows)
	scores := []plugins.Score{{Name: "pmse_logistic_l2", Value: spread(model.Predict(x), c), N: x.Rows, Status: plugins.OK}}
	free, err := free(ctx, env.Threads, x, y, c)
	return &plugins.Measurement{Scores: append(scores, free...)}, err
}

func undefined(reason string, names ...string) []plugins.Score {
	var out []plugins.Score
	for _, name := range names {
		out = append(out, compare.Undefined(name, reason))
	}
	return out
}

// spread returns mean (p - c)².
func spread(p []float64, c float64) float64 {
	sum := 0.0
	for _, v := range p {
		sum += (v - c) * (v - c)
	}
	return sum / float64(len(p))
}

// free returns the scores of the regression without penalty.
func free(ctx context.Context, threads int, x *encode.Design, y []float64, c float64) ([]plugins.Score, error) {
	basis, err := orthonormal(ctx, x)
	if err != nil {
		return nil, err
	}
	p, separated, err := fit(ctx, threads, basis, y)
	if err != nil {
		return nil, err
	}
	n, k := float64(x.Rows), float64(len(basis))
	parameters := plugins.Score{Name: "parameters", Value: k, N: x.Rows, Status: plugins.OK}
	if separated {
		return append(undefined("some rows can be told to be real or synthetic for certain: without a penalty the regression has no solution", unpenalised...), parameters), nil
	}
	pmse := spread(p, c)
	null := (k - 1) * (1 - c) * (1 - c) * c / n
	deviation := math.Sqrt(2*(k-1)) * (1 - c) * (1 - c) * c / n
	scores := []plugins.Score{
		{Name: unpenalised[0], Value: pmse, N: x.Rows, Status: plugins.OK},
		{Name: unpenalised[1], Value: null, N: x.Rows, Status: plugins.OK},
	}
	if len(basis) == 1 {
		scores = append(scores, undefined("every column is constant: no other value than 0 can be expected", unpenalised[2:]...)...)
	} else {
		scores = append(scores,
			plugins.Score{Name: unpenalised[2], Value: pmse / null, N: x.Rows, Status: plugins.OK},
			plugins.Score{Name: unpenalised[3], Value: (pmse - null) / deviation, N: x.Rows, Status: plugins.OK})
	}
	return append(scores, parameters), nil
}
