package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// tested is a primary contrast with what came out.
type tested struct {
	*spec.Contrast
	score    string // its address
	better   plugins.Direction
	varying  []string // the axes that its pairs differ by
	cells    []int
	hits     []hit // the scores of its pairs
	planned  int   // pairs
	left     []contrast.Left
	warned   []string         // of the values
	alike    []note           // replicates that are not independent
	effect   *contrast.Effect // nil where why says that there is none
	why      string
	adjusted float64 // p of no difference
	equal    float64 // adjusted p of a difference of the margin or more; 1 without a margin
}

// primaryHow says how the pairs of a contrast became each number of the table.
var primaryHow = map[string]string{
	"difference":    "the mean of the differences of pairs",
	"p":             "p of no difference, by the differences of pairs",
	"adjusted p":    "p of no difference, by the differences of pairs, adjusted for all tests of the table",
	"equivalence p": "p of a difference of the margin or more, by the differences of pairs, adjusted for all tests of the table",
	"detectable":    "the smallest true difference that would be found, by how the differences of pairs vary",
}

// primary makes the table of the primary contrasts; nil where the experiment names none.
func (src *source) primary(views *record.Views) *Table {
	if len(views.Primary) == 0 {
		return nil
	}
	t := &Table{
		Name: spec.PrimaryTable, Title: "Primary contrasts", Label: "tab:" + src.core.Manifest.Experiment + "-" + spec.PrimaryTable,
		Rows: []string{"contrast", "a", "b", "score", "finding"},
	}
	for _, c := range []struct{ score, title, format string }{
		{"difference", "a − b", ""},
		{"p", "p", significantFormat},
		{"adjusted p", "adjusted p", significantFormat},
		{"equivalence p", "equivalence p", significantFormat},
		{"detectable", "detectable", ""},
	} {
		digits := 3
		if c.format == significantFormat {
			digits = 2
		}
		t.Columns = append(t.Columns, Column{Score: c.score, Title: c.title, Better: plugins.Neutral, Digits: digits, Format: c.format})
	}
	all := src.contrasts(views)
	var cells []int
	for _, c := range all {
		t.Lines = append(t.Lines, c.line(views.Inference.Coverage(), corrected(views.Inference.Coverage(), len(all))))
		t.Over = union(t.Over, c.varying)
		cells = append(cells, c.cells...)
	}
	if len(t.Over) == 0 {
		t.Over = []string{"seed"} // one of them: n/N is shown all the same
	}
	if !slices.ContainsFunc(views.Primary, func(c spec.Contrast) bool { return c.Margin != nil }) {
		t.drop("equivalence p")
	}
	t.Banner = src.banner(cells)
	t.number()
	t.Remarks = primaryRemarks(views, all)
	t.Data, t.Sources = src.data(cells), src.sources(t, cells)
	return t
}

// drop leaves out a column.
func (t *Table) drop(score string) {
	c := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Score == score })
	t.Columns = slices.Delete(t.Columns, c, c+1)
	for i := range t.Lines {
		t.Lines[i].Values = slices.Delete(t.Lines[i].Values, c, c+1)
	}
}

// corrected is the level at which each of a family of intervals covers when all together cover with a level (Bonferroni).
func corrected(level float64, family int) float64 { return 1 - (1-level)/float64(max(family, 1)) }

// contrasts estimates the contrasts and adjusts their p-values.
func (src *source) contrasts(views *record.Views) []*tested {
	all := make([]*tested, len(views.Primary))
	for i := range views.Primary {
		all[i] = src.contrast(&views.Primary[i], views.Inference.Coverage())
	}
	adjust(all, views.Inference.Family())
	return all
}

// adjust makes one family of all p-values. A contrast without a value was named all the same, and counts with a p-value of 1. Where a margin
// is named there is a second hypothesis, that the difference is as large as that; no two of one contrast are true.
func adjust(all []*tested, family string) {
	var p []float64
	var to []*float64
	for _, c := range all {
		c.adjusted, c.equal = 1, 1
		if c.effect == nil {
			p, to = append(p, 1), append(to, &c.adjusted)
			continue
		}
		p, to = append(p, c.effect.P), append(to, &c.adjusted)
		if c.Margin == nil {
			continue
		}
		if equal, err := c.effect.Equivalent(*c.Margin); err == nil {
			p, to = append(p, equal), append(to, &c.equal)
		}
	}
	adjusted, err := stats.Shaffer(p, len(all))
	if family == spec.BenjaminiHochberg {
		adjusted, err = stats.BenjaminiHochberg(p)
	}
	if err != nil { // a number that is no p-value: nothing is claimed
		return
	}
	for i, v := range adjusted {
		*to[i] = v
	}
}

// contrast estimates one contrast.
func (src *source) contrast(declared *spec.Contrast, level float64) *tested {
	c := &tested{Contrast: declared, score: declared.Score, better: plugins.Neutral}
	groups := contrast.Match(src.pairing(), contrast.Question{
		Score: declared.Score, A: declared.A, B: declared.B, Where: declared.Where, Over: declared.Over,
	})
	for _, g := range groups {
		for _, p := range g.Pairs {
			for _, id := range []string{p.CellA, p.CellB} {
				if cell, known := src.cells[id]; known {
					c.cells = append(c.cells, cell)
				}
			}
		}
	}
	if len(groups) != 1 {
		c.why = "no cell of it was run"
		if len(groups) > 1 {
			c.why = "several differences meet: of " + apartBy(groups[0], groups[1])
		}
		return c
	}
	g := groups[0]
	c.varying, c.planned, c.hits = g.Varying, len(g.Pairs), src.hitsOfPairs(g.Pairs)
	if g.Metric != "" {
		c.score, c.better = g.Metric+"."+g.Name, src.betterOf(g.Metric, g.Name)
	}
	effect, err := g.Effect(level)
	if err != nil {
		c.why = err.Error()
		if errors.Is(err, contrast.ErrNoPairs) {
			c.left = reasonsOf(g.Pairs)
		}
		return c
	}
	c.effect, c.left = effect, effect.Left
	for _, p := range g.Pairs {
		if p.Why == "" {
			c.warned = union(union(c.warned, p.A.Warnings), p.B.Warnings)
		}
	}
	if effect.Units > 1 && src.generations(g.UnitAxes) {
		c.alike = append(src.dependence(c.arm(c.A, c.B), g.Pairs, func(p *contrast.Pair) string { return p.CellA }),
			src.dependence(c.arm(c.B, c.A), g.Pairs, func(p *contrast.Pair) string { return p.CellB })...)
	}
	return c
}

// dependence says of an arm that its replicates are not independent, where some of those that count are not.
func (src *source) dependence(arm string, pairs []contrast.Pair, cell func(*contrast.Pair) string) []note {
	var notes []note
	for i := range pairs {
		at, known := src.cells[cell(&pairs[i])]
		text := src.dependent[at]
		if !known || text == "" || pairs[i].Why != "" {
			continue
		}
		k := slices.IndexFunc(notes, func(n note) bool { return n.kind == kindOf(text) })
		if k < 0 {
			k = len(notes)
			notes = append(notes, note{where: arm, kind: kindOf(text)})
		}
		notes[k].texts = union(notes[k].texts, []string{text})
	}
	return notes
}

// hitsOfPairs are the scores of pairs, each with what is subtracted from it, or the one that there is.
func (src *source) hitsOfPairs(pairs []contrast.Pair) []hit {
	var out []hit
	for _, p := range pairs {
		switch {
		case p.A != nil && p.B != nil:
			out = append(out, hit{score: p.A, cell: src.cells[p.CellA], of: p.A, less: p.B})
		case p.A != nil:
			out = append(out, hit{score: p.A, cell: src.cells[p.CellA]})
		case p.B != nil:
			out = append(out, hit{score: p.B, cell: src.cells[p.CellB]})
		}
	}
	return out
}

// reasonsOf says why none of some pairs has both values.
func reasonsOf(pairs []contrast.Pair) []contrast.Left {
	out := make([]contrast.Left, len(pairs))
	for i, p := range pairs {
		out[i] = contrast.Left{Label: p.Label, Why: p.Why}
	}
	return out
}

// apartBy names what two groups differ by.
func apartBy(a, b *contrast.Group) string {
	name := func(g *contrast.Group) string { return g.Metric + "." + g.Name }
	if name(a) != name(b) {
		return name(a) + " and " + name(b)
	}
	for _, sides := range [][2]map[string]string{{a.Axes, b.Axes}, {a.Dims, b.Dims}} {
		for _, key := range slices.Sorted(maps.Keys(sides[0])) {
			if v, w := sides[0][key], sides[1][key]; v != w {
				return fmt.Sprintf("%s %s and %s", key, v, dashed(w))
			}
		}
	}
	return "other dimensions"
}

// betterOf is the direction of a score.
func (src *source) betterOf(metric, name string) plugins.Direction {
	for _, s := range src.core.Manifest.Scores {
		if s.Metric == metric && s.Name == name {
			return s.Better
		}
	}
	return plugins.Neutral
}

// line is what the table shows of a contrast; family is the level at which each of all contrasts is tested.
func (c *tested) line(level, family float64) Line {
	l := Line{Labels: []string{c.called(), c.arm(c.A, c.B), c.arm(c.B, c.A), c.scored(), c.finding(level)}, Of: c.planned, notes: c.notes()}
	if c.effect == nil {
		l.notes = append([]note{plainNote(c.why)}, l.notes...)
		for range 5 {
			l.Values = append(l.Values, Value{Status: Undefined, Of: c.planned, hits: c.hits, notes: []note{plainNote(c.why)}})
		}
		return l
	}
	e := c.effect
	l.N = e.N
	missing := func(why string) Value {
		return Value{Status: Undefined, N: e.N, Of: e.Of, hits: c.hits, notes: []note{plainNote(why)}}
	}
	number := func(v float64) Value { return Value{Status: OK, Value: v, N: e.N, Of: e.Of, hits: c.hits} }
	difference := number(e.Value)
	p, adjusted, equal, detectable := number(e.P), number(c.adjusted), missing("no margin is named"), missing("nothing varies")
	if c.Margin != nil {
		equal = number(c.equal)
	}
	if d, err := e.DetectableAt(family); err == nil && d > 0 {
		detectable = number(d)
	}
	if e.Unsure == "" {
		difference.Interval = &plugins.Interval{Low: e.Low, High: e.High, Level: e.Level, Unit: e.Unit, Method: e.Method}
	} else {
		difference.notes = []note{plainNote("no interval: " + e.Unsure)}
	}
	if untested(e) {
		p, adjusted, equal, detectable = missing(e.Unsure), missing(e.Unsure), missing(e.Unsure), missing(e.Unsure)
	}
	l.Values = []Value{difference, p, adjusted, equal, detectable}
	return l
}

// untested reports whether nothing is known of what varies.
func untested(e *contrast.Effect) bool { return e.Unsure != "" && e.P == 1 }

// called is what the table calls the contrast.
func (c *tested) called() string { return cmp.Or(c.Title, c.Name) }

// arm names an arm by what it has that the other has not, e.g. "copula" or "n 1000".
func (c *tested) arm(own, other map[string]spec.Value) string {
	var parts []string
	for _, axis := range slices.Sorted(maps.Keys(own)) {
		v := own[axis]
		switch w, shared := other[axis]; {
		case shared && v == w:
		case v.Kind == spec.TextValue:
			parts = append(parts, v.Text)
		default:
			parts = append(parts, axis+" "+v.String())
		}
	}
	return strings.Join(parts, ", ")
}

// scored names the score with its direction, and the cells that it is of, e.g. "across.auroc ↑ (n 1000)".
func (c *tested) scored() string {
	out := c.score
	switch c.better {
	case plugins.Higher:
		out += " ↑"
	case plugins.Lower:
		out += " ↓"
	}
	where := maps.Clone(c.Where)
	if where == nil {
		where = map[string][]spec.Value{}
	}
	for axis, v := range c.A {
		if w, shared := c.B[axis]; shared && v == w {
			where[axis] = []spec.Value{v}
		}
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(where)) {
		values := make([]string, len(where[name]))
		for i, v := range where[name] {
			values[i] = v.String()
		}
		parts = append(parts, name+" "+strings.Join(values, ", "))
	}
	if len(parts) > 0 {
		out += " (" + strings.Join(parts, "; ") + ")"
	}
	return out
}

// finding says what came out, in words. A star marks what is significant: its adjusted p is below 1 less the level.
func (c *tested) finding(level float64) string {
	switch e := c.effect; {
	case e == nil:
		return "no result"
	case e.Same:
		return "equal in all pairs"
	case untested(e):
		return "not tested"
	}
	var found []string
	if c.adjusted < 1-level {
		found = append(found, c.favoured()+" *")
	}
	if c.Margin != nil && c.equal < 1-level {
		found = append(found, "equivalent within ±"+rounded(*c.Margin)+" *")
	}
	if len(found) > 0 {
		return strings.Join(found, ", ")
	}
	return "no detectable difference"
}

// favoured names the better arm, or, of a score without a direction, the one with the higher value.
func (c *tested) favoured() string {
	first := c.effect.Value > 0
	word := " better"
	switch c.better {
	case plugins.Higher:
	case plugins.Lower:
		first = !first
	default:
		word = " higher"
	}
	if first {
		return c.arm(c.A, c.B) + word
	}
	return c.arm(c.B, c.A) + word
}

// rounded is a number as it would be written in an experiment, without what computing it left over.
func rounded(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// notes says which pairs are left out, once for each reason, and what the values suffer from.
func (c *tested) notes() []note {
	var whys []string
	labels := map[string][]string{}
	for _, left := range c.left {
		if labels[left.Why] == nil {
			whys = append(whys, left.Why)
		}
		labels[left.Why] = append(labels[left.Why], left.Label)
	}
	var notes []note
	for _, why := range whys {
		n := plainNote(why)
		if len(labels[why]) < c.planned || c.effect != nil {
			n.where = strings.Join(labels[why], "; ")
		}
		notes = append(notes, n)
	}
	at := map[string]int{}
	for _, text := range c.warned {
		kind := kindOf(text)
		if _, known := at[kind]; !known {
			at[kind] = len(notes)
			notes = append(notes, note{kind: kind, warning: true})
		}
		n := &notes[at[kind]]
		n.texts = append(n.texts, text)
	}
	return append(notes, c.alike...)
}
