package sites

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// rated is an AUROC, or a difference of two at the same test rows, or why there is none.
type rated struct {
	value    float64
	n        int
	interval *plugins.Interval
	reason   string
	warnings []string
	area     *stats.ClusteredAUROC // of an AUROC; nil where its precision is unknown
	draws    []float64             // on the resamples of the site, which are the same for all models; nil where there are none
}

func without(reason string) rated { return rated{reason: reason} }

func (r rated) score(name string, dims map[string]string) plugins.Score {
	if r.reason != "" {
		return plugins.Score{Name: name, Dims: dims, Status: plugins.Undefined, Reason: r.reason}
	}
	return plugins.Score{Name: name, Dims: dims, Value: r.value, N: r.n, Interval: r.interval, Status: plugins.OK, Warnings: r.warnings}
}

// rate rates a model at a site.
func (w *work) rate(ctx context.Context, m classifier.Model, s *site) (rated, error) {
	on := w.test.take(s.rows)
	p, err := m.Predict(ctx, on.Frame, w.env.Threads)
	if err != nil {
		return rated{}, err
	}
	return w.auroc(ctx, s, on.Y, p)
}

// few is the number of rows of a class below which a percentile interval tends to be too short.
const few = 20

// auroc is that of predictions for the rows of a site, with an interval by resampling its subjects.
func (w *work) auroc(ctx context.Context, s *site, y []bool, p []float64) (rated, error) {
	out, err := w.bare(s, y, p)
	if err != nil || out.reason != "" || w.Resamples == 0 {
		return out, err
	}
	predicted, err := stats.NewPredictions(y, p)
	if err != nil {
		return rated{}, err
	}
	draws, err := predicted.Bootstrap(ctx, stats.Bootstrap{
		Units: s.subjects, Resamples: w.Resamples, Threads: w.env.Threads,
		Source: func(i int) *rand.Rand {
			return w.env.Rand.For(plugins.ForResample, strconv.Itoa(i), "site", s.name)
		},
	}, s.unit)
	if err != nil {
		return rated{}, err
	}
	out.draws = draws.Values(stats.DrawAUROC)
	if out.interval, err = w.percentiles(out.draws, w.who+" of the site in the test part"); err != nil {
		return rated{}, err
	}
	if events := predicted.Events(); min(events, len(y)-events) < few {
		out.warnings = append(out.warnings, fmt.Sprintf("fewer than %d test rows of one class: the interval is rough", few))
	}
	return out, nil
}

// bare is an AUROC without resampling.
func (w *work) bare(s *site, y []bool, p []float64) (rated, error) {
	area, err := stats.NewClusteredAUROC(y, p, s.unit)
	switch {
	case errors.Is(err, stats.ErrOneClass):
		return without("the test rows of the site have one label class"), nil
	case errors.Is(err, stats.ErrFewPerClass):
		return rated{value: area.AUROC, n: len(y)}, nil
	case err != nil:
		return rated{}, err
	}
	return rated{value: area.AUROC, n: len(y), area: area}, nil
}

// quick rates a model at a site, with an interval by a formula: a grid has many pairs of sites.
func (w *work) quick(ctx context.Context, m classifier.Model, s *site) (rated, error) {
	on := w.test.take(s.rows)
	p, err := m.Predict(ctx, on.Frame, w.env.Threads)
	if err != nil {
		return rated{}, err
	}
	out, err := w.bare(s, on.Y, p)
	if err != nil || out.reason != "" || w.Resamples == 0 {
		return out, err
	}
	if out.area == nil {
		out.warnings = []string{plugins.WithoutInterval + stats.ErrFewPerClass.Error()}
		return out, nil
	}
	low, high, err := out.area.Interval(w.Level)
	out.interval = w.interval(low, high, w.who+" of the site in the test part", "DeLong by "+w.who+", logit")
	return out, err
}

func (w *work) interval(low, high float64, unit, method string) *plugins.Interval {
	return &plugins.Interval{Low: low, High: high, Level: w.Level, Unit: unit, Method: method}
}

func (w *work) percentiles(draws []float64, unit string) (*plugins.Interval, error) {
	low, high, err := stats.PercentileInterval(draws, w.Level)
	return w.interval(low, high, unit, fmt.Sprintf("percentile bootstrap, %d resamples", w.Resamples)), err
}

// gaps subtracts AUROCs at the same test rows, resample by resample.
func (w *work) gaps(own, left []rated) ([]rated, error) {
	out := make([]rated, len(own))
	for i := range out {
		switch {
		case own[i].reason != "":
			out[i] = without(own[i].reason)
			continue
		case left[i].reason != "":
			out[i] = without(left[i].reason)
			continue
		}
		out[i] = rated{value: own[i].value - left[i].value, n: own[i].n, warnings: own[i].warnings}
		if own[i].draws == nil {
			continue
		}
		out[i].draws = make([]float64, len(own[i].draws))
		for k, v := range own[i].draws {
			out[i].draws[k] = v - left[i].draws[k]
		}
		var err error
		if out[i].interval, err = w.percentiles(out[i].draws, w.who+" of the site in the test part"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fewestSites is the number of sites from which on their spread says how far their mean may be from that of all hospitals like them.
const fewestSites = 3

// mean is the unweighted mean over sites that have a value, of which there is one at least; it lies in [low, 1].
//
// From fewestSites on the site is the unit: the spread of the values has the sampling within sites in it.
func (w *work) mean(values []rated, low float64) (rated, error) {
	points := make([]float64, len(values))
	for i, r := range values {
		points[i] = r.value
	}
	mean, _ := stats.Mean(points)
	out := rated{value: mean, n: len(values)}
	switch {
	case w.Resamples == 0:
		return out, nil
	case len(values) >= fewestSites:
		_, from, to, err := stats.MeanInterval(points, w.Level)
		out.interval = w.interval(max(low, from), min(1, to), "sites", fmt.Sprintf("Student's t over %d sites", len(values)))
		return out, err
	}
	draws := make([]float64, w.Resamples)
	for _, r := range values {
		for i, v := range r.draws {
			draws[i] += v / float64(len(values))
		}
	}
	var err error
	out.interval, err = w.percentiles(draws, fmt.Sprintf("%s of the test part, at these sites", w.who))
	out.warnings = []string{fmt.Sprintf("fewer than %d sites have a value: the interval is about the patients of these, not about hospitals like them", fewestSites)}
	return out, err
}

// worst is the least AUROC of sites that have one, of which there is one at least.
//
// A bootstrap of a minimum is biased downwards. Instead, intervals of the single sites that hold together: each has the coverage
// level^(1/k), and whenever all of them hold, the least true value lies between the least of their lower and the least of their upper bounds.
//
// Source: Z. Šidák (1967), J. Am. Stat. Assoc. 62(318), 626–633.
func (w *work) worst(values []rated) (rated, error) {
	least := slices.MinFunc(values, func(a, b rated) int { return cmp.Compare(a.value, b.value) })
	out := rated{value: least.value, n: len(values)}
	if w.Resamples == 0 {
		return out, nil
	}
	lowest, highest := 1.0, 1.0
	for _, r := range values {
		if r.area == nil {
			out.warnings = []string{plugins.WithoutInterval + "at a site, " + stats.ErrFewPerClass.Error()}
			return out, nil
		}
		low, high, err := r.area.Interval(math.Pow(w.Level, 1/float64(len(values))))
		if err != nil {
			return rated{}, err
		}
		lowest, highest = min(lowest, low), min(highest, high)
	}
	out.interval = w.interval(lowest, highest, fmt.Sprintf("%s of the test part, at these sites", w.who),
		fmt.Sprintf("least bounds of %d sites, DeLong by %s, logit, Šidák", len(values), w.who))
	return out, nil
}
