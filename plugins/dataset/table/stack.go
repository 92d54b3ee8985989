package table

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// stack puts the tables of several files under each other. Each has the columns of the first, in any order.
func (s *source) stack(pieces []*sheet) (*sheet, error) {
	first := pieces[0]
	if len(pieces) == 1 {
		return first, nil
	}
	out := &sheet{complete: true, groups: first.groups, dates: first.dates, leave: first.leave}
	for _, p := range pieces {
		if err := sameNames(first, p); err != nil {
			return nil, err
		}
		out.rows += p.rows
		out.parts = append(out.parts, p.parts...)
		out.complete = out.complete && p.complete
		out.counts = addCounts(out.counts, p.counts)
	}
	at := make([]map[string]*frame.Column, len(pieces))
	for i, p := range pieces {
		at[i] = p.byName()
	}
	var faults []error
	for _, name := range first.names() {
		c, err := s.pile(name, pieces, at)
		if err != nil {
			faults = append(faults, err)
		}
		out.columns = append(out.columns, c)
	}
	if err := frame.Together(faults...); err != nil {
		return nil, err
	}
	for name, d := range out.dates {
		d.place = out.at
		out.dates[name] = d
	}
	return out, nil
}

// sameNames demands that a file has the columns of the first.
func sameNames(first, other *sheet) error {
	a, b := first.parts[0], other.parts[0]
	inA, inB := setOf(a.names), setOf(b.names)
	for _, name := range a.names {
		if !inB[name] {
			return other.fault("", "no column named %q, which %s has; the headers of files under each other must agree", name, a.file)
		}
	}
	for _, name := range b.names {
		if !inA[name] {
			return other.fault("", "a column named %q, which %s has not; the headers of files under each other must agree", name, a.file)
		}
	}
	return nil
}

// pile puts the pieces of one column under each other.
func (s *source) pile(name string, sheets []*sheet, at []map[string]*frame.Column) (*frame.Column, error) {
	pieces := make([]*frame.Column, len(sheets))
	files := make([]string, len(sheets))
	for i, t := range sheets {
		pieces[i], files[i] = at[i][name], t.parts[0].file
	}
	setting := s.setting + columnSetting(name)
	if err := oneKind(pieces, files, setting); err != nil {
		return nil, err
	}
	if err := harmonise(pieces, files, setting); err != nil {
		return nil, err
	}
	frames := make([]*frame.Frame, len(pieces))
	for i, c := range pieces {
		frames[i] = frame.Must(c)
	}
	f, err := frame.Concat(frames...)
	if err != nil {
		return nil, err
	}
	return f.Columns()[0], nil
}

// oneKind demands one kind of all pieces; one without any value takes that of the others.
func oneKind(pieces []*frame.Column, files []string, setting string) error {
	first := slices.IndexFunc(pieces, hasValue)
	if first < 0 {
		first = 0
	}
	kind := pieces[first].Kind
	for i, c := range pieces {
		switch {
		case c.Kind == kind:
		case hasValue(c):
			return &frame.FileError{File: files[i], ColumnName: c.Name, Msg: "holds " + plural(c.Kind) + ", in " + files[first] + " " + plural(kind) +
				"; set " + quote(setting+".kind") + ", or declare the texts missing"}
		case kind == frame.Number:
			pieces[i] = numbersOf(c, nil)
		default:
			pieces[i] = textsOf(c)
		}
	}
	for _, c := range pieces { // a piece without a value has no fraction
		c.Integer = c.Integer || c.Kind == frame.Number && hasValue(pieces[first]) && !hasValue(c)
	}
	return nil
}

func hasValue(c *frame.Column) bool { return c.MissingCount() < c.Len() }

func plural(k frame.Kind) string {
	if k == frame.Number {
		return "numbers"
	}
	return "texts"
}

// addCounts adds the counts of one file to those of others.
func addCounts(sum, more []plugins.Count) []plugins.Count {
	for _, m := range more {
		same := func(c plugins.Count) bool {
			return c.Name == m.Name && c.Dims["column"] == m.Dims["column"] && c.Dims["from"] == m.Dims["from"]
		}
		if i := slices.IndexFunc(sum, same); i >= 0 {
			sum[i].Value += m.Value
		} else {
			sum = append(sum, m)
		}
	}
	return sum
}
