package simulatedicu

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/icu"
)

func build(t testing.TB, with string) *Dataset {
	t.Helper()
	r := &plugins.Registry{}
	Register(r)
	d, _, err := r.Datasets.Get("simulated-icu").Build(json.RawMessage(with))
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Dataset)
}

func data(t testing.TB, with string, threads int) *plugins.Data {
	t.Helper()
	out, err := build(t, with).Read(context.Background(), plugins.Env{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t testing.TB, with string, threads int) *frame.Frame {
	t.Helper()
	return data(t, with, threads).Frame
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func TestColumnsAreThoseOfThePaperThenTheContext(t *testing.T) {
	f := read(t, `{"rows": 3000}`, 2)
	for i, want := range icu.Columns() {
		if c := f.Columns()[i]; c.Name != want.Name || c.Unit != want.Unit || c.Kind != want.Kind {
			t.Errorf("column %d is %s (%s, %s), want %s (%s, %s)", i, c.Name, c.Kind, c.Unit, want.Name, want.Kind, want.Unit)
		}
	}
	context := []string{"uniquepid", "hospitaldischargeyear", "region", "numbedscategory", "teachingstatus"}
	if got := f.Names()[len(icu.Columns()):]; !slices.Equal(got, context) {
		t.Errorf("after the columns of package icu: %v", got)
	}
	more := read(t, `{"rows": 3000, "categories": true}`, 2)
	if got := more.Names()[len(icu.Columns()):]; !slices.Equal(got, append(context, "ethnicity", "apacheadmissiondx")) {
		t.Errorf("with categories: %v", got)
	}
	same, err := more.Select(f.Names()...)
	if err != nil || same.Digest() != f.Digest() {
		t.Errorf("categories change the other columns (error: %v)", err)
	}
}

func TestHeaderDescribesTheFrame(t *testing.T) {
	for _, with := range []string{`{"rows": 3000}`, `{"rows": 3000, "categories": true}`} {
		h, err := build(t, with).Header(context.Background(), plugins.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if h.Governance != plugins.Simulated {
			t.Errorf("governance is %q", h.Governance)
		}
		f := read(t, with, 1)
		if len(h.Columns) != len(f.Columns()) {
			t.Fatalf("%d columns in the header, %d in the frame", len(h.Columns), len(f.Columns()))
		}
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
}

func TestPrevalenceIsTheSetting(t *testing.T) {
	if testing.Short() {
		t.Skip("large cohorts; one thread")
	}
	for with, want := range map[string]float64{
		`{"rows": 25000}`: 0.0867,
		`{"rows": 25000, "prevalence": 0.3, "seed": 5}`:                           0.3,
		`{"rows": 25000, "prevalence": 0.02, "siteSD": 1, "hospitals": 3}`:        0.02,
		`{"rows": 25000, "prevalence": 0.15, "repeats": 1, "transport": 0.5}`:     0.15,
		`{"rows": 25000, "prevalence": 0.5, "caseMixSD": 1, "practiceSD": 1.5}`:   0.5,
		`{"rows": 25000, "prevalence": 0.9, "informative": 3, "hospitals": 1000}`: 0.9,
	} {
		got := mean(read(t, with, 2).Column("death").Numbers)
		// four standard errors of 25,000 rows, plus those of the sample behind the intercept
		if tolerance := 4*math.Sqrt(want*(1-want)/25000) + 0.03*min(want, 1-want); math.Abs(got-want) > tolerance {
			t.Errorf("%s: prevalence %.4f, want %.4f ± %.4f", with, got, want, tolerance)
		}
	}
}

func TestMissingCellsAreTheSetting(t *testing.T) {
	if testing.Short() {
		t.Skip("large cohorts; one thread")
	}
	for with, want := range map[string]float64{
		`{"rows": 20000}`:                                           0.257, // 1,896,830 of 88,857·83: Lin, Yu, Lee, table 6
		`{"rows": 20000, "seed": 7}`:                                0.257,
		`{"rows": 8000, "missing": 0.05}`:                           0.05,
		`{"rows": 8000, "missing": 0.5, "practiceSD": 1.5}`:         0.5,
		`{"rows": 8000, "missing": 0.3, "informative": 2}`:          0.3,
		`{"rows": 8000, "hospitals": 1, "practiceSD": 2}`:           0.257,
		`{"rows": 20000, "hospitals": 60, "hospitalSizes":"equal"}`: 0.257,
	} {
		f := read(t, with, 2)
		missing := 0
		for _, c := range f.Columns()[:len(icu.Columns())] {
			missing += c.MissingCount()
		}
		if got := float64(missing) / float64(f.Rows()*len(icu.Columns())); math.Abs(got-want) > 0.006 {
			t.Errorf("%s: %.4f of the cells are missing, want %.3f", with, got, want)
		}
	}
}

func TestALargerCohortStartsWithTheSmallerOne(t *testing.T) {
	small, large := data(t, `{"rows": 700}`, 1), data(t, `{"rows": 2000}`, 3)
	rows := make([]int, 700)
	for i := range rows {
		rows[i] = i
	}
	if small.Frame.Digest() != large.Frame.Take(rows).Digest() {
		t.Error("the first 700 rows depend on the number of rows or threads")
	}
	a, _ := json.Marshal(small.Truth)
	b, _ := json.Marshal(large.Truth)
	if string(a) != string(b) {
		t.Error("the truth depends on the number of rows or threads")
	}
}

func TestSeedChangesTheCohort(t *testing.T) {
	if read(t, `{"rows": 100}`, 1).Digest() == read(t, `{"rows": 100, "seed": 2}`, 1).Digest() {
		t.Error("seeds 1 and 2 give the same cohort")
	}
}

func TestSettingsOfRawTablesChangeNoRow(t *testing.T) {
	if read(t, `{"rows": 100}`, 1).Digest() != read(t, `{"rows": 100, "vitalsEvery": 30, "windowSeed": 9}`, 1).Digest() {
		t.Error("vitalsEvery or windowSeed changes the rows")
	}
}

// quantile returns that of the values that are not missing.
func quantile(v []float64, p float64) float64 {
	v = slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	slices.Sort(v)
	return v[int(p*float64(len(v)))]
}

func TestMediansAndSpreadsChartedAreThoseOfTheTable(t *testing.T) {
	if testing.Short() {
		t.Skip("large cohorts; one thread")
	}
	for with, slack := range map[string]float64{ // in SDs, beyond half a last digit and three standard errors
		`{"rows": 16000, "hospitals": 400}`:                                      0.12,
		`{"rows": 16000, "hospitals": 400, "informative": 0}`:                    0.12,
		`{"rows": 16000, "hospitals": 400, "informative": 2, "prevalence": 0.3}`: 0.12,
		`{"rows": 16000, "hospitals": 400, "missing": 0.45, "practiceSD": 1}`:    0.12,
		`{"rows": 16000}`: 0.3, // the case mix of twenty hospitals
	} {
		f := read(t, with, 2)
		w := newModel(defaults())
		for i := range measurements {
			m := &measurements[i]
			if w.layout.of[i] < 0 || m.name == "diasbp" { // which is kept below systolic pressure
				continue
			}
			values := f.Columns()[w.layout.of[i]].Numbers
			there := float64(len(values) - f.Columns()[w.layout.of[i]].MissingCount())
			sd := math.Abs(m.value(1)-m.value(-1)) / 2
			low, high := min(m.value(-1), m.value(1)), max(m.value(-1), m.value(1))
			for p, want := range map[float64]float64{0.1587: max(low, m.low), 0.5: m.value(0), 0.8413: min(high, m.high)} {
				got := quantile(values, p)
				if tolerance := (slack+4.5/math.Sqrt(there))*sd + 0.5*math.Pow10(-m.decimals); math.Abs(got-want) > tolerance {
					t.Errorf("%s: quantile %v of %s is %v, want %.4g ± %.2g", with, p, m.name, got, want, tolerance)
				}
			}
		}
	}
}

func TestValuesStayWithinChartedLimits(t *testing.T) {
	f := read(t, `{"rows": 20000}`, 2)
	for i := range measurements {
		m := &measurements[i]
		for _, c := range f.Columns() {
			name, _ := strings.CutPrefix(c.Name, m.name)
			if !strings.HasPrefix(c.Name, m.name+"_") || strings.Contains(name, "fio2") {
				continue
			}
			for row, v := range c.Numbers {
				if v < m.low || v > m.high || (!math.IsNaN(v) && v != round(v, m.decimals)) {
					t.Errorf("%s, row %d: outside %v to %v or with more than %d decimals", c.Name, row, m.low, m.high, m.decimals)
					break
				}
			}
		}
	}
}

func TestVitalSignsAreConsistent(t *testing.T) {
	f := read(t, `{"rows": 5000}`, 2)
	at := func(name string, row int) float64 { return f.Column(name).Numbers[row] }
	for _, q := range icu.VitalSigns() {
		for row := range f.Rows() {
			first, last, low, high := at(q.Name+"_first", row), at(q.Name+"_last", row), at(q.Name+"_min", row), at(q.Name+"_max", row)
			if there := !math.IsNaN(first); there != !math.IsNaN(last) || there != !math.IsNaN(low) || there != !math.IsNaN(high) {
				t.Fatalf("%s, row %d: some of the four are missing", q.Name, row)
			}
			if low > min(first, last) || high < max(first, last) {
				t.Fatalf("%s, row %d: an end of the window exceeds the extremes", q.Name, row)
			}
		}
	}
	for _, suffix := range []string{"_first", "_last", "_min", "_max"} {
		for row := range f.Rows() {
			if s, m, d := at("sysbp"+suffix, row), at("meanbp"+suffix, row), at("diasbp"+suffix, row); d >= m || m >= s {
				t.Fatalf("row %d: pressures%s are not in order", row, suffix)
			}
		}
	}
}

func TestGasesAreConsistent(t *testing.T) {
	f := read(t, `{"rows": 20000}`, 2)
	gas, ratio, excess, ph := f.Column("bg_pao2_first_early"), f.Column("bg_pao2fio2ratio_first_early"), f.Column("bg_baseexcess_first_early"), f.Column("bg_ph_first_early")
	for row := range f.Rows() {
		if gas.IsMissing(row) && !ratio.IsMissing(row) || ph.IsMissing(row) && !excess.IsMissing(row) {
			t.Fatalf("row %d: a derived value without the reading", row)
		}
		if !ratio.IsMissing(row) {
			if fio2 := 100 * gas.Numbers[row] / ratio.Numbers[row]; math.Abs(fio2-math.Round(fio2)) > 1e-9 || fio2 < 20.9 || fio2 > 100.1 {
				t.Fatalf("row %d: the ratio is of a fraction of oxygen that is none", row)
			}
		}
	}
	if got := baseExcess(7.4, 40); math.Abs(got) > 0.5 {
		t.Errorf("base excess at pH 7.4 and 40 mmHg is %v, want about 0", got)
	}
}

func TestSecondStays(t *testing.T) {
	d := data(t, `{"rows": 20000}`, 2)
	f := d.Frame
	firstOf := map[int32]int{}
	second, elsewhere := 0, 0
	for i, pid := range f.Column("uniquepid").Codes {
		first, again := firstOf[pid]
		if !again {
			firstOf[pid] = i
			continue
		}
		second++
		for _, name := range []string{"age", "is_female", "race_black"} {
			if a, b := f.Column(name).Numbers[first], f.Column(name).Numbers[i]; a != b && !(math.IsNaN(a) && math.IsNaN(b)) {
				t.Fatalf("rows %d and %d are stays of one patient and differ in %s", first, i, name)
			}
		}
		if f.Column("hospitaldischargeyear").Numbers[i] < f.Column("hospitaldischargeyear").Numbers[first] {
			t.Fatalf("row %d: the second stay is before the first", i)
		}
		if f.Column("hospitalid").Numbers[first] != f.Column("hospitalid").Numbers[i] {
			elsewhere++
		}
		if f.Column("death").Numbers[first] == 1 {
			t.Fatalf("row %d is a stay of a patient who died in row %d", i, first)
		}
	}
	if share := float64(second) / 20000; share < 0.08 || share > 0.115 {
		t.Errorf("%.3f of the stays are second ones, want about 0.1", share)
	}
	if share := float64(elsewhere) / float64(second); share < 0.07 || share > 0.13 {
		t.Errorf("%.3f of the second stays are in another hospital, want about 0.1", share)
	}
	want := []plugins.Count{
		{Name: "rows simulated", Value: 20000},
		{Name: "patients simulated", Value: 20000 - second},
		{Name: "second stays", Value: second},
		{Name: "patients in two hospitals", Value: elsewhere},
	}
	for i, c := range want {
		if d.Counts[i].Name != c.Name || d.Counts[i].Value != c.Value {
			t.Errorf("count %+v, want %+v", d.Counts[i], c)
		}
	}
	if one := read(t, `{"rows": 5000, "repeats": 0}`, 2); len(one.Column("uniquepid").Levels) != 5000 {
		t.Error("without repeats there are second stays")
	}
}

func TestSexAndYearAreThoseOfTheSources(t *testing.T) {
	f := read(t, `{"rows": 20000}`, 2)
	if got := mean(f.Column("is_female").Numbers); math.Abs(got-femaleShare) > 0.01 {
		t.Errorf("%.3f are female, want %.3f", got, femaleShare)
	}
	if got := mean(f.Column("electivesurgery").Numbers); math.Abs(got-305.0/2205) > 0.04 {
		t.Errorf("%.3f are elective, want %.3f", got, 305.0/2205)
	}
}

func TestHospitalSizes(t *testing.T) {
	sizes := func(with string) (least, most float64) {
		n := map[float64]float64{}
		for _, h := range read(t, with, 2).Column("hospitalid").Numbers {
			n[h]++
		}
		least = math.Inf(1)
		for _, v := range n {
			least, most = min(least, v), max(most, v)
		}
		if len(n) != 20 {
			t.Errorf("%s: %d hospitals, want 20", with, len(n))
		}
		return least, most
	}
	if least, most := sizes(`{"rows": 20000, "hospitalSizes": "equal"}`); least < 850 || most > 1150 {
		t.Errorf("equal sizes: %v to %v", least, most)
	}
	if least, most := sizes(`{"rows": 20000}`); most < 2*least {
		t.Errorf("skewed sizes: %v to %v", least, most)
	}
}

func TestSettingsOutOfRange(t *testing.T) {
	r := &plugins.Registry{}
	Register(r)
	for with, want := range map[string]string{
		`{"rows": 0}`:                 "rows is 0; want 1 to 10000000",
		`{"hospitals": -1}`:           "hospitals is -1",
		`{"prevalence": 1}`:           "prevalence is 1",
		`{"siteSD": 4}`:               "siteSD is 4",
		`{"transport": 2.5}`:          "transport is 2.5",
		`{"caseMixSD": -1}`:           "caseMixSD is -1",
		`{"practiceSD": 4}`:           "practiceSD is 4",
		`{"informative": -1}`:         "informative is -1",
		`{"missing": 0.7}`:            "missing is 0.7; want 0.05 to 0.5",
		`{"repeats": 2}`:              "repeats is 2",
		`{"vitalsEvery": 1}`:          "vitalsEvery is 1; want 2 to 60",
		`{"hospitalSizes": "random"}`: `hospitalSizes is "random"`,
	} {
		if _, _, err := r.Datasets.Get("simulated-icu").Build(json.RawMessage(with)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", with, err, want)
		}
	}
}

func TestExtremeSettings(t *testing.T) {
	for _, with := range []string{
		`{"rows": 1, "hospitals": 1}`,
		`{"rows": 300, "siteSD": 3, "transport": 2, "caseMixSD": 2, "practiceSD": 3, "informative": 5, "missing": 0.5, "prevalence": 0.001, "repeats": 1}`,
		`{"rows": 300, "siteSD": 0, "transport": 0, "caseMixSD": 0, "practiceSD": 0, "informative": 0, "missing": 0.05, "prevalence": 0.999, "repeats": 0}`,
	} {
		d := data(t, with, 4)
		for _, x := range d.Truth {
			if math.IsNaN(x.Value) || math.IsInf(x.Value, 0) {
				t.Errorf("%s: %s %v is %v", with, x.Name, x.Dims, x.Value)
			}
		}
		for _, c := range d.Frame.Columns() {
			for _, v := range c.Numbers {
				if math.IsInf(v, 0) {
					t.Fatalf("%s: column %s has an infinity", with, c.Name)
				}
			}
		}
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

// What is said of the columns before anything is simulated is what the header says.
func TestRegisteredColumns(t *testing.T) {
	var r plugins.Registry
	Register(&r)
	sets := r.Datasets.Get("simulated-icu").Info.Columns
	if len(sets) != 2 {
		t.Fatalf("%d sets of columns", len(sets))
	}
	for with, want := range map[string][]plugins.ColumnInfo{
		`{}`: sets[0].Columns, `{"categories": true}`: slices.Concat(sets[0].Columns, sets[1].Columns),
	} {
		header, err := build(t, with).Header(context.Background(), plugins.Env{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(header.Columns, want) {
			t.Errorf("%s: the header has other columns", with)
		}
	}
}
