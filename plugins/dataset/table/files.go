package table

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// file is a file of a table.
type file struct {
	path   string
	origin string // what "*" stood for, or the name without its endings
	role   string
	absent bool // its folder is not there
}

// base is the file's name in messages: they hold no folders of a machine.
func (f file) base() string { return filepath.Base(f.path) }

// files lists the files of a table in the order in which they are read. A folder that is not there is left to
// whoever opens the file: a pattern in it stands for itself.
//
// Names of files are local, so that roles number them; but where they are values of the column "origin", roles are made
// of them, and decide the order.
func (s *source) files() ([]file, error) {
	var files []file
	patterns := false
	for _, path := range s.Path.All {
		if !strings.Contains(path, "*") {
			files = append(files, file{path: path, origin: withoutEndings(filepath.Base(path))})
			continue
		}
		found, err := match(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
		patterns = true
	}
	if s.namesOrigins() {
		slices.SortStableFunc(files, func(a, b file) int { return cmp.Compare(a.origin, b.origin) })
	}
	seen := map[string]bool{}
	for i := range files {
		f := &files[i]
		switch {
		case seen[f.path]:
			return nil, s.wrong("path", "names the file %q twice", f.base())
		case s.namesOrigins():
			f.role = s.role + ":" + f.origin
			if i > 0 && f.origin == files[i-1].origin && !f.absent {
				return nil, s.wrong("origin", "has one value, %q, for two files; name them apart, or leave it out", f.origin)
			}
		case len(files) > 1:
			f.role = fmt.Sprintf("%s:%0*d", s.role, len(fmt.Sprint(len(files))), i+1)
		default:
			f.role = s.role
		}
		if s.Delimiter == "" && usualDelimiter(f.path) == '\t' {
			f.role += " (tab)" // the name decides what is read, so that it must show in keys
		}
		seen[f.path] = true
	}
	if patterns && len(files) == 0 {
		return nil, s.noMatch()
	}
	return files, nil
}

// namesOrigins reports whether the names of files are values of the table.
func (s *source) namesOrigins() bool { return s.Origin != "" && s.Members == "" }

// noMatch is the error of patterns without a file.
func (s *source) noMatch() error {
	names := make([]string, len(s.Path.All))
	for i, p := range s.Path.All {
		names[i] = fmt.Sprintf("%q", lastWithPattern(p))
	}
	return s.wrong("path", "matches no file: none is named %s", strings.Join(names, " or "))
}

// lastWithPattern is the end of a path from the element that has the "*".
func lastWithPattern(path string) string {
	elements := strings.Split(filepath.ToSlash(path), "/")
	at := slices.IndexFunc(elements, func(e string) bool { return strings.Contains(e, "*") })
	return strings.Join(elements[max(at, 0):], "/")
}

// match returns the files that a pattern stands for, sorted by what its "*" stands for. As in a shell, a "*" at the
// start of a name stands for no name that begins with a point.
func match(pattern string) ([]file, error) {
	head, tail, _ := strings.Cut(pattern, "*")
	folder, prefix := filepath.Split(head)
	suffix, below, deeper := strings.Cut(filepath.ToSlash(tail), "/")
	entries, err := os.ReadDir(filepath.Clean(folder))
	if os.IsNotExist(err) {
		return []file{{path: pattern, origin: "*", absent: true}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder of %q: %w", lastWithPattern(pattern), withoutPath(err))
	}
	var files []file
	for _, e := range entries {
		name := e.Name()
		if len(name) <= len(prefix)+len(suffix) || !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, suffix) {
			continue
		}
		if prefix == "" && name[0] == '.' {
			continue
		}
		path := filepath.Join(folder, name)
		if deeper {
			path = filepath.Join(path, filepath.FromSlash(below))
		}
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		files = append(files, file{path: path, origin: name[len(prefix) : len(name)-len(suffix)]})
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.origin, b.origin) })
	return files, nil
}

// withoutPath is the reason of an error of the file system.
func withoutPath(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

// withoutEndings is the name of a file without ".gz" and the ending before it.
func withoutEndings(name string) string {
	name = strings.TrimSuffix(name, ".gz")
	if stem := strings.TrimSuffix(name, filepath.Ext(name)); stem != "" {
		return stem
	}
	return name
}

// Files implements plugins.Dataset. Roles hold no path: "table" for the one file, "table:1" for the first of several,
// "table:cleveland" where "origin" makes a value of the name; those of joined tables begin with "join:NAME".
func (d *dataset) Files() ([]plugins.File, error) {
	var out []plugins.File
	var faults []error
	for _, s := range d.sources() {
		files, err := s.files()
		if err != nil {
			faults = append(faults, err)
		}
		for _, f := range files {
			out = append(out, plugins.File{Role: f.role, Path: f.path})
		}
	}
	if err := frame.Together(faults...); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b plugins.File) int { return cmp.Compare(a.Role, b.Role) })
	return out, nil
}
