package review

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Answer is what one rater says of one showing of a record. What is not answered is NaN or empty.
type Answer struct {
	Item       Item
	Rater      string
	Record     *Record
	Realism    float64
	Guess      string
	Confidence float64
	Comment    string
	Seconds    float64 // that it took
}

// Answers are those to the records of the study, with what is lacking.
type Answers struct {
	Key     *Key
	Given   []Answer
	Wanted  int // showings of records of the study, to all raters
	Ratings int // of these, those that are rated
	Partial bool
}

// Problem is something that is wrong with a file of answers.
type Problem struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"` // from 1; 0: the whole file
	Text string `json:"problem"`
}

func (p Problem) String() string {
	switch {
	case p.File == "":
		return p.Text
	case p.Line == 0:
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
}

// Problems are all that is wrong with some files of answers.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// Bounds of a file of answers, and of a time.
const (
	mostAnswers = 64 << 20
	mostSeconds = 86_400
	mostComment = 10_000
	mostTold    = 200 // problems: a file of something else has one on every line
)

// checker reads files of answers to the packets of a key.
type checker struct {
	key      *Key
	partial  bool
	unread   bool // a file, or a part of it: whose rows it has is unknown
	problems Problems
	items    map[string]asked
	answers  map[string]given
}

// asked is an item with who is asked.
type asked struct {
	item  Item
	rater string
}

// given is an answer with its place.
type given struct {
	Answer
	file string
	line int
}

// Read reads and checks files of answers: those that a form saves, filled-in tables, and raw exports of REDCap. It returns Problems
// that name every fault with its place; unless partial, what is not answered is one, too.
func Read(key *Key, files []string, partial bool) (*Answers, error) {
	c := &checker{key: key, partial: partial, items: map[string]asked{}, answers: map[string]given{}}
	for _, rater := range key.Raters {
		for _, item := range rater.Items {
			c.items[item.ID] = asked{item, rater.Name}
		}
	}
	for _, file := range files {
		if err := c.file(file); err != nil {
			return nil, err
		}
	}
	out := c.collect(len(files))
	if len(c.problems) > 0 {
		if n := len(c.problems); n > mostTold {
			c.problems = append(c.problems[:mostTold], Problem{Text: fmt.Sprintf("and %d more", n-mostTold)})
		}
		return nil, c.problems
	}
	return out, nil
}

func (c *checker) fault(file string, line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{file, line, fmt.Sprintf(format, args...)})
}

// unreadable tells a fault that ends the reading of a file.
func (c *checker) unreadable(file string, line int, format string, args ...any) {
	c.unread = true
	c.fault(file, line, format, args...)
}

// file reads one file. What is wrong with its content is a problem, and only what is wrong with the machine an error.
func (c *checker) file(path string) error {
	name := filepath.Base(path)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, mostAnswers+1))
	switch {
	case err != nil:
		return err
	case len(content) > mostAnswers:
		c.unreadable(name, 0, "larger than any file of answers; want one that a form saved, a filled-in table, or a raw export of REDCap")
		return nil
	case !utf8.Valid(content):
		c.unreadable(name, 0, "is not UTF-8 text; save it as CSV in UTF-8")
		return nil
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	r.Comma, r.FieldsPerRecord = separator(content), -1
	head, err := r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			c.unreadable(name, 0, "is empty; want a head and a row for each record")
			return nil
		}
		c.broken(name, err)
		return nil
	}
	columns, ok := c.head(name, head)
	c.unread = c.unread || !ok
	for ok {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			c.broken(name, err)
			return nil
		}
		line, _ := r.FieldPos(0)
		if slices.ContainsFunc(row, func(text string) bool { return strings.TrimSpace(text) != "" }) { // spreadsheets add empty rows
			c.row(name, line, len(head), row, columns)
		}
	}
	return nil
}

// broken tells what the reader of CSV says.
func (c *checker) broken(name string, err error) {
	var at *csv.ParseError
	if errors.As(err, &at) {
		c.unreadable(name, at.StartLine, "broken CSV: %v; nothing was read from here on", at.Err)
		return
	}
	c.unreadable(name, 0, "broken CSV: %v", err)
}

// separator is what parts the fields of the first line: spreadsheets of some countries write a semicolon.
func separator(content []byte) rune {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	best, most := ',', bytes.Count(line, []byte(","))
	for _, r := range ";\t" {
		if n := bytes.Count(line, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// head finds the columns. Those of the record, and of REDCap's own, are passed over.
func (c *checker) head(file string, head []string) (columns map[string]int, ok bool) {
	columns = map[string]int{}
	ok = true
	names := make([]string, len(head))
	for i, name := range head {
		names[i] = strings.ToLower(strings.TrimSpace(name))
	}
	for _, want := range []string{packetColumn, raterColumn, itemColumn, realismColumn, guessColumn, confidenceColumn, commentColumn, secondsColumn} {
		at := slices.Index(names, want)
		optional := want == raterColumn || want == commentColumn || want == secondsColumn
		switch {
		case at < 0 && !optional:
			c.fault(file, 1, "no column %q%s; of REDCap, export raw data rather than labels", want, spelling.DidYouMean(want, names))
			ok = false
		case at >= 0 && slices.Contains(names[at+1:], want):
			c.fault(file, 1, "two columns %q; want one", want)
			ok = false
		case at >= 0:
			columns[want] = at
		}
	}
	return columns, ok
}

// row checks one row.
func (c *checker) row(file string, line, width int, row []string, columns map[string]int) {
	if len(row) != width {
		c.fault(file, line, "%d fields; want %d as in the head", len(row), width)
		return
	}
	field := func(name string) string {
		if at, ok := columns[name]; ok {
			return strings.TrimSpace(row[at])
		}
		return ""
	}
	if field(packetColumn) != c.key.hash {
		c.fault(file, line, "column %q: is not %s: the row answers another packet, or the key was changed", packetColumn, c.key.hash)
		return
	}
	a, known := c.items[field(itemColumn)]
	if !known {
		c.fault(file, line, "column %q: the packet has no such item", itemColumn)
		return
	}
	if rater := field(raterColumn); rater != "" && rater != a.rater {
		c.fault(file, line, "column %q: the item was shown to %s", raterColumn, a.rater)
		return
	}
	if was, twice := c.answers[a.item.ID]; twice {
		c.fault(file, line, "the item is in line %d of %s, too; want one answer", was.line, was.file)
		return
	}
	answer := Answer{Item: a.item, Rater: a.rater, Record: c.key.record(a.item.Record)}
	answer.Realism = c.whole(file, line, realismColumn, field(realismColumn), LeastRealism, MostRealism)
	answer.Confidence = c.whole(file, line, confidenceColumn, field(confidenceColumn), LeastConfidence, MostConfidence)
	answer.Guess = c.guess(file, line, field(guessColumn))
	answer.Seconds = c.seconds(file, line, field(secondsColumn))
	if answer.Comment = unguarded(field(commentColumn)); utf8.RuneCountInString(answer.Comment) > mostComment {
		c.fault(file, line, "column %q: longer than %d characters", commentColumn, mostComment)
	}
	if !c.partial && !answer.Record.Training {
		c.lacking(file, line, field)
	}
	c.answers[a.item.ID] = given{answer, file, line}
}

// lacking tells what a row does not answer.
func (c *checker) lacking(file string, line int, field func(string) string) {
	var lacks []string
	for _, name := range []string{realismColumn, guessColumn, confidenceColumn} {
		if field(name) == "" {
			lacks = append(lacks, strconv.Quote(name))
		}
	}
	if len(lacks) > 0 {
		c.fault(file, line, "not answered: %s", strings.Join(lacks, ", "))
	}
}

// whole reads a whole number of a scale; NaN where there is none.
func (c *checker) whole(file string, line int, column, text string, least, most int) float64 {
	if text == "" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64) // a spreadsheet may have made 7,0 of 7
	if err != nil || v != math.Trunc(v) || v < float64(least) || v > float64(most) {
		c.fault(file, line, "column %q: want a whole number from %d to %d", column, least, most)
		return math.NaN()
	}
	return v
}

func (c *checker) guess(file string, line int, text string) string {
	switch guess := strings.ToLower(text); guess {
	case "", Real, Synthetic:
		return guess
	}
	c.fault(file, line, "column %q: want %s or %s", guessColumn, Real, Synthetic)
	return ""
}

func (c *checker) seconds(file string, line int, text string) float64 {
	if text == "" {
		return math.NaN()
	}
	v, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || !(v >= 0 && v <= mostSeconds) {
		c.fault(file, line, "column %q: want the seconds that the record took, from 0 to %d, or nothing", secondsColumn, mostSeconds)
		return math.NaN()
	}
	return v
}

// guards are what a text begins with that a spreadsheet takes for a formula.
const guards = "=+-@\t\r"

// guarded puts an apostrophe before a text that a spreadsheet would take for a formula, or that begins with one.
func guarded(text string) string {
	if text != "" && strings.IndexByte(guards+"'", text[0]) >= 0 {
		return "'" + text
	}
	return text
}

// unguarded takes the apostrophe away that a form put before a text.
func unguarded(text string) string {
	if len(text) > 1 && text[0] == '\'' && strings.IndexByte(guards+"'", text[1]) >= 0 {
		return text[1:]
	}
	return text
}

// collect returns the answers to records of the study, in the order of the key, and tells what is lacking.
func (c *checker) collect(files int) *Answers {
	out := &Answers{Key: c.key, Partial: c.partial}
	for _, rater := range c.key.Raters {
		missing, wanted := 0, 0
		for _, item := range rater.Items {
			if c.key.record(item.Record).Training {
				continue
			}
			wanted++
			a, ok := c.answers[item.ID]
			if !ok {
				missing++
				continue
			}
			out.Given = append(out.Given, a.Answer)
			if !math.IsNaN(a.Realism) {
				out.Ratings++
			}
		}
		out.Wanted += wanted
		switch {
		case missing == 0 || c.partial || c.unread: // what a file lacks that was not read to its end is not known
		case missing == wanted:
			c.fault("", 0, "rater %s: none of the %d records has a row; name the file of this rater too, or allow what is there with --partial", rater.Name, wanted)
		default:
			c.fault("", 0, "rater %s: no row of %d of %d records; complete them, or allow what is there with --partial", rater.Name, missing, wanted)
		}
	}
	if c.partial && out.Ratings == 0 && len(c.problems) == 0 {
		c.fault("", 0, "no record is rated in the %d files", files)
	}
	return out
}
