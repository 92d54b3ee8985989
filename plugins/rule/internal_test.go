package rule

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

func judged(t *testing.T, s *Set, f *frame.Frame) *plugins.Judged {
	t.Helper()
	out, err := s.Judge(context.Background(), 1, plugins.Lineup{Frame: f})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A pack that changes has another version, or audits of the old one would pass for those of the new.
func TestPackHasItsVersion(t *testing.T) {
	const version, digest = 3, "9a64fe56d95cdb3d"
	if got := fmt.Sprintf("%x", sha256.Sum256(icuPack))[:16]; ICUVersion != version || got != digest {
		t.Errorf("version %d of the pack icu is %s, want version %d and %s: raise ICUVersion where a released pack has changed, and note both here", ICUVersion, got, version, digest)
	}
}

func TestFamilies(t *testing.T) {
	names := []string{"a_min", "a_max", "b_min", "a_b_min", "ab", "aa", "x_x_y", "x_z_y", "_min", "x__y"}
	for name, c := range map[string]struct {
		each   map[string][]string
		source string
		want   []string
	}{
		"one variable":   {nil, "{v}_min", []string{"a", "a_b", "b"}},
		"at the end":     {nil, "a{v}", []string{"_b_min", "_max", "_min", "a", "b"}},
		"twice":          {nil, "{v}{v}", []string{"a"}},
		"with text":      {nil, "{v}_{v}_y", []string{"x"}},
		"between listed": {map[string][]string{"s": {"_y", "_q"}, "p": {"x_"}}, "{p}{v}{s}", []string{"x", "z"}},
		"none":           {nil, "{v}_mean", nil},
	} {
		r, faults := Parse("x", true, Rule{Each: c.each, Then: c.source + " > 1", Message: "m"})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		var got []string
		for _, values := range r.members(names) {
			if !slices.Contains(names, r.reads[0].column.name(values)) {
				t.Errorf("%s: %v is no column", name, values)
			}
			got = append(got, values["v"])
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
