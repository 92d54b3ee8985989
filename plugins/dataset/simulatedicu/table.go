package simulatedicu

import (
	"fmt"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// table holds the rows while they are simulated, column by column. Categories are indices into the tables of
// variables.go; one past the end, or a level without a name, is missing.
type table struct {
	owner      []int // the patient: the row of the first stay
	hospital   []int32
	ethnicity  []int32
	diagnosis  []int32
	age        []float64
	female     []float64
	elective   []float64
	measured   [][]float64 // by measurement
	ventilated []float64
	los        []float64
	death      []float64
}

func newTable(rows int) *table {
	numbers := func() []float64 { return make([]float64, rows) }
	t := &table{
		owner:    make([]int, rows),
		hospital: make([]int32, rows), ethnicity: make([]int32, rows), diagnosis: make([]int32, rows),
		age: numbers(), female: numbers(), elective: numbers(),
		ventilated: numbers(), los: numbers(), death: numbers(),
	}
	for range measurements {
		t.measured = append(t.measured, numbers())
	}
	return t
}

// patients is the number of patients.
func (t *table) patients() int {
	n := 0
	for row, owner := range t.owner {
		if row == owner {
			n++
		}
	}
	return n
}

// frame turns the rows into a frame with the columns that columns() lists.
func (t *table) frame(w *world) (*frame.Frame, error) {
	rows := len(t.owner)
	id, site := make([]float64, rows), make([]float64, rows)
	pid := make([]string, rows)
	region, teaching := make([]int32, rows), make([]int32, rows)
	for row := range rows {
		h := &w.hospitals[t.hospital[row]]
		id[row] = float64(141_764 + row) // the least id of the eICU-CRD Demo
		site[row] = float64(h.id)
		pid[row] = fmt.Sprintf("%03d-%d", h.id, 1000+t.owner[row])
		region[row] = int32(h.region)
		if h.teaching {
			teaching[row] = 1
		}
	}
	cases := make([]share, len(diagnoses)+1) // the last has no name: missing
	for i, d := range diagnoses {
		cases[i] = share{name: d.name}
	}
	made := map[string]*frame.Column{
		"patientunitstayid": frame.NewNumber("", id),
		"uniquepid":         frame.NewCategoryFromStrings("", pid, nil),
		"hospitalid":        frame.NewNumber("", site),
		"region":            levels(regions, region),
		"teachingstatus":    levels([]share{{name: "f"}, {name: "t"}}, teaching),
		"age":               frame.NewNumber("", t.age),
		"is_female":         frame.NewNumber("", t.female),
		"ethnicity":         levels(ethnicities, t.ethnicity),
		"apacheadmissiondx": levels(cases, t.diagnosis),
		"electivesurgery":   frame.NewNumber("", t.elective),
		"ventdays":          frame.NewNumber("", t.ventilated),
		"hosp_los":          frame.NewNumber("", t.los),
		"death":             frame.NewNumber("", t.death),
	}
	fractional := map[string]bool{"hosp_los": true}
	for i, m := range measurements {
		made[m.name] = frame.NewNumber("", t.measured[i])
		fractional[m.name] = m.decimals > 0
	}
	var out []*frame.Column
	for _, info := range columns() {
		c := made[info.Name]
		c.Name, c.Unit = info.Name, info.Unit
		c.Integer = c.Kind == frame.Number && !fractional[info.Name]
		out = append(out, c)
	}
	return frame.New(out...)
}

// levels returns a category column; a level without a name is missing.
func levels(shares []share, codes []int32) *frame.Column {
	names := make([]string, len(shares))
	to := make([]int32, len(shares))
	for i, s := range shares {
		names[i], to[i] = s.name, int32(i)
		if s.name == "" {
			to[i] = frame.Missing
		}
	}
	out := make([]int32, len(codes))
	for i, c := range codes {
		out[i] = to[c]
	}
	return frame.NewCategory("", names, out)
}
