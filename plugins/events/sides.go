package events

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
)

// Synthetic names the synthetic side, beside the parts that name real ones.
const Synthetic plugins.Part = "synthetic"

// Keys of preparations.
type (
	partKey   struct{ part plugins.Part }
	sharedKey struct{ parts string }
)

// Of returns the trajectories of a part of a pair, or of its synthetic rows; they are made once.
func Of(pair *plugins.Pair, part plugins.Part) (*Trajectories, error) {
	return plugins.Prepare(pair, partKey{part}, func() (*Trajectories, error) {
		f := pair.Synthetic
		if part != Synthetic {
			f = pair.Parts.Get(part).Frame
		}
		t, err := New(f)
		if err != nil {
			return nil, fmt.Errorf("%s rows: %w", part, err)
		}
		return t, nil
	})
}

// Together returns the trajectories of some parts of a pair, or of its synthetic rows, with one vocabulary.
func Together(pair *plugins.Pair, parts ...plugins.Part) ([]*Trajectories, error) {
	return plugins.Prepare(pair, sharedKey{fmt.Sprint(parts)}, func() ([]*Trajectories, error) {
		all := make([]*Trajectories, len(parts))
		for i, part := range parts {
			var err error
			if all[i], err = Of(pair, part); err != nil {
				return nil, err
			}
		}
		vocabulary := Vocabulary(all...)
		for i, t := range all {
			all[i] = t.In(vocabulary)
		}
		return all, nil
	})
}

// Lacking says which of some trajectories have no patient; "" when none.
func Lacking(pair *plugins.Pair, parts ...plugins.Part) (string, error) {
	for _, part := range parts {
		t, err := Of(pair, part)
		if err != nil {
			return "", err
		}
		if t.Patients() == 0 {
			return fmt.Sprintf("there is no %s patient", part), nil
		}
	}
	return "", nil
}

// Caveats warns of events that belong to no trajectory, by part.
func Caveats(pair *plugins.Pair, parts ...plugins.Part) ([]string, error) {
	var warnings []string
	for _, part := range parts {
		t, err := Of(pair, part)
		if err != nil {
			return nil, err
		}
		if t.Left > 0 {
			warnings = append(warnings, fmt.Sprintf("%d of %d %s events left out: without a subject or a visit", t.Left, t.Left+t.Events(), part))
		}
	}
	return warnings, nil
}
