// Package forest fits random forests for two classes, as scikit-learn's RandomForestClassifier defines them: each tree is grown on
// a bootstrap sample of the rows until its leaves are pure, looks at a random few of the columns in each node, and splits
// where the Gini impurity falls most; the forest's probability is the mean over its trees of the share of class 1 in the leaf.
//
// It reads the standard encoding (package encode): numbers standardised, which changes no split, missing ones at the mean with
// a 0/1 column beside that says so, and a 0/1 column for each level of a category. A split by such a column is what routes
// missing values.
//
// Every tree has a random source of its own, and what is added up over trees is added in their order, so the model is the same
// whatever the number of threads, and the first trees of a larger forest are those of a smaller one.
//
// Where it differs from scikit-learn: values are 64-bit, and any two that differ can be told apart; the random numbers are others.
//
// Source: L. Breiman (2001), Random forests, Machine Learning 45, 5-32; L. Breiman, J. Friedman, R. Olshen, C. Stone (1984),
// Classification and Regression Trees (Gini impurity, importance by its decrease).
package forest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Version is raised when equal inputs may give another model.
const Version = 1

// Config says how the forest is grown; start from Defaults. Fields bear the names that scikit-learn gives them.
type Config struct {
	Trees       int `json:"n_estimators"`     // ≥ 1
	MaxFeatures int `json:"max_features"`     // columns looked at in a node; 0: the square root of their number, rounded down
	MaxDepth    int `json:"max_depth"`        // splits on the way to a leaf; 0: no bound
	MinLeaf     int `json:"min_samples_leaf"` // least number of drawn rows in a leaf, a row drawn twice counting once; ≥ 1

	// Rand returns the source of a tree, the first being 0: a fresh one at each call, the same for the same tree. In a
	// plugin: env.Rand.For(plugins.ForModel, "forest", strconv.Itoa(tree)).
	Rand     func(tree int) *rand.Rand `json:"-"`
	OutOfBag bool                      `json:"-"` // predict each row by the trees that did not draw it: see Model.OutOfBag
	Threads  int                       `json:"-"` // goroutines to keep busy; 0 means 1. It changes no bit of the result
}

// Schema is the CUE of the settings that a Config takes, for the schema of a plugin that offers them.
const Schema = `n_estimators?: int & >=1 & <=100000 // trees
	max_features?: int & >=0 // encoded columns that are looked at for a split; 0: the square root of how many there are
	max_depth?: int & >=0 // splits on the way to a leaf; 0: any number
	min_samples_leaf?: int & >=1 // rows that a leaf has at least`

// Defaults are those of scikit-learn, but for 200 trees instead of 100.
func Defaults() Config { return Config{Trees: 200, MinLeaf: 1} }

// Check says which setting is out of range, by its name in JSON.
func (c Config) Check() error {
	for _, s := range []struct {
		name         string
		value, least int
	}{
		{"n_estimators", c.Trees, 1}, {"max_features", c.MaxFeatures, 0}, {"max_depth", c.MaxDepth, 0}, {"min_samples_leaf", c.MinLeaf, 1},
	} {
		if s.value < s.least {
			return fmt.Errorf("random forest: %s is %d; want at least %d", s.name, s.value, s.least)
		}
	}
	return nil
}

// Bytes is the memory that Fit and Predict take above their inputs, for a design of that many numbers: the ranks of their values,
// and trees with a leaf for every second row, which is what labels without any pattern lead to.
func (c Config) Bytes(rows, columns int) int64 {
	return int64(rows)*(20*int64(columns)+64) + int64(c.Trees)*int64(rows)*24 + 16<<20
}

// Model is a fitted forest. It is immutable.
type Model struct {
	trees   []tree
	columns int // of the design
	rows    int // it was fitted on
	out     *OutOfBag
}

// Fit grows a forest of y, zeros and ones, on the rows of x.
//
// It is an error when a setting is out of range, there is no random source, x and y differ in length, y holds something else
// than 0 and 1 or one class only, or x has no column or holds a value that is not finite. When the context ends, its error
// is returned.
func Fit(ctx context.Context, x *encode.Design, y []float64, c Config) (*Model, error) {
	if err := check(x, y, c); err != nil {
		return nil, err
	}
	columns, err := rank(ctx, x, c.Threads)
	if err != nil {
		return nil, err
	}
	if c.MaxFeatures == 0 {
		c.MaxFeatures = int(math.Sqrt(float64(len(columns))))
	}
	c.MaxFeatures = min(c.MaxFeatures, len(columns))
	c.MinLeaf = min(c.MinLeaf, x.Rows) // no leaf has more: the same forest, and no overflow
	m := &Model{trees: make([]tree, c.Trees), columns: len(columns), rows: x.Rows}
	drawn := make([]bitset, c.Trees)
	growers := make(chan *grower, max(1, c.Threads))
	for range cap(growers) {
		growers <- newGrower(columns, y, c)
	}
	err = parallel.For(ctx, c.Threads, c.Trees, func(i int) error {
		g := <-growers
		defer func() { growers <- g }()
		var err error
		m.trees[i], err = g.grow(ctx, c.Rand(i))
		if c.OutOfBag {
			drawn[i] = g.drawn()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.OutOfBag {
		if m.out, err = m.outOfBag(ctx, x, drawn, c.Threads); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func check(x *encode.Design, y []float64, c Config) error {
	if err := c.Check(); err != nil {
		return err
	}
	switch {
	case c.Rand == nil:
		return fmt.Errorf("random forest: there is no random source")
	case len(y) != x.Rows:
		return fmt.Errorf("random forest: %d labels for %d rows", len(y), x.Rows)
	case len(x.Columns) == 0:
		return fmt.Errorf("random forest: there is no column to split by")
	}
	ones := 0
	for i, v := range y {
		if v != 0 && v != 1 {
			return fmt.Errorf("random forest: the label of row %d is neither 0 nor 1", i+1)
		}
		ones += int(v)
	}
	if ones == 0 || ones == len(y) {
		return fmt.Errorf("random forest: the labels are of one class; two are needed")
	}
	return nil
}

// Trees is the number of trees.
func (m *Model) Trees() int { return len(m.trees) }

// Predict returns the probability of class 1 of each row of x, in [0,1]: the mean over the trees of its share in the row's leaf.
//
// x has the columns of the design that the model was fitted on: it comes from the same Encoder. It is an error when their
// number differs, or the context ends.
func (m *Model) Predict(ctx context.Context, x *encode.Design, threads int) ([]float64, error) {
	out := make([]float64, x.Rows)
	err := m.each(ctx, x, threads, func(row int, values []float64) {
		sum := 0.0
		for t := range m.trees {
			sum += m.trees[t].share(values)
		}
		out[row] = sum / float64(len(m.trees))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// predictRows is the number of rows that are laid out for prediction at a time.
const predictRows = 64

// each calls f for every row with its encoded values.
func (m *Model) each(ctx context.Context, x *encode.Design, threads int, f func(row int, values []float64)) error {
	width := len(x.Columns)
	if width != m.columns {
		return fmt.Errorf("random forest: the rows have %d encoded columns; the model was fitted on %d", width, m.columns)
	}
	sparse := newBitsets(x)
	return parallel.For(ctx, threads, (x.Rows+predictRows-1)/predictRows, func(b int) error {
		first, last := b*predictRows, min(x.Rows, (b+1)*predictRows)
		values := make([]float64, (last-first)*width)
		for j, c := range x.Columns {
			for i := first; i < last; i++ {
				if c.Dense != nil {
					values[(i-first)*width+j] = c.Dense[i]
				} else {
					values[(i-first)*width+j] = float64(sparse[j].at(int32(i)))
				}
			}
		}
		for i := first; i < last; i++ {
			f(i, values[(i-first)*width:(i-first+1)*width])
		}
		return nil
	})
}
