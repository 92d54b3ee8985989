package roc

import (
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
	"github.com/google/go-cmp/cmp"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"legend": "right", "widthMM": 178}`)
}

func TestROC(t *testing.T) {
	fig := plugins.Figure{Series: []plugins.Series{
		{Name: "own", X: []float64{0, 0.5, 1}, Y: []float64{0.2, 0.8, 1}, Low: []float64{0.1, 0.7, 1}, High: []float64{0.3, 0.9, 1}},
		{Name: "noted", X: []float64{0, 1}, Y: []float64{0, 1}, Note: "AUC 0.5 (0.4 to 0.6)"},
	}}
	svg, page := viewtest.Draw(t, Register, ``, fig)
	for _, want := range []string{"own: AUC 0.70", "noted: AUC 0.5 (0.4 to 0.6)", "1 − specificity", "sensitivity"} {
		if !page.Has(want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Count(svg, "fill-opacity:") != 1 {
		t.Error("the band is missing")
	}
	if len(fig.Series[0].X) != 3 {
		t.Error("the caller's figure was changed")
	}
	rise := fromOrigin(fig.Series)
	if d := cmp.Diff([][]float64{{0, 0, 0.5, 1}, {0, 0.2, 0.8, 1}, {0, 0.1, 0.7, 1}}, [][]float64{rise[0].X, rise[0].Y, rise[0].Low}); d != "" {
		t.Error(d)
	}
	if len(rise[1].X) != 2 {
		t.Error("a curve from the origin has another start")
	}
}

// In small multiples a series is in several places: the legend says nothing of one of them.
func TestPanelsTellNoArea(t *testing.T) {
	one := plugins.Figure{Title: "one", Series: []plugins.Series{{Name: "a", X: []float64{0, 1}, Y: []float64{0, 1}}}}
	_, page := viewtest.Draw(t, Register, `{"widthMM": 178}`, plugins.Figure{Panels: []plugins.Figure{one, one}})
	if page.Has("AUC") {
		t.Error("the area of one panel stands for all")
	}
}
