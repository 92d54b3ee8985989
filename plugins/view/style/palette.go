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

// Dash is the dash pattern of series i: solid for the first eight, then patterns that differ in print.
func Dash(i int) []vg.Length {
	patterns := [][]vg.Length{nil, {4, 2}, {1, 1.5}, {5, 1.5, 1, 1.5}}
	return patterns[i/len(palette)%len(patterns)]
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
	fill, edge, width := Colour(i), white, vg.Length(0.5) // a white edge parts markers that overlap
	if open {
		fill, edge, width = white, Colour(i), 1
	}
	p.Fill(path, fill)
	p.Stroke(path, edge, width, nil)
}
