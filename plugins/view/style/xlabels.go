package style

import (
	"math"

	"gonum.org/v1/plot/vg"
)

// labelX chooses the labels under the x axis for its present width: side by side where there is room, else slanted,
// else upright. Slanted ones must not reach so far to the left that they push the axes away.
func (c *cell) labelX() {
	c.angle, c.thinned = 0, 0
	if c.X.Names == nil {
		c.xTicks = c.numberLabels()
		return
	}
	wide := c.axes.Max.X - c.axes.Min.X
	slot := wide / vg.Length(max(1, len(c.X.Names)))
	if c.labelCategories(slot-3, 3) {
		return
	}
	c.angle = math.Pi / 4
	for long := min(usualSlant, 0.8*wide); long < min(0.4*c.p.width, wide) && !c.Bare; long *= 1.2 {
		if c.labelCategories(long, int(slot/c.besides(1))) {
			return
		}
	}
	c.angle = math.Pi / 2
	most := max(1, int(slot/c.besides(1)))
	for long := min(usualSlant, wide); !c.labelCategories(long, most) && long < longest; {
		long *= 1.5
	}
	for i := range c.xTicks {
		c.xTicks[i].lines = c.p.f.tick.atMost(clean(c.X.Names[i]), longest, most)
	}
	c.xTicks, c.thinned = thin(c.xTicks, slot, c.p.f.tick)
}

// longest is the length of an upright label: what is longer ends in an ellipsis.
const longest = 60 * vg.Millimeter

// thin drops labels that would be printed over each other, and says how many.
func thin(ticks []xTick, slot vg.Length, f face) (kept []xTick, dropped int) {
	every := max(1, int(math.Ceil(float64(0.8*f.leading/slot))))
	for i := 0; i < len(ticks); i += every {
		kept = append(kept, ticks[i])
	}
	return kept, len(ticks) - len(kept)
}

// besides is how far apart turned lines lie along the axis.
func (c *cell) besides(lines int) vg.Length {
	return c.p.f.tick.height(lines) / vg.Length(math.Sin(c.angle))
}

// labelCategories wraps the names of categories and reports whether all fit into the given number of lines
// without a word being cut.
func (c *cell) labelCategories(room vg.Length, most int) bool {
	fit := true
	c.xTicks = c.xTicks[:0]
	for i, name := range c.X.Names {
		lines, cut := c.p.f.tick.wrapped(clean(name), room)
		fit = fit && !cut && len(lines) <= most
		c.xTicks = append(c.xTicks, xTick{float64(i), lines})
	}
	return fit
}

// numberLabels labels the x values themselves where there are few of them and room for all, else round numbers.
func (c *cell) numberLabels() []xTick {
	values := c.X.Values
	if len(values) > 0 && len(values) <= 8 {
		var own []xTick
		for _, v := range values {
			own = append(own, xTick{v, []string{FormatValue(v)}})
		}
		if c.apart(own) {
			return own
		}
	}
	most := 6
	if c.Aspect == 1 && c.Y.same(c.X) { // ticks as on the y axis
		most = 8
	}
	var out []xTick
	for want := most; want >= 1; want-- {
		ticks := c.axes.x.ticks(want)
		for every := 1; every <= 2; every++ { // every second one rather than a single one
			out = out[:0]
			for i := 0; i < len(ticks); i += every {
				out = append(out, xTick{ticks[i].value, []string{ticks[i].label}})
			}
			if len(out) > 1 && c.apart(out) {
				return out
			}
		}
	}
	return out[:min(1, len(out))]
}

// apart reports whether labels side by side leave room between them.
func (c *cell) apart(ticks []xTick) bool {
	for i := 1; i < len(ticks); i++ {
		a, b := ticks[i-1], ticks[i]
		need := (c.p.f.tick.widest(a.lines)+c.p.f.tick.widest(b.lines))/2 + 4
		if c.axes.X(b.value)-c.axes.X(a.value) < need {
			return false
		}
	}
	return true
}

// xTicksHeight is how far the labels reach down.
func (c *cell) xTicksHeight() vg.Length {
	var h vg.Length
	for _, t := range c.xTicks {
		need := c.p.f.tick.height(len(t.lines))
		if c.angle > 0 {
			sin, cos := math.Sincos(c.angle)
			need = c.p.f.tick.widest(t.lines)*vg.Length(sin) + c.p.f.tick.height(1)*vg.Length(cos)
		}
		h = max(h, need)
	}
	return h
}

// overhang is how far labels under the x axis reach beyond its ends, left and right, and beyond what is free there.
func (c *cell) overhang() (left, right vg.Length) {
	if !c.bottom {
		return 0, 0
	}
	for _, t := range c.xTicks {
		at, width := c.axes.X(t.value), c.p.f.tick.widest(t.lines)
		toLeft, toRight := width/2, width/2
		if c.angle > 0 {
			all := c.besides(len(t.lines))
			toLeft, toRight = width*vg.Length(math.Cos(c.angle))+all, all/2
		}
		left = max(left, toLeft-(at-c.axes.Min.X))
		right = max(right, toRight-(c.axes.Max.X-at))
	}
	if c.column == 0 && len(c.p.yLabel) > 0 { // the label beside the axis does not reach down here
		left -= c.p.f.label.height(len(c.p.yLabel)) + gap
	}
	return left, right
}
