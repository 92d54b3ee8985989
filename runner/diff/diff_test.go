package diff

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

const resolved = `{
	"name": "study",
	"datasets": [{"name": "icu", "use": "table", "with": {"path": null, "bins": 3}, "paths": [["path"]], "split": {"seed": 7}}],
	"strategies": [{"name": "copula", "use": "gaussian-copula", "with": {}}, {"name": "floor", "use": "independent"}],
	"metrics": [{"name": "kl", "use": "kl", "with": {"bins": 10}}, {"name": "auc", "use": "downstream"}],
	"matrix": [{"axes": [{"axis": "strategy", "values": ["copula", "floor"]}, {"axis": "seed", "values": [1, 2, 3]}]}]
}`

// version is one with two strategies and three seeds: kl has no draws, auc has.
func version(name string) *record.Version {
	one := 1.
	zero := 0.
	core := &record.Core{Manifest: record.Manifest{
		Experiment: "study", Complete: true, Resolved: json.RawMessage(resolved), Axes: []string{"dataset", "strategy", "seed"}, Numeric: "amd64-0",
		Scores:   []record.ScoreInfo{{Metric: "kl", Name: "mean", Min: &zero}, {Metric: "auc", Name: "auroc", Min: &zero, Max: &one}},
		Data:     []record.DataInfo{{Name: "icu", Plugin: "table", Governance: plugins.Open, Files: []record.FileInfo{{Role: "main", SHA256: strings.Repeat("a", 64)}}}},
		Plugins:  []record.PluginInfo{{Stage: "split", Name: "split", Version: 1}, {Stage: "generate", Name: "gaussian-copula", Version: 1}, {Stage: "generate", Name: "independent", Version: 1}, {Stage: "measure", Name: "kl", Version: 2}},
		LLMs:     []record.ModelInfo{{Name: "o1", Identity: plugins.Identity{API: "openai-chat", Model: "o1"}, Served: []string{"o1-2024"}}},
		Tool:     record.Tool{Version: "1", Revision: "abc", Go: "go1"},
		Finished: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
	}}
	for k, strategy := range []string{"copula", "floor"} {
		for seed := 1; seed <= 3; seed++ {
			id := fmt.Sprintf("%s.seed%d", strategy, seed)
			core.Cells = append(core.Cells, record.Cell{
				ID: id, Axes: map[string]string{"dataset": "icu", "strategy": strategy, "seed": fmt.Sprint(seed)}, Status: record.CellOK,
			})
			v := 0.5 + float64(k)/10 + float64(seed)/100
			core.Scores = append(core.Scores,
				record.Score{Cell: id, Metric: "kl", Score: plugins.Score{Name: "mean", Value: v, N: 10, Status: plugins.OK}},
				record.Score{
					Cell: id, Metric: "auc", Score: plugins.Score{Name: "auroc", Value: v, N: 10, Status: plugins.OK, Interval: &plugins.Interval{Low: v - .1, High: v + .1, Level: 0.95}},
					Draws: &record.Draws{Unit: "test rows", Of: "rows", Values: []float32{float32(v - .01), float32(v + .01), float32(v)}},
				})
		}
	}
	return &record.Version{Name: name, Core: core}
}

func compare(t *testing.T, edit func(*record.Core)) *Diff {
	t.Helper()
	a, b := version("v1"), version("v2")
	edit(b.Core)
	d, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func score(c *record.Core, cell, metric string) *record.Score {
	for i := range c.Scores {
		if c.Scores[i].Cell == cell && c.Scores[i].Metric == metric {
			return &c.Scores[i]
		}
	}
	panic(cell)
}

func TestEqualVersionsAreSaidToBeEqual(t *testing.T) {
	d := compare(t, func(*record.Core) {})
	if !d.Same || d.Text(false) != "study v1 and study v2 are equal: the experiment, what went in, and all 12 scores in 6 cells\n" {
		t.Errorf("%v\n%s", d.Same, d.Text(false))
	}
	raw, err := json.Marshal(d)
	if err != nil || strings.Contains(string(raw), "null") {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestFieldsOfTheExperiment(t *testing.T) {
	tests := []struct {
		old, new string
		want     []Change
	}{
		{`"bins": 10`, `"bins": 12`, []Change{{"metrics.kl.with.bins", "10", "12"}}},
		{`"seed": 7`, `"seed": 8`, []Change{{"datasets.icu.split.seed", "7", "8"}}},
		{`[1, 2, 3]`, `[1, 2]`, []Change{{"matrix.seed", "[1, 2, 3]", "[1, 2]"}}},
		{`"use": "independent"`, `"use": "holdout"`, []Change{{"strategies.floor.use", `"independent"`, `"holdout"`}}},
		{`{"name": "auc", "use": "downstream"}`, `{"name": "new", "use": "ks"}`, []Change{{"metrics.auc.use", `"downstream"`, ""}, {"metrics.new.use", "", `"ks"`}}},
		{`"path": null`, `"path": null, "header": true`, []Change{{"datasets.icu.with.header", "", "true"}}},
		{
			`{"name": "copula", "use": "gaussian-copula", "with": {}}, {"name": "floor", "use": "independent"}`,
			`{"name": "floor", "use": "independent"}, {"name": "copula", "use": "gaussian-copula"}`,
			[]Change{{"order of strategies", "copula, floor", "floor, copula"}},
		},
		{`]}]}]`, `]}]}, {"axes": [{"axis": "seed", "values": [9]}]}]`, []Change{
			{"matrix.seed", "[1, 2, 3]", ""},
			{"matrix.strategy", `["copula", "floor"]`, ""},
			{"matrix[0].seed", "", "[1, 2, 3]"},
			{"matrix[0].strategy", "", `["copula", "floor"]`},
			{"matrix[1].seed", "", "[9]"},
		}},
	}
	for _, tt := range tests {
		text := strings.Replace(strings.Join(strings.Fields(resolved), " "), tt.old, tt.new, 1)
		if tt.old == `]}]}]` {
			text = strings.Replace(strings.Join(strings.Fields(resolved), " "), "[1, 2, 3]}]}]", `[1, 2, 3]}]}, {"axes": [{"axis": "seed", "values": [9]}]}]`, 1)
		}
		got, err := Experiment(json.RawMessage(resolved), json.RawMessage(text))
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", tt.new, err, diff)
		}
	}
	for _, raw := range []string{"[", "[1]"} {
		if _, err := Experiment(json.RawMessage(resolved), json.RawMessage(raw)); err == nil {
			t.Errorf("%s is no experiment", raw)
		}
	}
}

func TestWhatIsMadeOfTheScoresIsOfTheExperiment(t *testing.T) {
	holds := spec.Contrast{Name: "holds", Score: "auc.auroc", A: map[string]spec.Value{"strategy": {Text: "copula"}}, B: map[string]spec.Value{"strategy": {Text: "floor"}}}
	a, b := version("v1"), version("v2")
	a.Views = record.Views{Title: "Study", Primary: []spec.Contrast{holds}, Checks: []spec.Check{{Name: "near", Score: "kl.mean"}}}
	holds.Margin = new(float64)
	*holds.Margin = 0.1
	b.Views = record.Views{Title: "The study", Primary: []spec.Contrast{holds}, Inference: spec.Inference{Correction: "benjamini-hochberg"}}
	d, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, c := range d.Experiment {
		fields = append(fields, c.Field)
	}
	for _, want := range []string{"title", "primary.holds.margin", "inference.correction", "checks.near.score"} {
		if !slices.Contains(fields, want) {
			t.Errorf("%s is not in %v", want, fields)
		}
	}
	if d.Same {
		t.Error("said to be equal")
	}
}

func TestWhatWentIn(t *testing.T) {
	hash := strings.Repeat("b", 64)
	for want, edit := range map[string]func(*record.Manifest){
		"data set icu: main":              func(m *record.Manifest) { m.Data[0].Files[0].SHA256 = hash },
		"data set icu: governance":        func(m *record.Manifest) { m.Data[0].Governance = plugins.Restricted },
		"generate plugin gaussian-copula": func(m *record.Manifest) { m.Plugins[1].Version = 2 },
		"step split":                      func(m *record.Manifest) { m.Plugins[0].Version = 2 },
		"model o1: served":                func(m *record.Manifest) { m.LLMs[0].Served = []string{"o1-2025"} },
		"model o1: asked":                 func(m *record.Manifest) { m.LLMs[0].Model = "o2" },
		"numeric class":                   func(m *record.Manifest) { m.Numeric = "arm64-1" },
		"ehrlab":                          func(m *record.Manifest) { m.Tool.Revision = "def" },
		"metric kl: ratings": func(m *record.Manifest) {
			m.MetricFiles = []record.MetricFiles{{Metric: "kl", Files: []record.FileInfo{{Role: "ratings", SHA256: hash}}}}
		},
	} {
		d := compare(t, func(c *record.Core) { edit(&c.Manifest) })
		if d.Same || len(d.Inputs) != 1 || d.Inputs[0].Field != want || !strings.Contains(d.Text(false), want) {
			t.Errorf("%s: %+v", want, d.Inputs)
		}
	}
}

// What a search came to is a value, that it could not be decided, or nothing where a version does not have it.
func TestWhatSearchesCameTo(t *testing.T) {
	search := func(best int) []record.Choice {
		return []record.Choice{{Search: "s", Of: []string{"strategy"}, Best: best, Candidates: []record.Candidate{{Values: []string{"copula"}}, {Values: []string{"floor"}}}}}
	}
	for want, sides := range map[string][2][]record.Choice{
		"copula → floor":       {search(0), search(1)},
		"copula → not decided": {search(0), search(-1)},
		"not decided → floor":  {search(-1), search(1)},
		"added: not decided":   {nil, search(-1)},
		"added: floor":         {nil, search(1)},
		"removed, was copula":  {search(0), nil},
		"choices: ":            {search(-1), search(-1)},
	} {
		a, b := version("v1"), version("v2")
		a.Core.Manifest.Choices, b.Core.Manifest.Choices = sides[0], sides[1]
		d, err := Compare(a, b)
		if err != nil {
			t.Fatal(err)
		}
		switch text := d.Text(false); {
		case want == "choices: ":
			if len(d.Choices) > 0 || !d.Same {
				t.Errorf("undecided in both: %+v", d.Choices)
			}
		case !strings.Contains(text, "  best.s  "+want+"\n"):
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
}

func TestCellsAndScores(t *testing.T) {
	d := compare(t, func(c *record.Core) {
		score(c, "copula.seed1", "kl").Value = 0.7
		score(c, "copula.seed2", "kl").N = 9
		s := score(c, "copula.seed3", "kl")
		s.Status, s.Reason, s.Value = plugins.Undefined, "one class", 0
		c.Cells[5].Status, c.Cells[5].Reason = record.CellFailed, "timed out"
		c.Scores = slices.DeleteFunc(c.Scores, func(s record.Score) bool { return s.Cell == "floor.seed3" })
		c.Cells[4].ID, c.Cells[4].Axes["seed"] = "floor.seed4", "4" // in the place of seed 2
		for i := range c.Scores {
			if c.Scores[i].Cell == "floor.seed2" {
				c.Scores[i].Cell = "floor.seed4"
			}
		}
	})
	want := Cells{Both: 5, Added: []string{"floor.seed4"}, Missing: []string{"floor.seed2"}, Status: []CellStatus{{"floor.seed3", record.CellOK, record.CellFailed, "timed out"}}}
	if diff := cmp.Diff(want, d.Cells); diff != "" {
		t.Error(diff)
	}
	if len(d.Scores) != 2 || d.Same {
		t.Fatalf("%+v", d.Scores)
	}
	kl, auc := d.Scores[0], d.Scores[1]
	if kl.Metric != "kl" || kl.Equal != 1 || kl.Changed != 1 || kl.Else != 1 || kl.Status != 1 || kl.Added != 1 || kl.Missing != 2 || kl.Within != 1 {
		t.Errorf("%+v", kl)
	}
	if kl.Worst == nil || kl.Worst.Cell != "copula.seed1" || *kl.Worst.Was != 0.51 || *kl.Worst.Is != 0.7 {
		t.Errorf("%+v", kl.Worst)
	}
	if auc.Equal != 4 || auc.Changed != 0 || auc.Missing != 2 || auc.Added != 1 {
		t.Errorf("%+v", auc)
	}
	if m := d.Means; len(m) != 1 || m[0].N != 2 || m[0].Of != 3 || m[0].Axes["strategy"] != "copula" || m[0].Axes["seed"] != "" {
		t.Errorf("%+v", m)
	}
	for _, text := range []string{d.Text(false), d.Text(true)} {
		for _, say := range []string{"floor.seed3: was ok, is failed (timed out)", "added: floor.seed4", "missing: floor.seed2", "0.51 → 0.7 in copula.seed1", "2/3"} {
			if !strings.Contains(text, say) {
				t.Errorf("it does not say %q:\n%s", say, text)
			}
		}
	}
	if !strings.Contains(d.Text(true), "other n") {
		t.Error(d.Text(true))
	}
}

func TestAnAxisMoreIsTheSameCell(t *testing.T) {
	d := compare(t, func(c *record.Core) {
		c.Manifest.Axes = append(c.Manifest.Axes, "audit")
		for i := range c.Cells {
			old := c.Cells[i].ID
			c.Cells[i].ID += ".none"
			c.Cells[i].Axes["audit"] = "none"
			for k := range c.Scores {
				if c.Scores[k].Cell == old {
					c.Scores[k].Cell = c.Cells[i].ID
				}
			}
		}
	})
	if d.Cells.Both != 6 || len(d.Cells.Added) != 0 || !d.equalNumbers() {
		t.Errorf("%+v", d.Cells)
	}
}

func TestMeansHaveThePairedInterval(t *testing.T) {
	raise := func(c *record.Core) {
		for i, by := range []float64{0.1, 0.2, 0.3} {
			s := score(c, fmt.Sprintf("floor.seed%d", i+1), "kl")
			s.Value += by
		}
	}
	d := compare(t, raise)
	half := 4.302652729911275 * 0.1 / math.Sqrt(3) // t with 2 degrees of freedom
	if len(d.Means) != 1 {
		t.Fatalf("%+v", d.Means)
	}
	m := d.Means[0]
	if math.Abs(m.Change()-0.2) > 1e-12 || m.Low == nil || math.Abs(*m.Low-(0.2-half)) > 1e-9 || math.Abs(*m.High-(0.2+half)) > 1e-9 || m.Clear() || m.Unit != "seeds" {
		t.Errorf("%+v", m)
	}
	for why, edit := range map[string]func(*record.Core){
		"other data: main of icu": func(c *record.Core) { c.Manifest.Data[0].Files[0].SHA256 = strings.Repeat("b", 64) },
		"other data: datasets.icu.split.seed": func(c *record.Core) {
			c.Manifest.Resolved = json.RawMessage(strings.Replace(resolved, `"seed": 7`, `"seed": 8`, 1))
		},
		"other metric: metrics.kl.with.bins": func(c *record.Core) {
			c.Manifest.Resolved = json.RawMessage(strings.Replace(resolved, `"bins": 10`, `"bins": 11`, 1))
		},
		"metric plugin kl has another version": func(c *record.Core) { c.Manifest.Plugins[3].Version = 3 },
		"step split has another version":       func(c *record.Core) { c.Manifest.Plugins[0].Version = 3 },
	} {
		d := compare(t, func(c *record.Core) { raise(c); edit(c) })
		if len(d.Means) != 1 || d.Means[0].Why != why || d.Means[0].Low != nil || !strings.Contains(d.Text(false), "no interval: "+why) {
			t.Errorf("%s: %+v", why, d.Means)
		}
	}
	d = compare(t, func(c *record.Core) {
		score(c, "floor.seed1", "auc").Value += 0.1
		for i := range c.Scores {
			if c.Scores[i].Draws != nil {
				c.Scores[i].Draws.Of = "other rows"
			}
		}
	})
	if len(d.Means) != 1 || !strings.Contains(d.Means[0].Why, "same test rows") {
		t.Errorf("%+v", d.Means)
	}
}

func TestReproduced(t *testing.T) {
	stated := func(plugin, name string) (plugins.Tolerance, bool) {
		return plugins.Tolerance{Absolute: 1e-4, Why: "trees"}, plugin == "downstream" && name == "auroc"
	}
	again := func(edit func(*record.Core), size *float64) *Again {
		t.Helper()
		a, b := version("v1"), version("v1")
		edit(b.Core)
		r, err := Reproduced(a, b, Tolerances{Stated: stated, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	off := func(by float64) func(*record.Core) {
		return func(c *record.Core) { score(c, "floor.seed1", "auc").Value += by }
	}
	both := func(edits ...func(*record.Core)) func(*record.Core) {
		return func(c *record.Core) {
			for _, e := range edits {
				e(c)
			}
		}
	}
	otherData := func(c *record.Core) { c.Manifest.Data[0].Files[0].SHA256 = strings.Repeat("b", 64) }
	machine := func(c *record.Core) { c.Manifest.Numeric = "arm64-1" }
	loss := func(by float64) func(*record.Core) {
		return func(c *record.Core) { score(c, "floor.seed2", "kl").Value += by }
	}
	failed := func(c *record.Core) {
		c.Cells[0].Status, c.Cells[0].Stage, c.Cells[0].Reason = record.CellFailed, "generate", "the recording has no such answer"
	}
	tests := []struct {
		name  string
		edit  func(*record.Core)
		want  Verdict
		count [4]int
		say   string
	}{
		{"equal", func(*record.Core) {}, AllEqual, [4]int{6, 0, 0, 0}, "what went in: equal"},
		{"another build", func(c *record.Core) { c.Manifest.Tool.Revision = "x" }, AllEqual, [4]int{6, 0, 0, 0}, "ehrlab"},
		{"rounding, on one class", off(1e-12), NotRepeated, [4]int{5, 0, 1, 0}, "floor.seed1: 1 of 2 scores differ, auc.auroc most of all: by 1e-12 where 0 is allowed: nothing that went in differs"},
		{"rounding, on another", both(off(1e-12), machine), AllWithin, [4]int{5, 1, 0, 0}, "cells: 5 equal to the last bit, 1 within the tolerances that metrics state, 0 different"},
		{"rounding by another Go", both(off(1e-12), func(c *record.Core) { c.Manifest.Tool.Go = "go2" }), AllWithin, [4]int{5, 1, 0, 0}, "another release of Go may round otherwise"},
		{"within what is stated", both(off(9e-5), loss(1e-10), machine), AllWithin, [4]int{4, 2, 0, 0}, "auc.auroc most of all: by 9e-05 where 0.0001 is allowed"},
		{"beyond what is stated", both(off(1.1e-4), machine), NotComparable, [4]int{5, 0, 1, 0}, "by 0.00011 where 0.0001 is allowed: numeric class: amd64-0 → arm64-1"},
		{"beyond rounding, where nothing is stated", both(loss(1e-5), machine), NotComparable, [4]int{5, 0, 1, 0}, "floor.seed2: 1 of 2 scores differ, kl.mean most of all: by 1e-05 where 6.2e-10 is allowed"},
		{"interval beyond what is stated", both(func(c *record.Core) { score(c, "floor.seed1", "auc").Interval.High += 2e-4 }, machine), NotComparable, [4]int{5, 0, 1, 0}, "by 0.0002"},
		{"notes alone", func(c *record.Core) { score(c, "floor.seed1", "auc").Warnings = []string{"few"} }, AllWithin, [4]int{5, 1, 0, 0}, "1 of 2 scores differ, and not in a value or an interval"},
		{"more", off(1e-3), NotRepeated, [4]int{5, 0, 1, 0}, "nothing that went in differs"},
		{"interval", func(c *record.Core) { score(c, "floor.seed1", "auc").Interval.Low -= 1e-3 }, NotRepeated, [4]int{5, 0, 1, 0}, ""},
		{"no interval", func(c *record.Core) { score(c, "floor.seed1", "auc").Interval = nil }, NotRepeated, [4]int{5, 0, 1, 0}, "auc.auroc has an interval on one side only"},
		{"other n", func(c *record.Core) { score(c, "floor.seed1", "auc").N = 3 }, NotRepeated, [4]int{5, 0, 1, 0}, "another status or n"},
		{"other data", both(off(1e-3), otherData), NotComparable, [4]int{5, 0, 1, 0}, "data set icu: main"},
		{"other data, equal numbers", otherData, NotComparable, [4]int{6, 0, 0, 0}, "data set icu: main"},
		{"another machine", both(off(1e-3), func(c *record.Core) { c.Manifest.Numeric = "arm64-1" }), NotComparable, [4]int{5, 0, 1, 0}, "numeric class: amd64-0 → arm64-1"},
		{"another plugin", both(off(1e-3), func(c *record.Core) { c.Manifest.Plugins[2].Version = 2 }), NotComparable, [4]int{5, 0, 1, 0}, "generate plugin independent"},
		{"a plugin of another strategy", both(off(1e-3), func(c *record.Core) { c.Manifest.Plugins[1].Version = 2 }), NotRepeated, [4]int{5, 0, 1, 0}, ""},
		{"no answers", failed, Incomplete, [4]int{5, 0, 0, 1}, "copula.seed1: missing: generate failed: the recording has no such answer"},
		{"no answers and other data", both(failed, otherData, off(1e-3)), Incomplete, [4]int{4, 0, 1, 1}, ""},
		{"no cell", func(c *record.Core) { c.Cells = c.Cells[1:] }, Incomplete, [4]int{5, 0, 0, 1}, "there is no such cell"},
		{"a score less", func(c *record.Core) { c.Scores = c.Scores[1:] }, NotRepeated, [4]int{5, 0, 1, 0}, "kl.mean is not measured"},
		{"a score more", func(c *record.Core) {
			c.Scores = append(c.Scores, record.Score{Cell: "floor.seed1", Metric: "kl", Score: plugins.Score{Name: "new", Status: plugins.OK}})
		}, NotRepeated, [4]int{5, 0, 1, 0}, "it has 3 scores and had 2"},
	}
	for _, tt := range tests {
		r := again(tt.edit, nil)
		if r.Verdict() != tt.want || r.Count != tt.count || !strings.Contains(r.Text(false), tt.say) || !strings.Contains(r.Text(false), string(tt.want)) {
			t.Errorf("%s: %s %v, want %s %v\n%s", tt.name, r.Verdict(), r.Count, tt.want, tt.count, r.Text(true))
		}
	}
	for _, tt := range []struct { // a size that is asked for counts on any machine, and in the place of what is stated
		size, by float64
		want     Verdict
	}{{1e-9, 1e-12, AllWithin}, {0, 1e-12, NotRepeated}, {1e-2, 9e-3, AllWithin}, {1e-6, 9e-5, NotRepeated}} {
		if r := again(off(tt.by), &tt.size); r.Verdict() != tt.want || !strings.Contains(r.Text(false), fmt.Sprintf("within %g of the scale of each score", tt.size)) {
			t.Errorf("%v of %v: %s\n%s", tt.by, tt.size, r.Verdict(), r.Text(true))
		}
	}
}
