package fairness

import (
	"fmt"
	"math"
	"slices"

	"github.com/ehrlab/ehrlab/plugins/stats"
)

// Minimum is what a group must have for its rates to be estimated.
type Minimum struct {
	Rows      int `json:"rows"`
	Events    int `json:"events"` // rows with the label: for true positive rates and AUROC
	NonEvents int `json:"nonevents"`
}

// The gaps between groups.
const (
	demographicParityDifference = iota
	demographicParityRatio
	equalizedOddsDifference
	equalizedOddsRatio
	equalOpportunityDifference
	definedTPR
	definedFPR
	definedOdds
	aurocGap
	gapCount
)

// GapNames are the names of the gaps, in the order of Gaps.
var GapNames = [gapCount]string{
	"demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference", "equalized_odds_ratio",
	"equal_opportunity_difference", "tpr_gap_defined_only", "fpr_gap_defined_only", "equalized_odds_difference_defined_only", "auroc_gap",
}

// Comparison says which of some groups are compared in what. A group with fewer rows than the minimum is left out of everything. One with
// fewer events, or fewer non-events, is left out of the rates of these; only where it has none at all do the readings
// differ: fairlearn takes a rate without denominator for 0, and the gaps that are named "defined only" leave it out.
type Comparison struct {
	selection, tpr, fpr, auroc []int // groups, by their index
	noEvents, noOthers         []int // groups without a denominator
}

// Compare decides which groups are compared in what.
func Compare(groups []stats.Rates, m Minimum) *Comparison {
	c := &Comparison{}
	for i, g := range groups {
		if g.Rows == 0 || g.Rows < int64(m.Rows) {
			continue
		}
		c.selection = append(c.selection, i)
		others := g.Rows - g.Events
		enough, enoughOthers := g.Events > 0 && g.Events >= int64(m.Events), others > 0 && others >= int64(m.NonEvents)
		switch {
		case enough:
			c.tpr = append(c.tpr, i)
		case g.Events == 0:
			c.noEvents = append(c.noEvents, i)
		}
		switch {
		case enoughOthers:
			c.fpr = append(c.fpr, i)
		case others == 0:
			c.noOthers = append(c.noOthers, i)
		}
		if enough && enoughOthers {
			c.auroc = append(c.auroc, i)
		}
	}
	return c
}

// Groups lists the groups that a gap compares, by their index: of equalized odds, those that are compared in both rates. zeros are the ones
// among them that have a rate without denominator, which counts as 0.
func (c *Comparison) Groups(gap int) (compared, zeros []int) {
	switch gap {
	case demographicParityDifference, demographicParityRatio:
		return c.selection, nil
	case equalOpportunityDifference:
		return union(c.tpr, c.noEvents), c.noEvents
	case definedTPR:
		return c.tpr, nil
	case definedFPR:
		return c.fpr, nil
	case definedOdds:
		return both(c.tpr, c.fpr), nil
	case aurocGap:
		return c.auroc, nil
	}
	return both(union(c.tpr, c.noEvents), union(c.fpr, c.noOthers)), union(c.noEvents, c.noOthers)
}

func union(a, b []int) []int {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return out
}

func both(a, b []int) []int {
	var out []int
	for _, i := range a {
		if slices.Contains(b, i) {
			out = append(out, i)
		}
	}
	return out
}

// Gaps measures the gaps between groups that have been compared: the greatest rate less the least, or the least over the greatest. NaN is
// undefined: a gap of no group, or a ratio of zeros. The greatest gap of both kinds makes equalized odds.
func (c *Comparison) Gaps(groups []stats.Rates) [gapCount]float64 {
	selection, tpr, fpr, auroc := newSpan(), newSpan(), newSpan(), newSpan()
	for _, i := range c.selection {
		selection.add(groups[i].SelectionRate(), nil)
	}
	for _, i := range c.tpr {
		tpr.add(groups[i].TPR())
	}
	for _, i := range c.fpr {
		fpr.add(groups[i].FPR())
	}
	for _, i := range c.auroc {
		auroc.add(groups[i].AUROC, groups[i].AUROCErr)
	}
	zeroTPR, zeroFPR := tpr.withZero(len(c.noEvents)), fpr.withZero(len(c.noOthers))
	return [gapCount]float64{
		demographicParityDifference: selection.gap(),
		demographicParityRatio:      selection.ratio(),
		equalizedOddsDifference:     greatest(zeroTPR.gap(), zeroFPR.gap()),
		equalizedOddsRatio:          oddsRatio(zeroTPR.ratio(), zeroFPR.ratio()),
		equalOpportunityDifference:  zeroTPR.gap(),
		definedTPR:                  tpr.gap(),
		definedFPR:                  fpr.gap(),
		definedOdds:                 greatest(tpr.gap(), fpr.gap()),
		aurocGap:                    auroc.gap(),
	}
}

// Shifts returns by how much each gap can have moved between groups and a resample of them: the greatest less the least shift of a
// rate, of the logarithm of it for ratios. No difference of two groups moves by more, so neither does that of the two that
// are furthest apart. NaN is undefined.
func (c *Comparison) Shifts(groups, resample []stats.Rates) [gapCount]float64 {
	shift := func(of []int, zeros int, rate func(*stats.Rates) (float64, error)) (plain, log float64) {
		a, b := newSpan(), newSpan()
		for _, i := range of {
			was, err := rate(&groups[i])
			is, err2 := rate(&resample[i])
			if err != nil || err2 != nil {
				return math.NaN(), math.NaN()
			}
			a.add(is-was, nil)
			b.add(math.Log(is/was), nil) // infinite where the resample has a rate of 0; NaN where the groups have one, and then the ratio is 0
		}
		return a.withZero(zeros).gap(), b.gap()
	}
	selection, selectionLog := shift(c.selection, 0, func(r *stats.Rates) (float64, error) { return r.SelectionRate(), nil })
	tpr, tprLog := shift(c.tpr, 0, (*stats.Rates).TPR)
	fpr, fprLog := shift(c.fpr, 0, (*stats.Rates).FPR)
	zeroTPR, _ := shift(c.tpr, len(c.noEvents), (*stats.Rates).TPR)
	zeroFPR, _ := shift(c.fpr, len(c.noOthers), (*stats.Rates).FPR)
	area, _ := shift(c.auroc, 0, func(r *stats.Rates) (float64, error) { return r.AUROC, r.AUROCErr })
	return [gapCount]float64{
		demographicParityDifference: selection,
		demographicParityRatio:      selectionLog,
		equalizedOddsDifference:     greatest(zeroTPR, zeroFPR),
		equalizedOddsRatio:          greatest(tprLog, fprLog),
		equalOpportunityDifference:  zeroTPR,
		definedTPR:                  tpr,
		definedFPR:                  fpr,
		definedOdds:                 greatest(tpr, fpr),
		aurocGap:                    area,
	}
}

// oddsRatio is the smaller of two ratios. Where no group has a false positive their ratio is left out; where none has a true positive
// there is nothing that could be equal.
func oddsRatio(tpr, fpr float64) float64 {
	if math.IsNaN(fpr) {
		return tpr
	}
	return math.Min(tpr, fpr) // NaN where either is
}

// span is the least and the greatest of some rates.
type span struct{ least, greatest float64 }

func newSpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(rate float64, err error) {
	if err == nil {
		s.least, s.greatest = min(s.least, rate), max(s.greatest, rate)
	}
}

// withZero adds a rate of 0 if any group has no denominator.
func (s span) withZero(groups int) span {
	if groups > 0 {
		s.add(0, nil)
	}
	return s
}

func (s span) gap() float64 {
	if s.greatest < s.least {
		return math.NaN()
	}
	return s.greatest - s.least
}

func (s span) ratio() float64 {
	if s.greatest < s.least {
		return math.NaN()
	}
	return s.least / s.greatest // NaN for zeros
}

// greatest leaves out what is undefined.
func greatest(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	}
	return max(a, b)
}

// lacks says what a group has too little of for a rate, without telling how much it has; "" for nothing.
func (m Minimum) lacks(r stats.Rates, rows, events, others bool) string {
	short := func(n int64, least int, of string) string {
		if n >= int64(max(least, 1)) {
			return ""
		}
		return fmt.Sprintf("not estimable: the group has fewer than the minimum of %d test rows%s", max(least, 1), of)
	}
	switch {
	case rows && short(r.Rows, m.Rows, "") != "":
		return short(r.Rows, m.Rows, "")
	case events && short(r.Events, m.Events, "") != "":
		return short(r.Events, m.Events, " with the label")
	case others:
		return short(r.Rows-r.Events, m.NonEvents, " without the label")
	}
	return ""
}

// EqualizedOddsScore is what sdmetrics calls the equalized odds score of two groups: 1 less the larger of their gaps in true and in false
// positive rate, in [0,1], higher is better. A rate without denominator counts as 0.
func EqualizedOddsScore(a, b stats.Confusion) float64 {
	rate := func(part, rest int64) float64 { return float64(part) / float64(max(1, part+rest)) }
	tpr := rate(a.TruePositive, a.FalseNegative) - rate(b.TruePositive, b.FalseNegative)
	fpr := rate(a.FalsePositive, a.TrueNegative) - rate(b.FalsePositive, b.TrueNegative)
	return 1 - max(math.Abs(tpr), math.Abs(fpr))
}
