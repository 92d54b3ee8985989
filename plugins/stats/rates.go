package stats

// Rates are what predictions, and decisions at a threshold, come to in one group of rows.
type Rates struct {
	Rows, Events           int64 // Events: rows with the label
	Selected, TruePositive int64 // rows called positive, and those of them with the label
	Brier                  float64
	AUROC                  float64
	AUROCErr               error // ErrOneClass, where AUROC has no value
}

// SelectionRate is the share of rows that are called positive.
func (r *Rates) SelectionRate() float64 { return float64(r.Selected) / float64(r.Rows) }

// TPR is the share of events that are called positive. It returns ErrOneClass without events.
func (r *Rates) TPR() (float64, error) {
	if r.Events == 0 {
		return 0, ErrOneClass
	}
	return float64(r.TruePositive) / float64(r.Events), nil
}

// FPR is the share of the other rows that are called positive. It returns ErrOneClass without such rows.
func (r *Rates) FPR() (float64, error) {
	if r.Events == r.Rows {
		return 0, ErrOneClass
	}
	return float64(r.Selected-r.TruePositive) / float64(r.Rows-r.Events), nil
}

// Rater measures the rates of the same rows again and again, on resamples of their units.
type Rater struct {
	predictions *Predictions
	ranked      []int32 // the unit of each ranked row
	called      []bool  // in ranked order
	squares     []float64
}

// Rater returns what measures the rates at a threshold: rows with a probability of at least that are called positive. unit holds the
// unit of each row; nil makes every row a unit of its own.
func (s *Predictions) Rater(threshold float64, unit []int32) *Rater {
	r := &Rater{predictions: s, ranked: make([]int32, s.rows), called: make([]bool, s.rows), squares: s.squares()}
	for i, row := range s.order {
		r.ranked[i] = row
		if unit != nil {
			r.ranked[i] = unit[row]
		}
		r.called[i] = s.p[i] >= threshold
	}
	return r
}

// Rates measures the rows, or with counts, which say how often each unit was drawn, a resample of them. ok is false for a resample
// without rows.
func (r *Rater) Rates(counts []int32) (out Rates, ok bool) {
	var drawn []int32 // how often each ranked row was
	if counts != nil {
		drawn = make([]int32, len(r.ranked))
		for i, unit := range r.ranked {
			drawn[i] = counts[unit]
		}
	}
	c := r.predictions.confusion(drawn, r.called)
	out = Rates{
		Events:   c.TruePositive + c.FalseNegative,
		Selected: c.TruePositive + c.FalsePositive, TruePositive: c.TruePositive,
	}
	out.Rows = out.Events + c.FalsePositive + c.TrueNegative
	if out.Rows == 0 {
		return out, false
	}
	out.AUROC, out.AUROCErr = r.predictions.auroc(drawn)
	out.Brier = r.predictions.mean(drawn, r.squares)
	return out, true
}
