package prompt

import (
	"errors"
	"fmt"
	"math"
)

// Aggregates is what is told of train without showing a row. What stands for too few patients is left out: see Aggregate.
type Aggregates struct {
	Rows    int         `json:"rows"`
	Columns []Aggregate `json:"columns"`
	Label   string      `json:"label,omitempty"` // the column that By goes by
	By      []Class     `json:"by,omitempty"`    // the same for the rows of each label; empty when it is withheld
}

// Class is the aggregates of the rows with one label.
type Class struct {
	Value   string      `json:"value"` // as CSV has it
	Rows    int         `json:"rows"`
	Columns []Aggregate `json:"columns"`
}

// Aggregate is what is told of one column: quantiles of a number, shares of the levels of a category or of a number of few
// different values. A field that is nil or empty is withheld.
type Aggregate struct {
	Name    string   `json:"name"`
	N       int      `json:"n,omitempty"`       // rows with a value
	Missing *float64 `json:"missing,omitempty"` // share of the rows without one, in [0,1]
	P5      *float64 `json:"p5,omitempty"`
	P25     *float64 `json:"p25,omitempty"`
	P50     *float64 `json:"p50,omitempty"`
	P75     *float64 `json:"p75,omitempty"`
	P95     *float64 `json:"p95,omitempty"`
	Levels  []Level  `json:"levels,omitempty"` // by share, the greatest first; equal ones by name
	Others  *float64 `json:"others,omitempty"` // share of the levels that are not told, together
}

// Level is a level and its share of the values that are there, in [0,1].
type Level struct {
	Level string  `json:"level"`
	Share float64 `json:"share"`
}

// Quantile is a quantile that is told.
type Quantile struct{ Q, Value float64 }

// Quantiles returns the quantiles that are told, ascending.
func (a *Aggregate) Quantiles() []Quantile {
	var out []Quantile
	for i, v := range []*float64{a.P5, a.P25, a.P50, a.P75, a.P95} {
		if v != nil {
			out = append(out, Quantile{quantiles[i], *v})
		}
	}
	return out
}

// Column returns what is told of a column, or nil.
func (a *Aggregates) Column(name string) *Aggregate { return named(a.Columns, name) }

// Column returns what is told of a column, or nil.
func (c *Class) Column(name string) *Aggregate { return named(c.Columns, name) }

func named(columns []Aggregate, name string) *Aggregate {
	for i := range columns {
		if columns[i].Name == name {
			return &columns[i]
		}
	}
	return nil
}

// Render returns the block, a column a line.
func (a *Aggregates) Render() string {
	b := fmt.Appendf(nil, `{"rows":%d,"columns":[`, a.Rows)
	b = append(appendLines(b, a.Columns), ']')
	if a.Label != "" {
		b = appendJSON(append(b, `,"label":`...), a.Label)
	}
	for i, c := range a.By {
		if i == 0 {
			b = append(b, `,"by":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendJSON(append(b, `{"value":`...), c.Value)
		b = fmt.Appendf(b, `,"rows":%d,"columns":[`, c.Rows)
		b = append(appendLines(b, c.Columns), "]}"...)
	}
	if len(a.By) > 0 {
		b = append(b, ']')
	}
	return fenced(AggregatesBlock, string(append(b, "}\n"...)))
}

// ParseAggregates reads the body of an aggregates block.
func ParseAggregates(body string) (*Aggregates, error) {
	a := &Aggregates{}
	if err := decode(body, a); err != nil {
		return nil, err
	}
	if err := checkAggregates(a.Columns); err != nil {
		return nil, err
	}
	if len(a.By) > 0 && a.Label == "" {
		return nil, errors.New("by label, but which column is the label is not said")
	}
	for _, c := range a.By {
		if err := checkAggregates(c.Columns); err != nil {
			return nil, fmt.Errorf("by label: %w", err)
		}
	}
	return a, nil
}

func checkAggregates(columns []Aggregate) error {
	seen := map[string]bool{}
	for i := range columns {
		a := &columns[i]
		if a.Name == "" {
			return fmt.Errorf("column %d has no name", i+1)
		}
		if seen[a.Name] {
			return fmt.Errorf("two columns are named %q", a.Name)
		}
		seen[a.Name] = true
		before := math.Inf(-1)
		for _, q := range a.Quantiles() {
			if q.Value < before {
				return fmt.Errorf("column %q: the quantiles fall", a.Name)
			}
			before = q.Value
		}
		for _, s := range a.shares() {
			if s < 0 || s > 1 {
				return fmt.Errorf("column %q: a share lies outside 0 to 1", a.Name)
			}
		}
	}
	return nil
}

// shares returns all shares that are told.
func (a *Aggregate) shares() []float64 {
	var out []float64
	for _, l := range a.Levels {
		out = append(out, l.Share)
	}
	for _, s := range []*float64{a.Missing, a.Others} {
		if s != nil {
			out = append(out, *s)
		}
	}
	return out
}
