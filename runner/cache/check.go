package cache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// CheckReport is what CheckAll found. Damaged and Lost are what is lost since the last command that could
// note it; the next check does not find it again. Gaps is what remains of earlier damage: no entry is in it.
type CheckReport struct {
	Entries int   // that were read, and are whole
	Bytes   int64 // of their outputs
	Damaged []*DamagedError
	Lost    []Gap // not seen before, with their index lost too: which entries they held is unknown
	Gaps    []Gap // of the past
}

// Sound reports whether nothing was lost since the last command that could note it. Gaps of the past do no harm.
func (r *CheckReport) Sound() bool { return len(r.Damaged) == 0 && len(r.Lost) == 0 }

// Gap is a stretch of a pack, in bytes, that holds no valid record. gc removes it.
type Gap struct {
	Pack     string
	From, To int64
}

// CheckAll reads and verifies every record and every output. What is damaged is set aside, unless the cache
// is read-only. It fails only when it cannot go on.
func (c *Cache) CheckAll(ctx context.Context) (CheckReport, error) {
	var rep CheckReport
	if err := c.Refresh(); err != nil {
		return rep, err
	}
	for e := range c.Entries() {
		if err := c.checkEntry(ctx, e, &rep); err != nil {
			return rep, err
		}
	}
	c.mu.Lock()
	packs := c.index.packs
	rep.Lost, c.index.lost = c.index.lost, nil
	c.mu.Unlock()
	told := map[string][]gap{}
	for _, d := range rep.Damaged {
		told[d.pack] = append(told[d.pack], d.frame)
	}
	for _, g := range rep.Lost {
		told[g.Pack] = append(told[g.Pack], gap{g.From, g.To})
	}
	for _, p := range packs {
		if err := c.checkPack(ctx, p, told[p.id], &rep); err != nil && !isGone(err) {
			return rep, fmt.Errorf("check pack %s: %w", p.id, err)
		}
	}
	return rep, nil
}

// checkEntry reads an entry, and when it is damaged the copies that take its place.
func (c *Cache) checkEntry(ctx context.Context, e Entry, rep *CheckReport) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := c.read(e.Key)
		var bad *DamagedError
		switch {
		case err == nil:
			rep.Entries++
			rep.Bytes += e.Size
			return nil
		case errors.As(err, &bad):
			rep.Damaged = append(rep.Damaged, bad)
		case errors.Is(err, ErrMiss): // no copy is left, or another goroutine has set it aside
			return nil
		default:
			return err
		}
	}
}

// checkPack reads a pack as if it had no index. The gaps that it adds are those that the report does not
// tell of yet.
func (c *Cache) checkPack(ctx context.Context, p *pack, told []gap, rep *CheckReport) error {
	c.mu.RLock()
	known := p.known
	c.mu.RUnlock()
	slices.SortFunc(told, func(a, b gap) int { return cmp.Compare(a.from, b.from) })
	return c.withPack(p, func(f File) error {
		next, gaps, err := scan(f, p.salt, int64(len(packPreamble)), known, func(frame) error { return ctx.Err() })
		if err == nil && next < known {
			gaps = append(gaps, gap{next, known})
		}
		for _, g := range gaps {
			for _, left := range g.without(told) {
				rep.Gaps = append(rep.Gaps, Gap{p.id, left.from, left.to})
			}
		}
		return err
	})
}

// without returns what is left of a gap when others, sorted and apart, are taken out of it.
func (g gap) without(others []gap) []gap {
	var left []gap
	first := sort.Search(len(others), func(i int) bool { return others[i].to > g.from })
	for _, o := range others[first:] {
		if o.from >= g.to {
			break
		}
		if g.from < o.from {
			left = append(left, gap{g.from, o.from})
		}
		g.from = max(g.from, o.to)
	}
	if g.from < g.to {
		left = append(left, g)
	}
	return left
}
