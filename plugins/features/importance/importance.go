// Package importance offers the most important columns of a model of the target on train, as a ladder of nested subsets.
//
// The model is a logistic regression (see Logistic) or boosted trees (see Boosted). The ranking that subsets are cut
// from is made on all of train. How far it can be trusted is reported beside it: the ranking is repeated without each
// fold of train in turn, and the overlap of the first k columns is given for a fixed series of k (see sizes), so that a
// further rung of the ladder changes nothing that was computed.
package importance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/features/ladder"
	"github.com/ehrlab/ehrlab/plugins/features/named"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
)

// The models that columns are ranked by.
const (
	byLogistic = "logistic"
	byTrees    = "gbdt"
)

// Config is the features' "with" block.
type Config struct {
	Model  string      `json:"model"`  // "logistic" or "gbdt"
	By     gbdt.By     `json:"by"`     // gbdt only: "total_gain" (what "" means), "gain", "weight" or "cover"
	Trees  gbdt.Config `json:"gbdt"`   // gbdt only
	Folds  int         `json:"folds"`  // of train, to repeat the ranking on: 2 or more, or 0 for none
	Ladder []int       `json:"ladder"` // sizes of the subsets: at least one, ascending, each above 0
	// Columns are those that are ranked, in any order: at least one, none twice; nil: every candidate.
	Columns []string `json:"columns,omitempty"`
}

// Register adds the plugin to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Features, plugins.Info{
		Name:    "importance",
		Version: 3,
		Summary: "the columns that move a model of the target on train most, in nested subsets: by a logistic regression (SD of their contribution; for a number, its absolute standardised coefficient) or by boosted trees (total gain); with the overlap of the ranking across folds",
		Source:  "S. Menard (2004), The American Statistician 58(3), 218-223 (coefficient times SD of the predictor); T. Chen, C. Guestrin (2016), KDD, 785-794 (gain); S. Nogueira, K. Sechidis, G. Brown (2018), JMLR 18(174), 1-54 (overlap)",
		Schema: `// sizes of the subsets, ascending: each holds the ones before it
` + ladder.Schema + `
// the columns that are ranked; unless set, every candidate
` + named.Schema + `
// what columns are ranked by: "logistic" unless set, a logistic regression; "gbdt": boosted trees
model?: "logistic" | "gbdt"
// of gbdt, what the splits by a column are rated by: "total_gain" unless set, their gains in all; "gain", "cover": gain, or rows parted, of one on average; "weight": how many they are
by?: "total_gain" | "gain" | "weight" | "cover"
// of gbdt: the trees, in the terms of XGBoost
gbdt?: {
	` + gbdt.Schema + `
}
// parts of train that the ranking is repeated without, to see how far it holds: 5 unless set; 0: none
folds?: int & >=0 & <=100`,
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Train},
		Random: []plugins.Purpose{plugins.ForModel, plugins.ForResample},
		Uses: []plugins.Use{
			{Name: "encode", Version: encode.Version},
			{Name: "gbdt", Version: gbdt.Version},
			{Name: "gram", Version: gram.Version},
			{Name: "label", Version: label.Version},
			{Name: "logistic", Version: logistic.Version},
		},
		Need: need,
	}, Config{Model: byLogistic, Trees: gbdt.Defaults(), Folds: 5}, New)
}

// need allows for the encoded columns and their weighted copies, or for the trees, and for the rows of a fold.
func need(s plugins.Size) plugins.Need {
	cells := 8 * int64(s.Rows) * int64(s.Columns)
	return plugins.Need{Threads: 2, Bytes: cells + max(3*cells, gbdt.Bytes(s.Rows, s.Columns))}
}

// Features is the plugin.
type Features struct {
	ladder.Ladder
	config Config
}

// New returns the plugin. It is an error when the ladder is empty or does not ascend from at least 1, when columns are named
// and are none, fewer than the ladder wants, or one twice, when a setting is out of range, and when one of the trees is given
// to another model.
func New(c Config) (plugins.Features, error) {
	sizes, err := ladder.New(c.Ladder)
	if err != nil {
		return nil, err
	}
	if c.Columns != nil {
		if err := named.Check(c.Columns, sizes); err != nil {
			return nil, err
		}
		c.Columns = slices.Sorted(slices.Values(c.Columns))
	}
	if c.Folds < 0 || c.Folds == 1 {
		return nil, fmt.Errorf("folds is %d; want at least 2, or 0 for none", c.Folds)
	}
	switch c.Model {
	case byLogistic:
		if c.By != "" {
			return nil, fmt.Errorf("by is %q, which only model: %q has", c.By, byTrees)
		}
		if c.Trees != gbdt.Defaults() {
			return nil, fmt.Errorf("gbdt has settings, and the model is %q", c.Model)
		}
	case byTrees:
		switch c.By {
		case "":
			c.By = gbdt.TotalGain
		case gbdt.TotalGain, gbdt.Gain, gbdt.Weight, gbdt.Cover:
		default:
			return nil, fmt.Errorf("by is %q; want %q, %q, %q or %q", c.By, gbdt.TotalGain, gbdt.Gain, gbdt.Weight, gbdt.Cover)
		}
		if err := c.Trees.Check(); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("model is %q; want %q or %q", c.Model, byLogistic, byTrees)
	}
	return &Features{Ladder: sizes, config: c}, nil
}

// Names returns the columns that are ranked; nil when every candidate is.
func (f *Features) Names() []string { return slices.Clone(f.config.Columns) }

// Ranking is the model with its settings, the columns, and the folds, which decide on counts and notes. The ladder is no part
// of it, nor is the order of the columns.
func (f *Features) Ranking() any {
	out := struct {
		Model string       `json:"model"`
		By    gbdt.By      `json:"by,omitempty"`
		Trees *gbdt.Config `json:"gbdt,omitempty"`
		Folds int          `json:"folds"`

		Columns []string `json:"columns,omitempty"`
	}{f.config.Model, f.config.By, nil, f.config.Folds, f.config.Columns}
	if f.config.Model == byTrees {
		out.Trees = &f.config.Trees
	}
	return out
}

// Rank returns the columns of in.Train but the target, or those of them that are named, the most important first; equal ones
// keep their order in train. The model has no other column.
//
// It is an error when a named column is the target or no candidate, and when the target has not two classes (see
// label.Binary). A fold on which there is no ranking, such as one with a single class, is no error: the notes say that there
// is no overlap, and why.
func (f *Features) Rank(ctx context.Context, env plugins.Env, in plugins.Candidates) (*plugins.Ranking, error) {
	train, err := named.Among(f.config.Columns, in)
	if err != nil {
		return nil, err
	}
	in.Train = train
	ranked, err := f.rank(ctx, in.Train, in.Target, env.Threads, func() *rand.Rand {
		return env.Rand.For(plugins.ForModel, "importance")
	})
	if err != nil {
		return nil, err
	}
	out := &plugins.Ranking{Columns: ranked}
	if f.config.Folds > 0 && len(ranked) > 1 {
		if err := f.repeat(ctx, env, in, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rank ranks the columns of some rows of train. source is asked for a random source only when one is needed.
func (f *Features) rank(ctx context.Context, rows *frame.Frame, target string, threads int, source func() *rand.Rand) ([]plugins.RankedColumn, error) {
	if f.config.Model == byLogistic {
		return Logistic(ctx, rows, target, threads)
	}
	c := f.config.Trees
	c.Threads = threads
	if c.Subsample < 1 || c.Colsample < 1 {
		c.Rand = source()
	}
	return Boosted(ctx, rows, target, c, f.config.By)
}

// Cut returns the first columns, as many as the suffix says. It is an error when there are fewer.
func (f *Features) Cut(ranked []plugins.RankedColumn, suffix string) ([]string, error) {
	return ladder.Cut(ranked, suffix)
}

// labels returns the target as zeros and ones.
func labels(f *frame.Frame, target string) ([]float64, error) {
	column := f.Column(target)
	if column == nil {
		return nil, fmt.Errorf("no column named %q, the target", target)
	}
	return label.Binary(column, "")
}

// descending brings the most important columns to the front; equal ones keep their order.
func descending(ranked []plugins.RankedColumn) {
	sort.SliceStable(ranked, func(i, j int) bool { return ranked[i].Importance > ranked[j].Importance })
}
