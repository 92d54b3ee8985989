package prepare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// mixed is settings of everything at once, drawn at random, for the rows of cohort.
func mixed(rng *rand.Rand, i int) Config {
	cfg := Config{
		Missing:   []string{Keep, Median, Model, DropBySubset, Drop}[i%5],
		Transform: map[string]string{"creatinine": allTransforms[rng.IntN(5)], "age": []string{Log1p, NormalScore}[rng.IntN(2)]},
		OneHot:    map[string]OneHot{"race": {Columns: []string{"q", "p"}, None: "other"}},
	}
	cfg.Indicator = i%5 < 3 && rng.IntN(2) == 0
	if rng.IntN(2) == 0 {
		cfg.Winsorise = &Winsorise{Low: 0.02, High: 0.9}
	}
	if rng.IntN(2) == 0 {
		cfg.Levels = &Levels{Min: rng.IntN(30), Other: "OTHER"}
	}
	return cfg
}

// Train comes back from the model space as it was; every part enters it; names lead there and back; nothing that is
// done with a fit, or with other parts, changes it.
func TestThereAndBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		train := without(cohort(rng, 300), randomly(rng, 0.15))
		order := rng.Perm(len(train.Columns())) // so that columns of the set lie apart
		names := make([]string, len(order))
		for j, at := range order {
			names[j] = train.Names()[at]
		}
		train, _ = train.Select(names...)
		cfg := mixed(rng, i)
		p, err := Fit(ctx, train, cfg, cohortOptions())
		if err != nil {
			t.Fatal(err)
		}
		natural, _, err := p.Apply(ctx, train, 2)
		if err != nil {
			t.Fatal(err)
		}
		model, counts := encode(t, p, natural)
		back, more := decode(t, p, model)
		if len(counts)+len(more) > 0 {
			t.Fatalf("rows of train are changed: %v, %v", counts, more)
		}
		if diff := equalFrames(natural, back); diff != "" {
			t.Fatalf("%+v: %s", cfg, diff)
		}
		if !cmp.Equal(p.ModelNames(natural.Names()), model.Names()) {
			t.Fatalf("model names %q, columns %q", p.ModelNames(natural.Names()), model.Names())
		}
		subset := slices.Clone(model.Names())
		rng.Shuffle(len(subset), func(a, b int) { subset[a], subset[b] = subset[b], subset[a] })
		subset = subset[:1+rng.IntN(len(subset))]
		part, _ := model.Select(subset...)
		some, _ := decode(t, p, part)
		want, _ := natural.Select(some.Names()...)
		if equalFrames(want, some) != "" || !cmp.Equal(slices.Sorted(slices.Values(p.NaturalNames(subset))), slices.Sorted(slices.Values(some.Names()))) {
			t.Fatalf("subset %q is decoded to %q", subset, some.Names())
		}
		others(t, rng, p, read(t, p))
	}
}

// others leads the rows of other parts, far from those of train, through a preparation, and finds it unchanged.
func others(t *testing.T, rng *rand.Rand, p, before *Fitted) {
	t.Helper()
	f := without(cohort(rng, 100), randomly(rng, 0.1))
	columns := slices.Clone(f.Columns())
	for i, c := range columns {
		if c.Name == "creatinine" || c.Name == "age" {
			copied := *c
			copied.Numbers = slices.Clone(c.Numbers)
			for row := range copied.Numbers {
				copied.Numbers[row] *= []float64{-1e6, 0, 1e9}[row%3]
			}
			columns[i] = &copied
		}
	}
	natural, _, err := p.Apply(ctx, frame.Must(columns...), 1)
	if err != nil {
		t.Fatal(err)
	}
	model, _ := encode(t, p, natural)
	back, _ := decode(t, p, model)
	for _, f := range []*frame.Frame{model, back} {
		for _, c := range f.Columns() {
			if slices.ContainsFunc(c.Numbers, func(x float64) bool { return math.IsInf(x, 0) }) {
				t.Fatalf("column %q has an infinite value", c.Name)
			}
		}
	}
	if diff := cmp.Diff(before, p); diff != "" {
		t.Fatalf("the fit was changed: %s", diff)
	}
}

// The folded space has the sets and leaves numbers in their units; train comes back from it as it was, to the bit.
func TestFolded(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 20 {
		train := without(cohort(rng, 200), randomly(rng, 0.1))
		order := rng.Perm(len(train.Columns()))
		names := make([]string, len(order))
		for j, at := range order {
			names[j] = train.Names()[at]
		}
		train, _ = train.Select(names...)
		p, err := Fit(ctx, train, mixed(rng, i), cohortOptions())
		if err != nil {
			t.Fatal(err)
		}
		natural, _, err := p.Apply(ctx, train, 1)
		if err != nil {
			t.Fatal(err)
		}
		s := p.Folded()
		folded, counts, err := s.Encode(natural)
		if err != nil || len(counts) > 0 {
			t.Fatal(err, counts)
		}
		if got, want := folded.Column("creatinine").Numbers, natural.Column("creatinine").Numbers; !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || a != a && b != b }) {
			t.Fatal("numbers are transformed")
		}
		if folded.Column("race") == nil || folded.Column("p") != nil {
			t.Fatalf("the set is not folded: %v", folded.Names())
		}
		back, counts, err := s.Decode(folded)
		if err != nil || len(counts) > 0 || back.Digest() != natural.Digest() {
			t.Fatalf("%v %v %v is not %v", err, counts, back.Names(), natural.Names())
		}
	}
}

func TestWithoutTransformsAndSetsFramesPass(t *testing.T) {
	f := frame.Must(whole("age", 1, nan), category("unit", "a -"))
	p := fitted(t, f, Config{Missing: Median})
	if model, _ := encode(t, p, f); model != f {
		t.Error("encode made another frame")
	}
	if natural, _ := decode(t, p, f); natural != f {
		t.Error("decode made another frame")
	}
}

// Fit is given train and no other frame, and asks its caller about each column of it, once.
func TestFitAsksOnlyAboutTrain(t *testing.T) {
	train := cohort(rand.New(rand.NewPCG(3, 4)), 50)
	asked := map[string]int{}
	opt := cohortOptions()
	skip := opt.Skip
	opt.Skip = func(c string) bool { asked[c]++; return skip(c) }
	if _, err := Fit(ctx, train, cohortConfig, opt); err != nil {
		t.Fatal(err)
	}
	for _, name := range train.Names() {
		if asked[name] != 1 {
			t.Errorf("asked %d times about %q", asked[name], name)
		}
	}
	if len(asked) != len(train.Names()) {
		t.Errorf("asked about %v", asked)
	}
}

// Nothing of the fit, and so of what becomes of any part, follows from a skipped column: the label of train itself is
// shuffled here.
func TestNothingIsLearntFromSkippedColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	train := without(cohort(rng, 400), randomly(rng, 0.2))
	columns := slices.Clone(train.Columns())
	for i, c := range columns {
		if c.Name == "death" || c.Name == "id" {
			columns[i] = c.Take(rng.Perm(c.Len()))
		}
	}
	for i := range 10 {
		cfg := mixed(rng, i)
		a, err := Fit(ctx, train, cfg, cohortOptions())
		if err != nil {
			t.Fatal(err)
		}
		b, err := Fit(ctx, frame.Must(columns...), cfg, cohortOptions())
		if err != nil {
			t.Fatal(err)
		}
		// transforms are fitted on imputed values, whose draws come from the identifier
		if cfg.Missing == Model {
			a.Transforms, b.Transforms = nil, nil
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%+v: %s", cfg, diff)
		}
	}
}

func TestWinsorise(t *testing.T) {
	ten := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 110}
	tests := []struct {
		name        string
		train, f    *frame.Column
		low, high   float64
		want        *frame.Column
		counts      []plugins.Count
		spared      bool
		columnsList []string
	}{
		{
			name: "by hand, definition 7", train: frame.NewNumber("x", ten), low: 0.25, high: 0.75, // h = 2.25 and 6.75
			f:      frame.NewNumber("x", []float64{-5, 3.25, 4, nan, 7.75, 1e9, 8}),
			want:   frame.NewNumber("x", []float64{3.25, 3.25, 4, nan, 7.75, 7.75, 7.75}),
			counts: []plugins.Count{of("values winsorised: below", "x", 1), of("values winsorised: above", "x", 2)},
		},
		{
			name: "whole stays whole", train: whole("x", ten...), low: 0.25, high: 0.75,
			f: whole("x", -5, 3, 30), want: whole("x", 3, 3, 8),
			counts: []plugins.Count{of("values winsorised: below", "x", 1), of("values winsorised: above", "x", 1)},
		},
		{
			name: "one side", train: frame.NewNumber("x", ten), low: 0, high: 0.75,
			f: frame.NewNumber("x", []float64{1, 30}), want: frame.NewNumber("x", []float64{1, 7.75}),
			counts: []plugins.Count{of("values winsorised: above", "x", 1)},
		},
		{
			name: "a rare mark is spared", train: whole("x", append(slices.Repeat([]float64{0}, 199), 1)...), low: 0.01, high: 0.99,
			f: whole("x", 0, 1), want: whole("x", 0, 1), spared: true,
		},
		{name: "no value", train: frame.NewNumber("x", []float64{nan}), low: 0.01, high: 0.99, f: frame.NewNumber("x", []float64{5}), want: frame.NewNumber("x", []float64{5})},
		{name: "categories are spared", train: category("x", "a b"), low: 0.1, high: 0.9, f: category("x", "a"), want: category("x", "a")},
		{
			name: "named columns only", train: frame.NewNumber("x", ten), low: 0.1, high: 0.9, columnsList: []string{"other"},
			f: frame.NewNumber("x", []float64{1e9}), want: frame.NewNumber("x", []float64{1e9}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			beside := func(c *frame.Column) *frame.Frame {
				values := make([]float64, c.Len())
				for i := range values {
					values[i] = 0.5 + float64(i%2)
				}
				if c.Len() == 1 && tt.train == c {
					values = []float64{1}
				}
				return frame.Must(c, frame.NewNumber("other", values))
			}
			p := fitted(t, beside(tt.train), Config{Winsorise: &Winsorise{Low: tt.low, High: tt.high, Columns: tt.columnsList}})
			out, counts, err := p.Apply(ctx, beside(tt.f), 1)
			if err != nil {
				t.Fatal(err)
			}
			if diff := equalFrames(frame.Must(tt.want), frame.Must(out.Column("x"))); diff != "" {
				t.Error(diff)
			}
			counts = slices.DeleteFunc(counts, func(c plugins.Count) bool { return c.Dims["column"] == "other" })
			if !slices.EqualFunc(counts, tt.counts, func(a, b plugins.Count) bool { return cmp.Equal(a, b) }) {
				t.Errorf("counts %v, want %v", counts, tt.counts)
			}
			if named := strings.Contains(fmt.Sprint(p.Notes), `"x"`); named != tt.spared {
				t.Errorf("notes %q", p.Notes)
			}
		})
	}
}

func TestDropBySubset(t *testing.T) {
	f := frame.Must(whole("age", 1, nan, 3, 4), category("unit", "a b - b"), zeroOne("p", 1, 0, 1, nan), zeroOne("q", 0, 1, 0, nan),
		zeroOne("death", 1, 0, nan, 0))
	p := fitted(t, f, Config{Missing: DropBySubset, OneHot: map[string]OneHot{"race": {Columns: []string{"p", "q"}}}}, "death")
	out, counts, err := p.Apply(ctx, f, 1)
	if err != nil || equalFrames(f, out) != "" || counts != nil {
		t.Fatalf("apply leaves the rows: counts %v, error %v, %s", counts, err, equalFrames(f, out))
	}
	model, _ := encode(t, p, f)
	tests := []struct {
		of      string
		natural bool
		rows    []int
		dropped map[string]int
	}{
		{"age death", true, []int{0, 2, 3}, map[string]int{"age": 1, "": 1}},
		{"unit age", true, []int{0, 3}, map[string]int{"age": 1, "unit": 1, "": 2}},
		{"p q", true, []int{0, 1, 2}, map[string]int{"p": 1, "q": 1, "": 1}},
		{"race age", false, []int{0, 2}, map[string]int{"race": 1, "age": 1, "": 2}},
		{"death", true, nil, map[string]int{"": 0}},
	}
	for _, tt := range tests {
		of := map[bool]*frame.Frame{true: f, false: model}[tt.natural]
		subset, err := of.Select(strings.Fields(tt.of)...)
		if err != nil {
			t.Fatal(err)
		}
		rows, counts, err := p.Complete(subset)
		if err != nil || !slices.Equal(rows, tt.rows) || (rows == nil) != (tt.rows == nil) {
			t.Errorf("%q: rows %v, error %v, want %v", tt.of, rows, err, tt.rows)
		}
		got := map[string]int{}
		for _, c := range counts {
			got[c.Dims["column"]] = c.Value
		}
		if diff := cmp.Diff(tt.dropped, got); diff != "" {
			t.Errorf("%q: %s", tt.of, diff)
		}
	}
	if _, _, err := p.Complete(f.Take([]int{1, 2, 3})); err == nil || !strings.Contains(err.Error(), `missing "drop-by-subset" leaves none of 3 rows`) {
		t.Errorf("nothing left: %v", err)
	}
	for _, missing := range []string{Keep, Median, Drop} {
		if rows, counts, err := fitted(t, f, Config{Missing: missing}, "death").Complete(f); rows != nil || counts != nil || err != nil {
			t.Errorf("missing %q: rows %v, counts %v, error %v", missing, rows, counts, err)
		}
	}
	for _, missing := range []string{"", Keep, Median, Model, Drop, DropBySubset} {
		if got := (Config{Missing: missing}).RowsDependOnSubset(); got != (missing == DropBySubset) {
			t.Errorf("missing %q: %v", missing, got)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	set := func(name string, none string, columns ...string) map[string]OneHot {
		return map[string]OneHot{name: {Columns: columns, None: none}}
	}
	tests := []struct {
		cfg  Config
		want string
	}{
		{Config{Missing: "mean"}, `missing is "mean"`},
		{Config{Missing: Drop, Indicator: true}, `indicator marks missing values, but missing "drop" leaves none`},
		{Config{Missing: DropBySubset, Indicator: true}, `but missing "drop-by-subset" leaves none`},
		{Config{Winsorise: &Winsorise{Low: 0.5, High: 0.9}}, "winsorise.low is 0.5: want a share from 0 to below 0.5"},
		{Config{Winsorise: &Winsorise{Low: -0.1, High: 0.9}}, "winsorise.low is -0.1"},
		{Config{Winsorise: &Winsorise{Low: nan, High: 0.9}}, "winsorise.low is NaN"},
		{Config{Winsorise: &Winsorise{}}, "winsorise.high is 0: want a share above 0.5, up to 1"},
		{Config{Winsorise: &Winsorise{High: 1.1}}, "winsorise.high is 1.1"},
		{Config{Winsorise: &Winsorise{High: 1, Columns: []string{"a", "a"}}}, `winsorise.columns names "a" twice`},
		{Config{Winsorise: &Winsorise{High: 1, Columns: []string{"a"}}, OneHot: set("s", "", "a", "b")}, `winsorise.columns names "a", which is 0 or 1`},
		{Config{Transform: map[string]string{"b": "ln", "a": "exp"}}, `transform.a is "exp": want "log"`},
		{Config{Transform: map[string]string{"a": Log}, OneHot: set("s", "", "a", "b")}, "transform.a: the column is 0 or 1"},
		{Config{OneHot: set("s", "")}, "oneHot.s names 0 of its columns: want 2 or more"},
		{Config{OneHot: set("s", "", "a")}, "oneHot.s names 1 of its columns: want 2 or more"},
		{Config{OneHot: set("s", "n")}, "oneHot.s names 0 of its columns: want 1 or more"},
		{Config{OneHot: set("s", "", "a", "b", "a")}, `oneHot.s names column "a" twice`},
		{Config{OneHot: set("s", "b", "a", "b")}, `oneHot.s.none is "b", which is a column of the set`},
		{Config{OneHot: set("a", "", "a", "b")}, "oneHot.a has the name of a column of oneHot.a"},
		{Config{OneHot: map[string]OneHot{"s": {Columns: []string{"a", "b"}}, "t": {Columns: []string{"b", "c"}}}}, `oneHot.t names column "b", which is in oneHot.s`},
		{Config{Levels: &Levels{Min: -1, Other: "o"}}, "levels.min is -1"},
	}
	for _, tt := range tests {
		if err := tt.cfg.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.want)
		}
		if p, err := Fit(ctx, frame.Must(), tt.cfg, Options{}); err == nil || p != nil {
			t.Errorf("%+v was fitted: %v", tt.cfg, err)
		}
	}
	for i := range 20 {
		if err := mixed(rand.New(rand.NewPCG(1, uint64(i))), i).Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestSettingsThatDoNotFitTheData(t *testing.T) {
	f := frame.Must(whole("age", 1, 1, 1, 2), category("unit", "a b a b"), whole("id", 1, 2, 3, 4), zeroOne("p", 1, 0, 1, 0), zeroOne("q", 0, 1, 0, 1),
		frame.NewNumber("none", []float64{nan, nan, nan, nan}))
	tests := []struct {
		cfg  Config
		want string
	}{
		{Config{OneHot: map[string]OneHot{"age": {Columns: []string{"p", "q"}}}}, "oneHot.age has the name of a column of the data"},
		{Config{OneHot: map[string]OneHot{"s": {Columns: []string{"p", "r"}}}}, `oneHot.s: no column named "r"; one that holds one value only is dropped`},
		{Config{OneHot: map[string]OneHot{"s": {Columns: []string{"p", "id"}}}}, `oneHot.s: column "id" is not prepared`},
		{Config{OneHot: map[string]OneHot{"s": {Columns: []string{"p", "unit"}}}}, `column "unit" is a category: want a number, 0 or 1`},
		{Config{Winsorise: &Winsorise{High: 1, Columns: []string{"sodium"}}}, `winsorise: no column named "sodium"`},
		{Config{Winsorise: &Winsorise{High: 1, Columns: []string{"id"}}}, `winsorise: column "id" is not prepared`},
		{Config{Winsorise: &Winsorise{High: 1, Columns: []string{"unit"}}}, `winsorise: column "unit" is a category: want a number`},
		{Config{Winsorise: &Winsorise{High: 1, Columns: []string{"none"}}}, `winsorise: column "none" has no value in train`},
		{Config{Winsorise: &Winsorise{Low: 0.1, High: 0.6, Columns: []string{"age"}}}, `winsorise: column "age" would be left with one value`},
	}
	for _, tt := range tests {
		p, err := Fit(ctx, f, tt.cfg, Options{Skip: func(c string) bool { return c == "id" }})
		if err == nil || p != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.want)
		}
	}
}

// What preparation makes of columns stays in their group.
func TestModelGroups(t *testing.T) {
	p := &Fitted{
		Columns: []Column{{Name: "age", Indicator: "age_missing"}, {Name: "p"}, {Name: "q", Indicator: "race_missing"}},
		Space: Space{Sets: []Set{
			{Name: "race", Columns: []Member{{Name: "p"}, {Name: "q"}}},
			{Name: "torn", Columns: []Member{{Name: "r"}, {Name: "s"}}},
		}},
	}
	got := p.ModelGroups(map[string]string{"age": "who", "p": "who", "q": "who", "r": "who", "s": "labs"})
	for name, want := range map[string]string{"race": "who", "race_missing": "who", "age_missing": "who", "torn": "", "age": "who"} {
		if got[name] != want {
			t.Errorf("%s is in group %q, want %q", name, got[name], want)
		}
	}
}
