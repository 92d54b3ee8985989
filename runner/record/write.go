package record

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/gofrs/flock"
)

// Written is the version that holds the results after Write.
type Written struct {
	Name  string // e.g. "v3"
	Dir   string
	New   bool     // false: a version holds equal results already
	Notes []string // what was found and mended, or left, in the experiment's folder
}

// Write records results as a version of core.Manifest.Experiment under root, or finds that a version
// holds the same: equal cells, scores, curves, counts and resolved experiment make no new version, but views
// replace that version's.
//
// The version appears whole or not at all, then index.json lists it; a process that is stopped between the two
// leaves a version that the next Write adopts. Writers in several processes take turns. Version, Format and
// Files of the manifest are set by Write, in a copy.
func Write(root string, core *Core, views Views) (Written, error) {
	return disk{}.record(root, core, views)
}

func (d disk) record(root string, core *Core, views Views) (Written, error) {
	if err := check(core); err != nil {
		return Written{}, err
	}
	p, err := pack(core, views)
	if err != nil {
		return Written{}, err
	}
	folder := filepath.Join(root, core.Manifest.Experiment)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return Written{}, err
	}
	lock := flock.New(filepath.Join(folder, ".lock"))
	if err := lock.Lock(); err != nil {
		return Written{}, fmt.Errorf("lock %s: %w", folder, err)
	}
	defer lock.Close()
	return d.recordLocked(folder, p)
}

func (d disk) recordLocked(folder string, p *packed) (Written, error) {
	if err := removeUnfinished(folder); err != nil {
		return Written{}, err
	}
	ix, err := readIndex(folder, p.manifest.Experiment)
	if err != nil {
		return Written{}, err
	}
	adopted, notes, err := ix.adopt(folder)
	if err != nil {
		return Written{}, err
	}
	if adopted > 0 {
		if err := d.writeIndex(folder, ix); err != nil {
			return Written{}, err
		}
	}
	for i := range slices.Backward(ix.Versions) {
		e := &ix.Versions[i]
		if e.Resolved != p.manifest.ResolvedHash || e.Scores != p.scores {
			continue
		}
		dir := filepath.Join(folder, e.Name())
		problem := intact(dir, e)
		if problem == nil {
			return Written{Name: e.Name(), Dir: dir, Notes: notes}, d.replaceViews(dir, p.views)
		}
		notes = append(notes, fmt.Sprintf("%s has equal results, but %v", e.Name(), problem))
	}
	e, err := d.writeVersion(folder, ix, p)
	if err != nil {
		return Written{}, err
	}
	ix.Versions = append(ix.Versions, *e)
	if err := d.writeIndex(folder, ix); err != nil {
		return Written{}, err
	}
	return Written{Name: e.Name(), Dir: filepath.Join(folder, e.Name()), New: true, Notes: notes}, nil
}

// Check reports what Write refuses to record.
func Check(core *Core) error { return check(core) }

// check reports what must not be recorded.
func check(core *Core) error {
	m := &core.Manifest
	if err := CheckName(m.Experiment); err != nil {
		return fmt.Errorf("experiment %w", err)
	}
	cells := make(map[string]bool, len(core.Cells))
	for i := range core.Cells {
		c := &core.Cells[i]
		if cells[c.ID] {
			return fmt.Errorf("two cells have the id %q", c.ID)
		}
		cells[c.ID] = true
		if c.Status != CellOK && c.Status != CellFailed && c.Status != CellExcluded && c.Status != CellNotEstimable {
			return fmt.Errorf("cell %s: status %q: want ok, failed or excluded", c.ID, c.Status)
		}
	}
	for i := range core.Scores {
		s := &core.Scores[i]
		if !cells[s.Cell] {
			return fmt.Errorf("score %s.%s belongs to a cell %q that is not recorded", s.Metric, s.Name, s.Cell)
		}
		if err := cmp.Or(checkScore(s), checkDraws(s)); err != nil {
			return err
		}
	}
	for i := range core.Curves {
		if err := checkCurve(&core.Curves[i]); err != nil {
			return err
		}
	}
	return nil
}

// packed is a version ready to be written, but for its number.
type packed struct {
	manifest Manifest
	files    []file // of the core, the manifest aside
	views    []byte
	scores   string // hash of the results
}

type file struct {
	name string
	data []byte
}

func pack(core *Core, views Views) (*packed, error) {
	scores := sortScores(core)
	cells, err := encodeCells(core.Manifest.Axes, core.Cells)
	if err != nil {
		return nil, err
	}
	scoresCSV, err := encodeScoresCSV(core, scores)
	if err != nil {
		return nil, err
	}
	scoresParquet, err := encodeParquet(scoresFrame(core, scores))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", scoresTable, err)
	}
	curves, err := encodeParquet(curvesFrame(core.Curves))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", curvesFile, err)
	}
	draws, err := encodeParquet(drawsFrame(scores))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", drawsFile, err)
	}
	counts, err := encodeCounts(core.Counts)
	if err != nil {
		return nil, err
	}
	p := &packed{manifest: core.Manifest, scores: resultsHash(cells, scoresCSV, counts, core.Curves)}
	p.files = []file{{cellsFile, cells}, {scoresFile, scoresCSV}, {scoresTable, scoresParquet}, {drawsFile, draws}, {curvesFile, curves}, {countsFile, counts}}
	p.manifest.Format = manifestFormat
	p.manifest.Started, p.manifest.Finished = p.manifest.Started.UTC(), p.manifest.Finished.UTC()
	p.manifest.Files = nil
	for _, f := range p.files {
		p.manifest.Files = append(p.manifest.Files, FileInfo{Role: f.name, Bytes: int64(len(f.data)), SHA256: hashOf(f.data)})
	}
	p.views, err = encodeJSON(views)
	return p, err
}

// writeVersion writes a version folder beside its place and moves it there. The number is the first that neither
// index.json nor a folder has; where a writer that the lock did not stop took it meanwhile, the next one.
func (d disk) writeVersion(folder string, ix *index, p *packed) (*Entry, error) {
	number := 1
	if newest := ix.newest(); newest != nil {
		number = newest.Version + 1
	}
	taken, err := versionFolders(folder)
	if err != nil {
		return nil, err
	}
	if len(taken) > 0 {
		number = max(number, taken[len(taken)-1]+1)
	}
	temporary := filepath.Join(folder, temporaryPrefix+rand.Text())
	if err := os.Mkdir(temporary, 0o777); err != nil {
		return nil, err
	}
	defer os.RemoveAll(temporary) // no longer there when all went well
	for _, f := range append(slices.Clone(p.files), file{viewsFile, p.views}) {
		if err := d.create(filepath.Join(temporary, f.name), f.data); err != nil {
			return nil, err
		}
	}
	for ; ; number++ {
		m := p.manifest
		m.Version = number
		manifest, err := encodeJSON(&m)
		if err != nil {
			return nil, err
		}
		if err := d.replace(filepath.Join(temporary, manifestFile), manifest); err != nil {
			return nil, err
		}
		err = d.rename(temporary, filepath.Join(folder, "v"+strconv.Itoa(number)))
		if err == nil {
			return entry(&m, p.scores, hashOf(manifest)), nil
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			return nil, err
		}
	}
}

func (d disk) writeIndex(folder string, ix *index) error {
	raw, err := ix.encode()
	if err != nil {
		return err
	}
	return d.replace(filepath.Join(folder, indexFile), raw)
}

// intact reports what is wrong with a version that index.json lists.
func intact(dir string, e *Entry) error {
	m, err := listedManifest(dir, e)
	if err != nil {
		return err
	}
	return compareCoreFiles(dir, m)
}

func (d disk) replaceViews(dir string, views []byte) error {
	path := filepath.Join(dir, viewsFile)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, views) {
		return nil
	}
	return d.replace(path, views)
}
