package logistic

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/reference"
)

// synthetic is a model of the synthetic rows of pair B of the reference values, with what it was fitted on.
type synthetic struct {
	folder  *reference.Folder
	pair    *reference.Pair
	encoder *encode.Encoder
	model   *Model
}

func fitSynthetic(t *testing.T) *synthetic {
	t.Helper()
	folder, err := reference.Open(filepath.Join("..", "..", "metric", "reference", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := folder.Pair("B")
	if err != nil {
		t.Fatal(err)
	}
	s := &synthetic{folder: folder, pair: pair}
	train := s.frame(t, "synth")
	y, err := label.Binary(train.Column(pair.Label), pair.Positive)
	if err != nil {
		t.Fatal(err)
	}
	s.encoder = encode.Fit(train, pair.Label)
	s.model = fit(t, s.design(t, train), y, Config{})
	return s
}

// frame returns the features and the label.
func (s *synthetic) frame(t *testing.T, name string) *frame.Frame {
	t.Helper()
	f, err := s.pair.Frame(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err = f.Select(append(slices.Clone(s.pair.Features), s.pair.Label)...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (s *synthetic) design(t *testing.T, f *frame.Frame) *encode.Design {
	t.Helper()
	x, err := s.encoder.Transform(f)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestReferenceCoefficients(t *testing.T) {
	s := fitSynthetic(t)
	at := slices.IndexFunc(s.folder.Entries, func(e reference.Entry) bool { return e.Metric == "logistic_coefficients_train_synth" })
	if at < 0 {
		t.Fatal("there is no entry with coefficients")
	}
	want := s.folder.Entries[at]
	named, _ := want.Value.(map[string]any)
	got := map[string]any{}
	for j, f := range s.encoder.Features() {
		if _, named := named[f.Variable]; named && f.Part == encode.Value {
			got[f.Variable] = s.model.Weights[j]
		}
	}
	if wrong := want.Compare(got); wrong != "" || len(got) == 0 {
		t.Errorf("%d coefficients: %s", len(got), wrong)
	}
}

// The folder also holds the probabilities of scikit-learn's model, with six decimals.
func TestReferencePredictions(t *testing.T) {
	s := fitSynthetic(t)
	table, err := s.folder.Table("pairB/predictions.csv")
	if err != nil {
		t.Fatal(err)
	}
	p := s.model.Predict(s.design(t, s.frame(t, "holdout")))
	if len(p) != len(table["tstr_lr"]) {
		t.Fatalf("%d predictions, scikit-learn made %d", len(p), len(table["tstr_lr"]))
	}
	for i, text := range table["tstr_lr"] {
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		if !(math.Abs(p[i]-want) <= 2e-6) {
			t.Fatalf("row %d: probability %v, want %v", i, p[i], want)
		}
	}
}
