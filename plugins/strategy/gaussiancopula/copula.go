// Package gaussiancopula draws rows from a Gaussian copula of mixed columns, missing values included.
//
// Behind every column with at least two values stands a normal latent variable, and behind every distinct pattern of
// missing rows another one, so that what is measured together, and more often in the sick, stays so. The latent
// variables are jointly normal. A latent value becomes a number by the empirical quantiles of train, a category by
// thresholds at the cumulative shares of its levels, and a missing value where the latent of its pattern exceeds the
// threshold of its share. Margins are those of train in expectation; numbers never leave its range.
//
// Fitting is in margin.go (columns) and correlation.go (their latent correlation).
//
// What the model cannot hold: relations that are not monotone; levels of a category that differ in more than one
// direction (they are put on one line, ordered by the target); selection, where what decides that a value is
// measured is the value itself (the latents of a value and of its own missingness are uncorrelated, as data cannot tell).
package gaussiancopula

import (
	"context"
	"fmt"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/gram"
	"github.com/ehrlab/ehrlab/plugins/parallel"
	"github.com/ehrlab/ehrlab/plugins/strategy"
)

// Config is the strategy's "with" block: there are no settings.
type Config struct{}

// Register adds the strategy to r.
func Register(r *plugins.Registry) {
	plugins.Add(&r.Strategies, plugins.Info{
		Name:    "gaussian-copula",
		Version: 1,
		Summary: "Gaussian copula of mixed columns with joint missingness, fitted on train",
		Source: "N. Patki, R. Wedge, K. Veeramachaneni (2016), The Synthetic Data Vault, IEEE DSAA, 399-410 (copula for synthetic rows); " +
			"U. Olsson (1979), Psychometrika 44(4), 443-460, and U. Olsson, F. Drasgow, N. Dorans (1982), Psychometrika 47(3), 337-347 (latent correlation of categories)",
		Shapes: []plugins.Shape{plugins.Records},
		Reads:  []plugins.Part{plugins.Train},
		Random: []plugins.Purpose{plugins.ForGeneration},
		Uses:   []plugins.Use{{Name: "gram", Version: gram.Version}},
		Need: func(s plugins.Size) plugins.Need {
			// scores and their squares, of values and of missingness; the sorted values; the rows made
			return plugins.Need{Threads: 2, Bytes: 8 * int64(s.Columns) * (5*int64(s.Rows) + int64(s.N))}
		},
	}, Config{}, New)
}

// Strategy is the plugin.
type Strategy struct{}

// New returns the strategy.
func New(Config) (plugins.Strategy, error) { return Strategy{}, nil }

// Generate fits the copula on train and draws n rows. The first rows do not depend on n.
func (Strategy) Generate(ctx context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	train, err := strategy.Source(task, plugins.Train)
	if err != nil {
		return nil, err
	}
	m, err := fit(ctx, train, task.Target, env.Threads)
	if err != nil {
		return nil, err
	}
	env.Progress(0, task.N)
	f, err := m.draw(ctx, env, task.N)
	if err != nil {
		return nil, err
	}
	env.Progress(task.N, task.N)
	return &plugins.Generated{Frame: f, Notes: m.notes}, nil
}

// model is a fitted copula.
type model struct {
	columns []column    // one for each column of train
	latents int         // number of latent variables
	factor  [][]float64 // rows of the Cholesky factor of their correlation, each as long as its index plus one
	notes   []string
}

// column says how the cells of one column come from the latent variables.
type column struct {
	like    *frame.Column // of train: name, kind, unit, levels
	margin  margin
	value   int // index of the latent of its value; -1: it has at most one value
	missing int // index of the latent of its missingness; -1: never or always missing, as always says
	always  bool
	cut     float64 // missing where the latent of its missingness exceeds it
}

func fit(ctx context.Context, train *frame.Frame, target string, threads int) (*model, error) {
	m := &model{columns: make([]column, len(train.Columns()))}
	order := newLevelOrder(train.Column(target))
	values := make([]latent, len(m.columns)) // without scores where a column has at most one value
	err := parallel.For(ctx, threads, len(m.columns), func(i int) error {
		c := train.Columns()[i]
		m.columns[i] = column{like: c, value: -1, missing: -1}
		m.columns[i].margin, values[i] = fitMargin(c, order)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var latents []latent
	for i, v := range values {
		if v.scores != nil {
			m.columns[i].value = len(latents)
			latents = append(latents, v)
		}
	}
	latents = m.addMissingness(latents)
	m.latents = len(latents)
	correlation, err := correlate(ctx, latents, threads)
	if err != nil {
		return nil, err
	}
	return m, m.decompose(correlation)
}

// addMissingness appends one latent for each distinct set of missing rows and tells the columns which is theirs.
func (m *model) addMissingness(latents []latent) []latent {
	known := map[string]int{}
	for i := range m.columns {
		c := &m.columns[i]
		pattern := make([]byte, c.like.Len())
		missing := 0
		for r := range pattern {
			if c.like.IsMissing(r) {
				pattern[r] = 1
				missing++
			}
		}
		if missing == 0 || missing == len(pattern) {
			c.always = missing > 0
			continue
		}
		at, twice := known[string(pattern)]
		if !twice {
			at = len(latents)
			known[string(pattern)] = at
			latents = append(latents, indicator(pattern, missing))
		}
		c.missing = at
		c.cut = quantile(len(pattern)-missing, len(pattern))
	}
	return latents
}

// decompose sets the Cholesky factor of the correlation, repaired first where sampling made it indefinite.
func (m *model) decompose(correlation *mat.SymDense) error {
	if m.latents == 0 {
		return nil
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(correlation) {
		repaired, least, err := repair(correlation)
		if err != nil {
			return err
		}
		if !cholesky.Factorize(repaired) {
			return fmt.Errorf("the latent correlation of %d variables cannot be made positive definite", m.latents)
		}
		m.notes = append(m.notes, fmt.Sprintf("the latent correlation (%d variables) had the least eigenvalue %.2g and was moved to a positive definite one", m.latents, least))
	}
	var lower mat.TriDense
	cholesky.LTo(&lower)
	m.factor = make([][]float64, m.latents)
	for i := range m.factor {
		m.factor[i] = make([]float64, i+1)
		for j := range m.factor[i] {
			m.factor[i][j] = lower.At(i, j)
		}
	}
	return nil
}

// blockRows is how many rows share a random source, so that blocks can be drawn side by side.
const blockRows = 256

// draw generates n rows.
func (m *model) draw(ctx context.Context, env plugins.Env, n int) (*frame.Frame, error) {
	numbers, codes := make([][]float64, len(m.columns)), make([][]int32, len(m.columns))
	for i, c := range m.columns {
		if c.like.Kind == frame.Number {
			numbers[i] = make([]float64, n)
		} else {
			codes[i] = make([]int32, n)
		}
	}
	err := parallel.For(ctx, env.Threads, (n+blockRows-1)/blockRows, func(b int) error {
		rng := env.Rand.For(plugins.ForGeneration, "gaussian-copula", strconv.Itoa(b))
		noise, z := make([]float64, m.latents), make([]float64, m.latents)
		for row := b * blockRows; row < min((b+1)*blockRows, n); row++ {
			for i := range noise {
				noise[i] = rng.NormFloat64()
			}
			for i, weights := range m.factor {
				z[i] = dot(weights, noise)
			}
			for i := range m.columns {
				if c := &m.columns[i]; numbers[i] != nil {
					numbers[i][row] = c.number(z)
				} else {
					codes[i][row] = c.code(z)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]*frame.Column, len(m.columns))
	for i, c := range m.columns {
		if numbers[i] != nil {
			out[i] = frame.NewNumber(c.like.Name, numbers[i])
		} else {
			out[i] = frame.NewCategory(c.like.Name, c.like.Levels, codes[i])
		}
		out[i].Integer, out[i].Unit = c.like.Integer, c.like.Unit
	}
	return frame.New(out...)
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	s := 0.0
	for i, x := range a {
		s += x * b[i]
	}
	return s
}
