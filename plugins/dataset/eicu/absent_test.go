package eicu

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A table that is gone is an error that lists the files nonetheless; one that is there twice is no such error.
func TestFilesWhereATableIsGone(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"Patient.csv", "hospital.csv.gz", "apacheApsVar.csv", "apachePatientResult.csv"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &Dataset{Config{Root: root, Matrix: Apache}}
	files, err := d.Files()
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "no table apachePredVar in the folder, needed for ") {
		t.Errorf("error %v", err)
	}
	paths := map[string]string{}
	for _, f := range files {
		paths[f.Role] = filepath.Base(f.Path)
	}
	if len(paths) != 5 || paths["patient"] != "Patient.csv" || paths["apachePredVar"] != "apachePredVar.csv.gz" {
		t.Errorf("files %v", paths)
	}
	if err := os.WriteFile(filepath.Join(root, "patient.csv.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err := d.Files(); files != nil || err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a table that is there twice: %v, %v", files, err)
	}
}
