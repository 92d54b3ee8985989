package prepare

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var (
	ctx = context.Background()
	nan = math.NaN()
)

// equalFrames compares all fields of all columns; NaN equals NaN.
func equalFrames(a, b *frame.Frame) string {
	return cmp.Diff(a.Columns(), b.Columns(), cmpopts.EquateNaNs(), cmpopts.EquateEmpty())
}

// category makes a column of single words; "-" is missing.
func category(name, words string) *frame.Column {
	values := strings.Fields(words)
	missing := make([]bool, len(values))
	for i, v := range values {
		missing[i] = v == "-"
	}
	return frame.NewCategoryFromStrings(name, values, missing)
}

func whole(name string, values ...float64) *frame.Column {
	c := frame.NewNumber(name, values)
	c.Integer, c.Unit = true, "years"
	return c
}

func prepared(t *testing.T, train, f *frame.Frame, cfg Config, skip ...string) (*frame.Frame, []plugins.Count) {
	t.Helper()
	fitted, err := Fit(ctx, train, cfg, Options{Skip: func(column string) bool { return slices.Contains(skip, column) }})
	if err != nil {
		t.Fatal(err)
	}
	out, counts, err := fitted.Apply(ctx, f, 2)
	if err != nil {
		t.Fatal(err)
	}
	return out, counts
}

func of(name, column string, value int) plugins.Count {
	return plugins.Count{Name: name, Dims: map[string]string{"column": column}, Value: value}
}

func TestKeepChangesNothing(t *testing.T) {
	f := frame.Must(whole("age", 1, nan), category("unit", "- b"))
	for _, missing := range []string{"", Keep} {
		out, counts := prepared(t, f, f, Config{Missing: missing})
		if diff := equalFrames(f, out); diff != "" || len(counts) != 0 {
			t.Errorf("missing %q: counts %v, frame %s", missing, counts, diff)
		}
	}
}

func TestMedianFills(t *testing.T) {
	tests := []struct {
		name  string
		train *frame.Column
		apply *frame.Column
		want  *frame.Column
	}{
		{"odd", frame.NewNumber("x", []float64{3, nan, 1, 8}), frame.NewNumber("x", []float64{nan, 7}), frame.NewNumber("x", []float64{3, 7})},
		{"even", frame.NewNumber("x", []float64{1, 2}), frame.NewNumber("x", []float64{nan}), frame.NewNumber("x", []float64{1.5})},
		{"whole, half to even, down", whole("x", 2, 3), whole("x", nan), whole("x", 2)},
		{"whole, half to even, up", whole("x", 3, 4), whole("x", nan), whole("x", 4)},
		{"fill that is not whole", frame.NewNumber("x", []float64{1.5}), whole("x", 1, nan), &frame.Column{
			Name: "x", Kind: frame.Number, Unit: "years", Numbers: []float64{1, 1.5},
		}},
		{
			"no overflow",
			frame.NewNumber("x", []float64{math.MaxFloat64, math.MaxFloat64}),
			frame.NewNumber("x", []float64{nan}), frame.NewNumber("x", []float64{math.MaxFloat64}),
		},
		{
			"smallest number",
			frame.NewNumber("x", []float64{math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64}),
			frame.NewNumber("x", []float64{nan}), frame.NewNumber("x", []float64{math.SmallestNonzeroFloat64}),
		},
		{"most frequent", category("x", "a b b -"), category("x", "- a"), category("x", "b a")},
		{"first of equally frequent", category("x", "c b b c a"), category("x", "- z"), category("x", "b z")},
		{"missing is no level", category("x", "- - - a"), category("x", "-"), category("x", "a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, counts := prepared(t, frame.Must(tt.train), frame.Must(tt.apply), Config{Missing: Median})
			if diff := equalFrames(frame.Must(tt.want), out); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]plugins.Count{of("missing values filled", "x", 1)}, counts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRareAndUnseenLevelsAreMerged(t *testing.T) {
	tests := []struct {
		name         string
		train, apply string
		cfg          Config
		want         string
		counts       []plugins.Count
	}{
		{
			"rare, unseen and missing", "a a a b b c -", "a b c d d -",
			Config{Levels: &Levels{Min: 2, Other: "OTHER"}},
			"a b OTHER OTHER OTHER -",
			[]plugins.Count{of("values of a rare level merged", "x", 1), of("values of an unseen level merged", "x", 2)},
		},
		{
			"min 0 merges only what is unseen", "a b", "a b c",
			Config{Levels: &Levels{Min: 0, Other: "o"}},
			"a b o",
			[]plugins.Count{of("values of an unseen level merged", "x", 1)},
		},
		{"other stays, however rare", "a a o", "o a", Config{Levels: &Levels{Min: 2, Other: "o"}}, "o a", nil},
		{"other stays when unseen", "a a", "o a", Config{Levels: &Levels{Min: 2, Other: "o"}}, "o a", nil},
		{
			"the most frequent level is counted before merging", "a a a b b c c d d", "- a",
			Config{Missing: Median, Levels: &Levels{Min: 3, Other: "o"}},
			"a a",
			[]plugins.Count{of("missing values filled", "x", 1)},
		},
		{
			"a rare level that fills is merged", "a a b", "- a",
			Config{Missing: Median, Levels: &Levels{Min: 3, Other: "o"}},
			"o o",
			[]plugins.Count{of("values of a rare level merged", "x", 1), of("missing values filled", "x", 1)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, counts := prepared(t, frame.Must(category("x", tt.train)), frame.Must(category("x", tt.apply)), tt.cfg)
			if diff := equalFrames(frame.Must(category("x", tt.want)), out); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.counts, counts, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDropKeepsIdentifiersInStep(t *testing.T) {
	f := frame.Must(
		category("id", "p1 p2 - p4 p5"),
		whole("age", 1, nan, 3, 4, nan),
		category("unit", "a - a b b"),
		frame.NewNumber("target", []float64{0, 1, 0, nan, 1}),
	)
	out, counts := prepared(t, f, f, Config{Missing: Drop}, "id", "target")
	if diff := equalFrames(f.Take([]int{0, 2, 3}), out); diff != "" {
		t.Error(diff)
	}
	want := []plugins.Count{
		of("rows with a missing value", "age", 2),
		of("rows with a missing value", "unit", 1),
		{Name: "rows dropped: missing value", Value: 2},
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

func TestDropComesBeforeTheCountOfLevels(t *testing.T) {
	// level b has two rows in train, but one of them is dropped
	train := frame.Must(category("x", "a a b b"), frame.NewNumber("y", []float64{1, 1, 1, nan}))
	out, _ := prepared(t, train, train, Config{Missing: Drop, Levels: &Levels{Min: 2, Other: "o"}})
	if diff := equalFrames(frame.Must(category("x", "a a o"), frame.NewNumber("y", []float64{1, 1, 1})), out); diff != "" {
		t.Error(diff)
	}
}

func TestSkippedColumnsAreLeftAsTheyAre(t *testing.T) {
	f := frame.Must(category("hospital", "h1 h2 -"), whole("death", 1, nan, 0), whole("age", nan, 1, 2))
	out, _ := prepared(t, f, f, Config{Missing: Median, Levels: &Levels{Min: 2, Other: "o"}}, "hospital", "death")
	for _, name := range []string{"hospital", "death"} {
		if out.Column(name) != f.Column(name) {
			t.Errorf("column %q was touched", name)
		}
	}
	if out.Column("age").MissingCount() != 0 || f.Column("age").MissingCount() != 1 {
		t.Error("age was not filled, or was filled in place")
	}
}

// The train part of a small hospital may lack a column that others have: it stays as it is, and all else is filled.
func TestColumnsWithoutAValueInTrainStay(t *testing.T) {
	train := frame.Must(whole("age", 60, 80, nan), category("unit", "a - a"), whole("lactate", nan, nan, nan), category("drug", "- - -"),
		zeroOne("black", nan, nan, nan), zeroOne("asian", nan, nan, nan))
	test := frame.Must(whole("age", nan, 50), category("unit", "- b"), whole("lactate", nan, 2), category("drug", "- x"),
		zeroOne("black", nan, 1), zeroOne("asian", nan, 0))
	oneHot := map[string]OneHot{"race": {Columns: []string{"black", "asian"}}}
	const note = `prepare: missing values stay, as train has no value to fill them from: "lactate", "drug", "black", "asian"`
	for _, missing := range []string{Median, Model} {
		fitted, err := Fit(ctx, train, Config{Missing: missing, OneHot: oneHot}, Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{note}, fitted.Notes); diff != "" {
			t.Error(missing, diff)
		}
		for _, f := range []*frame.Frame{train, test} {
			out, counts, err := fitted.Apply(ctx, f, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range f.Columns() {
				want := c.MissingCount()
				if c.Name == "age" || c.Name == "unit" {
					want = 0
				}
				if got := out.Column(c.Name).MissingCount(); got != want {
					t.Errorf("%s: %s lacks %d values, want %d", missing, c.Name, got, want)
				}
			}
			for _, c := range counts {
				if c.Dims["column"] != "age" && c.Dims["column"] != "unit" {
					t.Errorf("%s: count %v", missing, c)
				}
			}
		}
	}
	all := frame.Must(train.Column("lactate"))
	fitted, err := Fit(ctx, all, Config{Missing: Model, Indicator: true}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := fitted.Apply(ctx, all, 1)
	if err != nil || out.Column("lactate").MissingCount() != 3 || out.Column("lactate_missing") == nil {
		t.Errorf("nothing but an empty column: %v, error %v", out, err)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	f := frame.Must(whole("age", 1, nan), category("unit", "- a"), whole("lactate", nan, nan), category("drug", "- -"))
	few := frame.Must(whole("age", 1, nan), category("unit", "- a"))
	fit := []struct {
		name  string
		train *frame.Frame
		cfg   Config
		want  string
	}{
		{"unknown treatment", f, Config{Missing: "mean"}, `missing is "mean": want "keep", "median", "model", "drop" or "drop-by-subset"`},
		{"negative min", f, Config{Levels: &Levels{Min: -1, Other: "o"}}, "levels.min is -1"},
		{"no other", f, Config{Levels: &Levels{Min: 1}}, "levels.other is empty"},
		{"train without rows", few.Take(nil), Config{Missing: Median}, `missing "median": train has no rows`},
		{"a model of no rows", few.Take(nil), Config{Missing: Model}, `missing "model": train has no rows`},
		{"nothing left", f, Config{Missing: Drop}, `leaves none of 2 rows: column "lactate" has no value in 2 of them; use "drop-by-subset", which asks for the values of the features of a cell alone, "median", "model" or "keep"`},
		{"nothing left of half-empty columns", few, Config{Missing: Drop}, `leaves none of 2 rows: column "age" has no value in most of them`},
	}
	for _, tt := range fit {
		t.Run(tt.name, func(t *testing.T) {
			fitted, err := Fit(ctx, tt.train, tt.cfg, Options{})
			if err == nil || fitted != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("fitted %v, error %v; want %q", fitted, err, tt.want)
			}
		})
	}
	apply := []struct {
		name string
		f    *frame.Frame
		want string
	}{
		{"column that is not there", frame.Must(few.Column("unit")), `no column named "age"`},
		{"column of another kind", frame.Must(category("age", "a"), category("unit", "b")), `column "age" is a category, but was a number`},
		{"nothing left", few, "leaves none of 2 rows"},
	}
	fitted, err := Fit(ctx, frame.Must(whole("age", 1), category("unit", "a")), Config{Missing: Drop}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range apply {
		t.Run("apply: "+tt.name, func(t *testing.T) {
			out, _, err := fitted.Apply(ctx, tt.f, 2)
			if err == nil || out != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("frame %v, error %v; want %q", out, err, tt.want)
			}
		})
	}
}

func TestNoRowsAndNoColumns(t *testing.T) {
	f := frame.Must(whole("age", 1, 2), category("unit", "a b"))
	for _, missing := range []string{Keep, Median, Drop} {
		cfg := Config{Missing: missing, Levels: &Levels{Min: 1, Other: "o"}}
		if out, _ := prepared(t, f, f.Take(nil), cfg); out.Rows() != 0 || len(out.Columns()) != 2 {
			t.Errorf("missing %q: %d rows, %d columns", missing, out.Rows(), len(out.Columns()))
		}
		none, err := f.Select()
		if err != nil {
			t.Fatal(err)
		}
		if out, _ := prepared(t, none, f, cfg); equalFrames(f, out) != "" {
			t.Errorf("missing %q: nothing was fitted, yet the frame changed", missing)
		}
	}
}

// random returns rows of a number, a whole number, a category with many levels and a target.
func random(rng *rand.Rand, n int) *frame.Frame {
	x, age, target := make([]float64, n), make([]float64, n), make([]float64, n)
	drug, none := make([]string, n), make([]bool, n)
	for i := range n {
		x[i], age[i] = rng.NormFloat64(), float64(rng.IntN(90))
		if rng.IntN(4) == 0 {
			x[i] = nan
		}
		if rng.IntN(4) == 0 {
			age[i] = nan
		}
		drug[i], none[i] = fmt.Sprint("d", rng.IntN(1+rng.IntN(12))), rng.IntN(4) == 0
		target[i] = float64(rng.IntN(2))
	}
	return frame.Must(frame.NewNumber("x", x), whole("age", age...), frame.NewCategoryFromStrings("drug", drug, none), frame.NewNumber("target", target))
}

func isTarget(column string) bool { return column == "target" }

// What happens to a row depends on that row and on train, never on other rows; nothing is missing after
// "median" and "drop"; and the JSON of a fit is whole and stable.
func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		train, f := random(rng, 40), random(rng, 1+rng.IntN(60))
		cfg := Config{Missing: []string{Keep, Median, Drop}[i%3]}
		if i%2 == 0 {
			cfg.Levels = &Levels{Min: rng.IntN(6), Other: "OTHER"}
		}
		fitted, err := Fit(ctx, train, cfg, Options{Skip: isTarget})
		if err != nil {
			t.Fatal(err)
		}
		all, _, err := fitted.Apply(ctx, f, 2)
		if err != nil {
			continue // no complete row
		}
		if again := read(t, fitted); cmp.Diff(fitted, again) != "" {
			t.Fatalf("JSON loses something: %s", cmp.Diff(fitted, again))
		}
		rows := rng.Perm(f.Rows())[:rng.IntN(f.Rows()+1)]
		if cfg.Missing == Drop {
			rows = slices.DeleteFunc(rows, func(row int) bool {
				return slices.ContainsFunc(f.Columns(), func(c *frame.Column) bool { return c.IsMissing(row) })
			})
		}
		part, _, err := fitted.Apply(ctx, f.Take(rows), 2)
		if err != nil {
			t.Fatal(err)
		}
		at := positions(f, all, cfg.Missing)
		want := make([]int, len(rows))
		for i, row := range rows {
			want[i] = at[row]
		}
		if diff := equalFrames(all.Take(want), part); diff != "" {
			t.Fatalf("rows are prepared otherwise without the others: %s", diff)
		}
		for _, c := range all.Columns() {
			if cfg.Missing != Keep && c.MissingCount() > 0 {
				t.Fatalf("column %q still misses values after %q", c.Name, cfg.Missing)
			}
		}
	}
}

// positions maps the rows of f to those of the prepared frame.
func positions(f, prepared *frame.Frame, missing string) map[int]int {
	at := map[int]int{}
	for row := range f.Rows() {
		if missing == Drop && slices.ContainsFunc(f.Columns(), func(c *frame.Column) bool { return c.IsMissing(row) }) {
			continue
		}
		at[row] = len(at)
	}
	if len(at) != prepared.Rows() {
		panic("positions do not fit the prepared frame")
	}
	return at
}

// read takes a fit through its JSON.
func read(t *testing.T, fitted *Fitted) *Fitted {
	t.Helper()
	b, err := json.Marshal(fitted)
	if err != nil {
		t.Fatal(err)
	}
	var again Fitted
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if b2, err := json.Marshal(&again); err != nil || string(b) != string(b2) {
		t.Fatalf("JSON is not stable: %s, %s, %v", b, b2, err)
	}
	return &again
}

func TestFittedJSON(t *testing.T) {
	train := frame.Must(whole("age", 0, 0, nan), frame.NewNumber("x", []float64{math.Copysign(0, -1), nan, nan}), category("unit", "b a b"))
	fitted, err := Fit(ctx, train, Config{Missing: Median, Levels: &Levels{Min: 2, Other: "o"}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(fitted)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"missing":"median","other":"o","columns":[` +
		`{"name":"age","kind":"number","fill_number":0},` +
		`{"name":"x","kind":"number","fill_number":0},` +
		`{"name":"unit","kind":"category","fill_level":"b","merge":{"kept":["b"],"rare":["a"]}}]}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}
