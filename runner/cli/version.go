package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
)

// release is the version of ehrlab.
const release = "0.1.0-dev"

// tool describes this build.
func tool() record.Tool {
	t := record.Tool{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Revision: "unknown"}
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
	if dirty && t.Revision != "unknown" {
		t.Revision += "+dirty"
	}
	return t
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version of ehrlab and how it was built",
		Long: `version prints the version, the platform, the Go release and the revision that ehrlab was built from.
Results are equal to the last byte on machines of one numeric class, which it prints too.`,
		Example: `  ehrlab version
  ehrlab version --json`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			t := tool()
			if a.json {
				a.printJSON(struct {
					record.Tool
					Numeric string `json:"numeric"`
				}{t, plugins.Numeric()})
				return nil
			}
			a.printf("ehrlab %s %s %s (numeric class %s)\n", t.Version, t.Platform, t.Go, plugins.Numeric())
			a.printf("revision %s\n", t.Revision)
			return nil
		},
	}
}
