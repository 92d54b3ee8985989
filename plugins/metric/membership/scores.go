package membership

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

var dims = []string{"attack", "members", "control"}

// scores lists what Measure returns for each attack, in order. The controls have the first alone.
var scores = []plugins.ScoreInfo{
	{Name: "attack_auroc", Summary: "area under the ROC curve of the attack, ties counting half; 0.5 is chance", Min: 0, Max: 1, Better: plugins.Lower, Ideal: new(0.5), Dims: dims},
	{Name: "advantage_max", Summary: "membership advantage after Yeom: greatest TPR - FPR over all thresholds; above 0 by chance too, the interval allows for it", Min: 0, Max: 1, Better: plugins.Lower, Dims: dims},
	{Name: "advantage_median", Summary: "TPR - FPR when the rows above the median score are taken for members; 0 is chance", Min: -1, Max: 1, Better: plugins.Lower, Ideal: new(0.0), Dims: dims},
	{Name: "advantage_lin2025", Summary: "|attack_auroc - 0.5|, what Lin 2025 plots as membership advantage (corrected); another quantity than advantage_max", Min: 0, Max: 0.5, Better: plugins.Lower, Dims: dims},
	{Name: "tpr_at_fpr_0.1", Summary: "greatest TPR of a threshold with FPR of at most 0.1; 0.1 is chance", Min: 0, Max: 1, Better: plugins.Lower, Ideal: new(0.1), Dims: dims},
	{Name: "tpr_at_fpr_0.01", Summary: "greatest TPR of a threshold with FPR of at most 0.01; 0.01 is chance", Min: 0, Max: 1, Better: plugins.Lower, Ideal: new(0.01), Dims: dims},
	{Name: "attack_accuracy", Summary: "share of rows rightly called member or not, at the median score; 0.5 is chance", Min: 0, Max: 1, Better: plugins.Lower, Ideal: new(0.5), Dims: dims},
	{Name: "attack_precision", Summary: "share of members in the rows above the median score; member_share is chance", Min: 0, Max: 1, Better: plugins.Lower, Best: attack.ChancePrecision, Dims: dims},
	{Name: "attack_recall", Summary: "share of the members that are above the median score; 0.5 is chance", Min: 0, Max: 1, Better: plugins.Lower, Ideal: new(0.5), Dims: dims},
	{Name: "attack_f1", Summary: "F1 of members at the median score; it hangs on member_share, and naive_f1 is what calling every row a member gives", Min: 0, Max: 1, Better: plugins.Lower, Best: attack.ChanceF1, Dims: dims},
	{Name: "empirical_risk", Summary: "empirical risk R(h) = 1/n Σ loss of the attack h that calls the rows above the median score members, with loss 1 for a wrong call: 1 - attack_accuracy; Lin 2025 (arXiv 2504.14657, appendix E) leaves the loss open", Min: 0, Max: 1, Better: plugins.Higher, Ideal: new(0.5), Dims: dims},
	{Name: "naive_f1", Summary: "F1 of calling every attacked row a member, 2t/(1+t) with t = member_share", Min: 0, Max: 1, Better: plugins.Neutral, Dims: dims, NoInterval: plugins.Description},
	{Name: "member_share", Summary: "share of members in the attacked rows", Min: 0, Max: 1, Better: plugins.Neutral, Dims: dims, NoInterval: plugins.Description},
}

// fewestBelow is the effective number of non-members below a false-positive rate that a TPR at that rate needs: with fewer, the
// threshold is one or two rows.
const fewestBelow = 10

// strong is the AUROC that an attack by distances has to pass on copies of the members: these are at no distance.
const strong = 0.9

// all mounts the named attacks on one roster.
func (s *scene) all(ctx context.Context, names []string) ([]plugins.Score, error) {
	var out []plugins.Score
	dims := func(name, control string) map[string]string {
		return map[string]string{"attack": name, "members": s.roster.Group, "control": control}
	}
	if reason := s.lacks(); reason != "" {
		for _, name := range names {
			out = append(out, attack.AllUndefined(scores, dims(name, None), reason)...)
		}
		return out, nil
	}
	blind, err := s.control(ctx, dims(s.config.Blind, Blind), s.blind)
	if err != nil {
		return nil, err
	}
	out = append(out, blind)
	for _, name := range names {
		copies, err := s.control(ctx, dims(name, Resample), func(ctx context.Context) (*scored, error) {
			return s.mount(ctx, name, Resample)
		})
		if err != nil {
			return nil, err
		}
		found, err := s.attack(ctx, name, dims(name, None), slices.Concat(s.roster.Warnings, differ(blind), weak(name, copies)))
		if err != nil {
			return nil, err
		}
		out = append(append(out, found...), copies)
	}
	return out, nil
}

// differ says what the blind attack has to say against the others.
func differ(blind plugins.Score) []string {
	if blind.Status != plugins.OK {
		return []string{"it is unknown whether members and non-members differ by themselves: " + blind.Reason}
	}
	found := fmt.Sprintf("without the synthetic rows the AUROC is %.3f (%.3f to %.3f)", blind.Value, blind.Interval.Low, blind.Interval.High)
	switch {
	case blind.Interval.Low > 0.5:
		return []string{"members and non-members differ by themselves: " + found}
	case blind.Interval.High < 0.5:
		return []string{"members and non-members are not independent: " + found + ", as when rows recur on both sides"}
	}
	return nil
}

// weak says what an attack on copies of the members has to say against an attack.
func weak(name string, copies plugins.Score) []string {
	switch i := copies.Interval; {
	case copies.Status != plugins.OK:
		return []string{"it is unknown whether the attack finds copies of members: " + copies.Reason}
	case i.Low <= 0.5:
		return []string{fmt.Sprintf("the attack could not have found a leak here: where the synthetic rows are copies of the members its AUROC is %.3f (%.3f to %.3f)", copies.Value, i.Low, i.High)}
	case (name == Distance || name == Shadow) && copies.Value < strong:
		return []string{fmt.Sprintf("the attack is weak here: where the synthetic rows are copies of the members, at no distance, its AUROC is %.3f", copies.Value)}
	}
	return nil
}

// control returns the AUROC of a control.
func (s *scene) control(ctx context.Context, dims map[string]string, mount func(context.Context) (*scored, error)) (plugins.Score, error) {
	out := plugins.Score{Name: "attack_auroc", Dims: dims}
	found, err := mount(ctx)
	var area *stats.ClusteredAUROC
	if err == nil {
		area, err = found.area()
	}
	var reason attack.Undefined
	if errors.As(err, &reason) {
		out.Status, out.Reason = plugins.Undefined, string(reason)
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Status, out.Value, out.N = plugins.OK, area.AUROC, len(found.member)
	out.Interval, err = s.around(area)
	return out, err
}

// area returns the AUROC of an attack with its variance. The error is an attack.Undefined where there is none.
func (f *scored) area() (*stats.ClusteredAUROC, error) {
	area, err := stats.NewClusteredAUROC(f.member, f.score, f.unit)
	switch {
	case errors.Is(err, stats.ErrOneClass):
		return nil, attack.Undefined("no member can be set against a non-member")
	case errors.Is(err, stats.ErrFewPerClass):
		return nil, attack.Undefined("the rows of a side are of one subject, which leaves the precision open")
	}
	return area, err
}

// around returns the interval of an AUROC.
func (s *scene) around(area *stats.ClusteredAUROC) (*plugins.Interval, error) {
	low, high, err := area.Interval(s.config.Level)
	method := "DeLong, logit"
	if s.roster.Repeated() {
		method = "DeLong by subjects (Obuchowski), logit"
	}
	return &plugins.Interval{Low: low, High: high, Level: s.config.Level, Unit: s.roster.Of, Method: method}, err
}

// attack returns the scores of an attack, in the order of their declarations.
func (s *scene) attack(ctx context.Context, name string, dims map[string]string, warnings []string) ([]plugins.Score, error) {
	found, err := s.mount(ctx, name, None)
	var reason attack.Undefined
	if errors.As(err, &reason) {
		return attack.AllUndefined(scores, dims, string(reason)), nil
	}
	if err != nil {
		return nil, err
	}
	r := found.ranking()
	read, ok := r.Read(found.unit, nil)
	if !ok {
		return attack.AllUndefined(scores, dims, "no member can be set against a non-member"), nil
	}
	draws, err := s.resample(ctx, found, r)
	if err != nil {
		return nil, err
	}
	out := make([]plugins.Score, len(scores))
	for i, v := range values(read) {
		out[i] = plugins.Score{Name: scores[i].Name, Dims: dims, Value: v, N: len(found.member), Status: plugins.OK, Warnings: warnings}
		if draws != nil && i < drawn {
			if out[i].Interval, err = s.interval(draws, i); err != nil {
				return nil, err
			}
		}
	}
	return out, s.special(out, read, found)
}

// values lists a reading in the order of scores.
func values(r attack.Reading) []float64 {
	t := float64(r.Members) / float64(r.Members+r.Others)
	return []float64{
		r.AUROC, r.AdvantageMax, r.AdvantageMedian, math.Abs(r.AUROC - 0.5), r.TPR10, r.TPR1,
		r.Accuracy, r.Precision, r.Recall, r.F1, 1 - r.Accuracy, 2 * t / (1 + t), t,
	}
}

// drawn is the number of scores that have an interval: the first ones. The last two are given by the numbers of rows.
const drawn = 11

// special replaces the intervals that a bootstrap gets wrong, and takes back what the rows do not bear.
func (s *scene) special(out []plugins.Score, r attack.Reading, found *scored) error {
	undefined := func(i int, reason string) {
		out[i] = plugins.Score{Name: out[i].Name, Dims: out[i].Dims, Status: plugins.Undefined, Reason: reason}
	}
	_, others := found.effective()
	for i, per := range []int{10, 100} { // a false-positive rate of one in so many
		below := int(others*(1+1e-9)) / per // sums of whole numbers, but for rounding
		switch {
		case below >= fewestBelow:
		case s.roster.Repeated():
			undefined(4+i, fmt.Sprintf("%d of %d non-members lie below this false-positive rate, rows of one subject counting by Kish's effective number; %d are needed", below, r.Others, fewestBelow))
		default:
			undefined(4+i, fmt.Sprintf("%d of %d non-members lie below this false-positive rate; %d are needed", below, r.Others, fewestBelow))
		}
	}
	if r.Called == 0 {
		undefined(7, "no row is above the median score")
	}
	out[1].Interval = found.band(r.AdvantageMax, s.config.Level)
	out[0].Interval, out[3].Interval = nil, nil
	area, err := found.area()
	var few attack.Undefined
	if errors.As(err, &few) {
		return nil
	}
	if err != nil {
		return err
	}
	auroc, err := s.around(area)
	if err != nil {
		return err
	}
	low, high := math.Abs(auroc.Low-0.5), math.Abs(auroc.High-0.5)
	folded := *auroc
	folded.Low, folded.High = min(low, high), max(low, high)
	if auroc.Low <= 0.5 && auroc.High >= 0.5 {
		folded.Low = 0
	}
	out[0].Interval, out[3].Interval = auroc, &folded
	return nil
}

// band returns the interval of the greatest TPR - FPR. Rows of one subject count by Kish's effective number, so that a side of m rows
// in subjects of sizes mᵢ counts as m²/Σmᵢ².
//
// Source: L. Kish (1965), Survey Sampling, section 8.2.
func (f *scored) band(value, level float64) *plugins.Interval {
	m, n := f.effective()
	low, high := attack.AdvantageBand(value, m, n, level)
	return &plugins.Interval{Low: low, High: high, Level: level, Unit: f.of, Method: "Kolmogorov–Smirnov band"}
}

// resample measures the drawn scores on resamples of the subjects; nil when no intervals are wanted.
func (s *scene) resample(ctx context.Context, found *scored, r *attack.Ranking) (*stats.Draws, error) {
	if s.config.Resamples == 0 {
		return nil, nil
	}
	b := stats.Bootstrap{
		Units: found.units, Resamples: s.config.Resamples, Threads: s.env.Threads,
		Source: func(i int) *rand.Rand {
			return s.env.Rand.For(plugins.ForResample, "members and non-members", strconv.Itoa(i))
		},
	}
	return b.Run(ctx, drawn, func(counts []int32, out []float64) bool {
		read, ok := r.Read(found.unit, counts)
		if ok {
			copy(out, values(read))
		}
		return ok
	})
}

func (s *scene) interval(draws *stats.Draws, k int) (*plugins.Interval, error) {
	low, high, err := draws.Interval(k, s.config.Level)
	return &plugins.Interval{
		Low: low, High: high, Level: s.config.Level, Unit: s.roster.Of,
		Method: fmt.Sprintf("percentile bootstrap, %d resamples", s.config.Resamples),
	}, err
}
