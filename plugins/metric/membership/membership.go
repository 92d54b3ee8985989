// Package membership attacks synthetic rows: it asks of each of some real rows whether the generator has seen it.
//
// Members are rows of train, non-members rows of test (see package attack for which). Beside every attack stand two
// checks of the attack itself. A blind one never looks at the synthetic rows: if it tells members from non-members, they
// differ by themselves, and what the attacks find is no evidence of a leak. And the positive control lets copies of the members play the
// synthetic rows: an attack that does not find these clears no generator.
//
// No attack can tell whether rows were in the pre-training of a language model: for public or credentialed data that
// stays open, whatever the scores are.
package membership

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
	"github.com/ehrlab/ehrlab/plugins/neighbour"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The attacks.
const (
	Distance   = "distance"   // how close the closest synthetic row is
	Logistic   = "logistic"   // a classifier of synthetic rows against real ones that the generator has not seen
	Boosted    = "gbdt"       // the same with boosted trees
	Domias     = "domias"     // density of the synthetic rows over that of real ones
	Confidence = "confidence" // how sure a model of the target that learnt from the synthetic rows is of the row's label
	Shadow     = "shadow"     // the distance, set against that to shadow models which have not seen the row
)

// The controls, as values of the dimension "control".
const (
	None     = "none"     // the attack itself
	Blind    = "blind"    // a classifier of members against non-members, which never sees a synthetic row
	Resample = "resample" // copies of the members in the place of the synthetic rows
)

// Config is the metric's "with" block.
type Config struct {
	Attacks []string `json:"attacks"` // Distance, Logistic, Boosted, Domias, Confidence, in any order; Shadow is on with Shadows.Models
	Members []string `json:"members"` // attack.Exposed, attack.Train
	Blind   string   `json:"blind"`   // the classifier of the blind attack: Logistic or Boosted
	// Domias names the number columns of the density estimate. Without names it takes the DomiasMost ones that miss fewest values
	// among those that are not constant, the first of equals: the estimate needs far more rows with each further column.
	Domias     []string    `json:"domias,omitempty"`
	DomiasMost int         `json:"domiasMost"`
	GBDT       gbdt.Config `json:"gbdt"`
	Shadows    Shadows     `json:"shadows"`
	Resamples  int         `json:"resamples"` // bootstrap resamples behind the intervals at a threshold; 0 for none of these
	Level      float64     `json:"level"`     // coverage of the intervals, in (0,1)
}

// Shadows says how many shadow models the metric asks for; see plugins.ShadowRequest.
type Shadows struct {
	Models int     `json:"models"` // 0 for none
	Share  float64 `json:"share"`
	Paid   bool    `json:"paid"`
}

// Defaults is the default of the settings: all attacks but Confidence and Shadow on both groups of members.
func Defaults() Config {
	trees := gbdt.Defaults()
	trees.MaxDepth, trees.Subsample, trees.Colsample = 4, 0.8, 0.8
	return Config{
		Attacks: []string{Distance, Logistic, Boosted, Domias}, Members: []string{attack.Exposed, attack.Train},
		Blind: Logistic, DomiasMost: 5, GBDT: trees, Shadows: Shadows{Share: 0.5}, Resamples: 1000, Level: 0.95,
	}
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "membership",
		Version: 3,
		Summary: "membership inference: which real rows has the generator seen",
		Source: "S. Yeom et al. (2018), IEEE CSF, 268–282 (advantage, confidence); D. Chen et al. (2020), ACM CCS, 343–362 (distance); B. van Breugel et al. (2023), AISTATS, 3493–3514 (DOMIAS); " +
			"N. Carlini et al. (2022), IEEE S&P, 1897–1914 (low FPR); L. Watson et al. (2022), ICLR (calibration by shadow models)",
		Schema: `// "distance": to the closest synthetic row; "logistic", "gbdt": a classifier of synthetic against other rows; "domias": density of synthetic by that of other rows; all four unless set.
// "confidence": the probability that boosted trees of the target, grown on the synthetic rows, give to the row's own label: the loss of a model
// as Yeom 2018 attack it, one that is published in the place of the rows. Lin 2025 say of their attack that it reads "prediction probabilities"
attacks?: [...("distance" | "logistic" | "gbdt" | "domias" | "confidence")]
// "exposed": rows that the generator has seen, such as those in prompts, and as many test rows of the same hospitals; "train": all of both parts
members?: ["exposed" | "train", ...("exposed" | "train")]
// the classifier that tells members from others without the synthetic rows; above 0.5 they differ by themselves
blind?: "logistic" | "gbdt"
// of domias: number columns of the density estimate; unless set, the domiasMost that miss fewest values
domias?: [string, ...string] @column()
// how many columns that is: 5 unless set
domiasMost?: int & >=1 & <=20
// of the attacks "gbdt" and "confidence" and the blind classifier "gbdt": the trees, in the terms of XGBoost
gbdt?: {
	` + gbdt.Schema + `
}
// models that the strategy is asked to make of drawn parts of train, to say how close synthetic rows come to a row that was not given; an attack "shadow" is added
shadows?: {
	// 0 unless set: none
	models?: int & >=0 & <=100
	// share of the subjects of train that each is given: 0.5 unless set
	share?: number & >0 & <1
	// also of strategies that ask language models, each time at the cost of the cell itself; false unless set
	paid?: bool
}
// bootstrap resamples behind intervals at a threshold: 1000 unless set; 0: none
resamples?: int & >=0 & <=100000
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1`,
		Family:  plugins.Privacy,
		Cost:    plugins.PerModel,
		Control: true,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test, plugins.Train},
		Random:  []plugins.Purpose{plugins.ForModel, plugins.ForResample},
		Uses: []plugins.Use{
			attack.Use(),
			{Name: "classifier", Version: classifier.Version},
			{Name: "encode", Version: encode.Version},
			{Name: "gbdt", Version: gbdt.Version},
			{Name: "label", Version: label.Version},
			{Name: "logistic", Version: logistic.Version},
			{Name: "neighbour", Version: neighbour.Version},
			{Name: "stats", Version: stats.Version},
		},
		Scores: plugins.Agree(plugins.Trees(), scores), // and ties of distances, which move them less
		Need: func(s plugins.Size) plugins.Need {
			need := attack.Need(s)
			need.Bytes += gbdt.Bytes(s.Rows+s.N, s.Columns)
			return need
		},
	}, Defaults(), New)
}

type metric struct{ config Config }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	for _, s := range []struct {
		name         string
		value, known []string
	}{
		{"attacks", c.Attacks, []string{Distance, Logistic, Boosted, Domias, Confidence}},
		{"members", c.Members, []string{attack.Exposed, attack.Train}},
		{"blind", []string{c.Blind}, []string{Logistic, Boosted}},
	} {
		for i, v := range s.value {
			if !slices.Contains(s.known, v) {
				return nil, fmt.Errorf("%s has %q; want %q", s.name, v, s.known)
			}
			if slices.Contains(s.value[:i], v) {
				return nil, fmt.Errorf("%s has %q twice", s.name, v)
			}
		}
	}
	switch {
	case len(c.Members) == 0:
		return nil, fmt.Errorf("members is empty; want %q or %q or both", attack.Exposed, attack.Train)
	case len(c.Attacks) == 0 && c.Shadows.Models == 0:
		return nil, errors.New("attacks is empty and there are no shadow models; want at least one attack")
	case c.DomiasMost < 1:
		return nil, fmt.Errorf("domiasMost is %d; want at least 1", c.DomiasMost)
	case c.Shadows.Models < 0:
		return nil, fmt.Errorf("shadows.models is %d; want at least 0", c.Shadows.Models)
	case !(c.Shadows.Share > 0 && c.Shadows.Share < 1):
		return nil, fmt.Errorf("shadows.share is %v; want a share between 0 and 1", c.Shadows.Share)
	case c.Resamples < 0:
		return nil, fmt.Errorf("resamples is %d; want at least 0", c.Resamples)
	}
	if err := c.GBDT.Check(); err != nil {
		return nil, err
	}
	return metric{c}, attack.CheckLevel(c.Level)
}

// Shadows says which shadow models the settings ask for.
func (m metric) Shadows() plugins.ShadowRequest {
	s := m.config.Shadows
	return plugins.ShadowRequest{Models: s.Models, Share: s.Share, Paid: s.Paid}
}

// Measure mounts every attack on every group of members, with its controls.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	if err := attack.Same(train, pair.Synthetic); err != nil {
		return nil, err
	}
	names := m.config.Attacks
	if m.config.Shadows.Models > 0 {
		names = append(slices.Clone(names), Shadow)
	}
	out := &plugins.Measurement{}
	for _, group := range m.config.Members {
		roster := attack.Named(pair, group, attack.Source(env))
		out.Counts = append(out.Counts, roster.Counts...)
		s := &scene{config: m.config, env: env, roster: roster, train: train, test: test, synthetic: pair.Synthetic, pair: pair}
		scored, err := s.all(ctx, names)
		if err != nil {
			return nil, err
		}
		out.Scores = append(out.Scores, scored...)
	}
	return out, nil
}
