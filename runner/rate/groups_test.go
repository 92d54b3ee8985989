package rate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// people are rows with an age, a ward and a sex, as many of each as are said; every second has the event.
type people struct {
	n, age int
	ward   string
	female float64
}

func peopleRows(list ...people) plugins.Sample {
	var ward []string
	var age, female, y []float64
	for _, p := range list {
		for k := range p.n {
			ward, age, female, y = append(ward, p.ward), append(age, float64(p.age)), append(female, p.female), append(y, float64(k%2))
		}
	}
	return plugins.Sample{Frame: frame.Must(
		frame.NewCategoryFromStrings("ward", ward, nil), frame.NewNumber("age", age), frame.NewNumber("female", female), frame.NewNumber("death", y),
	)}
}

// counting measures the numbers of test and synthetic rows.
func counting(groups ...rate.Group) rate.Job {
	j := job(func(p *plugins.Pair) *plugins.Measurement {
		n := p.Parts.Get(plugins.Test).Frame.Rows()
		return &plugins.Measurement{Scores: []plugins.Score{{
			Name: "difference", Status: plugins.OK, N: n, Warnings: []string{fmt.Sprintf("%d synthetic", p.Synthetic.Rows())},
		}}}
	})
	j.Groups = groups
	return j
}

func pairOfPeople(test, synthetic plugins.Sample) *plugins.Pair {
	parts := plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: test, plugins.Train: test})
	return plugins.NewPair(parts, synthetic.Frame, "death")
}

func TestNamedGroupsAreMeasuredApart(t *testing.T) {
	real := peopleRows(people{30, 40, "a", 1}, people{20, 60, "a", 0}, people{10, 80, "b", 1}, people{4, 80, "c", 0})
	synthetic := peopleRows(people{3, 40, "a", 1}, people{2, 60, "b", 1})
	j := counting(
		rate.Group{Name: "women", Columns: map[string][]string{"female": {"1.0"}}},
		rate.Group{Name: "later", Columns: map[string][]string{"ward": {"c", "b", "d"}}},
		rate.Group{Name: "both", Columns: map[string][]string{"ward": {"b"}, "female": {"1"}}},
		rate.Group{Name: "none", Columns: map[string][]string{"ward": {"x"}}},
	)
	j.By = []string{"ward"}
	out, err := j.Measure(t.Context(), pairOfPeople(real, synthetic))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range out.Scores {
		if s.Name != "difference" {
			continue
		}
		what := fmt.Sprintf("%v: %d, %s", s.Dims, s.N, strings.Join(s.Warnings, "; "))
		if s.Status != plugins.OK {
			what = fmt.Sprintf("%v: %s", s.Dims, s.Reason)
		}
		got = append(got, what)
	}
	want := []string{
		"map[]: 64, 5 synthetic", "map[ward:a]: 50, 3 synthetic", "map[ward:b]: 10, 2 synthetic", "map[ward:c]: no synthetic row is of this group",
		"map[group:women]: 40, 5 synthetic", "map[group:later]: 14, 2 synthetic", "map[group:both]: 10, 2 synthetic", "map[group:none]: no synthetic row is of this group",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	j.By, j.Groups = nil, j.Groups[:3]
	without, err := synthetic.Frame.Select("ward", "age", "death")
	if err != nil {
		t.Fatal(err)
	}
	if out, err = j.Measure(t.Context(), pairOfPeople(real, plugins.Sample{Frame: without})); err != nil {
		t.Fatal(err)
	}
	const warning = `the synthetic rows have no column "female"`
	if s := out.Scores[1]; s.N != 40 || !strings.Contains(s.Warnings[0], warning) || !slices.Contains(s.Warnings, "5 synthetic") {
		t.Errorf("without the column all synthetic rows stand beside the group, with a warning: %+v", s)
	}
	if s := out.Scores[2]; !slices.Equal(s.Warnings, []string{"2 synthetic"}) {
		t.Errorf("a group that needs no such column is told of one: %+v", s)
	}
	if s := out.Scores[3]; !slices.Contains(s.Warnings, "2 synthetic") || !strings.Contains(s.Warnings[0], warning) {
		t.Errorf("the columns that synthetic rows have still tell them apart: %+v", s)
	}
	j.Groups = []rate.Group{{Name: "x", Columns: map[string][]string{"race": {"1"}}}}
	if _, err = j.Measure(t.Context(), pairOfPeople(real, synthetic)); err == nil || !strings.Contains(err.Error(), `groups: the `) || !strings.Contains(err.Error(), `no column "race"`) {
		t.Error(err)
	}
}

// Groups share rows: what is told of all, of some groups and of levels must not tell of few rows by any sum or difference.
func TestFewRowsAreNotToldByGroups(t *testing.T) {
	ward := func(names ...string) map[string][]string { return map[string][]string{"ward": names} }
	for name, c := range map[string]struct {
		rows   []people
		by     []string
		groups []rate.Group
		want   string // the levels and groups that are told
	}{
		"many": {
			rows: []people{{100, 40, "a", 1}, {60, 40, "b", 0}}, groups: []rate.Group{{"A", ward("a")}, {"F", map[string][]string{"female": {"1"}}}}, want: "A F",
		},
		"few in a group":         {rows: []people{{100, 40, "a", 1}, {8, 40, "b", 0}}, groups: []rate.Group{{"B", ward("b")}}},
		"few are in no group":    {rows: []people{{100, 40, "a", 1}, {8, 40, "b", 0}}, groups: []rate.Group{{"A", ward("a")}}},
		"few between two nested": {rows: []people{{100, 40, "a", 1}, {8, 40, "b", 0}, {90, 40, "c", 0}}, groups: []rate.Group{{"A", ward("a")}, {"AB", ward("a", "b")}}, want: "AB"},
		"few between one and two others": {
			rows:   []people{{100, 40, "a", 1}, {60, 40, "b", 0}, {8, 40, "c", 0}, {200, 40, "d", 0}},
			groups: []rate.Group{{"A", ward("a")}, {"B", ward("b")}, {"ABC", ward("a", "b", "c")}}, want: "A ABC",
		},
		"few in what two share, which nothing tells": {
			rows:   []people{{100, 40, "a", 1}, {60, 40, "b", 0}, {8, 40, "b", 1}, {200, 40, "c", 0}},
			groups: []rate.Group{{"B", ward("b")}, {"F", map[string][]string{"female": {"1"}}}}, want: "B F",
		},
		"few by levels of a column and groups": {
			rows: []people{{100, 40, "a", 1}, {60, 40, "b", 0}, {8, 40, "c", 0}, {12, 40, "d", 0}},
			by:   []string{"ward"}, groups: []rate.Group{{"D", ward("d")}, {"B", ward("b")}}, want: "a b B",
		},
		"few by two columns": {
			rows: []people{{100, 40, "a", 1}, {60, 40, "b", 1}, {8, 50, "b", 0}, {90, 60, "c", 0}},
			by:   []string{"ward", "age"}, want: "a b c 60",
		},
	} {
		real := peopleRows(c.rows...)
		j := counting(c.groups...)
		j.Fewest, j.By = 11, c.by
		pair := pairOfPeople(real, real)
		pair.Target = ""
		out, err := j.Measure(t.Context(), pair)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, s := range out.Scores[1:] {
			for _, value := range s.Dims {
				if s.Status == plugins.OK {
					told = append(told, value)
				} else if !strings.HasPrefix(s.Reason, "withheld: ") {
					t.Errorf("%s: %s is not told, as %s", name, value, s.Reason)
				}
			}
		}
		if got := strings.Join(told, " "); got != c.want {
			t.Errorf("%s: %q are told, want %q", name, got, c.want)
		}
	}
}
