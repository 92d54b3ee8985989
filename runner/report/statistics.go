package report

import (
	"slices"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// statistics are what a column may show of the values behind its means, by the names that an experiment has for them.
var statistics = map[string]struct {
	title string
	what  derived
}{
	"median":     {"median", sampleMedian},
	"sd":         {"SD", sampleSD},
	"range":      {"min to max", sampleRange},
	"prediction": {"next run", sampleNext},
}

// addStatistics puts the declared statistics behind the columns of their scores.
func (t *Table) addStatistics(declared []spec.TableColumn) {
	for c := len(declared) - 1; c >= 0; c-- {
		for _, name := range slices.Backward(declared[c].Statistics) {
			statistic := statistics[name]
			t.Columns = slices.Insert(t.Columns, c+1, t.Columns[c].beside(statistic.title, statistic.what))
			for i := range t.Lines {
				l := &t.Lines[i]
				l.Values = slices.Insert(l.Values, c+1, l.Values[c].statistic(statistic.what))
			}
		}
	}
}

// statistic is the value of a column that shows a statistic of v.
func (v *Value) statistic(what derived) Value {
	s := v.Sample
	if v.Status != OK || s == nil {
		return Value{Status: Absent}
	}
	out := Value{Status: OK, Value: v.Value, Sample: s, N: v.N, Of: v.Of, hits: v.hits}
	why := ""
	switch what {
	case sampleMedian, sampleSD:
		why = s.Few
	case sampleNext:
		why = s.Unpredicted
	}
	if why != "" {
		out.Status, out.notes = Undefined, []note{plainNote("undefined: " + why)}
	}
	return out
}

// besides is what a derived column shows of a value.
func (v *Value) besides(c *Column) string {
	number := func(x float64) string { return c.like(x, v.Value) }
	switch s := v.Sample; {
	case v.Status != OK:
	case c.derived == theirs:
		return c.theirs(v)
	case c.derived == theirDifference:
		return number(v.Value)
	case c.derived == spreadSD && v.Spread != nil:
		return number(v.Spread.SD)
	case c.derived == spreadNext && v.Spread != nil && v.Spread.Next != nil:
		return c.interval(v.Value, v.Spread.Next)
	case s == nil:
	case c.derived == sampleMedian:
		return number(s.Median)
	case c.derived == sampleSD:
		return number(s.SD)
	case c.derived == sampleRange:
		return number(s.Min) + " to " + number(s.Max)
	case c.derived == sampleNext && s.Prediction != nil:
		return c.interval(v.Value, s.Prediction)
	}
	return dash
}

// statisticsRemark explains the statistics that are shown.
func (t *Table) statisticsRemark() []string {
	var shown []derived
	var next *plugins.Interval
	for c := range t.Columns {
		what := t.Columns[c].derived
		if !slices.Contains(shown, what) {
			shown = append(shown, what)
		}
		for i := range t.Lines {
			if v := &t.Lines[i].Values[c]; what == sampleNext && v.Sample != nil && v.Sample.Prediction != nil {
				next = v.Sample.Prediction
			}
		}
	}
	var parts []string
	for _, s := range []struct {
		what derived
		text string
	}{
		{sampleMedian, "median"}, {sampleSD, "SD (standard deviation, n − 1)"}, {sampleRange, "min to max"},
	} {
		if slices.Contains(shown, s.what) {
			parts = append(parts, s.text)
		}
	}
	var out []string
	if len(parts) > 0 {
		text := strings.Join(parts, ", ") + ": of the single values behind each mean."
		out = append(out, strings.ToUpper(text[:1])+text[1:])
	}
	if next != nil {
		out = append(out, "Next run: "+kind{next.Level, next.Unit, next.Method}.String()+".")
	}
	return out
}
