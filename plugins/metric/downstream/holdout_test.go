package downstream

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestHoldOut(t *testing.T) {
	// 40 rows of each class, of which 10 are copies of one row; -0 is 0, and a missing value equals a missing one
	var x, label []float64
	for i := range 80 {
		v := float64(i)
		switch {
		case i%8 == 0:
			v = nan
		case i%8 == 1:
			v = math.Copysign(0, float64(i%16)-5)
		}
		x, label = append(x, v), append(label, float64(i%2))
	}
	patterns := classifier.Equal(frame.Must(number("x", x...), number("death", label...)), "death")
	y := make([]bool, len(label))
	for i := range y {
		y[i] = label[i] == 1
	}
	for seed := range uint64(20) {
		got := holdOut(rand.New(rand.NewPCG(seed, 1)), nil, patterns, y, 0.25)
		again := holdOut(rand.New(rand.NewPCG(seed, 1)), nil, patterns, y, 0.25)
		if !slices.Equal(got.rows, again.rows) || !slices.Equal(got.others, again.others) {
			t.Fatal("the same source divides otherwise")
		}
		all := slices.Concat(got.rows, got.others)
		slices.Sort(all)
		for i, row := range all {
			if i != row || len(all) != 80 {
				t.Fatalf("rows %v", all)
			}
		}
		where := map[float64]bool{}
		events := 0
		for _, row := range got.rows {
			where[math.Abs(orZero(x[row]))] = true
			events += int(label[row])
		}
		for _, row := range got.others {
			if where[math.Abs(orZero(x[row]))] {
				t.Fatalf("seed %d: equal rows on both sides", seed)
			}
		}
		// a quarter of 40: rows without copies fill up what the ten copies leave
		if n := len(got.rows); events != 10 || n != 20 || got.by != equalRows {
			t.Errorf("seed %d: %d rows with %d events held out", seed, n, events)
		}
	}
}

// orZero maps a missing value to a number that no row has.
func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return -1000
	}
	return v
}

func TestHoldOutLeavesEachClassInTraining(t *testing.T) {
	got := holdOut(rand.New(rand.NewPCG(1, 1)), nil, [][]int{{0}, {1, 2}, {3}}, []bool{true, false, false, false}, 0.99)
	if !slices.Contains(got.others, 0) || len(got.others) < 2 || len(got.rows) == 0 {
		t.Errorf("%+v", got)
	}
}

func TestLabelsOfAPatternStayTogether(t *testing.T) {
	// 100 patterns of two rows, one of each label
	patterns, y := make([][]int, 100), make([]bool, 200)
	for i := range patterns {
		patterns[i] = []int{2 * i, 2*i + 1}
		y[2*i] = true
	}
	got := holdOut(rand.New(rand.NewPCG(1, 1)), nil, patterns, y, 0.3)
	if got.by != equalRows || len(got.rows) != 60 {
		t.Errorf("%d rows held out, want 60: %+v", len(got.rows), got)
	}
	for i, row := range got.rows {
		if row/2 != got.rows[i&^1]/2 {
			t.Fatalf("row %d is held out without the other of its pattern", row)
		}
	}
}

func TestRowsAreDividedOneByOneWherePatternsAreTooCoarse(t *testing.T) {
	few, collapsed := make([][]int, 24), make([][]int, 81)
	y := make([]bool, 100)
	for i := range y {
		y[i] = i >= 80
		few[i%24] = append(few[i%24], i)
		collapsed[min(i, 80)] = append(collapsed[min(i, 80)], i) // every positive row is the same
	}
	for name, patterns := range map[string]classifier.Groups{"24 patterns": few, "one pattern of a class": collapsed, "one pattern": {slices.Concat(few...)}} {
		got := holdOut(rand.New(rand.NewPCG(1, 1)), nil, patterns, y, 0.3)
		if n := classes(y, got.rows); got.by != "" || n != [2]int{24, 6} {
			t.Errorf("%s: %v rows of each class held out, want 24 and 6; by %q", name, n, got.by)
		}
	}
}

// levelled draws rows of three category columns, 24 patterns in all, of which the label depends additively.
func levelled(seed uint64, n int) *frame.Frame {
	rng := rand.New(rand.NewPCG(seed, 9))
	levels := []int{2, 3, 4}
	values, label := make([][]string, len(levels)), make([]string, n)
	for i := range n {
		logit := -1.0
		for k, of := range levels {
			v := rng.IntN(of)
			values[k] = append(values[k], fmt.Sprint("v", v))
			logit += 1.5 * (float64(v)/float64(of-1) - 0.5)
		}
		label[i] = "no"
		if rng.Float64() < 1/(1+math.Exp(-logit)) {
			label[i] = "yes"
		}
	}
	return frame.Must(category("a", values[0]...), category("b", values[1]...), category("c", values[2]...), category("death", label...))
}

func TestFewPatternsGiveWithinWhatAcrossGives(t *testing.T) {
	real := levelled(1000, 20_000) // rows of the same law
	mean := func(with string) (auroc float64, last plugins.Score) {
		const seeds = 10
		for seed := range uint64(seeds) {
			m, info := metrictest.Build(t, Register, "downstream", with)
			synthetic := levelled(seed, 1000)
			got, err := m.Measure(t.Context(), metrictest.Env(info, 2, seed), pair(plugins.Sample{Frame: real}, plugins.Sample{Frame: real}, synthetic))
			if err != nil {
				t.Fatal(err)
			}
			last = got.Scores[stats.DrawAUROC]
			auroc += last.Value / seeds
		}
		return auroc, last
	}
	across, _ := mean(`{"resamples": 0}`)
	within, last := mean(`{"resamples": 0, "test": "synthetic"}`)
	// the standard error of the mean over ten times 300 test rows is about 0.01
	if math.Abs(within-across) > 0.03 {
		t.Errorf("AUROC %.3f within, %.3f across", within, across)
	}
	want := "300 of 300 test rows (100.0 %) have the same feature values as a training row: too few distinct ones to keep equal rows together"
	if !slices.Contains(last.Warnings, want) {
		t.Errorf("warnings %q, want %q", last.Warnings, want)
	}
}

func TestCopiesDoNotInflate(t *testing.T) {
	// 40 columns of noise about a random label, each row three times: whoever has seen a row knows its label
	rng := rand.New(rand.NewPCG(1, 2))
	const distinct, copies, width = 200, 3, 40
	var columns []*frame.Column
	for c := range width {
		values := make([]float64, distinct)
		for i := range values {
			values[i] = rng.NormFloat64()
		}
		columns = append(columns, number(fmt.Sprint("x", c), values...))
	}
	label, rows := make([]float64, distinct), []int{}
	for i := range label {
		label[i] = float64(rng.IntN(2))
		rows = append(rows, slices.Repeat([]int{i}, copies)...)
	}
	once := frame.Must(append(columns, number("death", label...))...)
	p := pair(plugins.Sample{Frame: once}, plugins.Sample{Frame: once}, once.Take(rows))

	within := measure(t, `{"test": "synthetic"}`, p)
	if v := within.Value("auroc"); v > 0.62 {
		t.Errorf("AUROC %.3f of a random label", v)
	}
	seen := func(r metrictest.Result) (count int, warned bool) {
		for _, c := range r.Counts {
			if c.Name == "test rows with the features of a training row" {
				count += c.Value
			}
		}
		return count, slices.ContainsFunc(r.Score("auroc").Warnings, func(w string) bool { return strings.Contains(w, "as a training row") })
	}
	if n, warned := seen(within); n != 0 || warned {
		t.Errorf("%d test rows have the features of a training row; warned is %v", n, warned)
	}
	// trained on the very rows, the model has seen them all: that is said
	across := measure(t, `{"train": "real", "test": "synthetic"}`, p)
	if n, _ := seen(across); n != distinct*copies {
		t.Errorf("%d of %d test rows have the features of a training row", n, distinct*copies)
	}
	if want := "600 of 600 test rows (100.0 %) have the same feature values as a training row"; !slices.Contains(across.Score("auroc").Warnings, want) {
		t.Errorf("warnings %q, want %q", across.Score("auroc").Warnings, want)
	}
}

func TestSeenRowsComparesValuesAcrossFrames(t *testing.T) {
	train := frame.Must(category("c", "b", "", "b"), number("x", 1, nan, math.Copysign(0, -1)), number("death", 0, 1, 0))
	test := frame.Must(number("x", 1, 1, nan, 0, nan), category("c", "b", "a", "", "b", "b"), number("death", 1, 0, 0, 0, 0))
	if got := classifier.Seen(train, test, "death"); got != 3 { // the first, third and fourth
		t.Errorf("%d rows, want 3", got)
	}
}
