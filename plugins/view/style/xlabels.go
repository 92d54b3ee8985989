package style

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// labelX chooses the labels under the x axis for its present width: side by side where there is room, else slanted,
// else upright. Slanted ones must not reach so far to the left that they push the axes away.
func (p *page) labelX() {
	p.angle = 0
	if p.fig.Categories == nil {
		p.xTicks = p.numberLabels()
		return
	}
	slot := (p.axes.Max.X - p.axes.Min.X) / vg.Length(max(1, len(p.fig.Categories)))
	if p.labelCategories(slot-3, 3) {
		return
	}
	p.angle = math.Pi / 4
	for long := usualSlant; long < 0.4*p.width; long *= 1.2 {
		if p.labelCategories(long, int(slot/p.besides(1))) {
			return
		}
	}
	p.angle = math.Pi / 2
	most := max(1, int(slot/p.besides(1)))
	for long := usualSlant; !p.labelCategories(long, most); {
		long *= 1.5
	}
	p.thinOut(slot)
}

// thinOut drops labels that would be printed over each other.
func (p *page) thinOut(slot vg.Length) {
	every := int(math.Ceil(float64(0.8 * p.f.tick.leading / slot)))
	var kept []xTick
	for i := 0; i < len(p.xTicks); i += max(1, every) {
		kept = append(kept, p.xTicks[i])
	}
	p.xTicks = kept
}

// besides is how far apart turned lines lie along the axis.
func (p *page) besides(lines int) vg.Length {
	return p.f.tick.height(lines) / vg.Length(math.Sin(p.angle))
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
		if p.angle > 0 {
			sin, cos := math.Sincos(p.angle)
			need = p.f.tick.widest(t.lines)*vg.Length(sin) + p.f.tick.height(1)*vg.Length(cos)
		}
		h = max(h, need)
	}
	return h
}

// overhang is how far labels under the x axis reach beyond the page's margin, left and right.
func (p *page) overhang() (left, right vg.Length) {
	for _, t := range p.xTicks {
		at, width := p.axes.X(t.value), p.f.tick.widest(t.lines)
		toLeft, toRight := width/2, width/2
		if p.angle > 0 {
			all := p.besides(len(t.lines))
			toLeft, toRight = width*vg.Length(math.Cos(p.angle))+all, all/2
		}
		left = max(left, margin-(at-toLeft))
		right = max(right, at+toRight-(p.width-margin))
	}
	return left, right
}
