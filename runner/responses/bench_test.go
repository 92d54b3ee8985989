package responses

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ehrlab/ehrlab/plugins"
)

// BenchmarkCalls sends and settles calls with answers of 10 KB, with 1 and 64 at a time.
func BenchmarkCalls(b *testing.B) {
	for _, at := range []int{1, 64} {
		b.Run(fmt.Sprint("concurrent=", at), func(b *testing.B) {
			s := opened(b, b.TempDir(), Options{})
			var bodies [64][]byte
			for i := range bodies {
				bodies[i] = []byte(text(i, 10_000))
			}
			var next atomic.Int64
			var wg sync.WaitGroup
			began := time.Now()
			for range at {
				wg.Go(func() {
					for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
						call := send(i)
						end := answered(i)
						end.Answer.Body = bodies[i%len(bodies)]
						id, err := s.Intend(call)
						if err == nil {
							err = s.Settle(id, end)
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "calls/s")
		})
	}
}

// BenchmarkAnswer reads stored answers of 10 KB; BenchmarkMiss asks for those that are not there.
func BenchmarkAnswer(b *testing.B) {
	s := opened(b, b.TempDir(), Options{})
	for i := range 100 {
		end := answered(i)
		end.Answer.Body = []byte(text(i, 10_000))
		settle(b, s, intend(b, s, send(i)), end)
	}
	i := 0
	for b.Loop() {
		if a, err := s.Answer(key(i % 100)); err != nil || a == nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkMiss(b *testing.B) {
	s := opened(b, b.TempDir(), Options{})
	ask(b, s, 0, 10)
	k := key(11)
	for b.Loop() {
		if a, err := s.Answer(k); err != nil || a != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUsage folds a journal of 100,000 sends.
func BenchmarkUsage(b *testing.B) {
	const n = 100_000
	dir := b.TempDir()
	s := opened(b, dir, Options{})
	first := intend(b, s, send(0))
	var batch []*entry
	for i := range n {
		told := bodiless(send(i))
		body, err := encodeLine("intend", told)
		if err != nil {
			b.Fatal(err)
		}
		batch = append(batch, &entry{intent: true, body: body})
	}
	if err := s.journal.commit(batch); err != nil {
		b.Fatal(err)
	}
	journal, _, _ := splitID(first)
	batch = batch[:0]
	for i := range n + 1 {
		end := answered(i)
		end.Answer.Body = nil
		body, err := encodeLine("settle", settled{sendID(journal, i+1), end})
		if err != nil {
			b.Fatal(err)
		}
		batch = append(batch, &entry{body: body})
	}
	if err := s.journal.commit(batch); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		lines, err := Usage(s, "study")
		if err != nil || len(lines) != 1 || lines[0].Answered != n+1 {
			b.Fatal(lines, err)
		}
	}
}

func BenchmarkRecording(b *testing.B) {
	const n = 2000
	data := large(b, n)
	b.ReportMetric(float64(len(data))/n, "bytes/answer")
	r := recorded(b, data)
	i := 0
	for b.Loop() {
		if a, err := r.Answer(key(i % n)); err != nil || a == nil {
			b.Fatal(err)
		}
		i += 7
	}
}

var _ plugins.ResponseStore = ledger{}
