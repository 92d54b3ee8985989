package split

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

func TestStrataOfSeveralColumnsAreTheirCombinations(t *testing.T) {
	f := frame.Must(
		frame.NewNumber("death", []float64{1, 0, 1, 0, math.NaN(), 0, 0}),
		frame.NewCategoryFromStrings("unit", strings.Fields("B A A A A - B"), []bool{5: true, 6: false}),
	)
	s, err := stratify(f.Columns())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0, A", "0, B", "0, (missing)", "1, A", "1, B", "(missing), A"}
	if diff := cmp.Diff(want, s.names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int32{4, 0, 3, 0, 5, 2, 1}, s.of); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, false, true, false, false, true}, s.missing); diff != "" {
		t.Error(diff)
	}
	// rows 3 and 4 share a subject: the combination without a gap decides, however common
	u, err := unitsOf(f.Rows(), frame.NewNumber("id", []float64{1, 2, 3, 4, 4, 5, 6}), BySubject)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]int{{1, 3}, {5}, {4}, {2}, {0}, nil}, s.strata(u)); diff != "" {
		t.Error(diff)
	}
}

// Each part has its share of every combination, within one row, and the account names columns and values.
func TestSeveralColumnsAreKeptInEveryPart(t *testing.T) {
	f, subject := stays(source(21), 2000)
	cfg := usual
	cfg.Stratify = []string{"unit", "death"}
	a, err := Assign(f, Columns{Subject: subject}, cfg, source(3))
	if err != nil {
		t.Fatal(err)
	}
	total := map[string]int{}
	for _, c := range a.Counts {
		if c.Name == "rows by stratum" {
			if c.Dims["column"] != "unit, death" {
				t.Fatal(c)
			}
			total[c.Dims["value"]] += c.Value
		}
	}
	if len(total) != 8 {
		t.Errorf("%d strata, want 4 × 2: %v", len(total), total)
	}
	want, _ := cfg.shares()
	for _, c := range a.Counts {
		if c.Name != "rows by stratum" {
			continue
		}
		for p, part := range plugins.AllParts() {
			if d := float64(c.Value) - want[p]*float64(total[c.Dims["value"]]); c.Dims["part"] == string(part) && math.Abs(d) >= 1 {
				t.Errorf("%v: %d rows of %d", c.Dims, c.Value, total[c.Dims["value"]])
			}
		}
	}
	if len(a.Notes) == 0 || !strings.Contains(a.Notes[0], `rows have no value of "unit, death": they form strata of their own`) {
		t.Errorf("notes %q", a.Notes)
	}
}
