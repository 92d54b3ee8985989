package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) schemaCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "print the schema of experiment files, for editors",
		Long: `schema prints the CUE schema of experiment files, with the settings of every plugin. With --json it
prints them as JSON Schema, a help for editors that says less than 'ehrlab vet' checks.`,
		Example: `  ehrlab schema
  ehrlab schema --json`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				format = "json"
			}
			switch format {
			case "cue":
				a.printf("%s", spec.SchemaCUE(a.registry))
			case "json":
				b, err := spec.SchemaJSON(a.registry)
				if err != nil {
					return err
				}
				a.printf("%s\n", b)
			default:
				return wrong(fmt.Errorf("format %q: must be cue or json", format))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "cue", "`format` of the schema: cue or json")
	return cmd
}
