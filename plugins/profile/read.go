package profile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Source is a table as it was read: the columns of text files as texts, so that nothing about them is decided yet.
type Source struct {
	File      string // name of the file, without the folder; of several files, their pattern
	Members   string // of an archive: the pattern of the members that were read
	Origin    string // column that says which file or member a row is from; "" when there is none
	Bytes     int64
	Delimiter byte     // of a text file, else 0
	Header    []string // names that were given to the columns of a file without any
	Frame     *frame.Frame
	Complete  bool // all rows were read
}

// ReadFile reads a file of one table, of any kind that package frame reads: all of it, or its first maxRows rows when
// maxRows is above 0. Errors hold no value of a row.
func ReadFile(ctx context.Context, path string, maxRows int) (*Source, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil, &frame.FileError{File: filepath.Base(path), Msg: "a folder, not a file"}
	}
	s := &Source{File: filepath.Base(path)}
	opts := frame.ReadOptions{Threads: 2, MaxBytes: maxBytes, Columns: map[string]frame.ColumnOptions{}}
	if err == nil {
		s.Bytes = info.Size()
		if start, err := startOf(path); err == nil {
			s.sniff(start, &opts)
		}
	}
	if maxRows <= 0 {
		maxRows = math.MaxInt
	}
	t, err := frame.SampleFile(ctx, path, opts, maxRows, 0)
	if err != nil {
		return nil, err
	}
	s.Frame, s.Complete = t.Frame, t.Complete
	return s, nil
}

// maxBytes limits the decompressed content of what is inspected, and the memory of its columns: that of the data set table.
const maxBytes = 4 << 30

// sniffed is how much of a text decides how it is to be read.
const sniffed = 1 << 18

// sniff decides on the delimiter and the header of a text by its first bytes, and asks for all its columns as texts. What
// it cannot read is left to the reader of the table, which says why.
func (s *Source) sniff(start []byte, opts *frame.ReadOptions) {
	start = bytes.TrimPrefix(start, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(start, []byte("PAR1")) || bytes.HasPrefix(start, []byte("ARROW1")) || bytes.IndexByte(start, 0) >= 0 {
		return
	}
	line, _, _ := bytes.Cut(start, []byte("\n"))
	s.Delimiter = delimiterOf(line)
	opts.Delimiter = s.Delimiter
	r := csv.NewReader(bytes.NewReader(start))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = rune(s.Delimiter), true, -1
	first, err := r.Read()
	if err != nil {
		return
	}
	names := first
	if !isHeader(first) {
		names = make([]string, len(first))
		for i := range names {
			names[i] = fmt.Sprintf("column%d", i+1)
		}
		s.Header, opts.Header = names, names
	}
	for _, n := range names {
		opts.Columns[n] = frame.ColumnOptions{Kind: frame.Category}
	}
}

// startOf returns the first bytes of the text in a file.
func startOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var text io.Reader = in
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		text = z
	}
	b := make([]byte, sniffed)
	n, err := io.ReadFull(text, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return b[:n], nil
}

// delimiterOf is the sign that parts a line most often, outside quotes; a comma when none does.
func delimiterOf(line []byte) byte {
	best, most := byte(','), 0
	for _, d := range []byte{',', ';', '\t', '|'} {
		n, quoted := 0, false
		for _, c := range line {
			switch {
			case c == '"':
				quoted = !quoted
			case c == d && !quoted:
				n++
			}
		}
		if n > most {
			best, most = d, n
		}
	}
	return best
}

// isHeader reports whether the fields of a first line are names: less than half of them are numbers or words for a
// missing value.
func isHeader(fields []string) bool {
	values := 0
	for _, f := range fields {
		if _, ok := number(strings.TrimSpace(f)); ok || f == "?" || f == "" {
			values++
		}
	}
	return 2*values < len(fields)
}

// Facts is what a data set has to be told of the file, as far as it was seen or guessed.
func (s *Source) Facts(p *Profile) *plugins.TableFacts {
	facts := &plugins.TableFacts{Members: s.Members, Origin: s.Origin, Delimiter: s.Delimiter, Header: s.Header}
	for _, c := range p.Columns {
		if c.Name == s.Origin {
			continue // it is in no file
		}
		if c.Dropped() != "" {
			facts.Drop = append(facts.Drop, c.Name)
			continue
		}
		facts.Columns = append(facts.Columns, c.facts())
	}
	return facts
}

// facts is what has to be said of a column.
func (c *Column) facts() plugins.ColumnFacts {
	f := plugins.ColumnFacts{Name: c.Name}
	if c.declare {
		f.Kind = c.Kind
	}
	if c.value != nil && c.Kind == frame.Number {
		f.Unit = c.Unit
	}
	for _, code := range c.Codes {
		f.Missing = append(f.Missing, code.Code)
	}
	return f
}
