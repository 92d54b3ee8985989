package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// withhold leaves out of the counts of a restricted data set what stands for fewer than plugins.FewestTold of its rows,
// and with it what would give it away by subtraction: the other classes of the same total, and the rows left before or
// after a step that excludes few. untoldMissing says that the manifest does not tell the missing values of every column. It
// reports whether anything was left out.
func withhold(counts []record.Count, dataset string, untoldMissing bool) ([]record.Count, bool) {
	a := newAccounts(counts)
	for i := range counts {
		if counts[i].Dataset == dataset {
			a.file(i)
		}
	}
	a.protectHospitals()
	a.hideWhole()
	a.hideCohort()
	for i := range counts { // the sum of what the manifest tells of the columns, one of which it does not
		if untoldMissing && counts[i].Dataset == dataset && counts[i].Name == "missing cells" {
			a.hidden[i] = true
		}
	}
	kept := counts[:0:0]
	for i := range counts {
		if !a.hidden[i] {
			kept = append(kept, counts[i])
		}
	}
	return kept, len(kept) < len(counts)
}

// accounts are the counts of one data set by what they add up to.
type accounts struct {
	counts []record.Count
	hidden []bool

	whole     map[string][]int // classes that other counts tell too: all are told, or none
	parts     map[string]int   // rows and subjects of each part of the split
	excluded  map[string]int   // where a step of the cohort says how many it excludes
	hospitals map[string][]int // rows of the hospitals of each part
	atSite    map[string]int   // rows of one hospital in one part
	events    map[string][]int // of the hospitals of each part

	rows, subjects []int // left after each step of the cohort, in order
}

func newAccounts(counts []record.Count) *accounts {
	return &accounts{
		counts: counts, hidden: make([]bool, len(counts)), whole: map[string][]int{}, parts: map[string]int{}, excluded: map[string]int{},
		hospitals: map[string][]int{}, atSite: map[string]int{}, events: map[string][]int{},
	}
}

// file notes what a count adds up to, and hides it when it is small itself, or its complement in a total that is told.
func (a *accounts) file(i int) {
	c := &a.counts[i]
	part := c.Dims["part"]
	rest := 0 // what the total leaves of it
	switch {
	case c.Name == "rows by stratum":
		a.whole["stratum"] = append(a.whole["stratum"], i)
	case c.Stage == string(plan.StageSplit) && (c.Name == "rows" || c.Name == "subjects"):
		a.parts[c.Name+part] = c.Value
	case c.Name == "rows of the hospital":
		a.hospitals[part] = append(a.hospitals[part], i)
		a.atSite[part+"\x00"+c.Dims["hospital"]] = c.Value
	case c.Name == "events of the hospital": // its rows are told before it
		a.events[part] = append(a.events[part], i)
		rest = a.atSite[part+"\x00"+c.Dims["hospital"]] - c.Value
	case c.Stage == string(plan.StageRestrict) && (strings.HasPrefix(c.Name, "rows") || strings.HasPrefix(c.Name, "subjects")):
		what, _, _ := strings.Cut(c.Name, " ")
		key := strings.Join([]string{what, part, c.Dims["site"], c.Dims[spec.TrainSite], c.Dims[spec.TestSite]}, "\x00")
		a.whole[key] = append(a.whole[key], i)
		if total, known := a.parts[what+part]; known && c.Name == what {
			rest = total - c.Value
		}
	case c.Stage == string(plan.StagePrepare) && (c.Name == "rows dropped: missing value" || c.Name == "rows with a missing value"):
		rest = a.parts["rows"+part] - c.Value
	case c.Stage == string(plan.StageDecide) && c.Name != "rows judged": // with what arms beside draw, which is what was kept
		key := "decided by " + c.Dims[plugins.AuditDim]
		a.whole[key] = append(a.whole[key], i)
	case c.Stage == string(plan.StageJudge) && strings.HasPrefix(c.Name, "judgements "):
		key := strings.Join([]string{"judged", c.Cell, c.Dims[plugins.AuditDim], c.Dims["judge"], c.Dims["repeat"], c.Dims["round"]}, "\x00")
		a.whole[key] = append(a.whole[key], i)
	case c.Name == "excluded" || c.Name == "stays excluded":
		a.excluded[c.Stage+c.Dims["step"]] = i
	case c.Name == "left" || c.Name == "stays left" || c.Name == "rows read":
		a.rows = append(a.rows, i)
	case c.Name == "subjects left":
		a.subjects = append(a.subjects, i)
	}
	a.hidden[i] = few(c.Value) && ofRows(c) || few(rest)
}

// protectHospitals keeps one hospital's rows and events from being told by those of all others.
func (a *accounts) protectHospitals() {
	for _, group := range a.events {
		protect(a.counts, a.hidden, group, 0)
	}
	for part, group := range a.hospitals {
		untold := a.parts["rows"+part] // of no hospital
		for _, i := range group {
			untold -= a.counts[i].Value
		}
		protect(a.counts, a.hidden, group, max(untold, 0))
	}
}

// hideWhole hides all classes of a total where one is hidden.
func (a *accounts) hideWhole() {
	for _, group := range a.whole {
		if slices.ContainsFunc(group, func(i int) bool { return a.hidden[i] }) {
			for _, i := range group {
				a.hidden[i] = true
			}
		}
	}
}

// hideCohort hides what is left around the steps of the cohort that exclude few, and what those steps say they exclude.
func (a *accounts) hideCohort() {
	hideSteps(a.counts, a.hidden, a.rows)
	a.hideRowsOfFew()
	hideSteps(a.counts, a.hidden, a.subjects)
	for _, i := range a.rows {
		if at, known := a.excluded[a.counts[i].Stage+a.counts[i].Dims["step"]]; known && a.hidden[i] {
			a.hidden[at] = true
		}
	}
}

// hideRowsOfFew hides how many rows a step excludes that are of few patients, and what was left before it.
func (a *accounts) hideRowsOfFew() {
	at := func(c *record.Count) string { return c.Stage + fmt.Sprint(c.Dims) }
	left := map[string]int{} // rows after a step
	for _, i := range a.rows {
		left[at(&a.counts[i])] = a.counts[i].Value
	}
	for k := 1; k < len(a.subjects); k++ {
		before, c := &a.counts[a.subjects[k-1]], &a.counts[a.subjects[k]]
		if !few(before.Value - c.Value) {
			continue
		}
		if i, known := a.excluded[c.Stage+c.Dims["step"]]; known {
			a.hidden[i] = true
		}
		rows, known := left[at(before)]
		for _, i := range a.rows { // a data set may have told of the same rows
			a.hidden[i] = a.hidden[i] || known && i < a.subjects[k] && a.counts[i].Value == rows && rows > left[at(c)]
		}
	}
}

// few reports whether so many rows are too few to be told.
func few(n int) bool { return n > 0 && n < plugins.FewestTold }

// ofRows reports whether a count is of patients' rows or values, and not of columns, curves, hospitals, files or tables, nor of what
// language models answered.
func ofRows(c *record.Count) bool {
	if c.Stage == string(plan.StageFeatures) || c.OfModels() {
		return false
	}
	for _, other := range []string{"columns", "curves", "distinct values", "hospitals", "sites", "files", "tables"} {
		if strings.HasPrefix(c.Name, other) {
			return false
		}
	}
	return true
}

// protect hides more classes, the least first, where the total would tell of what is hidden: of one class alone, or of too
// few rows. Rows of no class are untold as they are.
func protect(counts []record.Count, hidden []bool, group []int, untold int) {
	for {
		least, missing, rest := -1, 0, untold
		for _, i := range group {
			switch {
			case hidden[i]:
				missing++
				rest += counts[i].Value
			case counts[i].Value > 0 && (least < 0 || counts[i].Value < counts[least].Value):
				least = i
			}
		}
		if least < 0 || missing != 1 && !few(rest) {
			return
		}
		hidden[least] = true
	}
}

// hideSteps hides the rows left before steps that exclude few, from the last step on: what is left in the end is told by
// the parts of the split.
func hideSteps(counts []record.Count, hidden []bool, chain []int) {
	for k := len(chain) - 1; k > 0; k-- {
		later := chain[k]
		for j := k - 1; j >= 0 && few(counts[chain[j]].Value-counts[later].Value); j-- {
			hidden[chain[j]] = true
			k = j
		}
	}
}
