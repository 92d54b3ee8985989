// Package pr draws precision-recall curves with their bands over square axes, with the precision that chance has.
package pr

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct{ style.Config }

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "pr",
		Version: 2,
		Summary: "precision-recall curves with bands, and the precision of chance",
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

// Form is that of curves.
func (view) Form() plugins.Form { return plugins.CurveForm }

// Draw draws the figure: x is the recall, y the precision. Series.Chance, the prevalence, is a dotted line.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	if fig.XLabel == "" {
		fig.XLabel = "recall"
	}
	if fig.YLabel == "" {
		fig.YLabel = "precision"
	}
	chart := style.Chart{
		Config: v.config.Config,
		Unit:   true,
		Square: true,
		Key:    style.LineKey,
		Marks: func(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
			style.Bands(p, a, fig)
			for i := range fig.Series {
				if chance := fig.Series[i].Chance; chance != nil && style.Finite(*chance) {
					a.Level(p, i, *chance)
				}
			}
			style.Lines(p, a, fig)
		},
	}
	if chances(fig) {
		fig.Notes = append([]string{"Dotted: the precision of chance, which is the prevalence."}, fig.Notes...)
	}
	return chart.Draw(fig)
}

// chances reports whether any series has the level of chance.
func chances(fig plugins.Figure) bool {
	for _, s := range fig.Series {
		if s.Chance != nil && style.Finite(*s.Chance) {
			return true
		}
	}
	for _, panel := range fig.Panels {
		if chances(panel) {
			return true
		}
	}
	return false
}
