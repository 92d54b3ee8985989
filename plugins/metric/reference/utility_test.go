package reference_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream"
	"github.com/ehrlab/ehrlab/plugins/metric/importanceagreement"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/sites"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var utility = map[string]evaluator{
	"trtr_logistic":                         logisticTask("real", "holdout"),
	"tstr_logistic":                         logisticTask("synth", "holdout"),
	"trts_logistic":                         logisticTask("real", "synth"),
	"tsts_resubstitution_logistic":          logisticTask("synth", "synth"),
	"trtr_xgboost":                          boostedTask("real", "holdout"),
	"tstr_xgboost":                          boostedTask("synth", "holdout"),
	"trts_xgboost":                          boostedTask("real", "synth"),
	"trtr_random_forest_auroc":              forestTask("real", "holdout", "auroc"),
	"tstr_random_forest_auroc":              forestTask("synth", "holdout", "auroc"),
	"trts_random_forest_auroc":              forestTask("real", "synth", "auroc"),
	"trtr_random_forest_brier":              forestTask("real", "holdout", "brier"),
	"tstr_random_forest_brier":              forestTask("synth", "holdout", "brier"),
	"trts_random_forest_brier":              forestTask("real", "synth", "brier"),
	"classification_from_predictions":       fromPredictions,
	"bootstrap_ci_auroc":                    bootstrapOf(1),
	"leave_one_site_out_auroc_train_real":   atSites("leave_one_site_out_auroc_train_real", "_mean", "_worst"),
	"leave_one_site_out_auroc_train_synth":  atSites("leave_one_site_out_auroc_train_synth", "_mean", "_worst"),
	"within_site_auroc":                     atSites("within_site_auroc"),
	"feature_importance_agreement_logistic": importances,
	"logistic_coefficients_train_synth":     coefficients,
	"bootstrap_ci_auroc_difference":         bootstrapOf(2),
}

// classification lists the fields of classification_from_predictions.
var classification = []string{
	"auroc", "auprc", "brier", "log_loss", "f1_at_0.5", "precision_at_0.5", "recall_at_0.5", "balanced_accuracy_at_0.5", "mcc_at_0.5",
	"ece_10", "calibration_intercept", "calibration_slope", "calibration_in_the_large",
}

// taskFrame returns the features of a frame of a pair and, as zeros and ones, the label; rows without a label are left out. further
// columns are kept too.
func taskFrame(p *reference.Pair, name string, further ...string) (*frame.Frame, error) {
	f, err := p.Frame(name)
	if err != nil {
		return nil, err
	}
	target := f.Column(p.Label)
	if target == nil {
		return nil, fmt.Errorf("pair without a label")
	}
	var kept []int
	y := make([]float64, f.Rows())
	for i := range y {
		if target.IsMissing(i) {
			continue
		}
		kept = append(kept, i)
		value := ""
		if target.Kind == frame.Category {
			value = target.Levels[target.Codes[i]]
		} else {
			value = strconv.FormatFloat(target.Numbers[i], 'g', -1, 64)
		}
		if value == p.Positive {
			y[i] = 1
		}
	}
	if f, err = f.Select(append(append([]string{}, p.Features...), further...)...); err != nil {
		return nil, err
	}
	all, err := frame.New(append(append([]*frame.Column{}, f.Columns()...), frame.NewNumber(p.Label, y))...)
	if err != nil {
		return nil, err
	}
	return all.Take(kept), nil
}

// rate measures a model that is trained on one frame of a pair and tested on another. Whatever these are, they take the place of the
// parts of the real rows, so that all rows of both are used.
func rate(f *reference.Folder, e reference.Entry, train, test, with string, seed uint64) (*plugins.Measurement, error) {
	p, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	from, err := taskFrame(p, train)
	if err != nil {
		return nil, err
	}
	on, err := taskFrame(p, test)
	if err != nil {
		return nil, err
	}
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: from}, plugins.Test: {Frame: on},
	}), from.Take(nil), p.Label)
	r := &plugins.Registry{}
	downstream.Register(r)
	m, _, err := r.Metrics.Get("downstream").Build(json.RawMessage(with))
	if err != nil {
		return nil, err
	}
	return m.Measure(context.Background(), metrictest.Env(r.Metrics.Get("downstream").Info, 2, seed), pair)
}

// fields returns scores as an object; one that is undefined is nil, and so is the whole when all are.
func fields(m *plugins.Measurement, names []string) (any, error) {
	out := map[string]any{}
	var none undefined
	defined := false
	for _, name := range names {
		v, err := scoreOf(m, name)
		if err != nil && !errors.As(err, &none) {
			return nil, err
		}
		out[name] = v
		defined = defined || err == nil
	}
	if !defined {
		return nil, none
	}
	return out, nil
}

func logisticTask(train, test string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := rate(f, e, train, test, `{"train": "real", "resamples": 0, "threshold": 0.5}`, 1)
		if err != nil {
			return nil, err
		}
		return fields(m, classification)
	}
}

func boostedTask(train, test string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := rate(f, e, train, test, `{"train": "real", "resamples": 0, "threshold": 0.5, "model": "gbdt", "gbdt": {"rounds": 100, "max_depth": 3, "eta": 0.1}}`, 1)
		if err != nil {
			return nil, err
		}
		return fields(m, []string{"auroc", "auprc", "brier", "log_loss", "f1_at_0.5"})
	}
}

// forestTask is the mean over five forests.
func forestTask(train, test, score string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		const forests = 5
		sum := 0.0
		for seed := range uint64(forests) {
			m, err := rate(f, e, train, test, `{"train": "real", "resamples": 0, "threshold": 0.5, "model": "random-forest", "random-forest": {"n_estimators": 200}}`, seed)
			if err != nil {
				return nil, err
			}
			v, err := scoreOf(m, score)
			if err != nil {
				return nil, err
			}
			sum += v.(float64)
		}
		return sum / forests, nil
	}
}

// predictionsOf reads the labels and the named columns of probabilities of an entry.
func predictionsOf(f *reference.Folder, e reference.Entry) (y []bool, p [][]float64, err error) {
	pair, err := f.Pair(e.Pair)
	if err != nil {
		return nil, nil, err
	}
	if len(e.Inputs) == 0 {
		return nil, nil, fmt.Errorf("the entry names no file of predictions")
	}
	table, err := f.Table(e.Inputs[0])
	if err != nil {
		return nil, nil, err
	}
	for _, text := range table[pair.Label] {
		y = append(y, text == pair.Positive)
	}
	for _, name := range e.Columns {
		texts, ok := table[name]
		if !ok {
			return nil, nil, fmt.Errorf("%s has no column %q", e.Inputs[0], name)
		}
		column := make([]float64, len(texts))
		for i, text := range texts {
			if column[i], err = strconv.ParseFloat(text, 64); err != nil {
				return nil, nil, fmt.Errorf("%s: column %q, row %d is no number", e.Inputs[0], name, i+1)
			}
		}
		p = append(p, column)
	}
	return y, p, nil
}

func fromPredictions(f *reference.Folder, e reference.Entry) (any, error) {
	y, p, err := predictionsOf(f, e)
	if err != nil {
		return nil, err
	}
	s, err := stats.NewPredictions(y, p[0])
	if err != nil {
		return nil, undefined(err.Error())
	}
	half := make([]bool, len(y))
	for i, v := range p[0] {
		half[i] = v >= 0.5
	}
	r := s.Rate(half)
	out := map[string]any{}
	for name, quantity := range map[string]int{
		"auroc": stats.DrawAUROC, "auprc": stats.DrawAUPRC, "brier": stats.DrawBrier, "log_loss": stats.DrawLogLoss,
		"f1_at_0.5": stats.DrawF1, "precision_at_0.5": stats.DrawPrecision, "recall_at_0.5": stats.DrawRecall,
		"balanced_accuracy_at_0.5": stats.DrawBalancedAccuracy, "mcc_at_0.5": stats.DrawMCC, "ece_10": stats.DrawECE,
		"calibration_intercept": stats.DrawCalibrationIntercept, "calibration_slope": stats.DrawCalibrationSlope,
		"calibration_in_the_large": stats.DrawCalibrationInTheLarge,
	} {
		out[name] = nil
		if r.Reasons[quantity] == nil {
			out[name] = r.Values[quantity]
		}
	}
	return out, nil
}

// bootstrapOf returns the percentile interval of the AUROC of one column of probabilities, or of the first less the second of two.
func bootstrapOf(columns int) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		y, p, err := predictionsOf(f, e)
		if err != nil {
			return nil, err
		}
		if len(p) != columns {
			return nil, fmt.Errorf("the entry names %d columns, not %d", len(p), columns)
		}
		var draws [][]float64
		for _, column := range p {
			s, err := stats.NewPredictions(y, column)
			if err != nil {
				return nil, undefined(err.Error())
			}
			// equal sources: the resamples of all columns are the same rows
			d, err := s.Bootstrap(context.Background(), stats.Bootstrap{Resamples: 1000, Threads: 2, Source: func(i int) *rand.Rand {
				return plugins.NewRand(1, "reference", plugins.ForResample).For(plugins.ForResample, strconv.Itoa(i))
			}}, nil)
			if errors.Is(err, stats.ErrOneClass) {
				return nil, undefined(err.Error())
			} else if err != nil {
				return nil, err
			}
			draws = append(draws, d.Values(stats.DrawAUROC))
		}
		values := append([]float64{}, draws[0]...)
		for i := range values {
			if columns == 2 {
				values[i] -= draws[1][i]
			}
		}
		low, high, err := stats.PercentileInterval(values, 0.95)
		if err != nil {
			return nil, err
		}
		return map[string]any{"low": low, "high": high}, nil
	}
}

// atSites measures all sites of the real rows; further are the suffixes of the scores over the sites.
func atSites(score string, further ...string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		p, err := f.Pair(e.Pair)
		if err != nil {
			return nil, err
		}
		real, err := taskFrame(p, "real", p.Site)
		if err != nil {
			return nil, err
		}
		synthetic, err := taskFrame(p, "synth", p.Site)
		if err != nil {
			return nil, err
		}
		with, err := json.Marshal(map[string]any{"site": p.Site, "rows": 1, "events": 1, "nonevents": 1, "folds": 5, "resamples": 0})
		if err != nil {
			return nil, err
		}
		m, err := measure(sites.Register, "sites", string(with), plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
			plugins.Train: {Frame: real}, plugins.Test: {Frame: real},
		}), synthetic, p.Label))
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for _, s := range m.Scores {
			if s.Name == score {
				out[s.Dims["site"]] = valueOf(s)
			}
			for _, suffix := range further {
				if s.Name == score+suffix {
					out[suffix[1:]] = valueOf(s)
				}
			}
		}
		return out, nil
	}
}

// valueOf is the value of a score, or nil where it is undefined.
func valueOf(s plugins.Score) any {
	if s.Status == plugins.OK {
		return s.Value
	}
	return nil
}

func importances(f *reference.Folder, e reference.Entry) (any, error) {
	p, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	real, err := taskFrame(p, "real")
	if err != nil {
		return nil, err
	}
	synthetic, err := taskFrame(p, "synth")
	if err != nil {
		return nil, err
	}
	m, err := measure(importanceagreement.Register, "importance-agreement", `{"over": "numbers", "top": 5}`, metrictest.Pair(real, synthetic, p.Label))
	if err != nil {
		return nil, err
	}
	out, defined := map[string]any{}, false
	for field, score := range map[string]string{
		"spearman": "spearman", "kendall_tau_b": "kendall_tau_b", "top5_overlap": "top_k_overlap", "top5_jaccard": "top_k_jaccard",
	} {
		v, err := scoreOf(m, score)
		var none undefined
		if err != nil && !errors.As(err, &none) {
			return nil, err
		}
		out[field] = v
		defined = defined || err == nil
	}
	if !defined {
		return nil, undefined("no score is defined")
	}
	return out, nil
}

// coefficients are those of the numeric features in the model that the synthetic rows train.
func coefficients(f *reference.Folder, e reference.Entry) (any, error) {
	p, err := f.Pair(e.Pair)
	if err != nil {
		return nil, err
	}
	synthetic, err := taskFrame(p, "synth")
	if err != nil {
		return nil, err
	}
	encoder := encode.Fit(synthetic, p.Label)
	x, err := encoder.Transform(synthetic)
	if err != nil {
		return nil, err
	}
	y, err := label.Binary(synthetic.Column(p.Label), "1")
	if err != nil {
		return nil, undefined(err.Error())
	}
	model, err := logistic.Fit(context.Background(), x, y, logistic.Config{Threads: 2})
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for j, feature := range encoder.Features() {
		if feature.Part == encode.Value {
			out[feature.Variable] = model.Weights[j]
		}
	}
	return out, nil
}
