package cohort

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

var nan = math.NaN()

// patients has six rows; row 2 has no age, rows 3 and 5 no unit.
func patients() *frame.Frame {
	return frame.Must(
		frame.NewNumber("age", []float64{15, 16, nan, 89, 90, 40}),
		frame.NewCategoryFromStrings("unit",
			[]string{"MICU", "SICU", "MICU", "", "CCU", ""},
			[]bool{false, false, false, true, false, true}),
	)
}

func num(v float64) *float64 { return &v }
func yes(v bool) *bool       { return &v }

func TestSelectKeepsTheRowsThatSatisfyAllConditions(t *testing.T) {
	tests := []struct {
		name    string
		filters []Filter
		want    []int
	}{
		{"no filter", nil, []int{0, 1, 2, 3, 4, 5}},
		{"bounds are inclusive", []Filter{{Column: "age", Min: num(16), Max: num(89)}}, []int{1, 3, 5}},
		{"a missing value fails min", []Filter{{Column: "age", Min: num(-1e9)}}, []int{0, 1, 3, 4, 5}},
		{"a missing value fails max", []Filter{{Column: "age", Max: num(1e9)}}, []int{0, 1, 3, 4, 5}},
		{"levels", []Filter{{Column: "unit", In: []string{"SICU", "MICU"}}}, []int{0, 1, 2}},
		{"numbers are compared as numbers", []Filter{{Column: "age", In: []string{"16.0", "9e1"}}}, []int{1, 4}},
		{"a repeated number", []Filter{{Column: "age", In: []string{"16", "16.0"}}}, []int{1}},
		{"in and min together", []Filter{{Column: "age", In: []string{"15", "90"}, Min: num(16)}}, []int{4}},
		{"only missing", []Filter{{Column: "unit", Missing: yes(true)}}, []int{3, 5}},
		{"only missing numbers", []Filter{{Column: "age", Missing: yes(true)}}, []int{2}},
		{"only present", []Filter{{Column: "unit", Missing: yes(false)}}, []int{0, 1, 2, 4}},
		{"only present numbers", []Filter{{Column: "age", Missing: yes(false)}}, []int{0, 1, 3, 4, 5}},
		{"none of some levels", []Filter{{Column: "unit", NotIn: []string{"SICU", "CCU"}}}, []int{0, 2}},
		{"none of some numbers", []Filter{{Column: "age", NotIn: []string{"15", "9e1"}}}, []int{1, 3, 5}},
		{"in, notIn and max together", []Filter{{Column: "age", In: []string{"15", "16", "90"}, NotIn: []string{"16"}, Max: num(89)}}, []int{0}},
		{"in and notIn of levels", []Filter{{Column: "unit", In: []string{"MICU", "CCU"}, NotIn: []string{"CCU"}}}, []int{0, 2}},
		{"not keeps what is missing", []Filter{{Not: &Condition{Column: "unit", In: []string{"MICU"}}}}, []int{1, 3, 4, 5}},
		{"not of a range", []Filter{{Not: &Condition{Column: "age", Min: num(16), Max: num(89)}}}, []int{0, 2, 4}},
		{"not missing", []Filter{{Not: &Condition{Column: "age", Missing: yes(true)}}}, []int{0, 1, 3, 4, 5}},
		{"any", []Filter{{Any: []Condition{{Column: "age", Min: num(90)}, {Column: "unit", In: []string{"SICU"}}}}}, []int{1, 4}},
		{"any of which one asks for missing", []Filter{{Any: []Condition{{Column: "age", Max: num(16)}, {Column: "age", Missing: yes(true)}}}}, []int{0, 1, 2}},
		{"each condition of any holds as a whole", []Filter{{Any: []Condition{{Column: "age", Min: num(16), Max: num(40)}, {Column: "unit", NotIn: []string{"MICU"}}}}}, []int{1, 4, 5}},
		{"filters add up", []Filter{{Column: "age", Min: num(16)}, {Column: "unit", Missing: yes(false)}}, []int{1, 4}},
		{
			"a value that an earlier filter excluded still occurs",
			[]Filter{{Column: "age", Max: num(89)}, {Column: "unit", In: []string{"MICU", "CCU"}}},
			[]int{0},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, _, err := Select(patients(), nil, tt.filters)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSelectCountsAttrition(t *testing.T) {
	_, got, _, err := Select(patients(), nil, []Filter{
		{Column: "age", Min: num(16)},
		{Column: "unit", Missing: yes(false)},
		{Column: "age", Max: num(89)},
	})
	if err != nil {
		t.Fatal(err)
	}
	dims := func(step, filter string) map[string]string {
		return map[string]string{"step": step, "filter": filter}
	}
	want := []plugins.Count{
		{Name: "left", Dims: dims("0", "all rows"), Value: 6},
		{Name: "excluded", Dims: dims("1", "age ≥ 16"), Value: 2},
		{Name: "excluded for a missing value", Dims: dims("1", "age ≥ 16"), Value: 1},
		{Name: "left", Dims: dims("1", "age ≥ 16"), Value: 4},
		{Name: "excluded", Dims: dims("2", "unit present"), Value: 2},
		{Name: "excluded for a missing value", Dims: dims("2", "unit present"), Value: 2},
		{Name: "left", Dims: dims("2", "unit present"), Value: 2},
		{Name: "excluded", Dims: dims("3", "age ≤ 89"), Value: 1},
		{Name: "left", Dims: dims("3", "age ≤ 89"), Value: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSelectNamesWhatIsWrong(t *testing.T) {
	tests := []struct {
		name   string
		filter Filter
		want   string
	}{
		{"unknown column", Filter{Column: "agee", Min: num(1)}, `no column named "agee" among the 2`},
		{"no condition", Filter{Column: "age"}, `column "age" has no condition: give min, max, in, notIn or missing`},
		{"empty list", Filter{Column: "unit", In: []string{}}, "the list of in is empty"},
		{"bounds swapped", Filter{Column: "age", Min: num(2), Max: num(1)}, "min is above max"},
		{"bound that is no number", Filter{Column: "age", Min: num(nan)}, "min and max must be numbers"},
		{"bounds of a category", Filter{Column: "unit", Min: num(1)}, "min and max need a number column"},
		{"text of a number", Filter{Column: "age", In: []string{"16", "old"}}, `"old" in the list of in is none`},
		{"nan of a number", Filter{Column: "age", In: []string{"NaN"}}, `"NaN" in the list of in is none`},
		{"level that never occurs", Filter{Column: "unit", In: []string{"MICU", "MICUU"}}, `no row has the value "MICUU"`},
		{"number that never occurs", Filter{Column: "age", In: []string{"16", "17"}}, `no row has the value "17"`},
		{"nothing", Filter{Title: "adults"}, "the filter keeps every row: give a column"},
		{"a condition without a column", Filter{Min: num(1)}, "a condition names no column"},
		{"condition and any", Filter{Column: "age", Min: num(1), Any: []Condition{{Column: "age", Min: num(1)}}}, "mixes forms"},
		{"first and not", Filter{First: "unit", Not: &Condition{Column: "age", Min: num(1)}}, "mixes forms"},
		{"first and a stray bound", Filter{First: "unit", Max: num(1)}, "mixes forms"},
		{"by without first", Filter{By: []string{"age"}}, "by orders the rows of first"},
		{"by beside a condition", Filter{Column: "age", Min: num(1), By: []string{"age"}}, "by orders the rows of first"},
		{"by the column of first", Filter{First: "unit", By: []string{"age", "unit"}}, `by names "unit"`},
		{"first of an unknown column", Filter{First: "patient"}, `no column named "patient"`},
		{"first by an unknown column", Filter{First: "unit", By: []string{"day"}}, `no column named "day"`},
		{"any of nothing", Filter{Any: []Condition{}}, "the list of any is empty"},
		{"a mistake in any", Filter{Any: []Condition{{Column: "age", Min: num(1)}, {Column: "age"}}}, `condition 2 of any: column "age" has no condition`},
		{"an unknown column in any", Filter{Any: []Condition{{Column: "agee", Min: num(1)}}}, `no column named "agee"`},
		{"a mistake in not", Filter{Not: &Condition{Column: "age"}}, `column "age" has no condition`},
		{"an unknown value in not", Filter{Not: &Condition{Column: "unit", In: []string{"PICU"}}}, `no row has the value "PICU"`},
		{"empty notIn", Filter{Column: "unit", NotIn: []string{}}, "the list of notIn is empty"},
		{"level of notIn that never occurs", Filter{Column: "unit", NotIn: []string{"MICUU"}}, `"MICUU": correct it, or take it out of the list of notIn`},
		{"values of notIn of which none occurs", Filter{Column: "age", NotIn: []string{"17", "18"}}, `no row has the value "17": correct it, or take it out of the list of notIn`},
		{"a value of not notIn that never occurs", Filter{Not: &Condition{Column: "unit", NotIn: []string{"MICU", "PICU"}}}, `"PICU": correct it, or take it out of the list of notIn`},
		{"a value of in beside notIn that never occurs", Filter{Column: "unit", In: []string{"PICU"}, NotIn: []string{"MICU", "ward"}}, `"PICU": correct it, or take it out of the list of in`},
		{"text of notIn of a number", Filter{Column: "age", NotIn: []string{"old"}}, `"old" in the list of notIn is none`},
		{"missing with notIn", Filter{Column: "unit", Missing: yes(true), NotIn: []string{"MICU"}}, "use one or the other"},
		{"missing with a bound", Filter{Column: "age", Missing: yes(true), Min: num(1)}, "use one or the other"},
		{"no row left", Filter{Column: "age", Min: num(91)}, "no row is left of 4; widen"},
	}
	first := Filter{Column: "unit", Missing: yes(false)}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, counts, notes, err := Select(patients(), nil, []Filter{first, tt.filter})
			if err == nil || rows != nil || counts != nil || notes != nil {
				t.Fatalf("rows %v, counts %v, notes %q, error %v; want an error alone", rows, counts, notes, err)
			}
			if text := err.Error(); !strings.Contains(text, tt.want) || !strings.Contains(text, "filter 2"+quoted(tt.filter.Title)+", "+tt.filter.String()) {
				t.Errorf("error is %q; want the step and %q", text, tt.want)
			}
		})
	}
}

// A published list of exclusions may hold values that no row has.
func TestSelectNotesListedValuesThatLeaveNothingOut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		filter Filter
		want   []int
		note   string // "": none
	}{
		{"all occur", Filter{Column: "unit", NotIn: []string{"MICU", "CCU"}}, []int{1}, ""},
		{
			"of a category",
			Filter{Column: "unit", NotIn: []string{"MICU", "PICU"}},
			[]int{1, 4},
			`cohort: filter 1, unit not in MICU, PICU: no row has the value "PICU", so that nothing is left out for it`,
		},
		{
			"of numbers, as they are written",
			Filter{Title: "ages", Column: "age", NotIn: []string{"15", "1.70e1", "18", "18"}},
			[]int{1, 3, 4, 5},
			`cohort: filter 1 ("ages"), age not in 15, 1.70e1, 18, 18: no row has any of the values "1.70e1", "18", so that nothing is left out for it`,
		},
		{
			"in any",
			Filter{Any: []Condition{{Column: "unit", NotIn: []string{"MICU", "PICU"}}, {Column: "age", In: []string{"15"}}}},
			[]int{0, 1, 4},
			`cohort: filter 1, unit not in MICU, PICU or age = 15: no row has the value "PICU", so that nothing is left out for it`,
		},
		{
			"of in under not",
			Filter{Not: &Condition{Column: "unit", In: []string{"MICU", "PICU"}}},
			[]int{1, 3, 4, 5},
			`cohort: filter 1, not (unit in MICU, PICU): no row has the value "PICU", so that nothing is left out for it`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, _, notes, err := Select(patients(), nil, []Filter{tt.filter})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, rows); diff != "" {
				t.Error(diff)
			}
			var want []string
			if tt.note != "" {
				want = []string{tt.note}
			}
			if diff := cmp.Diff(want, notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSelectOfNoRows(t *testing.T) {
	empty := patients().Take(nil)
	if rows, _, _, err := Select(empty, nil, nil); err != nil || len(rows) != 0 {
		t.Errorf("without filters: rows %v, error %v", rows, err)
	}
	if _, _, _, err := Select(empty, nil, []Filter{{Column: "age", Min: num(1)}}); err == nil {
		t.Error("a filter over no rows leaves none, which is an error")
	}
}

func TestFilterString(t *testing.T) {
	tests := []struct {
		filter Filter
		want   string
	}{
		{Filter{Column: "age", Min: num(16)}, "age ≥ 16"},
		{Filter{Column: "age", Max: num(89.5)}, "age ≤ 89.5"},
		{Filter{Column: "age", Min: num(16), Max: num(89)}, "16 ≤ age ≤ 89"},
		{Filter{Column: "id", Max: num(2500000)}, "id ≤ 2500000"},
		{Filter{Column: "unit", In: []string{"MICU"}}, "unit = MICU"},
		{Filter{Column: "unit", In: []string{"MICU", "SICU"}}, "unit in MICU, SICU"},
		{Filter{Column: "h", In: strings.Fields("1 2 3 4 5 6")}, "h in 1, 2, 3, 4, 5, 6"},
		{Filter{Column: "h", In: strings.Fields("1 2 3 4 5 6 7")}, "h in 1, 2, 3, 4, 5 and 2 more"},
		{Filter{Column: "lactate", Missing: yes(false)}, "lactate present"},
		{Filter{Column: "lactate", Missing: yes(true)}, "lactate missing"},
		{Filter{Column: "age", Min: num(16), Missing: yes(false)}, "age ≥ 16 and age present"},
		{Filter{Column: "age"}, "age"},
		{Filter{Column: "unit", NotIn: []string{"MICU"}}, "unit ≠ MICU"},
		{Filter{Column: "unit", NotIn: []string{"MICU", "SICU"}}, "unit not in MICU, SICU"},
		{Filter{Title: "adults", Column: "age", Min: num(16)}, "age ≥ 16"},
		{Filter{First: "patient"}, "first row of each patient"},
		{Filter{First: "patient", By: []string{"year", "stay"}}, "first row of each patient by year, stay"},
		{Filter{Not: &Condition{Column: "unit", In: []string{"MICU"}}}, "not (unit = MICU)"},
		{Filter{Any: []Condition{{Column: "age", Min: num(65)}, {Column: "unit", In: []string{"MICU"}}}}, "age ≥ 65 or unit = MICU"},
		{Filter{Any: []Condition{{Column: "age", Min: num(65), Missing: yes(false)}, {Column: "unit", Missing: yes(true)}}}, "(age ≥ 65 and age present) or unit missing"},
		{Filter{Any: []Condition{{Column: "age", Min: num(65), Missing: yes(false)}}}, "age ≥ 65 and age present"},
	}
	for _, tt := range tests {
		if got := tt.filter.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// The rows kept are those of a row-by-row reading of the definition, and the counts add up.
func TestSelectProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		values := make([]float64, 1+rng.IntN(40))
		for i := range values {
			values[i] = float64(rng.IntN(8))
			if rng.IntN(5) == 0 {
				values[i] = nan
			}
		}
		f := frame.Must(frame.NewNumber("x", values))
		var filters []Filter
		for range rng.IntN(4) {
			low := float64(rng.IntN(4))
			filters = append(filters, Filter{Column: "x", Min: num(low), Max: num(low + float64(rng.IntN(6)))})
		}
		var want []int
		for row, v := range values {
			if !slices.ContainsFunc(filters, func(f Filter) bool { return !(v >= *f.Min && v <= *f.Max) }) {
				want = append(want, row)
			}
		}
		got, counts, _, err := Select(f, nil, filters)
		if len(want) == 0 {
			if err == nil {
				t.Fatalf("no error for a cohort without rows: %v", filters)
			}
			continue
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("rows %v, error %v; want %v", got, err, want)
		}
		number := map[string]int{}
		for _, c := range counts {
			number[c.Name+c.Dims["step"]] = c.Value
		}
		for step := 1; step <= len(filters); step++ {
			before, at := number["left"+strconv.Itoa(step-1)], strconv.Itoa(step)
			if number["left"+at] != before-number["excluded"+at] || number["excluded for a missing value"+at] > number["excluded"+at] {
				t.Fatalf("step %d: counts %v do not add up", step, counts)
			}
		}
		if last := number["left"+strconv.Itoa(len(filters))]; last != len(want) {
			t.Fatalf("counts end at %d rows, want %d", last, len(want))
		}
	}
}
