package style

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"github.com/ehrlab/ehrlab/plugins"
)

// two is a figure of two series with intervals, a gap and counts.
func two() plugins.Figure {
	return plugins.Figure{
		Title: "Title", XLabel: "rows", YLabel: "AUROC (↑ higher is better)", Categories: []string{"few", "many <b>"},
		Series: []plugins.Series{
			{Name: "one", X: []float64{0, 1}, Y: []float64{0.25, 0.123456}, Low: []float64{0.1, 0.12}, High: []float64{0.3, 0.13}, N: []int{12, 3400}},
			{Name: "two", X: []float64{0, 1}, Y: []float64{math.NaN(), -0.5}},
		},
	}
}

func drawn(t *testing.T, fig plugins.Figure) *plugins.Drawing {
	t.Helper()
	chart := Chart{Config: Defaults(), Zero: true, Key: AreaKey, Marks: Bars}
	d, err := chart.Draw(fig)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// groups counts the shapes inside each group of a kind, by its number.
func groups(t *testing.T, svg []byte, kind string) map[string]int {
	t.Helper()
	found := map[string]int{}
	var open []string
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := ""
			for _, a := range e.Attr {
				if a.Name.Local == kind {
					name = a.Value
				}
			}
			open = append(open, name)
			if e.Name.Local != "g" {
				for _, group := range open {
					if group != "" {
						found[group]++
					}
				}
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}

func TestSeriesAreGroups(t *testing.T) {
	d := drawn(t, two())
	if !slices.Equal(d.Shown.Series, []string{"one", "two"}) {
		t.Errorf("series %q", d.Shown.Series)
	}
	// two bars of three strokes for an interval each, and one bar
	if got := groups(t, d.SVG, "data-series"); got["0"] != 2*(1+3) || got["1"] != 1 || len(got) != 2 {
		t.Errorf("shapes of the series: %v", got)
	}
	if got := groups(t, d.SVG, "data-key"); got["0"] != 2 || got["1"] != 2 || len(got) != 2 {
		t.Errorf("parts of the legend: %v", got)
	}
}

func TestSpotsSayTheValues(t *testing.T) {
	d := drawn(t, two())
	var texts []string
	for _, s := range d.Shown.Spots {
		texts = append(texts, fmt.Sprint(s.Series, " ", s.Text))
	}
	want := []string{
		"0 one\nrows: few\nAUROC: 0.25 [0.1, 0.3]\nn: 12",
		"0 one\nrows: many <b>\nAUROC: 0.1235 [0.12, 0.13]\nn: 3,400",
		"1 two\nrows: many <b>\nAUROC: −0.5",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("%q\nwant %q", texts, want)
	}
	// the end of each bar, as it is drawn: its upper edge, or the lower one of what is below 0
	bars := regexp.MustCompile(`<path d="M([\d.]+),([\d.]+)L([\d.]+),[\d.]+L[\d.]+,([\d.]+)[^"]*" style="fill:#(0072B2|D55E00)" />`).FindAllSubmatch(d.SVG, -1)
	size := regexp.MustCompile(`viewBox="0 0 [\d.]+ ([\d.]+)"`).FindSubmatch(d.SVG)
	number := func(raw []byte) (f float64) {
		if _, err := fmt.Sscan(string(raw), &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	if len(bars) < 3 {
		t.Fatalf("%d bars in the drawing", len(bars))
	}
	for i, s := range d.Shown.Spots {
		x, y := (number(bars[i][1])+number(bars[i][3]))/2, number(size[1])-number(bars[i][4])
		if math.Abs(s.X-x) > 0.06 || math.Abs(s.Y-y) > 0.06 {
			t.Errorf("spot %d is at (%v, %v), its bar ends at (%.2f, %.2f)", i, s.X, s.Y, x, y)
		}
	}
}

// A page of text keeps its width whatever font stands in for ours.
func TestTextsSayHowWideTheyAre(t *testing.T) {
	d := drawn(t, two())
	texts := regexp.MustCompile(`(?s)<text (textLength="[\d.]+" lengthAdjust="spacingAndGlyphs" )?[^>]*?font-weight:(\w+)[^>]*?font-size:([\d.]+)px[^>]*>([^<]*)</text>`).FindAllSubmatch(d.SVG, -1)
	if len(texts) != strings.Count(string(d.SVG), "<text ") || len(texts) < 8 {
		t.Fatalf("%d texts", len(texts))
	}
	title := loadFaces().title
	for _, m := range texts {
		if len(m[1]) == 0 {
			t.Errorf("text %q has no width", m[4])
		}
		if want := fmt.Sprintf(`textLength="%.5g"`, title.Width("Title").Points()); string(m[4]) == "Title" && !strings.HasPrefix(string(m[1]), want) {
			t.Errorf("the title has %s, want %s", m[1], want)
		}
	}
}

func TestCloseSpotsAreOne(t *testing.T) {
	p := &Pen{layers: newLayers(100, 100)}
	for i := range 100 {
		p.Spot(0, vg.Point{X: vg.Length(i) / 10, Y: 5}, "x")
	}
	p.Spot(1, vg.Point{X: 0, Y: 5}, "of another series", "", "second line")
	p.Spot(0, vg.Point{X: vg.Length(math.NaN()), Y: 5}, "nowhere")
	spots := p.layers.shown.Spots
	if n := len(spots); n != 8 { // 0, 1.5, … 9, and the other
		t.Errorf("%d spots", n)
	}
	if last := spots[len(spots)-1]; last.Series != 1 || last.Text != "of another series\nsecond line" || last.Y != 95 {
		t.Errorf("%+v", last)
	}
}

func TestEstimates(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.5: "0.5", 0.123456: "0.1235", -0.00012344: "−0.0001234", 12345.6: "12,350", 1e-20: "1e-20", 99995: "100,000", 2: "2", 1e300: "1e+300",
	} {
		if got := Estimate(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func TestGridsHoldAMatrix(t *testing.T) {
	p := &Pen{layers: newLayers(200, 100)}
	m := &plugins.Matrix{Name: "m", Rows: []string{"a", "b"}, Columns: []string{"c"}, Values: [][]float64{{0.5}, {math.NaN()}}}
	p.Grid(vg.Point{X: 10, Y: 20}, vg.Point{X: 110, Y: 80}, m)
	g := p.layers.shown.Grids[0]
	if g.X != 10 || g.Y != 20 || g.Width != 100 || g.Height != 60 || g.Values[0][0] != "0.5" || g.Values[1][0] != "" || g.Title != "m" {
		t.Errorf("%+v", g)
	}
}
