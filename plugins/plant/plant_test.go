package plant_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
	"github.com/ehrlab/ehrlab/plugins/plant"
)

var nan = math.NaN()

// cohort is n rows of n/2 patients with columns of all sorts, written with few decimals.
func cohort(n int) (rows *frame.Frame, subject *frame.Column) {
	rng := rand.New(rand.NewPCG(7, 8))
	values := map[string][]float64{}
	sex, who := make([]string, n), make([]string, n)
	for i := range n {
		add := func(name string, v float64, decimals int) {
			scale := math.Pow(10, float64(decimals))
			values[name] = append(values[name], math.Round(v*scale)/scale)
		}
		low := 36 + rng.Float64()
		high := low + 0.1 + rng.Float64()
		add("tempc_min", low, 1)
		add("tempc_max", high+0.1, 1)
		add("tempc_first", low+0.1+(high-low)*rng.Float64(), 1)
		systolic := 100 + 50*rng.Float64()
		add("sysbp_first", systolic, 0)
		add("diasbp_first", systolic-30-20*rng.Float64(), 0)
		add("creatinine", 0.4+math.Exp(rng.NormFloat64()/2), 2)
		add("glucose", 70+150*rng.Float64(), 0)
		add("marker", 1+9*rng.Float64(), 1)
		race := rng.IntN(3)
		for k, name := range []string{"race_a", "race_b", "race_c"} {
			add(name, map[bool]float64{true: 1}[race == k], 0)
		}
		add("death", float64(rng.IntN(2)), 0)
		sex[i], who[i] = []string{"female", "male"}[rng.IntN(2)], fmt.Sprintf("p%03d", i/2)
	}
	if n > 0 {
		values["marker"][0] = nan
	}
	var columns []*frame.Column
	for _, name := range []string{"tempc_min", "tempc_max", "tempc_first", "sysbp_first", "diasbp_first", "creatinine", "glucose", "marker", "race_a", "race_b", "race_c", "death"} {
		columns = append(columns, frame.NewNumber(name, values[name]))
	}
	return frame.Must(append(columns, frame.NewCategoryFromStrings("sex", sex, nil))...), frame.NewCategoryFromStrings("subject", who, nil)
}

var known = plant.Known{Target: "death", About: map[string]plugins.ColumnInfo{
	"creatinine": {Unit: "mg/dL"}, "glucose": {Unit: "mg/dL"}, "tempc_min": {Unit: "°C"}, "tempc_max": {Unit: "°C"}, "tempc_first": {Unit: "°C"},
	"sysbp_first": {Unit: "mmHg"}, "diasbp_first": {Unit: "mmHg"},
}}

func source(seed uint64) plugins.Rand { return plugins.NewRand(seed, "test", plugins.ForAudit) }

func mix(t *testing.T, synthetic, test *frame.Frame, subject *frame.Column, c plant.Config) *plant.Mixed {
	t.Helper()
	m, err := plant.Mix(synthetic, test, subject, &c, known, source(0))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Records) != m.Frame.Rows() {
		t.Fatalf("%d records of %d rows", len(m.Records), m.Frame.Rows())
	}
	return m
}

// text is a value in words, "" for none.
func text(c *frame.Column, row int) string {
	switch {
	case c.IsMissing(row):
		return ""
	case c.Kind == frame.Category:
		return c.Levels[c.Codes[row]]
	}
	return fmt.Sprint(c.Numbers[row])
}

// Every record is what is said of it: a row of test or a synthetic one as it is, or a row of test with other values in the columns that are
// named, and in no other.
func TestRecordsAreWhatIsSaidOfThem(t *testing.T) {
	test, subject := cohort(400)
	synthetic := test.Take([]int{3, 1, 4, 1, 5})
	m := mix(t, synthetic, test, subject, plant.Config{Rows: 300, Share: 0.4, Shuffled: 50})
	counts, seen := map[plugins.Source]int{}, map[int]bool{}
	half := map[string]bool{}
	seconds := 0
	for i, r := range m.Records {
		counts[r.Source]++
		from := test
		switch r.Source {
		case plugins.FromSynthetic:
			from = synthetic
		case plugins.FromShuffled:
			if r.Origin != -1 || r.Planted != nil || r.Second {
				t.Errorf("%+v of a shuffled record", r)
			}
			continue
		default:
			if seen[r.Origin] {
				t.Errorf("row %d of test is there twice", r.Origin)
			}
			seen[r.Origin] = true
			who := text(subject, r.Origin)
			if second, known := half[who]; known && second != r.Second {
				t.Errorf("a subject is in both halves")
			}
			half[who] = r.Second
		}
		if r.Second {
			seconds++
		}
		if (r.Planted != nil) != (r.Source == plugins.FromPlanted) {
			t.Fatalf("%+v", r)
		}
		changed := map[string]bool{}
		for _, c := range m.Frame.Columns() {
			if text(c, i) != text(from.Column(c.Name), r.Origin) {
				changed[c.Name] = true
			}
		}
		want := 0
		if r.Planted != nil {
			want = len(r.Planted.Columns)
			for _, name := range r.Planted.Columns {
				if !changed[name] {
					t.Errorf("%s: column %q is as it was", r.Planted.Kind, name)
				}
				if name == "death" {
					t.Errorf("%s: the label was changed", r.Planted.Kind)
				}
			}
		}
		if len(changed) != want {
			t.Errorf("%+v: columns %v were changed", r.Planted, changed)
		}
	}
	if counts[plugins.FromReal] != 180 || counts[plugins.FromPlanted] != 120 || counts[plugins.FromShuffled] != 50 || counts[plugins.FromSynthetic] != 5 {
		t.Errorf("%v", counts)
	}
	if math.Abs(float64(seconds)-150) > 2 { // subjects have two rows
		t.Errorf("%d of 300 records are of the second half", seconds)
	}
}

// kinds counts the planted errors of each kind, and those that can be told.
func kinds(m *plant.Mixed) (all, detectable map[string]int) {
	all, detectable = map[string]int{}, map[string]int{}
	for _, r := range m.Records {
		if r.Planted != nil {
			kind, _, _ := strings.Cut(r.Planted.Kind, ":")
			all[kind]++
			if r.Planted.Detectable {
				detectable[kind]++
			}
		}
	}
	return all, detectable
}

func TestKindsShareTheErrors(t *testing.T) {
	test, subject := cohort(400)
	m := mix(t, test.Take(nil), test, subject, plant.Config{Share: 0.3})
	all, detectable := kinds(m)
	for _, k := range plant.Kinds() {
		if all[k.Name] != 20 {
			t.Errorf("%d errors of kind %q, want 20", all[k.Name], k.Name)
		}
	}
	for _, kind := range []string{plant.Order, plant.Swap, plant.Impossible} {
		if detectable[kind] != all[kind] {
			t.Errorf("%d of %d errors of kind %q can be told", detectable[kind], all[kind], kind)
		}
	}
	if detectable[plant.Unit] == all[plant.Unit] || detectable[plant.Shuffled] == all[plant.Shuffled] {
		t.Error("glucose in mmol/L lies within the limits of mg/dL, and values of other patients are real ones")
	}
	if len(m.Notes) > 0 {
		t.Errorf("notes %q", m.Notes)
	}
}

// Halves have as many records with an error of each kind, up to one or two of those of several rows of a subject.
func TestHalvesAreAlike(t *testing.T) {
	test, _ := cohort(400)
	m := mix(t, test.Take(nil), test, nil, plant.Config{Share: 0.3, Kinds: []string{plant.Order, plant.Factor}})
	second := map[string]int{}
	for _, r := range m.Records {
		if r.Planted != nil && r.Second {
			second[r.Planted.Kind]++
		}
	}
	if second["order"] < 29 || second["order"] > 31 || second["factor-10: × 10"] < 14 || second["factor-10: × 10"] > 16 {
		t.Errorf("of 60, 30 and 30 errors, %v are in the second half", second)
	}
}

// Published factors: what 37 °C, 1 mg/dL of creatinine, and so on, are in the other unit.
func TestUnits(t *testing.T) {
	for _, c := range []struct {
		column, unit string
		from, to     float64
		kind         string
		detectable   bool
	}{
		{"tempc_first", "°C", 37, 98.6, "unit: °F for °C", true},
		{"temp", "", 37, 98.6, "unit: °F for °C", true},
		{"Temp", "°F", 98.6, 37, "unit: °C for °F", true},
		{"creatinine_last", "mg/dL", 1, 88.4, "unit: µmol/L for mg/dL", true},
		{"creatinine_last", "mg/dL", 0.6, 53.04, "unit: µmol/L for mg/dL", false},
		{"Creatinine", "umol/L", 88.4, 1, "unit: mg/dL for µmol/L", false},
		{"bilirubin", "mg/dL", 1, 17.104, "unit: µmol/L for mg/dL", false},
		{"glucose", "mg/dL", 180, 9.99, "unit: mmol/L for mg/dL", false},
		{"bun_first_early", "mg/dL", 28, 9.996, "unit: mmol/L for mg/dL", false},
		{"calcium", "mg/dL", 9.2, 2.3, "unit: mmol/L for mg/dL", false},
		{"lactate", "mmol/L", 1.11, 10, "unit: mg/dL for mmol/L", false},
		{"lactate", "mmol/L", 4.44, 40, "unit: mg/dL for mmol/L", true},
		{"hemoglobin", "g/dL", 13.5, 135, "unit: g/L for g/dL", true},
		{"albumin", "g/dL", 4, 40, "unit: g/L for g/dL", true},
		{"hematocrit", "%", 40, 0.4, "unit: fraction for %", true},
		{"HCT_lowest", "%", 40, 0.4, "unit: fraction for %", true}, // whatever the data set calls it
		{"hct_before_surgery", "%", 40, 0.4, "unit: fraction for %", false},
		{"spo2_min", "%", 97, 0.97, "unit: fraction for %", true},
		{"SaO2", "", 97, 0.97, "unit: fraction for %", true},
		{"FiO2", "fraction", 0.4, 40, "unit: % for fraction", true},
		{"bg_paco2", "mmHg", 40, 5.332896, "unit: kPa for mmHg", false},
		{"weight", "kg", 80, 176.36984, "unit: lb for kg", false},
	} {
		// a row with one more value of six decimals, so that nothing is rounded
		x := frame.NewNumber(c.column, []float64{c.from, c.from + 0.000123})
		f := frame.Must(x)
		about := plant.Known{About: map[string]plugins.ColumnInfo{c.column: {Unit: c.unit}}}
		m, err := plant.Mix(f.Take(nil), f, nil, &plant.Config{Share: 1, Kinds: []string{plant.Unit}}, about, source(0))
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range m.Records {
			if r.Origin == 0 && (r.Planted == nil || math.Abs(m.Frame.Columns()[0].Numbers[i]-c.to) > 1e-6 || r.Planted.Kind != c.kind || r.Planted.Detectable != c.detectable) {
				t.Errorf("%v %s of %s: %v, %+v; want %v, %s, detectable %v", c.from, c.unit, c.column, m.Frame.Columns()[0].Numbers[i], r.Planted, c.to, c.kind, c.detectable)
			}
		}
	}
}

// Columns whose unit is unknown or none of the quantity's, and names that only look alike, have no unit to slip into.
func TestNoUnits(t *testing.T) {
	for _, c := range []struct {
		column, unit string
		value        float64
	}{
		{"glucose", "arbitrary", 120},
		{"bun", "", 20}, // of mg/dL or mmol/L
		{"urine_creatinine", "mg/dL", 100},
		{"temperament", "", 37},
		{"sodium", "mmol/L", 140},
		{"chart_row", "", 37},
	} {
		f := frame.Must(frame.NewNumber(c.column, []float64{c.value, c.value + 1}))
		about := plant.Known{About: map[string]plugins.ColumnInfo{c.column: {Unit: c.unit}}}
		m, err := plant.Mix(f.Take(nil), f, nil, &plant.Config{Share: 1, Kinds: []string{plant.Unit}}, about, source(0))
		if err != nil || m.Records[0].Planted != nil || len(m.Notes) == 0 || m.Notes[0] != `no error of the kind "unit" was planted: no column allows it` {
			t.Errorf("%s in %q: %+v, %v, notes %q", c.column, c.unit, m.Records[0].Planted, err, m.Notes)
		}
	}
}

// What relations are found by names, told by a swap that breaks them.
func TestRelatedColumns(t *testing.T) {
	for _, c := range []struct {
		below, above string
		a, b         float64
	}{
		{"heartrate_min", "heartrate_max", 60, 90},
		{"min_hr", "max_hr", 60, 90},
		{"HeartRateLowest", "HeartRateHighest", 60, 90},
		{"DiasABP", "SysABP", 60, 120},
		{"diasbp_last", "sysbp_last", 60, 120},
		{"dbp", "sbp", 60, 120},
		{"hemoglobin", "hematocrit", 12, 36},
		{"ventdays", "hosp_los", 2, 8},
	} {
		f := frame.Must(frame.NewNumber(c.below, []float64{c.a, c.a + 1, c.a + 2}), frame.NewNumber(c.above, []float64{c.b, c.b + 1, c.b + 2}))
		m, err := plant.Mix(f.Take(nil), f, nil, &plant.Config{Share: 1, Kinds: []string{plant.Swap}}, plant.Known{}, source(0))
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range m.Records {
			if r.Planted == nil || !r.Planted.Detectable || m.Frame.Columns()[0].Numbers[i] != c.b+float64(r.Origin) {
				t.Errorf("%s and %s: %+v", c.below, c.above, r.Planted)
			}
		}
	}
	f := frame.Must(frame.NewNumber("diasbp_first", []float64{60}), frame.NewNumber("sysbp_last", []float64{120}))
	if m := mix(t, f.Take(nil), f, nil, plant.Config{Share: 1, Kinds: []string{plant.Swap}}); m.Records[0].Planted != nil {
		t.Error("the first diastolic and the last systolic pressure are of two moments, and were exchanged")
	}
	f = frame.Must(frame.NewNumber("heartrate_min", []float64{60, 70}), frame.NewNumber("heartrate_max", []float64{60, 90}))
	for _, r := range mix(t, f.Take(nil), f, nil, plant.Config{Share: 1, Kinds: []string{plant.Swap}}).Records {
		if (r.Planted != nil) != (r.Origin == 1) {
			t.Errorf("row %d: %+v; a swap of equal values is no error", r.Origin, r.Planted)
		}
	}
}

// What stands in a lineup, and in which order, hangs neither on the seed nor on the synthetic rows.
func TestRealRecordsHangOnTheTestRowsAlone(t *testing.T) {
	test, subject := cohort(200)
	c := plant.Config{Rows: 150, Share: 0.2, Shuffled: 20}
	first := real(mix(t, test.Take(nil), test, subject, c))
	for _, synthetic := range []int{1, 50, 200} {
		m, err := plant.Mix(test.Take(rand.New(rand.NewPCG(1, 1)).Perm(200)[:synthetic]), test, subject, &c, known, source(uint64(synthetic)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(real(m), first) {
			t.Errorf("with %d synthetic rows, and another seed, the real records are others", synthetic)
		}
	}
	other, err := plant.Mix(test.Take(nil), test, subject, &c, known, plugins.NewRand(0, "other data", plugins.ForAudit))
	if err != nil || slices.Equal(real(other), first) {
		t.Errorf("other data have the same draws; error %v", err)
	}
}

// real are the records that are not synthetic, in words.
func real(m *plant.Mixed) (out []string) {
	for i, r := range m.Records {
		if r.Source != plugins.FromSynthetic {
			values := ""
			for _, c := range m.Frame.Columns() {
				values += text(c, i) + " "
			}
			out = append(out, fmt.Sprint(r.Source, r.Origin, r.Second, r.Planted, values))
		}
	}
	return out
}

// The places of the records of each source are those of a random order: their mean lies within four standard errors of the middle.
func TestOrderTellsNothing(t *testing.T) {
	test, subject := cohort(400)
	m := mix(t, test, test, subject, plant.Config{Share: 0.3, Shuffled: 200})
	sum, n := map[plugins.Source]float64{}, map[plugins.Source]float64{}
	for i, r := range m.Records {
		sum[r.Source] += float64(i)
		n[r.Source]++
	}
	all := float64(len(m.Records))
	for source, k := range n {
		z := (sum[source]/k - (all-1)/2) / math.Sqrt((all+1)*(all-k)/(12*k))
		if math.Abs(z) > 4 {
			t.Errorf("%s records lie %v standard errors off the middle", source, z)
		}
	}
}

// Each shuffled column has the values of test; with all rows, each as often.
func TestShuffledRows(t *testing.T) {
	test, subject := cohort(300)
	m := mix(t, test.Take(nil), test, subject, plant.Config{Rows: 1, Shuffled: 400})
	if len(m.Notes) != 1 || m.Notes[0] != "400 column-shuffled rows were asked for, and test has 300" {
		t.Errorf("notes %q", m.Notes)
	}
	var rows []int
	for i, r := range m.Records {
		if r.Source == plugins.FromShuffled {
			rows = append(rows, i)
		}
	}
	shuffled := m.Frame.Take(rows)
	together := 0
	for _, c := range shuffled.Columns() {
		var a, b []string
		for row := range 300 {
			a, b = append(a, text(c, row)), append(b, text(test.Column(c.Name), row))
		}
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("column %q has other values", c.Name)
		}
	}
	for row := range 300 {
		if shuffled.Column("sysbp_first").Numbers[row]-shuffled.Column("diasbp_first").Numbers[row] < 30 {
			together++
		}
	}
	if together < 50 {
		t.Errorf("pressures still belong together: %d rows have less than 30 mmHg between them", together)
	}
}

// A planted value is written as those of its column are: decimals tell nothing.
func TestPlantedValuesHaveTheDecimalsOfTheirColumn(t *testing.T) {
	test, subject := cohort(400)
	m := mix(t, test.Take(nil), test, subject, plant.Config{Share: 1})
	for _, c := range []struct {
		column string
		scale  float64
	}{{"tempc_max", 10}, {"glucose", 1}, {"creatinine", 100}} {
		for _, v := range m.Frame.Column(c.column).Numbers {
			if math.Abs(v*c.scale-math.Round(v*c.scale)) > 1e-9 {
				t.Errorf("%v in column %q", v, c.column)
			}
		}
	}
}

func TestCombine(t *testing.T) {
	test, subject := cohort(100)
	combine := []map[string]any{{"sex": "neither", "death": 1.0}, {"race_a": 1.0, "race_b": true, "marker": -5}}
	m := mix(t, test.Take(nil), test, subject, plant.Config{Share: 0.5, Kinds: []string{plant.Impossible}, Combine: combine})
	found := map[string]int{}
	for i, r := range m.Records {
		if r.Planted == nil {
			continue
		}
		if found[r.Planted.Kind]++; !r.Planted.Detectable {
			t.Errorf("%+v is declared impossible", r.Planted)
		}
		switch r.Planted.Kind {
		case "impossible: death 1, sex neither":
			if text(m.Frame.Column("sex"), i) != "neither" || m.Frame.Column("death").Numbers[i] != 1 {
				t.Error("the values are others")
			}
		case "impossible: marker -5, race_a 1, race_b true":
			if m.Frame.Column("marker").Numbers[i] != -5 || m.Frame.Column("race_b").Numbers[i] != 1 {
				t.Error("the values are others")
			}
		}
	}
	if found["impossible: death 1, sex neither"] < 10 || found["impossible: marker -5, race_a 1, race_b true"] < 10 || found["impossible: two of race"] < 10 {
		t.Errorf("%v", found)
	}
}

func TestPregnantMen(t *testing.T) {
	f := frame.Must(frame.NewNumber("is_female", []float64{0, 0, 1, 1}), frame.NewNumber("pregnant", []float64{0, 0, 1, 0}))
	m := mix(t, f.Take(nil), f, nil, plant.Config{Share: 1, Kinds: []string{plant.Impossible}})
	for _, r := range m.Records {
		if man := r.Origin < 2; (r.Planted != nil) != man || man && (r.Planted.Kind != "impossible: pregnant man" || !r.Planted.Detectable) {
			t.Errorf("row %d: %+v", r.Origin, r.Planted)
		}
	}
	if len(m.Notes) != 2 || m.Notes[1] != "errors were planted in 2 of 4 rows that were to have one" {
		t.Errorf("notes %q", m.Notes)
	}
}

// Declared limits stand in the place of published ones; what a rule of a pack calls impossible stays so.
func TestDeclaredLimits(t *testing.T) {
	for _, c := range []struct {
		value, most float64 // most 0: no limit is declared
		tenfold     bool    // can be told
	}{
		{240, 0, true}, {240, 5000, false}, {240, 2000, true}, // 2,000 mg/dL is published
		{310, 5000, true}, // 3,000 is the pack's limit
	} {
		f := frame.Must(frame.NewNumber("glucose", []float64{c.value, c.value + 1, c.value + 2, c.value + 3}))
		limits := map[string]plugins.Limit{}
		if c.most > 0 {
			limits["glucose"] = plugins.Limit{Max: &c.most}
		}
		m, err := plant.Mix(f.Take(nil), f, nil, &plant.Config{Share: 1, Kinds: []string{plant.Factor}}, plant.Known{Limits: limits}, source(0))
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]int{}
		for _, r := range m.Records {
			kinds[r.Planted.Kind]++
			if want := c.tenfold && r.Planted.Kind == "factor-10: × 10"; r.Planted.Detectable != want {
				t.Errorf("%v of at most %v: %+v", c.value, c.most, r.Planted)
			}
		}
		if kinds["factor-10: × 10"] != 2 || kinds["factor-10: ÷ 10"] != 2 {
			t.Errorf("planted: %v", kinds)
		}
	}
}

func TestWithoutAConfig(t *testing.T) {
	test, _ := cohort(20)
	m, err := plant.Mix(test, nil, nil, nil, known, plugins.Rand{})
	if err != nil || m.Frame != test || len(m.Records) != 20 || m.Records[7] != (plant.Record{Source: plugins.FromSynthetic, Origin: 7}) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestErrors(t *testing.T) {
	test, subject := cohort(20)
	for want, c := range map[string]plant.Config{
		`"rows" -1: want a number of rows of test, or 0 for all`:                                                 {Rows: -1},
		`"share" NaN: want a share of the rows, from 0 to 1`:                                                     {Share: nan},
		`"shuffled" -2: want a number of rows, 0 or more`:                                                        {Shuffled: -2},
		`"kinds": no kind of error named "sawp"; want one of swap, order, unit, factor-10, shuffled, impossible`: {Kinds: []string{"sawp"}},
		`"kinds": "swap" is there twice`:                                                                         {Kinds: []string{"swap", "swap"}},
		`"combine", combination 1: want the values of two columns or more`:                                       {Combine: []map[string]any{{"sex": "male"}}},
		`"combine", combination 1: column "sex": want a finite number or a text`:                                 {Combine: []map[string]any{{"sex": nil, "death": 1.0}}},
		`"combine", combination 1: no column named "sxe"; want one of the features or the target`:                {Combine: []map[string]any{{"sxe": "male", "death": 1.0}}},
		`"combine", combination 1: column "sex" has levels; want one of them, in quotes`:                         {Combine: []map[string]any{{"sex": 1.0, "death": 1.0}}},
		`"combine", combination 1: column "death" has numbers; want one without quotes`:                          {Combine: []map[string]any{{"sex": "male", "death": "1"}}},
		`"combine" declares impossible combinations, and "kinds" leaves "impossible" out: want both, or neither`: {Kinds: []string{"swap"}, Combine: []map[string]any{{"sex": "male", "death": 1.0}}},
	} {
		if _, err := plant.Mix(test, test, subject, &c, known, source(0)); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := plant.Mix(test, test, frame.NewNumber("s", nil), &plant.Config{}, known, source(0)); err == nil {
		t.Error("as many subjects as rows are not demanded")
	}
	less, _ := test.Select("sex")
	if _, err := plant.Mix(test, less, nil, &plant.Config{}, known, source(0)); err == nil {
		t.Error("test rows without a column that synthetic ones have were taken")
	}
}

// Whatever the columns hold, a lineup is made, or an error says why not; and twice the same one.
func TestOddColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	names := []string{"tempc_min", "tempc_max", "tempc_first", "creatinine", "bg_ph", "bg_paco2", "bg_baseexcess", "sex", "pregnant", "race_a", "race_b", "x", "min", "first_last", "death"}
	values := []func() float64{
		func() float64 { return nan },
		func() float64 { return 0 },
		func() float64 { return rng.NormFloat64() * 1e300 },
		func() float64 { return float64(rng.IntN(2)) },
		func() float64 { return rng.NormFloat64() },
		func() float64 { return []float64{nan, math.MaxFloat64, -math.MaxFloat64, 5e-324}[rng.IntN(4)] },
	}
	for trial := range 400 {
		n := rng.IntN(12)
		var columns []*frame.Column
		for _, name := range names {
			if rng.IntN(3) == 0 {
				continue
			}
			if rng.IntN(4) == 0 {
				texts := make([]string, n)
				for i := range texts {
					texts[i] = []string{"male", "yes", "no", "f", "\u00e9"}[rng.IntN(5)]
				}
				columns = append(columns, frame.NewCategoryFromStrings(name, texts, nil))
				continue
			}
			draw := values[rng.IntN(len(values))]
			numbers := make([]float64, n)
			for i := range numbers {
				numbers[i] = draw()
			}
			columns = append(columns, frame.NewNumber(name, numbers))
		}
		f := frame.Must(columns...)
		c := plant.Config{Rows: rng.IntN(15), Share: rng.Float64(), Shuffled: rng.IntN(15)}
		m := mix(t, f, f, nil, c)
		for _, column := range m.Frame.Columns() {
			if slices.ContainsFunc(column.Numbers, func(v float64) bool { return math.IsInf(v, 0) }) {
				t.Errorf("trial %d: column %q is infinite", trial, column.Name)
			}
		}
		again := mix(t, f, f, nil, c)
		if again.Frame.Digest() != m.Frame.Digest() || fmt.Sprint(again.Counts, again.Notes) != fmt.Sprint(m.Counts, m.Notes) {
			t.Errorf("trial %d: a second lineup is another", trial)
		}
	}
}

// A blood gas with a raised pH and a raised PaCO2 has base in excess: the planted one lacks it.
func TestAcidBase(t *testing.T) {
	n := 20
	ph, paco2, excess := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		ph[i], paco2[i], excess[i] = 7.3+float64(i)/100, 40, float64(i)/10
	}
	excess[3] = nan
	f := frame.Must(frame.NewNumber("bg_ph_first", ph), frame.NewNumber("bg_paco2_first", paco2), frame.NewNumber("bg_baseexcess_first", excess))
	m := mix(t, f.Take(nil), f, nil, plant.Config{Share: 1, Kinds: []string{plant.Impossible}})
	for i, r := range m.Records {
		if r.Origin == 3 {
			if r.Planted != nil {
				t.Error("a blood gas without base excess was changed")
			}
			continue
		}
		v := func(column int) float64 { return m.Frame.Columns()[column].Numbers[i] }
		if r.Planted == nil || !r.Planted.Detectable || v(0) < 7.45 || v(1) < 45 || v(2) > -10 {
			t.Errorf("%+v: pH %v, PaCO2 %v, base excess %v", r.Planted, v(0), v(1), v(2))
		}
	}
}

// Identifiers and scores of other models have no clinical errors.
func TestIdentifiersStayAsTheyAre(t *testing.T) {
	f := frame.Must(frame.NewNumber("stay", []float64{1001, 1002, 1003}), frame.NewNumber("x", []float64{1, 2, 3}))
	about := plant.Known{About: map[string]plugins.ColumnInfo{"stay": {Role: plugins.RoleRow}}}
	m, err := plant.Mix(f.Take(nil), f, nil, &plant.Config{Share: 1}, about, source(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range m.Records {
		if r.Planted == nil || slices.Contains(r.Planted.Columns, "stay") {
			t.Errorf("%+v", r.Planted)
		}
	}
}
