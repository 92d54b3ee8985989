package stats

import (
	"errors"
	"math"
)

// Why a calibration line is undefined.
var (
	ErrSeparated = errors.New("the predicted probabilities part the classes without overlap, so that no finite line fits")
	ErrEqual     = errors.New("all predicted probabilities are equal")
)

// Line is a calibration line: the log-odds of an event are Intercept + Slope · logit(p). Perfect predictions have 0 and 1.
type Line struct{ Intercept, Slope float64 }

// logitClip is how close to 0 and 1 a probability comes before its logit is taken: ±13.8 at most.
const logitClip = 1e-6

func (s *Predictions) logits() []float64 {
	out := make([]float64, s.rows)
	for i, p := range s.p {
		p = min(max(p, logitClip), 1-logitClip)
		out[i] = math.Log(p / (1 - p))
	}
	return out
}

// ECE returns the expected calibration error over equal bins [b/bins, (b+1)/bins), the last closed: the mean over rows of
// |share of events - mean probability| of the row's bin. It lies in [0,1]; lower is better.
//
// Source: M. P. Naeini, G. F. Cooper, M. Hauskrecht (2015), Proc. AAAI, 2901–2907.
func (s *Predictions) ECE(bins int) float64 { return s.ece(nil, bins) }

func (s *Predictions) ece(drawn []int32, bins int) float64 {
	excess := make([]float64, bins) // events less probabilities
	var n int64
	for i, p := range s.p {
		w := weight(drawn, i)
		n += w
		if s.label[i] {
			p -= 1
		}
		excess[Bin(s.p[i], bins)] -= float64(w) * p
	}
	sum := 0.0
	for _, e := range excess {
		sum += math.Abs(e)
	}
	return min(sum/float64(n), 1)
}

// Bin is the bin of a probability: b for [b/bins, (b+1)/bins), the last closed.
func Bin(p float64, bins int) int { return min(bins-1, int(p*float64(bins))) }

// Calibration fits the calibration line: the logistic regression, without a penalty, of the labels on the logit of the
// probabilities, which are first kept within [1e-6, 1-1e-6].
//
// It returns ErrOneClass when a class is absent, ErrEqual when all probabilities are, and ErrSeparated when the ranking of
// the rows parts the classes: then no finite line has the greatest likelihood.
//
// Source: D. R. Cox (1958), Biometrika 45(3/4), 562–565; existence: A. Albert, J. A. Anderson (1984), Biometrika 71(1), 1–10.
func (s *Predictions) Calibration() (Line, error) {
	logits := s.logits()
	mean, sd, err := s.overlap(nil, logits)
	if err != nil {
		return Line{}, err
	}
	f := s.lineFit(logits, mean, sd)
	return f.line(f.least(Line{Intercept: mean, Slope: sd}, nil, newtonEnd)), nil
}

// lineFit is rows that a line is fitted to. The regressor z is the logits in units of their SD about their mean: the two
// coefficients are then of one size and nearly independent.
type lineFit struct {
	*Predictions
	drawn    []int32
	z        []float64
	mean, sd float64 // of the logits
	reach    float64 // greatest |z|
}

func (s *Predictions) lineFit(logits []float64, mean, sd float64) lineFit {
	f := lineFit{Predictions: s, z: make([]float64, s.rows), mean: mean, sd: sd}
	for i, x := range logits {
		f.z[i] = (x - mean) / sd
		f.reach = max(f.reach, math.Abs(f.z[i]))
	}
	return f
}

// line turns a line in z into one in the logits.
func (f *lineFit) line(at Line) Line {
	slope := at.Slope / f.sd
	return Line{Intercept: at.Intercept - slope*f.mean, Slope: slope}
}

// least returns the line in z of least log-loss, from a start whose fitted probabilities may be known, to a squared Newton
// decrement of end.
func (f *lineFit) least(at Line, known []float64, end float64) Line {
	for range newtonSteps {
		step, decrement := f.newton(at, known)
		known = nil
		at = f.move(at, step)
		if decrement <= end {
			break
		}
	}
	return at
}

// fitted returns the probabilities of the rows by a line in z.
func (f *lineFit) fitted(at Line) []float64 {
	out := make([]float64, f.rows)
	for i, x := range f.z {
		out[i] = logistic(at.Intercept + at.Slope*x)
	}
	return out
}

const (
	newtonSteps = 200
	// newtonEnd bounds the squared Newton decrement of the mean log-loss, twice what a step is expected to take off it. As the
	// error after a step goes with the square of that before, coefficients are right to about twelve digits.
	newtonEnd = 1e-12
	// drawnEnd bounds the last step on a resample, in squared standard errors: 0.03 of one, which leaves an error of about 0.001.
	// The ends of an interval from 1,000 resamples are right to about 0.06.
	drawnEnd = 1e-3
	// newtonSure is by how much a step may change the log-odds of any row without being controlled: curvatures then change by a
	// factor of e at most, and Newton's method converges.
	newtonSure = 0.5
	// newtonReach is how far a step may move the log-odds of a row one SD from the mean: from a start where all probabilities are
	// close to 0 or 1 the curvature says next to nothing, and a whole step would lead to another such place.
	newtonReach = 4
	// shiftEnd is how small the last step of a shift is: the error goes with the square of it.
	shiftEnd = 1e-7
)

// overlap returns mean and SD of the logits of rows whose classes they do not part.
func (s *Predictions) overlap(drawn []int32, logits []float64) (mean, sd float64, err error) {
	var n, events int64
	lowest, highest := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)} // by class
	for i, x := range logits {
		w := weight(drawn, i)
		if w == 0 {
			continue
		}
		class := 0
		if s.label[i] {
			class = 1
			events += w
		}
		n += w
		mean += float64(w) * x
		lowest[class], highest[class] = min(lowest[class], x), max(highest[class], x)
	}
	mean /= float64(n)
	switch {
	case events == 0 || events == n:
		return 0, 0, ErrOneClass
	case min(lowest[0], lowest[1]) == max(highest[0], highest[1]):
		return 0, 0, ErrEqual
	case highest[0] <= lowest[1] || highest[1] <= lowest[0]:
		return 0, 0, ErrSeparated
	}
	squares := 0.0
	for i, x := range logits {
		squares += float64(weight(drawn, i)) * (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(squares / float64(n)), nil
}

// newton returns the step to the minimum of the quadratic approximation of the mean log-loss at a line in z, no longer than
// newtonReach, and the squared Newton decrement, infinite where there is no curvature to speak of. known are the fitted
// probabilities of that line; nil has them worked out.
func (f *lineFit) newton(at Line, known []float64) (Line, float64) {
	var n, g0, g1, h00, h01, h11 float64
	for i, x := range f.z {
		w := float64(weight(f.drawn, i))
		var p float64
		if known != nil {
			p = known[i]
		} else {
			if w == 0 {
				continue // worth it for the exponential alone
			}
			p = logistic(at.Intercept + at.Slope*x)
		}
		v := w * p * (1 - p)
		if f.label[i] {
			p--
		}
		n += w
		g0 += w * p
		g1 += w * p * x
		h00 += v
		h01 += v * x
		h11 += v * x * x
	}
	det := h00*h11 - h01*h01
	step, decrement := Line{Intercept: -g0, Slope: -g1}, math.Inf(1) // downhill
	if det > 1e-14*h00*h11 {
		step = Line{Intercept: (h01*g1 - h11*g0) / det, Slope: (h01*g0 - h00*g1) / det}
		decrement = max(0, -(step.Intercept*g0+step.Slope*g1)/n)
	}
	if length := math.Abs(step.Intercept) + math.Abs(step.Slope); length > newtonReach {
		step = Line{step.Intercept / length * newtonReach, step.Slope / length * newtonReach}
		decrement = math.Inf(1)
	}
	return step, decrement
}

// move takes a step, or a part of it that makes the log-loss smaller.
func (f *lineFit) move(at, step Line) Line {
	next := Line{at.Intercept + step.Intercept, at.Slope + step.Slope}
	if math.Abs(step.Intercept)+math.Abs(step.Slope)*f.reach <= newtonSure {
		return next
	}
	deviance := f.deviance(at)
	for scale := 0.5; !(f.deviance(next) < deviance) && scale > 1e-10; scale /= 2 {
		next = Line{at.Intercept + scale*step.Intercept, at.Slope + scale*step.Slope}
	}
	return next
}

func (f *lineFit) deviance(at Line) float64 {
	sum := 0.0
	for i, x := range f.z {
		w := float64(weight(f.drawn, i))
		if w == 0 {
			continue
		}
		linear := at.Intercept + at.Slope*x
		if f.label[i] {
			linear = -linear
		}
		sum += w * (max(linear, 0) + math.Log1p(math.Exp(-math.Abs(linear))))
	}
	return sum
}

func logistic(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z) // the other form would overflow
	return e / (1 + e)
}

// CalibrationInTheLarge returns the intercept of the unpenalised logistic regression of the labels with the logit of the
// probabilities, kept within [1e-6, 1-1e-6], as offset: what has to be added to the log-odds so that their mean
// probability is the share of events. 0 is ideal; above it, risks are predicted too low. ErrOneClass when a class is absent.
//
// Source: B. Van Calster et al. (2019), BMC Medicine 17, 230.
func (s *Predictions) CalibrationInTheLarge() (float64, error) {
	logits := s.logits()
	return s.inTheLarge(nil, logits, 0, nil, 0)
}

// inTheLarge finds the shift from a start whose probabilities may be known, to a last step of end squared standard errors, or of
// shiftEnd.
func (s *Predictions) inTheLarge(drawn []int32, logits []float64, start float64, known []float64, end float64) (float64, error) {
	var n, events int64
	for i := range logits {
		w := weight(drawn, i)
		n += w
		if s.label[i] {
			events += w
		}
	}
	if events == 0 || events == n {
		return 0, ErrOneClass
	}
	// the solution lies where the least and the greatest logit would be moved to the share of events
	odds := math.Log(float64(events) / float64(n-events))
	low, high := odds-logits[0]-1, odds-logits[len(logits)-1]+1 // logits fall
	at := start
	if !(at > low && at < high) {
		at, known = min(max(start, low), high), nil
	}
	for range newtonSteps {
		excess, slope := s.excess(drawn, logits, at, known)
		known = nil
		if excess -= float64(events); excess > 0 {
			high = at
		} else {
			low = at
		}
		step := excess / slope
		if math.Abs(step) <= shiftEnd || step*step*slope <= end {
			return at - step, nil
		}
		next := at - step
		if !(next > low && next < high) { // Newton leaves the bracket, or its slope vanishes
			next = low + (high-low)/2
		}
		at = next
	}
	return at, nil
}

// excess returns how many events are predicted with the logits shifted, and the slope of that number.
func (s *Predictions) excess(drawn []int32, logits []float64, shift float64, known []float64) (sum, slope float64) {
	for i, x := range logits {
		w := float64(weight(drawn, i))
		var p float64
		if known != nil {
			p = known[i]
		} else {
			if w == 0 {
				continue // worth it for the exponential alone
			}
			p = logistic(x + shift)
		}
		sum += w * p
		slope += w * p * (1 - p)
	}
	return sum, slope
}

// recalibration fits the calibration line and the shift in the large on resamples of rows, from those of the rows themselves: what
// the first step needs is worked out once for all.
type recalibration struct {
	*Predictions
	logits []float64

	fit     lineFit
	least   Line
	fitted  []float64 // probabilities by the line of the rows themselves
	lineErr error

	moved    float64
	shifted  []float64 // and by their shift
	shiftErr error
}

func (s *Predictions) recalibration(logits []float64) *recalibration {
	r := &recalibration{Predictions: s, logits: logits}
	mean, sd, err := s.overlap(nil, logits)
	if r.lineErr = err; err == nil {
		r.fit = s.lineFit(logits, mean, sd)
		r.least = r.fit.least(Line{Intercept: mean, Slope: sd}, nil, newtonEnd)
		r.fitted = r.fit.fitted(r.least)
	}
	if r.moved, r.shiftErr = s.inTheLarge(nil, logits, 0, nil, 0); r.shiftErr == nil {
		r.shifted = make([]float64, s.rows)
		for i, x := range logits {
			r.shifted[i] = logistic(x + r.moved)
		}
	}
	return r
}

// line returns the calibration line of a resample.
func (r *recalibration) line(drawn []int32) (Line, error) {
	if r.lineErr != nil {
		return Line{}, r.lineErr
	}
	if _, _, err := r.overlap(drawn, r.logits); err != nil {
		return Line{}, err
	}
	f := r.fit
	f.drawn = drawn
	return f.line(f.least(r.least, r.fitted, drawnEnd/float64(r.rows))), nil
}

// shift returns the calibration in the large of a resample.
func (r *recalibration) shift(drawn []int32) (float64, error) {
	if r.shiftErr != nil {
		return 0, r.shiftErr
	}
	return r.inTheLarge(drawn, r.logits, r.moved, r.shifted, drawnEnd)
}
