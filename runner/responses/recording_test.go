package responses

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/ehrlab/ehrlab/plugins"
)

// keysTo returns the first n keys.
func keysTo(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = key(i)
	}
	return keys
}

// export exports and returns the bytes.
func export(t testing.TB, s *Store, keys []string, restricted func(string) bool) ([]byte, Exported) {
	t.Helper()
	var b bytes.Buffer
	told, err := s.Export(&b, keys, restricted)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), told
}

// recorded opens a recording of some bytes.
func recorded(t testing.TB, b []byte) *Recording {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.zst")
	write(t, path, b)
	r, err := OpenRecording(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestRecording(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	ask(t, s, 0, 20)
	refused := answered(20)
	refused.Outcome = plugins.Declined
	settle(t, s, intend(t, s, send(20)), refused)
	b, told := export(t, s, keysTo(21), nil)
	if (told != Exported{Answers: 21}) {
		t.Errorf("%+v", told)
	}
	r := recorded(t, b)
	want(t, r, 0, 20)
	if a, err := r.Answer(key(20)); err != nil || a == nil || !a.Refusal {
		t.Errorf("evidence: %+v, %v", a, err)
	}
	for _, k := range []string{key(21), "", "0", "~", strings.Repeat("f", 64)} {
		if a, err := r.Answer(k); a != nil || err != nil {
			t.Errorf("key %q: %v, %v", k, a, err)
		}
	}
	n, last := 0, ""
	for rec, err := range r.Records() {
		if err != nil {
			t.Fatal(err)
		}
		stored, err := s.Record(rec.Key)
		if diff := cmp.Diff(stored, rec); diff != "" || err != nil || rec.Key <= last || rec.Request == nil {
			t.Errorf("record %q: %s, %v", rec.Key, diff, err)
		}
		n, last = n+1, rec.Key
	}
	if n != 21 || r.Len() != 21 {
		t.Errorf("%d records, Len %d", n, r.Len())
	}
	if _, err := r.Intend(send(0)); !errors.Is(err, ErrReplay) {
		t.Errorf("intend: %v", err)
	}
	if err := r.Settle("x/1", answered(0)); !errors.Is(err, ErrReplay) {
		t.Errorf("settle: %v", err)
	}
	if lines, err := Usage(r, ""); err != nil || len(lines) > 0 {
		t.Errorf("usage: %v, %v", lines, err)
	}
}

// Equal answers give equal bytes, whatever the order of asking and of keys, the process and the sends that were lost.
func TestRecordingsAreDeterministic(t *testing.T) {
	a, b := opened(t, t.TempDir(), Options{}), opened(t, t.TempDir(), Options{})
	ask(t, a, 0, 30)
	for i := 40; i >= 0; i-- {
		intend(t, b, send(i))
		ask(t, b, i, i+1)
	}
	keys := keysTo(30)
	first, _ := export(t, a, keys, nil)
	slices.Reverse(keys)
	second, _ := export(t, b, append(keys, keys[:7]...), nil)
	if !bytes.Equal(first, second) {
		t.Error("the bytes differ")
	}
}

func TestRestrictedRequestsAreNotExported(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir, Options{})
	ask(t, s, 0, 3)
	other := opened(t, dir, Options{})
	again := send(1) // the same request on behalf of restricted data, later, elsewhere, without success
	again.Restricted, again.Experiment = true, "other"
	intend(t, other, again)
	b, told := export(t, s, keysTo(3), func(k string) bool { return k == key(2) })
	if (told != Exported{Answers: 3, Restricted: 2}) {
		t.Errorf("%+v", told)
	}
	r := recorded(t, b)
	for i := range 3 {
		rec, err := r.Record(key(i))
		if err != nil || rec.Restricted != (i > 0) || (rec.Request == nil) != (i > 0) || rec.Hash != send(i).Hash {
			t.Errorf("record %d: %+v, %v", i, rec, err)
		}
	}
	raw := unzip(t, b)
	for i := range 3 {
		if bytes.Contains(raw, fmt.Appendf(nil, "row %d", i)) != (i == 0) {
			t.Errorf("request %d is in the file, or is not", i)
		}
	}
}

// unzip decompresses a recording as any tool for zstd would.
func unzip(t testing.TB, b []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	raw, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestExportOfWhatIsMissing(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	ask(t, s, 0, 3)
	var b bytes.Buffer
	_, err := s.Export(&b, keysTo(5), nil)
	if err == nil || !strings.Contains(err.Error(), "2 of 5 answers") || b.Len() > 0 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
	if _, err := s.Export(&b, []string{"no key"}, nil); err == nil {
		t.Error("a key that is none")
	}
	if _, err := s.Export(brokenWriter{}, keysTo(3), nil); !errors.Is(err, errFault) {
		t.Errorf("a writer that fails: %v", err)
	}
	empty, _ := export(t, s, nil, nil)
	if r := recorded(t, empty); r.Len() != 0 {
		t.Errorf("%d answers in an empty recording", r.Len())
	} else if a, err := r.Answer(key(0)); a != nil || err != nil {
		t.Error(a, err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errFault }

// large makes a recording of several blocks: n answers of about 10 KB.
func large(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := recordingWriter{w: &b}
	keys := keysTo(n)
	slices.Sort(keys)
	for i, k := range keys {
		a := answer(i)
		a.Body = []byte(text(i, 10_000))
		r := &Record{Key: k, API: "openai-chat", Hash: hash([]byte(k)), Request: []byte(strings.Repeat("Write rows. ", 400) + text(-i-1, 1000)), Answer: a}
		if err := w.add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// text returns n bytes that compress as CSV does.
func text(seed, n int) string {
	rng := rand.New(rand.NewPCG(uint64(seed), 3))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d,%d.%d,F,%d\n", rng.IntN(90), rng.IntN(200), rng.IntN(10), rng.IntN(2))
	}
	return b.String()[:n]
}

func TestRecordingOfManyBlocks(t *testing.T) {
	const n = 400
	r := recorded(t, large(t, n))
	if len(r.blocks) < 4 || r.Len() != n {
		t.Fatalf("%d blocks, %d records: the test shows nothing", len(r.blocks), r.Len())
	}
	keys := keysTo(n)
	slices.Sort(keys)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for j := range keys {
				i := (j*7 + w*100) % n
				a, err := r.Answer(keys[i])
				if err != nil || a == nil || string(a.Body) != text(i, 10_000) {
					t.Errorf("answer %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	// what callers do with an answer changes no other
	a, _ := r.Answer(keys[0])
	clear(a.Body)
	if b, _ := r.Answer(keys[0]); string(b.Body) != text(0, 10_000) {
		t.Error("callers share memory")
	}
}

// Few blocks are kept when all are large.
func TestKeptBlocksAreBounded(t *testing.T) {
	var b bytes.Buffer
	w := recordingWriter{w: &b}
	for i := range 5 {
		a := answer(i)
		a.Body = bytes.Repeat([]byte{byte(i)}, 50<<20)
		if err := w.add(&Record{Key: fmt.Sprint(i), Answer: a}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	r := recorded(t, b.Bytes())
	for i := range 5 {
		if a, err := r.Answer(fmt.Sprint(i)); err != nil || len(a.Body) != 50<<20 || a.Body[7] != byte(i) {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	if len(r.kept) > 2 || len(r.order) != len(r.kept) || r.keptSize > maxKeptBytes {
		t.Errorf("%d blocks of %d bytes are kept", len(r.kept), r.keptSize)
	}
}

func TestDamagedRecordings(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	ask(t, s, 0, 5)
	good, _ := export(t, s, keysTo(5), nil)
	path := filepath.Join(t.TempDir(), "r.zst")
	try := func(what string, b []byte) {
		t.Helper()
		write(t, path, b)
		r, err := OpenRecording(path)
		if err == nil {
			r.Close()
			t.Errorf("%s: no error", what)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error names no file: %v", what, err)
		}
	}
	for size := range good {
		try(fmt.Sprintf("%d of %d bytes", size, len(good)), good[:size])
	}
	for bit := 0; bit < 8*len(good); bit += 5 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		try(fmt.Sprint("bit ", bit), b)
	}
	try("a byte more", append(bytes.Clone(good), 0))
	try("text", []byte(strings.Repeat("this is no recording\n", 50)))
	next := bytes.Clone(good)
	next[headSize-4] = 2
	try("format 2", next)
	write(t, path, next)
	if _, err := OpenRecording(path); err == nil || !strings.Contains(err.Error(), "format is 2") {
		t.Errorf("format 2: %v", err)
	}
	if _, err := OpenRecording(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// forged makes a recording whose hashes are right and whose blocks and table are as given.
func forged(block []byte, change func(*blockHead)) []byte {
	packed := fileEncoder().EncodeAll(block, nil)
	h := blockHead{First: "a", Records: 1, Size: int64(len(packed)), Raw: len(block), Hash: hash(packed)}
	if change != nil {
		change(&h)
	}
	line, _ := json.Marshal(h)
	table := fileEncoder().EncodeAll(append(line, '\n'), nil)
	return slices.Concat(recordingHead(), packed, table, recordingFoot(table, len(line)+1))
}

// What hashes cannot find: a recording that was made to do harm.
func TestForgedRecordings(t *testing.T) {
	record := func(head string, bodies string) []byte { return []byte(head + "\n" + bodies) }
	good := record(`{"key":"a","body":2,"request":3}`, "xy\nabc\n")
	for name, tt := range map[string]struct {
		block  []byte
		change func(*blockHead)
		ok     bool
	}{
		"good":                {block: good, ok: true},
		"no head":             {block: []byte("xyz")},
		"head is no JSON":     {block: record("xyz", "")},
		"another key":         {block: record(`{"key":"b","body":0}`, "\n")},
		"no key":              {block: record(`{"body":0}`, "\n"), change: func(h *blockHead) { h.First = "" }},
		"negative size":       {block: record(`{"key":"a","body":-1}`, "\n")},
		"size beyond the end": {block: record(`{"key":"a","body":9}`, "xy\n")},
		"huge size":           {block: record(`{"key":"a","body":9223372036854775807}`, "xy\n")},
		"huge request":        {block: record(`{"key":"a","body":2,"request":9223372036854775807}`, "xy\n")},
		"no end of the body":  {block: record(`{"key":"a","body":2}`, "xyz")},
		"restricted request":  {block: record(`{"key":"a","restricted":true,"body":2,"request":3}`, "xy\nabc\n")},
		"repeated key":        {block: slices.Concat(good, good), change: func(h *blockHead) { h.Records = 2 }},
		"more records":        {block: slices.Concat(good, good)},
		"fewer records":       {block: good, change: func(h *blockHead) { h.Records = 2 }},
		"many records":        {block: good, change: func(h *blockHead) { h.Records = maxRecords + 1 }},
		"raw too small":       {block: good, change: func(h *blockHead) { h.Raw-- }},
		"raw too large":       {block: good, change: func(h *blockHead) { h.Raw++ }},
		"raw huge":            {block: good, change: func(h *blockHead) { h.Raw = maxBlock + 1 }},
		"a bomb":              {block: make([]byte, 64<<20), change: func(h *blockHead) { h.Raw = 100 }},
		"size zero":           {block: good, change: func(h *blockHead) { h.Size = 0 }},
		"size huge":           {block: good, change: func(h *blockHead) { h.Size = 1 << 62 }},
		"size small":          {block: good, change: func(h *blockHead) { h.Size-- }},
		"another hash":        {block: good, change: func(h *blockHead) { h.Hash = hash(nil) }},
		"short hash":          {block: good, change: func(h *blockHead) { h.Hash = "00" }},
	} {
		b := forged(tt.block, tt.change)
		n, err := readAll(b)
		if tt.ok != (err == nil) || tt.ok && n != 1 {
			t.Errorf("%s: %d records, %v", name, n, err)
		}
	}
	for name, change := range map[string]func(foot []byte){
		"table of no bytes": func(b []byte) { binary.LittleEndian.PutUint64(b[8:], 0) },
		"table huge":        func(b []byte) { binary.LittleEndian.PutUint64(b[8:], 1<<63) },
		"table raw huge":    func(b []byte) { binary.LittleEndian.PutUint64(b[16:], 1<<63) },
		"table raw small":   func(b []byte) { b[16]-- },
	} {
		b := forged(good, nil)
		change(b[len(b)-footSize:])
		if _, err := readAll(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// readAll reads all that is in the bytes of a recording.
func readAll(b []byte) (n int, err error) {
	r, err := newRecording(bytes.NewReader(b), int64(len(b)))
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return 0, err
	}
	for _, err := range r.Records() {
		if err != nil {
			return n, err
		}
		n++
	}
	if n != r.Len() {
		return n, fmt.Errorf("%d records, Len %d", n, r.Len())
	}
	return n, nil
}
