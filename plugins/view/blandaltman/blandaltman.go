// Package blandaltman draws the difference of two scores against their mean, with the limits of their agreement.
package blandaltman

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	Intervals bool `json:"intervals"` // of the bias and of the limits
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "bland-altman",
		Version: 1,
		Summary: "difference of two scores against their mean, with bias and 95 % limits of agreement",
		Source:  "J. M. Bland, D. G. Altman (1999), Stat. Methods Med. Res. 8(2), 135–160",
		Schema:  style.Schema + "intervals?: bool // 95 % intervals of the bias and of the limits, by Student's t\n",
	}, Config{Config: style.Defaults(), Intervals: true}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of pairs.
func (view) Form() plugins.Form { return plugins.PairForm }

// Draw draws the figure: y − x against (x + y) / 2. Several series have a panel each, for each has limits of its own.
// Points without an x or a y are left out.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	fig = style.Pairs(fig)
	x, y := undirected(fig.XLabel), undirected(fig.YLabel)
	if x == "" || y == "" {
		x, y = "x", "y"
	}
	fig.XLabel, fig.YLabel = fmt.Sprintf("mean of %s and %s", x, y), fmt.Sprintf("%s − %s", y, x)
	if len(fig.Panels) == 0 && len(fig.Series) > 1 {
		for _, s := range fig.Series {
			fig.Panels = append(fig.Panels, plugins.Figure{Title: s.Name, Series: []plugins.Series{s}})
		}
		fig.Series = nil
	}
	fig, err := style.EachPanel(fig, differences)
	if err != nil {
		return nil, err
	}
	for i := range fig.Panels {
		if len(fig.Panels[i].Series) > 1 {
			return nil, fmt.Errorf("panel %q has %d series: limits of agreement are those of one", fig.Panels[i].Title, len(fig.Panels[i].Series))
		}
		fig.Panels[i].XLabel, fig.Panels[i].YLabel = "", ""
	}
	config := v.config.Config
	config.Legend = "none"
	chart := style.Chart{Config: config, Ys: v.holds, Marks: v.marks, Finish: v.printed, Key: style.PointKey}
	fig.Notes = append(slices.Clone(fig.Notes), v.explained())
	return chart.Draw(fig)
}

// undirected is a label without the arrow that says which values are better: of a mean or a difference it is not true.
func undirected(label string) string {
	for _, arrow := range []string{" (↑", " (↓"} {
		label, _, _ = strings.Cut(label, arrow)
	}
	return label
}

// differences are the series of y − x over (x + y) / 2.
func differences(series []plugins.Series) []plugins.Series {
	out := slices.Clone(series)
	for i := range out {
		s := &out[i]
		xs, ys := make([]float64, len(s.X)), make([]float64, len(s.X))
		for k := range s.X {
			xs[k], ys[k] = s.X[k]/2+s.Y[k]/2, s.Y[k]-s.X[k]
		}
		s.X, s.Y, s.Low, s.High = xs, ys, nil, nil
	}
	return out
}

// limits are the bias and the limits of agreement, with half the lengths of their intervals.
type limits struct {
	bias, low, high    float64
	aboutBias, aboutIt float64
	n                  int
}

// normal is how many standard deviations about the mean hold 95 % of a normal distribution.
const normal = 1.959963984540054

// limitsOf needs two points: one has no spread.
func limitsOf(fig *plugins.Figure) (l limits, ok bool) {
	at := slices.IndexFunc(fig.Series, func(s plugins.Series) bool { return len(s.Y) > 1 })
	if at < 0 {
		return l, false
	}
	y := fig.Series[at].Y
	mean, sd := stat.MeanStdDev(y, nil)
	n := float64(len(y))
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975)
	return limits{
		bias: mean, low: mean - normal*sd, high: mean + normal*sd,
		aboutBias: t * sd / math.Sqrt(n),
		aboutIt:   t * sd * math.Sqrt(1/n+normal*normal/(2*(n-1))),
		n:         len(y),
	}, style.Finite(mean) && style.Finite(sd)
}

// holds are the values that the y axis has: the differences, 0, the lines and their intervals.
func (v view) holds(fig *plugins.Figure) []float64 {
	var values []float64
	for _, s := range fig.Series {
		values = append(values, s.Y...)
	}
	if l, ok := limitsOf(fig); ok {
		values = append(values, 0, l.low, l.high)
		if v.config.Intervals && l.n > 2 {
			values = append(values, l.low-l.aboutIt, l.high+l.aboutIt)
		}
	}
	return values
}

func (v view) marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	if l, ok := limitsOf(fig); ok {
		if v.config.Intervals && l.n > 2 {
			for _, band := range [][2]float64{{l.low, l.aboutIt}, {l.bias, l.aboutBias}, {l.high, l.aboutIt}} {
				p.Rectangle(vg.Point{X: a.Min.X, Y: a.Y(a.Clamp(band[0] - band[1]))}, vg.Point{X: a.Max.X, Y: a.Y(a.Clamp(band[0] + band[1]))}, style.Pale(style.Ink, 0.1))
			}
		}
		across := func(y float64, width vg.Length, dash []vg.Length) {
			p.Line(style.Ink, width, dash, vg.Point{X: a.Min.X, Y: a.Y(y)}, vg.Point{X: a.Max.X, Y: a.Y(y)})
		}
		across(0, 0.5, nil)
		across(l.bias, 1, nil)
		across(l.low, 0.8, []vg.Length{4, 2})
		across(l.high, 0.8, []vg.Length{4, 2})
	}
	for i := range fig.Series {
		s := &fig.Series[i]
		for k, y := range s.Y {
			if style.Finite(y) {
				p.Series(i)
				p.Marker(i, a.At(s.X[k], y), 2)
				p.Point(i, k, a.At(s.X[k], y))
			}
		}
	}
}

// printed writes the values of the lines beside them.
func (v view) printed(plot *style.Plot, fig *plugins.Figure) {
	l, ok := limitsOf(fig)
	if !ok {
		return
	}
	text := func(name string, value float64) style.Beside {
		return style.Beside{Y: value, Text: name + "\n" + style.FormatBeside(value, l.high-l.low), Series: -1}
	}
	plot.Beside = []style.Column{{Texts: []style.Beside{text("+1.96 SD", l.high), text(fmt.Sprintf("bias, n = %d", l.n), l.bias), text("−1.96 SD", l.low)}}}
}

func (v view) explained() string {
	text := "Solid: mean difference; dashed: 95 % limits of agreement (mean ± 1.96 SD)"
	if v.config.Intervals {
		text += "; grey: their 95 % intervals"
	}
	return text + "."
}
