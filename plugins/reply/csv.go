package reply

import "strings"

// table is the way that lines are read after a header.
type table struct {
	delimiter byte
	order     []int // the place in cells of each field, -1 for a column that was not asked for
	marks     marks // repairs of every record
	twice     bool  // a column is there twice
	fenced    bool  // it began inside a fence
	guessed   bool  // it has no header
	ended     bool  // its header ends with a separator too
}

// readCSV reads the lines that follow a header.
func (r *reader) readCSV(s source) outcome { return r.readTable(s, nil) }

// readLines reads lines in the order in which the columns were asked for, if any looks like that.
func (r *reader) readLines(s source) outcome {
	inside := false
	for l := (lines{source: s}); l.next(); {
		if fence(l.line) {
			inside = !inside
			continue
		}
		for _, delimiter := range delimiters {
			if t := r.headless(l.line, delimiter, inside); t != nil && !l.cut {
				return r.readTable(s, t)
			}
		}
	}
	return outcome{prose: s.prose || strings.TrimSpace(s.text) != ""}
}

// readTable reads lines as t says, until a header says otherwise.
func (r *reader) readTable(s source, t *table) outcome {
	clear(r.answered)
	out := outcome{prose: s.prose}
	inside := false
	for l := (lines{source: s}); l.next(); {
		switch {
		case strings.TrimSpace(l.line) == "":
			continue
		case fence(l.line):
			inside = !inside
			out.prose = true
			continue
		}
		if !l.cut && r.mayBeHeader(l.line, t) {
			if h := r.header(l.line); h != nil {
				t, out.sure = h, true
				t.fenced = inside
				continue
			}
		}
		switch {
		case t == nil || t.fenced && !inside:
			out.prose = true
		case rule(l.line):
		case !r.line(l, t, inside, &out.reply):
			out.prose = true
		}
	}
	return out
}

// line reads a line of a table. It reports false for one that is text beside it.
func (r *reader) line(l lines, t *table, inside bool, out *Reply) bool {
	fields, ok := split(l.line, t.delimiter, r.fields[:0])
	r.fields = fields
	whole := len(fields) == len(t.order) || len(fields) == len(t.order)+1 && fields[len(t.order)].blank() && (t.ended || !r.mayEndEmpty(t))
	if !inside && ok && r.proseLike(fields, whole && !t.guessed) || inside && len(fields) == 1 && !whole && !r.plausible(fields[0]) {
		return false
	}
	switch {
	case l.cut:
		lose(out, CutOff)
	case !ok:
		lose(out, Unreadable)
	case !whole:
		lose(out, WrongFields)
	default:
		r.begin(t.marks)
		r.twice = t.twice
		if len(fields) > len(t.order) {
			r.marks |= lastSeparator
		}
		for i, at := range t.order {
			if t.delimiter == '|' {
				fields[i].text = strings.TrimSpace(fields[i].text) // a table for people is aligned
			}
			if at >= 0 {
				r.set(at, fields[i])
			}
		}
		r.accept(out)
	}
	return true
}

// mayEndEmpty reports whether the last value of a line may be missing. Then an empty field too many may be that value, with a
// field too many somewhere before it, as a comma for the decimal point makes one: which value is whose cannot be told.
func (r *reader) mayEndEmpty(t *table) bool {
	at := t.order[len(t.order)-1]
	return len(t.order) > 1 && (!r.asked(at) || at < len(r.columns) && r.columns[at].Missing)
}

// proseLike reports whether a line outside fences is a sentence rather than a record. One that has the fields of a header is a
// record, whatever they hold: better a sentence among the rejected than a record that nobody counts. A single field, which any
// line has, is one when it could be a value, or has no blanks in it; of other lines most fields have to be values.
func (r *reader) proseLike(fields []cell, fits bool) bool {
	switch {
	case !fits:
		return !r.mostly(fields)
	case len(fields) > 1, r.plausible(fields[0]), !strings.Contains(strings.TrimSpace(fields[0].text), " "):
		return false
	}
	return !r.free // where any text is a value a sentence cannot be told from a record
}

// mostly reports whether more than half of the fields could be values.
func (r *reader) mostly(fields []cell) bool {
	n := 0
	for _, f := range fields {
		if r.plausible(f) {
			n++
		}
	}
	return 2*n > len(fields)
}

// headless returns how lines are read that are like this one, where no header says so; nil when it is like no record.
func (r *reader) headless(line string, delimiter byte, inside bool) *table {
	fields, ok := split(line, delimiter, r.fields[:0])
	r.fields = fields
	if !ok {
		return nil
	}
	t := &table{delimiter: delimiter, marks: r.base(delimiter) | noHeader, fenced: inside, guessed: true}
	if t.order = r.order(len(fields)); t.order == nil || !r.mostly(fields) {
		return nil
	}
	return t
}

// order returns the places of n fields in the order asked for, all of them or all whose value is not fixed; else nil.
func (r *reader) order(n int) []int {
	var all, free []int
	if r.contract.Key != "" {
		all, free = append(all, len(r.columns)), append(free, len(r.columns))
	}
	for i := range r.columns {
		all = append(all, i)
		if r.columns[i].Fixed == "" {
			free = append(free, i)
		}
	}
	switch n {
	case 0:
		return nil
	case len(all):
		return all
	case len(free):
		return free
	}
	return nil
}

// base is the repairs that lines with a delimiter need, whatever they hold.
func (r *reader) base(delimiter byte) (m marks) {
	if r.contract.Container == JSON {
		m |= otherContainer
	}
	if delimiter != ',' {
		m |= otherSeparator
	}
	return m
}

// plausible reports whether a field is a number, a level of any column, or missing.
func (r *reader) plausible(f cell) bool {
	t := strings.TrimSpace(f.text)
	if _, ok := parseNumber(t); ok || isMissing(t) {
		return true
	}
	return r.levels[fold(t)]
}

// delimiters are those that are looked for, the one that CSV has first.
var delimiters = [...]byte{',', ';', '\t', '|'}

// mayBeHeader is a quick test that spares most lines of a table the full one: its first field is the name of a column.
func (r *reader) mayBeHeader(line string, t *table) bool {
	if t == nil {
		return true
	}
	first := strings.TrimPrefix(strings.TrimSpace(line), "|")
	if end := strings.IndexByte(first, t.delimiter); end >= 0 {
		first = first[:end]
	}
	at, _ := r.place(strings.Trim(strings.TrimSpace(first), `"`))
	return at >= 0
}

// header reads a line of names of columns, or returns nil when it is none: most of its fields are names that were asked for, or
// all names that were asked for are there, as where a table is repeated with new columns; and there are two of them where two
// columns were asked for.
func (r *reader) header(line string) *table {
	needed := 0
	for i := range r.columns {
		if r.columns[i].Fixed == "" {
			needed++
		}
	}
	if r.contract.Key != "" {
		needed++
	}
	all := needed // names that no header can do without
	needed = max(1, min(2, needed))
	var best *table
	most := 0
	for _, delimiter := range delimiters {
		fields, ok := split(line, delimiter, nil)
		ended := false
		for len(fields) > 0 && fields[len(fields)-1].blank() {
			fields = fields[:len(fields)-1]
			ended = true
		}
		if !ok {
			continue
		}
		t := &table{delimiter: delimiter, marks: r.base(delimiter), ended: ended}
		known, seen := 0, make([]bool, len(r.cells))
		for _, f := range fields {
			at, mark := r.place(f.text)
			if mark != 0 && delimiter == '|' && strings.TrimSpace(f.text) != f.text {
				at, mark = r.place(strings.TrimSpace(f.text))
			}
			t.marks |= mark
			if r.asked(at) {
				known++
			} else {
				t.marks |= extraColumns
			}
			if at >= 0 {
				t.twice = t.twice || seen[at]
				seen[at] = true
			}
			t.order = append(t.order, at)
		}
		if known >= needed && (2*known > len(fields) || known >= max(2, all)) && known > most {
			best, most = t, known
		}
	}
	return best
}

// lines goes over the lines of a text.
type lines struct {
	source
	line string
	cut  bool // it may go on where the text ends
}

func (l *lines) next() bool {
	if l.text == "" {
		return false
	}
	line, rest, ended := strings.Cut(l.text, "\n")
	l.line, l.text, l.cut = strings.TrimSuffix(line, "\r"), rest, l.truncated && !ended
	return true
}

// fence reports whether a line begins or ends a block of Markdown.
func fence(line string) bool {
	t := strings.TrimSpace(line)
	return strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~")
}

// rule reports whether a line separates the header of a table from its rows.
func rule(line string) bool {
	t := strings.TrimSpace(line)
	return strings.Trim(t, "+-=|: ") == "" && (strings.Contains(t, "---") || strings.Contains(t, "==="))
}

func (c cell) blank() bool { return c.form == plain && strings.TrimSpace(c.text) == "" }

// split appends the fields of a line to fields. It reports false when a quote is not closed, or something follows a field
// in quotes; then the fields are those up to there.
func split(line string, delimiter byte, fields []cell) ([]cell, bool) {
	if delimiter == '|' {
		t := strings.TrimSpace(line)
		if inner, ok := strings.CutPrefix(t, "|"); ok {
			line = strings.TrimSuffix(inner, "|")
		}
	}
	for {
		field, rest, ok := quotedField(line)
		if !ok {
			return fields, false
		}
		if field.form == absent {
			end := strings.IndexByte(line, delimiter)
			if end < 0 {
				return append(fields, cell{line, plain}), true
			}
			fields, line = append(fields, cell{line[:end], plain}), line[end+1:]
			continue
		}
		fields = append(fields, field)
		rest = strings.TrimLeft(rest, " ")
		switch {
		case rest == "":
			return fields, true
		case rest[0] != delimiter:
			return fields, false
		}
		line = rest[1:]
	}
}

// quotedField reads a field in quotes at the start of a line; absent when there is none. A quote in it is doubled (RFC 4180).
func quotedField(line string) (field cell, rest string, ok bool) {
	line = strings.TrimLeft(line, " ")
	if !strings.HasPrefix(line, `"`) {
		return cell{}, "", true
	}
	doubled := false
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			doubled = true
			i++
			continue
		}
		inner := line[1:i]
		if doubled {
			inner = strings.ReplaceAll(inner, `""`, `"`)
		}
		return cell{inner, quoted}, line[i+1:], true
	}
	return cell{}, "", false
}
