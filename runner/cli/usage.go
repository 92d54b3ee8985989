package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ehrlab/ehrlab/runner/spelling"
)

// wrongUsage marks a wrong command line as the user's mistake, and says where help is.
func wrongUsage(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		err = fmt.Errorf("%w%s", err, didYouMeanFlag(cmd, unknown.GetSpecifiedName()))
	}
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		err = notANumber(value)
	}
	help := "ehrlab help " + strings.TrimPrefix(cmd.CommandPath(), "ehrlab")
	return wrong(fmt.Errorf("%s: %w; see '%s'", cmd.CommandPath(), err, strings.Join(strings.Fields(help), " ")))
}

// numberKinds are what flags want that hold numbers, by the types that pflag names.
var numberKinds = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint64": "a whole number, 0 or more", "float64": "a number", "intSlice": "whole numbers, such as 10,20",
}

// notANumber says what a flag wants, in the place of what the function says that read its number.
func notANumber(wrong *pflag.InvalidValueError) error {
	var number *strconv.NumError
	flag := wrong.GetFlag()
	want, known := numberKinds[flag.Value.Type()]
	switch {
	case !known || !errors.As(wrong, &number):
		return wrong
	case errors.Is(number, strconv.ErrRange):
		want += " within 64 bits"
	}
	return fmt.Errorf("--%s %q: want %s", flag.Name, wrong.GetValue(), want)
}

// didYouMeanFlag suggests a flag of a command.
func didYouMeanFlag(cmd *cobra.Command, name string) string {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { // those of every command among them
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	near := spelling.Closest(name, known)
	if near == "" {
		return ""
	}
	return "; did you mean --" + near + "?"
}

// arguments wants so many arguments; Use names them.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		if cmd.HasSubCommands() {
			return noCommand(cmd, args[0])
		}
		wanted := strings.TrimSpace(strings.TrimPrefix(cmd.Use, cmd.Name()))
		if wanted == "" {
			wanted = "no arguments"
		}
		return wrongUsage(cmd, fmt.Errorf("want %s, not %s", wanted, plural(len(args), "argument")))
	}
}

func noCommand(cmd *cobra.Command, name string) error {
	suggestion := ""
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		suggestion = fmt.Sprintf("; did you mean %q?", near[0])
	}
	return wrongUsage(cmd, fmt.Errorf("no command %q%s", name, suggestion))
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "say what a command does, with examples",
		Example: `  ehrlab help run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return noCommand(about, rest[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// usageTemplate is that of cobra, in the words of the documents.
func usageTemplate(root *cobra.Command) string {
	return strings.NewReplacer(
		"Available Commands:", "Commands:", "Global Flags:", "Flags of every command:", "[command]", "COMMAND",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `'{{.CommandPath}} COMMAND --help' says more of a command.`,
	).Replace(root.UsageTemplate())
}
