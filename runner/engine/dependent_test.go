package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/engine"
)

// lending hands out rows of a small pool, and says when other seeds have the same ones.
type lending struct{}

func (lending) Generate(_ context.Context, env plugins.Env, task plugins.Task) (*plugins.Generated, error) {
	pool := task.Parts.Get(plugins.Reference).Frame
	out := &plugins.Generated{Frame: pool.Take(env.Rand.For(plugins.ForGeneration).Perm(pool.Rows())[:task.N])}
	if 2*task.N >= pool.Rows() {
		out.Dependent = fmt.Sprintf("n = %d of %d reference rows: replicates share rows", task.N, pool.Rows())
	}
	return out, nil
}

// Cells whose replicates share rows are listed with what that means, whether their rows were just made or were in the cache.
func TestSharedRowsAreRecorded(t *testing.T) {
	b := newBench(t)
	b.lab.registry.Strategies = plugins.Set[plugins.Strategy]{}
	plugins.Add(&b.lab.registry.Strategies, plugins.Info{
		Name: "holdout", Version: 1, Summary: "hands out rows", Reads: []plugins.Part{plugins.Reference}, Hands: true,
		Random: []plugins.Purpose{plugins.ForGeneration},
	}, struct{}{}, func(struct{}) (plugins.Strategy, error) { return lending{}, nil })
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
		const why = "n = 10 of 20 reference rows: replicates share rows"
		got := core.Manifest.Dependent
		if len(got) != 1 || got[0].Why != why || !slices.Equal(got[0].Cells, want) || len(want) != 2 {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}
