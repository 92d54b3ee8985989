package attack

import (
	"cmp"
	"slices"
)

// Ranking is scores of an attack, higher for rows that it takes for members, sorted once, so that each resample is read in one pass.
type Ranking struct {
	order  []int32 // rows by falling score
	member []bool  // in that order
	score  []float64
	end    []int32 // where each run of equal scores ends, in that order
}

// NewRanking ranks rows by their scores, none of which is NaN.
func NewRanking(member []bool, score []float64) *Ranking {
	r := &Ranking{order: make([]int32, len(score)), member: make([]bool, len(score)), score: make([]float64, len(score))}
	for i := range r.order {
		r.order[i] = int32(i)
	}
	slices.SortFunc(r.order, func(a, b int32) int {
		if score[a] != score[b] {
			return cmp.Compare(score[b], score[a])
		}
		return cmp.Compare(a, b)
	})
	for i, row := range r.order {
		r.member[i], r.score[i] = member[row], score[row]
		if i > 0 && r.score[i] != r.score[i-1] {
			r.end = append(r.end, int32(i))
		}
	}
	if len(score) > 0 {
		r.end = append(r.end, int32(len(score)))
	}
	return r
}

// Reading is how well scores tell members from non-members.
//
// AUROC is the share of pairs of a member and a non-member that are ranked rightly, ties counting half. AdvantageMax
// is the greatest TPR - FPR over all thresholds (S. Yeom et al. 2018, IEEE CSF, 268–282), which is at least 0 and
// above it by chance too. TPR10 and TPR1 are the greatest TPR of a threshold whose FPR is at most 0.1 and 0.01; nothing is
// interpolated. The others take for members the rows whose score is above the median of all scores; Precision is 0 where
// Called, the number of such rows, is 0.
type Reading struct {
	AUROC, AdvantageMax, TPR10, TPR1                 float64
	AdvantageMedian, Accuracy, Precision, Recall, F1 float64
	Members, Others, Called                          int
	found, alarms/* rows called members, right and wrong */ int
}

// Read reads a ranking. unit is the unit of each row, and counts is how often each unit was drawn; nil counts every row
// once. It is false when a side is empty.
func (r *Ranking) Read(unit, counts []int32) (Reading, bool) {
	weight := make([]int, len(r.order)) // of the ranked rows
	var out Reading
	for i, row := range r.order {
		weight[i] = 1
		if counts != nil {
			weight[i] = int(counts[unit[row]])
		}
		if r.member[i] {
			out.Members += weight[i]
		} else {
			out.Others += weight[i]
		}
	}
	if out.Members == 0 || out.Others == 0 {
		return Reading{}, false
	}
	r.thresholds(weight, &out)
	r.median(weight, &out)
	return out, true
}

// thresholds walks along the ROC curve.
func (r *Ranking) thresholds(weight []int, out *Reading) {
	found, alarms, start := 0, 0, 0
	twice := 0 // twice the pairs ranked rightly: whole numbers, so exact
	for _, end := range r.end {
		members, others := 0, 0
		for i := start; i < int(end); i++ {
			if r.member[i] {
				members += weight[i]
			} else {
				others += weight[i]
			}
		}
		start = int(end)
		twice += others * (2*found + members)
		found, alarms = found+members, alarms+others
		tpr, fpr := float64(found)/float64(out.Members), float64(alarms)/float64(out.Others)
		out.AdvantageMax = max(out.AdvantageMax, tpr-fpr)
		if fpr <= 0.1 {
			out.TPR10 = tpr
		}
		if fpr <= 0.01 {
			out.TPR1 = tpr
		}
	}
	out.AUROC = float64(twice) / 2 / (float64(out.Members) * float64(out.Others))
}

// median calls the rows above the median members.
func (r *Ranking) median(weight []int, out *Reading) {
	n := out.Members + out.Others
	upper, lower, seen := 0, 0, 0 // places of the two middle rows from above
	for i := range r.order {
		w := weight[i]
		if w == 0 {
			continue
		}
		if seen <= (n-1)/2 && seen+w > (n-1)/2 {
			upper = i
		}
		if seen <= n/2 && seen+w > n/2 {
			lower = i
		}
		seen += w
	}
	at := r.score[upper]
	if r.score[lower] != at {
		at = r.score[lower]/2 + r.score[upper]/2 // halved apart: the sum may overflow
	}
	for i := range r.order {
		if !(r.score[i] > at) {
			break
		}
		if r.member[i] {
			out.found += weight[i]
		} else {
			out.alarms += weight[i]
		}
	}
	m, o := float64(out.Members), float64(out.Others)
	out.Called = out.found + out.alarms
	out.Recall = float64(out.found) / m
	out.AdvantageMedian = out.Recall - float64(out.alarms)/o
	out.Accuracy = (float64(out.found) + o - float64(out.alarms)) / (m + o)
	if out.Called > 0 {
		out.Precision = float64(out.found) / float64(out.Called)
	}
	out.F1 = 2 * float64(out.found) / (float64(out.Called) + m)
}
