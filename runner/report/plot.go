package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// plotted is a figure with the table of its data.
type plotted struct {
	name   string
	figure plugins.Figure
	data   *Table
}

// plot gathers the data of a declared plot: a table with a line for each x and series.
func (src *source) plot(p *spec.Plot) *plotted {
	rows := []string{p.X}
	if p.Series != "" && p.Series != p.X {
		rows = []string{p.Series, p.X}
	}
	t := src.table(&spec.Table{
		Name: p.Name, Title: p.Title, Rows: rows, Over: p.Over, Where: p.Where,
		Columns: []spec.TableColumn{{Score: p.Y, Minus: p.Minus}},
	})
	fig := plugins.Figure{Title: p.Title, XLabel: p.XLabel, YLabel: p.YLabel}
	if fig.XLabel == "" {
		fig.XLabel = p.X
	}
	if fig.YLabel == "" {
		fig.YLabel = t.Columns[0].Title
	}
	switch t.Columns[0].Better {
	case plugins.Higher:
		fig.YLabel += " (↑ higher is better)"
	case plugins.Lower:
		fig.YLabel += " (↓ lower is better)"
	}
	at := src.positions(t, p.X, &fig)
	fig.Series = series(t, at)
	fig.Notes = t.figureNotes(p, src.origin())
	return &plotted{name: p.Name, figure: fig, data: t}
}

// empty is the figure without its points, with what keeps them from being drawn.
func (p *plotted) empty(why string) plugins.Figure {
	fig := p.figure
	fig.Categories, fig.Series = nil, nil
	fig.Notes = append([]string{"No value: " + why}, fig.Notes...)
	return fig
}

// nominal are the axes whose values are names even where they look like numbers, as the ids of hospitals do.
var nominal = []string{"dataset", "site", spec.TrainSite, spec.TestSite, "features", "strategy", "llm", "seed", "audit"}

// positions finds the place of each x label: its value on an axis of numbers, else its rank among the categories.
func (src *source) positions(t *Table, x string, fig *plugins.Figure) map[string]float64 {
	at := map[string]float64{}
	numeric := src.axes[x] && !slices.Contains(nominal, x)
	var labels []string
	last := len(t.Rows) - 1
	for _, l := range t.Lines {
		label := l.Labels[last]
		if _, known := at[label]; known {
			continue
		}
		v, err := strconv.ParseFloat(label, 64)
		numeric = numeric && err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
		at[label] = v
		labels = append(labels, label)
	}
	if numeric && len(labels) > 0 {
		return at
	}
	src.sortLabels(t, x, labels)
	fig.Categories = make([]string, len(labels))
	for i, label := range labels {
		at[label] = float64(i)
		fig.Categories[i] = dashed(label)
	}
	return at
}

// sortLabels puts categories in the order of the axis. Those of a dimension stay as they occur; a missing one is last.
func (src *source) sortLabels(t *Table, x string, labels []string) {
	order := src.order[x]
	slices.SortStableFunc(labels, func(a, b string) int {
		if a == "" || b == "" {
			return strings.Compare(b, a)
		}
		if order == nil {
			return 0
		}
		return rankOf(order, a) - rankOf(order, b)
	})
}

// series makes one series for each value of the series axis; every series has every x, so that a missing point is a gap.
func series(t *Table, at map[string]float64) []plugins.Series {
	xs := make([]float64, 0, len(at))
	for _, x := range at {
		xs = append(xs, x)
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	byName := map[string]int{}
	var all []plugins.Series
	last := len(t.Rows) - 1
	for i := range t.Lines {
		l := &t.Lines[i]
		name := ""
		if last > 0 {
			name = dashed(l.Labels[0])
		}
		k, known := byName[name]
		if !known {
			k = len(all)
			byName[name] = k
			all = append(all, plugins.Series{Name: name, X: xs, Y: gaps(len(xs))})
		}
		s, v := &all[k], &l.Values[0]
		if v.Status != OK {
			continue
		}
		j, _ := slices.BinarySearch(xs, at[l.Labels[last]])
		s.Y[j] = v.Value
		if v.Interval == nil {
			continue
		}
		if s.Low == nil {
			s.Low, s.High = gaps(len(xs)), gaps(len(xs))
		}
		s.Low[j], s.High[j] = v.Interval.Low, v.Interval.High
	}
	return all
}

func gaps(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

// figureNotes is what stands under a figure: the banner, what its points and intervals are, and why some are missing.
func (t *Table) figureNotes(p *spec.Plot, origin string) []string {
	var notes []string
	if t.Banner != "" {
		notes = append(notes, t.Banner)
	}
	if why := t.nothing(); why != "" {
		return append(notes, why, origin)
	}
	if len(t.Over) > 0 {
		notes = append(notes, fmt.Sprintf("Values are %s; %s.", t.means(), t.counts()))
	}
	for _, s := range t.intervals() {
		notes = append(notes, strings.Replace(s, "Intervals in brackets: ", "Intervals: ", 1))
	}
	const most = 5
	for m, note := range t.Notes {
		if m == most {
			notes = append(notes, fmt.Sprintf("%s more with the plotted data, %s.csv.", plural(len(t.Notes)-most, "note"), p.Name))
			break
		}
		notes = append(notes, t.where(m)+note)
	}
	return append(notes, origin)
}

// nothing says why a figure has no point at all; empty when it has one.
func (t *Table) nothing() string {
	switch {
	case t.Problem != "":
		return t.Problem
	case len(t.Lines) == 0:
		return "No value: no cell of the experiment belongs to this plot."
	case slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Values[0].Status == OK }):
		return ""
	}
	return "No value: " + strings.Join(t.Notes, "; ") + "."
}

// counts is the range of n/N over the points.
func (t *Table) counts() string {
	var seen []string
	for _, l := range t.Lines {
		if l.Of == 0 {
			continue
		}
		if f := fraction(l.N, l.Of); !slices.Contains(seen, f) {
			seen = append(seen, f)
		}
	}
	slices.Sort(seen)
	return "n/N = " + strings.Join(seen, ", ")
}

// where names the points that a note belongs to, three of them at most.
func (t *Table) where(mark int) string {
	var names []string
	more := 0
	for _, l := range t.Lines {
		if !slices.Contains(l.Values[0].Marks, mark) && !slices.Contains(l.Marks, mark) {
			continue
		}
		if len(names) == 3 {
			more++
			continue
		}
		labels := make([]string, len(l.Labels))
		for i, label := range l.Labels {
			labels[i] = dashed(label)
		}
		names = append(names, strings.Join(labels, " "))
	}
	s := strings.Join(names, ", ")
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s + ": "
}
