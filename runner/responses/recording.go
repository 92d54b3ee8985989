package responses

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sync"

	"github.com/ehrlab/ehrlab/plugins"
)

// Bounds on what a recording may make its reader keep in memory, whoever wrote it.
const (
	maxBlock     = blockSize + 2*maxBody + maxHead // decompressed
	maxHead      = 1 << 20                         // the line of a record
	maxTable     = 64 << 20                        // decompressed
	maxKeptBytes = 128 << 20                       // of blocks that are kept decompressed
	maxRecords   = blockSize/100 + 1               // of a block: all but the last lie within blockSize, and no head is shorter
)

// ErrReplay is the error of a send where answers come from a recording.
var ErrReplay = errors.New("answers come from a recording: nothing is sent")

// Recording serves the answers of a recording. It is safe for concurrent use.
type Recording struct {
	path    string
	r       io.ReaderAt
	close   func() error
	blocks  []block
	records int

	mu       sync.Mutex
	kept     map[int]*decoded
	order    []int // of kept, oldest first
	keptSize int
}

var _ plugins.ResponseStore = (*Recording)(nil)

// block is where some records lie.
type block struct {
	blockHead
	offset int64
	sum    [sha256.Size]byte
}

// decoded is a block that was read.
type decoded struct {
	heads  []meta
	bodies [][]byte // of the answer and then the request, of each
	size   int
}

// OpenRecording opens a recording. It reads all of it once, to find what is damaged now and not in the middle of a run; what it
// holds is decompressed when it is asked for.
func OpenRecording(path string) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	info, err := f.Stat()
	var r *Recording
	if err == nil {
		r, err = newRecording(f, info.Size())
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open recording %s: %w", path, err), f.Close())
	}
	r.path, r.close = path, f.Close
	return r, nil
}

// newRecording reads the table of a recording.
func newRecording(in io.ReaderAt, size int64) (*Recording, error) {
	r := &Recording{r: in, kept: map[int]*decoded{}}
	head := make([]byte, headSize)
	if size < int64(headSize+footSize) {
		return nil, fmt.Errorf("it has %d bytes, which is too short: it is cut off, or no recording of ehrlab", size)
	}
	if _, err := in.ReadAt(head, 0); err != nil {
		return nil, err
	}
	want := recordingHead()
	if !bytes.Equal(head[:headSize-4], want[:headSize-4]) {
		return nil, errors.New("it is no recording of ehrlab")
	}
	if !bytes.Equal(head, want) {
		return nil, fmt.Errorf("its format is %d and this ehrlab reads format %d: use another ehrlab", binary.LittleEndian.Uint32(head[headSize-4:]), formatNumber)
	}
	table, at, err := r.readTable(size)
	if err != nil {
		return nil, err
	}
	return r, r.readHeads(table, at)
}

var errFoot = errors.New("its end is missing or damaged: it is cut off")

// readTable returns the table and where it begins.
func (r *Recording) readTable(size int64) ([]byte, int64, error) {
	foot := make([]byte, footSize)
	if _, err := r.r.ReadAt(foot, size-int64(footSize)); err != nil {
		return nil, 0, err
	}
	compressed, raw := binary.LittleEndian.Uint64(foot[8:]), binary.LittleEndian.Uint64(foot[16:])
	if binary.LittleEndian.Uint32(foot) != skippable || binary.LittleEndian.Uint32(foot[4:]) != uint32(footSize-8) {
		return nil, 0, errFoot
	}
	at := size - int64(footSize) - int64(min(compressed, uint64(size)))
	if at < int64(headSize) || compressed > maxTable || raw > maxTable {
		return nil, 0, errFoot
	}
	b := make([]byte, compressed)
	if _, err := r.r.ReadAt(b, at); err != nil {
		return nil, 0, err
	}
	if sum := sha256.Sum256(b); !bytes.Equal(sum[:], foot[24:]) {
		return nil, 0, errors.New("its table is damaged")
	}
	table, err := decompress(b, int(raw))
	if err != nil {
		return nil, 0, fmt.Errorf("its table is damaged: %w", err)
	}
	return table, at, nil
}

// readHeads takes in the lines of the table. Blocks follow each other from the head of the file to the table.
func (r *Recording) readHeads(table []byte, end int64) error {
	at := int64(headSize)
	for i := 1; len(table) > 0; i++ {
		line, rest, whole := bytes.Cut(table, []byte{'\n'})
		table = rest
		b := block{offset: at}
		sum, err := decodeHead(line, &b.blockHead)
		switch {
		case !whole || err != nil:
			return fmt.Errorf("line %d of its table is no line of one", i)
		case b.Size < 1 || b.Size > end-at || b.Raw < 1 || b.Raw > maxBlock || b.Records < 1 || b.Records > maxRecords:
			return fmt.Errorf("line %d of its table has impossible sizes", i)
		case len(r.blocks) > 0 && b.First <= r.blocks[len(r.blocks)-1].First:
			return fmt.Errorf("line %d of its table is out of order", i)
		}
		copy(b.sum[:], sum)
		r.blocks = append(r.blocks, b)
		r.records += b.Records
		at += b.Size
	}
	if at != end {
		return fmt.Errorf("its table tells of %d bytes and there are %d", at, end)
	}
	return nil
}

func decodeHead(line []byte, h *blockHead) ([]byte, error) {
	if err := json.Unmarshal(line, h); err != nil {
		return nil, err
	}
	sum, err := hex.DecodeString(h.Hash)
	if err == nil && len(sum) != sha256.Size {
		err = errors.New("a hash has another length")
	}
	return sum, errors.Join(err, checkKey(h.First))
}

// check reads all blocks and compares their hashes.
func (r *Recording) check() error {
	buf := make([]byte, 256<<10)
	for i, b := range r.blocks {
		h := sha256.New()
		if _, err := io.CopyBuffer(h, io.NewSectionReader(r.r, b.offset, b.Size), buf); err != nil {
			return err
		}
		if !bytes.Equal(h.Sum(nil), b.sum[:]) {
			return r.damaged(i, errors.New("its hash is another"))
		}
	}
	return nil
}

func (r *Recording) damaged(i int, reason error) error {
	return fmt.Errorf("block %d of %d (byte %d) is damaged: %w", i+1, len(r.blocks), r.blocks[i].offset, reason)
}

// Close closes the file.
func (r *Recording) Close() error { return r.close() }

// Len is the number of answers, evidence of refusals among them.
func (r *Recording) Len() int { return r.records }

// Answer returns the recorded answer of a key, or nil when there is none.
func (r *Recording) Answer(key string) (*plugins.Answer, error) {
	rec, err := r.Record(key)
	if rec == nil || err != nil {
		return nil, err
	}
	return &rec.Answer, nil
}

// Record returns the recorded answer of a key with what it answers, or nil when there is none.
func (r *Recording) Record(key string) (*Record, error) {
	i, found := slices.BinarySearchFunc(r.blocks, key, func(b block, key string) int { return cmp.Compare(b.First, key) })
	if !found {
		i--
	}
	if i < 0 {
		return nil, nil
	}
	d, err := r.block(i)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", r.path, err)
	}
	n, found := slices.BinarySearchFunc(d.heads, key, func(m meta, key string) int { return cmp.Compare(m.Key, key) })
	if !found {
		return nil, nil
	}
	return d.heads[n].record(key, bytes.Clone(d.bodies[n])), nil
}

// Records returns all records, in order of their keys. It ends with the first error.
func (r *Recording) Records() iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		for i := range r.blocks {
			d, err := r.block(i)
			if err != nil {
				yield(nil, fmt.Errorf("recording %s: %w", r.path, err))
				return
			}
			for n := range d.heads {
				if !yield(d.heads[n].record(d.heads[n].Key, bytes.Clone(d.bodies[n])), nil) {
					return
				}
			}
		}
	}
}

// block returns a block, from memory when it was read lately. One is read at a time: that bounds the memory.
func (r *Recording) block(i int) (*decoded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.kept[i]; d != nil {
		return d, nil
	}
	d, err := r.readBlock(i)
	if err != nil {
		return nil, r.damaged(i, err)
	}
	r.kept[i] = d
	r.order = append(r.order, i)
	r.keptSize += d.size
	for r.keptSize > maxKeptBytes && len(r.order) > 1 {
		r.keptSize -= r.kept[r.order[0]].size
		delete(r.kept, r.order[0])
		r.order = r.order[1:]
	}
	return d, nil
}

func (r *Recording) readBlock(i int) (*decoded, error) {
	b := &r.blocks[i]
	packed := make([]byte, b.Size)
	if _, err := r.r.ReadAt(packed, b.offset); err != nil {
		return nil, err
	}
	if sha256.Sum256(packed) != b.sum {
		return nil, errors.New("its hash is another")
	}
	raw, err := decompress(packed, b.Raw)
	if err != nil {
		return nil, err
	}
	d := &decoded{size: b.Raw}
	last := ""
	for len(raw) > 0 && len(d.heads) < b.Records {
		m, bodies, rest, err := cutRecord(raw)
		if err == nil && (m.Key <= last || last == "" && m.Key != b.First || i+1 < len(r.blocks) && m.Key >= r.blocks[i+1].First) {
			err = errors.New("its key is out of order")
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", len(d.heads)+1, err)
		}
		d.heads, d.bodies = append(d.heads, *m), append(d.bodies, bodies)
		raw, last = rest, m.Key
	}
	if len(d.heads) != b.Records || len(raw) > 0 {
		return nil, fmt.Errorf("it does not hold %d records", b.Records)
	}
	return d, nil
}

// cutRecord takes the first record off a block. bodies shares the memory of raw, whose newline between them it takes out.
func cutRecord(raw []byte) (m *meta, bodies, rest []byte, err error) {
	head, rest, whole := bytes.Cut(raw, []byte{'\n'})
	m = new(meta)
	if !whole || len(head) > maxHead || json.Unmarshal(head, m) != nil {
		return nil, nil, nil, errors.New("it has no head")
	}
	if err := errors.Join(m.check(), checkKey(m.Key)); err != nil {
		return nil, nil, nil, err
	}
	end := m.BodySize + 1
	if m.RequestSize > 0 {
		end += m.RequestSize + 1
	}
	if end > len(rest) || rest[m.BodySize] != '\n' || rest[end-1] != '\n' {
		return nil, nil, nil, errSizes
	}
	bodies = rest[:m.BodySize]
	if m.RequestSize > 0 {
		bodies = append(bodies, rest[m.BodySize+1:end-1]...)
	}
	return m, bodies, rest[end:], nil
}

// Intend fails: a replay sends nothing.
func (r *Recording) Intend(plugins.Send) (string, error) { return "", ErrReplay }

// Settle fails: a replay sends nothing.
func (r *Recording) Settle(string, plugins.Settlement) error { return ErrReplay }

// Sends has none to tell of: a recording holds answers, and no journal.
func (r *Recording) Sends(string, func(plugins.Send, *plugins.Settlement, bool) error) error {
	return nil
}
