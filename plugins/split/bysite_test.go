package split

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

// hospitals returns n rows at k hospitals of unequal size; about one subject in ten has rows at several.
func hospitals(rng *rand.Rand, n, k int) (f *frame.Frame, c Columns) {
	site, subject, year := make([]float64, n), make([]float64, n), make([]float64, n)
	home := map[int]float64{}
	for i := range n {
		p := rng.IntN(n)
		if _, ok := home[p]; !ok || rng.IntN(10) == 0 {
			home[p] = math.Floor(float64(k) * math.Pow(rng.Float64(), 1.5))
		}
		site[i], subject[i], year[i] = 100+home[p], float64(p), float64(2010+rng.IntN(8))
	}
	for i := range n / 50 {
		site[i*50] = math.NaN()
	}
	for i := range n / 70 {
		subject[i*70] = math.NaN()
	}
	f = frame.Must(frame.NewNumber("hospital", site), frame.NewNumber("subject", subject), frame.NewNumber("year", year))
	return f, Columns{Subject: f.Column("subject"), Site: f.Column("hospital"), Time: f.Column("year")}
}

// partsOf returns the part of each row, and fails when a row has two or is neither in a part nor dropped.
func partsOf(t *testing.T, a *Assignment, rows int) []plugins.Part {
	t.Helper()
	of := make([]plugins.Part, rows)
	put := func(row int, part plugins.Part) {
		if of[row] != "" {
			t.Fatalf("row %d is in %q and %q", row, of[row], part)
		}
		of[row] = part
	}
	for _, part := range plugins.AllParts() {
		if list, ok := a.Rows[part]; !ok || !slices.IsSorted(list) {
			t.Fatalf("part %q: %v", part, list)
		}
		for _, row := range a.Rows[part] {
			put(row, part)
		}
	}
	for _, row := range a.Dropped {
		put(row, "none")
	}
	if i := slices.Index(of, ""); i >= 0 || !slices.IsSorted(a.Dropped) {
		t.Fatalf("row %d has no part and is not dropped, or the list is not sorted", i)
	}
	return of
}

func countOf(a *Assignment, name, part string) int {
	n := -1
	for _, c := range a.Counts {
		if c.Name == name && c.Dims["part"] == part {
			n = max(n, 0) + c.Value
		}
	}
	return n
}

func TestBySiteKeepsSitesAndSubjectsWhole(t *testing.T) {
	rng := source(31)
	for i := range 200 {
		f, c := hospitals(rng, 100+rng.IntN(400), 6+rng.IntN(30))
		cfg := shares(rng)
		cfg.By = BySite
		a, err := Assign(f, c, cfg, source(uint64(i)))
		if err != nil {
			if strings.Contains(err.Error(), "has no row left") {
				continue
			}
			t.Fatal(err)
		}
		of := partsOf(t, a, f.Rows())
		ofSite, ofSubject := map[float64]plugins.Part{}, map[float64]plugins.Part{}
		noSite := 0
		for row, part := range of {
			if c.Site.IsMissing(row) {
				noSite++
			}
			if part == "none" {
				continue
			}
			site, subject := c.Site.Numbers[row], c.Subject.Numbers[row]
			if before, ok := ofSite[site]; ok && before != part || math.IsNaN(site) {
				t.Fatalf("site %v is in %q and %q", site, before, part)
			}
			ofSite[site] = part
			if before, ok := ofSubject[subject]; ok && before != part && !math.IsNaN(subject) {
				t.Fatalf("subject %v is in %q and %q", subject, before, part)
			}
			ofSubject[subject] = part
		}
		dropped := 0
		for _, count := range a.Counts {
			if strings.HasPrefix(count.Name, "rows dropped") {
				dropped += count.Value
			}
		}
		if dropped != len(a.Dropped) || noSite > dropped {
			t.Fatalf("%d rows dropped, counts say %d, %d have no site", len(a.Dropped), dropped, noSite)
		}
	}
}

// Of the parts that a subject has rows in, test keeps them, then validation, then reference.
func TestTheOrderInWhichPartsKeepASubject(t *testing.T) {
	u := people(9, frame.NewNumber("id", []float64{1, 1, 2, 2, 3, 3, math.NaN(), 4, 4}))
	partOf := []int8{train, test, validation, test, reference, validation, train, reference, train}
	lost := keepApart(partOf, u)
	want := []int8{none, test, none, test, none, validation, train, reference, none}
	if !slices.Equal(partOf, want) {
		t.Errorf("parts %v, want %v", partOf, want)
	}
	a := &Assignment{}
	a.countLost(lost, []float64{0.25, 0.25, 0.25, 0.25})
	got := map[string]int{}
	for _, c := range a.Counts {
		got[c.Name+" / "+c.Dims["part"]] = c.Value
	}
	if diff := cmp.Diff(map[string]int{
		"rows dropped: subject is in the test part / train":           1,
		"rows dropped: subject is in the test part / validation":      1,
		"rows dropped: subject is in the test part / reference":       0,
		"rows dropped: subject is in the validation part / reference": 1,
		"rows dropped: subject is in the validation part / train":     0,
		"rows dropped: subject is in the reference part / train":      1,
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheAccountBySite(t *testing.T) {
	// three sites of 6, 2 and 2 rows; subject b is at the first and the second; the last row has no site
	f := frame.Must(
		frame.NewCategoryFromStrings("site", strings.Fields("x x x x x x y y z z -"), []bool{10: true}),
		frame.NewCategoryFromStrings("id", strings.Fields("a a b c a c b d e e f"), nil),
	)
	c := Columns{Subject: f.Column("id"), Site: f.Column("site")}
	a, err := Assign(f, c, Config{Train: 0.75, Test: 0.25, By: BySite}, source(1))
	if err != nil {
		t.Fatal(err)
	}
	of := partsOf(t, a, f.Rows())
	if of[0] != plugins.Train {
		t.Fatalf("the site of six rows in ten is in %q: it is too large for the others", of[0])
	}
	yInTest := of[7] == plugins.Test
	lost := map[bool]int{true: 1, false: 0}[yInTest]
	for _, want := range []struct {
		name, part string
		value      int
	}{
		{"rows", "train", 8 - lost},
		{"sites", "train", 2},
		{"sites", "test", 1},
		{"subjects at more than one site", "", 1},
		{"rows dropped: no site", "", 1},
		{"rows dropped: subject is in the test part", "train", lost},
		{"rows dropped: subject is in the test part", "validation", -1}, // no share, no count
	} {
		if got := countOf(a, want.name, want.part); got != want.value {
			t.Errorf("%s, %s: %d, want %d", want.name, want.part, got, want.value)
		}
	}
	if len(a.Notes) == 0 || a.Notes[0] != "split: by site: 1 of 11 rows have no site and were dropped" {
		t.Errorf("notes %q", a.Notes)
	}
}

// Shares are met within the size of the smaller sites, and a site of usual size is in the test part as often as the share says.
func TestSitesAreDealtFairly(t *testing.T) {
	const sites, draws = 60, 2000
	var of []int32
	rng := source(32)
	for s := range sites {
		for range 20 + rng.IntN(60) {
			of = append(of, int32(s))
		}
	}
	want := []float64{0.6, 0.1, 0.15, 0.15}
	inTest := make([]int, sites)
	worst := 0.0
	for range draws {
		rows := make([]float64, 4)
		partOf := dealSites(of, sites, want, rng)
		for _, s := range of {
			rows[partOf[s]]++
		}
		for s, p := range partOf {
			if p == test {
				inTest[s]++
			}
		}
		for p := range rows {
			worst = max(worst, math.Abs(rows[p]/float64(len(of))-want[p]))
		}
	}
	if worst > 0.02 {
		t.Errorf("a share is off by %.3f; the smallest site has 0.007 of the rows", worst)
	}
	for s, n := range inTest {
		if share := float64(n) / draws; share < 0.08 || share > 0.22 {
			t.Errorf("site %d is in the test part with probability %.3f", s, share)
		}
	}
}

func TestEveryPartGetsASite(t *testing.T) {
	for seed := range uint64(200) {
		f := frame.Must(frame.NewCategoryFromStrings("site", strings.Fields("a a a a a a a a b c d"), nil))
		cfg := usual
		cfg.By = BySite
		a, err := Assign(f, Columns{Site: f.Column("site")}, cfg, source(seed))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range plugins.AllParts() {
			if countOf(a, "sites", string(part)) != 1 {
				t.Fatalf("seed %d: %v", seed, a.Rows)
			}
		}
		if len(a.Rows[plugins.Train]) != 8 {
			t.Fatalf("seed %d: train has %d rows: the large site is too large for the others", seed, len(a.Rows[plugins.Train]))
		}
		if !slices.ContainsFunc(a.Notes, func(n string) bool {
			return n == "split: by site: the shares of the rows came to train 0.73 for 0.6, validation 0.09 for 0.1, test 0.09 for 0.15, reference 0.09 for 0.15"
		}) {
			t.Fatalf("notes %q", a.Notes)
		}
	}
}

func TestTheOrderOfRowsMovesNoSiteAndNoTime(t *testing.T) {
	rng := source(33)
	f, c := hospitals(rng, 300, 20)
	// rows without a subject are told apart by their order alone
	known := slices.DeleteFunc(rng.Perm(300), c.Subject.IsMissing)
	f = f.Take(known)
	for _, by := range []string{BySite, ByTime} {
		cfg := usual
		cfg.By, cfg.Time = by, "year"
		assign := func(f *frame.Frame) []plugins.Part {
			a, err := Assign(f, Columns{Subject: f.Column("subject"), Site: f.Column("hospital"), Time: f.Column("year")}, cfg, source(7))
			if err != nil {
				t.Fatal(err)
			}
			return partsOf(t, a, f.Rows())
		}
		want := assign(f)
		order := rng.Perm(f.Rows())
		got := assign(f.Take(order))
		for i, row := range order {
			if got[i] != want[row] {
				t.Fatalf("by %s: row %d is in %q, was in %q", by, row, got[i], want[row])
			}
		}
	}
}

func TestBySiteNamesWhatIsWrong(t *testing.T) {
	site := frame.NewCategoryFromStrings("site", strings.Fields("a a b b c c"), nil)
	one := frame.NewCategoryFromStrings("id", strings.Fields("p q p q p q"), nil)
	f := frame.Must(site)
	half := Config{Train: 0.5, Test: 0.5, By: BySite}
	stratified := half
	stratified.Stratify = []string{"site"}
	four := usual
	four.By = BySite
	tests := []struct {
		name string
		c    Columns
		cfg  Config
		want string
	}{
		{"no site column", Columns{}, half, "has no site column: declare one"},
		{"stratified", Columns{Site: site}, stratified, "leave stratify out"},
		{"fewer sites than parts", Columns{Site: site}, four, `column "site" has 3 sites for 4 parts with a share`},
		{"sites of other rows", Columns{Site: site.Take([]int{0, 1})}, half, `site column "site" has 2 rows, the data set has 6`},
		{"everybody is at the test site", Columns{Site: site, Subject: one}, half, `part "train" has no row left, since all its subjects`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Assign(f, tt.c, tt.cfg, source(1))
			if err == nil || a != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("assignment %v, error %v, want %q", a, err, tt.want)
			}
		})
	}
}

func BenchmarkAssignBySite(b *testing.B) {
	f, c := hospitals(source(34), 200_000, 200)
	cfg := usual
	cfg.By = BySite
	for b.Loop() {
		if _, err := Assign(f, c, cfg, source(1)); err != nil {
			b.Fatal(fmt.Errorf("by site: %w", err))
		}
	}
}
