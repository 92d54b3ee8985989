package cli

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"text/template"

	"github.com/ehrlab/ehrlab/runner/spec"
)

//go:embed scaffold
var scaffold embed.FS

//go:embed scaffold/simulated.cue.txt
var simulatedBlock string

// editorFile ties an experiment to the schema for editors.
const editorFile = "editor.cue"

// command is the import path of the command, for go install.
const command = "github.com/ehrlab/ehrlab/runner/cmd/ehrlab"

// study is what the templates of a study need.
type study struct {
	Name, File, Package  string
	Title, About         string
	Datasets             string // the block, in CUE
	Simulated            bool   // invented patients
	Restricted           bool   // some of the data are
	Target, Numbers      bool   // there is a label of two classes; there are columns of numbers
	Headline             string // what plot and check are named
	Score, Axis          string // what plot, contrast and check are of
	Tolerance            string
	Prefix               string // of paths, from the top folder of the work tree, such as "studies/icu/"
	Version, VersionNote string // of ehrlab that a workflow installs
	Go                   string // release of Go that it is built with
	Module               string
	Import, Editor       string
}

// headline chooses the score that plot, contrast and check are of: usefulness where there is a label.
func (s *study) headline() {
	s.Editor, s.Import = editorFile, spec.EditorImport
	switch {
	case s.Target:
		s.Headline, s.Score, s.Axis, s.Tolerance = "utility", "utility.auroc", "AUROC", "0.05"
	case s.Numbers:
		s.Headline, s.Score, s.Axis, s.Tolerance = "together", "together.correlation_matrix_difference", "correlation difference", "0.02"
	default:
		s.Headline, s.Score, s.Axis, s.Tolerance = "together", "together.mean", "contingency similarity", "0.02"
	}
}

// templates are the files that depend on the study. Their delimiters occur neither in CUE nor in workflows.
var templates = func() *template.Template {
	asJSON := func(v any) (string, error) { // which YAML reads, too
		b, err := json.Marshal(v)
		return string(b), err
	}
	t := template.New("").Delims("<%", "%>").Option("missingkey=error").Funcs(template.FuncMap{"quote": quote, "json": asJSON})
	return template.Must(t.ParseFS(scaffold, "scaffold/*.tmpl"))
}

// filled is a template with what the study has in its places.
func (s *study) filled(name string) (string, error) {
	var b strings.Builder
	err := templates().ExecuteTemplate(&b, name+".tmpl", s)
	return b.String(), err
}

// files are the files of a study in a folder. kept are those that a folder may have already, and which stay as they are.
func (s *study) files(dir, settings string, schema []byte) (files []scaffoldFile, kept []string, err error) {
	in := func(path ...string) string { return filepath.Join(append([]string{dir}, path...)...) }
	experiment, err := s.experiment()
	if err != nil {
		return nil, nil, err
	}
	files = []scaffoldFile{{in(s.File), experiment}, {in("ehrlab.yaml"), settings}}
	readme, err := s.filled("README.md")
	if err != nil {
		return nil, nil, err
	}
	optional := []scaffoldFile{{in("README.md"), readme}, {in(".gitignore"), verbatim("gitignore")}}
	for _, f := range optional {
		if _, err := os.Lstat(f.path); err != nil {
			files = append(files, f)
			continue
		}
		kept = append(kept, f.path)
		own := in(".ehrlab", ".gitignore") // the cache holds rows of the data: git must leave it alone even so
		if _, err := os.Lstat(own); err != nil && filepath.Base(f.path) == ".gitignore" {
			files = append(files, scaffoldFile{own, "*\n"})
		}
	}
	editor, err := s.filled("editor.cue")
	if err != nil {
		return nil, nil, err
	}
	files = append(
		files, scaffoldFile{in(editorFile), editor}, scaffoldFile{in("cue.mod", "module.cue"), verbatim("module.cue.txt")},
		scaffoldFile{in("cue.mod", "pkg", filepath.FromSlash(spec.EditorImport), "schema.cue"), string(schema)},
	)
	return files, kept, nil
}

// experiment is the experiment of a study, formatted.
func (s *study) experiment() (string, error) {
	text, err := s.filled("experiment.cue")
	if err != nil {
		return "", err
	}
	formatted, err := spec.FormatCUE([]byte(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.File, err)
	}
	return string(formatted), nil
}

// verbatim is a file that is the same for all studies.
func verbatim(name string) string {
	text, err := scaffold.ReadFile("scaffold/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// workflow is the file that runs a study on a service, at the top of the git work tree that holds it.
func (s *study) workflow(dir, service string) (scaffoldFile, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return scaffoldFile{}, err
	}
	top := workTree(dir)
	prefix, err := filepath.Rel(top, dir)
	if err != nil {
		return scaffoldFile{}, err
	}
	if prefix = filepath.ToSlash(prefix); prefix != "." {
		s.Prefix = prefix + "/"
	}
	release, _, _ := strings.Cut(strings.TrimPrefix(runtime.Version(), "go"), " ")
	s.Module, s.Go = command, release
	s.Version, s.VersionNote = pinned(tool().Revision, moduleVersion())
	path := map[string]string{
		"github": filepath.Join(top, ".github", "workflows", "ehrlab.yml"), "gitlab": filepath.Join(top, ".gitlab-ci.yml"),
	}[service]
	text, err := s.filled(service + ".yml")
	return scaffoldFile{fromHere(path), text}, err
}

// workTree is the folder above dir, or dir, that git keeps its own in; dir where none does.
func workTree(dir string) string {
	for up := dir; ; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, ".git")); err == nil {
			return up
		}
		if up == filepath.Dir(up) {
			return dir
		}
	}
}

// fromHere is a path as seen from the working folder, where it can be.
func fromHere(path string) string {
	if here, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(here, path); err == nil {
			return relative
		}
	}
	return path
}

// moduleVersion is the version of the module that this build is of, such as v0.2.0 or the pseudo-version of a commit; "" where that is
// not known.
func moduleVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return ""
}

// pinned is what go install is told to install for this build: the version of the module, or else the revision. note says where that
// is not exactly this build.
func pinned(revision, module string) (version, note string) {
	version, dirty := strings.CutSuffix(module, "+dirty")
	if version == "" && revision != "unknown" {
		version, dirty = strings.CutSuffix(revision, "+dirty")
	}
	switch {
	case version == "":
		return "main", "the build that wrote this does not know its version: write a release or a commit here"
	case dirty:
		return version, "the build that wrote this had changes beyond it"
	}
	return version, ""
}
