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
// after a step that excludes few. untoldMissing says that the manifest does not tell the missing values of every column. It
// reports whether anything was left out.
func withhold(counts []record.Count, dataset string, untoldMissing bool) ([]record.Count, bool) {
	hidden := make([]bool, len(counts))
	groups := map[string][]int{}    // classes that sum to a total that is told
	whole := map[string][]int{}     // classes that other counts tell too: all are told, or none
	parts := map[string]int{}       // rows and subjects of each part of the split
	excluded := map[string]int{}    // where a step of the cohort says how many it excludes
	hospitals := map[string][]int{} // rows of the hospitals of each part
	var rows, subjects []int        // left after each step of the cohort, in order
	for i := range counts {
		c := &counts[i]
		if c.Dataset != dataset {
			continue
		}
		hidden[i] = few(c.Value) && ofRows(c)
		switch {
		case c.Name == "rows by stratum":
			whole["stratum"] = append(whole["stratum"], i)
		case c.Stage == string(plan.StageSplit) && (c.Name == "rows" || c.Name == "subjects"):
			parts[c.Name+c.Dims["part"]] = c.Value
		case c.Name == "rows of the hospital":
			hospitals[c.Dims["part"]] = append(hospitals[c.Dims["part"]], i)
		case c.Name == "excluded" || c.Name == "stays excluded":
			excluded[c.Stage+c.Dims["step"]] = i
		case c.Name == "events of the hospital":
			groups["events"+c.Dims["part"]] = append(groups["events"+c.Dims["part"]], i)
			// the rows of the hospital are told: the other class is what is left of them
			if rows := rowsOfHospital(counts, c); few(rows - c.Value) {
				hidden[i] = true
			}
		case c.Stage == string(plan.StageRestrict) && (strings.HasPrefix(c.Name, "rows") || strings.HasPrefix(c.Name, "subjects")):
			what, _, _ := strings.Cut(c.Name, " ")
			key := strings.Join([]string{what, c.Dims["part"], c.Dims["site"], c.Dims[spec.TrainSite], c.Dims[spec.TestSite]}, "\x00")
			whole[key] = append(whole[key], i)
			if total, known := parts[what+c.Dims["part"]]; known && c.Name == what && few(total-c.Value) {
				hidden[i] = true
			}
		case c.Stage == string(plan.StagePrepare) && (c.Name == "rows dropped: missing value" || c.Name == "rows with a missing value"):
			if few(parts["rows"+c.Dims["part"]] - c.Value) { // the rows that are kept
				hidden[i] = true
			}
		case c.Name == "left" || c.Name == "stays left" || c.Name == "rows read":
			rows = append(rows, i)
		case c.Name == "subjects left":
			subjects = append(subjects, i)
		}
	}
	for _, group := range groups {
		protect(counts, hidden, group, 0)
	}
	for part, group := range hospitals {
		untold := parts["rows"+part] // of no hospital
		for _, i := range group {
			untold -= counts[i].Value
		}
		protect(counts, hidden, group, max(untold, 0))
	}
	for _, group := range whole {
		if slices.ContainsFunc(group, func(i int) bool { return hidden[i] }) {
			for _, i := range group {
				hidden[i] = true
			}
		}
	}
	if untoldMissing {
		for i := range counts { // the sum of what the manifest tells of the columns, one of which it does not
			hidden[i] = hidden[i] || counts[i].Dataset == dataset && counts[i].Name == "missing cells"
		}
	}
	hideSteps(counts, hidden, rows)
	hideSteps(counts, hidden, subjects)
	for _, i := range rows { // what a step excludes tells the rows that are left after it
		if at, known := excluded[counts[i].Stage+counts[i].Dims["step"]]; known && hidden[i] {
			hidden[at] = true
		}
	}
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
