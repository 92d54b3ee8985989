package style

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
)

// Measures of the page.
const (
	margin     vg.Length = 5 // around everything
	gap        vg.Length = 4 // between axis, tick labels and axis label
	blockGap   vg.Length = 7 // between title, plot, legend and notes
	tickLength vg.Length = 2.5
	keyWidth   vg.Length = 16 // of a sample in the legend
	keyGap     vg.Length = 4
	entryGap   vg.Length = 10 // between entries of the legend
	leastPlot            = 25 * vg.Millimeter
	usualPlot            = 48 * vg.Millimeter
	usualSlant           = 32 * vg.Millimeter // length of a slanted label before it is wrapped
)

// page is a figure with the place of everything on it.
type page struct {
	*Chart
	fig           *plugins.Figure
	f             *faces
	width, height vg.Length
	plot          vg.Length // height of the axes
	axes          Axes
	title, notes  []string
	alarms        int // the first lines of notes that are printed bold
	yLabel        []string
	xLabel        []string
	yTicks        []tick
	xTicks        []xTick
	angle         float64 // of the labels under the x axis
	legend        legend
	legendTop     vg.Length
	xLabelTop     vg.Length
	notesTop      vg.Length
}

// xTick is a label under the x axis, in lines.
type xTick struct {
	value float64
	lines []string
}

// Draw lays out and draws a figure: title above, legend and notes below, nothing clipped.
func (c *Chart) Draw(fig plugins.Figure) (*plugins.Drawing, error) {
	p, err := c.layOut(&fig)
	if err != nil {
		return nil, err
	}
	return render(p.width, p.height, fig.Title, p.draw)
}

// layOut finds the place of everything.
func (c *Chart) layOut(fig *plugins.Figure) (*page, error) {
	if err := check(fig); err != nil {
		return nil, err
	}
	p := &page{Chart: c, fig: fig, f: loadFaces(), width: vg.Length(c.Config.WidthMM) * vg.Millimeter}
	var err error
	if p.axes.x, err = xScale(fig, c.LogX); err != nil {
		return nil, err
	}
	if p.axes.y, err = c.yScale(fig); err != nil {
		return nil, err
	}
	p.texts()
	p.plot = max(usualPlot, min(0.5*p.width, 80*vg.Millimeter))
	if p.legend.right {
		p.plot = max(p.plot, p.legend.height)
	}
	for len(p.f.label.wrap(fig.YLabel, p.plot)) > 3 && p.plot < 120*vg.Millimeter { // a long label needs a long axis
		p.plot *= 1.15
	}
	for range 3 { // the height of the axes decides how the label beside them is wrapped, and so on their width
		p.columns()
		if err := p.rows(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// texts wraps what runs over the whole width.
func (p *page) texts() {
	full := p.width - 2*margin
	if p.fig.Title != "" {
		p.title = p.f.title.wrap(p.fig.Title, full)
	}
	var plain []string
	for _, note := range p.fig.Notes {
		if note == "" {
			continue
		}
		if strings.HasPrefix(note, "SIMULATED") {
			p.notes = append(p.notes, p.f.alarm.wrap(note, full)...)
			continue
		}
		plain = append(plain, p.f.note.wrap(note, full)...)
	}
	p.alarms = len(p.notes)
	p.notes = append(p.notes, plain...)
	if n := outside(p.fig, p.axes.y); n > 0 {
		p.notes = append(p.notes, p.f.note.wrap(fmt.Sprintf("%d of the values lie beyond the y axis.", n), full)...)
	}
	p.yTicks = p.axes.y.ticks(8)
	p.legend = p.layLegend(full)
}

// columns finds the left and right end of the axes, and the labels under the x axis, which decide on each other:
// a slanted label may reach further left than the y axis does.
func (p *page) columns() {
	var widest vg.Length
	for _, t := range p.yTicks {
		widest = max(widest, p.f.tick.Width(t.label))
	}
	left := margin + widest + gap + tickLength
	if p.fig.YLabel != "" {
		p.yLabel = p.f.label.wrap(p.fig.YLabel, p.plot)
		left += p.f.label.height(len(p.yLabel)) + gap
	}
	right := p.width - margin
	if p.legend.right {
		right -= p.legend.width + blockGap
	}
	p.axes.Min.X, p.axes.Max.X = left, right
	p.labelX()
	for range 3 {
		over, beyond := p.overhang()
		if over <= 0 && beyond <= 0 {
			break
		}
		p.axes.Min.X += max(0, over)
		p.axes.Max.X -= max(0, beyond)
		p.labelX()
	}
	p.axes.Slot, p.axes.Edge = p.slot()
	if p.fig.XLabel != "" {
		p.xLabel = p.f.label.wrap(p.fig.XLabel, p.axes.Max.X-p.axes.Min.X)
	}
}

// slot is the room of one category, or between the closest two x values; edge is the room beyond the outermost.
func (p *page) slot() (slot, edge vg.Length) {
	slot = p.axes.Max.X - p.axes.Min.X
	if k := len(p.fig.Categories); k > 0 {
		slot /= vg.Length(k)
		return slot, slot / 2
	}
	xs := distinct(allX(p.fig))
	if len(xs) == 0 {
		return slot, slot / 2
	}
	edge = p.axes.X(xs[0]) - p.axes.Min.X
	for i := 1; i < len(xs); i++ {
		slot = min(slot, p.axes.X(xs[i])-p.axes.X(xs[i-1]))
	}
	return slot, edge
}

// rows places everything from top to bottom, which gives the height of the page or of the axes.
func (p *page) rows() error {
	above := margin
	if len(p.title) > 0 {
		above += p.f.title.height(len(p.title)) + blockGap
	} else {
		above += p.f.tick.middle() // the topmost tick label
	}
	below := tickLength + gap + p.xTicksHeight()
	xLabelAt := below + gap
	if len(p.xLabel) > 0 {
		below = xLabelAt + p.f.label.height(len(p.xLabel))
	}
	legendAt := below + blockGap
	if len(p.legend.entries) > 0 && !p.legend.right {
		below = legendAt + p.legend.height
	}
	notesAt := below + blockGap
	if len(p.notes) > 0 {
		below = notesAt + p.f.note.height(len(p.notes))
	}
	if p.Config.HeightMM > 0 {
		p.plot = vg.Length(p.Config.HeightMM)*vg.Millimeter - above - below - margin
		if p.plot < leastPlot {
			need := (above + below + margin + leastPlot) / vg.Millimeter
			return fmt.Errorf("heightMM %v leaves too little room for the axes: want at least %.0f, or 0 for as high as needed", p.Config.HeightMM, math.Ceil(float64(need)))
		}
	}
	p.height = above + p.plot + below + margin
	p.axes.Max.Y = p.height - above
	p.axes.Min.Y = p.axes.Max.Y - p.plot
	p.xLabelTop, p.legendTop, p.notesTop = p.axes.Min.Y-xLabelAt, p.axes.Min.Y-legendAt, p.axes.Min.Y-notesAt
	return nil
}
