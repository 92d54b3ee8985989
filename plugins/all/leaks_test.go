package all

import (
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// attacked are settings of attacks on the worlds of this file.
var attacked = map[string]string{
	"attribution":        `{"key": ["age", "race", "unit"], "resamples": 100}`,
	"inference":          `{"secret": "lactate", "known": ["age", "bun", "unit"]}`,
	"membership":         `{"gbdt": {"rounds": 5}, "resamples": 100}`,
	"trajectory-privacy": `{"resamples": 100}`,
}

// Copies of the members score worse, by the direction of a score, than other rows of the same population.
var copyIsWorst = []exception{
	{"anonymity", `^(k_anonymity|l_diversity|unique_share|below5_share|mean_class_size)map`, "of the real, or of the synthetic rows alone: copies are no less alike than their originals"},
	{"anonymity", `rows:test`, "the control"},
	{"anonymity", `k_map_matched`, "the smallest class is one row, which other rows of the population match, too"},
	{"attribution", `rows:test`, "the control"},
	{"copies", `duplicates_within_synthetic`, "of the synthetic rows alone"},
	{"memorisation", `rows:never shown`, "the control"},
	{"membership", `control:(blind|resample)`, "these attacks do not look at the synthetic rows"},
	{"trajectory-privacy", `control:(blind|resample)`, "these attacks do not look at the synthetic patients"},
	{"trajectory-privacy", `^\w*(f1|recall)map`, "by the catalogue members are called whose score is above the median: where most are at distance 0, nobody's is"},
}

func TestCopiesOfMembersHaveTheWorstPrivacy(t *testing.T) {
	eachMetric(t, attacked, func(t *testing.T, m rated) {
		if m.info.Family != plugins.Privacy {
			t.Skip("says nothing of privacy")
		}
		excepted, sums, tried := allow(m, copyIsWorst), map[string]float64{}, map[string]int{}
		for seed := range uint64(3) { // one alone may hide it by chance
			w := m.draw(rand.New(rand.NewPCG(seed, 18)), sizes{120, 40, 120, 120})
			fresh := m.scores(t, w)
			w.synthetic = w.parts[plugins.Train].Frame
			for key, s := range m.scores(t, w) {
				d := m.declared(s.Name)
				if d.Ideal = nil; d.Better == plugins.Neutral || !isOK(s) || !isOK(fresh[key]) { // direction alone: chance misses ideals on either side
					continue
				}
				sums[key] += gain(d, fresh[key].Value, s.Value)
				tried[key]++
			}
		}
		if len(sums) == 0 {
			t.Error(nothing)
		}
		for key, sum := range sums {
			if sum >= 0 && !excepted.covers(key) {
				t.Errorf("%s is better by %v for copies of the members than for other rows", key, sum/float64(tried[key]))
			}
		}
		excepted.finish(t)
	})
}

// alarm is the score by which a metric says that rows of the generator's training came out.
type alarm struct {
	scores string // a regular expression, as of exception
	chance float64
	p      bool // it is a p-value, and low ones are alarms; else an interval above chance is one
}

var alarms = map[string]alarm{
	"attribution":        {scores: `^excess_zero_cap`},
	"inference":          {scores: `^risk\w*map`},
	"linkability":        {scores: `^risk\w*map`},
	"membership":         {scores: `auroc.*attack:distance control:none members:exposed`, chance: 0.5},
	"memorisation":       {scores: `_p.*how:exactly`, p: true},
	"singling-out":       {scores: `^risk\w*map`},
	"trajectory-privacy": {scores: `auroc.*control:none members:exposed`, chance: 0.5},
}

// weak are the alarms that a leak of half of the rows need not raise in so few rows.
var weak = regexp.MustCompile(`^risk\w*map\[mode:multivariate\]`)

// A leak that was planted raises the alarm of every metric that has one, and its absence does not but at the rate that the level of the
// intervals allows; those of an AUROC hold that of chance as often as they say.
func TestPlantedLeaksAreFoundAndTheirAbsenceIsNot(t *testing.T) {
	eachMetric(t, attacked, func(t *testing.T, m rated) {
		a, ok := alarms[m.name]
		if !ok {
			t.Skip("says by no interval or test what chance would do")
		}
		n := sizes{150, 40, 150, 150}
		if m.onEvents() {
			n = sizes{250, 40, 250, 250} // many are alike
		}
		found, falsely, held := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
		leaks, absences := trials(5), trials(60)
		for seed := range absences {
			w := m.draw(rand.New(rand.NewPCG(seed, 19)), n)
			a.count(m.scores(t, w), falsely, held)
			if seed < leaks {
				w.synthetic = leaking(w)
				a.count(m.scores(t, w), found, nil)
			}
		}
		if len(falsely) == 0 {
			t.Error(nothing)
		}
		for key := range falsely {
			if found[key] < leaks && !weak.MatchString(key) {
				t.Errorf("%s finds %d of %d leaks", key, found[key], leaks)
			}
			// one in forty is due; more than the bound come once in a thousand times
			if falsely[key] > 1+absences/12 {
				t.Errorf("%s finds a leak in %d of %d trials without any", key, falsely[key], absences)
			}
			// 57 of 60 are due; fewer than 52 come up once in 200 times
			if a.chance > 0 && held[key]*60 < absences*52 {
				t.Errorf("%s: %d of %d intervals hold %v", key, held[key], absences, a.chance)
			}
		}
	})
}

// count adds 1 to each score that raises the alarm, and to each whose interval holds chance.
func (a alarm) count(scores map[string]plugins.Score, raised, held map[string]uint64) {
	for key, s := range scores {
		if !regexp.MustCompile(a.scores).MatchString(key) || !isOK(s) {
			continue
		}
		if raised[key] += 0; a.p && s.Value < 0.05 || !a.p && s.Interval.Low > a.chance {
			raised[key]++
		}
		if held != nil && !a.p && s.Interval.Low <= a.chance && a.chance <= s.Interval.High {
			held[key]++
		}
	}
}

// leaking replaces the first half of the synthetic rows, or patients, by members.
func leaking(w world) *frame.Frame {
	train := w.parts[plugins.Train].Frame
	if subject := w.synthetic.Column(events.Subject); subject != nil {
		members, others := events.Patients(train.Column(events.Subject)), events.Patients(subject)
		return must(frame.Concat(events.Copy(train, members[:len(members)/2]), events.Copy(w.synthetic, others[len(others)/2:])))
	}
	half := w.synthetic.Rows() / 2
	return must(frame.Concat(train.Take(upTo(half)), w.synthetic.Take(upTo(half))))
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
