package gate

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/ehrlab/ehrlab/plugins/stats"
	"github.com/ehrlab/ehrlab/runner/contrast"
	"github.com/ehrlab/ehrlab/runner/record"
)

// mostUnits is the largest number of seeds that is proposed: beyond it a wider tolerance is the better advice.
const mostUnits = 1000

// advise says what to do.
func (x *comparing) advise() {
	replicates := x.unitName
	switch x.Verdict {
	case Worse:
		x.Advice = fmt.Sprintf("the loss is greater than the tolerance of %s, and than chance explains", number(x.Margin))
	case Underpowered:
		x.Advice = x.underpowered(replicates)
	case Better:
		x.Advice = "accept the version to hold later ones to it"
	case Same:
		if !x.Identical {
			x.Advice = fmt.Sprintf("a loss of %s or more is excluded", number(x.Margin))
		}
	}
}

// underpowered says what would settle the question: how many replicates, more test rows, or a wider tolerance.
func (x *comparing) underpowered(replicates string) string {
	if x.few {
		return fmt.Sprintf("%s with equal scores %s too few to speak for what has none: compare with a version that has all, or make this one the baseline with --accept %s --reason \"…\"",
			plural(x.N, "pair"), are(x.N), x.Check.Name)
	}
	if x.effect.Units < 2 {
		return fmt.Sprintf("with one pair it is unknown what varies between %s: let both versions have several", replicates)
	}
	if math.IsInf(x.Low, 0) {
		return fmt.Sprintf("%s: let both versions have more %s", x.effect.UnsureAt(x.Level), replicates)
	}
	can := fmt.Sprintf("%s can detect %s, the tolerance is %s", plural(x.N, "pair"), x.fixed(x.Detectable), number(x.Margin))
	if x.Margin == 0 {
		return "with a tolerance of 0 equal scores alone are the same: set one that is above 0"
	}
	overUnits, ofRows, ok := x.effect.Spread()
	if !ok {
		return can
	}
	if enough := replicatesFor(overUnits, ofRows, x.Level, x.Margin); enough > x.effect.Units {
		return fmt.Sprintf("%s: about %d %s are needed, in both versions", can, enough, replicates)
	} else if enough > 0 { // there are enough to find no change, but there is one, near the tolerance
		return fmt.Sprintf("%s: the difference is too near the tolerance to tell; more %s, in both versions, may settle it", can, replicates)
	}
	if rows, err := stats.Planned(0, ofRows, mostUnits, x.Level, contrast.Power); err == nil && rows > x.Margin {
		return fmt.Sprintf("%s: more %s do not help, as the test rows alone leave %s; it takes more test rows or a wider tolerance", can, replicates, number(rows))
	}
	return fmt.Sprintf("%s: more than %d %s would be needed, so widen the tolerance", can, mostUnits, replicates)
}

// replicatesFor is the least number of replicates that can detect a difference; 0 where so many as are ever proposed cannot.
func replicatesFor(overUnits, ofRows, level, difference float64) int {
	detects := func(n int) bool {
		d, err := stats.Planned(overUnits, ofRows, n, level, contrast.Power)
		return err == nil && d <= difference
	}
	if !detects(mostUnits) {
		return 0
	}
	low, high := 1, mostUnits // detects(high), and not detects(low): one replicate tells nothing
	for high-low > 1 {
		if middle := (low + high) / 2; detects(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// notesOf are remarks on the whole report.
func notesOf(r *Report, core *record.Core) []string {
	var out []string
	failed := 0
	for i := range core.Cells {
		if core.Cells[i].Status == record.CellFailed {
			failed++
		}
	}
	if failed > 0 || !core.Manifest.Complete {
		out = append(out, fmt.Sprintf("%s is incomplete: %s failed", r.Checked.Name, plural(failed, "cell")))
	}
	for i := range r.Comparisons {
		b := r.Comparisons[i].Baseline
		if b.Version == nil {
			continue
		}
		if b.Core == core {
			out = append(out, r.Checked.Name+" is compared with itself: it is the baseline")
		}
		m := &b.Core.Manifest
		if m.Numeric != core.Manifest.Numeric {
			out = append(out, fmt.Sprintf("%s and %s were made on machines that round differently: small differences may be of them", r.Checked.Name, b.Name))
		}
		if m.Experiment != core.Manifest.Experiment {
			out = append(out, fmt.Sprintf("%s is a version of another experiment, %s", b.Name, m.Experiment))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// number shows a number with three significant digits, and no fewer than it has before the point.
func number(v float64) string {
	switch size := math.Abs(v); {
	case v == 0:
		return "0"
	case size >= 1e6 || size < 1e-4 || math.IsNaN(v):
		return strconv.FormatFloat(v, 'g', 3, 64)
	default:
		decimals := max(2-int(math.Floor(math.Log10(size))), 0)
		text := strconv.FormatFloat(v, 'f', decimals, 64)
		return trimmed(text)
	}
}

// trimmed drops zeros behind the point.
func trimmed(text string) string {
	if !slices.Contains([]byte(text), '.') {
		return text
	}
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if text[len(text)-1] == '.' {
		text = text[:len(text)-1]
	}
	return text
}
