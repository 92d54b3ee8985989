package association

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// associations returns, for each of the measures, the association of every pair that it is defined for.
func associations(ctx context.Context, threads int, s *compare.Sides, yates bool) ([][]association, error) {
	names := s.Names(frame.Category)
	codes := make([]*compare.Codes, len(names))
	for i, name := range names {
		codes[i] = s.Codes(name, 0) // bins are for numbers
	}
	out := make([][]association, len(measures))
	if err := among(ctx, threads, names, codes, yates, out); err != nil {
		return nil, err
	}
	var err error
	out[3], err = withNumbers(ctx, threads, s, names, codes)
	return out, err
}

// among fills in the measures of pairs of category columns.
func among(ctx context.Context, threads int, names []string, codes []*compare.Codes, yates bool, out [][]association) error {
	n := len(names)
	unordered := func(i, j int) int { return i*(2*n-i-1)/2 + j - i - 1 } // place of the pair i < j among all
	pairs := n * (n - 1) / 2
	out[0], out[1], out[2] = make([]association, pairs), make([]association, pairs), make([]association, 2*pairs)
	return compare.Joint(ctx, threads, codes, nil, func(i, j int, cells []compare.Cell) {
		at := unordered(i, j)
		plain, corrected := association{column: names[i], other: names[j]}, association{column: names[i], other: names[j]}
		there, back := association{column: names[i], other: names[j]}, association{column: names[j], other: names[i]}
		for _, side := range []struct {
			count                         func(compare.Cell) int32
			plain, corrected, there, back *value
		}{
			{func(c compare.Cell) int32 { return c.Real }, &plain.real, &corrected.real, &there.real, &back.real},
			{func(c compare.Cell) int32 { return c.Synthetic }, &plain.synthetic, &corrected.synthetic, &there.synthetic, &back.synthetic},
		} {
			t := newTwoWay(cells, codes[i], codes[j], side.count)
			for _, v := range []*value{side.plain, side.corrected, side.there, side.back} {
				v.rows = int(t.n)
			}
			side.plain.v, side.plain.ok = t.cramersV(false, yates)
			side.corrected.v, side.corrected.ok = t.cramersV(true, yates)
			side.there.v, side.back.v, side.there.ok = t.theilsU()
			side.back.ok = side.there.ok
		}
		out[0][at], out[1][at], out[2][2*at], out[2][2*at+1] = plain, corrected, there, back
	})
}

// withNumbers returns the correlation ratio of each number column by each category column.
func withNumbers(ctx context.Context, threads int, s *compare.Sides, names []string, codes []*compare.Codes) ([]association, error) {
	numbers := s.Names(frame.Number)
	out := make([]association, len(names)*len(numbers))
	err := parallel.For(ctx, threads, len(numbers), func(j int) error {
		var g groups
		for _, side := range []plugins.Part{s.Part, compare.Synthetic} {
			x := stats.Rescaled(s.Frame(side).Column(numbers[j]).Numbers)
			for i, c := range codes {
				of, at := c.Real, &out[i*len(numbers)+j].real
				if side == compare.Synthetic {
					of, at = c.Synthetic, &out[i*len(numbers)+j].synthetic
				}
				at.v, at.rows = g.ratio(of, c.Cells, x)
				at.ok = at.rows > 0
			}
		}
		for i, name := range names {
			out[i*len(numbers)+j].column, out[i*len(numbers)+j].other = name, numbers[j]
		}
		return nil
	})
	return out, err
}
