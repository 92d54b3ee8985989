// Package anonymity counts how many rows share their quasi-identifiers: columns that an attacker may know of a patient.
package anonymity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Quasi  []string      `json:"quasi"`           // quasi-identifiers
	Secret string        `json:"secret"`          // empty: the target
	Bands  []attack.Band `json:"bands,omitempty"` // numbers that are compared by bands, such as ages by 10; others by their exact values
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "anonymity",
		Version: 3,
		Summary: "k-anonymity and l-diversity of real and synthetic rows, and k-map of what the synthetic rows release",
		Source:  "L. Sweeney (2002), Int. J. Uncertain. Fuzziness Knowl.-Based Syst. 10(5), 557–570; A. Machanavajjhala et al. (2007), ACM TKDD 1(1), 3; K. El Emam, F. K. Dankar (2008), JAMIA 15(5), 627–637",
		Schema: `// the quasi-identifiers: what others may know of a patient
quasi!: [string, ...string] @column()
// what l-diversity counts in each class; the label unless set
secret?: string @column()
// numbers that are compared by bands of a width in the unit of the column, such as ages by 10; others are by their exact values
bands?: ` + attack.BandSchema,
		Family:  plugins.Privacy,
		Cost:    plugins.PerColumn,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Uses:    []plugins.Use{attack.Use(), compare.Use()},
		Scores:  scores,
		Need:    attack.Need,
	}, Config{}, New)
}

var scores = []plugins.ScoreInfo{
	{Name: "k_anonymity", Summary: "rows of the smallest class of equal quasi-identifiers", Min: 1, Max: math.Inf(1), Count: true, Better: plugins.Higher, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "l_diversity", Summary: "fewest distinct secrets in a class", Min: 1, Max: math.Inf(1), Count: true, Better: plugins.Higher, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "equivalence_classes", Summary: "classes of equal quasi-identifiers", Min: 1, Max: math.Inf(1), Count: true, Better: plugins.Neutral, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "unique_share", Summary: "share of the rows that are alone in their class", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "below5_share", Summary: "share of the rows in classes of fewer than five", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "mean_class_size", Summary: "rows for each class", Min: 1, Max: math.Inf(1), Better: plugins.Higher, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "k_map_matched", Summary: "real rows of the smallest class whose quasi-identifiers a synthetic row has", Min: 1, Max: math.Inf(1), Count: true, Better: plugins.Higher, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "synth_rows_with_real_match_share", Summary: "share of the synthetic rows whose quasi-identifiers a real row has", Min: 0, Max: 1, Better: plugins.Neutral, Dims: []string{"rows"}},
	{Name: "real_unique_and_in_synth_share", Summary: "share of the real rows that are alone in their class and whose quasi-identifiers a synthetic row has; it falls with the number of rows, see unique_and_in_synth_excess", Min: 0, Max: 1, Better: plugins.Lower, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	{Name: "synth_combinations_absent_from_real", Summary: "quasi-identifiers of synthetic rows that no real row has", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Neutral, Dims: []string{"rows"}, NoInterval: plugins.OfTheirN},
	excess,
}

// excess compares train and test in real_unique_and_in_synth_share: whoever is one of fewer is more often alone.
var excess = plugins.ScoreInfo{
	Name: "unique_and_in_synth_excess", Min: -1, Max: 1, Better: plugins.Lower, Ideal: new(0.0),
	Summary: "how much greater real_unique_and_in_synth_share is for train than for test rows, in samples of equal size: of the side with more rows, the mean over all samples as large as the other",
}

// mapped is the place of the first score that compares real rows with synthetic ones; the others describe one kind of rows.
const mapped = 6

// Suit implements plugins.Suited. Ages are compared by bands of ten years, as is usual.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if len(r.QuasiIdentifiers) == 0 {
		return nil, plugins.LacksQuasi
	}
	if r.Secret == "" && r.Label == "" {
		return nil, plugins.LacksSecret
	}
	c.Quasi, c.Secret = r.QuasiIdentifiers, r.Secret
	for _, name := range r.QuasiIdentifiers {
		if strings.EqualFold(name, "age") && slices.Contains(r.Numbers, name) {
			c.Bands = append(c.Bands, attack.Band{Column: name, Width: 10})
		}
	}
	return c, ""
}

type metric struct{ config Config }

// New returns the metric. It is an error when there is no quasi-identifier, one is the secret, or a band has no width.
func New(c Config) (plugins.Metric, error) {
	switch {
	case len(c.Quasi) == 0:
		return nil, errors.New("quasi names no column; want what an attacker may know of a patient")
	case slices.Contains(c.Quasi, c.Secret):
		return nil, fmt.Errorf("quasi has the secret %q", c.Secret)
	}
	return metric{c}, attack.CheckBands(c.Bands)
}

// Measure describes the train, test and synthetic rows, and sets the synthetic ones against both others.
func (m metric) Measure(ctx context.Context, _ plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	if err := attack.Same(train, pair.Synthetic); err != nil {
		return nil, err
	}
	secret := m.config.Secret
	if secret == "" && !slices.Contains(m.config.Quasi, pair.Target) {
		secret = pair.Target
	}
	frames := []*frame.Frame{pair.Synthetic, train, test}
	sides := []string{"synthetic", string(plugins.Train), string(plugins.Test)}
	out := &plugins.Measurement{}
	cells, err := attack.NewCells(m.config.Quasi, m.config.Bands, frames...)
	var reason attack.Undefined
	if err != nil && !errors.As(err, &reason) {
		return nil, err
	}
	for k, side := range sides {
		dims := map[string]string{"rows": side}
		if err != nil {
			out.Scores = append(out.Scores, attack.AllUndefined(infos(k), dims, string(reason))...)
			continue
		}
		if frames[k].Rows() == 0 {
			out.Scores = append(out.Scores, attack.AllUndefined(infos(k), dims, fmt.Sprintf("there are no %s rows", side))...)
			continue
		}
		out.Scores = append(out.Scores, describe(cells, k, frames[k], secret, dims)...)
		if k > 0 {
			out.Scores = append(out.Scores, release(cells, k, dims)...)
		}
	}
	s := plugins.Score{Name: excess.Name, Status: plugins.Undefined}
	switch n := min(train.Rows(), test.Rows()); {
	case err != nil:
		s.Reason = string(reason)
	case n == 0:
		s.Reason = "there are no train rows or no test rows"
	default:
		s.Status, s.N = plugins.OK, 2*n
		s.Value = Rarefied(cells, 1, 0, n) - Rarefied(cells, 2, 0, n)
	}
	out.Scores = append(out.Scores, s)
	return out, nil
}

// infos are the scores of a side; the synthetic rows are not set against themselves.
func infos(side int) []plugins.ScoreInfo {
	if side == 0 {
		return scores[:mapped]
	}
	return scores[:len(scores)-1]
}

// describe returns the scores of one kind of rows.
func describe(cells *attack.Cells, k int, f *frame.Frame, secret string, dims map[string]string) []plugins.Score {
	c := Describe(cells, k)
	n := f.Rows()
	ok := func(name string, v float64) plugins.Score {
		return plugins.Score{Name: name, Dims: dims, Value: v, N: n, Status: plugins.OK}
	}
	diverse := plugins.Score{Name: "l_diversity", Dims: dims, Status: plugins.Undefined, Reason: "no secret is named, and there is no target beside the quasi-identifiers"}
	if secret != "" {
		if l, err := Diversity(cells, k, f, secret); err != nil {
			diverse.Reason = err.Error()
		} else {
			diverse = ok("l_diversity", float64(l))
		}
	}
	return []plugins.Score{
		ok("k_anonymity", float64(c.Smallest)),
		diverse,
		ok("equivalence_classes", float64(c.Classes)),
		ok("unique_share", c.UniqueShare),
		ok("below5_share", c.Below5Share),
		ok("mean_class_size", c.MeanSize),
	}
}

// release returns the scores of synthetic rows against one kind of real ones.
func release(cells *attack.Cells, k int, dims map[string]string) []plugins.Score {
	r, n := Map(cells, k, 0), len(cells.Rows[k])
	ok := func(name string, v float64) plugins.Score {
		return plugins.Score{Name: name, Dims: dims, Value: v, N: n + len(cells.Rows[0]), Status: plugins.OK}
	}
	none := func(name, reason string) plugins.Score {
		return plugins.Score{Name: name, Dims: dims, Status: plugins.Undefined, Reason: reason}
	}
	out := make([]plugins.Score, 0, len(scores)-1-mapped)
	if r.Smallest > 0 {
		out = append(out, ok("k_map_matched", float64(r.Smallest)))
	} else {
		out = append(out, none("k_map_matched", "no synthetic row has the quasi-identifiers of such a row"))
	}
	if len(cells.Rows[0]) > 0 {
		made := len(cells.Rows[0])
		share := compare.Share("synth_rows_with_real_match_share", r.Matched, made, compare.NewTrials("synthetic", nil, made), "")
		share.Dims, share.N = dims, n+made
		out = append(out, share)
	} else {
		out = append(out, none("synth_rows_with_real_match_share", "there are no synthetic rows"))
	}
	return append(out, ok("real_unique_and_in_synth_share", r.UniqueShare), ok("synth_combinations_absent_from_real", float64(r.Absent)))
}
