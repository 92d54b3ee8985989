package prepare

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Transform is a strictly increasing function of the numbers of a column, fitted on train.
//
// It holds from Low to High: one range of train beyond its least and greatest value, or, where the formula ends before
// that, to where it ends ("sqrt") or half way there, as it has no number at the end itself ("log", "log1p"). So it is
// not confined to what train happens to hold, and a model that strays in the model space still gets numbers of the
// right order. Values outside are pulled in to the nearer end, by Encode and, in the image of the range, by Decode.
type Transform struct {
	Column  string    `json:"column"`
	Kind    string    `json:"kind"` // Log, Log1p, Sqrt, YeoJohnson or NormalScore
	Integer bool      `json:"integer,omitempty"`
	Unit    string    `json:"unit,omitempty"` // in the natural space; in the model space it is "KIND(UNIT)"
	Low     float64   `json:"low"`
	High    float64   `json:"high"`
	Lambda  *float64  `json:"lambda,omitempty"` // YeoJohnson only
	Values  []float64 `json:"values,omitempty"` // NormalScore only: some values of train, ascending …
	Scores  []float64 `json:"scores,omitempty"` // … and their normal scores; lines between them
	Digits  int       `json:"digits,omitempty"` // decoded numbers have so many significant digits at most; 0: as many as there are
	Exact   []float64 `json:"exact,omitempty"`  // values put in by preparation: what is decoded to within 1e-9 of one is that value
}

// puts returns the values that preparation puts in place of others: they are no decimals of the data.
func (how *Column) puts() []float64 {
	var out []float64
	if how.FillNumber != nil {
		out = append(out, *how.FillNumber)
	}
	if how.Winsor != nil {
		out = append(out, how.Winsor.Low, how.Winsor.High)
	}
	return out
}

// fitTransform fits a transform on a prepared column of train, and makes sure that it can be undone. exact are values
// that are to come back exactly, besides decimals.
func fitTransform(c *frame.Column, kind string, exact []float64) (*Transform, error) {
	if c.Kind != frame.Number {
		return nil, mistaken(c, kind)
	}
	values := present(c.Numbers)
	if len(values) == 0 {
		return nil, fmt.Errorf("transform %q: column %q has no value in train", kind, c.Name)
	}
	if err := inDomain(c.Name, kind, values); err != nil {
		return nil, err
	}
	t := &Transform{Column: c.Name, Kind: kind, Integer: c.Integer, Unit: c.Unit, Exact: exact}
	switch kind {
	case YeoJohnson:
		lambda := yeoJohnsonLambda(values)
		t.Lambda = &lambda
	case NormalScore:
		t.Values, t.Scores = normalScores(values)
	}
	t.setLimits(values[0], values[len(values)-1])
	if !t.undoes(values) {
		return nil, fmt.Errorf("transform %q: column %q holds numbers too large, too small or too close to each other to be turned back from it", kind, c.Name)
	}
	t.setDigits(values)
	return t, nil
}

// start is where the formula of a transform begins: it holds above, for Sqrt also at it.
func start(kind string) float64 {
	switch kind {
	case Log, Sqrt:
		return 0
	case Log1p:
		return -1
	}
	return math.Inf(-1)
}

// inDomain reports values of train that the formula has no number for.
func inDomain(column, kind string, sorted []float64) error {
	outside := 0
	for _, v := range sorted {
		if v < start(kind) || v == start(kind) && kind != Sqrt {
			outside++
		}
	}
	if outside == 0 {
		return nil
	}
	wants := map[string]string{Log: "above 0", Log1p: "above -1", Sqrt: "0 or more"}[kind]
	return fmt.Errorf(`transform %q: column %q has %d values in train that are not %s; "yeo-johnson" and "normal-score" take any number`,
		kind, column, outside, wants)
}

// setLimits sets Low and High from the range of train.
func (t *Transform) setLimits(least, most float64) {
	beyond := most - least
	t.Low, t.High = least-beyond, most+beyond
	switch end := start(t.Kind); {
	case t.Low > end:
	case t.Kind == Sqrt:
		t.Low = end
	default:
		t.Low = middle(least, end)
	}
	if t.Integer {
		t.Low, t.High = math.Ceil(t.Low), math.Floor(t.High)
	}
	// at the ends of what numbers can hold the range of train itself must do
	if y := t.forward(t.Low); math.IsInf(t.Low, 0) || math.IsInf(y, 0) || math.IsNaN(y) {
		t.Low = least
	}
	if y := t.forward(t.High); math.IsInf(t.High, 0) || math.IsInf(y, 0) || math.IsNaN(y) {
		t.High = most
	}
	t.Low, t.High = t.Low+0, t.High+0 // −0 is 0
}

// undoes reports whether values of train come back as Space promises.
func (t *Transform) undoes(sorted []float64) bool {
	scale := 0.0
	if t.Kind == NormalScore {
		scale = sorted[len(sorted)-1] - sorted[0]
	}
	for i, x := range sorted {
		y := t.forward(x)
		if i > 0 && x > sorted[i-1] && !(y > t.forward(sorted[i-1])) {
			return false
		}
		switch back := t.back(y); {
		case t.Integer && back != x:
			return false
		case !(math.Abs(back-x) <= 1e-9*max(math.Abs(x), scale)):
			return false
		}
	}
	return true
}

// Numbers are rounded to between leastDigits and mostDigits digits: every decimal of 15 digits is told apart by a
// float64, and with fewer than 6 rounding would be coarser than the data are.
const leastDigits, mostDigits = 6, 15

// setDigits finds the most digits to which all values of train come back exactly. Data are mostly short decimals: so
// a row that a strategy copied is found to be a copy, and not the same but for rounding.
func (t *Transform) setDigits(sorted []float64) {
	if t.Integer {
		return
	}
	for digits := mostDigits; digits >= leastDigits; digits-- {
		t.Digits = digits
		if !slices.ContainsFunc(sorted, func(x float64) bool { return t.back(t.forward(x)) != x }) {
			return
		}
	}
	t.Digits = 0
}

// rounded returns the number of so many significant digits that is nearest to x.
func rounded(x float64, digits int) float64 {
	var space [32]byte
	out, err := strconv.ParseFloat(string(strconv.AppendFloat(space[:0], x, 'e', digits-1, 64)), 64)
	if err != nil { // beyond the greatest number
		return x
	}
	return out
}

// encode transforms a column, and counts the values outside the limits.
func (t *Transform) encode(c *frame.Column) (*frame.Column, int, error) {
	if c.Kind != frame.Number {
		return nil, 0, mistaken(c, t.Kind)
	}
	outside := 0
	out := make([]float64, len(c.Numbers))
	for row, x := range c.Numbers {
		if x < t.Low || x > t.High {
			outside++
		}
		out[row] = t.forward(min(max(x, t.Low), t.High)) // min and max pass on NaN
	}
	done := frame.NewNumber(c.Name, out)
	if t.Unit != "" {
		done.Unit = t.Kind + "(" + t.Unit + ")"
	}
	return done, outside, nil
}

// decode turns a column back, and counts the values outside the image of the limits.
func (t *Transform) decode(c *frame.Column) (*frame.Column, int, error) {
	if c.Kind != frame.Number {
		return nil, 0, mistaken(c, t.Kind)
	}
	low, high := t.forward(t.Low), t.forward(t.High)
	outside := 0
	out := make([]float64, len(c.Numbers))
	for row, y := range c.Numbers {
		if y < low || y > high {
			outside++
		}
		out[row] = t.back(min(max(y, low), high))
	}
	return &frame.Column{Name: c.Name, Kind: frame.Number, Integer: t.Integer, Unit: t.Unit, Numbers: out}, outside, nil
}

// back is the number that Decode gives for y, which lies in the image of the limits.
func (t *Transform) back(y float64) float64 {
	x := t.inverse(y)
	at := slices.IndexFunc(t.Exact, func(v float64) bool { return math.Abs(x-v) <= 1e-9*math.Abs(v) })
	switch {
	case at >= 0:
		return t.Exact[at]
	case t.Integer:
		x = math.RoundToEven(x)
	case t.Digits > 0:
		x = rounded(x, t.Digits)
	}
	return min(max(x, t.Low), t.High) + 0 // −0 is 0
}

func (t *Transform) forward(x float64) float64 {
	switch t.Kind {
	case Log:
		return math.Log(x)
	case Log1p:
		return math.Log1p(x)
	case Sqrt:
		return math.Sqrt(x)
	case YeoJohnson:
		return yeoJohnson(x, *t.Lambda)
	default:
		return along(t.Values, t.Scores, x)
	}
}

func (t *Transform) inverse(y float64) float64 {
	switch t.Kind {
	case Log:
		return math.Exp(y)
	case Log1p:
		return math.Expm1(y)
	case Sqrt:
		return y * y
	case YeoJohnson:
		return inverseYeoJohnson(y, *t.Lambda)
	default:
		return along(t.Scores, t.Values, y)
	}
}
