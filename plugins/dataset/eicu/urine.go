package eicu

import (
	"context"
	"math"
	"strings"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var intakeOutput = &table{
	name: "intakeOutput", purpose: "urine output",
	columns: []frame.ScanColumn{number("patientunitstayid"), number("intakeoutputoffset"), text("cellpath"), lenient("cellvaluenumeric")},
}

// isUrine reports whether a cell of the flow sheet is an amount of urine. Hospitals name their cells freely; the choice is ours: cells under
// Output whose name speaks of urine, voiding, or a catheter of the bladder or kidney, but for counts of voids and for mixtures with stool.
func isUrine(cellpath string) bool {
	path := strings.ToLower(cellpath)
	at := strings.LastIndex(path, "|")
	if at < 0 || !strings.Contains(path[:at], "output") {
		return false
	}
	name := path[at+1:]
	for _, no := range []string{"count", "occurrence", "unmeasured", "stool", "irrigation", "incontinen"} {
		if strings.Contains(name, no) {
			return false
		}
	}
	for _, yes := range []string{"urine", "urinary", "foley", "void", "urethral", "indwelling catheter", "straight catheter", "suprapubic", "nephrostomy"} {
		if strings.Contains(name, yes) {
			return true
		}
	}
	return false
}

// urineLimits are those of one entry, in mL: some hospitals enter sums of a day.
var urineLimits = limits{0, 10000}

// urineUnit is what sums are counted in: whole ten-thousandths of a millilitre, as sums of whole numbers do not depend on their order.
const urineUnit = 1e4

// urine is the sum of the windows.
type urine struct {
	sum      []int64
	any      []bool
	rejected rejected
}

func newUrine(stays int) *urine {
	return &urine{sum: make([]int64, stays), any: make([]bool, stays), rejected: make(rejected, 1)}
}

// read reads the table.
func (u *urine) read(ctx context.Context, in *input, c *cohort) (*account, error) {
	cells := newMatcher(func(s string) int { return int(truth(isUrine(s))) - 1 })
	return in.events(ctx, intakeOutput, c.index, func(b *frame.ScanBatch, row int, stay, at int32) {
		slot, amount := c.slot[stay], b.Columns[3].Numbers[row]
		if slot < 0 || math.IsNaN(amount) || cells.of(&b.Columns[2], row) < 0 {
			return
		}
		if w := c.window[stay]; at < w.vitals || at >= w.end {
			return
		}
		if !urineLimits.has(amount) {
			u.rejected[0]++
			return
		}
		u.sum[slot] += int64(math.Round(amount * urineUnit))
		u.any[slot] = true
	})
}

// values are the sums in mL; missing without an entry.
func (u *urine) values() []float64 {
	out := missing(len(u.sum))
	for i, sum := range u.sum {
		if u.any[i] {
			out[i] = float64(sum) / urineUnit
		}
	}
	return out
}

func (u *urine) counts() []plugins.Count { return u.rejected.counts([]string{"urineoutput"}) }
