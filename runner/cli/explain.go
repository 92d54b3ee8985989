package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
	"github.com/ehrlab/ehrlab/runner/spelling"
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
				cell, err := findCell(p, args[0], args[1])
				if err != nil {
					return err
				}
				return a.explain(c, cell)
			})
		},
	}
}

// findCell returns the one cell that is meant by an id, or by its beginning or end.
func findCell(p *plan.Plan, experiment, id string) (*plan.Cell, error) {
	found := p.Find(id)
	switch len(found) {
	case 0:
		for _, node := range p.Pending {
			for _, c := range node.Unresolved(p.Axes) {
				if strings.HasPrefix(c.ID, id) || strings.HasSuffix(c.ID, id) {
					return nil, &exit{exitIncomplete, fmt.Errorf("cell %s has no steps yet: %s", c.ID, pendingOf(node).text())}
				}
			}
		}
		return nil, wrong(fmt.Errorf("no cell %q%s", id, cmp.Or(nearCell(p, id), fmt.Sprintf("; 'ehrlab plan --cells %s' lists them", shellQuoted(experiment)))))
	case 1:
		return found[0], nil
	}
	return nil, wrong(fmt.Errorf("%d cells match %q, the first are %s and %s", len(found), id, found[0].ID, found[1].ID))
}

// nearCell suggests an id without the hash at its end: one that is near or, where none is, one with an end of as many parts that is.
func nearCell(p *plan.Plan, id string) string {
	var names, ends []string
	of := map[string]string{} // the first cell with an end
	parts := strings.Count(id, ".") + 1
	for _, c := range p.Cells {
		name := c.ID[:strings.LastIndexByte(c.ID, '-')]
		all := strings.Split(name, ".")
		end := strings.Join(all[max(0, len(all)-parts):], ".")
		if _, known := of[end]; !known {
			of[end] = name
		}
		names, ends = append(names, name), append(ends, end)
	}
	near := cmp.Or(spelling.Closest(id, names), of[spelling.Closest(id, ends)])
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", near)
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
