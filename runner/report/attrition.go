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
	arm           []string                 // of the data: its values of the axes that tell these apart
	whole         bool                     // nothing is left out: it is where the account starts, or a part
	counts        map[string]*record.Count // by the title of the column
}

// The columns of a table of attrition.
var attritionColumns = []string{"excluded", "left", "subjects"}

// fillAttrition fills a table of what each step that defines the cohort leaves out and keeps, and of the parts that it is split into.
func (src *source) fillAttrition(t *Table, declared *spec.Table) error {
	wanted := func(c *record.Count) bool {
		values := declared.Where["dataset"]
		return (values == nil || among(c.Dataset, values)) && selects(declared, c)
	}
	arms := src.armAxes(wanted)
	steps := src.steps(wanted, arms)
	if len(steps) == 0 {
		t.Problem = "The counts of these data are withheld, or were not recorded."
	}
	several := slices.ContainsFunc(steps, func(s *step) bool { return s.dataset != steps[0].dataset })
	if several {
		t.Rows = append(t.Rows, "dataset")
	}
	t.Rows = append(append(t.Rows, arms...), "step")
	for _, title := range attritionColumns {
		t.Columns = append(t.Columns, Column{Score: title, Title: title, Better: plugins.Neutral, count: true})
	}
	names := map[string]bool{}
	for _, s := range steps {
		line := Line{N: 1, Of: 1}
		if several {
			line.Labels = append(line.Labels, s.dataset)
		}
		line.Labels = append(append(line.Labels, s.arm...), s.name)
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

// armAxes are the axes by whose values the wanted accounts of the data differ: each has an arm of the data for each value.
func (src *source) armAxes(wanted func(*record.Count) bool) []string {
	return slices.DeleteFunc(slices.Clone(src.core.Manifest.Axes), func(axis string) bool {
		var values []string
		for i := range src.core.Counts {
			c := &src.core.Counts[i]
			if v, has := c.Dims[axis]; has && c.Cell == "" && slices.Contains([]string{"dataset", "cohort", "split"}, c.Stage) && wanted(c) && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		return len(values) < 2
	})
}

// steps gathers the steps of data sets, in the order of the account: those of reading the data and of the cohort, then the parts; of each arm
// of the data by itself.
func (src *source) steps(wanted func(*record.Count) bool, arms []string) []*step {
	var steps []*step
	at := map[string]*step{}
	var read []*step // of reading data sets
	for i := range src.core.Counts {
		c := &src.core.Counts[i]
		if c.Cell != "" || !wanted(c) {
			continue
		}
		arm := valuesOf(c, arms)
		find := func(key, dataset, name string) *step {
			key += "\x00" + strings.Join(arm, "\x00")
			if at[key] == nil {
				at[key] = &step{dataset: dataset, name: name, arm: arm, counts: map[string]*record.Count{}}
				steps = append(steps, at[key])
			}
			return at[key]
		}
		switch {
		case (c.Stage == "dataset" || c.Stage == "cohort") && c.Dims["step"] != "":
			s := lastOf(read, c.Dataset, arm) // what is left then is where the cohort starts
			if c.Stage == "dataset" || c.Dims["step"] != "0" || s == nil {
				s = find(c.Dataset+"\x00"+c.Stage+"\x00"+c.Dims["step"], c.Dataset, c.Dims["filter"])
			}
			if c.Stage == "dataset" {
				read = append(read, s)
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

// lastOf is the last of the steps of reading a data set that an arm of it rests on; nil where there is none. Which arm it is may be decided
// after the data are read.
func lastOf(read []*step, dataset string, arm []string) *step {
	for _, s := range slices.Backward(read) {
		rests := s.dataset == dataset
		for i, v := range s.arm {
			rests = rests && (v == arm[i] || v == noAxis)
		}
		if rests {
			return s
		}
	}
	return nil
}

// noAxis stands for the value of an axis that a count has none of.
var noAxis = spec.Value{Kind: spec.NoValue}.String()

// valuesOf are the values that a count has of axes.
func valuesOf(c *record.Count, axes []string) []string {
	var out []string
	for _, axis := range axes {
		v, has := c.Dims[axis]
		if !has {
			v = noAxis
		}
		out = append(out, v)
	}
	return out
}
