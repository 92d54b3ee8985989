package units_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/audit/units"
)

// lineup has two untouched and one planted record of the subject of the first three rows, one untouched record of nobody that is known,
// two column-shuffled ones and a synthetic one.
func lineup() (*plugins.AuditReport, plugins.Sample) {
	r := &plugins.AuditReport{
		Sources: []plugins.Source{plugins.FromReal, plugins.FromShuffled, plugins.FromReal, plugins.FromPlanted, plugins.FromReal, plugins.FromShuffled, plugins.FromSynthetic},
		Origin:  []int{0, -1, 2, 1, 3, -1, 0},
	}
	return r, plugins.Sample{
		Frame:   frame.Must(frame.NewNumber("x", make([]float64, 4))),
		Subject: frame.NewCategoryFromStrings("subject", []string{"a", "a", "a", ""}, []bool{false, false, false, true}),
	}
}

func TestUnits(t *testing.T) {
	r, test := lineup()
	u := units.New(test)
	all := []int{0, 1, 2, 3, 4, 5, 6}
	for range 2 { // nothing is left from the call before
		if of, n := u.Clusters(r, all); n != 5 || !slices.Equal(of, []int32{0, 1, 0, 0, 2, 3, 4}) {
			t.Errorf("clusters %v, %d", of, n)
		}
		if n := u.People(r, all); n != 5 {
			t.Errorf("%d people", n)
		}
		if trials := u.Trials(r, all); trials.Weight != 7./(9+4) || trials.Unit != "test subjects and synthetic rows and column-shuffled rows" {
			t.Errorf("%+v", trials)
		}
	}
	if trials := u.Trials(r, []int{0, 4}); trials.Weight != 1 || trials.Unit != "test subjects" {
		t.Errorf("%+v", trials)
	}
	test.Subject = nil
	if trials := units.New(test).Trials(r, []int{0, 2, 3}); trials.Weight != 1 || trials.Unit != "test rows" {
		t.Errorf("%+v", trials)
	}
}

func TestLacks(t *testing.T) {
	r, _ := lineup()
	by := units.By(r)
	if !slices.Equal(by[plugins.FromReal], []int{0, 2, 4}) || !slices.Equal(by[plugins.FromPlanted], []int{3}) {
		t.Errorf("%v", by)
	}
	without := func(source plugins.Source) map[plugins.Source][]int {
		out := units.By(r)
		delete(out, source)
		return out
	}
	for _, source := range plugins.Sources() {
		want := map[plugins.Source]string{
			plugins.FromReal: "every real record has a planted error", plugins.FromSynthetic: "no synthetic record was judged",
			plugins.FromShuffled: `write "shuffled: 100" in "calibrate" of audits.j`, plugins.FromPlanted: `"calibrate.share" in audits.j is 0`,
		}[source]
		if got := units.Lacks("j", without(source), source); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	if got := units.Lacks("j", nil, plugins.FromReal); !strings.HasPrefix(got, "the audit was not calibrated") {
		t.Error(got)
	}
}
