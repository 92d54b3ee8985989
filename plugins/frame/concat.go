package frame

import "fmt"

// Concat puts frames with the same columns (names, kinds, units, in the same order) under each other.
// A column is Integer when it is in every frame that has rows.
func Concat(frames ...*Frame) (*Frame, error) {
	if len(frames) == 0 {
		return New()
	}
	rows := 0
	for i, f := range frames {
		rows += f.rows
		if len(f.columns) != len(frames[0].columns) {
			return nil, fmt.Errorf("frame %d has %d columns, the first has %d", i, len(f.columns), len(frames[0].columns))
		}
	}
	columns := make([]*Column, len(frames[0].columns))
	for i, first := range frames[0].columns {
		pieces := make([]*Column, len(frames))
		for k, f := range frames {
			c := f.columns[i]
			if c.Name != first.Name || c.Kind != first.Kind || c.Unit != first.Unit {
				return nil, fmt.Errorf("column %d of frame %d is %q, that of the first frame is %q, or kind or unit differ", i, k, c.Name, first.Name)
			}
			pieces[k] = c
		}
		columns[i] = join(pieces, rows)
	}
	out, err := New(columns...)
	if err == nil {
		out.rows = rows
	}
	return out, err
}

// join puts columns of one kind under each other.
func join(pieces []*Column, rows int) *Column {
	first := pieces[0]
	out := &Column{Name: first.Name, Kind: first.Kind, Unit: first.Unit}
	if first.Kind == Category {
		var levels []string
		codes := make([]int32, 0, rows)
		for _, c := range pieces {
			base := int32(len(levels))
			levels = append(levels, c.Levels...)
			for _, code := range c.Codes {
				if code != Missing {
					code += base
				}
				codes = append(codes, code)
			}
		}
		fresh := NewCategory(first.Name, levels, codes)
		out.Codes, out.Levels = fresh.Codes, fresh.Levels
		return out
	}
	out.Integer = true
	out.Numbers = make([]float64, 0, rows)
	for _, c := range pieces {
		out.Integer = out.Integer && (c.Integer || c.Len() == 0)
		out.Numbers = append(out.Numbers, c.Numbers...)
	}
	return out
}
