package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// addPrintedFacts puts printed facts of data sets beside ours, and says which of them the table has no line for. lines are what its lines are,
// sets its columns.
func (src *source) addPrintedFacts(t *Table, declared *spec.Table, sets []*studied, lines []factLine) {
	of := map[*Line]factLine{}
	for i := range t.Lines {
		of[&t.Lines[i]] = lines[i]
	}
	src.addPrinted(t, declared, func(from *spec.Published, l *Line, c int) (*Printed, bool) {
		var found *spec.PublishedValue
		for i := range from.Values {
			p := &from.Values[i]
			if !of[l].printed(p) || !printedAt(p, sets[c].place()) {
				continue
			}
			if found != nil {
				return nil, true
			}
			found = p
		}
		switch {
		case found == nil:
			return nil, false
		case sets[c].info.Simulated || sets[c].info.Governance == plugins.Simulated:
			return &Printed{At: found.At}, false
		}
		return &Printed{Value: &found.Value, At: found.At, Comparable: true}, false
	})
	if from := src.publishedAs(declared.Published); from != nil {
		if lacks := printedOnly(from, declared, sets, lines); len(lacks) > 0 {
			t.left = append(t.left, fmt.Sprintf("Printed in %s, but not told of these data, which lack or withhold it: %s.", from.Source, strings.Join(lacks, ", ")))
		}
	}
}

// publishedAs are the numbers of others by their name; nil where there are none.
func (src *source) publishedAs(name string) *spec.Published {
	if at := slices.IndexFunc(src.published, func(p spec.Published) bool { return p.Name == name }); at >= 0 {
		return &src.published[at]
	}
	return nil
}

// printed reports whether a printed value is of the fact of a line.
func (f factLine) printed(p *spec.PublishedValue) bool {
	return p.Fact != "" && p.Fact == f.fact && p.Column == f.column && p.Level == f.level
}

// place is what printed facts of a data set may name.
func (s *studied) place() map[string]string {
	place := map[string]string{"dataset": s.info.Name}
	if s.declared.Features != "" {
		place["features"] = s.declared.Features
	}
	return place
}

// printedOnly names the levels that were printed of a data set of the table, and that it has no line for.
func printedOnly(from *spec.Published, declared *spec.Table, sets []*studied, lines []factLine) []string {
	var out []string
	for i := range from.Values {
		p := &from.Values[i]
		asked := p.Fact == spec.GroupsFact && (len(declared.Of) == 0 || slices.Contains(declared.Of, string(p.Fact))) &&
			slices.ContainsFunc(sets, func(s *studied) bool { return printedAt(p, s.place()) })
		if asked && !slices.ContainsFunc(lines, func(f factLine) bool { return f.printed(p) }) {
			out = append(out, p.Column+" "+declared.Shown(p.Column, p.Level))
		}
	}
	return out
}

// addPrintedChoices puts what searches are printed to have chosen beside what ours chose.
func (src *source) addPrintedChoices(t *Table, declared *spec.Table, choices []*record.Choice) {
	of := map[*Line]*record.Choice{}
	line := 0
	for _, c := range choices {
		lines := 1
		if declared.Compact {
			lines = len(c.Of)
		}
		for range lines {
			of[&t.Lines[line]] = c
			line++
		}
	}
	src.addPrinted(t, declared, func(from *spec.Published, l *Line, c int) (*Printed, bool) {
		if t.Columns[c].Score != chosenColumn {
			return nil, false
		}
		axes := of[l].Of
		if declared.Compact {
			axes = l.Labels
		}
		p, several := printedChoice(from, declared, of[l], axes)
		if p == nil || several {
			return nil, several
		}
		s := &searched{source: src, declared: declared, Choice: of[l]}
		var cells []int
		for _, h := range s.all() {
			cells = append(cells, h.cell)
		}
		if src.banner(cells) != "" {
			return &Printed{At: p.At}, false
		}
		return p, false
	})
}

// printedChoice is what a search is printed to have chosen of some axes; nil where nothing is.
func printedChoice(from *spec.Published, declared *spec.Table, c *record.Choice, axes []string) (printed *Printed, several bool) {
	texts := make([]string, len(axes))
	for i := range from.Values {
		p := &from.Values[i]
		at := slices.Index(axes, cmp.Or(p.Axis, c.Of[0]))
		if p.Search != c.Search || at < 0 {
			continue
		}
		if texts[at] != "" {
			return nil, true
		}
		var values []string
		for _, v := range p.Choice {
			values = append(values, declared.Shown(axes[at], v))
		}
		texts[at] = strings.Join(values, " or ")
		if printed == nil {
			printed = &Printed{At: p.At, Comparable: true}
		}
	}
	if printed != nil {
		for i := range texts {
			texts[i] = dashed(texts[i])
		}
		printed.Text = strings.Join(texts, ", ")
	}
	return printed, false
}
