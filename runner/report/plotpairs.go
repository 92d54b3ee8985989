package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// pairs gathers a plot of two quantities against each other: two scores, or a recorded curve of pairs.
func (src *source) pairs(p *spec.Plot) *plotted {
	if p.Curve != "" {
		return src.pairCurves(p)
	}
	var rows []string
	if p.Series != "" {
		rows = append(rows, p.Series)
	}
	for _, name := range src.pointsOf(p) {
		if !slices.Contains(rows, name) {
			rows = append(rows, name)
		}
	}
	t := src.table(&spec.Table{
		Name: p.Name, Title: p.Title, Rows: rows, Over: p.Over, Where: p.Where,
		Columns: []spec.TableColumn{{Score: p.X, Where: p.XWhere}, {Score: p.Y, Where: p.YWhere}},
	})
	x, y := src.column(spec.TableColumn{Score: p.X}), src.column(spec.TableColumn{Score: p.Y})
	fig := plugins.Figure{
		Title:  p.Title,
		XLabel: directed(cmp.Or(p.XLabel, x.Title+selected(p.XWhere)), x.Better),
		YLabel: directed(cmp.Or(p.YLabel, y.Title+selected(p.YWhere)), y.Better),
	}
	fig.Series = pairSeries(t, p.Series != "")
	said := []string{"One point for each " + strings.Join(src.pointsOf(p), " and ") + "."}
	if len(t.Over) > 0 && len(t.Lines) > 0 {
		said = append(said, fmt.Sprintf("Values are %s; %s.", t.means(), t.counts()))
	}
	fig.Notes = figureNotes(p, []*Table{t}, src.origin(), said)
	return &plotted{name: p.Name, figure: fig, data: func() ([]byte, error) { return pairData(t).csv() }}
}

// pointsOf are the axes and dimensions that tell points apart: unless the plot names them, all axes that have several values, are
// not averaged over, and do not tell x from y.
func (src *source) pointsOf(p *spec.Plot) []string {
	if len(p.Points) > 0 {
		return p.Points
	}
	var out []string
	for _, axis := range src.core.Manifest.Axes {
		_, ofX := p.XWhere[axis]
		_, ofY := p.YWhere[axis]
		if len(src.order[axis]) > 1 && !slices.Contains(p.Over, axis) && !ofX && !ofY {
			out = append(out, axis)
		}
	}
	return out
}

// selected names what one side of a pair selects, e.g. ", side real".
func selected(where map[string][]spec.Value) string {
	var parts []string
	for name, values := range where {
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = v.String()
		}
		parts = append(parts, ", "+name+" "+strings.Join(texts, " or "))
	}
	slices.Sort(parts)
	return strings.Join(parts, "")
}

// pairSeries makes one series for each value of the first label, or one of all lines. A line that lacks a value is no point.
func pairSeries(t *Table, named bool) []plugins.Series {
	byName := map[string]int{}
	var all []plugins.Series
	for i := range t.Lines {
		l := &t.Lines[i]
		name := ""
		if named {
			name = dashed(l.Labels[0])
		}
		k, known := byName[name]
		if !known {
			k = len(all)
			byName[name] = k
			all = append(all, plugins.Series{Name: name})
		}
		x, y := &l.Values[0], &l.Values[1]
		if x.Status == OK && y.Status == OK {
			all[k].X, all[k].Y = append(all[k].X, x.Value), append(all[k].Y, y.Value)
			all[k].Labels = append(all[k].Labels, pointName(l.Labels, named))
		}
	}
	return all
}

// pointName is what tells a point apart from others of its series.
func pointName(labels []string, named bool) string {
	if named {
		labels = labels[1:]
	}
	names := make([]string, len(labels))
	for i, l := range labels {
		names[i] = dashed(l)
	}
	return strings.Join(names, ", ")
}

// pairData is the plotted data: one row a point, those that lack a value among them.
func pairData(t *Table) *tidy {
	columns := []string{"x", "y", "x_low", "x_high", "y_low", "y_high", "x_measured", "y_measured", "planned", "status", "note"}
	out := &tidy{head: append(axisNamed(t.Rows, columns), columns...), banner: t.Banner}
	if t.Problem != "" {
		out.problem(t.Problem)
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		cells := slices.Clone(l.Labels)
		var values, bounds, counts, notes []string
		status := OK
		for c := range 2 {
			v := &l.Values[c]
			value, low, high := gap, gap, gap
			if v.Status == OK {
				if value = v.Value; v.Interval != nil {
					low, high = v.Interval.Low, v.Interval.High
				}
			} else if status == OK {
				status = v.Status
			}
			values, bounds, counts = append(values, full(value)), append(bounds, full(low), full(high)), append(counts, strconv.Itoa(v.N))
			for _, note := range printed(v.notes) {
				notes = append(notes, []string{"x: ", "y: "}[c]+note)
			}
		}
		notes = append(notes, printed(l.notes)...)
		cells = slices.Concat(cells, values, bounds, counts, []string{strconv.Itoa(max(l.Values[0].Of, l.Values[1].Of)), string(status), strings.Join(notes, "; ")})
		out.add(cells...)
	}
	return out
}
