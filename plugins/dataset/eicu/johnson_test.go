package eicu

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

// The windows of the stays 101, 113 and 114 end 4 hours after the first heart rate at minute 10, whatever the seed: their limit is 5
// hours, and floor(u·3) is below 4. So vital signs are from [10, 250), laboratory values from [-1430, 250).
func TestHandWorked(t *testing.T) {
	data := read(t, settings("testdata/folder", Johnson2018, Random))
	f := data.Frame
	want := map[string][3]float64{
		"patientunitstayid": {101, 113, 114},
		"hospitalid":        {10, 20, 10},
		"death":             {0, 1, 0},            // 113: Expired in the unit, Alive from hospital
		"hosp_los":          {2880. / 1440, 2, 2}, // from minute 10 to 2890
		"ventdays":          {3, nan, nan},
		"electivesurgery":   {1, 0, nan}, // 113: -1 is no; 114: not in apachePredVar
		"age":               {90, 60, nan},
		"is_female":         {1, 0, nan},
		"race_black":        {1, 0, nan},
		"race_hispanic":     {0, 0, nan},
		"race_asian":        {0, 0, nan},
		"race_other":        {0, 1, nan},  // Caucasian
		"heartrate_first":   {80, 70, 75}, // not the artefact at minute 4
		"heartrate_last":    {90, 70, 78}, // 101: not that at minute 250; 114: the later row of minute 12
		"heartrate_min":     {80, 70, 75},
		"heartrate_max":     {100, 70, 78},
		"sysbp_first":       {120, 118, nan}, // invasive, not the cuff's 110 of the same minute
		"sysbp_last":        {130, 118, nan},
		"sysbp_min":         {110, 118, nan},
		"sysbp_max":         {130, 118, nan}, // 400 is no pressure
		"diasbp_max":        {75, 62, nan},
		"meanbp_max":        {90, 81, nan},
		"resprate_first":    {16, nan, nan}, // not 40, before hour 0
		"resprate_last":     {20, nan, nan},
		"tempc_first":       {36.5, nan, nan},
		"tempc_last":        {37, nan, nan}, // 98.6 °F
		"tempc_max":         {37, nan, nan},
		"spo2_min":          {97, nan, nan}, // 0 is no saturation

		"albumin_first_early":          {nan, 3.1, nan}, // 31 g/L
		"bands_last_early":             {5, nan, nan},
		"bicarbonate_first_early":      {nan, nan, nan}, // HCO3 is of a blood gas
		"glucose_first_early":          {nan, nan, nan}, // bedside; "<5" is a text
		"creatinine_first_early":       {1, nan, nan},   // 88.4 µmol/L at the very start
		"creatinine_last_early":        {1.7, nan, nan}, // the result that was changed last
		"lactate_last_early":           {2, nan, nan},   // 18.02 mg/dL
		"sodium_first_early":           {141, nan, nan}, // 999 is none
		"potassium_first_early":        {nan, nan, nan}, // its unit is none
		"inr_last_early":               {1.25, nan, nan},
		"wbc_last_early":               {11.5, nan, nan},
		"platelet_last_early":          {250, nan, nan}, // 250000/mcL
		"bg_pao2_first_early":          {80, nan, nan},
		"bg_pao2_last_early":           {99, nan, nan},
		"bg_pao2fio2ratio_first_early": {80 / .4, nan, nan}, // FiO2 as a fraction
		"bg_pao2fio2ratio_last_early":  {99 / .6, nan, nan}, // FiO2 in %
		"bg_ph_first_early":            {7.25, nan, nan},
		"bg_baseexcess_first_early":    {-3.5, nan, nan}, // a deficit
		"bg_baseexcess_last_early":     {2, nan, nan},
		"urineoutput_sum":              {150.5, nan, nan}, // 100 at the start and 50.5 just before the end

		"hospitaldischargeyear": {2014, 2014, 2014},
	}
	for name, values := range want {
		for i, v := range values {
			if got := value(t, f, name, i); !same(got, v) {
				t.Errorf("%s of stay %d is %v, want %v", name, i, got, v)
			}
		}
	}
	for name, values := range map[string][3]string{
		"uniquepid": {"P-101", "P-113", "P-113"}, "region": {"Midwest", "", "Midwest"},
		"numbedscategory": {">= 500", "", ">= 500"}, "teachingstatus": {"t", "", "t"},
	} {
		for i, v := range values {
			if got := level(t, f, name, i); got != v {
				t.Errorf("%s of stay %d is %q, want %q", name, i, got, v)
			}
		}
	}
}

// The columns are the 83 of package icu in their order, and those of the setting; no feature among the latter.
func TestColumnsOfJohnson(t *testing.T) {
	f := read(t, settings("testdata/folder", Johnson2018, Random)).Frame
	var want []string
	for _, c := range icu.Columns() {
		want = append(want, c.Name)
	}
	want = append(want, "uniquepid", "hospitaldischargeyear", "region", "numbedscategory", "teachingstatus")
	if !slices.Equal(f.Names(), want) {
		t.Errorf("columns %v\nwant %v", f.Names(), want)
	}
	for _, c := range johnsonColumns()[83:] {
		if !c.Role.Leaks() {
			t.Errorf("%s may be a feature", c.Name)
		}
	}
	for i, c := range f.Columns() {
		if info := johnsonColumns()[i]; c.Unit != info.Unit || c.Kind != info.Kind {
			t.Errorf("%s is a %s in %q, the header says %s in %q", c.Name, c.Kind, c.Unit, info.Kind, info.Unit)
		}
	}
}

func TestExclusions(t *testing.T) {
	data := read(t, settings("testdata/folder", Johnson2018, Random))
	left := counted(data, "stays left", "all stays")
	if left != 14 {
		t.Fatalf("%d stays, want 14", left)
	}
	for _, step := range []struct {
		filter string
		out    int
	}{
		{"not an intensive care unit", 1},                               // 102
		{"younger than 16", 1},                                          // 103
		{"no heart rate", 1},                                            // 104
		{"no discharge status", 1},                                      // 105
		{"different hospital discharge status", 2},                      // 106, 107
		{"not the first hospital stay", 1},                              // 108, of the patient of 101 a year later
		{"predicted by APACHE IVa", 1},                                  // 109
		{"no time of discharge", 1},                                     // 112
		{"window ends after discharge, death or the first limit of", 2}, // 110: 3 hours; 111: comfort measures after 2 hours
	} {
		if got := counted(data, "stays excluded", step.filter); got != step.out {
			t.Errorf("%s: %d excluded, want %d", step.filter, got, step.out)
		}
		left -= step.out
		if got := counted(data, "stays left", step.filter); got != left {
			t.Errorf("%s: %d left, want %d", step.filter, got, left)
		}
	}
	if left != data.Frame.Rows() {
		t.Errorf("%d stays are left, the frame has %d", left, data.Frame.Rows())
	}
}

func TestWhatWasMetIsCounted(t *testing.T) {
	x := handMade(t)
	x.add("carePlanGeneral", map[string]string{"patientunitstayid": "101", "cplitemoffset": "11", "cplgroup": "Care Limitation", "cplitemvalue": "No visitors"})
	data := read(t, settings(x.folder(t), Johnson2018, Random))
	for _, c := range []struct {
		words []string
		want  int
	}{
		{[]string{"patients in more than one hospital"}, 1},
		{[]string{"hospitals that the table hospital lacks"}, 1},
		{[]string{"unit status Expired but hospital status Alive"}, 1},
		{[]string{"outside the limits", "vitalPeriodic.sao2"}, 1},
		{[]string{"outside the limits", "noninvasivesystolic"}, 1},
		{[]string{"outside the limits", "sodium"}, 1},
		{[]string{"outside the limits", "fio2"}, 1}, // 4, litres a minute
		{[]string{"outside the limits", "urineoutput"}, 1},
		{[]string{"unit that is not known", "potassium"}, 1},
		{[]string{"texts where a number is wanted", "labresult"}, 1},
		{[]string{"rows of stays that patient lacks", "vitalPeriodic"}, 1},
		{[]string{"rows without a time", "vitalPeriodic"}, 1},
		{[]string{"care limitations that are not known"}, 1},
		{[]string{"deaths"}, 1},
	} {
		if got := counted(data, c.words...); got != c.want {
			t.Errorf("%v: %d, want %d", c.words, got, c.want)
		}
	}
	notes := strings.Join(data.Notes, "\n")
	for _, want := range []string{"no prospective prediction", "in more than one hospital;", "different hospital discharge status are left out", "vitalPeriodic has rows of stays"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
}

// In the window "first24h" the limit must leave 24 hours; at 24 hours sharp the stay stays in.
func TestFirst24Hours(t *testing.T) {
	x := handMade(t).set("patient", "101", "unitdischargeoffset", "3000").set("patient", "113", "unitdischargeoffset", "1449")
	x.set("patient", "114", "unitdischargeoffset", "1450")
	for _, row := range x["carePlanGeneral"] {
		if row[1] == "101" && row[3] == "400" {
			row[3] = "1450" // the order comes as the window ends
		}
	}
	x.add("vitalPeriodic", map[string]string{"patientunitstayid": "101", "observationoffset": "1449", "heartrate": "61"})
	x.add("vitalPeriodic", map[string]string{"patientunitstayid": "101", "observationoffset": "1450", "heartrate": "62"})
	data := read(t, settings(x.folder(t), Johnson2018, First24h))
	f := data.Frame
	if f.Rows() != 2 || value(t, f, "patientunitstayid", 0) != 101 || value(t, f, "patientunitstayid", 1) != 114 {
		t.Fatalf("%d stays, want 101 and 114", f.Rows())
	}
	for name, want := range map[string]float64{
		"heartrate_first": 80, "heartrate_last": 61, "heartrate_max": 200, "tempc_max": 41, "urineoutput_sum": 220.5,
		"creatinine_first_early": 1, "creatinine_last_early": 8,
	} {
		if got := value(t, f, name, 0); !same(got, want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if slices.ContainsFunc(data.Notes, func(n string) bool { return strings.Contains(n, "prospective") }) {
		t.Errorf("notes %v speak of the random window", data.Notes)
	}
}

// death comes before discharge from the unit: the limit is death.
func TestDeathIsALimit(t *testing.T) {
	x := handMade(t).set("patient", "101", "hospitaldischargestatus", "Expired").set("patient", "101", "hospitaldischargeoffset", "240")
	if f := read(t, settings(x.folder(t), Johnson2018, Random)).Frame; value(t, f, "patientunitstayid", 0) == 101 {
		t.Error("the window of a patient who died before its end is kept")
	}
	x.set("patient", "101", "hospitaldischargeoffset", "250")
	if f := read(t, settings(x.folder(t), Johnson2018, Random)).Frame; value(t, f, "patientunitstayid", 0) != 101 || value(t, f, "death", 0) != 1 {
		t.Error("the window that ends as the patient dies is not kept")
	}
}

func TestSeedMovesWindows(t *testing.T) {
	x := handMade(t).set("patient", "101", "unitdischargeoffset", "60000")
	for at := 260; at < 60000; at += 60 {
		x.add("vitalPeriodic", map[string]string{"patientunitstayid": "101", "observationoffset": itoa(at), "heartrate": itoa(60 + at/1000)})
	}
	for _, row := range x["carePlanGeneral"] {
		if row[1] == "101" && row[3] == "400" {
			row[3] = "70000"
		}
	}
	c := settings(x.folder(t), Johnson2018, Random)
	seen := map[float64]bool{}
	for seed := range uint64(5) {
		c.Seed = seed
		f := read(t, c).Frame
		end := icu.WindowEnd(seed, 101, (60000-10)/60.)*60 + 10
		if got, want := value(t, f, "heartrate_last", 0), 60+float64((int(end)-1-20)/60*60+20)/1000; int(got) != int(want) {
			t.Errorf("seed %d: last heart rate %v, want %v, as the window ends at minute %v", seed, got, int(want), end)
		}
		seen[end] = true
	}
	if len(seen) < 3 {
		t.Errorf("five seeds give %d ends", len(seen))
	}
}

// The order of rows matters nowhere but among rows of one stay with one time.
func TestOrderOfRows(t *testing.T) {
	x := handMade(t)
	x["vitalPeriodic"] = slices.DeleteFunc(x["vitalPeriodic"], func(row []string) bool { return row[1] == "114" && row[2] == "12" })
	for _, matrix := range []string{Apache, Johnson2018} {
		want := read(t, settings(x.folder(t), matrix, Random))
		for seed := range uint64(5) {
			got := read(t, settings(x.shuffle(rand.New(rand.NewPCG(seed, 1))).folder(t), matrix, Random))
			if got.Frame.Digest() != want.Frame.Digest() || !slices.EqualFunc(got.Counts, want.Counts, equalCounts) {
				t.Errorf("%s: the order of rows changes what is read", matrix)
			}
		}
	}
}

func equalCounts(a, b plugins.Count) bool {
	return a.Name == b.Name && a.Value == b.Value && len(a.Dims) == len(b.Dims)
}

func TestUrineCells(t *testing.T) {
	const out = "flowsheet|Flowsheet Cell Labels|I&O|Output (ml)|"
	for path, want := range map[string]bool{
		out + "Urine": true, out + "URINE CATHETER": true, out + "Foley cath": true, out + "Voided Amount": true, out + "Urine, void:": true,
		out + "Output (mL)-Urethral Catheter Latex 14 Fr.": true, out + "Indwelling Catheter Output": true, out + "Nephrostomy": true,
		out + "Urinary Catheter Output: Condom External": true, out + "Output (mL)-Straight Catheter": true,
		out + "Urine Count": false, out + "Urine Occurrence": false, out + "Mixed Urine/Stool Volume": false, out + "unmeasured voids": false,
		out + "Stool": false, out + "Chest Tube A Amount": false, out + "TOTAL OUT": false,
		"flowsheet|Flowsheet Cell Labels|I&O|Intake (ml)|Bladder irrigation, urine": false, "Urine": false, "": false,
	} {
		if isUrine(path) != want {
			t.Errorf("%q: %v, want %v", path, !want, want)
		}
	}
}

// Every quantity of package icu has a test, limits and a unit of its own; every limit and test belongs to a quantity.
func TestListsAreComplete(t *testing.T) {
	own := map[string]string{}
	for _, q := range slices.Concat(icu.LabValues(), icu.BloodGases()) {
		own[q.Name] = q.Unit
	}
	delete(own, ratio)
	own[fio2] = "%"
	for _, x := range tests {
		unit, known := own[x.quantity]
		if !known || x.units[unitKey(unit)] != 1 {
			t.Errorf("test %q: quantity %q, whose unit %q does not have the factor 1", x.labname, x.quantity, unit)
		}
		if l := labLimits[x.quantity]; l.low >= l.high {
			t.Errorf("%q has limits %v", x.quantity, l)
		}
		for u := range x.units {
			if u != unitKey(u) {
				t.Errorf("test %q: no unit is ever written %q", x.labname, u)
			}
		}
	}
	for q := range own {
		if !slices.ContainsFunc(tests, func(x test) bool { return x.quantity == q }) {
			t.Errorf("no test measures %q", q)
		}
	}
	for i, q := range icu.VitalSigns() {
		if periodicSigns[i].name != q.Name || vitalLimits[q.Name].low >= vitalLimits[q.Name].high {
			t.Errorf("sign %d is %q, want %q, with limits", i, periodicSigns[i].name, q.Name)
		}
	}
	if len(labLimits) != len(own) || len(vitalLimits) != len(periodicSigns) {
		t.Errorf("limits of %d tests and %d signs, want %d and %d", len(labLimits), len(vitalLimits), len(own), len(periodicSigns))
	}
}

func TestCelsius(t *testing.T) {
	for in, want := range map[float64]float64{36.6: 36.6, 45: 45, 25: 25, 77: 25, 113: 45, 98.6: 37, 60: 60, 200: 200} {
		if got := celsius(in); !same(got, want) {
			t.Errorf("%v is %v °C, want %v", in, got, want)
		}
	}
}
