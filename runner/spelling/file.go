package spelling

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mostEntries of a folder are looked at: a suggestion is not worth a long wait.
const mostEntries = 10_000

// NearFile returns the file or folder that may be meant by a path where there is nothing: one whose name is near, in the same
// folder or, where that is not there either, in the folder that may be meant by it. It is "" when there is none.
func NearFile(path string) string {
	folder, name := filepath.Split(path)
	folder = filepath.Clean(folder)
	if name == "" || filepath.Clean(path) == folder {
		return ""
	}
	if _, err := os.Stat(folder); err != nil {
		near := NearFile(folder)
		if near == "" {
			return ""
		}
		if whole := filepath.Join(near, name); exists(whole) {
			return whole
		}
		return near
	}
	best := nearName(name, entries(folder, strings.HasPrefix(name, ".")))
	if best == "" {
		return ""
	}
	return filepath.Join(folder, best)
}

// nearName returns the name that is the same but for its endings or, where there is none, the one whose stem is near: equal
// endings make no two names alike.
func nearName(name string, known []string) string {
	byStem := map[string][]string{}
	for _, k := range known {
		byStem[stem(k)] = append(byStem[stem(k)], k)
	}
	same := byStem[stem(name)]
	if len(same) == 0 {
		same = byStem[Closest(stem(name), slices.Collect(maps.Keys(byStem)))]
	}
	if best := Closest(name, same); best != "" || len(same) == 0 {
		return best
	}
	return slices.Min(same)
}

// stem is a name without its endings.
func stem(name string) string {
	if i := strings.IndexByte(strings.TrimLeft(name, "."), '.'); i >= 0 {
		return name[:len(name)-len(strings.TrimLeft(name, "."))+i]
	}
	return name
}

// DidYouMeanFile returns what DidYouMean does of the file or folder near a path, as show writes it.
func DidYouMeanFile(path string, show func(path string) string) string {
	near := NearFile(path)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", show(near))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// entries are the names in a folder, hidden ones among them or not; none where there are too many, as a part of them would
// depend on the file system.
func entries(folder string, hidden bool) []string {
	f, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, err := f.Readdirnames(mostEntries)
	if err != nil || len(names) == mostEntries {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool { return !hidden && strings.HasPrefix(name, ".") })
}
