package diff

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Lines of each part that the short text has.
const (
	mostFields = 20
	mostScores = 12
	mostMeans  = 10
	mostCells  = 5
)

// Text says what differs: the beginning of each list, or all of it.
func (d *Diff) Text(all bool) string {
	t := &text{all: all}
	from, to := d.A.Experiment+" "+d.A.Version, d.B.Experiment+" "+d.B.Version
	if d.Same {
		t.line("%s and %s are equal: the experiment, what went in, and all %s in %s", from, to, counted(d.equal(), "score"), counted(d.Cells.Both, "cell"))
		return t.b.String()
	}
	t.line("%s → %s", from, to)
	for _, s := range []Side{d.A, d.B} {
		state := "complete"
		if !s.Complete {
			state = "incomplete"
		}
		t.line("  %s %s: finished %s UTC, %s", s.Experiment, s.Version, s.Finished.UTC().Format("2006-01-02 15:04"), state)
	}
	t.changes("experiment", d.Experiment)
	t.changes("inputs", d.Inputs)
	if len(d.Choices) > 0 {
		t.changes("choices", d.Choices)
	}
	t.cells(&d.Cells)
	t.scores(d)
	t.means(d)
	if t.cut {
		t.line("--all shows the rest")
	}
	return t.b.String()
}

// equal is the number of scores that are equal.
func (d *Diff) equal() int {
	n := 0
	for i := range d.Scores {
		n += d.Scores[i].Equal
	}
	return n
}

type text struct {
	b   strings.Builder
	all bool
	cut bool // something was left out
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

// shown is how many of n lines are shown.
func (t *text) shown(n, most int) int {
	if t.all || n <= most {
		return n
	}
	t.cut = true
	return most
}

// more says how many lines were left out.
func (t *text) more(n int, noun string) {
	if n > 0 {
		t.line("  … and %s", counted(n, "more "+noun))
	}
}

// columns prints rows of tab-separated columns, aligned.
func (t *text) columns(rows []string) {
	w := tabwriter.NewWriter(&t.b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, "  "+r)
	}
	w.Flush()
}

func (t *text) changes(what string, list []Change) {
	if len(list) == 0 {
		t.line("%s: equal", what)
		return
	}
	t.line("%s: %s", what, counted(len(list), "difference"))
	n := t.shown(len(list), mostFields)
	rows := make([]string, n)
	for i, c := range list[:n] {
		rows[i] = c.Field + "\t" + c.words(t.all)
	}
	t.columns(rows)
	t.more(len(list)-n, "difference")
}

// words is e.g. "20000 → 10000". What two long values have in common is left out unless all is wanted.
func (c Change) words(all bool) string {
	was, is := c.Was, c.Is
	if isHash(was) || isHash(is) {
		was, is = shortHash(was), shortHash(is)
	}
	if a, b, ok := lists(was, is); ok {
		var parts []string
		for _, p := range []struct {
			items []string
			words string
		}{{lacking(a, b), "without "}, {lacking(b, a), "with "}} {
			if len(p.items) > 0 {
				parts = append(parts, p.words+strings.Join(p.items, ", "))
			}
		}
		if len(parts) > 0 && (len(a) > 4 || len(b) > 4) {
			return "list " + strings.Join(parts, ", ")
		}
	}
	switch {
	case was == "":
		return "added: " + shortened(plain(is), all)
	case is == "":
		return "removed, was " + shortened(plain(was), all)
	}
	return shortened(plain(was), all) + " → " + shortened(plain(is), all)
}

// lists reads two lists of plain values.
func lists(was, is string) (a, b []string, ok bool) {
	items := func(s string) []string {
		inner, opened := strings.CutPrefix(s, "[")
		inner, closed := strings.CutSuffix(inner, "]")
		if !opened || !closed || inner == "" {
			return nil
		}
		return strings.Split(inner, ", ")
	}
	a, b = items(was), items(is)
	return a, b, a != nil && b != nil
}

// lacking are the items of a that b lacks.
func lacking(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(x string) bool { return slices.Contains(b, x) })
}

func shortened(s string, all bool) string {
	const most = 80
	if r := []rune(s); !all && len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func isHash(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

func shortHash(s string) string {
	if isHash(s) {
		return "sha256 " + s[:12] + "…"
	}
	return s
}

func (t *text) cells(c *Cells) {
	t.line("cells: %d in both, %d added, %d missing, %d with another status", c.Both, len(c.Added), len(c.Missing), len(c.Status))
	for _, l := range []struct {
		words string
		ids   []string
	}{{"added", c.Added}, {"missing", c.Missing}} {
		n := t.shown(len(l.ids), mostCells)
		for _, id := range l.ids[:n] {
			t.line("  %s: %s", l.words, id)
		}
		t.more(len(l.ids)-n, l.words+" cell")
	}
	n := t.shown(len(c.Status), mostCells)
	for _, s := range c.Status[:n] {
		reason := ""
		if s.Reason != "" {
			reason = " (" + s.Reason + ")"
		}
		t.line("  %s: was %s, is %s%s", s.Cell, s.Was, s.Is, reason)
	}
	t.more(len(c.Status)-n, "cell")
}

func (t *text) scores(d *Diff) {
	var sum Scores
	var differ []*Scores
	for i := range d.Scores {
		s := &d.Scores[i]
		sum.Equal, sum.Changed, sum.Status, sum.Else = sum.Equal+s.Equal, sum.Changed+s.Changed, sum.Status+s.Status, sum.Else+s.Else
		sum.Added, sum.Missing = sum.Added+s.Added, sum.Missing+s.Missing
		if s.Changed+s.Status+s.Else+s.Within > 0 || t.all && s.Added+s.Missing > 0 { // what new cells bring is told with the cells
			differ = append(differ, s)
		}
	}
	t.line("scores: %d equal to the last bit, %d changed, %d with a value in one alone, %d equal with another interval, n or note, %d added, %d missing",
		sum.Equal, sum.Changed, sum.Status, sum.Else, sum.Added, sum.Missing)
	n := t.shown(len(differ), mostScores)
	rows := make([]string, 0, n+1)
	if n > 0 {
		rows = append(rows, "score\tequal\tchanged\tstatus\telse\tadded\tmissing\tlargest change")
	}
	for _, s := range differ[:n] {
		rows = append(rows, fmt.Sprintf("%s.%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s", s.Metric, s.Name, s.Equal, s.Changed, s.Status, s.Else, s.Added, s.Missing, s.worst()))
	}
	t.columns(rows)
	t.more(len(differ)-n, "score")
	if t.all {
		t.values(differ)
	}
}

func (s *Scores) worst() string {
	if s.Worst == nil {
		return "-"
	}
	return s.Worst.words()
}

// words is e.g. "0.71 → 0.69 in icu.top5.copula.n1000.seed1".
func (v *Value) words() string {
	value := func(x *float64) string {
		if x == nil {
			return "-"
		}
		return number(*x)
	}
	was, is := value(v.Was), value(v.Is)
	if was == is && v.Was != nil && *v.Was != *v.Is { // they differ behind the digits that are shown
		was, is = strconv.FormatFloat(*v.Was, 'g', -1, 64), strconv.FormatFloat(*v.Is, 'g', -1, 64)
	}
	out := fmt.Sprintf("%s → %s in %s", was, is, v.Cell)
	if len(v.Dims) > 0 {
		out += ", " + named(v.Dims)
	}
	if v.Why != "" {
		out += ": " + v.Why
	}
	return out
}

// values lists each value that differs.
func (t *text) values(differ []*Scores) {
	for _, s := range differ {
		t.line("%s.%s:", s.Metric, s.Name)
		for i := range s.Changes {
			t.line("  %s", s.Changes[i].words())
		}
	}
}

func (t *text) means(d *Diff) {
	if len(d.Means) == 0 {
		return
	}
	clear, paired := 0, 0
	for i := range d.Means {
		if d.Means[i].Low != nil {
			paired++
		}
		if d.Means[i].Clear() {
			clear++
		}
	}
	t.line("means over replicates, over the pairs that both versions have: %d changed", len(d.Means))
	if paired > 0 {
		t.line("  %d of %d intervals (%g %%, of the paired difference) exclude 0; they are not adjusted for their number: exploratory", clear, paired, 100*d.Level)
	}
	list := make([]*Mean, len(d.Means))
	for i := range d.Means {
		list[i] = &d.Means[i]
	}
	if !t.all {
		slices.SortStableFunc(list, func(x, y *Mean) int { // what is over all columns comes first
			return cmp.Or(compareBool(y.Clear(), x.Clear()), len(x.Dims)-len(y.Dims), cmp.Compare(y.relative(), x.relative()))
		})
	}
	n := t.shown(len(list), mostMeans)
	rows := []string{"score\tof\twas\tis\tchange\tinterval\tn/N"}
	var whys []string
	constant := constantAxes(list)
	for _, m := range list[:n] {
		interval := "-"
		switch {
		case m.Low != nil:
			interval = fmt.Sprintf("[%s, %s]", signed(*m.Low), signed(*m.High))
		case m.Why != "" && !slices.Contains(whys, m.Why):
			whys = append(whys, m.Why)
		}
		rows = append(rows, fmt.Sprintf("%s.%s\t%s\t%s\t%s\t%s\t%s\t%d/%d", m.Metric, m.Name, m.place(constant), number(m.Was), number(m.Is), signed(m.Change()), interval, m.N, m.Of))
	}
	t.columns(rows)
	t.more(len(list)-n, "mean")
	for _, w := range whys {
		t.line("  no interval: %s", w)
	}
}

// relative is the size of a change against the size of what changed.
func (m *Mean) relative() float64 {
	return math.Abs(m.Change()) / max(math.Abs(m.Was), math.Abs(m.Is))
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// constantAxes are the axes that have one value in all means.
func constantAxes(list []*Mean) map[string]bool {
	values := map[string]map[string]bool{}
	for _, m := range list {
		for axis, v := range m.Axes {
			if values[axis] == nil {
				values[axis] = map[string]bool{}
			}
			values[axis][v] = true
		}
	}
	out := map[string]bool{}
	for axis, v := range values {
		out[axis] = len(v) == 1
	}
	return out
}

// place is what a mean is of, the axes that tell nothing left out.
func (m *Mean) place(constant map[string]bool) string {
	all := maps.Clone(m.Axes)
	maps.DeleteFunc(all, func(axis, _ string) bool { return constant[axis] && len(constant) > 1 })
	maps.Copy(all, m.Dims)
	if len(all) == 0 {
		return "all"
	}
	return named(all)
}

func named(values map[string]string) string {
	parts := make([]string, 0, len(values))
	for _, k := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, k+" "+values[k])
	}
	return strings.Join(parts, ", ")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

func signed(v float64) string {
	s := strconv.FormatFloat(v, 'g', 3, 64)
	if v > 0 {
		s = "+" + s
	}
	return s
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
