package style

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/ehrlab/ehrlab/plugins"
)

// layers is an SVG whose parts are grouped by what they belong to.
type layers struct {
	*vgsvg.Canvas
	height vg.Length
	done   bytes.Buffer
	group  string // attribute of the group that is open; empty: none is
	shown  plugins.Shown
	last   map[int]vg.Point // the last spot of each series
	widths []vg.Length      // of the texts, in their order
}

func newLayers(width, height vg.Length) *layers {
	return &layers{Canvas: vgsvg.NewWith(vgsvg.UseWH(width, height)), height: height, last: map[int]vg.Point{}}
}

// tail is what the canvas writes behind what is drawn so far, as long as nothing is turned or moved.
const tail = "</g>\n</svg>\n"

// take moves what is drawn so far to done: the canvas forgets what it has written.
func (l *layers) take() error {
	var part bytes.Buffer
	if _, err := l.WriteTo(&part); err != nil {
		return err
	}
	l.done.Write(bytes.TrimSuffix(part.Bytes(), []byte(tail)))
	return nil
}

// begin puts what follows into a group with an attribute, or into none.
func (l *layers) begin(attribute string) {
	if attribute == l.group {
		return
	}
	_ = l.take() // a buffer takes all
	if l.group != "" {
		l.done.WriteString("</g>\n")
	}
	if attribute != "" {
		fmt.Fprintf(&l.done, "<g %s>\n", attribute)
	}
	l.group = attribute
}

// FillString writes a text and keeps how wide it is.
func (l *layers) FillString(f font.Face, at vg.Point, s string) {
	l.widths = append(l.widths, f.Width(s))
	l.Canvas.FillString(f, at, s)
}

// bytes is the whole file.
func (l *layers) bytes() ([]byte, error) {
	l.begin("")
	if err := l.take(); err != nil {
		return nil, err
	}
	return append(l.fitted(), tail...), nil
}

// fitted says of each text how wide it is, so that it keeps its place where another font stands in for ours.
func (l *layers) fitted() []byte {
	parts := bytes.Split(l.done.Bytes(), []byte("<text ")) // what texts say is escaped
	var b bytes.Buffer
	b.Write(parts[0])
	for i, part := range parts[1:] {
		b.WriteString("<text ")
		if w := l.widths[i]; w > 0 {
			fmt.Fprintf(&b, `textLength="%.5g" lengthAdjust="spacingAndGlyphs" `, w.Points())
		}
		b.Write(part)
	}
	return b.Bytes()
}

// Series says that what is drawn from now on belongs to series i; −1: to none.
func (p *Pen) Series(i int) {
	if p.layers == nil {
		return
	}
	if i < 0 {
		p.layers.begin("")
		return
	}
	p.layers.begin(fmt.Sprintf(`data-series="%d"`, i))
}

// key says that what is drawn from now on is line i of the legend.
func (p *Pen) key(i int) {
	if p.layers != nil {
		p.layers.begin(fmt.Sprintf(`data-key="%d"`, i))
	}
}

// closest is the distance, in points, of spots of a series below which one of them does: nobody can point at either.
const closest = 1.5

// Spot notes what can be read at a place of the page, where a series shows a value.
func (p *Pen) Spot(i int, at vg.Point, lines ...string) {
	if p.layers == nil || !finitePoint(at) {
		return
	}
	l := p.layers
	if q, any := l.last[i]; any && math.Hypot(float64(at.X-q.X), float64(at.Y-q.Y)) < closest {
		return
	}
	l.last[i] = at
	lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
	l.shown.Spots = append(l.shown.Spots, plugins.Spot{X: tenth(at.X), Y: tenth(l.height - at.Y), Series: i, Text: strings.Join(lines, "\n")})
}

// Point notes point k of series i of the panel that is being drawn, with its interval.
func (p *Pen) Point(i, k int, at vg.Point) {
	if p.layers == nil || p.panel == nil {
		return
	}
	s := &p.panel.Series[i]
	p.Tell(i, k, at, Estimate(s.Y[k])+within(s, k))
}

// Tell notes what is to be read at point k of series i of the panel that is being drawn.
func (p *Pen) Tell(i, k int, at vg.Point, value string) {
	if p.layers == nil || p.panel == nil {
		return
	}
	s := &p.panel.Series[i]
	count := ""
	if k < len(s.N) && s.N[k] > 0 {
		count = "n: " + FormatValue(float64(s.N[k]))
	}
	label := ""
	if k < len(s.Labels) {
		label = s.Labels[k]
	}
	x := Estimate(s.X[k])
	if names := p.panel.Categories; names != nil {
		x = names[int(s.X[k])]
	}
	p.Spot(i, at, p.panel.Title, label, s.Name, Named(p.panel.XLabel, x), Named(p.panel.YLabel, value), count)
}

// within is the interval of point k, where it has one.
func within(s *plugins.Series, k int) string {
	low, high, ok := Interval(s, k)
	if !ok {
		return ""
	}
	return Within(low, high)
}

// Within is an interval as it stands behind its value.
func Within(low, high float64) string { return " [" + Estimate(low) + ", " + Estimate(high) + "]" }

// Grid notes what the cells of a rectangle show, given by its corners.
func (p *Pen) Grid(low, high vg.Point, m *plugins.Matrix) {
	if p.layers == nil {
		return
	}
	g := plugins.Grid{
		X: tenth(low.X), Y: tenth(p.layers.height - high.Y), Width: tenth(high.X - low.X), Height: tenth(high.Y - low.Y),
		Title: m.Name, Rows: m.Rows, Columns: m.Columns,
	}
	for _, row := range m.Values {
		texts := make([]string, len(row))
		for c, v := range row {
			if Finite(v) {
				texts[c] = Estimate(v)
			}
		}
		g.Values = append(g.Values, texts)
	}
	p.layers.shown.Grids = append(p.layers.shown.Grids, g)
}

// tenth is a length in points, to a tenth of one.
func tenth(l vg.Length) float64 { return math.Round(float64(l)*10) / 10 }

// Estimate is a value to four digits.
func Estimate(v float64) string {
	if v == 0 || !Finite(v) {
		return FormatValue(v)
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-3)
	if unit < 1 { // to divide by what is a whole number leaves the nearest decimal
		return FormatValue(math.Round(v*math.Round(1/unit)) / math.Round(1/unit))
	}
	return FormatValue(math.Round(v/unit) * unit)
}

// Named is a value behind what it is of: the label of an axis, without the arrow of its direction.
func Named(label, value string) string {
	for _, arrow := range []string{" (↑", " (↓"} {
		label, _, _ = strings.Cut(label, arrow)
	}
	if label == "" {
		return value
	}
	return label + ": " + value
}
