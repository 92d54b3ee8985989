package rules_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/audit/rules"
	"github.com/ehrlab/ehrlab/plugins/dataset/eicu"
	"github.com/ehrlab/ehrlab/plugins/dataset/simulatedicu"
	"github.com/ehrlab/ehrlab/plugins/dataset/table"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/rule"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

func env(threads int, random ...plugins.Purpose) plugins.Env {
	return plugins.Env{
		Rand: plugins.NewRand(1, "rules", random...), Threads: threads, Log: slog.New(slog.DiscardHandler), Progress: func(int, int) {},
	}
}

// build makes the audit as the runner does.
func build(t testing.TB, with string) plugins.Auditor {
	t.Helper()
	r := &plugins.Registry{}
	rules.Register(r)
	a, _, err := r.Audits.Get("rules").Build(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func judge(t testing.TB, with string, f *frame.Frame) *plugins.Judged {
	t.Helper()
	out, err := build(t, with).Judge(context.Background(), env(2), plugins.Lineup{Frame: f})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// dataset reads a data set.
func dataset(t testing.TB, register func(*plugins.Registry), name, with string) *frame.Frame {
	t.Helper()
	r := &plugins.Registry{}
	register(r)
	e := r.Datasets.Get(name)
	d, _, err := e.Build(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	data, err := d.Read(context.Background(), env(2, e.Info.Random...))
	if err != nil {
		t.Fatal(err)
	}
	return data.Frame
}

func simulated(t testing.TB, rows int) *frame.Frame {
	t.Helper()
	return dataset(t, simulatedicu.Register, "simulated-icu", fmt.Sprintf(`{"rows": %d}`, rows))
}

// shared is the folder of the shared data; the test is skipped where there is none.
func shared(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("EHRLAB_DATA")
	if folder == "" {
		t.Skip("EHRLAB_DATA is not set")
	}
	return folder
}

// challengeNames are the parameters of the PhysioNet/CinC Challenge 2012 in the words of the pack.
var challengeNames = map[string]string{
	"HR": "heartrate", "NISysABP": "sysbp", "NIDiasABP": "diasbp", "NIMAP": "meanbp", "RespRate": "resprate", "Temp": "tempc",
	"SaO2": "spo2", "Albumin": "albumin", "HCO3": "bicarbonate", "Bilirubin": "bilirubin", "BUN": "bun", "Creatinine": "creatinine",
	"Glucose": "glucose", "HCT": "hematocrit", "Lactate": "lactate", "Platelets": "platelet", "K": "potassium", "Na": "sodium",
	"WBC": "wbc", "PaO2": "bg_pao2", "PaCO2": "bg_paco2", "pH": "bg_ph", "FiO2": "fio2", "GCS": "gcs", "Urine": "urineoutput",
	"Age": "age", "Height": "height", "Weight": "weight",
}

// challenge reads set A of the challenge; the measurements of the first two days are the window.
func challenge(t testing.TB) *frame.Frame {
	t.Helper()
	f := dataset(t, table.Register, "table", fmt.Sprintf(`{
		"path": %q, "members": "set-a/*.txt", "origin": "RecordID", "missing": [-1],
		"long": {"row": "RecordID", "variable": "Parameter", "value": "Value", "order": "Time",
			"take": ["first", "last", "min", "max", "mean"],
			"variables": {"RecordID": "drop", "Age": "once", "Gender": "once", "Height": "once", "ICUType": "once", "Urine": ["sum"], "Weight": "first"}}}`,
		filepath.Join(shared(t), "physionet-challenge-2012", "set-a.tar.gz")))
	f = renamed(f, challengeNames)
	for _, c := range f.Columns() {
		if strings.HasPrefix(c.Name, "fio2_") { // written as a fraction
			for i := range c.Numbers {
				c.Numbers[i] *= 100
			}
		}
	}
	return f
}

// mimicItems are laboratory items of MIMIC-IV in the words of the pack.
var mimicItems = map[string]string{
	"50802": "bg_baseexcess", "50813": "lactate", "50818": "bg_paco2", "50820": "bg_ph", "50821": "bg_pao2", "50862": "albumin",
	"50868": "anion_gap", "50882": "bicarbonate", "50885": "bilirubin", "50893": "calcium", "50902": "chloride", "50912": "creatinine",
	"50931": "glucose", "50971": "potassium", "50983": "sodium", "51006": "bun", "51144": "bands", "51221": "hematocrit",
	"51222": "hemoglobin", "51237": "inr", "51265": "platelet", "51301": "wbc",
}

// mimic reads the laboratory values of the stays in hospital of the MIMIC-IV demo: of each, the first and the last of the day after
// the first of all.
func mimic(t testing.TB) *frame.Frame {
	t.Helper()
	type value struct {
		item   string
		at     time.Time
		number float64
	}
	stays := map[string][]value{}
	each(t, filepath.Join(shared(t), "mimic-iv-demo", "hosp", "labevents.csv.gz"), func(row map[string]string) {
		at, err := time.Parse(time.DateTime, row["charttime"])
		x, missing := strconv.ParseFloat(row["valuenum"], 64)
		if item := mimicItems[row["itemid"]]; item != "" && row["hadm_id"] != "" && err == nil && missing == nil {
			stays[row["hadm_id"]] = append(stays[row["hadm_id"]], value{item, at, x})
		}
	})
	numbers := map[string][]float64{}
	for _, item := range mimicItems {
		for _, s := range []string{"_first_early", "_last_early"} {
			numbers[item+s] = slices.Repeat([]float64{math.NaN()}, len(stays))
		}
	}
	for row, stay := range slices.Sorted(maps.Keys(stays)) {
		values := stays[stay]
		slices.SortStableFunc(values, func(a, b value) int { return a.at.Compare(b.at) })
		for _, v := range values {
			if v.at.Sub(values[0].at) >= 24*time.Hour {
				break
			}
			if math.IsNaN(numbers[v.item+"_first_early"][row]) {
				numbers[v.item+"_first_early"][row] = v.number
			}
			numbers[v.item+"_last_early"][row] = v.number
		}
	}
	var columns []*frame.Column
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		columns = append(columns, frame.NewNumber(name, numbers[name]))
	}
	return frame.Must(columns...)
}

// each reads the rows of a table.
func each(t testing.TB, path string, use func(row map[string]string)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(plain)
	head, err := r.Read()
	for err == nil {
		var fields []string
		if fields, err = r.Read(); err == nil {
			row := map[string]string{}
			for i, name := range head {
				row[name] = fields[i]
			}
			use(row)
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
}

// johnson reads the matrix johnson2018 of the eICU demo. The demo has no vitalPeriodic, which hour 0 is taken from: that is admission
// to the unit here, and what vitalPeriodic alone has is left out.
func johnson(t testing.TB) *frame.Frame {
	t.Helper()
	folder := filepath.Join(shared(t), "eicu-demo")
	text := "patientunitstayid,observationoffset,temperature,sao2,heartrate,respiration,systemicsystolic,systemicdiastolic,systemicmean\n"
	each(t, filepath.Join(folder, "patient.csv.gz"), func(row map[string]string) {
		text += row["patientunitstayid"] + ",0,,,80,,,,\n"
	})
	vitals := filepath.Join(t.TempDir(), "vitalPeriodic.csv")
	if err := os.WriteFile(vitals, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := dataset(t, eicu.Register, "eicu", fmt.Sprintf(`{"root": %q, "matrix": "johnson2018", "tables": {"lab": %q, "vitalPeriodic": %q}}`,
		folder, filepath.Join(folder, "partial", "lab.csv.gz"), vitals))
	made := []string{"heartrate", "resprate", "tempc", "spo2"}
	names := slices.DeleteFunc(f.Names(), func(name string) bool {
		of, _, _ := strings.Cut(name, "_")
		return slices.Contains(made, of)
	})
	f, err := f.Select(names...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// renamed returns the columns whose first word has a name.
func renamed(f *frame.Frame, names map[string]string) *frame.Frame {
	var columns []*frame.Column
	for _, c := range f.Columns() {
		name, rest, cut := strings.Cut(c.Name, "_")
		if of, ok := names[name]; ok {
			r := *c
			if r.Name = of; cut {
				r.Name = of + "_" + rest
			}
			columns = append(columns, &r)
		}
	}
	return frame.Must(columns...)
}

// rate is how often records break a rule.
type rate struct{ broken, applies int }

func (r rate) String() string {
	if r.applies == 0 {
		return "–"
	}
	low, high, err := stats.Wilson(r.broken, r.applies, 0.95)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d of %d: %.2f (%.2f to %.2f)", r.broken, r.applies, 100*float64(r.broken)/float64(r.applies), 100*low, 100*high)
}

func ratesOf(j *plugins.Judged) map[string]rate {
	out := map[string]rate{}
	broken := make([]int, len(j.Criteria))
	for _, f := range j.Findings {
		broken[f.Criterion]++
	}
	for k, c := range j.Criteria {
		out[c.Name] = rate{broken[k], c.Applies}
	}
	return out
}

// cohort is rows that the rates are taken of.
type cohort struct {
	title string
	rows  func(testing.TB) *frame.Frame
}

var cohorts = []cohort{
	{"eICU demo, apache", func(t testing.TB) *frame.Frame {
		return dataset(t, eicu.Register, "eicu", fmt.Sprintf(`{"root": %q}`, filepath.Join(shared(t), "eicu-demo")))
	}},
	{"eICU demo, johnson2018", johnson},
	{"Challenge 2012", challenge},
	{"MIMIC-IV demo", mimic},
	{"simulated-icu", func(t testing.TB) *frame.Frame { return simulated(t, 50_000) }},
	{"column-shuffled", func(t testing.TB) *frame.Frame { return shuffledColumns(simulated(t, 50_000)) }},
}

// shuffledColumns puts every column into an order of its own.
func shuffledColumns(f *frame.Frame) *frame.Frame {
	rng := rand.New(rand.NewPCG(1, 2))
	columns := make([]*frame.Column, len(f.Columns()))
	for i, c := range f.Columns() {
		columns[i] = c.Take(rng.Perm(f.Rows()))
	}
	return frame.Must(columns...)
}

const realCohorts = 4 // the first of them

const (
	ratesFile  = "../../../docs/audits.md"
	ratesBegin = "<!-- rates of the pack icu: begin -->\n"
	ratesEnd   = "<!-- rates of the pack icu: end -->\n"
)

// TestRates holds the table of rates in docs/audits.md to what the pack says of real and simulated rows; with UPDATE=1 it rewrites it.
// A rule that real patients break is a bad rule: look at what changes.
func TestRates(t *testing.T) {
	shared(t)
	page, err := os.ReadFile(ratesFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), ratesBegin)
	had, after, ends := strings.Cut(rest, ratesEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the rates", ratesFile)
	}
	table := tableOfRates(t)
	switch {
	case had == table:
	case os.Getenv("UPDATE") == "":
		t.Errorf("the rates in %s are others; run: UPDATE=1 go test ./plugins/audit/rules -run TestRates, and review the diff", ratesFile)
	default:
		if err := os.WriteFile(ratesFile, []byte(before+ratesBegin+table+ratesEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// notAsked are the rules of the pack that have no entry.
func notAsked(t *testing.T, asked map[string]plugins.Severity) (out []string) {
	t.Helper()
	text, err := os.ReadFile("../../rule/packs/icu.json")
	if err != nil {
		t.Fatal(err)
	}
	var pack rule.Pack
	if err := json.Unmarshal(text, &pack); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(pack.Rules)) {
		if asked["icu."+name] == "" {
			out = append(out, name)
		}
	}
	return out
}

// tableOfRates is a row for every rule that some record breaks, after one for records with an error at all; rules that no record
// breaks are listed below, with the fewest records that one was asked of.
func tableOfRates(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	head, line := "| rule | severity |", "| --- | --- |"
	total := "| records with an error | |"
	rates := make([]map[string]rate, len(cohorts))
	severity := map[string]plugins.Severity{}
	for i, c := range cohorts {
		j := judge(t, "{}", c.rows(t))
		rates[i] = ratesOf(j)
		for _, criterion := range j.Criteria {
			severity[criterion.Name] = criterion.Severity
		}
		dropped := rate{applies: len(j.Verdicts)}
		for _, v := range j.Verdicts {
			if v.Score < 1 {
				dropped.broken++
			}
		}
		head += " " + c.title + " |"
		line += " ---: |"
		total += " " + dropped.String() + " |"
	}
	fmt.Fprintf(&b, "\n%s\n%s\n%s\n", head, line, total)
	var never []string
	for _, name := range slices.Sorted(maps.Keys(severity)) {
		row, broken, most := fmt.Sprintf("| %s | %s |", strings.TrimPrefix(name, "icu."), severity[name]), 0, 0
		for i := range cohorts {
			row += " " + rates[i][name].String() + " |"
			broken += rates[i][name].broken
			if i < realCohorts {
				most = max(most, rates[i][name].applies)
			}
		}
		if broken > 0 {
			fmt.Fprintln(&b, row)
		} else {
			never = append(never, fmt.Sprintf("%s (%d)", strings.TrimPrefix(name, "icu."), most))
		}
	}
	fmt.Fprintf(&b, "\nBroken by no record of any column, with the most real records of one data set that the rule was asked of: %s.\n", strings.Join(never, ", "))
	fmt.Fprintf(&b, "\nNot asked of any, as none has the columns: %s.\n\n", strings.Join(notAsked(t, severity), ", "))
	return b.String()
}
