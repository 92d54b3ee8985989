package style

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
)

// Widths of lines in points.
const (
	LineWidth vg.Length = 1.1 // of curves
	ThinWidth vg.Length = 0.8 // of intervals
)

// AreaKey is the sample of a series of areas in the legend.
func AreaKey(p *Pen, i int, at vg.Point, _, h vg.Length) {
	p.Area(i, vg.Point{X: at.X - h*0.7, Y: at.Y - h/2}, vg.Point{X: at.X + h*0.7, Y: at.Y + h/2})
}

// LineKey is that of a series of lines without markers.
func LineKey(p *Pen, i int, at vg.Point, w, _ vg.Length) {
	p.Line(Colour(i), LineWidth, CurveDash(i), vg.Point{X: at.X - w/2, Y: at.Y}, vg.Point{X: at.X + w/2, Y: at.Y})
}

// PointKey is that of a series of points.
func PointKey(p *Pen, i int, at vg.Point, _, _ vg.Length) { p.Marker(i, at, 2.3) }

// Bars draws grouped bars with error bars, standing on 0 or the end of the y axis that is nearest to it. A missing value is
// an empty place.
func Bars(p *Pen, a *Axes, fig *plugins.Figure) {
	n := vg.Length(len(fig.Series))
	wide := min(0.78*a.Slot/n, 26)
	for i := range fig.Series {
		s := &fig.Series[i]
		p.Series(i)
		for k, y := range s.Y {
			if !Finite(y) {
				continue
			}
			x := a.X(s.X[k]) + wide*(vg.Length(i)-n/2)
			from, to := a.Y(a.Zero()), a.Y(a.Clamp(y))
			p.Area(i, vg.Point{X: x + 0.04*wide, Y: from}, vg.Point{X: x + 0.96*wide, Y: to})
			p.Point(i, k, vg.Point{X: x + wide/2, Y: to})
			if low, high, ok := Interval(s, k); ok {
				a.ErrorBar(p, Ink, x+wide/2, low, high, min(0.5*wide, 4), ThinWidth)
			}
		}
	}
	p.Series(-1)
	p.Line(Ink, 0.7, nil, vg.Point{X: a.Min.X, Y: a.Y(a.Zero())}, vg.Point{X: a.Max.X, Y: a.Y(a.Zero())})
}

// Curves draws lines through the points of each series over the bands of their intervals.
func Curves(p *Pen, a *Axes, fig *plugins.Figure) {
	Bands(p, a, fig)
	Lines(p, a, fig)
}

// Bands fills the bands of the intervals of each series.
func Bands(p *Pen, a *Axes, fig *plugins.Figure) {
	for i := range fig.Series {
		s := &fig.Series[i]
		if len(s.Low) == 0 {
			continue
		}
		xs := make([]vg.Length, len(s.X))
		for k, x := range s.X {
			xs[k] = a.X(x)
		}
		p.Series(i)
		a.Band(p, Sheer(Colour(i), 0.18), xs, s.Low, s.High, nil)
	}
}

// Lines draws a line through the points of each series; a lone point is a marker.
func Lines(p *Pen, a *Axes, fig *plugins.Figure) {
	for i := range fig.Series {
		s := &fig.Series[i]
		p.Series(i)
		points := make([]vg.Point, len(s.Y))
		for k, y := range s.Y {
			points[k] = a.At(s.X[k], y)
			if Finite(y) && a.Has(s.X[k], y) {
				p.Point(i, k, points[k])
			}
		}
		a.Polyline(p, Colour(i), LineWidth, CurveDash(i), points)
		if len(s.Y) == 1 && Finite(s.Y[0]) && a.Has(s.X[0], s.Y[0]) {
			p.Marker(i, points[0], 2)
		}
	}
}

// Diagonal strokes the line y = x across the axes.
func (a *Axes) Diagonal(p *Pen) {
	low, high := max(a.x.min, a.y.min), min(a.x.max, a.y.max)
	if low < high {
		p.Series(-1)
		p.Line(faint, 0.7, []vg.Length{3, 2}, a.At(low, low), a.At(high, high))
	}
}

// Level strokes a line at a value of the y axis across the axes.
func (a *Axes) Level(p *Pen, i int, y float64) {
	if a.Inside(y) {
		p.Series(i)
		p.Line(Strong(i), 0.7, []vg.Length{1.5, 1.5}, vg.Point{X: a.Min.X, Y: a.Y(y)}, vg.Point{X: a.Max.X, Y: a.Y(y)})
	}
}

// Steps are series in which each y holds from its x to the next one, from 0 on: the form of a cumulative share.
func Steps(series []plugins.Series) []plugins.Series {
	out := slices.Clone(series)
	for i := range out {
		s := &out[i]
		n := len(s.X)
		stepped := func(values []float64, before float64) []float64 {
			if len(values) == 0 {
				return nil
			}
			steps := make([]float64, 0, 2*n)
			for k, v := range values {
				if k > 0 {
					before = values[k-1]
				}
				steps = append(steps, before, v)
			}
			return steps
		}
		start := 0.0
		if n > 0 && len(s.Y) > 0 && !Finite(s.Y[0]) {
			start = math.NaN()
		}
		s.Y, s.Low, s.High = stepped(s.Y, start), stepped(s.Low, start), stepped(s.High, start)
		xs := make([]float64, 0, 2*n)
		for _, x := range s.X {
			xs = append(xs, x, x)
		}
		s.X, s.N, s.Labels, s.Values = xs, nil, nil, nil
	}
	return out
}

// Plateaus are series in which each y holds halfway to the neighbours of its x: the form of a histogram, given the middles
// of its bins. Their ends stand on 0.
func Plateaus(series []plugins.Series) []plugins.Series {
	out := slices.Clone(series)
	for i := range out {
		s := &out[i]
		n := len(s.X)
		if n == 0 {
			continue
		}
		edges := make([]float64, n+1)
		for k := 1; k < n; k++ {
			edges[k] = s.X[k-1] + (s.X[k]-s.X[k-1])/2
		}
		half := 0.5
		if n > 1 {
			half = (s.X[1] - s.X[0]) / 2
		}
		edges[0] = s.X[0] - half
		if n > 1 {
			half = (s.X[n-1] - s.X[n-2]) / 2
		}
		edges[n] = s.X[n-1] + half
		xs, ys := []float64{edges[0]}, []float64{0}
		for k, y := range s.Y {
			xs, ys = append(xs, edges[k], edges[k+1]), append(ys, y, y)
		}
		s.X, s.Y = append(xs, edges[n]), append(ys, 0)
		s.Low, s.High, s.N, s.Labels, s.Values = nil, nil, nil, nil, nil
	}
	return out
}

// Area is the area under a curve between its first and last point, by trapezoids; NaN where a point is missing or x falls.
func Area(s *plugins.Series) float64 {
	if len(s.Y) < 2 {
		return math.NaN()
	}
	area := 0.0
	for k := 1; k < len(s.Y); k++ {
		if s.X[k] < s.X[k-1] {
			return math.NaN()
		}
		area += (s.X[k] - s.X[k-1]) * (s.Y[k] + s.Y[k-1]) / 2
	}
	return area
}

// EachPanel applies a change to the series of a figure, or of each of its panels, in a copy. It returns an error where their
// lists do not fit together.
func EachPanel(fig plugins.Figure, change func([]plugins.Series) []plugins.Series) (plugins.Figure, error) {
	if len(fig.Panels) == 0 {
		if err := check(&fig); err != nil {
			return fig, err
		}
		fig.Series = change(fig.Series)
		return fig, nil
	}
	fig.Panels = slices.Clone(fig.Panels)
	for i := range fig.Panels {
		if err := check(&fig.Panels[i]); err != nil {
			return fig, fmt.Errorf("panel %q: %w", fig.Panels[i].Title, err)
		}
		fig.Panels[i].Series = change(fig.Panels[i].Series)
	}
	return fig, nil
}
