package prepare

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var allTransforms = []string{Log, Log1p, Sqrt, YeoJohnson, NormalScore}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(b)) }

// transformed fits and encodes one column.
func transformed(t *testing.T, kind string, train, values []float64) (*Fitted, []float64, []plugins.Count) {
	t.Helper()
	c := frame.NewNumber("x", train)
	c.Unit = "mg/dL"
	p := fitted(t, frame.Must(c), Config{Transform: map[string]string{"x": kind}})
	model, counts := encode(t, p, frame.Must(frame.NewNumber("x", values)))
	return p, model.Column("x").Numbers, counts
}

func TestTransformsByHand(t *testing.T) {
	// normal scores of 1, 2, 2, 4: mid ranks 0.5, 2 and 3.5 of 4, so quantiles of 1/8, 1/2 and 7/8
	const q = 1.1503493803760079
	tests := []struct {
		kind          string
		train, values []float64
		want          []float64
	}{
		{Log, []float64{1, nan, math.E}, []float64{1, nan, math.E, 2}, []float64{0, nan, 1, math.Ln2}},
		{Log1p, []float64{0, 3}, []float64{0, 3, math.E - 1}, []float64{0, math.Log(4), 1}},
		{Sqrt, []float64{0, 9}, []float64{0, 4, 9}, []float64{0, 2, 3}},
		{NormalScore, []float64{4, 2, nan, 1, 2}, []float64{1, 2, 4, 3, nan, 7, 0}, []float64{-q, 0, q, q / 2, nan, q + 3*2*q/3, -q - 2*q/3}},
		{NormalScore, []float64{5, 5}, []float64{5}, []float64{0}},
		{YeoJohnson, []float64{5, 5}, []float64{5}, []float64{5}},
	}
	for _, tt := range tests {
		_, got, counts := transformed(t, tt.kind, tt.train, tt.values)
		for i := range got {
			if !near(got[i], tt.want[i], 1e-12) && !(math.IsNaN(got[i]) && math.IsNaN(tt.want[i])) {
				t.Errorf("%s of %v: %v, want %v", tt.kind, tt.values, got, tt.want)
				break
			}
		}
		if counts != nil {
			t.Errorf("%s: counts %v", tt.kind, counts)
		}
	}
}

// The reference is scipy.stats.yeojohnson of scipy 1.17.1, to what its optimiser finds.
func TestYeoJohnsonAgreesWithAReference(t *testing.T) {
	tests := []struct {
		values, first []float64
		lambda        float64
	}{
		{[]float64{0.2, 0.5, 0.9, 1.1, 1.4, 2.3, 3.8, 7.5, 12, 40}, []float64{0.17429455, 0.3671742, 0.54943585}, -0.49767280411714465},
		{[]float64{-30, -9, -4, -1.5, -0.5, -0.1, 0.3, 0.7, 1.1, 2}, []float64{-4.26184228, -2.65714844, -1.77767492}, 1.878433602901304},
		{[]float64{-3, -1, 0, 0, 1, 2, 2.5, 9}, []float64{-4.09865895, -1.15076039, 0}, 0.6429005782482546},
	}
	for _, tt := range tests {
		p, got, _ := transformed(t, YeoJohnson, tt.values, tt.values)
		if lambda := *p.Transforms[0].Lambda; !near(lambda, tt.lambda, 1e-6) {
			t.Errorf("lambda %v, want %v", lambda, tt.lambda)
		}
		for i, want := range tt.first {
			if !near(got[i], want, 1e-6) {
				t.Errorf("row %d: %v, want %v", i, got[i], want)
			}
		}
	}
}

func TestYeoJohnsonLimits(t *testing.T) {
	for _, lambda := range []float64{-2, -1e-12, 0, 1e-12, 0.5, 1, 2, 2 - 1e-12, 3.5} {
		for _, x := range []float64{-40, -1, -1e-9, 0, 1e-9, 0.3, 7, 500} {
			if back := inverseYeoJohnson(yeoJohnson(x, lambda), lambda); math.Abs(back-x) > 1e-9*math.Abs(x) {
				t.Errorf("lambda %v: %v comes back as %v", lambda, x, back)
			}
		}
		if lambda == 1 && yeoJohnson(-3, lambda) != -3 {
			t.Error("lambda 1 changes values")
		}
	}
	// normal after log1p: lambda is 0; normal as they are: 1
	rng := rand.New(rand.NewPCG(1, 2))
	skewed, straight := make([]float64, 5000), make([]float64, 5000)
	for i := range skewed {
		skewed[i], straight[i] = math.Expm1(math.Abs(3+0.5*rng.NormFloat64())), rng.NormFloat64()
	}
	for want, values := range map[float64][]float64{0: skewed, 1: straight} {
		if got := yeoJohnsonLambda(present(values)); math.Abs(got-want) > 0.1 {
			t.Errorf("lambda %v, want about %v", got, want)
		}
	}
}

func TestValuesOutsideTheRangeArePulledIn(t *testing.T) {
	tests := []struct {
		kind      string
		train     []float64
		low, high float64
	}{
		{Log, []float64{2, 6}, 1, 10},      // 2 - 4 is below where the formula ends: half way to 0
		{Log, []float64{20, 26}, 14, 32},   // one range beyond
		{Log1p, []float64{0, 6}, -0.5, 12}, // half way to -1
		{Sqrt, []float64{1, 6}, 0, 11},     // 0 has a root
		{NormalScore, []float64{1, 3, 4}, -2, 7},
		{YeoJohnson, []float64{1, 3, 4}, -2, 7},
	}
	for _, tt := range tests {
		outside := []float64{tt.low - 0.01, math.Inf(-1), tt.low, tt.high, tt.high + 0.01, math.MaxFloat64}
		p, got, counts := transformed(t, tt.kind, tt.train, outside)
		if p.Transforms[0].Low != tt.low || p.Transforms[0].High != tt.high {
			t.Errorf("%s of %v holds from %v to %v, want %v to %v", tt.kind, tt.train, p.Transforms[0].Low, p.Transforms[0].High, tt.low, tt.high)
		}
		if got[0] != got[2] || got[1] != got[2] || got[4] != got[3] || got[5] != got[3] || got[2] >= got[3] {
			t.Errorf("%s: %v", tt.kind, got)
		}
		if diff := cmp.Diff([]plugins.Count{of("values outside the range of the transform", "x", 4)}, counts); diff != "" {
			t.Errorf("%s: %s", tt.kind, diff)
		}
		strayed := []float64{got[2] - 1, -1e300, got[2], got[3], got[3] + 1, 1e300, nan}
		back, counts := decode(t, p, frame.Must(frame.NewNumber("x", strayed)))
		want := []float64{tt.low, tt.low, tt.low, tt.high, tt.high, tt.high, nan}
		for i, x := range back.Column("x").Numbers {
			if !near(x, want[i], 1e-12) && i < 6 || math.IsNaN(x) != (i == 6) {
				t.Errorf("%s: decoded %v, want %v", tt.kind, back.Column("x").Numbers, want)
				break
			}
		}
		if diff := cmp.Diff([]plugins.Count{of("generated values outside the range of the transform", "x", 4)}, counts); diff != "" {
			t.Errorf("%s: %s", tt.kind, diff)
		}
	}
}

func TestUnitsAndWholeNumbers(t *testing.T) {
	f := frame.Must(whole("age", 18, 40, nan, 89))
	p := fitted(t, f, Config{Transform: map[string]string{"age": Log}})
	model, _ := encode(t, p, f)
	if c := model.Column("age"); c.Integer || c.Unit != "log(years)" {
		t.Errorf("integer %v, unit %q", c.Integer, c.Unit)
	}
	out, _ := decode(t, p, frame.Must(frame.NewNumber("age", []float64{math.Log(33.4), math.Log(18)})))
	if diff := equalFrames(frame.Must(whole("age", 33, 18)), out); diff != "" {
		t.Error(diff)
	}
	// one range beyond 1 … 3, half way to 0, within which 1 is the least whole number
	p = fitted(t, frame.Must(whole("age", 1, 3)), Config{Transform: map[string]string{"age": Log}})
	if p.Transforms[0].Low != 1 || p.Transforms[0].High != 5 {
		t.Errorf("limits %v to %v", p.Transforms[0].Low, p.Transforms[0].High)
	}
}

// Decimals come back exactly, so that a copy of a row of train stays one.
func TestDecimalsComeBackExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, kind := range allTransforms {
		values := make([]float64, 3000)
		for i := range values {
			values[i] = math.Round(1000*math.Exp(rng.NormFloat64())+1) / 1000
		}
		f := frame.Must(frame.NewNumber("x", values))
		p := fitted(t, f, Config{Transform: map[string]string{"x": kind}})
		model, _ := encode(t, p, f)
		if back, _ := decode(t, p, model); !slices.Equal(back.Column("x").Numbers, values) {
			t.Errorf("%s: decimals do not come back, with %d digits", kind, p.Transforms[0].Digits)
		}
	}
}

func TestTransformsKeepOrderAndComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 300 {
		kind := allTransforms[i%len(allTransforms)]
		values := make([]float64, 1+rng.IntN(2500))
		scale := math.Exp(6 * rng.NormFloat64())
		for j := range values {
			switch values[j] = scale * math.Exp(rng.NormFloat64()); {
			case rng.IntN(5) == 0:
				values[j] = nan
			case kind != Log && rng.IntN(5) == 0:
				values[j] = 0
			case (kind == YeoJohnson || kind == NormalScore) && rng.IntN(3) == 0:
				values[j] = -values[j]
			case i%2 == 0:
				values[j] = math.Ceil(values[j])
			}
		}
		values[0] = scale
		c := frame.NewNumber("x", values)
		if i%2 == 0 {
			values[0] = math.Ceil(scale)
			c.Integer = !slices.ContainsFunc(values, func(x float64) bool { return !math.IsNaN(x) && x != math.Trunc(x) })
		}
		p, err := Fit(ctx, frame.Must(c), Config{Transform: map[string]string{"x": kind}}, Options{})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		checkTransform(t, p, c)
	}
}

// checkTransform holds a fit on c to what Space promises.
func checkTransform(t *testing.T, p *Fitted, c *frame.Column) {
	t.Helper()
	tr := read(t, p).Transforms[0]
	model, counts := encode(t, p, frame.Must(c))
	back, more := decode(t, p, model)
	if len(counts)+len(more) > 0 {
		t.Errorf("%s: rows of train lie outside the range: %v, %v", tr.Kind, counts, more)
	}
	values := present(c.Numbers)
	tolerance := 0.0
	if tr.Kind == NormalScore {
		tolerance = values[len(values)-1] - values[0]
	}
	for row, x := range c.Numbers {
		y := back.Column("x").Numbers[row]
		if math.IsNaN(x) != math.IsNaN(y) || c.Integer && !math.IsNaN(x) && x != y || math.Abs(x-y) > 1e-9*max(math.Abs(x), tolerance) {
			t.Fatalf("%s: %v comes back as %v", tr.Kind, x, y)
		}
	}
	for i := 1; i < len(values); i++ {
		if a, b := tr.forward(values[i-1]), tr.forward(values[i]); values[i-1] < values[i] && !(a < b) {
			t.Fatalf("%s: %v and %v become %v and %v", tr.Kind, values[i-1], values[i], a, b)
		}
	}
}

func FuzzTransform(f *testing.F) {
	f.Add(uint8(0), 1.0, 2.0, 3.0, true)
	f.Add(uint8(3), -1e300, 0.0, 1e300, false)
	f.Add(uint8(4), 5e-324, math.MaxFloat64, -math.MaxFloat64, false)
	f.Fuzz(func(t *testing.T, kind uint8, a, b, c float64, whole bool) {
		values := []float64{a, b, c, nan}
		for i, v := range values {
			if math.IsInf(v, 0) {
				values[i] = 0
			}
			if whole {
				values[i] = math.Trunc(values[i])
			}
		}
		column := frame.NewNumber("x", values)
		column.Integer = whole
		p, err := Fit(ctx, frame.Must(column), Config{Transform: map[string]string{"x": allTransforms[int(kind)%len(allTransforms)]}}, Options{})
		if err == nil {
			checkTransform(t, p, column)
		}
	})
}

func TestWhatCannotBeTransformed(t *testing.T) {
	f := frame.Must(frame.NewNumber("x", []float64{-2, -1, 0, 3}), category("unit", "a b c d"), frame.NewNumber("none", []float64{nan, nan, nan, nan}),
		whole("id", 1, 2, 3, 4), whole("big", 1, 2, 3, 1<<53))
	tests := []struct{ column, kind, want string }{
		{"x", Log, `transform "log": column "x" has 3 values in train that are not above 0`},
		{"x", Log1p, `transform "log1p": column "x" has 2 values in train that are not above -1`},
		{"x", Sqrt, `transform "sqrt": column "x" has 2 values in train that are not 0 or more`},
		{"unit", Log, `column "unit" is a category: transform "log" wants a number`},
		{"none", YeoJohnson, `column "none" has no value in train`},
		{"id", Log, `transform: column "id" is not prepared`},
		{"lactate", Log, `transform: no column named "lactate"`},
		{"big", Log, `column "big" holds numbers too large`},
	}
	for _, tt := range tests {
		_, err := Fit(ctx, f, Config{Transform: map[string]string{tt.column: tt.kind}}, Options{Skip: func(c string) bool { return c == "id" }})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s of %s: %v, want %q", tt.kind, tt.column, err, tt.want)
		}
	}
	p := fitted(t, frame.Must(frame.NewNumber("x", []float64{1, 2})), Config{Transform: map[string]string{"x": Log}})
	wrong := frame.Must(category("x", "a"))
	if _, _, err := p.Encode(wrong); err == nil || !strings.Contains(err.Error(), `column "x" is a category`) {
		t.Errorf("encode: %v", err)
	}
	if _, _, err := p.Decode(wrong); err == nil || !strings.Contains(err.Error(), `column "x" is a category`) {
		t.Errorf("decode: %v", err)
	}
}
