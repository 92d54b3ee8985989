package rate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// Within a group, a shadow model is what it made of that group, and its members are those of it.
func TestGroupsHaveTheirShadowModels(t *testing.T) {
	pair := sliced(synthetic()...)
	pair.Shadows = []plugins.Shadow{{Members: []int{0, 59, 60, 119}, Synthetic: pair.Synthetic}}
	var got []string
	j := job(func(p *plugins.Pair) *plugins.Measurement {
		for _, s := range p.Shadows {
			train := p.Parts.Get(plugins.Train).Frame
			got = append(got, fmt.Sprintf("%v of %d, %d rows", train.Take(s.Members).Column("x").Numbers, train.Rows(), s.Synthetic.Rows()))
		}
		return &plugins.Measurement{}
	})
	j.By = []string{"sex", "hospital"}
	if _, err := j.Measure(t.Context(), pair); err != nil {
		t.Fatal(err)
	}
	// the synthetic rows have no hospital
	want := []string{"[0 59 60 119] of 120, 3 rows", "[0 59] of 60, 1 rows", "[60] of 40, 2 rows", "[0 60] of 60, 3 rows", "[59 119] of 60, 3 rows"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
