// Package cli is the ehrlab command: subcommands, flags, printing and exit codes.
//
// Results go to standard output, logs and progress to standard error. It wires the other packages
// together and leaves all work to them.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// The exit codes.
const (
	exitOK         = 0
	exitBug        = 1   // a bug or the machine
	exitWrong      = 2   // the experiment or the command line is wrong
	exitIncomplete = 3   // some cells failed
	exitInterrupt  = 130 // stopped by a signal
)

// app is one invocation of the command.
type app struct {
	registry *plugins.Registry
	in       io.Reader
	out, err io.Writer
	settings Settings
	json     bool
	log      *slog.Logger
}

// exit is an error that carries the exit code. A nil error prints nothing.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// wrong marks an error as the user's: exit code 2.
func wrong(err error) error {
	if err == nil {
		return nil
	}
	return &exit{exitWrong, err}
}

// Main runs the command and returns its exit code.
func Main(args []string, in io.Reader, out, errs io.Writer, registry *plugins.Registry) int {
	a := &app{registry: registry, in: in, out: out, err: errs, log: slog.New(slog.DiscardHandler)}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	return a.end(root.ExecuteContext(ctx))
}

// end prints an error and returns the exit code.
func (a *app) end(err error) int {
	if err == nil {
		return exitOK
	}
	code := exitBug
	var e *exit
	var mistakes spec.Mistakes
	var usage *usageError
	switch {
	case errors.Is(err, engine.ErrInterrupted):
		code = exitInterrupt
	case errors.As(err, &mistakes), errors.As(err, &usage):
		code = exitWrong
	case errors.As(err, &e):
		code = e.code
	}
	text := err.Error()
	switch {
	case a.json && mistakes != nil:
		a.printJSON(map[string]any{"error": "the experiment is wrong", "mistakes": mistakes})
	case a.json && text != "":
		a.printJSON(map[string]any{"error": text})
	case text != "":
		fmt.Fprintln(a.err, text)
	}
	return code
}

// usageError is a wrong command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() + "; see 'ehrlab help'" }
func (e *usageError) Unwrap() error { return e.err }

// usage marks the argument checks of cobra as the user's mistakes.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{fmt.Errorf("ehrlab %s: %w", cmd.Name(), err)}
		}
		return nil
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ehrlab",
		Short: "run declarative experiments on synthetic electronic health records",
		Long: `ehrlab runs declarative experiments on synthetic electronic health records.

One CUE file names datasets, feature subsets, generation strategies, sample sizes and
metrics. ehrlab checks it, expands it to a matrix of cells, runs what is not cached yet,
and writes versioned tables and plots.

Exit codes: 0 all cells have results, 1 a bug or the machine, 2 the experiment or the
command line is wrong, 3 some cells failed, 130 interrupted.`,
		Example: `  ehrlab vet experiments/quickstart.cue
  ehrlab run experiments/quickstart.cue
  ehrlab show quickstart`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.load(cmd.Flags()); err != nil {
				return wrong(err)
			}
			return a.startLog()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON for programs")
	settingFlags(root.PersistentFlags())
	root.AddCommand(
		a.vetCommand(), a.planCommand(), a.runCommand(), a.showCommand(), a.reportCommand(),
		a.explainCommand(), a.pluginsCommand(), a.cacheCommand(), a.schemaCommand(), a.versionCommand(),
	)
	return root
}

// startLog makes the logger that the settings ask for, on standard error.
func (a *app) startLog() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.settings.LogLevel)); err != nil {
		return wrong(fmt.Errorf("log-level %q: must be debug, info, warn or error", a.settings.LogLevel))
	}
	switch a.settings.LogFormat {
	case "text":
		a.log = slog.New(tint.NewTextHandler(a.err, &tint.Options{Level: level, NoColor: !isTerminal(a.err), TimeFormat: "15:04:05"}))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.err, &slog.HandlerOptions{Level: level}))
	default:
		return wrong(fmt.Errorf("log-format %q: must be text or json", a.settings.LogFormat))
	}
	return nil
}

// printJSON prints one value as one line.
func (a *app) printJSON(v any) {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only our own plain structs come here
	}
}

// printf writes to standard output.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is the number of columns of the terminal that w is, or a width fit for files.
func width(w io.Writer) int {
	const paper = 120
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return paper
}

// errf writes to standard error.
func (a *app) errf(format string, args ...any) { fmt.Fprintf(a.err, format, args...) }
