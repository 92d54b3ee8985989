// Package plugintest is the suite that every plugin of a kind passes.
//
// Each function takes a registered plugin with its settings and inputs, checks what its kind promises, and returns the
// digest of its output on these inputs, for a golden list. What a plugin computes is tested beside the plugin.
package plugintest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// patience is how long a call may take to notice that its context has ended.
const patience = 2 * time.Second

// env returns an environment in which only the declared random sources can be drawn from.
func env(t *testing.T, info plugins.Info, seed uint64, threads int) plugins.Env {
	return plugins.Env{
		Rand:     plugins.NewRand(seed, "plugintest", info.Random...),
		Threads:  threads,
		Scratch:  func() (string, error) { return t.TempDir(), nil },
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
		Progress: func(int, int) {},
	}
}

// cancelled returns a context that has ended.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// build makes the plugin and checks that its settings decode: defaults are complete, and unknown fields are refused.
func build[P any](t *testing.T, e *plugins.Entry[P], with string) P {
	t.Helper()
	p, settings, err := e.Build(json.RawMessage(with))
	if err != nil {
		t.Fatalf("settings %s: %v", with, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(settings, &fields); err != nil {
		t.Fatalf("settings after defaults are no object: %s", settings)
	}
	_, again, err := e.Build(settings)
	if err != nil || string(again) != string(settings) {
		t.Errorf("settings after defaults decode to others: %s, then %s, %v", settings, again, err)
	}
	for name := range fields {
		if !strings.Contains(e.Info.Schema, name+"?:") && !strings.Contains(e.Info.Schema, name+"!:") && !strings.Contains(e.Info.Schema, name+":") {
			t.Errorf("setting %q is not in Info.Schema", name)
		}
	}
	if len(fields) == 0 && e.Info.Schema != "" {
		t.Error("Info.Schema describes settings, and there are none")
	}
	fields["no_such_setting"] = json.RawMessage("1")
	wrong, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Build(wrong); err == nil {
		t.Error("a field that is no setting is accepted")
	}
	return p
}

// describe checks that Info says what the runner and the reader need.
func describe(t *testing.T, info plugins.Info) {
	t.Helper()
	if info.Name == "" || info.Name != strings.ToLower(info.Name) || strings.ContainsAny(info.Name, " _.") {
		t.Errorf("name %q: want lower case with hyphens", info.Name)
	}
	if info.Version < 1 {
		t.Errorf("version is %d", info.Version)
	}
	if info.Summary == "" || strings.Contains(info.Summary, "\n") || strings.HasSuffix(info.Summary, ".") {
		t.Errorf("summary %q: want one line without a final stop", info.Summary)
	}
	for i, p := range info.Reads {
		if !slices.Contains(plugins.AllParts(), p) || slices.Contains(info.Reads[:i], p) {
			t.Errorf("reads %q: unknown or named twice", p)
		}
	}
	for _, u := range info.Uses {
		if u.Name == "" || u.Version < 1 {
			t.Errorf("uses %+v: want a name and a version", u)
		}
	}
	if info.Need != nil {
		if n := info.Need(plugins.Size{Rows: 10_000, Columns: 83, N: 10_000}); n.Threads < 1 || n.Bytes < 0 {
			t.Errorf("needs %+v: want at least one thread and no negative memory", n)
		}
	}
}

// takesRecords checks the shapes of a plugin that is given frames.
func takesRecords(t *testing.T, info plugins.Info) {
	t.Helper()
	if !slices.Contains(info.Shapes, plugins.Records) {
		t.Errorf("shapes are %v; this suite is for records", info.Shapes)
	}
}

// repeats runs a call with one thread and with four, and with another seed, and returns the digest of its output.
func repeats(t *testing.T, info plugins.Info, run func(seed uint64, threads int) string) string {
	t.Helper()
	one := run(1, 1)
	if four := run(1, 4); one != four {
		t.Error("4 threads give another output than 1")
	}
	if again := run(1, 1); one != again {
		t.Error("a second call gives another output")
	}
	// draws of ForResample are the same for all seeds
	seeded := slices.ContainsFunc(info.Random, func(p plugins.Purpose) bool { return p != plugins.ForResample })
	switch other := run(2, 1); {
	case seeded && one == other:
		t.Errorf("another seed gives the same output, though %v is declared", info.Random)
	case !seeded && one != other:
		t.Error("another seed gives another output, though no random source that follows it is declared")
	}
	return one
}

// stops checks that a call with an ended context returns that context's error at once.
func stops(t *testing.T, call func(ctx context.Context) error) {
	t.Helper()
	start := time.Now()
	if err := call(cancelled()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call returns %v, want %v", err, context.Canceled)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("a cancelled call takes %v", took)
	}
}

// digest is the SHA-256 of the JSON of a value, which therefore holds no NaN.
func digest(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("output is not JSON: %v", err)
	}
	return hash(b)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sameColumns checks that a frame has exactly the columns of another, in kind, order, unit and wholeness.
func sameColumns(t *testing.T, got, want *frame.Frame) {
	t.Helper()
	if !slices.Equal(got.Names(), want.Names()) {
		t.Fatalf("columns are %v, want %v", got.Names(), want.Names())
	}
	for i, c := range got.Columns() {
		w := want.Columns()[i]
		if c.Kind != w.Kind || c.Integer != w.Integer || c.Unit != w.Unit {
			t.Errorf("column %q is (%s, integer %v, unit %q), want (%s, %v, %q)", c.Name, c.Kind, c.Integer, c.Unit, w.Kind, w.Integer, w.Unit)
		}
	}
}
