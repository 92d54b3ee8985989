package eicu

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

// demo is the folder of the open demo: eicu-demo in EHRLAB_DATA, or in shared/data beside the checkout.
func demo(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("EHRLAB_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	folder = filepath.Join(folder, "eicu-demo")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("no eICU demo: EHRLAB_DATA is not set and there is no shared/data beside the checkout")
	}
	return folder
}

// demoTable reads a table of the demo with the standard library.
func demoTable(t testing.TB, folder, name string) [][]string {
	t.Helper()
	in, err := os.Open(filepath.Join(folder, name+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// The figures of the matrix against those of a short computation of its own over the same files.
func TestDemoApache(t *testing.T) {
	folder := demo(t)
	data := read(t, settings(folder, Apache, Random))
	x := tables{}
	for _, name := range []string{"patient", "hospital", "apacheApsVar", "apachePredVar", "apachePatientResult"} {
		x[name] = demoTable(t, folder, name)
	}
	stays, patients, hospitals, died, disagree, backwards := map[string]bool{}, map[string]bool{}, map[string]bool{}, 0, 0, 0
	for _, p := range rowsOf(x, "patient") {
		if p["hospitaldischargestatus"] == "" {
			continue
		}
		stays[p["patientunitstayid"]] = true
		patients[p["uniquepid"]], hospitals[p["hospitalid"]] = true, true
		if p["hospitaldischargestatus"] == "Expired" {
			died++
		}
		if p["hospitaldischargestatus"] == "Alive" && p["unitdischargestatus"] == "Expired" {
			disagree++
		}
		if num(p["hospitaladmitoffset"]) > 0 {
			backwards++
		}
	}
	f := data.Frame
	for name, pair := range map[string][2]int{
		"stays":                           {f.Rows(), len(stays)},
		"patients":                        {counted(data, "patients"), len(patients)},
		"levels of uniquepid":             {len(f.Column("uniquepid").Levels), len(patients)},
		"hospitals":                       {counted(data, "hospitals"), len(hospitals)},
		"deaths":                          {counted(data, "deaths"), died},
		"without discharge status":        {counted(data, "stays excluded", "no hospital discharge status"), len(x["patient"]) - 1 - len(stays)},
		"hospitals of the demo":           {len(hospitals), 186},
		"stays with a status":             {len(stays), 2492},
		"deaths of the demo":              {died, 212},
		"unit Expired, hospital Alive":    {counted(data, "stays with unit status Expired but hospital status Alive"), disagree},
		"such stays of the demo":          {disagree, 5},
		"hospital after unit":             {counted(data, "stays with hospital admission after unit admission"), backwards},
		"hospital after unit in the demo": {backwards, 15},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d, want %d", name, pair[0], pair[1])
		}
	}
	missing := missingByColumn(x, stays)
	sum := 0
	for _, c := range f.Columns() {
		sum += c.MissingCount()
		if want, ok := missing[c.Name]; ok && c.MissingCount() != want {
			t.Errorf("%s: %d missing cells, want %d", c.Name, c.MissingCount(), want)
		}
	}
	// heights of 0.3, 15.2 and 600 cm and a weight of 0.5 kg; all else that the demo has is plausible
	for column, want := range map[string]int{"admissionheight": 3, "admissionweight": 1} {
		if got := counted(data, "values outside the plausible range", column); got != want {
			t.Errorf("%s: %d implausible values, want %d", column, got, want)
		}
	}
	if len(missing) < 60 {
		t.Errorf("missing cells of %d columns were counted", len(missing))
	}
	if got := counted(data, "missing cells"); got != sum {
		t.Errorf("%d missing cells, want %d", got, sum)
	}
}

// missingByColumn counts cells that are empty, -1 in an APACHE table, or of a stay that the table lacks.
func missingByColumn(x tables, stays map[string]bool) map[string]int {
	out := map[string]int{"electivesurgery": 0}
	for _, name := range []string{"apachePredVar", "apachePatientResult", "apacheApsVar", "patient"} { // a later table's column of one name counts
		if name == "apacheApsVar" {
			for _, repeated := range []string{"electivesurgery", "creatinine"} {
				delete(out, repeated)
			}
		}
		for k, column := range x[name][0] {
			n, seen := 0, map[string]bool{}
			for _, row := range x[name][1:] {
				id := row[slices.Index(x[name][0], "patientunitstayid")]
				if name == "apachePatientResult" && row[slices.Index(x[name][0], "apacheversion")] != "IVa" || !stays[id] {
					continue
				}
				seen[id] = true
				if row[k] == "" || row[k] == "-1" && name != "patient" {
					n++
				}
			}
			out[column] = n + len(stays) - len(seen)
		}
	}
	pred := map[string]bool{}
	for _, r := range rowsOf(x, "apachePredVar") {
		pred[r["patientunitstayid"]] = true
	}
	none := 0
	for id := range stays {
		if !pred[id] {
			none++
		}
	}
	out["electivesurgery"] = none // an empty field is "no"
	delete(out, "region")         // that of apachePredVar is another
	for _, r := range rowsOf(x, "patient") {
		if h := num(r["admissionheight"]); stays[r["patientunitstayid"]] && (h < 30 || h > 275) {
			out["admissionheight"]++
		}
		if w := num(r["admissionweight"]); stays[r["patientunitstayid"]] && (w < 1 || w > 650) {
			out["admissionweight"]++
		}
	}
	return out
}

// The laboratory values of the demo are those of 169 stays; vital signs are made up for them.
func TestDemoJohnson(t *testing.T) {
	folder := demo(t)
	lab := demoTable(t, folder, "partial/lab")
	dir := t.TempDir()
	vitals := [][]string{{"patientunitstayid", "observationoffset", "temperature", "sao2", "heartrate", "respiration", "systemicsystolic", "systemicdiastolic", "systemicmean"}}
	rng := rand.New(rand.NewPCG(1, 2))
	done := map[string]bool{}
	for _, row := range lab[1:] {
		if id := row[1]; !done[id] {
			done[id] = true
			for at := rng.IntN(30); at < 6000; at += 30 {
				vitals = append(vitals, []string{id, itoa(at), "37.1", "97", itoa(60 + rng.IntN(60)), "18", "", "", ""})
			}
		}
	}
	writeFile(t, filepath.Join(dir, "vitalPeriodic.csv.gz"), zip(t, csvText(t, vitals)))
	x := tables{"vitalPeriodic": vitals, "lab": lab}
	for _, name := range []string{"patient", "apachePredVar", "apachePatientResult", "carePlanGeneral", "vitalAperiodic", "intakeOutput"} {
		x[name] = demoTable(t, folder, name)
		id := x.column(name, "patientunitstayid")
		if name != "patient" { // the plain way is slow
			x[name] = slices.DeleteFunc(x[name], func(row []string) bool { return row[id] != "patientunitstayid" && !done[row[id]] })
		}
	}
	for _, window := range []string{Random, First24h} {
		c := settings(folder, Johnson2018, window)
		c.Tables.Lab, c.Tables.VitalPeriodic = filepath.Join(folder, "partial", "lab.csv.gz"), filepath.Join(dir, "vitalPeriodic.csv.gz")
		data := read(t, c)
		none := 0
		for _, p := range rowsOf(x, "patient") {
			if !done[p["patientunitstayid"]] && !(num(p["age"]) < 16) {
				none++
			}
		}
		if n := counted(data, "stays excluded", "no heart rate"); n != none {
			t.Errorf("%d stays without a heart rate, want %d", n, none)
		}
		f := data.Frame
		want := straightforward(x, window, c.Seed)
		if f.Rows() != len(want) || f.Rows() < 40 {
			t.Fatalf("%s: %d stays, want %d", window, f.Rows(), len(want))
		}
		for row, values := range want {
			for _, col := range icu.Columns() {
				if col.Name == "urineoutput_sum" {
					continue // the plain way knows one cell of the flow sheet only
				}
				if got := value(t, f, col.Name, row); !same(got, values[col.Name]) {
					t.Errorf("%s: %s of row %d is %v, want %v", window, col.Name, row, got, values[col.Name])
				}
			}
		}
		for _, name := range []string{"creatinine_last_early", "sodium_first_early", "wbc_last_early", "bg_pao2fio2ratio_last_early", "urineoutput_sum", "sysbp_first"} {
			if f.Column(name).MissingCount() == f.Rows() {
				t.Errorf("%s: %s has no value", window, name)
			}
		}
		checkUrine(t, f, x, window)
		if n := counted(data, "unit that is not known"); n > 0 {
			t.Errorf("%d results of the demo are in a unit that is not known", n)
		}
	}
}

// checkUrine compares the sums with those over cells whose name holds a word for urine or a catheter of the bladder.
func checkUrine(t *testing.T, f *frame.Frame, x tables, window string) {
	t.Helper()
	starts := map[float64]float64{}
	for _, r := range rowsOf(x, "vitalPeriodic") {
		id, at := num(r["patientunitstayid"]), num(r["observationoffset"])
		if start, met := starts[id]; !met || at < start {
			starts[id] = at
		}
	}
	sums := map[float64]float64{}
	for _, r := range rowsOf(x, "intakeOutput") {
		id, cell := num(r["patientunitstayid"]), strings.ToLower(r["cellpath"])
		if !strings.Contains(cell, "output (ml)|") || strings.Contains(cell, "count") || strings.Contains(cell, "stool") {
			continue
		}
		for _, word := range []string{"|urine", "urinary", "urethral", "foley", "void", "indwelling", "straight", "nephro"} {
			if strings.Contains(cell, word) {
				if at := num(r["intakeoutputoffset"]) - starts[id]; at >= 0 && at < minutesOfDay && !math.IsNaN(num(r["cellvaluenumeric"])) {
					sums[id] += num(r["cellvaluenumeric"])
				}
				break
			}
		}
	}
	if window != First24h {
		return // the plain way to the end of a random window is that of TestAgainstStraightforward
	}
	for i, id := range f.Column("patientunitstayid").Numbers {
		if got, want := value(t, f, "urineoutput_sum", i), sums[id]; !same(got, want) && !(math.IsNaN(got) && want == 0) {
			t.Errorf("urine of row %d is %v, want %v", i, got, want)
		}
	}
}
