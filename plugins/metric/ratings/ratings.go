// Package ratings sums up what raters say of records: clinicians in a blinded review, or language models that judge.
//
// A file has one row a rating. Two origins of records, such as synthetic and real ones, or those after and before an audit, are compared;
// the agreement of the raters says how far the comparison can be trusted. The record is the unit: ratings of one record
// hang together.
package ratings

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Path      string    `json:"path"`
	Before    string    `json:"before,omitempty"`    // ratings of an earlier round, of other records
	Delimiter string    `json:"delimiter,omitempty"` // of CSV: one ASCII character
	Missing   []string  `json:"missing,omitempty"`   // codes of "no value" in every column
	Columns   Columns   `json:"columns,omitzero"`
	Origins   [2]string `json:"origins"`           // the first is compared with the second
	Unknown   string    `json:"unknown"`           // a guess that is none
	Range     *Range    `json:"range,omitempty"`   // that ratings have to lie in
	AtMost    *float64  `json:"atMost,omitempty"`  // thresholds of shares
	AtLeast   *float64  `json:"atLeast,omitempty"` // which include them
	Level     float64   `json:"level"`             // coverage of the intervals, in (0,1)
	Resamples int       `json:"resamples"`         // of the bootstrap over records; 0 for none
}

// Columns are the names that the columns have in the file. An empty one is the column's own name, and need not be there unless it is
// that of the record, the rater or the rating.
type Columns struct {
	Record     string `json:"record,omitempty"`
	Rater      string `json:"rater,omitempty"`
	Rating     string `json:"rating,omitempty"`
	Origin     string `json:"origin,omitempty"`
	Round      string `json:"round,omitempty"`
	Guess      string `json:"guess,omitempty"`
	Confidence string `json:"confidence,omitempty"`
	Flag       string `json:"flag,omitempty"`
	Pair       string `json:"pair,omitempty"`
	Judge      string `json:"judge,omitempty"`
	Rows       string `json:"rows,omitempty"`
}

// Range is an interval of numbers, its ends included.
type Range struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

const schema = `
// .csv, .tsv, .txt, .data, each also with .gz, .parquet, .arrow, .feather: a row is one rating
path!: string & !="" @path()
// a file of the same form with the ratings of an earlier round, of other records: what has changed since is scored, too
before?: string & !="" @path()
// of CSV: one ASCII character; a comma unless set, a tab in .tsv files
delimiter?: =~"^[ -!#-~\t]$" @say("one ASCII character other than a quote")
// codes that stand for "no value" in every column, besides the empty field
missing?: [...string]
// what the columns are called in the file, where they are not called record, rater and so on
columns?: {
	// what tells records apart
	record?: string & !=""
	// what tells raters apart
	rater?:  string & !=""
	// a number; without one, the rater did not rate the record
	rating?: string & !=""
	// where the record comes from: one of origins. It, and those that follow, need not be there
	origin?: string & !=""
	// of several ratings of a record by one rater, the first counts; the second tells whether the rater agrees with himself
	round?: string & !=""
	// which of origins the rater takes the record for, or unknown
	guess?: string & !=""
	// how sure the rater is of that: a number
	confidence?: string & !=""
	// whether the rater flags the record: 1 or 0, true or false, yes or no
	flag?: string & !=""
	// what the two records have in common that belong together, one of either origin; a record may be of none
	pair?: string & !=""
	// the score that an auditor gave the record: a number, on the scale of the ratings where kappa is to mean something
	judge?: string & !=""
	// of which synthetic rows the file tells, as review import writes it, the same in every row: in cells of other rows scores are undefined
	rows?: string & !=""
}
// the first is compared with the second; "synthetic" and "real" unless set
origins?: [string & !="", string & !=""]
// a guess that is neither; "unknown" unless set
unknown?: string & !=""
// ratings outside are errors
range?: {min!: number, max!: number}
// shares of ratings up to, and from, a threshold
atMost?:  number
atLeast?: number
// coverage of the intervals: 0.95 unless set
level?: number & >0 & <1
// of the bootstrap over records: 1000 unless set; 0 for none
resamples?: int & >=0 & <=100000
`

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "ratings",
		Version: 3,
		Summary: "ratings of records by people or models, read from a file: two origins of records compared, and how far raters agree",
		Source: "J. Cohen (1960), Educ. Psychol. Meas. 20(1), 37–46; J. L. Fleiss (1971), Psychol. Bull. 76(5), 378–382; K. Krippendorff (2011), " +
			"University of Pennsylvania; P. E. Shrout, J. L. Fleiss (1979), Psychol. Bull. 86(2), 420–428; H. Bang, L. Ni, C. E. Davis (2004), Control. Clin. Trials 25(2), 143–156; " +
			"C. A. Field, A. H. Welsh (2007), J. R. Stat. Soc. B 69(3), 369–390 (bootstrap); F. Wilcoxon (1945), Biometrics Bull. 1(6), 80–83 (pairs)",
		Schema: schema,
		Family: plugins.Audit,
		Cost:   plugins.PerColumn,
		Shapes: []plugins.Shape{plugins.Records, plugins.Events},
		Random: []plugins.Purpose{plugins.ForResample},
		Uses:   []plugins.Use{{Name: "stats", Version: stats.Version}},
		Need:   func(plugins.Size) plugins.Need { return plugins.Need{Threads: 2, Bytes: 64 << 20} },
		Scores: scores,
	}, Config{Origins: [2]string{"synthetic", "real"}, Unknown: "unknown", Level: 0.95, Resamples: 1000}, New)
}

// Suit implements plugins.Suited: a pair of files has no ratings.
func (c Config) Suit(plugins.Roles) (config any, lacks string) { return nil, plugins.LacksFile }

type metric struct{ config Config }

// New returns the metric. It opens no file. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	switch {
	case c.Path == "":
		return nil, errors.New(`"path" is empty; want a file such as ratings.csv`)
	case c.Delimiter != "" && (len(c.Delimiter) != 1 || strings.ContainsAny(c.Delimiter, "\"\r\n\x00") || c.Delimiter[0] >= 0x80):
		return nil, fmt.Errorf(`"delimiter" %q: want one ASCII character`, c.Delimiter)
	case c.Origins[0] == "" || c.Origins[1] == "" || c.Origins[0] == c.Origins[1]:
		return nil, fmt.Errorf(`"origins" %q: want two different names`, c.Origins)
	case c.Unknown == "" || c.Unknown == c.Origins[0] || c.Unknown == c.Origins[1]:
		return nil, fmt.Errorf(`"unknown" %q: want a name that is neither of "origins"`, c.Unknown)
	case c.Range != nil && !(c.Range.Min < c.Range.Max && finite(c.Range.Min) && finite(c.Range.Max)):
		return nil, fmt.Errorf(`"range" from %v to %v: want numbers of which the first is the lesser`, c.Range.Min, c.Range.Max)
	case !(c.Level > 0 && c.Level < 1):
		return nil, fmt.Errorf(`"level" %v: want a number between 0 and 1`, c.Level)
	case c.Resamples < 0:
		return nil, fmt.Errorf(`"resamples" %d: want 0 or more`, c.Resamples)
	}
	for _, threshold := range []*float64{c.AtMost, c.AtLeast} {
		if threshold != nil && !finite(*threshold) {
			return nil, fmt.Errorf(`"atMost" or "atLeast" %v: want a finite number`, *threshold)
		}
	}
	return metric{c}, c.Columns.check()
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// check finds columns of the file that are to be two things.
func (c Columns) check() error {
	seen := map[string]string{}
	for _, of := range c.all() {
		if other := seen[of.name]; other != "" {
			return fmt.Errorf("column %q is to be both the %s and the %s", of.name, other, of.what)
		}
		seen[of.name] = of.what
	}
	return nil
}

// Files implements plugins.Filed.
func (m metric) Files() ([]plugins.File, error) {
	role := func(name, path string) string {
		if m.config.Delimiter == "" && filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz")) == ".tsv" {
			name += " (tab)" // the name decides what is read, so that it must show in keys
		}
		return name
	}
	files := []plugins.File{{Role: role("ratings", m.config.Path), Path: m.config.Path}}
	if m.config.Before != "" {
		files = append(files, plugins.File{Role: role("ratings before", m.config.Before), Path: m.config.Before})
	}
	return files, nil
}

// earlier is the settings by which the ratings of the earlier round are read.
func (c Config) earlier() Config {
	c.Path = c.Before
	return c
}

// Check implements plugins.Filed.
func (m metric) Check(ctx context.Context) error {
	_, err := read(ctx, m.config, 1, true)
	if err == nil && m.config.Before != "" {
		_, err = read(ctx, m.config.earlier(), 1, true)
	}
	return err
}

// Measure reads the file. Where that says of which synthetic rows it tells, and the pair has others, all scores are undefined; else who names
// the metric says which rows were rated, as a warning tells. A pair without synthetic columns is of no cell, and takes any file. Errors
// name file, line and column, and never a value.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sheet, err := read(ctx, m.config, env.Threads, false)
	if err != nil {
		return nil, err
	}
	id, config := plugins.RowsID(pair.Synthetic), m.config
	others := id != "" && sheet.of != "" && sheet.of != id
	if others {
		config.Resamples = 0 // no interval is told
	}
	r := &scorer{ctx: ctx, env: env, config: config, sheet: sheet, draws: "ratings", out: &plugins.Measurement{Counts: sheet.counts()}}
	if m.config.Before != "" {
		if r.before, err = read(ctx, m.config.earlier(), env.Threads, false); err != nil {
			return nil, err
		}
	}
	for _, step := range []func() error{r.compare, r.agree, r.agreeWithThemselves, r.blinding, r.paired, r.againstJudge, r.changes} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	switch {
	case others:
		withdraw(r.out.Scores)
	case id != "" && sheet.of == "":
		r.warn(ofAnyRows)
	}
	return r.out, nil
}

// Why a file does not tell of a cell, or may not.
const (
	ofOthers  = `the ratings are of other synthetic rows than those of this cell; those of rows before an audit are of the cell with audit "off"`
	ofAnyRows = `the file of ratings has no column "rows": whether the ratings are of the rows of this cell is not checked`
)

// withdraw leaves no score a value: the file tells of other rows.
func withdraw(scores []plugins.Score) {
	for i, s := range scores {
		scores[i] = plugins.Score{Name: s.Name, Dims: s.Dims, Status: plugins.Undefined, Reason: ofOthers}
	}
}
