package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/report"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func (a *app) traceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "trace EXPERIMENT[@VERSION] [TABLE [ROW COLUMN]]",
		Short: "say what a number of a table was made of",
		Long: `trace prints what a number of a table was made of: every single score behind it with its cell, seed, n and status, how
they were summarised, the keys of the steps that made them, the hashes of the data, the versions of the plugins, and the
language models that were asked. It reads the record alone.

ROW is the labels of the row with commas between them, as in "copula,top5", or names with labels, as in
"strategy=copula,features=top5"; names that are not needed may be left out. COLUMN is the title of a column or its score.
Without ROW and COLUMN it lists those of the table, without TABLE the tables.`,
		Example: `  ehrlab trace quickstart utility
  ehrlab trace quickstart utility copula,top5 AUROC
  ehrlab trace quickstart@v1 utility strategy=copula,features=all utility.auprc
  ehrlab trace --json quickstart fidelity floor,all kl.mean`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 3 {
				return wrongUsage(cmd, fmt.Errorf("COLUMN is missing; 'ehrlab trace %s %s' lists the columns", shellQuoted(args[0]), shellQuoted(args[1])))
			}
			return arguments(1, 4)(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			v, err := a.openVersion(args[0])
			if err != nil {
				return err
			}
			if len(args) < 4 {
				return a.listTraceable(v, args)
			}
			o, err := report.Trace(v.Core, v.Views, args[1], args[2], args[3])
			if err != nil {
				return wrong(fmt.Errorf("%s %s: %w", v.Core.Manifest.Experiment, v.Name, err))
			}
			keys, err := record.ReadTrace(v.Dir)
			if err != nil {
				return err
			}
			t := newTraced(v, o, keys)
			if a.json {
				a.printJSON(t)
				return nil
			}
			a.printTrace(v, t)
			return nil
		},
	}
}

// traceable is what trace --json prints of what there is to trace.
type traceable struct {
	Experiment string           `json:"experiment"`
	Version    string           `json:"version"`
	Tables     []report.Outline `json:"tables"`
}

// listTraceable prints the tables of a version, or the rows and columns of one, as trace takes them.
func (a *app) listTraceable(v *record.Version, args []string) error {
	t := traceable{v.Core.Manifest.Experiment, v.Name, report.Outlines(v.Core, v.Views)}
	if len(args) > 1 {
		one, err := report.OutlineOf(t.Tables, args[1])
		if err != nil {
			return wrong(fmt.Errorf("%s %s: %w", t.Experiment, t.Version, err))
		}
		t.Tables = []report.Outline{one}
	}
	switch {
	case a.json:
		a.printJSON(t)
	case len(args) > 1:
		a.printOutline(&t, &t.Tables[0], args[0])
	default:
		a.printf("%s %s: %s\n", t.Experiment, t.Version, plural(len(t.Tables), "table"))
		for _, o := range t.Tables {
			a.printf("  %s%s\n    %s, %s%s\n", o.Table, behind(": "+o.Title, o.Title), plural(len(o.Rows), "row"), plural(len(o.Columns), "column"), behind("; "+o.Problem, o.Problem))
		}
	}
	return nil
}

// printOutline lists the rows and columns of a table, and shows the command for the first number of it.
func (a *app) printOutline(t *traceable, o *report.Outline, version string) {
	a.printf("%s %s, table %s%s:\n", t.Experiment, t.Version, o.Table, behind(": "+o.Title, o.Title))
	if o.Problem != "" {
		a.printf("  %s\n", o.Problem)
		return
	}
	a.printf("rows (%d):\n", len(o.Rows))
	for _, r := range o.Rows {
		a.printf("  %s\n", r.Name)
	}
	a.printf("columns (%d):\n", len(o.Columns))
	for _, c := range o.Columns {
		a.printf("  %s\n", c.Name)
	}
	if len(o.Rows) > 0 && len(o.Columns) > 0 {
		a.printf("for example: ehrlab trace %s %s %s %s\n", shellQuoted(version), shellQuoted(o.Table), shellQuoted(o.Rows[0].Name), shellQuoted(o.Columns[0].Name))
	}
}

// traced is what trace --json prints: a number with all that it was made of.
type traced struct {
	Experiment string `json:"experiment"`
	Version    string `json:"version"`
	Simulated  bool   `json:"simulated,omitempty"`
	*report.Origin
	Steps   []tracedSteps       `json:"steps"` // of each cell behind the number
	Data    []record.DataInfo   `json:"data"`
	Plugins []record.PluginInfo `json:"plugins"`
	Models  []record.ModelInfo  `json:"models,omitempty"`
	Numeric string              `json:"numeric"`
	Tool    record.Tool         `json:"tool"`
}

// tracedSteps are the keys of the steps that made a cell's scores, for 'ehrlab explain' and the cache.
type tracedSteps struct {
	Cell     string              `json:"cell"`
	Generate string              `json:"generate,omitempty"`
	Audit    []record.AuditTrace `json:"audit,omitempty"`
	Measures map[string]string   `json:"measures,omitempty"` // by metric, of those behind the number
}

func newTraced(v *record.Version, o *report.Origin, keys record.Trace) *traced {
	m := &v.Core.Manifest
	t := &traced{
		Experiment: m.Experiment, Version: v.Name, Simulated: m.Simulated, Origin: o, Steps: []tracedSteps{}, Plugins: pluginsBehind(v, o),
		Numeric: m.Numeric, Tool: m.Tool, Data: []record.DataInfo{},
	}
	metrics := map[string]bool{}
	for _, s := range o.Scores {
		metrics[s.Metric] = true
	}
	cells := o.Cells()
	for _, cell := range cells {
		steps := tracedSteps{Cell: cell}
		if i := slices.IndexFunc(keys.Cells, func(k record.CellTrace) bool { return k.Cell == cell }); i >= 0 {
			steps.Generate, steps.Audit, steps.Measures = keys.Cells[i].Generate, keys.Cells[i].Audit, map[string]string{}
			for metric, key := range keys.Cells[i].Measures {
				if metrics[metric] {
					steps.Measures[metric] = key
				}
			}
		}
		t.Steps = append(t.Steps, steps)
	}
	used, asked := map[string]bool{}, map[string]bool{}
	for i := range v.Core.Cells {
		if c := &v.Core.Cells[i]; slices.Contains(cells, c.ID) {
			used[c.Axes["dataset"]] = true
		}
	}
	for i := range v.Core.Counts {
		if c := &v.Core.Counts[i]; slices.Contains(cells, c.Cell) && c.Dims[record.ModelDim] != "" {
			asked[c.Dims[record.ModelDim]] = true
		}
	}
	for _, c := range o.Counts {
		used[c.Dataset] = used[c.Dataset] || c.Dataset != ""
	}
	for _, d := range m.Data {
		if used[d.Name] || used[""] {
			d.Columns, d.Truth = nil, nil // they are in the manifest
			t.Data = append(t.Data, d)
		}
	}
	for _, l := range m.LLMs {
		if asked[l.Name] {
			t.Models = append(t.Models, l)
		}
	}
	return t
}

// pluginsBehind are the plugins and built-in steps that took part in what is behind a number: of strategies, audits and metrics those of
// its cells and scores, of the others all.
func pluginsBehind(v *record.Version, o *report.Origin) []record.PluginInfo {
	var resolved struct {
		Strategies []spec.Use
		Audits     []spec.Audit
		Metrics    []spec.Metric
	}
	if json.Unmarshal(v.Core.Manifest.Resolved, &resolved) != nil {
		return v.Core.Manifest.Plugins
	}
	used := map[string]bool{}
	for _, s := range o.Scores {
		audited(used, resolved.Audits, s.Axes["audit"])
		if s.Less != nil {
			audited(used, resolved.Audits, s.Less.Axes["audit"])
		}
		for _, strategy := range resolved.Strategies {
			if strategy.Name == s.Axes["strategy"] || s.Less != nil && strategy.Name == s.Less.Axes["strategy"] {
				used["generate "+strategy.Use] = true
			}
		}
		for _, metric := range resolved.Metrics {
			if metric.Name == s.Metric {
				used["measure "+metric.Use.Use] = true
			}
		}
	}
	var out []record.PluginInfo
	for _, p := range v.Core.Manifest.Plugins {
		if !slices.Contains(chosenStages, p.Stage) || used[p.Stage+" "+p.Name] {
			out = append(out, p)
		}
	}
	return out
}

// chosenStages are the stages whose plugins differ between cells by axes or scores.
var chosenStages = []string{"generate", "lineup", "judge", "decide", "measure"}

// audited notes the plugins and built-in steps of an audit, or of an arm beside it.
func audited(used map[string]bool, audits []spec.Audit, value string) {
	e := spec.Experiment{Audits: audits}
	a, arm := e.Audit(value)
	if a == nil {
		return
	}
	for _, x := range e.Auditors(a) {
		used["judge "+x.Use.Use] = true
	}
	used["lineup lineup"], used["decide decide"], used["decide "+arm] = true, true, true
}

// printTrace prints a number and what it was made of, for people.
func (a *app) printTrace(v *record.Version, t *traced) {
	var row []string
	for _, name := range t.Rows {
		row = append(row, name+" "+cmp.Or(t.Row[name], "–"))
	}
	a.printf("%s %s, table %s, %s, column %s:\n  %s\n", t.Experiment, t.Version, t.Table, strings.Join(row, ", "), t.Column, t.Shown)
	if t.Value.Value != nil && t.Shown != "" {
		a.printf("  in full: %s\n", exact(*t.Value.Value, t.Value.Interval))
	}
	for _, how := range t.How {
		a.printf("  %s\n", how)
	}
	for _, note := range append(slices.Clone(t.Value.Notes), t.Notes...) {
		a.printf("  note: %s\n", note)
	}
	if len(t.Scores) > 0 {
		a.printf("\nscores (%d):\n", len(t.Scores))
		for i := range t.Scores {
			a.printScore(&t.Scores[i], "  ")
		}
	}
	if len(t.Counts) > 0 {
		a.printf("\ncounts (%d):\n", len(t.Counts))
		for _, c := range t.Counts {
			a.printf("  %d  %s, %s%s%s\n", c.Value, c.Name, c.Stage, dimsText(c.Dims), behind(" of "+cmp.Or(c.Cell, c.Dataset), c.Cell+c.Dataset))
		}
	}
	if len(t.Steps) > 0 {
		a.printf("\nsteps, by their keys:\n")
	}
	for _, s := range t.Steps {
		a.printf("  %s\n", s.Cell)
		if s.Generate == "" {
			a.printf("    not recorded: trace.json does not name this cell\n")
			continue
		}
		a.printf("    generate %s\n", s.Generate)
		for _, of := range s.Audit {
			a.printf("    %-8s %s  %s\n", of.Stage, of.Key, of.Label)
		}
		for _, metric := range slices.Sorted(maps.Keys(s.Measures)) {
			a.printf("    measure  %s  %s\n", s.Measures[metric], metric)
		}
	}
	a.printSources(v, t)
}

func (a *app) printSources(v *record.Version, t *traced) {
	a.printf("\ndata:\n")
	for _, d := range t.Data {
		a.printf("  %s (%s, %s)\n", d.Name, d.Plugin, d.Governance)
		for _, f := range d.Files {
			a.printf("    %s  %s\n", f.SHA256, f.Role)
		}
	}
	a.printf("plugins:\n")
	for _, p := range t.Plugins {
		a.printf("  %-9s %s, version %d\n", p.Stage, p.Name, p.Version)
	}
	for _, l := range t.Models {
		a.printf("model:   %s: %s, served as %s, asked from %s to %s UTC\n", l.Name, l.Model, strings.Join(l.Served, ", "),
			l.First.UTC().Format("2006-01-02 15:04"), l.Last.UTC().Format("2006-01-02 15:04"))
	}
	a.printf("made by: ehrlab %s%s, %s, %s\n", t.Tool.Version, behind(", revision "+t.Tool.Revision, t.Tool.Revision), t.Tool.Platform, t.Numeric)
	if t.Simulated {
		a.printf("simulated: a software check, no evidence\n")
	}
}

// behind is a text, or nothing where what it is about is empty.
func behind(text, about string) string {
	if about == "" {
		return ""
	}
	return text
}

// printScore prints one score; what is subtracted from it stands below it.
func (a *app) printScore(s *report.OriginScore, indent string) {
	value := string(s.Status) + ": " + s.Reason
	if s.Status == plugins.OK {
		value = exact(s.Value, s.Interval)
	}
	a.printf("%s%s%s\n%s  %s.%s%s = %s; n = %d\n", indent, s.Cell, dimsText(s.Axes), indent, s.Metric, s.Name, dimsText(s.Dims), value, s.N)
	for _, w := range s.Warnings {
		a.printf("%s  warning: %s\n", indent, w)
	}
	if s.Less != nil {
		a.printf("%s  less\n", indent)
		a.printScore(s.Less, indent+"  ")
	}
}

// exact is a number at full precision, with its interval.
func exact(value float64, iv *plugins.Interval) string {
	full := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	if iv == nil {
		return full(value)
	}
	return fmt.Sprintf("%s [%s, %s]", full(value), full(iv.Low), full(iv.High))
}

// dimsText is the dimensions of a score or count, e.g. " (column age, side real)".
func dimsText(dims map[string]string) string {
	if len(dims) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(dims)) {
		parts = append(parts, name+" "+dims[name])
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
