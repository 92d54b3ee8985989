package style

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/recorder"

	"github.com/ehrlab/ehrlab/plugins"
)

func points(name string, xs ...float64) plugins.Series {
	return plugins.Series{Name: name, X: xs, Y: xs}
}

// A series has the same place, and so the same colour, in all panels, whether or not others are missing.
func TestPanelsHaveOneOrderOfSeries(t *testing.T) {
	fig := plugins.Figure{XLabel: "x", YLabel: "y", Panels: []plugins.Figure{
		{Series: []plugins.Series{points("b", 1), points("a", 1), points("a", 2)}},
		{Series: []plugins.Series{points("c", 1), points("a", 3)}, YLabel: "own"},
		{},
	}}
	panels, err := Panels(fig)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, p := range panels {
		var row []string
		for _, s := range p.Series {
			row = append(row, strings.TrimSpace(s.Name+" "+strings.Repeat("*", len(s.X))))
		}
		got = append(got, row)
	}
	want := [][]string{{"b *", "a *", "a *", "c"}, {"b", "a *", "a", "c *"}, {"b", "a", "a", "c"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if panels[0].YLabel != "y" || panels[1].YLabel != "own" || fig.Panels[0].YLabel != "" {
		t.Error("labels of panels")
	}
}

func TestScalesOfPanels(t *testing.T) {
	_, c := plain()
	fig := plugins.Figure{Panels: []plugins.Figure{
		{Series: []plugins.Series{points("a", 0, 1)}}, {Series: []plugins.Series{points("a", 50, 100)}}, {},
	}}
	for scales, same := range map[string]bool{"shared": true, "free": false} {
		c.Config.Scales = scales
		p, err := layOut(c, fig)
		if err != nil {
			t.Fatal(err)
		}
		if p.sameX != same || p.sameY != same {
			t.Errorf("%s: x %v, y %v", scales, p.sameX, p.sameY)
		}
		if same && (p.Plots[2].X.Min != p.Plots[0].X.Min || p.Plots[0].X.Min > 0 || p.Plots[0].X.Max < 100 || p.Plots[0].X.Max > 120) {
			t.Errorf("the shared axis runs from %v to %v", p.Plots[0].X.Min, p.Plots[0].X.Max)
		}
	}
}

func TestColumnsOfPanels(t *testing.T) {
	_, c := plain()
	fig := plugins.Figure{}
	for range 5 {
		fig.Panels = append(fig.Panels, plugins.Figure{Series: []plugins.Series{points("a", 0, 1)}})
	}
	for _, want := range []struct {
		width          float64
		columns, drawn int
	}{{88, 0, 2}, {178, 0, 3}, {178, 5, 5}, {178, 1, 1}, {60, 0, 1}} { // five in rows of four and one would be uneven
		c.Config.WidthMM, c.Config.Columns = want.width, want.columns
		p, err := layOut(c, fig)
		if err != nil {
			t.Fatal(err)
		}
		if p.columns != want.drawn {
			t.Errorf("%+v: %d columns", want, p.columns)
		}
	}
	c.Config.WidthMM, c.Config.Columns = 60, 5
	if _, err := layOut(c, fig); err == nil || !strings.Contains(err.Error(), "columns 5 leave too little room") {
		t.Error(err)
	}
}

// What is not above 0 is left out of a logarithmic axis and counted; the end of an interval may lie there.
func TestLogarithmicAxes(t *testing.T) {
	fig, c := plain()
	c.LogX, c.LogY = true, true
	fig.Series = []plugins.Series{{X: []float64{0, 1, 10, 100}, Y: []float64{1, -1, 5, 50}, Low: []float64{0, 0, -1, 2}, High: []float64{2, 2, 9, 90}}}
	pg, err := c.page(fig)
	if err != nil {
		t.Fatal(err)
	}
	if x, y := pg.Plots[0].X, pg.Plots[0].Y; x.Min <= 0 || x.Max < 100 || y.Min <= 0 || y.Max < 90 || !x.Log || !y.Log {
		t.Errorf("%+v %+v", x, y)
	}
	if !strings.HasPrefix(pg.Notes[len(pg.Notes)-1], "2 of the values are not above 0") {
		t.Errorf("%q", pg.Notes)
	}
	if fig.Series[0].X[0] != 0 || fig.Series[0].Y[1] != -1 {
		t.Error("the caller's figure was changed")
	}
	zero := 0.0
	c.Values.YMin = &zero
	if _, err := c.page(fig); err == nil {
		t.Error("a logarithmic axis that starts at 0 was taken")
	}
}

func TestStepsAndPlateaus(t *testing.T) {
	series := []plugins.Series{{X: []float64{1, 2, 4}, Y: []float64{0.2, 0.5, 1}, Low: []float64{0.1, 0.4, 0.9}, High: []float64{0.3, 0.6, 1}}}
	steps := Steps(series)[0]
	if d := cmp.Diff([][]float64{{1, 1, 2, 2, 4, 4}, {0, 0.2, 0.2, 0.5, 0.5, 1}, {0, 0.1, 0.1, 0.4, 0.4, 0.9}}, [][]float64{steps.X, steps.Y, steps.Low}); d != "" {
		t.Error(d)
	}
	bins := Plateaus(series)[0]
	if d := cmp.Diff([][]float64{{0.5, 0.5, 1.5, 1.5, 3, 3, 5, 5}, {0, 0.2, 0.2, 0.5, 0.5, 1, 1, 0}}, [][]float64{bins.X, bins.Y}); d != "" {
		t.Error(d)
	}
	for _, few := range [][]plugins.Series{{{}}, {points("a", 1)}} {
		Steps(few)
		Plateaus(few)
	}
}

func TestArea(t *testing.T) {
	if got := Area(&plugins.Series{X: []float64{0, 0.5, 1}, Y: []float64{0, 1, 1}}); got != 0.75 {
		t.Error(got)
	}
	for _, s := range []plugins.Series{{}, points("", 1), {X: []float64{1, 0}, Y: []float64{0, 1}}, {X: []float64{0, 1}, Y: []float64{0, math.NaN()}}} {
		if got := Area(&s); !math.IsNaN(got) {
			t.Errorf("%v has the area %v", s, got)
		}
	}
}

// A line is parted at gaps and cut at all four sides of the axes.
func TestPolyline(t *testing.T) {
	a := &Axes{Max: vg.Point{X: 10, Y: 10}, x: scale{min: 0, max: 10}, y: scale{min: 0, max: 10}}
	nan := math.NaN()
	for name, c := range map[string]struct {
		points [][2]float64
		want   [][]vg.Point
	}{
		"inside":       {[][2]float64{{1, 1}, {2, 2}, {3, 1}}, [][]vg.Point{{{X: 1, Y: 1}, {X: 2, Y: 2}, {X: 3, Y: 1}}}},
		"a gap":        {[][2]float64{{1, 1}, {2, 2}, {3, nan}, {4, 4}, {5, 5}}, [][]vg.Point{{{X: 1, Y: 1}, {X: 2, Y: 2}}, {{X: 4, Y: 4}, {X: 5, Y: 5}}}},
		"out and in":   {[][2]float64{{1, 1}, {1, 19}, {3, 1}}, [][]vg.Point{{{X: 1, Y: 1}, {X: 1, Y: 10}}, {{X: 2, Y: 10}, {X: 3, Y: 1}}}},
		"right across": {[][2]float64{{-5, 5}, {15, 5}}, [][]vg.Point{{{X: 0, Y: 5}, {X: 10, Y: 5}}}},
		"past":         {[][2]float64{{-5, 5}, {5, 25}}, nil},
	} {
		var r recorder.Canvas
		var at []vg.Point
		for _, q := range c.points {
			at = append(at, a.At(q[0], q[1]))
		}
		a.Polyline(&Pen{canvas: &r}, Ink, 1, nil, at)
		var got [][]vg.Point
		for _, action := range r.Actions {
			if s, ok := action.(*recorder.Stroke); ok {
				var line []vg.Point
				for _, step := range s.Path {
					line = append(line, step.Pos)
				}
				got = append(got, line)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// The fonts are in the PDF file, cut to what is used, and a letter that they lack is a box there.
func TestPDF(t *testing.T) {
	fig, c := plain()
	fig.Notes = []string{"− ↑ ≤ 患"}
	d, err := c.Draw(fig)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(d.PDF, []byte("/FontFile2")); n != 2 {
		t.Errorf("%d fonts are embedded, want 2", n)
	}
	if len(d.PDF) > 60e3 {
		t.Errorf("the file has %d bytes: the fonts are not cut", len(d.PDF))
	}
	if !bytes.Contains(d.PDF, []byte("startxref")) || !bytes.HasSuffix(bytes.TrimSpace(d.PDF), []byte("%%EOF")) {
		t.Error("the file has no end")
	}
	if got := drawable(loadFaces().note.Face, "a患↑"); got != "a□↑" {
		t.Errorf("%q", got)
	}
}

// A page of many metres has fewer dots an inch.
func TestResolution(t *testing.T) {
	for _, c := range []struct {
		width, height vg.Length
		want          int
	}{{88 * vg.Millimeter, 70 * vg.Millimeter, 300}, {400 * vg.Millimeter, 400 * vg.Millimeter, 300}, {vg.Inch, 10000 * vg.Inch, 50}} {
		if got := resolution(c.width, c.height); got != c.want {
			t.Errorf("%v × %v: %d dots an inch, want %d", c.width, c.height, got, c.want)
		}
	}
}

func TestRamp(t *testing.T) {
	r := Ramp{Low: -0.5, High: 1}
	if r.At(0) != warm[0] || r.At(1) != warm[3] || r.At(9) != warm[3] {
		t.Error("the ends of a diverging ramp")
	}
	if r.At(-0.5) == cold[3] { // as far from white as 0.5 is, not as 1 is
		t.Error("the two sides of a diverging ramp run at different speeds")
	}
	if (Ramp{Low: -1, High: 1}).At(-1) != cold[3] {
		t.Error("the low end of a diverging ramp")
	}
	if s := (Ramp{Low: 2, High: 4}); s.At(2) != light[0] || s.At(4) != light[3] {
		t.Error("the ends of a ramp of one side")
	}
	if (Ramp{}).At(0) != between(light, 0.5) {
		t.Error("a ramp without length")
	}
}

// Bands that lie over each other are all seen, in every kind of file.
func TestBandsHideNoBand(t *testing.T) {
	fig, c := plain()
	wide := plugins.Series{Name: "a", X: []float64{0, 1}, Y: []float64{1, 1}, Low: []float64{0, 0}, High: []float64{4, 4}}
	narrow := plugins.Series{Name: "b", X: []float64{0, 1}, Y: []float64{2, 2}, Low: []float64{1, 1}, High: []float64{3, 3}}
	fig.Series = []plugins.Series{narrow, wide}
	var in, beside vg.Point
	c.Marks = func(p *Pen, a *Axes, fig *plugins.Figure) {
		Bands(p, a, fig)
		in, beside = a.At(0.45, 2.05), a.At(0.45, 3.55) // off the grid
	}
	d, err := c.Draw(fig)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(d.PNG))
	if err != nil {
		t.Fatal(err)
	}
	at := func(q vg.Point) color.Color {
		dots := float64(dotsPerInch) / vg.Inch.Points()
		return picture.At(int(q.X.Points()*dots), picture.Bounds().Dy()-int(q.Y.Points()*dots))
	}
	if at(in) == at(beside) {
		t.Errorf("the first band is not seen through the second: both are %v", at(in))
	}
	if n := bytes.Count(d.SVG, []byte("fill-opacity:0.18")); n != 2 {
		t.Errorf("%d of 2 areas of the SVG let through what lies below", n)
	}
	if !bytes.Contains(d.PDF, []byte("/ca 0.18")) {
		t.Error("areas of the PDF let nothing through")
	}
}
