package logistic

import (
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

// features returns a frame of pair B without the columns that are neither feature nor label.
func features(t *testing.T, r *metrictest.Reference, name string) *frame.Frame {
	t.Helper()
	c := r.Columns(t, "B")
	f, err := r.Frame(t, "B", name).Select(append(slices.Clone(c.Features), c.Label)...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func labels(t *testing.T, f *frame.Frame) []float64 {
	t.Helper()
	y, err := label.Binary(f.Column("label"), "")
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// trained fits a model on a frame and returns it with its encoder.
func trained(t *testing.T, train *frame.Frame) (*encode.Encoder, *Model) {
	t.Helper()
	e := encode.Fit(train, "label")
	x, err := e.Transform(train)
	if err != nil {
		t.Fatal(err)
	}
	return e, fit(t, x, labels(t, train), Config{})
}

func TestReferenceCoefficients(t *testing.T) {
	r := metrictest.OpenReference(t)
	want := r.Entries(t, "B", "logistic_coefficients_train_synth")[0]
	e, m := trained(t, features(t, r, "synth"))
	checked := 0
	for j, f := range e.Features() {
		if slices.Contains(want.Fields(), f.Variable) && f.Part == encode.Value {
			want.Check(t, f.Variable, m.Weights[j])
			checked++
		}
	}
	if checked != len(want.Fields()) {
		t.Errorf("checked %d coefficients of %d", checked, len(want.Fields()))
	}
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

func brierAndLoss(y, p []float64) (brier, logloss float64) {
	for i := range y {
		brier += (p[i] - y[i]) * (p[i] - y[i])
		logloss -= y[i]*math.Log(p[i]) + (1-y[i])*math.Log(1-p[i])
	}
	return brier / float64(len(y)), logloss / float64(len(y))
}

func TestReferenceUtility(t *testing.T) {
	r := metrictest.OpenReference(t)
	for _, c := range [][3]string{
		{"tstr_logistic", "synth", "holdout"},
		{"trtr_logistic", "real", "holdout"},
		{"trts_logistic", "real", "synth"},
		{"tsts_resubstitution_logistic", "synth", "synth"},
	} {
		want := r.Entries(t, "B", c[0])[0]
		e, m := trained(t, features(t, r, c[1]))
		test := features(t, r, c[2])
		x, err := e.Transform(test)
		if err != nil {
			t.Fatal(err)
		}
		y, p := labels(t, test), m.Predict(x)
		brier, logloss := brierAndLoss(y, p)
		want.Check(t, "auroc", area(y, p))
		want.Check(t, "brier", brier)
		want.Check(t, "log_loss", logloss)
	}
}

// The catalogue also stores the probabilities of scikit-learn's model, with six decimals.
func TestReferencePredictions(t *testing.T) {
	r := metrictest.OpenReference(t)
	e, m := trained(t, features(t, r, "synth"))
	x, err := e.Transform(features(t, r, "holdout"))
	if err != nil {
		t.Fatal(err)
	}
	file := r.Open(t, "pairB/predictions.csv")
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(rows[0], "tstr_lr")
	for i, p := range m.Predict(x) {
		stored, err := strconv.ParseFloat(rows[i+1][at], 64)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(p-stored) > 2e-6 {
			t.Fatalf("row %d: probability %v, want %v", i, p, stored)
		}
	}
}
