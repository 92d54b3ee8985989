// Package simulatedicu makes an intensive-care cohort of several hospitals out of random numbers.
//
// It is a test bench with the column names of the eICU Collaborative Research Database, not evidence about patients:
// what it holds is what simulate.go, hospital.go and variables.go put in. Margins are rounded from the open eICU-CRD
// Demo v2.0, and what is charted keeps them, up to the luck of the hospitals drawn; the dependence between variables,
// hospitals and death is invented, as the tables there say.
package simulatedicu

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Config is the data set's "with" block.
type Config struct {
	Rows        int     `json:"rows"`        // stays, 1 to 10,000,000
	Hospitals   int     `json:"hospitals"`   // 1 to 1,000
	Seed        uint64  `json:"seed"`        // of the cohort; the seed of a cell does not change it
	Prevalence  float64 `json:"prevalence"`  // expected share of deaths, 0.001 to 0.999
	SiteSD      float64 `json:"siteSD"`      // SD between hospitals of the log-odds of death, 0 to 3
	Informative float64 `json:"informative"` // how much more often labs are measured in sicker patients: probits per SD of severity, 0 to 3
}

// Register adds the data set to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Datasets, plugins.Info{
		Name:    "simulated-icu",
		Version: 1,
		Summary: "invented stays in invented hospitals, with the column names of eICU",
		Source:  "medians, spreads and shares measured rounded from eICU-CRD Demo v2.0 (Johnson et al., doi:10.13026/4mxk-na84); everything else invented",
		Schema: `rows?: int & >=1 & <=10000000
hospitals?: int & >=1 & <=1000
seed?: int & >=0 & <=18446744073709551615
prevalence?: number & <=0.999
siteSD?: number & >=0 & <=3
informative?: number & >=0 & <=3`,
		Shapes: []plugins.Shape{plugins.Records},
		Need: func(s plugins.Size) plugins.Need {
			// the rows are a setting, which an estimate does not see: room for a large cohort
			return plugins.Need{Threads: 2, Bytes: 600 * int64(max(s.Rows, 100_000))}
		},
	}, Config{Rows: 5000, Hospitals: 20, Seed: 1, Prevalence: 0.09, SiteSD: 0.35, Informative: 0.5}, New)
}

// Dataset is the plugin.
type Dataset struct{ config Config }

// New returns the data set. It is an error when a setting is out of its range.
func New(c Config) (plugins.Dataset, error) {
	for _, s := range []struct {
		name             string
		value, low, high float64
	}{
		{"rows", float64(c.Rows), 1, 1e7},
		{"hospitals", float64(c.Hospitals), 1, 1000},
		{"prevalence", c.Prevalence, 0.001, 0.999},
		{"siteSD", c.SiteSD, 0, 3},
		{"informative", c.Informative, 0, 3},
	} {
		if !(s.value >= s.low && s.value <= s.high) {
			plain := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
			return nil, fmt.Errorf("%s is %s; want %s to %s", s.name, plain(s.value), plain(s.low), plain(s.high))
		}
	}
	return &Dataset{config: c}, nil
}

// Files returns none.
func (d *Dataset) Files() ([]plugins.File, error) { return nil, nil }

// Header describes the columns.
func (d *Dataset) Header(context.Context, plugins.Env) (*plugins.Header, error) {
	return &plugins.Header{
		Columns:    columns(),
		Governance: plugins.Simulated,
		Notes:      []string{"invented stays, made of random numbers: a software check, not evidence about patients"},
	}, nil
}

// blockRows is how many rows share a random source. A row depends on the settings and its own block, so a larger
// cohort starts with the rows of a smaller one.
const blockRows = 256

// Read simulates the stays. The same settings give the same bytes, whatever env.Threads.
func (d *Dataset) Read(ctx context.Context, env plugins.Env) (*plugins.Data, error) {
	random := plugins.NewRand(d.config.Seed, "simulated-icu", plugins.ForSimulation)
	w := newWorld(d.config, random)
	w.solveIntercept(random)
	t := newTable(d.config.Rows)
	blocks := (d.config.Rows + blockRows - 1) / blockRows
	err := parallel.For(ctx, env.Threads, blocks, func(b int) error {
		w.simulate(t, b*blockRows, min((b+1)*blockRows, d.config.Rows), random)
		return nil
	})
	if err != nil {
		return nil, err
	}
	f, err := t.frame(w)
	if err != nil {
		return nil, err
	}
	return &plugins.Data{Frame: f, Counts: []plugins.Count{
		{Name: "rows simulated", Value: f.Rows()},
		{Name: "patients simulated", Value: t.patients()},
	}}, nil
}
