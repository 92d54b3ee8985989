package frame

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// Arrow believes the sizes and counts that a file states: a few hostile bytes make it allocate gigabytes or
// read for ever. pageChecker walks the page headers of a column chunk first and compares every statement with
// the file. (Parquet format: parquet.thrift, PageHeader, in the compact protocol of Thrift.)
type pageChecker struct {
	in   io.ReaderAt
	size int64 // of the file
	max  int64 // decompressed bytes that may still be read; negative: any number
}

var (
	errPages     = errors.New("the pages do not fit what the file says of them")
	errPagesSize = errors.New("beyond the limit of decompressed bytes")
)

// check reads the page headers of a chunk that is to hold rows values, nulls included.
func (c *pageChecker) check(chunk *metadata.ColumnChunkMetaData, rows int64, padding int64) error {
	pos := chunk.DataPageOffset()
	if d := chunk.DictionaryPageOffset(); chunk.HasDictionaryPage() && d > 0 && d < pos {
		pos = d
	}
	length := chunk.TotalCompressedSize()
	if pos < 0 || length < 0 || pos > c.size || length > c.size-pos || chunk.NumValues() != rows {
		return errPages
	}
	end := min(pos+length+padding, c.size)
	for seen := int64(0); seen < rows; {
		h, n, err := c.header(pos, end)
		if err != nil {
			return err
		}
		pos += n + int64(h.compressed)
		if h.compressed < 0 || h.uncompressed < 0 || h.values < 0 || pos > end {
			return errPages
		}
		switch h.kind {
		case pageData, pageDataV2:
			seen += int64(h.values)
		case pageDictionary:
			if h.values > h.uncompressed { // a value takes at least a byte
				return errPages
			}
		default: // index pages were never written
			return errPages
		}
		if c.max >= 0 {
			if c.max -= int64(h.uncompressed); c.max < 0 {
				return errPagesSize
			}
		}
		if seen > rows {
			return errPages
		}
	}
	return nil
}

// The kinds of a page.
const (
	pageData       = 0
	pageDictionary = 2
	pageDataV2     = 3
)

type pageHeader struct{ kind, uncompressed, compressed, values int32 }

// header reads the page header at pos. It returns the header's length in bytes.
func (c *pageChecker) header(pos, end int64) (h pageHeader, n int64, err error) {
	const most = 16 << 20 // as Arrow; headers hold the extreme values of a page
	for window := int64(1 << 10); ; window *= 8 {
		b := make([]byte, min(window, end-pos))
		if k, err := c.in.ReadAt(b, pos); err != nil && (!errors.Is(err, io.EOF) || k < len(b)) {
			return h, 0, err
		}
		t := thriftReader{b: b}
		h = t.pageHeader()
		switch {
		case t.err == nil:
			return h, int64(t.pos), nil
		case !errors.Is(t.err, io.ErrUnexpectedEOF), window >= end-pos, window >= most:
			return h, 0, errPages
		}
	}
}

// thriftReader reads the compact protocol of Thrift. After an error it reads zeros.
type thriftReader struct {
	b   []byte
	pos int
	err error
}

// The types of the compact protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt32  = 5
	thriftInt64  = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftStruct = 12
)

func (t *thriftReader) pageHeader() (h pageHeader) {
	t.fields(func(id int32, kind byte) {
		switch id {
		case 1:
			h.kind = t.int32(kind)
		case 2:
			h.uncompressed = t.int32(kind)
		case 3:
			h.compressed = t.int32(kind)
		case 5, 7, 8: // the header of a data page, a dictionary page, a data page of version 2
			if kind != thriftStruct {
				t.err = errPages
				return
			}
			t.fields(func(id int32, kind byte) {
				if id == 1 {
					h.values = t.int32(kind)
				} else {
					t.skip(kind, 0)
				}
			})
		default:
			t.skip(kind, 0)
		}
	})
	return h
}

// fields calls each for the fields of a struct; each must read or skip the value.
func (t *thriftReader) fields(each func(id int32, kind byte)) {
	id := int32(0)
	for t.err == nil {
		b := t.byte()
		kind := b & 0x0f
		if kind == thriftStop || t.err != nil {
			return
		}
		if delta := int32(b >> 4); delta != 0 {
			id += delta
		} else {
			id = int32(t.zigzag())
		}
		each(id, kind)
	}
}

func (t *thriftReader) byte() byte {
	if t.err == nil && t.pos == len(t.b) {
		t.err = io.ErrUnexpectedEOF
	}
	if t.err != nil {
		return 0
	}
	t.pos++
	return t.b[t.pos-1]
}

func (t *thriftReader) varint() uint64 {
	if t.err != nil {
		return 0
	}
	v, n := binary.Uvarint(t.b[t.pos:])
	switch {
	case n == 0:
		t.err = io.ErrUnexpectedEOF
	case n < 0:
		t.err = errPages
	default:
		t.pos += n
		return v
	}
	return 0
}

func (t *thriftReader) zigzag() int64 {
	v := t.varint()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *thriftReader) int32(kind byte) int32 {
	v := t.zigzag()
	if t.err == nil && (kind < thriftInt16 || kind > thriftInt64 || v != int64(int32(v))) {
		t.err = errPages
	}
	return int32(v)
}

func (t *thriftReader) advance(n uint64) {
	switch {
	case t.err != nil:
	case n > uint64(len(t.b)-t.pos):
		t.err = io.ErrUnexpectedEOF
	default:
		t.pos += int(n)
	}
}

// skip steps over a value. Page headers hold no lists or maps, and structs of little depth.
func (t *thriftReader) skip(kind byte, depth int) {
	switch kind {
	case thriftTrue, thriftFalse: // the type is the value
	case thriftByte:
		t.advance(1)
	case thriftInt16, thriftInt32, thriftInt64:
		t.varint()
	case thriftDouble:
		t.advance(8)
	case thriftBinary:
		t.advance(t.varint())
	case thriftStruct:
		if depth > 8 {
			t.err = errPages
			return
		}
		t.fields(func(_ int32, kind byte) { t.skip(kind, depth+1) })
	default:
		t.err = errPages
	}
}
