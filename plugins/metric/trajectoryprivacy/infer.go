package trajectoryprivacy

import (
	"context"
	"math/bits"

	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/parallel"
)

// MostCommon is the greatest number of common codes that Infer takes: they are bits of a word.
const MostCommon = 64

// Infer guesses the codes of target patients that are not among the common ones: those of the known patient who is closest in
// the common codes, by the number of them that one of the two has and the other has not; the first in order of id among equals.
// It returns the F1 of all guesses taken together, 2·TP/(2·TP+FP+FN), in [0,1]; ok is false when there is neither a guess nor
// a code to guess. The common codes are the given number (at most MostCommon) that most target patients have, equals in order of bytes.
//
// The two have one vocabulary; known has a patient.
//
// Source: B. Theodorou, C. Xiao, J. Sun (2023), Nat. Commun. 14, 5305, attribute inference.
func Infer(ctx context.Context, threads int, target, known *events.Trajectories, common int) (f1 float64, ok bool, err error) {
	from, sets := known.Sets(), target.Sets()
	bit := commonest(sets, len(target.Codes), common)
	patterns, firsts := distinctPatterns(from, bit)
	type tally struct{ right, wrong, missed int }
	blocks := make([]tally, (sets.Len()+block-1)/block)
	err = parallel.For(ctx, threads, len(blocks), func(i int) error {
		for p := i * block; p < min((i+1)*block, sets.Len()); p++ {
			best, least := 0, MostCommon+1
			own := patternOf(sets.Of(p), bit)
			for j, pattern := range patterns { // in order of the first patient that has it
				if d := bits.OnesCount64(own ^ pattern); d < least {
					best, least = int(firsts[j]), d
				}
			}
			right, guessed, actual := overlap(from.Of(best), sets.Of(p), bit)
			blocks[i].right += right
			blocks[i].wrong += guessed - right
			blocks[i].missed += actual - right
		}
		return nil
	})
	var all tally
	for _, b := range blocks {
		all.right, all.wrong, all.missed = all.right+b.right, all.wrong+b.wrong, all.missed+b.missed
	}
	if all == (tally{}) {
		return 0, false, err
	}
	return 2 * float64(all.right) / float64(2*all.right+all.wrong+all.missed), true, err
}

// commonest returns the bit of each code that is among the n which most patients have; 0 for the others.
func commonest(sets *events.Sets, codes, n int) []uint64 {
	patients := sets.Patients(codes)
	bit := make([]uint64, codes)
	for i := range min(n, MostCommon) {
		best := -1
		for code, having := range patients {
			if bit[code] == 0 && having > 0 && (best < 0 || having > patients[best]) {
				best = code
			}
		}
		if best < 0 {
			break
		}
		bit[best] = 1 << i
	}
	return bit
}

func patternOf(codes []int32, bit []uint64) uint64 {
	var out uint64
	for _, code := range codes {
		out |= bit[code]
	}
	return out
}

// distinctPatterns returns the patterns that occur, each with the first patient who has it, in order of those.
func distinctPatterns(sets *events.Sets, bit []uint64) (patterns []uint64, firsts []int32) {
	seen := map[uint64]bool{}
	for p := range sets.Len() {
		if pattern := patternOf(sets.Of(p), bit); !seen[pattern] {
			seen[pattern] = true
			patterns, firsts = append(patterns, pattern), append(firsts, int32(p))
		}
	}
	return patterns, firsts
}

// overlap counts the codes that are not common ones: those of both patients, of the first, and of the second.
func overlap(guess, actual []int32, bit []uint64) (both, first, second int) {
	i, j := 0, 0
	for i < len(guess) || j < len(actual) {
		switch {
		case j == len(actual) || i < len(guess) && guess[i] < actual[j]:
			if bit[guess[i]] == 0 {
				first++
			}
			i++
		case i == len(guess) || actual[j] < guess[i]:
			if bit[actual[j]] == 0 {
				second++
			}
			j++
		default:
			if bit[guess[i]] == 0 {
				both, first, second = both+1, first+1, second+1
			}
			i, j = i+1, j+1
		}
	}
	return both, first, second
}
