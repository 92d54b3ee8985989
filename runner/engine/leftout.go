package engine

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
)

// withoutLeftOut leaves out of the counts of a restricted data set what would tell of few rows beside what the manifest says of its columns
// before the cohort is chosen: of few that have no value, or of few of those that the cohort leaves out. What is not told of the cohort, as it
// would tell of few, is not told of all rows either: the two are equal where no row is left out.
func withoutLeftOut(counts []record.Count, data *record.DataInfo) []record.Count {
	ofCohort := func(c *record.Count, name string) bool {
		return c.Dataset == data.Name && c.Stage == string(plan.StageCohort) && c.Name == name
	}
	left := map[int]bool{}      // rows after each step
	var subjects []int          // patients after each step
	after := map[string][]int{} // places of the missing values of a column: of each variant of the data
	together, variants := -1, false
	for i := range counts {
		c := &counts[i]
		switch {
		case ofCohort(c, "left"):
			left[c.Value] = true
		case ofCohort(c, "subjects left"):
			subjects = append(subjects, c.Value)
		case ofCohort(c, cohort.CountMissing):
			after[c.Dims[plugins.ColumnDim]] = append(after[c.Dims[plugins.ColumnDim]], i)
			variants = variants || len(after[c.Dims[plugins.ColumnDim]]) > 1
		case ofCohort(c, cohort.CountMissingTogether):
			together = i
		}
	}
	for i := range data.Columns {
		if len(after) > 0 && after[data.Columns[i].Name] == nil {
			data.Columns[i].Missing = nil
		}
	}
	ofFew := func(rows int) bool { // however many rows the cohort leaves out, they may be of few patients
		return few(rows) || rows > 0 && len(subjects) > 0 && few(slices.Max(subjects)-slices.Min(subjects))
	}
	hidden := map[int]bool{}
	for i := range counts { // of all rows: those of the cohort are told
		c := &counts[i]
		hidden[i] = len(left) > 1 && c.Dataset == data.Name && c.Stage == string(plan.StageDataset) && (c.Name == "deaths" || c.Name == "missing cells")
	}
	sum, less := 0, 0
	var columns []string
	for _, column := range data.Columns {
		for _, i := range after[column.Name] {
			if column.Missing != nil && ofFew(*column.Missing-counts[i].Value) {
				hidden[i] = true
				sum, columns, less = sum+counts[i].Value, append(columns, column.Name), less+*column.Missing-counts[i].Value
			}
		}
	}
	for i := range counts { // the rows with each value are all rows but those without
		hidden[i] = hidden[i] || ofCohort(&counts[i], cohort.CountLevel) && slices.Contains(columns, counts[i].Dims[plugins.ColumnDim])
	}
	kept := slices.Clone(counts)
	switch untold := len(data.Columns) - len(after); {
	case len(columns) == 0:
	case variants: // of which one would tell of another
		hidden[together] = true
	case together >= 0:
		kept[together].Value += sum
	case untold == 0 && len(columns) > 1 && !few(sum) && !ofFew(less): // all that are untold are so for this reason
		c := counts[slices.IndexFunc(counts, func(c record.Count) bool { return ofCohort(&c, cohort.CountMissing) })]
		c.Name, c.Value, c.Dims = cohort.CountMissingTogether, sum, nil
		kept = append(kept, c)
	}
	var out []record.Count
	for i := range kept {
		if !hidden[i] {
			out = append(out, kept[i])
		}
	}
	return out
}
