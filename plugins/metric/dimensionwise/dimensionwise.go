// Package dimensionwise compares trajectories code by code: the share of patients that have a code, how well the other codes
// predict it, and its share of all events.
package dimensionwise

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/metric/codeprobability"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/jensenshannon"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Part  plugins.Part `json:"part"`  // the real trajectories whose shares are compared: test, or train, which rewards copying
	Codes int          `json:"codes"` // how many codes are predicted, ≥ 0
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	inf := math.Inf(1)
	code := []string{"code"}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "dimension-wise",
		Version: 2,
		Summary: "each code's prevalence, and its prediction from the other codes, real against synthetic",
		Source:  "E. Choi et al. (2017), Proc. Machine Learning for Healthcare, PMLR 68, 286–305 (medGAN); J. Lin (1991), IEEE Trans. Inf. Theory 37(1), 145–151",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// how many codes are predicted, those whose prevalence in train is nearest to one half; 10 unless set, 0 for none
codes?: int & >=0`,
		Family: plugins.Trajectories,
		Cost:   plugins.PerModel,
		Shapes: []plugins.Shape{plugins.Events},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{events.Use(), {Name: "logistic", Version: logistic.Version}, {Name: "stats", Version: stats.Version}},
		Need:   func(s plugins.Size) plugins.Need { return plugins.Need{Threads: 8, Bytes: 64 * int64(s.Rows+s.N)} },
		Scores: plugins.Agree(plugins.Fitted(), []plugins.ScoreInfo{
			{Name: "prevalence_r2", Summary: "1 - Σ(real - synthetic)² / Σ(real - mean real)² of the shares of patients with a code, over the codes of either side", Min: -inf, Max: 1, Better: plugins.Higher},
			{Name: "prevalence_pearson", Summary: "correlation of the shares of patients with a code", Min: -1, Max: 1, Better: plugins.Higher},
			{Name: "prevalence_rmse", Summary: "root of the mean squared difference of the shares", Min: 0, Max: 1, Better: plugins.Lower},
			{Name: "prevalence_mean_abs", Summary: "mean absolute difference of the shares", Min: 0, Max: 1, Better: plugins.Lower},
			{Name: "codes", Summary: "codes that occur on either side", Min: 0, Max: inf, Count: true, Better: plugins.Neutral, NoInterval: plugins.OfTheirN},
			{Name: "unseen_in_real", Summary: "codes that occur in synthetic trajectories only", Min: 0, Max: inf, Count: true, Better: plugins.Lower, NoInterval: plugins.OfTheirN},
			{Name: "absent_in_synth", Summary: "codes that occur in real trajectories only", Min: 0, Max: inf, Count: true, Better: plugins.Lower, NoInterval: plugins.OfTheirN},
			{Name: "code_frequency_jensen_shannon", Summary: "Jensen–Shannon distance, base 2, of the codes' shares of all events", Min: 0, Max: 1, Better: plugins.Lower},
			{Name: "auroc_real", Summary: "AUROC on test of a code's prediction by a logistic regression trained on train", Min: 0, Max: 1, Better: plugins.Neutral, Dims: code},
			{Name: "auroc_synth", Summary: "AUROC on test of a code's prediction by a logistic regression trained on the synthetic patients", Min: 0, Max: 1, Better: plugins.Higher, Dims: code},
			{Name: "prediction_mean_abs_difference", Summary: "mean |auroc_real - auroc_synth| over the predicted codes", Min: 0, Max: 1, Better: plugins.Lower},
		}, "auroc_real", "auroc_synth", "prediction_mean_abs_difference"),
	}, Config{Part: plugins.Test, Codes: 10}, New)
}

type metric struct{ config Config }

// Reads implements plugins.Selective: codes are predicted by models of train that are tested on test.
func (m metric) Reads() []plugins.Part {
	if m.config.Codes > 0 {
		return []plugins.Part{plugins.Test, plugins.Train}
	}
	return []plugins.Part{m.config.Part}
}

// New returns the metric. It is an error when Part is another part, or Codes is negative.
func New(c Config) (plugins.Metric, error) {
	if c.Codes < 0 {
		return nil, fmt.Errorf("codes is %d; want at least 0", c.Codes)
	}
	return metric{c}, compare.CheckPart(c.Part)
}

// Measure compares the shares of codes with the real part, and predictions of models of train with those of models of the
// synthetic patients, both on test. What a side without patients has no value of is undefined; so is the AUROC of a code that
// all patients of train, of the synthetic side or of test have, or none of them.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	warnings, err := events.Caveats(pair, m.config.Part, events.Synthetic)
	if err != nil {
		return nil, err
	}
	both, err := events.Together(pair, m.config.Part, events.Synthetic)
	if err != nil {
		return nil, err
	}
	lacking, err := events.Lacking(pair, m.config.Part, events.Synthetic)
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{Scores: shares([2]*events.Trajectories{both[0], both[1]}, lacking)}
	for i := range out.Scores {
		out.Scores[i].Warnings = warnings
	}
	if m.config.Codes == 0 {
		return out, nil
	}
	predicted, err := m.predictions(ctx, env, pair)
	out.Scores = append(out.Scores, predicted...)
	return out, err
}

// shares returns the scores of the shares of codes.
func shares(sides [2]*events.Trajectories, lacking string) []plugins.Score {
	var none error
	if lacking != "" {
		none = errors.New(lacking)
	}
	counts := codeprobability.Unigrams(sides)
	a := codeprobability.Agreement{Real: make([]float64, len(counts)), Synthetic: make([]float64, len(counts))}
	t := &compare.Table{}
	unseen, absent := 0, 0
	for i, c := range counts {
		a.Real[i] = float64(c.Patients[0]) / float64(max(1, sides[0].Patients()))
		a.Synthetic[i] = float64(c.Patients[1]) / float64(max(1, sides[1].Patients()))
		t.Real, t.Synthetic = append(t.Real, int(c.Occurrences[0])), append(t.Synthetic, int(c.Occurrences[1]))
		t.RealN, t.SyntheticN = t.RealN+int(c.Occurrences[0]), t.SyntheticN+int(c.Occurrences[1])
		switch {
		case c.Patients[0] == 0:
			unseen++
		case c.Patients[1] == 0:
			absent++
		}
	}
	var out []plugins.Score
	add := func(name string, of func() (float64, error)) {
		value, err := 0.0, none
		if none == nil {
			value, err = of()
		}
		out = append(out, codeprobability.Score(name, value, len(counts), err, nil))
	}
	add("prevalence_r2", a.R2)
	add("prevalence_pearson", a.Pearson)
	add("prevalence_rmse", a.RMSE)
	add("prevalence_mean_abs", a.MeanAbs)
	for _, n := range []struct {
		name  string
		value int
	}{{"codes", len(counts)}, {"unseen_in_real", unseen}, {"absent_in_synth", absent}} {
		add(n.name, func() (float64, error) { return float64(n.value), nil })
	}
	add("code_frequency_jensen_shannon", func() (float64, error) { return math.Sqrt(jensenshannon.Divergence(t)), nil })
	return out
}
