package frame

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is a member to be written: name, text, and the type of a tar entry that is no file.
type entry struct {
	name, text string
	kind       byte
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o600, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
		if e.kind != 0 {
			h.Typeflag, h.Linkname = e.kind, "elsewhere"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: []uint16{zip.Deflate, zip.Store}[i%2]}
		if e.kind == tar.TypeSymlink {
			h.SetMode(os.ModeSymlink)
		}
		out, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// archives writes the entries in each kind of archive.
func archives(t *testing.T, entries ...entry) map[string]string {
	t.Helper()
	plain := tarOf(t, entries...)
	paths := map[string]string{}
	for name, b := range map[string][]byte{"set.tar": plain, "set.tar.gz": zipped(t, string(plain)), "SET.TGZ": zipped(t, string(plain)), "set.zip": zipOf(t, entries...)} {
		paths[name] = archiveAt(t, name, b)
	}
	return paths
}

func archiveAt(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadMembers(t *testing.T) {
	tests := []struct {
		name            string
		entries         []entry
		opts            ReadOptions
		pattern, origin string
		want            []string
		header          []string
	}{
		{
			"in order of names",
			[]entry{{"s/b.txt", "x,y\n3,q\n", 0}, {"s/a.txt", "x,y\n1,p\n2,\n", 0}, {"s/c.txt", "x,y\n", 0}},
			ReadOptions{},
			"s/*.txt", "stay",
			[]string{`x number integer: 1 2 3`, `y category: "p" . "q"`, `stay category: "a" "a" "b"`},
			[]string{"x", "y"},
		},
		{
			"no origin",
			[]entry{{"a.csv", "x\n1", 0}, {"b.csv", "x\n2", 0}},
			ReadOptions{},
			"*.csv", "",
			[]string{`x number integer: 1 2`},
			[]string{"x"},
		},
		{
			"others are skipped",
			[]entry{{"s/", "", tar.TypeDir}, {"s/a.txt", "x\n1\n", 0}, {"s/b.txt", "", tar.TypeSymlink}, {"s/t/c.txt", "?", 0}, {"s/README", "?", 0}, {"r/s/d.txt", "?", 0}},
			ReadOptions{},
			"./s/*.txt", "o",
			[]string{`x number integer: 1`, `o category: "a"`},
			[]string{"x"},
		},
		{
			"names that begin with a dot",
			[]entry{{"./s/a.txt", "x\n1\n", 0}, {"../s/b.txt", "?", 0}},
			ReadOptions{},
			"s/*.txt", "o",
			[]string{`x number integer: 1`, `o category: "a"`},
			[]string{"x"},
		},
		{
			"options",
			[]entry{{"1.tsv", "x\ty\tz\n-1\t1,5\tv\n", 0}, {"2.tsv", "\ufeffx\ty\tz\r\n2\t\"7\"\tw\r\n", 0}},
			ReadOptions{Missing: []string{"-1"}, Drop: []string{"z"}},
			"*.tsv", "o",
			[]string{`x number integer: . 2`, `y category: "1,5" "7"`, `o category: "1" "2"`},
			[]string{"x", "y", "z"},
		},
		{
			"names given",
			[]entry{{"1.data", "1,2\n", 0}, {"2.data", "3,4", 0}},
			ReadOptions{Header: []string{"a", "b"}},
			"*.data", "o",
			[]string{`a number integer: 1 3`, `b number integer: 2 4`, `o category: "1" "2"`},
			[]string{"a", "b"},
		},
		{
			"kinds are decided by all members",
			[]entry{{"1.csv", "a,b\n1,1\n", 0}, {"2.csv", "a,b\nx,2\n", 0}},
			ReadOptions{},
			"*.csv", "o",
			[]string{`a category: "1" "x"`, `b number integer: 1 2`, `o category: "1" "2"`},
			[]string{"a", "b"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for kind, path := range archives(t, test.entries...) {
				got, err := ReadMembers(context.Background(), path, test.opts, test.pattern, test.origin)
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				if diff := cmp.Diff(test.want, show(got.Frame)) + cmp.Diff(test.header, got.Header); diff != "" || !got.Complete {
					t.Errorf("%s: complete %t %s", kind, got.Complete, diff)
				}
				for _, c := range got.Frame.Columns() {
					if !canonicalLevels(c) {
						t.Errorf("%s: levels %q are not in order", kind, c.Levels)
					}
				}
			}
		})
	}
}

func TestReadMembersFaults(t *testing.T) {
	one := []entry{{"s/1.csv", "a,b\n1,2\n", 0}}
	number := map[string]ColumnOptions{"a": {Kind: Number}}
	tests := []struct {
		name            string
		entries         []entry
		opts            ReadOptions
		pattern, origin string
		want            string // after the name of the archive
	}{
		{"other header", []entry{one[0], {"s/2.csv", "a,c\n1,2\n", 0}}, ReadOptions{}, "s/*.csv", "o", `: s/2.csv:1: column 2 is "c", that of s/1.csv is "b"; want the same header in all members`},
		{"longer header", []entry{one[0], {"s/2.csv", "a,b,c\n1,2,3\n", 0}}, ReadOptions{}, "s/*.csv", "o", `: s/2.csv:1: a header of 3 columns, that of s/1.csv has 2; want the same header in all members`},
		{"empty member", []entry{one[0], {"s/2.csv", "", 0}}, ReadOptions{}, "s/*.csv", "o", `: s/2.csv: empty file; want a header line`},
		{"ragged row", []entry{one[0], {"s/2.csv", "a,b\n1,2\n3\n", 0}}, ReadOptions{}, "s/*.csv", "o", `: s/2.csv:3: row of 1 fields where the header has 2`},
		{"text in a number", []entry{one[0], {"s/2.csv", "a,b\n1,2\nx,3\n", 0}}, ReadOptions{Columns: number}, "s/*.csv", "o", `: s/2.csv:3:1: column "a": text in a number column; declare the text a missing code, or the column a category`},
		{"text among numbers", []entry{{"1.csv", "a\n1\n2\n", 0}, {"2.csv", "a\nx\n", 0}, {"3.csv", "a\n3\n", 0}}, ReadOptions{}, "*.csv", "o", `: 2.csv:2:1: column "a": text where 3 of 4 values are numbers; correct it, declare it a missing code, or set columns."a".kind to "category"`},
		{"unknown column", one, ReadOptions{Drop: []string{"c"}}, "s/*.csv", "o", `: s/1.csv:1: no column named "c"; did you mean "a"?`},
		{"origin is a column", one, ReadOptions{}, "s/*.csv", "a", `: the members have a column "a" already; choose another name for their origin`},
		{"no match", one, ReadOptions{}, "s/*.txt", "o", `: no member is named as "s/*.txt" says; the first is "s/1.csv"`},
		{"name shorter than the pattern", one, ReadOptions{}, "s/1.c*.csv", "o", `: no member is named as "s/1.c*.csv" says; the first is "s/1.csv"`},
		{"nothing at all", nil, ReadOptions{}, "*", "o", `: no member is named as "*" says`},
		{"no star", one, ReadOptions{}, "s/1.csv", "o", `: pattern "s/1.csv" of member names: want one *, and no other wildcard`},
		{"two stars", one, ReadOptions{}, "*/*.csv", "o", `: pattern "*/*.csv" of member names: want one *, and no other wildcard`},
		{"twice", []entry{one[0], one[0]}, ReadOptions{}, "s/*.csv", "o", `: s/1.csv: occurs twice in the archive`},
		{"twice in effect", []entry{one[0], {"./s/1.csv", "a,b\n", 0}}, ReadOptions{}, "s/*.csv", "o", `: s/1.csv: occurs twice in the archive`},
		{"gzip within", []entry{{"1.csv", string(zipped(t, "a\n1\n")), 0}}, ReadOptions{}, "*.csv", "o", `: 1.csv: compressed by gzip within the archive; want plain text`},
		{"not UTF-8", []entry{{"1.csv", "a\n\xff\n", 0}}, ReadOptions{}, "*.csv", "o", `: 1.csv:2:1: column "a": text is not UTF-8`},
		{"limit", []entry{{"1.csv", "a\n" + strings.Repeat("1\n", 9000), 0}, {"2.csv", "a\n" + strings.Repeat("1\n", 9000), 0}}, ReadOptions{MaxBytes: 30_000}, "*.csv", "o", `: more than 30000 bytes when decompressed, the limit for this file`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for kind, path := range archives(t, test.entries...) {
				for _, threads := range []int{1, 2} {
					test.opts.Threads = threads
					got, err := ReadMembers(context.Background(), path, test.opts, test.pattern, test.origin)
					var fault *FileError
					if got != nil || !errors.As(err, &fault) || err.Error() != kind+test.want {
						t.Errorf("got  %v\nwant %s%s", err, kind, test.want)
					}
				}
			}
		})
	}
}

func TestDamagedArchives(t *testing.T) {
	plain := tarOf(t, entry{"1.csv", "a\n1\n", 0}, entry{"2.csv", "a\n2\n", 0})
	packed := zipped(t, string(plain))
	zipped := zipOf(t, entry{"1.csv", "a\n" + strings.Repeat("1\n2\n", 99), 0})
	damaged := bytes.Clone(zipped)
	damaged[50] ^= 0xff
	secret := bytes.Clone(zipped)
	directory := bytes.Index(secret, []byte("PK\x01\x02"))
	secret[directory+8] |= 1
	for _, test := range []struct {
		name string
		b    []byte
		want string
	}{
		{"t.tar", nil, "t.tar: empty file; want an archive"},
		{"t.zip", nil, "t.zip: no zip archive, or a truncated one"},
		{"t.rar", nil, "t.rar: unknown kind of archive; want a name that ends with .tar, .tar.gz, .tgz or .zip"},
		{"t.tar", []byte(strings.Repeat("text ", 400)), "t.tar: no tar archive, or a damaged one"},
		{"t.tar", plain[:700], "t.tar: the tar archive ends too early: it is truncated"},
		{"t.tar", plain[:1024], "t.tar: the tar archive ends too early: it is truncated"}, // between two members
		{"t.tar.gz", plain, "t.tar.gz: not gzip, in spite of its name"},
		{"t.tar.gz", packed[:len(packed)-20], "t.tar.gz: the gzip data end too early: the file is truncated"},
		{"t.zip", zipped[:len(zipped)-9], "t.zip: no zip archive, or a truncated one"},
		{"t.zip", damaged, "t.zip: 1.csv: the zip data are damaged"},
		{"t.zip", secret, "t.zip: 1.csv: encrypted; want a plain member"},
	} {
		_, err := ReadMembers(context.Background(), archiveAt(t, test.name, test.b), ReadOptions{}, "*.csv", "o")
		if err == nil || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	if _, err := ReadMembers(context.Background(), filepath.Join(t.TempDir(), "none.tar"), ReadOptions{}, "*", "o"); err == nil || err.Error() != "none.tar: no such file" {
		t.Errorf("got %v", err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, path := range archives(t, entry{"1.csv", "a\n1\n", 0}) {
		if _, err := ReadMembers(done, path, ReadOptions{Threads: 2}, "*.csv", "o"); err != context.Canceled {
			t.Errorf("got %v", err)
		}
	}
}

// TestSparseMemberIsRefused: its header claims a gigabyte of zeros, of which the archive holds nothing.
func TestSparseMemberIsRefused(t *testing.T) {
	b := tarOf(t, entry{"1.csv", "", 0})
	h := b[:512]
	h[156] = tar.TypeGNUSparse
	copy(h[257:], "ustar  \x00")
	clear(h[345:512])
	copy(h[386:], "00000000000\x0000000000000\x00") // one piece of data, of no length
	copy(h[483:], "10000000000\x00")                // the length of it all
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	_, err := ReadMembers(context.Background(), archiveAt(t, "t.tar", b), ReadOptions{}, "*.csv", "o")
	if want := "t.tar: 1.csv: a sparse member; want one that is stored whole"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestSampleMembers(t *testing.T) {
	rows := strings.Repeat("1,x\n", 100)
	entries := []entry{{"b.csv", "a,b\n" + rows, 0}, {"a.csv", "a,b\n" + rows, 0}, {"c.csv", "a,b\n" + rows, 0}}
	size := int64(len(entries[0].text))
	for _, test := range []struct {
		rows     int
		bytes    int64
		want     int
		origins  int
		complete bool
	}{
		{10, 1 << 20, 10, 1, false},
		{150, 1 << 20, 150, 2, false},
		{1000, 3 * size, 300, 3, true},
		{300, 1 << 20, 300, 3, true},
		{1000, 3*size - 1, 200, 2, false}, // a member that is not whole is left out
		{1000, size, 100, 1, false},
		{1000, 7, 0, 0, false}, // but the first
		{1000, 9, 1, 1, false},
		{0, 1000, 0, 0, false},
	} {
		for kind, path := range archives(t, entries...) {
			got, err := SampleMembers(context.Background(), path, ReadOptions{}, "*.csv", "o", test.rows, test.bytes)
			if err != nil {
				t.Errorf("%s, %d rows, %d bytes: %v", kind, test.rows, test.bytes, err)
				continue
			}
			if n := len(got.Frame.Column("o").Levels); got.Frame.Rows() != test.want || n != test.origins || got.Complete != test.complete {
				t.Errorf("%s, %d rows, %d bytes: got %d rows of %d members, complete %t", kind, test.rows, test.bytes, got.Frame.Rows(), n, got.Complete)
			}
		}
	}
	path := archives(t, entries...)["set.tar"]
	_, err := SampleMembers(context.Background(), path, ReadOptions{}, "*.csv", "o", 10, 2)
	if want := "set.tar: b.csv:1:3: the header line is longer than the 2 bytes to be looked at"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	far := tarOf(t, entry{"large", strings.Repeat("x", sampleBeyond), 0}, entries[0])
	path = archiveAt(t, "far.tar.gz", zipped(t, string(far)))
	_, err = SampleMembers(context.Background(), path, ReadOptions{}, "*.csv", "o", 10, 100)
	if want := `far.tar.gz: no member is named as "*.csv" says; the first is "large"; the archive was not read to its end`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestPhysioNet reads set A of the PhysioNet Challenge 2012: its counts are those that its own text files give to grep.
func TestPhysioNet(t *testing.T) {
	root := os.Getenv("EHRLAB_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	path := filepath.Join(root, "physionet-challenge-2012", "set-a.tar.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skip("no PhysioNet data: EHRLAB_DATA is not set and there is no shared/data beside the checkout")
	}
	opts := ReadOptions{Threads: 2, MaxBytes: 1 << 28, Columns: map[string]ColumnOptions{"Value": {Kind: Number}}}
	got, err := ReadMembers(context.Background(), path, opts, "set-a/*.txt", "RecordID")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Frame.Column("RecordID").Levels); got.Frame.Rows() != 1_757_980 || n != 4000 {
		t.Errorf("%d rows of %d records, want 1,757,980 of 4,000", got.Frame.Rows(), n)
	}
	parameter, value, record := got.Frame.Column("Parameter"), got.Frame.Column("Value"), got.Frame.Column("RecordID")
	seen := 0
	for i, code := range parameter.Codes {
		if code == Missing || parameter.Levels[code] != "RecordID" {
			continue
		}
		seen++
		if want := record.Levels[record.Codes[i]]; want != shortest(value.Numbers[i]) {
			t.Fatalf("row %d stands under another record", i+1)
		}
	}
	if seen != 4000 {
		t.Errorf("%d records, want 4,000", seen)
	}
}

func FuzzReadMembers(f *testing.F) {
	f.Add(tarOf(f, entry{"1.csv", "a,b\n1,x\n", 0}, entry{"2.csv", "a,b\n2,\n", 0}), false)
	f.Add(zipOf(f, entry{"1.csv", "a,b\n1,x\n", 0}, entry{"2.csv", "a,b\n2,\n", 0}), true)
	f.Fuzz(func(t *testing.T, b []byte, asZip bool) {
		name := "t.tar"
		if asZip {
			name = "t.zip"
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadMembers(context.Background(), path, ReadOptions{MaxBytes: 1 << 20, Threads: 2}, "*.csv", "o")
		var fault *FileError
		if err != nil && !errors.As(err, &fault) || err == nil && got.Frame.Column("o") == nil {
			t.Fatalf("%T: %v", err, err)
		}
	})
}

// The checksum of a .tar.gz stands behind the end of the archive.
func TestTarGzWithAWrongChecksum(t *testing.T) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(tarOf(t, entry{name: "a/1.csv", text: "id,x\n1,5\n2,6\n"})); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := packed.Bytes()
	flipped := bytes.Clone(whole)
	flipped[bytes.Index(whole, []byte("1,5"))+2] = '9'
	renamed := bytes.Replace(whole, []byte("a/1.csv"), []byte("b/1.csv"), 1) // the archive's own checksum is wrong then, too
	for name, data := range map[string][]byte{"a flipped digit": flipped, "a flipped header": renamed, "no checksum": whole[:len(whole)-8]} {
		path := filepath.Join(t.TempDir(), "x.tar.gz")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadMembers(t.Context(), path, ReadOptions{}, "a/*.csv", ""); err == nil || !strings.Contains(err.Error(), "gzip") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
