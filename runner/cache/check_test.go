package cache

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// warnings returns a log and a function that counts the warnings since it was last called.
func warnings() (*slog.Logger, func() int) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelWarn})), func() int {
		defer b.Reset()
		return strings.Count(b.String(), "\n")
	}
}

// Damage of packs together with their idx file is told of once, and checks agree on it.
func TestDamageIsToldOnce(t *testing.T) {
	const n = 40
	dir, path := filled(t, n)
	at := frames(t, path)
	idx := only(t, filepath.Join(dir, "packs/*.idx"))
	info, err := os.Stat(idx)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, idx, 4*int(info.Size())) // the middle: the first half still lists its frames
	for _, i := range []int{3, 5, 30, 32, 33} {
		flip(t, path, 8*int(at[i]+2))
	}
	log, warned := warnings()
	for range 2 { // what may not write cannot note it
		open(t, dir, Options{ReadOnly: true, Log: log}).Close()
		if got := warned(); got != 1 {
			t.Errorf("a read-only cache warns %d times", got)
		}
	}
	c := open(t, dir, Options{Log: log})
	if got := warned(); got != 1 {
		t.Errorf("%d warnings at first", got)
	}
	id := c.index.packs[0].id
	lost := []Gap{{id, at[30], at[31]}, {id, at[32], at[34]}}
	first, err := c.CheckAll(t.Context())
	if err != nil || len(first.Damaged) != 2 || !slices.Equal(first.Lost, lost) || len(first.Gaps) != 0 || first.Sound() {
		t.Errorf("first check: %+v, %v", first, err)
	}
	put(t, c, 0, n)
	past := []Gap{{id, at[3], at[4]}, {id, at[5], at[6]}, lost[0], lost[1]}
	for _, when := range []string{"at once", "later"} {
		rep, err := c.CheckAll(t.Context())
		if err != nil || rep.Entries != n || !rep.Sound() || !slices.Equal(rep.Gaps, past) {
			t.Errorf("second check %s: %+v, %v", when, rep, err)
		}
		c.Close()
		c = open(t, dir, Options{Log: log})
	}
	open(t, dir, Options{ReadOnly: true, Log: log}).Close()
	want(t, c, 0, n)
	if got := warned(); got != 0 {
		t.Errorf("%d more warnings", got)
	}
	if _, err := c.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	rep, err := c.CheckAll(t.Context())
	if err != nil || rep.Entries != n || !rep.Sound() || len(rep.Gaps) != 0 {
		t.Errorf("after gc: %+v, %v", rep, err)
	}
}

// A check that finds an entry damaged looks at the copy that takes its place, or the next check would
// come to another verdict.
func TestCheckAllLooksAtCopies(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir, Options{}), open(t, dir, Options{})
	put(t, a, 0, 1)
	put(t, b, 0, 1)
	a.Close()
	b.Close()
	packs, err := filepath.Glob(filepath.Join(dir, "packs/*.pack"))
	if err != nil || len(packs) != 2 {
		t.Fatal(packs, err)
	}
	for _, path := range packs {
		flip(t, path, 8*(len(packPreamble)+2))
	}
	c := open(t, dir, Options{})
	if rep, err := c.CheckAll(t.Context()); err != nil || len(rep.Damaged) != 2 || rep.Entries != 0 {
		t.Errorf("first: %+v, %v", rep, err)
	}
	if rep, err := c.CheckAll(t.Context()); err != nil || !rep.Sound() || len(rep.Gaps) != 2 {
		t.Errorf("second: %+v, %v", rep, err)
	}
}

func TestGapWithout(t *testing.T) {
	for _, c := range []struct{ others, want []gap }{
		{nil, []gap{{10, 20}}},
		{[]gap{{0, 10}, {20, 30}}, []gap{{10, 20}}},
		{[]gap{{0, 30}}, nil},
		{[]gap{{10, 20}}, nil},
		{[]gap{{0, 12}, {14, 15}, {18, 25}}, []gap{{12, 14}, {15, 18}}},
		{[]gap{{10, 15}, {15, 20}}, nil},
	} {
		if got := (gap{10, 20}).without(c.others); !slices.Equal(got, c.want) {
			t.Errorf("without %v: %v, want %v", c.others, got, c.want)
		}
	}
}

func TestOpenNeedsAFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, ro := range []bool{false, true} {
		if _, err := Open("", Options{ReadOnly: ro}); err == nil || !strings.Contains(err.Error(), "no folder named") {
			t.Errorf("%v", err)
		}
	}
	if files := list(t, "."); len(files) != 1 {
		t.Errorf("files appeared: %v", files)
	}
}

func TestExistingMakesNoCache(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "none")
	c := open(t, dir, Options{Existing: true})
	if rep, err := c.GC(t.Context(), GCOptions{MaxBytes: 1}); err != nil || rep != (GCReport{}) {
		t.Errorf("gc: %+v, %v", rep, err)
	}
	if rep, err := c.CheckAll(t.Context()); err != nil || !rep.Sound() {
		t.Errorf("check: %+v, %v", rep, err)
	}
	if _, err := c.Put(t.Context(), recipe(1), output(1)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("put: %v", err)
	}
	c.Close()
	if files := list(t, parent); len(files) != 1 {
		t.Errorf("files appeared: %v", files)
	}
	put(t, open(t, dir, Options{}), 0, 2)
	c = open(t, dir, Options{Existing: true})
	put(t, c, 2, 3)
	want(t, c, 0, 3)
}
