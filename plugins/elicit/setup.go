package elicit

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/prompt"
	"github.com/ehrlab/ehrlab/plugins/reply"
	"github.com/ehrlab/ehrlab/plugins/strategy"
)

// setup is what follows from the settings and the task before anything is asked.
type setup struct {
	config *Config
	design *Design
	limits map[string]plugins.Limit
	memo   *plugins.Memo // of what columns of train have, for other calls that read them

	train   *frame.Frame
	subject *frame.Column // of each row of train; nil: each row is one
	ids     []int         // the patient of each row of train; nil likewise
	target  *frame.Column
	by      []*frame.Column // that groups are formed by, of train or beside it
	grouped []group
	left    int      // groups of too few patients
	labels  []string // that rows are asked for by; nil where the model decides
	counted []string // labels that rejected rows are counted by, where the model decides
	all     []cell

	columns    []column // in the order of prompts
	stages     [][]int  // the columns that each stage asks for, as indices into columns
	shown      *frame.Frame
	aggregates *prompt.Aggregates
	chooser    *chooser
	notes      []string
}

// column is a column that is asked for, or that groups are formed by.
type column struct {
	*frame.Column
	told  prompt.Column // what the prompt says
	valid reply.Column  // what a value must be
	at    int           // its place in train; -1 for one beside it
}

func (s *setup) note(text string) {
	if !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

// newSetup reads the task.
func (st *Strategy) newSetup(env plugins.Env, task plugins.Task) (*setup, error) {
	train, err := strategy.Source(task, plugins.Train)
	if err != nil {
		return nil, err
	}
	s := &setup{
		config: &st.config, design: &st.design, limits: task.Limits, memo: env.Memo,
		train: train, subject: task.Parts.Get(plugins.Train).Subject, target: train.Column(task.Target),
	}
	if s.target == nil {
		return nil, fmt.Errorf("train has no target %q", task.Target)
	}
	if err := s.setPatients(); err != nil {
		return nil, err
	}
	if err := s.setGroups(task.Beside); err != nil {
		return nil, err
	}
	if s.config.Label.Mode == Conditioned {
		if s.labels, err = s.labelsOf(s.target); err != nil {
			return nil, err
		}
	} else {
		s.counted = s.countedLabels()
	}
	if err := s.setColumns(task.About); err != nil {
		return nil, err
	}
	if err := s.setStages(); err != nil {
		return nil, err
	}
	if err := s.setAggregates(); err != nil {
		return nil, err
	}
	if err := s.checkLevels(); err != nil {
		return nil, err
	}
	whole := s.target
	if task.Rows != nil {
		if whole, err = wholeTrain(task, s.target.Len()); err != nil {
			return nil, err
		}
	}
	s.chooser = newChooser(s.config, env.Rand, whole, task.Rows)
	return s, s.cells(task.N)
}

// checkLevels refuses prompts of which no answer could be valid: a category is asked for, and nothing tells its levels.
func (s *setup) checkLevels() error {
	if s.config.Examples > 0 || s.config.Aggregates != AggregatesNone || s.config.Limits == LimitsNone { // names alone: guesses are wanted
		return nil
	}
	for i := len(s.by); i < len(s.columns); i++ { // groups are given
		c := &s.columns[i]
		given := c.Column == s.target && s.labels != nil
		if c.Kind == frame.Category && len(c.told.Levels) == 0 && !given {
			return fmt.Errorf("column %q: no prompt tells its levels, so that hardly any answer would be valid: declare them in the limits of the data set, show examples, or set limits to %q", c.Name, LimitsTrain)
		}
	}
	return nil
}

// wholeTrain returns the label of the whole train part, of which the task has so many rows.
func wholeTrain(task plugins.Task, rows int) (*frame.Column, error) {
	all := 0
	if task.Labels != nil {
		all = task.Labels.Len()
	}
	if len(task.Rows) != rows || !slices.IsSorted(task.Rows) || rows > 0 && (task.Rows[0] < 0 || task.Rows[rows-1] >= all) {
		return nil, fmt.Errorf("train has %d rows, told to be %d of %d", rows, len(task.Rows), all)
	}
	return task.Labels, nil
}

// setPatients numbers patients. A row without a subject counts with the others that have none.
func (s *setup) setPatients() (err error) {
	if s.subject == nil {
		return nil
	}
	type key struct{ subject *frame.Column }
	s.ids, err = plugins.Remember(s.memo, key{s.subject}, func() ([]int, error) {
		index := map[string]int{}
		ids := make([]int, s.subject.Len())
		for i := range ids {
			text := prompt.Cell(s.subject, i)
			if _, ok := index[text]; !ok {
				index[text] = len(index)
			}
			ids[i] = index[text]
		}
		return ids, nil
	})
	return err
}

// patients is the number of patients that rows of train stand for.
func (s *setup) patients(rows []int) int {
	if s.ids == nil {
		return len(rows)
	}
	seen := make(map[int]bool, len(rows))
	for _, r := range rows {
		seen[s.ids[r]] = true
	}
	return len(seen)
}

// enough reports whether rows stand for plugins.FewestTold patients or more.
func (s *setup) enough(rows []int) bool {
	if s.ids == nil {
		return len(rows) >= plugins.FewestTold
	}
	seen := make([]int, 0, plugins.FewestTold)
	for _, r := range rows {
		if slices.Contains(seen, s.ids[r]) {
			continue
		}
		if seen = append(seen, s.ids[r]); len(seen) == plugins.FewestTold {
			return true
		}
	}
	return false
}

func (s *setup) everyRow() []int {
	rows := make([]int, s.train.Rows())
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// setGroups finds the columns that groups are formed by, in train or beside it.
func (s *setup) setGroups(beside *frame.Frame) (err error) {
	for _, name := range s.design.By {
		c := s.train.Column(name)
		if c == nil && beside != nil {
			c = beside.Column(name)
		}
		switch {
		case c == nil:
			return fmt.Errorf("by: no column named %q; a one-hot set goes by its own name", name)
		case c == s.target:
			return fmt.Errorf("by names the target %q: say label: mode: %q", name, Conditioned)
		case c.Len() != s.train.Rows():
			return fmt.Errorf("by: column %q has %d rows beside %d of train", name, c.Len(), s.train.Rows())
		}
		s.by = append(s.by, c)
	}
	if len(s.by) > 0 {
		if s.grouped, s.left, err = s.groups(s.by); s.left > 0 {
			s.note(fmt.Sprintf("groups of fewer than %d patients of train, left out: %d", plugins.FewestTold, s.left))
		}
	}
	return err
}

// setColumns puts the columns in the order of prompts: those of groups, those that the order names, the others as in train,
// the label first or last.
func (s *setup) setColumns(about map[string]plugins.ColumnInfo) error {
	order := slices.Clone(s.by)
	var absent []string
	for _, name := range s.design.Order {
		c := s.train.Column(name)
		switch {
		case c == nil: // of another subset, perhaps
			absent = append(absent, name)
			continue
		case c == s.target:
			return fmt.Errorf("order names the target %q: say label: order: %q or %q", name, First, Last)
		case slices.Contains(order, c):
			continue // it forms groups, and so comes first
		}
		order = append(order, c)
	}
	if len(absent) > 0 {
		s.note("order names columns that are not among the features here: " + strings.Join(absent, ", "))
	}
	for _, c := range s.train.Columns() {
		if c != s.target && !slices.Contains(order, c) {
			order = append(order, c)
		}
	}
	if s.config.Label.Order == First {
		order = slices.Insert(order, len(s.by), s.target)
	} else {
		order = append(order, s.target)
	}
	place := map[string]int{}
	for i, name := range s.train.Names() {
		place[name] = i
	}
	for _, c := range order {
		at, ok := place[c.Name]
		if !ok {
			at = -1
		}
		has, err := s.held(c)
		if err != nil {
			return err
		}
		s.columns = append(s.columns, column{Column: c, told: s.told(c, has, about[c.Name]), valid: s.valid(c, has), at: at})
	}
	var err error
	s.shown, err = frame.New(order...)
	return err
}

// held is what a column of train holds.
type held struct {
	missing         int      // rows without a value
	tellable        []string // levels that plugins.FewestTold patients have, or more
	absent          bool     // as many lack a value
	least, greatest float64  // of a number; least is greater where there is none
}

// held looks at a column, once for all calls that read it.
func (s *setup) held(c *frame.Column) (held, error) {
	type key struct{ column, subject *frame.Column }
	return plugins.Remember(s.memo, key{c, s.subject}, func() (held, error) {
		out := held{missing: c.MissingCount(), least: math.Inf(1), greatest: math.Inf(-1)}
		absent := make([]int, 0, out.missing)
		for row := 0; len(absent) < out.missing; row++ {
			if c.IsMissing(row) {
				absent = append(absent, row)
			}
		}
		out.absent = s.enough(absent)
		for _, v := range c.Numbers {
			if v == v {
				out.least, out.greatest = min(out.least, v), max(out.greatest, v)
			}
		}
		if c.Kind == frame.Category {
			out.tellable = s.tellable(c)
		}
		return out, nil
	})
}

// told is what the prompt says of a column.
func (s *setup) told(c *frame.Column, has held, about plugins.ColumnInfo) prompt.Column {
	out := prompt.Column{Name: c.Name}
	if s.config.Limits == LimitsNone {
		return out
	}
	out.Unit, out.About = c.Unit, about.Summary
	if out.Unit == "" {
		out.Unit = about.Unit
	}
	limit := s.limits[c.Name]
	switch {
	case c.Kind == frame.Category:
		out.Type = prompt.Category
		if out.Levels = limit.Levels; out.Levels == nil && s.config.Limits == LimitsTrain {
			out.Levels = has.tellable
		}
	case c.Integer:
		out.Type, out.Min, out.Max = prompt.Integer, limit.Min, limit.Max
	default:
		out.Type, out.Min, out.Max = prompt.Real, limit.Min, limit.Max
	}
	out.Missing = s.config.Limits == LimitsTrain && has.absent
	return out
}

// tellable returns the levels that plugins.FewestTold patients of train have, or more.
func (s *setup) tellable(c *frame.Column) []string {
	rows := make([][]int, len(c.Levels))
	for row, code := range c.Codes {
		if code != frame.Missing {
			rows[code] = append(rows[code], row)
		}
	}
	var out []string
	for i, l := range c.Levels {
		if s.enough(rows[i]) {
			out = append(out, l)
		}
	}
	return out
}

// valid is what a value of a column must be, whatever the prompt says of it: of the declared levels, or else of those of
// train; within the declared limits or else the range of train; missing only where train has missing values.
func (s *setup) valid(c *frame.Column, has held) reply.Column {
	out := reply.Column{Name: c.Name, Kind: c.Kind, Integer: c.Integer, Unit: c.Unit, Missing: has.missing > 0}
	limit := s.limits[c.Name]
	if c.Kind == frame.Category {
		if out.Levels = limit.Levels; out.Levels == nil {
			out.Levels = c.Levels
		}
		return out
	}
	if out.Min = limit.Min; out.Min == nil && has.least <= has.greatest {
		out.Min = &has.least
	}
	if out.Max = limit.Max; out.Max == nil && has.least <= has.greatest {
		out.Max = &has.greatest
	}
	if out.Min != nil && out.Max != nil && *out.Min > *out.Max { // one is declared, and beyond all of train
		out.Min, out.Max = limit.Min, limit.Max
	}
	return out
}

// setStages parts the columns that the model writes into blocks. What is fixed for all rows of a cell stands in the first.
func (s *setup) setStages() error {
	var free, given []int
	for i, c := range s.columns {
		if slices.Contains(s.by, c.Column) || s.labels != nil && c.Column == s.target {
			given = append(given, i)
		} else {
			free = append(free, i)
		}
	}
	size := s.design.Block
	if size == 0 {
		size = max(1, len(free))
	}
	for block := range slices.Chunk(free, size) {
		s.stages = append(s.stages, block)
	}
	if len(s.stages) == 0 {
		return fmt.Errorf("there is no column for the model to write: all of them are fixed")
	}
	s.stages[0] = append(given, s.stages[0]...)
	slices.Sort(s.stages[0])
	return nil
}

// setAggregates computes what is told of train.
func (s *setup) setAggregates() error {
	kind := s.config.Aggregates
	if kind == AggregatesNone && s.config.Limits != LimitsTrain {
		return nil
	}
	label := ""
	if kind == AggregatesLabel {
		label = s.target.Name
	}
	if !s.enough(s.everyRow()) {
		s.note(fmt.Sprintf("train has fewer than %d patients: nothing is told of it but what is declared", plugins.FewestTold))
		return nil
	}
	var err error
	if s.aggregates, err = prompt.Compute(s.memo, s.shown, s.subject, label); err != nil {
		return err
	}
	if kind == AggregatesNone {
		s.aggregates = s.usual(s.aggregates)
	}
	return nil
}

// usual is the part of aggregates that stands in for limits that nobody declared: the 5th and 95th percentile of a number, or
// the shares of its values where they are few.
func (s *setup) usual(all *prompt.Aggregates) *prompt.Aggregates {
	out := &prompt.Aggregates{Rows: all.Rows}
	for _, a := range all.Columns {
		c := s.shown.Column(a.Name)
		limit := s.limits[a.Name]
		if c.Kind == frame.Category || limit.Min != nil && limit.Max != nil {
			continue
		}
		if a = (prompt.Aggregate{Name: a.Name, P5: a.P5, P95: a.P95, Levels: a.Levels, Others: a.Others}); a.P5 != nil || a.P95 != nil || len(a.Levels) > 0 {
			out.Columns = append(out.Columns, a)
		}
	}
	if len(out.Columns) == 0 {
		return nil
	}
	return out
}

// tellOf returns the aggregates of some columns, or nil.
func tellOf(all *prompt.Aggregates, names []string) *prompt.Aggregates {
	if all == nil {
		return nil
	}
	pick := func(from []prompt.Aggregate) []prompt.Aggregate {
		var out []prompt.Aggregate
		for _, a := range from {
			if slices.Contains(names, a.Name) {
				out = append(out, a)
			}
		}
		return out
	}
	out := &prompt.Aggregates{Rows: all.Rows, Label: all.Label, Columns: pick(all.Columns)}
	for _, c := range all.By {
		out.By = append(out.By, prompt.Class{Value: c.Value, Rows: c.Rows, Columns: pick(c.Columns)})
	}
	if len(out.Columns) == 0 {
		return nil
	}
	return out
}
