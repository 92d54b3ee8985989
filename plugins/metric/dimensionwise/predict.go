package dimensionwise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/metric/codeprobability"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// predictions returns the scores of the prediction of single codes.
func (m metric) predictions(ctx context.Context, env plugins.Env, pair *plugins.Pair) ([]plugins.Score, error) {
	parts := []plugins.Part{plugins.Train, events.Synthetic, plugins.Test}
	lacking, err := events.Lacking(pair, parts...)
	if err != nil {
		return nil, err
	}
	if lacking == "" && pair.Alike(plugins.Train, plugins.Test) {
		lacking = "a model of real patients would be tested on the patients that it is trained on: train and test are the same"
	}
	if lacking != "" {
		return []plugins.Score{codeprobability.Score("prediction_mean_abs_difference", 0, 0, errors.New(lacking), nil)}, nil
	}
	all, err := events.Together(pair, parts...)
	if err != nil {
		return nil, err
	}
	sides := make([]side, len(all))
	for i, t := range all {
		sides[i] = newSide(t)
	}
	codes := nearestToHalf(sides[0], m.config.Codes)
	results := make([][2]result, len(codes))
	var done atomic.Int64
	err = parallel.For(ctx, env.Threads, 2*len(codes), func(i int) error {
		var err error
		results[i/2][i%2], err = auroc(ctx, sides[0], sides[i%2], sides[2], codes[i/2])
		env.Progress(int(done.Add(1)), 2*len(codes))
		return err
	})
	if err != nil {
		return nil, err
	}
	return scoresOf(all[0].Codes, codes, results, sides[2].patients), nil
}

// result is an AUROC with its interval, or why there is none.
type result struct {
	value    float64
	interval *plugins.Interval // nil with fewer than two patients who have the code, or who have it not
	none     error
}

// scoresOf returns the scores of the results for each code, and their mean difference.
func scoresOf(names []string, codes []int, results [][2]result, patients int) []plugins.Score {
	var out []plugins.Score
	sum, n := 0.0, 0
	for i, code := range codes {
		dims := map[string]string{"code": codeName(names[code])}
		for j, name := range []string{"auroc_real", "auroc_synth"} {
			score := codeprobability.Score(name, results[i][j].value, patients, results[i][j].none, dims)
			if score.Interval = results[i][j].interval; score.Interval == nil && score.Status == plugins.OK {
				score.Warnings = []string{plugins.WithoutInterval + stats.ErrFewPerClass.Error()}
			}
			out = append(out, score)
		}
		if results[i][0].none == nil && results[i][1].none == nil {
			sum += max(results[i][0].value-results[i][1].value, results[i][1].value-results[i][0].value)
			n++
		}
	}
	var none error
	if n == 0 {
		none = errors.New("no code has an AUROC on both sides")
	}
	mean := codeprobability.Score("prediction_mean_abs_difference", sum/float64(max(n, 1)), n, none, nil)
	if left := len(codes) - n; left > 0 && n > 0 {
		mean.Warnings = []string{fmt.Sprintf("%d of %d codes left out: their AUROC is undefined on a side", left, len(codes))}
	}
	return append(out, mean)
}

// codeName is a code as a dimension, which is not empty.
func codeName(code string) string {
	if code == "" {
		return "(no code)"
	}
	return code
}

// side is which patients have each code.
type side struct {
	patients int
	having   [][]int32 // by code, ascending
}

func newSide(t *events.Trajectories) side {
	sets := t.Sets()
	s := side{patients: sets.Len(), having: make([][]int32, len(t.Codes))}
	for p := range sets.Len() {
		for _, code := range sets.Of(p) {
			s.having[code] = append(s.having[code], int32(p))
		}
	}
	return s
}

// nearestToHalf returns at most n codes of a side, those first whose share of the patients is nearest to one half; equals in
// order of bytes.
func nearestToHalf(s side, n int) []int {
	var codes []int
	for code, having := range s.having {
		if len(having) > 0 {
			codes = append(codes, code)
		}
	}
	distance := func(code int) int { // in halves of a patient: whole, so that equals are equal
		d := 2*len(s.having[code]) - s.patients
		return max(d, -d)
	}
	slices.SortStableFunc(codes, func(a, b int) int { return cmp.Compare(distance(a), distance(b)) })
	return codes[:min(n, len(codes))]
}

// manyCodes is the number of codes from which on the model is fitted by iterations: each patient has few of them.
const manyCodes = 300

// auroc trains a logistic regression (C = 1) of one code on all other codes of real patients, 0 or 1 for each patient, and rates
// it on test. Codes that no patient of the training side has would get no weight, so they are left out.
func auroc(ctx context.Context, real, train, test side, code int) (result, error) {
	for _, of := range []struct {
		what string
		side side
	}{{"that the model is trained on", train}, {"of the test part", test}} {
		switch len(of.side.having[code]) {
		case 0:
			return result{none: fmt.Errorf("no patient %s has the code", of.what)}, nil
		case of.side.patients:
			return result{none: fmt.Errorf("every patient %s has the code", of.what)}, nil
		}
	}
	x, z := &encode.Design{Rows: train.patients}, &encode.Design{Rows: test.patients}
	for other, having := range train.having {
		if other != code && len(having) > 0 && len(real.having[other]) > 0 {
			x.Columns = append(x.Columns, encode.Column{Ones: having})
			z.Columns = append(z.Columns, encode.Column{Ones: empty(test.having[other])})
		}
	}
	model, err := logistic.Fit(ctx, x, indicator(train, code), logistic.Config{Iterative: len(x.Columns) > manyCodes})
	if err != nil {
		return result{}, err
	}
	has := make([]bool, test.patients)
	for _, p := range test.having[code] {
		has[p] = true
	}
	return rated(has, model.Predict(z))
}

// level is the coverage of the intervals of AUROCs.
const level = 0.95

// rated rates the predictions for patients of whom some have a code and others have it not. Each patient is one row.
func rated(has []bool, predicted []float64) (result, error) {
	area, err := stats.NewClusteredAUROC(has, predicted, nil)
	switch {
	case errors.Is(err, stats.ErrFewPerClass):
		return result{value: area.AUROC}, nil
	case err != nil:
		return result{}, err
	}
	low, high, err := area.Interval(level)
	return result{value: area.AUROC, interval: &plugins.Interval{Low: low, High: high, Level: level, Unit: "test patients", Method: "DeLong, logit"}}, err
}

// empty makes a list of none of no list: a column whose Ones are nil would be taken for a dense one.
func empty(ones []int32) []int32 {
	if ones == nil {
		return []int32{}
	}
	return ones
}

func indicator(s side, code int) []float64 {
	y := make([]float64, s.patients)
	for _, p := range s.having[code] {
		y[p] = 1
	}
	return y
}
