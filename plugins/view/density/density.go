// Package density overlays densities, such as those of real and synthetic values. Shares of categories are bars.
package density

import (
	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	LogX  bool `json:"logX"`
	Steps bool `json:"steps"` // each y holds over its bin
	Fill  bool `json:"fill"`  // the area of the first series
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "density",
		Version: 2,
		Summary: "densities over each other, the first of them filled; shares of categories as bars",
		Schema: style.Schema + `
logX?:  bool // values above 0 only
steps?: bool // each y holds over its bin, as in a histogram
fill?:  bool // the area of the first series
`,
	}, Config{Config: style.FreeScales(), Fill: true}, New)
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

// Draw draws the figure: y is the density at x, or the share of a category.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	if fig.YLabel == "" {
		fig.YLabel = "density"
	}
	steps := v.config.Steps
	if fig.Categories != nil {
		steps = false
	}
	for _, panel := range fig.Panels {
		steps = steps && panel.Categories == nil
	}
	if steps {
		var err error
		if fig, err = style.EachPanel(fig, style.Plateaus); err != nil {
			return nil, err
		}
	}
	chart := style.Chart{Config: v.config.Config, LogX: v.config.LogX, Zero: true, Key: v.key, Marks: v.marks}
	return chart.Draw(fig)
}

// key shows the area of the series that has one.
func (v view) key(p *style.Pen, i int, at vg.Point, w, h vg.Length) {
	if i == 0 && v.config.Fill {
		p.Rectangle(vg.Point{X: at.X - w/2, Y: at.Y}, vg.Point{X: at.X + w/2, Y: at.Y - h/2}, style.Pale(style.Colour(0), opacity))
	}
	style.LineKey(p, i, at, w, h)
}

const opacity = 0.25 // of areas

func (v view) marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	if fig.Categories != nil {
		style.Bars(p, a, fig)
		return
	}
	if len(fig.Series) > 0 && v.config.Fill {
		s := &fig.Series[0]
		xs, floor := make([]vg.Length, len(s.X)), make([]float64, len(s.X))
		for k, x := range s.X {
			xs[k], floor[k] = a.X(x), a.Zero()
		}
		p.Series(0)
		a.Band(p, style.Pale(style.Colour(0), opacity), xs, floor, s.Y, nil)
	}
	style.Curves(p, a, fig)
}
