package prompt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// ramp is 0 … n-1, each a half more.
func ramp(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(i) + 0.5
	}
	return out
}

// levels is a category with so many rows of each level, in order.
func levels(name string, counts ...any) *frame.Column {
	var values []string
	for i := 0; i < len(counts); i += 2 {
		for range counts[i+1].(int) {
			values = append(values, counts[i].(string))
		}
	}
	missing := make([]bool, len(values))
	for i, v := range values {
		missing[i] = v == ""
	}
	return frame.NewCategoryFromStrings(name, values, missing)
}

func compute(t *testing.T, subject *frame.Column, label string, columns ...*frame.Column) *Aggregates {
	t.Helper()
	a, err := Compute(nil, frame.Must(columns...), subject, label)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestQuantilesAreThoseOfDefinition7(t *testing.T) {
	// h = 220 q: 11, 55, 110, 165, 209: whole, so that each is a value
	got := compute(t, nil, "", frame.NewNumber("x", ramp(221))).Columns[0]
	want := Aggregate{Name: "x", N: 221, Missing: ptr(0.0), P5: ptr(11.5), P25: ptr(55.5), P50: ptr(110.5), P75: ptr(165.5), P95: ptr(209.5)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestQuantilesNearAnExtremeAreWithheld(t *testing.T) {
	for n, want := range map[int]int{ // of different values: 11 lie at or below p5 when floor(0.05 (n-1)) is 10 or more
		201: 5, 200: 3, 41: 3, 40: 1, 22: 1, 21: 1, 20: 0,
	} {
		if got := len(ptr(compute(t, nil, "", frame.NewNumber("x", ramp(n))).Columns[0]).Quantiles()); got != want {
			t.Errorf("%d rows: %d quantiles are told, want %d", n, got, want)
		}
	}
	// an extreme that 11 patients share is told; one that 10 share is not
	for shared, told := range map[int]bool{11: true, 10: false} {
		x := ramp(100)
		for i := range shared {
			x[i] = -7
		}
		a := compute(t, nil, "", frame.NewNumber("x", x)).Columns[0]
		if (a.P5 != nil) != told || told && *a.P5 != -7 {
			t.Errorf("p5 with %d rows at the least value: %v", shared, a.P5)
		}
	}
}

func TestQuantilesAreToldInFourDigits(t *testing.T) {
	x := make([]float64, 23)
	for i := range x {
		x[i] = 1234.5678 + float64(i-11)
	}
	if a := compute(t, nil, "", frame.NewNumber("x", x)).Columns[0]; a.P50 == nil || *a.P50 != 1235 {
		t.Errorf("median %v", a.P50)
	}
}

func TestRareLevelsAreWithheldTogether(t *testing.T) {
	for _, c := range []struct {
		name   string
		column *frame.Column
		levels []Level
		others *float64
	}{
		{"all told", levels("c", "a", 50, "b", 30, "c", 20), []Level{{"a", 0.5}, {"b", 0.3}, {"c", 0.2}}, nil},
		{"equal ones by name", levels("c", "b", 50, "a", 50), []Level{{"a", 0.5}, {"b", 0.5}}, nil},
		{"one is rare: the next goes with it", levels("c", "a", 50, "b", 40, "c", 10), []Level{{"a", 0.5}}, ptr(0.5)},
		{"two are rare and 11 together", levels("c", "a", 49, "b", 40, "c", 6, "d", 5), []Level{{"a", 0.49}, {"b", 0.4}}, ptr(0.11)},
		{"nothing is left", levels("c", "a", 90, "b", 10), nil, nil},
		{"the share of those that are there", levels("c", "", 60, "a", 20, "b", 20), []Level{{"a", 0.5}, {"b", 0.5}}, nil},
	} {
		got := compute(t, nil, "", c.column).Columns[0]
		if !reflect.DeepEqual(got.Levels, c.levels) || !reflect.DeepEqual(got.Others, c.others) {
			t.Errorf("%s: %+v, others %v", c.name, got.Levels, got.Others)
		}
	}
}

func TestMissingValuesOfFewPatientsAreWithheld(t *testing.T) {
	for missing, want := range map[int]Aggregate{
		0:   {N: 100, Missing: ptr(0.0)},
		10:  {},
		11:  {N: 89, Missing: ptr(0.11)},
		89:  {N: 11, Missing: ptr(0.89)},
		90:  {},
		100: {},
	} {
		x := ramp(100)
		for i := range missing {
			x[i] = math.NaN()
		}
		got := compute(t, nil, "", frame.NewNumber("x", x)).Columns[0]
		if got.N != want.N || !reflect.DeepEqual(got.Missing, want.Missing) {
			t.Errorf("%d missing: n %d, share %v", missing, got.N, got.Missing)
		}
		if missing >= 90 && !got.silent() {
			t.Errorf("%d missing: %+v is told", missing, got)
		}
	}
}

func TestWholeNumbersOfFewValuesAreToldByShares(t *testing.T) {
	x := make([]float64, 100)
	for i := range 40 {
		x[i] = 1
	}
	got := compute(t, nil, "", frame.NewNumber("x", x)).Columns[0]
	if want := []Level{{"0", 0.6}, {"1", 0.4}}; !reflect.DeepEqual(got.Levels, want) || got.P50 != nil {
		t.Errorf("%+v", got)
	}
}

func TestPatientsAreCountedNotRows(t *testing.T) {
	// 100 rows of 20 patients, five each; level b belongs to 10 patients
	subject := make([]float64, 100)
	for i := range subject {
		subject[i] = float64(i / 5)
	}
	a := compute(t, frame.NewNumber("who", subject), "", levels("c", "a", 50, "b", 50), frame.NewNumber("x", ramp(100)))
	if !a.Columns[0].silent() {
		t.Errorf("levels of 10 patients are told: %+v", a.Columns[0])
	}
	if x := a.Columns[1]; len(x.Quantiles()) != 0 { // either side of the median are 10 patients
		t.Errorf("%+v", x)
	}
	if _, err := Compute(nil, frame.Must(levels("c", "a", 50)), frame.NewNumber("who", make([]float64, 50)), ""); err == nil {
		t.Error("50 rows of one patient are told")
	}
}

func TestByLabelNothingFollowsBySubtraction(t *testing.T) {
	label := levels("death", "0", 80, "1", 20)
	// level "b": 15 rows, of which 12 with label 0 and 3 with label 1: told of all, of neither label
	c := levels("c", "a", 68, "b", 12, "a", 17, "b", 3)
	// missing: 15 of label 0, 5 of label 1
	x := ramp(100)
	for i := range 15 {
		x[i] = math.NaN()
	}
	for i := range 5 {
		x[80+i] = math.NaN()
	}
	a := compute(t, nil, "death", label, c, frame.NewNumber("x", x))
	if a.Column("c").silent() || a.Column("x").N != 80 {
		t.Fatalf("of all: %+v", a.Columns)
	}
	if len(a.By) != 2 || a.By[0].Value != "0" || a.By[0].Rows != 80 {
		t.Fatalf("by label: %+v", a.By)
	}
	for _, class := range a.By {
		if class.Column("death") != nil {
			t.Error("the label is told by label")
		}
		if got := class.Column("c"); len(got.Levels) > 0 || got.Others != nil {
			t.Errorf("label %s: %+v", class.Value, got)
		}
		if got := class.Column("x"); got.N != 0 || got.Missing != nil {
			t.Errorf("label %s: %+v", class.Value, got)
		}
	}
	for _, label := range []*frame.Column{levels("y", "0", 90, "1", 10), levels("y", "0", 60, "1", 30, "", 10), levels("y", "0", 100)} {
		if a := compute(t, nil, "y", label); len(a.By) != 0 {
			t.Errorf("by label %+v of %q, %d missing", a.By, label.Levels, label.MissingCount())
		}
	}
}

func TestComputeNamesWhatLacks(t *testing.T) {
	f := frame.Must(frame.NewNumber("x", ramp(30)))
	for want, call := range map[string]func() (*Aggregates, error){
		`no column named "y"`:    func() (*Aggregates, error) { return Compute(nil, f, nil, "y") },
		"2 subjects for 30 rows": func() (*Aggregates, error) { return Compute(nil, f, frame.NewNumber("s", ramp(2)), "") },
		"fewer than 11 patients": func() (*Aggregates, error) { return Compute(nil, f.Take([]int{1, 2, 3}), nil, "") },
	} {
		if _, err := call(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What is told is checked against the rules by counting patients again, on random data with several rows a patient.
func TestNothingToldStandsForTooFew(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		n := 40 + rng.IntN(300)
		who, x, flag, c, y := make([]float64, n), make([]float64, n), make([]float64, n), make([]string, n), make([]string, n)
		for i := range n {
			who[i] = float64(rng.IntN(n))
			x[i] = math.Round(10 * rng.NormFloat64())
			if rng.IntN(10) == 0 {
				x[i] = math.NaN()
			}
			flag[i] = float64(min(4, rng.IntN(30)/5))
			c[i] = fmt.Sprint(min(rng.IntN(8), rng.IntN(8)))
			y[i] = []string{"0", "1"}[min(1, rng.IntN(5)/4)]
		}
		subject := frame.NewNumber("who", who)
		f := frame.Must(frame.NewNumber("x", x), frame.NewNumber("flag", flag), frame.NewCategoryFromStrings("c", c, nil), frame.NewCategoryFromStrings("y", y, nil))
		a, err := Compute(nil, f, subject, "y")
		if err != nil {
			t.Fatal(err)
		}
		check := func(in func(row int) bool, told []Aggregate) {
			for _, a := range told {
				checkTold(t, f.Column(a.Name), who, in, a)
			}
		}
		check(func(int) bool { return true }, a.Columns)
		for _, class := range a.By {
			check(func(row int) bool { return y[row] == class.Value }, class.Columns)
		}
	}
}

func checkTold(t *testing.T, c *frame.Column, who []float64, in func(row int) bool, a Aggregate) {
	t.Helper()
	count := func(is func(row int) bool) int {
		seen := map[float64]bool{}
		for r := range who {
			if in(r) && is(r) {
				seen[who[r]] = true
			}
		}
		return len(seen)
	}
	enough := func(what string, n int) {
		if n < plugins.FewestTold {
			t.Errorf("column %s: %s stands for %d patients", c.Name, what, n)
		}
	}
	if absent := count(c.IsMissing); a.Missing != nil && absent > 0 {
		enough("missing", absent)
	}
	for _, q := range a.Quantiles() {
		slack := 1e-3 * (1 + math.Abs(q.Value)) // rounding to four digits
		enough("below a quantile", count(func(r int) bool { return c.Numbers[r] <= q.Value+slack }))
		enough("above a quantile", count(func(r int) bool { return c.Numbers[r] >= q.Value-slack }))
	}
	told := map[string]bool{}
	for _, l := range a.Levels {
		told[l.Level] = true
		enough("level "+l.Level, count(func(r int) bool { return Cell(c, r) == l.Level }))
	}
	rest := func(r int) bool { return !c.IsMissing(r) && !told[Cell(c, r)] }
	if len(told) > 0 && slices.ContainsFunc(rowsIn(len(who), in), rest) {
		enough("all levels that are not told", count(rest))
	}
}

func rowsIn(n int, in func(row int) bool) []int {
	var out []int
	for r := range n {
		if in(r) {
			out = append(out, r)
		}
	}
	return out
}
