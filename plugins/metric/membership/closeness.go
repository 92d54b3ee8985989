package membership

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
)

// Closeness returns minus the Euclidean distance of each row to the closest synthetic one, on the standard encoding with
// means and SDs of train, and levels and missingness of train, test and synthetic rows; these hold all the levels of the
// rows. There has to be a synthetic row.
func Closeness(ctx context.Context, threads int, train, test, synthetic *frame.Frame, rows ...*frame.Frame) ([]float64, error) {
	space, err := neighbour.NewEuclidean(train, test, synthetic)
	if err != nil {
		return nil, err
	}
	references, err := space.Points(synthetic)
	if err != nil {
		return nil, err
	}
	var out []float64
	for _, f := range rows {
		queries, err := space.Points(f)
		if err != nil {
			return nil, err
		}
		near, err := neighbour.Search{K: 1, Threads: threads}.Nearest(ctx, queries, references)
		if err != nil {
			return nil, err
		}
		for _, d := range near.Distances(1) {
			out = append(out, -d)
		}
	}
	return out, nil
}
