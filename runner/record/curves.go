package record

import (
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var curveColumns = []string{"cell", "metric", "curve", "at", "point", "x", "y", "low", "high"}

func curveDims(c *Curve) map[string]string { return c.Dims }

// checkCurve reports a curve whose lists do not fit together.
func checkCurve(c *Curve) error {
	n := len(c.X)
	if len(c.Y) != n || c.Low != nil && len(c.Low) != n || c.High != nil && len(c.High) != n || (c.Low == nil) != (c.High == nil) {
		return fmt.Errorf("cell %s, curve %s.%s: %d x for %d y, %d low and %d high", c.Cell, c.Metric, c.Name, n, len(c.Y), len(c.Low), len(c.High))
	}
	for _, list := range [][]float64{c.X, c.Y, c.Low, c.High} {
		for i, v := range list {
			if math.IsInf(v, 0) {
				return fmt.Errorf("cell %s, curve %s.%s: point %d is infinite", c.Cell, c.Metric, c.Name, i+1)
			}
		}
	}
	return nil
}

// curvesFrame is one row a point. "at" numbers the curves, "point" the points of a curve from 0; a curve without
// points is one row without a point.
func curvesFrame(curves []Curve) (*frame.Frame, error) {
	keys := dimKeys(curves, curveDims)
	rows := 0
	for i := range curves {
		rows += max(1, len(curves[i].X))
	}
	cell, metric, name := newTexts(rows), newTexts(rows), newTexts(rows)
	dims := make([]*texts, len(keys))
	for i := range dims {
		dims[i] = newTexts(rows)
	}
	numbers := make([][]float64, 6) // at, point, x, y, low, high
	for i := range curves {
		c := &curves[i]
		for p := range max(1, len(c.X)) {
			cell.add(c.Cell, true)
			metric.add(c.Metric, true)
			name.add(c.Name, true)
			for d, k := range keys {
				v, ok := c.Dims[k]
				dims[d].add(v, ok)
			}
			for n, v := range c.point(i, p) {
				numbers[n] = append(numbers[n], v)
			}
		}
	}
	columns := []*frame.Column{cell.column("cell"), metric.column("metric"), name.column("curve")}
	for i, k := range keys {
		columns = append(columns, dims[i].column(dimColumn(k, curveColumns)))
	}
	columns = append(columns, wholeColumn("at", numbers[0]), wholeColumn("point", numbers[1]), frame.NewNumber("x", numbers[2]),
		frame.NewNumber("y", numbers[3]), frame.NewNumber("low", numbers[4]), frame.NewNumber("high", numbers[5]))
	return frame.New(columns...)
}

func (c *Curve) point(at, p int) [6]float64 {
	out := [6]float64{float64(at), math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	if p >= len(c.X) {
		return out
	}
	out[1], out[2], out[3] = float64(p), c.X[p], c.Y[p]
	if c.Low != nil {
		out[4], out[5] = c.Low[p], c.High[p]
	}
	for i, v := range out {
		if math.IsNaN(v) {
			out[i] = math.NaN() // one NaN of the many, for the hash
		}
	}
	return out
}

// curvesOf reads back what curvesFrame made. Bounds that are missing throughout a curve are nil.
func curvesOf(f *frame.Frame) ([]Curve, error) {
	r := &reader{f: f}
	cell, metric, name := r.text("cell"), r.text("metric"), r.text("curve")
	at, point, x, y, low, high := r.number("at"), r.number("point"), r.number("x"), r.number("y"), r.number("low"), r.number("high")
	var keys []string
	var dims []*frame.Column
	for _, column := range between(f.Names(), "curve", "at") {
		keys = append(keys, dimOf(column))
		dims = append(dims, r.text(column))
	}
	if r.err != nil {
		return nil, r.err
	}
	var curves []Curve
	for i := 0; i < f.Rows(); {
		to := i + 1
		for to < f.Rows() && at.Numbers[to] == at.Numbers[i] {
			to++
		}
		c := Curve{Cell: textAt(cell, i), Metric: textAt(metric, i), Curve: plugins.Curve{Name: textAt(name, i), Dims: dimsAt(keys, dims, i)}}
		if !point.IsMissing(i) {
			c.X, c.Y = x.Numbers[i:to:to], y.Numbers[i:to:to]
			if bounded(low.Numbers[i:to]) || bounded(high.Numbers[i:to]) {
				c.Low, c.High = low.Numbers[i:to:to], high.Numbers[i:to:to]
			}
		}
		curves = append(curves, c)
		i = to
	}
	return curves, nil
}

func bounded(values []float64) bool {
	for _, v := range values {
		if !math.IsNaN(v) {
			return true
		}
	}
	return false
}
