package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins"
	cohorts "github.com/ehrlab/ehrlab/plugins/cohort" // a table of that name is declared here
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// placeOfFeature is the count that lists the columns of feature subsets.
const placeOfFeature = "place of the feature"

// factTexts are shown for facts that the experiment has no labels for.
var factTexts = map[string]string{
	string(spec.SubjectsFact):     "patients",
	string(spec.LabelFact):        "rows with the label, %",
	string(spec.MissingFact):      "missing cells",
	string(spec.MissingShareFact): "missing cells, %",
}

// factHow says how counts became a fact.
var factHow = map[string]string{
	string(spec.RowsFact):         "the rows that the last step of the cohort left",
	string(spec.ColumnsFact):      "the columns that are counted, the label among them: a count of missing values for each that is told",
	string(spec.SubjectsFact):     "the patients of these rows",
	string(spec.HospitalsFact):    "the values of the column with the role site",
	string(spec.LabelFact):        "the rows with the label, divided by all rows",
	string(spec.GroupsFact):       "the count as it is recorded",
	string(spec.MissingFact):      "the sum of the missing values of the columns that are counted",
	string(spec.MissingShareFact): "the sum of the missing values of the columns that are counted, divided by rows times columns",
}

// studied is a data set as it is studied: after its cohort, before its split.
type studied struct {
	*source
	declared *spec.Table
	info     *record.DataInfo
	target   string
	columns  []string // that are counted
	problem  string   // why they are not known
}

// factLine is a line of a table of data sets: a fact or, of groups, one level of a column.
type factLine struct {
	fact          spec.Fact
	column, level string
}

// fillDataset fills a table of what data sets hold.
func (src *source) fillDataset(t *Table, declared *spec.Table) error {
	var sets []*studied
	for i := range src.core.Manifest.Data {
		info := &src.core.Manifest.Data[i]
		if values := declared.Where["dataset"]; values == nil || among(info.Name, values) {
			sets = append(sets, src.studied(declared, info))
		}
	}
	if len(sets) == 0 {
		return errors.New("no data set belongs to this table")
	}
	texts := *declared
	texts.Labels = maps.Clone(declared.Labels)
	if texts.Labels == nil {
		texts.Labels = map[string]map[string]string{}
	}
	texts.Labels[spec.FactRow] = maps.Clone(factTexts)
	maps.Copy(texts.Labels[spec.FactRow], declared.Labels[spec.FactRow])
	t.declared, t.Rows = &texts, []string{spec.FactRow}
	used := map[string]bool{}
	for _, s := range sets {
		used[s.info.Name] = true
		t.Columns = append(t.Columns, Column{Score: s.info.Name, Title: declared.Shown("dataset", s.info.Name), Better: plugins.Neutral, count: true})
	}
	lines := factLines(declared, sets)
	for _, f := range lines {
		name := string(f.fact)
		if f.column != "" {
			name = f.column + " " + f.level
			if text, ok := declared.Labels[f.column][f.level]; ok && declared.Labels[spec.FactRow][name] == "" {
				texts.Labels[spec.FactRow][name] = text
			}
		}
		line := Line{Labels: []string{name}, N: 1, Of: 1}
		for _, s := range sets {
			v := s.value(f)
			v.N, v.Of, v.as = 1, 1, f.form()
			line.Values = append(line.Values, v)
		}
		t.Lines = append(t.Lines, line)
	}
	t.Banner = src.banner(src.cellsOn(used))
	src.addPrintedFacts(t, declared, sets, lines)
	t.number()
	t.Remarks = append(append(t.Remarks, datasetRemark(declared)), t.left...)
	t.Data, t.Sources = src.describe(used, nil), []string{src.origin()}
	return nil
}

// cellsOn are the cells on some data sets.
func (src *source) cellsOn(used map[string]bool) []int {
	var cells []int
	for i := range src.core.Cells {
		if d := src.core.Cells[i].Axes["dataset"]; d == "" || used[d] {
			cells = append(cells, i)
		}
	}
	return cells
}

// factLines are the lines of the declared facts; of groups one for each level that any of the data sets has.
func factLines(declared *spec.Table, sets []*studied) []factLine {
	facts := spec.Facts()
	if len(declared.Of) > 0 {
		facts = nil
		for _, name := range declared.Of {
			facts = append(facts, spec.Fact(name))
		}
	}
	var out []factLine
	for _, f := range facts {
		if f != spec.GroupsFact {
			out = append(out, factLine{fact: f})
			continue
		}
		for _, s := range sets {
			for _, l := range s.groups() {
				if !slices.Contains(out, l) {
					out = append(out, l)
				}
			}
		}
	}
	return out
}

// form is how the number of a fact is shown.
func (f factLine) form() *Column {
	c := &Column{Score: string(f.fact), Title: string(f.fact), Better: plugins.Neutral, count: true}
	if f.fact == spec.LabelFact || f.fact == spec.MissingShareFact {
		c.Format, c.Digits, c.count = percentFormat, 2, false
	}
	return c
}

// studied gathers what is known of a data set: the columns that are counted are those of the declared feature subset, or all that features
// may be drawn from, and the label.
func (src *source) studied(declared *spec.Table, info *record.DataInfo) *studied {
	s := &studied{source: src, declared: declared, info: info}
	for _, c := range info.Columns {
		role := plugins.Role(c.Role)
		if role == plugins.RoleTarget {
			s.target = c.Name
		}
		if declared.Features == "" && !role.Leaks() {
			s.columns = append(s.columns, c.Name)
		}
	}
	if declared.Features != "" {
		s.subset(declared.Features)
	}
	return s
}

// subset counts the columns of a feature subset, and the label. A one-hot set stands for its columns.
func (s *studied) subset(name string) {
	places := map[int]string{}
	for i := range s.core.Counts {
		c := &s.core.Counts[i]
		if c.Dataset != s.info.Name || c.Name != placeOfFeature || c.Dims["features"] != name || !s.selected(c) {
			continue
		}
		column := c.Dims[plugins.ColumnDim]
		if other, known := places[c.Value]; known && other != column {
			s.problem = fmt.Sprintf("the columns of %q differ between cells, as each ranks its own train rows", name)
			return
		}
		places[c.Value] = column
	}
	if len(places) == 0 {
		s.problem = fmt.Sprintf("no cell on this data set has the features %q", name)
		return
	}
	sets := s.oneHot()
	for _, place := range slices.Sorted(maps.Keys(places)) {
		column := places[place]
		of, isSet := sets[column]
		switch {
		case isSet:
			s.columns = append(s.columns, of...)
		case slices.ContainsFunc(s.info.Columns, func(c record.ColumnInfo) bool { return c.Name == column }):
			s.columns = append(s.columns, column)
		default:
			s.problem = fmt.Sprintf("%q, of the features %q, is made by preparation and no column of the data", column, name)
			return
		}
	}
	if s.target != "" && !slices.Contains(s.columns, s.target) {
		s.columns = append(s.columns, s.target)
	}
}

// oneHot are the columns of each one-hot set of the data set.
func (s *studied) oneHot() map[string][]string {
	var resolved struct{ Datasets []spec.Dataset }
	if json.Unmarshal(s.core.Manifest.Resolved, &resolved) != nil {
		return nil // a record without it
	}
	out := map[string][]string{}
	for _, d := range resolved.Datasets {
		if d.Name != s.info.Name {
			continue
		}
		for name, set := range d.Prepare.OneHot {
			out[name] = set.Columns
		}
	}
	return out
}

// selected reports whether a count is of the arms of the data that the table selects.
func (s *studied) selected(c *record.Count) bool { return selects(s.declared, c) }

// selects reports whether a table selects the arm of the data that a count is of.
func selects(declared *spec.Table, c *record.Count) bool {
	for name, values := range declared.Where {
		if v, has := c.Dims[name]; has && name != "dataset" && !among(v, values) {
			return false
		}
	}
	return true
}

// counted finds a count of the cohort; of those of its steps the last. several: arms of the data have one each.
func (s *studied) counted(name, column, level string) (found *record.Count, several bool) {
	for i := range s.core.Counts {
		c := &s.core.Counts[i]
		if c.Dataset != s.info.Name || c.Cell != "" || c.Stage != "cohort" || c.Name != name ||
			c.Dims[plugins.ColumnDim] != column || c.Dims["level"] != level || !s.selected(c) {
			continue
		}
		axes := s.core.Manifest.Axes
		if found != nil && (found.Dims["step"] == c.Dims["step"] || !slices.Equal(valuesOf(found, axes), valuesOf(c, axes))) {
			return nil, true
		}
		found = c // steps come in their order
	}
	return found, false
}

// otherLevels stands for the levels of a column that are not told, where some are.
const otherLevels = "other levels"

// hides reports whether a column has levels that are not told.
func (s *studied) hides(column string) bool {
	distinct, _ := s.counted(cohorts.CountDistinct, column, "")
	told := 0
	for i := range s.core.Counts {
		c := &s.core.Counts[i]
		if c.Dataset == s.info.Name && c.Cell == "" && c.Name == cohorts.CountLevel && c.Dims[plugins.ColumnDim] == column && s.selected(c) {
			told++
		}
	}
	return distinct != nil && distinct.Value > told
}

// groups are the levels of the columns with the role group that are told, and one line of a column of which some or all are not.
func (s *studied) groups() []factLine {
	var out []factLine
	for _, c := range s.info.Columns {
		if plugins.Role(c.Role) != plugins.RoleGroup {
			continue
		}
		before := len(out)
		for i := range s.core.Counts {
			k := &s.core.Counts[i]
			if k.Dataset == s.info.Name && k.Cell == "" && k.Name == cohorts.CountLevel && k.Dims[plugins.ColumnDim] == c.Name {
				if l := (factLine{spec.GroupsFact, c.Name, k.Dims["level"]}); !slices.Contains(out, l) {
					out = append(out, l)
				}
			}
		}
		if its := out[before:]; len(its) == 2 && its[0].level == "0" && its[1].level == "1" { // what the column says comes first
			slices.Reverse(its)
		}
		if len(out) == before {
			out = append(out, factLine{spec.GroupsFact, c.Name, "levels"})
		} else if s.hides(c.Name) {
			out = append(out, factLine{spec.GroupsFact, c.Name, otherLevels})
		}
	}
	return out
}

// value is a fact of the data set.
func (s *studied) value(f factLine) Value {
	switch f.fact {
	case spec.RowsFact:
		return s.single("left", "", "")
	case spec.SubjectsFact:
		v := s.single("subjects left", "", "")
		if v.Status != OK && s.withRole(plugins.RoleSubject) == "" {
			return absent("no column has the role subject")
		}
		return v
	case spec.HospitalsFact:
		if site := s.withRole(plugins.RoleSite); site != "" {
			return s.single(cohorts.CountDistinct, site, "")
		}
		return absent("no column has the role site")
	case spec.GroupsFact:
		if f.level == otherLevels && !s.hides(f.column) {
			return absent("all levels are told")
		}
		return s.single(cohorts.CountLevel, f.column, f.level)
	case spec.LabelFact:
		return s.labelled()
	case spec.ColumnsFact:
		if s.problem != "" {
			return absent(s.problem)
		}
		v := s.missing()
		return Value{Status: OK, Value: float64(len(s.columns)), counts: v.counts}
	case spec.MissingShareFact:
		return over(s.missing(), s.single("left", "", ""), float64(len(s.columns)))
	}
	return s.missing()
}

func absent(why string) Value { return Value{Status: Absent, notes: []note{plainNote(why)}} }

func (s *studied) withRole(role plugins.Role) string {
	for _, c := range s.info.Columns {
		if plugins.Role(c.Role) == role {
			return c.Name
		}
	}
	return ""
}

// single is one count.
func (s *studied) single(name, column, level string) Value {
	c, several := s.counted(name, column, level)
	switch {
	case several:
		return absent("differs between arms of the data: select one with where")
	case c != nil:
		return Value{Status: OK, Value: float64(c.Value), counts: []*record.Count{c}}
	case !s.described():
		return absent("withheld, or not counted when this version was made")
	}
	return s.untold()
}

// described reports whether the cohort was described when the version was made.
func (s *studied) described() bool {
	return slices.ContainsFunc(s.core.Counts, func(c record.Count) bool {
		return c.Dataset == s.info.Name && c.Stage == "cohort" && c.Name == cohorts.CountMissing
	})
}

// untold is a count that is not there.
func (s *studied) untold() Value {
	return Value{Status: Withheld, notes: []note{plainNote(fmt.Sprintf(
		"withheld, as it stands for fewer than %d patients or would tell such a count by subtraction; or not counted", plugins.FewestTold))}}
}

// labelled is the share of rows with the label.
func (s *studied) labelled() Value {
	if s.target == "" {
		return absent("no column has the role target")
	}
	level := "1"
	if i := slices.IndexFunc(s.info.Columns, func(c record.ColumnInfo) bool { return c.Name == s.target }); s.info.Columns[i].Kind == "category" {
		if level = s.positive(); level == "" {
			return s.untold()
		}
	}
	return over(s.single(cohorts.CountLevel, s.target, level), s.single("left", "", ""), 1)
}

// positive is the level of a category that is the label, as package label has it: the last in the order of bytes; "" where none is told.
func (s *studied) positive() string {
	last := ""
	for i := range s.core.Counts {
		if c := &s.core.Counts[i]; c.Dataset == s.info.Name && c.Name == cohorts.CountLevel && c.Dims[plugins.ColumnDim] == s.target {
			last = max(last, c.Dims["level"])
		}
	}
	return last
}

// missing is the number of cells without a value in the columns that are counted.
func (s *studied) missing() Value {
	if s.problem != "" {
		return absent(s.problem)
	}
	if !s.described() {
		return absent("withheld, or not counted when this version was made")
	}
	v, untold := Value{Status: OK}, 0
	for _, column := range s.columns {
		c, several := s.counted(cohorts.CountMissing, column, "")
		switch {
		case several:
			return absent("differs between arms of the data: select one with where")
		case c == nil:
			untold++
		default:
			v.Value, v.counts = v.Value+float64(c.Value), append(v.counts, c)
		}
	}
	if untold == 0 {
		return v
	}
	all := 0
	for _, column := range s.info.Columns {
		if c, _ := s.counted(cohorts.CountMissing, column.Name, ""); c == nil {
			all++
		}
	}
	together, _ := s.counted(cohorts.CountMissingTogether, "", "")
	if together == nil || untold < all {
		return missingWithheld(v, untold, together)
	}
	v.Value, v.counts = v.Value+float64(together.Value), append(v.counts, together)
	return v
}

// missingWithheld says between what the missing cells of columns lie, of some of which the number is not told.
func missingWithheld(told Value, untold int, together *record.Count) Value {
	least := grouped(strconv.FormatFloat(told.Value, 'f', -1, 64))
	between := "at least " + least
	if together != nil {
		between = fmt.Sprintf("%s to %s", least, grouped(strconv.FormatFloat(told.Value+float64(together.Value), 'f', -1, 64)))
	}
	return Value{Status: Withheld, notes: []note{plainNote(fmt.Sprintf(
		"%s: withheld of %s, as it stands for fewer than %d patients or would tell such a count by subtraction", between, plural(untold, "column"), plugins.FewestTold))}}
}

// over is a share: a count divided by rows, and by what else there is of each.
func over(count, rows Value, each float64) Value {
	switch {
	case count.Status != OK:
		return count
	case rows.Status != OK:
		return rows
	case rows.Value == 0 || each == 0:
		return Value{Status: Undefined, notes: []note{plainNote("there is nothing to have a share of")}}
	}
	return Value{Status: OK, Value: count.Value / (rows.Value * each), counts: append(slices.Clone(count.counts), rows.counts...)}
}

// datasetRemark says what is counted.
func datasetRemark(declared *spec.Table) string {
	of := "those that features may be drawn from, without identifiers, outcomes, scores of other models and what describes hospitals,"
	if declared.Features != "" {
		of = fmt.Sprintf("those of the features %q", declared.Features)
	}
	return fmt.Sprintf("Of all rows after the cohort, before the split and any preparation. Columns: %s and the label; missing cells are counted in these. "+
		"Counts of 1 to %d patients are withheld, and what would tell them by subtraction.", of, plugins.FewestTold-1)
}
