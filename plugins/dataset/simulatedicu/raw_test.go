package simulatedicu

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/klauspost/compress/gzip"
)

func writeRaw(t testing.TB, with string, threads int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	env := plugins.Env{Threads: threads, Progress: func(int, int) {}}
	if err := build(t, with).WriteRaw(context.Background(), env, folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

// rawTable reads a table that was written, grouped by stay.
func rawTable(t *testing.T, folder, name string) map[string][]map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join(folder, name+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	out := map[string][]map[string]string{}
	for _, row := range readTable(t, file) {
		id := row["patientunitstayid"]
		out[id] = append(out[id], row)
	}
	return out
}

// extract is a plain reading of the definition of the matrix in package icu: one stay, from its raw rows.
type extract struct {
	from, to int // minutes of the window
}

// values returns the values of a column within hours before the end of the window, in order of time.
func (x extract) values(rows []map[string]string, time, column string, hours int) (out []float64) {
	var seen []timed
	for _, r := range rows {
		if minute := int(number(r[time])); minute >= x.to-60*hours && minute < x.to && r[column] != "" {
			seen = append(seen, timed{minute, number(r[column])})
		}
	}
	slices.SortStableFunc(seen, func(a, b timed) int { return a.minute - b.minute })
	for _, v := range seen {
		out = append(out, v.value)
	}
	return out
}

func window(patient map[string]string, vitals, care []map[string]string) extract {
	first := math.Inf(1)
	for _, r := range vitals {
		if r["heartrate"] != "" {
			first = min(first, number(r["observationoffset"]))
		}
	}
	limit := number(patient["unitdischargeoffset"])
	for _, r := range care {
		if r["cplgroup"] == "Care Limitation" && r["cplitemvalue"] != "Full therapy" {
			limit = min(limit, number(r["cplitemoffset"]))
		}
	}
	id, _ := strconv.ParseInt(patient["patientunitstayid"], 10, 64)
	end := icu.WindowEnd(1, id, (limit-first)/60)
	if !(end <= (limit-first)/60) {
		return extract{}
	}
	return extract{int(first), int(first + 60*end)}
}

func TestRawTablesGiveBackTheRows(t *testing.T) {
	for _, with := range []string{`{"rows": 150, "vitalsEvery": 15}`, `{"rows": 150, "vitalsEvery": 60, "missing": 0.1, "seed": 4}`, `{"rows": 100, "vitalsEvery": 7, "seed": 5}`} {
		folder, f := writeRaw(t, with, 2), read(t, with, 2)
		patients, vitals, cuffs := rawTable(t, folder, "patient"), rawTable(t, folder, "vitalPeriodic"), rawTable(t, folder, "vitalAperiodic")
		labs, outputs, care := rawTable(t, folder, "lab"), rawTable(t, folder, "intakeOutput"), rawTable(t, folder, "carePlanGeneral")
		results, pred := rawTable(t, folder, "apachePatientResult"), rawTable(t, folder, "apachePredVar")
		for row := range f.Rows() {
			id := strconv.Itoa(int(f.Column("patientunitstayid").Numbers[row]))
			p := patients[id][0]
			x := window(p, vitals[id], care[id])
			if x.to == 0 {
				t.Fatalf("%s, row %d: the stay has no window", with, row)
			}
			expect := func(column string, got float64) {
				t.Helper()
				if want := f.Column(column).Numbers[row]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
					t.Fatalf("%s, row %d: %s from raw tables is %v, want %v", with, row, column, got, want)
				}
			}
			ends := func(v []float64, i int) float64 {
				if v == nil {
					return math.NaN()
				}
				return []float64{v[0], v[len(v)-1], slices.Min(v), slices.Max(v)}[i]
			}
			for name, column := range map[string]string{
				"heartrate": "heartrate", "resprate": "respiration", "tempc": "temperature", "spo2": "sao2",
				"sysbp": "systolic", "diasbp": "diastolic", "meanbp": "mean",
			} {
				v := x.values(vitals[id], "observationoffset", column, icu.VitalHours)
				if strings.HasSuffix(name, "bp") {
					v = append(x.values(vitals[id], "observationoffset", "systemic"+column, icu.VitalHours), x.values(cuffs[id], "observationoffset", "noninvasive"+column, icu.VitalHours)...)
				}
				for i, suffix := range []string{"_first", "_last", "_min", "_max"} {
					expect(name+suffix, ends(v, i))
				}
			}
			resultsOf := func(name string) (first, last float64) {
				var rows []map[string]string
				for _, r := range labs[id] {
					if r["labname"] == name {
						rows = append(rows, r)
					}
				}
				v := x.values(rows, "labresultoffset", "labresult", icu.LabHours)
				return ends(v, 0), ends(v, 1)
			}
			for name, l := range labNames {
				first, last := resultsOf(l.name)
				if name == "fio2" {
					o1, o2 := resultsOf("paO2")
					expect("bg_pao2fio2ratio_first_early", o1/(first/100))
					expect("bg_pao2fio2ratio_last_early", o2/(last/100))
					continue
				}
				expect(name+"_first_early", first)
				expect(name+"_last_early", last)
			}
			urine := math.NaN()
			var flow []map[string]string
			for _, r := range outputs[id] {
				if strings.HasSuffix(r["cellpath"], "|Output (ml)|Urine") {
					flow = append(flow, r)
				}
			}
			if v := x.values(flow, "intakeoutputoffset", "cellvaluenumeric", icu.VitalHours); v != nil {
				urine = mean(v) * float64(len(v))
			}
			expect("urineoutput_sum", urine)
			expect("hospitalid", number(p["hospitalid"]))
			expect("death", truth(p["hospitaldischargestatus"] == "Expired"))
			expect("hosp_los", (number(p["hospitaldischargeoffset"])-float64(x.from))/1440)
			expect("ventdays", number(results[id][1]["actualventdays"]))
			expect("electivesurgery", truth(pred[id][0]["electivesurgery"] == "1"))
			expect("age", number(strings.ReplaceAll(p["age"], "> 89", "90")))
			expect("is_female", truth(p["gender"] == "Female"))
			for name, ethnicity := range map[string]string{"race_black": "African American", "race_hispanic": "Hispanic", "race_asian": "Asian"} {
				if p["ethnicity"] == "" {
					expect(name, math.NaN())
				} else {
					expect(name, truth(p["ethnicity"] == ethnicity))
				}
			}
			expect("hospitaldischargeyear", number(p["hospitaldischargeyear"]))
			if pid := f.Column("uniquepid"); pid.Levels[pid.Codes[row]] != p["uniquepid"] {
				t.Fatalf("row %d: another uniquepid in raw tables", row)
			}
		}
	}
}

func TestRawTablesHoldStaysThatTheCohortLeavesOut(t *testing.T) {
	const with = `{"rows": 600, "vitalsEvery": 60}`
	folder := writeRaw(t, with, 1)
	patients, vitals, care, results := rawTable(t, folder, "patient"), rawTable(t, folder, "vitalPeriodic"), rawTable(t, folder, "carePlanGeneral"), rawTable(t, folder, "apachePatientResult")
	visits, why, later := map[string]int{}, map[string]int{}, []string{}
	for id, rows := range patients {
		if len(rows) != 1 {
			t.Fatalf("stay %s is there %d times", id, len(rows))
		}
		p := rows[0]
		visits[p["patienthealthsystemstayid"]]++
		pulse := slices.ContainsFunc(vitals[id], func(r map[string]string) bool { return r["heartrate"] != "" })
		switch {
		case number(p["age"]) < 16:
			why["young"]++
		case !pulse:
			why["no heart rate"]++
		case p["hospitaldischargestatus"] == "":
			why["no status"]++
		case len(results[id]) == 0:
			why["later unit stay"]++
			later = append(later, p["patienthealthsystemstayid"])
			if p["unitvisitnumber"] != "2" {
				t.Errorf("stay %s has no APACHE result and is unit visit %s", id, p["unitvisitnumber"])
			}
		case results[id][1]["predictedhospitalmortality"] == "-1":
			why["no prediction"]++
		case !strings.Contains(p["unittype"], "ICU"):
			why["no ICU"]++
		case window(p, vitals[id], care[id]).to == 0:
			why["too short"]++
		default:
			why["cohort"]++
		}
	}
	for _, admission := range later {
		if visits[admission] != 2 {
			t.Errorf("a later unit stay is one of %d of its stay in hospital, want 2", visits[admission])
		}
	}
	for _, reason := range []string{"young", "no heart rate", "no status", "later unit stay", "no prediction", "no ICU", "too short"} {
		if why[reason] == 0 {
			t.Errorf("no stay is left out for %q", reason)
		}
	}
	if why["cohort"] != 600 || len(patients) != 600+30 {
		t.Errorf("%d stays, %d of the cohort; want 630 and 600", len(patients), why["cohort"])
	}
}

func TestRawTablesHaveTheColumnsOfTheDemo(t *testing.T) {
	folder := filepath.Join(dataFolder(t), "eicu-demo")
	for _, h := range rawHeaders {
		path := filepath.Join(folder, h.name+".csv.gz")
		if h.name == "lab" {
			path = filepath.Join(folder, "partial", "lab.csv.gz")
		}
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) && h.name == "vitalPeriodic" {
			continue // the copy of the demo lacks it
		}
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		line := make([]byte, len(h.columns)+1)
		if _, err := unpacked.Read(line); err != nil || string(line) != h.columns+"\n" {
			t.Errorf("%s: the demo has %q, we write %q (error: %v)", h.name, line, h.columns, err)
		}
		file.Close()
	}
}

func TestRawTablesAreTheSameBytes(t *testing.T) {
	a, b := writeRaw(t, `{"rows": 300, "vitalsEvery": 60}`, 1), writeRaw(t, `{"rows": 300, "vitalsEvery": 60}`, 4)
	for _, h := range rawHeaders {
		x, err := os.ReadFile(filepath.Join(a, h.name+".csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b, h.name+".csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("%s differs between runs of 1 and 4 threads", h.name)
		}
	}
}

func TestRawTablesRowsHaveAllColumns(t *testing.T) {
	folder := writeRaw(t, `{"rows": 60, "vitalsEvery": 60}`, 1)
	for _, h := range rawHeaders {
		file, err := os.Open(filepath.Join(folder, h.name+".csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if rows := readTable(t, file); len(rows) == 0 { // a row of another length is an error of the reader
			t.Errorf("%s has no rows", h.name)
		}
		file.Close()
	}
}

func TestWriteRawFailsCleanly(t *testing.T) {
	d, env := build(t, `{"rows": 300}`), plugins.Env{Threads: 1, Progress: func(int, int) {}}
	if err := d.WriteRaw(context.Background(), env, filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that does not exist: %v", err)
	}
	if err := d.WriteRaw(context.Background(), env, writeRaw(t, `{"rows": 1}`, 1)); !errors.Is(err, os.ErrExist) {
		t.Errorf("a folder with tables: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	env.Progress = func(int, int) { cancel() }
	if err := d.WriteRaw(ctx, env, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

func BenchmarkWriteRaw(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		folder := b.TempDir()
		b.StartTimer()
		if err := build(b, `{"rows": 2000}`).WriteRaw(context.Background(), plugins.Env{Threads: 2, Progress: func(int, int) {}}, folder); err != nil {
			b.Fatal(err)
		}
	}
}

// Whoever finds the tables is told what they are, even of a folder that was left half written.
func TestRawTablesAreMarked(t *testing.T) {
	folder := writeRaw(t, `{"rows": 40, "hospitals": 2}`, 1)
	if text, err := os.ReadFile(filepath.Join(folder, "SIMULATED.txt")); err != nil || !strings.HasPrefix(string(text), "SIMULATED: ") {
		t.Errorf("%q, error %v", text, err)
	}
	half := t.TempDir()
	if err := os.WriteFile(filepath.Join(half, "lab.csv.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	env := plugins.Env{Threads: 1, Progress: func(int, int) {}}
	if err := build(t, `{"rows": 40}`).WriteRaw(context.Background(), env, half); err == nil {
		t.Fatal("no error for a table that is there already")
	}
	for _, name := range []string{"patient.csv.gz", "SIMULATED.txt"} {
		if _, err := os.Stat(filepath.Join(half, name)); err != nil {
			t.Error(err)
		}
	}
}
