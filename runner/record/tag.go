package record

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/ehrlab/ehrlab/runner/spelling"
)

// Tagging gives a name to a version, moves it, or takes it away. The latest one of a name stands; the others are its history.
type Tagging struct {
	Name    string    `json:"name"`
	Version int       `json:"version,omitempty"` // 0: the name was taken away
	Time    time.Time `json:"time"`              // UTC
}

// ErrTagged says that a tag stands for another version.
var ErrTagged = errors.New("the tag stands for another version")

// ErrNoTag says that there is no such tag.
var ErrNoTag = errors.New("no such tag")

// CheckTag returns an error unless name can be a tag: a file name that begins with a letter, and can be taken for no version.
func CheckTag(name string) error {
	if err := CheckName(name); err != nil {
		return fmt.Errorf("tag %w", err)
	}
	first := name[0] | 0x20
	digits := strings.Trim(name[1:], "0123456789") == ""
	switch {
	case first < 'a' || first > 'z':
		return fmt.Errorf("tag %q: must begin with a letter", name)
	case first == 'v' && digits:
		return fmt.Errorf("tag %q: can be taken for a version", name)
	case strings.EqualFold(name, latest):
		return fmt.Errorf("tag %q: stands for the newest complete version already", name)
	}
	return nil
}

// Tag gives a version a name, which stands for it wherever a version is named; Version 0 takes the name away. A name that stands for
// another version stays as it is unless move is set. What was is kept in index.json.
//
// changed is false where all is so already. It returns ErrTagged for a name of another version, ErrNoTag for one that cannot be taken
// away, and ErrUnknown for a version that is not there.
func Tag(root, experiment string, t Tagging, move bool) (changed bool, err error) {
	return disk{}.tag(root, experiment, t, move)
}

func (d disk) tag(root, experiment string, t Tagging, move bool) (changed bool, err error) {
	if err := CheckName(experiment); err != nil {
		return false, fmt.Errorf("experiment %w", err)
	}
	if err := CheckTag(t.Name); err != nil {
		return false, err
	}
	folder := filepath.Join(root, experiment)
	if _, err := os.Stat(folder); err != nil {
		return false, fmt.Errorf("experiment %q in %s: %w", experiment, root, ErrNone)
	}
	lock := flock.New(filepath.Join(folder, ".lock"))
	if err := lock.Lock(); err != nil {
		return false, fmt.Errorf("lock %s: %w", folder, err)
	}
	defer lock.Close()
	ix, err := readIndex(folder, experiment)
	if err != nil {
		return false, err
	}
	if _, _, err := ix.adopt(folder); err != nil {
		return false, err
	}
	standing := Standing(ix.Tags)
	old, has := standing[t.Name]
	switch {
	case t.Version == 0 && !has:
		return false, fmt.Errorf("experiment %q: %w: %q%s", experiment, ErrNoTag, t.Name, spelling.Hint(t.Name, "it has", slices.Sorted(maps.Keys(standing))))
	case t.Version != 0 && ix.find(t.Version) == nil:
		return false, ix.unknown(fmt.Sprintf("v%d", t.Version))
	case has && old == t.Version:
		return false, nil
	case has && t.Version != 0 && !move:
		return false, fmt.Errorf("experiment %q: %q is v%d: %w", experiment, t.Name, old, ErrTagged)
	}
	t.Time = t.Time.UTC().Truncate(time.Second)
	ix.Tags = append(ix.Tags, t)
	return true, d.writeIndex(folder, ix)
}

// Tags returns all that was ever done to the tags of an experiment, oldest first.
func Tags(root, experiment string) ([]Tagging, error) {
	if err := CheckName(experiment); err != nil {
		return nil, fmt.Errorf("experiment %w", err)
	}
	ix, err := readIndex(filepath.Join(root, experiment), experiment)
	if err != nil {
		return nil, err
	}
	return ix.Tags, nil
}

// Standing returns the version that each name stands for.
func Standing(history []Tagging) map[string]int {
	out := map[string]int{}
	for _, t := range history {
		if out[t.Name] = t.Version; t.Version == 0 {
			delete(out, t.Name)
		}
	}
	return out
}

// checkTags reports taggings that Tag does not write.
func checkTags(list []Tagging) error {
	for i, t := range list {
		if err := CheckTag(t.Name); err != nil || t.Version < 0 {
			return fmt.Errorf("damaged: tagging %d needs the name of a tag and a version", i+1)
		}
	}
	return nil
}

// resolve finds the version that a name stands for: "v2", or a tag.
func (ix *index) resolve(name string) (*Entry, error) {
	n := versionNumber(name)
	if n == 0 {
		n = Standing(ix.Tags)[name]
	}
	if e := ix.find(n); e != nil {
		return e, nil
	}
	return nil, ix.unknown(name)
}

// unknown says which versions and tags there are in place of the one asked for.
func (ix *index) unknown(name string) error {
	var names []string
	for _, e := range ix.Versions {
		names = append(names, e.Name())
	}
	tags := slices.Sorted(maps.Keys(Standing(ix.Tags)))
	hint := spelling.DidYouMean(name, tags)
	if hint == "" {
		hint = "; it has " + strings.Join(append(names, tags...), ", ")
	}
	return fmt.Errorf("experiment %q: %w: %q%s", ix.Experiment, ErrUnknown, name, hint)
}
