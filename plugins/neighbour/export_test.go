package neighbour

import "math"

// Sum is what the distance of two points is made of, and what Nearest orders by.
func Sum(q *Points, i int, r *Points, j int) float64 { return sum(q, i, r, j, math.Inf(1)) }
