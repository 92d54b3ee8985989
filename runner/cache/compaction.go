package cache

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// smallPack is the size in bytes below which packs are put together: each run leaves one.
const smallPack = 16 << 20

// compact rewrites the packs that hold something that is not kept. New packs are complete and durable
// before old ones go: until then entries are there twice, which is harmless.
func (c *Cache) compact(ctx context.Context, s *selection) error {
	old := s.stale()
	if len(old) == 0 {
		return nil
	}
	if err := c.rewrite(ctx, s, old); err != nil {
		return err
	}
	for at := range s.packs {
		if !old[uint32(at)] {
			continue
		}
		id := s.packs[at].id
		if err := errors.Join(c.removeQuietly(c.packPath(id)), c.removeQuietly(c.idxPath(id))); err != nil {
			return err
		}
	}
	return c.fs.SyncDir(filepath.Join(c.dir, "packs"))
}

// stale returns the packs to rewrite: those that hold more than what is kept, and small ones if there are
// several. Without anything to keep in them, they just go.
func (s *selection) stale() map[uint32]bool {
	kept := make([]int64, len(s.packs))
	for i := range kept {
		kept[i] = int64(len(packPreamble))
	}
	for i := range s.records {
		kept[s.records[i].pack] += int64(s.records[i].frame)
	}
	for _, m := range s.memos {
		if m.pack != noPack {
			kept[m.pack] += memoFrame
		}
	}
	old := map[uint32]bool{}
	var small []uint32
	for at, p := range s.packs {
		switch {
		case p.size != kept[at] || kept[at] == int64(len(packPreamble)):
			old[uint32(at)] = true
		case p.size < smallPack:
			small = append(small, uint32(at))
		}
	}
	if len(small)+len(old) > 1 {
		for _, at := range small {
			old[at] = true
		}
	}
	return old
}

const memoFrame = frameHeader + memoSize // a multiple of frameAlign

// rewrite copies what is kept of some packs to new ones.
func (c *Cache) rewrite(ctx context.Context, s *selection, old map[uint32]bool) (err error) {
	w := &packWriter{c: c}
	defer func() { err = errors.Join(err, w.abandon()) }()
	records := slices.Clone(s.records)
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.pack, b.pack), cmp.Compare(a.offset, b.offset))
	})
	for i := range records {
		r := &records[i]
		if !old[r.pack] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.copyRecord(s, r); err != nil {
			return err
		}
	}
	if err := w.addMemos(s.memos, old); err != nil {
		return err
	}
	return w.finish()
}

// copyRecord copies the frame of a record. One that is damaged is set aside instead.
func (w *packWriter) copyRecord(s *selection, r *record) error {
	l := located{*r, s.packs[r.pack], s.kinds[r.kind]}
	b := make([]byte, r.frame)
	err := w.c.readPack(l.pack, b, l.offset)
	var f frame
	if err == nil {
		f, err = parseFrame(b, l.pack.salt, l.offset)
	}
	switch {
	case err == nil:
		return w.add(&write{bytes: b, item: f.item()})
	case isDamage(err):
		s.report.Damaged++
		return w.c.moveAside(&l, err)
	}
	return err
}

// packWriter writes packs that appear only when they are complete.
type packWriter struct {
	c    *Cache
	temp string // path of the unfinished pack; empty: none
	file File
	pack *pack
	size int64
	buf  []byte
	idx  idxWriter
	list bytes.Buffer // the idx file
}

// add appends a frame.
func (w *packWriter) add(f *write) error {
	if w.temp != "" && w.size >= packSize {
		if err := w.finish(); err != nil {
			return err
		}
	}
	if w.temp == "" {
		if err := w.begin(); err != nil {
			return err
		}
	}
	f.item.offset = w.size
	seal(f.bytes, w.pack.salt, w.size)
	w.buf = append(w.buf, f.bytes...)
	w.size += int64(len(f.bytes))
	if err := w.idx.add(f.item); err != nil {
		return err
	}
	if len(w.buf) < windowSize {
		return nil
	}
	return w.flush()
}

// addMemos appends the memos that old packs hold, in a fixed order.
func (w *packWriter) addMemos(memos map[[2]uint64]memoAt, old map[uint32]bool) error {
	var kept []memo
	for _, m := range memos {
		if m.pack != noPack && old[m.pack] {
			kept = append(kept, m.memo)
		}
	}
	slices.SortFunc(kept, func(a, b memo) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.inode, b.inode))
	})
	for _, m := range kept {
		if err := w.add(newWrite(typeMemo, m.encode(), nil, nil)); err != nil {
			return err
		}
	}
	return nil
}

func (w *packWriter) begin() error {
	p := &pack{salt: randomSalt()}
	p.id = packID(w.c.now(), p.salt)
	temp := filepath.Join(w.c.dir, "packs", tempPrefix+p.id)
	f, err := w.c.fs.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	w.temp, w.file, w.pack = temp, f, p
	w.buf = append(w.buf[:0], packPreamble...)
	w.size = int64(len(packPreamble))
	w.list.Reset()
	w.list.WriteString(idxPreamble)
	w.idx = idxWriter{w: &w.list, salt: p.salt, from: w.size}
	return nil
}

func (w *packWriter) flush() error {
	err := writeAll(w.file, w.buf)
	w.buf = w.buf[:0]
	return err
}

// finish makes the pack durable and gives it its name.
func (w *packWriter) finish() error {
	if w.temp == "" {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.idx.cut(w.size); err != nil {
		return err
	}
	err := w.file.Sync()
	if err = errors.Join(err, w.file.Close()); err != nil {
		return errors.Join(err, w.discard())
	}
	// The idx file first: a pack without it is whole, only slower to open.
	if err := w.c.writeFile(w.c.idxPath(w.pack.id), w.list.Bytes()); err != nil {
		return errors.Join(err, w.discard())
	}
	if err := w.c.fs.Rename(w.temp, w.c.packPath(w.pack.id)); err != nil {
		return errors.Join(err, w.discard())
	}
	w.temp = ""
	return w.c.fs.SyncDir(filepath.Join(w.c.dir, "packs"))
}

// discard removes the unfinished pack, whose file is closed.
func (w *packWriter) discard() error {
	err := w.c.removeQuietly(w.temp)
	w.temp = ""
	return err
}

// abandon removes an unfinished pack after an error.
func (w *packWriter) abandon() error {
	if w.temp == "" {
		return nil
	}
	w.file.Close() // the error that brought us here says more
	return w.discard()
}
