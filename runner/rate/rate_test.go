package rate_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/runner/rate"
)

// measures is a metric in a function.
type measures func(pair *plugins.Pair) *plugins.Measurement

func (m measures) Measure(_ context.Context, _ plugins.Env, pair *plugins.Pair) (*plugins.Measurement, error) {
	return m(pair), nil
}

var info = &plugins.Info{
	Name: "spy", Reads: []plugins.Part{plugins.Test, plugins.Train}, Cost: plugins.PerColumn,
	Scores: []plugins.ScoreInfo{
		{Name: "difference", Min: math.Inf(-1), Max: math.Inf(1), Better: plugins.Neutral},
		{Name: "share", Min: 0, Max: 1, Better: plugins.Higher, Dims: []string{"column"}},
	},
	Curves: []plugins.CurveInfo{{Name: "line", Kind: plugins.LineCurve, Dims: []string{"column"}}},
}

func job(m measures) rate.Job {
	return rate.Job{
		Metric: m, Info: info, Rand: plugins.NewRand(0, "data", plugins.ForResample),
		Env: plugins.Env{Threads: 1, Log: slog.New(slog.DiscardHandler), Progress: func(int, int) {}},
	}
}

func mean(c *frame.Column) float64 {
	sum := 0.0
	for _, v := range c.Numbers {
		sum += v
	}
	return sum / float64(c.Len())
}

// apart is the difference of the means of x.
func apart(pair *plugins.Pair) *plugins.Measurement {
	test := pair.Parts.Get(plugins.Test).Frame
	return &plugins.Measurement{Scores: []plugins.Score{{
		Name: "difference", N: test.Rows(), Status: plugins.OK,
		Value: mean(pair.Synthetic.Column("x")) - mean(test.Column("x")),
	}}}
}

// normal draws n values about a mean of 0; those of one subject, perSubject of them, share half their variance.
func normal(rng *rand.Rand, n, perSubject int) (x, subject *frame.Column) {
	values, of := make([]float64, n), make([]float64, n)
	own := 0.0
	for i := range values {
		if i%perSubject == 0 {
			own = rng.NormFloat64()
		}
		values[i] = own
		if perSubject > 1 {
			values[i] = (own + rng.NormFloat64()) / math.Sqrt2
		}
		of[i] = float64(i / perSubject)
	}
	return frame.NewNumber("x", values), frame.NewNumber("subject", of)
}

func pairOf(x, subject, synthetic *frame.Column) *plugins.Pair {
	sample := plugins.Sample{Frame: frame.Must(x), Subject: subject}
	return plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{
		plugins.Test: sample, plugins.Train: sample, plugins.Validation: sample,
	}), frame.Must(synthetic), "")
}

func TestIntervalsCoverTheTruth(t *testing.T) {
	const trials = 400
	for _, c := range []struct {
		rows, perSubject int
		unit             string
	}{
		{200, 1, "real subjects and synthetic rows"},
		{400, 4, "real subjects and synthetic rows"},
		{3000, 1, "real subjects and synthetic rows"}, // subsamples are a fifth of more rows than the largest has
		{200, 0, "real and synthetic rows"},
	} {
		covered := 0
		for trial := range trials / (1 + c.rows/1000) {
			rng := rand.New(rand.NewPCG(uint64(trial), uint64(c.rows)))
			x, subject := normal(rng, c.rows, max(c.perSubject, 1))
			if c.perSubject == 0 {
				subject = nil
			}
			synthetic, _ := normal(rng, c.rows/2, 1)
			j := job(apart)
			j.Rand = plugins.NewRand(0, fmt.Sprint(trial), plugins.ForResample)
			j.Subsamples = 20
			out, err := j.Measure(t.Context(), pairOf(x, subject, synthetic))
			if err != nil {
				t.Fatal(err)
			}
			iv := out.Scores[0].Interval
			if iv == nil || iv.Unit != c.unit || iv.Method != "20 subsamples without replacement" {
				t.Fatalf("%+v", iv)
			}
			if iv.Low <= 0 && 0 <= iv.High {
				covered++
			}
		}
		of := trials / (1 + c.rows/1000)
		share := float64(covered) / float64(of)
		// four standard errors of a share of 0.95, and what the estimate of a standard error from 20 subsamples costs
		if slack := 4*math.Sqrt(0.95*0.05/float64(of)) + 0.01; math.Abs(share-0.95) > slack {
			t.Errorf("%d rows, %d to a subject: covered %.3f of %d", c.rows, c.perSubject, share, of)
		}
	}
}

func TestIntervalsAreNotForAllScores(t *testing.T) {
	own := &plugins.Interval{Low: 1, High: 2, Level: 0.9, Unit: "own"}
	j := job(func(pair *plugins.Pair) *plugins.Measurement {
		n := float64(pair.Synthetic.Rows())
		return &plugins.Measurement{Scores: []plugins.Score{
			{Name: "difference", Status: plugins.OK, Value: 1.5, Interval: own},
			{Name: "share", Status: plugins.Undefined, Reason: "none", Dims: map[string]string{"column": "a"}},
			{Name: "share", Status: plugins.OK, Value: 0.999 + 0.001*math.Mod(mean(pair.Synthetic.Column("x"))*1e6, 1)*n/n, Dims: map[string]string{"column": "b"}},
		}}
	})
	j.Subsamples = 20
	x, _ := normal(rand.New(rand.NewPCG(1, 1)), 100, 1)
	out, err := j.Measure(t.Context(), pairOf(x, nil, x))
	if err != nil {
		t.Fatal(err)
	}
	if out.Scores[0].Interval != own || out.Scores[1].Interval != nil {
		t.Errorf("%+v", out.Scores)
	}
	if iv := out.Scores[2].Interval; iv == nil || iv.High > 1 || iv.Low > out.Scores[2].Value || iv.High < out.Scores[2].Value {
		t.Errorf("an interval goes beyond the range of its score, or leaves it out: %+v", iv)
	}
	few, _ := normal(rand.New(rand.NewPCG(1, 1)), 19, 1) // half of them are fewer than ten
	out, err = j.Measure(t.Context(), pairOf(few, nil, x))
	if err != nil || out.Scores[2].Interval != nil {
		t.Errorf("%v, an interval of 19 rows: %+v", err, out.Scores[2].Interval)
	}
}

// sliced has 60 test rows of women, 40 of men and 20 without a sex; every third has the event.
func sliced(synthetic ...*frame.Column) *plugins.Pair {
	n := 120
	x, sex, site, y := make([]float64, n), make([]string, n), make([]float64, n), make([]float64, n)
	for i := range n {
		sex[i] = "f"
		if i >= 60 {
			sex[i] = "m"
		}
		if i >= 100 {
			sex[i] = ""
		}
		x[i], site[i], y[i] = float64(i), float64(i%2), float64((i%3)/2)
	}
	missing := make([]bool, n)
	for i := range missing {
		missing[i] = sex[i] == ""
	}
	gender := frame.NewCategoryFromStrings("sex", sex, missing)
	sample := plugins.Sample{
		Frame:  frame.Must(frame.NewNumber("x", x), gender, frame.NewNumber("death", y)),
		Beside: frame.Must(gender, frame.NewNumber("hospital", site)),
	}
	pair := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: sample, plugins.Train: sample}),
		frame.Must(synthetic...), "death")
	pair.Exposed = []int{0, 59, 60, 119}
	return pair
}

func synthetic() []*frame.Column {
	return []*frame.Column{
		frame.NewNumber("x", []float64{1, 2, 3}), frame.NewCategoryFromStrings("sex", []string{"f", "m", "m"}, make([]bool, 3)),
		frame.NewNumber("death", []float64{0, 1, 0}),
	}
}

// census counts the rows that a metric is given.
func census(pair *plugins.Pair) *plugins.Measurement {
	n := pair.Parts.Get(plugins.Test).Frame.Rows()
	dims := map[string]string{"column": fmt.Sprint(pair.Exposed)}
	return &plugins.Measurement{
		Scores: []plugins.Score{{Name: "share", Status: plugins.OK, Value: float64(pair.Synthetic.Rows()) / 100, N: n, Dims: dims}},
		Counts: []plugins.Count{{Name: "rows", Value: n}},
		Curves: []plugins.Curve{{Name: "line", X: []float64{0}, Y: []float64{1}, N: []int{n}}},
		Draws:  []plugins.Draws{{Score: "share", Dims: dims, Unit: "rows", Of: "test", Values: []float32{1}}},
	}
}

func TestGroupsAreMeasuredApart(t *testing.T) {
	j := job(census)
	j.By, j.Minimum = []string{"sex", "hospital"}, rate.Minimum{Rows: 40, Events: 10, NonEvents: 10}
	out, err := j.Measure(t.Context(), sliced(synthetic()...))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range out.Scores {
		got = append(got, fmt.Sprintf("%s%s %s: %d test, %g synthetic, %d warnings", s.Dims["sex"], s.Dims["hospital"], s.Dims["column"], s.N, 100*s.Value, len(s.Warnings)))
	}
	want := []string{
		" [0 59 60 119]: 120 test, 3 synthetic, 0 warnings",
		"f [0 59]: 60 test, 1 synthetic, 0 warnings",
		"m [0]: 40 test, 2 synthetic, 0 warnings",
		"0 [0 30]: 60 test, 3 synthetic, 1 warnings",
		"1 [29 59]: 60 test, 3 synthetic, 1 warnings",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if out.Counts[1].Dims["sex"] != "f" || out.Curves[2].Dims["sex"] != "m" || out.Draws[3].Dims["hospital"] != "0" {
		t.Errorf("%+v", out)
	}
}

func TestSmallGroupsAreNotEstimable(t *testing.T) {
	j := job(census)
	j.By = []string{"sex"}
	for name, c := range map[string]struct {
		minimum rate.Minimum
		columns []*frame.Column
		want    map[string]string
	}{
		"rows":      {rate.Minimum{Rows: 41}, synthetic(), map[string]string{"m": "fewer than the minimum of 41"}},
		"events":    {rate.Minimum{Events: 21}, synthetic(), map[string]string{"f": "21 with the event", "m": "21 with the event"}},
		"nonevents": {rate.Minimum{NonEvents: 40}, synthetic(), map[string]string{"m": "40 without"}},
		"synthetic": {rate.Minimum{}, []*frame.Column{synthetic()[0], frame.NewCategoryFromStrings("sex", []string{"m", "m", "m"}, make([]bool, 3)), synthetic()[2]}, map[string]string{"f": "no synthetic row is of this group"}},
	} {
		j.Minimum = c.minimum
		out, err := j.Measure(t.Context(), sliced(c.columns...))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range out.Scores {
			reason, short := c.want[s.Dims["sex"]]
			if short != (s.Status == plugins.Undefined) || !strings.Contains(s.Reason, reason) {
				t.Errorf("%s: %+v, want %q", name, s, reason)
			}
		}
	}
}

func TestGroupsByWhatIsNotThere(t *testing.T) {
	j := job(census)
	j.By = []string{"race"}
	if _, err := j.Measure(t.Context(), sliced(synthetic()...)); err == nil || !strings.Contains(err.Error(), `by race: the test part has no column "race"`) {
		t.Error(err)
	}
	j.By = []string{"x"}
	if _, err := j.Measure(t.Context(), sliced(synthetic()...)); err == nil || !strings.Contains(err.Error(), `column "x" has 120 values, more than the 100 levels`) {
		t.Error(err)
	}
}

// A group that is called as all rows together are could not be told from them.
func TestAGroupNamedAsEveryone(t *testing.T) {
	j, pair := job(census), sliced(synthetic()...)
	j.By = []string{"cover"}
	for value, want := range map[string]string{
		plugins.Everyone: `by cover: column "cover" has the value "all", which is what all rows together are called`,
		"All":            "",
	} {
		test := pair.Parts.Get(plugins.Test)
		test.Beside = frame.Must(frame.NewCategoryFromStrings("cover", slices.Repeat([]string{value, "none"}, 60), make([]bool, 120)))
		some := plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: test, plugins.Train: test}), pair.Synthetic, pair.Target)
		if _, err := j.Measure(t.Context(), some); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestBreaches(t *testing.T) {
	ok := plugins.Score{Name: "share", Value: 0.5, Status: plugins.OK}
	for want, m := range map[string]plugins.Measurement{
		`the score "shape", which it does not declare`: {Scores: []plugins.Score{{Name: "shape", Status: plugins.OK}}},
		`is 2, outside its range [0, 1]`:               {Scores: []plugins.Score{{Name: "share", Value: 2, Status: plugins.OK}}},
		`is not a number`:                              {Scores: []plugins.Score{{Name: "share", Value: math.NaN(), Status: plugins.OK}}},
		`is undefined without a reason`:                {Scores: []plugins.Score{{Name: "share", Status: plugins.Undefined}}},
		`the dimension "row", which it does not`:       {Scores: []plugins.Score{{Name: "share", Status: plugins.OK, Dims: map[string]string{"row": "1"}}}},
		`has no proper interval`:                       {Scores: []plugins.Score{{Name: "share", Status: plugins.OK, Interval: &plugins.Interval{Low: 1, High: 0, Level: 0.9, Unit: "u"}}}},
		`has 2 values beside 1 points`:                 {Curves: []plugins.Curve{{Name: "line", X: []float64{1}, Y: []float64{1, 2}}}},
		`the curve "c", which it does not declare`:     {Curves: []plugins.Curve{{Name: "c"}}},
		`of 0 of its 1 points how many subjects`:       {Curves: []plugins.Curve{{Name: "line", X: []float64{1}, Y: []float64{1}}}},
		`curve "line" has a band, and does not`:        {Curves: []plugins.Curve{{Name: "line", X: []float64{1}, Y: []float64{1}, Low: []float64{1}, High: []float64{1}, N: []int{11}}}},
		`curve "line" has the dimension "row"`:         {Curves: []plugins.Curve{{Name: "line", Dims: map[string]string{"row": "1"}}}},
		`no such score with a value`:                   {Scores: []plugins.Score{ok}, Draws: []plugins.Draws{{Score: "difference", Unit: "u", Of: "test"}}},
		`at most 200, with a unit, are kept`:           {Scores: []plugins.Score{ok}, Draws: []plugins.Draws{{Score: "share", Unit: "u", Of: "test", Values: make([]float32, 201)}}},
		`has a draw of "share" that is not a number`:   {Scores: []plugins.Score{ok}, Draws: []plugins.Draws{{Score: "share", Unit: "u", Of: "test", Values: []float32{float32(math.NaN())}}}},
		`curve "line" has a value that is not`:         {Curves: []plugins.Curve{{Name: "line", X: []float64{1}, Y: []float64{math.Inf(1)}}}},
		`score "share" rests on -1 rows`:               {Scores: []plugins.Score{{Name: "share", Status: plugins.OK, N: -1}}},
		`score "share" has the status "fine"`:          {Scores: []plugins.Score{{Name: "share", Status: "fine"}}},
	} {
		_, err := job(func(*plugins.Pair) *plugins.Measurement { return &m }).Measure(t.Context(), sliced(synthetic()...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestOnlyDeclaredPartsAreHandedOn(t *testing.T) {
	x, _ := normal(rand.New(rand.NewPCG(1, 1)), 20, 1)
	defer func() {
		if recover() == nil {
			t.Error("a metric read a part that it does not declare")
		}
	}()
	_, _ = job(func(pair *plugins.Pair) *plugins.Measurement {
		pair.Parts.Get(plugins.Validation)
		return &plugins.Measurement{}
	}).Measure(t.Context(), pairOf(x, nil, x))
}

// selective is a metric that reads some of its parts with its settings.
type selective struct {
	measures
	reads []plugins.Part
}

func (s selective) Reads() []plugins.Part { return s.reads }

// A metric is handed the parts that it reads with its settings; groups need no rows of a spare part that it does not read.
func TestPartsGoBySettings(t *testing.T) {
	some := *info
	some.Reads, some.Spare = []plugins.Part{plugins.Test, plugins.Train, plugins.Validation}, []plugins.Part{plugins.Validation}
	pair := sliced(synthetic()...)
	whole := pair.Parts.Get(plugins.Test)
	none := plugins.Sample{Frame: whole.Frame.Take(nil), Beside: whole.Beside.Take(nil)}
	pair.Parts = plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: whole, plugins.Train: whole, plugins.Validation: none})
	for lacks, reads := range map[string][]plugins.Part{
		"": {plugins.Test}, "no validation row is of this group": {plugins.Test, plugins.Validation},
	} {
		j := job(nil)
		j.Info, j.By = &some, []string{"sex"}
		j.Metric = selective{func(pair *plugins.Pair) *plugins.Measurement {
			for _, part := range plugins.AllParts() {
				if handed := has(pair, part); handed != slices.Contains(reads, part) {
					t.Errorf("of a metric that reads %v, the %s part is handed on: %v", reads, part, handed)
				}
			}
			return census(pair)
		}, reads}
		out, err := j.Measure(t.Context(), pair)
		if err != nil || len(out.Scores) < 3 {
			t.Fatal(out, err)
		}
		for _, s := range out.Scores[1:] {
			if s.Reason != lacks {
				t.Errorf("of a metric that reads %v, group %s: %q, want %q", reads, s.Dims["sex"], s.Reason, lacks)
			}
		}
	}
}

// has reports whether a pair has a part.
func has(pair *plugins.Pair, part plugins.Part) (ok bool) {
	defer func() { ok = recover() == nil }()
	pair.Parts.Get(part)
	return true
}

// A metric of events is measured on subsamples of whole patients, on the synthetic side too.
func TestSubsamplesOfEventsAreOfPatients(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	patients := func(n int) *frame.Frame {
		var ids, visits []float64
		var codes []string
		for p := range n {
			for v := range 1 + rng.IntN(4) {
				ids, visits, codes = append(ids, float64(p)), append(visits, float64(v+1)), append(codes, "a")
			}
		}
		return frame.Must(frame.NewNumber("subject_id", ids), frame.NewCategoryFromStrings("code", codes, nil), frame.NewNumber("visit", visits))
	}
	whole := func(f *frame.Frame, of int) bool { // every patient has all visits, or none
		have, visits := map[float64]int{}, map[float64]float64{}
		for i, id := range f.Column("subject_id").Numbers {
			have[id]++
			visits[id] = max(visits[id], f.Column("visit").Numbers[i])
		}
		for id, n := range have {
			if float64(n) != visits[id] {
				return false
			}
		}
		return len(have) == of
	}
	real, synthetic := patients(60), patients(40)
	calls := 0
	j := job(func(pair *plugins.Pair) *plugins.Measurement {
		if calls++; calls > 1 && (!whole(pair.Synthetic, 20) || !whole(pair.Parts.Get(plugins.Test).Frame, 30)) {
			t.Error("a subsample has a part of a patient, or not half of them")
		}
		return &plugins.Measurement{Scores: []plugins.Score{{Name: "difference", Status: plugins.OK, Value: float64(pair.Synthetic.Rows()), N: 1}}}
	})
	events := *info
	events.Shapes = []plugins.Shape{plugins.Events}
	j.Info, j.Subsamples = &events, 20
	sample := plugins.Sample{Frame: real, Subject: real.Column("subject_id")}
	out, err := j.Measure(t.Context(), plugins.NewPair(plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Test: sample, plugins.Train: sample}), synthetic, ""))
	if err != nil || calls != 21 || out.Scores[0].Interval == nil || out.Scores[0].Interval.Unit != "real and synthetic patients" {
		t.Errorf("%v, %d calls, %+v", err, calls, out.Scores)
	}
}
