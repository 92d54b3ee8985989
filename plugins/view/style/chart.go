package style

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
)

// Chart is what a view gives to Draw besides its figure.
type Chart struct {
	Config Config
	LogX   bool // numeric x only
	Zero   bool // the y axis holds 0, as bars need
	// Key draws the sample of series i in the legend, centred on at, within width and height.
	Key func(p *Pen, i int, at vg.Point, width, height vg.Length)
	// Marks draws the data inside the axes.
	Marks func(p *Pen, a *Axes)
}

// Axes maps data to the page.
type Axes struct {
	Min, Max vg.Point  // corners of the area of the data
	Slot     vg.Length // width of a category, or the least distance of two x values
	Edge     vg.Length // distance of the outermost x values from the ends of the axis
	x, y     scale
}

// X is the place of a value on the x axis.
func (a *Axes) X(v float64) vg.Length { return a.Min.X + vg.Length(a.x.at(v))*(a.Max.X-a.Min.X) }

// Y is the place of a value on the y axis; it may lie outside the area.
func (a *Axes) Y(v float64) vg.Length { return a.Min.Y + vg.Length(a.y.at(v))*(a.Max.Y-a.Min.Y) }

// Inside reports whether a value lies on the y axis.
func (a *Axes) Inside(v float64) bool { return v >= a.y.min && v <= a.y.max }

// Clamp is the value on the y axis that is nearest to v.
func (a *Axes) Clamp(v float64) float64 { return min(max(v, a.y.min), a.y.max) }

// Zero is the value that bars start from: 0, or the end of the axis nearest to it.
func (a *Axes) Zero() float64 { return a.Clamp(0) }

// Segment strokes the part of a line that lies inside the area.
func (a *Axes) Segment(p *Pen, i int, from, to vg.Point, width vg.Length) {
	low, high := a.Min.Y, a.Max.Y
	if from.Y < low && to.Y < low || from.Y > high && to.Y > high {
		return
	}
	cut := func(q, other vg.Point) vg.Point {
		y := min(max(q.Y, low), high)
		if y == q.Y {
			return q
		}
		return vg.Point{X: q.X + (other.X-q.X)*(y-q.Y)/(other.Y-q.Y), Y: y}
	}
	p.Line(Colour(i), width, Dash(i), cut(from, to), cut(to, from))
}

// ErrorBar strokes an interval at x with caps of half the given length to each side; no cap stands where the axis
// ends before the interval does.
func (a *Axes) ErrorBar(p *Pen, c color.Color, x vg.Length, low, high float64, capWidth, width vg.Length) {
	if high < a.y.min || low > a.y.max {
		return
	}
	p.Line(c, width, nil, vg.Point{X: x, Y: a.Y(a.Clamp(low))}, vg.Point{X: x, Y: a.Y(a.Clamp(high))})
	for _, end := range []float64{low, high} {
		if a.Inside(end) {
			p.Line(c, width, nil, vg.Point{X: x - capWidth/2, Y: a.Y(end)}, vg.Point{X: x + capWidth/2, Y: a.Y(end)})
		}
	}
}

// Interval is the interval of point k of a series, and whether it has one.
func Interval(s *plugins.Series, k int) (low, high float64, ok bool) {
	if s.Low == nil || s.High == nil || !Finite(s.Low[k]) || !Finite(s.High[k]) {
		return 0, 0, false
	}
	return s.Low[k], s.High[k], true
}

// check reports a figure whose lists do not fit together.
func check(fig *plugins.Figure) error {
	for _, s := range fig.Series {
		n := len(s.Y)
		if len(s.X) != n || s.Low != nil && len(s.Low) != n || s.High != nil && len(s.High) != n {
			return fmt.Errorf("series %q: %d x for %d y, %d low and %d high", s.Name, len(s.X), n, len(s.Low), len(s.High))
		}
		for _, x := range s.X {
			if !Finite(x) {
				return fmt.Errorf("series %q: an x is no finite number", s.Name)
			}
			if fig.Categories != nil && (x < 0 || x >= float64(len(fig.Categories)) || x != math.Trunc(x)) {
				return fmt.Errorf("series %q: x %v is no index into %d categories", s.Name, x, len(fig.Categories))
			}
		}
	}
	return nil
}

// xScale is the x axis with room at both ends.
func xScale(fig *plugins.Figure, log bool) (scale, error) {
	if fig.Categories != nil {
		return scale{min: -0.5, max: float64(max(1, len(fig.Categories))) - 0.5}, nil
	}
	values := distinct(allX(fig))
	if len(values) == 0 {
		return scale{min: 0, max: 1}, nil
	}
	s := scale{min: values[0], max: values[len(values)-1], log: log}
	if log && s.min <= 0 {
		return s, errors.New("logX: an x is not above 0")
	}
	return s.opened().padded(0.07), nil
}

func allX(fig *plugins.Figure) []float64 {
	var xs []float64
	for _, s := range fig.Series {
		xs = append(xs, s.X...)
	}
	return xs
}

// yScale is the y axis: it holds all values, intervals and reference lines unless the settings cut it.
func (c *Chart) yScale(fig *plugins.Figure) (scale, error) {
	var values []float64
	for i := range fig.Series {
		s := &fig.Series[i]
		values = append(values, s.Y...)
		for k := range s.Y {
			if low, high, ok := Interval(s, k); ok && Finite(s.Y[k]) {
				values = append(values, low, high)
			}
		}
	}
	for _, l := range c.Config.Lines {
		values = append(values, l.Y)
	}
	values = distinct(values)
	if c.Zero {
		values = append(values, 0)
	}
	if len(values) == 0 {
		values = []float64{0, 1}
	}
	tight := scale{min: slices.Min(values), max: slices.Max(values)}.opened()
	s := tight.padded(0.06)
	if c.Zero && tight.min == 0 { // bars stand on the axis
		s.min = 0
	}
	if c.Zero && tight.max == 0 {
		s.max = 0
	}
	if c.Config.YMin != nil {
		s.min = *c.Config.YMin
	}
	if c.Config.YMax != nil {
		s.max = *c.Config.YMax
	}
	if s.min >= s.max {
		return s, fmt.Errorf("the y axis would end at %v and start at %v: all data lie beyond yMin or yMax", s.max, s.min)
	}
	return s, nil
}

// outside counts the points that the settings of the y axis cut off.
func outside(fig *plugins.Figure, y scale) int {
	n := 0
	for _, s := range fig.Series {
		for _, v := range s.Y {
			if Finite(v) && (v < y.min || v > y.max) {
				n++
			}
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
	}
	return true
}
