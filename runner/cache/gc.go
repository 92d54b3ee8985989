package cache

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// GCOptions say what GC removes.
type GCOptions struct {
	MaxBytes int64          // remove the oldest entries until the cache takes no more; 0: no bound
	MaxAge   time.Duration  // remove entries that were made longer ago; 0: no bound
	Keep     func(Key) bool // entries to keep, with all that their recipes name as inputs; nil: none
	DryRun   bool           // report only
}

// GCReport says what GC did, or would do.
type GCReport struct {
	Entries   int   `json:"entries"`      // before
	Removed   int   `json:"removed"`      // of them
	Protected int   `json:"protected"`    // of them kept by Keep or as an input of such an entry
	Damaged   int   `json:"damaged"`      // entries that turned out to be damaged, and were set aside
	Before    int64 `json:"bytes_before"` // bytes on disk
	After     int64 `json:"bytes_after"`  // bytes on disk; of a dry run an estimate
	Over      bool  `json:"over"`         // what is protected alone takes more than MaxBytes
}

// damagedAge is how long GC leaves what was set aside, so that somebody can look at it.
const damagedAge = 30 * 24 * time.Hour

// GC removes entries by age and then the oldest until the cache is small enough, rewrites the packs that
// held them, and removes large outputs, unfinished files and damaged entries that nothing refers to.
//
// It returns ErrInUse when another process has the cache open for writing, and an error where the file
// system has no locks. Where there is no cache, and Open has made none, it does nothing. A crash at any moment leaves every entry that is kept.
func (c *Cache) GC(ctx context.Context, opt GCOptions) (GCReport, error) {
	switch {
	case c.closed.Load():
		return GCReport{}, ErrClosed
	case c.absent:
		return GCReport{}, nil
	case opt.DryRun:
		if err := c.Refresh(); err != nil {
			return GCReport{}, err
		}
		s, err := c.choose(ctx, opt)
		return s.report, err
	case c.readOnly:
		return GCReport{}, ErrReadOnly
	}
	c.refreshing.Lock()
	defer c.refreshing.Unlock()
	c.puts.Lock()
	defer c.puts.Unlock()
	if err := c.leavePack(); err != nil {
		return GCReport{}, err
	}
	if err := c.lockExclusive(); err != nil {
		return GCReport{}, errors.Join(err, c.lockShared())
	}
	report, err := c.collect(ctx, opt)
	return report, errors.Join(err, c.unlock(), c.lockShared())
}

// collect does the work of GC while no one else writes.
func (c *Cache) collect(ctx context.Context, opt GCOptions) (GCReport, error) {
	if err := c.reload(); err != nil { // other processes may have written until now
		return GCReport{}, err
	}
	s, err := c.choose(ctx, opt)
	if err != nil {
		return s.report, err
	}
	err = c.compact(ctx, s)
	if err == nil {
		err = c.sweep(s)
	}
	if rerr := c.reload(); rerr != nil {
		return s.report, errors.Join(err, rerr)
	}
	if err == nil {
		s.report.After, err = c.diskUse()
	}
	return s.report, err
}

// reload replaces the index by what is on disk.
func (c *Cache) reload() error {
	x, err := c.load()
	if err != nil {
		return err
	}
	c.mu.Lock()
	old := c.index
	c.index = x
	c.mu.Unlock()
	c.retirePacks(old)
	return nil
}

// selection is what a GC keeps.
type selection struct {
	report  GCReport
	records []record // oldest first
	packs   []*pack
	kinds   []kind
	objects map[sum]int64 // sizes of the objects of kept entries
	memos   map[[2]uint64]memoAt
}

// choose decides what to keep and changes nothing.
func (c *Cache) choose(ctx context.Context, opt GCOptions) (*selection, error) {
	c.mu.RLock()
	s := &selection{
		records: c.index.sorted(), packs: c.index.packs, kinds: c.index.kinds,
		memos: make(map[[2]uint64]memoAt, len(c.index.memos)), objects: map[sum]int64{},
	}
	for k, m := range c.index.memos {
		s.memos[k] = m
	}
	c.mu.RUnlock()
	s.report.Entries = len(s.records)
	var err error
	if s.report.Before, err = c.diskUse(); err != nil {
		return s, err
	}
	protected, err := c.protect(ctx, s.records, opt.Keep)
	if err != nil {
		return s, err
	}
	s.report.Protected = len(protected)
	if opt.MaxAge > 0 {
		oldest := c.now().Add(-opt.MaxAge).UnixNano()
		s.remove(func(r *record) bool { return r.created < oldest && !protected[r.key] })
	}
	stored, err := c.objectsOf(ctx, s)
	if err != nil {
		return s, err
	}
	s.shrink(opt.MaxBytes, protected, stored)
	s.report.Removed = s.report.Entries - len(s.records)
	return s, nil
}

// protect returns the keys of entries that must stay: those that keep names, and what they were made from.
func (c *Cache) protect(ctx context.Context, records []record, keep func(Key) bool) (map[sum]bool, error) {
	protected := map[sum]bool{}
	if keep == nil {
		return protected, nil
	}
	var next []sum
	reach := func(k sum) {
		if !protected[k] {
			protected[k] = true
			next = append(next, k)
		}
	}
	for i := range records {
		if keep(Key(hexOf(records[i].key))) {
			reach(records[i].key)
		}
	}
	for len(next) > 0 {
		k := next[len(next)-1]
		next = next[:len(next)-1]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		inputs, err := c.inputsOf(k)
		if err != nil {
			return nil, err
		}
		for _, in := range inputs {
			reach(in)
		}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for k := range protected {
		if c.index.find(&k) == nil {
			delete(protected, k) // named as an input, and no longer stored
		}
	}
	return protected, nil
}

// inputsOf returns the keys that an entry was made from. One that is absent or damaged names none.
func (c *Cache) inputsOf(k sum) ([]sum, error) {
	s, err := c.peek(k)
	if s == nil || err != nil {
		return nil, err
	}
	r, err := s.parseRecipe()
	if err != nil {
		return nil, err
	}
	var out []sum
	for _, in := range r.Inputs {
		if k, ok := parseSum(string(in.Key)); ok {
			out = append(out, k)
		}
	}
	return out, nil
}

// peek reads the frame of an entry. It returns nil when the entry is absent or damaged, and leaves it as it is.
func (c *Cache) peek(k sum) (*stored, error) {
	l, err := c.locate(Key(hexOf(k)))
	if errors.Is(err, ErrMiss) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := c.readFrame(&l)
	if err != nil && isDamage(err) {
		return nil, nil
	}
	return s, err
}

// objectsOf returns the stored hash of each entry whose output is an object.
func (c *Cache) objectsOf(ctx context.Context, s *selection) (map[sum]sum, error) {
	stored := map[sum]sum{}
	for i := range s.records {
		r := &s.records[i]
		if !r.external {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := c.peek(r.key)
		if err != nil {
			return nil, err
		}
		if f != nil {
			stored[r.key] = f.head.stored
		}
	}
	return stored, nil
}

// remove drops records.
func (s *selection) remove(drop func(*record) bool) {
	kept := s.records[:0]
	for i := range s.records {
		if !drop(&s.records[i]) {
			kept = append(kept, s.records[i])
		}
	}
	s.records = kept
}

// shrink drops the oldest records until what is left takes no more than limit bytes, 0 for no limit.
func (s *selection) shrink(limit int64, protected map[sum]bool, stored map[sum]sum) {
	users := map[sum]int{}
	var total int64
	for i := range s.records {
		r := &s.records[i]
		total += int64(r.frame) + idxEntry
		if o, ok := stored[r.key]; ok {
			if users[o]++; users[o] == 1 {
				total += r.size
				s.objects[o] = r.size
			}
		}
	}
	s.remove(func(r *record) bool {
		if limit <= 0 || total <= limit || protected[r.key] {
			return false
		}
		total -= int64(r.frame) + idxEntry
		if o, ok := stored[r.key]; ok {
			if users[o]--; users[o] == 0 {
				total -= r.size
				delete(s.objects, o)
			}
		}
		return true
	})
	s.report.After = total
	s.report.Over = limit > 0 && total > limit
}

// sweep removes files that no kept entry refers to. It comes after the packs that referred to them are gone.
func (c *Cache) sweep(s *selection) error {
	old := c.now().Add(-damagedAge)
	return c.eachFile(func(folder, path string, info fs.FileInfo) error {
		name := filepath.Base(path)
		drop := strings.HasPrefix(name, tempPrefix) // every process that could go on with it would hold the lock
		switch folder {
		case "damaged":
			drop = drop || info.ModTime().Before(old)
		case "packs":
			id, idx := strings.CutSuffix(name, ".idx")
			drop = drop || idx && c.packIsGone(&pack{id: id})
		case "objects":
			k, ok := parseSum(name)
			_, used := s.objects[k]
			drop = drop || ok && !used
		}
		if !drop {
			return nil
		}
		return c.removeQuietly(path)
	})
}

// diskUse is the size in bytes of all files of the cache.
func (c *Cache) diskUse() (int64, error) {
	var total int64
	err := c.eachFile(func(_, _ string, info fs.FileInfo) error {
		total += info.Size()
		return nil
	})
	return total, err
}

// eachFile visits the files of the cache, and names the folder of the cache that each belongs to.
func (c *Cache) eachFile(visit func(folder, path string, info fs.FileInfo) error) error {
	for _, folder := range []string{".", "packs", "damaged", rootsFolder} {
		if _, err := c.eachIn(folder, filepath.Join(c.dir, folder), visit); err != nil {
			return err
		}
	}
	shelves, err := c.eachIn("objects", filepath.Join(c.dir, "objects"), visit)
	for _, shelf := range shelves {
		if err == nil {
			_, err = c.eachIn("objects", shelf, visit)
		}
	}
	return err
}

// eachIn visits the files in one folder, if it exists, and returns the folders in it.
func (c *Cache) eachIn(folder, dir string, visit func(folder, path string, info fs.FileInfo) error) (folders []string, err error) {
	files, err := c.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		if f.IsDir() {
			folders = append(folders, path)
			continue
		}
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since the folder was read
		}
		if err != nil {
			return nil, err
		}
		if err := visit(folder, path, info); err != nil {
			return nil, err
		}
	}
	return folders, nil
}
