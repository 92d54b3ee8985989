package style

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// draw puts the page on a canvas.
func (p *page) draw(pen *Pen) {
	p.lines(pen, p.f.title, p.title, vg.Point{X: margin, Y: p.height - margin})
	p.drawGrid(pen)
	if empty(p.fig) {
		at := vg.Point{X: (p.axes.Min.X + p.axes.Max.X) / 2, Y: (p.axes.Min.Y + p.axes.Max.Y) / 2}
		pen.text(p.f.label, faint, at, 0.5, "no values")
	}
	p.Marks(pen, &p.axes)
	p.drawReferences(pen)
	p.drawAxes(pen)
	p.drawLegend(pen)
	p.drawNotes(pen)
}

// lines writes lines downwards from their upper left corner.
func (p *page) lines(pen *Pen, f face, lines []string, at vg.Point) {
	for i, l := range lines {
		pen.text(f, Ink, vg.Point{X: at.X, Y: at.Y - f.height(i) - f.Face.Font.Size*0.9}, 0, l)
	}
}

func (p *page) drawGrid(pen *Pen) {
	a := &p.axes
	for _, t := range p.yTicks {
		y := a.Y(t.value)
		pen.Line(grid, 0.5, nil, vg.Point{X: a.Min.X, Y: y}, vg.Point{X: a.Max.X, Y: y})
	}
	if p.fig.Categories != nil {
		return
	}
	for _, t := range p.xTicks {
		x := a.X(t.value)
		pen.Line(grid, 0.5, nil, vg.Point{X: x, Y: a.Min.Y}, vg.Point{X: x, Y: a.Max.Y})
	}
}

func (p *page) drawReferences(pen *Pen) {
	a := &p.axes
	for _, l := range p.Config.Lines {
		if !a.Inside(l.Y) {
			continue
		}
		y := a.Y(l.Y)
		pen.Line(faint, 0.7, []vg.Length{3, 2}, vg.Point{X: a.Min.X, Y: y}, vg.Point{X: a.Max.X, Y: y})
		above := y + 2
		if above+p.f.note.leading > a.Max.Y {
			above = y - p.f.note.leading
		}
		pen.text(p.f.note, faint, vg.Point{X: a.Max.X - 2, Y: above}, 1, p.f.note.shortened(l.Label, a.Max.X-a.Min.X-4))
	}
}

func (p *page) drawAxes(pen *Pen) {
	a := &p.axes
	pen.Line(Ink, 0.7, nil, vg.Point{X: a.Min.X, Y: a.Max.Y}, a.Min, vg.Point{X: a.Max.X, Y: a.Min.Y})
	for _, t := range p.yTicks {
		y := a.Y(t.value)
		pen.Line(Ink, 0.7, nil, vg.Point{X: a.Min.X - tickLength, Y: y}, vg.Point{X: a.Min.X, Y: y})
		pen.text(p.f.tick, Ink, vg.Point{X: a.Min.X - tickLength - 2, Y: y - p.f.tick.middle()}, 1, t.label)
	}
	for _, t := range p.xTicks {
		x := a.X(t.value)
		pen.Line(Ink, 0.7, nil, vg.Point{X: x, Y: a.Min.Y - tickLength}, vg.Point{X: x, Y: a.Min.Y})
		p.drawXLabel(pen, t, vg.Point{X: x, Y: a.Min.Y - tickLength - gap})
	}
	for i, l := range p.yLabel {
		at := vg.Point{X: margin + p.f.label.height(i) + p.f.label.Face.Font.Size*0.9, Y: (a.Min.Y + a.Max.Y) / 2}
		pen.turned(p.f.label, Ink, at, math.Pi/2, 0.5, l)
	}
	for i, l := range p.xLabel {
		at := vg.Point{X: (a.Min.X + a.Max.X) / 2, Y: p.xLabelTop - p.f.label.height(i) - p.f.label.Face.Font.Size*0.9}
		pen.text(p.f.label, Ink, at, 0.5, l)
	}
}

// drawXLabel writes a label under its tick: centred, or turned so that its lines end there.
func (p *page) drawXLabel(pen *Pen, t xTick, top vg.Point) {
	f, last := p.f.tick, len(t.lines)-1
	for i, l := range t.lines {
		switch {
		case p.angle == 0:
			pen.text(f, Ink, vg.Point{X: top.X, Y: top.Y - f.height(i) - f.Face.Font.Size*0.8}, 0.5, l)
		case p.angle < math.Pi/2: // the last line ends at the tick
			at := vg.Point{X: top.X - p.besides(last-i) + 2, Y: top.Y - f.Face.Font.Size*0.6}
			pen.turned(f, Ink, at, p.angle, 1, l)
		default:
			at := vg.Point{X: top.X + f.middle() + f.leading*(vg.Length(i)-vg.Length(last)/2), Y: top.Y}
			pen.turned(f, Ink, at, p.angle, 1, l)
		}
	}
}

func (p *page) drawNotes(pen *Pen) {
	for i, l := range p.notes {
		f, c := p.f.note, faint
		if i < p.alarms {
			f, c = p.f.alarm, danger
		}
		pen.text(f, c, vg.Point{X: margin, Y: p.notesTop - p.f.note.height(i) - f.Face.Font.Size*0.9}, 0, l)
	}
}
