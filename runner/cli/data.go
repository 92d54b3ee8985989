package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
)

func (a *app) dataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "look at data files, compare them with a version's, or write simulated tables",
		Long: `data inspect says what is in a file or folder and prints a block for an experiment, data verify compares
the files of an experiment with those that a version was made from, and data write writes the raw tables of a
simulated data set. None of them prints a row.`,
		Example: `  ehrlab data write experiments/quickstart.cue icu raw
  ehrlab data inspect raw
  ehrlab data verify experiments/quickstart.cue`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.dataInspectCommand(), a.dataVerifyCommand(), a.dataWriteCommand())
	return cmd
}

// dataEnv is what a data set is given outside a run.
func (a *app) dataEnv() plugins.Env {
	return plugins.Env{
		Threads: a.settings.Workers, Log: a.log, Progress: func(int, int) {},
		Scratch: func() (string, error) { return "", errors.New("data sets are read without a scratch folder here") },
	}
}

// orInterrupted is an error, or that of a command that was stopped by a signal.
func orInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exit{exitInterrupt, errors.New("interrupted")}
	}
	return err
}
