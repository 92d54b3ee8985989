package blandaltman

import (
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"widthMM": 178, "intervals": false}`)
}

// Differences 1, 2, 3: mean 2, SD 1; t(2) at 97.5 % is 4.3027.
func TestLimits(t *testing.T) {
	fig := plugins.Figure{Series: []plugins.Series{{Y: []float64{1, 2, 3}}}}
	l, ok := limitsOf(&fig)
	if !ok {
		t.Fatal("no limits")
	}
	for name, c := range map[string][2]float64{
		"bias": {l.bias, 2}, "low": {l.low, 2 - 1.959964}, "high": {l.high, 2 + 1.959964},
		"interval of the bias":   {l.aboutBias, 4.302653 / math.Sqrt(3)},
		"interval of the limits": {l.aboutIt, 4.302653 * math.Sqrt(1.0/3+1.959964*1.959964/4)},
	} {
		if math.Abs(c[0]-c[1]) > 1e-5 {
			t.Errorf("%s: %v, want %v", name, c[0], c[1])
		}
	}
	fig.Series[0].Y = fig.Series[0].Y[:1]
	if _, ok := limitsOf(&fig); ok {
		t.Error("one difference has limits")
	}
}

func TestValuesArePrinted(t *testing.T) {
	nan := math.NaN()
	fig := plugins.Figure{XLabel: "real (↑ higher is better)", YLabel: "synthetic (↑ higher is better)", Series: []plugins.Series{
		{X: []float64{10, 20, nan, 30}, Y: []float64{11, 22, 7, 33}},
	}}
	_, page := viewtest.Draw(t, Register, ``, fig)
	for _, want := range []string{"bias, n = 3", "2.00", "3.96", "0.04", "mean of real and synthetic", "synthetic − real"} {
		if !page.Has(want) {
			t.Errorf("no %q", want)
		}
	}
	if page.Has("↑") {
		t.Error("a difference is said to be better when it is higher")
	}
}

// Limits are those of one series, so each has a panel.
func TestSeriesHavePanels(t *testing.T) {
	fig := plugins.Figure{Series: []plugins.Series{{Name: "a", X: []float64{1, 2, 3}, Y: []float64{1, 2, 4}}, {Name: "b", X: []float64{1, 2}, Y: []float64{1, 2.5}}}}
	_, page := viewtest.Draw(t, Register, `{"widthMM": 178}`, fig)
	for _, want := range []string{"a", "b", "bias, n = 3", "bias, n = 2"} {
		if !page.Has(want) {
			t.Errorf("no %q", want)
		}
	}
	if _, err := viewtest.Build(t, Register, ``).Draw(plugins.Figure{Panels: []plugins.Figure{fig}}); err == nil {
		t.Error("a panel of two series was taken")
	}
}
