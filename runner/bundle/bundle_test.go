package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/runner/record"
)

var when = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

func contents() (Index, []File) {
	ix := Index{Experiment: "study", Version: 3, Entry: "experiment/study.cue", ResolvedHash: strings.Repeat("a", 64), Recording: "none"}
	return ix, []File{
		{Name: "version/manifest.json", Data: []byte("{}\n")},
		{Name: "experiment/study.cue", Data: []byte("name: \"study\"\n")},
		{Name: "version/tables/t.md", Data: bytes.Repeat([]byte("| x |\n"), 500)},
		{Name: "answers.recording", Data: []byte{0, 1, 2, 255}},
	}
}

func packed(t *testing.T) []byte {
	t.Helper()
	ix, files := contents()
	var b bytes.Buffer
	if err := Write(&b, ix, files, when); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpack unpacks bytes into a folder of its own, and checks that nothing is left outside of it or, after an error, in it.
func unpack(t *testing.T, raw []byte) (*Index, string, error) {
	t.Helper()
	outer := t.TempDir()
	file, folder := filepath.Join(outer, "b.zip"), filepath.Join(outer, "inner")
	if err := os.WriteFile(file, raw, 0o666); err != nil {
		t.Fatal(err)
	}
	ix, err := Unpack(file, folder)
	left, readErr := os.ReadDir(outer)
	if readErr != nil {
		t.Fatal(readErr)
	}
	for _, e := range left {
		if e.Name() != "b.zip" && (e.Name() != "inner" || err != nil) {
			t.Errorf("%s is there, after %v", e.Name(), err)
		}
	}
	return ix, folder, err
}

func TestABundleUnpacksAsItWasPacked(t *testing.T) {
	raw := packed(t)
	if !bytes.Equal(raw, packed(t)) {
		t.Error("equal contents give other bytes")
	}
	ix, folder, err := unpack(t, raw)
	if err != nil {
		t.Fatal(err)
	}
	want, files := contents()
	if ix.Experiment != want.Experiment || ix.Version != 3 || ix.Entry != want.Entry || len(ix.Files) != len(files) || ix.Files[0].Role != "answers.recording" {
		t.Errorf("%+v", ix)
	}
	for _, f := range files {
		got, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(f.Name)))
		if err != nil || !bytes.Equal(got, f.Data) {
			t.Errorf("%s: %q, %v", f.Name, got, err)
		}
	}
	file := filepath.Join(t.TempDir(), "again.zip")
	if err := os.WriteFile(file, raw, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(file, folder); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a folder that holds something: %v", err)
	}
}

func TestNamesThatArePacked(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "../x", "a/../../x", "/x", "a//x", "a/", `a\x`, "C:x", "a/nul.txt", "CON", "a.", "a /x", "a\x00", "a\nb", strings.Repeat("x", 401), "a/./b",
	} {
		if checkName(name) == nil {
			t.Errorf("%q can be packed", name)
		}
		var b bytes.Buffer
		if err := Write(&b, Index{}, []File{{Name: name}}, when); err == nil {
			t.Errorf("%q was packed", name)
		}
	}
	for _, name := range []string{"experiment/study.cue", "version/plots/a-b_c.svg", "version/..x"} {
		if err := checkName(name); err != nil {
			t.Error(err)
		}
	}
}

// entry is a file of a hand-made archive.
type entry struct {
	name string
	data []byte
	mode fs.FileMode
}

// archive makes a ZIP file with an index that is right for its files, unless the index is given.
func archive(t *testing.T, index *Index, entries ...entry) []byte {
	t.Helper()
	if index == nil {
		ix, _ := contents()
		index = &ix
		index.Format = format
	}
	ix := *index
	if ix.Files == nil {
		for _, e := range entries {
			sum := sha256.Sum256(e.data)
			ix.Files = append(ix.Files, record.FileInfo{Role: e.name, Bytes: int64(len(e.data)), SHA256: hex.EncodeToString(sum[:])})
		}
	}
	raw, err := json.Marshal(ix)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range append([]entry{{name: IndexFile, data: raw}}, entries...) {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(0o644 | e.mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBundlesOfStrangersAreRefused(t *testing.T) {
	good := entry{name: "experiment/study.cue", data: []byte("x")}
	ix, _ := contents()
	ix.Format = format
	edited := func(edit func(*Index)) *Index {
		out := ix
		edit(&out)
		return &out
	}
	hash := hex.EncodeToString(make([]byte, 32))
	add := func(name, want string, raw []byte) {
		t.Run(name, func(t *testing.T) {
			if _, _, err := unpack(t, raw); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
	add("no archive", "no bundle of ehrlab", []byte("hello"))
	add("empty", "no bundle of ehrlab", nil)
	add("another archive", "no bundle of ehrlab", func() []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		if _, err := z.Create("x"); err != nil {
			t.Fatal(err)
		}
		z.Close()
		return b.Bytes()
	}())
	for _, name := range []string{"../evil", "experiment/../../evil", "/evil", `experiment\..\evil`, "C:/evil", "experiment/aux.cue"} {
		add("name "+strings.ReplaceAll(name, "/", "|"), "file name", archive(t, nil, good, entry{name: name, data: []byte("x")}))
	}
	add("link", "no plain file", archive(t, nil, entry{name: "experiment/link", data: []byte("/etc/passwd"), mode: fs.ModeSymlink}))
	add("folder", "file name", archive(t, nil, good, entry{name: "version/", mode: fs.ModeDir}))
	add("twice", "twice", archive(t, nil, good, entry{name: "experiment/STUDY.cue", data: []byte("y")}))
	add("told of twice", `tells of "experiment/study.cue" twice`, archive(t, edited(func(ix *Index) {
		sum := sha256.Sum256(good.data)
		info := record.FileInfo{Role: good.name, Bytes: 1, SHA256: hex.EncodeToString(sum[:])}
		ix.Files = []record.FileInfo{info, info}
	}), good, entry{name: "experiment/other.cue", data: []byte("y")}))
	add("no experiment", `file "experiment/study.cue" is missing`, archive(t, nil, entry{name: "experiment/other.cue", data: []byte("y")}))
	add("file and folder", "", archive(t, nil, good, entry{name: "experiment/study.cue/x", data: []byte("y")}))
	add("bomb", "more than a bundle holds", declared(t, archive(t, nil, good), 1<<31-1))
	add("shorter than packed", "are due", declared(t, archive(t, nil, entry{name: good.name, data: bytes.Repeat([]byte("ab"), 500)}), 900))
	add("unlisted", "tells of 0", archive(t, edited(func(ix *Index) { ix.Files = []record.FileInfo{} }), good))
	add("missing", "is missing", archive(t, edited(func(ix *Index) { ix.Files = []record.FileInfo{{Role: "version/x", SHA256: hash}} }), good))
	add("elsewhere", "no part", archive(t, nil, entry{name: "other/x", data: []byte("x")}))
	add("hash", "does not match its hash", archive(t, edited(func(ix *Index) { ix.Files = []record.FileInfo{{Role: good.name, Bytes: 1, SHA256: hash}} }), good))
	add("size", "are due", archive(t, edited(func(ix *Index) { ix.Files = []record.FileInfo{{Role: good.name, Bytes: 7, SHA256: hash}} }), good))
	add("format", "use another ehrlab", archive(t, edited(func(ix *Index) { ix.Format = 99 }), good))
	add("experiment", "name", archive(t, edited(func(ix *Index) { ix.Experiment = "../x" }), good))
	add("entry", "entry", archive(t, edited(func(ix *Index) { ix.Entry = "../x.cue" }), good))
	add("entry elsewhere", "entry", archive(t, edited(func(ix *Index) { ix.Entry = "version/x.cue" }), good))
	if _, _, err := unpack(t, archive(t, nil, good)); err != nil {
		t.Errorf("the archive that the others differ from: %v", err)
	}
}

// declared gives the last file of an archive another decompressed size, in its central record.
func declared(t *testing.T, raw []byte, size uint32) []byte {
	t.Helper()
	raw = bytes.Clone(raw)
	at := bytes.LastIndex(raw, []byte("PK\x01\x02"))
	if at < 0 {
		t.Fatal("no central record")
	}
	for i := range 4 {
		raw[at+24+i] = byte(size >> (8 * i))
	}
	return raw
}

// TestDamageIsFound cuts a bundle and flips its bits: each is an error, or changes nothing that is unpacked.
func TestDamageIsFound(t *testing.T) {
	raw := packed(t)
	for n := 0; n < len(raw); n += 1 + len(raw)/60 {
		if _, _, err := unpack(t, raw[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes", n, len(raw))
		}
	}
	_, files := contents()
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 300 {
		bad := bytes.Clone(raw)
		bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		_, folder, err := unpack(t, bad)
		if err != nil {
			refused++
			continue
		}
		for _, f := range files { // a time or an attribute is nothing that matters
			if got, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(f.Name))); err != nil || !bytes.Equal(got, f.Data) {
				t.Fatalf("%s is another one: %v", f.Name, err)
			}
		}
	}
	if refused < 150 {
		t.Errorf("%d of 300 damaged bundles were refused", refused)
	}
}

func FuzzUnpack(f *testing.F) {
	var b bytes.Buffer
	ix, files := contents()
	if err := Write(&b, ix, files, when); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(fmt.Sprintf("PK%s", "\x05\x06")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _, _ = unpack(t, raw)
	})
}
