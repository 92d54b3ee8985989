package report

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// notComparable stands in the place of a printed number where ours are of invented patients or an invented model.
const notComparable = "not comparable (simulated)"

// Printed is what others have printed for a value of a table.
type Printed struct {
	Value      *float64 `json:"value,omitempty"` // nil, as the ends of its interval and Text, where ours is simulated: no format has both
	Low        *float64 `json:"low,omitempty"`   // ends of the printed interval; nil: none was printed
	High       *float64 `json:"high,omitempty"`
	Text       string   `json:"text,omitempty"` // what a search is printed to have chosen; then there is no Value
	At         string   `json:"at,omitempty"`   // where in the source
	Comparable bool     `json:"comparable"`     // patients and models of our value are real
}

// addPublished puts the numbers of others beside ours: behind each column that has some, theirs and the difference; where all of ours are
// simulated, one column at the end that says that they cannot be compared.
func (src *source) addPublished(t *Table, declared *spec.Table) {
	src.addPrinted(t, declared, func(from *spec.Published, l *Line, c int) (*Printed, bool) {
		return src.printedFor(t, declared, from, l, c)
	})
}

// addPrinted puts beside ours what find finds for a value: nil, or that there are several.
func (src *source) addPrinted(t *Table, declared *spec.Table, find func(from *spec.Published, l *Line, c int) (p *Printed, several bool)) {
	from := src.publishedAs(declared.Published)
	if from == nil || len(t.Lines) == 0 {
		return
	}
	found, comparable, several := 0, 0, 0
	for i := range t.Lines {
		l := &t.Lines[i]
		for c := range t.Columns {
			if t.Columns[c].derived != ownScore {
				continue
			}
			p, many := find(from, l, c)
			if many {
				several++
			}
			if p != nil {
				l.Values[c].Printed = p
				found++
				if p.Comparable {
					comparable++
				}
			}
		}
	}
	t.printed = true
	if several > 0 {
		t.left = append(t.left, fmt.Sprintf("Values for which %s has several numbers, so that none stands beside them: %d.", from.Source, several))
	}
	switch {
	case found == 0 && several > 0:
	case found == 0:
		t.left = append(t.left, "No number of the table is printed in "+from.Source+".")
	case comparable == 0:
		t.addIncomparable(from)
	default:
		t.addTheirs(from)
	}
}

// addIncomparable adds the one column of a table of simulated values.
func (t *Table) addIncomparable(from *spec.Published) {
	t.Columns = append(t.Columns, Column{Score: from.Name, Title: "theirs", Better: plugins.Neutral, derived: theirs})
	for i := range t.Lines {
		l := &t.Lines[i]
		v := Value{Status: Absent}
		if at := slices.IndexFunc(l.Values, func(v Value) bool { return v.Printed != nil }); at >= 0 {
			v = Value{Status: OK, Text: notComparable, Printed: l.Values[at].Printed}
		}
		l.Values = append(l.Values, v)
	}
	t.left = append(t.left, fmt.Sprintf("Theirs: %s. Numbers of invented patients or an invented model cannot be compared with them.", from.Source))
}

// addTheirs adds two columns behind each that has printed numbers.
func (t *Table) addTheirs(from *spec.Published) {
	for c := len(t.Columns) - 1; c >= 0; c-- {
		if !slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Values[c].Printed != nil }) {
			continue
		}
		column := t.Columns[c]
		own := []Column{column.beside("theirs", theirs)}
		if t.printsNumbers(c) {
			own = append(own, column.beside("difference", theirDifference))
		}
		t.Columns = slices.Insert(t.Columns, c+1, own...)
		for i := range t.Lines {
			l := &t.Lines[i]
			beside := []Value{l.Values[c].theirs(), l.Values[c].lessTheirs()}
			l.Values = slices.Insert(l.Values, c+1, beside[:len(own)]...)
		}
	}
	text := fmt.Sprintf("Theirs: %s, as printed", from.Source)
	if t.anyPrinted(func(p *Printed) bool { return p.Low != nil }) {
		text += ", with the printed interval"
	}
	if t.anyPrinted(func(p *Printed) bool { return p.Value != nil }) {
		text += ". Difference: ours less theirs"
	}
	t.left = append(t.left, text+". Nothing of ours is computed from them.")
}

// printsNumbers reports whether a column has printed numbers, and not names alone.
func (t *Table) printsNumbers(c int) bool {
	return slices.ContainsFunc(t.Lines, func(l Line) bool { p := l.Values[c].Printed; return p != nil && p.Value != nil })
}

// anyPrinted reports whether something that was printed is of a kind.
func (t *Table) anyPrinted(is func(*Printed) bool) bool {
	return slices.ContainsFunc(t.Lines, func(l Line) bool {
		return slices.ContainsFunc(l.Values, func(v Value) bool { return v.Printed != nil && is(v.Printed) })
	})
}

// theirs is what others printed for a value, beside it.
func (v *Value) theirs() Value {
	switch p := v.Printed; {
	case p == nil:
		return Value{Status: Absent}
	case !p.Comparable:
		return Value{Status: OK, Printed: p, Text: notComparable}
	default:
		return Value{Status: OK, Printed: p, Text: p.Text, as: v.as.derive(theirs)}
	}
}

// lessTheirs is the difference of a value to what others printed for it.
func (v *Value) lessTheirs() Value {
	p := v.Printed
	if p == nil || p.Value == nil || v.Status != OK {
		return Value{Status: Absent}
	}
	return Value{Status: OK, Value: v.Value - *p.Value, Printed: p, N: v.N, Of: v.Of, hits: v.hits, counts: v.counts, as: v.as.derive(theirDifference)}
}

// derive is what shows something else of the values of a column; nil of none.
func (c *Column) derive(what derived) *Column {
	if c == nil {
		return nil
	}
	out := *c
	out.derived = what
	return &out
}

// printedFor is the number that a source has for a value; nil: it has none, or several.
func (src *source) printedFor(t *Table, declared *spec.Table, from *spec.Published, l *Line, c int) (p *Printed, several bool) {
	v, column := &l.Values[c], &t.Columns[c]
	if column.Minus != "" {
		return nil, false
	}
	addresses := []string{column.Score}
	var cells []int
	for _, h := range v.hits {
		addresses = union(addresses, []string{h.score.Name, h.score.Metric + "." + h.score.Name})
		cells = append(cells, h.cell)
	}
	place := src.placeOf(t, declared, l, c)
	var found *spec.PublishedValue
	for i := range from.Values {
		p := &from.Values[i]
		if !slices.Contains(addresses, p.Score) || !printedAt(p, place) {
			continue
		}
		if found != nil {
			return nil, true
		}
		found = p
	}
	if found == nil {
		return nil, false
	}
	if src.banner(cells) != "" {
		return &Printed{At: found.At}, false
	}
	return &Printed{Value: &found.Value, Low: found.Low, High: found.High, At: found.At, Comparable: true}, false
}

// printedAt reports whether a value stands where a number was printed for.
func printedAt(p *spec.PublishedValue, place map[string]string) bool {
	for name, v := range p.Where {
		if at, ok := place[name]; !ok || at != v.String() {
			return false
		}
	}
	return true
}

// placeOf is the axes and dimensions of a value: those that the table tells apart or selects, and those that all scores behind it share.
func (src *source) placeOf(t *Table, declared *spec.Table, l *Line, c int) map[string]string {
	place := map[string]string{}
	single := func(where map[string][]spec.Value) {
		for name, values := range where {
			if len(values) == 1 {
				place[name] = values[0].String()
			}
		}
	}
	single(declared.Where)
	if own := slices.IndexFunc(declared.Columns, func(d spec.TableColumn) bool { return d.Score == t.Columns[c].Score && d.Title == t.Columns[c].Title }); own >= 0 {
		single(declared.Columns[own].Where)
	}
	shared := map[string]string{}
	for i, h := range l.Values[c].hits {
		for _, axis := range src.core.Manifest.Axes {
			share(shared, axis, src.core.Cells[h.cell].Axes[axis], i == 0)
		}
		for dim, value := range h.score.Dims {
			share(shared, dim, value, i == 0)
		}
	}
	for name, value := range shared {
		if value != "" {
			place[name] = value
		}
	}
	for i, name := range t.Rows {
		if l.Labels[i] != "" {
			place[name] = l.Labels[i]
		}
	}
	if t.Across != "" {
		place[t.Across] = t.Columns[c].Across
	}
	return place
}

// share keeps what all have in common; "" where they differ.
func share(shared map[string]string, name, value string, first bool) {
	if first {
		shared[name] = value
	} else if shared[name] != value {
		shared[name] = ""
	}
}

// theirs is the printed number as a column of ours would show it.
func (c *Column) theirs(v *Value) string {
	p := v.Printed
	switch {
	case p == nil:
		return dash
	case v.Text != "":
		return v.Text
	case p.Low == nil:
		return c.number(*p.Value)
	}
	return c.number(*p.Value) + " [" + c.like(*p.Low, *p.Value) + ", " + c.like(*p.High, *p.Value) + "]"
}
