package attack_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/attack"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var (
	nan      = math.NaN()
	number   = metrictest.Number
	category = metrictest.Category
)

var env = plugins.Env{Rand: plugins.NewRand(1, "test", plugins.ForResample)}

// sample has one column, numbered rows.
func sample(subjects, sites []string) plugins.Sample {
	x := make([]float64, len(subjects))
	for i := range x {
		x[i] = float64(i)
	}
	out := plugins.Sample{Frame: frame.Must(number("x", x...)), Subject: category("subject", subjects...)}
	if sites != nil {
		out.Site = category("site", sites...)
	}
	return out
}

func roster(train, test plugins.Sample, exposed []int, group string) *attack.Roster {
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: train, plugins.Test: test}), train.Frame, "")
	pair.Exposed = exposed
	return attack.Named(pair, group, attack.Source(env))
}

func TestNobodyIsOnBothSides(t *testing.T) {
	train := sample([]string{"a", "a", "b", "", "c"}, nil)
	test := sample([]string{"a", "d", "", "d", "c"}, nil)
	all := roster(train, test, nil, attack.Train)
	if !slices.Equal(all.Members, []int{0, 1, 2, 3, 4}) || !slices.Equal(all.Others, []int{1, 2, 3}) {
		t.Errorf("train: members %v, others %v", all.Members, all.Others)
	}
	// a a b - c | d - d: a row without a subject is one of its own
	if want := []int32{0, 0, 1, 2, 3, 4, 5, 4}; !slices.Equal(all.Unit, want) || all.Units != 6 || !all.Repeated() {
		t.Errorf("units %v of %d, want %v", all.Unit, all.Units, want)
	}
	if even, odd := all.Halves(); !slices.Equal(even, []int{0, 2}) || !slices.Equal(odd, []int{1}) {
		t.Errorf("halves %v and %v: rows of one subject belong together", even, odd)
	}
	some := roster(train, test, []int{2}, attack.Exposed)
	if !slices.Equal(some.Members, []int{2}) || len(some.Others) != 1 {
		t.Errorf("exposed: members %v, others %v; want as many", some.Members, some.Others)
	}
	// a subject of train that was not shown is a stranger
	some = roster(train, sample([]string{"a"}, nil), []int{2}, attack.Exposed)
	if !slices.Equal(some.Others, []int{0}) {
		t.Errorf("others %v: no row of this patient was shown", some.Others)
	}
}

func TestSitesAreMatched(t *testing.T) {
	names := func(prefix string, n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = prefix + string(rune('a'+i))
		}
		return out
	}
	sitesOf := func(s plugins.Sample, rows []int) map[string]int {
		out := map[string]int{}
		for _, i := range rows {
			if s.Site.IsMissing(i) {
				out[""]++
			} else {
				out[s.Site.Levels[s.Site.Codes[i]]]++
			}
		}
		return out
	}
	train := sample(names("m", 8), []string{"h1", "h1", "h1", "h2", "h2", "h3", "", ""})
	test := sample(names("o", 8), []string{"h1", "h2", "h2", "h2", "h1", "h4", "", "h4"})
	r := roster(train, test, nil, attack.Exposed)
	want := map[string]int{"h1": 2, "h2": 2, "": 1}
	if m, o := sitesOf(train, r.Members), sitesOf(test, r.Others); !reflect.DeepEqual(m, want) || !reflect.DeepEqual(o, want) {
		t.Errorf("members at %v, others at %v; want %v", m, o, want)
	}
	if len(r.Warnings) > 0 || !slices.IsSorted(r.Members) || !slices.IsSorted(r.Others) {
		t.Errorf("%+v", r)
	}
	elsewhere := sample(names("o", 3), []string{"h7", "h8", "h8"})
	r = roster(train, elsewhere, nil, attack.Exposed)
	if len(r.Members) != 3 || len(r.Others) != 3 || len(r.Warnings) != 1 {
		t.Errorf("sites that cannot be matched: %+v", r)
	}
}

func TestSitesAreDealtAlike(t *testing.T) {
	repeat := func(letter string, n int) []string { return slices.Repeat([]string{letter}, n) }
	sites := slices.Concat(repeat("h1", 5), repeat("h2", 4), repeat("h3", 1), repeat("", 3))
	subjects := func(prefix string) []string {
		out := make([]string, len(sites))
		for i := range out {
			out[i] = prefix + string(rune('a'+i))
		}
		out[1] = out[0] // two rows of one subject
		return out
	}
	train, test := sample(subjects("m"), sites), sample(subjects("o"), sites)
	r := roster(train, test, nil, attack.Exposed)
	even, odd := r.Halves()
	for _, site := range []string{"h1", "h2", "h3", ""} {
		n := [2]int{}
		for side, places := range [][]int{even, odd} {
			seen := map[int32]bool{}
			for _, at := range places {
				if u := r.Unit[len(r.Members)+at]; !seen[u] && sites[r.Others[at]] == site {
					seen[u] = true
					n[side]++
				}
			}
		}
		if d := n[0] - n[1]; d < -1 || d > 1 {
			t.Errorf("site %q: halves of %v units", site, n)
		}
	}
	differ := false
	var first []bool
	for k := range uint64(20) {
		dealt := r.Deal(func(site string) *rand.Rand { return rand.New(rand.NewPCG(k, uint64(len(site)))) })
		counts := map[string][2]int{} // units of each site that are dealt, by side
		seen := map[int32]bool{}
		for i, u := range r.Unit {
			if seen[u] || !dealt[u] {
				continue
			}
			seen[u] = true
			row, side := i, 0
			if i >= len(r.Members) {
				row, side = r.Others[i-len(r.Members)], 1
			}
			c := counts[sites[row]]
			c[side]++
			counts[sites[row]] = c
		}
		for site, most := range map[string]int{"h1": 4, "h2": 4, "h3": 1, "": 3} { // units of either side
			if c := counts[site]; c[0] != c[1] || c[0] < most/2 || c[0] > (most+1)/2 {
				t.Errorf("site %q: %v of %d units", site, c, most)
			}
		}
		if first == nil {
			first = dealt
		}
		differ = differ || !slices.Equal(first, dealt)
	}
	if !differ {
		t.Error("all draws deal the same units")
	}
	bare := roster(sample(subjects("m"), nil), sample(subjects("o"), nil), nil, attack.Train)
	dealt := 0
	for _, d := range bare.Deal(attack.Source(env)) {
		if d {
			dealt++
		}
	}
	if dealt != 12 { // of 12 and 12 subjects
		t.Errorf("without sites %d of %d units", dealt, bare.Units)
	}
}

func TestWhyNobodyCanBeAttacked(t *testing.T) {
	some, none := sample([]string{"a"}, nil), sample(nil, nil)
	for _, c := range []struct {
		train, test plugins.Sample
		exposed     []int
		group, want string
	}{
		{none, some, nil, attack.Train, "there are no train rows"},
		{some, none, nil, attack.Train, "no test row can be a non-member"},
		{some, some, nil, attack.Train, "no test row can be a non-member"},
		{some, sample([]string{"b"}, nil), []int{}, attack.Exposed, "the generator has seen no row of train"},
		{some, sample([]string{"b"}, nil), nil, attack.Exposed, ""},
	} {
		if got := roster(c.train, c.test, c.exposed, c.group).Lacks(); got != c.want {
			t.Errorf("lacks %q, want %q", got, c.want)
		}
	}
}

func TestRisk(t *testing.T) {
	found, err := attack.Outcome{Attacks: 100, Successes: 40}.Rate(0.95)
	if err != nil {
		t.Fatal(err)
	}
	const z2 = 3.841458820694124 // of the 97.5 % quantile
	if math.Abs(found.Value-(40+z2/2)/(100+z2)) > 1e-12 || math.Abs(found.Error-math.Sqrt(z2*(24+z2/4))/(100+z2)) > 1e-12 {
		t.Errorf("rate %+v", found)
	}
	base, _ := attack.Outcome{Attacks: 100, Successes: 10}.Rate(0.95)
	risk, err := attack.Excess(found, base)
	if err != nil || math.Abs(risk.Value-(found.Value-base.Value)/(1-base.Value)) > 1e-12 || !(risk.Low < risk.Value && risk.Value < risk.High) {
		t.Errorf("risk %+v, %v", risk, err)
	}
	if swapped, _ := attack.Excess(base, found); swapped.Value != 0 || swapped.Low != 0 {
		t.Errorf("an attack that does worse than its control has the risk %+v", swapped)
	}
	if _, err := attack.Excess(found, attack.Rate{Value: 1}); err == nil {
		t.Error("a control that always succeeds leaves a risk")
	}
	for _, o := range []attack.Outcome{{}, {Attacks: 2, Successes: 3}, {Attacks: 2, Successes: -1}, {Attacks: 2, Successes: nan}} {
		if _, err := o.Rate(0.95); err == nil {
			t.Errorf("%+v has a rate", o)
		}
	}
}

// reading computes what a Reading holds from its definitions, row by row.
func reading(member []bool, score []float64, times []int32) attack.Reading {
	var m, o []float64
	for i, s := range score {
		for range times[i] {
			if member[i] {
				m = append(m, s)
			} else {
				o = append(o, s)
			}
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(m, o)))
	middle := (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	share := func(x []float64, passes func(float64) bool) float64 {
		n := 0.0
		for _, v := range x {
			if passes(v) {
				n++
			}
		}
		return n / float64(len(x))
	}
	r := attack.Reading{Members: len(m), Others: len(o)}
	for _, a := range m {
		r.AUROC += share(o, func(b float64) bool { return a > b }) + share(o, func(b float64) bool { return a == b })/2
	}
	r.AUROC /= float64(len(m))
	for _, at := range all {
		tpr, fpr := share(m, func(v float64) bool { return v >= at }), share(o, func(v float64) bool { return v >= at })
		r.AdvantageMax = max(r.AdvantageMax, tpr-fpr)
		if fpr <= 0.1 {
			r.TPR10 = max(r.TPR10, tpr)
		}
		if fpr <= 0.01 {
			r.TPR1 = max(r.TPR1, tpr)
		}
	}
	above := func(v float64) bool { return v > middle }
	r.Recall = share(m, above)
	r.AdvantageMedian = r.Recall - share(o, above)
	found, alarms := r.Recall*float64(len(m)), share(o, above)*float64(len(o))
	r.Called = int(math.Round(found + alarms))
	r.Accuracy = (found + float64(len(o)) - alarms) / float64(len(all))
	if r.Called > 0 {
		r.Precision = found / (found + alarms)
	}
	if found > 0 {
		r.F1 = 2 * r.Precision * r.Recall / (r.Precision + r.Recall)
	}
	return r
}

func TestReadingsFollowTheirDefinitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 2 + rng.IntN(40)
		member, score := make([]bool, n), make([]float64, n)
		unit, counts := make([]int32, n), make([]int32, n)
		for i := range n {
			member[i], score[i] = rng.IntN(2) == 0, float64(rng.IntN(1+rng.IntN(30)))
			unit[i], counts[i] = int32(i), int32(rng.IntN(3))
		}
		member[0], member[1], counts[0], counts[1] = true, false, 1, 1
		r := attack.NewRanking(member, score)
		ones := slices.Repeat([]int32{1}, n)
		for _, c := range []struct{ times, counts []int32 }{{ones, nil}, {ones, ones}, {counts, counts}} {
			got, ok := r.Read(unit, c.counts)
			want := reading(member, score, c.times)
			if !ok || !close(got, want) {
				t.Fatalf("members %v, scores %v, times %v:\ngot  %+v\nwant %+v", member, score, c.times, got, want)
			}
		}
	}
	if _, ok := attack.NewRanking([]bool{true, true}, []float64{1, 2}).Read(nil, nil); ok {
		t.Error("members alone can be told from nobody")
	}
}

func close(a, b attack.Reading) bool {
	for _, d := range []float64{
		a.AUROC - b.AUROC, a.AdvantageMax - b.AdvantageMax, a.AdvantageMedian - b.AdvantageMedian, a.TPR10 - b.TPR10, a.TPR1 - b.TPR1,
		a.Accuracy - b.Accuracy, a.Precision - b.Precision, a.Recall - b.Recall, a.F1 - b.F1,
	} {
		if !(math.Abs(d) < 1e-12) {
			return false
		}
	}
	return a.Members == b.Members && a.Others == b.Others && a.Called == b.Called
}

func TestScannerFindsAllOfTheClosest(t *testing.T) {
	base := frame.Must(number("x", 0, 4, 4, nan, 10), category("c", "a", "b", "b", "", "c"))
	targets := frame.Must(number("x", 2, nan, 4), category("c", "z", "", "b"))
	for _, columns := range [][]string{{"x", "c"}, {"c", "x"}} {
		s, err := attack.NewScanner(base, targets, columns)
		if err != nil {
			t.Fatal(err)
		}
		// 2 is as far from 0 as from 4, and no row has z; missing is nearest to missing
		for i, want := range [][]int32{{0, 1, 2}, {3}, {1, 2}} {
			if got := s.Nearest(i, nil); !slices.Equal(got, want) {
				t.Errorf("columns %v, target %d: %v, want %v", columns, i, got, want)
			}
		}
	}
	if _, err := attack.NewScanner(base, targets, []string{"y"}); err == nil {
		t.Error("a column that is not there is compared")
	}
	s, _ := attack.NewScanner(base.Take(nil), targets, []string{"x"})
	if got := s.Nearest(0, nil); len(got) != 0 {
		t.Errorf("nothing is nearest: %v", got)
	}
}

func TestCells(t *testing.T) {
	a := frame.Must(number("age", 41, 49, 50, nan, -1), category("c", "x", "x", "x", "", "x"))
	b := frame.Must(number("age", 40, nan), category("c", "x", ""))
	cells, err := attack.NewCells([]string{"age", "c"}, []attack.Band{{Column: "age", Width: 10}}, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]int32{{0, 0, 1, 2, 3}, {0, 2}}; !reflect.DeepEqual(cells.Rows, want) {
		t.Errorf("cells %v, want %v", cells.Rows, want)
	}
	if got := attack.Distinct(frame.Must(number("x", 1, nan, 1, nan, 2))); !slices.Equal(got.Column("x").Numbers[:1], []float64{1}) || got.Rows() != 3 {
		t.Errorf("distinct rows %v", got.Column("x").Numbers)
	}
	for _, bands := range [][]attack.Band{{{"age", 0}}, {{"age", nan}}, {{"age", 1}, {"age", 2}}} {
		if attack.CheckBands(bands) == nil {
			t.Errorf("bands %v are accepted", bands)
		}
	}
}
