package table

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

func TestRecognise(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"heart.north.csv", "heart.south.csv", "heart.csv", "other.north.csv", "heart.north.new.csv"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("a\n1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "heart.north.csv")
	facts := &plugins.TableFacts{
		Delimiter: ';', Header: []string{"b", "a"}, Drop: []string{"c"},
		Columns: []plugins.ColumnFacts{
			{Name: "b", Kind: frame.Number, Missing: []string{"-1", "?", "007", "-9.0"}}, {Name: "z"}, {Name: "a", Unit: "mmol/L"},
		},
	}
	ways := Config{}.Recognise(path, facts)
	if len(ways) != 1 {
		t.Fatalf("%d ways", len(ways))
	}
	want := `{"path":"` + path + `","delimiter":";","header":["b","a"],"columns":{` +
		`"b":{"kind":"number","missing":[-1,"?","007","-9.0"]},"a":{"unit":"mmol/L"}},"drop":["c"]}`
	if diff := cmp.Diff(want, string(ways[0].With)); diff != "" {
		t.Error(diff)
	}
	// two patterns fit as many files; the first file in the order of the folder decides
	note := `files that are named alike lie beside it: path: "` + folder + `/heart.*.csv" with origin: "site" reads the 2 of them as one table`
	if diff := cmp.Diff([]string{note}, ways[0].Notes); diff != "" {
		t.Error(diff)
	}
	// what is suggested is what the plugin takes
	var r plugins.Registry
	Register(&r)
	if _, _, err := r.Datasets.Get("table").Build(ways[0].With); err != nil {
		t.Error(err)
	}
	if got := r.Datasets.Get("table").Recognise(path, nil); got != nil {
		t.Errorf("a folder is recognised: %v", got)
	}
	several := &plugins.TableFacts{Delimiter: ',', Origin: "site", Columns: facts.Columns[1:2]}
	if got := (Config{}).Recognise(filepath.Join(folder, "heart.*.csv"), several); string(got[0].With) != `{"path":"`+folder+`/heart.*.csv","origin":"site"}` || got[0].Notes != nil {
		t.Errorf("a pattern: %s, %q", got[0].With, got[0].Notes)
	}
	members := &plugins.TableFacts{Delimiter: ',', Members: "a/*.txt", Origin: "member"}
	if got := (Config{}).Recognise("a.tar.gz", members); string(got[0].With) != `{"path":"a.tar.gz","members":"a/*.txt","origin":"member"}` {
		t.Errorf("an archive: %s", got[0].With)
	}
	if got := (Config{}).Recognise("t.tsv.gz", &plugins.TableFacts{Delimiter: '\t'}); string(got[0].With) != `{"path":"t.tsv.gz"}` {
		t.Errorf("got %s", got[0].With)
	}
}

func TestOnePattern(t *testing.T) {
	for names, want := range map[[2]string]string{
		{"processed.va.data.gz", "processed.cleveland.data.gz"}: "processed.*.data.gz",
		{"site_a.csv", "site_b.csv"}:                            "site_*.csv",
		{"a.csv", "b.csv"}:                                      "", // nothing but the ending in common
		{"site_a.csv", "site_a.csv"}:                            "",
		{"site_a.csv", "site_a_b.csv"}:                          "",
		{"site_a.csv", "site_a.csv.gz"}:                         "",
		{"x-1.csv", "x-11.csv"}:                                 "x-*.csv",
		{"x.csv", ""}:                                           "",
	} {
		if got := onePattern(names[0], names[1]); got != want {
			t.Errorf("%v: %q, want %q", names, got, want)
		}
	}
}
