// Package scatter draws one score against another, with the line on which they agree.
package scatter

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	style.Values
	Identity bool `json:"identity"` // same limits on both axes, and the line y = x
	LogX     bool `json:"logX"`
	LogY     bool `json:"logY"`
	Labels   int  `json:"labels"` // how many of the points farthest off are named
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "scatter",
		Version: 1,
		Summary: "one score against another, with the line y = x and how far the points keep to it",
		Schema: style.Schema + style.ValuesSchema + `
identity?: bool // both axes have the same limits, and the line y = x is drawn
logX?:     bool // with identity, logX and logY have to be the same
logY?:     bool // a logarithmic scale: values above 0 only
labels?:   int & >=0 & <=50 // how many points are named: those farthest from y = x, or from the middle without it
`,
	}, Config{Config: style.Defaults(), Identity: true, Labels: 3}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := errors.Join(c.Config.Check(), c.Values.Check()); err != nil {
		return nil, err
	}
	if c.Identity && c.LogX != c.LogY {
		return nil, errors.New("identity: both axes have the same limits, so set logX and logY both or neither")
	}
	if c.Identity && (c.YMin != nil || c.YMax != nil) {
		return nil, errors.New("identity: both axes have the same limits, so yMin and yMax cannot cut one of them")
	}
	if c.Labels < 0 {
		return nil, fmt.Errorf("labels %d: want 0 or more", c.Labels)
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of pairs.
func (view) Form() plugins.Form { return plugins.PairForm }

// Draw draws the figure. Points without an x or a y are left out.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	fig = style.Pairs(fig)
	chart := style.Chart{
		Config: v.config.Config,
		Values: v.config.Values,
		LogX:   v.config.LogX,
		LogY:   v.config.LogY,
		Same:   v.config.Identity,
		Square: v.config.Identity,
		Key:    style.PointKey,
		Marks:  v.marks,
		Tell:   v.tell,
	}
	fig.Notes = append(slices.Clone(fig.Notes), v.explained(fig)...)
	return chart.Draw(fig)
}

// tell is Pearson's correlation and, about y = x, the share of the variance of y that x stands for.
func (v view) tell(s *plugins.Series) string {
	r, err := stats.Pearson(s.X, s.Y)
	if err != nil || !style.Finite(r) {
		return fmt.Sprintf("n = %d", len(s.X))
	}
	text := fmt.Sprintf("n = %d, r = %s", len(s.X), style.FormatBeside(r, 1))
	if about := agreement(s); v.config.Identity && style.Finite(about) {
		text += ", R² = " + style.FormatBeside(about, 1)
	}
	return text
}

// agreement is 1 − Σ(y − x)² / Σ(y − mean y)²: 1 where all points lie on y = x, below 0 where their mean is nearer to them.
func agreement(s *plugins.Series) float64 {
	mean := 0.0
	for _, y := range s.Y {
		mean += y / float64(len(s.Y))
	}
	off, all := 0.0, 0.0
	for k, y := range s.Y {
		off += (y - s.X[k]) * (y - s.X[k])
		all += (y - mean) * (y - mean)
	}
	if all == 0 {
		return math.NaN()
	}
	return 1 - off/all
}

// explained says what the legend's numbers are, where it has any.
func (v view) explained(fig plugins.Figure) []string {
	if len(fig.Panels) > 0 || !slices.ContainsFunc(fig.Series, func(s plugins.Series) bool { return s.Note == "" && len(s.X) > 1 }) {
		return nil
	}
	if v.config.Legend == "none" {
		return nil
	}
	if !v.config.Identity {
		return []string{"r: Pearson's correlation."}
	}
	return []string{"Dashed: y = x. r: Pearson's correlation. R²: 1 − Σ(y − x)² / Σ(y − ȳ)², of the line y = x."}
}

func (v view) marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	if v.config.Identity {
		a.Diagonal(p)
	}
	points := 0
	for i := range fig.Series {
		points += len(fig.Series[i].X)
	}
	radius := vg.Length(2.1)
	if points > 150 {
		radius = 1.4
	}
	var taken []style.Spot
	for i := range fig.Series {
		s := &fig.Series[i]
		for k, y := range s.Y {
			if low, high, ok := style.Interval(s, k); ok && style.Finite(y) && a.InsideX(s.X[k]) {
				p.Series(i)
				a.ErrorBar(p, style.Pale(style.Colour(i), 0.5), a.X(s.X[k]), low, high, 0, 0.7)
			}
		}
	}
	for i := range fig.Series {
		s := &fig.Series[i]
		for k, y := range s.Y {
			if style.Finite(y) && a.Has(s.X[k], y) {
				p.Series(i)
				p.Marker(i, a.At(s.X[k], y), radius)
				p.Point(i, k, a.At(s.X[k], y))
				taken = append(taken, style.SpotAt(a.At(s.X[k], y), radius))
			}
		}
	}
	p.Series(-1)
	v.name(p, a, fig, taken)
}

// name writes the labels of the points farthest off beside them, where there is room.
func (v view) name(p *style.Pen, a *style.Axes, fig *plugins.Figure, taken []style.Spot) {
	type point struct {
		i, k int
		off  vg.Length
	}
	middle := vg.Point{X: (a.Min.X + a.Max.X) / 2, Y: (a.Min.Y + a.Max.Y) / 2}
	var all []point
	for i := range fig.Series {
		s := &fig.Series[i]
		for k := range s.Labels {
			if s.Labels[k] == "" || !style.Finite(s.Y[k]) || !a.Has(s.X[k], s.Y[k]) {
				continue
			}
			at := a.At(s.X[k], s.Y[k])
			off := at.X - middle.X
			if v.config.Identity {
				off = (at.Y - a.Min.Y) - (at.X - a.Min.X)
			} else {
				off = vg.Length(math.Hypot(float64(off), float64(at.Y-middle.Y)))
			}
			all = append(all, point{i, k, vg.Length(math.Abs(float64(off)))})
		}
	}
	slices.SortStableFunc(all, func(s, t point) int { return cmp.Compare(t.off, s.off) })
	for _, q := range all[:min(len(all), v.config.Labels)] {
		s := &fig.Series[q.i]
		if spot, ok := a.Name(p, a.At(s.X[q.k], s.Y[q.k]), s.Labels[q.k], taken); ok {
			taken = append(taken, spot)
		}
	}
}
