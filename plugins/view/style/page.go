package style

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
)

// Measures of the page.
const (
	margin     vg.Length = 5 // around everything
	gap        vg.Length = 4 // between axis, tick labels and axis label
	blockGap   vg.Length = 7 // between title, plots, legend and notes
	cellGap    vg.Length = 9 // between plots
	tickLength vg.Length = 2.5
	keyWidth   vg.Length = 16 // of a sample in the legend
	keyGap     vg.Length = 4
	entryGap   vg.Length = 10 // between entries of the legend
	leastPlot            = 25 * vg.Millimeter
	usualPlot            = 48 * vg.Millimeter
	leastWide            = 16 * vg.Millimeter // of axes beside others
	leastCell            = 40 * vg.Millimeter // width of a plot beside others
	usualSlant           = 32 * vg.Millimeter // length of a slanted label before it is wrapped
	perTick              = 6 * vg.Millimeter  // of a y axis, at least
)

// Page is a figure as a view has it drawn: plots in a grid with what belongs to all of them.
type Page struct {
	Config  Config
	Title   string
	Notes   []string // each is printed once
	Plots   []*Plot
	Entries []Entry     // of the legend
	Series  []string    // their names, as in the legend
	Scales  []ColourBar // below the legend
	Least   vg.Length   // least width of a plot beside others; 0: the usual one
}

// Entry is a line of the legend.
type Entry struct {
	Text string
	// Key draws the sample, centred on at, within width and height.
	Key func(p *Pen, at vg.Point, width, height vg.Length)
}

// page is a Page with the place of everything on it.
type page struct {
	*Page
	f              *faces
	width, height  vg.Length
	cells          []*cell
	columns        int
	title          []string
	notes, shorter []string // shorter: those of names that have no room
	alarms         int      // the first lines of notes that are printed bold
	xLabel, yLabel []string
	alone          bool // what stands beside the axes has no room
	oneX, oneY     bool // all plots have the label, which is printed once
	sameX, sameY   bool // all plots have the axis: its ticks are labelled at the outer plots alone
	legend         legend
	bars           barBlock
	gridTop        vg.Length // and gridBottom: upper and lower end of the plots' axes
	gridBottom     vg.Length
	xLabelTop      vg.Length
	legendTop      vg.Length
	barsTop        vg.Length
	notesTop       vg.Length
}

// Draw lays out and draws a page: title above, legend and notes below, nothing clipped.
func (pg *Page) Draw() (*plugins.Drawing, error) {
	p, err := pg.layOut()
	if err != nil {
		return nil, err
	}
	d, err := render(p.width, p.height, clean(pg.Title), p.draw)
	if err != nil {
		return nil, err
	}
	d.Shown.Series = pg.Series
	return d, nil
}

// layOut finds the place of everything.
func (pg *Page) layOut() (*page, error) {
	p := &page{Page: pg, f: ofPage(), width: vg.Length(pg.Config.WidthMM) * vg.Millimeter}
	p.unify()
	p.texts()
	for p.columns = p.columnsOfPlots(); ; p.columns-- {
		if err := p.arrange(); err != nil {
			return nil, err
		}
		switch {
		case p.narrowest() >= leastWide:
			return p, nil
		case p.columns == 1 && (p.alone || !slices.ContainsFunc(p.Plots, func(plot *Plot) bool { return len(plot.Beside) > 0 })):
			return p, nil
		case p.columns == 1:
			p.alone, p.columns = true, 2 // once more with one column
		case p.Config.Columns > 0:
			return nil, fmt.Errorf("columns %d leave too little room for the axes on a width of %v mm: want at most %d, or 0 for as many as have room",
				p.Config.Columns, p.Config.WidthMM, p.columns-1)
		}
	}
}

// arrange puts the plots into the columns of the page.
func (p *page) arrange() error {
	p.cells = p.cells[:0]
	for i, plot := range p.Plots {
		c := &cell{Plot: plot, p: p, row: i / p.columns, column: i % p.columns}
		c.axes.x, c.axes.y = plot.X.scale(false), plot.Y.scale(true)
		c.high = leastPlot // until the width is known
		c.bottom = !p.sameX || i+p.columns >= len(p.Plots)
		c.outer = !p.sameY || c.column == 0
		p.cells = append(p.cells, c)
	}
	for range 4 { // the height of the axes decides how the label beside them is wrapped, and so on their width
		p.across()
		p.noteThinned()
		if err := p.down(); err != nil {
			return err
		}
	}
	return nil
}

// narrowest is the least width of axes.
func (p *page) narrowest() vg.Length {
	least := vg.Length(math.Inf(1))
	for _, c := range p.cells {
		least = min(least, c.axes.Max.X-c.axes.Min.X)
	}
	return least
}

// unify gives the plots common axes where the settings ask for it, and finds what they have in common.
func (p *page) unify() {
	if len(p.Plots) == 0 {
		return
	}
	xs, ys := make([]*Axis, len(p.Plots)), make([]*Axis, len(p.Plots))
	for i, plot := range p.Plots {
		xs[i], ys[i] = &plot.X, &plot.Y
	}
	if p.Config.Scales == "shared" {
		share(xs)
		share(ys)
	}
	p.oneX, p.oneY, p.sameX, p.sameY = true, true, true, true
	for i := range p.Plots {
		p.oneX = p.oneX && xs[i].Label == xs[0].Label
		p.oneY = p.oneY && ys[i].Label == ys[0].Label
		p.sameX = p.sameX && xs[i].same(*xs[0])
		p.sameY = p.sameY && ys[i].same(*ys[0])
	}
}

// columnsOfPlots is how many plots stand side by side: as the settings say, or as many as have room, evenly spread.
func (p *page) columnsOfPlots() int {
	n := max(1, len(p.Plots))
	if p.Config.Columns > 0 {
		return min(n, p.Config.Columns)
	}
	least := p.Least
	if least == 0 {
		least = leastCell
	}
	room := p.width - 2*margin
	if p.legend.right {
		room -= p.legend.width + blockGap
	}
	if len(p.Plots) > 0 { // names beside the first column
		var names vg.Length
		for _, name := range p.Plots[0].Y.Names {
			names = max(names, p.f.tick.Width(clean(name)))
		}
		room -= min(names, 0.28*p.width)
	}
	most := max(1, min(n, int(room/least)))
	rows := (n + most - 1) / most
	return (n + rows - 1) / rows
}

// texts wraps what runs over the whole width.
func (p *page) texts() {
	full := p.width - 2*margin
	if p.Title != "" {
		p.title = p.f.title.wrap(clean(p.Title), full)
	}
	var plain []string
	for i, note := range p.Notes {
		if note == "" || slices.Contains(p.Notes[:i], note) {
			continue
		}
		if strings.HasPrefix(note, "SIMULATED") {
			p.notes = append(p.notes, p.f.alarm.wrap(clean(note), full)...)
			continue
		}
		plain = append(plain, p.f.note.wrap(clean(note), full)...)
	}
	p.alarms = len(p.notes)
	p.notes = append(p.notes, plain...)
	p.legend = p.layLegend(full)
	p.bars = p.layBars(full)
}

// across finds the left and right ends of the axes and the labels under the x axes, which decide on each other: a
// slanted label may reach further left than the y axis does.
func (p *page) across() {
	from, to := margin, p.width-margin
	if p.legend.right {
		to -= p.legend.width + blockGap
	}
	if p.oneY && len(p.cells) > 0 {
		high := p.gridTop - p.gridBottom
		if high <= 0 { // not known yet
			high = leastPlot
		}
		p.yLabel = p.label(p.Plots[0].Y.Label, high)
		if len(p.yLabel) > 0 {
			from += p.f.label.height(len(p.yLabel)) + gap
		}
	}
	left, right := make([]vg.Length, p.columns), make([]vg.Length, p.columns)
	for range 4 {
		all := to - from - cellGap*vg.Length(p.columns-1)
		for _, c := range p.cells {
			before, after := c.beside((to - from) / vg.Length(p.columns))
			left[c.column], right[c.column] = max(left[c.column], before), max(right[c.column], after)
		}
		for k := range left {
			all -= left[k] + right[k]
		}
		wide := max(all/vg.Length(p.columns), 4*vg.Millimeter)
		at := from
		for k := range left {
			for _, c := range p.cells {
				if c.column == k {
					c.axes.Min.X, c.axes.Max.X = at+left[k], at+left[k]+wide
					if c.most > 0 {
						c.axes.Max.X = min(c.axes.Max.X, c.axes.Min.X+c.most)
					}
					c.labelX()
				}
			}
			at += left[k] + wide + right[k] + cellGap
		}
	}
	for _, c := range p.cells {
		c.finishAcross()
	}
	if p.oneX && len(p.cells) > 0 {
		room := p.gridRight() - p.cells[0].axes.Min.X
		if p.columns == 1 { // beside the axis is nothing at this height
			middle := p.cells[0].axes.Min.X + room/2
			room = 2 * min(middle-margin, to-middle)
		}
		p.xLabel = p.label(p.Plots[0].X.Label, room)
	}
}

// noteThinned says how many names have no room.
func (p *page) noteThinned() {
	out, all := 0, 0
	for _, c := range p.cells {
		if c.thinned > 0 && c.bottom {
			out, all = out+c.thinned, all+len(c.X.Names)
		}
		if c.thinnedY > 0 && c.outer {
			out, all = out+c.thinnedY, all+len(c.Y.Names)
		}
	}
	p.shorter = nil
	note := func(text string) { p.shorter = append(p.shorter, p.f.note.wrap(text, p.width-2*margin)...) }
	if out > 0 {
		note(fmt.Sprintf("For want of room, %d of %d names along the axes are not printed.", out, all))
	}
	if p.alone {
		note("For want of room, the numbers beside the axes are not printed.")
	}
}

// gridRight is the right end of the axes of the last column.
func (p *page) gridRight() vg.Length {
	var right vg.Length
	for _, c := range p.cells {
		right = max(right, c.axes.Max.X)
	}
	return right
}

func (p *page) label(text string, width vg.Length) []string {
	if text == "" {
		return nil
	}
	return p.f.label.wrap(clean(text), width)
}

// ownLabel is a label of one plot among others, where there is less room.
func (p *page) ownLabel(text string, width vg.Length) []string {
	if text == "" {
		return nil
	}
	return p.f.label.atMost(clean(text), width, 2)
}

// down places everything from top to bottom, which gives the height of the page or of the axes.
func (p *page) down() error {
	above := margin
	if len(p.title) > 0 {
		above += p.f.title.height(len(p.title)) + blockGap
	} else {
		above += p.f.tick.middle() // the topmost tick label
	}
	below, offsets := p.underGrid()
	rows := (len(p.cells) + p.columns - 1) / p.columns
	over, under, high := make([]vg.Length, rows), make([]vg.Length, rows), make([]vg.Length, rows)
	fixed := above + below + margin + cellGap*vg.Length(max(0, rows-1))
	for _, c := range p.cells {
		over[c.row], under[c.row] = max(over[c.row], c.above()), max(under[c.row], c.below())
		high[c.row] = max(high[c.row], c.naturalHeight(rows))
	}
	for r := range rows {
		fixed += over[r] + under[r]
	}
	if err := p.fit(fixed, high); err != nil {
		return err
	}
	p.height = fixed
	for _, h := range high {
		p.height += h
	}
	top := p.height - above
	p.gridTop = top
	if rows > 0 {
		p.gridTop -= over[0]
	}
	for r := range rows {
		for _, c := range p.cells {
			if c.row == r {
				c.high = high[r]
				c.axes.Max.Y = top - over[r]
				c.axes.Min.Y = c.axes.Max.Y - high[r]
				c.finishDown()
			}
		}
		top -= over[r] + high[r] + under[r]
		p.gridBottom = top + under[r]
		top -= cellGap
	}
	if rows > 0 {
		top += cellGap
	}
	p.xLabelTop, p.legendTop, p.barsTop, p.notesTop = top-offsets[0], top-offsets[1], top-offsets[2], top-offsets[3]
	return nil
}

// underGrid is the height of what stands under the plots, and where each of it begins.
func (p *page) underGrid() (below vg.Length, at [4]vg.Length) {
	at[0] = gap
	if len(p.xLabel) > 0 {
		below = at[0] + p.f.label.height(len(p.xLabel))
	}
	at[1] = below + blockGap
	if len(p.legend.entries) > 0 && !p.legend.right {
		below = at[1] + p.legend.height
	}
	at[2] = below + blockGap
	if p.bars.height > 0 {
		below = at[2] + p.bars.height
	}
	at[3] = below + blockGap
	if lines := len(p.notes) + len(p.shorter); lines > 0 {
		below = at[3] + p.f.note.height(lines)
	}
	return below, at
}

// fit makes the axes as high as the settings leave room for.
func (p *page) fit(fixed vg.Length, high []vg.Length) error {
	if p.legend.right { // the legend stands beside the axes
		var sum vg.Length
		for _, h := range high {
			sum += h
		}
		if len(high) > 0 && sum < p.legend.height {
			high[len(high)-1] += p.legend.height - sum
		}
	}
	if p.Config.HeightMM == 0 || len(high) == 0 {
		return nil
	}
	var natural vg.Length
	for _, h := range high {
		natural += h
	}
	room := vg.Length(p.Config.HeightMM)*vg.Millimeter - fixed
	if least := leastPlot * vg.Length(len(high)); room < least {
		need := math.Ceil(float64((fixed + least) / vg.Millimeter))
		return fmt.Errorf("heightMM %v leaves too little room for the axes: want at least %.0f, or 0 for as high as needed", p.Config.HeightMM, need)
	}
	for i := range high {
		high[i] *= room / natural
	}
	return nil
}
