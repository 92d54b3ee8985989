package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
)

// release is the version of ehrlab.
const release = "0.1.0-dev"

// tool describes this build.
func tool() record.Tool {
	t := record.Tool{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	dirty := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			t.Revision = s.Value
		case "vcs.modified":
			dirty = s.Value == "true"
		}
	}
	if dirty && t.Revision != "" {
		t.Revision += "+dirty"
	}
	return t
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version of ehrlab and of its build",
		Example: `  ehrlab version --json`,
		Args:    usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			t := tool()
			if a.json {
				a.printJSON(struct {
					record.Tool
					Numeric string `json:"numeric"`
				}{t, plan.Numeric()})
				return nil
			}
			a.printf("ehrlab %s %s %s (numeric class %s)\n", t.Version, t.Platform, t.Go, plan.Numeric())
			if t.Revision != "" {
				a.printf("revision %s\n", t.Revision)
			}
			return nil
		},
	}
}
