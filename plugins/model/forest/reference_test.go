package forest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/encode"
)

// reference is testdata/reference.json, which testdata/reference.py made. The rows follow from the formula that both know.
type reference struct {
	Ones int `json:"ones"`
	Fits []struct {
		Settings   json.RawMessage       `json:"settings"`
		Quantities map[string][2]float64 `json:"quantities"` // mean and SD over referenceSeeds forests
	} `json:"fits"`
}

const referenceTrain, referenceTest, referenceSeeds = 500, 500, 20

func noise(row, k int) uint32 {
	x := uint32(row)*2654435761 + uint32(k)*2246822519 + 374761393
	for _, m := range []uint32{2246822519, 3266489917} {
		x = (x ^ (x >> 15)) * m
	}
	return x ^ (x >> 16)
}

var referenceKinds = []uint32{0, 0, 20, 8, 5, 2, 2, 1}

func referenceNumber(row, column int) float64 {
	kinds := referenceKinds[column]
	if kinds == 0 {
		kinds = 1 << 20
	}
	return float64(noise(row, column)%kinds) / float64(kinds)
}

func referenceLabel(row int) float64 {
	z := 2*referenceNumber(row, 0) + referenceNumber(row, 2) + referenceNumber(row, 5)
	if referenceNumber(row, 3) > 0.5 {
		z += 1.5 * referenceNumber(row, 1)
	}
	if z+2*float64(noise(row, 200)%1000)/1000 > 3 {
		return 1
	}
	return 0
}

func referenceRows(first, rows int) (*encode.Design, []float64) {
	x, y := &encode.Design{Rows: rows}, make([]float64, rows)
	for j := range referenceKinds {
		v := make([]float64, rows)
		for i := range v {
			v[i] = referenceNumber(first+i, j)
		}
		x.Columns = append(x.Columns, encode.Column{Dense: v})
	}
	for i := range y {
		y[i] = referenceLabel(first + i)
	}
	return x, y
}

// Forests are random, but what they are like on average is not.
func TestReferenceScikitLearn(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want reference
	if err := json.Unmarshal(content, &want); err != nil {
		t.Fatal(err)
	}
	x, y := referenceRows(0, referenceTrain)
	xs, ys := referenceRows(referenceTrain, referenceTest)
	if ones := count(y) + count(ys); ones != want.Ones {
		t.Fatalf("the formula gives %d labels of 1, scikit-learn saw %d", ones, want.Ones)
	}
	for k, f := range want.Fits {
		c := Defaults()
		if err := json.Unmarshal(f.Settings, &c); err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for seed := range referenceSeeds {
			for name, v := range quantities(t, x, y, xs, ys, c, uint64(seed)) {
				got[name] += v / referenceSeeds
			}
		}
		for name, q := range f.Quantities {
			// both means have an SD of q[1]/√20; the last digits of sums and of six stored ones come on top
			if tolerance := 4*q[1]*math.Sqrt(2./referenceSeeds) + 1e-6*math.Abs(q[0]); !(math.Abs(got[name]-q[0]) <= tolerance) {
				t.Errorf("fit %d: %s is %v on average, want %v ± %v", k, name, got[name], q[0], tolerance)
			}
		}
	}
}

func quantities(t *testing.T, x *encode.Design, y []float64, xs *encode.Design, ys []float64, c Config, seed uint64) map[string]float64 {
	t.Helper()
	c.Rand, c.OutOfBag, c.Threads = sources(seed), true, 2
	m, p := fitted(t, x, y, c, xs)
	out := map[string]float64{"auroc": area(ys, p), "brier": brier(ys, p), "oob_brier": brier(y, m.OutOfBag().Probability)}
	for i := range m.trees {
		leaves, depth := shape(&m.trees[i], 0)
		out["leaves"] += float64(leaves) / float64(c.Trees)
		out["depth"] += float64(depth) / float64(c.Trees)
	}
	for j, v := range m.Importances() {
		out[fmt.Sprintf("importance_%d", j)] = v
	}
	return out
}

// sources gives every tree of a seed its own.
func sources(seed uint64) func(tree int) *rand.Rand {
	return func(tree int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(tree))) }
}

func fitted(t testing.TB, x *encode.Design, y []float64, c Config, test *encode.Design) (*Model, []float64) {
	t.Helper()
	m, err := Fit(t.Context(), x, y, c)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Predict(t.Context(), test, c.Threads)
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

func shape(t *tree, at int32) (leaves, depth int) {
	n := t.nodes[at]
	if n.column < 0 {
		return 1, 0
	}
	l, dl := shape(t, n.left)
	r, dr := shape(t, n.left+1)
	return l + r, 1 + max(dl, dr)
}

func count(y []float64) int {
	ones := 0
	for _, v := range y {
		ones += int(v)
	}
	return ones
}

func brier(y, p []float64) float64 {
	sum := 0.0
	for i := range y {
		sum += (p[i] - y[i]) * (p[i] - y[i])
	}
	return sum / float64(len(y))
}

// area is the area under the ROC curve by its definition: pairs in the right order, ties half.
func area(y, p []float64) float64 {
	right, pairs := 0.0, 0.0
	for i := range y {
		for j := range y {
			if y[i] == 1 && y[j] == 0 {
				pairs++
				if p[i] > p[j] {
					right++
				} else if p[i] == p[j] {
					right += 0.5
				}
			}
		}
	}
	return right / pairs
}
