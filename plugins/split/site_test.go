package split

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
)

func at(sites ...string) SiteSet  { return SiteSet{Sites: sites} }
func but(sites ...string) SiteSet { return SiteSet{Sites: sites, Except: true} }

// wards has twelve rows at the sites 9, 10 and 11; one row has no site, one no subject. Subject b is at 9 and 10, c at 10
// and 11; row 11 is in no part.
func wards() (parts map[plugins.Part][]int, site, subject *frame.Column) {
	site = frame.NewNumber("hospital", []float64{9, 9, 10, 10, 10, 11, 11, 9, 10, 11, math.NaN(), 11})
	subject = frame.NewCategoryFromStrings("id", strings.Fields("a b b c d c e f - g h f"), []bool{8: true, 11: false})
	return map[plugins.Part][]int{
		plugins.Train: {0, 1, 2, 3, 6, 8, 10}, plugins.Validation: {4, 7}, plugins.Test: {5}, plugins.Reference: {9},
	}, site, subject
}

func TestRestrictKeepsTheSitesOfTheArrangement(t *testing.T) {
	parts, site, subject := wards()
	tests := []struct {
		name          string
		train, barred SiteSet
		want          map[plugins.Part][]int
		dropped       []int
	}{
		{
			"all sites", but(), at(),
			map[plugins.Part][]int{plugins.Train: {0, 1, 2, 3, 6, 8}, plugins.Validation: {4, 7}, plugins.Test: {5}, plugins.Reference: {9}},
			[]int{10},
		},
		{
			"one site", at("9"), at(),
			map[plugins.Part][]int{plugins.Train: {0, 1}, plugins.Validation: {7}, plugins.Test: {5}, plugins.Reference: {}},
			[]int{2, 3, 4, 6, 8, 9, 10},
		},
		{
			"patients of a barred site are dropped, by rows in any part or none", but("11"), at("11"),
			map[plugins.Part][]int{plugins.Train: {0, 1, 2, 8}, plugins.Validation: {4}, plugins.Test: {5}, plugins.Reference: {}},
			[]int{3, 6, 7, 9, 10},
		},
		{
			"two sites, all others barred", at("9", "10"), but("9", "10"),
			map[plugins.Part][]int{plugins.Train: {0, 1, 2, 8}, plugins.Validation: {4}, plugins.Test: {5}, plugins.Reference: {}},
			[]int{3, 6, 7, 9, 10},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Restrict(parts, site, subject, tt.train, tt.barred, 0, source(1))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, a.Rows); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.dropped, a.Dropped); diff != "" {
				t.Error(diff)
			}
			before, _, _ := wards()
			if diff := cmp.Diff(before, parts); diff != "" {
				t.Errorf("the parts handed in were changed: %s", diff)
			}
		})
	}
}

func TestTheAccountOfARestriction(t *testing.T) {
	parts, site, subject := wards()
	a, err := Restrict(parts, site, subject, but("11"), at("11"), 3, source(1))
	if err != nil {
		t.Fatal(err)
	}
	var want []plugins.Count
	for _, part := range []struct {
		name   string
		values []int
	}{
		{"train", []int{3, -1, -1, 2, 1, 1, 1}},
		{"validation", []int{1, 1, 1, 0, 1, 1}},
		{"test", []int{1, 1, 1}},
		{"reference", []int{0, 0, 0, 1, 0, 0}},
	} {
		for i, name := range []string{
			"rows", "subjects", "sites", "rows dropped: at another site", "rows dropped: subject is also at a test site",
			"subjects dropped: also at a test site", "rows dropped: drawn down to the size asked for",
		}[:len(part.values)] {
			if part.values[i] >= 0 { // the others depend on the draw
				want = append(want, plugins.Count{Name: name, Dims: map[string]string{"part": part.name}, Value: part.values[i]})
			}
		}
	}
	got := slices.DeleteFunc(slices.Clone(a.Counts), func(c plugins.Count) bool {
		return c.Dims["part"] == "train" && (c.Name == "subjects" || c.Name == "sites")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{`split: part "reference" has no row at the sites to train at`}, a.Notes); diff != "" {
		t.Error(diff)
	}
	a, err = Restrict(parts, site, nil, but("11"), at("11"), 0, source(1))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Notes) != 2 || !strings.Contains(a.Notes[1], "no subject column is known") || countOf(a, "rows dropped: subject is also at a test site", "train") != -1 {
		t.Errorf("without subjects: notes %q, counts %v", a.Notes, a.Counts)
	}
}

// A smaller draw is part of a larger one, and a set of sites draws the rows of a larger set that are its own first.
func TestDrawsAreNested(t *testing.T) {
	f, c := hospitals(source(51), 2000, 12)
	all, err := Assign(f, Columns{Subject: c.Subject}, Config{Train: 0.7, Test: 0.3, By: BySubject}, source(1))
	if err != nil {
		t.Fatal(err)
	}
	draw := func(train SiteSet, match int, seed uint64) []int {
		a, err := Restrict(all.Rows, c.Site, c.Subject, train, at("101"), match, source(seed))
		if err != nil {
			t.Fatal(err)
		}
		partsOf(t, &Assignment{Rows: a.Rows, Dropped: append(a.Dropped, all.Dropped...)}, f.Rows())
		if match > 0 && len(a.Rows[plugins.Train]) != match {
			t.Fatalf("%d rows drawn, want %d", len(a.Rows[plugins.Train]), match)
		}
		return a.Rows[plugins.Train]
	}
	within := func(a, b []int) bool {
		return !slices.ContainsFunc(a, func(row int) bool { return !slices.Contains(b, row) })
	}
	full, small, large := draw(but("101"), 0, 1), draw(but("101"), 300, 1), draw(but("101"), 400, 1)
	if !within(small, large) || !within(large, full) {
		t.Error("the draws are not nested")
	}
	if slices.Equal(small, draw(but("101"), 300, 2)) {
		t.Error("two seeds draw the same rows")
	}
	fewer := draw(but("101", "102"), 300, 1)
	for _, row := range small {
		if c.Site.Numbers[row] != 102 && !slices.Contains(fewer, row) {
			t.Fatalf("row %d is drawn with one site more, and not without it", row)
		}
	}
	// in another order of the rows, the same rows are drawn, up to those of one subject or none
	order := source(52).Perm(f.Rows())
	place := make([]int, f.Rows())
	for i, row := range order {
		place[row] = i
	}
	moved := map[plugins.Part][]int{}
	for part, rows := range all.Rows {
		for _, row := range rows {
			moved[part] = append(moved[part], place[row])
		}
		slices.Sort(moved[part])
	}
	again, err := Restrict(moved, c.Site.Take(order), c.Subject.Take(order), but("101"), at("101"), 300, source(1))
	if err != nil {
		t.Fatal(err)
	}
	subjects := func(subject *frame.Column, rows []int) map[float64]bool {
		seen := map[float64]bool{}
		for _, row := range rows {
			if !subject.IsMissing(row) {
				seen[subject.Numbers[row]] = true
			}
		}
		return seen
	}
	want, got := subjects(c.Subject, small), subjects(c.Subject.Take(order), again.Rows[plugins.Train])
	for s := range want {
		if !got[s] {
			delete(want, s)
		}
	}
	if len(want) < 200 {
		t.Errorf("in another order of the rows only %d of about 250 subjects are drawn again", len(want))
	}
}

// The draw is fair: every row is drawn as often as the size says.
func TestTheDrawIsFair(t *testing.T) {
	site := frame.NewNumber("site", []float64{1, 1, 1, 1, 1, 1, 1, 1, 2, 2})
	parts := map[plugins.Part][]int{plugins.Train: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	const draws = 4000
	drawn := make([]int, 10)
	r := source(53)
	for range draws {
		a, err := Restrict(parts, site, nil, at("1"), at(), 4, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range a.Rows[plugins.Train] {
			drawn[row]++
		}
	}
	for row, n := range drawn {
		if share := float64(n) / draws; row < 8 && (share < 0.46 || share > 0.54) || row >= 8 && n > 0 {
			t.Errorf("row %d is drawn with probability %.3f", row, share)
		}
	}
}

func TestRestrictNamesWhatIsWrong(t *testing.T) {
	parts, site, subject := wards()
	tests := []struct {
		name          string
		site, subject *frame.Column
		train, barred SiteSet
		match         int
		want          string
	}{
		{"no site column", nil, subject, at("9"), at(), 0, "has no site column"},
		{"subjects of other rows", site, subject.Take([]int{1}), at("9"), at(), 0, `subject column "id" has 1 rows, the data set has 12`},
		{"sites of other rows", site.Take([]int{0, 1}), nil, at("9"), at(), 0, `part "train" has row 3, the data set has 2 rows`},
		{"unknown site", site, subject, at("9", "12"), at(), 0, `no row has the site "12" in column "hospital"`},
		{"unknown barred site", site, subject, at("9"), at("9.0"), 0, `no row has the site "9.0"`},
		{"a site in both", site, subject, at("9", "10"), at("10"), 0, "to be trained at and to be unseen"},
		{"no site at all", site, subject, at(), at(), 0, "the 0 sites to train at have no row"},
		{"nobody left", site, subject, at("11"), but("11"), 5, "5 train rows are to be drawn, but the 1 sites to train at have 1"},
		{"too many", site, subject, at("9"), at(), 3, "3 train rows are to be drawn, but the 1 sites to train at have 2"},
		{"negative", site, subject, at("9"), at(), -1, "the number of train rows to draw is -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Restrict(parts, tt.site, tt.subject, tt.train, tt.barred, tt.match, source(1))
			if err == nil || a != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("assignment %v, error %v, want %q", a, err, tt.want)
			}
		})
	}
}

func TestTally(t *testing.T) {
	parts, site, _ := wards()
	died := frame.NewCategoryFromStrings("status", strings.Fields("Alive Expired Alive - Alive Expired Alive Alive Expired Alive Alive other"), []bool{3: true, 11: false})
	got, err := Tally(parts, site, died)
	if err != nil {
		t.Fatal(err)
	}
	var want []SiteTally
	add := func(site string, tallies ...[4]int) {
		for i, part := range plugins.AllParts() {
			n := tallies[i]
			want = append(want, SiteTally{Site: site, Part: part, Rows: n[0], Events: n[1], NonEvents: n[2], Missing: n[3]})
		}
	}
	add("9", [4]int{2, 1, 1, 0}, [4]int{1, 0, 1, 0}, [4]int{}, [4]int{})
	add("10", [4]int{3, 1, 1, 1}, [4]int{1, 0, 1, 0}, [4]int{}, [4]int{})
	add("11", [4]int{1, 0, 1, 0}, [4]int{}, [4]int{1, 1, 0, 0}, [4]int{1, 0, 1, 0})
	add("", [4]int{1, 0, 1, 0}, [4]int{}, [4]int{}, [4]int{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(got[0])
	if want := `{"site":"9","part":"train","rows":2,"events":1,"nonevents":1,"missing":0}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	// a site that no part has rows at has no entry; without a target nothing is counted but rows
	got, err = Tally(map[plugins.Part][]int{plugins.Test: {5, 6}}, site, nil)
	if err != nil || len(got) != 4 || got[2] != (SiteTally{Site: "11", Part: plugins.Test, Rows: 2, Missing: 2}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestTallyNamesWhatIsWrong(t *testing.T) {
	parts, site, _ := wards()
	same := make([]float64, 12)
	if _, err := Tally(parts, site, frame.NewNumber("death", same)); !errors.Is(err, label.ErrOneClass) {
		t.Errorf("one class: %v", err)
	}
	same[4] = 3
	if _, err := Tally(parts, site, frame.NewNumber("death", same)); err == nil || !strings.Contains(err.Error(), "neither 0 nor 1 in 1 of 11 rows") {
		t.Errorf("another number: %v", err)
	}
	if _, err := Tally(parts, site, frame.NewNumber("death", nil)); err == nil || !strings.Contains(err.Error(), `target column "death" has 0 rows, the data set has 12`) {
		t.Errorf("a target of other rows: %v", err)
	}
	if _, err := Tally(parts, nil, nil); err == nil {
		t.Error("no error without a site column")
	}
}

func TestSiteGroups(t *testing.T) {
	_, site, _ := wards() // 9, 9, 10, 10, 10, 11, 11, 9, 10, 11, -, 11
	region := frame.NewCategoryFromStrings("region", strings.Fields("South - West West - - - South West - North -"),
		[]bool{1: true, 4: true, 5: true, 6: true, 9: true, 11: true})
	got, err := SiteGroups(site, region)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"9": "South", "10": "West", "11": ""}, got); diff != "" {
		t.Error(diff)
	}
	got, err = SiteGroups(site, frame.NewNumber("beds", []float64{250, 250, 500, 500, 500, 1e6, 1e6, 250, 500, 1e6, 1, 1e6}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"9": "250", "10": "500", "11": "1000000"}, got); diff != "" {
		t.Error(diff)
	}
	torn := frame.NewCategoryFromStrings("region", strings.Fields("South West West West South North North South West North - North"), nil)
	_, err = SiteGroups(site, torn)
	if err == nil || !strings.Contains(err.Error(), `2 of 3 sites of column "hospital" have more than one value of "region"`) {
		t.Error(err)
	}
	if strings.Contains(err.Error(), "South") || strings.Contains(err.Error(), "10") {
		t.Errorf("the message names values: %v", err)
	}
	if _, err := SiteGroups(site, region.Take([]int{0})); err == nil {
		t.Error("no error for a group column of other rows")
	}
	if _, err := SiteGroups(nil, region); err == nil {
		t.Error("no error without a site column")
	}
}
