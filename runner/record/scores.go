package record

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// sortScores orders scores by cell as planned, then by metric as declared; scores of one metric and cell stay as measured.
func sortScores(c *Core) []Score {
	cells := make(map[string]int, len(c.Cells))
	for i, cell := range c.Cells {
		cells[cell.ID] = i
	}
	metrics := map[string]int{}
	for _, s := range c.Manifest.Scores {
		if _, ok := metrics[s.Metric]; !ok {
			metrics[s.Metric] = len(metrics)
		}
	}
	for i := range c.Scores { // a metric that the manifest does not declare comes last
		if _, ok := metrics[c.Scores[i].Metric]; !ok {
			metrics[c.Scores[i].Metric] = len(metrics)
		}
	}
	type place struct{ cell, metric, at int }
	order := make([]place, len(c.Scores))
	for i := range c.Scores {
		order[i] = place{cells[c.Scores[i].Cell], metrics[c.Scores[i].Metric], i}
	}
	slices.SortFunc(order, func(a, b place) int {
		return cmp.Or(a.cell-b.cell, a.metric-b.metric, a.at-b.at)
	})
	out := make([]Score, len(order))
	for i, p := range order {
		out[i] = normalScore(c.Scores[p.at])
	}
	return out
}

// normalScore drops what means nothing, so that a score reads back as it was written.
func normalScore(s Score) Score {
	if s.Status != plugins.OK {
		s.Value, s.Interval, s.Draws = 0, nil, nil
	}
	if s.Value == 0 {
		s.Value = 0 // -0 and 0 are one value
	}
	if len(s.Dims) == 0 {
		s.Dims = nil
	}
	s.Reason = strings.ToValidUTF8(s.Reason, "\uFFFD") // it may quote another program
	if len(s.Warnings) == 0 {
		s.Warnings = nil
	}
	return s
}

// checkScore reports a score that must not be recorded.
func checkScore(s *Score) error {
	where := func(what string) error {
		return fmt.Errorf("cell %s, score %s.%s: %s", s.Cell, s.Metric, s.Name, what)
	}
	switch s.Status {
	case plugins.OK:
	case plugins.Undefined, plugins.Failed:
		if s.Reason == "" {
			return where(fmt.Sprintf("status %q without a reason", s.Status))
		}
		return nil
	default:
		return where(fmt.Sprintf("status %q: want ok, undefined or failed", s.Status))
	}
	if !finite(s.Value) {
		return where("status ok, but its value is no finite number; want status undefined and a reason")
	}
	if iv := s.Interval; iv != nil && !(finite(iv.Low) && finite(iv.High) && iv.Low <= iv.High && iv.Level > 0 && iv.Level < 1) {
		return where("its interval needs finite ends in order and a level between 0 and 1")
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// scoreLayout names the columns of the scores table.
type scoreLayout struct {
	axes, dims []string // as the experiment names them
	names      []string // of all columns, in order
}

func layoutOf(axes, dims []string) scoreLayout {
	l := scoreLayout{axes: axes, dims: dims, names: []string{"cell"}}
	for _, a := range axes {
		l.names = append(l.names, axisColumn(a, scoreColumns))
	}
	taken := append(slices.Clone(scoreColumns), l.names...)
	l.names = append(l.names, "metric", "score")
	for _, d := range dims {
		l.names = append(l.names, dimColumn(d, taken))
	}
	l.names = append(l.names, scoreColumns[3:]...)
	return l
}

func scoreDims(s *Score) map[string]string { return s.Dims }

// encodeScoresCSV writes one row a score. Numbers are the shortest that read back exactly; the value of a score
// that is not ok is empty; several warnings are joined by "; ".
func encodeScoresCSV(c *Core, scores []Score) ([]byte, error) {
	l := layoutOf(c.Manifest.Axes, dimKeys(scores, scoreDims))
	cells := cellsByID(c.Cells)
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(l.names); err != nil {
		return nil, err
	}
	row := make([]string, len(l.names))
	for i := range scores {
		if err := w.Write(l.row(row, cells[scores[i].Cell], &scores[i])); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func (l *scoreLayout) row(row []string, cell *Cell, s *Score) []string {
	row = append(row[:0], s.Cell)
	for _, a := range l.axes {
		row = append(row, cell.Axes[a])
	}
	row = append(row, s.Metric, s.Name)
	for _, d := range l.dims {
		row = append(row, s.Dims[d])
	}
	value, low, high, level, unit, method := "", "", "", "", "", ""
	if s.Status == plugins.OK {
		value = formatNumber(s.Value)
	}
	if iv := s.Interval; iv != nil {
		low, high, level, unit, method = formatNumber(iv.Low), formatNumber(iv.High), formatNumber(iv.Level), iv.Unit, iv.Method
	}
	return append(row, value, strconv.Itoa(s.N), low, high, level, unit, method,
		string(s.Status), s.Reason, strings.Join(s.Warnings, "; "))
}

// scoresFrame is the scores table as columns. Warnings are a JSON list, so that they can be told apart again.
func scoresFrame(c *Core, scores []Score) (*frame.Frame, error) {
	l := layoutOf(c.Manifest.Axes, dimKeys(scores, scoreDims))
	cells := cellsByID(c.Cells)
	rows := len(scores)
	ids, metric, name, status, reason, warnings := newTexts(rows), newTexts(rows), newTexts(rows), newTexts(rows), newTexts(rows), newTexts(rows)
	unit, method := newTexts(rows), newTexts(rows)
	axes, dims := make([]*texts, len(l.axes)), make([]*texts, len(l.dims))
	for i := range axes {
		axes[i] = newTexts(rows)
	}
	for i := range dims {
		dims[i] = newTexts(rows)
	}
	numbers := make([][]float64, 5) // value, support, low, high, level
	for i := range numbers {
		numbers[i] = make([]float64, rows)
	}
	for r := range scores {
		s := &scores[r]
		ids.add(s.Cell, true)
		for i, a := range l.axes {
			v, ok := cells[s.Cell].Axes[a]
			axes[i].add(v, ok)
		}
		metric.add(s.Metric, true)
		name.add(s.Name, true)
		for i, d := range l.dims {
			v, ok := s.Dims[d]
			dims[i].add(v, ok)
		}
		iv := s.Interval
		if iv == nil {
			iv = &plugins.Interval{Low: math.NaN(), High: math.NaN(), Level: math.NaN()}
		}
		value := s.Value
		if s.Status != plugins.OK {
			value = math.NaN()
		}
		for i, v := range []float64{value, float64(s.N), iv.Low, iv.High, iv.Level} {
			numbers[i][r] = v
		}
		unit.add(iv.Unit, s.Interval != nil)
		method.add(iv.Method, s.Interval != nil)
		status.add(string(s.Status), true)
		reason.add(s.Reason, s.Reason != "")
		list, err := json.Marshal(s.Warnings)
		if err != nil {
			return nil, err
		}
		warnings.add(string(list), len(s.Warnings) > 0)
	}
	columns := []*frame.Column{ids.column("cell")}
	for i := range axes {
		columns = append(columns, axes[i].column(l.names[1+i]))
	}
	columns = append(columns, metric.column("metric"), name.column("score"))
	for i := range dims {
		columns = append(columns, dims[i].column(l.names[3+len(axes)+i]))
	}
	columns = append(columns, frame.NewNumber("value", numbers[0]), wholeColumn("support", numbers[1]),
		frame.NewNumber("low", numbers[2]), frame.NewNumber("high", numbers[3]), frame.NewNumber("level", numbers[4]),
		unit.column("unit"), method.column("method"), status.column("status"), reason.column("reason"), warnings.column("warnings"))
	return frame.New(columns...)
}

// scoresOf reads back what scoresFrame made.
func scoresOf(f *frame.Frame) ([]Score, error) {
	r := &reader{f: f}
	ids, metric, name := r.text("cell"), r.text("metric"), r.text("score")
	value, support, low, high, level := r.number("value"), r.number("support"), r.number("low"), r.number("high"), r.number("level")
	unit, method, status, reason, warnings := r.text("unit"), r.text("method"), r.text("status"), r.text("reason"), r.text("warnings")
	var keys []string
	var dims []*frame.Column
	for _, column := range between(f.Names(), "score", "value") {
		keys = append(keys, dimOf(column))
		dims = append(dims, r.text(column))
	}
	if r.err != nil {
		return nil, r.err
	}
	lists, err := warningLists(warnings)
	if err != nil {
		return nil, err
	}
	scores := make([]Score, f.Rows())
	for i := range scores {
		s := &scores[i]
		s.Cell, s.Metric, s.Name = textAt(ids, i), textAt(metric, i), textAt(name, i)
		s.Dims = dimsAt(keys, dims, i)
		s.Status, s.Reason = plugins.Status(textAt(status, i)), textAt(reason, i)
		if support.IsMissing(i) || s.Status == plugins.OK && value.IsMissing(i) {
			return nil, fmt.Errorf("row %d: a number is missing", i+1)
		}
		s.N = int(support.Numbers[i])
		if s.Status == plugins.OK {
			s.Value = value.Numbers[i]
		}
		if !low.IsMissing(i) {
			s.Interval = &plugins.Interval{
				Low: low.Numbers[i], High: high.Numbers[i], Level: level.Numbers[i],
				Unit: textAt(unit, i), Method: textAt(method, i),
			}
		}
		if code := warnings.Codes[i]; code != frame.Missing {
			s.Warnings = slices.Clone(lists[code])
		}
	}
	return scores, nil
}

// warningLists decodes each distinct list of warnings once.
func warningLists(c *frame.Column) ([][]string, error) {
	lists := make([][]string, len(c.Levels))
	for i, raw := range c.Levels {
		if err := json.Unmarshal([]byte(raw), &lists[i]); err != nil {
			return nil, fmt.Errorf("column %q: %w", "warnings", err)
		}
	}
	return lists, nil
}

func cellsByID(cells []Cell) map[string]*Cell {
	byID := make(map[string]*Cell, len(cells))
	for i := range cells {
		byID[cells[i].ID] = &cells[i]
	}
	return byID
}
