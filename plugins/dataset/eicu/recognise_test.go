package eicu

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestRecognise(t *testing.T) {
	folder := t.TempDir()
	touch := func(names ...string) {
		for _, name := range names {
			path := filepath.Join(folder, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	var r plugins.Registry
	Register(&r)
	entry := r.Datasets.Get("eicu")
	touch("hospital.csv")
	if got := entry.Recognise(folder, nil); got != nil {
		t.Errorf("a folder without patients: %v", got)
	}
	touch("PATIENT.CSV.gz", "apacheApsVar.csv", "apachepredvar.csv.gz", "apachePatientResult.csv", "partial/lab.csv.gz", "vitalPeriodic.csv", "vitalPeriodic.csv.gz")
	ways := entry.Recognise(folder, nil)
	if len(ways) != 2 {
		t.Fatalf("%d ways", len(ways))
	}
	for i, matrix := range []string{"apache", "johnson2018"} {
		if want := `{"root":"` + folder + `","matrix":"` + matrix + `"}`; string(ways[i].With) != want {
			t.Errorf("got %s, want %s", ways[i].With, want)
		}
		if _, _, err := entry.Build(ways[i].With); err != nil {
			t.Error(err)
		}
	}
	if ways[0].Lacks != nil {
		t.Errorf("the first matrix lacks %q", ways[0].Lacks)
	}
	var lacks []string
	for _, l := range ways[1].Lacks {
		name, _, _ := strings.Cut(strings.TrimPrefix(l, "table "), ":")
		lacks = append(lacks, strings.Fields(name)[0])
	}
	if diff := cmp.Diff([]string{"carePlanGeneral", "vitalPeriodic", "vitalAperiodic", "lab", "intakeOutput"}, lacks); diff != "" {
		t.Error(diff)
	}
	hint := `there is partial/lab.csv.gz, which tables: lab: "` + filepath.ToSlash(filepath.Join(folder, "partial/lab.csv.gz")) + `" would name`
	for _, want := range []string{hint, "vitalPeriodic is there more than once"} {
		if !strings.Contains(strings.Join(ways[1].Lacks, "\n"), want) {
			t.Errorf("%q lacks %q", ways[1].Lacks, want)
		}
	}
	t.Chdir(filepath.Dir(folder)) // the hint is relative where root is
	ways = entry.Recognise(filepath.Base(folder), nil)
	if want := `tables: lab: "` + filepath.Base(folder) + `/partial/lab.csv.gz"`; !strings.Contains(strings.Join(ways[1].Lacks, "\n"), want) {
		t.Errorf("%q lacks %q", ways[1].Lacks, want)
	}
	if got := entry.Recognise(filepath.Join(folder, "hospital.csv"), &plugins.TableFacts{}); got != nil {
		t.Errorf("a file is recognised: %v", got)
	}
	if got := entry.Recognise(filepath.Join(folder, "none"), nil); got != nil {
		t.Errorf("a folder that is not there: %v", got)
	}
}

// What is said of the columns before any file is known is what the header says.
func TestRegisteredColumns(t *testing.T) {
	var r plugins.Registry
	Register(&r)
	sets := r.Datasets.Get("eicu").Info.Columns
	if len(sets) != 2 {
		t.Fatalf("%d sets of columns", len(sets))
	}
	for i, matrix := range []string{Apache, Johnson2018} {
		d, err := New(settings("testdata/folder", matrix, Random))
		if err != nil {
			t.Fatal(err)
		}
		header, err := d.Header(context.Background(), plugins.Env{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plugins.ColumnSet{With: `matrix: "` + matrix + `"`, Columns: header.Columns}, sets[i]); diff != "" {
			t.Error(diff)
		}
	}
}
