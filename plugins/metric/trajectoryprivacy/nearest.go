package trajectoryprivacy

import (
	"context"

	"github.com/ehrlab/ehrlab/plugins/events"
)

// NearestRisk is the nearest-neighbour adversarial accuracy of synthetic patients against those that the generator has seen, and
// against others: ½ [share of real patients closer to a real one than to a synthetic one + share of synthetic patients closer
// to a synthetic one than to a real one], both in [0,1]. 0.5 is ideal; below it, synthetic patients lie too close to real ones.
type NearestRisk struct{ Members, Others float64 }

// Risk is Others - Members, in [-1,1]: 0 is ideal, and above it synthetic patients lie closer to those seen than to others.
func (r NearestRisk) Risk() float64 { return r.Others - r.Members }

// Nearest returns the adversarial accuracies by the distance of Hamming, of visits whose codes count once each. Distances of 0 do
// not count, so that an exact copy is nobody's neighbour; nor is a patient its own.
//
// The three have one vocabulary, each has a patient, and they should be of one size: how near the nearest is hangs on it.
//
// Source: A. Yale et al. (2020), Neurocomputing 416, 244–255; B. Theodorou, C. Xiao, J. Sun (2023), Nat. Commun. 14, 5305.
func Nearest(ctx context.Context, threads int, members, others, synthetic *events.Trajectories) (NearestRisk, error) {
	groups := []*events.Trajectories{members.Once(), others.Once(), synthetic.Once()}
	var to [3][3][]int // distances of each patient of the first to the closest of the second
	for _, pair := range [][2]int{{0, 0}, {1, 1}, {2, 2}, {0, 2}, {2, 0}, {1, 2}, {2, 1}} {
		d, err := closest(ctx, threads, groups[pair[0]], groups[pair[1]], 1)
		if err != nil {
			return NearestRisk{}, err
		}
		to[pair[0]][pair[1]] = d
	}
	accuracy := func(real int) float64 {
		return (further(to[real][2], to[real][real]) + further(to[2][real], to[2][2])) / 2
	}
	return NearestRisk{Members: accuracy(0), Others: accuracy(1)}, nil
}

// further is the share of patients whose distance in x is greater than that in y.
func further(x, y []int) float64 {
	n := 0
	for i := range x {
		if x[i] > y[i] {
			n++
		}
	}
	return float64(n) / float64(len(x))
}
