// Package runner_test shows that imports point one way, as CONTRIBUTING.md says.
package runner_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ehrlab/ehrlab/"

// layers orders the packages of the runner: each may import those of earlier layers only.
var layers = [][]string{
	{"runner/rate", "runner/spelling"},
	{"runner/spec", "runner/cache", "runner/score"},
	{"runner/plan", "runner/record", "runner/responses"},
	{"runner/contrast", "runner/engine", "runner/page"},
	{"runner/bundle", "runner/crate", "runner/diff", "runner/gate", "runner/report", "runner/review"},
	{"runner/cli"},
	{"runner/cmd/ehrlab", "runner/bench"},
}

// kinds are the folders below plugins/ that hold one folder for each plugin. What stands beside them are libraries.
var kinds = []string{"dataset", "features", "strategy", "llm", "audit", "metric", "view"}

// broken returns the rule that an import breaks, or "". inTest says that only a test has the import.
// Packages of this module are given without the module's path.
func broken(from, to string, inTest bool) string {
	switch {
	case strings.HasPrefix(to, "github.com/apache/arrow/") && from != "plugins/frame":
		return "only plugins/frame imports Arrow"
	case strings.HasPrefix(to, "cuelang.org/go/") && from != "runner/spec" && from != "schemas":
		return "only runner/spec and schemas import CUE"
	case within(from, "plugins") && (within(to, "runner") || within(to, "schemas")):
		return "a plugin knows nothing of the runner"
	case within(from, "schemas") && (within(to, "runner") || within(to, "plugins")):
		return "schemas are text: they import nothing of ours"
	case within(from, "runner") && concrete(to) && from != "runner/cmd/ehrlab" && !(inTest && layer(from) >= layer("runner/cli")):
		return "only the command, and tests of it, name the plugins there are"
	case within(from, "runner") && within(to, "runner") && from != to && layer(to) >= layer(from):
		return "a package of the runner imports earlier layers only"
	}
	return ""
}

// within reports whether a package is a folder or lies in it.
func within(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}

// libraries stand below a kind without being a plugin of it: the client asks the models of any provider, and cli wires it.
var libraries = []string{"plugins/llm/client"}

// concrete reports whether a package is, or lists, plugins.
func concrete(pkg string) bool {
	if slices.Contains(libraries, pkg) {
		return false
	}
	return pkg == "plugins/all" || slices.ContainsFunc(kinds, func(kind string) bool {
		return strings.HasPrefix(pkg, "plugins/"+kind+"/")
	})
}

// layer returns the index of a package in layers; one that is not listed is below all.
func layer(pkg string) int {
	return slices.IndexFunc(layers, func(packages []string) bool { return slices.Contains(packages, pkg) })
}

func TestImportsPointOneWay(t *testing.T) {
	packages := list(t)
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, module)
		if within(from, "runner") && from != "runner" && layer(from) < 0 {
			t.Errorf("%s belongs to no layer: add it to layers in this file", from)
		}
		check := func(imports []string, inTest bool) {
			for _, to := range imports {
				to = strings.TrimPrefix(to, module)
				if rule := broken(from, to, inTest); rule != "" {
					t.Errorf("%s imports %s: %s", from, to, rule)
				}
			}
		}
		check(p.Imports, false)
		check(slices.Concat(p.TestImports, p.XTestImports), true)
	}
	if len(packages) < 10 {
		t.Errorf("go list names %d packages: the test sees too little to mean anything", len(packages))
	}
}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// list asks the go command for all packages of the module.
func list(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// The rules themselves: what they forbid, and what they must not.
func TestRules(t *testing.T) {
	tests := []struct {
		from, to string
		inTest   bool
		allowed  bool
	}{
		{"plugins/frame", "github.com/apache/arrow/go/v17/parquet", false, true},
		{"plugins/dataset/table", "github.com/apache/arrow/go/v17/parquet", false, false},
		{"runner/record", "github.com/apache/arrow/go/v17/parquet", true, false},
		{"runner/spec", "cuelang.org/go/cue", false, true},
		{"schemas", "cuelang.org/go/cue/format", true, true},
		{"runner/plan", "cuelang.org/go/cue", false, false},
		{"plugins/metric/kl", "plugins/stats", false, true},
		{"plugins/metric/kl", "runner/spec", false, false},
		{"plugins/all", "runner/cli", true, false},
		{"plugins", "schemas", false, false},
		{"schemas", "runner/spec", true, false},
		{"runner/engine", "plugins/split", false, true},
		{"runner/engine", "plugins/all", false, false},
		{"runner/engine", "plugins/strategy/resample", true, false},
		{"runner/cli", "plugins/all", false, false},
		{"runner/cli", "plugins/llm/client", false, true},
		{"runner/cli", "plugins/llm/openai", false, false},
		{"plugins/llm/client", "runner/cache", false, false},
		{"runner/cli", "plugins/all", true, true},
		{"runner/bench", "plugins/dataset/table", true, true},
		{"runner/cmd/ehrlab", "plugins/all", false, true},
		{"runner/engine", "runner/plan", false, true},
		{"runner/engine", "runner/engine", true, true},
		{"runner/plan", "runner/engine", false, false},
		{"runner/record", "runner/plan", false, false},
		{"runner/cli", "runner/cmd/ehrlab", true, false},
	}
	for _, tt := range tests {
		if rule := broken(tt.from, tt.to, tt.inTest); (rule == "") != tt.allowed {
			t.Errorf("%s → %s (test: %v): rule %q, allowed should be %v", tt.from, tt.to, tt.inTest, rule, tt.allowed)
		}
	}
}
