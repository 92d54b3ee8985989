package cli

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/score"
)

// questions are what the families of metrics ask, in the words of those who read the report.
var questions = map[plugins.Family]string{
	plugins.Marginals:    "Single columns: does each look like the real one?",
	plugins.Joint:        "Columns together: do they go together as in real rows, and can a synthetic row be told from a real one?",
	plugins.Utility:      "Use: does what a model learns from the synthetic rows hold for real ones?",
	plugins.Privacy:      "Privacy: do the synthetic rows give away the patients that they were made from?",
	plugins.Fairness:     "Groups of patients: does every group fare alike?",
	plugins.Audit:        "Raters: what do those who looked at the records say of them?",
	plugins.Trajectories: "Courses of patients: do they look like the real ones?",
}

// printScores prints a report for people: what was compared, what was measured by family, remarks, and what was not measured.
func (a *app) printScores(r *score.Report, full bool) {
	a.printCompared(r)
	p := &scorePrinter{app: a, full: full}
	for _, family := range plugins.Families() {
		first := true
		for i := range r.Metrics {
			m := &r.Metrics[i]
			if m.Family != family || m.Status != score.Measured {
				continue
			}
			if first {
				a.wrapped("", a.bold(questions[family]))
				a.printf("\n")
			}
			first = false
			p.metric(m)
		}
		for i := range r.Metrics {
			if m := &r.Metrics[i]; m.Family == family && m.Less != nil {
				p.less(m)
			}
		}
		if family == plugins.Privacy && !first {
			a.wrapped("", "An attack that finds nothing shows that this attack finds nothing. Whether a language model met such rows before, in what it was trained on, no attack here can tell.")
			a.printf("\n")
		}
	}
	p.remarks()
	a.printUnmeasured(r)
}

// printCompared prints what was compared.
func (a *app) printCompared(r *score.Report) {
	holdout := len(r.Files) > 2
	against := "the real rows"
	if holdout {
		against = "the holdout, real rows that the generator has not seen"
	}
	a.wrapped("", a.bold(fmt.Sprintf("%s beside %s", filepath.Base(r.Files[1].Path), against)))
	a.printf("\n%s\n\n", compared(r))
	kinds := map[frame.Kind]int{}
	for _, c := range r.Columns {
		kinds[c.Kind]++
	}
	what := fmt.Sprintf("%s: %s, %s", plural(len(r.Columns), "column"), plural(kinds[frame.Number], "number"), counted(kinds[frame.Category], "category", "categories"))
	if r.Shape == plugins.Events {
		what = "rows are events of patients: a code at a time, in a visit"
	}
	names := `"train" and "test" below both stand for the real rows`
	if holdout {
		names = `"train" below stands for the real rows, "test" for the holdout`
	}
	a.wrapped("", what+"; "+names+".")
	for _, n := range r.Notes {
		a.wrapped("* ", n)
	}
	a.wrapped("", "In brackets: 95 % intervals, unless others are named. What is good enough depends on the use: no score decides that.")
	if said := yardstick(r); said != "" {
		a.wrapped("", said)
	}
	a.printf("\n")
}

// yardstick says what stands after "real"; "" where nothing does, without a holdout, as a note of the report says then.
func yardstick(r *score.Report) string {
	y := &r.Yardstick
	switch {
	case len(r.Files) < 3:
		return ""
	case y.Lacks != "":
		return "There is no yardstick, which is what further real rows would score; it needs " + y.Lacks + "."
	}
	comma := func(n int) string { return humanize.Comma(int64(n)) }
	said := fmt.Sprintf("After \"real\", the yardstick: the same score with %s %s of the real file in the place of the synthetic ones, as a generator would reach whose rows are as good as further real ones.",
		comma(y.N), y.Unit)
	if y.Privacy > 0 {
		said += fmt.Sprintf(" Of privacy: with %s %s of the holdout in their place and %s as the unseen ones.", comma(y.Privacy), y.Unit, comma(y.Controls))
	}
	if y.Left > 0 {
		said += fmt.Sprintf(" Left out, as the holdout has the same subjects: %s.", counted(y.Left, strings.TrimSuffix(y.Unit, "s"), y.Unit))
	}
	if float64(y.Of) > 1.1*float64(y.N) {
		said += fmt.Sprintf(" The synthetic file has more, %s, by which alone it comes closer to the best.", comma(y.Of))
	}
	return said
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(int64(n)) + " " + many
}

// compared is the table of the files.
func compared(r *score.Report) string {
	w := newTable()
	head := table.Row{""}
	configs := []table.ColumnConfig{}
	for i, f := range r.Files {
		head = append(head, string(f.Role))
		configs = append(configs, table.ColumnConfig{Number: i + 2, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	w.AppendHeader(head)
	w.SetColumnConfigs(configs)
	line := func(title string, cell func(f *score.File) string) {
		row, known := table.Row{title}, false
		for i := range r.Files {
			shown := cell(&r.Files[i])
			known = known || shown != ""
			row = append(row, cmp.Or(shown, "–"))
		}
		if known {
			w.AppendRow(row)
		}
	}
	comma := func(n *int) string {
		if n == nil {
			return ""
		}
		return humanize.Comma(int64(*n))
	}
	line("rows", func(f *score.File) string { return comma(&f.Rows) })
	line("patients", func(f *score.File) string { return comma(f.Subjects) })
	line("visits", func(f *score.File) string { return comma(f.Visits) })
	line("different codes", func(f *score.File) string { return comma(f.Codes) })
	line("missing values", func(f *score.File) string { return fmt.Sprintf("%.1f %%", 100*f.Missing) })
	if r.Files[0].Label != nil {
		line(onLine(r.Label+" = "+r.Files[0].Label.Value), func(f *score.File) string {
			if f.Label.Of == 0 {
				return ""
			}
			return fmt.Sprintf("%s (%.1f %%)", comma(&f.Label.N), 100*float64(f.Label.N)/float64(f.Label.Of))
		})
	}
	return rendered(w)
}

// printUnmeasured prints the metrics that could not be measured, by what is lacking, and those that failed.
func (a *app) printUnmeasured(r *score.Report) {
	lacking := map[string][]string{}
	var failed []*score.Metric
	for i := range r.Metrics {
		switch m := &r.Metrics[i]; m.Status {
		case score.NotMeasured:
			lacking[m.Reason] = append(lacking[m.Reason], m.Name)
		case score.Failed:
			failed = append(failed, m)
		}
	}
	if len(lacking) > 0 {
		a.printf("%s\n\n", a.bold("Not measured"))
		for _, reason := range slices.Sorted(maps.Keys(lacking)) {
			a.wrapped("  ", fmt.Sprintf("%s: needs %s", strings.Join(lacking[reason], ", "), reason))
		}
		a.printf("\n")
	}
	if len(failed) > 0 {
		a.printf("%s\n\n", a.bold("Failed"))
		for _, m := range failed {
			a.wrapped("  ", m.Name+": "+m.Reason)
		}
		a.printf("\n")
	}
}

// scorePrinter prints metrics, and collects their warnings, each of which is printed once.
type scorePrinter struct {
	app      *app
	full     bool
	warnings []string
	interval string // what was last said of intervals
}

// mark is the number of a warning.
func (p *scorePrinter) mark(warning string) int {
	i := slices.Index(p.warnings, warning)
	if i < 0 {
		p.warnings = append(p.warnings, warning)
		i = len(p.warnings) - 1
	}
	return i + 1
}

// marks are the numbers of the warnings of a score, in brackets.
func (p *scorePrinter) marks(s *score.Score) string {
	var out []string
	for _, w := range s.Warnings {
		out = append(out, strconv.Itoa(p.mark(w)))
	}
	if len(out) == 0 {
		return ""
	}
	return "(" + strings.Join(out, ",") + ")"
}

// remarks prints the warnings.
func (p *scorePrinter) remarks() {
	if len(p.warnings) == 0 {
		return
	}
	p.app.printf("%s\n\n", p.app.bold("Remarks"))
	for i, w := range p.warnings {
		p.app.wrapped(fmt.Sprintf("  (%d) ", i+1), w)
	}
	p.app.printf("\n")
}

// metric prints one metric: its headline scores, then the worst columns, pairs or groups of scores that have many values.
func (p *scorePrinter) metric(m *score.Metric) {
	title := p.app.bold(m.Name)
	switch {
	case len(m.With) > 0:
		title += " (" + m.Use + " " + cueOf(m.With, "") + ")"
	case m.Name != m.Use:
		title += " (" + m.Use + ")"
	}
	p.app.wrapped("", title+": "+m.Summary)
	c := p.choose(m)
	p.lines(c.listed)
	for _, g := range c.named {
		p.worst(g)
	}
	p.undefined(m)
	p.intervals(c.listed)
	if m.RealLack != "" {
		p.app.wrapped("    ", "no yardstick: "+m.RealLack)
	}
	if c.more > 0 {
		p.app.wrapped("    ", fmt.Sprintf("%s more: --full prints them", plural(c.more, "score")))
	}
	p.app.printf("\n")
}

// less prints a metric less another, as far as its headline scores go.
func (p *scorePrinter) less(m *score.Metric) {
	p.app.wrapped("", p.app.bold(m.Name+" less "+m.Less.Minus)+": the difference between the two on the same test rows; 0 is none")
	var listed []group
	for _, g := range p.choose(m).listed {
		if !directed(g.info) {
			continue
		}
		info := *g.info
		if info.Ideal, info.Best = nil, ""; g.info.Better == plugins.Neutral {
			continue // nearer to the best value may be more or less
		}
		info.Min, info.Max, info.Summary = math.Inf(-1), math.Inf(1), ""
		some := group{info: &info}
		for i := range m.Less.Scores {
			if s := &m.Less.Scores[i]; s.Name == info.Name {
				some.scores = append(some.scores, s)
			}
		}
		listed = append(listed, some)
	}
	p.lines(listed)
	p.intervals(listed)
	p.app.printf("\n")
}

// group is the values of one score.
type group struct {
	info   *plugins.ScoreInfo
	scores []*score.Score
}

// choice is which scores of a metric are printed, and how.
type choice struct {
	listed []group // each value on a line
	named  []group // the worst values on one line
	more   int     // values that are not printed
}

// most is the number of values of a metric that are listed, unless all are asked for.
const most = 8

// few is the number of values of a score that are listed as if it had no dimensions.
const few = 2

// choose lists the scores that have no dimensions, and those of few values, such as a share and its baseline for each group of members. Where none of them says what is better, the others are listed, each with all
// of its values or not at all. Else, of the others that say what is better, the worst are named.
func (p *scorePrinter) choose(m *score.Metric) choice {
	var c choice
	groups, summarised, lines := groupsOf(m), false, 0
	for _, g := range groups {
		summarised = summarised || len(g.info.Dims) == 0 && directed(g.info)
	}
	for _, g := range groups {
		plain := len(g.info.Dims) == 0
		switch {
		case p.full, (plain || !summarised || len(g.scores) <= few) && (lines == 0 || lines+len(g.scores) <= most):
			c.listed = append(c.listed, g)
			lines += len(g.scores)
		case !plain && summarised && directed(g.info):
			c.named = append(c.named, g)
		default:
			c.more += len(g.scores)
		}
	}
	return c
}

// groupsOf are the values of each score of a metric: those without dimensions first, else in the order of its declaration.
// What is undefined is left out.
func groupsOf(m *score.Metric) []group {
	var plain, others []group
	for i := range m.Info.Scores {
		g := group{info: &m.Info.Scores[i]}
		for k := range m.Scores {
			if s := &m.Scores[k]; s.Name == g.info.Name && s.Status == plugins.OK {
				g.scores = append(g.scores, s)
			}
		}
		switch {
		case len(g.scores) == 0:
		case len(g.info.Dims) == 0:
			plain = append(plain, g)
		default:
			others = append(others, g)
		}
	}
	return append(plain, others...)
}

// directed reports whether it is known which values of a score are better.
func directed(info *plugins.ScoreInfo) bool {
	return info.Better != plugins.Neutral || info.Ideal != nil
}

// lines prints values below each other: name, value with interval, the best value, and what it means. The values of a score that
// has several stand below its name.
func (p *scorePrinter) lines(groups []group) {
	var rows [][5]string
	widths := [5]int{}
	for _, g := range groups {
		for _, s := range g.scores {
			row := [5]string{g.info.Name, number(g.info, *s.Value), bracketed(g.info, s), real(g.info, s), strings.TrimSpace(bestOf(g.info) + " " + p.marks(s))}
			if len(g.info.Dims) > 0 {
				row[0], row[4] = "  "+place(g.info, s), p.marks(s)
			}
			for c, cell := range row {
				widths[c] = max(widths[c], text.StringWidth(cell))
			}
			rows = append(rows, row)
		}
	}
	for _, g := range groups {
		said := g.info.Summary
		if len(g.info.Dims) > 0 {
			p.app.wrapped("  ", about(g.info)+controls(g.scores))
			said = ""
		}
		for range g.scores {
			row, about := inColumns(rows[0], widths), said
			if text.StringWidth(strings.TrimRight(row, " ")) > p.app.out.width() { // what is best goes below, too
				best := rows[0][4]
				rows[0][4] = ""
				row, about = strings.TrimRight(inColumns(rows[0], widths), " "), strings.Trim(best+"; "+said, "; ")
			}
			p.line(row, about)
			rows = rows[1:]
		}
	}
}

// inColumns is the row of one score; columns that are empty in all rows take no room.
func inColumns(cells [5]string, widths [5]int) string {
	row := "  " + text.Pad(cells[0], widths[0], ' ') + "  " + padLeft(cells[1], widths[1])
	if widths[2] > 0 {
		row += " " + text.Pad(cells[2], widths[2], ' ')
	}
	for c := 3; c < len(cells); c++ {
		if widths[c] > 0 {
			row += "  " + text.Pad(cells[c], widths[c], ' ')
		}
	}
	return row
}

// real is the yardstick of a score, "" where there is none, and of what the synthetic rows have no part in.
func real(info *plugins.ScoreInfo, s *score.Score) string {
	if s.Real == nil || !directed(info) && s.Real.Value == *s.Value {
		return ""
	}
	return "real " + number(info, s.Real.Value)
}

// about says what the values of a score with dimensions are.
func about(info *plugins.ScoreInfo) string {
	said := fmt.Sprintf("%s (%s): %s", info.Name, strings.Join(info.Dims, " · "), info.Summary)
	if best := bestOf(info); best != "" {
		said += "; " + best
	}
	return said
}

// controls says what the controls of an attack are, where some are printed.
func controls(scores []*score.Score) string {
	for _, s := range scores {
		if of := s.Dims["control"]; of != "" && of != "none" {
			return "; by control: none is the attack; blind does without the synthetic rows, and should be chance; resample attacks copies of the members, where it should succeed"
		}
	}
	return ""
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-text.StringWidth(s))) + s
}

// line prints one score and what it means.
func (p *scorePrinter) line(row, about string) {
	const least, below = 40, "      "
	width := p.app.out.width()
	room := width - text.StringWidth(row) - 2
	if room >= least {
		said := strings.Split(text.WrapSoft(about, room), "\n")
		for i, s := range said {
			lead := row
			if i > 0 {
				lead = strings.Repeat(" ", text.StringWidth(row))
			}
			p.app.printf("%s\n", strings.TrimRight(lead+"  "+strings.TrimSpace(s), " "))
		}
		return
	}
	p.app.printf("%s\n", strings.TrimRight(row, " "))
	if about == "" {
		return
	}
	for s := range strings.SplitSeq(text.WrapSoft(about, max(least, width-len(below))), "\n") {
		p.app.printf("%s%s\n", below, strings.TrimSpace(s))
	}
}

// place is what a score is of: its dimensions, in their order.
func place(info *plugins.ScoreInfo, s *score.Score) string {
	var parts []string
	for _, dim := range info.Dims {
		if v, ok := s.Dims[dim]; ok {
			parts = append(parts, onLine(v))
		}
	}
	return strings.Join(parts, " · ")
}

// onLine is a text of the data on one line: a name of a column, or a level.
func onLine(s string) string {
	const longest = 40
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return text.Snip(s, longest, "…")
}

// number is a value with three decimals, or as many digits as tell it from 0. Whole values of what may be great are counts.
func number(info *plugins.ScoreInfo, v float64) string {
	size := math.Abs(v)
	switch {
	case v == 0:
		return "0"
	case size >= 1e6 || size < 5e-4:
		return strconv.FormatFloat(v, 'e', 1, 64)
	case size >= 1000 || v == math.Trunc(v) && info.Max > 2:
		return humanize.Comma(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// bracketed is the interval of a score; none is shown where nothing varies.
func bracketed(info *plugins.ScoreInfo, s *score.Score) string {
	if s.Interval == nil || s.Interval.Low == s.Interval.High {
		return ""
	}
	return "[" + number(info, s.Interval.Low) + ", " + number(info, s.Interval.High) + "]"
}

// bestOf says which value of a score is best.
func bestOf(info *plugins.ScoreInfo) string {
	switch {
	case info.Best != "":
		return info.Best + " is best"
	case info.Ideal != nil:
		return fmt.Sprintf("%g is best", *info.Ideal)
	case info.Better == plugins.Higher && !math.IsInf(info.Max, 0):
		return fmt.Sprintf("%g is best", info.Max)
	case info.Better == plugins.Lower && info.Min == 0:
		return "0 is best"
	case info.Better == plugins.Neutral:
		return ""
	}
	return string(info.Better) + " is better"
}

// worse is by how much a value is worse than the best.
func worse(info *plugins.ScoreInfo, v float64) float64 {
	switch {
	case info.Ideal != nil && info.Better == plugins.Neutral:
		return math.Abs(v - *info.Ideal)
	case info.Better == plugins.Higher:
		return -v
	}
	return v
}

// worst names the worst values of a score, or all where they are few. Attacks have a dimension "control": what is "none" of
// them is the attack itself, and the others are what it is checked by, which is meant to be bad or to be chance.
func (p *scorePrinter) worst(g group) {
	const named = 3
	sorted := slices.DeleteFunc(slices.Clone(g.scores), func(s *score.Score) bool { return s.Dims["control"] != "" && s.Dims["control"] != "none" })
	if len(sorted) == 0 {
		return
	}
	slices.SortStableFunc(sorted, func(a, b *score.Score) int { return cmp.Compare(worse(g.info, *b.Value), worse(g.info, *a.Value)) })
	title := g.info.Name
	if best := bestOf(g.info); best != "" {
		title += " (" + best + ")"
	}
	n := len(sorted)
	if n > 1 && *sorted[0].Value == *sorted[n-1].Value {
		said := fmt.Sprintf("%s: %s for %s", title, number(g.info, *sorted[0].Value), allOf(n))
		if r := real(g.info, sorted[0]); r != "" && !slices.ContainsFunc(sorted, func(s *score.Score) bool { return real(g.info, s) != r }) {
			said += ", " + r
		}
		p.app.wrapped("    ", said)
		return
	}
	if n > named {
		title = fmt.Sprintf("worst of %d %s", n, title)
	}
	var parts []string
	between := ", "
	for _, s := range sorted[:min(named, n)] {
		part := strings.TrimSpace(fmt.Sprintf("%s %s %s", place(g.info, s), number(g.info, *s.Value), p.marks(unbracketed(s))))
		if said := real(g.info, s); said != "" {
			part, between = part+", "+said, "; "
		}
		parts = append(parts, part)
	}
	p.app.wrapped("    ", title+": "+strings.Join(parts, between))
}

// allOf says that all of several are meant.
func allOf(n int) string {
	if n == 2 {
		return "both"
	}
	return fmt.Sprintf("all %d", n)
}

// unbracketed is a score without the warning that it has no interval, where none is printed.
func unbracketed(s *score.Score) *score.Score {
	out := *s
	out.Warnings = slices.DeleteFunc(slices.Clone(s.Warnings), func(w string) bool { return strings.HasPrefix(w, plugins.WithoutInterval) })
	return &out
}

// undefined says which scores have no value, by the reason; of those with dimensions only where it is known what is better.
func (p *scorePrinter) undefined(m *score.Metric) {
	var reasons []string
	names, places := map[string][]string{}, map[string][]string{}
	for i := range m.Scores {
		s := &m.Scores[i]
		at := slices.IndexFunc(m.Info.Scores, func(x plugins.ScoreInfo) bool { return x.Name == s.Name })
		info := &m.Info.Scores[at]
		if s.Status == plugins.OK || !p.full && len(info.Dims) > 0 && !directed(info) {
			continue
		}
		if !slices.Contains(reasons, s.Reason) {
			reasons = append(reasons, s.Reason)
		}
		if !slices.Contains(names[s.Reason], s.Name) {
			names[s.Reason] = append(names[s.Reason], s.Name)
		}
		if of := place(info, s); of != "" && !slices.Contains(places[s.Reason], of) {
			places[s.Reason] = append(places[s.Reason], of)
		}
	}
	for _, reason := range reasons {
		of := ""
		if len(places[reason]) > 0 {
			of = " of " + first(places[reason])
		}
		p.app.wrapped("    ", fmt.Sprintf("no value: %s%s: %s", first(names[reason]), of, reason))
	}
}

// first lists the first of some names.
func first(names []string) string {
	const few = 4
	if len(names) > few+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

// intervals says what the intervals of the listed scores are of, unless it is what was said last.
func (p *scorePrinter) intervals(groups []group) {
	var said []string
	for _, g := range groups {
		for _, s := range g.scores {
			if bracketed(g.info, s) == "" {
				continue
			}
			level := ""
			if s.Interval.Level != 0.95 {
				level = fmt.Sprintf("of %g %% ", 100*s.Interval.Level)
			}
			if says := fmt.Sprintf("%sby %s (%s)", level, s.Interval.Unit, s.Interval.Method); !slices.Contains(said, says) {
				said = append(said, says)
			}
		}
	}
	if now := strings.Join(said, "; "); now != "" && now != p.interval {
		p.interval = now
		p.app.wrapped("    ", "intervals "+now)
	}
}
