package prepare

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Imputer draws missing values from what the other prepared columns of the same row say, under a model fitted on
// train: a single draw, not an expectation, so that the imputed column keeps its spread and its correlations.
//
// Every variable has normal scores: a number the normal quantile of its rank in train, a category (or a one-hot set) a
// 0/1 mark for each level but the most frequent. The scores are taken to be jointly normal; mean and covariance are
// those of greatest posterior density (EM over the rows of train as they are, incomplete), under a prior of as many
// pseudo-rows of independent scores as there are scores, which keeps few rows from overfitting and copies of a column
// from being singular. All conditional models of chained equations are in the one covariance, so that one draw of all
// missing scores of a row, given those that are there, is what the chain would converge to. A score that was drawn
// becomes the value of train of that rank; a level, or one of two numbers, is drawn with the conditional means of the
// marks as probabilities (below 0 taken as 0). Columns that are missing in the same rows of train and are alike (a first, a least and a
// last heart rate) take their values from one row of train, the nearest to what was drawn, so that what always
// holds between them goes on holding. So every imputed value is a value of train.
//
// Neither the target nor any other skipped column is read. The label of a test row is what a model is to find: values
// imputed from it would tell. The price is that associations with the label are weakened where values are missing.
//
// The draws of a row come from a hash of the seed and the row's identifier, or, without one, of its values that are
// there; rows that are alike in that are told apart by their order. So they do not depend on what else is in a part.
//
// Sources: R. J. A. Little, D. B. Rubin (2019), Statistical Analysis with Missing Data, 3rd ed., section 11.2 (EM of
// the normal model); J. L. Schafer (1997), Analysis of Incomplete Multivariate Data, section 5.2.3 (ridge prior); P. D.
// Hoff (2007), Ann. Appl. Stat. 1(1), 265–283, and Y. Zhao, M. Udell (2020), Proc. KDD, 636–646 (normal scores of
// mixed columns); S. van Buuren, K. Groothuis-Oudshoorn (2011), J. Stat. Softw. 45(3) (chained equations); R. J. A.
// Little (1988), J. Bus. Econ. Stat. 6(3), 287–296, and T. P. Morris, I. R. White, P. Royston (2014), BMC Med. Res.
// Methodol. 14, 75 (values of a donor that matches).
type Imputer struct {
	Seed      uint64      `json:"seed"`
	Row       string      `json:"row,omitempty"` // the column that identifies a row; "" when there is none
	Variables []Variable  `json:"variables"`     // from the most often missing to the least
	Blocks    []Block     `json:"blocks"`        // in the order of the variables
	Mean      []float64   `json:"mean"`          // of the scores, those of the variables one after the other
	Precision [][]float64 `json:"precision"`     // inverse of their covariance: rows of the lower triangle
}

// Variable is the margin of a column, or of a one-hot set, in train.
type Variable struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values,omitempty"` // a number: up to 1000 values, ascending, each for about as many rows
	Levels []string  `json:"levels,omitempty"` // a category: from the most frequent on; as frequent ones by bytes
	Rows   []int     `json:"rows"`             // of train that each value or level stands for
}

// Block is some numbers, next to each other in Imputer.Variables, that take missing values from one donor.
type Block struct {
	First  int         `json:"first"`  // index of the first variable
	Donors [][]float64 `json:"donors"` // the values of each variable, donor by donor
}

// maxMarks is how many levels of a category have a score of their own: the covariance grows with the square of them.
// The rarer ones share one score.
const maxMarks = 20

// scores is how many scores the variable has: none when it has but one value.
func (v *Variable) scores() int {
	if v.Levels != nil {
		return min(len(v.Levels)-1, maxMarks)
	}
	return min(len(v.Values)-1, 1)
}

// fitImputer fits the model on the prepared columns of train that have a value.
func fitImputer(ctx context.Context, train *frame.Frame, sets []Set, opt Options) (*Imputer, error) {
	columns, err := variables(train, sets)
	if err != nil {
		return nil, err
	}
	var candidates []candidate
	for _, c := range columns {
		if !empty(c) {
			candidates = append(candidates, newCandidate(c))
		}
	}
	candidates, sizes := arrange(candidates)
	im := &Imputer{Seed: opt.Seed, Row: opt.Row, Variables: []Variable{}, Blocks: []Block{}}
	for _, c := range candidates {
		im.Variables = append(im.Variables, c.variable)
	}
	at := 0
	for _, size := range sizes {
		if size > 1 {
			im.Blocks = append(im.Blocks, newBlock(at, candidates[at:at+size]))
		}
		at += size
	}
	var data [][]float64
	for _, c := range candidates {
		data = append(data, c.scores...)
	}
	im.Mean, im.Precision, err = fitNormal(ctx, data, opt.Threads)
	return im, err
}

// variables returns the columns of f with each set folded into one.
func variables(f *frame.Frame, sets []Set) ([]*frame.Column, error) {
	of, done := setOf(sets), map[string]bool{}
	var out []*frame.Column
	for _, c := range f.Columns() {
		set := of[c.Name]
		switch {
		case set == nil:
			out = append(out, c)
		case !done[set.Name]:
			done[set.Name] = true
			folded, err := set.fold(f)
			if err != nil {
				return nil, err
			}
			out = append(out, folded)
		}
	}
	return out, nil
}

// candidate is a variable on the way into the model.
type candidate struct {
	column   *frame.Column
	variable Variable
	scores   [][]float64 // of the rows of train; NaN where there is no value
	missing  int
	pattern  string // of missing rows
}

func newCandidate(c *frame.Column) candidate {
	out := candidate{column: c, variable: margin(c), missing: c.MissingCount()}
	out.scores = newScale(&out.variable).columns(c)
	pattern := make([]byte, (c.Len()+7)/8)
	for row := range c.Len() {
		if c.IsMissing(row) {
			pattern[row/8] |= 1 << (row % 8)
		}
	}
	out.pattern = string(pattern)
	return out
}

// Columns are alike when their scores correlate by alike or more; so many at most share a donor, as the more there
// are, the further is the nearest of the donors.
const (
	alike    = 0.5
	maxBlock = 6
	donors   = 1000
)

// arrange sorts candidates from the most often missing to the least, with those of a block next to each other, and
// returns the sizes of the blocks, 1 for a variable on its own.
func arrange(all []candidate) (sorted []candidate, sizes []int) {
	var blocks [][]candidate
	of := map[string][]int{} // blocks by pattern
	for _, c := range all {
		if !c.joins() {
			blocks = append(blocks, []candidate{c})
			continue
		}
		at := slices.IndexFunc(of[c.pattern], func(b int) bool {
			return len(blocks[b]) < maxBlock && math.Abs(correlation(c.scores[0], blocks[b][0].scores[0])) >= alike
		})
		if at >= 0 {
			b := of[c.pattern][at]
			blocks[b] = append(blocks[b], c)
			continue
		}
		of[c.pattern] = append(of[c.pattern], len(blocks))
		blocks = append(blocks, []candidate{c})
	}
	slices.SortStableFunc(blocks, func(a, b []candidate) int { return b[0].missing - a[0].missing })
	for _, b := range blocks {
		sorted = append(sorted, b...)
		sizes = append(sizes, len(b))
	}
	return sorted, sizes
}

// joins reports whether a candidate may share donors with others.
func (c *candidate) joins() bool {
	return c.column.Kind == frame.Number && c.missing > 0 && len(c.scores) > 0
}

// correlation of two columns of scores that miss the same rows, and are standardised.
func correlation(a, b []float64) float64 {
	sum, n := 0.0, 0
	for row, x := range a {
		if !math.IsNaN(x) {
			sum += x * b[row]
			n++
		}
	}
	return sum / float64(n)
}

// newBlock takes the values of rows of train, evenly spread over those that have them.
func newBlock(first int, members []candidate) Block {
	var rows []int
	for row := range members[0].column.Len() {
		if !members[0].column.IsMissing(row) {
			rows = append(rows, row)
		}
	}
	rows = spread(rows, donors)
	b := Block{First: first, Donors: make([][]float64, len(members))}
	for i, m := range members {
		b.Donors[i] = make([]float64, len(rows))
		for j, row := range rows {
			b.Donors[i][j] = m.column.Numbers[row] + 0 // −0 is 0
		}
	}
	return b
}

// spread returns most of the rows at most, evenly spread over them.
func spread(rows []int, most int) []int {
	if len(rows) <= most {
		return rows
	}
	out := make([]int, most)
	for i := range out {
		out[i] = rows[i*len(rows)/most]
	}
	return out
}

// check reports a model that does not hold together: it was stored, and may have been damaged.
func (im *Imputer) check() error {
	scores := 0
	for i := range im.Variables {
		v := &im.Variables[i]
		if len(v.Rows) == 0 || len(v.Rows) != len(v.Values)+len(v.Levels) {
			return fmt.Errorf("the imputation model: variable %q has %d values and %d levels, but rows of %d", v.Name, len(v.Values), len(v.Levels), len(v.Rows))
		}
		scores += v.scores()
	}
	if len(im.Mean) != scores || len(im.Precision) != scores {
		return fmt.Errorf("the imputation model has %d scores, but a mean of %d and a precision of %d", scores, len(im.Mean), len(im.Precision))
	}
	for i, row := range im.Precision {
		if len(row) != i+1 {
			return fmt.Errorf("the imputation model: row %d of the precision has %d entries, not %d", i+1, len(row), i+1)
		}
	}
	for _, b := range im.Blocks {
		if b.First < 0 || b.First+len(b.Donors) > len(im.Variables) || len(b.Donors) == 0 || len(b.Donors) > maxBlock || len(b.Donors[0]) == 0 {
			return fmt.Errorf("the imputation model: a block of %d variables from the %dth on does not fit %d", len(b.Donors), b.First+1, len(im.Variables))
		}
		for i, values := range b.Donors {
			if len(values) != len(b.Donors[0]) || im.Variables[b.First+i].scores() != 1 || im.Variables[b.First+i].Levels != nil {
				return fmt.Errorf("the imputation model: the donors of %q do not fit those beside it", im.Variables[b.First+i].Name)
			}
		}
	}
	return nil
}
