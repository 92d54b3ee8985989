package client

import (
	"io"
	"net/http"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
)

// Peek knows the key before there is an answer, and sends nothing to learn it.
func TestPeek(t *testing.T) {
	refusals := 1
	server := serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if refusals--; refusals >= 0 {
			io.WriteString(w, completion("", "content_filter", "gpt-test-2025-01-01", 10, 1))
			return
		}
		answering("x")(w, r, body)
	})
	b := setup(t, newMemory(), nil, chat(t, server.URL, nil))
	peek := func(r plugins.Request) (string, bool) {
		t.Helper()
		seen, err := b.Peek(t.Context(), anyone, "m", r, 1)
		if err != nil {
			t.Fatal(err)
		}
		return seen[0].Key, seen[0].Stored
	}
	before, stored := peek(asking("hello"))
	if stored || len(before) != 64 || server.requests.Load() != 0 || len(b.store.sends) != 0 {
		t.Errorf("%s, stored %v, %d requests", before, stored, server.requests.Load())
	}
	m, used := b.open(anyone)
	if _, err := m.Complete(t.Context(), asking("hello")); err != nil {
		t.Fatal(err)
	}
	after, stored := peek(asking("hello"))
	if keys := used()[0].Responses; !stored || after == before || len(keys) != 2 || keys[0] != min(before, after) || keys[1] != max(before, after) {
		t.Errorf("%s before the refusal and %s after it (stored %v), used %v", before, after, stored, keys)
	}
	other := asking("hello")
	other.Ordinal = 1
	key, stored := peek(other)
	if stored || key == before {
		t.Errorf("%s, stored %v", key, stored)
	}
	if both, err := b.Peek(t.Context(), anyone, "m", asking("hello"), 2); err != nil || both[0] != (Peeked{after, true}) || both[1] != (Peeked{key, false}) {
		t.Errorf("%+v, %v: want %s stored, and %s", both, err, after, key)
	}
	if _, err := b.Peek(t.Context(), anyone, "none", other, 1); err == nil {
		t.Error("a model that there is not")
	}
	if n := server.requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}
