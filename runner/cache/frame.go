package cache

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"time"
)

// A frame is one record of a pack. It is laid out, little-endian, as
//
//	magic u32 · type u8 · flags u8 (0) · head length u16 · tail length u32 · data length u32
//	salt u64 · offset u64 · CRC-32C of the body u32 · CRC-32C of the 36 bytes before u32
//	body: head, tail, data, zeros up to a multiple of 8
//
// The head is what the index keeps, and what idx files repeat; the tail of an entry is its facts and its
// recipe; data is an inline output. Salt is the pack's own random number and offset the frame's own place:
// bytes inside an output that look like a frame are not mistaken for one.
const (
	frameMagic  = 0x46726865 // "ehrF"
	frameHeader = 40
	frameAlign  = 8
)

// The types of frames.
const (
	typeEntry byte = 1 // the output of a step
	typeVoid  byte = 2 // an earlier frame no longer counts
	typeMemo  byte = 4 // the hash of the content of a file that was read; 3 was that of its bytes, compressed or not
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is a decoded frame. Its slices are views of the bytes it was read from.
type frame struct {
	kind             byte
	offset           int64
	size             int // of the whole frame
	head, tail, data []byte
}

// newFrame lays out a frame with room for its header, which seal fills in when its place is known.
func newFrame(kind byte, head, tail, data []byte) []byte {
	n := frameHeader + len(head) + len(tail) + len(data)
	b := make([]byte, frameHeader, n+padding(n))
	binary.LittleEndian.PutUint32(b, frameMagic)
	b[4] = kind
	binary.LittleEndian.PutUint16(b[6:], uint16(len(head)))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(tail)))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(data)))
	b = append(append(append(b, head...), tail...), data...)
	b = b[:cap(b)]
	clear(b[n:]) // the padding
	binary.LittleEndian.PutUint32(b[32:], crc32.Checksum(b[frameHeader:], castagnoli))
	return b
}

func padding(n int) int { return -n & (frameAlign - 1) }

// seal gives a frame its place.
func seal(b []byte, salt uint64, offset int64) {
	binary.LittleEndian.PutUint64(b[16:], salt)
	binary.LittleEndian.PutUint64(b[24:], uint64(offset))
	binary.LittleEndian.PutUint32(b[36:], crc32.Checksum(b[:36], castagnoli))
}

// errNoFrame says that bytes are no frame of this pack and place.
var errNoFrame = errors.New("no valid frame header")

// errBody says that a header is right and the body is not what was written.
var errBody = errors.New("checksum differs")

// frameSize checks a header and returns the size of its frame.
func frameSize(b []byte, salt uint64, offset int64) (int, error) {
	if len(b) < frameHeader ||
		binary.LittleEndian.Uint32(b) != frameMagic ||
		binary.LittleEndian.Uint64(b[16:]) != salt ||
		binary.LittleEndian.Uint64(b[24:]) != uint64(offset) ||
		binary.LittleEndian.Uint32(b[36:]) != crc32.Checksum(b[:36], castagnoli) || b[5] != 0 {
		return 0, errNoFrame
	}
	n := uint64(frameHeader) + uint64(binary.LittleEndian.Uint16(b[6:])) +
		uint64(binary.LittleEndian.Uint32(b[8:])) + uint64(binary.LittleEndian.Uint32(b[12:]))
	if n > math.MaxInt32 {
		return 0, errNoFrame
	}
	return int(n) + padding(int(n)), nil
}

// parseFrame decodes the frame that b begins with. It returns errNoFrame or errBody when there is none.
func parseFrame(b []byte, salt uint64, offset int64) (frame, error) {
	size, err := frameSize(b, salt, offset)
	if err != nil {
		return frame{}, err
	}
	if len(b) < size || binary.LittleEndian.Uint32(b[32:]) != crc32.Checksum(b[frameHeader:size], castagnoli) {
		return frame{}, errBody
	}
	head := int(binary.LittleEndian.Uint16(b[6:]))
	tail := int(binary.LittleEndian.Uint32(b[8:]))
	data := int(binary.LittleEndian.Uint32(b[12:]))
	body := b[frameHeader : frameHeader+head+tail+data]
	return frame{
		kind: b[4], offset: offset, size: size,
		head: body[:head], tail: body[head : head+tail], data: body[head+tail:],
	}, nil
}

// entryHead is what the index knows of an entry.
type entryHead struct {
	key, digest, stored sum // of the recipe; of the decoded output; of the stored bytes
	size                int64
	created             int64 // Unix nanoseconds
	elapsed             time.Duration
	external            bool   // the bytes are a file in objects, named by stored
	facts               uint32 // length of the facts, which come first in the tail
	stage, plugin       []byte
}

const entryHeadFixed = 3*32 + 3*8 + 1 + 4 + 2

// maxName is the longest name of a stage or plugin, in bytes.
const maxName = 255

func (h *entryHead) encode() []byte {
	b := make([]byte, 0, entryHeadFixed+len(h.stage)+len(h.plugin))
	b = append(append(append(b, h.key[:]...), h.digest[:]...), h.stored[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.size))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.created))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.elapsed))
	external := byte(0)
	if h.external {
		external = 1
	}
	b = append(b, external)
	b = binary.LittleEndian.AppendUint32(b, h.facts)
	b = append(b, byte(len(h.stage)), byte(len(h.plugin)))
	return append(append(b, h.stage...), h.plugin...)
}

func (h *entryHead) decode(b []byte) bool {
	if len(b) < entryHeadFixed {
		return false
	}
	copy(h.key[:], b)
	copy(h.digest[:], b[32:])
	copy(h.stored[:], b[64:])
	b = b[96:]
	h.size = int64(binary.LittleEndian.Uint64(b))
	h.created = int64(binary.LittleEndian.Uint64(b[8:]))
	h.elapsed = time.Duration(binary.LittleEndian.Uint64(b[16:]))
	h.external = b[24] == 1
	h.facts = binary.LittleEndian.Uint32(b[25:])
	stage, plugin := int(b[29]), int(b[30])
	b = b[31:]
	if len(b) != stage+plugin || h.size < 0 {
		return false
	}
	h.stage, h.plugin = b[:stage], b[stage:]
	return true
}

// entry returns what callers see of an entry, without its facts.
func (h *entryHead) entry() Entry {
	return Entry{
		Key: Key(hexOf(h.key)), Stage: string(h.stage), Plugin: string(h.plugin), Digest: Hash(hexOf(h.digest)),
		Size: h.size, Created: time.Unix(0, h.created).UTC(), Elapsed: h.elapsed,
	}
}

// splitTail returns the facts and the recipe of an entry.
func (h *entryHead) splitTail(tail []byte) (facts json.RawMessage, recipe []byte, ok bool) {
	if uint64(h.facts) > uint64(len(tail)) {
		return nil, nil, false
	}
	if h.facts > 0 {
		facts = json.RawMessage(tail[:h.facts:h.facts])
	}
	return facts, tail[h.facts:], true
}

// place is where a frame lies, whatever its pack is called.
type place struct {
	salt   uint64
	offset int64
}

// voided says that the frame at a place, an entry with a key, no longer counts. It names the place and not
// the key alone, so that it means the same in whatever order the packs are read.
type voided struct {
	place
	key sum
}

const voidedSize = 8 + 8 + 32

func (v voided) encode() []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, voidedSize), v.salt)
	b = binary.LittleEndian.AppendUint64(b, uint64(v.offset))
	return append(b, v.key[:]...)
}

func (v *voided) decode(b []byte) bool {
	if len(b) != voidedSize {
		return false
	}
	v.salt, v.offset = binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:]))
	copy(v.key[:], b[16:])
	return true
}

// fileID is what a file's content is remembered by: any change of the content changes one of them.
type fileID struct {
	device, inode      uint64
	size, mtime, ctime int64 // bytes; Unix nanoseconds
}

// memo is the remembered hash of a file.
type memo struct {
	fileID
	hash sum
}

const memoSize = 5*8 + 32

func (m memo) encode() []byte {
	b := make([]byte, 0, memoSize)
	for _, v := range []uint64{m.device, m.inode, uint64(m.size), uint64(m.mtime), uint64(m.ctime)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return append(b, m.hash[:]...)
}

func (m *memo) decode(b []byte) bool {
	if len(b) != memoSize {
		return false
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	m.device, m.inode = word(0), word(1)
	m.size, m.mtime, m.ctime = int64(word(2)), int64(word(3)), int64(word(4))
	copy(m.hash[:], b[40:])
	return true
}
