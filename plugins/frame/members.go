package frame

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// ReadMembers reads an archive (.tar, .tar.gz, .tgz or .zip) of CSV texts with the same header into one table: the rows of
// its members under each other, in the order of the members' names.
//
// pattern says which members are read, with one * for the part of the name that differs and that holds no slash, as in
// "set-a/*.txt"; a "./" before names does not count. origin names a further Category column, the last one, with what
// the * stood for; an empty origin is no such column. Table.Header is the header of the members, without it. Options hold
// for all members together: kinds are decided by the first rows of the table. Folders, links and members of other names are
// skipped; nothing is written to a disk. Members must be plain text, not compressed once more.
//
// opts.MaxBytes limits the decompressed archive (.tar) or the decompressed members (.zip). An archive of more than 1,000,000
// entries is refused. The texts of all members are in memory at the same time.
//
// Errors are *FileError, ctx.Err() aside, and name archive and member: "set-a.tar.gz: set-a/1.txt:12:3: ...".
func ReadMembers(ctx context.Context, path string, opts ReadOptions, pattern, origin string) (*Table, error) {
	return readMembers(ctx, path, opts, pattern, origin, math.MaxInt, 0)
}

// SampleMembers reads as ReadMembers does, but no more than maxBytes bytes of the members that come first in the archive,
// and the first maxRows rows of these. It looks no further into an archive than 64 MiB beyond.
func SampleMembers(ctx context.Context, path string, opts ReadOptions, pattern, origin string, maxRows int, maxBytes int64) (*Table, error) {
	return readMembers(ctx, path, opts, pattern, origin, maxRows, maxBytes)
}

func readMembers(ctx context.Context, path string, opts ReadOptions, pattern, origin string, maxRows int, maxBytes int64) (*Table, error) {
	a, err := loadMembers(ctx, path, opts, pattern, maxBytes)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(a.members, func(x, y member) int { return strings.Compare(x.name, y.name) })
	for i := 1; i < len(a.members); i++ {
		if a.members[i].name == a.members[i-1].name {
			return nil, a.fault(a.members[i].name, "occurs twice in the archive")
		}
	}
	return a.table(ctx, origin, maxRows)
}

// loadMembers loads the members that a pattern names, of which there is at least one.
func loadMembers(ctx context.Context, path string, opts ReadOptions, pattern string, maxBytes int64) (*archive, error) {
	a := &archive{file: opts.File, opts: opts, sample: maxBytes}
	if a.file == "" {
		a.file = filepath.Base(path)
	}
	a.opts.File = a.file
	if err := a.setPattern(pattern); err != nil {
		return nil, &FileError{File: a.file, Msg: err.Error()}
	}
	if err := a.open(ctx, path); err != nil {
		return nil, err
	}
	if len(a.members) == 0 {
		return nil, a.noMember(pattern)
	}
	return a, nil
}

// MemberStart returns the first bytes, no more than maxBytes, of a member that ReadMembers would read.
func MemberStart(ctx context.Context, path, pattern string, maxBytes int64) ([]byte, error) {
	a, err := loadMembers(ctx, path, ReadOptions{}, pattern, maxBytes)
	if err != nil {
		return nil, err
	}
	return a.members[0].text, nil
}

// FirstMember returns the name of the file that comes first in an archive; "" when there is none.
func FirstMember(ctx context.Context, path string) (string, error) {
	a := archive{file: filepath.Base(path), sample: 1, before: "\x00"} // no member has such a name
	a.opts.File = a.file
	err := a.open(ctx, path)
	return a.first, err
}

// IsArchive tells by its name whether a file is an archive that ReadMembers reads.
func IsArchive(path string) bool {
	name := strings.ToLower(path)
	return slices.ContainsFunc([]string{".zip", ".tar", ".tar.gz", ".tgz"}, func(ending string) bool { return strings.HasSuffix(name, ending) })
}

// noMember says that no member has the pattern, and what the first one is called.
func (a *archive) noMember(pattern string) error {
	msg := fmt.Sprintf("no member is named as %q says", pattern)
	if a.first != "" {
		msg += fmt.Sprintf("; the first is %q", a.first)
	}
	if a.cut {
		msg += "; the archive was not read to its end"
	}
	return &FileError{File: a.file, Msg: msg}
}

// setPattern splits the pattern at its star.
func (a *archive) setPattern(pattern string) error {
	before, after, found := strings.Cut(strings.TrimPrefix(pattern, "./"), "*")
	if !found || strings.ContainsAny(before+after, `*?[]\`) {
		return fmt.Errorf("pattern %q of member names: want one *, and no other wildcard", pattern)
	}
	a.before, a.after = before, after
	return nil
}

// match returns what the star stands for in a name.
func (a *archive) match(name string) (star string, ok bool) {
	if len(name) < len(a.before)+len(a.after) || !strings.HasPrefix(name, a.before) || !strings.HasSuffix(name, a.after) {
		return "", false
	}
	star = name[len(a.before) : len(name)-len(a.after)]
	return star, !strings.Contains(star, "/")
}

func (a *archive) fault(name, msg string) error {
	return &FileError{File: a.file + ": " + name, Msg: msg}
}

// table puts the rows of all members under each other.
func (a *archive) table(ctx context.Context, origin string, maxRows int) (*Table, error) {
	opts := a.opts
	if opts.SampleRows == 0 {
		opts.SampleRows = defaultSampleRows
	}
	delimiter, err := delimiterOf(opts.Delimiter, a.members[0].name)
	if err != nil {
		return nil, &FileError{File: a.file, Msg: err.Error()}
	}
	c := csvReader{csvText: csvText{scanner: &scanner{}}, opts: opts}
	c.setDelimiter(delimiter)
	from := originColumn{}
	complete := !a.cut
	for i := range a.members {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := &a.members[i]
		whole, err := c.member(m, a.file, a.members[0].name, maxRows)
		if err != nil {
			return nil, c.faultsAnd(err)
		}
		from.add(m.star, c.rows)
		complete = complete && whole
		m.text = nil
		if c.rows == maxRows && !whole {
			break
		}
	}
	if err := c.faultsAnd(c.decide(true)); err != nil {
		return nil, err
	}
	f, err := assemble(c.builders, c.rows, opts.Threads)
	if err == nil && origin != "" {
		if slices.Contains(c.names, origin) {
			return nil, &FileError{File: a.file, Msg: fmt.Sprintf("the members have a column %q already; choose another name for their origin", origin)}
		}
		f, err = New(append(slices.Clip(f.columns), from.column(origin))...)
	}
	if err != nil {
		return nil, &FileError{File: a.file, Msg: err.Error()}
	}
	return &Table{Frame: f, Header: c.names, Complete: complete}, nil
}

// member reads the rows of a member, up to maxRows rows with those before.
func (c *csvReader) member(m *member, archive, first string, maxRows int) (whole bool, err error) {
	c.file = archive + ": " + m.name
	c.opts.File = c.file
	names := c.names
	c.names = nil // a fault of the first line is none of a row
	c.setText(m.text, m.cut)
	switch {
	case names == nil:
		err = c.header()
	default:
		if err = c.readNames(c.opts.Header); err == nil {
			err = c.sameNames(names, first)
		}
	}
	if err != nil {
		return false, err
	}
	return c.rowsUpTo(maxRows)
}

// sameNames compares a header with that of the first member.
func (c *csvReader) sameNames(names []string, first string) error {
	fault := func(format string, args ...any) error {
		return &FileError{File: c.file, Line: 1, Msg: fmt.Sprintf(format, args...)}
	}
	for i, n := range c.names[:min(len(c.names), len(names))] {
		if n != names[i] && (isNumber(n) || isNumber(names[i])) {
			return fault("column %d is named otherwise than in %s, and one of the names is a number; if the first lines are rows, give the names of the columns", i+1, first)
		}
		if n != names[i] {
			return fault("column %d is %q, that of %s is %q; want the same header in all members", i+1, n, first, names[i])
		}
	}
	if len(c.names) != len(names) {
		return fault("a header of %d columns, that of %s has %d; want the same header in all members", len(c.names), first, len(names))
	}
	return nil
}

// originColumn says of each row which member it came from.
type originColumn struct {
	stars []string
	codes []int32
}

// add says that the rows up to so many came from a member.
func (o *originColumn) add(star string, rows int) {
	code := int32(len(o.stars))
	o.stars = append(o.stars, star)
	for len(o.codes) < rows {
		o.codes = append(o.codes, code)
	}
}

func (o *originColumn) column(name string) *Column { return NewCategory(name, o.stars, o.codes) }
