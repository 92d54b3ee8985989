package table

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Recognise implements plugins.Recogniser: every file that holds one table can be read, and several that hold parts of it.
func (Config) Recognise(path string, table *plugins.TableFacts) []plugins.Recognised {
	if table == nil {
		return nil
	}
	with := suggestion{Path: path, Members: table.Members, Origin: table.Origin, Header: table.Header, Columns: suggestedColumns(table.Columns), Drop: table.Drop}
	if d := table.Delimiter; d != 0 && d != usualDelimiter(path) {
		with.Delimiter = string(d)
	}
	raw, err := json.Marshal(with)
	if err != nil {
		panic(err) // plain texts and numbers
	}
	way := plugins.Recognised{With: raw, Summary: "a row of " + filepath.Base(path)}
	if table.Members == "" && !strings.Contains(path, "*") {
		way.Notes = alike(path)
	}
	return []plugins.Recognised{way}
}

// alike says how the files beside a file whose names differ from its own in one word would be read with it, as those of
// several hospitals are.
func alike(path string) []string {
	folder, name := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return nil
	}
	found := map[string]int{}
	best := ""
	for _, e := range entries {
		if pattern := onePattern(name, e.Name()); pattern != "" && e.Type().IsRegular() {
			if found[pattern]++; found[pattern] > found[best] {
				best = pattern
			}
		}
	}
	if best == "" {
		return nil
	}
	return []string{fmt.Sprintf("files that are named alike lie beside it: path: %q with origin: \"site\" reads the %d of them as one table", folder+best, found[best]+1)}
}

// onePattern returns the pattern that two names share when they differ in one word, besides their endings; else "".
func onePattern(a, b string) string {
	isSign := func(c byte) bool { return c == '.' || c == '_' || c == '-' }
	from := 0
	for from < min(len(a), len(b)) && a[from] == b[from] {
		from++
	}
	for from > 0 && !isSign(a[from-1]) {
		from--
	}
	to := 0
	for to < min(len(a), len(b))-from && a[len(a)-1-to] == b[len(b)-1-to] {
		to++
	}
	for to > 0 && !isSign(a[len(a)-to]) {
		to--
	}
	word := a[from : len(a)-to]
	if from == 0 || to == 0 || word == "" || strings.ContainsAny(word, "._-") || strings.ContainsAny(b[from:len(b)-to], "._-") || len(b)-to <= from {
		return ""
	}
	return a[:from] + "*" + a[len(a)-to:]
}

// suggestion is the part of Config that can be told from a file, in the order of the file.
type suggestion struct {
	Path      string         `json:"path"`
	Members   string         `json:"members,omitempty"`
	Origin    string         `json:"origin,omitempty"`
	Delimiter string         `json:"delimiter,omitempty"`
	Header    []string       `json:"header,omitempty"`
	Columns   columnsInOrder `json:"columns,omitempty"`
	Drop      []string       `json:"drop,omitempty"`
}

type columnsInOrder []suggestedColumn

type suggestedColumn struct {
	name    string
	Kind    frame.Kind `json:"kind,omitempty"`
	Unit    string     `json:"unit,omitempty"`
	Missing []any      `json:"missing,omitempty"`
}

// suggestedColumns keeps the columns that something is said of.
func suggestedColumns(facts []plugins.ColumnFacts) columnsInOrder {
	var out columnsInOrder
	for _, f := range facts {
		if f.Kind == "" && f.Unit == "" && len(f.Missing) == 0 {
			continue
		}
		c := suggestedColumn{name: f.Name, Kind: f.Kind, Unit: f.Unit}
		for _, code := range f.Missing {
			c.Missing = append(c.Missing, plainCode(code))
		}
		out = append(out, c)
	}
	return out
}

// plainCode is a code as an experiment writes it: a number where it is the shortest text of one.
func plainCode(code string) any {
	if v, err := strconv.ParseFloat(code, 64); err == nil && strconv.FormatFloat(v, 'f', -1, 64) == code {
		return json.Number(code)
	}
	return code
}

// MarshalJSON writes an object whose fields keep their order.
func (c columnsInOrder) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, column := range c {
		name, err := json.Marshal(column.name)
		if err != nil {
			return nil, err
		}
		settings, err := json.Marshal(column)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(settings)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// usualDelimiter is the one that a file has unless the settings say otherwise.
func usualDelimiter(path string) byte {
	name := strings.TrimSuffix(strings.ToLower(path), ".gz")
	if strings.HasSuffix(name, ".tsv") {
		return '\t'
	}
	return ','
}
