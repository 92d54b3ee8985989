// Package auditcalibration rates auditors: by how many of the errors that were planted in real records they find, by how often they
// reject real records that nothing was done to, and by records that clinicians labelled.
package auditcalibration

import (
	"context"
	"errors"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Labels    *Labels `json:"labels,omitempty"` // nil: none
	Resamples int     `json:"resamples"`        // of the bootstrap over labelled records; 0 for none
}

// Labels is a file of records that clinicians labelled.
type Labels struct {
	Path  string `json:"path"`
	Audit string `json:"audit,omitempty"` // whose scores the file has; "": the file says so, or a cell has one audit
}

const schema = `
// a sample of records with the verdicts of clinicians, drawn at known probability: docs/audits.md has the columns
labels?: {
	// .csv, .tsv, .txt, .data, each also with .gz, .parquet, .arrow, .feather: a row is one record
	path!: string & !="" @path()
	// the audit that gave the scores in the file; may be left out where the file says so, or a cell has one
	audit?: string & !=""
}
// of the bootstrap over labelled records: 1000 unless set; 0 for none
resamples?: int & >=0 & <=100000
`

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "audit-calibration",
		Version: 4,
		Summary: "what auditors find of errors that were planted in real records, and how often they reject real records as they are",
		Source: "E. B. Wilson (1927), J. Am. Stat. Assoc. 22(158), 209–212; L. Kish (1965), Survey Sampling, section 8.2; N. A. Obuchowski (1997), " +
			"Biometrics 53(2), 567–578; J. Hájek (1971), in Foundations of Statistical Inference, 236 (weighting); C. B. Begg, R. A. Greenes (1983), Biometrics 39(1), 207–215 (verification of a sample)",
		Schema:  schema,
		Family:  plugins.Audit,
		Cost:    plugins.PerColumn,
		Shapes:  []plugins.Shape{plugins.Records},
		Reads:   []plugins.Part{plugins.Test},
		Random:  []plugins.Purpose{plugins.ForResample},
		Uses:    []plugins.Use{compare.Use(), {Name: "stats", Version: stats.Version}},
		Audited: true,
		Need:    func(plugins.Size) plugins.Need { return plugins.Need{Threads: 2, Bytes: 64 << 20} },
		Scores:  scores,
		Curves:  curveInfos,
	}, Config{Resamples: 1000}, New)
}

// Names of dimensions.
const (
	kindDim   = "kind"
	columnDim = "column"
	sourceDim = "source"
)

// Of what errors and records are, besides single kinds and sources.
const every = "all"

func share(name, summary string, better plugins.Direction, dims ...string) plugins.ScoreInfo {
	return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: better, Dims: append([]string{plugins.AuditDim}, dims...)}
}

var scores = []plugins.ScoreInfo{
	share("sensitivity", "share of the records with a planted error that score below the threshold", plugins.Higher),
	share("sensitivity_detectable", "the same of errors that can be told in principle: the record has a value outside of limits, values that contradict each other, or breaks a rule of the pack icu of severity error, and did not before the error", plugins.Higher),
	share("detectable_share", "share of the planted errors that can be told in principle", plugins.Neutral),
	share("sensitivity_by_kind", "sensitivity to one kind of error, such as unit, or to one error of a kind, such as unit: °F for °C", plugins.Higher, kindDim),
	share("detectable_share_by_kind", "share of the planted errors of a kind that can be told in principle", plugins.Neutral, kindDim),
	share("sensitivity_by_column", "sensitivity to errors of one column: unit and factor-10", plugins.Higher, kindDim, columnDim),
	share("detectable_share_by_column", "share of the planted errors of a column that can be told in principle", plugins.Neutral, kindDim, columnDim),
	share("specificity", "share of the untouched real records that do not score below the threshold", plugins.Higher),
	share("false_alarm_rate", "share of the untouched real records that score below the threshold", plugins.Lower),
	share("auroc", "probability that an untouched real record scores higher than one with a planted error, ties counting half", plugins.Higher),
	share("auroc_by_kind", "the same for one kind of planted error", plugins.Higher, kindDim),
	share("auroc_shuffled", "probability that an untouched real record scores higher than a column-shuffled one, ties counting half", plugins.Higher),
	share("auroc_synthetic", "probability that an untouched real record scores higher than a synthetic one, ties counting half: 0.5 where the auditor cannot tell them apart", plugins.Neutral),
	share("kept_share", "share of the records of a source that the policy keeps, those without a score by its own rule", plugins.Neutral, sourceDim),
	share("unscored_share", "share of the records of a source without a score: unparsable and refused", plugins.Lower, sourceDim),
	{
		Name: "threshold", Summary: "least score that is kept", Min: negInf, Max: posInf, Better: plugins.Neutral,
		Dims: []string{plugins.AuditDim}, NoInterval: plugins.Description,
	},
	share("labelled_sensitivity", "share of the records that clinicians call implausible that score below the threshold, weighted back to all records", plugins.Higher, sourceDim),
	share("labelled_specificity", "share of the records that clinicians call plausible that do not, weighted back to all records", plugins.Higher, sourceDim),
	share("labelled_implausible_share", "share of the records that clinicians call implausible, weighted back to all records", plugins.Neutral, sourceDim),
}

// Suit implements plugins.Suited: a pair of files had no audit.
func (c Config) Suit(plugins.Roles) (config any, lacks string) { return nil, plugins.LacksAudit }

type metric struct{ config Config }

// New returns the metric. It opens no file. It is an error when a setting is none of those that Config names.
func New(c Config) (plugins.Metric, error) {
	switch {
	case c.Labels != nil && c.Labels.Path == "":
		return nil, errors.New(`"labels.path" is empty; want a file such as labels.csv`)
	case c.Resamples < 0:
		return nil, fmt.Errorf(`"resamples" %d: want 0 or more`, c.Resamples)
	}
	return metric{c}, nil
}

// Measure rates each auditor of a cell.
//
// A record is caught, or an alarm is raised, where it has a score below the threshold. One without a score is neither: an auditor that does
// not answer finds nothing. Where the threshold was chosen on one half of the subjects, scores at the threshold rest on
// the other half; an AUROC has no threshold, and rests on both.
//
// Scores of fewer than plugins.FewestTold subjects of untouched real records are withheld. Of data that are restricted, so is what would tell,
// by itself or by subtraction, of fewer of their rows; and where rows of the data are handed out as synthetic ones, what is of these. Errors name file, line and column of the labels,
// and never a value.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	if pair.Audit == nil {
		for _, info := range scores {
			out.Scores = append(out.Scores, undefined(info.Name, withEvery(info, plugins.NoAuditor), plugins.NoAudit))
		}
		return out, nil
	}
	people := units.New(pair.Parts.Get(plugins.Test))
	for i := range pair.Audit.Reports {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		newRating(&pair.Audit.Reports[i], people, pair, out).rate()
		env.Progress(i+1, len(pair.Audit.Reports)+1)
	}
	return out, m.labelled(ctx, env, pair.Audit, out)
}

// withEvery gives a score of an auditor all dimensions that it declares.
func withEvery(info plugins.ScoreInfo, auditor string) map[string]string {
	dims := map[string]string{plugins.AuditDim: auditor}
	for _, d := range info.Dims[1:] {
		dims[d] = every
	}
	return dims
}

func undefined(name string, dims map[string]string, reason string) plugins.Score {
	return plugins.Score{Name: name, Dims: dims, Status: plugins.Undefined, Reason: reason}
}
