package eicu

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var patientTable = &table{
	name: "patient", purpose: "who the patient is, where and how long the stay was, and how it ended",
	columns: []frame.ScanColumn{
		number("patientunitstayid"), number("patienthealthsystemstayid"), text("uniquepid"), number("hospitalid"),
		text("gender"), text("age"), text("ethnicity"), number("admissionheight"), number("admissionweight"),
		text("apacheadmissiondx"), text("hospitaladmitsource"), text("unittype"), text("unitadmitsource"), text("unitstaytype"), number("unitvisitnumber"),
		number("hospitaladmitoffset"), number("hospitaldischargeyear"), number("hospitaldischargeoffset"), number("unitdischargeoffset"),
		text("hospitaldischargelocation"), text("hospitaldischargestatus"), text("unitdischargelocation"), text("unitdischargestatus"),
	},
}

var hospitalTable = &table{
	name: "hospital", purpose: "region, size and teaching status of hospitals",
	columns: []frame.ScanColumn{number("hospitalid"), text("numbedscategory"), text("teachingstatus"), text("region")},
}

// columns are values of a table, one entry a stay or hospital. They lie beside the columns that the table asks for.
type columns struct {
	of      *table
	numbers [][]float64
	codes   [][]int32
	levels  [][]string
	row     []int64 // of the table, from 1; 0 where it has none
}

func newColumns(t *table, n int) *columns {
	c := &columns{
		of: t, row: make([]int64, n),
		numbers: make([][]float64, len(t.columns)), codes: make([][]int32, len(t.columns)), levels: make([][]string, len(t.columns)),
	}
	for i, asked := range t.columns {
		if asked.Kind == frame.Number {
			c.numbers[i] = slices.Repeat([]float64{math.NaN()}, n)
		} else {
			c.codes[i] = slices.Repeat([]int32{frame.Missing}, n)
		}
	}
	return c
}

// number returns the values of a Number column.
func (c *columns) number(name string) []float64 { return c.numbers[c.of.at(name)] }

// text returns the value of a Category column, without spaces around it; "" where it is missing.
func (c *columns) text(name string, i int) string {
	at := c.of.at(name)
	code := c.codes[at][i]
	if code == frame.Missing {
		return ""
	}
	return strings.TrimSpace(c.levels[at][code])
}

// take returns the entries in the given order.
func (c *columns) take(order []int) *columns {
	out := newColumns(c.of, len(order))
	copy(out.levels, c.levels)
	for to, from := range order {
		out.row[to] = c.row[from]
		for k := range c.of.columns {
			if c.numbers[k] != nil {
				out.numbers[k][to] = c.numbers[k][from]
			} else {
				out.codes[k][to] = c.codes[k][from]
			}
		}
	}
	return out
}

// set copies row i of a batch to an entry.
func (c *columns) set(entry int, b *frame.ScanBatch, i int) {
	c.row[entry] = b.First + int64(i)
	for k, v := range b.Columns {
		if c.numbers[k] != nil {
			c.numbers[k][entry] = v.Numbers[i]
		} else {
			c.codes[k][entry], c.levels[k] = v.Codes[i], v.Levels
		}
	}
}

// grow adds the rows of a batch.
func (c *columns) grow(b *frame.ScanBatch) {
	for i := range b.Rows {
		c.row = append(c.row, b.First+int64(i))
	}
	for k, v := range b.Columns {
		if c.of.columns[k].Kind == frame.Number {
			c.numbers[k] = append(c.numbers[k], v.Numbers...)
		} else {
			c.codes[k], c.levels[k] = append(c.codes[k], v.Codes...), v.Levels
		}
	}
}

// unique reads a whole table and sorts it by its identifier, which every row must have and no two may share.
func (in *input) unique(ctx context.Context, t *table) (*columns, error) {
	all := newColumns(t, 0)
	_, err := in.scan(ctx, t, func(b *frame.ScanBatch) error {
		all.grow(b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	ids := all.numbers[0]
	key := t.columns[0].Name
	order := make([]int, len(ids))
	for i, id := range ids {
		if !isID(id) {
			return nil, in.fault(t, key, "row %d has no identifier, a whole number above 0", all.row[i])
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
	for i := 1; i < len(order); i++ {
		if ids[order[i]] == ids[order[i-1]] {
			return nil, in.fault(t, key, "row %d has the identifier of row %d", all.row[order[i]], all.row[order[i-1]])
		}
	}
	if len(ids) == 0 {
		return nil, in.fault(t, "", "no rows, only the names of columns")
	}
	return all.take(order), nil
}

// isID reports whether a number is an identifier: whole, above 0, and exact as a float64.
func isID(v float64) bool { return v > 0 && v < 1<<53 && v == math.Trunc(v) }

// index finds entries by identifier.
type index map[int64]int32

func newIndex(ids []float64) index {
	x := make(index, len(ids))
	for i, id := range ids {
		x[int64(id)] = int32(i)
	}
	return x
}

// find returns the entry of an identifier, or -1. The caller has checked that it is one.
func (x index) find(id float64) int32 {
	if i, ok := x[int64(id)]; ok {
		return i
	}
	return -1
}

// account is what was met in a table besides what was asked for.
type account struct {
	table    *table
	rows     int64
	strange  int64 // rows of stays that patient lacks
	timeless int64 // rows without a time
	unknown  int64 // limits of care that are not known
	texts    []int64
}

// keyed reads a table with at most one row a stay, among the rows that keep accepts; keep nil accepts all.
func (in *input) keyed(ctx context.Context, t *table, stays index, keep func(b *frame.ScanBatch, i int) bool) (*columns, *account, error) {
	out := newColumns(t, len(stays))
	a := &account{table: t}
	scanned, err := in.scan(ctx, t, func(b *frame.ScanBatch) error {
		for i, id := range b.Columns[0].Numbers {
			row := b.First + int64(i)
			if !isID(id) {
				return in.fault(t, t.columns[0].Name, "row %d has no identifier, a whole number above 0", row)
			}
			stay := stays.find(id)
			switch {
			case stay < 0:
				a.strange++
			case keep != nil && !keep(b, i):
			case out.row[stay] > 0:
				return in.fault(t, t.columns[0].Name, "row %d has the identifier of row %d; want one row a stay", row, out.row[stay])
			default:
				out.set(int(stay), b, i)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	a.rows, a.texts = scanned.Rows, scanned.Texts
	return out, a, nil
}

// counts says what was met in a table, and what is worth a note.
func (a *account) counts() (counts []plugins.Count) {
	add := func(name, column string, n int64) {
		if n > 0 {
			dims := map[string]string{"table": a.table.name}
			if column != "" {
				dims["column"] = column
			}
			counts = append(counts, plugins.Count{Name: name, Dims: dims, Value: int(n)})
		}
	}
	add("rows of the table", "", a.rows)
	add("rows of stays that patient lacks", "", a.strange)
	add("rows without a time", "", a.timeless)
	add("care limitations that are not known, taken for none", "", a.unknown)
	for i, n := range a.texts {
		add("texts where a number is wanted, taken for missing", a.table.columns[i].Name, n)
	}
	return counts
}

// people are the stays with what both matrices need of them.
type people struct {
	*columns
	index    index   // of stays
	hospital []int32 // entry of the table hospital, or -1
	sites    *columns
	age      []float64 // years; 90 for "> 89"
	over89   []float64 // 1 for "> 89"
	female   []float64
}

// people reads patient and hospital.
func (in *input) people(ctx context.Context) (*people, error) {
	stays, err := in.unique(ctx, patientTable)
	if err != nil {
		return nil, err
	}
	sites, err := in.unique(ctx, hospitalTable)
	if err != nil {
		return nil, err
	}
	p := &people{columns: stays, index: newIndex(stays.numbers[0]), sites: sites}
	where := newIndex(sites.numbers[0])
	for i, id := range p.number("hospitalid") {
		if !isID(p.number("patienthealthsystemstayid")[i]) || p.text("uniquepid", i) == "" {
			return nil, in.fault(patientTable, "", "row %d lacks its uniquepid or patienthealthsystemstayid: rows could not be split by patient", p.row[i])
		}
		at := int32(-1)
		if isID(id) {
			at = where.find(id)
		}
		p.hospital = append(p.hospital, at)
	}
	for _, check := range []func(*input) error{p.readAge, p.checkStatus, p.checkTimes} {
		if err := check(in); err != nil {
			return nil, err
		}
	}
	for i := range p.row {
		p.female = append(p.female, flag(p.text("gender", i), "Female", "Male"))
	}
	return p, nil
}

// readAge makes numbers of ages. "> 89" is what eICU writes for those whose age would tell who they are.
func (p *people) readAge(in *input) error {
	for i, row := range p.row {
		age, over := math.NaN(), 0.0
		switch written := strings.ReplaceAll(p.text("age", i), " ", ""); written {
		case "":
			over = math.NaN()
		case ">89":
			age, over = 90, 1
		default:
			v, err := strconv.ParseFloat(written, 64)
			if err != nil || !(v >= 0 && v < 130) {
				return in.fault(patientTable, "age", `row %d has no age in years, nor "> 89"`, row)
			}
			age = v
		}
		p.age, p.over89 = append(p.age, age), append(p.over89, over)
	}
	return nil
}

// flag is 1 for one text, 0 for another, and missing for the rest; case does not matter.
func flag(s, one, zero string) float64 {
	switch {
	case strings.EqualFold(s, one):
		return 1
	case strings.EqualFold(s, zero):
		return 0
	}
	return math.NaN()
}

// checkStatus refuses a discharge status that is neither of the two: the label must not rest on a guess.
func (p *people) checkStatus(in *input) error {
	for _, column := range []string{"hospitaldischargestatus", "unitdischargestatus"} {
		for i, row := range p.row {
			if s := p.text(column, i); s != "" && math.IsNaN(flag(s, "Expired", "Alive")) {
				return in.fault(patientTable, column, `row %d is neither "Alive" nor "Expired" nor empty`, row)
			}
		}
	}
	return nil
}

// The years of discharge that are taken for such, around those of eICU-CRD: a split by time rests on them.
const firstYear, lastYear = 2000, 2030

// checkTimes refuses what cannot be a time: minutes from admission to the unit, and the year of discharge.
func (p *people) checkTimes(in *input) error {
	for _, column := range []string{"hospitaladmitoffset", "hospitaldischargeoffset", "unitdischargeoffset"} {
		for i, v := range p.number(column) {
			if math.Abs(v) > farthest {
				return in.fault(patientTable, column, "row %d lies more than 100 years from admission to the unit; want minutes", p.row[i])
			}
		}
	}
	for i, v := range p.number("hospitaldischargeyear") {
		if v < firstYear || v > lastYear || v != math.Trunc(v) && !math.IsNaN(v) {
			return in.fault(patientTable, "hospitaldischargeyear", "row %d has no year from %d to %d; eICU-CRD has 2014 and 2015", p.row[i], firstYear, lastYear)
		}
	}
	return nil
}

// status is 1 where a discharge status is Expired, 0 where it is Alive, and missing otherwise.
func (p *people) status(column string, i int) float64 {
	return flag(p.text(column, i), "Expired", "Alive")
}

// deathSummary says what died is.
const deathSummary = "1 if the patient died in hospital: hospital or unit discharge status Expired"

// died is the label of the matrix of Johnson et al.: 1 for a hospital or unit discharge status Expired, missing when both are.
func (p *people) died(i int) float64 {
	hospital, unit := p.status("hospitaldischargestatus", i), p.status("unitdischargestatus", i)
	if math.IsNaN(hospital) {
		return unit
	}
	return truth(hospital == 1 || unit == 1)
}

// contradicted marks the stays of admissions to hospital of which one stay says that the patient left hospital alive and another that
// not: which is right cannot be told.
func (p *people) contradicted() []bool {
	said := map[float64][2]bool{}
	admission := p.number("patienthealthsystemstayid")
	for i, a := range admission {
		if s := p.status("hospitaldischargestatus", i); !math.IsNaN(s) {
			both := said[a]
			both[int(s)] = true
			said[a] = both
		}
	}
	out := make([]bool, len(admission))
	for i, a := range admission {
		out[i] = said[a] == [2]bool{true, true}
	}
	return out
}

// site returns a column of hospital, one entry a stay.
func (p *people) site(column string, stays []int) *frame.Column {
	at := p.sites.of.at(column)
	codes := make([]int32, len(stays))
	for to, i := range stays {
		codes[to] = frame.Missing
		if h := p.hospital[i]; h >= 0 {
			codes[to] = p.sites.codes[at][h]
		}
	}
	return frame.NewCategory(column, p.sites.levels[at], codes)
}

// integrity counts what is odd about the stays that were kept.
func (p *people) integrity(stays []int) (counts []plugins.Count, notes []string) {
	at := p.of.at("uniquepid")
	hospitals := map[int32]map[float64]bool{}
	whose, shared := map[float64]int32{}, map[float64]bool{} // stays in hospital: the patient, and whether there is another
	unknown, torn, disagree, backwards := 0, 0, 0, 0
	for _, i := range stays {
		pid, admission := p.codes[at][i], p.number("patienthealthsystemstayid")[i]
		if first, met := whose[admission]; met && first != pid {
			shared[admission] = true
		} else {
			whose[admission] = pid
		}
		if hospitals[pid] == nil {
			hospitals[pid] = map[float64]bool{}
		}
		hospitals[pid][p.number("hospitalid")[i]] = true
		if p.hospital[i] < 0 {
			unknown++
		}
		if p.status("unitdischargestatus", i) == 1 && p.status("hospitaldischargestatus", i) == 0 {
			disagree++
		}
		if p.number("hospitaladmitoffset")[i] > 0 {
			backwards++
		}
	}
	for _, h := range hospitals {
		if len(h) > 1 {
			torn++
		}
	}
	counts = []plugins.Count{
		{Name: "patients", Value: len(hospitals)},
		{Name: "hospitals", Value: distinct(p.number("hospitalid"), stays)},
		{Name: "patients in more than one hospital", Value: torn},
		{Name: "stays in hospital of more than one patient", Value: len(shared)},
		{Name: "stays of hospitals that the table hospital lacks", Value: unknown},
		{Name: "stays with unit status Expired but hospital status Alive", Value: disagree},
		{Name: "stays with hospital admission after unit admission", Value: backwards},
	}
	if torn > 0 {
		notes = append(notes, "some patients have stays in more than one hospital; a split by site must drop them from one side")
	}
	if len(shared) > 0 {
		notes = append(notes, "some stays in hospital (patienthealthsystemstayid) are of more than one patient (uniquepid): one of the two is wrong, and a split by "+
			"patient may have such a stay on both sides")
	}
	return counts, notes
}

// distinct is the number of different values of the stays, missing ones aside.
func distinct(values []float64, stays []int) int {
	seen := map[float64]bool{}
	for _, i := range stays {
		if !math.IsNaN(values[i]) {
			seen[values[i]] = true
		}
	}
	return len(seen)
}

// numberColumn returns a column of a frame.
func numberColumn(info plugins.ColumnInfo, values []float64) *frame.Column {
	c := frame.NewNumber(info.Name, values)
	c.Unit = info.Unit
	c.Integer = whole(values)
	return c
}

// whole reports whether there are values, and all of them are whole.
func whole(values []float64) bool {
	any := false
	for _, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if v != math.Trunc(v) {
			return false
		}
		any = true
	}
	return any
}

// pick returns the values of the stays.
func pick(values []float64, stays []int) []float64 {
	out := make([]float64, len(stays))
	for to, i := range stays {
		out[to] = values[i]
	}
	return out
}

// pickText returns a text column of the stays.
func (c *columns) pickText(name, column string, stays []int) *frame.Column {
	at := c.of.at(column)
	codes := make([]int32, len(stays))
	for to, i := range stays {
		codes[to] = c.codes[at][i]
	}
	return frame.NewCategory(name, c.levels[at], codes)
}
