package eicu

import (
	"fmt"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
)

// attrition excludes stays step by step and counts what is left. A stay is excluded by the first step that it does not meet.
type attrition struct {
	left    []int
	counts  []plugins.Count
	step    int
	emptied string // the step that left none
}

func newAttrition(n int) *attrition {
	a := &attrition{left: make([]int, n)}
	for i := range a.left {
		a.left[i] = i
	}
	a.count("stays left", "all stays", n)
	return a
}

func (a *attrition) count(name, filter string, n int) {
	a.counts = append(a.counts, plugins.Count{Name: name, Dims: map[string]string{"step": strconv.Itoa(a.step), "filter": filter}, Value: n})
}

// exclude excludes the stays for which out is true.
func (a *attrition) exclude(reason string, out func(stay int) bool) {
	var left []int
	for _, i := range a.left {
		if !out(i) {
			left = append(left, i)
		}
	}
	a.step++
	a.count("stays excluded", reason, len(a.left)-len(left))
	a.count("stays left", reason, len(left))
	if len(left) == 0 && a.emptied == "" {
		a.emptied = reason
	}
	a.left = left
}

// check is an error when no stay is left.
func (a *attrition) check() error {
	if len(a.left) > 0 {
		return nil
	}
	return fmt.Errorf("no stay is left after step %q; without a row the matrix cannot be made", a.emptied)
}

// contradictory is why stays are excluded whose label cannot be told.
const contradictory = "stays of one admission with different hospital discharge status"

// excludeContradictory excludes the stays of admissions that contradict themselves, and returns a note where there are any.
func (a *attrition) excludeContradictory(p *people) (notes []string) {
	before := len(a.left)
	contradicted := p.contradicted()
	a.exclude(contradictory, func(i int) bool { return contradicted[i] })
	if before > len(a.left) {
		notes = append(notes, contradictory+" are left out, as their label cannot be told")
	}
	return notes
}

// addAccounts adds what was met in the tables, and the numbers of deaths and missing cells. Notes hold no numbers: those of
// few patients are not for every reader, and counts are withheld where they must be.
func addAccounts(data *plugins.Data, accounts []*account) {
	for _, a := range accounts {
		data.Counts = append(data.Counts, a.counts()...)
		if a.strange > 0 {
			data.Notes = append(data.Notes, fmt.Sprintf("table %s has rows of stays that the table patient lacks; they are not used", a.table.name))
		}
	}
	missing, deaths := 0, 0
	for _, c := range data.Frame.Columns() {
		missing += c.MissingCount()
	}
	for _, v := range data.Frame.Column("death").Numbers {
		deaths += int(v)
	}
	data.Counts = append(data.Counts, plugins.Count{Name: "deaths", Value: deaths}, plugins.Count{Name: "missing cells", Value: missing})
}
