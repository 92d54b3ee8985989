package responses

import "sync"

// group lets goroutines that arrive while one of them writes share the next write, and so its sync. It has no goroutine of its
// own: the first of each batch writes for all. The zero value is ready.
type group[T any] struct {
	mu      sync.Mutex
	next    *batch[T]  // that still takes items; nil: the next item begins one
	writing sync.Mutex // held by the batch that is written
}

type batch[T any] struct {
	items []T
	done  chan struct{}
	err   error
}

// do adds an item to a batch and returns the result of its commit. Batches are committed one at a time, in order, and items in
// the order in which they came.
func (g *group[T]) do(item T, commit func([]T) error) error {
	g.mu.Lock()
	b := g.next
	if b != nil {
		b.items = append(b.items, item)
		g.mu.Unlock()
		<-b.done
		return b.err
	}
	b = &batch[T]{items: []T{item}, done: make(chan struct{})}
	g.next = b
	g.mu.Unlock()

	g.writing.Lock()
	defer g.writing.Unlock()
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	b.err = commit(b.items)
	close(b.done)
	return b.err
}
