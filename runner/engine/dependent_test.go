package engine_test

import (
	"context"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/strategy/holdout"
	"github.com/ehrlab/ehrlab/runner/engine"
)

// Cells whose replicates share rows are listed with what that means, whether their rows were just made or were in the cache.
func TestSharedRowsAreRecorded(t *testing.T) {
	b := newBench(t)
	b.lab.registry.Strategies = plugins.Set[plugins.Strategy]{}
	holdout.Register(&b.lab.registry)
	e := study(map[string]string{"h": ""}, values(5, 10), 1, 2) // of 20 reference rows
	for range 2 {
		core, _, err := b.run(t, context.Background(), e, engine.Options{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, c := range core.Cells {
			if c.Axes["n"] == "10" {
				want = append(want, c.ID)
			}
		}
		const why = "n = 10 of 20 reference rows: replicates share rows, so intervals over seeds understate their variation"
		got := core.Manifest.Dependent
		if len(got) != 1 || got[0].Why != why || !slices.Equal(got[0].Cells, want) || len(want) != 2 {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}
