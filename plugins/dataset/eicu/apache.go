package eicu

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// The matrix "apache": all stays with a hospital discharge status, and what APACHE IV was computed from.
//
// Stays that an APACHE table lacks stay in, with the table's values missing: they are a part of the hospitals' patients, and
// leaving them out would be a choice about who is looked at; a cohort filter on "apache_present" makes it. Every number of the
// three APACHE tables is missing where it is -1, the code of eICU for "not recorded": none of them can be -1 otherwise. But for
// electivesurgery: the form asks it of patients from the operating theatre alone, and -1 or an empty field is "no". What no column
// can hold becomes missing and is counted (plausible.go).
//
// Of the two predictions of apachePatientResult the later version, IVa, is taken. Left out are columns that another column
// repeats (apachePredVar: gender, age, the coma scale, pao2, fio2, creatinine, ventday1, their day1 twins), that eICU fills with
// one value (sicuday, saps3*, teachtype, region, managementsystem, var03hspxlos, graftcount but for bypass patients), and times of the day.

// The groups of columns.
const (
	identifiers  = "identifiers"
	setting      = "setting"
	outcomes     = "outcomes"
	scores       = "scores"
	demographics = "demographics"
	admission    = "admission"
	comorbidity  = "comorbidity"
	physiology   = "physiology"
	treatment    = "treatment"
)

// apacheColumn is a column of the matrix and where it comes from.
type apacheColumn struct {
	plugins.ColumnInfo
	table  *table // nil: the column is derived
	column string // of the table
	derive func(a *apacheRows, stay int) float64
}

var (
	apsTable    = &table{name: "apacheApsVar", purpose: "the physiology of the first day"}
	predTable   = &table{name: "apachePredVar", purpose: "comorbidity, admission and treatment of the first day"}
	resultTable = &table{name: "apachePatientResult", purpose: "predictions, mortality and ventilator days of APACHE"}
)

// apacheTables are the tables of the matrix, with the columns that apacheColumns asks for.
func apacheTables() []*table {
	aps, pred, result := *apsTable, *predTable, *resultTable
	aps.columns = []frame.ScanColumn{number("patientunitstayid")}
	pred.columns = []frame.ScanColumn{number("patientunitstayid"), number("diedinhospital"), number("electivesurgery")}
	result.columns = []frame.ScanColumn{number("patientunitstayid"), text("apacheversion"), text("actualicumortality"), text("actualhospitalmortality")}
	to := map[*table]*table{apsTable: &aps, predTable: &pred, resultTable: &result}
	for _, c := range apacheColumns() {
		if t := to[c.table]; t != nil {
			t.columns = append(t.columns, number(c.column))
		}
	}
	return []*table{patientTable, hospitalTable, &aps, &pred, &result}
}

// apacheRows is what the matrix is made of, and the stays that are kept.
type apacheRows struct {
	*people
	aps, pred, result *columns
}

// apacheInfos describes the columns of the matrix.
func apacheInfos() (infos []plugins.ColumnInfo) {
	for _, c := range apacheColumns() {
		c.Time = c.Name == "hospitaldischargeyear"
		infos = append(infos, c.ColumnInfo)
	}
	return infos
}

// apacheColumns lists the columns of the matrix in order.
func apacheColumns() []apacheColumn {
	return slices.Concat(apacheWho(), apacheOutcomes(), apacheAdmission(), apacheHistory(), apachePhysiology())
}

// take is a column that a table has as it is.
func take(t *table, name, unit, group string, role plugins.Role, summary string) apacheColumn {
	kind := frame.Number
	if t.has(name, frame.Category) {
		kind = frame.Category
	}
	return apacheColumn{ColumnInfo: plugins.ColumnInfo{Name: name, Kind: kind, Unit: unit, Group: group, Role: role, Summary: summary}, table: t, column: name}
}

func derived(name, unit, group string, role plugins.Role, summary string, derive func(*apacheRows, int) float64) apacheColumn {
	return apacheColumn{
		ColumnInfo: plugins.ColumnInfo{Name: name, Kind: frame.Number, Unit: unit, Group: group, Role: role, Summary: summary}, derive: derive,
	}
}

// has reports whether the table asks for a column of a kind.
func (t *table) has(name string, kind frame.Kind) bool {
	for _, c := range t.columns {
		if c.Name == name {
			return c.Kind == kind
		}
	}
	return false
}

func apacheWho() []apacheColumn {
	p, h := patientTable, hospitalTable
	return []apacheColumn{
		take(p, "patientunitstayid", "", identifiers, plugins.RoleRow, "identifier of the stay in intensive care"),
		take(p, "uniquepid", "", identifiers, plugins.RoleSubject, "identifier of the patient"),
		take(p, "patienthealthsystemstayid", "", identifiers, plugins.RoleID, "identifier of the stay in hospital"),
		take(p, "hospitalid", "", identifiers, plugins.RoleSite, "identifier of the hospital"),
		take(h, "region", "", setting, plugins.RoleContext, "region of the United States that the hospital is in"),
		take(h, "numbedscategory", "", setting, plugins.RoleContext, "beds of the hospital, in classes"),
		take(h, "teachingstatus", "", setting, plugins.RoleContext, "t for a teaching hospital, f for another"),
		take(predTable, "bedcount", "", setting, plugins.RoleContext, "beds of the unit"),
		take(p, "hospitaldischargeyear", "", setting, plugins.RoleContext, "year of discharge from hospital"),
		derived("apache_present", "", setting, plugins.RoleContext, "1 if the tables apacheApsVar and apachePredVar have the stay",
			func(a *apacheRows, i int) float64 { return truth(a.aps.row[i] > 0 && a.pred.row[i] > 0) }),
	}
}

func apacheOutcomes() []apacheColumn {
	p, r := patientTable, resultTable
	const days = "days"
	out, score := plugins.RoleOutcome, plugins.RoleScore
	return []apacheColumn{
		derived("death", "", outcomes, plugins.RoleTarget, "1 if the hospital discharge status is Expired; the unit's may disagree, which is counted",
			func(a *apacheRows, i int) float64 { return a.status("hospitaldischargestatus", i) }),
		derived("unit_death", "", outcomes, out, "1 if the patient died in the unit",
			func(a *apacheRows, i int) float64 { return a.status("unitdischargestatus", i) }),
		derived("hosp_los", days, outcomes, out, "length of the hospital stay, from admission to discharge", func(a *apacheRows, i int) float64 {
			return (a.number("hospitaldischargeoffset")[i] - a.number("hospitaladmitoffset")[i]) / minutesOfDay
		}),
		derived("unit_los", days, outcomes, out, "length of the stay in the unit",
			func(a *apacheRows, i int) float64 { return a.number("unitdischargeoffset")[i] / minutesOfDay }),
		take(p, "hospitaldischargelocation", "", outcomes, out, "where the patient went from hospital"),
		take(p, "unitdischargelocation", "", outcomes, out, "where the patient went from the unit"),
		derived("diedinhospital", "", outcomes, out, "APACHE: 1 if the patient died in hospital",
			func(a *apacheRows, i int) float64 { return a.pred.number("diedinhospital")[i] }),
		derived("actualhospitalmortality", "", outcomes, out, "APACHE: 1 if the patient died in hospital",
			func(a *apacheRows, i int) float64 {
				return flag(a.result.text("actualhospitalmortality", i), "EXPIRED", "ALIVE")
			}),
		derived("actualicumortality", "", outcomes, out, "APACHE: 1 if the patient died in the unit",
			func(a *apacheRows, i int) float64 {
				return flag(a.result.text("actualicumortality", i), "EXPIRED", "ALIVE")
			}),
		take(r, "actualventdays", days, outcomes, out, "days on a ventilator, at most 30; missing where APACHE saw no ventilator on the first day"),
		take(r, "acutephysiologyscore", "", scores, score, "acute physiology score, part of the APACHE IVa score"),
		take(r, "apachescore", "", scores, score, "APACHE IVa score"),
		take(r, "predictedicumortality", "", scores, score, "probability of death in the unit that APACHE IVa predicts"),
		take(r, "predictedhospitalmortality", "", scores, score, "probability of death in hospital that APACHE IVa predicts"),
		take(r, "predictediculos", days, scores, score, "length of the stay in the unit that APACHE IVa predicts"),
		take(r, "predictedhospitallos", days, scores, score, "length of the hospital stay that APACHE IVa predicts"),
		take(r, "predventdays", days, scores, score, "days on a ventilator that APACHE IVa predicts"),
	}
}

func apacheAdmission() []apacheColumn {
	p, v, r := patientTable, predTable, resultTable
	return []apacheColumn{
		derived("age", "years", demographics, "", `age; 90 where eICU writes "> 89"`, func(a *apacheRows, i int) float64 { return a.age[i] }),
		derived("age_over_89", "", demographics, "", `1 where eICU writes "> 89"`, func(a *apacheRows, i int) float64 { return a.over89[i] }),
		derived("is_female", "", demographics, "", "1 if female, 0 if male", func(a *apacheRows, i int) float64 { return a.female[i] }),
		take(p, "ethnicity", "", demographics, "", "ethnicity as the hospital wrote it"),
		take(p, "admissionheight", "cm", demographics, "", "height; what is below 30 or above 275 is missing"),
		take(p, "admissionweight", "kg", demographics, "", "weight at admission to the unit"),
		take(p, "apacheadmissiondx", "", admission, "", "admission diagnosis of APACHE"),
		take(p, "hospitaladmitsource", "", admission, "", "where the patient came to hospital from"),
		take(p, "unitadmitsource", "", admission, "", "where the patient came to the unit from"),
		take(p, "unittype", "", admission, "", "kind of unit"),
		take(p, "unitstaytype", "", admission, "", "first admission, readmission, transfer or step-down"),
		take(p, "unitvisitnumber", "", admission, "", "number of the stay in a unit, within the stay in hospital"),
		derived("pre_icu_hours", "h", admission, "", "time in hospital before the unit; below 0 where eICU has the patient admitted to hospital after the unit",
			func(a *apacheRows, i int) float64 { return (0 - a.number("hospitaladmitoffset")[i]) / 60 }),
		derived("electivesurgery", "", admission, "", "1 if admitted after elective surgery", func(a *apacheRows, i int) float64 {
			return electiveSurgery(a.pred, i)
		}),
		take(v, "readmit", "", admission, "", "1 if readmitted to the unit within the stay in hospital"),
		take(v, "ima", "", admission, "", "1 if the internal mammary artery was grafted"),
		take(v, "midur", "", admission, "", "1 if there was a myocardial infarction within six months"),
		take(r, "preopmi", "", admission, "", "1 if there was a myocardial infarction before the operation"),
		take(r, "preopcardiaccath", "", admission, "", "1 if the heart was catheterised before the operation"),
		take(r, "ptcawithin24h", "", admission, "", "1 if a coronary vessel was dilated within 24 hours"),
	}
}

func apacheHistory() []apacheColumn {
	v := predTable
	return []apacheColumn{
		take(v, "aids", "", comorbidity, "", "1 if AIDS"),
		take(v, "hepaticfailure", "", comorbidity, "", "1 if hepatic failure"),
		take(v, "lymphoma", "", comorbidity, "", "1 if lymphoma"),
		take(v, "metastaticcancer", "", comorbidity, "", "1 if metastatic cancer"),
		take(v, "leukemia", "", comorbidity, "", "1 if leukaemia or multiple myeloma"),
		take(v, "immunosuppression", "", comorbidity, "", "1 if immunosuppressed"),
		take(v, "cirrhosis", "", comorbidity, "", "1 if cirrhosis"),
		take(v, "diabetes", "", comorbidity, "", "1 if diabetes"),
		take(v, "ejectfx", "%", comorbidity, "", "ejection fraction of the heart"),
		take(v, "activetx", "", treatment, "", "1 if actively treated on the first day"),
		take(v, "thrombolytics", "", treatment, "", "1 if given thrombolytics"),
		take(v, "oobventday1", "", treatment, "", "1 if ventilated at any time of the first day"),
		take(v, "oobintubday1", "", treatment, "", "1 if intubated at any time of the first day"),
	}
}

func apachePhysiology() []apacheColumn {
	s := apsTable
	worst := ", worst of the first day"
	return []apacheColumn{
		take(s, "intubated", "", treatment, "", "1 if intubated when the blood gas was taken"),
		take(s, "vent", "", treatment, "", "1 if ventilated at the worst respiratory rate"),
		take(s, "dialysis", "", treatment, "", "1 if on dialysis"),
		take(s, "eyes", "", physiology, "", "eye opening of the Glasgow coma scale, 1 to 4"+worst),
		take(s, "motor", "", physiology, "", "motor response of the Glasgow coma scale, 1 to 6"+worst),
		take(s, "verbal", "", physiology, "", "verbal response of the Glasgow coma scale, 1 to 5"+worst),
		take(s, "meds", "", physiology, "", "1 if sedation or the like kept the coma scale from being judged"),
		take(s, "urine", "mL/24h", physiology, "", "urine of the first day"),
		take(s, "wbc", "K/mcL", physiology, "", "white blood cell count"+worst),
		take(s, "temperature", "°C", physiology, "", "body temperature"+worst),
		take(s, "respiratoryrate", "breaths/min", physiology, "", "respiratory rate"+worst),
		take(s, "sodium", "mmol/L", physiology, "", "sodium"+worst),
		take(s, "heartrate", "bpm", physiology, "", "heart rate"+worst),
		take(s, "meanbp", "mmHg", physiology, "", "mean blood pressure"+worst),
		take(s, "ph", "", physiology, "", "arterial pH"+worst),
		take(s, "hematocrit", "%", physiology, "", "hematocrit"+worst),
		take(s, "creatinine", "mg/dL", physiology, "", "creatinine"+worst),
		take(s, "albumin", "g/dL", physiology, "", "albumin"+worst),
		take(s, "pao2", "mmHg", physiology, "", "arterial partial pressure of oxygen"+worst),
		take(s, "pco2", "mmHg", physiology, "", "arterial partial pressure of carbon dioxide"+worst),
		take(s, "bun", "mg/dL", physiology, "", "blood urea nitrogen"+worst),
		take(s, "glucose", "mg/dL", physiology, "", "glucose"+worst),
		take(s, "bilirubin", "mg/dL", physiology, "", "total bilirubin"+worst),
		take(s, "fio2", "%", physiology, "", "inspired oxygen when the blood gas was taken"),
	}
}

const minutesOfDay = 24 * 60

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// electiveSurgery is 1 for yes and 0 for no; -1, which is missing by now, and an empty field are "no". It is missing for a stay that
// the table lacks.
func electiveSurgery(pred *columns, stay int) float64 {
	if pred.row[stay] == 0 {
		return math.NaN()
	}
	if v := pred.number("electivesurgery")[stay]; !math.IsNaN(v) {
		return v
	}
	return 0
}

// apache makes the matrix.
func (d *Dataset) apache(ctx context.Context, in *input) (*plugins.Data, error) {
	p, err := in.people(ctx)
	if err != nil {
		return nil, err
	}
	tables := apacheTables()[2:]
	read, accounts := make([]*columns, len(tables)), make([]*account, len(tables))
	err = parallel.For(ctx, in.atOnce(), len(tables), func(i int) (err error) {
		var keep func(*frame.ScanBatch, int) bool
		if tables[i].name == resultTable.name {
			keep = isVersionIVa(tables[i])
		}
		read[i], accounts[i], err = in.keyed(ctx, tables[i], p.index, keep)
		return err
	})
	if err != nil {
		return nil, err
	}
	a := &apacheRows{people: p, aps: read[0], pred: read[1], result: read[2]}
	for _, c := range read {
		c.dropCode(-1)
	}
	left := newAttrition(len(p.row))
	left.exclude("no hospital discharge status", func(i int) bool { return math.IsNaN(p.status("hospitaldischargestatus", i)) })
	notes := left.excludeContradictory(p)
	if err := left.check(); err != nil {
		return nil, err
	}
	f, implausible, err := a.frame(left.left)
	if err != nil {
		return nil, err
	}
	data := a.data(f, left, accounts)
	data.Counts = append(data.Counts, implausible...)
	data.Notes = append(notes, data.Notes...)
	return data, nil
}

// isVersionIVa keeps the rows of the later version of APACHE IV.
func isVersionIVa(t *table) func(*frame.ScanBatch, int) bool {
	at := t.at("apacheversion")
	return func(b *frame.ScanBatch, i int) bool {
		code := b.Columns[at].Codes[i]
		return code != frame.Missing && strings.EqualFold(strings.TrimSpace(b.Columns[at].Levels[code]), "IVa")
	}
}

// dropCode makes a number that stands for "no value" missing in all columns.
func (c *columns) dropCode(code float64) {
	for _, values := range c.numbers {
		for i, v := range values {
			if v == code {
				values[i] = math.NaN()
			}
		}
	}
}

// frame makes the matrix of the stays that are kept, and counts values that are none.
func (a *apacheRows) frame(stays []int) (f *frame.Frame, implausible []plugins.Count, err error) {
	from := map[*table]*columns{patientTable: a.columns, apsTable: a.aps, predTable: a.pred, resultTable: a.result}
	var out []*frame.Column
	take := func(info plugins.ColumnInfo, values []float64) {
		implausible = dropImplausible(info.Name, values, implausible)
		out = append(out, numberColumn(info, values))
	}
	for _, c := range apacheColumns() {
		switch {
		case c.derive != nil:
			values := make([]float64, len(stays))
			for to, i := range stays {
				values[to] = c.derive(a, i)
			}
			take(c.ColumnInfo, values)
		case c.table == hospitalTable:
			out = append(out, a.site(c.column, stays))
		case c.Kind == frame.Category:
			out = append(out, from[c.table].pickText(c.Name, c.column, stays))
		default:
			take(c.ColumnInfo, pick(from[c.table].number(c.column), stays))
		}
	}
	f, err = frame.New(out...)
	return f, implausible, err
}

func (a *apacheRows) data(f *frame.Frame, left *attrition, accounts []*account) *plugins.Data {
	data := &plugins.Data{Frame: f, Counts: left.counts}
	counts, notes := a.integrity(left.left)
	data.Counts, data.Notes = append(data.Counts, counts...), notes
	for _, t := range []*columns{a.aps, a.pred, a.result} {
		lacking := 0
		for _, i := range left.left {
			if t.row[i] == 0 {
				lacking++
			}
		}
		data.Counts = append(data.Counts, plugins.Count{Name: "stays without a row", Dims: map[string]string{"table": t.of.name}, Value: lacking})
	}
	addAccounts(data, accounts)
	return data
}
