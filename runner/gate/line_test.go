package gate

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// Of versions that nobody accepted, one that fails its check never becomes the baseline of the next one, nor does one that is as bad as it.
func TestLine(t *testing.T) {
	good, within, bad := []float64{0.80, 0.82, 0.81, 0.79}, []float64{0.80, 0.81, 0.81, 0.79}, []float64{0.70, 0.71, 0.69, 0.68}
	of := func(number int, values []float64, changes ...func(*record.Core)) *Version {
		core := flat(number, "copula", values...)
		for _, change := range changes {
			change(core)
		}
		return &Version{Name: "v" + string(rune('0'+number)), Core: core}
	}
	fails := func(c *record.Core) { c.Scores[1].Status, c.Scores[1].Reason = plugins.Failed, "boom" }
	none := func(c *record.Core) { c.Scores = nil }
	otherData := func(c *record.Core) { c.Manifest.Data[0].Files[0].SHA256 = "bb" }
	otherSplit := func(c *record.Core) {
		c.Manifest.Resolved = json.RawMessage(strings.Replace(string(c.Manifest.Resolved), `"seed":7`, `"seed":8`, 1))
	}
	tests := map[string]struct {
		versions []*Version
		want     string // name of the baseline
		why      string
	}{
		"nothing":    {nil, "", "none was accepted, and no other complete version is committed"},
		"one":        {[]*Version{of(1, good)}, "v1", "the newest complete version that is committed"},
		"one passes": {[]*Version{of(1, good), of(2, within)}, "v2", "the newest complete version that is committed"},
		"one does not": {
			[]*Version{of(1, good), of(2, bad)},
			"v1",
			"the newest complete version that is committed and passes this check; later ones do not: v2 (1 worse)",
		},
		"one like one that does not": {[]*Version{of(1, good), of(2, bad), of(3, bad)}, "v1", "later ones do not: v2 (1 worse), v3 (1 worse)"},
		"after the loss":             {[]*Version{of(1, good), of(2, bad), of(3, within)}, "v3", "the newest complete version that is committed"},
		"other data":                 {[]*Version{of(1, good), of(2, bad, otherData), of(3, bad, otherData)}, "v1", "v2 (1 not comparable), v3 (1 not comparable)"},
		"another split":              {[]*Version{of(1, good), of(2, good, otherSplit)}, "v1", "v2 (1 not comparable)"},
		"a failed metric":            {[]*Version{of(1, good), of(2, good, fails)}, "v1", "v2 (1 incomplete)"},
		"a failed metric first":      {[]*Version{of(1, good, fails), of(2, good)}, "v2", "the newest complete version that is committed"},
		"one without the score":      {[]*Version{of(1, good, none), of(2, good)}, "v2", "the newest complete version that is committed"},
		"none with the score":        {[]*Version{of(1, good, none), of(2, good, fails)}, "", "of those that are committed none can be: v1 (has no such score), v2 (incomplete)"},
		"beyond the limit":           {[]*Version{of(1, []float64{0.1, 0.2, 0.1, 0.2})}, "", "none can be: v1 (1 beyond the limit)"},
		"too few seeds to tell":      {[]*Version{of(1, good), of(2, []float64{0.75, 0.86, 0.80, 0.81})}, "v1", "v2 (1 underpowered)"},
	}
	low := 0.5
	check := holds(0.02)
	check.Limit = &spec.Range{Min: &low}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			line := NewLine([]spec.Check{check}, Options{0.95})
			for _, v := range tt.versions {
				if err := line.Add(v); err != nil {
					t.Fatal(err)
				}
			}
			b, got := line.Baseline("holds", "committed"), ""
			if b.Version != nil {
				got = b.Name
			}
			if got != tt.want || !strings.HasSuffix(b.Why, tt.why) {
				t.Errorf("%q, %q", got, b.Why)
			}
		})
	}
}

// Each check has a baseline of its own.
func TestLineOfSeveralChecks(t *testing.T) {
	holds, other := holds(0.02), holds(0.5)
	other.Name = "other"
	line := NewLine([]spec.Check{holds, other}, Options{0.95})
	for i, values := range [][]float64{{0.80, 0.82, 0.81, 0.79}, {0.70, 0.71, 0.69, 0.68}} {
		if err := line.Add(&Version{Name: []string{"v1", "v2"}[i], Core: flat(i+1, "copula", values...)}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := line.Baseline("holds", "committed"), line.Baseline("other", "committed"); a.Name != "v1" || b.Name != "v2" {
		t.Errorf("%s and %s", a.Describe(), b.Describe())
	}
}

// What is accepted passes and is told with its verdict; the other checks decide, and a limit does in any case.
func TestAccepted(t *testing.T) {
	r := everything(t)
	all := []string{"holds", "limited", "passing"}
	want := map[string]string{"holds": "1 worse, 1 incomplete, 1 not comparable, 1 underpowered", "limited": "1 beyond the limit"}
	for check, text := range r.Despite(all) {
		if want[check] != text {
			t.Errorf("%s: %s", check, text)
		}
		delete(want, check)
	}
	if len(want) > 0 {
		t.Errorf("nothing is said of %v", want)
	}
	done := r.Accept([]string{"holds"}, "v2 is the baseline of holds from now on: new generator")
	if done != "v2 is the baseline of holds from now on: new generator (in spite of 1 worse, 1 incomplete, 1 not comparable, 1 underpowered)" || !slices.Contains(r.Notes, done) {
		t.Errorf("%q, %q", done, r.Notes)
	}
	if r.Code() != CodeRegressed || !r.Comparisons[2].Passes() || r.Comparisons[6].Passes() {
		t.Errorf("exit code %d: %s", r.Code(), r.Text(80))
	}
	text := r.Text(200)
	for _, line := range []string{"? WORSE, accepted as the baseline – holds: across.auroc, strategy worse\n", "note: " + done + "\n", "✗ SAME, beyond the limit – limited"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	// a limit is not moved
	r.Accept([]string{"limited"}, "and of limited")
	if r.Code() != CodeRegressed {
		t.Errorf("exit code %d with a value beyond its limit", r.Code())
	}
	raw, err := r.SARIF("1")
	if err != nil || strings.Count(string(raw), `"level": "error",`) != 1 || strings.Count(string(raw), `"level": "note"`) != 5 {
		t.Errorf("%v: %s", err, raw)
	}

	r = against(t, holds(0.02), flat(2, "copula", 0.7, 0.71, 0.7), flat(1, "copula", 0.8, 0.81, 0.82))
	if r.Accept([]string{"holds"}, "v2 is accepted"); r.Code() != CodePass || r.Result() != "passes, as it was accepted" || r.Comparisons[0].Verdict != Worse {
		t.Errorf("exit code %d, %s: %s", r.Code(), r.Result(), r.Comparisons[0].Message())
	}
	d := r.Document()
	if !d.Passes || !d.Comparisons[0].Accepted || d.Comparisons[0].Verdict != Worse {
		t.Errorf("%+v", d)
	}
	junit, err := r.JUnit()
	if err != nil || !strings.Contains(string(junit), `<skipped message="worse, accepted as the baseline: `) || strings.Contains(string(junit), "<failure") {
		t.Errorf("%v: %s", err, junit)
	}
	if text := r.GitHub(); !strings.HasPrefix(text, "::warning ") || strings.Contains(text, "::error") {
		t.Error(text)
	}
	// the first baseline is accepted in spite of nothing
	r, err = Run([]spec.Check{holds(0.02)}, &Version{"v1", flat(1, "copula", 0.8, 0.81)}, func(*spec.Check) Baseline { return Baseline{Why: "none"} }, Options{0.95})
	if err != nil {
		t.Fatal(err)
	}
	if done := r.Accept([]string{"holds"}, "v1 is accepted"); done != "v1 is accepted" || r.Code() != CodePass || r.Result() != "passes" || r.Despite([]string{"holds"}) != nil {
		t.Errorf("%q, exit code %d, %s", done, r.Code(), r.Result())
	}
}
