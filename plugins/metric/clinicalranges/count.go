package clinicalranges

import (
	"fmt"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// side is the account of the rows of one side. Each piece of consecutive rows counts for itself.
type side struct {
	frame *frame.Frame
	parts []counts
}

// counts are numbers of values and rows.
type counts struct {
	values, outside []int // by limited column
	rows, rowsAny   int   // rows, and those with a value outside
}

// piece is the number of rows that are counted at a time.
const piece = 4096

func newSide(s *compare.Sides, part plugins.Part) *side {
	f := s.Frame(part)
	return &side{frame: f, parts: make([]counts, (f.Rows()+piece-1)/piece)}
}

func (s *side) pieces() int { return len(s.parts) }

// count counts the rows of one piece.
func (s *side) count(i int, limited []limit) {
	from, to := i*piece, min((i+1)*piece, s.frame.Rows())
	out := counts{values: make([]int, len(limited)), outside: make([]int, len(limited)), rows: to - from}
	marked := make([]bool, to-from)
	for k, l := range limited {
		if l.fault == "" {
			out.values[k], out.outside[k] = l.count(s.frame.Column(l.column), from, to, marked)
		}
	}
	for _, m := range marked {
		if m {
			out.rowsAny++
		}
	}
	s.parts[i] = out
}

// count counts the values of a column in some rows, and those outside the limit, whose rows it marks.
func (l *limit) count(c *frame.Column, from, to int, marked []bool) (values, outside int) {
	allowed := make([]bool, len(c.Levels))
	for code, level := range c.Levels {
		allowed[code] = slices.Contains(l.levels, level)
	}
	for i := from; i < to; i++ {
		if c.IsMissing(i) {
			continue
		}
		values++
		inside := false
		if c.Kind == frame.Category {
			inside = allowed[c.Codes[i]]
		} else {
			inside = c.Numbers[i] >= l.low && c.Numbers[i] <= l.high
		}
		if !inside {
			outside++
			marked[i-from] = true
		}
	}
	return values, outside
}

// total adds up the pieces.
func (s *side) total(limited []limit) counts {
	out := counts{values: make([]int, len(limited)), outside: make([]int, len(limited))}
	for _, p := range s.parts {
		for k := range limited {
			out.values[k] += p.values[k]
			out.outside[k] += p.outside[k]
		}
		out.rows += p.rows
		out.rowsAny += p.rowsAny
	}
	return out
}

// report turns the accounts of both sides into scores.
// trials are the synthetic and the real rows.
func report(real, synthetic counts, limited []limit, part plugins.Part, trials [2]compare.Trials) *plugins.Measurement {
	called := map[bool]string{true: "synthetic", false: string(part)}
	out := &plugins.Measurement{}
	var all [2][2]int // values and those outside, synthetic and real
	measured, broken := 0, 0
	for k, l := range limited {
		if l.fault == "" {
			measured++
		}
		if isDoubtful(real.outside[k], real.values[k]) {
			broken++
		}
		for i, c := range []counts{synthetic, real} {
			all[i][0] += c.values[k]
			all[i][1] += c.outside[k]
			name := []string{"outside_limits", "outside_limits_real"}[i]
			score := compare.Share(name, c.outside[k], c.values[k], trials[i], fmt.Sprintf("no %s row has a value in this column", called[i == 0]))
			if l.fault != "" {
				score = compare.Undefined(name, l.fault)
			}
			score.Dims = map[string]string{"column": l.column}
			score.Warnings = l.warnings(real.outside[k], real.values[k], part)
			out.Scores = append(out.Scores, score)
		}
	}
	none := "no column has limits: declare limits of the data set, or give ranges"
	for i, c := range []counts{synthetic, real} {
		suffix := []string{"", "_real"}[i]
		values := trials[i] // those of one row are not independent: they count as one
		values.Weight *= min(1, float64(c.rows)/float64(max(1, all[i][0])))
		overall := compare.Share("overall_outside_limits"+suffix, all[i][1], all[i][0], values, fmt.Sprintf("no %s row has a value in a column with limits", called[i == 0]))
		rows := compare.Share("rows_outside_limits"+suffix, c.rowsAny, c.rows, trials[i], fmt.Sprintf("there are no %s rows", called[i == 0]))
		if measured == 0 {
			overall, rows = compare.Undefined(overall.Name, none), compare.Undefined(rows.Name, none)
		}
		if broken > 0 {
			warning := fmt.Sprintf("the limits of %d of %d columns are doubtful: more than 1 %% of the values of the %s rows lie outside them", broken, measured, part)
			overall.Warnings, rows.Warnings = []string{warning}, []string{warning}
		}
		out.Scores = append(out.Scores, overall, rows)
	}
	out.Counts = []plugins.Count{{Name: "columns with limits", Value: measured}}
	return out
}

func isDoubtful(outside, values int) bool { return float64(outside) > doubtful*float64(values) }

// warnings says which limits nobody declared, and which are doubtful because real values break them.
func (l *limit) warnings(outside, values int, part plugins.Part) []string {
	var out []string
	if l.standard {
		out = append(out, l.note())
	}
	if isDoubtful(outside, values) {
		out = append(out, fmt.Sprintf("%.1f %% of the values of the %s rows lie outside the limits: the limits, or the unit of the column, may be wrong",
			100*float64(outside)/float64(values), part))
	}
	return out
}
