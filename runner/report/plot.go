package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// plotted is a figure with its data as CSV.
type plotted struct {
	name   string
	figure plugins.Figure
	data   func() ([]byte, error)
}

// plot gathers the data of a declared plot in the form that its view draws.
func (src *source) plot(p *spec.Plot, form plugins.Form) *plotted {
	switch form {
	case plugins.SpreadForm:
		return src.spreads(p)
	case plugins.ForestForm:
		return src.forest(p)
	case plugins.PairForm:
		return src.pairs(p)
	case plugins.CurveForm:
		return src.curves(p)
	case plugins.MatrixForm:
		return src.matrices(p)
	}
	return src.points(p)
}

// labelled is a figure with its texts.
func (src *source) labelled(p *spec.Plot) plugins.Figure {
	fig := plugins.Figure{Title: p.Title, XLabel: cmp.Or(p.XLabel, p.X), YLabel: p.YLabel}
	column := src.column(spec.TableColumn{Score: p.Y, Minus: p.Minus})
	fig.YLabel = directed(cmp.Or(p.YLabel, column.Title), column.Better)
	return fig
}

// directed is a label of a score with the direction in which it is better.
func directed(label string, better plugins.Direction) string {
	switch better {
	case plugins.Higher:
		return label + " (↑ higher is better)"
	case plugins.Lower:
		return label + " (↓ lower is better)"
	}
	return label
}

// empty is the figure without its points, with what keeps them from being drawn.
func (p *plotted) empty(why string) plugins.Figure {
	fig := p.figure
	fig.Categories, fig.Series, fig.Panels, fig.Matrices = nil, nil, nil, nil
	fig.Notes = append([]string{"No value: " + why}, fig.Notes...)
	return fig
}

// nominal are the axes whose values are names even where they look like numbers, as the ids of hospitals do.
var nominal = []string{"dataset", "site", spec.TrainSite, spec.TestSite, "features", "strategy", "llm", "seed", "audit"}

// positionsOf finds the place of each x label, those of the row at xAt: its value on an axis of numbers, else its rank among the
// categories.
func (src *source) positionsOf(t *Table, xAt int, x string, where map[string][]spec.Value, fig *plugins.Figure) map[string]float64 {
	labels := make([]string, len(t.Lines))
	for i := range t.Lines {
		labels[i] = t.Lines[i].Labels[xAt]
	}
	return src.placesOf(labels, x, where, false, fig)
}

// placesOf finds the place of each label of an axis or dimension x; "" stands for several of them. Numbers that are named, as other texts
// are shown for them, are categories.
func (src *source) placesOf(all []string, x string, where map[string][]spec.Value, named bool, fig *plugins.Figure) map[string]float64 {
	at := map[string]float64{}
	numeric := src.axes[x] && !slices.Contains(nominal, x)
	var labels []string
	for _, label := range all {
		if _, known := at[label]; known {
			continue
		}
		v, err := strconv.ParseFloat(label, 64)
		numeric = numeric && err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
		at[label] = v
		labels = append(labels, label)
	}
	switch {
	case numeric && len(labels) > 0 && !named:
		return at
	case numeric && len(where[x]) == 0:
		slices.SortFunc(labels, func(a, b string) int { return cmp.Compare(at[a], at[b]) })
	default:
		sortLabels(src.orderOf(x, where), labels)
	}
	fig.Categories = make([]string, len(labels))
	for i, label := range labels {
		at[label] = float64(i)
		fig.Categories[i] = dashed(label)
	}
	return at
}

// sortLabels puts categories in an order; without one they stay as they occur. A missing one is last.
func sortLabels(order map[string]int, labels []string) {
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

func distinctPlaces(at map[string]float64) []float64 {
	xs := slices.Sorted(maps.Values(at))
	return slices.Compact(xs)
}

// gap is a value that is missing from a figure.
var gap = math.NaN()

func gaps(n int) []float64 { return slices.Repeat([]float64{gap}, n) }

// figureNotes is what stands under a figure of one table or several: the banner, what its points and intervals are, and why some are
// missing. What holds for several tables is said once. said is what the form of the figure has to say.
func figureNotes(p *spec.Plot, tables []*Table, origin string, said []string) []string {
	var notes, empty, chosen []string
	var why [][]string
	for _, t := range tables {
		if t.Banner != "" {
			notes = union(notes, []string{t.Banner})
		}
		if nothing := t.nothing(); nothing != "" {
			empty = union(empty, []string{nothing})
			continue
		}
		its := make([]string, len(t.Notes))
		for m, note := range t.Notes {
			its[m] = t.where(p, m) + note
		}
		why, chosen = append(why, its), union(chosen, t.chosen)
	}
	if len(why) > 0 {
		notes = append(notes, said...)
	}
	return append(slices.Concat(notes, empty, limited(p.Name, why...), chosen), origin)
}

// pointNotes say what points and their intervals are: of one table or of several, which names tell apart.
func pointNotes(tables []*Table, names []string) []string {
	var means []string
	counts := map[string][]string{}
	var intervals intervalNotes
	for i, t := range tables {
		if len(t.Lines) == 0 {
			continue
		}
		if len(t.Over) > 0 {
			text := t.means()
			means = union(means, []string{text})
			counts[text] = union(counts[text], t.fractions())
		}
		intervals.add(t, func(int, *Value) string { return names[i] })
	}
	var said []string
	for _, text := range means {
		said = append(said, fmt.Sprintf("Values are %s; %s.", text, countsOf(counts[text])))
	}
	if text := intervals.text(); text != "" {
		said = append(said, "Intervals: "+text)
	}
	return said
}

// limited is the first notes of each list, and how many more there are. A note of several lists is one.
func limited(name string, lists ...[]string) []string {
	const most = 5
	var first, all []string
	for _, notes := range lists {
		first, all = union(first, notes[:min(most, len(notes))]), union(all, notes)
	}
	if more := len(all) - len(first); more > 0 {
		first = append(first, fmt.Sprintf("%s more with the plotted data, %s.csv.", plural(more, "note"), name))
	}
	return first
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
func (t *Table) counts() string { return countsOf(t.fractions()) }

// fractions are n/N of the points, each once.
func (t *Table) fractions() []string {
	var seen []string
	for _, l := range t.Lines {
		if l.Of > 0 {
			seen = union(seen, []string{fraction(l.N, l.Of)})
		}
	}
	return seen
}

func countsOf(fractions []string) string {
	return "n/N = " + strings.Join(slices.Sorted(slices.Values(fractions)), ", ")
}

// where names the points that a note belongs to as the plot labels them, three of them at most: "copula at features top5, copula at features
// all", or, where one axis tells them apart, "features top5, all".
func (t *Table) where(p *spec.Plot, mark int) string {
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
			labels[i] = dashed(p.Shown(t.Rows[i], label))
		}
		switch bySeries := slices.Index(t.Rows, p.Series) == 0; {
		case bySeries && len(labels) == 2:
			labels[0] += " at " + t.Rows[1]
		case bySeries && len(labels) > 2: // places of several axes
			labels[0] += " at"
		}
		names = append(names, strings.Join(labels, " "))
	}
	s := strings.Join(names, ", ")
	if len(t.Rows) == 1 {
		s = t.Rows[0] + " " + s
	}
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s + ": "
}
