package schemas_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"cuelang.org/go/cue/format"
)

// TestCUEIsFormatted holds every CUE file outside testdata to the format of "cue fmt"; with UPDATE=1 it rewrites them.
func TestCUEIsFormatted(t *testing.T) {
	files := 0
	for _, folder := range []string{".", "../experiments", "../plugins"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && entry.Name() == "testdata": // mistakes on purpose
				return fs.SkipDir
			case entry.IsDir() || filepath.Ext(path) != ".cue":
				return nil
			}
			files++
			checkFormat(t, path)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 2 {
		t.Errorf("%d CUE files found: want the schema and the experiments", files)
	}
}

func checkFormat(t *testing.T, path string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	formatted, err := format.Source(source)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if bytes.Equal(source, formatted) {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Errorf("%s is not formatted; run: make fmt", path)
		return
	}
	if err := os.WriteFile(path, formatted, 0o644); err != nil {
		t.Error(err)
	}
}
