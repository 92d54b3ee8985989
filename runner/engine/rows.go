package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/cache"
	"github.com/ehrlab/ehrlab/runner/plan"
)

// Rows is what records of a cell can be drawn from: its synthetic rows beside the real ones that they are compared with.
type Rows struct {
	Made    *frame.Frame  // synthetic rows before any audit, of all rounds one after another
	Kept    []int         // those of Made that the metrics of the cell read, in order; without an audit all
	Test    *frame.Frame  // untouched rows of the test part, in the columns of Made
	Subject *frame.Column // of each row of Test; nil where there is none
	Train   *frame.Frame  // what was trained on, in the same columns: how values are written is found from these
	// TestIdentity tells rows of Test apart, whatever the columns of the cell are: a hash of all that the prepared row has. Equal rows
	// have equal ones. MadeIdentity is the same of Made, of the columns that it has.
	TestIdentity, MadeIdentity []string
	Reports                    []plugins.AuditReport // what the auditors of the cell came to; nil where it has none, or is an arm beside an audit
}

// ErrNotRun says that rows of a cell are not in the cache.
var ErrNotRun = errors.New("its rows are not in the cache: run the experiment first")

// RowsOf reads the rows of a cell from the cache, and runs nothing. It returns ErrNotRun where a step that they need is not
// there, and an error for cells whose rows are events or that are not estimable.
func RowsOf(ctx context.Context, p *plan.Plan, c *cache.Cache, cell *plan.Cell) (*Rows, error) {
	switch {
	case cell.NotEstimable != "":
		return nil, fmt.Errorf("it has no rows: %s", cell.NotEstimable)
	case cell.Dataset.Shape() == plugins.Events:
		return nil, errors.New("its rows are events; want records, one row a patient or stay")
	}
	r := newRun(p, c, Options{Workers: 1})
	r.store.damaged = func(*plan.Step, error) {}
	r.store.remake = func(context.Context, *plan.Step) (*artifact, error) { return nil, ErrNotRun }
	out := &Rows{}
	if err := r.made(ctx, cell, out); err != nil {
		return nil, err
	}
	return out, r.realRows(ctx, cell, out)
}

// made sets the synthetic rows of a cell, and what its audit came to.
func (r *run) made(ctx context.Context, cell *plan.Cell, out *Rows) error {
	rows, err := r.store.load(ctx, cell.Rows())
	if err != nil {
		return err
	}
	out.Made = rows.table
	if cell.Audit == nil || cell.Audit.Arm != "" {
		for i := range rows.table.Rows() {
			out.Kept = append(out.Kept, i)
		}
		return nil
	}
	audited, err := r.audited(ctx, cell.Audit, rows)
	if err != nil {
		return err
	}
	out.Made, out.Reports = audited.Before, audited.Reports
	for i, fate := range audited.Fates {
		if fate != plugins.Dropped {
			out.Kept = append(out.Kept, i)
		}
	}
	return nil
}

// realRows sets the real rows that go with the synthetic ones of a cell.
func (r *run) realRows(ctx context.Context, cell *plan.Cell, out *Rows) error {
	c := cell.Dataset
	of, err := r.store.load(ctx, c.Prepare)
	if err != nil {
		return err
	}
	names, sites := out.Made.Names(), testSites(cell)
	if out.Train, _, err = r.partOf(ctx, c.Prepare, of, plugins.Train, names, "", nil); err != nil {
		return err
	}
	var whole *frame.Frame
	if out.Test, whole, err = r.partOf(ctx, c.Prepare, of, plugins.Test, names, c.Site, sites); err != nil {
		return err
	}
	if c.Subject != "" {
		out.Subject = whole.Column(c.Subject)
	}
	out.TestIdentity = identities(whole, c.Identity)
	out.MadeIdentity = identities(out.Made, c.Identity)
	return nil
}

// testSites are the hospitals whose test rows a cell is compared with; nil: all.
func testSites(cell *plan.Cell) []string {
	for _, m := range cell.Measures {
		return m.Step.Work.(plan.MeasureWork).TestSites
	}
	if cell.Audit != nil {
		return cell.Audit.Rounds[0].Lineups[0].Work.(plan.LineupWork).TestSites
	}
	return nil
}

// identities hashes the rows of a frame, each with what tells its data from others.
func identities(f *frame.Frame, data string) []string {
	out := make([]string, f.Rows())
	var row []byte
	for i := range out {
		row = append(append(row[:0], data...), 0)
		for _, c := range f.Columns() {
			row = append(append(row, c.Name...), 0)
			switch {
			case c.IsMissing(i):
				row = append(row, 0)
			case c.Kind == frame.Number:
				row = binary.LittleEndian.AppendUint64(append(row, 1), math.Float64bits(c.Numbers[i]+0)) // -0 is 0
			default:
				level := c.Levels[c.Codes[i]]
				row = append(binary.LittleEndian.AppendUint64(append(row, 2), uint64(len(level))), level...)
			}
		}
		sum := sha256.Sum256(row)
		out[i] = hex.EncodeToString(sum[:12])
	}
	return out
}
