package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// pairCurves gathers a plot of a recorded curve of pairs. The pairs of several cells are drawn side by side: they are no replicates
// of each other.
func (src *source) pairCurves(p *spec.Plot) *plotted {
	g, err := src.gather(p)
	if err != nil {
		return src.unfilled(p, err)
	}
	info := g.info(g.bundles[0].curves[0])
	fig := plugins.Figure{Title: p.Title, XLabel: cmp.Or(p.XLabel, info.X), YLabel: cmp.Or(p.YLabel, info.Y)}
	columns := []string{"cell", "x", "y", "status", "note"}
	out := &tidy{head: append(axisNamed(g.headings(), columns), columns...), banner: g.banner(g.cells)}
	notes := &curveNotes{}
	for _, b := range g.bundles {
		s := g.series(b, &fig, notes)
		why := notes.add(g, b, g.planned(b))
		for i, c := range b.curves {
			s.X, s.Y = append(s.X, c.X...), append(s.Y, c.Y...)
			for k := range c.X {
				out.add(slices.Concat(g.labelsOf(b), []string{g.core.Cells[b.cells[i]].ID, full(c.X[k]), full(c.Y[k]), string(OK), why})...)
			}
		}
	}
	if len(notes.over) > 0 {
		notes.said = []string{"The pairs of all " + unitOf(inOrder(p.Over, notes.over)) + " are drawn."}
		notes.over, notes.banded, notes.others = nil, nil, nil
	}
	fig.Notes = g.figureNotes(out.banner, notes)
	return &plotted{name: p.Name, figure: fig, data: out.csv}
}

// matrices gathers a heat map of recorded matrices: real, synthetic, and the difference of the two.
func (src *source) matrices(p *spec.Plot) *plotted {
	g, err := src.gather(p)
	if err != nil {
		return src.unfilled(p, err)
	}
	real, synthetic, err := g.matrices()
	if err != nil {
		return src.unfilled(p, err)
	}
	info := g.info(g.bundles[0].curves[0])
	fig := plugins.Figure{Title: p.Title, XLabel: p.XLabel, YLabel: p.YLabel}
	for _, m := range []*meanMatrix{real, synthetic} {
		if m != nil {
			fig.Matrices = append(fig.Matrices, m.Matrix)
		}
	}
	scale(fig.Matrices)
	if real != nil && synthetic != nil {
		d := plugins.Matrix{Name: "synthetic − real", Rows: real.Rows, Columns: real.Columns}
		for i := range real.Values {
			row := make([]float64, len(real.Values[i]))
			for j := range row {
				row[j] = synthetic.Values[i][j] - real.Values[i][j]
			}
			d.Values = append(d.Values, row)
		}
		one := []plugins.Matrix{d}
		scale(one)
		fig.Matrices = append(fig.Matrices, one[0])
	}
	notes := &curveNotes{}
	for _, b := range g.bundles {
		notes.add(g, b, g.planned(b))
	}
	notes.banded = nil // a colour has none
	out := matrixData(fig.Matrices, synthetic, g.banner(g.cells))
	notes.said = []string{"Colours: " + info.Y + "."}
	fig.Notes = g.figureNotes(out.banner, notes)
	return &plotted{name: p.Name, figure: fig, data: out.csv}
}

// meanMatrix is a mean of matrices.
type meanMatrix struct {
	plugins.Matrix
	n [][]int // cells behind each value
}

// matrices averages those of each side over the cells; nil where a side is not selected. It is an error when cells have other columns.
func (g *gathered) matrices() (real, synthetic *meanMatrix, err error) {
	sides := map[bool]*meanMatrix{}
	cells := map[bool]int{}
	for _, b := range g.bundles {
		m := sides[b.real]
		if m == nil {
			m = &meanMatrix{Matrix: plugins.Matrix{Name: g.sideName(b)}}
			sides[b.real], cells[b.real] = m, len(b.cells)
		}
		if len(b.cells) != cells[b.real] {
			return nil, nil, fmt.Errorf("some cells have a row %q and others have none; select cells with the same columns with where", b.level)
		}
		m.Rows = append(m.Rows, b.level)
	}
	for _, b := range g.bundles {
		m := sides[b.real]
		m.Columns = m.Rows
		values, n := gaps(len(m.Rows)), make([]int, len(m.Rows))
		sums := make([]float64, len(m.Rows))
		curves := b.curves
		if b.real {
			curves = curves[:1]
		}
		for _, c := range curves {
			for i, x := range c.X {
				if at := int(x); at >= 0 && at < len(sums) {
					sums[at] += c.Y[i]
					n[at]++
				}
			}
		}
		for i := range values {
			if n[i] > 0 {
				values[i] = sums[i] / float64(n[i])
			}
		}
		m.Values, m.n = append(m.Values, values), append(m.n, n)
	}
	if real, synthetic = sides[true], sides[false]; real != nil && synthetic != nil && !slices.Equal(real.Rows, synthetic.Rows) {
		return nil, nil, fmt.Errorf("the real and the synthetic matrix have other columns")
	}
	return real, synthetic, nil
}

// sideName is what a matrix is called.
func (g *gathered) sideName(b *bundle) string {
	if side := b.curves[0].Dims[plugins.SideDim]; side != "" {
		return side
	}
	return g.declared.Curve
}

// scale gives matrices one scale: that of coefficients, or, where values differ less or more from 0, a round number about it.
func scale(all []plugins.Matrix) {
	most := 0.0
	for _, m := range all {
		for _, row := range m.Values {
			for _, v := range row {
				if !math.IsNaN(v) {
					most = max(most, math.Abs(v))
				}
			}
		}
	}
	if most == 0 {
		most = 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 2, 5, 10} {
		if step*unit >= most {
			most = step * unit
			break
		}
	}
	for i := range all {
		all[i].Low, all[i].High = -most, most
	}
}

// matrixData is the plotted data: one row a value.
func matrixData(all []plugins.Matrix, mean *meanMatrix, banner string) *tidy {
	out := &tidy{head: []string{"matrix", "row", "column", "value", "measured", "status", "note"}, banner: banner}
	for _, m := range all {
		for i, row := range m.Values {
			for j, v := range row {
				n, status, note := "", OK, ""
				if mean != nil && m.Name == mean.Name {
					n = strconv.Itoa(mean.n[i][j])
				}
				if math.IsNaN(v) {
					status, note = Undefined, "undefined, or of too few subjects"
				}
				out.add(m.Name, m.Rows[i], m.Columns[j], full(v), n, string(status), note)
			}
		}
	}
	return out
}
