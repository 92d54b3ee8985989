package downstream

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

func TestROCByHand(t *testing.T) {
	// 20 events and 20 others; first 10 events, then 10 of each, then 10 others
	c := roc([]chunk{{rows: 10, events: 10}, {rows: 20, events: 10}, {rows: 10}})
	for k, want := range map[int]float64{0: 0.5, 10: 0.6, 25: 0.75, 50: 1, 51: 1, 100: 1} {
		if c.X[k] != float64(k)/100 || math.Abs(c.Y[k]-want) > 1e-12 {
			t.Errorf("at %v: %v, want %v", c.X[k], c.Y[k], want)
		}
	}
}

func TestPrecisionRecallByHand(t *testing.T) {
	// cuts: recall ½ at precision 1, recall 1 at precision ⅔, then the rest
	c := precisionRecall([]chunk{{rows: 10, events: 10}, {rows: 20, events: 10}, {rows: 10}})
	for k, want := range map[int]float64{0: 1, 50: 1, 51: 2.0 / 3, 100: 2.0 / 3} {
		if c.X[k] != float64(k)/100 || math.Abs(c.Y[k]-want) > 1e-12 {
			t.Errorf("at %v: %v, want %v", c.X[k], c.Y[k], want)
		}
	}
}

// tested returns predictions of n rows with the given rows to a unit.
func tested(rng *rand.Rand, n, perUnit int) (*stats.Predictions, []float64, *rows) {
	r := &rows{Rows: classifier.Rows{Y: make([]bool, n)}, name: "test rows", unit: make([]int32, n)}
	p := make([]float64, n)
	for i := range n {
		p[i] = math.Round(1000*rng.Float64()*rng.Float64()) / 1000
		r.Y[i] = rng.Float64() < p[i]
		r.unit[i] = int32(i / perUnit)
		r.units = i/perUnit + 1
	}
	s, err := stats.NewPredictions(r.Y, p)
	if err != nil {
		panic(err)
	}
	return s, p, r
}

func TestCurvesAreMonotoneAndCloseToTheMeasures(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s, p, test := tested(rng, 5000, 1)
	got := curves(s, p, test)
	if len(got) != 3 {
		t.Fatalf("%d curves", len(got))
	}
	roc, pr, calibration := got[0], got[1], got[2]
	if len(roc.X) != 101 || len(pr.X) != 101 || roc.Y[100] != 1 {
		t.Errorf("%d and %d points, ROC ends at %v", len(roc.X), len(pr.X), roc.Y[100])
	}
	if !slices.IsSorted(roc.Y) || !slices.IsSorted(calibration.X) {
		t.Error("a curve goes back")
	}
	area := 0.0
	for k := range 100 {
		area += (roc.Y[k] + roc.Y[k+1]) / 200
	}
	// rows are joined by elevens and the grid has steps of 0.01: the area keeps its first two decimals
	if auroc, _ := s.AUROC(); math.Abs(area-auroc) > 0.005 {
		t.Errorf("area %v, AUROC %v", area, auroc)
	}
	mean := 0.0
	for _, y := range pr.Y[1:] {
		mean += y / 100
	}
	if auprc, _ := s.AUPRC(); math.Abs(mean-auprc) > 0.02 {
		t.Errorf("mean precision %v, AUPRC %v", mean, auprc)
	}
	for i := range calibration.X { // labels follow the probabilities: the interval holds the diagonal, nearly always
		if width := calibration.High[i] - calibration.Low[i]; width <= 0 || math.Abs(calibration.Y[i]-calibration.X[i]) > width {
			t.Errorf("bin %d: %v predicted, %v observed [%v, %v]", i, calibration.X[i], calibration.Y[i], calibration.Low[i], calibration.High[i])
		}
	}
}

func TestNoPointStandsForFewUnits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, perUnit := range []int{1, 3} {
		for n := 1; n < 150; n++ {
			s, p, test := tested(rng, n, perUnit)
			order, ends := s.Ranked()
			sum, at := 0, 0
			for _, c := range chunks(order, ends, p, test) {
				units := map[int32]bool{}
				for _, row := range order[at : at+c.rows] {
					units[test.unit[row]] = true
				}
				if len(units) < crowd {
					t.Fatalf("%d rows, %d to a unit: a piece of %d units", n, perUnit, len(units))
				}
				at += c.rows
				sum += c.events
			}
			if at != 0 && (at != n || sum != s.Events()) {
				t.Fatalf("%d rows: pieces have %d", n, at)
			}
			if enough := test.units >= crowd; enough != (at > 0) {
				t.Fatalf("%d units: pieces have %d rows", test.units, at)
			}
		}
	}
}

func TestWithoutEnoughRowsOrClassesThereAreNoCurves(t *testing.T) {
	s, p, test := tested(rand.New(rand.NewPCG(5, 6)), crowd-1, 1)
	if got := curves(s, p, test); got != nil {
		t.Errorf("%d rows: %v", crowd-1, got)
	}
	one := &rows{Rows: classifier.Rows{Y: make([]bool, 50)}, unit: make([]int32, 50), units: 50}
	q := make([]float64, 50)
	for i := range one.unit {
		one.unit[i] = int32(i)
	}
	s, err := stats.NewPredictions(one.Y, q)
	if err != nil {
		t.Fatal(err)
	}
	if got := curves(s, q, one); got != nil {
		t.Errorf("one class: %v", got)
	}
}

func TestCalibrationOfRepeatedSubjectsHasNoInterval(t *testing.T) {
	s, p, test := tested(rand.New(rand.NewPCG(7, 8)), 300, 3)
	order, _ := s.Ranked()
	var c plugins.Curve = calibration(order, p, test)
	if c.Low != nil || c.High != nil || len(c.X) == 0 {
		t.Errorf("%+v", c)
	}
}
