package record

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tagged is a results folder with two versions of an experiment "study".
func tagged(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for seed := range 2 {
		core := study()
		core.Scores[1].Value = 0.5 + float64(seed)/4
		if w, err := Write(root, core, Views{}); err != nil || !w.New {
			t.Fatalf("%+v, %v", w, err)
		}
	}
	return root
}

func TestTagsStandForVersions(t *testing.T) {
	root := tagged(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	do := func(name string, version int, move bool) (bool, error) {
		return Tag(root, "study", Tagging{Name: name, Version: version, Time: at}, move)
	}
	opens := func(name, want string) {
		t.Helper()
		if v, err := Open(root, "study", name); err != nil || v.Name != want {
			t.Errorf("%s opens %+v, %v", name, v, err)
		}
	}
	if changed, err := do("submitted", 1, false); !changed || err != nil {
		t.Fatal(changed, err)
	}
	opens("submitted", "v1")
	if changed, err := do("submitted", 1, false); changed || err != nil {
		t.Errorf("the same again: %v, %v", changed, err)
	}
	if _, err := do("submitted", 2, false); !errors.Is(err, ErrTagged) {
		t.Errorf("another version without --move: %v", err)
	}
	opens("submitted", "v1")
	if changed, err := do("submitted", 2, true); !changed || err != nil {
		t.Error(changed, err)
	}
	opens("submitted", "v2")
	if _, err := do("first", 7, false); !errors.Is(err, ErrUnknown) {
		t.Errorf("a version that is not there: %v", err)
	}
	if _, err := do("first", 0, false); !errors.Is(err, ErrNoTag) {
		t.Errorf("taking away what is not there: %v", err)
	}
	if changed, err := do("submitted", 0, false); !changed || err != nil {
		t.Error(changed, err)
	}
	if _, err := Open(root, "study", "submitted"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a tag that was taken away: %v", err)
	}
	if _, err := do("submitted", 1, false); err != nil { // it is free again
		t.Error(err)
	}
	history, err := Tags(root, "study")
	var got []int
	for _, h := range history {
		got = append(got, h.Version)
		if h.Name != "submitted" || !h.Time.Equal(at.Truncate(time.Second)) {
			t.Errorf("%+v", h)
		}
	}
	if err != nil || len(got) != 4 || got[0] != 1 || got[1] != 2 || got[2] != 0 || got[3] != 1 {
		t.Errorf("history %v, %v", got, err)
	}
	_, err = Open(root, "study", "submited")
	if err == nil || !strings.Contains(err.Error(), `did you mean "submitted"?`) {
		t.Errorf("a slip: %v", err)
	}
	if _, err := Open(root, "study", "zz"); err == nil || !strings.Contains(err.Error(), "it has v1, v2, submitted") {
		t.Errorf("an unknown one: %v", err)
	}
	third := study()
	third.Scores[1].Value = 0.9
	mustWrite(t, root, third)
	opens("submitted", "v1") // a new version keeps the tags
}

func TestNamesOfTags(t *testing.T) {
	for _, name := range []string{"a", "submitted", "v2-final", "vision", "x.y_z-1"} {
		if err := CheckTag(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "v1", "V12", "v0", "v", "latest", "Latest", "1st", "-x", ".x", "a b", "a/b", "ä", strings.Repeat("x", 101)} {
		if CheckTag(name) == nil {
			t.Errorf("%q is a tag", name)
		}
	}
}

func TestDamagedTagsAreReported(t *testing.T) {
	root := tagged(t)
	if _, err := Tag(root, "study", Tagging{Name: "good", Version: 1}, false); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "study", indexFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range [][2]string{{`"name": "good"`, `"name": "v3"`}, {`"name": "good"`, `"name": ""`}, {`"name": "good"`, `"nam": "good"`}} {
		if err := os.WriteFile(path, []byte(strings.Replace(string(raw), edit[0], edit[1], 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(root, "study", "v1"); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", edit[1], err)
		}
	}
}

func TestTagNeedsAnExperiment(t *testing.T) {
	root := t.TempDir()
	if _, err := Tag(root, "study", Tagging{Name: "a", Version: 1}, false); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Tag(root, "../study", Tagging{Name: "a", Version: 1}, false); err == nil {
		t.Error("a name that leads out of the folder")
	}
}
