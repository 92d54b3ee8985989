package engine_test

import (
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/engine"
	"github.com/ehrlab/ehrlab/runner/plan"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// rowsOf reads the rows of every cell, by the value of its audit axis.
func (b *bench) rowsOf(t *testing.T, e *spec.Experiment) (map[string]*engine.Rows, error) {
	t.Helper()
	c, err := cache.Open(b.dir, cache.Options{ReadOnly: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := plan.New(e, plan.Inputs{Registry: &b.lab.registry, Hash: c.HashFile, Facts: c.Facts})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*engine.Rows{}
	for _, cell := range p.Cells {
		rows, err := engine.RowsOf(t.Context(), p, c, cell)
		if err != nil {
			return nil, err
		}
		out[cell.Values[slices.Index(p.Axes, "audit")].String()] = rows
	}
	return out, nil
}

func TestRowsOfCells(t *testing.T) {
	l := newAuditLab(t)
	e := audited([]spec.Audit{auditBy("j", "", spec.Decide{})}, "off", "j")
	c, err := cache.Open(l.dir, cache.Options{Log: slog.New(slog.DiscardHandler)}) // an empty one to read from
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, err := l.rowsOf(t, e); !errors.Is(err, engine.ErrNotRun) {
		t.Errorf("before the run: %v", err)
	}
	l.ran(t, e)
	cells, err := l.rowsOf(t, e)
	if err != nil {
		t.Fatal(err)
	}
	off, j, random := cells["off"], cells["j"], cells["j.random"]
	if off == nil || j == nil || random == nil {
		t.Fatalf("cells %v", cells)
	}
	if off.Made.Rows() != 200 || len(off.Kept) != 200 || off.Reports != nil {
		t.Errorf("without an audit: %d rows, %d kept, %d reports", off.Made.Rows(), len(off.Kept), len(off.Reports))
	}
	a := l.seen[0]
	if j.Made.Rows() != 200 || len(j.Reports) != 1 || len(j.Reports[0].Sources) != len(a.Reports[0].Sources) {
		t.Errorf("with an audit: %d rows, %d reports", j.Made.Rows(), len(j.Reports))
	}
	for row := range 200 {
		if slices.Contains(j.Kept, row) != (a.Fates[row] == plugins.Kept) {
			t.Errorf("row %d is %s", row, a.Fates[row])
		}
	}
	if len(random.Kept) != len(j.Kept) || random.Made.Rows() != len(j.Kept) || random.Reports != nil {
		t.Errorf("the arm beside it has %d rows", random.Made.Rows())
	}
	for _, r := range cells {
		if r.Test.Rows() == 0 || r.Train.Rows() == 0 || !slices.Equal(r.Test.Names(), r.Made.Names()) || !slices.Equal(r.Train.Names(), r.Made.Names()) {
			t.Fatalf("%d test rows of %v", r.Test.Rows(), r.Test.Names())
		}
		if len(r.MadeIdentity) != r.Made.Rows() || !slices.Equal(r.TestIdentity, off.TestIdentity) {
			t.Error("real rows have other identities in other cells")
		}
	}
	ids := slices.Clone(off.TestIdentity)
	if slices.Sort(ids); len(slices.Compact(ids)) != off.Test.Rows() {
		t.Error("different rows have one identity")
	}
	for row, id := range off.Test.Column("id").Numbers {
		if l.lab.train.x[id] {
			t.Errorf("test row %d is one that a strategy has seen", row)
		}
	}
}
