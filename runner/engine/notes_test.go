package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// What is said of a threshold names the auditor where an audit has several: of one, whoever files the note names the audit.
func TestThresholdsAboveTheScaleAreTold(t *testing.T) {
	const said = "the threshold of 11 lies above the scale: every record with a score is dropped"
	rows := &artifact{table: frame.Must(frame.NewNumber("x", []float64{1, 2}))}
	for _, c := range []struct {
		audits []string
		want   []string
	}{
		{[]string{"a"}, []string{said}},
		{[]string{"a", "b"}, []string{"a: " + said, "b: " + said}},
	} {
		d, w := &decided{}, plan.DecideWork{Action: "drop"}
		for _, name := range c.audits {
			w.Policies = append(w.Policies, plan.Policy{Audit: name, Scale: plugins.Scale{Min: 1, Max: 10}})
			d.Thresholds, d.Chosen = append(d.Thresholds, 11), append(d.Chosen, "11")
		}
		out, err := settle(w, d, rows, nil, make([]bool, 2))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, out.meta.Notes); diff != "" {
			t.Errorf("%v: -want +got\n%s", c.audits, diff)
		}
	}
}
