package spec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// portable loads an experiment of some files and returns it for others.
func portable(t *testing.T, files map[string]string, env map[string]string) (*Experiment, *Portable, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	entry := dir
	if _, single := files["x.cue"]; single {
		entry = filepath.Join(dir, "x.cue")
	}
	e, err := Load(entry, portableOptions(env))
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Portable()
	return e, p, err
}

func portableOptions(env map[string]string) Options {
	return Options{Registry: fakeRegistry(), Data: IfPresent, NoHeaders: true, Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
}

const portableText = `name: "study"
datasets: {
	icu: {use: "table", with: path: "data/hospital.csv", target: "died", split: %SPLIT%}
	eicu: {use: "table", with: path: "${EICU}/stays.csv", target: "died", split: %SPLIT%}
	own: {use: "table", with: path: "${EICU}/Mercy.csv", governance: "restricted", target: "died", split: %SPLIT%}
}
features: all: use: "all"
strategies: copula: use: "gaussian-copula"
metrics: kl: use: "kl"
matrix: [{dataset: ["icu", "eicu", "own"], strategy: ["copula"], features: ["all"], n: [10], seed: [1]}]
`

func TestPortableHasNoPathOfThisMachine(t *testing.T) {
	text := strings.ReplaceAll(portableText, "%SPLIT%", `{train: 0.4, validation: 0.1, test: 0.3, reference: 0.2, by: "row", seed: 1}`)
	env := map[string]string{"EICU": "/data/eicu"}
	e, p, err := portable(t, map[string]string{"x.cue": text}, env)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Files) != 1 || p.Folder || p.Files[0].Name != "study.cue" {
		t.Fatalf("%+v", p)
	}
	got := p.Files[0].Text
	for _, lost := range []string{"hospital.csv", "Mercy"} {
		if strings.Contains(got, lost) {
			t.Errorf("it names %s:\n%s", lost, got)
		}
	}
	for _, kept := range []string{`path: "${ICU_PATH}"`, `path: "${EICU}/stays.csv"`, `path: "${OWN_PATH}"`} {
		if !strings.Contains(got, kept) {
			t.Errorf("it has no %s:\n%s", kept, got)
		}
	}
	var names []string
	for _, v := range p.Variables {
		names = append(names, v.Name+" of "+strings.Join(v.Fields, "+"))
	}
	slices.Sort(names)
	want := []string{"EICU of datasets.eicu.with.path", "ICU_PATH of datasets.icu.with.path", "OWN_PATH of datasets.own.with.path"}
	if !slices.Equal(names, want) {
		t.Errorf("variables %q", names)
	}
	// read elsewhere, it is the same experiment
	path := filepath.Join(t.TempDir(), p.Files[0].Name)
	if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
		t.Fatal(err)
	}
	again, err := Load(path, portableOptions(map[string]string{"EICU": "/other", "ICU_PATH": "/x.csv", "OWN_PATH": "/y.csv"}))
	if err != nil {
		t.Fatal(err)
	}
	_, a := e.Resolved()
	if _, b := again.Resolved(); a != b {
		t.Error("its resolved form is another one")
	}
}

func TestPortableReplacesNoNameThatIsLikeAPath(t *testing.T) {
	text := strings.ReplaceAll(portableText, "%SPLIT%", `{train: 0.4, validation: 0.1, test: 0.3, reference: 0.2, by: "row", seed: 1}`)
	text = strings.Replace(text, `"data/hospital.csv"`, `"icu"`, 1)
	e, p, err := portable(t, map[string]string{"x.cue": text}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := p.Files[0].Text
	if !strings.Contains(got, `path: "${ICU_PATH}"`) || !strings.Contains(got, `dataset: ["icu", `) {
		t.Errorf("the path and nothing else is to be replaced:\n%s", got)
	}
	path := filepath.Join(t.TempDir(), p.Files[0].Name)
	if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
		t.Fatal(err)
	}
	again, err := Load(path, portableOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	_, a := e.Resolved()
	if _, b := again.Resolved(); a != b {
		t.Error("its resolved form is another one")
	}
}

func TestAPathThatIsPutTogetherIsNotPortable(t *testing.T) {
	text := strings.ReplaceAll(portableText, "%SPLIT%", `{train: 0.4, validation: 0.1, test: 0.3, reference: 0.2, by: "row", seed: 1}`)
	text = "_root: \"/home/someone\"\n" + strings.Replace(text, `"data/hospital.csv"`, `"\(_root)/hospital.csv"`, 1)
	_, _, err := portable(t, map[string]string{"x.cue": text}, nil)
	if err == nil || !strings.Contains(err.Error(), "datasets.icu.with.path: its path is put together") {
		t.Error(err)
	}
}

func TestPortableKeepsAFolder(t *testing.T) {
	text := strings.ReplaceAll(portableText, "%SPLIT%", `{train: 0.4, validation: 0.1, test: 0.3, reference: 0.2, by: "row", seed: 1}`)
	head, tail, _ := strings.Cut(text, "features:")
	_, p, err := portable(t, map[string]string{"a.cue": head, "b.cue": "features:" + tail}, nil)
	if err != nil || !p.Folder || len(p.Files) != 2 || p.Files[0].Name != "a.cue" || p.Files[1].Name != "b.cue" || !strings.Contains(p.Files[0].Text, "ICU_PATH") {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestPortableTakesTextsAlong(t *testing.T) {
	text := strings.ReplaceAll(portableText, "%SPLIT%", `{train: 0.4, validation: 0.1, test: 0.3, reference: 0.2, by: "row", seed: 1}`)
	text = strings.Replace(text, `copula: use: "gaussian-copula"`, `copula: {use: "llm-naive", with: {llm: "m", prompt: file: "FILE"}}`, 1) + "llms: m: use: \"in-process\"\n"
	outside := filepath.Join(t.TempDir(), "mine.txt")
	if err := os.WriteFile(outside, []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"prompts/p.txt": "prompts/p.txt", outside: "texts/1.txt"} {
		e, p, err := portable(t, map[string]string{"x.cue": strings.Replace(text, "FILE", file, 1), "prompts/p.txt": "hello"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Files) != 2 || p.Files[1] != (SourceFile{Name: want, Text: "hello"}) || !strings.Contains(p.Files[0].Text, want) || strings.Contains(p.Files[0].Text, filepath.Dir(outside)) {
			t.Fatalf("%s: %+v", file, p)
		}
		dir := t.TempDir()
		for _, f := range p.Files {
			path := filepath.Join(dir, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(f.Text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Load(filepath.Join(dir, "study.cue"), portableOptions(nil))
		if err != nil {
			t.Fatal(err)
		}
		_, a := e.Resolved()
		if _, b := again.Resolved(); a != b {
			t.Errorf("%s: its resolved form is another one", file)
		}
	}
}
