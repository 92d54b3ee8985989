package simulatedicu

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

// table holds the rows while they are simulated, column by column.
type table struct {
	columns   [][]float64 // of package icu
	owner     []int       // the patient: the row of the first stay
	home      []int32     // the hospital of the first stay
	hospital  []int32
	year      []float64
	ethnicity []int32
	diagnosis []int32
}

func newTable(rows, width int) *table {
	codes := func() []int32 { return make([]int32, rows) }
	t := &table{
		owner: make([]int, rows), year: make([]float64, rows),
		home: codes(), hospital: codes(), ethnicity: codes(), diagnosis: codes(),
	}
	for range width {
		t.columns = append(t.columns, make([]float64, rows))
	}
	return t
}

func (t *table) set(row, owner int, p *patient, s *stay) {
	for i, v := range s.row {
		t.columns[i][row] = v
	}
	t.owner[row], t.hospital[row], t.year[row] = owner, int32(p.hospital), p.year
	t.home[row] = t.hospital[owner]
	t.ethnicity[row], t.diagnosis[row] = int32(p.ethnicity), int32(s.diagnosis)
}

// counts are the rows, patients, second stays, and patients of two hospitals.
func (t *table) counts() []plugins.Count {
	second, two := 0, 0
	for row, owner := range t.owner {
		if row != owner {
			second++
			if t.hospital[row] != t.hospital[owner] {
				two++
			}
		}
	}
	rows := len(t.owner)
	return []plugins.Count{
		{Name: "rows simulated", Value: rows},
		{Name: "patients simulated", Value: rows - second},
		{Name: "second stays", Value: second},
		{Name: "patients in two hospitals", Value: two},
	}
}

// uniquepid is the identifier of a patient, after the hospital and the row of the first stay.
func (w *world) uniquepid(home, owner int) string {
	return fmt.Sprintf("%03d-%d", w.hospitals[home].id, 1000+owner)
}

// frame turns the rows into a frame with the columns that columns lists.
func (t *table) frame(w *world) (*frame.Frame, error) {
	var out []*frame.Column
	for i, name := range w.layout.names {
		c := frame.NewNumber(name, t.columns[i])
		c.Integer = !fractional(name)
		out = append(out, c)
	}
	out = append(out, t.context(w)...)
	if w.config.Categories {
		cases := make([]string, len(diagnoses)+1) // the last has no name: missing
		for i := range diagnoses {
			cases[i] = diagnoses[i].name
		}
		out = append(out, levels("ethnicity", namesOf(ethnicities), t.ethnicity), levels("apacheadmissiondx", cases, t.diagnosis))
	}
	for i, info := range columns(w.config) {
		out[i].Unit = info.Unit
	}
	return frame.New(out...)
}

// context returns the columns that describe the patient's identity, the hospital and the time.
func (t *table) context(w *world) []*frame.Column {
	rows := len(t.owner)
	pids, pid := make([]string, 0, rows), make([]int32, rows)
	region, size, teaching := make([]int32, rows), make([]int32, rows), make([]int32, rows)
	for row, owner := range t.owner {
		h := &w.hospitals[t.hospital[row]]
		region[row], size[row], teaching[row] = int32(h.region), int32(h.beds), int32(truth(h.teaching))
		if row == owner {
			pids = append(pids, w.uniquepid(int(t.home[row]), owner))
		}
		pid[row] = int32(len(pids) - 1) // a second stay follows the first
	}
	year := frame.NewNumber("hospitaldischargeyear", t.year)
	year.Integer = true
	return []*frame.Column{
		frame.NewCategory("uniquepid", pids, pid), year, levels("region", namesOf(regions), region),
		levels("numbedscategory", append(namesOf(beds), ""), size), levels("teachingstatus", []string{"f", "t"}, teaching),
	}
}

// levels returns a category column; a level without a name is missing.
func levels(name string, names []string, codes []int32) *frame.Column {
	out := slices.Clone(codes)
	for i, c := range out {
		if names[c] == "" {
			out[i] = frame.Missing
		}
	}
	return frame.NewCategory(name, names, out)
}

func namesOf(shares []share) []string {
	out := make([]string, len(shares))
	for i, s := range shares {
		out[i] = s.name
	}
	return out
}

// fractional reports whether a column of package icu holds numbers that are not whole.
func fractional(column string) bool {
	for i := range measurements {
		m := &measurements[i]
		for _, suffix := range []string{"_first", "_last", "_min", "_max", "_first_early", "_last_early", "_sum"} {
			if m.name+suffix == column {
				return m.decimals > 0
			}
		}
	}
	return slices.Contains([]string{
		"hosp_los", "bg_pao2fio2ratio_first_early", "bg_pao2fio2ratio_last_early", "bg_baseexcess_first_early", "bg_baseexcess_last_early",
	}, column)
}

// columns describes the columns in order: those of package icu, the patient, what describes hospital and time, and on
// request two categorical features.
func columns(c Config) []plugins.ColumnInfo {
	out := icu.Columns()
	for i, x := range out {
		if x.Name == "ventdays" {
			out[i].Summary += ", at most 30; missing where there was no ventilator"
		}
	}
	out = append(
		out,
		plugins.ColumnInfo{Name: "uniquepid", Kind: frame.Category, Role: plugins.RoleSubject, Group: icu.Identifiers, Summary: "the patient; some have two stays"},
		plugins.ColumnInfo{Name: "hospitaldischargeyear", Kind: frame.Number, Role: plugins.RoleContext, Time: true, Summary: "year of the discharge from hospital"},
		plugins.ColumnInfo{Name: "region", Kind: frame.Category, Role: plugins.RoleContext, Summary: "region of the hospital, if known"},
		plugins.ColumnInfo{Name: "numbedscategory", Kind: frame.Category, Role: plugins.RoleContext, Summary: "number of beds of the hospital, if known"},
		plugins.ColumnInfo{Name: "teachingstatus", Kind: frame.Category, Role: plugins.RoleContext, Summary: "t: a teaching hospital"},
	)
	if c.Categories {
		out = append(out, categories()...)
	}
	return out
}

// categories describes the categorical features that there are on request.
func categories() []plugins.ColumnInfo {
	return []plugins.ColumnInfo{
		{Name: "ethnicity", Kind: frame.Category, Role: plugins.RoleGroup, Group: icu.Demographics, Summary: "ethnicity as charted; it has no effect on anything here"},
		{Name: "apacheadmissiondx", Kind: frame.Category, Group: icu.Admission, Summary: "admission diagnosis; some are rare"},
	}
}
