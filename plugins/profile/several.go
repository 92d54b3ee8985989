package profile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// ReadFiles reads the files that a path with one "*" stands for, which are parts of one table, under each other, as ReadFile
// reads each; what the "*" stands for is a further column. They must have the same columns in the same order. The "*" is a
// part of the name of a file or folder, at least one character, and at the start of a name it stands for none with a point.
func ReadFiles(ctx context.Context, pattern string, maxRows int) (*Source, error) {
	paths, origins, err := matches(pattern)
	if err != nil {
		return nil, err
	}
	if maxRows <= 0 {
		maxRows = math.MaxInt
	}
	all := &Source{File: filepath.Base(pattern), Complete: true}
	var frames []*frame.Frame
	var from []int32
	rows := 0
	for i, path := range paths {
		if rows == maxRows {
			all.Complete = false
			break
		}
		s, err := ReadFile(ctx, path, maxRows-rows)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all.Delimiter, all.Header = s.Delimiter, s.Header
		} else if err := s.like(all, frames[0], paths[0]); err != nil {
			return nil, err
		}
		all.Bytes += s.Bytes
		all.Complete = all.Complete && s.Complete
		frames = append(frames, s.Frame)
		rows += s.Frame.Rows()
		from = append(from, slices.Repeat([]int32{int32(i)}, s.Frame.Rows())...)
	}
	f, err := frame.Concat(frames...)
	if err == nil {
		all.Origin = free("site", func(name string) bool { return f.Column(name) != nil })
		all.Frame, err = frame.New(append(slices.Clip(f.Columns()), frame.NewCategory(all.Origin, origins, from))...)
	}
	if err != nil {
		return nil, &frame.FileError{File: all.File, Msg: err.Error()}
	}
	return all, nil
}

// like compares a file with the first one.
func (s *Source) like(all *Source, first *frame.Frame, path string) error {
	fault := func(format string, args ...any) error {
		return &frame.FileError{File: s.File, Msg: fmt.Sprintf(format, args...)}
	}
	name := filepath.Base(path)
	if (s.Header == nil) != (all.Header == nil) {
		return fault("its first line holds names and that of %s values, or the other way round; want files alike", name)
	}
	if s.Delimiter != all.Delimiter {
		return fault("its fields are parted by another sign than those of %s; want files alike", name)
	}
	own, want := s.Frame.Columns(), first.Columns()
	for i, c := range own[:min(len(own), len(want))] {
		switch {
		case c.Name != want[i].Name:
			return fault("column %d is %q, that of %s is %q; want the same columns in all files", i+1, c.Name, name, want[i].Name)
		case c.Kind != want[i].Kind || c.Unit != want[i].Unit:
			return fault("column %q is of another kind or unit than that of %s; want the same columns in all files", c.Name, name)
		}
	}
	if len(own) != len(want) {
		return fault("%d columns, %s has %d; want the same columns in all files", len(own), name, len(want))
	}
	return nil
}

// free is a name that is not taken: the one given, or this with a number.
func free(name string, taken func(string) bool) string {
	out := name
	for n := 2; taken(out); n++ {
		out = fmt.Sprintf("%s_%d", name, n)
	}
	return out
}

// matches returns the files that a pattern stands for, and what its "*" stands for in each, by which they are sorted.
func matches(pattern string) (paths, origins []string, err error) {
	fault := func(msg string) error { return &frame.FileError{File: filepath.Base(pattern), Msg: msg} }
	if strings.Count(pattern, "*") != 1 {
		return nil, nil, fault(`want one "*" in the path of several files`)
	}
	head, tail, _ := strings.Cut(filepath.ToSlash(pattern), "*")
	folder, prefix := head[:strings.LastIndexByte(head, '/')+1], head[strings.LastIndexByte(head, '/')+1:]
	suffix, below, _ := strings.Cut(tail, "/")
	entries, err := os.ReadDir(filepath.Clean(filepath.FromSlash(folder)))
	if err != nil && !os.IsNotExist(err) {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, nil, fault("its folder: " + err.Error())
	}
	for _, e := range entries {
		name := e.Name()
		if len(name) <= len(prefix)+len(suffix) || !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, suffix) || prefix == "" && name[0] == '.' {
			continue
		}
		path := filepath.Join(filepath.FromSlash(folder), name, filepath.FromSlash(below))
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			origins = append(origins, name[len(prefix):len(name)-len(suffix)])
		}
	}
	slices.Sort(origins)
	for _, o := range origins {
		paths = append(paths, filepath.FromSlash(head+o+tail))
	}
	if len(paths) == 0 {
		return nil, nil, fault("no file is named like that")
	}
	return paths, origins, nil
}

// memberBytes is how much of an archive is read where not all rows are asked for.
const memberBytes = 256 << 20

// ReadMembers reads those members of an archive whose names fit a pattern, as frame.ReadMembers does, with a further column
// for what its "*" stands for: all of them, or the first maxRows rows when maxRows is above 0.
func ReadMembers(ctx context.Context, path, pattern string, maxRows int) (*Source, error) {
	start, err := frame.MemberStart(ctx, path, pattern, sniffed)
	if err != nil {
		return nil, err
	}
	s := &Source{File: filepath.Base(path), Members: pattern}
	opts := frame.ReadOptions{Threads: 2, MaxBytes: maxBytes, Columns: map[string]frame.ColumnOptions{}}
	s.sniff(start, &opts)
	s.Origin = free("file_id", func(name string) bool { _, taken := opts.Columns[name]; return taken })
	limit := int64(memberBytes)
	if maxRows <= 0 {
		maxRows, limit = math.MaxInt, 0
	}
	t, err := frame.SampleMembers(ctx, path, opts, pattern, s.Origin, maxRows, limit)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil {
		s.Bytes = info.Size()
	}
	s.Frame, s.Complete = t.Frame, t.Complete
	return s, nil
}
