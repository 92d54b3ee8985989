// Package heatmap draws matrices as coloured cells side by side, such as correlations of real and synthetic rows.
package heatmap

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	Values string `json:"values"` // auto, always or never
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "heatmap",
		Version: 1,
		Summary: "matrices as coloured cells, side by side with a common colour bar",
		Schema:  style.Schema + `values?: "auto" | "always" | "never" // numbers in the cells; auto: where they have room` + "\n",
	}, Config{Config: style.Defaults(), Values: "auto"}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Values != "auto" && c.Values != "always" && c.Values != "never" {
		return nil, fmt.Errorf(`values: want "auto", "always" or "never"`)
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of matrices.
func (view) Form() plugins.Form { return plugins.MatrixForm }

// Draw draws the figure. The matrices of a panel bear its title before their names. Cells without a value are grey and
// crossed out.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	matrices, err := matricesOf(fig)
	if err != nil {
		return nil, err
	}
	pg := &style.Page{Config: v.config.Config, Title: fig.Title, Notes: style.Notes(fig), Least: leastWidth(matrices)}
	gaps := false
	bars := map[style.Ramp][]string{}
	var order []style.Ramp
	for i := range matrices {
		m := &matrices[i]
		ramp := rampOf(m)
		plot := &style.Plot{
			Title: m.Name, Bare: true, Aspect: aspect(m),
			X:     style.Axis{Names: append([]string{}, m.Columns...), Label: fig.XLabel}, // not nil: there may be none
			Y:     style.Axis{Names: append([]string{}, m.Rows...), Label: fig.YLabel},
			Marks: func(p *style.Pen, a *style.Axes) { v.cells(p, a, m, ramp) },
		}
		if !hasValue(m) {
			plot.Empty = "no values"
		} else {
			gaps = gaps || hasGap(m)
			if bars[ramp] == nil {
				order = append(order, ramp)
			}
			bars[ramp] = append(bars[ramp], m.Name)
		}
		pg.Plots = append(pg.Plots, plot)
	}
	if len(matrices) == 0 {
		pg.Plots = []*style.Plot{{Empty: "no values", Bare: true, Aspect: 0.4, X: style.Axis{Names: []string{}}, Y: style.Axis{Names: []string{}}}}
	}
	for _, ramp := range order {
		bar := style.ColourBar{Ramp: ramp}
		if len(order) > 1 {
			bar.Label = listed(bars[ramp])
		}
		pg.Scales = append(pg.Scales, bar)
	}
	if v.config.Legend == "none" {
		pg.Scales = nil
	}
	if gaps {
		pg.Notes = append(pg.Notes, "Grey, crossed out: no value.")
	}
	return pg.Draw()
}

// listed joins names, of which a bar bears a few.
func listed(names []string) string {
	const most = 4
	text := ""
	for i, name := range names[:min(most, len(names))] {
		if i > 0 {
			text += ", "
		}
		text += name
	}
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}

// matricesOf are the matrices of a figure and of its panels, checked.
func matricesOf(fig plugins.Figure) ([]plugins.Matrix, error) {
	all := slices.Clone(fig.Matrices)
	for _, panel := range fig.Panels {
		for _, m := range panel.Matrices {
			switch {
			case m.Name == "":
				m.Name = panel.Title
			case panel.Title != "":
				m.Name = panel.Title + ": " + m.Name
			}
			all = append(all, m)
		}
	}
	for i := range all {
		m := &all[i]
		if len(m.Values) != len(m.Rows) {
			return nil, fmt.Errorf("matrix %q: %d rows of values for %d names", m.Name, len(m.Values), len(m.Rows))
		}
		for r, row := range m.Values {
			if len(row) != len(m.Columns) {
				return nil, fmt.Errorf("matrix %q: row %d holds %d values for %d columns", m.Name, r+1, len(row), len(m.Columns))
			}
		}
		if !style.Finite(m.Low) || !style.Finite(m.High) || m.Low > m.High {
			return nil, fmt.Errorf("matrix %q: the colour scale runs from %v to %v", m.Name, m.Low, m.High)
		}
	}
	return all, nil
}

// rampOf is the colour scale of a matrix, which is that of its values where it says none.
func rampOf(m *plugins.Matrix) style.Ramp {
	if m.Low != 0 || m.High != 0 {
		return style.Ramp{Low: m.Low, High: m.High}
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range m.Values {
		for _, v := range row {
			if style.Finite(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	axis, err := style.Numbers([]float64{low, high}, false, 0)
	if err != nil {
		return style.Ramp{Low: 0, High: 1}
	}
	return style.Ramp{Low: axis.Min, High: axis.Max}
}

func hasValue(m *plugins.Matrix) bool {
	return slices.ContainsFunc(m.Values, func(row []float64) bool { return slices.ContainsFunc(row, style.Finite) })
}

func hasGap(m *plugins.Matrix) bool {
	gap := func(v float64) bool { return !style.Finite(v) }
	return slices.ContainsFunc(m.Values, func(row []float64) bool { return slices.ContainsFunc(row, gap) })
}

// aspect makes cells square, within what a page can hold.
func aspect(m *plugins.Matrix) float64 {
	return min(max(float64(len(m.Rows))/float64(max(1, len(m.Columns))), 0.15), 3)
}

// leastWidth leaves every cell a width that is still seen.
func leastWidth(matrices []plugins.Matrix) vg.Length {
	columns := 0
	for _, m := range matrices {
		columns = max(columns, len(m.Columns))
	}
	return max(26*vg.Millimeter, vg.Length(columns)*0.85*vg.Millimeter)
}

func (v view) cells(p *style.Pen, a *style.Axes, m *plugins.Matrix, ramp style.Ramp) {
	wide, high := a.Slot, (a.Max.Y-a.Min.Y)/vg.Length(max(1, len(m.Rows)))
	digits := v.digits(m, wide-1.5, high, ramp)
	// cells of one colour are one path: files and drawing are many times smaller for it
	paths := map[color.NRGBA]*vg.Path{}
	var order []color.NRGBA
	for r, row := range m.Values {
		for c, value := range row {
			colour := style.Gap
			if style.Finite(value) {
				colour = ramp.At(value)
			}
			if paths[colour] == nil {
				paths[colour] = &vg.Path{}
				order = append(order, colour)
			}
			middle := a.At(float64(c), float64(r))
			// a hair wider than its slot, so that no light shows between neighbours
			style.AddBox(paths[colour], vg.Point{X: middle.X - wide/2, Y: middle.Y - high/2},
				vg.Point{X: min(middle.X+wide/2+0.2, a.Max.X), Y: min(middle.Y+high/2+0.2, a.Max.Y)})
		}
	}
	for _, colour := range order {
		p.Fill(*paths[colour], colour)
	}
	for r, row := range m.Values {
		for c, value := range row {
			middle := a.At(float64(c), float64(r))
			switch {
			case !style.Finite(value):
				p.Line(style.Pale(style.Ink, 0.5), 0.4, nil, vg.Point{X: middle.X - wide/2, Y: middle.Y - high/2}, vg.Point{X: middle.X + wide/2, Y: middle.Y + high/2})
			case digits >= 0:
				p.Print(style.On(ramp.At(value)), middle, 0.5, style.Fixed(value, digits))
			}
		}
	}
	p.Frame(a.Min, a.Max, style.Ink, 0.5, nil)
	p.Grid(a.Min, a.Max, m)
}

// digits are the decimals that all values have room for, two at most; −1: none are printed.
func (v view) digits(m *plugins.Matrix, wide, high vg.Length, ramp style.Ramp) int {
	if v.config.Values == "never" {
		return -1
	}
	for digits := 2; digits >= 0; digits-- {
		if digits == 0 && v.config.Values != "always" && ramp.High-ramp.Low <= 2 {
			return -1 // whole numbers would say nothing
		}
		fits := true
		for _, row := range m.Values {
			for _, value := range row {
				if style.Finite(value) {
					w, h := style.PrintSize(style.Fixed(value, digits))
					fits = fits && w <= wide && h <= high+2
				}
			}
		}
		if fits {
			return digits
		}
	}
	if v.config.Values == "always" {
		return 2
	}
	return -1
}
