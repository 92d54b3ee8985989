package spec

import (
	"cmp"
	"fmt"
	"slices"
)

// reporter collects mistakes and warnings with their places.
type reporter struct {
	sources  *sources
	mistakes Mistakes
	warnings Mistakes
}

// add records a mistake.
func (r *reporter) add(path string, at where, format string, args ...any) {
	r.mistakes = append(r.mistakes, r.mistake(path, at, format, args))
}

// warn records a warning.
func (r *reporter) warn(path string, at where, format string, args ...any) {
	r.warnings = append(r.warnings, r.mistake(path, at, format, args))
}

func (r *reporter) mistake(path string, at where, format string, args []any) Mistake {
	return Mistake{Path: path, Message: fmt.Sprintf(format, args...), File: r.sources.shown[at.file], Line: at.line, Column: at.column}
}

// sorted orders findings by file, in the order that the files are read, and place, without repeats.
func (r *reporter) sorted(ms Mistakes) Mistakes {
	order := map[string]int{}
	for file, i := range r.sources.order {
		order[r.sources.shown[file]] = i
	}
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ms)
}
