// Package copies scores how many synthetic rows are copies of real ones, whole or nearly, beside how many real rows are that
// the generator has not seen.
package copies

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Tolerance float64 `json:"tolerance"` // new_row_synthesis: difference of numbers that match, as a share of the synthetic one, ≥ 0
	Window    float64 `json:"window"`    // hitting_rate: difference of numbers that match, as a share of the column's range in train, ≥ 0
	Quantile  float64 `json:"quantile"`  // near_copy_share: share of test rows that lie closer than a near copy may, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "copies",
		Version: 3,
		Summary: "share of synthetic rows that are copies of rows which the generator has seen: identical, in all columns alike, or closer than real rows are",
		Source:  "N. Patki, R. Wedge, K. Veeramachaneni (2016), IEEE DSAA, 399–410, and SDMetrics (new rows); A. D. Lautrup et al. (2024), Data Min. Knowl. Discov. 39, 6 (hitting rate)",
		Schema: `// of new_row_synthesis: by how much numbers that match may differ, as a share of the synthetic one; 0.01 unless set
tolerance?: number & >=0
// of hitting_rate: by how much numbers that match may differ, as a share of the column's range in train; 1/30 unless set
window?: number & >=0
// of near_copy_share: share of test rows that lie closer to members than a near copy may; 0.01 unless set
quantile?: number & >0 & <1`,
		Family:  plugins.Privacy,
		Cost:    plugins.PerRowPair,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Uses:    []plugins.Use{attack.Use(), neighbour.Use(), {Name: "stats", Version: stats.Version}},
		Scores:  scores,
		Need:    neighbour.Need,
	}, Config{Tolerance: 0.01, Window: 1.0 / 30, Quantile: 0.01}, New)
}

var scores = []plugins.ScoreInfo{
	apiece("identical_match_share", "share of synthetic rows that equal a row of the members in every column, missing values included", plugins.Lower),
	share("identical_match_baseline", "share of test rows that equal a row of the members: what chance does to rows that are no copies", plugins.Neutral, "members"),
	apiece("new_row_synthesis", "share of synthetic rows that match no row of the members within the tolerance", plugins.Higher),
	share("hitting_rate", "share of members that a synthetic row matches within the window, missing values matching each other", plugins.Lower, "members"),
	share("hitting_rate_baseline", "share of test rows that a synthetic row matches within the window, missing values matching each other", plugins.Neutral),
	nearCopies("near_copy_share", "share of synthetic rows closer to a row of the members, by Gower's distance, than all but the quantile of test rows are; the quantile itself is ideal", plugins.Lower),
	duplicates("duplicates_within_synthetic", "share of synthetic rows that repeat an earlier one", plugins.Lower),
	duplicates("duplicates_within_train", "share of train rows that repeat an earlier one: what to compare with", plugins.Neutral),
}

func share(name, summary string, better plugins.Direction, dims ...string) plugins.ScoreInfo {
	return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: better, Dims: dims}
}

// apiece is a share of synthetic rows, each of which is compared with the members alone.
func apiece(name, summary string, better plugins.Direction) plugins.ScoreInfo {
	out := share(name, summary, better, "members")
	out.Apiece = map[string]string{}
	return out
}

// nearCopies is such a share, of which rows that are no copies have as much as the setting says.
func nearCopies(name, summary string, better plugins.Direction) plugins.ScoreInfo {
	out := apiece(name, summary, better)
	out.Best = "the setting quantile"
	return out
}

// duplicates is a share that grows with the number of rows: the more there are, the more have an equal.
func duplicates(name, summary string, better plugins.Direction) plugins.ScoreInfo {
	out := share(name, summary, better)
	out.NoInterval = plugins.OfTheirN
	return out
}

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is out of its range.
func New(c Config) (plugins.Metric, error) {
	switch {
	case !(c.Tolerance >= 0):
		return nil, fmt.Errorf("tolerance is %v; want at least 0", c.Tolerance)
	case !(c.Window >= 0):
		return nil, fmt.Errorf("window is %v; want at least 0", c.Window)
	case !(c.Quantile > 0 && c.Quantile < 1):
		return nil, fmt.Errorf("quantile is %v; want a share between 0 and 1", c.Quantile)
	}
	return metric{c}, nil
}

// Measure compares all columns, the target among them. Members are the rows of train that the generator was exposed to, and all of
// train beside. N is the number of rows that a score is a share of.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	const searches = 4
	near, err := neighbour.NewPair(pair, env, neighbour.Gower, searches)
	if err != nil {
		return nil, err
	}
	train, test := near.Frame(plugins.Train), near.Frame(plugins.Test)
	s := &scene{
		Config: m.config, ctx: ctx, env: env, near: near,
		train: train, test: test, synthetic: pair.Synthetic,
		rows: Keys(Whole, train, test, pair.Synthetic),

		made:   compare.NewTrials("synthetic", nil, pair.Synthetic.Rows()),
		unseen: compare.NewTrials("test", pair.Parts.Get(plugins.Test).Subject, test.Rows()),
		seen:   pair.Parts.Get(plugins.Train).Subject,
	}
	if s.hit, err = s.hits(train); err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	for _, members := range []string{attack.Exposed, attack.Train} {
		chosen := neighbour.All(plugins.Train)
		if members == attack.Exposed {
			chosen.Some = pair.Exposed
		}
		found, err := s.members(chosen)
		if err != nil {
			return nil, err
		}
		for _, score := range found {
			score.Dims = map[string]string{"members": members}
			out.Scores = append(out.Scores, score)
		}
		out.Counts = append(out.Counts, plugins.Count{Name: "members", Dims: map[string]string{"members": members}, Value: near.Count(chosen)})
	}
	hit, err := s.hits(test)
	if err != nil {
		return nil, err
	}
	out.Scores = append(out.Scores,
		shareOf("hitting_rate_baseline", hit, s.unseen, lacks(need{"test rows", test.Rows()}, need{"synthetic rows", pair.Synthetic.Rows()})),
		shareOf("duplicates_within_synthetic", repeated(s.rows[2]), compare.Trials{}, lacks(need{"synthetic rows", pair.Synthetic.Rows()})),
		shareOf("duplicates_within_train", repeated(s.rows[0]), compare.Trials{}, lacks(need{"train rows", train.Rows()})))
	return out, nil
}

// scene is what the scores of a pair are made of.
type scene struct {
	Config
	ctx                    context.Context
	env                    plugins.Env
	near                   *neighbour.Pair
	train, test, synthetic *frame.Frame
	rows                   [][]int32 // of train, test and synthetic rows: equal for equal ones
	hit                    []bool    // train rows that a synthetic row matches within the window
	made, unseen           compare.Trials
	seen                   *frame.Column // the subjects of train; may be nil
}

// members returns the scores of some rows of train.
func (s *scene) members(chosen neighbour.Rows) ([]plugins.Score, error) {
	members, keys, hit, subject := s.train, s.rows[0], s.hit, s.seen
	if chosen.Some != nil {
		members, keys, hit = s.train.Take(chosen.Some), pick(keys, chosen.Some), pick(hit, chosen.Some)
		if subject != nil {
			subject = subject.Take(chosen.Some)
		}
	}
	exposed := compare.NewTrials("member", subject, members.Rows())
	known := map[int32]bool{}
	for _, k := range keys {
		known[k] = true
	}
	matched, err := Matched(s.ctx, s.env.Threads, members, s.synthetic, s.Tolerance)
	if err != nil {
		return nil, err
	}
	fresh := make([]bool, len(matched))
	for i, m := range matched {
		fresh[i] = !m
	}
	copied, common, err := s.nearCopies(chosen)
	if err != nil {
		return nil, err
	}
	some, made, control := need{"members", members.Rows()}, need{"synthetic rows", s.synthetic.Rows()}, need{"test rows", s.test.Rows()}
	near := lacks(some, made, control)
	if near == "" && common {
		near = "test rows equal members so often that the quantile of their distances is 0, which nothing is closer than: see identical_match_share and its baseline"
	}
	return []plugins.Score{
		shareOf("identical_match_share", among(s.rows[2], known), s.made, lacks(some, made)),
		shareOf("identical_match_baseline", among(s.rows[1], known), s.unseen, lacks(some, control)),
		shareOf("new_row_synthesis", fresh, s.made, lacks(some, made)),
		shareOf("hitting_rate", hit, exposed, lacks(some, made)),
		shareOf("near_copy_share", copied, compare.Trials{}, near), // the quantile of test rows varies as well: subsamples tell by how much
	}, nil
}

func pick[T any](of []T, rows []int) []T {
	out := make([]T, len(rows))
	for k, i := range rows {
		out[k] = of[i]
	}
	return out
}

// nearCopies marks the synthetic rows that lie closer to members than the quantile of test rows does. common is true when that
// quantile is 0, as it is where few columns of few values make rows equal by chance: copies would go unseen.
func (s *scene) nearCopies(members neighbour.Rows) (copied []bool, common bool, err error) {
	control, err := s.near.Nearest(s.ctx, neighbour.All(plugins.Test), members)
	if err != nil {
		return nil, false, err
	}
	found, err := s.near.Nearest(s.ctx, neighbour.All(neighbour.Synthetic), members)
	if err != nil || found.K() == 0 || s.test.Rows() == 0 {
		return nil, false, err
	}
	usual := control.Distances(1)
	slices.Sort(usual)
	limit, err := stats.Percentile(usual, s.Quantile)
	if err != nil {
		return nil, false, err
	}
	copied = make([]bool, s.synthetic.Rows())
	for i, d := range found.Distances(1) {
		copied[i] = d < limit
	}
	return copied, limit == 0, nil
}

// hits marks the rows that a synthetic row matches within the window.
func (s *scene) hits(rows *frame.Frame) ([]bool, error) {
	return Find(s.ctx, s.env.Threads, s.synthetic, rows, Window(s.train, s.Window))
}

// need is rows that a score cannot do without.
type need struct {
	what string
	rows int
}

// lacks says what there is none of; it is empty when nothing lacks.
func lacks(needs ...need) string {
	for _, n := range needs {
		if n.rows == 0 {
			return "there are no " + n.what
		}
	}
	return ""
}

func among(rows []int32, known map[int32]bool) []bool {
	out := make([]bool, len(rows))
	for i, k := range rows {
		out[i] = known[k]
	}
	return out
}

// repeated marks the rows that equal an earlier one.
func repeated(rows []int32) []bool {
	out, seen := make([]bool, len(rows)), map[int32]bool{}
	for i, k := range rows {
		out[i] = seen[k]
		seen[k] = true
	}
	return out
}

// shareOf is the share of rows that are marked, or undefined for a reason that is not empty.
func shareOf(name string, marked []bool, of compare.Trials, reason string) plugins.Score {
	if reason != "" {
		return compare.Undefined(name, reason)
	}
	n := 0
	for _, m := range marked {
		if m {
			n++
		}
	}
	return compare.Share(name, n, len(marked), of, reason)
}

// Window returns, for each number column, a share of the range of its values in a frame.
func Window(f *frame.Frame, share float64) Allowed {
	widths := map[string]float64{}
	for _, c := range f.Columns() {
		low, high := math.Inf(1), math.Inf(-1)
		for _, x := range c.Numbers {
			if !math.IsNaN(x) {
				low, high = min(low, x), max(high, x)
			}
		}
		if low <= high {
			widths[c.Name] = share*high - share*low
		}
	}
	return func(column string, _ float64) float64 { return widths[column] }
}
