package pr

import (
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"columns": 3, "widthMM": 60}`)
}

func TestChanceLine(t *testing.T) {
	prevalence := 0.2
	s := plugins.Series{Name: "a", X: []float64{0, 1}, Y: []float64{1, 0.2}, Note: "AUPRC 0.55"}
	const dotted = "stroke-dasharray:1.5,1.5"
	svg, page := viewtest.Draw(t, Register, ``, plugins.Figure{Series: []plugins.Series{s}})
	if strings.Contains(svg, dotted) || page.Has("Dotted") {
		t.Error("a line of chance that nobody knows")
	}
	s.Chance = &prevalence
	for _, fig := range []plugins.Figure{{Series: []plugins.Series{s}}, {Panels: []plugins.Figure{{Series: []plugins.Series{s}}}}} {
		svg, page = viewtest.Draw(t, Register, ``, fig)
		if strings.Count(svg, dotted) != 1 || !page.Has("Dotted: the precision of chance") || !page.Has("a: AUPRC 0.55") {
			t.Error("the line of chance or what it means is missing")
		}
	}
}
