package eicu

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/icu"
)

func itoa(i int) string { return strconv.Itoa(i) }

// TestAgainstStraightforward compares the matrix with one that is made the plain way: all rows in memory, sorted by stay and time.
func TestAgainstStraightforward(t *testing.T) {
	kept := 0
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 7))
		x := randomTables(rng, 75)
		dir := t.TempDir()
		for name, rows := range x { // names in any case, plain or compressed
			content := csvText(t, rows)
			switch rng.IntN(3) {
			case 0:
				writeFile(t, filepath.Join(dir, strings.ToUpper(name)+".CSV"), content)
			case 1:
				writeFile(t, filepath.Join(dir, strings.ToLower(name)+".csv.gz"), zip(t, content))
			default:
				writeFile(t, filepath.Join(dir, name+".csv"), content)
			}
		}
		for _, window := range []string{Random, First24h} {
			c := settings(dir, Johnson2018, window)
			c.Seed = seed
			want := straightforward(x, window, seed)
			if len(want) == 0 {
				t.Fatalf("seed %d, %s: no stay is left: a test of nothing", seed, window)
			}
			kept += len(want)
			digest := ""
			for _, threads := range []int{1, 2, 8} {
				data, err := tryRead(t, c, threads)
				if err != nil {
					t.Fatal(err)
				}
				if threads == 1 {
					digest = data.Frame.Digest()
				} else if data.Frame.Digest() != digest {
					t.Errorf("seed %d, %s: %d threads change the matrix", seed, window, threads)
				}
			}
			f := read(t, c).Frame
			if f.Rows() != len(want) {
				t.Errorf("seed %d, %s: %d stays, want %d", seed, window, f.Rows(), len(want))
				continue
			}
			for row, values := range want {
				for _, col := range icu.Columns() {
					if got := value(t, f, col.Name, row); !same(got, values[col.Name]) {
						t.Errorf("seed %d, %s: %s of stay %v is %v, want %v", seed, window, col.Name, values["patientunitstayid"], got, values[col.Name])
					}
				}
			}
		}
	}
	if kept < 80 {
		t.Errorf("%d stays in all: too few to show anything", kept)
	}
}

// randomTables makes tables of stays that last some days, with rows in any order, missing fields, strange units and slips.
func randomTables(rng *rand.Rand, stays int) tables {
	x := tables{
		"patient": {{
			"patientunitstayid", "patienthealthsystemstayid", "gender", "age", "ethnicity", "hospitalid", "apacheadmissiondx", "admissionheight",
			"hospitaladmitoffset", "hospitaladmitsource", "hospitaldischargeyear", "hospitaldischargeoffset", "hospitaldischargelocation",
			"hospitaldischargestatus", "unittype", "unitadmitsource", "unitvisitnumber", "unitstaytype", "admissionweight", "unitdischargeoffset",
			"unitdischargelocation", "unitdischargestatus", "uniquepid",
		}},
		"hospital":            {{"hospitalid", "numbedscategory", "teachingstatus", "region"}, {"1", "<100", "f", "South"}, {"2", "", "t", ""}},
		"apachePredVar":       {{"patientunitstayid", "electivesurgery"}},
		"apachePatientResult": {{"patientunitstayid", "apacheversion", "predictedhospitalmortality", "actualventdays"}},
		"carePlanGeneral":     {{"patientunitstayid", "cplitemoffset", "cplgroup", "cplitemvalue"}},
		"vitalPeriodic":       {{"patientunitstayid", "observationoffset", "temperature", "sao2", "heartrate", "respiration", "systemicsystolic", "systemicdiastolic", "systemicmean"}},
		"vitalAperiodic":      {{"patientunitstayid", "observationoffset", "noninvasivesystolic", "noninvasivediastolic", "noninvasivemean"}},
		"lab":                 {{"patientunitstayid", "labresultoffset", "labname", "labresult", "labmeasurenamesystem", "labresultrevisedoffset"}},
		"intakeOutput":        {{"patientunitstayid", "intakeoutputoffset", "cellpath", "cellvaluenumeric"}},
	}
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	maybe := func(v string) string { return one(v, v, v, "") }
	for i := range stays {
		id := itoa(1000 + 7*i)
		length := 200 + rng.IntN(5000)
		x["patient"] = append(x["patient"], []string{
			id, itoa(500 + i/2), one("Female", "Male", "", "Unknown"), one("> 89", "15", "16", "", itoa(20+rng.IntN(69))),
			one("African American", "Hispanic", "Asian", "Caucasian", "Native American", ""), one("1", "2", "3"), "", "", "-60", "", one("2014", "2015"),
			itoa(length + rng.IntN(100)), "", one("Alive", "Alive", "Expired", ""), one("MICU", "MICU", "Cardiac ICU", "Telemetry"), "", "1", "", "",
			maybe(itoa(length)), "", one("Alive", "Alive", "Expired", ""), "P" + itoa(i/3),
		})
		if rng.IntN(5) > 0 {
			x["apachePredVar"] = append(x["apachePredVar"], []string{id, one("1", "0", "-1", "")})
		}
		x["apachePatientResult"] = append(
			x["apachePatientResult"],
			[]string{id, "IV", "0.5", "9"}, []string{id, "IVa", one("0.1", "2.5E-2", "0.4", "-1", ""), one("", "2", "30")},
		)
		for range rng.IntN(3) {
			x["carePlanGeneral"] = append(x["carePlanGeneral"], []string{
				id, itoa(rng.IntN(2 * length)), one("Care Limitation", "Airway"), one("Full therapy", "Do not resuscitate", "No CPR", "Comfort measures only", ""),
			})
		}
		for range rng.IntN(200) {
			at := itoa(rng.IntN(length+100) - 20)
			x["vitalPeriodic"] = append(x["vitalPeriodic"], []string{
				id, at, maybe(one("36.5", "98.2", "15", "39.25")), maybe(itoa(rng.IntN(101))), maybe(itoa(rng.IntN(200))), maybe(itoa(rng.IntN(40))),
				maybe(itoa(rng.IntN(260))), maybe(itoa(rng.IntN(120))), maybe(itoa(rng.IntN(160))),
			})
			x["vitalAperiodic"] = append(x["vitalAperiodic"], []string{id, at, maybe(itoa(rng.IntN(260))), maybe(itoa(rng.IntN(120))), maybe(itoa(rng.IntN(160)))})
			x["intakeOutput"] = append(x["intakeOutput"], []string{
				id, at, "flowsheet|Flowsheet Cell Labels|I&O|" + one("Output (ml)|Urine", "Output (ml)|Stool", "Intake (ml)|Urine"), maybe(one("100", "30.25", "-5", "12000.1")),
			})
		}
		for range rng.IntN(300) {
			at := itoa(20*(rng.IntN(length+1500)/20) - 1500) // often the same
			name := one(
				"albumin", "-bands", "bicarbonate", "total bilirubin", "BUN", "calcium", "creatinine", "glucose", "Hct", "Hgb", "PT - INR", "lactate",
				"platelets x 1000", "potassium", "sodium", "WBC x 1000", "paO2", "paO2", "paCO2", "pH", "Base Excess", "Base Deficit", "FiO2", "FiO2", "HCO3",
			)
			unit := map[string]string{
				"albumin": "g/dL", "Hgb": "g/dL", "-bands": "%", "Hct": "%", "FiO2": "%", "bicarbonate": "mmol/L", "potassium": "mmol/L", "sodium": "mmol/L", "lactate": "mmol/L",
				"PT - INR": "ratio", "pH": "", "paO2": "mm Hg", "paCO2": "mm Hg", "Base Excess": "mEq/L", "Base Deficit": "mEq/L", "platelets x 1000": "K/mcL", "WBC x 1000": "K/mcL",
			}
			u, named := unit[name]
			if !named {
				u = "mg/dL"
			}
			if rng.IntN(20) == 0 {
				u = "bushel"
			}
			result := fmt.Sprint(math.Round(1e4*math.Exp(rng.Float64()*6-1)) / 1e4)
			if rng.IntN(30) == 0 {
				result = one("", "<3", "0.35", "0.5", "-4")
			}
			x["lab"] = append(x["lab"], []string{id, at, name, result, u, one("", itoa(rng.IntN(3)))})
		}
	}
	return x.shuffle(rng)
}

// rowsOf returns the rows of a table as maps, with the number of each.
func rowsOf(x tables, table string) (rows []map[string]string) {
	for i, r := range x[table][1:] {
		m := map[string]string{"#": itoa(i)}
		for k, name := range x[table][0] {
			m[name] = r[k]
		}
		rows = append(rows, m)
	}
	return rows
}

// num is a number, NaN for what is none.
func num(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nan
	}
	return v
}

// straightforward makes the rows of the matrix from the tables; it shares no code with the package but the lists of limits and the window's end.
func straightforward(x tables, window string, seed uint64) (out []map[string]float64) {
	patients := rowsOf(x, "patient")
	slices.SortFunc(patients, func(a, b map[string]string) int {
		return cmp.Compare(num(a["patientunitstayid"]), num(b["patientunitstayid"]))
	})
	statuses := map[string]string{}
	first := map[string][]string{} // patient → order key and admission
	for _, p := range patients {
		statuses[p["patienthealthsystemstayid"]] += p["hospitaldischargestatus"]
		age := p["age"]
		if age == "> 89" {
			age = "90"
		}
		if age == "" {
			age = "00"
		}
		key := []string{p["hospitaldischargeyear"], age, p["patienthealthsystemstayid"]} // all of one width: texts sort as numbers
		if strings.Contains(strings.ToUpper(p["unittype"]), "ICU") && (first[p["uniquepid"]] == nil || slices.Compare(key, first[p["uniquepid"]]) < 0) {
			first[p["uniquepid"]] = key
		}
	}
	byStay := map[string]map[string][]map[string]string{}
	for table := range x {
		if table == "hospital" {
			continue
		}
		byStay[table] = map[string][]map[string]string{}
		for _, r := range rowsOf(x, table) {
			byStay[table][r["patientunitstayid"]] = append(byStay[table][r["patientunitstayid"]], r)
		}
	}
	for _, p := range patients {
		mine := func(table string) []map[string]string { return byStay[table][p["patientunitstayid"]] }
		if row := oneStay(mine, p, statuses, first, window, seed); row != nil {
			out = append(out, row)
		}
	}
	return out
}

func oneStay(
	mine func(table string) []map[string]string, p map[string]string, statuses map[string]string, first map[string][]string, window string, seed uint64,
) map[string]float64 {
	start, care, predicted, ventdays, elective := nan, math.Inf(1), nan, nan, nan
	for _, r := range mine("vitalPeriodic") {
		if h := num(r["heartrate"]); h >= 20 && h <= 300 {
			start = math.Min(num(r["observationoffset"]), orInfinity(start))
		}
	}
	for _, r := range mine("carePlanGeneral") {
		if r["cplgroup"] == "Care Limitation" && r["cplitemvalue"] != "" && r["cplitemvalue"] != "Full therapy" {
			care = math.Min(care, num(r["cplitemoffset"]))
		}
	}
	for _, r := range mine("apachePatientResult") {
		if r["apacheversion"] == "IVa" {
			predicted, ventdays = num(r["predictedhospitalmortality"]), num(r["actualventdays"])
		}
	}
	for _, r := range mine("apachePredVar") {
		elective = 0
		if r["electivesurgery"] == "1" {
			elective = 1
		}
	}
	hospital, unit := p["hospitaldischargestatus"], p["unitdischargestatus"]
	admission := statuses[p["patienthealthsystemstayid"]]
	limit := math.Min(num(p["unitdischargeoffset"]), care)
	if hospital == "Expired" {
		limit = math.Min(limit, num(p["hospitaldischargeoffset"]))
	}
	age := num(p["age"])
	if p["age"] == "> 89" {
		age = 90
	}
	if !strings.Contains(strings.ToUpper(p["unittype"]), "ICU") || age < 16 || math.IsNaN(start) || hospital+unit == "" ||
		strings.Contains(admission, "Alive") && strings.Contains(admission, "Expired") ||
		first[p["uniquepid"]][2] != p["patienthealthsystemstayid"] || !(predicted > 0) || p["unitdischargeoffset"] == "" {
		return nil
	}
	hours := (limit - start) / 60
	end, vitals, labs := 24., 24., 48.
	if window == Random {
		end, vitals, labs = icu.WindowEnd(seed, int64(num(p["patientunitstayid"])), hours), 4, 28
	}
	if end > hours {
		return nil
	}
	stop := start + 60*end
	row := map[string]float64{
		"patientunitstayid": num(p["patientunitstayid"]), "hospitalid": num(p["hospitalid"]), "death": flagOf(hospital == "Expired" || unit == "Expired"),
		"hosp_los": (num(p["hospitaldischargeoffset"]) - start) / 60 / 24, "ventdays": ventdays, "electivesurgery": elective, "age": age, "is_female": nan,
	}
	if p["gender"] == "Female" || p["gender"] == "Male" {
		row["is_female"] = flagOf(p["gender"] == "Female")
	}
	for name, of := range map[string]string{"race_black": "African American", "race_hispanic": "Hispanic", "race_asian": "Asian"} {
		row[name] = flagOf(p["ethnicity"] == of)
	}
	row["race_other"] = 1 - row["race_black"] - row["race_hispanic"] - row["race_asian"]
	if p["ethnicity"] == "" {
		row["race_black"], row["race_hispanic"], row["race_asian"], row["race_other"] = nan, nan, nan, nan
	}
	vitalColumns(row, mine, stop-60*vitals, stop)
	labColumns(row, mine("lab"), stop-60*labs, stop)
	row["urineoutput_sum"] = nan
	for _, r := range mine("intakeOutput") {
		at, v := num(r["intakeoutputoffset"]), num(r["cellvaluenumeric"])
		if strings.HasSuffix(r["cellpath"], "Output (ml)|Urine") && at >= stop-60*vitals && at < stop && v >= 0 && v <= 10000 {
			if math.IsNaN(row["urineoutput_sum"]) {
				row["urineoutput_sum"] = 0
			}
			row["urineoutput_sum"] += v
		}
	}
	return row
}

func orInfinity(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

func flagOf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// timed is a value with what it is sorted by.
type timed struct{ at, second, third, value float64 }

// ends sorts values by time; of one time the last counts. It returns the first and last, NaN without values.
func ends(values []timed) (first, last float64, single []timed) {
	slices.SortFunc(values, func(a, b timed) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.second, b.second), cmp.Compare(a.third, b.third))
	})
	for i, v := range values {
		if i+1 == len(values) || values[i+1].at != v.at {
			single = append(single, v)
		}
	}
	if len(single) == 0 {
		return nan, nan, nil
	}
	return single[0].value, single[len(single)-1].value, single
}

func vitalColumns(row map[string]float64, mine func(string) []map[string]string, from, to float64) {
	for name, columns := range map[string][2]string{
		"heartrate": {"heartrate", ""}, "sysbp": {"systemicsystolic", "noninvasivesystolic"}, "diasbp": {"systemicdiastolic", "noninvasivediastolic"},
		"meanbp": {"systemicmean", "noninvasivemean"}, "resprate": {"respiration", ""}, "tempc": {"temperature", ""}, "spo2": {"sao2", ""},
	} {
		var all []timed
		for k, table := range []string{"vitalPeriodic", "vitalAperiodic"} {
			if columns[k] == "" {
				continue
			}
			for _, r := range mine(table) {
				at, v := num(r["observationoffset"]), num(r[columns[k]])
				if name == "tempc" && v > 60 {
					v = (v - 32) / 1.8
				}
				if l := vitalLimits[name]; at >= from && at < to && v >= l.low && v <= l.high {
					all = append(all, timed{at, float64(1 - k), num(r["#"]), v}) // the invasive one sorts last
				}
			}
		}
		first, last, _ := ends(all)
		row[name+"_first"], row[name+"_last"] = first, last
		row[name+"_min"], row[name+"_max"] = nan, nan
		for _, v := range all {
			row[name+"_min"], row[name+"_max"] = math.Min(orInfinity(row[name+"_min"]), v.value), math.Max(-orInfinity(-row[name+"_max"]), v.value)
		}
	}
}

func labColumns(row map[string]float64, rows []map[string]string, from, to float64) {
	names := map[string]string{
		"albumin": "albumin", "-bands": "bands", "bicarbonate": "bicarbonate", "total bilirubin": "bilirubin", "BUN": "bun", "calcium": "calcium",
		"creatinine": "creatinine", "glucose": "glucose", "Hct": "hematocrit", "Hgb": "hemoglobin", "PT - INR": "inr", "lactate": "lactate",
		"platelets x 1000": "platelet", "potassium": "potassium", "sodium": "sodium", "WBC x 1000": "wbc", "paO2": "bg_pao2", "paCO2": "bg_paco2",
		"pH": "bg_ph", "Base Excess": "bg_baseexcess", "Base Deficit": "bg_baseexcess", "FiO2": "fio2",
	}
	all := map[string][]timed{}
	for _, r := range rows {
		at, v, name := num(r["labresultoffset"]), num(r["labresult"]), names[r["labname"]]
		if name == "" || r["labmeasurenamesystem"] == "bushel" || math.IsNaN(v) || at < from || at >= to {
			continue
		}
		if r["labname"] == "Base Deficit" {
			v = -v
		}
		if name == "fio2" && v >= 0.2 && v <= 1 {
			v *= 100
		}
		if l := labLimits[name]; v < l.low || v > l.high {
			continue
		}
		revised := num(r["labresultrevisedoffset"])
		all[name] = append(all[name], timed{at, -orInfinity(-revised), num(r["#"]), v})
	}
	_, _, breathed := ends(all["fio2"])
	_, _, pressures := ends(all["bg_pao2"])
	var ratios []timed
	for _, p := range pressures {
		for _, f := range breathed {
			if f.at == p.at {
				ratios = append(ratios, timed{at: p.at, value: 100 * p.value / f.value})
			}
		}
	}
	all["bg_pao2fio2ratio"] = ratios
	for _, q := range slices.Concat(icu.LabValues(), icu.BloodGases()) {
		row[q.Name+"_first_early"], row[q.Name+"_last_early"], _ = ends(all[q.Name])
	}
}
