package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// What is withheld of a restricted data set cannot be had by subtracting what is told.
func TestWithhold(t *testing.T) {
	var counts []record.Count
	add := func(stage, name string, value int, dims ...string) {
		c := record.Count{Dataset: "d", Stage: stage, Count: plugins.Count{Name: name, Value: value, Dims: map[string]string{}}}
		for i := 0; i < len(dims); i += 2 {
			c.Dims[dims[i]] = dims[i+1]
		}
		counts = append(counts, c)
	}
	add("dataset", "rows read", 2526)
	add("dataset", "stays left", 2520, "step", "0")
	add("dataset", "stays left", 2492, "step", "1")
	add("dataset", "columns dropped: constant", 3)
	add("dataset", "values outside the plausible range", 4, "column", "ph")
	add("cohort", "left", 2492, "step", "0")
	add("cohort", "excluded", 5, "step", "1")
	add("cohort", "left", 2487, "step", "1")
	add("cohort", "excluded", 4, "step", "2")
	add("cohort", "left", 2483, "step", "2")
	add("split", "rows", 100, "part", "test")
	add("split", "rows by stratum", 92, "part", "test", "value", "0")
	add("split", "rows by stratum", 8, "part", "test", "value", "1")
	add("split", "rows by stratum", 60, "part", "train", "value", "0")
	add("split", "rows by stratum", 40, "part", "train", "value", "1")
	for hospital, n := range [][2]int{{50, 20}, {60, 4}, {70, 66}, {80, 30}} {
		at := fmt.Sprint(hospital + 1)
		add("sites", "rows of the hospital", n[0], "part", "test", "hospital", at)
		add("sites", "events of the hospital", n[1], "part", "test", "hospital", at)
	}
	add("restrict", "rows", 98, "part", "train", "site", "grid")
	add("restrict", "rows dropped: at another site", 55, "part", "train", "site", "grid")
	add("restrict", "rows dropped: subject is also at a test site", 7, "part", "train", "site", "grid")
	add("features", "place of the feature", 2, "column", "ph")
	counts = append(counts, record.Count{Dataset: "open", Count: plugins.Count{Name: "excluded", Value: 5}})
	kept, any := withhold(slices.Clone(counts), "d", false)
	if !any {
		t.Fatal("nothing is withheld")
	}
	var got []string
	for _, c := range kept {
		got = append(got, fmt.Sprintf("%s %d", c.Name, c.Value))
	}
	want := []string{
		"stays left 2520", // 2526 would tell of six, and 2492, 2492 and 2487 would tell who was left out on the way to 2483
		"columns dropped: constant 3", "left 2483", "rows 100",
		"rows of the hospital 50", "events of the hospital 20", // two others are withheld: neither can be told
		"rows of the hospital 60", "rows of the hospital 70", "rows of the hospital 80", "events of the hospital 30", // no strata: hospitals and theirs tell of one another
		"place of the feature 2", "excluded 5",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, any := withhold(kept, "d", false); any {
		t.Error("what is told has something to withhold")
	}
}

// What one stage withholds cannot be had from another: rows of one hospital from those of the part and of the others, rows
// dropped from those of the part and those left, a step of a cohort from what it excludes.
func TestWithholdAcrossStages(t *testing.T) {
	var counts []record.Count
	add := func(stage, name string, value int, dims map[string]string) {
		counts = append(counts, record.Count{Dataset: "d", Stage: stage, Count: plugins.Count{Name: name, Value: value, Dims: dims}})
	}
	add("dataset", "stays left", 2520, map[string]string{"step": "0"})
	add("dataset", "stays excluded", 28, map[string]string{"step": "1"})
	add("dataset", "stays left", 2492, map[string]string{"step": "1"})
	add("cohort", "left", 2492, map[string]string{"step": "0"})
	add("cohort", "excluded", 5, map[string]string{"step": "1"})
	add("cohort", "left", 2487, map[string]string{"step": "1"})
	add("split", "rows", 95, map[string]string{"part": "test"})
	for name, n := range map[string]int{"A": 28, "B": 30, "C": 15, "D": 12, "E": 10} {
		add("sites", "rows of the hospital", n, map[string]string{"part": "test", "hospital": name})
	}
	add("split", "rows", 30, map[string]string{"part": "validation"})
	add("restrict", "rows", 21, map[string]string{"part": "validation", "site": "each"})
	kept, _ := withhold(counts, "d", false)
	for _, c := range kept {
		switch {
		case c.Name == "stays excluded", c.Stage == "restrict", c.Dims["hospital"] == "D", c.Dims["hospital"] == "E":
			t.Errorf("told: %s %s %d %v", c.Stage, c.Name, c.Value, c.Dims)
		}
	}
	if len(kept) != 7 {
		t.Errorf("%d counts are told, want 7: %v", len(kept), kept)
	}
}

// Many rows may be of few patients: what a step excludes of these is not told, nor what was left before it.
func TestRowsOfFewPatientsAreWithheld(t *testing.T) {
	var counts []record.Count
	add := func(stage, name string, value int, step string) {
		counts = append(counts, record.Count{Dataset: "d", Stage: stage, Count: plugins.Count{Name: name, Value: value, Dims: map[string]string{"step": step}}})
	}
	add("dataset", "stays left", 900, "0")
	add("dataset", "stays left", 800, "1")
	add("cohort", "left", 800, "0")
	add("cohort", "subjects left", 400, "0")
	add("cohort", "excluded", 100, "1")
	add("cohort", "left", 700, "1")
	add("cohort", "subjects left", 350, "1")
	add("cohort", "excluded", 30, "2")
	add("cohort", "left", 670, "2")
	add("cohort", "subjects left", 348, "2")
	add("cohort", "excluded", 0, "3")
	add("cohort", "left", 670, "3")
	add("cohort", "subjects left", 348, "3")
	kept, _ := withhold(counts, "d", false)
	var got []string
	for _, c := range kept {
		got = append(got, fmt.Sprint(c.Name, " ", c.Value, " at ", c.Dims["step"]))
	}
	want := []string{ // 800 and the 100 excluded would tell of 700
		"stays left 900 at 0", "stays left 800 at 1", "left 800 at 0", "subjects left 400 at 0",
		"left 670 at 2", "subjects left 348 at 2", "excluded 0 at 3", "left 670 at 3", "subjects left 348 at 3",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A hospital may fall below the minimum once preparation has dropped rows.
func TestTooFewRowsAreLeft(t *testing.T) {
	pair := func(labels ...float64) *plugins.Pair {
		f := frame.Must(frame.NewNumber("y", labels))
		return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: {Frame: f}}), f, "y")
	}
	w := plan.MeasureWork{Target: "y", Minimum: &spec.Minimum{Rows: 4, Events: 1, NonEvents: 2}}
	for _, c := range []struct {
		labels []float64
		few    bool
	}{
		{[]float64{0, 1, 0, 1}, false},
		{[]float64{0, 1, 0}, true},
		{[]float64{1, 1, 1, 0}, true},
		{[]float64{0, 0, 0, 0}, true},
		{[]float64{1, 2, 3, 4}, false}, // no label of two classes: the rows alone count
	} {
		if why := tooFew(pair(c.labels...), w); (why != "") != c.few {
			t.Errorf("%v: %q", c.labels, why)
		}
	}
	if why := tooFew(pair(1), plan.MeasureWork{Target: "y"}); why != "" {
		t.Errorf("without a minimum: %q", why)
	}
}

// What a policy dropped is not told by what it kept, nor by what an arm beside it draws.
func TestSmallCountsOfAnAuditAreNotToldBySubtraction(t *testing.T) {
	count := func(cell, stage, name string, value int) record.Count {
		return record.Count{Dataset: "d", Cell: cell, Stage: stage, Count: plugins.Count{Name: name, Value: value, Dims: map[string]string{plugins.AuditDim: "j"}}}
	}
	told, left := withhold([]record.Count{
		count("a", "decide", "rows judged", 300), count("a", "decide", "rows kept", 299), count("a", "decide", "rows dropped", 1),
		count("a.random", "decide", "rows drawn", 299), count("a", "judge", "judgements", 600),
		count("a", "judge", "judgements scored", 597), count("a", "judge", "judgements refused", 3),
	}, "d", false)
	if !left || len(told) != 2 || told[0].Name != "rows judged" || told[1].Name != "judgements" {
		t.Errorf("%+v", told)
	}
}
