package group

import "testing"

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"age", "age", true},
		{"age", "ages", false},
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b c", true},
		{"*_early", "lactate_last_early", true},
		{"*_early", "lactate_early_last", false},
		{"bg_*", "bg_ph_first", true},
		{"bg_*", "xbg_ph", false},
		{"*a*b", "abab", true}, // the first "b" is not the last one
		{"*a*b", "abac", false},
		{"twin?", "twin1", true},
		{"twin?", "twin", false},
		{"?", "é", true},
		{"*?*", "", false},
		{"a**", "a", true},
		{"a[b]", "a[b]", true},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%q against %q: %v", c.pattern, c.name, got)
		}
	}
}
