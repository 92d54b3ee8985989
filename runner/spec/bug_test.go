package spec

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ehrlab/ehrlab/plugins"
)

// brokenDataset panics where it is told to.
type brokenDataset struct {
	fakeDataset
	in string
}

func (d brokenDataset) Files() ([]plugins.File, error) {
	if d.in == "files" {
		panic("no files")
	}
	return nil, nil
}

func (d brokenDataset) Header(ctx context.Context, env plugins.Env) (*plugins.Header, error) {
	if d.in == "header" {
		panic("no header")
	}
	return d.fakeDataset.Header(ctx, env)
}

type brokenFeatures struct{ fakeFeatures }

func (brokenFeatures) Subsets() []string { panic("no subsets") }

// A panic of a plugin is a finding that names the plugin beside the user's own mistakes, and no mistake of the user.
func TestAPluginThatPanics(t *testing.T) {
	type config struct {
		In string `json:"in"`
	}
	r := fakeRegistry()
	info := plugins.Info{Name: "broken", Version: 1, Summary: "a fake", Schema: "in?: string"}
	plugins.Add(&r.Datasets, info, config{}, func(c config) (plugins.Dataset, error) {
		if c.In == "new" {
			panic("no settings")
		}
		return brokenDataset{fakeDataset{columns: icuColumns}, c.In}, nil
	})
	plugins.Add(&r.Features, info, config{}, func(config) (plugins.Features, error) { return brokenFeatures{}, nil })

	const src = `name: "x"
datasets: {
	one: {use: "broken", with: in: "new"}
	two: {use: "broken", with: in: "files"}
	three: {use: "broken", with: in: "header"}
	four: use: "broken"
}
features: {own: use: "broken", all: use: "all"}
strategies: copula: use: "gaussian-copula"
metrics: kl: use: "kl"
axes: place: sets: "datasets.four.with.in"
matrix: [{dataset: ["four"], features: ["all"], n: [100], seed: [1, 1], place: ["new", "elsewhere"]}]
`
	const want = `datasets.one.use: a bug in the plugin "broken": no settings
    ./x.cue:3:13
datasets.two.use: a bug in the plugin "broken": no files
    ./x.cue:4:13
datasets.three.use: a bug in the plugin "broken": no header
    ./x.cue:5:15
datasets.four.use: a bug in the plugin "broken": no settings
    ./x.cue:6:13
features.own.use: a bug in the plugin "broken": no subsets
    ./x.cue:8:22
matrix.0.seed.1: 1 is given twice
    ./x.cue:12:69`
	dir := unpack(t, txtar.Parse([]byte("-- x.cue --\n"+src)))
	_, err := Load(dir, Options{Registry: r, WorkDir: dir})
	var bug *BugError
	if !errors.As(err, &bug) {
		t.Fatalf("%T: %v", err, err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(string(bug.Stack), "bug_test.go") {
		t.Errorf("the stack does not lead to the plugin:\n%s", bug.Stack)
	}
	var ms Mistakes
	if errors.As(err, &ms) {
		t.Error("a bug is a mistake of the user")
	}
}
