package box

import (
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"widthMM": 178, "logY": true, "whiskers": "range"}`)
}

func figure(values ...[]float64) plugins.Figure {
	fig := plugins.Figure{Series: []plugins.Series{{Name: "s"}}}
	for k, v := range values {
		fig.Categories = append(fig.Categories, string(rune('a'+k)))
		fig.Series[0].X, fig.Series[0].Values = append(fig.Series[0].X, float64(k)), append(fig.Series[0].Values, v)
	}
	return fig
}

const blue = "stroke:#0072B2"

// Strokes of the first series: the legend has a frame and a median; a box has a frame, a median, two whiskers and their ends.
func TestBoxes(t *testing.T) {
	few, five := []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4, 5}
	for name, c := range map[string]struct {
		with            string
		values          []float64
		strokes, points int
	}{
		"few values are points with their median": {``, few, 2 + 1, 4},
		"a box with its points":                   {``, five, 2 + 6, 5},
		"a box without them":                      {`{"points": 0}`, five, 2 + 6, 0},
		"beyond the whiskers":                     {`{"points": 0}`, append([]float64{40}, five...), 2 + 6, 1},
		"whiskers to all":                         {`{"points": 0, "whiskers": "range"}`, append([]float64{40}, five...), 2 + 6, 0},
		"what is not finite":                      {``, append([]float64{math.NaN(), math.Inf(1)}, few...), 2 + 1, 4},
		"one value":                               {``, few[:1], 2 + 1, 1},
		"cut by the axis":                         {`{"yMin": 2.5, "yMax": 3.5}`, five, 2 + 2, 1}, // the whiskers lie outside
	} {
		svg, _ := viewtest.Draw(t, Register, c.with, figure(c.values))
		if got := strings.Count(svg, blue); got != c.strokes {
			t.Errorf("%s: %d strokes, want %d", name, got, c.strokes)
		}
		if got := strings.Count(svg, "stroke:#FFFFFF"); got != c.points {
			t.Errorf("%s: %d points, want %d", name, got, c.points)
		}
	}
}

func TestPointsWithoutValuesAreNone(t *testing.T) {
	_, page := viewtest.Draw(t, Register, ``, plugins.Figure{Categories: []string{"a"}, Series: []plugins.Series{{X: []float64{0}, Y: []float64{5}}}})
	if !page.Has("no values") || page.Has("beyond") {
		t.Error("a point without values is no box")
	}
}

func TestWhiskers(t *testing.T) {
	for _, c := range []struct {
		values    []float64
		low, high float64
	}{
		{[]float64{1, 2, 3, 4, 5}, 1, 5},
		{[]float64{-10, 2, 3, 4, 20}, 2, 4}, // quartiles 2 and 4: within −1 and 7
		{[]float64{-1, 2, 3, 4, 7}, -1, 7},  // just within
		{[]float64{0, 0, 0, 0, 9}, 0, 0},    // no height at all
		{[]float64{0, 10, 10, 10, 10, 10, 99}, 10, 10},
	} {
		low, high := whiskers(c.values, quantile(c.values, 0.25), quantile(c.values, 0.75))
		if low != c.low || high != c.high {
			t.Errorf("%v: %v to %v, want %v to %v", c.values, low, high, c.low, c.high)
		}
	}
}

// Values may be quantiles, of which whiskers do not reach to the least and greatest of what they are of.
func TestCaption(t *testing.T) {
	for whiskers, want := range map[string]string{"range": "whiskers to the least and greatest of these values;", "tukey": "within 1.5 times the height of the box;"} {
		if said := (view{Config{Whiskers: whiskers}}).explained(); !strings.Contains(said, want) {
			t.Errorf("%s: %q", whiskers, said)
		}
	}
}

func TestCounts(t *testing.T) {
	fig := figure([]float64{1, 2}, []float64{1, 2, 3}, nil)
	fig.Series = append(fig.Series, plugins.Series{Name: "t", X: []float64{0, 1}, Values: [][]float64{{1, 2}, {1}}})
	_, page := viewtest.Draw(t, Register, ``, fig)
	for _, want := range []string{"n\u00a0=\u00a02", "n\u00a0=\u00a03, 1"} {
		if !page.Has(want) {
			t.Errorf("no %q", want)
		}
	}
	if page.Has("n\u00a0=\u00a00") {
		t.Error("a category without a value has a count")
	}
	if _, page := viewtest.Draw(t, Register, `{"counts": false}`, fig); page.Has("n\u00a0=\u00a02") {
		t.Error("counts stand below boxes that are to have none")
	}
}

func TestSettings(t *testing.T) {
	viewtest.Refused(t, Register, `{"whiskers": "none"}`, `{"points": -1}`, `{"yMin": 1, "yMax": 1}`, `{"widthMM": 5}`)
}
