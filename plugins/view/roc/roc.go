// Package roc draws ROC curves with their bands over square axes, with the line of chance.
package roc

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct{ style.Config }

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "roc",
		Version: 2,
		Summary: "ROC curves with bands, the line of chance and the area under each",
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

// Draw draws the figure: x is the share of false alarms, y that of events found.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	if fig.XLabel == "" {
		fig.XLabel = "1 − specificity"
	}
	if fig.YLabel == "" {
		fig.YLabel = "sensitivity"
	}
	fig, err := style.EachPanel(fig, fromOrigin)
	if err != nil {
		return nil, err
	}
	chart := style.Chart{
		Config: v.config.Config,
		Unit:   true,
		Square: true,
		Key:    style.LineKey,
		Marks: func(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
			style.Bands(p, a, fig)
			a.Diagonal(p)
			style.Lines(p, a, fig)
		},
		Tell: func(s *plugins.Series) string {
			if area := style.Area(s); style.Finite(area) {
				return fmt.Sprintf("AUC %.2f", area)
			}
			return ""
		},
	}
	return chart.Draw(fig)
}

// fromOrigin lets curves that are above 0 at x = 0 rise from 0: there they hold the upper end of what is vertical.
func fromOrigin(series []plugins.Series) []plugins.Series {
	out := make([]plugins.Series, len(series))
	for i, s := range series {
		if len(s.Y) > 0 && s.X[0] == 0 && s.Y[0] > 0 {
			first := func(values []float64, v float64) []float64 {
				if len(values) == 0 {
					return nil
				}
				return append([]float64{v}, values...)
			}
			s.X, s.Y, s.Low, s.High = first(s.X, 0), first(s.Y, 0), first(s.Low, 0), first(s.High, 0)
			s.N, s.Labels, s.Values = nil, nil, nil
		}
		out[i] = s
	}
	return out
}
