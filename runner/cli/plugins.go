package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/spelling"
)

// pluginSummary is one plugin of plugins --json.
type pluginSummary struct {
	Kind     string              `json:"kind"`
	Name     string              `json:"name"`
	Version  int                 `json:"version"`
	Summary  string              `json:"summary"`
	Source   string              `json:"source,omitempty"`
	Schema   string              `json:"schema,omitempty"`
	Defaults json.RawMessage     `json:"defaults,omitempty"`
	Family   plugins.Family      `json:"family,omitempty"`  // of a metric
	Cost     plugins.Cost        `json:"cost,omitempty"`    // of a metric
	Control  bool                `json:"control,omitempty"` // of a metric: test rows have to be unseen by the generator
	Variant  bool                `json:"variant,omitempty"` // of a metric: it reproduces what one library does
	Core     []string            `json:"core,omitempty"`    // of a metric: its names among the core metrics
	Audited  bool                `json:"audited,omitempty"` // of a metric: it rates the audit of a cell
	Scale    *scaleSummary       `json:"scale,omitempty"`   // of an audit: what its scores mean
	Shapes   []plugins.Shape     `json:"shapes,omitempty"`
	Reads    []plugins.Part      `json:"reads,omitempty"`
	Random   []string            `json:"random,omitempty"`
	Scores   []scoreSummary      `json:"scores,omitempty"`
	Curves   []plugins.CurveInfo `json:"curves,omitempty"`
	Columns  []columnSet         `json:"columns,omitempty"`
}

// scaleSummary is the scale of an audit; higher is more plausible.
type scaleSummary struct {
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Keep float64 `json:"keep"`           // least score that is kept where the experiment names no threshold
	Step float64 `json:"step,omitempty"` // between neighbouring scores
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

	NoInterval string            `json:"noInterval,omitempty"` // why it has no interval
	Ideal      *float64          `json:"ideal,omitempty"`      // the best value, where that is no end of the range
	Best       string            `json:"best,omitempty"`       // the same in words, where it hangs on the data
	Tolerance  plugins.Tolerance `json:"tolerance"`            // how far values may lie apart on machines of two numeric classes

	stated plugins.Tolerance // what of it the metric states itself
}

func (a *app) pluginsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "plugins [NAME]",
		Short: "list the plugins, or describe one",
		Long: `plugins lists what an experiment can use, by kind. With a NAME it describes that plugin: its settings
and their defaults, the parts of the data that it reads, its scores and their scale, or the columns of its rows, and where
its method is published.`,
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
					var names []string
					for _, p := range list {
						names = append(names, p.Name)
					}
					return wrong(fmt.Errorf("no plugin named %q%s; 'ehrlab plugins' lists them", args[0], spelling.DidYouMean(args[0], names)))
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
				}
			}
			if len(args) == 0 {
				a.printPlugins(list)
			}
			return nil
		},
	}
}

// printPlugins prints one line a plugin; metrics by their families, with a star at those of the core.
func (a *app) printPlugins(list []pluginSummary) {
	place := func(p pluginSummary) int { return slices.Index(plugins.Families(), p.Family) }
	slices.SortStableFunc(list, func(x, y pluginSummary) int {
		if x.Kind != "metric" || y.Kind != "metric" {
			return 0
		}
		return place(x) - place(y)
	})
	width := 0
	for _, p := range list {
		width = max(width, len(p.Name))
	}
	heading, starred := "", false
	for _, p := range list {
		if h := strings.TrimSuffix(p.Kind+", "+string(p.Family), ", "); h != heading {
			a.printf("%s\n", h)
			heading = h
		}
		star := " "
		if len(p.Core) > 0 {
			star, starred = "*", true
		}
		a.printf("  %s %-*s v%d  %s\n", star, width, p.Name, p.Version, p.Summary)
	}
	if starred {
		a.printf("* a core metric: an experiment that names no metrics is rated by these, and so is 'ehrlab score'\n")
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
	list = appendKind(list, "audit", &r.Audits)
	list = appendKind(list, "metric", &r.Metrics)
	for i := range list {
		for _, p := range r.Core {
			if list[i].Kind == "metric" && p.Use == list[i].Name {
				list[i].Core = append(list[i].Core, p.Name)
			}
		}
	}
	return appendKind(list, "view", &r.Views)
}

func appendKind[P any](list []pluginSummary, kind string, set *plugins.Set[P]) []pluginSummary {
	for _, name := range set.Names() {
		entry := set.Get(name)
		i := entry.Info
		p := pluginSummary{Kind: kind, Name: i.Name, Version: i.Version, Summary: i.Summary, Source: i.Source, Schema: i.Schema, Defaults: entry.Defaults(), Reads: i.Reads}
		p.Family, p.Cost, p.Control, p.Variant, p.Audited, p.Shapes = i.Family, i.Cost, i.Control, i.Variant, i.Audited, i.Shapes
		if s := i.Scale; s != nil {
			p.Scale = &scaleSummary{s.Min, s.Max, s.Keep, s.Step}
		}
		for _, purpose := range i.Random {
			p.Random = append(p.Random, string(purpose))
		}
		for _, s := range i.Scores {
			told := scoreSummary{s.Name, s.Summary, bounds(s), s.Better, s.Dims, s.NoInterval, s.Ideal, s.Best, s.Agreement(), plugins.Tolerance{}}
			if s.Tolerance != nil {
				told.stated = *s.Tolerance
			}
			p.Scores = append(p.Scores, told)
		}
		p.Curves = i.Curves
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

// String says what the scale is.
func (s *scaleSummary) String() string {
	steps := ""
	if s.Step > 0 {
		steps = fmt.Sprintf(" in steps of %v", s.Step)
	}
	return fmt.Sprintf("%v to %v%s, higher is more plausible; a record is kept from %v on, unless the experiment sets another threshold", s.Min, s.Max, steps, s.Keep)
}

// bounds is the range of a score in interval notation.
func bounds(s plugins.ScoreInfo) string {
	low, high := fmt.Sprintf("[%.4g", s.Min), fmt.Sprintf("%.4g]", s.Max)
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
	if p.Family != "" {
		a.printf("  family: %s; time grows with: %s\n", p.Family, p.Cost)
	}
	if len(p.Core) > 0 {
		a.printf("  among the core metrics as: %s\n", strings.Join(p.Core, ", "))
	}
	if p.Variant {
		a.printf("  it reproduces what one library does, for comparison with its numbers alone\n")
	}
	if p.Audited {
		a.printf("  it rates the audit of a cell, and is undefined where there is none\n")
	}
	if p.Scale != nil {
		a.printf("  scores: %s\n", p.Scale)
	}
	if len(p.Shapes) > 0 {
		a.printf("  takes: %s\n", join(p.Shapes))
	}
	if len(p.Reads) > 0 {
		a.printf("  reads: %s\n", join(p.Reads))
	}
	if p.Control {
		a.printf("  test rows have to be rows that the generator has not seen\n")
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
		said := s.Summary
		if s.NoInterval != "" {
			said += "; " + plugins.WithoutInterval + s.NoInterval
		}
		a.printf("    %-*s %-12s %-8s %s\n", nameWidth(p.Scores), s.Name, s.Range, s.Better, said)
	}
	a.describeTolerances(p.Scores)
	if len(p.Curves) > 0 {
		a.printf("  curves:\n")
	}
	for _, c := range p.Curves {
		a.printf("    %s\n", describedCurve(c))
	}
	for _, s := range p.Columns {
		a.describeColumns(s)
	}
}

// describeTolerances prints, once for all scores that have it, how far values may lie apart on machines of two numeric classes.
func (a *app) describeTolerances(scores []scoreSummary) {
	var said []plugins.Tolerance
	names := map[plugins.Tolerance][]string{}
	for _, s := range scores {
		if names[s.stated] == nil {
			said = append(said, s.stated)
		}
		names[s.stated] = append(names[s.stated], s.Name)
	}
	for i, t := range said {
		if i == 0 {
			a.printf("  tolerance, of values from equal rows on machines of two numeric classes:\n")
		}
		of := strings.Join(names[t], ", ")
		if len(said) == 1 {
			of = "all scores"
		}
		size, why := t.String(), t.Why
		if why == "" && len(said) > 1 {
			of = "all others"
		}
		if why == "" {
			size, why = fmt.Sprintf("%.0e of the range or, where there is none, of the value", plugins.RoundingSize), plugins.RoundingWhy
		}
		a.printf("    %s (%s): %s\n", size, why, of)
	}
}

// describedCurve is one line on a curve: its name, what it is, and the setting that it needs.
func describedCurve(c plugins.CurveInfo) string {
	text := fmt.Sprintf("%-16s %s", c.Name, c.Summary)
	if c.With != "" {
		text += fmt.Sprintf("; with %s: true", c.With)
	}
	return text
}

func nameWidth(scores []scoreSummary) int {
	width := 16
	for _, s := range scores {
		width = max(width, len(s.Name))
	}
	return width
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
