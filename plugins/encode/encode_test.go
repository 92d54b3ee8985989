package encode

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

var nan = math.NaN()

func text(name string, values ...string) *frame.Column {
	missing := make([]bool, len(values))
	for i, v := range values {
		missing[i] = v == "?"
	}
	return frame.NewCategoryFromStrings(name, values, missing)
}

func rows(t *testing.T, e *Encoder, f *frame.Frame) [][]float64 {
	t.Helper()
	d, err := e.Transform(f)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, d.Rows)
	for i := range out {
		out[i] = row(d, i)
	}
	return out
}

// row is one row of a design, by the definition of a column.
func row(d *Design, i int) []float64 {
	out := make([]float64, len(d.Columns))
	for j, c := range d.Columns {
		switch {
		case c.Dense != nil:
			out[j] = c.Dense[i]
		case slices.Contains(c.Ones, int32(i)):
			out[j] = 1
		}
	}
	return out
}

func TestStandardEncodingByHand(t *testing.T) {
	train := frame.Must(
		frame.NewNumber("age", []float64{1, 3, nan}), // mean 2, SD 1
		frame.NewNumber("bun", []float64{0, 4, 8}),   // mean 4, SD sqrt(32/3)
		text("unit", "b", "a", "?"),
		text("sex", "f", "m", "f"),
		frame.NewNumber("death", []float64{0, 1, 0}),
	)
	e := Fit(train, "death")
	want := []Feature{
		{"age", Value, ""},
		{"age", Missing, ""},
		{"bun", Value, ""},
		{"unit", Level, "a"},
		{"unit", Level, "b"},
		{"unit", Missing, ""},
		{"sex", Level, "f"},
		{"sex", Level, "m"},
	}
	if !reflect.DeepEqual(e.Features(), want) {
		t.Errorf("features %v, want %v", e.Features(), want)
	}
	s := math.Sqrt(1.5)
	if got, want := rows(t, e, train), [][]float64{
		{-1, 0, -s, 0, 1, 0, 1, 0},
		{1, 0, 0, 1, 0, 0, 0, 1},
		{0, 1, s, 0, 0, 1, 1, 0},
	}; !near(got, want) {
		t.Errorf("train: %v, want %v", got, want)
	}
	test := frame.Must( // other order, a new level, a missing value where training has none, no target
		text("sex", "?", "f"),
		text("unit", "c", "a"),
		frame.NewNumber("bun", []float64{nan, 4}),
		frame.NewNumber("age", []float64{5, nan}),
	)
	if got, want := rows(t, e, test), [][]float64{
		{3, 0, 0, 0, 0, 0, 0, 0},
		{0, 1, 0, 1, 0, 0, 1, 0},
	}; !near(got, want) {
		t.Errorf("test: %v, want %v", got, want)
	}
}

func TestFitAllTakesLevelsAndMissingValuesOfAllFrames(t *testing.T) {
	reference := frame.Must(
		frame.NewNumber("age", []float64{1, 3}), // mean 2, SD 1
		text("unit", "b", "?"),
	)
	other := frame.Must(
		text("unit", "c", "a", "b"),
		frame.NewNumber("age", []float64{nan, 9, 2}), // no say in mean and SD
	)
	e, err := FitAll(reference, []*frame.Frame{other})
	if err != nil {
		t.Fatal(err)
	}
	want := []Feature{{"age", Value, ""}, {"age", Missing, ""}, {"unit", Level, "a"}, {"unit", Level, "b"}, {"unit", Level, "c"}, {"unit", Missing, ""}}
	if !reflect.DeepEqual(e.Features(), want) {
		t.Errorf("features %v, want %v", e.Features(), want)
	}
	if got, want := rows(t, e, reference), [][]float64{{-1, 0, 0, 1, 0, 0}, {1, 0, 0, 0, 0, 1}}; !near(got, want) {
		t.Errorf("reference: %v, want %v", got, want)
	}
	if got, want := rows(t, e, other), [][]float64{{0, 1, 0, 0, 1, 0}, {7, 0, 1, 0, 0, 0}, {0, 0, 0, 1, 0, 0}}; !near(got, want) {
		t.Errorf("other: %v, want %v", got, want)
	}
	alone, err := FitAll(reference, nil, "age")
	if err != nil || !reflect.DeepEqual(alone, Fit(reference, "age")) {
		t.Errorf("of one frame: %v, %v", alone, err)
	}
	for want, f := range map[string]*frame.Frame{
		`no column named "unit"`:              frame.Must(frame.NewNumber("age", []float64{1})),
		`column "age" is a number in one fra`: frame.Must(text("age", "1"), text("unit", "a")),
	} {
		if _, err := FitAll(reference, []*frame.Frame{f}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func near(a, b [][]float64) bool {
	for i := range a {
		for j := range a[i] {
			if math.Abs(a[i][j]-b[i][j]) > 1e-12 {
				return false
			}
		}
	}
	return len(a) == len(b)
}

func TestDegenerateColumnsStayFinite(t *testing.T) {
	train := frame.Must(
		frame.NewNumber("constant", []float64{0.1, 0.1, 0.1}),
		frame.NewNumber("empty", []float64{nan, nan, nan}),
		frame.NewNumber("huge", []float64{1e308, -1e308, 1e308}),
		frame.NewNumber("tiny", []float64{1e-300, 3e-300, 5e-300}),
		frame.NewNumber("least", []float64{5e-324, 0, 0}),
		text("void", "?", "?", "?"),
	)
	e := Fit(train)
	got := rows(t, e, train)
	for i := range got {
		for j, v := range got[i] {
			if math.IsNaN(v) || math.Abs(v) > 3 {
				t.Errorf("row %d, %v is %v", i, e.Features()[j], v)
			}
		}
	}
	if got[0][0] != 0 {
		t.Errorf("a constant is encoded as %v, want 0", got[0][0])
	}
	if spread := got[2][4] - got[0][4]; math.Abs(spread-2*math.Sqrt(1.5)) > 1e-9 {
		t.Errorf("tiny values keep a spread of %v", spread)
	}
}

func TestNumbersHaveMeanZeroAndSpreadOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		x := make([]float64, 2+rng.IntN(30))
		for i := range x {
			x[i] = math.Exp(3 * rng.NormFloat64())
		}
		f := frame.Must(frame.NewNumber("x", x))
		sum, squares := 0.0, 0.0
		for _, r := range rows(t, Fit(f), f) {
			sum += r[0]
			squares += r[0] * r[0]
		}
		n := float64(len(x))
		if math.Abs(sum/n) > 1e-9 || math.Abs(squares/n-1) > 1e-9 {
			t.Fatalf("mean %v, mean square %v", sum/n, squares/n)
		}
	}
}

func TestDotAndAddToAgreeWithRow(t *testing.T) {
	f := frame.Must(frame.NewNumber("x", []float64{1, 5, nan, 2}), text("u", "a", "?", "b", "a"))
	e := Fit(f)
	d, err := e.Transform(f)
	if err != nil {
		t.Fatal(err)
	}
	v := []float64{2, 3, 5, 7}
	for j, c := range d.Columns {
		dot, add := 0.0, make([]float64, d.Rows)
		c.AddTo(add, 2)
		for i := range d.Rows {
			x := row(d, i)[j]
			dot += x * v[i]
			if add[i] != 2*x {
				t.Errorf("AddTo of %v, row %d: %v, want %v", e.Features()[j], i, add[i], 2*x)
			}
		}
		if got := c.Dot(v); math.Abs(got-dot) > 1e-12 {
			t.Errorf("Dot of %v: %v, want %v", e.Features()[j], got, dot)
		}
	}
}

func TestTransformErrors(t *testing.T) {
	e := Fit(frame.Must(frame.NewNumber("x", []float64{1, 2})))
	for want, f := range map[string]*frame.Frame{
		`no column named "x"`:      frame.Must(frame.NewNumber("y", []float64{1})),
		`column "x" is a category`: frame.Must(text("x", "1")),
	} {
		if _, err := e.Transform(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
