package compare

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Shares are the settings of a metric that compares the shares of values by bin of a number column and by level of a category column.
//
// Another number of bins than the default gives a variant that compares with no published value; every score of it says so.
type Shares struct {
	Part plugins.Part `json:"part"` // the real rows to compare with: test, or train, which rewards copying
	Bins int          `json:"bins"` // equal bins over the real range of a number column, ≥ 2
}

// AddShares adds a metric of the shares of each column, the target included, to r. info says what sets it apart: name, version, summary,
// source and scores. measure returns the quantities of a table with rows on both sides; it is called from several goroutines.
func AddShares(r *plugins.Registry, info plugins.Info, quantities []Quantity, measure func(*Table) []float64) {
	info.Schema = `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
// equal bins over the real range of a number column: 10 unless set
bins?: int & >=2 & <=1000`
	info.Family, info.Cost, info.Shapes = plugins.Marginals, plugins.PerColumn, []plugins.Shape{plugins.Records}
	info.Reads = []plugins.Part{plugins.Test, plugins.Train}
	info.Uses, info.Need = []plugins.Use{Use()}, Need(1)
	plugins.Add(&r.Metrics, info, Shares{Part: plugins.Test, Bins: TenBins}, func(c Shares) (plugins.Metric, error) {
		if err := CheckPart(c.Part); err != nil {
			return nil, err
		}
		return ofShares{OnePart(c.Part), c, quantities, measure}, CheckBins(c.Bins)
	})
}

type ofShares struct {
	OnePart
	config     Shares
	quantities []Quantity
	measure    func(*Table) []float64
}

// Measure scores every column.
func (m ofShares) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	s, err := New(pair, m.config.Part)
	if err != nil {
		return nil, err
	}
	note := ""
	if m.config.Bins != TenBins {
		note = fmt.Sprintf("variant: %d bins instead of %d", m.config.Bins, TenBins)
	}
	return s.Quantities(ctx, env, note, s.Names(frame.Number, frame.Category), m.quantities, func(column string) []Value {
		out := make([]Value, len(m.quantities))
		none, ok := s.Filled(column)
		if !ok {
			for i := range out {
				out[i] = none
			}
			return out
		}
		for i, v := range m.measure(s.Cells(column, m.config.Bins)) {
			out[i] = Known(v)
		}
		return out
	})
}
