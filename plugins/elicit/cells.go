package elicit

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/prompt"
)

// maxLevels is the number of values up to which a column of numbers can form groups: beyond it, it is a measurement.
const maxLevels = 20

// maxGroups is the number of groups beyond which crossed columns are taken for a mistake.
const maxGroups = 1000

// fixed is a value that all rows of a cell have. It is put in by us, whatever the model writes.
type fixed struct{ column, text string }

// cell is the rows that are asked for alike: those of one group and label.
type cell struct {
	group  int     // index into the groups; 0 where there are none
	values []fixed // of the groups' columns, then of the label
	dims   map[string]string
	words  string // for people: "is_female 1, death 0"; empty where nothing is fixed
	said   string // the group, as the prompt says it: "is_female is 1 and race is asian"
	label  string // the label, likewise
	rows   int
}

// value returns what is fixed for a column, or nil.
func (c *cell) value(column string) *string {
	for i := range c.values {
		if c.values[i].column == column {
			return &c.values[i].text
		}
	}
	return nil
}

// group is a combination of levels of the columns that groups are formed by.
type group struct {
	levels   []string // one of each column, as CSV has it
	rows     []int    // of train
	patients int
	share    float64 // of the rows of train that are in a group
}

// groups returns the combinations of levels of some columns, in order. From train, those of fewer than plugins.FewestTold
// patients are left out, and counted. Columns with declared levels have these; then groups of few patients stay, unless rows are
// asked for in the shares of train, which would tell how few.
func (s *setup) groups(columns []*frame.Column) (groups []group, left int, err error) {
	choices := make([][]string, len(columns))
	total, known := 1, true
	for i, c := range columns {
		declared, err := s.levels(c)
		if err != nil {
			return nil, 0, err
		}
		known = known && declared != nil
		if choices[i] = declared; declared == nil {
			choices[i] = distinct(c)
		}
		if total *= len(choices[i]); total > maxGroups {
			return nil, 0, fmt.Errorf("by crosses %d columns to more than %d groups; name fewer", len(columns), maxGroups)
		}
	}
	index := map[string]int{}
	cross(choices, func(levels []string) {
		index[strings.Join(levels, "\x00")] = len(groups)
		groups = append(groups, group{levels: levels})
	})
	key := make([]string, len(columns))
	var outside []int // rows in no group
	for row := range s.train.Rows() {
		for i, c := range columns {
			key[i] = prompt.Cell(c, row) // empty where it is missing, and that is no level
		}
		if at, ok := index[strings.Join(key, "\x00")]; ok {
			groups[at].rows = append(groups[at].rows, row)
		} else {
			outside = append(outside, row)
		}
	}
	switch n := s.patients(outside); {
	case n >= plugins.FewestTold:
		s.note(fmt.Sprintf("rows of train in no group, as %s is missing or no declared level: %d; shares are those of the other rows",
			prompt.List(names(columns)), len(outside)))
	case n > 0:
		s.note(fmt.Sprintf("rows of train in no group, as %s is missing or no declared level: of fewer than %d patients",
			prompt.List(names(columns)), plugins.FewestTold))
	}
	for i := range groups {
		groups[i].patients = s.patients(groups[i].rows)
	}
	if !known || s.design.Shares == SharesReal { // declared levels are no secret, but how many rows a group has is
		all := len(groups)
		groups = slices.DeleteFunc(groups, func(g group) bool { return g.patients < plugins.FewestTold })
		left = all - len(groups)
	}
	in := 0
	for _, g := range groups {
		in += len(g.rows)
	}
	if in == 0 {
		return nil, 0, fmt.Errorf("no group by %s has %d patients of train or more", prompt.List(names(columns)), plugins.FewestTold)
	}
	for i := range groups {
		groups[i].share = float64(len(groups[i].rows)) / float64(in)
	}
	return groups, left, nil
}

// cross calls f with every combination of one text of each list, the last list fastest.
func cross(lists [][]string, f func([]string)) {
	at := make([]int, len(lists))
	for _, l := range lists {
		if len(l) == 0 {
			return
		}
	}
	for {
		levels := make([]string, len(lists))
		for i, l := range lists {
			levels[i] = l[at[i]]
		}
		f(levels)
		i := len(lists) - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i] < len(lists[i]) {
				break
			}
			at[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// levels returns the declared levels of a column, which forms groups, or nil where train tells them.
func (s *setup) levels(c *frame.Column) ([]string, error) {
	l, ok := s.limits[c.Name]
	switch {
	case c.Kind == frame.Category && ok && len(l.Levels) > 0:
		levels := slices.Clone(l.Levels)
		slices.Sort(levels)
		return slices.Compact(levels), nil
	case c.Kind == frame.Number && ok && c.Integer && l.Min != nil && l.Max != nil && *l.Max-*l.Min < maxLevels:
		var levels []string
		for v := math.Ceil(*l.Min); v <= *l.Max; v++ {
			levels = append(levels, prompt.Number(v))
		}
		return levels, nil
	case s.config.Limits == LimitsDeclared:
		return nil, fmt.Errorf("the levels of column %q are not declared, and limits is %q: declare its levels, or min and max where it holds whole numbers",
			c.Name, LimitsDeclared)
	case c.Kind == frame.Number && len(distinct(c)) > maxLevels:
		return nil, fmt.Errorf("column %q has more than %d values: groups are formed by a category, or by a number of few values", c.Name, maxLevels)
	}
	return nil, nil
}

// distinct returns the values of a column as CSV has them: levels in their order, numbers ascending.
func distinct(c *frame.Column) []string {
	if c.Kind == frame.Category { // an empty level cannot be told from none
		return slices.DeleteFunc(slices.Clone(c.Levels), func(l string) bool { return l == "" })
	}
	seen := map[float64]bool{}
	var values []float64
	for _, v := range c.Numbers {
		if v == v && !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	slices.Sort(values)
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = prompt.Number(v)
	}
	return out
}

func names(columns []*frame.Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

// cells parts n rows among groups and labels.
func (s *setup) cells(n int) error {
	rows := []int{n}
	groups := []group{{rows: nil}}
	if len(s.by) > 0 {
		groups = s.grouped
		weights := make([]float64, len(groups))
		for i, g := range groups {
			if weights[i] = 1; s.design.Shares == SharesReal {
				weights[i] = float64(len(g.rows))
			}
		}
		rows = allocate(n, weights)
	}
	owed := make([]float64, len(s.labels))
	for i, g := range groups {
		values := make([]fixed, len(s.by))
		for j, c := range s.by {
			values[j] = fixed{c.Name, g.levels[j]}
		}
		c := cell{group: i, values: values, rows: rows[i]}
		if s.config.Label.Mode != Conditioned {
			s.add(c)
			continue
		}
		if err := s.byLabel(c, g, owed); err != nil {
			return err
		}
	}
	return nil
}

// byLabel adds the cells of a group's labels. owed is what rounding has kept from each label in the groups before.
func (s *setup) byLabel(c cell, g group, owed []float64) error {
	labels, weights, err := s.prevalence(g)
	if err != nil {
		return err
	}
	for i, rows := range allocateOn(c.rows, weights, owed) {
		one := c
		one.values = append(slices.Clone(c.values), fixed{s.target.Name, labels[i]})
		one.rows = rows
		s.add(one)
	}
	return nil
}

// add completes a cell and adds it.
func (s *setup) add(c cell) {
	var words, levels []string
	for i, v := range c.values {
		if c.dims == nil {
			c.dims = map[string]string{}
		}
		c.dims[dimension(v.column)] = v.text
		words = append(words, v.column+" "+v.text)
		if i < len(s.by) {
			levels = append(levels, v.text)
		} else {
			c.label = v.column + " is " + v.text
		}
	}
	c.words, c.said = strings.Join(words, ", "), s.say(levels)
	s.all = append(s.all, c)
}

// dimension is the name that a column has as a dimension of counts. It is the column's own, but for those that the account of rows has
// for other dimensions, which a column would hide: "reason" becomes "column reason", and that "column column reason".
func dimension(column string) string {
	bare := column
	for strings.HasPrefix(bare, prefixed) {
		bare = strings.TrimPrefix(bare, prefixed)
	}
	if slices.Contains([]string{"block", "label", "reason", "repair"}, bare) {
		return prefixed + column
	}
	return column
}

const prefixed = "column "

// say puts the levels of a group as a sentence has them.
func (s *setup) say(levels []string) string {
	said := make([]string, len(levels))
	for i, l := range levels {
		said[i] = s.by[i].Name + " is " + l
	}
	return strings.Join(said, " and ")
}

// prevalence returns the labels and their weights in a group. The shares of train are those within the group, where every
// label has plugins.FewestTold patients there or more, and else those of all of train.
func (s *setup) prevalence(g group) (labels []string, weights []float64, err error) {
	labels = s.labels
	if p := float64(s.config.Label.Prevalence); p > 0 {
		positive, err := label.Positive(s.target)
		if err != nil {
			return nil, nil, err
		}
		if len(labels) != 2 {
			return nil, nil, fmt.Errorf("label.prevalence is a number, and target %q has %d labels; two are needed", s.target.Name, len(labels))
		}
		weights = []float64{1 - p, 1 - p}
		weights[slices.Index(labels, positive)] = p
		return labels, weights, nil
	}
	if g.levels != nil {
		if weights, few := s.weights(g.rows); few == "" {
			return labels, weights, nil
		}
		s.note(fmt.Sprintf("label.prevalence: a label has fewer than %d patients of train where %s: the prevalence there is that of all of train",
			plugins.FewestTold, s.say(g.levels)))
	}
	weights, few := s.weights(s.everyRow())
	if few != "" {
		return nil, nil, fmt.Errorf("label.prevalence is \"real\", and fewer than %d patients of train have %s %s: give a number",
			plugins.FewestTold, s.target.Name, few)
	}
	return labels, weights, nil
}

// weights counts the rows of each label. few names a label that too few patients have; one that nobody has is no such.
func (s *setup) weights(rows []int) (weights []float64, few string) {
	byLabel := make([][]int, len(s.labels))
	for _, r := range rows {
		if s.target.IsMissing(r) {
			continue
		}
		if at := slices.Index(s.labels, prompt.Cell(s.target, r)); at >= 0 {
			byLabel[at] = append(byLabel[at], r)
		}
	}
	weights = make([]float64, len(s.labels))
	for i, rows := range byLabel {
		weights[i] = float64(len(rows))
		if len(rows) > 0 && !s.enough(rows) {
			few = s.labels[i]
		}
	}
	return weights, few
}

// labelsOf returns the labels that rows are asked for by: 0 and 1 of a number that holds nothing else, whether or not
// train has both, and else the values that are declared or in train.
func (s *setup) labelsOf(target *frame.Column) ([]string, error) {
	values := distinct(target)
	if target.Kind == frame.Number && !slices.ContainsFunc(values, func(v string) bool { return v != "0" && v != "1" }) {
		return []string{"0", "1"}, nil
	}
	declared, err := s.levels(target)
	if err != nil || declared != nil {
		return declared, err
	}
	if len(values) > maxLevels {
		return nil, fmt.Errorf("target %q has %d values: rows can be asked for by label where it has at most %d", target.Name, len(values), maxLevels)
	}
	return values, nil
}

// strata returns the groups that rows were made in, with their shares of train. codes is the group of each row.
func (s *setup) strata(codes []int32) *plugins.Strata {
	if len(s.by) == 0 || s.design.Shares == SharesReal {
		return nil
	}
	out := &plugins.Strata{Name: strings.Join(names(s.by), " × "), Codes: codes}
	for _, g := range s.grouped {
		out.Levels = append(out.Levels, strings.Join(g.levels, ", "))
		out.Shares = append(out.Shares, g.share)
	}
	return out
}
