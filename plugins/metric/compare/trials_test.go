package compare_test

import (
	"math"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/metric/compare"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

func TestTrialsAreSubjects(t *testing.T) {
	category := metrictest.Category
	for _, c := range []struct {
		name    string
		subject []string // nil: none is known
		rows    int
		want    compare.Trials
	}{
		{"no subjects", nil, 4, compare.Trials{Unit: "test rows", Weight: 1}},
		{"one row each", []string{"a", "b", "c"}, 3, compare.Trials{Unit: "test subjects", Weight: 1}},
		{"two rows each", []string{"a", "a", "b", "b"}, 4, compare.Trials{Unit: "test subjects", Weight: 0.5}},
		{"a row without a subject stands for itself", []string{"a", "a", "a", ""}, 4, compare.Trials{Unit: "test subjects", Weight: 0.4}}, // 4²/(9+1)/4
		{"no rows", []string{}, 0, compare.Trials{Unit: "test rows", Weight: 1}},
	} {
		trials := compare.NewTrials("test", nil, c.rows)
		if c.subject != nil {
			trials = compare.NewTrials("test", category("id", c.subject...), c.rows)
		}
		if trials.Unit != c.want.Unit || trials.Weight != c.want.Weight {
			t.Errorf("%s: %+v, want %+v", c.name, trials, c.want)
		}
	}
}

func TestClustersAreNoMoreThanTheirRows(t *testing.T) {
	for _, c := range []struct {
		rows, squares int
		want          float64
	}{{4, 4, 1}, {4, 16, 0.25}, {5, 9, 5. / 9}, {0, 0, 1}} {
		if got := compare.Clustered("test subjects", c.rows, c.squares); got.Weight != c.want || got.Unit != "test subjects" {
			t.Errorf("%d rows, squares %d: %+v, want %v", c.rows, c.squares, got, c.want)
		}
	}
}

// The Wilson interval of 0 of n is [0, z²/(n+z²)]; where all rows come twice, that of n/2.
func TestAShareOfNoneHasAnInterval(t *testing.T) {
	const z2 = 3.841458820694124
	for _, c := range []struct{ weight, want float64 }{{1, z2 / (50 + z2)}, {0.5, z2 / (25 + z2)}} {
		s := compare.Share("copied", 0, 50, compare.Trials{Unit: "test rows", Weight: c.weight}, "")
		if i := s.Interval; s.Value != 0 || s.N != 50 || i.Low != 0 || math.Abs(i.High-c.want) > 1e-12 || i.Unit != "test rows" || i.Level != 0.95 {
			t.Errorf("weight %v: %+v, %+v, want up to %v", c.weight, s, s.Interval, c.want)
		}
	}
	if s := compare.Share("copied", 2, 8, compare.Trials{}, ""); s.Interval != nil || s.Value != 0.25 {
		t.Errorf("%+v has an interval that was not asked for", s)
	}
	if s := compare.Share("copied", 0, 0, compare.Trials{}, "there are none"); s.Status != plugins.Undefined || s.Reason != "there are none" {
		t.Errorf("%+v", s)
	}
}
