package events_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	reader "github.com/ehrlab/ehrlab/plugins/dataset/events"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// build makes the data set of a file in a fresh folder, with further settings.
func build(t testing.TB, file string, content []byte, with map[string]any) (plugins.Dataset, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	if content != nil {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := map[string]any{"path": path}
	for k, v := range with {
		settings[k] = v
	}
	b, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	r := &plugins.Registry{}
	reader.Register(r)
	d, _, err := r.Datasets.Get("events").Build(b)
	return d, err
}

func env() plugins.Env {
	return plugins.Env{Threads: 2, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Progress: func(int, int) {}}
}

func read(t *testing.T, file, content string, with map[string]any) *plugins.Data {
	t.Helper()
	d, err := build(t, file, []byte(content), with)
	if err != nil {
		t.Fatal(err)
	}
	data, err := d.Read(t.Context(), env())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func texts(c *frame.Column) []string {
	out := make([]string, c.Len())
	for i, code := range c.Codes {
		if code != frame.Missing {
			out[i] = c.Levels[code]
		}
	}
	return out
}

func count(t *testing.T, data *plugins.Data, name string) int {
	t.Helper()
	for _, c := range data.Counts {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatalf("no count %q", name)
	return 0
}

const prescriptions = `patient,stay,drug,start,dose
007,20,heparin,2110-04-11 15:00:00,5000
007,20,"insulin, human",2110-04-11T21:00:00Z,
007,10,heparin,2110-05-01,5000
8,30,,2110-01-01 00:00,1
8,30,saline,,2
,30,saline,2110-01-01,3
8,,saline,2110-01-01,4
`

var mapped = map[string]string{"subject": "patient", "time": "start", "code": "drug", "value": "dose"}

func TestVisitsThatAreNamed(t *testing.T) {
	data := read(t, "p.csv", prescriptions, map[string]any{"columns": mapped, "visits": map[string]any{"label": "stay"}})
	if !slices.Equal(data.Frame.Names(), events.Columns()) {
		t.Fatalf("columns %q", data.Frame.Names())
	}
	if got := texts(data.Frame.Column(events.Subject)); !slices.Equal(got, []string{"007", "007", "007", "8"}) {
		t.Errorf("patients %q", got)
	}
	if got := texts(data.Frame.Column(events.Code)); !slices.Equal(got, []string{"heparin", "insulin, human", "heparin", "saline"}) {
		t.Errorf("codes %q", got)
	}
	if got := data.Frame.Column(events.Visit); !slices.Equal(got.Numbers, []float64{1, 1, 2, 1}) || !got.Integer {
		t.Errorf("visits %v: stay 20 comes before stay 10", got.Numbers)
	}
	times := data.Frame.Column(events.Time)
	if times.Unit != "days" || math.Abs(times.Numbers[1]-times.Numbers[0]-0.25) > 1e-9 || math.Abs(times.Numbers[2]-times.Numbers[0]-19.375) > 1e-9 || !math.IsNaN(times.Numbers[3]) {
		t.Errorf("times %v in %q", times.Numbers, times.Unit)
	}
	if got := data.Frame.Column(events.Value).Numbers; got[0] != 5000 || !math.IsNaN(got[1]) || got[3] != 2 {
		t.Errorf("values %v", got)
	}
	for name, want := range map[string]int{
		"rows read": 7, "events dropped: no patient": 1, "events dropped: no code": 1, "events dropped: no visit": 1, "events kept": 4,
		"patients": 2, "visits": 3, "distinct codes": 3,
	} {
		if got := count(t, data, name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestVisitsByGap(t *testing.T) {
	data := read(t, "p.csv", prescriptions, map[string]any{"columns": mapped, "visits": map[string]any{"gap": 5}})
	if got := data.Frame.Column(events.Visit).Numbers; !slices.Equal(got, []float64{1, 2, 3, 1}) {
		t.Errorf("visits %v", got)
	}
	if got := count(t, data, "events dropped: no visit"); got != 1 { // it has no time
		t.Errorf("%d events without a visit", got)
	}
}

func TestVisitsThatAreNumbered(t *testing.T) {
	data := read(t, "e.tsv", "subject_id\tcode\tvisit\ttime\nb\tx\t2\t48\na\ty\t1\t-12\n", map[string]any{"timeUnit": "hours", "missing": []string{"y"}})
	if got := data.Frame.Column(events.Visit).Numbers; !slices.Equal(got, []float64{2}) {
		t.Errorf("visits %v", got)
	}
	if got := data.Frame.Column(events.Time).Numbers[0]; got != 2 {
		t.Errorf("48 hours are %v days", got)
	}
	if got := data.Frame.Column(events.Value); got.MissingCount() != 1 {
		t.Errorf("values of a file that has none: %v", got.Numbers)
	}
}

func TestParquet(t *testing.T) {
	f := frame.Must(frame.NewNumber(events.Subject, []float64{1, 1, 20}), frame.NewNumber(events.Time, []float64{0.5, 9, math.NaN()}),
		frame.NewCategoryFromStrings(events.Code, []string{"a", "b", "c"}, nil), frame.NewNumber(events.Visit, []float64{1, 2, 1}))
	f.Column(events.Subject).Integer = true
	var b bytes.Buffer
	if err := frame.WriteParquet(&b, f); err != nil {
		t.Fatal(err)
	}
	data := read(t, "e.parquet", b.String(), nil)
	if got := texts(data.Frame.Column(events.Subject)); !slices.Equal(got, []string{"1", "1", "20"}) {
		t.Errorf("patients %q", got)
	}
	if got := data.Frame.Column(events.Time).Numbers; got[0] != 0.5 || got[1] != 9 {
		t.Errorf("times %v", got)
	}
}

func TestFaultsHaveAPlaceAndNoValue(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		with                map[string]any
		want                string
	}{
		{"a time that is none", "e.csv", "subject_id,code,visit,time\na,x,1,2110-01-01\n\"b\",\"SECRET\ny\",1,SECRET\n", nil, `e.csv:4:6: column "time": neither a number nor a date`},
		{"a number among dates", "e.csv", "subject_id,code,visit,time\na,x,1,2110-01-01\nb,y,1,2110-13-99\n", nil, `e.csv:3:7: column "time": neither`},
		{"a visit that is no number", "e.csv", "subject_id,code,visit\na,x,SECRET\n", nil, `e.csv:2:5: column "visit": text in a number column`},
		{"a value that is no number", "e.csv", "subject_id,code,visit,numeric_value\na,x,1,SECRET\n", nil, `e.csv:2:7: column "numeric_value": text`},
		{"no code column", "e.csv", "subject_id,visit,drug\na,1,SECRET\n", nil, `e.csv:1: no column "code"; say in "columns.code" what it is called`},
		{"no visit column", "e.csv", "subject_id,code\na,SECRET\n", nil, `no column "visit"; say in "columns.visit" what it is called, or in "visits" how visits are told apart`},
		{"no time to tell gaps by", "e.csv", "subject_id,code\na,SECRET\n", map[string]any{"visits": map[string]any{"gap": 24}}, `no column "time"`},
		{"a misspelt column", "e.csv", "subject_id,drug,visit\na,SECRET,1\n", map[string]any{"columns": map[string]any{"code": "drugs"}}, `no column named "drugs"; did you mean "drug"?`},
		{"one column for two", "e.csv", "subject_id,code\na,SECRET\n", map[string]any{"visits": map[string]any{"label": "code"}}, `column "code" would stand for two things; "visits.label" has to name another`},
		{"dates with a unit", "e.csv", "subject_id,code,visit,time\na,SECRET,1,2110-01-01\n", map[string]any{"timeUnit": "hours"}, `column "time": holds dates, which have no unit`},
		{"no events", "e.csv", "subject_id,code,visit\n,SECRET,1\n", nil, "e.csv: no event with a patient, a code and a visit"},
		{"a ragged row", "e.csv", "subject_id,code,visit\na,SECRET\n", nil, "e.csv:2: row of 2 fields where the header has 3"},
		{"another kind of file", "e.xlsx", "SECRET", nil, "e.xlsx: unknown kind of file"},
	} {
		d, err := build(t, c.file, []byte(c.content), c.with)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		_, err = d.Read(t.Context(), env())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if c.name == "no events" {
			continue // what a sample lacks, the file may have
		}
		if _, header := d.Header(t.Context(), env()); header == nil || header.Error() != err.Error() {
			t.Errorf("%s: the header says %v", c.name, header)
		}
	}
}

func TestWrongSettings(t *testing.T) {
	for _, c := range []struct {
		with map[string]any
		want string
	}{
		{map[string]any{"path": ""}, `"path" is empty`},
		{map[string]any{"delimiter": "||"}, `"delimiter"`},
		{map[string]any{"timeUnit": "weeks"}, `"timeUnit" "weeks"`},
		{map[string]any{"visits": map[string]any{"gap": -1}}, `"visits.gap" -1`},
		{map[string]any{"visits": map[string]any{"gap": 1, "label": "stay"}}, "a gap and a label"},
		{map[string]any{"visits": map[string]any{"gap": 1}, "columns": map[string]any{"visit": "v"}}, `"columns.visit" numbers the visits already`},
		{map[string]any{"maxBytes": 0}, `"maxBytes" 0`},
	} {
		if _, err := build(t, "e.csv", nil, c.with); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.with, err, c.want)
		}
	}
}

func TestHeader(t *testing.T) {
	d, err := build(t, "e.csv", []byte("subject_id,code,visit\na,x,1\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := d.Header(t.Context(), env())
	if err != nil || h.Governance != plugins.Restricted || len(h.Columns) != 5 || h.Columns[0].Role != plugins.RoleSubject {
		t.Errorf("%+v, %v", h, err)
	}
	files, err := d.Files()
	if err != nil || len(files) != 1 || files[0].Role != "events" {
		t.Errorf("%v, %v", files, err)
	}
}

// FuzzRead reads any text: it is an error, or events that have trajectories.
func FuzzRead(f *testing.F) {
	f.Add("subject_id,code,visit,time\na,x,1,2110-01-01\n")
	f.Add("subject_id,code,visit,time\n\"a\n\",x,1,5\n,,,\n")
	f.Add("subject_id,code\na,x")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := build(t, "e.csv", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		data, err := d.Read(t.Context(), env())
		if err != nil {
			return
		}
		of, err := events.New(data.Frame)
		if err != nil || of.Events() != data.Frame.Rows() || of.Left != 0 {
			t.Errorf("%d events of %d rows: %v", of.Events(), data.Frame.Rows(), err)
		}
	})
}
