package simulated

import (
	"context"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// drawer draws the rows of a reply one by one.
//
// What is known of a row, fixed values and those of the table, is conditioned on: a draw from the joint distribution is moved
// by the regression of all latents on the known ones (J. Hoffman, E. Ribak 1991, The Astrophysical Journal 380, L5-L8).
type drawer struct {
	model *model
	table *prompt.Table // nil: none
	from  []int         // of each variable: its column of the table, -1 where it has none
	rng   *rand.Rand

	noise, z    []float64
	known       []int                // latents that are known of the row
	at          []float64            // and where they are
	marks       []byte               // by latent: 1 where it is known
	regressions map[string][]float64 // by marks: what moves each latent, a row a latent, a column a known one
}

func newDrawer(m *model, table *prompt.Table, rng *rand.Rand) *drawer {
	d := &drawer{
		model: m, table: table, rng: rng, from: make([]int, len(m.variables)),
		noise: make([]float64, m.latents), z: make([]float64, m.latents), marks: make([]byte, m.latents),
		regressions: map[string][]float64{},
	}
	for i, v := range m.variables {
		d.from[i] = -1
		if table != nil {
			d.from[i] = table.Column(v.column.Name)
		}
	}
	return d
}

// row returns the cells of the next row, row i of the table where there is one.
func (d *drawer) row(ctx context.Context, i int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for k := range d.noise {
		d.noise[k] = d.rng.NormFloat64()
	}
	for k, row := range d.model.factor {
		sum := 0.0
		for j, l := range row {
			sum += l * d.noise[j]
		}
		d.z[k] = sum
	}
	d.look(i)
	if len(d.known) > 0 {
		d.condition()
	}
	cells := make([]string, d.model.reply)
	for k := range cells {
		cells[k] = d.cell(&d.model.variables[k], i, d.from[k])
	}
	return cells, nil
}

// look notes what is known of row i.
func (d *drawer) look(i int) {
	d.known, d.at = d.known[:0], d.at[:0]
	clear(d.marks)
	for k := range d.model.variables {
		v := &d.model.variables[k]
		cell, given := "", false
		switch {
		case v.column.Value != nil:
			cell, given = *v.column.Value, true
		case d.from[k] >= 0:
			cell, given = d.table.Rows[i][d.from[k]], true
		}
		if !given {
			continue
		}
		if z, ok := v.score(cell); ok {
			d.note(v.latent, z)
		}
		if v.absent < 0 {
			continue
		}
		if cell == "" {
			d.note(v.absent, v.missing)
		} else {
			d.note(v.absent, v.present)
		}
	}
}

// note notes that a latent is known. Of one that several columns share, the first word counts.
func (d *drawer) note(latent int, z float64) {
	if d.marks[latent] == 0 {
		d.marks[latent] = 1
		d.known = append(d.known, latent)
		d.at = append(d.at, z)
	}
}

// condition moves the latents to what is known.
func (d *drawer) condition() {
	regression := d.regressions[string(d.marks)]
	if regression == nil {
		regression = d.model.regression(d.known)
		d.regressions[string(d.marks)] = regression
	}
	n := len(d.known)
	for k, latent := range d.known {
		d.at[k] -= d.z[latent]
	}
	for k := range d.z {
		sum := 0.0
		for j, r := range regression[k*n : (k+1)*n] {
			sum += r * d.at[j]
		}
		d.z[k] += sum
	}
}

// regression returns the coefficients of all latents on the known ones, a row a latent.
func (m *model) regression(known []int) []float64 {
	among := mat.NewSymDense(len(known), nil)
	with := mat.NewDense(len(known), m.latents, nil)
	for i, a := range known {
		for j, b := range known[:i+1] {
			among.SetSym(i, j, m.correlation[a][b])
		}
		for k := range m.latents {
			with.Set(i, k, m.correlation[a][k])
		}
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(among) {
		panic("simulated: a part of a positive definite correlation is not so")
	}
	var solved mat.Dense
	if err := cholesky.SolveTo(&solved, with); err != nil {
		if _, rough := err.(mat.Condition); !rough {
			panic("simulated: " + err.Error())
		}
	}
	out := make([]float64, 0, len(known)*m.latents)
	for k := range m.latents {
		for i := range known {
			out = append(out, solved.At(i, k))
		}
	}
	return out
}

// cell returns the cell of a variable of the reply in row i.
func (d *drawer) cell(v *variable, i, from int) string {
	switch {
	case v.column.Value != nil:
		return *v.column.Value
	case from >= 0:
		return d.table.Rows[i][from]
	case v.rate >= 1, v.absent >= 0 && d.z[v.absent] > v.cutoff:
		return ""
	}
	return v.value(d.z[v.latent] + v.shift)
}
