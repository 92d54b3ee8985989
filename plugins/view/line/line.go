// Package line draws lines with markers and intervals over a numeric or categorical axis.
package line

import (
	"errors"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	LogX     bool   `json:"logX"`     // numeric x only
	Interval string `json:"interval"` // bars, band or none
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "line",
		Version: 1,
		Summary: "lines with markers and intervals, one for each series",
		Schema: style.Schema + `
logX?:     bool // numeric x only
interval?: "bars" | "band" | "none"
`,
	}, Config{Config: style.Defaults(), Interval: "bars"}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Interval != "bars" && c.Interval != "band" && c.Interval != "none" {
		return nil, errors.New(`interval: want "bars", "band" or "none"`)
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of points.
func (view) Form() plugins.Form { return plugins.PointForm }

const (
	width  vg.Length = 1.1 // of lines, in points
	radius vg.Length = 2.3 // of markers
)

// Draw draws the figure. A point without a value is a gap in its line.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	chart := style.Chart{
		Config: v.config.Config,
		LogX:   v.config.LogX && fig.Categories == nil,
		Key: func(p *style.Pen, i int, at vg.Point, w, _ vg.Length) {
			p.Line(style.Colour(i), width, style.Dash(i), vg.Point{X: at.X - w/2, Y: at.Y}, vg.Point{X: at.X + w/2, Y: at.Y})
			p.Marker(i, at, radius)
		},
		Marks: func(p *style.Pen, a *style.Axes) { v.marks(p, a, &fig) },
	}
	return chart.Draw(fig)
}

// marks draws bands under bars under lines under markers, so that no series hides another's values.
func (v view) marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	step := vg.Length(0)
	if v.config.Interval == "bars" {
		step = dodge(a, fig)
	}
	place := func(i, k int) vg.Length {
		return a.X(fig.Series[i].X[k]) + step*(vg.Length(i)-vg.Length(len(fig.Series)-1)/2)
	}
	for i := range fig.Series {
		if v.config.Interval == "band" {
			band(p, a, i, &fig.Series[i], place)
		}
	}
	for i := range fig.Series {
		s := &fig.Series[i]
		for k := range s.Y {
			low, high, ok := style.Interval(s, k)
			if ok && style.Finite(s.Y[k]) && v.config.Interval == "bars" {
				a.ErrorBar(p, style.Colour(i), place(i, k), low, high, 3, 0.8)
			}
		}
		for k := 1; k < len(s.Y); k++ {
			if style.Finite(s.Y[k-1]) && style.Finite(s.Y[k]) {
				a.Segment(p, i, vg.Point{X: place(i, k-1), Y: a.Y(s.Y[k-1])}, vg.Point{X: place(i, k), Y: a.Y(s.Y[k])}, width)
			}
		}
	}
	for i := range fig.Series {
		for k, y := range fig.Series[i].Y {
			if style.Finite(y) && a.Inside(y) {
				p.Marker(i, vg.Point{X: place(i, k), Y: a.Y(y)}, radius)
			}
		}
	}
}

// dodge is the distance by which series step aside, so that error bars at one x do not cover each other. It stays
// well below the distance of two x values: the place still tells which x is meant.
func dodge(a *style.Axes, fig *plugins.Figure) vg.Length {
	bars := slices.ContainsFunc(fig.Series, func(s plugins.Series) bool { return s.Low != nil })
	if len(fig.Series) < 2 || !bars {
		return 0
	}
	most := vg.Length(3)
	if fig.Categories != nil { // a place within a category has no meaning of its own
		most = 6
	}
	return min(most, min(0.4*a.Slot, 1.4*a.Edge)/vg.Length(len(fig.Series)-1))
}

// band fills the area between the ends of the intervals, for each run of points that have one.
func band(p *style.Pen, a *style.Axes, i int, s *plugins.Series, place func(i, k int) vg.Length) {
	colour := style.Pale(style.Colour(i), 0.22)
	for k := 0; k < len(s.Y); {
		to := k
		for to < len(s.Y) && style.Finite(s.Y[to]) {
			if _, _, ok := style.Interval(s, to); !ok {
				break
			}
			to++
		}
		if to == k {
			k++
			continue
		}
		if to == k+1 { // a lone point has no area
			a.ErrorBar(p, style.Colour(i), place(i, k), s.Low[k], s.High[k], 3, 0.8)
			k = to
			continue
		}
		var path vg.Path
		path.Move(vg.Point{X: place(i, k), Y: a.Y(a.Clamp(s.Low[k]))})
		for j := k + 1; j < to; j++ {
			path.Line(vg.Point{X: place(i, j), Y: a.Y(a.Clamp(s.Low[j]))})
		}
		for j := to - 1; j >= k; j-- {
			path.Line(vg.Point{X: place(i, j), Y: a.Y(a.Clamp(s.High[j]))})
		}
		path.Close()
		p.Fill(path, colour)
		k = to
	}
}
