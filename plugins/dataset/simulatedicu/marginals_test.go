package simulatedicu

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/klauspost/compress/gzip"
)

const marginalsHead = `# Marginals of simulated-icu against the open eICU-CRD Demo v2.0

Remade by ` + "`UPDATE=1 go test ./plugins/dataset/simulatedicu -run TestMarginals`" + `, with the demo in ` + "`$EHRLAB_DATA/eicu-demo`" + `.

Simulated: 50,000 stays in 186 hospitals, other settings as by default. Demo: stays for which the named table has the value;
laboratory values, pressures and urine within a window of package icu (hour 0 is admission to the unit, as the demo has no vitalPeriodic;
the limit is discharge from the unit), values of apacheApsVar the worst of the first day. "charted" is the share of the stays that could have the
value: 2,520 of patient (2,280 and 212 with the outcome), 2,205 of apacheApsVar and apachePredVar, 1,683 and 155 of apachePatientResult, of those with a
window 2,360 for vitalAperiodic and intakeOutput and 163 for lab. Ventilator days are charted for those who were ventilated. The simulated shares of laboratory panels and urine lie below those of the demo by one
common shift, so that 25.7 % of the cells are missing, as in table 6 of Lin, Yu, Lee (arXiv 2504.14657). Figures of fewer than 11 stays are
withheld. What is not in this table (the other vital signs, all dependence between columns) makes no claim to look like eICU.

The demo: Johnson A, Pollard T, Badawi O, Raffa J, eICU Collaborative Research Database Demo v2.0, PhysioNet, doi:10.13026/4mxk-na84, ODbL 1.0.

| column | demo | stays | charted: demo | simulated | median: demo | simulated | quartiles: demo | simulated |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`

// TestMarginals compares the simulated cohort with the open demo: marginals.md holds the table, which must be what the data give.
func TestMarginals(t *testing.T) {
	if testing.Short() {
		t.Skip("a large cohort; one thread")
	}
	demo := openDemo(t)
	rows := slices.Concat(demo.who(), demo.pressures(), demo.firstDay(), demo.laboratory(), []marginal{demo.urine()})
	f := read(t, `{"rows": 50000, "hospitals": 186}`, 2)
	var b strings.Builder
	b.WriteString(marginalsHead)
	for _, m := range rows {
		fmt.Fprintln(&b, m.line(f))
		if m.near > 0 && len(m.values) >= fewest {
			m.check(t, f)
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("marginals.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkedIn, err := os.ReadFile("marginals.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(checkedIn) != b.String() {
		t.Errorf("marginals.md is not what the data give; remake it as its head says. It should be\n%s", b.String())
	}
}

const fewest = 11 // stays that a figure may stand for

// marginal is a column of the cohort with values of the demo.
type marginal struct {
	column, table string
	values        []float64                          // of the demo
	of            int                                // stays that could have a value
	rows          func(f *frame.Frame, row int) bool // of the cohort; nil for all
	flag          bool                               // 0 or 1: its mean is shown instead of quartiles
	near          float64                            // how many SDs of the demo the medians may differ by; 0: any
}

// simulated returns the values of the cohort, and how many rows could have one.
func (m *marginal) simulated(f *frame.Frame) (values []float64, of int) {
	for row, v := range f.Column(m.column).Numbers {
		if m.rows != nil && !m.rows(f, row) {
			continue
		}
		of++
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return values, of
}

func quartiles(v []float64) (low, median, high float64) {
	return quantile(v, 0.25), quantile(v, 0.5), quantile(v, 0.75)
}

func (m *marginal) line(f *frame.Frame) string {
	sim, of := m.simulated(f)
	cells := []string{m.column, m.table}
	if len(m.values) < fewest {
		cells = append(cells, "< 11", "", share3(len(sim), of), "", short(quantile(sim, 0.5)), "", "")
		return "| " + strings.Join(cells, " | ") + " |"
	}
	cells = append(cells, strconv.Itoa(len(m.values)), share3(len(m.values), m.of), share3(len(sim), of))
	if m.flag {
		cells = append(cells, "mean "+short(mean(m.values)), "mean "+short(mean(sim)), "", "")
	} else {
		low, median, high := quartiles(m.values)
		l, md, h := quartiles(sim)
		cells = append(cells, short(median), short(md), short(low)+" to "+short(high), short(l)+" to "+short(h))
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

func (m *marginal) check(t *testing.T, f *frame.Frame) {
	t.Helper()
	sim, _ := m.simulated(f)
	low, median, high := quartiles(m.values)
	if sd := (high - low) / 1.349; math.Abs(quantile(sim, 0.5)-median) > m.near*sd {
		t.Errorf("%s: median %v, in the demo's %s %v with an SD of %.3g", m.column, quantile(sim, 0.5), m.table, median, sd)
	}
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

func share3(n, of int) string { return fmt.Sprintf("%.3f", float64(n)/float64(of)) }

// demo is the open demo, as far as it is compared.
type demo struct {
	t      *testing.T
	folder string
	stays  []map[string]string // of patient
	end    map[string]int      // of the window, minutes after admission to the unit; only stays that have one
	died   map[string]bool
}

func openDemo(t *testing.T) *demo {
	t.Helper()
	d := &demo{t: t, folder: filepath.Join(dataFolder(t), "eicu-demo"), end: map[string]int{}, died: map[string]bool{}}
	if _, err := os.Stat(d.folder); err != nil {
		t.Skip("no eicu-demo in the folder of real data")
	}
	d.stays = d.table("patient")
	for _, s := range d.stays {
		id, _ := strconv.ParseInt(s["patientunitstayid"], 10, 64)
		limit := number(s["unitdischargeoffset"]) / 60
		if hours := icu.WindowEnd(1, id, limit); hours <= limit {
			d.end[s["patientunitstayid"]] = int(hours) * 60
		}
		d.died[s["patientunitstayid"]] = s["hospitaldischargestatus"] == "Expired"
	}
	return d
}

// dataFolder finds the folder of real data sets: EHRLAB_DATA, or shared/data beside the checkout.
func dataFolder(t *testing.T) string {
	t.Helper()
	if folder := os.Getenv("EHRLAB_DATA"); folder != "" {
		return folder
	}
	for up := ".."; len(up) < 30; up += "/.." {
		folder := filepath.Join(up, "shared", "data")
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder
		}
	}
	t.Skip("no real data: EHRLAB_DATA is not set and there is no shared/data beside the checkout")
	return ""
}

// table reads a whole table.
func (d *demo) table(name string) []map[string]string {
	d.t.Helper()
	file, err := os.Open(filepath.Join(d.folder, name+".csv.gz"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	return readTable(d.t, file)
}

func readTable(t *testing.T, file *os.File) []map[string]string {
	t.Helper()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(unpacked).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]map[string]string, 0, len(records))
	for _, r := range records[1:] {
		row := make(map[string]string, len(r))
		for i, name := range records[0] {
			row[name] = r[i]
		}
		out = append(out, row)
	}
	return out
}

// number is NaN for a text that is none.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

func (d *demo) who() []marginal {
	age := marginal{column: "age", table: "patient", of: len(d.stays), near: 0.25}
	female := marginal{column: "is_female", table: "patient", of: len(d.stays), flag: true}
	death := marginal{column: "death", table: "patient", of: len(d.stays), flag: true}
	var los [2]marginal
	var race [3]marginal
	for i, name := range []string{"race_black", "race_hispanic", "race_asian"} {
		race[i] = marginal{column: name, table: "patient", of: len(d.stays), flag: true}
	}
	for i := range los {
		los[i] = marginal{column: "hosp_los", table: "patient, " + pickText(i == 1, "expired", "alive"), near: 0.25, rows: outcome(i)}
	}
	for _, s := range d.stays {
		if a := strings.ReplaceAll(s["age"], "> 89", "90"); a != "" {
			age.values = append(age.values, number(a))
		}
		if s["gender"] != "" {
			female.values = append(female.values, truth(s["gender"] == "Female"))
		}
		if s["ethnicity"] != "" {
			for i, name := range []string{"African American", "Hispanic", "Asian"} {
				race[i].values = append(race[i].values, truth(s["ethnicity"] == name))
			}
		}
		if status := s["hospitaldischargestatus"]; status != "" {
			i := int(truth(status == "Expired"))
			death.values = append(death.values, float64(i))
			los[i].of++
			los[i].values = append(los[i].values, (number(s["hospitaldischargeoffset"])-number(s["hospitaladmitoffset"]))/1440)
		}
	}
	elective := marginal{column: "electivesurgery", table: "apachePredVar", flag: true}
	for _, r := range d.table("apachePredVar") {
		elective.of++
		elective.values = append(elective.values, truth(r["electivesurgery"] == "1"))
	}
	return slices.Concat([]marginal{age, female}, race[:], []marginal{elective, death}, los[:], d.ventilated())
}

// outcome keeps the rows of those who lived (0) or died (1).
func outcome(died int) func(f *frame.Frame, row int) bool {
	return func(f *frame.Frame, row int) bool { return f.Column("death").Numbers[row] == float64(died) }
}

func (d *demo) ventilated() []marginal {
	var out [2]marginal
	for i := range out {
		out[i] = marginal{column: "ventdays", table: "apachePatientResult, " + pickText(i == 1, "expired", "alive"), rows: outcome(i)}
	}
	for _, r := range d.table("apachePatientResult") {
		if r["apacheversion"] != "IVa" {
			continue
		}
		m := &out[int(truth(r["actualhospitalmortality"] == "EXPIRED"))]
		m.of++
		if days := number(r["actualventdays"]); !math.IsNaN(days) {
			m.values = append(m.values, days)
		}
	}
	return out[:]
}

// timed is a value with its time.
type timed struct {
	minute int
	value  float64
}

// window returns the values of a stay within hours before the end of its window, in order of time; ok is false for a stay without a window.
func (d *demo) window(stay string, hours int, values []timed) (within []float64, ok bool) {
	end, ok := d.end[stay]
	slices.SortStableFunc(values, func(a, b timed) int { return cmp.Compare(a.minute, b.minute) })
	for _, v := range values {
		if v.minute >= end-60*hours && v.minute < end && !math.IsNaN(v.value) {
			within = append(within, v.value)
		}
	}
	return within, ok
}

func (d *demo) pressures() []marginal {
	rows := d.table("vitalAperiodic")
	var out []marginal
	for _, sign := range []struct{ name, column string }{{"sysbp", "noninvasivesystolic"}, {"diasbp", "noninvasivediastolic"}, {"meanbp", "noninvasivemean"}} {
		seen := map[string][]timed{}
		for _, r := range rows {
			seen[r["patientunitstayid"]] = append(seen[r["patientunitstayid"]], timed{int(number(r["observationoffset"])), number(r[sign.column])})
		}
		var found [4][]float64
		for stay := range d.end {
			if v, _ := d.window(stay, icu.VitalHours, seen[stay]); v != nil {
				for i, x := range []float64{v[0], v[len(v)-1], slices.Min(v), slices.Max(v)} {
					found[i] = append(found[i], x)
				}
			}
		}
		for i, suffix := range []string{"_first", "_last", "_min", "_max"} {
			out = append(out, marginal{column: sign.name + suffix, table: "vitalAperiodic", values: found[i], of: len(d.end), near: 0.35})
		}
	}
	return out
}

func (d *demo) firstDay() []marginal {
	rows := d.table("apacheApsVar")
	var out []marginal
	for _, c := range []struct{ column, aps string }{
		{"heartrate_max", "heartrate"},
		{"tempc_min", "temperature"},
		{"wbc_last_early", "wbc"},
		{"sodium_last_early", "sodium"},
		{"hematocrit_last_early", "hematocrit"},
		{"creatinine_last_early", "creatinine"},
		{"albumin_first_early", "albumin"},
		{"bun_last_early", "bun"},
		{"glucose_last_early", "glucose"},
		{"bilirubin_last_early", "bilirubin"},
		{"bg_ph_last_early", "ph"},
		{"bg_pao2_last_early", "pao2"},
		{"bg_paco2_last_early", "pco2"},
	} {
		m := marginal{column: c.column, table: "apacheApsVar", of: len(rows)}
		for _, r := range rows {
			if v := number(r[c.aps]); v != -1 {
				m.values = append(m.values, v)
			}
		}
		out = append(out, m)
	}
	return out
}

func (d *demo) laboratory() []marginal {
	seen := map[string]map[string][]timed{} // by name, then stay
	stays := map[string]bool{}
	for _, r := range d.table("partial/lab") {
		if _, ok := d.end[r["patientunitstayid"]]; !ok {
			continue
		}
		stays[r["patientunitstayid"]] = true
		if seen[r["labname"]] == nil {
			seen[r["labname"]] = map[string][]timed{}
		}
		seen[r["labname"]][r["patientunitstayid"]] = append(seen[r["labname"]][r["patientunitstayid"]], timed{int(number(r["labresultoffset"])), number(r["labresult"])})
	}
	var out []marginal
	for _, q := range slices.Concat(icu.LabValues(), icu.BloodGases()) {
		lab, ok := labNames[q.Name]
		if !ok {
			continue // the ratio
		}
		first := marginal{column: q.Name + "_first_early", table: "lab", of: len(stays), near: 0.5}
		last := first
		last.column = q.Name + "_last_early"
		for stay := range stays {
			if v, _ := d.window(stay, icu.LabHours, seen[lab.name][stay]); v != nil {
				first.values, last.values = append(first.values, v[0]), append(last.values, v[len(v)-1])
			}
		}
		out = append(out, first, last)
	}
	return out
}

func (d *demo) urine() marginal {
	m := marginal{column: "urineoutput_sum", table: "intakeOutput", of: len(d.end), near: 0.25}
	seen := map[string][]timed{}
	for _, r := range d.table("intakeOutput") {
		if strings.Contains(strings.ToLower(r["cellpath"]), "urin") {
			seen[r["patientunitstayid"]] = append(seen[r["patientunitstayid"]], timed{int(number(r["intakeoutputoffset"])), number(r["cellvaluenumeric"])})
		}
	}
	for stay := range d.end {
		if v, _ := d.window(stay, icu.VitalHours, seen[stay]); v != nil {
			sum := 0.0
			for _, x := range v {
				sum += x
			}
			m.values = append(m.values, sum)
		}
	}
	return m
}
