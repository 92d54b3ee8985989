package membership

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/model/gbdt"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
)

// scene is one roster with what the attacks are made on.
type scene struct {
	config      Config
	env         plugins.Env
	roster      *attack.Roster
	train, test *frame.Frame
	synthetic   *frame.Frame
	pair        *plugins.Pair
	copies      *frame.Frame // of the members, made when first asked for
}

// lacks says why there is no attack at all, or is empty.
func (s *scene) lacks() string {
	switch {
	case s.roster.Lacks() != "":
		return s.roster.Lacks()
	case s.synthetic.Rows() == 0:
		return "there are no synthetic rows"
	case len(s.train.Columns()) == 0:
		return "there are no columns"
	}
	return ""
}

// scored is what an attack makes of the rows that it attacks.
type scored struct {
	member []bool
	score  []float64 // higher for rows that it takes for members
	unit   []int32
	units  int
	of     string
}

func (f *scored) ranking() *attack.Ranking { return attack.NewRanking(f.member, f.score) }

// effective returns Kish's effective numbers of members and non-members.
func (f *scored) effective() (members, others float64) {
	size := make([]float64, f.units)
	side := make([]bool, f.units)
	for i, u := range f.unit {
		size[u]++
		side[u] = f.member[i]
	}
	var n, squares [2]float64
	for u, k := range size {
		at := 0
		if side[u] {
			at = 1
		}
		n[at] += k
		squares[at] += k * k
	}
	return n[1] * n[1] / squares[1], n[0] * n[0] / squares[0]
}

// attacked lists the rows of an attack: places in the roster's members and others; nil: all of them.
func (s *scene) attacked(members, others []int) *scored {
	out := &scored{of: s.roster.Of}
	number := map[int32]int32{}
	add := func(place int, member bool) {
		u := s.roster.Unit[place]
		id, ok := number[u]
		if !ok {
			id = int32(len(number))
			number[u] = id
		}
		out.member, out.unit = append(out.member, member), append(out.unit, id)
	}
	first := len(s.roster.Members)
	for i := range first {
		if members == nil {
			add(i, true)
		}
	}
	for _, i := range members {
		add(i, true)
	}
	for i := range s.roster.Others {
		if others == nil {
			add(first+i, false)
		}
	}
	for _, i := range others {
		add(first+i, false)
	}
	out.units = len(number)
	return out
}

// pick returns some of the rows that a roster lists, given by their places in the list.
func pick(f *frame.Frame, rows, places []int) *frame.Frame {
	taken := make([]int, len(places))
	for i, at := range places {
		taken[i] = rows[at]
	}
	return f.Take(taken)
}

// mount runs an attack, on the synthetic rows or, as a control, on copies of the members.
//
// The error is an attack.Undefined when the rows do not allow the attack.
func (s *scene) mount(ctx context.Context, name, control string) (*scored, error) {
	switch name {
	case Distance:
		return s.distance(ctx, control)
	case Shadow:
		return s.shadow(ctx, control)
	}
	synthetic := s.synthetic
	if control == Resample {
		if s.copies == nil {
			s.copies = s.resampled()
		}
		synthetic = s.copies
	}
	switch name {
	case Domias:
		return s.domias(ctx, synthetic)
	case Confidence:
		return s.confidence(ctx, synthetic, control)
	}
	return s.classify(ctx, name, synthetic, control)
}

// resampled returns copies of the members, each at least once: as many rows as the synthetic ones where these are more.
func (s *scene) resampled() *frame.Frame {
	rows := append([]int(nil), s.roster.Members...)
	source := s.env.Rand.For(plugins.ForResample, "copies of members", s.roster.Group)
	for len(rows) < s.synthetic.Rows() {
		rows = append(rows, s.roster.Members[source.IntN(len(s.roster.Members))])
	}
	return s.train.Take(rows)
}

// stack puts frames under each other, with the columns and kinds of the first.
func stack(first *frame.Frame, others ...*frame.Frame) (*frame.Frame, error) {
	all := append([]*frame.Frame{first}, others...)
	for k, f := range all {
		selected, err := f.Select(first.Names()...)
		if err != nil {
			return nil, err
		}
		columns := make([]*frame.Column, len(selected.Columns()))
		for i, c := range selected.Columns() {
			bare := *c
			bare.Unit = "" // the synthetic rows need not know it
			columns[i] = &bare
		}
		if all[k], err = frame.New(columns...); err != nil {
			return nil, err
		}
	}
	return frame.Concat(all...)
}

// classify trains a classifier of synthetic rows against the even half of the non-members, and takes the probability of
// "synthetic" of the members and of the odd half for the score.
func (s *scene) classify(ctx context.Context, model string, synthetic *frame.Frame, control string) (*scored, error) {
	even, odd := s.roster.Halves()
	if len(odd) == 0 {
		return nil, attack.Undefined("the non-members are of one subject: none is left beside those that the classifier learns from")
	}
	out := s.attacked(nil, odd)
	known := pick(s.test, s.roster.Others, even)
	attacked, err := stack(s.train.Take(s.roster.Members), pick(s.test, s.roster.Others, odd))
	if err != nil {
		return nil, err
	}
	l := lesson{ones: synthetic, zeros: known, attacked: attacked, reference: s.train, others: []*frame.Frame{s.synthetic, s.test}}
	out.score, err = s.learn(ctx, model, l, "classifier", s.roster.Group, control)
	return out, err
}

// lesson is what a classifier learns from, and whom it attacks.
type lesson struct {
	ones, zeros, attacked *frame.Frame
	reference             *frame.Frame   // whose means and SDs the encoding of logistic regression takes
	others                []*frame.Frame // whose levels it takes besides
}

// learn trains a classifier of the rows of class 1 against those of class 0, and returns its score of the attacked rows.
//
// That of Logistic is the linear predictor and that of Boosted the margin: probabilities of nearly 0 or 1 would be tied.
func (s *scene) learn(ctx context.Context, model string, l lesson, labels ...string) ([]float64, error) {
	y := make([]float64, l.ones.Rows()+l.zeros.Rows())
	for i := range l.ones.Rows() {
		y[i] = 1
	}
	fitted, err := stack(s.train.Take(nil), l.ones, l.zeros)
	if err != nil {
		return nil, err
	}
	if model == Boosted {
		source := s.env.Rand.For(plugins.ForModel, labels...)
		return Trees(ctx, s.config.GBDT, source, s.env.Threads, fitted, y, l.attacked)
	}
	return Linear(ctx, s.env.Threads, l.reference, l.others, fitted, y, l.attacked)
}

// Linear returns the linear predictor of ridge-penalised logistic regression with C = 1 for each attacked row. The rows are encoded
// by the standard encoding: mean and SD of reference, levels of reference and of the other frames. y holds zeros and ones, and both of them.
//
// The error is an attack.Undefined where the fit does not converge.
func Linear(ctx context.Context, threads int, reference *frame.Frame, others []*frame.Frame, fitted *frame.Frame, y []float64, attacked *frame.Frame) ([]float64, error) {
	encoder, err := encode.FitAll(reference, others)
	if err != nil {
		return nil, err
	}
	x, err := encoder.Transform(fitted)
	if err != nil {
		return nil, err
	}
	model, err := logistic.Fit(ctx, x, y, logistic.Config{Threads: threads})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil: // the reference tells nothing of the size of a column that is constant there
		return nil, attack.Undefined("the classifier cannot be fitted: " + err.Error())
	}
	if x, err = encoder.Transform(attacked); err != nil {
		return nil, err
	}
	out := make([]float64, x.Rows)
	for i := range out {
		out[i] = model.Intercept
	}
	for j, c := range x.Columns {
		if model.Weights[j] != 0 {
			c.AddTo(out, model.Weights[j])
		}
	}
	return out, nil
}

// Trees returns the margin of boosted trees for each attacked row.
//
// Columns named in skip are not looked at. The error is an attack.Undefined where no other column has a value.
func Trees(ctx context.Context, config gbdt.Config, source *rand.Rand, threads int, fitted *frame.Frame, y []float64, attacked *frame.Frame, skip ...string) ([]float64, error) {
	encoding := gbdt.NewEncoding(fitted, skip...)
	if len(encoding.Features()) == 0 {
		return nil, attack.Undefined("no column has a value to split by")
	}
	x, err := encoding.Matrix(fitted)
	if err != nil {
		return nil, err
	}
	config.Threads, config.Rand = threads, source
	model, err := gbdt.Fit(ctx, x, y, config)
	if err != nil {
		return nil, fmt.Errorf("attack by %s: %w", Boosted, err)
	}
	if x, err = encoding.Matrix(attacked); err != nil {
		return nil, err
	}
	return model.Margin(ctx, x, threads)
}
