package cli

import (
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) vetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "vet EXPERIMENT",
		Short: "check an experiment file and name every mistake",
		Long: `vet checks an experiment file, or a folder of CUE files that make one experiment, with what it extends, and prints every
mistake with its place and what would be right. Of the data files it reads the header and a sample.`,
		Example: `  ehrlab vet experiments/quickstart.cue
  ehrlab vet --json experiments/quickstart.cue`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			e, err := a.loadExperiment(args[0], spec.Require)
			if err != nil {
				return err
			}
			if a.json {
				warnings := e.Warnings
				if warnings == nil {
					warnings = []spec.Mistake{}
				}
				a.printJSON(map[string]any{
					"experiment": e.Name, "mistakes": []spec.Mistake{}, "warnings": warnings, "columns": columnsOf(e),
				})
				return nil
			}
			a.warn(e)
			a.printf("%s: no mistakes\n", e.Name)
			return nil
		},
	}
}

// columnsOf lists, for each data set, what its columns are taken for.
func columnsOf(e *spec.Experiment) map[string][]record.ColumnInfo {
	all := map[string][]record.ColumnInfo{}
	for i := range e.Datasets {
		d := &e.Datasets[i]
		columns, roles := []record.ColumnInfo{}, d.Roles()
		if h := e.Headers[d.Name]; h != nil {
			for _, c := range h.Columns {
				columns = append(columns, record.ColumnInfo{Name: c.Name, Kind: string(c.Kind), Unit: c.Unit, Role: string(roles[c.Name])})
			}
		}
		all[d.Name] = columns
	}
	return all
}

// warn prints what does not stop a run.
func (a *app) warn(e *spec.Experiment) {
	for _, w := range e.Warnings {
		a.errf("warning: %s\n", w)
	}
}
