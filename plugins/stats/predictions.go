package stats

import (
	"cmp"
	"math"
	"slices"
)

// Predictions are labels with the probabilities predicted for them, sorted once, so that each measure, and each
// bootstrap resample of it, is one pass.
type Predictions struct {
	order []int32   // rows by falling probability
	label []bool    // in that order
	p     []float64 // in that order
	end   []int32   // where each run of equal probabilities ends, in that order
	rows  int
}

// NewPredictions returns the predictions p, probabilities in [0,1], for labels y. Neither is kept.
//
// It returns ErrLengths when they differ in length and ErrNoRows when they are empty.
func NewPredictions(y []bool, p []float64) (*Predictions, error) {
	if len(y) != len(p) {
		return nil, ErrLengths
	}
	if len(y) == 0 {
		return nil, ErrNoRows
	}
	s := &Predictions{order: make([]int32, len(y)), label: make([]bool, len(y)), p: make([]float64, len(y)), rows: len(y)}
	for i := range s.order {
		s.order[i] = int32(i)
	}
	slices.SortFunc(s.order, func(a, b int32) int {
		if p[a] != p[b] {
			return cmp.Compare(p[b], p[a])
		}
		return cmp.Compare(a, b)
	})
	for i, row := range s.order {
		s.label[i], s.p[i] = y[row], p[row]
		if i > 0 && s.p[i] != s.p[i-1] {
			s.end = append(s.end, int32(i))
		}
	}
	s.end = append(s.end, int32(len(y)))
	return s, nil
}

// Rows is the number of rows; Events is how many of them are positive.
func (s *Predictions) Rows() int { return s.rows }

// Events is the number of positive rows.
func (s *Predictions) Events() int {
	n := 0
	for _, y := range s.label {
		if y {
			n++
		}
	}
	return n
}

// Ranked returns the row numbers by falling probability, ties in order of row, and the ends of the runs of
// equal probabilities in that order. Callers must not change them.
func (s *Predictions) Ranked() (rows, ends []int32) { return s.order, s.end }

// AUROC returns the area under the ROC curve, the share of (positive, negative) pairs that are ranked
// rightly, ties counting half (mid-rank Mann–Whitney statistic). It lies in [0,1]; ErrOneClass when a class is absent.
//
// Source: J. A. Hanley, B. J. McNeil (1982), Radiology 143(1), 29–36.
func (s *Predictions) AUROC() (float64, error) { return s.auroc(nil) }

// AUPRC returns Σ (Rₙ-Rₙ₋₁) Pₙ over the distinct probabilities taken as thresholds: average precision, a step
// function without interpolation. It lies in (0,1]; a random ranking reaches about the share of positives.
// It returns ErrOneClass when there is no positive; with positives only it is 1 whatever was predicted.
//
// Source: J. Davis, M. Goadrich (2006), Proc. ICML, 233–240, on why not to interpolate linearly.
func (s *Predictions) AUPRC() (float64, error) { return s.auprc(nil) }

// Brier returns the mean squared difference of probability and label, in [0,1]; lower is better.
//
// Source: G. W. Brier (1950), Mon. Weather Rev. 78(1), 1–3.
func (s *Predictions) Brier() float64 { return s.mean(nil, s.squares()) }

// clip is how close to 0 and 1 LogLoss lets a probability come, so that one certain and wrong prediction does not
// make the mean infinite.
const clip = 1e-15

// MaxLogLoss is the greatest value of LogLoss, about 34.54: every label negative and predicted as certain.
var MaxLogLoss = -math.Log(1 - within(1))

// within keeps a probability within [clip, 1 - clip].
func within(p float64) float64 { return min(max(p, clip), 1-clip) }

// LogLoss returns the mean of -ln of the probability given to the true label, in nats, with the predicted probability of a
// positive one kept within [1e-15, 1 - 1e-15], as in scikit-learn. It lies in (0, MaxLogLoss]; lower is better.
//
// Source: I. J. Good (1952), J. R. Stat. Soc. B 14(1), 107–114.
func (s *Predictions) LogLoss() float64 { return s.mean(nil, s.logs()) }

func (s *Predictions) squares() []float64 {
	out := make([]float64, s.rows)
	for i, p := range s.p {
		if s.label[i] {
			p = 1 - p
		}
		out[i] = p * p
	}
	return out
}

func (s *Predictions) logs() []float64 {
	out := make([]float64, s.rows)
	for i, p := range s.p {
		if p = within(p); !s.label[i] {
			p = 1 - p
		}
		out[i] = -math.Log(p)
	}
	return out
}

// weight is how often the i-th ranked row counts: drawn says how often each was drawn; nil counts every row once.
func weight(drawn []int32, i int) int64 {
	if drawn == nil {
		return 1
	}
	return int64(drawn[i])
}

func (s *Predictions) auroc(drawn []int32) (float64, error) {
	var positives, negatives, twice int64 // twice the pairs ranked rightly: whole numbers, so exact
	start := 0
	for _, end := range s.end {
		var pos, neg int64
		for i := start; i < int(end); i++ {
			if w := weight(drawn, i); s.label[i] {
				pos += w
			} else {
				neg += w
			}
		}
		twice += neg * (2*positives + pos)
		positives += pos
		negatives += neg
		start = int(end)
	}
	if positives == 0 || negatives == 0 {
		return 0, ErrOneClass
	}
	return float64(twice) / 2 / (float64(positives) * float64(negatives)), nil
}

func (s *Predictions) auprc(drawn []int32) (float64, error) {
	var positives, taken int64
	sum := 0.0
	start := 0
	for _, end := range s.end {
		var pos int64
		for i := start; i < int(end); i++ {
			w := weight(drawn, i)
			taken += w
			if s.label[i] {
				pos += w
			}
		}
		if pos > 0 {
			positives += pos
			sum += float64(pos) * (float64(positives) / float64(taken))
		}
		start = int(end)
	}
	if positives == 0 {
		return 0, ErrOneClass
	}
	return sum / float64(positives), nil
}

func (s *Predictions) mean(drawn []int32, values []float64) float64 {
	var n int64
	sum := 0.0
	for i, v := range values {
		w := weight(drawn, i)
		n += w
		sum += float64(w) * v
	}
	return sum / float64(n)
}
