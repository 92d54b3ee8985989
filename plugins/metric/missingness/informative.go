package missingness

import (
	"context"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
)

// outcome is the label of one side: the rows that have one, and those of the positive class.
type outcome struct {
	labelled, events   rows
	labelledN, eventsN int
}

// outcomeOf reads the target of a side; the error says why it is no label of two classes.
func outcomeOf(f *frame.Frame, target, positive string) (*outcome, error) {
	column := f.Column(target)
	var known []int
	for i := range f.Rows() {
		if !column.IsMissing(i) {
			known = append(known, i)
		}
	}
	y, err := label.Binary(column.Take(known), positive)
	if err != nil {
		return nil, err
	}
	out := &outcome{labelled: newRows(f.Rows()), events: newRows(f.Rows()), labelledN: len(known)}
	for i, row := range known {
		if out.labelled.add(row); y[i] == 1 {
			out.events.add(row)
			out.eventsN++
		}
	}
	return out, nil
}

// inform scores how far missing values tell the label, for every column but the target.
func inform(ctx context.Context, env plugins.Env, s *compare.Sides, target string, real, synthetic *marks) ([]plugins.Score, error) {
	real, synthetic = real.without(target), synthetic.without(target)
	at := map[string]int{}
	for i, name := range real.names {
		at[name] = i
	}
	yReal, ySynthetic, fault := outcomes(s, target)
	measure := func(column string) []compare.Value {
		if fault.Reason != "" {
			return []compare.Value{fault, fault, fault}
		}
		i := at[column]
		a, b := tell(real, i, yReal, s.Part, string(s.Part)), tell(synthetic, i, ySynthetic, compare.Synthetic, "synthetic")
		return []compare.Value{a, b, apart(a, b)}
	}
	out, err := s.Quantities(ctx, env, "", real.names, []compare.Quantity{
		{Name: informative + "real", Missing: true},
		{Name: informative + "synthetic", Missing: true},
		{Name: informative + "difference", Mean: "mean_" + informative + "difference", Missing: true},
	}, measure)
	if err != nil {
		return nil, err
	}
	if mean := &out.Scores[len(out.Scores)-1]; fault.Reason != "" {
		mean.Reason, mean.Warnings = fault.Reason, nil
	}
	return out.Scores, nil
}

// without returns the marks of all columns but one.
func (m *marks) without(name string) *marks {
	out := &marks{n: m.n}
	for i, other := range m.names {
		if other != name {
			out.names, out.sets, out.counts = append(out.names, other), append(out.sets, m.sets[i]), append(out.counts, m.counts[i])
		}
	}
	return out
}

// outcomes reads the target of both sides. The value tells why there is nothing that missing values could tell.
func outcomes(s *compare.Sides, target string) (real, synthetic *outcome, fault compare.Value) {
	column := s.Real.Column(target)
	if column == nil {
		return nil, nil, compare.None(s.Part, "there is no label")
	}
	positive, err := label.Positive(column)
	if err == nil {
		real, err = outcomeOf(s.Real, target, positive)
	}
	if err != nil {
		return nil, nil, compare.None(s.Part, fmt.Sprintf("%s rows: %v", s.Part, err))
	}
	if synthetic, err = outcomeOf(s.Synthetic, target, positive); err != nil {
		return nil, nil, compare.None(compare.Synthetic, fmt.Sprintf("synthetic rows: %v", err))
	}
	return real, synthetic, compare.Value{}
}

// tell returns ln((a+½)(d+½)/((b+½)(c+½))): a rows miss column i and are events, b miss it and are none, c have a value and are
// events, d have one and are none. It is undefined unless some labelled rows, but not all, miss the column.
func tell(m *marks, i int, y *outcome, side plugins.Part, called string) compare.Value {
	missing, events := m.sets[i].both(y.labelled), m.sets[i].both(y.events)
	switch missing {
	case 0:
		return compare.None(side, fmt.Sprintf("no %s row misses a value in this column", called))
	case y.labelledN:
		return compare.None(side, fmt.Sprintf("no %s row has a value in this column", called))
	}
	a, c := float64(events), float64(y.eventsN-events)
	b, d := float64(missing-events), float64(y.labelledN-y.eventsN-missing+events)
	return compare.Value{Number: math.Log((a + 0.5) / (b + 0.5) * (d + 0.5) / (c + 0.5)), N: y.labelledN}
}

// apart returns the difference of two log odds ratios.
func apart(real, synthetic compare.Value) compare.Value {
	for _, v := range []compare.Value{real, synthetic} {
		if v.Reason != "" {
			return v
		}
	}
	return compare.Value{Number: math.Abs(real.Number - synthetic.Number), N: real.N + synthetic.N}
}
