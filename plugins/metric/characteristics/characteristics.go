// Package characteristics describes the real and the synthetic rows as the first table of a clinical paper does: quartiles of number
// columns, how many rows have each level of the others, and how many have no value.
package characteristics

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Part plugins.Part `json:"part"` // the real rows to describe: train or test
}

// Names of scores. A table of kind "cohort" reads them.
const (
	Rows    = "rows"
	Missing = "missing"
	Lower   = "lower_quartile"
	Median  = "median"
	Upper   = "upper_quartile"
	Mean    = "mean"
	SD      = "standard_deviation"
	Count   = "count"
	Share   = "share"
)

// OtherLevels stands for the levels of a column that are not told one by one.
const OtherLevels = "other levels"

// level and side are the dimensions of scores besides the column.
const levelDim = "level"

// mostLevels is how many levels of a column are told one by one at most, the most frequent in the real rows: a table of more is
// read by nobody.
const mostLevels = 30

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	least, most, side, column := math.Inf(-1), math.Inf(1), plugins.SideDim, plugins.ColumnDim
	score := func(name, summary string, from, to float64, dims ...string) plugins.ScoreInfo {
		return plugins.ScoreInfo{
			Name: name, Summary: summary, Min: from, Max: to, Better: plugins.Neutral, Dims: append([]string{side}, dims...), NoInterval: plugins.Description, OfTrain: true,
		}
	}
	count := func(name, summary string, dims ...string) plugins.ScoreInfo {
		s := score(name, summary, 0, most, dims...)
		s.Count = true
		return s
	}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "characteristics",
		Version: 2,
		Summary: "characteristics of the real and the synthetic rows, for a table of the cohort: quartiles, mean and standard deviation, levels, missing values",
		Source:  "R. J. Hyndman, Y. Fan (1996), The American Statistician 50(4), 361–365, definition 7 (quartiles); CMS cell size policy (what is withheld)",
		Schema: `// the real rows to describe: "train" unless set
part?: "train" | "test"`,
		Family: plugins.Marginals,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{compare.Use(), {Name: "stats", Version: stats.Version}},
		Need:   compare.Need(1),
		Scores: []plugins.ScoreInfo{
			count(Rows, "number of rows"),
			count(Missing, "number of rows without a value", column),
			score(Lower, "lower quartile of a number column", least, most, column),
			score(Median, "median of a number column", least, most, column),
			score(Upper, "upper quartile of a number column", least, most, column),
			score(Mean, "mean of a number column", least, most, column),
			score(SD, "standard deviation of a number column, with n - 1", 0, most, column),
			count(Count, "number of rows with a level; number columns of 0 and 1 have levels, too; a warning says where it is approximate", column, levelDim),
			score(Share, "share of rows with a level among those with a value; a warning says where it is approximate", 0, 1, column, levelDim),
		},
	}, Config{Part: plugins.Train}, New)
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure describes both sides of every column. Of the real rows nothing is told that stands for fewer than plugins.FewestTold
// subjects, whatever the governance of the data set: levels that fewer have are told together, and quartiles are those of four times as many
// at least. Where a strategy hands out rows of the data as synthetic ones, each of these is taken for a subject, and of a column with a
// level of too few no count is told: which level that is differs between seeds, and a mean over those that tell it would be too high.
//
// Where too few have no value, their number is withheld, and what it would follow from: a number that is the same whatever it is stands for
// it among the rows with a value, which shares are of, and in the count of one level. What else is told does not depend on it, but for
// quartiles, which are then values that occur, and means and standard deviations, which are rounded.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := compare.New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	d := &described{Sides: s, fewest: s.FewestSubjects(), handed: pair.Handed}
	for _, side := range sides {
		d.add(side, Rows, nil, float64(d.frame(side).Rows()), d.frame(side).Rows())
	}
	for i, c := range s.Real.Columns() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if classes := d.classesOf(c); classes != nil {
			d.levels(c.Name, classes)
		} else {
			d.numbers(c.Name)
		}
		env.Progress(i+1, len(s.Real.Columns()))
	}
	return &plugins.Measurement{Scores: d.scores}, nil
}

// sides are the values of the dimension side.
var sides = []string{plugins.RealSide, plugins.SynthSide}

// described are the scores so far.
type described struct {
	*compare.Sides
	fewest func(rows int) int // subjects that so many real rows can be of
	handed bool               // synthetic rows are real ones, too
	scores []plugins.Score
}

func (d *described) part(side string) plugins.Part {
	if side == plugins.SynthSide {
		return compare.Synthetic
	}
	return d.Part
}

func (d *described) frame(side string) *frame.Frame { return d.Frame(d.part(side)) }

func (d *described) add(side, name string, dims map[string]string, value float64, n int) {
	s := plugins.Score{Name: name, Dims: map[string]string{plugins.SideDim: side}, Status: plugins.OK, Value: value, N: n}
	for k, v := range dims {
		s.Dims[k] = v
	}
	if n == 0 {
		s.Status, s.Value, s.Reason = plugins.Undefined, 0, fmt.Sprintf("there are no %s rows", side)
	}
	d.scores = append(d.scores, s)
}

// lacks adds a score without a value.
func (d *described) lacks(side, name string, dims map[string]string, why string) {
	d.add(side, name, dims, 0, 0)
	d.scores[len(d.scores)-1].Reason = why
}

// numbers describes a number column.
func (d *described) numbers(column string) {
	dims := map[string]string{plugins.ColumnDim: column}
	for _, side := range sides {
		values := d.Sorted(d.part(side), column)
		rows := d.frame(side).Rows()
		said := quantiles{values: values, n: len(values)}
		switch missing := rows - len(values); {
		case d.few(side, len(values)):
			d.lacks(side, Missing, dims, withheldColumn)
			said.n = rows // nothing is said of them
		case d.few(side, missing):
			d.lacks(side, Missing, dims, plugins.WithheldFew)
			said.n, said.rounded = max(rows-d.standing(side), 1), len(values) > 0
		default:
			d.add(side, Missing, dims, float64(missing), rows)
		}
		switch {
		case len(values) == 0:
			said.why = fmt.Sprintf("no %s row has a value in this column", side)
		case d.few(side, max(len(values)/4, 1)):
			said.why = fmt.Sprintf("withheld: a quarter of the rows would stand for fewer than %d patients", plugins.FewestTold)
		}
		d.quantiles(side, dims, said)
	}
}

// quantiles is what is said of the values of a number column.
type quantiles struct {
	values  []float64 // ascending
	n       int       // how many rows are said to have one
	rounded bool      // how many have one is withheld
	why     string    // why nothing is said
}

func (d *described) quantiles(side string, dims map[string]string, q quantiles) {
	said := func(name string, value float64, err error) {
		switch {
		case q.why != "":
			d.lacks(side, name, dims, q.why)
		case err != nil:
			d.lacks(side, name, dims, err.Error())
		case math.IsNaN(value) || math.IsInf(value, 0): // of values whose sum or square is
			d.lacks(side, name, dims, stats.ErrValue.Error())
		default:
			d.add(side, name, dims, value, q.n)
		}
	}
	for _, at := range []struct {
		name  string
		share float64
	}{{Lower, 0.25}, {Median, 0.5}, {Upper, 0.75}} {
		value, err := stats.Percentile(q.values, at.share)
		if q.rounded { // what lies between two values would tell of their number
			value = q.values[int(math.Round(at.share*float64(len(q.values)-1)))]
		}
		said(at.name, value, err)
	}
	mean, err := stats.Mean(q.values)
	sd, spread := stats.SD(q.values)
	if q.rounded {
		mean, sd = stepped(mean, sd/math.Sqrt(float64(q.n))), significant(sd)
	}
	said(Mean, mean, err)
	said(SD, sd, spread)
	for i := len(d.scores) - 2; q.rounded && i < len(d.scores); i++ {
		if d.scores[i].Status == plugins.OK {
			d.scores[i].Warnings = []string{"rounded: it would tell how many rows have no value, which is withheld"}
		}
	}
}

// stepped rounds a mean to a step of about its standard error: whole numbers have a sum, and a finer mean would tell how many they are.
func stepped(mean, se float64) float64 {
	switch {
	case se == 0:
		return mean // of values that are all the same
	case !(se < math.MaxFloat64) || se < 1e-300:
		return significant(mean)
	}
	power := math.Pow(10, math.Floor(math.Log10(se)))
	for _, digit := range []float64{1, 2, 5, 10} {
		step := digit * power
		if step < se {
			continue
		}
		if step < 1 { // the inverse is a whole number, and the result the number nearest to a short one
			return math.Round(mean*math.Round(1/step)) / math.Round(1/step)
		}
		return math.Round(mean/step) * step
	}
	return significant(mean)
}

// significant rounds to two significant digits.
func significant(v float64) float64 {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64) // what FormatFloat wrote
	return rounded
}

// few reports whether so many rows of a side are some, but can be of fewer subjects than may be told.
func (d *described) few(side string, rows int) bool {
	switch {
	case rows == 0:
		return false
	case side == plugins.RealSide:
		return d.fewest(rows) < plugins.FewestTold
	}
	return d.handed && rows < plugins.FewestTold
}
