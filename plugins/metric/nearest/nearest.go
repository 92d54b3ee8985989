// Package nearest scores how close synthetic rows lie to real ones: distance to closest record (DCR), nearest-neighbour
// distance ratio (NNDR), and what follows from whether they lie closer to rows that the generator has seen than to others.
package nearest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	// Distance is "gower", with the ranges of the part that the closest row is looked for in, or "euclidean", on the
	// standard encoding by train. Which of two rows is closer is asked with the ranges of train for both.
	Distance neighbour.Kind `json:"distance"`
	// Balance sets equally many rows of train and test against each other, drawn from the side that has more of them,
	// where it matters which side is closer: the closest of more rows is closer. It does not count for exposed rows,
	// which are always set against as many of test, from the same sites.
	Balance bool `json:"balance"`
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "nearest",
		Version: 2,
		Summary: "distance to the closest record and distance ratio, exact, with real rows that the generator has not seen as the control",
		Source: "J. C. Gower (1971), Biometrics 27(4), 857–871; N. Park et al. (2018), Proc. VLDB Endow. 11(10), 1071–1083 (DCR); Z. Zhao et al. (2021), ACML, 97–112 (NNDR); " +
			"M. Platzer, T. Reutterer (2021), Front. Big Data 4, 679939 (against a holdout)",
		Schema: `// "gower" unless set: mean over the columns of |a - b|/range, or of unequal levels; "euclidean": on the standard encoding by train
distance?: "gower" | "euclidean"
// where it matters which side is closer: as many rows of train as of test, drawn from the side with more; true unless set
balance?: bool`,
		Family:  plugins.Privacy,
		Cost:    plugins.PerRowPair,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Random:  []plugins.Purpose{plugins.ForResample},
		Uses:    []plugins.Use{attack.Use(), neighbour.Use(), {Name: "stats", Version: stats.Version}},
		Scores:  scores(),
		Need:    neighbour.Need,
	}, Config{Distance: neighbour.Gower, Balance: true}, New)
}

// The scores of what lies closer.
const (
	closer     = "dcr_share_closer_to_train"
	equal      = "dcr_share_equally_close"
	protection = "dcr_overfitting_protection"
	baseline   = "dcr_baseline_protection"
)

func scores() []plugins.ScoreInfo {
	share := func(name, summary string, better plugins.Direction, dims ...string) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: better, Dims: dims}
	}
	out := []plugins.ScoreInfo{
		share(closer, "share of synthetic rows that lie strictly closer to a row of the members than to one of test, as many of both given; 0.5 is chance", plugins.Lower, "members"),
		share(equal, "share of synthetic rows that lie as close to a row of the members as to one of test", plugins.Neutral, "members"),
		share(protection, "2(1 - share strictly closer to the members), at most 1; Gower's distance to either side is by its own ranges here, as published, which favours the side with wider ones", plugins.Higher, "members"),
		share(baseline, "median distance of synthetic rows to the closest of train, by that of rows drawn uniformly over the ranges and levels of train, at most 1", plugins.Higher),
	}
	out[0].Ideal = new(0.5)
	out = plugins.Agree(plugins.Ties(), out, closer, equal, protection)
	for _, i := range []int{0, 1, 3} { // all but what hangs on the ranges of test
		out[i].Apiece = map[string]string{}
	}
	for _, control := range []bool{false, true} {
		for _, s := range statistics {
			if s.name == zeroShare {
				better := plugins.Lower
				if control {
					better = plugins.Neutral
				}
				said := "; no more than test rows have"
				if control {
					said = reading(control)
				}
				out = append(out, share(prefix(control)+s.name, s.summary+said, better, "from", "to"))
				out[len(out)-1].Apiece = fromSynthetic(control)
				continue
			}
			info := plugins.ScoreInfo{Name: prefix(control) + s.name, Summary: s.summary + reading(control), Min: 0, Max: math.Inf(1), Better: plugins.Higher, Dims: []string{"from", "to"}}
			if s.ratio {
				info.Max = 1
			}
			if info.Apiece = fromSynthetic(control); s.extreme {
				info.NoInterval, info.Apiece = plugins.OfTheirN, nil
			}
			if control {
				info.Better = plugins.Neutral
			}
			out = append(out, info)
		}
	}
	return out
}

// fromSynthetic marks the distances that go from each synthetic row.
func fromSynthetic(control bool) map[string]string {
	if control {
		return nil // to rows of test, of which there may be fewer
	}
	return map[string]string{"from": "synthetic"}
}

// ownRanges is what the published reading of overfitting protection may differ by from that by the ranges of one side before it is
// told. The part with more rows has the wider ranges, and so the shorter distances: with a test part of a quarter of train, rows of
// the same law have been seen at 0.49 instead of 1.
const ownRanges = 0.05

// prefix tells scores that involve rows that the generator has not seen, which say nothing against it.
func prefix(control bool) string {
	if control {
		return "control_"
	}
	return ""
}

func reading(control bool) string {
	if control {
		return "; with rows of test, unseen by the generator: what to compare with"
	}
	return "; larger is safer, but no larger than what test rows have"
}

type metric struct{ config Config }

// New returns the metric. It is an error when Distance is neither of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if c.Distance != neighbour.Gower && c.Distance != neighbour.Euclidean {
		return nil, fmt.Errorf("distance is %q; want %q or %q", c.Distance, neighbour.Gower, neighbour.Euclidean)
	}
	return metric{c}, nil
}

// Measure compares all columns, the target among them. Distances go from each row of the dimension "from" to the closest row of "to", and a score's
// N is the rows that they go from. Scores of synthetic rows to train, or to the rows of train that the generator was exposed to, and of
// train to synthetic rows, tell of copies; those that involve test rows are named control_ and tell what
// rows that are no copies have: test to train is the distance of one real row to others.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	const searches = 12 // at most
	near, err := neighbour.NewPair(pair, env, m.config.Distance, searches)
	if err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	for _, members := range []string{attack.Exposed, attack.Train} {
		found, err := m.closer(ctx, env, pair, near, members)
		if err != nil {
			return nil, err
		}
		out.Scores, out.Counts = append(out.Scores, found.Scores...), append(out.Counts, found.Counts...)
	}
	score, err := protected(ctx, env, pair, near)
	if err != nil {
		return nil, err
	}
	out.Scores = append(out.Scores, score)
	train, test, synthetic := neighbour.All(plugins.Train), neighbour.All(plugins.Test), neighbour.All(neighbour.Synthetic)
	exposed := neighbour.Rows{Part: plugins.Train, Some: pair.Exposed}
	for _, direction := range []struct {
		from, to neighbour.Rows
		dims     map[string]string
		control  bool
	}{
		{synthetic, exposed, map[string]string{"from": "synthetic", "to": attack.Exposed}, false},
		{synthetic, train, map[string]string{"from": "synthetic", "to": "train"}, false},
		{train, synthetic, map[string]string{"from": "train", "to": "synthetic"}, false},
		{synthetic, test, map[string]string{"from": "synthetic", "to": "test"}, true},
		{test, train, map[string]string{"from": "test", "to": "train"}, true},
	} {
		found, err := near.Nearest(ctx, direction.from, direction.to)
		if err != nil {
			return nil, err
		}
		for _, s := range Describe(found, near.Count(direction.from)) {
			s.Name, s.Dims = prefix(direction.control)+s.Name, direction.dims
			out.Scores = append(out.Scores, s)
		}
	}
	return out, nil
}

// closer scores whether synthetic rows lie closer to members than to rows of test.
func (m metric) closer(ctx context.Context, env plugins.Env, pair *plugins.Pair, near *neighbour.Pair, members string) (*plugins.Measurement, error) {
	source := func(label string) *rand.Rand { return env.Rand.For(plugins.ForResample, "nearest", members, label) }
	roster := attack.Named(pair, members, source)
	dims := map[string]string{"members": members}
	out := &plugins.Measurement{Counts: roster.Counts}
	reason := roster.Lacks()
	if pair.Synthetic.Rows() == 0 {
		reason = "there are no synthetic rows"
	}
	if reason != "" {
		for _, name := range []string{closer, equal, protection} {
			s := compare.Undefined(name, reason)
			s.Dims = dims
			out.Scores = append(out.Scores, s)
		}
		return out, nil
	}
	seen, unseen := roster.Members, roster.Others
	if m.config.Balance {
		n := min(len(seen), len(unseen))
		seen, unseen = draw(source("balance members"), seen, n), draw(source("balance others"), unseen, n)
	}
	a, err := near.Nearest(ctx, neighbour.All(neighbour.Synthetic), some(near, plugins.Train, seen))
	if err != nil {
		return nil, err
	}
	toTest := some(near, plugins.Test, unseen)
	own, err := near.Nearest(ctx, neighbour.All(neighbour.Synthetic), toTest)
	if err != nil {
		return nil, err
	}
	b := own
	if m.config.Distance == neighbour.Gower { // on one scale: that of the distances to train
		if b, err = near.By(neighbour.TrainGower).Nearest(ctx, neighbour.All(neighbour.Synthetic), toTest); err != nil {
			return nil, err
		}
	}
	warnings := roster.Warnings
	if len(seen) != len(unseen) {
		warnings = append(slices.Clone(warnings), fmt.Sprintf("%d members are set against %d rows of test: the larger side is closer for its size alone", len(seen), len(unseen)))
	}
	nearer, tied := Closer(a.Distances(1), b.Distances(1))
	nearerByOwn, _ := Closer(a.Distances(1), own.Distances(1))
	published, fair := min(2*(1-nearerByOwn), 1), min(2*(1-nearer), 1)
	for _, s := range []plugins.Score{
		{Name: closer, Value: nearer},
		{Name: equal, Value: tied},
		{Name: protection, Value: published},
	} {
		s.Dims, s.N, s.Status, s.Warnings = dims, pair.Synthetic.Rows(), plugins.OK, warnings
		if s.Name == protection && math.Abs(published-fair) > ownRanges {
			s.Warnings = append(slices.Clone(warnings), fmt.Sprintf("the ranges of train and test differ, which moves this score whatever the generator does: by those of train for both it is %.3f", fair))
		}
		out.Scores = append(out.Scores, s)
	}
	return out, nil
}

// some returns rows of a part; all of them are shared with other searches.
func some(near *neighbour.Pair, part plugins.Part, rows []int) neighbour.Rows {
	if len(rows) == near.Frame(part).Rows() {
		return neighbour.All(part)
	}
	return neighbour.Rows{Part: part, Some: rows}
}

// draw returns n of the rows, ascending.
func draw(source *rand.Rand, rows []int, n int) []int {
	if n == len(rows) {
		return rows
	}
	drawn := slices.Clone(rows)
	source.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	drawn = drawn[:n]
	slices.Sort(drawn)
	return drawn
}

// Closer returns the share of rows whose first distance is strictly smaller than the second, and the share of those for which both
// are equal. The lists are of one length, which is not 0.
func Closer(first, second []float64) (nearer, tied float64) {
	for i, a := range first {
		switch b := second[i]; {
		case a < b:
			nearer++
		case a == b:
			tied++
		}
	}
	n := float64(len(first))
	return nearer / n, tied / n
}
