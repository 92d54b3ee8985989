package all

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/plugintest"
)

// The golden list holds, for each plugin and for what they share, the digest of its output on fixed inputs. Cached results
// are found by versions: an output that changes under the same version would leave them in use.
//
// Digests are those of one numeric class, which the list names: elsewhere the last bits may differ, and nothing is compared
// but what calculates nothing.
var goldenPath = filepath.Join("testdata", "golden.txt")

// parsesOnly are the entries without arithmetic, whose digests are the same in every numeric class.
var parsesOnly = map[string]bool{"dataset table": true}

// entry is one line of the golden list.
type entry struct {
	kind, name string
	version    int
	digest     string
}

func (l entry) id() string { return l.kind + " " + l.name }
func (l entry) String() string {
	return fmt.Sprintf("%s %s %d %s", l.kind, l.name, l.version, l.digest)
}

// head is what the digests of a list hold for.
type head struct {
	class  string // plugins.Numeric of the machine that made the list
	inputs string // digest of the fixture
}

const headFormat = "numeric %s\ninputs %s\n"

// golden compares what plugins return with the list.
type golden struct {
	update bool
	here   head
	head   head // of the list; empty when there is none yet
	listed map[string]entry
	now    []entry
}

// elsewhere says that the list is of another numeric class; empty when it is of this one, or there is none.
func (g *golden) elsewhere() string {
	if g.head == (head{}) || g.head.class == g.here.class {
		return ""
	}
	return fmt.Sprintf("the golden list is of the numeric class %s and this machine is of %s: digests are not compared", g.head.class, g.here.class)
}

// compare says what is wrong with an output, given what is listed; empty when nothing is.
func (g *golden) compare(now entry) string {
	was, listed := g.listed[now.id()]
	fresh := g.head.inputs != g.here.inputs && !parsesOnly[now.id()]
	switch {
	case g.elsewhere() != "" && !parsesOnly[now.id()]:
		return ""
	case fresh && g.update, listed && was == now:
		return ""
	case fresh:
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
	if wrong := g.compare(now); wrong != "" {
		t.Error(wrong)
	}
}

// readGolden reads the list. Without one, every output is taken with UPDATE=1.
func readGolden(t *testing.T, in plugintest.Inputs) *golden {
	t.Helper()
	g := &golden{update: os.Getenv("UPDATE") != "", here: head{plugins.Numeric(), in.Digest()}, listed: map[string]entry{}}
	content, err := os.ReadFile(goldenPath)
	if os.IsNotExist(err) {
		return g
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(content), headFormat, &g.head.class, &g.head.inputs); err != nil {
		t.Fatalf("%s does not begin with a numeric class and inputs: %v", goldenPath, err)
	}
	for _, text := range strings.Split(strings.TrimSpace(string(content)), "\n")[strings.Count(headFormat, "\n"):] {
		var l entry
		if _, err := fmt.Sscan(text, &l.kind, &l.name, &l.version, &l.digest); err != nil {
			t.Fatalf("%s: line %q: %v", goldenPath, text, err)
		}
		g.listed[l.id()] = l
	}
	if elsewhere := g.elsewhere(); g.update && elsewhere != "" {
		t.Fatalf("%s, and not replaced; to make this machine's class that of the list, delete %s first", elsewhere, goldenPath)
	}
	return g
}

// finish writes the list when asked to, unless a plugin failed, and otherwise checks that it names nothing that is gone.
func (g *golden) finish(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	if !g.update {
		if len(g.listed) != len(g.now) {
			t.Errorf("the golden list has %d entries, the tests made %d: run UPDATE=1 go test ./plugins/all", len(g.listed), len(g.now))
		}
		t.Run("golden list", func(t *testing.T) {
			if elsewhere := g.elsewhere(); elsewhere != "" {
				t.Skip(elsewhere)
			}
		})
		return
	}
	var out strings.Builder
	fmt.Fprintf(&out, headFormat, g.here.class, g.here.inputs)
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
	here := head{"amd64-0011", "i1"}
	listed := map[string]entry{"metric ks": {"metric", "ks", 1, "aa"}, "dataset table": {"dataset", "table", 1, "aa"}}
	for _, c := range []struct {
		name   string
		now    entry
		update bool
		list   head
		want   string
	}{
		{"same", entry{"metric", "ks", 1, "aa"}, false, here, ""},
		{"other digest", entry{"metric", "ks", 1, "bb"}, false, here, "raise Version"},
		{"other digest, update does not help", entry{"metric", "ks", 1, "bb"}, true, here, "raise Version"},
		{"raised", entry{"metric", "ks", 2, "bb"}, false, here, "does not know this version"},
		{"raised and updated", entry{"metric", "ks", 2, "bb"}, true, here, ""},
		{"new plugin", entry{"metric", "tv", 1, "cc"}, false, here, "does not know this version"},
		{"new plugin, updated", entry{"metric", "tv", 1, "cc"}, true, here, ""},
		{"other inputs", entry{"metric", "ks", 1, "bb"}, false, head{"amd64-0011", "i2"}, "inputs of the golden list changed"},
		{"other inputs, updated", entry{"metric", "ks", 1, "bb"}, true, head{"amd64-0011", "i2"}, ""},
		{"no list", entry{"metric", "ks", 1, "bb"}, false, head{}, "inputs of the golden list changed"},
		{"no list, updated", entry{"metric", "ks", 1, "bb"}, true, head{}, ""},
		{"other class", entry{"metric", "ks", 1, "bb"}, false, head{"amd64-2233", "i1"}, ""},
		{"other class, which makes other inputs", entry{"metric", "ks", 1, "bb"}, false, head{"arm64-0011", "i2"}, ""},
		{"other class, no arithmetic", entry{"dataset", "table", 1, "bb"}, false, head{"arm64-0011", "i2"}, "raise Version"},
		{"other class, no arithmetic, same", entry{"dataset", "table", 1, "aa"}, false, head{"arm64-0011", "i2"}, ""},
	} {
		g := &golden{update: c.update, here: here, head: c.list, listed: listed}
		if got := g.compare(c.now); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		elsewhere := g.elsewhere()
		if other := strings.HasPrefix(c.name, "other class"); other != (elsewhere != "") || other && !(strings.Contains(elsewhere, c.list.class) && strings.Contains(elsewhere, here.class)) {
			t.Errorf("%s: class: %q", c.name, elsewhere)
		}
	}
}
