package downstream

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

// rows are labelled rows to train or test on.
type rows struct {
	classifier.Rows
	name  string  // in reasons: "training rows", "test rows"
	unit  []int32 // what is resampled, for each row: from 0 to units-1
	units int
	of    string // what a unit is, e.g. "test subjects"
}

// lacks says why a classifier cannot be trained on the rows, or its ranking be rated; empty when it can.
func (r *rows) lacks() string {
	switch events := r.Events(); {
	case len(r.Y) == 0:
		return "there are no " + r.name
	case events == 0, events == len(r.Y):
		return "the " + r.name + " have one label class"
	}
	return ""
}

// resampledBy makes the subjects the units of the rows; without subjects each row is one.
func (r *rows) resampledBy(subject *frame.Column, of string) {
	groups := classifier.BySubject(subject, len(r.Y))
	r.unit, r.units, r.of = groups.Of(len(r.Y)), len(groups), of+" rows"
	if subject != nil {
		r.of = of + " subjects"
	}
}

// task is what the settings make of a pair.
type task struct {
	train, test *rows
	validation  classifier.Rows
	groups      func() (classifier.Groups, error) // of training rows that a fold must not divide
	of          string                            // identifies the test rows where other cells have them too; empty otherwise
	atMost      int                               // training rows of a fold
	counts      []plugins.Count
	warnings    []string
}

// untrainable says why there are no predictions to rate, or nothing.
func (t *task) untrainable() string {
	if reason := t.train.lacks(); reason != "" {
		return reason
	}
	if len(t.test.Y) == 0 {
		return t.test.lacks()
	}
	return ""
}

// source is what tasks are made of.
type source struct {
	config    Config
	env       plugins.Env
	pair      *plugins.Pair
	real      plugins.Sample // of the train part
	trainable classifier.Rows
	synthetic classifier.Rows // with a label
}

// task picks the rows to train and test on.
func (c Config) task(ctx context.Context, env plugins.Env, pair *plugins.Pair) (*task, error) {
	parts := []plugins.Part{plugins.Train}
	if c.Test == realRows {
		parts = append(parts, plugins.Test)
	}
	if c.On == classifier.OnValidation {
		parts = append(parts, plugins.Validation)
	}
	labels, err := classifier.NewLabels(pair, parts...)
	if err != nil {
		return nil, err
	}
	if c.Train != syntheticRows && c.Test == realRows && c.Folds == 0 && pair.Alike(plugins.Train, plugins.Test) {
		return nil, classifier.Undefined("a model of real rows would be tested on the rows that it is trained on: train and test are the same")
	}
	t := &task{}
	if c.On == classifier.OnValidation {
		t.validation = labels.Rows(pair.Parts.Get(plugins.Validation).Frame)
	}
	s := &source{config: c, env: env, pair: pair, real: pair.Parts.Get(plugins.Train)}
	s.trainable = labels.Rows(s.real.Frame)
	if c.Train != realRows || c.Test == syntheticRows {
		if s.synthetic, _, err = labels.Synthetic(pair.Synthetic); err != nil {
			return nil, err
		}
		if lost, all := pair.Synthetic.Rows()-len(s.synthetic.Y), pair.Synthetic.Rows(); lost > 0 {
			t.counts = append(t.counts, plugins.Count{Name: "synthetic rows left out: label missing", Value: lost})
			t.warnings = append(t.warnings, fmt.Sprintf("%d of %d synthetic rows left out: label missing", lost, all))
		}
	}
	switch {
	case c.Folds > 0:
		err = s.folded(t, labels, pair.Parts.Get(plugins.Test))
	case c.Test == syntheticRows:
		err = s.onSynthetic(ctx, t)
	default:
		if err = s.onReal(t, labels, pair.Parts.Get(plugins.Test)); err == nil {
			err = s.train(ctx, t, s.synthetic, nil)
		}
	}
	if err != nil {
		return nil, err
	}
	t.counts = append(t.counts,
		plugins.Count{Name: "training rows", Value: len(t.train.Y)},
		plugins.Count{Name: "test rows", Value: len(t.test.Y)})
	return t, nil
}

// onSynthetic tests on synthetic rows: all of them, unless some are trained on or the settings draw some.
func (s *source) onSynthetic(ctx context.Context, t *task) error {
	c := s.config
	var near classifier.Groups
	division := held{rows: ascending(len(s.synthetic.Y)), by: equalRows} // nothing is divided
	if c.Train == syntheticRows || c.Train == bothRows {
		var err error
		if near, err = s.near(ctx); err != nil {
			return err
		}
		division = holdOut(s.env.Rand.For(plugins.ForModel, "downstream holdout"), near, classifier.Equal(s.synthetic.Frame, s.pair.Target), s.synthetic.Y, c.Holdout)
	}
	test := s.synthetic.Take(division.rows)
	kept, err := s.drawTest(t, test.Y, syntheticRows)
	if err != nil {
		return err
	}
	if kept != nil {
		for i, row := range kept {
			kept[i] = division.rows[row]
		}
		division.rows, test = kept, s.synthetic.Take(kept)
	}
	if near != nil {
		t.countNear(near, division, len(s.synthetic.Y))
	}
	t.test = &rows{Rows: test, name: "test rows"}
	t.test.resampledBy(nil, "synthetic test")
	if err := s.train(ctx, t, s.synthetic.Take(division.others), division.others); err != nil {
		return err
	}
	t.countSeen(s.pair.Target, division.by != "")
	return nil
}

// nearKey names a preparation of the synthetic rows that have a label.
type nearKey struct{ within float64 }

// near returns the groups of near-duplicates among the synthetic rows, or nil when only equal rows belong together.
func (s *source) near(ctx context.Context) (classifier.Groups, error) {
	if s.config.Near == 0 {
		return nil, nil
	}
	return plugins.Prepare(s.pair, nearKey{s.config.Near}, func() (classifier.Groups, error) {
		return classifier.Near(ctx, s.synthetic.Frame, s.pair.Target, s.config.Near, s.env.Threads)
	})
}

// train settles the training rows. synthetic are those that may be trained on; of says which of all they are, and is nil for all.
func (s *source) train(ctx context.Context, t *task, synthetic classifier.Rows, of []int) error {
	t.train = &rows{name: "training rows"}
	bySubject := func() (classifier.Groups, error) {
		return classifier.BySubject(s.real.Subject, len(s.trainable.Y)), nil
	}
	byNear := func() (classifier.Groups, error) { return s.tuningGroups(ctx, synthetic, of) }
	switch s.config.Train {
	case realRows:
		t.train.Rows, t.groups = s.trainable, bySubject
	case realAtN:
		kept := t.subsample(s.env, s.trainable, len(s.synthetic.Y))
		t.train.Rows = s.trainable.Take(kept)
		t.groups = func() (classifier.Groups, error) {
			all, err := bySubject()
			return within(all, kept, len(s.trainable.Y)), err
		}
	case syntheticRows:
		t.train.Rows, t.groups = synthetic, byNear
	default:
		joined, err := classifier.Under(s.trainable, synthetic)
		if err != nil {
			return err
		}
		t.train.Rows = joined
		t.groups = func() (classifier.Groups, error) {
			real, _ := bySubject()
			made, err := byNear()
			first := len(s.trainable.Y)
			return classifier.Join(len(joined.Y), real, shifted(made, first), classifier.Equal(joined.Frame, s.pair.Target)), err
		}
	}
	return nil
}

// tuningGroups returns the groups of synthetic training rows that folds of them must not divide: near-duplicates, or equal
// rows where so many are alike that folds would differ in size, or else single rows.
func (s *source) tuningGroups(ctx context.Context, synthetic classifier.Rows, of []int) (classifier.Groups, error) {
	near, err := s.near(ctx)
	if err != nil {
		return nil, err
	}
	if near != nil && of != nil {
		near = within(near, of, len(s.synthetic.Y))
	}
	n := len(synthetic.Y)
	most := n / (2 * s.config.Tuning.Folds)
	if near != nil && near.Largest() <= most {
		return near, nil
	}
	if equal := classifier.Equal(synthetic.Frame, s.pair.Target); equal.Largest() <= most {
		return equal, nil
	}
	return classifier.Single(n), nil
}

// within returns the groups of some of n rows, numbered anew in their order.
func within(groups classifier.Groups, kept []int, n int) classifier.Groups {
	at := slices.Repeat([]int{-1}, n)
	for i, row := range kept {
		at[row] = i
	}
	var out classifier.Groups
	for _, group := range groups {
		var members []int
		for _, row := range group {
			if at[row] >= 0 {
				members = append(members, at[row])
			}
		}
		if members != nil {
			slices.Sort(members)
			out = append(out, members)
		}
	}
	return out
}

func shifted(groups classifier.Groups, by int) classifier.Groups {
	out := make(classifier.Groups, len(groups))
	for k, group := range groups {
		for _, row := range group {
			out[k] = append(out[k], row+by)
		}
	}
	return out
}

// subsample draws n of the rows, ascending, with their share of events, at least one row of each class that they have.
func (t *task) subsample(env plugins.Env, from classifier.Rows, n int) []int {
	all := len(from.Y)
	if n >= all {
		if n > all {
			t.warnings = append(t.warnings, fmt.Sprintf("there are %d synthetic rows, and %d in the train part: all of these are trained on", n, all))
		}
		n = all
	}
	return draw(env.Rand.For(plugins.ForModel, "downstream subsample"), from.Y, n)
}

func draw(r *rand.Rand, y []bool, n int) []int {
	have := classes(y, ascending(len(y)))
	events := int(math.Round(float64(n) * float64(have[1]) / float64(max(1, len(y)))))
	if n > 1 && have[0] > 0 && have[1] > 0 {
		events = min(max(events, 1), n-1)
	}
	events = min(max(events, n-have[0]), have[1])
	return pick(r, y, [2]int{n - events, events})
}

// pick draws as many rows of each class of y as are wanted, ascending; there have to be as many.
func pick(r *rand.Rand, y []bool, want [2]int) []int {
	var byClass [2][]int
	for row, event := range y {
		class := 0
		if event {
			class = 1
		}
		byClass[class] = append(byClass[class], row)
	}
	var out []int
	for class, of := range byClass {
		r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		out = append(out, of[:want[class]]...)
	}
	slices.Sort(out)
	return out
}

// countSeen counts the test rows that have the features of a training row, and warns of them: where these are copies, a
// model recalls the label. together is false for rows that were divided one by one.
func (t *task) countSeen(target string, together bool) {
	seen, all := classifier.Seen(t.train.Frame, t.test.Frame, target), len(t.test.Y)
	t.counts = append(t.counts, plugins.Count{Name: "test rows with the features of a training row", Value: seen})
	if seen == 0 {
		return
	}
	warning := fmt.Sprintf("%d of %d test rows (%.1f %%) have the same feature values as a training row", seen, all, 100*float64(seen)/float64(all))
	if !together {
		warning += ": too few distinct ones to keep equal rows together"
	}
	t.warnings = append(t.warnings, warning)
}

// countNear counts the test rows that are on the other side of a near-duplicate, and warns of them.
func (t *task) countNear(near classifier.Groups, division held, n int) {
	const training, testing = 1, 2 // 0: left out by a draw
	on := make([]int8, n)
	for _, row := range division.others {
		on[row] = training
	}
	for _, row := range division.rows {
		on[row] = testing
	}
	parted := 0
	for _, group := range near {
		tested, trained := 0, false
		for _, row := range group {
			trained = trained || on[row] == training
			if on[row] == testing {
				tested++
			}
		}
		if trained {
			parted += tested
		}
	}
	t.counts = append(t.counts, plugins.Count{Name: "test rows in a group of near-duplicates with training rows", Value: parted})
	if parted > 0 {
		t.warnings = append(t.warnings, fmt.Sprintf("%d of %d test rows (%.1f %%) are in a group of near-duplicates with training rows: so many rows are alike that whole groups are too coarse to divide by",
			parted, len(division.rows), 100*float64(parted)/float64(len(division.rows))))
	}
}
