package spelling

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNearFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"data/stays.csv", "data/labs.csv.gz", "data/.stays.cvs", "studies/quickstart.cue"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ path, want string }{
		{"data/stay.csv", "data/stays.csv"},
		{"data/stays.cvs", "data/stays.csv"}, // not the hidden file
		{"data/.stay.cvs", "data/.stays.cvs"},
		{"data/labs.csv", "data/labs.csv.gz"},
		{"dataa/stays.csv", "data/stays.csv"},
		{"dataa/vitals.csv", "data"},
		{"dataa/stay.csv", "data"}, // one guess, not two
		{"data/vitals.csv", ""},
		{"elsewhere/stays.csv", ""},
		{"study/quickstart.cue", "studies/quickstart.cue"},
		{"data/labs.parquet", "data/labs.csv.gz"},
		{"studys/quickstart.cue", "studies/quickstart.cue"},
	} {
		want := c.want
		if want != "" {
			want = filepath.Join(dir, filepath.FromSlash(want))
		}
		if got := NearFile(filepath.Join(dir, filepath.FromSlash(c.path))); got != want {
			t.Errorf("NearFile(%s) = %q, want %q", c.path, got, want)
		}
	}
	t.Chdir(dir)
	for path, want := range map[string]string{"": "", ".": "", "/": "", "stuides": "studies", "studies/quick.cue": filepath.Join("studies", "quickstart.cue")} {
		if got := NearFile(path); got != want {
			t.Errorf("NearFile(%q) = %q, want %q", path, got, want)
		}
	}
}
