package elicit

import "testing"

// Hand-worked: of one cell, 7 of 10 against 18 of 90 are 0.5 apart, with p = 0.25 and a standard error of √(0.25 · 0.75 · (1/10 + 1/90))
// = 0.144: z = 3.46. 6 of 10 are z = 2.81.
func TestSurvivorsTest(t *testing.T) {
	of := func(events, rows int) map[string]int { return map[string]int{"0": rows - events, "1": events} }
	for _, k := range []struct {
		name  string
		cells []labelled
		want  string
	}{
		{"clear", []labelled{{of(7, 10), of(18, 90)}}, "7 of 10 rejected rows or parts of rows whose label could be read, and in 18 of 90 delivered"},
		{"not clear", []labelled{{of(6, 10), of(18, 90)}}, ""},
		{"the other way round", []labelled{{of(0, 40), of(40, 80)}}, "0 of 40 rejected rows or parts of rows whose label could be read, and in 40 of 80 delivered"},
		{"few", []labelled{{of(9, 9), of(0, 90)}}, ""},
		{"groups differ, and nothing within them", []labelled{{of(81, 90), of(9, 10)}, {of(1, 10), of(9, 90)}}, ""},
		{
			"each group a little",
			[]labelled{{of(12, 20), of(18, 60)}, {of(12, 20), of(18, 60)}},
			"24 of 40 rejected rows or parts of rows whose label could be read, and in 36 of 120 delivered",
		},
		{"one label", []labelled{{of(0, 40), of(0, 40)}}, ""},
		{"none delivered of a group", []labelled{{of(20, 20), of(0, 0)}}, ""},
		{"none rejected", []labelled{{of(0, 0), of(20, 40)}}, ""},
	} {
		if got := survivors(k.cells, "1"); got != k.want {
			t.Errorf("%s: %q, want %q", k.name, got, k.want)
		}
	}
}
