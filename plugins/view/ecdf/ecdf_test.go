package ecdf

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"legend": "right", "widthMM": 120, "logX": true}`)
}

func TestSteps(t *testing.T) {
	fig := plugins.Figure{XLabel: "age", Series: []plugins.Series{{Name: "real", X: []float64{1, 2, 3, 4}, Y: []float64{0.25, 0.5, 0.75, 1}}, {Name: "synthetic", X: []float64{2}, Y: []float64{1}}}}
	svg, page := viewtest.Draw(t, Register, ``, fig)
	line := regexp.MustCompile(`d="(M[^"]*)"[^>]*stroke:#0072B2`).FindAllStringSubmatch(svg, -1)
	if len(line) != 2 || strings.Count(line[0][1], "L") != 7 { // eight corners; the other is in the legend
		t.Errorf("%q", line)
	}
	if !page.Has("cumulative share") || !page.Has("1.0") {
		t.Error("the y axis")
	}
	if len(fig.Series[0].X) != 4 {
		t.Error("the caller's figure was changed")
	}
}
