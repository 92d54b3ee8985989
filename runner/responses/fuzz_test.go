package responses

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
)

// A line is read as it was written, or not at all.
func FuzzLine(f *testing.F) {
	intent, err := encodeLine("intend", bodiless(send(3)))
	if err != nil {
		f.Fatal(err)
	}
	end, err := encodeLine("settle", settled{"x/1", answered(1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendLine(nil, 3, intent), 200)
	f.Add(appendLine(nil, 0, end), 13)
	f.Add(appendLine(nil, 1, []byte(`"intend":{},"settle":{}}`)), 0)
	f.Add(appendLine(nil, 1, []byte(`"intend":null}`)), 0)
	f.Add(appendLine(nil, -1, []byte(`"settle":{"id":"x/1"}}`)), 0)
	f.Fuzz(func(t *testing.T, b []byte, bit int) {
		b = bytes.TrimSuffix(b, []byte{'\n'})
		first, err := parseLine(b)
		if forged, err := parseLine(bytes.TrimSuffix(appendLine(nil, 1, b), []byte{'\n'})); err == nil && (forged.Intend == nil) == (forged.Settle == nil) {
			t.Fatalf("%q is a line with nothing or two things", b)
		}
		if err != nil {
			return
		}
		what, v := "intend", any(first.Intend)
		if first.Intend == nil {
			what, v = "settle", first.Settle
		}
		body, err := encodeLine(what, v)
		if err != nil {
			return // longer than it was: escapes
		}
		again, err := parseLine(bytes.TrimSuffix(appendLine(nil, first.Sends, body), []byte{'\n'}))
		if err != nil || cmp.Diff(first, again) != "" {
			t.Fatalf("%q comes back as %+v, %v", b, again, err)
		}
		flipped := bytes.Clone(b)
		at := int(uint(bit) % uint(8*len(b)))
		flipped[at/8] ^= 1 << (at % 8)
		if _, err := parseLine(flipped); err == nil {
			t.Fatalf("bit %d of %q changes nothing", at, b)
		}
	})
}

// No journal makes reading panic, hang or tell of more sends than it can hold.
func FuzzJournal(f *testing.F) {
	_, path, lines := mixed(f)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add(bytes.Join(lines[3:], nil))
	f.Add(appendLine(nil, 1, []byte(`"settle":{"id":"j/1"}}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		a := account{elsewhere: map[string]*plugins.Settlement{}, each: func(plugins.Send, *plugins.Settlement, bool) error { n++; return nil }}
		damaged, err := a.journal(bytes.NewReader(b), "j", false)
		if err != nil {
			t.Fatal(err)
		}
		if n+len(a.unsettled) > len(b)/minLine+len(damaged) {
			t.Fatalf("%d sends in %d bytes", n, len(b))
		}
	})
}

// No bytes make the reader of recordings panic, and what it reads is what was written.
func FuzzRecording(f *testing.F) {
	s := opened(f, f.TempDir(), Options{})
	ask(f, s, 0, 3)
	b, _ := export(f, s, keysTo(3), nil)
	f.Add(b)
	f.Add(forged([]byte("{\"key\":\"a\",\"body\":2,\"request\":3}\nxy\nabc\n"), nil))
	f.Add([]byte("{\"key\":\"a\",\"body\":1}\nx\n{\"key\":\"b\",\"body\":0}\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		readAll(b)
		// the same bytes behind right hashes
		forged := forged(b, func(h *blockHead) {
			var m meta
			head, _, _ := bytes.Cut(b, []byte{'\n'})
			if json.Unmarshal(head, &m) == nil {
				h.First = m.Key
			}
			h.Records = 1 + bytes.Count(b, []byte("\n{"))
		})
		r, err := newRecording(bytes.NewReader(forged), int64(len(forged)))
		if err != nil {
			return
		}
		for rec, err := range r.Records() {
			if err != nil {
				return
			}
			got, err := r.Record(rec.Key)
			if err != nil || cmp.Diff(rec, got) != "" {
				t.Fatalf("record %q: %v, %v", rec.Key, got, err)
			}
		}
	})
}

// Stored answers come back as they were put.
func FuzzPack(f *testing.F) {
	f.Add([]byte("body"), []byte("request"), false, "stop")
	f.Add([]byte{}, []byte{}, true, "length")
	f.Fuzz(func(t *testing.T, body, request []byte, restricted bool, stop string) {
		a := answer(1)
		a.Body, a.Stop = body, string(bytes.ToValidUTF8([]byte(stop), nil))
		in := &Record{Key: "k", Request: request, Restricted: restricted, Answer: a}
		facts, b, err := pack(in, "j/1")
		if err != nil {
			t.Fatal(err)
		}
		out, err := unpack("k", facts, b)
		if len(request) == 0 || restricted {
			in.Request = nil
		}
		if err != nil || cmp.Diff(in, out) != "" {
			t.Fatalf("%v: %s", err, cmp.Diff(in, out))
		}
		if _, err := unpack("k", facts, b[:len(b)-1]); err == nil {
			t.Fatal("a cut body is read")
		}
		if _, err := unpack("k", []byte(`{"body":1000000000000}`), b); !errors.Is(err, errSizes) {
			t.Fatal(err)
		}
	})
}
