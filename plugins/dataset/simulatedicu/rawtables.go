package simulatedicu

import (
	"math"
	"math/rand/v2"
	"strconv"
)

func (t *rawTables) hospital(h *hospital) {
	f := t[rawHospital]
	f.text = strconv.AppendInt(f.text, int64(h.id), 10)
	size := ""
	if h.beds < len(beds) {
		size = beds[h.beds].name
	}
	f.field(size)
	f.field(map[bool]string{false: "f", true: "t"}[h.teaching])
	f.field(regions[h.region].name)
	f.end()
}

// stay writes all rows of a stay.
func (t *rawTables) stay(w *world, c *chart, rng *rand.Rand) {
	t.patient(w, c)
	if c.kind != returned {
		t.aps(w, c)
		t.pred(w, c)
		t.results(w, c)
	}
	t.care(c)
	t.periodic(w, c, rng)
	if !c.invasive {
		t.aperiodic(w, c, rng)
	}
	t.labs(w, c, rng)
	t.intake(w, c, rng)
}

func (t *rawTables) patient(w *world, c *chart) {
	f, row := t[rawPatient], c.row
	f.text = strconv.AppendInt(f.text, c.id, 10)
	f.int(c.admission)
	f.raw(pickText(c.p.female, ",Female", ",Male"))
	if age := row[w.layout.age]; age > 89 {
		f.field("> 89")
	} else {
		f.number(age)
	}
	f.field(ethnicities[c.p.ethnicity].name)
	f.int(int64(c.h.id))
	f.int(int64(90 + c.h.id))
	diagnosis := ""
	if c.diagnosis < len(diagnoses) {
		diagnosis = diagnoses[c.diagnosis].name
	}
	f.field(diagnosis)
	f.raw(",170,")
	f.raw("12:00:00")
	f.int(int64(c.arrived))
	f.raw(",Emergency Department")
	f.number(c.p.year)
	f.raw(",12:00:00")
	f.int(int64(c.discharged))
	status := pickText(c.died, ",Death,Expired", ",Home,Alive")
	if c.kind == unfinished {
		status = ",,"
	}
	f.raw(status)
	f.raw(pickText(c.kind == stepdown, ",Step-Down Unit", ",Med-Surg ICU"))
	f.raw(",12:00:00,Emergency Department")
	f.int(int64(c.visit))
	f.raw(pickText(c.visit > 1, ",readmit", ",admit"))
	f.raw(",80,80,12:00:00")
	f.int(int64(c.left))
	if c.kind != unfinished {
		status = pickText(c.died && c.left == c.discharged, ",Death,Expired", ",Floor,Alive")
	}
	f.raw(status)
	f.field(c.pid)
	f.end()
}

func pickText(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// orMinusOne is how the tables of APACHE write a value: -1 is missing.
func orMinusOne(v float64) float64 {
	if math.IsNaN(v) {
		return -1
	}
	return v
}

// worst are columns of apacheApsVar after the coma scale and urine: here the record's last values, and its extremes of vital signs.
var worst = []string{
	"wbc_last_early", "tempc_min", "resprate_max", "sodium_last_early", "heartrate_max", "meanbp_min", "bg_ph_last_early",
	"hematocrit_last_early", "creatinine_last_early", "albumin_first_early", "bg_pao2_last_early", "bg_paco2_last_early", "bun_last_early",
	"glucose_last_early", "bilirubin_last_early",
}

func (t *rawTables) aps(w *world, c *chart) {
	f := t[rawAps]
	f.start(c.id)
	vent := int64(truth(c.row[w.layout.ventilated] > 0))
	f.int(vent)
	f.int(vent)
	f.raw(",0,4,6,5,0") // not dialysed; coma scale 15, without sedation
	f.number(orMinusOne(c.row[w.layout.width-1]))
	for _, i := range w.worst {
		f.number(orMinusOne(c.row[i]))
	}
	fio2 := -1.0
	if c.gas() {
		fio2 = c.fio2[1]
	}
	f.number(fio2)
	f.end()
}

func (t *rawTables) pred(w *world, c *chart) {
	f, row := t[rawPred], c.row
	f.start(c.id)
	f.raw(",1,0,0,0")
	f.int(int64(truth(!c.p.female)))
	f.raw(",0,3,12,8,3,0,5,6,4") // hospital and source of admission as codes; coma scale 15
	f.number(row[w.layout.age])
	f.raw(",OTHER,0")
	f.int(int64(truth(c.died)))
	f.raw(",0,0,0,0,0,0,0")
	f.raw(pickText(row[w.layout.elective] == 1, ",1", ","))
	f.raw(",0,0,0,0")
	vent := int64(truth(row[w.layout.ventilated] > 0))
	f.int(vent)
	f.int(0)
	f.int(vent)
	f.raw(",0,1,0,-1,-1,-1")
	f.number(orMinusOne(row[w.creatinine]))
	f.raw(",4")
	f.int(int64(c.visit))
	f.raw(",-1,0,5,6,4,-1,-1")
	f.end()
}

func (t *rawTables) results(w *world, c *chart) {
	f := t[rawResult]
	hospital, unit := pickText(c.died, ",EXPIRED", ",ALIVE"), pickText(c.died && c.left == c.discharged, ",EXPIRED", ",ALIVE")
	predicted := sigmoid(w.intercept + c.average) // a score that knows the risk, but not the hospital
	if c.kind == unscored {
		predicted = -1
	}
	for _, version := range []string{",IV", ",IVa"} {
		f.start(c.id)
		f.raw(",Unknown,Unknown,40,50")
		f.raw(version)
		f.number(round(predicted, 6))
		f.raw(unit)
		f.raw(",2")
		f.number(round(float64(c.left)/1440, 4))
		f.number(round(predicted, 6))
		f.raw(hospital)
		f.raw(",8")
		f.number(round(c.row[w.layout.los], 4))
		f.raw(",0,0,0")
		f.number(round(float64(c.left)/1440, 4))
		f.number(round(c.row[w.layout.los], 4))
		f.number(c.row[w.layout.ventilated])
		f.raw(",")
		f.number(c.row[w.layout.ventilated])
		f.end()
	}
}

func (t *rawTables) care(c *chart) {
	f := t[rawCare]
	row := func(offset int, text string) {
		f.start(c.id)
		f.raw(",True")
		f.int(int64(offset))
		f.raw(text)
		f.end()
	}
	row(c.first+20, ",Care Limitation,Full therapy")
	if c.limited >= 0 {
		row(c.limited, ",Care Limitation,Do not resuscitate")
	}
}

// gas reports whether the record has an oxygenation ratio, and so fractions of oxygen.
func (c *chart) gas() bool { return c.fio2[0] > 0 }

// vitalCells are the vital signs of vitalPeriodic, in its order.
var vitalCells = []string{"tempc", "spo2", "heartrate", "resprate", "sysbp", "diasbp", "meanbp"}

// periodic writes vitalPeriodic: at the first heart rate, and then at regular times that miss the ends of the window.
func (t *rawTables) periodic(w *world, c *chart, rng *rand.Rand) {
	f := t[rawPeriodic]
	every := w.config.VitalsEvery
	within := 0
	for minute, inside := c.first+every/2, 0; minute < c.end; minute += every {
		if minute > c.start {
			inside++
			within = inside
		}
	}
	c.vitals(f, w, c.first, -1, 0, rng)
	seen := 0
	for minute := c.first + every/2; minute < c.left; minute += every {
		at := minute
		switch { // whether a window includes its ends is not put to the test
		case minute == c.start:
			at = minute - 1
		case minute == c.end:
			at = minute + 1
		case minute > c.start && minute < c.end:
			c.vitals(f, w, at, seen, within, rng)
			seen++
			continue
		}
		c.vitals(f, w, at, -1, 0, rng)
	}
}

// vitals writes a row of vitalPeriodic: the i-th of n within the window, or, with i < 0, one outside.
func (c *chart) vitals(f *rawFile, w *world, minute, i, n int, rng *rand.Rand) {
	f.start(c.id)
	f.int(int64(minute))
	for k, place := range w.vitals {
		if k == 4 {
			f.raw(",,")
		}
		pulse := k == 2
		switch {
		case pulse && c.kind == pulseless, k >= 4 && !c.invasive, !pulse && minute == c.first:
			f.raw(",") // hour 0 may be the start of the window
		case pulse && minute == c.first:
			f.number(c.row[place])
		default:
			v := reading(c.row[place:place+4], k == 0, i, n, rng)
			if k == 1 && v > 100 { // saturation
				v = 100
			}
			f.number(v)
		}
	}
	f.raw(",,,,,,,")
	f.end()
}

// reading is the i-th of n readings of a vital sign within a window, or, with i < 0, one outside it. Its cells are first, last, least and
// greatest; where these are one, there is one reading. Within the window nothing is read that is missing from the record.
func reading(cells []float64, fine bool, i, n int, rng *rand.Rand) float64 {
	first, last, low, high := cells[0], cells[1], cells[2], cells[3]
	switch {
	case i < 0 && math.IsNaN(first):
		return math.NaN()
	case i < 0:
		v := first * (1 + 0.1*(rng.Float64()-0.5))
		if fine {
			return math.Round(10*(first+rng.Float64()-0.5)) / 10
		}
		return math.Round(v)
	case i == 0:
		return first
	case low == high:
		return math.NaN()
	case i == n-1:
		return last
	case i == 1:
		return low
	case i == 2:
		return high
	case fine:
		return math.NaN() // temperature is read now and then
	default:
		return math.Floor(low + (high-low+1)*rng.Float64()*0.999)
	}
}

// aperiodic writes the pressure of stays without a line: four readings in the window, and some every two hours outside.
func (t *rawTables) aperiodic(w *world, c *chart, rng *rand.Rand) {
	f := t[rawAperiodic]
	row := func(minute, i, n int) {
		sys := c.row[w.vitals[4]]
		if math.IsNaN(sys) {
			return
		}
		f.start(c.id)
		f.int(int64(minute))
		for _, place := range w.vitals[4:] {
			f.number(reading(c.row[place:place+4], false, i, n, rng))
		}
		f.raw(",,,,,,,")
		f.end()
	}
	for minute := c.first + 15; minute < c.left; minute += 120 {
		if minute < c.start || minute > c.end {
			row(minute, -1, 0)
		}
	}
	for i := range 4 {
		row(c.start+20+60*i, i, 4)
	}
}

// labNames are those of table lab for the measurements, with type and unit.
var labNames = map[string]struct {
	name, unit string
	kind       int64 // 1 chemistry, 3 hematology, 7 blood gas
}{
	"albumin": {"albumin", "g/dL", 1}, "bands": {"-bands", "%", 3}, "bicarbonate": {"bicarbonate", "mmol/L", 1}, "bilirubin": {"total bilirubin", "mg/dL", 1},
	"bun": {"BUN", "mg/dL", 1}, "calcium": {"calcium", "mg/dL", 1}, "creatinine": {"creatinine", "mg/dL", 1}, "glucose": {"glucose", "mg/dL", 1},
	"hematocrit": {"Hct", "%", 3}, "hemoglobin": {"Hgb", "g/dL", 3}, "inr": {"PT - INR", "ratio", 3}, "lactate": {"lactate", "mmol/L", 1},
	"platelet": {"platelets x 1000", "K/mcL", 3}, "potassium": {"potassium", "mmol/L", 1}, "sodium": {"sodium", "mmol/L", 1}, "wbc": {"WBC x 1000", "K/mcL", 3},
	"bg_pao2": {"paO2", "mm Hg", 7}, "bg_paco2": {"paCO2", "mm Hg", 7}, "bg_ph": {"pH", "", 7}, "fio2": {"FiO2", "%", 7}, "bg_baseexcess": {"Base Excess", "mEq/L", 7},
}

// labs writes first and last value of each measurement into the window of labs, and others before and after it.
func (t *rawTables) labs(w *world, c *chart, rng *rand.Rand) {
	var times [panels][2]int
	for p := range panels { // a panel has one time
		early := c.end - 60*24 - rng.IntN(180)
		late := c.end - 30 - rng.IntN(600)
		if c.single[p] {
			early = late
		}
		times[p] = [2]int{early, late}
	}
	for _, l := range w.labs {
		first, last := c.fio2[0], c.fio2[1]
		if l.place >= 0 {
			first, last = c.row[l.place], c.row[l.place+1]
		} else if !c.gas() {
			continue
		}
		if math.IsNaN(first) {
			continue
		}
		at := times[l.panel]
		t.lab(c, l, c.end-60*32, first*1.1, -1)
		t.lab(c, l, at[0], first, 0)
		if at[0] != at[1] {
			t.lab(c, l, at[1], last, 0)
		}
		t.lab(c, l, c.end+60, last*0.9, 1)
	}
}

// lab writes one value; outside is not 0 for one that must not be taken.
func (t *rawTables) lab(c *chart, l rawLabColumn, minute int, v float64, outside int) {
	if outside != 0 {
		v = round(v, l.decimals)
	}
	f := t[rawLab]
	f.start(c.id)
	f.int(int64(minute))
	f.int(l.kind)
	f.field(l.name)
	f.number(v)
	f.number(v)
	f.field(l.unit)
	f.field(l.unit)
	f.int(int64(minute + 20))
	f.end()
}

// rawLabColumn is a measurement of table lab; place is its first column in the record, or -1 for the fraction of oxygen.
type rawLabColumn struct {
	name, unit string
	kind       int64
	panel      panel
	place      int
	decimals   int
}

// setRaw works out where the columns are that raw tables need.
func (m *model) setRaw() {
	index := map[string]int{}
	for i, name := range m.layout.names {
		index[name] = i
	}
	for _, name := range worst {
		m.worst = append(m.worst, index[name])
	}
	for _, name := range vitalCells {
		m.vitals = append(m.vitals, index[name+"_first"])
	}
	m.creatinine = index["creatinine_last_early"]
	for i := range measurements {
		x := &measurements[i]
		if l, ok := labNames[x.name]; ok {
			m.labs = append(m.labs, rawLabColumn{l.name, l.unit, l.kind, x.panel, m.layout.of[i], x.decimals})
		}
	}
	l := labNames["bg_baseexcess"]
	m.labs = append(m.labs, rawLabColumn{l.name, l.unit, l.kind, bloodGas, m.layout.excess, 1})
}

// Paths of cells of intakeOutput, as most of the demo's are.
const (
	urineCell = ",flowsheet|Flowsheet Cell Labels|I&O|Output (ml)|Urine,Urine"
	stoolCell = ",flowsheet|Flowsheet Cell Labels|I&O|Output (ml)|Stool,Stool"
)

// intake writes the urine of the window in two parts, and other output, in the window and outside it.
func (t *rawTables) intake(w *world, c *chart, rng *rand.Rand) {
	sum := c.row[w.layout.width-1]
	if math.IsNaN(sum) {
		return
	}
	part := math.Floor(sum * (0.3 + 0.4*rng.Float64()))
	t.output(c, c.start-60, urineCell, 120)
	t.output(c, c.start+70, urineCell, part)
	t.output(c, c.start+130, stoolCell, 50)
	t.output(c, c.start+200, urineCell, sum-part)
	t.output(c, c.end+60, urineCell, 240)
}

func (t *rawTables) output(c *chart, minute int, cell string, ml float64) {
	f := t[rawIntake]
	f.start(c.id)
	f.int(int64(minute))
	f.raw(",0")
	f.number(ml)
	f.raw(",0")
	f.number(-ml)
	f.int(int64(minute))
	f.raw(cell)
	f.number(ml)
	f.number(ml)
	f.end()
}
