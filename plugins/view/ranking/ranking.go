// Package ranking draws the values of categories as bars along the page, the greatest at the top.
package ranking

import (
	"cmp"
	"errors"
	"fmt"
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
	Order string `json:"order"` // descending, ascending or given
	Cut   int    `json:"cut"`   // a line after so many bars; 0: none
	Most  int    `json:"most"`  // bars that are drawn; 0: all
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "ranking",
		Version: 1,
		Summary: "bars along the page, one for each category, the greatest at the top",
		Schema: style.Schema + style.ValuesSchema + `
order?: "descending" | "ascending" | "given" // of the bars, by the first series
cut?:   int & >=0 & <=1000 // a dashed line after so many bars; 0: none
most?:  int & >=0 & <=1000 // how many bars are drawn; 0: all
`,
	}, Config{Config: style.Defaults(), Order: "descending"}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := errors.Join(c.Config.Check(), c.Values.Check()); err != nil {
		return nil, err
	}
	if c.Order != "descending" && c.Order != "ascending" && c.Order != "given" {
		return nil, errors.New(`order: want "descending", "ascending" or "given"`)
	}
	if c.Cut < 0 || c.Most < 0 {
		return nil, errors.New("cut and most: want 0 or more")
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of points.
func (view) Form() plugins.Form { return plugins.PointForm }

// bar is one category with the value of each series; there is no bar for NaN.
type bar struct {
	name string
	at   []int // of each series the index of its point; -1: none
}

// Draw draws the figure: values along the page, categories down it. The page grows with their number.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	fig = style.Categorical(fig)
	panels, err := style.Panels(fig)
	if err != nil {
		return nil, err
	}
	pg := &style.Page{Config: v.config.Config, Title: fig.Title, Notes: style.Notes(fig), Least: 40 * vg.Millimeter}
	for i := range panels {
		plot, left, err := v.plot(&panels[i])
		if err != nil {
			return nil, err
		}
		if len(panels) > 1 {
			plot.Title = panels[i].Title
		} else {
			panels[i].Title = "" // that of the page
		}
		pg.Plots = append(pg.Plots, plot)
		if left > 0 {
			pg.Notes = append(pg.Notes, fmt.Sprintf("%d of %d are left out.", left, len(panels[i].Categories)))
		}
	}
	pg.Notes = append(pg.Notes, style.Explained(v.config.Lines)...)
	pg.Series = style.SeriesNames(&panels[0])
	for i := range panels[0].Series {
		pg.Entries = append(pg.Entries, style.Entry{Text: panels[0].Series[i].Name, Key: func(p *style.Pen, at vg.Point, w, h vg.Length) { style.AreaKey(p, i, at, w, h) }})
	}
	return pg.Draw()
}

// bars are the categories in the order asked for; those without a value of the first series come last.
func (v view) bars(fig *plugins.Figure) []bar {
	out := make([]bar, len(fig.Categories))
	for c, name := range fig.Categories {
		out[c] = bar{name: name, at: slices.Repeat([]int{-1}, len(fig.Series))}
	}
	for i := range fig.Series {
		for k, x := range fig.Series[i].X {
			if style.Finite(fig.Series[i].Y[k]) {
				out[int(x)].at[i] = k
			}
		}
	}
	sign := map[string]float64{"descending": -1, "ascending": 1}[v.config.Order]
	if sign == 0 || len(fig.Series) == 0 {
		return out
	}
	value := func(b bar) float64 {
		if b.at[0] < 0 {
			return math.Inf(1)
		}
		return sign * fig.Series[0].Y[b.at[0]]
	}
	slices.SortStableFunc(out, func(a, b bar) int { return cmp.Compare(value(a), value(b)) })
	return out
}

// plot lays a panel on its side; left is how many categories it does not show.
func (v view) plot(fig *plugins.Figure) (plot *style.Plot, left int, err error) {
	bars := v.bars(fig)
	if v.config.Most > 0 && len(bars) > v.config.Most {
		left = len(bars) - v.config.Most
		bars = bars[:v.config.Most]
	}
	values := []float64{0} // bars stand on it
	y := style.Axis{Names: []string{}}
	drawn := false
	for _, b := range bars {
		y.Names = append(y.Names, b.name)
		for i, k := range b.at {
			if k < 0 {
				continue
			}
			drawn = true
			s := &fig.Series[i]
			values = append(values, s.Y[k])
			if low, high, ok := style.Interval(s, k); ok {
				values = append(values, low, high)
			}
		}
	}
	x, err := style.AxisOf(values, v.config.Values, false, 0.05)
	if err != nil {
		return nil, 0, err
	}
	x.Label, y.Label = fig.YLabel, fig.XLabel
	plot = &style.Plot{X: x, Y: y, Bare: true, RowLines: max(1, len(fig.Series)), Lines: v.config.Lines, Upright: true}
	if !drawn {
		plot.Empty = "no values"
	}
	plot.Marks = func(p *style.Pen, a *style.Axes) { v.marks(p, a, bars, fig) }
	return plot, left, nil
}

func (v view) marks(p *style.Pen, a *style.Axes, bars []bar, fig *plugins.Figure) {
	foot := a.X(a.ClampX(0))
	wide := 0.78 / float64(max(1, len(fig.Series)))
	for row, b := range bars {
		for i, k := range b.at {
			if k < 0 {
				continue
			}
			s := &fig.Series[i]
			middle := float64(row) + wide*(float64(i)-float64(len(fig.Series)-1)/2)
			p.Series(i)
			end := a.X(a.ClampX(s.Y[k]))
			p.Area(i, vg.Point{X: foot, Y: a.Y(middle - 0.48*wide)}, vg.Point{X: end, Y: a.Y(middle + 0.48*wide)})
			text := style.Estimate(s.Y[k])
			if low, high, ok := style.Interval(s, k); ok {
				a.Along(p, style.Ink, a.Y(middle), low, high)
				text += style.Within(low, high)
			}
			p.Spot(i, vg.Point{X: end, Y: a.Y(middle)}, fig.Title, b.name, s.Name, style.Named(fig.YLabel, text))
		}
	}
	p.Series(-1)
	p.Line(style.Ink, 0.7, nil, vg.Point{X: foot, Y: a.Min.Y}, vg.Point{X: foot, Y: a.Max.Y})
	if v.config.Cut > 0 && v.config.Cut < len(bars) {
		at := a.Y(float64(v.config.Cut) - 0.5)
		p.Line(style.Ink, 0.9, []vg.Length{3, 2}, vg.Point{X: a.Min.X, Y: at}, vg.Point{X: a.Max.X, Y: at})
	}
}
