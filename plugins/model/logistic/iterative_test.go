package logistic

import (
	"math"
	"testing"
)

func TestIterationsFindTheSameModel(t *testing.T) {
	x, y := design(12, 300, 2, 40)
	exact, iterated := fit(t, x, y, Config{}), fit(t, x, y, Config{Iterative: true})
	for j, w := range exact.Weights {
		if math.Abs(w-iterated.Weights[j]) > 1e-7 {
			t.Errorf("weight %d is %v, by iterations %v", j, w, iterated.Weights[j])
		}
	}
	if math.Abs(exact.Intercept-iterated.Intercept) > 1e-7 {
		t.Errorf("intercept %v, by iterations %v", exact.Intercept, iterated.Intercept)
	}
}
