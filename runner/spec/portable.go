package spec

import (
	"errors"
	"fmt"
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
}

// writtenText is a text that stands in a file of its own.
type writtenText struct{ path, text string }

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
	for _, w := range e.written.paths {
		if strings.HasPrefix(w.text, "${") && !e.restricted(w.path) {
			for _, m := range variable.FindAllStringSubmatch(w.text, -1) {
				p.need(m[1], joinPath(w.path))
			}
			continue
		}
		if names[w.text] == "" {
			name := p.nameFor(w)
			if err := p.replace(w.text, "${"+name+"}"); err != nil {
				return nil, fmt.Errorf("%s: %w", joinPath(w.path), err)
			}
			names[w.text] = name
		}
		p.need(names[w.text], joinPath(w.path))
	}
	for i, t := range e.written.texts {
		name := filepath.ToSlash(t.path)
		if !filepath.IsLocal(t.path) || path.Ext(name) == ".cue" {
			name = fmt.Sprintf("texts/%d%s", i+1, path.Ext(name))
			if err := p.replace(t.path, name); err != nil {
				return nil, err
			}
		}
		name = path.Clean(name)
		if !slices.ContainsFunc(p.Files, func(f SourceFile) bool { return f.Name == name }) {
			p.Files = append(p.Files, SourceFile{Name: name, Text: t.text})
		}
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
func (p *Portable) nameFor(w writtenPath) string {
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
	taken := func(name string) bool {
		return slices.ContainsFunc(p.Files, func(f SourceFile) bool { return strings.Contains(f.Text, "${"+name+"}") })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = name + "_" + strconv.Itoa(n)
	}
	return free
}

// replace puts another text in the place of one, wherever it is written.
func (p *Portable) replace(old, with string) error {
	found := false
	for i := range p.Files {
		f := &p.Files[i]
		if path.Ext(f.Name) != ".cue" {
			continue
		}
		found = found || strings.Contains(f.Text, strconv.Quote(old))
		f.Text = strings.ReplaceAll(f.Text, strconv.Quote(old), strconv.Quote(with))
	}
	if !found {
		return errors.New("its path is put together from parts: write it as one text, or begin it with a variable such as ${DATA}")
	}
	return nil
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
