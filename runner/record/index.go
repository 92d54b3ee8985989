package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// indexFile lists the versions of an experiment.
const indexFile = "index.json"

// indexFormat is the format of index.json.
const indexFormat = 1

// Entry is a version as index.json lists it.
type Entry struct {
	Version  int       `json:"version"`
	Time     time.Time `json:"time"`     // when its run finished, UTC
	Complete bool      `json:"complete"` // every cell has its results
	Resolved string    `json:"resolved"` // hash of the resolved experiment
	Plan     string    `json:"plan"`     // hash of the keys of all steps
	Scores   string    `json:"scores"`   // hash of cells, scores, curves and counts
	Manifest string    `json:"manifest"` // hash of manifest.json
}

// Name is the version's name, e.g. "v3".
func (e Entry) Name() string { return "v" + strconv.Itoa(e.Version) }

type index struct {
	Format     int     `json:"format"`
	Experiment string  `json:"experiment"`
	Versions   []Entry `json:"versions"`

	Acceptances []Acceptance   `json:"acceptances,omitempty"` // oldest first
	Registered  []Registration `json:"registered,omitempty"`  // likewise
	Tags        []Tagging      `json:"tags,omitempty"`        // likewise
}

// readIndex reads index.json of an experiment's folder; a folder without one has an empty index.
func readIndex(folder, experiment string) (*index, error) {
	path := filepath.Join(folder, indexFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &index{Format: indexFormat, Experiment: experiment}, nil
	}
	if err != nil {
		return nil, err
	}
	ix, err := parseIndex(raw, experiment)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; tags, accepted baselines and registered contrasts are in this file alone: restore a copy of it, such as git's; "+
			"where there is none, move it aside, and the next run lists the version folders anew, without them", path, err)
	}
	return ix, nil
}

func parseIndex(raw []byte, experiment string) (*index, error) {
	var ix index
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	switch err := d.Decode(&ix); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("damaged: it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("damaged: it is cut off")
	case err != nil:
		return nil, fmt.Errorf("damaged: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("damaged: something follows the JSON value")
	}
	if ix.Format != indexFormat {
		return nil, fmt.Errorf("its format is %d and this ehrlab reads format %d: use another ehrlab", ix.Format, indexFormat)
	}
	if ix.Experiment != experiment {
		return nil, fmt.Errorf("belongs to experiment %q, not %q", ix.Experiment, experiment)
	}
	last := 0
	for i, e := range ix.Versions {
		if e.Version <= last {
			return nil, fmt.Errorf("damaged: version %d follows version %d", e.Version, last)
		}
		last = e.Version
		for _, h := range []string{e.Scores, e.Manifest} {
			if !isHash(h) {
				return nil, fmt.Errorf("damaged: entry %d holds %q where a SHA-256 in hex is due", i+1, h)
			}
		}
	}
	if err := checkAcceptances(ix.Acceptances); err != nil {
		return nil, err
	}
	if err := checkRegistered(ix.Registered); err != nil {
		return nil, err
	}
	if err := checkTags(ix.Tags); err != nil {
		return nil, err
	}
	return &ix, nil
}

func (ix *index) encode() ([]byte, error) {
	return encodeJSON(ix)
}

func (ix *index) newest() *Entry {
	if len(ix.Versions) == 0 {
		return nil
	}
	return &ix.Versions[len(ix.Versions)-1]
}

func (ix *index) find(version int) *Entry {
	for i := range ix.Versions {
		if ix.Versions[i].Version == version {
			return &ix.Versions[i]
		}
	}
	return nil
}

// adopt lists whole version folders that index.json lacks: a writer was stopped between the two.
//
// It returns how many it added, and a note for each and for each folder that is damaged and stays unlisted.
func (ix *index) adopt(folder string) (added int, notes []string, err error) {
	numbers, err := versionFolders(folder)
	if err != nil {
		return 0, nil, err
	}
	for _, n := range numbers {
		if ix.find(n) != nil {
			continue
		}
		e, err := entryOf(filepath.Join(folder, "v"+strconv.Itoa(n)), ix.Experiment, n)
		if err != nil {
			notes = append(notes, fmt.Sprintf("v%d is not listed in %s and cannot be: %v", n, indexFile, err))
			continue
		}
		ix.Versions = append(ix.Versions, *e)
		notes = append(notes, fmt.Sprintf("v%d was whole but not listed in %s: adopted", n, indexFile))
		added++
	}
	slices.SortFunc(ix.Versions, func(a, b Entry) int { return a.Version - b.Version })
	return added, notes, nil
}

// entryOf makes the entry of a version folder after checking the hashes of its core.
func entryOf(dir, experiment string, number int) (*Entry, error) {
	m, hash, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	if m.Experiment != experiment || m.Version != number {
		return nil, fmt.Errorf("%s holds version %d of experiment %q", filepath.Join(dir, manifestFile), m.Version, m.Experiment)
	}
	files, err := readCoreFiles(dir, m)
	if err != nil {
		return nil, err
	}
	curves, err := decodeCurves(files[curvesFile])
	if err != nil {
		return nil, &Damaged{Path: filepath.Join(dir, curvesFile), Why: err.Error()}
	}
	scores := resultsHash(files[cellsFile], files[scoresFile], files[countsFile], curves)
	return entry(m, scores, hash), nil
}

func entry(m *Manifest, scores, manifest string) *Entry {
	return &Entry{
		Version: m.Version, Time: m.Finished, Complete: m.Complete,
		Resolved: m.ResolvedHash, Plan: m.Plan, Scores: scores, Manifest: manifest,
	}
}

// versionFolders returns the numbers of the folders named v<N>, ascending.
func versionFolders(folder string) ([]int, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if n := versionNumber(e.Name()); n > 0 && e.IsDir() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// versionNumber is N of "v<N>", or 0 when name is not of this form.
func versionNumber(name string) int {
	digits, ok := strings.CutPrefix(name, "v")
	if !ok || digits == "" || digits[0] == '0' || len(digits) > 9 {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || digits[0] == '+' {
		return 0
	}
	return n
}

// encodeJSON is indented JSON that ends with a line break and leaves <, > and & readable.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
