package simulated

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins/icu"
	"github.com/ehrlab/ehrlab/plugins/sheet"
)

// Judge says how records are judged.
type Judge struct {
	Skill      float64 `json:"skill"`
	Noise      float64 `json:"noise"`
	FalseAlarm float64 `json:"falseAlarm"`
	Unparsable float64 `json:"unparsable"`
	Refuse     float64 `json:"refuse"`
}

// UnmarshalJSON reads settings; those that lack are as where nothing is set.
func (j *Judge) UnmarshalJSON(raw []byte) error {
	type plain Judge
	out := plain(plainJudge)
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	err := d.Decode(&out)
	*j = Judge(out)
	return err
}

// plainJudge is a judge that nothing is set of.
var plainJudge = Judge{Skill: 0.9, Noise: 0.7}

func (c Config) judge() Judge {
	if c.Judge == nil {
		return plainJudge
	}
	return *c.Judge
}

// text is the settings as they decide a judgement: judges with other settings draw their own numbers.
func (j Judge) text() string {
	out, err := json.Marshal(j)
	if err != nil {
		panic(fmt.Sprintf("simulated: %v", err)) // numbers from 0 to 10
	}
	return string(out)
}

// seen is something that speaks against a record.
type seen struct {
	Kind    string   `json:"kind"`
	Columns []string `json:"columns"`
	Text    string   `json:"text"`
	score   float64  // that a record with this fault alone deserves; 0: it changes none
}

// judgement writes the judgement of a record.
//
// What it looks for is gross: values beyond what icu.Limits has, or beyond the limits that the table itself gives as possible;
// values far from the table's normal range; first, last, least and greatest value out of order; a quantity that changes by a factor
// of nine within the record; blood pressures, hemoglobin and hematocrit, days on a ventilator and in hospital that exclude each other; text that speaks to its reader, which
// changes no score. It sees each with the probability of Skill. A record without a fault deserves 9, less up to 1 the more of
// its values are outside the normal range; one with faults, what the worst of them leaves, less 0.5 for each further one. Noise is added, and
// the sum rounded into 1 to 10.
func (p *Provider) judgement(key hash, b *body, table string, limit int) (*reply, error) {
	c, err := readRecord(table)
	if err != nil {
		return nil, badRequest("the record block: " + err.Error())
	}
	j := p.config.judge()
	skill := key.source("skill")
	var found []seen
	for _, f := range c.faults() {
		if skill.Float64() < j.Skill {
			found = append(found, f)
		}
	}
	if alarm := key.source("false alarm"); alarm.Float64() < j.FalseAlarm {
		name := c[alarm.IntN(len(c))].name
		found = append(found, seen{"other", []string{name}, name + " does not fit the rest of the record", 4})
	}
	score := c.score(found)
	score = math.Max(1, math.Min(10, math.Round(score+j.Noise*key.source("noise").NormFloat64())))
	held := b.Format != nil && b.Format.Type == "json_schema"
	text := b.verdict(found, score, key.source("unparsable").Float64() < j.Unparsable)
	if !held && key.source("prose").Float64() < p.config.Prose {
		text = "Here is what I make of this record.\n\n```json\n" + text + "\n```\n\nTell me if you need more detail."
	}
	return p.finish(key, text, tokens(text), limit), nil
}

// score is what a record deserves with the faults that were found.
func (r chart) score(found []seen) float64 {
	worst, further := 0.0, -1.0
	for _, f := range found {
		if f.score > 0 {
			if worst == 0 || f.score < worst {
				worst = f.score
			}
			further++
		}
	}
	if worst > 0 {
		return math.Max(1, worst-0.5*further)
	}
	values, outside := 0, 0
	for i := range r {
		for _, v := range r[i].values {
			values++
			if v < r[i].low || v > r[i].high {
				outside++
			}
		}
	}
	return 9 - float64(outside)/math.Max(1, float64(values))
}

// verdict writes an answer with the fields that the request asks for, in their order; without a schema, with all.
func (b *body) verdict(found []seen, score float64, unparsable bool) string {
	fields := []string{"findings", "reason", "score"}
	if b.Format != nil && len(b.Format.Schema.Schema) > 0 {
		fields = properties(b.Format.Schema.Schema)
	}
	values := map[string]any{"findings": found, "score": int(score)}
	if found == nil {
		values["findings"] = []seen{}
	}
	values["reason"] = "Nothing speaks against the record."
	if len(found) > 0 {
		values["reason"] = "What speaks most against the record: " + found[0].Text + "."
	}
	if unparsable {
		if b.Format == nil {
			return "The record would need a closer look before I could say how plausible it is."
		}
		fields = slices.DeleteFunc(fields, func(name string) bool { return name == "score" })
	}
	var parts []string
	for _, name := range fields {
		value, err := json.Marshal(values[name])
		if err != nil {
			panic(fmt.Sprintf("simulated: %v", err)) // texts and numbers
		}
		parts = append(parts, strconv.Quote(name)+": "+string(value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// properties returns the names of the properties of a JSON Schema, in order.
func properties(schema json.RawMessage) []string {
	var s struct {
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	var out []string
	d := json.NewDecoder(strings.NewReader(string(s.Properties)))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			break
		}
		if text, ok := name.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// entry is a line of a record.
type entry struct {
	name    string
	moments []string // "first" … of each value; "" of a single one
	values  []float64
	text    string // the value as it is written
	unit    string
	low     float64 // of the normal range; -Inf, +Inf: none
	high    float64
	hard    bool // the range is what is possible
}

// chart is the record that is judged, line by line.
type chart []entry

// readRecord reads a table of GitHub Flavored Markdown with the columns "variable" and "value", and maybe "normal range".
func readRecord(table string) (chart, error) {
	var out chart
	var head []string
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := splitCells(line)
		switch {
		case head == nil:
			head = cells
			continue
		case strings.Trim(line, "|-: ") == "":
			continue
		}
		cell := func(name string) string {
			if i := slices.Index(head, name); i >= 0 && i < len(cells) {
				return cells[i]
			}
			return ""
		}
		out = append(out, readEntry(cell("variable"), cell("value"), cell("normal range")))
	}
	if !slices.Contains(head, "variable") || !slices.Contains(head, "value") || len(out) == 0 {
		return nil, fmt.Errorf("no table with lines and the columns variable and value")
	}
	return out, nil
}

// splitCells splits a line of a table where a bar is not escaped, and undoes escapes.
func splitCells(line string) []string {
	var out []string
	var cell strings.Builder
	for i := 1; i < len(line); i++ { // after the first bar
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			cell.WriteByte(line[i])
		case c == '|':
			out = append(out, strings.TrimSpace(cell.String()))
			cell.Reset()
		default:
			cell.WriteByte(c)
		}
	}
	return out
}

var (
	valued  = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)(?: (.*))?$`)
	momentd = regexp.MustCompile(`^(first|last|min|max|mean|median) (—|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)(?: (.*))?$`)
	ranged  = regexp.MustCompile(`^(possible )?(?:(-?[0-9.]+)(?:–| to )(-?[0-9.]+)|≥ (-?[0-9.]+)|≤ (-?[0-9.]+))$`)
)

func readEntry(name, value, normal string) entry {
	e := entry{name: name, text: value, low: math.Inf(-1), high: math.Inf(1)}
	if m := ranged.FindStringSubmatch(normal); m != nil {
		e.hard = m[1] != ""
		for _, at := range []struct {
			text string
			into *float64
		}{{m[2] + m[4], &e.low}, {m[3] + m[5], &e.high}} {
			if v, err := strconv.ParseFloat(at.text, 64); err == nil {
				*at.into = v
			}
		}
	}
	if m := valued.FindStringSubmatch(value); m != nil {
		e.add("", m[1], m[2])
		return e
	}
	for part := range strings.SplitSeq(value, ", ") {
		if m := momentd.FindStringSubmatch(part); m != nil {
			e.add(m[1], m[2], m[3])
		}
	}
	return e
}

func (e *entry) add(moment, value, unit string) {
	if unit != "" {
		e.unit = unit
	}
	if v, err := strconv.ParseFloat(value, 64); err == nil {
		e.moments, e.values = append(e.moments, moment), append(e.values, v)
	}
}

// at returns the value of a moment.
func (e *entry) at(moment string) (float64, bool) {
	if i := slices.Index(e.moments, moment); i >= 0 {
		return e.values[i], true
	}
	return 0, false
}

// The faults, with what a record with one of them deserves.
const (
	gross        = 2
	unordered    = 3
	misunit      = 3
	contradicted = 4
)

// faults are all that speak against a record, in the order of its lines.
func (r chart) faults() []seen {
	var out []seen
	for i := range r {
		e := &r[i]
		out = append(out, e.beyond()...)
		out = append(out, e.order()...)
		if len(e.values) == 0 && sheet.Suspicious(e.text) {
			out = append(out, seen{"text", []string{e.name}, "a text speaks to its reader", 0})
		}
	}
	return append(out, r.contradictions()...)
}

// beyond are values that cannot be, the first of a line.
func (e *entry) beyond() []seen {
	low, high, known := e.limits()
	if e.hard {
		low, high, known = e.low, e.high, true
	}
	for i, v := range e.values {
		text := strings.TrimSpace(e.moments[i] + " value of " + e.name)
		switch {
		case known && (v < low || v > high):
			if celsius := (v - 32) / 1.8; e.unit == "°C" && celsius > 30 && celsius < 43 {
				return []seen{{"unit", []string{e.name}, text + " looks like one in °F", misunit}}
			}
			return []seen{{"value", []string{e.name}, text + " is beyond what can be", gross}}
		case !known && !e.hard && e.low > 0 && v > 20*e.high, !e.hard && e.low > 0 && v < e.low/e.least():
			return []seen{{"unit", []string{e.name}, text + " is far from normal, as one in another unit would be", misunit}}
		}
	}
	return e.jump()
}

// limits are those of its quantity, if the line is written in the unit of these or in none.
func (e *entry) limits() (low, high float64, known bool) {
	quantity, ok := icu.Named(e.name)
	if !ok || e.unit != "" && !quantity.In(e.unit) {
		return 0, 0, false
	}
	return icu.Limits(quantity.Name)
}

// least is how many times below the normal range a value cannot be: cells can nearly vanish from the blood, and what has no upper end
// of normal, such as PaO2/FiO2, falls far; other things do not.
func (e *entry) least() float64 {
	switch {
	case e.unit == "K/mcL":
		return 500
	case math.IsInf(e.high, 1):
		return 20
	}
	return 6
}

// jump is a quantity that changes more than any does within a day. Those of a narrow normal range are asked alone: others do.
func (e *entry) jump() []seen {
	if e.hard || !(e.low > 0) || e.high > 4*e.low || len(e.values) < 2 {
		return nil
	}
	if least, most := slices.Min(e.values), slices.Max(e.values); least > 0 && most >= 9*least {
		return []seen{{"unit", []string{e.name}, "values of " + e.name + " differ by a factor that units have", misunit}}
	}
	return nil
}

// order is a least or greatest value that is none.
func (e *entry) order() []seen {
	least, ok := e.at("min")
	for i, v := range e.values {
		if ok && e.moments[i] != "min" && v < least {
			return []seen{{"order", []string{e.name}, "the least value of " + e.name + " is above its " + e.moments[i], unordered}}
		}
	}
	most, ok := e.at("max")
	for i, v := range e.values {
		if ok && e.moments[i] != "max" && v > most {
			return []seen{{"order", []string{e.name}, "the greatest value of " + e.name + " is below its " + e.moments[i], unordered}}
		}
	}
	return nil
}

// contradictions are values of two lines that exclude each other.
func (r chart) contradictions() []seen {
	var out []seen
	find := func(name string) *entry {
		if i := slices.IndexFunc(r, func(e entry) bool { return e.name == name }); i >= 0 {
			return &r[i]
		}
		return &entry{}
	}
	// clash reports the first moment at which two values exclude each other.
	clash := func(a, b string, excluded func(a, b float64) bool) {
		x, y := find(a), find(b)
		for i, moment := range x.moments {
			if v, ok := y.at(moment); ok && excluded(x.values[i], v) {
				out = append(out, seen{"contradiction", []string{a, b}, fmt.Sprintf("%s and %s exclude each other", a, b), contradicted})
				return
			}
		}
	}
	clash("diasbp", "sysbp", func(diastolic, systolic float64) bool { return diastolic > systolic+10 })
	clash("hematocrit", "hemoglobin", func(hematocrit, hemoglobin float64) bool {
		return hemoglobin > 0 && (hematocrit > 6*hemoglobin || hematocrit < 1.5*hemoglobin)
	})
	clash("ventdays", "hosp_los", func(ventilated, stay float64) bool { return ventilated > stay+2 }) // days of the calendar: a night touches two
	return out
}
