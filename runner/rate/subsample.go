package rate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

const (
	// level is the coverage of intervals by subsampling.
	level = 0.95
	// largest is the number of units of the largest part of a subsample, unless the smallest part needs a greater share: more of
	// them would only take longer.
	largest = 2000
	// fewest is the number of units that each part of a subsample must have, and of subsamples of what takes long.
	fewest = 10
	// fewestValues is the number of subsamples that must define a score: with one or two fewer than fewest, the t interval is little wider.
	fewestValues = 8
)

// addIntervals gives each score that has a value and no interval of its own one by subsampling without replacement: the
// metric measures Subsamples times a share f ≤ ½ of the subjects of each part and of the synthetic rows. The variance of a
// smooth statistic on such a subsample is (1-f)/f times that on all rows, so its standard error is SD·√(f/(1-f)), about the
// value itself; the quantile is that of t with Subsamples-1 degrees of freedom. Unlike a bootstrap, no subsample has ties that the
// rows have not. A score without an interval says why: in its declaration, or in a warning.
// Source: D. N. Politis, J. P. Romano, M. Wolf (1999), Subsampling, sections 2.2 and 10.3.1; J. Shao, C. F. J. Wu (1989), Ann. Stat. 17(3).
func (j Job) addIntervals(ctx context.Context, pair *plugins.Pair, out *plugins.Measurement) error {
	lacking := map[string]int{} // the number of a score by its name and dimensions
	for i, s := range out.Scores {
		if j.lacksInterval(s) {
			lacking[Identity(s)] = i
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	units := j.units(pair)
	share := units.share()
	if share == 0 {
		for _, i := range lacking {
			without(&out.Scores[i], fmt.Sprintf("on one side there are fewer than %d %s", 2*fewest, units.each()))
		}
		return nil
	}
	values := make([][]float64, len(out.Scores))
	for k := range j.Subsamples {
		some, err := j.call(ctx, units.draw(j.Rand, k, share))
		if err != nil {
			return fmt.Errorf("subsample %d: %w", k+1, err)
		}
		for _, s := range some.Scores {
			if i, ok := lacking[Identity(s)]; ok && s.Status == plugins.OK {
				values[i] = append(values[i], s.Value)
			}
		}
	}
	for _, i := range lacking {
		s := &out.Scores[i]
		var why string
		if s.Interval, why = j.interval(*s, values[i], share, units.name()); why != "" {
			without(s, why)
		}
	}
	return nil
}

// lacksInterval reports whether a score has a value, no interval, and nothing that says why.
func (j Job) lacksInterval(s plugins.Score) bool {
	return s.Status == plugins.OK && s.Interval == nil && j.declared(s).NoInterval == "" &&
		!slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.HasPrefix(w, plugins.WithoutInterval) })
}

// declared is what the metric says of a score.
func (j Job) declared(s plugins.Score) *plugins.ScoreInfo {
	return &j.Info.Scores[slices.IndexFunc(j.Info.Scores, func(x plugins.ScoreInfo) bool { return x.Name == s.Name })]
}

// without says why a score has no interval. Scores may share their warnings.
func without(s *plugins.Score, why string) {
	s.Warnings = append(slices.Clip(s.Warnings), plugins.WithoutInterval+why)
}

// interval is that of a score by its values on subsamples, cut to the range of the score, or why there is none.
func (j Job) interval(s plugins.Score, values []float64, share float64, unit string) (*plugins.Interval, string) {
	if len(values) < fewestValues {
		return nil, fmt.Sprintf("it has a value on %d of %d subsamples; %d are needed", len(values), j.Subsamples, fewestValues)
	}
	_, low, high, err := stats.MeanInterval(values, level)
	if err == nil && low == high { // such as 1 of no missing value
		return nil, fmt.Sprintf("it is the same on all of %d subsamples, which tells nothing of its spread", len(values))
	}
	info := j.declared(s)
	half := (high - low) / 2 * math.Sqrt(float64(len(values))*share/(1-share))
	low, high = max(s.Value-half, info.Min), min(s.Value+half, info.Max)
	if err != nil || notFinite(low) || notFinite(high) {
		return nil, "its spread over subsamples is not finite"
	}
	return &plugins.Interval{
		Low: min(low, s.Value), High: max(high, s.Value), Level: level, Unit: unit,
		Method: fmt.Sprintf("%d subsamples without replacement", len(values)),
	}, ""
}

// Identity tells the scores of one measurement apart: it is the same text for scores with the same name and dimensions.
func Identity(s plugins.Score) string {
	var b strings.Builder
	b.WriteString(s.Name)
	for _, dim := range slices.Sorted(maps.Keys(s.Dims)) {
		fmt.Fprintf(&b, "\x00%s\x00%s", dim, s.Dims[dim])
	}
	return b.String()
}

// units are what is drawn of a pair: the subjects of its parts, or rows without a subject, and its synthetic rows.
type units struct {
	pair      *plugins.Pair
	parts     map[plugins.Part][][]int // the rows of each unit
	synthetic [][]int                  // likewise
	subjects  bool
	patients  bool // the synthetic units are patients too
}

func (j Job) units(pair *plugins.Pair) units {
	u := units{pair: pair, parts: map[plugins.Part][][]int{}, patients: ofEvents(j.Info)}
	var whose *frame.Column
	if u.patients {
		whose = pair.Synthetic.Column(events.Subject)
	}
	u.synthetic = Units(whose, all(pair.Synthetic.Rows()))
	for _, part := range j.needs() {
		sample := pair.Parts.Get(part)
		u.subjects = u.subjects || sample.Subject != nil
		u.parts[part] = Units(sample.Subject, all(sample.Frame.Rows()))
	}
	return u
}

// ofEvents reports whether a metric takes events, of which a patient has several, and nothing else.
func ofEvents(info *plugins.Info) bool {
	return slices.Contains(info.Shapes, plugins.Events) && !slices.Contains(info.Shapes, plugins.Records)
}

// all are the numbers of so many rows.
func all(rows int) []int {
	out := make([]int, rows)
	for i := range out {
		out[i] = i
	}
	return out
}

// Units lists the places, in rows, of the rows of each subject, in order of their first ones. A row without a subject
// stands for itself; so does every row where subject is nil.
func Units(subject *frame.Column, rows []int) [][]int {
	out := make([][]int, 0, len(rows))
	var of []int32
	if subject != nil {
		of, _ = split.Indexed(subject)
	}
	at := map[int32]int{}
	for place, row := range rows {
		if of == nil || of[row] == frame.Missing {
			out = append(out, []int{place})
			continue
		}
		unit, known := at[of[row]]
		if !known {
			unit = len(out)
			at[of[row]] = unit
			out = append(out, nil)
		}
		out[unit] = append(out[unit], place)
	}
	return out
}

// share is the part of all units that a subsample has; 0 where there are too few for one.
func (u units) share() float64 {
	least, most := len(u.synthetic), len(u.synthetic)
	for _, rows := range u.parts {
		least, most = min(least, len(rows)), max(most, len(rows))
	}
	if least < 2*fewest { // half of them are too few
		return 0
	}
	return min(0.5, max(largest/float64(most), fewest/float64(least)))
}

func (u units) name() string {
	if u.patients {
		return "real and synthetic patients"
	}
	if u.subjects {
		return "real subjects and synthetic rows"
	}
	return "real and synthetic rows"
}

// each is what is drawn, of one side.
func (u units) each() string {
	switch {
	case u.patients:
		return "patients"
	case u.subjects:
		return "subjects or rows"
	}
	return "rows"
}

// draw returns subsample k. Of the real parts it is the same for every metric, strategy and seed.
func (u units) draw(from plugins.Rand, k int, share float64) *plugins.Pair {
	some := func(label string, n int) []int {
		rng := from.For(plugins.ForResample, "subsample", strconv.Itoa(k), label)
		rows := rng.Perm(n)[:int(math.Round(share*float64(n)))]
		slices.Sort(rows)
		return rows
	}
	keep := map[plugins.Part][]int{}
	for part, of := range u.parts {
		for _, unit := range some(string(part), len(of)) {
			keep[part] = append(keep[part], of[unit]...)
		}
		slices.Sort(keep[part])
	}
	var synthetic []int
	for _, unit := range some("synthetic", len(u.synthetic)) {
		synthetic = append(synthetic, u.synthetic[unit]...)
	}
	slices.Sort(synthetic)
	return take(u.pair, keep, synthetic)
}

// take returns a pair of some rows of each part and some synthetic ones. What shadow models made stays whole; of their members, those
// among the rows are named.
func take(pair *plugins.Pair, keep map[plugins.Part][]int, synthetic []int) *plugins.Pair {
	samples := map[plugins.Part]plugins.Sample{}
	for part, rows := range keep {
		s := pair.Parts.Get(part)
		some := plugins.Sample{Frame: s.Frame.Take(rows)}
		if s.Subject != nil {
			some.Subject = s.Subject.Take(rows)
		}
		if s.Site != nil {
			some.Site = s.Site.Take(rows)
		}
		if s.Beside != nil {
			some.Beside = s.Beside.Take(rows)
		}
		samples[part] = some
	}
	out := plugins.NewPair(plugins.NewParts(samples), pair.Synthetic.Take(synthetic), pair.Target)
	out.Limits, out.Handed = pair.Limits, pair.Handed
	if pair.Exposed != nil {
		out.Exposed = places(keep[plugins.Train], pair.Exposed)
	}
	for _, s := range pair.Shadows {
		out.Shadows = append(out.Shadows, plugins.Shadow{Members: places(keep[plugins.Train], s.Members), Synthetic: s.Synthetic})
	}
	return out
}

// places returns the places in rows of those that are wanted; both ascend.
func places(rows, wanted []int) []int {
	out := []int{}
	for i, row := range rows {
		if _, found := slices.BinarySearch(wanted, row); found {
			out = append(out, i)
		}
	}
	return out
}
