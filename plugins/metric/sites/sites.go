// Package sites rates models of the target hospital by hospital: where a model of synthetic rows fails, what a model
// loses at a hospital that it has not seen, and which hospital's model serves which hospital.
package sites

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

// Config is the metric's "with" block.
type Config struct {
	classifier.Config
	// Site is the feature that names the hospital of a row, in synthetic rows as in real ones. Empty: real rows have the site of the
	// data set, and synthetic ones have none.
	Site      string  `json:"site"`
	Rows      int     `json:"rows"`      // least number of test rows of a site that is rated
	Events    int     `json:"events"`    // least number of them with the label
	Nonevents int     `json:"nonevents"` // least number of them without it
	Folds     int     `json:"folds"`     // of the test rows of a site, for the model of its own rows
	Grid      bool    `json:"grid"`      // also train a model at each site and test it at each
	Resamples int     `json:"resamples"` // bootstrap resamples behind the intervals; 0 for none
	Level     float64 `json:"level"`     // coverage of the intervals, in (0,1)
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "sites",
		Version: 3,
		Summary: "AUROC of a model of the target at each hospital: trained on synthetic rows, on those of the other hospitals, and on its own",
		Source:  "C. Esteban, S. L. Hyland, G. Rätsch (2017), arXiv 1706.02633 (training on synthetic rows); E. W. Steyerberg, F. E. Harrell (2016), J. Clin. Epidemiol. 69, 245-247 (internal-external validation)",
		Schema: classifier.Schema + `
// the feature that names the hospital of a row. Unless set, real rows have the site of the data set, and synthetic ones none
site?: string @column()
// least number of test rows of a hospital that is rated: 50 unless set
rows?: int & >=1
// least number of them with the label: 10 unless set
events?: int & >=1
// least number of them without it: 10 unless set
nonevents?: int & >=1
// folds of the test rows of a hospital, by subject, each predicted by a model of its other rows: 5 unless set
folds?: int & >=2 & <=100
// true: train a model at each hospital and test it at each
grid?: bool
// bootstrap resamples behind the intervals: 1000 unless set; 0: no intervals
resamples?: int & >=0 & <=100000
// coverage of the intervals
level?: number & >0 & <1`,
		Family:     plugins.Utility,
		AnyColumns: true,
		Cost:       plugins.PerModel,
		Shapes:     []plugins.Shape{plugins.Records},
		Reads:      []plugins.Part{plugins.Test, plugins.Train},
		Random:     []plugins.Purpose{plugins.ForModel, plugins.ForResample},
		Uses:       classifier.Uses(),
		Scores:     plugins.Agree(plugins.TreesDecide(), scores),
		Need:       classifier.Need,
	}, defaults, New)
}

var defaults = Config{Config: classifier.Defaults(), Rows: 50, Events: 10, Nonevents: 10, Folds: 5, Resamples: 1000, Level: 0.95}

// Suit implements plugins.Suited.
func (c Config) Suit(r plugins.Roles) (config any, lacks string) {
	if r.Label == "" {
		return nil, plugins.LacksLabel
	}
	if r.Site == "" {
		return nil, plugins.LacksSite
	}
	c.Site = r.Site
	return c, ""
}

type metric struct{ config Config }

// grouped is a metric whose sites are named by a column.
type grouped struct{ metric }

// Beside lists the column that names the site, so that it is known of real rows where it is no feature.
func (m grouped) Beside() []string { return []string{m.config.Site} }

// New returns the metric. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	if err := c.Config.Check(); err != nil {
		return nil, err
	}
	switch {
	case min(c.Rows, c.Events, c.Nonevents) < 1:
		return nil, fmt.Errorf("rows, events and nonevents are %d, %d and %d; want at least 1", c.Rows, c.Events, c.Nonevents)
	case c.Folds < 2:
		return nil, fmt.Errorf("folds is %d; want at least 2", c.Folds)
	case c.Resamples < 0:
		return nil, fmt.Errorf("resamples is %d; want at least 0", c.Resamples)
	case !(c.Level > 0 && c.Level < 1):
		return nil, fmt.Errorf("level is %v; want a coverage between 0 and 1", c.Level)
	}
	if c.Site != "" {
		return grouped{metric{c}}, nil
	}
	return metric{c}, nil
}

// Measure rates models at each site of the real test rows that has enough of them. A model never has the column that names the
// site as a feature. Rows without a site are trained on, and rated nowhere.
//
// The interval of a site is over its subjects; that of a mean over sites, as if they were drawn from hospitals like them, where there are
// three or more, and else over the subjects of these. That of the worst site holds for the least of the true values at these sites.
//
// Undefined are, with the reason, scores of a site with too few rows of a class, all scores when the real rows have no site, and
// those that need to know the site of a synthetic row when these have none.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	w, err := m.config.work(env, pair)
	var no classifier.Undefined
	if errors.As(err, &no) {
		out := &plugins.Measurement{}
		for _, s := range scores {
			if len(s.Dims) == 0 {
				out.Scores = append(out.Scores, compare.Undefined(s.Name, string(no)))
			}
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return w.measure(ctx)
}
