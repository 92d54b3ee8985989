package ratings

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// scorer makes scores of a sheet.
type scorer struct {
	ctx    context.Context
	env    plugins.Env
	config Config
	sheet  *sheet
	before *sheet // nil: there is no earlier round
	draws  string // tells the resamples of this sheet from those of another
	out    *plugins.Measurement
}

// dims are the dimensions of a score: names and values by turns.
func dims(pairs ...string) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	out := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// estimate is a value, or why there is none, with its interval, or why there is none.
type estimate struct {
	value    float64
	n        int
	err      error
	interval *plugins.Interval
	without  string // why there is no interval; "" also of a score that never has one
}

func (r *scorer) add(name string, of map[string]string, e estimate) {
	s := plugins.Score{Name: name, Dims: of, N: e.n, Status: plugins.OK, Value: e.value, Interval: e.interval}
	if i := e.interval; i != nil && !(finite(i.Low) && finite(i.High)) {
		s.Interval, e.interval, e.without = nil, nil, "it is too wide to be represented"
	}
	if e.err == nil && !finite(e.value) {
		e.err = stats.ErrValue
	}
	switch {
	case e.err != nil:
		s.Status, s.Reason, s.Value, s.Interval = plugins.Undefined, e.err.Error(), 0, nil
	case e.interval == nil && e.without != "":
		s.Warnings = []string{plugins.WithoutInterval + e.without}
	}
	r.out.Scores = append(r.out.Scores, s)
}

// warn adds a warning to all scores that have a value.
func (r *scorer) warn(text string) {
	for i := range r.out.Scores {
		if s := &r.out.Scores[i]; s.Status == plugins.OK {
			s.Warnings = append(s.Warnings, text)
		}
	}
}

func (r *scorer) undefined(name string, of map[string]string, reason error) {
	r.add(name, of, estimate{err: reason})
}

// formula gives an estimate the interval of a formula whose unit is the record.
func (e *estimate) formula(low, high, level float64, method string, err error) {
	switch {
	case e.err != nil:
	case err != nil:
		e.without = err.Error()
	case low == high:
		e.without = "its standard error is 0"
	default:
		e.interval = &plugins.Interval{Low: low, High: high, Level: level, Unit: "records", Method: method}
	}
}

// sample is numbers of records, by record: several of one hang together.
type sample struct {
	records []int
	values  []float64
}

func (s *sample) add(record int, value float64) {
	s.records, s.values = append(s.records, record), append(s.values, value)
}

// clustered reports whether a record is there more than once.
func (s *sample) clustered() bool {
	return clustered(s.records)
}

func clustered(records []int) bool {
	for i := 1; i < len(records); i++ {
		if records[i] == records[i-1] {
			return true
		}
	}
	return false
}

// effective is Kish's effective number of values, m²/Σmᵢ² of m in records of mᵢ.
//
// Source: L. Kish (1965), Survey Sampling, section 8.2.
func (s *sample) effective() float64 {
	squares, run := 0.0, 0.0
	for i, record := range s.records {
		if run++; i+1 == len(s.records) || s.records[i+1] != record {
			squares += run * run
			run = 0
		}
	}
	m := float64(len(s.records))
	return m * m / squares
}

// drawn returns the values as often as their records were drawn.
func (s *sample) drawn(times []int32) []float64 {
	out := make([]float64, 0, len(s.values)+len(s.values)/4)
	for i, record := range s.records {
		for range times[record] {
			out = append(out, s.values[i])
		}
	}
	return out
}

// bootstrap gives estimates the intervals of what measure returns on resamples of the records, which are as many as there are different
// ones in records. times is how often each record of the sheet was drawn; an error asks for another draw.
func (r *scorer) bootstrap(records []int, estimates []*estimate, measure func(times []int32, out []float64) error) error {
	if slices.ContainsFunc(estimates, func(e *estimate) bool { return e.err != nil }) {
		return nil
	}
	draws, without, err := r.resample(records, len(estimates), measure)
	if err != nil {
		return err
	}
	for k, e := range estimates {
		if e.without = without; without != "" {
			continue
		}
		low, high, err := draws.Interval(k, r.config.Level)
		e.formula(low, high, r.config.Level, fmt.Sprintf("percentile bootstrap, %d resamples", r.config.Resamples), err)
		if low == high && err == nil {
			e.without = "it is the same on nearly every resample of the records"
		}
	}
	return nil
}

// resample returns what measure says of resamples of the records, or why there are none.
func (r *scorer) resample(records []int, width int, measure func(times []int32, out []float64) error) (draws *stats.Draws, without string, err error) {
	units := slices.Clone(records)
	slices.Sort(units)
	units = slices.Compact(units)
	switch {
	case r.config.Resamples == 0:
		return nil, "the bootstrap is switched off", nil
	case len(units) < 2:
		return nil, "it rests on one record", nil
	}
	b := stats.Bootstrap{Units: len(units), Resamples: r.config.Resamples, Threads: r.env.Threads, Source: func(i int) *rand.Rand {
		return r.env.Rand.For(plugins.ForResample, r.draws, strconv.Itoa(i))
	}}
	draws, err = b.Run(r.ctx, width, func(counts []int32, out []float64) bool {
		times := make([]int32, len(r.sheet.origins))
		for i, n := range counts {
			times[units[i]] = n
		}
		return measure(times, out) == nil
	})
	if errors.Is(err, stats.ErrRedraws) {
		return nil, "it is undefined on almost every resample of the records", nil
	}
	return draws, "", err
}
