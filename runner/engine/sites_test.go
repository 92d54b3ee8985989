package engine_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// wards has four hospitals: 1 and 2 with 100 rows in the north, 3 with 60 in the south, 4 with 8 nowhere. Each fourth row has
// the label, but none at hospital 4. Subjects have two rows; subject 0 has one at 1 and one at 2.
type wards struct{}

func (wards) Files() ([]plugins.File, error) { return nil, nil }

func (wards) Header(context.Context, plugins.Env) (*plugins.Header, error) {
	return &plugins.Header{Governance: plugins.Open}, nil
}

func (wards) Read(context.Context, plugins.Env) (*plugins.Data, error) {
	var id, x, y, site, subject []float64
	var region []string
	var none []bool
	for hospital, rows := range map[int]int{1: 100, 2: 100, 3: 60, 4: 8} {
		for i := range rows {
			id = append(id, float64(1000*hospital+i))
			site = append(site, float64(hospital))
			subject = append(subject, float64(1000*hospital+i/2))
			label := 0.0
			if i/2%4 == 0 && hospital != 4 {
				label = 1
			}
			y = append(y, label)
			x = append(x, float64(i*i%101))
			region = append(region, map[int]string{1: "north", 2: "north", 3: "south"}[hospital])
			none = append(none, hospital == 4)
		}
	}
	order := make([]int, len(id)) // a map has no order
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(id[a] - id[b]) })
	f := frame.Must(
		frame.NewNumber("id", id), frame.NewNumber("x", x), frame.NewNumber("y", y),
		frame.NewNumber("hospital", site), frame.NewNumber("subject", subject), frame.NewCategoryFromStrings("region", region, none),
	).Take(order)
	moved := slices.Clone(f.Column("subject").Numbers)
	moved[101] = 1000 // of hospital 2: the first subject of hospital 1
	columns := slices.Clone(f.Columns())
	columns[4] = frame.NewNumber("subject", moved)
	return &plugins.Data{Frame: frame.Must(columns...)}, nil
}

// rowsOf reports where the rows that a metric sees come from.
type rowsOf struct{}

func (rowsOf) Measure(_ context.Context, _ plugins.Env, p *plugins.Pair) (*plugins.Measurement, error) {
	m := &plugins.Measurement{}
	for _, part := range []plugins.Part{plugins.Train, plugins.Test} {
		s := p.Parts.Get(part)
		at := map[float64]int{}
		for row := range s.Frame.Rows() {
			if s.Frame.Column("id").Numbers[row] < 1000*s.Site.Numbers[row] {
				return nil, errors.New("rows and sites are out of step")
			}
			at[s.Site.Numbers[row]]++
		}
		for site := range 5 {
			m.Scores = append(m.Scores, plugins.Score{
				Name: string(part), Dims: map[string]string{"hospital": strconv.Itoa(site)}, Value: float64(at[float64(site)]), Status: plugins.OK,
			})
		}
	}
	return m, nil
}

func wardStudy(b *bench, arrangements ...spec.Sites) *spec.Experiment {
	plugins.Add(&b.lab.registry.Datasets, plugins.Info{Name: "wards", Version: 1, Summary: "rows of hospitals"}, struct{}{},
		func(struct{}) (plugins.Dataset, error) { return wards{}, nil })
	plugins.Add(&b.lab.registry.Metrics, plugins.Info{
		Name: "rows", Version: 1, Summary: "where rows come from", Reads: []plugins.Part{plugins.Train, plugins.Test},
		Scores: []plugins.ScoreInfo{{Name: "train", Max: 1e9, Dims: []string{"hospital"}}, {Name: "test", Max: 1e9, Dims: []string{"hospital"}}},
	}, struct{}{}, func(struct{}) (plugins.Metric, error) { return rowsOf{}, nil })
	e := study(map[string]string{"a": ""}, values(10), 1)
	d := &e.Datasets[0]
	d.Use.Use, d.Site, d.Subject, d.Row = "wards", "hospital", "subject", "id"
	d.Split.By, d.Split.Stratify = "subject", []string{"hospital"}
	d.Minimum = spec.Minimum{Rows: 10, Events: 2, NonEvents: 2}
	d.Context = []string{"region"}
	e.Features[0].Allow = []string{"leakage"} // the fakes read the id
	e.Metrics[0].Use.Use = "rows"
	e.Sites = arrangements
	var names []any
	for _, a := range arrangements {
		names = append(names, a.Name)
	}
	if len(names) == 0 {
		names = []any{"all", "each", "leave-one-out", "grid"}
	}
	e.Matrix[0].Axes = slices.Insert(e.Matrix[0].Axes, 1, spec.AxisValues{Axis: "site", Values: values(names...)})
	return e
}

// seenAt is where train and test rows of a cell came from, e.g. "1:40 2:41 | 3:18".
func seenAt(core *record.Core, id string) string {
	var parts []string
	for _, part := range []string{"train", "test"} {
		var at []string
		for _, s := range core.Scores {
			if s.Cell == id && s.Name == part && s.Value > 0 {
				at = append(at, s.Dims["hospital"])
			}
		}
		parts = append(parts, strings.Join(at, ","))
	}
	return strings.Join(parts, " | ")
}

func trainRows(core *record.Core, id string) int {
	n := 0.0
	for _, s := range core.Scores {
		if s.Cell == id && s.Name == "train" {
			n += s.Value
		}
	}
	return int(n)
}

func TestArrangementsOfHospitals(t *testing.T) {
	b := newBench(t)
	e := wardStudy(b)
	core, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range core.Cells {
		got[c.Axes["site"]+" "+c.Axes["train_site"]+" "+c.Axes["test_site"]] = seenAt(core, c.ID)
		if c.Axes["test_site"] == "4" {
			if c.Status != record.CellNotEstimable || !strings.Contains(c.Reason, "0 with the event") || !strings.Contains(c.Reason, "the minimum is 10, 2 and 2") {
				t.Errorf("hospital 4: %+v", c)
			}
		} else if c.Status != record.CellOK {
			t.Errorf("cell %+v", c)
		}
	}
	want := map[string]string{
		"all all all": "1,2,3,4 | 1,2,3,4",
		"each 1 1":    "1 | 1", "each 2 2": "2 | 2", "each 3 3": "3 | 3", "each 4 4": " | ",
		"leave-one-out others 1": "2,3,4 | 1", "leave-one-out others 2": "1,3,4 | 2", "leave-one-out others 3": "1,2,4 | 3", "leave-one-out others 4": " | ",
	}
	for train := 1; train <= 4; train++ {
		for test := 1; test <= 4; test++ {
			want[fmt.Sprintf("grid %d %d", train, test)] = fmt.Sprintf("%d | %d", train, test)
			if test == 4 {
				want[fmt.Sprintf("grid %d %d", train, test)] = " | "
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// one row of a grid shares its synthetic rows; the grid leaves out subjects that each keeps
	if runs := b.lab.train.runs; runs != 1+3+3+4 {
		t.Errorf("%d sets of rows were generated, want 11", runs)
	}
	if res.NotEstimable != 1+1+4 || res.Failed != 0 {
		t.Errorf("%d not estimable, %d failed", res.NotEstimable, res.Failed)
	}
	again, res, err := b.run(t, t.Context(), e, engine.Options{Workers: 1})
	if err != nil || res.StepsRun != 0 || fmt.Sprint(again.Scores) != fmt.Sprint(core.Scores) || fmt.Sprint(again.Cells) != fmt.Sprint(core.Cells) {
		t.Errorf("a rerun ran %d steps: %v", res.StepsRun, err)
	}
}

// A patient of two hospitals trains no model that is tested at one of them.
func TestASubjectOfTwoHospitals(t *testing.T) {
	b := newBench(t)
	core, _, err := b.run(t, t.Context(), wardStudy(b), engine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	dropped := map[string]int{}
	for _, c := range core.Counts {
		if c.Name == "rows dropped: subject is also at a test site" {
			dropped[c.Dims["site"]+" "+c.Dims["train_site"]+" "+c.Dims["test_site"]] += c.Value
		}
	}
	// of subject 1000, two rows are at hospital 1 and one at hospital 2; all are in one part
	part := ""
	for _, c := range core.Counts {
		if c.Name == "rows dropped: subject is also at a test site" && c.Value > 0 {
			part = c.Dims["part"]
		}
	}
	if part == "" {
		t.Fatal("the subject fell into the test part: choose another seed")
	}
	want := map[string]int{"leave-one-out others 1": 1, "leave-one-out others 2": 2, "grid 1 ": 2, "grid 2 ": 1}
	for where, n := range dropped {
		if n != want[where] {
			t.Errorf("%s: %d rows dropped, want %d", where, n, want[where])
		}
	}
	if len(dropped) < 4 {
		t.Errorf("dropped %v", dropped)
	}
}

func TestGroupsAndMatching(t *testing.T) {
	cases := []struct {
		sites spec.Sites
		want  string // train_site>test_site: train hospitals | test hospitals, number of train rows where matched
	}{
		{spec.Sites{Name: "s", Use: "leave-one-out", By: "region"}, "others>north 3,4 | 1,2; others>south 1,2,4 | 3"},
		{spec.Sites{Name: "s", Use: "each", Size: []int{50, 100}}, "below 50 rows>below 50 rows  | ; 50 to 99 rows>50 to 99 rows 3 | 3; 100 rows or more>100 rows or more 1,2 | 1,2"},
		{spec.Sites{Name: "s", Use: "each", Only: []string{"3"}}, "3>3 3 | 3"},
		{spec.Sites{Name: "s", Use: "leave-one-out", Match: "own", Only: []string{"3"}}, "others>3 1,2 | 3 own"},
		{spec.Sites{Name: "s", Use: "each", Match: "20", Only: []string{"1", "3"}}, "1>1 1 | 1 20; 3>3 3 | 3 20"},
		{spec.Sites{Name: "s", Use: "each", Match: "30", Only: []string{"1", "3"}}, "1>1 1 | 1 30; 3>3  | "},
		{spec.Sites{Name: "s", Use: "grid", Match: "smallest", Only: []string{"1", "3"}}, "1>1 1 | 1 own; 1>3 1 | 3 own; 3>1 3 | 1 own; 3>3 3 | 3 own"},
	}
	for _, c := range cases {
		b := newBench(t)
		core, _, err := b.run(t, t.Context(), wardStudy(b, c.sites), engine.Options{Workers: 2})
		if err != nil {
			t.Errorf("%+v: %v", c.sites, err)
			continue
		}
		own := 0 // train rows of hospital 3, the smaller one
		for _, count := range core.Counts {
			if count.Name == "rows of the hospital" && count.Dims["hospital"] == "3" && count.Dims["part"] == "train" {
				own = count.Value
			}
		}
		var got []string
		for _, cell := range core.Cells {
			text := cell.Axes["train_site"] + ">" + cell.Axes["test_site"] + " " + seenAt(core, cell.ID)
			if n := trainRows(core, cell.ID); c.sites.Match != "" && n > 0 {
				if n == own {
					text += " own"
				} else {
					text += " " + strconv.Itoa(n)
				}
			}
			got = append(got, text)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%+v:\n got %s\nwant %s", c.sites, strings.Join(got, "; "), c.want)
		}
	}
}

func TestMistakesThatOnlyTheDataShow(t *testing.T) {
	for want, sites := range map[string]spec.Sites{
		`has no hospital or group "9"`: {Name: "s", Use: "each", Only: []string{"9"}},
		"needs two or more":            {Name: "s", Use: "each", Size: []int{1000}},
	} {
		b := newBench(t)
		_, _, err := b.run(t, t.Context(), wardStudy(b, sites), engine.Options{Workers: 2})
		var mistake *plan.MistakeError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", sites, err, want)
		}
	}
}

// The sample size may wait for the hospitals, and then for their train rows.
func TestSampleSizeOfEachHospital(t *testing.T) {
	b := newBench(t)
	e := wardStudy(b, spec.Sites{Name: "s", Use: "each"})
	for i := range e.Matrix[0].Axes {
		if e.Matrix[0].Axes[i].Axis == "n" {
			e.Matrix[0].Axes[i].Values = values(plugins.Train)
		}
	}
	core, _, err := b.run(t, t.Context(), e, engine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range core.Cells {
		want := strconv.Itoa(trainRows(core, c.ID))
		if c.Status == record.CellNotEstimable {
			want = "-"
		}
		if c.Axes["n"] != want {
			t.Errorf("hospital %s: n %s, want %s", c.Axes["test_site"], c.Axes["n"], want)
		}
	}
}
