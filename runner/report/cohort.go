package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/prepare"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// trait is a line of a table of a cohort: a column, or one of its levels.
type trait struct {
	column, level string
	statistic     string // median, missing or count; of all rows: rows
}

// cohort is the scores of a table of a cohort.
type cohort struct {
	*source
	declared *spec.Table
	axis     string           // its values are the arms
	arms     []string         // "" is the real rows
	cells    map[string][]int // of each arm
	columns  []string
	levels   map[string][]string
	scores   map[cohortKey][]*record.Score
}

type cohortKey struct{ arm, column, level, name string }

// fillCohort fills a table of what the real rows and those of each strategy are like.
func (src *source) fillCohort(t *Table, declared *spec.Table) error {
	metric := src.metricOf(spec.Characteristics)
	if metric == "" {
		return fmt.Errorf("no metric is %q: add one, such as metrics: cohort: use: %q", spec.Characteristics, spec.Characteristics)
	}
	c := &cohort{
		source: src, declared: declared, axis: cmp.Or(declared.Across, "strategy"), cells: map[string][]int{}, levels: map[string][]string{},
		scores: map[cohortKey][]*record.Score{},
	}
	c.gather(metric)
	if len(c.columns) == 0 {
		return errors.New("no cell of this table has characteristics")
	}
	t.Rows, t.Over = []string{"characteristic", "statistic"}, nil
	for _, arm := range c.arms {
		title := arm
		if arm == "" {
			title = "real"
		}
		t.Columns = append(t.Columns, Column{Score: metric, Title: title, Better: plugins.Neutral, Digits: 3, Format: significantFormat})
	}
	units := src.units()
	for _, tr := range c.traits() {
		line, err := c.line(tr, units[tr.column])
		if err != nil {
			return err
		}
		t.Lines = append(t.Lines, line)
	}
	var cells []int
	for _, arm := range c.arms[1:] {
		cells = append(cells, c.cells[arm]...)
	}
	t.Banner = src.banner(cells)
	t.number()
	t.Remarks = append(t.Remarks, c.remark())
	t.Remarks = append(t.Remarks, src.imputed()...)
	t.Data, t.Sources = src.data(cells), src.sources(t, cells)
	return nil
}

// metricOf is the first metric of the experiment that is of a plugin.
func (src *source) metricOf(plugin string) string {
	var resolved struct{ Metrics []spec.Metric }
	if json.Unmarshal(src.core.Manifest.Resolved, &resolved) != nil {
		return ""
	}
	for _, m := range resolved.Metrics {
		if m.Use.Use == plugin {
			return m.Name
		}
	}
	return ""
}

// gather files the scores by arm, column and level; those of the real rows once for all arms.
func (c *cohort) gather(metric string) {
	arms := map[string]bool{}
	for i := range c.core.Cells {
		cell := &c.core.Cells[i]
		if c.cellIn(i, c.declared.Where) && cell.Status != record.CellExcluded && cell.Axes[c.axis] != "" {
			arms[cell.Axes[c.axis]] = true
			c.cells[cell.Axes[c.axis]] = append(c.cells[cell.Axes[c.axis]], i)
		}
	}
	for arm := range arms {
		c.arms = append(c.arms, arm)
	}
	slices.SortFunc(c.arms, func(a, b string) int { return c.order[c.axis][a] - c.order[c.axis][b] })
	c.arms = slices.Insert(c.arms, 0, "")
	for i := range c.core.Scores {
		s := &c.core.Scores[i]
		cell, known := c.source.cells[s.Cell]
		if s.Metric != metric || !known || !c.cellIn(cell, c.declared.Where) || !c.dimsIn(s, c.declared.Where) || c.apart(s) {
			continue
		}
		arm := c.core.Cells[cell].Axes[c.axis]
		if s.Dims[plugins.SideDim] == plugins.RealSide {
			arm = ""
		}
		key := cohortKey{arm, s.Dims[plugins.ColumnDim], s.Dims["level"], s.Name}
		c.scores[key] = append(c.scores[key], s)
		if key.column != "" && !slices.Contains(c.columns, key.column) {
			c.columns = append(c.columns, key.column)
		}
		if key.level != "" && !slices.Contains(c.levels[key.column], key.level) {
			c.levels[key.column] = append(c.levels[key.column], key.level)
		}
	}
}

// apart reports whether a score is of a weighting, or of a group of patients, that the table does not select.
func (c *cohort) apart(s *record.Score) bool {
	aside := func(name string) bool { return has(s.Dims, name) && c.declared.Where[name] == nil }
	return aside(plugins.Weighting) || slices.ContainsFunc(c.by[s.Metric], aside)
}

// traits lists the lines: of a column its quartiles or levels, and the rows without a value where there are any. Of the levels 0 and 1 the
// second says all.
func (c *cohort) traits() []trait {
	out := []trait{{statistic: "rows"}}
	for _, column := range c.columns {
		levels := c.levels[column]
		if levels == nil {
			out = append(out, trait{column: column, statistic: "median"})
		}
		for _, level := range levels {
			if level == "0" && len(levels) == 2 && slices.Contains(levels, "1") {
				continue
			}
			out = append(out, trait{column: column, level: level, statistic: "count"})
		}
		missing := func(arm string) bool {
			return slices.ContainsFunc(c.scores[cohortKey{arm, column, "", "missing"}], func(s *record.Score) bool {
				return s.Status != plugins.OK || s.Value > 0
			})
		}
		if slices.ContainsFunc(c.arms, missing) {
			out = append(out, trait{column: column, statistic: "missing"})
		}
	}
	return out
}

func (c *cohort) line(tr trait, unit string) (Line, error) {
	line := Line{N: 1, Of: 1}
	name := tr.column
	if unit != "" {
		name += " (" + unit + ")"
	}
	switch tr.statistic {
	case "rows":
		line.Labels = []string{"rows", "n"}
	case "median":
		line.Labels = []string{name, "median [quartiles]"}
	case "missing":
		line.Labels = []string{name, "no value, n (%)"}
	default:
		line.Labels = []string{name, tr.level + ", n (%)"}
	}
	for _, arm := range c.arms {
		v, err := c.value(arm, tr)
		if err != nil {
			return line, err
		}
		line.Values = append(line.Values, v)
	}
	return line, nil
}

// value is what one arm has of a trait.
func (c *cohort) value(arm string, tr trait) (Value, error) {
	mean := func(name string) (float64, *Value, error) { return c.mean(cohortKey{arm, tr.column, tr.level, name}) }
	first, missing, err := mean(tr.statistic)
	var hits []hit
	var warned []string
	for _, s := range c.scores[cohortKey{arm, tr.column, tr.level, tr.statistic}] {
		hits = append(hits, hit{score: s, cell: c.source.cells[s.Cell]})
		warned = union(warned, s.Warnings)
	}
	if err != nil || missing != nil {
		if missing != nil {
			missing.hits = hits
		}
		if missing != nil && c.allFew(cohortKey{arm, tr.column, tr.level, tr.statistic}) {
			missing.Text, missing.numbered = fmt.Sprintf("< %d", plugins.FewestTold), true
		}
		return orNone(missing), err
	}
	v := Value{Status: OK, Value: first, N: 1, Of: 1, hits: hits, notes: c.lost(arm)}
	for _, text := range alike(warned) {
		v.notes = append(v.notes, plainNote(text))
	}
	switch tr.statistic {
	case "rows":
		v.Text, v.numbered = fixed(first, 0), true
	case "median":
		low, missing, err := mean("lower_quartile")
		if err != nil || missing != nil {
			return orNone(missing), err
		}
		high, missing, err := mean("upper_quartile")
		if err != nil || missing != nil {
			return orNone(missing), err
		}
		v.Interval = &plugins.Interval{Low: low, High: high, Level: 0.5, Unit: "rows", Method: "quartiles"}
	default:
		share := first
		if tr.statistic == "missing" {
			rows, missing, err := c.mean(cohortKey{arm: arm, name: "rows"})
			if err != nil || missing != nil {
				return orNone(missing), err
			}
			share /= rows
		} else if share, missing, err = mean("share"); err != nil || missing != nil {
			return orNone(missing), err
		}
		v.Text, v.numbered = fixed(first, 0)+" ("+number(100*share, 1)+")", true
	}
	return v, nil
}

// allFew reports whether all scores are withheld as they are of 1 to 10 patients.
func (c *cohort) allFew(key cohortKey) bool {
	scores := c.scores[key]
	return len(scores) > 0 && !slices.ContainsFunc(scores, func(s *record.Score) bool { return s.Status == plugins.OK || s.Reason != plugins.WithheldFew })
}

func orNone(v *Value) Value {
	if v == nil {
		return Value{}
	}
	return *v
}

// mean is the mean of a score over the cells of an arm; of the real rows the one value that all cells have. missing says why there is none.
func (c *cohort) mean(key cohortKey) (mean float64, missing *Value, err error) {
	scores := c.scores[key]
	var values []float64
	var untold []*record.Score
	for _, s := range scores {
		if s.Status == plugins.OK {
			values = append(values, s.Value)
		} else {
			untold = append(untold, s)
		}
	}
	if key.arm != "" && len(values) > 0 && len(untold) > 0 { // a mean of those that tell it would be one of the greater counts
		v := &Value{Status: Undefined, notes: []note{plainNote(fmt.Sprintf("not told in %d of %d cells: %s", len(untold), len(scores), untold[0].Reason))}}
		if withheld(untold[0].Reason) {
			v.Status = Withheld
		}
		return 0, v, nil
	}
	if len(values) == 0 {
		v := &Value{Status: Absent, notes: []note{plainNote("not measured")}}
		if len(scores) > 0 {
			v.notes = []note{plainNote(scores[0].Reason)}
			v.Status = Undefined
			switch {
			case withheld(scores[0].Reason):
				v.Status = Withheld
			case scores[0].Status == plugins.Failed:
				v.Status = Failed
			}
		} else if lost := c.lost(key.arm); lost != nil {
			v.Status, v.notes = Failed, lost
		} else if key.level != "" {
			v.notes = []note{plainNote("no row, or told with other levels")}
		}
		return 0, v, nil
	}
	if key.arm == "" {
		if slices.Min(values) != slices.Max(values) {
			return 0, nil, errors.New("the real rows differ between cells; select one data set, site and arm of the data with where")
		}
		return values[0], nil, nil
	}
	if err := c.alike(key.arm); err != nil {
		return 0, nil, err
	}
	if key.level != "" { // a cell without a score of the level has no row of it
		rows := c.scores[cohortKey{arm: key.arm, name: "rows"}]
		values = append(values, make([]float64, max(0, len(rows)-len(values)))...)
	}
	mean, err = stats.Mean(values)
	return mean, nil, err
}

// alike reports cells of one arm that differ in what is not averaged over.
func (c *cohort) alike(arm string) error {
	cells := c.cells[arm]
	for _, cell := range cells {
		for _, axis := range c.core.Manifest.Axes {
			a, b := c.core.Cells[cells[0]].Axes[axis], c.core.Cells[cell].Axes[axis]
			if a != b && !slices.Contains(c.declared.Over, axis) {
				return fmt.Errorf("cells with %s %q and %q meet; add %q to over or where", axis, a, b, axis)
			}
		}
	}
	return nil
}

// lost says how many cells of an arm failed.
func (c *cohort) lost(arm string) []note {
	failed, why := 0, ""
	for _, cell := range c.cells[arm] {
		if one := &c.core.Cells[cell]; one.Status == record.CellFailed && !c.scored[cell] {
			failed, why = failed+1, one.Reason
		}
	}
	if failed == 0 {
		return nil
	}
	return []note{plainNote(fmt.Sprintf("%d of %d cells failed: %s", failed, len(c.cells[arm]), why))}
}

// units of the columns that data sets state.
func (src *source) units() map[string]string {
	out := map[string]string{}
	for _, d := range src.core.Manifest.Data {
		for _, column := range d.Columns {
			if column.Unit != "" {
				out[column.Name] = column.Unit
			}
		}
	}
	return out
}

// approximate reports whether a share is not of the exact number of rows with a value.
func (c *cohort) approximate() bool {
	for key, scores := range c.scores {
		if key.name == "share" && slices.ContainsFunc(scores, func(s *record.Score) bool { return len(s.Warnings) > 0 }) {
			return true
		}
	}
	return false
}

func (c *cohort) remark() string {
	text := "Number columns: median [lower quartile, upper quartile]; others: rows with the level, and their percentage of the rows with a value"
	if c.approximate() {
		text += ", which is approximate where it is withheld how many have none"
	}
	text += "."
	if len(c.declared.Over) > 0 {
		text += fmt.Sprintf(" Of synthetic rows each is the mean over %s.", unitOf(c.declared.Over))
	}
	return text + fmt.Sprintf(" Counts of 1 to %d patients are withheld, or told together as other levels.", plugins.FewestTold-1)
}

// imputed says of which data sets missing values were filled in before anything was measured: the real patients of a cohort table have
// those values, too.
func (src *source) imputed() []string {
	var resolved struct{ Datasets []spec.Dataset }
	if json.Unmarshal(src.core.Manifest.Resolved, &resolved) != nil {
		return nil // a record without it
	}
	var out []string
	for _, d := range resolved.Datasets {
		how := map[string]string{prepare.Median: "the median or most frequent level of train", prepare.Model: "a model of the other columns"}[d.Prepare.Missing]
		if how != "" {
			out = append(out, fmt.Sprintf("%s: missing values were filled in by %s, among the real patients as well.", d.Name, how))
		}
	}
	return out
}
