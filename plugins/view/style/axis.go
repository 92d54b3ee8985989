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

// Axis is what an axis shows: numbers from Min to Max, or the categories in Names at 0, 1 and so on. Categories of a y
// axis run down the page.
type Axis struct {
	Label    string
	Names    []string // nil: numbers
	Min, Max float64
	Log      bool
	Blank    bool      // there was nothing to choose Min and Max by
	Values   []float64 // of an x axis: the distinct values of the data, which are labelled themselves where they are few
}

// Numbers is an axis that holds values, with a share of its length as room at both ends. Those that are not finite are
// left out; without any, the axis runs from 0 to 1. On a logarithmic axis all have to be above 0.
func Numbers(values []float64, log bool, room float64) (Axis, error) {
	found := distinct(values)
	if len(found) == 0 {
		if log {
			return Axis{Min: 1, Max: 10, Log: true, Blank: true}, nil
		}
		return Axis{Min: 0, Max: 1, Blank: true}, nil
	}
	s := scale{min: found[0], max: found[len(found)-1], log: log}
	if log && s.min <= 0 {
		return Axis{}, errors.New("a value is not above 0, as a logarithmic axis needs")
	}
	s = s.opened().padded(room)
	return Axis{Min: s.min, Max: s.max, Log: log}, nil
}

// AxisOf is an axis of numbers that holds values and reference lines, unless settings cut it.
func AxisOf(values []float64, v Values, log bool, room float64) (Axis, error) {
	values = slices.Clone(values)
	for _, l := range v.Lines {
		values = append(values, l.Y)
	}
	if log { // the ends of intervals may be below 0 where the values are not
		values = slices.DeleteFunc(values, func(v float64) bool { return v <= 0 })
	}
	a, err := Numbers(values, log, room)
	if err != nil {
		return a, err
	}
	return a.cut(v)
}

// cut ends the axis where settings say.
func (a Axis) cut(v Values) (Axis, error) {
	if v.YMin != nil {
		a.Min = *v.YMin
	}
	if v.YMax != nil {
		a.Max = *v.YMax
	}
	if a.Min >= a.Max {
		return a, fmt.Errorf("the axis of values would end at %v and start at %v: all data lie beyond yMin or yMax", a.Max, a.Min)
	}
	if a.Log && a.Min <= 0 {
		return a, errors.New("yMin: a logarithmic axis starts above 0")
	}
	return a, nil
}

// scale maps the axis to [0,1]; down is that of categories on the y axis.
func (a Axis) scale(down bool) scale {
	if a.Names == nil {
		return scale{min: a.Min, max: a.Max, log: a.Log}
	}
	s := scale{min: -0.5, max: float64(max(1, len(a.Names))) - 0.5}
	if down {
		s.min, s.max = s.max, s.min
	}
	return s
}

// same reports whether two axes show the same places.
func (a Axis) same(b Axis) bool {
	return slices.Equal(a.Names, b.Names) && (a.Names == nil) == (b.Names == nil) &&
		(a.Names != nil || a.Min == b.Min && a.Max == b.Max && a.Log == b.Log)
}

// share gives axes of numbers of one kind the same ends. Blank ones have no say.
func share(axes []*Axis) {
	whole := Axis{Min: math.Inf(1), Max: math.Inf(-1)}
	for _, a := range axes {
		if a.Names != nil || a.Log != axes[0].Log {
			return
		}
		if !a.Blank {
			whole.Min, whole.Max = min(whole.Min, a.Min), max(whole.Max, a.Max)
			whole.Values = append(whole.Values, a.Values...)
		}
	}
	if whole.Min >= whole.Max {
		return
	}
	for _, a := range axes {
		a.Min, a.Max, a.Values = whole.Min, whole.Max, distinct(whole.Values)
	}
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

// At is the place of a point.
func (a *Axes) At(x, y float64) vg.Point { return vg.Point{X: a.X(x), Y: a.Y(y)} }

// Row is the height of category r on the y axis.
func (a *Axes) Row(r int) vg.Length { return a.Y(float64(r)-0.49) - a.Y(float64(r)+0.49) }

// Inside reports whether a value lies on the y axis.
func (a *Axes) Inside(v float64) bool { return v >= a.y.min && v <= a.y.max }

// InsideX reports whether a value lies on the x axis.
func (a *Axes) InsideX(v float64) bool { return v >= a.x.min && v <= a.x.max }

// Has reports whether a point lies inside the axes.
func (a *Axes) Has(x, y float64) bool { return a.InsideX(x) && a.Inside(y) }

// Clamp is the value on the y axis that is nearest to v.
func (a *Axes) Clamp(v float64) float64 { return min(max(v, a.y.min), a.y.max) }

// ClampX is the value on the x axis that is nearest to v.
func (a *Axes) ClampX(v float64) float64 { return min(max(v, a.x.min), a.x.max) }

// Length is how much of the y axis' quantity it holds.
func (a *Axes) Length() float64 { return a.y.max - a.y.min }

// Zero is the value that bars start from: 0, or the end of the axis nearest to it.
func (a *Axes) Zero() float64 { return a.Clamp(0) }

// Segment strokes the part of a line that lies inside the area, by the algorithm of Liang and Barsky.
func (a *Axes) Segment(p *Pen, c color.Color, width vg.Length, dash []vg.Length, from, to vg.Point) {
	first, last := vg.Length(0), vg.Length(1)
	dx, dy := to.X-from.X, to.Y-from.Y
	for _, side := range [...][2]vg.Length{{-dx, from.X - a.Min.X}, {dx, a.Max.X - from.X}, {-dy, from.Y - a.Min.Y}, {dy, a.Max.Y - from.Y}} {
		towards, room := side[0], side[1]
		switch {
		case towards == 0 && room < 0:
			return
		case towards < 0:
			first = max(first, room/towards)
		case towards > 0:
			last = min(last, room/towards)
		}
	}
	if first >= last {
		return
	}
	at := func(t vg.Length) vg.Point {
		switch t { // exact, so that what is not cut is as it was
		case 0:
			return from
		case 1:
			return to
		}
		return vg.Point{X: from.X + t*dx, Y: from.Y + t*dy}
	}
	p.Line(c, width, dash, at(first), at(last))
}

// Polyline strokes the parts of a line through points that lie inside the area. Points that are not finite part it.
func (a *Axes) Polyline(p *Pen, c color.Color, width vg.Length, dash []vg.Length, points []vg.Point) {
	var run []vg.Point
	flush := func() {
		p.Line(c, width, dash, run...)
		run = run[:0]
	}
	for k, q := range points {
		if !Finite(float64(q.X)) || !Finite(float64(q.Y)) {
			flush()
			continue
		}
		if q.X >= a.Min.X && q.X <= a.Max.X && q.Y >= a.Min.Y && q.Y <= a.Max.Y {
			if k > 0 && len(run) == 0 && finitePoint(points[k-1]) { // it comes in from outside
				a.Segment(p, c, width, dash, points[k-1], q)
			}
			run = append(run, q)
			continue
		}
		if k > 0 && finitePoint(points[k-1]) {
			flush()
			a.Segment(p, c, width, dash, points[k-1], q)
		}
		flush()
	}
	flush()
}

func finitePoint(q vg.Point) bool { return Finite(float64(q.X)) && Finite(float64(q.Y)) }

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

// Along strokes an interval of the x axis at y, with an arrow where the axis ends before the interval does.
func (a *Axes) Along(p *Pen, c color.Color, y vg.Length, low, high float64) {
	if high < a.x.min || low > a.x.max {
		return
	}
	from, to := a.X(a.ClampX(low)), a.X(a.ClampX(high))
	p.Line(c, ThinWidth, nil, vg.Point{X: from, Y: y}, vg.Point{X: to, Y: y})
	const head vg.Length = 3
	if !a.InsideX(low) {
		p.Line(c, ThinWidth, nil, vg.Point{X: from + head, Y: y + head/2}, vg.Point{X: from, Y: y}, vg.Point{X: from + head, Y: y - head/2})
	}
	if !a.InsideX(high) {
		p.Line(c, ThinWidth, nil, vg.Point{X: to - head, Y: y + head/2}, vg.Point{X: to, Y: y}, vg.Point{X: to - head, Y: y - head/2})
	}
}

// Band fills the area between low and high along x, for each run of points that have both, and nothing for a lone one.
// It calls lone for the index of each such.
func (a *Axes) Band(p *Pen, c color.Color, xs []vg.Length, low, high []float64, lone func(k int)) {
	for k := 0; k < len(xs); {
		to := k
		for to < len(xs) && Finite(float64(xs[to])) && Finite(low[to]) && Finite(high[to]) {
			to++
		}
		if to <= k+1 {
			if to == k+1 && lone != nil {
				lone(k)
			}
			k = max(to, k+1)
			continue
		}
		var path vg.Path
		path.Move(vg.Point{X: xs[k], Y: a.Y(a.Clamp(low[k]))})
		for j := k + 1; j < to; j++ {
			path.Line(vg.Point{X: xs[j], Y: a.Y(a.Clamp(low[j]))})
		}
		for j := to - 1; j >= k; j-- {
			path.Line(vg.Point{X: xs[j], Y: a.Y(a.Clamp(high[j]))})
		}
		path.Close()
		p.Fill(path, c)
		k = to
	}
}

// Interval is the interval of point k of a series, and whether it has one.
func Interval(s *plugins.Series, k int) (low, high float64, ok bool) {
	if len(s.Low) == 0 || len(s.High) == 0 || !Finite(s.Low[k]) || !Finite(s.High[k]) {
		return 0, 0, false
	}
	return s.Low[k], s.High[k], true
}
