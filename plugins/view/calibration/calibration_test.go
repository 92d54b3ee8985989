package calibration

import (
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) { viewtest.Hostile(t, Register, ``, `{"heightMM": 150}`) }

func TestCalibration(t *testing.T) {
	fig := plugins.Figure{Series: []plugins.Series{{Name: "a", X: []float64{0.1, 0.5, 0.9}, Y: []float64{0.2, 0.5, 0.8}, Low: []float64{0.1, 0.4, 0.7}, High: []float64{0.3, 0.6, 0.9}, N: []int{50, 1200, 30}}}}
	const bar, counts = "stroke:#0072B2;stroke-width:0.8", "fill:#0072B2"
	for with, want := range map[string]struct {
		rows bool
		area int
	}{``: {true, 3 + 3 + 1}, `{"counts": false}`: {false, 3 + 1}} { // markers, that of the legend and the histogram
		svg, page := viewtest.Draw(t, Register, with, fig)
		if got := strings.Count(svg, bar); got != 3*3 {
			t.Errorf("%s: %d strokes of error bars, want 9", with, got)
		}
		if got := strings.Count(svg, counts); got != want.area {
			t.Errorf("%s: %d areas, want %d", with, got, want.area)
		}
		if page.Has("1,200") != want.rows || page.Has("rows") != want.rows {
			t.Errorf("%s: the histogram's axis", with)
		}
	}
	fig.Series[0].N = nil
	if _, page := viewtest.Draw(t, Register, ``, fig); page.Has("rows") {
		t.Error("a histogram of nothing")
	}
}
