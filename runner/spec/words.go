package spec

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"

	"github.com/ehrlab/ehrlab/runner/spelling"
)

// didYouMean, hint, quoteAll and closest are those of package spelling.
func didYouMean(name string, known []string) string { return spelling.DidYouMean(name, known) }

func hint(name, what string, known []string) string { return spelling.Hint(name, what, known) }

func quoteAll(names []string) string { return spelling.Quoted(names) }

func closest(name string, known []string) string { return spelling.Closest(name, known) }

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
