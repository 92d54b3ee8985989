// Package calibration draws how often an event happens against how probable it was said to be.
package calibration

import (
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	Counts bool `json:"counts"` // a histogram below
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "calibration",
		Version: 1,
		Summary: "share of events against the predicted probability, with the line on which they agree",
		Schema:  style.Schema + "counts?: bool // a histogram of how many rows each point stands for\n",
	}, Config{Config: style.Defaults(), Counts: true}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of curves.
func (view) Form() plugins.Form { return plugins.CurveForm }

const radius vg.Length = 2.1

// Draw draws the figure: x is the mean probability of a bin, y the share of events in it, N how many rows it holds.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	if fig.XLabel == "" {
		fig.XLabel = "predicted probability"
	}
	if fig.YLabel == "" {
		fig.YLabel = "share of events"
	}
	chart := style.Chart{
		Config: v.config.Config,
		Unit:   true,
		Square: true,
		Key: func(p *style.Pen, i int, at vg.Point, w, _ vg.Length) {
			p.Line(style.Colour(i), style.LineWidth, style.Dash(i), vg.Point{X: at.X - w/2, Y: at.Y}, vg.Point{X: at.X + w/2, Y: at.Y})
			p.Marker(i, at, radius)
		},
		Marks: marks,
	}
	if v.config.Counts {
		chart.Finish = addCounts
	}
	return chart.Draw(fig)
}

func marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	a.Diagonal(p)
	for i := range fig.Series {
		s := &fig.Series[i]
		p.Series(i)
		points := make([]vg.Point, len(s.Y))
		for k, y := range s.Y {
			points[k] = a.At(s.X[k], y)
			if low, high, ok := style.Interval(s, k); ok && style.Finite(y) {
				a.ErrorBar(p, style.Colour(i), points[k].X, low, high, 3, style.ThinWidth)
			}
		}
		a.Polyline(p, style.Colour(i), style.LineWidth, style.Dash(i), points)
	}
	for i := range fig.Series {
		s := &fig.Series[i]
		p.Series(i)
		for k, y := range s.Y {
			if style.Finite(y) && a.Has(s.X[k], y) {
				p.Marker(i, a.At(s.X[k], y), radius)
				p.Point(i, k, a.At(s.X[k], y))
			}
		}
	}
}

// addCounts puts the histogram under the axes.
func addCounts(plot *style.Plot, fig *plugins.Figure) {
	most := 0
	for i := range fig.Series {
		if n := fig.Series[i].N; len(n) > 0 {
			most = max(most, slices.Max(n))
		}
	}
	if most == 0 {
		return
	}
	plot.Strip = &style.Strip{Label: "rows", Top: float64(most), Marks: func(p *style.Pen, a *style.Axes) {
		wide := min(4, 0.05*(a.Max.X-a.Min.X)/vg.Length(len(fig.Series)))
		for i := range fig.Series {
			s := &fig.Series[i]
			p.Series(i)
			for k, n := range s.N {
				if !a.InsideX(s.X[k]) {
					continue
				}
				x := a.X(s.X[k]) + wide*(vg.Length(i)-vg.Length(len(fig.Series))/2)
				p.Area(i, vg.Point{X: x, Y: a.Min.Y}, vg.Point{X: x + wide, Y: a.Y(float64(n))})
			}
		}
	}}
}
