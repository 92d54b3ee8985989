package elicit

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

func TestAllocate(t *testing.T) {
	for _, c := range []struct {
		n       int
		weights []float64
		want    []int
	}{
		{1000, []float64{1, 1, 1, 1}, []int{250, 250, 250, 250}},
		{10, []float64{1, 1, 1}, []int{4, 3, 3}},
		{1000, []float64{0.9133, 0.0867}, []int{913, 87}}, // 913.3 and 86.7
		{7, []float64{0.5, 0.25, 0.25}, []int{3, 2, 2}},   // 3.5, 1.75, 1.75
		{2, []float64{0, 1, 1, 1}, []int{0, 1, 1, 0}},
		{3, []float64{0, 0}, []int{0, 0}},
		{0, []float64{1, 2}, []int{0, 0}},
		{100, []float64{0.29, 0.71}, []int{29, 71}}, // 0.29 · 100 is 28.999999999999996
	} {
		if got := allocate(c.n, c.weights); !slices.Equal(got, c.want) {
			t.Errorf("%d by %v: %v, want %v", c.n, c.weights, got, c.want)
		}
	}
}

func TestAllocateProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		weights := make([]float64, 1+rng.IntN(12))
		total := 0.0
		for i := range weights {
			if rng.IntN(4) > 0 {
				weights[i] = rng.Float64() * math.Pow(10, float64(rng.IntN(6)))
			}
			total += weights[i]
		}
		n := rng.IntN(20_000)
		sum := 0
		for i, rows := range allocate(n, weights) {
			sum += rows
			if exact := float64(n) * weights[i] / total; total > 0 && math.Abs(float64(rows)-exact) >= 1+1e-6 {
				t.Fatalf("%d by %v: %d of the %d-th, whose quota is %v", n, weights, rows, i, exact)
			}
		}
		if want := n; total > 0 && sum != want {
			t.Fatalf("%d by %v: %d in all", n, weights, sum)
		}
	}
}

func TestPrevalenceInJSON(t *testing.T) {
	for text, want := range map[string]Prevalence{`"real"`: Real, `0.5`: 0.5, `1e-3`: 0.001} {
		var p Prevalence
		if err := json.Unmarshal([]byte(text), &p); err != nil || p != want {
			t.Errorf("%s: %v, %v", text, p, err)
		}
		out, err := json.Marshal(p)
		var again Prevalence
		if err != nil || json.Unmarshal(out, &again) != nil || again != want {
			t.Errorf("%s comes back as %s (error: %v)", text, out, err)
		}
	}
	for _, text := range []string{`0`, `1`, `-0.1`, `1.5`, `"Real"`, `null`, `[]`, `""`} {
		p := Prevalence(0.3)
		if err := json.Unmarshal([]byte(text), &p); err == nil && text != "null" {
			t.Errorf("%s is accepted as %v", text, p)
		}
	}
}

func every(int) bool { return true }

func TestSampleOfIsWithoutReplacement(t *testing.T) {
	seen := map[int]int{}
	for seed := range uint64(3000) {
		all := sampleOf(rand.New(rand.NewPCG(seed, 1)), 6, 6, every)
		few := sampleOf(rand.New(rand.NewPCG(seed, 1)), 6, 2, every)
		if !slices.Equal(all[:2], few) {
			t.Fatalf("the first two of six are %v, alone %v", all[:2], few)
		}
		if slices.Sort(all); !slices.Equal(all, []int{0, 1, 2, 3, 4, 5}) {
			t.Fatalf("six of six: %v", all)
		}
		seen[few[0]*6+few[1]]++
	}
	for pair, n := range seen { // 30 ordered pairs, 100 expected of each, SD 9.8
		if n < 55 || n > 145 {
			t.Errorf("the pair %d, %d is drawn %d times of 3000", pair/6, pair%6, n)
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d of 30 ordered pairs are drawn", len(seen))
	}
}

// people is train with two sexes and three races, one of which too few have, and no label where it says so.
func people() *frame.Frame {
	var sex, death []float64
	var race []string
	add := func(n int, s float64, r string, deaths int) {
		for i := range n {
			sex, race = append(sex, s), append(race, r)
			if i < deaths {
				death = append(death, 1)
			} else {
				death = append(death, 0)
			}
		}
	}
	add(40, 0, "a", 20)
	add(30, 0, "b", 11)
	add(50, 1, "a", 15)
	add(70, 1, "b", 3) // fewer deaths than may be told
	add(10, 1, "c", 5) // fewer patients than may be told
	whole := func(c *frame.Column) *frame.Column { c.Integer = true; return c }
	age := make([]float64, len(sex))
	for i := range age {
		age[i] = float64(20 + i%50)
	}
	return frame.Must(whole(frame.NewNumber("sex", sex)), frame.NewCategoryFromStrings("race", race, nil), whole(frame.NewNumber("age", age)), whole(frame.NewNumber("death", death)))
}

func setupOf(t *testing.T, c Config, d Design, train *frame.Frame, n int, limits map[string]plugins.Limit, beside *frame.Frame) (*setup, error) {
	t.Helper()
	c.Prompt.User = "{{schema}}\n{{table}}"
	st, err := New(c, d)
	if err != nil {
		t.Fatal(err)
	}
	return st.newSetup(testEnv(1), plugins.Task{
		Parts:  plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: {Frame: train}}),
		Target: "death", N: n, Limits: limits, Beside: beside,
	})
}

func testEnv(seed uint64) plugins.Env {
	return plugins.Env{Rand: plugins.NewRand(seed, "test", plugins.ForExamples, plugins.ForGeneration), Threads: 2, Progress: func(int, int) {}}
}

// summary is the cells with their rows, as text.
func summary(s *setup) string {
	var out []string
	for _, c := range s.all {
		out = append(out, c.words+": "+string(mustJSON(c.rows)))
	}
	return strings.Join(out, "; ")
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func ptr[T any](v T) *T { return &v }

func TestCells(t *testing.T) {
	conditioned := func(p Prevalence) Config {
		c := Defaults("", "")
		c.Label = Label{Mode: Conditioned, Prevalence: p, Order: Last}
		return c
	}
	declared := conditioned(0.5)
	declared.Limits, declared.Examples = LimitsDeclared, 0
	sexes := map[string]plugins.Limit{"sex": {Min: ptr(0.0), Max: ptr(1.0)}, "race": {Levels: []string{"a", "b"}}}
	equal := func(by ...string) Design { return Design{By: by, Shares: SharesEqual} }
	for _, c := range []struct {
		name   string
		config Config
		design Design
		n      int
		limits map[string]plugins.Limit
		want   string
		note   string
	}{
		{"one cell", Defaults("", ""), Design{}, 100, nil, ": 100", ""},
		{"labels as in train", conditioned(Real), Design{}, 1000, nil, "death 0: 730; death 1: 270", ""}, // 54 of 200
		{"labels by a number", conditioned(0.25), Design{}, 10, nil, "death 0: 8; death 1: 2", ""},       // 7.5 and 2.5: the first of equals
		{"equal groups", Defaults("", ""), equal("sex"), 101, nil, "sex 0: 51; sex 1: 50", ""},
		{"real shares", Defaults("", ""), Design{By: []string{"sex"}, Shares: SharesReal}, 100, nil, "sex 0: 35; sex 1: 65", ""},
		{
			"crossed, without the groups of few", Defaults("", ""), equal("sex", "race"), 8, nil,
			"sex 0, race a: 2; sex 0, race b: 2; sex 1, race a: 2; sex 1, race b: 2", "groups of fewer than 11 patients of train, left out: 2",
		},
		{
			"labels within groups, or of all of train where they are few", conditioned(Real), equal("sex", "race"), 400, nil,
			"sex 0, race a, death 0: 50; sex 0, race a, death 1: 50; sex 0, race b, death 0: 63; sex 0, race b, death 1: 37; " +
				"sex 1, race a, death 0: 70; sex 1, race a, death 1: 30; sex 1, race b, death 0: 73; sex 1, race b, death 1: 27",
			"label.prevalence: a label has fewer than 11 patients of train where sex is 1 and race is b: the prevalence there is that of all of train",
		},
		{"order of another subset", Defaults("", ""), Design{Order: []string{"weight", "age"}}, 3, nil, ": 3", "order names columns that are not among the features here: weight"},
		{"declared levels", declared, equal("sex"), 4, sexes, "sex 0, death 0: 1; sex 0, death 1: 1; sex 1, death 0: 1; sex 1, death 1: 1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := setupOf(t, c.config, c.design, people(), c.n, c.limits, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(s); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if c.note != "" && !slices.Contains(s.notes, c.note) {
				t.Errorf("notes are %q, want %q", s.notes, c.note)
			}
			if c.note == "" && len(s.notes) > 0 {
				t.Errorf("notes are %q, want none", s.notes)
			}
		})
	}
}

// Patients count, not rows: forty rows of four patients may not be told.
func TestGroupsCountPatients(t *testing.T) {
	train := people()
	ids := make([]string, train.Rows())
	for i := range ids {
		if ids[i] = string(rune('A' + i)); i < 70 { // the rows of sex 0
			ids[i] = string(rune('A' + i%4))
		}
	}
	c := Defaults("", "{{schema}}")
	st, err := New(c, Design{By: []string{"sex"}, Shares: SharesEqual})
	if err != nil {
		t.Fatal(err)
	}
	sample := plugins.Sample{Frame: train, Subject: frame.NewCategoryFromStrings("subject", ids, nil)}
	s, err := st.newSetup(testEnv(1), plugins.Task{Parts: plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: sample}), Target: "death", N: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(s); got != "sex 1: 10" {
		t.Errorf("the cells are %s; sex 0 is 4 patients", got)
	}
}

func TestStrataHaveTheSharesOfTrain(t *testing.T) {
	s, err := setupOf(t, Defaults("", ""), Design{By: []string{"sex", "race"}, Shares: SharesEqual}, people(), 8, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := s.strata([]int32{0, 1})
	want := &plugins.Strata{Name: "sex × race", Levels: []string{"0, a", "0, b", "1, a", "1, b"}, Codes: []int32{0, 1}, Shares: []float64{40. / 190, 30. / 190, 50. / 190, 70. / 190}}
	if string(mustJSON(got)) != string(mustJSON(want)) {
		t.Errorf("got %s, want %s", mustJSON(got), mustJSON(want))
	}
	real, err := setupOf(t, Defaults("", ""), Design{By: []string{"sex"}, Shares: SharesReal}, people(), 8, nil, nil)
	if err != nil || real.strata(nil) != nil {
		t.Errorf("real shares have strata (error: %v)", err)
	}
}

func TestGroupsBesideTheFeatures(t *testing.T) {
	train := people()
	features, err := train.Select("age", "death")
	if err != nil {
		t.Fatal(err)
	}
	beside, err := train.Select("sex", "race")
	if err != nil {
		t.Fatal(err)
	}
	s, err := setupOf(t, Defaults("", ""), Design{By: []string{"race"}, Shares: SharesEqual}, features, 6, nil, beside)
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(s); got != "race a: 3; race b: 3" {
		t.Error(got)
	}
	if got := s.shown.Names(); !slices.Equal(got, []string{"race", "age", "death"}) {
		t.Errorf("prompts show %v", got)
	}
}

func TestSetupErrors(t *testing.T) {
	declared := Defaults("", "")
	declared.Limits = LimitsDeclared
	label := Defaults("", "")
	label.Label.Mode = Conditioned
	half := label
	half.Label.Prevalence = 0.5
	few := people().Take([]int{0, 1, 2, 3, 4, 5, 40, 41, 42, 43, 199, 198, 197, 196, 195})
	threes := people()
	third := frame.NewCategoryFromStrings("death", strings.Split(strings.Repeat("x y z z ", 50), " ")[:200], nil)
	threes = frame.Must(threes.Column("age"), third)
	mute := declared
	mute.Examples, mute.Aggregates = 0, AggregatesNone
	for _, c := range []struct {
		name   string
		config Config
		design Design
		train  *frame.Frame
		want   string
	}{
		{"no such column", Defaults("", ""), Design{By: []string{"gender"}, Shares: SharesEqual}, people(), `by: no column named "gender"; a one-hot set goes by its own name`},
		{"the target", Defaults("", ""), Design{By: []string{"death"}, Shares: SharesEqual}, people(), `by names the target "death": say label: mode: "conditioned"`},
		{"a measurement", Defaults("", ""), Design{By: []string{"age"}, Shares: SharesEqual}, people(), `column "age" has more than 20 values`},
		{"levels not declared", declared, Design{By: []string{"race"}, Shares: SharesEqual}, people(), `the levels of column "race" are not declared`},
		{"all groups small", Defaults("", ""), Design{By: []string{"race"}, Shares: SharesEqual}, few, "no group by race has 11 patients of train or more"},
		{"levels that nothing tells", mute, Design{}, people(), `column "race": no prompt tells its levels`},
		{"order of the target", Defaults("", ""), Design{Order: []string{"death"}}, people(), `order names the target "death": say label: order: "first" or "last"`},
		{"few events", label, Design{}, few, `label.prevalence is "real", and fewer than 11 patients of train have death`},
		{"three labels and a number", half, Design{}, threes, `target "death" has 3 levels; two are needed`},
		{"no rows", Defaults("", ""), Design{}, people().Take(nil), "the train part has no rows"},
	} {
		if _, err := setupOf(t, c.config, c.design, c.train, 10, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestSettingsErrors(t *testing.T) {
	for _, c := range []struct {
		change func(*Config, *Design)
		want   string
	}{
		{func(c *Config, _ *Design) { c.Format = "xml" }, `format is "xml"; want "csv" or "json"`},
		{func(c *Config, _ *Design) { c.Rows = 0 }, "rows is 0; want at least 1"},
		{func(c *Config, _ *Design) { c.Rounds = 0 }, "rounds is 0; want at least 1"},
		{func(c *Config, _ *Design) { c.Examples = -1 }, "examples is -1"},
		{func(c *Config, _ *Design) { c.Label.Prevalence = 1 }, "label.prevalence is 1"},
		{func(c *Config, _ *Design) { c.Temperature = ptr(math.NaN()) }, "temperature is NaN"},
		{func(c *Config, _ *Design) { c.TopP = ptr(0.0) }, "top_p is 0"},
		{func(c *Config, _ *Design) { c.Copies = "" }, `copies is ""; want "keep" or "drop"`},
		{func(c *Config, _ *Design) { c.Prompt.User = "write rows" }, "prompt: the prompt lacks {{schema}}"},
		{func(c *Config, _ *Design) { c.Prompt.User = "{{schema}} {{" }, "prompt: user:1"},
		{func(c *Config, d *Design) { d.Block = 2; c.Prompt.User = "{{schema}}" }, "prompt: it lacks {{table}}"},
		{func(_ *Config, d *Design) { d.Order = []string{"a", "a"} }, `order names "a" twice`},
		{func(_ *Config, d *Design) { d.By, d.Shares = []string{"a"}, "same" }, `shares is "same"`},
	} {
		config, design := Defaults("", "{{schema}}\n{{table}}"), Design{}
		c.change(&config, &design)
		if _, err := New(config, design); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestReveals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config, *Design)
		want   plugins.Egress
	}{
		{"names alone", func(c *Config, _ *Design) { c.Limits = LimitsNone }, plugins.EgressSchema},
		{"declared limits", func(c *Config, _ *Design) { c.Limits = LimitsDeclared }, plugins.EgressSchema},
		{"ranges of train", func(*Config, *Design) {}, plugins.EgressAggregates},
		{"aggregates", func(c *Config, _ *Design) { c.Limits, c.Aggregates = LimitsDeclared, AggregatesColumns }, plugins.EgressAggregates},
		{"prevalence of train", func(c *Config, _ *Design) { c.Limits, c.Label.Mode = LimitsDeclared, Conditioned }, plugins.EgressAggregates},
		{"prevalence given", func(c *Config, _ *Design) {
			c.Limits, c.Label.Mode, c.Label.Prevalence = LimitsDeclared, Conditioned, 0.5
		}, plugins.EgressSchema},
		{"groups declared", func(c *Config, d *Design) { c.Limits, d.By = LimitsDeclared, []string{"sex"} }, plugins.EgressSchema},
		{"shares of train", func(c *Config, d *Design) { c.Limits, d.By, d.Shares = LimitsDeclared, []string{"sex"}, SharesReal }, plugins.EgressAggregates},
		{"examples", func(c *Config, _ *Design) { c.Limits, c.Examples = LimitsNone, 1 }, plugins.EgressRows},
		{"a growing table", func(c *Config, d *Design) { c.Limits, d.Block = LimitsDeclared, 5 }, plugins.EgressRows},
	} {
		config, design := Defaults("", "{{schema}}\n{{table}}"), Design{Shares: SharesEqual}
		config.Examples = 0
		c.change(&config, &design)
		st, err := New(config, design)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Reveals(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
