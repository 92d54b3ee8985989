package spec

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// didYouMean returns `; did you mean "x"?` for the closest of the known names, or "" when none is close.
func didYouMean(name string, known []string) string {
	if best := closest(name, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}

// hint returns the closest of the known names or, when none is close, lists them.
func hint(name, what string, known []string) string {
	if s := didYouMean(name, known); s != "" {
		return s
	}
	const most = 12
	switch {
	case len(known) == 0:
		return ""
	case len(known) > most:
		return fmt.Sprintf("; %s %s and %d more", what, quoteAll(known[:most]), len(known)-most)
	}
	return fmt.Sprintf("; %s %s", what, quoteAll(known))
}

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}

// closest returns the known name within an edit distance of a third of the length, the first in sorted order; "" when
// there is none. A single letter is close to nothing.
func closest(name string, known []string) string {
	length := len([]rune(name))
	best, least := "", max(1, length/3)+1
	if length < 2 {
		least = 1
	}
	for _, k := range slices.Sorted(slices.Values(known)) {
		if k == name {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and swaps of neighbours that turn a into b.
//
// Source: optimal string alignment, the restricted form of F. J. Damerau (1964), Commun. ACM 7(3), 171–176.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, now := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		now[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(t)]
}

// kindWords names kinds of values for people.
func kindWords(k cue.Kind) string {
	if k == cue.TopKind || k == cue.BottomKind {
		return "any value"
	}
	var words []string
	for _, w := range []struct {
		kind  cue.Kind
		words string
	}{
		{cue.StringKind, "a text"},
		{cue.NumberKind, "a number"},
		{cue.IntKind, "a whole number"},
		{cue.FloatKind, "a number"},
		{cue.BoolKind, "true or false"},
		{cue.ListKind, "a list"},
		{cue.StructKind, "a block"},
		{cue.NullKind, "null"},
		{cue.BytesKind, "bytes"},
	} {
		if k&w.kind == w.kind {
			words = append(words, w.words)
			k &^= w.kind
		}
	}
	return orList(words)
}

// orList joins alternatives: "a", "a or b", "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// joinPath writes a path as messages show it; names that could be misread are quoted.
func joinPath(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = p
		if !plainName(p) {
			parts[i] = fmt.Sprintf("%q", p)
		}
	}
	return strings.Join(parts, ".")
}

func plainName(s string) bool {
	for _, c := range s {
		if !(c == '_' || c == '-' || c == '#' || c == '$' || c == '?' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return s != ""
}
