// Package cli is the ehrlab command: subcommands, flags, printing and exit codes.
//
// Results go to standard output, messages and progress to standard error. It wires the other packages
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
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

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
	exitBudget     = 5   // the budget ended the run
	exitInterrupt  = 130 // stopped by a signal
)

// app is one invocation of the command.
type app struct {
	registry *plugins.Registry
	out, err *stream
	settings Settings
	json     bool
	rehash   bool
	graceful atomic.Bool // the command ends by itself when its context does
	done     atomic.Bool // it has ended
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

// Main runs the command and returns its exit code. A panic is a bug, and reported as one.
func Main(args []string, in io.Reader, out, errs io.Writer, registry *plugins.Registry) (code int) {
	a := &app{registry: registry, out: &stream{file: out}, err: &stream{file: errs}, log: slog.New(slog.DiscardHandler)}
	defer func() {
		if cause := recover(); cause != nil {
			code = a.end(&bug{fmt.Sprintf("a bug in ehrlab: %v; please report it", cause), debug.Stack()})
		}
	}()
	signal.Ignore(syscall.SIGPIPE) // a run goes on when nobody reads what it prints
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer a.done.Store(true)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
		if !a.graceful.Load() && !a.done.Load() {
			a.errf("interrupted\n")
			os.Exit(exitInterrupt)
		}
	}()
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return a.end(root.ExecuteContext(ctx))
}

// bug is an error that is not the user's: ehrlab or a plugin panicked.
type bug struct {
	text  string
	stack []byte
}

func (b *bug) Error() string { return b.text }

// end prints an error and returns the exit code.
func (a *app) end(err error) int {
	code := codeOf(err)
	if err != nil {
		a.printError(err)
	}
	if lost := a.out.failure(); lost != nil {
		a.errf("standard output: %v\n", lost)
		if code != exitInterrupt {
			code = exitBug
		}
	}
	return code
}

// codeOf is the exit code for an error.
func codeOf(err error) int {
	var e *exit
	var broken *bug
	var mistakes spec.Mistakes
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, engine.ErrInterrupted):
		return exitInterrupt
	case errors.As(err, &broken):
		return exitBug
	case errors.As(err, &mistakes):
		return exitWrong
	case errors.As(err, &e):
		return e.code
	}
	return exitBug
}

// printError prints an error: as JSON on standard output when that was asked for, as text on standard error.
func (a *app) printError(err error) {
	var mistakes spec.Mistakes
	text := err.Error()
	switch {
	case a.json && errors.As(err, &mistakes):
		a.printJSON(map[string]any{"error": "the experiment is wrong", "mistakes": mistakes})
	case a.json && text != "":
		a.printJSON(map[string]any{"error": text})
	case text != "":
		a.errf("%s\n", text)
	}
	var broken *bug
	if errors.As(err, &broken) && a.log.Enabled(context.Background(), slog.LevelDebug) {
		a.errf("%s", broken.stack)
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ehrlab",
		Short: "run declarative experiments on synthetic electronic health records",
		Long: `ehrlab runs declarative experiments on synthetic electronic health records.

One CUE file names data sets, feature subsets, generation strategies, sample sizes and
metrics. ehrlab checks it, expands it to a matrix of cells, runs what is not cached yet,
and writes versioned tables and plots.

Results go to standard output, messages and progress to standard error. Settings may also
stand in ehrlab.yaml, as "workers: 4", or in the environment, as EHRLAB_WORKERS=4. With
NO_COLOR=1 in the environment nothing is colored.

Exit codes: 0 all cells have results, 1 a bug or the machine, 2 the experiment or the
command line is wrong, 3 some cells failed, 4 a check regressed, 5 the budget ended the
run, 6 not comparable or underpowered, 130 interrupted.`,
		Example: `  ehrlab vet experiments/quickstart.cue
  ehrlab run experiments/quickstart.cue
  ehrlab show quickstart`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          arguments(0, 0),
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
	root.SetFlagErrorFunc(wrongUsage)
	root.SetUsageTemplate(usageTemplate(root))
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON, for programs")
	root.PersistentFlags().BoolVar(&a.rehash, "rehash", false, "read data files again, whatever their size and times say")
	settingFlags(root.PersistentFlags())
	root.AddCommand(
		a.initCommand(), a.vetCommand(), a.planCommand(), a.runCommand(), a.checkCommand(), a.showCommand(), a.reportCommand(), a.traceCommand(),
		a.diffCommand(), a.tagCommand(), a.bundleCommand(), a.reproduceCommand(),
		a.explainCommand(), a.scoreCommand(), a.reviewCommand(), a.pluginsCommand(), a.cacheCommand(), a.llmCommand(), a.dataCommand(), a.schemaCommand(), a.versionCommand(), a.completionCommand(),
	)
	root.SetHelpCommand(helpCommand())
	root.CompletionOptions.DisableDefaultCmd = true // completionCommand is ours
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
		a.log = slog.New(tint.NewTextHandler(a.err, &tint.Options{Level: level, NoColor: !a.err.colors(), TimeFormat: "15:04:05"}))
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
		panic(err) // only our own plain structs come here, and a stream takes all
	}
}
