package qualityreport

import (
	"context"
	"math"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/association"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/correlation"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// The associations in the real rows above which a pair counts.
const (
	leastCorrelation = 0.5
	leastAssociation = 0.3
)

// trends averages the similarity of the pairs of columns that are closely associated in the real rows.
func trends(ctx context.Context, threads int, s *compare.Sides) (average, error) {
	out, err := correlated(ctx, threads, s)
	if err != nil {
		return out, err
	}
	others, err := associated(ctx, threads, s)
	return average{out.sum + others.sum, out.n + others.n}, err
}

// correlated averages 1 - |r - r|/2 over the pairs of number columns with a real correlation above the threshold.
func correlated(ctx context.Context, threads int, s *compare.Sides) (average, error) {
	var out average
	names := s.Names(frame.Number)
	real, err := correlation.Correlations(ctx, threads, s, s.Part, names, correlation.Pearson)
	if err != nil {
		return out, err
	}
	synthetic, err := correlation.Correlations(ctx, threads, s, compare.Synthetic, names, correlation.Pearson)
	if err != nil {
		return out, err
	}
	for i := range names {
		for j := i + 1; j < len(names); j++ {
			a, ok := real.At(i, j)
			b, too := synthetic.At(i, j)
			if ok && too && math.Abs(a) > leastCorrelation {
				out.add(1 - math.Abs(a-b)/2)
			}
		}
	}
	return out, nil
}

// associated averages the contingency similarity of the pairs with a category column whose real Cramér's V, without missing levels, is
// above the threshold. Missing values are a level of the similarity.
func associated(ctx context.Context, threads int, s *compare.Sides) (average, error) {
	var out average
	columns := s.Real.Columns()
	codes := make([]*compare.Codes, len(columns))
	err := parallel.For(ctx, threads, len(columns), func(i int) error {
		if columns[i].Kind == frame.Category {
			codes[i] = s.Codes(columns[i].Name, 0) // bins are for numbers
		} else {
			codes[i] = ownBins(s, columns[i].Name)
		}
		return nil
	})
	if err != nil || s.Lacks(2) != "" {
		return out, err
	}
	similarity := make([]float64, len(columns)*len(columns)) // NaN where the pair does not count
	for i := range similarity {
		similarity[i] = math.NaN()
	}
	mixed := func(i, j int) bool { return columns[i].Kind == frame.Category || columns[j].Kind == frame.Category }
	err = compare.Joint(ctx, threads, codes, mixed, func(i, j int, cells []compare.Cell) {
		if v, ok := association.CramersV(cells, codes[i], codes[j]); ok && v > leastAssociation {
			similarity[i*len(columns)+j] = 1 - compare.Distance(cells, s.Real.Rows(), s.Synthetic.Rows())
		}
	})
	for _, v := range similarity {
		if !math.IsNaN(v) {
			out.add(v)
		}
	}
	return out, err
}

// ownBins returns the codes of a number column as this report has them: each side binned by its own range, the edges
// included. A value has the number of edges that do not exceed it, from 1 to 11; a missing value has 11, as the greatest one.
func ownBins(s *compare.Sides, column string) *compare.Codes {
	const edges = 11
	of := func(sorted, values []float64) []int32 {
		var bounds []float64
		if n := len(sorted); n > 0 {
			low, high := sorted[0], sorted[n-1]
			inner := compare.Edges(low, high, edges-1)
			if low == high {
				low, high = low-0.5, high+0.5
			}
			bounds = append(append([]float64{low}, inner...), high)
		}
		out := make([]int32, len(values))
		for i, v := range values {
			out[i] = edges
			if !math.IsNaN(v) {
				out[i] = 0
				for _, b := range bounds {
					if b <= v {
						out[i]++
					}
				}
			}
		}
		return out
	}
	return &compare.Codes{ // the last cell, of missing values, stays empty: here they are the last bin
		Real:      of(s.Sorted(s.Part, column), s.Real.Column(column).Numbers),
		Synthetic: of(s.Sorted(compare.Synthetic, column), s.Synthetic.Column(column).Numbers),
		Cells:     edges + 2,
	}
}
