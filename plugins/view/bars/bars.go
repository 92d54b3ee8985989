// Package bars draws grouped bars with error bars.
package bars

import (
	"errors"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	style.Values
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "bars",
		Version: 2,
		Summary: "bars with intervals, grouped by series",
		Schema:  style.Schema + style.ValuesSchema,
	}, Config{Config: style.Defaults()}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := errors.Join(c.Config.Check(), c.Values.Check()); err != nil {
		return nil, err
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of points.
func (view) Form() plugins.Form { return plugins.PointForm }

// Draw draws the figure. Numbers on the x axis become categories. Bars start at 0, or at the end of the y axis that
// is nearest to it; a missing value is an empty place.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	fig = style.Categorical(fig)
	chart := style.Chart{
		Config: v.config.Config,
		Values: v.config.Values,
		Zero:   true,
		Key:    style.AreaKey,
		Marks:  style.Bars,
	}
	return chart.Draw(fig)
}
