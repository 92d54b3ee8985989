package viewtest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// Build makes the view that register adds, with settings.
func Build(t *testing.T, register func(*plugins.Registry), with string) plugins.View {
	t.Helper()
	var r plugins.Registry
	register(&r)
	v, _, err := r.Views.Get(r.Views.Names()[0]).Build([]byte(with))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Refused checks that a view takes none of some settings.
func Refused(t *testing.T, register func(*plugins.Registry), settings ...string) {
	t.Helper()
	var r plugins.Registry
	register(&r)
	for _, with := range settings {
		if _, _, err := r.Views.Get(r.Views.Names()[0]).Build([]byte(with)); err == nil {
			t.Errorf("%s was taken", with)
		}
	}
}

// Draw draws a figure twice and checks the drawing.
func Draw(t *testing.T, register func(*plugins.Registry), with string, fig plugins.Figure) (svg string, page *Page) {
	t.Helper()
	v := Build(t, register, with)
	d, err := v.Draw(fig)
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.Draw(fig)
	if err != nil || !bytes.Equal(d.SVG, again.SVG) || !bytes.Equal(d.PNG, again.PNG) || !bytes.Equal(d.PDF, again.PDF) {
		t.Error("a second drawing differs")
	}
	return string(d.SVG), check(t, d)
}

// check looks at the three files of a drawing.
func check(t *testing.T, d *plugins.Drawing) *Page {
	t.Helper()
	if !bytes.HasPrefix(d.PNG, []byte("\x89PNG")) || !bytes.HasPrefix(d.PDF, []byte("%PDF-")) {
		t.Error("the drawing lacks a PNG or a PDF file")
	}
	for _, date := range []string{"CreationDate", "ModDate"} {
		if bytes.Contains(d.PDF, []byte(date)) {
			t.Errorf("the PDF file holds its %s", date)
		}
	}
	page, err := Read(d.SVG)
	if err != nil {
		t.Fatalf("the SVG file is no XML: %v", err)
	}
	for _, wrong := range page.Wrong() {
		t.Error(wrong)
	}
	return page
}

// Hostile draws many figures of the view's form whose texts and numbers are as bad as they come, and checks each drawing.
// An error is as good as a drawing where the settings do not go with the numbers; a panic or a text out of place is not.
func Hostile(t *testing.T, register func(*plugins.Registry), settings ...string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	for _, with := range settings {
		v := Build(t, register, with)
		drawn := 0
		rounds := 12
		if testing.Short() { // the race detector makes pictures slow
			rounds = 2
		}
		for i := range rounds {
			fig := Figure(rng, v.Form())
			ok := t.Run(fmt.Sprintf("%s %d", with, i), func(t *testing.T) {
				d, err := v.Draw(fig)
				if err != nil {
					return
				}
				drawn++
				check(t, d)
			})
			if !ok {
				return // the first one says enough
			}
		}
		if drawn < rounds/3 {
			t.Errorf("%s: %d of %d figures were drawn", with, drawn, rounds)
		}
		d, err := v.Draw(plugins.Figure{Title: "empty", XLabel: "x", YLabel: "y", Notes: []string{"No value: the reason."}})
		if err != nil {
			t.Fatalf("%s: a figure without series: %v", with, err)
		}
		if page := check(t, d); !page.Has("no values") || !page.Has("No value: the reason.") {
			t.Errorf("%s: an empty figure does not say why", with)
		}
	}
}

var words = []string{"a", "strategy", "gaussian-copula", "x_y_z%", `<b>&amp; "q"`, "患者数", "naïve ≤ ↑", "withoutanyplacetobreakalineinit", "\x00\x1b\u2028", "{}~^\\$#", "\xff", "…", ""}

// Words is a text of up to so many odd words.
func Words(rng *rand.Rand, most int) string {
	out := make([]string, rng.IntN(most+1))
	for i := range out {
		out[i] = words[rng.IntN(len(words))]
	}
	return strings.Join(out, " ")
}

// number is mostly ordinary.
func number(rng *rand.Rand) float64 {
	switch rng.IntN(12) {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(1 - 2*rng.IntN(2))
	case 2:
		return rng.NormFloat64() * math.Pow(10, float64(rng.IntN(40)-20))
	case 3:
		return 0
	}
	return rng.Float64()
}

// Figure is a figure of a form.
func Figure(rng *rand.Rand, form plugins.Form) plugins.Figure {
	fig := panel(rng, form)
	if rng.IntN(4) == 0 {
		fig.Series, fig.Matrices, fig.Categories = nil, nil, nil
		for range 1 + rng.IntN(5) {
			p := panel(rng, form)
			p.Title, p.Notes = Words(rng, 3), nil
			fig.Panels = append(fig.Panels, p)
		}
	}
	return fig
}

func panel(rng *rand.Rand, form plugins.Form) plugins.Figure {
	fig := plugins.Figure{Title: Words(rng, 12), XLabel: Words(rng, 5), YLabel: Words(rng, 5), Notes: []string{Words(rng, 20), "SIMULATED: " + Words(rng, 5)}}
	if form == plugins.MatrixForm {
		for range rng.IntN(4) {
			fig.Matrices = append(fig.Matrices, oddMatrix(rng))
		}
		return fig
	}
	points := 1 + rng.IntN(8)
	most := 13
	if rng.IntN(6) == 0 {
		points, most = 45, 3
	}
	numbers := form == plugins.PairForm || form == plugins.CurveForm || rng.IntN(2) == 0
	if !numbers {
		for range points {
			fig.Categories = append(fig.Categories, Words(rng, 3))
		}
	}
	for range rng.IntN(most) {
		fig.Series = append(fig.Series, oddSeries(rng, points, numbers))
	}
	return fig
}

func oddSeries(rng *rand.Rand, points int, numbers bool) plugins.Series {
	s := plugins.Series{Name: Words(rng, 4)}
	bounded, counted := rng.IntN(2) == 0, rng.IntN(2) == 0
	x := 0.0
	for k := range points {
		if x += rng.Float64(); !numbers {
			x = float64(k)
		}
		y := number(rng)
		s.X, s.Y = append(s.X, x), append(s.Y, y)
		s.Labels = append(s.Labels, Words(rng, 2))
		var values []float64
		for range rng.IntN(12) {
			values = append(values, number(rng))
		}
		s.Values = append(s.Values, values)
		if bounded {
			s.Low, s.High = append(s.Low, y-rng.Float64()), append(s.High, y+rng.Float64())
		}
		if counted {
			s.N = append(s.N, rng.IntN(5000))
		}
	}
	if rng.IntN(2) == 0 {
		chance := rng.Float64()
		s.Chance, s.Note = &chance, Words(rng, 3)
		s.Summary = &plugins.Summary{Name: Words(rng, 3), Value: number(rng), Low: -1, High: number(rng), PredictLow: number(rng), PredictHigh: number(rng), N: 7, Note: Words(rng, 3)}
	}
	return s
}

func oddMatrix(rng *rand.Rand) plugins.Matrix {
	m := plugins.Matrix{Name: Words(rng, 3)}
	rows, columns := rng.IntN(9), rng.IntN(9)
	if rng.IntN(5) == 0 {
		rows, columns = 40, 40
	}
	for range columns {
		m.Columns = append(m.Columns, Words(rng, 2))
	}
	for range rows {
		m.Rows = append(m.Rows, Words(rng, 2))
		row := make([]float64, columns)
		for c := range row {
			row[c] = number(rng)
		}
		m.Values = append(m.Values, row)
	}
	if rng.IntN(2) == 0 {
		m.Low, m.High = -1, 1
	}
	return m
}
