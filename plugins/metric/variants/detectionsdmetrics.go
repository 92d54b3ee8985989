package variants

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// detectionScore is both the score's name and the catalogue's.
const detectionScore = "c2st_auc_logistic_sdmetrics"

func registerDetection(r *plugins.Registry) {
	about := info("detection-sdmetrics", "Logistic Detection as SDMetrics computes it: 1 when a regression finds nothing, 0 when it tells all rows apart",
		"SDMetrics (single_table.LogisticDetection)", plugins.PerModel,
		similarity(detectionScore, "1 - mean over three shuffled folds of 2·max(0.5, AUROC) - 1"))
	about.Family = plugins.Joint
	about.Scores = plugins.Agree(plugins.Fitted(), about.Scores)
	about.Random = []plugins.Purpose{plugins.ForModel}
	about.Uses = append(about.Uses, plugins.Use{Name: "logistic", Version: logistic.Version}, plugins.Use{Name: "stats", Version: stats.Version})
	about.Need = compare.Need(6)
	plugins.Add(&r.Metrics, about, Config{Part: plugins.Test}, func(c Config) (plugins.Metric, error) {
		return detection{compare.OnePart(c.Part)}, compare.CheckPart(c.Part)
	})
}

type detection struct{ compare.OnePart }

// folds is the number of shuffled folds.
const folds = 3

// Measure fits a ridge-penalised logistic regression to two of three folds, three times, and ranks the rows of the third. Missing numbers are
// filled with the real mean, and each column less its median is divided by its interquartile range in the folds that are fitted to. A level that the real
// rows lack has no column.
func (m detection) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, plugins.Part(m.OnePart))
	if err != nil {
		return nil, err
	}
	real, synthetic := s.Real.Rows(), s.Synthetic.Rows()
	if min(real, synthetic) < folds || len(s.Real.Columns()) == 0 {
		return onlyUndefined(fmt.Sprintf("each side needs a column and %d rows, one for each fold", folds)), nil
	}
	columns := filled(s)
	for _, c := range columns {
		for _, v := range c {
			if !(math.Abs(v) < 1e150) {
				return onlyUndefined("a value is too great to be squared"), nil
			}
		}
	}
	rng := env.Rand.For(plugins.ForModel)
	fold := slices.Concat(dealt(rng, real), dealt(rng, synthetic))
	sum := 0.0
	for f := range folds {
		a, err := ranked(ctx, env.Threads, columns, fold, f, real)
		if err != nil {
			return nil, err
		}
		sum += 2*max(0.5, a) - 1
	}
	return &plugins.Measurement{Scores: []plugins.Score{
		{Name: detectionScore, Value: 1 - sum/folds, N: real + synthetic, Status: plugins.OK},
	}}, nil
}

func onlyUndefined(reason string) *plugins.Measurement {
	return &plugins.Measurement{Scores: []plugins.Score{compare.Undefined(detectionScore, reason)}}
}

// dealt gives rows to the folds at random, as many to each as can be.
func dealt(rng *rand.Rand, rows int) []int {
	out := make([]int, rows)
	for i, row := range rng.Perm(rows) {
		out[row] = i % folds
	}
	return out
}

// filled returns the columns that the regression reads, real rows before synthetic ones.
func filled(s *compare.Sides) [][]float64 {
	var out [][]float64
	for _, real := range s.Real.Columns() {
		synthetic := s.Synthetic.Column(real.Name)
		if real.Kind == frame.Number {
			out = append(out, meanFilled(real.Numbers, synthetic.Numbers))
			continue
		}
		for _, level := range real.Levels {
			out = append(out, slices.Concat(marks(real, level), marks(synthetic, level)))
		}
		if real.MissingCount() > 0 {
			out = append(out, slices.Concat(missingMarks(real), missingMarks(synthetic)))
		}
	}
	return out
}

func meanFilled(real, synthetic []float64) []float64 {
	sum, n := 0.0, 0.0
	for _, v := range real {
		if !math.IsNaN(v) {
			n++
			sum += (v - sum) / n // the running mean: a sum may overflow
		}
	}
	out := slices.Concat(real, synthetic)
	for i, v := range out {
		if math.IsNaN(v) {
			out[i] = sum
		}
	}
	return out
}

func marks(c *frame.Column, level string) []float64 {
	out := make([]float64, c.Len())
	for i, code := range c.Codes {
		if code != frame.Missing && c.Levels[code] == level {
			out[i] = 1
		}
	}
	return out
}

func missingMarks(c *frame.Column) []float64 {
	out := make([]float64, c.Len())
	for i := range out {
		if c.IsMissing(i) {
			out[i] = 1
		}
	}
	return out
}

// ranked returns the AUROC of the rows of one fold by a regression of the others. The first rows are real, the class of 1.
func ranked(ctx context.Context, threads int, columns [][]float64, fold []int, f, real int) (float64, error) {
	train, test := &encode.Design{}, &encode.Design{}
	for _, c := range columns {
		seen, unseen := parts(c, fold, f)
		centre, spread := quartiles(seen)
		for _, values := range [][]float64{seen, unseen} {
			for i := range values {
				values[i] = (values[i] - centre) / spread
			}
		}
		train.Columns = append(train.Columns, encode.Column{Dense: seen})
		test.Columns = append(test.Columns, encode.Column{Dense: unseen})
	}
	label := make([]float64, len(fold))
	for i := range real {
		label[i] = 1
	}
	y, held := parts(label, fold, f)
	train.Rows, test.Rows = len(y), len(held)
	model, err := logistic.Fit(ctx, train, y, logistic.Config{Threads: threads})
	if err != nil {
		return 0, err
	}
	positive := make([]bool, len(held))
	for i, v := range held {
		positive[i] = v == 1
	}
	predictions, err := stats.NewPredictions(positive, model.Predict(test))
	if err != nil {
		return 0, err
	}
	a, err := predictions.AUROC()
	if errors.Is(err, stats.ErrOneClass) {
		return 0.5, nil
	}
	return a, err
}

func parts(values []float64, fold []int, f int) (outside, inside []float64) {
	for i, v := range values {
		if fold[i] == f {
			inside = append(inside, v)
		} else {
			outside = append(outside, v)
		}
	}
	return outside, inside
}

// quartiles returns the median of values and their interquartile range, 1 where that is 0.
func quartiles(values []float64) (median, spread float64) {
	sorted := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		h := q * float64(len(sorted)-1)
		low := int(h)
		high := min(low+1, len(sorted)-1)
		return sorted[low] + (h-float64(low))*(sorted[high]-sorted[low])
	}
	if spread = at(0.75) - at(0.25); spread == 0 {
		spread = 1
	}
	return at(0.5), spread
}
