package responses

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// One store at a time has the claim of an experiment, until it is closed. Others may read meanwhile, and claim other experiments.
func TestClaim(t *testing.T) {
	dir := t.TempDir()
	first, second := opened(t, dir, Options{}), opened(t, dir, Options{})
	if err := first.Claim("study"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"study": ErrClaimed, "another": nil, "../odd \x00 name": nil} {
		if err := second.Claim(name); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if err := opened(t, dir, Options{ReadOnly: true}).Claim("study"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a store for reading: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := second.Claim("study"); err != nil {
		t.Errorf("after the first is closed: %v", err)
	}
	if err := first.Claim("third"); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "claims")); err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
}

// Where nothing can be locked a store goes on, and warns.
func TestClaimWithoutLocks(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	if err := s.Claim("study"); err != nil {
		t.Fatal(err)
	}
	claims, err := filepath.Glob(filepath.Join(dir, "claims", "*"))
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	if err := errors.Join(os.Remove(claims[0]), os.Mkdir(claims[0], 0o700)); err != nil { // which cannot be opened for writing
		t.Fatal(err)
	}
	other := opened(t, dir, Options{})
	if err := other.Claim("study"); err != nil {
		t.Errorf("want a warning, not %v", err)
	}
}
