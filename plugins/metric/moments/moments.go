// Package moments scores how far means, standard deviations and medians of number columns lie apart.
package moments

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Part    plugins.Part `json:"part"`              // the real rows to compare with: test, or train, which rewards copying
	Columns string       `json:"columns,omitempty"` // compare.AllColumns (also ""): every number column; or compare.Continuous
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	column := []string{"column"}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "moments",
		Version: 2,
		Summary: "standardised mean difference, similarity of mean, standard deviation and median, and overlap of intervals, of each number column",
		Source: "P. C. Austin (2009), Stat. Med. 28(25), 3083–3107 (standardised difference); A. F. Karr et al. (2006), The American Statistician 60(3), 224–232 (interval overlap); " +
			"SDMetrics (statistic similarity)",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// "all" unless set; "continuous": number columns with more than two distinct values in the real rows. Where each column is moved by the same
// number of SDs, mean_absolute_standardised_mean_difference is that number; flags, of which a threshold on the scale that moves is all that is
// seen, show less of it
columns?: "all" | "continuous"`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), {Name: "stats", Version: stats.Version}},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			{Name: difference, Summary: "(mean_synthetic - mean_real)/√((var_real + var_synthetic)/2) of a number column; 0 is best, beyond ±0.1 is notable", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: column},
			{Name: similarity + "mean", Summary: "1 - |mean_real - mean_synthetic|/real range, at least 0", Min: 0, Max: 1, Better: plugins.Higher, Dims: column},
			{Name: similarity + "std", Summary: "1 - |SD_real - SD_synthetic|/real range, at least 0", Min: 0, Max: 1, Better: plugins.Higher, Dims: column},
			{Name: similarity + "median", Summary: "1 - |median_real - median_synthetic|/real range, at least 0", Min: 0, Max: 1, Better: plugins.Higher, Dims: column},
			{Name: overlap, Summary: "overlap of mean ± 1.96 SD of both sides (the SD, not the standard error), averaged over the two lengths, at least 0", Min: 0, Max: 1, Better: plugins.Higher, Dims: column},
			{Name: "mean_absolute_" + difference, Summary: "mean |standardised_mean_difference| over the number columns, with the interval that differences between columns give it", Min: 0, Max: math.Inf(1), Better: plugins.Lower},
			{Name: "share_notable_" + difference, Summary: "share of the number columns whose |standardised_mean_difference| is above 0.1", Min: 0, Max: 1, Better: plugins.Lower},
			{Name: "mean_" + similarity + "mean", Summary: "mean statistic_similarity_mean over the number columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "mean_" + similarity + "std", Summary: "mean statistic_similarity_std over the number columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "mean_" + similarity + "median", Summary: "mean statistic_similarity_median over the number columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: "mean_" + overlap, Summary: "mean confidence_interval_overlap over the number columns", Min: 0, Max: 1, Better: plugins.Higher},
			{Name: overlap + "_standard_error", Summary: "standard error of mean_confidence_interval_overlap: SD over the columns/√columns", Min: 0, Max: 1, Better: plugins.Neutral, NoInterval: plugins.OfAnError},
			{Name: "columns_without_" + overlap, Summary: "number of columns whose intervals do not overlap", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Lower, NoInterval: plugins.Description},
			{Name: "share_without_" + overlap, Summary: "share of columns whose intervals do not overlap", Min: 0, Max: 1, Better: plugins.Lower},
		},
	}, Config{Part: plugins.Test}, New)
}

// Names of scores.
const (
	difference = "standardised_mean_difference"
	similarity = "statistic_similarity_"
	overlap    = "confidence_interval_overlap"
)

const (
	// notable is the |standardised mean difference| above which a difference is usually called notable (Austin 2009).
	notable = 0.1
	// wide is the half width of an interval in standard deviations: 95 % of a normal distribution.
	wide = 1.96
)

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part, or Columns none of the texts that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := compare.CheckPart(c.Part); err != nil {
		return nil, err
	}
	if c.Columns == "" {
		c.Columns = compare.AllColumns
	}
	return metric{compare.OnePart(c.Part), c}, compare.CheckColumns(c.Columns)
}

// Measure scores the number columns that the settings name, the target included if it is one. Values that a constant column, or a single value,
// leaves without a scale are undefined, and left out of the means and shares.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	quantities := []compare.Quantity{
		{Name: difference, Mean: "mean_absolute_" + difference, Absolute: true},
		{Name: similarity + "mean", Mean: "mean_" + similarity + "mean"},
		{Name: similarity + "std", Mean: "mean_" + similarity + "std"},
		{Name: similarity + "median", Mean: "mean_" + similarity + "median"},
		{Name: overlap, Mean: "mean_" + overlap},
	}
	names, note := s.Names(frame.Number), ""
	if m.config.Columns == compare.Continuous {
		names, note = s.Continuous(), "variant: continuous columns alone"
	}
	out, err := s.Quantities(ctx, env, note, names, quantities, func(column string) []compare.Value {
		return values(s, column)
	})
	if err != nil {
		return nil, err
	}
	means := out.Scores[len(out.Scores)-len(quantities):]
	overColumns(&means[0], out.Scores)
	first, last := means[0], means[len(means)-1]
	out.Scores = append(out.Scores, differences(out.Scores, first))
	out.Scores = append(out.Scores, overlaps(out.Scores, last)...)
	return out, nil
}

// overColumns gives the mean of |standardised_mean_difference| an interval, with the columns as the unit: what columns of the same kind would
// have been moved by. One column says nothing of others.
func overColumns(mean *plugins.Score, scores []plugins.Score) {
	var sizes []float64
	for i := range scores {
		if s := &scores[i]; s.Name == difference && s.Status == plugins.OK {
			sizes = append(sizes, math.Abs(s.Value))
		}
	}
	const level = 0.95
	if _, low, high, err := stats.MeanInterval(sizes, level); err == nil && mean.Status == plugins.OK {
		mean.Interval = &plugins.Interval{Low: max(0, low), High: high, Level: level, Unit: "columns", Method: "Student t"}
	}
}

// values returns the quantities of a column, in their order.
func values(s *compare.Sides, column string) []compare.Value {
	if none, ok := s.Filled(column); !ok {
		return []compare.Value{none, none, none, none, none}
	}
	real, synthetic := s.Moments(s.Part, column), s.Moments(compare.Synthetic, column)
	out := []compare.Value{
		standardised(s, real, synthetic),
		similar(s, real, synthetic.Above(real)),
		similar(s, real, synthetic.SD-real.SD),
		similar(s, real, synthetic.Median-real.Median),
		overlapping(s, real, synthetic),
	}
	if none, ok := spread(s, real, synthetic); !ok && out[2].Reason == "" {
		out[2] = none
	}
	return out
}

// spread returns whether both sides have the two values that a standard deviation needs, and if not, why it is undefined.
func spread(s *compare.Sides, real, synthetic *compare.Moments) (compare.Value, bool) {
	switch {
	case real.N < 2:
		return compare.None(s.Part, fmt.Sprintf("fewer than two %s rows have a value in this column: there is no standard deviation", s.Part)), false
	case synthetic.N < 2:
		return compare.None(compare.Synthetic, "fewer than two synthetic rows have a value in this column: there is no standard deviation"), false
	}
	return compare.Value{}, true
}

func standardised(s *compare.Sides, real, synthetic *compare.Moments) compare.Value {
	if none, ok := spread(s, real, synthetic); !ok {
		return none
	}
	if real.Constant() && synthetic.Constant() {
		return compare.None(s.Part, "the column is constant on both sides: there is no standard deviation to divide by")
	}
	// √((a²+b²)/2), in a form that no great value overflows
	return compare.Known(synthetic.Above(real) / math.Hypot(real.SD, synthetic.SD) * math.Sqrt2)
}

// similar returns 1 - |d|/(real range), at least 0.
func similar(s *compare.Sides, real *compare.Moments, d float64) compare.Value {
	if real.Constant() {
		return compare.None(s.Part, fmt.Sprintf("the column is constant in the %s rows: there is no range to divide by", s.Part))
	}
	return compare.Known(max(0, 1-math.Abs(d)/real.Range()))
}

// overlapping returns ½(o/a + o/b), at least 0, where o is the overlap of the intervals mean ± 1.96 SD of both sides, negative
// when they lie apart, and a and b are their lengths.
func overlapping(s *compare.Sides, real, synthetic *compare.Moments) compare.Value {
	switch {
	case real.Constant():
		return compare.None(s.Part, fmt.Sprintf("the column is constant in the %s rows: its interval has no length", s.Part))
	case synthetic.Constant():
		return compare.None(compare.Synthetic, "the column is constant in the synthetic rows: its interval has no length")
	}
	a, b := wide*real.SD, wide*synthetic.SD
	d := math.Abs(synthetic.Above(real))
	o := min(a+b-d, 2*a, 2*b) // upper end less lower end of the common part
	return compare.Known(max(0, (o/a+o/b)/4))
}

// of returns the values of the scores of a name that are defined.
func of(scores []plugins.Score, name string) (values []float64) {
	for _, s := range scores {
		if s.Name == name && s.Status == plugins.OK {
			values = append(values, s.Value)
		}
	}
	return values
}

// beside returns a further summary of what a mean summarises, with its caveats; it is undefined where the mean is.
func beside(mean plugins.Score, name string, value float64) plugins.Score {
	mean.Name = name
	if mean.Status == plugins.OK {
		mean.Value = value
	}
	return mean
}

// share returns how many values are in, and what share of all.
func share(values []float64, in func(float64) bool) (count, share float64) {
	for _, v := range values {
		if in(v) {
			count++
		}
	}
	return count, count / float64(max(len(values), 1))
}

// differences returns the share of columns whose standardised mean difference is notable.
func differences(scores []plugins.Score, mean plugins.Score) plugins.Score {
	_, above := share(of(scores, difference), func(v float64) bool { return math.Abs(v) > notable })
	return beside(mean, "share_notable_"+difference, above)
}

// overlaps summarises the overlaps beside their mean.
func overlaps(scores []plugins.Score, mean plugins.Score) []plugins.Score {
	values := of(scores, overlap)
	sd, err := stats.SD(values)
	deviation := beside(mean, overlap+"_standard_error", sd/math.Sqrt(float64(max(len(values), 1))))
	if err != nil && mean.Status == plugins.OK {
		deviation.Status, deviation.Value, deviation.Reason = plugins.Undefined, 0, "a standard error needs two columns with a defined overlap"
	}
	count, apart := share(values, func(v float64) bool { return v == 0 })
	return []plugins.Score{deviation, beside(mean, "columns_without_"+overlap, count), beside(mean, "share_without_"+overlap, apart)}
}
