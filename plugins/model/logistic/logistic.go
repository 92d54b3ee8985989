// Package logistic fits ridge-penalised logistic regression, the reference model of utility metrics and rankings.
package logistic

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins/encode"
)

// Version is raised when equal inputs may give another model.
const Version = 1

// Config says what is fitted and how.
type Config struct {
	C       float64 // weight of the data against the penalty, > 0; 0 means 1
	Threads int     // goroutines to keep busy; 0 means 1. It changes no bit of the result
	// Iterative solves Newton's equations by conjugate gradients however few columns there are: for hundreds of columns and more of
	// which each is 0 in most rows, that is far less work than to set them up. The minimiser is the same.
	Iterative bool
}

// Model is a fitted model: the probability of class 1 is 1/(1+exp(-(Intercept + Σ Weights[j] x[j]))).
type Model struct {
	Weights   []float64 // one for each encoded column
	Intercept float64
}

// Gradient is the bound on the largest entry of the gradient at which Fit stops, for C ≤ 1. For a larger C,
// which multiplies the sums that the gradient is made of and so their rounding, the bound is Gradient·C.
const Gradient = 1e-8

const (
	maxSteps = 200
	// widest is the number of encoded columns up to which Newton's equations are solved by Cholesky. Above,
	// the matrix would take more than 32 MB and its cube more time than conjugate gradients.
	widest = 2000
)

// Fit returns the minimiser of
//
//	½ Σ w[j]² + C Σ log-loss(y[i], p[i])
//
// The intercept is not penalised. The objective is strictly convex, so the minimiser is unique; it is found by
// damped Newton steps, from 0, until the gradient is below Gradient. y holds 0 and 1 and both of them.
//
// It is an error when x and y differ in length, y holds something else or one class only, x holds a value that is
// not finite, C is not positive and finite, or the steps do not converge.
//
// Source: J. Nocedal, S. J. Wright (2006), Numerical Optimization, 2nd ed., section 3.3 (damped Newton) and
// algorithm 7.1 (Newton with conjugate gradients, for wide designs).
func Fit(ctx context.Context, x *encode.Design, y []float64, c Config) (*Model, error) {
	if c.C == 0 {
		c.C = 1
	}
	if err := check(x, y, c); err != nil {
		return nil, err
	}
	p := newProblem(x, y, c)
	solvers := []solver{p.cholesky, p.orthogonal} // the second, slower one where the first ends short of the minimiser
	if len(x.Columns) > widest {
		solvers = []solver{p.conjugate}
	}
	at, solved, err := p.point(make([]float64, len(x.Columns)+1)), false, error(nil)
	for _, solve := range solvers {
		if at, solved, err = p.descend(ctx, at, solve); solved || err != nil && !errors.Is(err, errCurvature) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if !solved {
		return nil, fmt.Errorf("logistic regression does not converge: largest gradient entry %.2g, wanted %.2g", at.steepest, p.bound())
	}
	n := len(x.Columns)
	return &Model{Weights: at.w[:n:n], Intercept: at.w[n]}, nil
}

// Predict returns the probability of class 1 of each row of x, in [0,1].
//
// x has the columns of the design that the model was fitted on: it comes from the same Encoder.
func (m *Model) Predict(x *encode.Design) []float64 {
	p := make([]float64, x.Rows)
	linear(p, x, m.Weights, m.Intercept)
	for i, z := range p {
		p[i] = sigmoid(z)
	}
	return p
}

func check(x *encode.Design, y []float64, c Config) error {
	if !(c.C > 0) || math.IsInf(c.C, 0) {
		return fmt.Errorf("logistic regression: C is %v; want a number above 0", c.C)
	}
	if len(y) != x.Rows {
		return fmt.Errorf("logistic regression: %d labels for %d rows", len(y), x.Rows)
	}
	ones := 0
	for i, v := range y {
		if v != 0 && v != 1 {
			return fmt.Errorf("logistic regression: the label of row %d is neither 0 nor 1", i+1)
		}
		ones += int(v)
	}
	if ones == 0 || ones == len(y) {
		return fmt.Errorf("logistic regression: the labels are of one class; two are needed")
	}
	for j, col := range x.Columns {
		for i, v := range col.Dense {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("logistic regression: encoded column %d, row %d is not finite", j+1, i+1)
			}
		}
	}
	return nil
}

// linear sets out to the linear predictor of each row.
func linear(out []float64, x *encode.Design, w []float64, intercept float64) {
	for i := range out {
		out[i] = intercept
	}
	for j, c := range x.Columns {
		if w[j] != 0 {
			c.AddTo(out, w[j])
		}
	}
}

func sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z) // the other form would overflow
	return e / (1 + e)
}

// loss is the log-loss of a row with label y and linear predictor z.
func loss(y, z float64) float64 {
	return math.Log1p(math.Exp(-math.Abs(z))) + max(0, z) - y*z
}
