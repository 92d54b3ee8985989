package table

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ehrlab/ehrlab/plugins"
	"github.com/ehrlab/ehrlab/plugins/frame"
)

// measured is a table of measurements. The times are not in order, and two are equal.
const measured = `stay,time,what,value,unit,ward
20,48:00,HR,90,bpm,A
20,00:07,HR,70,bpm,A
20,00:00,sex,F,,A
10,01:30,HR,60,bpm,B
20,09:05,pH,735,,A
10,01:30,HR,64,bpm,B
10,00:00,sex,M,,B
10,-1:00,Urine,-1,mL,B
20,10:00,pH,7.4,,A
,10:00,pH,7.2,,A
20,11:00,,7.1,,A
30,11:00,HR,-1,bpm,
`

func long(with object) object {
	out := object{
		"path": "m.csv", "missing": []any{-1},
		"long":    object{"row": "stay", "variable": "what", "value": "value", "order": "time", "keep": []any{"ward"}},
		"columns": object{"value": object{"kind": "category"}},
	}
	for k, v := range with {
		if inner, ok := v.(object); ok && out[k] != nil {
			for name, value := range inner {
				out[k].(object)[name] = value
			}
		} else {
			out[k] = v
		}
	}
	return out
}

// mean is a column of means, which are no whole numbers even where all of them are.
func mean(name, unit string, values ...float64) *frame.Column {
	c := number(name, unit, values...)
	c.Integer = false
	return c
}

func TestLong(t *testing.T) {
	dir := folder(t, map[string]string{"m.csv": measured})
	ids, wards := number("stay", "", 20, 10, 30), category("ward", "A", "B", "")
	for name, test := range map[string]struct {
		with object
		want []*frame.Column
	}{
		"first and last go by time, min and max by value": {
			object{"long": object{"variables": object{"HR": []any{"first", "last", "min", "max", "mean", "sum", "count"}}}},
			[]*frame.Column{
				ids, wards, number("HR_first", "", 70, 60, missing), number("HR_last", "", 90, 64, missing),
				number("HR_min", "", 70, 60, missing), number("HR_max", "", 90, 64, missing),
				mean("HR_mean", "", 80, 62, missing), number("HR_sum", "", 160, 124, missing), number("HR_count", "", 2, 2, 0),
			},
		},
		"one statistic that stands alone has the plain name": {
			object{"long": object{"take": "last", "variables": object{"sex": "once", "Urine": "drop"}}},
			[]*frame.Column{ids, wards, number("HR", "", 90, 64, missing), number("pH", "", 7.4, missing, missing), category("sex", "F", "M", "")},
		},
		"without an order, that of the file": {
			object{"long": object{"order": "", "variables": object{"HR": "first", "pH": []any{"last"}}}},
			[]*frame.Column{ids, wards, number("HR", "", 90, 60, missing), number("pH_last", "", 7.4, missing, missing)},
		},
		"units, limits and levels of variables": {
			object{
				"long": object{"unit": "unit", "variables": object{"HR": []any{"max"}, "pH": []any{"count", "first"}, "sex": "once"}},
				"columns": object{
					"HR":  object{"unit": "Hz", "convert": object{"bpm": 0.5}},
					"pH":  object{"min": 6.5, "max": 8, "outside": "missing"},
					"sex": object{"levels": object{"F": 1, "M": 0}, "kind": "number"},
				},
			},
			[]*frame.Column{
				ids, wards, number("HR_max", "Hz", 45, 32, missing), number("pH_count", "", 1, 0, 0), number("pH_first", "", 7.4, missing, missing),
				number("sex", "", 1, 0, missing),
			},
		},
		"the unit that all values have": {
			object{"long": object{"unit": "unit", "variables": object{"HR": "mean"}}},
			[]*frame.Column{ids, wards, mean("HR", "bpm", 80, 62, missing)},
		},
		"variables by another name (counts that are constant are dropped)": {
			object{
				"long":    object{"keep": []any{}, "row": "ward", "take": "count"},
				"columns": object{"what": object{"levels": object{"HR": "pulse", "pH": "acid", "sex": "pulse", "Urine": "urine"}}},
			},
			[]*frame.Column{category("ward", "A", "B"), number("acid", "", 3, 0)},
		},
		"columns of the file": {
			object{
				"long":    object{"variables": object{"HR": "mean"}},
				"columns": object{"ward": object{"levels": object{"A": "medical", "B": "surgical"}}, "stay": object{"kind": "category"}},
			},
			[]*frame.Column{category("stay", "20", "10", "30"), category("ward", "medical", "surgical", ""), mean("HR", "", 80, 62, missing)},
		},
	} {
		t.Run(name, func(t *testing.T) { same(t, read(t, at(dir, long(test.with))).Frame, test.want...) })
	}
}

// Dates are kept, and told first from last by.
func TestDatesOfMeasurements(t *testing.T) {
	dir := folder(t, map[string]string{"m.csv": "stay,born,at,what,value\n" +
		"1,1940-01-01,2/1/2000,K,4\n1,,1/2/2000,K,3\n2,1950-01-02,1/1/2000 10:00,K,5\n2,1950-01-02,1/1/2000 9:00,K,6\n"})
	same(t, read(t, at(dir, object{
		"path": "m.csv", "long": object{"row": "stay", "variable": "what", "value": "value", "order": "at", "keep": []any{"born"}, "take": "first"},
		"columns": object{"born": object{"date": object{"in": "years"}}, "at": object{"date": object{"format": "us"}}},
	})).Frame,
		number("stay", "", 1, 2), number("born", "years since 1970-01-01", -10958/365.25, -7304/365.25), number("K", "", 3, 6))
}

func TestLongAccounts(t *testing.T) {
	dir := folder(t, map[string]string{"m.csv": measured})
	data := read(t, at(dir, long(object{
		"long": object{"take": "first"}, "columns": object{"HR": object{"group": "vitals"}},
	})))
	want := []plugins.Count{
		{Name: "rows read", Value: 12},
		{Name: "columns in the file", Value: 6},
		{Name: "columns dropped: declared", Value: 1},
		{Name: "rows made of measurements", Value: 3},
		{Name: "measurements left out: of no row", Value: 1},
		{Name: "measurements left out: of no variable", Value: 1},
		{Name: "columns dropped: constant", Value: 0},
		{Name: "columns dropped: no value", Value: 1},
		{Name: "columns kept", Value: 5},
		{Name: "missing cells", Value: 5},
	}
	if diff := cmp.Diff(want, data.Counts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"dropped 1 column: Urine (no value)"}, data.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestBadMeasurements(t *testing.T) {
	rows := func(lines ...string) string {
		return "stay,time,what,value,unit,ward\n" + strings.Join(lines, "\n") + "\n"
	}
	for name, test := range map[string]struct {
		file string
		with object
		want string
	}{
		"two values where there is one": {
			rows("1,00:00,sex,F,,A", "2,00:00,sex,F,,A", "1,00:01,sex,M,,A"),
			object{"long": object{"take": "once"}},
			`m.csv: column "sex": row 3: differs from an earlier value of the same row, where there is to be one; take first or last of it, say`,
		},
		"kept column with two values": {
			rows("1,00:00,HR,1,,A", "1,00:00,HR,1,,B"),
			object{"long": object{"take": "mean"}},
			`m.csv: column "ward": row 2: differs from row 1 of the same "stay"; a column in "long.keep" has one value for each`,
		},
		"texts have no mean": {
			rows("1,00:00,sex,F,,A"),
			object{"long": object{"take": "mean"}},
			`m.csv: column "sex": row 1: a text, of which there is no mean; take first, last, once or count of it`,
		},
		"a text in a declared number": {
			rows("1,00:00,HR,80,,A", "1,00:00,HR,high,,A"),
			object{"long": object{"take": "mean"}, "columns": object{"HR": object{"min": 0}}},
			`m.csv: column "HR": row 2: a text where a number is wanted; declare it a missing code, or correct it`,
		},
		"time that is none": {
			rows("1,00:00,HR,80,,A", "1,noon,HR,81,,A"),
			object{"long": object{"take": "first"}},
			`m.csv: column "time": row 2: neither a number, nor a time such as 36:15, nor a date such as 2006-01-31 10:00; declare its date.format`,
		},
		"times and dates": {
			rows("1,00:00,HR,80,,A", "1,2006-01-02,HR,81,,A"),
			object{"long": object{"take": "first"}},
			`m.csv: column "time": holds times and dates; want one of them`,
		},
		"no time": {
			rows("1,00:00,HR,80,,A", "1,,HR,81,,A"),
			object{"long": object{"take": "first"}},
			`m.csv: column "HR": row 2: a value without a place in the order, of which first and last cannot be told`,
		},
		"units that disagree": {
			rows("1,00:00,HR,80,bpm,A", "2,00:00,HR,1,Hz,A"),
			object{"long": object{"take": "first", "unit": "unit"}},
			`m.csv: column "HR": row 2: a unit that differs from that of row 1; declare "columns.HR.unit" and "columns.HR.convert"`,
		},
		"another unit": {
			rows("1,00:00,HR,80,bpm,A", "2,00:00,HR,1,Hz,A"),
			object{"long": object{"take": "first", "unit": "unit"}, "columns": object{"HR": object{"unit": "bpm"}}},
			`m.csv: column "HR": row 2: a unit other than "bpm" that is not in "columns.HR.convert"`,
		},
		"outside its limits": {
			rows("1,00:00,pH,7.4,,A", "2,00:00,pH,735,,A"),
			object{"long": object{"take": "first"}, "columns": object{"pH": object{"max": 8}}},
			`m.csv: column "pH": row 2: a value outside (-∞, 8]; correct it, or set outside to "missing"`,
		},
		"the name of the row": {
			rows("1,00:00,stay,1,,A"),
			object{"long": object{"take": "first"}},
			`m.csv: variable "stay" makes a column "stay", which there is already; take statistics of it in a list, or say "drop" in "long.variables.stay"`,
		},
		"no such variable": {
			rows("1,00:00,HR,1,,A"),
			object{"long": object{"variables": object{"RH": "first"}}},
			`m.csv: column "what": no variable named "RH", as "long.variables" has it`,
		},
		"no such column": {
			rows("1,00:00,HR,1,,A"),
			object{"long": object{"take": "first", "variable": "which"}},
			`m.csv:1: no column named "which"`,
		},
		"settings of nothing": {
			rows("1,00:00,HR,1,,A"),
			object{"long": object{"take": "first"}, "columns": object{"RH": object{"unit": "bpm"}}},
			`m.csv: "columns.RH" names neither a column of the file nor a variable in column "what"`,
		},
		"a sum beyond all numbers": {
			rows("1,00:00,HR,1e308,,A", "1,00:00,HR,1e308,,A"),
			object{"long": object{"take": "sum"}},
			`m.csv: column "HR": row 2: a value that is too large for a sum`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			fails(t, at(folder(t, map[string]string{"m.csv": test.file}), long(test.with)), test.want)
		})
	}
	var many strings.Builder
	many.WriteString("stay,what,value\n")
	for i := range 20000 {
		fmt.Fprintf(&many, "1,%d,1\n", i)
	}
	fails(t, at(folder(t, map[string]string{"m.csv": many.String()}), object{"path": "m.csv", "long": object{"row": "stay", "variable": "what", "value": "value", "take": "first"}}),
		`m.csv: column "what": names so many variables that there are more than 16384 columns; is it the column of their names?`)
}

// The header of a long file knows the variables that settings name; there may be others.
func TestHeaderOfManyMeasurements(t *testing.T) {
	var b strings.Builder
	b.WriteString("stay,what,value\n")
	for i := range longRows {
		fmt.Fprintf(&b, "%d,HR,%d\n", i/50, i%7)
	}
	b.WriteString("1,pH,7\n2,K,4\n3,pH,7.5\n")
	dir := folder(t, map[string]string{"m.csv": b.String()})
	settings := func(long object) object {
		long["row"], long["variable"], long["value"] = "stay", "what", "value"
		return at(dir, object{"path": "m.csv", "long": long})
	}
	d, _ := build(t, settings(object{"take": "mean", "variables": object{"pH": []any{"first"}}}))
	h, err := d.Header(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range h.Columns {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"stay", "HR", "pH_first"}, names); diff != "" {
		t.Error(diff)
	}
	if h.Notes != nil { // they are shown with results, whose columns are those of all rows
		t.Error(h.Notes)
	}
	data, err := d.Read(t.Context(), env)
	if err != nil || !cmp.Equal(data.Frame.Names(), []string{"stay", "HR", "K", "pH_first"}) {
		t.Errorf("got %v, %v", data.Frame.Names(), err)
	}
	d, _ = build(t, settings(object{"variables": object{"HR": "mean"}}))
	if h, err := d.Header(t.Context(), env); err != nil || h.Notes != nil {
		t.Errorf("got %v, %v", h, err)
	}
}

// Statistics agree with plain loops over random measurements, and do not depend on the order of the rows of a file.
func TestStatisticsOfRandomMeasurements(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		type entry struct {
			row, variable string
			at, value     int
		}
		var entries []entry
		for _, at := range rng.Perm(200) { // times differ, so that first and last are certain
			entries = append(entries, entry{fmt.Sprint("r", rng.IntN(5)), fmt.Sprint("v", rng.IntN(3)), at, rng.IntN(100)})
		}
		want := map[string]float64{} // by row, variable and statistic
		earliest, latest := map[string]int{}, map[string]int{}
		var b strings.Builder
		b.WriteString("id,var,val,at\n")
		for _, e := range entries {
			fmt.Fprintf(&b, "%s,%s,%d,%d\n", e.row, e.variable, e.value, e.at)
			k, v := e.row+e.variable, float64(e.value)
			if n := want[k+"_count"]; n == 0 {
				want[k+"_min"], want[k+"_max"], earliest[k], latest[k] = v, v, math.MaxInt, -1
			}
			want[k+"_count"]++
			want[k+"_sum"] += v
			want[k+"_min"], want[k+"_max"] = min(want[k+"_min"], v), max(want[k+"_max"], v)
			want[k+"_mean"] = want[k+"_sum"] / want[k+"_count"]
			if e.at < earliest[k] {
				earliest[k], want[k+"_first"] = e.at, v
			}
			if e.at > latest[k] {
				latest[k], want[k+"_last"] = e.at, v
			}
		}
		stats := []any{"first", "last", "min", "max", "mean", "sum", "count"}
		data := read(t, at(folder(t, map[string]string{"m.csv": b.String()}), object{
			"path": "m.csv", "long": object{"row": "id", "variable": "var", "value": "val", "order": "at", "take": stats},
		}))
		id := data.Frame.Column("id")
		for _, c := range data.Frame.Columns()[1:] {
			for row, got := range c.Numbers {
				k := id.Levels[id.Codes[row]] + c.Name
				if w, known := want[k]; known && got != w || !known && !math.IsNaN(got) && got != 0 {
					t.Fatalf("%s: got %v, want %v", k, got, w)
				}
			}
		}
	}
}
