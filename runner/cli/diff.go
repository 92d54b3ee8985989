package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/diff"
	"github.com/ehrlab/ehrlab/runner/record"
)

func (a *app) diffCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "diff VERSION VERSION",
		Short: "say what changed between two versions: experiment, inputs, numbers",
		Long: `diff compares two versions, the earlier one first: the fields of the experiment, what went in (data, plugins, models,
numeric class, build), cells, every score, and the means over replicates, with the interval of the paired difference where
both were rated on the same test rows. It judges nothing: 'ehrlab check' does. Equal versions are said to be equal.
VERSION is EXPERIMENT[@VERSION], the version by number or tag, or the folder of a version; the two may be of different
experiments. It exits with 0 whatever differs.`,
		Example: `  ehrlab diff quickstart@v1 quickstart
  ehrlab diff --all quickstart@v1 results/quickstart/v1`,
		Args: arguments(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			from, err := a.versionOrFolder(args[0])
			if err != nil {
				return err
			}
			to, err := a.versionOrFolder(args[1])
			if err != nil {
				return err
			}
			d, err := diff.Compare(from, to)
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(d)
				return nil
			}
			a.printf("%s", d.Text(all))
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every difference, each value among them")
	return cmd
}

// versionOrFolder opens the version that an argument names, or that a folder holds.
func (a *app) versionOrFolder(arg string) (*record.Version, error) {
	if _, err := os.Stat(filepath.Join(arg, "manifest.json")); err != nil {
		return a.openVersion(arg)
	}
	v, err := record.OpenDir(arg)
	if err != nil {
		return nil, wrong(fmt.Errorf("%s: %w", arg, err))
	}
	return v, nil
}
