package cache

import (
	"context"
	"errors"
	"fmt"
)

// CheckReport is what CheckAll found.
type CheckReport struct {
	Entries int   // that were read
	Bytes   int64 // of their outputs
	Damaged []*DamagedError
	Gaps    []Gap
}

// Gap is a stretch of a pack, in bytes, that holds no valid record. What it held is lost or set aside; gc
// removes it.
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
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		_, err := c.read(e.Key)
		var bad *DamagedError
		switch {
		case err == nil:
			rep.Entries++
			rep.Bytes += e.Size
		case errors.As(err, &bad):
			rep.Damaged = append(rep.Damaged, bad)
		case !errors.Is(err, ErrMiss): // set aside by another goroutine
			return rep, err
		}
	}
	c.mu.RLock()
	packs := c.index.packs
	c.mu.RUnlock()
	for _, p := range packs {
		if err := c.checkPack(ctx, p, &rep); err != nil && !isGone(err) {
			return rep, fmt.Errorf("check pack %s: %w", p.id, err)
		}
	}
	return rep, nil
}

// checkPack reads a pack as if it had no index.
func (c *Cache) checkPack(ctx context.Context, p *pack, rep *CheckReport) error {
	c.mu.RLock()
	known := p.known
	c.mu.RUnlock()
	return c.withPack(p, func(f File) error {
		next, gaps, err := scan(f, p.salt, int64(len(packPreamble)), known, func(frame) error { return ctx.Err() })
		for _, g := range gaps {
			rep.Gaps = append(rep.Gaps, Gap{p.id, g.from, g.to})
		}
		if err == nil && next < known {
			rep.Gaps = append(rep.Gaps, Gap{p.id, next, known})
		}
		return err
	})
}
