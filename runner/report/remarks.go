package report

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// banner is what every view of simulated results says. A table whose cells have real patients and real models behind them has none.
// No cells stand for all.
func (src *source) banner(cells []int) string {
	m := &src.core.Manifest
	if !m.Simulated {
		return ""
	}
	used := src.datasets(cells)
	known, patients, model := false, false, false
	for _, d := range m.Data {
		if d.Simulated || d.Governance == plugins.Simulated {
			known = true
			patients = patients || len(cells) == 0 || used[""] || used[d.Name]
		}
	}
	for _, l := range m.LLMs {
		if l.Simulated {
			known = true
			model = model || len(cells) == 0 || slices.ContainsFunc(cells, func(cell int) bool { return src.asks(cell, l.Name) })
		}
	}
	switch {
	case patients && model:
		return simulated + "invented patients and an invented model"
	case model:
		return simulated + "real patients' data and an invented model"
	case patients || !known:
		return simulated + "invented patients"
	}
	return ""
}

const simulated = "SIMULATED: software check on "

// remarks says how to read a whole table.
func (src *source) remarks(t *Table) []string {
	var out []string
	if d := directions(t.Columns); d != "" {
		out = append(out, d)
	}
	if s := t.summaries(); s != "" {
		out = append(out, s)
	}
	out = append(out, t.intervals()...)
	out = append(out, src.singles(t)...)
	if t.sorted != "" {
		what := "Lines"
		if t.transposed() {
			what = "Columns"
		}
		out = append(out, what+" are sorted by "+t.sorted+".")
	}
	out = append(out, t.left...)
	out = append(out, t.statisticsRemark()...)
	out = append(out, t.spreads()...)
	if on := src.onValidation(t); on != "" {
		out = append(out, on)
	}
	return append(out, src.listedExclusions()...)
}

// sources says what the cells of a table rest on, the data sets aside.
func (src *source) sources(t *Table, cells []int) []string {
	var out []string
	if models := src.models(cells); models != "" {
		out = append(out, models)
	}
	out = append(out, src.choices(cells, t.labelled)...)
	return append(out, src.origin())
}

// models names the language models that some cells asked, and when: "Language model: o1 (o1-2024-12-17), asked on 2025-03-01 to
// 2025-03-04 UTC."
func (src *source) models(cells []int) string {
	var parts []string
	for _, m := range src.core.Manifest.LLMs {
		if !slices.ContainsFunc(cells, func(cell int) bool { return src.asks(cell, m.Name) }) {
			continue
		}
		part, names := m.Name, []string{}
		if m.Model != "" {
			names = append(names, m.Model)
		}
		if others := slices.DeleteFunc(slices.Clone(m.Served), func(s string) bool { return s == m.Model }); len(others) > 0 {
			names = append(names, "served as "+strings.Join(others, ", "))
		}
		if len(names) > 0 {
			part += " (" + strings.Join(names, ", ") + ")"
		}
		if !m.First.IsZero() {
			part += ", asked on " + m.First.UTC().Format(time.DateOnly)
			if last := m.Last.UTC().Format(time.DateOnly); last != m.First.UTC().Format(time.DateOnly) {
				part += " to " + last
			}
			part += " UTC"
		}
		parts = union(parts, []string{part}) // an axis may set it in several ways
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return "Language model: " + parts[0] + "."
	}
	return "Language models: " + strings.Join(parts, "; ") + "."
}

func directions(columns []Column) string {
	var parts []string
	for _, d := range []struct {
		better plugins.Direction
		text   string
	}{{plugins.Higher, "↑ higher is better"}, {plugins.Lower, "↓ lower is better"}} {
		if slices.ContainsFunc(columns, func(c Column) bool { return c.Better == d.better }) {
			parts = append(parts, d.text)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// summaries explains means and n/N.
func (t *Table) summaries() string {
	if len(t.Over) == 0 {
		return ""
	}
	return "Values are " + t.means() + ". n/N: cells with a value / cells planned; it stands with the number where it differs from the rest of its row."
}

// means says what is averaged, and why that has no interval where it has none.
func (t *Table) means() string {
	over := t.averaged
	if len(over) == 0 {
		over = t.Over
	}
	s := "means over " + unitOf(over)
	if t.bySite {
		s += ", each test site counting once"
	}
	if len(t.others) > 0 {
		s += ": " + unitOf(t.others) + " are no replicates, so a mean has no interval"
	}
	return s
}

// kind is a kind of interval: intervals of one kind mean the same.
type kind struct {
	level        float64
	unit, method string
}

func (k kind) String() string {
	s := strconv.FormatFloat(100*k.level, 'g', 4, 64) + " %"
	if k.method != "" {
		s += ", " + k.method
	}
	if k.unit != "" {
		s += ", over " + k.unit
	}
	return s
}

// intervals says what the brackets hold: for each kind of interval its coverage, method and unit, and the columns that
// have it where there are several kinds.
func (t *Table) intervals() []string {
	var notes intervalNotes
	notes.add(t, func(c int, v *Value) string {
		title := t.Columns[c].Title
		if v.as != nil && slices.Contains(t.Rows, spec.ScoreRow) {
			title += " of " + v.as.Title
		}
		return title
	})
	text := notes.text()
	if text == "" {
		return nil
	}
	return []string{"Intervals in brackets: " + text}
}

// intervalNotes is what is said of intervals of one table or several.
type intervalNotes struct {
	kinds    []kind
	of       map[kind][]string // what has them
	clipped  bool              // some are cut at the range of the score
	single   bool              // some are those of the only value that there is of several
	sampled  bool              // some hold the sampling of the test rows
	replicas []string          // on the same test rows, over which some do not hold it
}

// add notes the intervals of a table; name says what has one.
func (n *intervalNotes) add(t *Table, name func(c int, v *Value) string) {
	averaged := false
	for c := range t.Columns {
		for i := range t.Lines {
			v := &t.Lines[i].Values[c]
			if v.Status != OK || v.Interval == nil {
				continue
			}
			n.clipped = n.clipped || v.clipped
			n.single = n.single || v.N == 1 && v.Of > 1
			n.sampled = n.sampled || strings.HasPrefix(v.Interval.Method, twoLevel)
			averaged = averaged || v.N > 1
			k := kind{v.Interval.Level, v.Interval.Unit, v.Interval.Method}
			if n.of == nil {
				n.of = map[kind][]string{}
			}
			if n.of[k] == nil {
				n.kinds = append(n.kinds, k)
			}
			n.of[k] = union(n.of[k], []string{name(c, v)})
		}
	}
	switch {
	case averaged && t.fixed:
		n.replicas = union(n.replicas, t.replicas)
	case averaged: // what is said of the replicas does not hold for these
		n.sampled = true
	}
}

// text says what the intervals are; empty where there is none.
func (n *intervalNotes) text() string {
	if len(n.kinds) == 0 {
		return ""
	}
	differ := slices.ContainsFunc(n.kinds, func(k kind) bool { return !slices.Equal(n.of[k], n.of[n.kinds[0]]) })
	texts := make([]string, len(n.kinds))
	for i, k := range n.kinds {
		texts[i] = k.String()
		if differ {
			texts[i] += " (" + strings.Join(n.of[k], ", ") + ")"
		}
	}
	text := strings.Join(texts, "; ") + "."
	if n.single {
		text += " Where n is 1, the interval is that of the single value."
	}
	if len(n.replicas) > 0 {
		over := unitOf(n.replicas)
		which := "the interval"
		if n.sampled {
			which = "intervals over " + over + " alone"
		}
		text += fmt.Sprintf(" The test rows are the same for all %s; their sampling is not in %s (generator variability, data fixed).", over, which)
	}
	if n.clipped {
		text += " Intervals are cut at the range of the score."
	}
	return text
}

// listedExclusions names excluded cells that are listed without their axes.
func (src *source) listedExclusions() []string {
	var why []string
	count := map[string]int{}
	for _, e := range src.core.Manifest.Excluded {
		if _, recorded := src.cells[e.Cell]; recorded {
			continue
		}
		if count[e.Reason] == 0 {
			why = append(why, e.Reason)
		}
		count[e.Reason]++
	}
	for i, reason := range why {
		why[i] = fmt.Sprintf("Excluded from the experiment: %s: %s.", plural(count[reason], "cell"), strings.TrimSuffix(reason, "."))
	}
	return why
}

// data describes the data sets of the table's cells, with what the steps of these cells noted.
func (src *source) data(cells []int) []string {
	shown := map[int]bool{}
	for _, cell := range cells {
		shown[cell] = true
	}
	return src.describe(src.datasets(cells), src.cellNotes(func(cell int) bool { return shown[cell] }))
}

// cellNotes are what the steps of the wanted cells noted, with the number of these.
func (src *source) cellNotes(wanted func(cell int) bool) []string {
	var out []string
	for _, n := range src.core.Manifest.CellNotes {
		count := 0
		for _, id := range n.Cells {
			if cell, known := src.cells[id]; known && wanted(cell) {
				count++
			}
		}
		if count > 0 {
			out = append(out, fmt.Sprintf("%s (cells: %d)", n.Text, count))
		}
	}
	return out
}

// describe says what is to be known of data sets: of those that are used; cellNotes are what steps of cells noted.
func (src *source) describe(used map[string]bool, cellNotes []string) []string {
	general := slices.Concat(src.core.Manifest.Notes, cellNotes)
	var out []string
	for _, d := range src.core.Manifest.Data {
		text, declared := src.texts[d.Name]
		if !declared {
			text = record.DataText{Licence: d.Licence, Citation: d.Citation, Notes: d.Notes}
		}
		notes := slices.Clone(text.Notes)
		general = slices.DeleteFunc(general, func(n string) bool {
			n, its := strings.CutPrefix(n, d.Name+": ")
			if its {
				notes = append(notes, n)
			}
			return its
		})
		if !used[""] && !used[d.Name] { // "": the cells have no such axis
			continue
		}
		parts := []string{fmt.Sprintf("Data: %s (%s, %s)", d.Name, d.Plugin, d.Governance)}
		if text.Licence != "" {
			parts = append(parts, "Licence "+text.Licence)
		}
		if text.Citation != "" {
			parts = append(parts, text.Citation)
		}
		if cohort := src.cohort(d.Name); cohort != "" {
			parts = append(parts, cohort)
		}
		out = append(out, sentences(append(parts, alike(notes)...)))
		if truth := planted(d); truth != "" {
			out = append(out, truth)
		}
	}
	for _, n := range alike(general) {
		out = append(out, sentences([]string{n}))
	}
	return out
}

// cohort tells who is studied, step by step: "Cohort: 2492 rows; adults: 5 excluded, 2487 left (1816 subjects)", of each arm of the data by
// itself. Counts that are withheld are left out.
func (src *source) cohort(dataset string) string {
	ofSteps := func(c *record.Count) bool {
		return c.Dataset == dataset && (c.Stage == "cohort" || c.Stage == "dataset") && c.Dims["step"] != "" && c.Value >= 0
	}
	axes := src.armAxes(ofSteps)
	var arms [][]string
	for i := range src.core.Counts {
		c := &src.core.Counts[i]
		if arm := valuesOf(c, axes); ofSteps(c) && c.Stage == "cohort" && !slices.ContainsFunc(arms, func(a []string) bool { return slices.Equal(a, arm) }) {
			arms = append(arms, arm)
		}
	}
	if len(arms) < 2 {
		return src.cohortOf("Cohort: ", ofSteps)
	}
	var told []string
	for _, arm := range arms {
		var named []string
		for i, axis := range axes {
			named = append(named, axis+" "+arm[i])
		}
		text := src.cohortOf("Cohort of "+strings.Join(named, ", ")+": ", func(c *record.Count) bool {
			return ofSteps(c) && !slices.ContainsFunc(axes, func(axis string) bool {
				v, has := c.Dims[axis]
				return has && v != arm[slices.Index(axes, axis)]
			})
		})
		if text != "" {
			told = append(told, text)
		}
	}
	return strings.Join(told, ". ")
}

// cohortOf tells of some of the steps of a data set, after a beginning; "" where there is too little to tell.
func (src *source) cohortOf(beginning string, ofSteps func(*record.Count) bool) string {
	type step struct{ name, excluded, left, subjects string }
	var steps []*step
	at := map[string]*step{}
	for i := range src.core.Counts {
		c := &src.core.Counts[i]
		if !ofSteps(c) {
			continue
		}
		key := c.Stage + c.Dims["step"]
		if c.Stage == "cohort" && c.Dims["step"] == "0" && len(steps) > 0 {
			continue // said already, by the data set
		}
		if at[key] == nil {
			at[key] = &step{name: c.Dims["filter"]}
			steps = append(steps, at[key])
		}
		switch n := strconv.Itoa(c.Value); {
		case strings.HasSuffix(c.Name, "excluded"):
			at[key].excluded = n + " excluded"
		case c.Name == "left" || c.Name == "stays left":
			at[key].left = n + " left"
		case c.Name == "subjects left":
			at[key].subjects = " (" + n + " subjects)"
		}
	}
	if len(steps) < 2 {
		return ""
	}
	var parts []string
	for _, s := range steps {
		if s.excluded == "0 excluded" {
			continue
		}
		if told := joinedBy(", ", s.excluded, s.left+s.subjects); told != "" {
			parts = append(parts, s.name+": "+told)
		}
	}
	return beginning + strings.Join(parts, "; ")
}

func joinedBy(between string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), between)
}

// datasets are those of cells; "" when the cells have no such axis.
func (src *source) datasets(cells []int) map[string]bool {
	used := map[string]bool{}
	for _, cell := range cells {
		used[src.core.Cells[cell].Axes["dataset"]] = true
	}
	return used
}

// shownCells are those whose scores a table shows, in the order of the record; those that it selects where it shows no score.
func (t *Table) shownCells(sel *selection) []int {
	shown := map[int]bool{}
	for i := range t.Lines {
		for c := range t.Lines[i].Values {
			for _, h := range t.Lines[i].Values[c].hits {
				shown[h.cell] = true
				if h.less != nil {
					shown[sel.cells[h.less.Cell]] = true
				}
			}
		}
	}
	if len(shown) == 0 {
		return sel.allCells()
	}
	return slices.Sorted(maps.Keys(shown))
}

// allCells are those that a table selects.
func (sel *selection) allCells() []int {
	var cells []int
	for _, g := range sel.groups {
		cells = append(cells, g.cells...)
	}
	return cells
}

// inCells ends a note with the number of cells that it holds for.
var inCells = regexp.MustCompile(` \(cells: (\d+)\)$`)

// alike makes one note of those that differ only in their numbers; the cells that they hold for are added up.
func alike(notes []string) []string {
	var kinds []string
	texts := map[string][]string{}
	cells := map[string]int{}
	for _, n := range notes {
		count := 0
		if at := inCells.FindStringSubmatchIndex(n); at != nil {
			count, _ = strconv.Atoi(n[at[2]:at[3]]) // digits
			n = n[:at[0]]
		}
		kind := kindOf(n)
		if texts[kind] == nil {
			kinds = append(kinds, kind)
		}
		texts[kind] = append(texts[kind], n)
		cells[kind] += count
	}
	out := make([]string, len(kinds))
	for i, kind := range kinds {
		out[i] = ranged(texts[kind])
		if cells[kind] > 0 {
			out[i] += fmt.Sprintf(" (cells: %d)", cells[kind])
		}
	}
	return out
}

// planted says what is true of the population of simulated rows. What has many values, such as the effect of each
// hospital, stands in the manifest alone.
func planted(d record.DataInfo) string {
	const most = 4
	values := map[string]int{}
	for _, t := range d.Truth {
		values[t.Name]++
	}
	var parts []string
	for _, t := range d.Truth {
		if values[t.Name] > most {
			continue
		}
		var dims []string
		for _, name := range slices.Sorted(maps.Keys(t.Dims)) {
			dims = append(dims, name+" "+t.Dims[name])
		}
		part := t.Name
		if len(dims) > 0 {
			part += " (" + strings.Join(dims, ", ") + ")"
		}
		parts = append(parts, part+" "+strconv.FormatFloat(t.Value, 'g', 3, 64))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("Planted in %s: %s.", d.Name, strings.Join(parts, "; "))
}

// sentencesOf makes a sentence of each text.
func sentencesOf(texts []string) []string {
	var out []string
	for _, text := range texts {
		out = append(out, sentences([]string{text}))
	}
	return out
}

// sentences joins texts, each as a sentence of its own. A first word stays as written where it may be a name.
func sentences(texts []string) string {
	out := make([]string, len(texts))
	for i, text := range texts {
		text = strings.TrimSpace(text)
		first, _, _ := strings.Cut(text, " ")
		if first != "" && strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == "" {
			text = strings.ToUpper(text[:1]) + text[1:]
		}
		if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "!") && !strings.HasSuffix(text, "?") {
			text += "."
		}
		out[i] = text
	}
	return strings.Join(out, " ")
}

// origin names the experiment and version, and says when cells are missing.
func (src *source) origin() string {
	m := &src.core.Manifest
	s := fmt.Sprintf("Experiment %s, version v%d.", m.Experiment, m.Version)
	if m.Complete {
		return s
	}
	failed, run := 0, 0
	for i := range src.core.Cells {
		switch src.core.Cells[i].Status {
		case record.CellFailed:
			failed++
			run++
		case record.CellOK:
			run++
		}
	}
	if failed == 0 {
		return s + " Incomplete: some scores failed."
	}
	return s + fmt.Sprintf(" Incomplete: %d of %s failed.", failed, plural(run, "cell"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
