package elicit

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Rows that no group has are told of: neither the synthetic rows nor the real shares stand for them.
func TestRowsInNoGroupAreNoted(t *testing.T) {
	for missing, want := range map[int]string{
		0: "", 3: "rows of train in no group, as sex is missing or no declared level: of fewer than 11 patients",
		40: "rows of train in no group, as sex is missing or no declared level: 40; shares are those of the other rows",
	} {
		train := people()
		sex := *train.Column("sex")
		sex.Numbers = slices.Clone(sex.Numbers)
		for i := range missing {
			sex.Numbers[i] = math.NaN()
		}
		train = frame.Must(&sex, train.Column("race"), train.Column("age"), train.Column("death"))
		s, err := setupOf(t, Defaults("", ""), Design{By: []string{"sex"}, Shares: SharesEqual}, train, 10, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.notes, "; "); got != want {
			t.Errorf("%d rows: the notes are %q, want %q", missing, got, want)
		}
	}
}
