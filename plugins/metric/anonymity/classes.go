package anonymity

import (
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
)

// Classes describes the classes of rows with equal quasi-identifiers, a missing value being a value. All is 0 without rows.
type Classes struct {
	Smallest    int     // rows of the smallest class: k-anonymity
	Classes     int     // how many there are
	UniqueShare float64 // share of the rows that are alone in their class
	Below5Share float64 // share of the rows in classes of fewer than five
	MeanSize    float64 // rows for each class
}

// Describe describes the classes of a frame of the cells.
func Describe(cells *attack.Cells, frame int) Classes {
	var c Classes
	rows, unique, few := len(cells.Rows[frame]), 0, 0
	for _, n := range cells.Sizes(frame) {
		if n == 0 {
			continue // a class of other frames
		}
		c.Classes++
		if c.Smallest == 0 || n < c.Smallest {
			c.Smallest = n
		}
		if n == 1 {
			unique++
		}
		if n < 5 {
			few += n
		}
	}
	if rows > 0 {
		c.UniqueShare, c.Below5Share = float64(unique)/float64(rows), float64(few)/float64(rows)
		c.MeanSize = float64(rows) / float64(c.Classes)
	}
	return c
}

// Diversity returns the fewest distinct secrets in a class of a frame of the cells, a missing secret being a secret; f is that
// frame. The error is an attack.Undefined when the column is lacking or there are no rows.
func Diversity(cells *attack.Cells, at int, f *frame.Frame, secret string) (int, error) {
	secrets, err := attack.NewCells([]string{secret}, nil, f)
	if err != nil {
		return 0, err
	}
	if f.Rows() == 0 {
		return 0, attack.Undefined("there are no rows")
	}
	seen := map[[2]int32]bool{}
	distinct := make([]int, len(cells.Codes))
	for i, class := range cells.Rows[at] {
		if key := [2]int32{class, secrets.Rows[0][i]}; !seen[key] {
			seen[key] = true
			distinct[class]++
		}
	}
	fewest := 0
	for _, n := range distinct {
		if n > 0 && (fewest == 0 || n < fewest) {
			fewest = n
		}
	}
	return fewest, nil
}

// Release says what the quasi-identifiers of synthetic rows tell of real ones.
type Release struct {
	Smallest    int     // rows of the smallest real class that a synthetic row is of: k-map; 0 when there is none
	Matched     int     // synthetic rows that are of a real class
	MatchShare  float64 // their share of the synthetic rows; 0 without synthetic rows
	UniqueShare float64 // share of the real rows that are alone in their class, of which a synthetic row is; 0 without real rows
	Absent      int     // classes of synthetic rows that no real row is of
}

// Map sets the synthetic frame of the cells against the real one.
func Map(cells *attack.Cells, real, synthetic int) Release {
	var r Release
	r.release(cells.Sizes(real), cells.Sizes(synthetic))
	if n := len(cells.Rows[synthetic]); n > 0 {
		r.MatchShare = float64(r.Matched) / float64(n)
	}
	if n := len(cells.Rows[real]); n > 0 {
		r.UniqueShare /= float64(n)
	}
	return r
}

// release counts rows; shares are left to Map.
func (r *Release) release(real, synthetic []int) {
	for class, s := range synthetic {
		switch n := real[class]; {
		case s == 0:
		case n == 0:
			r.Absent++
		default:
			r.Matched += s
			if r.Smallest == 0 || n < r.Smallest {
				r.Smallest = n
			}
			if n == 1 {
				r.UniqueShare++
			}
		}
	}
}

// Rarefied returns what the UniqueShare of Map is, on average, over all samples of so many rows of the real frame, drawn without
// replacement: one at least, and no more than it has.
//
// A class of k of N rows has one row in a sample of n with the probability k n/N times the product over j < k-1 of
// (N-n-j)/(N-1-j).
//
// Source: S. H. Hurlbert (1971), Ecology 52(4), 577–586 (rarefaction).
func Rarefied(cells *attack.Cells, real, synthetic, rows int) float64 {
	made, all := cells.Sizes(synthetic), len(cells.Rows[real])
	sum := 0.0
	for class, k := range cells.Sizes(real) {
		if k == 0 || made[class] == 0 {
			continue
		}
		p := float64(k) * float64(rows) / float64(all)
		for j := 0; j < k-1 && p > 0; j++ {
			p *= max(0, float64(all-rows-j)) / float64(all-1-j)
		}
		sum += p
	}
	return sum / float64(rows)
}
