package spec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

const base = `name: "base"
datasets: icu: use: "icu"
features: all: use: "all"
strategies: copula: use: "gaussian-copula"
metrics: kl: use: "kl"
`

const baseMatrix = `matrix: [{dataset: ["icu"], features: ["all"], strategy: ["copula"], n: [100], seed: [1]}]
`

// unpack writes the files of an archive. A comment "base" adds zz_base.cue, which makes an experiment of what a
// case leaves out but for its matrix; "base matrix" adds one of those too.
func unpack(t *testing.T, a *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range a.Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, _, _ := strings.Cut(string(a.Comment), "\n")
	shared := map[string]string{"base": base, "base matrix": base + baseMatrix}[first]
	if shared != "" {
		if err := os.WriteFile(filepath.Join(dir, "zz_base.cue"), []byte(shared), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads the experiment of an unpacked archive: x.cue alone, or the folder when there are more files.
func load(dir string) (*Experiment, error) {
	path := dir
	if files, _ := filepath.Glob(filepath.Join(dir, "*.cue")); len(files) == 1 {
		path = files[0]
	}
	return Load(path, Options{
		Registry: fakeRegistry(), WorkDir: dir,
		Env: func(name string) (string, bool) { return filepath.Join(dir, "data"), name == "DATA" },
	})
}

// TestWrong compares every message and place with the archives in testdata/wrong; UPDATE=1 rewrites them.
func TestWrong(t *testing.T) {
	files, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("found %d archives: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e, err := load(unpack(t, a))
			got := found(e, err)
			want := ""
			for i, f := range a.Files {
				if f.Name != "want" {
					continue
				}
				want = string(f.Data)
				if os.Getenv("UPDATE") != "" {
					a.Files[i].Data = []byte(got)
					if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
						t.Fatal(err)
					}
					want = got
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// found is what a command prints: mistakes, or warnings when there are none.
func found(e *Experiment, err error) string {
	var ms Mistakes
	switch {
	case errors.As(err, &ms):
		return ms.Error() + "\n"
	case err != nil:
		return "error: " + err.Error() + "\n"
	}
	out := ""
	for _, w := range e.Warnings {
		out += "warning: " + w.String() + "\n"
	}
	return out
}
