package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// step is a line of a table of attrition: what a step leaves out, and what stays.
type step struct {
	dataset, name string
	whole         bool                     // nothing is left out: it is where the account starts, or a part
	counts        map[string]*record.Count // by the title of the column
}

// The columns of a table of attrition.
var attritionColumns = []string{"excluded", "left", "subjects"}

// fillAttrition fills a table of what each step that defines the cohort leaves out and keeps, and of the parts that it is split into.
func (src *source) fillAttrition(t *Table, declared *spec.Table) error {
	steps := src.steps(func(dataset string) bool {
		values := declared.Where["dataset"]
		return values == nil || among(dataset, values)
	})
	several := slices.ContainsFunc(steps, func(s *step) bool { return s.dataset != steps[0].dataset })
	t.Rows = []string{"step"}
	if several {
		t.Rows = []string{"dataset", "step"}
	}
	for _, title := range attritionColumns {
		t.Columns = append(t.Columns, Column{Score: title, Title: title, Better: plugins.Neutral, count: true})
	}
	names := map[string]bool{}
	for _, s := range steps {
		line := Line{Labels: []string{s.name}, N: 1, Of: 1}
		if several {
			line.Labels = []string{s.dataset, s.name}
		}
		names[s.dataset] = true
		for _, title := range attritionColumns {
			line.Values = append(line.Values, src.counted(s, title))
		}
		t.Lines = append(t.Lines, line)
	}
	var cells []int
	for i := range src.core.Cells {
		if d := src.core.Cells[i].Axes["dataset"]; d == "" || names[d] {
			cells = append(cells, i)
		}
	}
	t.Banner = src.banner(cells)
	t.number()
	t.Data, t.Sources = src.describe(src.datasets(cells), nil), []string{src.origin()}
	return nil
}

// counted is a count of a step. A step that says nothing of it has a dash, with the reason.
func (src *source) counted(s *step, title string) Value {
	if c := s.counts[title]; c != nil {
		return Value{Status: OK, Value: float64(c.Value), N: 1, Of: 1, counts: []*record.Count{c}}
	}
	if title == "excluded" && s.whole {
		return Value{Status: Absent, notes: []note{plainNote("nothing is excluded here: it is where the account starts, or a part of what is left")}}
	}
	what := "rows are"
	if title == "subjects" {
		what = "patients are"
	}
	if src.restricted(s.dataset) {
		return Value{Status: Withheld, notes: []note{plainNote(fmt.Sprintf(
			"withheld, as it stands for fewer than %d patients or would tell such a count by subtraction; or %s not counted at this step", plugins.FewestTold, what))}}
	}
	return Value{Status: Absent, notes: []note{plainNote(what + " not counted at this step")}}
}

// steps gathers the steps of data sets, in the order of the account: those of reading the data and of the cohort, then the parts.
func (src *source) steps(wanted func(dataset string) bool) []*step {
	var steps []*step
	at := map[string]*step{}
	find := func(key, dataset, name string) *step {
		if at[key] == nil {
			at[key] = &step{dataset: dataset, name: name, counts: map[string]*record.Count{}}
			steps = append(steps, at[key])
		}
		return at[key]
	}
	last := map[string]*step{} // of reading a data set
	for i := range src.core.Counts {
		c := &src.core.Counts[i]
		if c.Cell != "" || !wanted(c.Dataset) {
			continue
		}
		switch {
		case (c.Stage == "dataset" || c.Stage == "cohort") && c.Dims["step"] != "":
			s := last[c.Dataset] // what is left then is where the cohort starts
			if c.Stage == "dataset" || c.Dims["step"] != "0" || s == nil {
				s = find(c.Dataset+"\x00"+c.Stage+"\x00"+c.Dims["step"], c.Dataset, c.Dims["filter"])
			}
			if c.Stage == "dataset" {
				last[c.Dataset] = s
			}
			s.whole = s.whole || c.Dims["step"] == "0"
			switch {
			case strings.HasSuffix(c.Name, "excluded"):
				s.counts["excluded"] = c
			case c.Name == "left" || c.Name == "stays left":
				s.counts["left"] = c
			case c.Name == "subjects left":
				s.counts["subjects"] = c
			}
		case c.Stage == "split" && (c.Name == "rows" || c.Name == "subjects"):
			s := find(c.Dataset+"\x00split\x00"+c.Dims["part"], c.Dataset, "part: "+c.Dims["part"])
			s.whole = true
			s.counts[map[string]string{"rows": "left", "subjects": "subjects"}[c.Name]] = c
		}
	}
	return slices.DeleteFunc(steps, func(s *step) bool { return s.name == "" && len(s.counts) == 0 })
}
