package eicu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// Every bad input is one clear error, which names table, row and column but no value.
func TestBadInput(t *testing.T) {
	const secret = "7319"
	patient := map[string]string{"patientunitstayid": "500", "patienthealthsystemstayid": "1", "uniquepid": "P", "hospitalid": "10"}
	row := func(fields map[string]string, change ...string) map[string]string {
		out := map[string]string{}
		for k, v := range fields {
			out[k] = v
		}
		for i := 0; i < len(change); i += 2 {
			out[change[i]] = change[i+1]
		}
		return out
	}
	without := func(x tables, table, column string) {
		x[table][0][x.column(table, column)] = "another" + column
	}
	for name, c := range map[string]struct {
		spoil func(x tables)
		want  string
	}{
		"a stay twice":          {func(x tables) { x.add("patient", row(patient, "patientunitstayid", "101")) }, `patient.csv: column "patientunitstayid": row 15 has the identifier of row 2`},
		"a stay without id":     {func(x tables) { x.add("patient", row(patient, "patientunitstayid", "")) }, `patient.csv: column "patientunitstayid": row 15 has no identifier, a whole number above 0`},
		"an id with a fraction": {func(x tables) { x.add("patient", row(patient, "patientunitstayid", "1.5")) }, `row 15 has no identifier`},
		"an id that is a text":  {func(x tables) { x.add("patient", row(patient, "patientunitstayid", "x"+secret)) }, `patient.csv:16`},
		"no patient id":         {func(x tables) { x.add("patient", row(patient, "uniquepid", "")) }, "row 15 lacks its uniquepid or patienthealthsystemstayid"},
		"an age in words":       {func(x tables) { x.add("patient", row(patient, "age", "old "+secret)) }, `column "age": row 15 has no age in years, nor "> 89"`},
		"an age of 200":         {func(x tables) { x.add("patient", row(patient, "age", secret)) }, `row 15 has no age in years`},
		"a status in words":     {func(x tables) { x.add("patient", row(patient, "hospitaldischargestatus", "Gone")) }, `column "hospitaldischargestatus": row 15 is neither "Alive" nor "Expired" nor empty`},
		"a discharge far away":  {func(x tables) { x.set("patient", "101", "unitdischargeoffset", "-6e7") }, `column "unitdischargeoffset": row 2 lies more than 100 years`},
		"a year out of range":   {func(x tables) { x.set("patient", "101", "hospitaldischargeyear", secret) }, `column "hospitaldischargeyear": row 2 has no year from 2000 to 2030; eICU-CRD has 2014 and 2015`},
		"a year long ago":       {func(x tables) { x.set("patient", "101", "hospitaldischargeyear", "1914") }, `row 2 has no year from 2000 to 2030`},
		"no patients":           {func(x tables) { x["patient"] = x["patient"][:1] }, "patient.csv: no rows, only the names of columns"},
		"a hospital twice":      {func(x tables) { x["hospital"] = append(x["hospital"], x["hospital"][1]) }, `hospital.csv: column "hospitalid": row 3 has the identifier of row 1`},
		"a prediction twice": {func(x tables) {
			x["apachePatientResult"] = append(x["apachePatientResult"], x["apachePatientResult"][4])
		}, "apachePatientResult.csv: column \"patientunitstayid\": row 29 has the identifier of row 4; want one row a stay"},
		"a stay twice in a join": {func(x tables) { x["apachePredVar"] = append(x["apachePredVar"], x["apachePredVar"][1]) }, "apachePredVar.csv: column \"patientunitstayid\": row 14 has the identifier of row 1; want one row a stay"},
		"an id lacking":          {func(x tables) { x.add("vitalPeriodic", map[string]string{"observationoffset": "5"}) }, "vitalPeriodic.csv: column \"patientunitstayid\": row 23 has no identifier"},
		"a date out of range": {func(x tables) {
			x.add("lab", map[string]string{"patientunitstayid": "101", "labresultoffset": "1e9"})
		}, "lab.csv: column \"labresultoffset\": row 27 lies more than 100 years from admission"},
		"a time that is a text": {func(x tables) {
			x.add("lab", map[string]string{"patientunitstayid": "101", "labresultoffset": "noon " + secret})
		}, "lab.csv:28"},
		"a column less": {func(x tables) { without(x, "lab", "labmeasurenamesystem") }, `lab.csv:1: no column "labmeasurenamesystem", needed for laboratory values and blood gases: this is not the table lab of eICU`},
		"columns less, of two tables": {func(x tables) {
			without(x, "vitalPeriodic", "heartrate")
			without(x, "vitalPeriodic", "sao2")
			without(x, "intakeOutput", "cellpath")
		}, `vitalPeriodic.csv:1: no columns "heartrate", "sao2", needed for hour 0 of a stay and its vital signs: this is not the table vitalPeriodic of eICU; intakeOutput.csv:1: no column "cellpath"`},
		"a table less":   {func(x tables) { delete(x, "vitalPeriodic") }, "no table vitalPeriodic in the folder, needed for hour 0 of a stay and its vital signs; want vitalPeriodic.csv or vitalPeriodic.csv.gz, or its place in tables.vitalPeriodic"},
		"tables less":    {func(x tables) { delete(x, "lab"); delete(x, "hospital") }, "no table lab in the folder, needed for laboratory values"},
		"an empty table": {func(x tables) { x["lab"] = [][]string{} }, "lab.csv: empty file"},
		"a ragged row":   {func(x tables) { x["lab"][3] = x["lab"][3][:4] }, "lab.csv:4"},
		"mostly other units": {func(x tables) {
			for range 12 {
				x.add("lab", map[string]string{"patientunitstayid": "113", "labresultoffset": "5", "labname": "sodium", "labresult": secret, "labmeasurenamesystem": "stone"})
			}
		}, `lab.csv: column "labmeasurenamesystem": 12 of 14 results of the test "sodium" are in a unit that is not known; want one of meq/l, mmol/l`},
		"nobody left": {func(x tables) { x["vitalPeriodic"] = x["vitalPeriodic"][:1] }, `no stay is left after step "no heart rate"`},
	} {
		t.Run(name, func(t *testing.T) {
			x := handMade(t)
			c.spoil(x)
			_, err := tryRead(t, settings(x.folder(t), Johnson2018, Random), 2)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v\nwant one that holds %s", err, c.want)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q holds a value of a row, or several lines", err)
			}
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	dir := handMade(t).folder(t)
	whole := zip(t, []byte(strings.Repeat("patientunitstayid,observationoffset\n101,5\n", 10)))
	c := settings(dir, Johnson2018, Random)
	c.Tables.VitalPeriodic = filepath.Join(dir, "other.csv.gz")
	for content, want := range map[string]string{
		string(whole[:len(whole)/2]): "other.csv.gz: ", // cut short
		"no gzip at all":             "not gzip, in spite of its name",
	} {
		writeFile(t, filepath.Join(dir, "other.csv.gz"), []byte(content))
		if _, err := tryRead(t, c, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that holds %q", err, want)
		}
	}
	bomb := zip(t, []byte("patientunitstayid,observationoffset,heartrate,systemicsystolic,systemicdiastolic,systemicmean,respiration,temperature,sao2\n"+
		strings.Repeat("101,5,,,,,,,\n", 300_000)))
	writeFile(t, filepath.Join(dir, "other.csv.gz"), bomb)
	c.MaxBytes = 1 << 20
	if _, err := tryRead(t, c, 2); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes when decompressed") {
		t.Errorf("error %v, want one about the limit", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d, err := New(settings(dir, Johnson2018, Random))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(ctx, plugins.Env{Threads: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the context's end", err)
	}
}

func TestSettings(t *testing.T) {
	good := settings("x", Johnson2018, First24h)
	for want, spoil := range map[string]func(*Config){
		`"root" is empty`:                   func(c *Config) { c.Root = "" },
		`"matrix" "sofa": want`:             func(c *Config) { c.Matrix = "sofa" },
		`"window" "last": want`:             func(c *Config) { c.Window = "last" },
		`"window" belongs to the matrix`:    func(c *Config) { c.Matrix = Apache },
		`"maxBytes" 0: want a number above`: func(c *Config) { c.MaxBytes = 0 },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that holds %q", err, want)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}

func files(t *testing.T, c Config) (map[string]string, error) {
	t.Helper()
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Files()
	out := map[string]string{}
	for _, f := range list {
		out[f.Role] = f.Path
	}
	return out, err
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	absent := filepath.Join(dir, "absent")
	got, err := files(t, settings(absent, Johnson2018, Random))
	if err != nil || len(got) != 9 || got["vitalPeriodic"] != filepath.Join(absent, "vitalPeriodic.csv.gz") {
		t.Errorf("an absent folder has files %v, %v", got, err)
	}
	if got, err := files(t, settings(absent, Apache, Random)); err != nil || len(got) != 5 {
		t.Errorf("an absent folder has files %v, %v", got, err)
	}
	if _, err := files(t, settings(dir, Apache, Random)); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty folder: %v", err)
	}
	for _, name := range []string{"PATIENT.CSV", "hospital.csv.gz", "apacheapsvar.csv", "apachePredVar.CSV.GZ", "apachepatientresult.csv.gz"} {
		writeFile(t, filepath.Join(dir, name), nil) // Files opens nothing
	}
	got, err = files(t, settings(dir, Apache, Random))
	if err != nil || got["patient"] != filepath.Join(dir, "PATIENT.CSV") || got["apachePredVar"] != filepath.Join(dir, "apachePredVar.CSV.GZ") {
		t.Errorf("files %v, %v", got, err)
	}
	writeFile(t, filepath.Join(dir, "patient.csv.gz"), nil)
	if _, err := files(t, settings(dir, Apache, Random)); err == nil || !strings.Contains(err.Error(), "table patient is there more than once: PATIENT.CSV, patient.csv.gz") {
		t.Errorf("two tables of one name: %v", err)
	}
	c := settings(dir, Apache, Random)
	c.Tables.Patient = filepath.Join(dir, "patient.csv.gz")
	if got, err := files(t, c); err != nil || got["patient"] != filepath.Join(dir, "patient.csv.gz") {
		t.Errorf("a named table: %v, %v", got, err)
	}
	for _, path := range []string{filepath.Join(dir, "sub", "p.csv"), "p.csv"} { // a path is not one in the folder
		c.Tables.Patient = path
		if got, err := files(t, c); err != nil || got["patient"] != path {
			t.Errorf("a table elsewhere: %v, %v", got, err)
		}
	}
	c.Tables.Patient = "p.parquet"
	if _, err := files(t, c); err == nil || !strings.Contains(err.Error(), "tables.patient: want a file whose name ends with .csv or .csv.gz") {
		t.Errorf("a table in another format: %v", err)
	}
	if _, err := files(t, settings(filepath.Join(dir, "PATIENT.CSV"), Apache, Random)); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("a file as folder: %v", err)
	}
}

func TestHeader(t *testing.T) {
	for _, c := range []Config{settings("testdata/folder", Apache, Random), settings("testdata/folder", Johnson2018, Random), settings("testdata/folder", Johnson2018, First24h)} {
		d, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		h, err := d.Header(context.Background(), plugins.Env{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		c.Root = handMade(t).set("patient", "113", "unitdischargeoffset", "3000").folder(t)
		f := read(t, c).Frame
		if len(h.Columns) != len(f.Columns()) || h.Governance != plugins.Restricted || h.Citation == "" {
			t.Errorf("header %+v", h)
		}
		for i, col := range f.Columns() {
			if h.Columns[i].Name != col.Name || h.Columns[i].Kind != col.Kind {
				t.Errorf("column %d is %s, in the header %s", i, col.Name, h.Columns[i].Name)
			}
		}
		if (len(h.Notes) > 0) != (c.Matrix == Johnson2018 && c.Window == Random) {
			t.Errorf("%s, %s: notes %v", c.Matrix, c.Window, h.Notes)
		}
	}
	dir := handMade(t).folder(t)
	writeFile(t, filepath.Join(dir, "lab.csv"), []byte("a,b\n1,2\n"))
	d, err := New(settings(dir, Johnson2018, Random))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Header(context.Background(), plugins.Env{Threads: 1}); err == nil || !strings.Contains(err.Error(), "this is not the table lab of eICU") {
		t.Errorf("a table of another shape: %v", err)
	}
}

// Whatever a table holds, reading ends with a matrix or an error.
func FuzzTable(f *testing.F) {
	x := handMade(f)
	names := []string{"patient", "hospital", "apachePredVar", "apachePatientResult", "carePlanGeneral", "vitalPeriodic", "vitalAperiodic", "lab", "intakeOutput"}
	for i, name := range names {
		f.Add(uint8(i), csvText(f, x[name]))
	}
	dir := x.folder(f)
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		name := names[int(which)%len(names)]
		path := filepath.Join(dir, "fuzzed.csv")
		writeFile(t, path, content)
		defer os.Remove(path)
		c := settings(dir, Johnson2018, Random)
		c.MaxBytes = 1 << 20
		for k, v := range map[string]*string{
			"patient": &c.Tables.Patient, "hospital": &c.Tables.Hospital, "apachePredVar": &c.Tables.ApachePredVar,
			"apachePatientResult": &c.Tables.ApachePatientResult, "carePlanGeneral": &c.Tables.CarePlanGeneral, "vitalPeriodic": &c.Tables.VitalPeriodic,
			"vitalAperiodic": &c.Tables.VitalAperiodic, "lab": &c.Tables.Lab, "intakeOutput": &c.Tables.IntakeOutput,
		} {
			if k == name {
				*v = path
			}
		}
		data, err := tryRead(t, c, 1)
		if err == nil && data.Frame.Rows() == 0 {
			t.Error("neither rows nor an error")
		}
	})
}
