package importance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// sizes are the k for which the overlap of the first k columns is counted, those below the number of columns, and
// said those that the note tells of. They do not follow the ladder: what Rank returns would depend on it, and a further
// rung would rank anew.
var (
	sizes = []int{1, 2, 3, 5, 10, 15, 20, 30, 40, 60, 80}
	said  = []int{5, 10, 20, 40}
)

// repeat ranks the columns without each fold of train in turn, as cross-validation would, and adds the overlap to the
// counts and notes of out. Any two of these rankings share most of their rows: rankings of two other samples of patients
// would agree less.
func (f *Features) repeat(ctx context.Context, env plugins.Env, in plugins.Candidates, out *plugins.Ranking) error {
	unit := "rows"
	if in.Subject != nil {
		unit = "subjects"
	}
	y, err := labels(in.Train, in.Target)
	if err != nil {
		return err
	}
	folds := divide(in.Subject, y, f.config.Folds, env.Rand.For(plugins.ForResample, "importance", "folds"))
	rankings := make([][]plugins.RankedColumn, len(folds))
	for i, rows := range folds {
		rankings[i], err = f.rank(ctx, in.Train.Take(others(rows, in.Train.Rows())), in.Target, env.Threads, func() *rand.Rand {
			return env.Rand.For(plugins.ForModel, "importance", "fold", strconv.Itoa(i+1))
		})
		switch {
		case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
			return err
		case err != nil:
			out.Notes = append(out.Notes, fmt.Sprintf("no overlap of the ranking across folds of train: without fold %d of %d, by %s: %v", i+1, len(folds), unit, err))
			return nil
		}
	}
	var texts []string
	for _, k := range sizes {
		if k >= len(out.Columns) {
			break
		}
		o := overlapOf(rankings, k)
		if slices.Contains(said, k) || len(out.Columns) <= said[0] {
			texts = append(texts, fmt.Sprintf("k = %d: %s", k, o))
		}
		out.Counts = append(out.Counts, plugins.Count{
			Name: "columns among the first k whatever fold is left out", Dims: map[string]string{"k": strconv.Itoa(k)}, Value: o.inAll,
		})
	}
	out.Notes = append(out.Notes, fmt.Sprintf("overlap of the first k columns when each of %d folds of train, by %s, is left out in turn (mean Jaccard index of pairs; chance-corrected): %s",
		len(folds), unit, strings.Join(texts, "; ")))
	return nil
}

// others returns the rows, of n, that are not among the given ascending ones.
func others(rows []int, n int) []int {
	out := make([]int, 0, n-len(rows))
	for row := range n {
		if len(rows) > 0 && rows[0] == row {
			rows = rows[1:]
			continue
		}
		out = append(out, row)
	}
	return out
}

// divide returns the rows of each fold, ascending. Rows of one subject are in one fold; subjects with and without a
// row of class 1 are shuffled and dealt apart. A row without a subject is a subject of its own.
func divide(subject *frame.Column, y []float64, folds int, r *rand.Rand) [][]int {
	unit, units := unitsOf(subject, len(y))
	positive := make([]bool, units)
	for row, u := range unit {
		positive[u] = positive[u] || y[row] == 1
	}
	foldOf, next := make([]int, units), 0
	for _, class := range []bool{true, false} {
		var stratum []int
		for u, p := range positive {
			if p == class {
				stratum = append(stratum, u)
			}
		}
		r.Shuffle(len(stratum), func(i, j int) { stratum[i], stratum[j] = stratum[j], stratum[i] })
		for _, u := range stratum {
			foldOf[u] = next % folds
			next++
		}
	}
	out := make([][]int, folds)
	for row, u := range unit {
		out[foldOf[u]] = append(out[foldOf[u]], row)
	}
	return out
}

// unitsOf numbers the subjects of rows, sorted, and after them the rows without one.
func unitsOf(subject *frame.Column, rows int) (unit []int, units int) {
	unit = make([]int, rows)
	var distinct []float64
	switch {
	case subject == nil:
	case subject.Kind == frame.Category:
		units = len(subject.Levels)
	default:
		for row, v := range subject.Numbers {
			if !subject.IsMissing(row) {
				distinct = append(distinct, v)
			}
		}
		slices.Sort(distinct)
		distinct = slices.Compact(distinct)
		units = len(distinct)
	}
	for row := range unit {
		switch {
		case subject == nil || subject.IsMissing(row):
			unit[row] = units
			units++
		case subject.Kind == frame.Category:
			unit[row] = int(subject.Codes[row])
		default:
			unit[row], _ = slices.BinarySearch(distinct, subject.Numbers[row])
		}
	}
	return unit, units
}

// overlap says how far subsets agree.
type overlap struct {
	inAll   int     // columns that are in every subset
	jaccard float64 // mean over pairs of |A∩B|/|A∪B|, in [0,1]; two empty ones agree
	// stability is 1 when the subsets are one and the same, and 0 on average when each is drawn at random.
	// It is not defined when every column, or none, is in every subset.
	stability float64
	defined   bool
}

// String gives both indices with two decimals.
func (o overlap) String() string {
	corrected := "not defined"
	if o.defined {
		corrected = strconv.FormatFloat(o.stability, 'f', 2, 64)
	}
	return strconv.FormatFloat(o.jaccard, 'f', 2, 64) + ", " + corrected
}

// overlapOf compares the first k columns of rankings of the same columns. A column without importance is in no subset:
// its place says nothing but its place in the table.
//
// Source: S. Nogueira, K. Sechidis, G. Brown (2018), On the stability of feature selection algorithms, JMLR 18(174),
// definition 4; for subsets of equal size it is the mean over pairs of the index of L. I. Kuncheva (2007), A stability
// index for feature selection, IASTED AIA, 390-395.
func overlapOf(rankings [][]plugins.RankedColumn, k int) overlap {
	place := map[string]int{}
	for i, c := range rankings[0] {
		place[c.Name] = i
	}
	columns := len(place)
	in := make([][]bool, len(rankings))
	held, total := make([]int, columns), 0 // subsets that a column is in; sum of their sizes
	for i, ranking := range rankings {
		in[i] = make([]bool, columns)
		for _, c := range ranking[:min(k, len(ranking))] {
			if c.Importance > 0 {
				in[i][place[c.Name]] = true
				held[place[c.Name]]++
				total++
			}
		}
	}
	o := overlap{jaccard: meanJaccard(in)}
	subsets, variance := float64(len(rankings)), 0.0
	for _, n := range held {
		if n == len(rankings) {
			o.inAll++
		}
		share := float64(n) / subsets
		variance += subsets / (subsets - 1) * share * (1 - share) / float64(columns)
	}
	mean := float64(total) / subsets / float64(columns)
	if o.defined = total > 0 && total < len(rankings)*columns; o.defined {
		o.stability = 1 - variance/(mean*(1-mean))
	}
	return o
}

// meanJaccard is the mean over pairs of subsets of the size of their intersection divided by that of their union.
func meanJaccard(in [][]bool) float64 {
	sum, pairs := 0.0, 0
	for i := range in {
		for j := range i {
			both, either := 0, 0
			for c := range in[i] {
				if in[i][c] && in[j][c] {
					both++
				}
				if in[i][c] || in[j][c] {
					either++
				}
			}
			if either == 0 {
				both, either = 1, 1
			}
			sum += float64(both) / float64(either)
			pairs++
		}
	}
	return sum / float64(pairs)
}
