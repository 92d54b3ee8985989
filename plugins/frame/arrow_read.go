package frame

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/zstd"
)

// ReadArrowTable reads an Arrow IPC file, which is also Feather of version 2, or an Arrow IPC stream.
//
// Types become columns as ReadParquetTable says; a duration becomes the Number of seconds, and a column of dictionary
// type is read as its values. The metadata "unit" of a field is the column's unit. Buffers may be compressed by LZ4 or
// zstd.
//
// The file may be hostile: damage is an error, never a panic. All errors are *FileError, ctx.Err() aside.
func ReadArrowTable(ctx context.Context, r io.ReaderAt, size int64, opts ReadOptions) (*Table, error) {
	return readArrow(ctx, r, size, opts, math.MaxInt)
}

// readArrow reads as ReadArrowTable does, but no more than the first maxRows rows.
func readArrow(ctx context.Context, r io.ReaderAt, size int64, opts ReadOptions, maxRows int) (t *Table, err error) {
	a := arrowReader{opts: opts, index: arrowIndex{in: r, size: size}, left: -1}
	defer func() { // Arrow panics on much of what a damaged file can hold
		if p := recover(); p != nil {
			t, err = nil, a.damaged("", fmt.Errorf("%v", p))
		}
	}()
	if opts.MaxBytes > 0 {
		a.left = opts.MaxBytes
	}
	if err := a.checkStart(); err != nil {
		return nil, err
	}
	if err := a.index.locate(); err != nil {
		return nil, a.damaged("", err)
	}
	return a.table(ctx, maxRows)
}

// arrowReader puts the values of an Arrow file into columns.
type arrowReader struct {
	opts  ReadOptions
	index arrowIndex
	next  int   // the message that Arrow gets next; -1 is the schema
	left  int64 // decompressed bytes that may still be read; negative: any number
	room  arrowRoom
	zstd  *zstd.Decoder
}

// arrowRoom is where Arrow gets its memory: no piece is larger than twice what the messages so far were found to hold.
// Arrow takes some messages for others than they are, and then believes what they state.
type arrowRoom struct {
	memory.GoAllocator
	held int64
}

// Allocate implements memory.Allocator.
func (m *arrowRoom) Allocate(size int) []byte {
	m.check(size)
	return m.GoAllocator.Allocate(size)
}

// Reallocate implements memory.Allocator.
func (m *arrowRoom) Reallocate(size int, b []byte) []byte {
	m.check(size)
	return m.GoAllocator.Reallocate(size, b)
}

func (m *arrowRoom) check(size int) {
	const small = 1 << 16 // for what is rounded up
	if int64(size) > 2*m.held+small {
		panic(errArrow) // readArrow recovers it
	}
}

func (a *arrowReader) fault(column, msg string) error {
	return &FileError{File: a.opts.File, ColumnName: column, Msg: msg}
}

func (a *arrowReader) damaged(column string, err error) error {
	switch {
	case errors.Is(err, errPagesSize):
		return a.fault(column, fmt.Sprintf("more than %d bytes when decompressed, the limit for this file", a.opts.MaxBytes))
	case errors.Is(err, errTruncatedArrow):
		return a.fault(column, err.Error())
	}
	return &FileError{File: a.opts.File, ColumnName: column, Msg: "damaged Arrow file", Err: err}
}

// checkStart tells what is no Arrow at all from a damaged file.
func (a *arrowReader) checkStart() error {
	if a.opts.Header != nil {
		return a.fault("", "an Arrow file names its columns itself; give no header for it")
	}
	head := make([]byte, min(a.index.size, 6))
	if err := a.index.readAt(head, 0); err != nil {
		return &FileError{File: a.opts.File, Msg: err.Error(), Err: err}
	}
	stream := len(head) >= 4 && (binary.LittleEndian.Uint32(head) == arrowContinues || head[2] == 0 && head[3] == 0)
	switch {
	case len(head) == 0:
		return a.fault("", "empty file; want an Arrow file")
	case bytes.HasPrefix(head, []byte("FEA1")):
		return a.fault("", "Feather of version 1; write it as version 2, which is Arrow")
	case !stream && string(head) != arrowMagic:
		return a.fault("", "not an Arrow file")
	}
	return nil
}

func (a *arrowReader) table(ctx context.Context, maxRows int) (*Table, error) {
	builders, err := columnBuilders(a.index.names, a.opts, 0)
	if err != nil {
		return nil, err
	}
	rows := min(a.index.rows, maxRows)
	if err := checkCells(builders, rows, a.opts); err != nil {
		return nil, err
	}
	for _, b := range builders {
		if b != nil {
			b.fileUnit = a.index.units[b.name]
		}
	}
	if err := a.read(ctx, builders, rows); err != nil {
		return nil, err
	}
	for _, b := range builders {
		if b != nil && b.unitFault() != "" {
			return nil, a.fault(b.name, b.unitFault())
		}
	}
	f, err := assemble(builders, rows, a.opts.Threads)
	if err != nil {
		return nil, a.fault("", err.Error())
	}
	return &Table{Frame: f, Header: a.index.names, Complete: rows == a.index.rows}, nil
}

// read reads the first rows rows.
func (a *arrowReader) read(ctx context.Context, builders []*builder, rows int) error {
	defer a.close()
	a.next = -1
	in, err := ipc.NewReaderFromMessageReader(a, ipc.WithAllocator(&a.room))
	if err != nil {
		return a.damaged("", err)
	}
	if in.Schema().NumFields() != len(builders) {
		return a.damaged("", errArrow)
	}
	var faults []error
	for i, field := range in.Schema().Fields() { // also of a file without rows
		if b := builders[i]; b != nil {
			if err := takeType(field, b); err != nil {
				b.faulty = true
				faults = append(faults, a.fault(b.name, err.Error()))
			}
		}
	}
	for done := 0; done < rows; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !in.Next() {
			return Together(append(faults, a.damaged("", errors.Join(in.Err(), errArrow)))...)
		}
		record := in.Record()
		n := min(int(record.NumRows()), rows-done)
		for i, b := range builders {
			if b == nil || b.faulty {
				continue
			}
			if err := a.readColumn(record.Column(i), in.Schema().Field(i), b, done, n); err != nil {
				if faults = append(faults, err); !ofColumn(err) {
					return Together(faults...)
				}
				b.faulty = true
			}
		}
		done += n
	}
	return Together(faults...)
}

// readColumn adds the first n rows of an array, before which there were so many others.
func (a *arrowReader) readColumn(values arrow.Array, field arrow.Field, b *builder, before, n int) error {
	add, err := arrowAdder(values, field, b)
	if err != nil {
		return a.fault(b.name, err.Error())
	}
	if values.Len() < n {
		return a.damaged(b.name, errArrow)
	}
	for i := range n {
		if err := add(i); err != nil {
			return a.fault(b.name, fmt.Sprintf("row %d: %s", before+i+1, err))
		}
	}
	return nil
}

// Message implements ipc.MessageReader: the schema, then the dictionaries and batches.
func (a *arrowReader) Message() (*ipc.Message, error) {
	m := a.index.schema
	if a.next >= 0 {
		if a.next == len(a.index.messages) {
			return nil, io.EOF
		}
		m = a.index.messages[a.next]
	}
	a.next++
	meta, err := a.index.metadata(m)
	if err != nil {
		return nil, err
	}
	body := make([]byte, m.bodyLen)
	if err := a.index.readAt(body, m.body); err != nil {
		return nil, err
	}
	if m.kind != arrowSchema {
		if body, err = a.decompress(batchOf(meta, m.kind), body); err != nil {
			return nil, err
		}
	}
	return ipc.NewMessage(memory.NewBufferBytes(meta.b), memory.NewBufferBytes(body)), nil
}

// Retain implements ipc.MessageReader.
func (a *arrowReader) Retain() {}

// Release implements ipc.MessageReader.
func (a *arrowReader) Release() {}

func (a *arrowReader) close() {
	if a.zstd != nil {
		a.zstd.Close()
	}
}

// densest is the most bytes that one of zstd can stand for: a block of 128 KiB takes four. LZ4 stays far below.
const densest = 1 << 15

// decompress compares the decompressed size of the buffers with the limit. Buffers in zstd are decompressed here, and
// their places in the metadata changed to where they are then: Arrow's decoder takes windows of any size, of which a
// few bytes can ask for a gigabyte.
func (a *arrowReader) decompress(r arrowRecords, body []byte) ([]byte, error) {
	codec := r.table(batchCodec)
	compressed := codec.in != nil
	buffers := r.vector(batchBuffers, bufferSize)
	var plain []byte
	for i := range buffers.n {
		offset, n := r.buffer(buffers, i)
		piece := body[offset : offset+n]
		size := n
		if compressed && n > 0 {
			if n < 8 {
				return nil, errArrow
			}
			size = int64(binary.LittleEndian.Uint64(piece))
			piece = piece[8:]
			if size < -1 || size > min(n*densest, math.MaxInt32) {
				return nil, errArrow
			}
		}
		a.room.held += max(size, n)
		if a.left >= 0 {
			if a.left -= max(size, n); a.left < 0 {
				return nil, errPagesSize
			}
		}
		if !compressed || codec.byte(0) != zstdCompressed {
			continue
		}
		var err error
		from := len(plain)
		if plain, err = a.decode(plain, piece, size); err != nil {
			return nil, err
		}
		at := r.in.bytes(buffers.at+bufferSize*i, bufferSize)
		binary.LittleEndian.PutUint64(at, uint64(from))
		binary.LittleEndian.PutUint64(at[8:], uint64(len(plain)-from))
		plain = append(plain, make([]byte, -len(plain)&7)...)
	}
	if !compressed || codec.byte(0) != zstdCompressed {
		return body, nil
	}
	copy(r.in.bytes(r.slot(batchCodec), 2), "\x00\x00") // no longer compressed
	return plain, nil
}

// decode appends a buffer of so many decompressed bytes; -1 stands for a buffer that was left as it is.
func (a *arrowReader) decode(to, piece []byte, size int64) ([]byte, error) {
	switch size {
	case -1:
		return append(to, piece...), nil
	case 0:
		return to, nil
	}
	if a.zstd == nil {
		var err error
		if a.zstd, err = zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(1)); err != nil {
			return nil, err
		}
	}
	to = slices.Grow(to, int(size))
	got, err := a.zstd.DecodeAll(piece, to[len(to):len(to):len(to)+int(size)])
	if err == nil && int64(len(got)) != size {
		err = errArrow
	}
	return to[:len(to)+len(got)], err
}
