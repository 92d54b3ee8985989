package report

import (
	"encoding/json"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
)

// TableData is a table for programs.
type TableData struct {
	Name    string     `json:"name"`
	Title   string     `json:"title,omitempty"`
	Caption string     `json:"caption,omitempty"`
	Banner  string     `json:"banner,omitempty"`
	Problem string     `json:"problem,omitempty"` // why there are no lines
	Over    []string   `json:"over,omitempty"`
	Lines   []LineData `json:"lines"`
	Remarks []string   `json:"remarks,omitempty"`
	Sources []string   `json:"sources,omitempty"`
}

// LineData is one line of a table. A row's dimension that the line lacks is absent from Rows.
type LineData struct {
	Rows   map[string]string `json:"rows"`
	Values []ValueData       `json:"values"`
	Notes  []string          `json:"notes,omitempty"`
}

// ValueData is one value of a line; Value is nil unless Status is ok.
type ValueData struct {
	Column   string            `json:"column"` // its title, with what stands over it
	Score    string            `json:"score"`
	Better   plugins.Direction `json:"better"`
	Status   Status            `json:"status"`
	Value    *float64          `json:"value"`
	Text     string            `json:"text,omitempty"`  // in the place of a value
	Place    int               `json:"place,omitempty"` // 1 of the best of the column, 2 of the second best, where they are marked
	Interval *plugins.Interval `json:"interval,omitempty"`
	Printed  *Printed          `json:"printed,omitempty"` // what others printed for it
	N        int               `json:"measured"`
	Of       int               `json:"planned"`
	Notes    []string          `json:"notes,omitempty"`
}

// MarshalJSON writes the table as TableData.
func (t *Table) MarshalJSON() ([]byte, error) { return json.Marshal(t.data()) }

func (t *Table) data() TableData {
	out := TableData{
		Name: t.Name, Title: t.Title, Caption: t.Caption, Banner: t.Banner, Problem: t.Problem, Over: t.Over,
		Remarks: t.Remarks, Sources: slices.Concat(t.Data, t.Sources), Lines: make([]LineData, 0, len(t.Lines)),
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		line := LineData{Rows: map[string]string{}, Notes: printed(l.notes)}
		for k, label := range l.Labels {
			if label != "" {
				line.Rows[t.Rows[k]] = label
			}
		}
		for c := range l.Values {
			if t.Columns[c].derived == ownScore {
				line.Values = append(line.Values, t.valueData(l, c))
			}
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}

func (t *Table) valueData(l *Line, c int) ValueData {
	v, column := &l.Values[c], t.scored(l, c)
	d := ValueData{
		Column: t.Columns[c].label(), Score: column.Score, Better: column.Better, Status: v.Status,
		N: v.N, Of: v.Of, Notes: printed(v.notes), Text: v.Text, Place: v.Place, Printed: v.Printed,
	}
	if v.Status == OK && (v.Text == "" || v.numbered) {
		d.Value, d.Interval = &v.Value, v.Interval
	}
	return d
}
