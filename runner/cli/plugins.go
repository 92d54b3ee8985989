package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// pluginSummary is one plugin of plugins --json.
type pluginSummary struct {
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Version  int             `json:"version"`
	Summary  string          `json:"summary"`
	Source   string          `json:"source,omitempty"`
	Schema   string          `json:"schema,omitempty"`
	Defaults json.RawMessage `json:"defaults,omitempty"`
	Reads    []plugins.Part  `json:"reads,omitempty"`
	Random   []string        `json:"random,omitempty"`
	Scores   []scoreSummary  `json:"scores,omitempty"`
	Columns  []columnSet     `json:"columns,omitempty"`
}

// columnSet is columns that a data set has with some settings.
type columnSet struct {
	With    string          `json:"with,omitempty"`
	Columns []columnSummary `json:"columns"`
}

type columnSummary struct {
	Name    string       `json:"name"`
	Kind    frame.Kind   `json:"kind"`
	Unit    string       `json:"unit,omitempty"`
	Group   string       `json:"group,omitempty"`
	Role    plugins.Role `json:"role,omitempty"`
	Summary string       `json:"summary,omitempty"`
}

type scoreSummary struct {
	Name    string            `json:"name"`
	Summary string            `json:"summary"`
	Range   string            `json:"range"`
	Better  plugins.Direction `json:"better"`
	Dims    []string          `json:"dims,omitempty"`
}

func (a *app) pluginsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plugins [NAME]",
		Short: "list the plugins, or describe one",
		Long: `plugins lists what an experiment can use, by kind. With a NAME it describes that plugin: its settings
and their defaults, the parts of the data that it reads, its scores or the columns of its rows, and where its method is
published.`,
		Example: `  ehrlab plugins
  ehrlab plugins gaussian-copula`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			list := a.pluginList()
			if len(args) == 1 {
				var found []pluginSummary
				for _, p := range list {
					if p.Name == args[0] {
						found = append(found, p)
					}
				}
				if len(found) == 0 {
					return wrong(fmt.Errorf("no plugin named %q; 'ehrlab plugins' lists them", args[0]))
				}
				list = found
			}
			if a.json {
				a.printJSON(list)
				return nil
			}
			for _, p := range list {
				if len(args) == 1 {
					a.describe(p)
				} else {
					a.printf("%-9s %-18s v%d  %s\n", p.Kind, p.Name, p.Version, p.Summary)
				}
			}
			return nil
		},
	}
}

// pluginList describes every registered plugin, by kind and name.
func (a *app) pluginList() []pluginSummary {
	var list []pluginSummary
	r := a.registry
	list = appendKind(list, "dataset", &r.Datasets)
	list = appendKind(list, "features", &r.Features)
	list = appendKind(list, "strategy", &r.Strategies)
	list = appendKind(list, "llm", &r.LLMs)
	list = appendKind(list, "metric", &r.Metrics)
	return appendKind(list, "view", &r.Views)
}

func appendKind[P any](list []pluginSummary, kind string, set *plugins.Set[P]) []pluginSummary {
	for _, name := range set.Names() {
		entry := set.Get(name)
		i := entry.Info
		p := pluginSummary{Kind: kind, Name: i.Name, Version: i.Version, Summary: i.Summary, Source: i.Source, Schema: i.Schema, Defaults: entry.Defaults(), Reads: i.Reads}
		for _, purpose := range i.Random {
			p.Random = append(p.Random, string(purpose))
		}
		for _, s := range i.Scores {
			p.Scores = append(p.Scores, scoreSummary{s.Name, s.Summary, bounds(s), s.Better, s.Dims})
		}
		for _, s := range i.Columns {
			p.Columns = append(p.Columns, tellColumns(s))
		}
		list = append(list, p)
	}
	return list
}

func tellColumns(s plugins.ColumnSet) columnSet {
	out := columnSet{With: s.With}
	for _, c := range s.Columns {
		out.Columns = append(out.Columns, columnSummary{c.Name, c.Kind, c.Unit, c.Group, c.Role, c.Summary})
	}
	return out
}

// bounds is the range of a score in interval notation.
func bounds(s plugins.ScoreInfo) string {
	low, high := fmt.Sprintf("[%g", s.Min), fmt.Sprintf("%g]", s.Max)
	if math.IsInf(s.Min, 0) {
		low = "(-inf"
	}
	if math.IsInf(s.Max, 0) {
		high = "inf)"
	}
	return low + ", " + high
}

func (a *app) describe(p pluginSummary) {
	a.printf("%s (%s, version %d)\n  %s\n", p.Name, p.Kind, p.Version, p.Summary)
	if p.Source != "" {
		a.printf("  source: %s\n", p.Source)
	}
	if len(p.Reads) > 0 {
		a.printf("  reads: %s\n", join(p.Reads))
	}
	if len(p.Random) > 0 {
		a.printf("  draws random numbers for: %s\n", strings.Join(p.Random, ", "))
	}
	if p.Schema != "" {
		a.printf("  settings (with):\n")
		for line := range strings.SplitSeq(strings.Trim(p.Schema, "\n"), "\n") {
			a.printf("    %s\n", line)
		}
		a.printf("  defaults: %s\n", p.Defaults)
	}
	if len(p.Scores) > 0 {
		a.printf("  scores:\n")
	}
	for _, s := range p.Scores {
		a.printf("    %-16s %-12s %-8s %s\n", s.Name, s.Range, s.Better, s.Summary)
	}
	for _, s := range p.Columns {
		a.describeColumns(s)
	}
}

// describeColumns prints a table of columns.
func (a *app) describeColumns(s columnSet) {
	with := ""
	if s.With != "" {
		with = " with " + s.With
	}
	a.printf("  columns%s (%d):\n", with, len(s.Columns))
	lines := [][]string{{"name", "unit", "group", "role", "summary"}}
	for _, c := range s.Columns {
		line := []string{c.Name, c.Unit, c.Group, string(c.Role), c.Summary}
		for i, text := range line {
			line[i] = cmp.Or(text, "-")
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(lines[0])-1) // the last is as wide as it is
	for _, line := range lines {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(line[i]))
		}
	}
	for _, line := range lines {
		a.printf("   ")
		for i, width := range widths {
			a.printf(" %-*s ", width, line[i])
		}
		a.printf(" %s\n", line[len(widths)])
	}
}

func join[S ~string](list []S) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, ", ")
}
