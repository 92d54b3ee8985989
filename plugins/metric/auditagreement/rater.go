package auditagreement

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

const level = 0.95

// rater makes scores.
type rater struct {
	env       plugins.Env
	resamples int
	people    *units.Units
	out       *plugins.Measurement
	fewest    int // rows of the data that may be told of; 0: any
	handed    bool

	rows, lists sync.Pool // memory that resamples share, *[]int and *[][]float64
}

// few reports whether so many records of a source are some, and too few to be told of.
func (r *rater) few(source string, n int) bool {
	return n > 0 && n < r.fewest && (source != string(plugins.FromSynthetic) || r.handed)
}

func withheld(fewest int) string {
	return fmt.Sprintf("withheld: it would tell of fewer than %d patients", fewest)
}

// told says why what rests on some records must not be told; "" when it may.
func (r *rater) told(report *plugins.AuditReport, source string, records []int) string {
	if source == string(plugins.FromReal) && len(records) > 0 && r.people.People(report, records) < plugins.FewestTold {
		return withheld(plugins.FewestTold)
	}
	return ""
}

func (r *rater) add(s plugins.Score, dims map[string]string) {
	s.Dims = dims
	r.out.Scores = append(r.out.Scores, s)
}

// sample is judgements, each of a record, of which several may be of one record.
type sample struct {
	report  *plugins.AuditReport
	records []int
	of      []int32 // the cluster of each: a subject, or a record of nobody
	n       int
	unit    string
}

func (r *rater) sample(report *plugins.AuditReport, records []int) *sample {
	s := &sample{report: report, records: records, unit: r.people.Unit(report, records)}
	s.of, s.n = clusters(r.people, report, records)
	return s
}

// clusters numbers those that judgements are of: subjects, or records that are nobody's, however often these were judged.
func clusters(people *units.Units, report *plugins.AuditReport, records []int) (of []int32, n int) {
	var once []int
	at := map[int]int{}
	for _, i := range records {
		if _, known := at[i]; !known {
			at[i] = len(once)
			once = append(once, i)
		}
	}
	each, n := people.Clusters(report, once)
	of = make([]int32, len(records))
	for k, i := range records {
		of[k] = each[at[i]]
	}
	return of, n
}

// quantity is a value that is measured on judgements; it has an error where it is undefined.
type quantity struct {
	name    string
	measure func(rows []int) (float64, error) // of the judgements with these numbers, with repetition
}

// measure makes scores of quantities of a sample, with their intervals over its clusters. Undefined ones say why.
func (r *rater) measure(ctx context.Context, s *sample, dims map[string]string, warnings []string, quantities ...quantity) error {
	all := make([]int, len(s.of))
	for i := range all {
		all[i] = i
	}
	var defined []quantity
	var made []plugins.Score
	for _, q := range quantities {
		v, err := q.measure(all)
		if err != nil {
			r.add(compare.Undefined(q.name, err.Error()), dims)
			continue
		}
		defined = append(defined, q)
		made = append(made, plugins.Score{Name: q.name, Value: v, N: len(all), Status: plugins.OK, Warnings: append([]string(nil), warnings...)})
	}
	if err := r.intervals(ctx, s, defined, made); err != nil {
		return err
	}
	for _, m := range made {
		r.add(m, dims)
	}
	return nil
}

// intervals gives scores their percentile intervals, or says why they have none.
func (r *rater) intervals(ctx context.Context, s *sample, of []quantity, made []plugins.Score) error {
	if len(made) == 0 {
		return nil
	}
	draws, err := r.draw(ctx, s, of)
	why := ""
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r.resamples == 0:
		why = `"resamples" is 0`
	case s.n < 2:
		why = "there is one subject or record only"
	case errors.Is(err, stats.ErrRedraws):
		why = "it is undefined on almost every resample"
	case err != nil:
		return err
	}
	for i := range made {
		m := &made[i]
		if why == "" {
			low, high, err := draws.Interval(i, level)
			if err != nil {
				return err
			}
			if low < high {
				m.Interval = &plugins.Interval{Low: low, High: high, Level: level, Unit: s.unit, Method: fmt.Sprintf("percentile bootstrap, %d resamples", r.resamples)}
				continue
			}
		}
		reason := why
		if reason == "" {
			reason = "no resample moves it"
		}
		m.Warnings = append(m.Warnings, plugins.WithoutInterval+reason)
	}
	return nil
}

// draw measures quantities on resamples of the clusters.
func (r *rater) draw(ctx context.Context, s *sample, of []quantity) (*stats.Draws, error) {
	if r.resamples == 0 || s.n < 2 {
		return nil, nil
	}
	b := stats.Bootstrap{Units: s.n, Resamples: r.resamples, Threads: r.env.Threads, Source: func(i int) *rand.Rand {
		return r.env.Rand.For(plugins.ForResample, strconv.Itoa(i))
	}}
	return b.Run(ctx, len(of), func(counts []int32, out []float64) bool {
		drawn, _ := r.rows.Get().(*[]int)
		if drawn == nil {
			drawn = new([]int)
		}
		defer r.rows.Put(drawn)
		rows := (*drawn)[:0]
		for i, cluster := range s.of {
			for range counts[cluster] {
				rows = append(rows, i)
			}
		}
		*drawn = rows
		for k, q := range of {
			v, err := q.measure(rows)
			if err != nil {
				return false
			}
			out[k] = v
		}
		return true
	})
}

// share adds the share of judgements that are so, with Wilson's interval for their effective number.
func (r *rater) share(name, source string, s *sample, dims map[string]string, is func(i int) bool, reason string) {
	k, squares, sizes := 0, 0, make([]int, s.n)
	people := [2]map[int32]bool{{}, {}} // of judgements that are not so, and that are
	for i, cluster := range s.of {
		so := 0
		if is(i) {
			so = 1
			k++
		}
		people[so][cluster] = true
		squares += 2*sizes[cluster] + 1
		sizes[cluster]++
	}
	if r.few(source, len(people[0])) || r.few(source, len(people[1])) {
		r.add(compare.Undefined(name, withheld(r.fewest)), dims)
		return
	}
	r.add(compare.Share(name, k, len(s.of), compare.Clustered(s.unit, len(s.of), squares), reason), dims)
}

// mean is the mean of values by judgement.
func mean(name string, value func(i int) float64) quantity {
	return quantity{name, func(rows []int) (float64, error) {
		sum := 0.0
		for _, i := range rows {
			sum += value(i)
		}
		if len(rows) == 0 {
			return math.NaN(), stats.ErrNoRows
		}
		return sum / float64(len(rows)), nil
	}}
}
