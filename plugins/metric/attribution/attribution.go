// Package attribution attacks synthetic rows as a source of secrets: the attacker knows some columns of a patient, the
// key, and guesses the secret by the synthetic rows with the same key.
package attribution

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Key       []string      `json:"key"`
	Secret    string        `json:"secret"`          // empty: the target
	Bands     []attack.Band `json:"bands,omitempty"` // numbers that are compared by bands; others by their exact values
	Resamples int           `json:"resamples"`       // bootstrap resamples behind the intervals; 0 for no intervals
	Level     float64       `json:"level"`           // coverage of the intervals, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	attack.Add(r, plugins.Info{
		Name:    "attribution",
		Version: 1,
		Summary: "correct attribution probability: how much the synthetic rows with a patient's key say of the secret",
		Source:  "M. Elliot (2014), Final report on the disclosure risk associated with synthetic data; J. Taub et al. (2018), Privacy in Statistical Databases, LNCS 11126, 122–137",
		Schema: `// what the attacker knows of a patient
key!: [string, ...string] @column()
// what the attacker wants to learn; the label unless set
secret?: string @column()
// numbers that are compared by bands of a width in the unit of the column, such as ages by 10; others are by their exact values
bands?: ` + attack.BandSchema + `
// bootstrap resamples behind the intervals: 1000 unless set; 0: no intervals
resamples?: int & >=0 & <=100000
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1`,
		Cost:   plugins.PerRowPair,
		Uses:   []plugins.Use{{Name: "stats", Version: stats.Version}},
		Scores: scores,
	}, Config{Resamples: 1000, Level: 0.95}, New)
}

// The variants of the attack, which differ in what becomes of a row whose key no synthetic row has.
const (
	CAP         = iota // it is left out
	Zero               // the attacker learns nothing: 0
	Generalized        // the synthetic rows whose keys differ from it in the fewest columns stand in
	variants
)

var (
	names  = [variants]string{"cap", "zero_cap", "generalized_cap"}
	scores = declare()
)

func declare() []plugins.ScoreInfo {
	var out []plugins.ScoreInfo
	what := [variants]string{"rows without such a synthetic row left out", "0 for rows without such a synthetic row", "else among those whose keys differ in the fewest columns"}
	for v, name := range names {
		out = append(out, plugins.ScoreInfo{
			Name: "correct_attribution_" + name, Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"rows"},
			Summary: "1 - mean share of the right secret among the synthetic rows with the key of a row; " + what[v],
		})
	}
	for v, name := range names {
		out = append(out, plugins.ScoreInfo{
			Name: "excess_" + name, Min: -1, Max: 1, Better: plugins.Lower, Ideal: new(0.0),
			Summary: "how much greater that share is for exposed rows than for test rows; " + what[v],
		})
	}
	return append(out, plugins.ScoreInfo{
		Name: "naive_attribution", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"rows"},
		Summary: "1 - mean share of the right secret among all synthetic rows, whatever their key",
	})
}

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if len(r.Key) == 0 || r.Secret == "" && r.Label == "" {
		return nil, plugins.LacksKey
	}
	c.Key, c.Secret = r.Key, r.Secret
	return c, ""
}

type metric struct{ config Config }

// New returns the metric. It is an error when there is no key, it holds the secret, or a setting is out of range.
func New(c Config) (plugins.Metric, error) {
	switch {
	case len(c.Key) == 0:
		return nil, errors.New("key names no column; want what the attacker knows of a patient")
	case slices.Contains(c.Key, c.Secret):
		return nil, fmt.Errorf("key has the secret %q", c.Secret)
	case c.Resamples < 0:
		return nil, fmt.Errorf("resamples is %d; want at least 0", c.Resamples)
	}
	if err := attack.CheckBands(c.Bands); err != nil {
		return nil, err
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// sides are the values of the dimension "rows": the attacked ones and the baseline.
var sides = []string{attack.Exposed, string(plugins.Test)}

// Measure attacks the exposed rows and as many of test.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	if err := attack.Same(train, pair.Synthetic); err != nil {
		return nil, err
	}
	secret := m.config.Secret
	if secret == "" {
		if secret = pair.Target; secret == "" {
			return nil, errors.New("the data set has no target; name the secret")
		}
		if slices.Contains(m.config.Key, secret) {
			return nil, fmt.Errorf("key has the secret %q", secret)
		}
	}
	roster := attack.Named(pair, attack.Exposed, attack.Source(env))
	out := &plugins.Measurement{Counts: roster.Counts}
	if reason := roster.Lacks(); reason != "" {
		out.Scores = undefined(reason)
		return out, nil
	}
	attacked := []*frame.Frame{train.Take(roster.Members), test.Take(roster.Others)}
	found, err := Attack(ctx, env.Threads, pair.Synthetic, m.config.Key, secret, m.config.Bands, attacked...)
	var reason attack.Undefined
	if errors.As(err, &reason) {
		out.Scores = undefined(string(reason))
		return out, nil
	} else if err != nil {
		return nil, err
	}
	out.Scores, err = m.rate(ctx, env, roster, found)
	return out, err
}

// rowsOf are the dimensions of a side.
func rowsOf(side string) map[string]string { return map[string]string{"rows": side} }

func undefined(reason string) []plugins.Score {
	var out []plugins.Score
	for _, s := range scores {
		if len(s.Dims) == 0 {
			out = append(out, plugins.Score{Name: s.Name, Status: plugins.Undefined, Reason: reason})
			continue
		}
		for _, side := range sides {
			out = append(out, plugins.Score{Name: s.Name, Dims: rowsOf(side), Status: plugins.Undefined, Reason: reason})
		}
	}
	return out
}

// Found is what the attack says of the secrets of some rows: for each of them and each variant the share of the right secret
// among the synthetic rows that count. Shares below 0 are undefined.
type Found struct {
	Shares [variants][]float64
	Naive  []float64 // the share among all synthetic rows
}

// Mean returns 1 - the mean share of a variant, in [0,1]; false when no row has one.
func (f *Found) Mean(variant int) (score float64, rows int, ok bool) {
	sum := 0.0
	for _, s := range f.Shares[variant] {
		if s >= 0 {
			sum += s
			rows++
		}
	}
	if rows == 0 {
		return 0, 0, false
	}
	return 1 - sum/float64(rows), rows, true
}

// Attack attributes secrets to the rows of each attacked frame. Values are compared as they are, or by their bands, and a
// missing value is a value. The error is an attack.Undefined when a column is lacking or there is no synthetic row.
func Attack(ctx context.Context, threads int, synthetic *frame.Frame, key []string, secret string, bands []attack.Band, attacked ...*frame.Frame) ([]Found, error) {
	if synthetic.Rows() == 0 {
		return nil, attack.Undefined("there are no synthetic rows")
	}
	frames := append([]*frame.Frame{synthetic}, attacked...)
	keys, err := attack.NewCells(key, bands, frames...)
	if err != nil {
		return nil, err
	}
	secrets, err := attack.NewCells([]string{secret}, bands, frames...)
	if err != nil {
		return nil, err
	}
	b := newBook(keys, secrets)
	out := make([]Found, len(attacked))
	for k := range attacked {
		n := attacked[k].Rows()
		out[k].Naive = make([]float64, n)
		for v := range out[k].Shares {
			out[k].Shares[v] = make([]float64, n)
		}
		err := parallel.For(ctx, threads, n, func(i int) error {
			shares, naive := b.look(keys.Rows[k+1][i], secrets.Rows[k+1][i])
			for v, s := range shares {
				out[k].Shares[v][i] = s
			}
			out[k].Naive[i] = naive
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// book holds the synthetic rows by key.
type book struct {
	keys    *attack.Cells
	present []int32 // keys that a synthetic row has, ascending
	rows    []int   // synthetic rows of each key
	// the rows with a secret, of each key and in all
	withSecret map[[2]int32]int
	all        map[int32]int
	n          int
}

func newBook(keys, secrets *attack.Cells) *book {
	b := &book{keys: keys, rows: make([]int, len(keys.Codes)), withSecret: map[[2]int32]int{}, all: map[int32]int{}, n: len(keys.Rows[0])}
	for i, k := range keys.Rows[0] {
		s := secrets.Rows[0][i]
		if b.rows[k] == 0 {
			b.present = append(b.present, k)
		}
		b.rows[k]++
		b.withSecret[[2]int32{k, s}]++
		b.all[s]++
	}
	return b
}

// look returns the shares of a secret for a key.
func (b *book) look(key, secret int32) (shares [variants]float64, naive float64) {
	naive = float64(b.all[secret]) / float64(b.n)
	if n := b.rows[key]; n > 0 {
		share := float64(b.withSecret[[2]int32{key, secret}]) / float64(n)
		return [variants]float64{share, share, share}, naive
	}
	right, n, best := 0, 0, len(b.keys.Codes[key])+1
	for _, other := range b.present {
		d := hamming(b.keys.Codes[key], b.keys.Codes[other], best)
		if d < best {
			right, n, best = 0, 0, d
		}
		if d == best {
			right += b.withSecret[[2]int32{other, secret}]
			n += b.rows[other]
		}
	}
	return [variants]float64{-1, 0, float64(right) / float64(n)}, naive
}

// hamming counts the differing codes, up to one more than most.
func hamming(a, b []int32, most int) int {
	d := 0
	for j := range a {
		if a[j] != b[j] {
			if d++; d > most {
				break
			}
		}
	}
	return d
}

// rate returns the scores, with intervals over subjects.
func (m metric) rate(ctx context.Context, env plugins.Env, roster *attack.Roster, found []Found) ([]plugins.Score, error) {
	width := 2*variants + variants
	read := func(counts []int32, out []float64) bool { return means(roster, found, counts, out) }
	var draws *stats.Draws
	if m.config.Resamples > 0 {
		var err error
		draws, err = stats.Bootstrap{
			Units: roster.Units, Resamples: m.config.Resamples, Threads: env.Threads,
			Source: func(i int) *rand.Rand {
				return env.Rand.For(plugins.ForResample, "members and non-members", strconv.Itoa(i))
			},
		}.Run(ctx, width, read)
		if err != nil {
			return nil, err
		}
	}
	interval := func(k int) (*plugins.Interval, error) {
		if draws == nil {
			return nil, nil
		}
		low, high, err := draws.Interval(k, m.config.Level)
		return &plugins.Interval{Low: low, High: high, Level: m.config.Level, Unit: roster.Of, Method: fmt.Sprintf("percentile bootstrap, %d resamples", m.config.Resamples)}, err
	}
	var out []plugins.Score
	for v, name := range names {
		for k, side := range sides {
			s := plugins.Score{Name: "correct_attribution_" + name, Dims: rowsOf(side), Status: plugins.OK, Warnings: roster.Warnings}
			var ok bool
			if s.Value, s.N, ok = found[k].Mean(v); !ok {
				s.Status, s.Reason, s.Warnings = plugins.Undefined, "no synthetic row has the key of such a row", nil
			} else {
				var err error
				if s.Interval, err = interval(2*v + k); err != nil {
					return nil, err
				}
				if lost := len(found[k].Shares[v]) - s.N; lost > 0 {
					s.Warnings = append(slices.Clone(s.Warnings), fmt.Sprintf("%d of %d rows left out: no synthetic row has their key", lost, lost+s.N))
				}
			}
			out = append(out, s)
		}
	}
	for v, name := range names {
		s := plugins.Score{Name: "excess_" + name, Status: plugins.OK, Warnings: roster.Warnings}
		exposed, n, ok := found[0].Mean(v)
		test, n2, ok2 := found[1].Mean(v)
		if !ok || !ok2 {
			s.Status, s.Reason, s.Warnings = plugins.Undefined, "no synthetic row has the key of an exposed row, or of a test row", nil
		} else {
			s.Value, s.N = test-exposed, n+n2
			var err error
			if s.Interval, err = interval(2*variants + v); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	for k, side := range sides {
		sum := 0.0
		for _, share := range found[k].Naive {
			sum += share
		}
		out = append(out, plugins.Score{Name: "naive_attribution", Dims: rowsOf(side), Status: plugins.OK, Value: 1 - sum/float64(len(found[k].Naive)), N: len(found[k].Naive)})
	}
	return out, nil
}

// means writes the scores of each variant and side, and the excess of each variant, for subjects that were drawn so often. It is false when
// a side of a variant that has rows has none among those drawn.
func means(roster *attack.Roster, found []Found, counts []int32, out []float64) bool {
	for v := range variants {
		first := 0
		for k := range found {
			sum, n, any := 0.0, 0.0, false
			for i, share := range found[k].Shares[v] {
				if share >= 0 {
					w := float64(counts[roster.Unit[first+i]])
					sum, n, any = sum+w*share, n+w, true
				}
			}
			first += len(found[k].Shares[v])
			if any && n == 0 {
				return false
			}
			out[2*v+k] = 0
			if n > 0 {
				out[2*v+k] = 1 - sum/n
			}
		}
		out[2*variants+v] = out[2*v+1] - out[2*v]
	}
	return true
}
