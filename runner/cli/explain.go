package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain EXPERIMENT CELL",
		Short: "say which steps of a cell are cached, and why the others are not",
		Long: `explain prints the steps of a cell and says which are in the cache. Of the others it prints, field by
field, what differs from the nearest step that is. CELL is an id as 'ehrlab plan --cells' prints it, or its
beginning or end.`,
		Example: `  ehrlab explain experiments/quickstart.cue icu.top5.floor.n1000.seed1
  ehrlab explain --json experiments/quickstart.cue icu.top5.floor.n1000.seed1`,
		Args: arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withPlan(args[0], spec.Require, cache.Options{ReadOnly: true}, func(p *plan.Plan, c *cache.Cache) error {
				found := p.Find(args[1])
				switch len(found) {
				case 0:
					return wrong(fmt.Errorf("no cell %q; 'ehrlab plan --cells %s' lists them", args[1], args[0]))
				case 1:
					return a.explain(c, found[0])
				}
				return wrong(fmt.Errorf("%d cells match %q, the first are %s and %s", len(found), args[1], found[0].ID, found[1].ID))
			})
		},
	}
}

// explained is one step of explain --json.
type explained struct {
	Stage   string             `json:"stage"`
	Label   string             `json:"label"`
	Key     cache.Key          `json:"key"`
	Cached  bool               `json:"cached"`
	Nearest *cache.Key         `json:"nearest,omitempty"`
	Differ  []cache.Difference `json:"differ,omitempty"`
}

func (a *app) explain(c *cache.Cache, cell *plan.Cell) error {
	var steps []explained
	for _, s := range cell.Steps() {
		x := explained{Stage: string(s.Stage), Label: s.Label, Key: s.Key}
		if _, x.Cached = c.Lookup(s.Key); !x.Cached {
			if near, ok := c.Nearest(s.Recipe); ok {
				key := near.Key()
				x.Nearest, x.Differ = &key, cache.Diff(near, s.Recipe)
			}
		}
		steps = append(steps, x)
	}
	if a.json {
		a.printJSON(map[string]any{"cell": cell.ID, "steps": steps})
		return nil
	}
	a.printf("%s\n", cell.ID)
	for _, x := range steps {
		switch {
		case x.Cached:
			a.printf("  %-9s %s  cached: %s\n", x.Stage, x.Key[:12], x.Label)
		case x.Nearest == nil:
			a.printf("  %-9s %s  to run: %s; no such step has run yet\n", x.Stage, x.Key[:12], x.Label)
		default:
			a.printf("  %-9s %s  to run: %s; unlike the nearest earlier one, %s:\n", x.Stage, x.Key[:12], x.Label, (*x.Nearest)[:12])
			for _, d := range x.Differ {
				a.printf("              %s\n", difference(d))
			}
		}
	}
	return nil
}
