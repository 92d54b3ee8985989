// Package simulatedicu makes an intensive-care cohort of several hospitals out of random numbers.
//
// It is a test bench with the 83 columns of package icu, not evidence about patients: what it holds is what variables.go,
// hospital.go, stay.go and risk.go put in. Margins are rounded from the open eICU-CRD Demo v2.0 and what is charted keeps
// them, up to the luck of the hospitals drawn (marginals.md compares); the dependence between variables, hospitals and death
// is invented, as the tables there say.
//
// The label is drawn last, from what is recorded alone, so that the true risk of every row is known: Data.Truth has what
// follows from it (truth.go). The cohort can be written as the tables of eICU that it would have been extracted from (raw.go).
package simulatedicu

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Config is the data set's "with" block. Read does not depend on those of raw tables.
type Config struct {
	Rows          int     `json:"rows"`          // stays, 1 to 10,000,000
	Hospitals     int     `json:"hospitals"`     // 1 to 1,000
	HospitalSizes string  `json:"hospitalSizes"` // "equal": expected numbers of patients; "skewed": log-normal
	Seed          uint64  `json:"seed"`          // of the cohort; the seed of a cell does not change it
	Prevalence    float64 `json:"prevalence"`    // expected share of deaths, 0.001 to 0.999
	SiteSD        float64 `json:"siteSD"`        // SD between hospitals of the baseline log-odds of death, 0 to 3
	Transport     float64 `json:"transport"`     // SD between hospitals of each coefficient of the risk model: log-odds per SD of the variable, 0 to 2; 0: one model for all
	CaseMixSD     float64 `json:"caseMixSD"`     // SD between hospitals of the mean severity, in SDs of it, 0 to 2; age, diagnoses and elective surgery spread along
	PracticeSD    float64 `json:"practiceSD"`    // SD between hospitals of the log-odds of ordering each panel of labs, 0 to 3; calibrations of labs spread along
	Informative   float64 `json:"informative"`   // log-odds of ordering each panel per SD of severity, 0 to 5
	Missing       float64 `json:"missing"`       // expected share of missing cells, 0.05 to 0.5
	Repeats       float64 `json:"repeats"`       // share of survivors who have a second stay, 0 to 1; a tenth of these in another hospital
	Categories    bool    `json:"categories"`    // two categorical features more: ethnicity and apacheadmissiondx
	VitalsEvery   int     `json:"vitalsEvery"`   // raw tables: minutes between rows of vitalPeriodic, 2 to 60
	WindowSeed    uint64  `json:"windowSeed"`    // raw tables: seed of the windows in which the values are placed, as the extract's
}

// The values of hospitalSizes.
const (
	equal  = "equal"
	skewed = "skewed"
)

// Register adds the data set to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Datasets, plugins.Info{
		Name:    "simulated-icu",
		Version: 2,
		Summary: "invented stays in invented hospitals, with the 83 columns of eICU and the truth behind them",
		Source: "columns of Johnson, Pollard, Naumann (arXiv 1812.02275); medians, spreads and shares measured rounded from eICU-CRD Demo v2.0 " +
			"(Johnson et al., doi:10.13026/4mxk-na84); deaths, sex and missing cells of Lin, Yu, Lee (arXiv 2504.14657); everything else invented",
		Schema: `// stays
rows?: int & >=1 & <=10000000
// hospitals that they are in
hospitals?: int & >=1 & <=1000
// patients of a hospital: "skewed" unless set, few large hospitals and many small ones; "equal": as many in each, but for chance
hospitalSizes?: "equal" | "skewed"
// of the cohort; the seeds of an experiment do not change it
seed?: int & >=0 & <=18446744073709551615
// expected share of deaths
prevalence?: number & >=0.001 & <=0.999
// how much hospitals differ in baseline risk: SD of the log-odds of death
siteSD?: number & >=0 & <=3
// how much the risk model differs between hospitals: SD of each coefficient, in log-odds per SD of the variable; 0: one model for all
transport?: number & >=0 & <=2
// how much hospitals differ in the patients they see: SD of the mean severity, in SDs of it; age, diagnoses and elective surgery go along
caseMixSD?: number & >=0 & <=2
// how much hospitals differ in practice: SD of the log-odds of ordering each panel of labs; calibrations of labs go along
practiceSD?: number & >=0 & <=3
// how much missingness tells: log-odds of ordering each panel of labs per SD of severity; 0: nothing
informative?: number & >=0 & <=5
// expected share of missing cells
missing?: number & >=0.05 & <=0.5
// share of survivors with a second stay, a tenth of these in another hospital
repeats?: number & >=0 & <=1
// false unless set; true: the columns ethnicity and apacheadmissiondx, too
categories?: bool
// of the raw tables of "ehrlab data write" alone: minutes between rows of vitalPeriodic
vitalsEvery?: int & >=2 & <=60
// of these tables: the seed of the windows that the values are placed in
windowSeed?: int & >=0 & <=18446744073709551615`,
		Shapes: []plugins.Shape{plugins.Records},
		Columns: []plugins.ColumnSet{
			{Columns: columns(defaults())}, {With: "categories: true", Columns: categories()},
		},
		Need: func(s plugins.Size) plugins.Need {
			// the rows are a setting, which an estimate does not see: room for a large cohort
			return plugins.Need{Threads: 2, Bytes: 1000 * int64(max(s.Rows, 100_000))}
		},
	}, defaults(), New)
}

// defaults are the settings of a cohort like that of Lin, Yu and Lee: 8.67 % deaths, 1,896,830 of 88,857·83 cells missing.
func defaults() Config {
	return Config{
		Rows: 5000, Hospitals: 20, HospitalSizes: skewed, Seed: 1, Prevalence: 0.0867, SiteSD: 0.35, Transport: 0.1, CaseMixSD: 0.25,
		PracticeSD: 0.5, Informative: 0.8, Missing: 0.257, Repeats: 0.12, VitalsEvery: 5, WindowSeed: 1,
	}
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
		{"transport", c.Transport, 0, 2},
		{"caseMixSD", c.CaseMixSD, 0, 2},
		{"practiceSD", c.PracticeSD, 0, 3},
		{"informative", c.Informative, 0, 5},
		{"missing", c.Missing, 0.05, 0.5},
		{"repeats", c.Repeats, 0, 1},
		{"vitalsEvery", float64(c.VitalsEvery), 2, 60},
	} {
		if !(s.value >= s.low && s.value <= s.high) {
			plain := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
			return nil, fmt.Errorf("%s is %s; want %s to %s", s.name, plain(s.value), plain(s.low), plain(s.high))
		}
	}
	if c.HospitalSizes != equal && c.HospitalSizes != skewed {
		return nil, fmt.Errorf("hospitalSizes is %q; want %q or %q", c.HospitalSizes, equal, skewed)
	}
	return &Dataset{config: c}, nil
}

// Files returns none.
func (d *Dataset) Files() ([]plugins.File, error) { return nil, nil }

// Header describes the columns.
func (d *Dataset) Header(context.Context, plugins.Env) (*plugins.Header, error) {
	return &plugins.Header{
		Columns:    columns(d.config),
		Rows:       d.config.Rows,
		Governance: plugins.Simulated,
		Notes:      []string{"invented stays, made of random numbers: a software check, not evidence about patients"},
	}, nil
}

// blockRows is how many rows share a random source. A row depends on the settings and its own block, so a larger
// cohort starts with the rows of a smaller one.
const blockRows = 256

func (d *Dataset) random() plugins.Rand {
	return plugins.NewRand(d.config.Seed, "simulated-icu", plugins.ForSimulation)
}

// world draws the hospitals, and the population that the intercept and the truth rest on.
func (d *Dataset) world(ctx context.Context, threads int) (*world, population, error) {
	w := newWorld(newModel(d.config), d.random())
	pop, err := w.sample(ctx, d.random(), threads, populationPatients)
	if err != nil {
		return nil, nil, err
	}
	w.intercept = pop.setRisks(d.config.Prevalence)
	return w, pop, nil
}

// Read simulates the stays. The same settings give the same bytes, whatever env.Threads. Data.Truth says what is true of
// the population of these hospitals.
func (d *Dataset) Read(ctx context.Context, env plugins.Env) (*plugins.Data, error) {
	w, pop, err := d.world(ctx, env.Threads)
	if err != nil {
		return nil, err
	}
	t, err := w.table(ctx, d.random(), env.Threads)
	if err != nil {
		return nil, err
	}
	f, err := t.frame(w)
	if err != nil {
		return nil, err
	}
	pop.setLater(w.intercept, d.random())
	return &plugins.Data{Frame: f, Counts: t.counts(), Truth: w.truths(pop)}, nil
}

// table simulates all rows.
func (w *world) table(ctx context.Context, random plugins.Rand, threads int) (*table, error) {
	rows := w.config.Rows
	t := newTable(rows, w.layout.width)
	err := parallel.For(ctx, threads, (rows+blockRows-1)/blockRows, func(b int) error {
		return w.stays(b*blockRows, min((b+1)*blockRows, rows), random, func(row, owner int, p *patient, s *stay) error {
			t.set(row, owner, p, s)
			return nil
		})
	})
	return t, err
}

// Risk returns the true probability of death of each row of a frame that Read returned, or of some of its rows: given
// all columns but hosp_los and ventdays, and the hospital.
func (d *Dataset) Risk(ctx context.Context, env plugins.Env, f *frame.Frame) ([]float64, error) {
	w, _, err := d.world(ctx, env.Threads)
	if err != nil {
		return nil, err
	}
	var columns []*frame.Column
	for _, name := range w.layout.names {
		c := f.Column(name)
		if c == nil || c.Kind != frame.Number {
			return nil, fmt.Errorf("column %q is not there, or not a number", name)
		}
		columns = append(columns, c)
	}
	byID := map[float64]*hospital{}
	for h := range w.hospitals {
		byID[float64(w.hospitals[h].id)] = &w.hospitals[h]
	}
	row, out := make([]float64, w.layout.width), make([]float64, f.Rows())
	for i := range out {
		for j, c := range columns {
			row[j] = c.Numbers[i]
		}
		h := byID[row[w.layout.site]]
		if h == nil {
			return nil, fmt.Errorf("row %d: the hospital is none of the simulated ones", i+1)
		}
		own, _ := w.risk(row, h)
		out[i] = sigmoid(w.intercept + own)
	}
	return out, nil
}
