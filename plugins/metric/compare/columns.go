package compare

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Keys of preparations.
type (
	sortedKey struct{ column string } // of one side
	levelsKey struct{ column string } // of a real part against the synthetic rows
)

// must returns the value of a preparation that has no error of its own.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Sorted returns the values of a Number column on one side, ascending, missing ones left out.
// Callers must not change them.
func (s *Sides) Sorted(side plugins.Part, column string) []float64 {
	return must(Prepare(s, side, sortedKey{column}, func() ([]float64, error) {
		return ascending(s.Frame(side).Column(column).Numbers), nil
	}))
}

// Table counts the rows of each side in each cell: a level of a Category column, or a bin of a Number column.
// Missing values are in no cell.
type Table struct {
	Real, Synthetic   []int // by cell
	RealN, SyntheticN int   // their sums
}

// Levels returns the counts of a Category column over the levels that occur on either side, in byte order.
func (s *Sides) Levels(column string) *Table {
	return must(Prepare(s, s.Part, levelsKey{column}, func() (*Table, error) {
		return levelTable(s.Real.Column(column), s.Synthetic.Column(column)), nil
	}))
}

func levelTable(real, synthetic *frame.Column) *Table {
	levels := slices.Concat(real.Levels, synthetic.Levels)
	slices.Sort(levels)
	levels = slices.Compact(levels)
	t := &Table{}
	t.Real, t.RealN = count(real.Codes, real.Levels, levels)
	t.Synthetic, t.SyntheticN = count(synthetic.Codes, synthetic.Levels, levels)
	return t
}

// count counts codes, which index own, by the place of their level in all.
func count(codes []int32, own, all []string) (counts []int, n int) {
	byCode := make([]int, len(own)+1) // the last is for frame.Missing
	for _, c := range codes {
		if c < 0 {
			c = int32(len(own))
		}
		byCode[c]++
	}
	counts = make([]int, len(all))
	for code, level := range own {
		at, _ := slices.BinarySearch(all, level)
		counts[at] = byCode[code]
		n += byCode[code]
	}
	return counts, n
}

// Cells returns the counts of a column of either kind: its Levels, or its Bins.
func (s *Sides) Cells(column string, bins int) *Table {
	if s.Real.Column(column).Kind == frame.Category {
		return s.Levels(column)
	}
	return s.Bins(column, bins)
}

// TenBins is the usual number of bins.
const TenBins = 10

// CheckBins returns an error unless a column can be cut into that many bins.
func CheckBins(bins int) error {
	if bins < 2 {
		return fmt.Errorf("bins is %d; want at least 2", bins)
	}
	return nil
}

// Bins returns the counts of a Number column in equal bins over the real range, the outer bins open to ±∞.
// Without real values there is no range: the table then has no cells.
func (s *Sides) Bins(column string, bins int) *Table {
	real := s.Sorted(s.Part, column)
	if len(real) == 0 {
		return &Table{SyntheticN: len(s.Sorted(Synthetic, column))}
	}
	return s.binned(column, real[0], real[len(real)-1], bins)
}

// SharedBins returns the counts of a Number column in equal bins over the range of both sides together.
// Without values on either side there is no range: the table then has no cells.
func (s *Sides) SharedBins(column string, bins int) *Table {
	low, high := math.Inf(1), math.Inf(-1)
	for _, side := range []plugins.Part{s.Part, Synthetic} {
		if sorted := s.Sorted(side, column); len(sorted) > 0 {
			low, high = min(low, sorted[0]), max(high, sorted[len(sorted)-1])
		}
	}
	if low > high {
		return &Table{}
	}
	return s.binned(column, low, high, bins)
}

// binned counts in the bins that Edges has.
func (s *Sides) binned(column string, low, high float64, bins int) *Table {
	real, synthetic := s.Sorted(s.Part, column), s.Sorted(Synthetic, column)
	inner := Edges(low, high, bins)
	return &Table{Real: Histogram(real, inner), Synthetic: Histogram(synthetic, inner), RealN: len(real), SyntheticN: len(synthetic)}
}

// Edges returns the inner edges of equal bins over [low, high], as i·step + low with step = (high-low)/bins.
// Bin i holds edge i ≤ x < edge i+1. A range without extent becomes [low-0.5, low+0.5].
func Edges(low, high float64, bins int) []float64 {
	if low == high {
		low, high = low-0.5, high+0.5
	}
	step := (high - low) / float64(bins)
	inner := make([]float64, bins-1)
	for i := range inner {
		if k := float64(i + 1); math.IsInf(step, 0) { // a range beyond the greatest float
			inner[i] = low*(1-k/float64(bins)) + high*(k/float64(bins))
		} else {
			inner[i] = float64(k*step) + low // the conversion forbids a fused product: edges are the same everywhere
		}
	}
	return inner
}

// Histogram counts sorted values between inner edges, see Edges; the outer bins are open.
func Histogram(sorted, inner []float64) []int {
	counts := make([]int, len(inner)+1)
	below := 0
	for i, edge := range inner {
		next := sort.SearchFloat64s(sorted, edge)
		counts[i] = next - below
		below = next
	}
	counts[len(inner)] = len(sorted) - below
	return counts
}
