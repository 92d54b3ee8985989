package style

import (
	"image/color"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
)

// Pen draws in points from the lower left corner of the page.
type Pen struct {
	canvas vg.Canvas
	layers *layers         // nil unless an SVG is drawn
	panel  *plugins.Figure // that is being drawn, where marks go by points
	boxed  bool            // letters that the font lacks become boxes: other fonts cannot stand in for it
}

// Line strokes a line through points.
func (p *Pen) Line(c color.Color, width vg.Length, dash []vg.Length, points ...vg.Point) {
	if len(points) < 2 {
		return
	}
	var path vg.Path
	path.Move(points[0])
	for _, q := range points[1:] {
		path.Line(q)
	}
	p.Stroke(path, c, width, dash)
}

// Stroke strokes a path.
func (p *Pen) Stroke(path vg.Path, c color.Color, width vg.Length, dash []vg.Length) {
	p.canvas.SetColor(c)
	p.canvas.SetLineWidth(width)
	p.canvas.SetLineDash(dash, 0)
	p.canvas.Stroke(path)
}

// Fill fills a path.
func (p *Pen) Fill(path vg.Path, c color.Color) {
	p.canvas.SetColor(c)
	p.canvas.Fill(path)
}

// Rectangle fills a rectangle given by two opposite corners.
func (p *Pen) Rectangle(a, b vg.Point, c color.Color) { p.Fill(box(a, b), c) }

func box(a, b vg.Point) vg.Path {
	var path vg.Path
	AddBox(&path, a, b)
	return path
}

// AddBox adds a rectangle, given by two opposite corners, to a path.
func AddBox(path *vg.Path, a, b vg.Point) {
	path.Move(a)
	path.Line(vg.Point{X: b.X, Y: a.Y})
	path.Line(b)
	path.Line(vg.Point{X: a.X, Y: b.Y})
	path.Close()
}

// text writes one line; at is the point of its baseline that lies share of the way along it, from 0 at the left to 1.
func (p *Pen) text(f face, c color.Color, at vg.Point, share float64, s string) {
	p.canvas.SetColor(c)
	if p.boxed {
		s = drawable(f.Face, s)
	}
	p.canvas.FillString(f.Face, vg.Point{X: at.X - vg.Length(share)*f.Width(s), Y: at.Y}, s)
}

// Print writes a piece of text as small as the notes; at is the point of the middle of the line that lies share of the way
// along it.
func (p *Pen) Print(c color.Color, at vg.Point, share float64, s string) {
	f := loadFaces().note
	p.text(f, c, vg.Point{X: at.X, Y: at.Y - f.middle()}, share, clean(s))
}

// PrintSize is the width and height of what Print writes.
func PrintSize(s string) (width, height vg.Length) {
	f := loadFaces().note
	return f.Width(clean(s)), f.leading
}

// turned writes one line turned by angle (radians, counter-clockwise) about its point at.
func (p *Pen) turned(f face, c color.Color, at vg.Point, angle, share float64, s string) {
	p.canvas.Push()
	p.canvas.Translate(at)
	p.canvas.Rotate(angle)
	p.text(f, c, vg.Point{}, share, s)
	p.canvas.Pop()
}

// Frame strokes a rectangle given by two opposite corners.
func (p *Pen) Frame(a, b vg.Point, c color.Color, width vg.Length, dash []vg.Length) {
	p.Stroke(box(a, b), c, width, dash)
}
