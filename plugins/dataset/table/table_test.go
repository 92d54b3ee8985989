package table

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/plugintest"
)

// build makes the data set from a with block, as the runner does.
func build(t *testing.T, with map[string]any) (plugins.Dataset, json.RawMessage) {
	t.Helper()
	var r plugins.Registry
	Register(&r)
	b, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	d, settings, err := r.Datasets.Get("table").Build(b)
	if err != nil {
		t.Fatal(err)
	}
	return d, settings
}

func write(t *testing.T, name string, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var missing = math.NaN()

const icu = `id,age,sex,lactate,unit,note,site
001,63,F,-1,mmol/L,,A
002,?,M,2.5,mmol/L,,A
003,47,,1.0,mmol/L,,
`

func icuSettings(path string) map[string]any {
	return map[string]any{
		"path": path, "missing": []any{"?"}, "drop": []any{"site"},
		"columns": map[string]any{
			"id":      map[string]any{"kind": "category"},
			"lactate": map[string]any{"unit": "mmol/L", "missing": []any{-1.0}},
		},
	}
}

func TestReadAndHeader(t *testing.T) {
	parquet := func() []byte {
		f := frame.Must(
			frame.NewCategoryFromStrings("id", []string{"001", "002", "003"}, nil),
			frame.NewNumber("age", []float64{63, -9, 47}),
			frame.NewCategoryFromStrings("sex", []string{"F", "M", "?"}, nil),
			frame.NewNumber("lactate", []float64{-1, 2.5, 1}),
			frame.NewCategoryFromStrings("unit", []string{"mmol/L", "mmol/L", "mmol/L"}, nil),
			frame.NewCategoryFromStrings("note", []string{"", "", ""}, []bool{true, true, true}),
			frame.NewCategoryFromStrings("site", []string{"A", "A", ""}, []bool{false, false, true}),
		)
		var b bytes.Buffer
		if err := frame.WriteParquet(&b, f); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}()
	age := frame.NewNumber("age", []float64{63, missing, 47})
	age.Integer = true
	lactate := frame.NewNumber("lactate", []float64{missing, 2.5, 1})
	lactate.Unit = "mmol/L"
	want := frame.Must(
		frame.NewCategoryFromStrings("id", []string{"001", "002", "003"}, nil), age,
		frame.NewCategoryFromStrings("sex", []string{"F", "M", ""}, []bool{false, false, true}), lactate,
	)
	for name, content := range map[string][]byte{"icu.csv": []byte(icu), "icu.csv.gz": zipped(t, icu), "icu.parquet": parquet} {
		t.Run(name, func(t *testing.T) {
			with := icuSettings(write(t, name, content))
			if name == "icu.parquet" {
				with["columns"].(map[string]any)["age"] = map[string]any{"missing": []any{-9}}
			}
			d, _ := build(t, with)
			for _, threads := range []int{1, 4} {
				data, err := d.Read(context.Background(), plugins.Env{Threads: threads})
				if err != nil {
					t.Fatal(err)
				}
				if name == "icu.parquet" { // the whole mark is kept as the file has it
					age.Integer = false
				} else {
					age.Integer = true
				}
				if data.Frame.Digest() != want.Digest() {
					t.Errorf("read %v", data.Frame.Names())
				}
				if diff := cmp.Diff([]string{"dropped 2 columns: unit (constant), note (no value)"}, data.Notes); diff != "" {
					t.Error(diff)
				}
				counts := []plugins.Count{
					{Name: "rows read", Value: 3},
					{Name: "columns in the file", Value: 7},
					{Name: "columns dropped: declared", Value: 1},
					{Name: "columns dropped: constant", Value: 1},
					{Name: "columns dropped: no value", Value: 1},
					{Name: "columns kept", Value: 4},
					{Name: "missing cells", Value: 3},
				}
				if diff := cmp.Diff(counts, data.Counts); diff != "" {
					t.Error(diff)
				}
			}
			h, err := d.Header(context.Background(), plugins.Env{})
			if err != nil {
				t.Fatal(err)
			}
			header := &plugins.Header{
				Rows: 3,
				Columns: []plugins.ColumnInfo{
					{Name: "id", Kind: frame.Category, Seen: &plugins.Seen{Rows: 3, Levels: 3}},
					{Name: "age", Kind: frame.Number, Seen: &plugins.Seen{Rows: 2}},
					{Name: "sex", Kind: frame.Category, Seen: &plugins.Seen{Rows: 2, Levels: 2}},
					{Name: "lactate", Kind: frame.Number, Unit: "mmol/L", Seen: &plugins.Seen{Rows: 2}},
					{Name: "unit", Kind: frame.Category, Summary: "constant: left out when the data are read", Seen: &plugins.Seen{Rows: 3, Levels: 1}},
					{Name: "note", Kind: frame.Category, Summary: "no value: left out when the data are read"},
				},
				Governance: plugins.Restricted,
				Notes:      []string{"dropped 2 columns: unit (constant), note (no value)"},
			}
			if diff := cmp.Diff(header, h); diff != "" {
				t.Error(diff)
			}
			files, err := d.Files()
			if err != nil || len(files) != 1 || files[0].Role != "table" || files[0].Path != with["path"] {
				t.Errorf("files %v, %v", files, err)
			}
		})
	}
}

// TestHeaderOfALongFile: constant columns stay, because rows beyond the sample may hold other values.
func TestHeaderOfALongFile(t *testing.T) {
	text := "a,b\n" + strings.Repeat("1,x\n", headerRows) + "2,y\n"
	d, _ := build(t, map[string]any{"path": write(t, "t.csv", []byte(text))})
	h, err := d.Header(context.Background(), plugins.Env{})
	if err != nil || len(h.Columns) != 2 || h.Rows != 0 || h.Notes != nil || h.Governance != plugins.Restricted {
		t.Errorf("got %+v, %v", h, err)
	}
	data, err := d.Read(context.Background(), plugins.Env{Threads: 1})
	if err != nil || len(data.Frame.Columns()) != 2 || data.Notes != nil {
		t.Errorf("got %+v, %v", data, err)
	}
}

// What is left out is named with its reason, whatever its kind.
func TestDroppedColumns(t *testing.T) {
	for text, want := range map[string][]string{
		"a,b\n1,x\n2,y\n":          nil,
		"a,b\n1,x\n1,y\n":          {"dropped 1 column: a (constant)"},
		"a,b\n1,\n2,\n":            {"dropped 1 column: b (no value)"},
		"a,b,c\n1,,x\n1,,x\n":      {"dropped 3 columns: a (constant), b (no value), c (constant)"},
		"a,b\n1,x\n,\n":            nil, // a value or none: that varies
		"a,b,c\n-1,-1,1\n-1,2,3\n": {"dropped 1 column: a (no value)"},
	} {
		d, _ := build(t, map[string]any{"path": write(t, "t.csv", []byte(text)), "missing": []any{-1}})
		data, err := d.Read(context.Background(), plugins.Env{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, data.Notes); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

// The kind of a column that holds a slip is settled by a missing code or a declaration.
func TestSlipsAreDeclared(t *testing.T) {
	path := write(t, "t.csv", []byte("id,age\n1,63\n2,old\n3,47\n"))
	for _, test := range []struct {
		with map[string]any
		want frame.Kind
	}{
		{map[string]any{"path": path, "missing": []any{"old"}}, frame.Number},
		{map[string]any{"path": path, "columns": map[string]any{"age": map[string]any{"missing": []any{"old"}}}}, frame.Number},
		{map[string]any{"path": path, "columns": map[string]any{"age": map[string]any{"kind": "category"}}}, frame.Category},
	} {
		d, _ := build(t, test.with)
		h, err := d.Header(context.Background(), plugins.Env{})
		if err != nil || h.Columns[1].Kind != test.want {
			t.Errorf("%v: header %+v, %v", test.with, h, err)
		}
		data, err := d.Read(context.Background(), plugins.Env{Threads: 1})
		if err != nil || data.Frame.Column("age").Kind != test.want {
			t.Errorf("%v: %v", test.with, err)
		}
	}
}

func TestBadInput(t *testing.T) {
	whole := zipped(t, icu)
	folder := filepath.Join(t.TempDir(), "folder.csv")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	number := map[string]any{"columns": map[string]any{"a": map[string]any{"kind": "number"}}}
	tests := []struct {
		name, path string
		with       map[string]any
		want       string
	}{
		{"no file", filepath.Join(t.TempDir(), "none.csv"), nil, "none.csv: no such file"},
		{"folder", folder, nil, "folder.csv: a folder, not a file"},
		{"other ending", write(t, "t.xlsx", nil), nil, "t.xlsx: unknown kind of file; want a name that ends with .csv, .tsv, .txt or .data (or one of these with .gz), .parquet, .arrow or .feather"},
		{"empty", write(t, "t.csv", nil), nil, "t.csv: empty file; want a header line"},
		{"empty gz", write(t, "t.csv.gz", nil), nil, "t.csv.gz: empty file; want a header line"},
		{"truncated gz", write(t, "t.csv.gz", whole[:len(whole)-9]), nil, "t.csv.gz: the gzip data end too early: the file is truncated"},
		{"no gz", write(t, "t.csv.gz", []byte(icu)), nil, "t.csv.gz: not gzip, in spite of its name"},
		{"no rows", write(t, "t.csv", []byte("a,b\n")), nil, "t.csv: no rows, only the names of columns"},
		{"ragged", write(t, "t.csv", []byte("a,b\n1,2\n1,2,3\n")), nil, "t.csv:3: row of 3 fields where the header has 2"},
		{"duplicate header", write(t, "t.csv", []byte("a,a\n1,2\n")), nil, `t.csv:1: fields 1 and 2 of the header are both named "a"`},
		{"not UTF-8", write(t, "t.csv", []byte("a,b\n1,\xe9\n")), nil, `t.csv:2:3: column "b": text is not UTF-8`},
		{"text in a number column", write(t, "t.csv", []byte("a\n1\nhigh\n")), number, `t.csv:3:1: column "a": text in a number column; declare the text a missing code, or the column a category`},
		{"slip among numbers", write(t, "t.csv", []byte("id,age\n1,63\n2,old\n3,47\n")), nil, `t.csv:3:3: column "age": text where 2 of 3 values are numbers; correct it, declare it a missing code, or set columns."age".kind to "category"`},
		{"no Parquet", write(t, "t.parquet", []byte(icu)), nil, "t.parquet: not a Parquet file"},
		{"misspelt column", write(t, "t.csv", []byte(icu)), map[string]any{"drop": []any{"lactat"}}, `t.csv:1: no column named "lactat"; did you mean "lactate"?`},
		{"limit", write(t, "t.csv.gz", whole), map[string]any{"maxBytes": 50}, "t.csv.gz: more than 50 bytes when decompressed, the limit for this file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			with := map[string]any{"path": test.path}
			for k, v := range test.with {
				with[k] = v
			}
			d, _ := build(t, with)
			_, readErr := d.Read(context.Background(), plugins.Env{Threads: 2})
			_, headerErr := d.Header(context.Background(), plugins.Env{})
			for _, err := range []error{readErr, headerErr} {
				var fault *frame.FileError
				if !errors.As(err, &fault) || err.Error() != test.want {
					t.Errorf("got  %v\nwant %s", err, test.want)
				}
			}
		})
	}
}

// Every shape of settings passes the suite of data sets.
func TestConformance(t *testing.T) {
	dir := folder(t, hospitals)
	for name, content := range study {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "m.csv"), []byte(measured), 0o600); err != nil {
		t.Fatal(err)
	}
	var r plugins.Registry
	Register(&r)
	for name, with := range map[string]object{
		"several files": {"path": "site.*.csv", "origin": "hospital"},
		"measurements":  long(object{"long": object{"take": []any{"count", "last"}}}),
		"joins": stays(object{
			"h": object{"path": "hospitals.csv", "on": object{"left": "hospital", "right": "number"}, "cardinality": "many-to-one"},
			"p": object{
				"path": "patients.csv", "on": object{"left": "patient", "right": "id"}, "cardinality": "many-to-one", "how": "inner", "prefix": "p_",
				"columns": object{"born": object{"date": object{}}, "sex": object{"levels": object{"F": 1, "M": 0}, "kind": "number"}},
			},
		}),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(at(dir, with))
			if err != nil {
				t.Fatal(err)
			}
			plugintest.Dataset(t, r.Datasets.Get("table"), string(b))
		})
	}
}

// Whatever a file holds: an error of one line or a table, and no panic.
func FuzzRead(f *testing.F) {
	f.Add("id,what,value,at\n1,HR,80,00:01\n2,pH,7.1,36:00\n1,HR,x,\n")
	f.Add("id,what,value,at\n1,a,2006-01-31,1\n1,a,-1,2\n")
	f.Add("id,what,value,at\n,,,\n")
	dir := f.TempDir()
	path := filepath.Join(dir, "t.csv")
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, with := range []object{
			{"path": path, "long": object{"row": "id", "variable": "what", "value": "value", "order": "at", "take": []any{"first", "mean", "count"}}},
			{"path": path, "columns": object{"id": object{"kind": "category"}}, "join": object{"j": object{
				"path": path, "on": object{"left": "id", "right": "what"}, "cardinality": "many-to-one", "prefix": "j_", "columns": object{"what": object{"kind": "category"}},
			}}},
			{"path": []any{path}, "origin": "file", "missing": []any{-1}, "columns": object{
				"value": object{"unit": "g", "unitFrom": "what", "convert": object{"kg": 1000, "": 2}, "max": 1e6, "outside": "missing"},
				"at":    object{"date": object{"since": "id"}}, "id": object{"date": object{"format": "eu"}},
			}},
		} {
			d, _ := build(t, with)
			data, err := d.Read(context.Background(), env)
			if err != nil && (strings.Contains(err.Error(), "\n") || data != nil) {
				t.Errorf("%q with %v", err, data)
			}
			if _, err := d.Header(context.Background(), env); err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
		}
	})
}

// A small file that holds a large table is refused as soon as it is larger than the limit, wherever it is read from.
func TestBomb(t *testing.T) {
	bomb := string(zipped(t, "a,b\n"+strings.Repeat("1.00000000000,1.00000000000\n", 1<<17)))
	tar := archived(t, map[string]string{"m/1.txt": "a,b\n" + strings.Repeat("1.00000000000,1.00000000000\n", 1<<17)})
	dir := folder(t, map[string]string{"bomb.csv.gz": bomb, "bomb.tar.gz": tar, "t.csv": "a,b\n1,1\n2,2\n"})
	for _, with := range []object{
		{"path": "bomb.csv.gz"},
		{"path": []any{"t.csv", "bomb.csv.gz"}},
		{"path": "bomb.tar.gz", "members": "m/*.txt"},
		{"path": "t.csv", "join": object{"j": object{"path": "bomb.csv.gz", "on": "a", "cardinality": "many-to-one"}}},
	} {
		with["maxBytes"] = 1 << 20
		d, _ := build(t, at(dir, with))
		name := "bomb.csv.gz"
		if with["members"] != nil {
			name = "bomb.tar.gz"
		}
		want := name + ": more than 1048576 bytes when decompressed, the limit for this file"
		if data, err := d.Read(context.Background(), env); err == nil || err.Error() != want || data != nil {
			t.Errorf("%v: got %v, want %s", with["path"], err, want)
		}
	}
}

// Faults of joined files are those of all files.
func TestBadJoinedFiles(t *testing.T) {
	whole := zipped(t, icu)
	dir := folder(t, map[string]string{
		"t.csv": "id,x\n1,1\n2,2\n", "empty.csv": "", "cut.csv.gz": string(whole[:len(whole)-9]), "plain.csv.gz": icu, "ragged.csv": "id,y\n1\n",
		"twice.csv": "id,id\n1,2\n", "latin.csv": "id,y\n1,\xe9\n", "folder.csv/t": "", "x.parquet": icu, "none.csv": "id,y\n",
	})
	for file, want := range map[string]string{
		"empty.csv":    "empty file; want a header line",
		"cut.csv.gz":   "the gzip data end too early: the file is truncated",
		"plain.csv.gz": "not gzip, in spite of its name",
		"absent.csv":   "no such file",
		"folder.csv":   "a folder, not a file",
		"x.parquet":    "not a Parquet file",
		"none.csv":     "no rows, only the names of columns",
	} {
		fails(t, at(dir, object{"path": "t.csv", "join": object{"j": object{"path": file, "on": "id", "cardinality": "many-to-one"}}}), file+": "+want)
	}
	for file, want := range map[string]string{
		"ragged.csv": "2: row of 1 fields where the header has 2",
		"twice.csv":  `1: fields 1 and 2 of the header are both named "id"`,
		"latin.csv":  `2:3: column "y": text is not UTF-8`,
	} {
		fails(t, at(dir, object{"path": "t.csv", "join": object{"j": object{"path": file, "on": "id", "cardinality": "many-to-one"}}}), file+":"+want)
	}
}

func TestSettings(t *testing.T) {
	_, settings := build(t, map[string]any{"path": "t.csv", "missing": []any{-1, -1.0, "-1", 0.5, "NA"}})
	const want = `{"path":"t.csv","missing":["-1","-1","-1","0.5","NA"],"maxBytes":4294967296}`
	if diff := cmp.Diff(want, string(settings)); diff != "" {
		t.Error(diff)
	}
	var r plugins.Registry
	Register(&r)
	for with, want := range map[string]string{
		`{}`:                            `"path" is empty; want a file such as stays.csv, stays.csv.gz or stays.parquet`,
		`{"path":"a","delimiter":"ab"}`: `"delimiter" "ab": want one ASCII character`,
		`{"path":"a","delimiter":"\""}`: `"delimiter" "\"": want one ASCII character`,
		`{"path":"a","maxBytes":0}`:     `"maxBytes" 0: want a number above 0`,
		`{"path":"a","missing":[true]}`: `code true: want a text or a number`,
		`{"path":"a","mising":[]}`:      `json: unknown field "mising"`,
	} {
		if _, _, err := r.Datasets.Get("table").Build([]byte(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", with, err, want)
		}
	}
}

func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d, _ := build(t, map[string]any{"path": write(t, "t.csv", []byte(icu))})
	if _, err := d.Read(ctx, plugins.Env{Threads: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
