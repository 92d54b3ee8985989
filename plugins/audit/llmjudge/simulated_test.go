package llmjudge

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/dataset/simulatedicu"
	"github.com/ehrlab/ehrlab/plugins/llm/simulated"
	"github.com/ehrlab/ehrlab/plugins/plant"
	"github.com/ehrlab/ehrlab/plugins/sheet"
)

// planted is a lineup of simulated stays, half of them with an error planted in each.
func planted(t *testing.T, rows int) (plugins.Lineup, []plant.Record) {
	t.Helper()
	var r plugins.Registry
	simulatedicu.Register(&r)
	e := r.Datasets.Get("simulated-icu")
	d, _, err := e.Build(json.RawMessage(`{"rows":2000}`))
	if err != nil {
		t.Fatal(err)
	}
	env := plugins.Env{Rand: plugins.NewRand(1, "", e.Info.Random...), Threads: 2, Progress: func(int, int) {}}
	data, err := d.Read(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	h, err := d.Header(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	about, names := map[string]plugins.ColumnInfo{}, []string{}
	for _, c := range h.Columns {
		if about[c.Name] = c; c.Role == "" || c.Role == plugins.RoleTarget || c.Role == plugins.RoleOutcome || c.Role == plugins.RoleGroup {
			names = append(names, c.Name)
		}
	}
	test, err := data.Frame.Select(names...)
	if err != nil {
		t.Fatal(err)
	}
	mixed, err := plant.Mix(test.Take(nil), test, nil, &plant.Config{Rows: rows, Share: 0.5}, plant.Known{Target: "death", About: about},
		plugins.NewRand(0, "planted", plugins.ForAudit))
	if err != nil {
		t.Fatal(err)
	}
	return plugins.Lineup{Frame: mixed.Frame, Target: "death", About: about, Styles: sheet.Styles(test)}, mixed.Records
}

// caught are, by kind of error, the records and those of them that are scored below 7.
func caught(t *testing.T, judge string, in plugins.Lineup, records []plant.Record) map[string][2]int {
	t.Helper()
	var r plugins.Registry
	simulated.Register(&r)
	p, _, err := r.LLMs.Get("simulated").Build(json.RawMessage(judge))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{store: newMemory(), models: map[string]plugins.Provider{"judge": p}}
	j, _, err := b.judge(t.Context(), t, alone, in)
	if err != nil {
		t.Fatal(err)
	}
	balanced(t, j, len(records))
	out := map[string][2]int{}
	for i, record := range records {
		kind := string(record.Source)
		if record.Planted != nil {
			kind = record.Planted.Kind
		}
		n := out[kind]
		n[0]++
		if j.Verdicts[i].Score < 7 {
			n[1]++
		}
		out[kind] = n
	}
	return out
}

// The simulated judge finds gross errors, leaves untouched records alone, and misses what takes knowledge. docs/audits.md has these numbers.
func TestTheSimulatedJudgeOnPlantedErrors(t *testing.T) {
	in, records := planted(t, 2000)
	got := caught(t, `{}`, in, records)
	for _, kind := range slices.Sorted(maps.Keys(got)) {
		t.Logf("%s: %d of %d below 7", kind, got[kind][1], got[kind][0])
	}
	best := caught(t, `{"judge": {"skill": 1}}`, in, records)
	for _, c := range []struct {
		kind  string
		least float64 // share found
		best  float64 // with all skill
		most  float64
	}{
		{kind: "real", most: 0.02},
		{kind: "order", least: 0.8, best: 0.95, most: 1},
		{kind: "unit: °F for °C", least: 0.8, best: 0.95, most: 1},
		{kind: "unit: mg/dL for mmol/L", most: 0.5},
	} {
		for i, n := range [][2]int{got[c.kind], best[c.kind]} {
			share := float64(n[1]) / float64(n[0])
			if least := []float64{c.least, c.best}[i]; n[0] < 10 || share < least || share > c.most {
				t.Errorf("%s: %d of %d, want %g to %g", c.kind, n[1], n[0], least, c.most)
			}
		}
	}
}
