package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
)

const tie = `package study
import "` + EditorImport + `"
schemas.#Experiment
`

// onDisk writes a study of two files, and returns its folder.
func onDisk(t *testing.T, experiment, tie string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"x.cue": experiment, "editor.cue": tie} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// vetted does what "cue vet -c" does with an experiment that is tied to the schema.
func vetted(t *testing.T, experiment string) error {
	t.Helper()
	schema, err := EditorSchema(fakeRegistry())
	if err != nil {
		t.Fatal(err)
	}
	_, fields, _ := strings.Cut(experiment, "\n") // without the clause
	v := cuecontext.New().CompileString(string(schema) + "\nembedded: {\n#Experiment\n" + fields + "}\nunified: #Experiment\nunified: {\n" + fields + "}\n")
	for _, tied := range []string{"embedded", "unified"} { // as in a file, and from another: of settings CUE is stricter with the latter
		if err := v.LookupPath(cue.ParsePath(tied)).Validate(cue.Concrete(true)); err != nil {
			return err
		}
	}
	return nil
}

const edited = `package study
` + base + `llms: sim: use: "in-process"
` + baseMatrix

// The cue command accepts on disk what Load accepts, and rejects wrong fields and settings of plugins.
func TestEditorSchema(t *testing.T) {
	for _, c := range []struct{ name, from, to, fault string }{
		{"as it is", "", "", ""},
		{"section", "llms:", "llm:", "embedded.llm"},
		{"setting", `metrics: kl: use: "kl"`, `metrics: kl: {use: "kl", with: bnis: 3}`, "metrics.kl.with.bnis"},
		{"plugin", `use: "all"`, `use: "al"`, "features.all.use"},
		{"llm of the axis", `use: "gaussian-copula"`, `{use: "llm-naive", with: {examples: 3}}`, ""},
		{"text in a file", `use: "gaussian-copula"`, `{use: "llm-naive", with: {prompt: file: "p.txt"}}`, ""},
		{"audits", "llms:", `audits: {a: {use: "rules", with: packs: ["icu"]}, b: {use: "llm-judge", with: {llms: ["sim"], rubric: {file: "r.md"}, prompt: user: file: "u.md"}}, both: all: ["a", "b"]}` + "\nllms:", ""},
		{"setting of an auditor", "llms:", `audits: a: {use: "rules", with: pack: ["icu"]}` + "\nllms:", "audits.a.with.pack"},
		{"auditor", "llms:", `audits: a: use: "ruls"` + "\nllms:", "audits.a.use"},
		{"judges", "llms:", `audits: a: {use: "llm-judge", with: repeats: 2}` + "\nllms:", "audits.a.with.llms"},
		{"policy", "llms:", `audits: a: {use: "rules", decide: action: "drp"}` + "\nllms:", "audits.a.decide.action"},
		{"text", `use: "gaussian-copula"`, `{use: "llm-naive", with: {prompt: 3}}`, "strategies.copula.with.prompt"},
	} {
		text := strings.Replace(edited, c.from, c.to, 1)
		if c.from != "" && text == edited {
			t.Fatalf("%s: the experiment has no %q", c.name, c.from)
		}
		err := vetted(t, text)
		switch {
		case c.fault == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.fault != "" && (err == nil || !strings.Contains(errors.Details(err, nil), c.fault)):
			t.Errorf("%s: %v; want a fault of %s", c.name, err, c.fault)
		}
	}
}

// What ties an experiment to the schema on disk changes nothing, in a file of its own or in the experiment.
func TestEditorImportChangesNothing(t *testing.T) {
	opts := Options{Registry: fakeRegistry(), Data: IfPresent}
	plain, err := Load(onDisk(t, edited, "package study\n"), opts)
	if err != nil {
		t.Fatal(err)
	}
	_, want := plain.Resolved()
	_, rest, _ := strings.Cut(edited, "\n")
	inside := strings.Replace(tie, "import ", "import s ", 1)
	inside = strings.Replace(inside, "schemas.#", "s.#", 1)
	for name, dir := range map[string]string{
		"beside": onDisk(t, edited, tie), "inside": onDisk(t, inside+rest, "package study\n"),
	} {
		e, err := Load(dir, opts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, got := e.Resolved(); got != want {
			t.Errorf("%s: another experiment", name)
		}
	}
}

func TestEditorImportIsForTheWholeExperimentAlone(t *testing.T) {
	for _, use := range []string{"datasets: icu: schemas.#Dataset\n", "schemas.#Dataset\n", "metrics: schemas\n"} {
		_, err := Load(onDisk(t, edited, tie+use), Options{Registry: fakeRegistry(), Data: IfPresent})
		if err == nil || !strings.Contains(err.Error(), "an experiment names #Experiment alone") || !strings.Contains(err.Error(), "editor.cue:4:") {
			t.Errorf("%s: %v", use, err)
		}
	}
}
