package all

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins/plugintest"
)

// The golden list holds, for each plugin, the digest of its output on fixed inputs. Cached results of a plugin are found by
// its version: an output that changes under the same version would leave them in use.
//
// Digests are those of one numeric class: elsewhere the last bits may differ.
const goldenClass = "amd64"

var goldenPath = filepath.Join("testdata", "golden.txt")

// entry is one plugin of the golden list.
type entry struct {
	kind, name string
	version    int
	digest     string
}

func (l entry) id() string { return l.kind + " " + l.name }
func (l entry) String() string {
	return fmt.Sprintf("%s %s %d %s", l.kind, l.name, l.version, l.digest)
}

// golden compares what plugins return with the list.
type golden struct {
	update bool
	inputs string // digest of the fixture
	fresh  bool   // there is no list yet, or it is of another fixture: nothing can be compared
	listed map[string]entry
	now    []entry
}

// compare says what is wrong with an output, given what is listed; empty when nothing is.
func (g *golden) compare(now entry) string {
	was, listed := g.listed[now.id()]
	switch {
	case g.fresh && g.update, listed && was == now:
		return ""
	case g.fresh:
		return "the inputs of the golden list changed: run UPDATE=1 go test ./plugins/all and review the diff"
	case listed && was.version == now.version:
		return fmt.Sprintf("the output changed and the version is still %d: raise Version, then run UPDATE=1 go test ./plugins/all", now.version)
	case g.update:
		return ""
	}
	return "the golden list does not know this version: run UPDATE=1 go test ./plugins/all and review the diff"
}

func (g *golden) note(t *testing.T, now entry) {
	t.Helper()
	g.now = append(g.now, now)
	if runtime.GOARCH != goldenClass {
		return
	}
	if wrong := g.compare(now); wrong != "" {
		t.Error(wrong)
	}
}

func readGolden(t *testing.T, in plugintest.Inputs) *golden {
	t.Helper()
	g := &golden{update: os.Getenv("UPDATE") != "", inputs: in.Digest(), listed: map[string]entry{}}
	content, err := os.ReadFile(goldenPath)
	if os.IsNotExist(err) {
		g.fresh = true
		return g
	}
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(content), "\n")
	g.fresh = first != "inputs "+g.inputs
	for _, text := range strings.Split(strings.TrimSpace(rest), "\n") {
		var l entry
		if _, err := fmt.Sscan(text, &l.kind, &l.name, &l.version, &l.digest); err != nil {
			t.Fatalf("%s: line %q: %v", goldenPath, text, err)
		}
		g.listed[l.id()] = l
	}
	return g
}

// finish writes the list when asked to, unless a plugin failed, and otherwise checks that it names no plugin that is gone.
func (g *golden) finish(t *testing.T) {
	t.Helper()
	if t.Failed() || runtime.GOARCH != goldenClass {
		return
	}
	if !g.update {
		if len(g.listed) != len(g.now) {
			t.Errorf("the golden list has %d plugins, the registry %d: run UPDATE=1 go test ./plugins/all", len(g.listed), len(g.now))
		}
		return
	}
	var out strings.Builder
	fmt.Fprintf(&out, "inputs %s\n", g.inputs)
	for _, l := range g.now { // kinds in a fixed order, names sorted
		fmt.Fprintln(&out, l)
	}
	if err := os.MkdirAll(filepath.Dir(goldenPath), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenPath, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGoldenComparison(t *testing.T) {
	listed := map[string]entry{"metric ks": {"metric", "ks", 1, "aa"}}
	for _, c := range []struct {
		name          string
		now           entry
		update, fresh bool
		want          string
	}{
		{"same", entry{"metric", "ks", 1, "aa"}, false, false, ""},
		{"other digest", entry{"metric", "ks", 1, "bb"}, false, false, "raise Version"},
		{"other digest, update does not help", entry{"metric", "ks", 1, "bb"}, true, false, "raise Version"},
		{"raised", entry{"metric", "ks", 2, "bb"}, false, false, "does not know this version"},
		{"raised and updated", entry{"metric", "ks", 2, "bb"}, true, false, ""},
		{"new plugin", entry{"metric", "tv", 1, "cc"}, false, false, "does not know this version"},
		{"new plugin, updated", entry{"metric", "tv", 1, "cc"}, true, false, ""},
		{"other inputs", entry{"metric", "ks", 1, "bb"}, false, true, "inputs of the golden list changed"},
		{"other inputs, updated", entry{"metric", "ks", 1, "bb"}, true, true, ""},
	} {
		g := &golden{update: c.update, fresh: c.fresh, listed: listed}
		if got := g.compare(c.now); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
