// Package forest draws an estimate with its interval for each hospital, or other category, on a line of its own, and the
// estimate over all of them below.
package forest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	style.Values
	Log     bool   `json:"log"`
	Sort    string `json:"sort"`    // given, value or name
	Numbers bool   `json:"numbers"` // beside the lines
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "forest",
		Version: 1,
		Summary: "an estimate with its interval on a line for each category, and that over all below",
		Schema: style.Schema + style.ValuesSchema + `
log?:     bool // values above 0 only
sort?:    "given" | "value" | "name" // of the lines; value: the greatest first, by the first series
numbers?: bool // the estimates in figures beside the lines
`,
	}, Config{Config: style.Defaults(), Sort: "given", Numbers: true}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := errors.Join(c.Config.Check(), c.Values.Check()); err != nil {
		return nil, err
	}
	if c.Sort != "value" && c.Sort != "name" && c.Sort != "given" {
		return nil, errors.New(`sort: want "value", "name" or "given"`)
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of forests.
func (view) Form() plugins.Form { return plugins.ForestForm }

// Draw draws the figure: y and its interval along the page, the categories down it. The page grows with their number.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	fig = style.Categorical(fig)
	panels, err := style.Panels(fig)
	if err != nil {
		return nil, err
	}
	pg := &style.Page{Config: v.config.Config, Title: fig.Title, Notes: style.Notes(fig), Least: 60 * vg.Millimeter}
	for i := range panels {
		plot, err := v.plot(&panels[i])
		if err != nil {
			return nil, err
		}
		if len(panels) > 1 {
			plot.Title = panels[i].Title
		} else {
			panels[i].Title = "" // that of the page
		}
		pg.Plots = append(pg.Plots, plot)
		pg.Notes = append(pg.Notes, summaries(&panels[i])...)
	}
	pg.Notes = append(pg.Notes, style.Explained(v.config.Lines)...)
	pg.Series = style.SeriesNames(&panels[0])
	for i := range panels[0].Series {
		pg.Entries = append(pg.Entries, style.Entry{Text: panels[0].Series[i].Name, Key: func(p *style.Pen, at vg.Point, w, h vg.Length) {
			p.Line(style.Colour(i), style.ThinWidth, nil, vg.Point{X: at.X - w/2, Y: at.Y}, vg.Point{X: at.X + w/2, Y: at.Y})
			style.PointKey(p, i, at, w, h)
		}})
	}
	return pg.Draw()
}

// summaries are what is to be said of the estimates over all.
func summaries(fig *plugins.Figure) []string {
	var notes []string
	predicted := false
	for i := range fig.Series {
		sum := fig.Series[i].Summary
		if sum == nil {
			continue
		}
		predicted = predicted || style.Finite(sum.PredictLow) && style.Finite(sum.PredictHigh)
		if sum.Note != "" {
			name := sum.Name
			if len(fig.Series) > 1 {
				name = fig.Series[i].Name + ", " + name
			}
			notes = append(notes, name+": "+sum.Note)
		}
	}
	if predicted {
		notes = append(notes, "Diamond: the summary with its interval; the line through it: where a further one is expected.")
	}
	return notes
}

// line is one line of a forest: a category, or a summary.
type line struct {
	name    string
	points  []point // of each series
	summary bool
}

// point is the estimate of one series.
type point struct {
	y, low, high              float64
	predictLow, predictHigh   float64
	n                         int
	there, bounded, predicted bool
}

// lines are the categories in the order asked for, with a summary line for each series that has one.
func (v view) lines(fig *plugins.Figure) []line {
	out := make([]line, len(fig.Categories))
	for c, name := range fig.Categories {
		out[c] = line{name: name, points: make([]point, len(fig.Series))}
	}
	for i := range fig.Series {
		s := &fig.Series[i]
		for k, y := range s.Y {
			q := &out[int(s.X[k])].points[i]
			q.y, q.there = y, style.Finite(y) && !(v.config.Log && y <= 0)
			q.low, q.high, q.bounded = style.Interval(s, k)
			if len(s.N) > 0 {
				q.n = s.N[k]
			}
		}
	}
	switch v.config.Sort {
	case "name":
		slices.SortStableFunc(out, func(a, b line) int { return cmp.Compare(a.name, b.name) })
	case "value":
		slices.SortStableFunc(out, func(a, b line) int { return cmp.Compare(b.first(), a.first()) })
	}
	for i := range fig.Series {
		if sum := fig.Series[i].Summary; sum != nil {
			l := line{name: sum.Name, points: make([]point, len(fig.Series)), summary: true}
			if l.name == "" {
				l.name = "all"
			}
			if len(fig.Series) > 1 && fig.Series[i].Name != "" {
				l.name += ", " + fig.Series[i].Name
			}
			l.points[i] = point{
				y: sum.Value, low: sum.Low, high: sum.High, predictLow: sum.PredictLow, predictHigh: sum.PredictHigh, n: sum.N,
				there:     style.Finite(sum.Value) && !(v.config.Log && sum.Value <= 0),
				bounded:   style.Finite(sum.Low) && style.Finite(sum.High),
				predicted: style.Finite(sum.PredictLow) && style.Finite(sum.PredictHigh) && sum.PredictLow < sum.PredictHigh,
			}
			out = append(out, l)
		}
	}
	return out
}

// first is the value of the first series that has one; lines without any come last.
func (l line) first() float64 {
	for _, q := range l.points {
		if q.there {
			return q.y
		}
	}
	return math.Inf(-1)
}

// plot lays a panel on its side.
func (v view) plot(fig *plugins.Figure) (*style.Plot, error) {
	lines := v.lines(fig)
	var values []float64
	y := style.Axis{Names: []string{}}
	for _, l := range lines {
		y.Names = append(y.Names, l.name)
		for _, q := range l.points {
			if q.there {
				values = append(values, q.all()...)
			}
		}
	}
	length := 0.0
	if len(values) > 0 {
		length = slices.Max(values) - slices.Min(values)
	}
	x, err := style.AxisOf(values, v.config.Values, v.config.Log, 0.05)
	if err != nil {
		return nil, err
	}
	x.Label, y.Label = fig.YLabel, fig.XLabel
	plot := &style.Plot{X: x, Y: y, Bare: true, RowLines: max(1, len(fig.Series)), Lines: v.config.Lines, Upright: true}
	if len(values) == 0 {
		plot.Empty = "no values"
	}
	plot.Marks = func(p *style.Pen, a *style.Axes) { marks(p, a, lines, fig) }
	if v.config.Numbers {
		plot.Beside = columns(lines, length)
	}
	return plot, nil
}

// all are the values that the axis has to hold for a point.
func (q *point) all() []float64 {
	out := []float64{q.y}
	if q.bounded {
		out = append(out, q.low, q.high)
	}
	if q.predicted {
		out = append(out, q.predictLow, q.predictHigh)
	}
	return out
}

// place is where series i lies in its line, as a value of the y axis: one below the other.
func (l *line) place(row, i int) float64 {
	if l.summary {
		return float64(row)
	}
	n := float64(len(l.points))
	return float64(row) + (float64(i)-(n-1)/2)/(n+0.35)
}

// columns are how many rows an estimate rests on, where that is known, and the estimate in figures.
func columns(lines []line, length float64) []style.Column {
	counts, values := style.Column{Head: "n", Right: true}, style.Column{}
	length *= 10 // hundredths of the axis are more digits than a forest needs
	counted, bounded := false, false
	for row := range lines {
		l := &lines[row]
		for i := range l.points {
			q := &l.points[i]
			if !q.there {
				continue
			}
			at, colour := l.place(row, i), i
			if len(l.points) == 1 {
				colour = -1
			}
			text := style.FormatBeside(q.y, length)
			if q.bounded {
				text += fmt.Sprintf(" (%s, %s)", style.FormatBeside(q.low, length), style.FormatBeside(q.high, length))
				bounded = true
			}
			values.Texts = append(values.Texts, style.Beside{Y: at, Text: text, Series: colour})
			if q.n > 0 {
				counted = true
				counts.Texts = append(counts.Texts, style.Beside{Y: at, Text: style.FormatValue(float64(q.n)), Series: colour})
			}
		}
	}
	if bounded {
		values.Head = "value (interval)"
	}
	if counted {
		return []style.Column{counts, values}
	}
	return []style.Column{values}
}

func marks(p *style.Pen, a *style.Axes, lines []line, fig *plugins.Figure) {
	most := 0
	for row := range lines {
		if row%2 == 1 {
			p.Rectangle(vg.Point{X: a.Min.X, Y: a.Y(float64(row) - 0.5)}, vg.Point{X: a.Max.X, Y: a.Y(float64(row) + 0.5)}, style.Pale(style.Ink, 0.05))
		}
		for _, q := range lines[row].points {
			if !lines[row].summary {
				most = max(most, q.n)
			}
		}
	}
	for row := range lines {
		l := &lines[row]
		if l.summary && row > 0 && !lines[row-1].summary {
			p.Series(-1)
			p.Line(style.Ink, 0.5, nil, vg.Point{X: a.Min.X, Y: a.Y(float64(row) - 0.5)}, vg.Point{X: a.Max.X, Y: a.Y(float64(row) - 0.5)})
		}
		for i := range l.points {
			if q := &l.points[i]; q.there {
				p.Series(i)
				tell(p, a, fig, i, l, row)
				if l.summary {
					diamond(p, a, i, q, row)
				} else {
					estimate(p, a, i, q, a.Y(l.place(row, i)), most)
				}
			}
		}
	}
}

// tell notes what is to be read at an estimate.
func tell(p *style.Pen, a *style.Axes, fig *plugins.Figure, i int, l *line, row int) {
	q := &l.points[i]
	text, counted := style.Estimate(q.y), ""
	if q.bounded {
		text += style.Within(q.low, q.high)
	}
	if q.predicted {
		text += ", a further one expected in" + style.Within(q.predictLow, q.predictHigh)
	}
	if q.n > 0 {
		counted = "n: " + style.FormatValue(float64(q.n))
	}
	at := vg.Point{X: a.X(a.ClampX(q.y)), Y: a.Y(l.place(row, i))}
	p.Spot(i, at, fig.Title, l.name, fig.Series[i].Name, style.Named(fig.YLabel, text), counted)
}

// estimate draws a point and its interval; the area of the marker goes by what it rests on. An arrow stands where the axis
// ends before the interval does.
func estimate(p *style.Pen, a *style.Axes, i int, q *point, y vg.Length, most int) {
	if q.bounded {
		a.Along(p, style.Colour(i), y, q.low, q.high)
	}
	radius := vg.Length(2.2)
	if q.n > 0 && most > 0 {
		radius = 1.2 + 1.4*vg.Length(math.Sqrt(float64(q.n)/float64(most)))
	}
	if a.InsideX(q.y) {
		p.Marker(i, vg.Point{X: a.X(q.y), Y: y}, radius)
	}
}

// diamond draws a summary: its corners are the ends of its interval; the line through it is the prediction interval.
func diamond(p *style.Pen, a *style.Axes, i int, q *point, row int) {
	c, y := style.Colour(i), a.Y(float64(row))
	if q.predicted {
		a.Along(p, c, y, q.predictLow, q.predictHigh)
	}
	if !q.bounded {
		if a.InsideX(q.y) {
			p.Marker(i, vg.Point{X: a.X(q.y), Y: y}, 2.6)
		}
		return
	}
	half := min(3.4, 0.35*a.Row(row))
	var path vg.Path
	path.Move(vg.Point{X: a.X(a.ClampX(q.low)), Y: y})
	path.Line(vg.Point{X: a.X(a.ClampX(q.y)), Y: y + half})
	path.Line(vg.Point{X: a.X(a.ClampX(q.high)), Y: y})
	path.Line(vg.Point{X: a.X(a.ClampX(q.y)), Y: y - half})
	path.Close()
	p.Fill(path, c)
	p.Stroke(path, style.Ink, 0.5, nil)
}
