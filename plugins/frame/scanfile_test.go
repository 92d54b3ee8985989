package frame

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

// scanned collects a scan as show renders a frame, and checks the batches.
func scanned(r io.Reader, opts ScanOptions) ([]string, *Scanned, error) {
	texts := make([][]byte, len(opts.Columns))
	rows := int64(0)
	var levels [][]string
	got, err := scanCSV(context.Background(), r, opts, func(b *ScanBatch) error {
		if b.First != rows+1 || b.Rows < 1 || b.Rows > scanRows || len(b.Columns) != len(opts.Columns) {
			return fmt.Errorf("batch of %d rows from %d after %d", b.Rows, b.First, rows)
		}
		rows += int64(b.Rows)
		for i, c := range b.Columns {
			if len(c.Numbers)+len(c.Codes) != b.Rows {
				return fmt.Errorf("%d numbers, %d codes in %d rows", len(c.Numbers), len(c.Codes), b.Rows)
			}
			if levels != nil && !slices.Equal(levels[i], c.Levels[:len(levels[i])]) {
				return errors.New("levels changed")
			}
			for _, v := range c.Numbers {
				texts[i] = append(texts[i], " "+strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "NaN", ".", 1)...)
			}
			for _, code := range c.Codes {
				if code == Missing {
					texts[i] = append(texts[i], " ."...)
				} else {
					texts[i] = fmt.Appendf(texts[i], " %q", c.Levels[code])
				}
			}
		}
		levels = nil
		for _, c := range b.Columns {
			levels = append(levels, slices.Clone(c.Levels))
		}
		return nil
	})
	if err == nil && got.Rows != rows {
		err = fmt.Errorf("%d rows counted, %d handed on", got.Rows, rows)
	}
	out := make([]string, len(texts))
	for i, b := range texts {
		out[i] = string(b)
	}
	return out, got, err
}

func numbers(names ...string) (out []ScanColumn) {
	for _, n := range names {
		out = append(out, ScanColumn{Name: n, Kind: Number})
	}
	return out
}

func categories(names ...string) (out []ScanColumn) {
	for _, n := range names {
		out = append(out, ScanColumn{Name: n, Kind: Category})
	}
	return out
}

func TestScan(t *testing.T) {
	both := slices.Concat(numbers("a"), categories("b"))
	tests := []struct {
		name, text string
		opts       ScanOptions
		want       []string
		texts      []int64
	}{
		{"plain", "a,b\n1,x\n2.5,y\n", ScanOptions{Columns: both}, []string{" 1 2.5", ` "x" "y"`}, []int64{0, 0}},
		{"asked in another order", "a,b\n1,x\n2.5,y", ScanOptions{Columns: []ScanColumn{both[1], both[0]}}, []string{` "x" "y"`, " 1 2.5"}, []int64{0, 0}},
		{"crlf", "a,b\r\n1,x\r\n,\r\n2,y", ScanOptions{Columns: both}, []string{" 1 . 2", ` "x" . "y"`}, []int64{0, 0}},
		{"crlf after numbers", "b,a\r\nx,1\r\n,\r\ny,2\r\n", ScanOptions{Columns: both}, []string{" 1 . 2", ` "x" . "y"`}, []int64{0, 0}},
		{"case of names", "A,B\n1,x\n", ScanOptions{Columns: both}, []string{" 1", ` "x"`}, []int64{0, 0}},
		{"the very name wins", "A,a,B,b\n1,2,x,y\n", ScanOptions{Columns: both}, []string{" 2", ` "y"`}, []int64{0, 0}},
		{"header only", "a,b\n", ScanOptions{Columns: both}, []string{"", ""}, []int64{0, 0}},
		{"no columns", "a,b\n1,2\n\"3\",4", ScanOptions{}, []string{}, nil},
		{"empty lines at the end", "a,b\n1,2\n\n\r\n\n", ScanOptions{Columns: both}, []string{" 1", ` "2"`}, []int64{0, 0}},
		{"empty lines of a single column", "a\n1\n\n2\n\n", ScanOptions{Columns: both[:1]}, []string{" 1 . 2 ."}, []int64{0}},
		{"byte order mark", "\ufeffa,b\n1,x\n", ScanOptions{Columns: both}, []string{" 1", ` "x"`}, []int64{0, 0}},
		{
			"skipped fields", "p,q,a,r,s,t,b,u,v\n,1,2,x y,\"3,\n\"\"\",é\té,z,,9\n1234567890,,4,\t,,xyz,,12345678,\n",
			ScanOptions{Columns: both},
			[]string{" 2 4", ` "z" .`},
			[]int64{0, 0},
		},
		{
			"missing codes", "a,b,c\n-1.0,-1,7\n-1,-1.0,NA\n3,NA,\n",
			ScanOptions{Columns: slices.Concat(both, numbers("c")), Missing: []string{"-1", "NA"}},
			[]string{" . . 3", ` . "-1.0" .`, " 7 . ."},
			[]int64{0, 0, 0},
		},
		{
			"lenient", "a,b\n1,x\n>5,x\n2,\n,y\nnan,y\n1e400,y\n",
			ScanOptions{Columns: []ScanColumn{{Name: "a", Kind: Number, Lenient: true}, both[1]}},
			[]string{" 1 . 2 . . .", ` "x" "x" . "y" "y" "y"`},
			[]int64{3, 0},
		},
		{
			"optional", "a\n1\n2\n",
			ScanOptions{Columns: []ScanColumn{{Name: "z", Kind: Number, Optional: true}, both[0], {Name: "y", Kind: Category, Optional: true}}},
			[]string{" . .", " 1 2", " . ."},
			[]int64{0, 0, 0},
		},
		{"tabs", "p\ta\tq\tb\n \t1\t  \tx,y\n\t\t\t\n\"\t\"\t2\t\tz\n", ScanOptions{File: "T.TSV", Columns: both}, []string{" 1 . 2", ` "x,y" . "z"`}, []int64{0, 0}},
		{"semicolons", "a;p;q;r;b\n1;2,5;;;x\n", ScanOptions{Delimiter: ';', Columns: both}, []string{" 1", ` "x"`}, []int64{0, 0}},
		{
			"forms of numbers", "a\n-1\n+2\n.5\n7.\n1e3\n-1.25E-2\n0.1\n123456789012345678\n\"8\"\n",
			ScanOptions{Columns: numbers("a")},
			[]string{" -1 2 0.5 7 1000 -0.0125 0.1 1.2345678901234568e+17 8"},
			[]int64{0},
		},
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
					out, got, err := scanned(r, opts)
					if err != nil {
						t.Fatalf("%s: %v", input, err)
					}
					if diff := cmp.Diff(test.want, out) + cmp.Diff(test.texts, got.Texts); diff != "" {
						t.Errorf("%s: %s", input, diff)
					}
				}
			}
		})
	}
}

func TestScanFaults(t *testing.T) {
	long := strings.Repeat("x", maxFieldBytes+1)
	table := zipped(t, "a,b\n1,x\n2,y\n")
	a := numbers("a")
	tests := []struct {
		name, text string
		opts       ScanOptions
		want       string
	}{
		{"empty", "", ScanOptions{}, `t.csv: empty file; want a header line`},
		{"not gzip", "a,b\n1,2\n", ScanOptions{File: "T.CSV.GZ"}, `T.CSV.GZ: not gzip, in spite of its name`},
		{"truncated gzip", string(table[:len(table)-9]), ScanOptions{Columns: a}, `t.csv: the gzip data end too early: the file is truncated`},
		{"decompressed size", string(zipped(t, "a\n"+strings.Repeat("1\n", 50))), ScanOptions{Columns: a, MaxBytes: 100}, `t.csv: more than 100 bytes when decompressed, the limit for this file`},
		{"short row", "a,b,c\n1,2,3\n3,4\n", ScanOptions{Columns: a}, `t.csv:3: row of 2 fields where the header has 3`},
		{"short row in a column", "b,a\n1,2\n3\n", ScanOptions{Columns: a}, `t.csv:3: row of 1 fields where the header has 2`},
		{"short row without columns", "b,a\n1,2\n3\n", ScanOptions{}, `t.csv:3: row of 1 fields where the header has 2`},
		{"short last row", "a,b,c\n1,2,3\n3,4", ScanOptions{Columns: a}, `t.csv:3: row of 2 fields where the header has 3`},
		{"long row", "a,b,c\n1,2,3,,\n", ScanOptions{Columns: a}, `t.csv:2: row of 5 fields where the header has 3`},
		{"long row after the last column", "b,a\n1,2,,\n", ScanOptions{Columns: a}, `t.csv:2: row of 4 fields where the header has 2`},
		{"empty line between rows", "a,b\n1,2\n\n\n3,4\n", ScanOptions{Columns: a}, `t.csv:3: empty line where 2 fields are wanted`},
		{"duplicate header", "a,b,a\n", ScanOptions{}, `t.csv:1: fields 1 and 3 of the header are both named "a"`},
		{"names that differ in case", "A,b,á,\"a\"\n", ScanOptions{Columns: numbers("B", "á")}, ``},
		{"two that differ in case", "Ab,b,aB\n", ScanOptions{Columns: numbers("ab")}, `t.csv:1: columns "Ab" and "aB" differ in case alone; which of them is "ab"?`},
		{"missing column", "age,b\n", ScanOptions{Columns: numbers("AGEs")}, `t.csv:1: no column named "AGEs"; did you mean "age"?`},
		{"asked twice", "a,b\n", ScanOptions{Columns: numbers("a", "b", "A")}, `t.csv: column "a": asked for twice`},
		{"unknown kind", "a\n", ScanOptions{Columns: []ScanColumn{{Name: "a"}}}, `t.csv: column "a": kind "" is neither "number" nor "category"`},
		{"delimiter", "a\n", ScanOptions{Delimiter: '\n'}, `t.csv: the delimiter must be an ASCII character other than a quote or a line end`},
		{"text in a number", "b,a\n1,2\n1,x\n", ScanOptions{Columns: a}, `t.csv:3:3: column "a": text where a number is wanted`},
		{"not UTF-8", "b,c\n1,x\n22,\xc3(\n", ScanOptions{Columns: categories("c")}, `t.csv:3:4: column "c": text is not UTF-8`},
		{"not UTF-8 in a lenient number", "b,c\n1,\xff\n", ScanOptions{Columns: []ScanColumn{{Name: "c", Kind: Number, Lenient: true}}}, `t.csv:2:3: column "c": text is not UTF-8`},
		{"not UTF-8 before", "p,q,a\n1,\xff,1\n", ScanOptions{Columns: a}, `t.csv:2:3: column "q": text is not UTF-8`},
		{"not UTF-8 after", "a,p,q,r\n1,12345678,9\xff\n", ScanOptions{Columns: a}, `t.csv:2:12: column "q": text is not UTF-8`},
		{"NUL in a skipped column", "a,p,q\n1,12345678,1\x00\n", ScanOptions{Columns: a}, `t.csv:2:12: column "q": NUL byte; want UTF-8 text`},
		{"bare quote in a skipped column", "a,p,q\n1,12345678,1\"\n", ScanOptions{Columns: a}, `t.csv:2:12: column "q": quote inside a field that does not begin with one; quote the whole field and double the quotes in it`},
		{"carriage return in a skipped column", "a,p,q\n1,1\r2345678,1\n", ScanOptions{Columns: a}, `t.csv:2:3: column "p": carriage return without a line feed; end lines with LF or CRLF, or quote the field`},
		{"open quote", "a,b\n1,\"x\n2,y\n", ScanOptions{Columns: a}, `t.csv:2:3: column "b": the quote is never closed`},
		{"long field in a skipped column", "a,b\n1," + long + "\n", ScanOptions{Columns: a}, `t.csv:2:3: column "b": a field of more than 1048576 bytes`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.opts.File == "" {
				test.opts.File = "t.csv"
			}
			for _, threads := range []int{1, 2} {
				test.opts.Threads = threads
				_, _, err := scanned(strings.NewReader(test.text), test.opts)
				if test.want == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				var fault *FileError
				if !errors.As(err, &fault) || err.Error() != test.want {
					t.Errorf("got  %v\nwant %s", err, test.want)
				}
			}
		})
	}
}

// TestScanRefusesEndlessCategories: a dictionary of as many levels as rows would be the file in memory.
func TestScanRefusesEndlessCategories(t *testing.T) {
	var text bytes.Buffer
	text.WriteString("a\n")
	for i := range maxScanLevels + 1 {
		text.WriteString(strconv.Itoa(i) + "\n")
	}
	opts := ScanOptions{File: "t.csv", Columns: categories("a")}
	_, err := scanCSV(context.Background(), &text, opts, func(*ScanBatch) error { return nil })
	if want := `t.csv:1000002:1: column "a": more than 1000000 different texts; want a category with fewer, or a number`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	long := strings.Repeat("x", 1<<20-10)
	c, err := newScanColumn(categories("a")[0], nil, &ScanValues{})
	if err != nil {
		t.Fatal(err)
	}
	c.size = maxScanLevelBytes - 2*len(long)
	for i := range 3 {
		fault := c.addLevel([]byte(long[:len(long)-1] + strconv.Itoa(i)))
		if (fault != "") != (i == 2) {
			t.Errorf("text %d: %q", i, fault)
		}
	}
}

// TestScanEqualsReadCSV reads the same random texts in both ways, over several batches.
func TestScanEqualsReadCSV(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	fields := []string{"", "1", "-2.5", "1e3", "x", `"x,y"`, `"say ""no"""`, "é", "12345678901234567890", "long text of more than eight bytes", `""`, "\t", " "}
	for trial := range 60 {
		columns, rows := 1+rng.IntN(12), rng.IntN(50)
		if trial == 0 {
			columns, rows = 5, 3*scanRows/2
		}
		names := make([]string, columns)
		opts := ReadOptions{Columns: map[string]ColumnOptions{}, Keep: []string{}}
		var asked []ScanColumn
		for i := range names {
			names[i] = "c" + strconv.Itoa(i)
			if rng.IntN(2) == 0 {
				continue
			}
			asked = append(asked, ScanColumn{Name: strings.ToUpper(names[i]), Kind: Category})
			opts.Columns[names[i]] = ColumnOptions{Kind: Category}
			opts.Keep = append(opts.Keep, names[i])
		}
		var text strings.Builder
		end := []string{"\n", "\r\n"}[rng.IntN(2)]
		text.WriteString(strings.Join(names, ",") + end)
		for range rows {
			row := make([]string, columns)
			for i := range row {
				row[i] = fields[rng.IntN(len(fields))]
			}
			text.WriteString(strings.Join(row, ",") + end)
		}
		table, err := ReadCSV(strings.NewReader(text.String()), opts)
		if err != nil {
			t.Fatal(err)
		}
		out, got, err := scanned(strings.NewReader(text.String()), ScanOptions{Columns: asked})
		if err != nil || got.Rows != int64(table.Frame.Rows()) {
			t.Fatalf("%+v, %v of %q", got, err, text.String())
		}
		for i, want := range show(table.Frame) {
			_, want, _ = strings.Cut(want, ":")
			if out[i] != want {
				t.Fatalf("column %s:\n%s\nwant\n%s\nof %q", asked[i].Name, out[i], want, text.String())
			}
		}
	}
}

func TestScanFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t.csv.gz")
	if err := os.WriteFile(path, zipped(t, "a,b\n"+strings.Repeat("1,x\n", 3*scanRows)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	opts := ScanOptions{Columns: slices.Concat(numbers("a"), []ScanColumn{{Name: "c", Kind: Number, Optional: true}}), Threads: 2}
	batches := 0
	got, err := ScanFile(ctx, path, opts, func(b *ScanBatch) error {
		batches++
		return nil
	})
	want := &Scanned{Rows: 3 * scanRows, Header: []string{"a", "b"}, Found: []bool{true, false}, Texts: []int64{0, 0}}
	if diff := cmp.Diff(want, got); err != nil || batches != 3 || diff != "" {
		t.Errorf("%d batches, %v: %s", batches, err, diff)
	}
	stop := errors.New("enough")
	if _, err := ScanFile(ctx, path, opts, func(*ScanBatch) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	if _, err := ScanFile(done, path, opts, func(*ScanBatch) error { cancel(); return nil }); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	for name, msg := range map[string]string{"none.csv": "none.csv: no such file", ".": filepath.Base(dir) + ": a folder, not a file"} {
		if _, err := ScanFile(ctx, filepath.Join(dir, name), opts, nil); err == nil || err.Error() != msg {
			t.Errorf("got %v, want %s", err, msg)
		}
	}
}

// endless is CSV text of so many rows, made as it is read.
type endless struct {
	rows int
	rest []byte
}

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	for len(e.rest) < len(p) && e.rows > 0 {
		e.rows--
		e.rest = fmt.Appendf(e.rest, "%d,%d.5,x%d\n", e.rows, e.rows%100, e.rows%10)
	}
	if len(e.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.rest)
	e.rest = append(e.rest[:0], e.rest[n:]...)
	return n, nil
}

// TestScanMemoryDoesNotGrowWithRows compares what short and long scans allocate.
func TestScanMemoryDoesNotGrowWithRows(t *testing.T) {
	scan := func(rows int) uint64 {
		in := bufferedEndless(rows)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		sum := 0.0
		_, err := scanCSV(context.Background(), in, ScanOptions{Columns: slices.Concat(numbers("a", "b"), categories("c"))}, func(b *ScanBatch) error {
			for _, v := range b.Columns[0].Numbers {
				sum += v
			}
			return nil
		})
		if want := float64(rows) * float64(rows-1) / 2; err != nil || sum != want || math.IsNaN(sum) {
			t.Fatalf("sum %v, want %v, %v", sum, want, err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	few, many := scan(20_000), scan(400_000)
	if many > few+100_000 {
		t.Errorf("%d bytes for 20,000 rows, %d for 400,000", few, many)
	}
}

// bufferedEndless renders the rows beforehand, so that their making does not count.
func bufferedEndless(rows int) io.Reader {
	var b bytes.Buffer
	b.WriteString("a,b,c\n")
	if _, err := io.Copy(&b, &endless{rows: rows}); err != nil {
		panic(err)
	}
	return &b
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,x\n", "a\n\n1\n", "\ufeffa,b,c\r\n\"1\",\"x\n\"\"\"\r\n", "a,b\n-0,\n.5,1e3\n", "a,b,c,d\n1,2,3,4,5\n", "\x1f\x8b\x08",
		"a,b,c,d,e,f,g,h\n,,,,,,,\n1,12345678,\t,é,\"x\",,9,\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		header, err := ReadCSV(bytes.NewReader(b), ReadOptions{File: "t.csv", MaxBytes: 1 << 20})
		opts := ScanOptions{File: "t.csv", MaxBytes: 1 << 20, Threads: 2}
		var kept []*Column
		if err == nil {
			for i, c := range header.Frame.Columns() {
				if i%3 != 1 {
					opts.Columns = append(opts.Columns, ScanColumn{Name: c.Name, Kind: c.Kind})
					kept = append(kept, c)
				}
			}
		}
		out, _, scanErr := scanned(bytes.NewReader(b), opts)
		var fault *FileError
		if scanErr != nil && !errors.As(scanErr, &fault) {
			t.Fatalf("%T: %v", scanErr, scanErr)
		}
		if err != nil {
			return
		}
		if scanErr != nil {
			t.Fatalf("read, but not scanned: %v", scanErr)
		}
		for i, want := range show(Must(kept...)) {
			if !strings.HasSuffix(want, ":"+out[i]) {
				t.Fatalf("scanned %q, read %q", out[i], want)
			}
		}
	})
}

// vitalSigns writes a table like vitalPeriodic of eICU: 19 columns, many fields empty, monitors that are on for some stays.
func vitalSigns(b *testing.B, path string, rows int) {
	b.Helper()
	out, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	z := gzip.NewWriter(out)
	names := strings.Split("vitalperiodicid,patientunitstayid,observationoffset,temperature,sao2,heartrate,respiration,cvp,etco2,"+
		"systemicsystolic,systemicdiastolic,systemicmean,pasystolic,padiastolic,pamean,st1,st2,st3,icp", ",")
	on := []float64{0.1, 0.95, 1, 0.9, 0.15, 0.03, 0.3, 0.3, 0.3, 0.01, 0.01, 0.01, 0.5, 0.5, 0.5, 0.01} // share of stays
	w := bufio.NewWriter(z)
	fmt.Fprintln(w, strings.Join(names, ","))
	rng := rand.New(rand.NewPCG(51, 52))
	monitors := make([]float64, len(on)) // level of each in this stay; 0 is off
	for row := range rows {
		if row%500 == 0 {
			for i, share := range on {
				monitors[i] = 0
				if rng.Float64() < share {
					monitors[i] = 20 + 100*rng.Float64()
				}
			}
		}
		fmt.Fprintf(w, "%d,%d,%d", 37_000_000+3*row+rng.IntN(3), 141_168+row/500*7, row%500*5)
		for i, level := range monitors {
			w.WriteByte(',')
			switch {
			case level == 0 || rng.IntN(10) == 0:
			case i >= 12 && i <= 14:
				w.WriteString(shortest(math.Round(level+10*rng.NormFloat64()) / 100))
			default:
				w.WriteString(shortest(math.Round(level + 3*rng.NormFloat64())))
			}
		}
		w.WriteByte('\n')
	}
	if err := errors.Join(w.Flush(), z.Close()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkScanFile reads 9 of 19 columns of a compressed table of vital signs.
func BenchmarkScanFile(b *testing.B) {
	opts := ScanOptions{Threads: 2, Columns: numbers("patientunitstayid", "observationoffset", "temperature", "sao2", "heartrate",
		"respiration", "systemicsystolic", "systemicdiastolic", "systemicmean")}
	againstGzip(b, func(path string) (int64, error) {
		got, err := ScanFile(context.Background(), path, opts, func(*ScanBatch) error { return nil })
		if err != nil {
			return 0, err
		}
		return got.Rows, nil
	})
}

// BenchmarkReadFile reads all columns of the same table into a frame.
func BenchmarkReadFile(b *testing.B) {
	againstGzip(b, func(path string) (int64, error) {
		got, err := ReadFile(context.Background(), path, ReadOptions{Threads: 2})
		if err != nil {
			return 0, err
		}
		return int64(got.Frame.Rows()), nil
	})
}

// againstGzip times a reader of a compressed table of a million rows. "gzip" is its time as a multiple of that of gzip -dc
// on the same file, both the least of all rounds: other work on the machine only adds.
func againstGzip(b *testing.B, read func(path string) (rows int64, err error)) {
	const rows = 1_000_000
	path := filepath.Join(b.TempDir(), "vitalPeriodic.csv.gz")
	vitalSigns(b, path, rows)
	timed := func(least *time.Duration, do func() error) {
		start := time.Now()
		if err := do(); err != nil {
			b.Fatal(err)
		}
		if took := time.Since(start); *least == 0 || took < *least {
			*least = took
		}
	}
	var least, unzip time.Duration
	_, missing := exec.LookPath("gzip")
	for b.Loop() {
		timed(&least, func() error {
			got, err := read(path)
			if err == nil && got != rows {
				err = fmt.Errorf("%d rows", got)
			}
			return err
		})
		if missing == nil {
			b.StopTimer()
			timed(&unzip, exec.Command("gzip", "-dc", path).Run)
			b.StartTimer()
		}
	}
	if missing == nil {
		b.ReportMetric(least.Seconds()/unzip.Seconds(), "gzip")
	}
}
