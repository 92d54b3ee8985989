package cache

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// Output is what a step made.
type Output struct {
	Bytes   []byte          // encoded; not kept after Put returns
	Digest  Hash            // of the decoded content; empty: of Bytes
	Facts   json.RawMessage // small facts to be had without the output, at most 1 MiB; may be nil
	Elapsed time.Duration   // that the step took
}

const maxFacts = 1 << 20

// ConflictError says that a key has an output already, and that it differs from a new one: the step is not
// a pure function of its recipe. The stored output stays.
type ConflictError struct {
	Key            Key
	Stage, Plugin  string
	Stored, Differ Hash // digests
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s %q made another output than before from equal inputs (key %.12s: digest %.12s, now %.12s): it is not deterministic",
		e.Stage, e.Plugin, e.Key, e.Stored, e.Differ)
}

// Put stores the output of a step and returns when it is durable.
//
// To put an equal output again is harmless. When the key has an output with another digest, that one stays
// and Put returns it together with a *ConflictError. Any other error means that nothing was recorded; the
// cache stays usable. ctx is looked at before writing begins: what has begun is finished.
func (c *Cache) Put(ctx context.Context, r *Recipe, out Output) (Entry, error) {
	if c.readOnly {
		return Entry{}, ErrReadOnly
	}
	recipe := r.Canonical()
	h := entryHead{
		key: sha256.Sum256(recipe), stored: sha256.Sum256(out.Bytes), size: int64(len(out.Bytes)),
		created: c.now().UnixNano(), elapsed: out.Elapsed, external: len(out.Bytes) > inlineMax,
		facts: uint32(len(out.Facts)), stage: []byte(r.Stage), plugin: []byte(r.Plugin),
	}
	if err := h.check(&out, len(recipe)); err != nil {
		return Entry{}, err
	}
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	c.puts.RLock()
	defer c.puts.RUnlock()
	if e, done, err := c.present(&h); done {
		return e, err
	}
	data := out.Bytes
	if h.external {
		if err := c.writeObject(ctx, h.stored, data); err != nil {
			return Entry{}, fmt.Errorf("store output: %w", err)
		}
		data = nil
	}
	tail := append(append(make([]byte, 0, len(out.Facts)+len(recipe)), out.Facts...), recipe...)
	if err := c.write(newWrite(typeEntry, h.encode(), tail, data)); err != nil {
		return Entry{}, fmt.Errorf("store output: %w", err)
	}
	if e, done, err := c.present(&h); done {
		return e, err // ours, or that of another goroutine which was first
	}
	return h.entry(), nil // set aside already: another goroutine has found it damaged
}

// check fails when an output cannot be stored as it is, and completes the digest.
func (h *entryHead) check(out *Output, recipe int) error {
	switch {
	case len(h.stage) > maxName || len(h.plugin) > maxName:
		return fmt.Errorf("names of stage and plugin are longer than %d bytes", maxName)
	case len(out.Facts) > maxFacts:
		return fmt.Errorf("facts take %d bytes and may take %d: they are kept beside the output", len(out.Facts), maxFacts)
	case len(out.Facts) > 0 && !json.Valid(out.Facts):
		return errors.New("facts are no JSON")
	case recipe > math.MaxInt32/2:
		return fmt.Errorf("the recipe takes %d bytes", recipe)
	}
	h.digest = h.stored
	if out.Digest != "" {
		var ok bool
		if h.digest, ok = parseSum(string(out.Digest)); !ok {
			return fmt.Errorf("digest %q is no SHA-256 in lower-case hex", out.Digest)
		}
	}
	return nil
}

// present returns the entry of a key that is stored already, and whether there is one.
func (c *Cache) present(h *entryHead) (Entry, bool, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r := c.index.find(&h.key)
	if r == nil {
		return Entry{}, false, nil
	}
	e := c.index.entry(Key(hexOf(h.key)), r)
	if r.digest != h.digest {
		return e, true, &ConflictError{e.Key, e.Stage, e.Plugin, e.Digest, Hash(hexOf(h.digest))}
	}
	return e, true, nil
}
