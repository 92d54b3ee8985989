package llmtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// The shape of the tiny model: as small as a llama can be and still be served.
const (
	width  = 64
	hidden = 128
	heads  = 4
	window = 16384 // its tokens are bytes: prompts are long
	vocab  = 259   // unknown, begin, end, and 256 bytes
)

// TinyModel returns a language model of the llama architecture as a GGUF file: one block, byte tokens, random weights.
// A server whose grammar holds its answers to a JSON Schema gets valid JSON from it, and nothing that means anything.
//
// Format: github.com/ggml-org/ggml, docs/gguf.md, version 3.
func TinyModel(seed uint64) []byte {
	var w gguf
	w.text("general.architecture", "llama")
	w.text("general.name", "tiny random weights")
	w.number("llama.block_count", 1)
	w.number("llama.context_length", window)
	w.number("llama.embedding_length", width)
	w.number("llama.feed_forward_length", hidden)
	w.number("llama.attention.head_count", heads)
	w.number("llama.attention.head_count_kv", heads)
	w.number("llama.rope.dimension_count", width/heads)
	w.number("llama.vocab_size", vocab)
	w.fraction("llama.attention.layer_norm_rms_epsilon", 1e-5)
	w.text("tokenizer.ggml.model", "llama")
	w.tokens()
	w.number("tokenizer.ggml.unknown_token_id", 0)
	w.number("tokenizer.ggml.bos_token_id", 1)
	w.number("tokenizer.ggml.eos_token_id", 2)

	rng := rand.New(rand.NewPCG(seed, 0))
	w.tensor(rng, "token_embd.weight", width, vocab)
	w.tensor(rng, "blk.0.attn_norm.weight", width)
	for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
		w.tensor(rng, "blk.0."+name+".weight", width, width)
	}
	w.tensor(rng, "blk.0.ffn_norm.weight", width)
	w.tensor(rng, "blk.0.ffn_gate.weight", width, hidden)
	w.tensor(rng, "blk.0.ffn_up.weight", width, hidden)
	w.tensor(rng, "blk.0.ffn_down.weight", hidden, width)
	w.tensor(rng, "output_norm.weight", width)
	w.tensor(rng, "output.weight", width, vocab)
	return w.file()
}

// gguf collects the parts of a file: metadata, the table of tensors, and their data.
type gguf struct {
	meta, table, data bytes.Buffer
	values, tensors   uint64
}

// The types of metadata that are used here.
const (
	typeUint32  = 4
	typeInt32   = 5
	typeFloat32 = 6
	typeString  = 8
	typeArray   = 9
)

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		if s, ok := v.(string); ok {
			put(b, uint64(len(s)), []byte(s))
			continue
		}
		if err := binary.Write(b, binary.LittleEndian, v); err != nil {
			panic(err) // a type that has no size: ours
		}
	}
}

func (w *gguf) value(key string, kind uint32, values ...any) {
	put(&w.meta, key, kind)
	put(&w.meta, values...)
	w.values++
}

func (w *gguf) text(key, value string)             { w.value(key, typeString, value) }
func (w *gguf) number(key string, value uint32)    { w.value(key, typeUint32, value) }
func (w *gguf) fraction(key string, value float32) { w.value(key, typeFloat32, value) }
func (w *gguf) list(key string, kind uint32, v []any) {
	w.value(key, typeArray, append([]any{kind, uint64(len(v))}, v...)...)
}

// tokens writes the vocabulary: three special tokens, then one for each byte.
func (w *gguf) tokens() {
	const unknown, control, single = 2, 3, 6 // kinds of tokens
	names := []any{"<unk>", "<s>", "</s>"}
	kinds := []any{int32(unknown), int32(control), int32(control)}
	for b := range 256 {
		names = append(names, fmt.Sprintf("<0x%02X>", b))
		kinds = append(kinds, int32(single))
	}
	scores := make([]any, vocab)
	for i := range scores {
		scores[i] = float32(0)
	}
	w.list("tokenizer.ggml.tokens", typeString, names)
	w.list("tokenizer.ggml.scores", typeFloat32, scores)
	w.list("tokenizer.ggml.token_type", typeInt32, kinds)
}

const alignment = 32

// tensor adds random 32-bit numbers; the innermost dimension comes first.
func (w *gguf) tensor(rng *rand.Rand, name string, shape ...uint64) {
	const float32s = 0
	put(&w.table, name, uint32(len(shape)), shape, uint32(float32s), uint64(w.data.Len()))
	size := uint64(1)
	for _, n := range shape {
		size *= n
	}
	const spread = 0.2 // small enough for the output to stay varied
	for range size {
		put(&w.data, float32(rng.NormFloat64()*spread))
	}
	pad(&w.data)
	w.tensors++
}

func pad(b *bytes.Buffer) { b.Write(make([]byte, (alignment-b.Len()%alignment)%alignment)) }

func (w *gguf) file() []byte {
	var out bytes.Buffer
	out.WriteString("GGUF")
	put(&out, uint32(3), w.tensors, w.values)
	out.Write(w.meta.Bytes())
	out.Write(w.table.Bytes())
	pad(&out)
	out.Write(w.data.Bytes())
	return out.Bytes()
}
