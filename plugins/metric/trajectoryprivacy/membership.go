package trajectoryprivacy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// The values of the dimension "control".
const (
	none     = "none"     // the attack itself
	blind    = "blind"    // records with few events are taken for members: it never sees a synthetic patient
	resample = "resample" // copies of the members in the place of the synthetic patients
)

var membershipDims = []string{"attack", "members", "control"}

// membershipScores lists what is returned of the attack, in order; the controls have the first alone.
var membershipScores = func() []plugins.ScoreInfo {
	lower := func(name, summary string, ideal *float64) plugins.ScoreInfo {
		return plugins.ScoreInfo{Name: name, Summary: summary, Min: 0, Max: 1, Better: plugins.Lower, Ideal: ideal, Dims: membershipDims}
	}
	out := []plugins.ScoreInfo{
		lower("attack_auroc", "area under the ROC curve of the attack by the distance to the closest synthetic record, ties counting half; 0.5 is chance", new(0.5)),
		lower("advantage_median", "TPR - FPR when records closer than the median are taken for members; 0 is chance", new(0.0)),
		lower("tpr_at_fpr_0.1", "greatest TPR of a threshold with FPR of at most 0.1; 0.1 is chance", new(0.1)),
		lower("tpr_at_fpr_0.01", "greatest TPR of a threshold with FPR of at most 0.01; 0.01 is chance", new(0.01)),
		lower("attack_accuracy", "share of records rightly called member or not, at the median distance; 0.5 is chance", new(0.5)),
		lower("attack_precision", "share of members in the records closer than the median; the share of members among all is chance", nil),
		lower("attack_recall", "share of the members that are closer than the median; 0.5 is chance", new(0.5)),
		lower("attack_f1", "F1 of members at the median distance; with a share t of members chance gives t/(t + 0.5)", nil),
		lower("advantage_max", "membership advantage after Yeom: greatest TPR - FPR over all thresholds; above 0 by chance too", nil),
		{Name: "mean_distance", Summary: "mean distance of members, or of non-members, to the closest synthetic record", Min: 0, Max: math.Inf(1), Better: plugins.Neutral, Dims: append([]string{"side"}, membershipDims...)},
	}
	out[1].Min = -1
	out[5].Best, out[7].Best = attack.ChancePrecision, attack.ChanceF1
	return out
}()

// drawn is the number of scores that are measured on each resample: the first ones. A bootstrap of a maximum, such as
// advantage_max, is biased.
const drawn = 8

// fewestBelow is the number of non-members below a false-positive rate that a TPR at that rate needs.
const fewestBelow = 10

func values(r attack.Reading) []float64 {
	return []float64{r.AUROC, r.AdvantageMedian, r.TPR10, r.TPR1, r.Accuracy, r.Precision, r.Recall, r.F1, r.AdvantageMax}
}

// membership mounts the attack on each group of members, with its controls.
func (s *scene) membership(ctx context.Context) (*plugins.Measurement, error) {
	out := &plugins.Measurement{}
	var toSynthetic [2][]int // distances of the patients of train and of test
	if s.synthetic.Patients() > 0 {
		for i, t := range []*events.Trajectories{s.train, s.test} {
			var err error
			if toSynthetic[i], err = Hamming(ctx, s.env.Threads, t, s.synthetic); err != nil {
				return nil, err
			}
		}
	}
	for _, group := range s.config.Members {
		roster := attack.Named(s.people, group, attack.Source(s.env))
		for i := range roster.Counts {
			roster.Counts[i].Name += " (patients)"
		}
		out.Counts = append(out.Counts, roster.Counts...)
		scores, err := s.attack(ctx, roster, toSynthetic)
		if err != nil {
			return nil, err
		}
		out.Scores = append(out.Scores, scores...)
	}
	return out, nil
}

// attack sets the members of a roster against its others.
func (s *scene) attack(ctx context.Context, roster *attack.Roster, toSynthetic [2][]int) ([]plugins.Score, error) {
	name := "hamming"
	if s.config.Repeats {
		name = "hamming-repeats"
	}
	dims := func(control string) map[string]string {
		return map[string]string{"attack": name, "members": roster.Group, "control": control}
	}
	reason := roster.Lacks()
	if reason == "" && s.synthetic.Patients() == 0 {
		reason = "there is no synthetic patient"
	}
	if reason != "" {
		return attack.AllUndefined(membershipScores[:drawn+1], dims(none), reason), nil
	}
	members, others := s.train.Take(roster.Members), s.test.Take(roster.Others)
	blinded, err := s.control(roster, dims(blind), lengths(members), lengths(others))
	if err != nil {
		return nil, err
	}
	toCopies, err := s.toCopies(ctx, roster, members, others)
	if err != nil {
		return nil, err
	}
	copies, err := s.control(roster, dims(resample), toCopies[0], toCopies[1])
	if err != nil {
		return nil, err
	}
	near, far := chosen(toSynthetic[0], roster.Members), chosen(toSynthetic[1], roster.Others)
	warnings := slices.Concat(s.warnings, roster.Warnings, doubts(blinded, copies, len(near), len(far)))
	found, err := s.scores(ctx, roster, dims(none), near, far, warnings)
	return append(append([]plugins.Score{blinded}, found...), copies), err
}

// toCopies returns the distances of members and others to copies of the members. Groups of the same patients share them.
func (s *scene) toCopies(ctx context.Context, roster *attack.Roster, members, others *events.Trajectories) ([2][]int, error) {
	if last := s.copied; last != nil && slices.Equal(last.Members, roster.Members) && slices.Equal(last.Others, roster.Others) {
		return s.distances, nil
	}
	for i, t := range []*events.Trajectories{members, others} {
		var err error
		if s.distances[i], err = Hamming(ctx, s.env.Threads, t, members); err != nil {
			return s.distances, err
		}
	}
	s.copied = roster
	return s.distances, nil
}

// lengths returns the number of events of each patient.
func lengths(t *events.Trajectories) []int {
	out := make([]int, t.Patients())
	for p := range out {
		out[p] = t.EventsOf(p)
	}
	return out
}

func chosen(values, places []int) []int {
	out := make([]int, len(places))
	for i, at := range places {
		out[i] = values[at]
	}
	return out
}

// scored are members and others with the scores by their distances, higher for the closest.
func scored(members, others []int) (member []bool, score []float64) {
	for i, distances := range [][]int{members, others} {
		for _, d := range distances {
			member, score = append(member, i == 0), append(score, -float64(d))
		}
	}
	return member, score
}

// control returns the AUROC of a control.
func (s *scene) control(roster *attack.Roster, dims map[string]string, members, others []int) (plugins.Score, error) {
	out := plugins.Score{Name: "attack_auroc", Dims: dims, N: len(members) + len(others), Status: plugins.OK, Warnings: s.warnings}
	member, score := scored(members, others)
	area, err := stats.NewClusteredAUROC(member, score, roster.Unit)
	if err != nil && !errors.Is(err, stats.ErrFewPerClass) {
		return out, err
	}
	out.Value = area.AUROC
	if err != nil { // one patient on a side
		out.Warnings = append(slices.Clip(out.Warnings), plugins.WithoutInterval+err.Error())
		return out, nil
	}
	low, high, err := area.Interval(s.config.Level)
	out.Interval = s.of(low, high, "DeLong, logit")
	return out, err
}

// strong is the AUROC that an attack on copies of the members has to pass.
const strong = 0.9

// doubts says what the controls have to say against an attack on m members and n others.
//
// Without a difference between members and others the standard error of an AUROC is √((m+n+1)/(12mn)), or less where scores are
// tied: E. L. Lehmann (1975), Nonparametrics, section 1.3.
func doubts(blinded, copies plugins.Score, m, n int) []string {
	var out []string
	if chance := 1.96 * math.Sqrt(float64(m+n+1)/(12*float64(m)*float64(n))); math.Abs(blinded.Value-0.5) > chance {
		out = append(out, fmt.Sprintf("members and non-members differ by themselves: by the length of their records alone the AUROC is %.3f, and chance leaves it within 0.5 ± %.3f", blinded.Value, chance))
	}
	if copies.Value <= strong {
		out = append(out, fmt.Sprintf("a weak attack, which clears no generator: where the synthetic patients are copies of the members its AUROC is %.3f", copies.Value))
	}
	return out
}

// scores returns the scores of the attack.
func (s *scene) scores(ctx context.Context, roster *attack.Roster, dims map[string]string, members, others []int, warnings []string) ([]plugins.Score, error) {
	r := attack.NewRanking(scored(members, others))
	read, _ := r.Read(roster.Unit, nil)
	draws, err := s.resamples(ctx, roster, r)
	if err != nil {
		return nil, err
	}
	var out []plugins.Score
	for i, v := range values(read) {
		score := plugins.Score{Name: membershipScores[i].Name, Dims: dims, Value: v, N: len(members) + len(others), Status: plugins.OK, Warnings: warnings}
		if i < drawn {
			if score.Interval, err = s.interval(draws, i); err != nil {
				return nil, err
			}
		}
		out = append(out, score)
	}
	undefined := func(i int, reason string) {
		out[i] = plugins.Score{Name: out[i].Name, Dims: dims, Status: plugins.Undefined, Reason: reason}
	}
	for i, per := range []int{10, 100} { // a false-positive rate of one in so many
		if below := len(others) / per; below < fewestBelow {
			undefined(2+i, fmt.Sprintf("%d of %d non-members lie below this false-positive rate; %d are needed", below, len(others), fewestBelow))
		}
	}
	if read.Called == 0 {
		undefined(5, "no record is closer than the median")
	}
	low, high := attack.AdvantageBand(read.AdvantageMax, float64(len(members)), float64(len(others)), s.config.Level)
	out[drawn].Interval = s.of(low, high, "Kolmogorov–Smirnov band")
	return append(out, s.meanDistance(dims, "members", members), s.meanDistance(dims, "non-members", others)), nil
}

// meanDistance is the mean of the distances of a side, of which there is one at least.
func (s *scene) meanDistance(dims map[string]string, side string, distances []int) plugins.Score {
	sum, values := 0, make([]float64, len(distances))
	for i, d := range distances {
		sum += d
		values[i] = float64(d)
	}
	of := maps.Clone(dims)
	of["side"] = side
	out := plugins.Score{Name: "mean_distance", Dims: of, Value: float64(sum) / float64(len(distances)), N: len(distances), Status: plugins.OK}
	_, low, high, err := stats.MeanInterval(values, s.config.Level)
	if err != nil {
		out.Warnings = []string{plugins.WithoutInterval + "there is one patient only"}
		return out
	}
	out.Interval = s.of(max(0, low), high, "Student's t")
	return out
}

// of is an interval over patients.
func (s *scene) of(low, high float64, method string) *plugins.Interval {
	return &plugins.Interval{Low: low, High: high, Level: s.config.Level, Unit: "patients", Method: method}
}

func (s *scene) interval(draws *stats.Draws, k int) (*plugins.Interval, error) {
	if draws == nil {
		return nil, nil
	}
	low, high, err := draws.Interval(k, s.config.Level)
	return s.of(low, high, fmt.Sprintf("percentile bootstrap, %d resamples", s.config.Resamples)), err
}

// resamples measures the drawn scores on resamples of the patients; nil when no intervals are wanted, or there are too few.
func (s *scene) resamples(ctx context.Context, roster *attack.Roster, r *attack.Ranking) (*stats.Draws, error) {
	if s.config.Resamples == 0 {
		return nil, nil
	}
	b := stats.Bootstrap{
		Units: roster.Units, Resamples: s.config.Resamples, Threads: s.env.Threads,
		Source: func(i int) *rand.Rand { return s.source("members and non-members\x00" + strconv.Itoa(i)) },
	}
	draws, err := b.Run(ctx, drawn, func(counts []int32, out []float64) bool {
		read, ok := r.Read(roster.Unit, counts)
		if ok {
			copy(out, values(read))
		}
		return ok
	})
	if errors.Is(err, stats.ErrRedraws) { // too few to draw both sides
		return nil, nil
	}
	return draws, err
}
