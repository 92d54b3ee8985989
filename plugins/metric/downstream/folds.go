package downstream

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

// folded makes the rows of train and test those to train and test on, in turn; where both parts are the same rows, these.
func (s *source) folded(t *task, labels *classifier.Labels, test plugins.Sample) error {
	if s.pair.Alike(plugins.Train, plugins.Test) {
		s.foldedRows(t, labels.Rows(test.Frame), test.Subject)
		return nil
	}
	joined, err := frame.Concat(s.real.Frame, test.Frame)
	if err != nil {
		return err
	}
	var subject *frame.Column
	if s.real.Subject != nil && test.Subject != nil {
		both, err := frame.Concat(frame.Must(s.real.Subject), frame.Must(test.Subject))
		if err != nil {
			return err
		}
		subject = both.Columns()[0]
	}
	s.foldedRows(t, labels.Rows(joined), subject)
	return nil
}

func (s *source) foldedRows(t *task, all classifier.Rows, subject *frame.Column) {
	t.train = &rows{Rows: all, name: "real rows"}
	t.test = &rows{Rows: all, name: "real rows"}
	t.test.resampledBy(subject, "real")
	t.of = identified(all.Frame, subject, s.pair.Target)
	t.groups = func() (classifier.Groups, error) { return classifier.BySubject(subject, len(all.Y)), nil }
	if t.atMost = len(all.Y); s.config.Train == realAtN {
		t.atMost = len(s.synthetic.Y)
	}
}

// crossPredict predicts the rows of each fold, by subject, by a model that is trained and tuned on the others: nested
// cross-validation.
//
// Source: S. Varma, R. Simon (2006), BMC Bioinformatics 7, 91.
func (c Config) crossPredict(ctx context.Context, env plugins.Env, t *task, target string) (*prediction, error) {
	groups, err := t.groups()
	if err != nil {
		return nil, err
	}
	n := len(t.test.Y)
	fold := classifier.Deal(env.Rand.For(plugins.ForModel, "downstream folds"), groups, t.test.Y, c.Folds)
	out := &prediction{p: make([]float64, n), called: make([]bool, n)}
	for k := range c.Folds {
		held, others := classifier.Fold(fold, k)
		if len(held) == 0 {
			return nil, classifier.Undefined(fmt.Sprintf("%d %s are too few for %d folds", t.test.units, t.test.of, c.Folds))
		}
		train := t.train.Take(others)
		if t.atMost < len(others) {
			kept := draw(env.Rand.For(plugins.ForModel, "downstream subsample", strconv.Itoa(k)), train.Y, t.atMost)
			train = train.Take(kept)
			for i, row := range kept {
				kept[i] = others[row]
			}
			others = kept
		}
		if events := train.Events(); events == 0 || events == len(train.Y) {
			return nil, classifier.Undefined("the training rows of a fold have one label class")
		}
		trained, err := c.learner(env, target, "fold", strconv.Itoa(k)).Train(ctx, train, func() (classifier.Groups, error) {
			return within(groups, others, n), nil
		}, classifier.Rows{})
		if err != nil {
			return nil, err
		}
		p, err := trained.Predict(ctx, t.test.Take(held).Frame, env.Threads)
		if err != nil {
			return nil, err
		}
		for i, row := range held {
			out.p[row], out.called[row] = p[i], p[i] >= trained.Threshold
		}
		out.add(trained, c.Folds)
		env.Progress(k+1, c.Folds)
	}
	return out, nil
}

// add takes over what was chosen for the model of one of the folds.
func (p *prediction) add(trained *classifier.Trained, folds int) {
	p.threshold += trained.Threshold / float64(folds)
	if p.untuned == "" {
		p.untuned = trained.Untuned
	}
	for _, w := range trained.Warnings {
		if !slices.Contains(p.warnings, w) {
			p.warnings = append(p.warnings, w)
		}
	}
}
