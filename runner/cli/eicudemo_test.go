package cli_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// demoFigures compares what a version of experiments/eicu-demo.cue counted with the tables of the demo themselves, read
// here by encoding/csv and nothing of ours.
func demoFigures(ts *testscript.TestScript, _ bool, args []string) {
	folder := filepath.Join(ts.Getenv("EHRLAB_DATA"), "eicu-demo")
	want := map[string]int{}
	patients, hospitals, kept := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, row := range demoTable(ts, folder, "patient") {
		status := row["hospitaldischargestatus"]
		if status == "" {
			continue
		}
		kept[row["patientunitstayid"]] = true
		patients[row["uniquepid"]], hospitals[row["hospitalid"]] = true, true
		if status == "Expired" {
			want["deaths"]++
		}
	}
	want["stays left"], want["patients"], want["hospitals"] = len(kept), len(patients), len(hospitals)
	missing := map[string]int{}
	physiology := []string{"wbc", "temperature", "respiratoryrate", "sodium", "heartrate", "meanbp", "ph", "hematocrit", "creatinine", "albumin", "pao2", "pco2", "bun", "glucose", "bilirubin", "fio2", "urine"}
	for _, c := range physiology {
		missing[c] = len(kept) // unless a row of the table says otherwise
	}
	for _, row := range demoTable(ts, folder, "apacheApsVar") {
		for _, c := range physiology {
			if kept[row["patientunitstayid"]] && row[c] != "" && row[c] != "-1" {
				missing[c]--
			}
		}
	}
	got := map[string]int{}
	counts, err := csv.NewReader(strings.NewReader(ts.ReadFile(filepath.Join(args[0], "counts.csv")))).ReadAll()
	ts.Check(err)
	for _, row := range counts {
		if row[2] == "dataset" { // the last count of a name: after all exclusions
			var n int
			_, err := fmt.Sscan(row[len(row)-1], &n)
			ts.Check(err)
			got[row[3]] = n
		}
	}
	for name, n := range want {
		if got[name] != n {
			ts.Fatalf("%s: %d, but the tables have %d", name, got[name], n)
		}
	}
	var manifest struct {
		Data []struct {
			Columns []struct {
				Name    string
				Missing int
			}
		}
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join(args[0], "manifest.json"))), &manifest))
	compared := 0
	for _, c := range manifest.Data[0].Columns {
		if n, known := missing[c.Name]; known {
			compared++
			if c.Missing != n {
				ts.Fatalf("column %s lacks %d values, but the table lacks %d", c.Name, c.Missing, n)
			}
		}
	}
	if compared != len(physiology) {
		ts.Fatalf("%d of %d columns are in the manifest", compared, len(physiology))
	}
	ts.Logf("%v; missing %v", want, missing)
}

// demoTable reads a table of the demo, one map a row.
func demoTable(ts *testscript.TestScript, folder, name string) []map[string]string {
	f, err := os.Open(filepath.Join(folder, name+".csv.gz"))
	ts.Check(err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	ts.Check(err)
	rows, err := csv.NewReader(z).ReadAll()
	ts.Check(err)
	var out []map[string]string
	for _, row := range rows[1:] {
		named := map[string]string{}
		for i, column := range rows[0] {
			named[column] = row[i]
		}
		out = append(out, named)
	}
	return out
}
