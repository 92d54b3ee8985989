package spec

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Portable is the text of an experiment as it can be read elsewhere: paths of this machine are variables in it, and the texts that it
// takes from files are with it.
type Portable struct {
	Files     []SourceFile `json:"files"`  // those of the experiment first, by name, then those of what it extends, then texts
	Folder    bool         `json:"folder"` // it is all .cue files of a folder, not the first file alone
	Variables []Variable   `json:"variables,omitempty"`
}

// SourceFile is a file of an experiment. Name is relative to its folder, with slashes.
type SourceFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Variable is a ${NAME} that stands for a path, or for the beginning of one.
type Variable struct {
	Name   string   `json:"name"`
	Fields []string `json:"fields"` // that need it, e.g. "datasets.icu.with.root"
}

// written is what Load keeps of the files of an experiment.
type written struct {
	layers []*layer
	paths  []writtenPath
	texts  []writtenText
}

// writtenPath is a path as the experiment has it, before variables are expanded.
type writtenPath struct {
	path []string // of the field
	text string
	at   where
}

// id tells paths apart: equal texts of several folders are several paths.
func (w writtenPath) id() string {
	if w.anywhere() {
		return w.text
	}
	return filepath.Join(filepath.Dir(w.at.file), w.text)
}

// anywhere reports whether the path is the same whichever folder it is written in.
func (w writtenPath) anywhere() bool {
	return filepath.IsAbs(w.text) || strings.HasPrefix(w.text, "${")
}

// writtenText is a text that stands in a file of its own.
type writtenText struct {
	path, text string
	at         where // of the path
}

// Portable returns the experiment for others, with what it extends in a folder "base" beside it, what that extends in "base/base" and so
// on. A path stays as it is where it begins with a variable and is not one of restricted data, whose files may be named after hospitals;
// any other becomes a variable named after its field, such as ${ICU_PATH}.
//
// Only what is written as one text can be replaced: it returns an error for a path that is put together.
func (e *Experiment) Portable() (*Portable, error) {
	own := e.written.layers[0]
	p := &Portable{Folder: own.folder}
	r := replacer{texts: map[spot]replaced{}}
	for i, l := range e.written.layers {
		for _, f := range l.files {
			r.files = append(r.files, f)
			p.Files = append(p.Files, SourceFile{Name: strings.Repeat(baseFolder, i) + filepath.Base(f.path), Text: f.text})
		}
	}
	if !p.Folder { // how the file is called where it was run tells nothing
		p.Files[0].Name = e.Name + ".cue"
	}
	r.moveBases(e.written.layers)
	names := map[string]string{} // of variables, by what they stand for
	for _, w := range e.written.paths {
		if strings.HasPrefix(w.text, "${") && !e.restricted(w.path) {
			for _, m := range variable.FindAllStringSubmatch(w.text, -1) {
				p.need(m[1], joinPath(w.path))
			}
			continue
		}
		if names[w.id()] == "" {
			names[w.id()] = p.nameFor(w, names)
		}
		in := func(f *layerFile) bool { return w.anywhere() || filepath.Dir(f.path) == filepath.Dir(w.at.file) }
		if err := r.replace(w.text, "${"+names[w.id()]+"}", w.at, in); err != nil {
			return nil, fmt.Errorf("%s: %w", joinPath(w.path), err)
		}
		p.need(names[w.id()], joinPath(w.path))
	}
	for i, t := range e.written.texts {
		if err := p.addText(i+1, t, e.written.layers, &r); err != nil {
			return nil, err
		}
	}
	for i := range r.files {
		p.Files[i].Text = r.text(i)
	}
	return p, nil
}

// baseFolder is where what an experiment extends lies beside it.
const baseFolder = "base/"

// moveBases writes where each layer finds what it extends, once that lies beside it.
func (r *replacer) moveBases(layers []*layer) {
	for i, l := range layers {
		if l.extends == nil {
			continue
		}
		to := strings.TrimSuffix(baseFolder, "/")
		if base := layers[i+1]; !base.folder {
			to = baseFolder + filepath.Base(base.files[0].path)
		}
		at := slices.IndexFunc(r.files, func(f *layerFile) bool { return f.path == l.extends.at.file })
		r.texts[spot{at, l.extends.offset}] = replaced{l.extends.text, strconv.Quote(to)}
	}
}

// addText adds the text with a number, beside the files of the layer that names it.
func (p *Portable) addText(number int, t writtenText, layers []*layer, r *replacer) error {
	in := func(l *layer) bool {
		return slices.ContainsFunc(l.files, func(f *layerFile) bool { return f.path == t.at.file })
	}
	at := slices.IndexFunc(layers, in)
	folder := strings.Repeat(baseFolder, at)
	name := path.Clean(filepath.ToSlash(t.path))
	taken := func(name string) bool {
		return slices.ContainsFunc(p.Files, func(f SourceFile) bool { return f.Name == folder+name && f.Text != t.text })
	}
	if !filepath.IsLocal(t.path) || path.Ext(name) == ".cue" || taken(name) {
		ending := path.Ext(name)
		for name = fmt.Sprintf("texts/%d%s", number, ending); taken(name); number++ {
			name = fmt.Sprintf("texts/%d%s", number+1, ending)
		}
		if err := r.replace(t.path, name, t.at, func(f *layerFile) bool { return slices.Contains(layers[at].files, f) }); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(p.Files, func(f SourceFile) bool { return f.Name == folder+name }) {
		p.Files = append(p.Files, SourceFile{Name: folder + name, Text: t.text})
	}
	return nil
}

// restricted reports whether a field is one of a restricted data set.
func (e *Experiment) restricted(field []string) bool {
	if len(field) < 2 || field[0] != "datasets" {
		return false
	}
	i := slices.IndexFunc(e.Datasets, func(d Dataset) bool { return d.Name == field[1] })
	if i < 0 {
		return false
	}
	g := e.Datasets[i].Governance
	if h := e.Headers[field[1]]; g == "" && h != nil {
		g = h.Governance
	}
	return g == plugins.Restricted
}

// nameFor is the name of the variable that stands for a path, made of the field's name.
func (p *Portable) nameFor(w writtenPath, names map[string]string) string {
	parts := slices.DeleteFunc(slices.Clone(w.path[1:]), func(s string) bool { return s == "with" })
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, strings.Join(parts, "_"))
	if name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	given := slices.Collect(maps.Values(names))
	taken := func(name string) bool {
		return slices.Contains(given, name) || slices.ContainsFunc(p.Files, func(f SourceFile) bool { return strings.Contains(f.Text, "${"+name+"}") })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = name + "_" + strconv.Itoa(n)
	}
	return free
}

// replacer collects what is to be replaced in the files of an experiment.
type replacer struct {
	files []*layerFile
	texts map[spot]replaced
}

// spot is the beginning of a quoted text: the number of its file, and bytes of it.
type spot struct{ file, offset int }

// replaced is a quoted text, and what comes in its place.
type replaced struct{ old, with string }

// replace puts another text in the place of a path. One with a folder in it is replaced wherever it is written; a plain name only at its
// place, if it stands there itself, as it may be the name of other things, too.
func (r *replacer) replace(old, with string, at where, in func(*layerFile) bool) error {
	edit := replaced{strconv.Quote(old), strconv.Quote(with)}
	var places []spot
	for i, f := range r.files {
		for offset := 0; in(f); offset += len(edit.old) {
			next := strings.Index(f.text[offset:], edit.old)
			if next < 0 {
				break
			}
			offset += next
			places = append(places, spot{i, offset})
		}
	}
	if len(places) == 0 {
		return errors.New("its path is put together from parts: write it as one text, or begin it with a variable such as ${DATA}")
	}
	if own := r.placeOf(at); !strings.ContainsAny(old, `/\`) && slices.Contains(places, own) {
		places = []spot{own}
	}
	for _, p := range places {
		r.texts[p] = edit
	}
	return nil
}

// placeOf is where a line and column lie.
func (r *replacer) placeOf(at where) spot {
	i := slices.IndexFunc(r.files, func(f *layerFile) bool { return f.path == at.file })
	if i < 0 {
		return spot{-1, 0}
	}
	offset := at.column - 1
	for line, n := range lineLengths(r.files[i].text) {
		if line >= at.line-1 {
			break
		}
		offset += n
	}
	return spot{i, offset}
}

// lineLengths are the bytes of each line, its end among them.
func lineLengths(text string) []int {
	var out []int
	for line := range strings.Lines(text) {
		out = append(out, len(line))
	}
	return out
}

// text is a file with all in its place.
func (r *replacer) text(file int) string {
	text := r.files[file].text
	places := slices.SortedFunc(maps.Keys(r.texts), func(a, b spot) int { return b.offset - a.offset }) // the last first
	for _, p := range places {
		if p.file == file {
			text = text[:p.offset] + r.texts[p].with + text[p.offset+len(r.texts[p].old):]
		}
	}
	return text
}

func (p *Portable) need(name, field string) {
	i := slices.IndexFunc(p.Variables, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		p.Variables = append(p.Variables, Variable{Name: name})
		i = len(p.Variables) - 1
	}
	if !slices.Contains(p.Variables[i].Fields, field) {
		p.Variables[i].Fields = append(p.Variables[i].Fields, field)
	}
}
