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
	Files     []SourceFile `json:"files"`  // those of the experiment first, by name
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
	files  []SourceFile
	folder bool
	paths  []writtenPath
	texts  []writtenText
}

// writtenPath is a path as the experiment has it, before variables are expanded.
type writtenPath struct {
	path []string // of the field
	text string
	at   where
}

// writtenText is a text that stands in a file of its own.
type writtenText struct {
	path, text string
	at         where // of the path
}

// Portable returns the experiment for others. A path stays as it is where it begins with a variable and is not one of restricted data,
// whose files may be named after hospitals; any other becomes a variable named after its field, such as ${ICU_PATH}.
//
// Only what is written as one text can be replaced: it returns an error for a path that is put together.
func (e *Experiment) Portable() (*Portable, error) {
	p := &Portable{Files: slices.Clone(e.written.files), Folder: e.written.folder}
	if !p.Folder { // how the file is called where it was run tells nothing
		p.Files[0].Name = e.Name + ".cue"
	}
	names := map[string]string{} // of variables, by what they stand for
	r := replacer{files: e.written.files, texts: map[spot]replaced{}}
	for _, w := range e.written.paths {
		if strings.HasPrefix(w.text, "${") && !e.restricted(w.path) {
			for _, m := range variable.FindAllStringSubmatch(w.text, -1) {
				p.need(m[1], joinPath(w.path))
			}
			continue
		}
		if names[w.text] == "" {
			names[w.text] = p.nameFor(w, names)
		}
		if err := r.replace(w.text, "${"+names[w.text]+"}", w.at); err != nil {
			return nil, fmt.Errorf("%s: %w", joinPath(w.path), err)
		}
		p.need(names[w.text], joinPath(w.path))
	}
	for i, t := range e.written.texts {
		name := filepath.ToSlash(t.path)
		if !filepath.IsLocal(t.path) || path.Ext(name) == ".cue" {
			name = fmt.Sprintf("texts/%d%s", i+1, path.Ext(name))
			if err := r.replace(t.path, name, t.at); err != nil {
				return nil, err
			}
		}
		name = path.Clean(name)
		if !slices.ContainsFunc(p.Files, func(f SourceFile) bool { return f.Name == name }) {
			p.Files = append(p.Files, SourceFile{Name: name, Text: t.text})
		}
	}
	for i := range e.written.files {
		p.Files[i].Text = r.text(i)
	}
	return p, nil
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
	files []SourceFile
	texts map[spot]replaced
}

// spot is the beginning of a quoted text: the number of its file, and bytes of it.
type spot struct{ file, offset int }

// replaced is a quoted text, and what comes in its place.
type replaced struct{ old, with string }

// replace puts another text in the place of a path. One with a folder in it is replaced wherever it is written; a plain name only at its
// place, if it stands there itself, as it may be the name of other things, too.
func (r *replacer) replace(old, with string, at where) error {
	edit := replaced{strconv.Quote(old), strconv.Quote(with)}
	var places []spot
	for i, f := range r.files {
		for offset := 0; ; offset += len(edit.old) {
			next := strings.Index(f.Text[offset:], edit.old)
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
	i := slices.IndexFunc(r.files, func(f SourceFile) bool { return f.Name == filepath.Base(at.file) })
	if i < 0 {
		return spot{-1, 0}
	}
	offset := at.column - 1
	for line, n := range lineLengths(r.files[i].Text) {
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
	text := r.files[file].Text
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
