package cache

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// putForever is the process that TestKill kills: four goroutines that put, and tell what they have put.
func putForever(dir string) {
	c, err := Open(dir, Options{})
	if err != nil {
		panic(err)
	}
	for w := range 4 {
		go func() {
			for i := w; ; i += 4 {
				if _, err := c.Put(context.Background(), recipe(i), output(i)); err != nil {
					panic(err)
				}
				os.Stdout.WriteString(strconv.Itoa(i) + "\n")
			}
		}()
	}
	select {}
}

func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	total := 0
	for round := range 6 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "EHRLAB_TEST_PUT_FOREVER="+dir)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(60+37*round) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // says "killed"
		c := open(t, dir, Options{})
		for lines := bufio.NewScanner(&out); lines.Scan(); total++ {
			i, err := strconv.Atoi(lines.Text())
			if err != nil {
				break // cut off in the middle of a line
			}
			want(t, c, i, i+1)
		}
		if rep, err := c.CheckAll(t.Context()); err != nil || len(rep.Damaged)+len(rep.Gaps) > 0 {
			t.Errorf("check: %+v, %v", rep, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if total < 10 {
		t.Fatalf("only %d outputs were put before the kills: the test shows nothing", total)
	}
	t.Logf("%d outputs were put", total)
}

// filled returns a folder with n small outputs in one pack, and the pack's path.
func filled(t testing.TB, n int) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	c := open(t, dir, Options{})
	put(t, c, 0, n)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, only(t, filepath.Join(dir, "packs/*.pack"))
}

// frames returns the offsets of the frames of a pack and its end.
func frames(t testing.TB, path string) []int64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := filepath.Base(path)
	salt, ok := packSalt(id[:len(id)-len(".pack")])
	if !ok {
		t.Fatalf("pack is called %s", path)
	}
	out := []int64{}
	end, gaps, err := scan(bytes.NewReader(b), salt, int64(len(packPreamble)), int64(len(b)), func(f frame) error {
		out = append(out, f.offset)
		return nil
	})
	if err != nil || len(gaps) > 0 || end != int64(len(b)) {
		t.Fatalf("scan: %d of %d bytes, %v, %v", end, len(b), gaps, err)
	}
	return append(out, end)
}

func TestTornTail(t *testing.T) {
	for _, idx := range []bool{true, false} {
		dir, path := filled(t, 5)
		at := frames(t, path)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !idx {
			os.Remove(only(t, filepath.Join(dir, "packs/*.idx")))
		}
		for size := at[3]; size < at[5]; size++ {
			if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
				t.Fatal(err)
			}
			c := open(t, dir, Options{ReadOnly: true})
			left := 3
			if size >= at[4] {
				left = 4
			}
			want(t, c, 0, left)
			if c.Len() != left {
				t.Fatalf("%d entries in %d bytes, want %d", c.Len(), size, left)
			}
			c.Close()
		}
		// what the crash lost is made again, in a new pack
		if err := os.WriteFile(path, whole[:at[5]-1], 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir, Options{})
		put(t, c, 0, 5)
		want(t, c, 0, 5)
		c.Close()
		want(t, open(t, dir, Options{ReadOnly: true}), 0, 5)
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, whole[:at[5]-1]) {
			t.Error("the torn pack was changed")
		}
	}
}

// Zeros at the end are what some file systems leave after a crash.
func TestZeroTail(t *testing.T) {
	dir, path := filled(t, 3)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(make([]byte, 5000))
	f.Close()
	want(t, open(t, dir, Options{}), 0, 3)
}

// every returns a stride that visits about n of total positions, at all offsets modulo 8.
func every(total, n int) int { return max(1, total/n)/8*8 + 7 }

func TestNoBitFlipYieldsAWrongOutput(t *testing.T) {
	dir, path := filled(t, 9) // the last is an object
	for _, file := range []string{path, only(t, filepath.Join(dir, "packs/*.idx")), objectFile(t, dir)} {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bits := 8 * len(whole)
		found := 0
		for bit := 0; bit < bits; bit += every(bits, 600) {
			flip(t, file, bit)
			found += checkFlipped(t, dir, file == path)
			if err := os.WriteFile(file, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				t.Fatalf("bit %d of %s", bit, filepath.Base(file))
			}
		}
		if idx := filepath.Ext(file) == ".idx"; idx != (found == 0) {
			t.Errorf("%d flips of %s were found", found, filepath.Base(file))
		}
	}
}

// checkFlipped reads everything after one bit was changed, and returns how many outputs were lost.
func checkFlipped(t *testing.T, dir string, pack bool) (lost int) {
	c := open(t, dir, Options{ReadOnly: true})
	defer c.Close()
	for i := range 9 {
		got, _, err := c.Get(recipe(i).Key())
		var bad *DamagedError
		switch {
		case err == nil && !bytes.Equal(got, content(i)):
			t.Errorf("output %d is wrong", i)
		case err == nil:
		case errors.As(err, &bad), errors.Is(err, ErrMiss):
			lost++
		default:
			t.Errorf("output %d: %v", i, err)
		}
		if r, err := c.Recipe(recipe(i).Key()); err == nil && r.Key() != recipe(i).Key() {
			t.Errorf("recipe %d is wrong", i)
		}
	}
	if lost > 1 {
		t.Errorf("one flip lost %d outputs", lost)
	}
	return lost
}

func TestDamageIsSetAsideAndMadeAgain(t *testing.T) {
	for _, what := range []string{"frame", "object", "no object"} {
		t.Run(what, func(t *testing.T) {
			dir, path := filled(t, 9)
			n := 2
			switch what {
			case "frame":
				flip(t, path, 8*(int(frames(t, path)[n+1])-9))
			case "object":
				n = 8
				flip(t, objectFile(t, dir), 77)
			case "no object":
				n = 8
				os.Remove(objectFile(t, dir))
			}
			c := open(t, dir, Options{})
			_, _, err := c.Get(recipe(n).Key())
			var bad *DamagedError
			if !errors.As(err, &bad) || bad.Err != nil || bad.Key != recipe(n).Key() || bad.Aside == "" {
				t.Fatalf("get: %v", err)
			}
			if _, ok := c.Lookup(recipe(n).Key()); ok {
				t.Error("still in the index")
			}
			if _, _, err := c.Get(recipe(n).Key()); !errors.Is(err, ErrMiss) {
				t.Errorf("second get: %v", err)
			}
			only(t, filepath.Join(dir, "damaged/*.json"))
			only(t, filepath.Join(dir, "damaged/*.frame"))
			if what == "object" {
				only(t, filepath.Join(dir, "damaged", hexOf(sumOf(content(8)))))
			}
			other := open(t, dir, Options{})
			if _, ok := other.Lookup(recipe(n).Key()); ok {
				t.Error("another process still finds it")
			}
			put(t, c, n, n+1)
			want(t, c, 0, 9)
			c.Close()
			want(t, open(t, dir, Options{}), 0, 9)
		})
	}
}

// An entry that two processes have made survives the damage of one.
func TestACopyStandsIn(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir, Options{}), open(t, dir, Options{})
	put(t, a, 0, 1)
	put(t, b, 0, 1)
	a.Close()
	b.Close()
	c := open(t, dir, Options{})
	l, err := c.locate(recipe(0).Key())
	if err != nil {
		t.Fatal(err)
	}
	flip(t, c.packPath(l.pack.id), 8*int(l.offset+int64(l.frame)-20))
	var bad *DamagedError
	if _, _, err := c.Get(recipe(0).Key()); !errors.As(err, &bad) {
		t.Fatalf("get: %v", err)
	}
	want(t, c, 0, 1)
	c.Close()
	want(t, open(t, dir, Options{}), 0, 1)
}

func TestCheckAllFindsDamage(t *testing.T) {
	dir, path := filled(t, 9)
	at := frames(t, path)
	flip(t, path, 8*int(at[3]+2)) // the header of the fourth
	flip(t, objectFile(t, dir), 9)
	c := open(t, dir, Options{})
	rep, err := c.CheckAll(t.Context())
	if err != nil || rep.Entries != 7 || len(rep.Damaged) != 2 || len(rep.Lost)+len(rep.Gaps) != 0 || rep.Sound() {
		t.Fatalf("%+v, %v", rep, err)
	}
	put(t, c, 0, 9)
	rep, err = c.CheckAll(t.Context())
	if err != nil || rep.Entries != 9 || !rep.Sound() || len(rep.Gaps) != 1 {
		t.Fatalf("after repair: %+v, %v", rep, err)
	}
	if g := rep.Gaps[0]; g.From != at[3] || g.To != at[4] {
		t.Errorf("gap %+v, want %d to %d", g, at[3], at[4])
	}
	if _, err := c.GC(t.Context(), GCOptions{}); err != nil {
		t.Fatal(err)
	}
	if rep, err = c.CheckAll(t.Context()); err != nil || rep.Entries != 9 || len(rep.Gaps) != 0 {
		t.Errorf("after gc: %+v, %v", rep, err)
	}
}

func TestIdxIsRebuilt(t *testing.T) {
	const n = 3000 // more than worthIndexing bytes
	dir, path := filled(t, n)
	idx := only(t, filepath.Join(dir, "packs/*.idx"))
	good, err := os.ReadFile(idx)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Size() < worthIndexing {
		t.Fatalf("pack of %d bytes is too small for this test", info.Size())
	}
	for name, b := range map[string][]byte{
		"missing": nil, "empty": {}, "short": good[:len(good)/5], "cut": good[:len(good)-3],
		"garbage": bytes.Repeat([]byte("x"), 5000), "another pack's": otherSalt(good),
	} {
		if b == nil {
			os.Remove(idx)
		} else if err := os.WriteFile(idx, b, 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir, Options{})
		if c.Len() != n {
			t.Errorf("%s: %d entries", name, c.Len())
		}
		want(t, c, 0, 20)
		p := c.index.packs[0]
		covered, _, err := c.readIdx(p, func(item) {})
		if err != nil || name != "cut" && covered != p.size {
			t.Errorf("%s: the index covers %d of %d bytes, %v", name, covered, p.size, err)
		}
		c.Close()
	}
}

func otherSalt(idx []byte) []byte {
	b := bytes.Clone(idx)
	h := b[len(idxPreamble):]
	binary.LittleEndian.PutUint64(h[8:], 1)
	return b
}
