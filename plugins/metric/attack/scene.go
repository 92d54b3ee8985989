package attack

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Add adds a metric that attacks the rows which the generator was exposed to, with as many rows of test as the control, to r. info says
// what sets it apart; random sources besides that of rosters are named by it.
func Add[C any](r *plugins.Registry, info plugins.Info, defaults C, create func(C) (plugins.Metric, error)) {
	info.Family, info.Control, info.Shapes = plugins.Privacy, true, []plugins.Shape{plugins.Records}
	info.Reads = []plugins.Part{plugins.Test, plugins.Train}
	info.Random = append(info.Random, plugins.ForResample)
	info.Uses = append([]plugins.Use{Use()}, info.Uses...)
	info.Need = Need
	plugins.Add(&r.Metrics, info, defaults, create)
}

// What becomes of rows that lack a value which the attacker is to know.
const (
	LeaveOut = "leave-out" // such rows are left out, on all sides
	Compared = "compare"   // a missing value is one of its own
)

// CheckMissing returns an error unless it is LeaveOut or Compared.
func CheckMissing(missing string) error {
	if missing != LeaveOut && missing != Compared {
		return fmt.Errorf("missing is %q; want %q or %q", missing, LeaveOut, Compared)
	}
	return nil
}

// Scene is who is attacked by what. Its frames have the columns of the pair.
type Scene struct {
	Roster                  *Roster
	Exposed, Other, Sources *frame.Frame // rows of train, as many of test, and the synthetic ones
	Warnings                []string
}

// NewScene sets the scene of an attack. The error is Undefined where nobody can be attacked; the scene has its Roster even then.
func NewScene(env plugins.Env, pair *plugins.Pair) (*Scene, error) {
	train, test := pair.Parts.Get(plugins.Train).Frame, pair.Parts.Get(plugins.Test).Frame
	if err := Same(train, pair.Synthetic); err != nil {
		return nil, err
	}
	r := Named(pair, Exposed, Source(env))
	s := &Scene{Roster: r}
	if reason := r.Lacks(); reason != "" {
		return s, Undefined(reason)
	}
	s.Exposed, s.Other, s.Sources = train.Take(r.Members), test.Take(r.Others), pair.Synthetic
	s.Warnings = slices.Concat(r.Warnings, r.Dependent())
	return s, nil
}

// TreatMissing leaves out the rows that lack a value of one of the columns, where the setting says so.
func (s *Scene) TreatMissing(missing string, columns []string) {
	if missing != LeaveOut {
		return
	}
	sides, note := OnlyComplete([]*frame.Frame{s.Exposed, s.Other, s.Sources}, columns)
	s.Exposed, s.Other, s.Sources = sides[0], sides[1], sides[2]
	if note != "" {
		s.Warnings = append(s.Warnings, note)
	}
}
