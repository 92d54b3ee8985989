package stats

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// ErrRedraws says that resamples kept failing: the quantity is undefined on almost every one.
var ErrRedraws = errors.New("the resamples keep lacking a label class")

// MaxRedraws is how often one resample is drawn again before Bootstrap gives up. A resample that lacks a class
// with probability 0.9 needs a thousand draws less than once in 10⁴⁵ times.
const MaxRedraws = 1000

// Bootstrap says how to resample units (rows, or clusters of rows such as subjects) with replacement.
type Bootstrap struct {
	Units     int // how many there are; each resample draws as many
	Resamples int
	Threads   int
	// Source returns the random source of a resample. Resamples then do not depend on each other or on Threads.
	Source func(resample int) *rand.Rand
}

// Draws are the values of some quantities on every resample.
type Draws struct {
	drawn   [][]float64 // by quantity, then by resample
	sorted  [][]float64
	Redrawn int // resamples drawn again because a quantity was undefined on them
}

// Run measures width quantities on each resample.
//
// measure is given how often each unit was drawn and fills out, of length width; false asks for another
// draw. It is called from several goroutines. Run returns ErrNoRows without units and ErrRedraws after MaxRedraws.
//
// Source: B. Efron (1979), Ann. Stat. 7(1), 1–26; clusters as units: C. A. Field, A. H. Welsh (2007), J. R. Stat. Soc. B 69(3), 369–390.
func (b Bootstrap) Run(ctx context.Context, width int, measure func(counts []int32, out []float64) bool) (*Draws, error) {
	if b.Units < 1 {
		return nil, ErrNoRows
	}
	values := make([]float64, b.Resamples*width)
	redrawn := make([]int, b.Resamples)
	err := parallel.For(ctx, b.Threads, b.Resamples, func(i int) error {
		source := b.Source(i)
		counts := make([]int32, b.Units)
		for {
			clear(counts)
			for range b.Units {
				counts[source.IntN(b.Units)]++
			}
			if measure(counts, values[i*width:(i+1)*width]) {
				return nil
			}
			if redrawn[i]++; redrawn[i] > MaxRedraws {
				return ErrRedraws
			}
		}
	})
	if err != nil {
		return nil, err
	}
	d := &Draws{drawn: make([][]float64, width), sorted: make([][]float64, width)}
	for k := range d.drawn {
		d.drawn[k] = make([]float64, b.Resamples)
		for i := range b.Resamples {
			d.drawn[k][i] = values[i*width+k]
		}
		d.sorted[k] = slices.Sorted(slices.Values(d.drawn[k]))
	}
	for _, n := range redrawn {
		d.Redrawn += n
	}
	return d, nil
}

// Values returns the k-th quantity on each resample, in their order. Callers must not change them.
func (d *Draws) Values(k int) []float64 { return d.drawn[k] }

// Interval returns the percentile interval of the k-th quantity: its (1-level)/2 and (1+level)/2 quantiles.
//
// It returns ErrLevel unless 0 < level < 1 and ErrNoRows without resamples.
//
// Source: B. Efron (1981), Can. J. Stat. 9(2), 139–158.
func (d *Draws) Interval(k int, level float64) (low, high float64, err error) {
	if !(level > 0 && level < 1) {
		return 0, 0, ErrLevel
	}
	if low, err = Percentile(d.sorted[k], (1-level)/2); err != nil {
		return 0, 0, err
	}
	high, err = Percentile(d.sorted[k], (1+level)/2)
	return low, high, err
}
