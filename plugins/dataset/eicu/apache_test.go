package eicu

import (
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// All stays of testdata/folder with a hospital discharge status that nothing contradicts: 101 to 104 and 108 to 113.
func TestApacheByHand(t *testing.T) {
	data := read(t, settings("testdata/folder", Apache, Random))
	f := data.Frame
	ids := f.Column("patientunitstayid").Numbers
	want := []float64{101, 102, 103, 104, 108, 109, 110, 111, 112, 113}
	if len(ids) != len(want) {
		t.Fatalf("%d stays, want %d", len(ids), len(want))
	}
	for i, id := range want {
		if ids[i] != id {
			t.Fatalf("stay %d is %v, want %v", i, ids[i], id)
		}
	}
	const first, ofNoAps, last = 0, 8, 9 // 101; 112, which apacheApsVar lacks; 113
	for _, c := range []struct {
		column string
		row    int
		want   float64
	}{
		{"age", first, 90},
		{"age_over_89", first, 1},
		{"age", last, 60},
		{"age_over_89", last, 0},
		{"is_female", first, 1},
		{"death", last, 0}, // left hospital alive, though the unit has it die there
		{"unit_death", last, 1},
		{"hosp_los", first, (2890 + 120) / 1440.},
		{"unit_los", first, 310 / 1440.},
		{"unit_los", ofNoAps, nan},
		{"pre_icu_hours", first, 2},
		{"electivesurgery", first, 1},
		{"electivesurgery", last, 0},    // -1
		{"electivesurgery", ofNoAps, 0}, // an empty field
		{"eyes", first, nan},            // -1
		{"eyes", last, 4},
		{"meds", first, 1},
		{"urine", first, 1200.5},
		{"urine", last, nan},
		{"ph", first, 7.31},
		{"ph", last, nan},
		{"vent", first, 1},
		{"apache_present", first, 1},
		{"apache_present", ofNoAps, 0},
		{"temperature", ofNoAps, nan},
		{"ejectfx", first, 55},
		{"ejectfx", last, nan},
		{"bedcount", first, nan},
		{"bedcount", last, 12},
		{"diabetes", first, 1},
		{"actualventdays", first, 3},
		{"actualventdays", last, nan},
		{"apachescore", first, 49}, // that of version IVa, not 48
		{"apachescore", 5, nan},    // 109
		{"predictedhospitalmortality", first, .085},
		{"predictedhospitalmortality", 5, nan},
		{"predventdays", first, 2.25},
		{"actualhospitalmortality", first, 0},
	} {
		if got := value(t, f, c.column, c.row); !same(got, c.want) {
			t.Errorf("%s of stay %v is %v, want %v", c.column, ids[c.row], got, c.want)
		}
	}
	for column, want := range map[string]string{"uniquepid": "P-101", "ethnicity": "African American", "region": "Midwest", "unittype": "Med-Surg ICU"} {
		if got := level(t, f, column, first); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	for _, c := range []struct {
		want  int
		words []string
	}{
		{14, []string{"stays left", "all stays"}},
		{2, []string{"stays excluded", "no hospital discharge status"}},
		{2, []string{"stays excluded", "one admission"}},
		{1, []string{"stays without a row", "apacheApsVar"}},
		{0, []string{"stays without a row", "apachePredVar"}},
	} {
		if got := counted(data, c.words...); got != c.want {
			t.Errorf("%v: %d, want %d", c.words, got, c.want)
		}
	}
}

func TestColumnsOfApache(t *testing.T) {
	infos := apacheInfos()
	if n := len(infos); n < 60 || n > 90 {
		t.Errorf("%d columns", n)
	}
	roles := map[plugins.Role]int{}
	f := read(t, settings("testdata/folder", Apache, Random)).Frame
	for i, c := range f.Columns() {
		info := infos[i]
		roles[info.Role]++
		if c.Name != info.Name || c.Kind != info.Kind || c.Kind == frame.Number && c.Unit != info.Unit {
			t.Errorf("column %d is %s, a %s in %q; the header says %s, a %s in %q", i, c.Name, c.Kind, c.Unit, info.Name, info.Kind, info.Unit)
		}
		if info.Group == "" || info.Summary == "" {
			t.Errorf("%s lacks a group or summary", info.Name)
		}
	}
	if roles[plugins.RoleRow] != 1 || roles[plugins.RoleSubject] != 1 || roles[plugins.RoleSite] != 1 || roles[plugins.RoleTarget] != 1 ||
		roles[plugins.RoleOutcome] < 8 || roles[plugins.RoleScore] < 6 || roles[plugins.RoleContext] < 5 {
		t.Errorf("roles %v", roles)
	}
}
