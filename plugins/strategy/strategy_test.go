package strategy_test

import (
	"context"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/strategy/gaussiancopula"
	"github.com/ehrlab/ehrlab/plugins/strategy/holdout"
	"github.com/ehrlab/ehrlab/plugins/strategy/independent"
	"github.com/ehrlab/ehrlab/plugins/strategy/resample"
)

// numbered returns rows from first on: a number, the same as a category with gaps, and a flag.
func numbered(first, rows int) *frame.Frame {
	number, flag := make([]float64, rows), make([]float64, rows)
	text, missing := make([]string, rows), make([]bool, rows)
	for i := range rows {
		number[i], flag[i] = float64(first+i), float64(i%2)
		text[i], missing[i] = strconv.Itoa(first+i), i%4 == 3
	}
	return frame.Must(frame.NewNumber("number", number), frame.NewCategoryFromStrings("text", text, missing), frame.NewNumber("death", flag))
}

func generate(t *testing.T, name string, parts map[plugins.Part]*frame.Frame, n int) (*frame.Frame, error) {
	t.Helper()
	g, err := generated(t, name, parts, n)
	if err != nil {
		return nil, err
	}
	return g.Frame, nil
}

func generated(t *testing.T, name string, parts map[plugins.Part]*frame.Frame, n int) (*plugins.Generated, error) {
	t.Helper()
	r := &plugins.Registry{}
	gaussiancopula.Register(r)
	holdout.Register(r)
	independent.Register(r)
	resample.Register(r)
	s, _, err := r.Strategies.Get(name).Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	samples := map[plugins.Part]plugins.Sample{}
	for p, f := range parts {
		samples[p] = plugins.Sample{Frame: f}
	}
	env := plugins.Env{
		Rand:     plugins.NewRand(1, "test", plugins.ForGeneration),
		Threads:  2,
		Progress: func(int, int) {},
	}
	return s.Generate(context.Background(), env, plugins.Task{
		Parts: plugins.NewParts(samples), Target: "death", N: n,
	})
}

func TestResampleServesWholeRowsOfTrain(t *testing.T) {
	train := numbered(0, 40)
	got, err := generate(t, "resample", map[plugins.Part]*frame.Frame{plugins.Train: train}, 400)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for i, v := range got.Column("number").Numbers {
		row := int(v)
		seen[row] = true
		if got.Take([]int{i}).Digest() != train.Take([]int{row}).Digest() {
			t.Fatalf("row %d is no row of train", i)
		}
	}
	if len(seen) != 40 { // each is missed with probability (39/40)^400 = 0.00004
		t.Errorf("400 draws found %d of 40 rows", len(seen))
	}
}

func TestHoldoutServesNoRowTwice(t *testing.T) {
	reference := map[plugins.Part]*frame.Frame{plugins.Reference: numbered(0, 50)}
	whole, err := generate(t, "holdout", reference, 50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[float64]bool{}
	for _, v := range whole.Column("number").Numbers {
		seen[v] = true
	}
	if len(seen) != 50 {
		t.Errorf("50 rows of 50 hold %d distinct ones", len(seen))
	}
	few, err := generate(t, "holdout", reference, 20)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]int, 20)
	for i := range first {
		first[i] = i
	}
	if few.Digest() != whole.Take(first).Digest() {
		t.Error("20 rows are not the first 20 of 50")
	}
}

func TestHoldoutSaysThatReplicatesShareRows(t *testing.T) {
	reference := map[plugins.Part]*frame.Frame{plugins.Reference: numbered(0, 60)}
	for n, want := range map[int]string{
		20: "", // a third
		21: "n = 21 of 60 reference rows: replicates share rows, so intervals over seeds understate their variation",
		60: "n = 60 of 60 reference rows: replicates share rows, so intervals over seeds understate their variation",
	} {
		g, err := generated(t, "holdout", reference, n)
		if err != nil {
			t.Fatal(err)
		}
		if g.Dependent != want {
			t.Errorf("n = %d: %q, want %q", n, g.Dependent, want)
		}
	}
}

func TestIndependentKeepsMarginsAndBreaksRelations(t *testing.T) {
	got, err := generate(t, "independent", map[plugins.Part]*frame.Frame{plugins.Train: numbered(0, 40)}, 20000)
	if err != nil {
		t.Fatal(err)
	}
	if share := float64(got.Column("text").MissingCount()) / 20000; math.Abs(share-0.25) > 0.015 {
		t.Errorf("%.3f of text is missing, train has 0.25", share)
	}
	equal := 0
	for i, v := range got.Column("number").Numbers {
		if c := got.Column("text"); !c.IsMissing(i) && c.Levels[c.Codes[i]] == strconv.Itoa(int(v)) {
			equal++
		}
	}
	// independent draws agree in 30 of 40·40 pairs
	if share := float64(equal) / 20000; math.Abs(share-0.75/40) > 0.005 {
		t.Errorf("text repeats number in %.4f of the rows; independent draws do in %.4f", share, 0.75/40)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		rows int
		n    int
		want string
	}{
		{"independent", 10, 0, "n is 0; want at least 1"},
		{"resample", 10, -3, "n is -3"},
		{"gaussian-copula", 0, 5, "the train part has no rows"},
		{"independent", 0, 5, "the train part has no rows"},
		{"resample", 0, 5, "the train part has no rows"},
		{"holdout", 0, 5, "the reference part has no rows"},
		{"holdout", 10, 11, "the reference part has 10 rows, fewer than n = 11; enlarge split.reference or lower n"},
	} {
		f := numbered(0, c.rows)
		_, err := generate(t, c.name, map[plugins.Part]*frame.Frame{plugins.Train: f, plugins.Reference: f}, c.n)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %d rows, n = %d: %v, want %q", c.name, c.rows, c.n, err, c.want)
		}
	}
}
