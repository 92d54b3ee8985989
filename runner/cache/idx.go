package cache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// An idx file repeats the heads of a pack's frames, so that opening a cache need not read the outputs. It
// is never trusted over the pack: a block that is not whole ends it, and from there the pack is read. It
// is a preamble and blocks; a block covers a stretch of the pack and is laid out, little-endian, as
//
//	magic u32 · body length u32 · salt u64 · from u64 · to u64 · CRC-32C of the 32 bytes before and the body u32
//	body, for each frame: type u8 · head length u16 · size u32 · offset u64 · head
const (
	idxPreamble  = "ehrlab index 1\n\x00"
	idxMagic     = 0x49726865 // "ehrI"
	idxHeader    = 36
	idxItem      = 15
	idxEntry     = idxItem + entryHeadFixed + 20 // an entry with names of usual length
	idxBlockSize = 1 << 20                       // about; longer indices are several blocks
)

// item is what an idx file says of a frame.
type item struct {
	kind   byte
	offset int64
	size   int
	head   []byte
}

func (f *frame) item() item { return item{f.kind, f.offset, f.size, f.head} }

func appendItem(b []byte, it item) []byte {
	b = append(b, it.kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(it.head)))
	b = binary.LittleEndian.AppendUint32(b, uint32(it.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(it.offset))
	return append(b, it.head...)
}

// newBlock returns a block without items.
func newBlock(room int) []byte { return make([]byte, idxHeader, idxHeader+room) }

// sealBlock finishes a block that covers a stretch of a pack.
func sealBlock(b []byte, salt uint64, from, to int64) {
	binary.LittleEndian.PutUint32(b, idxMagic)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-idxHeader))
	binary.LittleEndian.PutUint64(b[8:], salt)
	binary.LittleEndian.PutUint64(b[16:], uint64(from))
	binary.LittleEndian.PutUint64(b[24:], uint64(to))
	binary.LittleEndian.PutUint32(b[32:], blockSum(b))
}

func blockSum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:32], castagnoli), castagnoli, b[idxHeader:])
}

// readIdx calls visit for each frame that the idx file of a pack lists, as far as it is whole and follows
// from the pack. It returns how far into the pack and into the idx file that is.
func (c *Cache) readIdx(p *pack, visit func(item)) (covered, end int64, err error) {
	covered = int64(len(packPreamble))
	f, err := c.fs.OpenFile(c.idxPath(p.id), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return covered, 0, nil
	}
	if err != nil {
		return covered, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return covered, 0, err
	}
	w := window{r: f, end: info.Size()}
	if b, err := w.at(0, len(idxPreamble)); err != nil || string(b) != idxPreamble {
		return covered, 0, err
	}
	end = int64(len(idxPreamble))
	for {
		to, n, err := readBlock(&w, end, p, covered, visit)
		if n == 0 || err != nil {
			return covered, end, err
		}
		covered, end = to, end+n
	}
}

// readBlock reads the block at an offset of an idx file. n is its length, 0 when there is no valid one.
func readBlock(w *window, offset int64, p *pack, from int64, visit func(item)) (to, n int64, err error) {
	b, err := w.at(offset, idxHeader)
	if err != nil || len(b) < idxHeader || binary.LittleEndian.Uint32(b) != idxMagic {
		return 0, 0, err
	}
	n = idxHeader + int64(binary.LittleEndian.Uint32(b[4:]))
	to = int64(binary.LittleEndian.Uint64(b[24:]))
	if binary.LittleEndian.Uint64(b[8:]) != p.salt || int64(binary.LittleEndian.Uint64(b[16:])) != from ||
		to < from || to > p.size || offset+n > w.end {
		return 0, 0, nil
	}
	if b, err = w.at(offset, int(n)); err != nil || int64(len(b)) < n || binary.LittleEndian.Uint32(b[32:]) != blockSum(b) {
		return 0, 0, err
	}
	for b = b[idxHeader:]; len(b) >= idxItem; {
		head := int(binary.LittleEndian.Uint16(b[1:]))
		if len(b) < idxItem+head {
			break
		}
		visit(item{
			kind:   b[0],
			size:   int(binary.LittleEndian.Uint32(b[3:])),
			offset: int64(binary.LittleEndian.Uint64(b[7:])),
			head:   b[idxItem : idxItem+head],
		})
		b = b[idxItem+head:]
	}
	return to, n, nil
}

// idxWriter writes an idx file block by block.
type idxWriter struct {
	w    io.Writer
	salt uint64
	from int64 // where the current block begins to cover the pack
	buf  []byte
}

// add lists a frame.
func (x *idxWriter) add(it item) error {
	if x.buf == nil {
		x.buf = newBlock(4096)
	}
	x.buf = appendItem(x.buf, it)
	if len(x.buf) < idxBlockSize {
		return nil
	}
	return x.cut(it.offset + int64(it.size))
}

// cut ends the current block, which covers the pack up to an offset.
func (x *idxWriter) cut(to int64) error {
	if len(x.buf) <= idxHeader {
		return nil
	}
	sealBlock(x.buf, x.salt, x.from, to)
	err := writeAll(x.w, x.buf)
	x.buf, x.from = x.buf[:idxHeader], to
	return err
}

// extendIdx replaces the idx file of a pack by one that covers all of it. The process that writes the pack
// may go on with the old file, which is then forgotten: the pack has everything.
func (c *Cache) extendIdx(p *pack, r io.ReaderAt, covered, idxEnd, size int64) error {
	temp := filepath.Join(c.dir, "packs", tempPrefix+randomName())
	err := c.writeExtended(temp, p, r, covered, idxEnd, size)
	if err == nil {
		err = c.fs.Rename(temp, c.idxPath(p.id))
	}
	if err != nil {
		return errors.Join(err, c.removeQuietly(temp))
	}
	return nil
}

func (c *Cache) writeExtended(temp string, p *pack, r io.ReaderAt, covered, idxEnd, size int64) (err error) {
	f, err := c.fs.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := c.copyIdx(f, p, idxEnd); err != nil {
		return err
	}
	x := idxWriter{w: f, salt: p.salt, from: covered}
	next, _, err := scan(r, p.salt, covered, size, func(fr frame) error { return x.add(fr.item()) })
	if err != nil {
		return err
	}
	return x.cut(next)
}

// copyIdx copies the valid beginning of the old idx file, or starts a new one.
func (c *Cache) copyIdx(to io.Writer, p *pack, end int64) error {
	if end == 0 {
		return writeAll(to, []byte(idxPreamble))
	}
	old, err := c.fs.OpenFile(c.idxPath(p.id), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer old.Close()
	n, err := io.Copy(to, io.NewSectionReader(old, 0, end))
	if err == nil && n < end {
		err = io.ErrUnexpectedEOF
	}
	return err
}
