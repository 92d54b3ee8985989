package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// The files of a version. Those of the core are immutable and hashed in the manifest.
const (
	manifestFile = "manifest.json"
	cellsFile    = "cells.csv"
	scoresFile   = "scores.csv"
	scoresTable  = "scores.parquet"
	drawsFile    = "draws.parquet" // versions of before there were draws have none
	curvesFile   = "curves.parquet"
	countsFile   = "counts.csv"
	viewsFile    = "views.json" // derived
)

// manifestFormat is the format of a version: of manifest.json and of the files beside it.
const manifestFormat = 1

// ErrNone says that an experiment has no version that could be opened.
var ErrNone = errors.New("no version is recorded")

// ErrUnknown says that an experiment has versions, but not the one asked for.
var ErrUnknown = errors.New("no such version")

// Damaged says that a file of a version does not hold what was written.
type Damaged struct{ Path, Why string }

func (d *Damaged) Error() string {
	return fmt.Sprintf("%s is damaged: %s; restore the file, or delete the version's folder and run again", d.Path, d.Why)
}

// Version is one recorded version, read and verified.
type Version struct {
	Name  string // e.g. "v3"
	Dir   string
	Core  *Core
	Views Views
}

// ViewsFile is the path of the file that Views was read from.
func (v *Version) ViewsFile() string { return filepath.Join(v.Dir, viewsFile) }

// List returns the versions of an experiment, oldest first: those of index.json and whole folders that it lacks.
//
// An experiment that was never recorded has none. notes name folders that are not listed.
func List(root, experiment string) (versions []Entry, notes []string, err error) {
	ix, notes, err := listed(root, experiment)
	if err != nil {
		return nil, nil, err
	}
	return ix.Versions, notes, nil
}

// listed is index.json with the whole folders that it lacks.
func listed(root, experiment string) (ix *index, notes []string, err error) {
	if err := CheckName(experiment); err != nil {
		return nil, nil, fmt.Errorf("experiment %w", err)
	}
	folder := filepath.Join(root, experiment)
	if ix, err = readIndex(folder, experiment); err != nil {
		return nil, nil, err
	}
	_, notes, err = ix.adopt(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return &index{Experiment: experiment}, nil, nil
	}
	return ix, notes, err
}

// latest is the name of the newest complete version.
const latest = "latest"

// Open reads a version and verifies its core. version is "v2", a tag, or "" or "latest": the newest complete one, else the newest.
//
// It returns ErrNone when there is no version at all, ErrUnknown when there are others, and a *Damaged for a file that does not match its hash.
func Open(root, experiment, version string) (*Version, error) {
	ix, _, err := listed(root, experiment)
	if err != nil {
		return nil, err
	}
	e := ix.newest()
	if e == nil {
		return nil, fmt.Errorf("experiment %q in %s: %w", experiment, root, ErrNone)
	}
	if version == "" || version == latest {
		for i := range slices.Backward(ix.Versions) {
			if ix.Versions[i].Complete {
				e = &ix.Versions[i]
				break
			}
		}
	} else if e, err = ix.resolve(version); err != nil {
		return nil, err
	}
	dir := filepath.Join(root, experiment, e.Name())
	m, err := listedManifest(dir, e)
	if err != nil {
		return nil, err
	}
	return open(dir, m)
}

// OpenDir reads the version in a folder and verifies its core, without an index.
func OpenDir(dir string) (*Version, error) {
	m, _, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	return open(dir, m)
}

func open(dir string, m *Manifest) (*Version, error) {
	files, err := readCoreFiles(dir, m)
	if err != nil {
		return nil, err
	}
	core := &Core{Manifest: *m}
	decode := func(name string, into func(raw []byte) error) {
		if err != nil {
			return
		}
		if problem := into(files[name]); problem != nil {
			err = &Damaged{Path: filepath.Join(dir, name), Why: problem.Error()}
		}
	}
	decode(cellsFile, func(raw []byte) (e error) { core.Cells, e = decodeCells(raw, m.Axes); return })
	decode(scoresTable, func(raw []byte) (e error) { core.Scores, e = decodeScores(raw); return })
	if _, drawn := files[drawsFile]; drawn {
		decode(drawsFile, func(raw []byte) error { return decodeDraws(raw, core.Scores) })
	}
	decode(curvesFile, func(raw []byte) (e error) { core.Curves, e = decodeCurves(raw); return })
	decode(countsFile, func(raw []byte) (e error) { core.Counts, e = decodeCounts(raw); return })
	if err != nil {
		return nil, err
	}
	views, err := readViews(dir)
	if err != nil {
		return nil, err
	}
	return &Version{Name: "v" + strconv.Itoa(m.Version), Dir: dir, Core: core, Views: views}, nil
}

// listedManifest reads the manifest of a version that index.json lists.
func listedManifest(dir string, e *Entry) (*Manifest, error) {
	m, hash, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	if hash != e.Manifest {
		return nil, &Damaged{Path: filepath.Join(dir, manifestFile), Why: "it does not match its hash in " + indexFile}
	}
	return m, nil
}

// readManifest reads manifest.json and returns its hash too.
func readManifest(dir string) (*Manifest, string, error) {
	path := filepath.Join(dir, manifestFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", &Damaged{Path: path, Why: "it is missing"}
	}
	if err != nil {
		return nil, "", err
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, "", &Damaged{Path: path, Why: err.Error()}
	}
	if m.Format != manifestFormat {
		return nil, "", fmt.Errorf("%s: format %d: this ehrlab reads format %d", path, m.Format, manifestFormat)
	}
	var resolved bytes.Buffer // written with indentation
	if len(m.Resolved) > 0 {
		if err := json.Compact(&resolved, m.Resolved); err != nil {
			return nil, "", &Damaged{Path: path, Why: err.Error()}
		}
		m.Resolved = resolved.Bytes()
	}
	return &m, hashOf(raw), nil
}

// readCoreFiles reads every file that the manifest lists and compares it with its hash.
func readCoreFiles(dir string, m *Manifest) (map[string][]byte, error) {
	raws := make([][]byte, len(m.Files))
	err := eachCoreFile(dir, m, func(i int, path string) (hash string, err error) {
		raws[i], err = os.ReadFile(path)
		return hashOf(raws[i]), err
	})
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(m.Files))
	for i, f := range m.Files {
		files[f.Role] = raws[i]
	}
	return files, nil
}

// compareCoreFiles compares every file that the manifest lists with its hash.
func compareCoreFiles(dir string, m *Manifest) error {
	return eachCoreFile(dir, m, func(_ int, path string) (string, error) { return hashOfFile(path) })
}

// eachCoreFile has every file that the manifest lists read by hash, on all cores, and compares what that returns. The error is of the first
// file that is not as written.
func eachCoreFile(dir string, m *Manifest, hash func(i int, path string) (string, error)) error {
	for _, name := range []string{cellsFile, scoresFile, scoresTable, curvesFile, countsFile} {
		if !slices.ContainsFunc(m.Files, func(f FileInfo) bool { return f.Role == name }) {
			return &Damaged{Path: filepath.Join(dir, manifestFile), Why: fmt.Sprintf("it does not list %s", name)}
		}
	}
	return parallel.For(context.Background(), runtime.GOMAXPROCS(0), len(m.Files), func(i int) error {
		f := &m.Files[i]
		if f.Role != filepath.Base(f.Role) {
			return &Damaged{Path: filepath.Join(dir, manifestFile), Why: fmt.Sprintf("it lists a file %q outside the version", f.Role)}
		}
		path := filepath.Join(dir, f.Role)
		switch sum, err := hash(i, path); {
		case errors.Is(err, fs.ErrNotExist):
			return &Damaged{Path: path, Why: "it is missing"}
		case err != nil:
			return err
		case sum != f.SHA256:
			return &Damaged{Path: path, Why: "it does not match its hash in " + manifestFile}
		}
		return nil
	})
}

// readViews reads views.json, which every version has.
func readViews(dir string) (Views, error) {
	path := filepath.Join(dir, viewsFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Views{}, &Damaged{Path: path, Why: "it is missing"}
	}
	if err != nil {
		return Views{}, err
	}
	var v Views
	if err := json.Unmarshal(raw, &v); err != nil {
		return Views{}, &Damaged{Path: path, Why: err.Error()}
	}
	return v, nil
}

// Verify reads a version as OpenDir does, without decoding it: it compares the files of the core with the hashes
// in the manifest, and reads the views. It returns a *Damaged that names the first file that is not as written.
func Verify(dir string) error {
	m, _, err := readManifest(dir)
	if err != nil {
		return err
	}
	if err := compareCoreFiles(dir, m); err != nil {
		return err
	}
	_, err = readViews(dir)
	return err
}
