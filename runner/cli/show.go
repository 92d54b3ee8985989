package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/report"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) showCommand() *cobra.Command {
	var table string
	cmd := &cobra.Command{
		Use:   "show EXPERIMENT[@VERSION]",
		Short: "print the tables of a version",
		Long: `show prints the tables of a version of results: the one named, or else the newest that is complete. Of the tables
"accounting" and "judging", which experiments with language models have, it prints the sums unless --table names one.
EXPERIMENT is the name of an experiment, or its file.

Tables fit the terminal. A table that is too wide has its intervals below their values, then its columns in several parts below
each other, and a block for each line where even that has no room; nothing is cut off. What is not a terminal has 120 columns.`,
		Example: `  ehrlab show quickstart
  ehrlab show --table utility quickstart@v1
  ehrlab show --json experiments/quickstart.cue`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			v, err := a.openVersion(args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.showJSON(v, table)
			}
			return a.printTables(v, table)
		},
	}
	cmd.Flags().StringVar(&table, "table", "", "`name` of the only table to print")
	return cmd
}

// openVersion opens the version that an argument names.
func (a *app) openVersion(arg string) (*record.Version, error) {
	name, version, err := a.nameOf(arg)
	if err != nil {
		return nil, err
	}
	return a.open(name, version)
}

// open opens a version of an experiment.
func (a *app) open(name, version string) (*record.Version, error) {
	v, err := record.Open(a.settings.Results, name, version)
	if errors.Is(err, record.ErrUnknown) {
		return nil, wrong(err)
	}
	if errors.Is(err, record.ErrNone) {
		return nil, wrong(fmt.Errorf("%w; 'ehrlab run' makes one", err))
	}
	return v, err
}

// printTables prints the tables of a version, or the named one.
func (a *app) printTables(v *record.Version, only string) error {
	tables, err := report.Tables(v.Core, v.Views)
	if err != nil {
		return err
	}
	if tables, err = chosen(v, tables, only); err != nil {
		return err
	}
	declared := func(t *report.Table) bool {
		return t.Name == spec.PrimaryTable || slices.ContainsFunc(v.Views.Tables, func(d spec.Table) bool { return d.Name == t.Name })
	}
	for _, t := range tables {
		if only == "" && !declared(t.Table) {
			a.printf("%s\n", report.Wrapped(accountText(v, t.Table), a.out.width()))
			continue
		}
		a.printf("%s\n", report.Text(t.Table, a.out.width(), a.out.colors()))
	}
	return nil
}

// accountText stands for an account of what language models were asked for, which has a line for each value of many axes: the sums of
// rows, and where it is. Where there is no account of rows, as of judges, it says how many answers the models gave.
func accountText(v *record.Version, t *report.Table) string {
	var sums []string
	for _, count := range []struct{ name, said string }{
		{record.CountRequested, "requested"}, {record.CountReturned, "returned"}, {record.CountRejected, "rejected"}, {record.CountDelivered, "delivered"},
	} {
		i := slices.IndexFunc(t.Columns, func(c report.Column) bool { return c.Score == count.name })
		sum, told := 0., false
		for _, line := range t.Lines {
			if i >= 0 && line.Values[i].Status == report.OK {
				sum, told = sum+line.Values[i].Value, true
			}
		}
		if told {
			sums = append(sums, humanize.Comma(int64(sum))+" "+count.said)
		}
	}
	at := filepath.Join(v.Dir, "tables", t.Name+".md")
	if sums == nil {
		answers := 0
		for _, m := range v.Core.Manifest.LLMs {
			if slices.ContainsFunc(t.Lines, func(l report.Line) bool { return slices.Contains(strings.Split(l.Labels[0], ", "), m.Name) }) {
				answers += m.Distinct
			}
		}
		return fmt.Sprintf("%s of %s of language models; in %s", t.Name, plural(answers, "answer"), at)
	}
	return fmt.Sprintf("%s of rows: %s; in %s", t.Name, strings.Join(sums, ", "), at)
}

// showJSON prints where a version comes from, its cells and its tables.
func (a *app) showJSON(v *record.Version, only string) error {
	tables, err := report.Tables(v.Core, v.Views)
	if err != nil {
		return err
	}
	if tables, err = chosen(v, tables, only); err != nil {
		return err
	}
	shown := []*report.Table{}
	for _, t := range tables {
		shown = append(shown, t.Table)
	}
	a.printJSON(map[string]any{"version": v.Name, "manifest": v.Core.Manifest, "cells": v.Core.Cells, "tables": shown})
	return nil
}

// chosen keeps the named table, or all.
func chosen(v *record.Version, tables []report.Rendered, only string) ([]report.Rendered, error) {
	if only == "" {
		return tables, nil
	}
	var names []string
	for _, t := range tables {
		if t.Name == only {
			return []report.Rendered{t}, nil
		}
		names = append(names, t.Name)
	}
	return nil, wrong(fmt.Errorf("%s has no table %q; it has %s", v.Core.Manifest.Experiment, only, strings.Join(names, ", ")))
}

func (a *app) reportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report EXPERIMENT[@VERSION]",
		Short: "make the tables, plots and page of a version again",
		Long: `report makes the tables, plots and page (report.html) of a version again from its recorded scores alone; it needs neither
the data nor the cache.`,
		Example: `  ehrlab report quickstart
  ehrlab report quickstart@v1`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			v, err := a.openVersion(args[0])
			if err != nil {
				return err
			}
			if err := a.render(v.Dir); err != nil {
				return err
			}
			if a.json {
				a.printJSON(map[string]any{
					"experiment": v.Core.Manifest.Experiment, "version": v.Name, "results": v.Dir,
					"tables": len(v.Views.Tables), "plots": len(v.Views.Plots),
				})
				return nil
			}
			a.printf("%s %s: %s and %s in %s\n", v.Core.Manifest.Experiment, v.Name,
				plural(len(v.Views.Tables), "table"), plural(len(v.Views.Plots), "plot"), v.Dir)
			return nil
		},
	}
}
