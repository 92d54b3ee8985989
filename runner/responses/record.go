package responses

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/ehrlab/ehrlab/plugins"
)

// maxBody is the most that the body of an answer or of a request may take.
const maxBody = 64 << 20

// Record is a stored answer and what it answers.
type Record struct {
	Key        string // of the response
	API        string // the wire format of both bodies
	Hash       string // of the body of the request
	Request    []byte // the body of the request; nil when Restricted, or when the client kept it back
	Restricted bool   // rows of restricted data may be in the request
	Answer     plugins.Answer
}

// meta is a Record without its bodies, of which it has the sizes.
type meta struct {
	Key         string    `json:"key,omitempty"`  // in recordings; the store has it in the recipe
	Send        string    `json:"send,omitempty"` // the id of the send that was answered; only in the store
	API         string    `json:"api"`
	Hash        string    `json:"hash"`
	Restricted  bool      `json:"restricted,omitempty"`
	Requested   string    `json:"requested"`
	Served      string    `json:"served"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Refusal     bool      `json:"refusal,omitempty"`
	Stop        string    `json:"stop"`
	Input       int       `json:"input"`
	Cached      int       `json:"cached,omitempty"`
	Output      int       `json:"output"`
	Reasoning   int       `json:"reasoning,omitempty"`
	At          time.Time `json:"at"`
	BodySize    int       `json:"body"`
	RequestSize int       `json:"request,omitempty"`
}

// metaOf describes a record. Whatever of its request may not be told is left out.
func metaOf(r *Record) meta {
	a := &r.Answer
	m := meta{
		API: r.API, Hash: r.Hash, Restricted: r.Restricted, Requested: a.Requested, Served: a.Served, Fingerprint: a.Fingerprint,
		Refusal: a.Refusal, Stop: a.Stop, Input: a.Input, Cached: a.Cached, Output: a.Output, Reasoning: a.Reasoning, At: a.At.UTC(),
		BodySize: len(a.Body), RequestSize: len(r.Request),
	}
	if r.Restricted {
		m.RequestSize = 0
	}
	return m
}

// record is the inverse of metaOf. bodies holds the body of the answer and then that of the request.
func (m *meta) record(key string, bodies []byte) *Record {
	r := &Record{Key: key, API: m.API, Hash: m.Hash, Restricted: m.Restricted, Answer: m.answer()}
	r.Answer.Body = bodies[:m.BodySize:m.BodySize]
	if m.RequestSize > 0 {
		r.Request = bodies[m.BodySize:]
	}
	return r
}

// answer returns the answer without its body.
func (m *meta) answer() plugins.Answer {
	return plugins.Answer{
		Refusal: m.Refusal, Stop: m.Stop, Requested: m.Requested, Served: m.Served, Fingerprint: m.Fingerprint,
		Input: m.Input, Cached: m.Cached, Output: m.Output, Reasoning: m.Reasoning, At: m.At,
	}
}

var errSizes = errors.New("its sizes are impossible")

// check fails when the sizes cannot be.
func (m *meta) check() error {
	if m.BodySize < 0 || m.BodySize > maxBody || m.RequestSize < 0 || m.RequestSize > maxBody || m.Restricted && m.RequestSize > 0 {
		return errSizes
	}
	return nil
}

// pack encodes a record for the store: facts, and the compressed bodies.
func pack(r *Record, send string) (facts, b []byte, err error) {
	m := metaOf(r)
	if err := m.check(); err != nil {
		return nil, nil, fmt.Errorf("a body takes more than %d bytes", maxBody)
	}
	m.Send = send
	if facts, err = json.Marshal(m); err != nil {
		return nil, nil, err
	}
	bodies := make([]byte, 0, m.BodySize+m.RequestSize)
	bodies = append(bodies, r.Answer.Body...)
	if m.RequestSize > 0 {
		bodies = append(bodies, r.Request...)
	}
	return facts, storeEncoder().EncodeAll(bodies, nil), nil
}

// unpack is the inverse of pack.
func unpack(key string, facts, b []byte) (*Record, error) {
	var m meta
	err := json.Unmarshal(facts, &m)
	if err == nil {
		err = m.check()
	}
	if err == nil {
		b, err = decompress(b, m.BodySize+m.RequestSize)
	}
	if err != nil {
		return nil, fmt.Errorf("stored answer %.12s: %w", key, err)
	}
	return m.record(key, b), nil
}

// decompress decodes what has exactly size bytes.
func decompress(b []byte, size int) ([]byte, error) {
	out, err := decoder().DecodeAll(b, make([]byte, 0, size))
	if err == nil && len(out) != size {
		err = fmt.Errorf("it holds %d bytes and should hold %d", len(out), size)
	}
	return out, err
}

// Encoders and the decoder are made when they are first needed: they take memory, and most commands need none.
var (
	storeEncoder = sync.OnceValue(func() *zstd.Encoder { return newEncoder(zstd.SpeedFastest) })
	fileEncoder  = sync.OnceValue(func() *zstd.Encoder { return newEncoder(zstd.SpeedBetterCompression) })
	decoder      = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxBlock))
		if err != nil {
			panic(err) // its options are wrong: a bug
		}
		return d
	})
)

func newEncoder(level zstd.EncoderLevel) *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithWindowSize(blockSize), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(true))
	if err != nil {
		panic(err) // its options are wrong: a bug
	}
	return e
}
