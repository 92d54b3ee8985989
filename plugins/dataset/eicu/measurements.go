package eicu

import (
	"context"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// noTime stands for a time that is not known.
const noTime = math.MinInt32

// farthest is the farthest that a time may lie from admission to the unit, in minutes: 100 years. Beyond it a table does not hold
// times in minutes.
const farthest = 100 * 366 * minutesOfDay

// events reads a table of measurements, whose second column is the time in minutes after admission to the unit, and calls each for
// every row of a known stay with a time.
func (in *input) events(ctx context.Context, t *table, stays index, each func(b *frame.ScanBatch, row int, stay, at int32)) (*account, error) {
	a := &account{table: t}
	last, stay := math.NaN(), int32(-1) // neighbouring rows are often of one stay
	scanned, err := in.scan(ctx, t, func(b *frame.ScanBatch) error {
		ids, times := b.Columns[0].Numbers, b.Columns[1].Numbers
		for i, id := range ids {
			if id != last {
				if !isID(id) {
					return in.fault(t, t.columns[0].Name, "row %d has no identifier, a whole number above 0", b.First+int64(i))
				}
				last, stay = id, stays.find(id)
			}
			at := times[i]
			switch {
			case stay < 0:
				a.strange++
			case math.IsNaN(at):
				a.timeless++
			case math.Abs(at) > farthest:
				return in.fault(t, t.columns[1].Name, "row %d lies more than 100 years from admission to the unit; want minutes", b.First+int64(i))
			default:
				each(b, i, stay, int32(math.Floor(at)))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.rows, a.texts = scanned.Rows, scanned.Texts
	return a, nil
}

// limits are the values that a living patient can have; others are slips or artefacts, left out and counted. All are ours, and wide: they
// are to stop a decimal point in the wrong place, not a sick patient.
type limits struct{ low, high float64 }

func (l limits) has(v float64) bool { return v >= l.low && v <= l.high }

// rejected counts values outside limits, by column.
type rejected []int64

func (r rejected) counts(names []string) (counts []plugins.Count) {
	for i, n := range r {
		if n > 0 {
			counts = append(counts, plugins.Count{
				Name: "values of a window outside the limits, left out", Dims: map[string]string{"column": names[i]}, Value: int(n),
			})
		}
	}
	return counts
}

// measurements are what is taken from the windows of the stays that are kept.
type measurements struct {
	periodic  *vitals
	aperiodic *vitals
	labs      *labs
	urine     *urine
}

func newMeasurements(stays int) *measurements {
	return &measurements{
		periodic: newVitals(vitalPeriodic, periodicSigns, stays), aperiodic: newVitals(vitalAperiodic, aperiodicSigns, stays),
		labs: newLabs(stays), urine: newUrine(stays),
	}
}

// read reads the tables of measurements. Each has its own place for what is found, so that they can be read at once.
func (m *measurements) read(ctx context.Context, in *input, c *cohort) ([]*account, error) {
	read := []func(context.Context, *input, *cohort) (*account, error){m.periodic.read, m.aperiodic.read, m.labs.read, m.urine.read}
	accounts := make([]*account, len(read))
	err := parallel.For(ctx, in.atOnce(), len(read), func(i int) (err error) {
		accounts[i], err = read[i](ctx, in, c)
		return err
	})
	return accounts, err
}

// values adds the columns to out, by name.
func (m *measurements) values(out map[string][]float64) {
	vitalValues(m.periodic, m.aperiodic, out)
	m.labs.values(out)
	out["urineoutput_sum"] = m.urine.values()
}

func (m *measurements) counts() (counts []plugins.Count) {
	counts = append(counts, m.periodic.counts()...)
	counts = append(counts, m.aperiodic.counts()...)
	counts = append(counts, m.labs.counts()...)
	return append(counts, m.urine.counts()...)
}
