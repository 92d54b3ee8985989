package cache

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

func TestDiffNamesEveryField(t *testing.T) {
	seed := uint64(3)
	a := Recipe{
		Format: 1, Stage: "measure", Plugin: "downstream", Version: 1, Numeric: "amd64",
		Uses:     []plugins.Use{{Name: "encoding", Version: 1}},
		Settings: json.RawMessage(`{"model":"gbdt","bins":256,"with":{"a b":[1,2],"off":null},"list":[]}`),
		Roles:    json.RawMessage(`{"target":"died"}`),
		N:        1000, Data: "d1",
		Files:  []FileHash{{"table", "f1"}},
		Inputs: []Input{{Role: "parts", Key: "k1"}, {Role: "shadow", Key: "s1"}, {Role: "shadow", Key: "s2"}},
	}
	b := a
	b.Version = 2
	b.Uses = []plugins.Use{{Name: "encoding", Version: 2}, {Name: "bootstrap", Version: 1}}
	b.Settings = json.RawMessage(`{"bins":128,"model":"gbdt","with":{"a b":[1],"off":false},"list":[true],"é":"x<"}`)
	b.Roles = json.RawMessage(`{"target":"dead"}`)
	b.N, b.Seed, b.Data = 0, &seed, "d2"
	b.Files = []FileHash{{"patient", "f2"}}
	b.Inputs = []Input{{Role: "parts", Key: "k1", Piece: "top5"}, {Role: "shadow", Key: "s1"}, {Role: "shadow", Key: "s3"}}
	b.Numeric = "arm64"
	want := []Difference{
		{"version", "1", "2"},
		{"uses[encoding].version", "1", "2"},
		{"uses[bootstrap].version", "", "1"},
		{"settings.bins", "256", "128"},
		{"settings.list", "[]", ""},
		{`settings.with["a b"][1]`, "2", ""},
		{"settings.with.off", "null", "false"},
		{"settings.list[0]", "", "true"},
		{`settings["é"]`, "", `"x\u003c"`},
		{"roles.target", `"died"`, `"dead"`},
		{"n", "1000", ""},
		{"seed", "", "3"},
		{"data", "d1", "d2"},
		{"files[table].hash", "f1", ""},
		{"files[patient].hash", "", "f2"},
		{"inputs[shadow#2].key", "s2", "s3"},
		{"inputs[parts].piece", "", "top5"},
		{"numeric", "amd64", "arm64"},
	}
	if d := cmp.Diff(want, Diff(a, b)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if d := Diff(a, a); d != nil {
		t.Errorf("a recipe differs from itself: %v", d)
	}
}

// Whatever changes the key shows in the difference.
func TestDiffSeesWhatTheKeySees(t *testing.T) {
	base := typical()
	for i, change := range []func(*Recipe){
		func(r *Recipe) { r.Format++ },
		func(r *Recipe) { r.Stage = "generate" },
		func(r *Recipe) { r.Plugin = "ks" },
		func(r *Recipe) { r.Version++ },
		func(r *Recipe) { r.Uses = r.Uses[:1] },
		func(r *Recipe) { r.Settings = json.RawMessage(`{"model":"gbdt"}`) },
		func(r *Recipe) { r.Settings = nil },
		func(r *Recipe) { r.Roles = json.RawMessage(`{}`) },
		func(r *Recipe) { r.N = 5 },
		func(r *Recipe) { zero := uint64(0); r.Seed = &zero },
		func(r *Recipe) { r.Seed = nil },
		func(r *Recipe) { r.Data = "" },
		func(r *Recipe) { r.Files = []FileHash{{"a", "b"}} },
		func(r *Recipe) { r.Inputs = r.Inputs[:1] },
		func(r *Recipe) { r.Inputs = []Input{r.Inputs[0], {Role: "synthetic", Key: r.Inputs[1].Key}} },
		func(r *Recipe) { r.Numeric = "arm64" },
	} {
		other := base
		change(&other)
		if base.Key() == other.Key() || len(Diff(base, other)) == 0 {
			t.Errorf("change %d: keys equal %v, differences %v", i, base.Key() == other.Key(), Diff(base, other))
		}
	}
}

func TestNearest(t *testing.T) {
	c := open(t, t.TempDir(), Options{Now: clock()})
	add := func(stage, plugin, settings string) Recipe {
		t.Helper()
		r := Recipe{Format: 1, Stage: stage, Plugin: plugin, Version: 1, Settings: json.RawMessage(settings), Numeric: "amd64"}
		if _, err := c.Put(t.Context(), &r, Output{Bytes: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	probe := func(settings string) Recipe {
		return Recipe{Format: 1, Stage: "measure", Plugin: "ks", Version: 1, Settings: json.RawMessage(settings), Numeric: "amd64"}
	}
	if _, ok := c.Nearest(probe(`{}`)); ok {
		t.Error("an empty cache has a nearest recipe")
	}
	far := add("measure", "ks", `{"a":1,"b":1,"c":1}`)
	near := add("measure", "ks", `{"a":2,"b":2,"c":1}`)
	add("measure", "tv", `{"a":2,"b":2,"c":2}`)
	add("generate", "ks", `{"a":2,"b":2,"c":2}`)
	for _, p := range []struct {
		settings string
		want     Recipe
	}{
		{`{"a":2,"b":2,"c":2}`, near},
		{`{"a":1,"b":1,"c":9}`, far},
		{`{"a":1,"b":2,"c":1}`, near}, // one field from both: the newer
		{`{"a":1,"b":1,"c":1}`, near}, // itself does not count
	} {
		if got, ok := c.Nearest(probe(p.settings)); !ok || got.Key() != p.want.Key() {
			t.Errorf("%s: got %s, %v; want %s", p.settings, got.Settings, ok, p.want.Settings)
		}
	}
	newer := add("measure", "ks", `{"a":2,"b":2,"c":3}`)
	if got, _ := c.Nearest(probe(`{"a":2,"b":2,"c":2}`)); got.Key() != newer.Key() {
		t.Errorf("got %s, want the newest", got.Settings)
	}
}

func TestNearestAgreesWithDiff(t *testing.T) {
	c := open(t, t.TempDir(), Options{Now: clock()})
	var all []Recipe
	for i := range 60 {
		r := *recipe(0)
		r.Settings = json.RawMessage(fmt.Sprintf(`{"a":%d,"b":%d,"c":[%d],"d%d":1}`, i%2, i%3, i%5, i%7))
		if _, ok := c.Lookup(r.Key()); ok {
			continue
		}
		if _, err := c.Put(t.Context(), &r, Output{}); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for i := range 40 {
		probe := *recipe(0)
		probe.Settings = json.RawMessage(fmt.Sprintf(`{"a":%d,"b":%d,"c":[%d,9],"d%d":1}`, i%3, i%2, i%5, i%9))
		want, least := Recipe{}, 1<<30
		for _, r := range all {
			if d := len(Diff(r, probe)); d <= least { // later ones are newer
				want, least = r, d
			}
		}
		got, ok := c.Nearest(probe)
		if !ok || got.Key() != want.Key() {
			t.Errorf("%s: got %s (%d), want %s (%d)", probe.Settings, got.Settings, len(Diff(got, probe)), want.Settings, least)
		}
	}
}

// Of measures that differ in nothing but the key of an input, the nearest is that of the nearest input, also
// when that input is no more stored than the measure is.
func TestNearestLooksAtInputs(t *testing.T) {
	for _, stored := range []bool{true, false} {
		c := open(t, t.TempDir(), Options{Now: clock()})
		generate := func(plugin string, seed uint64, n int) Recipe {
			return Recipe{Format: 1, Stage: "generate", Plugin: plugin, Version: 1, Seed: &seed, N: n, Data: "d", Numeric: "amd64"}
		}
		measure := func(g Recipe, bins int) Recipe {
			return Recipe{
				Format: 1, Stage: "measure", Plugin: "ks", Version: 1, Numeric: "amd64",
				Settings: json.RawMessage(fmt.Sprintf(`{"bins":%d}`, bins)),
				Inputs:   []Input{{Role: "train", Key: recipe(0).Key()}, {Role: "synthetic", Key: g.Key()}},
			}
		}
		add := func(r Recipe) Recipe {
			t.Helper()
			if _, err := c.Put(t.Context(), &r, Output{Bytes: []byte("x")}); err != nil {
				t.Fatal(err)
			}
			return r
		}
		own := add(measure(add(generate("copula", 1, 100)), 10))
		otherSeed := add(measure(add(generate("copula", 2, 100)), 10))
		add(measure(add(generate("gan", 1, 100)), 10))
		add(measure(add(generate("gan", 2, 100)), 10))
		add(measure(generate("copula", 3, 100), 10)) // whose input is gone
		add(measure(generate("copula", 1, 100), 12)) // farther by a field of its own

		now := generate("copula", 1, 200)
		if stored {
			add(now)
		} else if _, ok := c.Nearest(now); !ok {
			t.Fatal("no generate step is near")
		}
		if got, ok := c.Nearest(measure(now, 10)); !ok || got.Key() != own.Key() {
			t.Errorf("stored %v: got %v, want the measure of one's own cell", stored, Diff(own, got))
		}
		newer := generate("copula", 2, 300)
		c.Nearest(newer)
		if got, _ := c.Nearest(measure(newer, 10)); got.Key() != otherSeed.Key() {
			t.Errorf("stored %v: got %v, want that of the same seed", stored, Diff(otherSeed, got))
		}
		// a field that differs and inputs that do not: nearer than another input
		if got, _ := c.Nearest(measure(generate("copula", 2, 100), 11)); got.Key() != otherSeed.Key() {
			t.Errorf("stored %v: got %v, want that of the same input", stored, Diff(otherSeed, got))
		}
	}
}

func TestDiffJSON(t *testing.T) {
	got := DiffJSON(
		json.RawMessage(`{"a": {"b": 1, "c": [1, "x"], "d": [{"e": 1}]}, "gone": true, "odd name": 0.10}`),
		json.RawMessage(`{"a": {"b": 1, "c": [1, "y"], "d": [{"e": 2}]}, "new": "z", "odd name": 0.1}`),
	)
	want := []Difference{
		{"[\"odd name\"]", "0.10", "0.1"}, {"a.c", `[1, "x"]`, `[1, "y"]`}, {"a.d[0].e", "1", "2"}, {"gone", "true", ""}, {"new", "", `"z"`},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := DiffJSON(json.RawMessage(`{"a": []}`), json.RawMessage(`{"a": []}`)); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
