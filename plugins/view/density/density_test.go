package density

import (
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"steps": true, "widthMM": 178}`)
}

const filled = "fill:#BFDCEC" // a quarter of the first colour

func TestFirstSeriesIsFilled(t *testing.T) {
	fig := plugins.Figure{Series: []plugins.Series{
		{Name: "real", X: []float64{0, 1, 2}, Y: []float64{0.1, 0.8, 0.1}}, {Name: "synthetic", X: []float64{0, 1, 2}, Y: []float64{0.2, 0.6, 0.2}},
	}}
	for with, want := range map[string]int{``: 2, `{"steps": true}`: 2, `{"fill": false}`: 0} { // with the legend
		svg, page := viewtest.Draw(t, Register, with, fig)
		if got := strings.Count(svg, filled); got != want {
			t.Errorf("%s: %d areas, want %d", with, got, want)
		}
		if !page.Has("0.0") {
			t.Errorf("%s: the axis does not start at 0", with)
		}
	}
}

func TestCategoriesAreBars(t *testing.T) {
	s := plugins.Series{Name: "real", X: []float64{0, 1}, Y: []float64{0.7, 0.3}}
	panel := plugins.Figure{Categories: []string{"a", "b"}, Series: []plugins.Series{s}}
	for _, fig := range []plugins.Figure{panel, {Panels: []plugins.Figure{panel, {Series: []plugins.Series{s}}}}} {
		svg, _ := viewtest.Draw(t, Register, `{"steps": true, "fill": false}`, fig)
		if got := strings.Count(svg, "fill:#0072B2"); got != 2 {
			t.Errorf("%d bars, want 2", got)
		}
	}
}
