package style

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
)

// draw puts the page on a canvas.
func (p *page) draw(pen *Pen) {
	p.lines(pen, p.f.title, p.title, vg.Point{X: margin, Y: p.height - margin})
	for _, c := range p.cells {
		c.draw(pen)
	}
	p.drawLabels(pen)
	p.drawLegend(pen)
	p.drawBars(pen)
	p.drawNotes(pen)
}

// lines writes lines downwards from their upper left corner.
func (p *page) lines(pen *Pen, f face, lines []string, at vg.Point) {
	for i, l := range lines {
		pen.text(f, Ink, vg.Point{X: at.X, Y: at.Y - f.height(i) - f.Face.Font.Size*0.9}, 0, l)
	}
}

// drawLabels writes the labels that all axes have.
func (p *page) drawLabels(pen *Pen) {
	if len(p.cells) == 0 {
		return
	}
	if p.oneY {
		p.upwards(pen, p.yLabel, margin, (p.gridTop+p.gridBottomOfAxes())/2)
	}
	if p.oneX {
		p.centred(pen, p.xLabel, vg.Point{X: (p.cells[0].axes.Min.X + p.gridRight()) / 2, Y: p.xLabelTop})
	}
}

// gridBottomOfAxes is the lower end of the lowest axes.
func (p *page) gridBottomOfAxes() vg.Length { return p.cells[len(p.cells)-1].axes.Min.Y }

// upwards writes the label of a y axis from its left end, centred on middle.
func (p *page) upwards(pen *Pen, lines []string, left, middle vg.Length) {
	for i, l := range lines {
		at := vg.Point{X: left + p.f.label.height(i) + p.f.label.Face.Font.Size*0.9, Y: middle}
		pen.turned(p.f.label, Ink, at, math.Pi/2, 0.5, l)
	}
}

// centred writes the label of an x axis, given the middle of its upper end.
func (p *page) centred(pen *Pen, lines []string, top vg.Point) {
	for i, l := range lines {
		pen.text(p.f.label, Ink, vg.Point{X: top.X, Y: top.Y - p.f.label.height(i) - p.f.label.Face.Font.Size*0.9}, 0.5, l)
	}
}

func (c *cell) draw(pen *Pen) {
	a, f := &c.axes, c.p.f
	top := a.Max.Y + c.above()
	c.p.lines(pen, f.panel, c.title, vg.Point{X: a.Min.X, Y: top})
	if !c.Bare {
		c.drawGrid(pen)
	}
	if c.Empty != "" {
		lines := f.label.wrap(clean(c.Empty), a.Max.X-a.Min.X)
		c.p.grey(pen, f.label, lines, vg.Point{X: (a.Min.X + a.Max.X) / 2, Y: (a.Min.Y + a.Max.Y + f.label.height(len(lines))) / 2})
	}
	if c.Marks != nil {
		c.Marks(pen, a)
		pen.Series(-1)
	}
	c.drawReferences(pen)
	c.drawAxes(pen)
	c.drawStrip(pen)
	c.drawBeside(pen)
}

func (p *page) grey(pen *Pen, f face, lines []string, top vg.Point) {
	for i, l := range lines {
		pen.text(f, faint, vg.Point{X: top.X, Y: top.Y - f.height(i) - f.Face.Font.Size*0.9}, 0.5, l)
	}
}

func (c *cell) drawGrid(pen *Pen) {
	a := &c.axes
	if c.Y.Names == nil {
		for _, t := range c.yTicks {
			y := a.Y(t.value)
			pen.Line(grid, 0.5, nil, vg.Point{X: a.Min.X, Y: y}, vg.Point{X: a.Max.X, Y: y})
		}
	}
	if c.X.Names == nil {
		for _, t := range c.xTicks {
			x := a.X(t.value)
			pen.Line(grid, 0.5, nil, vg.Point{X: x, Y: a.Min.Y}, vg.Point{X: x, Y: a.Max.Y})
		}
	}
}

func (c *cell) drawReferences(pen *Pen) {
	a := &c.axes
	for _, l := range c.Lines {
		switch {
		case c.Upright && a.InsideX(l.Y):
			x := a.X(l.Y)
			pen.Line(faint, 0.7, []vg.Length{3, 2}, vg.Point{X: x, Y: a.Min.Y}, vg.Point{X: x, Y: a.Max.Y})
		case !c.Upright && a.Inside(l.Y):
			y := a.Y(l.Y)
			pen.Line(faint, 0.7, []vg.Length{3, 2}, vg.Point{X: a.Min.X, Y: y}, vg.Point{X: a.Max.X, Y: y})
		}
	}
}

func (c *cell) drawAxes(pen *Pen) {
	a, f := &c.axes, c.p.f.tick
	if !c.Bare {
		pen.Line(Ink, 0.7, nil, vg.Point{X: a.Min.X, Y: a.Max.Y}, a.Min, vg.Point{X: a.Max.X, Y: a.Min.Y})
	} else if c.X.Names == nil {
		pen.Line(Ink, 0.7, nil, a.Min, vg.Point{X: a.Max.X, Y: a.Min.Y})
	}
	for _, t := range c.yTicks {
		y := a.Y(t.value)
		if !c.Bare {
			pen.Line(Ink, 0.7, nil, vg.Point{X: a.Min.X - tickLength, Y: y}, vg.Point{X: a.Min.X, Y: y})
		}
		for i, l := range t.lines {
			at := vg.Point{X: a.Min.X - tickLength - 2, Y: y - f.middle() + f.leading*(vg.Length(len(t.lines)-1)/2-vg.Length(i))}
			if c.outer {
				pen.text(f, Ink, at, 1, l)
			}
		}
	}
	foot := c.foot()
	for _, t := range c.xTicks {
		x := a.X(t.value)
		if !c.Bare || c.X.Names == nil {
			pen.Line(Ink, 0.7, nil, vg.Point{X: x, Y: a.Min.Y - tickLength}, vg.Point{X: x, Y: a.Min.Y})
		}
		if c.bottom {
			c.drawXLabel(pen, t, vg.Point{X: x, Y: foot - gap})
		}
	}
	if len(c.ownX) > 0 {
		top := foot - gap
		if c.bottom {
			top -= c.xTicksHeight() + gap
		}
		c.p.centred(pen, c.ownX, vg.Point{X: (a.Min.X + a.Max.X) / 2, Y: top})
	}
	if len(c.ownY) > 0 {
		left := a.Min.X - tickLength - c.p.f.label.height(len(c.ownY)) - gap
		if c.outer {
			left -= gap + f.widestOf(c.yTicks)
		}
		c.p.upwards(pen, c.ownY, left, (a.Min.Y+a.Max.Y)/2)
	}
}

// drawXLabel writes a label under its tick: centred, or turned so that its lines end there.
func (c *cell) drawXLabel(pen *Pen, t xTick, top vg.Point) {
	f, last := c.p.f.tick, len(t.lines)-1
	for i, l := range t.lines {
		switch {
		case c.angle == 0:
			pen.text(f, Ink, vg.Point{X: top.X, Y: top.Y - f.height(i) - f.Face.Font.Size*0.8}, 0.5, l)
		case c.angle < math.Pi/2: // the last line ends at the tick
			at := vg.Point{X: top.X - c.besides(last-i) + 2, Y: top.Y - f.Face.Font.Size*0.6}
			pen.turned(f, Ink, at, c.angle, 1, l)
		default:
			at := vg.Point{X: top.X + f.middle() + f.leading*(vg.Length(i)-vg.Length(last)/2), Y: top.Y}
			pen.turned(f, Ink, at, c.angle, 1, l)
		}
	}
}

func (c *cell) drawStrip(pen *Pen) {
	if c.Strip == nil {
		return
	}
	a, f := c.axes, c.p.f.note
	a.Max.Y = c.axes.Min.Y - tickLength - gap
	a.Min.Y = a.Max.Y - stripHeight
	a.y = scale{min: 0, max: max(c.Strip.Top, math.SmallestNonzeroFloat64)}
	c.Strip.Marks(pen, &a)
	pen.Line(Ink, 0.7, nil, vg.Point{X: a.Min.X, Y: a.Max.Y}, a.Min, vg.Point{X: a.Max.X, Y: a.Min.Y})
	pen.Line(Ink, 0.7, nil, vg.Point{X: a.Min.X - tickLength, Y: a.Max.Y}, vg.Point{X: a.Min.X, Y: a.Max.Y})
	at := vg.Point{X: a.Min.X - tickLength - 2, Y: a.Max.Y - 2*f.middle()}
	pen.text(f, Ink, at, 1, FormatValue(c.Strip.Top))
	if label := f.shortened(c.Strip.Label, a.Min.X-margin-2); label != "" {
		pen.text(f, Ink, vg.Point{X: at.X, Y: a.Min.Y}, 1, label)
	}
}

// drawBeside writes the columns of text right of the axes.
func (c *cell) drawBeside(pen *Pen) {
	a, f := &c.axes, c.p.f.tick
	right := a.Max.X
	for i, column := range c.columns() {
		left := right + gap
		right = left + c.widths[i]
		share := vg.Length(0)
		if column.Right {
			share = 1
		}
		if column.Head != "" {
			pen.text(f, faint, vg.Point{X: left + share*c.widths[i], Y: a.Max.Y + gap/2 + f.Face.Font.Size*0.3}, float64(share), column.Head)
		}
		texts := slices.Clone(column.Texts)
		slices.SortStableFunc(texts, func(s, t Beside) int { return cmp.Compare(a.Y(t.Y), a.Y(s.Y)) })
		for k, y := range apartFrom(texts, a, f) {
			colour := Ink
			if texts[k].Series >= 0 {
				colour = Strong(texts[k].Series)
			}
			lines := f.wrap(clean(texts[k].Text), vg.Length(math.Inf(1)))
			for j, l := range lines {
				at := vg.Point{X: left + share*c.widths[i], Y: y - f.middle() + f.leading*(vg.Length(len(lines)-1)/2-vg.Length(j))}
				pen.text(f, colour, at, float64(share), l)
			}
		}
	}
}

// apartFrom is where the middles of texts lie, given from top to bottom: at their value, or further down where the one
// above needs the room; what would leave the axes moves up again.
func apartFrom(texts []Beside, a *Axes, f face) []vg.Length {
	at, half := make([]vg.Length, len(texts)), make([]vg.Length, len(texts))
	for i, t := range texts {
		half[i] = f.height(len(f.wrap(t.Text, vg.Length(math.Inf(1))))) / 2
		at[i] = min(max(a.Y(t.Y), a.Min.Y), a.Max.Y)
		if i > 0 {
			at[i] = min(at[i], at[i-1]-half[i-1]-half[i])
		}
	}
	for i := len(texts) - 1; i >= 0; i-- {
		floor := a.Min.Y
		if i+1 < len(texts) {
			floor = at[i+1] + half[i+1] + half[i]
		}
		at[i] = max(at[i], floor)
	}
	return at
}

func (p *page) drawNotes(pen *Pen) {
	for i, l := range slices.Concat(p.notes, p.shorter) {
		f, c := p.f.note, faint
		if i < p.alarms {
			f, c = p.f.alarm, danger
		}
		pen.text(f, c, vg.Point{X: margin, Y: p.notesTop - p.f.note.height(i) - f.Face.Font.Size*0.9}, 0, l)
	}
}
