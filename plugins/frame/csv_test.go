package frame

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

func zipped(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range members {
		z := gzip.NewWriter(&b)
		if _, err := io.WriteString(z, m); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// show renders a frame with kinds and marks, a column a line; missing is a dot.
func show(f *Frame) []string {
	var out []string
	for _, c := range f.Columns() {
		s := fmt.Sprintf("%s %s", c.Name, c.Kind)
		if c.Integer {
			s += " integer"
		}
		if c.Unit != "" {
			s += " in " + c.Unit
		}
		s += ":"
		for i := range f.Rows() {
			switch {
			case c.IsMissing(i):
				s += " ."
			case c.Kind == Category:
				s += fmt.Sprintf(" %q", c.Levels[c.Codes[i]])
			default:
				s += " " + strconv.FormatFloat(c.Numbers[i], 'g', -1, 64)
			}
		}
		out = append(out, s)
	}
	return out
}

func TestReadCSV(t *testing.T) {
	number, category := ColumnOptions{Kind: Number}, ColumnOptions{Kind: Category}
	tests := []struct {
		name, text string
		opts       ReadOptions
		want       []string
	}{
		{"plain", "a,b\n1,x\n2.5,y\n", ReadOptions{}, []string{`a number: 1 2.5`, `b category: "x" "y"`}},
		{"no final newline", "a,b\n1,x\n2,y", ReadOptions{}, []string{`a number integer: 1 2`, `b category: "x" "y"`}},
		{"crlf", "a,b\r\n1,x\r\n,\r\n", ReadOptions{}, []string{`a number integer: 1 .`, `b category: "x" .`}},
		{"carriage return alone is not taken at the end", "a\n\"1\r\"\n", ReadOptions{}, []string{`a category: "1\r"`}},
		{"byte order mark", "\ufeffa\n1\n", ReadOptions{}, []string{`a number integer: 1`}},
		{
			"quotes", "a,\"b,\"\"c\"\n\"1\",\"x\ny\"\n\"2\",\"say \"\"no\"\"\"\n",
			ReadOptions{},
			[]string{`a number integer: 1 2`, `b,"c category: "x\ny" "say \"no\""`},
		},
		{"quoted empty is missing", "a,b\n\"\",\"\"\n1,x\n", ReadOptions{}, []string{`a number integer: . 1`, `b category: . "x"`}},
		{"header only", "a,b\n", ReadOptions{}, []string{`a category:`, `b category:`}},
		{"empty lines at the end", "a,b\n1,2\n\n\r\n\n", ReadOptions{}, []string{`a number integer: 1`, `b number integer: 2`}},
		{"names given", "1,x\n2,y\n", ReadOptions{Header: []string{"a", "b"}}, []string{`a number integer: 1 2`, `b category: "x" "y"`}},
		{"names given, byte order mark", "\ufeff1,x\n", ReadOptions{Header: []string{"a", "b"}, Keep: []string{"a"}}, []string{`a number integer: 1`}},
		{"name given, empty lines", "\n1\n\n", ReadOptions{Header: []string{"a"}}, []string{`a number integer: . 1 .`}},
		{
			"columns that are not read", "a,b,c,d,e\n1,12345678,,\"x\n,\",2\n3,,é\té,,4\n",
			ReadOptions{Keep: []string{"a", "e"}},
			[]string{`a number integer: 1 3`, `e number integer: 2 4`},
		},
		{"empty lines of a single column", "a\n1\n\n2\n\n", ReadOptions{}, []string{`a number integer: 1 . 2 .`}},
		{"words for missing are text", "a\nNA\nnan\nInf\n1\n", ReadOptions{}, []string{`a category: "NA" "nan" "Inf" "1"`}},
		{
			"forms of numbers", "a\n-1\n+2\n.5\n7.\n1e3\n-1.25E-2\n0.1\n123456789012345678\n",
			ReadOptions{Columns: map[string]ColumnOptions{"a": {Kind: Number}}},
			[]string{`a number: -1 2 0.5 7 1000 -0.0125 0.1 1.2345678901234568e+17`},
		},
		{
			"forms that are no number", "a,b,c,d,e,f,g\n0x10,1_0,1e,., 1,1e999,--1\n",
			ReadOptions{},
			[]string{`a category: "0x10"`, `b category: "1_0"`, `c category: "1e"`, `d category: "."`, `e category: " 1"`, `f category: "1e999"`, `g category: "--1"`},
		},
		{"whole beyond 2^53 is a code", "a\n9007199254740994\n", ReadOptions{}, []string{`a category: "9007199254740994"`}},
		{"other delimiter", "a;b\n1,5;x\n", ReadOptions{Delimiter: ';'}, []string{`a category: "1,5"`, `b category: "x"`}},
		{
			"declared kinds", "id,x\n007,1\n",
			ReadOptions{Columns: map[string]ColumnOptions{"id": category, "x": {Kind: Number, Unit: "mg"}}},
			[]string{`id category: "007"`, `x number integer in mg: 1`},
		},
		{
			"declared number without a value", "a,b\n,1\n",
			ReadOptions{Columns: map[string]ColumnOptions{"a": number}},
			[]string{`a number: .`, `b number integer: 1`},
		},
		{"keep and drop", "a,b,c\n1,2,3\n", ReadOptions{Keep: []string{"c", "a", "b"}, Drop: []string{"b"}}, []string{`a number integer: 1`, `c number integer: 3`}},
		{
			"missing codes by text and by value", "a,b\n-1.0,-1\n-1e0,-1.0\n3,x\n",
			ReadOptions{Missing: []string{"-1"}},
			[]string{`a number integer: . . 3`, `b category: . "-1.0" "x"`},
		},
		{
			"missing codes of one column", "a,b\n?,?\n3,x\n",
			ReadOptions{Columns: map[string]ColumnOptions{"a": {Missing: []string{"?"}}}},
			[]string{`a number integer: . 3`, `b category: "?" "x"`},
		},
		{
			"text code of a declared number", "a\nNA\n3\n",
			ReadOptions{Missing: []string{"NA"}, Columns: map[string]ColumnOptions{"a": number}},
			[]string{`a number integer: . 3`},
		},
		{"wholly missing", "a,b\n,1\n,2\n", ReadOptions{}, []string{`a category: . .`, `b number integer: 1 2`}},
		{"first value after the sample: a number", "a,b\n,1\n,2\n3,3\n", ReadOptions{SampleRows: 2}, []string{`a number integer: . . 3`, `b number integer: 1 2 3`}},
		{"first value after the sample: a text", "a,b\n,1\n,2\n3,3\nx,4\n", ReadOptions{SampleRows: 2}, []string{`a category: . . "3" "x"`, `b number integer: 1 2 3 4`}},
		{"category by its sample", "a\nx\n1\n2\n3\n", ReadOptions{SampleRows: 1}, []string{`a category: "x" "1" "2" "3"`}},
		{"not ASCII", "größe,é\n1,ß\n", ReadOptions{}, []string{`größe number integer: 1`, `é category: "ß"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, threads := range []int{1, 2} {
				opts := test.opts
				opts.Threads = threads
				for input, r := range map[string]io.Reader{
					"plain":         strings.NewReader(test.text),
					"byte by byte":  iotest.OneByteReader(strings.NewReader(test.text)),
					"gzip":          bytes.NewReader(zipped(t, test.text)),
					"gzip in parts": bytes.NewReader(zipped(t, test.text[:1], "", test.text[1:])),
				} {
					got, err := ReadCSV(r, opts)
					if err != nil {
						t.Fatalf("%s: %v", input, err)
					}
					if diff := cmp.Diff(test.want, show(got.Frame)); diff != "" || !got.Complete {
						t.Errorf("%s: complete %t: %s", input, got.Complete, diff)
					}
				}
			}
		})
	}
}

// A text among numbers decides on the kind only where numbers do not prevail; otherwise it is a fault, with the place
// of the first text. Values are the fields of a column, beside one of numbers.
func TestTextsAmongNumbers(t *testing.T) {
	repeat := func(n int, values ...string) []string { return slices.Repeat(values, n) }
	count := func(n int) (out []string) {
		for i := range n {
			out = append(out, strconv.Itoa(i))
		}
		return out
	}
	tests := []struct {
		name   string
		values []string
		opts   ReadOptions
		line   int    // of the fault; 0 for none
		want   string // how many of how many
	}{
		{"one in 1,000", slices.Insert(count(999), 99, "old"), ReadOptions{}, 101, "999 of 1000"},
		{"in the first row", slices.Insert(count(999), 0, "inf"), ReadOptions{}, 2, "999 of 1000"},
		{"in the last row of the sample", append(count(999), "NaN"), ReadOptions{}, 1001, "999 of 1000"},
		{"two texts", append([]string{"?", "", "NA"}, count(18)...), ReadOptions{}, 2, "18 of 20"},
		{"exactly nine in ten", append(repeat(9, "1", "2"), "x", "y"), ReadOptions{}, 20, "18 of 20"},
		{"less than nine in ten", append(repeat(9, "1", "2"), "x", "y", "x"), ReadOptions{}, 0, ""},
		{"a word in most rows", append(repeat(30, "NA"), "0", "1", "1", "0"), ReadOptions{}, 2, "4 of 34"},
		{"two words in most rows, many numbers", append(repeat(100, "NA", "ND"), count(18)...), ReadOptions{}, 2, "18 of 218"},
		{"two words in most rows, fewer numbers", append(repeat(100, "NA", "ND"), count(17)...), ReadOptions{}, 0, ""},
		{"two numbers and a text", []string{"1", "x", "2"}, ReadOptions{}, 3, "2 of 3"},
		{"a number and a text", []string{"1", "x"}, ReadOptions{}, 0, ""},
		{"one number, often, and a text", append(repeat(9, "1"), "x"), ReadOptions{}, 11, "9 of 10"},
		{"one number, less often, and a text", append(repeat(8, "1"), "x"), ReadOptions{}, 0, ""},
		{"texts alone", []string{"x", "y", "x", "y"}, ReadOptions{}, 0, ""},
		{"one text", []string{"x"}, ReadOptions{}, 0, ""},
		{"codes", []string{"A1", "10", "B2", "11", "10", "10", "12", "A3"}, ReadOptions{}, 0, ""},
		{"a missing code is no value", []string{"1", "2", "NA"}, ReadOptions{Missing: []string{"NA"}}, 0, ""},
		{"nor is an equal number", []string{"-1.0", "2", "x", "-1"}, ReadOptions{Missing: []string{"-1"}}, 0, ""},
		{"a declared category", append(count(99), "x"), ReadOptions{Columns: map[string]ColumnOptions{"v": {Kind: Category}}}, 0, ""},
		{"a column that is not read", append(count(99), "x"), ReadOptions{Drop: []string{"v"}}, 0, ""},
		{"the sample decides", []string{"x", "y", "1", "2", "3"}, ReadOptions{SampleRows: 2}, 0, ""},
		{"texts after the sample make no fault", append([]string{"x", "1"}, count(100)...), ReadOptions{SampleRows: 2}, 0, ""},
		{"no value in the sample", append([]string{"", "", "", "x"}, count(20)...), ReadOptions{SampleRows: 2}, 5, "20 of 21"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := "n,v\n17," + strings.Join(test.values, "\n17,") + "\n"
			test.opts.File = "t.csv"
			want := "<nil>"
			if test.line > 0 {
				want = fmt.Sprintf(`t.csv:%d:4: column "v": text where %s values are numbers; correct it, declare it a missing code, or set columns."v".kind to "category"`, test.line, test.want)
			}
			read := func(from string, got *Table, err error) {
				t.Helper()
				if fmt.Sprint(err) != want {
					t.Errorf("%s:\ngot  %v\nwant %s", from, err, want)
				}
				if err == nil && got.Frame.Column("v") != nil && test.opts.Missing == nil && got.Frame.Column("v").Kind != Category {
					t.Errorf("%s: a %s", from, got.Frame.Column("v").Kind)
				}
			}
			got, err := ReadCSV(strings.NewReader(text), test.opts)
			read("all", got, err)
			got, err = SampleCSV(strings.NewReader(text), test.opts, 5000, 1<<20)
			read("sample", got, err)
		})
	}
}

// Where the rows stand does not matter: a column is refused in every order of its rows, at the first text.
func TestTextsAmongNumbersInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		n := 2 + rng.IntN(60)
		values := make([]string, n)
		texts := 0
		numbers := map[int]bool{}
		for i := range values {
			if rng.IntN(8) == 0 {
				values[i] = "x" + strconv.Itoa(rng.IntN(4))
				texts++
			} else {
				v := rng.IntN(40)
				numbers[v] = true
				values[i] = strconv.Itoa(v)
			}
		}
		var kinds []string
		for range 3 {
			rng.Shuffle(n, func(i, j int) { values[i], values[j] = values[j], values[i] })
			got, err := ReadCSV(strings.NewReader("v\n"+strings.Join(values, "\n")), ReadOptions{})
			var fault *FileError
			switch first := slices.IndexFunc(values, func(s string) bool { return s[0] == 'x' }); {
			case errors.As(err, &fault):
				if fault.Line != first+2 || fault.Column != 1 {
					t.Fatalf("%d:%d, want %d:1, of %q", fault.Line, fault.Column, first+2, values)
				}
				kinds = append(kinds, "none")
			case err != nil:
				t.Fatal(err)
			default:
				kinds = append(kinds, string(got.Frame.Column("v").Kind))
			}
		}
		if kinds[0] != kinds[1] || kinds[0] != kinds[2] {
			t.Fatalf("%v of %q", kinds, values)
		}
		if texts == 0 && kinds[0] != "number" || texts > 0 && kinds[0] == "number" || texts > 0 && texts*10 <= n && kinds[0] != "none" {
			t.Fatalf("%d of %d are texts, kind %s", texts, n, kinds[0])
		}
	}
}

// All columns in doubt are named at once, the first with its place.
func TestColumnsInDoubtAreNamedTogether(t *testing.T) {
	_, err := ReadCSV(strings.NewReader("a,b,c,d\n1,1,1,NA\n2,NA,2,2\nNA,3,3,3\n"), ReadOptions{File: "t.csv"})
	want := `t.csv:4:1: column "a": text where 2 of 3 values are numbers; correct it, declare it a missing code, or set columns."a".kind to "category"; so too for "b", "d"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestReadCSVFaults(t *testing.T) {
	number := map[string]ColumnOptions{"a": {Kind: Number}}
	long := strings.Repeat("x", maxFieldBytes+1)
	table := zipped(t, "a,b\n1,x\n2,y\n")
	damaged := bytes.Clone(table)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	tests := []struct {
		name, text string
		opts       ReadOptions
		want       string
	}{
		{"empty", "", ReadOptions{}, `t.csv: empty file; want a header line`},
		{"mark only", "\ufeff", ReadOptions{}, `t.csv: empty file; want a header line`},
		{"empty gzip", "", ReadOptions{File: "t.csv.gz"}, `t.csv.gz: empty file; want a header line`},
		{"gzip of nothing", string(zipped(t, "")), ReadOptions{File: "t.csv.gz"}, `t.csv.gz: empty file; want a header line`},
		{"not gzip", "a,b\n1,2\n", ReadOptions{File: "T.CSV.GZ"}, `T.CSV.GZ: not gzip, in spite of its name`},
		{"truncated gzip", string(table[:len(table)-9]), ReadOptions{File: "t.csv.gz"}, `t.csv.gz: the gzip data end too early: the file is truncated`},
		{"truncated gzip header", string(table[:5]), ReadOptions{File: "t.csv.gz"}, `t.csv.gz: the gzip data end too early: the file is truncated`},
		{"damaged gzip", string(damaged), ReadOptions{File: "t.csv.gz"}, `t.csv.gz: the gzip data are damaged`},
		{"bytes after gzip", string(table) + "more text than a gzip header has", ReadOptions{File: "t.csv.gz"}, `t.csv.gz: the gzip data are damaged`},
		{"empty, names given", "", ReadOptions{Header: []string{"a"}}, `t.csv: empty file; want rows`},
		{"row of other length than the names", "1,2\n3\n", ReadOptions{Header: []string{"a", "b"}}, `t.csv:2: row of 1 fields where 2 column names are given`},
		{"first row of other length than the names", "1,2,3\n", ReadOptions{Header: []string{"a", "b"}}, `t.csv:1: row of 3 fields where 2 column names are given`},
		{"equal names given", "1,2\n", ReadOptions{Header: []string{"a", "a"}}, `t.csv: fields 1 and 2 of the header are both named "a"`},
		{"no names given", "1,2\n", ReadOptions{Header: []string{}}, `t.csv: a header without names is given; name every column`},
		{"short row in columns that are not read", "a,b,c\n1,2\n", ReadOptions{Keep: []string{"a"}}, `t.csv:2: row of 2 fields where the header has 3`},
		{"long row in columns that are not read", "a,b,c\n1,2,3,4\n", ReadOptions{Keep: []string{"a"}}, `t.csv:2: row of 4 fields where the header has 3`},
		{"decompressed size", string(zipped(t, "a\n"+strings.Repeat("1\n", 50))), ReadOptions{MaxBytes: 100}, `t.csv: more than 100 bytes when decompressed, the limit for this file`},
		{"short row", "a,b\n1,2\n3\n", ReadOptions{}, `t.csv:3: row of 1 fields where the header has 2`},
		{"long row", "a,b\n1,2,,\n", ReadOptions{}, `t.csv:2: row of 4 fields where the header has 2`},
		{"line of a row after a line end in a field", "a,b\n\"1\n\",2\n3\n", ReadOptions{}, `t.csv:4: row of 1 fields where the header has 2`},
		{"empty line between rows", "a,b\n1,2\n\n\n3,4\n", ReadOptions{}, `t.csv:3: empty line where 2 fields are wanted`},
		{"duplicate header", "a,b,a\n", ReadOptions{}, `t.csv:1: fields 1 and 3 of the header are both named "a"`},
		{"empty name", "a,,b\n", ReadOptions{}, `t.csv:1: field 2 of the header is empty; every column needs a name`},
		{"empty header", "\n1\n", ReadOptions{}, `t.csv:1: field 1 of the header is empty; every column needs a name`},
		{"header not UTF-8", "a,\xff\n", ReadOptions{}, `t.csv:1:3: text is not UTF-8`},
		{"UTF-16", "\xff\xfea\x00", ReadOptions{}, `t.csv: UTF-16 text; want UTF-8`},
		{"not UTF-8", "a,b\n1,x\n22,\xc3(\n", ReadOptions{}, `t.csv:3:4: column "b": text is not UTF-8`},
		{"not UTF-8 in a number column", "a,b\n1,\xff\n", ReadOptions{Columns: map[string]ColumnOptions{"b": {Kind: Number}}}, `t.csv:2:3: column "b": text is not UTF-8`},
		{"not UTF-8 in a column that is not read", "a,b\n1,\xff\n", ReadOptions{Drop: []string{"b"}}, `t.csv:2:3: column "b": text is not UTF-8`},
		{"NUL", "a,b\n1,x\x00y\n", ReadOptions{}, `t.csv:2:3: column "b": NUL byte; want UTF-8 text`},
		{"quoted NUL", "a,b\n1,\"x\x00y\"\n", ReadOptions{}, `t.csv:2:3: column "b": NUL byte; want UTF-8 text`},
		{"text in a declared number", "a\n1\nx\n", ReadOptions{Columns: number}, `t.csv:3:1: column "a": text in a number column; declare the text a missing code, or the column a category`},
		{"word for missing in a number", "a\nNA\n", ReadOptions{Columns: number}, `t.csv:2:1: column "a": text in a number column; declare the text a missing code, or the column a category`},
		{"infinity in a number", "a\n-inf\n", ReadOptions{Columns: number}, `t.csv:2:1: column "a": text in a number column; declare the text a missing code, or the column a category`},
		{"text after the sample", "b,a\n1,1\n1,2\n1,x\n", ReadOptions{SampleRows: 2}, `t.csv:4:3: column "a": text in a number column (the first 2 rows hold numbers alone); declare the text a missing code, or the column a category`},
		{"open quote", "a,b\n1,\"x\n2,y\n", ReadOptions{}, `t.csv:2:3: column "b": the quote is never closed`},
		{"open quote in the header", "\"a\n", ReadOptions{}, `t.csv:1:1: the quote is never closed`},
		{"text after a quote", "a,b\n1,\"x\"y\n", ReadOptions{}, `t.csv:2:3: column "b": text after the closing quote of a field; double the quotes inside it`},
		{"bare quote", "a,b\n1,5\"\n", ReadOptions{}, `t.csv:2:3: column "b": quote inside a field that does not begin with one; quote the whole field and double the quotes in it`},
		{"lone carriage return", "a,b\n1,x\ry\n", ReadOptions{}, `t.csv:2:3: column "b": carriage return without a line feed; end lines with LF or CRLF, or quote the field`},
		{"long field", "a,b\n1," + long + "\n", ReadOptions{}, `t.csv:2:3: column "b": a field of more than 1048576 bytes`},
		{"long quoted field", "a,b\n1,\"" + long + "\"\n", ReadOptions{}, `t.csv:2:3: column "b": a field of more than 1048576 bytes`},
		{"too many columns", strings.Repeat("a,", maxColumns) + "b\n", ReadOptions{}, `t.csv:1:32769: more than 16384 columns`},
		{"unknown column", "age,sex\n", ReadOptions{Drop: []string{"Sxe"}}, `t.csv:1: no column named "Sxe"`},
		{"misspelt column", "age,gender\n", ReadOptions{Columns: map[string]ColumnOptions{"gendre": {}}}, `t.csv:1: no column named "gendre"; did you mean "gender"?`},
		{"unknown kind", "a\n", ReadOptions{Columns: map[string]ColumnOptions{"a": {Kind: "text"}}}, `t.csv:1: column "a": kind "text" is neither "number" nor "category"`},
		{"delimiter", "a\n", ReadOptions{Delimiter: '"'}, `t.csv: the delimiter must be an ASCII character other than a quote or a line end`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opts := test.opts
			if opts.File == "" {
				opts.File = "t.csv"
			}
			for _, threads := range []int{1, 2} {
				opts.Threads = threads
				got, err := ReadCSV(strings.NewReader(test.text), opts)
				var fault *FileError
				if got != nil || !errors.As(err, &fault) {
					t.Fatalf("got %v, %v", got, err)
				}
				if err.Error() != test.want {
					t.Errorf("got  %s\nwant %s", err, test.want)
				}
			}
		})
	}
}

// damagedGzip is a text compressed by gzip in which a byte was changed, or from which the checksum was cut off.
func damagedGzip(t *testing.T, text, from, to string) (changed, cut []byte) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	changed = bytes.Replace(b.Bytes(), []byte(from), []byte(to), 1)
	return changed, b.Bytes()[:b.Len()-8]
}

// The checksum stands at the end: what a flipped bit makes of the text must not be blamed on the text.
func TestDamageIsNoFaultOfTheText(t *testing.T) {
	rows := strings.Repeat("3,4\n", 300_000)
	for _, fault := range [][2]string{{"a,b", "a,a"}, {"1,2", "1,x"}, {"1,2", "1\"2"}, {"1,2\n", "1,2,"}} {
		changed, _ := damagedGzip(t, "a,b\n1,2\n"+rows, fault[0], fault[1])
		_, cut := damagedGzip(t, strings.Replace("a,b\n1,2\n", fault[0], fault[1], 1)+rows, "", "")
		for _, threads := range []int{1, 2} {
			for data, want := range map[string]string{
				string(changed): "x.csv.gz: the gzip data are damaged", string(cut): "x.csv.gz: the gzip data end too early: the file is truncated",
			} {
				number := map[string]ColumnOptions{}
				if fault[1] == "1,x" {
					number["b"] = ColumnOptions{Kind: Number}
				}
				opts := ReadOptions{File: "x.csv.gz", Threads: threads, Columns: number, MaxBytes: 1 << 24}
				if _, err := ReadCSV(strings.NewReader(data), opts); err == nil || err.Error() != want {
					t.Errorf("%q: %v, want %s", fault, err, want)
				}
				if _, err := SampleCSV(strings.NewReader(data), opts, 10, 1000); err == nil || err.Error() != want {
					t.Errorf("%q, a sample: %v, want %s", fault, err, want)
				}
				scan := ScanOptions{File: "x.csv.gz", Threads: threads, Columns: []ScanColumn{{Name: "a", Kind: Number}, {Name: "b", Kind: Number}}}
				if _, _, err := scanned(strings.NewReader(data), scan); err == nil || err.Error() != want {
					t.Errorf("%q, a scan: %v, want %s", fault, err, want)
				}
			}
		}
	}
}

// Reading on ends at the limit, and an error of the caller is not one of the text.
func TestFaultsOfTextAreLookedIntoWithinTheLimit(t *testing.T) {
	damaged, _ := damagedGzip(t, "a,b\n1,2\n"+strings.Repeat("3,4\n", 300_000), "1,2", "1,x")
	opts := ReadOptions{File: "x.csv.gz", Columns: map[string]ColumnOptions{"b": {Kind: Number}}, MaxBytes: 1 << 20}
	if _, err := ReadCSV(bytes.NewReader(damaged), opts); err == nil || !strings.HasPrefix(err.Error(), `x.csv.gz:2:3: column "b": text`) {
		t.Errorf("beyond the limit: %v", err)
	}
	stop := errors.New("enough")
	_, err := scanCSV(t.Context(), bytes.NewReader(damaged), ScanOptions{File: "x.csv.gz", Columns: []ScanColumn{{Name: "a", Kind: Number}}}, func(*ScanBatch) error { return stop })
	if err != stop {
		t.Errorf("the caller's error became %v", err)
	}
}

// How far the text came when the gzip data ended depends on the readers' pace: the message names no line.
func TestTruncationAfterRowsNamesNoLine(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	text.WriteString("a,b\n")
	for range 100_000 {
		fmt.Fprintf(&text, "%d,%d\n", rng.IntN(1000), rng.IntN(1000))
	}
	z := zipped(t, text.String())
	_, err := ReadCSV(bytes.NewReader(z[:len(z)*3/4]), ReadOptions{File: "t.csv.gz", Threads: 2})
	var fault *FileError
	if !errors.As(err, &fault) || fault.Line != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("got %v", err)
	}
}

func TestSampleCSV(t *testing.T) {
	const text = "a,b\n1,x\n2,y\n3,\"z\nz\"\n4,é\n"
	tests := []struct {
		rows     int
		bytes    int64
		want     int
		complete bool
	}{
		{2, 1000, 2, false},
		{4, 1000, 4, true},
		{0, 1000, 0, false},
		{100, 8, 1, false},                     // right after a row
		{100, 11, 1, false},                    // within a row
		{100, 16, 2, false},                    // within quotes
		{100, 18, 2, false},                    // after the closing quote, before the line end
		{100, int64(len(text)) - 2, 3, false},  // within a character
		{100, int64(len(text)) + 1, 4, true},   // longer than the text
		{100, int64(len(text)) + 100, 4, true}, // longer than the text
		{3, int64(len(text)), 3, false},        // rows before bytes
	}
	for _, test := range tests {
		got, err := SampleCSV(strings.NewReader(text), ReadOptions{}, test.rows, test.bytes)
		if err != nil {
			t.Errorf("%d rows, %d bytes: %v", test.rows, test.bytes, err)
			continue
		}
		if got.Frame.Rows() != test.want || got.Complete != test.complete {
			t.Errorf("%d rows, %d bytes: got %d rows, complete %t", test.rows, test.bytes, got.Frame.Rows(), got.Complete)
		}
	}
	for n := int64(4); n <= int64(len(text)); n++ { // the same rows, whether a column is read or skipped
		all, err1 := SampleCSV(strings.NewReader(text), ReadOptions{}, 100, n)
		first, err2 := SampleCSV(strings.NewReader(text), ReadOptions{Keep: []string{"a"}}, 100, n)
		if err1 != nil || err2 != nil || all.Frame.Rows() != first.Frame.Rows() || all.Complete != first.Complete {
			t.Errorf("%d bytes: %+v, %v; one column %+v, %v", n, all, err1, first, err2)
		}
	}
	_, err := SampleCSV(strings.NewReader("aaaa,bbbb\n"), ReadOptions{File: "t.csv"}, 10, 6)
	if want := "t.csv:1:6: the header line is longer than the 6 bytes to be looked at"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestSampleReadsNoFurther counts the bytes that a sample takes from its file.
func TestSampleReadsNoFurther(t *testing.T) {
	text := "a,b\n" + strings.Repeat("1,x\n", 1<<21)
	in := strings.NewReader(text)
	if _, err := SampleCSV(in, ReadOptions{}, 1000, 1<<20); err != nil {
		t.Fatal(err)
	}
	if read := len(text) - in.Len(); read > 2<<20 {
		t.Errorf("read %d bytes for a sample of 1 MiB", read)
	}
}

func TestReadersErrorIsKept(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, in := range []io.Reader{
		iotest.ErrReader(broken),
		io.MultiReader(strings.NewReader("a,b\n1,"), iotest.ErrReader(broken)),
		io.MultiReader(bytes.NewReader(zipped(t, "a,b\n1,2\n")), iotest.ErrReader(broken)),
	} {
		if _, err := ReadCSV(in, ReadOptions{Threads: 2}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

func TestParseNumberEqualsStrconv(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		text := strconv.FormatFloat(math.Float64frombits(rng.Uint64()), "eEfgG"[rng.IntN(5)], rng.IntN(20)-1, 64)
		if rng.IntN(2) == 0 { // plain decimals as laboratories write them
			text = strconv.FormatFloat(rng.NormFloat64()*math.Pow10(rng.IntN(12)), 'f', rng.IntN(8), 64)
		}
		want, err := strconv.ParseFloat(text, 64)
		finite := err == nil && !math.IsInf(want, 0) && want == want
		got, ok := parseNumber([]byte(text))
		if ok != finite || ok && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%s: got %v, %t; want %v, %t", text, got, ok, want, finite)
		}
	}
}

func TestCSVRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		f := randomFrame(rng)
		if len(f.Columns()) == 0 {
			continue
		}
		f = withoutEmptyLevels(f)
		opts := ReadOptions{Columns: map[string]ColumnOptions{}}
		for _, c := range f.Columns() {
			opts.Columns[c.Name] = ColumnOptions{Kind: c.Kind, Unit: c.Unit}
		}
		var b bytes.Buffer
		if err := writeCSV(&b, f); err != nil {
			t.Fatal(err)
		}
		got, err := ReadCSV(&b, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got.Frame.Digest() != f.Digest() {
			t.Fatalf("wrote\n%q\nread\n%q", show(f), show(got.Frame))
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, b []byte) {
		if err := os.WriteFile(at(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := Must(NewNumber("a", []float64{1, 2}), NewCategoryFromStrings("b", []string{"x", "y"}, nil))
	want.Column("a").Integer = true
	write("t.csv", []byte("a,b\n1,x\n2,y\n"))
	write("T.CSV.GZ", zipped(t, "a,b\n1,x\n2,y\n"))
	var b bytes.Buffer
	if err := WriteParquet(&b, want); err != nil {
		t.Fatal(err)
	}
	write("t.parquet", b.Bytes())
	write("t.xlsx", nil)
	write("t.TSV", []byte("a\tb\n1\tx\n2\ty\n"))
	write("t.txt", []byte("a,b\n1,x\n2,y\n"))
	write("t.data.gz", zipped(t, "a,b\n1,x\n2,y\n"))
	for _, folder := range []string{"d.csv", "d.parquet"} {
		if err := os.Mkdir(at(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	for _, name := range []string{"t.csv", "T.CSV.GZ", "t.parquet", "t.TSV", "t.txt", "t.data.gz"} {
		got, err := ReadFile(ctx, at(name), ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Frame.Digest() != want.Digest() {
			t.Errorf("%s: %v", name, show(got.Frame))
		}
		sample, err := SampleFile(ctx, at(name), ReadOptions{}, 1, 100)
		if err != nil || sample.Frame.Rows() != 1 || sample.Complete {
			t.Errorf("%s: sample %+v, %v", name, sample, err)
		}
	}
	for name, msg := range map[string]string{
		"none.csv":  "none.csv: no such file",
		"d.csv":     "d.csv: a folder, not a file",
		"d.parquet": "d.parquet: a folder, not a file",
		"t.xlsx":    "t.xlsx: unknown kind of file; want a name that ends with .csv, .tsv, .txt or .data (or one of these with .gz), .parquet, .arrow or .feather",
	} {
		if _, err := ReadFile(ctx, at(name), ReadOptions{}); err == nil || err.Error() != msg {
			t.Errorf("got %v, want %s", err, msg)
		}
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	for _, name := range []string{"t.csv", "T.CSV.GZ", "t.parquet"} {
		if _, err := ReadFile(done, at(name), ReadOptions{Threads: 2}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,x\n", "a\n\n1\n", "\ufeffa,b\r\n\"1\",\"x\n\"\"\"\r\n", "a,b\n-0,\n.5,1e3\n", "a;b\n1;2\n", "\x1f\x8b\x08", "a,b\n1\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ReadCSV(bytes.NewReader(b), ReadOptions{File: "t.csv", MaxBytes: 1 << 20, Threads: 2})
		if err != nil {
			var fault *FileError
			if !errors.As(err, &fault) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		var out bytes.Buffer
		if err := writeCSV(&out, got.Frame); err != nil {
			t.Fatal(err)
		}
		again, err := ReadCSV(bytes.NewReader(out.Bytes()), ReadOptions{})
		if err != nil {
			t.Fatalf("%v in %q", err, out.Bytes())
		}
		if again.Frame.Digest() != got.Frame.Digest() {
			t.Fatalf("read %q\nwrote %q", show(got.Frame), out.Bytes())
		}
	})
}
