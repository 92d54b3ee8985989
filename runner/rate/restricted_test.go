package rate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// wards are rows of the wards a, b, c …, as many as are said, of which every second has the event.
func wards(sizes ...int) plugins.Sample {
	var ward []string
	var y []float64
	for i, n := range sizes {
		for k := range n {
			ward, y = append(ward, string(rune('a'+i))), append(y, float64(k%2))
		}
	}
	return plugins.Sample{Frame: frame.Must(frame.NewCategoryFromStrings("ward", ward, nil), frame.NewNumber("death", y))}
}

// What is told of all rows and of some groups must not tell of the few that are in no group, or in one that is not told.
func TestFewRowsAreNotToldBySubtraction(t *testing.T) {
	for name, c := range map[string]struct {
		test, train plugins.Sample
		want        string // the levels that are told
	}{
		"all are many":                     {wards(100, 60, 40), wards(100, 60, 40), "abc"},
		"few in one":                       {wards(100, 60, 8), wards(100, 60, 40), "a"},
		"few in one of two":                {wards(100, 8), wards(100, 40), ""},
		"few in two, which are many":       {wards(100, 60, 18, 18), wards(100, 60, 40, 40), "ab"},
		"few of train":                     {wards(100, 60, 40), wards(100, 60, 5), "a"},
		"few of train in one test has not": {wards(100, 60), wards(100, 60, 1), "a"},
		"few events of train":              {wards(100, 60, 40), wards(100, 60, 14), "a"},
	} {
		pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: c.test, plugins.Train: c.train}), wards(20, 20, 20, 20).Frame, "death")
		j := job(func(p *plugins.Pair) *plugins.Measurement {
			n := p.Parts.Get(plugins.Test).Frame.Rows()
			return &plugins.Measurement{Scores: []plugins.Score{{Name: "difference", Status: plugins.OK, N: n}}}
		})
		j.By, j.Minimum, j.Fewest = []string{"ward"}, rate.Minimum{Rows: 11, Events: 11, NonEvents: 11}, 11
		out, err := j.Measure(t.Context(), pair)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, s := range out.Scores {
			if s.Status == plugins.OK {
				told = append(told, s.Dims["ward"])
			} else if strings.ContainsAny(strings.ReplaceAll(s.Reason, "11", ""), "0123456789") {
				t.Errorf("%s: the reason tells a number: %s", name, s.Reason)
			}
		}
		if got := strings.Join(told, ""); got != c.want {
			t.Errorf("%s: %q are told, want %q", name, got, c.want)
		}
		if j.Fewest = 0; slices.Contains([]string{"few of train in one test has not"}, name) {
			if out, err = j.Measure(t.Context(), pair); err != nil || out.Scores[2].Status != plugins.OK {
				t.Errorf("what is not restricted is told: %v %+v", err, out)
			}
		}
	}
}
