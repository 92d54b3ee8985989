// Package box draws boxes of the values behind each point, with the values themselves where they are few.
package box

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/plugins/view/style"
)

// Config is the view's "with" block.
type Config struct {
	style.Config
	style.Values
	LogY     bool   `json:"logY"`
	Whiskers string `json:"whiskers"` // tukey or range
	Points   int    `json:"points"`   // boxes of at most so many values show each of them
	Counts   bool   `json:"counts"`   // how many values a box has stands below it
}

// Register adds the view to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Views, plugins.Info{
		Name:    "box",
		Version: 2,
		Summary: "median, quartiles and whiskers of the values behind each point, grouped by series",
		Source:  "J. W. Tukey (1977), Exploratory Data Analysis; quartiles by linear interpolation",
		Schema: style.Schema + style.ValuesSchema + `
logY?:     bool // values above 0 only
whiskers?: "tukey" | "range" // to the last value within 1.5 times the height of the box, or to all
points?:   int & >=0 & <=1000 // boxes of at most so many values show each of them; others show what lies beyond the whiskers
counts?:   bool // true unless set: how many values a box has stands below it; false where these are quantiles, which say nothing of how many they are of
`,
	}, Config{Config: style.Defaults(), Whiskers: "tukey", Points: 20, Counts: true}, New)
}

// New returns the view.
func New(c Config) (plugins.View, error) {
	if err := errors.Join(c.Config.Check(), c.Values.Check()); err != nil {
		return nil, err
	}
	if c.Whiskers != "tukey" && c.Whiskers != "range" {
		return nil, errors.New(`whiskers: want "tukey" or "range"`)
	}
	if c.Points < 0 {
		return nil, fmt.Errorf("points %d: want 0 or more", c.Points)
	}
	return view{c}, nil
}

type view struct{ config Config }

// Form is that of spreads.
func (view) Form() plugins.Form { return plugins.SpreadForm }

// leastBox is the number of values from which on a box is drawn: fewer are shown as they are, with their median, for
// quartiles of them would be values made up in between.
const leastBox = 5

// Draw draws the figure. Numbers on the x axis become categories. How many values a box has stands below it, unless set otherwise.
func (v view) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	fig, err := style.EachPanel(style.Categorical(fig), spreads)
	if err != nil {
		return nil, err
	}
	chart := style.Chart{
		Config: v.config.Config,
		Values: v.config.Values,
		LogY:   v.config.LogY,
		Ys: func(fig *plugins.Figure) (all []float64) {
			for _, s := range fig.Series {
				all = append(all, slices.Concat(s.Values...)...)
			}
			return all
		},
		Key:   key,
		Marks: v.marks,
	}
	if v.config.Counts {
		chart.Finish = countBelow
	}
	fig.Notes = append(slices.Clone(fig.Notes), v.explained())
	return chart.Draw(fig)
}

// spreads leaves the series nothing but their values: of a point without them no box can be drawn.
func spreads(series []plugins.Series) []plugins.Series {
	out := slices.Clone(series)
	for i := range out {
		s := &out[i]
		if s.Y, s.Low, s.High = nil, nil, nil; len(s.Values) == 0 {
			s.Values = make([][]float64, len(s.X))
		}
	}
	return out
}

func (v view) explained() string {
	whiskers := "whiskers to the last value within 1.5 times the height of the box"
	if v.config.Whiskers == "range" {
		whiskers = "whiskers to the least and greatest of these values"
	}
	return fmt.Sprintf("Boxes: median and quartiles, %s; fewer than %d values are drawn with their median alone.", whiskers, leastBox)
}

func key(p *style.Pen, i int, at vg.Point, _, h vg.Length) {
	low, high := vg.Point{X: at.X - h*0.7, Y: at.Y - h/2}, vg.Point{X: at.X + h*0.7, Y: at.Y + h/2}
	p.Rectangle(low, high, style.Pale(style.Colour(i), opacity))
	p.Frame(low, high, style.Colour(i), style.ThinWidth, style.Dash(i))
	p.Line(style.Colour(i), 1.4, nil, vg.Point{X: low.X, Y: at.Y}, vg.Point{X: high.X, Y: at.Y})
}

const opacity = 0.3

func (v view) marks(p *style.Pen, a *style.Axes, fig *plugins.Figure) {
	n := vg.Length(len(fig.Series))
	place := min(0.8*a.Slot/n, 30)
	for i := range fig.Series {
		s := &fig.Series[i]
		for k, values := range s.Values {
			values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return !style.Finite(v) })
			if len(values) == 0 {
				continue
			}
			slices.Sort(values)
			x := a.X(s.X[k]) + place*(vg.Length(i)-(n-1)/2)
			p.Series(i)
			v.box(p, a, i, x, 0.8*place, values)
			p.Tell(i, k, vg.Point{X: x, Y: a.Y(a.Clamp(quantile(values, 0.5)))}, told(values))
		}
	}
}

// told is what is to be read at a box; values are sorted.
func told(values []float64) string {
	number := func(q float64) string { return style.Estimate(quantile(values, q)) }
	text := "median " + number(0.5)
	if len(values) >= leastBox {
		text += ", quartiles " + number(0.25) + " and " + number(0.75)
	}
	return fmt.Sprintf("%s, %s to %s (%d values)", text, number(0), number(1), len(values))
}

// box draws one box around x; values are sorted.
func (v view) box(p *style.Pen, a *style.Axes, i int, x, wide vg.Length, values []float64) {
	c := style.Colour(i)
	median := quantile(values, 0.5)
	low, high := values[0], values[len(values)-1]
	if len(values) >= leastBox {
		q1, q3 := quantile(values, 0.25), quantile(values, 0.75)
		if v.config.Whiskers == "tukey" {
			low, high = whiskers(values, q1, q3)
		}
		for _, w := range [][2]float64{{low, q1}, {q3, high}} {
			a.Segment(p, c, style.ThinWidth, nil, vg.Point{X: x, Y: a.Y(w[0])}, vg.Point{X: x, Y: a.Y(w[1])})
		}
		for _, end := range []float64{low, high} {
			a.Segment(p, c, style.ThinWidth, nil, vg.Point{X: x - wide/4, Y: a.Y(end)}, vg.Point{X: x + wide/4, Y: a.Y(end)})
		}
		if q3 >= a.Clamp(q1) && q1 <= a.Clamp(q3) {
			from, to := vg.Point{X: x - wide/2, Y: a.Y(a.Clamp(q1))}, vg.Point{X: x + wide/2, Y: a.Y(a.Clamp(q3))}
			p.Rectangle(from, to, style.Pale(c, opacity))
			p.Frame(from, to, c, style.ThinWidth, style.Dash(i))
		}
	}
	a.Segment(p, c, 1.6, nil, vg.Point{X: x - wide/2, Y: a.Y(median)}, vg.Point{X: x + wide/2, Y: a.Y(median)})
	all := len(values) < leastBox || len(values) <= v.config.Points && wide > 6 // in a narrow box they would hide it
	radius := min(1.6, 0.2*wide+0.4)
	for k, y := range values {
		if a.Inside(y) && (all || y < low || y > high) {
			p.Marker(i, vg.Point{X: x + vg.Length(sideways(k))*0.6*wide, Y: a.Y(y)}, radius)
		}
	}
}

// whiskers are the last values within 1.5 times the distance of the quartiles from them.
func whiskers(values []float64, q1, q3 float64) (low, high float64) {
	reach := 1.5 * (q3 - q1)
	low, high = q1, q3
	for _, v := range values { // ascending
		if v >= q1-reach {
			low = min(v, q1)
			break
		}
	}
	for _, v := range slices.Backward(values) {
		if v <= q3+reach {
			high = max(v, q3)
			break
		}
	}
	return low, high
}

func quantile(values []float64, q float64) float64 {
	v, err := stats.Percentile(values, q)
	if err != nil {
		return math.NaN()
	}
	return v
}

// sideways spreads points over the width of a box, so that neighbours lie apart: van der Corput's sequence in base 2, in
// [−0.5, 0.5).
func sideways(k int) float64 {
	at, share := 0.0, 0.5
	for k++; k > 0; k, share = k/2, share/2 {
		at += share * float64(k%2)
	}
	return at - 0.5
}

// countBelow writes the number of values under each category; of series one after the other where they differ.
func countBelow(plot *style.Plot, fig *plugins.Figure) {
	names := slices.Clone(plot.X.Names)
	for c := range names {
		var counts []string
		any := false
		for i := range fig.Series {
			s := &fig.Series[i]
			n := 0
			for k, x := range s.X {
				if int(x) == c && k < len(s.Values) {
					n += len(s.Values[k])
				}
			}
			any = any || n > 0
			counts = append(counts, strconv.Itoa(n))
		}
		if !any {
			continue
		}
		if len(slices.Compact(slices.Clone(counts))) == 1 {
			counts = counts[:1]
		}
		names[c] += "\nn\u00a0=\u00a0" + strings.Join(counts, ", ")
	}
	plot.X.Names = names
}
