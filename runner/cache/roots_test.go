package cache

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestRootsAreRemembered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	for _, path := range []string{"/b/results", "/a/results", "/b/results"} {
		c, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddRoot(path); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	roots, err := c.Roots()
	if err != nil || !slices.Equal(roots, []string{"/a/results", "/b/results"}) {
		t.Errorf("roots %v, %v", roots, err)
	}
	if err := c.AddRoot("/c"); err == nil {
		t.Error("a read-only cache took a root")
	}
}

func TestGCSweepsRootsOfUnfinishedFilesOnly(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir, Options{})
	if err := c.AddRoot("/a/results"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, rootsFolder, tempPrefix+"x"), "x")
	if _, err := c.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	only(t, filepath.Join(dir, rootsFolder, "*"))
	if roots, err := c.Roots(); err != nil || !slices.Equal(roots, []string{"/a/results"}) {
		t.Errorf("roots %v, %v", roots, err)
	}
}
