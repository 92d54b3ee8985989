package bars

import (
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func draw(t *testing.T, with string, fig plugins.Figure) (string, error) {
	t.Helper()
	var r plugins.Registry
	Register(&r)
	v, _, err := r.Views.Get("bars").Build([]byte(with))
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Draw(fig)
	if err != nil {
		return "", err
	}
	return string(d.SVG), nil
}

func TestBars(t *testing.T) {
	nan := math.NaN()
	fig := plugins.Figure{Categories: []string{"a", "b", "c"}, Series: []plugins.Series{
		{Name: "one", X: []float64{0, 1, 2}, Y: []float64{0.5, nan, -0.2}, Low: []float64{0.4, nan, -0.3}, High: []float64{0.6, nan, -0.1}},
		{Name: "two", X: []float64{0, 1}, Y: []float64{0.3, 0.2}},
	}}
	svg, err := draw(t, ``, fig)
	if err != nil {
		t.Fatal(err)
	}
	for fill, want := range map[string]int{"fill:#0072B2": 2 + 1, "fill:#D55E00": 2 + 1} { // with the legend
		if got := strings.Count(svg, fill); got != want {
			t.Errorf("%s: %d bars, want %d", fill, got, want)
		}
	}
	if got := strings.Count(svg, "stroke:#222222;stroke-width:0.8"); got != 2*3 {
		t.Errorf("%d strokes of error bars, want 6", got)
	}
}

// Bars need their foot: the axis holds 0 unless the settings say otherwise.
func TestBarsStandOnZero(t *testing.T) {
	fig := plugins.Figure{Categories: []string{"a", "b"}, Series: []plugins.Series{{X: []float64{0, 1}, Y: []float64{0.8, 0.9}}}}
	svg, err := draw(t, ``, fig)
	if err != nil || !strings.Contains(svg, ">0.0<") {
		t.Errorf("%v", err)
	}
	svg, err = draw(t, `{"yMin": 0.5}`, fig)
	if err != nil || strings.Contains(svg, ">0.0<") || !strings.Contains(svg, ">0.5") {
		t.Errorf("%v", err)
	}
}

func TestNumbersBecomeCategories(t *testing.T) {
	fig := plugins.Figure{Series: []plugins.Series{{X: []float64{10000, 1000}, Y: []float64{2, 1}}, {X: []float64{200}, Y: []float64{3}}}}
	svg, err := draw(t, ``, fig)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, want := range []string{">200<", ">1,000<", ">10,000<"} { // in this order
		next := strings.Index(svg[at:], want)
		if next < 0 {
			t.Fatalf("no %s where it belongs", want)
		}
		at += next
	}
	if fig.Series[0].X[0] != 10000 {
		t.Error("the caller's figure was changed")
	}
	fig.Series[0].X[0] = math.NaN()
	if _, err := draw(t, ``, fig); err == nil {
		t.Error("an x that is no number was taken")
	}
	if _, err := draw(t, ``, plugins.Figure{}); err != nil {
		t.Errorf("a figure without series: %v", err)
	}
}

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"legend": "right", "widthMM": 178}`)
}
