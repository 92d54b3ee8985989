package style

import "gonum.org/v1/plot/vg"

// ColourBar explains the colours of a heat map.
type ColourBar struct {
	Label string
	Ramp  Ramp
}

const (
	barHeight = 2.6 * vg.Millimeter
	barWidth  = 62 * vg.Millimeter
)

// barBlock is the place of the colour bars, one under the other.
type barBlock struct {
	labels        [][]string
	width, height vg.Length
}

// layBars leaves each bar room for its label above and its numbers below.
func (p *page) layBars(full vg.Length) barBlock {
	b := barBlock{width: min(barWidth, full-60)}
	for i, s := range p.Scales {
		var lines []string
		if s.Label != "" {
			lines = p.f.tick.wrap(clean(s.Label), full)
		}
		b.labels = append(b.labels, lines)
		b.height += p.f.tick.height(len(lines)) + barHeight + tickLength + p.f.tick.leading
		if i > 0 {
			b.height += blockGap
		}
	}
	return b
}

// drawBars paints each bar in steps too fine to be seen.
func (p *page) drawBars(pen *Pen) {
	const steps = 120
	y := p.barsTop
	for i, s := range p.Scales {
		p.lines(pen, p.f.tick, p.bars.labels[i], vg.Point{X: margin, Y: y})
		y -= p.f.tick.height(len(p.bars.labels[i]))
		low, high := s.Ramp.Low, s.Ramp.High
		along := scale{min: low, max: high}
		ticks := p.barTicks(along)
		left := margin
		for _, t := range ticks {
			left = max(left, margin+p.f.tick.Width(t.label)/2-vg.Length(along.at(t.value))*p.bars.width)
		}
		for k := range steps {
			from, to := left+p.bars.width*vg.Length(k)/steps, left+p.bars.width*vg.Length(min(steps, k+2))/steps
			pen.Rectangle(vg.Point{X: from, Y: y}, vg.Point{X: to, Y: y - barHeight}, s.Ramp.At(low+(high-low)*(float64(k)+0.5)/steps))
		}
		pen.Stroke(box(vg.Point{X: left, Y: y}, vg.Point{X: left + p.bars.width, Y: y - barHeight}), Ink, 0.5, nil)
		y -= barHeight
		for _, t := range ticks {
			x := left + vg.Length(along.at(t.value))*p.bars.width
			pen.Line(Ink, 0.5, nil, vg.Point{X: x, Y: y}, vg.Point{X: x, Y: y - tickLength})
			pen.text(p.f.tick, Ink, vg.Point{X: x, Y: y - tickLength - p.f.tick.Face.Font.Size*0.9}, 0.5, t.label)
		}
		y -= tickLength + p.f.tick.leading + blockGap
	}
}

// barTicks are as many ticks as their labels have room for.
func (p *page) barTicks(along scale) []tick {
	for want := 5; ; want-- {
		ticks := along.ticks(want)
		fit := true
		for i := 1; i < len(ticks); i++ {
			apart := vg.Length(along.at(ticks[i].value)-along.at(ticks[i-1].value)) * p.bars.width
			fit = fit && (p.f.tick.Width(ticks[i].label)+p.f.tick.Width(ticks[i-1].label))/2+4 <= apart
		}
		switch {
		case fit:
			return ticks
		case want == 1:
			return ticks[:1]
		}
	}
}
