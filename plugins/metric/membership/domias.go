package membership

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// domias takes the density of the synthetic rows over that of the odd half of the non-members for the score of the
// members and of the even half. Rows that lack a value in a column of the estimate take no part.
func (s *scene) domias(ctx context.Context, synthetic *frame.Frame) (*scored, error) {
	even, odd := s.roster.Halves()
	members, others := s.train.Take(s.roster.Members), pick(s.test, s.roster.Others, even)
	columns, err := s.domiasColumns(members, s.test.Take(s.roster.Others))
	if err != nil {
		return nil, err
	}
	keptMembers, keptOthers := attack.Complete(members, columns), attack.Complete(others, columns)
	if len(keptMembers) == 0 || len(keptOthers) == 0 {
		return nil, attack.Undefined("no member or no non-member has a value in every column of the density estimate")
	}
	places := make([]int, len(keptOthers))
	for i, at := range keptOthers {
		places[i] = even[at]
	}
	attacked, err := stack(members.Take(keptMembers), others.Take(keptOthers))
	if err != nil {
		return nil, err
	}
	out := s.attacked(keptMembers, places)
	out.score, err = DensityRatio(ctx, s.env.Threads, synthetic, pick(s.test, s.roster.Others, odd), attacked, columns, true)
	return out, err
}

// domiasColumns returns the columns of the density estimate.
func (s *scene) domiasColumns(members, others *frame.Frame) ([]string, error) {
	if len(s.config.Domias) > 0 {
		for _, name := range s.config.Domias {
			switch c := s.train.Column(name); {
			case c == nil:
				return nil, attack.Undefined("column " + quoted(name) + " is not among the features")
			case c.Kind != frame.Number:
				return nil, attack.Undefined("column " + quoted(name) + " is no number")
			}
		}
		return s.config.Domias, nil
	}
	type candidate struct {
		name    string
		missing float64
	}
	var all []candidate
	for _, c := range s.train.Columns() {
		if c.Kind != frame.Number {
			continue
		}
		worst, varies := 0.0, true
		for _, f := range []*frame.Frame{members, others, s.synthetic} {
			column := f.Column(c.Name)
			worst = max(worst, float64(column.MissingCount())/float64(f.Rows()))
			varies = varies && varying(column.Numbers)
		}
		if varies {
			all = append(all, candidate{c.Name, worst})
		}
	}
	if len(all) == 0 {
		return nil, attack.Undefined("no number column has two values in the synthetic rows and in the real ones")
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		switch {
		case a.missing < b.missing:
			return -1
		case a.missing > b.missing:
			return 1
		}
		return 0
	})
	var names []string
	for _, c := range all[:min(len(all), s.config.DomiasMost)] {
		names = append(names, c.name)
	}
	return names, nil
}

func quoted(name string) string { return `"` + name + `"` }

func varying(values []float64) bool {
	first := math.NaN()
	for _, v := range values {
		switch {
		case math.IsNaN(v):
		case math.IsNaN(first):
			first = v
		case v != first:
			return true
		}
	}
	return false
}

// least keeps a density ratio finite where the population has no density.
const least = 1e-10

// DensityRatio returns the score of DOMIAS for each attacked row: p/(r + 1e-10), with p and r the kernel density
// estimates of the synthetic and of the reference rows in the named number columns. Rows of these two that lack a value are left out;
// the attacked ones lack none.
//
// Densities have a unit. With standardised they are those of the columns divided by the SD of the reference rows, so that
// the score does not hang on the units of the columns; without, of the columns as they are.
//
// The error is an attack.Undefined where an estimate has too few rows, or columns that depend on each other.
//
// Source: B. van Breugel et al. (2023), AISTATS, 3493–3514.
func DensityRatio(ctx context.Context, threads int, synthetic, reference, attacked *frame.Frame, columns []string, standardised bool) ([]float64, error) {
	base := numbers(reference.Take(attack.Complete(reference, columns)), columns)
	scale, volume := make([]float64, len(columns)), 1.0
	for j := range columns {
		if scale[j] = spread(base, j); !(scale[j] > 0) {
			return nil, attack.Undefined("column " + quoted(columns[j]) + " does not vary in the reference rows of the density estimate")
		}
		volume *= scale[j]
	}
	floor := least
	if !standardised {
		floor *= volume
	}
	divide := func(x [][]float64) [][]float64 {
		for _, row := range x {
			for j := range row {
				row[j] /= scale[j]
			}
		}
		return x
	}
	population, err := newKernel(divide(base))
	if err != nil {
		return nil, err
	}
	made, err := newKernel(divide(numbers(synthetic.Take(attack.Complete(synthetic, columns)), columns)))
	if err != nil {
		return nil, err
	}
	at := divide(numbers(attacked, columns))
	out := make([]float64, len(at))
	err = parallel.For(ctx, threads, (len(at)+63)/64, func(b int) error {
		for i := b * 64; i < min(len(at), (b+1)*64); i++ {
			out[i] = made.density(at[i]) / (population.density(at[i]) + floor)
		}
		return nil
	})
	return out, err
}

// numbers returns the rows of number columns.
func numbers(f *frame.Frame, columns []string) [][]float64 {
	out := make([][]float64, f.Rows())
	for i := range out {
		out[i] = make([]float64, len(columns))
		for j, name := range columns {
			out[i][j] = f.Column(name).Numbers[i]
		}
	}
	return out
}

// spread returns the sample SD of a column, or 0 where it is not defined.
func spread(x [][]float64, j int) float64 {
	if len(x) < 2 {
		return 0
	}
	most := 0.0
	for _, row := range x {
		most = max(most, math.Abs(row[j]))
	}
	if most == 0 {
		return 0
	}
	mean, squares := 0.0, 0.0 // of the values over the greatest, so that no square overflows or vanishes
	for _, row := range x {
		mean += row[j] / most
	}
	mean /= float64(len(x))
	for _, row := range x {
		d := row[j]/most - mean
		squares += d * d
	}
	return math.Sqrt(squares/float64(len(x)-1)) * most
}

// kernel is a Gaussian kernel density estimate: the covariance of the rows times n^(-2/(d+4)), Scott's rule.
//
// Source: D. W. Scott (1992), Multivariate Density Estimation, section 6.3.
type kernel struct {
	white  [][]float64 // rows in coordinates in which the kernel is the unit normal
	inner  *mat.TriDense
	factor float64 // of the sum over the rows
}

func newKernel(rows [][]float64) (*kernel, error) {
	if len(rows) == 0 {
		return nil, attack.Undefined("a density estimate has no row with a value in every column")
	}
	n, d := len(rows), len(rows[0])
	if n <= d {
		return nil, attack.Undefined("a density estimate has too few rows with a value in every column")
	}
	covariance := mat.NewSymDense(d, nil)
	mean := make([]float64, d)
	for _, row := range rows {
		for j, v := range row {
			mean[j] += v / float64(n)
		}
	}
	bandwidth := math.Pow(float64(n), -2/float64(d+4))
	for a := range d {
		for b := a; b < d; b++ {
			sum := 0.0
			for _, row := range rows {
				sum += (row[a] - mean[a]) * (row[b] - mean[b])
			}
			covariance.SetSym(a, b, sum/float64(n-1)*bandwidth)
		}
	}
	var factors mat.Cholesky
	if !factors.Factorize(covariance) || factors.Cond() > 1e14 {
		return nil, attack.Undefined("columns of a density estimate depend on each other or do not vary")
	}
	k := &kernel{inner: mat.NewTriDense(d, mat.Lower, nil)}
	factors.LTo(k.inner)
	log := math.Log(float64(n)) + float64(d)/2*math.Log(2*math.Pi)
	for j := range d {
		log += math.Log(k.inner.At(j, j))
	}
	k.factor = math.Exp(-log)
	for _, row := range rows {
		k.white = append(k.white, k.whiten(row))
	}
	return k, nil
}

// whiten solves L z = x.
func (k *kernel) whiten(x []float64) []float64 {
	z := make([]float64, len(x))
	for i := range z {
		sum := x[i]
		for j := range i {
			sum -= k.inner.At(i, j) * z[j]
		}
		z[i] = sum / k.inner.At(i, i)
	}
	return z
}

func (k *kernel) density(x []float64) float64 {
	z := k.whiten(x)
	sum := 0.0
	for _, row := range k.white {
		square := 0.0
		for j, v := range row {
			square += (v - z[j]) * (v - z[j])
		}
		sum += math.Exp(-square / 2)
	}
	return sum * k.factor
}
