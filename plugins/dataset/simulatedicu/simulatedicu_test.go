package simulatedicu

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/encode"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/label"
	"github.com/ehrlab/ehrlab/plugins/model/logistic"
)

func build(t testing.TB, with string) plugins.Dataset {
	t.Helper()
	r := &plugins.Registry{}
	Register(r)
	d, _, err := r.Datasets.Get("simulated-icu").Build(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func read(t testing.TB, with string, threads int) *frame.Frame {
	t.Helper()
	data, err := build(t, with).Read(context.Background(), plugins.Env{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return data.Frame
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func TestPrevalenceIsTheSetting(t *testing.T) {
	for _, with := range []string{`{}`, `{"prevalence": 0.3, "seed": 5}`, `{"prevalence": 0.02, "siteSD": 1, "hospitals": 3}`} {
		want := 0.09
		var c struct{ Prevalence float64 }
		if err := json.Unmarshal([]byte(with), &c); err != nil {
			t.Fatal(err)
		}
		if c.Prevalence > 0 {
			want = c.Prevalence
		}
		with = strings.Replace(with, "{", `{"rows": 60000,`, 1)
		with = strings.Replace(with, ",}", "}", 1)
		got := mean(read(t, with, 2).Column("death").Numbers)
		// four standard errors of 60,000 rows, plus those of the sample behind the intercept
		if tolerance := 4*math.Sqrt(want*(1-want)/60000) + 0.02*want; math.Abs(got-want) > tolerance {
			t.Errorf("%s: prevalence %.4f, want %.4f ± %.4f", with, got, want, tolerance)
		}
	}
}

func TestALargerCohortStartsWithTheSmallerOne(t *testing.T) {
	small, large := read(t, `{"rows": 700}`, 1), read(t, `{"rows": 2000}`, 3)
	rows := make([]int, 700)
	for i := range rows {
		rows[i] = i
	}
	if small.Digest() != large.Take(rows).Digest() {
		t.Error("the first 700 rows depend on the number of rows")
	}
}

func TestSeedChangesTheCohort(t *testing.T) {
	if read(t, `{"rows": 100}`, 1).Digest() == read(t, `{"rows": 100, "seed": 2}`, 1).Digest() {
		t.Error("seeds 1 and 2 give the same cohort")
	}
}

// area is the area under the ROC curve of p for y, by mid-ranks of pairs.
func area(y, p []float64) float64 {
	right, pairs := 0.0, 0.0
	for i := range y {
		for j := range y {
			if y[i] == 1 && y[j] == 0 {
				pairs++
				if p[i] > p[j] {
					right++
				} else if p[i] == p[j] {
					right += 0.5
				}
			}
		}
	}
	return right / pairs
}

func TestDeathCanBePredicted(t *testing.T) {
	all := read(t, `{"rows": 10000}`, 2)
	half := func(from int) *frame.Frame {
		rows := make([]int, 5000)
		for i := range rows {
			rows[i] = from + i
		}
		return all.Take(rows)
	}
	var skip []string
	for _, c := range columns() {
		if c.Role.Leaks() {
			skip = append(skip, c.Name)
		}
	}
	train, test := half(0), half(5000)
	e := encode.Fit(train, append(skip, "death")...)
	x, err := e.Transform(train)
	if err != nil {
		t.Fatal(err)
	}
	y, err := label.Binary(train.Column("death"), "")
	if err != nil {
		t.Fatal(err)
	}
	m, err := logistic.Fit(context.Background(), x, y, logistic.Config{})
	if err != nil {
		t.Fatal(err)
	}
	xt, err := e.Transform(test)
	if err != nil {
		t.Fatal(err)
	}
	if a := area(test.Column("death").Numbers, m.Predict(xt)); a < 0.80 || a > 0.90 {
		t.Errorf("area under the ROC curve %.3f; want 0.80 to 0.90, as published models of ICU mortality reach", a)
	}
}

func TestLabsAreMeasuredMoreOftenInTheSick(t *testing.T) {
	gap := func(with string) float64 {
		f := read(t, with, 2)
		death, lactate := f.Column("death").Numbers, f.Column("lactate_last_early")
		var seen, all [2]float64
		for i, d := range death {
			all[int(d)]++
			if !lactate.IsMissing(i) {
				seen[int(d)]++
			}
		}
		return seen[1]/all[1] - seen[0]/all[0]
	}
	if g := gap(`{"rows": 20000}`); g < 0.05 {
		t.Errorf("lactate is measured %.3f more often in those who die; want at least 0.05", g)
	}
	if g := gap(`{"rows": 20000, "informative": 0}`); math.Abs(g) > 0.05 {
		t.Errorf("without informative missingness the gap is %.3f", g)
	}
}

func TestSharesMeasuredAreThoseOfTheTable(t *testing.T) {
	f := read(t, `{"rows": 40000, "hospitals": 400}`, 2)
	for _, m := range measurements {
		got := 1 - float64(f.Column(m.name).MissingCount())/float64(f.Rows())
		if math.Abs(got-m.measured) > 0.03 {
			t.Errorf("%s is measured in %.3f of the stays, want %.2f", m.name, got, m.measured)
		}
	}
}

// quantile returns that of the values that are not missing.
func quantile(v []float64, p float64) float64 {
	v = slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	slices.Sort(v)
	return v[int(p*float64(len(v)))]
}

func TestMediansAndSpreadsChartedAreThoseOfTheTable(t *testing.T) {
	for _, c := range []struct {
		with  string
		slack float64 // in SDs, beyond half a last digit
	}{
		{`{"rows": 40000, "hospitals": 400}`, 0.1},
		{`{"rows": 40000, "hospitals": 400, "informative": 0}`, 0.1},
		{`{"rows": 40000, "hospitals": 400, "informative": 2, "prevalence": 0.3}`, 0.1},
		{`{}`, 0.2}, // the case mix of twenty hospitals
	} {
		f := read(t, c.with, 2)
		for _, m := range measurements {
			values := f.Column(m.name).Numbers
			sd := math.Abs(m.value(1)-m.value(-1)) / 2
			low, high := min(m.value(-1), m.value(1)), max(m.value(-1), m.value(1))
			for p, want := range map[float64]float64{0.1587: max(low, m.low), 0.5: m.value(0), 0.8413: min(high, m.high)} {
				got := quantile(values, p)
				if tolerance := c.slack*sd + 0.5*math.Pow10(-m.decimals); math.Abs(got-want) > tolerance {
					t.Errorf("%s: quantile %v of %s is %v, want %.4g ± %.2g", c.with, p, m.name, got, want, tolerance)
				}
			}
		}
	}
}

func TestCoursesAreThoseOfTheSource(t *testing.T) {
	f := read(t, `{"rows": 40000, "hospitals": 400}`, 2)
	los := f.Column("hosp_los").Numbers
	low, median, high := quantile(los, 0.1587), quantile(los, 0.5), quantile(los, 0.8413)
	if sd := math.Log(high/low) / 2; math.Abs(median-4.4) > 0.2 || math.Abs(sd-1) > 0.05 {
		t.Errorf("length of stay: median %v, log SD %.3f; want 4.4 and 1.0", median, sd)
	}
	days := slices.DeleteFunc(slices.Clone(f.Column("ventdays").Numbers), func(d float64) bool { return d == 0 })
	if share := float64(len(days)) / 40000; math.Abs(share-0.28) > 0.015 || quantile(days, 0.5) != 2 {
		t.Errorf("ventilated: share %.3f, median %v days; want 0.28 and 2", share, quantile(days, 0.5))
	}
}

func TestValuesStayWithinChartedLimits(t *testing.T) {
	f := read(t, `{"rows": 20000}`, 2)
	for _, m := range measurements {
		for i, v := range f.Column(m.name).Numbers {
			if v < m.low || v > m.high || (!math.IsNaN(v) && v != round(v, m.decimals)) {
				t.Errorf("%s, row %d: outside %v to %v or with more than %d decimals", m.name, i, m.low, m.high, m.decimals)
				break
			}
		}
	}
}

func TestExtremesAreNoLessExtremeThanTheLastReading(t *testing.T) {
	f := read(t, `{"rows": 5000}`, 2)
	for i, m := range measurements {
		if m.extreme == 0 {
			continue
		}
		last := f.Column(measurements[i-1].name).Numbers
		for row, v := range f.Column(m.name).Numbers {
			if (v-last[row])*float64(m.extreme) < 0 { // false when either is missing
				t.Fatalf("row %d: %s is less extreme than %s", row, m.name, measurements[i-1].name)
			}
		}
	}
}

func TestPatientsKeepWhatIsTheirs(t *testing.T) {
	f := read(t, `{"rows": 5000}`, 2)
	seen := map[int32]int{} // patient to first row
	second := 0
	for i, p := range f.Column("uniquepid").Codes {
		first, again := seen[p]
		if !again {
			seen[p] = i
			continue
		}
		second++
		for _, name := range []string{"hospitalid", "age", "is_female"} {
			if c := f.Column(name).Numbers; c[i] != c[first] {
				t.Fatalf("rows %d and %d are of one patient and differ in %s", first, i, name)
			}
		}
		if f.Column("death").Numbers[first] == 1 {
			t.Fatalf("row %d is a stay of a patient who died in row %d", i, first)
		}
	}
	if share := float64(second) / 5000; share < 0.07 || share > 0.13 {
		t.Errorf("%.3f of the stays are second ones, want about 0.1", share)
	}
}

func TestHeaderDescribesTheFrame(t *testing.T) {
	d := build(t, `{"rows": 3000}`)
	h, err := d.Header(context.Background(), plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if h.Governance != plugins.Simulated {
		t.Errorf("governance is %q", h.Governance)
	}
	f := read(t, `{"rows": 3000}`, 1)
	for i, c := range f.Columns() {
		if info := h.Columns[i]; info.Name != c.Name || info.Kind != c.Kind || info.Unit != c.Unit {
			t.Errorf("column %d: header %+v, frame %s %s %s", i, info, c.Name, c.Kind, c.Unit)
		}
		whole := true
		for _, v := range c.Numbers {
			whole = whole && (math.IsNaN(v) || v == math.Trunc(v))
		}
		if c.Integer != (c.Kind == frame.Number && whole) {
			t.Errorf("column %s: Integer is %v", c.Name, c.Integer)
		}
	}
}

func TestSettingsOutOfRange(t *testing.T) {
	r := &plugins.Registry{}
	Register(r)
	for with, want := range map[string]string{
		`{"rows": 0}`:         "rows is 0; want 1 to 10000000",
		`{"hospitals": -1}`:   "hospitals is -1",
		`{"prevalence": 1}`:   "prevalence is 1",
		`{"siteSD": 4}`:       "siteSD is 4",
		`{"informative": -1}`: "informative is -1",
	} {
		if _, _, err := r.Datasets.Get("simulated-icu").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}

func TestOneRowOneHospital(t *testing.T) {
	if f := read(t, `{"rows": 1, "hospitals": 1}`, 4); f.Rows() != 1 || len(f.Columns()) != len(columns()) {
		t.Errorf("%d rows, %d columns", f.Rows(), len(f.Columns()))
	}
}

func BenchmarkRead100000(b *testing.B) {
	d := build(b, `{"rows": 100000}`)
	for b.Loop() {
		if _, err := d.Read(context.Background(), plugins.Env{Threads: 2}); err != nil {
			b.Fatal(err)
		}
	}
}
