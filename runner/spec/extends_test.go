package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// extendsBase is to be extended: it takes defaults, selects sections, and names files beside itself.
const extendsBase = `package icu

name: *"study" | string
_way: *"small" | "large"
_size: {small: 10, large: 1000}[_way]
_table: *"own.csv" | string
_sources: {
	small: {use: "table", with: path: "data/small.csv"}
	large: {use: "table", with: path: "data/large.csv"}
}
datasets: {
	icu: _sources[_way] & {target: "died", split: _split}
	eicu: {use: "table", with: path: *"data/eicu.csv" | string, target: "died", split: _split}
	own: {use: "table", with: path: _table, target: "died", split: _split}
}
_split: {train: 0.4, validation: 0.1, test: 0.3, reference: 0.2, by: "row", seed: 1}
features: all: use: "all"
strategies: asked: {use: "llm-naive", with: {llm: "m", prompt: file: "prompts/p.txt"}}
llms: m: use: "in-process"
if _way == "large" {
	strategies: copula: use: "gaussian-copula"
}
matrix: [{dataset: [for name, _ in datasets {name}], features: ["all"], strategy: ["asked"], n: [_size], seed: [1]}]
`

// extendsOwn extends it, with a file of its own that is called the same.
const extendsOwn = `package demo

extends: ".."
name:    "study-\(_way)"
_way:    "large"
_table:  "data/eicu.csv"
metrics: kl: use: "kl"
datasets: eicu: with: path: "data/eicu.csv"
strategies: told: {use: "llm-naive", with: {llm: "m", prompt: file: "prompts/p.txt"}}
`

// extendsFiles are the files of an experiment that extends another.
func extendsFiles(t *testing.T) string {
	t.Helper()
	return unpack(t, &txtar.Archive{Files: []txtar.File{
		{Name: "study/study.cue", Data: []byte(extendsBase)},
		{Name: "study/prompts/p.txt", Data: []byte("Ask.")},
		{Name: "study/demo/demo.cue", Data: []byte(extendsOwn)},
		{Name: "study/demo/prompts/p.txt", Data: []byte("Tell.")},
	}})
}

func loadExtended(t *testing.T, path string) *Experiment {
	t.Helper()
	e, err := Load(path, portableOptions(nil))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestExtendsMakesOneExperiment(t *testing.T) {
	dir := extendsFiles(t)
	e := loadExtended(t, filepath.Join(dir, "study", "demo"))
	if e.Name != "study-large" || e.Dir != filepath.Join(dir, "study", "demo") {
		t.Errorf("name %q in %s", e.Name, e.Dir)
	}
	var strategies []string
	for _, s := range e.Strategies {
		strategies = append(strategies, s.Name)
	}
	if want := []string{"asked", "copula", "told"}; !slices.Equal(strategies, want) {
		t.Errorf("strategies %v, want %v: what is extended comes first", strategies, want)
	}
	for i, at := range [][2]string{{"Ask.", "the folder that is extended"}, {}, {"Tell.", "the folder that extends"}} {
		if text := at[0]; text != "" && !strings.Contains(string(e.Strategies[i].With), text) {
			t.Errorf("strategy %s does not have the text of %s: %s", e.Strategies[i].Name, at[1], e.Strategies[i].With)
		}
	}
	if n := e.Matrix[0].Axes; !strings.Contains(fmt.Sprint(n), "1000") {
		t.Errorf("the default of n does not give way: %v", n)
	}
	if e.Metrics[0].Name != "kl" || len(e.Metrics) != 1 {
		t.Errorf("metrics %v", e.Metrics)
	}
}

// TestExtendsResolvesPathsWhereTheyAreWritten reads the paths of the four data sets: one that is selected, one that takes the place of a
// default, one that is referred to, and one that is put together.
func TestExtendsResolvesPathsWhereTheyAreWritten(t *testing.T) {
	dir := extendsFiles(t)
	put := []byte("_folder: *\"data\" | string\ndatasets: put: {use: \"table\", with: path: \"\\(_folder)/put.csv\", target: \"died\", split: _split}\n")
	if err := os.WriteFile(filepath.Join(dir, "study", "put.cue"), put, 0o600); err != nil {
		t.Fatal(err)
	}
	for entry, want := range map[string]map[string]string{
		"study": {"icu": "data/small.csv", "eicu": "data/eicu.csv", "own": "own.csv", "put": "data/put.csv"},
		"study/demo": {
			"icu": "data/large.csv", "eicu": "demo/data/eicu.csv", "own": "demo/data/eicu.csv", "put": "data/put.csv",
		},
		"study/demo/demo.cue": {
			"icu": "data/large.csv", "eicu": "demo/data/eicu.csv", "own": "demo/data/eicu.csv", "put": "data/put.csv",
		},
	} {
		at := filepath.Join(dir, filepath.FromSlash(entry))
		if entry == "study" { // it has no metrics, and this registry no core
			if err := os.WriteFile(filepath.Join(at, "metrics.cue"), []byte("metrics: kl: use: \"kl\"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string]string{}
		for _, d := range loadExtended(t, at).Datasets {
			got[d.Name] = pathOf(t, dir, d)
		}
		if entry == "study" {
			if err := os.Remove(filepath.Join(at, "metrics.cue")); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", entry, diff)
		}
	}
}

// pathOf is the path of a data set below study.
func pathOf(t *testing.T, dir string, d Dataset) string {
	t.Helper()
	_, rest, ok := strings.Cut(string(d.With), filepath.Join(dir, "study")+string(filepath.Separator))
	if !ok {
		t.Fatalf("data set %s: %s", d.Name, d.With)
	}
	return strings.TrimSuffix(rest, "\"}")
}

func TestExtendsInARow(t *testing.T) {
	write := func(layers int) string {
		files := []txtar.File{{Name: "0/x.cue", Data: []byte(base + baseMatrix)}}
		for i := 1; i < layers; i++ {
			text := fmt.Sprintf("extends: \"../%d\"\nfeatures: f%d: use: \"all\"\nmatrix: [{features: _}]\n", i-1, i)
			files = append(files, txtar.File{Name: fmt.Sprintf("%d/x.cue", i), Data: []byte(text)})
		}
		return filepath.Join(unpack(t, &txtar.Archive{Files: files}), fmt.Sprint(layers-1))
	}
	e, err := Load(write(maxLayers), Options{Registry: fakeRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Features) != maxLayers || e.Features[0].Name != "all" || e.Features[maxLayers-1].Name != fmt.Sprintf("f%d", maxLayers-1) {
		t.Errorf("features %v", e.Features)
	}
	dir := write(maxLayers + 1)
	_, err = Load(dir, Options{Registry: fakeRegistry(), WorkDir: filepath.Dir(dir)})
	want := "extends: more than 9 experiments that extend each other in a row\n    ./1/x.cue:1:10"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestExtendsIsBounded(t *testing.T) {
	files := []txtar.File{{Name: "own/x.cue", Data: []byte("extends: \"../base\"\n")}}
	for i := range maxFiles {
		files = append(files, txtar.File{Name: fmt.Sprintf("base/%d.cue", i), Data: []byte("\n")})
	}
	long := []txtar.File{files[0]}
	for i := range maxTotal/maxBytes + 1 {
		long = append(long, txtar.File{Name: fmt.Sprintf("base/%d.cue", i), Data: []byte(strings.Repeat("\n", maxBytes))})
	}
	for name, files := range map[string][]txtar.File{"files": files, "bytes": long} {
		dir := unpack(t, &txtar.Archive{Files: files})
		_, err := Load(filepath.Join(dir, "own"), Options{Registry: fakeRegistry(), WorkDir: dir})
		if err == nil || !strings.Contains(err.Error(), "too much to read") || !strings.Contains(err.Error(), "./own/x.cue:1:10") {
			t.Errorf("too many %s: %v", name, err)
		}
		if _, err := Load(filepath.Join(dir, "base"), Options{Registry: fakeRegistry()}); name == "bytes" && (err == nil || !strings.Contains(err.Error(), "too much to read")) {
			t.Errorf("too many %s of a folder: %v", name, err)
		}
	}
}

// TestNamesOfAFolderAreKnownInAllItsFiles uses a hidden field of one file in another, with packages and without.
func TestNamesOfAFolderAreKnownInAllItsFiles(t *testing.T) {
	for name, clause := range map[string]string{"no package": "", "package": "package study\n", "package _": "package _\n"} {
		dir := unpack(t, &txtar.Archive{Files: []txtar.File{
			{Name: "a.cue", Data: []byte(clause + base + "title: \"\\(_of) rows\"\n")}, {Name: "b.cue", Data: []byte(clause + baseMatrix + "_of: 100\n")},
		}})
		e, err := Load(dir, Options{Registry: fakeRegistry()})
		if err != nil || e.Title != "100 rows" {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

// TestPortableTakesAlongWhatItExtends reads the experiment again where nothing but its portable form is.
func TestPortableTakesAlongWhatItExtends(t *testing.T) {
	dir := extendsFiles(t)
	for entry, own := range map[string]string{"study/demo": "demo.cue", "study/demo/demo.cue": "study-large.cue"} {
		e := loadExtended(t, filepath.Join(dir, filepath.FromSlash(entry)))
		p, err := e.Portable()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		var archive txtar.Archive
		for _, f := range p.Files {
			names = append(names, f.Name)
			archive.Files = append(archive.Files, txtar.File{Name: f.Name, Data: []byte(f.Text)})
		}
		if want := []string{own, "base/study.cue", "base/prompts/p.txt", "prompts/p.txt"}; !slices.Equal(names, want) {
			t.Errorf("%s: files %v, want %v", entry, names, want)
		}
		variables := []string{}
		for _, v := range p.Variables {
			variables = append(variables, v.Name+": "+strings.Join(v.Fields, " "))
		}
		want := []string{
			"ICU_PATH: datasets.icu.with.path", "EICU_PATH: datasets.eicu.with.path datasets.own.with.path",
		}
		if diff := cmp.Diff(want, variables); diff != "" {
			t.Errorf("%s: -want +got\n%s", entry, diff)
		}
		elsewhere := unpack(t, &archive)
		if !p.Folder {
			elsewhere = filepath.Join(elsewhere, own)
		}
		_, hash := e.Resolved()
		if _, again := loadExtended(t, elsewhere).Resolved(); again != hash {
			t.Errorf("%s: its resolved form is another one", entry)
		}
	}
}
