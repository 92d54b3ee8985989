package report

import (
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Of replicates that are withheld, as they would tell of too few patients, a mean over the others would be one of the survivors.
func TestNoMeanOverReplicatesThatAreWithheld(t *testing.T) {
	for reason, told := range map[string]bool{"withheld: it would tell of fewer than 11 patients": false, "no label": true} {
		core := study()
		for i := range core.Scores {
			if s := &core.Scores[i]; s.Cell == "ceiling-all-2" && s.Metric == "kl" {
				s.Status, s.Value, s.Reason = plugins.Undefined, 0, reason
			}
		}
		r := made(t, core, spec.Table{Name: "t", Rows: []string{"strategy"}, Columns: []spec.TableColumn{{Score: "kl.mean"}}, Over: []string{"seed"}, Where: map[string][]spec.Value{"features": texts("all")}})
		for _, l := range r.Lines {
			v := l.Values[0]
			if l.Labels[0] != "ceiling" {
				if v.Status != OK {
					t.Errorf("%v: %+v", l.Labels, v)
				}
				continue
			}
			noted := strings.Contains(strings.Join(printed(v.notes), "\n"), "a mean of the values that are told would leave out those that are withheld")
			if (v.Status == OK) != told || noted == told || v.N != 2 || v.Of != 3 {
				t.Errorf("%s: %+v", reason, v)
			}
		}
	}
}
