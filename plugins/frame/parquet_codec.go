package frame

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// useOwnCodecs replaces two of Arrow's codecs, before the first file is read or written. Arrow's zstd makes a
// new encoder for each page, which costs more than the compression; and zstd and snappy let a page
// decompress to more than its header says, without limit.
var useOwnCodecs = sync.OnceFunc(func() {
	// a window of a page's usual size keeps the encoders small; a frame's checksum shows damage
	encoder, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true), zstd.WithEncoderCRC(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		panic(err) // the options are constants
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err)
	}
	compress.RegisterCodec(compress.Codecs.Zstd, zstdCodec{arrowCodec(compress.Codecs.Zstd), encoder, decoder})
	compress.RegisterCodec(compress.Codecs.Snappy, snappyCodec{arrowCodec(compress.Codecs.Snappy)})
})

func arrowCodec(c compress.Compression) compress.Codec {
	codec, err := compress.GetCodec(c)
	if err != nil {
		panic(err) // Arrow registers both
	}
	return codec
}

// errPageTooLong is what a codec panics with, as Arrow's codecs do; readParquet recovers it.
var errPageTooLong = errors.New("a page decompresses to more than its header says")

type zstdCodec struct {
	compress.Codec
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// Encode implements compress.Codec.
func (c zstdCodec) Encode(dst, src []byte) []byte { return c.encoder.EncodeAll(src, dst[:0]) }

// EncodeLevel implements compress.Codec; there is one level.
func (c zstdCodec) EncodeLevel(dst, src []byte, _ int) []byte { return c.Encode(dst, src) }

// Decode implements compress.Codec.
func (c zstdCodec) Decode(dst, src []byte) []byte {
	out, err := c.decoder.DecodeAll(src, dst[:0:len(dst)])
	if err != nil {
		panic(err)
	}
	return out
}

type snappyCodec struct{ compress.Codec }

// Decode implements compress.Codec. A snappy block begins with its decompressed length.
func (c snappyCodec) Decode(dst, src []byte) []byte {
	if n, _ := binary.Uvarint(src); n > uint64(len(dst)) {
		panic(errPageTooLong)
	}
	return c.Codec.Decode(dst, src)
}
