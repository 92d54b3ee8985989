package ranking

import (
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"widthMM": 178, "cut": 1}`, `{"order": "given", "most": 1}`, `{"order": "ascending", "yMax": 0.1}`)
}

func importances() plugins.Figure {
	return plugins.Figure{XLabel: "column", YLabel: "importance", Categories: []string{"b", "c", "a", "d"}, Series: []plugins.Series{{
		X: []float64{0, 1, 2, 3}, Y: []float64{0.2, math.NaN(), 0.5, 0.1}, Low: []float64{0.1, math.NaN(), 0.4, math.NaN()}, High: []float64{0.3, math.NaN(), 0.6, math.NaN()},
	}}}
}

func order(page *viewtest.Page) string {
	var names []string
	for _, text := range page.Texts { // as they are drawn: from top to bottom
		if len(text.String) == 1 && strings.Contains("abcd", text.String) {
			names = append(names, text.String)
		}
	}
	return strings.Join(names, " ")
}

func TestOrder(t *testing.T) {
	for with, want := range map[string]string{``: "a b d c", `{"order": "ascending"}`: "d b a c", `{"order": "given"}`: "b c a d", `{"most": 2}`: "a b"} {
		if _, page := viewtest.Draw(t, Register, with, importances()); order(page) != want {
			t.Errorf("%s: %s, want %s", with, order(page), want)
		}
	}
	if _, page := viewtest.Draw(t, Register, `{"most": 3}`, importances()); !page.Has("1 of 4 are left out.") {
		t.Error("nothing says that a bar is left out")
	}
	viewtest.Refused(t, Register, `{"order": "size"}`, `{"cut": -1}`, `{"yMin": 2, "yMax": 1}`)
}

// One bar for each value, none for a missing one, and the line where the first bars end.
func TestBarsAndCut(t *testing.T) {
	whole, _ := viewtest.Draw(t, Register, ``, importances())
	cut, _ := viewtest.Draw(t, Register, `{"cut": 2}`, importances())
	if got := strings.Count(whole, "fill:#0072B2"); got != 3 {
		t.Errorf("%d bars, want 3", got)
	}
	dashes := func(svg string) int { return strings.Count(svg, "stroke-width:0.9;stroke-dasharray") }
	if dashes(whole) != 0 || dashes(cut) != 1 {
		t.Errorf("%d lines without cut, %d with it", dashes(whole), dashes(cut))
	}
	if past, _ := viewtest.Draw(t, Register, `{"cut": 4}`, importances()); dashes(past) != 0 {
		t.Error("a line below the last bar")
	}
}
