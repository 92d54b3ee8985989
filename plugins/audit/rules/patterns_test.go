package rules

import "testing"

func TestPatternsOfRules(t *testing.T) {
	for pattern, want := range map[string]bool{
		"icu.a-b": true, "icu.a-c": false, "*": true, "icu.*": true, "*b": true, "*a*": true, "i*.*b": true, "icu.a-b*": true,
		"*x*": false, "icu.a-*-b": false, "": false, "icu.a-b*icu.a-b": false,
	} {
		if matches(pattern, "icu.a-b") != want {
			t.Errorf("%q: %v", pattern, !want)
		}
	}
}
