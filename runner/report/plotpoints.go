package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// pointPart is one panel of a plot of points.
type pointPart struct {
	spec.PlotPart
	scores []spec.PlotScore
	tables []*Table // of each score: a line for each series and x; without an x, one for each series
}

// points gathers scores along an axis: one panel or several, in each of which the series are the values of an axis or dimension, or several
// scores.
func (src *source) points(p *spec.Plot) *plotted {
	parts := src.pointParts(p)
	fig := src.labelled(p)
	var tables []*Table
	var names []string
	for i := range parts {
		part := &parts[i]
		panel := src.pointPanel(p, part)
		if len(p.Parts) == 0 {
			panel.Title, panel.XLabel, panel.YLabel = fig.Title, fig.XLabel, fig.YLabel
			fig = panel
		} else {
			panel.Title, panel.XLabel = part.Title, cmp.Or(part.XLabel, strings.Join(append(slices.Clone(part.Outer), part.X), ", "))
			fig.Panels = append(fig.Panels, panel)
		}
		tables, names = append(tables, part.tables...), append(names, part.names()...)
	}
	fig.Notes = figureNotes(p, tables, src.origin(), pointNotes(tables, names))
	if len(tables) == 1 {
		return &plotted{name: p.Name, figure: fig, data: tables[0].csv}
	}
	return &plotted{name: p.Name, figure: fig, data: func() ([]byte, error) { return pointsCSV(parts) }}
}

// pointParts are the panels of a plot with their data; a plot without panels is one.
func (src *source) pointParts(p *spec.Plot) []pointPart {
	declared := p.Parts
	if len(declared) == 0 {
		declared = []spec.PlotPart{{X: p.X, Outer: p.Outer}}
	}
	scores := p.Scores
	if len(scores) == 0 {
		scores = []spec.PlotScore{{Score: p.Y}}
	}
	parts := make([]pointPart, len(declared))
	for i, d := range declared {
		parts[i] = pointPart{PlotPart: d, scores: scores}
		for _, s := range scores {
			where := narrowed(narrowed(p.Where, d.Where), s.Where)
			parts[i].tables = append(parts[i].tables, src.table(&spec.Table{
				Name: p.Name, Title: p.Title, Rows: parts[i].rows(p.Series), Over: p.Over, Where: where, Labels: p.Labels,
				Columns: []spec.TableColumn{{Score: s.Score, Title: s.Title, Minus: p.Minus}},
			}))
		}
	}
	return parts
}

// names tell the tables of a plot apart: by panel, score or both.
func (part *pointPart) names() []string {
	names := make([]string, len(part.scores))
	for i, s := range part.scores {
		names[i] = part.Title
		if len(part.scores) > 1 || part.Title == "" {
			names[i] = joinedBy(": ", part.Title, cmp.Or(s.Title, s.Score))
		}
	}
	return names
}

// pointTable is the data of a plot with one panel and one score.
func (src *source) pointTable(p *spec.Plot) *Table { return src.pointParts(p)[0].tables[0] }

// narrowed is a selection with what another says of single axes and dimensions in the place of what it says itself.
func narrowed(where, more map[string][]spec.Value) map[string][]spec.Value {
	if len(more) == 0 {
		return where
	}
	out := maps.Clone(where)
	if out == nil {
		out = map[string][]spec.Value{}
	}
	maps.Copy(out, more)
	return out
}

// rows are the axes and dimensions that tell points apart: the series, then those along x.
func (part *pointPart) rows(series string) []string {
	var rows []string
	if series != "" && series != part.X && !slices.Contains(part.Outer, series) {
		rows = append(rows, series)
	}
	rows = append(rows, part.Outer...)
	if part.X != "" {
		rows = append(rows, part.X)
	}
	return rows
}

// pointPanel is the figure of one panel.
func (src *source) pointPanel(p *spec.Plot, part *pointPart) plugins.Figure {
	var fig plugins.Figure
	along := max(1, len(part.Outer)+1) // labels at the end of a line that say where it stands
	x := part.X
	if len(part.Outer) > 0 {
		x = ""
	}
	var labels []string
	shown := map[string]string{}
	for _, t := range part.tables {
		for i := range t.Lines {
			l := t.Lines[i]
			label := placeLabel(&l, along)
			labels = append(labels, label)
			l.Labels = slices.Clone(l.Labels)
			for k, name := range t.Rows {
				l.Labels[k] = p.Shown(name, l.Labels[k])
			}
			shown[dashed(label)] = dashed(placeLabel(&l, along))
		}
	}
	at := src.placesOf(labels, x, narrowed(p.Where, part.Where), len(p.Labels[x]) > 0, &fig)
	for i, category := range fig.Categories {
		fig.Categories[i] = shown[category]
	}
	for i, t := range part.tables {
		name := ""
		if len(part.tables) > 1 {
			name = cmp.Or(part.scores[i].Title, part.scores[i].Score)
		}
		own := series(t, along, at, name)
		for k := range own {
			own[k].Name = p.Shown(p.Series, own[k].Name)
		}
		fig.Series = append(fig.Series, own...)
	}
	return fig
}

// placeLabel is where a line stands along x: its last labels.
func placeLabel(l *Line, along int) string {
	labels := l.Labels[max(0, len(l.Labels)-along):]
	if len(labels) == 1 {
		return labels[0]
	}
	shown := make([]string, len(labels))
	for i, label := range labels {
		shown[i] = dashed(label)
	}
	return strings.Join(shown, " ")
}

// series makes one series for each value of the series axis, or the one of a name; every series has every x, so that a missing point is a
// gap. The last labels of a line, along of them, say where it stands.
func series(t *Table, along int, at map[string]float64, named string) []plugins.Series {
	xs := distinctPlaces(at)
	byName := map[string]int{}
	var all []plugins.Series
	for i := range t.Lines {
		l := &t.Lines[i]
		name := named
		if len(l.Labels) > along {
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
		j, _ := slices.BinarySearch(xs, at[placeLabel(l, along)])
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

// pointsCSV is the data of several tables with one row a value: the panel, all axes and dimensions, then the columns of every table.
func pointsCSV(parts []pointPart) ([]byte, error) {
	head := []string{"panel"}
	for i := range parts {
		for _, t := range parts[i].tables {
			head = union(head, t.longHead()[:len(t.keys())])
		}
	}
	keys := len(head)
	head = append(head, csvColumns...)
	var rows [][]string
	for i := range parts {
		for _, t := range parts[i].tables {
			names := t.longHead()
			for _, long := range t.long() {
				row := make([]string, len(head))
				row[0] = parts[i].Title
				for c, name := range names[:len(t.keys())] {
					row[slices.Index(head[:keys], name)] = long[c]
				}
				copy(row[keys:], long[len(t.keys()):])
				rows = append(rows, row)
			}
		}
	}
	return csvOf(head, rows)
}
