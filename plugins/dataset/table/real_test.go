package table

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
)

// realFile is a file of the shared data, or else the test is skipped.
func realFile(t *testing.T, path ...string) string {
	t.Helper()
	file := filepath.Join(append([]string{dataFolder(t)}, path...)...)
	if found, err := filepath.Glob(file); err != nil || len(found) == 0 {
		t.Skipf("no real data: no file %s", filepath.Join(path...))
	}
	return file
}

// heart is the settings of UCI Heart Disease: four hospitals, without headers. Names are those of heart-disease.names.
func heart(t *testing.T) object {
	return object{
		"path": realFile(t, "uci-heart-disease", "processed.*.data.gz"), "origin": "hospital", "missing": []any{"?"},
		"header": []any{"age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak", "slope", "ca", "thal", "num"},
		"columns": object{
			"age":      object{"unit": "years", "min": 18, "max": 120},
			"sex":      object{"levels": object{"0": "female", "1": "male"}},
			"trestbps": object{"unit": "mmHg", "missing": []any{0}, "group": "vitals"},
			"chol":     object{"unit": "mg/dL", "missing": []any{0}, "group": "labs"}, // nobody has none: it was not measured
			"num":      object{"kind": "number", "levels": object{"0": 0, "1": 1, "2": 1, "3": 1, "4": 1}},
		},
	}
}

// TestHeartDisease reads four hospitals into one table. The figures are those of
//
//	for f in processed.*.data.gz; do zcat $f | awk -F, -v f=$f '{r++; d+=($14>0); c+=($5=="0")+($5=="?"); t+=($4=="0");
//		m+=($2==1); a+=$1; s+=$5; q+=gsub(/\?/,"")} END {print f, r, d, q, c, t, m, a, s}'; done
//
// with rows, diseased, question marks, chol 0 or "?", trestbps 0, men, sum of ages, sum of chol.
func TestHeartDisease(t *testing.T) {
	data := read(t, heart(t))
	f := data.Frame
	if f.Rows() != 920 || len(f.Columns()) != 15 {
		t.Fatalf("%d rows, %d columns: %v", f.Rows(), len(f.Columns()), data.Notes)
	}
	type figures struct{ Rows, Disease, Missing, NoChol, Male, Ages, Chol int }
	// missing are question marks, and zeros of chol and trestbps
	want := map[string]figures{
		"cleveland":   {303, 139, 6, 0, 206, 16495, 74748},
		"hungarian":   {294, 106, 782, 23, 213, 14061, 67980},
		"switzerland": {123, 115, 273 + 123, 123, 113, 6804, 0},
		"va":          {200, 149, 698 + 49 + 1, 49 + 7, 194, 11870, 34498},
	}
	hospital, sex := f.Column("hospital"), f.Column("sex")
	got := map[string]figures{}
	for row := range f.Rows() {
		h := hospital.Levels[hospital.Codes[row]]
		g := got[h]
		g.Rows++
		g.Disease += int(f.Column("num").Numbers[row])
		for _, c := range f.Columns() {
			if c.IsMissing(row) {
				g.Missing++
			}
		}
		if chol := f.Column("chol"); chol.IsMissing(row) {
			g.NoChol++
		} else {
			g.Chol += int(chol.Numbers[row])
		}
		if sex.Levels[sex.Codes[row]] == "male" {
			g.Male++
		}
		g.Ages += int(f.Column("age").Numbers[row])
		got[h] = g
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := label.Binary(f.Column("num"), ""); err != nil {
		t.Errorf("the target: %v", err)
	}
	if u := f.Column("chol").Unit; u != "mg/dL" {
		t.Errorf("chol is in %q", u)
	}
	d, _ := build(t, heart(t))
	files, err := d.Files()
	if err != nil || len(files) != 4 || files[0].Role != "table:cleveland" || files[3].Role != "table:va" {
		t.Errorf("files %v, %v", files, err)
	}
	if h, err := d.Header(t.Context(), env); err != nil || h.Columns[3].Group != "vitals" {
		t.Errorf("header %+v, %v", h, err)
	}

	wrong := heart(t)
	wrong["header"] = wrong["header"].([]any)[1:]
	wrong["columns"] = object{}
	fails(t, wrong, "processed.cleveland.data.gz:1: row of 14 fields where 13 column names are given")
	without := heart(t)
	without["header"] = nil
	if _, err := func() (*plugins.Data, error) {
		d, _ := build(t, without)
		return d.Read(t.Context(), env)
	}(); err == nil || !strings.Contains(err.Error(), "processed.cleveland.data.gz:1: ") {
		t.Errorf("the first row as a header: %v", err)
	}
}

// TestDiabetes130 reads the encounters of Diabetes 130-US hospitals. The figures are those of
//
//	zcat diabetic_data.csv.gz | awk -F, 'NR>1 {n++; p[$2]; r[$50]++; g+=($4=="Unknown/Invalid"); for (i=1;i<=NF;i++) if ($i=="?") q[i]++}
//		END {print n, length(p), g; for (i in q) print i, q[i]; for (i in r) print i, r[i]}'
//
// and of the published description: 101,766 encounters of 71,518 patients.
func TestDiabetes130(t *testing.T) {
	data := read(t, object{
		"path": realFile(t, "uci-diabetes-130", "diabetic_data.csv.gz"), "missing": []any{"?"},
		"columns": object{
			"patient_nbr": object{"kind": "category"},
			"age":         object{"kind": "number", "levels": decades(), "unit": "years"},
			"gender":      object{"levels": object{"Female": "female", "Male": "male"}, "missing": []any{"Unknown/Invalid"}},
			"diag_1":      object{"kind": "category"}, "diag_2": object{"kind": "category"}, "diag_3": object{"kind": "category"},
			"readmitted": object{"kind": "number", "levels": object{"<30": 1, ">30": 0, "NO": 0}},
		},
	})
	f := data.Frame
	if f.Rows() != 101766 || len(f.Column("patient_nbr").Levels) != 71518 {
		t.Errorf("%d encounters of %d patients", f.Rows(), len(f.Column("patient_nbr").Levels))
	}
	if diff := cmp.Diff([]string{"dropped 2 columns: examide (constant), citoglipton (constant)"}, data.Notes); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]int{
		"race": 2273, "weight": 98569, "payer_code": 40256, "medical_specialty": 49949, "diag_1": 21, "diag_2": 358, "diag_3": 1423, "gender": 3, "age": 0,
	} {
		if got := f.Column(name).MissingCount(); got != want {
			t.Errorf("%s: %d missing, want %d", name, got, want)
		}
	}
	early := 0
	for _, v := range f.Column("readmitted").Numbers {
		early += int(v)
	}
	if early != 11357 || !f.Column("age").Integer {
		t.Errorf("%d were readmitted within 30 days", early)
	}
}

// decades are the middles of the ten ages, which the table writes as [70-80).
func decades() object {
	return object{
		"[0-10)": 5, "[10-20)": 15, "[20-30)": 25, "[30-40)": 35, "[40-50)": 45,
		"[50-60)": 55, "[60-70)": 65, "[70-80)": 75, "[80-90)": 85, "[90-100)": 95,
	}
}

// challenge is the settings of set A of the PhysioNet/CinC Challenge 2012: a file of measurements for each stay, and the
// outcomes of all.
func challenge(t *testing.T) object {
	return object{
		"path": realFile(t, "physionet-challenge-2012", "set-a.tar.gz"), "members": "set-a/*.txt", "origin": "RecordID", "missing": []any{-1},
		"long": object{
			"row": "RecordID", "variable": "Parameter", "value": "Value", "order": "Time",
			"take": []any{"first", "last", "min", "max", "mean", "sum", "count"},
			"variables": object{
				"RecordID": "drop", "Age": "once", "Gender": "once", "Height": "once", "ICUType": "once",
				"Urine": []any{"sum"}, "Weight": "first",
			},
		},
		"columns": object{
			"Gender":  object{"levels": object{"0": "female", "1": "male"}},
			"ICUType": object{"levels": object{"1": "coronary", "2": "cardiac surgery", "3": "medical", "4": "surgical"}},
			"HR":      object{"unit": "bpm", "group": "vitals"},
			"pH":      object{"group": "labs", "min": 6.5, "max": 8.5, "outside": "missing"},
		},
		"join": object{"outcome": object{
			"path": realFile(t, "physionet-challenge-2012", "Outcomes-a.txt.gz"), "on": "RecordID", "cardinality": "one-to-one",
			"missing": []any{-1}, "columns": object{"RecordID": object{"kind": "category"}},
		}},
	}
}

// TestChallenge2012 makes rows of measurements. The figures are those of a loop over the members in Python (tarfile), with
// measurements sorted by time (a stable sort), and values of -1 left out.
func TestChallenge2012(t *testing.T) {
	data := read(t, challenge(t))
	f := data.Frame
	if f.Rows() != 4000 {
		t.Fatalf("%d rows", f.Rows())
	}
	if id := f.Column("RecordID"); len(id.Levels) != 4000 || id.Levels[id.Codes[0]] != "132539" || id.Levels[id.Codes[4]] != "132545" {
		t.Errorf("%d ids", len(id.Levels))
	}
	for name, want := range map[string][2]float64{ // rows with a value, sum
		"Age": {4000, 256990}, "Height": {2106, 357571.89999999927}, "Weight": {3704, 301863.36000000045},
		"HR_first": {3937, 352860.2}, "HR_last": {3937, 338376}, "HR_min": {3937, 269639.1}, "HR_max": {3937, 442718.2},
		"HR_mean": {3937, 343147.2090792776}, "HR_count": {4000, 228538},
		"Temp_min": {3936, 137862.80000000077}, "Cholesterol_last": {305, 47744}, "Cholesterol_count": {4000, 315},
		"In-hospital_death": {4000, 554},
	} {
		c := f.Column(name)
		sum := 0.0
		for row, v := range c.Numbers {
			if !c.IsMissing(row) {
				sum += v
			}
		}
		if n := f.Rows() - c.MissingCount(); float64(n) != want[0] || math.Abs(sum-want[1]) > 1e-9*want[1] {
			t.Errorf("%s: %d values of sum %v, want %v", name, n, sum, want)
		}
	}
	if n := f.Column("SAPS-I").MissingCount(); n != 190 {
		t.Errorf("SAPS-I is missing in %d rows", n)
	}
	icu := f.Column("ICUType")
	types := map[string]int{}
	for _, code := range icu.Codes {
		types[icu.Levels[code]]++
	}
	if diff := cmp.Diff(map[string]int{"coronary": 577, "cardiac surgery": 874, "medical": 1481, "surgical": 1068}, types); diff != "" {
		t.Error(diff)
	}
	if n := counted(data, "rows with a match", "join")["outcome"]; n != 4000 {
		t.Errorf("%d rows have an outcome", n)
	}
	for name, want := range map[string]int{"rows read": 1757980, "rows made of measurements": 4000} {
		if n := counted(data, name, "join")[""]; n != want {
			t.Errorf("%s: %d", name, n)
		}
	}
	if n := counted(data, "values made missing: outside their limits", "column")["pH"]; n != 11 {
		t.Errorf("%d values of pH are impossible", n)
	}
	if _, err := label.Binary(f.Column("In-hospital_death"), ""); err != nil {
		t.Error(err)
	}
}

// TestDemoJoins joins tables of the eICU demo: hospitals to stays, and one table of scores. The figures are those of a loop
// over csv.DictReader in Python.
func TestDemoJoins(t *testing.T) {
	with := func(joins object) object {
		for name, j := range joins {
			j.(object)["path"] = realFile(t, "eicu-demo", name+".csv.gz")
		}
		return object{
			"path": realFile(t, "eicu-demo", "patient.csv.gz"), "keep": []any{"patientunitstayid", "hospitalid", "uniquepid", "age"},
			"columns": object{"age": object{"kind": "category"}}, "join": joins,
		}
	}
	data := read(t, with(object{
		"hospital":     object{"on": "hospitalid", "cardinality": "many-to-one"},
		"apacheApsVar": object{"on": "patientunitstayid", "cardinality": "one-to-one", "missing": []any{-1}, "keep": []any{"heartrate"}},
	}))
	f := data.Frame
	region, heartrate := f.Column("region"), f.Column("heartrate")
	midwest, sum := 0, 0.0
	for row, code := range region.Codes {
		if code != frame.Missing && region.Levels[code] == "Midwest" {
			midwest++
		}
		if !heartrate.IsMissing(row) {
			sum += heartrate.Numbers[row]
		}
	}
	if f.Rows() != 2520 || region.MissingCount() != 210 || midwest != 807 || heartrate.MissingCount() != 315+42 || sum != 216848 {
		t.Errorf("%d stays, region missing in %d, %d in the Midwest; heart rate missing in %d, sum %v",
			f.Rows(), region.MissingCount(), midwest, heartrate.MissingCount(), sum)
	}
	if n := counted(data, "rows without a match: kept", "join"); n["apacheApsVar"] != 315 || n["hospital"] != 0 {
		t.Errorf("without a match: %v", n)
	}
	fails(t, with(object{"apachePatientResult": object{"on": "patientunitstayid", "cardinality": "one-to-one"}}),
		`apachePatientResult.csv.gz: column "patientunitstayid": row 2 and 1837 more: the same key as row 1; `+
			`the one-to-one join "apachePatientResult" wants each key once in this table`)
}

// TestRealTable reads a real table of the eICU demo, whose README says 2,205 rows and -1 for missing.
func TestRealTable(t *testing.T) {
	path := filepath.Join(dataFolder(t), "eicu-demo", "apachePredVar.csv.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no real data: %v", err)
	}
	d, _ := build(t, map[string]any{"path": path, "missing": []any{-1}})
	data, err := d.Read(context.Background(), plugins.Env{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(data.Notes, data.Counts)
	f := data.Frame
	if f.Rows() != 2205 {
		t.Errorf("%d rows", f.Rows())
	}
	if c := f.Column("region"); c != nil {
		t.Errorf("region is constant in this file and was kept")
	}
	died := f.Column("diedinhospital")
	if died == nil || died.Kind != frame.Number || !died.Integer || died.MissingCount() != 0 {
		t.Fatalf("diedinhospital: %+v", died)
	}
	if ph := f.Column("pao2"); ph == nil || ph.MissingCount() == 0 {
		t.Error("-1 was not read as missing in pao2")
	}
	for _, c := range f.Columns() {
		for _, v := range c.Numbers {
			if v == -1 {
				t.Errorf("column %s: -1 is left", c.Name)
				break
			}
		}
	}
	h, err := d.Header(context.Background(), plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	var varying []string
	for _, c := range h.Columns {
		if c.Summary != "" {
			continue
		}
		varying = append(varying, c.Name)
		if c.Kind != f.Column(c.Name).Kind {
			t.Errorf("column %s: header and table differ in kind", c.Name)
		}
	}
	if diff := cmp.Diff(f.Names(), varying); diff != "" || len(h.Columns) != 51 {
		t.Errorf("%d columns in the header; %s", len(h.Columns), diff)
	}
}

// dataFolder finds the folder of real data sets: EHRLAB_DATA, or shared/data beside the checkout.
func dataFolder(t *testing.T) string {
	t.Helper()
	if folder := os.Getenv("EHRLAB_DATA"); folder != "" {
		return folder
	}
	for up := ".."; len(up) < 30; up += "/.." {
		if folder := filepath.Join(up, "shared", "data"); isFolder(folder) {
			return folder
		}
	}
	t.Skip("no real data: EHRLAB_DATA is not set and there is no shared/data beside the checkout")
	return ""
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
