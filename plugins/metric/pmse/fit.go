package pmse

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/gram"
)

// dependent is the share of a column's length that has to be left beside the columns before it, for the column to raise the
// rank. Rounding leaves about 1e-15 of a column that is a sum of others.
const dependent = 1e-9

// orthonormal returns an orthonormal basis of the space of the intercept and the columns of x: one vector for each of
// them, from left to right, that does not depend on those before it. A regression on the basis predicts what one on the columns
// does, whatever their scales and correlations.
//
// Source: modified Gram–Schmidt, done twice; A. Björck (1994), Linear Algebra Appl. 197–198, 297–316.
func orthonormal(ctx context.Context, x *encode.Design) ([][]float64, error) {
	ones := make([]float64, x.Rows)
	for i := range ones {
		ones[i] = 1
	}
	scale(ones, 1/norm(ones))
	basis := [][]float64{ones}
	for _, c := range x.Columns {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v := make([]float64, x.Rows)
		c.AddTo(v, 1)
		before := norm(v)
		if before == 0 {
			continue
		}
		scale(v, 1/before)
		for range 2 {
			for _, q := range basis {
				d := dot(q, v)
				for i := range v {
					v[i] -= d * q[i]
				}
			}
		}
		if left := norm(v); left > dependent {
			scale(v, 1/left)
			basis = append(basis, v)
		}
	}
	return basis, nil
}

func norm(v []float64) float64 {
	greatest := 0.0
	for _, a := range v {
		greatest = max(greatest, math.Abs(a))
	}
	if greatest == 0 {
		return 0
	}
	sum := 0.0
	for _, a := range v {
		sum += (a / greatest) * (a / greatest)
	}
	return greatest * math.Sqrt(sum)
}

func scale(v []float64, by float64) {
	for i := range v {
		v[i] *= by
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

const (
	maxSteps = 100
	// flat is the largest entry of the gradient at the solution; along unit vectors it is at most √n at the start.
	flat = 1e-11
	// certain is how close to 0 or 1 a fitted probability has to be for the rows to count as separated.
	certain = 1e-8
)

// fit returns the probabilities of the logistic regression of y on a basis, by damped Newton steps from the constant model.
// separated says that there is no solution, or one that predicts a row for certain.
func fit(ctx context.Context, threads int, basis [][]float64, y []float64) (p []float64, separated bool, err error) {
	share := dot(y, y) / float64(len(y))
	z := make([]float64, len(y))
	for i := range z {
		z[i] = math.Log(share / (1 - share))
	}
	deviance := loss(y, z)
	for range maxSteps {
		gradient, curvature := slope(basis, y, z)
		if steepest(gradient) <= flat {
			break
		}
		step, err := newton(ctx, threads, basis, gradient, curvature)
		if err != nil {
			return nil, false, err
		}
		if step == nil { // the curvature vanishes where rows are certain
			break
		}
		next, after, ok := advance(y, z, step, deviance)
		if !ok {
			break
		}
		z, deviance = next, after
	}
	p = make([]float64, len(z))
	for i, v := range z {
		p[i] = 1 / (1 + math.Exp(-v))
		separated = separated || p[i] < certain || p[i] > 1-certain
	}
	return p, separated, nil
}

// slope returns the gradient of the log-loss, basis vector by basis vector, and p(1-p) of each row.
func slope(basis [][]float64, y, z []float64) (gradient, curvature []float64) {
	residual := make([]float64, len(z))
	curvature = make([]float64, len(z))
	for i, v := range z {
		e := math.Exp(-math.Abs(v))
		less, more := e/(1+e), 1/(1+e) // the smaller of p and 1-p, and the greater
		if v < 0 {
			residual[i] = less - y[i]
		} else {
			residual[i] = more - y[i]
			if y[i] == 1 {
				residual[i] = -less // more - 1 would lose its digits
			}
		}
		curvature[i] = less * more
	}
	gradient = make([]float64, len(basis))
	for j, q := range basis {
		gradient[j] = dot(q, residual)
	}
	return gradient, curvature
}

func steepest(gradient []float64) float64 {
	most := 0.0
	for _, g := range gradient {
		most = max(most, math.Abs(g))
	}
	return most
}

// newton returns the change of the linear predictor of a full step; nil when the curvature is not positive.
func newton(ctx context.Context, threads int, basis [][]float64, gradient, curvature []float64) ([]float64, error) {
	k := len(basis)
	weighted := make([][]float64, k)
	for j, q := range basis {
		weighted[j] = make([]float64, len(q))
		for i, v := range q {
			weighted[j][i] = curvature[i] * v
		}
	}
	products, err := gram.Lower(ctx, weighted, basis, threads)
	if err != nil {
		return nil, err
	}
	h := mat.NewSymDense(k, nil)
	for j := range k {
		for i := range j + 1 {
			h.SetSym(j, i, products[j][i])
		}
	}
	var factor mat.Cholesky
	if !factor.Factorize(h) {
		return nil, nil
	}
	var step mat.VecDense
	if err := factor.SolveVecTo(&step, mat.NewVecDense(k, gradient)); err != nil {
		if _, poor := err.(mat.Condition); !poor {
			return nil, err
		}
	}
	dz := make([]float64, len(curvature))
	for j, q := range basis {
		for i, v := range q {
			dz[i] -= step.AtVec(j) * v
		}
	}
	return dz, nil
}

// advance goes along a step, halving it until the loss does not rise.
func advance(y, z, step []float64, before float64) (next []float64, after float64, ok bool) {
	next = make([]float64, len(z))
	for length := 1.0; length > 1e-12; length /= 2 {
		for i := range z {
			next[i] = z[i] + length*step[i]
		}
		// near the solution rounding may hide the fall: a rise in the last digits is none
		if after = loss(y, next); after <= before*(1+1e-14) {
			return next, after, true
		}
	}
	return nil, 0, false
}

func loss(y, z []float64) float64 {
	sum := 0.0
	for i, v := range z {
		sum += math.Log1p(math.Exp(-math.Abs(v))) + max(0, v) - y[i]*v
	}
	return sum
}
