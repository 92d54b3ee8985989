package stats

import (
	"context"
	"math"
)

// Confusion counts rows by label and decision.
type Confusion struct {
	TruePositive, FalsePositive, TrueNegative, FalseNegative int64
}

// At counts the rows when those with a probability of at least threshold are called positive.
func (s *Predictions) At(threshold float64) Confusion {
	calls := make([]bool, s.rows)
	for i, p := range s.p {
		calls[i] = p >= threshold
	}
	return s.confusion(nil, calls)
}

// confusion takes the calls in ranked order.
func (s *Predictions) confusion(drawn []int32, calls []bool) (c Confusion) {
	for i, called := range calls {
		w := weight(drawn, i)
		switch {
		case called && s.label[i]:
			c.TruePositive += w
		case called:
			c.FalsePositive += w
		case s.label[i]:
			c.FalseNegative += w
		default:
			c.TrueNegative += w
		}
	}
	return c
}

// share is part/whole, and 0 where both are 0, as in scikit-learn.
func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Precision is the share of events among the rows called positive, in [0,1]; 0 when none is.
func (c Confusion) Precision() float64 { return share(c.TruePositive, c.TruePositive+c.FalsePositive) }

// Recall is the share of the events that are called positive, in [0,1]; 0 without events. Also named sensitivity.
func (c Confusion) Recall() float64 { return share(c.TruePositive, c.TruePositive+c.FalseNegative) }

// Specificity is the share of the other rows that are not called positive, in [0,1]; 0 without such rows.
func (c Confusion) Specificity() float64 {
	return share(c.TrueNegative, c.TrueNegative+c.FalsePositive)
}

// F1 is the harmonic mean of precision and recall, 2·TP/(2·TP+FP+FN), in [0,1]; 0 when neither an event nor a call is there.
//
// Source: C. J. van Rijsbergen (1979), Information Retrieval, 2nd ed., chapter 7.
func (c Confusion) F1() float64 {
	return share(2*c.TruePositive, 2*c.TruePositive+c.FalsePositive+c.FalseNegative)
}

// BalancedAccuracy is the mean of recall and specificity, in [0,1]. A class without rows is left out of the mean, as in
// scikit-learn; without any row it is 0.
//
// Source: K. H. Brodersen, C. S. Ong, K. E. Stephan, J. M. Buhmann (2010), Proc. ICPR, 3121–3124.
func (c Confusion) BalancedAccuracy() float64 {
	switch {
	case c.TruePositive+c.FalseNegative == 0:
		return c.Specificity()
	case c.TrueNegative+c.FalsePositive == 0:
		return c.Recall()
	}
	return (c.Recall() + c.Specificity()) / 2
}

// MCC is Matthews' correlation of label and decision, in [-1,1]; 0 where one of them is constant.
//
// Source: B. W. Matthews (1975), Biochim. Biophys. Acta 405(2), 442–451.
func (c Confusion) MCC() float64 {
	tp, fp := float64(c.TruePositive), float64(c.FalsePositive)
	tn, fn := float64(c.TrueNegative), float64(c.FalseNegative)
	scale := math.Sqrt(tp+fp) * math.Sqrt(tp+fn) * math.Sqrt(tn+fp) * math.Sqrt(tn+fn)
	if scale == 0 {
		return 0
	}
	return min(max((tp*tn-fp*fn)/scale, -1), 1)
}

// Youden returns the predicted probability that as a threshold gives the greatest sum of recall and specificity, the
// highest of equal ones. It returns ErrOneClass when a class is absent.
//
// Source: W. J. Youden (1950), Cancer 3(1), 32–35.
func (s *Predictions) Youden() (float64, error) {
	events := int64(s.Events())
	others := int64(s.rows) - events
	if events == 0 || others == 0 {
		return 0, ErrOneClass
	}
	var found, alarms, most int64
	threshold, start := s.p[0], 0
	most = math.MinInt64
	for _, end := range s.end {
		for _, event := range s.label[start:end] {
			if event {
				found++
			} else {
				alarms++
			}
		}
		start = int(end)
		if gain := found*others - alarms*events; gain > most { // whole numbers: ties are exact
			most, threshold = gain, s.p[end-1]
		}
	}
	return threshold, nil
}

// PrevalenceMatched returns the predicted probability that as a threshold calls as many rows positive as there are events, or,
// with tied probabilities, the nearest number to it; the highest of equally near ones.
func (s *Predictions) PrevalenceMatched() float64 {
	events := int32(s.Events())
	best, distance := s.p[0], int32(math.MaxInt32)
	for _, end := range s.end {
		if d := max(end-events, events-end); d < distance {
			best, distance = s.p[end-1], d
		}
	}
	return best
}

// The quantities that Rate and Bootstrap measure, as indices into a Rating or the Draws. Those from DrawF1 on rate decisions:
// see DrawAt.
const (
	DrawAUROC = iota
	DrawAUPRC
	DrawBrier
	DrawLogLoss
	DrawECE // of ten bins
	DrawCalibrationIntercept
	DrawCalibrationSlope
	DrawCalibrationInTheLarge
	DrawF1
	DrawPrecision
	DrawRecall
	DrawSpecificity
	DrawBalancedAccuracy
	DrawMCC
	drawEnd
)

// DrawAt is the index of a quantity from DrawF1 on, for the k-th of the decisions, from 0.
func DrawAt(quantity, k int) int { return quantity + k*(drawEnd-DrawF1) }

const calibrationBins = 10

// Rating is the quantities of predictions by index. Reasons holds why one is undefined, and nil where it is defined.
type Rating struct {
	Values  []float64
	Reasons []error
}

// Rate measures all quantities. calls are decisions, each of them with a value for every row: whether it is called positive.
func (s *Predictions) Rate(calls ...[]bool) *Rating {
	r := &Rating{Values: make([]float64, DrawAt(DrawF1, len(calls))), Reasons: make([]error, DrawAt(DrawF1, len(calls)))}
	set := func(quantity int, value float64, err error) {
		if err != nil {
			value = 0
		}
		r.Values[quantity], r.Reasons[quantity] = value, err
	}
	auroc, err := s.AUROC()
	set(DrawAUROC, auroc, err)
	auprc, err := s.AUPRC()
	set(DrawAUPRC, auprc, err)
	set(DrawBrier, s.Brier(), nil)
	set(DrawLogLoss, s.LogLoss(), nil)
	set(DrawECE, s.ECE(calibrationBins), nil)
	line, err := s.Calibration()
	set(DrawCalibrationIntercept, line.Intercept, err)
	set(DrawCalibrationSlope, line.Slope, err)
	shift, err := s.CalibrationInTheLarge()
	set(DrawCalibrationInTheLarge, shift, err)
	s.decisions(nil, s.ranked(calls), r.Values)
	return r
}

// ranked returns decisions in ranked order.
func (s *Predictions) ranked(calls [][]bool) [][]bool {
	out := make([][]bool, len(calls))
	for k := range calls {
		out[k] = make([]bool, s.rows)
		for i, row := range s.order {
			out[k][i] = calls[k][row]
		}
	}
	return out
}

// decisions sets the quantities that rate decisions, which are in ranked order.
func (s *Predictions) decisions(drawn []int32, calls [][]bool, out []float64) {
	for k := range calls {
		c := s.confusion(drawn, calls[k])
		out[DrawAt(DrawF1, k)] = c.F1()
		out[DrawAt(DrawPrecision, k)] = c.Precision()
		out[DrawAt(DrawRecall, k)] = c.Recall()
		out[DrawAt(DrawSpecificity, k)] = c.Specificity()
		out[DrawAt(DrawBalancedAccuracy, k)] = c.BalancedAccuracy()
		out[DrawAt(DrawMCC, k)] = c.MCC()
	}
}

// Bootstrap measures on resamples of units what Rate measures on the rows. unit holds the unit of each row, from 0 to b.Units-1;
// nil makes every row a unit of its own. Resamples with one class are drawn again; the calibration line of a resample whose
// labels the predictions separate, and both quantities of all resamples when it is undefined on the rows themselves, is NaN. What
// calibration lines and shifts are short of the optimum is about a thousandth of their standard error.
//
// It returns ErrOneClass when the rows themselves have one class.
func (s *Predictions) Bootstrap(ctx context.Context, b Bootstrap, unit []int32, calls ...[]bool) (*Draws, error) {
	if _, err := s.AUROC(); err != nil {
		return nil, err
	}
	ranked := s.order // the unit of each ranked row
	if unit == nil {
		b.Units = s.rows
	} else {
		ranked = make([]int32, s.rows)
		for i, row := range s.order {
			ranked[i] = unit[row]
		}
	}
	decided := s.ranked(calls)
	squares, logs, logits := s.squares(), s.logs(), s.logits()
	calibration := s.recalibration(logits)
	orNaN := func(value float64, err error) float64 {
		if err != nil {
			return math.NaN()
		}
		return value
	}
	return b.Run(ctx, DrawAt(DrawF1, len(calls)), func(counts []int32, out []float64) bool {
		drawn := make([]int32, s.rows) // how often each ranked row was
		for i, u := range ranked {
			drawn[i] = counts[u]
		}
		var err error
		if out[DrawAUROC], err = s.auroc(drawn); err != nil {
			return false
		}
		if out[DrawAUPRC], err = s.auprc(drawn); err != nil {
			return false
		}
		out[DrawBrier] = s.mean(drawn, squares)
		out[DrawLogLoss] = s.mean(drawn, logs)
		out[DrawECE] = s.ece(drawn, calibrationBins)
		fitted, err := calibration.line(drawn)
		out[DrawCalibrationIntercept], out[DrawCalibrationSlope] = orNaN(fitted.Intercept, err), orNaN(fitted.Slope, err)
		moved, err := calibration.shift(drawn)
		out[DrawCalibrationInTheLarge] = orNaN(moved, err)
		s.decisions(drawn, decided, out)
		return true
	})
}
