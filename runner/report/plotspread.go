package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// spreads gathers a plot whose x and series stand for several values each: single ones of the averaged axes, or those of the
// axes and dimensions that the plot names, each averaged. Y is their mean.
func (src *source) spreads(p *spec.Plot) *plotted {
	values, over := p.Values, p.Over
	if len(values) == 0 {
		values, over = p.Over, nil
	}
	keys := []string{p.X}
	if p.Series != "" && p.Series != p.X {
		keys = []string{p.Series, p.X}
	}
	rows := slices.Clone(keys)
	for _, v := range values {
		if !slices.Contains(rows, v) {
			rows = append(rows, v)
		}
	}
	t := src.table(&spec.Table{
		Name: p.Name, Title: p.Title, Rows: rows, Over: over, Where: p.Where, Columns: []spec.TableColumn{{Score: p.Y, Minus: p.Minus}},
	})
	fig := src.labelled(p)
	xAt := len(keys) - 1
	place := src.positionsOf(t, xAt, p.X, p.Where, &fig)
	fig.Series = spreadSeries(t, xAt, place)
	most, fewest := 0, 0
	for _, s := range fig.Series {
		for _, v := range s.Values {
			if n := len(v); n > 0 && (fewest == 0 || n < fewest) {
				fewest = n
			}
			most = max(most, len(v))
		}
	}
	var said []string
	if most > 0 {
		count := fmt.Sprint(most)
		if fewest < most {
			count = fmt.Sprintf("%d to %d", fewest, most)
		}
		text := fmt.Sprintf("Each box is of %s values, one for each %s", count, src.listed(t, values))
		if len(over) > 0 {
			text += "; these are " + t.means() + ", " + t.counts()
		}
		said = append(said, text+".")
	}
	fig.Notes = figureNotes(p, []*Table{t}, src.origin(), said)
	return &plotted{name: p.Name, figure: fig, data: t.csv}
}

// listed names what the values of a box are of; of a dimension, such as quantile, a few values are listed, as a box of them says otherwise
// little of what it is drawn from.
func (src *source) listed(t *Table, names []string) string {
	const most = 7
	out := slices.Clone(names)
	for i, name := range names {
		if slices.Contains(src.core.Manifest.Axes, name) {
			continue
		}
		var labels []string
		for _, l := range t.Lines {
			labels = union(labels, []string{dashed(l.Labels[slices.Index(t.Rows, name)])})
		}
		if len(labels) <= most {
			out[i] += " (" + strings.Join(labels, ", ") + ")"
		}
	}
	return strings.Join(out, " and ")
}

// spreadSeries makes one series for each value of the first label, if there are two keys, with the values at each x.
func spreadSeries(t *Table, xAt int, place map[string]float64) []plugins.Series {
	xs := distinctPlaces(place)
	byName := map[string]int{}
	var all []plugins.Series
	for i := range t.Lines {
		l := &t.Lines[i]
		name := ""
		if xAt > 0 {
			name = dashed(l.Labels[0])
		}
		k, known := byName[name]
		if !known {
			k = len(all)
			byName[name] = k
			all = append(all, plugins.Series{Name: name, X: xs, Y: gaps(len(xs)), Values: make([][]float64, len(xs))})
		}
		if v := &l.Values[0]; v.Status == OK {
			j, _ := slices.BinarySearch(xs, place[l.Labels[xAt]])
			all[k].Values[j] = append(all[k].Values[j], v.Value)
		}
	}
	for k := range all {
		for j, values := range all[k].Values {
			sum := 0.0
			for _, v := range values {
				sum += v
			}
			if len(values) > 0 {
				all[k].Y[j] = sum / float64(len(values))
			}
		}
	}
	return all
}

// forest is the plot of a score at each of several hospitals or the like, with what all of them come to: the mean over x.
func (src *source) forest(p *spec.Plot) *plotted {
	t := src.pointTable(p)
	fig := src.labelled(p)
	last := len(t.Rows) - 1
	place := src.positionsOf(t, last, p.X, p.Where, &fig)
	if fig.Categories == nil { // places on the axis of a forest are names
		fig.Categories = make([]string, 0, len(place))
		for _, l := range t.Lines {
			if label := l.Labels[last]; !slices.Contains(fig.Categories, dashed(label)) {
				place[label] = float64(len(fig.Categories))
				fig.Categories = append(fig.Categories, dashed(label))
			}
		}
	}
	fig.Series = series(t, 1, place, "")
	said := pointNotes([]*Table{t}, []string{p.Y})
	if t.Problem == "" {
		all := *p
		all.X, all.Over = "", append(slices.Clone(p.Over), p.X)
		sum := src.pointTable(&all)
		said = append(said, src.summarised(t, sum, &fig, p)...)
	}
	fig.Notes = figureNotes(p, []*Table{t}, src.origin(), said)
	return &plotted{name: p.Name, figure: fig, data: t.csv}
}

// summarised gives each series its summary, adds it to the plotted data, and says what it is.
func (src *source) summarised(t, sum *Table, fig *plugins.Figure, p *spec.Plot) []string {
	name := "mean over " + unitOf([]string{p.X})
	found := false
	for i := range sum.Lines {
		l := &sum.Lines[i]
		v := l.Values[0]
		if v.Status != OK || v.Of < 2 {
			continue
		}
		s := fig.Series[0:0]
		for k := range fig.Series {
			if len(l.Labels) == 0 || fig.Series[k].Name == dashed(l.Labels[0]) {
				s = fig.Series[k : k+1]
			}
		}
		if len(s) == 0 {
			continue
		}
		found = true
		made := &plugins.Summary{Name: name, Value: v.Value, Low: gap, High: gap, PredictLow: gap, PredictHigh: gap}
		if v.Interval != nil {
			made.Low, made.High = v.Interval.Low, v.Interval.High
		}
		if v.Spread != nil {
			made.Note = "SD between sites " + number(v.Spread.SD, 3)
		}
		if v.Spread != nil && v.Spread.Next != nil {
			made.PredictLow, made.PredictHigh = v.Spread.Next.Low, v.Spread.Next.High
		}
		s[0].Summary = made
		line := *l
		line.Labels = append(slices.Clone(l.Labels), name)
		v.Marks, line.Marks = nil, nil // they count the notes of another table
		line.Values = []Value{v}
		t.Lines = append(t.Lines, line)
	}
	if !found {
		return nil
	}
	return []string{strings.ToUpper(name[:1]) + name[1:] + ": " + strings.Join(summaryTexts(sum), " ")}
}

// summaryTexts say how the summaries were made.
func summaryTexts(sum *Table) []string {
	var out []string
	if sum.bySite {
		out = append(out, "each test site counts once.")
	} else {
		out = append(out, sum.counts()+".")
	}
	for _, s := range sum.intervals() {
		out = append(out, strings.Replace(s, "Intervals in brackets: ", "Its interval: ", 1))
	}
	return append(out, sum.spreads()...)
}
