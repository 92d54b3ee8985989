package review

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Assumed is what a planned review is assumed to find.
type Assumed struct {
	SD        float64 `json:"sd"`        // of one rater's ratings of records of one origin
	ICC       float64 `json:"icc"`       // share of their variance that is between records: ICC(2,1), in [0,1)
	RaterSD   float64 `json:"rater_sd"`  // of the raters' means: how far strict ones and kind ones lie apart
	D         float64 `json:"d"`         // Cohen's d of one rater, the synthetic records less the real ones
	Share     float64 `json:"share"`     // of synthetic records up to the threshold, by one rater, in (0,1)
	Level     float64 `json:"level"`     // coverage of the intervals, in (0,1)
	Simulated int     `json:"simulated"` // studies behind the width for agreement
	Seed      uint64  `json:"seed"`      // of these
}

// Check says what is wrong with assumptions, or returns nil.
func (a *Assumed) Check() error {
	switch {
	case !(a.SD > 0) || math.IsInf(a.SD, 0):
		return fmt.Errorf("an SD of %g: want a number above 0", a.SD)
	case !(a.ICC >= 0 && a.ICC < 1):
		return fmt.Errorf("an ICC of %g: want 0 or more and less than 1", a.ICC)
	case !(a.RaterSD >= 0) || math.IsInf(a.RaterSD, 0):
		return fmt.Errorf("an SD of the raters' means of %g: want 0 or more", a.RaterSD)
	case math.IsNaN(a.D) || math.IsInf(a.D, 0):
		return fmt.Errorf("a d of %g: want a number", a.D)
	case !(a.Share > 0 && a.Share < 1):
		return fmt.Errorf("a share of %g: want a number between 0 and 1", a.Share)
	case !(a.Level > 0 && a.Level < 1):
		return fmt.Errorf("a level of %g: want a number between 0 and 1", a.Level)
	case a.Simulated < 10 || a.Simulated > 100_000:
		return fmt.Errorf("%d simulated studies: want 10 to 100000", a.Simulated)
	}
	if residual := a.residual(); residual < 0 {
		return fmt.Errorf("an ICC of %g leaves no room for raters' means with an SD of %g; want an SD of at most %.3g", a.ICC, a.RaterSD, a.SD*math.Sqrt((1-a.ICC)/a.ICC))
	}
	return nil
}

// records and residual are the variances between records of one origin, and of what is left. SD is within a rater, so that the raters'
// means are no part of it; they are one of ICC(2,1), which is of absolute agreement.
func (a *Assumed) records() float64 { return a.ICC * (a.SD*a.SD + a.RaterSD*a.RaterSD) }

func (a *Assumed) residual() float64 { return a.SD*a.SD - a.records() }

// Width is how wide the intervals of a review will be: from end to end.
type Width struct {
	Raters     int     `json:"raters"`
	Records    int     `json:"records"`   // of each origin
	D          float64 `json:"d"`         // of one rater
	MeanD      float64 `json:"d_of_mean"` // that is to be expected of the mean of each record
	DOfMean    float64 `json:"d_of_mean_width"`
	Difference float64 `json:"difference"` // of the means of records, in points
	Share      float64 `json:"share"`      // of synthetic records, by one rater
	ShareOfAll float64 `json:"share_of_all"`
	ICC        float64 `json:"icc"` // NaN with one rater
}

// Widths returns the width of intervals for numbers of raters and of records.
//
// The widths for d and for the difference are 2·z·SE with the standard errors for large samples; those for shares are of Wilson's interval,
// for all ratings by the effective number of ratings; that for ICC(2,1) is the mean over simulated studies of two-way normal
// ratings.
//
// Sources: L. V. Hedges, I. Olkin (1985), Statistical Methods for Meta-Analysis, section 5.C; L. Kish (1965), Survey Sampling,
// section 8.2; K. O. McGraw, S. P. Wong (1996), Psychol. Methods 1(1), 30–46.
func Widths(ctx context.Context, a Assumed, raters, records []int, threads int) ([]Width, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	for _, n := range slices.Concat(raters) {
		if n < 1 || n > 1000 {
			return nil, fmt.Errorf("%d raters: want 1 to 1000", n)
		}
	}
	for _, n := range records {
		if n < 2 || n > 10_000 {
			return nil, fmt.Errorf("%d records: want 2 to 10000", n)
		}
	}
	var out []Width
	for _, k := range raters {
		for _, n := range records {
			w, err := a.width(ctx, k, n, threads)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
		}
	}
	return out, nil
}

// width is that for k raters and n records of each origin.
func (a *Assumed) width(ctx context.Context, k, n, threads int) (Width, error) {
	z := distuv.UnitNormal.Quantile((1 + a.Level) / 2)
	within := a.records() + a.residual()
	mean := a.records() + a.residual()/float64(k) // the raters' means are the same for both origins
	d := a.D * math.Sqrt(within/mean)
	se := func(d float64) float64 { return math.Sqrt(2/float64(n) + d*d/(4*float64(n))) }
	w := Width{
		Raters: k, Records: n, D: 2 * z * se(a.D), MeanD: d, DOfMean: 2 * z * se(d), Difference: 2 * z * math.Sqrt(2*mean/float64(n)), ICC: math.NaN(),
	}
	shares := func(size float64) (float64, error) {
		low, high, err := stats.WilsonShare(a.Share, size, a.Level)
		return high - low, err
	}
	var err error
	if w.Share, err = shares(float64(n)); err != nil {
		return w, err
	}
	if w.ShareOfAll, err = shares(float64(n*k) / (1 + float64(k-1)*a.ICC)); err != nil {
		return w, err
	}
	if k > 1 {
		w.ICC, err = a.agreement(ctx, k, 2*n, threads)
	}
	return w, err
}

// agreement is the mean width of the interval for ICC(2,1) over simulated studies. Both origins are rated, so that their difference
// is variance between records, too.
func (a *Assumed) agreement(ctx context.Context, raters, records, threads int) (float64, error) {
	from := plugins.NewRand(a.Seed, "", plugins.ForSimulation)
	widths := make([]float64, a.Simulated)
	err := parallel.For(ctx, threads, a.Simulated, func(i int) error {
		rng := from.For(plugins.ForSimulation, "review", strconv.Itoa(raters), strconv.Itoa(records), strconv.Itoa(i))
		found, err := stats.ICC(a.study(rng, raters, records), a.Level)
		if err == nil {
			widths[i] = found.High - found.Low
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return stats.Mean(widths)
}

// study draws the ratings of a review: a row a record, of which the first half is synthetic.
func (a *Assumed) study(rng *rand.Rand, raters, records int) [][]float64 {
	kind := make([]float64, raters)
	for j := range kind {
		kind[j] = a.RaterSD * rng.NormFloat64()
	}
	between, rest := math.Sqrt(a.records()), math.Sqrt(a.residual())
	out := make([][]float64, records)
	for i := range out {
		record := between * rng.NormFloat64()
		if i < records/2 {
			record += a.D * a.SD
		}
		out[i] = make([]float64, raters)
		for j := range out[i] {
			out[i][j] = record + kind[j] + rest*rng.NormFloat64()
		}
	}
	return out
}
