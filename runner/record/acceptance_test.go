package record

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// recorded writes a version of the study.
func recorded(t *testing.T, root string, complete bool, value float64) Written {
	t.Helper()
	core := study()
	core.Manifest.Complete = complete
	core.Scores[1].Value = value
	w, err := Write(root, core, Views{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Acceptances are kept in order, through later versions, and the latest of a check stands.
func TestAccept(t *testing.T) {
	root := t.TempDir()
	recorded(t, root, true, 1)
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.FixedZone("", 3600))
	for _, a := range []Acceptance{
		{Version: 1, Checks: []string{"holds", "kl"}, Reason: "first release", Time: at},
		{Version: 1, Checks: []string{"kl"}, Reason: "ties are broken otherwise", Time: at.Add(time.Hour), Despite: map[string]string{"kl": "1 worse"}},
	} {
		if err := Accept(root, "study", a); err != nil {
			t.Fatal(err)
		}
	}
	if w := recorded(t, root, true, 2); w.Name != "v2" {
		t.Fatalf("%+v", w)
	}
	list, err := Acceptances(root, "study")
	if err != nil || len(list) != 2 || !list[0].Time.Equal(time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)) {
		t.Fatalf("%v: %+v", err, list)
	}
	if a := Accepted(list, "kl"); a == nil || a.Reason != "ties are broken otherwise" || a.Despite["kl"] != "1 worse" {
		t.Errorf("kl: %+v", a)
	}
	if a := Accepted(list, "holds"); a == nil || a.Reason != "first release" {
		t.Errorf("holds: %+v", a)
	}
	if a := Accepted(list, "other"); a != nil {
		t.Errorf("other: %+v", a)
	}
	versions, _, err := List(root, "study")
	if err != nil || len(versions) != 2 {
		t.Errorf("%v: %+v", err, versions)
	}
}

func TestAcceptRefuses(t *testing.T) {
	root := t.TempDir()
	recorded(t, root, true, 1)
	recorded(t, root, false, 2)
	damaged := recorded(t, root, true, 3)
	if err := os.WriteFile(filepath.Join(damaged.Dir, scoresFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := Acceptance{Version: 1, Checks: []string{"holds"}, Reason: "first release"}
	tests := map[string]struct {
		root, experiment string
		change           func(*Acceptance)
		is               error
		says             string
	}{
		"incomplete":    {root, "study", func(a *Acceptance) { a.Version = 2 }, ErrIncomplete, "v2"},
		"damaged":       {root, "study", func(a *Acceptance) { a.Version = 3 }, nil, "is damaged"},
		"unknown":       {root, "study", func(a *Acceptance) { a.Version = 9 }, ErrUnknown, "v9"},
		"no experiment": {root, "other", func(*Acceptance) {}, ErrNone, "other"},
		"a path":        {root, "../study", func(*Acceptance) {}, nil, "experiment"},
		"no check":      {root, "study", func(a *Acceptance) { a.Checks = nil }, nil, "no check"},
		"no reason":     {root, "study", func(a *Acceptance) { a.Reason = " " }, nil, "2 words"},
		"one word":      {root, "study", func(a *Acceptance) { a.Reason = "ok" }, nil, "2 words"},
		"another check": {root, "study", func(a *Acceptance) { a.Despite = map[string]string{"kl": "1 worse"} }, nil, `not accepted for check "kl"`},
		"two lines":     {root, "study", func(a *Acceptance) { a.Reason = "new split\nof data" }, nil, "one line"},
	}
	before, err := os.ReadFile(filepath.Join(root, "study", indexFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		a := good
		a.Checks = slices.Clone(good.Checks)
		tt.change(&a)
		err := Accept(tt.root, tt.experiment, a)
		if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	after, err := os.ReadFile(filepath.Join(root, "study", indexFile))
	if err != nil || string(after) != string(before) {
		t.Errorf("%v: something was kept:\n%s", err, after)
	}
	if _, err := os.Stat(filepath.Join(root, "other")); err == nil {
		t.Error("a folder was made")
	}
}

// An index with an acceptance that says nothing is damaged; one without any stays as it was before there were any.
func TestIndexOfAcceptances(t *testing.T) {
	root := t.TempDir()
	recorded(t, root, true, 1)
	path := filepath.Join(root, "study", indexFile)
	raw, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(raw), "acceptances") {
		t.Fatalf("%v: %s", err, raw)
	}
	if err := Accept(root, "study", Acceptance{
		Version: 1, Checks: []string{"holds"}, Reason: "first release", Despite: map[string]string{"holds": "1 worse"},
	}); err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{"first release", ""}, {`"holds"`, `""`}, {`"reason"`, `"because"`}, {`"1 worse"`, `""`}, {`"holds": "1`, `"kl": "1`}} {
		text := strings.Replace(string(raw), change[0], change[1], 1)
		if text == string(raw) {
			t.Fatalf("%q is not in\n%s", change[0], raw)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Acceptances(root, "study"); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%v: %v", change, err)
		}
	}
	for want, text := range map[string]string{"it is empty": "", "it is cut off": string(raw[:len(raw)/2])} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Acceptances(root, "study"); err == nil || !strings.Contains(err.Error(), "damaged: "+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
