package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/cohort"
	"github.com/ehrlab/ehrlab/runner/record"
)

// Beside the missing values of all rows, those of the cohort tell of no few rows.
func TestWithoutLeftOut(t *testing.T) {
	type columns map[string][2]int // missing values before and after; -1: not told
	tests := []struct {
		name     string
		left     []int
		columns  columns
		together int
		want     []string
	}{
		{"no row is left out, and one column alone is not told before", []int{100}, columns{"a": {-1, -1}, "b": {12, -1}, "c": {30, 30}}, 19, []string{"c 30", "together 19", "level of a"}},
		{"two are not told before", []int{100}, columns{"a": {-1, -1}, "b": {-1, -1}, "c": {30, 30}}, 14, []string{"c 30", "together 14", "level of a"}},
		{"of those left out few have no value", []int{100, 80}, columns{"a": {30, 25}, "b": {40, 20}}, -1, []string{"b 20"}},
		{"two columns of these are told together", []int{100, 80}, columns{"a": {30, 25}, "b": {40, 31}, "c": {50, 20}}, -1, []string{"c 20", "together 56"}},
		{"and with those that are not told anyway", []int{100, 80}, columns{"a": {30, 25}, "b": {-1, -1}, "c": {-1, -1}}, 15, []string{"together 40"}},
	}
	for _, tt := range tests {
		data := &record.DataInfo{Name: "d"}
		var counts []record.Count
		add := func(name, column string, value int) {
			counts = append(counts, record.Count{Dataset: "d", Stage: "cohort", Count: plugins.Count{Name: name, Value: value, Dims: map[string]string{"column": column}}})
		}
		for _, n := range tt.left {
			add("left", "", n)
		}
		for _, name := range []string{"a", "b", "c"} {
			n, known := tt.columns[name]
			if !known {
				continue
			}
			info := record.ColumnInfo{Name: name}
			if n[0] >= 0 {
				info.Missing = &n[0]
			}
			data.Columns = append(data.Columns, info)
			if n[1] >= 0 {
				add(cohort.CountMissing, name, n[1])
			}
		}
		if tt.together >= 0 {
			add(cohort.CountMissingTogether, "", tt.together)
		}
		level := plugins.Count{Name: cohort.CountLevel, Value: 40, Dims: map[string]string{"column": "a", "level": "1"}}
		counts = append(counts, record.Count{Dataset: "d", Stage: "cohort", Count: level})
		counts = append(counts, record.Count{Dataset: "d", Stage: "dataset", Count: plugins.Count{Name: "deaths", Value: 50}})
		var got []string
		deaths := false
		for _, c := range withoutLeftOut(slices.Clone(counts), data) {
			switch c.Name {
			case cohort.CountMissing:
				got = append(got, fmt.Sprint(c.Dims["column"], " ", c.Value))
			case cohort.CountMissingTogether:
				got = append(got, fmt.Sprint("together ", c.Value))
			case cohort.CountLevel:
				got = append(got, "level of "+c.Dims["column"])
			case "deaths":
				deaths = true
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		for _, c := range data.Columns { // what is withheld of the cohort is withheld of all rows
			if told := c.Missing != nil; told && tt.columns[c.Name][1] < 0 {
				t.Errorf("%s: the missing values of %s are told of all rows, and not of the cohort", tt.name, c.Name)
			}
		}
		if deaths != (len(tt.left) == 1) {
			t.Errorf("%s: deaths among all rows are told: %v", tt.name, deaths)
		}
	}
}

// However many rows of few patients the cohort leaves out, how many of these lack a value does not follow.
func TestWithoutLeftOutOfFewPatients(t *testing.T) {
	for patients, want := range map[int]bool{185: false, 150: true} { // of 187
		missing := 58
		data := &record.DataInfo{Name: "d", Columns: []record.ColumnInfo{{Name: "lab", Missing: &missing}}}
		var counts []record.Count
		for _, c := range []plugins.Count{
			{Name: "left", Value: 400},
			{Name: "subjects left", Value: 187},
			{Name: "left", Value: 370},
			{Name: "subjects left", Value: patients},
			{Name: cohort.CountMissing, Value: 41, Dims: map[string]string{"column": "lab"}},
		} {
			counts = append(counts, record.Count{Dataset: "d", Stage: "cohort", Count: c})
		}
		told := slices.ContainsFunc(withoutLeftOut(counts, data), func(c record.Count) bool { return c.Name == cohort.CountMissing })
		if told != want {
			t.Errorf("of %d patients left out, the 41 beside 58 missing values are told: %v", 187-patients, told)
		}
	}
}
