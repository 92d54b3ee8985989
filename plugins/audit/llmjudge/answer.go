package llmjudge

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/sheet"
)

// kind is a kind of faults that a judge names.
type kind struct {
	name, message string
	severity      plugins.Severity
}

// kinds are the criteria of this auditor, in order.
var kinds = []kind{
	{"value", "a value that no living patient has", plugins.SeverityError},
	{"contradiction", "values that exclude each other", plugins.SeverityError},
	{"order", "first, last, least and greatest value out of order", plugins.SeverityError},
	{"unit", "a value that looks like one in another unit", plugins.SeverityError},
	{"outcome", "an outcome that does not fit the rest", plugins.SeverityWarning},
	{"text", "a text that speaks to its reader or makes no sense", plugins.SeverityWarning},
	{"other", "what else speaks against the record", plugins.SeverityWarning},
}

// other is the index of the kind of faults that are of none of the others.
var other = len(kinds) - 1

const (
	// longestText and mostFindings bound what is kept of an answer.
	longestText  = 500
	mostFindings = 50
)

// listKinds lists the kinds for a prompt.
func listKinds() string {
	lines := make([]string, len(kinds))
	for i, k := range kinds {
		lines[i] = "- " + k.name + ": " + k.message
	}
	return strings.Join(lines, "\n")
}

// answer is what an answer looks like. What is found comes before the score, so that it can be the ground of it.
func answer(findings, reasons bool) string {
	var parts []string
	if findings {
		parts = append(parts, `"findings": [{"kind": "…", "columns": ["names of the variables"], "text": "one sentence"}, …]`)
	}
	if reasons {
		parts = append(parts, `"reason": "one or two sentences"`)
	}
	out := "{" + strings.Join(append(parts, `"score": a whole number from 1 to 10`), ", ") + "}"
	if findings {
		out += "\nThe list of findings is empty when there is no fault."
	}
	return out
}

// schema returns the JSON Schema of an answer. It keeps to what providers have in common: all properties are required, and no
// others allowed. Properties stand in the order in which models are to write them.
func schema(findings, reasons bool) json.RawMessage {
	var properties, required []string
	add := func(name, schema string) {
		properties, required = append(properties, strconv.Quote(name)+":"+schema), append(required, strconv.Quote(name))
	}
	if findings {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = strconv.Quote(k.name)
		}
		add("findings", `{"type":"array","items":{"type":"object","properties":{"kind":{"type":"string","enum":[`+strings.Join(names, ",")+`]},`+
			`"columns":{"type":"array","items":{"type":"string"}},"text":{"type":"string"}},"required":["kind","columns","text"],"additionalProperties":false}}`)
	}
	if reasons {
		add("reason", `{"type":"string"}`)
	}
	add("score", fmt.Sprintf(`{"type":"integer","minimum":%d,"maximum":%d}`, least, most))
	return json.RawMessage(`{"type":"object","properties":{` + strings.Join(properties, ",") + `},"required":[` + strings.Join(required, ",") + `],"additionalProperties":false}`)
}

// opinion is what an answer says.
type opinion struct {
	status   plugins.VerdictStatus
	score    float64
	reason   string
	findings []finding

	prose     bool // there was text around the object, or no object
	truncated bool // it ended at the cap on tokens
	rounded   bool // the score was no whole number
	unknown   int  // columns that were cited and that there are not
	misnamed  int  // findings of a kind that there is not
	beyond    int  // findings beyond mostFindings
}

// finding is a fault that an answer names.
type finding struct {
	kind    int
	columns []string
	text    string
}

// reader reads the answers about records of one sheet.
type reader struct {
	findings, reasons bool
	resolve           func(name string) []string
	places            map[string]int // of columns in the sheet
}

func (a *asking) reader() *reader {
	r := &reader{findings: a.config.Findings, reasons: a.config.Reasons, resolve: a.sheet.Resolve, places: map[string]int{}}
	for i, column := range a.sheet.Columns() {
		r.places[column] = i
	}
	return r
}

// read reads an answer. stop says why it ended, see plugins.Response.
//
// What counts is the last JSON object with a score, whatever stands around it: fences, prose, a model's thoughts. Where there is none, as
// when the answer ended too early or is no quite valid JSON, a whole field "score" counts with the whole findings before it; and where
// there is none of that, a line that says nothing but the score. A score is a number from 1 to 10, "8" or "8/10". One that is
// no whole number is rounded, halves downwards, so that none passes a threshold by it. No other score is ever made up.
func (r *reader) read(text, stop string) opinion {
	if stop == plugins.StopRefusal {
		return opinion{status: plugins.Declining}
	}
	text = withoutThoughts(text)
	out := opinion{status: plugins.Unparsable, truncated: stop == plugins.StopLength}
	if fields, start, end := lastObject(text); fields != nil && !(broken(text[:start]) && out.field(text[end:]) != "") {
		out.prose = !blank(text[:start]) || !blank(text[end:])
		if out.take(fields["score"]) {
			r.details(&out, fields)
		}
		return out
	}
	out.prose = true
	if field := out.field(text); field != "" {
		if out.take(json.RawMessage(field)) {
			r.details(&out, map[string]json.RawMessage{"findings": wholeFindings(text), "reason": wholeReason(text)})
		}
		return out
	}
	if m := scoreLine.FindAllStringSubmatch(text, 2); len(m) == 1 && !(out.truncated && strings.HasSuffix(text, m[0][1])) {
		out.take(json.RawMessage(m[0][1]))
	}
	return out
}

var (
	// scoreField is a field with a whole value: what ends it is there.
	scoreField = regexp.MustCompile(`(?i)(?:["']score["']|[{,]\s*score)\s*:\s*("[^"\n]{0,20}"|-?[0-9]+(?:\.[0-9]+)?)\s*[,}\]\n]`)
	// scoreLine is a line that says nothing but the score.
	scoreLine = regexp.MustCompile("(?im)^[\\s*_#>`-]*(?:(?:my |the )?(?:final |overall )?(?:score|rating|verdict)(?: is)?[\\s*_:=`]*)?([0-9]+(?:\\.[0-9]+)?)(?:\\s*/\\s*10|\\s+out of 10)?[\\s*_.`]*$")
	// scoreText is a score in quotes.
	scoreText = regexp.MustCompile(`^\s*([0-9]+(?:\.[0-9]+)?)\s*(?:/\s*10|out of 10)?\s*$`)
	// fence is what may stand around an object without being prose.
	fence = regexp.MustCompile("```[a-zA-Z]*")
)

func blank(text string) bool { return strings.TrimSpace(fence.ReplaceAllString(text, "")) == "" }

// withoutThoughts is a text without a byte order mark and what a model wrote as its thoughts.
func withoutThoughts(text string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	if end := strings.LastIndex(text, "</think>"); end >= 0 { // some templates leave out the beginning
		return text[end+len("</think>"):]
	}
	if strings.HasPrefix(strings.TrimSpace(text), "<think>") {
		return ""
	}
	return text
}

// quotedText is a text of JSON, to the end of the answer where it is not closed.
var quotedText = regexp.MustCompile(`(?s)"((?:[^"\\]|\\.)*)("|\\?$)`)

// scoreEnd is what may follow the score at the end of an answer.
const scoreEnd = " \t\r\n,}]`"

// field returns the value of the last field "score" of a text that is no whole JSON; "" where there is none. A text within it says nothing.
// One that holds quotes of its own may seem to go on up to the end, so there the last field of an answer that was not cut counts, too.
func (o *opinion) field(text string) string {
	bare := quotedText.ReplaceAllStringFunc(text, func(quoted string) string {
		if inner := strings.Trim(quoted, `"`); strings.EqualFold(inner, "score") || scoreText.MatchString(inner) {
			return quoted
		}
		return `""`
	})
	if all := scoreField.FindAllStringSubmatch(bare, -1); all != nil {
		return all[len(all)-1][1]
	}
	all := scoreField.FindAllStringSubmatchIndex(text, -1)
	if all == nil || o.truncated {
		return ""
	}
	last := all[len(all)-1]
	if strings.Trim(text[last[3]:], scoreEnd) != "" {
		return ""
	}
	return text[last[2]:last[3]]
}

// take sets the score to a JSON value, if it is one.
func (o *opinion) take(value json.RawMessage) bool {
	text := string(value)
	if json.Unmarshal(value, &text) == nil || len(value) > 0 && value[0] == '"' {
		m := scoreText.FindStringSubmatch(text)
		if m == nil {
			return false
		}
		text = m[1]
	}
	score, err := strconv.ParseFloat(text, 64)
	if err != nil || !(score >= least && score <= most) {
		return false
	}
	o.score = math.Ceil(score - 0.5)
	o.rounded = o.score != score
	o.status = plugins.Scored
	return true
}

// mostTries bounds the braces that are tried as the beginning of an object: each may take the rest of the text.
const mostTries = 256

// lastObject returns the last whole JSON object of a text that has a score, itself or in an object within, with its place in the
// text; nil where there is none. Names are in small letters.
func lastObject(text string) (fields map[string]json.RawMessage, start, end int) {
	at := 0
	for range mostTries {
		next := strings.IndexByte(text[at:], '{')
		if next < 0 {
			break
		}
		at += next
		var object map[string]json.RawMessage
		d := json.NewDecoder(strings.NewReader(text[at:]))
		if d.Decode(&object) != nil {
			at++
			continue
		}
		to := at + int(d.InputOffset())
		if found := scored(object, 0); found != nil {
			fields, start, end = found, at, to
		}
		at = to
	}
	return fields, start, end
}

// broken reports whether a text opens an object that it does not close: an object behind it may be a part of that one's texts.
func broken(text string) bool { return strings.Count(text, "{") > strings.Count(text, "}") }

// scored returns the object, or the first within it by name, that has a score.
func scored(object map[string]json.RawMessage, depth int) map[string]json.RawMessage {
	small := make(map[string]json.RawMessage, len(object))
	names := slices.Sorted(maps.Keys(object))
	for _, name := range names {
		small[strings.ToLower(name)] = object[name]
	}
	if _, ok := small["score"]; ok {
		return small
	}
	for _, name := range names {
		var inner map[string]json.RawMessage
		if depth < 3 && json.Unmarshal(object[name], &inner) == nil && inner != nil {
			if found := scored(inner, depth+1); found != nil {
				return found
			}
		}
	}
	return nil
}

// wholeFindings returns the findings of a text that is no whole JSON, up to the first that is none.
func wholeFindings(text string) json.RawMessage {
	at := strings.Index(text, `"findings"`)
	if at < 0 {
		return nil
	}
	open := strings.IndexByte(text[at:], '[')
	if open < 0 {
		return nil
	}
	rest := text[at+open+1:]
	var list []json.RawMessage
	for {
		var one json.RawMessage
		d := json.NewDecoder(strings.NewReader(strings.TrimLeft(rest, " \t\r\n,")))
		rest = strings.TrimLeft(rest, " \t\r\n,")
		if !strings.HasPrefix(rest, "{") || d.Decode(&one) != nil || len(list) > mostFindings {
			break
		}
		list, rest = append(list, one), rest[d.InputOffset():]
	}
	out, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	return out
}

var reasonField = regexp.MustCompile(`"reason"\s*:\s*("(?:[^"\\\n]|\\.)*")`)

// wholeReason returns the reason of such a text, if it is whole.
func wholeReason(text string) json.RawMessage {
	if m := reasonField.FindStringSubmatch(text); m != nil {
		return json.RawMessage(m[1])
	}
	return nil
}

// details reads what an answer says besides the score. None of it can spoil the verdict.
func (r *reader) details(o *opinion, fields map[string]json.RawMessage) {
	var reason string
	if r.reasons && json.Unmarshal(fields["reason"], &reason) == nil {
		o.reason = sheet.Clean(reason, longestText)
	}
	var list []json.RawMessage
	if !r.findings || json.Unmarshal(fields["findings"], &list) != nil {
		return
	}
	if len(list) > mostFindings {
		o.beyond, list = len(list)-mostFindings, list[:mostFindings]
	}
	for _, one := range list {
		o.findings = append(o.findings, r.finding(o, one))
	}
}

// finding reads a finding: an object, or a plain text, which is of no kind.
func (r *reader) finding(o *opinion, raw json.RawMessage) finding {
	var fields struct {
		Kind, Text any
		Columns    any
	}
	var text string
	if json.Unmarshal(raw, &fields) != nil && json.Unmarshal(raw, &text) == nil {
		fields.Text = text
	}
	out := finding{kind: other}
	name, _ := fields.Kind.(string)
	if i := slices.IndexFunc(kinds, func(k kind) bool { return strings.EqualFold(k.name, strings.TrimSpace(name)) }); i >= 0 {
		out.kind = i
	} else {
		o.misnamed++
	}
	text, _ = fields.Text.(string)
	out.text = sheet.Clean(text, longestText)
	for _, cited := range listed(fields.Columns) {
		columns := r.resolve(strings.ReplaceAll(strings.Trim(cited, " \t\n`*\"'"), `\`, ""))
		if columns == nil {
			o.unknown++
		}
		for _, c := range columns {
			if !slices.Contains(out.columns, c) {
				out.columns = append(out.columns, c)
			}
		}
	}
	slices.SortFunc(out.columns, func(a, b string) int { return r.places[a] - r.places[b] })
	return out
}

// listed are the texts of a list, or of one text with commas.
func listed(value any) []string {
	switch v := value.(type) {
	case string:
		return strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ';' })
	case []any:
		var out []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				out = append(out, text)
			}
		}
		return out
	}
	return nil
}
