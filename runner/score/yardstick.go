package score

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/split"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// Yardstick says which real rows are rated as if they were the synthetic ones: what they score is what a generator would reach
// whose rows are as good as further real ones. No row is on two sides of a comparison.
type Yardstick struct {
	Lacks    string `json:"lacks,omitempty"`    // what it needs, where there is none
	Unit     string `json:"unit,omitempty"`     // "rows" or, of events, "patients"
	N        int    `json:"n,omitempty"`        // of the real file, in the place of the synthetic ones beside the holdout
	Of       int    `json:"of,omitempty"`       // synthetic ones; distances of fewer are greater
	Left     int    `json:"left_out,omitempty"` // of the real file, as the holdout has the same subjects
	Privacy  int    `json:"privacy,omitempty"`  // of the holdout, in the place of the synthetic ones where these are compared with what the generator has seen
	Controls int    `json:"controls,omitempty"` // of the holdout, which stand there for what it has not seen
}

// yardstick is the pairs that a Yardstick tells of.
type yardstick struct {
	Yardstick

	// fidelity has rows of the real file in the place of the synthetic ones, and the holdout in that of all parts, so that a metric
	// that would train on real rows finds that it would test on them. It is nil where there is no yardstick.
	fidelity *plugins.Pair
	// privacy has the real file in the place of what the generator has seen, some of the holdout in that of the synthetic rows, and
	// the rest in that of what it has not seen. It is nil where the holdout has too few rows for that.
	privacy *plugins.Pair
}

// fewest is the number of rows, or patients, that each side of a yardstick must have.
const fewest = 10

// yardstick sets real rows in the place of the synthetic ones. Without a holdout there is none: halves of the real rows
// would be half as many, which alone moves distances, and the generator has seen both.
func (p *Pair) yardstick(identity string, seed uint64) *yardstick {
	y := &yardstick{}
	switch {
	case !p.holdout:
		y.Lacks = "--holdout: real rows that the generator has not seen"
		return y
	case p.Files[0].SHA256 == p.Files[2].SHA256:
		y.Lacks = "a holdout that is not the real file"
		return y
	case p.seenAgain():
		y.Lacks = "a holdout whose rows are not those of the real file"
		return y
	}
	seen, unseen := p.parts[plugins.Train], p.parts[plugins.Test]
	var ofReal, ofHoldout, ofSynthetic *frame.Column
	if y.Unit = "rows"; p.Shape == plugins.Events {
		y.Unit, ofReal, ofHoldout, ofSynthetic = "patients", seen.Subject, unseen.Subject, p.synthetic.Column(events.Subject)
	}
	units := rate.Units(ofReal, every(seen.Frame))
	apart := apartFrom(units, seen.Subject, unseen.Subject)
	y.Of, y.Left = len(rate.Units(ofSynthetic, every(p.synthetic))), len(units)-len(apart)
	switch {
	case len(apart) < fewest:
		y.Lacks = fmt.Sprintf("at least %d %s of the real file whose subjects the holdout has not", fewest, y.Unit)
	case len(rate.Units(ofHoldout, every(unseen.Frame))) < fewest:
		y.Lacks = fmt.Sprintf("at least %d %s of the holdout", fewest, y.Unit)
	case y.Of < fewest:
		y.Lacks = fmt.Sprintf("at least %d synthetic %s", fewest, y.Unit)
	}
	if y.Lacks != "" {
		return y
	}
	rng := plugins.NewRand(seed, identity, plugins.ForSplit)
	shuffle(apart, rng.For(plugins.ForSplit, "yardstick", "real"))
	y.N = min(len(apart), y.Of)
	y.fidelity = p.with(unseen, unseen, seen.Frame.Take(flat(apart[:y.N])))
	p.halve(y, rng.For(plugins.ForSplit, "yardstick", "holdout"))
	return y
}

// halve makes the pair of privacy: half of the holdout, or as much as there is synthetic, takes the place of that. The rows of a
// subject stay together, and those of subjects that the real file has, too, are left out.
func (p *Pair) halve(y *yardstick, rng *rand.Rand) {
	seen, unseen := p.parts[plugins.Train], p.parts[plugins.Test]
	units := apartFrom(rate.Units(unseen.Subject, every(unseen.Frame)), unseen.Subject, seen.Subject)
	shuffle(units, rng)
	size := func(units ...[]int) int {
		if p.Shape == plugins.Events {
			return len(units)
		}
		return len(flat(units))
	}
	all, at := size(units...), 0
	for at < len(units) && y.Privacy < min(y.Of, all/2) {
		y.Privacy += size(units[at])
		at++
	}
	y.Controls = all - y.Privacy
	if min(y.Privacy, y.Controls) < fewest {
		y.Privacy, y.Controls = 0, 0
		return
	}
	y.privacy = p.with(seen, take(unseen, flat(units[at:])), unseen.Frame.Take(flat(units[:at])))
}

// with is the pair with other rows in the place of its parts and of the synthetic ones.
func (p *Pair) with(seen, unseen plugins.Sample, synthetic *frame.Frame) *plugins.Pair {
	shown := slices.DeleteFunc(synthetic.Names(), func(name string) bool { return p.synthetic.Column(name) == nil })
	synthetic, err := synthetic.Select(shown...)
	if err != nil {
		panic(err) // they are its own columns
	}
	pair := plugins.NewPair(plugins.NewParts(parts(seen, unseen)), synthetic, p.Label)
	pair.Limits = p.limits
	return pair
}

// every lists the rows of a frame.
func every(f *frame.Frame) []int {
	rows := make([]int, f.Rows())
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// apartFrom leaves out the units of subjects that others have, too.
func apartFrom(units [][]int, subject, others *frame.Column) [][]int {
	if subject == nil || others == nil {
		return units
	}
	_, theirs := split.Indexed(others)
	of, names := split.Indexed(subject)
	known := map[string]bool{}
	for _, name := range theirs {
		known[name] = true
	}
	return slices.DeleteFunc(units, func(rows []int) bool { at := of[rows[0]]; return at != frame.Missing && known[names[at]] })
}

func shuffle(units [][]int, rng *rand.Rand) {
	rng.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
}

// flat lists the rows of units, ascending.
func flat(units [][]int) []int {
	rows := slices.Concat(units...)
	slices.Sort(rows)
	return rows
}

// take returns some rows of a sample.
func take(s plugins.Sample, rows []int) plugins.Sample {
	out := plugins.Sample{Frame: s.Frame.Take(rows)}
	if s.Subject != nil {
		out.Subject = s.Subject.Take(rows)
	}
	if s.Site != nil {
		out.Site = s.Site.Take(rows)
	}
	if s.Beside != nil {
		out.Beside = s.Beside.Take(rows)
	}
	return out
}

// measure measures a metric on the yardstick. It returns nil where there is none for it, and no score that would be another if only
// because fewer rows stand in the place of the synthetic ones: where these are compared with what the generator has seen, few do; or because
// a model learns from other rows of train.
func (y *yardstick) measure(ctx context.Context, job rate.Job) (m *plugins.Measurement, err error) {
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("a bug in the plugin: %v; please report it", r)
		}
	}()
	pair, fewer := y.fidelity, false
	if job.Info.Control {
		pair, fewer = y.privacy, y.Privacy < y.Of
	}
	lacks := func(s plugins.ScoreInfo) bool { return fewer && s.Apiece == nil || s.OfTrain && !job.Info.Control }
	if pair == nil || !slices.ContainsFunc(job.Info.Scores, func(s plugins.ScoreInfo) bool { return !lacks(s) }) {
		return nil, nil
	}
	job.Subsamples = 0 // the interval of the score itself says how far such values spread
	if m, err = job.Measure(ctx, pair); err != nil {
		return nil, told(err)
	}
	m.Scores = slices.DeleteFunc(m.Scores, func(s plugins.Score) bool {
		at := slices.IndexFunc(job.Info.Scores, func(i plugins.ScoreInfo) bool { return i.Name == s.Name })
		return lacks(job.Info.Scores[at]) || fewer && !apiece(&job.Info.Scores[at], s)
	})
	return m, nil
}

// apiece reports whether a value of a score rates synthetic rows one by one.
func apiece(info *plugins.ScoreInfo, s plugins.Score) bool {
	for dim, value := range info.Apiece {
		if s.Dims[dim] != value {
			return false
		}
	}
	return info.Apiece != nil
}
