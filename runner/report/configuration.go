package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// chosenColumn is the column of what searches chose.
const chosenColumn = "chosen"

// fillConfiguration fills a table of what searches chose.
func (src *source) fillConfiguration(t *Table, declared *spec.Table) error {
	choices, err := src.searches(declared)
	if err != nil {
		return err
	}
	t.Rows, t.Columns = []string{spec.AxisRow}, []Column{{Score: chosenColumn, Title: chosenColumn, Better: plugins.Neutral}}
	if !declared.Compact {
		t.Rows = []string{spec.SearchRow, spec.AxisRow, spec.CriterionRow}
		digits := 3
		if declared.Digits != nil {
			digits = *declared.Digits
		}
		for _, title := range []string{"value", "runner-up", "its value", "candidates"} {
			t.Columns = append(t.Columns, Column{Score: title, Title: title, Better: plugins.Neutral, Digits: digits})
		}
		t.Columns[len(t.Columns)-1].Digits = 0
	}
	var cells []int
	for _, c := range choices {
		s := &searched{source: src, declared: declared, Choice: c}
		t.Lines = append(t.Lines, s.lines()...)
		for _, h := range s.all() {
			cells = append(cells, h.cell)
		}
	}
	t.Banner = src.banner(cells)
	src.addPrintedChoices(t, declared, choices)
	t.number()
	if !declared.Compact {
		t.Remarks = append(t.Remarks, "Value: the mean over the cells that competed. ↑ higher is better; ↓ lower is better.")
		t.Remarks = append(t.Remarks, t.intervals()...)
	}
	t.Remarks = append(t.Remarks, t.left...)
	t.Data, t.Sources = src.data(cells), src.sources(t, cells)
	return nil
}

// searches are those of the declared searches in their order, or all.
func (src *source) searches(declared *spec.Table) ([]*record.Choice, error) {
	all := src.core.Manifest.Choices
	var out []*record.Choice
	for i := range all {
		if len(declared.Of) == 0 {
			out = append(out, &all[i])
		}
	}
	for _, name := range declared.Of {
		i := slices.IndexFunc(all, func(c record.Choice) bool { return c.Search == name })
		if i < 0 {
			return nil, fmt.Errorf("this version has no search %q", name)
		}
		out = append(out, &all[i])
	}
	if len(out) == 0 {
		return nil, errors.New("this version has no search: its experiment declares none in best")
	}
	return out, nil
}

// searched is a search with the scores that it compared.
type searched struct {
	*source
	*record.Choice
	declared *spec.Table
}

// lines are one line or, of a compact table, one for each axis.
func (s *searched) lines() []Line {
	var lines []Line
	if s.declared.Compact {
		for i, axis := range s.Of {
			lines = append(lines, Line{Labels: []string{axis}, N: 1, Of: 1, Values: []Value{s.named(s.Best, i)}})
		}
		return lines
	}
	best, second := s.named(s.Best, -1), s.named(s.RunnerUp, -1)
	values := []Value{best, s.mean(s.Best), second, s.mean(s.RunnerUp), {Status: OK, Value: float64(len(s.Candidates)), N: 1, Of: 1, hits: s.all()}}
	return []Line{{Labels: []string{s.Search, strings.Join(s.Of, ", "), s.criterion()}, N: 1, Of: 1, Values: values}}
}

// criterion is the score that candidates competed by, whether more of it is better, and whose rows it was measured on.
func (s *searched) criterion() string {
	c := Column{Title: s.Score, Better: s.Direction}
	return fmt.Sprintf("%s, %s rows", c.header(), s.Part)
}

// named is a candidate by its values, or by that of one of its axes; what was chosen has all scores that were compared behind it.
func (s *searched) named(candidate, axis int) Value {
	if candidate < 0 {
		return s.none(candidate == s.Best)
	}
	var texts []string
	for i, v := range s.Candidates[candidate].Values {
		if axis < 0 || i == axis {
			texts = append(texts, s.declared.Shown(s.Of[i], v))
		}
	}
	v := Value{Status: OK, Text: strings.Join(texts, ", "), N: 1, Of: 1, hits: s.all()}
	if candidate == s.Best && s.Tie {
		v.notes = append(v.notes, plainNote("the runner-up is as good: the first of them stands first"))
	}
	if candidate == s.Best && s.Part != plugins.Validation {
		v.notes = append(v.notes, plainNote(fmt.Sprintf("selected on %s rows: what is rated on them later is optimistic", s.Part)))
	}
	if candidate == s.Best && s.OwnColumns {
		v.notes = append(v.notes, plainNote("the "+ownColumns(s.Choice)))
	}
	return v
}

// none is a candidate that there is not.
func (s *searched) none(best bool) Value {
	if s.Best < 0 {
		return Value{Status: Undefined, notes: []note{plainNote("not decided: " + strings.TrimSuffix(s.Undecided, "."))}}
	}
	return absent("nothing else competes")
}

// mean is the score of a candidate.
func (s *searched) mean(candidate int) Value {
	if candidate < 0 {
		return s.none(candidate == s.Best)
	}
	c := &s.Candidates[candidate]
	if c.Mean == nil {
		return Value{Status: Undefined, notes: []note{plainNote("not known")}}
	}
	v := Value{Status: OK, Value: *c.Mean, N: 1, Of: 1, hits: s.of(candidate)}
	if c.Low != nil && c.High != nil {
		v.Interval = &plugins.Interval{Low: *c.Low, High: *c.High, Level: c.Level, Unit: "cells", Method: studentT}
	}
	return v
}

// all are the scores of all candidates.
func (s *searched) all() []hit {
	var hits []hit
	for i := range s.Candidates {
		hits = append(hits, s.of(i)...)
	}
	return hits
}

// of are the scores of a candidate.
func (s *searched) of(candidate int) []hit {
	var hits []hit
	for i := range s.core.Scores {
		score := &s.core.Scores[i]
		cell, known := s.cells[score.Cell]
		if known && score.Metric+"."+score.Name == s.Score && s.competes(cell, candidate) && !s.apart(score) {
			hits = append(hits, hit{score: score, cell: cell})
		}
	}
	return hits
}

// apart reports whether a score is of a weighting, or of a group of patients.
func (s *searched) apart(score *record.Score) bool {
	aside := func(name string) bool {
		v, has := s.dimension(score, name)
		return has && v != plugins.Raw && v != plugins.Everyone
	}
	return aside(plugins.Weighting) || slices.ContainsFunc(s.by[score.Metric], aside)
}

// competes reports whether a cell is among those of a candidate.
func (s *searched) competes(cell, candidate int) bool {
	axes := s.core.Cells[cell].Axes
	for i, axis := range s.Choice.Of {
		if axes[axis] != s.Candidates[candidate].Values[i] {
			return false
		}
	}
	for axis, values := range s.Where {
		if !slices.Contains(s.Choice.Of, axis) && !slices.Contains(values, axes[axis]) {
			return false
		}
	}
	return true
}
