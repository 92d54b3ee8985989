package eicu

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// The matrix "johnson2018": the 83 columns of package icu, then uniquepid and what describes the hospital and the time.
//
// Cohort and label are those of Johnson et al. (2018): stays whose unit type contains "ICU", patients of 16 years or more or of unknown
// age, with a heart rate and a discharge status, of the first hospital stay of the patient, with an APACHE IVa prediction of
// hospital mortality above 0; death is a hospital or unit discharge status Expired. Hour 0 is the first charted heart rate.
//
// A window holds times from its start, inclusive, to its end, exclusive: nothing charted at the end or later. Vital signs and urine
// are taken from the last 4 hours before the end, laboratory values and blood gases from the last 28. The end of the window
// "random" is icu.WindowEnd, a whole number of hours after hour 0; the stay's limit is the least of its discharge from the unit,
// death and first limit of care (carelimits.go). A stay whose window ends after the limit is left out. In the window
// "first24h" vital signs and urine are taken from the 24 hours after hour 0, laboratory values and blood gases from 24 hours
// before hour 0 on; stays whose limit comes before 24 hours are left out.
//
// Where the paper is silent, the choices are ours:
//   - The first hospital stay of a patient is that of the least discharge year, then age, then identifier: eICU has no order of
//     the stays within a year. All unit stays of it are kept.
//   - Death in the unit is at discharge from the unit, other deaths at discharge from hospital.
//   - The single measurements of a window count, where the authors' program first takes means of clock hours.
//   - hosp_los is counted from hour 0 to discharge from hospital, as in that program. ventdays is missing where APACHE has none,
//     as there: APACHE notes them for patients ventilated on the first day, and others may be ventilated later, so 0 would be wrong.
//   - Missing sex and ethnicity are missing, not "male" and "other".
//   - Temperature and other vital signs that eICU has in nurseCharting alone are missing: that table is not read.

var johnsonPredVar = &table{
	name: "apachePredVar", purpose: "elective surgery",
	columns: []frame.ScanColumn{number("patientunitstayid"), number("electivesurgery")},
}

var johnsonResult = &table{
	name: "apachePatientResult", purpose: "the cohort (a predicted mortality of APACHE IVa) and ventilator days",
	columns: []frame.ScanColumn{number("patientunitstayid"), text("apacheversion"), number("predictedhospitalmortality"), number("actualventdays")},
}

// johnsonContext are the columns after the 83.
var johnsonContext = []plugins.ColumnInfo{
	{Name: "uniquepid", Kind: frame.Category, Role: plugins.RoleSubject, Group: icu.Identifiers, Summary: "identifier of the patient"},
	{Name: "hospitaldischargeyear", Kind: frame.Number, Role: plugins.RoleContext, Group: setting, Time: true, Summary: "year of discharge from hospital"},
	{Name: "region", Kind: frame.Category, Role: plugins.RoleContext, Group: setting, Summary: "region of the United States that the hospital is in"},
	{Name: "numbedscategory", Kind: frame.Category, Role: plugins.RoleContext, Group: setting, Summary: "beds of the hospital, in classes"},
	{Name: "teachingstatus", Kind: frame.Category, Role: plugins.RoleContext, Group: setting, Summary: "t for a teaching hospital, f for another"},
}

func johnsonColumns() []plugins.ColumnInfo {
	columns := icu.Columns()
	for i, c := range columns {
		switch c.Name {
		case "death":
			columns[i].Summary = deathSummary
		case "hosp_los":
			columns[i].Summary += ", from the first heart rate to discharge from hospital"
		case "ventdays":
			columns[i].Summary += "; missing where APACHE saw no ventilator on the first day"
		}
	}
	return append(columns, johnsonContext...)
}

// window is when the measurements of a stay are taken, in minutes after admission to the unit: from vitals or labs, inclusive,
// to end, exclusive.
type window struct{ vitals, labs, end int32 }

// cohort is the stays of the matrix, with their windows.
type cohort struct {
	*people
	pred, result *columns
	start        []int32 // hour 0 of a stay; noTime without a heart rate
	care         []int32 // the first limit of care; noTime without
	window       []window
	stays        []int   // those that are kept, in order
	slot         []int32 // of a stay: its place among those kept, or -1
}

// johnson makes the matrix.
func (d *Dataset) johnson(ctx context.Context, in *input) (*plugins.Data, error) {
	p, err := in.people(ctx)
	if err != nil {
		return nil, err
	}
	c := &cohort{people: p}
	accounts, err := c.readStays(ctx, in)
	if err != nil {
		return nil, err
	}
	left, contradictions := d.choose(c)
	if err := left.check(); err != nil {
		return nil, err
	}
	m := newMeasurements(len(c.stays))
	more, err := m.read(ctx, in, c)
	if err != nil {
		return nil, err
	}
	f, implausible, err := c.frame(m)
	if err != nil {
		return nil, err
	}
	data := &plugins.Data{Frame: f, Notes: d.windowNotes(), Counts: left.counts}
	counts, notes := p.integrity(c.stays)
	data.Counts, data.Notes = append(data.Counts, counts...), slices.Concat(data.Notes, contradictions, notes)
	data.Counts = slices.Concat(data.Counts, implausible, m.counts())
	addAccounts(data, append(accounts, more...))
	return data, nil
}

// readStays reads what decides about stays: APACHE, hour 0 and limits of care.
func (c *cohort) readStays(ctx context.Context, in *input) ([]*account, error) {
	accounts := make([]*account, 4)
	read := []func() error{
		func() (err error) { // the longest first
			c.start, accounts[0], err = in.firstHeartRate(ctx, c.index)
			return err
		},
		func() (err error) {
			c.care, accounts[1], err = in.firstCareLimit(ctx, c.index)
			return err
		},
		func() (err error) {
			c.pred, accounts[2], err = in.keyed(ctx, johnsonPredVar, c.index, nil)
			return err
		},
		func() (err error) {
			c.result, accounts[3], err = in.keyed(ctx, johnsonResult, c.index, isVersionIVa(johnsonResult))
			return err
		},
	}
	err := parallel.For(ctx, in.atOnce(), len(read), func(i int) error { return read[i]() })
	if err != nil {
		return nil, err
	}
	c.pred.dropCode(-1)
	c.result.dropCode(-1)
	return accounts[1:], nil // vitalPeriodic is read again, and accounted for then
}

// choose excludes stays step by step and sets the windows of those that are left.
func (d *Dataset) choose(c *cohort) (a *attrition, notes []string) {
	a = newAttrition(len(c.row))
	a.exclude("not an intensive care unit", func(i int) bool { return !strings.Contains(strings.ToLower(c.text("unittype", i)), "icu") })
	first := c.firstAdmissions(a.left)
	a.exclude("younger than 16 years", func(i int) bool { return c.age[i] < 16 })
	a.exclude("no heart rate", func(i int) bool { return c.start[i] == noTime })
	a.exclude("no discharge status", func(i int) bool { return math.IsNaN(c.died(i)) })
	notes = a.excludeContradictory(c.people)
	a.exclude("not the first hospital stay of the patient", func(i int) bool { return !first[i] })
	predicted := c.result.number("predictedhospitalmortality")
	a.exclude("no hospital mortality above 0 predicted by APACHE IVa", func(i int) bool {
		return !(predicted[i] > 0 && probability.has(predicted[i]))
	})
	a.exclude("no time of discharge from the unit", func(i int) bool { return math.IsNaN(c.number("unitdischargeoffset")[i]) })
	c.window = make([]window, len(c.row))
	a.exclude("the window ends after discharge, death or the first limit of care", func(i int) bool {
		w, ok := d.windowOf(c, i)
		c.window[i] = w
		return !ok
	})
	c.stays = a.left
	c.slot = slices.Repeat([]int32{-1}, len(c.row))
	for to, i := range c.stays {
		c.slot[i] = int32(to)
	}
	return a, notes
}

// firstAdmissions marks the stays of the first hospital stay of each patient, among the given stays.
func (c *cohort) firstAdmissions(stays []int) []bool {
	patient := c.codes[c.of.at("uniquepid")]
	year, admission := c.number("hospitaldischargeyear"), c.number("patienthealthsystemstayid")
	before := func(a, b int) bool { // by year, age, identifier; a missing value comes first
		return slices.Compare([]float64{year[a], c.age[a], admission[a]}, []float64{year[b], c.age[b], admission[b]}) < 0
	}
	first := map[int32]int{}
	for _, i := range stays {
		if f, met := first[patient[i]]; !met || before(i, f) {
			first[patient[i]] = i
		}
	}
	out := make([]bool, len(c.row))
	for _, i := range stays {
		out[i] = admission[i] == admission[first[patient[i]]]
	}
	return out
}

// windowOf returns the window of a stay, and whether it ends in time.
func (d *Dataset) windowOf(c *cohort, i int) (window, bool) {
	limit := c.number("unitdischargeoffset")[i]
	if c.status("hospitaldischargestatus", i) == 1 {
		if death := c.number("hospitaldischargeoffset")[i]; death < limit {
			limit = death
		}
	}
	if c.care[i] != noTime {
		limit = min(limit, float64(c.care[i]))
	}
	start := c.start[i]
	limit = (limit - float64(start)) / 60
	if d.config.Window == First24h {
		end := start + minutesOfDay
		return window{vitals: start, labs: start - minutesOfDay, end: end}, limit >= 24
	}
	hours := icu.WindowEnd(d.config.Seed, int64(c.numbers[0][i]), limit)
	end := start + int32(hours)*60
	return window{vitals: end - 60*icu.VitalHours, labs: end - 60*icu.LabHours, end: end}, hours <= limit
}

// frame makes the matrix of the stays that are kept, and counts values that are none, but for those of the windows.
func (c *cohort) frame(m *measurements) (f *frame.Frame, implausible []plugins.Count, err error) {
	values := c.stayValues()
	for _, info := range johnsonColumns() {
		implausible = dropImplausible(info.Name, values[info.Name], implausible)
	}
	m.values(values)
	var out []*frame.Column
	for _, info := range johnsonColumns() {
		switch {
		case c.sites.of.has(info.Name, frame.Category):
			out = append(out, c.site(info.Name, c.stays))
		case info.Kind == frame.Category:
			out = append(out, c.pickText(info.Name, info.Name, c.stays))
		default:
			out = append(out, numberColumn(info, values[info.Name]))
		}
	}
	f, err = frame.New(out...)
	return f, implausible, err
}

// stayValues returns the columns that have one value a stay from the start.
func (c *cohort) stayValues() map[string][]float64 {
	column := func(f func(i int) float64) []float64 {
		out := make([]float64, len(c.stays))
		for to, i := range c.stays {
			out[to] = f(i)
		}
		return out
	}
	discharge := c.number("hospitaldischargeoffset")
	races := map[string]string{"african american": "race_black", "hispanic": "race_hispanic", "asian": "race_asian"}
	race := func(name string) []float64 {
		return column(func(i int) float64 {
			written := strings.ToLower(c.text("ethnicity", i))
			if written == "" {
				return math.NaN()
			}
			of, known := races[written]
			return truth(of == name || !known && name == "race_other")
		})
	}
	return map[string][]float64{
		"patientunitstayid":     pick(c.numbers[0], c.stays),
		"hospitalid":            pick(c.number("hospitalid"), c.stays),
		"hospitaldischargeyear": pick(c.number("hospitaldischargeyear"), c.stays),
		"death":                 column(c.died),
		"hosp_los":              column(func(i int) float64 { return (discharge[i] - float64(c.start[i])) / minutesOfDay }),
		"ventdays":              pick(c.result.number("actualventdays"), c.stays),
		"electivesurgery":       column(func(i int) float64 { return electiveSurgery(c.pred, i) }),
		"age":                   pick(c.age, c.stays),
		"is_female":             pick(c.female, c.stays),
		"race_black":            race("race_black"),
		"race_hispanic":         race("race_hispanic"),
		"race_asian":            race("race_asian"),
		"race_other":            race("race_other"),
	}
}
