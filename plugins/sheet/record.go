package sheet

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Record is one record, ready to be written.
type Record struct {
	Lines      []Line
	Suspicious []string // the columns whose text speaks to its reader, see Suspicious
}

// Line is a variable of a record. Its texts are cleaned, and are not yet escaped for any format.
type Line struct {
	Name      string   // of the column, of the quantity or of the set
	Columns   []string // that it is made of
	Value     string   // with its unit; Missing where there is none
	Reference string   // what is normal, or possible; empty when nothing is known
	Summary   string   // what the variable is; empty when unknown
	text      bool     // the value may be text of the data
	hidden    bool     // tables leave it out
}

// field is a column as it is shown.
type field struct {
	name, unit, summary string
	reference           string
	decimals            int
	flag                bool
	set                 string
	number              bool
	levels              map[string]string // the spelling of a level by the folded one
	answers             bool              // all levels mean yes or no
}

// line is one or more fields that are shown together.
type line struct {
	name, unit, summary, reference string
	fields                         []field
	labels                         []string // of each field of a family: "first"; of a set: its level
	set                            bool
}

func newField(c *frame.Column, known Known, o Options) field {
	about := known.About[c.Name]
	style := known.Styles[c.Name]
	f := field{
		name: c.Name, summary: clean(about.Summary, o.Longest), number: c.Kind == frame.Number,
		decimals: min(max(style.Decimals, 0), mostDecimals), flag: style.Flag, set: style.Set,
	}
	if f.unit = about.Unit; f.unit == "" {
		f.unit = c.Unit
	}
	for _, key := range []string{quantityOf(c.Name), c.Name} {
		if d, ok := o.Decimals[key]; ok {
			f.decimals, f.flag, f.set = d, false, ""
		}
	}
	if !f.number {
		f.levels = map[string]string{}
		for _, level := range slices.Concat(style.Levels, known.Limits[c.Name].Levels) { // what is declared comes before what is found
			f.levels[folded(level)] = level
		}
		f.answers = len(f.levels) > 0
		for level := range f.levels { // "N" is no in a column of "Y" and "N", and the north in others
			f.answers = f.answers && (answers[level] != "" || noValue[level])
		}
	}
	f.reference = clean(f.normal(known.Limits[c.Name], o), o.Longest)
	f.unit = clean(f.unit, o.Longest)
	return f
}

// normal says what is normal of a column, and where that is unknown what is possible.
func (f *field) normal(limit plugins.Limit, o Options) string {
	for _, key := range []string{f.name, quantityOf(f.name)} {
		if r, ok := o.Ranges[key]; ok {
			return r.String()
		}
	}
	if o.Standard && f.number {
		if r, ok := standardOf(quantityOf(f.name), f.unit); ok {
			return r.String()
		}
	}
	if text := (Range{Min: limit.Min, Max: limit.Max}).String(); text != "" && !f.flag {
		return "possible " + text
	}
	if n := len(limit.Levels); n > 0 && n <= 12 {
		return "one of " + strings.Join(limit.Levels, ", ")
	}
	return ""
}

// moments are the endings of the columns of one quantity, in the order of lines.
var moments = []string{"first", "last", "min", "max", "mean", "median"}

// split parts a name such as "sodium_first_early" into the quantity, the moment and what follows that.
func split(name string) (quantity, moment, rest string) {
	parts := strings.Split(name, "_")
	for i := len(parts) - 1; i > 0 && i >= len(parts)-2; i-- {
		if slices.Contains(moments, strings.ToLower(parts[i])) {
			return strings.Join(parts[:i], "_"), strings.ToLower(parts[i]), strings.Join(parts[i+1:], "_")
		}
	}
	return name, "", ""
}

// quantityOf is the name of what a column has a value of: "heartrate" of "heartrate_first".
func quantityOf(name string) string {
	quantity, _, _ := split(name)
	return quantity
}

// layOut makes the lines: a family or set stands where its first column does.
func (s *Sheet) layOut(fields []field) []line {
	var out []line
	at := map[string]int{} // lines that further fields may belong to
	for _, f := range fields {
		key, label := "", ""
		switch quantity, moment, rest := split(f.name); {
		case f.set != "":
			key, label = "set\x00"+f.set, clean(strings.TrimPrefix(f.name, f.set+"_"), s.options.Longest)
		case moment != "" && s.options.Layout == Families && f.number:
			key, label = "family\x00"+quantity+"\x00"+rest+"\x00"+f.unit, moment
		}
		if i, ok := at[key]; ok && key != "" {
			out[i].fields, out[i].labels = append(out[i].fields, f), append(out[i].labels, label)
			continue
		}
		at[key] = len(out)
		out = append(out, line{fields: []field{f}, labels: []string{label}, set: f.set != ""})
	}
	taken := map[string]bool{}
	for i := range out {
		out[i].finish()
		if len(out[i].fields) > 1 && slices.ContainsFunc(fields, func(f field) bool { return f.name == out[i].name }) || taken[out[i].name] {
			out[i].name = strings.Join(out[i].columns(), "/") // it would be another's
		}
		taken[out[i].name] = true
	}
	return out
}

// finish sets what a line says of all its fields.
func (l *line) finish() {
	first := l.fields[0]
	l.name, l.unit, l.summary, l.reference = first.name, first.unit, first.summary, first.reference
	if l.set {
		l.name, l.unit, l.reference = first.set, "", ""
		return
	}
	if len(l.fields) == 1 {
		l.labels[0] = ""
		return
	}
	l.name = quantityOf(first.name)
	decimals := 0
	for _, f := range l.fields {
		decimals = max(decimals, f.decimals)
	}
	for i := range l.fields {
		l.fields[i].decimals = decimals
	}
	for _, f := range l.fields[1:] {
		l.summary = common(l.summary, f.summary)
		if f.reference != l.reference {
			l.reference = ""
		}
	}
}

// common is what two summaries have in common up to a comma: "heart rate" of "heart rate, first" and "heart rate, last".
func common(a, b string) string {
	if a == b {
		return a
	}
	x, y := strings.Split(a, ", "), strings.Split(b, ", ")
	n := 0
	for n < min(len(x), len(y)) && x[n] == y[n] {
		n++
	}
	return strings.Join(x[:n], ", ")
}

// Record returns a row of a frame that has the columns of the sheet, whatever their order; one that lacks has no value.
func (s *Sheet) Record(f *frame.Frame, row int) Record {
	out := Record{Lines: make([]Line, 0, len(s.lines))}
	for i := range s.lines {
		l := &s.lines[i]
		value, some := l.value(f, row, s.options.Longest)
		out.Suspicious = append(out.Suspicious, s.suspicious(l, f, row)...)
		out.Lines = append(out.Lines, Line{
			Name: clean(l.name, s.options.Longest), Columns: l.columns(), Value: value, Reference: l.reference, Summary: l.meaning(f, row),
			text: slices.ContainsFunc(l.fields, func(f field) bool { return !f.number }), hidden: !some && s.options.Missing == Omit,
		})
	}
	return out
}

// meaning is what the variable of a line is; of a set, what the level is that the record has.
func (l *line) meaning(f *frame.Frame, row int) string {
	if !l.set {
		return l.summary
	}
	text := ""
	for _, at := range l.fields {
		if c := f.Column(at.name); c != nil && c.Kind == frame.Number && math.Round(c.Numbers[row]) == 1 {
			if text != "" {
				return ""
			}
			text = at.summary
		}
	}
	return text
}

// suspicious returns the columns of a line whose text speaks to its reader.
func (s *Sheet) suspicious(l *line, f *frame.Frame, row int) []string {
	var out []string
	for _, at := range l.fields {
		if c := f.Column(at.name); c != nil && c.Kind == frame.Category && !c.IsMissing(row) && s.isSuspicious(c.Levels[c.Codes[row]]) {
			out = append(out, at.name)
		}
	}
	return out
}

// isSuspicious is Suspicious with a memory for short texts.
func (s *Sheet) isSuspicious(text string) bool {
	const short = 100
	if len(text) > short {
		return Suspicious(text)
	}
	known, ok := s.speaks.Load(text)
	if !ok {
		known, _ = s.speaks.LoadOrStore(text, Suspicious(text))
	}
	return known.(bool)
}

// value is the text of the values of a line, and whether there are any.
func (l *line) value(f *frame.Frame, row, longest int) (string, bool) {
	if l.set {
		return l.level(f, row)
	}
	parts := make([]string, len(l.fields))
	some := false
	for i := range l.fields {
		at := &l.fields[i]
		text, ok := at.value(f.Column(at.name), row, longest)
		some = some || ok
		if parts[i] = text; l.labels[i] != "" {
			parts[i] = l.labels[i] + " " + text
		}
	}
	if !some {
		return Missing, false
	}
	text := strings.Join(parts, ", ")
	if l.unit != "" {
		text += " " + l.unit
	}
	return text, true
}

// value is the text of a cell, and whether there is a value in it.
func (f *field) value(c *frame.Column, row, longest int) (string, bool) {
	switch {
	case c == nil || c.IsMissing(row):
		return Missing, false
	case c.Kind == frame.Number:
		return f.figure(c.Numbers[row])
	}
	text := clean(c.Levels[c.Codes[row]], longest)
	if noValue[strings.ToLower(text)] {
		return Missing, false
	}
	if word, ok := answers[folded(text)]; ok && f.answers {
		return word, true
	}
	if spelt, ok := f.levels[folded(c.Levels[c.Codes[row]])]; ok {
		return clean(spelt, longest), true
	}
	return text, true
}

// figure is the text of a number.
func (f *field) figure(v float64) (string, bool) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return Missing, false
	case f.flag && math.Round(v) == 0:
		return "no", true
	case f.flag && math.Round(v) == 1:
		return "yes", true
	case math.Abs(v) >= 1e12:
		return strconv.FormatFloat(v, 'e', figures-1, 64), true
	}
	text := strconv.FormatFloat(v, 'f', f.decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		text = strings.TrimPrefix(text, "-")
	}
	return text, true
}

// level is the text of a one-hot set: the levels that are set, and what is odd about that.
func (l *line) level(f *frame.Frame, row int) (string, bool) {
	var levels, odd []string
	missing := 0
	for i, at := range l.fields {
		c := f.Column(at.name)
		if c == nil || c.IsMissing(row) || c.Kind != frame.Number {
			missing++
			continue
		}
		switch v := math.Round(c.Numbers[row]); v {
		case 0:
		case 1:
			levels = append(levels, l.labels[i])
		default:
			text, _ := at.figure(v)
			odd = append(odd, l.labels[i]+" "+text)
		}
	}
	all := slices.Concat(levels, odd)
	switch {
	case missing == len(l.fields):
		return Missing, false
	case len(all) == 0:
		return "none of " + strings.Join(l.labels, ", "), true
	}
	return strings.Join(all, " and "), true
}

// noValue are texts, in small letters, that files have in place of a value.
var noValue = map[string]bool{
	"": true, ".": true, "-": true, "--": true, "—": true, "–": true, "?": true, "na": true, "n/a": true, "#n/a": true, "<na>": true, "nan": true,
	"null": true, "nil": true, "missing": true,
}

// answers are texts, in small letters, that mean yes or no.
var answers = map[string]string{"yes": "yes", "y": "yes", "true": "yes", "no": "no", "n": "no", "false": "no"}

// folded is a text without what only spelling varies: large letters, and how many blanks there are.
func folded(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }
