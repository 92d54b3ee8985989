package reply

import (
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
)

// Value is a value of a record: Number or Level, as the kind of its column is, or Missing.
type Value struct {
	Number  float64
	Level   string
	Missing bool
}

// Record is a row that a model returned.
type Record struct {
	Key      int     // row of the table; 0 where the contract has no key
	Values   []Value // one for each column of the contract, in its order
	Outside  []int   // the columns, by their place in the contract, whose value is out of range
	Repaired bool
}

// Reply is what a text holds.
type Reply struct {
	Records []Record // accepted, in the order of the text
	Account Account  // of one call; the records are neither delivered nor surplus yet
}

// Parse reads the text of an answer. stop says why the answer ended, see plugins.Response.
//
// Read is the container that the contract names, and the other one where the text has no record in it. CSV may have its
// columns in any order, separated by commas, semicolons, tabs or bars; without a header the columns are taken to stand in
// the order asked for. JSON may be {"records": […]}, a list under another name or none, or objects one after another. Text
// around the records, fences, and what a model wrote as its thoughts (<think>…</think>) are stepped over. A record is used
// only when it is whole in the text: one that the text ends in is cut off, and so is the last line of CSV when the
// answer ended at the cap on tokens and no line end follows. A line of CSV is a record whatever quotes are open at its end: a
// level with a line end in it can only be read from JSON. Values are read as cell.go says; no value is ever made up.
//
// Time and memory are linear in the length of the text, whatever it holds.
func Parse(text, stop string, c Contract) *Reply {
	s := source{truncated: stop == plugins.StopLength}
	s.text, s.prose = unwrap(text)
	read := newReader(c).choose(s)
	a := &read.reply.Account
	a.Calls, a.Requested = 1, c.Rows
	if s.truncated {
		a.Truncated = 1
	}
	if read.prose {
		a.Prose = 1
	}
	if a.Returned == 0 {
		a.Empty = 1
	}
	return &read.reply
}

// source is a text to read.
type source struct {
	text      string
	truncated bool // it ended at a cap
	prose     bool // something was there before it
}

// unwrap returns the text without a byte order mark and the model's thoughts, and whether there were any.
func unwrap(text string) (rest string, thoughts bool) {
	const open, shut = "<think>", "</think>"
	text = strings.TrimPrefix(text, "\ufeff")
	if end := strings.LastIndex(text, shut); end >= 0 { // some templates leave out the beginning
		return text[end+len(shut):], true
	}
	if strings.HasPrefix(strings.TrimSpace(text), open) {
		return "", true
	}
	return text, false
}

// outcome is what one way of reading a text found.
type outcome struct {
	reply Reply
	prose bool // there is text around the records
	sure  bool // it is a header, or names of columns, that they were found by
}

// choose reads the text in the ways that are left until one finds records.
func (r *reader) choose(s source) outcome {
	ways := []func(source) outcome{r.readCSV, r.readJSON}
	if r.contract.Container == JSON {
		ways[0], ways[1] = ways[1], ways[0]
	}
	ways = append(ways, r.readLines)
	var found outcome
	for i, way := range ways {
		out := way(s)
		if out.sure && out.reply.Account.Returned > 0 {
			return out
		}
		first := found.reply.Account.Returned == 0 && out.reply.Account.Returned > 0
		if i == 0 || first || len(out.reply.Records) > len(found.reply.Records) {
			found = out
		}
	}
	return found
}

// accept takes the cells of the record that was just read; it is accepted or rejected.
func (r *reader) accept(out *Reply) {
	a := &out.Account
	a.Returned++
	if reason := r.shape(); reason != "" {
		r.reject(a, reason)
		return
	}
	a.Parsed++
	record, reason := r.record()
	if reason == "" && len(record.Outside) > 0 {
		a.Outside++
		if r.contract.Policy.OutOfRange == Drop {
			reason = OutOfRange
		}
	}
	if reason == "" && r.contract.Key != "" {
		if r.answered[record.Key] {
			reason = RepeatedKey
		}
		r.answered[record.Key] = true
	}
	if reason != "" {
		r.reject(a, reason)
		return
	}
	if r.marks != 0 {
		a.Repaired++
		r.countRepairs(a)
	}
	record.Repaired = r.marks != 0
	out.Records = append(out.Records, record)
}

// reject counts the record that was just read as rejected.
func (r *reader) reject(a *Account, reason Reason) {
	a.reject(reason, 1)
	if label, ok := r.labelled(); ok {
		a.rejectLabel(label, 1)
	}
}

// lose counts a record without reading it.
func lose(out *Reply, reason Reason) {
	out.Account.Returned++
	out.Account.reject(reason, 1)
}
