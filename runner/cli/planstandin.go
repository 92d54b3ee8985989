package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// ofInvented widens what prompts and answers take where they are counted on invented rows: low and high by a quarter, as values, levels
// and missing cells of the real rows have other lengths. The share is a judgement, wide beside the 3 % that the number of rows makes.
var ofInvented = span{0.75, 1, 1.25}

// standIn is a data set that stands in for an absent one.
type standIn struct {
	Dataset string `json:"dataset"` // that is absent, as the experiment names it
	Use     string `json:"use"`     // the plugin that made the rows
}

// planAsks estimates what a plan would ask of language models; of a static plan with rows of stand-ins for the absent data.
func (a *app) planAsks(ctx context.Context, path string, p *plan.Plan, c *cache.Cache) (*asking, error) {
	if len(p.Static) == 0 {
		return a.planAsking(ctx, p, c)
	}
	if len(p.Asking()) == 0 && (len(p.Experiment.LLMs) == 0 || len(p.Pending) == 0) {
		return &asking{}, nil
	}
	e, err := a.loadWith(path, spec.Options{Data: spec.IfPresent, StandIns: true})
	var mistakes spec.Mistakes
	switch {
	case errors.As(err, &mistakes):
		return &asking{untold: "with invented rows in the place of absent ones the experiment would be wrong: " + mistakes[0].String()}, nil
	case err != nil:
		return nil, err
	}
	var standIns []standIn
	for i := range e.Datasets {
		name := e.Datasets[i].Name
		if s := e.StandIns[name]; s != nil {
			standIns = append(standIns, standIn{name, s.Use})
		} else if e.Headers[name] == nil {
			return &asking{untold: fmt.Sprintf("the data of %s are absent, and no other data set stands in for them", name)}, nil
		}
	}
	like, err := plan.New(e, plan.Inputs{Registry: a.registry, Hash: c.HashFile, Facts: c.Facts})
	if err != nil {
		return nil, wrong(err)
	}
	if len(like.Static) > 0 {
		return &asking{untold: like.Static[0]}, nil
	}
	asked, err := a.planAsking(ctx, like, c)
	if err == nil && len(asked.models) > 0 {
		asked.standIns = standIns
	}
	return asked, err
}

// printStandIns says which rows the prompts were counted on where these are not those of the data, or why none were.
func (a *app) printStandIns(asked *asking) {
	if asked.untold != "" {
		a.printf("\nwhat language models would be asked is not told: %s\n", asked.untold)
	}
	if len(asked.standIns) == 0 {
		return
	}
	var rows, of []string
	for _, s := range asked.standIns {
		if of = append(of, s.Dataset); !slices.Contains(rows, s.Use) {
			rows = append(rows, s.Use)
		}
	}
	a.printf(`
tokens are counted on invented rows of %s, as the data of %s are absent: their low and high are
a quarter wider for it. Calls go by n and the rows of each call; which hospitals and groups there are, and what was answered before,
the data alone tell.
`, strings.Join(rows, " and "), strings.Join(of, " and "))
}
