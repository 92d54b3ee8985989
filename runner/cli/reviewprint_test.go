package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/review"
)

// A dash beside the scores of a judge has its reason, and numbers say how many records they rest on.
func TestJudgesBesideRaters(t *testing.T) {
	const reason = "scores of the judge are not whole numbers"
	score := func(name string, value float64, n int, dims ...string) plugins.Score {
		s := plugins.Score{Name: name, Value: value, N: n, Status: plugins.OK}
		if len(dims) > 0 {
			s.Dims = map[string]string{}
		}
		for i := 0; i < len(dims); i += 2 {
			s.Dims[dims[i]] = dims[i+1]
		}
		return s
	}
	kappa := score("judge_kappa", 0, 29, "rater", "ann", "weights", "quadratic")
	kappa.Status, kappa.Reason = plugins.Undefined, reason
	var out bytes.Buffer
	a := &app{out: &stream{file: &out}}
	reviewed{a, &review.Summary{
		Audit: "judge7", Scale: &review.Scale{Min: review.LeastRealism, Max: review.MostRealism}, Raters: []review.RaterSummary{{Rater: "ann"}},
		Scores: []plugins.Score{
			score("judge_correlation", 0.5, 29, "rater", "ann"), kappa, score("judge_difference", -1, 29, "rater", "ann"), score("judge_cohens_d", 2, 31),
		},
	}}.judge()
	for _, want := range []string{"of the records that have both\n", "ann    29       0.50 ", "no weighted kappa: " + reason, "d of the scores of judge7, of 31 records: 2.00\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
