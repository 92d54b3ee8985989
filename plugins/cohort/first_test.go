package cohort

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// stays has eight rows of three patients and two rows of nobody.
func stays() *frame.Frame {
	return frame.Must(
		frame.NewCategoryFromStrings("patient", strings.Fields("b a a b - c a -"), []bool{4: true, 7: true}),
		frame.NewNumber("id", []float64{2, 1, 1, 2, nan, 3, 1, nan}),
		frame.NewNumber("day", []float64{9, 30, 4, 10, 1, nan, 4, 1}),
		frame.NewCategoryFromStrings("order", strings.Fields("9 10 b 10 x x a x"), nil),
		frame.NewNumber("age", []float64{17, 40, 40, 18, 50, 60, 41, 50}),
	)
}

func TestFirstKeepsOneRowOfEachValue(t *testing.T) {
	tests := []struct {
		name    string
		filters []Filter
		want    []int
	}{
		{"in the order of the data", []Filter{{First: "patient"}}, []int{0, 1, 4, 5, 7}},
		{"of numbers", []Filter{{First: "id"}}, []int{0, 1, 4, 5, 7}},
		{"numbers are ordered as numbers", []Filter{{First: "patient", By: []string{"day", "order"}}}, []int{0, 4, 5, 6, 7}},
		{"categories are ordered by bytes", []Filter{{First: "patient", By: []string{"order"}}}, []int{1, 3, 4, 5, 7}},
		{"among the rows that are left", []Filter{{Column: "age", Min: num(18)}, {First: "patient", By: []string{"day", "order"}}}, []int{3, 4, 5, 6, 7}},
		{"before the others", []Filter{{First: "patient", By: []string{"day", "order"}}, {Column: "age", Min: num(18)}}, []int{4, 5, 6, 7}},
		{"a tie behind the first is none", []Filter{{Column: "day", Min: num(4)}, {First: "patient", By: []string{"age", "day"}}}, []int{0, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, _, err := Select(stays(), nil, tt.filters)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMissingValueComesLast(t *testing.T) {
	f := frame.Must(
		frame.NewNumber("patient", []float64{1, 1, 2, 2}),
		frame.NewNumber("day", []float64{nan, 5, nan, nan}),
		frame.NewCategoryFromStrings("unit", strings.Fields("a b - a"), []bool{2: true, 3: false}),
	)
	got, _, _, err := Select(f, nil, []Filter{{First: "patient", By: []string{"day", "unit"}}})
	if err != nil || !slices.Equal(got, []int{1, 3}) {
		t.Errorf("rows %v, error %v", got, err)
	}
}

func TestTiesAreRefusedWithTheirRows(t *testing.T) {
	_, _, _, err := Select(stays(), nil, []Filter{{Title: "first stay", First: "patient", By: []string{"day"}}})
	want := `filter 1 ("first stay"), first row of each patient by day: rows 3 and 7 share a value of "patient" ` +
		`and are equal in all columns of by (one of 1 such ties): add a column that tells them apart`
	if err == nil || err.Error() != want {
		t.Errorf("error is %v\nwant      %s", err, want)
	}
	// two rows without a value of by are tied, too
	f := frame.Must(frame.NewNumber("patient", []float64{2, 2, 1, 1}), frame.NewNumber("day", []float64{nan, nan, 3, 3}))
	_, _, _, err = Select(f, nil, []Filter{{First: "patient", By: []string{"day"}}})
	if err == nil || !strings.Contains(err.Error(), `rows 1 and 2 share a value of "patient" and are equal in all columns of by (one of 2 such ties)`) {
		t.Errorf("error is %v", err)
	}
}

// The account has every step, what it excludes, what of that lacks a value, and the subjects that are left.
func TestTheAccountOfEveryForm(t *testing.T) {
	f := stays()
	_, got, _, err := Select(f, f.Column("patient"), []Filter{
		{Title: "adults", Column: "age", Min: num(18)},
		{Any: []Condition{{Column: "day", Max: num(9)}, {Column: "age", Min: num(60)}, {Column: "id", Missing: yes(false)}}},
		{Not: &Condition{Column: "day", Missing: yes(true)}},
		{First: "patient", By: []string{"day", "order"}},
		{Any: []Condition{{Column: "id", Max: num(1)}, {Column: "age", Max: num(18)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []plugins.Count
	step := func(number, filter string, names string, values ...int) {
		for i, name := range strings.Split(names, ", ") {
			want = append(want, plugins.Count{Name: name, Dims: map[string]string{"step": number, "filter": filter}, Value: values[i]})
		}
	}
	step("0", "all rows", "left, subjects left", 8, 5)
	step("1", "adults", "excluded, left, subjects left", 1, 7, 5)
	step("2", "day ≤ 9 or age ≥ 60 or id present", "excluded, left, subjects left", 0, 7, 5)
	step("3", "not (day missing)", "excluded, excluded for a missing value, left, subjects left", 1, 1, 6, 4)
	step("4", "first row of each patient by day, order", "excluded, left, subjects left", 2, 4, 4)
	step("5", "id ≤ 1 or age ≤ 18", "excluded, excluded for a missing value, left, subjects left", 2, 2, 2, 2)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestASubjectOfOtherRowsIsRefused(t *testing.T) {
	_, _, _, err := Select(stays(), frame.NewNumber("id", []float64{1, 2}), nil)
	if err == nil || !strings.Contains(err.Error(), `subject column "id" has 2 rows, the data set has 8`) {
		t.Error(err)
	}
}

// One row of each value stays, no row of the value precedes it, and with a total order the order of the rows changes nothing.
func TestFirstProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		n := 1 + rng.IntN(60)
		patient, day, unique := make([]float64, n), make([]float64, n), make([]float64, n)
		for i, u := range rng.Perm(n) {
			patient[i], day[i], unique[i] = float64(rng.IntN(12)), float64(rng.IntN(4)), float64(u)
			if rng.IntN(6) == 0 {
				day[i] = nan
			}
		}
		f := frame.Must(frame.NewNumber("patient", patient), frame.NewNumber("day", day), frame.NewNumber("unique", unique))
		filters := []Filter{{First: "patient", By: []string{"day", "unique"}}}
		kept, _, _, err := Select(f, nil, filters)
		if err != nil {
			t.Fatal(err)
		}
		first := map[float64]int{}
		for _, row := range kept {
			if _, twice := first[patient[row]]; twice {
				t.Fatalf("rows %v: two of patient %v", kept, patient[row])
			}
			first[patient[row]] = row
		}
		for row := range n {
			k, ok := first[patient[row]]
			earlier := ok && (day[row] < day[k] || day[k] != day[k] && day[row] == day[row])
			if !ok || earlier {
				t.Fatalf("row %d of patient %v precedes the row kept, or none is kept", row, patient[row])
			}
		}
		order := rng.Perm(n)
		again, _, _, err := Select(f.Take(order), nil, filters)
		if err != nil {
			t.Fatal(err)
		}
		for i := range again {
			again[i] = order[again[i]]
		}
		slices.Sort(again)
		if !slices.Equal(kept, again) {
			t.Fatalf("in another order of rows: %v, not %v", again, kept)
		}
	}
}
