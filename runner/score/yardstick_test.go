package score

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/events"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// csv is n rows, of two a patient, whose values begin at first; the patients are numbered from who.
func csv(n, first, who int) string {
	var b strings.Builder
	b.WriteString("patient,x\n")
	for i := range n {
		fmt.Fprintf(&b, "p%d,%d.5\n", who+i/2, first+i)
	}
	return b.String()
}

// seen is what a metric was called with.
type seen struct {
	mu    sync.Mutex
	calls [][3][]float64 // values of train, test and synthetic rows
	same  []bool         // train and test are the same rows
}

func (s *seen) of(pair *plugins.Pair, column string) {
	values := func(f *frame.Frame) []float64 {
		if c := f.Column(column); c.Kind == frame.Number {
			return slices.Clone(c.Numbers)
		}
		return []float64{float64(len(f.Column(column).Levels))}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, [3][]float64{values(pair.Parts.Get(plugins.Train).Frame), values(pair.Parts.Get(plugins.Test).Frame), values(pair.Synthetic)})
	s.same = append(s.same, pair.Alike(plugins.Train, plugins.Test))
}

// watched measures one metric on a pair and returns what it was called with, first for the score, then for the yardstick.
func watched(t *testing.T, p *Pair, info plugins.Info, opts Options) (*seen, *Report) {
	t.Helper()
	fill(&info)
	info.Name = "watched"
	info.Scores = append(info.Scores, plugins.ScoreInfo{Name: "other", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Lower})
	r, s := &plugins.Registry{}, &seen{}
	plugins.Add(&r.Metrics, info, struct{}{}, func(struct{}) (plugins.Metric, error) {
		return measures(func(_ plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
			s.of(pair, p.Columns[len(p.Columns)-1].Name)
			m := one(pair.Synthetic.Columns()[0].Numbers[0])
			m.Scores = append(m.Scores, plugins.Score{Name: "other", Value: 1, Status: plugins.OK})
			return m, nil
		}), nil
	})
	none := 0
	opts.Subsamples, opts.Threads = &none, 2
	rated, err := p.Rate(t.Context(), r, []plugins.Preset{{Name: "watched", Use: "watched"}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, p.Report(rated)
}

// overlaps reports whether two lists have a value in common.
func overlaps(a, b []float64) bool {
	return slices.ContainsFunc(a, func(x float64) bool { return slices.Contains(b, x) })
}

func within(a []float64, low, high float64) bool { return slices.Min(a) >= low && slices.Max(a) < high }

func TestTheYardstickOfFidelity(t *testing.T) {
	for name, c := range map[string]struct {
		synthetic, overlap int // rows; subjects that the holdout shares
		n                  int
	}{
		"more real rows":      {30, 0, 30},
		"more synthetic rows": {200, 0, 80},
		"shared subjects":     {200, 10, 60},
	} {
		p := mustPair(t, csv(80, 0, 0), csv(c.synthetic, 1000, 500), csv(60, 100, 40-c.overlap), `{"subject": "patient"}`)
		s, r := watched(t, p, plugins.Info{}, Options{})
		if len(s.calls) != 2 || s.same[0] || !s.same[1] {
			t.Fatalf("%s: %d calls, %v", name, len(s.calls), s.same)
		}
		train, test, made := s.calls[1][0], s.calls[1][1], s.calls[1][2]
		switch {
		case len(test) != 60 || !slices.Equal(train, test) || !within(test, 100, 160):
			t.Errorf("%s: the yardstick is not beside the holdout: %v", name, test)
		case len(made) != c.n || !within(made, 0, 80-2*float64(c.overlap)) || !slices.IsSorted(made) || len(slices.Compact(made)) != c.n:
			t.Errorf("%s: %d rows in the place of the synthetic ones, %v", name, len(made), made)
		}
		y := r.Yardstick
		if y.Lacks != "" || y.Unit != "rows" || y.N != c.n || y.Of != c.synthetic || y.Left != 2*c.overlap {
			t.Errorf("%s: %+v", name, y)
		}
		if got := r.Metrics[0].Scores[0].Real; got == nil || got.Value != made[0] || *r.Metrics[0].Scores[0].Value != 1000.5 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What the generator has seen stays, and the holdout is halved by subject: nothing is compared with itself.
func TestTheYardstickOfPrivacy(t *testing.T) {
	for name, c := range map[string]struct {
		synthetic int
		n         int // of the holdout in their place
		all       bool
	}{
		"fewer rows stand for more": {90, 30, false},
		"as many rows":              {20, 20, true},
	} {
		p := mustPair(t, csv(80, 0, 0), csv(c.synthetic, 1000, 500), csv(60, 100, 100), `{"subject": "patient"}`)
		info := plugins.Info{Control: true, Scores: []plugins.ScoreInfo{{Name: "value", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Lower, Apiece: map[string]string{}}}}
		s, r := watched(t, p, info, Options{})
		if len(s.calls) != 2 {
			t.Fatalf("%s: %d calls", name, len(s.calls))
		}
		train, test, made := s.calls[1][0], s.calls[1][1], s.calls[1][2]
		patients := func(values []float64) (out []float64) {
			for _, v := range values {
				out = append(out, math.Floor(v/2))
			}
			return out
		}
		switch {
		case !slices.Equal(train, s.calls[0][0]):
			t.Errorf("%s: the generator has seen other rows: %v", name, train)
		case len(made) != c.n || len(test) != 60-c.n || !within(made, 100, 160) || !within(test, 100, 160):
			t.Errorf("%s: %v beside %v", name, made, test)
		case overlaps(patients(made), patients(test)):
			t.Errorf("%s: patients are on both sides", name)
		}
		if y := r.Yardstick; y.Privacy != c.n || y.Controls != 60-c.n {
			t.Errorf("%s: %+v", name, y)
		}
		if scores := r.Metrics[0].Scores; scores[0].Real == nil || (scores[1].Real != nil) != c.all {
			t.Errorf("%s: %+v", name, scores)
		}
	}
}

// A score that rests on the rows of train has no yardstick, which has the holdout in their place; nothing is measured where none is left.
func TestScoresOfTrainHaveNoYardstick(t *testing.T) {
	p := mustPair(t, csv(80, 0, 0), csv(30, 1000, 500), csv(60, 100, 100), `{"subject": "patient"}`)
	info := plugins.Info{Scores: []plugins.ScoreInfo{{Name: "value", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Lower, OfTrain: true}}}
	s, r := watched(t, p, info, Options{})
	if scores := r.Metrics[0].Scores; len(s.calls) != 2 || scores[0].Real != nil || scores[1].Real == nil {
		t.Errorf("%d calls, %+v", len(s.calls), scores)
	}
	alone, calls := &plugins.Registry{}, 0
	info.Name = "alone"
	fill(&info)
	plugins.Add(&alone.Metrics, info, struct{}{}, func(struct{}) (plugins.Metric, error) {
		return measures(func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) { calls++; return one(1), nil }), nil
	})
	none := 0
	if _, err := p.Rate(t.Context(), alone, []plugins.Preset{{Name: "alone", Use: "alone"}}, Options{Threads: 1, Subsamples: &none}); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestNoYardstick(t *testing.T) {
	apiece := []plugins.ScoreInfo{{Name: "value", Min: math.Inf(-1), Max: math.Inf(1), Apiece: map[string]string{"from": "synthetic"}}}
	real, made, held := csv(80, 0, 0), csv(80, 1000, 500), csv(60, 100, 100)
	for name, c := range map[string]struct {
		holdout string
		info    plugins.Info
		calls   int
		lacks   string
	}{
		"no holdout":              {"", plugins.Info{}, 1, "--holdout"},
		"the same file":           {real, plugins.Info{}, 1, "a holdout that is not the real file"},
		"the same subjects":       {csv(80, 200, 0), plugins.Info{}, 1, "at least 10 rows of the real file whose"},
		"few rows of the holdout": {csv(9, 200, 90), plugins.Info{}, 1, "at least 10 rows of the holdout"},
		"few unseen rows":         {csv(16, 200, 90), plugins.Info{Control: true, Scores: apiece}, 1, ""},
		"it hangs on the number":  {held, plugins.Info{Control: true}, 1, ""},
		"another dimension":       {held, plugins.Info{Control: true, Scores: apiece}, 2, ""},
		"nothing stands in a way": {held, plugins.Info{}, 2, ""},
	} {
		p := mustPair(t, real, made, c.holdout, `{"subject": "patient"}`)
		s, r := watched(t, p, c.info, Options{})
		if len(s.calls) != c.calls || !strings.HasPrefix(r.Yardstick.Lacks, c.lacks) || c.lacks == "" && r.Yardstick.Lacks != "" {
			t.Errorf("%s: %d calls, %+v", name, len(s.calls), r.Yardstick)
		}
		if got := r.Metrics[0].Scores[0].Real; (got != nil) != (c.calls == 2 && c.info.Scores == nil) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The real rows are told from a holdout by what they hold, not by how the file is written; rows that are alike by chance are no reason.
func TestAHoldoutOfRealRows(t *testing.T) {
	lines := func(rows ...string) string { return "x,y\n" + strings.Join(rows, "\n") + "\n" }
	var real, half, coins, other []string
	for i := range 40 {
		real = append(real, fmt.Sprintf("%d.5,%s", i, []string{"a", "b", ""}[i%3]))
		half = append(half, fmt.Sprintf("%d.5,%s", i+20, []string{"a", "b", ""}[(i+20)%3]))
		coins, other = append(coins, fmt.Sprintf("%d,a", i%2)), append(other, fmt.Sprintf("%d,b", 1000+i))
	}
	turned := slices.Clone(real)
	slices.Reverse(turned)
	less := slices.Concat(half[:19], other[:21])
	for name, c := range map[string]struct {
		real, holdout string
		lacks         bool
	}{
		"ends of lines":      {lines(real...), strings.ReplaceAll(lines(real...), "\n", "\r\n"), true},
		"another order":      {lines(real...), lines(turned...), true},
		"half of them":       {lines(real...), lines(half...), true},
		"less than half":     {lines(real...), lines(less...), false},
		"rows of few values": {lines(coins...), lines(slices.Concat(coins, coins[:2])...), false},
	} {
		p := mustPair(t, c.real, lines(other...), c.holdout, "")
		y := p.yardstick(p.identity(), 0)
		noted := slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, "rows of the holdout are rows of the real file") })
		if (y.Lacks == "a holdout whose rows are not those of the real file") != c.lacks || noted != c.lacks || !c.lacks && y.fidelity == nil {
			t.Errorf("%s: lacks %q, %q", name, y.Lacks, p.Notes)
		}
	}
}

func TestTheYardstickNeedsSyntheticRows(t *testing.T) {
	p := mustPair(t, csv(80, 0, 0), csv(9, 1000, 500), csv(60, 100, 100), `{"subject": "patient"}`)
	if y := p.yardstick(p.identity(), 0); y.Lacks != "at least 10 synthetic rows" || y.fidelity != nil {
		t.Errorf("%+v", y.Yardstick)
	}
}

func TestTheYardstickIsDrawn(t *testing.T) {
	p := mustPair(t, csv(80, 0, 0), csv(30, 1000, 500), csv(60, 100, 100), `{"drop": "patient"}`)
	drawn := func(seed uint64) []float64 {
		s, _ := watched(t, p, plugins.Info{}, Options{Seed: seed})
		return s.calls[1][2]
	}
	if first := drawn(1); !slices.Equal(first, drawn(1)) || slices.Equal(first, drawn(2)) {
		t.Errorf("rows do not follow the seed: %v", first)
	}
}

func TestTheYardstickOfEvents(t *testing.T) {
	rows := func(patients int, prefix, code string) string {
		var b strings.Builder
		b.WriteString("subject_id,visit,code\n")
		for i := range patients {
			for k := range 3 {
				fmt.Fprintf(&b, "%s%d,1,%s%d\n", prefix, i, code, k)
			}
		}
		return b.String()
	}
	p := mustPair(t, rows(40, "r", "A"), rows(25, "s", "B"), rows(30, "h", "C"), `{"events": {}}`)
	y := p.yardstick(p.identity(), 0)
	patients := func(f *frame.Frame) (int, string) {
		return len(f.Column(events.Subject).Levels), f.Column(events.Code).Levels[0][:1]
	}
	if n, code := patients(y.fidelity.Synthetic); n != 25 || code != "A" || y.fidelity.Synthetic.Rows() != 75 || y.Unit != "patients" || y.N != 25 || y.Of != 25 {
		t.Errorf("%d patients with codes %s, %+v", n, code, y.Yardstick)
	}
	made, _ := patients(y.privacy.Synthetic)
	unseen, code := patients(y.privacy.Parts.Get(plugins.Test).Frame)
	if made != 15 || unseen != 15 || code != "C" || y.Privacy != 15 || y.Controls != 15 {
		t.Errorf("%d and %d patients, %+v", made, unseen, y.Yardstick)
	}
}

// A metric that fails on the yardstick has its scores all the same.
func TestAYardstickThatFails(t *testing.T) {
	r, calls := &plugins.Registry{}, 0
	info := plugins.Info{Name: "once"}
	fill(&info)
	plugins.Add(&r.Metrics, info, struct{}{}, func(struct{}) (plugins.Metric, error) {
		return measures(func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) {
			if calls++; calls > 1 {
				panic("oops")
			}
			return one(1), nil
		}), nil
	})
	p, none := mustPair(t, csv(80, 0, 0), csv(30, 1000, 500), csv(60, 100, 100), ""), 0
	rated, err := p.Rate(t.Context(), r, []plugins.Preset{{Name: "once", Use: "once"}}, Options{Threads: 1, Subsamples: &none})
	if err != nil {
		t.Fatal(err)
	}
	if m := p.Report(rated).Metrics[0]; m.Status != Measured || *m.Scores[0].Value != 1 || m.Scores[0].Real != nil || !strings.Contains(m.RealLack, "oops") {
		t.Errorf("%s %s %+v %q", m.Status, m.Reason, m.Scores, m.RealLack)
	}
}

func TestPresetsThatAreSetAgainstOthers(t *testing.T) {
	r := &plugins.Registry{}
	info := plugins.Info{Name: "drawn"}
	fill(&info)
	type config struct {
		Value float64 `json:"value"`
		Of    string  `json:"of"`
	}
	plugins.Add(&r.Metrics, info, config{}, func(c config) (plugins.Metric, error) {
		return measures(func(plugins.Env, *plugins.Pair) (*plugins.Measurement, error) {
			m := one(c.Value)
			d := plugins.Draws{Score: "value", Unit: "test rows", Of: c.Of}
			for i := range 40 {
				d.Values = append(d.Values, float32(c.Value)+float32(i%7)+float32(c.Value)*float32(i%2))
			}
			m.Draws = []plugins.Draws{d}
			return m, nil
		}), nil
	})
	preset := func(name string, value float64, of, minus string) plugins.Preset {
		return plugins.Preset{Name: name, Use: "drawn", With: fmt.Appendf(nil, `{"value": %g, "of": %q}`, value, of), Minus: minus, Summary: "said of " + name}
	}
	p := mustPair(t, someReal, someOther, "", "")
	rated, err := p.Rate(t.Context(), r, []plugins.Preset{
		preset("a", 1, "rows", "b"), preset("b", 3, "rows", ""), preset("c", 3, "other rows", ""), preset("d", 1, "rows", "c"), preset("e", 1, "rows", "nothing"),
	}, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	metrics := p.Report(rated).Metrics
	for i, m := range metrics[1:] {
		if m.Less != nil || m.Summary != "said of "+m.Name {
			t.Errorf("%d: %+v", i+1, m.Less)
		}
	}
	less := metrics[0].Less
	if less == nil || less.Minus != "b" || len(less.Scores) != 1 || *less.Scores[0].Value != -2 {
		t.Fatalf("%+v", less)
	}
	// the draws differ by 2 and 4 in turn: SD 1.0127, by t with 39 degrees of freedom
	if iv := less.Scores[0].Interval; math.Abs(iv.Low+2+2.0484) > 1e-3 || math.Abs(iv.High+2-2.0484) > 1e-3 || iv.Unit != "test rows" {
		t.Errorf("%+v", iv)
	}
	if !reflect.DeepEqual(metrics[0].Scores[0].Value, new(1.0)) {
		t.Errorf("the score itself is %v", *metrics[0].Scores[0].Value)
	}
}
