package membership

import (
	"context"
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
)

// Keys of preparations: the Closeness of the rows of train, and after them those of test.
type (
	nearKey   struct{}            // to the synthetic rows
	shadowKey struct{ model int } // to what a shadow model made
)

// near returns the closeness of the rows of the roster: of the members and, after them, of the others.
func (s *scene) near(ctx context.Context, key any, synthetic *frame.Frame) ([]float64, error) {
	all, err := plugins.Prepare(s.pair, key, func() ([]float64, error) {
		return Closeness(ctx, s.env.Threads, s.train, s.test, synthetic, s.train, s.test)
	})
	if err != nil {
		return nil, err
	}
	out := make([]float64, 0, len(s.roster.Unit))
	for _, i := range s.roster.Members {
		out = append(out, all[i])
	}
	for _, i := range s.roster.Others {
		out = append(out, all[s.train.Rows()+i])
	}
	return out, nil
}

// closest returns the closeness of the rows of the roster to the synthetic rows or, as a control, to copies of the members:
// a member is at no distance from its copy, and repeated copies are no closer than one.
func (s *scene) closest(ctx context.Context, control string) ([]float64, error) {
	if control == None {
		return s.near(ctx, nearKey{}, s.synthetic)
	}
	others, err := Closeness(ctx, s.env.Threads, s.train, s.test, s.train.Take(s.roster.Members), s.test.Take(s.roster.Others))
	return append(make([]float64, len(s.roster.Members)), others...), err
}

// distance takes minus the distance to the closest synthetic row for the score.
func (s *scene) distance(ctx context.Context, control string) (*scored, error) {
	out := s.attacked(nil, nil)
	var err error
	out.score, err = s.closest(ctx, control)
	return out, err
}

// shadow takes for the score how much closer the closest synthetic row is than it is, on average, in what the shadow
// models made that have not seen the row: rows that any generator comes close to are not taken for members on that
// account. A member that every shadow model has seen cannot be attacked.
func (s *scene) shadow(ctx context.Context, control string) (*scored, error) {
	usual, err := s.usual(ctx)
	if err != nil {
		return nil, err
	}
	close, err := s.closest(ctx, control)
	if err != nil {
		return nil, err
	}
	var members, others []int
	var score []float64
	for i, u := range usual {
		switch {
		case u.models == 0:
			continue
		case i < len(s.roster.Members):
			members = append(members, i)
		default:
			others = append(others, i-len(s.roster.Members))
		}
		score = append(score, close[i]-u.sum/float64(u.models))
	}
	if len(members) == 0 || len(others) == 0 {
		return nil, attack.Undefined("the shadow models have seen every member, or made no row")
	}
	out := s.attacked(members, others)
	out.score = score
	return out, nil
}

// unseen is the closeness of a row to what the shadow models made that have not seen it, summed.
type unseen struct {
	sum    float64
	models int
}

// usual sums over the shadow models, for each row of the roster.
func (s *scene) usual(ctx context.Context) ([]unseen, error) {
	if len(s.pair.Shadows) == 0 {
		return nil, attack.Undefined("there are no shadow models")
	}
	out := make([]unseen, len(s.roster.Unit))
	for k, model := range s.pair.Shadows {
		if model.Synthetic.Rows() == 0 {
			continue
		}
		if err := attack.Same(s.train, model.Synthetic); err != nil {
			return nil, fmt.Errorf("shadow model %d: %w", k+1, err)
		}
		close, err := s.near(ctx, shadowKey{k}, model.Synthetic)
		if err != nil {
			return nil, err
		}
		seen := make([]bool, s.train.Rows())
		for _, row := range model.Members {
			seen[row] = true
		}
		for i, c := range close {
			if i >= len(s.roster.Members) || !seen[s.roster.Members[i]] {
				out[i].sum += c
				out[i].models++
			}
		}
	}
	return out, nil
}
