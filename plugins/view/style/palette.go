package style

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
)

// The eight colours that people with any colour vision tell apart, ordered so that the first few differ in
// lightness too; yellow is last, for it is faint on white.
//
// Source: M. Okabe, K. Ito (2008), Color Universal Design.
var palette = [...]color.NRGBA{
	{0x00, 0x72, 0xB2, 0xFF}, // blue
	{0xD5, 0x5E, 0x00, 0xFF}, // vermilion
	{0x00, 0x9E, 0x73, 0xFF}, // bluish green
	{0xCC, 0x79, 0xA7, 0xFF}, // reddish purple
	{0xE6, 0x9F, 0x00, 0xFF}, // orange
	{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
	{0x00, 0x00, 0x00, 0xFF}, // black
	{0xF0, 0xE4, 0x42, 0xFF}, // yellow
}

var (
	Ink    = color.NRGBA{0x22, 0x22, 0x22, 0xFF}
	faint  = color.NRGBA{0x55, 0x55, 0x55, 0xFF}
	grid   = color.NRGBA{0xE3, 0xE3, 0xE3, 0xFF}
	white  = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
	danger = color.NRGBA{0xA8, 0x32, 0x00, 0xFF}
)

// Colour is the colour of series i; it repeats after eight.
func Colour(i int) color.NRGBA { return palette[i%len(palette)] }

// Pale is a colour as it looks through a given opacity on white; drawn opaque, so that every viewer shows the same.
func Pale(c color.NRGBA, opacity float64) color.NRGBA {
	mix := func(v uint8) uint8 { return uint8(math.Round(opacity*float64(v) + (1-opacity)*255)) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 0xFF}
}

// Sheer is a colour that lets what lies below it be seen: areas of several series cover each other.
func Sheer(c color.NRGBA, opacity float64) color.NRGBA {
	c.A = uint8(math.Round(opacity * 255))
	return c
}

// Strong is the colour of series i, dark enough for text on white.
func Strong(i int) color.NRGBA {
	c := Colour(i)
	dark := func(v uint8) uint8 { return uint8(float64(v) * 0.7) }
	return color.NRGBA{dark(c.R), dark(c.G), dark(c.B), 0xFF}
}

// Area fills a rectangle for series i: in its colour, which is lighter and has an edge where the palette repeats. Black
// is lightened, for what is drawn on areas is dark.
func (p *Pen) Area(i int, a, b vg.Point) {
	c := Colour(i)
	if c == (color.NRGBA{A: 0xFF}) {
		c = Pale(c, 0.45)
	}
	if i < len(palette) {
		p.Rectangle(a, b, c)
		return
	}
	p.Rectangle(a, b, Pale(c, 0.4/float64(i/len(palette))))
	p.Stroke(box(a, b), c, 0.8, nil)
}

// Dash is the dash pattern of series i: solid for the first eight, then patterns that differ in print.
func Dash(i int) []vg.Length {
	patterns := [][]vg.Length{nil, {4, 2}, {1, 1.5}, {5, 1.5, 1, 1.5}}
	return patterns[i/len(palette)%len(patterns)]
}

// CurveDash is the dash pattern of series i where lines have no markers: neighbours differ, and pairs of colour and dash
// repeat only after 32 series.
func CurveDash(i int) []vg.Length {
	patterns := [][]vg.Length{nil, {5, 1.8}, {1.3, 1.3}, {6, 1.8, 1.3, 1.8}}
	return patterns[(i+i/len(palette))%len(patterns)]
}

// corners are the outlines of the markers, in radii; nil is a circle. There are seven with the open ones, a number
// without a common factor with the colours, so that pairs of colour and marker repeat only after 56 series.
var corners = [][]vg.Point{
	nil,
	{{X: -0.88, Y: -0.88}, {X: 0.88, Y: -0.88}, {X: 0.88, Y: 0.88}, {X: -0.88, Y: 0.88}},
	{{X: -1.08, Y: -0.75}, {X: 1.08, Y: -0.75}, {X: 0, Y: 1.2}},
	{{X: 0, Y: -1.3}, {X: 1.3, Y: 0}, {X: 0, Y: 1.3}, {X: -1.3, Y: 0}},
	{{X: -1.08, Y: 0.75}, {X: 1.08, Y: 0.75}, {X: 0, Y: -1.2}},
}

const markers = 7

// Marker draws the marker of series i.
func (p *Pen) Marker(i int, at vg.Point, radius vg.Length) {
	shape, open := i%markers, false
	if shape >= len(corners) {
		shape, open = shape-len(corners), true
	}
	var path vg.Path
	if c := corners[shape]; c == nil {
		path.Move(vg.Point{X: at.X + radius, Y: at.Y})
		path.Arc(at, radius, 0, 2*math.Pi)
	} else {
		for k, corner := range c {
			to := vg.Point{X: at.X + corner.X*radius, Y: at.Y + corner.Y*radius}
			if k == 0 {
				path.Move(to)
			} else {
				path.Line(to)
			}
		}
	}
	path.Close()
	fill, edge, width := Colour(i), white, min(0.5, 0.22*radius) // a white edge parts markers that overlap
	if open {
		fill, edge, width = white, Colour(i), min(1, 0.45*radius)
	}
	p.Fill(path, fill)
	p.Stroke(path, edge, width, nil)
}

// Ramp gives values a colour. Where 0 lies between Low and High, it runs from blue over white at 0 to vermilion, equally
// fast on both sides; else from light to dark blue.
type Ramp struct{ Low, High float64 }

var (
	warm  = []color.NRGBA{{0xF7, 0xF7, 0xF7, 0xFF}, {0xF4, 0xB8, 0x8E, 0xFF}, {0xD5, 0x5E, 0x00, 0xFF}, {0x7A, 0x2E, 0x00, 0xFF}}
	cold  = []color.NRGBA{{0xF7, 0xF7, 0xF7, 0xFF}, {0x96, 0xC3, 0xDE, 0xFF}, {0x00, 0x72, 0xB2, 0xFF}, {0x00, 0x35, 0x5E, 0xFF}}
	light = []color.NRGBA{{0xF1, 0xF6, 0xFA, 0xFF}, {0x96, 0xC3, 0xDE, 0xFF}, {0x00, 0x72, 0xB2, 0xFF}, {0x00, 0x35, 0x5E, 0xFF}}
	// Gap is the colour of a cell without a value; it is no colour of a Ramp.
	Gap = color.NRGBA{0xD9, 0xD9, 0xD9, 0xFF}
)

// At is the colour of a value; values beyond the ends have that of the end.
func (r Ramp) At(v float64) color.NRGBA {
	v = min(max(v, r.Low), r.High)
	if r.Low < 0 && r.High > 0 {
		share := v / max(-r.Low, r.High)
		if share < 0 {
			return between(cold, -share)
		}
		return between(warm, share)
	}
	if r.High <= r.Low {
		return between(light, 0.5)
	}
	return between(light, (v-r.Low)/(r.High-r.Low))
}

// between is the colour at a share of the way along stops that are equally far apart, in steps too fine to be seen.
func between(stops []color.NRGBA, share float64) color.NRGBA {
	const steps = 100
	at := math.Round(share*steps) / steps * float64(len(stops)-1)
	k := min(int(at), len(stops)-2)
	f := at - float64(k)
	mix := func(a, b uint8) uint8 { return uint8(math.Round((1-f)*float64(a) + f*float64(b))) }
	a, b := stops[k], stops[k+1]
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xFF}
}

// On is black or white, whichever is easier to read on a colour.
func On(c color.NRGBA) color.NRGBA {
	if 0.299*float64(c.R)+0.587*float64(c.G)+0.114*float64(c.B) < 140 {
		return white
	}
	return Ink
}
