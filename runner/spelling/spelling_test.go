package spelling

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"tdv", "tvd", 1}, {"smothing", "smoothing", 1}, {"kitten", "sitting", 3}, {"ähre", "ehre", 1}} {
		if got := Distance(c.a, c.b); got != c.want || Distance(c.b, c.a) != got {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestHint(t *testing.T) {
	many := []string{"a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9", "j10", "k11", "l12", "m13"}
	for _, c := range []struct {
		name  string
		known []string
		want  string
	}{
		{"Age", []string{"sex", "age"}, `; did you mean "age"?`},
		{"lactate", []string{"sex", "age"}, `; there are "sex", "age"`},
		{"strategy", []string{"metrics", "strategies"}, `; did you mean "strategies"?`}, // more letters than an edit may have
		{"boxplot", []string{"bars", "box", "line"}, `; did you mean "box"?`},
		{"Scatterplot", []string{"scatter", "scale"}, `; did you mean "scatter"?`},
		{"lineage", []string{"linear"}, `; did you mean "linear"?`},
		{"holdback", []string{"holdout"}, `; there are "holdout"`}, // too little in common
		{"boxplot", []string{"bo"}, `; there are "bo"`},
		{"x", []string{"y"}, `; there are "y"`}, // a single letter is close to nothing
		{"lactate", nil, ""},
		{"lactate", many, `; there are "a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8", "i9", "j10", "k11", "l12" and 1 more`},
	} {
		if got := Hint(c.name, "there are", c.known); got != c.want {
			t.Errorf("Hint(%q) = %s, want %s", c.name, got, c.want)
		}
	}
}
