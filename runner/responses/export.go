package responses

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
)

// blockSize is where a block of a recording is long enough: large enough that prompts which repeat compress well, small enough to
// be decoded for one answer.
const blockSize = 1 << 20

// Exported says what Export wrote.
type Exported struct {
	Answers    int // evidence of refusals among them
	Restricted int // without the requests, of which there is the hash
	Unknown    int // without the requests, which the store does not have
}

// Export writes a recording of some answers, in order of their keys, repeats left out. Equal answers give equal bytes.
//
// A request is left out, but for its hash, when any send of it was restricted or when restricted (nil: none) says so. It fails
// when answers are missing, then mostly before it writes anything: w should be a file that only counts when Export returns.
func (s *Store) Export(w io.Writer, keys []string, restricted func(key string) bool) (Exported, error) {
	var told Exported
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	if err := s.checkStored(keys); err != nil {
		return told, err
	}
	held, err := s.restricted(keys)
	if err != nil {
		return told, fmt.Errorf("export responses: %w", err)
	}
	out := recordingWriter{w: w}
	for _, key := range keys {
		r, err := s.Record(key)
		if err == nil && r == nil {
			err = fmt.Errorf("the answer %s was damaged and is lost", key)
		}
		if err != nil {
			return told, fmt.Errorf("export responses: %w", err)
		}
		if held[key] || restricted != nil && restricted(key) {
			r.Restricted, r.Request = true, nil
		}
		told.Answers++
		switch {
		case r.Restricted:
			told.Restricted++
		case r.Request == nil:
			told.Unknown++
		}
		if err := out.add(r); err != nil {
			return told, fmt.Errorf("export responses: %w", err)
		}
	}
	if err := out.end(); err != nil {
		return told, fmt.Errorf("export responses: %w", err)
	}
	return told, nil
}

// checkStored fails when any of the keys has no answer.
func (s *Store) checkStored(keys []string) error {
	if err := s.refresh(); err != nil {
		return fmt.Errorf("export responses: %w", err)
	}
	var missing []string
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return fmt.Errorf("export responses: %w", err)
		}
		if _, ok := s.store.Lookup(storeKey(key)); !ok {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("export responses: %d of %d answers are not in %s, the first is %s: %w", len(missing), len(keys), s.dir, missing[0], cache.ErrMiss)
	}
	return nil
}

// restricted returns those of the keys, sorted, of which a send was restricted: also one whose answer came second.
func (s *Store) restricted(keys []string) (map[string]bool, error) {
	held := map[string]bool{}
	err := s.Sends("", func(send plugins.Send, _ *plugins.Settlement, _ bool) error {
		if send.Restricted && send.Key != "" {
			if _, asked := slices.BinarySearch(keys, send.Key); asked {
				held[send.Key] = true
			}
		}
		return nil
	})
	return held, err
}

// The parts of a recording that are no data are skippable frames of zstd, so that every zstd tool reads it.
const (
	skippable     = 0x184D2A50
	recordingName = "ehrlab recording"
	headSize      = 8 + len(recordingName) + 4
	footSize      = 8 + 8 + 8 + sha256.Size
)

// recordingHead begins every recording.
func recordingHead() []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(headSize-8))
	return binary.LittleEndian.AppendUint32(append(b, recordingName...), formatNumber)
}

// recordingFoot ends a recording: it says how long its table is and what it hashes to.
func recordingFoot(table []byte, size int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippable)
	b = binary.LittleEndian.AppendUint32(b, uint32(footSize-8))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(table)))
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	sum := sha256.Sum256(table)
	return append(b, sum[:]...)
}

// blockHead is a line of the table of a recording: one for each block.
type blockHead struct {
	First   string `json:"first"` // key
	Records int    `json:"records"`
	Size    int64  `json:"size"`   // compressed
	Raw     int    `json:"raw"`    // decompressed
	Hash    string `json:"sha256"` // compressed
}

// recordingWriter writes records, which come in order of their keys.
type recordingWriter struct {
	w     io.Writer
	begun bool
	block bytes.Buffer
	head  blockHead // of block
	table bytes.Buffer
}

func (w *recordingWriter) add(r *Record) error {
	m := metaOf(r)
	m.Key = r.Key
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if w.head.Records == 0 {
		w.head.First = r.Key
	}
	w.head.Records++
	parts := [][]byte{line, r.Answer.Body}
	if m.RequestSize > 0 {
		parts = append(parts, r.Request)
	}
	for _, part := range parts {
		w.block.Write(part)
		w.block.WriteByte('\n')
	}
	if w.block.Len() < blockSize {
		return nil
	}
	return w.flush()
}

// flush writes a block and its line of the table.
func (w *recordingWriter) flush() error {
	if err := w.begin(); err != nil {
		return err
	}
	b := fileEncoder().EncodeAll(w.block.Bytes(), nil)
	sum := sha256.Sum256(b)
	w.head.Size, w.head.Raw, w.head.Hash = int64(len(b)), w.block.Len(), hex.EncodeToString(sum[:])
	line, err := json.Marshal(w.head)
	if err != nil {
		return err
	}
	w.table.Write(append(line, '\n'))
	w.block.Reset()
	w.head = blockHead{}
	_, err = w.w.Write(b)
	return err
}

func (w *recordingWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	_, err := w.w.Write(recordingHead())
	return err
}

func (w *recordingWriter) end() error {
	if w.head.Records > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if err := w.begin(); err != nil {
		return err
	}
	if w.table.Len() > maxTable {
		return errors.New("too many answers for one recording: export them in parts")
	}
	table := fileEncoder().EncodeAll(w.table.Bytes(), nil)
	_, err := w.w.Write(append(table, recordingFoot(table, w.table.Len())...))
	return err
}
