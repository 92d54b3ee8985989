package cache

import (
	"bytes"
	"testing"
	"time"
)

func TestHeadsRoundTrip(t *testing.T) {
	h := entryHead{
		key: sum{1}, digest: sum{2}, stored: sum{3}, size: 4, created: -5, elapsed: 6 * time.Second,
		external: true, facts: 7, stage: []byte("measure"), plugin: []byte("ks"),
	}
	var back entryHead
	b := h.encode()
	if !back.decode(b) || !bytes.Equal(back.encode(), b) || back.size != 4 || string(back.plugin) != "ks" || back.created != -5 {
		t.Errorf("%+v became %+v", h, back)
	}
	for n := range b {
		if back.decode(b[:n]) {
			t.Errorf("a head of %d of %d bytes was accepted", n, len(b))
		}
	}
	v := voided{place{1, 2}, sum{3}}
	if var2 := (voided{}); !var2.decode(v.encode()) || var2 != v {
		t.Errorf("%+v became %+v", v, var2)
	}
	m := memo{fileID{1, 2, 3, -4, 5}, sum{6}}
	if m2 := (memo{}); !m2.decode(m.encode()) || m2 != m {
		t.Errorf("%+v became %+v", m, m2)
	}
	if len(newFrame(typeMemo, m.encode(), nil, nil)) != memoFrame {
		t.Error("memoFrame is not the size of a memo's frame")
	}
}

// A frame counts only in its own place of its own pack.
func TestAFrameInsideAnOutputIsNotMistaken(t *testing.T) {
	h := entryHead{key: sum{9}}
	inner := newFrame(typeEntry, h.encode(), nil, nil)
	seal(inner, 1, 64)
	for _, p := range []place{{2, 64}, {1, 72}} {
		if _, err := parseFrame(inner, p.salt, p.offset); err == nil {
			t.Errorf("accepted at %+v", p)
		}
	}
	if _, err := parseFrame(inner, 1, 64); err != nil {
		t.Error(err)
	}
}

// FuzzScan reads arbitrary bytes as a pack, between two good frames.
func FuzzScan(f *testing.F) {
	const salt = 77
	m := memo{fileID{1, 2, 3, 4, 5}, sum{6}}
	good := newFrame(typeMemo, m.encode(), nil, nil)
	h := entryHead{key: sum{1}, stage: []byte("s"), plugin: []byte("p")}
	entry := newFrame(typeEntry, h.encode(), []byte("{}"), []byte("data"))
	seal(entry, salt, int64(len(good)))
	f.Add(entry)
	f.Add(entry[:len(entry)-1])
	f.Add(bytes.Repeat(entry, 2))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte("ehrF"), 20))
	f.Fuzz(func(t *testing.T, middle []byte) {
		middle = append(middle, make([]byte, padding(len(middle)))...)
		all := append(sealed(good, salt, 0), middle...)
		last := int64(len(all))
		all = append(all, sealed(good, salt, last)...)
		first, end := false, false
		x := newIndex()
		x.addPack(&pack{salt: salt})
		next, gaps, err := scan(bytes.NewReader(all), salt, 0, int64(len(all)), func(fr frame) error {
			first = first || fr.offset == 0
			end = end || fr.offset == last
			x.add(0, fr.item())
			return nil
		})
		if err != nil || !first {
			t.Fatalf("first frame found: %v; %v", first, err)
		}
		// only a valid frame of the middle can reach over the last one
		if !end || next != int64(len(all)) || len(gaps) > 1+len(middle)/frameHeader {
			t.Fatalf("last frame found: %v; scanned %d of %d; %d gaps", end, next, len(all), len(gaps))
		}
		for _, r := range x.sorted() {
			if x.find(&r.key) == nil {
				t.Fatal("an entry cannot be found")
			}
		}
	})
}

func sealed(frame []byte, salt uint64, offset int64) []byte {
	b := bytes.Clone(frame)
	seal(b, salt, offset)
	return b
}

// FuzzIdx reads arbitrary bytes as an idx file.
func FuzzIdx(f *testing.F) {
	h := entryHead{key: sum{1}, stage: []byte("s"), plugin: []byte("p")}
	b := appendItem(newBlock(0), item{typeEntry, 16, 200, h.encode()})
	sealBlock(b, 5, 16, 216)
	f.Add(b)
	f.Add(append(bytes.Clone(b), b...))
	f.Add(b[:50])
	f.Fuzz(func(t *testing.T, data []byte) {
		w := window{r: bytes.NewReader(data), end: int64(len(data))}
		x := newIndex()
		p := &pack{salt: 5, size: 300}
		at := x.addPack(p)
		to, n, err := readBlock(&w, 0, p, 16, func(it item) { x.add(at, it) })
		if err != nil || n < 0 || n > int64(len(data)) || n > 0 && (to < 16 || to > p.size) {
			t.Fatalf("to %d, %d of %d bytes, %v", to, n, len(data), err)
		}
	})
}
