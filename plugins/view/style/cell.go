package style

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// Plot is one set of axes and what they show.
type Plot struct {
	Title string // above the axes; of small multiples
	X, Y  Axis
	// Marks draws the data inside the axes.
	Marks func(p *Pen, a *Axes)
	Empty string // what stands in the middle of the axes, e.g. that there are no values
	// Aspect is the height of the axes by their width; 0: as is usual.
	Aspect float64
	// RowLines is how many lines of text each category of the y axis has room for at least, which makes the axes as high
	// as they need; 0: the height goes by Aspect.
	RowLines int
	Bare     bool // no grid and no line on the left, as of a heat map or a forest
	Strip    *Strip
	Beside   []Column
	Lines    []Reference
	Upright  bool // Lines are values of the x axis
}

// Strip is a second, low set of axes under the first, with the same x axis, such as a histogram of its values.
type Strip struct {
	Label string
	Top   float64 // the greatest value; the least is 0
	// Marks draws the data. Its axes have the x axis of the plot.
	Marks func(p *Pen, a *Axes)
}

const stripHeight = 9 * vg.Millimeter

// Column is text to the right of the axes, each piece at a value of the y axis. Pieces that would overlap are moved apart.
type Column struct {
	Head  string
	Right bool // texts end at the right, as whole numbers do
	Texts []Beside
}

// Beside is a piece of a Column. Series is that whose colour it has; -1: none.
type Beside struct {
	Y      float64
	Text   string
	Series int
}

// cell is a plot with its place on the page.
type cell struct {
	*Plot
	p           *page
	row, column int
	bottom      bool      // the ticks of the x axis are labelled
	outer       bool      // those of the y axis are
	high, most  vg.Length // most: the greatest width of the axes; 0: as there is room
	axes        Axes
	title       []string
	xTicks      []xTick
	yTicks      []yTick
	ownX, ownY  []string // labels of its own
	angle       float64  // of the labels under the x axis
	thinned     int      // categories of the x axis that are not named for want of room; thinnedY of the y axis
	thinnedY    int
	widths      []vg.Length
}

// xTick is a label under the x axis, in lines; yTick is one beside the y axis.
type (
	xTick struct {
		value float64
		lines []string
	}
	yTick = xTick
)

// beside is the room that the cell needs left and right of its axes, given the width for all of it.
func (c *cell) beside(room vg.Length) (left, right vg.Length) {
	c.labelY(room)
	left = tickLength
	if c.outer {
		left += gap + c.p.f.tick.widestOf(c.yTicks)
	}
	if c.Strip != nil {
		left = max(left, tickLength+gap+c.p.f.note.Width(FormatValue(c.Strip.Top)))
	}
	if !c.p.oneY {
		if c.ownY = c.p.ownLabel(c.Y.Label, c.high); len(c.ownY) > 0 {
			left += c.p.f.label.height(len(c.ownY)) + gap
		}
	}
	c.widths = c.widths[:0]
	for _, column := range c.columns() {
		wide := c.p.f.tick.Width(column.Head)
		for _, t := range column.Texts {
			wide = max(wide, c.p.f.tick.widest(c.p.f.tick.wrap(t.Text, vg.Length(math.Inf(1)))))
		}
		c.widths = append(c.widths, wide)
		right += wide + gap
	}
	if c.axes.Max.X > c.axes.Min.X { // the labels have been laid out
		over, beyond := c.overhang()
		left, right = max(left, over), max(right, beyond)
	}
	return left, right
}

// columns are those beside the axes, where they have room.
func (c *cell) columns() []Column {
	if c.p.alone {
		return nil
	}
	return c.Beside
}

// widestOf is the width of the widest label.
func (f face) widestOf(ticks []yTick) vg.Length {
	var wide vg.Length
	for _, t := range ticks {
		wide = max(wide, f.widest(t.lines))
	}
	return wide
}

// labelY chooses the labels beside the y axis.
func (c *cell) labelY(room vg.Length) {
	c.yTicks = c.yTicks[:0]
	if c.Y.Names == nil {
		want := max(2, min(8, int(c.high/perTick)))
		for _, t := range c.axes.y.ticks(want) {
			c.yTicks = append(c.yTicks, yTick{t.value, []string{t.label}})
		}
		return
	}
	f, width := c.p.f.tick, max(0.33*room, 16*vg.Millimeter)
	if c.p.sameY || c.p.columns == 1 {
		width = 0.28 * c.p.width
	}
	most := 5
	if c.RowLines == 0 {
		most = max(1, int(c.high/vg.Length(len(c.Y.Names))/f.leading))
	}
	for i, name := range c.Y.Names {
		c.yTicks = append(c.yTicks, yTick{float64(i), f.atMost(clean(name), width, most)})
	}
	if c.RowLines == 0 {
		c.yTicks, c.thinnedY = thin(c.yTicks, c.high/vg.Length(len(c.Y.Names)), f)
		return
	}
	c.axes.y.rows = c.axes.y.rows[:0]
	down := vg.Length(0)
	for r := range c.Y.Names {
		down += c.rowHeight(r)
		c.axes.y.rows = append(c.axes.y.rows, float64(down/c.allRows()))
	}
}

// rowHeight is the height of a category of the y axis where that goes by text.
func (c *cell) rowHeight(r int) vg.Length {
	return c.p.f.tick.height(max(c.RowLines, len(c.yTicks[r].lines))) + 3
}

func (c *cell) allRows() (h vg.Length) {
	for r := range c.Y.Names {
		h += c.rowHeight(r)
	}
	return h
}

// naturalHeight is the height of the axes where the settings do not say it.
func (c *cell) naturalHeight(rows int) vg.Length {
	wide := c.axes.Max.X - c.axes.Min.X
	switch {
	case c.RowLines > 0:
		return max(10*vg.Millimeter, c.allRows())
	case c.Aspect > 0:
		return max(leastPlot/2, wide*vg.Length(c.Aspect))
	case len(c.p.cells) > 1:
		return max(leastPlot, min(0.75*wide, usualPlot))
	}
	h := max(usualPlot, min(0.5*c.p.width, 80*vg.Millimeter))
	for len(c.p.f.label.wrap(clean(c.Y.Label), h)) > 3 && h < 120*vg.Millimeter { // a long label needs a long axis
		h *= 1.15
	}
	return h
}

// finishAcross measures what the width of the axes decides.
func (c *cell) finishAcross() {
	a := &c.axes
	a.Slot, a.Edge = c.slot()
	c.title, c.ownX = nil, nil
	if c.Title != "" {
		c.title = c.p.f.panel.atMost(clean(c.Title), a.Max.X-a.Min.X, 4)
	}
	if !c.p.oneX {
		c.ownX = c.p.ownLabel(c.X.Label, a.Max.X-a.Min.X)
	}
}

// finishDown makes axes that shall be square so, from the next pass on, where the page is not high enough for their width.
func (c *cell) finishDown() {
	if c.Aspect > 0 && c.p.Config.HeightMM > 0 {
		c.most = c.high / vg.Length(c.Aspect)
	}
}

// slot is the room of one category, or between the closest two x values; edge is the room beyond the outermost.
func (c *cell) slot() (slot, edge vg.Length) {
	slot = c.axes.Max.X - c.axes.Min.X
	if k := len(c.X.Names); k > 0 {
		slot /= vg.Length(k)
		return slot, slot / 2
	}
	xs := c.X.Values
	if len(xs) == 0 {
		return slot, slot / 2
	}
	edge = c.axes.X(xs[0]) - c.axes.Min.X
	for i := 1; i < len(xs); i++ {
		slot = min(slot, c.axes.X(xs[i])-c.axes.X(xs[i-1]))
	}
	return slot, edge
}

// above is the room that the cell needs over its axes.
func (c *cell) above() vg.Length {
	var h vg.Length
	if len(c.title) > 0 {
		h = c.p.f.panel.height(len(c.title)) + gap/2
	}
	for _, column := range c.columns() {
		if column.Head != "" {
			return h + c.p.f.tick.leading + gap/2
		}
	}
	return h
}

// below is the room that the cell needs under its axes.
func (c *cell) below() vg.Length {
	h := tickLength
	if c.Strip != nil {
		h += gap + stripHeight
	}
	if c.bottom {
		h += gap + c.xTicksHeight()
	}
	if len(c.ownX) > 0 {
		h += gap + c.p.f.label.height(len(c.ownX))
	}
	return h
}

// foot is the line under which the labels of the x axis begin.
func (c *cell) foot() vg.Length {
	if c.Strip != nil {
		return c.axes.Min.Y - tickLength - gap - stripHeight
	}
	return c.axes.Min.Y - tickLength
}
