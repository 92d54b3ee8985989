// Package spelling finds the name that someone may have meant, for messages.
package spelling

import (
	"fmt"
	"slices"
	"strings"
)

// DidYouMean returns `; did you mean "x"?` for the closest of the known names, or "" when none is close.
func DidYouMean(name string, known []string) string {
	if best := Closest(name, known); best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return ""
}

// Hint returns what DidYouMean does or, when no name is close, lists the first of them behind the text what.
func Hint(name, what string, known []string) string {
	if s := DidYouMean(name, known); s != "" {
		return s
	}
	const most = 12
	switch {
	case len(known) == 0:
		return ""
	case len(known) > most:
		return fmt.Sprintf("; %s %s and %d more", what, Quoted(known[:most]), len(known)-most)
	}
	return fmt.Sprintf("; %s %s", what, Quoted(known))
}

// Quoted lists names in quotes.
func Quoted(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(quoted, ", ")
}

// Closest returns the known name that is nearest to a name: the one within an edit distance of a third of the length or,
// where there is none, the one that shares the longest beginning with it, as "strategies" does with "strategy" and "box"
// with "boxplot": three letters at least, and all but a quarter of the shorter of the two. Of equals it is the first in
// sorted order; "" when there is none. A single letter is close to nothing.
func Closest(name string, known []string) string {
	length := len([]rune(name))
	best, least := "", max(1, length/3)+1
	if length < 2 {
		least = 1
	}
	sorted := slices.Sorted(slices.Values(known))
	for _, k := range sorted {
		if k == name {
			continue
		}
		d := Distance(strings.ToLower(name), strings.ToLower(k))
		if d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	longest := 0
	for _, k := range sorted {
		if n := shared(name, k); k != name && n > longest {
			best, longest = k, n
		}
	}
	return best
}

// shared is the length of the beginning that two names have in common, whatever the case; 0 where it is too short to tell.
func shared(a, b string) int {
	s, t := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	shorter, n := min(len(s), len(t)), 0
	for n < shorter && s[n] == t[n] {
		n++
	}
	if n < 3 || 4*n < 3*shorter {
		return 0
	}
	return n
}

// Distance counts the insertions, deletions, substitutions and swaps of neighbours that turn a into b.
//
// Source: optimal string alignment, the restricted form of F. J. Damerau (1964), Commun. ACM 7(3), 171–176.
func Distance(a, b string) int {
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
