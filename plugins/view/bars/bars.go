// Package bars draws grouped bars with error bars.
package bars

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct{ style.Config }

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "bars",
		Version: 1,
		Summary: "bars with intervals, grouped by series",
		Schema:  style.Schema,
	}, Config{style.Defaults()}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of points.
func (view) Form() plugins.Form { return plugins.PointForm }

// Draw draws the figure. Numbers on the x axis become categories. Bars start at 0, or at the end of the y axis that
// is nearest to it; a missing value is an empty place.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	if fig.Categories == nil {
		fig = categorical(fig)
	}
	chart := style.Chart{
		Config: v.config.Config,
		Zero:   true,
		Key: func(p *style.Pen, i int, at vg.Point, w, h vg.Length) {
			p.Rectangle(vg.Point{X: at.X - h*0.7, Y: at.Y - h/2}, vg.Point{X: at.X + h*0.7, Y: at.Y + h/2}, fill(i))
		},
		Marks: func(p *style.Pen, a *style.Axes) { marks(p, a, &fig) },
	}
	return chart.Draw(fig)
}

// categorical gives each distinct x its own place, in ascending order.
func categorical(fig plugins.Figure) plugins.Figure {
	var values []float64
	for _, s := range fig.Series {
		values = append(values, s.X...)
	}
	values = slices.DeleteFunc(values, func(x float64) bool { return !style.Finite(x) })
	slices.Sort(values)
	values = slices.Compact(values)
	fig.Categories = make([]string, len(values))
	for i, v := range values {
		fig.Categories[i] = style.FormatValue(v)
	}
	series := slices.Clone(fig.Series)
	for i := range series {
		xs := make([]float64, len(series[i].X))
		for k, x := range series[i].X {
			xs[k] = x // reported as a mistake when it is no number
			if at, found := slices.BinarySearch(values, x); found {
				xs[k] = float64(at)
			}
		}
		series[i].X = xs
	}
	fig.Series = series
	return fig
}

func marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	n := vg.Length(len(fig.Series))
	group := 0.78 * a.Slot
	wide := min(group/n, 26)
	for i := range fig.Series {
		s := &fig.Series[i]
		for k, y := range s.Y {
			if !style.Finite(y) {
				continue
			}
			x := a.X(s.X[k]) + wide*(vg.Length(i)-n/2)
			from, to := a.Y(a.Zero()), a.Y(a.Clamp(y))
			p.Rectangle(vg.Point{X: x + 0.04*wide, Y: from}, vg.Point{X: x + 0.96*wide, Y: to}, fill(i))
			if low, high, ok := style.Interval(s, k); ok {
				a.ErrorBar(p, style.Ink, x+wide/2, low, high, min(0.5*wide, 4), 0.8)
			}
		}
	}
	p.Line(style.Ink, 0.7, nil, vg.Point{X: a.Min.X, Y: a.Y(a.Zero())}, vg.Point{X: a.Max.X, Y: a.Y(a.Zero())})
}

// fill is the colour of the bars of series i: black is lightened, for the error bars are dark.
func fill(i int) color.NRGBA {
	c := style.Colour(i)
	if c == (color.NRGBA{A: 0xFF}) {
		return style.Pale(c, 0.45)
	}
	return c
}
