package line

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func draw(t *testing.T, with string, fig plugins.Figure) string {
	t.Helper()
	var r plugins.Registry
	Register(&r)
	v, _, err := r.Views.Get("line").Build([]byte(with))
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Draw(fig)
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.Draw(fig)
	if err != nil || !bytes.Equal(d.SVG, again.SVG) || !bytes.Equal(d.PNG, again.PNG) {
		t.Error("a second drawing differs")
	}
	return string(d.SVG)
}

const blue = "stroke:#0072B2"

// lines counts the strokes in the colour of the first series: runs of the line, error bars with two caps each.
func lines(svg string) int { return strings.Count(svg, blue) }

func TestSegmentsGapsAndIntervals(t *testing.T) {
	nan := math.NaN()
	s := func(y ...float64) plugins.Series {
		xs := []float64{1, 2, 3, 4}[:len(y)]
		return plugins.Series{X: xs, Y: y}
	}
	bounded := s(1, 2, 3, 4)
	bounded.Low, bounded.High = []float64{0, 1, nan, 3}, []float64{2, 3, nan, 5}
	for name, c := range map[string]struct {
		with string
		s    plugins.Series
		want int
	}{
		"four points": {``, s(1, 2, 3, 4), 1}, // one line

		"a gap":         {``, s(1, nan, 3, 4), 1},
		"lone points":   {``, s(1, nan, 3, nan), 0},
		"one point":     {``, s(1), 0},
		"an infinity":   {``, s(1, math.Inf(1), 3, 4), 1},
		"two runs":      {``, s(1, 2, nan, 4), 1},
		"intervals":     {``, bounded, 1 + 3*3},
		"no intervals":  {`{"interval": "none"}`, bounded, 1},
		"band":          {`{"interval": "band"}`, bounded, 1 + 3},                               // the lone point has a bar
		"cut segment":   {`{"yMax": 2.9, "yMin": 0, "interval": "none"}`, s(1, 2, 3, 4), 2},     // what is inside, and what leaves
		"cut intervals": {`{"yMax": 2.5, "yMin": 0.5, "interval": "bars"}`, bounded, 2 + 2 + 2}, // bars of two points, a cap each
		"log":           {`{"logY": true}`, s(1, 0, -1, 4), 0},                                  // nothing is left of the line
	} {
		if got := lines(draw(t, c.with, plugins.Figure{Series: []plugins.Series{c.s}})); got != c.want {
			t.Errorf("%s: %d strokes, want %d", name, got, c.want)
		}
	}
	band := draw(t, `{"interval": "band"}`, plugins.Figure{Series: []plugins.Series{bounded}})
	if strings.Count(band, "fill-opacity:") != 1 {
		t.Error("the band of the first two points is missing")
	}
}

func TestLegendAndAxes(t *testing.T) {
	fig := plugins.Figure{Series: []plugins.Series{
		{Name: "first series", X: []float64{100, 10000}, Y: []float64{1, 2}}, {Name: "second", X: []float64{100, 10000}, Y: []float64{2, 1}},
	}}
	for with, want := range map[string]bool{``: true, `{"legend": "right", "widthMM": 120}`: true, `{"legend": "none"}`: false} {
		if got := strings.Contains(draw(t, with, fig), ">first series<"); got != want {
			t.Errorf("%s: legend is %v", with, got)
		}
	}
	if svg := draw(t, `{"logX": true, "lines": [{"y": 1.5, "label": "chance"}]}`, fig); !strings.Contains(svg, ">10,000<") || !strings.Contains(svg, "Dashed line at 1.5: chance.") {
		t.Error("a tick or the reference line is missing")
	}
	fig.Categories = []string{"low", "high"}
	for i := range fig.Series {
		fig.Series[i].X = []float64{0, 1}
	}
	if svg := draw(t, `{"logX": true}`, fig); !strings.Contains(svg, ">low<") {
		t.Error("logX is for numbers; categories stay as they are")
	}
}

func TestSettings(t *testing.T) {
	var r plugins.Registry
	Register(&r)
	for _, with := range []string{`{"interval": "boxes"}`, `{"legend": "left"}`, `{"widthMM": 5}`, `{"yMin": 1, "yMax": 0}`, `{"colour": "red"}`} {
		if _, _, err := r.Views.Get("line").Build([]byte(with)); err == nil {
			t.Errorf("%s was taken", with)
		}
	}
	_, settings, err := r.Views.Get("line").Build(nil)
	if err != nil || string(settings) != `{"widthMM":88,"heightMM":0,"legend":"below","columns":0,"scales":"shared","logX":false,"logY":false,"interval":"bars"}` {
		t.Errorf("%s %v", settings, err)
	}
}

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"logX": true, "logY": true, "interval": "band", "widthMM": 178, "legend": "right"}`)
}
