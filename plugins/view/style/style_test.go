package style

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/recorder"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		s    scale
		want string
	}{
		{scale{min: 0, max: 1}, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{scale{min: 0.5, max: 0.9}, "0.50 0.55 0.60 0.65 0.70 0.75 0.80 0.85 0.90"},
		{scale{min: -0.48, max: 0.96}, "−0.4 −0.2 0.0 0.2 0.4 0.6 0.8"},
		{scale{min: 0, max: 20000}, "0 5,000 10,000 15,000 20,000"},
		{scale{min: -1e-9, max: 1e-9}, "−1e-09 −5e-10 0 5e-10 1e-09"},
		{scale{min: 900, max: 11000, log: true}, "1,000 2,000 5,000 10,000"},
		{scale{min: 0.5, max: 2e6, log: true}, "1 10 100 1,000 10,000 100,000 1,000,000"},
		{scale{min: 3, max: 4, log: true}, "3.0 3.2 3.4 3.6 3.8 4.0"}, // no power of ten in sight
	} {
		var labels []string
		for _, tick := range c.s.ticks(8) {
			labels = append(labels, tick.label)
			if at := c.s.at(tick.value); at < -1e-9 || at > 1+1e-9 {
				t.Errorf("%v: tick %v lies outside", c.s, tick.value)
			}
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v: %s, want %s", c.s, got, c.want)
		}
	}
}

func TestFormatValue(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "−1,234,567", 0.25: "0.25", 1e12: "1e+12", 0.1234567891: "0.1235"} {
		if got := FormatValue(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

// Wrapped text keeps every letter, and no line is wider than asked unless it is a single letter.
func TestWrap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := loadFaces().tick
	for range 500 {
		var b strings.Builder
		for range rng.IntN(40) {
			b.WriteRune([]rune("aWi _-/.é↑")[rng.IntN(10)])
		}
		width := vg.Length(rng.Float64() * 80)
		lines, _ := f.wrapped(b.String(), width)
		for _, l := range lines {
			if f.Width(l) > width && len([]rune(l)) > 1 {
				t.Fatalf("%q at %v: line %q is %v wide", b.String(), width, l, f.Width(l))
			}
		}
		bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if bare(b.String()) != bare(strings.Join(lines, "")) {
			t.Fatalf("%q became %q", b.String(), lines)
		}
	}
	if _, cut := f.wrapped("gaussian-copula", f.Width("gaussian-")); cut {
		t.Error("a break at a hyphen is no cut")
	}
	if _, cut := f.wrapped("gaussian", f.Width("gauss")); !cut {
		t.Error("a broken word is a cut")
	}
}

// extent follows the transformations of a recorded drawing and returns the corners of all texts.
func extent(actions []recorder.Action) (low, high vg.Point, texts []string) {
	type frame struct {
		x, y  vg.Length
		angle float64
	}
	low, high = vg.Point{X: vg.Length(math.Inf(1)), Y: vg.Length(math.Inf(1))}, vg.Point{X: vg.Length(math.Inf(-1)), Y: vg.Length(math.Inf(-1))}
	now := frame{}
	var stack []frame
	for _, a := range actions {
		switch a := a.(type) {
		case *recorder.Push:
			stack = append(stack, now)
		case *recorder.Pop:
			now, stack = stack[len(stack)-1], stack[:len(stack)-1]
		case *recorder.Translate: // only ever before a rotation
			now.x, now.y = now.x+a.Point.X, now.y+a.Point.Y
		case *recorder.Rotate:
			now.angle += a.Angle
		case *recorder.FillString:
			texts = append(texts, a.String)
			face := sized(a.Font)
			e, w := face.Extents(), face.Width(a.String)
			for _, corner := range []vg.Point{{X: 0, Y: -e.Descent}, {X: w, Y: -e.Descent}, {X: 0, Y: a.Font.Size * 0.75}, {X: w, Y: a.Font.Size * 0.75}} {
				x, y := corner.X+a.Point.X, corner.Y+a.Point.Y
				sin, cos := math.Sincos(now.angle)
				px, py := now.x+x*vg.Length(cos)-y*vg.Length(sin), now.y+x*vg.Length(sin)+y*vg.Length(cos)
				low.X, low.Y = min(low.X, px), min(low.Y, py)
				high.X, high.Y = max(high.X, px), max(high.Y, py)
			}
		}
	}
	return low, high, texts
}

func sized(f font.Font) *font.Face {
	face := loadFaces().note.Face
	if f.Weight > 0 {
		face = loadFaces().title.Face
	}
	face.Font.Size = f.Size
	return &face
}

func word(rng *rand.Rand) string {
	return strings.Repeat("m", 1+rng.IntN(6)) + []string{"", "-x", " and more", "_with_a_long_tail_that_goes_on", "%", "↑"}[rng.IntN(6)]
}

func phrase(rng *rand.Rand, most int) string {
	words := make([]string, rng.IntN(most))
	for i := range words {
		words[i] = word(rng)
	}
	return strings.Join(words, " ")
}

func figure(rng *rand.Rand) (plugins.Figure, Chart) {
	fig := plugins.Figure{Title: phrase(rng, 20), XLabel: phrase(rng, 4), YLabel: phrase(rng, 12)}
	points := rng.IntN(12)
	if rng.IntN(2) == 0 {
		for range points {
			fig.Categories = append(fig.Categories, word(rng))
		}
	}
	for range rng.IntN(10) {
		s := plugins.Series{Name: phrase(rng, 4)}
		for k := range points {
			x := float64(k)
			if fig.Categories == nil {
				x = math.Exp(float64(k))
			}
			y := rng.NormFloat64() * math.Pow(10, float64(rng.IntN(8)-4))
			if rng.IntN(5) == 0 {
				y = math.NaN()
			}
			s.X, s.Y = append(s.X, x), append(s.Y, y)
			s.Low, s.High = append(s.Low, y-rng.Float64()), append(s.High, y+rng.Float64())
		}
		fig.Series = append(fig.Series, s)
	}
	for range rng.IntN(3) {
		fig.Notes = append(fig.Notes, phrase(rng, 30))
	}
	c := Chart{Own: true, Config: Defaults(), LogX: rng.IntN(2) == 0 && fig.Categories == nil, Zero: rng.IntN(2) == 0}
	c.Config.WidthMM = 60 + rng.Float64()*120
	c.Config.Legend = []string{"below", "right", "none"}[rng.IntN(3)]
	c.Values.Lines = []Reference{{Y: rng.NormFloat64(), Label: phrase(rng, 9)}}
	c.Key = func(p *Pen, i int, at vg.Point, w, _ vg.Length) { p.Marker(i, at, w/8) }
	c.Marks = func(*Pen, *Axes, *plugins.Figure) {}
	return fig, c
}

// Whatever the texts are, none leaves the page, and the axes keep room for the data.
func TestNothingIsClipped(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 400 {
		fig, c := figure(rng)
		p, err := layOut(c, fig)
		if err != nil {
			t.Fatalf("figure %d: %v", i, err)
		}
		var r recorder.Canvas
		p.draw(&Pen{canvas: &r})
		low, high, texts := extent(r.Actions)
		const slack = 0.01
		if len(texts) > 0 && (low.X < -slack || low.Y < -slack || high.X > p.width+slack || high.Y > p.height+slack) {
			t.Errorf("figure %d: texts reach from %v to %v on a page of %v × %v: %q", i, low, high, p.width, p.height, texts)
		}
		a := p.cells[0].axes
		if w, h := a.Max.X-a.Min.X, a.Max.Y-a.Min.Y; w < 0.2*p.width || h < leastPlot {
			t.Errorf("figure %d: the axes are %v × %v on a page of %v × %v", i, w, h, p.width, p.height)
		}
		for _, s := range fig.Series {
			for k, x := range s.X {
				if !a.InsideX(x) {
					t.Errorf("figure %d: x %v lies outside the axes", i, x)
				}
				if y := s.Y[k]; Finite(y) && !a.Inside(y) {
					t.Errorf("figure %d: y %v lies outside the axes", i, y)
				}
			}
		}
	}
}

func layOut(c Chart, fig plugins.Figure) (*page, error) {
	pg, err := c.page(fig)
	if err != nil {
		return nil, err
	}
	return pg.layOut()
}

func plain() (plugins.Figure, Chart) {
	fig := plugins.Figure{Title: `A <title> & "more"`, XLabel: "n", YLabel: "auroc", Series: []plugins.Series{{Name: "a", X: []float64{1, 2}, Y: []float64{0.5, 0.7}}}}
	return fig, Chart{Config: Defaults(), Marks: func(*Pen, *Axes, *plugins.Figure) {}, Key: func(*Pen, int, vg.Point, vg.Length, vg.Length) {}}
}

func TestMistakes(t *testing.T) {
	for want, change := range map[string]func(*plugins.Figure, *Chart){
		"1 x for 2 y":      func(f *plugins.Figure, _ *Chart) { f.Series[0].X = f.Series[0].X[1:] },
		"0 low":            func(f *plugins.Figure, _ *Chart) { f.Series[0].High = []float64{1, 2} },
		"no finite number": func(f *plugins.Figure, _ *Chart) { f.Series[0].X[0] = math.NaN() },
		"no index":         func(f *plugins.Figure, _ *Chart) { f.Categories = []string{"one", "two"} },
		"has panels itself": func(f *plugins.Figure, _ *Chart) {
			*f = plugins.Figure{Panels: []plugins.Figure{{Panels: []plugins.Figure{*f}}}}
		},
		"series or matrices":       func(f *plugins.Figure, _ *Chart) { f.Panels = []plugins.Figure{{}} },
		"leaves too little room":   func(_ *plugins.Figure, c *Chart) { c.Config.HeightMM = 40 },
		"all data lie beyond yMin": func(_ *plugins.Figure, c *Chart) { low := 2.0; c.Values.YMin = &low },
	} {
		fig, c := plain()
		change(&fig, &c)
		if _, err := c.Draw(fig); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.WidthMM = 10 },
		func(c *Config) { c.WidthMM = math.NaN() },
		func(c *Config) { c.HeightMM = -1 },
		func(c *Config) { c.Legend = "above" },
		func(c *Config) { c.Columns = -1 },
		func(c *Config) { c.Scales = "own" },
	} {
		c := Defaults()
		change(&c)
		if c.Check() == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if err := Defaults().Check(); err != nil {
		t.Error(err)
	}
	one, two, close := 1.0, 2.0, 1+1e-15
	for _, v := range []Values{{YMin: &two, YMax: &one}, {YMin: &one, YMax: &one}, {YMin: &one, YMax: &close}} {
		if v.Check() == nil {
			t.Errorf("%v to %v was taken", *v.YMin, *v.YMax)
		}
	}
}

// The least height that an error message names is enough.
func TestLeastHeight(t *testing.T) {
	fig, c := plain()
	c.Config.HeightMM = 10
	_, err := layOut(c, fig)
	var least float64
	if _, scan := fmt.Sscanf(err.Error(), "heightMM 10 leaves too little room for the axes: want at least %f", &least); scan != nil {
		t.Fatal(err)
	}
	c.Config.HeightMM = least
	p, err := layOut(c, fig)
	if err != nil || math.Abs(float64(p.height/vg.Millimeter)-least) > 1e-9 {
		t.Errorf("%v %v", p, err)
	}
}

func TestSegmentIsCutAtTheAxes(t *testing.T) {
	a := &Axes{Min: vg.Point{X: 0, Y: 0}, Max: vg.Point{X: 10, Y: 10}, x: scale{min: 0, max: 1}, y: scale{min: 0, max: 1}}
	var r recorder.Canvas
	a.Segment(&Pen{canvas: &r}, Ink, 1, nil, vg.Point{X: 0, Y: -10}, vg.Point{X: 10, Y: 10})
	a.Segment(&Pen{canvas: &r}, Ink, 1, nil, vg.Point{X: 0, Y: -10}, vg.Point{X: 10, Y: -1})
	var strokes []*recorder.Stroke
	for _, action := range r.Actions {
		if s, ok := action.(*recorder.Stroke); ok {
			strokes = append(strokes, s)
		}
	}
	if len(strokes) != 1 || strokes[0].Path[0].Pos != (vg.Point{X: 5, Y: 0}) || strokes[0].Path[1].Pos != (vg.Point{X: 10, Y: 10}) {
		t.Errorf("%v", strokes)
	}
}

func TestFilesAreRepeatableAndPortable(t *testing.T) {
	fig, c := plain()
	fig.Notes = []string{"SIMULATED: check"}
	first, err := c.Draw(fig)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Draw(fig)
	if err != nil || !bytes.Equal(first.SVG, again.SVG) || !bytes.Equal(first.PNG, again.PNG) {
		t.Error("a second drawing differs")
	}
	for _, want := range []string{"<title>A &lt;title&gt; &amp; &#34;more&#34;</title>", "'Liberation Sans',Arial", "SIMULATED: check"} {
		if !bytes.Contains(first.SVG, []byte(want)) {
			t.Errorf("no %q in the SVG", want)
		}
	}
	picture, err := png.Decode(bytes.NewReader(first.PNG))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := float64(picture.Bounds().Dx()), 88/25.4*300; math.Abs(got-want) > 1 {
		t.Errorf("%v dots wide, want %v", got, want)
	}
	if at := bytes.Index(first.PNG, []byte("pHYs")); at != 37 || first.PNG[at+12] != 1 || first.PNG[at+3+4] != 0x23 { // 11811 = 0x2E23
		t.Errorf("no resolution in the PNG: %x", first.PNG[:60])
	}
}

// Neighbouring colours are told apart, in grey too for the first four.
func TestPalette(t *testing.T) {
	grey := func(c color.NRGBA) float64 { return 0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B) }
	seen := map[string]bool{}
	for i := range 56 {
		key := fmt.Sprint(Colour(i), i%markers)
		if seen[key] {
			t.Errorf("series %d looks like an earlier one", i)
		}
		seen[key] = true
	}
	if math.Abs(grey(Colour(0))-grey(Colour(1))) < 20 {
		t.Error("the first two colours are one grey")
	}
	if Pale(color.NRGBA{A: 255}, 0.5) != (color.NRGBA{128, 128, 128, 255}) {
		t.Error("pale black is not grey")
	}
}
