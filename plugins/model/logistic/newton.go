package logistic

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/gram"
)

// problem is one fit. Vectors of parameters have the weights first and the intercept last.
type problem struct {
	x       *encode.Design
	y       []float64
	c       float64
	threads int
	dense   []int // columns of x that hold numbers
	sparse  []int // columns of x that list their ones
}

func newProblem(x *encode.Design, y []float64, c Config) *problem {
	p := &problem{x: x, y: y, c: c.C, threads: max(1, c.Threads)}
	for j, col := range x.Columns {
		if col.Dense != nil {
			p.dense = append(p.dense, j)
		} else {
			p.sparse = append(p.sparse, j)
		}
	}
	return p
}

// bound is the gradient entry at which the fit is done.
func (p *problem) bound() float64 { return Gradient * max(1, p.c) }

// solver returns Newton's step from a point.
type solver func(context.Context, *point) ([]float64, error)

// errCurvature says that a solver cannot tell a step.
var errCurvature = errors.New("logistic regression: the curvature is not finite")

// descend takes damped Newton steps until the gradient is below the bound, or no smaller objective is representable. solved says
// whether the point that it ends at may count as the minimiser.
func (p *problem) descend(ctx context.Context, at *point, solve solver) (end *point, solved bool, err error) {
	for range maxSteps {
		if at.steepest <= p.bound() {
			return at, true, nil
		}
		step, err := solve(ctx, at)
		if err != nil {
			return at, false, err
		}
		next, ok := p.advance(at, step)
		if !ok {
			break
		}
		at = next
	}
	// rounding may forbid the last digits of a badly scaled problem, but a thousand times the bound is no solution
	if at.steepest <= 1e3*p.bound() {
		return at, true, nil
	}
	solved, err = p.close(ctx, at, solve)
	return at, solved, err
}

// point is a parameter vector with what is needed there.
type point struct {
	w         []float64
	z         []float64 // linear predictor of each row
	objective float64
	gradient  []float64
	steepest  float64   // largest absolute entry of gradient
	curvature []float64 // C p(1-p) of each row
}

// point evaluates the problem at w.
func (p *problem) point(w []float64) *point {
	z := make([]float64, p.x.Rows)
	linear(z, p.x, w, w[len(w)-1])
	return p.evaluate(w, z)
}

// evaluate evaluates the problem at w, whose linear predictor is z.
func (p *problem) evaluate(w, z []float64) *point {
	at := &point{w: w, z: z, objective: p.objective(w, z), gradient: make([]float64, len(w)), curvature: make([]float64, len(z))}
	residual := make([]float64, len(z))
	last, sum := len(w)-1, 0.0
	for i, v := range z {
		prob := sigmoid(v)
		residual[i] = p.c * (prob - p.y[i])
		sum += residual[i]
		at.curvature[i] = p.c * prob * sigmoid(-v) // 1-prob would round to 0 too early
	}
	for j, col := range p.x.Columns {
		at.gradient[j] = w[j] + col.Dot(residual)
	}
	at.gradient[last] = sum
	for _, g := range at.gradient {
		at.steepest = max(at.steepest, math.Abs(g)) // NaN stays NaN
	}
	return at
}

func (p *problem) objective(w, z []float64) float64 {
	data, penalty := 0.0, 0.0
	for i, v := range z {
		data += loss(p.y[i], v)
	}
	for _, v := range w[:len(w)-1] {
		penalty += v * v
	}
	return penalty/2 + p.c*data
}

// advance goes along step, halving it until the objective falls by a tenth of a thousandth of what the slope
// promises (Armijo's rule with its usual constant). Near the optimum, where rounding hides the fall,
// a full step that makes the gradient smaller is taken too. ok is false when neither is possible.
func (p *problem) advance(at *point, step []float64) (next *point, ok bool) {
	slope := 0.0
	for j, s := range step {
		slope += s * at.gradient[j]
	}
	dz := make([]float64, len(at.z))
	linear(dz, p.x, step, step[len(step)-1])
	w, z := make([]float64, len(step)), make([]float64, len(dz))
	for length := 1.0; length > 1e-12; length /= 2 {
		for j := range w {
			w[j] = at.w[j] + length*step[j]
		}
		for i := range z {
			z[i] = at.z[i] + length*dz[i]
		}
		if f := p.objective(w, z); f <= at.objective+1e-4*length*slope {
			return p.evaluate(w, z), true
		}
		if length == 1 && -slope <= 1e-9*math.Abs(at.objective) {
			if next := p.point(append([]float64(nil), w...)); next.steepest < at.steepest {
				return next, true
			}
		}
	}
	return nil, false
}

// close reports whether a point is as near to the minimiser as a gradient of a thousand times the bound makes it, though its gradient is
// not that small: entries of columns whose values are far from 1 are rounded to multiples of these values. What says so is
// the Newton decrement √(gᵀH⁻¹g), the distance to the minimiser in the norm of H ⪰ I, which hangs on no column's scale.
//
// Source: S. Boyd, L. Vandenberghe (2004), Convex Optimization, section 9.5.1.
func (p *problem) close(ctx context.Context, at *point, solve solver) (bool, error) {
	step, err := solve(ctx, at)
	return err == nil && -dot(step, at.gradient) <= math.Pow(1e3*p.bound(), 2), err
}

// cholesky solves Newton's equations exactly.
func (p *problem) cholesky(ctx context.Context, at *point) ([]float64, error) {
	h, err := p.hessian(ctx, at.curvature)
	if err != nil {
		return nil, err
	}
	n := len(at.w)
	var factor mat.Cholesky
	for ridge, share := 0.0, 0.0; !factor.Factorize(h); share = max(2*share, 1e-15) {
		// the intercept's row may lack a positive pivot: where every row is saturated, its curvature vanishes
		ridge = max(2*ridge, 1e-10*(1+h.At(n-1, n-1)))
		h.SetSym(n-1, n-1, h.At(n-1, n-1)+ridge)
		// so may, if that is not it, columns of which one is a multiple of another and so large that the penalty's 1 is rounded away
		for j := range n {
			h.SetSym(j, j, h.At(j, j)*(1+share))
		}
		if !finite(h) {
			return nil, errCurvature
		}
	}
	var step mat.VecDense
	if err := factor.SolveVecTo(&step, downhill(at)); err != nil {
		if _, poor := err.(mat.Condition); !poor { // a poor condition only costs further steps
			return nil, fmt.Errorf("logistic regression: %w", err)
		}
	}
	return step.RawVector().Data, nil
}

func downhill(at *point) *mat.VecDense {
	out := mat.NewVecDense(len(at.gradient), nil)
	for j, g := range at.gradient {
		out.SetVec(j, -g)
	}
	return out
}

func finite(h *mat.SymDense) bool {
	for i := range h.SymmetricDim() {
		for j := range i + 1 {
			if v := h.At(i, j); math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
	}
	return true
}

// orthogonal solves Newton's equations where the values of a column are too far apart for the matrix H of second derivatives, of which
// rounding leaves the greatest alone: it factorises A with AᵀA = H by Householder's reflections, which keep twice as many
// digits, and solves with the triangle.
//
// Source: Å. Björck (1996), Numerical Methods for Least Squares Problems, section 6.6.5 (semi-normal equations).
func (p *problem) orthogonal(ctx context.Context, at *point) ([]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n, rows := len(at.w), p.x.Rows
	a := mat.NewDense(rows+n, n, nil) // the weighted rows, then the penalty
	for j, col := range p.x.Columns {
		for i, v := range col.Dense {
			a.Set(i, j, v*math.Sqrt(at.curvature[i]))
		}
		for _, i := range col.Ones {
			a.Set(int(i), j, math.Sqrt(at.curvature[i]))
		}
		a.Set(rows+j, j, 1)
	}
	for i, v := range at.curvature {
		a.Set(i, n-1, math.Sqrt(v))
	}
	a.Set(rows+n-1, n-1, 1e-5) // as for cholesky: where every row is saturated, the intercept's curvature vanishes
	var qr mat.QR
	qr.Factorize(a)
	var r mat.Dense
	qr.RTo(&r)
	triangle := mat.NewTriDense(n, mat.Upper, nil)
	for i := range n {
		for j := i; j < n; j++ {
			triangle.SetTri(i, j, r.At(i, j))
		}
	}
	var half, step mat.VecDense
	for _, err := range []error{half.SolveVec(triangle.TTri(), downhill(at)), step.SolveVec(triangle, &half)} {
		if _, poor := err.(mat.Condition); err != nil && !poor {
			return nil, fmt.Errorf("logistic regression: %w", err)
		}
	}
	for _, v := range step.RawVector().Data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errCurvature
		}
	}
	return step.RawVector().Data, nil
}

// hessian returns the matrix of second derivatives for the given curvature of each row.
func (p *problem) hessian(ctx context.Context, curvature []float64) (*mat.SymDense, error) {
	n := len(p.x.Columns)
	h := mat.NewSymDense(n+1, nil)
	if err := p.denseBlock(ctx, h, curvature); err != nil {
		return nil, err
	}
	weighted := make([]float64, p.x.Rows)
	for at, j := range p.sparse {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ones := p.x.Columns[j].Ones
		sum := 0.0
		for _, i := range ones {
			weighted[i] = curvature[i]
			sum += curvature[i]
		}
		for _, k := range p.dense {
			col, s := p.x.Columns[k].Dense, 0.0
			for _, i := range ones {
				s += curvature[i] * col[i]
			}
			h.SetSym(j, k, s)
		}
		for _, k := range p.sparse[:at+1] {
			h.SetSym(j, k, p.x.Columns[k].Dot(weighted))
		}
		h.SetSym(j, n, sum)
		for _, i := range ones {
			weighted[i] = 0
		}
	}
	for j := range n {
		h.SetSym(j, j, h.At(j, j)+1)
	}
	total := 0.0
	for _, v := range curvature {
		total += v
	}
	h.SetSym(n, n, total)
	return h, nil
}

// denseBlock sets the entries of h between dense columns, and between them and the intercept.
func (p *problem) denseBlock(ctx context.Context, h *mat.SymDense, curvature []float64) error {
	n := len(p.x.Columns)
	plain, weighted := make([][]float64, len(p.dense)), make([][]float64, len(p.dense))
	for at, j := range p.dense {
		plain[at] = p.x.Columns[j].Dense
		weighted[at] = make([]float64, p.x.Rows)
		sum := 0.0
		for i, v := range plain[at] {
			weighted[at][i] = curvature[i] * v
			sum += weighted[at][i]
		}
		h.SetSym(j, n, sum)
	}
	products, err := gram.Lower(ctx, weighted, plain, p.threads)
	if err != nil {
		return err
	}
	for a, j := range p.dense {
		for b, k := range p.dense[:a+1] {
			h.SetSym(j, k, products[a][b])
		}
	}
	return nil
}

// conjugate solves Newton's equations approximately by conjugate gradients with a diagonal preconditioner,
// to the residual that keeps Newton's fast convergence: min(½, √|g|)·|g|.
func (p *problem) conjugate(ctx context.Context, at *point) ([]float64, error) {
	n := len(at.w)
	diagonal := p.diagonal(at.curvature)
	step, direction := make([]float64, n), make([]float64, n)
	residual, scaled := make([]float64, n), make([]float64, n)
	for j, g := range at.gradient {
		residual[j] = -g
		scaled[j] = -g / diagonal[j]
		direction[j] = scaled[j]
	}
	size := math.Sqrt(dot(residual, residual))
	goal := min(0.5, math.Sqrt(size)) * size
	rho := dot(residual, scaled)
	for k := 0; k < 2*n && rho > 0; k++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		image := p.curve(at.curvature, direction)
		length := rho / dot(direction, image)
		for j := range step {
			step[j] += length * direction[j]
			residual[j] -= length * image[j]
			scaled[j] = residual[j] / diagonal[j]
		}
		if math.Sqrt(dot(residual, residual)) <= goal {
			break
		}
		before := rho
		rho = dot(residual, scaled)
		for j := range direction {
			direction[j] = scaled[j] + rho/before*direction[j]
		}
	}
	return step, nil
}

// curve returns the product of the matrix of second derivatives with v.
func (p *problem) curve(curvature, v []float64) []float64 {
	last := len(v) - 1
	rows := make([]float64, p.x.Rows)
	linear(rows, p.x, v, v[last])
	sum := 0.0
	for i := range rows {
		rows[i] *= curvature[i]
		sum += rows[i]
	}
	out := make([]float64, len(v))
	for j, col := range p.x.Columns {
		out[j] = v[j] + col.Dot(rows)
	}
	out[last] = sum
	return out
}

// diagonal returns the diagonal of the matrix of second derivatives, every entry above 0.
func (p *problem) diagonal(curvature []float64) []float64 {
	out := make([]float64, len(p.x.Columns)+1)
	for j, col := range p.x.Columns {
		out[j] = 1
		if col.Dense == nil {
			out[j] += col.Dot(curvature)
		}
		for i, v := range col.Dense {
			out[j] += curvature[i] * v * v
		}
	}
	total := 0.0
	for _, v := range curvature {
		total += v
	}
	out[len(out)-1] = max(total, 1e-10)
	return out
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}
