package score

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// again counts the rows of a frame that equal a row of another one, with the same columns, in all of them, of rows without an equal in their
// own frame. By chance they are no more than a share of 1/e: where x rows of a kind are to be expected, there is one with the
// probability x·exp(-x).
func again(f, other *frame.Frame) int {
	own, others := kinds(f), kinds(other)
	n := 0
	for kind, rows := range own {
		if rows == 1 && others[kind] == 1 {
			n++
		}
	}
	return n
}

// kinds counts equal rows by the hash of what they hold. A missing value equals another.
func kinds(f *frame.Frame) map[[sha256.Size]byte]int {
	out := make(map[[sha256.Size]byte]int, f.Rows())
	var row []byte
	for i := range f.Rows() {
		row = row[:0]
		for _, c := range f.Columns() {
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
		out[sha256.Sum256(row)]++
	}
	return out
}

// seenAgain reports whether so many rows of the holdout are rows of the real file that it is no holdout, however both are written and in
// whatever order. Of events subjects tell it.
func (p *Pair) seenAgain() bool {
	return p.Shape != plugins.Events && 2*p.again >= p.parts[plugins.Test].Frame.Rows()
}
