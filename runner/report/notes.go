package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/runner/spec"
)

// note is what is said of one value or line: the cells that it is about, and what holds for them.
type note struct {
	where   string   // e.g. "seed 2, 4"; empty: all cells behind the value
	kind    string   // notes of one kind differ in numbers at most
	texts   []string // what is said, once for each number that differs
	warning bool     // of a value that there is: those of one kind are one footnote, wherever they hold
}

func plainNote(text string) note { return note{kind: text, texts: []string{text}} }

// String is the note as it is printed, e.g. "seed 2, 4: 47 to 93 of 595 pairs left out".
func (n note) String() string {
	text := ranged(n.texts)
	if n.where == "" {
		return text
	}
	return n.where + ": " + text
}

// footnotes are the notes of a table, numbered in reading order.
type footnotes struct {
	over    []string
	numbers map[footnoteKey]int
	all     []footnote
}

// footnoteKey tells footnotes apart: by kind and, but for warnings, by place.
type footnoteKey struct {
	warning     bool
	where, kind string
}

type footnote struct {
	note
	places []string // where it holds, for the values that have it
}

// marks numbers notes; those that are one footnote share a number.
func (f *footnotes) marks(notes []note) []int {
	var marks []int
	for _, n := range notes {
		key := footnoteKey{n.warning, n.where, n.kind}
		if n.warning {
			key.where = ""
		}
		m, known := f.numbers[key]
		if !known {
			m = len(f.all)
			f.numbers[key] = m
			f.all = append(f.all, footnote{note: note{kind: n.kind}})
		}
		of := &f.all[m]
		of.texts = union(of.texts, n.texts)
		of.places = union(of.places, []string{n.where})
		if !slices.Contains(marks, m) {
			marks = append(marks, m)
		}
	}
	slices.Sort(marks)
	return marks
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

// texts is the footnotes as printed. One that holds for other cells from value to value does not name them: there
// would be as many footnotes as values. The CSV file and the table for programs do.
func (f *footnotes) texts() []string {
	var out []string
	for _, n := range f.all {
		n.where = n.places[0]
		if len(n.places) > 1 {
			n.where = "some"
			if slices.Contains(n.places, "") {
				n.where = "some or all"
			}
			if len(f.over) == 1 {
				n.where += " " + unitOf(f.over)
			} else {
				n.where += " cells"
			}
		}
		out = append(out, n.String())
	}
	return out
}

// printed is the text of notes.
func printed(notes []note) []string {
	var out []string
	for _, n := range notes {
		out = append(out, n.String())
	}
	return out
}

// reasons gathers the cells behind each reason, so that one note can name them.
type reasons struct {
	sel     *selection
	among   []int // the cells that a reason may hold for; one that holds for all of them names none
	missing bool  // the reasons say why cells have no value
	kinds   []string
	texts   map[string][]string
	cells   map[string][]int
	named   map[axisValue]bool // what notes named as a whole
}

type axisValue struct{ axis, value string }

func newReasons(sel *selection, among []int, missing bool) *reasons {
	return &reasons{sel: sel, among: among, missing: missing}
}

// add says why a cell has no value.
func (w *reasons) add(cell int, text string) { w.file(cell, text, text) }

// warn says what a value of a cell suffers from. Warnings that differ only in numbers become one note.
func (w *reasons) warn(cell int, text string) {
	kind, known := w.sel.kinds[text]
	if !known {
		kind = kindOf(text)
		w.sel.kinds[text] = kind
	}
	w.file(cell, kind, text)
}

func (w *reasons) file(cell int, kind, text string) {
	if w.kinds == nil {
		w.texts, w.cells, w.named = map[string][]string{}, map[string][]int{}, map[axisValue]bool{}
	}
	if _, known := w.cells[kind]; !known {
		w.kinds = append(w.kinds, kind)
	}
	if cells := w.cells[kind]; len(cells) == 0 || cells[len(cells)-1] != cell { // a cell may have two warnings of a kind
		w.cells[kind] = append(cells, cell)
	}
	if !slices.Contains(w.texts[kind], text) {
		w.texts[kind] = append(w.texts[kind], text)
	}
}

// notes is one note a reason, e.g. "seed 2, 4: failed at generate: timed out".
func (w *reasons) notes() []note {
	var notes []note
	for _, kind := range w.kinds {
		notes = append(notes, note{where: w.where(w.cells[kind]), kind: kind, texts: w.texts[kind], warning: !w.missing})
	}
	return notes
}

// where names cells by the axes that are averaged over: by the value of one axis that they are all cells of, or by
// all axes.
func (w *reasons) where(cells []int) string {
	const most = 6
	over := w.sel.declared.Over
	if len(over) == 0 || len(cells) == len(w.among) {
		return ""
	}
	if axis, values := w.whole(cells); axis != "" {
		for _, v := range values {
			w.named[axisValue{axis, v}] = true
		}
		values = w.sel.shown(axis, values)
		if w.missing {
			return lacking(axis, values)
		}
		return axis + " = " + listed(values)
	}
	rest := ""
	if len(cells) > most {
		rest = fmt.Sprintf(" and %d more", len(cells)-most)
		cells = cells[:most]
	}
	names := make([]string, len(cells))
	for i, cell := range cells {
		values := make([]string, len(over))
		for k, axis := range over {
			values[k] = dashed(w.sel.declared.Shown(axis, w.sel.core.Cells[cell].Axes[axis]))
		}
		names[i] = strings.Join(values, "/")
	}
	return strings.Join(over, "/") + " " + strings.Join(names, ", ") + rest
}

// whole finds, where several axes are averaged over, the axis of which cells are all that have some of its values.
func (w *reasons) whole(cells []int) (axis string, values []string) {
	over := w.sel.declared.Over
	if len(over) < 2 {
		return "", nil
	}
	if i := slices.Index(over, spec.TestSite); i > 0 { // what is missing is missing for the test hospital
		over = append([]string{spec.TestSite}, slices.Delete(slices.Clone(over), i, i+1)...)
	}
	for _, axis := range over {
		values := w.sel.valuesOf(axis, cells)
		same := 0
		for _, cell := range w.among {
			if slices.Contains(values, w.sel.core.Cells[cell].Axes[axis]) {
				same++
			}
		}
		if same == len(cells) && len(values) < len(w.sel.valuesOf(axis, w.among)) {
			return axis, values
		}
	}
	return "", nil
}

// noValue is the value of an axis that has no bearing on a cell, and of a sample size that is none.
var noValue = spec.Value{Kind: spec.NoValue}.String()

// valuesOf lists the values of an axis that cells have, in the order of the axis.
func (sel *selection) valuesOf(axis string, cells []int) []string {
	known := map[string]bool{"": true, noValue: true}
	var values []string
	for _, cell := range cells {
		if v := sel.core.Cells[cell].Axes[axis]; !known[v] {
			known[v] = true
			values = append(values, v)
		}
	}
	slices.SortFunc(values, func(a, b string) int { return sel.order[axis][a] - sel.order[axis][b] })
	return values
}

// shown are values of an axis as the table shows them.
func (sel *selection) shown(axis string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = sel.declared.Shown(axis, v)
	}
	return out
}

// lacking is e.g. "no value for n = 500".
func lacking(axis string, values []string) string {
	return "no value for " + axis + " = " + listed(values)
}

// listed names values, the first of many alone.
func listed(values []string) string {
	const all, first = 20, 12
	if len(values) <= all {
		return strings.Join(values, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(values[:first], ", "), len(values)-first)
}

// gaps says for which values of averaged axes a mean has no cell, where no other note does.
func (w *reasons) gaps(have []int) []note {
	if len(w.sel.declared.Over) < 2 { // the notes name each missing cell
		return nil
	}
	var notes []note
	for _, axis := range w.sel.crossed() {
		present := w.sel.valuesOf(axis, have)
		missing := slices.DeleteFunc(w.sel.valuesOf(axis, w.among), func(v string) bool {
			return slices.Contains(present, v) || w.named[axisValue{axis, v}]
		})
		if len(missing) > 0 {
			notes = append(notes, plainNote(lacking(axis, w.sel.shown(axis, missing))))
		}
	}
	return notes
}

// crossed are the averaged axes of which every line is to have all values. Where hospitals are arranged, the train and test
// hospitals, and sample sizes that follow them, differ from line to line.
func (sel *selection) crossed() []string {
	if !sel.axes["site"] {
		return sel.declared.Over
	}
	return slices.DeleteFunc(slices.Clone(sel.declared.Over), func(a string) bool {
		return a == spec.TrainSite || a == spec.TestSite || a == "n"
	})
}

// lineNotes says which cells of a line the experiment left out or never planned, where others of the line were run. Where columns
// select cells by themselves, columnNotes does.
func (sel *selection) lineNotes(r *row) []note {
	if sel.owns {
		return nil
	}
	return sel.omissions(r.group.cells, r.group.excluded, func(axis string) []string { return sel.overs[axis] })
}

func (sel *selection) columnNotes(r *row, column int) []note {
	if !sel.owns {
		return nil
	}
	cells, excluded := sel.cellsOf(r.group.cells, column), sel.cellsOf(r.group.excluded, column)
	return sel.omissions(cells, excluded, func(axis string) []string { return sel.oversOf(axis, column) })
}

// omissions says which of some cells were left out, and of which values of averaged axes there is none; overs are all values of one.
func (sel *selection) omissions(cells, excluded []int, overs func(axis string) []string) []note {
	if len(cells) == 0 {
		return nil
	}
	all := slices.Concat(cells, excluded)
	why := newReasons(sel, all, true)
	for _, cell := range excluded {
		why.add(cell, "excluded: "+sel.core.Cells[cell].Reason)
	}
	notes := why.notes()
	for _, axis := range sel.crossed() {
		planned := sel.valuesOf(axis, all)
		missing := slices.DeleteFunc(slices.Clone(overs(axis)), func(v string) bool { return slices.Contains(planned, v) })
		if len(planned) > 0 && len(missing) > 0 { // a line without any value is not on the axis
			notes = append(notes, plainNote(lacking(axis, sel.shown(axis, missing))))
		}
	}
	return notes
}

var digits = regexp.MustCompile(`-?\d+(\.\d+)?`)

// amounts finds the numbers of a text that may differ between notes of one kind: those that stand by themselves
// outside quotes. "of 595" and "than 30" say what the rest of the text is about and belong to the kind.
func amounts(text string) [][]int {
	return slices.DeleteFunc(digits.FindAllStringIndex(text, -1), func(at []int) bool {
		before, after := text[:at[0]], text[at[1]:]
		free := (before == "" || strings.HasSuffix(before, " ") || strings.HasSuffix(before, "(")) &&
			(after == "" || strings.ContainsRune(" ,;:.)%", rune(after[0])))
		return !free || strings.Count(before, `"`)%2 == 1 || strings.HasSuffix(before, "of ") || strings.HasSuffix(before, "than ")
	})
}

// kindOf is a text without its amounts.
func kindOf(text string) string {
	return replaceAmounts(text, func(int) string { return "\x00" })
}

func replaceAmounts(text string, with func(i int) string) string {
	var b strings.Builder
	end := 0
	for i, at := range amounts(text) {
		b.WriteString(text[end:at[0]] + with(i))
		end = at[1]
	}
	return b.String() + text[end:]
}

// ranged joins texts of one kind: each amount becomes its range, e.g. "47 to 93", and each range the range of all.
func ranged(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	return replaceAmounts(texts[0], func(i int) string {
		var numbers []string
		for _, text := range texts {
			at := amounts(text)[i]
			numbers = append(numbers, text[at[0]:at[1]])
		}
		low := slices.MinFunc(numbers, byAmount)
		high := slices.MaxFunc(numbers, byAmount)
		place := amounts(texts[0])
		switch {
		case i+1 < len(place) && texts[0][place[i][1]:place[i+1][0]] == " to ":
			return low // of a range in the text
		case i > 0 && texts[0][place[i-1][1]:place[i][0]] == " to ":
			return high
		case low == high:
			return low
		}
		return low + " to " + high
	})
}

func byAmount(a, b string) int {
	x, _ := strconv.ParseFloat(a, 64) // digits
	y, _ := strconv.ParseFloat(b, 64)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
