package spec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzLoad feeds anything to Load: it never panics, mistakes have a message and a place in the file, and what
// passes can be resolved.
func FuzzLoad(f *testing.F) {
	f.Add(design)
	f.Add(base + baseMatrix)
	files, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range a.Files {
			if strings.HasSuffix(x.Name, ".cue") {
				f.Add(string(x.Data) + base)
			}
		}
	}
	dir := f.TempDir()
	opts := Options{Registry: fakeRegistry(), WorkDir: dir, Env: func(string) (string, bool) { return "", false }}
	path := filepath.Join(dir, "x.cue")
	f.Fuzz(func(t *testing.T, src string) {
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := Load(path, opts)
		var ms Mistakes
		switch {
		case errors.As(err, &ms):
			lines := strings.Count(src, "\n") + 1
			for _, m := range ms {
				if m.Message == "" || m.File != "./x.cue" || m.Line < 1 || m.Line > lines || m.Column < 1 {
					t.Errorf("%+v", m)
				}
			}
			if len(ms) == 0 {
				t.Error("no mistakes, and no experiment")
			}
		case err != nil:
			if !strings.Contains(err.Error(), "x.cue") {
				t.Errorf("error does not name the file: %v", err)
			}
		default:
			e.Resolved()
		}
	})
}
