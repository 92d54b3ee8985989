package cohort

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// sixty is 60 rows of 30 patients: every third is female, five have no weight, and one ward has four rows.
func sixty() (*frame.Frame, *frame.Column) {
	patient, female, weight, ward := make([]float64, 60), make([]float64, 60), make([]float64, 60), make([]string, 60)
	for i := range patient {
		patient[i], weight[i], ward[i] = float64(i/2), 50.5+float64(i), "main"
		if i%3 == 0 {
			female[i] = 1
		}
		if i < 5 {
			weight[i] = nan
		}
		if i >= 20 {
			ward[i] = "north"
		}
		if i >= 56 {
			ward[i] = "small"
		}
	}
	sex := frame.NewNumber("female", female)
	sex.Integer = true
	subject := frame.NewNumber("patient", patient)
	subject.Integer = true
	return frame.Must(subject, sex, frame.NewNumber("weight", weight), frame.NewCategoryFromStrings("ward", ward, nil)), subject
}

func described(counts []plugins.Count) []string {
	var out []string
	for _, c := range counts {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s: %d", c.Dims["column"], c.Name, c.Dims["level"], c.Value)))
	}
	return out
}

func TestDescribe(t *testing.T) {
	f, subject := sixty()
	rows := make([]int, 60)
	for i := range rows {
		rows[i] = i
	}
	want := []string{
		"patient missing values : 0", "patient distinct values : 30",
		"female rows with the level 0: 40", "female rows with the level 1: 20", "female missing values : 0", "female distinct values : 2",
		// of weight five have none: untold
		// of ward "small" has four rows: untold, and so is the smallest other
		"ward rows with the level north: 36", "ward missing values : 0", "ward distinct values : 3",
	}
	if d := cmp.Diff(want, described(Describe(f, subject, rows))); d != "" {
		t.Error(d)
	}
	// The rows of ten patients are few, however many there are.
	some := described(Describe(f, subject, rows[:20]))
	if slices.ContainsFunc(some, func(s string) bool { return strings.Contains(s, "level") }) {
		t.Errorf("%q", some)
	}
	// Two columns with few missing values are told together once they stand for enough.
	g := frame.Must(append(f.Columns(), numbers60("height", 7), numbers60("age", 12))...)
	got := described(Describe(g, nil, rows))
	if !slices.Contains(got, "missing values not told : 12") || !slices.Contains(got, "age missing values : 12") {
		t.Errorf("%q", got)
	}
	// One alone is told with the fewest others.
	g = frame.Must(numbers60("height", 7), numbers60("age", 12), numbers60("bmi", 30))
	if d := cmp.Diff([]string{"bmi missing values : 30", "missing values not told : 19"}, described(Describe(g, nil, rows))); d != "" {
		t.Error(d)
	}
}

func numbers60(name string, missing int) *frame.Column {
	values := make([]float64, 60)
	for i := range values {
		values[i] = float64(i) / 7
		if i < missing {
			values[i] = nan
		}
	}
	return frame.NewNumber(name, values)
}

// Whatever the rows, what is not told of a column is of two classes at least, and of eleven rows, where any class is told.
func TestDescribeTellsNothingBySubtraction(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	hidden := 0
	for range 300 {
		n := 12 + rng.IntN(150)
		values, rows := make([]float64, n), make([]int, n)
		for i := range values {
			values[i], rows[i] = float64(rng.IntN(1+rng.IntN(6))), i
			if rng.IntN(12) == 0 {
				values[i] = nan
			}
		}
		c := frame.NewNumber("x", values)
		c.Integer = true
		classes, _ := classesOf(c, rows, patientOf(nil))
		told, untold, untoldRows := 0, 0, 0
		for _, k := range classes {
			switch {
			case k.hidden:
				untold, untoldRows = untold+1, untoldRows+k.rows
			case k.rows > 0 && k.rows < plugins.FewestTold:
				t.Fatalf("%d rows are told", k.rows)
			case k.rows > 0:
				told++
			}
		}
		if untold > 0 && told > 0 && (untold < 2 || untoldRows < plugins.FewestTold) {
			t.Fatalf("%d classes of %d rows are not told", untold, untoldRows)
		}
		hidden += untold
	}
	if hidden == 0 {
		t.Error("nothing was ever withheld")
	}
}
