package style

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// slant is the angle of labels that are too long to stand side by side.
const slant = math.Pi / 4

// labelX chooses the labels under the x axis for its present width.
func (p *page) labelX() {
	p.slanted = false
	if p.fig.Categories == nil {
		p.xTicks = p.numberLabels()
		return
	}
	room := (p.axes.Max.X-p.axes.Min.X)/vg.Length(max(1, len(p.fig.Categories))) - 3
	if p.labelCategories(room, 3) {
		return
	}
	p.slanted = true
	most := max(1, int(room/p.besides(1)))
	for long := usualSlant; long < p.width; long *= 1.2 { // rather longer than over its neighbour
		if p.labelCategories(long, most) {
			return
		}
	}
}

// besides is how far apart slanted lines lie along the axis.
func (p *page) besides(lines int) vg.Length {
	return p.f.tick.height(lines) / vg.Length(math.Sin(slant))
}

// labelCategories wraps the names of categories and reports whether all fit into the given number of lines
// without a word being cut.
func (p *page) labelCategories(room vg.Length, most int) bool {
	fit := true
	p.xTicks = p.xTicks[:0]
	for i, name := range p.fig.Categories {
		lines, cut := p.f.tick.wrapped(name, room)
		fit = fit && !cut && len(lines) <= most
		p.xTicks = append(p.xTicks, xTick{float64(i), lines})
	}
	return fit
}

// numberLabels labels the x values themselves where there are few of them and room for all, else round numbers.
func (p *page) numberLabels() []xTick {
	values := distinct(allX(p.fig))
	if len(values) > 0 && len(values) <= 8 {
		var own []xTick
		for _, v := range values {
			own = append(own, xTick{v, []string{FormatValue(v)}})
		}
		if p.apart(own) {
			return own
		}
	}
	var out []xTick
	for want := 6; want >= 1; want-- {
		out = out[:0]
		for _, t := range p.axes.x.ticks(want) {
			out = append(out, xTick{t.value, []string{t.label}})
		}
		if p.apart(out) {
			break
		}
	}
	return out
}

// apart reports whether labels side by side leave room between them.
func (p *page) apart(ticks []xTick) bool {
	for i := 1; i < len(ticks); i++ {
		a, b := ticks[i-1], ticks[i]
		need := (p.f.tick.widest(a.lines)+p.f.tick.widest(b.lines))/2 + 4
		if p.axes.X(b.value)-p.axes.X(a.value) < need {
			return false
		}
	}
	return true
}

// xTicksHeight is how far the labels reach down.
func (p *page) xTicksHeight() vg.Length {
	var h vg.Length
	for _, t := range p.xTicks {
		need := p.f.tick.height(len(t.lines))
		if p.slanted {
			need = p.f.tick.widest(t.lines)*vg.Length(math.Sin(slant)) + p.f.tick.height(1)*vg.Length(math.Cos(slant))
		}
		h = max(h, need)
	}
	return h
}
