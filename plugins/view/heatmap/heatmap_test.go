package heatmap

import (
	"math"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/view/viewtest"
)

func TestHostileFigures(t *testing.T) {
	viewtest.Hostile(t, Register, ``, `{"widthMM": 178, "columns": 2}`, `{"widthMM": 60}`)
}

func matrix(name string, low, high float64, values ...[]float64) plugins.Matrix {
	m := plugins.Matrix{Name: name, Low: low, High: high, Values: values}
	for r := range values {
		m.Rows = append(m.Rows, "row "+string(rune('a'+r)))
	}
	for c := range values[0] {
		m.Columns = append(m.Columns, "column "+string(rune('a'+c)))
	}
	return m
}

func TestCells(t *testing.T) {
	nan := math.NaN()
	fig := plugins.Figure{Matrices: []plugins.Matrix{matrix("real", -1, 1, []float64{1, -1}, []float64{0, nan}), matrix("synthetic", -1, 1, []float64{1, 0.5}, []float64{0.5, 1})}}
	svg, page := viewtest.Draw(t, Register, ``, fig)
	for _, want := range []string{"real", "synthetic", "row a", "column b", "−1.00", "0.50", "Grey, crossed out: no value."} {
		if !page.Has(want) {
			t.Errorf("no %q", want)
		}
	}
	if got := strings.Count(svg, "fill:#D9D9D9"); got != 1 {
		t.Errorf("%d gaps, want 1", got)
	}
	if _, page = viewtest.Draw(t, Register, `{"values": "never"}`, fig); page.Has("0.50") {
		t.Error("values were printed")
	}
}

// Matrices of one scale share a bar; another scale has one of its own, with the names of both.
func TestColourBars(t *testing.T) {
	a, b := matrix("first", -1, 1, []float64{1, 0}), matrix("second", -1, 1, []float64{0, 1})
	count := func(page *viewtest.Page, s string) (n int) {
		for _, text := range page.Texts {
			if text.String == s {
				n++
			}
		}
		return n
	}
	_, page := viewtest.Draw(t, Register, `{"values": "never"}`, plugins.Figure{Matrices: []plugins.Matrix{a, b}})
	if count(page, "−1.0") != 1 || page.Has("first, second") {
		t.Error("one scale needs one bar without a name")
	}
	b.Low, b.High = 0, 0 // its own: 0 to 1
	_, page = viewtest.Draw(t, Register, `{"values": "never"}`, plugins.Figure{Matrices: []plugins.Matrix{a, b, a}})
	if count(page, "−1.0") != 1 || count(page, "1.0") != 2 || !page.Has("first, first") || count(page, "second") != 2 {
		t.Error("two scales need two bars, each with the names of its matrices")
	}
	if _, page = viewtest.Draw(t, Register, `{"values": "never", "legend": "none"}`, plugins.Figure{Matrices: []plugins.Matrix{a}}); page.Has("−1.0") {
		t.Error("a bar though none is asked for")
	}
}

func TestPanels(t *testing.T) {
	m := matrix("real", -1, 1, []float64{1})
	_, page := viewtest.Draw(t, Register, ``, plugins.Figure{Panels: []plugins.Figure{{Title: "copula", Matrices: []plugins.Matrix{m}}}})
	if !page.Has("copula: real") {
		t.Error("the matrix of a panel bears its title")
	}
}

func TestMistakes(t *testing.T) {
	v := viewtest.Build(t, Register, ``)
	short, odd, turned := matrix("m", 0, 1, []float64{1, 2}), matrix("m", 0, 1, []float64{1, 2}), matrix("m", 1, 0, []float64{1})
	short.Values, odd.Columns = nil, nil
	for _, m := range []plugins.Matrix{short, odd, turned} {
		if _, err := v.Draw(plugins.Figure{Matrices: []plugins.Matrix{m}}); err == nil {
			t.Errorf("%+v was taken", m)
		}
	}
	viewtest.Refused(t, Register, `{"values": "some"}`, `{"yMin": 0}`)
}
