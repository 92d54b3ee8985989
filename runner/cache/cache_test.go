package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("EHRLAB_TEST_PUT_FOREVER"); dir != "" {
		putForever(dir)
	}
	goleak.VerifyTestMain(m)
}

// recipe returns the i-th of a family of recipes.
func recipe(i int) *Recipe {
	return &Recipe{
		Format: 1, Stage: "measure", Plugin: "ks", Version: 1, Numeric: "amd64",
		Settings: json.RawMessage(fmt.Sprintf(`{"i":%d}`, i)),
	}
}

// content returns the output of the i-th recipe: each ninth is an object of its own.
func content(i int) []byte {
	n := 10 + i
	if i%9 == 8 {
		n = inlineMax + 1 + i
	}
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(uint64(i), 9))
	for j := range b {
		b[j] = byte(rng.Uint32())
	}
	return b
}

func output(i int) Output {
	return Output{Bytes: content(i), Facts: json.RawMessage(fmt.Sprintf(`{"rows":%d}`, i)), Elapsed: time.Duration(i) * time.Second}
}

// noSync is the disk without its durability, which tests that kill no machine can do without.
type noSync struct{ disk }

type noSyncFile struct{ File }

func (noSync) SyncDir(string) error { return nil }

func (noSyncFile) Sync() error { return nil }

func (n noSync) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := n.disk.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}

func open(t testing.TB, dir string, opt Options) *Cache {
	t.Helper()
	if opt.FS == nil {
		opt.FS = noSync{}
	}
	c, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func put(t testing.TB, c *Cache, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := c.Put(t.Context(), recipe(i), output(i)); err != nil {
			t.Fatalf("put %d: %v", i, err)
		}
	}
}

// want fails unless the outputs of some recipes are there, whole.
func want(t testing.TB, c *Cache, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		got, e, err := c.Get(recipe(i).Key())
		if err != nil {
			t.Fatalf("get %d: %v", i, err)
		}
		if !bytes.Equal(got, content(i)) || e.Size != int64(len(got)) || e.Elapsed != time.Duration(i)*time.Second {
			t.Fatalf("get %d: other content, or entry %+v", i, e)
		}
		if string(e.Facts) != fmt.Sprintf(`{"rows":%d}`, i) {
			t.Fatalf("get %d: facts %s", i, e.Facts)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "cache")
	c := open(t, dir, Options{FS: disk{}})
	put(t, c, 0, 20)
	check := func(c *Cache) {
		t.Helper()
		want(t, c, 0, 20)
		key := recipe(3).Key()
		if e, ok := c.Lookup(key); !ok || e.Stage != "measure" || e.Plugin != "ks" || e.Size != 13 || e.Key != key {
			t.Errorf("lookup: %+v, %v", e, ok)
		}
		if f, ok := c.Facts(key); !ok || string(f) != `{"rows":3}` {
			t.Errorf("facts: %s, %v", f, ok)
		}
		if r, err := c.Recipe(key); err != nil || r.Key() != key {
			t.Errorf("recipe: %+v, %v", r, err)
		}
		if c.Len() != 20 || len(slices.Collect(c.Entries())) != 20 {
			t.Errorf("%d entries", c.Len())
		}
		absent := recipe(99).Key()
		if _, ok := c.Lookup(absent); ok {
			t.Error("lookup finds what was never put")
		}
		for _, key := range []Key{absent, "", "zz", Key(strings.ToUpper(string(key)))} {
			if _, _, err := c.Get(key); !errors.Is(err, ErrMiss) {
				t.Errorf("get %q: %v, want a miss", key, err)
			}
		}
	}
	check(c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir, Options{}))
	check(open(t, dir, Options{ReadOnly: true}))
}

func TestDigestIsThatOfTheCallerOrOfTheBytes(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	given := Hash(strings.Repeat("ab", 32))
	if e, err := c.Put(t.Context(), recipe(1), Output{Bytes: []byte("x"), Digest: given}); err != nil || e.Digest != given {
		t.Errorf("%+v, %v", e, err)
	}
	// printf x | sha256sum
	const x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	if e, err := c.Put(t.Context(), recipe(2), Output{Bytes: []byte("x")}); err != nil || e.Digest != x {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestPutRefuses(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	long := recipe(1)
	long.Plugin = strings.Repeat("x", 300)
	for name, p := range map[string]struct {
		r   *Recipe
		out Output
	}{
		"a long name":      {long, Output{}},
		"a short digest":   {recipe(1), Output{Digest: "abc"}},
		"facts no JSON":    {recipe(1), Output{Facts: json.RawMessage("{")}},
		"facts that large": {recipe(1), Output{Facts: json.RawMessage(strings.Repeat(" ", maxFacts) + "1")}},
	} {
		if _, err := c.Put(t.Context(), p.r, p.out); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if c.Len() != 0 {
		t.Errorf("%d entries", c.Len())
	}
}

func TestPutTwice(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	put(t, c, 1, 2)
	put(t, c, 1, 2)
	e, err := c.Put(t.Context(), recipe(1), Output{Bytes: []byte("other")})
	var conflict *ConflictError
	if !errors.As(err, &conflict) || e.Digest != conflict.Stored || conflict.Differ == conflict.Stored {
		t.Errorf("got %+v, %v; want a conflict and the first entry", e, err)
	}
	want(t, c, 1, 2)
}

func TestReadOnlyWritesNothing(t *testing.T) {
	parent := t.TempDir()
	c := open(t, filepath.Join(parent, "none"), Options{ReadOnly: true})
	if _, err := c.Put(t.Context(), recipe(1), output(1)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("put: %v", err)
	}
	if _, _, err := c.Get(recipe(1).Key()); !errors.Is(err, ErrMiss) {
		t.Errorf("get: %v", err)
	}
	if err := c.Refresh(); err != nil {
		t.Error(err)
	}
	if files := list(t, parent); len(files) != 1 {
		t.Errorf("files appeared: %v", files)
	}

	dir := filepath.Join(parent, "some")
	w := open(t, dir, Options{})
	put(t, w, 0, 10)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(parent, "data.csv")
	writeOld(t, old, "1,2\n")
	flip(t, objectFile(t, dir), 100)
	before := list(t, dir)
	c = open(t, dir, Options{ReadOnly: true})
	want(t, c, 0, 8)
	var bad *DamagedError
	if _, _, err := c.Get(recipe(8).Key()); !errors.As(err, &bad) {
		t.Errorf("get of a damaged object: %v", err)
	}
	if _, _, err := c.HashFile(old); err != nil {
		t.Error(err)
	}
	if _, err := c.CheckAll(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.GC(t.Context(), GCOptions{}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("gc: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if after := list(t, dir); !slices.Equal(before, after) {
		t.Errorf("before %v\nafter  %v", before, after)
	}
}

// list names all files below a folder with mode, size and time.
func list(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		out = append(out, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := open(t, dir, Options{})
	put(t, c, 0, 10)
	flip(t, objectFile(t, dir), 5)
	if _, _, err := c.Get(recipe(8).Key()); err == nil {
		t.Fatal("damage goes unseen")
	}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		info, _ := d.Info()
		mode := fileMode
		if d.IsDir() {
			mode = folderMode
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesWhatIsNoCache(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "thesis.tex"), "x")
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("%v", err)
	}
	if _, err := Open(filepath.Join(dir, "thesis.tex"), Options{}); err == nil {
		t.Error("a file was accepted")
	}
	if _, err := Open(filepath.Join(dir, "thesis.tex", "sub"), Options{}); err == nil {
		t.Error("a folder in a file was accepted")
	}
	dir = t.TempDir()
	if err := open(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "version"), "7\n")
	for _, ro := range []bool{false, true} {
		if _, err := Open(dir, Options{ReadOnly: ro}); err == nil || !strings.Contains(err.Error(), `"7"`) {
			t.Errorf("%v", err)
		}
	}
}

func TestClosed(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	put(t, c, 0, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), recipe(1), output(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("put: %v", err)
	}
	if _, _, err := c.Get(recipe(0).Key()); !errors.Is(err, ErrClosed) {
		t.Errorf("get: %v", err)
	}
	if err := c.Refresh(); !errors.Is(err, ErrClosed) {
		t.Errorf("refresh: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestManyGoroutinesShareACache(t *testing.T) {
	const workers, each = 8, 40
	c := open(t, t.TempDir(), Options{})
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				// neighbours put the same keys, at about the same time
				n := (w/2)*each + i
				if _, err := c.Put(t.Context(), recipe(n), output(n)); err != nil {
					t.Errorf("put %d: %v", n, err)
				}
				if got, _, err := c.Get(recipe(n).Key()); err != nil || !bytes.Equal(got, content(n)) {
					t.Errorf("get %d: %v", n, err)
				}
			}
		})
	}
	wg.Wait()
	if c.Len() != workers/2*each {
		t.Errorf("%d entries", c.Len())
	}
}

func TestTwoCachesOnOneFolder(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir, Options{}), open(t, dir, Options{})
	ro := open(t, dir, Options{ReadOnly: true})
	var wg sync.WaitGroup
	wg.Go(func() { put(t, a, 0, 60) })
	wg.Go(func() { put(t, b, 40, 100) })
	wg.Wait()
	for _, c := range []*Cache{a, b, ro} {
		if err := c.Refresh(); err != nil {
			t.Fatal(err)
		}
		want(t, c, 0, 100)
		if c.Len() != 100 {
			t.Errorf("%d entries", c.Len())
		}
	}
	put(t, a, 100, 101)
	if err := b.Refresh(); err != nil {
		t.Fatal(err)
	}
	want(t, b, 100, 101)
}

// A frame of which only a part is to be seen yet is taken in when the rest has come.
func TestRefreshWaitsForTheRestOfAFrame(t *testing.T) {
	dir, path := filled(t, 4)
	if err := os.Remove(only(t, filepath.Join(dir, "packs/*.idx"))); err != nil {
		t.Fatal(err)
	}
	at := frames(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.Clone(whole)
	clear(half[at[3]+50:]) // the size has arrived, the content has not
	for _, early := range [][]byte{whole[:at[3]+50], half} {
		if err := os.WriteFile(path, early, 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir, Options{ReadOnly: true})
		if c.Len() != 3 {
			t.Fatalf("%d entries", c.Len())
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(); err != nil {
			t.Fatal(err)
		}
		want(t, c, 0, 4)
	}
}

func TestMissingFoldersAreMade(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{}).Close()
	for _, name := range []string{"packs", "objects"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	ro := open(t, dir, Options{ReadOnly: true})
	if ro.Len() != 0 {
		t.Error("an empty cache has entries")
	}
	c := open(t, dir, Options{})
	put(t, c, 0, 9)
	want(t, c, 0, 9)
}

func TestEntriesAreInOrder(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	c := open(t, t.TempDir(), Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	put(t, c, 0, 5)
	i := 0
	for e := range c.Entries() {
		if e.Key != recipe(i).Key() {
			t.Errorf("entry %d is %s", i, e.Key)
		}
		i++
		if i == 4 {
			break
		}
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// only returns the one file that a pattern matches.
func only(t testing.TB, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s matches %v, %v", pattern, files, err)
	}
	return files[0]
}

func objectFile(t testing.TB, dir string) string { return only(t, filepath.Join(dir, "objects/*/*")) }

// flip changes one bit of a file.
func flip(t testing.TB, path string, bit int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[bit/8] ^= 1 << (bit % 8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func sumOf(b []byte) sum { return sha256.Sum256(b) }
