package membership

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

// confidence grows boosted trees of the target on the synthetic rows, and takes how sure they are of the true label of a row for
// its score: on what a generator has kept of its patients, a model has less loss than on strangers.
//
// The score is the margin towards the label, ln p/(1-p) with p the probability that the trees give to the label: it stands in the
// order of p, and does not tie what is nearly certain. No real row is learnt from, so that all of both sides are attacked.
//
// Source: S. Yeom et al. (2018), IEEE CSF, 268–282 (a threshold on the loss).
func (s *scene) confidence(ctx context.Context, synthetic *frame.Frame, control string) (*scored, error) {
	learnt, labels, err := s.labelled(synthetic)
	if err != nil {
		return nil, err
	}
	real, err := stack(s.train.Take(s.roster.Members), s.test.Take(s.roster.Others))
	if err != nil {
		return nil, err
	}
	fitted, err := stack(s.train.Take(nil), learnt.Frame)
	if err != nil {
		return nil, err
	}
	y := make([]float64, len(learnt.Y))
	for i, event := range learnt.Y {
		if event {
			y[i] = 1
		}
	}
	source := s.env.Rand.For(plugins.ForModel, "confidence", s.roster.Group, control)
	out := s.attacked(nil, nil)
	if out.score, err = Trees(ctx, s.config.GBDT, source, s.env.Threads, fitted, y, real, s.pair.Target); err != nil {
		return nil, err
	}
	for i, event := range labels.Rows(real).Y {
		if !event {
			out.score[i] = -out.score[i]
		}
	}
	return out, nil
}

// labelled returns the synthetic rows that have a label, and the reader of the labels. The error is an attack.Undefined when there is
// no target, a real row has no label of two, or the synthetic ones do not have both.
func (s *scene) labelled(synthetic *frame.Frame) (classifier.Rows, *classifier.Labels, error) {
	if s.pair.Target == "" {
		return classifier.Rows{}, nil, attack.Undefined("the data have no target, whose labels this attack asks for")
	}
	labels, err := classifier.NewLabels(s.pair, plugins.Train, plugins.Test)
	if err != nil { // what speaks against the labels is no fault of the other attacks
		return classifier.Rows{}, nil, attack.Undefined(err.Error())
	}
	rows, _, err := labels.Synthetic(synthetic)
	if err != nil {
		return classifier.Rows{}, nil, attack.Undefined(err.Error())
	}
	switch events := rows.Events(); {
	case len(rows.Y) == 0:
		return classifier.Rows{}, nil, attack.Undefined("no synthetic row has a label")
	case events == 0 || events == len(rows.Y):
		return classifier.Rows{}, nil, attack.Undefined("the synthetic rows have one label class")
	}
	return rows, labels, nil
}
