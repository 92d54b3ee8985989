package detection_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/detection"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var number = metrictest.Number

func measure(t *testing.T, with string, real, synthetic *frame.Frame) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, detection.Register, "detection", with, metrictest.Pair(real, synthetic, ""))
}

var models = []string{"logistic", "gbdt"}

// ladder returns rows far apart from each other, in an order that no line tells.
func ladder(rng *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i, v := range rng.Perm(n) {
		out[i] = float64(v)
	}
	return out
}

func TestExtremes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := ladder(rng, 100)
	for _, model := range models {
		with := `{"model": "` + model + `"}`
		// each row stands in the same fold as its copy, so both have one probability
		same := measure(t, with, frame.Must(number("x", x...)), frame.Must(number("x", x...)))
		if a, b, c := same.Value("detection_auroc"), same.Value("detection_auroc_fold_mean"), same.Value("detection_accuracy"); a != 0.5 || b != 0.5 || c != 0.5 {
			t.Errorf("%s: a frame against itself: %v, %v, %v", model, a, b, c)
		}
		apart := measure(t, with, frame.Must(number("x", x...)), frame.Must(number("x", 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009)))
		if a, b := apart.Value("detection_auroc"), apart.Value("detection_auroc_fold_mean"); a < 0.99 || b != 1 { // pooled, five models rank rows against each other
			t.Errorf("%s: rows apart: %v, %v", model, a, b)
		}
	}
}

// TestCopiesAcrossFolds puts each synthetic row beside its copy in another fold: trees then take it for real, unless copies are kept together.
func TestCopiesAcrossFolds(t *testing.T) {
	x := ladder(rand.New(rand.NewPCG(3, 4)), 200)
	shifted := append(append([]float64{}, x[1:]...), x[0])
	real, synthetic := frame.Must(number("x", x...)), frame.Must(number("x", shifted...))
	split := measure(t, `{"model": "gbdt"}`, real, synthetic).Score("detection_auroc")
	if split.Value > 0.45 || len(split.Warnings) != 1 {
		t.Errorf("copies in other folds: %+v", split)
	}
	if together := measure(t, `{"model": "gbdt", "copies": "together"}`, real, synthetic).Score("detection_auroc"); together.Value != 0.5 || together.Warnings != nil {
		t.Errorf("copies in one fold: %+v", together)
	}
}

func TestUndefined(t *testing.T) {
	few := frame.Must(number("x", 1, 2, 3, 4, 5, 6))
	for name, frames := range map[string][2]*frame.Frame{
		"no real rows":      {frame.Must(number("x")), few},
		"no synthetic rows": {few, frame.Must(number("x"))},
		"one synthetic row": {few, frame.Must(number("x", 1))},
		"too far":           {few, frame.Must(number("x", 1e200, 1, 1, 1, 1, 1))},
	} {
		for _, s := range measure(t, "", frames[0], frames[1]).Scores {
			if s.Status != plugins.Undefined {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
	two := measure(t, "", few, frame.Must(number("x", 1, 2)))
	if s := two.Score("detection_auroc_fold_mean"); s.Status != plugins.OK || len(s.Warnings) != 1 {
		t.Errorf("three folds without synthetic rows: %+v", s)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []detection.Config{
		{Part: plugins.Reference, Model: "gbdt", Copies: "split"}, {Part: plugins.Test, Model: "forest", Copies: "split"}, {Part: plugins.Test, Model: "gbdt", Copies: "apart"},
	} {
		if _, err := detection.New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestMixedColumns(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(5, 6)), 150, 120)
	for _, model := range models {
		for _, copies := range []string{"split", "together"} {
			got := measure(t, `{"model": "`+model+`", "copies": "`+copies+`"}`, real, synthetic)
			if a := got.Value("detection_auroc"); a < 0.7 { // a level of each side is unknown to the other
				t.Errorf("%s: %v", model, a)
			}
		}
	}
}

// Real rows of one subject are like each other. A model that has seen the others of them knows the row, and tells that it is real even where the
// synthetic rows have the same law.
func TestRowsOfOneSubject(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const subjects, stays = 150, 4
	draw := func(persons, rows int) (*frame.Frame, []string) {
		columns := make([][]float64, 3)
		var ids []string
		for range persons {
			for c := range columns {
				base := rng.NormFloat64()
				for range rows {
					columns[c] = append(columns[c], base+0.05*rng.NormFloat64())
				}
			}
			for range rows {
				ids = append(ids, "p"+strconv.Itoa(len(ids)/rows))
			}
		}
		return frame.Must(number("a", columns[0]...), number("b", columns[1]...), number("c", columns[2]...)), ids
	}
	real, ids := draw(subjects, stays)
	synthetic, _ := draw(subjects*stays, 1)
	pair := metrictest.Pair(real, synthetic, "")
	const with = `{"model": "gbdt"}`
	apart := metrictest.Measure(t, detection.Register, "detection", with, pair).Value("detection_auroc")
	sample := plugins.Sample{Frame: real, Subject: metrictest.Category("subject", ids...)}
	pair = plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: sample, plugins.Test: sample}), synthetic, "")
	kept := metrictest.Measure(t, detection.Register, "detection", with, pair).Value("detection_auroc")
	if apart < 0.6 || kept > 0.55 {
		t.Errorf("AUROC %.3f where subjects are parted, %.3f where they are kept; want more than 0.6 and about 0.5", apart, kept)
	}
}
