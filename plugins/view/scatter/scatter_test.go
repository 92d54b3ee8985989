package scatter

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"identity": false, "labels": 20, "widthMM": 120}`, `{"logX": true, "logY": true}`)
}

func TestAgreement(t *testing.T) {
	// mean of y 3; Σ(y−x)² = 1; Σ(y−3)² = 4 + 0 + 0 + 4
	s := plugins.Series{Name: "s", X: []float64{1, 3, 2, 5}, Y: []float64{1, 3, 3, 5}}
	if got := agreement(&s); got != 1-1.0/8 {
		t.Error(got)
	}
	fig := plugins.Figure{Series: []plugins.Series{s}}
	for with, want := range map[string]string{
		``:                    "s: n = 4, r = 0.96, R² = 0.88", // r = 8 / √(8.75 · 8)
		`{"identity": false}`: "s: n = 4, r = 0.96",
	} {
		_, page := viewtest.Draw(t, Register, with, fig)
		if !page.Has(want) {
			t.Errorf("%s: no %q", with, want)
		}
	}
	fig.Series[0].Note = "own words"
	if _, page := viewtest.Draw(t, Register, ``, fig); !page.Has("s: own words") || page.Has("R²") {
		t.Error("the note of the series")
	}
}

// Both axes have the same limits, and only those without a number are left out.
func TestSquare(t *testing.T) {
	nan := math.NaN()
	fig := plugins.Figure{Series: []plugins.Series{{Name: "s", X: []float64{0, 10, nan, 3}, Y: []float64{0, 4, 5, nan}, Labels: []string{"first", "second", "third", "fourth"}}}}
	svg, page := viewtest.Draw(t, Register, ``, fig)
	if got := strings.Count(svg, "stroke:#FFFFFF"); got != 2+1 { // with the legend
		t.Errorf("%d markers, want 3", got)
	}
	if !page.Has("second") || page.Has("fourth") {
		t.Error("labels of points")
	}
	ticks := 0
	for _, text := range page.Texts {
		if text.String == "8" || text.String == "8.0" {
			ticks++
		}
	}
	if ticks != 2 {
		t.Errorf("the tick 8 stands at %d axes, want both", ticks)
	}
}

func TestFarthestAreNamed(t *testing.T) {
	s := plugins.Series{}
	for k := range 10 {
		s.X, s.Y, s.Labels = append(s.X, float64(k)), append(s.Y, float64(k)), append(s.Labels, "point "+string(rune('a'+k)))
	}
	s.Y[4], s.Y[7] = 9, 1
	for labels, want := range map[string][]bool{`{"labels": 0}`: {false, false, false}, `{"labels": 1}`: {false, true, false}, `{"labels": 2}`: {true, true, false}} {
		_, page := viewtest.Draw(t, Register, labels, plugins.Figure{Series: []plugins.Series{s}})
		if got := []bool{page.Has("point e"), page.Has("point h"), page.Has("point a")}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", labels, got, want)
		}
	}
}

func TestSettings(t *testing.T) {
	viewtest.Refused(t, Register, `{"logX": true}`, `{"yMin": 0}`, `{"labels": -1}`)
}
