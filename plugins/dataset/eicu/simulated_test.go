package eicu

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// Tables with SIMULATED.txt beside them are not taken for those of patients, unless some lie elsewhere.
func TestSimulatedTables(t *testing.T) {
	for _, tt := range []struct {
		name      string
		marker    string
		elsewhere bool // one of the tables
		want      plugins.Governance
	}{
		{"no marker", "", false, plugins.Restricted},
		{"a marker", "SIMULATED.txt", false, plugins.Simulated},
		{"in another case", "Simulated.TXT", false, plugins.Simulated},
		{"of another name", "SIMULATED.md", false, plugins.Restricted},
		{"a table elsewhere", "SIMULATED.txt", true, plugins.Restricted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := handMade(t).folder(t)
			c := settings(dir, Apache, Random)
			if tt.marker != "" {
				writeFile(t, filepath.Join(dir, tt.marker), []byte("SIMULATED\n"))
			}
			if tt.elsewhere {
				c.Tables.Hospital = filepath.Join(t.TempDir(), "hospital.csv")
				if err := os.Rename(filepath.Join(dir, "hospital.csv"), c.Tables.Hospital); err != nil {
					t.Fatal(err)
				}
			}
			d, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			header, err := d.Header(context.Background(), plugins.Env{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			simulated := tt.want == plugins.Simulated
			if header.Governance != tt.want || (header.Citation == "") != simulated || slices.Contains(header.Notes, simulatedNote) != simulated {
				t.Errorf("governance %q, citation %q, notes %q", header.Governance, header.Citation, header.Notes)
			}
			if data := read(t, c); slices.Contains(data.Notes, simulatedNote) != simulated {
				t.Errorf("notes %q", data.Notes)
			}
			// the marker enters the key of what is read
			files, err := d.Files()
			if err != nil || slices.ContainsFunc(files, func(f plugins.File) bool { return f.Role == simulatedRole }) != simulated {
				t.Errorf("files %v, error %v", files, err)
			}
		})
	}
}

func TestNoFolder(t *testing.T) {
	root := filepath.Join(t.TempDir(), "none")
	c := settings(root, Apache, Random)
	const want = `no folder at "root"; want that of the tables`
	if _, err := tryRead(t, c, 1); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	dir := handMade(t).folder(t)
	c.Tables = Tables{
		Patient: filepath.Join(dir, "patient.csv"), Hospital: filepath.Join(dir, "hospital.csv"), ApacheApsVar: filepath.Join(dir, "apacheApsVar.csv"),
		ApachePredVar: filepath.Join(dir, "apachePredVar.csv"), ApachePatientResult: filepath.Join(dir, "apachePatientResult.csv"),
	}
	if _, err := tryRead(t, c, 1); err != nil {
		t.Errorf("all tables elsewhere: %v", err)
	}
	c.Tables.Hospital = ""
	if _, err := tryRead(t, c, 1); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a table elsewhere: error %v, want %s", err, want)
	}
}
