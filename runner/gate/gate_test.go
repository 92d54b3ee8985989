package gate

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// The verdicts, and that nothing which is not a number passes.
func TestVerdict(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		identical                bool
		delta, low, high, margin float64
		want                     Verdict
	}{
		{true, 0, 0, 0, 0, Same},
		{false, 0.03, 0.01, 0.05, 0.02, Better},
		{false, 0, -0.01, 0.01, 0.02, Same},
		{false, -0.015, -0.019, -0.011, 0.02, Same}, // a loss, within the tolerance
		{false, -0.03, -0.05, -0.01, 0.02, Worse},
		{false, -0.03, -0.07, 0.01, 0.02, Underpowered},  // a loss, or chance
		{false, -0.01, -0.04, 0.02, 0.02, Underpowered},  // too wide
		{false, -0.02, -0.03, -0.01, 0.02, Underpowered}, // a loss, but of what size
		{false, 0, -0.02, 0.02, 0.02, Underpowered},      // the bound itself does not pass
		{false, 0, 0, 0, 0, Underpowered},
		{false, -0.1, -inf, inf, 0.02, Underpowered},
		{false, nan, -0.01, 0.01, nan, Underpowered},
		{false, -0.1, nan, nan, 0.02, Underpowered},
		{false, nan, nan, -0.01, 0.02, Underpowered},
	}
	for _, tt := range tests {
		if got := verdict(tt.identical, tt.delta, tt.low, tt.high, tt.margin); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// By hand: differences of -0.02, -0.03 and -0.04 have a mean of -0.03, a standard deviation of 0.01 and Student's t of 4.3027.
func TestByHand(t *testing.T) {
	old, now := flat(1, "copula", 0.80, 0.82, 0.84), flat(2, "copula", 0.78, 0.79, 0.80)
	c := against(t, holds(0.02), now, old).Comparisons[0]
	half := 4.302653 * 0.01 / math.Sqrt(3)
	if c.Verdict != Worse || c.Code() != 4 || !near(c.Delta, -0.03) || !near(c.Low, -0.03-half) || !near(c.High, -0.03+half) || !near(c.Old, 0.82) || !near(c.New, 0.79) {
		t.Errorf("%+v", c)
	}
	if c.N != 3 || c.Of != 3 || c.Level != 0.95 || c.Unit != "seeds" || c.Margin != 0.02 {
		t.Errorf("%+v", c)
	}

	// where lower is better, the same change is a gain
	check := holds(0.02)
	check.Better = plugins.Lower
	c = against(t, check, now, old).Comparisons[0]
	if c.Verdict != Better || !near(c.Delta, 0.03) || !near(c.Low, 0.03-half) || !near(c.High, 0.03+half) {
		t.Errorf("%+v", c)
	}

	// the greater tolerance counts: 10 % of 0.82
	share := 0.1
	check = holds(0.02)
	check.Tolerance.Relative = &share
	if c = against(t, check, now, old).Comparisons[0]; c.Verdict != Same || !near(c.Margin, 0.082) {
		t.Errorf("%+v", c)
	}
}

// Seeds of one split of the data share its test rows: the splits are what varies, and differences of -0.02, -0.03 and -0.04 between them are
// worth no more for having been measured four times each.
func TestSplitsAreTheUnit(t *testing.T) {
	old := crossed(1, []float64{0.8, 0.8, 0.8, 0.8}, []float64{0.82, 0.82, 0.82, 0.82}, []float64{0.84, 0.84, 0.84, 0.84})
	now := crossed(2, []float64{0.78, 0.78, 0.77, 0.79}, []float64{0.79, 0.79, 0.78, 0.8}, []float64{0.8, 0.8, 0.79, 0.81})
	c := against(t, holds(0.02), now, old).Comparisons[0]
	half := 4.302653 * 0.01 / math.Sqrt(3)
	if c.Unit != "splits" || c.N != 12 || c.Of != 12 || !near(c.Delta, -0.03) || !near(c.Low, -0.03-half) || !near(c.High, -0.03+half) {
		t.Errorf("%+v", c)
	}
	// a split that the baseline has fewer seeds of counts as much as the others
	old.Cells, old.Scores = old.Cells[:10], old.Scores[:10]
	c = against(t, holds(0.02), now, old).Comparisons[0]
	if c.N != 10 || c.Of != 12 || !near(c.Delta, -0.03) || !near(c.New-c.Old, c.Delta) {
		t.Errorf("%+v", c)
	}
}

// Six equal differences are a finding at 95 %, but not where two comparisons share that: then it is said why.
func TestEqualDifferencesAtTheCorrectedLevel(t *testing.T) {
	old, now := flat(1, "copula", 0.8, 0.8, 0.8, 0.8, 0.8, 0.8), flat(2, "copula", 0.7, 0.7, 0.7, 0.7, 0.7, 0.7)
	if c := against(t, holds(0.02), now, old).Comparisons[0]; c.Verdict != Worse {
		t.Errorf("alone: %s", c.Message())
	}
	for core, values := range map[*record.Core][]float64{old: {0.5, 0.6}, now: {0.5, 0.59}} {
		more := flat(1, "floor", values...)
		core.Cells, core.Scores = append(core.Cells, more.Cells...), append(core.Scores, more.Scores...)
	}
	if c := against(t, holds(0.02), now, old).Comparisons[0]; c.Verdict != Underpowered || !strings.HasPrefix(c.Advice, "6 values that do not vary are too few") {
		t.Errorf("one of two: %s", c.Message())
	}
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-6 }

// What differs besides the strategies, and what is missing, never passes, though all scores are equal.
func TestNeverPasses(t *testing.T) {
	base := func() *record.Core {
		core := newWard(3, 2, 4).rate(1)
		core.Manifest.LLMs = []record.ModelInfo{{Name: "o1", Identity: plugins.Identity{API: "openai-chat", Model: "o1"}, Served: []string{"o1-2024-12-17"}}}
		for i := range core.Cells {
			core.Counts = append(core.Counts, record.Count{Dataset: "icu", Cell: core.Cells[i].ID, Stage: "generate", Count: plugins.Count{
				Name: record.CountAnswers, Dims: map[string]string{record.ModelDim: "o1"}, Value: 3,
			}})
		}
		for i, column := range []string{"age", "lactate"} {
			core.Counts = append(core.Counts, record.Count{Dataset: "icu", Stage: "features", Count: plugins.Count{
				Name: placeOfFeature, Dims: map[string]string{"features": "all", "column": column}, Value: i + 1,
			}})
		}
		core.Manifest.MetricFiles = []record.MetricFiles{{Metric: "across", Files: []record.FileInfo{{Role: "ratings", SHA256: "cc"}}}}
		return core
	}
	resolved := func(old, now string) func(*record.Core) {
		return func(c *record.Core) {
			text := strings.Replace(string(c.Manifest.Resolved), old, now, 1)
			if text == string(c.Manifest.Resolved) {
				t.Fatalf("%q is not there", old)
			}
			c.Manifest.Resolved = json.RawMessage(text)
		}
	}
	score := func(status plugins.Status, reason string) func(*record.Core) {
		return func(c *record.Core) { c.Scores[2].Status, c.Scores[2].Reason = status, reason }
	}
	tests := map[string]struct {
		change func(*record.Core)
		want   Verdict
		says   string
	}{
		"nothing":        {func(*record.Core) {}, Same, ""},
		"other data":     {func(c *record.Core) { c.Manifest.Data[0].Files[0].SHA256 = "bb" }, NotComparable, "the files of data set icu are other ones"},
		"another reader": {func(c *record.Core) { c.Manifest.Data[0].Plugin = "eicu" }, NotComparable, "read by eicu"},
		"another split":  {resolved(`"seed":7`, `"seed":8`), NotComparable, "data set icu: split.seed is 8, was 7"},
		"preparation":    {resolved(`"keep"`, `"median"`), NotComparable, `prepare.missing is "median", was "keep"`},
		"split version":  {func(c *record.Core) { c.Manifest.Plugins[1].Version = 2 }, NotComparable, "split is version 2, was 1"},
		"metric version": {func(c *record.Core) { c.Manifest.Plugins[2].Version = 5 }, NotComparable, "metric across: downstream is version 5, was 4"},
		"metric library": {func(c *record.Core) {
			c.Manifest.MetricUses = map[string][]plugins.Use{"across": {{Name: "gbdt", Version: 2}, {Name: "stats", Version: 8}}}
		}, NotComparable, "metric across: stats is version 8, was 7"},
		"metric settings": {resolved(`"gbdt"`, `"logistic"`), NotComparable, `with.model is "logistic", was "gbdt"`},
		"metric files":    {func(c *record.Core) { c.Manifest.MetricFiles[0].Files = nil }, NotComparable, "metric across reads other files"},
		"columns":         {func(c *record.Core) { c.Counts[len(c.Counts)-1].Dims["column"] = "sodium" }, NotComparable, "features all has sodium and lacks lactate"},
		"served model":    {func(c *record.Core) { c.Manifest.LLMs[0].Served = []string{"o1-2025-03-01"} }, NotComparable, "served o1-2025-03-01, was o1-2024-12-17"},
		"model identity":  {func(c *record.Core) { c.Manifest.LLMs[0].Endpoint = "https://elsewhere" }, NotComparable, "endpoint"},
		"model asked":     {func(c *record.Core) { c.Counts, c.Manifest.LLMs = c.Counts[len(c.Counts)-2:], nil }, NotComparable, "language models: nothing asked, was o1"},
		"a judge": {func(c *record.Core) {
			c.Manifest.LLMs = append(c.Manifest.LLMs, record.ModelInfo{Name: "judge", Served: []string{"j"}})
		}, NotComparable, "language models: judge and o1 asked, was o1"},
		"test rows":     {func(c *record.Core) { c.Scores[0].Draws.Of = "others" }, NotComparable, "not rated on the same test rows"},
		"no manifest":   {func(c *record.Core) { c.Manifest.Resolved = nil }, NotComparable, "does not say how"},
		"missing cell":  {func(c *record.Core) { c.Cells, c.Scores = c.Cells[1:], c.Scores[1:] }, Incomplete, "seed 1: there is no such cell"},
		"missing score": {func(c *record.Core) { c.Scores = c.Scores[1:] }, Incomplete, "seed 1: it is not measured"},
		"failed metric": {score(plugins.Failed, "measure: out of memory"), Incomplete, "seed 3: failed: measure: out of memory"},
		"undefined":     {score(plugins.Undefined, "one class"), Incomplete, "seed 3: undefined: one class"},
		"not a number":  {func(c *record.Core) { c.Scores[2].Value = math.NaN() }, Incomplete, "seed 3: its value is no finite number"},
		"infinite":      {func(c *record.Core) { c.Scores[2].Value = math.Inf(1) }, Incomplete, "no finite number"},
		"excluded":      {func(c *record.Core) { c.Cells[2].Status, c.Cells[2].Reason = record.CellExcluded, "budget" }, Incomplete, "seed 3: excluded: budget"},
		"not estimable": {func(c *record.Core) { c.Cells[2].Status, c.Cells[2].Reason = record.CellNotEstimable, "few rows" }, Incomplete, "few rows"},
		"a failed cell": {fail, Incomplete, "seed 3: failed at generate: no answer"},
		"other notes":   {func(c *record.Core) { c.Manifest.Notes = []string{"x"} }, Same, ""},
		"other metric": {func(c *record.Core) {
			c.Manifest.Plugins = append(c.Manifest.Plugins, record.PluginInfo{Stage: "measure", Name: "kl", Version: 9})
		}, Same, ""},
		"more intervals": {resolved(`"use":"downstream"`, `"use":"downstream","subsamples":20`), Same, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := base()
			tt.change(now)
			r := against(t, holds(0.5), now, base())
			c := &r.Comparisons[0]
			if c.Verdict != tt.want || !strings.Contains(said(c), tt.says) {
				t.Errorf("%s, want %s: %s", c.Verdict, tt.want, said(c))
			}
			if want := map[Verdict]int{Same: 0, NotComparable: 6, Incomplete: 3}[tt.want]; c.Code() != want || r.Code() != want {
				t.Errorf("exit codes %d and %d, want %d", c.Code(), r.Code(), want)
			}
			if undefined := name == "undefined"; tt.want == Incomplete && strings.Contains(c.Advice, "changes nothing") != undefined {
				t.Errorf("advice: %s", c.Advice)
			}
			if tt.want != Same && (c.N != 0 || c.Compared && tt.want == Incomplete) {
				t.Errorf("something was compared: %+v", c)
			}
		})
	}
}

// fail makes a cell that failed before anything was measured, and left no score.
func fail(c *record.Core) {
	c.Cells[2].Status, c.Cells[2].Stage, c.Cells[2].Reason = record.CellFailed, "generate", "no answer"
	c.Scores = slices.Delete(c.Scores, 2, 3)
	c.Manifest.Complete = false
}

// A failed metric leaves one row without the dimensions that its scores would have had: it stands for each of them.
func TestFailedScoresOfDimensions(t *testing.T) {
	columns := func(version int) *record.Core {
		core := flat(version, "copula", 0.8, 0.81)
		var scores []record.Score
		for _, s := range core.Scores {
			for _, column := range []string{"age", "lactate"} {
				s.Dims = map[string]string{"column": column}
				scores = append(scores, s)
			}
		}
		core.Scores = scores
		return core
	}
	now := columns(2)
	now.Scores = append(now.Scores[:2:2], record.Score{Cell: now.Cells[1].ID, Metric: "across", Score: plugins.Score{Name: "auroc", Status: plugins.Failed, Reason: "boom"}})
	for _, over := range [][]string{nil, {"column"}} {
		check := holds(0.1)
		check.Over = over
		r := against(t, check, now, columns(1))
		if want := 2 - len(over); len(r.Comparisons) != want {
			t.Fatalf("over %v: %d comparisons, want %d", over, len(r.Comparisons), want)
		}
		for i := range r.Comparisons {
			if c := &r.Comparisons[i]; c.Verdict != Incomplete || c.Of != 2 || !strings.Contains(said(c), "seed 2: failed: boom") || !c.Lacks {
				t.Errorf("over %v, %s: %s, %d pairs: %s", over, c.Title(), c.Verdict, c.Of, said(c))
			}
		}
	}
	check := holds(0.1) // what failed might have been of the column that is asked for
	check.Where = map[string][]spec.Value{"column": {{Text: "age"}}}
	if r := against(t, check, now, columns(1)); len(r.Comparisons) != 1 || r.Comparisons[0].Verdict != Incomplete {
		t.Errorf("%+v", r.Comparisons)
	}
	// what failed in both versions is missing all the same, with its score or without
	if r := against(t, holds(0.1), now, now); len(r.Comparisons) != 2 || r.Comparisons[1].Verdict != Incomplete || r.Comparisons[1].Of != 2 {
		t.Errorf("%+v", r.Comparisons)
	}
	bare := clone(now)
	bare.Scores, bare.Cells[1].Status, bare.Cells[1].Reason = bare.Scores[:2], record.CellFailed, "no answer"
	if r := against(t, holds(0.1), bare, bare); len(r.Comparisons) != 2 || r.Comparisons[1].Verdict != Incomplete || r.Comparisons[1].Of != 2 {
		t.Errorf("%+v", r.Comparisons)
	}
	// where all failed in both versions there is still something to say
	none := columns(1)
	none.Scores = now.Scores[2:]
	if r := against(t, holds(0.1), none, none); len(r.Comparisons) != 1 || r.Code() != 3 {
		t.Errorf("%+v", r.Comparisons)
	}
}

// What each version has of the seeds 1 to 8, of equal scores and of others. A verdict stands on the pairs; what the checked version lacks
// is missing, and what has no pair lets equal scores pass only where there are so many that chance does not explain it.
func TestPairsOfEverySeed(t *testing.T) {
	values := []float64{0.80, 0.82, 0.81, 0.79, 0.83, 0.80, 0.81, 0.82}
	gains := []float64{0.90, 0.93, 0.92, 0.89, 0.94, 0.91, 0.91, 0.93}
	losses := []float64{0.70, 0.71, 0.69, 0.70, 0.74, 0.70, 0.72, 0.71}
	of := func(version, first, last int, values []float64) *record.Core {
		core := flat(version, "copula", values...)
		core.Cells, core.Scores = core.Cells[first-1:last], core.Scores[first-1:last]
		return core
	}
	type span struct{ first, last int }
	tests := map[string]struct {
		new, old span
		values   []float64
		want     Verdict
		n, of    int
		says     string
	}{
		"all":                         {span{1, 5}, span{1, 5}, values, Same, 5, 5, ""},
		"one":                         {span{1, 1}, span{1, 1}, values, Same, 1, 1, ""},
		"one, changed":                {span{1, 1}, span{1, 1}, gains, Underpowered, 1, 1, "with one pair"},
		"baseline has more":           {span{1, 3}, span{1, 5}, values, Incomplete, 0, 5, "seed 4, seed 5: there is no such cell"},
		"baseline has more, better":   {span{1, 3}, span{1, 5}, gains, Incomplete, 0, 5, "seed 4, seed 5: there is no such cell"},
		"baseline has one":            {span{1, 5}, span{1, 1}, values, Underpowered, 1, 5, "seed 2, seed 3, seed 4, seed 5: the baseline does not have it"},
		"baseline has five":           {span{1, 8}, span{1, 5}, values, Underpowered, 5, 8, "5 pairs with equal scores are too few to speak for what has none"},
		"baseline has six":            {span{1, 8}, span{1, 6}, values, Same, 6, 8, "seed 7, seed 8: the baseline does not have it"},
		"baseline has one, better":    {span{1, 5}, span{1, 1}, gains, Underpowered, 1, 5, "with one pair"},
		"baseline has four, better":   {span{1, 5}, span{1, 4}, gains, Better, 4, 5, "seed 5: the baseline does not have it"},
		"baseline has four, worse":    {span{1, 5}, span{1, 4}, losses, Worse, 4, 5, "together with what has no pair the new value is 0.708"},
		"disjoint":                    {span{1, 4}, span{5, 8}, values, Incomplete, 0, 8, "seed 5, seed 6, seed 7, seed 8: there is no such cell"},
		"overlapping":                 {span{1, 6}, span{3, 8}, values, Incomplete, 0, 8, "seed 7, seed 8: there is no such cell"},
		"overlapping, and it is told": {span{1, 6}, span{3, 8}, values, Incomplete, 0, 8, "seed 1, seed 2: the baseline does not have it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := against(t, holds(0.01), of(2, tt.new.first, tt.new.last, tt.values), of(1, tt.old.first, tt.old.last, values)).Comparisons[0]
			if c.Verdict != tt.want || c.N != tt.n || c.Of != tt.of || !strings.Contains(said(&c), tt.says) {
				t.Errorf("%s, %d/%d: %s", c.Verdict, c.N, c.Of, said(&c))
			}
			if strings.Contains(c.difference(), "all scores are equal") && c.N < c.Of {
				t.Errorf("%d of %d: %s", c.N, c.Of, c.difference())
			}
		})
	}
	// which is so at the coverage that each comparison has: where two share 95 %, six equal pairs of eight are too few, and seven are not
	for paired, want := range map[int]Verdict{6: Underpowered, 7: Same} {
		now, old := of(2, 1, 8, values), of(1, 1, paired, values)
		more, fewer := flat(2, "floor", 0.5, 0.6), flat(1, "floor", 0.5, 0.61)
		now.Cells, now.Scores = append(now.Cells, more.Cells...), append(now.Scores, more.Scores...)
		old.Cells, old.Scores = append(old.Cells, fewer.Cells...), append(old.Scores, fewer.Scores...)
		if r := against(t, holds(0.1), now, old); r.Family != 2 || r.Comparisons[0].Verdict != want {
			t.Errorf("%d pairs, a family of %d: %s", paired, r.Family, r.Comparisons[0].Message())
		}
	}
}

// A baseline that lacks something is no reason to pass.
func TestWhatTheBaselineLacks(t *testing.T) {
	now := flat(2, "copula", 0.80, 0.81, 0.82, 0.83)
	old := flat(1, "copula", 0.80, 0.81, 0.82, 0.83)
	failed := clone(old)
	failed.Scores[0].Status, failed.Scores[0].Reason = plugins.Failed, "boom"
	c := against(t, holds(0.1), now, failed).Comparisons[0]
	if c.Verdict != NotComparable || !strings.Contains(said(&c), "seed 1: the baseline has no value: failed: boom") {
		t.Errorf("%s: %s", c.Verdict, said(&c))
	}
	if c = against(t, holds(0.1), now, flat(1, "floor", 0.80, 0.81, 0.82, 0.83)).Comparisons[0]; c.Verdict != NotComparable && c.Verdict != Incomplete {
		t.Errorf("%s: %s", c.Verdict, said(&c))
	}
	r, err := Run([]spec.Check{holds(0.1)}, &Version{"v1", old}, func(*spec.Check) Baseline { return Baseline{Why: "there is none"} }, Options{0.95})
	if err != nil || r.Code() != 6 || !near(r.Comparisons[0].New, 0.815) || !strings.Contains(said(&r.Comparisons[0]), "there is none") {
		t.Errorf("%v, %+v", err, r)
	}
	// an arm that the new version no longer has is missing; one that the baseline never had cannot be compared
	both := clone(old)
	more := flat(1, "floor", 0.5, 0.5)
	both.Cells, both.Scores = append(both.Cells, more.Cells...), append(both.Scores, more.Scores...)
	if r := against(t, holds(0.1), old, both); len(r.Comparisons) != 2 || r.Code() != 3 || r.Comparisons[1].Lacks {
		t.Errorf("%+v", r.Comparisons)
	}
	if r := against(t, holds(0.1), both, old); len(r.Comparisons) != 2 || r.Code() != 6 {
		t.Errorf("%+v", r.Comparisons)
	}
	// what both leave out is none of it
	for _, core := range []*record.Core{now, old} {
		core.Cells[3].Status = record.CellExcluded
		core.Scores = core.Scores[:3]
	}
	if c = against(t, holds(0.1), now, old).Comparisons[0]; c.Verdict != Same || c.Of != 3 {
		t.Errorf("%s of %d: %s", c.Verdict, c.Of, said(&c))
	}
}

// A cell that the new version lacks is missing, though the baseline in its turn lacks another one that it is averaged with.
func TestOtherCellsOfASeed(t *testing.T) {
	old := flat(1, "copula", 0.8, 0.81, 0.82)
	more := flat(1, "floor", 0.5, 0.51, 0.52)
	old.Cells, old.Scores = append(old.Cells, more.Cells...), append(old.Scores, more.Scores...)
	now := clone(old)
	now.Cells[5].Axes["strategy"] = "ceiling"
	low := 0.9
	check := holds(0.1)
	check.Over, check.Limit = []string{"strategy"}, &spec.Range{Min: &low}
	r := against(t, check, now, old)
	if c := &r.Comparisons[0]; r.Code() != 3 || c.Verdict != Incomplete || !strings.Contains(said(c), "seed 3: there is no such cell") {
		t.Errorf("exit code %d, %s: %s", r.Code(), c.Verdict, said(c))
	}
}

// What has no value in both versions and lacks the dimension that a check selects by is not left out.
func TestUndefinedInBothVersions(t *testing.T) {
	core := flat(1, "copula", 0.8, 0.81, 0.82)
	for i := range core.Scores {
		core.Scores[i].Dims = map[string]string{"column": "age"}
	}
	core.Scores[2].Dims, core.Scores[2].Status, core.Scores[2].Reason = nil, plugins.Undefined, "there are no synthetic rows"
	check := holds(0.1)
	check.Where = map[string][]spec.Value{"column": {{Text: "age"}}}
	r := against(t, check, core, core)
	if c := &r.Comparisons[0]; r.Code() != 3 || c.Of != 3 || !strings.Contains(said(c), "seed 3: undefined: there are no synthetic rows") {
		t.Errorf("exit code %d, %d pairs: %s", r.Code(), c.Of, said(c))
	}
}

// Of two values of one score, or two cells of the same axes, none is chosen.
func TestWhatIsThereTwice(t *testing.T) {
	base := flat(1, "copula", 0.8, 0.81, 0.82)
	score := clone(base)
	score.Scores = append(score.Scores, score.Scores[2])
	score.Scores[3].Value = 0.1
	cell := clone(base)
	cell.Cells[2].Axes["seed"] = "2"
	for name, core := range map[string]*record.Core{"score": score, "cell": cell} {
		if r := against(t, holds(0.1), core, base); r.Code() != 3 || !strings.Contains(said(&r.Comparisons[0]), "it is there twice") {
			t.Errorf("%s, in what is checked: exit code %d: %s", name, r.Code(), said(&r.Comparisons[0]))
		}
		if r := against(t, holds(0.1), base, core); r.Code() != 6 || !strings.Contains(said(&r.Comparisons[0]), "it is there twice") {
			t.Errorf("%s, in the baseline: exit code %d: %s", name, r.Code(), said(&r.Comparisons[0]))
		}
	}
}

// Other seeds are no pairs of these.
func TestOtherSeedsAreMissing(t *testing.T) {
	now := flat(2, "copula", 0.80, 0.81)
	for i := range now.Cells {
		now.Cells[i].Axes["seed"] = string(rune('8' + i))
	}
	r := against(t, holds(0.1), now, flat(1, "copula", 0.80, 0.81))
	if c := &r.Comparisons[0]; c.Verdict != Incomplete || c.Of != 4 || c.N != 0 {
		t.Errorf("%s, %d/%d: %s", c.Verdict, c.N, c.Of, said(c))
	}
}

// A limit fails whatever the difference is; what is missing is not judged by what is left.
func TestLimit(t *testing.T) {
	low, high := 0.8, 0.9
	check := holds(0.5)
	check.Limit = &spec.Range{Min: &low, Max: &high}
	for _, tt := range []struct {
		values []float64
		code   int
		says   string
	}{
		{[]float64{0.80, 0.80}, 0, ""},
		{[]float64{0.79, 0.80}, 4, "0.795 is below the limit, min: 0.8"},
		{[]float64{0.95, 0.95}, 4, "0.95 is above the limit, max: 0.9"},
	} {
		core := flat(1, "copula", tt.values...)
		r := against(t, check, core, core)
		if c := &r.Comparisons[0]; c.Verdict != Same || r.Code() != tt.code || c.Breach != tt.says {
			t.Errorf("%v: %s, exit code %d, %q", tt.values, c.Verdict, r.Code(), c.Breach)
		}
	}
	core := flat(1, "copula", 0.1, 0.1)
	r, err := Run([]spec.Check{check}, &Version{"v1", core}, func(*spec.Check) Baseline { return Baseline{Why: "none"} }, Options{0.95})
	if err != nil || r.Code() != 4 {
		t.Errorf("without a baseline: %v, exit code %d", err, r.Code())
	}
	core = flat(1, "copula", 0.1, 0.9)
	core.Scores[1].Status, core.Scores[1].Reason = plugins.Failed, "boom"
	if r := against(t, check, core, flat(1, "copula", 0.1, 0.9)); r.Code() != 3 || r.Comparisons[0].Breach != "" {
		t.Errorf("with a failure: exit code %d, %q", r.Code(), r.Comparisons[0].Breach)
	}
}

// The interval of each comparison that differs is wider for the others that do; equal ones do not count. The gravest decides.
func TestFamily(t *testing.T) {
	w := newWard(11, 4, 6)
	old := w.rate(1)
	now := clone(old)
	w.change([]float64{0.3, 0, 0, 0})
	for i, s := range w.rate(2).Scores {
		if !strings.Contains(s.Cell, ".s3.") {
			now.Scores[i] = s
		}
	}
	r := against(t, holds(0.02), now, old)
	if r.Family != 3 || r.Code() != 4 {
		t.Errorf("a family of %d, exit code %d", r.Family, r.Code())
	}
	for _, c := range r.Comparisons {
		alone := holds(0.02)
		alone.Where = map[string][]spec.Value{"strategy": {{Text: c.Labels[0].Value}}}
		if c.Where() == "strategy s3" {
			if !c.Identical || c.Verdict != Same {
				t.Errorf("%+v", c)
			}
			continue
		}
		wide, err := Run([]spec.Check{alone}, &Version{"v2", now}, func(*spec.Check) Baseline { return c.Baseline }, Options{1 - 0.05/3})
		if err != nil || !near(wide.Comparisons[0].Low, c.Low) || !near(c.Level, 1-0.05/3) {
			t.Errorf("%s: %v, %v at %v; alone %v", c.Title(), err, c.Low, c.Level, wide.Comparisons[0].Low)
		}
	}
}

// What over names is averaged within each seed: value and draws.
func TestOver(t *testing.T) {
	w := newWard(5, 2, 5)
	old := w.rate(1)
	w.change([]float64{0.1, 0.2})
	now := w.rate(2)
	check := holds(0.02)
	check.Over = []string{"strategy"}
	r := against(t, check, now, old)
	if len(r.Comparisons) != 1 {
		t.Fatalf("%d comparisons", len(r.Comparisons))
	}
	c := &r.Comparisons[0]
	parts := against(t, holds(0.02), now, old).Comparisons
	if want := (parts[0].Delta + parts[1].Delta) / 2; !near(c.Delta, want) || c.N != 5 || c.Of != 5 || c.Unit != "seeds × test subjects" {
		t.Errorf("difference %v, want %v; %d/%d pairs over %s", c.Delta, want, c.N, c.Of, c.Unit)
	}
	// as if the means had been recorded
	mean := func(core *record.Core) *record.Core {
		out := clone(core)
		out.Cells, out.Scores = out.Cells[:5], out.Scores[:5]
		for i := range out.Scores {
			out.Scores[i] = *averaged([]*record.Score{&core.Scores[i], &core.Scores[i+5]})
			out.Scores[i].Cell = out.Cells[i].ID
		}
		return out
	}
	if whole := against(t, holds(0.02), mean(now), mean(old)).Comparisons[0]; !near(whole.Low, c.Low) || !near(whole.High, c.High) {
		t.Errorf("[%v, %v], want [%v, %v]", c.Low, c.High, whole.Low, whole.High)
	}
	// draws of other test rows vary by themselves, so that the mean of two has half the variance
	a, b := clone(now), clone(old)
	for i := 5; i < 10; i++ {
		a.Scores[i].Draws.Of, b.Scores[i].Draws.Of = "rows of another ward", "rows of another ward"
	}
	if c = &against(t, check, a, b).Comparisons[0]; c.Unit != "seeds × test subjects" || c.Verdict == NotComparable {
		t.Errorf("%s over %s: %s", c.Verdict, c.Unit, said(c))
	}
	now.Scores = now.Scores[:9]
	if c = &against(t, check, now, old).Comparisons[0]; c.Verdict != Incomplete || !strings.Contains(said(c), "seed 5: it is not measured") {
		t.Errorf("%s: %s", c.Verdict, said(c))
	}
}

// One pair tells nothing of other seeds; what is underpowered passes where the check says so, and is told.
func TestUnderpowered(t *testing.T) {
	w := newWard(2, 1, 1)
	old := w.rate(1)
	check := holds(0.5)
	r := against(t, check, w.rate(2), old)
	if c := &r.Comparisons[0]; c.Verdict != Underpowered || r.Code() != 6 || r.Family != 0 || !strings.Contains(said(c), "with one pair") {
		t.Errorf("%s, exit code %d: %s", c.Verdict, r.Code(), said(c))
	}
	old, now := flat(1, "copula", 0.8, 0.82, 0.81), flat(2, "copula", 0.82, 0.80, 0.80)
	check = holds(0.02)
	r = against(t, check, now, old)
	c := &r.Comparisons[0]
	if c.Verdict != Underpowered || r.Code() != 6 || !strings.Contains(c.Advice, "3 pairs can detect ") || !strings.Contains(c.Advice, "the tolerance is 0.02: about ") {
		t.Errorf("%s, exit code %d: %s", c.Verdict, r.Code(), c.Advice)
	}
	check.PassUnderpowered = true
	if r = against(t, check, now, old); r.Code() != 0 || !strings.Contains(r.Comparisons[0].Outcome(), "underpowered, which the check lets pass") {
		t.Errorf("exit code %d: %s", r.Code(), r.Comparisons[0].Outcome())
	}
}

// As many seeds as are proposed can detect the tolerance, and fewer cannot.
func TestAdviceIsEnough(t *testing.T) {
	n := replicatesFor(0.03, 0.002, 0.95, 0.02)
	at := func(n int) float64 {
		d, err := stats.Planned(0.03, 0.002, n, 0.95, 0.8)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if n < 3 || !(at(n) <= 0.02) || at(n-1) <= 0.02 {
		t.Errorf("%d seeds detect %v, one less %v", n, at(n), at(n-1))
	}
	if n := replicatesFor(0.03, 0.02, 0.95, 0.02); n != 0 {
		t.Errorf("%d seeds are said to help where the test rows do not suffice", n)
	}
}

func TestRunRefuses(t *testing.T) {
	core := flat(1, "copula", 0.8, 0.9)
	base := func(*spec.Check) Baseline { return Baseline{Version: &Version{"v1", core}} }
	check := holds(0.02)
	check.Where = map[string][]spec.Value{"strategy": {{Text: "floor"}}}
	if _, err := Run([]spec.Check{check}, &Version{"v1", core}, base, Options{0.95}); !errors.Is(err, ErrNothing) {
		t.Errorf("a check of nothing: %v", err)
	}
	for _, level := range []float64{0, 1, math.NaN()} {
		if _, err := Run([]spec.Check{holds(0.02)}, &Version{"v1", core}, base, Options{level}); !errors.Is(err, stats.ErrLevel) {
			t.Errorf("level %v: %v", level, err)
		}
	}
	if r, err := Run(nil, &Version{"v1", core}, base, Options{0.95}); err != nil || r.Code() == 0 {
		t.Errorf("no check at all passes: %v", err)
	}
}

// Weighted scores and those of groups of patients are compared where a check asks for them.
func TestAddedDimensions(t *testing.T) {
	core := flat(1, "copula", 0.8, 0.9)
	core.Manifest.Resolved = json.RawMessage(strings.Replace(string(core.Manifest.Resolved), `"use":"downstream"`, `"use":"downstream","by":["sex"]`, 1))
	for _, s := range slices.Clone(core.Scores) {
		s.Dims = map[string]string{"sex": "F"}
		core.Scores = append(core.Scores, s)
		s.Dims = map[string]string{plugins.Weighting: plugins.PostStratified}
		core.Scores = append(core.Scores, s)
	}
	if r := against(t, holds(0.1), core, core); len(r.Comparisons) != 1 || r.Comparisons[0].Of != 2 {
		t.Errorf("%+v", r.Comparisons)
	}
	check := holds(0.1)
	check.Where = map[string][]spec.Value{"sex": {{Text: "F"}, {Text: plugins.Everyone}}}
	r := against(t, check, core, core)
	if len(r.Comparisons) != 2 || r.Comparisons[0].Where() != "sex all" || r.Comparisons[1].Where() != "sex F" {
		t.Errorf("%+v", r.Comparisons)
	}
}

// Where a search comes to nothing, what the baseline chose by it is missing: the experiment is not wrong.
func TestACheckOfAnUndecidedSearchIsIncomplete(t *testing.T) {
	old := flat(1, "copula", 0.8, 0.9)
	old.Manifest.Choices = []record.Choice{{Search: "s", Of: []string{"strategy"}, Candidates: []record.Candidate{{Values: []string{"copula"}}}, RunnerUp: -1}}
	now := flat(2, "best.s", 0.8, 0.9)
	for i := range now.Cells {
		now.Cells[i].Status = record.CellFailed
	}
	now.Scores = nil
	now.Manifest.Choices = []record.Choice{{Search: "s", Of: []string{"strategy"}, Best: -1, RunnerUp: -1, Undecided: "a cell failed"}}
	check := holds(0.02)
	check.Where = map[string][]spec.Value{"strategy": {{Text: "best.s"}}}
	if r := against(t, check, now, old); r.Code() != CodeIncomplete {
		t.Errorf("code %d, want %d, of results that are missing", r.Code(), CodeIncomplete)
	}
}
