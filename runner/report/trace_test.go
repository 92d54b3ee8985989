package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

func TestTrace(t *testing.T) {
	v := record.Views{Tables: append(dressed(), views().Tables...)}
	for _, c := range []struct{ table, row, column, shown, scores string }{
		{"means", "naive,all,across", "AUROC", "0.770 [0.639, 0.899]", "naive-all-1 0.76; naive-all-2 failed; naive-all-3 0.78"},
		{"means", "scope=across, strategy=naive, features=all", "auroc", "0.770 [0.639, 0.899]", "naive-all-1 0.76; naive-all-2 failed; naive-all-3 0.78"},
		{"MEANS", "Naive, All, Across", "kl.mean", "0.230 [0.103, 0.357]", "naive-all-1 0.24; naive-all-2 failed; naive-all-3 0.22"},
		{"spread", "naive,all", "shape: SD", "0.01", "naive-all-1 0.24; naive-all-2 failed; naive-all-3 0.22"},
		{"spread", "naive,top5", "KS of age", "72.0 [69.5, 74.5]", "naive-top5-1 0.71; naive-top5-2 0.72; naive-top5-3 0.73"},
		{"over_columns", "copula", "top5", "0.620 [0.581, 0.652]", "copula-top5-1 0.61; copula-top5-2 0.62; copula-top5-3 0.63"},
		{
			"best", "top5,AUROC ↑", "difference", "0.100",
			"naive-top5-1 0.71 less copula-top5-1 0.61; naive-top5-2 0.72 less copula-top5-2 0.62; naive-top5-3 0.73 less copula-top5-3 0.63",
		},
		{"one_seed", "ceiling,across", "auroc", "0.9 [0.8, 0.9]", "ceiling-all-2 0.87"},
	} {
		o, err := Trace(study(), v, c.table, c.row, c.column)
		if err != nil {
			t.Errorf("%s, %s, %s: %v", c.table, c.row, c.column, err)
			continue
		}
		var scores []string
		text := func(s *OriginScore) string {
			if s.Status != plugins.OK {
				return s.Cell + " " + string(s.Status)
			}
			return fmt.Sprintf("%s %.4g", s.Cell, s.Value)
		}
		for i := range o.Scores {
			one := text(&o.Scores[i])
			if o.Scores[i].Less != nil {
				one += " less " + text(o.Scores[i].Less)
			}
			scores = append(scores, one)
		}
		slices.Sort(scores)
		if got := strings.Join(scores, "; "); o.Shown != c.shown || got != c.scores {
			t.Errorf("%s, %s, %s: %q, %q", c.table, c.row, c.column, o.Shown, got)
		}
		if len(o.How) == 0 || len(o.Cells()) == 0 || o.Scores[0].Axes["seed"] == "" {
			t.Errorf("%s, %s, %s: how %q, cells %q", c.table, c.row, c.column, o.How, o.Cells())
		}
	}
}

// Every row and column is listed by a name that finds it, be there commas, signs of equality, or nothing in its labels.
func TestEveryRowIsFoundByItsName(t *testing.T) {
	core := people()
	for i := range core.Scores {
		if s := &core.Scores[i]; s.Dims["level"] == "other levels" {
			s.Dims["level"] = "statistic=a, b,c"
		}
	}
	views := record.Views{Tables: append([]spec.Table{{Name: "who", Kind: spec.CohortTable, Over: []string{"seed"}}}, dressed()...)}
	for _, core := range []*record.Core{core, study()} {
		found := 0
		for _, o := range Outlines(core, views) {
			for r, row := range o.Rows {
				for _, column := range o.Columns {
					got, err := Trace(core, views, o.Table, row.Name, column.Name)
					if err != nil {
						t.Errorf("%s, %q, %q: %v", o.Table, row.Name, column.Name, err)
						continue
					}
					if !maps.Equal(got.Row, row.Labels) || got.Column != column.Name {
						t.Errorf("%s, %q, %q: row %d is %v, column %q", o.Table, row.Name, column.Name, r, got.Row, got.Column)
					}
					found++
				}
			}
		}
		if found < 15 {
			t.Errorf("%d numbers", found)
		}
	}
	one, err := OutlineOf(Outlines(core, views), "who")
	if err != nil || one.Rows[0].Name != "characteristic=rows" || one.Rows[4].Name != "characteristic=ward" || one.Columns[0].Name != "real" {
		t.Errorf("%v %+v", err, one)
	}
	if _, err := Trace(core, views, "who", "characteristic=ward, statistic=statistic=a,b,c, n (%)", "real"); err != nil {
		t.Error(err)
	}
	if _, err := OutlineOf(Outlines(core, views), "whom"); err == nil || err.Error() != `no table "whom"; did you mean "who"?` {
		t.Error(err)
	}
}

// Behind the numbers of a contrast are its pairs; of one that lacks a score, the other.
func TestTraceOfPrimary(t *testing.T) {
	core := arms(map[string][]float64{"group": {0.85, 0.86, 0.84}, "naive": {0.80, 0.82, math.NaN()}})
	v := record.Views{Primary: []spec.Contrast{against("holds", "across.auroc", "group", "naive")}}
	for column, how := range map[string]string{
		"a − b":      "the mean of the differences of pairs: 2 of 3",
		"adjusted p": "p of no difference, by the differences of pairs, adjusted for all tests of the table: 2 of 3",
	} {
		o, err := Trace(core, v, spec.PrimaryTable, "contrast=holds", column)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Cells(); !slices.Equal(got, []string{"group.1", "naive.1", "group.2", "naive.2", "group.3"}) || !slices.Contains(o.How, how) {
			t.Errorf("%s: cells %q, how %q", column, got, o.How)
		}
		if first := o.Scores[0]; first.Value != 0.85 || first.Less == nil || first.Less.Value != 0.80 {
			t.Errorf("%s: the first pair is %+v", column, first)
		}
	}
}

// Counts are behind the numbers of an account.
func TestTraceOfCounts(t *testing.T) {
	o, err := Trace(asked(), record.Views{}, "accounting", "bird,naive,all,few", "requested")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, c := range o.Counts {
		sum += c.Value
	}
	if sum != int(*o.Value.Value) || len(o.Counts) < 2 || len(o.Cells()) < 2 {
		t.Errorf("%v of %+v", *o.Value.Value, o.Counts)
	}
}

func TestTraceOfNothing(t *testing.T) {
	for _, c := range [][4]string{
		{"mean", "naive,all,across", "AUROC", `no table "mean"; did you mean "means"?`},
		{"means", "naive,all,acros", "AUROC", `row "naive,all,acros": scope has no "acros"; did you mean "across"?`},
		{"means", "naive,all,across", "AUROCK", `no column "AUROCK"; did you mean "AUROC"?`},
		{"means", "strategi=naive", "AUROC", `row "strategi=naive": table "means" has no "strategi" in its rows; did you mean "strategy"?`},
		{"means", "strategy=naive,featurs=all", "AUROC", `row "strategy=naive,featurs=all": table "means" has no "featurs" in its rows; did you mean "features"?`},
		{"means", "strategy=naiv", "AUROC", `row "strategy=naiv": strategy has no "naiv"; did you mean "naive"?`},
		{"means", "scope=within,features=all", "AUROC", `3 rows match "scope=within,features=all": they are "naive,all,within", "copula,all,within", "ceiling,all,within"`},
		{"means", "naive,all", "AUROC", `row "naive,all": want the labels of strategy, features, scope, with commas between them`},
		{"means", "ceiling,top5,within", "AUROC", `row "ceiling,top5,within": table "means" has no row with these labels together`},
		{"by_column", "naive", "KS again", `2 columns are named "KS again": "age: KS again", "lactate_mmol: KS again"`},
	} {
		v := record.Views{Tables: append(dressed(), views().Tables...)}
		if _, err := Trace(study(), v, c[0], c[1], c[2]); err == nil || err.Error() != c[3] {
			t.Errorf("%q: got %v\nwant %s", c[:3], err, c[3])
		}
	}
}

// Arms of the data have an account each, unless where selects one: no line and no note mixes them, and no fact is that of one arm alone.
func TestArmsOfTheDataHaveAccountsOfTheirOwn(t *testing.T) {
	core := study()
	core.Manifest.Axes = append(core.Manifest.Axes, "minage")
	for _, arm := range []struct {
		age  string
		left int
	}{{"16", 2400}, {"40", 1900}} {
		add := func(stage, name string, value int, step, filter string) {
			core.Counts = append(core.Counts, record.Count{Dataset: "icu", Stage: stage, Count: plugins.Count{
				Name: name, Value: value, Dims: map[string]string{"step": step, "filter": filter, "minage": arm.age},
			}})
		}
		add("cohort", "left", 2500, "0", "all rows")
		add("cohort", "excluded", 2500-arm.left, "1", "age ≥ "+arm.age)
		add("cohort", "left", arm.left, "1", "age ≥ "+arm.age)
	}
	flow := func(where map[string][]spec.Value) Rendered {
		return made(t, core, spec.Table{Name: "flow", Kind: spec.AttritionTable, Where: where})
	}
	both, one := flow(nil), flow(map[string][]spec.Value{"minage": {{Text: "16"}}})
	want := []string{
		"16, all rows | – | 2,500 | –", "16, age ≥ 16 | 100 | 2,400 | –",
		"40, all rows | – | 2,500 | –", "40, age ≥ 40 | 600 | 1,900 | –",
	}
	if d := cmp.Diff(want, shownCells(both)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"all rows | – | 2,500 | –", "age ≥ 16 | 100 | 2,400 | –"}, shownCells(one)); d != "" {
		t.Error(d)
	}
	note := "Cohort of minage 16: all rows: 2500 left; age ≥ 16: 100 excluded, 2400 left. Cohort of minage 40: all rows: 2500 left; age ≥ 40: 600 excluded, 1900 left"
	if !strings.Contains(strings.Join(both.Data, "\n"), note) {
		t.Errorf("%q", both.Data)
	}
	facts := func(where map[string][]spec.Value) []string {
		return shownCells(made(t, core, spec.Table{Name: "d", Kind: spec.DatasetTable, Of: []string{"rows"}, Where: where}))
	}
	if d := cmp.Diff([]string{"rows | – | –"}, facts(nil)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"rows | 2,400 | –"}, facts(map[string][]spec.Value{"minage": {{Text: "16"}}})); d != "" {
		t.Error(d)
	}
}

// A cohort starts with what reading left of the same arm, whichever arm was read last.
func TestArmsStartWithTheRowsReadForThem(t *testing.T) {
	core := study()
	core.Manifest.Axes = append(core.Manifest.Axes, "source")
	add := func(stage, source string, value int) {
		core.Counts = append(core.Counts, record.Count{Dataset: "icu", Stage: stage, Count: plugins.Count{
			Name: map[string]string{"dataset": "stays left", "cohort": "subjects left"}[stage], Value: value,
			Dims: map[string]string{"step": "0", "filter": "all", "source": source},
		}})
	}
	add("dataset", "a", 300)
	add("dataset", "b", 200)
	add("cohort", "a", 150)
	add("cohort", "b", 120)
	got := shownCells(made(t, core, spec.Table{Name: "flow", Kind: spec.AttritionTable}))
	if d := cmp.Diff([]string{"a, all | – | 300 | 150", "b, all | – | 200 | 120"}, got); d != "" {
		t.Error(d)
	}
}

// The cohort, step by step, and the parts; what is withheld of restricted data says so.
func TestAttrition(t *testing.T) {
	core := study()
	core.Manifest.Data[0].Governance = plugins.Restricted
	add := func(stage, name string, value int, dims ...string) {
		c := record.Count{Dataset: "icu", Stage: stage, Count: plugins.Count{Name: name, Value: value, Dims: map[string]string{}}}
		for i := 0; i < len(dims); i += 2 {
			c.Dims[dims[i]] = dims[i+1]
		}
		core.Counts = append(core.Counts, c)
	}
	add("dataset", "stays left", 2520, "step", "0", "filter", "all stays")
	add("dataset", "stays excluded", 28, "step", "1", "filter", "no discharge")
	add("dataset", "stays left", 2492, "step", "1", "filter", "no discharge")
	add("cohort", "left", 2492, "step", "0", "filter", "all rows")
	add("cohort", "subjects left", 1820, "step", "0", "filter", "all rows")
	add("cohort", "excluded for a missing value", 4, "step", "1", "filter", "adults")
	add("cohort", "left", 2400, "step", "1", "filter", "adults")
	add("split", "rows", 1200, "part", "train")
	add("split", "subjects", 900, "part", "train")
	r := made(t, core, spec.Table{Name: "flow", Kind: spec.AttritionTable})
	var got []string
	for _, l := range r.Lines {
		line := l.Labels[0]
		for _, v := range l.Values {
			if v.Status == OK {
				line += fmt.Sprintf(" %g", v.Value)
			} else {
				line += " " + string(v.Status)
			}
		}
		got = append(got, line)
	}
	want := []string{
		"all stays absent 2520 withheld", "no discharge 28 2492 1820", "adults withheld 2400 withheld",
		"part: train absent 1200 900",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A declared table of rows stands for the one that every version with language models has.
func TestRowsAreDeclared(t *testing.T) {
	tables, err := Tables(asked(), record.Views{Tables: []spec.Table{{
		Name: "mine", Title: "Mine", Kind: spec.RowsTable, Where: map[string][]spec.Value{"mode": texts("few")},
	}}})
	if err != nil || len(tables) != 1 || tables[0].Name != "mine" || tables[0].Title != "Mine" {
		t.Fatal(err, len(tables))
	}
	for _, l := range tables[0].Lines {
		if slices.Contains(l.Labels, "many") {
			t.Errorf("%q is not selected", l.Labels)
		}
	}
	none, err := Tables(study(), record.Views{Tables: []spec.Table{{Name: "mine", Kind: spec.RowsTable}}})
	if err != nil || none[0].Problem == "" {
		t.Errorf("%v %q", err, none[0].Problem)
	}
}
