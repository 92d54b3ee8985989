package prepare

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// winsors returns the limits of each column, nil for those that are left as they are.
func (p *Fitted) winsors(train *frame.Frame, columns []*frame.Column, cfg *Winsorise) ([]*Limits, error) {
	out := make([]*Limits, len(columns))
	if cfg == nil {
		return out, nil
	}
	for _, name := range cfg.Columns {
		switch i := slices.IndexFunc(columns, func(c *frame.Column) bool { return c.Name == name }); {
		case i < 0:
			return nil, unprepared(train, "winsorise", name)
		case columns[i].Kind != frame.Number:
			return nil, fmt.Errorf("winsorise: column %q is a %s: want a number", name, columns[i].Kind)
		case columns[i].MissingCount() == columns[i].Len():
			return nil, fmt.Errorf("winsorise: column %q has no value in train", name)
		}
	}
	sets := setOf(p.Sets)
	var spared []string
	for i, c := range columns {
		named := slices.Contains(cfg.Columns, c.Name)
		if c.Kind != frame.Number || sets[c.Name] != nil || len(cfg.Columns) > 0 && !named {
			continue
		}
		switch out[i] = cfg.limits(c); {
		case out[i] != nil:
		case named:
			return nil, fmt.Errorf("winsorise: column %q would be left with one value: its quantiles %v and %v in train are the same", c.Name, cfg.Low, cfg.High)
		case c.MissingCount() < c.Len():
			spared = append(spared, strconv.Quote(c.Name))
		}
	}
	if spared != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("prepare: not winsorised, as one value would be left: %s", strings.Join(spared, ", ")))
	}
	return out, nil
}

// limits returns the quantiles of a number column; nil when they are the same, or there is no value.
func (w *Winsorise) limits(c *frame.Column) *Limits {
	values := present(c.Numbers)
	low, err := stats.Percentile(values, w.Low)
	if err != nil {
		return nil
	}
	high, err := stats.Percentile(values, w.High)
	if err != nil {
		return nil
	}
	if c.Integer {
		low, high = math.RoundToEven(low), math.RoundToEven(high)
	}
	if !(low < high) || math.IsInf(high-low, 0) { // the interpolation of the greatest numbers there are can overflow
		return nil
	}
	return &Limits{Low: low + 0, High: high + 0} // −0 is 0
}

// apply pulls values in to the limits, and counts those below and above them; nil limits change nothing.
func (l *Limits) apply(c *frame.Column) (out *frame.Column, below, above int) {
	if l == nil {
		return c, 0, 0
	}
	for _, v := range c.Numbers {
		if v < l.Low {
			below++
		}
		if v > l.High {
			above++
		}
	}
	if below+above == 0 {
		return c, 0, 0
	}
	copied := *c
	copied.Numbers = slices.Clone(c.Numbers)
	for row, v := range copied.Numbers {
		if v < l.Low {
			copied.Numbers[row] = l.Low
		}
		if v > l.High {
			copied.Numbers[row] = l.High
		}
	}
	copied.Integer = c.Integer && l.Low == math.Trunc(l.Low) && l.High == math.Trunc(l.High)
	return &copied, below, above
}
