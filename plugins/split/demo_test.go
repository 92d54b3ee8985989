package split

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// demo reads columns of the patient table of the open eICU demo as categories, the empty text as missing. The demo is in
// EHRLAB_DATA, or in shared/data beside the checkout.
func demo(t *testing.T, names ...string) *frame.Frame {
	t.Helper()
	folder := os.Getenv("EHRLAB_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(folder, "eicu-demo", "patient.csv.gz"))
	if err != nil {
		t.Skip("no eICU demo: EHRLAB_DATA is not set and there is no shared/data beside the checkout")
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(unzipped).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns := make([]*frame.Column, len(names))
	for i, name := range names {
		at := slices.Index(records[0], name)
		var values []string
		var missing []bool
		for _, record := range records[1:] {
			values = append(values, record[at])
			missing = append(missing, record[at] == "")
		}
		columns[i] = frame.NewCategoryFromStrings(name, values, missing)
	}
	return frame.Must(columns...)
}

// The demo has 1,204 stays of 2014 and 1,316 of 2015; 60 patients have stays in both, 111 stays of 2014 between them, and
// 19 patients were at two hospitals or more.
func TestTheDemoByTimeAndBySite(t *testing.T) {
	f := demo(t, "uniquepid", "hospitalid", "hospitaldischargeyear")
	c := Columns{Subject: f.Column("uniquepid"), Site: f.Column("hospitalid"), Time: f.Column("hospitaldischargeyear")}
	cfg := usual
	cfg.By, cfg.Time = ByTime, "hospitaldischargeyear"
	a, err := Assign(f, c, cfg, source(1))
	if err != nil {
		t.Fatal(err)
	}
	partsOf(t, a, f.Rows())
	if n, lost := len(a.Rows[plugins.Test]), countOf(a, "rows dropped: subject is in the test part", ""); n != 1316 || lost != 111 {
		t.Errorf("by time: %d test rows, %d dropped; want 1316 and 111", n, lost)
	}
	cfg.By = BySite
	if a, err = Assign(f, c, cfg, source(1)); err != nil {
		t.Fatal(err)
	}
	partsOf(t, a, f.Rows())
	if n := countOf(a, "subjects at more than one site", ""); n != 19 {
		t.Errorf("by site: %d patients at several hospitals, want 19", n)
	}
	sites := 0
	for _, part := range plugins.AllParts() {
		sites += countOf(a, "sites", string(part))
	}
	if sites != 186 {
		t.Errorf("by site: the parts have %d hospitals, want 186", sites)
	}
}
