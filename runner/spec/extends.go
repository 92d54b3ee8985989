package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	cueliteral "cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Bounds on what an experiment is made of, with all that it extends: they keep hostile input harmless.
const (
	maxLayers = 10
	maxFiles  = 200
	maxTotal  = 8 << 20 // bytes of all files
)

// layer is a file, or all .cue files of a folder: those of the experiment itself, those that it extends, and so on.
type layer struct {
	dir     string // absolute
	folder  bool   // all .cue files of dir
	files   []*layerFile
	extends *extension // nil: nothing
}

// layerFile is a file of a layer.
type layerFile struct {
	path string // absolute
	text string
}

// extension is what stands after "extends".
type extension struct {
	path   string // what it says
	text   string // as it is written, in quotes
	at     where
	offset int // of text, in its file
}

func (x *extension) target() string {
	return filepath.Join(filepath.Dir(x.at.file), filepath.FromSlash(x.path))
}

const extendsField = "extends"

// readLayers reads the experiment at a path and all that it extends. The error is for an experiment that cannot be read at all; what is
// wrong with what it extends goes to rep.
func (s *sources) readLayers(path string, rep *reporter) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	own, err := s.readLayer(abs, path, rep)
	if err != nil {
		return fmt.Errorf("read experiment: %w", err)
	}
	s.dir = own.dir
	for l := own; l.extends != nil; {
		x := l.extends
		if l, err = s.readLayer(x.target(), x.path, rep); err != nil {
			rep.add(extendsField, x.at, "%s", s.unreadable(x, err))
			s.baseless = true
			break
		}
	}
	for _, l := range slices.Backward(s.layers) { // what is extended is mentioned first
		s.own = len(s.files)
		for _, f := range l.files {
			s.order[f.path] = len(s.files)
			s.files = append(s.files, s.trees[f.path])
		}
	}
	return nil
}

// unreadable says why what is extended cannot be read.
func (s *sources) unreadable(x *extension, err error) string {
	if !errors.Is(err, fs.ErrNotExist) {
		return strings.ReplaceAll(err.Error(), x.target(), x.path)
	}
	shown := func(near string) string {
		if rel, err := filepath.Rel(filepath.Dir(x.at.file), near); err == nil {
			return filepath.ToSlash(rel)
		}
		return near
	}
	return fmt.Sprintf("no file or folder %q%s", x.path, spelling.DidYouMeanFile(x.target(), shown))
}

// readLayer reads and parses a .cue file, or all .cue files of a folder in the order of their names. Messages call it shown.
func (s *sources) readLayer(path, shown string, rep *reporter) (*layer, error) {
	l, err := findLayer(path, shown)
	if err != nil {
		return nil, err
	}
	if len(s.layers) == maxLayers {
		return nil, fmt.Errorf("more than %d experiments that extend each other in a row", maxLayers-1)
	}
	for _, f := range l.files {
		if known, ok := s.shown[f.path]; ok {
			return nil, fmt.Errorf("%q leads in a circle: %s is part of the experiment already", shown, known)
		}
	}
	for _, f := range l.files {
		text, err := readBounded(f.path)
		if err != nil {
			return nil, err
		}
		s.shown[f.path] = relative(f.path, s.workDir)
		s.bytes += len(text)
		if len(s.shown) > maxFiles || s.bytes > maxTotal {
			return nil, fmt.Errorf("too much to read: an experiment, with all that it extends, has at most %d files of together %d bytes", maxFiles, maxTotal)
		}
		f.text, s.trees[f.path] = string(text), s.parse(f.path, text, rep)
	}
	s.checkPackages(l, rep)
	s.takeExtends(l, rep)
	s.layers = append(s.layers, l)
	return l, nil
}

// findLayer finds the files of a layer.
func findLayer(path, shown string) (*layer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return &layer{dir: filepath.Dir(path), files: []*layerFile{{path: path}}}, nil
	}
	names, err := filepath.Glob(filepath.Join(globQuote(path), "*.cue"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no .cue file in %s", shown)
	}
	slices.Sort(names)
	l := &layer{dir: path, folder: true}
	for _, name := range names {
		l.files = append(l.files, &layerFile{path: name})
	}
	return l, nil
}

// takeExtends takes what a layer extends out of its files.
func (s *sources) takeExtends(l *layer, rep *reporter) {
	for _, f := range l.files {
		tree := s.trees[f.path]
		s.baseless = s.baseless || s.broken[extendsField] || slices.ContainsFunc(tree.Decls, isSlipOfExtends)
		tree.Decls = slices.DeleteFunc(tree.Decls, func(d ast.Decl) bool {
			field, ok := d.(*ast.Field)
			if !ok || labelName(field) != extendsField {
				return false
			}
			s.takeExtension(l, field, rep)
			return true
		})
	}
}

func labelName(f *ast.Field) string {
	name, _, _ := ast.LabelName(f.Label)
	return name
}

// isSlipOfExtends reports whether a part is meant to be "extends", and is called otherwise or stands under a condition. That is said
// elsewhere.
func isSlipOfExtends(d ast.Decl) bool {
	field, ok := d.(*ast.Field)
	return (!ok || labelName(field) != extendsField) && mentions(d, extendsField)
}

// takeExtension reads one "extends" field.
func (s *sources) takeExtension(l *layer, field *ast.Field, rep *reporter) {
	wrong := func(format string, args ...any) {
		rep.add(extendsField, whereOf(field.Value.Pos()), format, args...)
		s.baseless = true
	}
	text, ok := field.Value.(*ast.BasicLit)
	if !ok || text.Kind != token.STRING || field.Constraint != token.ILLEGAL {
		wrong("must be the path of a folder or .cue file as one plain text: it is read before anything is computed")
		return
	}
	path, err := cueliteral.Unquote(text.Value)
	x := &extension{path: path, text: text.Value, at: whereOf(text.Pos()), offset: text.Pos().Offset()}
	switch {
	case err != nil:
		wrong("must be a text: %v", err)
	case path == "":
		wrong("must be a path, not an empty text")
	case filepath.IsAbs(path), strings.HasPrefix(path, "${"):
		wrong("%q must be a path that starts at this file, such as \"..\": others have no such folder", path)
	case !isFolder(x.target()) && filepath.Ext(path) != ".cue" && exists(x.target()):
		wrong("%q is neither a folder nor a .cue file", path)
	case l.extends != nil && l.extends.target() != x.target():
		wrong("%q, but %s extends %q: an experiment extends one other", path, s.shown[l.extends.at.file], l.extends.path)
	case l.extends == nil:
		l.extends = x
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// folderOf is the folder of the file in which a value is written: relative paths start there.
func (s *sources) folderOf(w where) string {
	if !w.known() {
		return s.dir
	}
	return filepath.Dir(w.file)
}
