package gbdt

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// reference is testdata/reference.json, which testdata/reference.py made. The rows follow from the formula that both know.
type reference struct {
	Ones int `json:"ones"`
	Fits []struct {
		Settings    map[string]float64 `json:"settings"`
		Margins     []float64          `json:"margins"`
		Importances map[By][]float64   `json:"importances"`
	} `json:"fits"`
}

const referenceTrain, referenceTest, referenceRounds = 600, 300, 30

func noise(row, k int) uint32 {
	x := uint32(row)*2654435761 + uint32(k)*2246822519 + 374761393
	for _, m := range []uint32{2246822519, 3266489917} {
		x = (x ^ (x >> 15)) * m
	}
	return x ^ (x >> 16)
}

func referenceNumber(row, column int) float64 {
	if noise(row, 100+column)%100 < []uint32{0, 0, 0, 30, 15, 60}[column] {
		return math.NaN()
	}
	u := noise(row, column)
	return []float64{float64(u % 2), float64(u % 16), float64(u%200) / 8, float64(u%200) / 8, float64(u%64) / 4, float64(u%120) / 2}[column]
}

func referenceLabel(row int) float64 {
	x := func(j int) float64 { return referenceNumber(row, j) }
	z := 20*x(0) + 3*x(1) - 2*x(2)
	if x(2) > 12 {
		z += 2 * x(1)
	}
	if math.IsNaN(x(3)) {
		z += 25
	} else {
		z += 2 * x(3)
	}
	if math.IsNaN(x(4)) {
		z += 10
	} else {
		z -= x(4)
	}
	if z+float64(noise(row, 200)%60) > 85 {
		return 1
	}
	return 0
}

// The columns have no more values than bins, so both programs see the same splits, and grow the same trees.
func TestReferenceXGBoost(t *testing.T) {
	var want reference
	content, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &want); err != nil {
		t.Fatal(err)
	}
	var columns []*frame.Column
	for j := range 6 {
		v := make([]float64, referenceTrain+referenceTest)
		for i := range v {
			v[i] = referenceNumber(i, j)
		}
		columns = append(columns, frame.NewNumber(fmt.Sprintf("f%d", j), v))
	}
	all := frame.Must(columns...)
	y := make([]float64, all.Rows())
	for i := range y {
		y[i] = referenceLabel(i)
	}
	if count(y) != want.Ones {
		t.Fatalf("the formula gives %d labels of 1, XGBoost saw %d", count(y), want.Ones)
	}
	train := make([]int, referenceTrain)
	for i := range train {
		train[i] = i
	}
	e := NewEncoding(all)
	x, xs := matrix(t, e, all.Take(train)), matrix(t, e, all)
	for k, f := range want.Fits {
		m, err := Fit(t.Context(), x, y[:referenceTrain], referenceConfig(f.Settings))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Margin(t.Context(), xs, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got { // stored with six decimals, of sums of 32-bit leaves
			if math.Abs(got[i]-f.Margins[i]) > 5e-6 {
				t.Errorf("fit %d, row %d: margin %v, want %v", k, i, got[i], f.Margins[i])
			}
		}
		for by, want := range f.Importances {
			got, err := m.Importances(by)
			if err != nil {
				t.Fatal(err)
			}
			for j := range got {
				if math.Abs(got[j]-want[j]) > 1e-5*want[j] {
					t.Errorf("fit %d, %s of column %d: %v, want %v", k, by, j, got[j], want[j])
				}
			}
		}
	}
}

func referenceConfig(settings map[string]float64) Config {
	c := Defaults()
	c.Rounds = referenceRounds
	for name, v := range settings {
		switch name {
		case "max_depth":
			c.MaxDepth = int(v)
		case "eta":
			c.Eta = v
		case "reg_lambda":
			c.Lambda = v
		case "reg_alpha":
			c.Alpha = v
		case "gamma":
			c.Gamma = v
		case "min_child_weight":
			c.MinChildWeight = v
		case "subsample":
			c.Subsample = v
		case "colsample_bytree":
			c.Colsample = v
		case "scale_pos_weight":
			c.ScalePosWeight = v
		case "base_score":
			c.BaseScore = v
		}
	}
	return c
}

func matrix(t testing.TB, e *Encoding, f *frame.Frame) *Matrix {
	t.Helper()
	m, err := e.Matrix(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
