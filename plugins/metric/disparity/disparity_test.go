package disparity_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/metric/disparity"
	"github.com/ehrlab/ehrlab/plugins/metric/metrictest"
)

var category = metrictest.Category

func measure(t *testing.T, with string, pair *plugins.Pair) metrictest.Result {
	t.Helper()
	return metrictest.Measure(t, disparity.Register, "disparity", with, pair)
}

const anySize = `{"by": ["sex"], "minimum": 1}`

func TestByHand(t *testing.T) {
	real := frame.Must(
		category("sex", "f", "f", "m", "m", "x", ""),
		category("death", "no", "yes", "no", "", "no", "no"))
	synthetic := frame.Must(
		category("sex", "f", "m", "m", "m", "", ""),
		category("death", "no", "yes", "yes", "no", "no", "yes"))
	m := measure(t, anySize, metrictest.Pair(real, synthetic, "death"))
	// women are 2 of 5 real rows with a sex and 1 of 4 synthetic ones: odds 2/3 and 1/3
	f := m.Score("log_disparity", "by", "sex", "group", "f")
	if !near(f.Value, math.Log(0.5)) || f.N != 9 || len(f.Warnings) != 0 || f.Interval == nil || f.Interval.High < 0 {
		t.Errorf("women: %+v", f)
	}
	if got := m.Value("log_disparity", "by", "sex", "group", "m"); !near(got, math.Log(3/(2.0/3))) {
		t.Errorf("men: %v", got)
	}
	if s := m.Score("log_disparity", "by", "sex", "group", "x"); s.Reason != "absent: no synthetic row is of this group" {
		t.Errorf("absent: %+v", s)
	}
	if s := m.Score("absent_groups", "by", "sex"); s.Value != 1 || s.N != 3 {
		t.Errorf("%+v", s)
	}
	if s := m.Score("greatest_log_disparity", "by", "sex"); !near(s.Value, math.Log(4.5)) || s.N != 2 || len(s.Warnings) != 1 {
		t.Errorf("%+v", s)
	}
	// of the rows with both, women that live are 1 of 4 and 1 of 4, men that live 1 of 4 and 1 of 4, women that die 1 and none
	joint := func(group, label string) plugins.Score {
		return m.Score("log_disparity_joint_positive", "by", "sex", "group", group, "label", label)
	}
	if joint("f", "no").Value != 0 || joint("m", "no").Value != 0 || joint("f", "yes").Status != plugins.Undefined || joint("m", "yes").Reason != "no test row is of this group" {
		t.Errorf("%+v", m.Scores)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-12 }

func TestUndefined(t *testing.T) {
	real := frame.Must(category("sex", "f", "f", "f"), category("y", "a", "b", "c"))
	m := measure(t, anySize, metrictest.Pair(real, real, ""))
	if s := m.Score("log_disparity", "by", "sex", "group", "f"); s.Reason != "every test row is of this group" {
		t.Errorf("%+v", s)
	}
	if s := m.Score("greatest_log_disparity", "by", "sex"); s.Status != plugins.Undefined {
		t.Errorf("%+v", s)
	}
	m = measure(t, `{"by": ["y"]}`, metrictest.Pair(real, real, ""))
	if s := m.Score("log_disparity", "by", "y", "group", "a"); s.Reason != "not estimable: the group has fewer than the minimum of 11 test rows" {
		t.Errorf("%+v", s)
	}
	m = measure(t, `{"by": ["race"]}`, metrictest.Pair(real, real, ""))
	if s := m.Score("absent_groups", "by", "race"); s.Reason != `the test part has no column "race"` {
		t.Errorf("%+v", s)
	}
	m = measure(t, anySize, metrictest.Pair(real.Take(nil), real.Take(nil), "y"))
	if s := m.Score("absent_groups", "by", "sex"); s.Reason != "no row is in a group" {
		t.Errorf("%+v", s)
	}
	m = measure(t, anySize, metrictest.Pair(real, real.Take(nil), "y"))
	if s := m.Score("absent_groups", "by", "sex"); s.Value != 1 {
		t.Errorf("%+v", s)
	}
}

// The synthetic rows need the column: a group of which only the real rows know has no share among them.
func TestTheSyntheticRowsNeedTheColumn(t *testing.T) {
	f := frame.Must(metrictest.Number("x", 1, 2))
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Train: {Frame: f}, plugins.Test: {Frame: f, Beside: frame.Must(category("sex", "f", "m"))},
	}), f, "")
	m := metrictest.Measure(t, disparity.Register, "disparity", anySize, pair)
	if s := m.Score("greatest_log_disparity", "by", "sex"); s.Reason != `the synthetic rows have no column "sex"` {
		t.Errorf("%+v", s)
	}
}

// Swapping the sides changes the sign; a copy has no disparity; two groups have opposite ones.
func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		draw := func(share float64) *frame.Frame {
			sex := make([]string, 40)
			for i := range sex {
				if sex[i] = "m"; rng.Float64() < share || i == 0 {
					sex[i] = "f"
				}
			}
			sex[1] = "m"
			return frame.Must(category("sex", sex...))
		}
		a, b := draw(0.5), draw(0.3)
		value := func(a, b *frame.Frame, group string) float64 {
			return measure(t, anySize, metrictest.Pair(a, b, "")).Value("log_disparity", "by", "sex", "group", group)
		}
		if f := value(a, b, "f"); !near(f, -value(b, a, "f")) || !near(f, -value(a, b, "m")) || value(a, a, "f") != 0 {
			t.Fatalf("%v, the other way round %v, men %v", f, value(b, a, "f"), value(a, b, "m"))
		}
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	real, synthetic := metrictest.Frames(rand.New(rand.NewPCG(2, 1)), 300, 200)
	metrictest.Invariant(t, disparity.Register, "disparity", `{"by": ["sex", "unit"], "crossed": true}`, metrictest.Pair(real, synthetic, "sex"))
}

func TestSettingsAreChecked(t *testing.T) {
	good := disparity.Config{Part: plugins.Test, Minimum: 1}
	good.By = []string{"sex"}
	if _, err := disparity.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*disparity.Config){
		"part": func(c *disparity.Config) { c.Part = plugins.Reference }, "minimum": func(c *disparity.Config) { c.Minimum = 0 },
		"by": func(c *disparity.Config) { c.By = nil },
	} {
		c := good
		change(&c)
		if _, err := disparity.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A generator without fault is seldom warned of, one that halves a group nearly always; and the interval covers, also where all stays of a
// patient are in one group.
func TestChanceIsNotNotable(t *testing.T) {
	if testing.Short() {
		t.Skip("many simulated studies; one thread")
	}
	const trials = 200
	for _, stays := range []int{1, 5} {
		warned, found, missed, all := 0, 0, 0, 0
		for trial := range uint64(trials) {
			rng := rand.New(rand.NewPCG(trial, 9))
			draw := func(n, stays int, black float64) (*frame.Frame, *frame.Column) {
				race, id := make([]string, n), make([]string, n)
				for i := range n {
					if id[i] = strconv.Itoa(i / stays); i%stays > 0 {
						race[i] = race[i-1]
						continue
					}
					race[i] = "white"
					if u := rng.Float64(); u < black {
						race[i] = "black"
					} else if u > 0.96 {
						race[i] = "asian"
					}
				}
				return frame.Must(category("race", race...)), category("id", id...)
			}
			test, id := draw(1000*stays, stays, 0.12)
			for _, black := range []float64{0.12, 0.06} {
				synthetic, _ := draw(1000, 1, black)
				m := measure(t, `{"by": ["race"]}`, plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
					plugins.Train: {Frame: test}, plugins.Test: {Frame: test, Subject: id},
				}), synthetic, ""))
				for _, group := range []string{"black", "asian"} {
					s := m.Score("log_disparity", "by", "race", "group", group)
					switch {
					case black == 0.12:
						all++
						warned += len(s.Warnings)
						if s.Interval.Low > 0 || s.Interval.High < 0 {
							missed++
						}
					case group == "black":
						found += len(s.Warnings)
					}
				}
			}
		}
		if warned > all*8/100 || missed > all*8/100 || found < trials*9/10 {
			t.Errorf("%d stays: of %d groups as frequent as they are, %d are notable and %d intervals leave 0 out; of %d halved ones %d are notable", stays, all, warned, missed, trials, found)
		}
	}
}
