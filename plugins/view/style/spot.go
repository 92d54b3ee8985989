package style

import "gonum.org/v1/plot/vg"

// Spot is a rectangle on the page that something lies in.
type Spot struct{ Min, Max vg.Point }

// SpotAt is the spot of a marker.
func SpotAt(at vg.Point, radius vg.Length) Spot {
	return Spot{vg.Point{X: at.X - radius, Y: at.Y - radius}, vg.Point{X: at.X + radius, Y: at.Y + radius}}
}

func (s Spot) meets(t Spot) bool {
	return s.Min.X < t.Max.X && t.Min.X < s.Max.X && s.Min.Y < t.Max.Y && t.Min.Y < s.Max.Y
}

// Name writes a label beside a point at the first of eight places that lies inside the axes and meets none of taken; else
// nothing is written.
func (a *Axes) Name(p *Pen, at vg.Point, label string, taken []Spot) (spot Spot, written bool) {
	wide, high := PrintSize(label)
	const off vg.Length = 3
	for _, to := range []struct{ x, y, share vg.Length }{
		{off, 0, 0},
		{-off, 0, 1},
		{0, high/2 + off, 0.5},
		{0, -high/2 - off, 0.5},
		{off, high / 2, 0},
		{-off, high / 2, 1},
		{off, -high / 2, 0},
		{-off, -high / 2, 1},
	} {
		from := vg.Point{X: at.X + to.x - to.share*wide, Y: at.Y + to.y}
		spot = Spot{vg.Point{X: from.X, Y: from.Y - high/2}, vg.Point{X: from.X + wide, Y: from.Y + high/2}}
		free := spot.Min.X >= a.Min.X && spot.Max.X <= a.Max.X && spot.Min.Y >= a.Min.Y && spot.Max.Y <= a.Max.Y
		for _, t := range taken {
			free = free && !spot.meets(t)
		}
		if free {
			p.Print(Ink, from, 0, label)
			return spot, true
		}
	}
	return Spot{}, false
}
