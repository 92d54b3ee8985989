package spec

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
)

// reporter collects mistakes and warnings with their places.
type reporter struct {
	sources  *sources
	mistakes Mistakes
	warnings Mistakes
	stack    []byte // of the first plugin that panicked
}

// err is what came out: nil when nothing is wrong.
func (r *reporter) err() error {
	switch {
	case len(r.mistakes) == 0:
		return nil
	case r.stack != nil:
		return &BugError{Stack: r.stack, err: r.sorted(r.mistakes)}
	}
	return r.sorted(r.mistakes)
}

// guard makes a call into a plugin. A panic is recorded at use, the field that names the plugin.
func (r *reporter) guard(use *node, call func()) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		use.state = bad
		r.add(joinPath(use.path), use.at, "a bug in the plugin %q: %v", use.text, cause)
		if r.stack == nil {
			r.stack = debug.Stack()
		}
	}()
	call()
}

// BugError is the error of Load when ehrlab itself, a plugin or CUE panicked: no mistake of the user. Its text is
// all findings, those about the plugin among them, or what panicked.
type BugError struct {
	Stack []byte
	err   error
}

func (e *BugError) Error() string { return e.err.Error() }

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
