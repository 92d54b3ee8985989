package forest

import (
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"widthMM": 178, "log": true}`, `{"sort": "value", "numbers": false}`)
}

func hospitals() plugins.Figure {
	nan := math.NaN()
	return plugins.Figure{XLabel: "hospital", YLabel: "AUROC", Categories: []string{"b", "c", "a"}, Series: []plugins.Series{{
		Name: "copula", X: []float64{0, 1, 2}, Y: []float64{0.7, nan, 0.8}, Low: []float64{0.6, nan, 0.75}, High: []float64{0.8, nan, 0.85}, N: []int{1500, 0, 20},
		Summary: &plugins.Summary{Name: "all of them", Value: 0.75, Low: 0.72, High: 0.78, PredictLow: 0.5, PredictHigh: 1, N: 1520, Note: "I² 43 %"},
	}}}
}

func order(page *viewtest.Page) string {
	var names []string
	for _, text := range page.Texts { // as they are drawn: from top to bottom
		if len(text.String) == 1 && strings.Contains("abc", text.String) {
			names = append(names, text.String)
		}
	}
	return strings.Join(names, " ")
}

func TestForest(t *testing.T) {
	svg, page := viewtest.Draw(t, Register, `{"lines": [{"y": 0.5, "label": "chance"}]}`, hospitals())
	for _, want := range []string{"0.70 (0.60, 0.80)", "0.75 (0.72, 0.78)", "1,500", "1,520", "all of them", "all of them: I² 43 %", "Dashed line at 0.5: chance.", "Diamond:", "value (interval)"} {
		if !page.Has(want) {
			t.Errorf("no %q", want)
		}
	}
	// the legend, two intervals and the prediction interval; what has no value has no line
	if got := strings.Count(svg, "stroke:#0072B2;stroke-width:0.8"); got != 4 {
		t.Errorf("%d strokes, want 4", got)
	}
	if _, page = viewtest.Draw(t, Register, `{"numbers": false}`, hospitals()); page.Has("0.70 (0.60") {
		t.Error("numbers were printed")
	}
}

func TestOrder(t *testing.T) {
	for with, want := range map[string]string{``: "b c a", `{"sort": "name"}`: "a b c", `{"sort": "value"}`: "a b c"} {
		if _, page := viewtest.Draw(t, Register, with, hospitals()); order(page) != want {
			t.Errorf("%s: %s, want %s", with, order(page), want)
		}
	}
	viewtest.Refused(t, Register, `{"sort": "size"}`, `{"yMin": 2, "yMax": 1}`)
}

// The page grows with the lines, and each has room for its name.
func TestHeight(t *testing.T) {
	fig := hospitals()
	_, few := viewtest.Draw(t, Register, ``, fig)
	for range 40 {
		fig.Series[0].X = append(fig.Series[0].X, float64(len(fig.Categories)))
		fig.Series[0].Y, fig.Series[0].Low, fig.Series[0].High = append(fig.Series[0].Y, 0.7), append(fig.Series[0].Low, 0.6), append(fig.Series[0].High, 0.8)
		fig.Series[0].N = append(fig.Series[0].N, 9)
		fig.Categories = append(fig.Categories, "St. Mary and St. Joseph teaching hospital")
	}
	_, many := viewtest.Draw(t, Register, ``, fig)
	if grown := many.Height - few.Height; grown < 40*2*9 {
		t.Errorf("40 lines of two lines of text more made the page %v points higher", grown)
	}
}

// An interval that leaves the axis ends in an arrow.
func TestCutIntervals(t *testing.T) {
	whole, _ := viewtest.Draw(t, Register, `{"numbers": false}`, hospitals())
	cut, _ := viewtest.Draw(t, Register, `{"numbers": false, "yMin": 0.65, "yMax": 0.9}`, hospitals())
	strokes := func(svg string) int { return strings.Count(svg, "stroke:#0072B2;stroke-width:0.8") }
	if got := strokes(cut) - strokes(whole); got != 3 { // one end of an interval, both of the prediction
		t.Errorf("%d arrows, want 3", got)
	}
}
