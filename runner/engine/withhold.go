package engine

import (
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// withhold leaves out of the counts of a restricted data set what stands for fewer than plugins.FewestTold of its rows,
// and with it what would give it away by subtraction: the other classes of the same total, and the rows left before or
// after a step that excludes few. It reports whether anything was left out.
func withhold(counts []record.Count, dataset string) ([]record.Count, bool) {
	hidden := make([]bool, len(counts))
	groups := map[string][]int{} // classes that sum to a total that is told
	var rows, subjects []int     // left after each step of the cohort, in order
	for i := range counts {
		c := &counts[i]
		if c.Dataset != dataset {
			continue
		}
		hidden[i] = few(c.Value) && ofRows(c)
		switch {
		case c.Name == "rows by stratum":
			key := "stratum" + c.Stage + c.Dims["part"] + c.Dims["site"] + c.Dims[spec.TrainSite] + c.Dims[spec.TestSite]
			groups[key] = append(groups[key], i)
		case c.Name == "events of the hospital":
			groups["events"+c.Dims["part"]] = append(groups["events"+c.Dims["part"]], i)
			// the rows of the hospital are told: the other class is what is left of them
			if rows := rowsOfHospital(counts, c); few(rows - c.Value) {
				hidden[i] = true
			}
		case c.Stage == string(plan.StageRestrict) && (c.Name == "rows" || strings.HasPrefix(c.Name, "rows dropped")):
			key := "restrict" + c.Dims["part"] + c.Dims["site"] + c.Dims[spec.TrainSite] + c.Dims[spec.TestSite]
			groups[key] = append(groups[key], i)
		case c.Name == "left" || c.Name == "stays left" || c.Name == "rows read":
			rows = append(rows, i)
		case c.Name == "subjects left":
			subjects = append(subjects, i)
		}
	}
	for _, group := range groups {
		protect(counts, hidden, group)
	}
	hideSteps(counts, hidden, rows)
	hideSteps(counts, hidden, subjects)
	any := slices.Contains(hidden, true)
	kept := counts[:0:0]
	for i := range counts {
		if !hidden[i] {
			kept = append(kept, counts[i])
		}
	}
	return kept, any
}

// few reports whether so many rows are too few to be told.
func few(n int) bool { return n > 0 && n < plugins.FewestTold }

// ofRows reports whether a count is of patients' rows or values, and not of columns, hospitals, files or tables.
func ofRows(c *record.Count) bool {
	if c.Stage == string(plan.StageFeatures) {
		return false
	}
	for _, other := range []string{"columns", "hospitals", "sites", "files", "tables"} {
		if strings.HasPrefix(c.Name, other) {
			return false
		}
	}
	return true
}

// rowsOfHospital finds the rows that the events of a hospital are some of.
func rowsOfHospital(counts []record.Count, events *record.Count) int {
	for i := range counts {
		c := &counts[i]
		if c.Name == "rows of the hospital" && c.Dataset == events.Dataset && c.Dims["hospital"] == events.Dims["hospital"] && c.Dims["part"] == events.Dims["part"] {
			return c.Value
		}
	}
	return 0
}

// protect hides a second class where one alone is hidden: the total would tell it. The least of the others is hidden.
func protect(counts []record.Count, hidden []bool, group []int) {
	least, missing := -1, 0
	for _, i := range group {
		switch {
		case hidden[i]:
			missing++
		case counts[i].Value > 0 && (least < 0 || counts[i].Value < counts[least].Value):
			least = i
		}
	}
	if missing == 1 && least >= 0 {
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
