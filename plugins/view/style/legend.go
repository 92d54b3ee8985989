package style

import "gonum.org/v1/plot/vg"

// legend names the series, beside or below the axes.
type legend struct {
	right         bool
	entries       [][]string // the lines of each
	columns       int
	column        vg.Length   // width of a column
	rows          []vg.Length // height of each row
	width, height vg.Length
}

// layLegend arranges the entries in as many columns as have room. A single one without a name needs none.
func (p *page) layLegend(full vg.Length) legend {
	named := len(p.Entries) > 1
	for _, e := range p.Entries {
		named = named || e.Text != ""
	}
	if !named || p.Config.Legend == "none" {
		return legend{}
	}
	// beside the axes there must be room for the axes
	l := legend{right: p.Config.Legend == "right" && p.width > 75*vg.Millimeter, columns: 1}
	room := full - keyWidth - keyGap
	if l.right {
		room = 0.36*p.width - keyWidth - keyGap
	}
	var widest vg.Length
	for _, e := range p.Entries {
		lines := p.f.legend.wrap(clean(e.Text), room)
		widest = max(widest, p.f.legend.widest(lines))
		l.entries = append(l.entries, lines)
	}
	l.column = keyWidth + keyGap + widest
	l.width = l.column
	if !l.right {
		l.columns = max(1, min(len(l.entries), int((full+entryGap)/(l.column+entryGap))))
		l.width = full
	}
	for first := 0; first < len(l.entries); first += l.columns {
		lines := 1
		for i := first; i < min(first+l.columns, len(l.entries)); i++ {
			lines = max(lines, len(l.entries[i]))
		}
		l.rows = append(l.rows, p.f.legend.height(lines)+1)
		l.height += p.f.legend.height(lines) + 1
	}
	return l
}

func (p *page) drawLegend(pen *Pen) {
	l := &p.legend
	left, top := margin, p.legendTop
	if l.right {
		left, top = p.width-margin-l.width, p.gridTop
	}
	y := top
	for row, height := range l.rows {
		for i := row * l.columns; i < min((row+1)*l.columns, len(l.entries)); i++ {
			x := left + vg.Length(i%l.columns)*(l.column+entryGap)
			line := y - p.f.legend.leading/2
			pen.key(i)
			p.Entries[i].Key(pen, vg.Point{X: x + keyWidth/2, Y: line}, keyWidth, p.f.legend.leading*0.7)
			for _, text := range l.entries[i] {
				pen.text(p.f.legend, Ink, vg.Point{X: x + keyWidth + keyGap, Y: line - p.f.legend.middle()}, 0, text)
				line -= p.f.legend.leading
			}
		}
		y -= height
	}
	pen.Series(-1)
}
