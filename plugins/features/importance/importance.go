// Package importance offers the most important columns of a logistic regression, as a ladder of nested subsets.
package importance

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
)

// Config is the features' "with" block.
type Config struct {
	Ladder []int `json:"ladder"` // sizes of the subsets: at least one, ascending, each above 0
}

// Register adds the plugin to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Features, plugins.Info{
		Name:    "importance",
		Version: 1,
		Summary: "the columns that move a ridge logistic regression on train most (SD of their contribution; for a number, its absolute standardised coefficient), in nested subsets",
		Source:  "S. Menard (2004), The American Statistician 58(3), 218-223 (coefficient times SD of the predictor)",
		Schema:  `ladder!: [int & >0, ...(int & >0)]`,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Train},
		Uses: []plugins.Use{
			{Name: "encode", Version: encode.Version},
			{Name: "gram", Version: gram.Version},
			{Name: "label", Version: label.Version},
			{Name: "logistic", Version: logistic.Version},
		},
		Need: need,
	}, Config{}, New)
}

// need allows for the encoded columns and their weighted copies.
func need(s plugins.Size) plugins.Need {
	return plugins.Need{Threads: 2, Bytes: 3 * 8 * int64(s.Rows) * int64(s.Columns)}
}

// Features is the plugin.
type Features struct{ ladder []int }

// New returns the plugin. It is an error when the ladder is empty or does not ascend from at least 1.
func New(c Config) (plugins.Features, error) {
	if len(c.Ladder) == 0 {
		return nil, fmt.Errorf("ladder is empty; give at least one size")
	}
	before := 0
	for _, size := range c.Ladder {
		if size <= before {
			return nil, fmt.Errorf("ladder has %d after %d; want ascending sizes above 0", size, before)
		}
		before = size
	}
	return &Features{ladder: append([]int(nil), c.Ladder...)}, nil
}

// Subsets returns the sizes as text, in order.
func (f *Features) Subsets() []string {
	out := make([]string, len(f.ladder))
	for i, size := range f.ladder {
		out[i] = strconv.Itoa(size)
	}
	return out
}

// Ranking is nothing: no setting decides the order.
func (f *Features) Ranking() any { return struct{}{} }

// Rank returns the columns of in.Train but the target by Importances, the most important first.
//
// It is an error when the target has not two classes (see label.Binary).
func (f *Features) Rank(ctx context.Context, env plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	ranked, err := Importances(ctx, in.Train, in.Target, env.Threads)
	if err != nil {
		return nil, err
	}
	return &plugins.Ranking{Columns: ranked}, nil
}

// Cut returns the first columns, as many as the suffix says. It is an error when there are fewer.
func (f *Features) Cut(ranked []plugins.RankedColumn, suffix string) ([]string, error) {
	size, err := strconv.Atoi(suffix)
	if err != nil || size < 1 {
		return nil, fmt.Errorf("subset %q: want a number of columns", suffix)
	}
	if size > len(ranked) {
		return nil, fmt.Errorf("ladder asks for %d columns; there are %d candidates", size, len(ranked))
	}
	return plugins.Names(ranked[:size]), nil
}

// Importances returns the columns of train but the target, the most important first; equal ones keep their order in train.
//
// The importance of a column is the standard deviation, over the rows of train, of what it contributes to the linear
// predictor of a ridge logistic regression (C = 1) of the target on all columns in standard encoding. For a number
// without missing values that is the absolute standardised coefficient. For a category, and for a number with missing
// values, it takes all encoded columns together, each level by how many rows have it, so that one level with three
// rows does not lift a column to the top; it does not depend on the choice of a reference level.
func Importances(ctx context.Context, train *frame.Frame, target string, threads int) ([]plugins.RankedColumn, error) {
	column := train.Column(target)
	if column == nil {
		return nil, fmt.Errorf("no column named %q, the target", target)
	}
	y, err := label.Binary(column, "")
	if err != nil {
		return nil, err
	}
	encoder := encode.Fit(train, target)
	x, err := encoder.Transform(train)
	if err != nil {
		return nil, err
	}
	model, err := logistic.Fit(ctx, x, y, logistic.Config{Threads: threads})
	if err != nil {
		return nil, err
	}
	ranked := contributions(encoder, x, model)
	sort.SliceStable(ranked, func(i, j int) bool { return ranked[i].Importance > ranked[j].Importance })
	return ranked, nil
}

// precision is what the fit is good for (logistic.Gradient with a margin): columns closer than this are equal, so that
// rounding does not rank two copies of one column.
const precision = 1e-7

// contributions returns the importance of each variable, in the order of the frame.
func contributions(encoder *encode.Encoder, x *encode.Design, model *logistic.Model) []plugins.RankedColumn {
	var out []plugins.RankedColumn
	features := encoder.Features()
	share := make([]float64, x.Rows)
	for _, name := range encoder.Variables() {
		clear(share)
		for len(features) > 0 && features[0].Variable == name {
			j := len(encoder.Features()) - len(features)
			x.Columns[j].AddTo(share, model.Weights[j])
			features = features[1:]
		}
		out = append(out, plugins.RankedColumn{Name: name, Importance: math.Round(deviation(share)/precision) * precision})
	}
	return out
}

// deviation is the population standard deviation.
func deviation(v []float64) float64 {
	mean, squares := 0.0, 0.0
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return math.Sqrt(squares / float64(len(v)))
}
