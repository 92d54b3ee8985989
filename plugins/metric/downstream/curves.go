package downstream

import (
	"slices"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/stats"
)

// curveInfos describes what curves returns.
func curveInfos() []plugins.CurveInfo {
	return []plugins.CurveInfo{
		{Name: "roc", Area: "auroc", Kind: plugins.LineCurve, X: "1 − specificity", Y: "sensitivity", Least: new(0.0), Most: new(1.0), Summary: "share of the events found at each share of false alarms"},
		{Name: "pr", Area: "auprc", Chance: "prevalence_test", Kind: plugins.RecallCurve, X: "recall", Y: "precision", Least: new(0.0), Most: new(1.0), Summary: "precision of the first cut of the ranking that reaches the recall"},
		{
			Name: "calibration", Kind: plugins.BinCurve, X: "predicted probability", Y: "observed share", Least: new(0.0), Most: new(1.0), Band: "95 % Wilson interval of each bin, over test rows",
			Summary: "share of events against the mean predicted probability in ten equal bins of it",
		},
	}
}

// crowd is the least number of units (subjects, or rows without subjects) that a point of a curve stands for, so
// that no curve shows a single patient.
const crowd = plugins.FewestTold

// grid is the number of steps of the ROC and precision-recall curves along x.
const grid = 100

// deciles is the number of bins of the calibration curve, before neighbours are joined.
const deciles = 10

// curves returns "roc", "pr" and "calibration" of the probabilities p, which ranked holds sorted; none when the test rows
// have one class or too few units.
func curves(ranked *stats.Predictions, p []float64, test *rows) []plugins.Curve {
	order, ends := ranked.Ranked()
	byRank := chunks(order, ends, p, test)
	if byRank == nil || test.lacks() != "" {
		return nil
	}
	return []plugins.Curve{roc(byRank), precisionRecall(byRank), calibration(order, p, test)}
}

// chunk is rows next to each other in the ranking.
type chunk struct {
	rows, events int
	units        int
	probability  float64 // sum over the rows
}

// chunks cuts the order of rows at some of the given ends so that each piece holds at least crowd units. What remains at
// the end joins the last piece. It is nil when all rows together are too few.
func chunks(order, ends []int32, p []float64, r *rows) []chunk {
	var out []chunk
	seen := make([]int, r.units) // the piece, from 1, that a unit was last counted in
	var now chunk
	start := int32(0)
	for _, end := range ends {
		for _, row := range order[start:end] {
			now.rows++
			now.probability += p[row]
			if r.Y[row] {
				now.events++
			}
			if u := r.unit[row]; seen[u] != len(out)+1 {
				seen[u] = len(out) + 1
				now.units++
			}
		}
		if start = end; now.units >= crowd {
			out = append(out, now)
			now = chunk{}
		}
	}
	if len(out) > 0 {
		last := &out[len(out)-1]
		last.rows += now.rows
		last.events += now.events
		last.probability += now.probability
	}
	return out
}

// roc returns the share of events found at each share 0, 0.01 … 1 of false alarms: linear between the cuts of the
// ranking, and the upper end where the curve is vertical.
func roc(byRank []chunk) plugins.Curve {
	events, others := totals(byRank)
	out := plugins.Curve{Name: "roc"}
	found, alarms, at := 0, 0, 0 // at the start of byRank[at]
	for k := range grid + 1 {
		// up to the last cut with alarms ≤ k/grid · others; whole numbers, so that ties are exact
		for at < len(byRank) && (alarms+byRank[at].rows-byRank[at].events)*grid <= k*others {
			found += byRank[at].events
			alarms += byRank[at].rows - byRank[at].events
			at++
		}
		x := float64(k) / grid
		y := float64(found)
		if at < len(byRank) {
			rise, run := byRank[at].events, byRank[at].rows-byRank[at].events
			y += float64(rise) * (x*float64(others) - float64(alarms)) / float64(run)
		}
		out.X = append(out.X, x)
		out.Y = append(out.Y, min(1, y/float64(events)))
		out.N = append(out.N, byRank[min(at, len(byRank)-1)].units)
	}
	return out
}

// precisionRecall returns the precision at each recall 0, 0.01 … 1: that of the first cut of the ranking that
// reaches the recall.
func precisionRecall(byRank []chunk) plugins.Curve {
	events, _ := totals(byRank)
	out := plugins.Curve{Name: "pr"}
	found, taken, at := 0, 0, 0
	for k := range grid + 1 {
		for at < len(byRank) && (at == 0 || found*grid < k*events) {
			found += byRank[at].events
			taken += byRank[at].rows
			at++
		}
		out.X = append(out.X, float64(k)/grid)
		out.Y = append(out.Y, float64(found)/float64(taken))
		out.N = append(out.N, byRank[at-1].units)
	}
	return out
}

func totals(pieces []chunk) (events, others int) {
	for _, c := range pieces {
		events += c.events
		others += c.rows - c.events
	}
	return events, others
}

// calibration returns the share of events against the mean predicted probability in ten equal bins of it,
// neighbours joined until each holds enough units. Where every unit is one row, Low and High are the Wilson interval
// at 95 %; rows of one subject depend on each other, and then there is none.
func calibration(ranked []int32, p []float64, test *rows) plugins.Curve {
	order := slices.Clone(ranked)
	slices.Reverse(order) // by rising probability
	var ends []int32
	for i, row := range order {
		if i > 0 && stats.Bin(p[row], deciles) != stats.Bin(p[order[i-1]], deciles) {
			ends = append(ends, int32(i))
		}
	}
	out := plugins.Curve{Name: "calibration"}
	for _, c := range chunks(order, append(ends, int32(len(order))), p, test) {
		out.X = append(out.X, c.probability/float64(c.rows))
		out.Y = append(out.Y, float64(c.events)/float64(c.rows))
		out.N = append(out.N, c.units)
		if test.units == len(test.Y) {
			low, high, _ := stats.Wilson(c.events, c.rows, 0.95) // no error: a chunk has rows
			out.Low, out.High = append(out.Low, low), append(out.High, high)
		}
	}
	return out
}
