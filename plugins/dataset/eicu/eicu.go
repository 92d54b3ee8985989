// Package eicu reads the tables of the eICU Collaborative Research Database, the full one or the open demo, into a table
// with one row a stay in intensive care, sorted by patientunitstayid.
//
// The tables are those of the publisher, NAME.csv or NAME.csv.gz in one folder, their names and those of their columns in any
// case. Two matrices can be made of them: "apache" (apache.go), the variables of the first day that APACHE IV was computed from,
// and "johnson2018" (johnson.go), the 83 columns of package icu from vital signs and laboratory values in a window.
// What is decided about single columns stands at the lists in apache.go, vitals.go, labs.go, urine.go and carelimits.go.
//
// Tables of measurements are streamed: memory grows with the stays, not with the rows of vitalPeriodic. vitalPeriodic is read
// twice, as the window of a stay is counted from its first heart rate, which no order of rows is promised to bring first.
// The order of the rows of a table does not matter, except among rows of one stay with one time: there the later row counts.
package eicu

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

// Config is the data set's "with" block.
type Config struct {
	Root     string `json:"root"`     // folder of the tables
	Matrix   string `json:"matrix"`   // Apache or Johnson2018
	Window   string `json:"window"`   // Johnson2018 only: Random or First24h
	Seed     uint64 `json:"seed"`     // of the random windows; the seed of a cell does not change them
	Tables   Tables `json:"tables"`   // tables that lie elsewhere
	MaxBytes int64  `json:"maxBytes"` // limit of the decompressed content of each table, > 0
}

// Tables are paths of tables that do not lie in the folder under their own names; like root, relative to the experiment.
// An empty path stands for the folder's own.
type Tables struct {
	Patient             string `json:"patient,omitempty"`
	Hospital            string `json:"hospital,omitempty"`
	ApacheApsVar        string `json:"apacheApsVar,omitempty"`
	ApachePredVar       string `json:"apachePredVar,omitempty"`
	ApachePatientResult string `json:"apachePatientResult,omitempty"`
	CarePlanGeneral     string `json:"carePlanGeneral,omitempty"`
	VitalPeriodic       string `json:"vitalPeriodic,omitempty"`
	VitalAperiodic      string `json:"vitalAperiodic,omitempty"`
	Lab                 string `json:"lab,omitempty"`
	IntakeOutput        string `json:"intakeOutput,omitempty"`
}

// The matrices.
const (
	Apache      = "apache"
	Johnson2018 = "johnson2018"
)

// The windows of Johnson2018.
const (
	Random   = "random"   // ends at a random hour: icu.WindowEnd
	First24h = "first24h" // the first 24 hours after the first heart rate
)

var defaults = Config{
	Matrix:   Apache,
	Window:   Random,
	Seed:     1,
	MaxBytes: 32 << 30, // room for vitalPeriodic of the full database
}

const schema = `
// folder of the tables: patient.csv.gz, hospital.csv.gz …; a file SIMULATED.txt beside them says that they are simulated
root!: string & !="" @path()
// "apache" unless set: first-day APACHE variables; "johnson2018": the 83 columns of Johnson et al. (2018)
matrix?: "apache" | "johnson2018"
// of johnson2018: "random" unless set; it depends on the time of death or discharge, "first24h" does not
window?: "random" | "first24h"
// of the random windows
seed?: int & >=0 & <=18446744073709551615
// tables that lie elsewhere; like all paths, relative to the experiment, not to root
tables?: {
	patient?:             string & !="" @path()
	hospital?:            string & !="" @path()
	apacheApsVar?:        string & !="" @path()
	apachePredVar?:       string & !="" @path()
	apachePatientResult?: string & !="" @path()
	carePlanGeneral?:     string & !="" @path()
	vitalPeriodic?:       string & !="" @path()
	vitalAperiodic?:      string & !="" @path()
	lab?:                 string & !="" @path()
	intakeOutput?:        string & !="" @path()
}
// limit of the decompressed content of each table; 32 GiB unless set
maxBytes?: int & >0
`

const citation = "Pollard TJ, Johnson AEW, Raffa JD, Celi LA, Mark RG, Badawi O. The eICU Collaborative Research Database, a freely " +
	"available multi-center database for critical care research. Scientific Data 5:180178 (2018). doi:10.1038/sdata.2018.178"

// Register adds the data set to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Datasets, plugins.Info{
		Name:    "eicu",
		Version: 1,
		Summary: "stays of the eICU Collaborative Research Database, from its tables",
		Source:  "johnson2018: A. E. W. Johnson, T. J. Pollard, T. Naumann (2018), arXiv 1812.02275; names as in arXiv 2504.14657",
		Schema:  schema,
		Shapes:  []plugins.Shape{plugins.Records},
		Uses:    []plugins.Use{{Name: "icu", Version: icu.Version}},
		Columns: []plugins.ColumnSet{
			{With: `matrix: "apache"`, Columns: apacheInfos()}, {With: `matrix: "johnson2018"`, Columns: johnsonColumns()},
		},
		Need: func(s plugins.Size) plugins.Need {
			// about 2 KB a stay, most of it the windows, and buffers of the tables read at a time
			return plugins.Need{Threads: 4, Bytes: 128<<20 + 2048*int64(max(s.Rows, 200_000))}
		},
	}, defaults, New)
}

// Dataset is the plugin.
type Dataset struct{ config Config }

// New returns the data set. It opens nothing.
func New(c Config) (plugins.Dataset, error) {
	if c.Root == "" {
		return nil, fmt.Errorf(`"root" is empty; want the folder of the tables`)
	}
	if !slices.Contains([]string{Apache, Johnson2018}, c.Matrix) {
		return nil, fmt.Errorf(`"matrix" %q: want %q or %q`, c.Matrix, Apache, Johnson2018)
	}
	if !slices.Contains([]string{Random, First24h}, c.Window) {
		return nil, fmt.Errorf(`"window" %q: want %q or %q`, c.Window, Random, First24h)
	}
	if c.Matrix == Apache && c.Window != Random {
		return nil, fmt.Errorf(`"window" belongs to the matrix %q, which has windows`, Johnson2018)
	}
	if c.MaxBytes <= 0 {
		return nil, fmt.Errorf(`"maxBytes" %d: want a number above 0`, c.MaxBytes)
	}
	return &Dataset{c}, nil
}

// StandIn is simulated-icu for the matrix that has its columns, and none for the other. It has 5,000 stays for the 88,857 that Lin, Yu and
// Lee (arXiv 2504.14657) had of the matrix: prompts take the same tokens within 3 %, and are there in a tenth of the time.
func (d *Dataset) StandIn() *plugins.StandIn {
	if d.config.Matrix != Johnson2018 {
		return nil
	}
	return &plugins.StandIn{
		Use: "simulated-icu", With: json.RawMessage(`{"rows":5000,"hospitals":186}`), Governance: plugins.Restricted, Share: 5000. / 88857,
	}
}

// Header describes the columns. It looks at the headers of the tables, so that a missing column is known before anything runs.
func (d *Dataset) Header(ctx context.Context, _ plugins.Env) (*plugins.Header, error) {
	in, err := d.open(ctx, 1)
	if err != nil {
		return nil, err
	}
	h := &plugins.Header{
		Columns:    d.columns(),
		Governance: plugins.Restricted, // the full database is credentialed; an experiment on the open demo says so
		Citation:   citation,
		Notes:      d.windowNotes(),
	}
	if in.simulated {
		h.Governance, h.Citation, h.Notes = plugins.Simulated, "", append(h.Notes, simulatedNote)
	}
	return h, nil
}

// columns lists the columns of the matrix.
func (d *Dataset) columns() []plugins.ColumnInfo {
	if d.config.Matrix == Johnson2018 {
		return johnsonColumns()
	}
	return apacheInfos()
}

func (d *Dataset) windowNotes() []string {
	if d.config.Matrix != Johnson2018 || d.config.Window != Random {
		return nil
	}
	return []string{"the window of a stay ends at a random hour before its discharge, death or first limit of care, so its place depends on " +
		`when the patient left or died: no prospective prediction (window "first24h" is one)`}
}

// Read makes the matrix. The same tables and settings give the same bytes, whatever env.Threads.
func (d *Dataset) Read(ctx context.Context, env plugins.Env) (*plugins.Data, error) {
	in, err := d.open(ctx, env.Threads)
	if err != nil {
		return nil, err
	}
	matrix := d.apache
	if d.config.Matrix == Johnson2018 {
		matrix = d.johnson
	}
	data, err := matrix(ctx, in)
	if err == nil && in.simulated {
		data.Notes = append(data.Notes, simulatedNote)
	}
	return data, err
}
