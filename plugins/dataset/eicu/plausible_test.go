package eicu

import (
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// What nobody can have becomes missing and is counted by column; the rest of the row stays.
func TestImplausibleValues(t *testing.T) {
	x := handMade(t).
		set("apacheApsVar", "101", "temperature", "370").
		set("apacheApsVar", "101", "sodium", "-7").
		set("apacheApsVar", "101", "eyes", "2.5").
		set("apacheApsVar", "101", "urine", "50000").
		set("apachePredVar", "101", "electivesurgery", "7").
		set("apachePatientResult", "101", "predictedhospitalmortality", "1.7").
		set("patient", "101", "admissionheight", "600").
		set("patient", "101", "unitdischargeoffset", "-500")
	data := read(t, settings(x.folder(t), Apache, Random))
	plain := read(t, settings("testdata/folder", Apache, Random))
	spoilt := []string{"temperature", "sodium", "eyes", "electivesurgery", "predictedhospitalmortality", "admissionheight", "unit_los"}
	for _, c := range data.Frame.Columns() {
		if c.Kind != frame.Number || c.Name == "urine" {
			continue
		}
		want := value(t, plain.Frame, c.Name, 0)
		if slices.Contains(spoilt, c.Name) {
			want = nan
			if n := counted(data, "values outside the plausible range", c.Name); n != 1 {
				t.Errorf("%s: %d values are counted, want 1", c.Name, n)
			}
		}
		if got := value(t, data.Frame, c.Name, 0); !same(got, want) {
			t.Errorf("%s is %v, want %v", c.Name, got, want)
		}
	}
	if got := value(t, data.Frame, "urine", 0); got != 50000 {
		t.Errorf("urine at the limit is %v", got)
	}
	if n := counted(plain, "values outside the plausible range"); n != -1 {
		t.Errorf("%d values of the plain tables are counted", n)
	}
}

func TestImplausibleValuesOfTheJohnsonMatrix(t *testing.T) {
	x := handMade(t).set("apachePredVar", "101", "electivesurgery", "7").set("apachePatientResult", "101", "actualventdays", "3000")
	data := read(t, settings(x.folder(t), Johnson2018, Random))
	row := slices.Index(data.Frame.Column("patientunitstayid").Numbers, 101)
	for _, column := range []string{"electivesurgery", "ventdays"} {
		if !data.Frame.Column(column).IsMissing(row) || counted(data, "values outside the plausible range", column) != 1 {
			t.Errorf("%s is there, or not counted", column)
		}
	}
	before := data.Frame.Rows()
	x = handMade(t).set("apachePatientResult", "101", "predictedhospitalmortality", "1.7")
	data = read(t, settings(x.folder(t), Johnson2018, Random))
	if data.Frame.Rows() != before-1 {
		t.Errorf("%d stays, want %d: 1.7 is no prediction", data.Frame.Rows(), before-1)
	}
}

// Every number of the matrix that is neither an identifier nor made of checked texts has its range.
func TestEveryNumberHasAPlausibleRange(t *testing.T) {
	made := strings.Fields("apache_present death unit_death actualhospitalmortality actualicumortality age age_over_89 is_female hospitaldischargeyear")
	for _, c := range apacheInfos() {
		if c.Kind != frame.Number || c.Group == identifiers || slices.Contains(made, c.Name) {
			continue
		}
		if _, said := plausibles[c.Name]; !said {
			t.Errorf("%s has none", c.Name)
		}
	}
}

// An admission that two patients share is counted and noted, as a patient in two hospitals is.
func TestAdmissionOfTwoPatients(t *testing.T) {
	shared := func(data *plugins.Data) (count int, noted bool) {
		return counted(data, "stays in hospital of more than one patient"),
			slices.ContainsFunc(data.Notes, func(n string) bool { return strings.Contains(n, "are of more than one patient (uniquepid)") })
	}
	if n, noted := shared(read(t, settings("testdata/folder", Apache, Random))); n != 0 || noted {
		t.Errorf("none is shared: %d, noted %v", n, noted)
	}
	x := handMade(t)
	x.set("patient", "113", "patienthealthsystemstayid", x["patient"][2][x.column("patient", "patienthealthsystemstayid")])
	if n, noted := shared(read(t, settings(x.folder(t), Apache, Random))); n != 1 || !noted {
		t.Errorf("one is shared: %d, noted %v", n, noted)
	}
}
