package frame

import (
	"strings"
	"testing"
)

// TestCodesAreNoNumbers: what would collapse as a number is a category, unless it is declared a number.
func TestCodesAreNoNumbers(t *testing.T) {
	for _, c := range []struct {
		values  string
		kind    Kind
		differ  int
		declare Kind
	}{
		{"007,7,045,45", Category, 4, ""},
		{"0,00,0,00", Category, 2, ""},
		{"9007199254740992,9007199254740993,9007199254740994,9007199254740995", Category, 4, ""},
		{"0,1,0.5,-0.25", Number, 4, ""},
		{"10,20,100,0", Number, 4, ""},
		{"01,02,03,04", Number, 4, Number},
		{"1e22,2e22,3e22,4e22", Number, 4, ""},
	} {
		text := "x\n" + strings.ReplaceAll(c.values, ",", "\n") + "\n"
		opts := ReadOptions{File: "t.csv"}
		if c.declare != "" {
			opts.Columns = map[string]ColumnOptions{"x": {Kind: c.declare}}
		}
		table, err := ReadCSV(strings.NewReader(text), opts)
		if err != nil {
			t.Errorf("%s: %v", c.values, err)
			continue
		}
		x := table.Frame.Column("x")
		values := map[any]bool{}
		for i := range x.Len() {
			if x.Kind == Number {
				values[x.Numbers[i]] = true
			} else {
				values[x.Codes[i]] = true
			}
		}
		if x.Kind != c.kind || len(values) != c.differ {
			t.Errorf("%s: a %s of %d values, want a %s of %d", c.values, x.Kind, len(values), c.kind, c.differ)
		}
	}
}
