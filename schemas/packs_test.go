package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
)

const (
	packsFolder    = "../plugins/rule/packs"
	settingsOfRule = "../plugins/audit/rules/settings.cue"
)

// TestPacksAreWhatTheirCUESays checks every pack of rules against the schema of rules that experiments are checked by, and the JSON
// that the binary holds against the pack; with UPDATE=1 it rewrites the JSON.
func TestPacksAreWhatTheirCUESays(t *testing.T) {
	files, err := filepath.Glob(packsFolder + "/*.cue")
	if err != nil || len(files) == 0 {
		t.Fatalf("no packs found: %v", err)
	}
	for _, path := range files {
		checkPack(t, path)
	}
}

func checkPack(t *testing.T, path string) {
	t.Helper()
	ctx := cuecontext.New()
	rule := schemaOfRules(t, ctx)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	pack := ctx.CompileBytes(source, cue.Filename(path))
	if err := pack.Validate(cue.Concrete(true)); err != nil {
		t.Errorf("%s: %s", path, errors.Details(err, nil))
		return
	}
	rules, err := pack.LookupPath(cue.ParsePath("rules")).Fields()
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for rules.Next() {
		if err := rules.Value().Unify(rule).Validate(cue.Concrete(true)); err != nil {
			t.Errorf("%s: rule %q: %s", path, rules.Selector().Unquoted(), errors.Details(err, nil))
		}
	}
	text, err := pack.MarshalJSON()
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	sameJSON(t, strings.TrimSuffix(path, ".cue")+".json", text)
}

// schemaOfRules is what the settings of the audit "rules" want a rule to be.
func schemaOfRules(t *testing.T, ctx *cue.Context) cue.Value {
	t.Helper()
	settings, err := os.ReadFile(settingsOfRule)
	if err != nil {
		t.Fatal(err)
	}
	with := ctx.CompileString("#With: {\n" + string(settings) + "\n}\n").LookupPath(cue.ParsePath("#With"))
	rule := with.LookupPath(cue.MakePath(cue.Str("rules").Optional(), cue.AnyString))
	if rule.Err() != nil {
		t.Fatal(rule.Err())
	}
	misspelt := ctx.CompileString(`{then: "a < b", message: "m", sevrity: "error"}`)
	if misspelt.Unify(rule).Validate(cue.Concrete(true)) == nil {
		t.Fatal("the schema of rules lets a misspelt field pass")
	}
	return rule
}

func sameJSON(t *testing.T, path string, text []byte) {
	t.Helper()
	var want bytes.Buffer
	if err := json.Indent(&want, text, "", "\t"); err != nil {
		t.Error(err)
		return
	}
	want.WriteByte('\n')
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not what the pack says (%v); run: UPDATE=1 go test ./schemas", path, err)
	}
}
