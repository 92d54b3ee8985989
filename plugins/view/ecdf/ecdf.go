// Package ecdf draws cumulative shares as steps, such as those of real and synthetic values.
package ecdf

import (
	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	LogX bool `json:"logX"`
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "ecdf",
		Version: 2,
		Summary: "cumulative shares as steps, one for each series",
		Schema:  style.Schema + "logX?: bool // values above 0 only\n",
	}, Config{Config: style.FreeScales()}, New)
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

// Draw draws the figure: y is the share of values up to x, which holds to the next x.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	if fig.YLabel == "" {
		fig.YLabel = "cumulative share"
	}
	fig, err := style.EachPanel(fig, style.Steps)
	if err != nil {
		return nil, err
	}
	one := 1.0
	chart := style.Chart{
		Config: v.config.Config,
		Values: style.Values{YMax: &one},
		LogX:   v.config.LogX,
		Zero:   true,
		Key:    style.LineKey,
		Marks:  style.Curves,
	}
	return chart.Draw(fig)
}
