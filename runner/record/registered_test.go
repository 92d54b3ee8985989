package record

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/runner/spec"
)

func named(name string, contrasts ...spec.Contrast) *spec.Experiment {
	return &spec.Experiment{Name: name, Primary: contrasts}
}

func contrastOf(name, a, b string) spec.Contrast {
	return spec.Contrast{
		Name: name, Title: "in words", Score: "across.auroc", A: map[string]spec.Value{"strategy": {Text: a}},
		B: map[string]spec.Value{"strategy": {Text: b}}, Where: map[string][]spec.Value{"n": {{Kind: spec.NumberValue, Number: 100}}},
	}
}

func mustRegister(t *testing.T, root string, e *spec.Experiment, day int) []Registration {
	t.Helper()
	all, err := Register(root, "study", NewRegistration(e, time.Date(2026, 3, day, 8, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatIsNamedBeforeTheFirstResultIsKept(t *testing.T) {
	root := t.TempDir()
	one, other := contrastOf("holds", "group", "naive"), contrastOf("holds", "group", "floor")
	mustRegister(t, root, named("study", one), 1)
	retitled := one
	retitled.Title = "in other words"
	if all := mustRegister(t, root, named("study", retitled), 2); len(all) != 1 || all[0].Time.Day() != 1 || all[0].After != 0 {
		t.Errorf("a title changes no claim: %+v", all)
	}
	if all := mustRegister(t, root, named("another", one), 3); len(all) != 2 || all[1].After != 0 || all[0].Resolved == all[1].Resolved {
		t.Errorf("before there are results, every change of the experiment is kept: %+v", all)
	}
	first := mustWrite(t, root, study())
	if all := mustRegister(t, root, named("study", one), 4); len(all) != 2 {
		t.Errorf("a new version tells of a change of the rest: %+v", all)
	}
	all := mustRegister(t, root, named("study", other, contrastOf("also", "a", "b")), 5)
	if len(all) != 3 || all[2].After != 1 || first.Name != "v1" {
		t.Errorf("%+v", all)
	}
	if got := all[2].Changes(&all[1]); !slices.Equal(got, []string{`"also" added`, `"holds" changed`}) {
		t.Errorf("%q", got)
	}
	if got := all[1].Changes(&all[2]); !slices.Equal(got, []string{`"holds" changed`, `"also" removed`}) {
		t.Errorf("%q", got)
	}
	read, err := Registrations(root, "study")
	if err != nil || len(read) != 3 || read[2].Hash != all[2].Hash {
		t.Errorf("%+v, %v", read, err)
	}
	// versions and registrations stand beside each other
	if versions, _, err := List(root, "study"); err != nil || len(versions) != 1 {
		t.Errorf("%+v, %v", versions, err)
	}
}

func TestInferenceIsPartOfWhatIsNamed(t *testing.T) {
	root := t.TempDir()
	e := named("study", contrastOf("holds", "group", "naive"))
	mustRegister(t, root, e, 1)
	e.Inference = spec.Inference{Correction: spec.Holm, Level: 0.95} // the defaults, spelled out
	if all := mustRegister(t, root, e, 2); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	e.Inference.Level = 0.9
	all := mustRegister(t, root, e, 3)
	if len(all) != 2 || !slices.Equal(all[1].Changes(&all[0]), []string{"inference changed"}) {
		t.Errorf("%+v", all)
	}
}

func TestResultsWithoutContrastsNeedNoRegistration(t *testing.T) {
	root := t.TempDir()
	mustWrite(t, root, study())
	before := tree(t, root)
	if all := mustRegister(t, root, named("study"), 1); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	if after := tree(t, root); after["study/index.json"] != before["study/index.json"] {
		t.Error("index.json was written")
	}
	if all := mustRegister(t, root, named("study", contrastOf("holds", "group", "naive")), 2); len(all) != 1 || all[0].After != 1 {
		t.Errorf("named after results: %+v", all)
	}
}

func TestAChangedRegistrationIsNoticed(t *testing.T) {
	root := t.TempDir()
	mustRegister(t, root, named("study", contrastOf("holds", "group", "naive")), 1)
	path := filepath.Join(root, "study", indexFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), `"group"`, `"floor"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Registrations(root, "study"); err == nil || !strings.Contains(err.Error(), "registration 1 is not as it was written") {
		t.Errorf("%v", err)
	}
	if _, err := Register(root, "..", Registration{}); err == nil {
		t.Error("a folder outside of the results")
	}
}

func TestRegistrationsReadBackAsWritten(t *testing.T) {
	margin := 0.02
	c := contrastOf("holds", "group", "naive")
	c.Margin, c.Over = &margin, []string{"features"}
	c.A["flag"], c.B["flag"] = spec.Value{Kind: spec.BoolValue, Bool: true}, spec.Value{Kind: spec.NoValue}
	r := NewRegistration(named("study", c), time.Now())
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Registration
	if err := json.Unmarshal(raw, &back); err != nil || back.hash() != r.Hash || len(back.Changes(&r)) != 0 {
		t.Errorf("%+v, %v", back, err)
	}
}
