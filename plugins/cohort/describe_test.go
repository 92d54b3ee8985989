package cohort

import (
	"fmt"
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
	if d := cmp.Diff(want, described(Describe(f, subject, rows, nil))); d != "" {
		t.Error(d)
	}
	// The rows of ten patients are few, however many there are.
	some := described(Describe(f, subject, rows[:20], nil))
	if slices.ContainsFunc(some, func(s string) bool { return strings.Contains(s, "level") }) {
		t.Errorf("%q", some)
	}
	// Missing values of several columns are told together once they stand for enough of each, with the fewest others until then.
	g := frame.Must(numbers60("height", 7), numbers60("age", 12), numbers60("bmi", 30), numbers60("lactate", 45))
	if d := cmp.Diff([]string{"lactate missing values : 45", "missing values not told : 49"}, described(Describe(g, nil, rows, nil))); d != "" {
		t.Error(d)
	}
	g = frame.Must(numbers60("height", 7), numbers60("age", 12))
	if got := described(Describe(g, nil, rows, nil)); len(got) != 0 {
		t.Errorf("19 missing values of two columns: %q", got)
	}
	// Two columns that differ by few are not both told.
	g = frame.Must(numbers60("first", 30), numbers60("last", 33), numbers60("bmi", 20))
	if d := cmp.Diff([]string{"last missing values : 33", "missing values not told : 50"}, described(Describe(g, nil, rows, nil))); d != "" {
		t.Error(d)
	}
	// Should they be missing in the same rows, their sum would tell how many.
	if got := described(Describe(frame.Must(numbers60("height", 7), numbers60("last_height", 7), numbers60("x", 7), numbers60("y", 7)), nil, rows, nil)); len(got) != 0 {
		t.Errorf("four times the same missing values: %q", got)
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
