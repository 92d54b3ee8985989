package gate

import (
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/runner/record"
	"github.com/ehrlab/ehrlab/runner/spec"
)

// tally counts verdicts.
type tally map[Verdict]int

// trial is what the gate is worth: comparisons of versions whose difference is known.
type trial struct {
	alike  tally // no difference, and no tolerance, so that chance alone decides
	enough tally // no difference, and a tolerance of what was stated to be detectable
	losses tally // a loss of twice as much
	few    tally // such losses, with three pairs a side
}

// runTrial makes reports of some comparisons each until there are so many comparisons of each kind, with ten pairs a side.
//
// A version is compared with another of the same pipeline first. What that report states to be detectable is the tolerance of the next ones:
// of one more such version, and of one that lost twice as much, whole and with three of its seeds.
func runTrial(t testing.TB, comparisons, each int) trial {
	out := trial{tally{}, tally{}, tally{}, tally{}}
	for seed := range uint64(comparisons / each) {
		w := newWard(1000*uint64(each)+seed, each, 10)
		old, again := w.rate(1), w.rate(2)
		stated := against(t, holds(0), again, old)
		less := make([]float64, each)
		for i := range stated.Comparisons {
			c := &stated.Comparisons[i]
			out.alike[c.Verdict]++
			less[i] = 2 * c.Detectable
			if !(c.Detectable > 0) || c.N != 10 {
				t.Fatalf("%s: %d pairs detect %v", c.Title(), c.N, c.Detectable)
			}
		}
		alike := w.rate(3)
		w.change(less)
		worse := w.rate(4)
		var checks []spec.Check
		for i, s := range w.strategies {
			c := holds(less[i] / 2)
			c.Name, c.Where = "holds-"+s, map[string][]spec.Value{"strategy": {{Text: s}}}
			checks = append(checks, c)
		}
		for counts, versions := range map[*tally][2]*record.Core{
			&out.enough: {alike, old}, &out.losses: {worse, old}, &out.few: {firstSeeds(worse, 3), firstSeeds(old, 3)},
		} {
			for _, c := range report(t, checks, versions[0], versions[1]).Comparisons {
				(*counts)[c.Verdict]++
			}
		}
	}
	return out
}

// TestTrial is the trial of 200 comparisons of each kind, alone and in reports of four: ten pairs a side give no more than 16 false alarms,
// find 180 planted losses at least and take five at most for the same; three pairs say that they are too few.
func TestTrial(t *testing.T) {
	for _, each := range []int{1, 4} {
		if each == 1 && testing.Short() {
			continue
		}
		const n = 200
		got := runTrial(t, n, each)
		t.Logf("%d a report: alike %v, with a tolerance %v, losses %v, with three pairs %v", each, got.alike, got.enough, got.losses, got.few)
		if alarms := got.alike[Worse]; alarms > 16 {
			t.Errorf("%d false alarms of %d", alarms, n)
		}
		if got.enough[Same]+got.enough[Better] < n*2/3 || got.enough[Worse] > 0 {
			t.Errorf("of %d versions of one pipeline: %v", n, got.enough)
		}
		if got.losses[Worse] < 180 || got.losses[Same]+got.losses[Better] > 5 {
			t.Errorf("of %d losses: %v", n, got.losses)
		}
		if got.few[Same]+got.few[Better] > n/20 || got.few[Underpowered] <= n/2 {
			t.Errorf("of %d losses with three pairs a side: %v", n, got.few)
		}
		for kind, counts := range map[string]tally{"alike": got.alike, "enough": got.enough, "losses": got.losses, "few": got.few} {
			if sum := counts[Same] + counts[Better] + counts[Worse] + counts[Underpowered]; sum != n {
				t.Errorf("%s: %d comparisons, want %d: %v", kind, sum, n, counts)
			}
		}
	}
}

// BenchmarkTrial is a larger trial, for reports of one comparison and of several. It reports shares of the comparisons.
func BenchmarkTrial(b *testing.B) {
	for _, bench := range []struct {
		name string
		each int
	}{{"one", 1}, {"four", 4}, {"ten", 10}} {
		b.Run(bench.name, func(b *testing.B) {
			for range b.N {
				const n = 1000
				got := runTrial(b, n, bench.each)
				for unit, count := range map[string]int{
					"alarms/alike": got.alike[Worse], "same/enough": got.enough[Same] + got.enough[Better], "worse/loss": got.losses[Worse], "same/loss": got.losses[Same] + got.losses[Better],
					"same/loss-3": got.few[Same] + got.few[Better], "underpowered/loss-3": got.few[Underpowered],
				} {
					b.ReportMetric(float64(count)/n, unit)
				}
				if got.alike[Worse] > n*16/200 || got.losses[Worse] < n*180/200 || got.losses[Same]+got.losses[Better] > n*5/200 {
					b.Errorf("alike %v, losses %v", got.alike, got.losses)
				}
			}
		})
	}
}

// firstSeeds is a version with its first seeds alone.
func firstSeeds(core *record.Core, seeds int) *record.Core {
	out := clone(core)
	out.Cells, out.Scores = nil, nil
	for i := range core.Cells {
		if seed, err := strconv.Atoi(core.Cells[i].Axes["seed"]); err == nil && seed <= seeds {
			out.Cells = append(out.Cells, core.Cells[i])
			out.Scores = append(out.Scores, core.Scores[i])
		}
	}
	return out
}
