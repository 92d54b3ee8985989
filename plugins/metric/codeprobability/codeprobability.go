// Package codeprobability sets the probabilities of codes, and of pairs of codes within a visit and from one visit to the next,
// against each other: real against synthetic trajectories.
package codeprobability

import (
	"context"
	"errors"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// Config is the metric's "with" block.
type Config struct {
	Part   plugins.Part `json:"part"`             // the real trajectories to compare with: test, or train, which rewards copying
	Curves bool         `json:"curves,omitempty"` // give the probabilities themselves, too
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	dims := []string{"pattern", "per"}
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "code-probability",
		Version: 1,
		Summary: "agreement of the probabilities of codes, of pairs within a visit and of pairs from visit to visit",
		Source:  "B. Theodorou, C. Xiao, J. Sun (2023), Nat. Commun. 14, 5305 (HALO); J. M. Bland, D. G. Altman (1986), Lancet 327(8476), 307–310",
		Schema: `// the real rows to compare with: "test" unless set; "train" rewards copies
part?: "test" | "train"
curves?: bool // the probabilities themselves, for scatter plots`,
		Curves: []plugins.CurveInfo{{
			Name: probabilityCurve, Kind: plugins.ScatterCurve, X: "log10 share of real patients", Y: "log10 share of synthetic patients", Dims: []string{"pattern"},
			Summary: "shares of patients with each code or pair that 11 real patients or more have, by tenths of a decade where there are many; one that no synthetic patient has counts as half a patient", With: "curves",
		}},
		Family: plugins.Trajectories,
		Cost:   plugins.PerColumnPair,
		Shapes: []plugins.Shape{plugins.Events},
		Reads:  []plugins.Part{plugins.Test, plugins.Train},
		Uses:   []plugins.Use{events.Use()},
		Need:   need,
		Scores: []plugins.ScoreInfo{
			{Name: "r2", Summary: "1 - Σ(real - synthetic)² / Σ(real - mean real)² of the probabilities, over what occurs on either side", Min: math.Inf(-1), Max: 1, Better: plugins.Higher, Dims: dims},
			{Name: "pearson", Summary: "correlation of the probabilities", Min: -1, Max: 1, Better: plugins.Higher, Dims: dims},
			{Name: "rmse", Summary: "root of the mean squared difference of the probabilities", Min: 0, Max: math.Inf(1), Better: plugins.Lower, Dims: dims},
			{Name: "mean_bias", Summary: "mean of synthetic - real; 0 is best", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Ideal: new(0.0), Dims: dims},
			{Name: "bland_altman_low", Summary: "lower limit of agreement: mean bias - 1.96 SD", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: dims},
			{Name: "bland_altman_high", Summary: "upper limit of agreement: mean bias + 1.96 SD", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral, Dims: dims},
			{Name: "support", Summary: "codes or pairs that occur on either side", Min: 0, Max: math.Inf(1), Count: true, Better: plugins.Neutral, Dims: dims, NoInterval: plugins.OfTheirN},
		},
	}, Config{Part: plugins.Test}, New)
}

// need counts 64 bytes for each pair of codes, of which there are few that differ: about two for each event.
func need(s plugins.Size) plugins.Need {
	return plugins.Need{Threads: 8, Bytes: 128 * int64(s.Rows+s.N)}
}

type metric struct {
	compare.OnePart
	config Config
}

// New returns the metric. It is an error when Part is another part.
func New(c Config) (plugins.Metric, error) {
	return metric{compare.OnePart(c.Part), c}, compare.CheckPart(c.Part)
}

// Measure returns the measures of agreement of three patterns: "unigram" is a code, "bigram" an unordered pair of codes within a
// visit, "sequential_bigram" an ordered pair of a code and one of the next visit. Per "record", the probability is the share of
// patients that have the pattern at least once; per "visit", it is the occurrences over the visits, and of sequential bigrams
// over the visits that have one before them. What occurs on one side only has the probability 0 on the other.
//
// Everything is undefined when a side has no patient, and per visit when it has no visit that could have the pattern.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	parts := []plugins.Part{m.config.Part, events.Synthetic}
	both, err := events.Together(pair, parts...)
	if err != nil {
		return nil, err
	}
	lacking, err := events.Lacking(pair, parts...)
	if err != nil {
		return nil, err
	}
	warnings, err := events.Caveats(pair, parts...)
	if err != nil {
		return nil, err
	}
	sides := [2]*events.Trajectories{both[0], both[1]}
	out := &plugins.Measurement{Counts: counts(m.config.Part, sides)}
	for i, p := range patterns {
		var counted []Counts
		if lacking == "" {
			if counted, err = p.count(ctx, env.Threads, sides); err != nil {
				return nil, err
			}
		}
		for _, per := range []string{"record", "visit"} {
			scores := p.agreement(counted, sides, per, lacking)
			for j := range scores {
				scores[j].Warnings = warnings
			}
			out.Scores = append(out.Scores, scores...)
		}
		if m.config.Curves && lacking == "" {
			out.Curves = append(out.Curves, curve(p.name, counted, [2]int{sides[0].Patients(), sides[1].Patients()}))
		}
		env.Progress(i+1, len(patterns))
	}
	return out, nil
}

// pattern is what is counted in trajectories.
type pattern struct {
	name  string
	count func(ctx context.Context, threads int, sides [2]*events.Trajectories) ([]Counts, error)
	// visits are those that could have the pattern
	visits func(*events.Trajectories) int
}

var patterns = []pattern{
	{
		"unigram", func(_ context.Context, _ int, sides [2]*events.Trajectories) ([]Counts, error) {
			return Unigrams(sides), nil
		},
		(*events.Trajectories).Visits,
	},
	{"bigram", Bigrams, (*events.Trajectories).Visits},
	{"sequential_bigram", SequentialBigrams, func(t *events.Trajectories) int { return t.Visits() - t.Patients() }},
}

// agreement returns the scores of a pattern.
func (p pattern) agreement(counted []Counts, sides [2]*events.Trajectories, per, lacking string) []plugins.Score {
	dims := map[string]string{"pattern": p.name, "per": per}
	var whole [2]int
	for side, t := range sides {
		if whole[side] = t.Patients(); per == "visit" {
			whole[side] = p.visits(t)
		}
		if whole[side] == 0 && lacking == "" {
			lacking = "no patient of one side has a visit after another"
		}
	}
	if lacking != "" {
		return undefined(lacking, dims)
	}
	a := Agreement{Real: make([]float64, len(counted)), Synthetic: make([]float64, len(counted))}
	for i, c := range counted {
		n := c.Occurrences
		if per == "record" {
			n = [2]int64{int64(c.Patients[0]), int64(c.Patients[1])}
		}
		a.Real[i] = float64(n[0]) / float64(whole[0])
		a.Synthetic[i] = float64(n[1]) / float64(whole[1])
	}
	return a.scores(dims)
}

// undefined returns the scores of a pattern that has none, for a reason.
func undefined(reason string, dims map[string]string) []plugins.Score {
	scores := Agreement{}.scores(dims)
	for i := range scores {
		scores[i] = Score(scores[i].Name, 0, 0, errors.New(reason), dims)
	}
	return scores
}

// counts is the account of what is compared, by side.
func counts(part plugins.Part, sides [2]*events.Trajectories) []plugins.Count {
	var out []plugins.Count
	for i, t := range sides {
		dims := map[string]string{"side": string([]plugins.Part{part, events.Synthetic}[i])}
		out = append(out,
			plugins.Count{Name: "patients compared", Dims: dims, Value: t.Patients()},
			plugins.Count{Name: "visits compared", Dims: dims, Value: t.Visits()},
			plugins.Count{Name: "events compared", Dims: dims, Value: t.Events()},
		)
	}
	return out
}
