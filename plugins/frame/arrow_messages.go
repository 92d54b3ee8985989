package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// arrowMessage is one message of an Arrow file: its metadata, a flatbuffer, and its body, the values.
type arrowMessage struct {
	kind             byte
	meta, body       int64 // where they begin
	metaLen, bodyLen int64
	rows             int // of a record batch
}

// The kinds of a message.
const (
	arrowSchema     = 1
	arrowDictionary = 2
	arrowBatch      = 3
)

// The fields of Arrow's tables that are read here, by their place in the table.
const (
	messageKind, messageHeader, messageBody                       = 1, 2, 3
	schemaFields, schemaMetadata                                  = 1, 2
	fieldName, fieldTypeKind, fieldType, fieldKids, fieldMetadata = 0, 2, 3, 5, 6
	timestampZone, unionIDs                                       = 1, 1
	batchRows, batchNodes, batchBuffers, batchCodec, batchViews   = 0, 1, 2, 3, 4
	dictionaryData                                                = 1
	footerDictionaries, footerBatches                             = 2, 3
)

const (
	arrowMagic     = "ARROW1"
	arrowContinues = 0xffffffff // begins a message, since version 0.15 of the format
	maxArrowMeta   = 64 << 20   // of one message: 16,384 columns take a twentieth of it
	typeTimestamp  = 10
	typeUnion      = 14
	zstdCompressed = 1
)

var errArrow = errors.New("the messages do not fit what the file says of them")

// arrowIndex finds the messages of a file and compares their statements with it, before Arrow sees them.
type arrowIndex struct {
	in       io.ReaderAt
	size     int64
	schema   arrowMessage
	messages []arrowMessage // dictionaries and batches, in the order to be read
	units    map[string]string
	names    []string
	rows     int
}

// locate reads the layout of a file or a stream.
func (x *arrowIndex) locate() error {
	head := make([]byte, min(x.size, 8))
	if err := x.readAt(head, 0); err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte(arrowMagic)) {
		return x.walk(0)
	}
	end, err := x.footer()
	if err != nil {
		return err
	}
	return x.blocks(end)
}

// readAt fills b.
func (x *arrowIndex) readAt(b []byte, at int64) error {
	n, err := x.in.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errArrow
	}
	return err
}

// walk reads the messages of a stream, which may end without a mark.
func (x *arrowIndex) walk(at int64) error {
	for at < x.size {
		m, err := x.message(at, x.size)
		if err != nil {
			return err
		}
		if m.kind == 0 {
			break
		}
		if err := x.add(m); err != nil {
			return err
		}
		at = m.body + m.bodyLen
	}
	if x.schema.kind == 0 {
		return errArrow
	}
	return nil
}

// footer returns where the footer of a file begins.
func (x *arrowIndex) footer() (int64, error) {
	tail := make([]byte, 4+len(arrowMagic))
	at := x.size - int64(len(tail))
	if at < 8 {
		return 0, errTruncatedArrow
	}
	if err := x.readAt(tail, at); err != nil {
		return 0, err
	}
	if string(tail[4:]) != arrowMagic {
		return 0, errTruncatedArrow
	}
	length := int64(int32(binary.LittleEndian.Uint32(tail)))
	if length <= 0 || length > maxArrowMeta || length > at-8 {
		return 0, errArrow
	}
	return at - length, nil
}

var errTruncatedArrow = errors.New("truncated Arrow file: its footer is missing")

// blocks reads the messages that the footer, which begins at end, lists.
func (x *arrowIndex) blocks(end int64) error {
	m, err := x.message(8, end)
	if err == nil {
		err = x.add(m)
	}
	if err != nil || x.schema.kind == 0 {
		return errors.Join(err, errArrow)
	}
	footer := flatBuffer{b: make([]byte, x.size-end-4-int64(len(arrowMagic)))}
	if err := x.readAt(footer.b, end); err != nil {
		return err
	}
	left := end - 8
	const blockSize = 24
	for _, list := range []int{footerDictionaries, footerBatches} {
		blocks := footer.root().vector(list, blockSize)
		for i := range blocks.n {
			m, err := x.message(footer.int64(blocks.at+blockSize*i), end)
			if err != nil {
				return err
			}
			// a block listed twice would be read twice, and a small file be a large table
			if left -= m.metaLen + m.bodyLen; left < 0 || m.kind == 0 {
				return errArrow
			}
			if err := x.add(m); err != nil {
				return err
			}
		}
	}
	return footer.err
}

// message reads the length and the metadata of the message at a position; the kind is 0 when none follows. All of it
// lies before end.
func (x *arrowIndex) message(at, end int64) (m arrowMessage, err error) {
	if at < 0 || at > end-4 {
		return m, errArrow
	}
	prefix := make([]byte, min(end-at, 8))
	if err := x.readAt(prefix, at); err != nil {
		return m, err
	}
	m.meta = at + 4
	length := binary.LittleEndian.Uint32(prefix)
	if length == arrowContinues {
		if len(prefix) < 8 {
			return m, errArrow
		}
		m.meta = at + 8
		length = binary.LittleEndian.Uint32(prefix[4:])
	}
	if length == 0 {
		return m, nil
	}
	m.metaLen = int64(length)
	m.body = m.meta + m.metaLen
	if m.metaLen > maxArrowMeta || m.body > end {
		return m, errArrow
	}
	meta, err := x.metadata(m)
	if err != nil {
		return m, err
	}
	root := meta.root()
	m.kind, m.bodyLen = root.byte(messageKind), root.int64(messageBody)
	if meta.err != nil || m.bodyLen < 0 || m.bodyLen > end-m.body || m.kind == 0 {
		return m, errArrow
	}
	return m, nil
}

func (x *arrowIndex) metadata(m arrowMessage) (*flatBuffer, error) {
	f := &flatBuffer{b: make([]byte, m.metaLen)}
	return f, x.readAt(f.b, m.meta)
}

// add checks a message and keeps it.
func (x *arrowIndex) add(m arrowMessage) error {
	meta, err := x.metadata(m)
	if err != nil {
		return err
	}
	switch {
	case (x.schema.kind == 0) != (m.kind == arrowSchema):
		return errArrow
	case m.kind == arrowSchema:
		x.schema = m
		x.names, x.units, err = readArrowSchema(meta.root().table(messageHeader))
		return err
	case m.kind == arrowDictionary || m.kind == arrowBatch:
		batch := batchOf(meta, m.kind)
		rows, err := batch.check(m.bodyLen)
		if err != nil {
			return err
		}
		if m.kind == arrowBatch {
			m.rows = rows
			x.rows += rows
		}
		x.messages = append(x.messages, m)
		return nil
	}
	return fmt.Errorf("messages of kind %d are no table", m.kind)
}

// readArrowSchema returns the names of the columns and the units that their metadata state. It refuses a schema whose
// parts, counted as often as they are pointed at, are many.
func readArrowSchema(schema flatTable) (names []string, units map[string]string, err error) {
	if schema.in == nil {
		return nil, nil, errArrow
	}
	units = map[string]string{}
	count := schemaCounter{fields: 4 * maxColumns, texts: maxArrowMeta}
	fields := schema.vector(schemaFields, 4)
	count.pairs(schema.vector(schemaMetadata, 4))
	for i := 0; i < fields.n && schema.in.err == nil; i++ {
		field := fields.table(i)
		if err := count.field(field, 0); err != nil {
			return nil, nil, err
		}
		name := string(field.text(fieldName))
		names = append(names, name)
		pairs := field.vector(fieldMetadata, 4)
		for k := range pairs.n {
			if pair := pairs.table(k); string(pair.text(0)) == "unit" {
				if units[name] = string(pair.text(1)); !utf8.ValidString(units[name]) {
					return nil, nil, errArrow
				}
			}
		}
	}
	if schema.in.err != nil || count.texts < 0 {
		return nil, nil, errArrow
	}
	return names, units, nil
}

// schemaCounter is what a schema may still hold: fields, and bytes of everything that has a length.
type schemaCounter struct{ fields, texts int }

func (c *schemaCounter) field(field flatTable, depth int) error {
	const deepest = 64 // as Arrow
	c.fields--
	c.texts -= len(field.text(fieldName))
	c.pairs(field.vector(fieldMetadata, 4))
	switch field.byte(fieldTypeKind) {
	case typeTimestamp:
		c.texts -= len(field.table(fieldType).text(timestampZone))
	case typeUnion:
		c.texts -= 4 * field.table(fieldType).vector(unionIDs, 4).n
	}
	if field.in.err != nil || c.fields < 0 || c.texts < 0 || depth > deepest {
		return errArrow
	}
	kids := field.vector(fieldKids, 4)
	for i := range kids.n {
		if err := c.field(kids.table(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// pairs counts the texts of metadata, each of which costs something even when it is empty.
func (c *schemaCounter) pairs(v flatVector) {
	for i := 0; i < v.n && c.texts >= 0; i++ {
		pair := v.table(i)
		c.texts -= len(pair.text(0)) + len(pair.text(1)) + 8
	}
}

// arrowRecords is the part of a message that says where its values are.
type arrowRecords struct{ flatTable }

// batchOf returns the record batch of a message, which a dictionary holds as well.
func batchOf(meta *flatBuffer, kind byte) arrowRecords {
	header := meta.root().table(messageHeader)
	if kind == arrowDictionary {
		header = header.table(dictionaryData)
	}
	return arrowRecords{header}
}

const nodeSize, bufferSize = 16, 16

// check compares a batch with the length of its body. It returns the number of rows.
func (r arrowRecords) check(bodyLen int64) (int, error) {
	if r.in == nil {
		return 0, errArrow
	}
	ok := true
	rows := r.int64(batchRows)
	nodes := r.vector(batchNodes, nodeSize)
	for i := range nodes.n {
		n, nulls := r.in.int64(nodes.at+nodeSize*i), r.in.int64(nodes.at+nodeSize*i+8)
		ok = ok && n >= 0 && n <= math.MaxInt32 && nulls >= -1 && nulls <= n
	}
	left := bodyLen
	buffers := r.vector(batchBuffers, bufferSize)
	for i := range buffers.n {
		offset, n := r.buffer(buffers, i)
		ok = ok && offset >= 0 && n >= 0 && offset <= bodyLen && n <= bodyLen-offset
		if left -= n; left < 0 { // the same bytes in several columns
			ok = false
		}
	}
	views := r.vector(batchViews, 8)
	for i := range views.n {
		n := r.in.int64(views.at + 8*i)
		ok = ok && n >= 0 && n <= int64(buffers.n)
	}
	if !ok || r.in.err != nil || rows < 0 || rows > math.MaxInt32 {
		return 0, errArrow
	}
	return int(rows), nil
}

func (r arrowRecords) buffer(buffers flatVector, i int) (offset, n int64) {
	at := buffers.at + bufferSize*i
	return r.in.int64(at), r.in.int64(at + 8)
}
