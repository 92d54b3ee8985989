package style

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
)

// Chart is what a view of series over an x and a y axis gives to Draw besides its figure.
type Chart struct {
	Config     Config
	Values     Values
	LogX, LogY bool // numbers only; what is not above 0 has no place and is counted in a note
	Zero       bool // the y axis holds 0, as bars need
	Unit       bool // the axes end at 0 and 1
	Same       bool // x and y have the same limits
	Square     bool // the axes are as high as wide
	Own        bool // the x values of the data are labelled themselves where they are few
	// Ys are the values that the y axis holds; nil: those of Y and of intervals.
	Ys func(fig *plugins.Figure) []float64
	// Key draws the sample of series i in the legend, centred on at, within width and height.
	Key func(p *Pen, i int, at vg.Point, width, height vg.Length)
	// Marks draws the data of a panel inside its axes. All panels have the same series in the same order, some without
	// points.
	Marks func(p *Pen, a *Axes, fig *plugins.Figure)
	// Tell is what the legend says of a series that has no Note; nil: nothing. It is not asked of small multiples, whose
	// series are in several places.
	Tell func(s *plugins.Series) string
	// Finish adds to the plot of a panel, such as a Strip; nil: nothing.
	Finish func(plot *Plot, fig *plugins.Figure)
}

// Draw lays out and draws a figure.
func (c *Chart) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	pg, err := c.page(fig)
	if err != nil {
		return nil, err
	}
	return pg.Draw()
}

// page makes a plot of each panel.
func (c *Chart) page(fig plugins.Figure) (*Page, error) {
	panels, err := Panels(fig)
	if err != nil {
		return nil, err
	}
	pg := &Page{Config: c.Config, Title: fig.Title, Notes: Notes(fig)}
	lost, outside := 0, 0
	for i := range panels {
		panel := &panels[i]
		if c.LogX || c.LogY {
			lost += c.dropForLog(panel)
		}
		plot, err := c.plot(panel)
		if err != nil {
			return nil, err
		}
		if len(panels) > 1 {
			plot.Title = panel.Title
		} else {
			panel.Title = "" // that of the page
		}
		outside += beyond(panel, plot.Y)
		pg.Plots = append(pg.Plots, plot)
	}
	if lost > 0 {
		pg.Notes = append(pg.Notes, fmt.Sprintf("%d of the values are not above 0 and have no place on a logarithmic axis.", lost))
	}
	if outside > 0 {
		pg.Notes = append(pg.Notes, fmt.Sprintf("%d of the values lie beyond the y axis.", outside))
	}
	pg.Notes = append(pg.Notes, Explained(c.Values.Lines)...)
	if len(panels) > 0 {
		pg.Entries, pg.Series = c.entries(panels), SeriesNames(&panels[0])
	}
	return pg, nil
}

func (c *Chart) plot(fig *plugins.Figure) (*Plot, error) {
	plot := &Plot{Lines: c.Values.Lines, Marks: func(p *Pen, a *Axes) { c.marks(p, a, fig) }}
	if c.Square {
		plot.Aspect = 1
	}
	if empty(fig) {
		plot.Empty = "no values"
	}
	var err error
	if plot.X, err = c.xAxis(fig); err != nil {
		return nil, err
	}
	if plot.Y, err = c.yAxis(fig); err != nil {
		return nil, err
	}
	plot.X.Label, plot.Y.Label = fig.XLabel, fig.YLabel
	if c.Finish != nil {
		c.Finish(plot, fig)
	}
	return plot, nil
}

// marks draws the data of a panel.
func (c *Chart) marks(p *Pen, a *Axes, fig *plugins.Figure) {
	p.panel = fig
	c.Marks(p, a, fig)
	p.panel = nil
}

// xAxis is the x axis with room at both ends.
func (c *Chart) xAxis(fig *plugins.Figure) (Axis, error) {
	switch {
	case fig.Categories != nil:
		return Axis{Names: fig.Categories}, nil
	case c.Unit:
		return Axis{Min: 0, Max: 1}, nil
	}
	values, room := allX(fig), 0.07
	if c.Same {
		values, room = append(values, c.yValues(fig)...), 0.06
	}
	if c.LogX {
		values = slices.DeleteFunc(values, func(v float64) bool { return v <= 0 })
	}
	a, err := Numbers(values, c.LogX, room)
	if c.Own {
		a.Values = distinct(allX(fig))
	}
	return a, err
}

func allX(fig *plugins.Figure) []float64 {
	var xs []float64
	for _, s := range fig.Series {
		xs = append(xs, s.X...)
	}
	return xs
}

// yValues are the values that the y axis holds.
func (c *Chart) yValues(fig *plugins.Figure) []float64 {
	if c.Ys != nil {
		return c.Ys(fig)
	}
	var values []float64
	for i := range fig.Series {
		s := &fig.Series[i]
		values = append(values, s.Y...)
		for k, y := range s.Y {
			if low, high, ok := Interval(s, k); ok && Finite(y) {
				values = append(values, low, high)
			}
		}
	}
	return values
}

// yAxis is the y axis: it holds all values, intervals and reference lines unless the settings cut it.
func (c *Chart) yAxis(fig *plugins.Figure) (Axis, error) {
	values, room := c.yValues(fig), 0.06
	if c.Same {
		values = append(values, allX(fig)...)
	}
	switch {
	case c.Unit:
		return Axis{Min: 0, Max: 1}.cut(c.Values)
	case c.Zero:
		for _, l := range c.Values.Lines {
			values = append(values, l.Y)
		}
		a, err := fromZero(values, room)
		if err != nil {
			return a, err
		}
		return a.cut(c.Values)
	}
	return AxisOf(values, c.Values, c.LogY, room)
}

// fromZero is an axis that holds 0: bars stand on it.
func fromZero(values []float64, room float64) (Axis, error) {
	if len(distinct(values)) == 0 {
		return Numbers(nil, false, room)
	}
	values = append(values, 0)
	a, err := Numbers(values, false, room)
	values = distinct(values)
	switch {
	case len(values) == 1: // all are 0
		return Numbers(nil, false, room)
	case values[0] == 0:
		a.Min = 0
	case values[len(values)-1] == 0:
		a.Max = 0
	}
	return a, err
}

// dropForLog makes gaps of what has no place on a logarithmic axis, in a copy, and says how many points were lost.
func (c *Chart) dropForLog(fig *plugins.Figure) (lost int) {
	for i := range fig.Series {
		s := &fig.Series[i]
		s.X, s.Y, s.Values = slices.Clone(s.X), slices.Clone(s.Y), slices.Clone(s.Values)
		for k := range s.Y {
			if c.LogY && s.Y[k] <= 0 || c.LogX && fig.Categories == nil && s.X[k] <= 0 {
				s.Y[k] = math.NaN()
				lost++
			}
			if c.LogX && fig.Categories == nil && s.X[k] <= 0 {
				s.X[k] = math.NaN()
			}
		}
		for k, values := range s.Values {
			if c.LogY {
				s.Values[k] = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return v <= 0 })
				lost += len(values) - len(s.Values[k])
			}
		}
	}
	return lost
}

// beyond counts the points that the settings of the y axis cut off.
func beyond(fig *plugins.Figure, y Axis) int {
	n := 0
	count := func(values []float64) {
		for _, v := range values {
			if Finite(v) && (v < y.Min || v > y.Max) {
				n++
			}
		}
	}
	for _, s := range fig.Series {
		if len(s.Values) == 0 {
			count(s.Y)
		}
		for _, values := range s.Values {
			count(values)
		}
	}
	return n
}

// empty reports whether there is nothing to draw.
func empty(fig *plugins.Figure) bool {
	for _, s := range fig.Series {
		if slices.ContainsFunc(s.Y, Finite) {
			return false
		}
		for _, values := range s.Values {
			if slices.ContainsFunc(values, Finite) {
				return false
			}
		}
	}
	return true
}

// SeriesNames are the names of the series of a panel.
func SeriesNames(panel *plugins.Figure) []string {
	names := make([]string, len(panel.Series))
	for i := range panel.Series {
		names[i] = panel.Series[i].Name
	}
	return names
}

// entries are the lines of the legend: the name of each series and what is to be said of it. Series without a name in a
// figure of one need none.
func (c *Chart) entries(panels []plugins.Figure) []Entry {
	var out []Entry
	for i := range panels[0].Series {
		text := panels[0].Series[i].Name
		if len(panels) == 1 {
			s := &panels[0].Series[i]
			note := s.Note
			if note == "" && c.Tell != nil {
				note = c.Tell(s)
			}
			text = strings.TrimPrefix(text+": "+note, ": ")
			text = strings.TrimSuffix(text, ": ")
		}
		out = append(out, Entry{Text: text, Key: func(p *Pen, at vg.Point, w, h vg.Length) { c.Key(p, i, at, w, h) }})
	}
	return out
}
