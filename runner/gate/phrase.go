package gate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/ehrlab/ehrlab/plugins"
)

// Where is what tells a comparison from the others of its check, e.g. "strategy copula, n 500"; empty where there is only one.
func (c *Comparison) Where() string {
	parts := make([]string, len(c.Labels))
	for i, l := range c.Labels {
		parts[i] = l.Name + " " + l.Value
	}
	return oneLine(strings.Join(parts, ", "))
}

// Title names a comparison, e.g. "holds: across.auroc, strategy copula".
func (c *Comparison) Title() string {
	title := c.Check.Name + ": " + c.Score
	if where := c.Where(); where != "" {
		title += ", " + where
	}
	return title
}

// Outcome is the verdict, with what else decides on the build.
func (c *Comparison) Outcome() string {
	outcome := string(c.Verdict)
	switch {
	case c.fails() && c.Accepted:
		outcome += ", accepted as the baseline"
	case c.Verdict == Underpowered && c.Check.PassUnderpowered:
		outcome += ", which the check lets pass"
	}
	if c.Breach != "" {
		outcome += ", beyond the limit"
	}
	return outcome
}

// fails reports whether the verdict would fail the build, whatever was accepted and whatever the limit is.
func (c *Comparison) fails() bool {
	return c.Verdict != Same && c.Verdict != Better && !(c.Verdict == Underpowered && c.Check.PassUnderpowered)
}

// spared reports whether a comparison passes by leave alone: that of the check, or as the version was accepted.
func (c *Comparison) spared() bool {
	return c.Passes() && (c.Verdict != Same && c.Verdict != Better)
}

// arrow points where the score is better.
func (c *Comparison) arrow() string {
	switch c.Direction {
	case plugins.Higher:
		return "↑"
	case plugins.Lower:
		return "↓"
	}
	return ""
}

// change is both values, e.g. "0.812 → 0.771".
func (c *Comparison) change() string {
	switch {
	case c.Compared:
		return c.fixed(c.Old) + " → " + c.fixed(c.New)
	case c.Measured:
		return "– → " + c.fixed(c.New)
	}
	return "– → –"
}

// difference is the difference with its interval, e.g. "−0.041 [−0.060, −0.022]".
func (c *Comparison) difference() string {
	switch {
	case !c.estimated():
		return "–"
	case c.Identical && c.N < c.Of:
		return "0, the scores of all pairs are equal"
	case c.Identical:
		return "0, all scores are equal"
	case math.IsInf(c.Low, 0) || math.IsInf(c.High, 0):
		return c.signed(c.Delta) + ", no interval"
	}
	return fmt.Sprintf("%s [%s, %s]", c.signed(c.Delta), c.signed(c.Low), c.signed(c.High))
}

// estimated reports whether there is a difference.
func (c *Comparison) estimated() bool {
	switch c.Verdict {
	case Incomplete, NotComparable:
		return false
	}
	return true
}

// detectable is the smallest difference that would be found, where it is known.
func (c *Comparison) detectable() string {
	if !c.estimated() || !(c.Detectable > 0) {
		return "–"
	}
	return c.fixed(c.Detectable)
}

// margin is the loss that passes; where the baseline is not known, as the check says it.
func (c *Comparison) margin() string {
	if c.estimated() {
		return number(c.Margin)
	}
	var parts []string
	if t := c.Check.Tolerance.Absolute; t != nil {
		parts = append(parts, number(*t))
	}
	if t := c.Check.Tolerance.Relative; t != nil {
		parts = append(parts, number(100**t)+" %")
	}
	return strings.Join(parts, " or ")
}

// basis is what the interval rests on, e.g. "97.5 % over seeds × test subjects".
func (c *Comparison) basis() string {
	if !c.estimated() || c.Unit == "" || c.Identical {
		return ""
	}
	return fmt.Sprintf("%s over %s", percent(c.Level), c.Unit)
}

// percent shows a coverage with two significant digits of what is missing to all.
func percent(level float64) string {
	decimals := max(2-int(math.Floor(math.Log10(100*(1-level)))), 0)
	return trimmed(strconv.FormatFloat(100*level, 'f', min(decimals, 12), 64)) + " %"
}

// decimals is so many that the smaller of the margin and half the interval has two significant digits.
func (c *Comparison) decimals() int {
	unit := math.Inf(1)
	for _, v := range []float64{c.Margin, (c.High - c.Low) / 2} {
		if v > 0 && v < unit {
			unit = max(v, c.Margin/100)
		}
	}
	if t := c.Check.Tolerance.Absolute; math.IsInf(unit, 0) && t != nil && *t > 0 {
		unit = *t
	}
	if math.IsInf(unit, 0) {
		return 3
	}
	return min(max(1-int(math.Floor(math.Log10(unit))), 0), 10)
}

func (c *Comparison) fixed(v float64) string {
	return minus(strconv.FormatFloat(v, 'f', c.decimals(), 64))
}

func (c *Comparison) signed(v float64) string {
	text := strconv.FormatFloat(v, 'f', c.decimals(), 64)
	if v > 0 {
		text = "+" + text
	}
	return minus(text)
}

// minus writes the sign as a minus, which readers do not take for a hyphen.
func minus(text string) string { return strings.Replace(text, "-", "−", 1) }

// Sentences are all that is said of a comparison besides its numbers.
func (c *Comparison) Sentences() []string {
	var out []string
	if c.Breach != "" {
		out = append(out, c.Breach)
	}
	out = append(out, c.Why...)
	if c.Advice != "" {
		out = append(out, c.Advice)
	}
	for i := range out {
		out[i] = oneLine(out[i])
	}
	return out
}

// oneLine keeps what a reason quotes, such as the message of another program, from looking like a line of its own: a build reads commands
// from those.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// Message is a comparison on one line: its numbers and sentences.
func (c *Comparison) Message() string {
	parts := []string{fmt.Sprintf("%s: %s", c.Outcome(), c.change())}
	if c.estimated() {
		numbers := "difference " + c.difference()
		if basis := c.basis(); basis != "" {
			numbers += " (" + basis + ")"
		}
		parts = append(parts, numbers, "tolerance "+c.margin(), "detectable "+c.detectable())
	}
	parts = append(parts, fmt.Sprintf("%d/%d pairs", c.N, c.Of))
	text := strings.Join(parts, "; ")
	return strings.Join(append([]string{text}, c.Sentences()...), "; ")
}

// Describe names the baseline and why it is the one, e.g. "v3, accepted 2026-03-01: new test split".
func (b Baseline) Describe() string {
	switch {
	case b.Version == nil:
		return oneLine("no baseline: " + b.Why)
	case b.Why == "":
		return oneLine(b.Name)
	}
	return oneLine(b.Name + ", " + b.Why)
}

// Baselines are the baselines of all comparisons, each once, in order.
func (r *Report) Baselines() []string {
	var out []string
	seen := map[string]bool{}
	for i := range r.Comparisons {
		if text := r.Comparisons[i].Baseline.Describe(); !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	return out
}

// Counts says how many comparisons came to each verdict, from the gravest, e.g. "1 worse, 3 same".
func (r *Report) Counts() string {
	var parts []string
	for _, v := range Verdicts() {
		n := 0
		for i := range r.Comparisons {
			if r.Comparisons[i].Verdict == v {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	beyond := 0
	for i := range r.Comparisons {
		if r.Comparisons[i].Breach != "" {
			beyond++
		}
	}
	if beyond > 0 {
		parts = append(parts, fmt.Sprintf("%d beyond the limit", beyond))
	}
	return strings.Join(parts, ", ")
}

// Result says whether the build passes, with the exit code.
func (r *Report) Result() string {
	switch r.Code() {
	case CodePass:
		if r.acceptedInSpite() != "" {
			return "passes, as it was accepted"
		}
		return "passes"
	case CodeRegressed:
		return "fails: a score has become worse, or is beyond its limit (exit code 4)"
	case CodeIncomplete:
		return "fails: results are missing (exit code 3)"
	}
	return "fails: not comparable or underpowered (exit code 6)"
}

// Coverage says how sure the intervals are.
func (r *Report) Coverage() string {
	switch r.Family {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("The interval has a coverage of %s.", percent(r.Level))
	}
	each := 1 - (1-r.Level)/float64(r.Family)
	return fmt.Sprintf("The intervals of the %d comparisons that need one cover together with %s: each has %s (Bonferroni).", r.Family, percent(r.Level), percent(each))
}

// banner says that numbers are no evidence.
const banner = "SIMULATED: software check on invented patients"
