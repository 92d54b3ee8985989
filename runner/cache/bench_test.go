package cache

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// large makes a cache of n measure steps with an output of about 300 bytes each, and returns the key of each.
func large(b *testing.B, n int) (string, []Key) {
	b.Helper()
	dir := b.TempDir()
	c := open(b, dir, Options{})
	c.puts.Lock() // one sync for a thousand entries: this is not what is measured
	keys := make([]Key, n)
	var batch []*write
	for i := range n {
		r := typical()
		r.Settings = json.RawMessage(fmt.Sprintf(`{"model":"logistic","resamples":1000,"i":%d}`, i))
		recipe := r.Canonical()
		h := entryHead{
			key: sumOf(recipe), digest: sum{byte(i)}, size: 300, created: int64(i), elapsed: time.Second,
			stage: []byte(r.Stage), plugin: []byte(r.Plugin),
		}
		out := make([]byte, 300)
		h.stored = sumOf(out)
		keys[i] = Key(hexOf(h.key))
		batch = append(batch, newWrite(typeEntry, h.encode(), recipe, out))
		if len(batch) == 1000 || i == n-1 {
			c.commit(batch)
			batch = nil
		}
	}
	c.puts.Unlock()
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	return dir, keys
}

func benchmarkOpen(b *testing.B, n int) {
	dir, _ := large(b, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var c *Cache
	for b.Loop() {
		if c != nil {
			c.Close()
		}
		var err error
		if c, err = Open(dir, Options{}); err != nil || c.Len() != n {
			b.Fatal(c.Len(), err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
	c.Close()
}

func BenchmarkOpen100k(b *testing.B) { benchmarkOpen(b, 100_000) }
func BenchmarkOpen400k(b *testing.B) { benchmarkOpen(b, 400_000) }

func BenchmarkOpenWithoutIdx100k(b *testing.B) {
	dir, _ := large(b, 100_000)
	for b.Loop() {
		b.StopTimer()
		files, _ := filepath.Glob(filepath.Join(dir, "packs/*.idx"))
		for _, f := range files {
			disk{}.Remove(f)
		}
		b.StartTimer()
		c, err := Open(dir, Options{})
		if err != nil || c.Len() != 100_000 {
			b.Fatal(c.Len(), err)
		}
		c.Close()
	}
}

// BenchmarkLookup looks up few keys, whose records stay in the processor's cache, and many, whose do not.
func BenchmarkLookup(b *testing.B) {
	dir, keys := large(b, 100_000)
	c := open(b, dir, Options{ReadOnly: true})
	for _, n := range []int{100, len(keys)} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, ok := c.Lookup(keys[i%n]); !ok {
					b.Fatal("absent")
				}
				i += 7919
			}
		})
	}
}

func BenchmarkGetSmall(b *testing.B) {
	dir, keys := large(b, 10_000)
	c := open(b, dir, Options{ReadOnly: true})
	i := 0
	for b.Loop() {
		if _, _, err := c.Get(keys[i%len(keys)]); err != nil {
			b.Fatal(err)
		}
		i += 7919
	}
}

func BenchmarkPutSmall(b *testing.B) {
	c := open(b, b.TempDir(), Options{FS: disk{}})
	out := Output{Bytes: []byte(strings.Repeat("x", 300))}
	i := 0
	for b.Loop() {
		if _, err := c.Put(b.Context(), recipe(i), out); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkPutSmallBy16(b *testing.B) {
	c := open(b, b.TempDir(), Options{FS: disk{}})
	out := Output{Bytes: []byte(strings.Repeat("x", 300))}
	next := make(chan int)
	done := make(chan error)
	for range 16 {
		go func() {
			for i := range next {
				_, err := c.Put(b.Context(), recipe(i), out)
				done <- err
			}
		}()
	}
	i := 0
	running := 0
	for b.Loop() {
		if running == 16 {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			running--
		}
		next <- i
		i++
		running++
	}
	for range running {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	close(next)
}

func BenchmarkPutLarge(b *testing.B) {
	c := open(b, b.TempDir(), Options{FS: disk{}})
	out := Output{Bytes: make([]byte, 1<<20)}
	i := 0
	for b.Loop() {
		out.Bytes[0], out.Bytes[1], out.Bytes[2] = byte(i), byte(i>>8), byte(i>>16)
		if _, err := c.Put(b.Context(), recipe(i), out); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkNearest10k(b *testing.B) {
	dir, _ := large(b, 10_000)
	c := open(b, dir, Options{ReadOnly: true})
	r := typical()
	r.Version++
	for b.Loop() {
		if _, ok := c.Nearest(r); !ok {
			b.Fatal("none")
		}
	}
}

// BenchmarkNearestOfTies10k asks for a measure step that differs from each of 10,000 in the key of an input.
func BenchmarkNearestOfTies10k(b *testing.B) {
	c := open(b, b.TempDir(), Options{})
	var wg sync.WaitGroup
	measure := func(g *Recipe) *Recipe {
		r := typical()
		r.Inputs = []Input{{Role: "train", Key: recipe(0).Key()}, {Role: "synthetic", Key: g.Key()}}
		return &r
	}
	for w := range 100 {
		wg.Go(func() {
			for i := range 100 {
				g := recipe(1 + 100*w + i)
				g.Stage = "generate"
				for _, r := range []*Recipe{g, measure(g)} {
					if _, err := c.Put(b.Context(), r, Output{Bytes: []byte("x")}); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	g := recipe(0)
	g.Stage = "generate"
	c.Nearest(*g)
	r := measure(g)
	c.Nearest(*r) // reads the recipes
	for b.Loop() {
		if _, ok := c.Nearest(*r); !ok {
			b.Fatal("none")
		}
	}
}
