package reference_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/adversarialaccuracy"
	"github.com/ehrlab/ehrlab/plugins/metric/copies"
	"github.com/ehrlab/ehrlab/plugins/metric/identifiability"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/metric/nearest"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
	"github.com/ehrlab/ehrlab/plugins/metric/variants"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

var distances = map[string]evaluator{
	"dcr_gower_synth_to_real":             closestGower("synthetic", "train", ""),
	"dcr_gower_synth_to_holdout":          closestGower("synthetic", "test", "control_"),
	"dcr_gower_real_to_synth":             closestGower("train", "synthetic", ""),
	"dcr_overfitting_protection":          overfitting,
	"dcr_baseline_protection":             privacyScore(nearest.Register, "nearest", "", "dcr_baseline_protection"),
	"dcr_nndr_euclidean_synth_to_real":    closestEuclidean("train", ""),
	"dcr_nndr_euclidean_synth_to_holdout": closestEuclidean("test", "control_"),
	"dcr_share_closer_to_real":            closerToReal,

	"identical_match_share": identicalRows,
	"new_row_synthesis":     newRows,

	"nn_adversarial_accuracy_euclidean":     adversarial,
	"identifiability_score":                 privacyScore(identifiability.Register, "identifiability", "", "identifiability_score", "members", "train"),
	"nn_adversarial_accuracy_gower":         privacyScore(variants.Register, "adversarial-accuracy-syntheval", "", "nn_adversarial_accuracy_gower"),
	"nn_adversarial_accuracy_gower_holdout": privacyScore(variants.Register, "adversarial-accuracy-syntheval", "", "nn_adversarial_accuracy_gower_holdout"),
	"nndr_gower_syntheval":                  ratiosSyntheval,
	"hitting_rate":                          hitsSyntheval,
}

// privacy sets the synthetic rows against real ones that the generator has seen, and those that it has not.
func privacy(f *reference.Folder, name string) (*plugins.Pair, error) {
	return privacyOn(f, name, nil)
}

// privacyOn is privacy for some columns; nil is for all.
func privacyOn(f *reference.Folder, name string, columns []string) (*plugins.Pair, error) {
	_, real, synthetic, holdout, err := framesOf(f, name)
	if err != nil {
		return nil, err
	}
	if columns != nil {
		for _, frame := range []**frame.Frame{&real, &synthetic, &holdout} {
			if *frame, err = (*frame).Select(columns...); err != nil {
				return nil, err
			}
		}
	}
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: real},
		plugins.Test:  {Frame: holdout},
	}), synthetic, ""), nil
}

// privacyOf measures a pair, in the columns that the parameters of the entry name or, where they name none, in all.
func privacyOf(f *reference.Folder, e reference.Entry, register func(*plugins.Registry), name, with string) (*plugins.Measurement, error) {
	var params struct{ Columns []string }
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	pair, err := privacyOn(f, e.Pair, params.Columns)
	if err != nil {
		return nil, err
	}
	return measure(register, name, with, pair)
}

// privacyScore is one score of a metric.
func privacyScore(register func(*plugins.Registry), name, with, score string, dims ...string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := privacyOf(f, e, register, name, with)
		if err != nil {
			return nil, err
		}
		return scoreOf(m, score, dims...)
	}
}

// distanceFields reads scores into an object; one that is undefined is nil, and all of them undefined are an undefined object.
func distanceFields(m *plugins.Measurement, names map[string]string, dims ...string) (any, error) {
	out, defined := map[string]any{}, false
	var why error
	for field, score := range names {
		value, err := scoreOf(m, score, dims...)
		if none := undefined(""); err != nil && !asUndefined(err, &none) {
			return nil, err
		}
		if out[field] = value; err != nil {
			why = err
		} else {
			defined = true
		}
	}
	if !defined {
		return nil, why
	}
	return out, nil
}

func asUndefined(err error, into *undefined) bool {
	none, ok := err.(undefined)
	if ok {
		*into = none
	}
	return ok
}

func closestGower(from, to, prefix string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := privacyOf(f, e, nearest.Register, "nearest", `{"distance": "gower"}`)
		if err != nil {
			return nil, err
		}
		names := map[string]string{}
		for _, field := range []string{"min", "p05", "median", "mean", "max", "zero_share"} {
			names[field] = prefix + "dcr_" + field
		}
		object, err := distanceFields(m, names, "from", from, "to", to)
		if err != nil {
			return nil, err
		}
		pair, err := privacy(f, e.Pair)
		if err != nil {
			return nil, err
		}
		first, err := firstDistances(pair, plugins.Part(from), plugins.Part(to), 10)
		object.(map[string]any)["first10"] = first
		return object, err
	}
}

// firstDistances are the distances of the first n rows to their closest ones.
func firstDistances(pair *plugins.Pair, from, to plugins.Part, n int) ([]any, error) {
	near, err := neighbour.NewPair(pair, metrictest.Env(plugins.Info{}, 2, 1), neighbour.Gower, 1)
	if err != nil {
		return nil, err
	}
	found, err := near.Nearest(context.Background(), neighbour.All(from), neighbour.All(to))
	if err != nil || found.K() == 0 {
		return nil, err
	}
	out := []any{}
	for i, d := range found.Distances(1) {
		if i < n {
			out = append(out, d)
		}
	}
	return out, nil
}

func closestEuclidean(to, prefix string) evaluator {
	return func(f *reference.Folder, e reference.Entry) (any, error) {
		m, err := privacyOf(f, e, nearest.Register, "nearest", `{"distance": "euclidean"}`)
		if err != nil {
			return nil, err
		}
		out := map[string]any{}
		for field, statistics := range map[string]string{"dcr": "min p05 median mean", "nndr": "p05 median mean"} {
			names := map[string]string{}
			for _, s := range strings.Fields(statistics) {
				names[s] = fmt.Sprintf("%s%s_%s", prefix, field, s)
			}
			object, err := distanceFields(m, names, "from", "synthetic", "to", to)
			if none := undefined(""); err != nil && (field == "dcr" || !asUndefined(err, &none)) {
				return nil, err
			}
			if object == nil {
				all := map[string]any{}
				for s := range names {
					all[s] = nil
				}
				object = all
			}
			out[field] = object
		}
		return out, nil
	}
}

func overfitting(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := privacyOf(f, e, nearest.Register, "nearest", `{"distance": "gower", "balance": false}`)
	if err != nil {
		return nil, err
	}
	score, err := scoreOf(m, "dcr_overfitting_protection", "members", "train")
	if err != nil {
		return nil, err
	}
	pair, err := privacy(f, e.Pair)
	if err != nil {
		return nil, err
	}
	near, err := neighbour.NewPair(pair, metrictest.Env(plugins.Info{}, 2, 1), neighbour.Gower, 2)
	if err != nil {
		return nil, err
	}
	var to [2][]float64
	for i, part := range []plugins.Part{plugins.Train, plugins.Test} {
		found, err := near.Nearest(context.Background(), neighbour.All(neighbour.Synthetic), neighbour.All(part))
		if err != nil {
			return nil, err
		}
		to[i] = found.Distances(1)
	}
	closer, _ := nearest.Closer(to[0], to[1])
	// the library takes all other rows for closer to the holdout
	return map[string]any{"score": score, "closer_to_training": closer, "closer_to_holdout": 1 - closer}, nil
}

func closerToReal(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := privacyOf(f, e, nearest.Register, "nearest", `{"distance": "euclidean", "balance": false}`)
	if err != nil {
		return nil, err
	}
	return distanceFields(m, map[string]string{"closer_to_real": "dcr_share_closer_to_train", "equal": "dcr_share_equally_close"}, "members", "train")
}

func identicalRows(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := privacyOf(f, e, copies.Register, "copies", "")
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, part := range []struct {
		names map[string]string
		dims  []string
	}{
		{map[string]string{"synth_in_real": "identical_match_share", "holdout_in_real": "identical_match_baseline"}, []string{"members", "train"}},
		{map[string]string{"duplicates_within_synth": "duplicates_within_synthetic", "duplicates_within_real": "duplicates_within_train"}, nil},
	} {
		object, err := distanceFields(m, part.names, part.dims...)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, object.(map[string]any))
	}
	return out, nil
}

func newRows(f *reference.Folder, e reference.Entry) (any, error) {
	params := struct {
		Tolerance float64 `json:"numerical_match_tolerance"`
	}{0.01}
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	m, err := privacyOf(f, e, copies.Register, "copies", fmt.Sprintf(`{"tolerance": %v}`, params.Tolerance))
	if err != nil {
		return nil, err
	}
	for _, s := range m.Scores {
		if s.Name != "new_row_synthesis" || s.Dims["members"] != "train" {
			continue
		}
		if s.Status != plugins.OK {
			return nil, undefined(s.Reason)
		}
		fresh := int(math.Round(s.Value * float64(s.N)))
		return map[string]any{"score": s.Value, "num_new_rows": fresh, "num_matched_rows": s.N - fresh}, nil
	}
	return nil, errors.New("no score new_row_synthesis of all of train")
}

func adversarial(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := privacyOf(f, e, adversarialaccuracy.Register, "adversarial-accuracy", `{"distance": "euclidean", "rows": "first"}`)
	if err != nil {
		return nil, err
	}
	return distanceFields(m, map[string]string{"aa_train": "aa_train", "aa_test": "aa_test", "privacy_loss": "privacy_loss"}, "members", "train")
}

func ratiosSyntheval(f *reference.Folder, e reference.Entry) (any, error) {
	m, err := privacyOf(f, e, variants.Register, "nndr-gower-syntheval", "")
	if err != nil {
		return nil, err
	}
	return distanceFields(m, map[string]string{"avg": "nndr_gower_syntheval", "err": "nndr_gower_syntheval_standard_error"})
}

func hitsSyntheval(f *reference.Folder, e reference.Entry) (any, error) {
	params := struct {
		Share float64 `json:"thres_percent"`
	}{1.0 / 30}
	if err := e.Decode(&params); err != nil {
		return nil, err
	}
	m, err := privacyOf(f, e, variants.Register, "hitting-rate-syntheval", fmt.Sprintf(`{"window": %v}`, params.Share))
	if err != nil {
		return nil, err
	}
	return scoreOf(m, "hitting_rate_syntheval")
}
