package table

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// three hospitals, of which one writes its columns in another order.
var hospitals = map[string]string{
	"site.zurich.csv": "age,sex\n63,F\n47,M\n",
	"site.basel.csv":  "sex,age\nM,58\n",
	"site.bern.csv":   "age,sex\n,F\n",
	"notes.txt":       "no table",
	"far/basel/a.csv": "age,sex\n1,F\n",
	"far/chur/a.csv":  "age,sex\n2,M\n",
	"far/.hid/a.csv":  "age,sex\n3,M\n",
	"far/none/b.csv":  "age,sex\n4,M\n",
}

func TestSeveralFiles(t *testing.T) {
	dir := folder(t, hospitals)
	for name, test := range map[string]struct {
		with  object
		want  []*frame.Column
		roles string
	}{
		"pattern, sorted by what * stands for": {
			object{"path": "site.*.csv", "origin": "hospital"},
			[]*frame.Column{
				category("sex", "M", "F", "F", "M"), number("age", "", 58, missing, 63, 47),
				category("hospital", "basel", "bern", "zurich", "zurich"),
			},
			"table:basel site.basel.csv, table:bern site.bern.csv, table:zurich site.zurich.csv",
		},
		"pattern without an origin: names are no part of roles": {
			object{"path": "site.*.csv"},
			[]*frame.Column{category("sex", "M", "F", "F", "M"), number("age", "", 58, missing, 63, 47)},
			"table:1 site.basel.csv, table:2 site.bern.csv, table:3 site.zurich.csv",
		},
		"list, in its order": {
			object{"path": []any{"site.zurich.csv", "site.basel.csv"}},
			[]*frame.Column{number("age", "", 63, 47, 58), category("sex", "F", "M", "M")},
			"table:1 site.zurich.csv, table:2 site.basel.csv",
		},
		"list with an origin: the name without its ending, and its order": {
			object{"path": []any{"site.zurich.csv", "site.basel.csv"}, "origin": "hospital"},
			[]*frame.Column{
				category("sex", "M", "F", "M"), number("age", "", 58, 63, 47),
				category("hospital", "site.basel", "site.zurich", "site.zurich"),
			},
			"table:site.basel site.basel.csv, table:site.zurich site.zurich.csv",
		},
		"pattern of folders": {
			object{"path": "far/*/a.csv", "origin": "hospital"},
			[]*frame.Column{number("age", "", 1, 2), category("sex", "F", "M"), category("hospital", "basel", "chur")},
			"table:basel far/basel/a.csv, table:chur far/chur/a.csv",
		},
		"codes of the origin": {
			object{"path": "site.*.csv", "origin": "hospital", "drop": []any{"sex"}, "columns": object{
				"hospital": object{"levels": object{"zurich": "1", "basel": "2", "bern": "2"}, "kind": "number"},
			}},
			[]*frame.Column{number("age", "", 58, missing, 63, 47), number("hospital", "", 2, 2, 1, 1)},
			"table:basel site.basel.csv, table:bern site.bern.csv, table:zurich site.zurich.csv",
		},
	} {
		t.Run(name, func(t *testing.T) {
			with := at(dir, test.with)
			same(t, read(t, with).Frame, test.want...)
			d, _ := build(t, with)
			files, err := d.Files()
			if err != nil {
				t.Fatal(err)
			}
			var roles []string
			for _, f := range files {
				roles = append(roles, f.Role+" "+strings.TrimPrefix(f.Path, dir+"/"))
			}
			if diff := cmp.Diff(test.roles, strings.Join(roles, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A piece without a value takes the kind of the others, and keeps whole numbers whole.
func TestKindsAgreeAcrossFiles(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.csv": "n,c,x\n,,1\n", "b.csv": "n,c,x\n3,u,2\n", "c.csv": "n,c,x\n4,v,3\n",
		"d.csv": "n,c,x\nfew,v,3\n",
	})
	same(t, read(t, at(dir, object{"path": []any{"a.csv", "b.csv", "c.csv"}})).Frame,
		number("n", "", missing, 3, 4), category("c", "", "u", "v"), number("x", "", 1, 2, 3))
	fails(t, at(dir, object{"path": []any{"a.csv", "b.csv", "d.csv"}}),
		`d.csv: column "n": holds texts, in b.csv numbers; set "columns.n.kind", or declare the texts missing`)
}

func TestGivenHeader(t *testing.T) {
	dir := folder(t, map[string]string{"a.csv": "63,F\n47,M\n"})
	with := at(dir, object{"path": "a.csv", "header": []any{"age", "sex"}})
	same(t, read(t, with).Frame, number("age", "", 63, 47), category("sex", "F", "M"))
	with["header"] = []any{"id", "age", "sex"}
	fails(t, with, "a.csv:1: row of 2 fields where 3 column names are given")
}

// Names that count columns are names.
func TestCountedHeader(t *testing.T) {
	dir := folder(t, map[string]string{"a.csv": "0,1,2\n5,6,7\n8,9,9\n", "b.csv": "1,2\n5,6\n8,9\n"})
	same(t, read(t, at(dir, object{"path": "a.csv"})).Frame, number("0", "", 5, 8), number("1", "", 6, 9), number("2", "", 7, 9))
	same(t, read(t, at(dir, object{"path": "b.csv"})).Frame, number("1", "", 5, 8), number("2", "", 6, 9))
}

func TestBadFiles(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.csv": "age,sex\n1,F\n", "b.csv": "age,gender\n1,F\n", "c.csv": "age\n1\n", "n.csv": "63,1.0,233\n67,1,286\n", "e.csv": "age,sex\n", "empty.csv": "",
		"f/a.csv": "age,sex\n1,F\n",
	})
	for name, test := range map[string]struct {
		with object
		want string
	}{
		"other names":        {object{"path": []any{"a.csv", "b.csv"}}, `b.csv: no column named "sex", which a.csv has; the headers of files under each other must agree`},
		"a name more":        {object{"path": []any{"c.csv", "a.csv"}}, `a.csv: a column named "sex", which c.csv has not; the headers of files under each other must agree`},
		"empty file":         {object{"path": []any{"a.csv", "empty.csv"}}, "empty.csv: empty file; want a header line"},
		"absent":             {object{"path": []any{"a.csv", "x.csv"}}, "x.csv: no such file"},
		"absent folder":      {object{"path": "none/*.csv"}, "*.csv: no such file"},
		"no rows":            {object{"path": []any{"e.csv"}}, "e.csv: no rows, only the names of columns"},
		"a row for a header": {object{"path": "n.csv"}, `n.csv:1: numbers alone, where the names of columns are wanted; if the file has no header line, give the names in "header"`},
		"origin taken":       {object{"path": "a.csv", "origin": "age"}, `a.csv: a column named "age" already, as "origin" would be; choose another name`},
	} {
		t.Run(name, func(t *testing.T) { fails(t, at(dir, test.with), test.want) })
	}
	for name, test := range map[string]struct {
		with object
		want string
	}{
		"no match":     {object{"path": "x*.csv"}, `"path" matches no file: none is named "x*.csv"`},
		"twice":        {object{"path": []any{"a.csv", "a.csv"}}, `"path" names the file "a.csv" twice`},
		"one origin":   {object{"path": []any{"a.csv", "f/a.csv"}, "origin": "site"}, `"origin" has one value, "a", for two files; name them apart, or leave it out`},
		"in a join":    {object{"path": "a.csv", "join": object{"j": object{"path": "x*.csv", "on": "age", "cardinality": "many-to-one"}}}, `"join.j.path" matches no file: none is named "x*.csv"`},
		"no folder":    {object{"path": "a.csv/*.csv"}, `folder of "*.csv": not a directory`},
		"only folders": {object{"path": "*f"}, `"path" matches no file: none is named "*f"`},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := build(t, at(dir, test.with))
			if files, err := d.Files(); err == nil || err.Error() != test.want {
				t.Errorf("got  %v, %v\nwant %s", files, err, test.want)
			}
		})
	}
}

// A folder that is not there is no mistake of the settings: whoever opens the file says so.
func TestAbsentFolder(t *testing.T) {
	for _, origin := range []string{"", "site"} {
		d, _ := build(t, object{"path": []any{"/absent/a.*.csv", "/absent/b.*.csv"}, "origin": origin})
		files, err := d.Files()
		if err != nil || len(files) != 2 || files[0].Path != "/absent/a.*.csv" || files[1].Path != "/absent/b.*.csv" {
			t.Errorf("got %v, %v", files, err)
		}
	}
}

// archived is a tar archive, compressed by gzip.
func archived(t *testing.T, members map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(members[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(members[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestArchive(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.tar.gz": archived(t, map[string]string{"set/20.txt": "t,v,x\n00:00,HR,5\n00:00,K,4\n", "set/3.txt": "t,v,x\n00:00,HR,7\n", "notes.md": "none"}),
		"b.tgz":    archived(t, map[string]string{"set/4.txt": "t,v,x\n00:00,HR,9\n"}),
		"out.csv":  "stay,died\n3,1\n4,0\n20,0\n",
	})
	with := at(dir, object{"path": []any{"a.tar.gz", "b.tgz"}, "members": "set/*.txt", "origin": "stay", "drop": []any{"t"}})
	data := read(t, with)
	same(t, data.Frame, category("v", "HR", "K", "HR", "HR"), number("x", "", 5, 4, 7, 9), category("stay", "20", "20", "3", "4"))
	d, _ := build(t, with)
	files, err := d.Files()
	if err != nil || len(files) != 2 || files[0].Role != "table:1" || files[1].Role != "table:2" {
		t.Errorf("files %v, %v", files, err)
	}

	same(t, read(t, at(dir, object{
		"path": []any{"a.tar.gz", "b.tgz"}, "members": "set/*.txt", "origin": "stay",
		"long":    object{"row": "stay", "variable": "v", "value": "x", "order": "t", "take": "last"},
		"columns": object{"stay": object{"group": "identifiers"}, "HR": object{"unit": "bpm"}},
		"join": object{"outcome": object{
			"path": "out.csv", "on": "stay", "cardinality": "one-to-one", "columns": object{"stay": object{"kind": "category"}},
		}},
	})).Frame, category("stay", "20", "3", "4"), number("HR", "bpm", 5, 7, 9), number("K", "", 4, missing, missing), number("died", "", 0, 1, 0))

	fails(t, at(dir, object{"path": "a.tar.gz"}), `a.tar.gz: an archive; say in "members" which of its files are read`)
	fails(t, at(dir, object{"path": "a.tar.gz", "members": "sets/*.txt"}), `a.tar.gz: no member is named as "sets/*.txt" says; the first is "notes.md"`)
	fails(t, at(dir, object{"path": "a.tar.gz", "members": "set/*.txt", "origin": "x"}), `a.tar.gz: the members have a column "x" already; choose another name for their origin`)
	fails(t, at(dir, object{"path": "out.csv", "members": "set/*.txt"}), `out.csv: unknown kind of archive; want a name that ends with .tar, .tar.gz, .tgz or .zip`)
}

func TestWithoutEndings(t *testing.T) {
	for name, want := range map[string]string{
		"a.csv": "a", "a.csv.gz": "a", "processed.va.data.gz": "processed.va", "a": "a", ".csv": ".csv", "a.gz": "a", "2014.parquet": "2014",
	} {
		if got := withoutEndings(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
