// Package line draws lines with markers and intervals over a numeric or categorical axis.
package line

import (
	"errors"
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
	LogX     bool   `json:"logX"` // numeric x only
	LogY     bool   `json:"logY"`
	Interval string `json:"interval"` // bars, band or none
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "line",
		Version: 3,
		Summary: "lines with markers and intervals, one for each series",
		Schema: style.Schema + style.ValuesSchema + `
logX?:     bool // numeric x only
logY?:     bool // values above 0 only
interval?: "bars" | "band" | "none" // how intervals are drawn: as bars, as a shaded band, or not at all
`,
	}, Config{Config: style.Defaults(), Interval: "bars"}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := errors.Join(c.Config.Check(), c.Values.Check()); err != nil {
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
		Values: v.config.Values,
		LogX:   v.config.LogX,
		LogY:   v.config.LogY,
		Own:    true,
		Key: func(p *style.Pen, i int, at vg.Point, w, _ vg.Length) {
			p.Line(style.Colour(i), width, style.Dash(i), vg.Point{X: at.X - w/2, Y: at.Y}, vg.Point{X: at.X + w/2, Y: at.Y})
			p.Marker(i, at, radius)
		},
		Marks: v.marks,
	}
	return chart.Draw(fig)
}

// marks draws bands under bars under lines under markers, so that no series hides another's values.
func (v view) marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	step := vg.Length(0)
	if v.config.Interval == "bars" {
		step = dodge(a, fig)
	}
	places := make([][]vg.Length, len(fig.Series))
	for i := range fig.Series {
		for _, x := range fig.Series[i].X {
			places[i] = append(places[i], a.X(x)+step*(vg.Length(i)-vg.Length(len(fig.Series)-1)/2))
		}
	}
	for i := range fig.Series {
		if v.config.Interval == "band" {
			p.Series(i)
			band(p, a, i, &fig.Series[i], places[i])
		}
	}
	for i := range fig.Series {
		s := &fig.Series[i]
		p.Series(i)
		points := make([]vg.Point, len(s.Y))
		for k, y := range s.Y {
			points[k] = vg.Point{X: places[i][k], Y: a.Y(y)}
			if low, high, ok := style.Interval(s, k); ok && style.Finite(y) && v.config.Interval == "bars" {
				a.ErrorBar(p, style.Colour(i), places[i][k], low, high, 3, 0.8)
			}
		}
		a.Polyline(p, style.Colour(i), width, style.Dash(i), points)
	}
	for i := range fig.Series {
		p.Series(i)
		for k, y := range fig.Series[i].Y {
			if style.Finite(y) && a.Inside(y) {
				at := vg.Point{X: places[i][k], Y: a.Y(y)}
				p.Marker(i, at, min(radius, max(1.1, 0.45*a.Slot)))
				p.Point(i, k, at)
			}
		}
	}
}

// dodge is the distance by which series step aside, so that error bars at one x do not cover each other. It stays
// well below the distance of two x values: the place still tells which x is meant.
func dodge(a *style.Axes, fig *plugins.Figure) vg.Length {
	bars := slices.ContainsFunc(fig.Series, func(s plugins.Series) bool { return len(s.Low) > 0 })
	if len(fig.Series) < 2 || !bars {
		return 0
	}
	most := vg.Length(3)
	if fig.Categories != nil { // a place within a category has no meaning of its own
		most = 6
	}
	return min(most, min(0.4*a.Slot, 1.4*a.Edge)/vg.Length(len(fig.Series)-1))
}

// band fills the area between the ends of the intervals. A lone point has no area, but a bar.
func band(p *style.Pen, a *style.Axes, i int, s *plugins.Series, places []vg.Length) {
	if len(s.Low) == 0 {
		return
	}
	low, high := slices.Clone(s.Low), slices.Clone(s.High)
	for k, y := range s.Y {
		if !style.Finite(y) {
			low[k] = math.NaN()
		}
	}
	a.Band(p, style.Sheer(style.Colour(i), 0.22), places, low, high, func(k int) {
		a.ErrorBar(p, style.Colour(i), places[k], low[k], high[k], 3, 0.8)
	})
}
