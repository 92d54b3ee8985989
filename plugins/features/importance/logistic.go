package importance

import (
	"context"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
)

// Logistic returns the columns of train but the target, the most important first; equal ones keep their order in train.
//
// The importance of a column is the standard deviation, over the rows of train, of what it contributes to the linear
// predictor of a ridge logistic regression (C = 1) of the target on all columns in standard encoding. For a number
// without missing values that is the absolute standardised coefficient. For a category, and for a number with missing
// values, it takes all encoded columns together, each level by how many rows have it, so that one level with three
// rows does not lift a column to the top; it does not depend on the choice of a reference level.
func Logistic(ctx context.Context, train *frame.Frame, target string, threads int) ([]plugins.RankedColumn, error) {
	y, err := labels(train, target)
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
	descending(ranked)
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
