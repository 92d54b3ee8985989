// Package permutation says how much a model of any kind relies on a column: how much worse it predicts when the column's values
// are shuffled among the rows.
package permutation

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// Version is raised when equal inputs may give other importances.
const Version = 1

// Config says how the columns are shuffled.
type Config struct {
	Repeats int // shuffles of each column, ≥ 1
	// Rand returns the source of one shuffle: a fresh one at each call, the same for the same arguments. In a plugin:
	// env.Rand.For(plugins.ForModel, "permutation", column, strconv.Itoa(repeat)).
	Rand    func(column string, repeat int) *rand.Rand
	Threads int // calls of rate at a time; 0 means 1. It changes no bit of the result
}

// Importance is what a column is worth to a model.
type Importance struct {
	Column string
	Mean   float64 // of what the rating falls by, over the shuffles; below 0 when the model does better without the column
	SD     float64 // over the shuffles, ddof 1; 0 for one shuffle
}

// Importances returns the importance of the named columns of f, in their order.
//
// rate rates the model on a frame, the higher the better, such as by the area under the ROC curve of its predictions of labels
// that belong to the rows of f in their order; it is called with f, and with copies in which one column is shuffled, by several
// goroutines at a time. Rows that the model was not fitted on show what it has learned, those that it was fitted on also
// what it has learned by heart. Of two columns that say the same each looks unimportant, as the model can do with the other.
//
// It is an error when a column is not in f, there is no random source or nothing to repeat, rate fails, or what it returns is not
// finite. When the context ends, its error is returned.
//
// Source: L. Breiman (2001), Random forests, Machine Learning 45, section 10; A. Fisher, C. Rudin, F. Dominici (2019), All models
// are wrong, but many are useful, JMLR 20(177) (for models of any kind).
func Importances(ctx context.Context, f *frame.Frame, names []string, rate func(context.Context, *frame.Frame) (float64, error), c Config) ([]Importance, error) {
	switch {
	case c.Repeats < 1:
		return nil, fmt.Errorf("permutation importance: %d repeats; want at least 1", c.Repeats)
	case c.Rand == nil:
		return nil, fmt.Errorf("permutation importance: there is no random source")
	}
	for _, name := range names {
		if f.Column(name) == nil {
			return nil, fmt.Errorf("permutation importance: no column named %q", name)
		}
	}
	whole, err := finite(rate(ctx, f))
	if err != nil {
		return nil, err
	}
	falls := make([]float64, len(names)*c.Repeats)
	err = parallel.For(ctx, c.Threads, len(falls), func(i int) error {
		name, repeat := names[i/c.Repeats], i%c.Repeats
		g, err := shuffled(f, name, c.Rand(name, repeat))
		if err != nil {
			return err
		}
		r, err := finite(rate(ctx, g))
		falls[i] = whole - r
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Importance, len(names))
	for j, name := range names {
		out[j] = summary(name, falls[j*c.Repeats:(j+1)*c.Repeats])
	}
	return out, nil
}

func finite(v float64, err error) (float64, error) {
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = fmt.Errorf("permutation importance: the rating is %v", v)
	}
	return v, err
}

// shuffled returns f with the values of one column in another order.
func shuffled(f *frame.Frame, name string, r *rand.Rand) (*frame.Frame, error) {
	columns := slices.Clone(f.Columns())
	at := slices.IndexFunc(columns, func(c *frame.Column) bool { return c.Name == name })
	columns[at] = columns[at].Take(r.Perm(f.Rows()))
	return frame.New(columns...)
}

func summary(name string, falls []float64) Importance {
	mean, squares := 0.0, 0.0
	for _, v := range falls {
		mean += v / float64(len(falls))
	}
	for _, v := range falls {
		squares += (v - mean) * (v - mean)
	}
	return Importance{Column: name, Mean: mean, SD: math.Sqrt(squares / float64(max(1, len(falls)-1)))}
}
