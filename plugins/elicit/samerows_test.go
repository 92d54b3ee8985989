package elicit

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// Subsets of features that lack other rows show the same patients, as far as both have them.
func TestExamplesDoNotDependOnFeatures(t *testing.T) {
	whole := people()
	n := whole.Rows()
	target := whole.Column("death")
	without := func(lacks func(row int) bool) (rows []int) {
		for row := range n {
			if !lacks(row) {
				rows = append(rows, row)
			}
		}
		return rows
	}
	a := without(func(row int) bool { return row%10 == 3 })
	b := without(func(row int) bool { return row%7 == 1 || row%50 == 0 })
	for _, fresh := range []bool{false, true} {
		for _, choice := range []string{Random, Stratified} {
			c := Defaults("", "{{schema}}")
			c.Examples, c.ExampleChoice, c.FreshExamples = 40, choice, fresh
			shown := func(rows []int) []int {
				env := testEnv(1)
				drawn := newChooser(&c, env.Rand, target, rows).of("", "0")
				if len(drawn) != 40 {
					t.Fatalf("%s: %d examples", choice, len(drawn))
				}
				if rows == nil {
					return drawn
				}
				out := make([]int, len(drawn))
				for i, at := range drawn {
					out[i] = rows[at]
				}
				return out
			}
			all, inA, inB := shown(nil), shown(a), shown(b)
			for name, of := range map[string]struct{ rows, shown []int }{"a": {a, inA}, "b": {b, inB}} {
				for _, row := range all {
					if _, there := slices.BinarySearch(of.rows, row); there && !slices.Contains(of.shown, row) {
						t.Errorf("%s, fresh %v: row %d of train is shown, and not to %s, which has it", choice, fresh, row, name)
					}
				}
				if slices.Sort(of.shown); len(slices.Compact(of.shown)) != 40 {
					t.Errorf("%s: a row is shown twice to %s", choice, name)
				}
			}
		}
	}
}

// A label of which the subset has too few rows gives its share to the others.
func TestStratifiedExamplesOfFewRows(t *testing.T) {
	whole := people() // 54 deaths of 200
	var rows []int
	deaths := 0
	for row := range whole.Rows() {
		if death := whole.Column("death").Numbers[row] == 1; !death || deaths < 3 {
			rows = append(rows, row)
			if death {
				deaths++
			}
		}
	}
	c := Defaults("", "{{schema}}")
	c.Examples, c.ExampleChoice = 40, Stratified
	shown := newChooser(&c, testEnv(1).Rand, whole.Column("death"), rows).of("", "0")
	got := 0
	for _, at := range shown {
		got += int(whole.Column("death").Numbers[rows[at]])
	}
	if len(shown) != 40 || got != 3 {
		t.Errorf("%d examples, %d of them deaths; want 40 and 3", len(shown), got)
	}
}

func TestRowsOfTrainAreChecked(t *testing.T) {
	train := people()
	st, err := New(Defaults("", "{{schema}}"), Design{})
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range []struct {
		rows   []int
		labels *frame.Column
	}{{[]int{1, 2}, train.Column("death")}, {make([]int, train.Rows()), nil}} {
		_, err := st.newSetup(testEnv(1), plugins.Task{
			Parts:  plugins.NewParts(map[plugins.Part]plugins.Sample{plugins.Train: {Frame: train}}),
			Target: "death", N: 1, Rows: k.rows, Labels: k.labels,
		})
		want := []string{"train has 200 rows, told to be 2 of 200", "train has 200 rows, told to be 200 of 0"}[i]
		if fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
