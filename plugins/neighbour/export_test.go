package neighbour

import "math"

// Sum is what the distance of two points is made of, and what Nearest orders by.
func Sum(q *Points, i int, r *Points, j int) float64 { return sum(q, i, r, j, math.Inf(1)) }

// Left returns the references that bounds leave for a query, where those whose sum is at limit or beyond may be left out; and how
// many the first of the bounds leaves.
func Left(q *Points, i int, r *Points, limit float64) (rows []int32, first int) {
	t := &scratch{}
	for start := 0; start < r.rows; start += block {
		end := min(start+block, r.rows)
		rows = append(rows, t.candidates(q, i, r, start, end, limit)...)
		if q.space.euclidean {
			first += len(t.byDirection(q, i, r, start, end, q.top(i, r, limit)))
		} else {
			first += len(t.byFields(q, i, r, start, end, limit))
		}
	}
	return rows, first
}
