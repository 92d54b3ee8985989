package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// shells write the completion script of the command, by shell.
var shells = map[string]func(*cobra.Command, io.Writer) error{
	"bash":       func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
	"fish":       func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	"zsh":        (*cobra.Command).GenZshCompletion,
}

func (a *app) completionCommand() *cobra.Command {
	names := []string{"bash", "fish", "powershell", "zsh"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print a script that completes commands and flags in a shell",
		Long: `completion prints a script for bash, fish, powershell or zsh. Once the shell has read it, the Tab key
completes the commands and flags of ehrlab. With --json the script is a text in an object, beside the
name of the shell.`,
		Example: `  ehrlab completion bash > ehrlab.bash    # then, in .bashrc: source ehrlab.bash
  ehrlab completion zsh > _ehrlab         # in a folder of $fpath
  ehrlab completion fish > ehrlab.fish    # in ~/.config/fish/completions
  ehrlab completion powershell > ehrlab.ps1`,
		ValidArgs: names,
		Args:      arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, known := shells[args[0]]
			if !known {
				return wrongUsage(cmd, fmt.Errorf("no shell %q; known: %s", args[0], strings.Join(names, ", ")))
			}
			var script bytes.Buffer
			if err := write(cmd.Root(), &script); err != nil {
				return err
			}
			if a.json {
				a.printJSON(map[string]string{"shell": args[0], "script": script.String()})
				return nil
			}
			a.printf("%s", script.String())
			return nil
		},
	}
}
