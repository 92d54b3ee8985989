package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// textsIn are the values of a column of texts.
func textsIn(c *frame.Column) (out []string) {
	for _, code := range c.Codes {
		out = append(out, c.Levels[code])
	}
	return out
}

func TestReadFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"a.north.csv": "site;x\n1;2\n3;4\n", "a.south.csv": "site;x\n5;6\n", "a..csv": "not read\n", "b.csv": "not read\n",
		"one/t.csv": "y\n1\n", "two/t.csv": "y\n2\n", "two/u.csv": "not read\n", "three/u.csv": "not read\n", ".four/t.csv": "not read\n",
	})
	s, err := ReadFiles(t.Context(), filepath.Join(dir, "a.*.csv"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if s.File != "a.*.csv" || s.Origin != "site_2" || s.Delimiter != ';' || !s.Complete || s.Bytes != 26 {
		t.Errorf("got %+v", s)
	}
	for name, want := range map[string]string{"site": "1 3 5", "x": "2 4 6", "site_2": "north north south"} {
		if got := strings.Join(textsIn(s.Frame.Column(name)), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for rows, complete := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		s, err := ReadFiles(t.Context(), filepath.Join(dir, "a.*.csv"), rows)
		if err != nil || s.Frame.Rows() != min(rows, 3) || s.Complete != complete {
			t.Errorf("%d rows: %+v, %v", rows, s, err)
		}
	}
	s, err = ReadFiles(t.Context(), filepath.Join(dir, "*", "t.csv"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "two"}, textsIn(s.Frame.Column("site"))); diff != "" {
		t.Error(diff)
	}
}

func TestFilesThatAreNotAlike(t *testing.T) {
	for name, files := range map[string]map[string]string{
		`f.2.csv: column 2 is "c", that of f.1.csv is "b"; want the same columns in all files`:                     {"f.1.csv": "a,b\n1,2\n", "f.2.csv": "a,c\n1,2\n"},
		`f.2.csv: 3 columns, f.1.csv has 2; want the same columns in all files`:                                    {"f.1.csv": "a,b\n1,2\n", "f.2.csv": "a,b,c\n1,2,3\n"},
		`f.2.csv: its first line holds names and that of f.1.csv values, or the other way round; want files alike`: {"f.1.csv": "7,8\n1,2\n", "f.2.csv": "a,b\n1,2\n"},
		`f.2.csv: its fields are parted by another sign than those of f.1.csv; want files alike`:                   {"f.1.csv": "a,b\n1,2\n", "f.2.csv": "a;b\n1;2\n"},
		`f.2.csv:3: row of 1 fields where the header has 2`:                                                        {"f.1.csv": "a,b\n1,2\n", "f.2.csv": "a,b\n1,2\n3\n"},
		`f.*.csv: no file is named like that`:                                                                      {"f.csv": "a\n1\n"},
	} {
		dir := write(t, files)
		if _, err := ReadFiles(t.Context(), filepath.Join(dir, "f.*.csv"), 0); err == nil || err.Error() != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	if _, err := ReadFiles(t.Context(), "*/*.csv", 0); err == nil || err.Error() != `*.csv: want one "*" in the path of several files` {
		t.Errorf("two patterns: %v", err)
	}
}

// Rows that differ in the label are counted where it has two classes.
func TestDifferingLabels(t *testing.T) {
	for classes, want := range map[string]*Rows{"x y y x x x": new(Rows), "x y z x x x": nil} {
		labels := strings.Fields(classes)
		if want != nil {
			*want = 1
		}
		f := frame.Must(
			frame.NewCategory("patient_id", []string{"p", "q", "r"}, []int32{0, 0, 1, 2, 2, 2}),
			frame.NewCategory("kind", labels, []int32{0, 1, 2, 3, 4, 5}),
		)
		p, err := Of(f, Known{Target: "kind"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, p.Subjects.Differ); diff != "" {
			t.Errorf("%s: %s", classes, diff)
		}
	}
}
