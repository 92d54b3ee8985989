package gbdt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

var nan = math.NaN()

func fit(t testing.TB, f *frame.Frame, y []float64, c Config) (*Model, *Matrix) {
	t.Helper()
	x := matrix(t, NewEncoding(f), f)
	m, err := Fit(t.Context(), x, y, c)
	if err != nil {
		t.Fatal(err)
	}
	return m, x
}

func margins(t testing.TB, m *Model, x *Matrix) []float64 {
	t.Helper()
	out, err := m.Margin(t.Context(), x, 1)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stump is one split with derivatives that can be worked out by hand: at p = 1/2 they are g = 1/2 - y and h = 1/4.
func stump() Config {
	c := Defaults()
	c.Rounds, c.MaxDepth, c.Eta, c.MinChildWeight, c.BaseScore = 1, 1, 1, 0, 0.5
	return c
}

func TestStumpsByHand(t *testing.T) {
	text := func(values ...string) *frame.Column {
		missing := make([]bool, len(values))
		for i, v := range values {
			missing[i] = v == "?"
		}
		return frame.NewCategoryFromStrings("x", values, missing)
	}
	for _, c := range []struct {
		name   string
		x      *frame.Column
		y      []float64
		change func(*Config)
		want   []float64 // margins
		gain   float64
	}{
		// left G = 1, H = 1/2; right G = -1, H = 1/2; each scores 1/(1/2+1), the root 0
		{"a threshold", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, nil, []float64{-2. / 3, -2. / 3, 2. / 3, 2. / 3}, 4. / 3},
		{"eta", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.Eta = 0.3 }, []float64{-.2, -.2, .2, .2}, 4. / 3},
		{"no penalty", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.Lambda = 0 }, []float64{-2, -2, 2, 2}, 4},
		// |G| = 1 less 1/4
		{"alpha", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.Alpha = 0.25 }, []float64{-.5, -.5, .5, .5}, .75},
		{"gamma just reached", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.Gamma = 1.3333 }, []float64{-2. / 3, -2. / 3, 2. / 3, 2. / 3}, 4. / 3},
		{"gamma not reached", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.Gamma = 1.3334 }, []float64{0, 0, 0, 0}, 0},
		{"weight just reached", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.MinChildWeight = 0.5 }, []float64{-2. / 3, -2. / 3, 2. / 3, 2. / 3}, 4. / 3},
		{"weight not reached", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.MinChildWeight = 0.51 }, []float64{0, 0, 0, 0}, 0},
		// class 1 counts twice: left G = 1, H = 1/2, right G = -2, H = 1; root G = -1, H = 3/2
		{"scale_pos_weight", frame.NewNumber("x", []float64{1, 1, 2, 2}), []float64{0, 0, 1, 1}, func(c *Config) { c.ScalePosWeight = 2 }, []float64{-2. / 3, -2. / 3, 1, 1}, 1/1.5 + 4/2. - 1/2.5},
		// the missing go with those that they are like
		{"missing to the left", frame.NewNumber("x", []float64{1, nan, 2, 2}), []float64{0, 0, 1, 1}, nil, []float64{-2. / 3, -2. / 3, 2. / 3, 2. / 3}, 4. / 3},
		{"missing to the right", frame.NewNumber("x", []float64{1, 1, 2, nan}), []float64{0, 0, 1, 1}, nil, []float64{-2. / 3, -2. / 3, 2. / 3, 2. / 3}, 4. / 3},
		{"missing against present", frame.NewNumber("x", []float64{1, 2, nan, nan}), []float64{0, 0, 1, 1}, nil, []float64{-2. / 3, -2. / 3, 2. / 3, 2. / 3}, 4. / 3},
		{"a level against the others", text("a", "b", "c", "b"), []float64{0, 1, 0, 1}, nil, []float64{-2. / 3, 2. / 3, -2. / 3, 2. / 3}, 4. / 3},
		{"missing with the level", text("a", "b", "c", "?"), []float64{0, 1, 0, 1}, nil, []float64{-2. / 3, 2. / 3, -2. / 3, 2. / 3}, 4. / 3},
		{"missing with the others", text("a", "b", "?", "b"), []float64{0, 1, 0, 1}, nil, []float64{-2. / 3, 2. / 3, -2. / 3, 2. / 3}, 4. / 3},
		{"missing against levels", text("a", "?", "c", "?"), []float64{0, 1, 0, 1}, nil, []float64{-2. / 3, 2. / 3, -2. / 3, 2. / 3}, 4. / 3},
		{"nothing to split by", frame.NewNumber("x", []float64{3, 3, 3, 3}), []float64{0, 0, 1, 0}, nil, []float64{-.5, -.5, -.5, -.5}, 0},
		{"no value", frame.NewNumber("x", []float64{nan, nan, nan, nan}), []float64{0, 0, 1, 0}, nil, []float64{-.5, -.5, -.5, -.5}, 0},
	} {
		config := stump()
		if c.change != nil {
			c.change(&config)
		}
		m, x := fit(t, frame.Must(c.x), c.y, config)
		for i, z := range margins(t, m, x) {
			if math.Abs(z-c.want[i]) > 1e-12 {
				t.Errorf("%s: row %d has margin %v, want %v", c.name, i, z, c.want[i])
			}
		}
		if gain := m.trees[0].stats[0].gain; math.Abs(gain-c.gain) > 1e-6 {
			t.Errorf("%s: gain %v, want %v", c.name, gain, c.gain)
		}
	}
}

func TestBaseIsTheWeightedShare(t *testing.T) {
	c := stump()
	c.BaseScore = 0
	for weight, want := range map[float64]float64{1: 0.25, 6: 2. / 3} {
		c.ScalePosWeight = weight
		m, _ := fit(t, frame.Must(frame.NewNumber("x", make([]float64, 4))), []float64{0, 1, 0, 0}, c)
		if p := sigmoid(m.Base); math.Abs(p-want) > 1e-12 {
			t.Errorf("class 1 counts %v times: base probability %v, want %v", weight, p, want)
		}
	}
}

// A value that training did not see missing follows the heavier child; an unknown level is none of the known ones.
func TestWhatTrainingDidNotSee(t *testing.T) {
	levels := frame.NewCategoryFromStrings("x", []string{"a", "b", "c", "a", "b", "c"}, nil)
	m, x := fit(t, frame.Must(levels), []float64{0, 1, 0, 0, 1, 0}, stump())
	seen := margins(t, m, x)
	other := matrix(t, x.encoding, frame.Must(frame.NewCategoryFromStrings("x", []string{"", "zebra", "b"}, []bool{true, false, false})))
	if got, want := margins(t, m, other), []float64{seen[0], seen[0], seen[1]}; !slices.Equal(got, want) {
		t.Errorf("margins %v, want %v", got, want)
	}
	m, x = fit(t, frame.Must(frame.NewNumber("x", []float64{1, 2, 2, 2})), []float64{0, 1, 1, 1}, stump())
	seen = margins(t, m, x)
	other = matrix(t, x.encoding, frame.Must(frame.NewNumber("x", []float64{nan, -1e308, 1e308})))
	if got, want := margins(t, m, other), []float64{seen[1], seen[0], seen[1]}; !slices.Equal(got, want) {
		t.Errorf("margins %v, want %v", got, want)
	}
}

// cohort returns numbers with and without missing values, a category and labels that depend on them.
func cohort(rng *rand.Rand, n, levels int) (*frame.Frame, []float64) {
	columns := make([][]float64, 7)
	for j := range columns {
		columns[j] = make([]float64, n)
	}
	category, missing, y := make([]string, n), make([]bool, n), make([]float64, n)
	for i := range n {
		z := -1.0
		for j := range columns {
			v := rng.NormFloat64()
			if j%2 == 1 {
				v = math.Round(2 * v)
			}
			z += v * float64(j) / 5
			if j > 2 && rng.IntN(4) == 0 {
				v = nan
			}
			columns[j][i] = v
		}
		l := rng.IntN(levels)
		category[i], missing[i] = fmt.Sprintf("level %03d", l), rng.IntN(10) == 0
		z += 2 * float64(l%3)
		if rng.Float64() < sigmoid(z) {
			y[i] = 1
		}
	}
	y[0], y[1] = 0, 1
	out := []*frame.Column{frame.NewCategoryFromStrings("category", category, missing)}
	for j, v := range columns {
		out = append(out, frame.NewNumber(fmt.Sprintf("x%d", j), v))
	}
	return frame.Must(out...), y
}

// spread replaces a category by its 0/1 columns.
func spread(f *frame.Frame) *frame.Frame {
	var out []*frame.Column
	for _, c := range f.Columns() {
		if c.Kind == frame.Number {
			out = append(out, c)
			continue
		}
		for l, level := range c.Levels {
			v := make([]float64, f.Rows())
			for i, code := range c.Codes {
				switch code {
				case int32(l):
					v[i] = 1
				case frame.Missing:
					v[i] = nan
				}
			}
			out = append(out, frame.NewNumber(c.Name+"="+level, v))
		}
	}
	return frame.Must(out...)
}

func TestCategoryEqualsItsColumns(t *testing.T) {
	for _, levels := range []int{1, 2, 5, 300} {
		f, y := cohort(rand.New(rand.NewPCG(1, uint64(levels))), 1500, levels)
		c := Defaults()
		c.Rounds, c.MinChildWeight, c.Subsample, c.Colsample = 15, 0.2, 0.9, 0.5
		c.Rand = rand.New(rand.NewPCG(3, 4))
		whole, x := fit(t, f, y, c)
		c.Rand = rand.New(rand.NewPCG(3, 4))
		apart, xs := fit(t, spread(f), y, c)
		if got, want := margins(t, whole, x), margins(t, apart, xs); !slices.Equal(got, want) {
			t.Errorf("%d levels: the margins differ from those of the 0/1 columns", levels)
		}
		for _, by := range []By{Weight, TotalGain, TotalCover, Gain, Cover} {
			got, err := whole.Importances(by)
			if err != nil {
				t.Fatal(err)
			}
			want, splits := combined(t, apart, by, len(f.Column("category").Levels))
			if splits > 0 && (by == Gain || by == Cover) {
				want /= splits
			}
			if math.Abs(got[0]-want) > 1e-9*want {
				t.Errorf("%d levels: %s of the category is %v, of its columns %v", levels, by, got[0], want)
			}
		}
	}
}

// combined adds up the importance of the first variables, a mean as the sum that it is of.
func combined(t *testing.T, m *Model, by By, variables int) (sum, splits float64) {
	t.Helper()
	total := map[By]By{Gain: TotalGain, Cover: TotalCover}
	if b, mean := total[by]; mean {
		by = b
	}
	values, err := m.Importances(by)
	if err != nil {
		t.Fatal(err)
	}
	numbers, _ := m.Importances(Weight)
	for i := range variables {
		sum += values[i]
		splits += numbers[i]
	}
	return sum, splits
}

// How the work is done changes nothing: the number of threads, which histograms are kept, which are made anew.
func TestOneModelWhateverTheWay(t *testing.T) {
	f, y := cohort(rand.New(rand.NewPCG(5, 6)), 4000, 9)
	x := matrix(t, NewEncoding(f), f)
	grow := func(threads, few, kept int) *Model {
		c := Defaults()
		c.Rounds, c.MaxDepth, c.Subsample, c.Threads = 8, 8, 0.9, threads
		c.Rand = rand.New(rand.NewPCG(7, 8))
		columns, err := bin(t.Context(), x, c.MaxBin, threads)
		if err != nil {
			t.Fatal(err)
		}
		b := newBooster(x, columns, y, c)
		b.grower.fewRows, b.grower.keptBytes = few, kept
		for round := range c.Rounds {
			if err := b.round(t.Context(), round); err != nil {
				t.Fatal(err)
			}
			if free := kept / (len(b.grower.groups) * groupWidth * mostBins * 16); len(b.grower.slots) != free {
				t.Fatalf("%d of %d histograms are free after a tree", len(b.grower.slots), free)
			}
		}
		return b.model
	}
	const quads = 3 * groupWidth * mostBins * 16 // histograms of one node: more than 8 columns, at most 12
	want := grow(1, fewRows, keptBytes)
	for _, way := range [][3]int{{3, fewRows, keptBytes}, {1, 0, keptBytes}, {2, 1 << 30, keptBytes}, {1, 0, 0}, {2, 10, quads}, {1, 50, 3 * quads}} {
		if got := grow(way[0], way[1], way[2]); !reflect.DeepEqual(got.trees, want.trees) {
			t.Errorf("%d threads, few rows below %d, %d bytes kept: another model", way[0], way[1], way[2])
		}
	}
}

// What the booster adds up for its rows, drawn or not, is what the model predicts for them.
func TestTrainingMarginsArePredicted(t *testing.T) {
	f, y := cohort(rand.New(rand.NewPCG(9, 10)), 1200, 270)
	x := matrix(t, NewEncoding(f), f)
	c := Defaults()
	c.Rounds, c.Subsample, c.Colsample, c.MinChildWeight, c.Threads = 12, 0.6, 0.6, 0, 1
	c.Rand = rand.New(rand.NewPCG(1, 1))
	columns, err := bin(t.Context(), x, c.MaxBin, 1)
	if err != nil {
		t.Fatal(err)
	}
	b := newBooster(x, columns, y, c)
	for round := range c.Rounds {
		if err := b.round(t.Context(), round); err != nil {
			t.Fatal(err)
		}
	}
	if got := margins(t, b.model, x); !slices.Equal(got, b.margin) {
		t.Error("training adds up other margins than the model predicts")
	}
}

// The first split of a tree is the best of all, by trying each.
func TestRootSplitIsTheBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 60 {
		f, y := cohort(rng, 20+rng.IntN(60), 1+rng.IntN(6))
		c := stump()
		c.Lambda, c.Alpha, c.MinChildWeight = rng.Float64(), float64(rng.IntN(2))*0.3, float64(rng.IntN(3))
		c.ScalePosWeight = 1 + float64(rng.IntN(3))
		m, _ := fit(t, f, y, c)
		got := m.trees[0].stats[0].gain
		if want := bestGain(spread(f), y, c); math.Abs(got-want) > 1e-6*(1+want) {
			t.Fatalf("the first split gains %v, the best one %v", got, want)
		}
	}
}

func bestGain(f *frame.Frame, y []float64, c Config) float64 {
	score := func(left func(i int) bool, side bool) (gain, h float64) {
		g := 0.0
		for i := range y {
			if left == nil || left(i) == side {
				w := 1 + y[i]*(c.ScalePosWeight-1)
				g, h = g+w*(0.5-y[i]), h+w/4
			}
		}
		g = math.Copysign(max(0, math.Abs(g)-c.Alpha), g)
		return g * g / (h + c.Lambda), h
	}
	root, _ := score(nil, true)
	best := 0.0
	for _, column := range f.Columns() {
		for _, at := range append(slices.Clone(column.Numbers), math.Inf(1), math.Inf(-1)) {
			for _, missingLeft := range []bool{true, false} {
				left := func(i int) bool {
					v := column.Numbers[i]
					return v < at || math.IsNaN(v) && missingLeft
				}
				l, hl := score(left, true)
				r, hr := score(left, false)
				if hl > 0 && hr > 0 && hl >= c.MinChildWeight && hr >= c.MinChildWeight {
					best = max(best, l+r-root)
				}
			}
		}
	}
	return best
}

func TestInteractionIsLearned(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	const n = 1000
	a, b, y := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		a[i], b[i] = rng.NormFloat64(), rng.NormFloat64()
		if a[i]*b[i] > 0 {
			y[i] = 1
		}
	}
	m, x := fit(t, frame.Must(frame.NewNumber("a", a), frame.NewNumber("b", b)), y, Defaults())
	wrong := 0
	for i, z := range margins(t, m, x) {
		if (z > 0) != (y[i] == 1) {
			wrong++
		}
	}
	if wrong > n/50 {
		t.Errorf("%d of %d rows are predicted wrong", wrong, n)
	}
}

func TestEarlyStopping(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	f, y := cohort(rng, 600, 4)
	x := matrix(t, NewEncoding(f), f)
	other, v := cohort(rng, 400, 4)
	c := Defaults()
	c.Rounds, c.Eta = 300, 0.5
	c.Validation = &Validation{X: matrix(t, x.encoding, other), Y: v, Patience: 10}
	m, err := Fit(t.Context(), x, y, c)
	if err != nil {
		t.Fatal(err)
	}
	if m.Trees() < 1 || m.Trees() >= 100 || m.Grown() != m.Trees()+10 {
		t.Errorf("%d trees of %d grown", m.Trees(), m.Grown())
	}
	loss := func(rounds int) float64 {
		c := c
		c.Rounds, c.Validation = rounds, nil
		m, err := Fit(t.Context(), x, y, c)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, z := range margins(t, m, matrix(t, x.encoding, other)) {
			sum += math.Log1p(math.Exp(-z)) + (1-v[i])*z
		}
		return sum
	}
	for rounds := 1; rounds <= m.Grown(); rounds++ {
		if rounds != m.Trees() && loss(rounds) < loss(m.Trees()) {
			t.Errorf("%d trees were kept, %d have a lower loss", m.Trees(), rounds)
		}
	}
}

func TestErrors(t *testing.T) {
	f := frame.Must(frame.NewNumber("x", []float64{1, 2, 3}))
	x, y := matrix(t, NewEncoding(f), f), []float64{0, 1, 0}
	strange := matrix(t, NewEncoding(f), f)
	none := matrix(t, NewEncoding(f, "x"), f)
	for _, c := range []struct {
		x      *Matrix
		y      []float64
		change func(*Config)
		want   string
	}{
		{x, y[:2], nil, "2 labels for 3 rows"},
		{x, []float64{0, 1, 2}, nil, "label of row 3 is neither 0 nor 1"},
		{x, []float64{0, 0, 0}, nil, "of one class"},
		{none, y, nil, "no column to split by"},
		{x, y, func(c *Config) { c.Rounds = 0 }, "rounds is 0; want at least 1"},
		{x, y, func(c *Config) { c.Eta = nan }, "eta is NaN"},
		{x, y, func(c *Config) { c.MaxDepth = 25 }, "max_depth is 25; want 1 to 24"},
		{x, y, func(c *Config) { c.Lambda = -1 }, "lambda is -1"},
		{x, y, func(c *Config) { c.Alpha = math.Inf(1) }, "alpha is +Inf"},
		{x, y, func(c *Config) { c.Gamma = -1 }, "gamma is -1"},
		{x, y, func(c *Config) { c.MinChildWeight = -1 }, "min_child_weight is -1"},
		{x, y, func(c *Config) { c.Subsample = 0 }, "subsample is 0"},
		{x, y, func(c *Config) { c.Colsample = 1.1 }, "colsample_bytree is 1.1"},
		{x, y, func(c *Config) { c.ScalePosWeight = 0 }, "scale_pos_weight is 0"},
		{x, y, func(c *Config) { c.ScalePosWeight = 1e7 }, "scale_pos_weight is 1e+07; want 1e-6 to 1e6"},
		{x, y, func(c *Config) { c.BaseScore = 1 }, "base_score is 1"},
		{x, y, func(c *Config) { c.MaxBin = 257 }, "max_bin is 257; want 2 to 256"},
		{x, y, func(c *Config) { c.Subsample = 0.5 }, "without a random source"},
		{x, y, func(c *Config) { c.Validation = &Validation{X: strange, Y: y, Patience: 1} }, "another encoding"},
		{x, y, func(c *Config) { c.Validation = &Validation{X: x, Y: y} }, "patience is 0"},
		{x, y, func(c *Config) { c.Validation = &Validation{X: x, Y: y[:1], Patience: 1} }, "1 validation labels for 3 rows"},
	} {
		config := Defaults()
		if c.change != nil {
			c.change(&config)
		}
		if _, err := Fit(t.Context(), c.x, c.y, config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	m, _ := fit(t, f, y, stump())
	if _, err := m.Predict(t.Context(), strange, 1); err == nil || !strings.Contains(err.Error(), "another encoding") {
		t.Errorf("rows of another encoding: %v", err)
	}
	if _, err := m.Importances("shap"); err == nil || !strings.Contains(err.Error(), `"shap" is not known`) {
		t.Errorf("importance: %v", err)
	}
	for want, g := range map[string]*frame.Frame{
		`no column named "x"`:      frame.Must(frame.NewNumber("y", []float64{1})),
		`column "x" is a category`: frame.Must(frame.NewCategoryFromStrings("x", []string{"1"}, nil)),
	} {
		if _, err := x.encoding.Matrix(g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// ending is a context that ends when it has been asked a number of times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestTheEndOfTheContextStopsFitAndPredict(t *testing.T) {
	f, y := cohort(rand.New(rand.NewPCG(17, 18)), 300, 3)
	m, x := fit(t, f, y, stump())
	for _, after := range []int{0, 5, 50, 500} {
		c := Defaults()
		c.Rounds = 1000
		if _, err := Fit(&ending{t.Context(), after}, x, y, c); !errors.Is(err, context.Canceled) {
			t.Errorf("ended after %d questions: %v", after, err)
		}
	}
	if out, err := m.Predict(&ending{t.Context(), 1}, x, 1); !errors.Is(err, context.Canceled) || out != nil {
		t.Errorf("predicted %d rows, %v", len(out), err)
	}
}

func TestDegenerateColumns(t *testing.T) {
	f := frame.Must(
		frame.NewNumber("huge", []float64{-1e308, 1e308, 5e-324, 0}),
		frame.NewNumber("empty", []float64{nan, nan, nan, nan}),
		frame.NewCategoryFromStrings("void", []string{"", "", "", ""}, []bool{true, true, true, true}),
		frame.NewCategoryFromStrings("one", []string{"a", "a", "a", "a"}, nil),
	)
	c := stump()
	c.MaxDepth, c.Rounds = 5, 200
	m, x := fit(t, f, []float64{0, 1, 1, 0}, c)
	for i, z := range margins(t, m, x) {
		if math.IsNaN(z) || math.IsInf(z, 0) || (z > 0) != (i == 1 || i == 2) {
			t.Errorf("row %d has margin %v", i, z)
		}
	}
	got, err := m.Importances(Weight)
	if err != nil {
		t.Fatal(err)
	}
	if got[0] == 0 || got[1] != 0 || got[2] != 0 || got[3] != 0 {
		t.Errorf("numbers of splits are %v", got)
	}
}
