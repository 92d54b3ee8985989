package split

import (
	"crypto/sha256"
	"encoding/json"
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

var usual = Config{Train: 0.6, Validation: 0.1, Test: 0.15, Reference: 0.15, By: "row"}

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// stays returns n rows of about n/3 subjects, some of them unknown, with a rare label and some labels missing.
func stays(rng *rand.Rand, n int) (*frame.Frame, *frame.Column) {
	subjects, unknown := make([]string, n), make([]bool, n)
	death := make([]float64, n)
	unit, noUnit := make([]string, n), make([]bool, n)
	for i := range n {
		subjects[i] = fmt.Sprintf("p%03d", rng.IntN(1+n/3))
		unknown[i] = rng.IntN(20) == 0
		if rng.IntN(8) == 0 {
			death[i] = 1
		}
		unit[i] = []string{"CCU", "MICU", "SICU"}[rng.IntN(3)]
		noUnit[i] = rng.IntN(15) == 0
	}
	subject := frame.NewCategoryFromStrings("subject", subjects, unknown)
	return frame.Must(
		subject,
		frame.NewNumber("death", death),
		frame.NewCategoryFromStrings("unit", unit, noUnit),
	), subject
}

// shares returns random shares that sum to 1; some are 0.
func shares(rng *rand.Rand) Config {
	w := make([]int, 4)
	total := 0
	for total == 0 {
		for i := range w {
			w[i] = rng.IntN(5)
			total += w[i]
		}
	}
	s := func(i int) float64 { return float64(w[i]) / float64(total) }
	return Config{Train: s(0), Validation: s(1), Test: s(2), Reference: s(3)}
}

func TestEveryRowIsInOnePartAndEverySubjectToo(t *testing.T) {
	rng := source(1)
	for i := range 300 {
		f, subject := stays(rng, 30+rng.IntN(200))
		cfg := shares(rng)
		cfg.By = []string{"row", "subject"}[i%2]
		cfg.Stratify = [][]string{nil, {"death"}, {"unit"}}[rng.IntN(3)]
		a, err := Assign(f, Columns{Subject: subject}, cfg, source(uint64(i)))
		if err != nil {
			t.Fatalf("%+v: %v", cfg, err)
		}
		want, _ := cfg.shares()
		partOf := map[int]plugins.Part{}
		partOfSubject := map[int32]plugins.Part{}
		for p, part := range plugins.AllParts() {
			rows, ok := a.Rows[part]
			if !ok || !slices.IsSorted(rows) || (want[p] == 0) != (len(rows) == 0) {
				t.Fatalf("part %q with share %v: rows %v", part, want[p], rows)
			}
			for _, row := range rows {
				if before, twice := partOf[row]; twice {
					t.Fatalf("row %d is in %q and %q", row, before, part)
				}
				partOf[row] = part
				code := subject.Codes[row]
				if before, seen := partOfSubject[code]; cfg.By == "subject" && code != frame.Missing && seen && before != part {
					t.Fatalf("subject %d is in %q and %q", code, before, part)
				}
				partOfSubject[code] = part
			}
		}
		if len(partOf) != f.Rows() {
			t.Fatalf("%d of %d rows have a part", len(partOf), f.Rows())
		}
	}
}

// Every stratum is shared within one unit of the shares, and the whole within two.
func TestSharesAreKeptInEveryStratum(t *testing.T) {
	rng := source(2)
	for i := range 500 {
		cfg := shares(rng)
		want, _ := cfg.shares()
		strata := make([][]int, 1+rng.IntN(30))
		n := 0
		for s := range strata {
			for range rng.IntN(25) {
				strata[s] = append(strata[s], n)
				n++
			}
		}
		partOf := deal(strata, n, want, source(uint64(i)))
		total := make([]float64, 4)
		for _, stratum := range strata {
			got := make([]float64, 4)
			for _, unit := range stratum {
				got[partOf[unit]]++
				total[partOf[unit]]++
			}
			for p := range got {
				if d := math.Abs(got[p] - want[p]*float64(len(stratum))); d >= 1 {
					t.Fatalf("part %d has %v of a stratum of %d, share %v", p, got[p], len(stratum), want[p])
				}
			}
		}
		for p := range total {
			if d := math.Abs(total[p] - want[p]*float64(n)); d > 2 {
				t.Fatalf("part %d has %v of %d units, share %v", p, total[p], n, want[p])
			}
		}
	}
}

func TestSizes(t *testing.T) {
	third := 1.0 / 3
	tests := []struct {
		name   string
		n      int
		shares []float64
		owed   []float64
		want   []int
	}{
		{"whole quotas are met exactly", 20, []float64{0.6, 0.1, 0.15, 0.15}, nil, []int{12, 2, 3, 3}},
		{"largest remainder", 10, []float64{0.52, 0.26, 0.22, 0}, nil, []int{5, 3, 2, 0}},
		{"the first of equal remainders", 4, []float64{third, third, third, 0}, nil, []int{2, 1, 1, 0}},
		{"what is owed decides", 4, []float64{third, third, third, 0}, []float64{-0.5, 0, 0.5, 0}, []int{1, 1, 2, 0}},
		{"a whole quota is met even when more is owed", 2, []float64{0.5, 0.25, 0.25, 0}, []float64{3, 0, 0, 0}, []int{1, 1, 0, 0}},
		{"everything in one part", 7, []float64{0, 0, 1, 0}, nil, []int{0, 0, 7, 0}},
		{"nothing", 0, []float64{0.6, 0.1, 0.15, 0.15}, nil, []int{0, 0, 0, 0}},
		{"many", 1_000_003, []float64{0.6, 0.1, 0.15, 0.15}, nil, []int{600_002, 100_000, 150_001, 150_000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			owed := tt.owed
			if owed == nil {
				owed = make([]float64, 4)
			}
			if got := sizes(tt.n, tt.shares, owed); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTheOrderOfRowsDoesNotMoveASubject(t *testing.T) {
	rng := source(3)
	n := 200
	names, ids, death := make([]string, n), make([]float64, n), make([]float64, n)
	for i := range n {
		p := rng.IntN(70)
		names[i], ids[i] = fmt.Sprint("p", p), float64(p)
		death[i] = float64(rng.IntN(6) / 5)
	}
	f := frame.Must(
		frame.NewCategoryFromStrings("name", names, nil),
		frame.NewNumber("id", ids),
		frame.NewNumber("death", death),
	)
	cfg := usual
	cfg.By, cfg.Stratify = "subject", []string{"death"}
	for _, column := range []string{"name", "id"} {
		want := partOfSubjects(t, f, column, cfg)
		for range 5 {
			if diff := cmp.Diff(want, partOfSubjects(t, f.Take(rng.Perm(n)), column, cfg)); diff != "" {
				t.Fatalf("by %s: %s", column, diff)
			}
		}
	}
}

func partOfSubjects(t *testing.T, f *frame.Frame, column string, cfg Config) map[float64]plugins.Part {
	t.Helper()
	a, err := Assign(f, Columns{Subject: f.Column(column)}, cfg, source(9))
	if err != nil {
		t.Fatal(err)
	}
	out := map[float64]plugins.Part{}
	for part, rows := range a.Rows {
		for _, row := range rows {
			out[f.Column("id").Numbers[row]] = part
		}
	}
	return out
}

func TestTheSeedDecides(t *testing.T) {
	f, subject := stays(source(4), 300)
	cfg := usual
	cfg.Stratify = []string{"death"}
	split := func(seed uint64) string {
		a, err := Assign(f, Columns{Subject: subject}, cfg, source(seed))
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first, again, other := split(1), split(1), split(2)
	if first != again {
		t.Error("one seed gives two splits")
	}
	if first == other {
		t.Error("two seeds give one split")
	}
}

// The splits of one stratify column, by row and by subject, are those of the first version, byte for byte.
func TestEarlierSplitsStay(t *testing.T) {
	f, subject := stays(source(11), 400)
	for _, tt := range []struct{ by, stratify, want string }{
		{"row", "", "c57b4fbaebda2e0a8c608bfddf39f8135d2da74c3944fb328c6ef679d19b29c5"},
		{"row", "death", "3410e58fbcfc2a5e8ca5add1e6f86f01dad85dffd413e005de0f44f9939af154"},
		{"row", "unit", "bc4a271fa7d218f6faf1dc85101b00e8b9e4162ddd10e9d54f8d2f95cded429c"},
		{"subject", "", "f7c6d2499e81e3ff8c5bcc8bf0e83939513bdbf641dd4fe862d6acee8703efbd"},
		{"subject", "death", "2e6575881f79d03e5227ffdbcd6e2dcfdccb5a94f5dc81ceb834f20dc0fef9eb"},
		{"subject", "unit", "b36495ab4739b414cb188d65975ffe51742d334fe7f6c637b65811727c1e414d"},
	} {
		cfg := usual
		cfg.By = tt.by
		if tt.stratify != "" {
			cfg.Stratify = []string{tt.stratify}
		}
		a, err := Assign(f, Columns{Subject: subject}, cfg, source(12))
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != tt.want {
			t.Errorf("by %s, stratified by %q: digest %s; raise Version when this is meant", tt.by, tt.stratify, got)
		}
	}
}

// Over many seeds each row is in train as often as the share says: nothing but chance decides within a stratum.
func TestChanceIsFair(t *testing.T) {
	f := frame.Must(frame.NewNumber("death", []float64{0, 0, 0, 0, 0, 0, 1, 1, 1, 1}))
	cfg := Config{Train: 0.5, Test: 0.5, By: "row", Stratify: []string{"death"}}
	const draws = 4000
	inTrain := make([]int, f.Rows())
	r := source(5)
	for range draws {
		a, err := Assign(f, Columns{}, cfg, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range a.Rows[plugins.Train] {
			inTrain[row]++
		}
	}
	for row, n := range inTrain {
		// five standard deviations of a fair coin
		if math.Abs(float64(n)-draws/2) > 5*math.Sqrt(draws)/2 {
			t.Errorf("row %d is in train %d times of %d", row, n, draws)
		}
	}
}

func TestASubjectBelongsToTheStratumOfItsRarestValue(t *testing.T) {
	// rows by value: 0 seven times, 1 twice, 2 twice, missing twice
	subject := frame.NewCategoryFromStrings("subject", strings.Fields("a a b b b c c d e e f g g"), nil)
	f := frame.Must(subject, frame.NewNumber("x", []float64{
		0, 1, // a: 1 is rarer
		0, 0, 2, // b: 2 is rarer
		math.NaN(), 0, // c: a value counts more than none
		math.NaN(), // d: nothing else
		2, 1,       // e: equally rare, 1 is first
		0,    // f
		0, 0, // g
	}))
	u, err := unitsOf(f.Rows(), subject, "subject")
	if err != nil {
		t.Fatal(err)
	}
	s, err := stratify([]*frame.Column{f.Column("x")})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]int{{2, 5, 6}, {0, 4}, {1}, {3}}
	if diff := cmp.Diff(want, s.strata(u)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", missingName}, s.names); diff != "" {
		t.Error(diff)
	}
}

func TestRowsWithoutASubjectAreNoted(t *testing.T) {
	subject := frame.NewCategoryFromStrings("subject", strings.Fields("a a b b - -"), []bool{4: true, 5: true})
	a, err := Assign(frame.Must(subject), Columns{Subject: subject}, Config{Train: 0.5, Test: 0.5, By: "subject"}, source(1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"split: 2 of 6 rows have no subject: each is a subject of its own"}, a.Notes); diff != "" {
		t.Error(diff)
	}
	subjects := 0
	for _, c := range a.Counts {
		if c.Name == "subjects" {
			subjects += c.Value
		}
	}
	if subjects != 4 {
		t.Errorf("the parts have %d subjects, want 4", subjects)
	}
}

// By row, rows of one subject fall into several parts: that is counted and noted. Rows without a subject are nobody's.
func TestRowsOfSubjectsInTrainAreCounted(t *testing.T) {
	subject := frame.NewCategoryFromStrings("subject", []string{"a", "a", "b", "c", "c", ""}, []bool{5: true})
	f := frame.Must(subject, frame.NewNumber("train", []float64{1, 0, 0, 1, 0, 0}))
	a := &Assignment{Rows: map[plugins.Part][]int{
		plugins.Train: {0, 3, 5}, plugins.Validation: {1}, plugins.Test: {2, 4}, plugins.Reference: {},
	}}
	a.countShared(f.Column("subject"))
	want := []plugins.Count{
		{Name: "rows whose subject is in train", Dims: map[string]string{"part": "validation"}, Value: 1},
		{Name: "rows whose subject is in train", Dims: map[string]string{"part": "test"}, Value: 1},
		{Name: "rows whose subject is in train", Dims: map[string]string{"part": "reference"}, Value: 0},
	}
	if diff := cmp.Diff(want, a.Counts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`split: by row: 2 of the 3 rows outside train belong to subjects of train; by: "subject" keeps them apart`}, a.Notes); diff != "" {
		t.Error(diff)
	}
}

// The subject is counted with by row only: it decides nothing, and by subject there is nothing to count.
func TestTheSubjectDecidesNothingByRow(t *testing.T) {
	f, subject := stays(source(7), 300)
	assign := func(subject *frame.Column, by string) *Assignment {
		t.Helper()
		cfg := usual
		cfg.By = by
		a, err := Assign(f, Columns{Subject: subject}, cfg, source(1))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	shared := func(a *Assignment) (n, counts int) {
		for _, c := range a.Counts {
			if c.Name == "rows whose subject is in train" {
				n += c.Value
				counts++
			}
		}
		return n, counts
	}
	known, unknown := assign(subject, "row"), assign(nil, "row")
	if diff := cmp.Diff(unknown.Rows, known.Rows); diff != "" {
		t.Errorf("naming the subject moves rows:\n%s", diff)
	}
	if n, counts := shared(known); n == 0 || counts != 3 || len(known.Notes) != 1 {
		t.Errorf("by row: %d rows in %d counts, notes %q", n, counts, known.Notes)
	}
	for _, a := range []*Assignment{unknown, assign(subject, "subject")} {
		if _, counts := shared(a); counts != 0 {
			t.Errorf("%d counts of shared subjects", counts)
		}
	}
	// one row a subject: nothing is shared, and nothing to note
	each := make([]float64, f.Rows())
	for i := range each {
		each[i] = float64(i)
	}
	if a := assign(frame.NewNumber("id", each), "row"); len(a.Notes) != 0 {
		t.Errorf("notes %q", a.Notes)
	}
}

func TestStrataAreCountedAndNoted(t *testing.T) {
	f := frame.Must(
		frame.NewCategoryFromStrings("subject", strings.Fields("a a b b c c d d e f"), nil),
		frame.NewCategoryFromStrings("sex", strings.Fields("F F M M F F M M - F"), []bool{8: true, 9: false}),
	)
	a, err := Assign(f, Columns{Subject: f.Column("subject")}, Config{Train: 0.5, Test: 0.5, By: "subject", Stratify: []string{"sex"}}, source(1))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`split: 1 of 6 subjects have no value of "sex": they form a stratum of their own`,
		`split: 1 of 3 strata of "sex" hold fewer subjects than there are parts: some parts have none of them`,
	}
	if diff := cmp.Diff(want, a.Notes); diff != "" {
		t.Error(diff)
	}
	checkCounts(t, f, a)
}

// checkCounts recounts an assignment by subject and sex from its rows.
func checkCounts(t *testing.T, f *frame.Frame, a *Assignment) {
	t.Helper()
	subject, sex := f.Column("subject"), f.Column("sex")
	var want []plugins.Count
	for _, part := range plugins.AllParts() {
		p := string(part)
		people := map[int32]bool{}
		values := map[string]int{}
		for _, row := range a.Rows[part] {
			people[subject.Codes[row]] = true
			if sex.IsMissing(row) {
				values["(missing)"]++
			} else {
				values[sex.Levels[sex.Codes[row]]]++
			}
		}
		want = append(want,
			plugins.Count{Name: "rows", Dims: map[string]string{"part": p}, Value: len(a.Rows[part])},
			plugins.Count{Name: "subjects", Dims: map[string]string{"part": p}, Value: len(people)})
		for _, v := range []string{"F", "M", "(missing)"} {
			dims := map[string]string{"part": p, "column": "sex", "value": v}
			want = append(want, plugins.Count{Name: "rows by stratum", Dims: dims, Value: values[v]})
		}
	}
	if diff := cmp.Diff(want, a.Counts); diff != "" {
		t.Error(diff)
	}
}

func TestAssignNamesWhatIsWrong(t *testing.T) {
	age := make([]float64, 60)
	for i := range age {
		age[i] = float64(i % 21)
	}
	f := frame.Must(
		frame.NewNumber("age", age),
		frame.NewCategoryFromStrings("name", strings.Fields(strings.Repeat("x y z ", 20)), nil),
		frame.NewCategoryFromStrings("x", strings.Fields(strings.Repeat("x x x y y y z z z z ", 6)), nil),
	)
	subject := frame.NewNumber("id", age)
	with := func(change func(*Config)) Config {
		cfg := usual
		change(&cfg)
		return cfg
	}
	tests := []struct {
		name    string
		cfg     Config
		subject *frame.Column
		rows    int
		want    string
	}{
		{"shares below 1", with(func(c *Config) { c.Train = 0.5 }), nil, 60, "sum to 0.9: want 1"},
		{"negative share", with(func(c *Config) { c.Test, c.Train = -0.15, 0.9 }), nil, 60, `part "test" is -0.15`},
		{"share that is no number", with(func(c *Config) { c.Test = math.NaN() }), nil, 60, `part "test" is NaN`},
		{"unknown unit", with(func(c *Config) { c.By = "ward" }), nil, 60, `by is "ward": want "row", "subject", "site" or "time"`},
		{"no unit", with(func(c *Config) { c.By = "" }), nil, 60, `by is ""`},
		{"no subject column", with(func(c *Config) { c.By = "subject" }), nil, 60, "has no subject column"},
		{"subject of other rows, by row", usual, subject, 30, `subject column "id" has 60 rows, the data set has 30`},
		{"subject of other rows", with(func(c *Config) { c.By = "subject" }), subject, 30, `subject column "id" has 60 rows, the data set has 30`},
		{"unknown column", with(func(c *Config) { c.Stratify = []string{"death"} }), nil, 60, `no column named "death" among the 3`},
		{"continuous column", with(func(c *Config) { c.Stratify = []string{"age"} }), nil, 60, `"age" has 21 distinct values, more than 20`},
		{"a column named twice", with(func(c *Config) { c.Stratify = []string{"name", "name"} }), nil, 60, `column "name" is named twice`},
		{"too many combinations", with(func(c *Config) { c.Stratify = []string{"name", "x"} }), nil, 9, `columns ["name" "x"] have, in combination, 9 distinct values for 9 rows`},
		{"too many levels", with(func(c *Config) { c.Stratify = []string{"name"} }), nil, 5, `"name" has 3 distinct values for 5 rows`},
		{"a part left empty", usual, nil, 3, `part "validation" with share 0.1 gets none of the 3 rows`},
		{"no rows", usual, nil, 0, `part "train" with share 0.6 gets none of the 0 rows`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := make([]int, tt.rows)
			for i := range rows {
				rows[i] = i
			}
			a, err := Assign(f.Take(rows), Columns{Subject: tt.subject}, tt.cfg, source(1))
			if err == nil || a != nil {
				t.Fatalf("assignment %v, error %v; want an error alone", a, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %q, want %q", err, tt.want)
			}
		})
	}
}

func BenchmarkAssignBySubject(b *testing.B) {
	f, subject := stays(source(6), 1_000_000)
	cfg := usual
	cfg.By, cfg.Stratify = "subject", []string{"death"}
	for b.Loop() {
		if _, err := Assign(f, Columns{Subject: subject}, cfg, source(1)); err != nil {
			b.Fatal(err)
		}
	}
}
