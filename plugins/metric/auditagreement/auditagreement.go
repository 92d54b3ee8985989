// Package auditagreement tells how far judges agree: with each other, with themselves when they are asked again, and auditors of one cell
// with each other; and how their scores are distributed.
package auditagreement

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Config is the metric's "with" block.
type Config struct {
	Resamples int `json:"resamples"` // of the bootstrap over subjects and records; 0 for none
}

// Register adds the metric to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Metrics, plugins.Info{
		Name:    "audit-agreement",
		Version: 1,
		Summary: "how far the judges of an audit agree with each other, with themselves and with other audits, and how they score",
		Source: "J. Cohen (1960), Educ. Psychol. Meas. 20(1), 37–46; (1968), Psychol. Bull. 70(4), 213–220; P. E. Shrout, J. L. Fleiss (1979), Psychol. " +
			"Bull. 86(2), 420–428; K. Krippendorff (2011), Computing Krippendorff's alpha-reliability; C. A. Field, A. H. Welsh (2007), J. R. Stat. Soc. B 69(3), 369–390 (clusters)",
		Schema:  "// of the bootstrap over subjects and records: 1000 unless set; 0 for none\nresamples?: int & >=0 & <=100000\n",
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
	judgeDim    = "judge"
	otherDim    = "other"
	sourceDim   = "source"
	quantileDim = "quantile"
)

// every is the value of dimensions of what is of all sources, or of all judges together: the verdicts of the auditor.
const every = "all"

var (
	ofAudit    = []string{plugins.AuditDim, sourceDim}
	ofJudge    = []string{plugins.AuditDim, judgeDim, sourceDim}
	ofPair     = []string{plugins.AuditDim, judgeDim, otherDim, sourceDim}
	ofAuditors = []string{plugins.AuditDim, otherDim, sourceDim}
	ofQuantile = []string{plugins.AuditDim, judgeDim, sourceDim, quantileDim}

	free = [2]float64{math.Inf(-1), math.Inf(1)}
	unit = [2]float64{0, 1}
	none = [2]float64{math.Inf(-1), 1} // of what is 0 where agreement is that of chance
)

func info(name, summary string, ends [2]float64, better plugins.Direction, dims []string) plugins.ScoreInfo {
	return plugins.ScoreInfo{Name: name, Summary: summary, Min: ends[0], Max: ends[1], Better: better, Dims: dims}
}

func described(s plugins.ScoreInfo) plugins.ScoreInfo {
	s.NoInterval = plugins.Description
	return s
}

// count is of records.
func count(name, summary string) plugins.ScoreInfo {
	s := described(info(name, summary, [2]float64{0, math.Inf(1)}, plugins.Neutral, ofAuditors))
	s.Count = true
	return s
}

var scores = []plugins.ScoreInfo{
	info("weighted_kappa", "Cohen's kappa of the scores of two judges, with quadratic weights", [2]float64{-1, 1}, plugins.Higher, ofPair),
	info("icc", "ICC(2,1) of the scores of two judges: absolute agreement of single judgements, judges taken as drawn at random", none, plugins.Higher, ofPair),
	{Name: "mean_difference", Summary: "mean score of a judge less that of the other, on the same records", Min: free[0], Max: free[1], Better: plugins.Neutral, Ideal: new(0.0), Dims: ofPair},
	info("equal_verdict_share", "share of the judgements in which two judges are on the same side of the threshold", unit, plugins.Higher, ofPair),
	info("alpha_ordinal", "Krippendorff's alpha of the scores of all judges, as ranks", none, plugins.Higher, ofAudit),
	info("alpha_interval", "Krippendorff's alpha of the scores of all judges, as distances", none, plugins.Higher, ofAudit),
	info("disagreement_share", "share of the judgements in which not all judges are on the same side of the threshold", unit, plugins.Lower, ofAudit),
	info("repeat_icc", "ICC(2,1) of the repeats of a judge: 1 where it says the same of a record each time", none, plugins.Higher, ofJudge),
	info("repeat_sd", "standard deviation of the scores that a judge gives one record, as root mean square over records", [2]float64{0, math.Inf(1)}, plugins.Lower, ofJudge),
	info("mean_score", "mean score of the records of a source", free, plugins.Neutral, ofJudge),
	info("kept_share", "share of the judgements with a score at the threshold or above, of those with a score", unit, plugins.Neutral, ofJudge),
	info("unscored_share", "share of the judgements without a score: unparsable and refused", unit, plugins.Lower, ofJudge),
	described(info("score_quantile", "5th, 25th, 50th, 75th and 95th percentile of the scores: what a box plot needs", free, plugins.Neutral, ofQuantile)),
	info("kept_kappa", "Cohen's kappa of two audits' keeping or dropping the same records", [2]float64{-1, 1}, plugins.Neutral, ofAuditors),
	count("kept_by_both", "records that two audits keep"),
	count("kept_by_auditor_only", "records that an audit keeps and the other does not"),
	count("kept_by_other_only", "records that the other audit keeps and this one does not"),
	count("kept_by_neither", "records that neither of two audits keeps"),
}

var curveInfos = []plugins.CurveInfo{
	{
		Name: "judge_agreement", Kind: plugins.MatrixCurve, X: "judge", Y: "weighted kappa", Least: new(-1.0), Most: new(1.0),
		Dims:    []string{plugins.ColumnDim, plugins.AuditDim, sourceDim},
		Summary: "weighted kappa of each pair of judges; on the diagonal that of a judge with itself, where it is asked repeatedly",
	},
	{
		Name: "auditor_agreement", Kind: plugins.MatrixCurve, X: "audit", Y: "kappa of keeping", Least: new(-1.0), Most: new(1.0),
		Dims:    []string{plugins.ColumnDim, sourceDim},
		Summary: "Cohen's kappa of each pair of audits' keeping or dropping the same records",
	},
	{
		Name: "score_ecdf", Kind: plugins.StepCurve, X: "score", Y: "share of records up to it", Least: new(0.0), Most: new(1.0), Dims: ofJudge,
		Summary: "share of the judgements of a source with at most a score, those without one left out",
	},
}

// Suit implements plugins.Suited: a pair of files had no audit.
func (c Config) Suit(plugins.Roles) (config any, lacks string) { return nil, plugins.LacksAudit }

type metric struct{ config Config }

// New returns the metric. It is an error when Resamples is below 0.
func New(c Config) (plugins.Metric, error) {
	if c.Resamples < 0 {
		return nil, fmt.Errorf(`"resamples" is %d; want 0 or more`, c.Resamples)
	}
	return metric{c}, nil
}

// Measure sets judges against each other and themselves, and audits against each other.
//
// A judgement is what all judges say of one record in one repeat; a pair of judges is rated on those that both score. Verdicts of audits are
// compared on the synthetic records, and on the real ones that stand untouched in the lineups of both. What would stand for fewer than
// plugins.FewestTold subjects of untouched real records is withheld. Of data that are restricted, or handed out as synthetic rows, so are
// counts of verdicts that tell of fewer of their rows than may be told of.
func (m metric) Measure(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &plugins.Measurement{}
	if pair.Audit == nil {
		for _, s := range scores {
			out.Scores = append(out.Scores, nothing(s.Name, plugins.NoAuditor, plugins.NoAudit))
		}
		return out, nil
	}
	r := &rater{env: env, resamples: m.config.Resamples, people: units.New(pair.Parts.Get(plugins.Test)), out: out, fewest: pair.Fewest, handed: pair.Handed}
	if r.handed {
		r.fewest = max(r.fewest, plugins.FewestTold)
	}
	steps := len(pair.Audit.Reports) + 1
	for i := range pair.Audit.Reports {
		if err := r.judges(ctx, &pair.Audit.Reports[i]); err != nil {
			return nil, err
		}
		env.Progress(i+1, steps)
	}
	if err := r.audits(ctx, pair.Audit); err != nil {
		return nil, err
	}
	env.Progress(steps, steps)
	return out, nil
}

// nothing is a score of an auditor of which there is nothing to tell.
func nothing(name, auditor, reason string) plugins.Score {
	s := compare.Undefined(name, reason)
	s.Dims = map[string]string{plugins.AuditDim: auditor}
	for _, info := range scores {
		if info.Name == name {
			for _, d := range info.Dims[1:] {
				s.Dims[d] = every
			}
		}
	}
	return s
}
