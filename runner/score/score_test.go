package score

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// write writes files into a folder and returns the paths.
func write(t *testing.T, texts map[string]string) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

// pairOf opens a pair of CSV texts; an empty holdout is none. columns is the text of a columns.json.
func pairOf(t *testing.T, real, synthetic, holdout, columns string) (*Pair, error) {
	t.Helper()
	at := write(t, map[string]string{"r.csv": real, "s.csv": synthetic, "h.csv": holdout, "c.json": columns})
	c := &Columns{}
	if columns != "" {
		var err error
		if c, err = ReadColumns(at("c.json")); err != nil {
			return nil, err
		}
	}
	files := Files{Real: at("r.csv"), Synthetic: at("s.csv")}
	if holdout != "" {
		files.Holdout = at("h.csv")
	}
	return Open(t.Context(), files, c, 2)
}

func mustPair(t *testing.T, real, synthetic, holdout, columns string) *Pair {
	t.Helper()
	p, err := pairOf(t, real, synthetic, holdout, columns)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	someReal  = "age,sex,died\n50,f,0\n60,m,1\n70,,0\n"
	someOther = "age,sex,died\n52,f,1\n,m,0\n"
)

func TestMistakesInColumns(t *testing.T) {
	for text, want := range map[string]string{
		``:                              `it ends too early; want an object such as {"label": "died"}`,
		`{"label": "died"`:              `it ends too early`,
		"{\n\"label\": died}":           `line 2: no JSON: `,
		`[]`:                            `line 1: want an object, not a list`,
		`{"label": 3}`:                  `field "label": want a text, not a number`,
		`{"label": "a"} {}`:             `something after the first JSON value`,
		`{"labell": "a"}`:               `no field "labell"; did you mean "label"?`,
		`{"columns": [{"nam": "a"}]}`:   `no field "nam" of column 1; did you mean "name"?`,
		`{"events": {"patient": "a"}}`:  `no field "patient" of events; there are "subject", "visit", "time", "code", "value"`,
		`{"columns": [{"kind": "id"}]}`: `column 1 has no name`,
		`{"columns": [{"name": "a", "kind": "number"}]}`:           `column "a" has the kind "number"; want numeric, categorical or id`,
		`{"columns": [{"name": "a"}, {"name": "a"}]}`:              `column "a" is given twice`,
		`{"columns": [{"name": "a", "min": 2, "max": 1}]}`:         `column "a" has min 2 and max 1; min must be less`,
		`{"columns": [{"name": "a", "kind": "id"}], "label": "a"}`: `column "a" is said to be an id, which is no variable, and in label`,
		`{"label": "a", "site": "a"}`:                              `column "a" is said to be the label and the site`,
		`{"subject": "a", "group": "a"}`:                           `column "a" is said to be the subject and in group`,
		`{"drop": ["a"], "label": "a"}`:                            `column "a" is said to be dropped and in label`,
		`{"positive": "yes"}`:                                      `positive is given without a label`,
		`{"link_aux": [["a"]]}`:                                    `link_aux wants two lists of columns`,
		`{"group": {"a": 1}}`:                                      `want a list, not an object`,
	} {
		if _, err := parseColumns([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestColumnsOfReferencePairsAreRead(t *testing.T) {
	c, err := parseColumns([]byte("\ufeff" + `{"missing_token": "", "columns": [{"name": "x", "kind": "numeric"}, {"name": "sex", "kind": "categorical"}],
		"label": "y", "positive": "1", "site": "h", "group": "sex", "features": ["x"], "kde_columns": ["x"], "vocabulary_size": 3, "rules": ["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.listed(), []string{"x", "sex", "y", "h"}) || !slices.Equal(c.Group, Names{"sex"}) || c.Shape() != plugins.Records {
		t.Errorf("%+v", c)
	}
}

func FuzzParseColumns(f *testing.F) {
	f.Add([]byte(`{"columns": [{"name": "a", "kind": "id"}], "group": ["b"]}`))
	f.Add([]byte(`{"link_aux": [["a"], ["b"]], "events": {}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseColumns(text)
		if err == nil { // what is said holds together: it can be asked for
			c.listed()
			c.limits()
			c.Shape()
		}
	})
}

func TestFilesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct{ real, synthetic, holdout, columns, want string }{
		"text among numbers": {someReal, "age,sex,died\n52,f,1\nold,m,0\n", "", "", `s.csv:3:1: column "age": text in a number column`},
		"misspelt":           {someReal, "age,sexx,died\n1,f,1\n", "", "", `no column "sex", which `},
		"misspelt, hint":     {someReal, "age,sexx,died\n1,f,1\n", "", "", `did you mean "sexx"?`},
		"further":            {someReal, "age,sex,died,bmi\n1,f,1,2\n", "", "", `has no column "bmi"`},
		"holdout lacks":      {someReal, someOther, "age,sex\n1,f\n", "", `h.csv: no column "died", which `},
		"no row":             {someReal, "age,sex,died\n", "", "", `s.csv: there is no row, only the names of columns`},
		"empty":              {"", someOther, "", "", `r.csv: empty file`},
		"twice":              {"a,a\n1,2\n", "a,a\n1,2\n", "", "", `r.csv:1: fields 1 and 2 of the header are both named "a"`},
		"no such role":       {someReal, someOther, "", `{"label": "ded"}`, `r.csv: no column "ded", which "label" names; did you mean "died"?`},
		"no such column":     {someReal, someOther, "", `{"columns": [{"name": "sexx"}]}`, `r.csv: no column "sexx"; did you mean "sex"?`},
		"drop unknown":       {someReal, someOther, "", `{"drop": "sexx"}`, `r.csv: no column "sexx" to drop; did you mean "sex"?`},
		"drop all":           {"a\n1\n", "a\n1\n", "", `{"drop": ["a"]}`, `no column to compare is left`},
		"ids alone":          {someReal, someOther, "", `{"columns": [{"name": "sex", "kind": "id"}]}`, `r.csv: no column to compare is left`},
		"only the subject":   {someReal, someOther, "", `{"columns": [{"name": "sex", "kind": "id"}], "subject": "sex"}`, `no column to compare besides`},
		"no such label":      {someReal, someOther, "", `{"label": "sex", "positive": "x"}`, `no row has the label "sex" = "x"`},
		"no number":          {someReal, someOther, "", `{"label": "died", "positive": "yes"}`, `positive is "yes", and the label "died" is a number`},
		"no patient":         {"p,visit,code\n,1,A\n", "p,visit,code\n1,1,A\n", "", `{"events": {"subject": "p"}}`, `r.csv: no event has a subject and a visit`},
		"events with a site": {"p,visit,code\n,1,A\n", "p,visit,code\n1,1,A\n", "", `{"events": {"subject": "p"}, "site": "code"}`, `rows are events, and "code" is said to be in site`},
		"one column twice":   {"p,visit,code\n,1,A\n", "p,visit,code\n1,1,A\n", "", `{"events": {"subject": "p", "visit": "p"}}`, `column "p" is said to be two columns of events`},
	} {
		if _, err := pairOf(t, c.real, c.synthetic, c.holdout, c.columns); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := Open(t.Context(), Files{Real: t.TempDir(), Synthetic: "none.csv"}, &Columns{}, 1); err == nil || !strings.Contains(err.Error(), "a folder, not a file") {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Files{Real: filepath.Join(t.TempDir(), "none.csv")}, &Columns{}, 1); err == nil || !strings.HasSuffix(err.Error(), "none.csv: no such file") {
		t.Error(err)
	}
}

func TestPartsOfAPair(t *testing.T) {
	p := mustPair(t, someReal, "died,sex,age\n1,f,52\n", "age,sex,died\n40,f,0\n41,f,1\n", "")
	if got := []int{p.parts[plugins.Train].Frame.Rows(), p.parts[plugins.Test].Frame.Rows(), p.parts[plugins.Validation].Frame.Rows(), p.synthetic.Rows()}; !slices.Equal(got, []int{3, 2, 0, 1}) {
		t.Errorf("rows %v", got)
	}
	if !slices.Equal(p.synthetic.Names(), []string{"age", "sex", "died"}) || p.synthetic.Column("age").Numbers[0] != 52 {
		t.Errorf("the order of columns matters: %v", p.synthetic.Names())
	}
	alone := mustPair(t, someReal, someOther, "", "")
	pair := plugins.NewPair(plugins.NewParts(alone.parts), alone.synthetic, "")
	if !pair.Alike(plugins.Train, plugins.Test) || len(alone.Notes) != 1 || !strings.Contains(alone.Notes[0], "no --holdout") {
		t.Errorf("%q", alone.Notes)
	}
	if f := alone.Files; f[0].Rows != 3 || math.Abs(f[0].Missing-1./9) > 1e-12 || math.Abs(f[1].Missing-1./6) > 1e-12 || len(f) != 2 || f[0].Label != nil {
		t.Errorf("%+v", f)
	}
	same := mustPair(t, someReal, someReal, "", "")
	if !strings.Contains(same.Notes[0], "the real and the synthetic file are the same, byte for byte") {
		t.Errorf("%q", same.Notes)
	}
}

func TestSubjectsAndSitesAreSetApart(t *testing.T) {
	const columns = `{"subject": "who", "site": "where", "label": "died"}`
	p := mustPair(t, "who,where,age,died\n1,x,50,0\n1,x,60,1\n2,y,70,1\n", "age,died\n1,0\n", "who,where,age,died\n2,x,50,1\n3,x,60,0\n", columns)
	train := p.parts[plugins.Train]
	if !slices.Equal(train.Frame.Names(), []string{"age", "died"}) || train.Subject.Levels[1] != "2" || train.Site.Levels[1] != "y" || train.Beside.Column("where") == nil {
		t.Errorf("%v", train.Frame.Names())
	}
	if *p.Files[0].Subjects != 2 || p.Files[1].Subjects != nil || *p.Files[0].Label != (Share{"1", 2, 3}) || *p.Files[2].Label != (Share{"1", 1, 2}) {
		t.Errorf("%+v", p.Files)
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.HasPrefix(n, "1 of the 2 subjects of the holdout") }) {
		t.Errorf("%q", p.Notes)
	}
	made := mustPair(t, "where,age\nx,50\n", "where,age\ny,50\n", "", `{"site": "where"}`)
	if train := made.parts[plugins.Train]; train.Site == nil || train.Frame.Column("where") == nil || made.synthetic.Column("where") == nil {
		t.Errorf("a site that synthetic rows have is a variable: %v", train.Frame.Names())
	}
}

func TestKinds(t *testing.T) {
	p := mustPair(t, "a,b,c,d,e\n,1,A,,1\n,2,B,,2\n", "a,b,c,d,e\nx,3,4,,1\ny,,5,,2\n", "a,b,c,d,e\nz,1,6,7,3\n", `{"columns": [{"name": "a"}, {"name": "b", "kind": "categorical"}, {"name": "c"}, {"name": "d"}]}`)
	kinds := func(f *frame.Frame) (out []frame.Kind) {
		for _, c := range f.Columns() {
			out = append(out, c.Kind)
		}
		return out
	}
	want := []frame.Kind{frame.Category, frame.Category, frame.Category, frame.Number} // a by the synthetic values, d by those of the holdout
	for _, f := range []*frame.Frame{p.parts[plugins.Train].Frame, p.parts[plugins.Test].Frame, p.synthetic} {
		if !slices.Equal(kinds(f), want) {
			t.Errorf("%v, want %v", kinds(f), want)
		}
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, `as the real file holds texts there: "c"`) }) {
		t.Errorf("%q", p.Notes)
	}
}

func TestMissingAndLimits(t *testing.T) {
	p := mustPair(t, "a,b\nNA,-1\n2,5\n", "a,b\n3,-1\n4,-1\n", "", `{"missing_token": "NA", "columns": [{"name": "a", "unit": "mg", "max": 9}, {"name": "b", "missing": ["-1"]}]}`)
	if train := p.parts[plugins.Train].Frame; train.Column("a").MissingCount() != 1 || train.Column("b").MissingCount() != 1 || p.synthetic.Column("b").MissingCount() != 2 {
		t.Error("codes of missing values are taken for values")
	}
	if limit := p.limits["a"]; len(p.limits) != 1 || limit.Min != nil || *limit.Max != 9 || p.Columns[0].Unit != "mg" {
		t.Errorf("%+v", p.limits)
	}
}

func TestIdentifiersAreLeftOut(t *testing.T) {
	var real, synthetic strings.Builder
	header := "stay_id,code,patientid,fluid,note,ward,x\n"
	real.WriteString(header)
	synthetic.WriteString(header)
	for i := range 120 {
		row := fmt.Sprintf("%d,%d,%d,%d,%%s %d,%d ward,%d\n", i, i, i*2/3, i/2, i*2/3, i%50, i%7)
		fmt.Fprintf(&real, row, "real")
		fmt.Fprintf(&synthetic, row, "made")
	}
	for columns, want := range map[string][]string{
		``:                                 {"code", "patientid", "fluid", "ward", "x"},
		`{"keep": ["note", "stay_id"]}`:    {"stay_id", "code", "patientid", "fluid", "note", "ward", "x"},
		`{"keep": "note", "drop": "code"}`: {"patientid", "fluid", "note", "ward", "x"},
		`{"subject": "stay_id", "group": "note"}`:                                                   {"code", "patientid", "fluid", "note", "ward", "x"},
		`{"columns": [{"name": "stay_id", "kind": "id"}, {"name": "note", "kind": "categorical"}]}`: {"note"},
		`{"columns": [{"name": "stay_id", "kind": "numeric"}, {"name": "note"}]}`:                   {"stay_id"},
		`{"columns": [{"name": "x"}], "keep": ["note"]}`:                                            {"note", "x"},
	} {
		p := mustPair(t, real.String(), synthetic.String(), "", columns)
		if !slices.Equal(p.synthetic.Names(), want) || !slices.Equal(p.parts[plugins.Train].Frame.Names(), want) {
			t.Errorf("%s: %v, want %v", columns, p.synthetic.Names(), want)
		}
	}
	notes := strings.Join(mustPair(t, real.String(), synthetic.String(), "", "").Notes, "\n")
	for _, want := range []string{
		`left out: "note", where more than half`, `left out: "stay_id", whole numbers under the name of an identifier`,
		`compared, but perhaps an identifier: "code", "patientid", by`,
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not among\n%s", want, notes)
		}
	}
	for columns, want := range map[string]string{
		`{"keep": ["nte"]}`:                    `no column "nte", which "keep" names; did you mean "note"?`,
		`{"keep": ["note"], "drop": ["note"]}`: `column "note" is said to be dropped and in keep`,
	} {
		if _, err := pairOf(t, real.String(), synthetic.String(), "", columns); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", columns, err)
		}
	}
}

func TestDroppedColumnsNeedNotAgree(t *testing.T) {
	for columns, synthetic := range map[string]string{
		`{"drop": ["id"], "columns": [{"name": "id"}, {"name": "x"}]}`: "id,text,x\n1,b,2\n",
		`{"drop": ["id"], "columns": [{"name": "x"}]}`:                 "no,note,x\n1,b,2\n",
	} {
		if p := mustPair(t, "id,note,x\n1,a,2\n", synthetic, "", columns); !slices.Equal(p.synthetic.Names(), []string{"x"}) {
			t.Errorf("%v", p.synthetic.Names())
		}
	}
}

func TestThePositiveValueOfTheLabel(t *testing.T) {
	for name, c := range map[string]struct {
		real, synthetic, columns string
		value                    string
		events                   []int // of real and synthetic rows; nil: the label cannot be predicted
		kind                     frame.Kind
	}{
		"0 and 1":            {"y\n0\n1\n1\n", "y\n1\n", `{"label": "y"}`, "1", []int{2, 1}, frame.Number},
		"0 is positive":      {"y\n0\n1\n1\n", "y\n1\n", `{"label": "y", "positive": "0"}`, "0", []int{1, 0}, frame.Number},
		"the last text":      {"y\nno\nyes\n", "y\nyes\n", `{"label": "y"}`, "yes", []int{1, 1}, frame.Category},
		"the last, named":    {"y\nno\nyes\n", "y\nmaybe\nyes\n", `{"label": "y", "positive": "yes"}`, "yes", []int{1, 1}, frame.Category},
		"the first text":     {"y\nAlive\nExpired\n", "y\nAlive\n", `{"label": "y", "positive": "Alive"}`, "Alive", []int{1, 1}, frame.Number},
		"one of three":       {"y\na\nb\nc\n", "y\nb\nb\n", `{"label": "y", "positive": "b"}`, "b", []int{1, 2}, frame.Number},
		"three":              {"y\na\nb\nc\n", "y\nb\nb\n", `{"label": "y"}`, "", nil, frame.Category},
		"a missing label":    {"y,x\n0,1\n1,1\n,1\n", "y,x\n1,1\n", `{"label": "y"}`, "", nil, frame.Number},
		"a measurement":      {"y\n0.5\n1\n7\n", "y\n1\n", `{"label": "y"}`, "", nil, frame.Number},
		"one class is there": {"y\n0\n0\n", "y\n1\n", `{"label": "y"}`, "1", []int{0, 1}, frame.Number},
	} {
		p, err := pairOf(t, c.real, c.synthetic, "", c.columns)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := p.parts[plugins.Train].Frame.Column("y").Kind; got != c.kind {
			t.Errorf("%s: a %s", name, got)
		}
		if c.events == nil {
			if p.Label != "" || p.roles.Label != "" || p.Files[0].Label != nil || !strings.Contains(p.lacking(plugins.LacksLabel), "that can be predicted: target") {
				t.Errorf("%s: %q, %s", name, p.Label, p.lacking(plugins.LacksLabel))
			}
			continue
		}
		for i, want := range c.events {
			if got := p.Files[i].Label; got == nil || got.N != want || got.Value != c.value {
				t.Errorf("%s: %+v, want %d of %q", name, got, want, c.value)
			}
		}
	}
}

func TestEventsTakeTheNamesOfTheShape(t *testing.T) {
	const real, other = "patient_id,visit,time_days,code\np1,1,0.5,A\np1,2,3,B\np2,1,0,A\n", "code,patient_id,visit,time_days\nA,q1,1,0\n"
	guessed := `{"columns": [{"name": "patient_id", "kind": "id"}, {"name": "visit", "kind": "numeric"}, {"name": "time_days", "kind": "numeric"}, {"name": "code", "kind": "categorical"}]}`
	for name, columns := range map[string]string{"guessed": guessed, "said": `{"events": {"subject": "patient_id", "time": "time_days"}}`} {
		p := mustPair(t, real, other, "", columns)
		train := p.parts[plugins.Train]
		if p.Shape != plugins.Events || !slices.Equal(train.Frame.Names(), []string{events.Subject, events.Time, events.Code, events.Visit}) || train.Subject == nil || p.synthetic.Rows() != 1 {
			t.Errorf("%s: %s, %v", name, p.Shape, train.Frame.Names())
		}
		if f := p.Files[0]; *f.Subjects != 2 || *f.Visits != 3 || *f.Codes != 2 {
			t.Errorf("%s: %+v", name, f)
		}
	}
	e, err := ParseEvents("subject=p, code=c")
	if err != nil || *e != (Events{Subject: "p", Code: "c"}) {
		t.Errorf("%+v, %v", e, err)
	}
	for text, want := range map[string]string{"subject": `"subject" names no column`, "patient=p": `events have no "patient"`} {
		if _, err := ParseEvents(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// measures is a metric in a function.
type measures func(env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error)

func (m measures) Measure(_ context.Context, env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	return m(env, pair)
}

// grouped is a Config that has to be told groups.
type grouped struct {
	By    []string `json:"by"`
	Other int      `json:"other"`
}

func (g grouped) Suit(r plugins.Roles) (any, string) {
	if len(r.Groups) == 0 {
		return nil, plugins.LacksGroups
	}
	g.By = r.Groups
	return g, ""
}

// fakes is a registry of metrics that do what their names say.
func fakes() *plugins.Registry {
	r := &plugins.Registry{}
	add := func(info plugins.Info, m measures) {
		fill(&info)
		plugins.Add(&r.Metrics, info, struct{}{}, func(struct{}) (plugins.Metric, error) { return m, nil })
	}
	count := func(env plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
		rows := pair.Parts.Get(plugins.Test).Frame.Rows()
		return one(float64(rows) + env.Rand.For(plugins.ForModel, "x").Float64()/2), nil
	}
	add(plugins.Info{Name: "rows", Random: []plugins.Purpose{plugins.ForModel}}, count)
	add(plugins.Info{Name: "privacy", Control: true, Random: []plugins.Purpose{plugins.ForModel}}, count)
	add(plugins.Info{Name: "rows-elsewhere", Variant: true, Random: []plugins.Purpose{plugins.ForModel}}, count)
	add(plugins.Info{Name: "panics"}, func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) { panic("oops") })
	add(plugins.Info{Name: "fails"}, func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) { return nil, errors.New("no luck") })
	add(plugins.Info{Name: "breaks"}, func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) { return one(math.NaN()), nil })
	add(plugins.Info{Name: "courses", Shapes: []plugins.Shape{plugins.Events}}, count)
	add(plugins.Info{Name: "unlabelled"}, func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) {
		return &plugins.Measurement{Scores: []plugins.Score{{Name: "value", Status: plugins.Undefined, Reason: "why not"}}}, nil
	})
	info := plugins.Info{Name: "by-group"}
	fill(&info)
	plugins.Add(&r.Metrics, info, grouped{Other: 1}, func(g grouped) (plugins.Metric, error) {
		return measures(func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) { return one(float64(len(g.By))), nil }), nil
	})
	r.Core = []plugins.Preset{{Name: "count", Use: "rows"}, {Name: "groups", Use: "by-group", With: []byte(`{"other": 2}`)}}
	return r
}

func fill(i *plugins.Info) {
	i.Version, i.Summary, i.Family, i.Cost, i.Reads = 1, "a fake", plugins.Marginals, plugins.PerModel, []plugins.Part{plugins.Test, plugins.Train}
	if i.Scores == nil {
		i.Scores = []plugins.ScoreInfo{{Name: "value", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Higher}}
	}
	if i.Shapes == nil {
		i.Shapes = []plugins.Shape{plugins.Records}
	}
}

func one(value float64) *plugins.Measurement {
	return &plugins.Measurement{Scores: []plugins.Score{{Name: "value", Value: value, N: 1, Status: plugins.OK}}}
}

func TestChoose(t *testing.T) {
	r := fakes()
	for _, c := range []struct {
		names string
		shape plugins.Shape
		want  string
		fail  string
	}{
		{"core", plugins.Records, "count groups", ""},
		{"core", plugins.Events, "courses", ""}, // no preset is of events
		{"all", plugins.Records, "breaks by-group fails panics privacy rows unlabelled", ""},
		{"rows-elsewhere count rows core", plugins.Records, "rows-elsewhere count rows groups", ""},
		{"row", plugins.Records, "", `no metric named "row"; did you mean "rows"?`},
		{"courses", plugins.Records, "", `the rows are records, which metric "courses" does not take`},
		{"count", plugins.Events, "", `the rows are events, which metric "count" does not take`},
		{"", plugins.Records, "", "no metric is chosen"},
	} {
		got, err := Choose(r, strings.Fields(c.names), c.shape)
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
		}
		if strings.Join(names, " ") != c.want || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%s of %s: %v, %v", c.names, c.shape, names, err)
		}
	}
}

func rateAll(t *testing.T, p *Pair, opts Options, names ...string) map[string]Metric {
	t.Helper()
	r := fakes()
	metrics, err := Choose(r, names, plugins.Records)
	if err != nil {
		t.Fatal(err)
	}
	rated, err := p.Rate(t.Context(), r, metrics, opts)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Metric{}
	for _, m := range p.Report(rated).Metrics {
		out[m.Name] = m
	}
	return out
}

func TestAMetricThatFailsLeavesTheOthers(t *testing.T) {
	p := mustPair(t, someReal, someOther, "", "")
	for _, threads := range []int{1, 3} {
		done := 0
		got := rateAll(t, p, Options{Threads: threads, Progress: func(n, total int, _ string) {
			if done++; n != done || total != 8 {
				t.Errorf("%d of %d, at call %d", n, total, done)
			}
		}}, All, "count")
		for name, want := range map[string][2]string{
			"panics": {Failed, "a bug in the plugin: oops; please report it"}, "fails": {Failed, "no luck"},
			"breaks":   {Failed, `a bug in the plugin: score "value" is not a number; please report it`},
			"privacy":  {NotMeasured, "--holdout: real rows that the generator has not seen"},
			"by-group": {NotMeasured, "--group NAME, a column whose values are groups of patients, such as sex"},
			"rows":     {Measured, ""}, "count": {Measured, ""}, "unlabelled": {Measured, ""},
		} {
			m := got[name]
			if !strings.Contains(m.Reason, want[1]) || m.Status != want[0] || (m.Stack != nil) != (name == "panics") {
				t.Errorf("%s: %s, %s", name, m.Status, m.Reason)
			}
		}
		if s := got["unlabelled"].Scores[0]; s.Value != nil || s.Reason != "why not" {
			t.Errorf("an undefined score has the value %v", *s.Value)
		}
		if a, b := got["rows"].Scores[0], got["count"].Scores[0]; *a.Value != *b.Value || done != 8 {
			t.Errorf("a preset is measured otherwise than its plugin: %v and %v", *a.Value, *b.Value)
		}
	}
}

func TestSettingsThatSuit(t *testing.T) {
	p := mustPair(t, someReal, someOther, "age,sex,died\n1,f,0\n", `{"group": ["sex"]}`)
	got := rateAll(t, p, Options{Threads: 1}, Core, All)
	if m := got["groups"]; m.Status != Measured || string(m.Settings) != `{"by":["sex"],"other":2}` || *m.Scores[0].Value != 1 {
		t.Errorf("%s %s %s", m.Status, m.Reason, m.Settings)
	}
	if got["privacy"].Status != Measured || math.Floor(*got["privacy"].Scores[0].Value) != 1 {
		t.Errorf("%+v", got["privacy"])
	}
}

// What is drawn hangs on the seed and the real rows, not on the synthetic ones.
func TestDraws(t *testing.T) {
	value := func(real, synthetic string, seed uint64) float64 {
		return *rateAll(t, mustPair(t, real, synthetic, "", ""), Options{Seed: seed, Threads: 1}, "rows")["rows"].Scores[0].Value
	}
	first := value(someReal, someOther, 1)
	if value(someReal, someReal, 1) != first {
		t.Error("another synthetic file is drawn for otherwise")
	}
	if value(someReal, someOther, 2) == first || value("age,sex,died\n51,f,0\n60,m,1\n70,,0\n", someOther, 1) == first {
		t.Error("seed and real rows do not matter")
	}
}

func TestEveryLackHasAWay(t *testing.T) {
	for _, lacks := range []string{plugins.LacksLabel, plugins.LacksSite, plugins.LacksGroups, plugins.LacksQuasi, plugins.LacksKey, plugins.LacksHalves, plugins.LacksSecret, plugins.LacksFile} {
		if ways[lacks] == "" {
			t.Errorf("nothing says how to give %s", lacks)
		}
	}
	if n := len(slices.Collect(maps.Keys(ways))); n != 8 {
		t.Errorf("%d ways", n)
	}
}
