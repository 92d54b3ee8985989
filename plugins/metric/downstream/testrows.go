package downstream

import (
	"fmt"
	"math"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/downstream/classifier"
)

// onReal tests on the rows of the test part: all of them, unless the settings say which share of which number.
func (s *source) onReal(t *task, labels *classifier.Labels, test plugins.Sample) error {
	all, subject := labels.Rows(test.Frame), test.Subject
	t.of = s.pair.TestRows()
	kept, err := s.drawTest(t, all.Y, "real")
	if err != nil {
		return err
	}
	if kept != nil {
		all = all.Take(kept)
		if subject != nil {
			subject = subject.Take(kept)
		}
		t.of = identified(all.Frame, subject, s.pair.Target)
	}
	t.test = &rows{Rows: all, name: "test rows"}
	t.test.resampledBy(subject, "test")
	return nil
}

// identified returns a text that other cells have for the same rows, as plugins.Pair.TestRows does.
func identified(f *frame.Frame, subject *frame.Column, target string) string {
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Test: {Frame: f, Subject: subject},
	}), nil, target).TestRows()
}

// drawTest draws the rows to test on, ascending, from rows of which y holds the labels, without replacement; nil: the settings take all.
//
// Real rows are drawn alike for every model, subset of features and generator, and for all seeds. Where there are too few rows, the
// error is a classifier.Undefined: a smaller draw would be another measurement.
func (s *source) drawTest(t *task, y []bool, of string) ([]int, error) {
	c := s.config
	if c.TestPrevalence == 0 && c.TestRows == 0 {
		return nil, nil
	}
	have := classes(y, ascending(len(y)))
	want, err := c.wanted(have)
	if err != nil {
		return nil, err
	}
	n := want[0] + want[1]
	t.counts = append(t.counts, plugins.Count{Name: "test rows left out by the draw", Value: len(y) - n})
	warning := fmt.Sprintf("%d of %d test rows drawn", n, len(y))
	if c.TestPrevalence > 0 {
		warning += fmt.Sprintf(", %.3g %% of them with the label: auprc, precision, F1, MCC, calibration and mean errors are those at the drawn prevalence, not at that of patients",
			100*float64(want[1])/float64(n))
	}
	t.warnings = append(t.warnings, warning)
	return pick(s.env.Rand.For(plugins.ForResample, "downstream test rows", of), y, want), nil
}

// wanted returns how many rows of each class are drawn from those that there are.
func (c Config) wanted(have [2]int) (want [2]int, err error) {
	if have[0] == 0 || have[1] == 0 {
		return want, classifier.Undefined("the test rows have one label class, so that no share of two can be drawn")
	}
	share := c.TestPrevalence
	if share == 0 {
		share = float64(have[1]) / float64(have[0]+have[1])
	}
	if c.TestRows == 0 {
		want = most(have, share)
	} else {
		events := int(math.Round(share * float64(c.TestRows)))
		want = [2]int{c.TestRows - events, events}
	}
	text := fmt.Sprintf("%d test rows with a prevalence of %.4g", c.TestRows, share)
	switch { // how many there are may be few patients
	case c.TestRows == 0 && (want[0] == 0 || want[1] == 0):
		return want, classifier.Undefined(fmt.Sprintf("there are too few test rows for both label classes at a prevalence of %.4g", share))
	case want[0] == 0 || want[1] == 0:
		return want, classifier.Undefined(text + " have one label class")
	case want[0] > have[0] || want[1] > have[1]:
		return want, classifier.Undefined(fmt.Sprintf("%s are %d with the label and %d without; there are fewer", text, want[1], want[0]))
	}
	return want, nil
}

// most returns the greatest numbers of both classes in which the second has the share, as near as whole rows allow: the class that is to
// be the rarer is settled first, and the other is rounded.
func most(have [2]int, share float64) (want [2]int) {
	rare, common, ratio := 1, 0, share/(1-share)
	if share > 0.5 {
		rare, common, ratio = 0, 1, (1-share)/share
	}
	const slack = 1e-9 // a whole number may come out a little lower
	want[rare] = min(have[rare], int(ratio*float64(have[common])+slack))
	want[common] = min(have[common], int(math.Round(float64(want[rare])/ratio)))
	return want
}

func ascending(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
